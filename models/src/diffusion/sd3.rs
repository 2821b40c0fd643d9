//! Stable Diffusion 3 and 3.5: a transformer along a rectified flow in which text and picture attend to each other (MMDiT, Esser et al.
//! 2024, arXiv 2403.03206).
//!
//! Reference: Stability-AI/sd3.5 `mmditx.py`, whose tensor names are the canonical ones. Letters: B batch, T tokens of the text, N of
//! the picture, C width, H heads, D width of a head.

use super::flux::{chunks, tokens};
use super::{About, Architecture, Call, Network, Prediction, about_blocks, refused};
use crate::blocks::{Linear, RmsNorm, TimestepEmbedding, normalise};
use crate::sampling::Patch;
use crate::sampling::first_block::Shortcut;
use crate::sampling::patches::Layers;
use crate::settings::Settings;
use crate::text::Family;
use crate::weights::{Layout, Rule, concat, rename, rename_sized, swap_halves, swap_halves_sized};
use crate::{LoadError, Samples, Stop, Weights, latent};
use burn::tensor::{Device, FloatDType, Tensor};
use kernels::AttentionOptions;
use serde_json::json;

/// SD 3 medium, 3.5 medium and 3.5 large. The tensors tell them apart.
pub const SD3: Architecture = Architecture {
    name: "sd3",
    layouts: &[&DIFFUSERS],
    detect: |weights| weights.has("joint_blocks.0.context_block.attn.qkv.weight"),
    build: |weights, device| Ok(Box::new(Sd3::new(weights, device)?)),
    encoders: Family::Sd3,
    latent: latent::SD3,
    prediction: |_| Prediction::Flow { shift: 3.0, multiplier: 1000.0 },
};

/// Width of the sinusoids of times.
const WAVES: usize = 256;
/// Cells of the latent in one token, each way.
const PATCH: usize = 2;
/// Width of a head.
const HEAD: usize = 64;

/// The names of diffusers `SD3Transformer2DModel`.
const DIFFUSERS: Layout = Layout {
    name: "diffusers",
    marker: "pos_embed.proj",
    rules: &[
        rename("pos_embed.proj", "x_embedder.proj"),
        rename("pos_embed.pos_embed", "pos_embed"),
        rename("time_text_embed.timestep_embedder.linear_1", "t_embedder.mlp.0"),
        rename("time_text_embed.timestep_embedder.linear_2", "t_embedder.mlp.2"),
        rename("time_text_embed.text_embedder.linear_1", "y_embedder.mlp.0"),
        rename("time_text_embed.text_embedder.linear_2", "y_embedder.mlp.2"),
        rename("transformer_blocks.{}.norm1.linear", "joint_blocks.{}.x_block.adaLN_modulation.1"),
        concat(
            &["transformer_blocks.{}.attn.to_q", "transformer_blocks.{}.attn.to_k", "transformer_blocks.{}.attn.to_v"],
            "joint_blocks.{}.x_block.attn.qkv",
        ),
        concat(
            &[
                "transformer_blocks.{}.attn.add_q_proj",
                "transformer_blocks.{}.attn.add_k_proj",
                "transformer_blocks.{}.attn.add_v_proj",
            ],
            "joint_blocks.{}.context_block.attn.qkv",
        ),
        concat(
            &["transformer_blocks.{}.attn2.to_q", "transformer_blocks.{}.attn2.to_k", "transformer_blocks.{}.attn2.to_v"],
            "joint_blocks.{}.x_block.attn2.qkv",
        ),
        rename("transformer_blocks.{}.attn.norm_q", "joint_blocks.{}.x_block.attn.ln_q"),
        rename("transformer_blocks.{}.attn.norm_k", "joint_blocks.{}.x_block.attn.ln_k"),
        rename("transformer_blocks.{}.attn.norm_added_q", "joint_blocks.{}.context_block.attn.ln_q"),
        rename("transformer_blocks.{}.attn.norm_added_k", "joint_blocks.{}.context_block.attn.ln_k"),
        rename("transformer_blocks.{}.attn2.norm_q", "joint_blocks.{}.x_block.attn2.ln_q"),
        rename("transformer_blocks.{}.attn2.norm_k", "joint_blocks.{}.x_block.attn2.ln_k"),
        rename("transformer_blocks.{}.attn.to_out.0", "joint_blocks.{}.x_block.attn.proj"),
        rename("transformer_blocks.{}.attn2.to_out.0", "joint_blocks.{}.x_block.attn2.proj"),
        rename("transformer_blocks.{}.attn.to_add_out", "joint_blocks.{}.context_block.attn.proj"),
        rename("transformer_blocks.{}.ff.net.0.proj", "joint_blocks.{}.x_block.mlp.fc1"),
        rename("transformer_blocks.{}.ff.net.2", "joint_blocks.{}.x_block.mlp.fc2"),
        rename("transformer_blocks.{}.ff_context.net.0.proj", "joint_blocks.{}.context_block.mlp.fc1"),
        rename("transformer_blocks.{}.ff_context.net.2", "joint_blocks.{}.context_block.mlp.fc2"),
        swap_halves("norm_out.linear", "final_layer.adaLN_modulation.1"),
        rename("proj_out", "final_layer.linear"),
    ],
    sized: Some(contexts),
};

/// What modulates the text. The last block changes it no more: its modulation has two parts, which diffusers holds the other way
/// around.
fn contexts(weights: &Weights) -> Vec<Rule> {
    let blocks = weights.count("transformer_blocks").max(weights.count("joint_blocks"));
    let rule = |index: usize| {
        let from = format!("transformer_blocks.{index}.norm1_context.linear");
        let to = format!("joint_blocks.{index}.context_block.adaLN_modulation.1");
        if index + 1 == blocks { swap_halves_sized(from, to) } else { rename_sized(from, to) }
    };
    (0..blocks).map(rule).collect()
}

/// Sizes, from the tensors; heads that are not normalised are 64 wide where no `config.json` says otherwise.
#[derive(Clone, Copy, Debug)]
struct Config {
    width: usize,
    heads: usize,
    context: usize,
    pooled: usize,
    channels: usize,
    /// Rows and columns of the table of places.
    places: usize,
}

impl Config {
    fn read(weights: &Weights) -> Result<Self, LoadError> {
        let bad = |reason: String| LoadError::Config { source_name: weights.source().to_owned(), reason };
        let [width, channels] = weights.sizes("x_embedder.proj.weight")?;
        let [_, context] = weights.sizes("context_embedder.weight")?;
        let [_, pooled] = weights.sizes("y_embedder.mlp.0.weight")?;
        let table = weights.shape("pos_embed").ok_or_else(|| weights.missing("pos_embed"))?;
        let count = table.get(1).copied().unwrap_or(0);
        let places = count.isqrt();
        if places == 0 || places * places != count {
            return Err(bad(format!("a table of places of shape {table:?} is not square")));
        }
        let normed = weights.shape("joint_blocks.0.x_block.attn.ln_q.weight").map(|it| it.iter().product::<usize>());
        let settings = Settings::beside(weights)?;
        let head = match (normed, &settings) {
            (Some(head), _) => head,
            (None, Some(settings)) => settings.count("attention_head_dim", HEAD)?,
            (None, None) => HEAD,
        };
        if head == 0 || width % head != 0 {
            return Err(bad(format!("heads {head} wide do not divide the width {width}")));
        }
        if let Some(settings) = settings {
            settings.only("_class_name", &[json!("SD3Transformer2DModel")])?;
            settings.only("patch_size", &[json!(PATCH)])?;
            settings.only("qk_norm", &[json!("rms_norm")])?;
            settings.agree("num_attention_heads", width / head)?;
            settings.agree("attention_head_dim", head)?;
            settings.agree("in_channels", channels)?;
            settings.nothing_but(&[
                "attention_head_dim",
                "caption_projection_dim",
                "dual_attention_layers",
                "in_channels",
                "joint_attention_dim",
                "num_attention_heads",
                "num_layers",
                "out_channels",
                "patch_size",
                "pooled_projection_dim",
                "pos_embed_max_size",
                "qk_norm",
                "sample_size",
            ])?;
        }
        Ok(Self { width, heads: width / head, context, pooled, channels, places })
    }
}

/// The network.
struct Sd3 {
    x_embedder: (Tensor<2>, Tensor<1>),
    pos_embed: Tensor<3>,
    waves: TimestepEmbedding,
    t_embedder: (Linear, Linear),
    y_embedder: (Linear, Linear),
    context_embedder: Linear,
    joint_blocks: Vec<JointBlock>,
    modulation: Linear,
    linear: Linear,
    config: Config,
}

impl Sd3 {
    fn new(weights: &Weights, device: &Device) -> Result<Self, LoadError> {
        let config = Config::read(weights)?;
        let Config { width, context, pooled, channels, places, .. } = config;
        let pair = |name: &str, inputs| -> Result<(Linear, Linear), LoadError> {
            let layers = weights.at(name).at("mlp");
            Ok((Linear::new(&layers.at(0), inputs, width, device)?, Linear::new(&layers.at(2), width, width, device)?))
        };
        let patches = weights.at("x_embedder.proj");
        let kernel: Tensor<4> = patches.tensor("weight", [width, channels, PATCH, PATCH], device)?;
        let last = weights.at("final_layer");
        let blocks = weights.at("joint_blocks");
        let this = Self {
            x_embedder: (kernel.reshape([width, channels * PATCH * PATCH]), patches.tensor("bias", [width], device)?),
            pos_embed: weights.tensor("pos_embed", [1, places * places, width], device)?.cast(FloatDType::F32),
            waves: TimestepEmbedding::new(WAVES, 0.0, false, device),
            t_embedder: pair("t_embedder", WAVES)?,
            y_embedder: pair("y_embedder", pooled)?,
            context_embedder: Linear::new(&weights.at("context_embedder"), context, width, device)?,
            joint_blocks: (0..weights.count("joint_blocks"))
                .map(|index| JointBlock::new(&blocks.at(index), &config, device))
                .collect::<Result<_, _>>()?,
            modulation: Linear::new(&last.at("adaLN_modulation.1"), width, 2 * width, device)?,
            linear: Linear::new(&last.at("linear"), width, channels * PATCH * PATCH, device)?,
            config,
        };
        weights.finish(|_| false)?;
        Ok(this)
    }

    /// The middle of the table of places, `[1, N, C]`.
    fn places(&self, [down, across]: [usize; 2]) -> Result<Tensor<3>, Stop> {
        let Config { places, width, .. } = self.config;
        if down > places || across > places {
            let most = places * PATCH;
            return Err(Stop::Unfit(format!(
                "this model knows latents of at most {most} by {most} cells: make a smaller picture"
            )));
        }
        let table = self.pos_embed.clone().reshape([places, places, width]);
        let middle = table.narrow(0, (places - down) / 2, down).narrow(1, (places - across) / 2, across);
        Ok(middle.reshape([1, down * across, width]))
    }
}

impl Network for Sd3 {
    fn forward(&self, call: Call<'_>) -> Result<Samples, Stop> {
        let &[_, channels, height, width] = call.x.shape() else {
            return Err(Stop::Unfit(format!("Stable Diffusion 3 makes pictures, not latents of shape {:?}", call.x.shape())));
        };
        if channels != self.config.channels {
            return Err(Stop::Unfit(format!("the latent has {channels} channels, this model sees {}", self.config.channels)));
        }
        if call.control.is_some() {
            return Err(Stop::Unfit("control networks of Stable Diffusion 3 are not supported".to_owned()));
        }
        let Some(vector) = call.vector else {
            return Err(Stop::Unfit("Stable Diffusion 3 needs a pooled prompt".to_owned()));
        };
        let through = |pair: &(Linear, Linear), x: Tensor<2>| pair.1.forward(kernels::silu(pair.0.forward(x)));
        let (x, size) = tokens(call.x.tensor());
        let (kernel, bias) = self.x_embedder.clone();
        let mut x = kernels::linear(x, kernel, Some(bias)) + self.places(size)?;
        let time = through(&self.t_embedder, self.waves.forward(call.timestep)) + through(&self.y_embedder, vector);
        let time = kernels::silu(time);
        let mut context = Some(self.context_embedder.forward(call.context));
        let skipped = call.hooks.map_or_else(Layers::default, |it| it.skipped);
        let last = |x: Tensor<3>| {
            let [shift, scale] = chunks(&self.modulation, &time);
            let x = self.linear.forward(normalise(x, shift, scale));
            let (batch, [down, across]) = (x.dims()[0], size);
            let x = x.reshape([batch, down, across, PATCH, PATCH, channels]).permute([0, 5, 1, 3, 2, 4]);
            let x = x.reshape([batch, channels, down * PATCH, across * PATCH]);
            Samples::new(x.narrow(2, 0, height).narrow(3, 0, width))
        };
        let mut shortcut = Shortcut::new(call.hooks.as_ref());
        for (index, block) in self.joint_blocks.iter().enumerate().filter(|it| !Layers::has(skipped.double, it.0)) {
            call.watch.check()?;
            let Some(text) = context.take() else { break };
            let before = x.clone();
            (x, context) = block.forward(x, text, &time);
            if index == 0
                && let Some(arrived) = shortcut.taken(before, &x)
            {
                return Ok(last(arrived));
            }
        }
        shortcut.arrived(&x);
        Ok(last(x))
    }

    fn check(&self, patches: &[Patch]) -> Result<(), Stop> {
        refused(patches, about_blocks)
    }

    fn extra_channels(&self) -> usize {
        0
    }

    fn context_width(&self) -> usize {
        self.config.context
    }

    fn vector(&self, about: &About<'_>) -> Result<Option<Tensor<2>>, Stop> {
        let wanted = self.config.pooled;
        let pooled = about.cond.pooled.clone();
        let pooled = pooled.unwrap_or_else(|| Tensor::zeros([1, wanted], &about.cond.context.device()));
        if pooled.dims()[1] != wanted {
            return Err(Stop::Unfit(format!(
                "the pooled prompt is {} wide, this model reads {wanted}: load its text encoders with TripleCLIPLoader",
                pooled.dims()[1]
            )));
        }
        Ok(Some(pooled))
    }
}

/// Queries, keys and values of one side, and what becomes of the answer.
struct Attention {
    qkv: Linear,
    norms: Option<(RmsNorm, RmsNorm)>,
    /// Absent where the answer is not needed.
    proj: Option<Linear>,
}

impl Attention {
    fn new(weights: &Weights, config: &Config, device: &Device) -> Result<Self, LoadError> {
        let Config { width, heads, .. } = *config;
        let norm = |name| RmsNorm::new(&weights.at(name), "weight", width / heads, 1e-6, device);
        Ok(Self {
            qkv: Linear::new(&weights.at("qkv"), width, 3 * width, device)?,
            norms: if weights.has("ln_q.weight") { Some((norm("ln_q")?, norm("ln_k")?)) } else { None },
            proj: match weights.has("proj.weight") {
                true => Some(Linear::new(&weights.at("proj"), width, width, device)?),
                false => None,
            },
        })
    }

    /// `[B, N, C]` → `[B, N, H, D]` three times.
    fn split(&self, x: Tensor<3>, heads: usize) -> [Tensor<4>; 3] {
        let qkv = self.qkv.forward(x);
        let [b, n, total] = qkv.dims();
        let width = total / 3;
        let part = |index| qkv.clone().narrow(2, index * width, width).reshape([b, n, heads, width / heads]);
        match &self.norms {
            Some((q, k)) => [q.forward(part(0)), k.forward(part(1)), part(2)],
            None => [part(0), part(1), part(2)],
        }
    }
}

/// Attention of everybody to everybody, `[B, N, H, D]` → `[B, N, C]`.
fn attend(qkv: [Tensor<4>; 3]) -> Tensor<3> {
    let [b, n, h, d] = qkv[0].dims();
    let [q, k, v] = qkv.map(|it| it.swap_dims(1, 2));
    let out = kernels::attention(q, k, v, None, AttentionOptions::default());
    out.swap_dims(1, 2).reshape([b, n, h * d])
}

/// One side of a block.
struct Side {
    modulation: Linear,
    attn: Attention,
    /// Attention of the picture to itself alone.
    attn2: Option<Attention>,
    /// Absent where the side ends here.
    mlp: Option<(Linear, Linear)>,
}

impl Side {
    fn new(weights: &Weights, config: &Config, device: &Device) -> Result<Self, LoadError> {
        let width = config.width;
        let attn2 = match weights.has("attn2.qkv.weight") {
            true => Some(Attention::new(&weights.at("attn2"), config, device)?),
            false => None,
        };
        let mlp = match weights.has("mlp.fc1.weight") {
            true => {
                let layers = weights.at("mlp");
                let [hidden, _] = layers.sizes("fc1.weight")?;
                Some((
                    Linear::new(&layers.at("fc1"), width, hidden, device)?,
                    Linear::new(&layers.at("fc2"), hidden, width, device)?,
                ))
            }
            false => None,
        };
        let parts = if attn2.is_some() {
            9
        } else if mlp.is_some() {
            6
        } else {
            2
        };
        Ok(Self {
            modulation: Linear::new(&weights.at("adaLN_modulation.1"), width, parts * width, device)?,
            attn: Attention::new(&weights.at("attn"), config, device)?,
            attn2,
            mlp,
        })
    }

    /// What the side is like under this time, in six or nine parts of which the first are shift and scale.
    fn parts(&self, time: &Tensor<2>) -> Vec<Tensor<3>> {
        match (&self.attn2, &self.mlp) {
            (Some(_), _) => chunks::<9>(&self.modulation, time).to_vec(),
            (None, Some(_)) => chunks::<6>(&self.modulation, time).to_vec(),
            (None, None) => chunks::<2>(&self.modulation, time).to_vec(),
        }
    }

    /// Adds the answer of the joint attention, `[B, N, C]`, and what follows; `None` where the side ends.
    fn add(&self, x: Tensor<3>, said: Tensor<3>, parts: &[Tensor<3>], heads: usize) -> Option<Tensor<3>> {
        let ((proj, mlp), part) = (self.attn.proj.as_ref().zip(self.mlp.as_ref())?, |index: usize| parts[index].clone());
        let mut y = x.clone() + part(2) * proj.forward(said);
        if let Some((attn2, proj)) = self.attn2.as_ref().and_then(|it| Some((it, it.proj.as_ref()?))) {
            let said = attend(attn2.split(normalise(x, part(6), part(7)), heads));
            y = y + part(8) * proj.forward(said);
        }
        let inner = kernels::gelu_tanh(mlp.0.forward(normalise(y.clone(), part(3), part(4))));
        Some(y + part(5) * mlp.1.forward(inner))
    }
}

/// Text and picture attend to each other, each with weights of its own.
struct JointBlock {
    x_block: Side,
    context_block: Side,
    heads: usize,
}

impl JointBlock {
    fn new(weights: &Weights, config: &Config, device: &Device) -> Result<Self, LoadError> {
        let this = Self {
            x_block: Side::new(&weights.at("x_block"), config, device)?,
            context_block: Side::new(&weights.at("context_block"), config, device)?,
            heads: config.heads,
        };
        match (&this.x_block.attn.proj, &this.x_block.mlp) {
            (Some(_), Some(_)) => Ok(this),
            (None, _) => Err(weights.missing("x_block.attn.proj.weight")),
            (_, None) => Err(weights.missing("x_block.mlp.fc1.weight")),
        }
    }

    /// x `[B, N, C]`, text `[B, T, C]`, time `[B, C]` → (x, text), where the text goes on.
    fn forward(&self, x: Tensor<3>, text: Tensor<3>, time: &Tensor<2>) -> (Tensor<3>, Option<Tensor<3>>) {
        let seen = |side: &Side, x: &Tensor<3>| {
            let parts = side.parts(time);
            (side.attn.split(normalise(x.clone(), parts[0].clone(), parts[1].clone()), self.heads), parts)
        };
        let ([qt, kt, vt], text_parts) = seen(&self.context_block, &text);
        let ([qx, kx, vx], x_parts) = seen(&self.x_block, &x);
        let said = attend([[qt, qx], [kt, kx], [vt, vx]].map(|it| Tensor::cat(it.to_vec(), 1)));
        let (words, cells) = (text.dims()[1], x.dims()[1]);
        let x = self.x_block.add(x, said.clone().narrow(1, words, cells), &x_parts, self.heads);
        let x = x.expect("checked when it was made");
        (x, self.context_block.add(text, said.narrow(1, 0, words), &text_parts, self.heads))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden::{Golden, Names, Transformer, assert_close};
    use crate::{Model, Unwatched};

    #[test]
    fn all_three_compute_what_diffusers_does_under_both_names() {
        for (case, names) in [
            ("medium", Names::Diffusers),
            ("large35", Names::Diffusers),
            ("medium35", Names::Diffusers),
            ("medium35_original", Names::Original),
        ] {
            let golden = Golden::open("sd3", case);
            let (_folder, weights) = golden.write(names);
            let network = Transformer::new(&golden, &weights, "sd3", None);
            assert_close(&network.run(1.0, Layers::default(), None), &golden.tensor("y"), 1e-4);
            let skipped = Layers { double: 0b1, single: 0 };
            assert_close(&network.run(1.0, skipped, None), &golden.tensor("y_skipped"), 1e-4);
            assert_close(&network.run_later(0.9), &golden.tensor("y_later"), 1e-4);
        }
    }

    #[test]
    fn a_picture_beyond_the_table_of_places_is_an_error() {
        let golden = Golden::open("sd3", "medium");
        let (_folder, weights) = golden.write(Names::Diffusers);
        let model = Model::new(&weights).unwrap();
        let network = (model.architecture.build)(&model.weights, &Device::flex()).unwrap();
        let device = Device::flex();
        let call = Call {
            x: Samples::new(Tensor::<4>::zeros([1, 16, 40, 4], &device)),
            timestep: Tensor::zeros([1], &device),
            context: Tensor::zeros([1, 2, network.context_width()], &device),
            vector: Some(Tensor::zeros([1, 20], &device)),
            control: None,
            hooks: None,
            watch: &Unwatched,
        };
        assert!(matches!(network.forward(call), Err(Stop::Unfit(_))));
    }
}
