//! Large pictures in tiles that fade into each other.
//!
//! The picture is cut three times, into tiles that are square, tall and wide; in each cut neighbours overlap and fade linearly into
//! each other, and the mean of the three cuts is taken, so that an edge of one cut lies in the middle of another's tile. This is the
//! scheme of ComfyUI `comfy/sd.py` `VAE.decode_tiled_` and `comfy/utils.py` `tiled_scale`, with the same tiles and weights.

use crate::vae::values;
use crate::{Stop, Watch};
use burn::tensor::{Device, Tensor, TensorData};
use std::ops::Range;

/// How a picture is cut into tiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tiling {
    /// Side of a square tile, pixels.
    pub tile: usize,
    /// How far neighbours overlap, pixels; at most a quarter of the tile counts.
    pub overlap: usize,
}

impl Tiling {
    /// Cuts a latent of `size` cells, `cell` pixels each.
    pub(crate) fn plan(self, size: [usize; 2], cell: usize) -> Result<Plan, Stop> {
        let (tile, overlap) = (self.tile / cell, self.overlap.min(self.tile / 4) / cell);
        if tile / 2 <= overlap {
            let needed = 4 * cell;
            return Err(Stop::Unfit(format!("tiles of {} pixels are too small: this VAE needs {needed}", self.tile)));
        }
        let shapes = [[tile * 2, tile / 2], [tile / 2, tile * 2], [tile, tile]];
        let whole = shapes.iter().all(|shape| fits(size, *shape));
        let cut = |shape: [usize; 2]| Cut { rows: spans(size[0], shape[0], overlap), columns: spans(size[1], shape[1], overlap) };
        let cuts = if whole { vec![cut([tile; 2])] } else { shapes.map(cut).to_vec() };
        Ok(Plan { size, overlap, cuts })
    }
}

/// Where the tiles lie, in cells of the latent.
pub(crate) struct Plan {
    size: [usize; 2],
    overlap: usize,
    cuts: Vec<Cut>,
}

/// Rows and columns of tiles.
#[derive(Clone)]
struct Cut {
    rows: Vec<Range<usize>>,
    columns: Vec<Range<usize>>,
}

impl Plan {
    /// Cuts a picture of `size` once, into square tiles: ComfyUI's upscalers do so.
    pub(crate) fn single(size: [usize; 2], tile: usize, overlap: usize) -> Self {
        let cut = Cut { rows: spans(size[0], tile, overlap), columns: spans(size[1], tile, overlap) };
        Self { size, overlap, cuts: vec![cut] }
    }

    /// Runs a network on every tile and puts the whole together on the CPU.
    ///
    /// `tile` gets rows and columns of the latent and returns `[1, C, rows·zoom, columns·zoom]`. `(index, batch)` says which picture
    /// of how many this is, for the progress.
    pub(crate) fn run(
        &self,
        zoom: usize,
        watch: &dyn Watch,
        (index, batch): (usize, usize),
        mut tile: impl FnMut(Range<usize>, Range<usize>) -> Result<Tensor<4>, Stop>,
    ) -> Result<Tensor<4>, Stop> {
        let tiles: usize = self.cuts.iter().map(|it| it.rows.len() * it.columns.len()).sum();
        let mut done = index * tiles;
        let [height, width] = self.size.map(|it| it * zoom);
        let (mut sum, mut channels) = (Vec::new(), 0);
        for cut in &self.cuts {
            let rows: Vec<Fade> = cut.rows.iter().map(|it| Fade::new(it, zoom, self.overlap)).collect();
            let columns: Vec<Fade> = cut.columns.iter().map(|it| Fade::new(it, zoom, self.overlap)).collect();
            let (row_sum, column_sum) = (sums(&rows, height), sums(&columns, width));
            for (y, row) in cut.rows.iter().zip(&rows) {
                for (x, column) in cut.columns.iter().zip(&columns) {
                    watch.check()?;
                    let made = tile(y.clone(), x.clone())?;
                    let [_, c, h, w] = made.dims();
                    if [h, w] != [row.weights.len(), column.weights.len()] || (channels != 0 && c != channels) {
                        return Err(Stop::Unfit(format!("a tile of {} by {} cells came out as {h}x{w}", y.len(), x.len())));
                    }
                    channels = c;
                    sum.resize(c * height * width, 0.0);
                    let made = values(made)?;
                    for (line, values) in made.chunks_exact(w).enumerate() {
                        let (plane, line) = (line / h, line % h);
                        let (at, weight) = (row.start + line, row.weights[line]);
                        let to = &mut sum[(plane * height + at) * width + column.start..][..w];
                        let weight = weight / row_sum[at] / self.cuts.len() as f32;
                        let fading = column.weights.iter().zip(&column_sum[column.start..]);
                        for ((to, value), (fade, total)) in to.iter_mut().zip(values).zip(fading) {
                            *to += value * (weight * (fade / total));
                        }
                    }
                    done += 1;
                    watch.progress(done, tiles * batch, None);
                }
            }
        }
        Ok(Tensor::from_data(TensorData::new(sum, [1, channels, height, width]), &Device::flex()))
    }
}

fn fits(size: [usize; 2], shape: [usize; 2]) -> bool {
    size[0] <= shape[0] && size[1] <= shape[1]
}

/// Starts and ends of the tiles along one side. The last one may be short.
fn spans(size: usize, tile: usize, overlap: usize) -> Vec<Range<usize>> {
    if size <= tile {
        return std::iter::once(0..size).collect();
    }
    (0..size - overlap).step_by(tile - overlap).map(|start| start..size.min(start + tile)).collect()
}

/// How much each line of a tile counts along one side.
struct Fade {
    start: usize,
    weights: Vec<f32>,
}

impl Fade {
    /// Rises over the overlap from `1/overlap` to 1 and falls again; a tile that is no longer than its overlap counts evenly.
    fn new(span: &Range<usize>, zoom: usize, overlap: usize) -> Self {
        let (length, overlap) = (span.len() * zoom, overlap * zoom);
        let mut weights = vec![1.0; length];
        if overlap < length {
            for near in 0..overlap {
                let weight = (near + 1) as f32 / overlap as f32;
                weights[near] *= weight;
                weights[length - 1 - near] *= weight;
            }
        }
        Self { start: span.start * zoom, weights }
    }
}

/// What all tiles together count at each line.
fn sums(fades: &[Fade], length: usize) -> Vec<f32> {
    let mut sums = vec![0.0; length];
    for fade in fades {
        for (sum, weight) in sums[fade.start..].iter_mut().zip(&fade.weights) {
            *sum += weight;
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Samples, Unwatched};
    use std::sync::Mutex;

    /// A latent whose every value tells its place.
    fn latent(height: usize, width: usize) -> Tensor<4> {
        let values = (0..2 * height * width).map(|it| (it as f32 * 0.37).sin()).collect();
        Tensor::from_data(TensorData::new(values, [1, 2, height, width]), &Device::flex())
    }

    fn tiled(x: &Tensor<4>, tiling: Tiling, zoom: usize, network: impl Fn(Tensor<4>) -> Tensor<4>) -> Tensor<4> {
        let [_, _, height, width] = x.dims();
        let cut = |y: Range<usize>, z: Range<usize>| x.clone().narrow(2, y.start, y.len()).narrow(3, z.start, z.len());
        tiling.plan([height, width], zoom).unwrap().run(zoom, &Unwatched, (0, 1), |y, x| Ok(network(cut(y, x)))).unwrap()
    }

    fn most(x: Tensor<4>) -> f32 {
        x.abs().max().into_scalar()
    }

    /// Each value and its neighbours above, below and beside it, zeros beyond the edge.
    fn blur(x: Tensor<4>) -> Tensor<4> {
        let [_, _, h, w] = x.dims();
        let padded = x.clone().pad((1, 1, 1, 1), 0.0);
        let at = |y, z| padded.clone().narrow(2, y, h).narrow(3, z, w);
        (x * 2.0 + at(0, 1) + at(2, 1) + at(1, 0) + at(1, 2)) / 6.0
    }

    #[test]
    fn a_network_without_neighbourhood_gives_the_whole_picture() {
        for (height, width) in [(21, 34), (40, 9), (9, 40), (17, 17)] {
            for (tile, overlap) in [(16, 4), (12, 0), (16, 100)] {
                let x = latent(height, width);
                let doubled = |it: Tensor<4>| kernels::upsample_nearest_2x(it * 3.0 - 1.0);
                let found = tiled(&x, Tiling { tile, overlap }, 2, doubled);
                assert!(most(found - doubled(x)) < 1e-5, "{height}x{width} in tiles of {tile}, overlap {overlap}");
            }
        }
    }

    #[test]
    fn edges_of_tiles_fade_away() {
        let x = latent(48, 40);
        let whole = blur(x.clone());
        let off = |overlap| most(tiled(&x, Tiling { tile: 32, overlap }, 1, blur) - whole.clone());
        let (hard, soft) = (off(0), off(8));
        assert!(soft < 0.25 * hard, "overlapping tiles differ by {soft}, tiles side by side by {hard}");
    }

    #[test]
    fn a_tile_larger_than_the_picture_is_the_whole_picture_run_once() {
        let x = latent(6, 7);
        let runs = Mutex::new(0);
        let found = tiled(&x, Tiling { tile: 16, overlap: 4 }, 1, |it| {
            *runs.lock().unwrap() += 1;
            blur(it)
        });
        assert_eq!((most(found - blur(x)), *runs.lock().unwrap()), (0.0, 1));
    }

    #[test]
    fn tiles_too_small_to_overlap_are_refused() {
        for (tile, overlap) in [(0, 0), (8, 0), (15, 64)] {
            assert!(matches!(Tiling { tile, overlap }.plan([64, 64], 8), Err(Stop::Unfit(_))), "{tile} {overlap}");
        }
    }

    #[test]
    fn progress_counts_every_tile_of_every_picture() {
        struct Count(Mutex<Vec<(usize, usize)>>);
        impl Watch for Count {
            fn cancelled(&self) -> bool {
                false
            }
            fn progress(&self, done: usize, total: usize, _: Option<&Samples>) {
                self.0.lock().unwrap().push((done, total));
            }
        }
        let watch = Count(Mutex::default());
        let plan = Tiling { tile: 8, overlap: 0 }.plan([8, 16], 1).unwrap();
        let zeros = |y: Range<usize>, x: Range<usize>| Ok(Tensor::zeros([1, 1, y.len(), x.len()], &Device::flex()));
        for index in 0..2 {
            plan.run(1, &watch, (index, 2), zeros).unwrap();
        }
        // 4 tiles 16x4, 2 tiles 4x16 and 2 square ones for each picture.
        let heard = watch.0.into_inner().unwrap();
        assert_eq!((heard.first(), heard.last(), heard.len()), (Some(&(1, 16)), Some(&(16, 16)), 16));
    }
}
