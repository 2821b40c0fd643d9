//! What a run is led by: a model, prompts, and how what it believes under each of them becomes one belief.

use crate::conditioning::Conditioning;
use crate::{Model, Recipe, Weights};

/// A GUIDER on a wire.
#[derive(Clone, Debug)]
pub struct Guider {
    /// The network, and its patches.
    pub model: Model,
    /// The prompts.
    pub guidance: Guidance,
}

/// How the beliefs under several prompts become one.
#[derive(Clone, Debug)]
pub enum Guidance {
    /// One prompt is followed.
    Alone(Conditioning),
    /// One is followed and another left: classifier-free guidance (Ho and Salimans 2022, arXiv 2207.12598).
    Away {
        /// The prompts to follow.
        positive: Conditioning,
        /// The prompts to lead away from.
        negative: Conditioning,
        /// How far: 1 follows the positive prompts alone.
        cfg: f64,
    },
    /// Two are followed, the first seen from the second and the second from the negative one (Brooks et al. 2023, arXiv 2211.09800).
    Dual {
        /// What to follow.
        first: Conditioning,
        /// What to follow in its background.
        second: Conditioning,
        /// The prompts to lead away from.
        negative: Conditioning,
        /// How far from the second to the first.
        first_cfg: f64,
        /// How far from the negative ones to the second.
        second_cfg: f64,
        /// Whether the second guidance applies to what the first one gave, rather than being added to it.
        nested: bool,
    },
    /// Of the negative prompt only what is not along the positive one is left: Armandpour et al. 2023 (arXiv 2304.04968).
    Perpendicular {
        /// The prompts to follow.
        positive: Conditioning,
        /// The prompts to lead away from.
        negative: Conditioning,
        /// No prompt, from which both are seen.
        empty: Conditioning,
        /// How far to lead.
        cfg: f64,
        /// How much the negative prompts count.
        negative_scale: f64,
    },
}

impl Guider {
    /// Follows one prompt.
    pub fn alone(model: Model, prompt: Conditioning) -> Self {
        Self { model, guidance: Guidance::Alone(prompt) }
    }

    /// Classifier-free guidance.
    pub fn away(model: Model, positive: Conditioning, negative: Conditioning, cfg: f64) -> Self {
        Self { model, guidance: Guidance::Away { positive, negative, cfg } }
    }
}

impl Recipe for Guider {
    fn networks(&self) -> Vec<(String, &Weights)> {
        self.model.networks()
    }
}
