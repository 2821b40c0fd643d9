//! `burnish validate`: everything that keeps a workflow from running.

use crate::cli::ValidateArguments;
use crate::error::{self, Error};
use crate::open::{OpenError, Workflow};
use crate::out;
use crate::plugin;
use graph::{Problems, Validation};
use serde_json::{Map, Value, json};

/// Says everything that keeps a workflow from running.
///
/// # Errors
/// [`Error::Invalid`] when there is something.
pub fn validate(arguments: &ValidateArguments) -> Result<(), Error> {
    let registry = plugin::registry(&arguments.places, nodes::catalogue(), plugin::noted())?;
    let registry = registry.in_folders(arguments.places.folders()?.into());
    let opened = Workflow::open(&arguments.file, &registry, 0);
    if let (true, Err(OpenError::Content(problems))) = (arguments.json, &opened) {
        out::line(unreadable(problems))?;
    }
    let validation = graph::validate(opened?.graph, &registry, None);
    if arguments.json {
        out::line(answer(&validation))?;
    }
    error::complete(&validation)?;
    if !arguments.json {
        let (nodes, outputs) = (validation.graph.len(), validation.outputs.len());
        let count = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
        out::line(format_args!("valid: {}, {}", count(nodes, "node"), count(outputs, "output")))?;
    }
    Ok(())
}

/// What ComfyUI answers to a prompt with these problems: `error`, which is null while some output can run, and `node_errors`.
pub(crate) fn answer(validation: &Validation) -> Value {
    json!({
        "valid": validation.problems.is_empty(),
        "error": validation.error(),
        "node_errors": validation.node_errors(),
    })
}

/// The same for a file that is no workflow.
pub(crate) fn unreadable(problems: &Problems) -> Value {
    let mut nodes = Map::new();
    for problem in &problems.0 {
        let Some(id) = &problem.node else { continue };
        let class = problem.class.as_deref().unwrap_or_default();
        let entry =
            nodes.entry(id.as_str()).or_insert_with(|| json!({ "errors": [], "dependent_outputs": [], "class_type": class }));
        if let Some(errors) = entry["errors"].as_array_mut() {
            errors.push(problem.to_json());
        }
    }
    json!({ "valid": false, "error": problems.0.first().map(graph::Problem::to_json), "node_errors": nodes })
}
