//! The one question that a sampler asks, and what can be laid around the answer.

use super::levels::ModelSampling;
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
    /// Whether a soft mask becomes a hard one that lets go of more and more.
    pub letting_go: Option<LettingGo>,
    /// The original, in the model's scale.
    pub original: Tensor<2>,
    /// The noise that the model sees on it.
    pub noise: Tensor<2>,
}

/// Differential diffusion: a cell is changed from the level on that its mask stands for.
#[derive(Clone, Copy, Debug)]
pub struct LettingGo {
    strength: f32,
    /// Timesteps at the start and the end.
    start: f32,
    end: f32,
}

impl LettingGo {
    /// For a run over these levels. `strength` below 1 mixes the hard mask with the soft one; 0 means 1.
    pub fn new(strength: f64, sigmas: &[f32], sampling: &ModelSampling) -> Self {
        let last = sigmas[sigmas.len() - 1].max(sampling.sigma_min());
        Self { strength: strength as f32, start: sampling.timestep(sigmas[0]), end: sampling.timestep(last) }
    }

    fn mask(&self, soft: &Tensor<2>, time: f32) -> Tensor<2> {
        let threshold = (time - self.end) / (self.start - self.end);
        let hard = soft.clone().greater_equal_elem(threshold).float();
        if self.strength == 0.0 || self.strength >= 1.0 {
            return hard;
        }
        hard.mul_scalar(self.strength) + soft.clone().mul_scalar(1.0 - self.strength)
    }
}

impl Masked<'_> {
    fn mask(&self, sigma: f32) -> Tensor<2> {
        self.letting_go.map_or_else(|| self.mask.clone(), |it| it.mask(&self.mask, self.sampling.timestep(sigma)))
    }

    fn choose(&self, mask: &Tensor<2>, changed: Tensor<2>, kept: Tensor<2>) -> Tensor<2> {
        let keep = mask.clone().neg().add_scalar(1.0);
        changed * mask.clone() + kept * keep
    }

    fn seen(&self, mask: &Tensor<2>, x: &Tensor<2>, sigma: f32) -> Tensor<2> {
        self.choose(mask, x.clone(), self.sampling.noised(&self.original, &self.noise, sigma))
    }
}

impl Denoise for Masked<'_> {
    fn denoise(&mut self, x: &Tensor<2>, sigma: f32) -> Result<Tensor<2>, Stop> {
        let mask = self.mask(sigma);
        let denoised = self.inner.denoise(&self.seen(&mask, x, sigma), sigma)?;
        Ok(self.choose(&mask, denoised, self.original.clone()))
    }

    fn denoise_both(&mut self, x: &Tensor<2>, sigma: f32) -> Result<Both, Stop> {
        let mask = self.mask(sigma);
        let Both { guided, unguided } = self.inner.denoise_both(&self.seen(&mask, x, sigma), sigma)?;
        // The unguided belief only gives a direction and stays as the model said it.
        Ok(Both { guided: self.choose(&mask, guided, self.original.clone()), unguided })
    }
}

/// Tells a [`Watch`] how far a run is, with the belief of the moment, and stops the run when asked.
pub struct Watched<'a> {
    inner: &'a mut dyn Denoise,
    watch: &'a dyn Watch,
    sigmas: &'a [f32],
    shape: &'a [usize],
    done: usize,
    /// What was believed last at a level that a step begins at, or above.
    belief: Option<Tensor<2>>,
}

impl<'a> Watched<'a> {
    /// Watches a run over `sigmas` of latents of this shape.
    pub fn new(inner: &'a mut dyn Denoise, watch: &'a dyn Watch, sigmas: &'a [f32], shape: &'a [usize]) -> Self {
        Self { inner, watch, sigmas, shape, done: 0, belief: None }
    }

    /// A sampler may ask between levels and twice at one: the steps whose level has been reached are done.
    fn tell(&mut self, sigma: f32, denoised: &Tensor<2>) {
        let total = self.sigmas.len().saturating_sub(1);
        let rising = self.sigmas[0] < self.sigmas[total];
        let reached = |level: f32| if rising { level <= sigma } else { level >= sigma };
        let done = self.sigmas[..total].iter().filter(|it| reached(**it)).count();
        if done < total || self.sigmas[total - 1] == sigma {
            self.belief = Some(denoised.clone());
        }
        if done > self.done {
            self.done = done;
            self.watch.progress(done, total, Some(&Samples::with_shape(denoised.clone(), self.shape)));
        }
    }

    /// Ends the run: the belief of its last step. Samplers that raise levels or choose their own may not have come to all of them.
    pub fn finish(self) -> Option<Tensor<2>> {
        let total = self.sigmas.len().saturating_sub(1);
        if self.done < total {
            let belief = self.belief.clone().map(|it| Samples::with_shape(it, self.shape));
            self.watch.progress(total, total, belief.as_ref());
        }
        self.belief
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
