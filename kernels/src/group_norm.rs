//! Group normalisation, alone and with the SiLU that follows it in every residual block.

use crate::activation::Function;
use crate::cpu::memory::Buffer;
use crate::cpu::simd::{Arm, Kernel, Simd};
use crate::cpu::stored::{elements, floats};
use crate::cpu::{Shared, launch_all};
use crate::dispatch::Ops;
use burn::backend::Dispatch;
use burn::tensor::Tensor;
use burn_flex::FlexTensor;

/// Gives each group of channels mean 0 and variance 1, then scales and shifts each channel (Wu and He 2018).
///
/// # Shapes
/// x `[B, C, ..]`, weight and bias `[C]` → the shape of x. `groups` divides C.
pub fn group_norm<const D: usize>(x: Tensor<D>, weight: Tensor<1>, bias: Tensor<1>, groups: usize, eps: f64) -> Tensor<D> {
    run(x, weight, bias, groups, eps, false)
}

/// [`group_norm`], then SiLU, without a second trip through memory.
///
/// # Shapes
/// As [`group_norm`].
pub fn group_norm_silu<const D: usize>(x: Tensor<D>, weight: Tensor<1>, bias: Tensor<1>, groups: usize, eps: f64) -> Tensor<D> {
    run(x, weight, bias, groups, eps, true)
}

fn run<const D: usize>(x: Tensor<D>, weight: Tensor<1>, bias: Tensor<1>, groups: usize, eps: f64, silu: bool) -> Tensor<D> {
    let shape = x.dims();
    let (b, c) = (shape[0], shape[1]);
    assert!(groups > 0 && c.is_multiple_of(groups), "group_norm: {groups} groups do not divide {c} channels");
    assert_eq!([weight.dims()[0], bias.dims()[0]], [c, c], "group_norm: weight and bias need one number for each channel");
    let x = x.reshape([b, c, shape[2..].iter().product()]).into_dispatch();
    let y = Dispatch::normalize_groups(x, weight.into_dispatch(), bias.into_dispatch(), groups, eps, silu);
    Tensor::<3>::from_dispatch(y).reshape(shape)
}

pub(crate) fn cpu(
    arm: Arm,
    x: FlexTensor,
    weight: FlexTensor,
    bias: FlexTensor,
    groups: usize,
    eps: f64,
    silu: bool,
) -> FlexTensor {
    let (mut x, weight, bias) = (floats(x), floats(weight), floats(bias));
    let shape = x.layout().shape().clone();
    let [b, c, n] = [shape[0], shape[1], shape[2]];
    let (weight, bias) = (Shared::of(elements::<f32>(&weight)), Shared::of(elements::<f32>(&bias)));
    let source = Shared::of(elements::<f32>(&x));
    let start = x.layout().start_offset();
    // Nobody else sees a unique tensor: its memory takes the result.
    let (out, target) = match x.try_storage_mut::<f32>() {
        Some(own) => (None, Shared(own[start..].as_mut_ptr())),
        None => {
            let out = Buffer::new(b * c * n);
            let target = Shared(out.pointer());
            (Some(out), target)
        }
    };
    let source = if out.is_some() { source } else { target };
    let channels = c / groups;
    // SAFETY: each task takes one group of one picture, channels that lie one after another.
    unsafe {
        launch_all(arm, b * groups, |it| Group {
            source: source.at(it * channels * n),
            out: target.at(it * channels * n),
            weight: weight.at(it % groups * channels),
            bias: bias.at(it % groups * channels),
            channels,
            n,
            eps,
            silu,
        });
    }
    match out {
        Some(out) => out.into_tensor(shape),
        None => x,
    }
}

struct Group {
    source: *const f32,
    out: *mut f32,
    weight: *const f32,
    bias: *const f32,
    channels: usize,
    n: usize,
    eps: f64,
    silu: bool,
}

impl Kernel for Group {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let Self { source, out, weight, bias, channels, n, eps, silu } = self;
        // SAFETY: the group has `channels * n` elements; `channel < channels`, `i + lanes <= n`.
        unsafe {
            let (mean, variance) = moments::<S>(source, channels * n);
            let inverse = 1.0 / (variance + eps).sqrt();
            for channel in 0..channels {
                let scale = inverse * f64::from(*weight.add(channel));
                let shift = f64::from(*bias.add(channel)) - mean * scale;
                let (scale, shift) = (S::splat(scale as f32), S::splat(shift as f32));
                let (source, out) = (source.add(channel * n), out.add(channel * n));
                let mut i = 0;
                if silu {
                    while i + S::LANES <= n {
                        let y = S::fma(S::load(source.add(i)), scale, shift);
                        S::store(out.add(i), Function::Silu.apply::<S>(y));
                        i += S::LANES;
                    }
                } else {
                    while i + S::LANES <= n {
                        S::store(out.add(i), S::fma(S::load(source.add(i)), scale, shift));
                        i += S::LANES;
                    }
                }
                let y = S::fma(S::load_part(source.add(i), n - i), scale, shift);
                S::store_part(out.add(i), if silu { Function::Silu.apply::<S>(y) } else { y }, n - i);
            }
        }
    }
}

/// Mean and variance of `len` floats.
///
/// Stretches that stay in the first-level cache are measured in f32 around their own mean, and joined in f64 (Chan et al. 1979), so
/// the numbers are as good as a two-pass computation and memory is read once.
///
/// # Safety
/// `p` reaches `len` floats, and the machine has the instructions.
#[inline(always)]
pub(crate) unsafe fn moments<S: Simd>(p: *const f32, len: usize) -> (f64, f64) {
    const STRETCH: usize = 2048;
    let (mut count, mut mean, mut squares) = (0.0f64, 0.0f64, 0.0f64);
    let mut at = 0;
    while at < len {
        let n = STRETCH.min(len - at);
        // SAFETY: `at + n <= len`.
        let (own_mean, own_squares) = unsafe { stretch::<S>(p.add(at), n) };
        let total = count + n as f64;
        let step = own_mean - mean;
        squares += own_squares + step * step * count * n as f64 / total;
        mean += step * n as f64 / total;
        count = total;
        at += n;
    }
    (mean, if len == 0 { 0.0 } else { squares / count })
}

/// The mean, and the sum of squared distances from it.
#[inline(always)]
unsafe fn stretch<S: Simd>(p: *const f32, n: usize) -> (f64, f64) {
    // SAFETY: the caller's; `i + lanes <= n`.
    unsafe {
        let mut sums = [S::zero(); 4];
        let mut i = 0;
        while i + 4 * S::LANES <= n {
            for (j, sum) in sums.iter_mut().enumerate() {
                *sum = S::add(*sum, S::load(p.add(i + j * S::LANES)));
            }
            i += 4 * S::LANES;
        }
        let mut sum = f64::from(S::sum(S::add(S::add(sums[0], sums[1]), S::add(sums[2], sums[3]))));
        for i in i..n {
            sum += f64::from(*p.add(i));
        }
        let mean = sum / n as f64;
        let centre = S::splat(mean as f32);
        let mut sums = [S::zero(); 4];
        let mut i = 0;
        while i + 4 * S::LANES <= n {
            for (j, sum) in sums.iter_mut().enumerate() {
                let d = S::sub(S::load(p.add(i + j * S::LANES)), centre);
                *sum = S::fma(d, d, *sum);
            }
            i += 4 * S::LANES;
        }
        let mut squares = f64::from(S::sum(S::add(S::add(sums[0], sums[1]), S::add(sums[2], sums[3]))));
        for i in i..n {
            squares += (f64::from(*p.add(i)) - mean).powi(2);
        }
        (mean, squares)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{STORED, assert_close, bits, flex, random};
    use burn::tensor::{DType, Device, FloatDType, activation};
    use proptest::prelude::*;

    fn reference(x: Tensor<3>, weight: Tensor<1>, bias: Tensor<1>, groups: usize, eps: f64) -> Tensor<3> {
        let [b, c, n] = x.dims();
        let x = x.reshape([b, groups, c / groups * n]);
        let centred = x.clone() - x.mean_dim(2);
        let variance = centred.clone().powi_scalar(2).mean_dim(2);
        let x = (centred / (variance + eps).sqrt()).reshape([b, c, n]);
        let channels = |it: Tensor<1>| it.cast(FloatDType::F32).reshape([1, c, 1]);
        x * channels(weight) + channels(bias)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(30))]
        #[test]
        fn any_shape_agrees_with_the_reference(
            b in 1usize..3, groups in 1usize..5, each in 1usize..4, n in 1usize..1500, dtype in 0usize..3, offset in -9.0f32..9.0,
        ) {
            let c = groups * each;
            let x = random([b, c, n], 1, DType::F32) + offset;
            let (weight, bias) = (random([c], 2, STORED[dtype]), random([c], 3, STORED[dtype]));
            let expected = reference(x.clone(), weight.clone(), bias.clone(), groups, 1e-3);
            for &arm in Arm::available() {
                let run = |silu| cpu(arm, flex(x.clone()), flex(weight.clone()), flex(bias.clone()), groups, 1e-3, silu);
                assert_close(run(false), expected.clone(), 1e-4, &format!("{arm:?}"));
                assert_close(run(true), activation::silu(expected.clone()), 1e-4, &format!("{arm:?} silu"));
            }
        }
    }

    #[test]
    fn a_batch_of_two_is_two_batches_and_a_batch_of_none_is_none() {
        let x = random([2, 8, 3, 5], 1, DType::F32);
        let (weight, bias) = (random([8], 2, DType::F32), random([8], 3, DType::F32));
        let run = |x: Tensor<4>| group_norm_silu(x, weight.clone(), bias.clone(), 4, 1e-5);
        let (first, second) = (run(x.clone().narrow(0, 0, 1)), run(x.clone().narrow(0, 1, 1)));
        assert_eq!(bits(run(x)), bits(Tensor::cat(vec![first, second], 0)));
        assert_eq!(run(Tensor::zeros([0, 8, 2, 2], &Device::flex())).dims(), [0, 8, 2, 2]);
    }
}
