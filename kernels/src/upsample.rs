//! Doubling a picture's sides.

use crate::cpu::memory::Buffer;
use crate::cpu::simd::{Arm, Kernel, Simd};
use crate::cpu::stored::{elements, floats};
use crate::cpu::{Shared, launch_all};
use crate::dispatch::Ops;
use burn::backend::Dispatch;
use burn::tensor::{Shape, Tensor};
use burn_flex::FlexTensor;

/// Makes a square of four out of each pixel.
///
/// # Shapes
/// `[B, C, H, W]` → `[B, C, 2H, 2W]`.
pub fn upsample_nearest_2x(x: Tensor<4>) -> Tensor<4> {
    Tensor::from_dispatch(Dispatch::upsample_nearest_2x(x.into_dispatch()))
}

pub(crate) fn cpu(arm: Arm, x: FlexTensor) -> FlexTensor {
    let x = floats(x);
    let shape = x.layout().shape().clone();
    let [b, c, h, w] = [shape[0], shape[1], shape[2], shape[3]];
    let out = Buffer::new(4 * b * c * h * w);
    let (source, target) = (Shared::of(elements::<f32>(&x)), Shared(out.pointer()));
    // SAFETY: each task reads one picture of one channel and writes another.
    unsafe {
        launch_all(arm, b * c, |it| Double { source: source.at(it * h * w), out: target.at(4 * it * h * w), h, w });
    }
    out.into_tensor(Shape::from([b, c, 2 * h, 2 * w]))
}

struct Double {
    source: *const f32,
    out: *mut f32,
    h: usize,
    w: usize,
}

impl Kernel for Double {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let Self { source, out, h, w } = self;
        for y in 0..h {
            // SAFETY: `y < h`, `x < w`: both rows of the result and the row of the source exist.
            unsafe {
                let (source, out) = (source.add(y * w), out.add(4 * y * w));
                for x in 0..w {
                    let v = *source.add(x);
                    *out.add(2 * x) = v;
                    *out.add(2 * x + 1) = v;
                }
                out.copy_to_nonoverlapping(out.add(2 * w), 2 * w);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_close, bits, flex, random};
    use burn::tensor::DType;

    fn reference(x: Tensor<4>) -> Tensor<4> {
        let [b, c, h, w] = x.dims();
        x.reshape([b, c, h, 1, w, 1]).repeat(&[1, 1, 1, 2, 1, 2]).reshape([b, c, 2 * h, 2 * w])
    }

    #[test]
    fn each_pixel_becomes_four() {
        let x = random([2, 3, 5, 7], 1, DType::F32);
        for &arm in Arm::available() {
            assert_close(cpu(arm, flex(x.clone())), reference(x.clone()), 0.0, &format!("{arm:?}"));
        }
        assert_eq!(bits(upsample_nearest_2x(x.clone().swap_dims(2, 3))), bits(reference(x.swap_dims(2, 3))));
        assert_eq!(upsample_nearest_2x(Tensor::zeros([0, 3, 2, 2], &burn::tensor::Device::flex())).dims(), [0, 3, 4, 4]);
    }
}
