//! `burnish convert`: a workflow in the other format.

use crate::cli::{ConvertArguments, Target};
use crate::error::Error;
use crate::open::Workflow;
use crate::out;
use crate::plugin;
use graph::{Catalog, Declared, Kind, Problem, api_json, ui_json};
use std::path::Path;

/// Writes a workflow in the format that was asked for to standard output.
///
/// # Errors
/// When it cannot be read, or names classes that are not known: their widget values would be lost.
pub fn convert(arguments: &ConvertArguments) -> Result<(), Error> {
    let registry = plugin::registry(&arguments.places, nodes::catalogue(), plugin::noted())?;
    let registry = registry.in_folders(arguments.places.folders()?.into());
    let declared = arguments.object_info.as_deref().map(classes).transpose()?;
    let catalog: &dyn Catalog = declared.as_ref().map_or(&registry, |it| it);
    let graph = Workflow::open(&arguments.file, catalog, 0)?.graph;
    let validation = graph::validate(graph.clone(), catalog, None);
    let unknown: Vec<Problem> = validation.problems.into_iter().filter(|it| it.kind == Kind::MissingNodeType).collect();
    if !unknown.is_empty() {
        return Err(Error::invalid(&unknown, Some(&graph)));
    }
    let json = match arguments.to {
        Target::Api => api_json::to_json(&graph),
        Target::Editor => ui_json::to_json(&graph, catalog),
    };
    out::line(format_args!("{json:#}"))
}

/// The classes that a file from a server's `/object_info` tells of.
fn classes(path: &Path) -> Result<Declared, Error> {
    let failed = |why: String| Error::usage(format!("{}: {why}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| failed(format!("cannot be read: {error}")))?;
    let json = graph::read::parse(&text).map_err(|problems| failed(problems.to_string()))?;
    Declared::read(&json).map_err(|problems| failed(problems.to_string()))
}
