//! The product of two activations.

use burn::tensor::{FloatDType, Tensor};

/// `a b` over the last two dimensions.
///
/// # Shapes
/// a `[.., m, k]`, b `[.., k, n]` → `[.., m, n]`; leading dimensions of 1 are repeated.
pub fn matmul<const D: usize>(a: Tensor<D>, b: Tensor<D>) -> Tensor<D> {
    a.cast(FloatDType::F32).matmul(b.cast(FloatDType::F32))
}
