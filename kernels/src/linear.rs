//! The linear layer.

use crate::cpu::memory::Buffer;
use crate::cpu::simd::{Arm, Kernel, Simd};
use crate::cpu::stored::{Stored, elements, floats, padded, with_stored};
use crate::cpu::tile::{DEPTH, End, Product, Turn};
use crate::cpu::{Shared, block, launch_all, parallel, threads};
use crate::dispatch::{Matrices, Maybe, Ops};
use burn::backend::Dispatch;
use burn::tensor::{Shape, Tensor};
use burn_flex::FlexTensor;

/// `x Wᵀ + b`.
///
/// # Shapes
/// x `[.., in]`, weight `[out, in]` as checkpoints store it, bias `[out]` → `[.., out]`.
pub fn linear<const D: usize>(x: Tensor<D>, weight: Tensor<2>, bias: Option<Tensor<1>>) -> Tensor<D> {
    linear_joined(x, &[&weight], bias)
}

/// [`linear`] of up to three weights, whose outputs come side by side.
///
/// # Shapes
/// x `[.., in]`, weights `[outᵢ, in]`, bias `[Σ outᵢ]` → `[.., Σ outᵢ]`.
///
/// # Panics
/// When there are no weights, or more than three.
pub fn linear_joined<const D: usize>(x: Tensor<D>, weights: &[&Tensor<2>], bias: Option<Tensor<1>>) -> Tensor<D> {
    let (x, shape) = flat(x, weights.iter().map(|it| it.dims()), bias.as_ref());
    let raw = |it: &Tensor<2>| it.clone().into_dispatch();
    let weights = match *weights {
        [one] => Matrices::One(raw(one)),
        [one, two] => Matrices::Two(raw(one), raw(two)),
        [one, two, three] => Matrices::Three(raw(one), raw(two), raw(three)),
        _ => panic!("linear: {} weights side by side; one to three are possible", weights.len()),
    };
    let y = Dispatch::project(x.into_dispatch(), weights, Maybe::of(bias));
    Tensor::<2>::from_dispatch(y).reshape(shape)
}

/// The rows of x, and the shape of what the weights of these dimensions, `[outᵢ, in]`, make of it.
pub(crate) fn flat<const D: usize>(
    x: Tensor<D>,
    weights: impl Iterator<Item = [usize; 2]>,
    bias: Option<&Tensor<1>>,
) -> (Tensor<2>, [usize; D]) {
    let mut shape = x.dims();
    let inputs = shape[D - 1];
    let mut outputs = 0;
    for [out, own] in weights {
        assert_eq!(own, inputs, "linear: x is {shape:?}, a weight [{out}, {own}]");
        outputs += out;
    }
    if let Some(bias) = bias {
        assert_eq!(bias.dims()[0], outputs, "linear: the bias needs one number for each of {outputs} outputs");
    }
    let rows = shape[..D - 1].iter().product();
    shape[D - 1] = outputs;
    (x.reshape([rows, inputs]), shape)
}

/// Up to so many rows, each weight is read once and used at once; beyond, packing it pays.
const FEW: usize = 8;
/// Bytes of a row that are worth reading by themselves.
const LONG: usize = 2048;
/// Bytes between what is multiplied and what is fetched from memory.
const AHEAD: usize = 2048;
/// Floats of packed weight that the cores share through the last-level cache.
const SHARED: usize = 1 << 20;
/// Rows that one task takes: their packed block stays in the second-level cache.
const ROWS: usize = 96;

pub(crate) fn cpu(arm: Arm, x: FlexTensor, weights: Vec<FlexTensor>, bias: Option<FlexTensor>) -> FlexTensor {
    let x = floats(x);
    let [m, k] = [x.layout().shape()[0], x.layout().shape()[1]];
    let pitch = weights.iter().map(|it| it.layout().shape()[0]).sum();
    let bias = padded(bias, pitch, 64);
    let out = Buffer::new(m * pitch);
    let source = elements::<f32>(&x);
    let mut at = 0;
    for weight in weights {
        let n = weight.layout().shape()[0];
        let (bias, target) = (bias.as_deref().map(|it| &it[at..]), (Shared(out.pointer().wrapping_add(at)), pitch));
        with_stored!(weight, weight => if m <= FEW {
            few(arm, source, weight, bias, target, [m, n, k]);
        } else {
            let panels = Rows { weight: Shared::of(weight), k };
            many(arm, source, &panels, bias, target, [m, n, k]);
        });
        at += n;
    }
    out.into_tensor(Shape::from([m, pitch]))
}

/// Where the panels of a weight come from.
pub(crate) trait Panels: Sync {
    /// Panels begin at a multiple of so many inputs.
    const UNIT: usize;

    /// Lays rows of the weight side by side: `out[depth][width]`; rows up to `width` are zeros.
    ///
    /// # Safety
    /// The rows from `row` and their inputs `k0..k0 + depth` exist, `out` has room, and the arm is available.
    unsafe fn pack(&self, arm: Arm, rows: std::ops::Range<usize>, width: usize, k0: usize, depth: usize, out: *mut f32);
}

/// A weight `[out, in]` in memory.
struct Rows<E> {
    weight: Shared<E>,
    k: usize,
}

impl<E: Stored> Panels for Rows<E> {
    const UNIT: usize = 1;

    unsafe fn pack(&self, arm: Arm, rows: std::ops::Range<usize>, width: usize, k0: usize, depth: usize, out: *mut f32) {
        let source = self.weight.at(rows.start * self.k + k0).cast_const();
        let turn = Turn { rows: rows.len(), k: depth, source, stride: self.k, out, pitch: width, width };
        // SAFETY: the caller's.
        unsafe { arm.launch(turn) };
    }
}

/// Rows enough that packing the weight pays; those of the result are `pitch` numbers apart.
pub(crate) fn many<P: Panels>(
    arm: Arm,
    x: &[f32],
    weight: &P,
    bias: Option<&[f32]>,
    (out, pitch): (Shared<f32>, usize),
    [m, n, k]: [usize; 3],
) {
    let (high, wide) = arm.tile();
    let depth = block(k, DEPTH, P::UNIT);
    let width = block(n, (SHARED / depth).max(wide), wide);
    let packed = Buffer::new(depth * width);
    let panels = Shared(packed.pointer());
    let x = Shared::of(x);
    let height = block(m, ROWS.min(m.div_ceil(threads()).next_multiple_of(high)), high);
    let tall = m.div_ceil(height);
    for n0 in (0..n).step_by(width) {
        let width = width.min(n - n0);
        // When there are few blocks of rows, the columns are divided too.
        let splits = (2 * threads()).div_ceil(tall).min(width.div_ceil(wide)).max(1);
        let share = block(width, width.div_ceil(splits), wide);
        let shares = width.div_ceil(share);
        let mut k0 = 0;
        loop {
            let depth = depth.min(k - k0);
            parallel(width.div_ceil(wide), |panel| {
                let from = n0 + panel * wide;
                let rows = from..(from + wide).min(n0 + width);
                // SAFETY: each task writes one panel, from rows and inputs that are counted off.
                unsafe { weight.pack(arm, rows, wide, k0, depth, panels.at(panel * wide * depth)) };
            });
            parallel(tall * shares, |task| {
                let (m0, from) = (task / shares * height, task % shares * share);
                let (rows, columns) = (height.min(m - m0), share.min(width - from));
                let block = Buffer::new(rows.next_multiple_of(high) * depth);
                for r in (0..rows).step_by(high) {
                    let turn = Turn {
                        rows: high.min(rows - r),
                        k: depth,
                        source: x.at((m0 + r) * k + k0).cast_const(),
                        stride: k,
                        out: block.pointer().wrapping_add(r * depth),
                        pitch: high,
                        width: high,
                    };
                    // SAFETY: the block has room for whole panels; the rows are in x.
                    unsafe { arm.launch(turn) };
                }
                let end = match bias {
                    _ if k0 > 0 => End::Add,
                    Some(bias) => End::SetColumns(bias[n0 + from..].as_ptr()),
                    None => End::Set,
                };
                let product = Product {
                    k: depth,
                    a: block.pointer(),
                    b: panels.at(from * depth),
                    c: out.at(m0 * pitch + n0 + from),
                    stride: pitch,
                    rows,
                    columns,
                    end,
                };
                // SAFETY: tasks write disjoint blocks of the result; the bias is padded beyond the widest panel.
                unsafe { arm.launch(product) };
            });
            k0 += depth;
            if k0 >= k {
                break;
            }
        }
    }
}

/// Each task takes some outputs, and all rows; those of the result are `pitch` numbers apart.
fn few<E: Stored>(
    arm: Arm,
    x: &[f32],
    weight: &[E],
    bias: Option<&[f32]>,
    (out, pitch): (Shared<f32>, usize),
    [m, n, k]: [usize; 3],
) {
    const OUTPUTS: usize = 64;
    let (x, weight) = (Shared::of(x), Shared::of(weight));
    // SAFETY: each task reads its rows of the weight and all of x, and writes its columns of the result.
    unsafe {
        launch_all(arm, n.div_ceil(OUTPUTS), |task| Dots {
            from: task * OUTPUTS,
            to: ((task + 1) * OUTPUTS).min(n),
            x: x.at(0),
            weight: weight.at(0),
            bias: bias.map(Shared::of),
            out: out.at(0),
            m,
            pitch,
            k,
        });
    }
}

struct Dots<E> {
    from: usize,
    to: usize,
    x: *const f32,
    weight: *const E,
    bias: Option<Shared<f32>>,
    out: *mut f32,
    m: usize,
    pitch: usize,
    k: usize,
}

impl<E: Stored> Kernel for Dots<E> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        // A long row is read front to back, as memory likes it; short ones keep the sums of four outputs going.
        let long = self.k * size_of::<E>() >= LONG;
        let mut o = self.from;
        while o < self.to {
            let four = !long && self.to - o >= 4;
            let mut r = 0;
            while r < self.m {
                let two = self.m - r >= 2;
                // SAFETY: the contract of the kernel; outputs and rows are counted off.
                unsafe {
                    match (four, two) {
                        (true, true) => self.block::<S, 4, 2, 2>(o, r),
                        (true, false) => self.block::<S, 4, 1, 2>(o, r),
                        (false, true) => self.block::<S, 1, 2, 4>(o, r),
                        (false, false) => self.block::<S, 1, 1, 4>(o, r),
                    }
                }
                r += if two { 2 } else { 1 };
            }
            o += if four { 4 } else { 1 };
        }
    }
}

impl<E: Stored> Dots<E> {
    /// `O` outputs for `M` rows, each as `P` sums.
    ///
    /// # Safety
    /// `O` outputs from `o` and `M` rows from `r` exist.
    #[inline(always)]
    unsafe fn block<S: Simd, const O: usize, const M: usize, const P: usize>(&self, o: usize, r: usize) {
        let k = self.k;
        // SAFETY: all indices are below those of the last output, row and input; what is fetched need not be there.
        unsafe {
            let (w, x) = (self.weight.add(o * k), self.x.add(r * k));
            let mut sums = [[[S::zero(); M]; O]; P];
            let mut kk = 0;
            while kk + P * S::LANES <= k {
                for (part, sums) in sums.iter_mut().enumerate() {
                    let at = kk + part * S::LANES;
                    for (i, sums) in sums.iter_mut().enumerate() {
                        let w = w.add(i * k + at);
                        S::fetch(w.cast::<u8>().wrapping_add(AHEAD));
                        let w = E::load::<S>(w);
                        for (j, sum) in sums.iter_mut().enumerate() {
                            *sum = S::fma(w, S::load(x.add(j * k + at)), *sum);
                        }
                    }
                }
                kk += P * S::LANES;
            }
            for i in 0..O {
                for j in 0..M {
                    let mut all = sums[0][i][j];
                    for sums in &sums[1..] {
                        all = S::add(all, sums[i][j]);
                    }
                    let mut sum = S::sum(all);
                    for kk in kk..k {
                        sum += (*w.add(i * k + kk)).widen() * *x.add(j * k + kk);
                    }
                    if let Some(bias) = self.bias {
                        sum += *bias.0.add(o + i);
                    }
                    *self.out.add((r + j) * self.pitch + o + i) = sum;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{STORED, assert_close, bits, flex, random};
    use burn::tensor::{DType, Device, FloatDType};
    use proptest::prelude::*;

    fn reference(x: Tensor<2>, weight: Tensor<2>, bias: Option<Tensor<1>>) -> Tensor<2> {
        let y = x.matmul(weight.cast(FloatDType::F32).transpose());
        match bias {
            Some(bias) => y + bias.cast(FloatDType::F32).unsqueeze(),
            None => y,
        }
    }

    fn check(m: usize, n: usize, k: usize, dtype: DType, with_bias: bool) {
        let x = random([m, k], 1, DType::F32);
        let weight = random([n, k], 2, dtype);
        let bias = with_bias.then(|| random([n], 3, dtype));
        let expected = reference(x.clone(), weight.clone(), bias.clone());
        for &arm in Arm::available() {
            let y = cpu(arm, flex(x.clone()), vec![flex(weight.clone())], bias.clone().map(flex));
            assert_close(y, expected.clone(), 1e-4, &format!("{arm:?} {m}x{n}x{k} {dtype:?}"));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn any_shape_and_stored_type_agrees_with_the_reference(
            m in 1usize..140, n in 1usize..150, k in 1usize..100, dtype in 0usize..3, bias: bool,
        ) {
            check(m, n, k, STORED[dtype], bias);
        }
    }

    /// To the bit, as those in blocks are.
    #[test]
    fn weights_side_by_side_give_what_each_gives_alone() {
        for (m, with_bias) in [(1, true), (2, false), (FEW, true), (FEW + 1, true), (40, false)] {
            let x = random([m, 70], 1, DType::F32);
            let weights = STORED.map(|dtype| random([13 + 50 * dtype.size(), 70], 2, dtype));
            let total = weights.iter().map(|it| it.dims()[0]).sum();
            let bias = with_bias.then(|| random([total], 3, DType::F32));
            for count in 1..=3 {
                let out = weights[..count].iter().map(|it| it.dims()[0]).sum();
                let part = |from: usize, n: usize| bias.clone().map(|it| it.narrow(0, from, n));
                let joined = linear_joined(x.clone(), &weights.each_ref()[..count], part(0, out));
                let mut from = 0;
                for weight in &weights[..count] {
                    let n = weight.dims()[0];
                    let alone = linear(x.clone(), weight.clone(), part(from, n));
                    assert_eq!(bits(joined.clone().narrow(1, from, n)), bits(alone), "{m} rows, {count} weights");
                    from += n;
                }
            }
        }
    }

    #[test]
    fn sums_longer_than_a_block_are_whole() {
        check(100, 70, 3 * DEPTH + 5, DType::F16, true);
        check(3, 70, 3 * DEPTH + 5, DType::BF16, true);
    }

    #[test]
    fn outputs_wider_than_the_shared_block_are_whole() {
        check(33, SHARED / 16 + 100, 16, DType::F32, true);
    }

    #[test]
    fn leading_dimensions_stay_and_strides_do_not_matter() {
        let device = Device::flex();
        let x = random([4, 3, 5], 1, DType::F32);
        let weight = random([7, 5], 2, DType::F32);
        let y = linear(x.clone(), weight.clone(), None);
        assert_eq!(y.dims(), [4, 3, 7]);
        let column_major = Tensor::<2>::from_data(weight.clone().transpose().into_data(), &device).transpose();
        let turned = linear(x.swap_dims(0, 1), column_major, None);
        assert_eq!(bits(turned.swap_dims(0, 1)), bits(y));
        assert_eq!(linear(Tensor::<2>::zeros([0, 5], &device), weight, None).dims(), [0, 7]);
    }
}
