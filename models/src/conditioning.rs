//! What steers a diffusion model: encoded prompts and where and when each applies.

use crate::{Control, Samples};
use burn::tensor::Tensor;
use std::sync::Arc;

/// A CONDITIONING on a wire: every entry takes part, each in its own area, mask and time.
pub type Conditioning = Vec<Cond>;

/// One encoded prompt.
#[derive(Clone, Debug)]
pub struct Cond {
    /// The text encoder's hidden states, `[1 or b, tokens, width]`.
    pub context: Tensor<3>,
    /// The pooled state `[1 or b, width]`, where the encoder has one.
    pub pooled: Option<Tensor<2>>,
    /// The rectangle it applies to; everywhere where `None`.
    pub area: Option<Area>,
    /// How strongly it applies where areas overlap.
    pub strength: f64,
    /// Where it applies: `[b or 1, h, w]` at any resolution.
    pub mask: Option<Tensor<3>>,
    /// Multiplies the mask.
    pub mask_strength: f64,
    /// Whether the area is shrunk to the bounds of the mask.
    pub mask_bounds: bool,
    /// When it applies: from this part of the schedule (0 = start, 1 = end) ...
    pub start: f64,
    /// ... to this one.
    pub end: f64,
    /// What inpaint and edit models see beside the noisy latent: `[b, c, h, w]` in the picture side's scale.
    pub concat_latent: Option<Samples>,
    /// The mask that goes with it: `[b or 1, 1, h, w]` at any resolution.
    pub concat_mask: Option<Tensor<4>>,
    /// Networks that bend the model towards a picture.
    pub control: Option<Arc<Control>>,
    /// What SD XL is told of the picture.
    pub sizes: Sizes,
    /// How strongly networks that were taught guidance follow the prompt; as their makers advise where `None`.
    pub guidance: Option<f64>,
}

/// What SD XL is told of the picture: as a rule, the same as its training pictures had.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sizes {
    /// Height and width of the original, pixels; those of the picture that is made where `None`.
    pub original: Option<[f64; 2]>,
    /// Where it was cut: rows from the top, columns from the left.
    pub crop: [f64; 2],
    /// Height and width of what was cut out; those of the original where `None`.
    pub target: Option<[f64; 2]>,
    /// How well it is liked, 0 to 10; good for prompts to follow and bad for those to lead away from where `None`.
    pub aesthetic: Option<f64>,
}

impl Cond {
    /// A prompt that applies everywhere and always.
    pub fn new(context: Tensor<3>, pooled: Option<Tensor<2>>) -> Self {
        Self {
            context,
            pooled,
            area: None,
            strength: 1.0,
            mask: None,
            mask_strength: 1.0,
            mask_bounds: false,
            start: 0.0,
            end: 1.0,
            concat_latent: None,
            concat_mask: None,
            control: None,
            sizes: Sizes::default(),
            guidance: None,
        }
    }
}

/// A rectangle of the picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Area {
    /// In latent cells.
    Cells {
        /// Top edge.
        y: usize,
        /// Left edge.
        x: usize,
        /// Cells down.
        height: usize,
        /// Cells across.
        width: usize,
    },
    /// In parts of the whole, 0..1.
    Parts {
        /// Top edge.
        y: f64,
        /// Left edge.
        x: f64,
        /// Part down.
        height: f64,
        /// Part across.
        width: f64,
    },
}
