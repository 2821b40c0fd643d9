//! Patches: changes to how a model is sampled that travel with its recipe, as data. Nothing of the model is copied.

use crate::conditioning::Conditioning;

/// A change to how a model is sampled. They apply in the order in which they were made.
#[derive(Clone, Debug)]
pub enum Patch {
    /// Changes the belief under the positive or negative prompt before guidance.
    Before(Before),
    /// Takes the place of classifier-free guidance; the last one counts.
    Instead(Instead),
    /// Changes the belief that guidance leads to.
    After(After),
    /// Changes what the network computes.
    Within(Within),
    /// Turns a soft noise mask into one that lets go of more and more: Levin and Fried 2023 (arXiv 2306.00950).
    DifferentialDiffusion {
        /// How much of the soft mask it replaces: below 1 they are mixed, 0 means 1.
        strength: f64,
    },
    /// Leaves out calls of the network that would change little.
    Cache(Cache),
    /// Leaves out all blocks of the network but the first where they would change little.
    FirstBlock(FirstBlockCache),
}

/// See [`Patch::Before`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Before {
    /// Adaptive projected guidance: Sadat et al. 2024 (arXiv 2410.02416).
    Projected {
        /// How much of the guidance along the positive belief stays.
        eta: f64,
        /// The greatest norm of the guidance; 0 sets no limit.
        norm: f64,
        /// How much of the last guidance is added to the next.
        momentum: f64,
    },
    /// Tangential damping: Kwon et al. 2025 (arXiv 2503.18137).
    Tangential,
    /// Scales the low and the high frequencies of the guidance: Huang et al. 2025 (arXiv 2504.02154).
    Frequencies {
        /// Factor of the low ones.
        low: f64,
        /// Factor of the high ones.
        high: f64,
        /// How many frequencies each way are low.
        cutoff: usize,
    },
    /// Does something to the guidance as if it were a latent.
    Operation(LatentOperation),
    /// Leaves out layers of the network under the negative prompt. Networks without such layers are not changed.
    SkipLayers(Skipped),
}

/// Layers of a transformer that are left out in a part of the schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Layers {
    /// Of the blocks with two streams, one bit each.
    pub double: u128,
    /// Of those with one.
    pub single: u128,
}

impl Layers {
    /// Whether a layer is among those of one kind.
    pub(crate) fn has(bits: u128, layer: usize) -> bool {
        u32::try_from(layer).is_ok_and(|it| bits.checked_shr(it).is_some_and(|it| it & 1 == 1))
    }
}

/// Layers and when they are left out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Skipped {
    /// Which.
    pub layers: Layers,
    /// From this part of the schedule ...
    pub start: f64,
    /// ... to this one.
    pub end: f64,
}

/// See [`Patch::Instead`].
#[derive(Clone, Debug)]
pub enum Instead {
    /// Brings the spread of the guided output back to that of the positive one: Lin et al. 2023 (arXiv 2305.08891), section 3.4.
    Rescale {
        /// How far: 0 not at all, 1 wholly.
        multiplier: f64,
    },
    /// Guides the frames of a video more and more, from `least` on.
    Linear {
        /// At the first frame.
        least: f64,
    },
    /// Guides the frames of a video from `least` up to the middle and down again.
    Triangle {
        /// At the first frame and the last.
        least: f64,
    },
    /// Guides below a level only, and keeps the norm within a factor of the positive belief's (Lumina-Image 2.0).
    Renorm {
        /// The level.
        below: f64,
        /// The factor; 0 sets no limit.
        factor: f64,
    },
    /// As [`Guidance::Perpendicular`](super::Guidance::Perpendicular).
    Perpendicular {
        /// No prompt.
        empty: Conditioning,
        /// How much the negative prompts count.
        negative_scale: f64,
    },
    /// Dynamic thresholding.
    Threshold(Thresholding),
}

/// Keeps the values of strong guidance within the range that weaker guidance has: Saharia et al. 2022 (arXiv 2205.11487), for latents
/// by mcmonkeyprojects/sd-dynamic-thresholding.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Thresholding {
    /// The weaker guidance.
    pub scale: f64,
    /// How it changes on the way ...
    pub course: Course,
    /// ... and what it changes to.
    pub least: f64,
    /// How the guidance itself changes on the way ...
    pub cfg_course: Course,
    /// ... and what it changes to.
    pub cfg_least: f64,
    /// What some courses are shaped by.
    pub power: f64,
    /// The part of the values, from the least, that counts for their range.
    pub percentile: f64,
    /// Whether each channel has its own range.
    pub by_channel: bool,
    /// Whether values are scaled from zero rather than from their mean.
    pub from_zero: bool,
    /// Whether ranges are measured by standard deviation rather than by the greatest value.
    pub by_deviation: bool,
    /// How much of the result is taken; the rest is guided as usual.
    pub share: f64,
}

/// How a scale of guidance changes on the way from noise to picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Course {
    Constant,
    LinearDown,
    CosineDown,
    HalfCosineDown,
    LinearUp,
    CosineUp,
    HalfCosineUp,
    PowerUp,
    PowerDown,
    LinearRepeating,
    CosineRepeating,
    Sawtooth,
}

/// See [`Patch::After`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum After {
    /// CFG-Zero*: Fan et al. 2025 (arXiv 2503.18886), its optimised scale of the negative belief.
    ZeroStar,
    /// Shrinks each cell to the norm of the positive belief, where it is greater.
    Norm {
        /// Multiplies the result.
        strength: f64,
    },
    /// Leads more where the positive belief alone leads elsewhere than guidance ("Mahiro").
    Mahiro,
    /// Divides the predicted noise by a factor: Ning et al. 2023 (arXiv 2308.15321).
    EpsilonScaling {
        /// The factor.
        factor: f64,
    },
    /// Perturbed-attention guidance: Ahn et al. 2024 (arXiv 2403.17377).
    PerturbedAttention {
        /// How far it leads.
        scale: f64,
    },
    /// Self-attention guidance: Hong et al. 2022 (arXiv 2210.00939).
    SelfAttention {
        /// How far it leads.
        scale: f64,
        /// Standard deviation of the blur, in cells.
        blur: f64,
    },
    /// Leads away from what the network believes without some of its layers.
    SkipLayers {
        /// Which and when.
        skipped: Skipped,
        /// How far it leads.
        scale: f64,
        /// How far the spread is brought back to that of the positive belief.
        rescale: f64,
    },
}

/// See [`Patch::Within`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Within {
    /// FreeU: Si et al. 2023 (arXiv 2309.11497).
    FreeU(FreeU),
    /// Self-attention within tiles (tfernd's HyperTile).
    HyperTile {
        /// The least side of a tile, in pixels.
        tile: usize,
        /// How many sizes of tiles are drawn from.
        swap: usize,
        /// How often the resolution may be halved before self-attention is left whole.
        depth: usize,
        /// Whether tiles grow with depth.
        scale_depth: bool,
    },
    /// Shrinks the features behind an input block, and brings them back behind the output blocks (Kohya's "deep shrink").
    Downscale {
        /// The input block.
        block: usize,
        /// By how much.
        factor: f64,
        /// From this part of the schedule ...
        start: f64,
        /// ... to this one.
        end: f64,
        /// Whether the skip connection of that block keeps its resolution.
        after_skip: bool,
        /// How features are shrunk.
        down: Scaling,
        /// How they are brought back.
        up: Scaling,
    },
    /// Merges similar cells before self-attention: Bolya and Hoffman 2023 (arXiv 2303.17604).
    MergeTokens {
        /// The part that is merged away.
        ratio: f64,
    },
}

/// How features are brought to another resolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scaling {
    /// By cubic curves through four cells each way.
    Bicubic,
    /// The nearest cell.
    Nearest,
    /// By straight lines.
    Bilinear,
    /// The mean of the cells below.
    Area,
    /// By arcs between the directions of cells, and straight lines between their lengths.
    Bislerp,
}

/// FreeU's factors: `b` of half of the features, `s` of the low frequencies of what comes over the skip connection, each for the
/// output blocks that are four and two times as wide as the network.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FreeU {
    /// `b1` and `b2`.
    pub backbone: [f64; 2],
    /// `s1` and `s2`.
    pub skip: [f64; 2],
    /// Whether `b` applies as far as the mean of the features is high there (FreeU version 2).
    pub by_mean: bool,
}

/// Leaves out calls as long as the predicted change of the output since the last one stays below a threshold: Zhou et al. 2025
/// (arXiv 2507.02860).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cache {
    /// The sum of relative changes that is allowed.
    pub threshold: f64,
    /// From this part of the schedule ...
    pub start: f64,
    /// ... to this one.
    pub end: f64,
    /// Whether the guided belief is kept, rather than the network's output under each prompt.
    pub lazy: bool,
}

/// Leaves out all blocks of a network but the first as long as what that one adds changes little (chengzeyi/Comfy-WaveSpeed).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FirstBlockCache {
    /// The relative change that is allowed.
    pub threshold: f64,
    /// From this part of the schedule ...
    pub start: f64,
    /// ... to this one.
    pub end: f64,
    /// At most so many steps in a row; as many as there are where `None`.
    pub most: Option<usize>,
}

/// A LATENT_OPERATION on a wire.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum LatentOperation {
    /// Compresses great values (Reinhard et al. 2002).
    TonemapReinhard {
        /// Multiplies the values first.
        multiplier: f64,
    },
    /// Sharpens the directions of cells and keeps their lengths.
    Sharpen {
        /// Cells each way.
        radius: usize,
        /// Standard deviation of what is subtracted, in cells.
        sigma: f64,
        /// How much.
        alpha: f64,
    },
}
