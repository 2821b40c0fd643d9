//! The one question that a sampler asks, and what can be laid around the answer.

use super::schedules::ModelSampling;
use crate::{Samples, Stop, Watch};
use burn::tensor::Tensor;

/// What the model believes the clean latent is: D(x; σ) of Karras et al. 2022.
///
/// A latent here is `[batch, everything else]`.
pub trait Denoise {
    /// The belief that is followed.
    ///
    /// # Errors
    /// What stops the computation.
    fn denoise(&mut self, x: &Tensor<2>, sigma: f32) -> Result<Tensor<2>, Stop>;

    /// That belief, and the one without the prompt that guidance leads away from.
    ///
    /// # Errors
    /// What stops the computation.
    fn denoise_both(&mut self, x: &Tensor<2>, sigma: f32) -> Result<Both, Stop>;
}

/// What [`Denoise::denoise_both`] says.
pub struct Both {
    /// The belief that is followed.
    pub guided: Tensor<2>,
    /// The belief without the prompt.
    pub unguided: Tensor<2>,
}

/// Changes a latent only where a mask says so: elsewhere the model sees the original with the noise of the level, and believes it.
pub struct Masked<'a> {
    /// What is asked.
    pub inner: &'a mut dyn Denoise,
    /// The model's levels.
    pub sampling: &'a ModelSampling,
    /// 1 = change, `[batch, everything else]`.
    pub mask: Tensor<2>,
    /// The original, in the model's scale.
    pub original: Tensor<2>,
    /// The noise that the model sees on it.
    pub noise: Tensor<2>,
}

impl Masked<'_> {
    fn choose(&self, changed: Tensor<2>, kept: Tensor<2>) -> Tensor<2> {
        let keep = self.mask.clone().neg().add_scalar(1.0);
        changed * self.mask.clone() + kept * keep
    }

    fn seen(&self, x: &Tensor<2>, sigma: f32) -> Tensor<2> {
        self.choose(x.clone(), self.sampling.noised(&self.original, &self.noise, sigma))
    }
}

impl Denoise for Masked<'_> {
    fn denoise(&mut self, x: &Tensor<2>, sigma: f32) -> Result<Tensor<2>, Stop> {
        let seen = self.seen(x, sigma);
        let denoised = self.inner.denoise(&seen, sigma)?;
        Ok(self.choose(denoised, self.original.clone()))
    }

    fn denoise_both(&mut self, x: &Tensor<2>, sigma: f32) -> Result<Both, Stop> {
        let seen = self.seen(x, sigma);
        let Both { guided, unguided } = self.inner.denoise_both(&seen, sigma)?;
        // The unguided belief only gives a direction and stays as the model said it.
        Ok(Both { guided: self.choose(guided, self.original.clone()), unguided })
    }
}

/// Tells a [`Watch`] how far a run is, with the belief of the moment, and stops the run when asked.
pub struct Watched<'a> {
    inner: &'a mut dyn Denoise,
    watch: &'a dyn Watch,
    sigmas: &'a [f32],
    shape: &'a [usize],
    done: usize,
}

impl<'a> Watched<'a> {
    /// Watches a run over `sigmas` of latents of this shape.
    pub fn new(inner: &'a mut dyn Denoise, watch: &'a dyn Watch, sigmas: &'a [f32], shape: &'a [usize]) -> Self {
        Self { inner, watch, sigmas, shape, done: 0 }
    }

    /// A sampler may ask between levels and twice at one: the steps whose level has been reached are done.
    fn tell(&mut self, sigma: f32, denoised: &Tensor<2>) {
        let total = self.sigmas.len().saturating_sub(1);
        let done = self.sigmas[..total].iter().filter(|it| **it >= sigma).count();
        if done > self.done {
            self.done = done;
            self.watch.progress(done, total, Some(&Samples::with_shape(denoised.clone(), self.shape)));
        }
    }
}

impl Denoise for Watched<'_> {
    fn denoise(&mut self, x: &Tensor<2>, sigma: f32) -> Result<Tensor<2>, Stop> {
        self.watch.check()?;
        let denoised = self.inner.denoise(x, sigma)?;
        self.tell(sigma, &denoised);
        self.watch.check()?;
        Ok(denoised)
    }

    fn denoise_both(&mut self, x: &Tensor<2>, sigma: f32) -> Result<Both, Stop> {
        self.watch.check()?;
        let both = self.inner.denoise_both(x, sigma)?;
        self.tell(sigma, &both.guided);
        self.watch.check()?;
        Ok(both)
    }
}
