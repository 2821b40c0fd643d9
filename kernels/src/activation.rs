//! Element by element: SiLU, the three GELUs in use, and the gated GELU of transformer blocks.

use burn::tensor::{FloatDType, Tensor, activation};

/// `x · σ(x)` (Elfwing et al. 2017).
pub fn silu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    reference::silu(x)
}

/// `x · Φ(x)` with the exact normal distribution (Hendrycks and Gimpel 2016).
pub fn gelu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    reference::gelu(x)
}

/// GELU in its tanh approximation.
pub fn gelu_tanh<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    reference::gelu_tanh(x)
}

/// `x · σ(1.702 x)`, the GELU of CLIP.
pub fn quick_gelu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    reference::quick_gelu(x)
}

/// The first half of the last dimension times the [`gelu`] of the second (Shazeer 2020).
///
/// # Shapes
/// `[.., 2n]` → `[.., n]`.
pub fn geglu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    assert!(x.dims()[D - 1].is_multiple_of(2), "geglu: the last of {:?} is odd", x.dims());
    reference::geglu(x)
}

mod reference {
    use super::{FloatDType, Tensor, activation};

    pub(super) fn silu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
        activation::silu(x.cast(FloatDType::F32))
    }

    pub(super) fn gelu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
        activation::gelu(x.cast(FloatDType::F32))
    }

    pub(super) fn gelu_tanh<const D: usize>(x: Tensor<D>) -> Tensor<D> {
        let x = x.cast(FloatDType::F32);
        let inner = (x.clone() + x.clone().powi_scalar(3) * 0.044_715) * (2.0 / std::f64::consts::PI).sqrt();
        x * (inner.tanh() + 1.0) * 0.5
    }

    pub(super) fn quick_gelu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
        let x = x.cast(FloatDType::F32);
        x.clone() * activation::sigmoid(x * 1.702)
    }

    pub(super) fn geglu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
        let half = x.dims()[D - 1] / 2;
        let value = x.clone().narrow(D - 1, 0, half).cast(FloatDType::F32);
        value * gelu(x.narrow(D - 1, half, half))
    }
}
