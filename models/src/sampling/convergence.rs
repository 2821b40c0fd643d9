//! Samplers against the exact answer: a normal distribution, of which the best denoiser and all paths are known.

use super::SAMPLERS;
use super::analytic::Normal;
use super::levels::ModelSampling;
use super::noise::Noise;
use super::samplers::{Options, Sampler, Steps};
use crate::diffusion::Prediction;
use burn::tensor::{Device, Tensor, TensorData};

fn normal(flow: bool) -> Normal {
    Normal { mean: 0.3, spread: 1.0, flow }
}

fn run(sampler: &Sampler, options: &Options, x: &[f32], sigmas: &[f32], sampling: &ModelSampling) -> Vec<f32> {
    let (device, size) = (Device::flex(), [1, x.len()]);
    let start = Tensor::from_data(TensorData::new(x.to_vec(), size), &device);
    let mut model = normal(sampling.is_flow());
    let steps = Steps { sigmas, sampling };
    let x = (sampler.run)(&mut model, start, steps, &mut Noise::new(3, size, &device), options).unwrap();
    x.to_data().iter::<f32>().collect()
}

/// Levels between two, evenly in λ, without a zero at the end: the last step to zero is one of order 1 for every sampler.
fn between(sampling: &ModelSampling, [high, low]: [f32; 2], steps: usize) -> Vec<f32> {
    let (from, to) = (sampling.lambda(high), sampling.lambda(low));
    let levels = (1..steps).map(|i| sampling.sigma_of(from + (to - from) * i as f32 / steps as f32));
    [high].into_iter().chain(levels).chain([low]).collect()
}

/// By how much the error falls when steps are doubled, as a power of two: the better of two doublings, as the coarsest can be too
/// coarse and the finest too fine for single precision.
fn measured(sampler: &Sampler, options: &Options, prediction: Prediction) -> (f64, Vec<f64>) {
    let sampling = ModelSampling::new(prediction);
    let [high, low] = if sampling.is_flow() { [0.99, 0.02] } else { [40.0, 0.05] };
    let model = normal(sampling.is_flow());
    let start: Vec<f32> = (0..16).map(|i| model.mean + high * (i as f32 / 8.0 - 0.9)).collect();
    let errors: Vec<f64> = [24, 48, 96]
        .iter()
        .map(|steps| {
            let sigmas = between(&sampling, [high, low], *steps);
            // As in the reference, this one hands on the latent of the level before where the last one is not zero.
            let low = if sampler.name.starts_with("sa_solver") { sigmas[steps - 1] } else { low };
            let found = run(sampler, options, &start, &sigmas, &sampling);
            let off = |(found, start): (&f32, &f32)| f64::from((found - model.path(*start, high, low)).abs());
            let worst = found.iter().zip(&start).map(off).fold(0.0, f64::max);
            worst / f64::from(model.variance(low)).sqrt()
        })
        .collect();
    let orders = errors.windows(2).map(|it| (it[0] / it[1]).log2());
    (orders.fold(f64::NEG_INFINITY, f64::max), errors)
}

/// Below this, relative, single precision has the last word.
const EXACT: f64 = 2e-5;

#[test]
fn the_error_falls_with_the_claimed_order_as_steps_double() {
    let mut failures = Vec::new();
    for prediction in [Prediction::Epsilon, Prediction::Flow { shift: 1.0, multiplier: 1000.0 }] {
        for sampler in SAMPLERS {
            let (Some(order), Some(options)) = (sampler.facts.order, sampler.quiet()) else { continue };
            let (found, errors) = measured(sampler, &options, prediction);
            if found < f64::from(order) - 0.4 && errors[1] > EXACT {
                failures.push(format!("{} {prediction:?}: order {found:.2}, claimed {order}; errors {errors:.6?}", sampler.name));
            }
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}

/// Its second stage takes the noise of another belief than its first one, as in the reference: it goes elsewhere.
const INCONSISTENT: &str = "dpmpp_2s_ancestral_cfg_pp";

#[test]
fn samplers_that_claim_no_order_come_closer_as_well() {
    for sampler in SAMPLERS.iter().filter(|it| it.facts.order.is_none()) {
        let Some(options) = sampler.quiet().filter(|_| sampler.name != INCONSISTENT) else { continue };
        let (_, errors) = measured(sampler, &options, Prediction::Epsilon);
        let adapts = sampler.name == "dpm_adaptive";
        assert!(errors[2] < if adapts { 0.05 } else { 0.7 * errors[0] }, "{}: {errors:.6?}", sampler.name);
    }
}

#[test]
fn stochastic_samplers_keep_the_variance() {
    const COUNT: usize = 8_000;
    const STEPS: usize = 100;
    let mut failures = Vec::new();
    for prediction in [Prediction::Epsilon, Prediction::Flow { shift: 1.0, multiplier: 1000.0 }] {
        let sampling = ModelSampling::new(prediction);
        let model = normal(sampling.is_flow());
        let [high, low] = if sampling.is_flow() { [0.95, 0.1] } else { [10.0, 0.2] };
        let mut generator = super::noise::Generator::new(11);
        let start: Vec<f32> = generator
            .normal(COUNT)
            .into_iter()
            .map(|it| model.alpha(high) * model.mean + it * model.variance(high).sqrt())
            .collect();
        let sigmas = between(&sampling, [high, low], STEPS);
        // A consistency model's belief is a sample, that of a denoiser is not.
        let tested =
            |it: &&Sampler| it.facts.stochastic && !it.name.ends_with("_gpu") && !["lcm", INCONSISTENT].contains(&it.name);
        for sampler in SAMPLERS.iter().filter(tested) {
            // Those that were not made for flows add noise as if it were added to the picture.
            let other = ["ddpm", "res_multistep_ancestral", "res_multistep_ancestral_cfg_pp"];
            if sampling.is_flow() && other.contains(&sampler.name) {
                continue;
            }
            let found = run(sampler, &sampler.options, &start, &sigmas, &sampling);
            let mean = found.iter().sum::<f32>() / COUNT as f32;
            let variance = found.iter().map(|it| (it - mean) * (it - mean)).sum::<f32>() / COUNT as f32;
            let (wanted_mean, wanted) = (model.alpha(low) * model.mean, model.variance(low));
            let wanted_mean =
                if sampler.name.starts_with("sa_solver") { model.alpha(sigmas[STEPS - 1]) * model.mean } else { wanted_mean };
            let wanted = if sampler.name.starts_with("sa_solver") { model.variance(sigmas[STEPS - 1]) } else { wanted };
            if (variance / wanted - 1.0).abs() > 0.08 || (mean - wanted_mean).abs() > 0.06 {
                failures.push(format!(
                    "{} {prediction:?}: {mean:.3} ± {variance:.3}, not {wanted_mean:.3} ± {wanted:.3}",
                    sampler.name
                ));
            }
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}
