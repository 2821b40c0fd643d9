//! Packs of nodes from outside the program.
//!
//! A pack is a folder below `custom_nodes` with a [`Manifest`]. Its nodes run in a process of the pack's own, which speaks the
//! [`protocol`]; for packs of ComfyUI's plain kind that process is Python with the shim of this crate. Nothing of a pack runs in this
//! process, nothing of it runs before the user has installed it, and what it sends is taken for hostile.
//!
//! - [`Packs`]: what is in the folder, kept up to date; the [`runtime::Outside`] of a registry.
//! - [`manifest`]: what a pack says of itself. [`pins`]: what the user has agreed to.
//! - [`protocol`]: the messages. `shared`: the tensors beside them.
//! - `process`: one process, its limits and its sandbox. `worker`: started when needed and asked. `class`: a node of it.

mod class;
pub mod install;
pub mod manifest;
pub mod packs;
pub mod pins;
mod process;
pub mod protocol;
mod shared;
#[cfg(test)]
mod tests;
mod worker;

pub use manifest::Manifest;
pub use packs::{Packs, Report, State};
pub use pins::Pins;

use std::sync::Arc;

/// Who hears what packs say: the pack's name and a line.
pub type Log = Arc<dyn Fn(&str, &str) + Send + Sync>;
