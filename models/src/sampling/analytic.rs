//! A model that is a formula: the best denoiser of a normal distribution, whose paths are known exactly.
//!
//! What a sampler makes of it can be compared with the truth, without weights and without another implementation.

use super::denoise::{Both, Denoise};
use crate::Stop;
use burn::tensor::Tensor;

/// Clean latents of this mean and standard deviation, noised.
#[derive(Clone, Copy, Debug)]
pub struct Normal {
    /// Their mean.
    pub mean: f32,
    /// Their standard deviation.
    pub spread: f32,
    /// Whether noise replaces the picture, `(1-σ) clean + σ noise`, rather than being added to it.
    pub flow: bool,
}

impl Normal {
    /// How much of the clean latent is left at a level.
    pub fn alpha(&self, sigma: f32) -> f32 {
        if self.flow { 1.0 - sigma } else { 1.0 }
    }

    /// The variance of the noisy latents at a level.
    pub fn variance(&self, sigma: f32) -> f32 {
        let signal = self.alpha(sigma) * self.spread;
        signal * signal + sigma * sigma
    }

    /// Where the noise-free path from a value at one level is at another.
    pub fn path(&self, x: f32, from: f32, to: f32) -> f32 {
        let scale = (self.variance(to) / self.variance(from)).sqrt();
        self.alpha(to) * self.mean + (x - self.alpha(from) * self.mean) * scale
    }
}

impl Denoise for Normal {
    fn denoise(&mut self, x: &Tensor<2>, sigma: f32) -> Result<Tensor<2>, Stop> {
        let alpha = self.alpha(sigma);
        let gain = alpha * self.spread * self.spread / self.variance(sigma);
        Ok(x.clone().sub_scalar(alpha * self.mean).mul_scalar(gain).add_scalar(self.mean))
    }

    fn denoise_both(&mut self, x: &Tensor<2>, sigma: f32) -> Result<Both, Stop> {
        let guided = self.denoise(x, sigma)?;
        Ok(Both { unguided: guided.clone(), guided })
    }
}
