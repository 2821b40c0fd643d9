//! Rotary position embedding.

use crate::cpu::memory::Buffer;
use crate::cpu::simd::{Arm, Kernel, Simd};
use crate::cpu::stored::{elements, floats};
use crate::cpu::{Shared, launch_all};
use crate::dispatch::Ops;
use burn::backend::Dispatch;
use burn::tensor::Tensor;
use burn_flex::FlexTensor;

/// Which two channels of a head are turned together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pairs {
    /// Half a head apart: (0, D / 2), (1, D / 2 + 1), ...
    Halves,
    /// Beside each other: (0, 1), (2, 3), ...
    Neighbours,
}

/// Turns pairs of channels by an angle that depends on the place (Su et al. 2021, arXiv 2104.09864, equation 34).
///
/// # Shapes
/// x `[B, N, H, D]`, cosine and sine `[N, D / 2]` → the shape of x.
pub fn rope(x: Tensor<4>, cosine: Tensor<2>, sine: Tensor<2>, pairs: Pairs) -> Tensor<4> {
    let shape = x.dims();
    let [b, n, h, d] = shape;
    assert!(d.is_multiple_of(2), "rope: x is {shape:?}, and {d} channels are no pairs");
    assert_eq!(cosine.dims(), [n, d / 2], "rope: x is {shape:?}");
    assert_eq!(sine.dims(), [n, d / 2], "rope: x is {shape:?}");
    let x = x.reshape([b * n, h, d]).into_dispatch();
    let turned = Dispatch::turn_pairs(x, cosine.into_dispatch(), sine.into_dispatch(), pairs);
    Tensor::<3>::from_dispatch(turned).reshape(shape)
}

/// Elements that one task takes.
const SHARE: usize = 16 << 10;

pub(crate) fn cpu(arm: Arm, x: FlexTensor, cosine: FlexTensor, sine: FlexTensor, pairs: Pairs) -> FlexTensor {
    let (x, cosine, sine) = (floats(x), floats(cosine), floats(sine));
    let shape = x.layout().shape().clone();
    let [rows, heads, d] = [shape[0], shape[1], shape[2]];
    let places = cosine.layout().shape()[0];
    let out = Buffer::new(rows * heads * d);
    let (source, target) = (Shared::of(elements::<f32>(&x)), Shared(out.pointer()));
    let (cosine, sine) = (Shared::of(elements::<f32>(&cosine)), Shared::of(elements::<f32>(&sine)));
    let share = (SHARE / (heads * d).max(1)).max(1);
    // SAFETY: tasks take disjoint rows; both tables have a row for each place.
    unsafe {
        launch_all(arm, rows.div_ceil(share), |task| Rows {
            source: source.at(0),
            out: target.at(0),
            cosine: cosine.at(0),
            sine: sine.at(0),
            rows: task * share..rows.min((task + 1) * share),
            places,
            heads,
            half: d / 2,
            pairs,
        });
    }
    out.into_tensor(shape)
}

struct Rows {
    source: *const f32,
    out: *mut f32,
    cosine: *const f32,
    sine: *const f32,
    rows: std::ops::Range<usize>,
    places: usize,
    heads: usize,
    half: usize,
    pairs: Pairs,
}

impl Kernel for Rows {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let half = self.half;
        for row in self.rows.clone() {
            let place = row % self.places;
            for head in 0..self.heads {
                let at = (row * self.heads + head) * 2 * half;
                // SAFETY: the head lies in x and in the result, the place in the tables.
                unsafe {
                    let (x, out) = (self.source.add(at), self.out.add(at));
                    let (cosine, sine) = (self.cosine.add(place * half), self.sine.add(place * half));
                    match self.pairs {
                        Pairs::Halves => halves::<S>(x, out, cosine, sine, half),
                        Pairs::Neighbours => neighbours(x, out, cosine, sine, half),
                    }
                }
            }
        }
    }
}

/// # Safety
/// `x` and `out` have `2 · half` numbers, `cosine` and `sine` have `half`.
#[inline(always)]
unsafe fn halves<S: Simd>(x: *const f32, out: *mut f32, cosine: *const f32, sine: *const f32, half: usize) {
    let mut i = 0;
    while i < half {
        let n = S::LANES.min(half - i);
        // SAFETY: `i + n <= half`.
        unsafe {
            let load = |p: *const f32| if n == S::LANES { S::load(p.add(i)) } else { S::load_part(p.add(i), n) };
            let (first, second, cosine, sine) = (load(x), load(x.add(half)), load(cosine), load(sine));
            S::store_part(out.add(i), S::sub(S::mul(first, cosine), S::mul(second, sine)), n);
            S::store_part(out.add(half + i), S::fma(second, cosine, S::mul(first, sine)), n);
        }
        i += n;
    }
}

/// # Safety
/// As [`halves`].
#[inline(always)]
unsafe fn neighbours(x: *const f32, out: *mut f32, cosine: *const f32, sine: *const f32, half: usize) {
    for i in 0..half {
        // SAFETY: `i < half`.
        unsafe {
            let (first, second, cosine, sine) = (*x.add(2 * i), *x.add(2 * i + 1), *cosine.add(i), *sine.add(i));
            *out.add(2 * i) = first * cosine - second * sine;
            *out.add(2 * i + 1) = first * sine + second * cosine;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_close, flex, random};
    use burn::tensor::DType;
    use proptest::prelude::*;

    /// The pairs as complex numbers, in the words of Burn.
    fn reference(x: Tensor<4>, cosine: &Tensor<2>, sine: &Tensor<2>, pairs: Pairs) -> Tensor<4> {
        let [b, n, h, d] = x.dims();
        let (shape, axis, table) = match pairs {
            Pairs::Halves => ([b, n, h, 2, d / 2], 3, [1, n, 1, 1, d / 2]),
            Pairs::Neighbours => ([b, n, h, d / 2, 2], 4, [1, n, 1, d / 2, 1]),
        };
        let x = x.reshape(shape);
        let (first, second) = (x.clone().narrow(axis, 0, 1), x.narrow(axis, 1, 1));
        let (cosine, sine): (Tensor<5>, Tensor<5>) = (cosine.clone().reshape(table), sine.clone().reshape(table));
        let turned = [first.clone() * cosine.clone() - second.clone() * sine.clone(), first * sine + second * cosine];
        Tensor::cat(turned.to_vec(), axis).reshape([b, n, h, d])
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(30))]
        #[test]
        fn any_shape_agrees_with_the_reference(b in 1usize..3, n in 1usize..40, h in 1usize..5, half in 1usize..70, halves: bool) {
            let pairs = if halves { Pairs::Halves } else { Pairs::Neighbours };
            let x = random([b, n, h, 2 * half], 1, DType::F32);
            let (cosine, sine) = (random([n, half], 2, DType::F32), random([n, half], 3, DType::F32));
            let expected = reference(x.clone(), &cosine, &sine, pairs);
            for &arm in Arm::available() {
                let rows = x.clone().reshape([b * n, h, 2 * half]);
                let y = cpu(arm, flex(rows), flex(cosine.clone()), flex(sine.clone()), pairs);
                assert_close(y, expected.clone().reshape([b * n, h, 2 * half]), 1e-5, &format!("{arm:?} {pairs:?}"));
            }
            assert_close(flex(rope(x, cosine, sine, pairs)), expected, 1e-5, "by dispatch");
        }
    }
}
