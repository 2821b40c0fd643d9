//! What a picture of a whole checkpoint takes: time, memory, and what is loaded when.
//!
//! `cargo run --release -p benches --bin picture -- CHECKPOINT [--size 512] [--steps 4] [--memory 6GB]`, with a checkpoint such as
//! make/sd15_checkpoint.py makes. Two pictures in one process, the second with another seed. Peak memory is what Linux tells (VmHWM):
//! it includes the pages of the mapped file; `anonymous` does not.

use anyhow::{Context as _, bail};
use graph::{Graph, Node};
use models::engine::Settings;
use models::residency::parse_size;
use runtime::{Executor, Folders, Job, Policy};
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

fn workflow(name: &str, size: usize, steps: usize, seed: u64) -> anyhow::Result<Graph> {
    let mut graph = Graph::new();
    graph.insert("model", Node::new("CheckpointLoaderSimple").with("ckpt_name", name))?;
    for (id, text) in [("positive", "a lighthouse at night"), ("negative", "blurry")] {
        graph.insert(id, Node::new("CLIPTextEncode").with("text", text).linked("clip", "model", 1))?;
    }
    let latent = Node::new("EmptyLatentImage").with("width", size).with("height", size).with("batch_size", 1);
    graph.insert("latent", latent)?;
    let sampler = Node::new("KSampler").with("seed", seed).with("steps", steps).with("cfg", 7.0).with("denoise", 1.0);
    let sampler = sampler.with("sampler_name", "dpmpp_2m").with("scheduler", "karras").linked("model", "model", 0);
    let sampler = sampler.linked("positive", "positive", 0).linked("negative", "negative", 0).linked("latent_image", "latent", 0);
    graph.insert("sampler", sampler)?;
    graph.insert("decoded", Node::new("VAEDecode").linked("samples", "sampler", 0).linked("vae", "model", 2))?;
    graph.insert("saved", Node::new("SaveImage").linked("images", "decoded", 0).with("filename_prefix", "it"))?;
    Ok(graph)
}

/// A line of this process's status, as Linux writes it.
fn status(name: &str) -> anyhow::Result<String> {
    let status = std::fs::read_to_string("/proc/self/status").context("only Linux tells how much memory a process takes")?;
    let line = status.lines().find_map(|it| it.strip_prefix(name)).with_context(|| format!("there is no {name}"))?;
    Ok(line.trim_start_matches(':').trim().to_owned())
}

fn main() -> anyhow::Result<()> {
    let (mut checkpoint, mut size, mut steps, mut memory) = (None, 512, 4, None);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().with_context(|| format!("{argument} needs a value"));
        match argument.as_str() {
            "--size" => size = value()?.parse()?,
            "--steps" => steps = value()?.parse()?,
            "--memory" => memory = Some(parse_size(&value()?)?),
            _ if argument.starts_with('-') => bail!("there is no option {argument}: --size, --steps and --memory are known"),
            _ => checkpoint = Some(PathBuf::from(&argument)),
        }
    }
    let checkpoint = checkpoint.context("name a checkpoint")?.canonicalize()?;
    let name = checkpoint.file_name().and_then(|it| it.to_str()).context("the checkpoint has no name")?;
    let mut models = models::Folders::none();
    models.add("checkpoints", checkpoint.parent().context("it lies in no folder")?.to_owned(), false);
    let out_folder = tempfile::tempdir()?;
    let folders = Folders { output: out_folder.path().to_owned(), models, ..Folders::default() };
    let folders = Arc::new(folders);
    let settings = Settings { device: "cpu".to_owned(), memory, folders: folders.models.clone() };
    let engine = Arc::new(models::Engine::new(settings)?);
    let registry = Arc::new(nodes::catalogue().in_folders(folders.clone()));
    let mut executor = Executor::new(registry.clone(), Policy::default());
    let mut out = std::io::stdout().lock();
    for (round, seed) in ["first", "second"].into_iter().zip(1..) {
        let before = engine.statistics();
        let validation = graph::validate(workflow(name, size, steps, seed)?, &*registry, None);
        if !validation.problems.is_empty() {
            bail!("{}", validation.node_errors());
        }
        let begun = Instant::now();
        let job = Arc::new(Job::new(engine.clone(), folders.clone()));
        executor.run(validation.graph, &validation.runnable, &job)?;
        let after = engine.statistics();
        writeln!(
            out,
            "{round} picture, {size}x{size}, {steps} steps: {:.2?}; {} models loaded, {} found resident, {} evicted; peak {}, anonymous {}",
            begun.elapsed(),
            after.loads - before.loads,
            after.hits - before.hits,
            after.evictions - before.evictions,
            status("VmHWM")?,
            status("RssAnon")?,
        )?;
    }
    Ok(())
}
