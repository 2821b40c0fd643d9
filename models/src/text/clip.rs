//! CLIP's text transformer (Radford et al. 2021, arXiv 2103.00020).
//!
//! Reference: transformers 5.23 `models/clip/modeling_clip.py` `CLIPTextModel`. Shapes: B chunks, T places in a chunk, C width.

use super::network::{Chunks, Encode, Sizes, States};
use super::{Architecture, Tokenizer};
use crate::blocks::{Embedding, LayerNorm, Linear};
use crate::text::prompt::Padding;
use crate::weights::{Layout, rename, split};
use crate::{LoadError, Stop, Watch, Weights};
use burn::tensor::{Device, FloatDType, Int, Tensor};
use kernels::AttentionOptions;

/// OpenAI's CLIP-L, which SD 1.x reads prompts with, and its smaller relatives.
pub const CLIP_L: Architecture = Architecture {
    name: "clip-l",
    layouts: LAYOUTS,
    detect: |w| layers(w).is_some_and(|it| it < 23),
    sizes: |weights, family| Config::read(weights, family).map(|it| it.sizes()),
    build: |weights, family, device| Ok(Box::new(TextModel::new(weights, &Config::read(weights, family)?, device)?)),
    tokenizer: Tokenizer::clip,
    framed: true,
    pools: true,
    padding: Padding::End,
    layer: -1,
    normed: true,
    gelu: false,
    embedding: "clip_l",
};

/// OpenCLIP's ViT-H, which SD 2 reads prompts with. Its last layer has no say; some files leave it out.
pub const CLIP_H: Architecture = Architecture {
    name: "clip-h",
    layouts: LAYOUTS,
    detect: |w| layers(w).is_some_and(|it| (23..30).contains(&it)),
    sizes: |weights, family| Config::read(weights, family).map(|it| it.sizes()),
    build: |weights, family, device| Ok(Box::new(TextModel::new(weights, &Config::read(weights, family)?, device)?)),
    tokenizer: Tokenizer::clip,
    framed: true,
    pools: true,
    padding: Padding::Zero,
    layer: -2,
    normed: true,
    gelu: true,
    embedding: "clip_h",
};

/// OpenCLIP's ViT-bigG, the second encoder of SD XL and the only one of its refiner.
pub const CLIP_G: Architecture = Architecture {
    name: "clip-g",
    layouts: LAYOUTS,
    detect: |w| layers(w).is_some_and(|it| it >= 30),
    sizes: |weights, family| Config::read(weights, family).map(|it| it.sizes()),
    build: |weights, family, device| Ok(Box::new(TextModel::new(weights, &Config::read(weights, family)?, device)?)),
    tokenizer: Tokenizer::clip,
    framed: true,
    pools: true,
    padding: Padding::Zero,
    layer: -2,
    normed: false,
    gelu: true,
    embedding: "clip_g",
};

/// Layers of ViT-H, counted with the last.
const H_LAYERS: usize = 24;

fn layers(weights: &Weights) -> Option<usize> {
    weights.has("text_model.embeddings.token_embedding.weight").then(|| weights.count("text_model.encoder.layers"))
}

/// The canonical names are those of transformers.
const LAYOUTS: &[&Layout] = &[&BARE, &OPENCLIP];

/// As some exporters write it: without the `text_model` around it.
const BARE: Layout = Layout {
    name: "a bare CLIP text model",
    marker: "embeddings.token_embedding",
    rules: &[
        rename("embeddings", "text_model.embeddings"),
        rename("encoder", "text_model.encoder"),
        rename("final_layer_norm", "text_model.final_layer_norm"),
    ],
    sized: None,
};

/// As OpenCLIP writes it.
pub(crate) const OPENCLIP: Layout = Layout {
    name: "OpenCLIP",
    marker: "transformer.resblocks.{}.ln_1",
    rules: &[
        rename("token_embedding", "text_model.embeddings.token_embedding"),
        rename("positional_embedding", "text_model.embeddings.position_embedding.weight"),
        rename("transformer.resblocks.{}.ln_1", "text_model.encoder.layers.{}.layer_norm1"),
        rename("transformer.resblocks.{}.ln_2", "text_model.encoder.layers.{}.layer_norm2"),
        rename("transformer.resblocks.{}.mlp.c_fc", "text_model.encoder.layers.{}.mlp.fc1"),
        rename("transformer.resblocks.{}.mlp.c_proj", "text_model.encoder.layers.{}.mlp.fc2"),
        rename("transformer.resblocks.{}.attn.out_proj", "text_model.encoder.layers.{}.self_attn.out_proj"),
        split(
            "transformer.resblocks.{}.attn.in_proj_weight",
            &[
                "text_model.encoder.layers.{}.self_attn.q_proj.weight",
                "text_model.encoder.layers.{}.self_attn.k_proj.weight",
                "text_model.encoder.layers.{}.self_attn.v_proj.weight",
            ],
        ),
        split(
            "transformer.resblocks.{}.attn.in_proj_bias",
            &[
                "text_model.encoder.layers.{}.self_attn.q_proj.bias",
                "text_model.encoder.layers.{}.self_attn.k_proj.bias",
                "text_model.encoder.layers.{}.self_attn.v_proj.bias",
            ],
        ),
        rename("ln_final", "text_model.final_layer_norm"),
    ],
    sized: None,
};

/// Sizes, from the tensors; what they cannot tell, from `config.json`, or as in CLIP-L.
#[derive(Clone, Debug)]
struct Config {
    /// Tokens it knows.
    vocabulary: usize,
    /// Places in a chunk.
    positions: usize,
    width: usize,
    layers: usize,
    /// The same, with a last one that the file may leave out.
    nominal_layers: usize,
    inner: usize,
    heads: usize,
    activation: Activation,
    eps: f64,
}

#[derive(Clone, Copy, Debug)]
enum Activation {
    QuickGelu,
    Gelu,
}

impl Config {
    /// Reads them.
    ///
    /// # Errors
    /// When a tensor that tells a size is missing, or a size or setting makes no sense.
    fn read(weights: &Weights, architecture: &Architecture) -> Result<Self, LoadError> {
        let bad = |reason: String| LoadError::Config { source_name: weights.source().to_owned(), reason };
        let [vocabulary, width] = weights.sizes("text_model.embeddings.token_embedding.weight")?;
        let [positions, _] = weights.sizes("text_model.embeddings.position_embedding.weight")?;
        let [inner, _] = weights.sizes("text_model.encoder.layers.0.mlp.fc1.weight")?;
        if positions < 3 {
            return Err(bad(format!("a chunk of {positions} places has no room for a start token, a word and an end token")));
        }
        let setting = |name: &str| weights.config().and_then(|it| it.get("text_config").unwrap_or(it).get(name));
        let heads = match setting("num_attention_heads") {
            Some(said) => {
                let heads = said.as_u64().and_then(|it| usize::try_from(it).ok());
                heads.ok_or_else(|| bad(format!("num_attention_heads {said} is not a number of heads")))?
            }
            None => width / 64,
        };
        if heads == 0 || !width.is_multiple_of(heads) {
            return Err(bad(format!("num_attention_heads {heads} does not divide the width {width}")));
        }
        let activation = match setting("hidden_act").map(|it| it.as_str().ok_or(it)) {
            None if architecture.gelu => Activation::Gelu,
            None | Some(Ok("quick_gelu")) => Activation::QuickGelu,
            Some(Ok("gelu")) => Activation::Gelu,
            Some(other) => {
                let said = other.map_or_else(ToString::to_string, str::to_owned);
                return Err(bad(format!("hidden_act `{said}` is not known; `quick_gelu` and `gelu` are")));
            }
        };
        let eps = match setting("layer_norm_eps") {
            Some(said) => said.as_f64().ok_or_else(|| bad(format!("layer_norm_eps is {said}, not a number")))?,
            None => 1e-5,
        };
        let layers = weights.count("text_model.encoder.layers");
        let nominal_layers = if architecture.name == CLIP_H.name { layers.max(H_LAYERS) } else { layers };
        Ok(Self { vocabulary, positions, width, layers, nominal_layers, inner, heads, activation, eps })
    }

    fn sizes(&self) -> Sizes {
        let Self { vocabulary, width, layers, nominal_layers, positions, .. } = *self;
        Sizes { vocabulary, width, layers, nominal_layers, chunks: Chunks::Many { length: positions } }
    }
}

/// The network in memory.
struct TextModel {
    token_embedding: Embedding,
    position_embedding: Tensor<2>,
    layers: Vec<Layer>,
    final_layer_norm: LayerNorm,
    /// From a state to the space that pictures share, `[out, C]`.
    projection: Option<Tensor<2>>,
}

impl TextModel {
    /// Draws all tensors.
    ///
    /// # Errors
    /// When one is missing, misshapen, or has no place here. The picture half of a whole CLIP and the projection into the space that
    /// both share have nothing to do here and may be there.
    fn new(weights: &Weights, config: &Config, device: &Device) -> Result<Self, LoadError> {
        let Config { vocabulary, positions, width, eps, .. } = *config;
        let text = weights.at("text_model");
        let embeddings = text.at("embeddings");
        let model = Self {
            token_embedding: Embedding::new(&embeddings.at("token_embedding"), vocabulary, width, device)?,
            position_embedding: embeddings.tensor("position_embedding.weight", [positions, width], device)?.cast(FloatDType::F32),
            layers: (0..config.layers)
                .map(|index| Layer::new(&text.at("encoder").at("layers").at(index), config, device))
                .collect::<Result<_, _>>()?,
            final_layer_norm: LayerNorm::new(&text.at("final_layer_norm"), width, eps, device)?,
            projection: projection(weights, width, device)?,
        };
        weights.finish(|name| {
            let elsewhere = ["vision_model.", "visual_projection.", "text_projection.bias", "visual."];
            name == "logit_scale" || name.ends_with("position_ids") || elsewhere.iter().any(|it| name.starts_with(it))
        })?;
        Ok(model)
    }
}

impl Encode for TextModel {
    fn embed(&self, ids: Tensor<2, Int>) -> Tensor<3> {
        self.token_embedding.forward(ids)
    }

    fn forward(&self, x: Tensor<3>, kept: usize, normed: bool, watch: &dyn Watch) -> Result<States, Stop> {
        let mut x = x + self.position_embedding.clone().unsqueeze();
        let mut hidden = None;
        for (index, layer) in self.layers.iter().enumerate() {
            watch.check()?;
            x = layer.forward(x);
            if index == kept {
                hidden = Some(x.clone());
            }
        }
        let last = self.final_layer_norm.forward(x);
        let kept = match hidden {
            Some(_) if normed && kept + 1 == self.layers.len() => last.clone(),
            Some(hidden) if normed => self.final_layer_norm.forward(hidden),
            Some(hidden) => hidden,
            None => last.clone(),
        };
        Ok(States { kept, last })
    }

    fn project(&self, state: Tensor<2>) -> Tensor<2> {
        match &self.projection {
            Some(projection) => kernels::linear(state, projection.clone(), None),
            None => state,
        }
    }
}

/// The projection, which OpenCLIP has lying on its side.
fn projection(weights: &Weights, width: usize, device: &Device) -> Result<Option<Tensor<2>>, LoadError> {
    if weights.has("text_projection.weight") {
        let [outputs, _] = weights.sizes("text_projection.weight")?;
        return weights.tensor("text_projection.weight", [outputs, width], device).map(Some);
    }
    if weights.has("text_projection") {
        let [_, outputs] = weights.sizes("text_projection")?;
        let stored: Tensor<2> = weights.tensor("text_projection", [width, outputs], device)?;
        // Drawn once: kernels want rows that lie together.
        let turned = stored.swap_dims(0, 1).into_data();
        let dtype = turned.dtype();
        return Ok(Some(Tensor::from_data(turned, (device, dtype))));
    }
    Ok(None)
}

struct Layer {
    layer_norm1: LayerNorm,
    q_proj: Linear,
    k_proj: Linear,
    v_proj: Linear,
    out_proj: Linear,
    layer_norm2: LayerNorm,
    fc1: Linear,
    fc2: Linear,
    heads: usize,
    activation: Activation,
}

impl Layer {
    fn new(weights: &Weights, config: &Config, device: &Device) -> Result<Self, LoadError> {
        let Config { width, inner, heads, activation, eps, .. } = *config;
        let attention = |name| Linear::new(&weights.at("self_attn").at(name), width, width, device);
        Ok(Self {
            layer_norm1: LayerNorm::new(&weights.at("layer_norm1"), width, eps, device)?,
            q_proj: attention("q_proj")?,
            k_proj: attention("k_proj")?,
            v_proj: attention("v_proj")?,
            out_proj: attention("out_proj")?,
            layer_norm2: LayerNorm::new(&weights.at("layer_norm2"), width, eps, device)?,
            fc1: Linear::new(&weights.at("mlp").at("fc1"), width, inner, device)?,
            fc2: Linear::new(&weights.at("mlp").at("fc2"), inner, width, device)?,
            heads,
            activation,
        })
    }

    /// `[B, T, C]` → the same shape; a token sees itself and those before it.
    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let y = self.layer_norm1.forward(x.clone());
        let (q, k, v) = (self.q_proj.forward(y.clone()), self.k_proj.forward(y.clone()), self.v_proj.forward(y));
        let options = AttentionOptions { causal: true, ..AttentionOptions::default() };
        let x = x + self.out_proj.forward(kernels::attention_heads(q, k, v, self.heads, None, options));
        let y = self.fc1.forward(self.layer_norm2.forward(x.clone()));
        let y = match self.activation {
            Activation::QuickGelu => kernels::quick_gelu(y),
            Activation::Gelu => kernels::gelu(y),
        };
        x + self.fc2.forward(y)
    }
}
