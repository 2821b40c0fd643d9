//! `burnish serve` with the nodes that ComfyUI's own tests of its execution use, beside the built-in ones.
//!
//! Names, slots and behaviour are those of ComfyUI's test pack, so whoever runs ComfyUI's tests can point them at this program. It is
//! never shipped.

mod expand;
mod flow;
mod lists;
mod logic;
mod mix;
mod stubs;
mod timing;
mod validation;

use burnish::cli::Command;
use burnish::error::Error;
use runtime::Registry;
use std::process::ExitCode;

fn main() -> ExitCode {
    burnish::finish(burnish::config::read().and_then(|typed| match typed.command {
        Command::Serve(arguments) => burnish::serve::serve(arguments, catalogue()),
        _ => Err(Error::usage("this program only serves")),
    }))
}

fn catalogue() -> Registry {
    [stubs::nodes, mix::nodes, validation::nodes, expand::nodes, flow::nodes, lists::nodes, logic::nodes, timing::nodes]
        .into_iter()
        .fold(nodes::catalogue(), |all, nodes| all.merge(nodes()))
}
