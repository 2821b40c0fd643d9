//! Root-mean-square normalisation.

use crate::cpu::memory::Buffer;
use crate::cpu::simd::{Arm, Kernel, Simd};
use crate::cpu::stored::{elements, floats, padded};
use crate::cpu::{Shared, launch_all};
use crate::dispatch::{Maybe, Ops};
use burn::backend::Dispatch;
use burn::tensor::Tensor;
use burn_flex::FlexTensor;

/// Divides the last dimension by its root mean square, then scales it (Zhang and Sennrich 2019).
///
/// # Shapes
/// x `[.., C]`, weight `[C]` → the shape of x.
pub fn rms_norm<const D: usize>(x: Tensor<D>, weight: Option<Tensor<1>>, eps: f64) -> Tensor<D> {
    let shape = x.dims();
    let c = shape[D - 1];
    if let Some(weight) = &weight {
        assert_eq!(weight.dims()[0], c, "rms_norm: the weight needs one number for each channel");
    }
    let x = x.reshape([shape[..D - 1].iter().product(), c]).into_dispatch();
    Tensor::<2>::from_dispatch(Dispatch::scale_rows(x, Maybe::of(weight), eps)).reshape(shape)
}

/// Elements that one task takes.
const SHARE: usize = 16 << 10;

pub(crate) fn cpu(arm: Arm, x: FlexTensor, weight: Option<FlexTensor>, eps: f64) -> FlexTensor {
    let x = floats(x);
    let shape = x.layout().shape().clone();
    let [rows, c] = [shape[0], shape[1]];
    let weight = padded(weight, c, 1).unwrap_or_else(|| vec![1.0; c]);
    let out = Buffer::new(rows * c);
    let (source, target, weight) = (Shared::of(elements::<f32>(&x)), Shared(out.pointer()), Shared::of(&weight));
    let share = (SHARE / c.max(1)).max(1);
    // SAFETY: tasks take disjoint rows.
    unsafe {
        launch_all(arm, rows.div_ceil(share), |task| Rows {
            source: source.at(task * share * c),
            out: target.at(task * share * c),
            weight: weight.at(0),
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
    rows: usize,
    c: usize,
    eps: f64,
}

impl Kernel for Rows {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let Self { source, out, weight, rows, c, eps } = self;
        for row in 0..rows {
            // SAFETY: `row < rows`, `i + n <= c`.
            unsafe {
                let (source, out) = (source.add(row * c), out.add(row * c));
                let mut squares = S::zero();
                let mut i = 0;
                while i + S::LANES <= c {
                    let x = S::load(source.add(i));
                    squares = S::fma(x, x, squares);
                    i += S::LANES;
                }
                let x = S::load_part(source.add(i), c - i);
                let mean = f64::from(S::sum(S::fma(x, x, squares))) / c as f64;
                let scale = S::splat((1.0 / (mean + eps).sqrt()) as f32);
                let mut i = 0;
                while i + S::LANES <= c {
                    S::store(out.add(i), S::mul(S::mul(S::load(source.add(i)), scale), S::load(weight.add(i))));
                    i += S::LANES;
                }
                let n = c - i;
                let y = S::mul(S::mul(S::load_part(source.add(i), n), scale), S::load_part(weight.add(i), n));
                S::store_part(out.add(i), y, n);
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

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20))]
        #[test]
        fn any_shape_agrees_with_the_reference(rows in 1usize..40, c in 1usize..300, dtype in 0usize..3) {
            let (x, weight) = (random([rows, c], 1, DType::F32), random([c], 2, STORED[dtype]));
            let square = x.clone().powi_scalar(2).mean_dim(1);
            let plain = x.clone() / (square + 1e-6).sqrt();
            let expected = plain.clone() * weight.clone().cast(FloatDType::F32).unsqueeze();
            for &arm in Arm::available() {
                assert_close(cpu(arm, flex(x.clone()), Some(flex(weight.clone())), 1e-6), expected.clone(), 1e-4, &format!("{arm:?}"));
                assert_close(cpu(arm, flex(x.clone()), None, 1e-6), plain.clone(), 1e-4, &format!("{arm:?}"));
            }
        }
    }
}
