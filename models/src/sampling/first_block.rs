//! The first-block cache: where the first block of a network changes its input much as it did when the network last ran to its end,
//! the other blocks are taken to do so too.
//!
//! Reference: chengzeyi/Comfy-WaveSpeed `first_block_cache.py`, diffusers `hooks/first_block_cache.py`.

use super::levels::ModelSampling;
use super::patches::FirstBlockCache;
use crate::diffusion::Hooks;
use burn::tensor::{ElementConversion, Tensor};
use parking_lot::Mutex;
use std::collections::BTreeMap;

/// What is remembered of the last runs to the end.
pub(crate) struct FirstBlocks {
    threshold: f32,
    start: f32,
    end: f32,
    most: Option<usize>,
    /// Questions in a row that were answered from memory.
    in_a_row: usize,
    sigma: f32,
    /// Whether this question is answered from memory; unknown before its first call.
    skipping: Option<bool>,
    /// By the prompts that went through the network together.
    kept: BTreeMap<Vec<usize>, Kept>,
}

struct Kept {
    /// What the first block added, `[B, everything else]`.
    first: Tensor<2>,
    /// What all the others added; absent until the network has run to its end.
    rest: Option<Tensor<2>>,
}

impl FirstBlocks {
    pub(super) fn new(cache: &FirstBlockCache, sampling: &ModelSampling) -> Self {
        Self {
            threshold: cache.threshold as f32,
            start: sampling.at_part(cache.start),
            end: sampling.at_part(cache.end),
            most: cache.most,
            in_a_row: 0,
            sigma: f32::INFINITY,
            skipping: None,
            kept: BTreeMap::new(),
        }
    }

    /// Remembers whatever the network did, at any level and for any change.
    #[cfg(test)]
    pub(crate) fn always() -> Self {
        let (threshold, start, end) = (f32::INFINITY, f32::INFINITY, 0.0);
        Self { threshold, start, end, most: None, in_a_row: 0, sigma: f32::INFINITY, skipping: None, kept: BTreeMap::new() }
    }

    /// A new question begins, which may take several calls. More noise than before is another run.
    pub(crate) fn begin(&mut self, sigma: f32) {
        if sigma > self.sigma {
            self.kept.clear();
            self.in_a_row = 0;
        }
        (self.sigma, self.skipping) = (sigma, None);
    }

    fn recall(&mut self, ids: &[usize], first: &Tensor<2>) -> Option<Tensor<2>> {
        let kept = self.kept.get(ids).filter(|it| it.first.dims() == first.dims());
        let skipping = match self.skipping {
            // One answer for all calls of a question.
            Some(skipping) => skipping && kept.is_some(),
            None => {
                let similar = kept.is_some_and(|it| {
                    let change = mean_size(it.first.clone() - first.clone()) / mean_size(it.first.clone());
                    change < self.threshold
                });
                let allowed = (self.end..=self.start).contains(&self.sigma) && self.most.is_none_or(|it| self.in_a_row < it);
                let skipping = similar && allowed;
                self.in_a_row = if skipping { self.in_a_row + 1 } else { 0 };
                skipping
            }
        };
        let rest = kept.and_then(|it| it.rest.clone()).filter(|_| skipping);
        self.skipping = Some(rest.is_some());
        if rest.is_none() {
            self.kept.insert(ids.to_vec(), Kept { first: first.clone(), rest: None });
        }
        rest
    }
}

fn mean_size(values: Tensor<2>) -> f32 {
    values.abs().mean().into_scalar::<f32>().elem()
}

/// The memory of one call of a network.
#[derive(Clone, Copy)]
pub struct FirstBlock<'a> {
    pub(crate) memory: &'a Mutex<FirstBlocks>,
    pub(crate) ids: &'a [usize],
}

/// What a network asks on its way. Its blocks add to features `[B, ...]` of `D` dimensions.
pub(crate) struct Shortcut<'a, const D: usize> {
    memory: Option<FirstBlock<'a>>,
    behind_first: Option<Tensor<D>>,
}

impl<'a, const D: usize> Shortcut<'a, D> {
    pub(crate) fn new(hooks: Option<&Hooks<'a>>) -> Self {
        Self { memory: hooks.and_then(|it| it.first), behind_first: None }
    }

    /// Takes the features before the first block and behind it; gives those behind the last one where they can be guessed.
    pub(crate) fn taken(&mut self, before: Tensor<D>, behind: &Tensor<D>) -> Option<Tensor<D>> {
        let FirstBlock { memory, ids } = self.memory.filter(|_| before.dims() == behind.dims())?;
        let shape = behind.dims();
        let rest = memory.lock().recall(ids, &flat(behind.clone() - before));
        if rest.is_none() {
            self.behind_first = Some(behind.clone());
        }
        rest.map(|it| behind.clone() + it.reshape(shape))
    }

    /// Keeps what the other blocks added, behind the last one.
    pub(crate) fn arrived(self, behind: &Tensor<D>) {
        if let (Some(FirstBlock { memory, ids }), Some(first)) = (self.memory, self.behind_first)
            && let Some(kept) = memory.lock().kept.get_mut(ids)
        {
            kept.rest = (first.dims() == behind.dims()).then(|| flat(behind.clone() - first));
        }
    }
}

fn flat<const D: usize>(features: Tensor<D>) -> Tensor<2> {
    let batch = features.dims()[0] as i64;
    features.reshape([batch, -1])
}
