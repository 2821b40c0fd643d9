//! `burnish nodes` and `burnish models`: what is there.

use crate::cli::{ModelsArguments, NodesArguments};
use crate::error::Error;
use crate::out::{self, plain};
use crate::plugin;
use graph::{Catalog, Input, NodeSpec, Options, Widget, did_you_mean};
use models::checkpoint::{Part, describe};
use models::residency::in_words;
use std::fmt::Write;
use std::path::Path;

/// Lists the classes, or explains one.
///
/// # Errors
/// When there is no class of that name.
pub fn nodes(arguments: &NodesArguments) -> Result<(), Error> {
    let registry = plugin::registry(&arguments.places, nodes::catalogue(), plugin::noted())?;
    let registry = registry.in_folders(arguments.places.folders()?.into());
    let Some(name) = &arguments.name else {
        let rows = registry.classes().into_iter().filter_map(|class| {
            let spec = registry.spec(&class)?;
            let first = spec.description.lines().next().unwrap_or_default().to_owned();
            Some([class, spec.category.clone(), first])
        });
        return table(&rows.collect::<Vec<_>>());
    };
    match registry.spec(name) {
        Some(spec) => out::line(explained(&spec, &registry).trim_end()),
        None => {
            let classes = registry.classes();
            Err(Error::usage_with(
                format!("there is no node class `{name}`"),
                did_you_mean(name, classes.iter().map(String::as_str)),
            ))
        }
    }
}

/// Lists the models that are there and what they hold.
///
/// # Errors
/// When there is no such kind of folder, or one cannot be read.
pub fn models(arguments: &ModelsArguments) -> Result<(), Error> {
    let folders = arguments.places.folders()?.models;
    let kinds: Vec<&str> = arguments.kind.as_deref().map_or_else(|| folders.kinds().collect(), |kind| vec![kind]);
    let mut rows = Vec::new();
    for kind in &kinds {
        for name in folders.list(kind)?.iter() {
            let path = folders.find(kind, name)?;
            rows.push([(*kind).to_owned(), plain(name), described(&path)]);
        }
    }
    if rows.is_empty() {
        let mut searched = Vec::new();
        for kind in kinds {
            searched.extend(folders.directories(kind)?.iter().map(|it| it.display().to_string()));
        }
        out::note(format_args!("there are no models; searched:\n  {}", searched.join("\n  ")));
    }
    table(&rows)
}

/// What a file holds, in words: `4.3 GB: diffusion model sd15 (f16), ...`; or why that is not known.
fn described(path: &Path) -> String {
    let of_part = |part: &Part| {
        let types: Vec<&str> = part.types.keys().map(String::as_str).collect();
        format!("{} {} {} ({})", part.architecture, part.role, in_words(part.bytes), types.join(", "))
    };
    match describe(path) {
        Ok(parts) => parts.iter().map(of_part).collect::<Vec<_>>().join("; "),
        Err(error) => {
            // The name stands in the row already.
            let reason = error.to_string().replace(&format!("{}: ", path.display()), "");
            let size = path.metadata().map(|it| format!("{}: ", in_words(it.len()))).unwrap_or_default();
            plain(&format!("{}{reason}", if path.is_dir() { "" } else { &size }))
        }
    }
}

/// Writes rows with their columns aligned.
pub(crate) fn table<const N: usize>(rows: &[[String; N]]) -> Result<(), Error> {
    let width = |column: usize| rows.iter().map(|it| it[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; N] = std::array::from_fn(width);
    for row in rows {
        let cells: Vec<String> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        out::line(cells.join("  ").trim_end())?;
    }
    Ok(())
}

fn explained(spec: &NodeSpec, catalog: &dyn Catalog) -> String {
    let mut text = format!("{} ({}), category {}\n", spec.class, spec.display_name, spec.category);
    if !spec.description.is_empty() {
        let _ = writeln!(text, "\n{}", spec.description.trim_end());
    }
    if !spec.inputs.is_empty() {
        text += "\nInputs\n";
    }
    for input in &spec.inputs {
        let optional = if input.required { "" } else { ", optional" };
        let _ = writeln!(text, "  {}: {}{optional}", input.name, taken(input, catalog));
        for line in input.tooltip.lines() {
            let _ = writeln!(text, "      {line}");
        }
    }
    if !spec.outputs.is_empty() {
        text += "\nOutputs\n";
    }
    for output in &spec.outputs {
        let list = if output.is_list { ", a list" } else { "" };
        let _ = writeln!(text, "  {}: {}{list}", output.name, output.socket.as_str());
        for line in output.tooltip.lines() {
            let _ = writeln!(text, "      {line}");
        }
    }
    text
}

/// What an input takes, in words.
fn taken(input: &Input, catalog: &dyn Catalog) -> String {
    let socket = input.socket.as_str();
    match &input.widget {
        None => socket.to_owned(),
        Some(Widget::Int { default, min, max, step, .. }) => {
            let step = if *step == 1 { String::new() } else { format!(" in steps of {step}") };
            format!("{socket}, {min} to {max}{step}, default {default}")
        }
        Some(Widget::Float { default, min, max, step, .. }) => {
            format!("{socket}, {min} to {max} in steps of {step}, default {default}")
        }
        Some(Widget::Boolean { default }) => format!("{socket}, default {default}"),
        Some(Widget::String { default, .. }) if default.is_empty() => socket.to_owned(),
        Some(Widget::String { default, .. }) => format!("{socket}, default {default:?}"),
        Some(Widget::Drawn { .. }) => socket.to_owned(),
        Some(Widget::Combo(combo)) => {
            let default = combo.default.as_ref().map(|it| format!(", default {it}")).unwrap_or_default();
            match &combo.options {
                Options::Fixed(options) => format!("one of {}{default}", options.join(", ")),
                Options::Files(folder) => {
                    let files = catalog.files(folder);
                    let there = if files.is_empty() { "there are none".to_owned() } else { files.join(", ") };
                    plain(&format!("a file of {folder} ({there}){default}"))
                }
            }
        }
    }
}
