//! Layer normalisation.

use crate::cpu::memory::Buffer;
use crate::cpu::simd::{Arm, Kernel, Simd};
use crate::cpu::stored::{elements, floats, padded};
use crate::cpu::{Shared, launch_all};
use crate::dispatch::{Maybe, Ops};
use crate::group_norm::moments;
use burn::backend::Dispatch;
use burn::tensor::Tensor;
use burn_flex::FlexTensor;

/// Gives the last dimension mean 0 and variance 1, then scales and shifts it (Ba et al. 2016).
///
/// # Shapes
/// x `[.., C]`, weight and bias `[C]` → the shape of x.
pub fn layer_norm<const D: usize>(x: Tensor<D>, weight: Option<Tensor<1>>, bias: Option<Tensor<1>>, eps: f64) -> Tensor<D> {
    let shape = x.dims();
    let c = shape[D - 1];
    for it in [&weight, &bias].into_iter().flatten() {
        assert_eq!(it.dims()[0], c, "layer_norm: weight and bias need one number for each channel");
    }
    let x = x.reshape([shape[..D - 1].iter().product(), c]).into_dispatch();
    let y = Dispatch::normalize_rows(x, Maybe::of(weight), Maybe::of(bias), eps);
    Tensor::<2>::from_dispatch(y).reshape(shape)
}

/// Elements that one task takes.
const SHARE: usize = 16 << 10;

pub(crate) fn cpu(arm: Arm, x: FlexTensor, weight: Option<FlexTensor>, bias: Option<FlexTensor>, eps: f64) -> FlexTensor {
    let x = floats(x);
    let shape = x.layout().shape().clone();
    let [rows, c] = [shape[0], shape[1]];
    let weight = padded(weight, c, 1).unwrap_or_else(|| vec![1.0; c]);
    let bias = padded(bias, c, 1).unwrap_or_else(|| vec![0.0; c]);
    let out = Buffer::new(rows * c);
    let (source, target) = (Shared::of(elements::<f32>(&x)), Shared(out.pointer()));
    let (weight, bias) = (Shared::of(&weight), Shared::of(&bias));
    let share = (SHARE / c.max(1)).max(1);
    // SAFETY: tasks take disjoint rows.
    unsafe {
        launch_all(arm, rows.div_ceil(share), |task| Rows {
            source: source.at(task * share * c),
            out: target.at(task * share * c),
            weight: weight.at(0),
            bias: bias.at(0),
            rows: share.min(rows - task * share),
            c,
            eps,
        });
    }
    out.into_tensor(shape)
}

struct Rows {
    source: *const f32,
    out: *mut f32,
    weight: *const f32,
    bias: *const f32,
    rows: usize,
    c: usize,
    eps: f64,
}

impl Kernel for Rows {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let Self { source, out, weight, bias, rows, c, eps } = self;
        for row in 0..rows {
            // SAFETY: `row < rows`, `i + n <= c`.
            unsafe {
                let (source, out) = (source.add(row * c), out.add(row * c));
                let (mean, variance) = moments::<S>(source, c);
                let inverse = 1.0 / (variance + eps).sqrt();
                // The mean is taken off before scaling: folded into one shift, its rounding would be scaled up with it.
                let (mean, scale) = (S::splat(mean as f32), S::splat(inverse as f32));
                let mut i = 0;
                while i + S::LANES <= c {
                    let y = S::mul(S::sub(S::load(source.add(i)), mean), scale);
                    S::store(out.add(i), S::fma(y, S::load(weight.add(i)), S::load(bias.add(i))));
                    i += S::LANES;
                }
                let n = c - i;
                let y = S::mul(S::sub(S::load_part(source.add(i), n), mean), scale);
                S::store_part(out.add(i), S::fma(y, S::load_part(weight.add(i), n), S::load_part(bias.add(i), n)), n);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{STORED, assert_close, flex, random};
    use burn::tensor::{DType, FloatDType};
    use proptest::prelude::*;

    fn reference(x: Tensor<2>, weight: Option<Tensor<1>>, bias: Option<Tensor<1>>, eps: f64) -> Tensor<2> {
        let centred = x.clone() - x.mean_dim(1);
        let variance = centred.clone().powi_scalar(2).mean_dim(1);
        let mut x = centred / (variance + eps).sqrt();
        if let Some(weight) = weight {
            x = x * weight.cast(FloatDType::F32).unsqueeze();
        }
        if let Some(bias) = bias {
            x = x + bias.cast(FloatDType::F32).unsqueeze();
        }
        x
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(30))]
        #[test]
        fn any_shape_agrees_with_the_reference(
            rows in 1usize..40, c in 1usize..400, dtype in 0usize..3, scaled: bool, shifted: bool,
        ) {
            let x = random([rows, c], 1, DType::F32) + 3.0;
            let weight = scaled.then(|| random([c], 2, STORED[dtype]));
            let bias = shifted.then(|| random([c], 3, STORED[dtype]));
            let expected = reference(x.clone(), weight.clone(), bias.clone(), 1e-5);
            for &arm in Arm::available() {
                let y = cpu(arm, flex(x.clone()), weight.clone().map(flex), bias.clone().map(flex), 1e-5);
                assert_close(y, expected.clone(), 1e-4, &format!("{arm:?}"));
            }
        }
    }

    #[test]
    fn strides_do_not_matter() {
        let x = random([3, 5, 4], 1, DType::F32);
        let y = layer_norm(x.clone().swap_dims(0, 1), None, None, 1e-5).swap_dims(0, 1);
        let expected = layer_norm(x, None, None, 1e-5);
        assert_close(flex(y), expected, 0.0, "swapped");
    }
}
