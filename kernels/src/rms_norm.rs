//! Root-mean-square normalisation.

use burn::tensor::{FloatDType, Tensor};

/// Divides the last dimension by its root mean square, then scales it (Zhang and Sennrich 2019).
///
/// # Shapes
/// x `[.., C]`, weight `[C]` → the shape of x.
pub fn rms_norm<const D: usize>(x: Tensor<D>, weight: Option<Tensor<1>>, eps: f64) -> Tensor<D> {
    if let Some(weight) = &weight {
        assert_eq!(weight.dims()[0], x.dims()[D - 1], "rms_norm: the weight needs one number for each channel");
    }
    reference(x, weight, eps)
}

fn reference<const D: usize>(x: Tensor<D>, weight: Option<Tensor<1>>, eps: f64) -> Tensor<D> {
    if x.dims().contains(&0) {
        return x;
    }
    let x = x.cast(FloatDType::F32);
    let square = x.clone().powi_scalar(2).mean_dim(D - 1);
    let x = x / (square + eps).sqrt();
    match weight {
        Some(weight) => x * weight.cast(FloatDType::F32).unsqueeze(),
        None => x,
    }
}
