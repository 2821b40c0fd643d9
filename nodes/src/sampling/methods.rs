//! Samplers with their options.

use super::{count, sampler_names};
use models::Model;
use models::sampling::patches::Scaling;
use models::sampling::samplers::{Adams, Controller, Correction, Growth, Interval, NoiseScale};
use models::sampling::{Method, ModelSampling, Options};
use runtime::{Choice, Context, Node, NodeError, Registry, Run, registry};

/// Every node of this file.
pub(super) fn nodes() -> Registry {
    registry![
        KSamplerSelect,
        SamplerEulerAncestral,
        SamplerEulerAncestralCFGPP,
        SamplerEulerCFGpp,
        SamplerLMS,
        SamplerDPMPP_3M_SDE,
        SamplerDPMPP_2M_SDE,
        SamplerDPMPP_SDE,
        SamplerDPMPP_2S_Ancestral,
        SamplerDPMAdaptative,
        SamplerER_SDE,
        SamplerSASolver,
        SamplerLCMUpscale,
    ]
}

/// A sampler whose options are changed.
fn method(name: &str, change: impl FnOnce(&mut Options)) -> Result<Method, NodeError> {
    let mut method = Method::named(name)?;
    change(&mut method.options);
    Ok(method)
}

/// Chooses a sampler with its usual options.
#[derive(Node)]
#[node(category = "sampling/custom_sampling/samplers", outputs(SAMPLER = "The sampler."))]
struct KSamplerSelect {
    /// The method that removes the noise. It decides on look, quality and time for each step.
    #[input(options = sampler_names())]
    sampler_name: String,
}

impl Run for KSamplerSelect {
    type Output = Method;

    fn run(self, _: &Context) -> Result<Method, NodeError> {
        Ok(Method::named(&self.sampler_name)?)
    }
}

/// Euler's method with fresh noise at each step.
#[derive(Node)]
#[node(category = "sampling/custom_sampling/samplers", outputs(SAMPLER = "The sampler."))]
struct SamplerEulerAncestral {
    /// How much of the noise is drawn afresh: 0 none.
    #[input(default = 1.0, min = 0.0, max = 100.0, step = 0.01)]
    eta: f64,
    /// Multiplies the noise that is drawn.
    #[input(default = 1.0, min = 0.0, max = 100.0, step = 0.01)]
    s_noise: f64,
}

impl Run for SamplerEulerAncestral {
    type Output = Method;

    fn run(self, _: &Context) -> Result<Method, NodeError> {
        method("euler_ancestral", |it| (it.eta, it.s_noise) = (self.eta as f32, self.s_noise as f32))
    }
}

/// Euler's method with fresh noise at each step, guided as CFG++ does it. It wants low guidance scales, around 1.
#[derive(Node)]
#[node(display = "SamplerEulerAncestralCFG++", category = "sampling/custom_sampling/samplers", outputs(SAMPLER = "The sampler."))]
struct SamplerEulerAncestralCFGPP {
    /// How much of the noise is drawn afresh: 0 none.
    #[input(default = 1.0, min = 0.0, max = 1.0, step = 0.01)]
    eta: f64,
    /// Multiplies the noise that is drawn.
    #[input(default = 1.0, min = 0.0, max = 10.0, step = 0.01)]
    s_noise: f64,
}

impl Run for SamplerEulerAncestralCFGPP {
    type Output = Method;

    fn run(self, _: &Context) -> Result<Method, NodeError> {
        method("euler_ancestral_cfg_pp", |it| (it.eta, it.s_noise) = (self.eta as f32, self.s_noise as f32))
    }
}

/// Which form of CFG++.
#[derive(Choice, Clone, Copy, Debug)]
enum Version {
    Regular,
    Alternative,
}

/// Euler's method, guided as CFG++ does it. It wants low guidance scales, around 1.
#[derive(Node)]
#[node(display = "SamplerEulerCFG++", category = "_for_testing", experimental, outputs(SAMPLER = "The sampler."))]
struct SamplerEulerCFGpp {
    /// `alternative` follows the guided belief's own direction and corrects it by what guidance adds.
    version: Version,
}

impl Run for SamplerEulerCFGpp {
    type Output = Method;

    fn run(self, _: &Context) -> Result<Method, NodeError> {
        Ok(match self.version {
            Version::Regular => Method::named("euler_cfg_pp")?,
            Version::Alternative => Method::EULER_CFG_PP_ALTERNATIVE,
        })
    }
}

/// Linear multistep: the direction of each step is drawn from those of the last ones.
#[derive(Node)]
#[node(category = "sampling/custom_sampling/samplers", outputs(SAMPLER = "The sampler."))]
struct SamplerLMS {
    /// From how many of them.
    #[input(default = 4, min = 1, max = 100)]
    order: u64,
}

impl Run for SamplerLMS {
    type Output = Method;

    fn run(self, _: &Context) -> Result<Method, NodeError> {
        method("lms", |it| it.order = count(self.order))
    }
}

/// Where noise is drawn.
#[derive(Choice, Clone, Copy, Debug)]
enum NoiseDevice {
    Gpu,
    Cpu,
}

/// DPM-Solver++ with fresh noise, from the last three beliefs.
#[derive(Node)]
#[node(category = "sampling/custom_sampling/samplers", outputs(SAMPLER = "The sampler."))]
#[expect(non_camel_case_types, reason = "the class name of workflow files")]
struct SamplerDPMPP_3M_SDE {
    /// How much of the noise is drawn afresh: 0 none.
    #[input(default = 1.0, min = 0.0, max = 100.0, step = 0.01)]
    eta: f64,
    /// Multiplies the noise that is drawn.
    #[input(default = 1.0, min = 0.0, max = 100.0, step = 0.01)]
    s_noise: f64,
    /// Kept for workflows: noise is always drawn on the CPU, so that a seed means one picture on every device.
    noise_device: NoiseDevice,
}

impl Run for SamplerDPMPP_3M_SDE {
    type Output = Method;

    fn run(self, _: &Context) -> Result<Method, NodeError> {
        let name = match self.noise_device {
            NoiseDevice::Cpu => "dpmpp_3m_sde",
            NoiseDevice::Gpu => "dpmpp_3m_sde_gpu",
        };
        method(name, |it| (it.eta, it.s_noise) = (self.eta as f32, self.s_noise as f32))
    }
}

/// How the last belief is used.
#[derive(Choice, Clone, Copy, Debug)]
enum SolverType {
    Midpoint,
    Heun,
}

/// DPM-Solver++ with fresh noise, from the last two beliefs.
#[derive(Node)]
#[node(category = "sampling/custom_sampling/samplers", outputs(SAMPLER = "The sampler."))]
#[expect(non_camel_case_types, reason = "the class name of workflow files")]
struct SamplerDPMPP_2M_SDE {
    /// How the last belief is used.
    solver_type: SolverType,
    /// How much of the noise is drawn afresh: 0 none.
    #[input(default = 1.0, min = 0.0, max = 100.0, step = 0.01)]
    eta: f64,
    /// Multiplies the noise that is drawn.
    #[input(default = 1.0, min = 0.0, max = 100.0, step = 0.01)]
    s_noise: f64,
    /// Kept for workflows: noise is always drawn on the CPU, so that a seed means one picture on every device.
    noise_device: NoiseDevice,
}

impl Run for SamplerDPMPP_2M_SDE {
    type Output = Method;

    fn run(self, _: &Context) -> Result<Method, NodeError> {
        let name = match self.noise_device {
            NoiseDevice::Cpu => "dpmpp_2m_sde",
            NoiseDevice::Gpu => "dpmpp_2m_sde_gpu",
        };
        method(name, |it| {
            (it.eta, it.s_noise) = (self.eta as f32, self.s_noise as f32);
            it.correction = match self.solver_type {
                SolverType::Midpoint => Correction::Midpoint,
                SolverType::Heun => Correction::Heun,
            };
        })
    }
}

/// DPM-Solver++ with fresh noise, which asks the model twice a step.
#[derive(Node)]
#[node(category = "sampling/custom_sampling/samplers", outputs(SAMPLER = "The sampler."))]
#[expect(non_camel_case_types, reason = "the class name of workflow files")]
struct SamplerDPMPP_SDE {
    /// How much of the noise is drawn afresh: 0 none.
    #[input(default = 1.0, min = 0.0, max = 100.0, step = 0.01)]
    eta: f64,
    /// Multiplies the noise that is drawn.
    #[input(default = 1.0, min = 0.0, max = 100.0, step = 0.01)]
    s_noise: f64,
    /// After which part of a step the model is asked again.
    #[input(default = 0.5, min = 0.0, max = 100.0, step = 0.01)]
    r: f64,
    /// Kept for workflows: noise is always drawn on the CPU, so that a seed means one picture on every device.
    noise_device: NoiseDevice,
}

impl Run for SamplerDPMPP_SDE {
    type Output = Method;

    fn run(self, _: &Context) -> Result<Method, NodeError> {
        if self.r <= 0.0 {
            return Err(NodeError::input("r", "the model cannot be asked again at the start of a step").hint("0.5 is usual"));
        }
        let name = match self.noise_device {
            NoiseDevice::Cpu => "dpmpp_sde",
            NoiseDevice::Gpu => "dpmpp_sde_gpu",
        };
        method(name, |it| {
            (it.eta, it.s_noise) = (self.eta as f32, self.s_noise as f32);
            it.stages[0] = self.r as f32;
        })
    }
}

/// DPM-Solver++ in two stages, with fresh noise after each step.
#[derive(Node)]
#[node(category = "sampling/custom_sampling/samplers", outputs(SAMPLER = "The sampler."))]
#[expect(non_camel_case_types, reason = "the class name of workflow files")]
struct SamplerDPMPP_2S_Ancestral {
    /// How much of the noise is drawn afresh: 0 none.
    #[input(default = 1.0, min = 0.0, max = 100.0, step = 0.01)]
    eta: f64,
    /// Multiplies the noise that is drawn.
    #[input(default = 1.0, min = 0.0, max = 100.0, step = 0.01)]
    s_noise: f64,
}

impl Run for SamplerDPMPP_2S_Ancestral {
    type Output = Method;

    fn run(self, _: &Context) -> Result<Method, NodeError> {
        method("dpmpp_2s_ancestral", |it| (it.eta, it.s_noise) = (self.eta as f32, self.s_noise as f32))
    }
}

/// DPM-Solver with steps as long as a tolerance allows: it uses the first and last noise level only.
#[derive(Node)]
#[node(category = "sampling/custom_sampling/samplers", outputs(SAMPLER = "The sampler."))]
struct SamplerDPMAdaptative {
    /// The order of its steps, and how often each asks the model.
    #[input(default = 3, min = 2, max = 3)]
    order: u64,
    /// How much its two estimates may differ, relative to the latent.
    #[input(default = 0.05, min = 0.0, max = 100.0, step = 0.01)]
    rtol: f64,
    /// How much they may always differ.
    #[input(default = 0.0078, min = 0.0, max = 100.0, step = 0.01)]
    atol: f64,
    /// The first step, in logarithms of noise levels.
    #[input(default = 0.05, min = 0.0, max = 100.0, step = 0.01)]
    h_init: f64,
    /// How strongly the length of a step follows the last error.
    #[input(default = 0.0, min = 0.0, max = 100.0, step = 0.01)]
    pcoeff: f64,
    /// How strongly it follows the error so far.
    #[input(default = 1.0, min = 0.0, max = 100.0, step = 0.01)]
    icoeff: f64,
    /// How strongly it follows the change of the error.
    #[input(default = 0.0, min = 0.0, max = 100.0, step = 0.01)]
    dcoeff: f64,
    /// A step counts when it need not be shortened by more than this factor.
    #[input(default = 0.81, min = 0.0, max = 100.0, step = 0.01)]
    accept_safety: f64,
    /// How much of the noise is drawn afresh: 0 none.
    #[input(default = 0.0, min = 0.0, max = 100.0, step = 0.01)]
    eta: f64,
    /// Multiplies the noise that is drawn.
    #[input(default = 1.0, min = 0.0, max = 100.0, step = 0.01)]
    s_noise: f64,
}

impl Run for SamplerDPMAdaptative {
    type Output = Method;

    fn run(self, _: &Context) -> Result<Method, NodeError> {
        method("dpm_adaptive", |it| {
            it.order = count(self.order);
            (it.eta, it.s_noise) = (self.eta as f32, self.s_noise as f32);
            it.controller = Controller {
                relative: self.rtol as f32,
                absolute: self.atol as f32,
                first: self.h_init,
                proportional: self.pcoeff,
                integral: self.icoeff,
                derivative: self.dcoeff,
                safety: self.accept_safety,
            };
        })
    }
}

/// Which equation is solved.
#[derive(Choice, Clone, Copy, Debug)]
enum Equation {
    #[choice("ER-SDE")]
    Extended,
    #[choice("Reverse-time SDE")]
    ReverseTime,
    #[choice("ODE")]
    Ordinary,
}

/// ER-SDE-Solver: fresh noise as the equation of choice wants it.
#[derive(Node)]
#[node(category = "sampling/custom_sampling/samplers", outputs(SAMPLER = "The sampler."))]
#[expect(non_camel_case_types, reason = "the class name of workflow files")]
struct SamplerER_SDE {
    /// Which equation is solved: the extended one, the usual one of diffusion, or the one without noise.
    solver_type: Equation,
    /// From how many beliefs each step is drawn.
    #[input(default = 3, min = 1, max = 3)]
    max_stage: u64,
    /// How much noise the reverse-time equation has: 0 none. The others do not ask.
    #[input(default = 1.0, min = 0.0, max = 100.0, step = 0.01)]
    eta: f64,
    /// Multiplies the noise that is drawn.
    #[input(default = 1.0, min = 0.0, max = 100.0, step = 0.01)]
    s_noise: f64,
}

impl Run for SamplerER_SDE {
    type Output = Method;

    fn run(self, _: &Context) -> Result<Method, NodeError> {
        let eta = self.eta as f32;
        let (scale, s_noise) = match self.solver_type {
            Equation::Extended => (NoiseScale::Recommended, self.s_noise as f32),
            Equation::ReverseTime if eta > 0.0 => (NoiseScale::ReverseTime { eta }, self.s_noise as f32),
            Equation::ReverseTime | Equation::Ordinary => (NoiseScale::ReverseTime { eta: 0.0 }, 0.0),
        };
        method("er_sde", |it| (it.scale, it.s_noise, it.order) = (scale, s_noise, count(self.max_stage)))
    }
}

/// SA-Solver: predicts each step from the last ones, and corrects it by what the model says of it.
#[derive(Node)]
#[node(category = "sampling/custom_sampling/samplers", outputs(SAMPLER = "The sampler."))]
struct SamplerSASolver {
    /// The network whose noise levels the part with fresh noise is measured in.
    model: Model,
    /// How much of the noise is drawn afresh: 0 none.
    #[input(default = 1.0, min = 0.0, max = 10.0, step = 0.01)]
    eta: f64,
    /// The part of the way from which fresh noise is drawn ...
    #[input(default = 0.2, min = 0.0, max = 1.0, step = 0.001)]
    sde_start_percent: f64,
    /// ... and to which.
    #[input(default = 0.8, min = 0.0, max = 1.0, step = 0.001)]
    sde_end_percent: f64,
    /// Multiplies the noise that is drawn.
    #[input(default = 1.0, min = 0.0, max = 100.0, step = 0.01)]
    s_noise: f64,
    /// From how many beliefs a step is predicted.
    #[input(default = 3, min = 1, max = 6)]
    predictor_order: u64,
    /// From how many it is corrected: 0 does not correct.
    #[input(default = 4, min = 0, max = 6)]
    corrector_order: u64,
    /// Whether the model is asked again about the corrected step.
    use_pece: bool,
    /// Whether steps from two beliefs are computed more simply.
    simple_order_2: bool,
}

impl Run for SamplerSASolver {
    type Output = Method;

    fn run(self, _: &Context) -> Result<Method, NodeError> {
        let sampling = ModelSampling::new(self.model.prediction);
        method("sa_solver", |it| {
            (it.eta, it.s_noise) = (self.eta as f32, self.s_noise as f32);
            it.adams = Adams {
                predictor: count(self.predictor_order),
                corrector: count(self.corrector_order),
                again: self.use_pece,
                simple: self.simple_order_2,
                noisy: Interval::Sigmas(
                    sampling.exactly_at_part(self.sde_start_percent),
                    sampling.exactly_at_part(self.sde_end_percent),
                ),
            };
        })
    }
}

/// Which of the ways to scale latents.
#[derive(Choice, Clone, Copy, Debug)]
enum UpscaleMethod {
    Bislerp,
    #[choice("nearest-exact")]
    Nearest,
    Bilinear,
    Area,
    Bicubic,
}

/// For latent consistency models: the latent grows from step to step, so that large pictures cost less.
#[derive(Node)]
#[node(category = "sampling/custom_sampling/samplers", outputs(SAMPLER = "The sampler."))]
struct SamplerLCMUpscale {
    /// By how much the latent grows in all.
    #[input(default = 1.0, min = 0.1, max = 20.0, step = 0.01)]
    scale_ratio: f64,
    /// After how many steps it has grown; -1 means half of them.
    #[input(default = -1, min = -1, max = 1000, step = 1)]
    scale_steps: i64,
    /// How it is scaled.
    upscale_method: UpscaleMethod,
}

impl Run for SamplerLCMUpscale {
    type Output = Method;

    fn run(self, _: &Context) -> Result<Method, NodeError> {
        let scaling = match self.upscale_method {
            UpscaleMethod::Bislerp => Scaling::Bislerp,
            UpscaleMethod::Nearest => Scaling::Nearest,
            UpscaleMethod::Bilinear => Scaling::Bilinear,
            UpscaleMethod::Area => Scaling::Area,
            UpscaleMethod::Bicubic => Scaling::Bicubic,
        };
        let mut method = Method::LCM_GROWING;
        let steps = usize::try_from(self.scale_steps).ok();
        method.options.growth = Some(Growth { ratio: self.scale_ratio, steps, scaling });
        Ok(method)
    }
}
