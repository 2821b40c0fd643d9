//! The graph itself: nodes in file order, the links between them, and the ways to change both.

use crate::spec::NodeSpec;
use indexmap::IndexMap;
use petgraph::Direction::{Incoming, Outgoing};
use petgraph::stable_graph::{NodeIndex, StableDiGraph};
use petgraph::visit::{EdgeRef, Reversed};
use serde_json::{Map, Value};
use std::borrow::Borrow;
use std::collections::HashMap;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// Nodes in file order and the links between them.
///
/// A link may name a node that is not there: files say so, and validation reports it. Two graphs are equal when they hold equal nodes
/// under equal ids, whatever their order.
#[derive(Clone, Default)]
pub struct Graph {
    nodes: IndexMap<NodeId, Placed>,
    /// One edge for each link, from the node that gives to the node that takes.
    net: StableDiGraph<NodeId, Edge>,
    /// Every id that is a node or that a link names. Only looked up, never walked: its order means nothing.
    places: HashMap<NodeId, NodeIndex>,
}

/// The name of a node within its graph. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(Arc<str>);

/// One step of the work.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Node {
    /// The class name; a [`Catalog`](crate::Catalog) says what it means.
    pub class: String,
    /// What is known about each input, in file order.
    pub inputs: IndexMap<String, InputValue>,
    /// What the user calls it.
    pub title: Option<String>,
    /// What else the file says about it (`cnr_id`, `ver`...). Changes nothing in what the node does.
    pub meta: Map<String, Value>,
}

/// What an input is fed with.
#[derive(Clone, Debug, PartialEq)]
pub enum InputValue {
    /// A value that the user typed.
    Literal(Value),
    /// The output of another node.
    Link {
        /// The node that gives.
        node: NodeId,
        /// Which of its outputs.
        slot: usize,
    },
    /// A list that ought to be a link and is none. Kept so that validation can report it with everything else.
    Malformed(Value),
}

/// A link, seen from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link<'g> {
    /// The node that gives. It need not exist.
    pub from: &'g NodeId,
    /// Which of its outputs.
    pub slot: usize,
    /// The node that takes.
    pub to: &'g NodeId,
    /// Which of its inputs.
    pub input: &'g str,
}

/// Why a graph could not be changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// The id names no node.
    #[error("there is no node `{0}`")]
    NoNode(NodeId),
    /// The id is taken.
    #[error("there are two nodes `{0}`")]
    Duplicate(NodeId),
}

/// Nodes that wait for each other: each gives to the next, the last to the first.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("nodes wait for each other: {}", .0.iter().map(|id| format!("`{id}`")).collect::<Vec<_>>().join(" -> "))]
pub struct Cycle(pub Vec<NodeId>);

#[derive(Clone, Debug)]
struct Placed {
    node: Node,
    at: NodeIndex,
}

#[derive(Clone, Debug)]
struct Edge {
    slot: usize,
    input: Box<str>,
}

impl Graph {
    /// A graph without nodes.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many nodes there are.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there are no nodes.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The nodes in file order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&NodeId, &Node)> + ExactSizeIterator {
        self.nodes.iter().map(|(id, placed)| (id, &placed.node))
    }

    /// The ids in file order.
    pub fn ids(&self) -> impl DoubleEndedIterator<Item = &NodeId> + ExactSizeIterator {
        self.nodes.keys()
    }

    /// The node of this id.
    pub fn node(&self, id: &str) -> Option<&Node> {
        self.nodes.get(id).map(|placed| &placed.node)
    }

    /// Whether there is such a node.
    pub fn contains(&self, id: &str) -> bool {
        self.nodes.contains_key(id)
    }

    /// The node's place in file order, `0..len()`: an index for whoever keeps an array beside the graph.
    ///
    /// Inserting keeps the places of earlier nodes; removing shifts those behind.
    pub fn position(&self, id: &str) -> Option<usize> {
        self.nodes.get_index_of(id)
    }

    /// The node at a place in file order.
    pub fn at(&self, position: usize) -> Option<(&NodeId, &Node)> {
        self.nodes.get_index(position).map(|(id, placed)| (id, &placed.node))
    }

    /// The links that end in this node, in the order of its inputs.
    pub fn links_into<'g>(&'g self, id: &str) -> impl Iterator<Item = Link<'g>> + use<'g> {
        let found = self.nodes.get_key_value(id);
        found.into_iter().flat_map(|(to, placed)| {
            placed.node.inputs.iter().filter_map(move |(input, value)| match value {
                InputValue::Link { node, slot } => Some(Link { from: node, slot: *slot, to, input }),
                InputValue::Literal(_) | InputValue::Malformed(_) => None,
            })
        })
    }

    /// The links that start at this node, in file order of the nodes that take and of their inputs.
    ///
    /// Answers for an id that links name although there is no such node, too.
    pub fn dependents(&self, id: &str) -> Vec<Link<'_>> {
        let Some((from, &at)) = self.places.get_key_value(id) else { return Vec::new() };
        let mut links: Vec<_> = self
            .net
            .edges_directed(at, Outgoing)
            .filter_map(|edge| {
                let (position, to, placed) = self.nodes.get_full(&self.net[edge.target()])?;
                let Edge { slot, input } = edge.weight();
                Some((position, placed.node.inputs.get_index_of(&**input), Link { from, slot: *slot, to, input }))
            })
            .collect();
        links.sort_unstable_by_key(|(node, input, _)| (*node, *input));
        links.into_iter().map(|(_, _, link)| link).collect()
    }

    /// The targets and every node that they need, in file order. Ids that name no node are left out.
    pub fn ancestors<'t>(&self, targets: impl IntoIterator<Item = &'t NodeId>) -> Vec<NodeId> {
        let mut needed = vec![false; self.net.node_indices().next_back().map_or(0, |last| last.index() + 1)];
        let against = Reversed(&self.net);
        let mut open: Vec<NodeIndex> = targets.into_iter().filter_map(|id| self.nodes.get(id)).map(|placed| placed.at).collect();
        while let Some(at) = open.pop() {
            if !std::mem::replace(&mut needed[at.index()], true) {
                open.extend(petgraph::visit::IntoNeighbors::neighbors(against, at));
            }
        }
        self.nodes.iter().filter(|(_, placed)| needed[placed.at.index()]).map(|(id, _)| id.clone()).collect()
    }

    /// The nodes in an order in which each comes after everything it needs, and otherwise in file order.
    ///
    /// # Errors
    /// [`Cycle`] where there is no such order.
    pub fn order(&self) -> Result<Vec<NodeId>, Cycle> {
        let mut done = vec![false; self.len()];
        let mut order = Vec::with_capacity(self.len());
        // A path is walked upstream from each node, on a stack of our own: depth is the file's choice.
        let mut path: Vec<(usize, Vec<usize>)> = Vec::new();
        let mut on_path = vec![false; self.len()];
        for start in 0..self.len() {
            if !done[start] {
                on_path[start] = true;
                path.push((start, self.sources(start)));
            }
            while let Some((at, waiting)) = path.last_mut() {
                let at = *at;
                match waiting.pop() {
                    Some(next) if done[next] => {}
                    Some(next) if on_path[next] => {
                        let from = path.iter().position(|(it, _)| *it == next).expect("it is marked as on the path");
                        return Err(Cycle(
                            path[from..].iter().rev().map(|(it, _)| self.net[self.nodes[*it].at].clone()).collect(),
                        ));
                    }
                    Some(next) => {
                        on_path[next] = true;
                        path.push((next, self.sources(next)));
                    }
                    None => {
                        done[at] = true;
                        on_path[at] = false;
                        order.extend(self.nodes.get_index(at).map(|(id, _)| id.clone()));
                        path.pop();
                    }
                }
            }
        }
        Ok(order)
    }

    /// Groups of nodes that all reach each other, a lone node being its own group; each group after those that it needs.
    pub(crate) fn knots(&self) -> Vec<Vec<usize>> {
        let knots = petgraph::algo::kosaraju_scc(Reversed(&self.net));
        let mut knots: Vec<Vec<usize>> = knots
            .into_iter()
            .map(|knot| knot.into_iter().filter_map(|at| self.position(&self.net[at])).collect::<Vec<_>>())
            .filter(|knot| !knot.is_empty())
            .collect();
        knots.iter_mut().for_each(|knot| knot.sort_unstable());
        knots
    }

    /// Adds a node behind all others.
    ///
    /// # Errors
    /// [`EditError::Duplicate`] when the id is taken.
    pub fn insert(&mut self, id: impl Into<NodeId>, node: Node) -> Result<(), EditError> {
        let id = id.into();
        if self.nodes.contains_key(&id) {
            return Err(EditError::Duplicate(id));
        }
        let at = self.place(&id);
        for (input, value) in &node.inputs {
            self.tie(at, input, value);
        }
        self.nodes.insert(id, Placed { node, at });
        Ok(())
    }

    /// Takes a node out. Links to it stay, and dangle.
    ///
    /// Keeps the order of the others, so its cost is the number of nodes behind; to take out many, use [`Graph::retain`].
    pub fn remove(&mut self, id: &str) -> Option<Node> {
        let Placed { node, at } = self.nodes.shift_remove(id)?;
        self.loosen(at, None);
        self.forget(at);
        Some(node)
    }

    /// Keeps only the nodes for which `keep` says so, and the order of those. Links to the others stay, and dangle.
    pub fn retain(&mut self, mut keep: impl FnMut(&NodeId, &Node) -> bool) {
        let kept = std::mem::take(self).nodes.into_iter().filter(|(id, placed)| keep(id, &placed.node));
        *self = kept.map(|(id, placed)| (id, placed.node)).fold(Self::new(), |mut graph, (id, node)| {
            graph.insert(id, node).expect("the ids were unique before");
            graph
        });
    }

    /// Feeds an input with something else, or for the first time.
    ///
    /// # Errors
    /// [`EditError::NoNode`] when there is no such node. A link may name a node that is not there yet.
    pub fn set_input(&mut self, id: &str, input: &str, value: InputValue) -> Result<Option<InputValue>, EditError> {
        let Some(Placed { at, .. }) = self.nodes.get(id) else { return Err(EditError::NoNode(id.into())) };
        let at = *at;
        self.loosen(at, Some(input));
        self.tie(at, input, &value);
        Ok(self.nodes.get_mut(id).and_then(|placed| placed.node.inputs.insert(input.to_owned(), value)))
    }

    /// Feeds an input with nothing.
    ///
    /// # Errors
    /// [`EditError::NoNode`] when there is no such node.
    pub fn clear_input(&mut self, id: &str, input: &str) -> Result<Option<InputValue>, EditError> {
        let Some(placed) = self.nodes.get_mut(id) else { return Err(EditError::NoNode(id.into())) };
        let old = placed.node.inputs.shift_remove(input);
        let at = placed.at;
        self.loosen(at, Some(input));
        Ok(old)
    }

    /// Links output `slot` of `from` to an input of `to`.
    ///
    /// # Errors
    /// [`EditError::NoNode`] when either node is not there.
    pub fn connect(&mut self, from: &str, slot: usize, to: &str, input: &str) -> Result<(), EditError> {
        let Some((node, _)) = self.nodes.get_key_value(from) else { return Err(EditError::NoNode(from.into())) };
        let link = InputValue::Link { node: node.clone(), slot };
        self.set_input(to, input, link).map(|_| ())
    }

    /// Calls a node something else for the user.
    ///
    /// # Errors
    /// [`EditError::NoNode`] when there is no such node.
    pub fn set_title(&mut self, id: &str, title: Option<String>) -> Result<(), EditError> {
        let Some(placed) = self.nodes.get_mut(id) else { return Err(EditError::NoNode(id.into())) };
        placed.node.title = title;
        Ok(())
    }

    /// Adds all nodes of another graph behind those of this one, under ids that start with `prefix`.
    ///
    /// Links among the added nodes follow them; links to ids that `other` does not hold are taken to mean nodes of this graph.
    /// Returns the new ids in order. Nothing changes when there is an error.
    ///
    /// # Errors
    /// [`EditError::Duplicate`] when one of the new ids is taken.
    pub fn splice(&mut self, prefix: &str, other: Self) -> Result<Vec<NodeId>, EditError> {
        let renamed: HashMap<NodeId, NodeId> =
            other.ids().map(|id| (id.clone(), NodeId::from(format!("{prefix}{id}")))).collect();
        if let Some(taken) = other.ids().map(|id| &renamed[id]).find(|id| self.contains(id)) {
            return Err(EditError::Duplicate(taken.clone()));
        }
        let mut added = Vec::with_capacity(other.len());
        for (id, Placed { mut node, .. }) in other.nodes {
            for value in node.inputs.values_mut() {
                if let InputValue::Link { node: from, .. } = value
                    && let Some(new) = renamed.get(from)
                {
                    *from = new.clone();
                }
            }
            self.insert(renamed[&id].clone(), node)?;
            added.push(renamed[&id].clone());
        }
        Ok(added)
    }

    /// Replaces a literal by another.
    pub(crate) fn set_literal(&mut self, position: usize, input: &str, literal: Value) {
        if let Some((_, placed)) = self.nodes.get_index_mut(position)
            && let Some(InputValue::Literal(old)) = placed.node.inputs.get_mut(input)
        {
            *old = literal;
        }
    }

    /// Positions of the existing nodes that feed the one at `position`, last input first.
    fn sources(&self, position: usize) -> Vec<usize> {
        let inputs = &self.nodes[position].node.inputs;
        inputs
            .values()
            .rev()
            .filter_map(|value| match value {
                InputValue::Link { node, .. } => self.position(node),
                InputValue::Literal(_) | InputValue::Malformed(_) => None,
            })
            .collect()
    }

    fn place(&mut self, id: &NodeId) -> NodeIndex {
        match self.places.get(id) {
            Some(&at) => at,
            None => {
                let at = self.net.add_node(id.clone());
                self.places.insert(id.clone(), at);
                at
            }
        }
    }

    fn tie(&mut self, to: NodeIndex, input: &str, value: &InputValue) {
        if let InputValue::Link { node, slot } = value {
            let from = self.place(node);
            self.net.add_edge(from, to, Edge { slot: *slot, input: input.into() });
        }
    }

    /// Removes the edges into `to`, all or those of one input, and the places that only they named.
    fn loosen(&mut self, to: NodeIndex, input: Option<&str>) {
        let loose: Vec<_> = self
            .net
            .edges_directed(to, Incoming)
            .filter(|edge| input.is_none_or(|name| *edge.weight().input == *name))
            .map(|edge| (edge.id(), edge.source()))
            .collect();
        for (edge, from) in loose {
            self.net.remove_edge(edge);
            self.forget(from);
        }
    }

    /// Drops a place that neither a node nor a link needs any more.
    fn forget(&mut self, at: NodeIndex) {
        let unused = self.net.node_weight(at).is_some_and(|id| !self.nodes.contains_key(id));
        if unused
            && self.net.edges_directed(at, Outgoing).next().is_none()
            && let Some(id) = self.net.remove_node(at)
        {
            self.places.remove(&id);
        }
    }
}

impl Node {
    /// A node of this class with nothing fed.
    pub fn new(class: impl Into<String>) -> Self {
        Self { class: class.into(), ..Self::default() }
    }

    /// The same with a literal.
    pub fn with(mut self, input: &str, literal: impl Into<Value>) -> Self {
        self.inputs.insert(input.to_owned(), InputValue::Literal(literal.into()));
        self
    }

    /// The same with a link.
    pub fn linked(mut self, input: &str, node: impl Into<NodeId>, slot: usize) -> Self {
        self.inputs.insert(input.to_owned(), InputValue::Link { node: node.into(), slot });
        self
    }

    /// Its class as it has it: see [`NodeSpec::live`].
    pub fn live(&self, spec: &Arc<NodeSpec>) -> Arc<NodeSpec> {
        let chosen = |spec: &NodeSpec, at: usize| match self.inputs.get(&spec.inputs[at].name)? {
            InputValue::Literal(Value::String(key)) => Some(key.clone()),
            InputValue::Literal(_) | InputValue::Link { .. } | InputValue::Malformed(_) => None,
        };
        spec.live(chosen, |name| matches!(self.inputs.get(name), Some(InputValue::Link { .. })))
    }

    /// The literals, in file order.
    pub fn literals(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.inputs.iter().filter_map(|(name, value)| match value {
            InputValue::Literal(literal) => Some((name.as_str(), literal)),
            InputValue::Link { .. } | InputValue::Malformed(_) => None,
        })
    }
}

impl PartialEq for Graph {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().all(|(id, node)| other.node(id) == Some(node))
    }
}

impl fmt::Debug for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl NodeId {
    /// The id as it is written in files.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for NodeId {
    fn from(id: &str) -> Self {
        Self(id.into())
    }
}

impl From<String> for NodeId {
    fn from(id: String) -> Self {
        Self(id.into())
    }
}

impl From<&Self> for NodeId {
    fn from(id: &Self) -> Self {
        id.clone()
    }
}

impl Deref for NodeId {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for NodeId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for NodeId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `c` needs `b` twice and `a`, `b` needs `a`, `d` stands alone.
    fn small() -> Graph {
        let mut graph = Graph::new();
        graph.insert("c", Node::new("C").linked("x", "b", 0).linked("y", "a", 1).linked("z", "b", 2)).unwrap();
        graph.insert("b", Node::new("B").linked("x", "a", 0).with("n", 5)).unwrap();
        graph.insert("a", Node::new("A")).unwrap();
        graph.insert("d", Node::new("D")).unwrap();
        graph
    }

    fn takers(graph: &Graph, id: &str) -> String {
        let links = graph.dependents(id).into_iter();
        links.map(|link| format!("{}.{}<-{}:{}", link.to, link.input, link.from, link.slot)).collect::<Vec<_>>().join(" ")
    }

    fn words<'i>(ids: impl IntoIterator<Item = &'i NodeId>) -> String {
        ids.into_iter().map(NodeId::as_str).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn nodes_keep_the_order_of_the_file() {
        let graph = small();
        assert_eq!(words(graph.ids()), "c b a d");
        assert_eq!(graph.position("a"), Some(2));
        assert_eq!(graph.at(2).unwrap().0.as_str(), "a");
    }

    #[test]
    fn links_are_found_from_both_ends() {
        let graph = small();
        assert_eq!(takers(&graph, "a"), "c.y<-a:1 b.x<-a:0");
        assert_eq!(takers(&graph, "b"), "c.x<-b:0 c.z<-b:2");
        let into: Vec<_> = graph.links_into("c").map(|link| (link.input, link.from.as_str(), link.slot)).collect();
        assert_eq!(into, [("x", "b", 0), ("y", "a", 1), ("z", "b", 2)]);
    }

    #[test]
    fn targets_bring_what_they_need_and_nothing_else() {
        let graph = small();
        assert_eq!(words(&graph.ancestors([&"b".into()])), "b a");
        assert_eq!(words(&graph.ancestors([&"d".into(), &"nobody".into()])), "d");
        assert_eq!(words(&graph.order().unwrap()), "a b c d");
    }

    #[test]
    fn a_link_to_a_missing_node_waits_for_it() {
        let mut graph = small();
        graph.remove("a");
        assert_eq!(words(graph.ids()), "c b d");
        assert_eq!(takers(&graph, "a"), "c.y<-a:1 b.x<-a:0");
        graph.insert("a", Node::new("A")).unwrap();
        assert_eq!(words(&graph.ancestors([&"b".into()])), "b a");
    }

    #[test]
    fn feeding_an_input_anew_forgets_the_old_link() {
        let mut graph = small();
        graph.set_input("c", "x", InputValue::Literal(1.into())).unwrap();
        graph.connect("d", 3, "c", "z").unwrap();
        assert_eq!(takers(&graph, "b"), "");
        assert_eq!(takers(&graph, "d"), "c.z<-d:3");
        graph.clear_input("c", "z").unwrap();
        assert_eq!(takers(&graph, "d"), "");
        assert_eq!(graph.connect("nobody", 0, "c", "x"), Err(EditError::NoNode("nobody".into())));
        assert_eq!(graph.set_input("nobody", "x", InputValue::Literal(1.into())), Err(EditError::NoNode("nobody".into())));
    }

    #[test]
    fn spliced_nodes_follow_each_other_and_reach_out() {
        let mut inner = Graph::new();
        inner.insert("1", Node::new("I").linked("x", "a", 0)).unwrap();
        inner.insert("2", Node::new("J").linked("x", "1", 0)).unwrap();
        let mut graph = small();
        assert_eq!(words(&graph.splice("b.0.", inner.clone()).unwrap()), "b.0.1 b.0.2");
        assert_eq!(takers(&graph, "b.0.1"), "b.0.2.x<-b.0.1:0");
        assert_eq!(takers(&graph, "a"), "c.y<-a:1 b.x<-a:0 b.0.1.x<-a:0");
        let before = graph.clone();
        assert_eq!(graph.splice("b.0.", inner), Err(EditError::Duplicate("b.0.1".into())));
        assert_eq!(graph, before);
    }

    #[test]
    fn what_is_kept_keeps_its_order_and_links() {
        let mut graph = small();
        graph.retain(|id, _| id.as_str() != "b");
        assert_eq!(words(graph.ids()), "c a d");
        assert_eq!(takers(&graph, "a"), "c.y<-a:1");
    }

    #[test]
    fn a_cycle_is_told_in_the_direction_of_its_links() {
        let mut graph = small();
        graph.connect("c", 0, "a", "back").unwrap();
        assert_eq!(graph.order().unwrap_err().to_string(), "nodes wait for each other: `a` -> `b` -> `c`");
        assert!(graph.knots().contains(&vec![0, 1, 2]));
    }

    #[test]
    fn groups_come_after_those_they_need() {
        let mut graph = Graph::new();
        // Each node needs some of those behind it.
        for i in 0..50_usize {
            let wants = [i + 1, i * 3 % 7 + i + 1, i + 11].into_iter().filter(|it| *it < 50).enumerate();
            let node = wants.fold(Node::new("N"), |node, (k, it)| node.linked(&k.to_string(), it.to_string(), 0));
            graph.insert(i.to_string(), node).unwrap();
        }
        let groups: Vec<usize> = graph.knots().into_iter().flatten().collect();
        let place = |node: usize| groups.iter().position(|it| *it == node).unwrap();
        for (id, _) in graph.iter() {
            for link in graph.links_into(id) {
                assert!(place(graph.position(link.from).unwrap()) < place(graph.position(id).unwrap()));
            }
        }
    }
}
