//! No autoencoder: the latents are the pictures themselves, for networks that work on pixels.

use super::{Architecture, Autoencoder, Sizes};
use crate::{Stop, Watch};
use burn::tensor::Tensor;

/// The tensor by which ComfyUI marks it.
pub(super) const MARK: &str = "pixel_space_vae";

/// Pictures as latents.
pub(super) const PIXELS: Architecture = Architecture {
    name: "pixel_space",
    layouts: &[],
    detect: |weights| weights.has(MARK),
    sizes: |_| Ok(Sizes { channels: 3, downscale: 1 }),
    default_scale: 1.0,
    build: |_, _| Ok(Box::new(Nothing)),
};

struct Nothing;

impl Autoencoder for Nothing {
    fn encode(&self, pictures: Tensor<4>, watch: &dyn Watch) -> Result<Tensor<4>, Stop> {
        watch.check()?;
        Ok(pictures)
    }

    fn decode(&self, latents: Tensor<4>, watch: &dyn Watch) -> Result<Tensor<4>, Stop> {
        watch.check()?;
        Ok(latents)
    }
}
