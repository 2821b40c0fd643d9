//! Exponential integrators of the stochastic equation that draw their own white noise.

use super::{NoiseScale, Options, Steps, sum};
use crate::Stop;
use crate::sampling::denoise::Denoise;
use crate::sampling::noise::Noise;
use burn::tensor::Tensor;

/// ER-SDE-Solver-3: Cui et al. 2023 (arXiv 2309.06169), algorithm 3, with the noise scale that the authors recommend.
///
/// Order 3, one call a step, stochastic.
pub(super) fn er_sde(
    model: &mut dyn Denoise,
    mut x: Tensor<2>,
    steps: Steps<'_>,
    noise: &mut Noise,
    options: &Options,
) -> Result<Tensor<2>, Stop> {
    let sampling = steps.sampling;
    let sigmas = sampling.with_finite_lambda(steps.sigmas);
    // The paper's λ is the inverse of the signal-to-noise ratio's root.
    let ratio = |sigma: f32| (-sampling.lambda(sigma)).exp();
    let mut before: Option<(f32, Tensor<2>)> = None;
    let mut bent: Option<(f32, Tensor<2>)> = None;
    for (sigma, next) in (Steps { sigmas: &sigmas, ..steps }).pairs() {
        let denoised = model.denoise(&x, sigma)?;
        if next == 0.0 {
            x = denoised;
            continue;
        }
        let (from, to) = (ratio(sigma), ratio(next));
        let (alpha, alpha_next) = (sigma / from, next / to);
        let noise_scale = |ratio: f32| options.scale.at(ratio);
        let r = noise_scale(to) / noise_scale(from);
        x = sum([(alpha_next / alpha * r, &x), (alpha_next * (1.0 - r), &denoised)]);
        if let (Some((last, old)), 2..) = (&before, options.order) {
            let (inverse, moment) = inverse_integrals(options.scale, from, to);
            let first = (denoised.clone() - old.clone()).div_scalar(from - last);
            x = x + first.clone().mul_scalar(alpha_next * (to - from + inverse * noise_scale(to)));
            if let (Some((earlier, old)), 3..) = (&bent, options.order) {
                let second = (first.clone() - old.clone()).div_scalar((from - earlier) / 2.0);
                x = x + second.mul_scalar(alpha_next * ((to - from) * (to - from) / 2.0 + moment * noise_scale(to)));
            }
            bent = Some((*last, first));
        }
        if options.s_noise > 0.0 {
            // Rounding can make the variance of the last noise negative.
            let spread = (to * to - from * from * r * r).max(0.0).sqrt();
            x = x + noise.white().mul_scalar(alpha_next * options.s_noise * spread);
        }
        before = Some((from, denoised));
    }
    Ok(x)
}

impl NoiseScale {
    /// φ at a noise-to-signal ratio.
    fn at(self, ratio: f32) -> f32 {
        match self {
            Self::Recommended => ratio * (ratio.powf(0.3).exp() + 10.0),
            Self::ReverseTime { eta } => ratio.powf(eta + 1.0),
        }
    }
}

/// The integrals of 1/φ and of (u - from)/φ between two ratios, by as many points as the authors take.
fn inverse_integrals(scale: NoiseScale, from: f32, to: f32) -> (f32, f32) {
    const POINTS: usize = 200;
    let width = (from - to) / POINTS as f32;
    let points = (0..POINTS).map(|i| to + i as f32 * width);
    let (inverse, moment) = points.fold((0.0, 0.0), |(inverse, moment), at| {
        let scale = f64::from(scale.at(at));
        (inverse + 1.0 / scale, moment + f64::from(at - from) / scale)
    });
    (inverse as f32 * width, moment as f32 * width)
}

/// One exponential step from the level where a step of SEEDS began, with the noise drawn so far.
struct Stage {
    /// The level and λ there.
    sigma: f32,
    lambda: f32,
    eta: f32,
}

impl Stage {
    /// h after going to λ, with the part that is noise.
    fn h(&self, lambda: f32) -> f32 {
        (lambda - self.lambda) * (self.eta + 1.0)
    }

    /// The factor of x after going to a level.
    fn keep(&self, sigma: f32, lambda: f32) -> f32 {
        sigma / self.sigma * (-(lambda - self.lambda) * self.eta).exp()
    }

    /// The noise of the way so far, of unit scale in σ, continued to another λ by a fresh draw.
    fn noise(&self, so_far: Option<Tensor<2>>, from: f32, to: f32, noise: &mut Noise) -> Tensor<2> {
        let way = (to - from) * self.eta;
        let fresh = noise.white().mul_scalar((-(-2.0 * way).exp_m1()).sqrt());
        match so_far {
            Some(it) => it.mul_scalar((-way).exp()) + fresh,
            None => fresh,
        }
    }
}

/// (e^h - 1 - h) / h.
fn h_phi_2(h: f32) -> f32 {
    (h.exp_m1() - h) / h
}

/// SEEDS-2: Gonzalez et al. 2023 (arXiv 2305.14267), algorithm 2 with the clean latent predicted.
///
/// Order 2, two calls a step but the last, stochastic.
pub(super) fn seeds_2(
    model: &mut dyn Denoise,
    x: Tensor<2>,
    steps: Steps<'_>,
    noise: &mut Noise,
    options: &Options,
) -> Result<Tensor<2>, Stop> {
    // The first stage's belief is led towards the second's, and the whole step goes there.
    let weights = |h: f32, part: f32| {
        let second = h.exp_m1() / (2.0 * part);
        [h.exp_m1() - second, second]
    };
    two_stages(model, x, steps, noise, options, weights)
}

/// The exponential Heun method: two stages as SEEDS-2 takes them, the second at the end of the step, and the belief between both a
/// straight line in λ (Hochbruck and Ostermann 2010, "Exponential integrators").
///
/// Order 2, two calls a step but the last, stochastic where eta is above 0.
pub(super) fn exp_heun(
    model: &mut dyn Denoise,
    x: Tensor<2>,
    steps: Steps<'_>,
    noise: &mut Noise,
    options: &Options,
) -> Result<Tensor<2>, Stop> {
    let weights = |h: f32, part: f32| {
        let second = h_phi_2(h) / part;
        [h.exp_m1() - second, second]
    };
    two_stages(model, x, steps, noise, options, weights)
}

/// Steps of two stages. `weights` says how much of each stage's belief is taken, up to the sign, for a step of -h and the part of it
/// after which the second stage is.
fn two_stages(
    model: &mut dyn Denoise,
    mut x: Tensor<2>,
    steps: Steps<'_>,
    noise: &mut Noise,
    options: &Options,
    weights: impl Fn(f32, f32) -> [f32; 2],
) -> Result<Tensor<2>, Stop> {
    let sampling = steps.sampling;
    let noisy = options.eta > 0.0 && options.s_noise > 0.0;
    let sigmas = sampling.with_finite_lambda(steps.sigmas);
    let part = options.stages[0];
    for (sigma, next) in (Steps { sigmas: &sigmas, ..steps }).pairs() {
        let denoised = model.denoise(&x, sigma)?;
        if next == 0.0 {
            x = denoised;
            continue;
        }
        let (lambda, lambda_next) = (sampling.lambda(sigma), sampling.lambda(next));
        let stage = Stage { sigma, lambda, eta: options.eta };
        // From the end of the step, so that a part of 1 is exactly there: beyond it, the rest of the noise would be imaginary.
        let lambda_1 = lambda_next - (1.0 - part) * (lambda_next - lambda);
        let sigma_1 = sampling.sigma_of(lambda_1);
        let (alpha_1, alpha_next) = (sigma_1 * lambda_1.exp(), next * lambda_next.exp());

        let mut there = sum([(stage.keep(sigma_1, lambda_1), &x), (-alpha_1 * (-stage.h(lambda_1)).exp_m1(), &denoised)]);
        let drawn = noisy.then(|| stage.noise(None, lambda, lambda_1, noise));
        if let Some(drawn) = &drawn {
            there = sum([(1.0, &there), (sigma_1 * options.s_noise, drawn)]);
        }
        let there = model.denoise(&there, sigma_1)?;

        let [first, second] = weights(-stage.h(lambda_next), part).map(|it| -alpha_next * it);
        x = sum([(stage.keep(next, lambda_next), &x), (first, &denoised), (second, &there)]);
        if noisy {
            let drawn = stage.noise(drawn, lambda_1, lambda_next, noise);
            x = sum([(1.0, &x), (next * options.s_noise, &drawn)]);
        }
    }
    Ok(x)
}

/// SEEDS-3: Gonzalez et al. 2023, algorithm 3 with the clean latent predicted.
///
/// Order 3, three calls a step but the last, stochastic.
pub(super) fn seeds_3(
    model: &mut dyn Denoise,
    mut x: Tensor<2>,
    steps: Steps<'_>,
    noise: &mut Noise,
    options: &Options,
) -> Result<Tensor<2>, Stop> {
    let [part_1, part_2] = options.stages;
    let sampling = steps.sampling;
    let noisy = options.eta > 0.0 && options.s_noise > 0.0;
    let sigmas = sampling.with_finite_lambda(steps.sigmas);
    for (sigma, next) in (Steps { sigmas: &sigmas, ..steps }).pairs() {
        let denoised = model.denoise(&x, sigma)?;
        if next == 0.0 {
            x = denoised;
            continue;
        }
        let (lambda, lambda_next) = (sampling.lambda(sigma), sampling.lambda(next));
        let stage = Stage { sigma, lambda, eta: options.eta };
        let lambda_after = |part: f32| lambda + part * (lambda_next - lambda);
        let (lambda_1, lambda_2) = (lambda_after(part_1), lambda_after(part_2));
        let (sigma_1, sigma_2) = (sampling.sigma_of(lambda_1), sampling.sigma_of(lambda_2));
        let alpha = |sigma: f32, lambda: f32| sigma * lambda.exp();

        let grown = -alpha(sigma_1, lambda_1) * (-stage.h(lambda_1)).exp_m1();
        let mut there = sum([(stage.keep(sigma_1, lambda_1), &x), (grown, &denoised)]);
        let mut drawn = noisy.then(|| stage.noise(None, lambda, lambda_1, noise));
        if let Some(drawn) = &drawn {
            there = sum([(1.0, &there), (sigma_1 * options.s_noise, drawn)]);
        }
        let denoised_1 = model.denoise(&there, sigma_1)?;

        let (h, alpha_2) = (-stage.h(lambda_2), alpha(sigma_2, lambda_2));
        let bend = part_2 / part_1 * h_phi_2(h);
        there = sum([
            (stage.keep(sigma_2, lambda_2), &x),
            (-alpha_2 * (h.exp_m1() - bend), &denoised),
            (-alpha_2 * bend, &denoised_1),
        ]);
        if noisy {
            let continued = stage.noise(drawn.take(), lambda_1, lambda_2, noise);
            there = sum([(1.0, &there), (sigma_2 * options.s_noise, &continued)]);
            drawn = Some(continued);
        }
        let denoised_2 = model.denoise(&there, sigma_2)?;

        let (h, alpha_next) = (-stage.h(lambda_next), alpha(next, lambda_next));
        let bend = h_phi_2(h) / part_2;
        x = sum([
            (stage.keep(next, lambda_next), &x),
            (-alpha_next * (h.exp_m1() - bend), &denoised),
            (-alpha_next * bend, &denoised_2),
        ]);
        if noisy {
            let continued = stage.noise(drawn, lambda_2, lambda_next, noise);
            x = sum([(1.0, &x), (next * options.s_noise, &continued)]);
        }
    }
    Ok(x)
}
