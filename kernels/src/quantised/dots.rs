//! Few rows: each block of the weight is unpacked once, into bytes that stay in the first-level cache, and used at once.

use super::Part;
use super::format::{CHUNK, Chunk, Format, with_format};
use super::rounded::Rounded;
use crate::cpu::int8::{ByteKernel, Int8, launch};
use crate::cpu::memory::Buffer;
use crate::cpu::simd::Arm;
use crate::cpu::{Shared, parallel, threads};

/// The least and most outputs that one task makes.
const OUTPUTS: [usize; 2] = [16, 128];
/// So many blocks of 32 take less time than waking another thread.
const SMALL: usize = 8192;
/// Chunks that are unpacked together.
const TOGETHER: usize = 4;
/// Bytes between what is unpacked and what is fetched from memory.
const AHEAD: usize = 2048;
/// Rows that one task rounds.
const ROWS: usize = 8;

/// `[m, k]` times the weights, whose outputs are columns of `[m, n]` side by side.
pub(super) fn product(arm: Arm, x: &[f32], parts: &[Part<'_>], bias: Option<&[f32]>, out: *mut f32, [m, n, k]: [usize; 3]) {
    let (room, rounded) = round(arm, x, m, k);
    let out = Shared(out);
    let share = (n / (8 * threads())).next_multiple_of(TOGETHER).clamp(OUTPUTS[0], OUTPUTS[1]);
    let small = m * n * k / 32 <= SMALL;
    let share = if small { n.max(1) } else { share };
    let task = |task: usize| {
        // Shares are counted from part to part.
        let (mut part, mut number) = (0, task);
        while number >= parts[part].n.div_ceil(share) {
            number -= parts[part].n.div_ceil(share);
            part += 1;
        }
        let Part { blocks, format, n: own, at } = parts[part];
        let from = number * share;
        with_format!(format, F => {
            let kernel = Dots::<F> {
                from,
                to: (from + share).min(own),
                x: rounded.at(0),
                blocks: blocks.as_ptr(),
                bias: bias.map(|it| Shared::of(&it[at..])),
                out: out.at(at),
                sizes: [m, n, k],
                format: std::marker::PhantomData,
            };
            // SAFETY: each task reads its rows of a weight and all of x, and writes its columns of the result.
            unsafe { launch(arm, kernel) };
        });
    };
    let tasks = parts.iter().map(|it| it.n.div_ceil(share)).sum();
    if small {
        (0..tasks).for_each(task);
    } else {
        parallel(tasks, task);
    }
    drop(room);
}

/// Rounds all rows; the chunks are in the buffer, row by row.
pub(super) fn round(arm: Arm, x: &[f32], m: usize, k: usize) -> (Buffer, Shared<Rounded>) {
    let chunks = k.div_ceil(CHUNK);
    let room = Buffer::new(m * chunks * (size_of::<Rounded>() / size_of::<f32>()));
    let (x, rounded) = (Shared::of(x), Shared(room.pointer().cast::<Rounded>()));
    parallel(m.div_ceil(ROWS), |task| {
        for row in task * ROWS..((task + 1) * ROWS).min(m) {
            // SAFETY: the buffer begins at a cache line and has a row of chunks for each row of x.
            unsafe { launch(arm, Round { x: x.at(row * k), k, out: rounded.at(row * chunks) }) };
        }
    });
    (room, rounded)
}

/// Rounds a row.
struct Round {
    x: *const f32,
    k: usize,
    out: *mut Rounded,
}

impl ByteKernel for Round {
    #[inline(always)]
    unsafe fn run<I: Int8>(self) {
        // SAFETY: the contract of the kernel: `k` numbers, and room for their chunks, which are plain floats and bytes.
        let (x, out) = unsafe {
            let chunks = self.k.div_ceil(CHUNK);
            std::ptr::write_bytes(self.out, 0, chunks);
            (std::slice::from_raw_parts(self.x, self.k), std::slice::from_raw_parts_mut(self.out, chunks))
        };
        Rounded::row(x, out);
    }
}

struct Dots<F> {
    from: usize,
    to: usize,
    x: *const Rounded,
    blocks: *const u8,
    bias: Option<Shared<f32>>,
    out: *mut f32,
    /// Rows, numbers from row to row of the result, inputs.
    sizes: [usize; 3],
    format: std::marker::PhantomData<F>,
}

impl<F: Format> ByteKernel for Dots<F> {
    #[inline(always)]
    unsafe fn run<I: Int8>(self) {
        let m = self.sizes[0];
        let mut row = 0;
        while row < m {
            // SAFETY: the contract of the kernel; rows are counted off.
            unsafe {
                if m - row >= 4 {
                    self.rows::<I, 4>(row);
                    row += 4;
                } else if m - row >= 2 {
                    self.rows::<I, 2>(row);
                    row += 2;
                } else {
                    self.rows::<I, 1>(row);
                    row += 1;
                }
            }
        }
    }
}

impl<F: Format> Dots<F> {
    /// # Safety
    /// `M` rows from `row` exist.
    #[inline(always)]
    unsafe fn rows<I: Int8, const M: usize>(&self, row: usize) {
        let long = self.sizes[2] >= TOGETHER * CHUNK;
        let mut output = self.from;
        while output < self.to {
            // SAFETY: outputs are counted off.
            unsafe {
                if long {
                    self.block::<I, M, 1, TOGETHER>(row, output);
                    output += 1;
                } else if self.to - output >= TOGETHER {
                    self.block::<I, M, TOGETHER, 1>(row, output);
                    output += TOGETHER;
                } else {
                    self.block::<I, M, 1, 1>(row, output);
                    output += 1;
                }
            }
        }
    }

    /// `O` outputs, whose blocks follow each other, `C` chunks of each at once.
    ///
    /// # Safety
    /// `M` rows from `row` and `O` outputs from `output` exist.
    #[inline(always)]
    unsafe fn block<I: Int8, const M: usize, const O: usize, const C: usize>(&self, row: usize, output: usize) {
        let [_, n, k] = self.sizes;
        let per_row = k / F::NUMBERS * F::BYTES;
        let chunks = k.div_ceil(CHUNK);
        // SAFETY: all indices are below those of the last output, row and chunk.
        unsafe {
            let blocks = self.blocks.add(output * per_row);
            let x = self.x.add(row * chunks);
            let mut unpacked = [const { [const { Chunk::EMPTY }; C] }; O];
            let mut sums = [[I::zero(); M]; O];
            let mut at = 0;
            while (at + C) * CHUNK <= k {
                // First all of them, then the products: what was just written cannot be read in wider pieces at once.
                for (o, unpacked) in unpacked.iter_mut().enumerate() {
                    for (c, chunk) in unpacked.iter_mut().enumerate() {
                        let from = blocks.add(o * per_row + (at + c) * (CHUNK / F::NUMBERS * F::BYTES));
                        I::fetch(from.wrapping_add(AHEAD), CHUNK / F::NUMBERS * F::BYTES);
                        F::unpack::<I>(from, CHUNK / F::NUMBERS, chunk);
                    }
                }
                for (unpacked, sums) in unpacked.iter().zip(&mut sums) {
                    for (c, chunk) in unpacked.iter().enumerate() {
                        for (i, sums) in sums.iter_mut().enumerate() {
                            *sums = I::add::<F>(*sums, chunk, &*x.add(i * chunks + at + c), CHUNK / 64);
                        }
                    }
                }
                at += C;
            }
            while at < chunks {
                let numbers = CHUNK.min(k - at * CHUNK);
                for (o, unpacked) in unpacked.iter_mut().enumerate() {
                    let from = blocks.add(o * per_row + at * (CHUNK / F::NUMBERS * F::BYTES));
                    F::unpack::<I>(from, numbers / F::NUMBERS, &mut unpacked[0]);
                }
                for (unpacked, sums) in unpacked.iter().zip(&mut sums) {
                    for (i, sums) in sums.iter_mut().enumerate() {
                        *sums = I::add::<F>(*sums, &unpacked[0], &*x.add(i * chunks + at), numbers.div_ceil(64));
                    }
                }
                at += 1;
            }
            for (o, sums) in sums.into_iter().enumerate() {
                let bias = self.bias.map_or(0.0, |it| *it.0.add(output + o));
                for (i, sums) in sums.into_iter().enumerate() {
                    *self.out.add((row + i) * n + output + o) = I::total(sums) + bias;
                }
            }
        }
    }
}
