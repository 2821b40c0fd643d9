//! Products of small whole numbers, spoken by AVX-512 with VNNI, AVX2 and plain Rust.
#![expect(unsafe_op_in_unsafe_fn, reason = "every function here is one instruction or a few; the contract is the trait's")]

use super::simd::Arm;
use crate::quantised::format::{CHUNK, Chunk, Format, Halves, Plain};
use crate::quantised::rounded::Rounded;

/// A set of instructions for whole numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whole {
    #[cfg(target_arch = "x86_64")]
    Vnni,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    Portable,
}

impl Whole {
    /// What goes with an arm for floats.
    fn of(arm: Arm) -> Self {
        match arm {
            #[cfg(target_arch = "x86_64")]
            Arm::Avx512 if has_vnni() => Self::Vnni,
            #[cfg(target_arch = "x86_64")]
            Arm::Avx512 | Arm::Avx2 => Self::Avx2,
            Arm::Portable => Self::Portable,
        }
    }
}

/// Whether an arm multiplies panels of bytes.
pub(crate) fn panels(arm: Arm) -> bool {
    #[cfg(target_arch = "x86_64")]
    return Whole::of(arm) == Whole::Vnni;
    #[cfg(not(target_arch = "x86_64"))]
    false
}

/// Whether the machine multiplies bytes in vectors of 512 bits.
#[cfg(target_arch = "x86_64")]
fn has_vnni() -> bool {
    is_x86_feature_detected!("avx512bw") && is_x86_feature_detected!("avx512vl") && is_x86_feature_detected!("avx512vnni")
}

/// Work on bytes that is written once for all instruction sets.
pub(crate) trait ByteKernel {
    /// Does the work. Implementations are `inline(always)` and call only what is.
    ///
    /// # Safety
    /// The machine has the instructions of `I`, and the kernel's pointers reach what its fields describe.
    unsafe fn run<I: Int8>(self);
}

/// Runs a kernel with the instructions that go with an arm.
///
/// # Safety
/// The arm is [available](Arm::available), and the kernel's own contract holds.
pub(crate) unsafe fn launch<K: ByteKernel>(arm: Arm, kernel: K) {
    match Whole::of(arm) {
        #[cfg(target_arch = "x86_64")]
        Whole::Vnni => vnni(kernel),
        #[cfg(target_arch = "x86_64")]
        Whole::Avx2 => avx2(kernel),
        Whole::Portable => kernel.run::<Portable>(),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni,avx2,fma,f16c")]
unsafe fn vnni<K: ByteKernel>(kernel: K) {
    kernel.run::<x86::Vnni>();
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn avx2<K: ByteKernel>(kernel: K) {
    kernel.run::<x86::Avx2>();
}

/// Sums over bytes and what can be done with them.
///
/// # Safety
/// Every function needs the machine to have the instructions.
pub(crate) trait Int8: Halves + Copy + 'static {
    /// Partial sums in f32.
    type Sums: Copy;

    /// Asks for memory that will be read soon; it need not be there.
    #[inline(always)]
    unsafe fn fetch(_: *const u8, _: usize) {}
    unsafe fn zero() -> Self::Sums;
    unsafe fn total(sums: Self::Sums) -> f32;
    /// Adds the product of a chunk with a chunk of rounded numbers, of which only the first `pieces` pieces of 64 count.
    unsafe fn add<F: Format>(sums: Self::Sums, chunk: &Chunk, x: &Rounded, pieces: usize) -> Self::Sums;
}

/// Whatever the compiler makes of it.
#[derive(Clone, Copy)]
pub(crate) struct Portable;

impl Halves for Portable {
    #[inline(always)]
    unsafe fn widen(half: u16) -> f32 {
        Plain::widen(half)
    }

    #[inline(always)]
    unsafe fn widen_eight(halves: [u16; 8]) -> [f32; 8] {
        Plain::widen_eight(halves)
    }

    #[inline(always)]
    unsafe fn spread(bits: u32) -> [u8; 32] {
        Plain::spread(bits)
    }
}

impl Int8 for Portable {
    type Sums = f32;

    #[inline(always)]
    unsafe fn zero() -> f32 {
        0.0
    }

    #[inline(always)]
    unsafe fn total(sums: f32) -> f32 {
        sums
    }

    #[inline(always)]
    unsafe fn add<F: Format>(mut sums: f32, chunk: &Chunk, x: &Rounded, pieces: usize) -> f32 {
        let codes = chunk.codes.chunks_exact(F::GROUP).zip(x.codes.chunks_exact(F::GROUP));
        for (group, (codes, x_codes)) in codes.enumerate().take(pieces * 64 / F::GROUP) {
            let dot: i32 = codes.iter().zip(x_codes).map(|(a, b)| i32::from(*a) * i32::from(*b)).sum();
            let minimum = chunk.minimum::<F>(group);
            sums += chunk.scales[group] * x.scales::<F>()[group] * dot as f32 - minimum * x.sums::<F>()[group];
        }
        sums
    }
}

impl Chunk {
    /// What is taken away from a code times its scale, the offset included.
    #[inline(always)]
    fn minimum<F: Format>(&self, group: usize) -> f32 {
        let offset = f32::from(F::OFFSET) * self.scales[group];
        if F::MINIMA { offset + self.minima[group] } else { offset }
    }
}

#[cfg(target_arch = "x86_64")]
pub(crate) mod x86 {
    use super::*;
    use std::arch::x86_64::*;

    #[inline(always)]
    unsafe fn widen(half: u16) -> f32 {
        _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(i32::from(half))))
    }

    #[inline(always)]
    unsafe fn fetch(from: *const u8, bytes: usize) {
        for line in 0..bytes.div_ceil(64) {
            _mm_prefetch::<_MM_HINT_T0>(from.wrapping_add(64 * line).cast());
        }
    }

    /// Sixteen partial sums; a chunk is four vectors of codes.
    #[derive(Clone, Copy)]
    pub(crate) struct Vnni;

    impl Halves for Vnni {
        #[inline(always)]
        unsafe fn widen(half: u16) -> f32 {
            widen(half)
        }

        #[inline(always)]
        unsafe fn widen_eight(halves: [u16; 8]) -> [f32; 8] {
            std::mem::transmute(_mm256_cvtph_ps(std::mem::transmute::<[u16; 8], __m128i>(halves)))
        }

        #[inline(always)]
        unsafe fn spread(bits: u32) -> [u8; 32] {
            std::mem::transmute(_mm256_movm_epi8(bits))
        }
    }

    impl Int8 for Vnni {
        type Sums = [__m512; 2];

        #[inline(always)]
        unsafe fn fetch(from: *const u8, bytes: usize) {
            fetch(from, bytes);
        }

        #[inline(always)]
        unsafe fn zero() -> Self::Sums {
            [_mm512_setzero_ps(); 2]
        }

        #[inline(always)]
        unsafe fn total(sums: Self::Sums) -> f32 {
            _mm512_reduce_add_ps(_mm512_add_ps(sums[0], sums[1]))
        }

        #[inline(always)]
        unsafe fn add<F: Format>(mut sums: Self::Sums, chunk: &Chunk, x: &Rounded, pieces: usize) -> Self::Sums {
            let scales = _mm512_loadu_ps(chunk.scales.as_ptr());
            let factors = _mm512_mul_ps(scales, _mm512_loadu_ps(x.scales::<F>().as_ptr()));
            if F::MINIMA || F::OFFSET != 0 {
                let mut minima = if F::MINIMA { _mm512_loadu_ps(chunk.minima.as_ptr()) } else { _mm512_setzero_ps() };
                if F::OFFSET != 0 {
                    minima = _mm512_fmadd_ps(scales, _mm512_set1_ps(f32::from(F::OFFSET)), minima);
                }
                sums[1] = _mm512_fnmadd_ps(minima, _mm512_loadu_ps(x.sums::<F>().as_ptr()), sums[1]);
            }
            let group = |lane: usize| (4 * lane / F::GROUP) as i32;
            let lanes: [i32; 16] = std::array::from_fn(group);
            let first = _mm512_loadu_si512(lanes.as_ptr().cast());
            for piece in 0..pieces {
                let codes = _mm512_loadu_si512(chunk.codes.as_ptr().add(64 * piece).cast());
                let others = _mm512_loadu_si512(x.codes.as_ptr().add(64 * piece).cast());
                let dots = _mm512_cvtepi32_ps(_mm512_dpbusd_epi32(_mm512_setzero_si512(), codes, others));
                let at = _mm512_add_epi32(first, _mm512_set1_epi32((64 / F::GROUP * piece) as i32));
                let factor = _mm512_permutexvar_ps(at, factors);
                sums[piece % 2] = _mm512_fmadd_ps(dots, factor, sums[piece % 2]);
            }
            sums
        }
    }

    /// Eight partial sums; a chunk is eight vectors of codes.
    #[derive(Clone, Copy)]
    pub(crate) struct Avx2;

    impl Halves for Avx2 {
        #[inline(always)]
        unsafe fn widen(half: u16) -> f32 {
            widen(half)
        }

        #[inline(always)]
        unsafe fn widen_eight(halves: [u16; 8]) -> [f32; 8] {
            std::mem::transmute(_mm256_cvtph_ps(std::mem::transmute::<[u16; 8], __m128i>(halves)))
        }

        #[inline(always)]
        unsafe fn spread(bits: u32) -> [u8; 32] {
            let lane = _mm256_set_epi64x(0x0303_0303_0303_0303, 0x0202_0202_0202_0202, 0x0101_0101_0101_0101, 0);
            let bit = _mm256_set1_epi64x(0x8040_2010_0804_0201_u64 as i64);
            let bytes = _mm256_shuffle_epi8(_mm256_set1_epi32(bits as i32), lane);
            std::mem::transmute(_mm256_cmpeq_epi8(_mm256_and_si256(bytes, bit), bit))
        }
    }

    impl Avx2 {
        /// The product of 32 codes, their offset taken off where they need all 8 bits, with 32 signed bytes, in fours.
        #[inline(always)]
        unsafe fn dots<F: Format>(codes: __m256i, others: __m256i) -> __m256i {
            // Pairs are added in 16 bits, which two products of 255 by 127 would overflow.
            let pairs = if F::OFFSET == 128 {
                let signed = _mm256_xor_si256(codes, _mm256_set1_epi8(-128));
                _mm256_maddubs_epi16(_mm256_abs_epi8(signed), _mm256_sign_epi8(others, signed))
            } else {
                _mm256_maddubs_epi16(codes, others)
            };
            _mm256_madd_epi16(pairs, _mm256_set1_epi16(1))
        }
    }

    impl Int8 for Avx2 {
        type Sums = [__m256; 2];

        #[inline(always)]
        unsafe fn fetch(from: *const u8, bytes: usize) {
            fetch(from, bytes);
        }

        #[inline(always)]
        unsafe fn zero() -> Self::Sums {
            [_mm256_setzero_ps(); 2]
        }

        #[inline(always)]
        unsafe fn total(sums: Self::Sums) -> f32 {
            let sum = _mm256_add_ps(sums[0], sums[1]);
            let sum = _mm_add_ps(_mm256_castps256_ps128(sum), _mm256_extractf128_ps::<1>(sum));
            let sum = _mm_add_ps(sum, _mm_movehl_ps(sum, sum));
            _mm_cvtss_f32(_mm_add_ss(sum, _mm_shuffle_ps::<1>(sum, sum)))
        }

        #[inline(always)]
        unsafe fn add<F: Format>(mut sums: Self::Sums, chunk: &Chunk, x: &Rounded, pieces: usize) -> Self::Sums {
            let offset = F::OFFSET % 128;
            let group = |lane: usize| (4 * lane / F::GROUP) as i32;
            let lanes: [i32; 8] = std::array::from_fn(group);
            let first = _mm256_loadu_si256(lanes.as_ptr().cast());
            for half in 0..CHUNK / F::GROUP / 8 {
                let scales = _mm256_loadu_ps(chunk.scales.as_ptr().add(8 * half));
                let factors = _mm256_mul_ps(scales, _mm256_loadu_ps(x.scales::<F>().as_ptr().add(8 * half)));
                if F::MINIMA || offset != 0 {
                    let mut minima =
                        if F::MINIMA { _mm256_loadu_ps(chunk.minima.as_ptr().add(8 * half)) } else { _mm256_setzero_ps() };
                    if offset != 0 {
                        minima = _mm256_fmadd_ps(scales, _mm256_set1_ps(f32::from(offset)), minima);
                    }
                    sums[1] = _mm256_fnmadd_ps(minima, _mm256_loadu_ps(x.sums::<F>().as_ptr().add(8 * half)), sums[1]);
                }
                for vector in 0..F::GROUP / 4 {
                    let at = 8 * F::GROUP * half + 32 * vector;
                    if at >= 64 * pieces {
                        break;
                    }
                    let codes = _mm256_loadu_si256(chunk.codes.as_ptr().add(at).cast());
                    let others = _mm256_loadu_si256(x.codes.as_ptr().add(at).cast());
                    let dots = _mm256_cvtepi32_ps(Self::dots::<F>(codes, others));
                    let lanes = _mm256_add_epi32(first, _mm256_set1_epi32((32 / F::GROUP * vector) as i32));
                    sums[0] = _mm256_fmadd_ps(dots, _mm256_permutevar8x32_ps(factors, lanes), sums[0]);
                }
            }
            sums
        }
    }
}
