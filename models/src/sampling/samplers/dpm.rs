//! DPM-Solver: Lu et al. 2022 (arXiv 2206.00927), exponential integrators of the noise.

use super::{Controller, Options, Steps, ancestral, flow_ancestral, slope, sum};
use crate::Stop;
use crate::sampling::denoise::Denoise;
use crate::sampling::noise::Noise;
use burn::tensor::Tensor;

/// DPM-Solver-2 as k-diffusion has it: the slope in the middle, in log σ, of each step.
///
/// Order 2, two calls a step but the last.
pub(super) fn dpm_2(
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
        x = if next == 0.0 { sum([(1.0, &x), (next - sigma, &d)]) } else { through_middle(model, &x, &d, sigma, next)? };
    }
    Ok(x)
}

/// The same to a lower level, then fresh noise up to the wanted one.
///
/// Two calls a step but the last, stochastic.
pub(super) fn dpm_2_ancestral(
    model: &mut dyn Denoise,
    mut x: Tensor<2>,
    steps: Steps<'_>,
    noise: &mut Noise,
    options: &Options,
) -> Result<Tensor<2>, Stop> {
    for (sigma, next) in steps.pairs() {
        let d = slope(&x, &model.denoise(&x, sigma)?, sigma);
        let (down, keep, up) = if steps.sampling.is_flow() {
            flow_ancestral(sigma, next, options.eta)
        } else {
            let (down, up) = ancestral(sigma, next, options.eta);
            (down, 1.0, up)
        };
        if down == 0.0 {
            x = sum([(1.0, &x), (down - sigma, &d)]);
            continue;
        }
        let lower = through_middle(model, &x, &d, sigma, down)?;
        x = sum([(keep, &lower), (options.s_noise * up, &noise.white())]);
    }
    Ok(x)
}

/// A step along the slope that is found in its middle.
fn through_middle(model: &mut dyn Denoise, x: &Tensor<2>, d: &Tensor<2>, from: f32, to: f32) -> Result<Tensor<2>, Stop> {
    let middle = (from.ln() + 0.5 * (to.ln() - from.ln())).exp();
    let there = sum([(1.0, x), (middle - from, d)]);
    let d = slope(&there, &model.denoise(&there, middle)?, middle);
    Ok(sum([(1.0, x), (to - from, &d)]))
}

/// One step of DPM-Solver in t = -ln σ, and the noise that the model saw on the way: each is asked for once.
struct Step<'a> {
    model: &'a mut dyn Denoise,
    x: Tensor<2>,
    from: f32,
    h: f32,
    eps: Tensor<2>,
}

impl<'a> Step<'a> {
    fn new(model: &'a mut dyn Denoise, x: &Tensor<2>, from: f32, to: f32) -> Result<Self, Stop> {
        let sigma = (-from).exp();
        let eps = slope(x, &model.denoise(x, sigma)?, sigma);
        Ok(Self { model, x: x.clone(), from, h: to - from, eps })
    }

    /// σ and σ·expm1 after a part of the step.
    fn after(&self, part: f32) -> (f32, f32) {
        let sigma = (-(self.from + part * self.h)).exp();
        (sigma, sigma * (part * self.h).exp_m1())
    }

    fn noise(&mut self, x: &Tensor<2>, sigma: f32) -> Result<Tensor<2>, Stop> {
        Ok(slope(x, &self.model.denoise(x, sigma)?, sigma))
    }

    /// Algorithm DPM-Solver-1.
    fn first_order(&self) -> Tensor<2> {
        sum([(1.0, &self.x), (-self.after(1.0).1, &self.eps)])
    }

    /// DPM-Solver-2, by the noise after a part of the step; and that noise.
    fn second_order(&mut self, part: f32) -> Result<(Tensor<2>, Tensor<2>), Stop> {
        let (sigma, grown) = self.after(part);
        let there = sum([(1.0, &self.x), (-grown, &self.eps)]);
        let eps = self.noise(&there, sigma)?;
        let weight = self.after(1.0).1 / (2.0 * part);
        let x = sum([(1.0, &self.x), (weight - self.after(1.0).1, &self.eps), (-weight, &eps)]);
        Ok((x, eps))
    }

    /// DPM-Solver-3, by the noise after one third of the step and after two.
    fn third_order(&mut self, third: &Tensor<2>) -> Result<Tensor<2>, Stop> {
        let bend = |h: f32| h.exp_m1() / h - 1.0;
        let (sigma, grown) = self.after(2.0 * THIRD);
        let weight = sigma * 2.0 * bend(2.0 * THIRD * self.h);
        let there = sum([(1.0, &self.x), (weight - grown, &self.eps), (-weight, third)]);
        let last = self.noise(&there, sigma)?;
        let (sigma, grown) = self.after(1.0);
        let weight = sigma / (2.0 * THIRD) * bend(self.h);
        Ok(sum([(1.0, &self.x), (weight - grown, &self.eps), (-weight, &last)]))
    }
}

const THIRD: f32 = 1.0 / 3.0;

/// From where to where, in t = -ln σ: to the last level above zero. Rising levels are followed too, but not with fresh noise.
fn span(steps: Steps<'_>, options: &Options) -> Result<(f32, f32), Stop> {
    let levels = steps.sigmas;
    let last = match levels[levels.len() - 1] {
        0.0 if levels.len() > 1 => levels[levels.len() - 2],
        last => last,
    };
    if last <= 0.0 || levels[0] <= 0.0 {
        return Err(Stop::Unfit(format!("this sampler runs between noise levels above zero, not from {} to {last}", levels[0])));
    }
    if last >= levels[0] && options.eta > 0.0 {
        return Err(Stop::Unfit(format!("from {} up to {last} a run has no room for fresh noise: eta must be 0", levels[0])));
    }
    Ok((-levels[0].ln(), -last.ln()))
}

/// A level between `from` and `to` that a step goes down to, and the noise that leads from there up to `to` (all but the noise in
/// t = -ln σ).
fn lower(from: f32, to: f32, end: f32, eta: f32) -> (f32, f32) {
    if eta == 0.0 {
        return (to, 0.0);
    }
    let sigma = |t: f32| (-t).exp();
    let (down, _) = ancestral(sigma(from), sigma(to), eta);
    let lower = end.min(-down.ln());
    (lower, (sigma(to) * sigma(to) - sigma(lower) * sigma(lower)).sqrt())
}

/// DPM-Solver-fast: as many steps of order 3 as the calls allow, the rest of order 2 and 1 (section 3.4).
///
/// As many calls as steps were asked for.
pub(super) fn dpm_fast(
    model: &mut dyn Denoise,
    mut x: Tensor<2>,
    steps: Steps<'_>,
    noise: &mut Noise,
    options: &Options,
) -> Result<Tensor<2>, Stop> {
    let (from, to) = span(steps, options)?;
    let calls = steps.sigmas.len() - 1;
    let mut orders = vec![3; calls / 3];
    match calls % 3 {
        0 => {
            orders.pop();
            orders.extend([2, 1]);
        }
        rest => orders.push(rest),
    }
    let length = (to - from) / orders.len() as f32;
    for (index, order) in orders.iter().enumerate() {
        let at = |index: usize| if index == orders.len() { to } else { from + length * index as f32 };
        let (next, up) = lower(at(index), at(index + 1), to, options.eta);
        let mut step = Step::new(model, &x, at(index), next)?;
        x = match order {
            1 => step.first_order(),
            2 => step.second_order(0.5)?.0,
            _ => {
                let (_, third) = step.second_order(THIRD)?;
                step.third_order(&third)?
            }
        };
        if up > 0.0 {
            x = sum([(1.0, &x), (options.s_noise * up, &noise.white())]);
        }
    }
    Ok(x)
}

/// A run that needs more steps than this does not get anywhere.
const MOST_ATTEMPTS: usize = 10_000;

/// DPM-Solver-12 or 23 with steps as long as the difference between the two orders allows (appendix C), by a PID controller
/// (k-diffusion's `PIDStepSizeController`).
///
/// As many calls a step as its order, and as many steps as needed.
pub(super) fn dpm_adaptive(
    model: &mut dyn Denoise,
    mut x: Tensor<2>,
    steps: Steps<'_>,
    noise: &mut Noise,
    options: &Options,
) -> Result<Tensor<2>, Stop> {
    let order = match options.order {
        it @ (2 | 3) => it,
        other => return Err(Stop::Unfit(format!("dpm_adaptive has order 2 or 3, not {other}"))),
    };
    let Controller { relative, absolute, first, .. } = options.controller;
    let (mut at, to) = span(steps, options)?;
    let forward = to > at;
    let mut pace = Pace::new(if forward { first } else { -first }, options, order);
    let mut before = x.clone();
    for _ in 0..MOST_ATTEMPTS {
        if if forward { at >= to - 1e-5 } else { at <= to + 1e-5 } {
            return Ok(x);
        }
        let next = at + pace.h as f32;
        let next = if forward { to.min(next) } else { to.max(next) };
        let (down, up) = lower(at, next, to, options.eta);
        let mut step = Step::new(model, &x, at, down)?;
        let (low, high) = if order == 2 {
            (step.first_order(), step.second_order(0.5)?.0)
        } else {
            let (low, third) = step.second_order(THIRD)?;
            let high = step.third_order(&third)?;
            (low, high)
        };
        let allowed = low.clone().abs().max_pair(before.clone().abs()).mul_scalar(relative).clamp_min(absolute);
        let error = ((low.clone() - high.clone()) / allowed).square().mean().sqrt().into_scalar::<f32>();
        if !error.is_finite() || next == at {
            return Err(Stop::Unfit(format!(
                "dpm_adaptive found no step at a noise level of {}: the model's answer is not smooth, or no tolerance is left",
                (-at).exp()
            )));
        }
        if pace.accepts(f64::from(error)) {
            before = low;
            x = if up > 0.0 { sum([(1.0, &high), (options.s_noise * up, &noise.white())]) } else { high };
            at = next;
        }
    }
    Err(Stop::Unfit(format!(
        "dpm_adaptive tried {MOST_ATTEMPTS} steps and is still at a noise level of {}: allow larger tolerances or a lower accept_safety",
        (-at).exp()
    )))
}

/// The length of the next step, from the errors of the last ones.
struct Pace {
    h: f64,
    /// The powers of the inverse errors of this try and of the last two steps.
    powers: [f64; 3],
    inverses: Option<[f64; 3]>,
    safety: f64,
}

impl Pace {
    fn new(h: f64, options: &Options, order: usize) -> Self {
        let Controller { proportional: p, integral: i, derivative: d, safety, .. } = options.controller;
        // A stochastic path is of half the order.
        let order = if options.eta > 0.0 { 1.5 } else { order as f64 };
        Self { h, powers: [(p + i + d) / order, -(p + 2.0 * d) / order, d / order], inverses: None, safety }
    }

    fn accepts(&mut self, error: f64) -> bool {
        let inverse = 1.0 / (error + 1e-8);
        let inverses = self.inverses.get_or_insert([inverse; 3]);
        inverses[0] = inverse;
        let product: f64 = inverses.iter().zip(self.powers).map(|(it, power)| it.powf(power)).product();
        // Grown or shortened within reason.
        let factor = 1.0 + (product - 1.0).atan();
        let accepted = factor >= self.safety;
        if accepted {
            *inverses = [inverse, inverse, inverses[1]];
        }
        self.h *= factor;
        accepted
    }
}
