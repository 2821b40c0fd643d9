//! Nodes that tell Stable Diffusion XL of the picture beside the prompt.

use crate::loaders::embeddings_state;
use models::conditioning::Sizes;
use models::{Clip, Cond, Conditioning};
use runtime::node::Literals;
use runtime::{Context, Fingerprint, Folders, Node, NodeError, Registry, Run, registry};

/// Every node of this file.
pub(crate) fn nodes() -> Registry {
    registry![CLIPTextEncodeSDXL, CLIPTextEncodeSDXLRefiner]
}

/// The longest side, pixels.
const LONGEST_SIDE: u64 = 16384;

/// Encodes a prompt for each of the two encoders of Stable Diffusion XL, and says what the picture should be like.
#[derive(Node)]
#[node(category = "advanced/conditioning", outputs(CONDITIONING = "The encoded prompt."))]
struct CLIPTextEncodeSDXL {
    /// The text encoders.
    clip: Clip,
    /// Width of the original, pixels: small ones were trained to look coarse.
    #[input(default = 1024, min = 0, max = LONGEST_SIDE)]
    width: u64,
    /// Height of the original, pixels.
    #[input(default = 1024, min = 0, max = LONGEST_SIDE)]
    height: u64,
    /// How many columns were cut off on the left. 0 shows things whole.
    #[input(default = 0, min = 0, max = LONGEST_SIDE)]
    crop_w: u64,
    /// How many rows were cut off at the top.
    #[input(default = 0, min = 0, max = LONGEST_SIDE)]
    crop_h: u64,
    /// Width of what was cut out, pixels: as a rule, that of the picture.
    #[input(default = 1024, min = 0, max = LONGEST_SIDE)]
    target_width: u64,
    /// Height of what was cut out, pixels.
    #[input(default = 1024, min = 0, max = LONGEST_SIDE)]
    target_height: u64,
    /// The prompt for the larger encoder, CLIP-G.
    #[input(multiline, dynamic_prompts)]
    text_g: String,
    /// The prompt for the smaller encoder, CLIP-L: as a rule the same.
    #[input(multiline, dynamic_prompts)]
    text_l: String,
}

impl Run for CLIPTextEncodeSDXL {
    type Output = Conditioning;

    fn run(self, cx: &Context) -> Result<Conditioning, NodeError> {
        let sizes = Sizes {
            original: Some([self.height as f64, self.width as f64]),
            crop: [self.crop_h as f64, self.crop_w as f64],
            target: Some([self.target_height as f64, self.target_width as f64]),
            aesthetic: None,
        };
        told(self.clip.encode_each(&[("clip-l", &self.text_l), ("clip-g", &self.text_g)], cx.engine(), cx)?, sizes)
    }

    fn fingerprint(literals: &Literals, folders: &Folders) -> Result<Fingerprint, NodeError> {
        fingerprint(literals, folders, &["text_g", "text_l"])
    }
}

/// Encodes a prompt for the refiner of Stable Diffusion XL, and says what the picture should be like.
#[derive(Node)]
#[node(category = "advanced/conditioning", outputs(CONDITIONING = "The encoded prompt."))]
struct CLIPTextEncodeSDXLRefiner {
    /// How well the picture should be liked: 6 is good, 2.5 is bad.
    #[input(default = 6.0, min = 0.0, max = 1000.0, step = 0.01)]
    ascore: f64,
    /// Width of the original, pixels.
    #[input(default = 1024, min = 0, max = LONGEST_SIDE)]
    width: u64,
    /// Height of the original, pixels.
    #[input(default = 1024, min = 0, max = LONGEST_SIDE)]
    height: u64,
    /// The prompt.
    #[input(multiline, dynamic_prompts)]
    text: String,
    /// The refiner's text encoder.
    clip: Clip,
}

impl Run for CLIPTextEncodeSDXLRefiner {
    type Output = Conditioning;

    fn run(self, cx: &Context) -> Result<Conditioning, NodeError> {
        let original = Some([self.height as f64, self.width as f64]);
        let sizes = Sizes { original, aesthetic: Some(self.ascore), ..Sizes::default() };
        told(self.clip.encode(&self.text, cx.engine(), cx)?, sizes)
    }

    fn fingerprint(literals: &Literals, folders: &Folders) -> Result<Fingerprint, NodeError> {
        fingerprint(literals, folders, &["text"])
    }
}

fn told(prompts: Conditioning, sizes: Sizes) -> Result<Conditioning, NodeError> {
    Ok(prompts.into_iter().map(|it| Cond { sizes, ..it }).collect())
}

/// A prompt that names embeddings means another one when their files change.
pub(crate) fn fingerprint(literals: &Literals, folders: &Folders, texts: &[&str]) -> Result<Fingerprint, NodeError> {
    let named = |it: &&str| literals.get(*it).and_then(|it| it.as_str()).is_some_and(|it| it.contains("embedding:"));
    match texts.iter().any(named) {
        true => Ok(Fingerprint::Content(embeddings_state(folders).into_bytes())),
        false => Ok(Fingerprint::Inputs),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use runtime::Job;
    use std::path::Path;

    fn clip() -> Clip {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../workflows/models/diffusers/burnish-demo");
        models::Checkpoint::open(&folder).unwrap().clip.unwrap()
    }

    #[test]
    fn what_is_said_of_the_picture_goes_with_the_prompt() {
        let cx = Context::alone(Job::default());
        let node = CLIPTextEncodeSDXL {
            clip: clip(),
            width: 1,
            height: 2,
            crop_w: 3,
            crop_h: 4,
            target_width: 5,
            target_height: 6,
            text_g: String::new(),
            text_l: String::new(),
        };
        let sizes = node.run(&cx).unwrap()[0].sizes;
        let wanted = Sizes { original: Some([2.0, 1.0]), crop: [4.0, 3.0], target: Some([6.0, 5.0]), aesthetic: None };
        assert_eq!(sizes, wanted, "rows before columns");
        let node = CLIPTextEncodeSDXLRefiner { ascore: 7.0, width: 1, height: 2, text: String::new(), clip: clip() };
        let wanted = Sizes { original: Some([2.0, 1.0]), aesthetic: Some(7.0), ..Sizes::default() };
        assert_eq!(node.run(&cx).unwrap()[0].sizes, wanted);
    }
}
