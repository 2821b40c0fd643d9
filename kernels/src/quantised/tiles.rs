//! Many rows: tiles of the weight are unpacked to f32 in the cache, and multiplied as those of any other weight.

use super::format::{CHUNK, Chunk, Format};
use crate::cpu::Shared;
use crate::cpu::int8::{ByteKernel, Int8, launch};
use crate::cpu::memory::Buffer;
use crate::cpu::simd::Arm;
use crate::cpu::tile::Turn;
use crate::linear::{Panels, many};
use std::marker::PhantomData;
use std::ops::Range;

/// `[m, k]` times `[n, k]`; rows of the result are `pitch` numbers apart.
pub(super) fn product<F: Format>(
    arm: Arm,
    x: &[f32],
    blocks: &[u8],
    bias: Option<&[f32]>,
    (out, pitch): (*mut f32, usize),
    sizes: [usize; 3],
) {
    let weight = Blocks::<F> { blocks: Shared::of(blocks), k: sizes[2], format: PhantomData };
    many(arm, x, &weight, bias, (Shared(out), pitch), sizes);
}

/// A weight `[out, in]` in blocks.
struct Blocks<F> {
    blocks: Shared<u8>,
    k: usize,
    format: PhantomData<fn() -> F>,
}

impl<F: Format> Panels for Blocks<F> {
    const UNIT: usize = CHUNK;

    unsafe fn pack(&self, arm: Arm, rows: Range<usize>, width: usize, k0: usize, depth: usize, out: *mut f32) {
        let per_row = self.k / F::NUMBERS * F::BYTES;
        let room = Buffer::new(rows.len() * depth);
        for (at, row) in rows.clone().enumerate() {
            let from = self.blocks.at(row * per_row + k0 / F::NUMBERS * F::BYTES).cast_const();
            let unpack = Unpack::<F> { from, k: depth, out: room.pointer().wrapping_add(at * depth), format: PhantomData };
            // SAFETY: the caller's: so many numbers from `k0` are in the row, and the buffer has room for them in each row.
            unsafe { launch(arm, unpack) };
        }
        let turn =
            Turn { rows: rows.len(), k: depth, source: room.pointer().cast_const(), stride: depth, out, pitch: width, width };
        // SAFETY: the rows were just written, and the caller has room for the panel.
        unsafe { arm.launch(turn) };
    }
}

/// Unpacks part of a row.
struct Unpack<F> {
    from: *const u8,
    k: usize,
    out: *mut f32,
    format: PhantomData<F>,
}

impl<F: Format> ByteKernel for Unpack<F> {
    #[inline(always)]
    unsafe fn run<I: Int8>(self) {
        let mut chunk = Chunk::EMPTY;
        for at in (0..self.k).step_by(CHUNK) {
            let numbers = CHUNK.min(self.k - at);
            // SAFETY: the contract of the kernel: `k` numbers are there in blocks, and there is room for as many floats.
            unsafe {
                F::unpack::<I>(self.from.add(at / F::NUMBERS * F::BYTES), numbers / F::NUMBERS, &mut chunk);
                chunk.numbers::<F>(std::slice::from_raw_parts_mut(self.out.add(at), numbers));
            }
        }
    }
}
