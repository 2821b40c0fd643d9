//! Generative models: weights, text encoders, diffusion networks, autoencoders, sampling.
//!
//! What flows on wires here is a *recipe* ([`Model`], [`Clip`], [`Vae`]): small, cloneable, hashable. The tensors behind it are
//! loaded by the [`Engine`] when a computation needs them and dropped when something else needs the room.

pub mod engine;
pub mod device;
pub mod folders;
pub mod residency;
pub mod weights;
mod settings;
pub mod blocks;
pub mod recipe;
pub mod text;
pub mod diffusion;
pub mod vae;
pub mod picture;
pub mod latent;
pub mod conditioning;
pub mod sampling;
pub mod watch;
#[cfg(test)]
mod golden;

pub use conditioning::{Cond, Conditioning};
pub use engine::Engine;
pub use folders::Folders;
pub use latent::{Latent, LatentFormat, Samples};
pub use picture::{Image, Mask};
pub use recipe::Model;
pub use text::Clip;
pub use vae::Vae;
pub use watch::{Stop, Unwatched, Watch};
pub use weights::{LoadError, Weights};
