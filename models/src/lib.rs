//! Generative models: weights, text encoders, diffusion networks, autoencoders, sampling.
//!
//! What flows on wires here is a *recipe* ([`Model`], [`Clip`], [`Vae`]): small, cloneable, hashable. The tensors behind it are
//! loaded by the [`Engine`] when a computation needs them and dropped when something else needs the room.

pub mod blocks;
pub mod checkpoint;
pub mod conditioning;
pub mod control;
pub mod device;
pub mod diffusion;
pub mod engine;
pub mod export;
pub mod folders;
#[cfg(test)]
mod golden;
pub mod language;
pub mod latent;
pub mod patch;
pub mod picture;
pub mod recipe;
pub mod residency;
pub mod sampling;
mod settings;
pub mod text;
mod tiled;
pub mod upscale;
pub mod vae;
pub mod watch;
pub mod weights;

pub use checkpoint::Checkpoint;
pub use conditioning::{Cond, Conditioning};
pub use control::{Control, ControlNet};
pub use engine::Engine;
pub use export::Export;
pub use folders::Folders;
pub use language::LanguageModel;
pub use latent::{Latent, LatentFormat, Samples};
pub use patch::Lora;
pub use picture::{Image, Mask};
pub use recipe::{Model, Recipe};
pub use text::Clip;
pub use upscale::Upscaler;
pub use vae::Vae;
pub use watch::{Stop, Unwatched, Watch};
pub use weights::{LoadError, Matrix, Setting, Weights};
