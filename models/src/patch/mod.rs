//! What bends a model that is already there: changes to its weights.
//!
//! Nothing is copied and nothing is undone. A patched model is another recipe, whose tensors are changed when they are drawn; the
//! recipe without the patch still names the network that it always named.

mod change;
mod extract;
mod lora;
mod merge;

pub use extract::{Form, extract_lora};
pub use lora::{Lora, Patched};
pub use merge::{Merged, Shares, merge_models, merge_text_encoders};

use crate::{LoadError, Weights};
use burn::tensor::{Device, FloatDType, Tensor};
use change::{Change, Kind, Scale};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Changes to the tensors of one model, at one strength. Cloning costs nothing.
#[derive(Clone)]
pub struct Patch {
    changes: Arc<Changes>,
    strength: f64,
}

/// Changes by the whole names of the tensors they change.
struct Changes {
    by_name: BTreeMap<String, Change>,
    /// Equal for equal changes.
    identity: String,
    /// How many tensors of other models are drawn for one that is changed.
    draws: u64,
}

/// The patches of some weights, in the order in which they are applied.
#[derive(Clone, Default)]
pub(crate) struct Patches(Arc<[Patch]>);

impl Patch {
    fn new(by_name: BTreeMap<String, Change>, identity: String, strength: f64) -> Self {
        Self { changes: Arc::new(Changes { by_name, identity, draws: 0 }), strength }
    }

    /// Whether it says the same whatever other patches do: such patches may come in any order.
    fn is_additive(&self) -> bool {
        self.changes.by_name.values().all(Change::is_additive)
    }

    /// What makes it what it is, and its place among patches whose order is free.
    fn key(&self) -> (&str, u64) {
        (&self.changes.identity, self.strength.to_bits())
    }
}

impl Patches {
    /// These and one more. A patch of strength 0, or without changes, is none.
    pub(crate) fn with(&self, patch: Patch) -> Self {
        if patch.strength == 0.0 || patch.changes.by_name.is_empty() {
            return self.clone();
        }
        let mut all: Vec<Patch> = self.0.iter().cloned().chain([patch]).collect();
        // Sums of floats depend on their order, and the order of sums should not: it is made the same.
        for run in all.chunk_by_mut(|a, b| a.is_additive() && b.is_additive()) {
            run.sort_by(|a, b| a.key().cmp(&b.key()));
        }
        Self(all.into())
    }

    /// Equal for patches that change everything alike; empty for none.
    pub(crate) fn identity(&self) -> String {
        self.0.iter().map(|it| format!("+{}*{}", it.changes.identity, it.strength)).collect()
    }

    /// How many tensors of other models are drawn for one of these, which may be made of others again.
    pub(crate) fn draws(&self) -> u64 {
        self.0.iter().fold(0, |all, it| all.saturating_add(it.changes.draws))
    }

    /// Whether one of them changes the tensor of this whole name.
    pub(crate) fn change(&self, name: &str) -> bool {
        self.0.iter().any(|it| it.changes.by_name.contains_key(name))
    }

    /// The tensor of this whole name as the patches have it, in its own type.
    pub(crate) fn apply<const D: usize>(&self, name: &str, tensor: Tensor<D>, device: &Device) -> Result<Tensor<D>, LoadError> {
        if !self.change(name) {
            return Ok(tensor);
        }
        let (shape, dtype) = (tensor.dims(), tensor.dtype());
        let size = [shape[0], shape[1..].iter().product()];
        let weight = self.changed(name, tensor.cast(FloatDType::F32).reshape(size), &shape, device)?;
        Ok(weight.reshape(shape).cast(FloatDType::from(dtype)))
    }

    /// The tensor of this whole name and shape as the patches have it, f32, seen as a matrix: its first dimension, and all others together.
    pub(crate) fn changed(
        &self,
        name: &str,
        mut weight: Tensor<2>,
        shape: &[usize],
        device: &Device,
    ) -> Result<Tensor<2>, LoadError> {
        for patch in self.0.iter() {
            if let Some(change) = patch.changes.by_name.get(name) {
                weight = change.apply(weight, shape, patch.strength as f32, device)?;
            }
        }
        Ok(weight)
    }
}

/// These tensors, each with the one of the same name of `other` added to it where there is one.
///
/// # Errors
/// [`LoadError::Shape`] where two of one name do not have one shape.
pub(crate) fn plus(weights: &Weights, other: &Weights) -> Result<Weights, LoadError> {
    let mut by_name = BTreeMap::new();
    for name in weights.names().filter(|it| other.has(it)) {
        let kind = Kind::Difference(name.to_owned());
        let change = Change { file: other.clone(), kind, scale: Scale(None), magnitude: None };
        change.check(weights.shape(name).unwrap_or_default())?;
        by_name.insert(weights.full(name), change);
    }
    Ok(weights.patched(Patch::new(by_name, other.identity(), 1.0)))
}
