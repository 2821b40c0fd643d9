//! Nodes of models that draw along a rectified flow: FLUX.1 and Stable Diffusion 3.

use crate::sdxl::fingerprint;
use burn::tensor::{Device, Tensor};
use models::{Clip, Cond, Conditioning, Latent, Samples};
use runtime::node::Literals;
use runtime::{Context, Fingerprint, Folders, Node, NodeError, Registry, Run, registry};

/// Every node of this file.
pub(crate) fn nodes() -> Registry {
    registry![FluxGuidance, CLIPTextEncodeFlux, EmptySD3LatentImage]
}

/// The longest side, pixels.
const LONGEST_SIDE: u64 = 16384;
/// Channels of the latents of both.
const CHANNELS: u64 = 16;
/// Numbers that one batch may hold: 4 GiB.
const MOST: u64 = 1 << 30;

/// Says how strongly a model that was taught guidance follows a prompt. FLUX.1 dev is one; it needs no negative prompt.
#[derive(Node)]
#[node(category = "advanced/conditioning/flux", outputs(CONDITIONING = "The same prompts."))]
struct FluxGuidance {
    /// The encoded prompts.
    conditioning: Conditioning,
    /// How strongly they are followed: low values look natural, high ones obey.
    #[input(default = 3.5, min = 0.0, max = 100.0, step = 0.1)]
    guidance: f64,
}

impl Run for FluxGuidance {
    type Output = Conditioning;

    fn run(self, _: &Context) -> Result<Conditioning, NodeError> {
        Ok(guided(self.conditioning, self.guidance))
    }
}

fn guided(prompts: Conditioning, guidance: f64) -> Conditioning {
    prompts.into_iter().map(|it| Cond { guidance: Some(guidance), ..it }).collect()
}

/// Encodes a prompt for each of the two encoders of FLUX.1, and says how strongly it is followed.
#[derive(Node)]
#[node(category = "advanced/conditioning/flux", outputs(CONDITIONING = "The encoded prompt."))]
struct CLIPTextEncodeFlux {
    /// The text encoders, of `DualCLIPLoader` with type `flux`.
    clip: Clip,
    /// The prompt for CLIP-L, of which FLUX.1 sees the gist: a few words.
    #[input(multiline, dynamic_prompts)]
    clip_l: String,
    /// The prompt for T5, of which it sees every word.
    #[input(multiline, dynamic_prompts)]
    t5xxl: String,
    /// How strongly it is followed.
    #[input(default = 3.5, min = 0.0, max = 100.0, step = 0.1)]
    guidance: f64,
}

impl Run for CLIPTextEncodeFlux {
    type Output = Conditioning;

    fn run(self, cx: &Context) -> Result<Conditioning, NodeError> {
        let texts = [("clip-l", self.clip_l.as_str()), ("t5", self.t5xxl.as_str())];
        Ok(guided(self.clip.encode_each(&texts, cx.engine(), cx)?, self.guidance))
    }

    fn fingerprint(literals: &Literals, folders: &Folders) -> Result<Fingerprint, NodeError> {
        fingerprint(literals, folders, &["clip_l", "t5xxl"])
    }
}

/// Makes an empty latent of 16 channels, as Stable Diffusion 3 and FLUX.1 start from.
#[derive(Node)]
#[node(category = "latent/sd3", outputs(LATENT = "The empty latents."))]
struct EmptySD3LatentImage {
    /// Width of the picture, in pixels.
    #[input(default = 1024, min = 16, max = LONGEST_SIDE, step = 16)]
    width: u64,
    /// Height of the picture, in pixels.
    #[input(default = 1024, min = 16, max = LONGEST_SIDE, step = 16)]
    height: u64,
    /// How many pictures.
    #[input(default = 1, min = 1, max = 4096)]
    batch_size: u64,
}

impl Run for EmptySD3LatentImage {
    type Output = Latent;

    fn run(self, _: &Context) -> Result<Latent, NodeError> {
        let (height, width) = (self.height / 8, self.width / 8);
        if self.batch_size * CHANNELS * height * width > MOST {
            let message = format!("{} latents of {width} by {height} cells take more than 4 GiB", self.batch_size);
            return Err(NodeError::input("batch_size", message).hint("make fewer or smaller pictures"));
        }
        let shape = [self.batch_size, CHANNELS, height, width].map(|it| it as usize);
        Ok(Latent::new(Samples::new(Tensor::<4>::zeros(shape, &Device::flex()))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use runtime::Job;

    #[test]
    fn guidance_goes_with_every_prompt() {
        let cond = Cond::new(Tensor::zeros([1, 1, 1], &Device::flex()), None);
        let node = FluxGuidance { conditioning: vec![cond.clone(), cond], guidance: 2.0 };
        let found = node.run(&Context::alone(Job::default())).unwrap();
        assert_eq!(found.iter().map(|it| it.guidance).collect::<Vec<_>>(), [Some(2.0); 2]);
    }

    #[test]
    fn empty_latents_have_sixteen_channels_and_a_bound() {
        let cx = Context::alone(Job::default());
        let latent = EmptySD3LatentImage { width: 64, height: 32, batch_size: 2 }.run(&cx).unwrap();
        assert_eq!(latent.samples.shape(), [2, 16, 4, 8]);
        assert!(EmptySD3LatentImage { width: 16384, height: 16384, batch_size: 4096 }.run(&cx).is_err());
    }
}
