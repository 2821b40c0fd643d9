//! The UNets of Stable Diffusion 1, 2 and XL (Rombach et al. 2022): residual blocks and transformers at falling and rising resolution.
//!
//! Reference: CompVis/stable-diffusion `ldm/modules/diffusionmodules/openaimodel.py` and `ldm/modules/attention.py`, whose tensor
//! names are the canonical ones. The tensors themselves say how many blocks of what kind and width there are; only the number of
//! heads and of normalisation groups leave no trace in them.
//!
//! Shapes: B batch, C channels, H and W cells of the latent, N = H·W, L tokens of the prompt, E width of the time embedding.

use super::hooks::{Regrouped, nearest, output_block};
use super::{About, Architecture, Call, Hooks, Middle, Network, Output, Prediction};
use crate::blocks::{Conv2d, GroupNorm, LayerNorm, Linear, TimestepEmbedding};
use crate::control::added;
use crate::sampling::first_block::Shortcut;
use crate::sampling::patches::{After, Before, Patch};
use crate::settings::Settings;
use crate::text::Family;
use crate::weights::{Layout, Rule, rename, rename_sized};
use crate::{LoadError, Samples, Stop, Watch, Weights, latent};
use burn::tensor::{Device, Tensor};
use kernels::{AttentionOptions, Conv2dOptions};
use serde_json::json;

/// Stable Diffusion 1, with 4 input channels, 9 (inpaint) or 8 (edit), at any width.
pub const SD15: Architecture = Architecture {
    name: "sd15",
    layouts: &[&DIFFUSERS],
    detect: |weights| is_unet(weights) && !labelled(weights) && !is_second(weights),
    build,
    encoders: Family::Sd,
    latent: latent::SD15,
    prediction: |_| Prediction::Epsilon,
};

/// Stable Diffusion 2, base, inpaint and with v-prediction.
pub const SD2: Architecture = Architecture {
    name: "sd2",
    detect: |weights| is_unet(weights) && !labelled(weights) && is_second(weights),
    prediction: |weights| if second_predicts_velocity(weights) { Prediction::Velocity } else { Prediction::Epsilon },
    ..SD15
};

/// Stable Diffusion XL, its refiner, and smaller ones made from it.
pub const SDXL: Architecture = Architecture {
    name: "sdxl",
    // SD 2 that varies pictures has vectors too, and the context of SD 2.
    detect: |weights| is_unet(weights) && labelled(weights) && !is_second(weights),
    encoders: Family::Sd,
    latent: latent::SDXL,
    prediction: |weights| said_prediction(weights).unwrap_or(Prediction::Epsilon),
    ..SD15
};

fn build(weights: &Weights, device: &Device) -> Result<Box<dyn Network>, LoadError> {
    Ok(Box::new(SdUnet::new(weights, device)?))
}

fn is_unet(weights: &Weights) -> bool {
    weights.has("input_blocks.0.0.weight") && weights.has("time_embed.0.weight") && context(weights).is_ok()
}

/// Whether there are vectors beside the prompt.
fn labelled(weights: &Weights) -> bool {
    weights.has("label_emb.0.0.weight")
}

/// Whether prompts are as those of SD 2: projections by matrices, and a context 1024 wide.
fn is_second(weights: &Weights) -> bool {
    projects_by_matrices(weights) && context(weights).is_ok_and(|it| it == 1024)
}

/// Whether transformers project by matrices, as all but SD 1 do.
fn projects_by_matrices(weights: &Weights) -> bool {
    let first = weights.names().find(|it| it.ends_with(".proj_in.weight"));
    first.and_then(|it| weights.shape(it)).is_some_and(|it| it.len() == 2)
}

/// Width of the context.
pub(crate) fn context(weights: &Weights) -> Result<usize, LoadError> {
    const KEYS: &str = "middle_block.1.transformer_blocks.0.attn2.to_k.weight";
    let name = weights.names().find(|it| it.ends_with(".attn2.to_k.weight")).unwrap_or(KEYS);
    Ok(weights.sizes(name)?[1])
}

/// A file of SD 2 does not say what it predicts. As in ComfyUI, the spread of one of its tensors does; inpaint models predict noise.
fn second_predicts_velocity(weights: &Weights) -> bool {
    const TELLING: &str = "output_blocks.11.1.transformer_blocks.0.norm1.bias";
    const WIDE: f64 = 0.09;
    let four = weights.shape("input_blocks.0.0.weight").is_some_and(|it| it.get(1) == Some(&4));
    let Some(values) = weights.numbers(TELLING).ok().filter(|it| four && !it.is_empty()) else { return false };
    let count = values.len() as f64;
    let mean = values.iter().map(|it| f64::from(*it)).sum::<f64>() / count;
    (values.iter().map(|it| (f64::from(*it) - mean).powi(2)).sum::<f64>() / count).sqrt() > WIDE
}

/// Tensors by which files of SD XL say that velocities are predicted, and that the noisiest level is noise alone.
pub(crate) const SAYINGS: [&str; 2] = ["v_pred", "ztsnr"];

/// What these tensors, or those around them, say is predicted, if they say anything.
pub(crate) fn said_prediction(weights: &Weights) -> Option<Prediction> {
    let [velocity, zero_snr] = SAYINGS.map(|it| weights.has(it));
    match (velocity, zero_snr) {
        (false, _) => None,
        (true, false) => Some(Prediction::Velocity),
        (true, true) => Some(Prediction::Discrete { output: Output::Velocity, zero_snr }),
    }
}

/// The names of diffusers `UNet2DConditionModel`, which groups by resolution what the original numbers through.
const DIFFUSERS: Layout = Layout {
    name: "diffusers",
    marker: "down_blocks.{}.resnets.{}.norm1",
    rules: &[rename("conv_norm_out", "out.0"), rename("conv_out", "out.2")],
    sized: Some(|weights| {
        let mut rules = falling_rules(weights);
        let mut at = 0_usize;
        for (level, Level { blocks, attends, .. }) in rising(weights).into_iter().enumerate() {
            let from = format!("up_blocks.{level}");
            for index in 0..blocks {
                residual(&format!("{from}.resnets.{index}"), &format!("output_blocks.{at}.0"), &mut rules);
                rules.push(rename_sized(format!("{from}.attentions.{index}"), format!("output_blocks.{at}.1")));
                at += 1;
            }
            // It follows the last residual block of its level, or that one's transformer.
            let (last, part) = (at.saturating_sub(1), 1 + usize::from(attends));
            rules.push(rename_sized(format!("{from}.upsamplers.0.conv"), format!("output_blocks.{last}.{part}.conv")));
        }
        rules
    }),
};

/// Translates the way down and the middle, which ControlNets have too.
pub(crate) fn falling_rules(weights: &Weights) -> Vec<Rule> {
    const ENDS: [[&str; 2]; 6] = [
        ["conv_in", "input_blocks.0.0"],
        ["time_embedding.linear_1", "time_embed.0"],
        ["time_embedding.linear_2", "time_embed.2"],
        ["add_embedding.linear_1", "label_emb.0.0"],
        ["add_embedding.linear_2", "label_emb.0.2"],
        ["mid_block.attentions.0", "middle_block.1"],
    ];
    let mut rules: Vec<Rule> = ENDS.map(|[foreign, original]| rename_sized(foreign, original)).into();
    residual("mid_block.resnets.0", "middle_block.0", &mut rules);
    residual("mid_block.resnets.1", "middle_block.2", &mut rules);
    let mut at = 1;
    for (level, Level { blocks, resamples, .. }) in falling(weights).into_iter().enumerate() {
        let from = format!("down_blocks.{level}");
        for index in 0..blocks {
            residual(&format!("{from}.resnets.{index}"), &format!("input_blocks.{at}.0"), &mut rules);
            rules.push(rename_sized(format!("{from}.attentions.{index}"), format!("input_blocks.{at}.1")));
            at += 1;
        }
        if resamples {
            rules.push(rename_sized(format!("{from}.downsamplers.0.conv"), format!("input_blocks.{at}.0.op")));
            at += 1;
        }
    }
    rules
}

/// The blocks of one resolution.
#[derive(Default)]
struct Level {
    blocks: usize,
    attends: bool,
    resamples: bool,
}

/// The levels on the way down, by either naming.
fn falling(weights: &Weights) -> Vec<Level> {
    if weights.has("input_blocks.0.0.weight") {
        let mut levels = vec![Level::default()];
        for index in 1..weights.count("input_blocks") {
            let block = weights.at("input_blocks").at(index);
            count(&mut levels, block.has("0.in_layers.2.weight"), block.has("1.proj_in.weight"), block.has("0.op.weight"));
        }
        return levels;
    }
    foreign_levels(weights, "down_blocks", "downsamplers.0.conv.weight")
}

/// The levels on the way up, by either naming.
fn rising(weights: &Weights) -> Vec<Level> {
    if weights.has("input_blocks.0.0.weight") {
        let mut levels = vec![Level::default()];
        for index in 0..weights.count("output_blocks") {
            let block = weights.at("output_blocks").at(index);
            let resamples = block.has("1.conv.weight") || block.has("2.conv.weight");
            count(&mut levels, true, block.has("1.proj_in.weight"), resamples);
        }
        return levels;
    }
    foreign_levels(weights, "up_blocks", "upsamplers.0.conv.weight")
}

/// Counts a block to the last level, which ends where the resolution changes.
fn count(levels: &mut Vec<Level>, residual: bool, attends: bool, resamples: bool) {
    if let Some(level) = levels.last_mut() {
        level.blocks += usize::from(residual);
        level.attends |= attends;
        level.resamples = resamples;
    }
    if resamples {
        levels.push(Level::default());
    }
}

fn foreign_levels(weights: &Weights, side: &str, sampler: &str) -> Vec<Level> {
    let level = |index| {
        let level = weights.at(side).at(index);
        Level { blocks: level.count("resnets"), attends: level.count("attentions") > 0, resamples: level.has(sampler) }
    };
    (0..weights.count(side)).map(level).collect()
}

/// Translates a residual block.
fn residual(from: &str, to: &str, rules: &mut Vec<Rule>) {
    const PARTS: [[&str; 2]; 6] = [
        ["norm1", "in_layers.0"],
        ["conv1", "in_layers.2"],
        ["time_emb_proj", "emb_layers.1"],
        ["norm2", "out_layers.0"],
        ["conv2", "out_layers.3"],
        ["conv_shortcut", "skip_connection"],
    ];
    rules.extend(PARTS.map(|[foreign, original]| rename_sized(format!("{from}.{foreign}"), format!("{to}.{original}"))));
}

/// What the tensors do not tell.
pub(crate) struct Config {
    heads: Heads,
    groups: usize,
    /// Of the residual blocks' normalisation; the transformers have their own.
    eps: f64,
    sine_first: bool,
    frequency_shift: f64,
}

/// How attention is dealt into heads.
enum Heads {
    /// So many at each resolution, finest first; the last number stands for all below.
    Counts(Vec<usize>),
    /// As many as are so wide.
    Width(usize),
}

impl Config {
    /// Reads `config.json`, which should be of this class, or takes the values of the released models where there is none.
    /// `own` are settings that only this class has, which its network reads or checks.
    pub(crate) fn read(weights: &Weights, class: &str, own: &[&str]) -> Result<Self, LoadError> {
        // SD 1 projects by convolutions and has 8 heads everywhere; the later ones project by matrices and have heads of 64 channels.
        let heads = if projects_by_matrices(weights) { Heads::Width(64) } else { Heads::Counts(vec![8]) };
        let released = Self { heads, groups: 32, eps: 1e-5, sine_first: false, frequency_shift: 0.0 };
        let Some(settings) = Settings::beside(weights)? else { return Ok(released) };
        settings.only("_class_name", &[json!(class)])?;
        settings.only("act_fn", &[json!("silu"), json!("swish")])?;
        settings.only("down_block_types", &[json!("DownBlock2D"), json!("CrossAttnDownBlock2D")])?;
        settings.only("up_block_types", &[json!("UpBlock2D"), json!("CrossAttnUpBlock2D")])?;
        settings.only("mid_block_type", &[json!("UNetMidBlock2DCrossAttn")])?;
        settings.only("addition_embed_type", &[json!(null), json!("text_time")])?;
        settings.only("addition_time_embed_dim", &[json!(null), json!(256)])?;
        settings.only("only_cross_attention", &[json!(false)])?;
        settings.only("mid_block_only_cross_attention", &[json!(false)])?;
        settings.only("resnet_time_scale_shift", &[json!("default")])?;
        settings.only("time_embedding_type", &[json!("positional")])?;
        settings.only("attention_type", &[json!("default")])?;
        for one in ["downsample_padding", "mid_block_scale_factor", "resnet_out_scale_factor"] {
            settings.only(one, &[json!(1)])?;
        }
        for three in ["conv_in_kernel", "conv_out_kernel"] {
            settings.only(three, &[json!(3)])?;
        }
        settings.nothing_but(&[KNOWN_SETTINGS, own].concat())?;
        let [width, inputs] = weights.sizes("input_blocks.0.0.weight")?;
        settings.agree("in_channels", inputs)?;
        if weights.has("out.2.weight") {
            settings.agree("out_channels", weights.sizes("out.2.weight")?[0])?;
        }
        settings.agree("cross_attention_dim", context(weights)?)?;
        if settings.counts("block_out_channels", width)?[0] != width {
            settings.agree("block_out_channels", width)?;
        }
        Ok(Self {
            // Diffusers' SD configurations say "head dim" and mean the number of heads.
            heads: Heads::Counts(settings.counts("attention_head_dim", 8)?),
            groups: settings.count("norm_num_groups", released.groups)?,
            eps: settings.number("norm_eps", released.eps)?,
            sine_first: !settings.flag("flip_sin_to_cos", true)?,
            frequency_shift: settings.number("freq_shift", released.frequency_shift)?,
        })
    }

    /// Heads at a resolution, for this many channels.
    fn heads(&self, level: usize, channels: usize) -> usize {
        match &self.heads {
            Heads::Counts(counts) => counts[level.min(counts.len() - 1)],
            Heads::Width(width) => channels / width,
        }
    }
}

/// Settings that are read, checked, told by the tensors, or without effect on what is computed.
const KNOWN_SETTINGS: &[&str] = &[
    "act_fn",
    "addition_embed_type",
    "addition_embed_type_num_heads",
    "addition_time_embed_dim",
    "attention_head_dim",
    "attention_type",
    "block_out_channels",
    "conv_in_kernel",
    "conv_out_kernel",
    "cross_attention_dim",
    "down_block_types",
    "downsample_padding",
    "dropout",
    "flip_sin_to_cos",
    "freq_shift",
    "in_channels",
    "layers_per_block",
    "mid_block_scale_factor",
    "mid_block_type",
    "norm_eps",
    "norm_num_groups",
    "out_channels",
    "projection_class_embeddings_input_dim",
    "resnet_out_scale_factor",
    "resnet_time_scale_shift",
    "sample_size",
    "time_embedding_type",
    "transformer_layers_per_block",
    "up_block_types",
    "upcast_attention",
    "use_linear_projection",
];

/// The network.
struct SdUnet {
    time: Time,
    input_blocks: Vec<Vec<Part>>,
    middle_block: Vec<Part>,
    output_blocks: Vec<Vec<Part>>,
    out: (GroupNorm, Conv2d),
    /// Channels of the finest blocks.
    width: usize,
    channels: usize,
    outputs: usize,
    context: usize,
}

impl SdUnet {
    fn new(weights: &Weights, device: &Device) -> Result<Self, LoadError> {
        let config = Config::read(weights, "UNet2DConditionModel", &[])?;
        let [width, channels] = weights.sizes("input_blocks.0.0.weight")?;
        let [outputs, _] = weights.sizes("out.2.weight")?;
        let context = context(weights)?;
        let time = Time::new(weights, width, &config, device)?;

        let mut build = Builder::new(&config, 4 * width, context, channels, device);
        let mut skips = Vec::new();
        let mut input_blocks = Vec::new();
        let (falling, rising) = (weights.at("input_blocks"), weights.at("output_blocks"));
        for index in 0..weights.count("input_blocks") {
            input_blocks.push(build.block(&falling, &index.to_string())?);
            skips.push((build.channels, build.level));
        }
        let middle_block = build.block(weights, "middle_block")?;
        let mut output_blocks = Vec::new();
        while let Some((channels, level)) = skips.pop() {
            if level != build.level {
                let (last, part) = (output_blocks.len().saturating_sub(1), output_blocks.last().map_or(0, Vec::len));
                return Err(rising.missing(&format!("{last}.{part}.conv.weight")));
            }
            build.channels += channels;
            output_blocks.push(build.block(&rising, &output_blocks.len().to_string())?);
        }
        let out = weights.at("out");
        let out = (GroupNorm::new(&out.at(0), config.groups, build.channels, config.eps, device)?, {
            Conv2d::new(&out.at(2), build.channels, outputs, 3, device)?
        });
        weights.finish(|it| SAYINGS.contains(&it))?;
        Ok(Self { time, input_blocks, middle_block, output_blocks, out, width, channels, outputs, context })
    }

    /// Says what is wrong with the shapes of a call.
    fn check(&self, call: &Call<'_>) -> Result<(), Stop> {
        let (x, context, steps) = (call.x.shape(), call.context.dims(), call.timestep.dims()[0]);
        if x.len() != 4 || x[1] != self.channels || x.contains(&0) {
            let needed = self.channels;
            return Err(Stop::Unfit(format!("the model needs latents [batch, {needed}, height, width], these are {x:?}")));
        }
        if context[2] != self.context {
            let needed = self.context;
            return Err(Stop::Unfit(format!("the prompt's encoding is {} wide, the model needs {needed}", context[2])));
        }
        if context[0] != x[0] || steps != x[0] || context[1] == 0 {
            let batch = x[0];
            return Err(Stop::Unfit(format!("{batch} latents came with {steps} timesteps and encoded prompts {context:?}")));
        }
        Ok(())
    }
}

impl SdUnet {
    fn last(&self, x: Tensor<4>) -> Tensor<4> {
        let (norm, conv) = &self.out;
        conv.forward(norm.forward_silu(x))
    }
}

impl Network for SdUnet {
    fn forward(&self, call: Call<'_>) -> Result<Samples, Stop> {
        self.check(&call)?;
        let control = call.control.unwrap_or_default();
        let residual = |list: &[Option<Tensor<4>>], index: usize| list.get(index).cloned().flatten();
        let size = [call.x.shape()[2], call.x.shape()[3]];
        let time = self.time.forward(call.timestep, call.vector)?;
        let run = Run { time, context: call.context, hooks: call.hooks, size, watch: call.watch };
        let mut skips: Vec<Tensor<4>> = Vec::with_capacity(self.input_blocks.len());
        let mut x: Tensor<4> = call.x.tensor();
        let mut shortcut = Shortcut::new(call.hooks.as_ref());
        for (index, block) in self.input_blocks.iter().enumerate() {
            let before = x.clone();
            x = run.block(block, x, None, false)?;
            x = added(x, residual(&control.falling, index).as_ref())?;
            match call.hooks {
                None => skips.push(x.clone()),
                Some(hooks) => {
                    x = hooks.input_block(x, index, false)?;
                    skips.push(x.clone());
                    x = hooks.input_block(x, index, true)?;
                }
            }
            // The first block is the one behind the convolution that lets the latent in.
            if index == 1
                && let Some(arrived) = shortcut.taken(before, &x)
            {
                return Ok(Samples::new(self.last(arrived)));
            }
        }
        x = run.block(&self.middle_block, x, None, true)?;
        x = added(x, control.middle.as_ref())?;
        for block in &self.output_blocks {
            let Some(skip) = skips.pop() else { break };
            let mut skip = added(skip, residual(&control.handed, skips.len()).as_ref())?;
            if let Some(hooks) = call.hooks {
                (x, skip) = output_block(&hooks, x, skip, self.width)?;
            }
            if x.dims()[2..] != skip.dims()[2..] {
                return Err(Stop::Unfit("the model's blocks do not return to the resolutions they came from".to_owned()));
            }
            x = Tensor::cat(vec![x, skip], 1);
            let size = skips.last().map(|it| [it.dims()[2], it.dims()[3]]);
            x = run.block(block, x, size, false)?;
        }
        shortcut.arrived(&x);
        Ok(Samples::new(self.last(x)))
    }

    fn extra_channels(&self) -> usize {
        self.channels.saturating_sub(self.outputs)
    }

    fn context_width(&self) -> usize {
        self.context
    }

    fn vector(&self, about: &About<'_>) -> Result<Option<Tensor<2>>, Stop> {
        self.time.vector(about)
    }

    fn check(&self, patches: &[Patch]) -> Result<(), Stop> {
        let layers = |it: &Patch| matches!(it, Patch::After(After::SkipLayers { .. }) | Patch::Before(Before::SkipLayers(_)));
        if patches.iter().any(layers) {
            return Err(Stop::Unfit("a UNet has no layers that skip-layer guidance could leave out".to_owned()));
        }
        Ok(())
    }
}

/// Turns timesteps, and vectors that go with them, into what residual blocks see.
pub(crate) struct Time {
    steps: TimestepEmbedding,
    time_embed: (Linear, Linear),
    label_emb: Option<(Linear, Linear)>,
    /// Width of the vectors, where there are any.
    vector: usize,
}

impl Time {
    /// `width` is that of the finest blocks.
    pub(crate) fn new(weights: &Weights, width: usize, config: &Config, device: &Device) -> Result<Self, LoadError> {
        let pair = |weights: &Weights, inputs: usize| -> Result<(Linear, Linear), LoadError> {
            let first = Linear::new(&weights.at(0), inputs, 4 * width, device)?;
            Ok((first, Linear::new(&weights.at(2), 4 * width, 4 * width, device)?))
        };
        let labelled = weights.has("label_emb.0.0.weight");
        let vector = if labelled { weights.sizes("label_emb.0.0.weight")?[1] } else { 0 };
        Ok(Self {
            steps: TimestepEmbedding::new(width, config.frequency_shift, config.sine_first, device),
            time_embed: pair(&weights.at("time_embed"), width)?,
            label_emb: labelled.then(|| pair(&weights.at("label_emb.0"), vector)).transpose()?,
            vector,
        })
    }

    /// The pooled prompt and, behind it, what SD XL is told of the picture: five numbers for the refiner, else six.
    fn vector(&self, about: &About<'_>) -> Result<Option<Tensor<2>>, Stop> {
        const EACH: usize = 256;
        let About { cond, size, negative } = *about;
        if self.label_emb.is_none() {
            return Ok(None);
        }
        let Some(pooled) = cond.pooled.clone().filter(|it| it.dims()[0] > 0) else {
            return Err(Stop::Unfit("the model needs pooled prompts: encode them with its own text encoders".to_owned()));
        };
        let [batch, width] = pooled.dims();
        let sizes = cond.sizes;
        let original = sizes.original.unwrap_or(size.map(|it| it as f64));
        let target = sizes.target.unwrap_or(original);
        let aesthetic = sizes.aesthetic.unwrap_or(if negative { 2.5 } else { 6.0 });
        let told = match self.vector.checked_sub(width) {
            Some(rest) if rest == 6 * EACH => [original, sizes.crop, target].concat(),
            Some(rest) if rest == 5 * EACH => [&original[..], &sizes.crop, &[aesthetic]].concat(),
            _ => {
                return Err(Stop::Unfit(format!(
                    "the pooled prompt is {width} wide, and the model's vectors {}: use the text encoders that belong to it",
                    self.vector
                )));
            }
        };
        let told: Vec<f32> = told.into_iter().map(|it| it as f32).collect();
        let device = pooled.device();
        let waves = TimestepEmbedding::new(EACH, 0.0, false, &device).forward(Tensor::from_floats(told.as_slice(), &device));
        let waves = waves.reshape([1, told.len() * EACH]).repeat_dim(0, batch);
        Ok(Some(Tensor::cat(vec![pooled, waves], 1)))
    }

    /// `[B]` and `[B, vector]` → `[B, E]`, after the SiLU that every residual block begins with.
    pub(crate) fn forward(&self, timestep: Tensor<1>, vector: Option<Tensor<2>>) -> Result<Tensor<2>, Stop> {
        let batch = timestep.dims()[0];
        let both = |(first, second): &(Linear, Linear), x| second.forward(kernels::silu(first.forward(x)));
        let mut time = both(&self.time_embed, self.steps.forward(timestep));
        if let Some(label_emb) = &self.label_emb {
            let vector = vector.filter(|it| it.dims() == [batch, self.vector]).ok_or_else(|| {
                Stop::Unfit(format!("the model needs vectors {} wide beside the prompt: use its own text encoders", self.vector))
            })?;
            time = time + both(label_emb, vector);
        }
        Ok(kernels::silu(time))
    }
}

/// What the parts of one run share.
pub(crate) struct Run<'a> {
    pub(crate) time: Tensor<2>,
    pub(crate) context: Tensor<3>,
    pub(crate) hooks: Option<Hooks<'a>>,
    /// Rows and columns of the latent.
    pub(crate) size: [usize; 2],
    pub(crate) watch: &'a dyn Watch,
}

impl Run<'_> {
    /// `size` is what an upsampler shall reach: halving an odd size rounded up.
    pub(crate) fn block(
        &self,
        parts: &[Part],
        mut x: Tensor<4>,
        size: Option<[usize; 2]>,
        middle: bool,
    ) -> Result<Tensor<4>, Stop> {
        let hooks =
            self.hooks.map(|hooks| (Hooks { middle: if middle { hooks.middle } else { Middle::Usual }, ..hooks }, self.size));
        for part in parts {
            self.watch.check()?;
            x = match part {
                Part::Conv(conv) => conv.forward(x),
                Part::Residual(block) => block.forward(x, self.time.clone()),
                Part::Transformer(transformer) => transformer.forward(x, &self.context, hooks),
                Part::Upsample(conv) => {
                    let [_, _, h, w] = x.dims();
                    let [to_h, to_w] = size.unwrap_or([2 * h, 2 * w]);
                    // A size that was halved and rounded up loses a line; patches may have left any.
                    let halved = to_h.div_ceil(2) == h && to_w.div_ceil(2) == w;
                    let x = if halved { kernels::upsample_nearest_2x(x) } else { nearest(x, [to_h, to_w]) };
                    let odd = halved && (to_h < 2 * h || to_w < 2 * w);
                    conv.forward(if odd { x.narrow(2, 0, to_h).narrow(3, 0, to_w) } else { x })
                }
            };
        }
        Ok(x)
    }
}

/// One entry of a block.
pub(crate) enum Part {
    /// The first convolution, or one that halves the resolution.
    Conv(Conv2d),
    Residual(Box<ResBlock>),
    Transformer(Box<SpatialTransformer>),
    Upsample(Conv2d),
}

/// Makes the parts in the order in which they run, and knows what flows between them.
pub(crate) struct Builder<'a> {
    config: &'a Config,
    embedding: usize,
    context: usize,
    device: &'a Device,
    channels: usize,
    /// How often the resolution was halved.
    level: usize,
}

impl<'a> Builder<'a> {
    /// Begins with latents of so many channels.
    pub(crate) fn new(config: &'a Config, embedding: usize, context: usize, channels: usize, device: &'a Device) -> Self {
        Self { config, embedding, context, device, channels, level: 0 }
    }

    /// Channels of what the last part gives.
    pub(crate) fn channels(&self) -> usize {
        self.channels
    }

    pub(crate) fn block(&mut self, weights: &Weights, name: &str) -> Result<Vec<Part>, LoadError> {
        let block = weights.at(name);
        // A block without parts is one whose first part is missing.
        (0..weights.count(name).max(1)).map(|index| self.part(&block.at(index))).collect()
    }

    /// The names of its tensors tell a part's kind.
    fn part(&mut self, weights: &Weights) -> Result<Part, LoadError> {
        let Self { config, device, channels, .. } = *self;
        if weights.at("in_layers").names().next().is_some() {
            let [outputs, _] = weights.sizes("in_layers.2.weight")?;
            self.channels = outputs;
            return Ok(Part::Residual(Box::new(ResBlock::new(weights, channels, outputs, self.embedding, config, device)?)));
        }
        if weights.has("proj_in.weight") {
            let heads = config.heads(self.level, channels);
            let transformer = SpatialTransformer::new(weights, channels, heads, self.context, config.groups, device)?;
            return Ok(Part::Transformer(Box::new(transformer)));
        }
        if weights.has("op.weight") {
            self.level += 1;
            let halving = Conv2dOptions { stride: [2, 2], padding: [1; 4], dilation: [1, 1], groups: 1 };
            return Ok(Part::Conv(Conv2d::with(&weights.at("op"), channels, channels, 3, halving, device)?));
        }
        if weights.has("conv.weight") {
            self.level = self.level.checked_sub(1).ok_or_else(|| LoadError::Unexpected {
                source_name: weights.source().to_owned(),
                names: vec![weights.full("conv.weight")],
            })?;
            return Ok(Part::Upsample(Conv2d::new(&weights.at("conv"), channels, channels, 3, device)?));
        }
        let [outputs, _] = weights.sizes("weight")?;
        self.channels = outputs;
        Ok(Part::Conv(Conv2d::new(weights, channels, outputs, 3, device)?))
    }
}

/// Two convolutions, between them the time embedding, around them a shortcut.
pub(crate) struct ResBlock {
    in_layers: (GroupNorm, Conv2d),
    emb_layers: Linear,
    out_layers: (GroupNorm, Conv2d),
    skip_connection: Option<Conv2d>,
}

impl ResBlock {
    fn new(
        weights: &Weights,
        inputs: usize,
        outputs: usize,
        embedding: usize,
        config: &Config,
        device: &Device,
    ) -> Result<Self, LoadError> {
        let (first, second) = (weights.at("in_layers"), weights.at("out_layers"));
        let skip = || Conv2d::new(&weights.at("skip_connection"), inputs, outputs, 1, device);
        Ok(Self {
            in_layers: (
                GroupNorm::new(&first.at(0), config.groups, inputs, config.eps, device)?,
                Conv2d::new(&first.at(2), inputs, outputs, 3, device)?,
            ),
            emb_layers: Linear::new(&weights.at("emb_layers.1"), embedding, outputs, device)?,
            out_layers: (
                GroupNorm::new(&second.at(0), config.groups, outputs, config.eps, device)?,
                Conv2d::new(&second.at(3), outputs, outputs, 3, device)?,
            ),
            skip_connection: if inputs == outputs { None } else { Some(skip()?) },
        })
    }

    /// x `[B, C, H, W]`, time (after SiLU) `[B, E]` → `[B, C', H, W]`.
    fn forward(&self, x: Tensor<4>, time: Tensor<2>) -> Tensor<4> {
        let time = self.emb_layers.forward(time);
        let [b, c] = time.dims();
        let h = self.in_layers.1.forward(self.in_layers.0.forward_silu(x.clone())) + time.reshape([b, c, 1, 1]);
        let h = self.out_layers.1.forward(self.out_layers.0.forward_silu(h));
        h + self.skip_connection.as_ref().map_or_else(|| x.clone(), |it| it.forward(x.clone()))
    }
}

/// Transformer blocks over the cells of a feature map.
pub(crate) struct SpatialTransformer {
    norm: GroupNorm,
    proj_in: Linear,
    transformer_blocks: Vec<TransformerBlock>,
    proj_out: Linear,
}

impl SpatialTransformer {
    fn new(
        weights: &Weights,
        channels: usize,
        heads: usize,
        context: usize,
        groups: usize,
        device: &Device,
    ) -> Result<Self, LoadError> {
        if heads == 0 || !channels.is_multiple_of(heads) {
            let reason = format!("{heads} attention heads do not divide {channels} channels");
            return Err(LoadError::Config { source_name: weights.source().to_owned(), reason });
        }
        let blocks = weights.at("transformer_blocks");
        let block = |index| TransformerBlock::new(&blocks.at(index), channels, heads, context, device);
        Ok(Self {
            norm: GroupNorm::new(&weights.at("norm"), groups, channels, 1e-6, device)?,
            proj_in: Linear::new(&weights.at("proj_in"), channels, channels, device)?,
            transformer_blocks: (0..weights.count("transformer_blocks").max(1)).map(block).collect::<Result<_, _>>()?,
            proj_out: Linear::new(&weights.at("proj_out"), channels, channels, device)?,
        })
    }

    /// x `[B, C, H, W]`, context `[B, L, width]` → `[B, C, H, W]`.
    ///
    /// With hooks come the rows and columns of the latent.
    fn forward(&self, x: Tensor<4>, context: &Tensor<3>, hooks: Option<(Hooks<'_>, [usize; 2])>) -> Tensor<4> {
        let [b, c, h, w] = x.dims();
        let cells = self.norm.forward(x.clone()).reshape([b, c, h * w]).swap_dims(1, 2);
        let mut cells = self.proj_in.forward(cells);
        for (index, block) in self.transformer_blocks.iter().enumerate() {
            cells = block.forward(cells, context, hooks, index);
        }
        x + self.proj_out.forward(cells).swap_dims(1, 2).reshape([b, c, h, w])
    }
}

/// Self-attention, attention to the prompt, and a gated two-layer network.
struct TransformerBlock {
    norm1: LayerNorm,
    attn1: Attention,
    norm2: LayerNorm,
    attn2: Attention,
    norm3: LayerNorm,
    ff: (Linear, Linear),
}

impl TransformerBlock {
    fn new(weights: &Weights, width: usize, heads: usize, context: usize, device: &Device) -> Result<Self, LoadError> {
        let norm = |name| LayerNorm::new(&weights.at(name), width, 1e-5, device);
        let net = weights.at("ff.net");
        Ok(Self {
            norm1: norm("norm1")?,
            attn1: Attention::new(&weights.at("attn1"), width, width, heads, device)?,
            norm2: norm("norm2")?,
            attn2: Attention::new(&weights.at("attn2"), width, context, heads, device)?,
            norm3: norm("norm3")?,
            ff: (Linear::new(&net.at("0.proj"), width, 8 * width, device)?, Linear::new(&net.at(2), 4 * width, width, device)?),
        })
    }

    /// x `[B, N, C]`, context `[B, L, width]` → `[B, N, C]`.
    fn forward(&self, x: Tensor<3>, context: &Tensor<3>, hooks: Option<(Hooks<'_>, [usize; 2])>, index: usize) -> Tensor<3> {
        let normed = self.norm1.forward(x.clone());
        let x = x + match hooks {
            None => self.attn1.forward(normed.clone(), normed),
            Some((hooks, size)) => self.attn1.forward_to_itself(normed, &hooks, size, index),
        };
        let x = x.clone() + self.attn2.forward(self.norm2.forward(x), context.clone());
        let gated = kernels::geglu(self.ff.0.forward(self.norm3.forward(x.clone())));
        x + self.ff.1.forward(gated)
    }
}

/// Attention of x to a context, both projected into heads.
struct Attention {
    to_q: Linear,
    to_k: Linear,
    to_v: Linear,
    to_out: Linear,
    heads: usize,
}

impl Attention {
    fn new(weights: &Weights, width: usize, context: usize, heads: usize, device: &Device) -> Result<Self, LoadError> {
        Ok(Self {
            to_q: Linear::without_bias(&weights.at("to_q"), width, width, device)?,
            to_k: Linear::without_bias(&weights.at("to_k"), context, width, device)?,
            to_v: Linear::without_bias(&weights.at("to_v"), context, width, device)?,
            to_out: Linear::new(&weights.at("to_out.0"), width, width, device)?,
            heads,
        })
    }

    /// Self-attention as patches want it: x `[B, N, C]` → `[B, N, C]`. `index` is that of the transformer block.
    fn forward_to_itself(&self, x: Tensor<3>, hooks: &Hooks<'_>, size: [usize; 2], index: usize) -> Tensor<3> {
        match hooks.middle {
            Middle::Perturbed { but_first } if index > 0 || !but_first => {
                return self.to_out.forward(self.to_v.forward(x));
            }
            Middle::Recorded(record) if index == 0 => {
                let (q, k) = (self.to_q.forward(x.clone()), self.to_k.forward(x.clone()));
                record.lock().replace(attention_received(q, k, self.heads));
            }
            _ => {}
        }
        let Some(groups) = Regrouped::new(hooks, &x, size) else { return self.forward(x.clone(), x) };
        let q = self.to_q.forward(groups.asking(x.clone()));
        let (k, v) = (groups.asked(self.to_k.forward(x.clone())), groups.asked(self.to_v.forward(x)));
        let found = kernels::attention_heads(q, k, v, self.heads, None, AttentionOptions::default());
        groups.found(self.to_out.forward(found))
    }

    /// x `[B, N, C]`, context `[B, L, width]` → `[B, N, C]`.
    fn forward(&self, x: Tensor<3>, context: Tensor<3>) -> Tensor<3> {
        let (q, k, v) = (self.to_q.forward(x), self.to_k.forward(context.clone()), self.to_v.forward(context));
        self.to_out.forward(kernels::attention_heads(q, k, v, self.heads, None, AttentionOptions::default()))
    }
}

/// How much attention each of N keys gets: the mean over heads of the sum over queries, `[B, N]`.
fn attention_received(q: Tensor<3>, k: Tensor<3>, heads: usize) -> Tensor<2> {
    let [b, n, c] = q.dims();
    let split = |it: Tensor<3>| it.reshape([b, n, heads, c / heads]).swap_dims(1, 2);
    let scores = split(q).matmul(split(k).swap_dims(2, 3)).div_scalar(((c / heads) as f32).sqrt());
    burn::tensor::activation::softmax(scores, 3).mean_dim(1).sum_dim(2).reshape([b, n])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conditioning::Sizes;
    use crate::golden::{Golden, Names, Stored, assert_close, off};
    use crate::{Cond, Unwatched, Watch};
    use burn::tensor::TensorData;

    fn load(weights: &Weights) -> SdUnet {
        let weights = weights.canonical(SD15.layouts).unwrap();
        assert!((SD15.detect)(&weights));
        SdUnet::new(&weights, &Device::flex()).unwrap()
    }

    fn call<'a>(golden: &Golden, watch: &'a dyn Watch) -> Call<'a> {
        Call {
            x: Samples::new(golden.tensor::<4>("x")),
            timestep: golden.tensor("timestep"),
            context: golden.tensor("context"),
            vector: None,
            control: None,
            hooks: None,
            watch,
        }
    }

    #[track_caller]
    fn agrees(case: &'static str, names: Names) {
        let golden = Golden::open("sd15", case);
        let (_folder, weights) = golden.write(names);
        let found = load(&weights).forward(call(&golden, &Unwatched)).unwrap();
        assert_close(&found.tensor::<4>(), &golden.tensor::<4>("y"), 1e-4);
    }

    #[test]
    fn a_checkpoint_under_original_names_computes_what_diffusers_does() {
        agrees("unet", Names::Original);
        agrees("inpaint", Names::Original);
    }

    #[test]
    fn the_second_and_the_larger_ones_are_told_apart_and_compute_what_diffusers_does() {
        for (case, family) in [("sd2", "sd2"), ("sdxl", "sdxl"), ("refiner", "sdxl")] {
            for names in [Names::Original, Names::Diffusers] {
                let golden = Golden::open("sd15", case);
                let (_folder, weights) = golden.write(names);
                let model = crate::Model::new(&weights).unwrap();
                assert_eq!((model.architecture.name, model.prediction), (family, Prediction::Epsilon));
                let network = (model.architecture.build)(&model.weights, &Device::flex()).unwrap();
                let pooled = (case != "sd2").then(|| golden.tensor("pooled"));
                let mut cond = Cond::new(golden.tensor("context"), pooled);
                cond.sizes.original = Some([768.0, 1024.0]);
                if case == "sdxl" {
                    cond.sizes = Sizes { crop: [3.0, 5.0], target: Some([512.0, 640.0]), ..cond.sizes };
                }
                let vector = network.vector(&About { cond: &cond, size: [8, 8], negative: true }).unwrap();
                assert_eq!(vector.is_some(), case != "sd2");
                let found = network.forward(Call { vector, ..call(&golden, &Unwatched) }).unwrap();
                let off = off(&found.tensor::<4>(), &golden.tensor("y"));
                assert!(off <= 1e-4, "{case} under {names:?} names differs by {off}");
            }
        }
    }

    #[test]
    fn what_is_not_said_of_the_picture_follows_from_its_size() {
        let golden = Golden::open("sd15", "sdxl");
        let (_folder, weights) = golden.write(Names::Original);
        let unet = SdUnet::new(&weights, &Device::flex()).unwrap();
        let pooled: Tensor<2> = golden.tensor("pooled");
        let vector = |sizes| {
            let cond = Cond { sizes, ..Cond::new(golden.tensor("context"), Some(pooled.clone())) };
            unet.vector(&About { cond: &cond, size: [64, 96], negative: false }).unwrap().unwrap().into_data()
        };
        let said = Sizes { original: Some([64.0, 96.0]), target: Some([64.0, 96.0]), ..Sizes::default() };
        assert_eq!(vector(Sizes::default()), vector(said));
        let refused = |cond: Cond| unet.vector(&About { cond: &cond, size: [64, 96], negative: false });
        assert!(matches!(refused(Cond::new(golden.tensor("context"), None)), Err(Stop::Unfit(_))));
        let wide = Tensor::zeros([1, 40], &Device::flex());
        assert!(matches!(refused(Cond::new(golden.tensor("context"), Some(wide))), Err(Stop::Unfit(_))));
        let call = call(&golden, &Unwatched);
        assert!(matches!(unet.forward(call), Err(Stop::Unfit(_))), "no vector");
    }

    #[test]
    fn the_second_predicts_velocities_where_a_tensor_is_spread_wide() {
        let weights = |spread: f32, channels: usize| {
            let bias = TensorData::from([spread, -spread, spread, -spread]);
            let first = TensorData::zeros::<f32, _>([1, channels, 1, 1]);
            let names = ["output_blocks.11.1.transformer_blocks.0.norm1.bias", "input_blocks.0.0.weight"];
            Weights::from_tensors("a table", names.map(str::to_owned).into_iter().zip([bias, first])).unwrap()
        };
        assert!(second_predicts_velocity(&weights(0.1, 4)));
        assert!(!second_predicts_velocity(&weights(0.08, 4)));
        assert!(!second_predicts_velocity(&weights(0.1, 9)), "an inpaint model");
    }

    #[test]
    fn a_file_says_what_it_predicts() {
        let said = |names: &[&str]| {
            let tensors = names.iter().map(|it| ((*it).to_owned(), TensorData::from([0.0_f32])));
            said_prediction(&Weights::from_tensors("a table", tensors).unwrap())
        };
        assert_eq!(said(&["ztsnr"]), None);
        assert_eq!(said(&["v_pred"]), Some(Prediction::Velocity));
        let zero = Prediction::Discrete { output: Output::Velocity, zero_snr: true };
        assert_eq!(said(&["v_pred", "ztsnr"]), Some(zero));
    }

    #[test]
    fn a_diffusers_folder_computes_what_diffusers_does() {
        agrees("unet", Names::Diffusers);
        agrees("inpaint", Names::Diffusers);
    }

    #[test]
    fn heads_groups_and_waves_come_from_the_folders_settings() {
        agrees("edit", Names::Diffusers);
    }

    #[test]
    fn a_setting_that_is_not_supported_is_named() {
        let golden = Golden::open("sd15", "unet");
        for (name, value) in [
            ("act_fn", json!("gelu")),
            ("class_embed_type", json!("timestep")),
            ("down_block_types", json!(["AttnDownBlock2D", "DownBlock2D"])),
            ("time_cond_proj_dim", json!(256)),
            ("in_channels", json!(9)),
            ("cross_attention_dim", json!([24, 32])),
            ("attention_head_dim", json!(0)),
            ("attention_head_dim", json!(5)),
            ("attention_head_dim", json!([])),
            ("norm_num_groups", json!(7)),
            ("norm_num_groups", json!(null)),
            ("norm_eps", json!("small")),
            ("flip_sin_to_cos", json!(1)),
            ("an_invention", json!(true)),
        ] {
            let (_folder, weights) = golden.write_set(&[(name, value.clone())]);
            let weights = weights.canonical(SD15.layouts).unwrap();
            let error = SdUnet::new(&weights, &Device::flex()).err().unwrap();
            assert!(matches!(error, LoadError::Config { .. }), "{name} {value}: {error}");
        }
    }

    #[test]
    fn extra_channels_and_context_are_told_by_the_tensors() {
        let (_folder, weights) = Golden::open("sd15", "inpaint").write(Names::Original);
        let unet = load(&weights);
        assert_eq!((unet.extra_channels(), unet.context_width()), (5, 16));
    }

    #[test]
    fn a_batch_of_two_is_two_batches() {
        let golden = Golden::open("sd15", "unet");
        let (_folder, weights) = golden.write(Names::Original);
        let unet = load(&weights);
        let both = unet.forward(call(&golden, &Unwatched)).unwrap().tensor::<4>();
        for index in 0..2 {
            let whole = call(&golden, &Unwatched);
            let one = Call {
                x: Samples::new(whole.x.tensor::<4>().narrow(0, index, 1)),
                timestep: whole.timestep.narrow(0, index, 1),
                context: whole.context.narrow(0, index, 1),
                ..whole
            };
            assert_close(&unet.forward(one).unwrap().tensor::<4>(), &both.clone().narrow(0, index, 1), 1e-5);
        }
    }

    #[test]
    fn inputs_that_do_not_fit_are_refused() {
        let golden = Golden::open("sd15", "unet");
        let (_folder, weights) = golden.write(Names::Original);
        let unet = load(&weights);
        let device = Device::flex();
        let refused = |change: &dyn Fn(&mut Call<'_>)| {
            let mut call = call(&golden, &Unwatched);
            change(&mut call);
            assert!(matches!(unet.forward(call), Err(Stop::Unfit(_))));
        };
        refused(&|it| it.x = Samples::new(Tensor::<4>::zeros([2, 9, 6, 9], &device)));
        refused(&|it| it.x = Samples::new(Tensor::<3>::zeros([2, 4, 6], &device)));
        refused(&|it| it.context = Tensor::zeros([2, 5, 768], &device));
        refused(&|it| it.context = Tensor::zeros([1, 5, 24], &device));
        refused(&|it| it.timestep = Tensor::zeros([3], &device));
    }

    #[test]
    fn it_stops_between_blocks_when_asked() {
        struct After(std::sync::atomic::AtomicUsize);
        impl Watch for After {
            fn cancelled(&self) -> bool {
                self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed) >= 4
            }
            fn progress(&self, _: usize, _: usize, _: Option<&Samples>) {}
        }
        let golden = Golden::open("sd15", "unet");
        let (_folder, weights) = golden.write(Names::Original);
        let watch = After(Default::default());
        assert!(matches!(load(&weights).forward(call(&golden, &watch)), Err(Stop::Cancelled)));
        assert_eq!(watch.0.into_inner(), 5);
    }

    #[test]
    fn a_tensor_too_few_or_too_many_or_misshapen_is_named() {
        let golden = Golden::open("sd15", "unet");
        let error = |change: &dyn Fn(&mut Vec<Stored>)| {
            let (_folder, weights) = golden.write_changed(Names::Original, change);
            SdUnet::new(&weights, &Device::flex()).err().unwrap()
        };
        let flat = error(&|all| all.retain(|it| !it.0.starts_with("output_blocks.1.1.")));
        assert!(matches!(&flat, LoadError::Missing { names, .. } if names[..] == ["output_blocks.1.1.conv.weight"]), "{flat}");
        let lost = error(&|all| all.retain(|it| !it.0.starts_with("output_blocks.2.")));
        assert!(matches!(&lost, LoadError::Missing { names, .. } if names[0].starts_with("output_blocks.2.")), "{lost}");
        let extra = error(&|all| all.push(("label".to_owned(), vec![1], vec![0; 4])));
        assert!(matches!(&extra, LoadError::Unexpected { names, .. } if names[..] == ["label"]), "{extra}");
        let misshapen = error(&|all| {
            let it = all.iter_mut().find(|it| it.0 == "middle_block.0.in_layers.2.weight").unwrap();
            it.1 = vec![64, 32, 3, 6];
        });
        assert!(
            matches!(&misshapen, LoadError::Shape { name, .. } if name == "middle_block.0.in_layers.2.weight"),
            "{misshapen}"
        );
    }
}
