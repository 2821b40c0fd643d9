//! The editor's format (0.4 and 1.0): what it draws, with positions, widgets and subgraphs.
//!
//! Reading follows what the editor does when it sends a prompt. Subgraphs are opened, their nodes named by the path of ids (`57:3`).
//! Muted nodes go; bypassed ones pass on the input that fits. Reroutes, primitives and notes dissolve. Widget values become literals by
//! the order of the class's inputs, and what was never written is the default. A choice in a prompt, `{day|night}`, is drawn from a seed:
//! the same seed gives the same words.

mod file;
mod flatten;
mod widgets;
mod write;

pub use write::to_json;

use crate::graph::Graph;
use crate::problem::{Problem, Problems};
use crate::spec::Catalog;
use serde_json::Value;

/// What opening subgraphs may cost. A few lines of JSON can describe more copies than there is memory for.
struct Limits;

impl Limits {
    /// How deep subgraphs may be nested.
    const DEPTH: usize = 64;
    /// How many nodes may come out of subgraphs.
    const COPIES: usize = 200_000;
    /// How many bytes of text those nodes may hold.
    const TEXT: usize = 64 << 20;
    /// How many nodes all links together may pass through.
    const STEPS: usize = 4_000_000;
}

/// Reads a workflow of the editor. `seed` decides what is drawn from the choices in prompts.
///
/// A node whose class the catalog does not have keeps its links, so that validation can say everything that is wrong; its widget values are
/// lost where the file does not name them.
///
/// # Errors
/// All parts that cannot be understood, each with its id; subgraphs that hold themselves or are too many; links that go in a circle without
/// passing a node that does anything.
pub fn from_json(json: &Value, catalog: &dyn Catalog, seed: u64) -> Result<Graph, Problems> {
    let Value::Object(object) = json else {
        return Err(
            Problem::unreadable(format!("a workflow is an object, and this is {}", crate::api_json::kind_of(json))).into()
        );
    };
    let mut problems = Vec::new();
    let file = file::File::read(object, &mut problems);
    if !problems.is_empty() {
        return Err(Problems(problems));
    }
    flatten::flatten(&file, catalog, seed)
}

#[cfg(test)]
mod tests;
