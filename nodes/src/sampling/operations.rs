//! What can be done to a latent, and to guidance as if it were one.

use models::sampling::Patch;
use models::sampling::patches::{Before, LatentOperation};
use models::{Latent, Model};
use runtime::{Context, Node, NodeError, Registry, Run, registry};

/// Every node of this file.
pub(super) fn nodes() -> Registry {
    registry![LatentApplyOperationCFG, LatentApplyOperation, LatentOperationTonemapReinhard, LatentOperationSharpen,]
}

/// Does something to the guidance of each step as if it were a latent.
#[derive(Node)]
#[node(category = "latent/advanced/operations", experimental, outputs(MODEL = "The model with this change."))]
struct LatentApplyOperationCFG {
    /// The model.
    model: Model,
    /// What is done.
    operation: LatentOperation,
}

impl Run for LatentApplyOperationCFG {
    type Output = Model;

    fn run(self, _: &Context) -> Result<Model, NodeError> {
        Ok(self.model.patched(Patch::Before(Before::Operation(self.operation))))
    }
}

/// Does something to a latent.
#[derive(Node)]
#[node(category = "latent/advanced/operations", experimental, outputs(LATENT = "The latent after it."))]
struct LatentApplyOperation {
    /// The latent.
    samples: Latent,
    /// What is done.
    operation: LatentOperation,
}

impl Run for LatentApplyOperation {
    type Output = Latent;

    fn run(self, _: &Context) -> Result<Latent, NodeError> {
        Ok(Latent { samples: self.operation.of(&self.samples.samples)?, ..self.samples })
    }
}

/// Compresses very large values of a latent or of guidance, as photographs are printed.
#[derive(Node)]
#[node(category = "latent/advanced/operations", experimental, outputs(LATENT_OPERATION = "The operation."))]
struct LatentOperationTonemapReinhard {
    /// Lower values compress more.
    #[input(default = 1.0, min = 0.0, max = 100.0, step = 0.01)]
    multiplier: f64,
}

impl Run for LatentOperationTonemapReinhard {
    type Output = LatentOperation;

    fn run(self, _: &Context) -> Result<LatentOperation, NodeError> {
        Ok(LatentOperation::TonemapReinhard { multiplier: self.multiplier })
    }
}

/// Sharpens a latent or guidance.
#[derive(Node)]
#[node(category = "latent/advanced/operations", experimental, outputs(LATENT_OPERATION = "The operation."))]
struct LatentOperationSharpen {
    /// From how many cells each way.
    #[input(default = 9, min = 1, max = 31, step = 1)]
    sharpen_radius: u64,
    /// How widely the surroundings are looked at, in parts of the radius.
    #[input(default = 1.0, min = 0.1, max = 10.0, step = 0.1)]
    sigma: f64,
    /// How much.
    #[input(default = 0.1, min = 0.0, max = 5.0, step = 0.01)]
    alpha: f64,
}

impl Run for LatentOperationSharpen {
    type Output = LatentOperation;

    fn run(self, _: &Context) -> Result<LatentOperation, NodeError> {
        let radius = super::count(self.sharpen_radius);
        Ok(LatentOperation::Sharpen { radius, sigma: self.sigma, alpha: self.alpha })
    }
}
