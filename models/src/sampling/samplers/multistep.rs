//! Multistep methods: one call a step, and the slopes or beliefs of the steps before.

use super::{Options, Steps, ancestral, slope, sum};
use crate::Stop;
use crate::sampling::denoise::{Both, Denoise};
use crate::sampling::noise::Noise;
use burn::tensor::Tensor;

/// The last few of something, the latest first.
struct Recent {
    tensors: Vec<Tensor<2>>,
    most: usize,
}

impl Recent {
    fn new(most: usize) -> Self {
        Self { tensors: Vec::new(), most }
    }

    fn add(&mut self, tensor: Tensor<2>) {
        self.tensors.insert(0, tensor);
        self.tensors.truncate(self.most);
    }

    /// `x` and the weighted sum of as many as there are weights.
    fn led(&self, x: &Tensor<2>, weights: &[f32]) -> Tensor<2> {
        self.tensors.iter().zip(weights).fold(x.clone(), |x, (it, weight)| x + it.clone().mul_scalar(*weight))
    }
}

/// Linear multistep: the slope through up to so many steps, integrated exactly (k-diffusion's `sample_lms`).
///
/// Order 4, one call a step.
pub(super) fn lms(
    model: &mut dyn Denoise,
    mut x: Tensor<2>,
    steps: Steps<'_>,
    _: &mut Noise,
    options: &Options,
) -> Result<Tensor<2>, Stop> {
    let mut slopes = Recent::new(options.order);
    for (index, (sigma, next)) in steps.pairs().enumerate() {
        let denoised = model.denoise(&x, sigma)?;
        slopes.add(slope(&x, &denoised, sigma));
        let known: Vec<f64> = steps.sigmas[..=index].iter().rev().take(slopes.most).map(|it| f64::from(*it)).collect();
        let weight =
            |j| integral(f64::from(sigma), f64::from(next), known.len().div_ceil(2).max(2), |at| lagrange(&known, j, at)) as f32;
        let weights: Vec<f32> = (0..known.len()).map(weight).collect();
        x = if next == 0.0 { denoised } else { slopes.led(&x, &weights) };
    }
    Ok(x)
}

/// The polynomial that is one at `points[j]` and zero at the others.
fn lagrange(points: &[f64], j: usize, at: f64) -> f64 {
    let others = points.iter().enumerate().filter(|(k, _)| *k != j);
    others.map(|(_, it)| (at - it) / (points[j] - it)).product()
}

/// Gauss and Legendre's rule, exact for polynomials of degree below `2 points`.
fn integral(from: f64, to: f64, points: usize, f: impl Fn(f64) -> f64) -> f64 {
    let (middle, half) = (0.5 * (from + to), 0.5 * (to - from));
    // The Legendre polynomial of degree `points` and its derivative, by the three-term recurrence.
    let legendre = |x: f64| {
        let (mut before, mut value) = (1.0, x);
        for n in 2..=points {
            let n = n as f64;
            (before, value) = (value, ((2.0 * n - 1.0) * x * value - (n - 1.0) * before) / n);
        }
        (value, points as f64 * (x * value - before) / (x * x - 1.0))
    };
    let node = |i: usize| {
        let mut x = (std::f64::consts::PI * (i as f64 + 0.75) / (points as f64 + 0.5)).cos();
        // Newton's method doubles the digits: from two to all in four steps.
        for _ in 0..6 {
            let (value, slope) = legendre(x);
            x -= value / slope;
        }
        let (_, slope) = legendre(x);
        2.0 / ((1.0 - x * x) * slope * slope) * f(middle + half * x)
    };
    half * (0..points).map(node).sum::<f64>()
}

/// Adams and Bashforth's method up to order 4, as if all steps were equal: Zhang and Chen 2022 (arXiv 2204.13902), iPNDM.
///
/// One call a step.
pub(super) fn ipndm(
    model: &mut dyn Denoise,
    mut x: Tensor<2>,
    steps: Steps<'_>,
    _: &mut Noise,
    options: &Options,
) -> Result<Tensor<2>, Stop> {
    const WEIGHTS: [&[f32]; 4] = [
        &[1.0],
        &[3.0 / 2.0, -1.0 / 2.0],
        &[23.0 / 12.0, -16.0 / 12.0, 5.0 / 12.0],
        &[55.0 / 24.0, -59.0 / 24.0, 37.0 / 24.0, -9.0 / 24.0],
    ];
    let mut slopes = Recent::new(options.order.min(WEIGHTS.len()));
    for (sigma, next) in steps.pairs() {
        let denoised = model.denoise(&x, sigma)?;
        slopes.add(slope(&x, &denoised, sigma));
        let weights: Vec<f32> = WEIGHTS[slopes.tensors.len() - 1].iter().map(|it| it * (next - sigma)).collect();
        x = if next == 0.0 { denoised } else { slopes.led(&x, &weights) };
    }
    Ok(x)
}

/// The same with weights for steps of different length (zju-pi's diff-sampler, Apache-2.0).
///
/// Order 2, one call a step.
pub(super) fn ipndm_v(
    model: &mut dyn Denoise,
    mut x: Tensor<2>,
    steps: Steps<'_>,
    _: &mut Noise,
    options: &Options,
) -> Result<Tensor<2>, Stop> {
    let mut slopes = Recent::new(options.order.min(4));
    for (index, (sigma, next)) in steps.pairs().enumerate() {
        let denoised = model.denoise(&x, sigma)?;
        slopes.add(slope(&x, &denoised, sigma));
        let lengths: Vec<f32> = steps.sigmas[..=index + 1].windows(2).rev().take(slopes.most).map(|it| it[1] - it[0]).collect();
        let weights: Vec<f32> = uneven_weights(&lengths).iter().map(|it| it * (next - sigma)).collect();
        x = if next == 0.0 { denoised } else { slopes.led(&x, &weights) };
    }
    Ok(x)
}

/// Weights of the last slopes for a step as long as the first of `lengths`, after steps as long as the others.
///
/// From order 3 on they are not quite those of Adams and Bashforth: the reference misplaces a bracket in `third` and `fourth`, and
/// what people have drawn with it depends on that.
fn uneven_weights(lengths: &[f32]) -> Vec<f32> {
    let mut weights = vec![1.0];
    let [h, rest @ ..] = lengths else { return weights };
    let [h1, rest @ ..] = rest else { return weights };
    let ratio = h / h1;
    weights = vec![1.0 + 0.5 * ratio, -0.5 * ratio];
    let [h2, rest @ ..] = rest else { return weights };
    let ratio_1 = h1 / h2;
    let two = h * (h + h1) / (h1 * (h1 + h2));
    let third = (1.0 - h / (3.0 * (h + h1)) * two) / 2.0;
    weights[0] += third;
    weights[1] -= (1.0 + ratio_1) * third;
    weights.push(ratio_1 * third);
    let [h3, ..] = rest else { return weights };
    let (ratio_2, chain) = (h2 / h3, h1 * (h1 + h2) / (h2 * (h2 + h3)));
    let three = h * (h + h1) * (h + h1 + h2) / (h1 * (h1 + h2) * (h1 + h2 + h3));
    let bend = (1.0 - h / (3.0 * (h + h1))) / 2.0 + (1.0 - h / (2.0 * (h + h1))) * h / (6.0 * (h + h1 + h2));
    let fourth = bend * three;
    weights[0] += fourth;
    weights[1] -= (1.0 + ratio_1 + chain) * fourth;
    weights[2] += (ratio_1 + chain * (1.0 + ratio_2)) * fourth;
    weights.push(-fourth * chain * ratio_1);
    weights
}

/// DEIS, the time-Adams-Bashforth form: Zhang and Chen 2022 (arXiv 2204.13902), up to two earlier slopes.
///
/// Order 3, one call a step.
pub(super) fn deis(
    model: &mut dyn Denoise,
    mut x: Tensor<2>,
    steps: Steps<'_>,
    _: &mut Noise,
    options: &Options,
) -> Result<Tensor<2>, Stop> {
    let clock = VpClock::new();
    let times: Vec<f64> = steps.sigmas.iter().map(|it| f64::from(clock.time(*it))).collect();
    let mut slopes = Recent::new(options.order.min(4));
    for (index, (sigma, next)) in steps.pairs().enumerate() {
        let denoised = model.denoise(&x, sigma)?;
        slopes.add(slope(&x, &denoised, sigma));
        x = if slopes.tensors.len() == 1 || next <= 0.0 {
            slopes.led(&x, &[next - sigma])
        } else {
            let known: Vec<f64> = times[..=index].iter().rev().take(slopes.most).copied().collect();
            slopes.led(&x, &clock.weights(&known, times[index + 1]))
        };
    }
    Ok(x)
}

/// The time of a variance-preserving diffusion that goes with σ from 0.002 to 80: Karras et al. 2022, table 1.
struct VpClock {
    beta_min: f32,
    beta_d: f32,
}

impl VpClock {
    fn new() -> Self {
        let log = |sigma: f32| (sigma * sigma + 1.0).ln();
        let first = 1e-3;
        let beta_d = 2.0 * (log(0.002) / first - log(80.0)) / (first - 1.0);
        Self { beta_min: log(80.0) - 0.5 * beta_d, beta_d }
    }

    fn time(&self, sigma: f32) -> f32 {
        ((self.beta_min * self.beta_min + 2.0 * self.beta_d * (sigma * sigma + 1.0).ln()).sqrt() - self.beta_min) / self.beta_d
    }

    /// How much of each slope at `known` (the latest first) goes into the step from there to `next`.
    fn weights(&self, known: &[f64], next: f64) -> Vec<f32> {
        // As many points as the reference takes: its sum differs from the integral in the fourth digit.
        const POINTS: usize = 10_000;
        let (beta_min, beta_d) = (f64::from(self.beta_min), f64::from(self.beta_d));
        let mut weights = vec![0.0; known.len()];
        for i in 0..POINTS {
            let time = known[0] + (next - known[0]) * i as f64 / (POINTS - 1) as f64;
            let alpha = (-0.5 * time * time * beta_d - time * beta_min).exp();
            let speed = 0.5 * (time * beta_d + beta_min) / (alpha * (1.0 - alpha)).sqrt();
            weights.iter_mut().enumerate().for_each(|(j, it)| *it += speed * lagrange(known, j, time));
        }
        weights.into_iter().map(|it| (it * (next - known[0]) / POINTS as f64) as f32).collect()
    }
}

/// What [`refined`] follows.
#[derive(Clone, Copy)]
enum Guide {
    Guided,
    CfgPp,
}

/// The second-order multistep form of the refined exponential solver, Zhang et al. 2023 (arXiv 2308.02157), to a lower level where
/// it is told so, then fresh noise up to the wanted one.
///
/// Order 2, one call a step.
pub(super) fn res_multistep(
    model: &mut dyn Denoise,
    x: Tensor<2>,
    steps: Steps<'_>,
    noise: &mut Noise,
    options: &Options,
) -> Result<Tensor<2>, Stop> {
    refined(model, x, steps, noise, options, Guide::Guided)
}

/// The same with CFG++.
///
/// One call a step.
pub(super) fn res_multistep_cfg_pp(
    model: &mut dyn Denoise,
    x: Tensor<2>,
    steps: Steps<'_>,
    noise: &mut Noise,
    options: &Options,
) -> Result<Tensor<2>, Stop> {
    refined(model, x, steps, noise, options, Guide::CfgPp)
}

fn refined(
    model: &mut dyn Denoise,
    mut x: Tensor<2>,
    steps: Steps<'_>,
    noise: &mut Noise,
    options: &Options,
    guide: Guide,
) -> Result<Tensor<2>, Stop> {
    let time = |sigma: f32| -sigma.ln();
    // The last step's level, the level that it went down to, and its belief.
    let mut before: Option<(f32, f32, Tensor<2>)> = None;
    for (sigma, next) in steps.pairs() {
        let (denoised, followed) = match guide {
            Guide::Guided => {
                let denoised = model.denoise(&x, sigma)?;
                (denoised.clone(), denoised)
            }
            Guide::CfgPp => {
                let Both { guided, unguided } = model.denoise_both(&x, sigma)?;
                (guided, unguided)
            }
        };
        let (down, up) = ancestral(sigma, next, options.eta);
        x = match before {
            Some((last, last_down, old)) if down > 0.0 => {
                let h = time(down) - time(sigma);
                let c2 = (time(last) - time(last_down)) / h;
                let phi_1 = (-h).exp_m1() / -h;
                let phi_2 = (phi_1 - 1.0) / -h;
                let number = |it: f32| if it.is_nan() { 0.0 } else { it };
                let (b1, b2) = (number(phi_1 - phi_2 / c2), number(phi_2 / c2));
                let keep = (-h).exp();
                // With CFG++, x first moves by what guidance adds to the belief; without, that is nothing.
                sum([(keep, &x), (keep, &denoised), (h * b1 - keep, &followed), (h * b2, &old)])
            }
            _ => sum([(down / sigma, &x), (1.0, &denoised), (-down / sigma, &followed)]),
        };
        if next > 0.0 && up > 0.0 {
            x = sum([(1.0, &x), (options.s_noise * up, &noise.white())]);
        }
        before = Some((sigma, down, followed));
    }
    Ok(x)
}
