//! The UNet of Stable Diffusion 1 (Rombach et al. 2022): residual blocks and transformers at falling and rising resolution.
//!
//! Reference: CompVis/stable-diffusion `ldm/modules/diffusionmodules/openaimodel.py` and `ldm/modules/attention.py`, whose tensor
//! names are the canonical ones. The tensors themselves say how many blocks of what kind and width there are; only the number of
//! heads and of normalisation groups leave no trace in them.
//!
//! Shapes: B batch, C channels, H and W cells of the latent, N = H·W, L tokens of the prompt, E width of the time embedding.

use super::hooks::{Regrouped, nearest, output_block};
use super::{Architecture, Call, Hooks, Middle, Network, Prediction};
use crate::blocks::{Conv2d, GroupNorm, LayerNorm, Linear, TimestepEmbedding};
use crate::sampling::patches::{After, Before, Patch};
use crate::settings::Settings;
use crate::weights::{Layout, Rule, rename, rename_sized};
use crate::{LoadError, Samples, Stop, Watch, Weights, latent};
use burn::tensor::{Device, Tensor};
use kernels::{AttentionOptions, Conv2dOptions};
use serde_json::json;

/// Stable Diffusion 1, with 4 input channels, 9 (inpaint) or 8 (edit), at any width.
pub const SD15: Architecture = Architecture {
    name: "sd15",
    layouts: &[&DIFFUSERS],
    detect,
    build: |weights, device| Ok(Box::new(SdUnet::new(weights, device)?)),
    latent: latent::SD15,
    prediction: |_| Prediction::Epsilon,
};

/// A UNet without vector conditions. SD 2 has the same blocks, but its linear projections and 1024-wide context tell it apart.
fn detect(weights: &Weights) -> bool {
    let linear = weights.shape("middle_block.1.proj_in.weight").is_some_and(|it| it.len() == 2);
    weights.has("input_blocks.0.0.weight")
        && weights.has("time_embed.0.weight")
        && !weights.has("label_emb.0.0.weight")
        && weights.sizes(CONTEXT).is_ok_and(|[_, context]| !(linear && context == 1024))
}

/// Tells the width of the context.
const CONTEXT: &str = "middle_block.1.transformer_blocks.0.attn2.to_k.weight";

/// The names of diffusers `UNet2DConditionModel`, which groups by resolution what the original numbers through.
const DIFFUSERS: Layout = Layout {
    name: "diffusers",
    marker: "down_blocks.{}.resnets.{}.norm1",
    rules: &[
        rename("conv_in", "input_blocks.0.0"),
        rename("time_embedding.linear_1", "time_embed.0"),
        rename("time_embedding.linear_2", "time_embed.2"),
        rename("mid_block.attentions.0", "middle_block.1"),
        rename("conv_norm_out", "out.0"),
        rename("conv_out", "out.2"),
    ],
    sized: Some(|weights| {
        let mut rules = Vec::new();
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
struct Config {
    /// Attention heads at each resolution, finest first; the last one stands for all below.
    heads: Vec<usize>,
    groups: usize,
    /// Of the residual blocks' normalisation; the transformers have their own.
    eps: f64,
    sine_first: bool,
    frequency_shift: f64,
}

impl Config {
    /// Reads `config.json`, or takes the values of the released SD 1 models where there is none.
    fn read(weights: &Weights) -> Result<Self, LoadError> {
        let released = Self { heads: vec![8], groups: 32, eps: 1e-5, sine_first: false, frequency_shift: 0.0 };
        let Some(settings) = Settings::beside(weights)? else { return Ok(released) };
        settings.only("_class_name", &[json!("UNet2DConditionModel")])?;
        settings.only("act_fn", &[json!("silu"), json!("swish")])?;
        settings.only("down_block_types", &[json!("DownBlock2D"), json!("CrossAttnDownBlock2D")])?;
        settings.only("up_block_types", &[json!("UpBlock2D"), json!("CrossAttnUpBlock2D")])?;
        settings.only("mid_block_type", &[json!("UNetMidBlock2DCrossAttn")])?;
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
        settings.nothing_but(KNOWN_SETTINGS)?;
        let [width, inputs] = weights.sizes("input_blocks.0.0.weight")?;
        settings.agree("in_channels", inputs)?;
        settings.agree("out_channels", weights.sizes("out.2.weight")?[0])?;
        settings.agree("cross_attention_dim", weights.sizes(CONTEXT)?[1])?;
        if settings.counts("block_out_channels", width)?[0] != width {
            settings.agree("block_out_channels", width)?;
        }
        Ok(Self {
            // Diffusers' SD configurations say "head dim" and mean the number of heads.
            heads: settings.counts("attention_head_dim", 8)?,
            groups: settings.count("norm_num_groups", released.groups)?,
            eps: settings.number("norm_eps", released.eps)?,
            sine_first: !settings.flag("flip_sin_to_cos", true)?,
            frequency_shift: settings.number("freq_shift", released.frequency_shift)?,
        })
    }

    fn heads(&self, level: usize) -> usize {
        self.heads[level.min(self.heads.len() - 1)]
    }
}

/// Settings that are read, checked, told by the tensors, or without effect on what is computed.
const KNOWN_SETTINGS: &[&str] = &[
    "act_fn",
    "addition_embed_type_num_heads",
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
    steps: TimestepEmbedding,
    time_embed: (Linear, Linear),
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
        let config = Config::read(weights)?;
        let [width, channels] = weights.sizes("input_blocks.0.0.weight")?;
        let [outputs, _] = weights.sizes("out.2.weight")?;
        let [_, context] = weights.sizes(CONTEXT)?;
        let time = weights.at("time_embed");
        let time_embed =
            (Linear::new(&time.at(0), width, 4 * width, device)?, Linear::new(&time.at(2), 4 * width, 4 * width, device)?);

        let mut build = Builder { config: &config, embedding: 4 * width, context, device, channels, level: 0 };
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
        weights.finish(|_| false)?;
        let steps = TimestepEmbedding::new(width, config.frequency_shift, config.sine_first, device);
        Ok(Self { steps, time_embed, input_blocks, middle_block, output_blocks, out, width, channels, outputs, context })
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

impl Network for SdUnet {
    fn forward(&self, call: Call<'_>) -> Result<Samples, Stop> {
        self.check(&call)?;
        let time = self.time_embed.0.forward(self.steps.forward(call.timestep));
        let time = self.time_embed.1.forward(kernels::silu(time));
        // Every residual block begins with the SiLU of the same vector.
        let size = [call.x.shape()[2], call.x.shape()[3]];
        let run = Run { time: kernels::silu(time), context: call.context, hooks: call.hooks, size, watch: call.watch };
        let mut skips: Vec<Tensor<4>> = Vec::with_capacity(self.input_blocks.len());
        let mut x: Tensor<4> = call.x.tensor();
        for (index, block) in self.input_blocks.iter().enumerate() {
            x = run.block(block, x, None, false)?;
            match call.hooks {
                None => skips.push(x.clone()),
                Some(hooks) => {
                    x = hooks.input_block(x, index, false)?;
                    skips.push(x.clone());
                    x = hooks.input_block(x, index, true)?;
                }
            }
        }
        x = run.block(&self.middle_block, x, None, true)?;
        for block in &self.output_blocks {
            let Some(mut skip) = skips.pop() else { break };
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
        let (norm, conv) = &self.out;
        Ok(Samples::new(conv.forward(norm.forward_silu(x))))
    }

    fn extra_channels(&self) -> usize {
        self.channels.saturating_sub(self.outputs)
    }

    fn context_width(&self) -> usize {
        self.context
    }

    fn check(&self, patches: &[Patch]) -> Result<(), Stop> {
        let layers = |it: &Patch| matches!(it, Patch::After(After::SkipLayers { .. }) | Patch::Before(Before::SkipLayers(_)));
        if patches.iter().any(layers) {
            return Err(Stop::Unfit("a UNet has no layers that skip-layer guidance could leave out".to_owned()));
        }
        Ok(())
    }
}

/// What the parts of one run share.
struct Run<'a> {
    time: Tensor<2>,
    context: Tensor<3>,
    hooks: Option<Hooks<'a>>,
    /// Rows and columns of the latent.
    size: [usize; 2],
    watch: &'a dyn Watch,
}

impl Run<'_> {
    /// `size` is what an upsampler shall reach: halving an odd size rounded up.
    fn block(&self, parts: &[Part], mut x: Tensor<4>, size: Option<[usize; 2]>, middle: bool) -> Result<Tensor<4>, Stop> {
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
enum Part {
    /// The first convolution, or one that halves the resolution.
    Conv(Conv2d),
    Residual(Box<ResBlock>),
    Transformer(Box<SpatialTransformer>),
    Upsample(Conv2d),
}

/// Makes the parts in the order in which they run, and knows what flows between them.
struct Builder<'a> {
    config: &'a Config,
    embedding: usize,
    context: usize,
    device: &'a Device,
    channels: usize,
    /// How often the resolution was halved.
    level: usize,
}

impl Builder<'_> {
    fn block(&mut self, weights: &Weights, name: &str) -> Result<Vec<Part>, LoadError> {
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
            let heads = config.heads(self.level);
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
struct ResBlock {
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
struct SpatialTransformer {
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
        if !channels.is_multiple_of(heads) {
            let reason = format!("{heads} attention heads do not divide {channels} channels");
            return Err(LoadError::Config { source_name: weights.source().to_owned(), reason });
        }
        let blocks = weights.at("transformer_blocks");
        let block = |index| TransformerBlock::new(&blocks.at(index), channels, heads, context, device);
        Ok(Self {
            norm: GroupNorm::new(&weights.at("norm"), groups, channels, 1e-6, device)?,
            proj_in: Linear::pointwise(&weights.at("proj_in"), channels, channels, device)?,
            transformer_blocks: (0..weights.count("transformer_blocks").max(1)).map(block).collect::<Result<_, _>>()?,
            proj_out: Linear::pointwise(&weights.at("proj_out"), channels, channels, device)?,
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
    use crate::golden::{Golden, Names, Stored, assert_close};
    use crate::{Unwatched, Watch};

    fn load(weights: &Weights) -> SdUnet {
        let weights = weights.canonical(SD15.layouts).unwrap();
        assert!(detect(&weights));
        SdUnet::new(&weights, &Device::flex()).unwrap()
    }

    fn call<'a>(golden: &Golden, watch: &'a dyn Watch) -> Call<'a> {
        Call {
            x: Samples::new(golden.tensor::<4>("x")),
            timestep: golden.tensor("timestep"),
            context: golden.tensor("context"),
            vector: None,
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
