//! Layer normalisation.

use burn::tensor::{FloatDType, Tensor};

/// Gives the last dimension mean 0 and variance 1, then scales and shifts it (Ba et al. 2016).
///
/// # Shapes
/// x `[.., C]`, weight and bias `[C]` → the shape of x.
pub fn layer_norm<const D: usize>(x: Tensor<D>, weight: Option<Tensor<1>>, bias: Option<Tensor<1>>, eps: f64) -> Tensor<D> {
    for it in [&weight, &bias].into_iter().flatten() {
        assert_eq!(it.dims()[0], x.dims()[D - 1], "layer_norm: weight and bias need one number for each channel");
    }
    reference(x, weight, bias, eps)
}

fn reference<const D: usize>(x: Tensor<D>, weight: Option<Tensor<1>>, bias: Option<Tensor<1>>, eps: f64) -> Tensor<D> {
    if x.dims().contains(&0) {
        return x;
    }
    let x = x.cast(FloatDType::F32);
    let centred = x.clone() - x.mean_dim(D - 1);
    let variance = centred.clone().powi_scalar(2).mean_dim(D - 1);
    let mut x = centred / (variance + eps).sqrt();
    if let Some(weight) = weight {
        x = x * weight.cast(FloatDType::F32).unsqueeze();
    }
    if let Some(bias) = bias {
        x = x + bias.cast(FloatDType::F32).unsqueeze();
    }
    x
}
