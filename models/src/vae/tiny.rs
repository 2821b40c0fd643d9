//! The tiny autoencoder (TAESD): a distilled stand-in without normalisation or attention, for the latents that a model sees.
//!
//! Reference: madebyollin/taesd `taesd.py`; the canonical names are those of diffusers `AutoencoderTiny`. Its layers are a sequence
//! that the tensors spell out: a convolution without bias is one that halves (encoder) or follows a doubling (decoder).

use super::{Architecture, Autoencoder, Sizes};
use crate::blocks::Conv2d;
use crate::settings::Settings;
use crate::weights::{Layout, Rule, rename_sized};
use crate::{LoadError, Stop, Watch, Weights};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};
use kernels::Conv2dOptions;
use serde_json::json;
use std::collections::BTreeSet;

/// Tiny autoencoders of any width and depth.
pub(super) const TINY: Architecture = Architecture {
    name: "tiny",
    layouts: &[&TAESD, &COMBINED_TAESD],
    detect: |weights| weights.has("encoder.layers.0.weight") && weights.has("decoder.layers.0.weight"),
    sizes,
    default_scale: 1.0,
    build: |weights, device| Ok(Box::new(AutoencoderTiny::new(weights, device)?)),
};

/// The names of the original, whose decoder counts its clamp as layer 0, with the prefixes under which ComfyUI joins its two files.
pub(crate) const TAESD: Layout = Layout {
    name: "TAESD",
    marker: "taesd_decoder.1.weight",
    rules: &[],
    sized: Some(|weights| taesd(weights, "taesd_encoder", "taesd_decoder")),
};

/// The names of the original in one file.
const COMBINED_TAESD: Layout = Layout {
    name: "combined TAESD",
    marker: "decoder.1.weight",
    rules: &[],
    sized: Some(|weights| taesd(weights, "encoder", "decoder")),
};

fn taesd(weights: &Weights, encoder: &str, decoder: &str) -> Vec<Rule> {
    let mut encoding = indices(&weights.at(encoder));
    encoding.extend(indices(&weights.at("encoder.layers")));
    let encoding = encoding.into_iter().map(|it| (format!("{encoder}.{it}"), format!("encoder.layers.{it}")));
    let mut decoding: BTreeSet<usize> = indices(&weights.at(decoder)).into_iter().filter(|it| *it > 0).collect();
    decoding.extend(indices(&weights.at("decoder.layers")).into_iter().map(|it| it.saturating_add(1)));
    let decoding = decoding.into_iter().map(|it| (format!("{decoder}.{it}"), format!("decoder.layers.{}", it - 1)));
    encoding.chain(decoding).map(|(from, to)| rename_sized(from, to)).collect()
}

fn sizes(weights: &Weights) -> Result<Sizes, LoadError> {
    let [_, channels] = weights.sizes("decoder.layers.0.weight")?;
    let layers = weights.at("decoder.layers");
    let doublings = indices(&layers)
        .into_iter()
        .filter(|it| layers.has(&format!("{it}.weight")) && !layers.has(&format!("{it}.bias")))
        .count();
    if doublings > MOST_HALVINGS {
        let reason = format!("the autoencoder halves its pictures {doublings} times, at most {MOST_HALVINGS} are supported");
        return Err(LoadError::Config { source_name: weights.source().to_owned(), reason });
    }
    Ok(Sizes { channels, downscale: 1 << doublings })
}

/// A cell of 65,536 pixels each way is beyond any picture.
const MOST_HALVINGS: usize = 16;

/// The places of a sequence that have tensors, in order. Activations and doublings have none.
fn indices(layers: &Weights) -> BTreeSet<usize> {
    layers.names().filter_map(|it| it.split('.').next()?.parse().ok()).collect()
}

/// The network.
struct AutoencoderTiny {
    encoder: Vec<Layer>,
    decoder: Vec<Layer>,
}

impl AutoencoderTiny {
    fn new(weights: &Weights, device: &Device) -> Result<Self, LoadError> {
        let sizes = sizes(weights)?;
        if let Some(settings) = Settings::beside(weights)? {
            settings.only("_class_name", &[json!("AutoencoderTiny")])?;
            settings.only("act_fn", &[json!("relu")])?;
            settings.only("upsample_fn", &[json!("nearest")])?;
            settings.only("upsampling_scaling_factor", &[json!(2)])?;
            settings.only("in_channels", &[json!(3)])?;
            settings.only("out_channels", &[json!(3)])?;
            settings.agree("latent_channels", sizes.channels)?;
            settings.nothing_but(&[
                "act_fn",
                "block_out_channels",
                "decoder_block_out_channels",
                "encoder_block_out_channels",
                "in_channels",
                "latent_channels",
                "latent_magnitude",
                "latent_shift",
                "num_decoder_blocks",
                "num_encoder_blocks",
                "out_channels",
                "scaling_factor",
                "shift_factor",
                "upsample_fn",
                "upsampling_scaling_factor",
            ])?;
        }
        let encoder = sequence(&weights.at("encoder.layers"), Side::Encoder, [3, sizes.channels], device)?;
        let decoder = sequence(&weights.at("decoder.layers"), Side::Decoder, [sizes.channels, 3], device)?;
        let halvings = encoder.iter().filter(|it| matches!(it, Layer::Conv(_))).count().saturating_sub(2);
        if 1 << halvings.min(MOST_HALVINGS) != sizes.downscale {
            let reason = format!("the decoder enlarges latents {} times, the encoder halves {halvings} times", sizes.downscale);
            return Err(LoadError::Config { source_name: weights.source().to_owned(), reason });
        }
        weights.finish(|it| it == super::SCALE || it == super::SHIFT)?;
        Ok(Self { encoder, decoder })
    }
}

impl Autoencoder for AutoencoderTiny {
    fn encode(&self, pictures: Tensor<4>, watch: &dyn Watch) -> Result<Tensor<4>, Stop> {
        run(&self.encoder, (pictures + 1.0) / 2.0, watch)
    }

    fn decode(&self, latents: Tensor<4>, watch: &dyn Watch) -> Result<Tensor<4>, Stop> {
        // Values beyond 3 hardly occur; larger ones are bent back instead of cut.
        let latents = (latents / 3.0).tanh() * 3.0;
        Ok(run(&self.decoder, latents, watch)? * 2.0 - 1.0)
    }
}

fn run(layers: &[Layer], mut x: Tensor<4>, watch: &dyn Watch) -> Result<Tensor<4>, Stop> {
    for layer in layers {
        watch.check()?;
        x = match layer {
            Layer::Conv(conv) => conv.forward(x),
            Layer::Relu => relu(x),
            Layer::Double => kernels::upsample_nearest_2x(x),
            Layer::Block(block) => block.forward(x),
        };
    }
    Ok(x)
}

enum Layer {
    Conv(Box<Conv2d>),
    Relu,
    Double,
    Block(Box<Block>),
}

#[derive(Clone, Copy, PartialEq)]
enum Side {
    Encoder,
    Decoder,
}

/// Draws a sequence that takes and makes this many channels.
fn sequence(weights: &Weights, side: Side, [inputs, outputs]: [usize; 2], device: &Device) -> Result<Vec<Layer>, LoadError> {
    let mut layers = Vec::new();
    let mut channels = inputs;
    for index in indices(weights) {
        let layer = weights.at(index);
        let resampling = layer.has("weight") && !layer.has("bias");
        let doubling = resampling && side == Side::Decoder;
        if layers.len() + usize::from(doubling) != index {
            return Err(weights.missing(&format!("{}.conv.0.weight", layers.len())));
        }
        if doubling {
            layers.push(Layer::Double);
        }
        if !layer.has("weight") {
            layers.push(Layer::Block(Box::new(Block::new(&layer.at("conv"), channels, device)?)));
            continue;
        }
        let [next, _] = layer.sizes("weight")?;
        let stride = if resampling && side == Side::Encoder { 2 } else { 1 };
        let options = Conv2dOptions { stride: [stride; 2], padding: [1; 4], dilation: [1, 1], groups: 1 };
        layers.push(Layer::Conv(Box::new(Conv2d::with(&layer, channels, next, 3, options, device)?)));
        if index == 0 && side == Side::Decoder {
            layers.push(Layer::Relu);
        }
        channels = next;
    }
    if channels != outputs {
        let reason = format!("`{}` ends with {channels} channels instead of {outputs}", weights.full(""));
        return Err(LoadError::Config { source_name: weights.source().to_owned(), reason });
    }
    Ok(layers)
}

/// Three convolutions and a shortcut around them.
struct Block {
    conv: [Conv2d; 3],
}

impl Block {
    fn new(weights: &Weights, channels: usize, device: &Device) -> Result<Self, LoadError> {
        let conv = |index: usize| Conv2d::new(&weights.at(index), channels, channels, 3, device);
        Ok(Self { conv: [conv(0)?, conv(2)?, conv(4)?] })
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let [first, second, third] = &self.conv;
        relu(third.forward(relu(second.forward(relu(first.forward(x.clone()))))) + x)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Unwatched;
    use crate::golden::{Golden, Names, Stored, assert_close};

    #[track_caller]
    fn agrees(golden: &Golden, weights: &Weights) {
        let weights = weights.canonical(TINY.layouts).unwrap();
        assert!((TINY.detect)(&weights));
        let vae = AutoencoderTiny::new(&weights, &Device::flex()).unwrap();
        assert_close(&vae.encode(golden.tensor("pictures"), &Unwatched).unwrap(), &golden.tensor("encoded"), 1e-4);
        assert_close(&vae.decode(golden.tensor("latents"), &Unwatched).unwrap(), &golden.tensor("decoded"), 1e-4);
    }

    #[test]
    fn all_three_namings_compute_what_diffusers_does() {
        let golden = Golden::open("sd15", "tiny");
        for names in [Names::Diffusers, Names::Original] {
            agrees(&golden, &golden.write(names).1);
        }
        let combined = |all: &mut Vec<Stored>| {
            for tensor in all {
                tensor.0 = tensor.0.replace("taesd_", "");
            }
        };
        agrees(&golden, &golden.write_changed(Names::Original, combined).1);
    }

    #[test]
    fn a_lost_layer_is_an_error() {
        let golden = Golden::open("sd15", "tiny");
        for lost in [
            "encoder.layers.2.weight",
            "encoder.layers.3.conv.2.weight",
            "decoder.layers.15.weight",
            "decoder.layers.13.weight",
            "decoder.layers.0.bias",
        ] {
            let (_folder, weights) = golden.write_changed(Names::Diffusers, |all| all.retain(|it| it.0 != lost));
            assert!(AutoencoderTiny::new(&weights, &Device::flex()).is_err(), "{lost}");
        }
        let (_folder, weights) =
            golden.write_changed(Names::Diffusers, |all| all.retain(|it| !it.0.starts_with("decoder.layers.7.")));
        let error = AutoencoderTiny::new(&weights, &Device::flex()).err().unwrap();
        assert!(error.to_string().contains("decoder.layers.7.conv.0.weight"), "{error}");
    }
}
