//! How long the operations of Stable Diffusion 1.5 and of language models take, alone or beside PyTorch and llama.cpp.
//!
//! `cargo run --release -p benches --bin kernels -- [--python PATH] [--llama PATH] [--rounds N] [FILTER]`. With `--python` (an
//! interpreter that has torch) each shape runs on both sides by turns in one process tree, so that a busy machine disturbs both alike;
//! what is printed is the ratio of the medians. Weights are stored in f16 on our side and in f32, which is faster, on PyTorch's, but for
//! `linear_bf16`. With `--llama` (an interpreter that has llama-cpp-python) the weights in blocks run beside llama.cpp.

use benches::peer::{Torch, median};
use burn::tensor::{DType, Device, Distribution, FloatDType, Int, Tensor, TensorData};
use kernels::{AttentionOptions, BlockFormat, Conv2dOptions, Pairs, Quantised};
use std::error::Error;
use std::io::Write;
use std::time::{Duration, Instant};

/// Operation and sizes, as torch/kernels.py reads them too.
const CASES: &[&str] = &[
    // conv2d: batch, inputs, height, width, outputs, kernel, stride
    "conv2d 2 320 64 64 320 3 1",
    "conv2d 2 640 32 32 640 3 1",
    "conv2d 2 1280 16 16 1280 3 1",
    "conv2d 2 1280 8 8 1280 3 1",
    "conv2d 2 320 64 64 320 3 2",
    "conv2d 2 960 32 32 640 1 1",
    "conv2d 1 512 64 64 512 3 1",
    "conv2d 1 256 256 256 256 3 1",
    "conv2d 1 128 512 512 128 3 1",
    // linear: rows, inputs, outputs
    "linear 8192 320 320",
    "linear 8192 320 2560",
    "linear 2048 640 5120",
    "linear 512 1280 1280",
    "linear 154 768 1280",
    "linear 154 768 3072",
    "linear 2 1280 1280",
    "linear 1 4096 4096",
    // the same with a weight in bf16, and in blocks
    "linear_bf16 1 576 576",
    "linear_bf16 1 4096 4096",
    "linear_bf16 1 4096 14336",
    "linear_Q4_0 1 4096 4096",
    "linear_Q4_1 1 576 1536",
    "linear_Q4_1 1 4096 4096",
    "linear_Q5_0 1 4096 4096",
    "linear_Q5_1 1 4096 4096",
    "linear_Q8_0 1 576 49152",
    "linear_Q8_0 1 4096 4096",
    "linear_Q2_K 1 4096 4096",
    "linear_Q3_K 1 4096 4096",
    "linear_Q4_K 1 4096 4096",
    "linear_Q4_K 1 4096 14336",
    "linear_Q4_K 4 4096 4096",
    "linear_Q5_K 1 4096 4096",
    "linear_Q6_K 1 4096 4096",
    "linear_Q4_1 128 576 1536",
    "linear_Q4_0 128 4096 4096",
    "linear_Q4_1 128 4096 4096",
    "linear_Q5_0 128 4096 4096",
    "linear_Q8_0 128 4096 4096",
    "linear_Q4_K 128 4096 4096",
    "linear_Q4_K 512 4096 14336",
    "linear_Q6_K 128 4096 4096",
    // attention: batch, heads, queries, keys, width
    "attention 2 8 4096 4096 40",
    "attention 2 8 4096 77 40",
    "attention 2 8 1024 1024 80",
    "attention 2 8 256 256 160",
    "attention 2 12 77 77 64",
    "attention 1 1 4096 4096 512",
    // the same of few queries, as when a language model writes: three or four for each head of keys
    "attention 1 3 3 513 64",
    "attention 1 8 4 4096 128",
    // rope_neighbours, rope_halves: tokens, heads, width
    "rope_neighbours 4608 24 128",
    "rope_halves 1 32 128",
    "rope_halves 512 32 128",
    // group_norm_silu: batch, channels, pixels
    "group_norm_silu 2 320 4096",
    "group_norm_silu 2 640 1024",
    "group_norm_silu 1 128 262144",
    // layer_norm, geglu, swiglu: rows, width
    "layer_norm 8192 320",
    "geglu 8192 2560",
    "swiglu 1 3072",
    "swiglu 512 28672",
    // upsample_nearest_2x: batch, channels, height, width
    "upsample_nearest_2x 1 256 256 256",
];

/// Between the turns of the two sides.
const PAUSE: Duration = Duration::from_millis(20);

fn main() -> Result<(), Box<dyn Error>> {
    let (mut python, mut llama, mut rounds, mut filter) = (None, None, 9, String::new());
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--python" => python = Some(arguments.next().ok_or("--python needs a path")?),
            "--llama" => llama = Some(arguments.next().ok_or("--llama needs a path")?),
            "--rounds" => rounds = arguments.next().ok_or("--rounds needs a number")?.parse()?,
            _ => filter = argument,
        }
    }
    let mut torch = python.map(|it| Torch::start(&it, "kernels.py")).transpose()?;
    let mut llama = llama.map(|it| Torch::start(&it, "ggml.py")).transpose()?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{:40} {:>10} {:>10} {:>10} {:>7} {:>7}", "", "ours ms", "GFLOP/s", "theirs ms", "ratio", "of best")?;
    for case in CASES.iter().filter(|it| it.contains(&filter)) {
        let (run, operations) = prepare(case)?;
        let run = || kernels::on_the_pool(&run);
        run();
        let mut peer = if case.contains("linear_Q") { llama.as_mut() } else { torch.as_mut() };
        if let Some(peer) = &mut peer {
            peer.ask(&format!("prepare {case}"))?;
        }
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            // The peer's threads spin for a while after their turn; then each side runs once to wake up.
            std::thread::sleep(PAUSE);
            run();
            let start = Instant::now();
            run();
            ours.push(start.elapsed().as_secs_f64() * 1e3);
            if let Some(peer) = &mut peer {
                peer.ask("run")?;
                theirs.push(peer.ask("run")?);
            }
        }
        let best = |times: &[f64]| times.iter().copied().fold(f64::INFINITY, f64::min);
        let of_best = best(&ours) / best(&theirs);
        let ours = median(ours);
        write!(out, "{case:40} {ours:10.3} {:10.1}", operations / ours / 1e6)?;
        if theirs.is_empty() {
            writeln!(out)?;
        } else {
            let theirs = median(theirs);
            writeln!(out, " {theirs:10.3} {:7.2} {of_best:7.2}", ours / theirs)?;
        }
    }
    Ok(())
}

/// What is timed, and how many floating-point operations it takes.
type Prepared = (Box<dyn Fn() + Send + Sync>, f64);

/// The case as something to run, and its floating-point operations.
fn prepare(case: &str) -> Result<Prepared, Box<dyn Error>> {
    let mut words = case.split_whitespace();
    let name = words.next().unwrap_or_default();
    let sizes: Vec<usize> = words.map(str::parse).collect::<Result<_, _>>()?;
    Ok(match (name, sizes.as_slice()) {
        ("conv2d", &[b, i, h, w, o, k, stride]) => {
            let (x, weight, bias) = (random([b, i, h, w]), stored([o, i, k, k]), stored([o]));
            let options = Conv2dOptions { stride: [stride; 2], padding: [k / 2; 4], ..Conv2dOptions::default() };
            let run = move || drop(kernels::conv2d(x.clone(), weight.clone(), Some(bias.clone()), options.clone()));
            (Box::new(run), (2 * b * i * o * k * k * (h / stride) * (w / stride)) as f64)
        }
        ("linear", &[m, i, o]) => {
            let (x, weight, bias) = (random([m, i]), stored([o, i]), stored([o]));
            (Box::new(move || drop(kernels::linear(x.clone(), weight.clone(), Some(bias.clone())))), (2 * m * i * o) as f64)
        }
        ("linear_bf16", &[m, i, o]) => {
            let (x, weight) = (random([m, i]), random([o, i]).cast(FloatDType::BF16));
            (Box::new(move || drop(kernels::linear(x.clone(), weight.clone(), None))), (2 * m * i * o) as f64)
        }
        (name, &[m, i, o]) if name.starts_with("linear_Q") => {
            let format = BlockFormat::ALL.into_iter().find(|it| name.ends_with(it.name())).ok_or("an unknown format")?;
            let bytes = i / format.numbers() * format.bytes();
            // Whatever numbers they are, bytes of 1 have finite scales.
            let blocks =
                Tensor::<2, Int>::from_data(TensorData::new(vec![1_u8; o * bytes], [o, bytes]), (&Device::flex(), DType::U8));
            let (x, weight) = (random([m, i]), Quantised::new(blocks, format));
            (Box::new(move || drop(kernels::linear_quantised(x.clone(), &weight, None))), (2 * m * i * o) as f64)
        }
        ("attention", &[b, h, nq, nk, d]) => {
            let (q, k, v) = (random([b, nq, h * d]), random([b, nk, h * d]), random([b, nk, h * d]));
            let run =
                move || drop(kernels::attention_heads(q.clone(), k.clone(), v.clone(), h, None, AttentionOptions::default()));
            (Box::new(run), (4 * b * h * nq * nk * d) as f64)
        }
        ("rope_neighbours" | "rope_halves", &[n, h, d]) => {
            let (x, cosine, sine) = (random([1, n, h, d]), random([n, d / 2]), random([n, d / 2]));
            let pairs = if name == "rope_halves" { Pairs::Halves } else { Pairs::Neighbours };
            (Box::new(move || drop(kernels::rope(x.clone(), cosine.clone(), sine.clone(), pairs))), (3 * n * h * d) as f64)
        }
        ("group_norm_silu", &[b, c, n]) => {
            let (x, weight, bias) = (random([b, c, n]), stored([c]), stored([c]));
            let run = move || drop(kernels::group_norm_silu(x.clone(), weight.clone(), bias.clone(), 32, 1e-5));
            (Box::new(run), (b * c * n) as f64)
        }
        ("layer_norm", &[n, c]) => {
            let (x, weight, bias) = (random([n, c]), stored([c]), stored([c]));
            let run = move || drop(kernels::layer_norm(x.clone(), Some(weight.clone()), Some(bias.clone()), 1e-5));
            (Box::new(run), (n * c) as f64)
        }
        ("geglu", &[n, c]) => {
            let x = random([n, c]);
            (Box::new(move || drop(kernels::geglu(x.clone()))), (n * c) as f64)
        }
        ("swiglu", &[n, c]) => {
            let x = random([n, c]);
            (Box::new(move || drop(kernels::swiglu(x.clone()))), (n * c) as f64)
        }
        ("upsample_nearest_2x", &[b, c, h, w]) => {
            let x = random([b, c, h, w]);
            (Box::new(move || drop(kernels::upsample_nearest_2x(x.clone()))), (4 * b * c * h * w) as f64)
        }
        _ => return Err(format!("no operation is called `{case}`").into()),
    })
}

fn random<const D: usize>(shape: [usize; D]) -> Tensor<D> {
    Tensor::random(shape, Distribution::Uniform(-1.0, 1.0), &Device::flex())
}

fn stored<const D: usize>(shape: [usize; D]) -> Tensor<D> {
    random(shape).cast(FloatDType::F16)
}
