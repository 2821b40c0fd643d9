//! UniPC: Zhao et al. 2023 (arXiv 2302.04867), a unified predictor and corrector.

use super::{Options, Steps, solve, sum};
use crate::Stop;
use crate::sampling::denoise::Denoise;
use crate::sampling::noise::Noise;
use burn::tensor::Tensor;

/// UniPC-3 with B(h) = h, the clean latent predicted.
///
/// Order 3, one call a step.
pub(super) fn uni_pc(
    model: &mut dyn Denoise,
    x: Tensor<2>,
    steps: Steps<'_>,
    _: &mut Noise,
    _: &Options,
) -> Result<Tensor<2>, Stop> {
    unified(model, x, steps, Variant::H)
}

/// UniPC-3 with B(h) = e^h - 1.
///
/// Order 3, one call a step.
pub(super) fn uni_pc_bh2(
    model: &mut dyn Denoise,
    x: Tensor<2>,
    steps: Steps<'_>,
    _: &mut Noise,
    _: &Options,
) -> Result<Tensor<2>, Stop> {
    unified(model, x, steps, Variant::ExpM1)
}

/// B(h) of the paper.
#[derive(Clone, Copy)]
enum Variant {
    H,
    ExpM1,
}

const ORDER: usize = 3;

/// Where a run ends that was asked to end clean: at σ 0 the method divides by zero.
const NEARLY_CLEAN: f32 = 0.001;

/// A level in the space where picture and noise have unit variance together.
#[derive(Clone, Copy)]
struct Level {
    sigma: f32,
    alpha: f32,
    /// How much noise there is.
    std: f32,
    lambda: f32,
}

impl Level {
    /// In f32 and by way of the logarithm, as the reference has it: near σ 0 the digits that this loses show in the result.
    fn new(sigma: f32) -> Self {
        let log_alpha = 0.5 * (1.0 / (sigma * sigma + 1.0)).ln();
        let variance = 1.0 - (2.0 * log_alpha).exp();
        Self { sigma, alpha: log_alpha.exp(), std: variance.sqrt(), lambda: log_alpha - 0.5 * variance.ln() }
    }
}

fn unified(model: &mut dyn Denoise, x: Tensor<2>, steps: Steps<'_>, variant: Variant) -> Result<Tensor<2>, Stop> {
    let count = steps.sigmas.len() - 1;
    let mut sigmas = steps.sigmas.to_vec();
    let ends_clean = sigmas[count] == 0.0;
    if ends_clean {
        sigmas[count] = NEARLY_CLEAN;
    }
    let levels: Vec<Level> = sigmas.into_iter().map(Level::new).collect();
    let mut x = x.div_scalar((1.0 + levels[0].sigma * levels[0].sigma).sqrt());
    let order = ORDER.min(count.saturating_sub(1));
    // Levels and beliefs so far, the latest first.
    let mut known = vec![(levels[0], belief(model, &x, levels[0])?)];
    for (index, &level) in levels.iter().enumerate().skip(1) {
        // A run of one step ends where it began: the reference has no order for it.
        let used = if index < order { index } else { order.min(count + 1 - index) };
        if used == 0 {
            break;
        }
        let step = Unified::new(&known[..used], level, variant);
        let start = step.start(&x, &known[0].1);
        let predicted = step.predict(&start, &known[..used]);
        if index == count {
            x = predicted;
            break;
        }
        let there = belief(model, &predicted, level)?;
        x = step.correct(&start, &known[..used], &there);
        known.insert(0, (level, there));
        known.truncate(ORDER);
    }
    x = x.div_scalar(levels[count].alpha);
    // A flow's clean end is where the run stopped, and what is left of the picture there is less than all.
    Ok(if ends_clean && steps.sampling.is_flow() { x.div_scalar(1.0 - NEARLY_CLEAN) } else { x })
}

/// What the model believes, by way of the noise.
fn belief(model: &mut dyn Denoise, x: &Tensor<2>, level: Level) -> Result<Tensor<2>, Stop> {
    let seen = x.clone().mul_scalar((level.sigma * level.sigma + 1.0).sqrt());
    let denoised = model.denoise(&seen, level.sigma)?;
    let noise = (seen - denoised).div_scalar(level.sigma);
    Ok(sum([(1.0 / level.alpha, x), (-level.std / level.alpha, &noise)]))
}

/// The coefficients of one step.
struct Unified {
    keep: f32,
    /// α·(e^-h - 1) and α·B.
    grown: f32,
    scale: f32,
    /// Where the beliefs lie in the step: the new one at 1, the earlier ones below 0.
    places: Vec<f32>,
    moments: Vec<f32>,
}

impl Unified {
    fn new(known: &[(Level, Tensor<2>)], to: Level, variant: Variant) -> Self {
        let from = known[0].0;
        let h = to.lambda - from.lambda;
        let hh = -h;
        let b = match variant {
            Variant::H => hh,
            Variant::ExpM1 => hh.exp_m1(),
        };
        let mut places: Vec<f32> = known[1..].iter().map(|(it, _)| (it.lambda - from.lambda) / h).collect();
        places.push(1.0);
        let (mut moments, mut phi, mut factorial) = (Vec::new(), hh.exp_m1() / hh - 1.0, 1.0);
        for i in 1..=places.len() {
            moments.push(phi * factorial / b);
            factorial *= (i + 1) as f32;
            phi = phi / hh - 1.0 / factorial;
        }
        Self { keep: to.std / from.std, grown: to.alpha * hh.exp_m1(), scale: to.alpha * b, places, moments }
    }

    /// The step of order 1.
    fn start(&self, x: &Tensor<2>, belief: &Tensor<2>) -> Tensor<2> {
        sum([(self.keep, x), (-self.grown, belief)])
    }

    /// Bends the step by the earlier beliefs.
    fn predict(&self, start: &Tensor<2>, known: &[(Level, Tensor<2>)]) -> Tensor<2> {
        let earlier = self.places.len() - 1;
        let weights = if earlier == 1 { vec![0.5] } else { self.weights(earlier) };
        self.bend(start, known, &weights)
    }

    /// Bends it by these and the new one.
    fn correct(&self, start: &Tensor<2>, known: &[(Level, Tensor<2>)], there: &Tensor<2>) -> Tensor<2> {
        let weights = if self.places.len() == 1 { vec![0.5] } else { self.weights(self.places.len()) };
        let (last, earlier) = weights.split_last().expect("there is one for the new belief");
        let bent = self.bend(start, known, earlier);
        bent - (there.clone() - known[0].1.clone()).mul_scalar(self.scale * last)
    }

    fn bend(&self, start: &Tensor<2>, known: &[(Level, Tensor<2>)], weights: &[f32]) -> Tensor<2> {
        let earlier = known[1..].iter().zip(&self.places).zip(weights);
        earlier.fold(start.clone(), |x, (((_, belief), place), weight)| {
            x - (belief.clone() - known[0].1.clone()).mul_scalar(self.scale * weight / place)
        })
    }

    /// Equation 11 for the first `count` places.
    fn weights(&self, count: usize) -> Vec<f32> {
        let row = |power: usize| self.places[..count].iter().map(|it| f64::from(*it).powi(power as i32)).collect();
        let moments = self.moments[..count].iter().map(|it| f64::from(*it)).collect();
        solve((0..count).map(row).collect(), moments).into_iter().map(|it| it as f32).collect()
    }
}
