//! Goldens: models with made-up weights, and what the reference code computes with them. The scripts in `tests/parity/make` say how
//! they come about.

use crate::diffusion::{About, Call, Hooks, Middle, Network};
use crate::sampling::first_block::{FirstBlock, FirstBlocks};
use crate::sampling::noise::Generator;
use crate::sampling::patches::Layers;
use crate::{Cond, Model, Samples, Unwatched, Weights};
use burn::tensor::{Device, Tensor, TensorData};
use parking_lot::Mutex;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;

/// Whose tensor names a file has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Names {
    Original,
    Diffusers,
    /// Diffusers' own before 0.18, which differ in the autoencoder's attention.
    OldDiffusers,
}

/// A tensor as a file has it: its name, shape and bytes.
pub(crate) type Stored = (String, Vec<usize>, Vec<u8>);

/// One model of a golden.
pub(crate) struct Golden {
    name: &'static str,
    case: Value,
    numbers: Vec<u8>,
}

impl Golden {
    pub(crate) fn open(family: &str, name: &'static str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/parity/goldens");
        let mut cases: Value = serde_json::from_slice(&std::fs::read(folder.join(format!("{family}.json"))).unwrap()).unwrap();
        let numbers = std::fs::read(folder.join(format!("{family}.safetensors"))).unwrap();
        Self { name, case: cases[name].take(), numbers }
    }

    /// An input or output.
    pub(crate) fn tensor<const D: usize>(&self, name: &str) -> Tensor<D> {
        let all = SafeTensors::deserialize(&self.numbers).unwrap();
        let view = all.tensor(&format!("{}.{name}", self.name)).unwrap();
        let values: Vec<f32> = view.data().chunks_exact(4).map(|it| f32::from_le_bytes(it.try_into().unwrap())).collect();
        Tensor::from_data(TensorData::new(values, view.shape().to_vec()), &Device::flex())
    }

    /// The model's file in a folder of its own: with a `config.json` where the names are those of diffusers.
    pub(crate) fn write(&self, names: Names) -> (TempDir, Weights) {
        self.write_changed(names, |_| ())
    }

    /// The model's GGUF file, matrices in Q8_0 where their rows are whole blocks, in a folder of its own.
    pub(crate) fn write_gguf(&self, names: Names, named: impl Fn(&str) -> String) -> (TempDir, Weights) {
        assert!(self.case["dtype"] != "F16", "made of f32");
        let (mut header, mut data) = (Vec::new(), Vec::new());
        let tensors = self.tensors(names);
        header.extend_from_slice(b"GGUF");
        header.extend(3_u32.to_le_bytes());
        header.extend([tensors.len() as u64, 0].map(u64::to_le_bytes).concat());
        for (name, shape, bytes) in tensors {
            let name = named(&name);
            let blocks = shape.len() == 2 && shape[1].is_multiple_of(32);
            header.extend((name.len() as u64).to_le_bytes());
            header.extend(name.as_bytes());
            header.extend((shape.len() as u32).to_le_bytes());
            header.extend(shape.iter().rev().flat_map(|it| (*it as u64).to_le_bytes()));
            header.extend(if blocks { 8_u32 } else { 0 }.to_le_bytes());
            header.extend((data.len() as u64).to_le_bytes());
            let numbers: Vec<f32> = bytes.chunks_exact(4).map(|it| f32::from_le_bytes(it.try_into().unwrap())).collect();
            data.extend(if blocks { quantised(&numbers) } else { bytes });
            data.resize(data.len().next_multiple_of(32), 0);
        }
        header.resize(header.len().next_multiple_of(32), 0);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("model.gguf");
        std::fs::write(&file, [header, data].concat()).unwrap();
        let weights = Weights::open(&file).unwrap();
        (folder, weights)
    }

    /// As [`Golden::write`] with diffusers' names, and with other settings.
    pub(crate) fn write_set(&self, settings: &[(&str, Value)]) -> (TempDir, Weights) {
        let mut case = self.case.clone();
        for (name, value) in settings {
            case["config"][*name] = value.clone();
        }
        Self { name: self.name, case, numbers: Vec::new() }.write(Names::Diffusers)
    }

    /// As [`Golden::write`]; `change` may do harm to the tensors.
    pub(crate) fn write_changed(&self, names: Names, change: impl FnOnce(&mut Vec<Stored>)) -> (TempDir, Weights) {
        let folder = tempfile::tempdir().unwrap();
        let half = self.case["dtype"] == "F16";
        let mut tensors = self.tensors(names);
        change(&mut tensors);
        let dtype = if half { Dtype::F16 } else { Dtype::F32 };
        let views = tensors.iter().map(|(name, shape, bytes)| (name, TensorView::new(dtype, shape.clone(), bytes).unwrap()));
        let file = folder.path().join("diffusion_pytorch_model.safetensors");
        std::fs::write(&file, safetensors::serialize(views, None).unwrap()).unwrap();
        if names != Names::Original {
            std::fs::write(folder.path().join("config.json"), self.case["config"].to_string()).unwrap();
        }
        let weights = Weights::open(&file).unwrap();
        (folder, weights)
    }

    fn tensors(&self, names: Names) -> Vec<Stored> {
        let half = self.case["dtype"] == "F16";
        let mut tensors = Vec::new();
        for (place, row) in self.case["tensors"].as_array().unwrap().iter().enumerate() {
            let (column, shape) = if names == Names::Original { (1, 3) } else { (0, 2) };
            let mut name = row[column].as_str().unwrap().to_owned();
            if names == Names::OldDiffusers {
                for (new, old) in [("to_q", "query"), ("to_k", "key"), ("to_v", "value"), ("to_out.0", "proj_attn")] {
                    name = name.replace(new, old);
                }
            }
            let shape: Vec<usize> = row[shape].as_array().unwrap().iter().map(|it| it.as_u64().unwrap() as usize).collect();
            let place = self.case["seed"].as_u64().unwrap() + place as u64;
            let made = values(place, shape.iter().product(), row[4].as_f64().unwrap() as f32, row[5].as_f64().unwrap() as f32);
            let bytes =
                made.flat_map(|it| if half { half::f16::from_f32(it).to_le_bytes().to_vec() } else { it.to_le_bytes().to_vec() });
            tensors.push((name, shape, bytes.collect()));
        }
        tensors
    }
}

/// A network of a golden whose inputs are `x`, `timestep`, `context` and `pooled`.
pub(crate) struct Transformer<'a> {
    golden: &'a Golden,
    network: Box<dyn Network>,
    vector: Option<Tensor<2>>,
}

impl<'a> Transformer<'a> {
    pub(crate) fn new(golden: &'a Golden, weights: &Weights, architecture: &str, guidance: Option<f64>) -> Self {
        let model = Model::new(weights).unwrap();
        assert_eq!(model.architecture.name, architecture);
        let network = (model.architecture.build)(&model.weights, &Device::flex()).unwrap();
        let context: Tensor<3> = golden.tensor("context");
        assert_eq!(network.context_width(), context.dims()[2]);
        let cond = Cond { guidance, ..Cond::new(context, Some(golden.tensor("pooled"))) };
        let vector = network.vector(&About { cond: &cond, size: [8, 8], negative: false }).unwrap();
        Self { golden, network, vector }
    }

    /// What it says; `part` is how much of the input and the timestep it hears.
    pub(crate) fn run(&self, part: f32, skipped: Layers, first: Option<FirstBlock<'_>>) -> Tensor<4> {
        let random = Arc::new(Mutex::new(Generator::new(0)));
        let call = Call {
            x: Samples::new(self.golden.tensor::<4>("x").mul_scalar(part)),
            timestep: self.golden.tensor::<1>("timestep").mul_scalar(part),
            context: self.golden.tensor("context"),
            vector: self.vector.clone(),
            control: None,
            hooks: Some(Hooks { within: &[], middle: Middle::Usual, skipped, first, random: &random }),
            watch: &Unwatched,
        };
        self.network.forward(call).unwrap().tensor()
    }

    /// What it says under less noise, when all but its first block is taken to do what it did before.
    pub(crate) fn run_later(&self, part: f32) -> Tensor<4> {
        let memory = Mutex::new(FirstBlocks::always());
        memory.lock().begin(2.0);
        self.run(1.0, Layers::default(), Some(FirstBlock { memory: &memory, ids: &[0] }));
        memory.lock().begin(1.0);
        self.run(part, Layers::default(), Some(FirstBlock { memory: &memory, ids: &[0] }))
    }
}

/// Eight bits for each number, as Q8_0 has them.
fn quantised(numbers: &[f32]) -> Vec<u8> {
    let block = |numbers: &[f32]| {
        let scale = half::f16::from_f32(numbers.iter().fold(0.0, |most: f32, it| most.max(it.abs())) / 127.0);
        let codes = numbers.iter().map(move |it| (it / scale.to_f32().max(1e-9)).round().clamp(-127.0, 127.0) as i8 as u8);
        scale.to_le_bytes().into_iter().chain(codes).collect::<Vec<u8>>()
    };
    numbers.chunks(32).flat_map(block).collect()
}

/// 24 bits of splitmix64 for each value, as -0.5..0.5 times scale plus offset: exact, and the same in the script.
pub(crate) fn values(place: u64, count: usize, offset: f32, scale: f32) -> impl Iterator<Item = f32> {
    (0..count as u64).map(move |index| {
        let mut z = ((place << 32) + index + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        ((z >> 40) as f32 / (1 << 24) as f32 - 0.5) * scale + offset
    })
}

/// The largest difference, as a part of the largest wanted value.
#[track_caller]
pub(crate) fn off<const D: usize>(found: &Tensor<D>, wanted: &Tensor<D>) -> f32 {
    assert_eq!(found.dims(), wanted.dims());
    let most = |x: Tensor<D>| x.abs().max().into_scalar::<f32>();
    most(found.clone() - wanted.clone()) / most(wanted.clone())
}

/// Asserts that the largest difference is at most `tolerance` times the largest wanted value.
#[track_caller]
pub(crate) fn assert_close<const D: usize>(found: &Tensor<D>, wanted: &Tensor<D>, tolerance: f32) {
    let off = off(found, wanted);
    assert!(off <= tolerance, "differs by {off} of the largest value");
}
