//! Schedules: which noise levels a run visits.

use super::{count, scheduler_names};
use models::sampling::published::{Aligned, Optimal, align_your_steps, gits, optimal_steps};
use models::sampling::{ModelSampling, Sigmas, scheduler, schedules};
use models::{Latent, Model};
use runtime::{Choice, Context, Node, NodeError, Registry, Run, registry};

/// Every node of this file.
pub(super) fn nodes() -> Registry {
    registry![
        BasicScheduler,
        KarrasScheduler,
        ExponentialScheduler,
        PolyexponentialScheduler,
        LaplaceScheduler,
        VPScheduler,
        BetaSamplingScheduler,
        SDTurboScheduler,
        AlignYourStepsScheduler,
        GITSScheduler,
        OptimalStepsScheduler,
        LTXVScheduler,
    ]
}

/// Chooses noise levels for a model by one of the usual schedules.
#[derive(Node)]
#[node(category = "sampling/custom_sampling/schedulers", outputs(SIGMAS = "The noise levels."))]
struct BasicScheduler {
    /// The network whose noise levels they are.
    model: Model,
    /// How much of the noise is removed at each step.
    #[input(options = scheduler_names())]
    scheduler: String,
    /// In how many steps the noise is removed.
    #[input(default = 20, min = 1, max = 10_000)]
    steps: u64,
    /// Below 1 only the last steps of a longer schedule are run, and so part of the start is kept.
    #[input(default = 1.0, min = 0.0, max = 1.0, step = 0.01)]
    denoise: f64,
}

impl Run for BasicScheduler {
    type Output = Sigmas;

    fn run(self, _: &Context) -> Result<Sigmas, NodeError> {
        let schedule = scheduler(&self.scheduler)?;
        if self.denoise <= 0.0 {
            return Ok(Sigmas::default());
        }
        let steps = count(self.steps);
        let whole = if self.denoise < 1.0 { steps as f64 / self.denoise } else { steps as f64 };
        if whole > MOST_STEPS {
            let error = NodeError::input("denoise", format!("{steps} steps of {whole:.0} in all are more than can be planned"));
            return Err(error.hint("raise denoise or lower steps"));
        }
        let sigmas = schedule(&ModelSampling::new(self.model.prediction), whole as usize);
        Ok(last(sigmas, steps))
    }
}

/// The longest whole schedule of which a part is run.
const MOST_STEPS: f64 = 1_000_000.0;

/// The last steps of a run.
fn last(mut sigmas: Vec<f32>, steps: usize) -> Sigmas {
    sigmas.drain(..sigmas.len().saturating_sub(steps + 1));
    Sigmas(sigmas)
}

/// The last part of a schedule of so many steps; none where nothing is to be removed, and then it is not even made.
fn last_part(steps: u64, denoise: f64, schedule: impl FnOnce(usize) -> Result<Vec<f32>, NodeError>) -> Result<Sigmas, NodeError> {
    if denoise <= 0.0 {
        return Ok(Sigmas::default());
    }
    Ok(last(schedule(count(steps))?, part(steps, denoise)))
}

/// How many of so many steps are run for a part of the way.
fn part(steps: u64, denoise: f64) -> usize {
    if denoise < 1.0 { (count(steps) as f64 * denoise).round_ties_even() as usize } else { count(steps) }
}

/// Refuses levels between which no schedule can be drawn.
fn range(low: f64, high: f64) -> Result<(f32, f32), NodeError> {
    if low <= 0.0 || high <= 0.0 {
        let input = if low <= 0.0 { "sigma_min" } else { "sigma_max" };
        return Err(NodeError::input(input, "this schedule runs between noise levels above 0"));
    }
    Ok((low as f32, high as f32))
}

/// Chooses noise levels that lie closer together where little noise is left, as Karras and others found best.
#[derive(Node)]
#[node(category = "sampling/custom_sampling/schedulers", outputs(SIGMAS = "The noise levels."))]
struct KarrasScheduler {
    /// In how many steps the noise is removed.
    #[input(default = 20, min = 1, max = 10_000)]
    steps: u64,
    /// The first noise level.
    #[input(default = 14.614642, min = 0.0, max = 5000.0, step = 0.01)]
    sigma_max: f64,
    /// The last noise level above zero.
    #[input(default = 0.0291675, min = 0.0, max = 5000.0, step = 0.01)]
    sigma_min: f64,
    /// How much closer they lie towards the end: 1 spaces them evenly.
    #[input(default = 7.0, min = 0.0, max = 100.0, step = 0.01)]
    rho: f64,
}

impl Run for KarrasScheduler {
    type Output = Sigmas;

    fn run(self, _: &Context) -> Result<Sigmas, NodeError> {
        if self.rho <= 0.0 {
            return Err(NodeError::input("rho", "a power above 0 is needed").hint("7 is usual"));
        }
        Ok(Sigmas(schedules::karras(count(self.steps), self.sigma_min as f32, self.sigma_max as f32, self.rho)))
    }
}

/// Chooses noise levels of which each is the same part of the one before.
#[derive(Node)]
#[node(category = "sampling/custom_sampling/schedulers", outputs(SIGMAS = "The noise levels."))]
struct ExponentialScheduler {
    /// In how many steps the noise is removed.
    #[input(default = 20, min = 1, max = 10_000)]
    steps: u64,
    /// The first noise level.
    #[input(default = 14.614642, min = 0.0, max = 5000.0, step = 0.01)]
    sigma_max: f64,
    /// The last noise level above zero.
    #[input(default = 0.0291675, min = 0.0, max = 5000.0, step = 0.01)]
    sigma_min: f64,
}

impl Run for ExponentialScheduler {
    type Output = Sigmas;

    fn run(self, _: &Context) -> Result<Sigmas, NodeError> {
        let (low, high) = range(self.sigma_min, self.sigma_max)?;
        Ok(Sigmas(schedules::exponential(count(self.steps), low, high)))
    }
}

/// Chooses noise levels whose logarithm follows a power.
#[derive(Node)]
#[node(category = "sampling/custom_sampling/schedulers", outputs(SIGMAS = "The noise levels."))]
struct PolyexponentialScheduler {
    /// In how many steps the noise is removed.
    #[input(default = 20, min = 1, max = 10_000)]
    steps: u64,
    /// The first noise level.
    #[input(default = 14.614642, min = 0.0, max = 5000.0, step = 0.01)]
    sigma_max: f64,
    /// The last noise level above zero.
    #[input(default = 0.0291675, min = 0.0, max = 5000.0, step = 0.01)]
    sigma_min: f64,
    /// The power: 1 is the exponential schedule, more goes faster through strong noise.
    #[input(default = 1.0, min = 0.0, max = 100.0, step = 0.01)]
    rho: f64,
}

impl Run for PolyexponentialScheduler {
    type Output = Sigmas;

    fn run(self, _: &Context) -> Result<Sigmas, NodeError> {
        let (low, high) = range(self.sigma_min, self.sigma_max)?;
        Ok(Sigmas(schedules::polyexponential(count(self.steps), low, high, self.rho)))
    }
}

/// Chooses noise levels that lie closest together around one of them. The last one is not zero.
#[derive(Node)]
#[node(category = "sampling/custom_sampling/schedulers", outputs(SIGMAS = "The noise levels."))]
struct LaplaceScheduler {
    /// How many noise levels.
    #[input(default = 20, min = 1, max = 10_000)]
    steps: u64,
    /// None is greater.
    #[input(default = 14.614642, min = 0.0, max = 5000.0, step = 0.01)]
    sigma_max: f64,
    /// None is less.
    #[input(default = 0.0291675, min = 0.0, max = 5000.0, step = 0.01)]
    sigma_min: f64,
    /// Logarithm of the noise level around which they lie closest.
    #[input(default = 0.0, min = -10.0, max = 10.0, step = 0.1)]
    mu: f64,
    /// How widely they are spread around it.
    #[input(default = 0.5, min = 0.0, max = 10.0, step = 0.1)]
    beta: f64,
}

impl Run for LaplaceScheduler {
    type Output = Sigmas;

    fn run(self, _: &Context) -> Result<Sigmas, NodeError> {
        let Self { steps, sigma_max, sigma_min, mu, beta } = self;
        Ok(Sigmas(schedules::laplace(count(steps), sigma_min as f32, sigma_max as f32, mu as f32, beta as f32)))
    }
}

/// Chooses noise levels evenly in the time of a continuous variance-preserving diffusion.
#[derive(Node)]
#[node(category = "sampling/custom_sampling/schedulers", outputs(SIGMAS = "The noise levels."))]
struct VPScheduler {
    /// In how many steps the noise is removed.
    #[input(default = 20, min = 1, max = 10_000)]
    steps: u64,
    /// How much faster noise is added at the end of that time than at its start.
    #[input(default = 19.9, min = 0.0, max = 5000.0, step = 0.01)]
    beta_d: f64,
    /// How fast noise is added at its start.
    #[input(default = 0.1, min = 0.0, max = 5000.0, step = 0.01)]
    beta_min: f64,
    /// The time of the last noise level above zero.
    #[input(default = 0.001, min = 0.0, max = 1.0, step = 0.0001)]
    eps_s: f64,
}

impl Run for VPScheduler {
    type Output = Sigmas;

    fn run(self, _: &Context) -> Result<Sigmas, NodeError> {
        let Self { steps, beta_d, beta_min, eps_s } = self;
        let levels = schedules::variance_preserving(count(steps), beta_d as f32, beta_min as f32, eps_s as f32);
        if levels.iter().any(|it| !it.is_finite()) {
            return Err(NodeError::input("beta_d", "the first noise level would be infinite").hint("lower beta_d and beta_min"));
        }
        Ok(Sigmas(levels))
    }
}

/// Chooses noise levels of a model by the quantiles of a beta distribution: many at both ends for parameters below 1.
#[derive(Node)]
#[node(category = "sampling/custom_sampling/schedulers", outputs(SIGMAS = "The noise levels."))]
struct BetaSamplingScheduler {
    /// The network whose noise levels they are.
    model: Model,
    /// In how many steps the noise is removed. Equal levels are visited once, so they can be fewer.
    #[input(default = 20, min = 1, max = 10_000)]
    steps: u64,
    /// Lower values choose more levels with much noise.
    #[input(default = 0.6, min = 0.0, max = 50.0, step = 0.01)]
    alpha: f64,
    /// Lower values choose more levels with little noise.
    #[input(default = 0.6, min = 0.0, max = 50.0, step = 0.01)]
    beta: f64,
}

impl Run for BetaSamplingScheduler {
    type Output = Sigmas;

    fn run(self, _: &Context) -> Result<Sigmas, NodeError> {
        if self.alpha <= 0.0 || self.beta <= 0.0 {
            let input = if self.alpha <= 0.0 { "alpha" } else { "beta" };
            return Err(NodeError::input(input, "a beta distribution has parameters above 0").hint("0.6 is usual"));
        }
        let sampling = ModelSampling::new(self.model.prediction);
        Ok(Sigmas(schedules::beta(&sampling, count(self.steps), self.alpha, self.beta)))
    }
}

/// Chooses the noise levels that turbo models were distilled to.
#[derive(Node)]
#[node(category = "sampling/custom_sampling/schedulers", outputs(SIGMAS = "The noise levels."))]
struct SDTurboScheduler {
    /// The network whose noise levels they are.
    model: Model,
    /// How many of them, of ten.
    #[input(default = 1, min = 1, max = 10)]
    steps: u64,
    /// Where in the ten to start: 1 at the noisiest.
    #[input(default = 1.0, min = 0.0, max = 1.0, step = 0.01)]
    denoise: f64,
}

impl Run for SDTurboScheduler {
    type Output = Sigmas;

    fn run(self, _: &Context) -> Result<Sigmas, NodeError> {
        Ok(Sigmas(schedules::sd_turbo(&ModelSampling::new(self.model.prediction), count(self.steps), self.denoise)))
    }
}

/// Whose levels.
#[derive(Choice, Clone, Copy, Debug)]
enum AlignedFor {
    #[choice("SD1")]
    Sd1,
    #[choice("SDXL")]
    Sdxl,
    #[choice("SVD")]
    Svd,
}

/// Chooses noise levels that were found to suit a family of models when steps are few ("Align Your Steps").
#[derive(Node)]
#[node(category = "sampling/custom_sampling/schedulers", outputs(SIGMAS = "The noise levels."))]
struct AlignYourStepsScheduler {
    /// The family of the model.
    model_type: AlignedFor,
    /// In how many steps the noise is removed.
    #[input(default = 10, min = 1, max = 10_000)]
    steps: u64,
    /// Below 1 only this part of the steps is run, the last ones.
    #[input(default = 1.0, min = 0.0, max = 1.0, step = 0.01)]
    denoise: f64,
}

impl Run for AlignYourStepsScheduler {
    type Output = Sigmas;

    fn run(self, _: &Context) -> Result<Sigmas, NodeError> {
        let table = match self.model_type {
            AlignedFor::Sd1 => Aligned::Sd1,
            AlignedFor::Sdxl => Aligned::Sdxl,
            AlignedFor::Svd => Aligned::Svd,
        };
        last_part(self.steps, self.denoise, |steps| Ok(align_your_steps(table, steps)))
    }
}

/// Chooses noise levels for Stable Diffusion 1 along the curves that its latents take ("GITS").
#[derive(Node)]
#[node(category = "sampling/custom_sampling/schedulers", outputs(SIGMAS = "The noise levels."))]
struct GITSScheduler {
    /// Greater values go sooner to little noise.
    #[input(default = 1.2, min = 0.8, max = 1.5, step = 0.05)]
    coeff: f64,
    /// In how many steps the noise is removed.
    #[input(default = 10, min = 2, max = 1000)]
    steps: u64,
    /// Below 1 only this part of the steps is run, the last ones.
    #[input(default = 1.0, min = 0.0, max = 1.0, step = 0.01)]
    denoise: f64,
}

impl Run for GITSScheduler {
    type Output = Sigmas;

    fn run(self, _: &Context) -> Result<Sigmas, NodeError> {
        last_part(self.steps, self.denoise, |steps| gits(self.coeff, steps).map_err(Into::into))
    }
}

/// Whose levels.
#[derive(Choice, Clone, Copy, Debug)]
enum OptimalFor {
    #[choice("FLUX")]
    Flux,
    #[choice("Wan")]
    Wan,
    #[choice("Chroma")]
    Chroma,
}

/// Chooses noise levels whose path is closest to that of very many steps ("Optimal Steps").
#[derive(Node)]
#[node(category = "sampling/custom_sampling/schedulers", outputs(SIGMAS = "The noise levels."))]
struct OptimalStepsScheduler {
    /// The family of the model.
    model_type: OptimalFor,
    /// In how many steps the noise is removed.
    #[input(default = 20, min = 3, max = 1000)]
    steps: u64,
    /// Below 1 only this part of the steps is run, the last ones.
    #[input(default = 1.0, min = 0.0, max = 1.0, step = 0.01)]
    denoise: f64,
}

impl Run for OptimalStepsScheduler {
    type Output = Sigmas;

    fn run(self, _: &Context) -> Result<Sigmas, NodeError> {
        let table = match self.model_type {
            OptimalFor::Flux => Optimal::Flux,
            OptimalFor::Wan => Optimal::Wan,
            OptimalFor::Chroma => Optimal::Chroma,
        };
        last_part(self.steps, self.denoise, |steps| Ok(optimal_steps(table, steps)))
    }
}

/// Chooses noise levels for LTX-Video: more of them with much noise, the more cells the latent has.
#[derive(Node)]
#[node(category = "sampling/custom_sampling/schedulers", outputs(SIGMAS = "The noise levels."))]
struct LTXVScheduler {
    /// In how many steps the noise is removed.
    #[input(default = 20, min = 1, max = 10_000)]
    steps: u64,
    /// The shift towards noise for 4096 cells.
    #[input(default = 2.05, min = 0.0, max = 100.0, step = 0.01)]
    max_shift: f64,
    /// The shift for 1024 cells.
    #[input(default = 0.95, min = 0.0, max = 100.0, step = 0.01)]
    base_shift: f64,
    /// Whether the levels are stretched so that the last one above zero is `terminal`.
    #[input(default = true)]
    stretch: bool,
    /// That level.
    #[input(default = 0.1, min = 0.0, max = 0.99, step = 0.01)]
    terminal: f64,
    /// The latent whose cells are counted; 4096 without one.
    latent: Option<Latent>,
}

impl Run for LTXVScheduler {
    type Output = Sigmas;

    fn run(self, _: &Context) -> Result<Sigmas, NodeError> {
        let shift = ltxv_shift(self.max_shift, self.base_shift, self.latent.as_ref());
        Ok(Sigmas(schedules::ltxv(count(self.steps), shift, self.stretch.then_some(self.terminal))))
    }
}

/// The shift for as many cells as a latent has.
pub(super) fn ltxv_shift(max: f64, base: f64, latent: Option<&Latent>) -> f64 {
    let cells = latent.map_or(4096.0, |it| it.samples.shape()[2..].iter().product::<usize>() as f64);
    schedules::shift_for(cells, [1024.0, base], [4096.0, max])
}
