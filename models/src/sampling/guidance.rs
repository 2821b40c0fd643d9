//! Asks a network about a noisy latent under several prompts, and leads away from some of them.
//!
//! Classifier-free guidance: Ho and Salimans 2022 (arXiv 2207.12598). Each prompt may have an area, a mask, a strength and a part of
//! the schedule; what several say of the same place is averaged by weight.

use super::cache::{BeliefCache, OutputCache};
use super::combine::{Beliefs, Momentum, bell, blurred, led, with_spread_of};
use super::denoise::{Both, Denoise};
use super::first_block::{FirstBlock, FirstBlocks};
use super::frame::{Frame, cycle, fill, spread, stretch};
use super::guider::Guidance;
use super::levels::ModelSampling;
use super::noise::Ambient;
use super::patches::{After, Before, Instead, Layers, Patch, Skipped, Within};
use crate::conditioning::{Area, Cond};
use crate::control::{self, Loaded, Loader, Seen};
use crate::diffusion::hooks::nearest;
use crate::diffusion::{About, Call, Hooks, Middle, Network};
use crate::{LatentFormat, Stop, Watch};
use burn::tensor::Tensor;
use parking_lot::Mutex;
use std::cell::RefCell;
use std::sync::Arc;

/// A network under guidance.
pub(super) struct Guided<'a> {
    network: &'a dyn Network,
    sampling: &'a ModelSampling,
    frame: &'a Frame,
    sides: Sides,
    patches: &'a [Patch],
    /// Patches of the network, and from which level to which they apply.
    within: Vec<(Within, f32, f32)>,
    ambient: Ambient,
    /// At most so many latents go through the network at once; those of one prompt always do.
    pub batch_limit: usize,
    watch: &'a dyn Watch,
    momentum: Vec<Momentum>,
    /// How much attention each cell got under the negative prompt.
    recorded: RefCell<Option<Tensor<2>>>,
    outputs: RefCell<Option<OutputCache>>,
    beliefs: Option<BeliefCache>,
    first_blocks: Option<Mutex<FirstBlocks>>,
}

/// The prompts to follow and those to lead away from, fitted to the latents, and how they become one belief.
pub(super) struct Sides {
    lead: Lead,
    /// In the order of [`Lead`].
    places: Vec<Vec<Place>>,
    /// No prompt, where a patch asks for it.
    empty: Vec<Place>,
}

/// [`Guidance`] without its prompts.
#[derive(Clone, Copy)]
enum Lead {
    /// Of one side.
    Alone,
    /// Of the positive and the negative side.
    Away { cfg: f64 },
    /// Of the first, the second and the negative side.
    Dual { first: f64, second: f64, nested: bool },
    /// Of the positive, the empty and the negative side.
    Perpendicular { cfg: f64, negative: f64 },
}

/// A prompt, and where and when it applies to the latents at hand.
#[derive(Clone)]
struct Place {
    /// Tells it from the others of a run.
    id: usize,
    prompt: Prompt,
    rect: Option<Rect>,
    /// Of the whole frame, `[b or 1, 1, h, w]`.
    mask: Option<Tensor<4>>,
    strength: f32,
    /// From this level ...
    start: f32,
    /// ... down to this one.
    end: f32,
}

/// What the network is told.
#[derive(Clone)]
struct Prompt {
    context: Tensor<3>,
    vector: Option<Tensor<2>>,
    control: Option<Arc<Loaded>>,
    /// Channels behind the latent's own, `[b, extra, h, w]`.
    beside: Option<Tensor<4>>,
}

/// A rectangle in latent cells; it may reach beyond the frame.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Rect {
    y: usize,
    x: usize,
    height: usize,
    width: usize,
}

impl Rect {
    fn whole(frame: &Frame) -> Self {
        Self { y: 0, x: 0, height: frame.height, width: frame.width }
    }

    fn cut(self, frame: &Frame) -> Self {
        Self { height: self.height.min(frame.height - self.y), width: self.width.min(frame.width - self.x), ..self }
    }

    fn inside(self, other: Self) -> bool {
        let fits = |start: usize, length: usize, from: usize, room: usize| {
            start >= from && start.saturating_add(length) <= from.saturating_add(room)
        };
        fits(self.y, self.height, other.y, other.height) && fits(self.x, self.width, other.x, other.width)
    }

    fn take(self, pictures: Tensor<4>) -> Tensor<4> {
        pictures.narrow(2, self.y, self.height).narrow(3, self.x, self.width)
    }
}

/// What inpaint and edit networks see where a prompt says nothing of it.
pub(super) struct Beside<'a> {
    /// The latent that is being changed, in the model's scale, as pictures.
    pub latent: Tensor<4>,
    /// Where it is changed.
    pub noise_mask: Option<&'a Tensor<4>>,
    pub format: LatentFormat,
    pub controls: &'a Loader<'a>,
}

impl Sides {
    /// Fits the prompts to the latents.
    pub(super) fn new(
        guidance: &Guidance,
        patches: &[Patch],
        frame: &Frame,
        network: &dyn Network,
        sampling: &ModelSampling,
        beside: &Beside<'_>,
    ) -> Result<Self, Stop> {
        let (lead, sides): (_, Vec<&[Cond]>) = match guidance {
            Guidance::Alone(prompt) => (Lead::Alone, vec![prompt]),
            Guidance::Away { positive, negative, cfg } => (Lead::Away { cfg: *cfg }, vec![positive, negative]),
            Guidance::Dual { first, second, negative, first_cfg, second_cfg, nested } => {
                let lead = Lead::Dual { first: *first_cfg, second: *second_cfg, nested: *nested };
                (lead, vec![first, second, negative])
            }
            Guidance::Perpendicular { positive, negative, empty, cfg, negative_scale } => {
                (Lead::Perpendicular { cfg: *cfg, negative: *negative_scale }, vec![positive, empty, negative])
            }
        };
        let place = |conds: &[Cond], negative: bool| -> Result<Vec<Place>, Stop> {
            conds.iter().map(|it| Place::new(it, negative, frame, network, sampling, beside)).collect()
        };
        // The first side is the one that is followed, the last of several the one that is led away from.
        let (first, last) = (sides.first().copied().unwrap_or_default(), sides.len() - 1);
        let each = |(index, side): (usize, &[Cond])| match index {
            0 => place(side, false),
            _ => place(&control::shared(first, side), index == last),
        };
        let mut places = sides.iter().copied().enumerate().map(each).collect::<Result<Vec<_>, _>>()?;
        // Guidance in an area needs every side there, of equal size.
        for from in 0..places.len() {
            for to in (0..places.len()).filter(|it| *it != from) {
                let [from, to] = places.get_disjoint_mut([from, to]).expect("two of them");
                complete(to, from);
            }
        }
        let empty = patches.iter().rev().find_map(|it| match it {
            Patch::Instead(Instead::Perpendicular { empty, .. }) => Some(place(empty, false)),
            _ => None,
        });
        for (at, it) in places.iter_mut().flatten().enumerate() {
            it.id = at;
        }
        Ok(Self { lead, places, empty: empty.transpose()?.unwrap_or_default() })
    }
}

/// For each area of the other side, adds it to this side with the prompt that applies there: the smallest around it.
fn complete(side: &mut Vec<Place>, other: &[Place]) {
    for place in other {
        let Some(rect) = place.rect else { continue };
        let size = |it: &Place| it.rect.map_or(usize::MAX, |it| it.height.saturating_mul(it.width));
        let around = side.iter().filter(|it| it.rect.is_none_or(|it| rect.inside(it)));
        let Some(smallest) = around.reduce(|best, it| if size(it) < size(best) { it } else { best }) else { continue };
        if smallest.rect != Some(rect) {
            let added = Place { prompt: smallest.prompt.clone(), ..place.clone() };
            side.push(added);
        }
    }
}

impl Place {
    fn new(
        cond: &Cond,
        negative: bool,
        frame: &Frame,
        network: &dyn Network,
        sampling: &ModelSampling,
        beside: &Beside<'_>,
    ) -> Result<Self, Stop> {
        let [count, tokens, width] = cond.context.dims();
        if width != network.context_width() {
            return Err(Stop::Unfit(format!(
                "the prompt was encoded {width} wide, this model reads {}: use the text encoder that belongs to it",
                network.context_width()
            )));
        }
        if count == 0 || tokens == 0 {
            return Err(Stop::Unfit(format!("an encoded prompt of shape {:?} is empty", cond.context.dims())));
        }
        // A latent cell of every family with sizes in its vectors is 8 pixels wide.
        let about = About { cond, size: [8 * frame.height, 8 * frame.width], negative };
        let on_device = |it: &Tensor<2>| cycle(it.clone().to_device(&frame.device), frame.batch);
        let prompt = Prompt {
            context: cycle(cond.context.clone().to_device(&frame.device), frame.batch),
            vector: network.vector(&about)?.as_ref().map(on_device),
            control: cond.control.as_ref().map(|it| beside.controls.load(it, &|part| sampling.at_part(part))).transpose()?,
            beside: beside.channels(cond, frame, network.extra_channels())?,
        };
        let mask = cond.mask.as_ref().map(|it| fitted_mask(it, frame)).transpose()?;
        let rect = match (&mask, cond.mask_bounds) {
            (Some(mask), true) => Some(bounds(mask)),
            _ => cond.area.map(|it| cells(it, frame)),
        };
        if let Some(Rect { y, x, .. }) =
            rect.filter(|it| it.y >= frame.height || it.x >= frame.width || it.height == 0 || it.width == 0)
        {
            return Err(Stop::Unfit(format!(
                "a prompt's area begins {y} down and {x} across or has no size; the latent has {} by {} cells",
                frame.height, frame.width
            )));
        }
        Ok(Self {
            id: usize::MAX,
            prompt,
            rect,
            mask: mask.map(|it| it.mul_scalar(cond.mask_strength as f32)),
            strength: cond.strength as f32,
            start: if cond.start <= 0.0 { f32::INFINITY } else { sampling.at_part(cond.start) },
            end: sampling.at_part(cond.end),
        })
    }

    fn active(&self, sigma: f32) -> bool {
        (self.end..=self.start).contains(&sigma)
    }

    /// How much its answer counts, over its part of the frame; `None` is 1 everywhere.
    fn weight(&self, frame: &Frame) -> Option<Tensor<4>> {
        let rect = self.rect.unwrap_or(Rect::whole(frame)).cut(frame);
        match (&self.mask, self.rect) {
            (Some(mask), _) => Some(rect.take(mask.clone()).mul_scalar(self.strength)),
            (None, Some(_)) => Some(feathered(rect, frame).mul_scalar(self.strength)),
            (None, None) if self.strength == 1.0 => None,
            (None, None) => Some(Tensor::full([1, 1, frame.height, frame.width], self.strength, &frame.device)),
        }
    }
}

/// Cells from the inside of an area to its edge where other prompts take over.
const FEATHER: usize = 8;

/// One inside the area, falling to its edges but where they are those of the picture.
fn feathered(rect: Rect, frame: &Frame) -> Tensor<4> {
    let ramp = |start: usize, length: usize, room: usize| -> Vec<f32> {
        let reach = FEATHER.min(length / 4);
        let mut weights = vec![1.0; length];
        for step in 0..reach {
            let part = (1.0 / reach as f64 * (step + 1) as f64) as f32;
            if start != 0 {
                weights[step] *= part;
            }
            if start + length < room {
                weights[length - 1 - step] *= part;
            }
        }
        weights
    };
    let down = Tensor::<1>::from_floats(ramp(rect.y, rect.height, frame.height).as_slice(), &frame.device);
    let across = Tensor::<1>::from_floats(ramp(rect.x, rect.width, frame.width).as_slice(), &frame.device);
    down.reshape([1, 1, rect.height, 1]) * across.reshape([1, 1, 1, rect.width])
}

fn cells(area: Area, frame: &Frame) -> Rect {
    match area {
        Area::Cells { y, x, height, width } => Rect { y, x, height, width },
        Area::Parts { y, x, height, width } => {
            let cells = |part: f64, room: usize| (part * room as f64).round_ties_even() as usize;
            Rect {
                y: cells(y, frame.height),
                x: cells(x, frame.width),
                height: cells(height, frame.height).max(1),
                width: cells(width, frame.width).max(1),
            }
        }
    }
}

/// A mask `[b or 1, h, w]` of any resolution, `[batch or 1, 1, h, w]` of the frame's.
fn fitted_mask(mask: &Tensor<3>, frame: &Frame) -> Result<Tensor<4>, Stop> {
    let [count, height, width] = mask.dims();
    if count == 0 || height == 0 || width == 0 {
        return Err(Stop::Unfit(format!("a prompt's mask of shape {:?} is empty", mask.dims())));
    }
    let mask = mask.clone().to_device(&frame.device).reshape([count, 1, height, width]);
    let mask = stretch(mask, [frame.height, frame.width]);
    Ok(if count == 1 { mask } else { cycle(mask, frame.batch) })
}

/// The least an area measures that is taken from a mask, each way.
const LEAST: usize = 8;

/// The rectangle around what a mask marks in any of its batch.
fn bounds(mask: &Tensor<4>) -> Rect {
    let [_, _, height, width] = mask.dims();
    let marked: Vec<bool> = mask.to_data().iter::<f32>().map(|it| it != 0.0).collect();
    let places = || marked.iter().enumerate().filter(|(_, marked)| **marked).map(|(at, _)| (at / width % height, at % width));
    let (Some(top), Some(left)) = (places().map(|it| it.0).min(), places().map(|it| it.1).min()) else {
        return Rect { y: 0, x: 0, height: LEAST, width: LEAST };
    };
    let (bottom, right) = places().fold((top, left), |(y, x), it| (y.max(it.0), x.max(it.1)));
    Rect { y: top, x: left, height: (bottom - top + 1).max(LEAST), width: (right - left + 1).max(LEAST) }
}

/// A grey picture, as SD 1.x's autoencoder encodes it, in the model's scale.
const GREY: [f32; 4] = [0.8223, -0.6876, 0.6364, 0.1380];

impl Beside<'_> {
    /// The channels that a network takes beside the latent: for 5 a mask and the masked picture, for 4 the picture to edit.
    fn channels(&self, cond: &Cond, frame: &Frame, count: usize) -> Result<Option<Tensor<4>>, Stop> {
        if count == 0 {
            return Ok(None);
        }
        let own = frame.channels;
        if frame.shape.len() != 4 || (count != own && count != own + 1) {
            return Err(Stop::Unfit(format!(
                "this model takes {count} channels beside a latent of shape {:?}: {own} (edit) or {} (inpaint) of a picture are understood",
                frame.shape,
                own + 1
            )));
        }
        let size = [frame.height, frame.width];
        let given = cond.concat_latent.as_ref().map(|it| {
            if it.shape().len() != 4 || it.shape()[1] != own || it.shape().contains(&0) {
                return Err(Stop::Unfit(format!("a picture of shape {:?} beside a latent of {own} channels", it.shape())));
            }
            Ok(it.tensor::<4>().to_device(&frame.device))
        });
        let given = given.transpose()?;
        if count == own {
            let picture =
                given.map_or_else(|| Tensor::zeros([1, own, frame.height, frame.width], &frame.device), |it| fill(it, size));
            return Ok(Some(spread(picture, frame.batch)));
        }
        let Some(mask) = cond.concat_mask.as_ref().or(self.noise_mask) else {
            // Everything is to be painted: the mask is full, and there is nothing to see.
            let grey = |channel: usize| GREY.get(channel).copied().unwrap_or(0.0);
            let grey: Vec<f32> = (0..own).map(grey).collect();
            let picture = Tensor::<1>::from_floats(grey.as_slice(), &frame.device).reshape([1, own, 1, 1]);
            let picture = picture.expand([frame.batch, own, frame.height, frame.width]);
            let mask = Tensor::ones([frame.batch, 1, frame.height, frame.width], &frame.device);
            return Ok(Some(Tensor::cat(vec![mask, picture], 1)));
        };
        let [count, layers, height, width] = mask.dims();
        if count == 0 || layers == 0 || height == 0 || width == 0 {
            return Err(Stop::Unfit(format!("an inpaint mask of shape {:?} is empty", mask.dims())));
        }
        let mask = fill(mask.clone().to_device(&frame.device).narrow(1, 0, 1), size);
        let mask = spread(mask.round(), frame.batch);
        let picture = match given {
            Some(it) => spread(fill(self.format.to_model(it), size), frame.batch),
            None => self.latent.clone(),
        };
        Ok(Some(Tensor::cat(vec![mask, picture], 1)))
    }
}

/// Contexts are repeated to a common length to go together, but to no more than so many times the shortest.
const MOST_REPEATS: usize = 4;

/// A prompt's share in a call.
struct Part<'a> {
    side: usize,
    place: &'a Place,
    rect: Rect,
}

impl Guided<'_> {
    /// What the network believes under each of the sides.
    ///
    /// A side without prompts that apply believes in nothing at all.
    fn ask<const N: usize>(
        &self,
        x: &Tensor<2>,
        sigma: f32,
        sides: [&[Place]; N],
        change: Change,
    ) -> Result<[Tensor<2>; N], Stop> {
        let frame = self.frame;
        if let Some(cache) = self.outputs.borrow_mut().as_mut() {
            cache.begin();
        }
        if let Some(memory) = &self.first_blocks {
            memory.lock().begin(sigma);
        }
        let x = frame.pictures(x.clone());
        let mut waiting: Vec<Part<'_>> = sides
            .iter()
            .enumerate()
            .flat_map(|(side, places)| places.iter().map(move |it| (side, it)))
            .filter(|(_, it)| it.active(sigma))
            .map(|(side, place)| Part { side, place, rect: place.rect.unwrap_or(Rect::whole(frame)).cut(frame) })
            .collect();
        let mut counts = [0; N];
        waiting.iter().for_each(|it| counts[it.side] += 1);
        let mut answers: [Option<Answer>; N] = std::array::from_fn(|_| None);
        while !waiting.is_empty() {
            let together = self.together(&waiting);
            let mut parts = Vec::with_capacity(together.len());
            // From behind, so that the places of the others stay.
            for index in together.into_iter().rev() {
                parts.push(waiting.remove(index));
            }
            for (part, belief) in parts.iter().zip(self.call(&x, sigma, &parts, change)?) {
                let weight = part.place.weight(frame);
                match (&mut answers[part.side], weight) {
                    (answer @ None, None) if counts[part.side] == 1 => *answer = Some(Answer { sum: belief, weights: None }),
                    (answer, weight) => answer.get_or_insert_with(|| Answer::nothing(frame)).add(part.rect, belief, weight),
                }
            }
        }
        Ok(answers.map(|it| {
            let answer = it.unwrap_or_else(|| Answer::nothing(frame));
            frame.flat(answer.mean())
        }))
    }

    /// The first that waits and those that can go through the network with it.
    fn together(&self, waiting: &[Part<'_>]) -> Vec<usize> {
        let first = &waiting[0];
        let most = (self.batch_limit / self.frame.batch).max(1);
        let tokens = |it: &Part<'_>| it.place.prompt.context.dims()[1];
        let (mut shortest, mut common) = (tokens(first), tokens(first));
        let mut together = vec![0];
        for (index, part) in waiting.iter().enumerate().skip(1) {
            if together.len() == most {
                break;
            }
            let (least, multiple) = (shortest.min(tokens(part)), lcm(common, tokens(part)));
            let widths = |it: &Part<'_>| it.place.prompt.vector.as_ref().map(|it| it.dims()[1]);
            let same_size = (part.rect.height, part.rect.width) == (first.rect.height, first.rect.width);
            let controls = [part, first].map(|it| it.place.prompt.control.as_ref().map(Arc::as_ptr));
            if same_size && widths(part) == widths(first) && controls[0] == controls[1] && multiple / least <= MOST_REPEATS {
                (shortest, common) = (least, multiple);
                together.push(index);
            }
        }
        together
    }

    /// One run of the network: the clean latent under each prompt, over its part of the frame.
    fn call(&self, x: &Tensor<4>, sigma: f32, parts: &[Part<'_>], change: Change) -> Result<Vec<Tensor<4>>, Stop> {
        let frame = self.frame;
        self.watch.check()?;
        let seen = Tensor::cat(parts.iter().map(|it| it.rect.take(x.clone())).collect(), 0);
        let mut input = seen.clone().mul_scalar(self.sampling.input_scale(sigma));
        let bare = input.clone();
        let extra = self.network.extra_channels();
        if extra > 0 {
            let beside = parts.iter().filter_map(|it| Some(it.rect.take(it.place.prompt.beside.clone()?)));
            input = Tensor::cat(vec![input, Tensor::cat(beside.collect(), 0)], 1);
        }
        let tokens = parts.iter().map(|it| it.place.prompt.context.dims()[1]).fold(1, lcm);
        let context = |it: &Part<'_>| {
            let context = it.place.prompt.context.clone();
            let repeats = tokens / context.dims()[1];
            // Attention over a context twice is attention over it once.
            if repeats == 1 { context } else { context.repeat_dim(1, repeats) }
        };
        let vectors: Option<Vec<_>> = parts.iter().map(|it| it.place.prompt.vector.clone()).collect();
        let batch = seen.dims()[0];
        let ids: Vec<usize> = parts.iter().map(|it| it.place.id).collect();
        let kept = self.outputs.borrow_mut().as_mut().and_then(|it| it.kept(&input, sigma, &ids));
        let output = if let Some(kept) = kept {
            kept
        } else {
            let within: Vec<Within> = self.within.iter().filter(|it| (it.2..=it.1).contains(&sigma)).map(|it| it.0).collect();
            let record = Mutex::new(None);
            let recorded = match change {
                Change::None { recorded } => parts.iter().position(|it| Some(it.side) == recorded),
                _ => None,
            };
            let (middle, skipped) = match change {
                Change::None { .. } if recorded.is_some() => (Middle::Recorded(&record), Layers::default()),
                Change::None { .. } => (Middle::Usual, Layers::default()),
                Change::Perturbed { but_first } => (Middle::Perturbed { but_first }, Layers::default()),
                Change::Skipped(layers) => (Middle::Usual, layers),
            };
            // A network that is changed for a question has nothing to remember.
            let plain = matches!(change, Change::None { .. });
            let first = self.first_blocks.as_ref().filter(|_| plain).map(|memory| FirstBlock { memory, ids: &ids });
            let changed = !matches!(middle, Middle::Usual) || skipped != Layers::default();
            let asked = !within.is_empty() || changed || first.is_some();
            let hooks = Hooks { within: &within, middle, skipped, first, random: &self.ambient };
            let timestep = Tensor::full([batch], self.sampling.timestep(sigma), &frame.device);
            let context = Tensor::cat(parts.iter().map(context).collect(), 0);
            let vector = vectors.map(|it| Tensor::cat(it, 0));
            let control = match &parts[0].place.prompt.control {
                None => None,
                Some(control) => control.run(&Seen {
                    x: bare,
                    sigma,
                    timestep: timestep.clone(),
                    context: context.clone(),
                    vector: vector.clone(),
                    parts: parts.len(),
                    watch: self.watch,
                })?,
            };
            let x = frame.samples(input.clone(), extra);
            let hooks = asked.then_some(hooks);
            let output = self.network.forward(Call { x, timestep, context, vector, control, hooks, watch: self.watch })?;
            let wanted = frame.samples(seen.clone(), 0);
            if output.shape() != wanted.shape() {
                return Err(Stop::Unfit(format!(
                    "the network answered {:?} for a latent of {:?}",
                    output.shape(),
                    wanted.shape()
                )));
            }
            if let (Some(part), Some(record)) = (recorded, record.into_inner()) {
                self.recorded.replace(Some(record.narrow(0, part * frame.batch, frame.batch)));
            }
            let output = output.values().clone().reshape(seen.dims());
            if let Some(cache) = self.outputs.borrow_mut().as_mut() {
                cache.keep(input, &output, sigma, &ids);
            }
            output
        };
        let belief = self.sampling.denoised(seen, output, sigma);
        Ok(belief.split(frame.batch, 0))
    }
}

/// What one side says.
struct Answer {
    /// The beliefs of its prompts, each times its weight.
    sum: Tensor<4>,
    /// The sum of the weights; `None` where one prompt alone speaks, everywhere.
    weights: Option<Tensor<4>>,
}

impl Answer {
    fn nothing(frame: &Frame) -> Self {
        let planes = frame.channels * frame.depth;
        let sum = Tensor::zeros([frame.batch, planes, frame.height, frame.width], &frame.device);
        // Where no prompt applies the answer is nothing, not nothing divided by nothing.
        let weights = Tensor::full([frame.batch, 1, frame.height, frame.width], 1e-37, &frame.device);
        Self { sum, weights: Some(weights) }
    }

    fn add(&mut self, rect: Rect, belief: Tensor<4>, weight: Option<Tensor<4>>) {
        let Some(weights) = &self.weights else { return };
        let [batch, planes, ..] = belief.dims();
        let size = [batch, 1, rect.height, rect.width];
        let weight = match weight {
            Some(it) => it.expand(size),
            None => Tensor::ones(size, &belief.device()),
        };
        let add = |to: &Tensor<4>, what: Tensor<4>| {
            let place = [0..batch, 0..what.dims()[1], rect.y..rect.y + rect.height, rect.x..rect.x + rect.width];
            to.clone().slice_assign(place.clone(), to.clone().slice(place) + what)
        };
        self.weights = Some(add(weights, weight.clone()));
        self.sum = add(&self.sum, belief * weight.repeat_dim(1, planes));
    }

    fn mean(self) -> Tensor<4> {
        let planes = self.sum.dims()[1];
        match self.weights {
            Some(weights) => self.sum / weights.repeat_dim(1, planes),
            None => self.sum,
        }
    }
}

fn lcm(a: usize, b: usize) -> usize {
    let (mut x, mut y) = (a, b);
    while y != 0 {
        (x, y) = (y, x % y);
    }
    a / x * b
}

/// Whether a scale of guidance leaves one side without a say.
fn is_one(scale: f64) -> bool {
    (scale - 1.0).abs() <= 1e-9 * scale.abs().max(1.0)
}

/// What becomes of the network in one question.
#[derive(Clone, Copy)]
enum Change {
    /// Nothing; how much attention each cell gets under the prompts of a side may be recorded.
    None {
        recorded: Option<usize>,
    },
    Perturbed {
        but_first: bool,
    },
    Skipped(Layers),
}

impl Change {
    const NONE: Self = Self::None { recorded: None };
}

impl<'a> Guided<'a> {
    pub(super) fn new(
        network: &'a dyn Network,
        sampling: &'a ModelSampling,
        frame: &'a Frame,
        sides: Sides,
        patches: &'a [Patch],
        ambient: Ambient,
        watch: &'a dyn Watch,
    ) -> Self {
        let within = patches.iter().filter_map(|it| match it {
            Patch::Within(it @ Within::Downscale { start, end, .. }) => {
                Some((*it, sampling.at_part(*start), sampling.at_part(*end)))
            }
            Patch::Within(it) => Some((*it, f32::INFINITY, 0.0)),
            _ => None,
        });
        let cache = |lazy: bool| {
            let all = patches.iter().rev().filter_map(|it| if let Patch::Cache(it) = it { Some(it) } else { None });
            all.into_iter().find(|it| it.lazy == lazy)
        };
        Self {
            network,
            sampling,
            frame,
            sides,
            patches,
            within: within.collect(),
            ambient,
            batch_limit: usize::MAX,
            watch,
            momentum: patches.iter().map(|_| Momentum::default()).collect(),
            recorded: RefCell::new(None),
            outputs: RefCell::new(cache(false).map(|it| OutputCache::new(it, sampling, frame))),
            beliefs: cache(true).map(|it| BeliefCache::new(it, sampling, frame)),
            first_blocks: patches.iter().rev().find_map(|it| match it {
                Patch::FirstBlock(it) => Some(Mutex::new(FirstBlocks::new(it, sampling))),
                _ => None,
            }),
        }
    }

    /// Asks two sides or three, of which those at `silent` have no say, and lets patches change the first and the one at `negative`.
    fn beliefs<'x>(
        &mut self,
        x: &'x Tensor<2>,
        sigma: f32,
        negative: usize,
        silent: [bool; 3],
        cfg: f64,
    ) -> Result<([Tensor<2>; 3], Beliefs<'x>), Stop>
    where
        'a: 'x,
    {
        let side = |index: usize| match self.sides.places.get(index) {
            Some(side) if !silent[index] => side.as_slice(),
            _ => &[],
        };
        let sides = [side(0), side(1), side(2)];
        let records = self.patches.iter().any(|it| matches!(it, Patch::After(After::SelfAttention { .. })));
        let change = Change::None { recorded: records.then_some(negative) };
        let without = self.patches.iter().rev().find_map(|it| match it {
            Patch::Before(Before::SkipLayers(skipped)) if self.applies(skipped, sigma) => Some(skipped.layers),
            _ => None,
        });
        let asked = match without {
            Some(layers) if !sides[negative].is_empty() => {
                let mut others = sides;
                others[negative] = &[];
                let mut answers = self.ask(x, sigma, others, change)?;
                let [answer] = self.ask(x, sigma, [sides[negative]], Change::Skipped(layers))?;
                answers[negative] = answer;
                answers
            }
            _ => self.ask(x, sigma, sides, change)?,
        };
        let has_negative = !sides[negative].is_empty();
        let (positive, away) = (asked[0].clone(), asked[negative].clone());
        Ok((asked, Beliefs { frame: self.frame, x, sigma, positive, negative: away, has_negative, cfg }))
    }

    fn applies(&self, skipped: &Skipped, sigma: f32) -> bool {
        (self.sampling.at_part(skipped.end)..=self.sampling.at_part(skipped.start)).contains(&sigma)
    }

    fn before(&mut self, beliefs: &mut Beliefs<'_>) -> Result<(), Stop> {
        for (patch, momentum) in self.patches.iter().zip(&mut self.momentum) {
            if let Patch::Before(patch) = patch {
                beliefs.before(patch, momentum)?;
            }
        }
        Ok(())
    }

    /// Guidance, or what takes its place, and what changes it; `positive` and `negative` are the sides that were asked.
    fn combined(&self, beliefs: &Beliefs<'_>, positive: &[Place], negative: &[Place]) -> Result<Tensor<2>, Stop> {
        let instead = self.patches.iter().rev().find_map(|it| if let Patch::Instead(it) = it { Some(it) } else { None });
        let guided = match instead {
            None => led(&beliefs.negative, &beliefs.positive, beliefs.cfg),
            Some(Instead::Perpendicular { negative_scale, .. }) => {
                let [empty] = self.ask(beliefs.x, beliefs.sigma, [&self.sides.empty], Change::NONE)?;
                perpendicular(&beliefs.positive, &beliefs.negative, &empty, *negative_scale, beliefs.cfg)
            }
            Some(Instead::Threshold(it)) => {
                let timestep = self.sampling.timestep(beliefs.sigma);
                it.apply(self.frame, &beliefs.positive, &beliefs.negative, beliefs.cfg, timestep)
            }
            Some(other) => beliefs.instead(other),
        };
        self.after(beliefs, guided, positive, negative)
    }

    fn after(
        &self,
        beliefs: &Beliefs<'_>,
        mut guided: Tensor<2>,
        positive: &[Place],
        negative: &[Place],
    ) -> Result<Tensor<2>, Stop> {
        let Beliefs { x, sigma, .. } = *beliefs;
        for patch in self.patches {
            let Patch::After(patch) = patch else { continue };
            guided = match patch {
                After::PerturbedAttention { scale } => {
                    if *scale == 0.0 {
                        continue;
                    }
                    let but_first = self.patches.iter().any(|it| matches!(it, Patch::After(After::SelfAttention { .. })));
                    let [perturbed] = self.ask(x, sigma, [positive], Change::Perturbed { but_first })?;
                    guided + (beliefs.positive.clone() - perturbed).mul_scalar(*scale as f32)
                }
                After::SelfAttention { scale, blur } => self.away_from_blurred(beliefs, guided, negative, *scale, *blur)?,
                After::SkipLayers { skipped, scale, rescale } => {
                    if *scale <= 0.0 || !self.applies(skipped, sigma) {
                        continue;
                    }
                    let [without] = self.ask(x, sigma, [positive], Change::Skipped(skipped.layers))?;
                    let led = guided + (beliefs.positive.clone() - without).mul_scalar(*scale as f32);
                    if *rescale == 0.0 { led } else { with_spread_of(led, &beliefs.positive, *rescale) }
                }
                other => beliefs.after(other, guided),
            };
        }
        Ok(guided)
    }

    /// Self-attention guidance: leads away from what the network believes where the cells that got most attention are blurred.
    fn away_from_blurred(
        &self,
        beliefs: &Beliefs<'_>,
        guided: Tensor<2>,
        negative: &[Place],
        scale: f64,
        blur: f64,
    ) -> Result<Tensor<2>, Stop> {
        const RADIUS: usize = 4;
        const ATTENDED: f32 = 1.0;
        let frame = self.frame;
        if frame.shape.len() != 4 || frame.height.min(frame.width) <= RADIUS {
            return Ok(guided);
        }
        let Some(attention) = self.recorded.borrow().clone() else {
            return Err(Stop::Unfit("self-attention guidance needs a negative prompt: use a guider that has one".to_owned()));
        };
        let [batch, count] = attention.dims();
        let rows = rows_of(count, frame.height, frame.width);
        let marked = attention.greater_elem(ATTENDED).float().reshape([batch, 1, rows, count / rows]);
        let mask = nearest(marked, [frame.height, frame.width]).repeat_dim(1, frame.channels);
        let clean = frame.pictures(beliefs.negative.clone());
        let kernel = bell(2 * RADIUS + 1, |it| it - RADIUS as f64, blur.max(1e-3));
        let blurry = blurred(clean.clone(), &kernel, RADIUS);
        let degraded = frame.flat(blurry * mask.clone() + clean * mask.neg().add_scalar(1.0));
        let noisy = degraded.clone() + beliefs.x.clone() - beliefs.negative.clone();
        let [belief] = self.ask(&noisy, beliefs.sigma, [negative], Change::NONE)?;
        Ok(guided + (degraded - belief).mul_scalar(scale as f32))
    }

    /// `both`: whether the unguided belief is needed as well, and so every side.
    fn believe(&mut self, x: &Tensor<2>, sigma: f32, both: bool) -> Result<Both, Stop> {
        // Self-attention guidance needs the negative side as well.
        let both = both || self.patches.iter().any(|it| matches!(it, Patch::After(After::SelfAttention { .. })));
        let one = |scale: f64| is_one(scale) && !both;
        match self.sides.lead {
            Lead::Alone => {
                let (_, mut beliefs) = self.beliefs(x, sigma, 1, [false, true, true], 1.0)?;
                self.before(&mut beliefs)?;
                let guided = self.combined(&beliefs, &self.sides.places[0], &[])?;
                Ok(Both { guided, unguided: beliefs.negative })
            }
            Lead::Away { cfg } => {
                let (_, mut beliefs) = self.beliefs(x, sigma, 1, [false, one(cfg), true], cfg)?;
                self.before(&mut beliefs)?;
                let guided = self.combined(&beliefs, &self.sides.places[0], &self.sides.places[1])?;
                Ok(Both { guided, unguided: beliefs.negative })
            }
            Lead::Dual { first, second, nested: true } => {
                let ([_, _, negative], inner) = self.beliefs(x, sigma, 1, [false; 3], first)?;
                let guided = self.combined(&inner, &self.sides.places[0], &self.sides.places[1])?;
                Ok(Both { guided: led(&negative, &guided, second), unguided: inner.negative })
            }
            Lead::Dual { first, second, nested: false } => {
                let silent = [false, one(second) && one(first), one(second)];
                let ([one, two, negative], mut beliefs) = self.beliefs(x, sigma, 1, silent, second)?;
                (beliefs.positive, beliefs.negative) = (two.clone(), negative.clone());
                let guided = self.combined(&beliefs, &self.sides.places[1], &self.sides.places[2])?;
                Ok(Both { guided: guided + (one - two).mul_scalar(first as f32), unguided: negative })
            }
            Lead::Perpendicular { cfg, negative: scale } => {
                let none = scale == 0.0 && !both;
                let ([_, empty, _], mut beliefs) = self.beliefs(x, sigma, 2, [false, none && one(cfg), none], cfg)?;
                self.before(&mut beliefs)?;
                let guided = perpendicular(&beliefs.positive, &beliefs.negative, &empty, scale, cfg);
                let guided = self.after(&beliefs, guided, &self.sides.places[0], &self.sides.places[2])?;
                Ok(Both { guided, unguided: beliefs.negative })
            }
        }
    }
}

/// Leads from `empty` towards `positive` and away from what of `negative` is not along it.
fn perpendicular(positive: &Tensor<2>, negative: &Tensor<2>, empty: &Tensor<2>, scale: f64, cfg: f64) -> Tensor<2> {
    let (towards, away) = (positive.clone() - empty.clone(), negative.clone() - empty.clone());
    let product = (towards.clone() * away.clone()).sum().into_scalar::<f32>();
    let square = towards.clone().square().sum().into_scalar::<f32>();
    let across = away - towards.clone().mul_scalar(product / square);
    empty.clone() + (towards - across.mul_scalar(scale as f32)).mul_scalar(cfg as f32)
}

/// In how many rows so many cells lie that are a smaller picture of the same shape.
fn rows_of(count: usize, height: usize, width: usize) -> usize {
    let rows = (height as f64 / width as f64 * count as f64).sqrt().round_ties_even() as usize;
    let near = 0..(count as f64).sqrt() as usize / 2;
    let divides = |rows: &usize| *rows > 0 && count.is_multiple_of(*rows);
    near.flat_map(|i| [rows + i, rows.saturating_sub(i).max(1)]).find(divides).unwrap_or(1)
}

impl Guided<'_> {
    fn cached(&mut self, x: &Tensor<2>, sigma: f32, both: bool) -> Result<Both, Stop> {
        if let Some(kept) = self.beliefs.as_mut().and_then(|it| it.kept(x, sigma)) {
            return Ok(kept);
        }
        let believed = self.believe(x, sigma, both)?;
        if let Some(cache) = &mut self.beliefs {
            cache.keep(x, &believed, sigma);
        }
        Ok(believed)
    }
}

impl Denoise for Guided<'_> {
    fn denoise(&mut self, x: &Tensor<2>, sigma: f32) -> Result<Tensor<2>, Stop> {
        Ok(self.cached(x, sigma, false)?.guided)
    }

    fn denoise_both(&mut self, x: &Tensor<2>, sigma: f32) -> Result<Both, Stop> {
        self.cached(x, sigma, true)
    }
}
