//! The editor's file as it is written: nodes, links and subgraph definitions, with nothing resolved yet.

use super::Limits;
use crate::api_json::kind_of;
use crate::problem::Problem;
use serde_json::{Map, Value};
use std::collections::HashMap;

/// The id by which links inside a subgraph name its inputs.
pub(super) const INPUT_NODE: &str = "-10";
/// The id by which links inside a subgraph name its outputs.
pub(super) const OUTPUT_NODE: &str = "-20";

/// A workflow file. Layer 0 is what the user sees first, the others are subgraph definitions.
pub(super) struct File<'j> {
    pub(super) layers: Vec<Layer<'j>>,
}

/// A level of nodes: the whole workflow or the inside of a subgraph.
pub(super) struct Layer<'j> {
    /// The type of the nodes that stand for this subgraph; empty for layer 0.
    pub(super) id: String,
    pub(super) name: String,
    /// In the order in which they go to the prompt.
    pub(super) nodes: Vec<UiNode<'j>>,
    pub(super) by_id: HashMap<String, usize>,
    pub(super) links: HashMap<i64, UiLink>,
    /// What the subgraph takes.
    pub(super) inputs: Vec<Port>,
    /// What it gives.
    pub(super) outputs: Vec<Port>,
    /// For each output, the link that feeds it from inside.
    pub(super) gives: Vec<Option<i64>>,
    /// The node that keeps a value under a name, for the nodes that fetch it.
    pub(super) kept: HashMap<&'j str, usize>,
}

/// A node as it is written.
pub(super) struct UiNode<'j> {
    pub(super) id: String,
    pub(super) kind: Kind,
    pub(super) class: &'j str,
    pub(super) mode: Mode,
    pub(super) inputs: Vec<UiInput>,
    pub(super) outputs: Vec<Port>,
    pub(super) values: Values<'j>,
    pub(super) title: Option<&'j str>,
    pub(super) properties: Option<&'j Map<String, Value>>,
    /// How much text a copy of it costs.
    pub(super) weight: usize,
}

/// What a node is to the prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A node of its own.
    Real,
    /// The subgraph of this layer.
    Instance(usize),
    /// Passes its input on.
    Reroute,
    /// Gives its first value to the inputs it is linked to.
    Primitive,
    /// Keeps its input under the name that is its first value.
    Set,
    /// Gives what is kept under the name that is its first value.
    Get,
    /// Text for people.
    Note,
    /// The way subgraphs were written before there were subgraphs.
    Group,
}

/// Whether a node takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Active,
    /// Neither runs nor gives anything.
    Muted,
    /// Does not run and passes its inputs on.
    Bypassed,
}

/// An input as it is written. Those that are neither linked nor a socket of their own may be left out.
pub(super) struct UiInput {
    pub(super) name: String,
    pub(super) socket: String,
    pub(super) link: Option<i64>,
    pub(super) widget: bool,
}

/// An output, or an end of a subgraph.
pub(super) struct Port {
    pub(super) name: String,
    pub(super) socket: String,
    /// The links at the inside of a subgraph's end.
    pub(super) links: Vec<i64>,
}

/// Where a link starts and ends.
pub(super) struct UiLink {
    pub(super) origin: String,
    pub(super) origin_slot: usize,
    pub(super) target: String,
    pub(super) target_slot: usize,
}

/// What was typed into a node's widgets.
#[derive(Clone, Copy, Default)]
pub(super) struct Values<'j> {
    pub(super) list: &'j [Value],
    pub(super) named: Option<&'j Map<String, Value>>,
}

impl<'j> File<'j> {
    /// Reads the file's structure, reporting each part that cannot be understood.
    pub(super) fn read(json: &'j Map<String, Value>, problems: &mut Vec<Problem>) -> Self {
        // Definitions are usually listed together, but may hold further definitions.
        let mut found: Vec<&'j Map<String, Value>> = Vec::new();
        let mut open = vec![json];
        while let Some(holder) = open.pop() {
            let inner = holder.get("definitions").and_then(|it| it.get("subgraphs")).and_then(Value::as_array);
            for definition in inner.into_iter().flatten() {
                match definition {
                    Value::Object(definition) => {
                        found.push(definition);
                        open.push(definition);
                    }
                    other => problems.push(Problem::unreadable(format!("a subgraph definition is {}", kind_of(other)))),
                }
            }
        }
        let mut layer_of: HashMap<&'j str, usize> = HashMap::new();
        for (i, definition) in found.iter().enumerate() {
            match definition.get("id").and_then(Value::as_str) {
                Some(id) if !layer_of.contains_key(id) => {
                    layer_of.insert(id, i + 1);
                }
                Some(id) => problems.push(Problem::unreadable(format!("there are two subgraph definitions `{id}`"))),
                None => problems.push(Problem::unreadable("a subgraph definition has no id")),
            }
        }
        let root = Layer::read(json, &layer_of, true, problems);
        let inner: Vec<_> = found.iter().map(|definition| Layer::read(definition, &layer_of, false, problems)).collect();
        Self { layers: std::iter::once(root).chain(inner).collect() }
    }

    /// The definitions that the workflow uses, each after those that it uses itself.
    ///
    /// # Errors
    /// A definition that holds itself, or more nesting than [`Limits::DEPTH`].
    pub(super) fn innermost_first(&self) -> Result<Vec<usize>, Box<Problem>> {
        let named = |layer: usize| match &self.layers[layer] {
            Layer { name, id, .. } if name.is_empty() => format!("`{id}`"),
            Layer { name, id, .. } => format!("\"{name}\" (`{id}`)"),
        };
        let mut done = vec![false; self.layers.len()];
        let mut order = Vec::new();
        let mut path = vec![(0, self.instances(0))];
        while let Some((layer, waiting)) = path.last_mut() {
            match waiting.pop() {
                Some(next) if done[next] => {}
                Some(next) => {
                    if path.iter().any(|(layer, _)| *layer == next) {
                        return Err(Problem::unreadable(format!("the subgraph {} contains itself", named(next)))
                            .hint("take the inner copy out in the editor")
                            .into());
                    }
                    if path.len() > Limits::DEPTH {
                        return Err(Problem::unreadable(format!("subgraphs are nested more than {} deep", Limits::DEPTH)).into());
                    }
                    path.push((next, self.instances(next)));
                }
                None => {
                    done[*layer] = true;
                    order.push(*layer);
                    path.pop();
                }
            }
        }
        Ok(order)
    }

    fn instances(&self, layer: usize) -> Vec<usize> {
        let mut inner: Vec<usize> = self.layers[layer]
            .nodes
            .iter()
            .filter_map(|node| match node.kind {
                Kind::Instance(layer) => Some(layer),
                _ => None,
            })
            .collect();
        inner.sort_unstable();
        inner.dedup();
        inner
    }
}

impl<'j> Layer<'j> {
    fn read(
        json: &'j Map<String, Value>,
        layer_of: &HashMap<&'j str, usize>,
        is_root: bool,
        problems: &mut Vec<Problem>,
    ) -> Self {
        let text = |key: &str| json.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let mut layer = Self {
            id: if is_root { String::new() } else { text("id") },
            name: text("name"),
            nodes: Vec::new(),
            by_id: HashMap::new(),
            links: HashMap::new(),
            inputs: ports(json.get("inputs")),
            outputs: ports(json.get("outputs")),
            gives: Vec::new(),
            kept: HashMap::new(),
        };
        match json.get("nodes") {
            Some(Value::Array(nodes)) => {
                let mut placed: Vec<(f64, UiNode<'j>)> = Vec::with_capacity(nodes.len());
                for json in nodes {
                    match UiNode::read(json, layer_of) {
                        Ok(node) => placed.push((json.get("order").and_then(Value::as_f64).unwrap_or(f64::MAX), node)),
                        Err(problem) => problems.push(*problem),
                    }
                }
                if is_root {
                    placed.sort_by(|(a, _), (b, _)| a.total_cmp(b));
                }
                layer.nodes = placed.into_iter().map(|(_, node)| node).collect();
            }
            other => {
                let what = other.map_or("missing", kind_of);
                problems.push(Problem::unreadable(format!("`nodes` is {what} and should be a list")));
            }
        }
        for (i, node) in layer.nodes.iter().enumerate() {
            if layer.by_id.insert(node.id.clone(), i).is_some() {
                problems.push(
                    Problem::unreadable(format!("there are two nodes `{}`", node.id)).of(&node.id.as_str().into(), node.class),
                );
            }
            if let (Kind::Set, Some(Value::String(name))) = (node.kind, node.values.first()) {
                layer.kept.insert(name, i);
            }
        }
        // Old files have nulls where links were deleted.
        for json in json.get("links").and_then(Value::as_array).into_iter().flatten().filter(|link| !link.is_null()) {
            match link(json) {
                Some((id, link)) => {
                    layer.links.insert(id, link);
                }
                None => problems.push(Problem::unreadable(format!("a link is {}", short(json)))),
            }
        }
        layer.gives = vec![None; layer.outputs.len()];
        let unlisted: Vec<bool> = layer.inputs.iter().map(|port| port.links.is_empty()).collect();
        let mut ends: Vec<(i64, &UiLink)> = layer.links.iter().map(|(id, link)| (*id, link)).collect();
        ends.sort_unstable_by_key(|(id, _)| *id);
        for (id, link) in ends {
            if link.target == OUTPUT_NODE
                && let Some(gives) = layer.gives.get_mut(link.target_slot)
            {
                *gives = Some(id);
            }
            if link.origin == INPUT_NODE && unlisted.get(link.origin_slot) == Some(&true) {
                layer.inputs[link.origin_slot].links.push(id);
            }
        }
        layer
    }

    /// The links that start at input `slot` of the subgraph.
    pub(super) fn links_from_input(&self, slot: usize) -> impl Iterator<Item = &UiLink> {
        let ids = self.inputs.get(slot).map(|port| port.links.as_slice()).unwrap_or_default();
        ids.iter().filter_map(|id| self.links.get(id)).filter(|link| link.origin == INPUT_NODE)
    }
}

impl<'j> UiNode<'j> {
    fn read(json: &'j Value, layer_of: &HashMap<&'j str, usize>) -> Result<Self, Box<Problem>> {
        let Value::Object(node) = json else {
            return Err(Problem::unreadable(format!("a node is {} and should be an object", kind_of(json))).into());
        };
        let id = node.get("id").and_then(id).ok_or_else(|| Problem::unreadable(format!("a node has no id: {}", short(json))))?;
        let class = node
            .get("type")
            .and_then(Value::as_str)
            .ok_or_else(|| Problem::unreadable(format!("node `{id}` has no type")).of(&id.as_str().into(), ""))?;
        let kind = match class {
            _ if layer_of.contains_key(class) => Kind::Instance(layer_of[class]),
            "Reroute" => Kind::Reroute,
            "PrimitiveNode" => Kind::Primitive,
            "Note" | "MarkdownNote" => Kind::Note,
            "SetNode" => Kind::Set,
            "GetNode" => Kind::Get,
            _ if class.starts_with("workflow>") || class.starts_with("workflow/") => Kind::Group,
            _ => Kind::Real,
        };
        let mode = match node.get("mode").and_then(Value::as_f64) {
            Some(2.0) => Mode::Muted,
            Some(4.0) => Mode::Bypassed,
            _ => Mode::Active,
        };
        let inputs = node.get("inputs").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let input = |json: &Value| UiInput {
            name: json.get("name").and_then(Value::as_str).unwrap_or_default().to_owned(),
            socket: socket(json.get("type")),
            link: json.get("link").and_then(number),
            widget: json.get("widget").is_some_and(|it| !it.is_null()),
        };
        let values = match (node.get("widgets_values"), node.get("widgets_values_named").and_then(Value::as_object)) {
            (Some(Value::Array(list)), named) => Values { list, named },
            (Some(Value::Object(named)), None) => Values { list: &[], named: Some(named) },
            (_, named) => Values { list: &[], named },
        };
        Ok(Self {
            kind,
            class,
            mode,
            inputs: inputs.iter().map(input).collect(),
            outputs: ports(node.get("outputs")),
            weight: values.weight() + id.len() + class.len() + inputs.len() * 32,
            values,
            title: node.get("title").and_then(Value::as_str),
            properties: node.get("properties").and_then(Value::as_object),
            id,
        })
    }

    /// The pairs of inner node and widget that a subgraph's node shows as its own.
    pub(super) fn proxies(&self) -> Option<&'j [Value]> {
        self.properties?.get("proxyWidgets")?.as_array().map(Vec::as_slice)
    }

    /// The link that ends in the input of this name.
    pub(super) fn link_into(&self, name: &str) -> Option<i64> {
        self.inputs.iter().find(|input| input.name == name)?.link
    }
}

impl<'j> Values<'j> {
    /// The first value, whichever way it is written.
    pub(super) fn first(&self) -> Option<&'j Value> {
        self.list.first().or_else(|| self.named?.values().next())
    }

    fn weight(&self) -> usize {
        let mut open: Vec<&Value> = self.list.iter().chain(self.named.into_iter().flat_map(Map::values)).collect();
        let mut weight = 0;
        while let Some(value) = open.pop() {
            weight += 16;
            match value {
                Value::String(text) => weight += text.len(),
                Value::Array(list) => open.extend(list),
                Value::Object(object) => {
                    weight += object.keys().map(String::len).sum::<usize>();
                    open.extend(object.values());
                }
                Value::Null | Value::Bool(_) | Value::Number(_) => {}
            }
        }
        weight
    }
}

fn ports(json: Option<&Value>) -> Vec<Port> {
    let port = |json: &Value| Port {
        name: json.get("name").and_then(Value::as_str).unwrap_or_default().to_owned(),
        socket: socket(json.get("type")),
        links: json.get("linkIds").and_then(Value::as_array).into_iter().flatten().filter_map(number).collect(),
    };
    json.and_then(Value::as_array).into_iter().flatten().map(port).collect()
}

/// A link as `[id, origin, slot, target, slot, type]` or as an object.
fn link(json: &Value) -> Option<(i64, UiLink)> {
    let part = |at: usize, key: &str| match json {
        Value::Array(list) => list.get(at),
        other => other.get(key),
    };
    let slot = |at: usize, key: &str| number(part(at, key)?)?.try_into().ok();
    let link = UiLink {
        origin: id(part(1, "origin_id")?)?,
        origin_slot: slot(2, "origin_slot")?,
        target: id(part(3, "target_id")?)?,
        target_slot: slot(4, "target_slot")?,
    };
    Some((number(part(0, "id")?)?, link))
}

/// A node's id; numbers and texts that look alike are one.
fn id(json: &Value) -> Option<String> {
    match json {
        Value::String(text) => Some(text.clone()),
        other => number(other).map(|it| it.to_string()),
    }
}

fn number(json: &Value) -> Option<i64> {
    match json {
        Value::Number(number) => {
            number.as_i64().or_else(|| number.as_f64().filter(|it| it.fract() == 0.0 && it.abs() < 1e15).map(|it| it as i64))
        }
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

/// The type of a socket. Old files write the options of a choice in its place, and 0 for "anything".
fn socket(json: Option<&Value>) -> String {
    match json {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(_)) => "COMBO".to_owned(),
        _ => "*".to_owned(),
    }
}

/// JSON for a message, however long it is.
fn short(json: &Value) -> String {
    const LONGEST: usize = 80;
    let text = json.to_string();
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}
