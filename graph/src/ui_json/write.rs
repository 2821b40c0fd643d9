//! From a graph to a workflow that the editor can open, every node with a place of its own.

use super::widgets;
use crate::graph::{Graph, InputValue, Node, NodeId};
use crate::spec::{Catalog, Input, NodeSpec, Output, Widget};
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::sync::Arc;

/// Sizes in the editor's units, which are pixels at 100 %.
const WIDTH: usize = 320;
const TITLE: usize = 30;
const SLOT: usize = 20;
const WIDGET: usize = 24;
const TEXT: usize = 120;
const GAP: usize = 60;

/// Writes a graph as a workflow of the editor, version 0.4.
///
/// Nodes stand in columns, each right of all that it needs, and never over each other. Reading it back gives an equal graph, with the
/// defaults where an input with a widget was fed with nothing. What the format cannot say is left out: links that start at no node, literals
/// of inputs that the class does not declare, and a backslash directly before one of `{|}` in a text that the editor draws choices from.
pub fn to_json(graph: &Graph, catalog: &dyn Catalog) -> Value {
    let mut classes: HashMap<&str, Option<Arc<NodeSpec>>> = HashMap::new();
    let mut live = |node: &'_ Node, class| -> Option<Arc<NodeSpec>> {
        let spec: &Option<Arc<NodeSpec>> = classes.entry(class).or_insert_with(|| catalog.spec(class));
        spec.as_ref().map(|spec| node.live(spec))
    };
    let specs: Vec<Option<Arc<NodeSpec>>> = graph.iter().map(|(_, node)| live(node, node.class.as_str())).collect();
    let mut drawn: Vec<Drawn<'_>> =
        graph.iter().zip(&specs).map(|((id, node), spec)| Drawn::new(id, node, spec.as_deref(), catalog)).collect();
    let positions = layout(graph, &drawn);

    let mut links: Vec<Value> = Vec::new();
    for (target, spec) in specs.iter().enumerate() {
        for slot in 0..drawn[target].inputs.len() {
            let Some((from, from_slot)) = drawn[target].inputs[slot].link else { continue };
            let Some(source) = graph.position(from) else { continue };
            let declared =
                spec.as_ref().and_then(|spec| spec.inputs.iter().find(|it| it.name == drawn[target].inputs[slot].name));
            let given = specs[source].as_ref().and_then(|spec| spec.outputs.get(from_slot));
            let socket = given.map(|it| it.socket.as_str()).or(declared.map(|it| it.socket.as_str())).unwrap_or("*").to_owned();
            let link = links.len() + 1;
            links.push(json!([link, written_id(from), from_slot, written_id(drawn[target].id), slot, socket]));
            drawn[target].inputs[slot].number = Some(link);
            drawn[source].give(from_slot, link, &socket);
        }
    }
    let last_node = graph.ids().filter_map(|id| written_id(id).as_u64()).max().unwrap_or(0);
    let nodes: Vec<Value> = drawn.iter().zip(positions).enumerate().map(|(order, (node, at))| node.to_json(order, at)).collect();
    json!({
        "last_node_id": last_node,
        "last_link_id": links.len(),
        "nodes": nodes,
        "links": links,
        "groups": [],
        "config": {},
        "extra": {},
        "version": 0.4,
    })
}

/// A node as it will be written.
struct Drawn<'g> {
    id: &'g NodeId,
    node: &'g Node,
    title: Option<&'g str>,
    inputs: Vec<DrawnInput<'g>>,
    outputs: Vec<DrawnOutput>,
    values: Vec<Value>,
    named: Option<Map<String, Value>>,
    height: usize,
}

struct DrawnInput<'g> {
    name: String,
    socket: String,
    widget: bool,
    link: Option<(&'g NodeId, usize)>,
    number: Option<usize>,
}

struct DrawnOutput {
    name: String,
    socket: String,
    links: Vec<usize>,
}

impl<'g> Drawn<'g> {
    fn new(id: &'g NodeId, node: &'g Node, spec: Option<&NodeSpec>, catalog: &dyn Catalog) -> Self {
        let link = |name: &str| match node.inputs.get(name) {
            Some(InputValue::Link { node, slot }) => Some((node, *slot)),
            Some(InputValue::Literal(_) | InputValue::Malformed(_)) | None => None,
        };
        let input = |name: &str, socket: &str, widget| DrawnInput {
            name: name.to_owned(),
            socket: socket.to_owned(),
            widget,
            link: link(name),
            number: None,
        };
        let literal = |name: &str| match node.inputs.get(name) {
            Some(InputValue::Literal(literal)) => Some(literal.clone()),
            Some(InputValue::Link { .. } | InputValue::Malformed(_)) | None => None,
        };
        let declared = spec.map(|spec| spec.inputs.as_slice()).unwrap_or_default();
        let has_widget = |it: &&Input| it.widget.is_some() && !it.force_input;
        let bare = declared.iter().filter(|it| !has_widget(it)).map(|it| input(&it.name, it.socket.as_str(), false));
        // Sockets of widgets are written only where a link ends.
        let linked = declared.iter().filter(|it| has_widget(it) && link(&it.name).is_some());
        let linked = linked.map(|it| input(&it.name, widgets::socket(it), true));
        let strangers = node.inputs.keys().filter(|name| link(name).is_some() && !declared.iter().any(|it| it.name == **name));
        let strangers = strangers.map(|name| input(name, "*", false));
        let inputs: Vec<_> = bare.chain(linked).chain(strangers).collect();
        let output =
            |it: &Output| DrawnOutput { name: it.name.clone(), socket: it.socket.as_str().to_owned(), links: Vec::new() };
        let outputs: Vec<_> = spec.map(|spec| spec.outputs.as_slice()).unwrap_or_default().iter().map(output).collect();

        let dynamic = |name: &str| {
            let input = declared.iter().find(|it| it.name == name);
            matches!(input.and_then(|it| it.widget.as_ref()), Some(Widget::String { dynamic_prompts: true, .. }))
        };
        let typed = |name: &str| match literal(name) {
            Some(Value::String(text)) if dynamic(name) => Some(Value::from(widgets::undrawn(&text))),
            other => other,
        };
        // Literals that no widget can hold are said by name, and then all are.
        let by_name = node.literals().any(|(name, _)| !declared.iter().any(|it| it.name == name && has_widget(&it)));
        let named = by_name.then(|| node.literals().filter_map(|(name, _)| Some((name.to_owned(), typed(name)?))).collect());
        let values = spec.map(|spec| widgets::in_order(spec, typed, catalog)).unwrap_or_default();
        let texts = declared.iter().filter(|it| matches!(it.widget, Some(Widget::String { multiline: true, .. }))).count();
        let height = SLOT * inputs.len().max(outputs.len()) + WIDGET * values.len() + TEXT * texts + 10;
        let title = node.title.as_deref().filter(|title| spec.is_none_or(|spec| spec.display_name != *title));
        Self { id, node, title, inputs, outputs, values, named, height }
    }

    /// Notes that a link starts at output `slot`, which may be more than the class has.
    fn give(&mut self, slot: usize, link: usize, socket: &str) {
        // What a file may claim is bounded here; validation has a word on it.
        const MOST: usize = 256;
        while self.outputs.len() <= slot.min(MOST) {
            self.outputs.push(DrawnOutput { name: socket.to_owned(), socket: socket.to_owned(), links: Vec::new() });
        }
        if let Some(output) = self.outputs.get_mut(slot) {
            output.links.push(link);
        }
    }

    fn to_json(&self, order: usize, (x, y): (usize, usize)) -> Value {
        let inputs: Vec<Value> = self.inputs.iter().map(DrawnInput::to_json).collect();
        let output = |(slot, it): (usize, &DrawnOutput)| {
            let links = if it.links.is_empty() { Value::Null } else { json!(it.links) };
            json!({ "name": it.name, "type": it.socket, "links": links, "slot_index": slot })
        };
        let outputs: Vec<Value> = self.outputs.iter().enumerate().map(output).collect();
        let mut properties = self.node.meta.clone();
        properties.insert("Node name for S&R".to_owned(), self.node.class.as_str().into());
        let mut json = json!({
            "id": written_id(self.id),
            "type": self.node.class,
            "pos": [x, y],
            "size": [WIDTH, self.height],
            "flags": {},
            "order": order,
            "mode": 0,
            "inputs": inputs,
            "outputs": outputs,
            "properties": properties,
            "widgets_values": self.values,
        });
        if let Some(title) = self.title {
            json["title"] = title.into();
        }
        if let Some(named) = &self.named {
            json["widgets_values_named"] = named.clone().into();
        }
        json
    }
}

impl DrawnInput<'_> {
    fn to_json(&self) -> Value {
        let mut json = json!({ "name": self.name, "type": self.socket, "link": self.number });
        if self.widget {
            json["widget"] = json!({ "name": self.name });
        }
        json
    }
}

/// A number where the id is one, as the editor counts its nodes.
fn written_id(id: &NodeId) -> Value {
    const EXACT: u64 = 1 << 53;
    match id.parse::<u64>() {
        Ok(number) if number < EXACT && number.to_string() == **id => number.into(),
        _ => id.as_str().into(),
    }
}

/// The upper left corner of each node: a column for each length of the longest way from a node that needs nothing.
fn layout(graph: &Graph, drawn: &[Drawn<'_>]) -> Vec<(usize, usize)> {
    let sources = |position: usize| {
        let id = graph.at(position).map(|(id, _)| id.as_str()).unwrap_or_default();
        graph.links_into(id).filter_map(|link| graph.position(link.from))
    };
    let mut column = vec![0; graph.len()];
    let mut columns: Vec<Vec<usize>> = Vec::new();
    // Nodes that wait for each other stand in one column; such a graph is opened to be mended.
    for knot in graph.knots() {
        let before = knot.iter().flat_map(|&node| sources(node)).filter(|from| knot.binary_search(from).is_err());
        let at = before.map(|from| column[from] + 1).max().unwrap_or(0);
        if columns.len() <= at {
            columns.resize_with(at + 1, Vec::new);
        }
        for node in knot {
            column[node] = at;
            columns[at].push(node);
        }
    }
    let mut places = vec![(0, 0); graph.len()];
    for (at, mut nodes) in columns.into_iter().enumerate() {
        // Beside what it needs, so that links cross little.
        let height_of_sources = |node: usize| {
            let heights: Vec<usize> = sources(node).filter(|from| column[*from] < at).map(|from| places[from].1).collect();
            heights.iter().sum::<usize>() / heights.len().max(1)
        };
        nodes.sort_by_cached_key(|&node| (height_of_sources(node), node));
        let mut y = TITLE;
        for node in nodes {
            places[node] = (at * (WIDTH + GAP), y);
            y += drawn[node].height + TITLE + GAP / 2;
        }
    }
    places
}
