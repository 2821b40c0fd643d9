//! Layers that many models are made of. A layer's constructor draws its tensors: `Linear::new(&weights.at("to_q"), 320, 320, &device)`.

mod embed;
mod layers;
mod norm;
mod rope;

pub use embed::TimestepEmbedding;
pub use layers::{Conv2d, Embedding, GroupNorm, Joined, LayerNorm, Linear};
pub use norm::{RmsNorm, normalise};
pub use rope::Rope;
