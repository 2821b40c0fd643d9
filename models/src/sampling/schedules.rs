//! Noise levels: which ones a model knows, and which of them a run visits.
//!
//! Tables and schedules are f32, as ComfyUI computes them: its levels decide which timestep a network hears of.

use super::noise::fused;
use crate::diffusion::Prediction;
use burn::tensor::Tensor;

/// The noise levels of a model, and what its output means at each.
#[derive(Clone, Debug)]
pub struct ModelSampling {
    prediction: Prediction,
    /// σ, rising.
    sigmas: Vec<f32>,
    log_sigmas: Vec<f32>,
}

/// Stable Cascade's offset of the cosine.
const COSINE_S: f32 = 8e-3;

impl ModelSampling {
    /// The levels that go with a prediction.
    pub fn new(prediction: Prediction) -> Self {
        let empty = Self { prediction, sigmas: Vec::new(), log_sigmas: Vec::new() };
        let level = |it: f32| empty.sigma(it);
        let (sigmas, log_sigmas) = match prediction {
            Prediction::Epsilon | Prediction::Velocity | Prediction::Sample => scaled_linear(0.00085, 0.012, 1000),
            Prediction::Flow { multiplier, .. } => {
                logs((1..=1000).map(|i| level(i as f32 / 1000.0 * multiplier as f32)).collect())
            }
            Prediction::FluxFlow { .. } => logs((1..=10_000).map(|i| level(i as f32 / 10_000.0)).collect()),
            Prediction::Cascade { .. } => logs((1..=10_000).map(|i| level((f64::from(i) / 10_000.0) as f32)).collect()),
        };
        Self { prediction, sigmas, log_sigmas }
    }

    /// What the network's output means.
    pub fn prediction(&self) -> Prediction {
        self.prediction
    }

    /// All levels, rising.
    pub fn sigmas(&self) -> &[f32] {
        &self.sigmas
    }

    /// The least level.
    pub fn sigma_min(&self) -> f32 {
        self.sigmas[0]
    }

    /// The greatest level.
    pub fn sigma_max(&self) -> f32 {
        self.sigmas[self.sigmas.len() - 1]
    }

    /// Whether noise replaces the picture, `x = (1-σ) clean + σ noise`, rather than being added to it.
    pub fn is_flow(&self) -> bool {
        matches!(self.prediction, Prediction::Flow { .. } | Prediction::FluxFlow { .. })
    }

    /// The level at a time, in the network's unit of time.
    pub fn sigma(&self, time: f32) -> f32 {
        match self.prediction {
            Prediction::Epsilon | Prediction::Velocity | Prediction::Sample => {
                let time = time.clamp(0.0, (self.sigmas.len() - 1) as f32);
                let (low, high, part) = (time.floor() as usize, time.ceil() as usize, time.fract());
                ((1.0 - part) * self.log_sigmas[low] + part * self.log_sigmas[high]).exp()
            }
            Prediction::Flow { shift, multiplier } => shifted(shift as f32, time / multiplier as f32),
            Prediction::FluxFlow { shift } => {
                let mu = shift.exp() as f32;
                // In this order the reference rounds.
                1.0 / (mu + (1.0 / time - 1.0)) * mu
            }
            Prediction::Cascade { shift } => {
                let half_turn = std::f32::consts::FRAC_PI_2;
                let at = |time: f32| ((time + COSINE_S) / (1.0 + COSINE_S) * half_turn).cos().powi(2);
                let mut kept = at(time) / at(0.0);
                if shift != 1.0 {
                    let log_snr = (kept / (1.0 - kept)).ln() + 2.0 * (1.0 / shift as f32).ln();
                    kept = 1.0 / (1.0 + (-log_snr).exp());
                }
                let kept = kept.clamp(0.0001, 0.9999);
                ((1.0 - kept) / kept).sqrt()
            }
        }
    }

    /// What the network is told of a level. Where it knows whole timesteps only, the nearest in log σ.
    pub fn timestep(&self, sigma: f32) -> f32 {
        match self.prediction {
            Prediction::Epsilon | Prediction::Velocity | Prediction::Sample => {
                let log = sigma.ln();
                let distance = |it: &f32| (log - it).abs();
                // The first of equals, as a search for the least gives it.
                let nearest = self.log_sigmas.iter().map(distance).enumerate().min_by(|a, b| a.1.total_cmp(&b.1));
                nearest.map_or(0.0, |(index, _)| index as f32)
            }
            Prediction::Flow { multiplier, .. } => sigma * multiplier as f32,
            Prediction::FluxFlow { .. } => sigma,
            Prediction::Cascade { .. } => {
                let start = (COSINE_S / (1.0 + COSINE_S) * std::f32::consts::FRAC_PI_2).cos().powi(2);
                let kept = (1.0 / (sigma * sigma + 1.0)).clamp(0.0, 1.0);
                (kept * start).sqrt().acos() / std::f32::consts::FRAC_PI_2 * (1.0 + COSINE_S) - COSINE_S
            }
        }
    }

    /// The level after this part of the way from all noise (0) to none (1).
    pub fn at_part(&self, part: f64) -> f32 {
        if part <= 0.0 {
            return if self.is_flow() { 1.0 } else { 999_999_999.9 };
        }
        if part >= 1.0 {
            return 0.0;
        }
        let left = 1.0 - part;
        match self.prediction {
            Prediction::Epsilon | Prediction::Velocity | Prediction::Sample => self.sigma((left * 999.0) as f32),
            Prediction::Flow { shift, .. } => (shift * left / (1.0 + (shift - 1.0) * left)) as f32,
            Prediction::FluxFlow { shift } => (shift.exp() / (shift.exp() + (1.0 / left - 1.0))) as f32,
            Prediction::Cascade { .. } => self.sigma(left as f32),
        }
    }

    /// λ, the logarithm of what is left of the picture over σ: half the log signal-to-noise ratio.
    pub(super) fn lambda(&self, sigma: f32) -> f32 {
        if self.is_flow() { -(sigma / (1.0 - sigma)).ln() } else { -sigma.ln() }
    }

    /// The level of a λ.
    pub(super) fn sigma_of(&self, lambda: f32) -> f32 {
        if self.is_flow() { 1.0 / (1.0 + lambda.exp()) } else { (-lambda).exp() }
    }

    /// How much of the picture is left at a level.
    pub(super) fn alpha(&self, sigma: f32) -> f32 {
        sigma * self.lambda(sigma).exp()
    }

    /// Levels for samplers that compute in λ: a flow starts with no picture at all, where λ is infinite, so a little later.
    pub(super) fn with_finite_lambda(&self, sigmas: &[f32]) -> Vec<f32> {
        let mut sigmas = sigmas.to_vec();
        if self.is_flow() && sigmas.len() > 1 && sigmas[0] >= 1.0 {
            sigmas[0] = self.at_part(1e-4);
        }
        sigmas
    }

    /// A clean latent with the noise of a level.
    pub fn noised(&self, clean: &Tensor<2>, noise: &Tensor<2>, sigma: f32) -> Tensor<2> {
        let kept = if self.is_flow() { clean.clone().mul_scalar(1.0 - sigma) } else { clean.clone() };
        kept + noise.clone().mul_scalar(sigma)
    }

    /// Where a run starts. A model's greatest level has the variance that it was trained with, not that of noise alone.
    pub fn start(&self, clean: &Tensor<2>, noise: &Tensor<2>, sigma: f32) -> Tensor<2> {
        let max = self.sigma_max();
        let near = (f64::from(max) - f64::from(sigma)).abs() <= 1e-5 * f64::from(max.max(sigma));
        if !self.is_flow() && (near || sigma > max) {
            return clean.clone() + noise.clone().mul_scalar((1.0 + sigma * sigma).sqrt());
        }
        self.noised(clean, noise, sigma)
    }

    /// What a run that stopped at a level hands on: where noise replaces the picture, the picture in its whole strength.
    pub fn finish(&self, x: Tensor<2>, sigma: f32) -> Tensor<2> {
        if self.is_flow() { x.div_scalar(1.0 - sigma) } else { x }
    }

    /// What multiplies the noisy latent before the network sees it.
    pub(super) fn input_scale(&self, sigma: f32) -> f32 {
        if self.is_flow() { 1.0 } else { 1.0 / (sigma * sigma + 1.0).sqrt() }
    }

    /// The clean latent, from what the network said of `x`.
    pub(super) fn denoised(&self, x: Tensor<4>, output: Tensor<4>, sigma: f32) -> Tensor<4> {
        match self.prediction {
            Prediction::Sample => output,
            Prediction::Velocity => {
                let variance = sigma * sigma + 1.0;
                x.div_scalar(variance) - output.mul_scalar(sigma / variance.sqrt())
            }
            // x is the clean latent plus σ times what the network says: the noise, or the way from the picture to the noise.
            Prediction::Epsilon | Prediction::Flow { .. } | Prediction::FluxFlow { .. } | Prediction::Cascade { .. } => {
                x - output.mul_scalar(sigma)
            }
        }
    }
}

/// Levels of a discrete diffusion whose betas are the squares of evenly spaced numbers (Rombach et al. 2022).
fn scaled_linear(first: f64, last: f64, steps: usize) -> (Vec<f32>, Vec<f32>) {
    let (first, last) = (first.sqrt(), last.sqrt());
    let step = (last - first) / (steps - 1) as f64;
    let mut kept = 1.0;
    let exact = (0..steps).map(|i| {
        let root = if i < steps / 2 { first + step * i as f64 } else { last - step * (steps - 1 - i) as f64 };
        kept *= 1.0 - root * root;
        ((1.0 - kept) / kept).sqrt()
    });
    exact.map(|it: f64| (it as f32, it.ln() as f32)).unzip()
}

fn logs(sigmas: Vec<f32>) -> (Vec<f32>, Vec<f32>) {
    let logs = sigmas.iter().map(|it| it.ln()).collect();
    (sigmas, logs)
}

/// Moves a time so that more of the way is spent in noise (Esser et al. 2024, section 5.3.2).
fn shifted(shift: f32, time: f32) -> f32 {
    if shift == 1.0 { time } else { shift * time / (1.0 + (shift - 1.0) * time) }
}

/// Chooses the levels of a run of so many steps: falling, zero at the end.
pub type Scheduler = fn(&ModelSampling, usize) -> Vec<f32>;

/// Every schedule, in the order of ComfyUI's list.
pub const SCHEDULERS: &[(&str, Scheduler)] = &[
    ("simple", simple),
    ("sgm_uniform", sgm_uniform),
    ("karras", |model, steps| karras(steps, model.sigma_min(), model.sigma_max(), 7.0)),
    ("exponential", |model, steps| exponential(steps, model.sigma_min(), model.sigma_max())),
    ("ddim_uniform", ddim_uniform),
    ("beta", |model, steps| beta(model, steps, 0.6, 0.6)),
    ("normal", normal),
    ("linear_quadratic", |model, steps| linear_quadratic(model, steps, 0.025)),
    ("kl_optimal", |model, steps| kl_optimal(steps, model.sigma_min(), model.sigma_max())),
];

/// Every so-manieth level of the model, counted from the noisiest.
pub fn simple(model: &ModelSampling, steps: usize) -> Vec<f32> {
    let stride = model.sigmas.len() as f64 / steps as f64;
    let levels = (0..steps).map(|i| model.sigmas[model.sigmas.len() - 1 - (i as f64 * stride) as usize]);
    levels.chain([0.0]).collect()
}

/// Evenly spaced in time, the last one being the model's least level.
pub fn normal(model: &ModelSampling, steps: usize) -> Vec<f32> {
    let (start, end) = (model.timestep(model.sigma_max()), model.timestep(model.sigma_min()));
    let ends_clean = model.sigma(end).abs() <= 1e-5;
    let steps = if ends_clean { steps + 1 } else { steps };
    let mut levels: Vec<f32> = evenly(start, end, steps).map(|it| model.sigma(it)).collect();
    if !ends_clean {
        levels.push(0.0);
    }
    levels
}

/// Evenly spaced in time, a whole step before the end.
pub fn sgm_uniform(model: &ModelSampling, steps: usize) -> Vec<f32> {
    let (start, end) = (model.timestep(model.sigma_max()), model.timestep(model.sigma_min()));
    evenly(start, end, steps + 1).take(steps).map(|it| model.sigma(it)).chain([0.0]).collect()
}

/// Denser towards little noise: Karras et al. 2022 (arXiv 2206.00364), equation 5.
pub fn karras(steps: usize, low: f32, high: f32, rho: f64) -> Vec<f32> {
    let (low, high) = (f64::from(low).powf(1.0 / rho), f64::from(high).powf(1.0 / rho));
    let (start, way) = (high as f32, (low - high) as f32);
    evenly(0.0, 1.0, steps).map(|it| (start + it * way).powf(rho as f32)).chain([0.0]).collect()
}

/// Evenly spaced in log σ.
pub fn exponential(steps: usize, low: f32, high: f32) -> Vec<f32> {
    let log = |sigma: f32| f64::from(sigma).ln() as f32;
    evenly(log(high), log(low), steps).map(f32::exp).chain([0.0]).collect()
}

/// A fixed stride through the model's levels from the second on, as the first DDIM samplers went; the number of steps can differ.
pub fn ddim_uniform(model: &ModelSampling, steps: usize) -> Vec<f32> {
    let starts_clean = model.sigmas[1].abs() <= 1e-5;
    let steps = if starts_clean { steps + 1 } else { steps };
    let stride = (model.sigmas.len() / steps).max(1);
    let mut levels = if starts_clean { vec![] } else { vec![0.0] };
    levels.extend(model.sigmas[1..].iter().step_by(stride));
    levels.reverse();
    levels
}

/// Quantiles of a beta distribution over the model's levels (Lee et al. 2024, arXiv 2407.12173). Equal ones are visited once, so the
/// number of steps can be less.
pub fn beta(model: &ModelSampling, steps: usize, alpha: f64, beta: f64) -> Vec<f32> {
    let last = (model.sigmas.len() - 1) as f64;
    let part = 1.0 / steps as f64;
    let mut at: Vec<usize> =
        (0..steps).map(|i| (beta_quantile(1.0 - i as f64 * part, alpha, beta) * last).round_ties_even() as usize).collect();
    at.dedup();
    at.into_iter().map(|it| model.sigmas[it]).chain([0.0]).collect()
}

/// Half of the steps slow and even, the other half faster and faster (Genmo's Mochi 1).
pub fn linear_quadratic(model: &ModelSampling, steps: usize, threshold: f64) -> Vec<f32> {
    if steps == 1 {
        return vec![model.sigma_max(), 0.0];
    }
    let (linear, all) = ((steps / 2) as f64, steps as f64);
    let (rest, missing) = (all - linear, linear - threshold * all);
    let square = missing / (linear * rest * rest);
    let slope = threshold / linear - 2.0 * missing / (rest * rest);
    let clean = (0..steps)
        .map(|i| i as f64)
        .map(|i| if i < linear { i * threshold / linear } else { square * i * i + slope * i + square * linear * linear });
    clean.chain([1.0]).map(|it| (1.0 - it) as f32 * model.sigma_max()).collect()
}

/// Evenly spaced in arctan σ: Sabour et al. 2024 (arXiv 2404.14507), theorem 3.1. One step starts at the greatest level, where
/// ComfyUI divides zero by zero.
pub fn kl_optimal(steps: usize, low: f32, high: f32) -> Vec<f32> {
    let last = steps.saturating_sub(1).max(1) as f32;
    let [low, high] = [low, high].map(|it| f64::from(it).atan() as f32);
    let level = |i: usize| (i as f32 / last * low + (1.0 - i as f32 / last) * high).tan();
    (0..steps).map(level).chain([0.0]).collect()
}

/// `count` numbers from `start` to `end`, both included.
fn evenly(start: f32, end: f32, count: usize) -> impl Iterator<Item = f32> {
    let step = (end - start) / (count.saturating_sub(1).max(1)) as f32;
    // From both ends, so that both are exact.
    let from_start = if count == 1 { 1 } else { count / 2 };
    (0..count).map(move |i| if i < from_start { fused(step, i as f32, start) } else { fused(-step, (count - 1 - i) as f32, end) })
}

/// The `x` below which a part `p` of a beta distribution lies.
fn beta_quantile(p: f64, a: f64, b: f64) -> f64 {
    if a == b && p > 0.5 {
        // By symmetry, so that the middle is exact: it decides which of two levels is the nearer.
        return 1.0 - beta_quantile(1.0 - p, a, b);
    }
    let (mut low, mut high) = (0.0, if a == b { 0.5 } else { 1.0 });
    if a == b && p == 0.5 {
        return 0.5;
    }
    // Bisection: a hundred halvings end at neighbouring numbers.
    for _ in 0..100 {
        let middle = 0.5 * (low + high);
        if beta_below(middle, a, b) < p { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}

/// The part of a beta distribution below `x`: the regularised incomplete beta function by its continued fraction (DLMF 8.17.22).
fn beta_below(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return x.clamp(0.0, 1.0);
    }
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - beta_below(1.0 - x, b, a);
    }
    let front = (ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b) + a * x.ln() + b * (-x).ln_1p()).exp() / a;
    // Evaluated from the tail: sixty terms are many more than a double can tell apart.
    let mut fraction = 1.0;
    for i in (1..=120_u32).rev() {
        let m = f64::from(i / 2);
        let term = if i % 2 == 0 {
            m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m))
        } else {
            -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0))
        };
        fraction = 1.0 + term / fraction;
    }
    front / fraction
}

/// ln Γ(x) for positive `x`: Stirling's series after moving `x` up to where it converges.
fn ln_gamma(x: f64) -> f64 {
    let moved = (0..).map(|i| x + f64::from(i)).take_while(|it| *it < 15.0);
    let (down, steps) = moved.fold((0.0, 0.0), |(sum, steps), it| (sum + it.ln(), steps + 1.0));
    let y = x + steps;
    let series = 1.0 / (12.0 * y) - 1.0 / (360.0 * y.powi(3)) + 1.0 / (1260.0 * y.powi(5)) - 1.0 / (1680.0 * y.powi(7));
    (y - 0.5) * y.ln() - y + 0.5 * std::f64::consts::TAU.ln() + series - down
}
