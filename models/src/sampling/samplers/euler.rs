//! Euler's and Heun's methods, and samplers that are one step of them with noise in between.

use super::{Options, Steps, ancestral, flow_ancestral, slope, sum};
use crate::Stop;
use crate::sampling::denoise::Denoise;
use crate::sampling::noise::Noise;
use burn::tensor::Tensor;

/// Euler's method: Karras et al. 2022 (arXiv 2206.00364), algorithm 2 without churn and without the second evaluation.
pub(super) fn euler(
    model: &mut dyn Denoise,
    mut x: Tensor<2>,
    steps: Steps<'_>,
    _: &mut Noise,
    _: &Options,
) -> Result<Tensor<2>, Stop> {
    for (sigma, next) in steps.pairs() {
        let denoised = model.denoise(&x, sigma)?;
        let d = slope(&x, &denoised, sigma);
        x = x + d.mul_scalar(next - sigma);
    }
    Ok(x)
}

/// Euler's method down to a lower level, then fresh noise up to the wanted one (k-diffusion's `sample_euler_ancestral`).
pub(super) fn euler_ancestral(
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
        } else if steps.sampling.is_flow() {
            let (down, keep, up) = flow_ancestral(sigma, next, options.eta);
            x = sum([(down / sigma, &x), (1.0 - down / sigma, &denoised)]);
            if options.eta > 0.0 {
                x = sum([(keep, &x), (options.s_noise * up, &noise.white())]);
            }
        } else {
            let (down, up) = ancestral(sigma, next, options.eta);
            let d = slope(&x, &denoised, sigma);
            x = if down == 0.0 {
                denoised
            } else {
                x + d.mul_scalar(down - sigma) + noise.white().mul_scalar(options.s_noise * up)
            };
        }
    }
    Ok(x)
}

/// Heun's method: Karras et al. 2022, algorithm 2 without churn.
pub(super) fn heun(
    model: &mut dyn Denoise,
    mut x: Tensor<2>,
    steps: Steps<'_>,
    _: &mut Noise,
    _: &Options,
) -> Result<Tensor<2>, Stop> {
    for (sigma, next) in steps.pairs() {
        let d = slope(&x, &model.denoise(&x, sigma)?, sigma);
        let euler = sum([(1.0, &x), (next - sigma, &d)]);
        if next == 0.0 {
            x = euler;
            continue;
        }
        let d2 = slope(&euler, &model.denoise(&euler, next)?, next);
        x = x + (d + d2).mul_scalar(0.5 * (next - sigma));
    }
    Ok(x)
}

/// DPM-Solver++(2M): Lu et al. 2022 (arXiv 2211.01095), algorithm 2.
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

/// Latent consistency models: Luo et al. 2023 (arXiv 2310.04378), algorithm 3: the belief, noised again for the next step.
pub(super) fn lcm(
    model: &mut dyn Denoise,
    mut x: Tensor<2>,
    steps: Steps<'_>,
    noise: &mut Noise,
    _: &Options,
) -> Result<Tensor<2>, Stop> {
    for (sigma, next) in steps.pairs() {
        x = model.denoise(&x, sigma)?;
        if next > 0.0 {
            x = steps.sampling.noised(&x, &noise.white(), next);
        }
    }
    Ok(x)
}
