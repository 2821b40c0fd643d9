//! Resizing, with the numbers of the reference: `torch.nn.functional.interpolate` without antialiasing for most methods, Pillow's
//! 8-bit Lanczos, and the spherical interpolation of latents.

use super::Block;
use rayon::prelude::*;

/// How new pixels are made from old ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    /// The pixel whose area holds the new centre.
    NearestExact,
    /// A weighted mean of the 2x2 nearest.
    Bilinear,
    /// The mean of all that the new pixel covers.
    Area,
    /// A cubic through the 4x4 nearest, a = -0.75.
    Bicubic,
    /// Windowed sinc over the covered area, on 8-bit values.
    Lanczos,
    /// Spherical interpolation of the channel vectors, first across, then down. For latents.
    Bislerp,
}

/// What pictures offer.
pub(crate) const IMAGE_METHODS: &[&str] = &["nearest-exact", "bilinear", "area", "bicubic", "lanczos"];
/// What latents offer.
pub(crate) const LATENT_METHODS: &[&str] = &["nearest-exact", "bilinear", "area", "bicubic", "bislerp"];
/// Whether the sides are cut first so that the aspect holds.
pub(crate) const CROPS: &[&str] = &["disabled", "center"];

impl Method {
    /// The method of this name in workflow files.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "nearest-exact" => Self::NearestExact,
            "bilinear" => Self::Bilinear,
            "area" => Self::Area,
            "bicubic" => Self::Bicubic,
            "lanczos" => Self::Lanczos,
            "bislerp" => Self::Bislerp,
            _ => return None,
        })
    }
}

/// Cuts the sides in the middle so that width to height becomes that of the new size.
pub(crate) fn crop_to_aspect(block: &Block, height: usize, width: usize) -> Block {
    let (old_height, old_width) = (block.height as f64, block.width as f64);
    let (old, new) = (old_width / old_height, width as f64 / height as f64);
    let (mut y, mut x) = (0, 0);
    if old > new {
        x = ((old_width - old_width * (new / old)) / 2.0).round_ties_even() as usize;
    } else if old < new {
        y = ((old_height - old_height * (old / new)) / 2.0).round_ties_even() as usize;
    }
    block.crop(y, x, block.height - 2 * y, block.width - 2 * x)
}

/// Resizes every picture of a block. `channels` is the length of the vectors that [`Method::Bislerp`] turns: the block is then
/// `[b·channels, h, w, 1]`. Both sizes are at least 1.
pub(crate) fn resize(block: &Block, height: usize, width: usize, method: Method, channels: usize) -> Block {
    match method {
        Method::Lanczos => lanczos(block, height, width),
        Method::Bislerp => bislerp(block, height, width, channels),
        Method::NearestExact => separable(block, &taps_nearest(block.height, height), &taps_nearest(block.width, width)),
        Method::Bilinear => separable(block, &taps_bilinear(block.height, height), &taps_bilinear(block.width, width)),
        Method::Area => separable(block, &taps_area(block.height, height), &taps_area(block.width, width)),
        Method::Bicubic => separable(block, &taps_bicubic(block.height, height), &taps_bicubic(block.width, width)),
    }
}

/// The old pixels that make one new pixel along an axis, with their weights.
type Taps = Vec<(usize, f32)>;

fn taps_nearest(from: usize, to: usize) -> Vec<Taps> {
    let scale = from as f32 / to as f32;
    (0..to).map(|it| vec![((((it as f32 + 0.5) * scale) as usize).min(from - 1), 1.0)]).collect()
}

fn taps_bilinear(from: usize, to: usize) -> Vec<Taps> {
    let scale = from as f32 / to as f32;
    let taps = |it: usize| {
        let at = (scale * (it as f32 + 0.5) - 0.5).max(0.0);
        let first = (at as usize).min(from - 1);
        let part = (at - first as f32).clamp(0.0, 1.0);
        vec![(first, 1.0 - part), ((first + 1).min(from - 1), part)]
    };
    (0..to).map(taps).collect()
}

fn taps_area(from: usize, to: usize) -> Vec<Taps> {
    let taps = |it: usize| {
        let (first, last) = (it * from / to, ((it + 1) * from).div_ceil(to));
        (first..last).map(|at| (at, 1.0 / (last - first) as f32)).collect()
    };
    (0..to).map(taps).collect()
}

fn taps_bicubic(from: usize, to: usize) -> Vec<Taps> {
    const A: f32 = -0.75;
    let near = |x: f32| ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0;
    let far = |x: f32| ((A * x - 5.0 * A) * x + 8.0 * A) * x - 4.0 * A;
    let scale = from as f32 / to as f32;
    let taps = |it: usize| {
        let at = scale * (it as f32 + 0.5) - 0.5;
        let floor = at.floor();
        let part = at - floor;
        let weights = [far(part + 1.0), near(part), near(1.0 - part), far(2.0 - part)];
        let place = |offset: i64| (floor as i64 + offset).clamp(0, from as i64 - 1) as usize;
        (0..4).map(|tap| (place(tap as i64 - 1), weights[tap])).collect()
    };
    (0..to).map(taps).collect()
}

/// Weighs rows, then columns.
fn separable(block: &Block, down: &[Taps], across: &[Taps]) -> Block {
    let Block { outer, width, inner, .. } = *block;
    let (new_height, new_width) = (down.len(), across.len());
    let mut out = Block::filled(outer, new_height, new_width, inner, 0.0);
    let row_size = new_width * inner;
    if row_size == 0 {
        return out;
    }
    out.data.par_chunks_mut(row_size).enumerate().for_each(|(index, row)| {
        let (item, y) = (index / new_height, index % new_height);
        let mut mixed = vec![0.0; width * inner];
        for &(from, weight) in &down[y] {
            let line = &block.data[block.at(item, from, 0)..][..width * inner];
            mixed.iter_mut().zip(line).for_each(|(sum, value)| *sum += weight * value);
        }
        for (x, pixel) in row.chunks_exact_mut(inner).enumerate() {
            for &(from, weight) in &across[x] {
                let old = &mixed[from * inner..][..inner];
                pixel.iter_mut().zip(old).for_each(|(sum, value)| *sum += weight * value);
            }
        }
    });
    out
}

/// Pillow's resize with `LANCZOS` on 8-bit channels: fixed-point weights of 22 bits, across first, rounded after each direction.
fn lanczos(block: &Block, height: usize, width: usize) -> Block {
    let bytes: Vec<u8> = block.data.iter().map(|it| (255.0 * it).clamp(0.0, 255.0) as u8).collect();
    let (across, down) = (lanczos_taps(block.width, width), lanczos_taps(block.height, height));
    let Block { outer, height: old_height, width: old_width, inner, .. } = *block;
    let mut wide = vec![0u8; outer * old_height * width * inner];
    for (line, row) in wide.chunks_exact_mut(width * inner).enumerate() {
        let old = &bytes[line * old_width * inner..][..old_width * inner];
        for (x, pixel) in row.chunks_exact_mut(inner).enumerate() {
            for (c, value) in pixel.iter_mut().enumerate() {
                *value = fixed(across[x].iter().map(|&(from, weight)| weight * i64::from(old[from * inner + c])));
            }
        }
    }
    let mut out = Block::filled(outer, height, width, inner, 0.0);
    let row_size = width * inner;
    for (line, row) in out.data.chunks_exact_mut(row_size).enumerate() {
        let (item, y) = (line / height, line % height);
        for (at, value) in row.iter_mut().enumerate() {
            let old = |from: usize| i64::from(wide[(item * old_height + from) * row_size + at]);
            *value = f32::from(fixed(down[y].iter().map(|&(from, weight)| weight * old(from)))) / 255.0;
        }
    }
    out
}

const FIXED_BITS: u32 = 22;

fn fixed(products: impl Iterator<Item = i64>) -> u8 {
    ((products.sum::<i64>() + (1 << (FIXED_BITS - 1))) >> FIXED_BITS).clamp(0, 255) as u8
}

fn lanczos_taps(from: usize, to: usize) -> Vec<Vec<(usize, i64)>> {
    let sinc = |x: f64| if x == 0.0 { 1.0 } else { (x * std::f64::consts::PI).sin() / (x * std::f64::consts::PI) };
    let window = |x: f64| if (-3.0..3.0).contains(&x) { sinc(x) * sinc(x / 3.0) } else { 0.0 };
    let scale = from as f64 / to as f64;
    let stretch = scale.max(1.0);
    let support = 3.0 * stretch;
    let taps = |it: usize| {
        let centre = (it as f64 + 0.5) * scale;
        let first = ((centre - support + 0.5) as i64).max(0) as usize;
        let last = ((centre + support + 0.5) as usize).min(from);
        let weights: Vec<f64> = (first..last).map(|at| window((at as f64 - centre + 0.5) / stretch)).collect();
        let total: f64 = weights.iter().sum();
        let fixed = |weight: f64| {
            let scaled = weight / total * f64::from(1u32 << FIXED_BITS);
            if scaled < 0.0 { (scaled - 0.5) as i64 } else { (scaled + 0.5) as i64 }
        };
        weights.into_iter().enumerate().map(|(at, weight)| (first + at, fixed(weight))).collect()
    };
    (0..to).map(taps).collect()
}

/// Interpolates direction and length of the channel vectors apart (Shoemake 1985 for the direction).
fn bislerp(block: &Block, height: usize, width: usize, channels: usize) -> Block {
    let vectors = Block { outer: block.outer / channels, inner: channels, data: channels_last(block, channels), ..*block };
    let wide = slerp_across(&vectors, width);
    let turned = slerp_across(&transposed(&wide), height);
    let out = transposed(&turned);
    let mut data = Vec::with_capacity(out.data.len());
    for item in 0..out.outer {
        for c in 0..channels {
            data.extend(out.item(item).iter().skip(c).step_by(channels));
        }
    }
    Block { outer: block.outer, height, width, inner: 1, data }
}

fn channels_last(block: &Block, channels: usize) -> Vec<f32> {
    let cells = block.height * block.width;
    let at = |batch: usize, cell: usize, c: usize| block.data[(batch * channels + c) * cells + cell];
    (0..block.outer / channels)
        .flat_map(|b| (0..cells).flat_map(move |cell| (0..channels).map(move |c| at(b, cell, c))))
        .collect()
}

fn transposed(block: &Block) -> Block {
    let mut out = Block::filled(block.outer, block.width, block.height, block.inner, 0.0);
    for item in 0..block.outer {
        for y in 0..block.height {
            for x in 0..block.width {
                let (from, to) = (block.at(item, y, x), out.at(item, x, y));
                out.data[to..to + block.inner].copy_from_slice(&block.data[from..from + block.inner]);
            }
        }
    }
    out
}

fn slerp_across(block: &Block, width: usize) -> Block {
    let mut out = Block::filled(block.outer, block.height, width, block.inner, 0.0);
    let taps = taps_bilinear(block.width, width);
    let place = |line: &[f32], x: usize| taps[x].iter().map(|&(from, weight)| line[from] * weight).sum::<f32>();
    let here: Vec<f32> = (0..block.width).map(|it| it as f32).collect();
    let next: Vec<f32> = (0..block.width).map(|it| (it + 1).min(block.width - 1) as f32).collect();
    for x in 0..width {
        let at = place(&here, x);
        let (first, second, part) = (at as usize, place(&next, x) as usize, at - at.floor());
        for item in 0..block.outer {
            for y in 0..block.height {
                let (a, b) = (block.at(item, y, first), block.at(item, y, second));
                let to = out.at(item, y, x);
                let (a, b) = (&block.data[a..a + block.inner], &block.data[b..b + block.inner]);
                slerp(a, b, part, &mut out.data[to..to + block.inner]);
            }
        }
    }
    out
}

fn slerp(a: &[f32], b: &[f32], part: f32, out: &mut [f32]) {
    let norm = |it: &[f32]| it.iter().map(|v| v * v).sum::<f32>().sqrt();
    let unit = |value: f32, norm: f32| if norm == 0.0 { 0.0 } else { value / norm };
    let (length_a, length_b) = (norm(a), norm(b));
    let dot: f32 = a.iter().zip(b).map(|(a, b)| unit(*a, length_a) * unit(*b, length_b)).sum();
    if dot > 1.0 - 1e-5 {
        out.copy_from_slice(a);
        return;
    }
    if dot < 1e-5 - 1.0 {
        out.iter_mut().zip(a.iter().zip(b)).for_each(|(out, (a, b))| *out = a * (1.0 - part) + b * part);
        return;
    }
    let angle = dot.acos();
    let (from_a, from_b) = (((1.0 - part) * angle).sin() / angle.sin(), (part * angle).sin() / angle.sin());
    let length = length_a * (1.0 - part) + length_b * part;
    for (out, (a, b)) in out.iter_mut().zip(a.iter().zip(b)) {
        *out = (from_a * unit(*a, length_a) + from_b * unit(*b, length_b)) * length;
    }
}
