//! What a run tells of itself.

use crate::executor::Failure;
use graph::NodeId;
use serde_json::Value as Json;
use std::sync::Arc;

/// Something that happened in a run, in the order in which it happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// The run began.
    Began,
    /// Of the nodes that the targets need, these have results from earlier runs. Sent once, even when there are none.
    Cached(Vec<NodeId>),
    /// A node's body begins. A node that waits for an input it asked for, or for its own expansion, begins once only.
    Started(NodeRef),
    /// `done` of `total` units of a node's work are finished.
    Progress {
        /// Which node.
        node: NodeRef,
        /// Units finished.
        done: usize,
        /// Units in all.
        total: usize,
    },
    /// How a node's work looks so far.
    Preview {
        /// Which node.
        node: NodeRef,
        /// A small picture.
        picture: Arc<Picture>,
    },
    /// A text about a node's work so far.
    Text {
        /// Which node.
        node: NodeRef,
        /// The text.
        text: String,
    },
    /// A node showed or saved something, now or in the earlier run whose result is used.
    Shown {
        /// Which node.
        node: NodeRef,
        /// What.
        shown: Arc<[Shown]>,
    },
    /// A node did not run because an input is blocked, for this reason. The run goes on.
    Blocked {
        /// Which node.
        node: NodeRef,
        /// Why.
        message: String,
    },
    /// A node has its results.
    Finished(NodeRef),
    /// The run ended: everything is done.
    Done,
    /// The run ended: a node failed.
    Failed(Arc<Failure>),
    /// The run ended: somebody asked for it.
    Interrupted {
        /// The node that was running, if one was.
        node: Option<NodeRef>,
    },
}

/// Which node an event is about. The three ids differ for nodes that another node put in its place.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NodeRef {
    /// The node itself.
    pub id: NodeId,
    /// The node at which the editor shows it.
    pub display: NodeId,
    /// The node of the user's graph that it came from.
    pub real: NodeId,
    /// The node that put it there, if one did.
    pub parent: Option<NodeId>,
}

impl NodeRef {
    /// A node of the user's own graph.
    pub fn own(id: NodeId) -> Self {
        Self { display: id.clone(), real: id.clone(), id, parent: None }
    }
}

/// Something for the user to see, beside what flows on.
#[derive(Clone, Debug, PartialEq)]
pub enum Shown {
    /// A file that was written. The key groups what is alike: `images`, `audio`, `3d`.
    File {
        /// The group.
        key: &'static str,
        /// Where it is.
        file: SavedFile,
    },
    /// A text.
    Text(String),
    /// Anything else that a front end knows how to show.
    Data {
        /// The group.
        key: String,
        /// One element of the group.
        value: Json,
    },
}

/// A file below one of the three directories that front ends can read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedFile {
    /// Its name.
    pub filename: String,
    /// The directories between, parts separated by `/`; empty where there are none.
    pub subfolder: String,
    /// The directory.
    pub place: Place,
}

/// The three directories that front ends can read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// What the user brings.
    Input,
    /// What the user keeps.
    Output,
    /// What may be gone after a restart.
    Temp,
}

/// A small picture: rows from the top, three bytes a pixel, red first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Pixels across.
    pub width: usize,
    /// Pixels down.
    pub height: usize,
    /// `height * width * 3` bytes.
    pub rgb: Vec<u8>,
}

impl Shown {
    /// A picture that was written.
    pub fn image(file: SavedFile) -> Self {
        Self::File { key: "images", file }
    }

    /// A sound that was written.
    pub fn audio(file: SavedFile) -> Self {
        Self::File { key: "audio", file }
    }

    /// Whether the pictures shown before it move.
    pub fn animated(yes: bool) -> Self {
        Self::Data { key: "animated".to_owned(), value: Json::Bool(yes) }
    }

    /// The group under which front ends find it.
    pub fn key(&self) -> &str {
        match self {
            Self::File { key, .. } => key,
            Self::Text(_) => "text",
            Self::Data { key, .. } => key,
        }
    }
}

impl Place {
    /// The name that the protocol uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Output => "output",
            Self::Temp => "temp",
        }
    }
}
