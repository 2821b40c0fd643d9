//! Nodes that make, cut, turn and mix latents.

mod batch;
mod compose;
mod file;

use crate::pixels::Block;
use crate::pixels::resize::{CROPS, LATENT_METHODS, Method, crop_to_aspect, resize};
use burn::tensor::{Device, Tensor};
use models::{Latent, Mask, Samples};
use runtime::{Context, Node, NodeError, Registry, Run, registry};

/// Every node of this file.
pub(crate) fn nodes() -> Registry {
    registry![
        EmptyLatentImage,
        LatentUpscale,
        LatentUpscaleBy,
        LatentFromBatch,
        RepeatLatentBatch,
        LatentBatch,
        LatentFlip,
        LatentRotate,
        LatentCrop,
        LatentBlend,
        LatentAdd,
        LatentSubtract,
        LatentMultiply,
        SetLatentNoiseMask
    ]
    .merge(batch::nodes())
    .merge(compose::nodes())
    .merge(file::nodes())
}

/// The longest side of a picture.
const LONGEST_SIDE: u64 = 16_384;
/// What a batch of latents may take at most, numbers.
const MOST_NUMBERS: u64 = 1 << 30;

/// Refuses a batch that would take absurd memory.
fn bounded(numbers: u64) -> Result<(), NodeError> {
    if numbers <= MOST_NUMBERS {
        return Ok(());
    }
    Err(NodeError::new(format!("{numbers} numbers are too many for one batch of latents"))
        .hint("make the picture or the batch smaller"))
}

/// The cells `[b·c, h, w]` of a latent of pictures, and its channels.
fn cells(latent: &Latent) -> Result<(Block, usize), NodeError> {
    match *latent.samples.shape() {
        [b, c, h, w] if b * c * h * w > 0 => Ok((Block::of_planes(latent.samples.tensor::<4>()), c)),
        ref other => Err(NodeError::new(format!(
            "a latent of pictures is [batch, channels, height, width] and not empty; this one is {other:?}"
        ))),
    }
}

/// The latent with other cells.
fn with_cells(latent: Latent, block: Block, channels: usize) -> Latent {
    Latent { samples: Samples::new(block.into_planes(channels)), ..latent }
}

/// Makes an empty latent of the size of the picture that is wanted: where a sampler starts from nothing.
#[derive(Node)]
#[node(display = "Empty Latent Image", category = "latent", outputs(LATENT = "The empty latents."))]
struct EmptyLatentImage {
    /// Width of the picture, in pixels.
    #[input(default = 512, min = 16, max = LONGEST_SIDE, step = 8)]
    width: u64,
    /// Height of the picture, in pixels.
    #[input(default = 512, min = 16, max = LONGEST_SIDE, step = 8)]
    height: u64,
    /// How many pictures.
    #[input(default = 1, min = 1, max = 4096)]
    batch_size: u64,
}

impl Run for EmptyLatentImage {
    type Output = Latent;

    fn run(self, _: &Context) -> Result<Latent, NodeError> {
        let (height, width) = (self.height / 8, self.width / 8);
        bounded(self.batch_size * 4 * height * width)?;
        let shape = [self.batch_size as usize, 4, height as usize, width as usize];
        Ok(Latent::new(Samples::new(Tensor::<4>::zeros(shape, &Device::flex()))))
    }
}

/// Enlarges or shrinks latents to a size in pixels.
#[derive(Node)]
#[node(display = "Upscale Latent", category = "latent")]
struct LatentUpscale {
    /// The latents.
    samples: Latent,
    /// How new cells are made from old ones.
    #[input(options = LATENT_METHODS)]
    upscale_method: String,
    /// The new width in pixels; 0 keeps the aspect.
    #[input(default = 512, min = 0, max = LONGEST_SIDE, step = 8)]
    width: u64,
    /// The new height in pixels; 0 keeps the aspect.
    #[input(default = 512, min = 0, max = LONGEST_SIDE, step = 8)]
    height: u64,
    /// Whether the sides are cut first so that nothing is stretched.
    #[input(options = CROPS)]
    crop: String,
}

impl Run for LatentUpscale {
    type Output = Latent;

    fn run(self, _: &Context) -> Result<Latent, NodeError> {
        let (block, channels) = cells(&self.samples)?;
        let rounded = |it: f64| it.round_ties_even();
        let (old_height, old_width) = (block.height as f64, block.width as f64);
        let at_least = |it: u64| it.max(64) as f64;
        let (width, height) = match (self.width, self.height) {
            (0, 0) => return Ok(self.samples),
            (0, height) => (rounded(old_width * at_least(height) / old_height).max(64.0), at_least(height)),
            (width, 0) => (at_least(width), rounded(old_height * at_least(width) / old_width).max(64.0)),
            (width, height) => (at_least(width), at_least(height)),
        };
        scaled(
            self.samples,
            &block,
            channels,
            (height / 8.0) as usize,
            (width / 8.0) as usize,
            &self.upscale_method,
            self.crop == "center",
        )
    }
}

fn scaled(
    latent: Latent,
    block: &Block,
    channels: usize,
    height: usize,
    width: usize,
    method: &str,
    crop: bool,
) -> Result<Latent, NodeError> {
    let method =
        Method::named(method).ok_or_else(|| NodeError::input("upscale_method", format!("there is no method `{method}`")))?;
    if height == 0 || width == 0 {
        return Err(NodeError::new("the new size has no cells").hint("a latent cell is 8 pixels wide"));
    }
    bounded(block.outer as u64 * height as u64 * width as u64)?;
    let cut = if crop { &crop_to_aspect(block, height, width) } else { block };
    Ok(with_cells(latent, resize(cut, height, width, method, channels), channels))
}

/// Enlarges or shrinks latents by a factor.
#[derive(Node)]
#[node(display = "Upscale Latent By", category = "latent")]
struct LatentUpscaleBy {
    /// The latents.
    samples: Latent,
    /// How new cells are made from old ones.
    #[input(options = LATENT_METHODS)]
    upscale_method: String,
    /// The factor for both sides.
    #[input(default = 1.5, min = 0.01, max = 8.0, step = 0.01)]
    scale_by: f64,
}

impl Run for LatentUpscaleBy {
    type Output = Latent;

    fn run(self, _: &Context) -> Result<Latent, NodeError> {
        let (block, channels) = cells(&self.samples)?;
        let side = |it: usize| (it as f64 * self.scale_by).round_ties_even() as usize;
        let (height, width) = (side(block.height), side(block.width));
        scaled(self.samples, &block, channels, height, width, &self.upscale_method, false)
    }
}

/// Takes some latents out of a batch. Each keeps the noise that it had in the whole batch.
#[derive(Node)]
#[node(display = "Latent From Batch", category = "latent/batch")]
struct LatentFromBatch {
    /// The batch.
    samples: Latent,
    /// The first one to take, counted from 0.
    #[input(default = 0, min = 0, max = 63)]
    batch_index: u64,
    /// How many.
    #[input(default = 1, min = 1, max = 64)]
    length: u64,
}

impl Run for LatentFromBatch {
    type Output = Latent;

    fn run(self, _: &Context) -> Result<Latent, NodeError> {
        let Latent { samples, noise_mask, batch_index } = self.samples;
        let batch = samples.batch();
        if batch == 0 {
            return Err(NodeError::input("samples", "the batch is empty"));
        }
        let first = (self.batch_index as usize).min(batch - 1);
        let length = (self.length as usize).min(batch - first);
        let mut shape = samples.shape().to_vec();
        shape[0] = length;
        let noise_mask = noise_mask.map(|mask| {
            let masks = mask.dims()[0];
            if masks == 1 { mask } else { repeated(mask, batch).narrow(0, first, length) }
        });
        let numbers = batch_index.unwrap_or_else(|| (0..batch).collect());
        Ok(Latent {
            samples: Samples::with_shape(samples.values().clone().narrow(0, first, length), &shape),
            noise_mask,
            batch_index: Some(numbers.into_iter().skip(first).take(length).collect()),
        })
    }
}

/// A batch again and again from its beginning until there are so many.
fn repeated<const D: usize>(tensor: Tensor<D>, batch: usize) -> Tensor<D> {
    let held = tensor.dims()[0];
    let times = batch.div_ceil(held.max(1));
    Tensor::cat(vec![tensor; times.max(1)], 0).narrow(0, 0, batch)
}

/// Repeats a batch of latents. The copies get noise of their own.
#[derive(Node)]
#[node(display = "Repeat Latent Batch", category = "latent/batch")]
struct RepeatLatentBatch {
    /// The batch.
    samples: Latent,
    /// How often.
    #[input(default = 1, min = 1, max = 64)]
    amount: u64,
}

impl Run for RepeatLatentBatch {
    type Output = Latent;

    fn run(self, _: &Context) -> Result<Latent, NodeError> {
        let Latent { samples, noise_mask, batch_index } = self.samples;
        let (batch, amount) = (samples.batch(), self.amount as usize);
        bounded(samples.shape().iter().map(|it| *it as u64).product::<u64>() * self.amount)?;
        let mut shape = samples.shape().to_vec();
        shape[0] = batch * amount;
        let values = Tensor::cat(vec![samples.values().clone(); amount], 0);
        let noise_mask =
            noise_mask.map(|mask| if mask.dims()[0] == 1 { mask } else { Tensor::cat(vec![repeated(mask, batch); amount], 0) });
        let batch_index = batch_index.map(|numbers| {
            let step = numbers.iter().max().unwrap_or(&0) - numbers.iter().min().unwrap_or(&0) + 1;
            (0..amount).flat_map(|turn| numbers.iter().map(move |it| it + step * turn)).collect()
        });
        Ok(Latent { samples: Samples::with_shape(values, &shape), noise_mask, batch_index })
    }
}

/// Puts two batches of latents into one. The second is resized to the first where they differ.
#[derive(Node)]
#[node(display = "LatentBatch", category = "latent/batch")]
struct LatentBatch {
    /// The first batch.
    samples1: Latent,
    /// The second batch.
    samples2: Latent,
}

impl Run for LatentBatch {
    type Output = Latent;

    fn run(self, _: &Context) -> Result<Latent, NodeError> {
        let (first, channels) = cells(&self.samples1)?;
        let second = alike(&first, channels, &self.samples2)?;
        let indices = |latent: &Latent| latent.batch_index.clone().unwrap_or_else(|| (0..latent.samples.batch()).collect());
        let batch_index = Some([indices(&self.samples1), indices(&self.samples2)].concat());
        let both = Tensor::cat(vec![first.into_planes(channels), second.into_planes(channels)], 0);
        Ok(Latent { samples: Samples::new(both), batch_index, ..self.samples1 })
    }
}

/// The cells of another latent at the size of these.
fn alike(block: &Block, channels: usize, other: &Latent) -> Result<Block, NodeError> {
    let (cells, found) = cells(other)?;
    if found != channels {
        return Err(NodeError::input("samples2", format!("it has {found} channels, the first has {channels}"))
            .hint("both have to come from models of one family"));
    }
    if (cells.height, cells.width) == (block.height, block.width) {
        return Ok(cells);
    }
    Ok(resize(&crop_to_aspect(&cells, block.height, block.width), block.height, block.width, Method::Bilinear, channels))
}

/// Mirrors latents.
#[derive(Node)]
#[node(display = "Flip Latent", category = "latent/transform")]
struct LatentFlip {
    /// The latents.
    samples: Latent,
    /// Around which axis.
    #[input(options = ["x-axis: vertically", "y-axis: horizontally"])]
    flip_method: String,
}

impl Run for LatentFlip {
    type Output = Latent;

    fn run(self, _: &Context) -> Result<Latent, NodeError> {
        let (block, channels) = cells(&self.samples)?;
        let axis = if self.flip_method.starts_with('x') { 2 } else { 3 };
        let flipped = block.into_planes(channels).flip([axis]);
        Ok(Latent { samples: Samples::new(flipped), ..self.samples })
    }
}

/// Turns latents clockwise.
#[derive(Node)]
#[node(display = "Rotate Latent", category = "latent/transform")]
struct LatentRotate {
    /// The latents.
    samples: Latent,
    /// How far.
    #[input(options = ["none", "90 degrees", "180 degrees", "270 degrees"])]
    rotation: String,
}

impl Run for LatentRotate {
    type Output = Latent;

    fn run(self, _: &Context) -> Result<Latent, NodeError> {
        let (block, channels) = cells(&self.samples)?;
        let planes = block.into_planes(channels);
        let turned = match self.rotation.get(..2) {
            Some("90") => planes.swap_dims(2, 3).flip([3]),
            Some("18") => planes.flip([2, 3]),
            Some("27") => planes.swap_dims(2, 3).flip([2]),
            _ => planes,
        };
        Ok(Latent { samples: Samples::new(turned), ..self.samples })
    }
}

/// Cuts a rectangle out of latents.
#[derive(Node)]
#[node(display = "Crop Latent", category = "latent/transform")]
struct LatentCrop {
    /// The latents.
    samples: Latent,
    /// Width of the rectangle, in pixels.
    #[input(default = 512, min = 64, max = LONGEST_SIDE, step = 8)]
    width: u64,
    /// Height of the rectangle, in pixels.
    #[input(default = 512, min = 64, max = LONGEST_SIDE, step = 8)]
    height: u64,
    /// Its left edge, in pixels.
    #[input(default = 0, min = 0, max = LONGEST_SIDE, step = 8)]
    x: u64,
    /// Its top edge, in pixels.
    #[input(default = 0, min = 0, max = LONGEST_SIDE, step = 8)]
    y: u64,
}

impl Run for LatentCrop {
    type Output = Latent;

    fn run(self, _: &Context) -> Result<Latent, NodeError> {
        let (block, channels) = cells(&self.samples)?;
        // At least 8 cells, 64 pixels, remain.
        let place = |it: u64, side: usize| ((it / 8) as usize).min(side.saturating_sub(8));
        let (top, left) = (place(self.y, block.height), place(self.x, block.width));
        let cut = block.crop(top, left, (self.height / 8) as usize, (self.width / 8) as usize);
        Ok(with_cells(self.samples, cut, channels))
    }
}

/// Mixes two latents cell by cell.
#[derive(Node)]
#[node(display = "Latent Blend", category = "_for_testing")]
struct LatentBlend {
    /// The first latents.
    samples1: Latent,
    /// The second latents.
    samples2: Latent,
    /// The part of the first.
    #[input(default = 0.5, min = 0.0, max = 1.0, step = 0.01)]
    blend_factor: f64,
}

impl Run for LatentBlend {
    type Output = Latent;

    fn run(self, _: &Context) -> Result<Latent, NodeError> {
        let (first, channels) = cells(&self.samples1)?;
        let (mut second, found) = cells(&self.samples2)?;
        if found == channels && (second.height, second.width) != (first.height, first.width) {
            second =
                resize(&crop_to_aspect(&second, first.height, first.width), first.height, first.width, Method::Bicubic, channels);
        }
        let part = self.blend_factor as f32;
        combined(self.samples1, &first, channels, &second, |a, b| a * part + b * (1.0 - part))
    }
}

/// Two blocks cell by cell; the second batch begins again where it is shorter.
fn combined(
    latent: Latent,
    first: &Block,
    channels: usize,
    second: &Block,
    mix: impl Fn(f32, f32) -> f32,
) -> Result<Latent, NodeError> {
    if (second.height, second.width) != (first.height, first.width) || !second.outer.is_multiple_of(channels) {
        return Err(NodeError::input("samples2", "it does not fit the first: the channels differ")
            .hint("both have to come from models of one family"));
    }
    let second = second.repeated_to(first.outer);
    let data = first.data.iter().zip(&second.data).map(|(a, b)| mix(*a, *b)).collect();
    Ok(with_cells(latent, Block { data, ..*first }, channels))
}

macro_rules! arithmetic {
    ($(#[doc = $doc:literal] $name:ident, $mix:expr;)*) => {$(
        #[doc = $doc]
        #[derive(Node)]
        #[node(category = "latent/advanced")]
        struct $name {
            /// The first latents.
            samples1: Latent,
            /// The second latents, resized to the first where they differ.
            samples2: Latent,
        }

        impl Run for $name {
            type Output = Latent;

            fn run(self, _: &Context) -> Result<Latent, NodeError> {
                let (first, channels) = cells(&self.samples1)?;
                let second = alike(&first, channels, &self.samples2)?;
                combined(self.samples1, &first, channels, &second, $mix)
            }
        }
    )*};
}

arithmetic! {
    /// Adds two latents.
    LatentAdd, |a, b| a + b;
    /// Subtracts the second latent from the first.
    LatentSubtract, |a, b| a - b;
}

/// Multiplies latents by a number.
#[derive(Node)]
#[node(category = "latent/advanced")]
struct LatentMultiply {
    /// The latents.
    samples: Latent,
    /// The number.
    #[input(default = 1.0, min = -10.0, max = 10.0, step = 0.01)]
    multiplier: f64,
}

impl Run for LatentMultiply {
    type Output = Latent;

    fn run(self, _: &Context) -> Result<Latent, NodeError> {
        let values = self.samples.samples.values().clone().mul_scalar(self.multiplier as f32);
        let samples = Samples::with_shape(values, self.samples.samples.shape());
        Ok(Latent { samples, ..self.samples })
    }
}

/// Says where a sampler may change latents: only where the mask is white.
#[derive(Node)]
#[node(display = "Set Latent Noise Mask", category = "latent/inpaint")]
struct SetLatentNoiseMask {
    /// The latents.
    samples: Latent,
    /// The mask, at any resolution.
    mask: Mask,
}

impl Run for SetLatentNoiseMask {
    type Output = Latent;

    fn run(self, _: &Context) -> Result<Latent, NodeError> {
        let [batch, height, width] = self.mask.0.dims();
        if batch * height * width == 0 {
            return Err(NodeError::input("mask", "the mask is empty"));
        }
        Ok(Latent { noise_mask: Some(self.mask.0.reshape([batch, 1, height, width])), ..self.samples })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use runtime::Job;

    fn cx() -> Context {
        Context::alone(Job::default())
    }

    fn latent(shape: [usize; 4]) -> Latent {
        let count: usize = shape.iter().product();
        let data = burn::tensor::TensorData::new((0..count).map(|it| it as f32).collect::<Vec<_>>(), shape);
        Latent::new(Samples::new(Tensor::<4>::from_data(data, &Device::flex())))
    }

    fn values(latent: &Latent) -> Vec<f32> {
        crate::pixels::values(latent.samples.values().clone())
    }

    #[test]
    fn an_empty_latent_has_a_cell_for_eight_pixels() {
        let made = EmptyLatentImage { width: 72, height: 16, batch_size: 2 }.run(&cx()).expect("made");
        assert_eq!(made.samples.shape(), [2, 4, 2, 9]);
        assert!(EmptyLatentImage { width: LONGEST_SIDE, height: LONGEST_SIDE, batch_size: 4096 }.run(&cx()).is_err());
    }

    #[test]
    fn the_side_that_is_0_follows_the_other_which_has_64_pixels_at_least() {
        let node = LatentUpscale {
            samples: latent([1, 4, 8, 16]),
            upscale_method: "nearest-exact".into(),
            width: 0,
            height: 16,
            crop: "disabled".into(),
        };
        assert_eq!(node.run(&cx()).expect("scaled").samples.shape(), [1, 4, 8, 16]);
    }

    #[test]
    fn turning_four_times_changes_nothing() {
        let start = latent([1, 1, 2, 3]);
        let turn = |it: Latent| LatentRotate { samples: it, rotation: "90 degrees".into() }.run(&cx()).expect("turned");
        let once = turn(start.clone());
        assert_eq!((once.samples.shape().to_vec(), values(&once)), (vec![1, 1, 3, 2], vec![3.0, 0.0, 4.0, 1.0, 5.0, 2.0]));
        assert_eq!(values(&turn(turn(turn(once)))), values(&start));
    }

    #[test]
    fn a_part_of_a_batch_keeps_its_noise() {
        let part = LatentFromBatch { samples: latent([4, 1, 1, 1]), batch_index: 2, length: 9 }.run(&cx()).expect("taken");
        assert_eq!((values(&part), part.batch_index.clone()), (vec![2.0, 3.0], Some(vec![2, 3])));
        let twice = RepeatLatentBatch { samples: part, amount: 2 }.run(&cx()).expect("repeated");
        assert_eq!((values(&twice), twice.batch_index), (vec![2.0, 3.0, 2.0, 3.0], Some(vec![2, 3, 4, 5])));
    }

    #[test]
    fn arithmetic_repeats_the_shorter_batch() {
        let sum = LatentAdd { samples1: latent([2, 1, 1, 2]), samples2: latent([1, 1, 1, 2]) }.run(&cx()).expect("added");
        assert_eq!(values(&sum), [0.0, 2.0, 2.0, 4.0]);
        assert!(LatentAdd { samples1: latent([1, 4, 1, 1]), samples2: latent([1, 3, 1, 1]) }.run(&cx()).is_err());
    }
}
