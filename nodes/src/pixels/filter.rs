//! Neighbourhood filters: convolution with a small kernel, growth and shrinkage.

use super::Block;
use rayon::prelude::*;

/// A Gaussian over `[-1, 1]²`, `size` by `size`, summing to 1; `sigma` is in units of the kernel's half width.
pub(crate) fn gaussian(size: usize, sigma: f64) -> Vec<f32> {
    let place = |it: usize| if size == 1 { -1.0 } else { -1.0 + 2.0 * it as f32 / (size - 1) as f32 };
    let value = |y: usize, x: usize| (-(place(y).powi(2) + place(x).powi(2)) / (2.0 * (sigma * sigma) as f32)).exp();
    let mut kernel: Vec<f32> = (0..size).flat_map(|y| (0..size).map(move |x| value(y, x))).collect();
    let total: f32 = kernel.iter().sum();
    kernel.iter_mut().for_each(|it| *it /= total);
    kernel
}

/// Every channel with a square kernel of odd size; the picture is mirrored at its edges (the edge itself not repeated).
///
/// Both sides of the picture are longer than half the kernel.
pub(crate) fn convolve(block: &Block, kernel: &[f32], size: usize) -> Block {
    let radius = (size / 2) as i64;
    let mirror = |at: i64, length: usize| {
        let last = length as i64 - 1;
        (if at < 0 {
            -at
        } else if at > last {
            2 * last - at
        } else {
            at
        }) as usize
    };
    let Block { height, width, inner, .. } = *block;
    let columns: Vec<usize> = (-radius..width as i64 + radius).map(|x| mirror(x, width)).collect();
    let mut out = Block { data: vec![0.0; block.data.len()], ..*block };
    out.data.par_chunks_mut(width * inner).enumerate().for_each(|(line, row)| {
        let (item, y) = (line / height, line % height);
        for (ky, weights) in kernel.chunks_exact(size).enumerate() {
            let from = block.at(item, mirror(y as i64 + ky as i64 - radius, height), 0);
            let old = &block.data[from..][..width * inner];
            for (kx, weight) in weights.iter().enumerate() {
                for (x, pixel) in row.chunks_exact_mut(inner).enumerate() {
                    let old = &old[columns[x + kx] * inner..][..inner];
                    pixel.iter_mut().zip(old).for_each(|(sum, value)| *sum += weight * value);
                }
            }
        }
    });
    out
}

/// Replaces every cell by the largest of its neighbourhood: the four beside it, or all eight where `corners`.
pub(crate) fn dilate(block: &Block, corners: bool) -> Block {
    neighbourhood(block, corners, f32::max)
}

/// Replaces every cell by the smallest of its neighbourhood: the four beside it, or all eight where `corners`.
pub(crate) fn erode(block: &Block, corners: bool) -> Block {
    neighbourhood(block, corners, f32::min)
}

fn neighbourhood(block: &Block, corners: bool, pick: fn(f32, f32) -> f32) -> Block {
    let Block { height, width, .. } = *block;
    let mut out = block.clone();
    for item in 0..block.outer {
        for y in 0..height {
            for x in 0..width {
                let mut best = block.data[block.at(item, y, x)];
                for ny in y.saturating_sub(1)..(y + 2).min(height) {
                    for nx in x.saturating_sub(1)..(x + 2).min(width) {
                        if corners || ny == y || nx == x {
                            best = pick(best, block.data[block.at(item, ny, nx)]);
                        }
                    }
                }
                let at = out.at(item, y, x);
                out.data[at] = best;
            }
        }
    }
    out
}
