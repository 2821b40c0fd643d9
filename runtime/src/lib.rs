//! Runs graphs: values, nodes, the registry of classes, the executor and its cache.
//!
//! - **Value**: what travels on a wire; a [`Socket`] is a Rust type that may.
//! - **Class**: the code behind a class name, as the executor sees it. `#[derive(Node)]` makes one of a struct that implements [`Run`].
//! - **Registry**: the explicit list of classes; it is the [`graph::Catalog`] that validation asks.
//! - **Job**: what every node of one run shares; a [`Context`] is a node's own view of it.
//! - **Executor**: runs what the targets need, and keeps results in a [`Cache`] from run to run.
//!
//! # A node
//! ```
//! use runtime::{Context, Node, NodeError, Run};
//!
//! /// Adds two numbers.
//! #[derive(Node)]
//! #[node(category = "math", outputs(sum))]
//! struct Add {
//!     /// The first number.
//!     a: i64,
//!     /// The second number.
//!     #[input(default = 1, min = -100, max = 100)]
//!     b: i64,
//! }
//!
//! impl Run for Add {
//!     type Output = i64;
//!
//!     fn run(self, _: &Context) -> Result<i64, NodeError> {
//!         self.a.checked_add(self.b).ok_or_else(|| NodeError::new("the sum does not fit 64 bits"))
//!     }
//! }
//!
//! let registry = runtime::registry![Add];
//! assert_eq!(graph::Catalog::spec(&registry, "Add").unwrap().outputs[0].name, "sum");
//! ```

// The derive macros name this crate from outside; its own tests use them too.
extern crate self as runtime;

pub mod cache;
pub mod context;
pub mod declare;
pub mod error;
pub mod event;
pub mod executor;
pub mod folders;
pub mod node;
pub mod registry;
pub mod sockets;
pub mod value;

pub use cache::{Cache, Policy};
pub use context::{Cancel, Context, Job};
pub use error::NodeError;
pub use event::{Event, NodeRef, Picture, Place, SavedFile, Shown};
pub use executor::{Ended, Executor, Failure};
pub use folders::{FolderError, Folders};
pub use node::{
    Blockable, Class, Expanding, Expansion, Extra, Fingerprint, Given, Inputs, Lazy, List, Literals, Node, Outcome, Outputs,
    RawLink, Run,
};
pub use registry::{Entry, Outside, Registry};
pub use runtime_derive::{Choice, Node};
pub use value::{Socket, Value};
