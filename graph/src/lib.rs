//! The node graph as pure data.
//!
//! - **Graph**: nodes and the links between them, as somebody wants them run.
//! - **Node**: one step; its *class* names a [`NodeSpec`] in the [`Catalog`].
//! - **Socket**: where a link ends; its [`SocketType`] says what may flow.
//! - **Link**: one output of one node feeding one input of another.
//! - **Widget**: an input that takes a literal typed by the user.
//! - **Key**: what a node's result depends on, hashed over its whole upstream closure.
//!
//! Nothing here does I/O or knows a tensor: what can go wrong is a [`Problem`] of the data itself.

pub mod api_json;
pub mod graph;
pub mod key;
pub mod object_info;
pub mod problem;
mod python;
pub mod read;
pub mod socket;
pub mod spec;
#[cfg(test)]
mod toy;
pub mod ui_json;
pub mod validate;

pub use graph::{Cycle, EditError, Graph, InputValue, Link, Node, NodeId};
pub use key::{Key, Keys, keys};
pub use object_info::Declared;
pub use problem::{Kind, Problem, Problems, did_you_mean};
pub use read::{Format, read, read_text};
pub use socket::SocketType;
pub use spec::{Catalog, Combo, Control, Dynamic, Input, NodeSpec, Options, Output, Upload, Widget};
pub use validate::{Validation, validate};
