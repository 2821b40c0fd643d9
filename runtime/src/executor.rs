//! Runs what the targets need.

use crate::NodeError;
use crate::event::NodeRef;
use graph::NodeId;

/// The failure that ended a run.
#[derive(Debug, thiserror::Error)]
#[error("node `{}` ({class}): {error}", .node.real)]
pub struct Failure {
    /// The node that failed.
    pub node: NodeRef,
    /// Its class.
    pub class: String,
    /// Why.
    pub error: NodeError,
    /// What its inputs held, in words: name and one text for each value.
    pub inputs: Vec<(String, Vec<String>)>,
    /// The nodes that had finished.
    pub executed: Vec<NodeId>,
}
