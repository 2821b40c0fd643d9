//! How fast a language model reads and writes, alone or beside llama.cpp on the same file.
//!
//! `cargo run --release -p benches --bin language -- FILE.gguf [--llama PATH] [--rounds N]`. With `--llama` (an interpreter that has
//! llama-cpp-python) both sides run by turns, on as many threads, and the ratio of the medians is printed. Writing is measured by the
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
    let (mut file, mut llama, mut rounds) = (None, None, 5);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().with_context(|| format!("{argument} needs a value"));
        match argument.as_str() {
            "--llama" => llama = Some(value()?),
            "--rounds" => rounds = value()?.parse()?,
            _ if argument.starts_with('-') => bail!("there is no option {argument}: --llama and --rounds are known"),
            _ => file = Some(argument),
        }
    }
    let file = file.context("name a GGUF file")?;
    let (model, engine) = (LanguageModel::open(Path::new(&file))?, Engine::cpu());
    let mut llama = llama.map(|it| Torch::start(&it, "language.py")).transpose().map_err(|it| anyhow!("{it}"))?;
    let ask = |llama: &mut Torch, line: &str| llama.ask(line).map_err(|it| anyhow!("{it}"));
    if let Some(llama) = &mut llama {
        ask(llama, &format!("open {file}"))?;
    }
    let mut out = std::io::stdout().lock();
    writeln!(out, "{:24} {:>10} {:>10} {:>7}", "ms a token", "ours", "llama.cpp", "ratio")?;
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
        let mut times = [const { Vec::new() }; 4];
        for _ in 0..rounds {
            let read = run(1)?;
            times[0].push(read / tokens.len() as f64);
            times[1].push((run(1 + WRITTEN)? - read) / WRITTEN as f64);
            if let Some(llama) = &mut llama {
                times[2].push(ask(llama, &format!("read {list}"))? / tokens.len() as f64);
                times[3].push(ask(llama, &format!("write {WRITTEN}"))? / WRITTEN as f64);
            }
        }
        let [read, write, their_read, their_write] = times.map(median);
        for (name, ours, theirs) in [("read", read, their_read), ("write after", write, their_write)] {
            writeln!(out, "{:24} {ours:10.3} {theirs:10.3} {:7.2}", format!("{name} {}", tokens.len()), ours / theirs)?;
        }
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    writeln!(out, "{}", status.lines().find(|it| it.starts_with("VmHWM")).unwrap_or("VmHWM"))?;
    if let Some(llama) = &mut llama {
        writeln!(out, "llama.cpp's peak: {:.0} MiB", ask(llama, "memory")?)?;
    }
    Ok(())
}
