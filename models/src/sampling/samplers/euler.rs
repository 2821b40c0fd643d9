//! Euler's and Heun's methods, and samplers that are one step of them with noise in between.

use super::{Options, Steps, ancestral, flow_ancestral, slope, sum};
use crate::Stop;
use crate::sampling::denoise::{Both, Denoise};
use crate::sampling::noise::Noise;
use burn::tensor::Tensor;

/// Euler's method: Karras et al. 2022 (arXiv 2206.00364), algorithm 2 without the second evaluation.
///
/// Order 1, one call a step.
pub(super) fn euler(
    model: &mut dyn Denoise,
    mut x: Tensor<2>,
    steps: Steps<'_>,
    noise: &mut Noise,
    options: &Options,
) -> Result<Tensor<2>, Stop> {
    for (sigma, next) in steps.pairs() {
        let (noisy, sigma) = steps.churned(x, sigma, noise, options);
        x = noisy;
        let denoised = model.denoise(&x, sigma)?;
        let d = slope(&x, &denoised, sigma);
        x = x + d.mul_scalar(next - sigma);
    }
    Ok(x)
}

/// Euler's method down to a lower level, then fresh noise up to the wanted one (k-diffusion's `sample_euler_ancestral`).
///
/// Order 1, one call a step, stochastic.
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
            x = if down == 0.0 { denoised } else { sum([(1.0, &x), (down - sigma, &d), (options.s_noise * up, &noise.white())]) };
        }
    }
    Ok(x)
}

/// Euler's method with CFG++: from the guided belief along the direction of the unguided one (Chung et al. 2024, arXiv 2406.08070,
/// algorithm 2).
///
/// Order 1, one call a step.
pub(super) fn euler_cfg_pp(
    model: &mut dyn Denoise,
    x: Tensor<2>,
    steps: Steps<'_>,
    noise: &mut Noise,
    _: &Options,
) -> Result<Tensor<2>, Stop> {
    euler_ancestral_cfg_pp(model, x, steps, noise, &Options { eta: 0.0, s_noise: 0.0, ..Options::USUAL })
}

/// The same with fresh noise: DDIM's stochastic step with CFG++.
///
/// Order 1, one call a step, stochastic.
pub(super) fn euler_ancestral_cfg_pp(
    model: &mut dyn Denoise,
    mut x: Tensor<2>,
    steps: Steps<'_>,
    noise: &mut Noise,
    options: &Options,
) -> Result<Tensor<2>, Stop> {
    for (sigma, next) in steps.pairs() {
        let Both { guided, unguided } = model.denoise_both(&x, sigma)?;
        if next == 0.0 {
            x = guided;
            continue;
        }
        let (alpha, alpha_next) = (steps.sampling.alpha(sigma), steps.sampling.alpha(next));
        let d = slope(&x, &unguided.mul_scalar(alpha), sigma);
        // In the space where the picture keeps its strength.
        let (down, up) = ancestral(sigma / alpha, next / alpha_next, options.eta);
        x = sum([(alpha_next, &guided), (alpha_next * down, &d)]);
        if options.eta > 0.0 && options.s_noise > 0.0 {
            x = x + noise.white().mul_scalar(alpha_next * options.s_noise * up);
        }
    }
    Ok(x)
}

/// Another form of CFG++: Euler's method along the guided slope, from which what guidance adds to the belief is taken.
///
/// Order 1, one call a step.
pub(super) fn euler_cfg_pp_alternative(
    model: &mut dyn Denoise,
    mut x: Tensor<2>,
    steps: Steps<'_>,
    _: &mut Noise,
    _: &Options,
) -> Result<Tensor<2>, Stop> {
    for (sigma, next) in steps.pairs() {
        let Both { guided, unguided } = model.denoise_both(&x, sigma)?;
        let h = (next - sigma) / sigma;
        x = sum([(1.0 + h, &x), (-2.0 * h, &guided), (h, &unguided)]);
    }
    Ok(x)
}

/// Heun's method: Karras et al. 2022, algorithm 2.
///
/// Order 2, two calls a step but the last.
pub(super) fn heun(
    model: &mut dyn Denoise,
    mut x: Tensor<2>,
    steps: Steps<'_>,
    noise: &mut Noise,
    options: &Options,
) -> Result<Tensor<2>, Stop> {
    for (sigma, next) in steps.pairs() {
        let (noisy, sigma) = steps.churned(x, sigma, noise, options);
        x = noisy;
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

/// Heun++: the slopes of up to three levels ahead, weighted by how noisy each is (Carzit's sd-webui-samplers-scheduler, MIT).
///
/// Three calls a step, two before the last, one at the last.
pub(super) fn heunpp2(
    model: &mut dyn Denoise,
    mut x: Tensor<2>,
    steps: Steps<'_>,
    noise: &mut Noise,
    options: &Options,
) -> Result<Tensor<2>, Stop> {
    let (first, last) = (steps.sigmas[0], steps.sigmas[steps.sigmas.len() - 1]);
    for (index, (level, next)) in steps.pairs().enumerate() {
        let (noisy, sigma) = steps.churned(x, level, noise, options);
        x = noisy;
        if options.churn.amount > 0.0 && sigma == level {
            // The reference draws for every step, also for those that it adds nothing to.
            noise.ambient();
        }
        let d = slope(&x, &model.denoise(&x, sigma)?, sigma);
        let h = next - sigma;
        let x2 = sum([(1.0, &x), (h, &d)]);
        let after = steps.sigmas.get(index + 2).copied().filter(|_| next != last);
        let Some(after) = after else {
            x = x2;
            continue;
        };
        let d2 = slope(&x2, &model.denoise(&x2, next)?, next);
        if after == last {
            let w2 = next / (2.0 * first);
            x = sum([(1.0, &x), (h * (1.0 - w2), &d), (h * w2, &d2)]);
            continue;
        }
        let x3 = sum([(1.0, &x2), (after - next, &d2)]);
        let d3 = slope(&x3, &model.denoise(&x3, after)?, after);
        let (w2, w3) = (next / (3.0 * first), after / (3.0 * first));
        x = sum([(1.0, &x), (h * (1.0 - w2 - w3), &d), (h * w2, &d2), (h * w3, &d3)]);
    }
    Ok(x)
}

/// Euler's method along a slope that is led away from the last one, as a better estimate of the distance's gradient: Permenter and
/// Yuan 2024 (arXiv 2306.04848), section 5.
///
/// One call a step.
pub(super) fn gradient_estimation(
    model: &mut dyn Denoise,
    mut x: Tensor<2>,
    steps: Steps<'_>,
    _: &mut Noise,
    options: &Options,
) -> Result<Tensor<2>, Stop> {
    let mut before: Option<Tensor<2>> = None;
    for (sigma, next) in steps.pairs() {
        let denoised = model.denoise(&x, sigma)?;
        let d = slope(&x, &denoised, sigma);
        if next == 0.0 {
            x = denoised;
        } else {
            let led = before.map_or_else(|| d.clone(), |it| sum([(options.gamma, &d), (1.0 - options.gamma, &it)]));
            x = x + led.mul_scalar(next - sigma);
        }
        before = Some(d);
    }
    Ok(x)
}

/// The same with CFG++: from the guided belief along the direction of the unguided one.
///
/// One call a step.
pub(super) fn gradient_estimation_cfg_pp(
    model: &mut dyn Denoise,
    mut x: Tensor<2>,
    steps: Steps<'_>,
    _: &mut Noise,
    options: &Options,
) -> Result<Tensor<2>, Stop> {
    let mut before: Option<Tensor<2>> = None;
    for (sigma, next) in steps.pairs() {
        let Both { guided, unguided } = model.denoise_both(&x, sigma)?;
        let d = slope(&x, &unguided, sigma);
        x = if next == 0.0 { guided } else { sum([(1.0, &guided), (next, &d)]) };
        if let Some(before) = before.filter(|_| next > 0.0) {
            x = x + (d.clone() - before).mul_scalar((options.gamma - 1.0) * (next - sigma));
        }
        before = Some(d);
    }
    Ok(x)
}

/// Ancestral sampling of denoising diffusion: Ho et al. 2020 (arXiv 2006.11239), algorithm 2.
///
/// Order 1, one call a step, stochastic.
pub(super) fn ddpm(
    model: &mut dyn Denoise,
    mut x: Tensor<2>,
    steps: Steps<'_>,
    noise: &mut Noise,
    _: &Options,
) -> Result<Tensor<2>, Stop> {
    for (sigma, next) in steps.pairs() {
        let eps = slope(&x, &model.denoise(&x, sigma)?, sigma);
        let (kept, kept_next) = (1.0 / (sigma * sigma + 1.0), 1.0 / (next * next + 1.0));
        let alpha = kept / kept_next;
        let scale = (1.0 / alpha).sqrt();
        x = sum([(scale * kept.sqrt(), &x), (-scale * (1.0 - alpha) / (1.0 - kept).sqrt(), &eps)]);
        if next > 0.0 {
            let spread = ((1.0 - alpha) * (1.0 - kept_next) / (1.0 - kept)).sqrt();
            x = sum([(1.0, &x), (spread, &noise.white())]).mul_scalar((1.0 + next * next).sqrt());
        }
    }
    Ok(x)
}

/// Latent consistency models: Luo et al. 2023 (arXiv 2310.04378), algorithm 3: the belief, noised again for the next step.
///
/// One call a step, stochastic.
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
