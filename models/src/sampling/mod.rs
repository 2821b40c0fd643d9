//! From noise to a clean latent: schedules, samplers, guidance, noise.
//!
//! [`sample`] lays the pieces around each other: the network is asked by guidance, guidance by the mask, the mask by the watch, and
//! the watch by the sampler, which knows none of them.

pub mod denoise;
mod frame;
mod guidance;
pub mod noise;
pub mod samplers;
pub mod schedules;

#[cfg(test)]
mod tests;

pub use denoise::Denoise;
pub use samplers::{Options, SAMPLERS, Sampler};
pub use schedules::{ModelSampling, SCHEDULERS, Scheduler};

use crate::conditioning::Cond;
use crate::diffusion::Network;
use crate::{Engine, Latent, LatentFormat, Model, Samples, Stop, Watch};
use burn::tensor::{DType, Tensor};
use denoise::{Masked, Watched};
use frame::Frame;
use guidance::{Beside, Guided, Sides};
use noise::Noise;
use samplers::Steps;

/// What to sample, as ComfyUI's KSampler and KSamplerAdvanced say it.
#[derive(Clone)]
pub struct SampleRequest<'a> {
    /// The network.
    pub model: &'a Model,
    /// The prompts to follow.
    pub positive: &'a [Cond],
    /// The prompts to lead away from.
    pub negative: &'a [Cond],
    /// Where to start from; all zero starts from noise alone.
    pub latent: &'a Latent,
    /// Which noise.
    pub seed: u64,
    /// Whether the run begins by adding noise; without, the latent has some already.
    pub add_noise: bool,
    /// A name in [`SAMPLERS`].
    pub sampler: &'a str,
    /// What the sampler is told.
    pub options: Options,
    /// Which noise levels are visited.
    pub levels: Levels<'a>,
    /// The first step that is run.
    pub start_step: usize,
    /// The step before which the run ends; the last one where `None`.
    pub end_step: Option<usize>,
    /// Whether a run that ends early still removes all noise.
    pub force_full_denoise: bool,
    /// How far guidance leads: 1 follows the positive prompts alone.
    pub cfg: f64,
    /// At most so many latents go through the network at once, where a prompt's own batch allows it.
    pub batch_limit: usize,
}

/// Which noise levels a run visits.
#[derive(Clone, Copy, Debug)]
pub enum Levels<'a> {
    /// Those of a schedule.
    Schedule {
        /// A name in [`SCHEDULERS`].
        scheduler: &'a str,
        /// How many steps are run.
        steps: usize,
        /// How much of the way: below 1 the last `steps` of a longer schedule.
        denoise: f64,
    },
    /// These, falling.
    Sigmas(&'a [f32]),
}

impl<'a> SampleRequest<'a> {
    /// KSampler's usual settings: 20 steps of `euler` over `normal`, guided 8 far, seed 0.
    pub fn new(model: &'a Model, positive: &'a [Cond], negative: &'a [Cond], latent: &'a Latent) -> Self {
        Self {
            model,
            positive,
            negative,
            latent,
            seed: 0,
            add_noise: true,
            sampler: "euler",
            options: Options::default(),
            levels: Levels::Schedule { scheduler: "normal", steps: 20, denoise: 1.0 },
            start_step: 0,
            end_step: None,
            force_full_denoise: false,
            cfg: 8.0,
            batch_limit: usize::MAX,
        }
    }
}

/// Samples latents.
///
/// # Errors
/// [`Stop::Unfit`] for an unknown sampler or schedule and for inputs that do not fit the model; what loading the model says;
/// [`Stop::Cancelled`].
pub fn sample(engine: &Engine, request: &SampleRequest<'_>, watch: &dyn Watch) -> Result<Latent, Stop> {
    let model = request.model;
    let sampler = sampler(request.sampler)?;
    let sampling = ModelSampling::new(model.prediction);
    let format =
        LatentFormat { scale: model.latent_scale.unwrap_or(model.architecture.latent.scale), ..model.architecture.latent };
    let samples = adapted(&request.latent.samples, format.channels)?;
    let sigmas = levels(request, sampler, &sampling)?;
    if sigmas.len() < 2 {
        return Ok(Latent { samples, ..request.latent.clone() });
    }
    watch.check()?;
    let network = engine.network(&model.key(), &model.weights, |weights, device| (model.architecture.build)(weights, device))?;
    let run = Prepared { request, sampler, sampling: &sampling, format, network: &**network, sigmas: &sigmas, watch };
    let samples = run.run(&samples, engine)?;
    Ok(Latent { samples, ..request.latent.clone() })
}

/// A request with its names looked up.
struct Prepared<'a> {
    request: &'a SampleRequest<'a>,
    sampler: &'a Sampler,
    sampling: &'a ModelSampling,
    format: LatentFormat,
    network: &'a dyn Network,
    sigmas: &'a [f32],
    watch: &'a dyn Watch,
}

impl Prepared<'_> {
    fn run(&self, samples: &Samples, engine: &Engine) -> Result<Samples, Stop> {
        let Self { request, sampling, sigmas, watch, .. } = *self;
        let device = engine.device();
        let frame = Frame::new(samples.shape(), device)?;
        let size = [frame.batch, samples.values().dims()[1]];
        let home = samples.values().device();
        let latent = samples.values().clone().to_device(device).cast(DType::F32);
        // An empty latent stays empty: shifted, it would be a grey picture.
        let latent = if is_zero(&latent) { latent } else { self.format.to_model(latent) };

        let indices = request.latent.batch_index.as_deref();
        if let Some(indices) = indices.filter(|it| it.len() != frame.batch) {
            return Err(Stop::Unfit(format!("{} noise indices for a batch of {}", indices.len(), frame.batch)));
        }
        let noise = match request.add_noise {
            true => noise::initial(request.seed, size, indices, device),
            false => Tensor::zeros(size, device),
        };
        let noise_mask = request.latent.noise_mask.as_ref();
        let mask = noise_mask.map(|it| frame.noise_mask(it)).transpose()?;

        let mask_picture = mask.clone().map(|it| frame.pictures(it).narrow(1, 0, 1));
        let beside = Beside { latent: frame.pictures(latent.clone()), noise_mask: mask_picture.as_ref(), format: self.format };
        let sides = Sides::new(request.positive, request.negative, &frame, self.network, sampling, &beside)?;
        let mut guided = Guided {
            network: self.network,
            sampling,
            frame: &frame,
            sides,
            cfg: request.cfg,
            batch_limit: request.batch_limit,
            watch,
        };
        let mut masked = mask.map(|mask| {
            let noise = match self.sampler.own_inpaint_noise {
                true => noise::initial(request.seed.wrapping_add(1), size, None, device),
                false => noise.clone(),
            };
            Masked { inner: &mut guided, sampling, mask, original: latent.clone(), noise }
        });
        // (The borrow of `guided` ends here where there is no mask.)
        let inner: &mut dyn Denoise = match &mut masked {
            Some(masked) => masked,
            None => &mut guided,
        };
        let mut watched = Watched::new(inner, watch, sigmas, samples.shape());

        let x = sampling.start(&latent, &noise, sigmas[0]);
        let steps = Steps { sigmas, sampling };
        let x = (self.sampler.run)(&mut watched, x, steps, &mut Noise::new(request.seed, size, device), &request.options)?;
        let x = sampling.finish(x, sigmas[sigmas.len() - 1]);
        Ok(Samples::with_shape(self.format.from_model(x).to_device(&home), samples.shape()))
    }
}

/// An empty latent of another family's channels becomes one of this family's; any other must have them.
fn adapted(samples: &Samples, channels: usize) -> Result<Samples, Stop> {
    let shape = samples.shape();
    if shape.len() < 3 || shape[1] == channels {
        return Ok(samples.clone());
    }
    if !is_zero(samples.values()) {
        return Err(Stop::Unfit(format!(
            "a latent of {} channels for a model of {channels}: encode the picture with the model's own VAE",
            shape[1]
        )));
    }
    let mut shape = shape.to_vec();
    shape[1] = channels;
    let each = shape[1..].iter().product();
    Ok(Samples::with_shape(Tensor::zeros([shape[0], each], &samples.values().device()), &shape))
}

fn is_zero(values: &Tensor<2>) -> bool {
    values.to_data().iter::<f32>().all(|it| it == 0.0)
}

/// Schedules of more steps than this are mistakes.
const MOST_STEPS: usize = 1_000_000;

/// The levels that a request visits: none where nothing is to be done.
fn levels(request: &SampleRequest<'_>, sampler: &Sampler, sampling: &ModelSampling) -> Result<Vec<f32>, Stop> {
    let mut sigmas = match request.levels {
        Levels::Sigmas(sigmas) => sigmas.to_vec(),
        Levels::Schedule { scheduler, steps, denoise } => {
            let schedule = self::scheduler(scheduler)?;
            if denoise <= 0.0 {
                return Ok(Vec::new());
            }
            let whole = if denoise > 0.9999 { steps as f64 } else { steps as f64 / denoise };
            if steps == 0 || !(1.0..=MOST_STEPS as f64).contains(&whole) {
                return Err(Stop::Unfit(format!(
                    "{steps} steps at a denoise of {denoise}: a schedule has 1 to {MOST_STEPS} steps in all"
                )));
            }
            let mut sigmas = scheduled(sampler, schedule, sampling, whole as usize);
            if denoise <= 0.9999 {
                sigmas.drain(..sigmas.len().saturating_sub(steps + 1));
            }
            sigmas
        }
    };
    if let Some(odd) = sigmas.iter().find(|it| !it.is_finite() || **it < 0.0) {
        return Err(Stop::Unfit(format!("{odd} is not a noise level")));
    }
    let steps = sigmas.len().saturating_sub(1);
    if let Some(end) = request.end_step.filter(|it| *it < steps) {
        sigmas.truncate(end + 1);
        if request.force_full_denoise {
            sigmas[end] = 0.0;
        }
    }
    let steps = sigmas.len().saturating_sub(1);
    Ok(if request.start_step < steps { sigmas.split_off(request.start_step) } else { Vec::new() })
}

/// A whole schedule as a sampler wants it.
pub fn scheduled(sampler: &Sampler, schedule: Scheduler, sampling: &ModelSampling, steps: usize) -> Vec<f32> {
    if !sampler.skips_penultimate {
        return schedule(sampling, steps);
    }
    let mut sigmas = schedule(sampling, steps + 1);
    if sigmas.len() >= 2 {
        sigmas.remove(sigmas.len() - 2);
    }
    sigmas
}

/// The sampler of this name.
///
/// # Errors
/// [`Stop::Unfit`] names those there are.
pub fn sampler(name: &str) -> Result<&'static Sampler, Stop> {
    let found = SAMPLERS.iter().find(|it| it.name == name);
    found.ok_or_else(|| unknown("sampler", name, SAMPLERS.iter().map(|it| it.name)))
}

/// The schedule of this name.
///
/// # Errors
/// [`Stop::Unfit`] names those there are.
pub fn scheduler(name: &str) -> Result<Scheduler, Stop> {
    let found = SCHEDULERS.iter().find(|it| it.0 == name);
    found.map(|it| it.1).ok_or_else(|| unknown("scheduler", name, SCHEDULERS.iter().map(|it| it.0)))
}

fn unknown(what: &str, name: &str, known: impl Iterator<Item = &'static str>) -> Stop {
    let known: Vec<&str> = known.collect();
    let near = known.iter().map(|it| (strsim::jaro_winkler(name, it), it)).max_by(|a, b| a.0.total_cmp(&b.0));
    let hint = near.filter(|it| it.0 > 0.8).map_or_else(String::new, |it| format!(" Did you mean `{}`?", it.1));
    Stop::Unfit(format!("there is no {what} `{name}`.{hint} There are: {}.", known.join(", ")))
}
