//! Recipes: what travels on wires in the place of networks.

use crate::diffusion::{ARCHITECTURES, Architecture, Prediction};
use crate::sampling::patches::Patch;
use crate::{LatentFormat, LoadError, Weights};

/// What travels on a wire in the place of networks.
pub trait Recipe {
    /// The networks that its use loads, in that order: the key under which each is resident, and its tensors.
    fn networks(&self) -> Vec<(String, &Weights)>;
}

/// A MODEL on a wire: which weights, read as which architecture, sampled how. Cloning costs nothing and loads nothing.
#[derive(Clone, Debug)]
pub struct Model {
    /// The network's tensors under their canonical names.
    pub weights: Weights,
    /// What they are.
    pub architecture: &'static Architecture,
    /// What the network's output means; the architecture's own reading unless a node changed it.
    pub prediction: Prediction,
    /// How its latents relate to what its network sees; the architecture's own way unless the file or a node says another.
    pub latent: LatentFormat,
    /// Changes to how it is sampled, in the order in which they were made.
    pub patches: Vec<Patch>,
}

impl Model {
    /// Recognises a diffusion network by its tensors, whose names may be foreign.
    ///
    /// # Errors
    /// [`LoadError::Unknown`] where no family has such tensors.
    pub fn new(weights: &Weights) -> Result<Self, LoadError> {
        for &architecture in ARCHITECTURES {
            let weights = weights.canonical(architecture.layouts)?;
            if (architecture.detect)(&weights) {
                let prediction = (architecture.prediction)(&weights);
                let latent = architecture.latent;
                return Ok(Self { weights, architecture, prediction, latent, patches: Vec::new() });
            }
        }
        Err(weights.unknown())
    }

    /// The same with one more change to how it is sampled.
    pub fn patched(mut self, patch: Patch) -> Self {
        self.patches.push(patch);
        self
    }

    /// Names what would be loaded: equal keys share one resident network.
    pub fn key(&self) -> String {
        format!("{}:{}", self.architecture.name, self.weights.identity())
    }
}

impl Recipe for Model {
    fn networks(&self) -> Vec<(String, &Weights)> {
        vec![(self.key(), &self.weights)]
    }
}
