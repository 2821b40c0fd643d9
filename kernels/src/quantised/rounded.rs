//! Activations as bytes: what the blocks of a weight are multiplied with.

use super::format::{CHUNK, Format, GROUPS};

/// A chunk of numbers, each rounded to a multiple of a scale that 32 of them share: the largest of them is 127 times the scale.
#[repr(C, align(64))]
#[derive(Clone)]
pub(crate) struct Rounded {
    pub(crate) codes: [i8; CHUNK],
    scales16: [f32; GROUPS],
    scales32: [f32; GROUPS],
    sums16: [f32; GROUPS],
    sums32: [f32; GROUPS],
}

impl Rounded {
    const EMPTY: Self = Self {
        codes: [0; CHUNK],
        scales16: [0.0; GROUPS],
        scales32: [0.0; GROUPS],
        sums16: [0.0; GROUPS],
        sums32: [0.0; GROUPS],
    };

    /// The scale of each of a format's groups.
    #[inline(always)]
    pub(crate) fn scales<F: Format>(&self) -> &[f32; GROUPS] {
        if F::GROUP == 16 { &self.scales16 } else { &self.scales32 }
    }

    /// The sum of the rounded numbers of each of a format's groups.
    #[inline(always)]
    pub(crate) fn sums<F: Format>(&self) -> &[f32; GROUPS] {
        if F::GROUP == 16 { &self.sums16 } else { &self.sums32 }
    }

    /// A row of any length, the last chunk filled up with zeros.
    #[inline(always)]
    pub(crate) fn row(x: &[f32], out: &mut [Self]) {
        for (x, out) in x.chunks(CHUNK).zip(out) {
            *out = Self::EMPTY;
            for (block, x) in x.chunks(32).enumerate() {
                out.block(block, x);
            }
        }
    }

    #[inline(always)]
    fn block(&mut self, block: usize, x: &[f32]) {
        let mut numbers = [0f32; 32];
        numbers[..x.len()].copy_from_slice(x);
        let most = numbers.iter().fold(0f32, |most, it| if it.abs() > most { it.abs() } else { most });
        let scale = most / 127.0;
        // Numbers so small that their inverse overflows are zeros.
        let inverse = if most > 1e-36 { 127.0 / most } else { 0.0 };
        let codes: &mut [i8] = &mut self.codes[32 * block..32 * block + 32];
        for (code, number) in codes.iter_mut().zip(&numbers) {
            // Adding 1.5 · 2²³ leaves the rounded number in the lowest bits.
            *code = (number * inverse + 12_582_912.0).to_bits() as i8;
        }
        let sum = |codes: &[i8]| scale * codes.iter().map(|it| i32::from(*it)).sum::<i32>() as f32;
        let (first, second) = (sum(&codes[..16]), sum(&codes[16..]));
        self.scales32[block] = scale;
        self.scales16[2 * block] = scale;
        self.scales16[2 * block + 1] = scale;
        self.sums16[2 * block] = first;
        self.sums16[2 * block + 1] = second;
        self.sums32[block] = first + second;
    }
}
