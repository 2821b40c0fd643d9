//! Many rows with AVX-512 and VNNI: panels of codes stay bytes, and so do the rows, down to the products.
//!
//! A panel is 32 outputs over all inputs. The codes of 16 outputs lie side by side in fours, as the instruction takes them, so that a sum
//! stays in its lane: only the scales of each group cost floats. What a format takes away from each number goes with the sums of the
//! rounded rows.
#![expect(unsafe_op_in_unsafe_fn, reason = "inner loops of vector instructions; their contract is the product's")]

use super::dots::round;
use super::format::{CHUNK, Chunk, Format, GROUPS};
use super::rounded::Rounded;
use crate::cpu::int8::x86::Vnni;
use crate::cpu::memory::Buffer;
use crate::cpu::simd::{Arm, Simd, x86::Avx512};
use crate::cpu::{Shared, parallel};
use std::arch::x86_64::*;

/// Outputs in half a panel: the lanes of a vector.
const HALF: usize = 16;
/// Bytes of codes of half a chunk.
const CODES: usize = HALF * CHUNK;
/// Bytes of a chunk of a panel: the codes of both halves, then scales and what is taken away, `[group][output]`.
const BYTES: usize = 2 * CODES + 2 * FACTORS;
/// Bytes of a chunk's factors.
const FACTORS: usize = GROUPS * 2 * HALF * size_of::<f32>();

/// `[m, k]` times `[n, k]`; rows of the result are `pitch` numbers apart. The machine has the instructions.
pub(super) fn product<F: Format>(
    x: &[f32],
    blocks: &[u8],
    bias: Option<&[f32]>,
    (out, pitch): (*mut f32, usize),
    [m, n, k]: [usize; 3],
) {
    let chunks = k.div_ceil(CHUNK);
    let (room, rounded) = round(Arm::Avx512, x, m, k);
    let (blocks, out) = (Shared::of(blocks), Shared(out));
    let bias = bias.map(Shared::of);
    parallel(n.div_ceil(2 * HALF), |task| {
        let from = task * 2 * HALF;
        let panel = Buffer::new(chunks * BYTES / size_of::<f32>());
        let to = panel.pointer().cast::<u8>();
        let per_row = k / F::NUMBERS * F::BYTES;
        let tile = Tile {
            panel: to.cast_const(),
            x: rounded.at(0).cast_const(),
            k,
            bias: bias.map(|it| it.at(from).cast_const()),
            out: out.at(from),
            pitch,
            columns: (n - from).min(2 * HALF),
        };
        // SAFETY: the caller saw the instructions; each task reads its rows of the weight and all of x, and writes its columns.
        unsafe {
            pack::<F>(blocks.at(from * per_row), tile.columns, per_row, k, to);
            tile.all::<F>(m);
        }
    });
    drop(room);
}

/// Unpacks up to 32 rows of a weight; those that are not there become zeros.
///
/// # Safety
/// The rows are there, the panel has room, and the machine has the instructions.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni,avx2,fma,f16c")]
unsafe fn pack<F: Format>(blocks: *const u8, rows: usize, per_row: usize, k: usize, panel: *mut u8) {
    let mut unpacked = [const { Chunk::EMPTY }; HALF];
    for at in 0..k.div_ceil(CHUNK) {
        let chunk = panel.add(at * BYTES);
        let count = CHUNK.min(k - at * CHUNK) / F::NUMBERS;
        for half in 0..2 {
            for (row, unpacked) in unpacked.iter_mut().enumerate() {
                let row = half * HALF + row;
                if row < rows {
                    F::unpack::<Vnni>(blocks.add(row * per_row + at * (CHUNK / F::NUMBERS) * F::BYTES), count, unpacked);
                } else {
                    *unpacked = Chunk::EMPTY;
                }
            }
            for piece in 0..CHUNK / 64 {
                let mut square = Avx512::square();
                for (row, unpacked) in square.iter_mut().zip(&unpacked) {
                    *row = Avx512::load(unpacked.codes.as_ptr().add(64 * piece).cast());
                }
                Avx512::transpose(&mut square);
                for (four, codes) in square.iter().enumerate() {
                    Avx512::store(chunk.add(half * CODES + (piece * HALF + four) * 64).cast(), *codes);
                }
            }
            let (mut scales, mut minima) = (Avx512::square(), Avx512::square());
            for (row, unpacked) in unpacked.iter().enumerate() {
                scales[row] = Avx512::load(unpacked.scales.as_ptr());
                let offset = Avx512::mul(scales[row], Avx512::splat(f32::from(F::OFFSET)));
                minima[row] = if F::MINIMA { Avx512::add(Avx512::load(unpacked.minima.as_ptr()), offset) } else { offset };
            }
            Avx512::transpose(&mut scales);
            Avx512::transpose(&mut minima);
            let factors = chunk.add(2 * CODES).cast::<f32>();
            for group in 0..CHUNK / F::GROUP {
                let to = factors.add((2 * group + half) * HALF);
                Avx512::store(to, scales[group]);
                Avx512::store(to.add(FACTORS / size_of::<f32>()), minima[group]);
            }
        }
    }
}

/// The products of a panel.
struct Tile {
    panel: *const u8,
    x: *const Rounded,
    k: usize,
    bias: Option<*const f32>,
    out: *mut f32,
    pitch: usize,
    columns: usize,
}

impl Tile {
    /// # Safety
    /// As [`Tile::rows`], for `m` rows.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni,avx2,fma,f16c")]
    unsafe fn all<F: Format>(&self, m: usize) {
        let mut row = 0;
        while row < m {
            row += match m - row {
                1 => self.rows::<F, 1>(row),
                2 => self.rows::<F, 2>(row),
                3 => self.rows::<F, 3>(row),
                4 | 7 | 8 => self.rows::<F, 4>(row),
                5 | 9 | 10 => self.rows::<F, 5>(row),
                _ => self.rows::<F, 6>(row),
            };
        }
    }

    /// Multiplies `M` rows; returns how many that were.
    ///
    /// # Safety
    /// The rows, the panel, the bias and the result are there, and the machine has the instructions.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni,avx2,fma,f16c")]
    unsafe fn rows<F: Format, const M: usize>(&self, row: usize) -> usize {
        let chunks = self.k.div_ceil(CHUNK);
        let mut sums = [[_mm512_setzero_ps(); 2]; M];
        for at in 0..chunks {
            let chunk = self.panel.add(at * BYTES);
            let factors = chunk.add(2 * CODES).cast::<f32>();
            let x: [*const Rounded; M] = std::array::from_fn(|it| self.x.add((row + it) * chunks + at));
            for group in 0..CHUNK.min(self.k - at * CHUNK) / F::GROUP {
                let mut dots = [[_mm512_setzero_si512(); 2]; M];
                for four in group * F::GROUP / 4..(group + 1) * F::GROUP / 4 {
                    let one = _mm512_loadu_si512(chunk.add(64 * four).cast());
                    let other = _mm512_loadu_si512(chunk.add(CODES + 64 * four).cast());
                    for (dots, x) in dots.iter_mut().zip(&x) {
                        let codes = _mm512_set1_epi32((**x).codes.as_ptr().add(4 * four).cast::<i32>().read());
                        dots[0] = _mm512_dpbusd_epi32(dots[0], one, codes);
                        dots[1] = _mm512_dpbusd_epi32(dots[1], other, codes);
                    }
                }
                for half in 0..2 {
                    let scales = _mm512_loadu_ps(factors.add((2 * group + half) * HALF));
                    let minima = _mm512_loadu_ps(factors.add(FACTORS / size_of::<f32>() + (2 * group + half) * HALF));
                    for (row, x) in x.iter().enumerate() {
                        let factor = _mm512_mul_ps(scales, _mm512_set1_ps((**x).scales::<F>()[group]));
                        let sum = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dots[row][half]), factor, sums[row][half]);
                        let away = _mm512_set1_ps((**x).sums::<F>()[group]);
                        let less = if F::MINIMA || F::OFFSET != 0 { _mm512_fnmadd_ps(minima, away, sum) } else { sum };
                        sums[row][half] = less;
                    }
                }
            }
        }
        for (i, sums) in sums.into_iter().enumerate() {
            for (half, sum) in sums.into_iter().enumerate() {
                let count = self.columns.saturating_sub(half * HALF).min(HALF);
                let mask = ((1_u32 << count) - 1) as __mmask16;
                let bias = match self.bias {
                    Some(bias) => _mm512_maskz_loadu_ps(mask, bias.wrapping_add(half * HALF)),
                    None => _mm512_setzero_ps(),
                };
                let to = self.out.wrapping_add((row + i) * self.pitch + half * HALF);
                _mm512_mask_storeu_ps(to, mask, _mm512_add_ps(sum, bias));
            }
        }
        M
    }
}
