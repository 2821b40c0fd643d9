//! `run-workflow`: the same as `burnish run`.

use std::process::ExitCode;

fn main() -> ExitCode {
    burnish::run_workflow()
}
