//! Doubling a picture's sides.

use burn::tensor::Tensor;

/// Makes a square of four out of each pixel.
///
/// # Shapes
/// `[B, C, H, W]` → `[B, C, 2H, 2W]`.
pub fn upsample_nearest_2x(x: Tensor<4>) -> Tensor<4> {
    reference(x)
}

fn reference(x: Tensor<4>) -> Tensor<4> {
    let [b, c, h, w] = x.dims();
    x.reshape([b, c, h, 1, w, 1]).repeat(&[1, 1, 1, 2, 1, 2]).reshape([b, c, 2 * h, 2 * w])
}
