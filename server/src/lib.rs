//! The commands.
//!
//! - [`cli`]: what can be typed; `burnish --help` says it to the user. [`config`]: what a file can say instead.
//! - [`open`]: from the text of a file, and what `--set`, `--seed` and `--only` change in it, to a graph.
//! - [`run`], [`validate`], [`convert`], [`list`]: the commands that end.
//! - [`plugin`]: packs of nodes from elsewhere.
//! - [`serve`]: the command that does not.
//! - [`progress`]: what a run tells of itself, on a terminal or as lines of JSON.
//! - [`error`]: why a command ended early, and with which exit code.

pub mod cli;
pub mod config;
pub mod convert;
pub mod error;
pub mod list;
pub mod open;
mod out;
pub mod plugin;
pub mod progress;
pub mod run;
pub mod serve;
pub mod validate;

use clap::{CommandFactory, Parser};
use cli::{Burnish, Command, RunWorkflow};
use error::Error;
use std::process::ExitCode;

/// The program `burnish`.
pub fn burnish() -> ExitCode {
    let typed = match config::read() {
        Ok(typed) => typed,
        Err(error) => return finish(Err(error)),
    };
    finish(match typed.command {
        Command::Run(arguments) => run::run(arguments),
        Command::Serve(arguments) => serve::serve(arguments, nodes::catalogue()),
        Command::Validate(arguments) => validate::validate(&arguments),
        Command::Convert(arguments) => convert::convert(&arguments),
        Command::Nodes(arguments) => list::nodes(&arguments),
        Command::Models(arguments) => list::models(&arguments),
        Command::Plugin(arguments) => plugin::plugin(&arguments),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Burnish::command(), "burnish", &mut script);
            out::line(String::from_utf8_lossy(&script).trim_end())
        }
    })
}

/// The program `run-workflow`.
pub fn run_workflow() -> ExitCode {
    finish(run::run(RunWorkflow::parse().run))
}

/// Says why a command failed, if it did, and with which exit code the program ends.
pub fn finish(result: Result<(), Error>) -> ExitCode {
    let Err(error) = result else { return ExitCode::SUCCESS };
    if !error.is_silent() {
        out::note(&error);
    }
    ExitCode::from(error.exit_code())
}
