//! Why a command ended early, what the user is told, and the exit code.

use crate::out::plain;
use graph::{Graph, Problem, Validation};
use models::LoadError;
use runtime::{Failure, FolderError};
use std::error::Error as StdError;
use std::fmt::{self, Write};
use std::io;

/// Why a command ended early.
#[derive(Debug)]
pub enum Error {
    /// The command line asks for what cannot be. Exit code 2.
    Usage {
        /// What is wrong.
        message: String,
        /// What to do about it.
        hint: Option<String>,
    },
    /// The workflow is wrong: a text for each problem. Exit code 3.
    Invalid(Vec<String>),
    /// Something went wrong while running. Exit code 1.
    Failed(String),
    /// Somebody pressed Ctrl-C. Exit code 130.
    Interrupted,
    /// Standard output cannot be written. Exit code 1.
    Output(io::Error),
}

impl Error {
    /// The command line asks for what cannot be.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::Usage { message: message.into(), hint: None }
    }

    /// The same with advice.
    pub fn usage_with(message: impl Into<String>, hint: Option<String>) -> Self {
        Self::Usage { message: message.into(), hint }
    }

    /// A workflow with problems. Titles of nodes are those of `graph`.
    pub fn invalid(problems: &[Problem], graph: Option<&Graph>) -> Self {
        Self::Invalid(problems.iter().map(|it| told(it, graph)).collect())
    }

    /// A node that failed.
    pub fn failed(failure: &Failure, title: &str) -> Self {
        let Failure { node, class, error, .. } = failure;
        let mut text = format!("{title} (node {}, {class}) failed", node.real);
        if let Some(input) = error.blamed() {
            let _ = write!(text, " because of its input {input}");
        }
        let _ = write!(text, ": {}", error.source());
        let mut cause = error.source().source();
        while let Some(it) = cause {
            let words = it.to_string();
            if !text.contains(&words) {
                let _ = write!(text, ": {words}");
            }
            cause = it.source();
        }
        if let Some(hint) = error.advice().map(str::to_owned).or_else(|| hint(error.source())) {
            let _ = write!(text, "\n  {hint}");
        }
        Self::Failed(plain(&text))
    }

    /// What the process ends with.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Failed(_) | Self::Output(_) => 1,
            Self::Usage { .. } => 2,
            Self::Invalid(_) => 3,
            Self::Interrupted => 130,
        }
    }

    /// Whether there is nothing to say: the reader of the output went away, as in `burnish nodes | head`.
    pub fn is_silent(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}

impl From<LoadError> for Error {
    fn from(error: LoadError) -> Self {
        Self::usage_with(error.to_string(), error.hint())
    }
}

/// What can be done about a failure whose error, or a cause of it, is about a model file.
fn hint(error: &(dyn StdError + 'static)) -> Option<String> {
    let mut next = Some(error);
    while let Some(error) = next {
        let of_load = error.downcast_ref::<LoadError>().or_else(|| match error.downcast_ref::<FolderError>() {
            Some(FolderError::Model(error)) => Some(error),
            _ => None,
        });
        if let Some(hint) = of_load.and_then(LoadError::hint) {
            return Some(hint);
        }
        next = error.source();
    }
    None
}

/// `KSampler "My sampler" (node 3), input seed: Value 7 bigger than max of 5`, and the hint in a line of its own.
fn told(problem: &Problem, graph: Option<&Graph>) -> String {
    let mut text = String::new();
    if let Some(id) = &problem.node {
        let node = graph.and_then(|it| it.node(id.as_str()));
        let class = problem.class.as_deref().or(node.map(|it| it.class.as_str())).unwrap_or("node");
        text += class;
        if let Some(title) = node.and_then(|it| it.title.as_deref()).filter(|it| *it != class) {
            let _ = write!(text, " \"{title}\"");
        }
        let _ = write!(text, " (node {id})");
    }
    if let Some(input) = &problem.input {
        let _ = write!(text, "{}input {input}", if text.is_empty() { "" } else { ", " });
    }
    if !text.is_empty() {
        text += ": ";
    }
    text += &problem.message;
    if !problem.details.is_empty() && problem.input.as_ref() != Some(&problem.details) {
        let _ = write!(text, ": {}", problem.details);
    }
    if let Some(hint) = &problem.hint {
        let _ = write!(text, "\n    {hint}");
    }
    plain(&text)
}

/// The problems of a validation with which a run would not begin.
///
/// # Errors
/// [`Error::Invalid`] when there are any: a run that leaves some outputs out would look like one that made them all.
pub fn complete(validation: &Validation) -> Result<(), Error> {
    if validation.problems.is_empty() { Ok(()) } else { Err(Error::invalid(&validation.problems, Some(&validation.graph))) }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage { message, hint } => {
                write!(f, "error: {}", plain(message))?;
                hint.iter().try_for_each(|it| write!(f, "\n  {}", plain(it)))
            }
            Self::Invalid(problems) => {
                let count = problems.len();
                write!(f, "error: the workflow has {count} problem{}", if count == 1 { "" } else { "s" })?;
                problems.iter().try_for_each(|it| write!(f, "\n  {it}"))
            }
            Self::Failed(message) => write!(f, "error: {message}"),
            Self::Interrupted => f.write_str("interrupted"),
            Self::Output(error) => write!(f, "error: standard output cannot be written: {error}"),
        }
    }
}

impl StdError for Error {}
