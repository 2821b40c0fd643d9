//! The encoder of T5 v1.1 (Raffel et al. 2019, arXiv 1910.10683) and of UMT5 (Chung et al. 2023, arXiv 2304.09151).
//!
//! Reference: transformers 5.23 `models/t5/modeling_t5.py` `T5EncoderModel` and `models/umt5/modeling_umt5.py`. They differ in one
//! thing, which the tensors tell: UMT5 has a table of distances in every layer, T5 in the first only. Shapes: B prompts, T tokens, C
//! width, H heads.

use super::network::{Chunks, Encode, Sizes, States};
use super::prompt::Padding;
use super::{Architecture, Tokenizer, int_tensor};
use crate::blocks::{Embedding, Linear, RmsNorm};
use crate::weights::{Layout, rename};
use crate::{LoadError, Stop, Watch, Weights};
use burn::tensor::{Device, Int, Tensor};
use kernels::AttentionOptions;

/// T5 v1.1 and UMT5 of any size.
pub const T5: Architecture = Architecture {
    name: "t5",
    layouts: &[&LLAMA_CPP],
    detect: |w| {
        w.has("encoder.block.0.layer.0.SelfAttention.q.weight") && w.has("encoder.block.0.layer.1.DenseReluDense.wi_0.weight")
    },
    sizes: |weights, _| Config::read(weights).map(|it| it.sizes()),
    build: |weights, _, device| Ok(Box::new(T5Encoder::new(weights, device)?)),
    padding: Padding::Zero,
    tokenizer: Tokenizer::t5,
    framed: false,
    pools: false,
    layer: -1,
    normed: true,
    gelu: true,
    embedding: "t5xxl",
};

/// The names of llama.cpp, which GGUF files have.
const LLAMA_CPP: Layout = Layout {
    name: "llama.cpp",
    marker: "enc.blk.{}.attn_q",
    rules: &[
        rename("token_embd", "shared"),
        rename("enc.output_norm", "encoder.final_layer_norm"),
        rename("enc.blk.{}.attn_norm", "encoder.block.{}.layer.0.layer_norm"),
        rename("enc.blk.{}.attn_q", "encoder.block.{}.layer.0.SelfAttention.q"),
        rename("enc.blk.{}.attn_k", "encoder.block.{}.layer.0.SelfAttention.k"),
        rename("enc.blk.{}.attn_v", "encoder.block.{}.layer.0.SelfAttention.v"),
        rename("enc.blk.{}.attn_o", "encoder.block.{}.layer.0.SelfAttention.o"),
        rename("enc.blk.{}.attn_rel_b", "encoder.block.{}.layer.0.SelfAttention.relative_attention_bias"),
        rename("enc.blk.{}.ffn_norm", "encoder.block.{}.layer.1.layer_norm"),
        rename("enc.blk.{}.ffn_gate", "encoder.block.{}.layer.1.DenseReluDense.wi_0"),
        rename("enc.blk.{}.ffn_up", "encoder.block.{}.layer.1.DenseReluDense.wi_1"),
        rename("enc.blk.{}.ffn_down", "encoder.block.{}.layer.1.DenseReluDense.wo"),
        rename("dec", "decoder"),
    ],
    sized: None,
};

/// The least tokens that FLUX.1 and its kin were trained with.
const LEAST: usize = 256;
/// Distances beyond this are all alike.
const FARTHEST: f64 = 128.0;
/// Nobody has more heads, nor tells more distances apart.
const MOST: usize = 1 << 12;

/// Sizes, all of them from the tensors.
#[derive(Clone, Copy, Debug)]
struct Config {
    vocabulary: usize,
    width: usize,
    layers: usize,
    /// Width of all heads together.
    inner: usize,
    heads: usize,
    /// How many distances are told apart, both ways.
    buckets: usize,
    /// Width between the two layers of a block.
    hidden: usize,
}

impl Config {
    fn read(weights: &Weights) -> Result<Self, LoadError> {
        let [vocabulary, width] = weights.sizes(table(weights))?;
        let first = "encoder.block.0.layer.";
        let [inner, _] = weights.sizes(&format!("{first}0.SelfAttention.q.weight"))?;
        let [buckets, heads] = weights.sizes(&format!("{first}0.SelfAttention.relative_attention_bias.weight"))?;
        let [hidden, _] = weights.sizes(&format!("{first}1.DenseReluDense.wi_0.weight"))?;
        if !inner.is_multiple_of(heads) || heads > MOST || !(4..=MOST).contains(&buckets) {
            let reason = format!("{heads} heads that tell {buckets} distances apart do not fit {inner} channels");
            return Err(LoadError::Config { source_name: weights.source().to_owned(), reason });
        }
        Ok(Self { vocabulary, width, layers: weights.count("encoder.block"), inner, heads, buckets, hidden })
    }

    fn sizes(&self) -> Sizes {
        let Self { vocabulary, width, layers, .. } = *self;
        Sizes { vocabulary, width, layers, nominal_layers: layers, chunks: Chunks::One { least: LEAST } }
    }
}

/// The token table, which some files hold under the encoder's own name, or under both.
fn table(weights: &Weights) -> &'static str {
    if weights.has("shared.weight") { "shared.weight" } else { "encoder.embed_tokens.weight" }
}

/// The network in memory.
struct T5Encoder {
    shared: Embedding,
    blocks: Vec<Block>,
    final_layer_norm: RmsNorm,
    config: Config,
}

impl T5Encoder {
    fn new(weights: &Weights, device: &Device) -> Result<Self, LoadError> {
        let config = Config::read(weights)?;
        let Config { vocabulary, width, layers, .. } = config;
        let encoder = weights.at("encoder");
        let shared = weights.at(table(weights).trim_end_matches(".weight"));
        let block = |index| Block::new(&encoder.at("block").at(index), &config, device);
        let this = Self {
            shared: Embedding::new(&shared, vocabulary, width, device)?,
            blocks: (0..layers).map(block).collect::<Result<_, _>>()?,
            final_layer_norm: RmsNorm::new(&encoder.at("final_layer_norm"), "weight", width, 1e-6, device)?,
            config,
        };
        // A whole T5 brings its decoder; some files bring the tokenizer's model, or say that numbers of 8 bits are scaled.
        weights.finish(|name| {
            name == "encoder.embed_tokens.weight"
                || name == "spiece_model"
                || name == "lm_head.weight"
                || name.starts_with("decoder.")
        })?;
        Ok(this)
    }
}

impl Encode for T5Encoder {
    fn embed(&self, ids: Tensor<2, Int>) -> Tensor<3> {
        self.shared.forward(ids)
    }

    fn forward(&self, mut x: Tensor<3>, kept: usize, normed: bool, watch: &dyn Watch) -> Result<States, Stop> {
        let buckets = buckets(x.dims()[1], self.config.buckets);
        let (mut bias, mut hidden) = (None, None);
        for (index, block) in self.blocks.iter().enumerate() {
            watch.check()?;
            if let Some(table) = &block.distances {
                bias = Some(spread(table, &buckets, x.dims()[1]));
            }
            x = block.forward(x, bias.clone());
            if index == kept {
                hidden = Some(x.clone());
            }
        }
        let last = self.final_layer_norm.forward(x);
        let kept = match hidden {
            Some(_) if normed && kept + 1 == self.blocks.len() => last.clone(),
            Some(hidden) if normed => self.final_layer_norm.forward(hidden),
            Some(hidden) => hidden,
            None => last.clone(),
        };
        Ok(States { kept, last })
    }

    fn project(&self, state: Tensor<2>) -> Tensor<2> {
        state
    }
}

/// Which of `count` rows of a table of distances stands for each pair of tokens, queries first. Half of them are for tokens behind.
///
/// Near distances have a row each, far ones share them by their logarithm, in f32 as the reference has it.
fn buckets(tokens: usize, count: usize) -> Vec<i64> {
    let half = count / 2;
    let exact = half / 2;
    let row = |distance: usize| {
        if distance < exact {
            return distance;
        }
        let part = (distance as f32 / exact as f32).ln() / (FARTHEST / exact as f64).ln() as f32;
        (exact + (part * (half - exact) as f32) as usize).min(half - 1)
    };
    let rows: Vec<i64> = (0..tokens).map(|it| row(it) as i64).collect();
    let pair = |query: usize, key: usize| if key > query { half as i64 + rows[key - query] } else { rows[query - key] };
    (0..tokens).flat_map(|query| (0..tokens).map(move |key| (query, key))).map(|(query, key)| pair(query, key)).collect()
}

/// What a table `[rows, H]` adds to the scores, `[1, H, T, T]`.
fn spread(table: &Tensor<2>, buckets: &[i64], tokens: usize) -> Tensor<4> {
    let heads = table.dims()[1];
    let rows = table.clone().select(0, int_tensor(buckets.to_vec(), [buckets.len()], &table.device()));
    rows.reshape([1, tokens, tokens, heads]).permute([0, 3, 1, 2])
}

/// Attention, then a gated pair of layers.
struct Block {
    attention_norm: RmsNorm,
    q: Linear,
    k: Linear,
    v: Linear,
    o: Linear,
    /// What distances add to the scores, `[buckets, H]`.
    distances: Option<Tensor<2>>,
    norm: RmsNorm,
    wi_0: Linear,
    wi_1: Linear,
    wo: Linear,
    heads: usize,
}

impl Block {
    fn new(weights: &Weights, config: &Config, device: &Device) -> Result<Self, LoadError> {
        let Config { width, inner, heads, buckets, hidden, .. } = *config;
        let (first, second) = (weights.at("layer.0"), weights.at("layer.1"));
        let (attention, dense) = (first.at("SelfAttention"), second.at("DenseReluDense"));
        let linear = |weights: &Weights, name, inputs, outputs| Linear::without_bias(&weights.at(name), inputs, outputs, device);
        let table = "relative_attention_bias.weight";
        Ok(Self {
            attention_norm: RmsNorm::new(&first.at("layer_norm"), "weight", width, 1e-6, device)?,
            q: linear(&attention, "q", width, inner)?,
            k: linear(&attention, "k", width, inner)?,
            v: linear(&attention, "v", width, inner)?,
            o: linear(&attention, "o", inner, width)?,
            distances: match attention.has(table) {
                true => Some(attention.tensor(table, [buckets, heads], device)?.cast(burn::tensor::FloatDType::F32)),
                false => None,
            },
            norm: RmsNorm::new(&second.at("layer_norm"), "weight", width, 1e-6, device)?,
            wi_0: linear(&dense, "wi_0", width, hidden)?,
            wi_1: linear(&dense, "wi_1", width, hidden)?,
            wo: linear(&dense, "wo", hidden, width)?,
            heads,
        })
    }

    /// x `[B, T, C]`, bias `[1, H, T, T]` → the shape of x.
    fn forward(&self, x: Tensor<3>, bias: Option<Tensor<4>>) -> Tensor<3> {
        let y = self.attention_norm.forward(x.clone());
        let (q, k, v) = (self.q.forward(y.clone()), self.k.forward(y.clone()), self.v.forward(y));
        // The scale is part of the weights.
        let options = AttentionOptions { scale: Some(1.0), ..AttentionOptions::default() };
        let x = x + self.o.forward(kernels::attention_heads(q, k, v, self.heads, bias, options));
        let y = self.norm.forward(x.clone());
        let y = kernels::gelu_tanh(self.wi_0.forward(y.clone())) * self.wi_1.forward(y);
        x + self.wo.forward(y)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden::{Golden, Names, assert_close};
    use crate::text::Clip;
    use crate::{Engine, Unwatched};

    #[test]
    fn t5_and_umt5_encode_as_transformers_does() {
        for case in ["t5", "umt5"] {
            let golden = Golden::open("t5", case);
            let (_folder, weights) = golden.write(Names::Original);
            let (architecture, weights) = crate::text::detect(&weights).unwrap();
            assert_eq!(architecture.name, "t5");
            let network = (architecture.build)(&weights, architecture, &Device::flex()).unwrap();
            let ids: Tensor<2> = golden.tensor("ids");
            let states = network.forward(network.embed(ids.int()), 99, true, &Unwatched).unwrap();
            assert_close(&states.last, &golden.tensor("y"), 1e-4);
        }
    }

    #[test]
    fn a_gguf_file_with_the_names_of_llama_cpp_encodes_alike() {
        let names = [
            ("encoder.block.", "enc.blk."),
            ("encoder.final_layer_norm", "enc.output_norm"),
            ("shared", "token_embd"),
            (".layer.0.SelfAttention.relative_attention_bias", ".attn_rel_b"),
            (".layer.0.SelfAttention.", ".attn_"),
            (".layer.0.layer_norm", ".attn_norm"),
            (".layer.1.layer_norm", ".ffn_norm"),
            (".layer.1.DenseReluDense.wi_0", ".ffn_gate"),
            (".layer.1.DenseReluDense.wi_1", ".ffn_up"),
            (".layer.1.DenseReluDense.wo", ".ffn_down"),
        ];
        for case in ["t5", "umt5"] {
            let golden = Golden::open("t5", case);
            let named = |name: &str| names.iter().fold(name.to_owned(), |name, (from, to)| name.replace(from, to));
            let (_folder, weights) = golden.write_gguf(Names::Original, named);
            assert!(weights.has("enc.blk.0.ffn_down.weight"));
            let (architecture, weights) = crate::text::detect(&weights).unwrap();
            let network = (architecture.build)(&weights, architecture, &Device::flex()).unwrap();
            let ids: Tensor<2> = golden.tensor("ids");
            let states = network.forward(network.embed(ids.int()), 99, true, &Unwatched).unwrap();
            assert_close(&states.last, &golden.tensor("y"), 2e-2);
        }
    }

    #[test]
    fn prompts_are_padded_and_weighted_as_comfyui_does() {
        let golden = Golden::open("t5", "prompts");
        let (_folder, weights) = golden.write(Names::Original);
        let clip = Clip::new(&weights, Tokenizer::t5()).unwrap();
        for (case, prompt) in [("plain", "a cat"), ("weighted", "a (cat:1.5) on (a mat)")] {
            let cond = clip.encode(prompt, &Engine::cpu(), &Unwatched).unwrap().remove(0);
            assert!(cond.pooled.is_none());
            assert_eq!(cond.context.dims()[1], LEAST);
            assert_close(&cond.context.narrow(1, 0, 16), &golden.tensor(case), 1e-4);
        }
    }

    #[test]
    fn a_prompt_beyond_reason_is_an_error() {
        let (_folder, weights) = Golden::open("t5", "prompts").write(Names::Original);
        let clip = Clip::new(&weights, Tokenizer::t5()).unwrap();
        let error = clip.encode(&"cat ".repeat(5000), &Engine::cpu(), &Unwatched).unwrap_err().to_string();
        assert!(error.contains("at most"), "{error}");
    }
}
