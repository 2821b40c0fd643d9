//! Loops made of expansions, and values that are withheld.

use crate::expand::{Feed, fed};
use graph::{Graph, InputValue, Node as GraphNode, NodeId, SocketType};
use runtime::{
    Blockable, Context, Expanding, Expansion, Given, Node, NodeError, RawLink, Registry, Run, Socket, Value, registry,
};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub(crate) fn nodes() -> Registry {
    registry![TestWhileLoopOpen, TestWhileLoopClose, TestForLoopOpen, TestForLoopClose, TestExecutionBlocker]
}

/// What ties the end of a loop to its beginning.
#[derive(Clone)]
struct FlowControl;

impl Socket for FlowControl {
    const TYPE: SocketType = SocketType::named("FLOW_CONTROL");
}

/// Python's `None`.
pub(crate) fn nothing() -> Value {
    Value::Json(Arc::new(Json::Null))
}

/// Where a loop begins.
#[derive(Node)]
#[node(category = "Testing/Flow", display = "While Loop Open", outputs(FLOW_CONTROL, value0, value1, value2, value3, value4))]
struct TestWhileLoopOpen {
    #[input(default = true)]
    #[expect(dead_code, reason = "its end judges it")]
    condition: bool,
    initial_value0: Option<Value>,
    initial_value1: Option<Value>,
    initial_value2: Option<Value>,
    initial_value3: Option<Value>,
    initial_value4: Option<Value>,
}

impl Run for TestWhileLoopOpen {
    type Output = (FlowControl, Value, Value, Value, Value, Value);

    fn run(self, _: &Context) -> Result<Self::Output, NodeError> {
        let or = |value: Option<Value>| value.unwrap_or_else(nothing);
        Ok((
            FlowControl,
            or(self.initial_value0),
            or(self.initial_value1),
            or(self.initial_value2),
            or(self.initial_value3),
            or(self.initial_value4),
        ))
    }
}

/// Where a loop ends: puts everything from its beginning to itself in its place once more, until the condition is false.
#[derive(Node)]
#[node(category = "Testing/Flow", display = "While Loop Close", outputs(value0, value1, value2, value3, value4))]
struct TestWhileLoopClose {
    #[input(socket = "FLOW_CONTROL")]
    flow_control: RawLink,
    #[input(force_input)]
    condition: bool,
    initial_value0: Option<Feed>,
    initial_value1: Option<Feed>,
    initial_value2: Option<Feed>,
    initial_value3: Option<Feed>,
    initial_value4: Option<Feed>,
}

impl Run for TestWhileLoopClose {
    type Output = Expanding<(Value, Value, Value, Value, Value)>;

    fn run(self, cx: &Context) -> Result<Self::Output, NodeError> {
        let feeds = [self.initial_value0, self.initial_value1, self.initial_value2, self.initial_value3, self.initial_value4];
        if !self.condition {
            let outputs = feeds.into_iter().map(|it| it.map_or_else(|| Given::Value(nothing()), Feed::into_given)).collect();
            return Ok(Expanding::Graph(Expansion { graph: Graph::new(), outputs, shown_at: Vec::new() }));
        }
        let (me, open) = (cx.node().clone(), self.flow_control.node);
        let whole = cx.graph();
        let mut graph = Graph::new();
        let mut shown_at = Vec::new();
        // Under other names than theirs: a link to one of them still means the round that was.
        let copy_of = |id: &NodeId| NodeId::from(if *id == me { "Recurse".to_owned() } else { format!("next {id}") });
        let body = between(&whole, &open, &me);
        for id in &body {
            let mut node = whole.node(id).cloned().ok_or_else(|| NodeError::new(format!("there is no node `{id}`")))?;
            for input in node.inputs.values_mut() {
                if let InputValue::Link { node, .. } = input
                    && body.contains(node)
                {
                    *node = copy_of(node);
                }
            }
            if *id == open {
                for (i, feed) in feeds.iter().enumerate() {
                    let name = format!("initial_value{i}");
                    match feed {
                        Some(feed) => node = fed(node, &name, feed.clone()),
                        None => drop(node.inputs.shift_remove(&name)),
                    }
                }
            }
            shown_at.push((copy_of(id), id.clone()));
            graph.insert(copy_of(id), node)?;
        }
        let outputs = (0..5).map(|slot| Given::link("Recurse", slot)).collect();
        Ok(Expanding::Graph(Expansion { graph, outputs, shown_at }))
    }
}

/// The nodes that need `first` and that `last` needs, both of these included.
fn between(graph: &Graph, first: &NodeId, last: &NodeId) -> BTreeSet<NodeId> {
    let mut takers: BTreeMap<NodeId, Vec<NodeId>> = BTreeMap::new();
    let mut open = vec![last.clone()];
    while let Some(id) = open.pop() {
        for input in graph.node(&id).into_iter().flat_map(|it| it.inputs.values()) {
            if let InputValue::Link { node, .. } = input {
                if !takers.contains_key(node) {
                    open.push(node.clone());
                }
                takers.entry(node.clone()).or_default().push(id.clone());
            }
        }
    }
    let mut found = BTreeSet::from([first.clone(), last.clone()]);
    let mut open = vec![first.clone()];
    while let Some(id) = open.pop() {
        for taker in takers.get(&id).into_iter().flatten() {
            if found.insert(taker.clone()) {
                open.push(taker.clone());
            }
        }
    }
    found
}

/// Where a loop of so many rounds begins.
#[derive(Node)]
#[node(category = "Testing/Flow", display = "For Loop Open", outputs(flow_control, remaining, value1, value2, value3, value4))]
struct TestForLoopOpen {
    #[input(default = 1, min = 0, max = 100_000, step = 1)]
    remaining: i64,
    /// How many rounds are left: the loop itself feeds it.
    initial_value0: Option<Value>,
    initial_value1: Option<Value>,
    initial_value2: Option<Value>,
    initial_value3: Option<Value>,
    initial_value4: Option<Value>,
}

impl Run for TestForLoopOpen {
    type Output = Expanding<(FlowControl, i64, Value, Value, Value, Value)>;

    fn run(self, _: &Context) -> Result<Self::Output, NodeError> {
        let remaining = self.initial_value0.and_then(|it| it.to::<i64>()).unwrap_or(self.remaining);
        let mut graph = Graph::new();
        // As in ComfyUI's: nobody needs it, so it never runs.
        graph
            .insert("open", GraphNode::new("TestWhileLoopOpen").with("condition", remaining).with("initial_value0", remaining))?;
        let mut outputs = vec![Given::value(FlowControl), Given::value(remaining)];
        for value in [self.initial_value1, self.initial_value2, self.initial_value3, self.initial_value4] {
            outputs.push(Given::Value(value.unwrap_or_else(nothing)));
        }
        Ok(Expanding::Graph(Expansion { graph, outputs, shown_at: Vec::new() }))
    }
}

/// Where a loop of so many rounds ends.
#[derive(Node)]
#[node(category = "Testing/Flow", display = "For Loop Close", outputs(value1, value2, value3, value4))]
struct TestForLoopClose {
    #[input(socket = "FLOW_CONTROL")]
    flow_control: RawLink,
    initial_value1: Option<Feed>,
    initial_value2: Option<Feed>,
    initial_value3: Option<Feed>,
    initial_value4: Option<Feed>,
}

impl Run for TestForLoopClose {
    type Output = Expanding<(Value, Value, Value, Value)>;

    fn run(self, _: &Context) -> Result<Self::Output, NodeError> {
        let open = self.flow_control.node;
        let mut graph = Graph::new();
        let less = GraphNode::new("TestIntMathOperation").with("operation", "subtract").with("b", 1).linked("a", open.clone(), 1);
        graph.insert("less", less)?;
        graph.insert("again", GraphNode::new("TestToBoolNode").linked("value", "less", 0))?;
        let mut close = GraphNode::new("TestWhileLoopClose")
            .linked("flow_control", open, self.flow_control.slot)
            .linked("condition", "again", 0)
            .linked("initial_value0", "less", 0);
        let feeds = [self.initial_value1, self.initial_value2, self.initial_value3, self.initial_value4];
        for (i, feed) in feeds.into_iter().enumerate() {
            if let Some(feed) = feed {
                close = fed(close, &format!("initial_value{}", i + 1), feed);
            }
        }
        graph.insert("close", close)?;
        let outputs = (1..5).map(|slot| Given::link("close", slot)).collect();
        Ok(Expanding::Graph(Expansion { graph, outputs, shown_at: Vec::new() }))
    }
}

/// Withholds a value.
#[derive(Node)]
#[node(category = "Testing/Flow", display = "Execution Blocker", outputs(output))]
struct TestExecutionBlocker {
    input: Value,
    block: bool,
    verbose: bool,
}

impl Run for TestExecutionBlocker {
    type Output = Blockable<Value>;

    fn run(self, _: &Context) -> Result<Blockable<Value>, NodeError> {
        if self.block {
            return Ok(Blockable::Blocked(self.verbose.then(|| "Blocked Execution".to_owned())));
        }
        Ok(Blockable::Open(self.input))
    }
}
