//! What the engine itself costs, in nodes that do nothing. `cargo test --release -p runtime --test scale -- --nocapture` prints it.

use graph::{Graph, Node as Placed, NodeId};
use runtime::{Context, Executor, Job, Node, NodeError, Policy, Run, Shown, registry};
use std::sync::Arc;
use std::time::Instant;

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
fn chain(count: usize) -> (Graph, Vec<NodeId>) {
    let mut graph = Graph::new();
    graph.insert("0", Placed::new("Add").with("a", 1)).expect("new");
    for i in 1..count - 1 {
        graph.insert(i.to_string(), Placed::new("Add").linked("a", (i - 1).to_string(), 0).linked("b", "0", 0)).expect("new");
    }
    graph.insert("show", Placed::new("Show").linked("value", (count - 2).to_string(), 0)).expect("new");
    (graph, vec!["show".into()])
}

/// So many nodes that all take the same result and are all shown.
fn fan(count: usize) -> (Graph, Vec<NodeId>) {
    let mut graph = Graph::new();
    graph.insert("0", Placed::new("Add").with("a", 1)).expect("new");
    let mut targets = Vec::new();
    for i in 0..count / 2 {
        let (add, show) = (format!("add {i}"), format!("show {i}"));
        graph.insert(add.as_str(), Placed::new("Add").linked("a", "0", 0).with("b", i)).expect("new");
        graph.insert(show.as_str(), Placed::new("Show").linked("value", add.as_str(), 0)).expect("new");
        targets.push(show.into());
    }
    (graph, targets)
}

#[test]
fn a_hundred_thousand_nodes_are_no_trouble() {
    for (name, make) in [("chain", chain as fn(usize) -> _), ("fan", fan)] {
        for count in [1_000, 10_000, 100_000] {
            let mut executor = Executor::new(Arc::new(registry![Add, Show]), Policy::default());
            let (graph, targets) = make(count);
            let job = Arc::new(Job::default());
            for round in ["first", "cached"] {
                let graph = graph.clone();
                let begun = Instant::now();
                executor.run(graph, &targets, &job).expect("nothing can fail");
                println!("{name} of {count}, {round} run: {:.2?}", begun.elapsed());
            }
            assert!(executor.cache().len() >= count, "every node's result is kept");
        }
    }
}
