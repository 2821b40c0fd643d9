//! Leaves out questions whose answer can be guessed from the last ones (EasyCache: Zhou et al. 2025, arXiv 2507.02860).
//!
//! What is kept is the difference between output and input. As long as the input changes little, and so, by the rate at which the
//! output followed it before, the output, the difference is taken to stay.

use super::denoise::Both;
use super::frame::Frame;
use super::levels::ModelSampling;
use super::patches::Cache;
use burn::tensor::{ElementConversion, Tensor};
use std::collections::BTreeMap;

/// Cells of which one is looked at, each way.
const STRIDE: usize = 8;

/// How fast the output follows the input.
struct Pace {
    threshold: f32,
    start: f32,
    end: f32,
    /// Change of the output over change of the input.
    rate: Option<f32>,
    changed: f32,
    input: Option<Tensor<4>>,
    /// The last output, thinned, and its mean size.
    output: Option<(Tensor<4>, f32)>,
    /// How far the input is from the last one, where it is known.
    input_change: Option<f32>,
}

impl Pace {
    fn new(cache: &Cache, sampling: &ModelSampling) -> Self {
        Self {
            threshold: cache.threshold as f32,
            start: sampling.at_part(cache.start),
            end: sampling.at_part(cache.end),
            rate: None,
            changed: 0.0,
            input: None,
            output: None,
            input_change: None,
        }
    }

    fn is_over(&self, sigma: f32) -> bool {
        sigma <= self.end
    }

    fn has_begun(&self, sigma: f32) -> bool {
        sigma <= self.start
    }

    /// Whether the output of this input can be guessed.
    fn may_guess(&mut self, input: &Tensor<4>) -> bool {
        self.input_change = self.input.as_ref().map(|it| mean_size(thin(input) - it.clone()));
        if let (Some(change), Some((_, size)), Some(rate)) = (self.input_change, &self.output, self.rate) {
            self.changed += rate * change / size;
            if self.changed < self.threshold {
                return true;
            }
            self.changed = 0.0;
        }
        false
    }

    /// `size` is the mean size of the whole output, of which `output` may be a part.
    fn learn(&mut self, input: &Tensor<4>, output: &Tensor<4>, size: f32) {
        let output = thin(output);
        if let (Some((last, _)), Some(change)) = (&self.output, self.input_change) {
            self.rate = Some(mean_size(output.clone() - last.clone()) / change);
        }
        self.input = Some(thin(input));
        self.output = Some((output, size));
        self.input_change = None;
    }
}

/// Every so-manieth cell.
fn thin(pictures: &Tensor<4>) -> Tensor<4> {
    let [b, c, h, w] = pictures.dims();
    pictures
        .clone()
        .slice([0..b as i32, 0..c as i32, 0..h as i32, 0..w as i32])
        .slice(burn::tensor::s![.., .., ..;STRIDE, ..;STRIDE])
}

fn mean_size(values: Tensor<4>) -> f32 {
    values.abs().mean().into_scalar::<f32>().elem()
}

/// Keeps the network's output under each prompt.
pub(super) struct OutputCache {
    pace: Pace,
    channels: usize,
    batch: usize,
    /// The prompt whose output is judged.
    first: Option<usize>,
    /// Whether this question is answered from what is kept.
    guessing: bool,
    kept: BTreeMap<usize, Tensor<4>>,
}

impl OutputCache {
    pub(super) fn new(cache: &Cache, sampling: &ModelSampling, frame: &Frame) -> Self {
        let pace = Pace::new(cache, sampling);
        Self {
            pace,
            channels: frame.channels * frame.depth,
            batch: frame.batch,
            first: None,
            guessing: false,
            kept: BTreeMap::new(),
        }
    }

    /// A new question begins, which may take several calls.
    pub(super) fn begin(&mut self) {
        self.guessing = false;
    }

    /// The part of an input or output that belongs to the judged prompt.
    fn judged(&self, values: &Tensor<4>, ids: &[usize]) -> Option<Tensor<4>> {
        let at = ids.iter().position(|it| Some(*it) == self.first)?;
        Some(values.clone().narrow(0, at * self.batch, self.batch))
    }

    /// The input without the channels that are beside the latent.
    fn own(&self, input: Tensor<4>) -> Tensor<4> {
        let channels = input.dims()[1];
        input.narrow(1, channels - self.channels, self.channels)
    }

    /// The output for an input, guessed.
    pub(super) fn kept(&mut self, input: &Tensor<4>, sigma: f32, ids: &[usize]) -> Option<Tensor<4>> {
        if self.pace.is_over(sigma) || !self.pace.has_begun(sigma) {
            return None;
        }
        if !self.guessing {
            self.first.get_or_insert(ids[0]);
            let judged = self.judged(input, ids)?;
            self.guessing = self.pace.may_guess(&judged);
        }
        if !self.guessing {
            return None;
        }
        let kept: Option<Vec<_>> = ids.iter().map(|it| self.kept.get(it).cloned()).collect();
        let kept = Tensor::cat(kept?, 0);
        let own = self.own(input.clone());
        (kept.dims() == own.dims()).then(|| own + kept)
    }

    pub(super) fn keep(&mut self, input: Tensor<4>, output: &Tensor<4>, sigma: f32, ids: &[usize]) {
        if self.pace.is_over(sigma) {
            return;
        }
        if let (Some(input), Some(part)) = (self.judged(&input, ids), self.judged(output, ids)) {
            self.pace.learn(&input, &part, mean_size(output.clone()));
        }
        let difference = output.clone() - self.own(input);
        for (at, id) in ids.iter().enumerate() {
            self.kept.insert(*id, difference.clone().narrow(0, at * self.batch, self.batch));
        }
    }
}

/// Keeps the guided belief.
pub(super) struct BeliefCache {
    pace: Pace,
    frame: Frame,
    kept: Option<(Tensor<2>, Tensor<2>)>,
}

impl BeliefCache {
    pub(super) fn new(cache: &Cache, sampling: &ModelSampling, frame: &Frame) -> Self {
        Self { pace: Pace::new(cache, sampling), frame: frame.clone(), kept: None }
    }

    /// The belief, guessed; the unguided one is the last that was asked for.
    pub(super) fn kept(&mut self, x: &Tensor<2>, sigma: f32) -> Option<Both> {
        if self.pace.is_over(sigma) || !self.pace.has_begun(sigma) {
            return None;
        }
        let guess = self.pace.may_guess(&self.frame.pictures(x.clone()));
        let (difference, unguided) = self.kept.as_ref().filter(|_| guess)?;
        Some(Both { guided: x.clone() + difference.clone(), unguided: unguided.clone() })
    }

    pub(super) fn keep(&mut self, x: &Tensor<2>, believed: &Both, sigma: f32) {
        if self.pace.is_over(sigma) {
            return;
        }
        let guided = self.frame.pictures(believed.guided.clone());
        let size = mean_size(guided.clone());
        self.pace.learn(&self.frame.pictures(x.clone()), &guided, size);
        self.kept = Some((believed.guided.clone() - x.clone(), believed.unguided.clone()));
    }
}
