//! The way to the terminal.

use crate::error::Error;
use std::fmt::Display;
use std::io::Write;

/// Writes a line to standard output.
///
/// # Errors
/// [`Error::Output`] when nobody reads it any more, or the disk behind it is full.
pub(crate) fn line(text: impl Display) -> Result<(), Error> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush()).map_err(Error::Output)
}

/// Writes a line to standard error. Where that is closed there is nobody to tell.
pub(crate) fn note(text: impl Display) {
    writeln!(std::io::stderr().lock(), "{text}").ok();
}

/// A text from a file without what could steer a terminal.
pub(crate) fn plain(text: &str) -> String {
    text.chars().map(|it| if it.is_control() && !matches!(it, '\n' | '\t') { '\u{fffd}' } else { it }).collect()
}
