//! Why a file could not become a model.

use std::io;
use std::path::PathBuf;

/// Why a file could not become a model.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file system said no.
    #[error("{path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The bytes are not what the format promises.
    #[error("{path}: {reason}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong, where.
        reason: String,
    },
    /// No family has these tensors.
    #[error("{source_name}: no known model has these tensors (first: {})", .first.join(", "))]
    Unknown {
        /// The file.
        source_name: String,
        /// Its first tensors.
        first: Vec<String>,
    },
    /// A tensor has another shape than the model needs.
    #[error("{source_name}: `{name}` has shape {found:?}, the model needs {needed:?}")]
    Shape {
        /// The file.
        source_name: String,
        /// The tensor.
        name: String,
        /// Its shape.
        found: Vec<usize>,
        /// The shape that would fit.
        needed: Vec<usize>,
    },
    /// Tensors are not there.
    #[error("{source_name}: {} tensors are missing, first `{}`", .names.len(), .names[0])]
    Missing {
        /// The file.
        source_name: String,
        /// The tensors.
        names: Vec<String>,
    },
    /// Tensors are there that the model has no place for.
    #[error("{source_name}: {} tensors have no place in the model, first `{}`", .names.len(), .names[0])]
    Unexpected {
        /// The file.
        source_name: String,
        /// The tensors.
        names: Vec<String>,
    },
    /// A setting in the model's `config.json` is missing, of the wrong kind, or not supported.
    #[error("{source_name}: {reason}")]
    Config {
        /// The file.
        source_name: String,
        /// Which setting, its value, and what would work.
        reason: String,
    },
}
