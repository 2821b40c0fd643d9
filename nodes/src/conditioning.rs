//! Nodes that encode prompts and say where and when each applies.

use crate::loaders::embeddings_state;
use crate::vae::{Hole, middle};
use burn::tensor::Tensor;
use models::conditioning::Area;
use models::{Clip, Cond, Conditioning, Image, Latent, Mask, Samples, Vae};
use runtime::node::Literals;
use runtime::{Choice, Context, Fingerprint, Folders, Node, NodeError, Registry, Run, registry};

/// Every node of this file.
pub(crate) fn nodes() -> Registry {
    registry![
        CLIPTextEncode,
        CLIPSetLastLayer,
        ConditioningCombine,
        ConditioningAverage,
        ConditioningConcat,
        ConditioningSetArea,
        ConditioningSetAreaPercentage,
        ConditioningSetAreaStrength,
        ConditioningSetMask,
        ConditioningZeroOut,
        ConditioningSetTimestepRange,
        InpaintModelConditioning,
        InstructPixToPixConditioning,
    ]
}

/// More prompts than this in one conditioning are a mistake: every one of them runs through the network at every step.
const MOST_PROMPTS: usize = 4096;
/// More tokens than this in one prompt are a mistake.
const MOST_TOKENS: usize = 1 << 20;

/// Encodes a prompt: turns words into what steers a diffusion model.
///
/// `(word:1.2)` weighs a word, `embedding:name` puts a file of the folder `embeddings` in place of words.
#[derive(Node)]
#[node(display = "CLIP Text Encode (Prompt)", category = "conditioning", outputs(CONDITIONING = "The encoded prompt."))]
struct CLIPTextEncode {
    /// The prompt.
    #[input(multiline, dynamic_prompts)]
    text: String,
    /// The text encoder.
    clip: Clip,
}

impl Run for CLIPTextEncode {
    type Output = Conditioning;

    fn run(self, cx: &Context) -> Result<Conditioning, NodeError> {
        Ok(self.clip.encode(&self.text, cx.engine(), cx)?)
    }

    fn fingerprint(literals: &Literals, folders: &Folders) -> Result<Fingerprint, NodeError> {
        let text = literals.get("text").and_then(|it| it.as_str()).unwrap_or_default();
        match text.contains("embedding:") {
            true => Ok(Fingerprint::Content(embeddings_state(folders).into_bytes())),
            false => Ok(Fingerprint::Inputs),
        }
    }
}

/// Takes what a text encoder says before its last layers. Some models are trained with the last but one.
#[derive(Node)]
#[node(display = "CLIP Set Last Layer", category = "conditioning", outputs(CLIP = "The text encoder, ending at this layer."))]
struct CLIPSetLastLayer {
    /// The text encoder.
    clip: Clip,
    /// The layer that is its last, counted from the end: -1 changes nothing, -2 leaves one out.
    #[input(default = -1, min = -24, max = -1, step = 1)]
    stop_at_clip_layer: i64,
}

impl Run for CLIPSetLastLayer {
    type Output = Clip;

    fn run(self, _: &Context) -> Result<Clip, NodeError> {
        Ok(self.clip.with_last_layer(self.stop_at_clip_layer))
    }
}

/// Follows two sets of prompts at once. Where both apply, the mean of what they ask for is taken.
#[derive(Node)]
#[node(display = "Conditioning (Combine)", category = "conditioning", outputs(CONDITIONING = "All prompts of both."))]
struct ConditioningCombine {
    /// Some prompts.
    conditioning_1: Conditioning,
    /// More prompts.
    conditioning_2: Conditioning,
}

impl Run for ConditioningCombine {
    type Output = Conditioning;

    fn run(self, _: &Context) -> Result<Conditioning, NodeError> {
        let Self { conditioning_1: mut all, conditioning_2: more } = self;
        if all.len() + more.len() > MOST_PROMPTS {
            let message = format!("{} prompts at once are too many: at most {MOST_PROMPTS} can be", all.len() + more.len());
            return Err(NodeError::new(message).hint("combine fewer prompts"));
        }
        all.extend(more);
        Ok(all)
    }
}

/// Mixes two encoded prompts into one that lies between them.
///
/// Only the first prompt of `conditioning_from` takes part. A shorter one counts as if it ended in zeros.
#[derive(Node)]
#[node(category = "conditioning", outputs(CONDITIONING = "The mixed prompts."))]
struct ConditioningAverage {
    /// The prompts that are changed.
    conditioning_to: Conditioning,
    /// What is mixed into each of them.
    conditioning_from: Conditioning,
    /// How much of `conditioning_to` stays: 1 is all of it, 0 is `conditioning_from` alone.
    #[input(default = 1.0, min = 0.0, max = 1.0, step = 0.01)]
    conditioning_to_strength: f64,
}

impl Run for ConditioningAverage {
    type Output = Conditioning;

    fn run(self, _: &Context) -> Result<Conditioning, NodeError> {
        let from = first(self.conditioning_from)?;
        let kept = self.conditioning_to_strength;
        let mixed = self.conditioning_to.into_iter().map(|mut to| {
            let [batch, tokens, width] = to.context.dims();
            let [other_batch, other_tokens, other_width] = from.context.dims();
            fit([batch, width], [other_batch, other_width])?;
            let mut other = from.context.clone().to_device(&to.context.device());
            if other_tokens > tokens {
                other = other.narrow(1, 0, tokens);
            } else if other_tokens < tokens {
                let zeros = Tensor::zeros([other_batch, tokens - other_tokens, width], &to.context.device());
                other = Tensor::cat(vec![other, zeros], 1);
            }
            to.context = mix(to.context, other, kept);
            if let Some(other) = &from.pooled {
                let pooled = to.pooled.unwrap_or_else(|| other.clone());
                fit(pooled.dims(), other.dims())?;
                let other = other.clone().to_device(&pooled.device());
                to.pooled = Some(mix(pooled, other, kept));
            }
            Ok(to)
        });
        mixed.collect()
    }
}

fn mix<const D: usize>(to: Tensor<D>, from: Tensor<D>, kept: f64) -> Tensor<D> {
    to * kept + from * (1.0 - kept)
}

/// Puts one encoded prompt behind another, as if they were one long prompt.
///
/// Only the first prompt of `conditioning_from` takes part; it goes behind each one of `conditioning_to`.
#[derive(Node)]
#[node(display = "Conditioning (Concat)", category = "conditioning", outputs(CONDITIONING = "The longer prompts."))]
struct ConditioningConcat {
    /// The prompts that come first.
    conditioning_to: Conditioning,
    /// What comes behind each of them.
    conditioning_from: Conditioning,
}

impl Run for ConditioningConcat {
    type Output = Conditioning;

    fn run(self, _: &Context) -> Result<Conditioning, NodeError> {
        let from = first(self.conditioning_from)?.context;
        let [from_batch, from_tokens, width] = from.dims();
        let joined = self.conditioning_to.into_iter().map(|to| {
            let [to_batch, to_tokens, to_width] = to.context.dims();
            fit([to_batch, to_width], [from_batch, width])?;
            if to_tokens + from_tokens > MOST_TOKENS {
                let message = format!("a prompt of {} tokens is too long: at most {MOST_TOKENS} fit", to_tokens + from_tokens);
                return Err(NodeError::new(message).hint("join fewer prompts"));
            }
            let batch = to_batch.max(from_batch);
            let from = from.clone().to_device(&to.context.device()).expand([batch, from_tokens, width]);
            let context = Tensor::cat(vec![to.context.clone().expand([batch, to_tokens, width]), from], 1);
            Ok(Cond { context, ..to })
        });
        joined.collect()
    }
}

/// The only prompt that takes part.
fn first(from: Conditioning) -> Result<Cond, NodeError> {
    from.into_iter().next().ok_or_else(|| NodeError::input("conditioning_from", "it holds no prompt"))
}

/// Whether two states `[batch, width]` can be put together.
fn fit(to: [usize; 2], from: [usize; 2]) -> Result<(), NodeError> {
    if to[1] != from[1] {
        let message = format!("prompts of {} and {} numbers a token do not go together", to[1], from[1]);
        return Err(NodeError::new(message).hint("encode both with the same text encoder"));
    }
    if to[0] != from[0] && to[0] != 1 && from[0] != 1 {
        return Err(NodeError::new(format!("batches of {} and {} prompts do not go together", to[0], from[0])));
    }
    Ok(())
}

/// Changes every prompt.
fn each(conditioning: Conditioning, change: impl Fn(&mut Cond)) -> Conditioning {
    let mut conditioning = conditioning;
    conditioning.iter_mut().for_each(change);
    conditioning
}

/// Pixels for one latent cell, in which areas count whatever the model is.
const CELL: u64 = 8;
/// The longest side of a picture.
const MOST_PIXELS: u64 = 16_384;

/// Limits prompts to a rectangle of the picture, given in pixels.
#[derive(Node)]
#[node(
    display = "Conditioning (Set Area)",
    category = "conditioning",
    outputs(CONDITIONING = "The prompts, limited to the area.")
)]
struct ConditioningSetArea {
    /// The prompts.
    conditioning: Conditioning,
    /// Width of the rectangle.
    #[input(default = 64, min = 64, max = MOST_PIXELS, step = 8)]
    width: u64,
    /// Height of the rectangle.
    #[input(default = 64, min = 64, max = MOST_PIXELS, step = 8)]
    height: u64,
    /// Its distance from the left edge.
    #[input(default = 0, min = 0, max = MOST_PIXELS, step = 8)]
    x: u64,
    /// Its distance from the upper edge.
    #[input(default = 0, min = 0, max = MOST_PIXELS, step = 8)]
    y: u64,
    /// How much the prompts count where others apply too.
    #[input(default = 1.0, min = 0.0, max = 10.0, step = 0.01)]
    strength: f64,
}

impl Run for ConditioningSetArea {
    type Output = Conditioning;

    fn run(self, _: &Context) -> Result<Conditioning, NodeError> {
        // Links are not held to the widgets' ranges.
        let cells = |pixels: u64| (pixels.min(MOST_PIXELS) / CELL) as usize;
        let area = Area::Cells { y: cells(self.y), x: cells(self.x), height: cells(self.height), width: cells(self.width) };
        Ok(each(self.conditioning, |it| (it.area, it.strength, it.mask_bounds) = (Some(area), self.strength, false)))
    }
}

/// Limits prompts to a rectangle of the picture, given in parts of the whole.
#[derive(Node)]
#[node(
    display = "Conditioning (Set Area with Percentage)",
    category = "conditioning",
    outputs(CONDITIONING = "The prompts, limited to the area.")
)]
struct ConditioningSetAreaPercentage {
    /// The prompts.
    conditioning: Conditioning,
    /// Width of the rectangle: 1 is the picture's.
    #[input(default = 1.0, min = 0, max = 1.0, step = 0.01)]
    width: f64,
    /// Height of the rectangle: 1 is the picture's.
    #[input(default = 1.0, min = 0, max = 1.0, step = 0.01)]
    height: f64,
    /// Its distance from the left edge.
    #[input(default = 0, min = 0, max = 1.0, step = 0.01)]
    x: f64,
    /// Its distance from the upper edge.
    #[input(default = 0, min = 0, max = 1.0, step = 0.01)]
    y: f64,
    /// How much the prompts count where others apply too.
    #[input(default = 1.0, min = 0.0, max = 10.0, step = 0.01)]
    strength: f64,
}

impl Run for ConditioningSetAreaPercentage {
    type Output = Conditioning;

    fn run(self, _: &Context) -> Result<Conditioning, NodeError> {
        let Self { conditioning, width, height, x, y, strength } = self;
        if let Some(odd) = [width, height, x, y].iter().find(|it| !(0.0..=1.0).contains(*it)) {
            return Err(NodeError::new(format!("{odd} is not a part of the picture: parts are from 0 to 1")));
        }
        let area = Area::Parts { y, x, height, width };
        Ok(each(conditioning, |it| (it.area, it.strength, it.mask_bounds) = (Some(area), strength, false)))
    }
}

/// Changes how much prompts count where others apply too.
#[derive(Node)]
#[node(category = "conditioning", outputs(CONDITIONING = "The prompts with this strength."))]
struct ConditioningSetAreaStrength {
    /// The prompts.
    conditioning: Conditioning,
    /// How much they count.
    #[input(default = 1.0, min = 0.0, max = 10.0, step = 0.01)]
    strength: f64,
}

impl Run for ConditioningSetAreaStrength {
    type Output = Conditioning;

    fn run(self, _: &Context) -> Result<Conditioning, NodeError> {
        Ok(each(self.conditioning, |it| it.strength = self.strength))
    }
}

/// Limits prompts to where a mask is white.
#[derive(Node)]
#[node(
    display = "Conditioning (Set Mask)",
    category = "conditioning",
    outputs(CONDITIONING = "The prompts, limited to the mask.")
)]
struct ConditioningSetMask {
    /// The prompts.
    conditioning: Conditioning,
    /// Where they apply. It is stretched to the picture.
    mask: Mask,
    /// How much they count there.
    #[input(default = 1.0, min = 0.0, max = 10.0, step = 0.01)]
    strength: f64,
    /// What the network sees: the whole picture, or only the rectangle around what is white.
    set_cond_area: Seen,
}

/// What the network sees of a masked prompt.
#[derive(Choice, Clone, Copy, Debug, PartialEq)]
enum Seen {
    Default,
    #[choice("mask bounds")]
    MaskBounds,
}

impl Run for ConditioningSetMask {
    type Output = Conditioning;

    fn run(self, _: &Context) -> Result<Conditioning, NodeError> {
        if self.mask.0.dims().contains(&0) {
            return Err(NodeError::input("mask", "it is empty"));
        }
        let bounds = self.set_cond_area == Seen::MaskBounds;
        Ok(each(self.conditioning, |it| {
            (it.mask, it.mask_strength, it.mask_bounds) = (Some(self.mask.0.clone()), self.strength, bounds);
        }))
    }
}

/// Replaces encoded prompts by zeros: what some models take for no prompt at all.
#[derive(Node)]
#[node(category = "advanced/conditioning", outputs(CONDITIONING = "The zeros."))]
struct ConditioningZeroOut {
    /// The prompts.
    conditioning: Conditioning,
}

impl Run for ConditioningZeroOut {
    type Output = Conditioning;

    fn run(self, _: &Context) -> Result<Conditioning, NodeError> {
        Ok(each(self.conditioning, |it| {
            it.context = it.context.zeros_like();
            it.pooled = it.pooled.as_ref().map(Tensor::zeros_like);
        }))
    }
}

/// Limits prompts to a part of the sampling.
#[derive(Node)]
#[node(category = "advanced/conditioning", outputs(CONDITIONING = "The prompts, limited to that time."))]
struct ConditioningSetTimestepRange {
    /// The prompts.
    conditioning: Conditioning,
    /// When they begin to apply: 0 is the start of the sampling, where everything is noise.
    #[input(default = 0.0, min = 0.0, max = 1.0, step = 0.001)]
    start: f64,
    /// When they cease to apply: 1 is the end.
    #[input(default = 1.0, min = 0.0, max = 1.0, step = 0.001)]
    end: f64,
}

impl Run for ConditioningSetTimestepRange {
    type Output = Conditioning;

    fn run(self, _: &Context) -> Result<Conditioning, NodeError> {
        Ok(each(self.conditioning, |it| (it.start, it.end) = (self.start, self.end)))
    }
}

/// Shows an inpainting model the picture around the hole that it fills.
#[derive(Node)]
#[node(
    category = "conditioning/inpaint",
    outputs(
        positive = "The positive prompts, which know the picture.",
        negative = "The negative prompts, which know the picture.",
        latent = "The picture, to be sampled."
    )
)]
struct InpaintModelConditioning {
    /// What the picture shall show.
    positive: Conditioning,
    /// What the picture shall not show.
    negative: Conditioning,
    /// The autoencoder of the model.
    vae: Vae,
    /// The picture.
    pixels: Image,
    /// What is filled: white. It is stretched to the picture.
    mask: Mask,
    /// Whether only the masked part changes. Without, the model may change all of the picture.
    #[input(default = true)]
    noise_mask: bool,
}

impl Run for InpaintModelConditioning {
    type Output = (Conditioning, Conditioning, Latent);

    fn run(self, cx: &Context) -> Result<Self::Output, NodeError> {
        let Self { positive, negative, vae, pixels, mask, noise_mask } = self;
        let hole = Hole::new(&pixels, &mask, vae.sizes().downscale)?;
        let seen = vae.encode(&hole.greyed(), cx.engine(), cx)?;
        let mut latent = Latent::new(vae.encode(&pixels, cx.engine(), cx)?);
        let mask = hole.mask.into_planes(1);
        let show = |it: &mut Cond| (it.concat_latent, it.concat_mask) = (Some(seen.clone()), Some(mask.clone()));
        let (positive, negative) = (each(positive, show), each(negative, show));
        latent.noise_mask = noise_mask.then_some(mask);
        Ok((positive, negative, latent))
    }
}

/// Shows an editing model the picture that it changes.
#[derive(Node)]
#[node(
    category = "conditioning/instructpix2pix",
    outputs(
        positive = "The positive prompts, which know the picture.",
        negative = "The negative prompts, which know the picture.",
        latent = "An empty latent of the picture's size, to be sampled."
    )
)]
struct InstructPixToPixConditioning {
    /// What shall be done to the picture.
    positive: Conditioning,
    /// What the picture shall not show.
    negative: Conditioning,
    /// The autoencoder of the model.
    vae: Vae,
    /// The picture.
    pixels: Image,
}

impl Run for InstructPixToPixConditioning {
    type Output = (Conditioning, Conditioning, Latent);

    fn run(self, cx: &Context) -> Result<Self::Output, NodeError> {
        let seen = self.vae.encode(&middle(&self.pixels, self.vae.sizes().downscale), cx.engine(), cx)?;
        let empty = Samples::with_shape(seen.values().zeros_like(), seen.shape());
        let show = |it: &mut Cond| it.concat_latent = Some(seen.clone());
        Ok((each(self.positive, show), each(self.negative, show), Latent::new(empty)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, TensorData};
    use runtime::Job;

    fn tensor<const D: usize>(values: &[f32], shape: [usize; D]) -> Tensor<D> {
        Tensor::from_data(TensorData::new(values.to_vec(), shape), &Device::flex())
    }

    /// A prompt of tokens of one number each.
    fn prompt(values: &[f32], pooled: Option<f32>) -> Cond {
        Cond::new(tensor(values, [1, values.len(), 1]), pooled.map(|it| tensor(&[it], [1, 1])))
    }

    fn values<const D: usize>(tensor: &Tensor<D>) -> Vec<f32> {
        crate::pixels::values(tensor.clone())
    }

    /// The states of the first prompt and its pooled one.
    fn run<N: Run<Output = Conditioning>>(node: N) -> Result<(Vec<f32>, Option<Vec<f32>>), String> {
        let done = node.run(&Context::alone(Job::default())).map_err(|it| it.to_string())?;
        Ok((values(&done[0].context), done[0].pooled.as_ref().map(values)))
    }

    #[test]
    fn prompts_are_mixed_and_joined() {
        let average = |to: Cond, from: Cond, conditioning_to_strength| {
            run(ConditioningAverage { conditioning_to: vec![to], conditioning_from: vec![from], conditioning_to_strength })
                .unwrap()
        };
        let long = || prompt(&[1.0, 2.0, 3.0], Some(4.0));
        assert_eq!(average(long(), prompt(&[5.0], Some(8.0)), 0.75), (vec![2.0, 1.5, 2.25], Some(vec![5.0])));
        assert_eq!(average(prompt(&[5.0], None), long(), 0.5), (vec![3.0], Some(vec![4.0])));
        assert_eq!(average(long(), prompt(&[5.0], None), 0.0), (vec![5.0, 0.0, 0.0], Some(vec![4.0])));

        let joined = ConditioningConcat { conditioning_to: vec![long()], conditioning_from: vec![prompt(&[9.0], None)] };
        assert_eq!(run(joined).unwrap(), (vec![1.0, 2.0, 3.0, 9.0], Some(vec![4.0])));
        let pair = Cond::new(tensor(&[7.0, 8.0], [2, 1, 1]), None);
        let joined = ConditioningConcat { conditioning_to: vec![prompt(&[1.0], None)], conditioning_from: vec![pair] };
        assert_eq!(run(joined).unwrap().0, [1.0, 7.0, 1.0, 8.0]);
        assert_eq!(run(ConditioningZeroOut { conditioning: vec![long()] }).unwrap(), (vec![0.0; 3], Some(vec![0.0])));
    }

    #[test]
    fn prompts_that_do_not_go_together_are_refused() {
        let wide = Cond::new(tensor(&[1.0, 2.0], [1, 1, 2]), None);
        let narrow = || vec![prompt(&[1.0], None)];
        let joined = ConditioningConcat { conditioning_to: narrow(), conditioning_from: vec![wide] };
        assert!(run(joined).unwrap_err().starts_with("prompts of 1 and 2 numbers a token do not go together"));
        let none = ConditioningConcat { conditioning_to: narrow(), conditioning_from: Vec::new() };
        assert_eq!(run(none).unwrap_err(), "input `conditioning_from`: it holds no prompt");
        let many = vec![prompt(&[1.0], None); MOST_PROMPTS];
        let combined = ConditioningCombine { conditioning_1: many, conditioning_2: narrow() };
        assert!(run(combined).unwrap_err().starts_with("4097 prompts at once are too many"));
        let long = vec![Cond::new(Tensor::zeros([1, MOST_TOKENS, 1], &Device::flex()), None)];
        let joined = ConditioningConcat { conditioning_to: narrow(), conditioning_from: long };
        assert!(run(joined).unwrap_err().contains("tokens is too long"));
    }

    #[test]
    fn prompts_are_told_where_and_when_they_apply() {
        let cx = Context::alone(Job::default());
        let conditioning = || vec![prompt(&[1.0], None), prompt(&[2.0], None)];
        let mask = Mask(tensor(&[0.0, 1.0], [1, 1, 2]));
        let masked =
            ConditioningSetMask { conditioning: conditioning(), mask, strength: 0.5, set_cond_area: Seen::MaskBounds }.run(&cx);
        let masked = masked.unwrap();
        assert!(masked.iter().all(|it| it.mask_bounds && it.mask_strength == 0.5 && it.mask.is_some() && it.strength == 1.0));
        let area = ConditioningSetArea { conditioning: masked, width: 80, height: 64, x: 15, y: u64::MAX, strength: 2.0 };
        let area = area.run(&cx).unwrap();
        assert_eq!(area[1].area, Some(Area::Cells { y: 2048, x: 1, height: 8, width: 10 }));
        assert!(area[0].strength == 2.0 && !area[0].mask_bounds && area[0].mask.is_some());
        let part =
            |x| ConditioningSetAreaPercentage { conditioning: conditioning(), width: 0.5, height: 1.0, x, y: 0.0, strength: 1.0 };
        let whole = part(0.25).run(&cx).unwrap();
        assert_eq!(whole[0].area, Some(Area::Parts { y: 0.0, x: 0.25, height: 1.0, width: 0.5 }));
        assert!([f64::NAN, 1.5, -1.0].into_iter().all(|it| part(it).run(&cx).is_err()));
        let strong = ConditioningSetAreaStrength { conditioning: whole, strength: 3.0 }.run(&cx).unwrap();
        assert!(strong[1].strength == 3.0 && strong[1].area.is_some());
        let timed = ConditioningSetTimestepRange { conditioning: strong, start: 0.25, end: 0.5 }.run(&cx).unwrap();
        assert_eq!((timed[0].start, timed[1].end), (0.25, 0.5));
        let both = ConditioningCombine { conditioning_1: timed, conditioning_2: conditioning() }.run(&cx).unwrap();
        assert_eq!(both.iter().map(|it| it.start).collect::<Vec<_>>(), [0.25, 0.25, 0.0, 0.0]);
    }
}
