//! `burnish plugin`: packs of nodes from elsewhere.

use crate::cli::{Places, PluginArguments, PluginCommand};
use crate::error::Error;
use crate::list::table;
use crate::out::{self, plain};
use graph::Catalog;
use plugins::install::{self, Agreement, InstallError};
use plugins::{Manifest, Packs, State};
use runtime::Registry;
use std::io::{BufRead, IsTerminal};
use std::sync::Arc;

/// The classes of the program and of the packs that are installed.
///
/// # Errors
/// When the directory of packs cannot be known.
pub fn registry(places: &Places, catalogue: Registry, log: plugins::Log) -> Result<Registry, Error> {
    let packs = Packs::new(places.custom_nodes()?, catalogue.classes(), log);
    Ok(catalogue.with_outside(Arc::new(packs)))
}

/// What packs say goes to standard error.
pub fn noted() -> plugins::Log {
    Arc::new(|pack, line| out::note(format_args!("{pack}: {}", plain(line))))
}

impl From<InstallError> for Error {
    fn from(error: InstallError) -> Self {
        Self::usage(error.to_string())
    }
}

/// Does what was asked with packs.
///
/// # Errors
/// Why it cannot be done.
pub fn plugin(arguments: &PluginArguments) -> Result<(), Error> {
    let places = arguments.command.places();
    let folder = places.custom_nodes()?;
    match &arguments.command {
        PluginCommand::List { .. } => {
            let rows: Vec<_> = install::list(&folder)?
                .into_iter()
                .map(|it| {
                    let agreement = match it.agreement {
                        Agreement::Pinned => "installed",
                        Agreement::InTheMaking => "in the making",
                        Agreement::Changed => "changed since it was installed",
                        Agreement::None => "not installed",
                    };
                    let (version, about) = match it.manifest {
                        Ok(manifest) => (manifest.version, manifest.description),
                        Err(error) => (String::new(), error),
                    };
                    [it.name, plain(&version), agreement.to_owned(), plain(about.lines().next().unwrap_or_default())]
                })
                .collect();
            if rows.is_empty() {
                out::note(format_args!("there are no packs in {}", folder.display()));
            }
            table(&rows)
        }
        PluginCommand::Check { name, .. } => check(places, name.as_deref()),
        PluginCommand::Install { source, yes, .. } => {
            let offered = install::offered(source)?;
            out::line(described(&offered.manifest, offered.files.len()))?;
            if offered.made {
                out::line("It has no plugin.toml: one that grants nothing is made for it.")?;
            }
            if !yes && !agreed()? {
                return Err(Error::usage("nothing was installed"));
            }
            let place = offered.install(&folder)?;
            out::line(format_args!("installed in {}", place.display()))
        }
        PluginCommand::Remove { name, .. } => {
            install::remove(&folder, name)?;
            out::line(format_args!("{name} is removed"))
        }
        PluginCommand::New { name, .. } => {
            let place = install::create(&folder, name)?;
            out::line(format_args!("{} has a first node; `burnish plugin check {name}` tries it", place.display()))
        }
        PluginCommand::Environment { name, .. } => {
            let place = install::environment(&folder, name)?;
            out::line(format_args!("installed in {}", place.display()))
        }
    }
}

/// Starts the packs and says what they offer.
fn check(places: &Places, name: Option<&str>) -> Result<(), Error> {
    let catalogue = nodes::catalogue();
    let packs = Packs::new(places.custom_nodes()?, catalogue.classes(), noted());
    if !packs.is_sandboxed() {
        out::note("there is no sandbox: with bubblewrap (bwrap) packs could not read your files or use the network");
    }
    let (mut seen, mut broken) = (false, Vec::new());
    for report in packs.reports().into_iter().filter(|it| name.is_none_or(|name| it.name == name)) {
        seen = true;
        let state = match &report.state {
            State::Running => format!("offers {} classes", report.classes.len()),
            State::NotInstalled => "is not installed".to_owned(),
            State::Changed => "has changed since it was installed".to_owned(),
            State::Broken(why) => why.clone(),
        };
        out::line(format_args!("{} {}: {}", report.name, plain(&report.version), plain(&state)))?;
        for class in &report.classes {
            out::line(format_args!("  {}", plain(class)))?;
        }
        for (class, why) in &report.refused {
            out::line(format_args!("  {} is refused: {}", plain(class), plain(why)))?;
        }
        if report.state != State::Running {
            broken.push(report.name);
        }
    }
    match name {
        Some(name) if !seen => Err(Error::usage(format!("there is no pack `{name}`"))),
        _ if broken.is_empty() => Ok(()),
        _ => Err(Error::Failed(format!("{} cannot be used", broken.join(", ")))),
    }
}

fn described(manifest: &Manifest, files: usize) -> String {
    let Manifest { name, version, description, capabilities, .. } = manifest;
    let rights = capabilities.to_string().replace('\n', "\n  ");
    let about = if description.is_empty() { String::new() } else { format!("{description}\n") };
    plain(&format!("{name} {version}, {files} files\n{about}It may:\n  {rights}"))
}

fn agreed() -> Result<bool, Error> {
    let input = std::io::stdin();
    if !input.is_terminal() {
        return Err(Error::usage_with("nobody can be asked here", Some("--yes agrees".to_owned())));
    }
    out::line("Its code runs on this computer. Install it? [y/N]")?;
    let mut answer = String::new();
    input.lock().read_line(&mut answer).map_err(|it| Error::usage(format!("no answer could be read: {it}")))?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}
