//! What patches do inside a UNet.

use super::Hooks;
use crate::Stop;
use crate::sampling::combine::low_pass;
use crate::sampling::patches::{FreeU, Scaling, Within};
use burn::tensor::module::{adaptive_avg_pool2d, interpolate};
use burn::tensor::ops::{InterpolateMode, InterpolateOptions};
use burn::tensor::{Int, Tensor, TensorData};

impl Hooks<'_> {
    /// The features behind an input block, before its skip connection or behind it.
    pub(super) fn input_block(&self, mut x: Tensor<4>, index: usize, after_skip: bool) -> Result<Tensor<4>, Stop> {
        for patch in self.within {
            let Within::Downscale { block, factor, after_skip: after, down, .. } = *patch else { continue };
            if block == index && after == after_skip {
                let [_, _, h, w] = x.dims();
                let shrunk = |size: usize| (size as f64 * (1.0 / factor)).round_ties_even() as usize;
                x = down.apply(x, [shrunk(h), shrunk(w)])?;
            }
        }
        Ok(x)
    }
}

/// The features before an output block and what comes over its skip connection. `width` is that of the network's finest blocks.
pub(super) fn output_block(
    hooks: &Hooks<'_>,
    mut x: Tensor<4>,
    mut skip: Tensor<4>,
    width: usize,
) -> Result<(Tensor<4>, Tensor<4>), Stop> {
    for patch in hooks.within {
        match patch {
            Within::FreeU(free) => (x, skip) = free.apply(x, skip, width),
            Within::Downscale { up, .. } if x.dims()[2] != skip.dims()[2] => {
                x = up.apply(x, [skip.dims()[2], skip.dims()[3]])?;
            }
            _ => {}
        }
    }
    Ok((x, skip))
}

impl FreeU {
    fn apply(&self, x: Tensor<4>, skip: Tensor<4>, width: usize) -> (Tensor<4>, Tensor<4>) {
        let [b, c, h, w] = x.dims();
        let row = match c {
            it if it == 4 * width => 0,
            it if it == 2 * width => 1,
            _ => return (x, skip),
        };
        let (backbone, low) = (self.backbone[row] as f32, self.skip[row] as f32);
        let factor = if self.by_mean {
            // From 1 where the mean is least to b where it is greatest.
            let mean = x.clone().mean_dim(1);
            let flat = mean.clone().reshape([b, h * w]);
            let (least, most) = (flat.clone().min_dim(1).reshape([b, 1, 1, 1]), flat.max_dim(1).reshape([b, 1, 1, 1]));
            ((mean - least.clone()) / (most - least)).mul_scalar(backbone - 1.0).add_scalar(1.0)
        } else {
            Tensor::full([b, 1, h, w], backbone, &x.device())
        };
        let half = c / 2;
        let front = x.clone().narrow(1, 0, half) * factor;
        let x = Tensor::cat(vec![front, x.narrow(1, half, c - half)], 1);
        let skip = skip.clone() + low_pass(skip, 1).mul_scalar(low - 1.0);
        (x, skip)
    }
}

impl Scaling {
    /// Brings pictures to another size.
    ///
    /// # Errors
    /// [`Stop::Unfit`] where nothing would be left of them, and for [`Scaling::Bislerp`], which is not supported so far.
    fn apply(self, pictures: Tensor<4>, size: [usize; 2]) -> Result<Tensor<4>, Stop> {
        /// Features of this many cells each way are beyond every model.
        const MOST: usize = 16_384;
        if size.contains(&0) || size.iter().any(|it| *it > MOST) {
            let [_, _, h, w] = pictures.dims();
            return Err(Stop::Unfit(format!(
                "features of {h} by {w} cells cannot be scaled to {} by {}: choose another downscale_factor",
                size[0], size[1]
            )));
        }
        let smooth = |mode| {
            let options = InterpolateOptions::new(mode).with_align_corners(false).with_output_size(size);
            interpolate(pictures.clone(), options)
        };
        Ok(match self {
            Self::Bicubic => smooth(InterpolateMode::Bicubic),
            Self::Bilinear => smooth(InterpolateMode::Bilinear),
            Self::Area => adaptive_avg_pool2d(pictures, size),
            Self::Nearest => {
                let [_, _, h, w] = pictures.dims();
                let device = pictures.device();
                let from = |size: usize, of: usize| {
                    let middle = |i: usize| ((2 * i + 1) * of / (2 * size)).min(of - 1) as i64;
                    let indices: Vec<i64> = (0..size).map(middle).collect();
                    Tensor::<1, Int>::from_data(TensorData::new(indices, [size]), &device)
                };
                pictures.select(2, from(size[0], h)).select(3, from(size[1], w))
            }
            Self::Bislerp => {
                return Err(Stop::Unfit("features cannot be scaled by `bislerp` so far: choose `bicubic`".to_owned()));
            }
        })
    }
}

/// Brings features to another size by taking the nearest cell above and to the left.
pub(crate) fn nearest(features: Tensor<4>, [height, width]: [usize; 2]) -> Tensor<4> {
    let [_, _, h, w] = features.dims();
    let device = features.device();
    let from = |size: usize, of: usize| {
        let indices: Vec<i64> = (0..size).map(|i| (i * of / size) as i64).collect();
        Tensor::<1, Int>::from_data(TensorData::new(indices, [size]), &device)
    };
    features.select(2, from(height, h)).select(3, from(width, w))
}

/// How self-attention is cut into tiles.
#[derive(Clone, Copy)]
pub(super) struct Tiles {
    /// Tiles down and across, and cells of each.
    down: usize,
    across: usize,
    rows: usize,
    columns: usize,
}

impl Tiles {
    /// For so many cells of features, where the latent has this size; `None` where they stay whole.
    pub(super) fn new(hooks: &Hooks<'_>, cells: usize, [height, width]: [usize; 2]) -> Option<Self> {
        let patch = hooks.within.iter().rev().find(|it| matches!(it, Within::HyperTile { .. }))?;
        let Within::HyperTile { tile, swap, depth, scale_depth } = *patch else { return None };
        let at = |depth: usize| height as f64 / 2_f64.powi(depth as i32) * (width as f64 / 2_f64.powi(depth as i32));
        let halved = (0..=depth).find(|it| at(*it) == cells as f64)?;
        // The longer side counts as down: as the original has it, also where that is the other way round.
        let aspect = width as f64 / height as f64;
        let side = |aspect: f64| (cells as f64 * aspect).sqrt().round_ties_even() as usize;
        let (rows, columns) = (side(aspect), side(1.0 / aspect));
        if rows * columns != cells {
            return None;
        }
        let least = tile.max(32) / 8 * if scale_depth { 1 << halved } else { 1 };
        let divided = |size: usize| {
            let counts: Vec<usize> =
                (least.min(size)..=size).filter(|it| size.is_multiple_of(*it)).take(swap).map(|it| size / it).collect();
            let choices = counts.len().saturating_sub(1) as u32;
            let index = if choices > 0 { hooks.random.lock().below(choices) as usize } else { 0 };
            counts[index]
        };
        let (down, across) = (divided(rows), divided(columns));
        (down * across > 1).then_some(Self { down, across, rows: rows / down, columns: columns / across })
    }

    /// Tiles as a batch, `[B·tiles, cells of one, C]`.
    pub(super) fn cut(&self, x: Tensor<3>) -> Tensor<3> {
        let [b, _, c] = x.dims();
        let Self { down, across, rows, columns } = *self;
        let tiles: Tensor<6> = x.reshape([b, down, rows, across, columns, c]);
        tiles.permute([0, 1, 3, 2, 4, 5]).reshape([b * down * across, rows * columns, c])
    }

    /// What tiles attend to: as many cells each, in the order of lines. Across one tile that is the tile itself.
    pub(super) fn chunk(&self, x: Tensor<3>) -> Tensor<3> {
        let [b, n, c] = x.dims();
        let tiles = self.down * self.across;
        x.reshape([b * tiles, n / tiles, c])
    }

    /// Undoes [`Tiles::cut`].
    pub(super) fn join(&self, x: Tensor<3>) -> Tensor<3> {
        let [tiles, cells, c] = x.dims();
        let Self { down, across, rows, columns } = *self;
        let b = tiles / (down * across);
        let tiles: Tensor<6> = x.reshape([b, down, across, rows, columns, c]);
        tiles.permute([0, 1, 3, 2, 4, 5]).reshape([b, cells * down * across, c])
    }
}
