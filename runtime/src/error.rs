//! Why a node could not do its work.

use std::error::Error;
use std::fmt;

/// Why a node could not do its work.
///
/// Every error converts into one by `?`; a cancelled computation and a lack of memory are told apart on the way.
/// (So it is no [`Error`] itself: the executor wraps it in a [`crate::Failure`], which is.)
#[derive(Debug)]
pub struct NodeError {
    kind: Kind,
    source: Box<dyn Error + Send + Sync>,
    type_name: &'static str,
    input: Option<String>,
    hint: Option<String>,
}

/// What the executor does about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The run ends with this failure.
    Failed,
    /// The run was cancelled.
    Cancelled,
    /// Room is made and the node is tried once more.
    OutOfMemory,
    /// A bug in the node: it panicked.
    Panicked,
    /// Nodes that were made while running wait for each other.
    Cycle,
}

#[derive(Debug)]
struct Message(String);

impl NodeError {
    /// A failure in words.
    pub fn new(message: impl Into<String>) -> Self {
        Self { kind: Kind::Failed, source: Box::new(Message(message.into())), type_name: "Error", input: None, hint: None }
    }

    /// A failure because of what an input holds.
    pub fn input(name: impl Into<String>, message: impl Into<String>) -> Self {
        Self { input: Some(name.into()), ..Self::new(message) }
    }

    /// The run was cancelled.
    pub fn cancelled() -> Self {
        Self { kind: Kind::Cancelled, ..Self::new("cancelled") }
    }

    /// There is not enough memory.
    pub fn out_of_memory(message: impl Into<String>) -> Self {
        Self { kind: Kind::OutOfMemory, ..Self::new(message) }
    }

    pub(crate) fn panicked(message: &str) -> Self {
        let error = Self { kind: Kind::Panicked, type_name: "panic", ..Self::new(format!("the node panicked: {message}")) };
        error.hint("this is a bug in the node; please report it with the workflow")
    }

    pub(crate) fn cycle(message: impl Into<String>) -> Self {
        Self { kind: Kind::Cycle, type_name: "DependencyCycleError", ..Self::new(message) }
    }

    /// The same, with what the user can do about it.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// The same, blamed on an input.
    #[must_use]
    pub fn at(self, input: impl Into<String>) -> Self {
        Self { input: Some(input.into()), ..self }
    }

    /// What the executor does about it.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The Rust name of the error's type.
    pub fn type_name(&self) -> &'static str {
        self.type_name
    }

    /// The input to blame, if one is.
    pub fn blamed(&self) -> Option<&str> {
        self.input.as_deref()
    }

    /// What the user can do about it, if anything.
    pub fn advice(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// What went wrong beneath.
    pub fn source(&self) -> &(dyn Error + Send + Sync + 'static) {
        &*self.source
    }
}

impl<E: Error + Send + Sync + 'static> From<E> for NodeError {
    fn from(error: E) -> Self {
        Self {
            kind: crate::context::kind_of(&error),
            source: Box::new(error),
            type_name: std::any::type_name::<E>(),
            input: None,
            hint: None,
        }
    }
}

impl fmt::Display for NodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(input) = &self.input {
            write!(f, "input `{input}`: ")?;
        }
        write!(f, "{}", self.source)?;
        let mut said = self.source.to_string();
        let mut below = self.source.source();
        while let Some(cause) = below {
            // A transparent wrapper says what its cause says: once is enough.
            let text = cause.to_string();
            if !said.contains(&text) {
                write!(f, ": {text}")?;
                said = text;
            }
            below = cause.source();
        }
        match &self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Message {}
