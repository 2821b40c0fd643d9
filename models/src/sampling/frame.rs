//! The layout of a batch of latents, and what is fitted into it: masks, and pictures that a network sees beside them.

use crate::{Samples, Stop};
use burn::tensor::module::interpolate;
use burn::tensor::ops::{InterpolateMode, InterpolateOptions};
use burn::tensor::{Device, Tensor};

/// The layout of a batch of latents: pictures `[b, c, h, w]`, video `[b, c, t, h, w]`, sound `[b, c, w]`.
///
/// Everything is seen as pictures `[b, c·t, h, w]`: areas and masks lie in the last two dimensions.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    pub shape: Vec<usize>,
    pub batch: usize,
    pub channels: usize,
    /// Frames of a video, else 1.
    pub depth: usize,
    pub height: usize,
    pub width: usize,
    pub device: Device,
}

impl Frame {
    pub(super) fn new(shape: &[usize], device: &Device) -> Result<Self, Stop> {
        let (batch, channels, depth, height, width) = match *shape {
            [b, c, w] => (b, c, 1, 1, w),
            [b, c, h, w] => (b, c, 1, h, w),
            [b, c, t, h, w] => (b, c, t, h, w),
            _ => {
                return Err(Stop::Unfit(format!(
                    "a latent of shape {shape:?}: batch, channels and one to three more dimensions can be sampled"
                )));
            }
        };
        if shape.contains(&0) {
            return Err(Stop::Unfit(format!("a latent of shape {shape:?} is empty")));
        }
        Ok(Self { shape: shape.to_vec(), batch, channels, depth, height, width, device: device.clone() })
    }

    /// `[batch, everything else]` as pictures.
    pub(super) fn pictures(&self, flat: Tensor<2>) -> Tensor<4> {
        flat.reshape([self.batch, self.channels * self.depth, self.height, self.width])
    }

    /// Pictures as `[batch, everything else]`.
    pub(super) fn flat(&self, pictures: Tensor<4>) -> Tensor<2> {
        let [batch, planes, height, width] = pictures.dims();
        pictures.reshape([batch, planes * height * width])
    }

    /// `[batch, everything else]` as `[batch, channels, cells]`.
    pub(super) fn cells(&self, flat: Tensor<2>) -> Tensor<3> {
        flat.reshape([self.batch, self.channels, self.depth * self.height * self.width])
    }

    /// Shapes pictures of any batch and size, with `extra` channels behind their own, as the network wants them.
    pub(super) fn samples(&self, pictures: Tensor<4>, extra: usize) -> Samples {
        let [batch, _, height, width] = pictures.dims();
        let channels = self.channels + extra;
        let shape: Vec<usize> = match self.shape.len() {
            3 => vec![batch, channels, width],
            4 => vec![batch, channels, height, width],
            _ => vec![batch, channels, self.depth, height, width],
        };
        Samples::with_shape(self.flat(pictures), &shape)
    }

    /// A mask of where to change the latent, `[b or 1, 1, h, w]` at any resolution, for every value of it.
    pub(super) fn noise_mask(&self, mask: &Tensor<4>) -> Result<Tensor<2>, Stop> {
        let [count, layers, _, _] = mask.dims();
        if count == 0 || layers != 1 {
            return Err(Stop::Unfit(format!("a noise mask of shape {:?}: [batch, 1, height, width] is needed", mask.dims())));
        }
        let mask = stretch(mask.clone().to_device(&self.device), [self.height, self.width]);
        if self.depth == 1 || count == 1 {
            let planes = mask.repeat_dim(1, self.channels * self.depth);
            return Ok(self.flat(cycle(planes, self.batch)));
        }
        if count != self.depth {
            return Err(Stop::Unfit(format!(
                "a noise mask of {count} frames for a video latent of {}: one or as many are needed",
                self.depth
            )));
        }
        let frames = mask.reshape([1, count, self.height, self.width]).repeat_dim(1, self.channels);
        Ok(self.flat(cycle(frames, self.batch)))
    }
}

/// Repeats or cuts a batch to a size.
pub(super) fn cycle<const D: usize>(tensor: Tensor<D>, batch: usize) -> Tensor<D> {
    let count = tensor.dims()[0];
    if count == batch {
        return tensor;
    }
    tensor.repeat_dim(0, batch.div_ceil(count)).narrow(0, 0, batch)
}

/// Spreads a batch over another size: each gets the nearest, rather than the batch beginning anew.
pub(super) fn spread<const D: usize>(tensor: Tensor<D>, batch: usize) -> Tensor<D> {
    let count = tensor.dims()[0];
    if count == batch {
        return tensor;
    }
    let source = |i: usize| {
        let exact = if batch < count {
            (i as f64 * ((count - 1) as f64 / (batch.max(2) - 1) as f64)).round_ties_even()
        } else {
            ((i as f64 + 0.5) * (count as f64 / batch as f64)).floor()
        };
        (exact as usize).min(count - 1)
    };
    Tensor::cat((0..batch).map(|i| tensor.clone().narrow(0, source(i), 1)).collect(), 0)
}

/// Resizes pictures bilinearly, without looking at more than the nearest four.
pub(super) fn stretch(pictures: Tensor<4>, [height, width]: [usize; 2]) -> Tensor<4> {
    let [_, _, h, w] = pictures.dims();
    if [h, w] == [height, width] {
        return pictures;
    }
    let options = InterpolateOptions::new(InterpolateMode::Bilinear).with_align_corners(false).with_output_size([height, width]);
    interpolate(pictures, options)
}

/// The same, after cutting what is too wide or too high off both sides.
pub(super) fn fill(pictures: Tensor<4>, [height, width]: [usize; 2]) -> Tensor<4> {
    let [_, _, h, w] = pictures.dims();
    let (old, new) = (w as f64 / h as f64, width as f64 / height as f64);
    let (mut x, mut y) = (0, 0);
    if old > new {
        x = ((w as f64 - w as f64 * (new / old)) / 2.0).round_ties_even() as usize;
    } else if old < new {
        y = ((h as f64 - h as f64 * (old / new)) / 2.0).round_ties_even() as usize;
    }
    // At least one cell stays, however different the shapes.
    let (x, y) = (x.min((w - 1) / 2), y.min((h - 1) / 2));
    stretch(pictures.narrow(2, y, h - 2 * y).narrow(3, x, w - 2 * x), [height, width])
}
