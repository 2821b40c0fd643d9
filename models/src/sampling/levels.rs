//! The noise levels that a model knows, and what its output means at each.
//!
//! Tables are f32, as ComfyUI computes them: its levels decide which timestep a network hears of.

use crate::diffusion::{Clock, Output, Prediction};
use burn::tensor::Tensor;

/// The noise levels of a model, and what its output means at each.
#[derive(Clone, Debug)]
pub struct ModelSampling {
    prediction: Prediction,
    output: Output,
    /// σ, rising.
    sigmas: Vec<f32>,
    log_sigmas: Vec<f32>,
}

/// Stable Cascade's offset of the cosine.
const COSINE_S: f32 = 8e-3;

/// How many timesteps lie between the levels of a latent consistency model.
const STRIDE: usize = 20;

/// ᾱ of the noisiest level where it is meant to be noise alone: at zero its σ would be infinite.
const NOTHING_LEFT: f64 = 4.8973451890853435e-08;

impl ModelSampling {
    /// The levels that go with a prediction.
    pub fn new(prediction: Prediction) -> Self {
        let output = match prediction {
            Prediction::Epsilon | Prediction::Cascade { .. } => Output::Epsilon,
            Prediction::Velocity => Output::Velocity,
            Prediction::Sample => Output::Sample,
            // As far as their levels go.
            Prediction::Flow { .. } | Prediction::FluxFlow { .. } => Output::Epsilon,
            Prediction::Discrete { output, .. } | Prediction::Continuous { output, .. } => output,
        };
        let empty = Self { prediction, output, sigmas: Vec::new(), log_sigmas: Vec::new() };
        let level = |it: f32| empty.sigma(it);
        let (sigmas, log_sigmas) = match prediction {
            Prediction::Epsilon | Prediction::Velocity | Prediction::Sample => rounded(&scaled_linear(0.00085, 0.012, 1000)),
            Prediction::Discrete { output, zero_snr } => {
                let mut sigmas = scaled_linear(0.00085, 0.012, 1000);
                if zero_snr {
                    without_signal(&mut sigmas);
                }
                match output {
                    Output::Consistency => logs(sigmas.iter().skip(STRIDE - 1).step_by(STRIDE).map(|it| *it as f32).collect()),
                    _ => rounded(&sigmas),
                }
            }
            Prediction::Continuous { min, max, .. } => {
                logs(super::schedules::evenly(min.ln() as f32, max.ln() as f32, 1000).map(f32::exp).collect())
            }
            Prediction::Flow { multiplier, .. } => {
                logs((1..=1000).map(|i| level(i as f32 / 1000.0 * multiplier as f32)).collect())
            }
            Prediction::FluxFlow { .. } => logs((1..=10_000).map(|i| level(i as f32 / 10_000.0)).collect()),
            Prediction::Cascade { .. } => logs((1..=10_000).map(|i| level((f64::from(i) / 10_000.0) as f32)).collect()),
        };
        Self { prediction, output, sigmas, log_sigmas }
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
            Prediction::Epsilon | Prediction::Velocity | Prediction::Sample | Prediction::Discrete { .. } => {
                let time = match self.output {
                    Output::Consistency => (time - (STRIDE - 1) as f32) / STRIDE as f32,
                    _ => time,
                };
                let time = time.clamp(0.0, (self.sigmas.len() - 1) as f32);
                let (low, high, part) = (time.floor() as usize, time.ceil() as usize, time.fract());
                ((1.0 - part) * self.log_sigmas[low] + part * self.log_sigmas[high]).exp()
            }
            Prediction::Continuous { clock, .. } => match clock {
                Clock::Logarithm => (time / 0.25).exp(),
                Clock::Angle => (time * std::f32::consts::PI / 2.0).tan(),
                Clock::Ratio => {
                    let max = self.sigma_max();
                    if time >= max / (max + 1.0) { max } else { time / (1.0 - time) }
                }
            },
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
            Prediction::Epsilon | Prediction::Velocity | Prediction::Sample | Prediction::Discrete { .. } => {
                let log = sigma.ln();
                let distance = |it: &f32| (log - it).abs();
                // The first of equals, as a search for the least gives it.
                let nearest = self.log_sigmas.iter().map(distance).enumerate().min_by(|a, b| a.1.total_cmp(&b.1));
                let index = nearest.map_or(0, |(index, _)| index);
                match self.output {
                    Output::Consistency => (index * STRIDE + STRIDE - 1) as f32,
                    _ => index as f32,
                }
            }
            Prediction::Continuous { clock, .. } => match clock {
                Clock::Logarithm => 0.25 * sigma.ln(),
                Clock::Angle => sigma.atan() / std::f32::consts::PI * 2.0,
                Clock::Ratio => sigma / (sigma + 1.0),
            },
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
        self.exactly_at_part(part) as f32
    }

    /// The same before rounding: where a level is compared with it that lies just there, the last digits decide.
    pub fn exactly_at_part(&self, part: f64) -> f64 {
        if part <= 0.0 {
            return if self.is_flow() { 1.0 } else { 999_999_999.9 };
        }
        if part >= 1.0 {
            return 0.0;
        }
        let left = 1.0 - part;
        match self.prediction {
            Prediction::Epsilon | Prediction::Velocity | Prediction::Sample | Prediction::Discrete { .. } => {
                f64::from(self.sigma((left * 999.0) as f32))
            }
            Prediction::Continuous { .. } => {
                let [low, high] = [self.sigma_min(), self.sigma_max()].map(|it| f64::from(it).ln());
                ((high - low) * left + low).exp()
            }
            Prediction::Flow { shift, .. } => shift * left / (1.0 + (shift - 1.0) * left),
            Prediction::FluxFlow { shift } => shift.exp() / (shift.exp() + (1.0 / left - 1.0)),
            Prediction::Cascade { .. } => f64::from(self.sigma(left as f32)),
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
        if !self.is_flow() && self.output != Output::Flow && (near || sigma > max) {
            return clean.clone() + noise.clone().mul_scalar((1.0 + sigma * sigma).sqrt());
        }
        self.noised(clean, noise, sigma)
    }

    /// What a run that stopped at a level hands on: where noise replaces the picture, the picture in its whole strength.
    pub fn finish(&self, x: Tensor<2>, sigma: f32) -> Tensor<2> {
        if self.is_flow() { x.div_scalar(1.0 - sigma) } else { x }
    }

    /// The standard deviation of clean latents that the network was made for.
    fn spread(&self) -> f32 {
        if self.output == Output::Edm { 0.5 } else { 1.0 }
    }

    /// What multiplies the noisy latent before the network sees it.
    pub(super) fn input_scale(&self, sigma: f32) -> f32 {
        let spread = self.spread();
        match self.output {
            _ if self.is_flow() => 1.0,
            Output::Image => 1.0,
            Output::Flow => 1.0 - sigma / (sigma + 1.0),
            _ => 1.0 / (sigma * sigma + spread * spread).sqrt(),
        }
    }

    /// The clean latent, from what the network said of `x`.
    pub(super) fn denoised(&self, x: Tensor<4>, output: Tensor<4>, sigma: f32) -> Tensor<4> {
        let spread = self.spread();
        let variance = sigma * sigma + spread * spread;
        match self.output {
            Output::Sample | Output::Image => output,
            Output::Velocity => x.div_scalar(variance) - output.mul_scalar(sigma / variance.sqrt()),
            Output::Edm => x.mul_scalar(spread * spread / variance) + output.mul_scalar(sigma * spread / variance.sqrt()),
            // x is the clean latent plus σ times what the network says: the noise, or the way from the picture to the noise.
            Output::Epsilon => x - output.mul_scalar(sigma),
            Output::Consistency => {
                let (time, spread) = (self.timestep(sigma) * 10.0, 0.5);
                let variance = time * time + spread * spread;
                let clean = x.clone() - output.mul_scalar(sigma);
                clean.mul_scalar(time / variance.sqrt()) + x.mul_scalar(spread * spread / variance)
            }
            Output::Flow => {
                let part = sigma / (sigma + 1.0);
                x.mul_scalar(1.0 - part) - output.mul_scalar(part)
            }
        }
    }
}

/// Levels of a discrete diffusion whose betas are the squares of evenly spaced numbers (Rombach et al. 2022).
fn scaled_linear(first: f64, last: f64, steps: usize) -> Vec<f64> {
    let (first, last) = (first.sqrt(), last.sqrt());
    let step = (last - first) / (steps - 1) as f64;
    let mut kept = 1.0;
    let exact = (0..steps).map(|i| {
        let root = if i < steps / 2 { first + step * i as f64 } else { last - step * (steps - 1 - i) as f64 };
        kept *= 1.0 - root * root;
        ((1.0 - kept) / kept).sqrt()
    });
    exact.collect()
}

/// Moves the levels so that nothing is left of the picture at the last one, and the first one stays: Lin et al. 2023
/// (arXiv 2305.08891), algorithm 1.
fn without_signal(sigmas: &mut [f64]) {
    let left = |sigma: f64| (1.0 / (sigma * sigma + 1.0)).sqrt();
    let (first, last) = (left(sigmas[0]), left(sigmas[sigmas.len() - 1]));
    let count = sigmas.len();
    for (index, sigma) in sigmas.iter_mut().enumerate() {
        let root = (left(*sigma) - last) * (first / (first - last));
        let kept = if index + 1 == count { NOTHING_LEFT } else { root * root };
        *sigma = ((1.0 - kept) / kept).sqrt();
    }
}

fn rounded(exact: &[f64]) -> (Vec<f32>, Vec<f32>) {
    exact.iter().map(|it| (*it as f32, it.ln() as f32)).unzip()
}

fn logs(sigmas: Vec<f32>) -> (Vec<f32>, Vec<f32>) {
    let logs = sigmas.iter().map(|it| it.ln()).collect();
    (sigmas, logs)
}

/// Moves a time so that more of the way is spent in noise (Esser et al. 2024, section 5.3.2).
fn shifted(shift: f32, time: f32) -> f32 {
    if shift == 1.0 { time } else { shift * time / (1.0 + (shift - 1.0) * time) }
}
