//! Normal numbers from uniform ones, as PyTorch's CPU generator makes them.
//!
//! Box and Muller's transform in blocks of sixteen, its logarithm, sine and cosine in the single precision of the Cephes library
//! (Moshier 1992), whose last bit decides that of the noise.

/// How many uniform numbers become normal together: the first half of them gives radii, the others angles.
const BLOCK: usize = 16;
const HALF: usize = BLOCK / 2;
/// Blocks that are turned side by side, in one loop over lanes.
const AT_ONCE: usize = 16;

/// Turns uniform numbers in 0..1 into normal ones, in whole blocks of sixteen; what is left over stays as it is.
pub fn box_muller(uniform: &mut [f32]) {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f") {
            // SAFETY: the machine has these instructions.
            unsafe { box_muller_avx512(uniform) };
            return;
        }
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            // SAFETY: the machine has these instructions.
            unsafe { box_muller_fma(uniform) };
            return;
        }
    }
    turned::<false>(uniform);
}

/// The same for machines with the widest lanes.
///
/// # Safety
/// The machine has these instructions.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
unsafe fn box_muller_avx512(uniform: &mut [f32]) {
    turned::<true>(uniform);
}

/// The same for machines with fused multiplication and addition.
///
/// # Safety
/// The machine has these instructions.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn box_muller_fma(uniform: &mut [f32]) {
    turned::<true>(uniform);
}

#[inline(always)]
fn turned<const FMA: bool>(values: &mut [f32]) {
    const LANES: usize = AT_ONCE * HALF;
    let (mut radii, mut angles) = ([0.0_f32; LANES], [0.0_f32; LANES]);
    for values in values.chunks_mut(AT_ONCE * BLOCK) {
        let halves = radii.chunks_exact_mut(HALF).zip(angles.chunks_exact_mut(HALF));
        for (block, (radii, angles)) in values.chunks_exact(BLOCK).zip(halves) {
            radii.copy_from_slice(&block[..HALF]);
            angles.copy_from_slice(&block[HALF..]);
        }
        for (radius, angle) in radii.iter_mut().zip(&mut angles) {
            let length = (-2.0 * ln::<FMA>(1.0 - *radius)).sqrt();
            let (sine, cosine) = sin_cos::<FMA>(std::f32::consts::TAU * *angle);
            (*radius, *angle) = (length * cosine, length * sine);
        }
        let halves = radii.chunks_exact(HALF).zip(angles.chunks_exact(HALF));
        for (block, (radii, angles)) in values.chunks_exact_mut(BLOCK).zip(halves) {
            block[..HALF].copy_from_slice(radii);
            block[HALF..].copy_from_slice(angles);
        }
    }
}

/// `a·b + c`, rounded once, as the fused instruction that PyTorch is compiled to.
#[inline(always)]
fn fused<const FMA: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FMA { a.mul_add(b, c) } else { (f64::from(a) * f64::from(b) + f64::from(c)) as f32 }
}

/// A polynomial, the highest power first.
#[inline(always)]
fn polynomial<const FMA: bool, const N: usize>(x: f32, coefficients: [f32; N]) -> f32 {
    let [first, rest @ ..] = coefficients.as_slice() else { return 0.0 };
    rest.iter().fold(*first, |sum, it| fused::<FMA>(sum, x, *it))
}

/// The natural logarithm in the single precision of the Cephes library (Moshier 1992), whose last bit decides that of the noise.
///
/// `x` is positive and not subnormal.
#[inline(always)]
fn ln<const FMA: bool>(x: f32) -> f32 {
    const SERIES: [f32; 9] = [
        7.037_683_6e-2,
        -1.151_461e-1,
        0.116_769_984,
        -1.242_014_1e-1,
        1.424_932_3e-1,
        -1.666_805_8e-1,
        0.200_007_14,
        -2.499_999_4e-1,
        3.333_333e-1,
    ];
    let exponent = ((x.to_bits() >> 23) as i32 - 126) as f32;
    let part = f32::from_bits((x.to_bits() & 0x007F_FFFF) | 0x3F00_0000);
    let low = part < std::f32::consts::FRAC_1_SQRT_2;
    let exponent = exponent - if low { 1.0 } else { 0.0 };
    let x = part - 1.0 + if low { part } else { 0.0 };
    let series = polynomial::<FMA, 9>(x, SERIES);
    // ln 2 in two parts, the small one first.
    let tail = fused::<FMA>(exponent, -2.121_944_4e-4, series * x * (x * x));
    fused::<FMA>(exponent, 0.693_359_4, x + fused::<FMA>(-(x * x), 0.5, tail))
}

/// Sine and cosine in the single precision of the Cephes library. `angle` is in 0..2π.
#[inline(always)]
fn sin_cos<const FMA: bool>(angle: f32) -> (f32, f32) {
    // The nearest even multiple of an eighth of a turn, and what is left.
    let eighth = angle * (4.0 * std::f32::consts::FRAC_1_PI);
    let eighth = if eighth > 0.0 { eighth } else { 0.0 };
    let eighth = if eighth < 8.0 { eighth } else { 8.0 };
    // SAFETY: it is a number in 0..=8. (A checked conversion is not computed side by side.)
    let eighth: i32 = unsafe { eighth.to_int_unchecked() };
    let eighth = (eighth + 1) & !1;
    let turned = eighth as f32;
    let parts = [-0.785_156_25, -2.418_756_5e-4, -3.774_895e-8];
    let x = parts.into_iter().fold(angle, |x, part| fused::<FMA>(turned, part, x));
    let z = x * x;
    let even = polynomial::<FMA, 3>(z, [2.443_315_7e-5, -1.388_731_6e-3, 4.166_664_6e-2]);
    let odd = polynomial::<FMA, 3>(z, [-1.951_529_6e-4, 8.332_161e-3, -1.666_665_5e-1]);
    let cos = fused::<FMA>(even * z, z, -0.5 * z) + 1.0;
    let sin = fused::<FMA>(odd * z, x, x);
    // Quarter turns swap the two, half turns turn the signs.
    let swapped = eighth & 2 != 0;
    let signed = |value: f32, half: i32| if half & 4 != 0 { -value } else { value };
    (signed(if swapped { cos } else { sin }, eighth), signed(if swapped { sin } else { cos }, eighth + 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_arms_give_normal_numbers_that_differ_in_the_last_bit_at_most() {
        let uniform: Vec<f32> = (0..16 * 64 + 5).map(|i| (i as f32 * 0.618_034).fract()).collect();
        let mut plain = uniform.clone();
        turned::<false>(&mut plain);
        let mut arms: Vec<fn(&mut [f32])> = vec![box_muller];
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            // SAFETY: the machine has these instructions.
            arms.push(|it| unsafe { box_muller_fma(it) });
        }
        for arm in arms {
            let mut fast = uniform.clone();
            arm(&mut fast);
            assert_eq!(fast[16 * 64..], uniform[16 * 64..], "what is left over stays");
            for (fast, plain) in fast.iter().zip(&plain) {
                assert!((fast - plain).abs() <= 3e-7 * plain.abs().max(1.0), "{fast} {plain}");
            }
        }
        let exact = (-2.0 * (1.0 - f64::from(uniform[3])).ln()).sqrt() * (std::f64::consts::TAU * f64::from(uniform[11])).cos();
        assert!((f64::from(plain[3]) - exact).abs() < 1e-6);
    }
}
