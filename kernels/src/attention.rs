//! Scaled dot-product attention.

mod few;

use crate::cpu::memory::Buffer;
use crate::cpu::simd::{Arm, Kernel, Simd};
use crate::cpu::stored::floats;
use crate::cpu::tile::{End, Turn, tile};
use crate::cpu::{Shared, parallel};
use crate::dispatch::{Maybe, Ops};
use burn::backend::Dispatch;
use burn::tensor::{DType, Shape, Tensor};
use burn_flex::{FlexTensor, Layout};
use few::{Asked, FEW};

/// How the scores are made.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AttentionOptions {
    /// What the dot products are multiplied by; `None` is `1/√D`.
    pub scale: Option<f64>,
    /// Whether query `i` sees only the keys `0..=i`.
    pub causal: bool,
}

/// `softmax(q kᵀ · scale + bias) v`, without the matrix of scores ever being in memory.
///
/// # Shapes
/// q `[B, H, Nq, D]`, k `[B, H, Nk, D]`, v `[B, H, Nk, Dv]`, bias `[B|1, H|1, Nq|1, Nk|1]` → `[B, H, Nq, Dv]`.
/// A query whose every key is masked by `-∞` yields zeros.
pub fn attention(q: Tensor<4>, k: Tensor<4>, v: Tensor<4>, bias: Option<Tensor<4>>, options: AttentionOptions) -> Tensor<4> {
    let ([b, h, nq, d], [_, _, nk, _]) = (q.dims(), k.dims());
    assert_eq!(k.dims(), [b, h, nk, d], "attention: q is {:?}", q.dims());
    assert_eq!(v.dims()[..3], [b, h, nk], "attention: k is {:?}", k.dims());
    if let Some(bias) = &bias {
        let fits = bias.dims().iter().zip([b, h, nq, nk]).all(|(&it, full)| it == full || it == 1);
        assert!(fits, "attention: a bias of {:?} for scores of {:?}", bias.dims(), [b, h, nq, nk]);
    }
    let bias = Maybe::of(bias);
    let (q, k, v) = (q.into_dispatch(), k.into_dispatch(), v.into_dispatch());
    Tensor::from_dispatch(Dispatch::attend(q, k, v, bias, options))
}

/// [`attention`] over heads that lie side by side in the last dimension, as a projection leaves them: no transposes.
///
/// # Shapes
/// q `[B, Nq, H·D]`, k `[B, Nk, H·D]`, v `[B, Nk, H·Dv]`, bias `[B|1, H|1, Nq|1, Nk|1]` → `[B, Nq, H·Dv]`.
pub fn attention_heads(
    q: Tensor<3>,
    k: Tensor<3>,
    v: Tensor<3>,
    heads: usize,
    bias: Option<Tensor<4>>,
    options: AttentionOptions,
) -> Tensor<3> {
    let split = |x: Tensor<3>, what: &str| {
        let [b, n, c] = x.dims();
        assert!(heads > 0 && c.is_multiple_of(heads), "attention_heads: {heads} heads do not divide the {c} channels of {what}");
        x.reshape([b, n, heads, c / heads]).swap_dims(1, 2)
    };
    let out = attention(split(q, "q"), split(k, "k"), split(v, "v"), bias, options);
    let [b, h, n, d] = out.dims();
    out.swap_dims(1, 2).reshape([b, n, h * d])
}

/// Panels of queries that one task takes: they share each block of keys while it is in the first-level cache.
const PANELS: usize = 4;

pub(crate) fn cpu(
    arm: Arm,
    q: FlexTensor,
    k: FlexTensor,
    v: FlexTensor,
    bias: Option<FlexTensor>,
    options: &AttentionOptions,
) -> FlexTensor {
    let (q, k, v) = (rows(q), rows(k), rows(v));
    let bias = bias.map(|it| if it.dtype() == DType::F32 { it } else { floats(it) });
    let [b, h, nq, d] = dims(&q);
    let [_, _, nk, dv] = dims(&v);
    let (high, wide) = arm.tile();
    let out = Buffer::new(b * nq * h * dv);
    let heads = b * h;
    let (q, k, v) = (Heads::of(&q), Heads::of(&k), Heads::of(&v));
    let bias = bias.as_ref().map(Bias::of);
    let scale = options.scale.unwrap_or(1.0 / (d as f64).sqrt()) as f32;
    let together = |out: Buffer| {
        let together = out.into_tensor(Shape::from([b, nq, h, dv]));
        let layout = together.layout().transpose(1, 2);
        together.with_layout(layout)
    };
    if nq <= FEW {
        Asked { q, k, v, bias, sizes: [b, h, nq, nk], d, dv, scale, causal: options.causal, out: &out }.answer(arm);
        return together(out);
    }

    // Keys are packed for the tiles, values are brought together: both are read once for every block of queries.
    let tall = nk.next_multiple_of(high);
    // A tile reads as many values as it has rows, beyond the last where fewer are left.
    let (keys, values) = (Buffer::new(heads * tall * d), Buffer::new(heads * nk * dv + high));
    let (keys_at, values_at) = (Shared(keys.pointer()), Shared(values.pointer()));
    parallel(heads, |head| {
        for row in (0..nk).step_by(high) {
            let turn = Turn {
                rows: high.min(nk - row),
                k: d,
                source: k.at(head / h, head % h, row).cast_const(),
                stride: k.row,
                out: keys_at.at((head * tall + row) * d),
                pitch: high,
                width: high,
            };
            // SAFETY: each task packs one head; the last panel has room for whole rows.
            unsafe { arm.launch(turn) };
        }
        for row in 0..nk {
            let source = v.at(head / h, head % h, row);
            // SAFETY: a row of v has `dv` floats side by side, see `rows`.
            unsafe { source.copy_to_nonoverlapping(values_at.at((head * nk + row) * dv), dv) };
        }
    });

    let span = PANELS * wide;
    let spans = nq.div_ceil(span);
    let target = Shared(out.pointer());
    parallel(heads * spans, |task| {
        let (head, first) = (task / spans, task % spans * span);
        let (picture, head_of) = (head / h, head % h);
        let flash = Flash {
            queries: q.at(picture, head_of, first),
            stride: q.row,
            first,
            count: span.min(nq - first),
            keys: keys_at.at(head * tall * d),
            values: values_at.at(head * nk * dv),
            nk,
            d,
            dv,
            scale,
            bias: bias.map(|it| it.head(picture, head_of)),
            causal: options.causal,
            out: target.at(((picture * nq + first) * h + head_of) * dv),
            out_stride: h * dv,
        };
        // SAFETY: each task reads its queries and one head's keys and values, and writes its own rows of the result.
        unsafe { arm.launch(flash) };
    });
    together(out)
}

fn dims(x: &FlexTensor) -> [usize; 4] {
    std::array::from_fn(|it| x.layout().shape()[it])
}

/// The tensor in f32 with the last dimension side by side; the others may have any stride that is not negative.
fn rows(x: FlexTensor) -> FlexTensor {
    let fits = x.layout().strides()[3] == 1 && x.layout().strides().iter().all(|&it| it >= 0);
    if x.dtype() == DType::F32 && fits { x } else { floats(x) }
}

/// Where the rows of each head begin.
#[derive(Clone, Copy)]
struct Heads {
    start: Shared<f32>,
    batch: usize,
    head: usize,
    row: usize,
}

impl Heads {
    fn of(x: &FlexTensor) -> Self {
        let layout: &Layout = x.layout();
        let stride = |it: usize| layout.strides()[it].unsigned_abs(); // `rows` leaves none that are negative
        let start = Shared(Shared::of(x.storage::<f32>()).at(layout.start_offset()));
        Self { start, batch: stride(0), head: stride(1), row: stride(2) }
    }

    fn at(self, batch: usize, head: usize, row: usize) -> *mut f32 {
        self.start.at(batch * self.batch + head * self.head + row * self.row)
    }
}

/// A bias in place: a stride of 0 repeats it.
#[derive(Clone, Copy)]
struct Bias {
    start: Shared<f32>,
    strides: [isize; 4],
}

impl Bias {
    fn of(x: &FlexTensor) -> Self {
        let layout = x.layout();
        let start = Shared(Shared::of(x.storage::<f32>()).at(layout.start_offset()));
        let strides = std::array::from_fn(|it| if layout.shape()[it] == 1 { 0 } else { layout.strides()[it] });
        Self { start, strides }
    }

    fn head(self, batch: usize, head: usize) -> Self {
        let at = batch as isize * self.strides[0] + head as isize * self.strides[1];
        Self { start: Shared(self.start.0.wrapping_offset(at)), ..self }
    }

    /// # Safety
    /// The query and the key exist.
    #[inline(always)]
    unsafe fn at(self, query: usize, key: usize) -> f32 {
        // SAFETY: the caller's; the strides are those of the tensor.
        unsafe { *self.start.0.offset(query as isize * self.strides[2] + key as isize * self.strides[3]) }
    }
}

/// Flash attention (Dao et al. 2022) with everything lying on its side: queries run along the vectors, so that the maximum, the
/// exponential and the sum over keys are plain vector operations, and the weights come out as the next product wants them.
struct Flash {
    queries: *const f32,
    stride: usize,
    /// Number of the first query.
    first: usize,
    count: usize,
    /// Packed `[panel][d][ROWS]`.
    keys: *const f32,
    values: *const f32,
    nk: usize,
    d: usize,
    dv: usize,
    scale: f32,
    bias: Option<Bias>,
    causal: bool,
    out: *mut f32,
    out_stride: usize,
}

impl Kernel for Flash {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let (d, dv, wide) = (self.d, self.dv, S::COLUMNS);
        let panels = self.count.div_ceil(wide);
        // A block of keys and its values in the first-level cache, or for wide heads in the second.
        let block = if d.max(dv) <= 64 { 8 } else { 4 } * 12;
        let scratch = Buffer::new(panels * wide * (d + dv + 2) + block * wide + wide);
        // SAFETY: the parts of the scratch lie one after another; what each holds is said where it is cut off.
        unsafe {
            let queries = scratch.pointer(); // [panel][d][wide]
            let sums = queries.add(panels * wide * d); // [panel][dv][wide]
            let most = sums.add(panels * wide * dv); // [panel][wide]: the largest score so far
            let total = most.add(panels * wide); // [panel][wide]: the sum of the exponentials so far
            let scores = total.add(panels * wide); // [block][wide]
            let factor = scores.add(block * wide); // [wide]
            for panel in 0..panels {
                let rows = wide.min(self.count - panel * wide);
                let own = queries.add(panel * wide * d);
                let source = self.queries.wrapping_add(panel * wide * self.stride);
                Turn { rows, k: d, source, stride: self.stride, out: own, pitch: wide, width: wide }.run::<S>();
                for i in (0..d * wide).step_by(S::LANES) {
                    S::store(own.add(i), S::mul(S::load(own.add(i)), S::splat(self.scale)));
                }
            }
            for i in (0..panels * wide).step_by(S::LANES) {
                S::store(most.add(i), S::splat(f32::MIN));
                S::store(total.add(i), S::zero());
            }
            for i in (0..panels * wide * dv).step_by(S::LANES) {
                S::store(sums.add(i), S::zero());
            }

            let mut k0 = 0;
            while k0 < self.nk {
                let keys = block.min(self.nk - k0);
                for panel in 0..panels {
                    let first = self.first + panel * wide;
                    // How many of these keys the panel's last query sees.
                    let seen = if self.causal { (first + wide).saturating_sub(k0).min(keys) } else { keys };
                    if seen == 0 {
                        continue;
                    }
                    let own = queries.add(panel * wide * d);
                    let mut row = 0;
                    while row < seen {
                        let packed = (self.keys.add((k0 + row) * d), S::ROWS);
                        tile::<S>(d, packed, own, (scores.add(row * wide), wide), S::ROWS.min(block - row), wide, End::Set);
                        row += S::ROWS;
                    }
                    if let Some(bias) = self.bias {
                        let valid = wide.min(self.count - panel * wide);
                        for key in 0..seen {
                            for query in 0..valid {
                                *scores.add(key * wide + query) += bias.at(first + query, k0 + key);
                            }
                        }
                    }
                    if self.causal && k0 + seen > first {
                        for key in 0..seen {
                            for query in 0..(k0 + key).saturating_sub(first).min(wide) {
                                *scores.add(key * wide + query) = f32::NEG_INFINITY;
                            }
                        }
                    }
                    soften::<S>(scores, seen, most.add(panel * wide), total.add(panel * wide), factor);
                    let sums = sums.add(panel * wide * dv);
                    let mut row = 0;
                    while row < dv {
                        // Heights that divide the usual widths of a head leave no short last tile.
                        let high = if S::ROWS == 12 && dv.is_multiple_of(10) { 10 } else { S::ROWS };
                        let rows = high.min(dv - row);
                        let values = (self.values.add(k0 * dv + row), dv);
                        tile::<S>(seen, values, scores, (sums.add(row * wide), wide), rows, wide, End::Scale(factor));
                        row += rows;
                    }
                }
                k0 += keys;
            }

            for panel in 0..panels {
                let (sums, total) = (sums.add(panel * wide * dv), total.add(panel * wide));
                // A query that sees a key has a total of at least 1. The others get zeros.
                let inverse = [inverse_of::<S>(S::load(total)), inverse_of::<S>(S::load(total.add(S::LANES)))];
                for row in 0..dv {
                    for (half, &inverse) in inverse.iter().enumerate() {
                        let p = sums.add(row * wide + half * S::LANES);
                        S::store(p, S::mul(S::load(p), inverse));
                    }
                }
                let count = wide.min(self.count - panel * wide);
                let out = self.out.wrapping_add(panel * wide * self.out_stride);
                Turn { rows: dv, k: count, source: sums.cast_const(), stride: wide, out, pitch: self.out_stride, width: dv }
                    .run::<S>();
            }
        }
    }
}

/// Turns scores into exponentials, keeps the books, and says by what the sums so far must be multiplied.
#[inline(always)]
unsafe fn soften<S: Simd>(scores: *mut f32, keys: usize, most: *mut f32, total: *mut f32, factor: *mut f32) {
    // SAFETY: the caller's: `keys` rows of two vectors, and two vectors of each of the others.
    unsafe {
        let (old0, old1) = (S::load(most), S::load(most.add(S::LANES)));
        let (mut m0, mut m1) = (old0, old1);
        for key in 0..keys {
            let p = scores.add(key * S::COLUMNS);
            m0 = S::max(m0, S::load(p));
            m1 = S::max(m1, S::load(p.add(S::LANES)));
        }
        let (f0, f1) = (S::exp(S::sub(old0, m0)), S::exp(S::sub(old1, m1)));
        let (mut t0, mut t1) = (S::mul(S::load(total), f0), S::mul(S::load(total.add(S::LANES)), f1));
        for key in 0..keys {
            let p = scores.add(key * S::COLUMNS);
            let (e0, e1) = (S::exp(S::sub(S::load(p), m0)), S::exp(S::sub(S::load(p.add(S::LANES)), m1)));
            S::store(p, e0);
            S::store(p.add(S::LANES), e1);
            t0 = S::add(t0, e0);
            t1 = S::add(t1, e1);
        }
        S::store(most, m0);
        S::store(most.add(S::LANES), m1);
        S::store(total, t0);
        S::store(total.add(S::LANES), t1);
        S::store(factor, f0);
        S::store(factor.add(S::LANES), f1);
    }
}

/// `1/x`, and 0 where x is too small to be a sum that holds the exponential of 0.
#[inline(always)]
unsafe fn inverse_of<S: Simd>(x: S::V) -> S::V {
    // SAFETY: the caller's.
    unsafe { S::select_negative(S::sub(x, S::splat(0.5)), S::div(S::splat(1.0), x), S::zero()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_close, bits, flex, random};
    use burn::tensor::{Bool, Device, activation::softmax};
    use proptest::prelude::*;

    fn reference(q: Tensor<4>, k: Tensor<4>, v: Tensor<4>, bias: Option<Tensor<4>>, options: &AttentionOptions) -> Tensor<4> {
        let [_, _, nq, d] = q.dims();
        let nk = k.dims()[2];
        let scale = options.scale.unwrap_or(1.0 / (d as f64).sqrt());
        let mut scores = q.matmul(k.swap_dims(2, 3)) * scale;
        if let Some(bias) = bias {
            scores = scores + bias;
        }
        if options.causal {
            let hidden = Tensor::<2, Bool>::tril_mask([nq, nk], 0, &scores.device());
            scores = scores.mask_fill(hidden.unsqueeze::<4>(), f32::NEG_INFINITY);
        }
        softmax(scores, 3).matmul(v)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn any_shape_agrees_with_the_reference(
            (b, h) in (1usize..3, 1usize..4), nq in prop_oneof![1..=FEW, 1usize..150], nk in 1usize..240,
            (d, dv) in (1usize..50, 1usize..50),
            with_bias: bool, repeat in 0usize..16, causal: bool, scale in 0.1f64..2.0, strided: bool,
        ) {
            let make = |n: usize, d: usize, seed: u32| {
                let x = random([b, n, h, d], seed, DType::F32) * 3.0;
                let x = x.swap_dims(1, 2);
                if strided { x } else { Tensor::from_data(x.into_data(), &Device::flex()) }
            };
            let (q, k, v) = (make(nq, d, 1), make(nk, d, 2), make(nk, dv, 3));
            let full = [b, h, nq, nk];
            let shape = std::array::from_fn(|it| if repeat >> it & 1 == 1 { 1 } else { full[it] });
            let bias = with_bias.then(|| random(shape, 4, DType::F32));
            let options = AttentionOptions { scale: Some(scale), causal };
            let expected = reference(q.clone(), k.clone(), v.clone(), bias.clone(), &options);
            for &arm in Arm::available() {
                let y = cpu(arm, flex(q.clone()), flex(k.clone()), flex(v.clone()), bias.clone().map(flex), &options);
                assert_close(y, expected.clone(), 1e-4, &format!("{arm:?}"));
            }
            let y = attention(q, k, v, bias, options);
            assert_close(flex(y), expected, 1e-4, "by dispatch");
        }
    }

    #[test]
    fn wide_heads_and_usual_heads_agree_with_the_reference() {
        for d in [40, 64, 80, 128, 160, 256, 512] {
            let (q, k) = (random([1, 2, 45, d], 1, DType::F32), random([1, 2, 130, d], 2, DType::F32));
            let expected = reference(q.clone(), k.clone(), k.clone(), None, &AttentionOptions::default());
            for &arm in Arm::available() {
                let y = cpu(arm, flex(q.clone()), flex(k.clone()), flex(k.clone()), None, &AttentionOptions::default());
                assert_close(y, expected.clone(), 1e-4, &format!("{arm:?} {d}"));
            }
        }
    }

    #[test]
    fn heads_side_by_side_are_the_same_heads() {
        let (q, k) = (random([2, 9, 24], 1, DType::F32), random([2, 17, 24], 2, DType::F32));
        let y = attention_heads(q.clone(), k.clone(), k.clone(), 3, None, AttentionOptions::default());
        let apart = |x: Tensor<3>| {
            let n = x.dims()[1];
            x.reshape([2, n, 3, 8]).swap_dims(1, 2)
        };
        let expected = attention(apart(q), apart(k.clone()), apart(k), None, AttentionOptions::default());
        assert_eq!(bits(y), bits(expected.swap_dims(1, 2).reshape([2, 9, 24])));
    }

    #[test]
    fn a_query_that_sees_nothing_is_zero() {
        let x = random([1, 1, 20, 8], 1, DType::F32);
        let bias = Tensor::full([1, 1, 1, 20], f32::NEG_INFINITY, &Device::flex());
        let y = attention(x.clone(), x.clone(), x, Some(bias), AttentionOptions::default());
        assert!(bits(y).into_iter().all(|it| f32::from_bits(it) == 0.0));
    }

    #[test]
    fn scores_of_any_size_do_not_overflow() {
        let x = random([1, 1, 40, 8], 1, DType::F32) * 1e4;
        let y = attention(x.clone(), x.clone(), x, None, AttentionOptions::default());
        assert!(bits(y).into_iter().all(|it| f32::from_bits(it).is_finite()));
    }
}
