//! Content keys: two nodes with equal keys give equal results.
//!
//! A key is a hash over the class, the literals, the fingerprint of what the node reads from outside, and the keys of the nodes that feed
//! it. So it covers the whole upstream closure, and neither ids nor positions nor titles matter. Numbers are equal as in Python: `1`,
//! `1.0` and `true` give one key.

use crate::graph::{Cycle, Graph, InputValue, Node, NodeId};
use crate::spec::Catalog;
use serde_json::{Number, Value};
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// What a node's result depends on.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key([u8; 32]);

/// The keys of a graph's nodes, each computed once.
///
/// They stay right while nodes are added. After an edit of a node whose key is known, start afresh.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    known: HashMap<NodeId, Key>,
    classes: HashMap<String, Traits>,
}

/// What a class's specification says that matters for keys.
#[derive(Clone, Debug, Default)]
struct Traits {
    not_idempotent: bool,
    raw_links: Arc<[String]>,
}

impl Keys {
    /// Knows nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The key of a node, if it was computed.
    pub fn known(&self, id: &str) -> Option<Key> {
        self.known.get(id).copied()
    }

    /// The key of a node, computed with those of all nodes that it needs.
    ///
    /// `fingerprint` is asked once for each node whose result depends on more than its inputs (a file's hash, the time); it answers with no
    /// bytes for all others. For a node that must run every time it answers with something new every time.
    ///
    /// Returns `None` for an id that is no node.
    ///
    /// # Errors
    /// [`Cycle`] when nodes wait for each other.
    pub fn of(
        &mut self,
        graph: &Graph,
        catalog: &dyn Catalog,
        id: &str,
        fingerprint: &mut dyn FnMut(&NodeId, &Node) -> Vec<u8>,
    ) -> Result<Option<Key>, Cycle> {
        // A node stays open while it waits for its sources; the open ones from the bottom up are a path, so meeting one again is a cycle.
        // A stack of our own, as depth is the file's choice. The number is that of inputs looked at so far.
        let Some(start) = graph.position(id) else { return Ok(None) };
        let mut path: Vec<(usize, usize)> = Vec::new();
        let mut open: HashMap<usize, usize> = HashMap::new();
        let mut next = Some(start);
        loop {
            if let Some(position) = next.take() {
                open.insert(position, path.len());
                path.push((position, 0));
            }
            let Some((position, seen)) = path.last_mut() else { break };
            let Some((id, node)) = graph.at(*position) else { break };
            while let Some((_, value)) = node.inputs.get_index(*seen) {
                *seen += 1;
                if let InputValue::Link { node: from, .. } = value
                    && !self.known.contains_key(from)
                    && let Some(source) = graph.position(from)
                {
                    if let Some(&depth) = open.get(&source) {
                        let cycle = path[depth..].iter().rev().filter_map(|(at, _)| graph.at(*at));
                        return Err(Cycle(cycle.map(|(id, _)| id.clone()).collect()));
                    }
                    next = Some(source);
                    break;
                }
            }
            if next.is_none() {
                let key = self.close(catalog, id, node, &fingerprint(id, node));
                self.known.insert(id.clone(), key);
                open.remove(position);
                path.pop();
            }
        }
        Ok(self.known(id))
    }

    /// Hashes a node whose sources all have their keys.
    fn close(&mut self, catalog: &dyn Catalog, id: &NodeId, node: &Node, fingerprint: &[u8]) -> Key {
        if !self.classes.contains_key(&node.class) {
            let traits = catalog.spec(&node.class).map_or_else(Traits::default, |spec| Traits {
                not_idempotent: spec.not_idempotent,
                raw_links: spec.inputs.iter().filter(|input| input.raw_link).map(|input| input.name.clone()).collect(),
            });
            self.classes.insert(node.class.clone(), traits);
        }
        let traits = &self.classes[&node.class];
        let mut hash = Feed(blake3::Hasher::new());
        hash.text(&node.class);
        hash.bytes(fingerprint);
        hash.bytes(if traits.not_idempotent { id.as_bytes() } else { &[] });
        let mut inputs: Vec<_> = node.inputs.iter().collect();
        inputs.sort_unstable_by_key(|(name, _)| *name);
        for (name, value) in inputs {
            hash.text(name);
            match value {
                InputValue::Literal(literal) => hash.literal(literal),
                InputValue::Malformed(list) => {
                    hash.0.update(b"m");
                    hash.literal(list);
                }
                InputValue::Link { node: from, slot } => {
                    match self.known.get(from) {
                        Some(Key(key)) => hash.0.update(b"l").update(key),
                        None => hash.0.update(b"d"),
                    };
                    hash.0.update(&(*slot as u64).to_le_bytes());
                    if !self.known.contains_key(from) || traits.raw_links.contains(name) {
                        hash.text(from);
                    }
                }
            }
        }
        Key(hash.0.finalize().into())
    }
}

/// The key of every node, in file order.
///
/// # Errors
/// [`Cycle`] when nodes wait for each other.
pub fn keys(
    graph: &Graph,
    catalog: &dyn Catalog,
    mut fingerprint: impl FnMut(&NodeId, &Node) -> Vec<u8>,
) -> Result<Vec<(NodeId, Key)>, Cycle> {
    let mut keys = Keys::new();
    graph.ids().map(|id| Ok((id.clone(), keys.of(graph, catalog, id, &mut fingerprint)?.expect("the id is a node's")))).collect()
}

impl Key {
    /// The hash itself.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0[..6].iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Feeds a hash with things whose ends show, so that no two sequences of things run together into the same bytes.
struct Feed(blake3::Hasher);

impl Feed {
    fn bytes(&mut self, bytes: &[u8]) {
        self.0.update(&(bytes.len() as u64).to_le_bytes()).update(bytes);
    }

    fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    fn literal(&mut self, literal: &Value) {
        enum Part<'v> {
            Value(&'v Value),
            Name(&'v str),
        }
        let mut open = vec![Part::Value(literal)];
        while let Some(part) = open.pop() {
            match part {
                Part::Name(name) => self.text(name),
                Part::Value(Value::Null) => {
                    self.0.update(b"n");
                }
                Part::Value(Value::Bool(truth)) => self.integer(i128::from(*truth)),
                Part::Value(Value::Number(number)) => self.number(number),
                Part::Value(Value::String(text)) => {
                    self.0.update(b"s");
                    self.text(text);
                }
                Part::Value(Value::Array(list)) => {
                    self.0.update(b"a").update(&(list.len() as u64).to_le_bytes());
                    open.extend(list.iter().map(Part::Value));
                }
                Part::Value(Value::Object(object)) => {
                    self.0.update(b"o").update(&(object.len() as u64).to_le_bytes());
                    let mut members: Vec<_> = object.iter().collect();
                    members.sort_unstable_by_key(|(name, _)| *name);
                    open.extend(members.into_iter().flat_map(|(name, value)| [Part::Value(value), Part::Name(name)]));
                }
            }
        }
    }

    fn number(&mut self, number: &Number) {
        if let Some(whole) = number.as_i128() {
            return self.integer(whole);
        }
        let real = number.as_f64().unwrap_or(f64::NAN);
        // Every whole f64 of this size is exact as i128.
        if real.fract() == 0.0 && real.abs() < 1e38 {
            return self.integer(real as i128);
        }
        self.0.update(b"f").update(&real.to_bits().to_le_bytes());
    }

    fn integer(&mut self, whole: i128) {
        self.0.update(b"i").update(&whole.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::toy::{Toy, graph, picture};
    use serde_json::json;

    fn key(graph: &Graph, id: &str) -> Key {
        Keys::new().of(graph, &Toy::new(), id, &mut |_, _| vec![]).unwrap().unwrap()
    }

    fn edited(id: &str, input: &str, literal: Value) -> Graph {
        let mut graph = graph(&picture());
        graph.set_input(id, input, InputValue::Literal(literal)).unwrap();
        graph
    }

    #[test]
    fn ids_and_order_and_titles_do_not_matter() {
        let mut spliced = Graph::new();
        spliced.splice("other.", graph(&picture())).unwrap();
        spliced.set_title("other.4", Some("Mine".to_owned())).unwrap();
        assert_eq!(key(&spliced, "other.6"), key(&graph(&picture()), "6"));
        let backwards =
            graph(&picture().as_object().unwrap().clone().into_iter().rev().collect::<serde_json::Map<_, _>>().into());
        assert_eq!(key(&backwards, "6"), key(&graph(&picture()), "6"));
    }

    #[test]
    fn whatever_lies_upstream_matters_and_nothing_else_does() {
        let before = graph(&picture());
        let after = edited("2", "text", json!("a dog"));
        for (id, same) in [("1", true), ("3", true), ("2", false), ("4", false), ("6", false)] {
            assert_eq!(key(&before, id) == key(&after, id), same, "{id}");
        }
    }

    #[test]
    fn numbers_are_equal_as_in_python() {
        for same in [json!(1.0), json!(true)] {
            assert_eq!(key(&edited("4", "cfg", json!(1)), "4"), key(&edited("4", "cfg", same), "4"));
        }
        for other in [json!("1"), json!(1.5), json!([1]), json!(null), json!(1u64 << 63)] {
            assert_ne!(key(&edited("4", "cfg", json!(1)), "4"), key(&edited("4", "cfg", other), "4"));
        }
        assert_ne!(key(&edited("4", "cfg", json!(u64::MAX)), "4"), key(&edited("4", "cfg", json!(u64::MAX - 1)), "4"));
        assert_eq!(
            key(&edited("4", "cfg", json!({"a": 1, "b": 2})), "4"),
            key(&edited("4", "cfg", json!({"b": 2, "a": 1})), "4")
        );
        assert_ne!(key(&edited("4", "cfg", json!([["a"], "b"])), "4"), key(&edited("4", "cfg", json!([["a", "b"]])), "4"));
    }

    #[test]
    fn a_link_is_not_the_list_that_looks_like_it() {
        assert_ne!(key(&edited("5", "vae", json!(["1", 2])), "5"), key(&graph(&picture()), "5"));
    }

    #[test]
    fn nodes_that_may_differ_each_time_share_no_key() {
        let graph = graph(&json!({
            "1": { "class_type": "Noise", "inputs": {} }, "2": { "class_type": "Noise", "inputs": {} },
            "3": { "class_type": "Empty", "inputs": {} }, "4": { "class_type": "Empty", "inputs": {} },
        }));
        assert_ne!(key(&graph, "1"), key(&graph, "2"));
        assert_eq!(key(&graph, "3"), key(&graph, "4"));
    }

    #[test]
    fn what_a_node_reads_from_outside_matters_downstream() {
        let graph = graph(&picture());
        let with =
            |print: &'static [u8]| keys(&graph, &Toy::new(), |id, _| if &**id == "1" { print.to_vec() } else { vec![] }).unwrap();
        let (a, b) = (with(b"old"), with(b"new"));
        let changed: Vec<&str> = a.iter().zip(&b).filter(|(a, b)| a.1 != b.1).map(|(a, _)| a.0.as_str()).collect();
        assert_eq!(changed, ["1", "2", "4", "5", "6"]);
        assert_eq!(with(b"old"), a);
    }

    #[test]
    fn a_cycle_has_no_key() {
        let graph = graph(&json!({
            "1": { "class_type": "Pass", "inputs": { "value": ["2", 0] } }, "2": { "class_type": "Pass", "inputs": { "value": ["1", 0] } },
        }));
        let cycle = Keys::new().of(&graph, &Toy::new(), "1", &mut |_, _| vec![]).unwrap_err();
        assert_eq!(cycle.to_string(), "nodes wait for each other: `2` -> `1`");
        assert_eq!(Keys::new().of(&graph, &Toy::new(), "nobody", &mut |_, _| vec![]), Ok(None));
    }
}
