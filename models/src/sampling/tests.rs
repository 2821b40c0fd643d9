//! The reference numbers, and whole runs with a network that is a formula.

use super::denoise::{Both, Denoise};
use super::noise::{Noise, initial};
use super::samplers::{Options, Steps};
use super::schedules::{ModelSampling, SCHEDULERS};
use super::*;
use crate::diffusion::{Architecture, Call, Prediction};
use crate::{LoadError, Unwatched, Weights};
use burn::tensor::{Device, TensorData};
use safetensors::SafeTensors;
use std::path::PathBuf;

/// A file of reference numbers.
struct Golden(Vec<u8>);

impl Golden {
    fn open(name: &str) -> Self {
        Self(std::fs::read(golden(name)).unwrap())
    }

    fn all(&self) -> Vec<(String, Vec<usize>, Vec<f32>)> {
        let file = SafeTensors::deserialize(&self.0).unwrap();
        let read = |data: &[u8]| data.chunks_exact(4).map(|it| f32::from_le_bytes(it.try_into().unwrap())).collect();
        let mut all: Vec<_> = file.tensors().into_iter().map(|(name, it)| (name, it.shape().to_vec(), read(it.data()))).collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all
    }
}

fn golden(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/parity/goldens").join(name)
}

fn prediction(name: &str) -> Prediction {
    match name {
        "eps" => Prediction::Epsilon,
        "v" => Prediction::Velocity,
        "flow3" => Prediction::Flow { shift: 3.0, multiplier: 1000.0 },
        "flux" => Prediction::FluxFlow { shift: 1.15 },
        "edm_cascade" => Prediction::Cascade { shift: 1.0 },
        _ => panic!("no sampling is called {name}"),
    }
}

fn values(tensor: &Tensor<2>) -> Vec<f32> {
    tensor.to_data().iter::<f32>().collect()
}

/// The greatest difference, relative to the greatest value.
fn difference(ours: &[f32], theirs: &[f32]) -> f32 {
    assert_eq!(ours.len(), theirs.len());
    let most = |it: &mut dyn Iterator<Item = f32>| it.fold(0.0, |a: f32, b| if b.is_nan() { b } else { a.max(b) });
    most(&mut ours.iter().zip(theirs).map(|(a, b)| (a - b).abs())) / most(&mut theirs.iter().map(|it| it.abs())).max(1e-6)
}

#[test]
fn noise_is_that_of_torch() {
    let mut cases = 0;
    for (name, _, wanted) in Golden::open("sampling.safetensors").all() {
        let parts: Vec<&str> = name.split('/').collect();
        let [kind @ ("noise" | "noise_tail"), seed, shape] = parts[..] else { continue };
        let count: usize = shape.split('x').map(|it| it.parse::<usize>().unwrap()).product();
        let ours = values(&initial(seed.parse().unwrap(), [1, count], None, &Device::flex()));
        let ours = if kind == "noise" { &ours[..wanted.len()] } else { &ours[count - wanted.len()..] };
        let worst = ours.iter().zip(&wanted).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst <= 3e-7, "{name}: {worst}");
        cases += 1;
    }
    assert!(cases > 0);
}

#[test]
fn brownian_noise_is_that_of_torchsde() {
    let mut cases = 0;
    for (name, _, wanted) in Golden::open("sampling.safetensors").all() {
        let parts: Vec<&str> = name.split('/').collect();
        let ["brownian", seed, levels] = parts[..] else { continue };
        let (from, to) = levels.split_once('_').unwrap();
        let noise = Noise::new(seed.parse().unwrap(), [1, wanted.len()], &Device::flex());
        let ours = values(&noise.brownian(&[14.6, 0.03, 0.0]).between(from.parse().unwrap(), to.parse().unwrap()));
        let worst = ours.iter().zip(&wanted).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst <= 1e-5, "{name}: {worst}");
        cases += 1;
    }
    assert!(cases > 0);
}

#[test]
fn schedules_and_tables_are_those_of_comfyui() {
    let mut cases = 0;
    for (name, _, wanted) in Golden::open("sampling.safetensors").all() {
        let parts: Vec<&str> = name.split('/').collect();
        let ours = match parts[..] {
            ["model_sigmas", model] => {
                let sampling = ModelSampling::new(prediction(model));
                // Long tables are recorded in part.
                let stride = sampling.sigmas().len() / wanted.len();
                sampling.sigmas().iter().step_by(stride).copied().collect()
            }
            ["sigmas", model, schedule, steps] => {
                let sampling = ModelSampling::new(prediction(model));
                scheduler(schedule).unwrap()(&sampling, steps.parse().unwrap())
            }
            _ => continue,
        };
        if wanted.iter().any(|it| it.is_nan()) {
            // The reference divides zero by zero here; ours is one step from the greatest level.
            assert_eq!(parts[2..], ["kl_optimal", "1"]);
            assert!(ours.iter().all(|it| it.is_finite()) && ours[0] > 0.9);
            continue;
        }
        assert_eq!(ours.len(), wanted.len(), "{name}");
        for (ours, wanted) in ours.iter().zip(&wanted) {
            // Stable Cascade's levels come from a cosine near one, of which single precision leaves four digits.
            let most = if name.contains("edm_cascade") { 1e-4 } else { 1e-5 };
            assert!((ours - wanted).abs() <= most * wanted.abs().max(1e-6), "{name}: {ours} is not {wanted}");
        }
        cases += 1;
    }
    assert!(cases > SCHEDULERS.len());
}

/// The formula that the reference numbers were made with.
struct Analytic {
    flow: bool,
    calls: usize,
}

impl Denoise for Analytic {
    fn denoise(&mut self, x: &Tensor<2>, sigma: f32) -> Result<Tensor<2>, Stop> {
        Ok(self.denoise_both(x, sigma)?.guided)
    }

    fn denoise_both(&mut self, x: &Tensor<2>, sigma: f32) -> Result<Both, Stop> {
        self.calls += 1;
        let g = sigma;
        let (scale, share, wave, less) = if self.flow {
            ((1.0 - g) / ((1.0 - g) * (1.0 - g) + g * g), 0.8, g, 0.7)
        } else {
            (1.0 / (1.0 + g * g), 1.0, g / (1.0 + g), 0.9)
        };
        let base = x.clone().mul_scalar(scale);
        let bend = x.clone().mul_scalar(0.7).add_scalar(0.3).sin().mul_scalar(0.15 * wave);
        let guided = base.clone().mul_scalar(share) + bend;
        let unguided = base.mul_scalar(less) - x.clone().cos().mul_scalar(0.1 * wave);
        Ok(Both { guided, unguided })
    }
}

/// Adaptive and multistep samplers carry their rounding from step to step.
const LOOSER: &[&str] =
    &["dpm_adaptive", "lms", "ipndm", "ipndm_v", "deis", "uni_pc", "uni_pc_bh2", "sa_solver", "sa_solver_pece"];

#[test]
fn samplers_are_those_of_comfyui() {
    let listing: serde_json::Value = serde_json::from_slice(&std::fs::read(golden("sampling.json")).unwrap()).unwrap();
    let numbers = Golden::open("sampling.safetensors").all();
    let device = Device::flex();
    let seed = listing["seed"].as_u64().unwrap();
    let (mut failures, mut unknown) = (Vec::new(), Vec::new());
    for case in listing["cases"].as_array().unwrap() {
        let text = |key: &str| case[key].as_str().unwrap();
        let (name, model, steps) = (text("sampler"), text("model"), case["steps"].as_u64().unwrap());
        let Ok(sampler) = sampler(name) else {
            unknown.push(name.to_owned());
            continue;
        };
        let key = format!("sampler/{model}/{name}/{steps}");
        let (_, shape, wanted) = numbers.iter().find(|it| it.0 == key).unwrap();
        let sampling = ModelSampling::new(prediction(model));
        let sigmas = scheduled(sampler, scheduler(text("scheduler")).unwrap(), &sampling, steps as usize);
        let size = [shape[0], shape[1..].iter().product()];
        let x = sampling.start(&Tensor::zeros(size, &device), &initial(seed, size, None, &device), sigmas[0]);
        let mut model = Analytic { flow: sampling.is_flow(), calls: 0 };
        let steps = Steps { sigmas: &sigmas, sampling: &sampling };
        let x = (sampler.run)(&mut model, x, steps, &mut Noise::new(seed, size, &device), &Options::default()).unwrap();
        let x = sampling.finish(x, sigmas[sigmas.len() - 1]);
        let worst = difference(&values(&x), wanted);
        let most = if LOOSER.contains(&name) { 5e-4 } else { 1e-4 };
        if !(worst <= most) {
            failures.push(format!("{key}: {worst:.2e}"));
        }
        if model.calls as u64 != case["calls"].as_u64().unwrap() {
            failures.push(format!("{key}: {} calls, not {}", model.calls, case["calls"]));
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
    assert!(unknown.is_empty(), "{unknown:?}");
}

/// A network that is a formula: attends to the mean of its prompt, sees what is beside the latent.
struct Toy {
    extra: usize,
}

const WIDTH: usize = 4;

impl Network for Toy {
    fn forward(&self, call: Call<'_>) -> Result<Samples, Stop> {
        let shape = call.x.shape().to_vec();
        let x = call.x.tensor::<4>();
        let [b, _, h, w] = x.dims();
        let own = x.clone().narrow(1, 0, 4);
        let prompt = call.context.mean_dim(1).reshape([b, WIDTH, 1, 1]);
        let time = call.timestep.div_scalar(1000.0).reshape([b, 1, 1, 1]);
        let mut out =
            own.sin().mul_scalar(0.8) + prompt.mul_scalar(0.5).expand([b, 4, h, w]) + time.mul_scalar(0.1).expand([b, 4, h, w]);
        for channel in 0..self.extra {
            out = out + x.clone().narrow(1, 4 + channel, 1).mul_scalar(0.05 * (channel + 1) as f32).expand([b, 4, h, w]);
        }
        Ok(Samples::with_shape(out.reshape([b, 4 * h * w]), &[shape[0], 4, h, w]))
    }

    fn extra_channels(&self) -> usize {
        self.extra
    }

    fn context_width(&self) -> usize {
        WIDTH
    }
}

const TOY: Architecture = Architecture {
    name: "toy",
    layouts: &[],
    detect: |_| true,
    build: |weights, _| -> Result<Box<dyn Network>, LoadError> {
        Ok(Box::new(Toy { extra: weights.shape("extra").unwrap()[0] }))
    },
    latent: LatentFormat { channels: 4, downscale: 8, scale: 0.18215, shift: 0.0, preview: &[], preview_bias: [0.0; 3] },
    prediction: |_| Prediction::Epsilon,
};

fn toy(extra: usize) -> Model {
    static ARCHITECTURE: Architecture = TOY;
    let file = tempfile::Builder::new().suffix(".safetensors").tempfile().unwrap();
    let bytes = vec![0; 4 * extra];
    let view = safetensors::tensor::TensorView::new(safetensors::Dtype::F32, vec![extra], &bytes).unwrap();
    safetensors::serialize_to_file([("extra", view)], None, file.path()).unwrap();
    Model {
        weights: Weights::open(file.path()).unwrap(),
        architecture: &ARCHITECTURE,
        prediction: Prediction::Epsilon,
        latent_scale: None,
    }
}

/// Numbers without a pattern, the same in the reference script.
fn wave<const D: usize>(shape: [usize; D], seed: f64) -> Tensor<D> {
    let count = shape.iter().product::<usize>();
    let values: Vec<f32> = (0..count).map(|i| (seed + 0.7 * i as f64).sin() as f32).collect();
    Tensor::from_data(TensorData::new(values, shape), &Device::flex())
}

fn prompt(seed: f64) -> Cond {
    Cond::new(wave([1, 7, WIDTH], seed), None)
}

fn latent(shape: [usize; 4], seed: f64) -> Latent {
    Latent::new(Samples::new(wave(shape, seed)))
}

fn run(request: &SampleRequest<'_>) -> Vec<f32> {
    values(sample(&Engine::cpu(), request, &Unwatched).unwrap().samples.values())
}

#[test]
fn a_run_draws_a_latent_that_its_seed_decides() {
    let (model, positive, negative) = (toy(0), [prompt(1.0)], [prompt(2.0)]);
    let empty = Latent::new(Samples::new(Tensor::<4>::zeros([1, 4, 8, 8], &Device::flex())));
    let request = SampleRequest::new(&model, &positive, &negative, &empty);
    let first = run(&request);
    assert!(first.iter().all(|it| it.is_finite()));
    assert_eq!(first, run(&request));
    assert_ne!(first, run(&SampleRequest { seed: 1, ..request.clone() }));
    assert_ne!(first, run(&SampleRequest { cfg: 1.0, ..request.clone() }));
}
