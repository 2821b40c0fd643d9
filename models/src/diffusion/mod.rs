//! Diffusion networks, one file a family.
//!
//! To add one: write its file, add its [`Architecture`] to [`ARCHITECTURES`], and a golden.

mod sd_unet;

pub use sd_unet::SD15;

use crate::weights::Layout;
use crate::{LatentFormat, LoadError, Samples, Stop, Watch, Weights};
use burn::tensor::{Device, Tensor};
use std::fmt;

/// Every family, in the order in which a file is tried.
pub const ARCHITECTURES: &[&Architecture] = &[&SD15];

/// A family of diffusion networks.
pub struct Architecture {
    /// Its short name.
    pub name: &'static str,
    /// Foreign names of its tensors.
    pub layouts: &'static [&'static Layout],
    /// Whether these tensors (canonical names) are of this family.
    pub detect: fn(&Weights) -> bool,
    /// Makes the network; every tensor comes from `weights`.
    pub build: Build,
    /// Its latents.
    pub latent: LatentFormat,
    /// What its output means, judged from the tensors where the family has several kinds.
    pub prediction: fn(&Weights) -> Prediction,
}

/// Makes a network.
pub type Build = fn(&Weights, &Device) -> Result<Box<dyn Network>, LoadError>;

impl fmt::Debug for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// What a network's output means and which noise levels it knows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Prediction {
    /// The noise.
    Epsilon,
    /// The velocity v of Salimans and Ho 2022.
    Velocity,
    /// The clean latent.
    Sample,
    /// The velocity of a rectified flow, whose levels are moved towards noise.
    Flow {
        /// How far they are moved.
        shift: f64,
        /// The network's timestep for σ 1.
        multiplier: f64,
    },
    /// The velocity of a rectified flow with FLUX.1's exponential shift; the network hears of σ itself.
    FluxFlow {
        /// μ of the shift.
        shift: f64,
    },
    /// The noise, on Stable Cascade's continuous cosine levels.
    Cascade {
        /// Shifts the log signal-to-noise ratio.
        shift: f64,
    },
}

/// A network in memory.
pub trait Network: Send + Sync {
    /// Runs it once.
    ///
    /// # Errors
    /// [`Stop::Cancelled`] when the watch says so (asked between blocks); [`Stop::Unfit`] when the inputs do not fit.
    fn forward(&self, call: Call<'_>) -> Result<Samples, Stop>;

    /// Channels that it takes beside the noisy latent (inpaint 5, edit 4, else 0).
    fn extra_channels(&self) -> usize;

    /// Width of the context that it takes.
    fn context_width(&self) -> usize;
}

/// The inputs of one run of a network.
pub struct Call<'a> {
    /// The noisy latent, scaled as the network expects, with extra channels behind its own.
    pub x: Samples,
    /// One timestep for each latent of the batch, `[b]`.
    pub timestep: Tensor<1>,
    /// The encoded prompt, `[b, tokens, width]`.
    pub context: Tensor<3>,
    /// The pooled prompt and other vector conditions, `[b, width]`.
    pub vector: Option<Tensor<2>>,
    /// Who may stop it.
    pub watch: &'a dyn Watch,
}
