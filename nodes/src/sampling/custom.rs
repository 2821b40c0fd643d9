//! Runs put together from their parts: noise, guiders, samplers, noise levels.

use models::sampling::{Guidance, Guider, InitialNoise, Levels, Method, NoiseKind, SampleRequest, Sigmas, noised, sample};
use models::{Conditioning, Latent, Model};
use runtime::{Choice, Context, Node, NodeError, Registry, Run, registry};

/// Every node of this file.
pub(super) fn nodes() -> Registry {
    registry![
        SamplerCustom,
        SamplerCustomAdvanced,
        BasicGuider,
        CFGGuider,
        DualCFGGuider,
        PerpNegGuider,
        RandomNoise,
        SizeIndependentNoise,
        DisableNoise,
        AddNoise,
    ]
}

/// Makes a latent out of noise, step by step, by a sampler and noise levels of choice.
#[derive(Node)]
#[node(
    category = "sampling/custom_sampling",
    outputs(
        output = "The latent at the last noise level.",
        denoised_output = "The clean latent that the model believed in last."
    )
)]
struct SamplerCustom {
    /// The network that removes noise.
    model: Model,
    /// Whether noise is added first. Without, the latent should have some from an earlier sampler.
    #[input(default = true)]
    add_noise: bool,
    /// Which noise is added.
    #[input(default = 0, min = 0, max = u64::MAX, control_after_generate)]
    noise_seed: u64,
    /// How closely the prompts are followed. 1 leaves the negative prompt out; very high values harm the picture.
    #[input(default = 8.0, min = 0.0, max = 100.0, step = 0.1, round = 0.01)]
    cfg: f64,
    /// What the picture shall show.
    positive: Conditioning,
    /// What the picture shall not show.
    negative: Conditioning,
    /// The method that removes the noise.
    sampler: Method,
    /// The noise levels.
    sigmas: Sigmas,
    /// Where to start.
    latent_image: Latent,
}

impl Run for SamplerCustom {
    type Output = (Latent, Latent);

    fn run(self, cx: &Context) -> Result<(Latent, Latent), NodeError> {
        let guider = Guider::away(self.model, self.positive, self.negative, self.cfg);
        let noise = InitialNoise::drawn_if(self.add_noise, self.noise_seed);
        run(cx, &guider, noise, self.sampler, &self.sigmas, &self.latent_image)
    }
}

/// Makes a latent out of noise, step by step, from parts of choice.
#[derive(Node)]
#[node(
    category = "sampling/custom_sampling",
    outputs(
        output = "The latent at the last noise level.",
        denoised_output = "The clean latent that the model believed in last."
    )
)]
struct SamplerCustomAdvanced {
    /// The noise that is added first.
    noise: InitialNoise,
    /// The network, and how prompts lead it.
    guider: Guider,
    /// The method that removes the noise.
    sampler: Method,
    /// The noise levels.
    sigmas: Sigmas,
    /// Where to start.
    latent_image: Latent,
}

impl Run for SamplerCustomAdvanced {
    type Output = (Latent, Latent);

    fn run(self, cx: &Context) -> Result<(Latent, Latent), NodeError> {
        run(cx, &self.guider, self.noise, self.sampler, &self.sigmas, &self.latent_image)
    }
}

fn run(
    cx: &Context,
    guider: &Guider,
    noise: InitialNoise,
    method: Method,
    sigmas: &Sigmas,
    latent: &Latent,
) -> Result<(Latent, Latent), NodeError> {
    let levels = Levels::Sigmas(&sigmas.0);
    let request = SampleRequest { noise, method, levels, ..SampleRequest::new(guider, latent) };
    let sampled = sample(cx.engine(), &request, &cx.watch(guider.model.latent))?;
    Ok((sampled.latent, sampled.denoised))
}

/// Follows one prompt, without guidance.
#[derive(Node)]
#[node(category = "sampling/custom_sampling/guiders", outputs(GUIDER = "The guider."))]
struct BasicGuider {
    /// The network that removes noise.
    model: Model,
    /// What the picture shall show.
    conditioning: Conditioning,
}

impl Run for BasicGuider {
    type Output = Guider;

    fn run(self, _: &Context) -> Result<Guider, NodeError> {
        Ok(Guider::alone(self.model, self.conditioning))
    }
}

/// Follows one prompt and leads away from another.
#[derive(Node)]
#[node(category = "sampling/custom_sampling/guiders", outputs(GUIDER = "The guider."))]
struct CFGGuider {
    /// The network that removes noise.
    model: Model,
    /// What the picture shall show.
    positive: Conditioning,
    /// What the picture shall not show.
    negative: Conditioning,
    /// How closely the prompts are followed. 1 leaves the negative prompt out.
    #[input(default = 8.0, min = 0.0, max = 100.0, step = 0.1, round = 0.01)]
    cfg: f64,
}

impl Run for CFGGuider {
    type Output = Guider;

    fn run(self, _: &Context) -> Result<Guider, NodeError> {
        Ok(Guider::away(self.model, self.positive, self.negative, self.cfg))
    }
}

/// How two scales of guidance work together.
#[derive(Choice, Clone, Copy, Debug, PartialEq)]
enum Style {
    Regular,
    Nested,
}

/// Follows two prompts, for instance a change and the picture that is changed, each as closely as wanted.
#[derive(Node)]
#[node(category = "sampling/custom_sampling/guiders", outputs(GUIDER = "The guider."))]
struct DualCFGGuider {
    /// The network that removes noise.
    model: Model,
    /// What the picture shall show.
    cond1: Conditioning,
    /// What it is seen from.
    cond2: Conditioning,
    /// What the picture shall not show.
    negative: Conditioning,
    /// How far to lead from the second prompt to the first.
    #[input(default = 8.0, min = 0.0, max = 100.0, step = 0.1, round = 0.01)]
    cfg_conds: f64,
    /// How far to lead from the negative prompt to the second.
    #[input(default = 8.0, min = 0.0, max = 100.0, step = 0.1, round = 0.01)]
    cfg_cond2_negative: f64,
    /// Whether both guidances are added, or the second one applies to what the first one gave.
    style: Style,
}

impl Run for DualCFGGuider {
    type Output = Guider;

    fn run(self, _: &Context) -> Result<Guider, NodeError> {
        let guidance = Guidance::Dual {
            first: self.cond1,
            second: self.cond2,
            negative: self.negative,
            first_cfg: self.cfg_conds,
            second_cfg: self.cfg_cond2_negative,
            nested: self.style == Style::Nested,
        };
        Ok(Guider { model: self.model, guidance })
    }
}

/// Leads away from that part of the negative prompt only which does not contradict the positive one.
#[derive(Node)]
#[node(category = "_for_testing", experimental, outputs(GUIDER = "The guider."))]
struct PerpNegGuider {
    /// The network that removes noise.
    model: Model,
    /// What the picture shall show.
    positive: Conditioning,
    /// What the picture shall not show.
    negative: Conditioning,
    /// An empty prompt, from which the other two are seen.
    empty_conditioning: Conditioning,
    /// How closely the prompts are followed.
    #[input(default = 8.0, min = 0.0, max = 100.0, step = 0.1, round = 0.01)]
    cfg: f64,
    /// How much the negative prompt counts.
    #[input(default = 1.0, min = 0.0, max = 100.0, step = 0.01)]
    neg_scale: f64,
}

impl Run for PerpNegGuider {
    type Output = Guider;

    fn run(self, _: &Context) -> Result<Guider, NodeError> {
        let guidance = Guidance::Perpendicular {
            positive: self.positive,
            negative: self.negative,
            empty: self.empty_conditioning,
            cfg: self.cfg,
            negative_scale: self.neg_scale,
        };
        Ok(Guider { model: self.model, guidance })
    }
}

/// The noise of a seed.
#[derive(Node)]
#[node(category = "sampling/custom_sampling/noise", outputs(NOISE = "The noise."))]
struct RandomNoise {
    /// Which noise. The same seed with the same settings makes the same picture.
    #[input(default = 0, min = 0, max = u64::MAX, control_after_generate)]
    noise_seed: u64,
}

impl Run for RandomNoise {
    type Output = InitialNoise;

    fn run(self, _: &Context) -> Result<InitialNoise, NodeError> {
        Ok(InitialNoise::drawn(self.noise_seed))
    }
}

/// The noise of a seed that belongs to places, counted from the middle of the picture: what a seed makes stays alike when the picture
/// becomes wider or higher. Other than that of `RandomNoise`.
#[derive(Node)]
#[node(display = "Random Noise, Independent of Size", category = "sampling/custom_sampling/noise", outputs(NOISE = "The noise."))]
struct SizeIndependentNoise {
    /// Which noise. The same seed with the same settings makes the same picture.
    #[input(default = 0, min = 0, max = u64::MAX, control_after_generate)]
    noise_seed: u64,
}

impl Run for SizeIndependentNoise {
    type Output = InitialNoise;

    fn run(self, _: &Context) -> Result<InitialNoise, NodeError> {
        Ok(InitialNoise { seed: self.noise_seed, kind: NoiseKind::Placed })
    }
}

/// No noise, for latents that have some from an earlier sampler.
#[derive(Node)]
#[node(category = "sampling/custom_sampling/noise", outputs(NOISE = "None."))]
struct DisableNoise {}

impl Run for DisableNoise {
    type Output = InitialNoise;

    fn run(self, _: &Context) -> Result<InitialNoise, NodeError> {
        Ok(InitialNoise::NONE)
    }
}

/// Adds as much noise to a latent as lies between the first and the last noise level.
#[derive(Node)]
#[node(category = "_for_testing/custom_sampling/noise", outputs(LATENT = "The latent with noise."))]
struct AddNoise {
    /// The network whose latent it is.
    model: Model,
    /// The noise.
    noise: InitialNoise,
    /// The noise levels; a single one is taken as it is.
    sigmas: Sigmas,
    /// The latent.
    latent_image: Latent,
}

impl Run for AddNoise {
    type Output = Latent;

    fn run(self, _: &Context) -> Result<Latent, NodeError> {
        let sigma = match self.sigmas.0[..] {
            [] => return Ok(self.latent_image),
            [sigma] => sigma,
            [first, .., last] => (first - last).abs(),
        };
        Ok(noised(&self.model, self.noise, sigma, &self.latent_image)?)
    }
}
