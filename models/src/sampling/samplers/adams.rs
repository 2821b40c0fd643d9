//! SA-Solver: Xue et al. 2023 (arXiv 2309.05019), a stochastic Adams method with predictor and corrector.

use super::{Options, Steps, solve};
use crate::Stop;
use crate::sampling::denoise::Denoise;
use crate::sampling::noise::Noise;
use burn::tensor::Tensor;

/// SA-Solver in PEC mode: predictor of order 3, corrector of order 4, stochastic in the middle of the schedule.
///
/// One call a step.
pub(super) fn sa_solver(
    model: &mut dyn Denoise,
    x: Tensor<2>,
    steps: Steps<'_>,
    noise: &mut Noise,
    options: &Options,
) -> Result<Tensor<2>, Stop> {
    adams(model, x, steps, noise, options, Evaluate::Once)
}

/// SA-Solver in PECE mode: the model is asked again about what the corrector says.
///
/// Two calls a step but the first.
pub(super) fn sa_solver_pece(
    model: &mut dyn Denoise,
    x: Tensor<2>,
    steps: Steps<'_>,
    noise: &mut Noise,
    options: &Options,
) -> Result<Tensor<2>, Stop> {
    adams(model, x, steps, noise, options, Evaluate::Again)
}

/// Whether the model is asked about what the corrector says.
#[derive(Clone, Copy, PartialEq)]
enum Evaluate {
    Once,
    Again,
}

const PREDICTOR: usize = 3;
const CORRECTOR: usize = 4;

/// The part of the schedule that is stochastic.
const NOISY: [f64; 2] = [0.2, 0.8];

/// The step that was predicted last, for the corrector.
struct Last {
    sigma: f32,
    lambda: f32,
    tau: f32,
    noise: Option<Tensor<2>>,
}

fn adams(
    model: &mut dyn Denoise,
    mut x: Tensor<2>,
    steps: Steps<'_>,
    noise: &mut Noise,
    options: &Options,
    evaluate: Evaluate,
) -> Result<Tensor<2>, Stop> {
    let sampling = steps.sampling;
    let sigmas = sampling.with_finite_lambda(steps.sigmas);
    let count = sigmas.len() - 1;
    let ends_clean = sigmas[count] == 0.0;
    let [loud, quiet] = NOISY.map(|it| sampling.at_part(it));
    let tau = |sigma: f32| if (quiet..=loud).contains(&sigma) { options.eta } else { 0.0 };
    // λ and belief at the levels so far, the latest first.
    let mut known: Vec<(f32, Tensor<2>)> = Vec::new();
    let mut predicted = x.clone();
    let mut last: Option<Last> = None;
    for index in 0..count {
        let (sigma, next) = (sigmas[index], sigmas[index + 1]);
        let lambda = sampling.lambda(sigma);
        known.insert(0, (lambda, model.denoise(&predicted, sigma)?));
        known.truncate(CORRECTOR);
        // Towards a clean end, lower orders are steadier.
        let most = |order: usize, left: usize| if ends_clean { order.min(left) } else { order };
        x = match last.take().filter(|_| next != 0.0 || evaluate == Evaluate::Again) {
            None => predicted.clone(),
            Some(step) => {
                let order = most(CORRECTOR.min(known.len()), count - index);
                let mut corrected = stride(&x, &known[..order], &step, sigma, lambda);
                if let Some(noise) = step.noise {
                    corrected = corrected + noise;
                }
                if evaluate == Evaluate::Again {
                    known[0].1 = model.denoise(&corrected, sigma)?;
                }
                corrected
            }
        };
        if next == 0.0 {
            return Ok(known.swap_remove(0).1);
        }
        let order = most(PREDICTOR.min(known.len()), count - 1 - index);
        let mut step = Last { sigma, lambda, tau: tau(next), noise: None };
        let lambda_next = sampling.lambda(next);
        predicted = stride(&x, &known[..order], &step, next, lambda_next);
        if step.tau > 0.0 && options.s_noise > 0.0 {
            let spread = (-(-2.0 * step.tau * step.tau * (lambda_next - lambda)).exp_m1()).sqrt();
            let drawn = noise.white().mul_scalar(next * spread * options.s_noise);
            predicted = predicted + drawn.clone();
            step.noise = Some(drawn);
        }
        last = Some(step);
    }
    Ok(x)
}

/// Goes from `from` to a level by the beliefs at `known`: equations 14 and 17.
fn stride(x: &Tensor<2>, known: &[(f32, Tensor<2>)], from: &Last, sigma: f32, lambda: f32) -> Tensor<2> {
    let h = lambda - from.lambda;
    let keep = sigma / from.sigma * (-(from.tau * from.tau) * h).exp();
    let alpha = f64::from(sigma) * f64::from(lambda).exp();
    let points: Vec<f64> = known.iter().map(|it| f64::from(it.0)).collect();
    let weights = weights(&points, f64::from(from.lambda), f64::from(lambda), f64::from(from.tau));
    let start = x.clone().mul_scalar(keep);
    known.iter().zip(weights).fold(start, |x, ((_, belief), weight)| x + belief.clone().mul_scalar((alpha * weight) as f32))
}

/// The integral of each point's Lagrange polynomial times (1 + τ²) exp((1 + τ²) (λ - to)) from `from` to `to`.
fn weights(points: &[f64], from: f64, to: f64, tau: f64) -> Vec<f64> {
    let rate = 1.0 + tau * tau;
    // Of the powers of λ first, each from the one before by parts.
    let mut power = 0.0;
    let mut powers = Vec::with_capacity(points.len());
    for exponent in 0..points.len() as i32 {
        let ends = to.powi(exponent) - from.powi(exponent) * (-rate * (to - from)).exp();
        power = ends - f64::from(exponent) / rate * power;
        powers.push(power);
    }
    let rows = (0..points.len() as i32).map(|exponent| points.iter().map(|it| it.powi(exponent)).collect()).collect();
    solve(rows, powers)
}
