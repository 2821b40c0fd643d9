//! Schedules: which noise levels a run visits.
//!
//! They are f32, as ComfyUI computes them: its levels decide which timestep a network hears of.

use super::levels::ModelSampling;
use super::noise::fused;

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
    let stride = model.sigmas().len() as f64 / steps as f64;
    let levels = (0..steps).map(|i| model.sigmas()[model.sigmas().len() - 1 - (i as f64 * stride) as usize]);
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
    let starts_clean = model.sigmas()[1].abs() <= 1e-5;
    let steps = if starts_clean { steps + 1 } else { steps };
    let stride = (model.sigmas().len() / steps).max(1);
    let mut levels = if starts_clean { vec![] } else { vec![0.0] };
    levels.extend(model.sigmas()[1..].iter().step_by(stride));
    levels.reverse();
    levels
}

/// Quantiles of a beta distribution over the model's levels (Lee et al. 2024, arXiv 2407.12173). Equal ones are visited once, so the
/// number of steps can be less.
pub fn beta(model: &ModelSampling, steps: usize, alpha: f64, beta: f64) -> Vec<f32> {
    let last = (model.sigmas().len() - 1) as f64;
    let part = 1.0 / steps as f64;
    let mut at: Vec<usize> =
        (0..steps).map(|i| (beta_quantile(1.0 - i as f64 * part, alpha, beta) * last).round_ties_even() as usize).collect();
    at.dedup();
    at.into_iter().map(|it| model.sigmas()[it]).chain([0.0]).collect()
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

/// Evenly spaced in a power of log σ; `rho` 1 is [`exponential`].
pub fn polyexponential(steps: usize, low: f32, high: f32, rho: f64) -> Vec<f32> {
    let [low, high] = [low, high].map(|it| f64::from(it).ln());
    let (way, end) = ((high - low) as f32, low as f32);
    evenly(1.0, 0.0, steps).map(|it| (it.powf(rho as f32) * way + end).exp()).chain([0.0]).collect()
}

/// Quantiles of a Laplace distribution of log σ: Hang et al. 2024 (arXiv 2407.03297). It ends at the least level, not at zero.
pub fn laplace(steps: usize, low: f32, high: f32, mu: f32, beta: f32) -> Vec<f32> {
    let level = |part: f32| {
        let side = 0.5 - part;
        // (A little more than zero, whose logarithm there is none of.)
        let log = (1.0 - 2.0 * side.abs() + 1e-5).ln();
        let sign = if side == 0.0 { 0.0 } else { side.signum() };
        (mu - beta * sign * log).exp().max(low).min(high)
    };
    evenly(0.0, 1.0, steps).map(level).collect()
}

/// Evenly spaced in the time of a variance-preserving diffusion: Song et al. 2021 (arXiv 2011.13456), as Karras et al. 2022 have it.
pub fn variance_preserving(steps: usize, beta_d: f32, beta_min: f32, eps: f32) -> Vec<f32> {
    evenly(1.0, eps, steps).map(|t| (beta_d * (t * t) / 2.0 + beta_min * t).exp_m1().sqrt()).chain([0.0]).collect()
}

/// The ten levels that SD-Turbo was distilled to (Sauer et al. 2023, arXiv 2311.17042), from the one at `denoise` on.
pub fn sd_turbo(model: &ModelSampling, steps: usize, denoise: f64) -> Vec<f32> {
    let skipped = 10 - (10.0 * denoise) as usize;
    let times = (1..=10).rev().map(|it| (it * 100 - 1) as f32);
    times.skip(skipped).take(steps).map(|it| model.sigma(it)).chain([0.0]).collect()
}

/// Even steps of a rectified flow, moved towards noise for many tokens (LTX-Video), and where wanted stretched so that the last level
/// above zero is `terminal`.
pub fn ltxv(steps: usize, shift: f64, terminal: Option<f64>) -> Vec<f32> {
    let mu = shift.exp() as f32;
    let mut levels: Vec<f32> =
        evenly(1.0, 0.0, steps + 1).map(|it| if it == 0.0 { 0.0 } else { mu / (mu + (1.0 / it - 1.0)) }).collect();
    if let (Some(terminal), Some(last)) = (terminal, levels.iter().rev().find(|it| **it != 0.0).copied()) {
        let scale = (1.0 - last) / (1.0 - terminal) as f32;
        levels.iter_mut().filter(|it| **it != 0.0).for_each(|it| *it = 1.0 - (1.0 - *it) / scale);
    }
    levels
}

/// The shift that LTX-Video and FLUX.1 use for a number of tokens: on the line through two of them.
pub fn shift_for(tokens: f64, [few, base]: [f64; 2], [many, max]: [f64; 2]) -> f64 {
    let rise = (max - base) / (many - few);
    tokens * rise + (base - rise * few)
}

/// `count` numbers from `start` to `end`, both included.
pub(super) fn evenly(start: f32, end: f32, count: usize) -> impl Iterator<Item = f32> {
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
