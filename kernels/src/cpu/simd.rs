//! One vocabulary for vectors of f32, spoken by AVX-512, AVX2 and plain Rust.
//!
//! A kernel is written once over [`Simd`]; [`Arm::launch`] compiles it for each instruction set and picks at run time.
//! Everything below a kernel is `inline(always)`, so that it is compiled with the kernel's instructions.
#![expect(unsafe_op_in_unsafe_fn, reason = "every function here is one instruction or a few; the contract is the trait's")]

/// A set of instructions that the machine may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arm {
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    Portable,
}

impl Arm {
    /// The fastest that this machine has.
    pub(crate) fn best() -> Self {
        Self::available()[0]
    }

    /// All that this machine has, fastest first.
    pub(crate) fn available() -> &'static [Self] {
        #[cfg(target_arch = "x86_64")]
        {
            let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") && is_x86_feature_detected!("f16c");
            if avx2 && is_x86_feature_detected!("avx512f") {
                return &[Self::Avx512, Self::Avx2, Self::Portable];
            }
            if avx2 {
                return &[Self::Avx2, Self::Portable];
            }
        }
        &[Self::Portable]
    }

    /// Runs a kernel with these instructions.
    ///
    /// # Safety
    /// The arm is [available](Self::available), and the kernel's own contract holds.
    pub(crate) unsafe fn launch<K: Kernel>(self, kernel: K) {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => avx512(kernel),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => avx2(kernel),
            Self::Portable => kernel.run::<Portable>(),
        }
    }

    /// Width and height of this arm's tile: see [`Simd::ROWS`] and [`Simd::COLUMNS`].
    pub(crate) fn tile(self) -> (usize, usize) {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => (x86::Avx512::ROWS, x86::Avx512::COLUMNS),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => (x86::Avx2::ROWS, x86::Avx2::COLUMNS),
            Self::Portable => (Portable::ROWS, Portable::COLUMNS),
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx2,fma,f16c")]
unsafe fn avx512<K: Kernel>(kernel: K) {
    kernel.run::<x86::Avx512>();
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn avx2<K: Kernel>(kernel: K) {
    kernel.run::<x86::Avx2>();
}

/// Work on memory that is written once for all instruction sets.
pub(crate) trait Kernel {
    /// Does the work. Implementations are `inline(always)` and call only what is.
    ///
    /// # Safety
    /// The machine has the instructions of `S`, and the kernel's pointers reach what its fields describe.
    unsafe fn run<S: Simd>(self);
}

/// Vectors of f32 and what can be done with them.
///
/// # Safety
/// Every function needs the machine to have the instructions; loads and stores need valid memory of [`Simd::LANES`] (or `n`) floats.
pub(crate) trait Simd: Copy + 'static {
    /// One vector.
    type V: Copy;
    /// As many vectors as a vector has lanes.
    type Square: AsRef<[Self::V]> + AsMut<[Self::V]>;
    /// Floats in a vector.
    const LANES: usize;
    /// Rows of the tile that the registers hold.
    const ROWS: usize;
    /// Columns of the tile: two vectors.
    const COLUMNS: usize = 2 * Self::LANES;

    /// Asks for a line of memory that will be read soon; it need not be there.
    #[inline(always)]
    unsafe fn fetch(_: *const u8) {}
    unsafe fn splat(x: f32) -> Self::V;
    unsafe fn load(p: *const f32) -> Self::V;
    unsafe fn load_f16(p: *const u16) -> Self::V;
    unsafe fn load_bf16(p: *const u16) -> Self::V;
    unsafe fn store(p: *mut f32, v: Self::V);
    /// Loads the first `n` lanes, the others are zero.
    unsafe fn load_part(p: *const f32, n: usize) -> Self::V;
    /// Stores the first `n` lanes.
    unsafe fn store_part(p: *mut f32, v: Self::V, n: usize);
    unsafe fn add(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn sub(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn mul(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn div(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn max(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn min(a: Self::V, b: Self::V) -> Self::V;
    /// `a b + c`.
    unsafe fn fma(a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// To the nearest integer, for `|x| < 2²²`.
    unsafe fn round(x: Self::V) -> Self::V;
    /// `2ⁿ` for integers `-126..=127`.
    unsafe fn power_of_two(n: Self::V) -> Self::V;
    /// `b` where `x < 0`, else `a`.
    unsafe fn select_negative(x: Self::V, a: Self::V, b: Self::V) -> Self::V;
    unsafe fn sum(v: Self::V) -> f32;
    unsafe fn square() -> Self::Square;
    /// Turns rows into columns.
    unsafe fn transpose(square: &mut Self::Square);

    #[inline(always)]
    unsafe fn zero() -> Self::V {
        Self::splat(0.0)
    }

    /// `eˣ` to 2 units in the last place; 0 < result < ∞ for every x but NaN.
    #[inline(always)]
    unsafe fn exp(x: Self::V) -> Self::V {
        // Cephes' expf: 2ⁿ times a polynomial in the remainder, ln 2 taken off in two parts.
        let x = Self::min(Self::max(x, Self::splat(-87.3)), Self::splat(88.0));
        let n = Self::round(Self::mul(x, Self::splat(std::f32::consts::LOG2_E)));
        let r = Self::fma(n, Self::splat(-0.693_359_4), x);
        let r = Self::fma(n, Self::splat(2.121_944_4e-4), r);
        let mut p = Self::splat(1.987_569_1e-4);
        p = Self::fma(p, r, Self::splat(1.398_2e-3));
        p = Self::fma(p, r, Self::splat(8.333_452e-3));
        p = Self::fma(p, r, Self::splat(4.166_579_6e-2));
        p = Self::fma(p, r, Self::splat(1.666_666_5e-1));
        p = Self::fma(p, r, Self::splat(0.5));
        let p = Self::fma(Self::mul(p, r), r, Self::add(r, Self::splat(1.0)));
        Self::mul(p, Self::power_of_two(n))
    }
}

/// Eight floats that the compiler vectorises as it can.
#[derive(Clone, Copy)]
pub(crate) struct Portable;

macro_rules! lanes {
    ($i:ident => $x:expr) => {{
        let mut out = [0f32; 8];
        let mut $i = 0;
        while $i < 8 {
            out[$i] = $x;
            $i += 1;
        }
        out
    }};
}

impl Simd for Portable {
    type V = [f32; 8];
    type Square = [[f32; 8]; 8];
    const LANES: usize = 8;
    const ROWS: usize = 4;

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self::V {
        [x; 8]
    }
    #[inline(always)]
    unsafe fn load(p: *const f32) -> Self::V {
        p.cast::<[f32; 8]>().read_unaligned()
    }
    #[inline(always)]
    unsafe fn load_f16(p: *const u16) -> Self::V {
        lanes!(i => half::f16::from_bits(*p.add(i)).to_f32())
    }
    #[inline(always)]
    unsafe fn load_bf16(p: *const u16) -> Self::V {
        lanes!(i => f32::from_bits(u32::from(*p.add(i)) << 16))
    }
    #[inline(always)]
    unsafe fn store(p: *mut f32, v: Self::V) {
        p.cast::<[f32; 8]>().write_unaligned(v);
    }
    #[inline(always)]
    unsafe fn load_part(p: *const f32, n: usize) -> Self::V {
        lanes!(i => if i < n { *p.add(i) } else { 0.0 })
    }
    #[inline(always)]
    unsafe fn store_part(p: *mut f32, v: Self::V, n: usize) {
        let mut i = 0;
        while i < n {
            *p.add(i) = v[i];
            i += 1;
        }
    }
    #[inline(always)]
    unsafe fn add(a: Self::V, b: Self::V) -> Self::V {
        lanes!(i => a[i] + b[i])
    }
    #[inline(always)]
    unsafe fn sub(a: Self::V, b: Self::V) -> Self::V {
        lanes!(i => a[i] - b[i])
    }
    #[inline(always)]
    unsafe fn mul(a: Self::V, b: Self::V) -> Self::V {
        lanes!(i => a[i] * b[i])
    }
    #[inline(always)]
    unsafe fn div(a: Self::V, b: Self::V) -> Self::V {
        lanes!(i => a[i] / b[i])
    }
    #[inline(always)]
    unsafe fn max(a: Self::V, b: Self::V) -> Self::V {
        lanes!(i => if a[i] > b[i] { a[i] } else { b[i] })
    }
    #[inline(always)]
    unsafe fn min(a: Self::V, b: Self::V) -> Self::V {
        lanes!(i => if a[i] < b[i] { a[i] } else { b[i] })
    }
    #[inline(always)]
    unsafe fn fma(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        // Not mul_add: without the instruction that is a slow call.
        lanes!(i => a[i] * b[i] + c[i])
    }
    #[inline(always)]
    unsafe fn round(x: Self::V) -> Self::V {
        const SHIFT: f32 = 12_582_912.0; // 1.5 · 2²³: adding it leaves no bits for a fraction
        lanes!(i => (x[i] + SHIFT) - SHIFT)
    }
    #[inline(always)]
    unsafe fn power_of_two(n: Self::V) -> Self::V {
        lanes!(i => f32::from_bits(((n[i] as i32 + 127) as u32) << 23))
    }
    #[inline(always)]
    unsafe fn select_negative(x: Self::V, a: Self::V, b: Self::V) -> Self::V {
        lanes!(i => if x[i] < 0.0 { b[i] } else { a[i] })
    }
    #[inline(always)]
    unsafe fn sum(v: Self::V) -> f32 {
        ((v[0] + v[1]) + (v[2] + v[3])) + ((v[4] + v[5]) + (v[6] + v[7]))
    }
    #[inline(always)]
    unsafe fn square() -> Self::Square {
        [[0.0; 8]; 8]
    }
    #[inline(always)]
    unsafe fn transpose(square: &mut Self::Square) {
        let old = *square;
        for (i, row) in square.iter_mut().enumerate() {
            *row = lanes!(j => old[j][i]);
        }
    }
}

#[cfg(target_arch = "x86_64")]
pub(crate) mod x86 {
    use super::Simd;
    use std::arch::x86_64::*;

    /// Eight floats, sixteen registers.
    #[derive(Clone, Copy)]
    pub(crate) struct Avx2;

    #[inline(always)]
    unsafe fn first_lanes(n: usize) -> __m256i {
        const MASK: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];
        _mm256_loadu_si256(MASK.as_ptr().add(8 - n).cast())
    }

    impl Simd for Avx2 {
        type V = __m256;
        type Square = [__m256; 8];
        const LANES: usize = 8;
        const ROWS: usize = 6;

        #[inline(always)]
        unsafe fn fetch(p: *const u8) {
            _mm_prefetch::<_MM_HINT_T0>(p.cast());
        }
        #[inline(always)]
        unsafe fn splat(x: f32) -> Self::V {
            _mm256_set1_ps(x)
        }
        #[inline(always)]
        unsafe fn load(p: *const f32) -> Self::V {
            _mm256_loadu_ps(p)
        }
        #[inline(always)]
        unsafe fn load_f16(p: *const u16) -> Self::V {
            _mm256_cvtph_ps(_mm_loadu_si128(p.cast()))
        }
        #[inline(always)]
        unsafe fn load_bf16(p: *const u16) -> Self::V {
            _mm256_castsi256_ps(_mm256_slli_epi32::<16>(_mm256_cvtepu16_epi32(_mm_loadu_si128(p.cast()))))
        }
        #[inline(always)]
        unsafe fn store(p: *mut f32, v: Self::V) {
            _mm256_storeu_ps(p, v);
        }
        #[inline(always)]
        unsafe fn load_part(p: *const f32, n: usize) -> Self::V {
            _mm256_maskload_ps(p, first_lanes(n))
        }
        #[inline(always)]
        unsafe fn store_part(p: *mut f32, v: Self::V, n: usize) {
            _mm256_maskstore_ps(p, first_lanes(n), v);
        }
        #[inline(always)]
        unsafe fn add(a: Self::V, b: Self::V) -> Self::V {
            _mm256_add_ps(a, b)
        }
        #[inline(always)]
        unsafe fn sub(a: Self::V, b: Self::V) -> Self::V {
            _mm256_sub_ps(a, b)
        }
        #[inline(always)]
        unsafe fn mul(a: Self::V, b: Self::V) -> Self::V {
            _mm256_mul_ps(a, b)
        }
        #[inline(always)]
        unsafe fn div(a: Self::V, b: Self::V) -> Self::V {
            _mm256_div_ps(a, b)
        }
        #[inline(always)]
        unsafe fn max(a: Self::V, b: Self::V) -> Self::V {
            _mm256_max_ps(a, b)
        }
        #[inline(always)]
        unsafe fn min(a: Self::V, b: Self::V) -> Self::V {
            _mm256_min_ps(a, b)
        }
        #[inline(always)]
        unsafe fn fma(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
            _mm256_fmadd_ps(a, b, c)
        }
        #[inline(always)]
        unsafe fn round(x: Self::V) -> Self::V {
            _mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(x)
        }
        #[inline(always)]
        unsafe fn power_of_two(n: Self::V) -> Self::V {
            _mm256_castsi256_ps(_mm256_slli_epi32::<23>(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127))))
        }
        #[inline(always)]
        unsafe fn select_negative(x: Self::V, a: Self::V, b: Self::V) -> Self::V {
            _mm256_blendv_ps(a, b, x)
        }
        #[inline(always)]
        unsafe fn sum(v: Self::V) -> f32 {
            let s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps::<1>(v));
            let s = _mm_add_ps(s, _mm_movehl_ps(s, s));
            _mm_cvtss_f32(_mm_add_ss(s, _mm_shuffle_ps::<1>(s, s)))
        }
        #[inline(always)]
        unsafe fn square() -> Self::Square {
            [_mm256_setzero_ps(); 8]
        }
        #[inline(always)]
        unsafe fn transpose(r: &mut Self::Square) {
            let mut u = [_mm256_setzero_ps(); 8];
            let mut g = 0;
            while g < 8 {
                let (a, b) = (_mm256_unpacklo_ps(r[g], r[g + 1]), _mm256_unpackhi_ps(r[g], r[g + 1]));
                let (c, d) = (_mm256_unpacklo_ps(r[g + 2], r[g + 3]), _mm256_unpackhi_ps(r[g + 2], r[g + 3]));
                u[g] = _mm256_shuffle_ps::<0x44>(a, c);
                u[g + 1] = _mm256_shuffle_ps::<0xEE>(a, c);
                u[g + 2] = _mm256_shuffle_ps::<0x44>(b, d);
                u[g + 3] = _mm256_shuffle_ps::<0xEE>(b, d);
                g += 4;
            }
            let mut j = 0;
            while j < 4 {
                r[j] = _mm256_permute2f128_ps::<0x20>(u[j], u[4 + j]);
                r[4 + j] = _mm256_permute2f128_ps::<0x31>(u[j], u[4 + j]);
                j += 1;
            }
        }
    }

    /// Sixteen floats, thirty-two registers.
    #[derive(Clone, Copy)]
    pub(crate) struct Avx512;

    #[inline(always)]
    unsafe fn mask(n: usize) -> __mmask16 {
        ((1u32 << n) - 1) as __mmask16
    }

    impl Simd for Avx512 {
        type V = __m512;
        type Square = [__m512; 16];
        const LANES: usize = 16;
        const ROWS: usize = 12;

        #[inline(always)]
        unsafe fn fetch(p: *const u8) {
            _mm_prefetch::<_MM_HINT_T0>(p.cast());
        }
        #[inline(always)]
        unsafe fn splat(x: f32) -> Self::V {
            _mm512_set1_ps(x)
        }
        #[inline(always)]
        unsafe fn load(p: *const f32) -> Self::V {
            _mm512_loadu_ps(p)
        }
        #[inline(always)]
        unsafe fn load_f16(p: *const u16) -> Self::V {
            _mm512_cvtph_ps(_mm256_loadu_si256(p.cast()))
        }
        #[inline(always)]
        unsafe fn load_bf16(p: *const u16) -> Self::V {
            _mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(_mm256_loadu_si256(p.cast()))))
        }
        #[inline(always)]
        unsafe fn store(p: *mut f32, v: Self::V) {
            _mm512_storeu_ps(p, v);
        }
        #[inline(always)]
        unsafe fn load_part(p: *const f32, n: usize) -> Self::V {
            _mm512_maskz_loadu_ps(mask(n), p)
        }
        #[inline(always)]
        unsafe fn store_part(p: *mut f32, v: Self::V, n: usize) {
            _mm512_mask_storeu_ps(p, mask(n), v);
        }
        #[inline(always)]
        unsafe fn add(a: Self::V, b: Self::V) -> Self::V {
            _mm512_add_ps(a, b)
        }
        #[inline(always)]
        unsafe fn sub(a: Self::V, b: Self::V) -> Self::V {
            _mm512_sub_ps(a, b)
        }
        #[inline(always)]
        unsafe fn mul(a: Self::V, b: Self::V) -> Self::V {
            _mm512_mul_ps(a, b)
        }
        #[inline(always)]
        unsafe fn div(a: Self::V, b: Self::V) -> Self::V {
            _mm512_div_ps(a, b)
        }
        #[inline(always)]
        unsafe fn max(a: Self::V, b: Self::V) -> Self::V {
            _mm512_max_ps(a, b)
        }
        #[inline(always)]
        unsafe fn min(a: Self::V, b: Self::V) -> Self::V {
            _mm512_min_ps(a, b)
        }
        #[inline(always)]
        unsafe fn fma(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
            _mm512_fmadd_ps(a, b, c)
        }
        #[inline(always)]
        unsafe fn round(x: Self::V) -> Self::V {
            _mm512_roundscale_ps::<0>(x)
        }
        #[inline(always)]
        unsafe fn power_of_two(n: Self::V) -> Self::V {
            _mm512_castsi512_ps(_mm512_slli_epi32::<23>(_mm512_add_epi32(_mm512_cvtps_epi32(n), _mm512_set1_epi32(127))))
        }
        #[inline(always)]
        unsafe fn select_negative(x: Self::V, a: Self::V, b: Self::V) -> Self::V {
            _mm512_mask_blend_ps(_mm512_cmp_ps_mask::<_CMP_LT_OQ>(x, _mm512_setzero_ps()), a, b)
        }
        #[inline(always)]
        unsafe fn sum(v: Self::V) -> f32 {
            _mm512_reduce_add_ps(v)
        }
        #[inline(always)]
        unsafe fn square() -> Self::Square {
            [_mm512_setzero_ps(); 16]
        }
        #[inline(always)]
        unsafe fn transpose(r: &mut Self::Square) {
            let mut u = [_mm512_setzero_ps(); 16];
            let mut g = 0;
            while g < 16 {
                let (a, b) = (_mm512_unpacklo_ps(r[g], r[g + 1]), _mm512_unpackhi_ps(r[g], r[g + 1]));
                let (c, d) = (_mm512_unpacklo_ps(r[g + 2], r[g + 3]), _mm512_unpackhi_ps(r[g + 2], r[g + 3]));
                u[g] = _mm512_shuffle_ps::<0x44>(a, c);
                u[g + 1] = _mm512_shuffle_ps::<0xEE>(a, c);
                u[g + 2] = _mm512_shuffle_ps::<0x44>(b, d);
                u[g + 3] = _mm512_shuffle_ps::<0xEE>(b, d);
                g += 4;
            }
            let mut j = 0;
            while j < 4 {
                let (x0, x1) = (_mm512_shuffle_f32x4::<0x88>(u[j], u[4 + j]), _mm512_shuffle_f32x4::<0xDD>(u[j], u[4 + j]));
                let (y0, y1) =
                    (_mm512_shuffle_f32x4::<0x88>(u[8 + j], u[12 + j]), _mm512_shuffle_f32x4::<0xDD>(u[8 + j], u[12 + j]));
                r[j] = _mm512_shuffle_f32x4::<0x88>(x0, y0);
                r[8 + j] = _mm512_shuffle_f32x4::<0xDD>(x0, y0);
                r[4 + j] = _mm512_shuffle_f32x4::<0x88>(x1, y1);
                r[12 + j] = _mm512_shuffle_f32x4::<0xDD>(x1, y1);
                j += 1;
            }
        }
    }
}
