//! Group normalisation, alone and with the SiLU that follows it in every residual block.

use burn::tensor::{FloatDType, Tensor, activation};

/// Gives each group of channels mean 0 and variance 1, then scales and shifts each channel (Wu and He 2018).
///
/// # Shapes
/// x `[B, C, ..]`, weight and bias `[C]` → the shape of x. `groups` divides C.
pub fn group_norm<const D: usize>(x: Tensor<D>, weight: Tensor<1>, bias: Tensor<1>, groups: usize, eps: f64) -> Tensor<D> {
    check(&x, &weight, &bias, groups);
    reference(x, weight, bias, groups, eps)
}

/// [`group_norm`], then SiLU, in one pass over the memory.
///
/// # Shapes
/// As [`group_norm`].
pub fn group_norm_silu<const D: usize>(x: Tensor<D>, weight: Tensor<1>, bias: Tensor<1>, groups: usize, eps: f64) -> Tensor<D> {
    check(&x, &weight, &bias, groups);
    activation::silu(reference(x, weight, bias, groups, eps))
}

fn check<const D: usize>(x: &Tensor<D>, weight: &Tensor<1>, bias: &Tensor<1>, groups: usize) {
    let c = x.dims()[1];
    assert!(groups > 0 && c.is_multiple_of(groups), "group_norm: {groups} groups do not divide {c} channels");
    assert_eq!([weight.dims()[0], bias.dims()[0]], [c, c], "group_norm: weight and bias need one number for each channel");
}

fn reference<const D: usize>(x: Tensor<D>, weight: Tensor<1>, bias: Tensor<1>, groups: usize, eps: f64) -> Tensor<D> {
    let shape = x.dims();
    let (b, c) = (shape[0], shape[1]);
    if shape.contains(&0) {
        return x;
    }
    let rest: usize = shape[2..].iter().product();
    let x = x.cast(FloatDType::F32).reshape([b, groups, c / groups * rest]);
    let centred = x.clone() - x.mean_dim(2);
    let variance = centred.clone().powi_scalar(2).mean_dim(2);
    let x = (centred / (variance + eps).sqrt()).reshape([b, c, rest]);
    let channels = |it: Tensor<1>| it.cast(FloatDType::F32).reshape([1, c, 1]);
    (x * channels(weight) + channels(bias)).reshape(shape)
}
