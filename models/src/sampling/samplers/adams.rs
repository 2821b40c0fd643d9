//! SA-Solver: Xue et al. 2023 (arXiv 2309.05019), a stochastic Adams method with predictor and corrector.

use super::{Adams, Interval, Options, Steps, solve};
use crate::Stop;
use crate::sampling::denoise::Denoise;
use crate::sampling::noise::Noise;
use burn::tensor::Tensor;

/// The step that was predicted last, for the corrector.
struct Last {
    sigma: f32,
    lambda: f32,
    tau: f32,
    noise: Option<Tensor<2>>,
}

/// SA-Solver (algorithm 1): predict, evaluate, correct, and where it is told so evaluate again. Stochastic in the middle of the
/// schedule.
///
/// One call a step, or two but for the first.
pub(super) fn sa_solver(
    model: &mut dyn Denoise,
    mut x: Tensor<2>,
    steps: Steps<'_>,
    noise: &mut Noise,
    options: &Options,
) -> Result<Tensor<2>, Stop> {
    let Adams { predictor, corrector, again, simple, noisy } = options.adams;
    let sampling = steps.sampling;
    let sigmas = sampling.with_finite_lambda(steps.sigmas);
    let count = sigmas.len() - 1;
    let ends_clean = sigmas[count] == 0.0;
    let (loud, quiet) = match noisy {
        Interval::Parts(start, end) => (sampling.exactly_at_part(start), sampling.exactly_at_part(end)),
        Interval::Sigmas(start, end) => (start, end),
    };
    let tau = |sigma: f32| if (quiet..=loud).contains(&f64::from(sigma)) { options.eta } else { 0.0 };
    // λ and belief at the levels so far, the latest first.
    let mut known: Vec<(f32, Tensor<2>)> = Vec::new();
    let mut predicted = x.clone();
    let mut last: Option<Last> = None;
    for index in 0..count {
        let (sigma, next) = (sigmas[index], sigmas[index + 1]);
        let lambda = sampling.lambda(sigma);
        known.insert(0, (lambda, model.denoise(&predicted, sigma)?));
        known.truncate(predictor.max(corrector));
        // Towards a clean end, lower orders are steadier.
        let most = |order: usize, left: usize| if ends_clean { order.min(left) } else { order };
        x = match last.take().filter(|_| corrector > 0 && (next != 0.0 || again)) {
            None => predicted.clone(),
            Some(step) => {
                let order = most(corrector.min(known.len()), count - index);
                let mut corrected = stride(&x, &known[..order], &step, sigma, lambda, simple);
                if let Some(noise) = step.noise {
                    corrected = corrected + noise;
                }
                if again {
                    known[0].1 = model.denoise(&corrected, sigma)?;
                }
                corrected
            }
        };
        if next == 0.0 {
            return Ok(known.swap_remove(0).1);
        }
        let order = most(predictor.min(known.len()), count - 1 - index);
        let mut step = Last { sigma, lambda, tau: tau(next), noise: None };
        let lambda_next = sampling.lambda(next);
        predicted = stride(&x, &known[..order], &step, next, lambda_next, simple);
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

/// Goes from `from` to a level by the beliefs at `known`: equations 14 and 17, or for two beliefs the simple ones of appendix D.
fn stride(x: &Tensor<2>, known: &[(f32, Tensor<2>)], from: &Last, sigma: f32, lambda: f32, simple: bool) -> Tensor<2> {
    let h = lambda - from.lambda;
    let keep = sigma / from.sigma * (-(from.tau * from.tau) * h).exp();
    let alpha = f64::from(sigma) * f64::from(lambda).exp();
    let points: Vec<f64> = known.iter().map(|it| f64::from(it.0)).collect();
    let span = [f64::from(from.lambda), f64::from(lambda)];
    let tau = f64::from(from.tau);
    let weights = match points[..] {
        [latest, earlier] if simple => simple_weights(latest, earlier, span, tau),
        _ => weights(&points, span, tau),
    };
    let start = x.clone().mul_scalar(keep);
    known.iter().zip(weights).fold(start, |x, ((_, belief), weight)| x + belief.clone().mul_scalar((alpha * weight) as f32))
}

/// The integral of each point's Lagrange polynomial times (1 + τ²) exp((1 + τ²) (λ - to)) from `from` to `to`.
fn weights(points: &[f64], [from, to]: [f64; 2], tau: f64) -> Vec<f64> {
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

/// The same to order 2 where one of two points is an end of the step: its start (predictor) or its end (corrector).
fn simple_weights(latest: f64, earlier: f64, [from, to]: [f64; 2], tau: f64) -> Vec<f64> {
    let (rate, h) = (1.0 + tau * tau, to - from);
    let whole = -(-h * rate).exp_m1();
    let corrects = latest == to;
    if corrects {
        let latest = 0.5 * rate * h;
        return vec![latest, whole - latest];
    }
    let earlier = 0.5 * rate * h * h / (earlier - from);
    vec![whole - earlier, earlier]
}
