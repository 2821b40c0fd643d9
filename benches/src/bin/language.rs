//! How fast a language model reads and writes, alone or beside llama.cpp and transformers on the same file.
//!
//! `cargo run --release -p benches --bin language -- FILE.gguf|FOLDER [--llama PATH] [--transformers PATH] [--rounds N]`. With `--llama`
//! (an interpreter that has llama-cpp-python, for GGUF files) and `--transformers` (one that has torch, transformers and gguf; it
//! computes in f32) all sides run by turns, on as many threads, and the ratios of the medians are printed. Writing is measured by the
//! difference of a long and a short answer, so that what was read before does not count.

use anyhow::{Context as _, anyhow, bail, ensure};
use benches::peer::{Torch, median};
use models::language::{Choosing, Options, Prompt};
use models::{Engine, LanguageModel, Unwatched};
use std::io::Write;
use std::path::Path;
use std::time::Instant;

/// Tokens that are written.
const WRITTEN: usize = 64;

fn main() -> anyhow::Result<()> {
    let (mut file, mut peers, mut rounds) = (None, Vec::new(), 5);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().with_context(|| format!("{argument} needs a value"));
        match argument.as_str() {
            "--llama" => peers.push(("llama.cpp", "language.py", value()?)),
            "--transformers" => peers.push(("transformers", "language_transformers.py", value()?)),
            "--rounds" => rounds = value()?.parse()?,
            _ if argument.starts_with('-') => {
                bail!("there is no option {argument}: --llama, --transformers and --rounds are known")
            }
            _ => file = Some(argument),
        }
    }
    let file = file.context("name a GGUF file, or a folder")?;
    let (model, engine) = (LanguageModel::open(Path::new(&file))?, Engine::cpu());
    let ask = |peer: &mut Torch, line: &str| peer.ask(line).map_err(|it| anyhow!("{it}"));
    let mut others = Vec::new();
    for (name, script, python) in peers {
        let mut peer = Torch::start(&python, script).map_err(|it| anyhow!("{it}"))?;
        ask(&mut peer, &format!("open {file}"))?;
        others.push((name, peer));
    }
    let mut out = std::io::stdout().lock();
    write!(out, "{:24} {:>10}", "ms a token", "ours")?;
    for (name, _) in &others {
        write!(out, " {name:>12} {:>7}", "ratio")?;
    }
    writeln!(out)?;
    for length in [32, 128, 512] {
        // Numbers that go on: no model ends such a list by itself.
        let (mut text, mut next) = ("1".to_owned(), 2);
        while model.tokens(Prompt::Text(&text))?.len() < length {
            text += &format!(", {next}");
            next += 1;
        }
        let tokens = model.tokens(Prompt::Text(&text))?;
        let list = tokens.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        let run = |most: usize| {
            let options = Options { choosing: Choosing::default(), most, stops: Vec::new() };
            let start = Instant::now();
            let answer = model.answer(Prompt::Text(&text), &options, &engine, &Unwatched, &mut |_| {})?;
            ensure!(answer.tokens.len() == most, "the model ended after {} tokens", answer.tokens.len());
            Ok(start.elapsed().as_secs_f64() * 1e3)
        };
        run(1)?;
        let mut times = vec![[const { Vec::new() }; 2]; 1 + others.len()];
        for _ in 0..rounds {
            let read = run(1)?;
            times[0][0].push(read / tokens.len() as f64);
            times[0][1].push((run(1 + WRITTEN)? - read) / WRITTEN as f64);
            for ((_, peer), times) in others.iter_mut().zip(&mut times[1..]) {
                times[0].push(ask(peer, &format!("read {list}"))? / tokens.len() as f64);
                times[1].push(ask(peer, &format!("write {WRITTEN}"))? / WRITTEN as f64);
            }
        }
        let medians: Vec<[f64; 2]> = times.into_iter().map(|it| it.map(median)).collect();
        for (at, name) in ["read", "write after"].into_iter().enumerate() {
            let ours = medians[0][at];
            write!(out, "{:24} {ours:10.3}", format!("{name} {}", tokens.len()))?;
            for theirs in &medians[1..] {
                write!(out, " {:12.3} {:7.2}", theirs[at], ours / theirs[at])?;
            }
            writeln!(out)?;
        }
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    writeln!(out, "{}", status.lines().find(|it| it.starts_with("VmHWM")).unwrap_or("VmHWM"))?;
    for (name, peer) in &mut others {
        writeln!(out, "{name}'s peak: {:.0} MiB", ask(peer, "memory")?)?;
    }
    Ok(())
}
