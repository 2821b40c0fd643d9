//! FLUX.1: a transformer along a rectified flow. Text and picture go through two-stream blocks, then together through one-stream
//! blocks.
//!
//! Reference: black-forest-labs/flux `src/flux/model.py` and `modules/layers.py`, whose tensor names are the canonical ones. Letters:
//! B batch, T tokens of the text, N of the picture, C width, H heads, D width of a head.

use super::{About, Architecture, Call, Network, Prediction, about_blocks, refused};
use crate::blocks::{Linear, RmsNorm, Rope, TimestepEmbedding, normalise};
use crate::sampling::Patch;
use crate::sampling::first_block::Shortcut;
use crate::sampling::patches::Layers;
use crate::settings::Settings;
use crate::text::Family;
use crate::weights::{Layout, concat, rename, swap_halves};
use crate::{LoadError, Samples, Stop, Weights, latent};
use burn::tensor::{Device, Tensor};
use kernels::{AttentionOptions, Pairs};
use serde_json::json;

/// FLUX.1 dev, which hears how strongly the prompt is to be followed, and schnell, which does not.
pub const FLUX: Architecture = Architecture {
    name: "flux",
    layouts: &[&DIFFUSERS],
    detect: |weights| {
        weights.has("double_blocks.0.img_attn.norm.key_norm.scale") && weights.has("single_blocks.0.linear1.weight")
    },
    build: |weights, device| Ok(Box::new(Flux::new(weights, device)?)),
    encoders: Family::Flux,
    latent: latent::FLUX,
    prediction: |weights| match weights.has(GUIDED) {
        true => Prediction::FluxFlow { shift: 1.15 },
        false => Prediction::Flow { shift: 1.0, multiplier: 1.0 },
    },
};

const GUIDED: &str = "guidance_in.in_layer.weight";
/// What makers of the guided model advise.
const GUIDANCE: f64 = 3.5;
/// Width of the sinusoids of times and guidance.
const WAVES: usize = 256;
/// Times between 0 and 1, and guidance, are stretched by this.
const STRETCH: f32 = 1000.0;
/// Cells of the latent in one token, each way.
const PATCH: usize = 2;
/// Turns of the slowest pair.
const THETA: f64 = 10_000.0;

/// The names of diffusers `FluxTransformer2DModel`.
const DIFFUSERS: Layout = Layout {
    name: "diffusers",
    marker: "transformer_blocks.{}.norm1_context",
    rules: &[
        rename("x_embedder", "img_in"),
        rename("context_embedder", "txt_in"),
        rename("time_text_embed.timestep_embedder.linear_1", "time_in.in_layer"),
        rename("time_text_embed.timestep_embedder.linear_2", "time_in.out_layer"),
        rename("time_text_embed.text_embedder.linear_1", "vector_in.in_layer"),
        rename("time_text_embed.text_embedder.linear_2", "vector_in.out_layer"),
        rename("time_text_embed.guidance_embedder.linear_1", "guidance_in.in_layer"),
        rename("time_text_embed.guidance_embedder.linear_2", "guidance_in.out_layer"),
        rename("transformer_blocks.{}.norm1.linear", "double_blocks.{}.img_mod.lin"),
        rename("transformer_blocks.{}.norm1_context.linear", "double_blocks.{}.txt_mod.lin"),
        concat(
            &["transformer_blocks.{}.attn.to_q", "transformer_blocks.{}.attn.to_k", "transformer_blocks.{}.attn.to_v"],
            "double_blocks.{}.img_attn.qkv",
        ),
        concat(
            &[
                "transformer_blocks.{}.attn.add_q_proj",
                "transformer_blocks.{}.attn.add_k_proj",
                "transformer_blocks.{}.attn.add_v_proj",
            ],
            "double_blocks.{}.txt_attn.qkv",
        ),
        rename("transformer_blocks.{}.attn.to_out.0", "double_blocks.{}.img_attn.proj"),
        rename("transformer_blocks.{}.attn.to_add_out", "double_blocks.{}.txt_attn.proj"),
        rename("transformer_blocks.{}.attn.norm_q.weight", "double_blocks.{}.img_attn.norm.query_norm.scale"),
        rename("transformer_blocks.{}.attn.norm_k.weight", "double_blocks.{}.img_attn.norm.key_norm.scale"),
        rename("transformer_blocks.{}.attn.norm_added_q.weight", "double_blocks.{}.txt_attn.norm.query_norm.scale"),
        rename("transformer_blocks.{}.attn.norm_added_k.weight", "double_blocks.{}.txt_attn.norm.key_norm.scale"),
        rename("transformer_blocks.{}.ff.net.0.proj", "double_blocks.{}.img_mlp.0"),
        rename("transformer_blocks.{}.ff.net.2", "double_blocks.{}.img_mlp.2"),
        rename("transformer_blocks.{}.ff_context.net.0.proj", "double_blocks.{}.txt_mlp.0"),
        rename("transformer_blocks.{}.ff_context.net.2", "double_blocks.{}.txt_mlp.2"),
        rename("single_transformer_blocks.{}.norm.linear", "single_blocks.{}.modulation.lin"),
        concat(
            &[
                "single_transformer_blocks.{}.attn.to_q",
                "single_transformer_blocks.{}.attn.to_k",
                "single_transformer_blocks.{}.attn.to_v",
                "single_transformer_blocks.{}.proj_mlp",
            ],
            "single_blocks.{}.linear1",
        ),
        rename("single_transformer_blocks.{}.proj_out", "single_blocks.{}.linear2"),
        rename("single_transformer_blocks.{}.attn.norm_q.weight", "single_blocks.{}.norm.query_norm.scale"),
        rename("single_transformer_blocks.{}.attn.norm_k.weight", "single_blocks.{}.norm.key_norm.scale"),
        swap_halves("norm_out.linear", "final_layer.adaLN_modulation.1"),
        rename("proj_out", "final_layer.linear"),
    ],
    sized: None,
};

/// Sizes, all of them from the tensors.
#[derive(Clone, Copy, Debug)]
struct Config {
    width: usize,
    heads: usize,
    mlp: usize,
    /// Width of the text's states.
    context: usize,
    /// Width of the pooled text.
    pooled: usize,
    /// Numbers in a token of the picture, in and out.
    tokens: [usize; 2],
}

impl Config {
    fn read(weights: &Weights) -> Result<Self, LoadError> {
        let bad = |reason: String| LoadError::Config { source_name: weights.source().to_owned(), reason };
        let [width, inputs] = weights.sizes("img_in.weight")?;
        let [_, context] = weights.sizes("txt_in.weight")?;
        let [_, pooled] = weights.sizes("vector_in.in_layer.weight")?;
        let [mlp, _] = weights.sizes("double_blocks.0.img_mlp.0.weight")?;
        let [outputs, _] = weights.sizes("final_layer.linear.weight")?;
        let head = weights.shape("double_blocks.0.img_attn.norm.key_norm.scale").map_or(0, |it| it.iter().product());
        if head == 0 || !head.is_multiple_of(16) || !width.is_multiple_of(head) {
            return Err(bad(format!("heads {head} wide do not fit the width {width} or its three axes")));
        }
        if inputs % (PATCH * PATCH) != 0 || outputs % (PATCH * PATCH) != 0 || inputs < outputs {
            return Err(bad(format!("a token of {inputs} numbers that becomes {outputs} is no patch of 2 by 2 cells")));
        }
        let this = Self { width, heads: width / head, mlp, context, pooled, tokens: [inputs, outputs] };
        if let Some(settings) = Settings::beside(weights)? {
            settings.only("_class_name", &[json!("FluxTransformer2DModel")])?;
            settings.only("patch_size", &[json!(1)])?;
            settings.agree("num_attention_heads", this.heads)?;
            settings.agree("attention_head_dim", head)?;
            settings.agree("joint_attention_dim", context)?;
            settings.agree("pooled_projection_dim", pooled)?;
            settings.only("axes_dims_rope", &this.axes().map(|it| json!(it)))?;
            settings.nothing_but(&[
                "attention_head_dim",
                "axes_dims_rope",
                "guidance_embeds",
                "in_channels",
                "joint_attention_dim",
                "num_attention_heads",
                "num_layers",
                "num_single_layers",
                "out_channels",
                "patch_size",
                "pooled_projection_dim",
            ])?;
        }
        Ok(this)
    }

    /// Channels of a head that each axis turns: 16, 56 and 56 of 128.
    fn axes(&self) -> [usize; 3] {
        let head = self.width / self.heads;
        [head / 8, head * 7 / 16, head * 7 / 16]
    }
}

/// The network.
struct Flux {
    img_in: Linear,
    txt_in: Linear,
    waves: TimestepEmbedding,
    time_in: Embedder,
    vector_in: Embedder,
    guidance_in: Option<Embedder>,
    double_blocks: Vec<DoubleBlock>,
    single_blocks: Vec<SingleBlock>,
    modulation: Linear,
    linear: Linear,
    config: Config,
}

impl Flux {
    fn new(weights: &Weights, device: &Device) -> Result<Self, LoadError> {
        let config = Config::read(weights)?;
        let Config { width, context, pooled, tokens: [inputs, outputs], .. } = config;
        let double = |index| DoubleBlock::new(&weights.at("double_blocks").at(index), &config, device);
        let single = |index| SingleBlock::new(&weights.at("single_blocks").at(index), &config, device);
        let last = weights.at("final_layer");
        let this = Self {
            img_in: Linear::new(&weights.at("img_in"), inputs, width, device)?,
            txt_in: Linear::new(&weights.at("txt_in"), context, width, device)?,
            waves: TimestepEmbedding::new(WAVES, 0.0, false, device),
            time_in: Embedder::new(&weights.at("time_in"), WAVES, width, device)?,
            vector_in: Embedder::new(&weights.at("vector_in"), pooled, width, device)?,
            guidance_in: match weights.has(GUIDED) {
                true => Some(Embedder::new(&weights.at("guidance_in"), WAVES, width, device)?),
                false => None,
            },
            double_blocks: (0..weights.count("double_blocks")).map(double).collect::<Result<_, _>>()?,
            single_blocks: (0..weights.count("single_blocks")).map(single).collect::<Result<_, _>>()?,
            modulation: Linear::new(&last.at("adaLN_modulation.1"), width, 2 * width, device)?,
            linear: Linear::new(&last.at("linear"), width, outputs, device)?,
            config,
        };
        weights.finish(|_| false)?;
        Ok(this)
    }

    /// What modulates every block, `[B, C]`.
    fn time(&self, timestep: Tensor<1>, vector: Tensor<2>) -> Tensor<2> {
        let waves = |it: Tensor<1>| self.waves.forward(it.mul_scalar(STRETCH));
        let time =
            self.time_in.forward(waves(timestep)) + self.vector_in.forward(vector.clone().narrow(1, 0, self.config.pooled));
        match &self.guidance_in {
            Some(guidance_in) => {
                let guidance = vector.narrow(1, self.config.pooled, 1);
                let batch = guidance.dims()[0];
                time + guidance_in.forward(waves(guidance.reshape([batch])))
            }
            None => time,
        }
    }
}

impl Network for Flux {
    fn forward(&self, call: Call<'_>) -> Result<Samples, Stop> {
        let &[batch, channels, height, width] = call.x.shape() else {
            return Err(Stop::Unfit(format!("FLUX.1 makes pictures, not latents of shape {:?}", call.x.shape())));
        };
        let [inputs, outputs] = self.config.tokens.map(|it| it / (PATCH * PATCH));
        if channels != inputs {
            return Err(Stop::Unfit(format!("the latent has {channels} channels, FLUX.1 sees {inputs}")));
        }
        if call.control.is_some() {
            return Err(Stop::Unfit("control networks of FLUX.1 are not supported".to_owned()));
        }
        let Some(vector) = call.vector else {
            return Err(Stop::Unfit("FLUX.1 needs a pooled prompt".to_owned()));
        };
        let (x, size) = tokens(call.x.tensor());
        let mut img = self.img_in.forward(x);
        let mut txt = self.txt_in.forward(call.context);
        let words = txt.dims()[1];
        let time = kernels::silu(self.time(call.timestep, vector));
        let rope = Rope::new(&places(words, size), &self.config.axes(), THETA, &img.device());
        let skipped = call.hooks.map_or_else(Layers::default, |it| it.skipped);
        let last = |img: Tensor<3>| {
            let [shift, scale] = chunks(&self.modulation, &time);
            let y = pictures(self.linear.forward(normalise(img, shift, scale)), outputs, size);
            debug_assert_eq!(y.dims()[0], batch);
            Samples::new(y.narrow(2, 0, height).narrow(3, 0, width))
        };
        let mut shortcut = Shortcut::new(call.hooks.as_ref());
        for (index, block) in self.double_blocks.iter().enumerate().filter(|it| !Layers::has(skipped.double, it.0)) {
            call.watch.check()?;
            let before = img.clone();
            (img, txt) = block.forward(img, txt, &time, &rope);
            if index == 0
                && let Some(arrived) = shortcut.taken(before, &img)
            {
                return Ok(last(arrived));
            }
        }
        let mut x = Tensor::cat(vec![txt, img], 1);
        for (_, block) in self.single_blocks.iter().enumerate().filter(|it| !Layers::has(skipped.single, it.0)) {
            call.watch.check()?;
            x = block.forward(x, &time, &rope);
        }
        let img = x.narrow(1, words, size[0] * size[1]);
        shortcut.arrived(&img);
        Ok(last(img))
    }

    fn check(&self, patches: &[Patch]) -> Result<(), Stop> {
        refused(patches, about_blocks)
    }

    fn extra_channels(&self) -> usize {
        (self.config.tokens[0] - self.config.tokens[1]) / (PATCH * PATCH)
    }

    fn context_width(&self) -> usize {
        self.config.context
    }

    /// The pooled prompt and, where the network hears of it, the guidance behind it.
    fn vector(&self, about: &About<'_>) -> Result<Option<Tensor<2>>, Stop> {
        let Config { pooled: wanted, .. } = self.config;
        let device = about.cond.context.device();
        let pooled = about.cond.pooled.clone().unwrap_or_else(|| Tensor::zeros([1, wanted], &device));
        let [rows, width] = pooled.dims();
        if width < wanted {
            return Err(Stop::Unfit(format!(
                "the pooled prompt is {width} wide, FLUX.1 reads {wanted}: load its text encoders with DualCLIPLoader, type flux"
            )));
        }
        let pooled = pooled.narrow(1, 0, wanted);
        let guidance = self.guidance_in.as_ref().map(|_| about.cond.guidance.unwrap_or(GUIDANCE));
        Ok(Some(match guidance {
            Some(guidance) => {
                let guidance = Tensor::full([rows, 1], guidance as f32, &pooled.device());
                Tensor::cat(vec![pooled, guidance], 1)
            }
            None => pooled,
        }))
    }
}

/// Cuts a latent into tokens of 2 by 2 cells; where its sides are odd it goes on from its other end.
///
/// # Shapes
/// x `[B, c, h, w]` → `[B, N, 4c]`, and how many tokens there are down and across.
pub(super) fn tokens(mut x: Tensor<4>) -> (Tensor<3>, [usize; 2]) {
    for side in [2, 3] {
        if !x.dims()[side].is_multiple_of(PATCH) {
            let first = x.clone().narrow(side, 0, 1);
            x = Tensor::cat(vec![x, first], side);
        }
    }
    let [b, c, h, w] = x.dims();
    let (down, across) = (h / PATCH, w / PATCH);
    let x = x.reshape([b, c, down, PATCH, across, PATCH]).permute([0, 2, 4, 1, 3, 5]);
    (x.reshape([b, down * across, c * PATCH * PATCH]), [down, across])
}

/// The way back from [`tokens`], `[B, N, 4c]` → `[B, c, h, w]`.
fn pictures(x: Tensor<3>, channels: usize, [down, across]: [usize; 2]) -> Tensor<4> {
    let batch = x.dims()[0];
    let x = x.reshape([batch, down, across, channels, PATCH, PATCH]).permute([0, 3, 1, 4, 2, 5]);
    x.reshape([batch, channels, down * PATCH, across * PATCH])
}

/// Where tokens are: words at the origin, those of the picture by row and column.
fn places(words: usize, [down, across]: [usize; 2]) -> Vec<Vec<f64>> {
    let picture = (0..down).flat_map(|y| (0..across).map(move |x| vec![0.0, y as f64, x as f64]));
    std::iter::repeat_n(vec![0.0; 3], words).chain(picture).collect()
}

/// Two layers with a SiLU between them.
struct Embedder {
    in_layer: Linear,
    out_layer: Linear,
}

impl Embedder {
    fn new(weights: &Weights, inputs: usize, width: usize, device: &Device) -> Result<Self, LoadError> {
        Ok(Self {
            in_layer: Linear::new(&weights.at("in_layer"), inputs, width, device)?,
            out_layer: Linear::new(&weights.at("out_layer"), width, width, device)?,
        })
    }

    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.out_layer.forward(kernels::silu(self.in_layer.forward(x)))
    }
}

/// The parts of a modulation, `[B, 1, C]` each, of the time `[B, C]`, SiLU applied.
pub(super) fn chunks<const PARTS: usize>(layer: &Linear, time: &Tensor<2>) -> [Tensor<3>; PARTS] {
    let all = layer.forward(time.clone());
    let [batch, total] = all.dims();
    let width = total / PARTS;
    std::array::from_fn(|part| all.clone().narrow(1, part * width, width).reshape([batch, 1, width]))
}

/// Normalises the queries and keys of each head.
struct QkNorm {
    query_norm: RmsNorm,
    key_norm: RmsNorm,
}

impl QkNorm {
    fn new(weights: &Weights, config: &Config, device: &Device) -> Result<Self, LoadError> {
        let norm = |name| RmsNorm::new(&weights.at(name), "scale", config.width / config.heads, 1e-6, device);
        Ok(Self { query_norm: norm("query_norm")?, key_norm: norm("key_norm")? })
    }

    /// Cuts `[B, N, 3C]` into normalised queries and keys, and values, `[B, N, H, D]`.
    fn split(&self, qkv: Tensor<3>, heads: usize) -> [Tensor<4>; 3] {
        let [b, n, total] = qkv.dims();
        let width = total / 3;
        let part = |index| qkv.clone().narrow(2, index * width, width).reshape([b, n, heads, width / heads]);
        [self.query_norm.forward(part(0)), self.key_norm.forward(part(1)), part(2)]
    }
}

/// Attention of everybody to everybody, `[B, N, H, D]` → `[B, N, C]`.
fn attend([q, k, v]: [Tensor<4>; 3], rope: &Rope) -> Tensor<3> {
    let [b, n, h, d] = q.dims();
    let turned = |it| rope.turn(it, Pairs::Neighbours).swap_dims(1, 2);
    let out = kernels::attention(turned(q), turned(k), v.swap_dims(1, 2), None, AttentionOptions::default());
    out.swap_dims(1, 2).reshape([b, n, h * d])
}

/// One side of a two-stream block.
struct Stream {
    modulation: Linear,
    qkv: Linear,
    norm: QkNorm,
    proj: Linear,
    mlp: (Linear, Linear),
}

impl Stream {
    fn new(weights: &Weights, side: &str, config: &Config, device: &Device) -> Result<Self, LoadError> {
        let Config { width, mlp, .. } = *config;
        let (attention, layers) = (weights.at(format!("{side}_attn")), weights.at(format!("{side}_mlp")));
        let qkv = attention.at("qkv");
        Ok(Self {
            modulation: Linear::new(&weights.at(format!("{side}_mod.lin")), width, 6 * width, device)?,
            qkv: match qkv.has("bias") {
                true => Linear::new(&qkv, width, 3 * width, device)?,
                false => Linear::without_bias(&qkv, width, 3 * width, device)?,
            },
            norm: QkNorm::new(&attention.at("norm"), config, device)?,
            proj: Linear::new(&attention.at("proj"), width, width, device)?,
            mlp: (Linear::new(&layers.at(0), width, mlp, device)?, Linear::new(&layers.at(2), mlp, width, device)?),
        })
    }

    /// Adds what attention said, `[B, N, C]`, and what the two layers make of it.
    fn add(&self, x: Tensor<3>, said: Tensor<3>, [gate, shift, scale, last]: [Tensor<3>; 4]) -> Tensor<3> {
        let x = x + gate * self.proj.forward(said);
        let y = kernels::gelu_tanh(self.mlp.0.forward(normalise(x.clone(), shift, scale)));
        x + last * self.mlp.1.forward(y)
    }
}

/// Text and picture attend to each other, each with weights of its own.
struct DoubleBlock {
    img: Stream,
    txt: Stream,
    heads: usize,
}

impl DoubleBlock {
    fn new(weights: &Weights, config: &Config, device: &Device) -> Result<Self, LoadError> {
        let stream = |side| Stream::new(weights, side, config, device);
        Ok(Self { img: stream("img")?, txt: stream("txt")?, heads: config.heads })
    }

    /// img `[B, N, C]`, txt `[B, T, C]`, time `[B, C]` → (img, txt).
    fn forward(&self, img: Tensor<3>, txt: Tensor<3>, time: &Tensor<2>, rope: &Rope) -> (Tensor<3>, Tensor<3>) {
        let seen = |stream: &Stream, x: &Tensor<3>| {
            let [shift, scale, gate, shift2, scale2, gate2] = chunks(&stream.modulation, time);
            let qkv = stream.qkv.forward(normalise(x.clone(), shift, scale));
            (stream.norm.split(qkv, self.heads), [gate, shift2, scale2, gate2])
        };
        let ([qt, kt, vt], txt_rest) = seen(&self.txt, &txt);
        let ([qi, ki, vi], img_rest) = seen(&self.img, &img);
        let joined = [[qt, qi], [kt, ki], [vt, vi]].map(|it| Tensor::cat(it.to_vec(), 1));
        let said = attend(joined, rope);
        let (words, cells) = (txt.dims()[1], img.dims()[1]);
        let img = self.img.add(img, said.clone().narrow(1, words, cells), img_rest);
        (img, self.txt.add(txt, said.narrow(1, 0, words), txt_rest))
    }
}

/// Text and picture as one: attention and the two layers side by side.
struct SingleBlock {
    linear1: Linear,
    linear2: Linear,
    norm: QkNorm,
    modulation: Linear,
    heads: usize,
    width: usize,
    mlp: usize,
}

impl SingleBlock {
    fn new(weights: &Weights, config: &Config, device: &Device) -> Result<Self, LoadError> {
        let Config { width, heads, mlp, .. } = *config;
        Ok(Self {
            linear1: Linear::new(&weights.at("linear1"), width, 3 * width + mlp, device)?,
            linear2: Linear::new(&weights.at("linear2"), width + mlp, width, device)?,
            norm: QkNorm::new(&weights.at("norm"), config, device)?,
            modulation: Linear::new(&weights.at("modulation.lin"), width, 3 * width, device)?,
            heads,
            width,
            mlp,
        })
    }

    /// x `[B, T + N, C]`, time `[B, C]` → the shape of x.
    fn forward(&self, x: Tensor<3>, time: &Tensor<2>, rope: &Rope) -> Tensor<3> {
        let [shift, scale, gate] = chunks(&self.modulation, time);
        let all = self.linear1.forward(normalise(x.clone(), shift, scale));
        let said = attend(self.norm.split(all.clone().narrow(2, 0, 3 * self.width), self.heads), rope);
        let inner = kernels::gelu_tanh(all.narrow(2, 3 * self.width, self.mlp));
        x + gate * self.linear2.forward(Tensor::cat(vec![said, inner], 2))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Model;
    use crate::golden::{Golden, Names, Transformer, assert_close};

    fn network<'a>(golden: &'a Golden, names: Names, guidance: Option<f64>) -> Transformer<'a> {
        let (_folder, weights) = golden.write(names);
        Transformer::new(golden, &weights, "flux", guidance)
    }

    #[test]
    fn the_guided_model_computes_what_diffusers_does_under_both_names() {
        for (case, names) in [("dev", Names::Diffusers), ("dev_original", Names::Original)] {
            let golden = Golden::open("flux", case);
            let run = |guidance| network(&golden, names, guidance).run(1.0, Layers::default(), None);
            assert_close(&run(Some(2.5)), &golden.tensor("y"), 1e-4);
            assert_close(&run(None), &golden.tensor("y_usual"), 1e-4);
        }
    }

    #[test]
    fn a_gguf_file_computes_alike_from_its_blocks() {
        let golden = Golden::open("flux", "dev_original");
        let (_folder, weights) = golden.write_gguf(Names::Original, str::to_owned);
        assert!(weights.types().contains_key("q8_0"), "{:?}", weights.types());
        // The network multiplies errors of 1/250 in the weights.
        let network = Transformer::new(&golden, &weights, "flux", Some(2.5));
        assert_close(&network.run(1.0, Layers::default(), None), &golden.tensor("y"), 3e-2);
    }

    #[test]
    fn the_unguided_model_computes_what_diffusers_does_at_odd_sizes() {
        let golden = Golden::open("flux", "schnell");
        assert_close(&network(&golden, Names::Diffusers, None).run(1.0, Layers::default(), None), &golden.tensor("y"), 1e-4);
    }

    #[test]
    fn the_first_block_cache_guesses_as_that_of_diffusers() {
        for case in ["dev", "schnell"] {
            let golden = Golden::open("flux", case);
            assert_close(&network(&golden, Names::Diffusers, None).run_later(0.9), &golden.tensor("y_later"), 1e-4);
        }
    }

    #[test]
    fn layers_are_left_out_as_if_they_were_not_there() {
        let golden = Golden::open("flux", "dev_original");
        let usual = network(&golden, Names::Original, None);
        for (kind, layers) in
            [("double_blocks", Layers { double: 0b1, single: 0 }), ("single_blocks", Layers { double: 0, single: 0b1 })]
        {
            let (_folder, weights) = golden.write_changed(Names::Original, |tensors| {
                tensors.retain(|it| !it.0.starts_with(&format!("{kind}.0.")));
                tensors.iter_mut().for_each(|it| it.0 = it.0.replace(&format!("{kind}.1."), &format!("{kind}.0.")));
            });
            let shorter = Transformer::new(&golden, &weights, "flux", None);
            assert_close(&usual.run(1.0, layers, None), &shorter.run(1.0, Layers::default(), None), 1e-6);
        }
    }

    #[test]
    fn the_file_says_which_levels_it_knows() {
        let prediction = |case, names| {
            let (_folder, weights) = Golden::open("flux", case).write(names);
            Model::new(&weights).unwrap().prediction
        };
        assert_eq!(prediction("dev_original", Names::Original), Prediction::FluxFlow { shift: 1.15 });
        assert_eq!(prediction("schnell", Names::Diffusers), Prediction::Flow { shift: 1.0, multiplier: 1.0 });
    }

    #[test]
    fn settings_that_the_tensors_contradict_are_errors() {
        let (_folder, weights) = Golden::open("flux", "dev").write_set(&[("axes_dims_rope", json!([8, 12, 12]))]);
        let model = Model::new(&weights).unwrap();
        let error = (model.architecture.build)(&model.weights, &Device::flex()).err().unwrap().to_string();
        assert!(error.contains("axes_dims_rope"), "{error}");
    }
}
