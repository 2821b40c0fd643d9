//! Nodes that put a graph in their place.

use crate::stubs::page;
use graph::{Graph, InputValue, Node as GraphNode, SocketType};
use models::Image;
use runtime::node::{Field, Slot};
use runtime::{Context, Expanding, Expansion, Given, Inputs, Node, NodeError, RawLink, Registry, Run, Value, registry};
use serde_json::Value as Json;

pub(crate) fn nodes() -> Registry {
    registry![
        TestDynamicDependencyCycle,
        TestMixedExpansionReturns,
        TestSamplingInExpansion,
        TestParallelSleep,
        TestDynamicAsyncGeneration
    ]
}

/// What stands in an input, a link or a literal: what a node needs to hand the input on to nodes that it makes.
#[derive(Clone)]
pub(crate) enum Feed {
    Link(RawLink),
    Literal(Json),
}

impl Field for Feed {
    const SOCKET: SocketType = SocketType::ANY;
    const RAW_LINK: bool = true;

    fn take(inputs: &Inputs, name: &str) -> Result<Self, NodeError> {
        match inputs.slot(name) {
            Some(Slot::Link { .. }) => RawLink::take(inputs, name).map(Self::Link),
            Some(Slot::Values(values)) => match values.first() {
                Some(Value::Json(json)) => Ok(Self::Literal((**json).clone())),
                Some(Value::Int(whole)) => i64::try_from(*whole).map(|it| Self::Literal(it.into())).map_err(Into::into),
                Some(Value::Float(real)) => Ok(Self::Literal((*real).into())),
                Some(Value::Bool(truth)) => Ok(Self::Literal((*truth).into())),
                Some(Value::String(text)) => Ok(Self::Literal(text.as_ref().into())),
                _ => Err(NodeError::input(name, "needs a link or a literal")),
            },
            Some(Slot::Waiting) | None => Err(NodeError::input(name, "it is required and nothing is there")),
        }
    }
}

impl Feed {
    pub(crate) fn into_input(self) -> InputValue {
        match self {
            Self::Link(RawLink { node, slot }) => InputValue::Link { node, slot },
            Self::Literal(json) => InputValue::Literal(json),
        }
    }

    /// The same as an output of the node that it feeds.
    pub(crate) fn into_given(self) -> Given {
        match self {
            Self::Link(RawLink { node, slot }) => Given::link(node, slot),
            Self::Literal(json) => Given::Value(Value::from_json(&json)),
        }
    }
}

/// A node with one more input.
pub(crate) fn fed(mut node: GraphNode, name: &str, feed: Feed) -> GraphNode {
    node.inputs.insert(name.to_owned(), feed.into_input());
    node
}

fn stub_mask(value: f64) -> GraphNode {
    GraphNode::new("StubMask").with("value", value).with("height", 512).with("width", 512).with("batch_size", 1)
}

fn stub_image(content: &str) -> GraphNode {
    GraphNode::new("StubImage").with("content", content).with("height", 512).with("width", 512).with("batch_size", 1)
}

/// Two nodes that wait for each other.
#[derive(Node)]
#[node(category = "Testing/Nodes", display = "Dynamic Dependency Cycle")]
struct TestDynamicDependencyCycle {
    #[input(socket = "IMAGE")]
    input1: Feed,
    #[input(socket = "IMAGE")]
    input2: Feed,
}

impl Run for TestDynamicDependencyCycle {
    type Output = Expanding<Image>;

    fn run(self, _: &Context) -> Result<Self::Output, NodeError> {
        let mut graph = Graph::new();
        graph.insert("mask", stub_mask(0.5))?;
        let mix = || GraphNode::new("TestLazyMixImages").linked("mask", "mask", 0);
        graph.insert("mix1", fed(mix().linked("image2", "mix2", 0), "image1", self.input1))?;
        graph.insert("mix2", fed(mix().linked("image1", "mix1", 0), "image2", self.input2))?;
        Ok(Expanding::Graph(Expansion { graph, outputs: vec![Given::link("mix2", 0)], shown_at: Vec::new() }))
    }
}

/// A grey picture and a white one: small greys at once, others by a graph.
#[derive(Node)]
#[node(category = "Testing/Nodes", display = "Mixed Expansion Returns")]
struct TestMixedExpansionReturns {
    input1: f64,
}

impl Run for TestMixedExpansionReturns {
    type Output = Expanding<(Image, Image)>;

    fn run(self, _: &Context) -> Result<Self::Output, NodeError> {
        if self.input1 <= 0.2 {
            return Ok(Expanding::Values((page(if self.input1 <= 0.1 { 0.1 } else { 0.2 }), page(1.0))));
        }
        let mut graph = Graph::new();
        graph.insert("mask", stub_mask(0.3))?;
        graph.insert("black", stub_image("BLACK"))?;
        graph.insert("white", stub_image("WHITE"))?;
        let mix = GraphNode::new("TestLazyMixImages").linked("image1", "black", 0).linked("image2", "white", 0);
        graph.insert("mix", mix.linked("mask", "mask", 0))?;
        Ok(Expanding::Graph(Expansion {
            graph,
            outputs: vec![Given::link("mix", 0), Given::value(page(1.0))],
            shown_at: Vec::new(),
        }))
    }
}

/// Draws a picture by a graph of the usual nodes.
#[derive(Node)]
#[node(category = "Testing/Nodes", display = "Sampling In Expansion")]
struct TestSamplingInExpansion {
    #[input(socket = "MODEL")]
    model: Feed,
    #[input(socket = "CLIP")]
    clip: Feed,
    #[input(socket = "VAE")]
    vae: Feed,
    #[input(default = 0, min = 0)]
    seed: u64,
    #[input(default = 20, min = 1, max = 100)]
    steps: u64,
    #[input(default = 7.0, min = 0.0, max = 30.0)]
    cfg: f64,
    #[input(default = "a beautiful landscape with mountains and trees", multiline)]
    prompt: String,
    #[input(default = "blurry, bad quality, worst quality", multiline)]
    negative_prompt: String,
}

impl Run for TestSamplingInExpansion {
    type Output = Expanding<Image>;

    fn run(self, _: &Context) -> Result<Self::Output, NodeError> {
        let mut graph = Graph::new();
        graph.insert("positive", fed(GraphNode::new("CLIPTextEncode").with("text", self.prompt), "clip", self.clip.clone()))?;
        graph.insert("negative", fed(GraphNode::new("CLIPTextEncode").with("text", self.negative_prompt), "clip", self.clip))?;
        graph
            .insert("latent", GraphNode::new("EmptyLatentImage").with("width", 512).with("height", 512).with("batch_size", 1))?;
        let sampler = GraphNode::new("KSampler")
            .with("seed", self.seed)
            .with("steps", self.steps)
            .with("cfg", self.cfg)
            .with("sampler_name", "euler_ancestral")
            .with("scheduler", "normal")
            .with("denoise", 1.0)
            .linked("positive", "positive", 0)
            .linked("negative", "negative", 0)
            .linked("latent_image", "latent", 0);
        graph.insert("sampler", fed(sampler, "model", self.model))?;
        graph.insert("decoded", fed(GraphNode::new("VAEDecode").linked("samples", "sampler", 0), "vae", self.vae))?;
        Ok(Expanding::Graph(Expansion { graph, outputs: vec![Given::link("decoded", 0)], shown_at: Vec::new() }))
    }
}

/// The average of pictures that take their time, as a graph.
fn slow_average(pictures: Vec<(Feed, f64)>) -> Result<Expanding<Image>, NodeError> {
    let mut graph = Graph::new();
    let mut average = GraphNode::new("TestVariadicAverage");
    for (i, (picture, seconds)) in pictures.into_iter().enumerate() {
        let id = format!("sleep{i}");
        graph.insert(id.as_str(), fed(GraphNode::new("TestSleep").with("seconds", seconds), "value", picture))?;
        average = average.linked(&format!("input{}", i + 1), id.as_str(), 0);
    }
    graph.insert("average", average)?;
    Ok(Expanding::Graph(Expansion { graph, outputs: vec![Given::link("average", 0)], shown_at: Vec::new() }))
}

/// Three pictures that take their time side by side, and their average.
#[derive(Node)]
#[node(category = "_for_testing", display = "Test Parallel Sleep", output_node)]
struct TestParallelSleep {
    #[input(socket = "IMAGE")]
    image1: Feed,
    #[input(socket = "IMAGE")]
    image2: Feed,
    #[input(socket = "IMAGE")]
    image3: Feed,
    #[input(default = 0.5, min = 0.0, max = 10.0, step = 0.01)]
    sleep1: f64,
    #[input(default = 0.5, min = 0.0, max = 10.0, step = 0.01)]
    sleep2: f64,
    #[input(default = 0.5, min = 0.0, max = 10.0, step = 0.01)]
    sleep3: f64,
}

impl Run for TestParallelSleep {
    type Output = Expanding<Image>;

    fn run(self, _: &Context) -> Result<Self::Output, NodeError> {
        slow_average(vec![(self.image1, self.sleep1), (self.image2, self.sleep2), (self.image3, self.sleep3)])
    }
}

/// Two pictures in turn, so often, each taking its time beside the others, and their average.
#[derive(Node)]
#[node(category = "_for_testing/async", display = "Test Dynamic Async Generation")]
struct TestDynamicAsyncGeneration {
    #[input(socket = "IMAGE")]
    image1: Feed,
    #[input(socket = "IMAGE")]
    image2: Feed,
    #[input(default = 3, min = 1, max = 10)]
    num_async_nodes: u64,
    #[input(default = 0.2, min = 0.1, max = 1.0)]
    sleep_duration: f64,
}

impl Run for TestDynamicAsyncGeneration {
    type Output = Expanding<Image>;

    fn run(self, _: &Context) -> Result<Self::Output, NodeError> {
        let pictures = [&self.image1, &self.image2].into_iter().cycle().take(self.num_async_nodes as usize);
        slow_average(pictures.map(|it| (it.clone(), self.sleep_duration)).collect())
    }
}
