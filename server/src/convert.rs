//! `burnish convert`: a workflow in the other format.

use crate::cli::{ConvertArguments, Target};
use crate::error::Error;
use crate::open::Workflow;
use crate::out;
use graph::{Kind, Problem, api_json, ui_json};

/// Writes a workflow in the format that was asked for to standard output.
///
/// # Errors
/// When it cannot be read, or names classes that are not known: their widget values would be lost.
pub fn convert(arguments: &ConvertArguments) -> Result<(), Error> {
    let registry = nodes::catalogue().in_folders(arguments.places.folders()?.into());
    let graph = Workflow::open(&arguments.file, &registry, 0)?.graph;
    let validation = graph::validate(graph.clone(), &registry, None);
    let unknown: Vec<Problem> = validation.problems.into_iter().filter(|it| it.kind == Kind::MissingNodeType).collect();
    if !unknown.is_empty() {
        return Err(Error::invalid(&unknown, Some(&graph)));
    }
    let json = match arguments.to {
        Target::Api => api_json::to_json(&graph),
        Target::Editor => ui_json::to_json(&graph, &registry),
    };
    out::line(format_args!("{json:#}"))
}
