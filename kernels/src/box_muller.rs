//! Normal numbers from uniform ones, as PyTorch's CPU generator makes them.
//!
//! Box and Muller's transform in blocks of sixteen, its logarithm, sine and cosine in the single precision of the Cephes library
//! (Moshier 1992), whose last bit decides that of the noise.

/// How many uniform numbers become normal together.
const BLOCK: usize = 16;

/// Turns uniform numbers in 0..1 into normal ones, in whole blocks of sixteen; what is left over stays as it is.
pub fn box_muller(uniform: &mut [f32]) {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
        // SAFETY: the machine has these instructions.
        unsafe { box_muller_fma(uniform) };
        return;
    }
    uniform.chunks_exact_mut(BLOCK).for_each(turned::<false>);
}

/// The same for machines with fused multiplication and addition.
///
/// # Safety
/// The machine has these instructions.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn box_muller_fma(uniform: &mut [f32]) {
    uniform.chunks_exact_mut(BLOCK).for_each(turned::<true>);
}

/// `a·b + c`, rounded once, as the fused instruction that PyTorch is compiled to.
#[inline(always)]
fn fused<const FMA: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FMA { a.mul_add(b, c) } else { (f64::from(a) * f64::from(b) + f64::from(c)) as f32 }
}

/// Half a block, computed side by side.
type Lanes = [f32; BLOCK / 2];

/// Turns sixteen uniform numbers into normal ones: the first eight give radii, the others angles.
#[inline(always)]
fn turned<const FMA: bool>(block: &mut [f32]) {
    let (first, second) = block.split_at_mut(BLOCK / 2);
    let logs = ln::<FMA>(std::array::from_fn(|i| 1.0 - first[i]));
    let (sines, cosines) = sin_cos::<FMA>(std::array::from_fn(|i| std::f32::consts::TAU * second[i]));
    for i in 0..BLOCK / 2 {
        let radius = (-2.0 * logs[i]).sqrt();
        (first[i], second[i]) = (radius * cosines[i], radius * sines[i]);
    }
}

/// `a·b + c` in all lanes.
#[inline(always)]
fn fused_lanes<const FMA: bool>(a: Lanes, b: Lanes, c: Lanes) -> Lanes {
    std::array::from_fn(|i| fused::<FMA>(a[i], b[i], c[i]))
}

/// A polynomial, the highest power first.
#[inline(always)]
fn polynomial<const FMA: bool, const N: usize>(x: Lanes, coefficients: [f32; N]) -> Lanes {
    let [first, rest @ ..] = coefficients.as_slice() else { return [0.0; BLOCK / 2] };
    rest.iter().fold([*first; BLOCK / 2], |sum, it| fused_lanes::<FMA>(sum, x, [*it; BLOCK / 2]))
}

/// The natural logarithm in the single precision of the Cephes library (Moshier 1992), whose last bit decides that of the noise.
///
/// `x` is positive and not subnormal.
#[inline(always)]
fn ln<const FMA: bool>(x: Lanes) -> Lanes {
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
    let mut exponent: Lanes = std::array::from_fn(|i| ((x[i].to_bits() >> 23) as i32 - 126) as f32);
    let part: Lanes = std::array::from_fn(|i| f32::from_bits((x[i].to_bits() & 0x007F_FFFF) | 0x3F00_0000));
    let x: Lanes = std::array::from_fn(|i| {
        let low = part[i] < std::f32::consts::FRAC_1_SQRT_2;
        exponent[i] -= if low { 1.0 } else { 0.0 };
        part[i] - 1.0 + if low { part[i] } else { 0.0 }
    });
    let series = polynomial::<FMA, 9>(x, SERIES);
    // ln 2 in two parts, the small one first.
    let tail =
        fused_lanes::<FMA>(exponent, [-2.121_944_4e-4; BLOCK / 2], std::array::from_fn(|i| series[i] * x[i] * (x[i] * x[i])));
    std::array::from_fn(|i| fused::<FMA>(exponent[i], 0.693_359_4, x[i] + fused::<FMA>(-(x[i] * x[i]), 0.5, tail[i])))
}

/// Sine and cosine in the single precision of the Cephes library. `angle` is in 0..2π.
#[inline(always)]
fn sin_cos<const FMA: bool>(angle: Lanes) -> (Lanes, Lanes) {
    // The nearest even multiple of an eighth of a turn, and what is left.
    let eighth: [i32; BLOCK / 2] = std::array::from_fn(|i| ((angle[i] * (4.0 * std::f32::consts::FRAC_1_PI)) as i32 + 1) & !1);
    let turned: Lanes = std::array::from_fn(|i| eighth[i] as f32);
    let parts = [-0.785_156_25, -2.418_756_5e-4, -3.774_895e-8];
    let x = parts.into_iter().fold(angle, |x, part| fused_lanes::<FMA>(turned, [part; BLOCK / 2], x));
    let z: Lanes = std::array::from_fn(|i| x[i] * x[i]);
    let (even, odd) = (
        polynomial::<FMA, 3>(z, [2.443_315_7e-5, -1.388_731_6e-3, 4.166_664_6e-2]),
        polynomial::<FMA, 3>(z, [-1.951_529_6e-4, 8.332_161e-3, -1.666_665_5e-1]),
    );
    let cos: Lanes = std::array::from_fn(|i| fused::<FMA>(even[i] * z[i], z[i], -0.5 * z[i]) + 1.0);
    let sin: Lanes = std::array::from_fn(|i| fused::<FMA>(odd[i] * z[i], x[i], x[i]));
    // Quarter turns swap the two, half turns turn the signs.
    let swapped = |i: usize| eighth[i] & 2 != 0;
    let signed = |value: f32, minus: bool| if minus { -value } else { value };
    (
        std::array::from_fn(|i| signed(if swapped(i) { cos[i] } else { sin[i] }, eighth[i] & 4 != 0)),
        std::array::from_fn(|i| signed(if swapped(i) { sin[i] } else { cos[i] }, (eighth[i] + 2) & 4 != 0)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_arms_give_normal_numbers_that_differ_in_the_last_bit_at_most() {
        let uniform: Vec<f32> = (0..16 * 64 + 5).map(|i| (i as f32 * 0.618_034).fract()).collect();
        let (mut fast, mut plain) = (uniform.clone(), uniform.clone());
        box_muller(&mut fast);
        plain.chunks_exact_mut(BLOCK).for_each(turned::<false>);
        assert_eq!(fast[16 * 64..], uniform[16 * 64..], "what is left over stays");
        for (fast, plain) in fast.iter().zip(&plain) {
            assert!((fast - plain).abs() <= 3e-7 * plain.abs().max(1.0), "{fast} {plain}");
        }
        let exact = (-2.0 * (1.0 - f64::from(uniform[3])).ln()).sqrt() * (std::f64::consts::TAU * f64::from(uniform[11])).cos();
        assert!((f64::from(plain[3]) - exact).abs() < 1e-6);
    }
}
