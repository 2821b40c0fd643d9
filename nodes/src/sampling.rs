//! The samplers.

use models::diffusion::Prediction;
use models::sampling::{Levels, SAMPLERS, SCHEDULERS, SampleRequest, sample};
use models::{Conditioning, Latent, Model};
use runtime::{Choice, Context, Node, NodeError, Registry, Run, registry};

/// Every node of this file.
pub(crate) fn nodes() -> Registry {
    registry![KSampler, KSamplerAdvanced, ModelSamplingDiscrete]
}

/// The longest run; the start and end of a part of one have the same limit.
const MOST_STEPS: u64 = 10_000;

fn sampler_names() -> impl Iterator<Item = &'static str> {
    SAMPLERS.iter().map(|it| it.name)
}

fn scheduler_names() -> impl Iterator<Item = &'static str> {
    SCHEDULERS.iter().map(|it| it.0)
}

/// Makes a latent out of noise, or a new one out of an old one, step by step, led by prompts.
#[derive(Node)]
#[node(category = "sampling", outputs(LATENT = "The latent without noise."))]
struct KSampler {
    /// The network that removes noise.
    model: Model,
    /// Which noise is added. The same seed with the same settings makes the same picture.
    #[input(default = 0, min = 0, max = u64::MAX, control_after_generate)]
    seed: u64,
    /// In how many steps the noise is removed. More take longer; beyond some number they change little.
    #[input(default = 20, min = 1, max = MOST_STEPS)]
    steps: u64,
    /// How closely the prompts are followed. 1 leaves the negative prompt out; very high values harm the picture.
    #[input(default = 8.0, min = 0.0, max = 100.0, step = 0.1, round = 0.01)]
    cfg: f64,
    /// The method that removes the noise. It decides on look, quality and time for each step.
    #[input(options = sampler_names())]
    sampler_name: String,
    /// How much of the noise is removed at each step.
    #[input(options = scheduler_names())]
    scheduler: String,
    /// What the picture shall show.
    positive: Conditioning,
    /// What the picture shall not show.
    negative: Conditioning,
    /// Where to start. An empty latent makes a picture from nothing.
    latent_image: Latent,
    /// How much of the start is replaced: 1 keeps nothing of it, less keeps its composition.
    #[input(default = 1.0, min = 0.0, max = 1.0, step = 0.01)]
    denoise: f64,
}

impl Run for KSampler {
    type Output = Latent;

    fn run(self, cx: &Context) -> Result<Latent, NodeError> {
        let request = SampleRequest {
            seed: self.seed,
            sampler: &self.sampler_name,
            levels: Levels::Schedule { scheduler: &self.scheduler, steps: count(self.steps), denoise: self.denoise },
            cfg: self.cfg,
            ..SampleRequest::new(&self.model, &self.positive, &self.negative, &self.latent_image)
        };
        Ok(sample(cx.engine(), &request, &cx.watch(self.model.architecture.latent))?)
    }
}

/// Runs a part of a sampler's steps, so that several samplers can share the work on one picture.
///
/// The first one adds noise and returns what is left of it; the last one adds none and returns none.
#[derive(Node)]
#[node(display = "KSampler (Advanced)", category = "sampling", outputs(LATENT = "The latent after the last step that was run."))]
struct KSamplerAdvanced {
    /// The network that removes noise.
    model: Model,
    /// Whether noise is added first. Without, the latent should have some from an earlier sampler.
    add_noise: Switch,
    /// Which noise is added.
    #[input(default = 0, min = 0, max = u64::MAX, control_after_generate)]
    noise_seed: u64,
    /// How many steps the whole work has, of which this node may run a part.
    #[input(default = 20, min = 1, max = MOST_STEPS)]
    steps: u64,
    /// How closely the prompts are followed. 1 leaves the negative prompt out; very high values harm the picture.
    #[input(default = 8.0, min = 0.0, max = 100.0, step = 0.1, round = 0.01)]
    cfg: f64,
    /// The method that removes the noise.
    #[input(options = sampler_names())]
    sampler_name: String,
    /// How much of the noise is removed at each step.
    #[input(options = scheduler_names())]
    scheduler: String,
    /// What the picture shall show.
    positive: Conditioning,
    /// What the picture shall not show.
    negative: Conditioning,
    /// Where to start.
    latent_image: Latent,
    /// The first step that is run.
    #[input(default = 0, min = 0, max = MOST_STEPS)]
    start_at_step: u64,
    /// The step before which the run ends. A number beyond the last step means the end.
    #[input(default = 10_000, min = 0, max = MOST_STEPS)]
    end_at_step: u64,
    /// Whether a run that ends early leaves the rest of the noise to the next sampler, instead of removing it in the last step.
    return_with_leftover_noise: Leftover,
}

/// Yes or no, usually yes.
#[derive(Choice, Clone, Copy, Debug, PartialEq)]
enum Switch {
    Enable,
    Disable,
}

/// Yes or no, usually no.
#[derive(Choice, Clone, Copy, Debug, PartialEq)]
enum Leftover {
    Disable,
    Enable,
}

impl Run for KSamplerAdvanced {
    type Output = Latent;

    fn run(self, cx: &Context) -> Result<Latent, NodeError> {
        let request = SampleRequest {
            seed: self.noise_seed,
            add_noise: self.add_noise == Switch::Enable,
            sampler: &self.sampler_name,
            levels: Levels::Schedule { scheduler: &self.scheduler, steps: count(self.steps), denoise: 1.0 },
            start_step: count(self.start_at_step),
            end_step: Some(count(self.end_at_step)),
            force_full_denoise: self.return_with_leftover_noise == Leftover::Disable,
            cfg: self.cfg,
            ..SampleRequest::new(&self.model, &self.positive, &self.negative, &self.latent_image)
        };
        Ok(sample(cx.engine(), &request, &cx.watch(self.model.architecture.latent))?)
    }
}

fn count(steps: u64) -> usize {
    usize::try_from(steps).unwrap_or(usize::MAX)
}

/// Says how a network was trained, where its file does not tell.
///
/// `lcm`, `img_to_img` and levels that end in pure noise are not supported so far.
#[derive(Node)]
#[node(category = "advanced/model", outputs(MODEL = "The same network, read in this way."))]
struct ModelSamplingDiscrete {
    /// The network.
    model: Model,
    /// What the network's output is: the noise (`eps`), a velocity (`v_prediction`) or the clean latent (`x0`).
    sampling: Reading,
    /// Whether the noisiest level is noise alone. Not supported so far.
    #[input(default = false)]
    zsnr: bool,
}

/// What a network's output is.
#[derive(Choice, Clone, Copy, Debug, PartialEq)]
enum Reading {
    Eps,
    VPrediction,
    Lcm,
    X0,
    ImgToImg,
}

impl Run for ModelSamplingDiscrete {
    type Output = Model;

    fn run(self, _: &Context) -> Result<Model, NodeError> {
        if self.zsnr {
            let error = NodeError::input("zsnr", "levels that end in noise alone are not supported so far");
            return Err(error.hint("switch it off"));
        }
        let prediction = match self.sampling {
            Reading::Eps => Prediction::Epsilon,
            Reading::VPrediction => Prediction::Velocity,
            Reading::X0 => Prediction::Sample,
            Reading::Lcm | Reading::ImgToImg => {
                let error = NodeError::input("sampling", "`lcm` and `img_to_img` are not supported so far");
                return Err(error.hint("choose `eps`, `v_prediction` or `x0`"));
            }
        };
        Ok(Model { prediction, ..self.model })
    }
}
