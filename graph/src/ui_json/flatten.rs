//! From layers of nodes to one graph: subgraphs opened, links followed to the nodes that really give.

use super::file::{File, INPUT_NODE, Kind, Mode, UiNode, Values};
use super::{Limits, widgets};
use crate::graph::{Graph, InputValue, Node, NodeId};
use crate::problem::{Problem, Problems};
use crate::spec::{Catalog, NodeSpec, Widget};
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Opens all subgraphs and follows all links.
pub(super) fn flatten(file: &File<'_>, catalog: &dyn Catalog, seed: u64) -> Result<Graph, Problems> {
    let innermost_first = file.innermost_first()?;
    let mut flat = Flat {
        file,
        catalog,
        specs: HashMap::new(),
        promoted: vec![Vec::new(); file.layers.len()],
        frames: vec![Frame { layer: 0, parent: None, prefix: String::new(), proxied: HashMap::new() }],
        opened: HashMap::new(),
        types: HashMap::new(),
        sources: HashMap::new(),
        steps: Limits::STEPS,
        problems: Vec::new(),
    };
    for layer in innermost_first {
        flat.promoted[layer] = flat.promoted_inputs(layer);
    }
    let places = flat.open()?;
    let mut graph = Graph::new();
    for place in places {
        let node = flat.node(place, seed)?;
        let id = flat.id(place);
        if let Err(taken) = graph.insert(id.clone(), node) {
            flat.problems.push(Problem::unreadable(taken.to_string()).of(&id, flat.at(place).class));
        }
    }
    if flat.problems.is_empty() { Ok(graph) } else { Err(Problems(flat.problems)) }
}

/// A copy of a layer: the whole workflow, or what one subgraph node stands for.
struct Frame<'j> {
    layer: usize,
    /// The node that it stands for, and where that is.
    parent: Option<Place>,
    /// What the ids of its nodes start with.
    prefix: String,
    /// Values that the subgraph's node holds for widgets of nodes inside, by node and widget.
    proxied: HashMap<(&'j str, &'j str), &'j Value>,
}

/// A node in a frame.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Place {
    frame: usize,
    node: usize,
}

/// One output of a node in a frame, asked for by an input of some type.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Ask {
    place: Place,
    slot: usize,
    wanted: usize,
}

/// What a link comes to.
#[derive(Clone, Copy)]
enum Source<'j> {
    Nothing,
    Literal(&'j Value),
    Output(Place, usize),
}

/// One step along a link.
enum Step<'j> {
    Done(Source<'j>),
    /// On to whatever feeds this link, in this frame.
    Link(usize, Option<i64>),
}

struct Flat<'f, 'j> {
    file: &'f File<'j>,
    catalog: &'f dyn Catalog,
    specs: HashMap<&'j str, Option<Arc<NodeSpec>>>,
    /// For each layer, which of its inputs show a widget on the nodes that stand for it.
    promoted: Vec<Vec<bool>>,
    frames: Vec<Frame<'j>>,
    opened: HashMap<Place, usize>,
    /// Numbers for the types of sockets.
    types: HashMap<String, usize>,
    /// What is known about each output, `None` while it is being followed.
    sources: HashMap<Ask, Option<Source<'j>>>,
    steps: usize,
    problems: Vec<Problem>,
}

impl<'f, 'j> Flat<'f, 'j> {
    fn at(&self, place: Place) -> &'f UiNode<'j> {
        &self.file.layers[self.frames[place.frame].layer].nodes[place.node]
    }

    fn id(&self, place: Place) -> NodeId {
        format!("{}{}", self.frames[place.frame].prefix, self.at(place).id).into()
    }

    fn spec(&mut self, class: &'j str) -> Option<Arc<NodeSpec>> {
        self.specs.entry(class).or_insert_with(|| self.catalog.spec(class)).clone()
    }

    /// The class of a node as that node has it.
    fn live(&mut self, node: &UiNode<'j>) -> Option<Arc<NodeSpec>> {
        let spec = self.spec(node.class)?;
        let linked = node.inputs.iter().filter(|it| it.link.is_some()).map(|it| it.name.as_str());
        Some(widgets::live(&spec, node.values, linked, self.catalog))
    }

    /// Which inputs of a subgraph end in a widget inside. The layers inside it have been looked at.
    fn promoted_inputs(&mut self, layer: usize) -> Vec<bool> {
        let layer = &self.file.layers[layer];
        let mut promoted = Vec::with_capacity(layer.inputs.len());
        for slot in 0..layer.inputs.len() {
            let end = layer.links_from_input(slot).find_map(|link| {
                let node = &layer.nodes[*layer.by_id.get(&link.target)?];
                Some((node, node.inputs.get(link.target_slot)?))
            });
            promoted.push(end.is_some_and(|(node, input)| match node.kind {
                Kind::Instance(inner) => {
                    let inside = self.file.layers[inner].inputs.iter().position(|port| port.name == input.name);
                    inside.is_some_and(|slot| self.promoted[inner][slot])
                }
                _ if input.widget => true,
                _ => self.live(node).is_some_and(|spec| widgets::widgets(&spec).any(|(it, _)| it.name == input.name)),
            }));
        }
        promoted
    }

    /// Opens the subgraphs. Returns the nodes that will be nodes of the graph, in order.
    fn open(&mut self) -> Result<Vec<Place>, Box<Problem>> {
        let mut places = Vec::new();
        let (mut copies, mut text) = (0_usize, 0_usize);
        let mut open = vec![Place { frame: 0, node: 0 }];
        while let Some(place) = open.pop() {
            let layer = &self.file.layers[self.frames[place.frame].layer];
            let Some(node) = layer.nodes.get(place.node) else { continue };
            open.push(Place { node: place.node + 1, ..place });
            if place.frame > 0 {
                copies += 1;
                text += node.weight + self.frames[place.frame].prefix.len();
                if copies > Limits::COPIES || text > Limits::TEXT {
                    let (nodes, size) = (Limits::COPIES, Limits::TEXT >> 20);
                    return Err(Problem::unreadable(format!(
                        "the subgraphs hold more than {nodes} nodes or {size} MiB of values"
                    ))
                    .into());
                }
            }
            if node.mode != Mode::Active {
                continue;
            }
            match node.kind {
                Kind::Real => places.push(place),
                Kind::Instance(layer) => {
                    let prefix = format!("{}{}:", self.frames[place.frame].prefix, node.id);
                    copies += 1 + node.proxies().map_or(0, <[Value]>::len);
                    let frame = Frame { layer, parent: Some(place), prefix, proxied: proxied(node) };
                    self.opened.insert(place, self.frames.len());
                    open.push(Place { frame: self.frames.len(), node: 0 });
                    self.frames.push(frame);
                }
                Kind::Group => self.problems.push(
                    Problem::unreadable(format!("\"{}\" is a group node", node.class))
                        .of(&self.id(place), node.class)
                        .hint("open the workflow in the editor and turn the group node into a subgraph"),
                ),
                Kind::Reroute | Kind::Primitive | Kind::Set | Kind::Get | Kind::Note => {}
            }
        }
        Ok(places)
    }

    fn node(&mut self, place: Place, seed: u64) -> Result<Node, Box<Problem>> {
        let ui = self.at(place);
        let id = self.id(place);
        let spec = self.live(ui);
        let mut node = Node::new(ui.class);
        node.title = ui.title.map(str::to_owned).or_else(|| Some(spec.as_ref()?.display_name.clone()));
        for key in ["cnr_id", "aux_id", "ver"] {
            node.meta.extend(ui.properties.and_then(|it| it.get(key)).map(|value| (key.to_owned(), value.clone())));
        }
        let mut feed = |name: &str, value: Value| node.inputs.insert(name.to_owned(), InputValue::Literal(value));
        match &spec {
            Some(spec) => {
                for (name, value) in widgets::literals(spec, ui.values, self.catalog) {
                    feed(&name, value.into_owned());
                }
            }
            None => {
                for (name, value) in widgets::named(ui.values.named) {
                    feed(name, value.clone());
                }
            }
        }
        let proxied = &self.frames[place.frame].proxied;
        if !proxied.is_empty() {
            let known = spec.as_ref().into_iter().flat_map(|spec| widgets::widgets(spec)).map(|(input, _)| input.name.as_str());
            for name in known {
                if let Some(value) = proxied.get(&(ui.id.as_str(), name)) {
                    feed(name, (*value).clone());
                }
            }
        }
        for input in ui.inputs.iter().filter(|input| input.link.is_some()) {
            let declared = spec.as_ref().and_then(|spec| spec.inputs.iter().find(|it| it.name == input.name));
            let wanted = declared.map_or(input.socket.as_str(), widgets::socket);
            match self.follow(place.frame, input.link, wanted)? {
                Source::Nothing => {}
                Source::Literal(value) => {
                    node.inputs.insert(input.name.clone(), InputValue::Literal(value.clone()));
                }
                Source::Output(from, slot) => {
                    node.inputs.insert(input.name.clone(), InputValue::Link { node: self.id(from), slot });
                }
            }
        }
        for input in spec.iter().flat_map(|spec| &spec.inputs) {
            if let Some(Widget::String { dynamic_prompts: true, .. }) = input.widget
                && let Some(InputValue::Literal(Value::String(text))) = node.inputs.get_mut(&input.name)
            {
                *text = widgets::drawn(text, widgets::draws(seed, &id, &input.name));
            }
        }
        Ok(node)
    }

    /// Follows a link upstream to what really feeds it.
    fn follow(&mut self, frame: usize, link: Option<i64>, wanted: &str) -> Result<Source<'j>, Box<Problem>> {
        let wanted_type = match self.types.get(wanted) {
            Some(&known) => known,
            None => {
                self.types.insert(wanted.to_owned(), self.types.len());
                self.types.len() - 1
            }
        };
        let mut passed: Vec<Ask> = Vec::new();
        let mut at = (frame, link);
        let source = loop {
            self.spend(1)?;
            let (frame, Some(link)) = at else { break Source::Nothing };
            let layer = &self.file.layers[self.frames[frame].layer];
            // A link that is not listed was deleted, and the node has not noticed.
            let Some(link) = layer.links.get(&link) else { break Source::Nothing };
            let step = if link.origin == INPUT_NODE && self.frames[frame].parent.is_some() {
                self.outside(frame, link.origin_slot)?
            } else {
                let Some(&node) = layer.by_id.get(&link.origin) else { break Source::Nothing };
                let ask = Ask { place: Place { frame, node }, slot: link.origin_slot, wanted: wanted_type };
                match self.sources.get(&ask) {
                    Some(Some(known)) => break *known,
                    Some(None) => {
                        let id = self.id(ask.place);
                        return Err(Problem::unreadable("links go in a circle without passing a node that does anything")
                            .of(&id, self.at(ask.place).class)
                            .hint("remove one of the links between the reroutes or bypassed nodes there")
                            .into());
                    }
                    None => {}
                }
                self.sources.insert(ask, None);
                passed.push(ask);
                self.through(ask, wanted)?
            };
            match step {
                Step::Done(source) => break source,
                Step::Link(frame, link) => at = (frame, link),
            }
        };
        for ask in passed {
            self.sources.insert(ask, Some(source));
        }
        Ok(source)
    }

    /// Out of a subgraph by its input `slot`.
    fn outside(&mut self, frame: usize, slot: usize) -> Result<Step<'j>, Box<Problem>> {
        let layer = self.frames[frame].layer;
        let (Some(port), Some(parent)) = (self.file.layers[layer].inputs.get(slot), self.frames[frame].parent) else {
            return Ok(Step::Done(Source::Nothing));
        };
        let instance = self.at(parent);
        self.spend(instance.inputs.len() + slot)?;
        if let Some(link) = instance.link_into(&port.name) {
            return Ok(Step::Link(parent.frame, Some(link)));
        }
        // Values for the inner node itself were put there when its literals were made; what remains is the value of the input.
        let by_outer = self.frames[parent.frame].proxied.get(&(instance.id.as_str(), port.name.as_str())).copied();
        let value = by_outer.or_else(|| {
            let named = instance.values.named.and_then(|named| named.get(&port.name));
            let shown = || self.frames[frame].proxied.get(&("-1", port.name.as_str())).copied();
            let by_position = || {
                let promoted = &self.promoted[layer];
                let before = promoted.iter().take(slot).filter(|it| **it).count();
                (promoted[slot] && instance.proxies().is_none()).then(|| instance.values.list.get(before))?
            };
            named.or_else(shown).or_else(by_position)
        });
        Ok(Step::Done(value.filter(|it| !it.is_null()).map_or(Source::Nothing, Source::Literal)))
    }

    /// Upstream through one node, or to its end.
    fn through(&mut self, ask: Ask, wanted: &str) -> Result<Step<'j>, Box<Problem>> {
        let Ask { place, slot, .. } = ask;
        let node = self.at(place);
        Ok(match (node.kind, node.mode) {
            // The editor writes the value into the input before it looks at modes.
            (Kind::Primitive, _) => Step::Done(node.values.first().map_or(Source::Nothing, Source::Literal)),
            (_, Mode::Muted) | (Kind::Note, _) => Step::Done(Source::Nothing),
            (_, Mode::Bypassed) => Step::Link(place.frame, self.bypass(place, slot, wanted)?),
            (Kind::Reroute | Kind::Set, _) => Step::Link(place.frame, node.inputs.first().and_then(|input| input.link)),
            (Kind::Get, _) => {
                let layer = &self.file.layers[self.frames[place.frame].layer];
                let kept = node.values.first().and_then(Value::as_str).and_then(|name| layer.kept.get(name));
                Step::Link(place.frame, kept.and_then(|&node| layer.nodes[node].inputs.first()?.link))
            }
            (Kind::Instance(layer), _) => {
                let layer = &self.file.layers[layer];
                let name = node.outputs.get(slot).map(|port| port.name.as_str());
                self.spend(layer.outputs.len())?;
                // The node's outputs are those of the definition; should the lists have come apart, the name tells.
                let same = |slot: &usize| name.is_none_or(|name| layer.outputs.get(*slot).is_some_and(|port| port.name == name));
                let by_name = || layer.outputs.iter().position(|port| Some(port.name.as_str()) == name);
                let slot = Some(slot).filter(same).or_else(by_name).unwrap_or(slot);
                let Some(&frame) = self.opened.get(&place) else { return Ok(Step::Done(Source::Nothing)) };
                Step::Link(frame, layer.gives.get(slot).copied().flatten())
            }
            (Kind::Real | Kind::Group, Mode::Active) => Step::Done(Source::Output(place, slot)),
        })
    }

    /// The link that a bypassed node passes on to its output `slot`, if any of its inputs fits.
    fn bypass(&mut self, place: Place, slot: usize, wanted: &str) -> Result<Option<i64>, Box<Problem>> {
        let node = self.at(place);
        let spec = self.live(node);
        // The editor lists sockets first, then the sockets of widgets, then what the class does not declare.
        let mut inputs: Vec<(&str, Option<i64>)> = Vec::new();
        let written: HashMap<&str, Option<i64>> = node.inputs.iter().map(|input| (input.name.as_str(), input.link)).collect();
        let declared: Vec<(&str, &str)> = match (&spec, node.kind) {
            (_, Kind::Instance(layer)) => {
                let ports = &self.file.layers[layer].inputs;
                ports.iter().map(|port| (port.name.as_str(), port.socket.as_str())).collect()
            }
            (Some(spec), _) => {
                let (widget, bare): (Vec<_>, Vec<_>) = spec.inputs.iter().partition(|it| it.widget.is_some() && !it.force_input);
                bare.into_iter().chain(widget).map(|input| (input.name.as_str(), widgets::socket(input))).collect()
            }
            (None, _) => Vec::new(),
        };
        self.spend(node.inputs.len() + declared.len())?;
        inputs.extend(declared.iter().map(|(name, socket)| (*socket, written.get(name).copied().flatten())));
        let known: HashSet<&str> = declared.iter().map(|(name, _)| *name).collect();
        inputs.extend(node.inputs.iter().filter(|it| !known.contains(it.name.as_str())).map(|it| (it.socket.as_str(), it.link)));

        if is_any(wanted) {
            return Ok(inputs.get(slot).or(inputs.first()).and_then(|(_, link)| *link));
        }
        let output = match &spec {
            Some(spec) => spec.outputs.get(slot).map(|output| output.socket.as_str()),
            None => node.outputs.get(slot).map(|port| port.socket.as_str()),
        };
        let output = output.unwrap_or("*");
        let fits = |socket: &str| connects(socket, output) && connects(socket, wanted);
        let same = inputs.get(slot).filter(|(socket, _)| fits(socket));
        let exact = || inputs.iter().find(|(socket, _)| *socket == wanted);
        let loose = || inputs.iter().find(|(socket, _)| fits(socket));
        Ok(same.or_else(exact).or_else(loose).and_then(|(_, link)| *link))
    }

    fn spend(&mut self, steps: usize) -> Result<(), Box<Problem>> {
        self.steps = self.steps.checked_sub(steps).ok_or_else(|| {
            Problem::unreadable(format!("the links pass through more than {} reroutes and bypassed nodes", Limits::STEPS))
        })?;
        Ok(())
    }
}

/// The values that a subgraph's node holds for the widgets it lists in `proxyWidgets`, by inner node and widget.
fn proxied<'j>(node: &UiNode<'j>) -> HashMap<(&'j str, &'j str), &'j Value> {
    let Values { list, .. } = node.values;
    let pairs = node.proxies().unwrap_or_default().iter().filter_map(|proxy| {
        let pair = proxy.as_array()?;
        Some((pair.first()?.as_str()?, pair.get(1)?.as_str()?))
    });
    // Previews are listed, too, but have no value.
    let shown = pairs.filter(|(_, widget)| !widget.starts_with("$$"));
    shown.zip(list).filter(|(_, value)| !value.is_null()).collect()
}

fn is_any(socket: &str) -> bool {
    socket.is_empty() || socket == "*"
}

/// Whether the editor lets these two be linked: equal, a wildcard, or lists with a common member, whatever the case.
fn connects(a: &str, b: &str) -> bool {
    let same = |a: &str, b: &str| a.eq_ignore_ascii_case(b);
    is_any(a) || is_any(b) || same(a, b) || a.split(',').any(|a| b.split(',').any(|b| same(a.trim(), b.trim())))
}
