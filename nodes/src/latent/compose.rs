//! Nodes that lay latents over each other, join them and take parts of them.

use super::{LONGEST_SIDE, alike, bounded, cells, repeated, with_cells};
use crate::pixels::resize::{Method, resize};
use crate::pixels::{Block, values};
use burn::tensor::{Device, Tensor, TensorData};
use models::{Latent, Mask, Samples};
use runtime::{Context, Node, NodeError, Registry, Run, registry};

pub(super) fn nodes() -> Registry {
    registry![LatentComposite, LatentCompositeMasked, LatentInterpolate, LatentConcat, LatentCut]
}

/// The cells of a latent that shall be laid over one with so many channels.
fn over(latent: &Latent, input: &str, channels: usize) -> Result<Block, NodeError> {
    let (block, found) = cells(latent).map_err(|it| it.at(input))?;
    if found == channels {
        return Ok(block);
    }
    Err(NodeError::input(input, format!("it has {found} channels, the other has {channels}"))
        .hint("both have to come from models of one family"))
}

/// Lays planes over others where they overlap; `part` is how much of the upper one shows at a plane, row and column of it.
fn lay(out: &mut Block, source: &Block, top: usize, left: usize, part: impl Fn(usize, usize, usize) -> f32) {
    for plane in 0..out.outer {
        for y in 0..source.height.min(out.height.saturating_sub(top)) {
            for x in 0..source.width.min(out.width.saturating_sub(left)) {
                let (part, at) = (part(plane, y, x), out.at(plane, y + top, x + left));
                out.data[at] = part * source.data[source.at(plane, y, x)] + (1.0 - part) * out.data[at];
            }
        }
    }
}

/// Lays latents over others.
#[derive(Node)]
#[node(display = "Latent Composite", category = "latent")]
struct LatentComposite {
    /// The latents below.
    samples_to: Latent,
    /// The latents above: one, or as many as below.
    samples_from: Latent,
    /// Where their left edge lies, in pixels.
    #[input(default = 0, min = 0, max = LONGEST_SIDE, step = 8)]
    x: u64,
    /// Where their top edge lies, in pixels.
    #[input(default = 0, min = 0, max = LONGEST_SIDE, step = 8)]
    y: u64,
    /// How far the upper ones fade out at their edges, in pixels.
    #[input(default = 0, min = 0, max = LONGEST_SIDE, step = 8)]
    feather: u64,
}

impl Run for LatentComposite {
    type Output = Latent;

    fn run(self, _: &Context) -> Result<Latent, NodeError> {
        let (mut out, channels) = cells(&self.samples_to).map_err(|it| it.at("samples_to"))?;
        let source = over(&self.samples_from, "samples_from", channels)?;
        if source.outer != out.outer && source.outer != channels {
            let (found, wanted) = (source.outer / channels, out.outer / channels);
            return Err(NodeError::input("samples_from", format!("it holds {found} latents, the other {wanted}"))
                .hint("give one, or as many; LatentFromBatch and RepeatLatentBatch change how many there are"));
        }
        let [left, top, feather] = [self.x, self.y, self.feather].map(|it| (it / 8) as usize);
        let source = source.crop(0, 0, out.height.saturating_sub(top), out.width.saturating_sub(left)).repeated_to(out.outer);
        let rows = faded(source.height, feather, top > 0, top + source.height < out.height);
        let columns = faded(source.width, feather, left > 0, left + source.width < out.width);
        lay(&mut out, &source, top, left, |_, y, x| rows[y] * columns[x]);
        Ok(with_cells(self.samples_to, out, channels))
    }
}

/// How much shows of each of `count` lines that fade over `feather` of them at the near and the far end.
fn faded(count: usize, feather: usize, near: bool, far: bool) -> Vec<f32> {
    let mut parts = vec![1.0; count];
    for step in 0..feather {
        let rate = (1.0 / feather as f64 * (step + 1) as f64) as f32;
        if near && step < count {
            parts[step] *= rate;
        }
        // Where it fades over more lines than there are, ComfyUI goes on from the far end again, one line further in.
        let line = if step < count { Some(count - 1 - step) } else { (2 * count).checked_sub(step + 1).filter(|_| step > count) };
        if let Some(line) = line.filter(|_| far) {
            parts[line] *= rate;
        }
    }
    parts
}

/// Lays latents over others, where a mask is white.
#[derive(Node)]
#[node(category = "latent")]
struct LatentCompositeMasked {
    /// The latents below.
    destination: Latent,
    /// The latents above.
    source: Latent,
    /// Where their left edge lies, in pixels.
    #[input(default = 0, min = 0, max = LONGEST_SIDE, step = 8)]
    x: u64,
    /// Where their top edge lies, in pixels.
    #[input(default = 0, min = 0, max = LONGEST_SIDE, step = 8)]
    y: u64,
    /// Whether they are first resized to the latents below.
    #[input(default = false)]
    resize_source: bool,
    /// Where they show, at any resolution; everywhere where there is no mask.
    mask: Option<Mask>,
}

impl Run for LatentCompositeMasked {
    type Output = Latent;

    fn run(self, _: &Context) -> Result<Latent, NodeError> {
        let (mut out, channels) = cells(&self.destination).map_err(|it| it.at("destination"))?;
        let batch = out.outer / channels;
        let mut source = over(&self.source, "source", channels)?;
        if self.resize_source {
            source = resize(&source, out.height, out.width, Method::Bilinear, channels);
        }
        bounded((out.outer * source.height * source.width) as u64)?;
        let source = source.repeated_to(out.outer);
        let mask = match &self.mask {
            None => None,
            Some(mask) => {
                let block = Block::of_mask(mask);
                if block.data.is_empty() {
                    return Err(NodeError::input("mask", "the mask is empty"));
                }
                let block = block.repeated_to(block.outer.min(batch));
                Some(resize(&block, source.height, source.width, Method::Bilinear, 1).repeated_to(batch))
            }
        };
        let shows = |plane: usize, y, x| mask.as_ref().map_or(1.0, |it| it.data[it.at(plane / channels, y, x)]);
        lay(&mut out, &source, (self.y / 8) as usize, (self.x / 8) as usize, shows);
        Ok(with_cells(self.destination, out, channels))
    }
}

/// Mixes two latents so that the length of each cell's vector is mixed too, instead of shrinking where they point apart.
#[derive(Node)]
#[node(category = "latent/advanced")]
struct LatentInterpolate {
    /// The first latents.
    samples1: Latent,
    /// The second latents, resized to the first where they differ.
    samples2: Latent,
    /// The part of the first.
    #[input(default = 1.0, min = 0.0, max = 1.0, step = 0.01)]
    ratio: f64,
}

impl Run for LatentInterpolate {
    type Output = Latent;

    fn run(self, _: &Context) -> Result<Latent, NodeError> {
        let (mut first, channels) = cells(&self.samples1).map_err(|it| it.at("samples1"))?;
        let second = alike(&first, channels, &self.samples2)?.repeated_to(first.outer);
        let (part, rest) = (self.ratio as f32, (1.0 - self.ratio) as f32);
        let plane = first.height * first.width;
        let mut mixed = vec![0.0; channels];
        for item in 0..first.outer / channels {
            for cell in 0..plane {
                let at = |channel: usize| (item * channels + channel) * plane + cell;
                let (a, b) =
                    (length((0..channels).map(|it| first.data[at(it)])), length((0..channels).map(|it| second.data[at(it)])));
                for (channel, it) in mixed.iter_mut().enumerate() {
                    *it = unit(first.data[at(channel)], a) * part + unit(second.data[at(channel)], b) * rest;
                }
                let found = length(mixed.iter().copied());
                for (channel, it) in mixed.iter().enumerate() {
                    first.data[at(channel)] = unit(*it, found) * (a * part + b * rest);
                }
            }
        }
        Ok(with_cells(self.samples1, first, channels))
    }
}

fn length(vector: impl Iterator<Item = f32>) -> f32 {
    vector.map(|it| it * it).sum::<f32>().sqrt()
}

/// A part of a vector of length 1; a vector without length stays what it is.
fn unit(part: f32, length: f32) -> f32 {
    let it = part / length;
    if it.is_nan() { 0.0 } else { it.clamp(f32::MIN, f32::MAX) }
}

/// Which dimension `x`, `y` or `t` is: the last, the one before, the one before that.
fn axis(name: &str, latent: &Samples) -> Result<usize, NodeError> {
    let back = ["x", "y", "t"].iter().position(|it| *it == name);
    let back = back.ok_or_else(|| NodeError::input("dim", format!("there is no dimension `{name}`")))?;
    let rank = latent.shape().len();
    rank.checked_sub(back + 1)
        .ok_or_else(|| NodeError::input("dim", format!("latents of shape {:?} have no dimension `{name}`", latent.shape())))
}

/// Latents of values in order.
fn samples(values: Vec<f32>, shape: &[usize]) -> Samples {
    let rest = shape[1..].iter().product();
    Samples::with_shape(Tensor::from_data(TensorData::new(values, [shape[0], rest]), &Device::flex()), shape)
}

/// The number of values, and an error for latents without any.
fn numbers(latent: &Samples, input: &str) -> Result<u64, NodeError> {
    match latent.shape().iter().map(|it| *it as u64).product() {
        0 => Err(NodeError::input(input, "the latents are empty")),
        found => Ok(found),
    }
}

/// Puts latents side by side.
#[derive(Node)]
#[node(category = "latent/advanced")]
struct LatentConcat {
    /// The first latents.
    samples1: Latent,
    /// The second latents, equal in size but for the dimension along which they are joined.
    samples2: Latent,
    /// Along what: `x` is beside, `y` is below, `t` is behind in time (for pictures: more channels). `-` puts the second before the first.
    #[input(options = ["x", "-x", "y", "-y", "t", "-t"])]
    dim: String,
}

impl Run for LatentConcat {
    type Output = Latent;

    fn run(self, _: &Context) -> Result<Latent, NodeError> {
        let (first, second) = (&self.samples1.samples, &self.samples2.samples);
        let (name, reversed) = self.dim.strip_prefix('-').map_or((self.dim.as_str(), false), |it| (it, true));
        let axis = axis(name, first)?;
        let (count, other) = (numbers(first, "samples1")?, numbers(second, "samples2")?);
        let batch = first.batch();
        bounded(count + other / second.batch() as u64 * batch as u64)?;
        let mut shapes = [first.shape().to_vec(), second.shape().to_vec()];
        shapes[1][0] = batch;
        let beside = |it: &[usize]| [&it[..axis], &it[(axis + 1).min(it.len())..]].concat();
        if shapes[0].len() != shapes[1].len() || beside(&shapes[0]) != beside(&shapes[1]) {
            let message = format!("{:?} does not fit {:?} along `{name}`", second.shape(), first.shape());
            return Err(NodeError::input("samples2", message).hint("all other dimensions have to be equal"));
        }
        let second = repeated(second.values().clone(), batch);
        let mut parts = [(values(first.values().clone()), &shapes[0]), (values(second), &shapes[1])];
        if reversed {
            parts.reverse();
        }
        let runs: usize = shapes[0][..axis].iter().product();
        let mut data = Vec::new();
        for run in 0..runs {
            for (values, shape) in &parts {
                let size: usize = shape[axis..].iter().product();
                data.extend_from_slice(&values[run * size..][..size]);
            }
        }
        let mut shape = shapes[0].clone();
        shape[axis] += shapes[1][axis];
        Ok(Latent { samples: samples(data, &shape), ..self.samples1 })
    }
}

/// Takes a slice out of latents.
#[derive(Node)]
#[node(category = "latent/advanced")]
struct LatentCut {
    /// The latents.
    samples: Latent,
    /// Along what: `x` is across, `y` is down, `t` is in time (for pictures: the channels).
    #[input(options = ["x", "y", "t"])]
    dim: String,
    /// The first cell to take; negative numbers count from the end.
    #[input(default = 0, min = -16_384, max = LONGEST_SIDE, step = 1)]
    index: i64,
    /// How many cells.
    #[input(default = 1, min = 1, max = LONGEST_SIDE, step = 1)]
    amount: u64,
}

impl Run for LatentCut {
    type Output = Latent;

    fn run(self, _: &Context) -> Result<Latent, NodeError> {
        let latent = &self.samples.samples;
        let axis = axis(&self.dim, latent)?;
        numbers(latent, "samples")?;
        let mut shape = latent.shape().to_vec();
        let count = shape[axis];
        let back = self.index.unsigned_abs() as usize;
        let first = if self.index < 0 { count.saturating_sub(back) } else { back.min(count - 1) };
        let amount = (self.amount as usize).min(count - first);
        let (runs, inner) = (shape[..axis].iter().product::<usize>(), shape[axis + 1..].iter().product::<usize>());
        let values = values(latent.values().clone());
        let data = (0..runs).flat_map(|run| &values[(run * count + first) * inner..][..amount * inner]).copied().collect();
        shape[axis] = amount;
        Ok(Latent { samples: samples(data, &shape), ..self.samples })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use runtime::Job;

    fn cx() -> Context {
        Context::alone(Job::default())
    }

    fn latent(shape: &[usize], value: impl Fn(usize) -> f32) -> Latent {
        Latent::new(samples((0..shape.iter().product()).map(value).collect(), shape))
    }

    fn counted(shape: &[usize]) -> Latent {
        latent(shape, |it| it as f32)
    }

    fn found(latent: Result<Latent, NodeError>) -> (Vec<usize>, Vec<f32>) {
        let samples = latent.expect("done").samples;
        let rounded = values(samples.values().clone()).into_iter().map(|it| (it * 1e5).round() / 1e5).collect();
        (samples.shape().to_vec(), rounded)
    }

    #[test]
    fn what_is_laid_over_fades_where_it_ends_inside() {
        let lay = |x, feather| {
            let (below, above) = (latent(&[1, 1, 1, 8], |_| 0.0), latent(&[1, 1, 1, 3], |_| 1.0));
            found(LatentComposite { samples_to: below, samples_from: above, x, y: 0, feather }.run(&cx())).1
        };
        assert_eq!(lay(16, 0), [0.0, 0.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0]);
        assert_eq!(lay(16, 16), [0.0, 0.0, 0.5, 1.0, 0.5, 0.0, 0.0, 0.0]);
        assert_eq!(lay(16, 40), [0.0, 0.0, 0.12, 0.16, 0.12, 0.0, 0.0, 0.0]);
        assert_eq!(lay(48, 0), [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0]);
        assert_eq!(lay(4096, 64), [0.0; 8]);
    }

    #[test]
    fn only_one_or_as_many_latents_are_laid_over_others() {
        let lay = |above| {
            let (samples_to, samples_from) = (counted(&[2, 1, 1, 1]), latent(&[above, 1, 1, 1], |_| 7.0));
            LatentComposite { samples_to, samples_from, x: 0, y: 0, feather: 0 }.run(&cx())
        };
        assert_eq!(found(lay(1)).1, [7.0, 7.0]);
        assert_eq!(lay(3).expect_err("too many").blamed(), Some("samples_from"));
    }

    #[test]
    fn a_latent_shows_through_a_mask() {
        let lay = |x, resize_source, mask| {
            let (destination, source) = (latent(&[1, 1, 2, 3], |_| 0.0), latent(&[1, 1, 2, 2], |_| 1.0));
            found(LatentCompositeMasked { destination, source, x, y: 0, resize_source, mask }.run(&cx())).1
        };
        let mask = Block { outer: 1, height: 2, width: 2, inner: 1, data: vec![1.0, 0.25, 0.5, 0.0] }.into_mask();
        assert_eq!(lay(8, false, Some(mask)), [0.0, 1.0, 0.25, 0.0, 0.5, 0.0]);
        assert_eq!(lay(0, true, None), [1.0; 6]);
        assert_eq!(lay(16_384, false, None), [0.0; 6]);
    }

    #[test]
    fn interpolation_mixes_lengths() {
        let first = latent(&[1, 2, 1, 2], |it| [3.0, 4.0, 0.0, 0.0][it]);
        let second = latent(&[1, 2, 1, 2], |it| [0.0, 0.0, 5.0, 2.0][it]);
        let node = LatentInterpolate { samples1: first.clone(), samples2: second, ratio: 0.25 };
        assert_eq!(found(node.run(&cx())).1, [1.42302, 0.79057, 4.26907, 2.37171]);
        let nothing = LatentInterpolate { samples1: first, samples2: latent(&[1, 2, 1, 2], |_| 0.0), ratio: 0.0 };
        assert_eq!(found(nothing.run(&cx())).1, [0.0; 4]);
    }

    #[test]
    fn latents_are_joined_along_a_dimension() {
        let join = |first, second, dim: &str| LatentConcat { samples1: first, samples2: second, dim: dim.into() }.run(&cx());
        let beside = found(join(counted(&[2, 1, 1, 2]), counted(&[1, 1, 1, 1]), "-x"));
        assert_eq!(beside, (vec![2, 1, 1, 3], vec![0.0, 0.0, 1.0, 0.0, 2.0, 3.0]));
        assert_eq!(found(join(counted(&[2, 1, 1, 2]), counted(&[1, 3, 1, 2]), "t")).0, [2, 4, 1, 2]);
        assert_eq!(found(join(counted(&[1, 4, 2, 2, 2]), counted(&[1, 4, 1, 2, 2]), "t")).0, [1, 4, 3, 2, 2]);
        assert!(join(counted(&[1, 1, 1, 2]), counted(&[1, 1, 2, 2]), "x").is_err());
        assert!(join(counted(&[1, 1, 1, 2]), counted(&[1, 1, 2]), "x").is_err());
        assert!(join(counted(&[0, 1, 1, 2]), counted(&[0, 1, 1, 2]), "x").is_err());
    }

    #[test]
    fn a_slice_is_counted_from_either_end_and_clipped() {
        let cut = |dim: &str, index, amount| {
            found(LatentCut { samples: counted(&[1, 2, 2, 3]), dim: dim.into(), index, amount }.run(&cx())).1
        };
        assert_eq!(cut("x", -2, 5), [1.0, 2.0, 4.0, 5.0, 7.0, 8.0, 10.0, 11.0]);
        assert_eq!(cut("t", 1, 9), [6.0, 7.0, 8.0, 9.0, 10.0, 11.0]);
        assert_eq!(cut("y", -99, 1), [0.0, 1.0, 2.0, 6.0, 7.0, 8.0]);
        assert_eq!(cut("x", 99, 1), [2.0, 5.0, 8.0, 11.0]);
    }
}
