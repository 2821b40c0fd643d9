//! The autoencoder of latent diffusion (Rombach et al. 2022): convolutions, and attention at the coarsest resolution.
//!
//! Reference: CompVis/stable-diffusion `ldm/modules/diffusionmodules/model.py` and `ldm/models/autoencoder.py`, whose tensor names
//! are the canonical ones. Only the number of normalisation groups leaves no trace in the tensors.

use super::{Architecture, Autoencoder, Sizes};
use crate::blocks::{Conv2d, GroupNorm, Linear};
use crate::settings::Settings;
use crate::weights::{Layout, rename, rename_sized};
use crate::{LoadError, Stop, Watch, Weights};
use burn::tensor::{Device, Tensor};
use kernels::{AttentionOptions, Conv2dOptions};
use serde_json::json;

/// The autoencoders of Stable Diffusion and of what came after it, at any width and depth, with or without the two 1x1 convolutions
/// around the latent.
pub(super) const KL: Architecture = Architecture {
    name: "kl",
    layouts: &[&DIFFUSERS],
    detect: |weights| weights.has("decoder.conv_in.weight") && weights.has("decoder.up.0.block.0.norm1.weight"),
    sizes,
    default_scale: 0.18215,
    build: |weights, device| Ok(Box::new(AutoencoderKl::new(weights, device)?)),
};

/// The names of diffusers `AutoencoderKL`, old and new. Its decoder counts resolutions from the coarsest, the original from the
/// finest; its attention projects with linear layers, which are the same as 1x1 convolutions.
const DIFFUSERS: Layout = Layout {
    name: "diffusers",
    marker: "{}.mid_block.resnets.0.norm1",
    rules: &[
        rename("encoder.down_blocks.{}.resnets.{}", "encoder.down.{}.block.{}"),
        rename("encoder.down_blocks.{}.resnets.{}.conv_shortcut", "encoder.down.{}.block.{}.nin_shortcut"),
        rename("encoder.down_blocks.{}.downsamplers.0.conv", "encoder.down.{}.downsample.conv"),
        rename("{}.mid_block.resnets.0", "{}.mid.block_1"),
        rename("{}.mid_block.resnets.1", "{}.mid.block_2"),
        rename("{}.mid_block.attentions.0.group_norm", "{}.mid.attn_1.norm"),
        rename("{}.mid_block.attentions.0.to_q", "{}.mid.attn_1.q"),
        rename("{}.mid_block.attentions.0.to_k", "{}.mid.attn_1.k"),
        rename("{}.mid_block.attentions.0.to_v", "{}.mid.attn_1.v"),
        rename("{}.mid_block.attentions.0.to_out.0", "{}.mid.attn_1.proj_out"),
        rename("{}.mid_block.attentions.0.query", "{}.mid.attn_1.q"),
        rename("{}.mid_block.attentions.0.key", "{}.mid.attn_1.k"),
        rename("{}.mid_block.attentions.0.value", "{}.mid.attn_1.v"),
        rename("{}.mid_block.attentions.0.proj_attn", "{}.mid.attn_1.proj_out"),
        rename("{}.conv_norm_out", "{}.norm_out"),
    ],
    sized: Some(|weights| {
        let levels = weights.count("decoder.up_blocks");
        let level = |index: usize| {
            let (from, to) = (format!("decoder.up_blocks.{index}"), format!("decoder.up.{}", levels - 1 - index));
            [
                rename_sized(format!("{from}.resnets.{{}}"), format!("{to}.block.{{}}")),
                rename_sized(format!("{from}.resnets.{{}}.conv_shortcut"), format!("{to}.block.{{}}.nin_shortcut")),
                rename_sized(format!("{from}.upsamplers.0.conv"), format!("{to}.upsample.conv")),
            ]
        };
        (0..levels).flat_map(level).collect()
    }),
};

fn sizes(weights: &Weights) -> Result<Sizes, LoadError> {
    let [_, inner] = weights.sizes("decoder.conv_in.weight")?;
    let channels = if weights.has("post_quant_conv.weight") { weights.sizes("post_quant_conv.weight")?[1] } else { inner };
    let levels = (0..weights.count("decoder.up")).filter(|it| weights.has(&format!("decoder.up.{it}.upsample.conv.weight")));
    let halvings = levels.count();
    if halvings > MOST_HALVINGS {
        let reason = format!("the autoencoder halves its pictures {halvings} times, at most {MOST_HALVINGS} are supported");
        return Err(LoadError::Config { source_name: weights.source().to_owned(), reason });
    }
    Ok(Sizes { channels, downscale: 1 << halvings })
}

/// A cell of 65,536 pixels each way is beyond any picture.
const MOST_HALVINGS: usize = 16;

/// The groups of all normalisations, 32 where no `config.json` says otherwise.
fn groups(weights: &Weights, sizes: Sizes) -> Result<usize, LoadError> {
    let Some(settings) = Settings::beside(weights)? else { return Ok(32) };
    settings.only("_class_name", &[json!("AutoencoderKL")])?;
    settings.only("act_fn", &[json!("silu"), json!("swish")])?;
    settings.only("down_block_types", &[json!("DownEncoderBlock2D")])?;
    settings.only("up_block_types", &[json!("UpDecoderBlock2D")])?;
    settings.only("in_channels", &[json!(3)])?;
    settings.only("out_channels", &[json!(3)])?;
    settings.agree("latent_channels", sizes.channels)?;
    settings.nothing_but(&[
        "act_fn",
        "block_out_channels",
        "down_block_types",
        "force_upcast",
        "in_channels",
        "latent_channels",
        "layers_per_block",
        "mid_block_add_attention",
        "norm_num_groups",
        "out_channels",
        "sample_size",
        "scaling_factor",
        "shift_factor",
        "up_block_types",
        "use_post_quant_conv",
        "use_quant_conv",
    ])?;
    settings.count("norm_num_groups", 32)
}

/// The network.
struct AutoencoderKl {
    encoder: Encoder,
    quant_conv: Option<Conv2d>,
    post_quant_conv: Option<Conv2d>,
    decoder: Decoder,
    channels: usize,
}

impl AutoencoderKl {
    fn new(weights: &Weights, device: &Device) -> Result<Self, LoadError> {
        let sizes = sizes(weights)?;
        let groups = groups(weights, sizes)?;
        let [_, inner] = weights.sizes("decoder.conv_in.weight")?;
        let pointwise = |name, inputs, outputs| match weights.has(&format!("{name}.weight")) {
            true => Conv2d::new(&weights.at(name), inputs, outputs, 1, device).map(Some),
            false => Ok(None),
        };
        let channels = sizes.channels;
        let this = Self {
            encoder: Encoder::new(&weights.at("encoder"), 2 * inner, groups, device)?,
            quant_conv: pointwise("quant_conv", 2 * inner, 2 * channels)?,
            post_quant_conv: pointwise("post_quant_conv", channels, inner)?,
            decoder: Decoder::new(&weights.at("decoder"), inner, groups, device)?,
            channels,
        };
        if this.encoder.halvings() != this.decoder.doublings() {
            let (halvings, doublings) = (this.encoder.halvings(), this.decoder.doublings());
            let reason = format!("the encoder halves pictures {halvings} times, the decoder doubles them {doublings} times");
            return Err(LoadError::Config { source_name: weights.source().to_owned(), reason });
        }
        // Some files keep what training needed.
        weights.finish(|name| name.starts_with("loss.") || name.starts_with("model_ema."))?;
        Ok(this)
    }
}

impl Autoencoder for AutoencoderKl {
    fn encode(&self, pictures: Tensor<4>, watch: &dyn Watch) -> Result<Tensor<4>, Stop> {
        let x = self.encoder.forward(pictures, watch)?;
        let x = self.quant_conv.as_ref().map_or_else(|| x.clone(), |it| it.forward(x.clone()));
        // The other half is the logarithm of the variance.
        Ok(x.narrow(1, 0, self.channels))
    }

    fn decode(&self, latents: Tensor<4>, watch: &dyn Watch) -> Result<Tensor<4>, Stop> {
        let x = self.post_quant_conv.as_ref().map_or_else(|| latents.clone(), |it| it.forward(latents.clone()));
        self.decoder.forward(x, watch)
    }
}

struct Encoder {
    conv_in: Conv2d,
    down: Vec<Level>,
    mid: Middle,
    norm_out: GroupNorm,
    conv_out: Conv2d,
}

impl Encoder {
    fn new(weights: &Weights, outputs: usize, groups: usize, device: &Device) -> Result<Self, LoadError> {
        let [mut channels, _] = weights.sizes("conv_in.weight")?;
        let conv_in = Conv2d::new(&weights.at("conv_in"), 3, channels, 3, device)?;
        let halving = Conv2dOptions { stride: [2, 2], padding: [0, 0, 1, 1], dilation: [1, 1], groups: 1 };
        let mut down = Vec::new();
        for index in 0..weights.count("down") {
            down.push(Level::new(&weights.at("down").at(index), &mut channels, groups, "downsample", &halving, device)?);
        }
        Ok(Self {
            conv_in,
            down,
            mid: Middle::new(&weights.at("mid"), channels, groups, device)?,
            norm_out: GroupNorm::new(&weights.at("norm_out"), groups, channels, EPS, device)?,
            conv_out: Conv2d::new(&weights.at("conv_out"), channels, outputs, 3, device)?,
        })
    }

    fn halvings(&self) -> usize {
        self.down.iter().filter(|it| it.resample.is_some()).count()
    }

    fn forward(&self, x: Tensor<4>, watch: &dyn Watch) -> Result<Tensor<4>, Stop> {
        let mut x = self.conv_in.forward(x);
        for level in &self.down {
            x = level.blocks(x, watch)?;
            if let Some(conv) = &level.resample {
                x = conv.forward(x);
            }
        }
        let x = self.mid.forward(x, watch)?;
        Ok(self.conv_out.forward(self.norm_out.forward_silu(x)))
    }
}

struct Decoder {
    conv_in: Conv2d,
    mid: Middle,
    /// Finest first, as in the file; they run from the last to the first.
    up: Vec<Level>,
    norm_out: GroupNorm,
    conv_out: Conv2d,
}

impl Decoder {
    fn new(weights: &Weights, inputs: usize, groups: usize, device: &Device) -> Result<Self, LoadError> {
        let [mut channels, _] = weights.sizes("conv_in.weight")?;
        let conv_in = Conv2d::new(&weights.at("conv_in"), inputs, channels, 3, device)?;
        let mid = Middle::new(&weights.at("mid"), channels, groups, device)?;
        let same = Conv2dOptions { stride: [1, 1], padding: [1; 4], dilation: [1, 1], groups: 1 };
        let mut up = Vec::new();
        for index in (0..weights.count("up")).rev() {
            up.push(Level::new(&weights.at("up").at(index), &mut channels, groups, "upsample", &same, device)?);
        }
        up.reverse();
        let norm_out = GroupNorm::new(&weights.at("norm_out"), groups, channels, EPS, device)?;
        Ok(Self { conv_in, mid, up, norm_out, conv_out: Conv2d::new(&weights.at("conv_out"), channels, 3, 3, device)? })
    }

    fn doublings(&self) -> usize {
        self.up.iter().filter(|it| it.resample.is_some()).count()
    }

    fn forward(&self, x: Tensor<4>, watch: &dyn Watch) -> Result<Tensor<4>, Stop> {
        let mut x = self.mid.forward(self.conv_in.forward(x), watch)?;
        for level in self.up.iter().rev() {
            x = level.blocks(x, watch)?;
            if let Some(conv) = &level.resample {
                watch.check()?;
                x = conv.forward(kernels::upsample_nearest_2x(x));
            }
        }
        Ok(self.conv_out.forward(self.norm_out.forward_silu(x)))
    }
}

/// Of every normalisation here.
const EPS: f64 = 1e-6;

/// Residual blocks at one resolution, and the convolution that leads to the next.
struct Level {
    block: Vec<ResBlock>,
    resample: Option<Conv2d>,
}

impl Level {
    fn new(
        weights: &Weights,
        channels: &mut usize,
        groups: usize,
        resample: &str,
        options: &Conv2dOptions,
        device: &Device,
    ) -> Result<Self, LoadError> {
        let mut block = Vec::new();
        for index in 0..weights.count("block").max(1) {
            let weights = weights.at("block").at(index);
            let [outputs, _] = weights.sizes("conv1.weight")?;
            block.push(ResBlock::new(&weights, *channels, outputs, groups, device)?);
            *channels = outputs;
        }
        let weights = weights.at(resample).at("conv");
        let conv = || Conv2d::with(&weights, *channels, *channels, 3, options.clone(), device);
        Ok(Self { block, resample: if weights.has("weight") { Some(conv()?) } else { None } })
    }

    fn blocks(&self, mut x: Tensor<4>, watch: &dyn Watch) -> Result<Tensor<4>, Stop> {
        for block in &self.block {
            watch.check()?;
            x = block.forward(x);
        }
        Ok(x)
    }
}

/// Two residual blocks, between them attention where the file has it.
struct Middle {
    block_1: ResBlock,
    attn_1: Option<Attention>,
    block_2: ResBlock,
}

impl Middle {
    fn new(weights: &Weights, channels: usize, groups: usize, device: &Device) -> Result<Self, LoadError> {
        let attention = || Attention::new(&weights.at("attn_1"), channels, groups, device);
        Ok(Self {
            block_1: ResBlock::new(&weights.at("block_1"), channels, channels, groups, device)?,
            attn_1: if weights.has("attn_1.norm.weight") { Some(attention()?) } else { None },
            block_2: ResBlock::new(&weights.at("block_2"), channels, channels, groups, device)?,
        })
    }

    fn forward(&self, x: Tensor<4>, watch: &dyn Watch) -> Result<Tensor<4>, Stop> {
        let mut x = self.block_1.forward(x);
        if let Some(attention) = &self.attn_1 {
            watch.check()?;
            x = attention.forward(x);
        }
        watch.check()?;
        Ok(self.block_2.forward(x))
    }
}

/// Two convolutions, and a shortcut around them.
struct ResBlock {
    norm1: GroupNorm,
    conv1: Conv2d,
    norm2: GroupNorm,
    conv2: Conv2d,
    nin_shortcut: Option<Conv2d>,
}

impl ResBlock {
    fn new(weights: &Weights, inputs: usize, outputs: usize, groups: usize, device: &Device) -> Result<Self, LoadError> {
        let shortcut = || Conv2d::new(&weights.at("nin_shortcut"), inputs, outputs, 1, device);
        Ok(Self {
            norm1: GroupNorm::new(&weights.at("norm1"), groups, inputs, EPS, device)?,
            conv1: Conv2d::new(&weights.at("conv1"), inputs, outputs, 3, device)?,
            norm2: GroupNorm::new(&weights.at("norm2"), groups, outputs, EPS, device)?,
            conv2: Conv2d::new(&weights.at("conv2"), outputs, outputs, 3, device)?,
            nin_shortcut: if inputs == outputs { None } else { Some(shortcut()?) },
        })
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let h = self.conv1.forward(self.norm1.forward_silu(x.clone()));
        let h = self.conv2.forward(self.norm2.forward_silu(h));
        match &self.nin_shortcut {
            Some(conv) => conv.forward(x) + h,
            None => x + h,
        }
    }
}

/// Attention of all cells to all cells, with one head.
struct Attention {
    norm: GroupNorm,
    q: Linear,
    k: Linear,
    v: Linear,
    proj_out: Linear,
}

impl Attention {
    fn new(weights: &Weights, channels: usize, groups: usize, device: &Device) -> Result<Self, LoadError> {
        let project = |name| Linear::new(&weights.at(name), channels, channels, device);
        Ok(Self {
            norm: GroupNorm::new(&weights.at("norm"), groups, channels, EPS, device)?,
            q: project("q")?,
            k: project("k")?,
            v: project("v")?,
            proj_out: project("proj_out")?,
        })
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let [b, c, h, w] = x.dims();
        let cells = self.norm.forward(x.clone()).reshape([b, c, h * w]).swap_dims(1, 2);
        let (q, k, v) = (self.q.forward(cells.clone()), self.k.forward(cells.clone()), self.v.forward(cells));
        let seen = kernels::attention_heads(q, k, v, 1, None, AttentionOptions::default());
        x + self.proj_out.forward(seen).swap_dims(1, 2).reshape([b, c, h, w])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Unwatched;
    use crate::golden::{Golden, Names, assert_close};

    #[track_caller]
    fn agrees(case: &'static str, names: Names) {
        let golden = Golden::open("sd15", case);
        let (_folder, weights) = golden.write(names);
        let weights = weights.canonical(KL.layouts).unwrap();
        assert!((KL.detect)(&weights));
        let vae = AutoencoderKl::new(&weights, &Device::flex()).unwrap();
        assert_close(&vae.encode(golden.tensor("pictures"), &Unwatched).unwrap(), &golden.tensor("encoded"), 1e-4);
        assert_close(&vae.decode(golden.tensor("latents"), &Unwatched).unwrap(), &golden.tensor("decoded"), 1e-4);
    }

    #[test]
    fn original_names_compute_what_diffusers_does() {
        agrees("kl", Names::Original);
    }

    #[test]
    fn diffusers_names_old_and_new_compute_what_diffusers_does() {
        agrees("kl", Names::Diffusers);
        agrees("kl", Names::OldDiffusers);
    }

    #[test]
    fn attention_and_the_convolutions_around_the_latent_may_be_absent() {
        agrees("kl_bare", Names::Diffusers);
    }

    #[test]
    fn a_setting_that_is_not_supported_is_named() {
        let golden = Golden::open("sd15", "kl");
        for (name, value) in [
            ("act_fn", json!("relu")),
            ("latent_channels", json!(16)),
            ("norm_num_groups", json!(5)),
            ("latents_mean", json!([0.0])),
            ("up_block_types", json!(["AttnUpDecoderBlock2D", "UpDecoderBlock2D"])),
        ] {
            let (_folder, weights) = golden.write_set(&[(name, value.clone())]);
            let weights = weights.canonical(KL.layouts).unwrap();
            let error = AutoencoderKl::new(&weights, &Device::flex()).err().unwrap();
            assert!(matches!(error, LoadError::Config { .. }), "{name} {value}: {error}");
        }
    }
}
