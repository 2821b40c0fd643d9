//! Normalisations of transformers.

use crate::{LoadError, Weights};
use burn::tensor::{Device, Tensor};

/// Divides by the root mean square of the last dimension (Zhang and Sennrich 2019). One parameter, `[c]`, under a name of its own.
#[derive(Clone, Debug)]
pub struct RmsNorm {
    weight: Tensor<1>,
    eps: f64,
}

impl RmsNorm {
    /// Draws a layer whose parameter is called `name`: as a rule `weight`.
    ///
    /// # Errors
    /// When the tensor is missing or misshapen.
    pub fn new(weights: &Weights, name: &str, width: usize, eps: f64, device: &Device) -> Result<Self, LoadError> {
        Ok(Self { weight: weights.tensor(name, [width], device)?, eps })
    }

    /// `[.., c]` → the same shape.
    pub fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        kernels::rms_norm(x, Some(self.weight.clone()), self.eps)
    }
}

/// Layer normalisation without parameters, then `· (1 + scale) + shift` (adaLN of Peebles and Xie 2022, arXiv 2212.09748).
///
/// # Shapes
/// x `[B, N, C]`, shift and scale `[B, 1, C]` → the shape of x.
pub fn normalise(x: Tensor<3>, shift: Tensor<3>, scale: Tensor<3>) -> Tensor<3> {
    kernels::layer_norm(x, None, None, 1e-6) * scale.add_scalar(1.0) + shift
}
