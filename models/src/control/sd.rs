//! ControlNet: a copy of a UNet's way down that has also learned to look at a picture (Zhang et al. 2023, arXiv 2302.05543).
//!
//! Reference: lllyasviel/ControlNet `cldm/cldm.py`, whose tensor names are the canonical ones.

use super::{Architecture, Network, Residuals, Seen};
use crate::blocks::Conv2d;
use crate::diffusion::sd_unet::{Builder, Config, Part, Run, Time, context, falling_rules};
use crate::settings::Settings;
use crate::weights::{Layout, rename, rename_sized};
use crate::{LoadError, Stop, Weights};
use burn::tensor::{Device, Tensor};
use kernels::Conv2dOptions;
use serde_json::json;

/// The ControlNets of Stable Diffusion 1, 2 and XL.
pub const CONTROLNET: Architecture = Architecture {
    name: "controlnet",
    layouts: &[&DIFFUSERS],
    detect: |it| it.has("zero_convs.0.0.weight") && it.has("input_hint_block.0.weight"),
    build: |weights, device| Ok(Box::new(ControlUnet::new(weights, device)?)),
};

/// The names of diffusers `ControlNetModel`.
const DIFFUSERS: Layout = Layout {
    name: "diffusers",
    marker: "controlnet_cond_embedding.conv_in",
    rules: &[
        rename("controlnet_down_blocks.{}", "zero_convs.{}.0"),
        rename("controlnet_mid_block", "middle_block_out.0"),
        rename("controlnet_cond_embedding.conv_in", "input_hint_block.0"),
    ],
    sized: Some(|weights| {
        let mut rules = falling_rules(weights);
        let blocks = weights.count("controlnet_cond_embedding.blocks");
        for index in 0..blocks {
            let from = format!("controlnet_cond_embedding.blocks.{index}");
            rules.push(rename_sized(from, format!("input_hint_block.{}", 2 * (index + 1))));
        }
        let last = format!("input_hint_block.{}", 2 * (blocks + 1));
        rules.push(rename_sized("controlnet_cond_embedding.conv_out", last));
        rules
    }),
};

/// Settings of diffusers' `ControlNetModel` that a UNet has not: checked, or told by the tensors.
const OWN_SETTINGS: &[&str] = &[
    "conditioning_channels",
    "conditioning_embedding_out_channels",
    "controlnet_conditioning_channel_order",
    "global_pool_conditions",
];

struct ControlUnet {
    time: Time,
    /// SiLU between them.
    hint: Vec<Conv2d>,
    channels_seen: usize,
    input_blocks: Vec<Vec<Part>>,
    zero_convs: Vec<Conv2d>,
    middle_block: Vec<Part>,
    middle_block_out: Conv2d,
    latent_channels: usize,
    context: usize,
}

impl ControlUnet {
    fn new(weights: &Weights, device: &Device) -> Result<Self, LoadError> {
        let config = Config::read(weights, "ControlNetModel", OWN_SETTINGS)?;
        let [width, channels] = weights.sizes("input_blocks.0.0.weight")?;
        let context = context(weights)?;
        let [_, channels_seen] = weights.sizes("input_hint_block.0.weight")?;
        if let Some(settings) = Settings::beside(weights)? {
            settings.agree("conditioning_channels", channels_seen)?;
            settings.only("controlnet_conditioning_channel_order", &[json!("rgb")])?;
            settings.only("global_pool_conditions", &[json!(false)])?;
        }
        let time = Time::new(weights, width, &config, device)?;

        let block = weights.at("input_hint_block");
        let count = (0..).step_by(2).take_while(|it| block.has(&format!("{it}.weight"))).count();
        let (mut hint, mut inputs) = (Vec::new(), channels_seen);
        for index in 0..count {
            let layer = block.at(2 * index);
            let [outputs, _] = layer.sizes("weight")?;
            // Every second convolution between the first and the last halves the picture.
            let stride = if index % 2 == 0 && index > 0 && index + 1 < count { 2 } else { 1 };
            let options = Conv2dOptions { stride: [stride; 2], padding: [1; 4], dilation: [1, 1], groups: 1 };
            hint.push(Conv2d::with(&layer, inputs, outputs, 3, options, device)?);
            inputs = outputs;
        }
        if inputs != width {
            return Err(weights.missing(&format!("input_hint_block.{}.weight", 2 * count)));
        }

        let mut build = Builder::new(&config, 4 * width, context, channels, device);
        let (blocks, convs) = (weights.at("input_blocks"), weights.at("zero_convs"));
        let (mut input_blocks, mut zero_convs) = (Vec::new(), Vec::new());
        for index in 0..weights.count("input_blocks") {
            input_blocks.push(build.block(&blocks, &index.to_string())?);
            let channels = build.channels();
            zero_convs.push(Conv2d::new(&convs.at(index).at(0), channels, channels, 1, device)?);
        }
        let middle_block = build.block(weights, "middle_block")?;
        let middle_block_out = Conv2d::new(&weights.at("middle_block_out.0"), build.channels(), build.channels(), 1, device)?;
        weights.finish(|_| false)?;
        Ok(Self {
            time,
            hint,
            channels_seen,
            input_blocks,
            zero_convs,
            middle_block,
            middle_block_out,
            latent_channels: channels,
            context,
        })
    }

    fn check(&self, seen: &Seen<'_>) -> Result<(), Stop> {
        let (x, context) = (seen.x.dims(), seen.context.dims());
        if x[1] != self.latent_channels || context[2] != self.context {
            return Err(Stop::Unfit(format!(
                "the ControlNet was made for latents of {} channels and prompts {} wide, these have {} and {}",
                self.latent_channels, self.context, x[1], context[2]
            )));
        }
        Ok(())
    }
}

impl Network for ControlUnet {
    fn run(&self, seen: &Seen<'_>, hint: Tensor<4>) -> Result<Residuals, Stop> {
        self.check(seen)?;
        let mut looked = hint;
        for (index, conv) in self.hint.iter().enumerate() {
            seen.watch.check()?;
            looked = conv.forward(if index > 0 { kernels::silu(looked) } else { looked });
        }
        let time = self.time.forward(seen.timestep.clone(), seen.vector.clone())?;
        let size = [seen.x.dims()[2], seen.x.dims()[3]];
        let run = Run { time, context: seen.context.clone(), hooks: None, size, watch: seen.watch };
        let mut x = seen.x.clone();
        let mut handed = Vec::with_capacity(self.zero_convs.len());
        for (index, (block, zero_conv)) in self.input_blocks.iter().zip(&self.zero_convs).enumerate() {
            x = run.block(block, x, None, false)?;
            if index == 0 {
                x = super::added(x, Some(&looked))?;
            }
            handed.push(Some(zero_conv.forward(x.clone())));
        }
        let x = run.block(&self.middle_block, x, None, true)?;
        Ok(Residuals { falling: Vec::new(), middle: Some(self.middle_block_out.forward(x)), handed })
    }

    fn channels(&self) -> usize {
        self.channels_seen
    }

    fn multiple(&self) -> usize {
        1
    }

    fn only_looks(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// The demo model's ControlNet, with a setting of its folder changed.
    fn opened(name: &str, value: serde_json::Value) -> Result<ControlUnet, LoadError> {
        let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../workflows/models/controlnet/burnish-demo-edges");
        let mut config: serde_json::Value = serde_json::from_slice(&std::fs::read(demo.join("config.json")).unwrap()).unwrap();
        config[name] = value;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("diffusion_pytorch_model.safetensors");
        std::fs::copy(demo.join("diffusion_pytorch_model.safetensors"), &file).unwrap();
        std::fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
        let weights = Weights::open(&file).unwrap().canonical(CONTROLNET.layouts).unwrap();
        ControlUnet::new(&weights, &Device::flex())
    }

    #[test]
    fn settings_that_only_a_controlnet_has_are_read_and_those_it_cannot_follow_are_named() {
        assert!(opened("conditioning_channels", json!(3)).is_ok());
        for (name, value) in [
            ("conditioning_channels", json!(1)),
            ("controlnet_conditioning_channel_order", json!("bgr")),
            ("global_pool_conditions", json!(true)),
            ("an_invention", json!(true)),
        ] {
            let error = opened(name, value).err().unwrap();
            assert!(matches!(&error, LoadError::Config { reason, .. } if reason.contains(name)), "{error}");
        }
    }
}
