//! Recipes: what travels on MODEL wires.

use crate::Weights;
use crate::diffusion::{Architecture, Prediction};

/// A MODEL on a wire: which weights, read as which architecture, sampled how. Cloning costs nothing and loads nothing.
#[derive(Clone, Debug)]
pub struct Model {
    /// The network's tensors under their canonical names.
    pub weights: Weights,
    /// What they are.
    pub architecture: &'static Architecture,
    /// What the network's output means; the architecture's own reading unless a node changed it.
    pub prediction: Prediction,
    /// The scale of its latents, where the file says another than the architecture.
    pub latent_scale: Option<f64>,
}

impl Model {
    /// Names what would be loaded: equal keys share one resident network.
    pub fn key(&self) -> String {
        format!("{}:{}", self.architecture.name, self.weights.identity())
    }
}
