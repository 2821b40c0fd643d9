//! What patches do inside a UNet.

use super::Hooks;
use crate::Stop;
use crate::sampling::combine::low_pass;
use crate::sampling::noise::Ambient;
use crate::sampling::patches::{FreeU, Scaling, Within};
use burn::tensor::module::{adaptive_avg_pool2d, interpolate};
use burn::tensor::ops::{InterpolateMode, InterpolateOptions};
use burn::tensor::{Device, IndexingUpdateOp, Int, Tensor, TensorData};

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
    /// [`Stop::Unfit`] where nothing would be left of them, or too much.
    pub(crate) fn apply(self, pictures: Tensor<4>, size: [usize; 2]) -> Result<Tensor<4>, Stop> {
        /// Features of this many cells each way are beyond every model.
        const MOST: usize = 16_384;
        let [_, _, h, w] = pictures.dims();
        if size.contains(&0) || size.iter().any(|it| *it > MOST) {
            return Err(Stop::Unfit(format!(
                "features of {h} by {w} cells cannot be scaled to {} by {}: choose another factor",
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
                let from = |size: usize, of: usize| (0..size).map(|i| ((2 * i + 1) * of / (2 * size)).min(of - 1)).collect();
                let device = pictures.device();
                pictures.select(2, indices(from(size[0], h), &device)).select(3, indices(from(size[1], w), &device))
            }
            Self::Bislerp => arcs(arcs(pictures, 3, size[1]), 2, size[0]),
        })
    }
}

fn indices(values: Vec<usize>, device: &Device) -> Tensor<1, Int> {
    let count = values.len();
    Tensor::from_data(TensorData::new(values.into_iter().map(|it| it as i64).collect::<Vec<_>>(), [count]), device)
}

/// Brings one side to another length along arcs: directions turn evenly, lengths change evenly.
fn arcs(pictures: Tensor<4>, dim: usize, length: usize) -> Tensor<4> {
    /// Directions closer than this to each other, or to opposites, have no arc between them.
    const CLOSE: f32 = 1e-5;
    let (old, device) = (pictures.dims()[dim], pictures.device());
    let place = |i: usize| ((i as f32 + 0.5) * (old as f32 / length as f32) - 0.5).clamp(0.0, (old - 1) as f32);
    let first: Vec<usize> = (0..length).map(|i| place(i) as usize).collect();
    let second = first.iter().map(|it| (it + 1).min(old - 1)).collect();
    let mut shape = [1; 4];
    shape[dim] = length;
    let ratios: Vec<f32> = (0..length).map(|i| place(i).fract()).collect();
    let ratio = Tensor::<4>::from_data(TensorData::new(ratios, shape), &device);
    let rest = ratio.clone().neg().add_scalar(1.0);
    let (a, b) = (pictures.clone().select(dim, indices(first, &device)), pictures.select(dim, indices(second, &device)));
    let norm = |it: &Tensor<4>| it.clone().square().sum_dim(1).sqrt();
    let (a_norm, b_norm) = (norm(&a), norm(&b));
    let direction = |it: &Tensor<4>, norm: &Tensor<4>| {
        let empty = norm.clone().equal_elem(0.0).expand(it.dims());
        (it.clone() / norm.clone()).mask_fill(empty, 0.0)
    };
    let (a_to, b_to) = (direction(&a, &a_norm), direction(&b, &b_norm));
    let cosine = (a_to.clone() * b_to.clone()).sum_dim(1);
    let angle = cosine.clone().clamp(-1.0, 1.0).acos();
    let sine = angle.clone().sin();
    let turned = (rest.clone() * angle.clone()).sin() / sine.clone() * a_to + (ratio.clone() * angle).sin() / sine * b_to;
    let arc = turned * (a_norm * rest.clone() + b_norm * ratio.clone());
    let line = a.clone() * rest + b * ratio;
    let same = cosine.clone().greater_elem(1.0 - CLOSE).expand(arc.dims());
    let opposite = cosine.lower_elem(CLOSE - 1.0).expand(arc.dims());
    arc.mask_where(same, a).mask_where(opposite, line)
}

/// Brings features to another size by taking the nearest cell above and to the left.
pub(crate) fn nearest(features: Tensor<4>, [height, width]: [usize; 2]) -> Tensor<4> {
    let [_, _, h, w] = features.dims();
    let device = features.device();
    let from = |size: usize, of: usize| (0..size).map(|i| i * of / size).collect();
    features.select(2, indices(from(height, h), &device)).select(3, indices(from(width, w), &device))
}

/// How the queries of self-attention are regrouped.
pub(super) enum Regrouped {
    Tiles(Tiles),
    Merged(Merged),
}

impl Regrouped {
    /// For features `[B, cells, C]` of a latent of this size, by the first patch that concerns them.
    pub(super) fn new(hooks: &Hooks<'_>, x: &Tensor<3>, size: [usize; 2]) -> Option<Self> {
        hooks.within.iter().find_map(|patch| match *patch {
            Within::HyperTile { tile, swap, depth, scale_depth } => {
                Tiles::new(hooks.random, [tile, swap, depth], scale_depth, x.dims()[1], size).map(Self::Tiles)
            }
            Within::MergeTokens { ratio } => Merged::new(hooks.random, ratio, x, size).map(Self::Merged),
            _ => None,
        })
    }

    /// The cells that ask.
    pub(super) fn asking(&self, x: Tensor<3>) -> Tensor<3> {
        match self {
            Self::Tiles(tiles) => tiles.cut(x),
            Self::Merged(merged) => merged.merge(&x),
        }
    }

    /// The cells that are asked.
    pub(super) fn asked(&self, x: Tensor<3>) -> Tensor<3> {
        match self {
            Self::Tiles(tiles) => tiles.chunk(x),
            Self::Merged(_) => x,
        }
    }

    /// What those that asked found, as features.
    pub(super) fn found(&self, x: Tensor<3>) -> Tensor<3> {
        match self {
            Self::Tiles(tiles) => tiles.join(x),
            Self::Merged(merged) => merged.part(&x),
        }
    }
}

/// Which cells become one, for each of a batch: Bolya and Hoffman 2023 (arXiv 2303.17604).
pub(super) struct Merged(Vec<Merging>);

struct Merging {
    /// Cells that stay as they are.
    alone: Vec<usize>,
    /// Cells that others may join: one of four.
    hosts: Vec<usize>,
    /// Cells that join, and which host each one joins.
    guests: Vec<usize>,
    joined: Vec<usize>,
}

impl Merged {
    fn new(random: &Ambient, ratio: f64, x: &Tensor<3>, [height, width]: [usize; 2]) -> Option<Self> {
        let [batch, cells, _] = x.dims();
        let wanted = (cells as f64 * ratio) as usize;
        // At full resolution only.
        if cells != height * width || wanted == 0 || width == 1 || height == 1 {
            return None;
        }
        let mut hosts = Vec::with_capacity(cells / 4);
        for y in 0..height / 2 {
            for x in 0..width / 2 {
                let chosen = random.lock().below(4) as usize;
                hosts.push((2 * y + chosen / 2) * width + 2 * x + chosen % 2);
            }
        }
        hosts.sort_unstable();
        let mut is_host = vec![false; cells];
        hosts.iter().for_each(|it| is_host[*it] = true);
        let others: Vec<usize> = (0..cells).filter(|it| !is_host[*it]).collect();
        let device = x.device();
        let unit = x.clone() / x.clone().square().sum_dim(2).sqrt();
        let likeness = unit
            .clone()
            .select(1, indices(others.clone(), &device))
            .matmul(unit.select(1, indices(hosts.clone(), &device)).swap_dims(1, 2));
        let (most, host) = likeness.max_dim_with_indices(2);
        let most: Vec<f32> = most.to_data().iter::<f32>().collect();
        let host: Vec<usize> = host.to_data().iter::<i64>().map(|it| it as usize).collect();
        let merging = |row: usize| {
            let (most, host) = (&most[row * others.len()..][..others.len()], &host[row * others.len()..][..others.len()]);
            let mut order: Vec<usize> = (0..others.len()).collect();
            order.sort_by(|a, b| most[*b].total_cmp(&most[*a]));
            let (guests, alone) = order.split_at(wanted.min(others.len()));
            Merging {
                alone: alone.iter().map(|it| others[*it]).collect(),
                hosts: hosts.clone(),
                guests: guests.iter().map(|it| others[*it]).collect(),
                joined: guests.iter().map(|it| host[*it]).collect(),
            }
        };
        Some(Self((0..batch).map(merging).collect()))
    }

    /// Hosts become the mean of themselves and those that join them.
    fn merge(&self, x: &Tensor<3>) -> Tensor<3> {
        let device = x.device();
        let rows = self.0.iter().enumerate().map(|(row, it)| {
            let cells = x.clone().narrow(0, row, 1);
            let take = |from: &[usize]| cells.clone().select(1, indices(from.to_vec(), &device));
            let joined = indices(it.joined.clone(), &device);
            let sums = take(&it.hosts).select_assign(1, joined, take(&it.guests), IndexingUpdateOp::Add);
            let mut counts = vec![1.0_f32; it.hosts.len()];
            it.joined.iter().for_each(|host| counts[*host] += 1.0);
            let count = counts.len();
            let counts = Tensor::<3>::from_data(TensorData::new(counts, [1, count, 1]), &device);
            Tensor::cat(vec![take(&it.alone), sums / counts], 1)
        });
        Tensor::cat(rows.collect(), 0)
    }

    /// Each cell gets what its group found.
    fn part(&self, x: &Tensor<3>) -> Tensor<3> {
        let rows = self.0.iter().enumerate().map(|(row, it)| {
            let mut from = vec![0; it.alone.len() + it.hosts.len() + it.guests.len()];
            it.alone.iter().enumerate().for_each(|(at, cell)| from[*cell] = at);
            it.hosts.iter().enumerate().for_each(|(at, cell)| from[*cell] = it.alone.len() + at);
            it.guests.iter().zip(&it.joined).for_each(|(cell, host)| from[*cell] = it.alone.len() + host);
            x.clone().narrow(0, row, 1).select(1, indices(from, &x.device()))
        });
        Tensor::cat(rows.collect(), 0)
    }
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
    fn new(
        random: &Ambient,
        [tile, swap, depth]: [usize; 3],
        scale_depth: bool,
        cells: usize,
        [height, width]: [usize; 2],
    ) -> Option<Self> {
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
            let index = if choices > 0 { random.lock().below(choices) as usize } else { 0 };
            counts[index]
        };
        let (down, across) = (divided(rows), divided(columns));
        (down * across > 1).then_some(Self { down, across, rows: rows / down, columns: columns / across })
    }

    /// Tiles as a batch, `[B·tiles, cells of one, C]`.
    fn cut(&self, x: Tensor<3>) -> Tensor<3> {
        let [b, _, c] = x.dims();
        let Self { down, across, rows, columns } = *self;
        let tiles: Tensor<6> = x.reshape([b, down, rows, across, columns, c]);
        tiles.permute([0, 1, 3, 2, 4, 5]).reshape([b * down * across, rows * columns, c])
    }

    /// What tiles attend to: as many cells each, in the order of lines. Across one tile that is the tile itself.
    fn chunk(&self, x: Tensor<3>) -> Tensor<3> {
        let [b, n, c] = x.dims();
        let tiles = self.down * self.across;
        x.reshape([b * tiles, n / tiles, c])
    }

    /// Undoes [`Tiles::cut`].
    fn join(&self, x: Tensor<3>) -> Tensor<3> {
        let [tiles, cells, c] = x.dims();
        let Self { down, across, rows, columns } = *self;
        let b = tiles / (down * across);
        let tiles: Tensor<6> = x.reshape([b, down, across, rows, columns, c]);
        tiles.permute([0, 1, 3, 2, 4, 5]).reshape([b, cells * down * across, c])
    }
}
