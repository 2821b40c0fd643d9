//! DPM-Solver++: Lu et al. 2022 (arXiv 2211.01095), exponential integrators of the clean latent.

use super::{Correction, Options, Steps, ancestral, flow_ancestral, slope, sum};
use crate::Stop;
use crate::sampling::denoise::{Both, Denoise};
use crate::sampling::noise::Noise;
use burn::tensor::Tensor;

/// DPM-Solver++(2M): algorithm 2.
///
/// Order 2, one call a step.
pub(super) fn dpmpp_2m(
    model: &mut dyn Denoise,
    mut x: Tensor<2>,
    steps: Steps<'_>,
    _: &mut Noise,
    _: &Options,
) -> Result<Tensor<2>, Stop> {
    let time = |sigma: f32| -sigma.ln();
    let mut before: Option<(f32, Tensor<2>)> = None;
    for (sigma, next) in steps.pairs() {
        let denoised = model.denoise(&x, sigma)?;
        let h = time(next) - time(sigma);
        let towards = match &before {
            Some((last, old)) if next > 0.0 => {
                let r = (time(sigma) - time(*last)) / h;
                sum([(1.0 + 0.5 / r, &denoised), (-0.5 / r, old)])
            }
            _ => denoised.clone(),
        };
        x = sum([(next / sigma, &x), (-(-h).exp_m1(), &towards)]);
        before = Some((sigma, denoised));
    }
    Ok(x)
}

/// The same with CFG++: the noise of the unguided belief on top of the guided one.
///
/// One call a step.
pub(super) fn dpmpp_2m_cfg_pp(
    model: &mut dyn Denoise,
    mut x: Tensor<2>,
    steps: Steps<'_>,
    _: &mut Noise,
    _: &Options,
) -> Result<Tensor<2>, Stop> {
    let time = |sigma: f32| -sigma.ln();
    let mut before: Option<(f32, Tensor<2>)> = None;
    for (sigma, next) in steps.pairs() {
        let Both { guided, unguided } = model.denoise_both(&x, sigma)?;
        let h = time(next) - time(sigma);
        let rest = (-h).exp();
        x = sum([(rest, &x), (1.0, &guided), (-rest, &unguided)]);
        if let Some((last, old)) = before.filter(|_| next > 0.0) {
            let r = (time(sigma) - time(last)) / h;
            x = x + (guided - old).mul_scalar(-(-h).exp_m1() / (2.0 * r));
        }
        before = Some((sigma, unguided));
    }
    Ok(x)
}

/// DPM-Solver++(2S), algorithm 1, to a lower level, then fresh noise up to the wanted one.
///
/// Two calls a step but the last, stochastic.
pub(super) fn dpmpp_2s_ancestral(
    model: &mut dyn Denoise,
    mut x: Tensor<2>,
    steps: Steps<'_>,
    noise: &mut Noise,
    options: &Options,
) -> Result<Tensor<2>, Stop> {
    if steps.sampling.is_flow() {
        return dpmpp_2s_ancestral_flow(model, x, steps, noise, options);
    }
    for (sigma, next) in steps.pairs() {
        let denoised = model.denoise(&x, sigma)?;
        let (down, up) = ancestral(sigma, next, options.eta);
        x = if down == 0.0 { denoised } else { second_order(model, &x, &denoised, sigma, down)? };
        if next > 0.0 {
            x = sum([(1.0, &x), (options.s_noise * up, &noise.white())]);
        }
    }
    Ok(x)
}

/// A step by the belief in its middle, in log σ. `x` moves as `denoised` says.
fn second_order(model: &mut dyn Denoise, x: &Tensor<2>, denoised: &Tensor<2>, from: f32, to: f32) -> Result<Tensor<2>, Stop> {
    let h = from.ln() - to.ln();
    let middle = (from.ln() - 0.5 * h).exp();
    let there = sum([(middle / from, x), (-(-0.5 * h).exp_m1(), denoised)]);
    let there = model.denoise(&there, middle)?;
    Ok(sum([(to / from, x), (-(-h).exp_m1(), &there)]))
}

/// The same for a flow.
fn dpmpp_2s_ancestral_flow(
    model: &mut dyn Denoise,
    mut x: Tensor<2>,
    steps: Steps<'_>,
    noise: &mut Noise,
    options: &Options,
) -> Result<Tensor<2>, Stop> {
    for (sigma, next) in steps.pairs() {
        let denoised = model.denoise(&x, sigma)?;
        if next == 0.0 {
            x = denoised;
            continue;
        }
        let (down, keep, up) = flow_ancestral(sigma, next, options.eta);
        let lambda = |sigma: f32| ((1.0 - sigma) / sigma).ln();
        // At pure noise λ is infinite, and so would be the middle.
        let middle =
            if sigma == 1.0 { 0.9999 } else { 1.0 / ((lambda(sigma) + 0.5 * (lambda(down) - lambda(sigma))).exp() + 1.0) };
        let there = sum([(middle / sigma, &x), (1.0 - middle / sigma, &denoised)]);
        let there = model.denoise(&there, middle)?;
        x = sum([(down / sigma, &x), (1.0 - down / sigma, &there)]);
        if options.eta > 0.0 {
            x = sum([(keep, &x), (options.s_noise * up, &noise.white())]);
        }
    }
    Ok(x)
}

/// DPM-Solver++(2S) ancestral with CFG++: each step starts as far from the guided belief as it is from the unguided one.
///
/// Two calls a step but the last, stochastic.
pub(super) fn dpmpp_2s_ancestral_cfg_pp(
    model: &mut dyn Denoise,
    mut x: Tensor<2>,
    steps: Steps<'_>,
    noise: &mut Noise,
    options: &Options,
) -> Result<Tensor<2>, Stop> {
    for (sigma, next) in steps.pairs() {
        let Both { guided, unguided } = model.denoise_both(&x, sigma)?;
        let (down, up) = ancestral(sigma, next, options.eta);
        if down == 0.0 {
            let d = slope(&x, &unguided, sigma);
            x = sum([(1.0, &guided), (down, &d)]);
        } else {
            let h = sigma.ln() - down.ln();
            let middle = (sigma.ln() - 0.5 * h).exp();
            let keep = middle / sigma;
            let there = sum([(keep, &x), (keep - (-0.5 * h).exp_m1(), &guided), (-keep, &unguided)]);
            let there = model.denoise_both(&there, middle)?;
            let keep = down / sigma;
            let moved = sum([(keep, &x), (keep, &guided), (-keep, &there.unguided)]);
            x = sum([(1.0, &moved), (-(-h).exp_m1(), &there.guided)]);
        }
        if next > 0.0 {
            x = sum([(1.0, &x), (options.s_noise * up, &noise.white())]);
        }
    }
    Ok(x)
}

/// SDE-DPM-Solver++ with two stages (k-diffusion's `sample_dpmpp_sde`), its noise from one Brownian path.
///
/// Two calls a step but the last, stochastic.
pub(super) fn dpmpp_sde(
    model: &mut dyn Denoise,
    mut x: Tensor<2>,
    steps: Steps<'_>,
    noise: &mut Noise,
    options: &Options,
) -> Result<Tensor<2>, Stop> {
    let sampling = steps.sampling;
    let mut path = noise.brownian(steps.sigmas);
    let sigmas = sampling.with_finite_lambda(steps.sigmas);
    let noisy = options.eta > 0.0 && options.s_noise > 0.0;
    let part = options.stages[0];
    let share = 1.0 / (2.0 * part);
    for (sigma, next) in (Steps { sigmas: &sigmas, ..steps }).pairs() {
        let denoised = model.denoise(&x, sigma)?;
        if next == 0.0 {
            x = denoised;
            continue;
        }
        let (lambda, lambda_next) = (sampling.lambda(sigma), sampling.lambda(next));
        let middle_lambda = lambda + part * (lambda_next - lambda);
        let middle = sampling.sigma_of(middle_lambda);
        let alpha = sigma * lambda.exp();
        // Both stages start anew: down as far as the fresh noise wants, and up again.
        let mut stage = |x: &Tensor<2>, denoised: &Tensor<2>, to: f32, to_lambda: f32| {
            let (down, up) = ancestral((-lambda).exp(), (-to_lambda).exp(), options.eta);
            let h = -down.ln() - lambda;
            let alpha_to = to * to_lambda.exp();
            let moved = sum([(alpha_to / alpha * (-h).exp(), x), (-alpha_to * (-h).exp_m1(), denoised)]);
            if noisy { moved + path.between(sigma, to).mul_scalar(alpha_to * options.s_noise * up) } else { moved }
        };
        let there = stage(&x, &denoised, middle, middle_lambda);
        let there = model.denoise(&there, middle)?;
        let followed = if share == 1.0 { there } else { sum([(1.0 - share, &denoised), (share, &there)]) };
        x = stage(&x, &followed, next, lambda_next);
    }
    Ok(x)
}

/// SDE-DPM-Solver++(2M) (k-diffusion's `sample_dpmpp_2m_sde`), its noise from one Brownian path.
///
/// Order 2, one call a step, stochastic.
pub(super) fn dpmpp_2m_sde(
    model: &mut dyn Denoise,
    mut x: Tensor<2>,
    steps: Steps<'_>,
    noise: &mut Noise,
    options: &Options,
) -> Result<Tensor<2>, Stop> {
    let mut path = noise.brownian(steps.sigmas);
    let sigmas = steps.sampling.with_finite_lambda(steps.sigmas);
    let mut before: Option<(f32, Tensor<2>)> = None;
    for (sigma, next) in (Steps { sigmas: &sigmas, ..steps }).pairs() {
        let denoised = model.denoise(&x, sigma)?;
        if next == 0.0 {
            x = denoised;
            continue;
        }
        let step = Sde::new(steps, sigma, next, options);
        x = sum([(step.keep, &x), (step.grown, &denoised)]);
        if let Some((last, old)) = before {
            let r = last / step.h;
            let weight = match options.correction {
                Correction::Midpoint => 0.5 * step.grown / r,
                Correction::Heun => step.phi_2() / r,
            };
            x = sum([(1.0, &x), (weight, &denoised), (-weight, &old)]);
        }
        if step.noise > 0.0 {
            x = x + path.between(sigma, next).mul_scalar(step.noise);
        }
        before = Some((step.h, denoised));
    }
    Ok(x)
}

/// SDE-DPM-Solver++(3M) (k-diffusion's `sample_dpmpp_3m_sde`), its noise from one Brownian path.
///
/// One call a step, stochastic.
pub(super) fn dpmpp_3m_sde(
    model: &mut dyn Denoise,
    mut x: Tensor<2>,
    steps: Steps<'_>,
    noise: &mut Noise,
    options: &Options,
) -> Result<Tensor<2>, Stop> {
    let mut path = noise.brownian(steps.sigmas);
    let sigmas = steps.sampling.with_finite_lambda(steps.sigmas);
    // The last two steps' lengths and beliefs, the latest first.
    let mut before: Vec<(f32, Tensor<2>)> = Vec::new();
    for (sigma, next) in (Steps { sigmas: &sigmas, ..steps }).pairs() {
        let denoised = model.denoise(&x, sigma)?;
        if next == 0.0 {
            x = denoised;
            continue;
        }
        let step = Sde::new(steps, sigma, next, options);
        x = sum([(step.keep, &x), (step.grown, &denoised)]);
        match before.as_slice() {
            [(h1, old1), (h2, old2), ..] => {
                let (r0, r1) = (h1 / step.h, h2 / step.h);
                let first = (denoised.clone() - old1.clone()).div_scalar(r0);
                let second = (old1.clone() - old2.clone()).div_scalar(r1);
                let bend = (first.clone() - second).div_scalar(r0 + r1);
                let phi_3 = step.phi_2() / step.h_eta - 0.5 * step.alpha;
                x = sum([(1.0, &x), (step.phi_2(), &first), (step.phi_2() * r0 - phi_3, &bend)]);
            }
            [(h1, old1)] => {
                let weight = step.phi_2() * step.h / h1;
                x = sum([(1.0, &x), (weight, &denoised), (-weight, old1)]);
            }
            [] => {}
        }
        if step.noise > 0.0 {
            x = x + path.between(sigma, next).mul_scalar(step.noise);
        }
        before.insert(0, (step.h, denoised));
        before.truncate(2);
    }
    Ok(x)
}

/// The coefficients of a step of the stochastic equation.
struct Sde {
    /// The step in λ, and with the part that is noise.
    h: f32,
    h_eta: f32,
    /// What is left of the picture after it.
    alpha: f32,
    /// The factors of x, of the belief, and of fresh noise.
    keep: f32,
    grown: f32,
    noise: f32,
}

impl Sde {
    fn new(steps: Steps<'_>, sigma: f32, next: f32, options: &Options) -> Self {
        let h = steps.sampling.lambda(next) - steps.sampling.lambda(sigma);
        let h_eta = h * (options.eta + 1.0);
        let alpha = steps.sampling.alpha(next);
        let noise = if options.eta > 0.0 { next * (-(-2.0 * h * options.eta).exp_m1()).sqrt() * options.s_noise } else { 0.0 };
        let keep = next / sigma * (-h * options.eta).exp();
        Self { h, h_eta, alpha, keep, grown: -alpha * (-h_eta).exp_m1(), noise }
    }

    fn phi_2(&self) -> f32 {
        self.alpha * ((-self.h_eta).exp_m1() / self.h_eta + 1.0)
    }
}
