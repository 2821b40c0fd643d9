//! Graphs of sampling nodes give what ComfyUI's give.

use burn::tensor::{Device, Tensor, TensorData};
use graph::api_json;
use models::diffusion::{Architecture, Call, Network, Prediction};
use models::sampling::{Method, Patch, Sigmas};
use models::{Cond, Conditioning, Engine, Latent, LoadError, Model, Samples, Stop, Weights};
use runtime::cache::Policy;
use runtime::{Context, Ended, Event, Executor, Folders, Job, Node, NodeError, Run, registry};
use safetensors::SafeTensors;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// A network that is a formula: attends to the mean of its prompt.
struct Toy(Arc<AtomicUsize>);

const WIDTH: usize = 4;

impl Network for Toy {
    fn forward(&self, call: Call<'_>) -> Result<Samples, Stop> {
        let (shape, [b, size]) = (call.x.shape().to_vec(), call.x.values().dims());
        self.0.fetch_add(b, Ordering::Relaxed);
        let x = call.x.values().clone().reshape([b, WIDTH, size / WIDTH]);
        let prompt = call.context.mean_dim(1).reshape([b, WIDTH, 1]).expand([b, WIDTH, size / WIDTH]);
        let time = call.timestep.div_scalar(1000.0).reshape([b, 1, 1]).expand([b, WIDTH, size / WIDTH]);
        let skipped = call.hooks.map_or(0, |it| it.skipped.double.count_ones() + it.skipped.single.count_ones());
        let out = x.sin().mul_scalar(0.8) + prompt.mul_scalar(0.5) + time.mul_scalar(0.1);
        let out = out.mul_scalar(1.0 - 0.05 * skipped as f32);
        Ok(Samples::with_shape(out.reshape([b, size]), &shape))
    }

    fn extra_channels(&self) -> usize {
        0
    }

    fn context_width(&self) -> usize {
        WIDTH
    }

    fn check(&self, _: &[Patch]) -> Result<(), Stop> {
        Ok(())
    }
}

/// A small UNet whose weights are waves.
#[derive(Node)]
struct TestUnet {}

impl Run for TestUnet {
    type Output = Model;

    fn run(self, _: &Context) -> Result<Model, NodeError> {
        let listing: Value = serde_json::from_slice(&std::fs::read(golden("sampling_graphs.json"))?)?;
        let tensors: Vec<(String, Vec<usize>)> = serde_json::from_value(listing["tensors"].clone())?;
        let values = tensors.into_iter().enumerate().map(|(place, (name, shape))| {
            let wave = wave(&shape, place as f64);
            let values = match shape.len() {
                1 => wave.mul_scalar(0.1).add_scalar(if name.ends_with("weight") { 1.0 } else { 0.0 }),
                _ => wave.mul_scalar((2.0 / shape[1..].iter().product::<usize>() as f64).sqrt() as f32),
            };
            let values: Vec<f32> = values.to_data().iter::<f32>().collect();
            (name, TensorData::new(values, shape))
        });
        Ok(Model::new(&Weights::from_tensors("a small UNet", values)?)?)
    }
}

/// Counts the calls of the toy in this thread of tests: one graph runs at a time.
static CALLS: Mutex<Option<Arc<AtomicUsize>>> = Mutex::new(None);

static TOY: Architecture = Architecture {
    name: "toy",
    layouts: &[],
    detect: |_| true,
    build: |_, _| -> Result<Box<dyn Network>, LoadError> { Ok(Box::new(Toy(CALLS.lock().unwrap().clone().unwrap_or_default()))) },
    encoders: models::text::Family::Sd,
    latent: models::latent::SD15,
    prediction: |_| Prediction::Epsilon,
};

/// Numbers without a pattern, the same in the reference script.
fn wave(shape: &[usize], seed: f64) -> Tensor<1> {
    let count = shape.iter().product::<usize>();
    let values: Vec<f32> = (0..count).map(|i| (seed + 0.7 * i as f64).sin() as f32).collect();
    Tensor::from_data(TensorData::new(values, [count]), &Device::flex())
}

/// A model that is a formula.
#[derive(Node)]
struct TestModel {
    /// ComfyUI's name of what its output means.
    #[input(optional)]
    prediction: String,
    /// How far the levels of a flow are shifted.
    #[input(optional, default = 3.0)]
    shift: f64,
}

impl Run for TestModel {
    type Output = Model;

    fn run(self, _: &Context) -> Result<Model, NodeError> {
        let prediction = match self.prediction.as_str() {
            "" | "EPS" => Prediction::Epsilon,
            "FLOW" => Prediction::Flow { shift: self.shift, multiplier: 1000.0 },
            other => return Err(NodeError::new(format!("no {other}"))),
        };
        let weights = Weights::from_tensors("toy", [("toy".to_owned(), TensorData::from([0.0_f32]))])?;
        Ok(Model { weights, architecture: &TOY, prediction, latent: TOY.latent, patches: Vec::new() })
    }
}

/// A prompt that is a formula.
#[derive(Node)]
struct TestPrompt {
    seed: f64,
}

impl Run for TestPrompt {
    type Output = Conditioning;

    fn run(self, _: &Context) -> Result<Conditioning, NodeError> {
        Ok(vec![Cond::new(wave(&[28], self.seed).reshape([1, 7, WIDTH]), None)])
    }
}

/// A latent that is a formula.
#[derive(Node)]
struct TestLatent {
    height: u64,
    width: u64,
    #[input(optional, default = 1)]
    batch: u64,
    #[input(optional, default = 0)]
    frames: u64,
    #[input(optional, default = -1.0, min = -1.0)]
    seed: f64,
    #[input(optional, default = -1.0, min = -1.0)]
    mask: f64,
}

impl Run for TestLatent {
    type Output = Latent;

    fn run(self, _: &Context) -> Result<Latent, NodeError> {
        let [height, width, batch, frames] = [self.height, self.width, self.batch, self.frames].map(|it| it as usize);
        let shape = match frames {
            0 => vec![batch, 4, height, width],
            _ => vec![batch, 4, frames, height, width],
        };
        let size = [batch, shape[1..].iter().product()];
        let values = match self.seed {
            -1.0 => Tensor::zeros(size, &Device::flex()),
            seed => wave(&shape, seed).reshape(size),
        };
        let mask = wave(&[height * width], self.mask).mul_scalar(0.5).add_scalar(0.5).reshape([1, 1, height, width]);
        let latent = Latent::new(Samples::with_shape(values, &shape));
        Ok(Latent { noise_mask: (self.mask != -1.0).then_some(mask), ..latent })
    }
}

/// A sampler with options that no node has.
#[derive(Node)]
struct TestSampler {
    sampler_name: String,
    /// JSON of k-diffusion's arguments.
    options: String,
}

impl Run for TestSampler {
    type Output = Method;

    fn run(self, _: &Context) -> Result<Method, NodeError> {
        let mut method = Method::named(&self.sampler_name)?;
        let options: serde_json::Map<String, Value> = serde_json::from_str(&self.options)?;
        for (name, value) in options {
            let (number, it) = (value.as_f64().unwrap(), &mut method.options);
            match name.as_str() {
                "eta" => it.eta = number as f32,
                "s_noise" => it.s_noise = number as f32,
                "s_churn" => it.churn.amount = number as f32,
                "s_tmin" => it.churn.low = number as f32,
                "s_tmax" => it.churn.high = number as f32,
                "max_order" => it.order = number as usize,
                "ge_gamma" => it.gamma = number as f32,
                "r" | "r_1" => it.stages[0] = number as f32,
                "r_2" => it.stages[1] = number as f32,
                other => return Err(NodeError::new(format!("no {other}"))),
            }
        }
        Ok(method)
    }
}

/// Noise levels, as JSON.
#[derive(Node)]
struct TestSigmas {
    levels: String,
}

impl Run for TestSigmas {
    type Output = Sigmas;

    fn run(self, _: &Context) -> Result<Sigmas, NodeError> {
        Ok(Sigmas(serde_json::from_str(&self.levels)?))
    }
}

/// Says what numbers it was given.
#[derive(Node)]
#[node(output_node)]
struct TestLook {
    latent: Option<Latent>,
    sigmas: Option<Sigmas>,
    number: Option<f64>,
}

impl Run for TestLook {
    type Output = ();

    fn run(self, cx: &Context) -> Result<(), NodeError> {
        let latent = self.latent.map(|it| it.samples.values().to_data().iter::<f32>().collect());
        let numbers: Option<Vec<f32>> = latent.or(self.sigmas.map(|it| it.0)).or(self.number.map(|it| vec![it as f32]));
        cx.text(serde_json::to_string(&numbers.unwrap_or_default())?);
        Ok(())
    }
}

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/parity/goldens").join(name)
}

/// Runs a graph whose node `look` says numbers: these, and how many latents went through the network.
fn run(graph: &Value) -> Result<(Vec<f32>, usize), String> {
    let calls = Arc::new(AtomicUsize::new(0));
    *CALLS.lock().unwrap() = Some(calls.clone());
    let graph = api_json::from_json(graph).map_err(|it| format!("{it:?}"))?;
    let registry =
        crate::catalogue().merge(registry![TestModel, TestUnet, TestPrompt, TestLatent, TestSampler, TestSigmas, TestLook]);
    let said = Arc::new(Mutex::new(String::new()));
    let listener = said.clone();
    let job = Job::new(Arc::new(Engine::cpu()), Arc::new(Folders::default())).heard_by(move |event| {
        if let Event::Text { text, .. } = event {
            *listener.lock().unwrap() = text;
        }
    });
    let mut executor = Executor::new(Arc::new(registry), Policy::Classic);
    executor.run(graph, &["look".into()], &Arc::new(job)).map_err(|ended| match ended {
        Ended::Failed(failure) => failure.to_string(),
        Ended::Interrupted { .. } => "interrupted".to_owned(),
    })?;
    let numbers = serde_json::from_str(&said.lock().unwrap()).map_err(|it| it.to_string())?;
    Ok((numbers, calls.load(Ordering::Relaxed)))
}

/// How far a case may be away, relative to its greatest value. Samplers that carry rounding from step to step, and those that divide
/// by what cancels, are judged less strictly; so are nine steps of the UNet of waves, and merged cells that are nearly alike.
fn allowed(name: &str) -> f32 {
    const LOOSER: &[&str] = &[
        "adaptive",
        "lms",
        "ipndm",
        "deis",
        "uni_pc",
        "sa_",
        "gradient",
        "cascade",
        "seeds",
        "er_sde",
        "fast",
        "zsnr",
        "arcs",
        "first_block",
        "merge_much",
    ];
    if LOOSER.iter().any(|it| name.contains(it)) { 5e-4 } else { 1e-4 }
}

#[test]
fn graphs_of_sampling_nodes_give_what_those_of_comfyui_give() {
    let listing: Value = serde_json::from_slice(&std::fs::read(golden("sampling_graphs.json")).unwrap()).unwrap();
    let cases = listing["cases"].as_object().unwrap();
    let bytes = std::fs::read(golden("sampling_graphs.safetensors")).unwrap();
    let numbers = SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(cases.len(), numbers.len());
    let mut failures = Vec::new();
    for (name, case) in cases {
        let wanted: Vec<f32> =
            numbers.tensor(name).unwrap().data().chunks_exact(4).map(|it| f32::from_le_bytes(it.try_into().unwrap())).collect();
        let mut graph = case["graph"].clone();
        let class = graph[case["out"][0].as_str().unwrap()]["class_type"].as_str().unwrap();
        let input = match () {
            () if class.starts_with("SamplerCustom") || ["AddNoise", "LatentApplyOperation"].contains(&class) => "latent",
            () if class == "SamplingPercentToSigma" => "number",
            () => "sigmas",
        };
        graph["look"] = serde_json::json!({"class_type": "TestLook", "inputs": {input: case["out"]}});
        match run(&graph) {
            Err(error) => failures.push(format!("{name}: {error}")),
            Ok((ours, _)) if ours.len() != wanted.len() => {
                failures.push(format!("{name}: {} numbers, not {}", ours.len(), wanted.len()));
            }
            Ok((ours, calls)) => {
                let most = wanted.iter().fold(1e-6, |a: f32, b| a.max(b.abs()));
                let worst = ours
                    .iter()
                    .zip(&wanted)
                    .map(|(a, b)| (a - b).abs() / most)
                    .fold(0.0, |a: f32, b| if b.is_nan() { b } else { a.max(b) });
                if worst.is_nan() || worst > allowed(name) {
                    failures.push(format!("{name}: {worst:.2e}"));
                }
                // The UNet does not count.
                let counts = graph["model"]["class_type"] != "TestUnet";
                if counts && calls != case["calls"].as_u64().unwrap() as usize {
                    failures.push(format!("{name}: {calls} latents through the network, not {}", case["calls"]));
                }
            }
        }
    }
    assert!(failures.is_empty(), "{} of {}: {failures:#?}", failures.len(), cases.len());
}
