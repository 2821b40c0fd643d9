//! Attention of a few queries, as when a language model writes: keys and values are read once, where they lie.
//!
//! [`Flash`](super::Flash) packs them for its tiles, which pays when many queries ask. Here each task takes some keys of one head, and the
//! parts are put together with the largest score and the sum of the exponentials of each (as in flash decoding, Dao et al. 2023).

use super::{Bias, Heads};
use crate::cpu::memory::Buffer;
use crate::cpu::simd::{Arm, Kernel, Simd};
use crate::cpu::{Shared, block, launch_all, parallel, threads};

/// Up to so many queries are few.
pub(super) const FEW: usize = 8;
/// Keys below which a task is not worth being handed to a thread.
const SHARE: usize = 64;
/// Queries that share each key while it is in the registers.
const SIDE_BY_SIDE: usize = 4;
/// Rows between what is read and what is fetched from memory: rows of one head lie far apart, and no machine guesses the next one.
const AHEAD: usize = 8;

/// What is asked, and where the answers go: `[batch, query, head, dv]`.
pub(super) struct Asked<'a> {
    pub(super) q: Heads,
    pub(super) k: Heads,
    pub(super) v: Heads,
    pub(super) bias: Option<Bias>,
    /// Batch, heads, queries, keys.
    pub(super) sizes: [usize; 4],
    pub(super) d: usize,
    pub(super) dv: usize,
    pub(super) scale: f32,
    pub(super) causal: bool,
    pub(super) out: &'a Buffer,
}

impl Asked<'_> {
    pub(super) fn answer(&self, arm: Arm) {
        let [b, h, nq, nk] = self.sizes;
        let dv = self.dv;
        let heads = b * h;
        // A few shares for each thread, so that none waits long for another.
        let share = block(nk, nk.div_ceil((4 * threads()).div_ceil(heads.max(1))).max(SHARE), 1);
        let shares = nk.div_ceil(share);
        let record = nq * (dv + 2);
        let parts = Buffer::new(heads * shares * record);
        let (parts_at, target) = (Shared(parts.pointer()), Shared(self.out.pointer()));
        // SAFETY: each task reads its queries and some keys and values of one head, and writes its own record.
        unsafe {
            launch_all(arm, heads * shares, |task| {
                let (head, from) = (task / shares, task % shares * share);
                let (picture, head_of) = (head / h, head % h);
                Scan {
                    queries: self.q.at(picture, head_of, 0),
                    query_stride: self.q.row,
                    count: nq,
                    keys: self.k.at(picture, head_of, from),
                    key_stride: self.k.row,
                    values: self.v.at(picture, head_of, from),
                    value_stride: self.v.row,
                    first: from,
                    nk: share.min(nk - from),
                    d: self.d,
                    dv,
                    scale: self.scale,
                    bias: self.bias.map(|it| it.head(picture, head_of)),
                    causal: self.causal,
                    out: parts_at.at(task * record),
                }
            });
        }
        let together = |task: usize| {
            let (head, query) = (task / nq, task % nq);
            let (picture, head_of) = (head / h, head % h);
            // SAFETY: each task reads the records of its query, which are written, and writes its own row of the result.
            unsafe {
                let row = std::slice::from_raw_parts_mut(target.at(((picture * nq + query) * h + head_of) * dv), dv);
                let part = |share: usize| {
                    let at = parts_at.at((head * shares + share) * record + query * (dv + 2));
                    std::slice::from_raw_parts(at.cast_const(), dv + 2)
                };
                let most = (0..shares).map(|it| part(it)[dv]).fold(f32::MIN, f32::max);
                let factor = |share: usize| (part(share)[dv] - most).exp();
                let total: f32 = (0..shares).map(|it| factor(it) * part(it)[dv + 1]).sum();
                // A query that sees a key has a total of at least 1. The others get zeros.
                let inverse = if total < 0.5 { 0.0 } else { 1.0 / total };
                row.fill(0.0);
                for share in 0..shares {
                    let factor = factor(share) * inverse;
                    row.iter_mut().zip(part(share)).for_each(|(sum, it)| *sum += factor * it);
                }
            }
        };
        // Too little to be handed to another thread, but for very many heads.
        match heads * nq * shares * dv {
            0..65_536 => (0..heads * nq).for_each(together),
            _ => parallel(heads * nq, together),
        }
    }
}

/// Some keys of one head, and all queries.
struct Scan {
    queries: *const f32,
    query_stride: usize,
    count: usize,
    keys: *const f32,
    key_stride: usize,
    values: *const f32,
    value_stride: usize,
    /// Number of the first key.
    first: usize,
    nk: usize,
    d: usize,
    dv: usize,
    scale: f32,
    bias: Option<Bias>,
    causal: bool,
    /// For each query: the sum of values, `dv` numbers, the largest score, the sum of the exponentials.
    out: *mut f32,
}

impl Kernel for Scan {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let pitch = self.nk.next_multiple_of(S::LANES);
        let scores = Buffer::new(SIDE_BY_SIDE * pitch);
        for first in (0..self.count).step_by(SIDE_BY_SIDE) {
            // SAFETY: the caller's; the queries are counted off, and the scratch has a row for each of four.
            unsafe {
                match self.count - first {
                    1 => self.some::<S, 1>(first, scores.pointer(), pitch),
                    2 => self.some::<S, 2>(first, scores.pointer(), pitch),
                    3 => self.some::<S, 3>(first, scores.pointer(), pitch),
                    _ => self.some::<S, SIDE_BY_SIDE>(first, scores.pointer(), pitch),
                }
            }
        }
    }
}

impl Scan {
    /// # Safety
    /// The contract of the kernel; the queries `first..first + Q` exist, and `scores` has a row of `pitch` numbers for each.
    #[inline(always)]
    unsafe fn some<S: Simd, const Q: usize>(&self, first: usize, scores: *mut f32, pitch: usize) {
        // SAFETY: rows of keys and queries have `d` numbers, those of values `dv`; what goes beyond whole lanes is read in part.
        unsafe {
            let mut most = [f32::MIN; Q];
            for key in 0..self.nk {
                let row = self.keys.add(key * self.key_stride);
                let mut sums = [S::zero(); Q];
                let mut at = 0;
                while at < self.d {
                    let lanes = S::LANES.min(self.d - at);
                    let load = |p: *const f32| if lanes == S::LANES { S::load(p) } else { S::load_part(p, lanes) };
                    S::fetch(row.wrapping_add(AHEAD * self.key_stride + at).cast());
                    let key = load(row.add(at));
                    for (query, sum) in sums.iter_mut().enumerate() {
                        *sum = S::fma(load(self.queries.add((first + query) * self.query_stride + at)), key, *sum);
                    }
                    at += lanes;
                }
                for (query, sum) in sums.into_iter().enumerate() {
                    let mut score = S::sum(sum) * self.scale;
                    if let Some(bias) = self.bias {
                        score += bias.at(first + query, self.first + key);
                    }
                    if self.causal && self.first + key > first + query {
                        score = f32::NEG_INFINITY;
                    }
                    most[query] = most[query].max(score);
                    *scores.add(query * pitch + key) = score;
                }
            }
            for (query, most) in most.into_iter().enumerate() {
                let scores = scores.add(query * pitch);
                (self.nk..pitch).for_each(|it| *scores.add(it) = f32::NEG_INFINITY);
                let mut total = S::zero();
                for at in (0..pitch).step_by(S::LANES) {
                    let part = S::exp(S::sub(S::load(scores.add(at)), S::splat(most)));
                    S::store(scores.add(at), part);
                    total = S::add(total, part);
                }
                let record = self.out.add((first + query) * (self.dv + 2) + self.dv);
                *record = most;
                *record.add(1) = S::sum(total);
            }
            let mut at = 0;
            while at + 2 * S::LANES <= self.dv {
                self.values::<S, Q, 2>(first, scores, pitch, at, S::LANES);
                at += 2 * S::LANES;
            }
            while at < self.dv {
                let lanes = S::LANES.min(self.dv - at);
                self.values::<S, Q, 1>(first, scores, pitch, at, lanes);
                at += lanes;
            }
        }
    }

    /// Sums `W` vectors of values from channel `at`; the last of them has `lanes` numbers.
    ///
    /// # Safety
    /// As [`Self::some`]; the channels exist.
    #[inline(always)]
    unsafe fn values<S: Simd, const Q: usize, const W: usize>(
        &self,
        first: usize,
        scores: *const f32,
        pitch: usize,
        at: usize,
        lanes: usize,
    ) {
        // SAFETY: the caller's. What is fetched may lie anywhere.
        unsafe {
            let mut sums = [[S::zero(); W]; Q];
            for key in 0..self.nk {
                let row = self.values.add(key * self.value_stride + at);
                let values: [S::V; W] = std::array::from_fn(|it| {
                    S::fetch(row.wrapping_add(AHEAD * self.value_stride + it * S::LANES).cast());
                    let p = row.add(it * S::LANES);
                    if lanes == S::LANES { S::load(p) } else { S::load_part(p, lanes) }
                });
                for (query, sums) in sums.iter_mut().enumerate() {
                    let score = S::splat(*scores.add(query * pitch + key));
                    for (sum, value) in sums.iter_mut().zip(values) {
                        *sum = S::fma(score, value, *sum);
                    }
                }
            }
            for (query, sums) in sums.into_iter().enumerate() {
                let out = self.out.add((first + query) * (self.dv + 2) + at);
                for (part, sum) in sums.into_iter().enumerate() {
                    S::store_part(out.add(part * S::LANES), sum, lanes);
                }
            }
        }
    }
}
