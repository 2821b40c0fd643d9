//! Diffusion networks, one file a family.
//!
//! To add one: write its file, add its [`Architecture`] to [`ARCHITECTURES`], and a golden.

mod flux;
pub(crate) mod hooks;
mod sd3;
pub(crate) mod sd_unet;

pub use flux::FLUX;
pub use sd_unet::{SD2, SD15, SDXL};
pub use sd3::SD3;

use crate::control::Residuals;
use crate::sampling::first_block::FirstBlock;
use crate::sampling::noise::Ambient;
use crate::sampling::patches::{After, Before, Layers, Patch, Within};
use crate::text::Family;
use crate::weights::Layout;
use crate::{Cond, LatentFormat, LoadError, Samples, Stop, Watch, Weights};
use burn::tensor::{Device, Tensor};
use parking_lot::Mutex;
use std::fmt;

/// Every family, in the order in which a file is tried.
pub const ARCHITECTURES: &[&Architecture] = &[&SD15, &SD2, &SDXL, &FLUX, &SD3];

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
    /// The text encoders that come with it.
    pub encoders: Family,
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
    /// On the 1000 levels of the first three, read in another way.
    Discrete {
        /// What the output is.
        output: Output,
        /// Whether the noisiest level is moved to where it is noise alone (Lin et al. 2023, arXiv 2305.08891).
        zero_snr: bool,
    },
    /// On levels of any height.
    Continuous {
        /// What the output is.
        output: Output,
        /// What the network hears of a level.
        clock: Clock,
        /// The least level.
        min: f64,
        /// The greatest.
        max: f64,
    },
}

/// What a network's output is, where noise is added to the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// The noise.
    Epsilon,
    /// The velocity v of Salimans and Ho 2022.
    Velocity,
    /// The clean latent.
    Sample,
    /// The clean latent, of an input that is not scaled.
    Image,
    /// The noise; what it leaves is mixed with the input as latent consistency models were trained (Luo et al. 2023), on every
    /// twentieth level.
    Consistency,
    /// F of Karras et al. 2022 for data of standard deviation ½.
    Edm,
    /// The velocity of a rectified flow, of levels σ / (1 - σ) of it.
    Flow,
}

/// What a network hears of a level σ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// ¼ ln σ.
    Logarithm,
    /// 2/π arctan σ.
    Angle,
    /// σ / (σ + 1).
    Ratio,
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

    /// The vector that goes with a prompt, `[b, width]`, for networks that take one.
    ///
    /// # Errors
    /// [`Stop::Unfit`] when the prompt lacks what it is made of.
    fn vector(&self, _: &About<'_>) -> Result<Option<Tensor<2>>, Stop> {
        Ok(None)
    }

    /// Says which patches it cannot do, before a run begins.
    ///
    /// # Errors
    /// [`Stop::Unfit`] names them.
    fn check(&self, patches: &[Patch]) -> Result<(), Stop> {
        refused(patches, |_| false)
    }
}

/// Refuses patches of a network's parts, but for those that it can do.
fn refused(patches: &[Patch], can: impl Fn(&Patch) -> bool) -> Result<(), Stop> {
    let refused = patches.iter().filter(|it| !can(it)).find_map(|it| match it {
        Patch::Within(Within::FreeU(_)) => Some("FreeU"),
        Patch::Within(Within::HyperTile { .. }) => Some("HyperTile"),
        Patch::Within(Within::Downscale { .. }) => Some("PatchModelAddDownscale"),
        Patch::Within(Within::MergeTokens { .. }) => Some("TomePatchModel"),
        Patch::After(After::PerturbedAttention { .. }) => Some("perturbed-attention guidance"),
        Patch::After(After::SelfAttention { .. }) => Some("self-attention guidance"),
        Patch::After(After::SkipLayers { .. }) | Patch::Before(Before::SkipLayers(_)) => Some("skip-layer guidance"),
        Patch::FirstBlock(_) => Some("the first-block cache"),
        _ => None,
    });
    match refused {
        Some(patch) => Err(Stop::Unfit(format!("{patch} cannot be used with this model: its network has no such parts"))),
        None => Ok(()),
    }
}

/// Whether a patch is about the blocks of a transformer.
fn about_blocks(patch: &Patch) -> bool {
    matches!(patch, Patch::After(After::SkipLayers { .. }) | Patch::Before(Before::SkipLayers(_)) | Patch::FirstBlock(_))
}

/// What a network's vectors are made of.
pub struct About<'a> {
    /// The prompt.
    pub cond: &'a Cond,
    /// Height and width of the picture, pixels.
    pub size: [usize; 2],
    /// Whether it is led away from.
    pub negative: bool,
}

/// What patches ask of one run of a network.
#[derive(Clone, Copy)]
pub struct Hooks<'a> {
    /// Those that apply at this noise level, in order.
    pub within: &'a [Within],
    /// What becomes of self-attention in the middle of a UNet.
    pub middle: Middle<'a>,
    /// Layers that are left out.
    pub skipped: Layers,
    /// Whether all blocks but the first may be left out.
    pub first: Option<FirstBlock<'a>>,
    /// What decides where there is a choice.
    pub random: &'a Ambient,
}

/// What becomes of self-attention in the middle of a UNet.
#[derive(Clone, Copy)]
pub enum Middle<'a> {
    /// Nothing.
    Usual,
    /// Each cell attends to itself alone. Where `but_first`, the first transformer stays as it is.
    Perturbed {
        /// Whether the first one is left alone.
        but_first: bool,
    },
    /// The first transformer says how much attention each cell got: the mean over its heads of the sum over who attends, `[b, cells]`.
    Recorded(&'a Mutex<Option<Tensor<2>>>),
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
    /// What control networks add inside of it.
    pub control: Option<Residuals>,
    /// What patches ask; nothing where `None`.
    pub hooks: Option<Hooks<'a>>,
    /// Who may stop it.
    pub watch: &'a dyn Watch,
}
