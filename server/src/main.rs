//! `burnish`: every command.

use std::process::ExitCode;

fn main() -> ExitCode {
    burnish::burnish()
}
