//! Whether a graph can run: every problem at once, literals made into the types that their inputs take.
//!
//! The rules are those of ComfyUI's server, with three differences that only make it clearer: all nodes are looked at and not only up to
//! the first that fails, a literal where only a link can be is a problem now instead of a failure later, and numbers that JSON cannot write
//! (infinities, NaN) are refused.

use crate::api_json::input_to_json;
use crate::graph::{Cycle, Graph, InputValue, Node, NodeId};
use crate::problem::{Kind, Problem, did_you_mean};
use crate::python;
use crate::spec::{Catalog, Combo, Input, NodeSpec, Options, Widget};
use serde_json::{Map, Value, json};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// What validation found.
#[derive(Clone, Debug)]
pub struct Validation {
    /// The graph, its literals made into the types that their inputs take.
    pub graph: Graph,
    /// Everything that is wrong, in file order of the nodes.
    pub problems: Vec<Problem>,
    /// The outputs that were asked for, in file order.
    pub outputs: Vec<NodeId>,
    /// Those of them that can run: none of the nodes that they need has a problem.
    pub runnable: Vec<NodeId>,
    /// For each problem, the outputs that it spoils.
    spoils: Vec<Vec<NodeId>>,
}

/// How many options a list may have to be shown whole.
const SHOWN_OPTIONS: usize = 20;
/// How many outputs are listed as spoilt by one node. Each bad node may spoil each output, and their product is no linear size.
const LISTED_OUTPUTS: usize = 64;
/// How many options are compared for "did you mean" in one validation, all hints together.
const COMPARISONS: usize = 200_000;

/// Finds everything that keeps a graph from running.
///
/// With `targets`, only those outputs are wanted; nodes that no wanted output needs are not looked at, except that their class must be
/// known.
pub fn validate(graph: Graph, catalog: &dyn Catalog, targets: Option<&[NodeId]>) -> Validation {
    let mut check = Check::new(catalog);
    let specs: Vec<_> = graph.iter().map(|(_, node)| Some(node.live(&check.spec(&node.class)?))).collect();
    for ((id, node), spec) in graph.iter().zip(&specs) {
        if spec.is_none() {
            check.missing_class(id, node);
        }
    }
    let wanted: Option<HashSet<&str>> = targets.map(|ids| ids.iter().map(NodeId::as_str).collect());
    let is_output = |(id, spec): &(&NodeId, &Option<Arc<NodeSpec>>)| {
        spec.as_ref().is_some_and(|spec| spec.output_node) && wanted.as_ref().is_none_or(|ids| ids.contains(id.as_str()))
    };
    let outputs: Vec<NodeId> = graph.ids().zip(&specs).filter(is_output).map(|(id, _)| id.clone()).collect();
    if outputs.is_empty() && check.problems.is_empty() {
        check.problems.push(no_outputs(&graph, &specs, targets));
    }
    // Without a known output everything is looked at: the problems are the same once there is one.
    let mut needed = vec![outputs.is_empty(); graph.len()];
    for id in graph.ancestors(&outputs) {
        needed[graph.position(&id).expect("ancestors are nodes")] = true;
    }

    let mut changes: Vec<(usize, String, Value)> = Vec::new();
    for (position, (id, node)) in graph.iter().enumerate() {
        if let (true, Some(spec)) = (needed[position], &specs[position]) {
            let found = check.node(&graph, id, node, spec);
            changes.extend(found.into_iter().map(|(input, value)| (position, input, value)));
        }
    }
    let knots = graph.knots();
    for knot in &knots {
        if needed[knot[0]]
            && let Some(cycle) = cycle_within(&graph, knot)
        {
            check.cycle(&graph, cycle);
        }
    }

    let mut problems = check.problems;
    let place = |problem: &Problem| problem.node.as_ref().and_then(|id| graph.position(id));
    problems.sort_by_key(&place);
    let mut bad = vec![false; graph.len()];
    problems.iter().filter_map(place).for_each(|position| bad[position] = true);
    let spoilt = spread(&graph, &knots, &mut bad, &outputs);
    let id_at = |position: &usize| graph.at(*position).map(|(id, _)| id.clone());
    let ids = |position: usize| spoilt[position].iter().filter_map(id_at).collect();
    let spoils = problems.iter().map(|it| place(it).map_or_else(Vec::new, ids)).collect();
    let fatal = problems.iter().any(|problem| problem.kind.is_fatal());
    let runs = |id: &&NodeId| !fatal && graph.position(id).is_some_and(|position| !bad[position]);
    let runnable = outputs.iter().filter(runs).cloned().collect();

    let mut graph = graph;
    for (position, input, value) in changes {
        graph.set_literal(position, &input, value);
    }
    Validation { graph, problems, outputs, runnable, spoils }
}

impl Validation {
    /// Whether anything can run. There may be problems all the same: of outputs that cannot.
    pub fn is_runnable(&self) -> bool {
        !self.runnable.is_empty()
    }

    /// ComfyUI's `error` object: why nothing can run. `None` when something can.
    pub fn error(&self) -> Option<Value> {
        if self.is_runnable() {
            return None;
        }
        Some(match self.problems.iter().find(|problem| problem.kind.is_fatal()) {
            Some(problem) => problem.to_json(),
            None => {
                let details: Vec<_> = self.problems.iter().map(|it| format!("{}: {}", it.message, it.details)).collect();
                json!({
                    "type": "prompt_outputs_failed_validation",
                    "message": "Prompt outputs failed validation",
                    "details": details.join("\n"),
                    "extra_info": {},
                })
            }
        })
    }

    /// ComfyUI's `node_errors` object: the problems by node, with the outputs that each node spoils (no more than 64 of them).
    pub fn node_errors(&self) -> Value {
        let mut nodes: Map<String, Value> = Map::new();
        for (problem, spoils) in self.problems.iter().zip(&self.spoils) {
            let Some(id) = &problem.node else { continue };
            let entry = nodes.entry(id.to_string()).or_insert_with(|| {
                let class = self.graph.node(id).map_or("", |node| node.class.as_str());
                let outputs: Vec<_> = spoils.iter().map(NodeId::as_str).collect();
                json!({ "errors": [], "dependent_outputs": outputs, "class_type": class })
            });
            if let Some(errors) = entry["errors"].as_array_mut() {
                errors.push(problem.to_json());
            }
        }
        nodes.into()
    }
}

impl Problem {
    /// ComfyUI's error object. The hint, which ComfyUI does not have, is `extra_info.hint`.
    pub fn to_json(&self) -> Value {
        let mut extra = self.extra.clone();
        if let Some(hint) = &self.hint {
            extra.insert("hint".to_owned(), hint.as_str().into());
        }
        json!({ "type": self.kind.as_str(), "message": self.message, "details": self.details, "extra_info": extra })
    }
}

/// A literal made into a number.
enum Number {
    Int(i128),
    Float(f64),
}

/// One validation under way.
struct Check<'c> {
    catalog: &'c dyn Catalog,
    classes: HashMap<String, Option<Arc<NodeSpec>>>,
    /// All class names and what each unknown one may have been meant to be, once there is an unknown one.
    names: Option<Arc<[String]>>,
    meant: HashMap<String, Option<String>>,
    folders: HashMap<String, Arc<[String]>>,
    comparisons: usize,
    problems: Vec<Problem>,
}

impl<'c> Check<'c> {
    fn new(catalog: &'c dyn Catalog) -> Self {
        Self {
            catalog,
            classes: HashMap::new(),
            names: None,
            meant: HashMap::new(),
            folders: HashMap::new(),
            comparisons: COMPARISONS,
            problems: Vec::new(),
        }
    }

    fn spec(&mut self, class: &str) -> Option<Arc<NodeSpec>> {
        if let Some(known) = self.classes.get(class) {
            return known.clone();
        }
        let spec = self.catalog.spec(class);
        self.classes.insert(class.to_owned(), spec.clone());
        spec
    }

    /// What `wrong` may have been meant to be, as long as comparing has not cost too much already.
    fn near<'o>(&mut self, wrong: &str, options: impl ExactSizeIterator<Item = &'o str>) -> Option<String> {
        self.comparisons = self.comparisons.checked_sub(options.len())?;
        did_you_mean(wrong, options)
    }

    fn missing_class(&mut self, id: &NodeId, node: &Node) {
        let class = &node.class;
        let title = node.title.as_deref().unwrap_or(class);
        let near = match self.meant.get(class) {
            Some(known) => known.clone(),
            None => {
                let names = self.names.get_or_insert_with(|| self.catalog.classes().into()).clone();
                let near = self.near(class, names.iter().map(String::as_str));
                self.meant.insert(class.clone(), near.clone());
                near
            }
        };
        self.problems.push(
            Problem::new(
                Kind::MissingNodeType,
                format!("Node class {} is not known", python::quoted(class)),
                format!("Node ID '#{id}'"),
            )
            .of(id, class)
            .with("node_id", id.as_str())
            .with("class_type", class.as_str())
            .with("node_title", title)
            .hint(near.unwrap_or_else(|| "no class of a similar name is known".to_owned())),
        );
    }

    /// Checks one node's inputs. Returns the literals that have to become others.
    fn node(&mut self, graph: &Graph, id: &NodeId, node: &Node, spec: &NodeSpec) -> Vec<(String, Value)> {
        let mut changes = Vec::new();
        let mut literals = Map::new();
        let before = self.problems.len();
        for input in &spec.inputs {
            let Some(value) = node.inputs.get(&input.name) else {
                if input.required {
                    let problem = self.missing_input(node, spec, input);
                    self.problems.push(problem.of(id, &node.class));
                }
                continue;
            };
            let outcome = match value {
                InputValue::Literal(literal) => self.literal(input, literal).map(|changed| {
                    literals.insert(input.name.clone(), changed.as_ref().unwrap_or(literal).clone());
                    changes.extend(changed.map(|value| (input.name.clone(), value)));
                }),
                InputValue::Link { node: from, slot } => self.link(graph, input, from, *slot, value),
                InputValue::Malformed(list) => Err(self
                    .bad(Kind::BadLinkedInput, "Bad linked input, must be a length-2 list of [node_id, slot_index]", &input.name, input)
                    .with("received_value", list.clone())
                    .hint("a link is [\"node id\", output number]; a list that is meant as a value is written {\"__value__\": [...]}").into()),
            };
            if let Err(problem) = outcome {
                self.problems.push(problem.of(id, &node.class));
            }
        }
        // Links to inputs that are not declared are followed all the same when the graph runs.
        for (name, value) in &node.inputs {
            if let InputValue::Link { node: from, .. } = value
                && !graph.contains(from)
                && !spec.inputs.iter().any(|input| input.name == *name)
            {
                self.problems.push(missing_source(name, from, value).of(id, &node.class));
            }
        }
        for (input, message) in self.catalog.check(&node.class, &literals) {
            if self.problems[before..].iter().any(|problem| problem.input.as_ref() == Some(&input)) {
                continue;
            }
            let details = if message.is_empty() { input.clone() } else { format!("{input} - {message}") };
            let problem = Problem::new(Kind::CustomValidationFailed, "Custom validation failed for node", details).at(&input);
            self.problems.push(problem.of(id, &node.class));
        }
        changes
    }

    fn missing_input(&mut self, node: &Node, spec: &NodeSpec, input: &Input) -> Problem {
        let name = &input.name;
        // An input that the class does not declare is most likely this one, misspelt.
        let strangers: Vec<&str> =
            node.inputs.keys().map(String::as_str).filter(|it| !spec.inputs.iter().any(|known| known.name == *it)).collect();
        let misspelt =
            self.near(name, strangers.into_iter()).map(|it| it.replacen("did you mean", "it is given as", 1).replace('?', ""));
        let hint = misspelt.unwrap_or_else(|| match &input.widget {
            Some(widget) => format!("give a value ({})", widget_in_words(widget)),
            None => format!("link an output of type {}", input.socket),
        });
        Problem::new(Kind::RequiredInputMissing, "Required input is missing", name).at(name).hint(hint)
    }

    fn link(&mut self, graph: &Graph, input: &Input, from: &NodeId, slot: usize, value: &InputValue) -> Result<(), Box<Problem>> {
        let Some(source) = graph.node(from) else {
            return Err(missing_source(&input.name, from, value).into());
        };
        // Where the class is unknown that is the problem, and it has been reported.
        let Some(spec) = self.spec(&source.class) else { return Ok(()) };
        let fitting = || {
            let fits: Vec<_> = spec.outputs.iter().enumerate().filter(|(_, output)| output.socket.feeds(&input.socket)).collect();
            match fits.as_slice() {
                [] => format!("no output of {} gives {}", source.class, input.socket),
                fits => {
                    let names: Vec<_> = fits.iter().map(|(slot, output)| format!("{slot} ({})", output.name)).collect();
                    format!("output {} of {} gives {}", names.join(" or "), source.class, input.socket)
                }
            }
        };
        let Some(output) = spec.outputs.get(slot) else {
            return Err(self
                .bad(Kind::BadLinkedInput, "Linked node has no such output", &input.name, input)
                .with("linked_node", input_to_json(value))
                .hint(format!("{} `{from}` has {} outputs, counted from 0; {}", source.class, spec.outputs.len(), fitting()))
                .into());
        };
        if output.socket.feeds(&input.socket) {
            return Ok(());
        }
        let details = format!("{}, received_type({}) mismatch input_type({})", input.name, output.socket, input.socket);
        Err(self
            .bad(Kind::ReturnTypeMismatch, "Return type mismatch between linked nodes", &details, input)
            .with("received_type", output.socket.as_str())
            .with("linked_node", input_to_json(value))
            .hint(fitting())
            .into())
    }

    /// Checks a literal. Returns what it has to become, if that is something else.
    fn literal(&mut self, input: &Input, literal: &Value) -> Result<Option<Value>, Box<Problem>> {
        let name = &input.name;
        if input.widget.is_none() && !input.force_input && !takes_literals(input) {
            // Nothing said is nothing fed, which an optional input may be.
            if literal.is_null() && !input.required {
                return Ok(None);
            }
            let details = format!("{name}, {}, only a link can feed it", shown(literal));
            return Err(self
                .bad(
                    Kind::InvalidInputType,
                    &format!("Failed to convert an input value to a {} value", input.socket),
                    &details,
                    input,
                )
                .with("received_value", literal.clone())
                .hint(format!("link an output of type {}", input.socket))
                .into());
        }
        let refuse = |why: String| {
            self.bad(
                Kind::InvalidInputType,
                &format!("Failed to convert an input value to a {} value", input.socket),
                &format!("{name}, {}, {why}", shown(literal)),
                input,
            )
            .with("received_value", literal.clone())
            .with("exception_message", why)
        };
        // The range comes before the conversion back to JSON, whose whole numbers have 64 bits.
        let value = match input.socket.as_str() {
            "INT" => {
                let it = python::int(literal).map_err(refuse)?;
                self.ranged(input, &Number::Int(it))?;
                whole(it).map_err(refuse)?
            }
            "FLOAT" => {
                let it = python::float(literal).map_err(refuse)?;
                self.ranged(input, &Number::Float(it))?;
                json!(it)
            }
            "STRING" => python::text(literal).into(),
            "BOOLEAN" => python::truth(literal).into(),
            _ => literal.clone(),
        };
        let value = match &input.widget {
            Some(Widget::Combo(combo)) if !input.validated_by_node => self.chosen(input, combo, value)?,
            _ => value,
        };
        // `1` and `1.0` are equal to JSON's eyes and different to a node's.
        Ok((value != *literal || value.is_f64() != literal.is_f64()).then_some(value))
    }

    fn ranged(&self, input: &Input, value: &Number) -> Result<(), Box<Problem>> {
        if input.validated_by_node {
            return Ok(());
        }
        let (below, above, min, max) = match (&input.widget, value) {
            (Some(Widget::Int { min, max, .. }), Number::Int(it)) => (it < min, it > max, min.to_string(), max.to_string()),
            (Some(Widget::Float { min, max, .. }), Number::Float(it)) => {
                (it < min, it > max, python::float_text(*min), python::float_text(*max))
            }
            _ => return Ok(()),
        };
        let (received, text) = match value {
            Number::Int(it) => (whole(*it).unwrap_or_else(|_| it.to_string().into()), it.to_string()),
            Number::Float(it) => (json!(it), python::float_text(*it)),
        };
        let (kind, message) = match (below, above) {
            (true, _) => (Kind::ValueSmallerThanMin, format!("Value {text} smaller than min of {min}")),
            (_, true) => (Kind::ValueBiggerThanMax, format!("Value {text} bigger than max of {max}")),
            _ => return Ok(()),
        };
        Err(self
            .bad(kind, &message, &input.name, input)
            .with("received_value", received)
            .hint(format!("allowed: {min} to {max}"))
            .into())
    }

    fn chosen(&mut self, input: &Input, combo: &Combo, value: Value) -> Result<Value, Box<Problem>> {
        // A number among options that are written as texts is meant as one of them.
        let chosen = match &value {
            Value::Number(_) | Value::Bool(_) => Value::from(python::text(&value)),
            _ => value.clone(),
        };
        let files;
        let (options, searched): (&[String], _) = match &combo.options {
            Options::Fixed(options) => (options, None),
            Options::Files(folder) => {
                files = self.files(folder);
                (&files, Some(folder))
            }
        };
        if chosen.as_str().is_some_and(|chosen| options.iter().any(|option| option == chosen)) {
            return Ok(chosen);
        }
        let list = if options.len() > SHOWN_OPTIONS {
            format!("(list of length {})", options.len())
        } else {
            python::text(&json!(options))
        };
        let near = chosen.as_str().and_then(|chosen| self.near(chosen, options.iter().map(String::as_str)));
        let place = searched.map(|folder| {
            let paths = self.catalog.searched(folder);
            match (paths.is_empty(), options.is_empty()) {
                (true, _) => format!("no folder for `{folder}` is configured"),
                (_, true) => format!("there are no files for `{folder}` in {}", paths.join(", ")),
                (_, false) => format!("files for `{folder}` were searched in {}", paths.join(", ")),
            }
        });
        let hint: Vec<String> = near.into_iter().chain(place).collect();
        let mut problem = Problem::new(
            Kind::ValueNotInList,
            "Value not in list",
            format!("{}: '{}' not in {list}", input.name, python::text(&value)),
        )
        .at(&input.name)
        .with("input_config", if options.len() > SHOWN_OPTIONS { Value::Null } else { input.config(self.catalog) })
        .with("received_value", value);
        if !hint.is_empty() {
            problem = problem.hint(hint.join("; "));
        }
        Err(problem.into())
    }

    fn files(&mut self, folder: &str) -> Arc<[String]> {
        if let Some(known) = self.folders.get(folder) {
            return known.clone();
        }
        let files: Arc<[String]> = self.catalog.files(folder).into();
        self.folders.insert(folder.to_owned(), files.clone());
        files
    }

    fn bad(&self, kind: Kind, message: &str, details: &str, input: &Input) -> Problem {
        Problem::new(kind, message, details).at(&input.name).with("input_config", self.config(input))
    }

    /// The input's description, unless it would repeat a long list.
    fn config(&self, input: &Input) -> Value {
        match &input.widget {
            Some(Widget::Combo(Combo { options: Options::Files(_), .. })) => Value::Null,
            Some(Widget::Combo(Combo { options: Options::Fixed(options), .. })) if options.len() > SHOWN_OPTIONS => Value::Null,
            _ => input.config(self.catalog),
        }
    }

    fn cycle(&mut self, graph: &Graph, Cycle(mut nodes): Cycle) {
        // Told from the node that stands first in the file.
        let first = nodes.iter().enumerate().min_by_key(|(_, id)| graph.position(id)).map_or(0, |(i, _)| i);
        nodes.rotate_left(first);
        let Some((id, node)) = nodes.first().and_then(|id| Some((id.clone(), graph.node(id)?))) else { return };
        // A cycle may be as long as the file.
        const SHOWN: usize = 16;
        let mut shown: Vec<String> = nodes.iter().take(SHOWN).map(ToString::to_string).collect();
        if nodes.len() > SHOWN {
            shown.push(format!("({} more)", nodes.len() - SHOWN));
        }
        shown.push(id.to_string());
        let ids: Vec<&str> = nodes.iter().map(NodeId::as_str).collect();
        self.problems.push(
            Problem::new(Kind::DependencyCycle, "Nodes depend on each other in a circle", shown.join(" -> "))
                .of(&id, &node.class)
                .with("cycle_nodes", ids)
                .hint("remove one of these links"),
        );
    }
}

fn no_outputs(graph: &Graph, specs: &[Option<Arc<NodeSpec>>], targets: Option<&[NodeId]>) -> Problem {
    let problem = Problem::new(Kind::NoOutputs, "Prompt has no outputs", "");
    match targets {
        None => problem.hint("add a node that saves or shows something"),
        Some([]) => problem.hint("no output was asked for"),
        Some(targets) => {
            let why: Vec<_> = targets
                .iter()
                .take(SHOWN_OPTIONS)
                .map(|id| match graph.position(id).and_then(|position| specs[position].as_ref()) {
                    Some(spec) => format!("{} `{id}` neither saves nor shows anything", spec.class),
                    None => format!("there is no node `{id}`"),
                })
                .collect();
            problem.hint(why.join("; "))
        }
    }
}

fn missing_source(input: &str, from: &NodeId, value: &InputValue) -> Problem {
    Problem::new(Kind::MissingSource, "Linked node does not exist", format!("{input}: there is no node '{from}'"))
        .at(input)
        .with("linked_node", input_to_json(value))
}

/// Whether literals flow into sockets of this type although nothing is there to type them in.
fn takes_literals(input: &Input) -> bool {
    let types = input.socket.as_str();
    types.split(',').map(str::trim).any(|it| matches!(it, "*" | "INT" | "FLOAT" | "STRING" | "BOOLEAN" | "COMBO"))
}

fn whole(value: i128) -> Result<Value, String> {
    match (u64::try_from(value), i64::try_from(value)) {
        (Ok(value), _) => Ok(json!(value)),
        (_, Ok(value)) => Ok(json!(value)),
        _ => Err(format!("{value} has more than 64 bits")),
    }
}

fn widget_in_words(widget: &Widget) -> String {
    match widget {
        Widget::Int { default, min, max, .. } => format!("a whole number from {min} to {max}; a new node has {default}"),
        Widget::Float { default, min, max, .. } => {
            let [default, min, max] = [default, min, max].map(|it| python::float_text(*it));
            format!("a number from {min} to {max}; a new node has {default}")
        }
        Widget::Boolean { default } => format!("true or false; a new node has {default}"),
        Widget::String { .. } => "a text".to_owned(),
        Widget::Drawn { default } => format!("such as {default}"),
        Widget::Combo(Combo { options: Options::Files(folder), .. }) => format!("a file of `{folder}`"),
        Widget::Combo(Combo { options: Options::Fixed(options), .. }) => {
            let shown: Vec<_> = options.iter().take(SHOWN_OPTIONS).map(|option| format!("\"{option}\"")).collect();
            let rest = if options.len() > SHOWN_OPTIONS { ", ..." } else { "" };
            format!("one of {}{rest}", shown.join(", "))
        }
    }
}

/// A literal for a message, however long it is.
fn shown(literal: &Value) -> String {
    const LONGEST: usize = 200;
    let text = python::text(literal);
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

/// One cycle among nodes that all reach each other; `None` for a lone node that does not feed itself.
fn cycle_within(graph: &Graph, knot: &[usize]) -> Option<Cycle> {
    if let [lone] = knot {
        let (id, _) = graph.at(*lone)?;
        return graph.links_into(id).any(|link| link.from == id).then(|| Cycle(vec![id.clone()]));
    }
    let members: HashSet<usize> = knot.iter().copied().collect();
    // Upstream by the first link that stays inside, until a node comes again.
    let mut path: Vec<usize> = Vec::new();
    let mut met: HashMap<usize, usize> = HashMap::new();
    let mut at = knot[0];
    while !met.contains_key(&at) {
        met.insert(at, path.len());
        path.push(at);
        let (id, _) = graph.at(at)?;
        at = graph.links_into(id).filter_map(|link| graph.position(link.from)).find(|from| members.contains(from))?;
    }
    let ids = path[met[&at]..].iter().rev().filter_map(|position| graph.at(*position)).map(|(id, _)| id.clone());
    Some(Cycle(ids.collect()))
}

/// Spreads badness downstream, and tells for each node which of the outputs need it.
fn spread(graph: &Graph, knots: &[Vec<usize>], bad: &mut [bool], outputs: &[NodeId]) -> Vec<Arc<[usize]>> {
    let sources = |position: usize| {
        let id = graph.at(position).map(|(id, _)| id.as_str()).unwrap_or_default();
        graph.links_into(id).filter_map(|link| graph.position(link.from))
    };
    for knot in knots {
        let spoilt = knot.iter().any(|&position| bad[position] || sources(position).any(|from| bad[from]));
        knot.iter().for_each(|&position| bad[position] = spoilt);
    }
    let none: Arc<[usize]> = Arc::from([]);
    let mut needed_by = vec![none.clone(); graph.len()];
    for output in outputs.iter().filter_map(|id| graph.position(id)) {
        needed_by[output] = Arc::from([output]);
    }
    for knot in knots.iter().rev() {
        let all = knot.iter().fold(none.clone(), |all, &position| union(&all, &needed_by[position]));
        for &position in knot {
            needed_by[position] = Arc::clone(&all);
            for from in sources(position) {
                needed_by[from] = union(&all, &needed_by[from]);
            }
        }
    }
    needed_by
}

/// Both ascending lists in one, each place once, no more than [`LISTED_OUTPUTS`].
fn union(a: &Arc<[usize]>, b: &Arc<[usize]>) -> Arc<[usize]> {
    if b.is_empty() || Arc::ptr_eq(a, b) {
        return Arc::clone(a);
    }
    // What lies behind the end of a full list adds nothing.
    if a.is_empty() || (b.len() == LISTED_OUTPUTS && a.first() > b.last()) {
        return Arc::clone(b);
    }
    let mut both: Vec<usize> = a.iter().chain(b.iter()).copied().collect();
    both.sort_unstable();
    both.dedup();
    both.truncate(LISTED_OUTPUTS);
    both.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api_json;
    use crate::toy::{Toy, any_json, graph, picture};
    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    fn run(prompt: &Value) -> Validation {
        validate(graph(prompt), &Toy::new(), None)
    }

    /// Validates the picture with some of its inputs changed (null takes one away).
    fn check(changes: &[(&str, &str, Value)], expected: Expect) {
        let mut prompt = picture();
        for (node, input, value) in changes {
            let inputs = prompt[node]["inputs"].as_object_mut().unwrap();
            match value {
                Value::Null => drop(inputs.shift_remove(*input)),
                value => drop(inputs.insert((*input).to_owned(), value.clone())),
            }
        }
        let found: Vec<_> = run(&prompt).problems.iter().map(|it| format!("{} | {it}\n", it.kind.as_str())).collect();
        expected.assert_eq(&found.concat());
    }

    fn runnable(validation: &Validation) -> Vec<&str> {
        validation.runnable.iter().map(NodeId::as_str).collect()
    }

    #[test]
    fn a_good_graph_has_no_problem() {
        let validation = run(&picture());
        assert_eq!(validation.problems, []);
        assert_eq!(runnable(&validation), ["6"]);
        assert_eq!((validation.error(), validation.node_errors()), (None, json!({})));
        assert_eq!(validation.graph, graph(&picture()));
    }

    #[test]
    fn every_problem_is_found_at_once() {
        check(
            &[
                ("1", "ckpt_name", json!("SD15.ckpt")),
                ("3", "width", json!(8)),
                ("3", "height", json!("tall")),
                ("4", "seed", json!("18446744073709551616")),
                ("4", "sampler_name", json!("eular")),
                ("4", "cfg", Value::Null),
                ("4", "positive", json!(["1", 0])),
                ("4", "negative", json!(["1", 7])),
                ("4", "latent", json!(["3", 0])),
                ("4", "denoise", json!([3, 0])),
                ("4", "model", json!(["77", 0])),
                ("5", "vae", json!("the vae")),
                ("6", "prefix", json!("../x")),
            ],
            expect![[r#"
                value_not_in_list | Checkpoint 1, input ckpt_name: Value not in list: ckpt_name: 'SD15.ckpt' not in ['sd15.safetensors', 'xl/base.safetensors'] (did you mean "sd15.safetensors"?; files for `checkpoints` were searched in /models/checkpoints)
                value_smaller_than_min | Empty 3, input width: Value 8 smaller than min of 16 (allowed: 16 to 16384)
                invalid_input_type | Empty 3, input height: Failed to convert an input value to a INT value: height, tall, 'tall' is no whole number
                exception_during_inner_validation | Sample 4, input model: Linked node does not exist: model: there is no node '77'
                value_bigger_than_max | Sample 4, input seed: Value 18446744073709551616 bigger than max of 18446744073709551615 (allowed: 0 to 18446744073709551615)
                required_input_missing | Sample 4, input cfg: Required input is missing (give a value (a number from 0.0 to 100.0; a new node has 8.0))
                value_not_in_list | Sample 4, input sampler_name: Value not in list: sampler_name: 'eular' not in ['euler', 'heun', 'dpmpp_2m'] (did you mean "euler"?)
                return_type_mismatch | Sample 4, input positive: Return type mismatch between linked nodes: positive, received_type(MODEL) mismatch input_type(CONDITIONING) (no output of Checkpoint gives CONDITIONING)
                bad_linked_input | Sample 4, input negative: Linked node has no such output (Checkpoint `1` has 3 outputs, counted from 0; no output of Checkpoint gives CONDITIONING)
                bad_linked_input | Sample 4, input denoise: Bad linked input, must be a length-2 list of [node_id, slot_index] (a link is ["node id", output number]; a list that is meant as a value is written {"__value__": [...]})
                invalid_input_type | Decode 5, input vae: Failed to convert an input value to a VAE value: vae, the vae, only a link can feed it (link an output of type VAE)
                custom_validation_failed | Save 6, input prefix: Custom validation failed for node: prefix - leaves the output folder
            "#]],
        );
    }

    #[test]
    fn a_misspelt_input_is_pointed_out() {
        check(
            &[("4", "sampler_name", Value::Null), ("4", "sampler", json!("euler"))],
            expect![[r#"
            required_input_missing | Sample 4, input sampler_name: Required input is missing (it is given as "sampler")
        "#]],
        );
    }

    #[test]
    fn literals_become_what_their_inputs_take() {
        let mut prompt = picture();
        prompt["3"]["inputs"] = json!({ "width": "64", "height": 100.7 });
        prompt["4"]["inputs"]["cfg"] = json!(7);
        prompt["4"]["inputs"]["seed"] = json!({ "__value__": "18446744073709551615" });
        prompt["6"]["inputs"]["prefix"] = json!(1.0);
        prompt["7"] = json!({ "class_type": "Show", "inputs": { "anything": [1], "loud": "no" } });
        prompt["7"]["inputs"]["anything"] = json!(["5", 0]);
        let validation = run(&prompt);
        assert_eq!(validation.problems, []);
        let inputs = |id: &str| api_json::to_json(&validation.graph)[id]["inputs"].to_string();
        assert_eq!(inputs("3"), r#"{"width":64,"height":100}"#);
        assert!(inputs("4").contains(r#""seed":18446744073709551615"#) && inputs("4").contains(r#""cfg":7.0"#));
        assert!(inputs("6").contains(r#""prefix":"1.0""#));
        assert!(inputs("7").contains(r#""loud":true"#));
    }

    #[test]
    fn wildcards_and_unions_meet() {
        let prompt = |value: Value| {
            json!({
                "1": { "class_type": "Number", "inputs": { "value": 5 } }, "2": { "class_type": "Either", "inputs": { "value": value } },
                "3": { "class_type": "Pass", "inputs": { "value": ["2", 0] } }, "4": { "class_type": "Either", "inputs": { "value": ["3", 0] } },
                "5": { "class_type": "Show", "inputs": { "anything": ["4", 0] } }, "6": { "class_type": "Empty", "inputs": { "width": 64, "height": 64 } },
            })
        };
        for fits in [json!(["1", 0]), json!(["3", 0]), json!(5), json!("5")] {
            let problems = run(&prompt(fits.clone())).problems;
            assert!(problems.iter().all(|it| it.kind == Kind::DependencyCycle), "{fits}: {problems:?}");
        }
        assert_eq!(run(&prompt(json!(["6", 0]))).problems[0].kind, Kind::ReturnTypeMismatch);
    }

    #[test]
    fn an_output_is_judged_by_what_it_needs_alone() {
        let mut prompt = picture();
        prompt["7"] = json!({ "class_type": "Scale", "inputs": { "image": ["5", 0], "factor": 99 } });
        prompt["8"] = json!({ "class_type": "Save", "inputs": { "images": ["7", 0], "prefix": "big" } });
        prompt["9"] = json!({ "class_type": "Show", "inputs": { "anything": ["7", 0] } });
        prompt["10"] = json!({ "class_type": "Scale", "inputs": {} });
        let validation = run(&prompt);
        assert_eq!(runnable(&validation), ["6"]);
        assert_eq!(validation.error(), None);
        expect![[r#"
            {
              "7": {
                "errors": [
                  {
                    "type": "value_bigger_than_max",
                    "message": "Value 99.0 bigger than max of 8.0",
                    "details": "factor",
                    "extra_info": {
                      "input_name": "factor",
                      "input_config": [
                        "FLOAT",
                        {
                          "default": 1.0,
                          "min": 0.0,
                          "max": 8.0,
                          "step": 0.1
                        }
                      ],
                      "received_value": 99.0,
                      "hint": "allowed: 0.0 to 8.0"
                    }
                  }
                ],
                "dependent_outputs": [
                  "8",
                  "9"
                ],
                "class_type": "Scale"
              }
            }"#]]
        .assert_eq(&serde_json::to_string_pretty(&validation.node_errors()).unwrap());
    }

    #[test]
    fn only_wanted_outputs_are_looked_at() {
        let mut prompt = picture();
        prompt["7"] = json!({ "class_type": "Save", "inputs": {} });
        let of = |targets: &[&str]| {
            let targets: Vec<NodeId> = targets.iter().map(|id| NodeId::from(*id)).collect();
            validate(graph(&prompt), &Toy::new(), Some(&targets))
        };
        assert_eq!(of(&["6"]).problems, []);
        assert_eq!(of(&["7"]).runnable, []);
        assert_eq!(of(&["7"]).error().unwrap()["type"], "prompt_outputs_failed_validation");
        for none in [&[][..], &["5", "77"]] {
            assert_eq!(of(none).error().unwrap()["type"], "prompt_no_outputs");
        }
        assert_eq!(
            of(&["5", "77"]).problems[0].to_string(),
            "Prompt has no outputs (Decode `5` neither saves nor shows anything; there is no node `77`)"
        );
    }

    #[test]
    fn an_unknown_class_stops_everything_and_hides_nothing() {
        let mut prompt = picture();
        prompt["7"] = json!({ "class_type": "Svae", "inputs": {}, "_meta": { "title": "Mine" } });
        prompt["3"]["inputs"]["width"] = json!(1);
        let validation = run(&prompt);
        assert_eq!(runnable(&validation), [""; 0]);
        expect![[r#"
            {
              "type": "missing_node_type",
              "message": "Node class 'Svae' is not known",
              "details": "Node ID '#7'",
              "extra_info": {
                "node_id": "7",
                "class_type": "Svae",
                "node_title": "Mine",
                "hint": "did you mean \"Save\"?"
              }
            }"#]]
        .assert_eq(&serde_json::to_string_pretty(&validation.error()).unwrap());
        assert_eq!(validation.problems.len(), 2);
    }

    #[test]
    fn a_cycle_spoils_what_hangs_on_it() {
        let mut prompt = picture();
        prompt["7"] = json!({ "class_type": "Pass", "inputs": { "value": ["8", 0] } });
        prompt["8"] = json!({ "class_type": "Pass", "inputs": { "value": ["7", 0] } });
        prompt["9"] = json!({ "class_type": "Show", "inputs": { "anything": ["8", 0] } });
        prompt["10"] = json!({ "class_type": "Pass", "inputs": { "value": ["10", 0] } });
        prompt["11"] = json!({ "class_type": "Show", "inputs": { "anything": ["10", 0] } });
        let validation = run(&prompt);
        assert_eq!(runnable(&validation), ["6"]);
        let found: Vec<_> = validation.problems.iter().map(|it| format!("{it} {}", it.extra["cycle_nodes"])).collect();
        assert_eq!(
            found,
            [
                r#"Pass 7: Nodes depend on each other in a circle: 7 -> 8 -> 7 (remove one of these links) ["7","8"]"#,
                r#"Pass 10: Nodes depend on each other in a circle: 10 -> 10 (remove one of these links) ["10"]"#,
            ]
        );
    }

    #[test]
    fn a_missing_file_names_the_folders_searched() {
        check(
            &[("1", "ckpt_name", json!("other.safetensors"))],
            expect![[r#"
            value_not_in_list | Checkpoint 1, input ckpt_name: Value not in list: ckpt_name: 'other.safetensors' not in ['sd15.safetensors', 'xl/base.safetensors'] (files for `checkpoints` were searched in /models/checkpoints)
        "#]],
        );
    }

    proptest! {
        #[test]
        fn no_graph_makes_validation_panic(inputs in proptest::collection::vec((0_usize..15, any_json()), 0..8)) {
            let catalog = Toy::new();
            let classes = catalog.classes();
            let prompt: Map<String, Value> = inputs
                .into_iter()
                .enumerate()
                .map(|(i, (class, value))| {
                    let class = &classes[class % classes.len()];
                    let spec = catalog.spec(class).unwrap();
                    let feed = |(k, input): (usize, &Input)| {
                        let source = json!([(i * 5 + k * 3 + 7) % 9, k % 3]);
                        let link = json!([source[0].to_string(), source[1]]);
                        (input.name.clone(), if (i + k) % 3 == 0 { value.clone() } else { link })
                    };
                    let inputs: Map<String, Value> = spec.inputs.iter().enumerate().map(feed).collect();
                    (i.to_string(), json!({ "class_type": class, "inputs": inputs }))
                })
                .collect();
            let validation = validate(graph(&prompt.into()), &catalog, None);
            prop_assert_eq!(validation.error().is_none(), validation.is_runnable());
            prop_assert!(validation.node_errors().is_object());
            // What came out is what comes out again.
            let again = validate(validation.graph.clone(), &catalog, None);
            prop_assert_eq!(again.graph, validation.graph);
            prop_assert_eq!(again.runnable, validation.runnable);
        }
    }
}
