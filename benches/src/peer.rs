//! A Python process that runs the same as we do, by turns.

use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// The process: a script of torch/ that reads lines and answers each with a number.
pub struct Torch {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Torch {
    /// Starts `script` of the folder torch/ under an interpreter that has what it needs.
    ///
    /// # Errors
    /// When the interpreter cannot be started.
    pub fn start(python: &str, script: &str) -> Result<Self, Box<dyn Error>> {
        let script = format!("{}/torch/{script}", env!("CARGO_MANIFEST_DIR"));
        let mut child = Command::new(python).arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let (to, from) = (child.stdin.take().ok_or("no stdin")?, child.stdout.take().ok_or("no stdout")?);
        Ok(Self { child, to, from: BufReader::new(from) })
    }

    /// Sends a line; the answer is a number, mostly of milliseconds.
    ///
    /// # Errors
    /// When the process ended, which has said why on its standard error.
    pub fn ask(&mut self, line: &str) -> Result<f64, Box<dyn Error>> {
        writeln!(self.to, "{line}")?;
        self.to.flush()?;
        let mut answer = String::new();
        self.from.read_line(&mut answer)?;
        answer.trim().parse().map_err(|_| format!("the peer answered `{}` to `{line}`", answer.trim()).into())
    }
}

impl Drop for Torch {
    fn drop(&mut self) {
        // It ends by itself when its input does; a failure to end it has nobody left to tell.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The middle one.
#[must_use]
pub fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(f64::NAN)
}
