//! From a file to a graph, and what the command line changes in it.

use crate::cli::Assignment;
use crate::error::Error;
use graph::{Catalog, Format, Graph, InputValue, NodeId, Problem, Problems, Widget, api_json, did_you_mean, read};
use serde_json::Value;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// A workflow that was read.
pub struct Workflow {
    /// Its graph.
    pub graph: Graph,
    /// Which way it was written.
    pub format: Format,
    /// What the editor knows about it, where the file says so.
    pub editor: Option<Value>,
}

/// A file of this size is no workflow.
const MOST_BYTES: u64 = 256 << 20;

/// Why a workflow could not be opened.
#[derive(Debug)]
pub enum OpenError {
    /// There is no such file, or it cannot be read.
    File(String),
    /// It is no workflow.
    Content(Problems),
}

impl Workflow {
    /// Reads a file, or standard input where the path is `-`. `seed` decides what is drawn from choices in prompts.
    ///
    /// # Errors
    /// When there is no text to be read, or it is no workflow.
    pub fn open(path: &Path, catalog: &dyn Catalog, seed: u64) -> Result<Self, OpenError> {
        let json = read::parse(&text(path)?).map_err(OpenError::Content)?;
        let (format, inner) = read::format(&json).map_err(OpenError::Content)?;
        let graph = read(&json, catalog, seed).map_err(OpenError::Content)?;
        let editor = match format {
            Format::Editor => Some(inner.clone()),
            Format::Prompt => {
                let sent = json.pointer("/extra_data/extra_pnginfo/workflow").or_else(|| json.get("workflow"));
                sent.filter(|it| it.get("nodes").is_some_and(Value::is_array)).cloned()
            }
        };
        Ok(Self { graph, format, editor })
    }
}

impl From<OpenError> for Error {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::File(message) => Self::usage(message),
            OpenError::Content(problems) => Self::invalid(&problems.0, None),
        }
    }
}

fn text(path: &Path) -> Result<String, OpenError> {
    let standard = path == Path::new("-");
    let name = if standard { "standard input".to_owned() } else { path.display().to_string() };
    let failed = |error: &io::Error| OpenError::File(format!("{name}: cannot be read: {error}"));
    let mut bytes = Vec::new();
    if standard {
        io::stdin().lock().take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(|it| failed(&it))?;
    } else {
        if path.is_dir() {
            return Err(OpenError::File(format!("{name}: this is a directory, not a workflow")));
        }
        let file = File::open(path).map_err(|it| match it.kind() {
            io::ErrorKind::NotFound => OpenError::File(format!("{name}: there is no such file")),
            _ => failed(&it),
        })?;
        file.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(|it| failed(&it))?;
    }
    if bytes.len() as u64 > MOST_BYTES {
        return Err(OpenError::File(format!("{name}: this is no workflow: it is larger than {} MiB", MOST_BYTES >> 20)));
    }
    String::from_utf8(bytes).map_err(|error| {
        let details = format!("this is no text: byte {} is not UTF-8", error.utf8_error().valid_up_to());
        OpenError::Content(Problem::new(graph::Kind::InvalidPrompt, "The workflow cannot be read", details).into())
    })
}

/// Gives every seed that is not linked this value.
///
/// # Errors
/// When there is none.
pub fn set_seed(graph: &mut Graph, seed: u64) -> Result<(), Error> {
    let is_seed = |name: &str| name == "seed" || name == "noise_seed";
    let places: Vec<(NodeId, String)> = graph
        .iter()
        .flat_map(|(id, node)| node.literals().filter(|it| is_seed(it.0)).map(|(name, _)| (id.clone(), name.to_owned())))
        .collect();
    if places.is_empty() {
        return Err(Error::usage("--seed: no node of the workflow has a seed of its own"));
    }
    for (id, input) in places {
        graph.set_input(id.as_str(), &input, InputValue::Literal(seed.into())).expect("the node was found");
    }
    Ok(())
}

/// Does what `--set` says.
///
/// # Errors
/// When it names no node or input, or several nodes.
pub fn set(graph: &mut Graph, catalog: &dyn Catalog, assignment: &Assignment) -> Result<(), Error> {
    let Assignment { place, value } = assignment;
    let failed = |message: String, hint| Err(Error::usage_with(format!("--set {place}: {message}"), hint));
    let mut wrong: Option<Error> = None;
    for (point, _) in place.match_indices('.') {
        let (name, input) = (&place[..point], &place[point + 1..]);
        let id = match find(graph, name) {
            Found::One(id) => id,
            Found::Several(ids) => {
                wrong = failed(several(name, &ids), None).err();
                continue;
            }
            Found::None => continue,
        };
        let Some(node) = graph.node(id.as_str()) else { continue };
        let spec = catalog.spec(&node.class);
        let declared = spec.iter().flat_map(|it| &it.inputs).find(|it| it.name == input);
        let takes_any = spec.as_ref().is_none_or(|it| it.extra_inputs);
        if declared.is_none() && !takes_any && !node.inputs.contains_key(input) {
            let known: Vec<&str> = spec.iter().flat_map(|it| &it.inputs).map(|it| it.name.as_str()).collect();
            let hint = did_you_mean(input, known.iter().copied()).unwrap_or_else(|| format!("it has {}", known.join(", ")));
            wrong = failed(format!("{} (node {id}) has no input `{input}`", node.class), Some(hint)).err();
            continue;
        }
        let is_text = matches!(declared.and_then(|it| it.widget.as_ref()), Some(Widget::String { .. } | Widget::Combo(_)));
        let value = match serde_json::from_str::<Value>(value) {
            Ok(json) if !is_text || json.is_string() || json.is_array() => api_json::input_from_json(&json),
            Ok(_) | Err(_) => InputValue::Literal(value.as_str().into()),
        };
        graph.set_input(id.as_str(), input, value).expect("the node was found");
        return Ok(());
    }
    let name = place.rsplit_once('.').map_or(place.as_str(), |it| it.0);
    wrong.map_or_else(|| failed(format!("there is no node `{name}`"), nearest(graph, name)), Err)
}

/// The outputs that `--only` names.
///
/// # Errors
/// When a name means no node or several, or a node that neither saves nor shows anything.
pub fn targets(graph: &Graph, catalog: &dyn Catalog, names: &[String]) -> Result<Vec<NodeId>, Error> {
    let target = |name: &String| {
        let id = match find(graph, name) {
            Found::One(id) => id,
            Found::Several(ids) => return Err(Error::usage(format!("--only {name}: {}", several(name, &ids)))),
            Found::None => {
                return Err(Error::usage_with(format!("--only {name}: there is no such node"), nearest(graph, name)));
            }
        };
        let class = graph.node(id.as_str()).map_or("", |it| it.class.as_str());
        if catalog.spec(class).is_some_and(|it| !it.output_node) {
            return Err(Error::usage(format!("--only {name}: {class} (node {id}) neither saves nor shows anything")));
        }
        Ok(id)
    };
    names.iter().map(target).collect()
}

enum Found {
    One(NodeId),
    Several(Vec<NodeId>),
    None,
}

/// The node of an id, else of a title, else of a class.
fn find(graph: &Graph, name: &str) -> Found {
    if let Some((id, _)) = graph.position(name).and_then(|it| graph.at(it)) {
        return Found::One(id.clone());
    }
    let of = |fits: &dyn Fn(&graph::Node) -> bool| -> Vec<NodeId> {
        graph.iter().filter(|it| fits(it.1)).map(|it| it.0.clone()).collect()
    };
    let mut ids = of(&|node| node.title.as_deref() == Some(name));
    if ids.is_empty() {
        ids = of(&|node| node.class == name);
    }
    match ids.len() {
        0 => Found::None,
        1 => ids.pop().map_or(Found::None, Found::One),
        _ => Found::Several(ids),
    }
}

fn several(name: &str, ids: &[NodeId]) -> String {
    const SHOWN: usize = 20;
    let shown: Vec<&str> = ids.iter().take(SHOWN).map(NodeId::as_str).collect();
    let more = if ids.len() > SHOWN { "..." } else { "" };
    format!("`{name}` may be any of the nodes {}{more}: use an id", shown.join(", "))
}

fn nearest(graph: &Graph, name: &str) -> Option<String> {
    let names = graph.iter().flat_map(|(id, node)| [Some(id.as_str()), node.title.as_deref(), Some(node.class.as_str())]);
    did_you_mean(name, names.flatten())
}
