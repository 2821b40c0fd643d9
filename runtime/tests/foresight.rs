//! The whole graph is known before it runs, so what stays in memory is what will be used next, not what was used last.

use burn::tensor::TensorData;
use graph::{Graph, Node as Placed};
use models::diffusion::{Prediction, SD15};
use models::engine::Settings;
use models::{Engine, Folders, Model, Weights};
use runtime::{Context, Executor, Job, Node, NodeError, Policy, Run, registry};
use std::sync::Arc;

/// Gives a model of four bytes.
#[derive(Node)]
struct Open {
    name: String,
}

impl Run for Open {
    type Output = Model;

    fn run(self, _: &Context) -> Result<Model, NodeError> {
        let weights = Weights::from_tensors(&self.name, [(self.name.clone(), TensorData::from([1.0_f32]))])?;
        Ok(Model { weights, architecture: &SD15, prediction: Prediction::Epsilon, latent: SD15.latent, patches: Vec::new() })
    }
}

/// Uses a model once something else is done.
#[derive(Node)]
#[node(output_node)]
struct Use {
    model: Model,
    #[input(optional)]
    after: i64,
}

impl Run for Use {
    type Output = i64;

    fn run(self, cx: &Context) -> Result<i64, NodeError> {
        cx.engine().network(&self.model.key(), &self.model.weights, |_, _| Ok(()))?;
        Ok(self.after + 1)
    }
}

#[test]
fn the_model_that_is_used_again_stays() {
    let mut graph = Graph::new();
    for name in ["a", "b", "c"] {
        graph.insert(name, Placed::new("Open").with("name", name)).expect("new");
    }
    graph.insert("1", Placed::new("Use").linked("model", "a", 0)).expect("new");
    for (step, before, name) in [("2", "1", "b"), ("3", "2", "c"), ("4", "3", "a")] {
        graph.insert(step, Placed::new("Use").linked("model", name, 0).linked("after", before, 0)).expect("new");
    }
    for policy in [Policy::default(), Policy::Nothing] {
        // There is room for two: the longest unused at step 3 is `a`, which step 4 needs.
        let engine = Engine::new(Settings { device: "cpu".into(), memory: Some(8), folders: Folders::none() }).expect("a device");
        let job = Arc::new(Job::new(Arc::new(engine), Arc::default()));
        Executor::new(Arc::new(registry![Open, Use]), policy).run(graph.clone(), &["4".into()], &job).expect("done");
        let statistics = job.engine.statistics();
        assert_eq!((statistics.loads, statistics.hits, statistics.evictions), (3, 1, 1), "{policy:?}");
    }
}

/// Has no room as long as any model is resident.
#[derive(Node)]
#[node(output_node)]
struct Greedy {
    after: i64,
}

impl Run for Greedy {
    type Output = ();

    fn run(self, cx: &Context) -> Result<(), NodeError> {
        match cx.engine().statistics().resident {
            0 => Ok(()),
            models => Err(NodeError::out_of_memory(format!("{models} models are in the way of {}", self.after))),
        }
    }
}

#[test]
fn a_node_without_room_gets_that_of_the_models() {
    let mut graph = Graph::new();
    graph.insert("a", Placed::new("Open").with("name", "a")).expect("new");
    graph.insert("1", Placed::new("Use").linked("model", "a", 0)).expect("new");
    graph.insert("2", Placed::new("Greedy").linked("after", "1", 0)).expect("new");
    let job = Arc::new(Job::default());
    Executor::new(Arc::new(registry![Open, Use, Greedy]), Policy::default()).run(graph, &["2".into()], &job).expect("done");
    assert_eq!(job.engine.statistics().evictions, 1);
}
