//! The reference numbers, and whole runs with a network that is a formula.

use super::denoise::{Both, Denoise};
use super::noise::{Noise, initial};
use super::samplers::Steps;
use super::*;
use crate::conditioning::{Area, Cond};
use crate::diffusion::{Architecture, Call, Prediction};
use crate::{LoadError, Unwatched, Weights};
use burn::tensor::{Device, TensorData};
use parking_lot::Mutex;
use safetensors::SafeTensors;
use serde_json::Value;
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
    let (mut cases, mut numbers, mut same) = (0, 0, 0);
    for (name, _, wanted) in Golden::open("sampling.safetensors").all() {
        let parts: Vec<&str> = name.split('/').collect();
        let [kind @ ("noise" | "noise_tail"), seed, shape] = parts[..] else { continue };
        let count: usize = shape.split('x').map(|it| it.parse::<usize>().unwrap()).product();
        let ours = values(&initial(seed.parse().unwrap(), [1, count], None, &Device::flex()));
        let ours = if kind == "noise" { &ours[..wanted.len()] } else { &ours[count - wanted.len()..] };
        let worst = ours.iter().zip(&wanted).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst <= 3e-7, "{name}: {worst}");
        cases += 1;
        numbers += wanted.len();
        same += ours.iter().zip(&wanted).filter(|(a, b)| a == b).count();
    }
    assert!(cases > 0);
    // Nearly all to the last bit.
    assert!(same * 200 > numbers * 199, "{same} of {numbers}");
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
    let listing: Value = serde_json::from_slice(&std::fs::read(golden("sampling.json")).unwrap()).unwrap();
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
        let x = (sampler.run)(&mut model, x, steps, &mut Noise::new(seed, size, &device), &sampler.options).unwrap();
        let x = sampling.finish(x, sigmas[sigmas.len() - 1]);
        let worst = difference(&values(&x), wanted);
        let most = if LOOSER.contains(&name) { 5e-4 } else { 1e-4 };
        if worst.is_nan() || worst > most {
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
        let (shape, [b, size]) = (call.x.shape().to_vec(), call.x.values().dims());
        // The frames of a video lie below each other.
        let (h, w) = (size / shape[1] / shape[shape.len() - 1], shape[shape.len() - 1]);
        let x = call.x.values().clone().reshape([b, shape[1], h, w]);
        let own = x.clone().narrow(1, 0, 4);
        let prompt = call.context.mean_dim(1).reshape([b, WIDTH, 1, 1]);
        let time = call.timestep.div_scalar(1000.0).reshape([b, 1, 1, 1]);
        let mut out =
            own.sin().mul_scalar(0.8) + prompt.mul_scalar(0.5).expand([b, 4, h, w]) + time.mul_scalar(0.1).expand([b, 4, h, w]);
        for channel in 0..self.extra {
            out = out + x.clone().narrow(1, 4 + channel, 1).mul_scalar(0.05 * (channel + 1) as f32).expand([b, 4, h, w]);
        }
        let shape: Vec<usize> = shape.iter().enumerate().map(|(index, it)| if index == 1 { 4 } else { *it }).collect();
        Ok(Samples::with_shape(out.reshape([b, 4 * h * w]), &shape))
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
    encoders: crate::text::Family::Sd,
    latent: LatentFormat { preview: &[], ..crate::latent::SD15 },
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
        latent: TOY.latent,
        patches: Vec::new(),
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

fn empty(shape: [usize; 4]) -> Latent {
    Latent::new(Samples::new(Tensor::<4>::zeros(shape, &Device::flex())))
}

fn run(request: &SampleRequest<'_>) -> Vec<f32> {
    values(sample(&Engine::cpu(), request, &Unwatched).unwrap().latent.samples.values())
}

fn list<T: serde::de::DeserializeOwned>(value: &Value) -> T {
    serde_json::from_value(value.clone()).unwrap()
}

/// A mask as a case describes it, `[b, h, w]`.
fn mask(case: &Value) -> Tensor<3> {
    let shape: [usize; 3] = list(&case["shape"]);
    let Some([top, bottom, left, right]) = case.get("box").map(list::<[usize; 4]>) else {
        return wave(shape, case["seed"].as_f64().unwrap()).mul_scalar(0.5).add_scalar(0.5);
    };
    let [count, height, width] = shape;
    let inside = |i: usize| (top..bottom).contains(&(i / width % height)) && (left..right).contains(&(i % width));
    let values: Vec<f32> = (0..count * height * width).map(|i| if inside(i) { 1.0 } else { 0.0 }).collect();
    Tensor::from_data(TensorData::new(values, shape), &Device::flex())
}

fn cond(case: &Value) -> Cond {
    let number = |key: &str, usual: f64| case.get(key).map_or(usual, |it| it.as_f64().unwrap());
    let tokens = case.get("tokens").map_or(7, |it| it.as_u64().unwrap() as usize);
    let layered = |it: &Value| {
        let mask = mask(it);
        let [b, h, w] = mask.dims();
        mask.reshape([b, 1, h, w])
    };
    let cells = case.get("cells").map(list::<[usize; 4]>).map(|[y, x, height, width]| Area::Cells { y, x, height, width });
    let parts = case.get("parts").map(list::<[f64; 4]>).map(|[y, x, height, width]| Area::Parts { y, x, height, width });
    Cond {
        area: cells.or(parts),
        strength: number("strength", 1.0),
        mask: case.get("mask").map(mask),
        mask_strength: number("mask_strength", 1.0),
        mask_bounds: case.get("mask_bounds").is_some(),
        start: number("start", 0.0),
        end: number("end", 1.0),
        concat_latent: case
            .get("concat_latent")
            .map(|it| Samples::new(wave(list::<[usize; 4]>(&it["shape"]), it["seed"].as_f64().unwrap()))),
        concat_mask: case.get("concat_mask").map(layered),
        ..Cond::new(wave([1, tokens, WIDTH], case["seed"].as_f64().unwrap()), None)
    }
}

#[test]
fn whole_runs_are_those_of_comfyui() {
    let cases: serde_json::Map<String, Value> =
        serde_json::from_slice(&std::fs::read(golden("sampling_runs.json")).unwrap()).unwrap();
    let numbers = Golden::open("sampling_runs.safetensors").all();
    assert_eq!(cases.len(), numbers.len());
    let mut failures = Vec::new();
    for (name, case) in &cases {
        let number = |key: &str, usual: f64| case.get(key).map_or(usual, |it| it.as_f64().unwrap());
        let whole = |key: &str| case.get(key).map(|it| it.as_u64().unwrap() as usize);
        let flag = |key: &str, usual: bool| case.get(key).map_or(usual, |it| it.as_bool().unwrap());
        let text = |key: &str, usual: &'static str| case.get(key).map_or(usual, |it| it.as_str().unwrap()).to_owned();
        let conds = |key: &str, usual: f64| match case.get(key) {
            Some(conds) => conds.as_array().unwrap().iter().map(cond).collect(),
            None => vec![prompt(usual)],
        };
        let model = Model { prediction: prediction(&text("prediction", "eps")), ..toy(whole("extra").unwrap_or(0)) };
        let shape = case.get("shape").map_or([1, 4, 8, 12], list);
        let mut latent = if flag("latent", false) { latent(shape, 5.0) } else { empty(shape) };
        latent.batch_index = case.get("batch_index").map(list);
        latent.noise_mask = case.get("noise_mask").map(|it| mask(it).unsqueeze_dim(1));
        let (positive, negative) = (conds("positive", 1.0), conds("negative", 2.0));
        let (sampler, scheduler) = (text("sampler", "euler"), text("scheduler", "normal"));
        let guider = Guider::away(model, positive, negative, number("cfg", 3.0));
        let request = SampleRequest {
            noise: InitialNoise::drawn_if(flag("add_noise", true), case.get("noise_seed").map_or(7, |it| it.as_u64().unwrap())),
            method: Method::named(&sampler).unwrap(),
            levels: Levels::Schedule {
                scheduler: &scheduler,
                steps: whole("steps").unwrap_or(4),
                denoise: number("denoise", 1.0),
            },
            start_step: whole("start_step").unwrap_or(0),
            end_step: whole("end_step"),
            force_full_denoise: flag("force_full_denoise", false),
            ..SampleRequest::new(&guider, &latent)
        };
        let (_, _, wanted) = numbers.iter().find(|it| it.0 == *name).unwrap();
        for batch_limit in [usize::MAX, 1] {
            let ours = run(&SampleRequest { batch_limit, ..request.clone() });
            let worst = difference(&ours, wanted);
            if worst.is_nan() || worst > 1e-4 {
                failures.push(format!("{name}, {batch_limit} at once: {worst:.2e}"));
            }
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}

/// A run of the toy with these prompts and this latent.
fn drawn(positive: &[Cond], latent: &Latent) -> Vec<f32> {
    let guider = Guider::away(toy(0), positive.to_vec(), vec![prompt(2.0)], 8.0);
    run(&SampleRequest {
        levels: Levels::Schedule { scheduler: "karras", steps: 3, denoise: 0.8 },
        ..SampleRequest::new(&guider, latent)
    })
}

fn assert_near(ours: &[f32], theirs: &[f32]) {
    let worst = difference(ours, theirs);
    assert!(worst <= 1e-5, "{worst}");
}

#[test]
fn a_batch_of_two_is_two_batches() {
    let both = latent([2, 4, 6, 5], 5.0);
    let one = |index: usize| Latent {
        batch_index: Some(vec![index]),
        ..Latent::new(Samples::with_shape(both.samples.values().clone().narrow(0, index, 1), &[1, 4, 6, 5]))
    };
    let indexed = Latent { batch_index: Some(vec![0, 1]), ..both.clone() };
    let apart = [drawn(&[prompt(1.0)], &one(0)), drawn(&[prompt(1.0)], &one(1))].concat();
    assert_near(&drawn(&[prompt(1.0)], &indexed), &apart);
}

#[test]
fn a_noise_mask_of_ones_is_no_mask() {
    let plain = latent([1, 4, 6, 5], 5.0);
    let masked = Latent { noise_mask: Some(Tensor::ones([1, 1, 48, 40], &Device::flex())), ..plain.clone() };
    assert_near(&drawn(&[prompt(1.0)], &masked), &drawn(&[prompt(1.0)], &plain));
}

#[test]
fn a_noise_mask_of_zeros_keeps_the_latent() {
    let plain = latent([1, 4, 6, 5], 5.0);
    let masked = Latent { noise_mask: Some(Tensor::zeros([1, 1, 6, 5], &Device::flex())), ..plain.clone() };
    assert_near(&drawn(&[prompt(1.0)], &masked), &values(plain.samples.values()));
}

#[test]
fn a_prompt_mask_of_ones_and_an_area_of_everything_are_neither() {
    let start = latent([1, 4, 6, 5], 5.0);
    let plain = drawn(&[prompt(1.0)], &start);
    let masked = Cond { mask: Some(Tensor::ones([1, 3, 3], &Device::flex())), ..prompt(1.0) };
    let placed = Cond { area: Some(Area::Parts { y: 0.0, x: 0.0, height: 1.0, width: 1.0 }), ..prompt(1.0) };
    assert_near(&drawn(&[masked], &start), &plain);
    assert_near(&drawn(&[placed], &start), &plain);
}

#[test]
fn a_prompt_of_strength_zero_has_no_say() {
    let start = latent([1, 4, 6, 5], 5.0);
    let silent = Cond { strength: 0.0, ..prompt(3.0) };
    assert_near(&drawn(&[prompt(1.0), silent], &start), &drawn(&[prompt(1.0)], &start));
}

#[test]
fn video_is_sampled_as_pictures_are() {
    let guider = |positive: &[Cond]| Guider::away(toy(0), positive.to_vec(), vec![prompt(2.0)], 8.0);
    let flat = wave([1, 4 * 3 * 6 * 5], 5.0);
    let mut video = Latent::new(Samples::with_shape(flat, &[1, 4, 3, 6, 5]));
    video.noise_mask = Some(wave([1, 1, 6, 5], 0.2).mul_scalar(0.5).add_scalar(0.5));
    let area = Cond { area: Some(Area::Cells { y: 1, x: 1, height: 4, width: 4 }), ..prompt(3.0) };
    let plain = run(&SampleRequest::new(&guider(&[prompt(1.0)]), &video));
    assert!(plain.iter().all(|it| it.is_finite()));
    assert_ne!(plain, run(&SampleRequest::new(&guider(&[prompt(1.0), area]), &video)));
}

#[test]
fn an_unknown_name_says_what_there_is() {
    let (guider, start) = (Guider::away(toy(0), vec![prompt(1.0)], vec![prompt(1.0)], 8.0), empty([1, 4, 8, 8]));
    let request = SampleRequest::new(&guider, &start);
    let said = |request: &SampleRequest<'_>| sample(&Engine::cpu(), request, &Unwatched).unwrap_err().to_string();
    let message = Method::named("euler_ancestrall").unwrap_err().to_string();
    assert!(
        message.contains("no sampler `euler_ancestrall`. Did you mean `euler_ancestral`?") && message.contains("uni_pc_bh2"),
        "{message}"
    );
    let message =
        said(&SampleRequest { levels: Levels::Schedule { scheduler: "karas", steps: 5, denoise: 1.0 }, ..request.clone() });
    assert!(message.contains("no scheduler `karas`. Did you mean `karras`?"), "{message}");
}

#[test]
fn what_does_not_fit_is_said_and_never_panics() {
    let start = empty([1, 4, 8, 8]);
    let guider = |positive: Cond| Guider::away(toy(0), vec![positive], vec![prompt(1.0)], 8.0);
    let good = guider(prompt(1.0));
    let fails = |request: SampleRequest<'_>| {
        assert!(matches!(sample(&Engine::cpu(), &request, &Unwatched), Err(Stop::Unfit(_))));
    };
    let request = || SampleRequest::new(&good, &start);
    let levels = |steps, denoise| Levels::Schedule { scheduler: "normal", steps, denoise };
    fails(SampleRequest { levels: levels(0, 1.0), ..request() });
    fails(SampleRequest { levels: levels(20, 1e-9), ..request() });
    fails(SampleRequest { levels: levels(20, f64::NAN), ..request() });
    fails(SampleRequest { levels: Levels::Sigmas(&[1.0, f32::NAN, 0.0]), ..request() });
    let fast = Method::named("dpm_fast").unwrap();
    fails(SampleRequest { levels: Levels::Sigmas(&[1.0, 0.0, 0.0]), method: fast, ..request() });
    fails(SampleRequest { latent: &latent([1, 16, 8, 8], 1.0), ..request() });
    fails(SampleRequest { latent: &Latent { batch_index: Some(vec![1, 2]), ..start.clone() }, ..request() });
    fails(SampleRequest { guider: &guider(Cond::new(wave([1, 7, WIDTH + 1], 1.0), None)), ..request() });
    fails(SampleRequest { guider: &guider(Cond::new(wave([1, 0, WIDTH], 1.0), None)), ..request() });
    let area = |y, x, height, width| guider(Cond { area: Some(Area::Cells { y, x, height, width }), ..prompt(1.0) });
    fails(SampleRequest { guider: &area(8, 0, 4, 4), ..request() });
    fails(SampleRequest { guider: &area(0, usize::MAX, 4, 4), ..request() });
    fails(SampleRequest { guider: &area(0, 0, 0, 4), ..request() });
    let huge = area(7, 7, usize::MAX, usize::MAX);
    assert!(sample(&Engine::cpu(), &SampleRequest { guider: &huge, ..request() }, &Unwatched).is_ok());
}

#[test]
fn options_that_no_sampler_can_run_with_are_said() {
    let (guider, start) = (Guider::away(toy(0), vec![prompt(1.0)], vec![prompt(1.0)], 8.0), empty([1, 4, 8, 8]));
    let fails = |name: &str, change: &dyn Fn(&mut Options)| {
        let mut method = Method::named(name).unwrap();
        change(&mut method.options);
        let levels = Levels::Schedule { scheduler: "karras", steps: 5, denoise: 1.0 };
        let found = sample(&Engine::cpu(), &SampleRequest { method, levels, ..SampleRequest::new(&guider, &start) }, &Unwatched);
        assert!(matches!(found, Err(Stop::Unfit(_))), "{name}: {:?}", method.options);
    };
    fails("lms", &|it| it.order = 0);
    fails("dpmpp_sde", &|it| it.stages[0] = 0.0);
    fails("euler_ancestral", &|it| it.eta = f32::NAN);
    fails("sa_solver", &|it| it.adams.predictor = 0);
    fails("dpm_adaptive", &|it| it.order = 4);
    fails("dpm_adaptive", &|it| it.controller.first = f64::INFINITY);
    // Nothing may differ, and nothing is ever accepted.
    fails("dpm_adaptive", &|it| (it.controller.relative, it.controller.absolute) = (0.0, 0.0));
    let up = Levels::Sigmas(&[0.1, 1.0, 10.0]);
    let mut method = Method::named("dpm_adaptive").unwrap();
    method.options.eta = 1.0;
    let request = SampleRequest { method, levels: up, ..SampleRequest::new(&guider, &start) };
    assert!(matches!(sample(&Engine::cpu(), &request, &Unwatched), Err(Stop::Unfit(_))));
}

/// Counts what it hears, and stops at some point.
struct Counting {
    heard: Mutex<Vec<(usize, usize)>>,
    stop_after: usize,
}

impl Watch for Counting {
    fn cancelled(&self) -> bool {
        self.heard.lock().len() >= self.stop_after
    }

    fn progress(&self, done: usize, total: usize, denoised: Option<&Samples>) {
        assert_eq!(denoised.unwrap().shape(), [1, 4, 8, 8]);
        self.heard.lock().push((done, total));
    }
}

#[test]
fn every_sampler_tells_each_step_once_and_stops_when_asked() {
    let (guider, start) = (Guider::away(toy(0), vec![prompt(1.0)], vec![prompt(1.0)], 8.0), empty([1, 4, 8, 8]));
    for sampler in SAMPLERS {
        let levels = Levels::Schedule { scheduler: "karras", steps: 6, denoise: 1.0 };
        let request = SampleRequest { method: Method::of(sampler), levels, ..SampleRequest::new(&guider, &start) };
        let watch = Counting { heard: Mutex::default(), stop_after: usize::MAX };
        sample(&Engine::cpu(), &request, &watch).unwrap();
        let heard = watch.heard.into_inner();
        assert!(heard.is_sorted() && heard.iter().all(|it| it.1 == 6), "{}: {heard:?}", sampler.name);
        assert_eq!(heard.last().unwrap().0, 6, "{}: {heard:?}", sampler.name);
        let watch = Counting { heard: Mutex::default(), stop_after: 2 };
        let stopped = sample(&Engine::cpu(), &request, &watch);
        assert!(matches!(stopped, Err(Stop::Cancelled)), "{}", sampler.name);
        assert_eq!(watch.heard.into_inner().len(), 2);
    }
}

#[test]
fn a_run_draws_a_latent_that_its_seed_decides() {
    let guided = |cfg| Guider::away(toy(0), vec![prompt(1.0)], vec![prompt(2.0)], cfg);
    let (guider, start) = (guided(8.0), empty([1, 4, 8, 8]));
    let request = SampleRequest::new(&guider, &start);
    let first = run(&request);
    assert!(first.iter().all(|it| it.is_finite()));
    assert_eq!(first, run(&request));
    assert_ne!(first, run(&SampleRequest { noise: InitialNoise::drawn(1), ..request.clone() }));
    assert_ne!(first, run(&SampleRequest { guider: &guided(1.0), ..request.clone() }));
}
