//! What the engine itself costs, in nodes that do nothing.
//!
//! `cargo build --release && cargo run --release -p benches --bin engine`. First the whole of `burnish validate` on a workflow of 100
//! nodes, from the start of the process to its end, beside a process that only says its version; then chains and fans of nodes, run for
//! the first time and with every result kept. Medians; the last column is the time for each node.

use anyhow::{Context as _, ensure};
use graph::{Graph, Node as Placed, NodeId, api_json};
use runtime::{Context, Executor, Job, Node, NodeError, Policy, Run, Shown, registry};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Adds.
#[derive(Node)]
struct Add {
    #[input(optional)]
    a: i64,
    #[input(optional)]
    b: i64,
}

impl Run for Add {
    type Output = i64;

    fn run(self, _: &Context) -> Result<i64, NodeError> {
        Ok(self.a.wrapping_add(self.b))
    }
}

/// Shows.
#[derive(Node)]
#[node(output_node)]
struct Show {
    value: i64,
}

impl Run for Show {
    type Output = ();

    fn run(self, cx: &Context) -> Result<(), NodeError> {
        cx.show(Shown::Text(self.value.to_string()));
        Ok(())
    }
}

/// A chain of so many nodes, each of which also takes the first one's result.
fn chain(count: usize) -> anyhow::Result<(Graph, Vec<NodeId>)> {
    let mut graph = Graph::new();
    graph.insert("0", Placed::new("Add").with("a", 1))?;
    for i in 1..count - 1 {
        graph.insert(i.to_string(), Placed::new("Add").linked("a", (i - 1).to_string(), 0).linked("b", "0", 0))?;
    }
    graph.insert("show", Placed::new("Show").linked("value", (count - 2).to_string(), 0))?;
    Ok((graph, vec!["show".into()]))
}

/// So many nodes, half of which take the same result and half of which show it.
fn fan(count: usize) -> anyhow::Result<(Graph, Vec<NodeId>)> {
    let mut graph = Graph::new();
    graph.insert("0", Placed::new("Add").with("a", 1))?;
    let mut targets = Vec::new();
    for i in 0..count / 2 {
        let (add, show) = (format!("add {i}"), format!("show {i}"));
        graph.insert(add.as_str(), Placed::new("Add").linked("a", "0", 0).with("b", i))?;
        graph.insert(show.as_str(), Placed::new("Show").linked("value", add.as_str(), 0))?;
        targets.push(show.into());
    }
    Ok((graph, targets))
}

/// Fifty texts, each shown: 100 nodes of built-in classes.
fn hundred() -> anyhow::Result<Graph> {
    let mut graph = Graph::new();
    for i in 0..50 {
        graph.insert(format!("text {i}"), Placed::new("PrimitiveString").with("value", i.to_string()))?;
        graph.insert(format!("show {i}"), Placed::new("PreviewAny").linked("source", format!("text {i}"), 0))?;
    }
    Ok(graph)
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn process(binary: &Path, arguments: &[&str]) -> anyhow::Result<Duration> {
    let mut times = Vec::new();
    for _ in 0..21 {
        let begun = Instant::now();
        let status = Command::new(binary).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status();
        let status = status.with_context(|| format!("{} (is it built?)", binary.display()))?;
        times.push(begun.elapsed());
        ensure!(status.success(), "{} {arguments:?} failed", binary.display());
    }
    Ok(median(times))
}

fn main() -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    let binary = std::env::current_exe()?.with_file_name("burnish");
    let file = tempfile::NamedTempFile::with_suffix(".json")?;
    std::fs::write(file.path(), api_json::to_json(&hundred()?).to_string())?;
    let bare = process(&binary, &["--version"])?;
    let whole = process(&binary, &["validate", file.path().to_str().context("the path is text")?])?;
    writeln!(out, "{:34} {bare:>10.2?}", "burnish --version")?;
    writeln!(out, "{:34} {whole:>10.2?}", "burnish validate, 100 nodes")?;
    for (name, make) in [("chain", chain as fn(usize) -> _), ("fan", fan)] {
        for count in [1_000, 10_000, 100_000] {
            let (graph, targets) = make(count)?;
            let job = Arc::new(Job::default());
            let mut times = [Vec::new(), Vec::new()];
            for _ in 0..5 {
                let mut executor = Executor::new(Arc::new(registry![Add, Show]), Policy::default());
                for times in &mut times {
                    let graph = graph.clone();
                    let begun = Instant::now();
                    executor.run(graph, &targets, &job)?;
                    times.push(begun.elapsed());
                }
            }
            for (round, times) in ["first run", "all kept"].into_iter().zip(times) {
                let time = median(times);
                let what = format!("{name} of {count}, {round}");
                writeln!(out, "{what:34} {time:>10.2?} {:>10.2?}", time / count as u32)?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_thousand_nodes_are_no_trouble() {
        for make in [chain as fn(usize) -> _, fan] {
            let mut executor = Executor::new(Arc::new(registry![Add, Show]), Policy::default());
            let (graph, targets) = make(100_000).expect("a graph");
            let job = Arc::new(Job::default());
            for _ in 0..2 {
                executor.run(graph.clone(), &targets, &job).expect("nothing can fail");
                assert!(executor.cache().len() >= 100_000, "every node's result is kept");
            }
        }
    }
}
