//! Samplers: ways from noise to a clean latent, one function each.
//!
//! A sampler asks a [`Denoise`] what it believes the clean latent is and does arithmetic on `[batch, everything else]`, never layout,
//! so pictures, video and sound are one case. Coefficients are f32, as in the reference implementations: where a formula cancels,
//! the result depends on it.
//!
//! To add one: write its function in the file of its family and its row in [`SAMPLERS`].

mod adams;
mod dpm;
mod dpmpp;
mod euler;
mod exponential;
mod multistep;
mod options;
mod uni_pc;

pub use options::{Adams, Churn, Controller, Correction, Growth, Interval, NoiseScale, Options};

use super::denoise::Denoise;
use super::levels::ModelSampling;
use super::noise::Noise;
use crate::Stop;
use burn::tensor::Tensor;
use std::fmt;

/// A way from the first noise level of `steps` to the last.
pub type Run = fn(&mut dyn Denoise, Tensor<2>, Steps<'_>, &mut Noise, &Options) -> Result<Tensor<2>, Stop>;

/// A row of [`SAMPLERS`].
pub struct Sampler {
    /// ComfyUI's name.
    pub name: &'static str,
    /// What it does.
    pub run: Run,
    /// What it is told where nobody says anything else.
    pub options: Options,
    /// Whether it leaves out the last level before zero: its last step would divide by how close that one is to zero.
    pub skips_penultimate: bool,
    /// Whether what a mask protects is noised by noise of its own.
    pub own_inpaint_noise: bool,
    /// What is known about it.
    pub facts: Facts,
}

/// What the authors of a sampler say about it.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// One sentence.
    pub about: &'static str,
    /// Where it was published: `arXiv NUMBER`, or the name of the code that it became known by.
    pub source: &'static str,
    /// The power of the step's length with which the error of a run falls, on the noise-free path where it can be told to draw none.
    /// Some methods have a higher order in the middle of a run than over the whole, as they begin or end with simpler steps. `None`
    /// where none is known.
    pub order: Option<u8>,
    /// How often the model is asked in a step in the middle of a run.
    pub calls: u8,
    /// Whether it draws noise on its way.
    pub stochastic: bool,
}

impl Sampler {
    const fn new(name: &'static str, run: Run, facts: Facts) -> Self {
        Self { name, run, options: Options::USUAL, skips_penultimate: false, own_inpaint_noise: false, facts }
    }

    /// Options with which it draws no noise, so that it follows the noise-free path; `None` where it always draws some.
    pub fn quiet(&self) -> Option<Options> {
        let options = Options { eta: 0.0, s_noise: 0.0, scale: NoiseScale::ReverseTime { eta: 0.0 }, ..self.options };
        (!["ddpm", "lcm"].contains(&self.name)).then_some(options)
    }

    const fn with(self, options: Options) -> Self {
        Self { options, ..self }
    }

    const fn skipping(self) -> Self {
        Self { skips_penultimate: true, ..self }
    }
}

impl fmt::Debug for Sampler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// A SAMPLER on a wire: a way, and what it is told.
#[derive(Clone, Copy, Debug)]
pub struct Method {
    /// The way.
    pub sampler: &'static Sampler,
    /// What it is told.
    pub options: Options,
}

impl Method {
    /// Another form of `euler_cfg_pp`, which follows the guided belief's own direction and adds what guidance adds to the belief.
    pub const EULER_CFG_PP_ALTERNATIVE: Self = Self {
        sampler: &Sampler::new(
            "euler_cfg_pp_alternative",
            euler::euler_cfg_pp_alternative,
            facts("Euler's method, the slope led by what guidance adds.", "arXiv 2406.08070", Some(1), 1),
        ),
        options: Options::USUAL,
    };

    /// `lcm` whose latent grows from step to step: [`Options::growth`] says how.
    pub const LCM_GROWING: Self = Self {
        sampler: &Sampler::new(
            "lcm_growing",
            euler::lcm,
            noisy("Latent consistency at a resolution that grows.", "ComfyUI", None, 1),
        ),
        options: Options::USUAL,
    };

    /// A sampler with its usual options.
    pub fn of(sampler: &'static Sampler) -> Self {
        Self { sampler, options: sampler.options }
    }

    /// The sampler of this name with its usual options.
    ///
    /// # Errors
    /// [`Stop::Unfit`] names those there are.
    pub fn named(name: &str) -> Result<Self, Stop> {
        super::sampler(name).map(Self::of)
    }
}

const fn facts(about: &'static str, source: &'static str, order: Option<u8>, calls: u8) -> Facts {
    Facts { about, source, order, calls, stochastic: false }
}

const fn noisy(about: &'static str, source: &'static str, order: Option<u8>, calls: u8) -> Facts {
    Facts { stochastic: true, ..facts(about, source, order, calls) }
}

/// Every sampler, in the order of ComfyUI's list. Those with `_gpu` differ there in where their noise is drawn; here it is drawn on
/// the CPU, so that a seed means one picture on every device.
pub const SAMPLERS: &[Sampler] = &[
    Sampler::new("euler", euler::euler, facts("Euler's method along the probability flow.", "arXiv 2206.00364", Some(1), 1)),
    Sampler::new(
        "euler_cfg_pp",
        euler::euler_cfg_pp,
        facts(
            "Euler's method with CFG++: from the guided belief along the direction of the unguided one.",
            "arXiv 2406.08070",
            Some(1),
            1,
        ),
    ),
    Sampler::new(
        "euler_ancestral",
        euler::euler_ancestral,
        noisy("Euler's method below the next level, then fresh noise up to it.", "k-diffusion", Some(1), 1),
    ),
    Sampler::new(
        "euler_ancestral_cfg_pp",
        euler::euler_ancestral_cfg_pp,
        noisy("The same with CFG++.", "arXiv 2406.08070", Some(1), 1),
    ),
    Sampler::new(
        "heun",
        euler::heun,
        facts("Heun's method: the mean of the slopes at both ends of a step.", "arXiv 2206.00364", Some(2), 2),
    ),
    Sampler::new(
        "heunpp2",
        euler::heunpp2,
        facts("Heun++: slopes of up to three levels, weighted by their noise.", "sd-webui-samplers-scheduler", None, 3),
    ),
    Sampler::new(
        "exp_heun_2_x0",
        exponential::exp_heun,
        facts(
            "The exponential Heun method: the belief as a straight line from one end of a step to the other.",
            "Hochbruck and Ostermann 2010",
            Some(2),
            2,
        ),
    )
    .with(Options::USUAL.eta(0.0).stages([1.0, 0.5])),
    Sampler::new(
        "exp_heun_2_x0_sde",
        exponential::exp_heun,
        noisy("The same with noise as SEEDS-2 adds it.", "arXiv 2305.14267", Some(2), 2),
    )
    .with(Options::USUAL.stages([1.0, 0.5])),
    Sampler::new("dpm_2", dpm::dpm_2, facts("DPM-Solver-2: the slope in the middle of a step.", "arXiv 2206.00927", Some(2), 2))
        .skipping(),
    Sampler::new(
        "dpm_2_ancestral",
        dpm::dpm_2_ancestral,
        noisy("DPM-Solver-2 below the next level, then fresh noise up to it.", "k-diffusion", Some(2), 2),
    )
    .skipping(),
    Sampler::new(
        "lms",
        multistep::lms,
        facts("Linear multistep: the polynomial through the last four slopes.", "k-diffusion", Some(4), 1),
    ),
    Sampler::new(
        "dpm_fast",
        dpm::dpm_fast,
        facts("DPM-Solver-fast: steps of order 3, as many as the calls allow.", "arXiv 2206.00927", Some(2), 1),
    )
    .with(Options::USUAL.eta(0.0)),
    Sampler::new(
        "dpm_adaptive",
        dpm::dpm_adaptive,
        facts("DPM-Solver-23 with steps as long as a tolerance allows.", "arXiv 2206.00927", None, 3),
    )
    .with(Options::USUAL.eta(0.0).order(3)),
    Sampler::new(
        "dpmpp_2s_ancestral",
        dpmpp::dpmpp_2s_ancestral,
        noisy("DPM-Solver++(2S) below the next level, then fresh noise up to it.", "arXiv 2211.01095", Some(2), 2),
    ),
    Sampler::new(
        "dpmpp_2s_ancestral_cfg_pp",
        dpmpp::dpmpp_2s_ancestral_cfg_pp,
        noisy("The same with CFG++.", "arXiv 2406.08070", None, 2),
    ),
    Sampler::new(
        "dpmpp_sde",
        dpmpp::dpmpp_sde,
        noisy("SDE-DPM-Solver++ with two stages, its noise from one Brownian path.", "arXiv 2211.01095", Some(2), 2),
    ),
    Sampler::new("dpmpp_sde_gpu", dpmpp::dpmpp_sde, noisy("As `dpmpp_sde`.", "arXiv 2211.01095", Some(2), 2)),
    Sampler::new("dpmpp_2m", dpmpp::dpmpp_2m, facts("DPM-Solver++(2M): the last two beliefs.", "arXiv 2211.01095", Some(2), 1)),
    Sampler::new("dpmpp_2m_cfg_pp", dpmpp::dpmpp_2m_cfg_pp, facts("The same with CFG++.", "arXiv 2406.08070", Some(2), 1)),
    Sampler::new(
        "dpmpp_2m_sde",
        dpmpp::dpmpp_2m_sde,
        noisy("SDE-DPM-Solver++(2M), the midpoint form, its noise from one Brownian path.", "arXiv 2211.01095", Some(2), 1),
    ),
    Sampler::new("dpmpp_2m_sde_gpu", dpmpp::dpmpp_2m_sde, noisy("As `dpmpp_2m_sde`.", "arXiv 2211.01095", Some(2), 1)),
    Sampler::new(
        "dpmpp_2m_sde_heun",
        dpmpp::dpmpp_2m_sde,
        noisy("SDE-DPM-Solver++(2M) in Heun's form.", "arXiv 2211.01095", Some(2), 1),
    )
    .with(Options::USUAL.correction(Correction::Heun)),
    Sampler::new("dpmpp_2m_sde_heun_gpu", dpmpp::dpmpp_2m_sde, noisy("As `dpmpp_2m_sde_heun`.", "arXiv 2211.01095", Some(2), 1))
        .with(Options::USUAL.correction(Correction::Heun)),
    Sampler::new(
        "dpmpp_3m_sde",
        dpmpp::dpmpp_3m_sde,
        noisy("SDE-DPM-Solver++(3M): the last three beliefs, noise from one Brownian path.", "k-diffusion", Some(2), 1),
    ),
    Sampler::new("dpmpp_3m_sde_gpu", dpmpp::dpmpp_3m_sde, noisy("As `dpmpp_3m_sde`.", "k-diffusion", Some(2), 1)),
    Sampler::new("ddpm", euler::ddpm, noisy("Ancestral sampling of denoising diffusion.", "arXiv 2006.11239", Some(1), 1)),
    Sampler::new(
        "lcm",
        euler::lcm,
        noisy("Latent consistency: the belief, noised again for the next step.", "arXiv 2310.04378", None, 1),
    ),
    Sampler::new(
        "ipndm",
        multistep::ipndm,
        facts("Adams and Bashforth's method, as if all steps were equal.", "arXiv 2204.13902", None, 1),
    ),
    Sampler::new(
        "ipndm_v",
        multistep::ipndm_v,
        facts("The same with weights for steps of different length.", "diff-sampler", Some(2), 1),
    ),
    Sampler::new(
        "deis",
        multistep::deis,
        facts(
            "DEIS: the polynomial through the last slopes in the time of a variance-preserving diffusion.",
            "arXiv 2204.13902",
            Some(3),
            1,
        ),
    )
    .with(Options::USUAL.order(3)),
    Sampler::new(
        "res_multistep",
        multistep::res_multistep,
        facts("The refined exponential solver, second order, multistep.", "arXiv 2308.02157", Some(2), 1),
    )
    .with(Options::USUAL.eta(0.0)),
    Sampler::new(
        "res_multistep_cfg_pp",
        multistep::res_multistep_cfg_pp,
        facts("The same with CFG++.", "arXiv 2406.08070", Some(2), 1),
    )
    .with(Options::USUAL.eta(0.0)),
    Sampler::new(
        "res_multistep_ancestral",
        multistep::res_multistep,
        noisy("The same below the next level, then fresh noise up to it.", "arXiv 2308.02157", Some(2), 1),
    ),
    Sampler::new(
        "res_multistep_ancestral_cfg_pp",
        multistep::res_multistep_cfg_pp,
        noisy("The same with CFG++.", "arXiv 2406.08070", Some(2), 1),
    ),
    Sampler::new(
        "gradient_estimation",
        euler::gradient_estimation,
        facts("Euler's method along a slope that is led away from the last one.", "arXiv 2306.04848", None, 1),
    ),
    Sampler::new(
        "gradient_estimation_cfg_pp",
        euler::gradient_estimation_cfg_pp,
        facts("The same with CFG++.", "arXiv 2406.08070", None, 1),
    ),
    Sampler::new(
        "er_sde",
        exponential::er_sde,
        noisy("ER-SDE-Solver-3: an extended reverse-time equation.", "arXiv 2309.06169", Some(2), 1),
    )
    .with(Options::USUAL.order(3)),
    Sampler::new(
        "seeds_2",
        exponential::seeds_2,
        noisy("SEEDS-2: a stochastic exponential integrator with two stages.", "arXiv 2305.14267", Some(2), 2),
    ),
    Sampler::new("seeds_3", exponential::seeds_3, noisy("SEEDS-3: with three stages.", "arXiv 2305.14267", Some(3), 3))
        .with(Options::USUAL.stages([1.0 / 3.0, 2.0 / 3.0])),
    Sampler::new(
        "sa_solver",
        adams::sa_solver,
        noisy("SA-Solver: a stochastic Adams method, predictor and corrector.", "arXiv 2309.05019", Some(3), 1),
    ),
    Sampler::new(
        "sa_solver_pece",
        adams::sa_solver,
        noisy("SA-Solver that asks the model again about what the corrector says.", "arXiv 2309.05019", Some(3), 2),
    )
    .with(Options::USUAL.again()),
    Sampler {
        own_inpaint_noise: true,
        ..Sampler::new(
            "ddim",
            euler::euler,
            facts("Euler's method; what a mask protects gets noise of its own.", "arXiv 2010.02502", Some(1), 1),
        )
    },
    Sampler::new(
        "uni_pc",
        uni_pc::uni_pc,
        facts("UniPC-3 with B(h) = h: predictor and corrector.", "arXiv 2302.04867", Some(2), 1),
    )
    .skipping(),
    Sampler::new("uni_pc_bh2", uni_pc::uni_pc_bh2, facts("UniPC-3 with B(h) = e^h - 1.", "arXiv 2302.04867", Some(2), 1))
        .skipping(),
];

/// Where a run goes.
#[derive(Clone, Copy)]
pub struct Steps<'a> {
    /// The noise levels, falling; zero at the end of a whole run.
    pub sigmas: &'a [f32],
    /// The model's levels.
    pub sampling: &'a ModelSampling,
}

impl Steps<'_> {
    /// Each step's level and the next one.
    fn pairs(&self) -> impl Iterator<Item = (f32, f32)> {
        self.sigmas.windows(2).map(|it| (it[0], it[1]))
    }

    /// `x` at a level with the noise of [`Churn`] on it, and the higher level that this makes.
    fn churned(&self, x: Tensor<2>, sigma: f32, noise: &mut Noise, options: &Options) -> (Tensor<2>, f32) {
        let Churn { amount, low, high } = options.churn;
        if amount <= 0.0 || !(low..=high).contains(&sigma) {
            return (x, sigma);
        }
        let gamma = (amount / (self.sigmas.len() - 1) as f32).min(std::f32::consts::SQRT_2 - 1.0);
        let higher = sigma * (gamma + 1.0);
        let added = options.s_noise * (higher * higher - sigma * sigma).sqrt();
        (sum([(1.0, &x), (added, &noise.ambient())]), higher)
    }
}

/// The derivative dx/dσ of the probability flow: Karras et al. 2022, equation 3.
fn slope(x: &Tensor<2>, denoised: &Tensor<2>, sigma: f32) -> Tensor<2> {
    (x.clone() - denoised.clone()).div_scalar(sigma)
}

/// A weighted sum.
fn sum<const N: usize>(terms: [(f32, &Tensor<2>); N]) -> Tensor<2> {
    let mut terms = terms.into_iter().map(|(weight, tensor)| tensor.clone().mul_scalar(weight));
    let first = terms.next().expect("a sum has terms");
    terms.fold(first, |sum, it| sum + it)
}

/// Splits a step into a way down and fresh noise up, `down² + up² = to²` (k-diffusion's `get_ancestral_step`).
fn ancestral(from: f32, to: f32, eta: f32) -> (f32, f32) {
    if eta == 0.0 {
        return (to, 0.0);
    }
    let up = to.min(eta * (to * to * (from * from - to * to) / (from * from)).sqrt());
    ((to * to - up * up).sqrt(), up)
}

/// The same for a flow: a way down to `down`, and the factors of `x` and of the noise that lead from there to `to`.
fn flow_ancestral(from: f32, to: f32, eta: f32) -> (f32, f32, f32) {
    let down = to * (1.0 + (to / from - 1.0) * eta);
    let (kept, kept_down) = (1.0 - to, 1.0 - down);
    let up = (to * to - down * down * kept * kept / (kept_down * kept_down)).sqrt();
    (down, kept / kept_down, up)
}

/// Solves a small linear system, given by rows, by elimination with the greatest pivot.
fn solve(mut rows: Vec<Vec<f64>>, mut values: Vec<f64>) -> Vec<f64> {
    let size = values.len();
    for column in 0..size {
        let pivot = (column..size).max_by(|a, b| rows[*a][column].abs().total_cmp(&rows[*b][column].abs())).unwrap_or(column);
        rows.swap(column, pivot);
        values.swap(column, pivot);
        for row in column + 1..size {
            let factor = rows[row][column] / rows[column][column];
            let (above, below) = rows.split_at_mut(row);
            below[0][column..].iter_mut().zip(&above[column][column..]).for_each(|(it, pivot)| *it -= factor * pivot);
            values[row] -= factor * values[column];
        }
    }
    for row in (0..size).rev() {
        let rest: f64 = (row + 1..size).map(|column| rows[row][column] * values[column]).sum();
        values[row] = (values[row] - rest) / rows[row][row];
    }
    values
}
