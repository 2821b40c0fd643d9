//! The block formats of GGML: how numbers lie in them.
//!
//! All of them come apart in the same way. A block has small unsigned codes and, for each [`Format::GROUP`] of them, a scale and
//! perhaps a number that is taken away: `number = scale · (code - OFFSET) - minimum`.
//!
//! Reference: ggml `ggml-common.h` for the layouts; the package `gguf`, `quants.py`, for the order of the arithmetic.

use half::f16;

/// Numbers that are unpacked at once: a block of the K formats, eight blocks of the others.
pub(crate) const CHUNK: usize = 256;
/// The most groups that a chunk has.
pub(crate) const GROUPS: usize = CHUNK / 16;

/// The formats of quantised blocks, by the names of GGML.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BlockFormat {
    /// 4 bits, a scale for 32 numbers.
    Q4_0,
    /// 4 bits, a scale and a minimum for 32 numbers.
    Q4_1,
    /// 5 bits, a scale for 32 numbers.
    Q5_0,
    /// 5 bits, a scale and a minimum for 32 numbers.
    Q5_1,
    /// 8 bits, a scale for 32 numbers.
    Q8_0,
    /// 2 bits, a scale and a minimum of 4 bits for 16 numbers, a scale of both for 256.
    Q2K,
    /// 3 bits, a scale of 6 bits for 16 numbers, a scale of them for 256.
    Q3K,
    /// 4 bits, a scale and a minimum of 6 bits for 32 numbers, a scale of both for 256.
    Q4K,
    /// 5 bits, a scale and a minimum of 6 bits for 32 numbers, a scale of both for 256.
    Q5K,
    /// 6 bits, a scale of 8 bits for 16 numbers, a scale of them for 256.
    Q6K,
    /// 8 bits, a scale in f32 for 256 numbers.
    Q8K,
}

/// Calls `$body` with `$name` being the type that knows the format.
macro_rules! with_format {
    ($format:expr, $name:ident => $body:expr) => {
        match $format {
            $crate::BlockFormat::Q4_0 => with_format!(@ Q4_0, $name, $body),
            $crate::BlockFormat::Q4_1 => with_format!(@ Q4_1, $name, $body),
            $crate::BlockFormat::Q5_0 => with_format!(@ Q5_0, $name, $body),
            $crate::BlockFormat::Q5_1 => with_format!(@ Q5_1, $name, $body),
            $crate::BlockFormat::Q8_0 => with_format!(@ Q8_0, $name, $body),
            $crate::BlockFormat::Q2K => with_format!(@ Q2K, $name, $body),
            $crate::BlockFormat::Q3K => with_format!(@ Q3K, $name, $body),
            $crate::BlockFormat::Q4K => with_format!(@ Q4K, $name, $body),
            $crate::BlockFormat::Q5K => with_format!(@ Q5K, $name, $body),
            $crate::BlockFormat::Q6K => with_format!(@ Q6K, $name, $body),
            $crate::BlockFormat::Q8K => with_format!(@ Q8K, $name, $body),
        }
    };
    (@ $type:ident, $name:ident, $body:expr) => {{
        type $name = $crate::quantised::format::$type;
        $body
    }};
}
pub(crate) use with_format;

impl BlockFormat {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Q4_0,
        Self::Q4_1,
        Self::Q5_0,
        Self::Q5_1,
        Self::Q8_0,
        Self::Q2K,
        Self::Q3K,
        Self::Q4K,
        Self::Q5K,
        Self::Q6K,
        Self::Q8K,
    ];

    /// Numbers in a block.
    pub const fn numbers(self) -> usize {
        with_format!(self, F => F::NUMBERS)
    }

    /// Bytes of a block.
    pub const fn bytes(self) -> usize {
        with_format!(self, F => F::BYTES)
    }

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Q4_0 => "Q4_0",
            Self::Q4_1 => "Q4_1",
            Self::Q5_0 => "Q5_0",
            Self::Q5_1 => "Q5_1",
            Self::Q8_0 => "Q8_0",
            Self::Q2K => "Q2_K",
            Self::Q3K => "Q3_K",
            Self::Q4K => "Q4_K",
            Self::Q5K => "Q5_K",
            Self::Q6K => "Q6_K",
            Self::Q8K => "Q8_K",
        }
    }

    /// The numbers that whole blocks stand for.
    pub fn dequantise(self, blocks: &[u8]) -> Vec<f32> {
        assert!(blocks.len().is_multiple_of(self.bytes()), "whole blocks of {} bytes, not {}", self.bytes(), blocks.len());
        let mut numbers = vec![0.0; blocks.len() / self.bytes() * self.numbers()];
        with_format!(self, F => dequantise::<F>(blocks, &mut numbers));
        numbers
    }
}

impl std::fmt::Display for BlockFormat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// What a chunk comes apart into.
#[repr(C, align(64))]
pub(crate) struct Chunk {
    pub(crate) codes: [u8; CHUNK],
    /// One for each group.
    pub(crate) scales: [f32; GROUPS],
    /// What is taken away in each group, [`Format::OFFSET`] apart; zeros where the format has none.
    pub(crate) minima: [f32; GROUPS],
}

impl Chunk {
    pub(crate) const EMPTY: Self = Self { codes: [0; CHUNK], scales: [0.0; GROUPS], minima: [0.0; GROUPS] };
}

/// What blocks come apart by and instructions do better than Rust.
pub(crate) trait Halves {
    /// Makes a half-precision float wider.
    ///
    /// # Safety
    /// The machine has the instruction.
    unsafe fn widen(half: u16) -> f32;

    /// Makes eight of them wider.
    ///
    /// # Safety
    /// The machine has the instruction.
    unsafe fn widen_eight(halves: [u16; 8]) -> [f32; 8];

    /// A byte for each bit, all ones where it is set.
    ///
    /// # Safety
    /// The machine has the instructions.
    unsafe fn spread(bits: u32) -> [u8; 32];
}

/// Without instructions for it.
pub(crate) struct Plain;

impl Halves for Plain {
    #[inline(always)]
    unsafe fn widen(half: u16) -> f32 {
        f16::from_bits(half).to_f32()
    }

    #[inline(always)]
    unsafe fn widen_eight(halves: [u16; 8]) -> [f32; 8] {
        halves.map(|it| f16::from_bits(it).to_f32())
    }

    #[inline(always)]
    unsafe fn spread(bits: u32) -> [u8; 32] {
        std::array::from_fn(|it| if bits >> it & 1 == 1 { 0xff } else { 0 })
    }
}

/// One format of blocks.
pub(crate) trait Format {
    /// Numbers in a block; divides [`CHUNK`].
    const NUMBERS: usize;
    /// Bytes of a block.
    const BYTES: usize;
    /// Numbers that share a scale: 16 or 32.
    const GROUP: usize;
    /// The code of the number 0, the minimum apart.
    const OFFSET: u8;
    /// Whether something is taken away from each number.
    const MINIMA: bool;

    /// Takes `blocks` blocks apart, at most a chunk. The codes of blocks that are not there are anything.
    ///
    /// # Safety
    /// `p` reaches so many blocks, and the machine has the instructions of `H`.
    unsafe fn unpack<H: Halves>(p: *const u8, blocks: usize, chunk: &mut Chunk);
}

/// Writes the numbers of whole blocks.
pub(crate) fn dequantise<F: Format>(blocks: &[u8], numbers: &mut [f32]) {
    let most = CHUNK / F::NUMBERS;
    let mut chunk = Chunk::EMPTY;
    for (bytes, numbers) in blocks.chunks(most * F::BYTES).zip(numbers.chunks_mut(CHUNK)) {
        // SAFETY: the slice has so many blocks; plain Rust needs no instructions.
        unsafe { F::unpack::<Plain>(bytes.as_ptr(), bytes.len() / F::BYTES, &mut chunk) };
        chunk.numbers::<F>(numbers);
    }
}

impl Chunk {
    /// Writes the numbers that the codes stand for, as many as there is room for.
    #[inline(always)]
    pub(crate) fn numbers<F: Format>(&self, out: &mut [f32]) {
        for (group, out) in out.chunks_mut(F::GROUP).enumerate() {
            let (scale, minimum) = (self.scales[group], self.minima[group]);
            for (code, out) in self.codes[group * F::GROUP..].iter().zip(out) {
                let number = (i32::from(*code) - i32::from(F::OFFSET)) as f32 * scale;
                *out = if F::MINIMA { number - minimum } else { number };
            }
        }
    }
}

/// # Safety
/// `p` reaches two bytes, and the machine has the instructions of `H`.
#[inline(always)]
unsafe fn half<H: Halves>(p: *const u8) -> f32 {
    // SAFETY: the caller's.
    unsafe { H::widen(u16::from_le_bytes(*p.cast())) }
}

/// Floats that lie `step` bytes apart, as many as there are of eight.
///
/// # Safety
/// `p` reaches them, and the machine has the instructions of `H`.
#[inline(always)]
unsafe fn eight<H: Halves>(p: *const u8, count: usize, step: usize) -> [f32; 8] {
    // SAFETY: the caller's.
    let half = |at: usize| unsafe { u16::from_le_bytes(*p.add(at * step).cast()) };
    let halves = if count == 8 {
        [half(0), half(1), half(2), half(3), half(4), half(5), half(6), half(7)]
    } else {
        std::array::from_fn(|it| if it < count { half(it) } else { 0 })
    };
    // SAFETY: the caller's.
    unsafe { H::widen_eight(halves) }
}

pub(crate) struct Q4_0;
pub(crate) struct Q4_1;
pub(crate) struct Q5_0;
pub(crate) struct Q5_1;
pub(crate) struct Q8_0;
pub(crate) struct Q2K;
pub(crate) struct Q3K;
pub(crate) struct Q4K;
pub(crate) struct Q5K;
pub(crate) struct Q6K;
pub(crate) struct Q8K;

/// The formats of 32 numbers: each block is unpacked by itself.
macro_rules! small {
    ($type:ident, bytes $bytes:expr, offset $offset:expr, minima $minima:expr, |$p:ident, $codes:ident, $h:ident| $unpack:block) => {
        impl Format for $type {
            const NUMBERS: usize = 32;
            const BYTES: usize = $bytes;
            const GROUP: usize = 32;
            const OFFSET: u8 = $offset;
            const MINIMA: bool = $minima;

            #[inline(always)]
            unsafe fn unpack<$h: Halves>(p: *const u8, blocks: usize, chunk: &mut Chunk) {
                // SAFETY: the blocks are there, and `$bytes` long each.
                unsafe {
                    chunk.scales[..8].copy_from_slice(&eight::<$h>(p, blocks, Self::BYTES));
                    if Self::MINIMA {
                        let added = eight::<$h>(p.add(2), blocks, Self::BYTES);
                        chunk.minima[..8].copy_from_slice(&added.map(|it| -it));
                    }
                }
                for block in 0..blocks {
                    // SAFETY: as above.
                    unsafe {
                        let $p = p.add(block * Self::BYTES);
                        let $codes: &mut [u8; 32] = &mut *chunk.codes.as_mut_ptr().add(32 * block).cast();
                        $unpack
                    }
                }
            }
        }
    };
}

small!(Q4_0, bytes 18, offset 8, minima false, |p, codes, H| {
    nibbles(p.add(2).cast(), codes);
});

small!(Q4_1, bytes 20, offset 0, minima true, |p, codes, H| {
    nibbles(p.add(4).cast(), codes);
});

small!(Q5_0, bytes 22, offset 16, minima false, |p, codes, H| {
    nibbles(p.add(6).cast(), codes);
    fifth_bits::<H>(*p.add(2).cast(), codes);
});

small!(Q5_1, bytes 24, offset 0, minima true, |p, codes, H| {
    nibbles(p.add(8).cast(), codes);
    fifth_bits::<H>(*p.add(4).cast(), codes);
});

small!(Q8_0, bytes 34, offset 128, minima false, |p, codes, H| {
    let bytes = *p.add(2).cast::<[u8; 32]>();
    for i in 0..32 {
        codes[i] = bytes[i] ^ 0x80;
    }
});

/// The lower halves of 16 bytes, then the upper ones.
///
/// # Safety
/// `p` may be read.
#[inline(always)]
unsafe fn nibbles(p: *const [u8; 16], codes: &mut [u8; 32]) {
    // SAFETY: the caller's.
    let bytes = unsafe { *p };
    for i in 0..16 {
        codes[i] = bytes[i] & 15;
        codes[16 + i] = bytes[i] >> 4;
    }
}

/// Adds 16 to the codes whose bits are set.
///
/// # Safety
/// The machine has the instructions of `H`.
#[inline(always)]
unsafe fn fifth_bits<H: Halves>(bits: [u8; 4], codes: &mut [u8; 32]) {
    // SAFETY: the caller's.
    let fifth = unsafe { H::spread(u32::from_le_bytes(bits)) };
    for i in 0..32 {
        codes[i] |= fifth[i] & 16;
    }
}

/// The scales and minima of 6 bits that Q4_K and Q5_K share.
///
/// # Safety
/// `p` reaches a block's first 16 bytes, and the machine has the instructions of `H`.
#[inline(always)]
unsafe fn six_bit_scales<H: Halves>(p: *const u8, chunk: &mut Chunk) {
    // SAFETY: the caller's.
    let (d, least, packed) = unsafe { (half::<H>(p), half::<H>(p.add(2)), *p.add(4).cast::<[u8; 12]>()) };
    let word = |at: usize| u32::from_le_bytes([packed[at], packed[at + 1], packed[at + 2], packed[at + 3]]);
    let (scales, minima, rest) = (word(0), word(4), word(8));
    let low = |it: u32| it & 0x3f3f_3f3f;
    let high = |it: u32| it >> 2 & 0x3030_3030;
    let scales = [low(scales), rest & 0x0f0f_0f0f | high(scales)];
    let minima = [low(minima), rest >> 4 & 0x0f0f_0f0f | high(minima)];
    for i in 0..8 {
        chunk.scales[i] = d * scales[i / 4].to_le_bytes()[i % 4] as f32;
        chunk.minima[i] = least * minima[i / 4].to_le_bytes()[i % 4] as f32;
    }
}

impl Format for Q4K {
    const NUMBERS: usize = CHUNK;
    const BYTES: usize = 144;
    const GROUP: usize = 32;
    const OFFSET: u8 = 0;
    const MINIMA: bool = true;

    #[inline(always)]
    unsafe fn unpack<H: Halves>(p: *const u8, _: usize, chunk: &mut Chunk) {
        // SAFETY: the block is 144 bytes long.
        let bytes = unsafe {
            six_bit_scales::<H>(p, chunk);
            *p.add(16).cast::<[u8; 128]>()
        };
        for part in 0..4 {
            for i in 0..32 {
                let byte = bytes[32 * part + i];
                chunk.codes[64 * part + i] = byte & 15;
                chunk.codes[64 * part + 32 + i] = byte >> 4;
            }
        }
    }
}

impl Format for Q5K {
    const NUMBERS: usize = CHUNK;
    const BYTES: usize = 176;
    const GROUP: usize = 32;
    const OFFSET: u8 = 0;
    const MINIMA: bool = true;

    #[inline(always)]
    unsafe fn unpack<H: Halves>(p: *const u8, _: usize, chunk: &mut Chunk) {
        // SAFETY: the block is 176 bytes long.
        let (high, bytes) = unsafe {
            six_bit_scales::<H>(p, chunk);
            (*p.add(16).cast::<[u8; 32]>(), *p.add(48).cast::<[u8; 128]>())
        };
        for part in 0..4 {
            for i in 0..32 {
                let (byte, high) = (bytes[32 * part + i], high[i] >> (2 * part));
                chunk.codes[64 * part + i] = byte & 15 | (high & 1) << 4;
                chunk.codes[64 * part + 32 + i] = byte >> 4 | (high >> 1 & 1) << 4;
            }
        }
    }
}

impl Format for Q2K {
    const NUMBERS: usize = CHUNK;
    const BYTES: usize = 84;
    const GROUP: usize = 16;
    const OFFSET: u8 = 0;
    const MINIMA: bool = true;

    #[inline(always)]
    unsafe fn unpack<H: Halves>(p: *const u8, _: usize, chunk: &mut Chunk) {
        // SAFETY: the block is 84 bytes long.
        let (scales, bytes, d, least) =
            unsafe { (*p.cast::<[u8; 16]>(), *p.add(16).cast::<[u8; 64]>(), half::<H>(p.add(80)), half::<H>(p.add(82))) };
        for (i, scale) in scales.into_iter().enumerate() {
            chunk.scales[i] = d * (scale & 15) as f32;
            chunk.minima[i] = least * (scale >> 4) as f32;
        }
        for part in 0..2 {
            for quarter in 0..4 {
                for i in 0..32 {
                    chunk.codes[128 * part + 32 * quarter + i] = bytes[32 * part + i] >> (2 * quarter) & 3;
                }
            }
        }
    }
}

impl Format for Q3K {
    const NUMBERS: usize = CHUNK;
    const BYTES: usize = 110;
    const GROUP: usize = 16;
    const OFFSET: u8 = 4;
    const MINIMA: bool = false;

    #[inline(always)]
    unsafe fn unpack<H: Halves>(p: *const u8, _: usize, chunk: &mut Chunk) {
        // SAFETY: the block is 110 bytes long.
        let (high, bytes, scales, d) = unsafe {
            let scales = *p.add(96).cast::<[u8; 12]>();
            (*p.cast::<[u8; 32]>(), *p.add(32).cast::<[u8; 64]>(), scales, half::<H>(p.add(108)))
        };
        let word = |at: usize| u32::from_le_bytes([scales[at], scales[at + 1], scales[at + 2], scales[at + 3]]);
        for i in 0..4 {
            let low = word(i % 2 * 4) >> (i / 2 * 4) & 0x0f0f_0f0f;
            let high = word(8) >> (2 * i) & 0x0303_0303;
            let four = (low | high << 4).to_le_bytes();
            for (j, scale) in four.into_iter().enumerate() {
                chunk.scales[4 * i + j] = d * (i32::from(scale) - 32) as f32;
            }
        }
        for part in 0..2 {
            for quarter in 0..4 {
                for i in 0..32 {
                    let (low, high) = (bytes[32 * part + i] >> (2 * quarter) & 3, high[i] >> (4 * part + quarter) & 1);
                    chunk.codes[128 * part + 32 * quarter + i] = low | high << 2;
                }
            }
        }
    }
}

impl Format for Q6K {
    const NUMBERS: usize = CHUNK;
    const BYTES: usize = 210;
    const GROUP: usize = 16;
    const OFFSET: u8 = 32;
    const MINIMA: bool = false;

    #[inline(always)]
    unsafe fn unpack<H: Halves>(p: *const u8, _: usize, chunk: &mut Chunk) {
        // SAFETY: the block is 210 bytes long.
        let (bytes, high, scales, d) = unsafe {
            let scales = *p.add(192).cast::<[i8; 16]>();
            (*p.cast::<[u8; 128]>(), *p.add(128).cast::<[u8; 64]>(), scales, half::<H>(p.add(208)))
        };
        chunk.scales = scales.map(|it| d * f32::from(it));
        // A loop for each of the four, which the compiler makes vectors of.
        for part in 0..2 {
            let [mut a, mut b, mut c, mut d] = [[0; 32]; 4];
            for i in 0..32 {
                a[i] = bytes[64 * part + i] & 15 | (high[32 * part + i] & 3) << 4;
            }
            for i in 0..32 {
                b[i] = bytes[64 * part + 32 + i] & 15 | (high[32 * part + i] >> 2 & 3) << 4;
            }
            for i in 0..32 {
                c[i] = bytes[64 * part + i] >> 4 | (high[32 * part + i] >> 4 & 3) << 4;
            }
            for i in 0..32 {
                d[i] = bytes[64 * part + 32 + i] >> 4 | (high[32 * part + i] >> 6) << 4;
            }
            for (quarter, codes) in [a, b, c, d].into_iter().enumerate() {
                chunk.codes[128 * part + 32 * quarter..][..32].copy_from_slice(&codes);
            }
        }
    }
}

impl Format for Q8K {
    const NUMBERS: usize = CHUNK;
    const BYTES: usize = 292;
    const GROUP: usize = 32;
    const OFFSET: u8 = 128;
    const MINIMA: bool = false;

    #[inline(always)]
    unsafe fn unpack<H: Halves>(p: *const u8, _: usize, chunk: &mut Chunk) {
        // SAFETY: the block is 292 bytes long; the last 32 are sums, which follow from the others.
        let (d, bytes) = unsafe { (f32::from_le_bytes(*p.cast()), *p.add(4).cast::<[u8; 256]>()) };
        chunk.scales[..8].fill(d);
        chunk.codes = bytes.map(|it| it ^ 0x80);
    }
}
