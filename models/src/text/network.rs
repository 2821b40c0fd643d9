//! What every text network says of itself and can do.

use crate::{Stop, Watch};
use burn::tensor::{Int, Tensor};

/// What is read from the tensors before anything is loaded.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// Tokens it knows.
    pub vocabulary: usize,
    /// Width of its states.
    pub width: usize,
    /// Layers in the file.
    pub layers: usize,
    /// The same, with a last one that the file may leave out.
    pub nominal_layers: usize,
    /// How it wants its tokens.
    pub chunks: Chunks,
}

/// How a prompt is dealt out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chunks {
    /// In as many chunks as it takes, of this many places each.
    Many {
        /// Places of a chunk.
        length: usize,
    },
    /// In one, however long it is.
    One {
        /// A shorter one is padded.
        least: usize,
    },
}

/// A text network in memory. Letters: B chunks, T places in a chunk, C width.
pub trait Encode: Send + Sync {
    /// The vectors of tokens, `[B, T]` → `[B, T, C]`.
    fn embed(&self, ids: Tensor<2, Int>) -> Tensor<3>;

    /// Runs over embedded tokens `[B, T, C]`; `kept` is the index of a layer, whose states may be normalised. One that is not there is
    /// the last.
    ///
    /// # Errors
    /// [`Stop::Cancelled`], asked for between layers.
    fn forward(&self, x: Tensor<3>, kept: usize, normed: bool, watch: &dyn Watch) -> Result<States, Stop>;

    /// Projects a state `[1, C]` into the space that pictures share, where the network has one.
    fn project(&self, state: Tensor<2>) -> Tensor<2>;
}

/// What a text network makes of tokens.
pub struct States {
    /// Behind the layer that was asked for, `[B, T, C]`.
    pub kept: Tensor<3>,
    /// Behind the last layer, normalised.
    pub last: Tensor<3>,
}
