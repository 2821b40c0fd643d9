//! How long whole networks take: one step of a UNet, one decoded picture, one encoded prompt; alone or beside PyTorch.
//!
//! `cargo run --release -p benches --bin steps -- CHECKPOINT [--python PATH] [--rounds N] [FILTER]`, with a checkpoint such as
//! make/sd15_checkpoint.py makes. With `--python` (an interpreter that has torch, diffusers and transformers) both sides run by
//! turns, and the ratio of the medians is printed. A line of FILTER runs alone: peak memory is that of the whole process.

use anyhow::{Context as _, anyhow, bail};
use benches::peer::{Torch, median};
use burn::tensor::{Device, Distribution, Tensor};
use models::diffusion::Call;
use models::{Checkpoint, Engine, Samples, Unwatched};
use std::io::Write;
use std::path::Path;
use std::time::Instant;

/// Network, side of the picture, batch, as torch/steps.py reads them too.
const CASES: &[&str] =
    &["unet 512 2", "unet 512 1", "unet 256 2", "sdxl 1024 1", "sdxl 512 2", "vae 512 1", "clip 512 1", "clip 512 2"];

fn main() -> anyhow::Result<()> {
    let (mut checkpoint, mut python, mut rounds, mut filter) = (None, None, 3, String::new());
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().with_context(|| format!("{argument} needs a value"));
        match argument.as_str() {
            "--python" => python = Some(value()?),
            "--rounds" => rounds = value()?.parse()?,
            _ if argument.starts_with('-') => bail!("there is no option {argument}: --python and --rounds are known"),
            _ if checkpoint.is_none() => checkpoint = Some(argument),
            _ => filter = argument,
        }
    }
    let checkpoint = Checkpoint::open(Path::new(&checkpoint.context("name a checkpoint")?))?;
    let family = checkpoint.model.as_ref().map_or("none", |it| it.architecture.name);
    let mut torch = python.map(|it| Torch::start(&it, "steps.py")).transpose().map_err(|it| anyhow!("{it}"))?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{:20} {:>10} {:>10} {:>7}", "", "ours ms", "torch ms", "ratio")?;
    for case in CASES.iter().filter(|it| it.contains(&filter)) {
        if (case.starts_with("sdxl") && family != "sdxl") || (case.starts_with("unet") && family != "sd15") {
            continue;
        }
        let run = prepare(case, &checkpoint)?;
        run()?;
        let ask = |torch: &mut Torch, line: &str| torch.ask(line).map_err(|it| anyhow!("{it}"));
        if let Some(torch) = &mut torch {
            ask(torch, &format!("prepare {case}"))?;
        }
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            let start = Instant::now();
            run()?;
            ours.push(start.elapsed().as_secs_f64() * 1e3);
            if let Some(torch) = &mut torch {
                theirs.push(ask(torch, "run")?);
            }
        }
        let ours = median(ours);
        match theirs.is_empty() {
            true => writeln!(out, "{case:20} {ours:10.1}")?,
            false => {
                let theirs = median(theirs);
                writeln!(out, "{case:20} {ours:10.1} {theirs:10.1} {:7.2}", ours / theirs)?;
            }
        }
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    for name in ["VmHWM", "RssAnon"] {
        writeln!(out, "{}", status.lines().find(|it| it.starts_with(name)).unwrap_or(name))?;
    }
    if let Some(torch) = &mut torch {
        writeln!(out, "PyTorch's peak: {:.0} MiB", torch.ask("memory").map_err(|it| anyhow!("{it}"))?)?;
    }
    Ok(())
}

/// The case as something to run; its network is loaded.
fn prepare(case: &str, checkpoint: &Checkpoint) -> anyhow::Result<Box<dyn Fn() -> anyhow::Result<()>>> {
    let words: Vec<&str> = case.split_whitespace().collect();
    let &[name, size, batch] = words.as_slice() else { bail!("`{case}` is no case") };
    let (size, batch): (usize, usize) = (size.parse::<usize>()? / 8, batch.parse()?);
    let engine = Engine::cpu();
    Ok(match name {
        "unet" | "sdxl" => {
            let model = checkpoint.model.clone().context("the checkpoint has no diffusion network")?;
            let network = engine.network(&model.key(), &model.weights, model.architecture.build)?;
            let vector = (name == "sdxl").then(|| random([batch, 2816]));
            Box::new(move || {
                let call = Call {
                    x: Samples::new(random([batch, 4, size, size])),
                    timestep: Tensor::full([batch], 500.0, &Device::flex()),
                    context: random([batch, 77, network.context_width()]),
                    vector: vector.clone(),
                    control: None,
                    hooks: None,
                    watch: &Unwatched,
                };
                Ok(drop(network.forward(call)?))
            })
        }
        "vae" => {
            let vae = checkpoint.vae.clone().context("the checkpoint has no autoencoder")?;
            Box::new(move || Ok(drop(vae.decode(&Samples::new(random([batch, 4, size, size])), &engine, &Unwatched)?)))
        }
        "clip" => {
            let clip = checkpoint.clip.clone().context("the checkpoint has no text encoder")?;
            Box::new(move || {
                for index in 0..batch {
                    clip.encode(&format!("a lighthouse at night, number {index}"), &engine, &Unwatched)?;
                }
                Ok(())
            })
        }
        _ => bail!("no network is called {name}"),
    })
}

fn random<const D: usize>(shape: [usize; D]) -> Tensor<D> {
    Tensor::random(shape, Distribution::Uniform(-1.0, 1.0), &Device::flex())
}
