//! From noise to a clean latent: levels, schedules, samplers, guidance, noise.
//!
//! [`sample`] lays the pieces around each other: the network is asked by guidance, guidance by the mask, the mask by the watch, and
//! the watch by the sampler, which knows none of them.

pub mod analytic;
mod cache;
pub(crate) mod combine;
pub mod denoise;
pub(crate) mod first_block;
mod frame;
mod guidance;
mod guider;
mod levels;
pub mod noise;
pub mod patches;
pub mod published;
pub mod samplers;
pub mod schedules;
mod threshold;

#[cfg(test)]
mod convergence;
#[cfg(test)]
mod tests;

pub use denoise::Denoise;
pub use guider::{Guidance, Guider};
pub use levels::ModelSampling;
pub use patches::Patch;
pub use samplers::{Method, Options, SAMPLERS, Sampler};
pub use schedules::{SCHEDULERS, Scheduler};

use crate::control::Loader;
use crate::diffusion::Network;
use crate::{Engine, Latent, LatentFormat, Model, Samples, Stop, Watch};
use burn::tensor::{DType, Device, Tensor};
use denoise::{LettingGo, Masked, Watched};
use frame::Frame;
use guidance::{Beside, Guided, Sides};
use noise::{Ambient, Generator, Noise};
use parking_lot::Mutex;
use samplers::{Growth, Steps};
use std::sync::Arc;

/// What to sample, as ComfyUI's KSampler, KSamplerAdvanced and SamplerCustomAdvanced say it.
#[derive(Clone)]
pub struct SampleRequest<'a> {
    /// What leads.
    pub guider: &'a Guider,
    /// Where to start from; all zero starts from noise alone.
    pub latent: &'a Latent,
    /// What is added first, and the seed of what is drawn on the way.
    pub noise: InitialNoise,
    /// The way.
    pub method: Method,
    /// Which noise levels are visited.
    pub levels: Levels<'a>,
    /// The first step that is run.
    pub start_step: usize,
    /// The step before which the run ends; the last one where `None`.
    pub end_step: Option<usize>,
    /// Whether a run that ends early still removes all noise.
    pub force_full_denoise: bool,
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
    /// These.
    Sigmas(&'a [f32]),
}

/// SIGMAS on a wire: the noise levels of a run, each step from one to the next.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sigmas(pub Vec<f32>);

/// NOISE on a wire: what a run begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InitialNoise {
    /// Also that of what samplers draw on their way.
    pub seed: u64,
    /// How it is made from the seed.
    pub kind: NoiseKind,
}

/// How noise is made from a seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoiseKind {
    /// Not at all: the latent has some already.
    None,
    /// As PyTorch draws it, one number after the other.
    Drawn,
    /// By place, counted from the middle: a larger picture has the noise of a smaller one in its middle.
    Placed,
}

impl InitialNoise {
    /// The usual noise of a seed.
    pub fn drawn(seed: u64) -> Self {
        Self { seed, kind: NoiseKind::Drawn }
    }

    /// The same, or none of it at first.
    pub fn drawn_if(add: bool, seed: u64) -> Self {
        Self { seed, kind: if add { NoiseKind::Drawn } else { NoiseKind::None } }
    }

    /// No noise.
    pub const NONE: Self = Self { seed: 0, kind: NoiseKind::None };

    /// The noise for a latent, zero where there is none.
    ///
    /// # Errors
    /// [`Stop::Unfit`] where the latent's noise indices do not fit its batch.
    pub fn draw(self, latent: &Latent) -> Result<Samples, Stop> {
        let device = latent.samples.values().device();
        let (noise, _) = self.begin(latent.samples.shape(), indices(latent)?, &device)?;
        Ok(Samples::with_shape(noise, latent.samples.shape()))
    }

    /// The same, and what is left of its generator.
    fn begin(self, shape: &[usize], indices: Option<&[usize]>, device: &Device) -> Result<(Tensor<2>, Generator), Stop> {
        let mut generator = Generator::new(self.seed);
        let size = [shape[0], shape[1..].iter().product()];
        let noise = match self.kind {
            NoiseKind::None => Tensor::zeros(size, device),
            NoiseKind::Drawn => noise::draw(&mut generator, size, indices, device),
            NoiseKind::Placed => noise::placed(self.seed, &Frame::new(shape, device)?, indices),
        };
        Ok((noise, generator))
    }
}

/// Which noise each latent of a batch gets, where it is said.
fn indices(latent: &Latent) -> Result<Option<&[usize]>, Stop> {
    let indices = latent.batch_index.as_deref();
    match indices.filter(|it| it.len() != latent.samples.batch()) {
        Some(odd) => Err(Stop::Unfit(format!("{} noise indices for a batch of {}", odd.len(), latent.samples.batch()))),
        None => Ok(indices),
    }
}

/// What a run gives.
#[derive(Clone, Debug)]
pub struct Sampled {
    /// The latent at the last level.
    pub latent: Latent,
    /// The clean latent that the model believed in at the last step.
    pub denoised: Latent,
}

impl<'a> SampleRequest<'a> {
    /// KSampler's usual settings: 20 steps of `euler` over `normal`, seed 0.
    pub fn new(guider: &'a Guider, latent: &'a Latent) -> Self {
        Self {
            guider,
            latent,
            noise: InitialNoise::drawn(0),
            method: Method::of(&SAMPLERS[0]),
            levels: Levels::Schedule { scheduler: "normal", steps: 20, denoise: 1.0 },
            start_step: 0,
            end_step: None,
            force_full_denoise: false,
            batch_limit: usize::MAX,
        }
    }
}

/// Samples latents.
///
/// # Errors
/// [`Stop::Unfit`] for an unknown schedule, options that no sampler can run with, and inputs that do not fit the model; what loading
/// the model says; [`Stop::Cancelled`].
pub fn sample(engine: &Engine, request: &SampleRequest<'_>, watch: &dyn Watch) -> Result<Sampled, Stop> {
    let model = &request.guider.model;
    request.method.options.check()?;
    let sampling = ModelSampling::new(model.prediction);
    let format = model.latent;
    let samples = adapted(&request.latent.samples, format.channels)?;
    let sigmas = levels(request, &sampling)?;
    if sigmas.is_empty() {
        let latent = Latent { samples, ..request.latent.clone() };
        return Ok(Sampled { denoised: latent.clone(), latent });
    }
    watch.check()?;
    let network = engine.network(&model.key(), &model.weights, |weights, device| (model.architecture.build)(weights, device))?;
    let run = Prepared { request, sampling: &sampling, format, network: &**network, sigmas: &sigmas, watch };
    let (samples, denoised) = run.run(&samples, engine)?;
    let latent = |samples| Latent { samples, ..request.latent.clone() };
    Ok(Sampled { denoised: latent(denoised.unwrap_or_else(|| samples.clone())), latent: latent(samples) })
}

/// A latent with the noise of a level, as a run with this model would start from it.
///
/// # Errors
/// [`Stop::Unfit`] where the noise indices of the latent do not fit it, or it does not fit the model.
pub fn noised(model: &Model, noise: InitialNoise, sigma: f32, latent: &Latent) -> Result<Latent, Stop> {
    let format = model.latent;
    let sampling = ModelSampling::new(model.prediction);
    let samples = adapted(&latent.samples, format.channels)?;
    let noise = noise.draw(&Latent { samples: samples.clone(), ..latent.clone() })?;
    let clean = if is_zero(samples.values()) { samples.values().clone() } else { format.to_model(samples.values().clone()) };
    let noisy = format.from_model(sampling.noised(&clean, noise.values(), sigma));
    // As far as it can be shown: nothing of it may be infinite.
    let finite = noisy.clone().abs().lower_elem(f32::INFINITY);
    let noisy = Tensor::zeros_like(&noisy).mask_where(finite, noisy);
    Ok(Latent { samples: Samples::with_shape(noisy, samples.shape()), ..latent.clone() })
}

/// A request with its names looked up.
struct Prepared<'a> {
    request: &'a SampleRequest<'a>,
    sampling: &'a ModelSampling,
    format: LatentFormat,
    network: &'a dyn Network,
    sigmas: &'a [f32],
    watch: &'a dyn Watch,
}

impl Prepared<'_> {
    fn run(&self, samples: &Samples, engine: &Engine) -> Result<(Samples, Option<Samples>), Stop> {
        let Self { request, sampling, sigmas, watch, .. } = *self;
        let (sampler, options) = (request.method.sampler, &request.method.options);
        let device = engine.device();
        let frame = Frame::new(samples.shape(), device)?;
        let size = [frame.batch, samples.values().dims()[1]];
        let home = samples.values().device();
        let latent = samples.values().clone().to_device(device).cast(DType::F32);
        // An empty latent stays empty: shifted, it would be a grey picture.
        let latent = if is_zero(&latent) { latent } else { self.format.to_model(latent) };

        let (noise, mut generator) = request.noise.begin(samples.shape(), indices(request.latent)?, device)?;
        let mask = request.latent.noise_mask.as_ref().map(|it| frame.noise_mask(it)).transpose()?;
        let protecting = if sampler.own_inpaint_noise {
            generator = Generator::new(request.noise.seed.wrapping_add(1));
            noise::draw(&mut generator, size, None, device)
        } else {
            noise.clone()
        };
        let ambient = Arc::new(Mutex::new(generator));
        let patches = &request.guider.model.patches;
        self.network.check(patches)?;
        let controls = Loader::new(engine);
        if let Some(growth) = &options.growth {
            return self.grow(growth, &frame, latent, &noise, mask.as_ref(), ambient, &controls, &home);
        }

        let mask_picture = mask.clone().map(|it| frame.pictures(it).narrow(1, 0, 1));
        let beside = Beside {
            latent: frame.pictures(latent.clone()),
            noise_mask: mask_picture.as_ref(),
            format: self.format,
            controls: &controls,
        };
        let sides = Sides::new(&request.guider.guidance, patches, &frame, self.network, sampling, &beside)?;
        let mut guided = Guided::new(self.network, sampling, &frame, sides, patches, ambient.clone(), watch);
        guided.batch_limit = request.batch_limit;
        let letting_go = patches.iter().rev().find_map(|it| match it {
            Patch::DifferentialDiffusion { strength } => Some(LettingGo::new(*strength, sigmas, sampling)),
            _ => None,
        });
        let mut masked = mask.map(|mask| {
            let noise = protecting;
            Masked { inner: &mut guided, sampling, mask, letting_go, original: latent.clone(), noise }
        });
        // (The borrow of `guided` ends here where there is no mask.)
        let inner: &mut dyn Denoise = match &mut masked {
            Some(masked) => masked,
            None => &mut guided,
        };
        let mut watched = Watched::new(inner, watch, sigmas, samples.shape());

        let x = sampling.start(&latent, &noise, sigmas[0]);
        let steps = Steps { sigmas, sampling };
        let x = match sigmas.len() {
            1 => x,
            _ => {
                (sampler.run)(&mut watched, x, steps, &mut Noise::new(request.noise.seed, size, device).after(ambient), options)?
            }
        };
        let x = sampling.finish(x, sigmas[sigmas.len() - 1]);
        let denoised = watched.finish();
        let samples = |it: Tensor<2>| Samples::with_shape(self.format.from_model(it).to_device(&home), samples.shape());
        Ok((samples(x), denoised.map(samples)))
    }
}

impl Prepared<'_> {
    /// Latent consistency at a resolution that grows from step to step.
    fn grow(
        &self,
        growth: &Growth,
        frame: &Frame,
        latent: Tensor<2>,
        noise: &Tensor<2>,
        mask: Option<&Tensor<2>>,
        ambient: Ambient,
        controls: &Loader<'_>,
        home: &Device,
    ) -> Result<(Samples, Option<Samples>), Stop> {
        let Self { request, sampling, sigmas, watch, .. } = *self;
        if mask.is_some() || frame.shape.len() != 4 {
            return Err(Stop::Unfit("a latent that grows on the way is a picture without a noise mask".to_owned()));
        }
        let total = sigmas.len() - 1;
        let growing = growth.steps.map_or((sigmas.len() / 2 + 1).max(2), |it| (it + 1).min(sigmas.len() + 1)) - 1;
        let mut frame = frame.clone();
        let mut x = sampling.start(&latent, noise, sigmas[0]);
        let [height, width] = [frame.height, frame.width];
        let mut belief = None;
        for (step, pair) in sigmas.windows(2).enumerate() {
            let size = [frame.batch, x.dims()[1]];
            let nothing = frame.pictures(Tensor::zeros(size, &frame.device));
            let beside = Beside { latent: nothing, noise_mask: None, format: self.format, controls };
            let patches = &request.guider.model.patches;
            let sides = Sides::new(&request.guider.guidance, patches, &frame, self.network, sampling, &beside)?;
            let mut guided = Guided::new(self.network, sampling, &frame, sides, patches, ambient.clone(), watch);
            guided.batch_limit = request.batch_limit;
            watch.check()?;
            x = guided.denoise(&x, pair[0])?;
            let shown = Samples::with_shape(x.clone(), &frame.shape);
            watch.progress(step + 1, total, Some(&shown));
            belief = Some(shown);
            if step < growing {
                let part = (step + 1) as f64 / growing as f64;
                let factor = 1.0 + (growth.ratio - 1.0) * part;
                let scaled = |it: usize| (it as f64 * factor).round_ties_even() as usize;
                let pictures = growth.scaling.apply(frame.pictures(x), [scaled(height), scaled(width)])?;
                frame = Frame::new(&pictures.dims(), &frame.device)?;
                x = frame.flat(pictures);
            }
            if pair[1] > 0.0 {
                let drawn = Noise::new(0, x.dims(), &frame.device).after(ambient.clone()).ambient();
                x = x + drawn.mul_scalar(pair[1]);
            }
        }
        let x = sampling.finish(x, sigmas[total]);
        let samples = |it: Tensor<2>, shape: &[usize]| Samples::with_shape(self.format.from_model(it).to_device(home), shape);
        Ok((samples(x, &frame.shape), belief.map(|it| samples(it.values().clone(), it.shape()))))
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
fn levels(request: &SampleRequest<'_>, sampling: &ModelSampling) -> Result<Vec<f32>, Stop> {
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
            let mut sigmas = scheduled(request.method.sampler, schedule, sampling, whole as usize);
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
    let given = matches!(request.levels, Levels::Sigmas(_)) && request.start_step == 0;
    Ok(match request.start_step {
        // One level alone noises the latent and takes no step.
        _ if given => sigmas,
        start if start < steps => sigmas.split_off(start),
        _ => Vec::new(),
    })
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
