//! The decoder of LLaMA (Touvron et al. 2023, arXiv 2302.13971) and its kin: LLaMA 2 and 3, Mistral, Qwen 2.5 and 3, SmolLM2.
//!
//! Reference: transformers 5.23 `models/llama/modeling_llama.py`, whose tensor names are the canonical ones; `models/mistral`,
//! `models/qwen2` and `models/qwen3` differ in what tensors and settings say. Letters: T tokens, C width, H heads of queries, G of them
//! for one of keys and values (K heads), D width of a head.

use super::config::Config;
use crate::blocks::{Embedding, Joined, Linear, RmsNorm, Rope};
use crate::weights::{Layout, rename};
use crate::{LoadError, Stop, Watch, Weights};
use burn::tensor::{Device, Int, Tensor, TensorData};
use kernels::{AttentionOptions, Pairs};

/// The names of llama.cpp, which GGUF files have.
pub(super) const LLAMA_CPP: Layout = Layout {
    name: "llama.cpp",
    marker: "blk.{}.attn_q",
    rules: &[
        rename("token_embd", "model.embed_tokens"),
        rename("output_norm", "model.norm"),
        rename("output", "lm_head"),
        rename("blk.{}.attn_norm", "model.layers.{}.input_layernorm"),
        rename("blk.{}.attn_q", "model.layers.{}.self_attn.q_proj"),
        rename("blk.{}.attn_k", "model.layers.{}.self_attn.k_proj"),
        rename("blk.{}.attn_v", "model.layers.{}.self_attn.v_proj"),
        rename("blk.{}.attn_output", "model.layers.{}.self_attn.o_proj"),
        rename("blk.{}.attn_q_norm", "model.layers.{}.self_attn.q_norm"),
        rename("blk.{}.attn_k_norm", "model.layers.{}.self_attn.k_norm"),
        rename("blk.{}.ffn_norm", "model.layers.{}.post_attention_layernorm"),
        rename("blk.{}.ffn_gate", "model.layers.{}.mlp.gate_proj"),
        rename("blk.{}.ffn_up", "model.layers.{}.mlp.up_proj"),
        rename("blk.{}.ffn_down", "model.layers.{}.mlp.down_proj"),
    ],
    sized: None,
};

/// Tokens that are read at once: what they see of each other is a table that grows with their square.
const AT_ONCE: usize = 256;
/// Places for which a memory has room at first.
const FIRST_ROOM: usize = 256;

/// The network in memory.
pub(super) struct Decoder {
    embed_tokens: Embedding,
    layers: Vec<Layer>,
    norm: RmsNorm,
    lm_head: Linear,
    config: Config,
    device: Device,
}

/// What a model remembers of the tokens that it has read: their keys and values in each layer, `[1, places, K·D]`.
#[derive(Default)]
pub(super) struct Memory {
    layers: Vec<Option<[Tensor<3>; 2]>>,
    length: usize,
}

impl Memory {
    /// How many tokens were read.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.length
    }

    /// Forgets all tokens but the first ones.
    #[cfg(test)]
    pub(super) fn truncate(&mut self, length: usize) {
        self.length = self.length.min(length);
    }
}

impl Decoder {
    pub(super) fn new(weights: &Weights, device: &Device) -> Result<Self, LoadError> {
        let config = Config::read(weights)?;
        let model = weights.at("model");
        let embed_tokens = Embedding::new(&model.at("embed_tokens"), config.vocabulary, config.width, device)?;
        let layer = |index| Layer::new(&model.at("layers").at(index), &config, index, device);
        let this = Self {
            layers: (0..config.layers).map(layer).collect::<Result<_, _>>()?,
            norm: RmsNorm::new(&model.at("norm"), "weight", config.width, config.eps, device)?,
            lm_head: match weights.has("lm_head.weight") {
                true => Linear::without_bias(&weights.at("lm_head"), config.width, config.vocabulary, device)?,
                false => embed_tokens.head(),
            },
            embed_tokens,
            device: device.clone(),
            config,
        };
        // Angles are computed anew.
        weights.finish(|name| name == "rope_freqs.weight" || name.ends_with("rotary_emb.inv_freq"))?;
        Ok(this)
    }

    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    /// Reads tokens behind those in the memory, and says what may follow the last one: a number for each token it knows.
    ///
    /// # Errors
    /// [`Stop::Cancelled`], asked for between layers; [`Stop::Unfit`] for tokens that it does not know.
    pub(super) fn read(&self, tokens: &[u32], memory: &mut Memory, watch: &dyn Watch) -> Result<Vec<f32>, Stop> {
        let mut last = None;
        for tokens in tokens.chunks(AT_ONCE) {
            let states = self.states(tokens, memory, watch)?;
            let count = states.dims()[1];
            last = Some(states.narrow(1, count - 1, 1));
        }
        let last = last.ok_or_else(|| Stop::Unfit("a language model needs a token to go on from".to_owned()))?;
        Ok(self.lm_head.forward(last).into_data().iter::<f32>().collect())
    }

    /// The states behind the last layer, `[1, T, C]`.
    fn states(&self, tokens: &[u32], memory: &mut Memory, watch: &dyn Watch) -> Result<Tensor<3>, Stop> {
        if let Some(odd) = tokens.iter().find(|it| **it as usize >= self.config.vocabulary) {
            let reason = format!("the model has no token {odd}: it knows {}; its tokenizer is another's", self.config.vocabulary);
            return Err(Stop::Unfit(reason));
        }
        let ids: Vec<i64> = tokens.iter().map(|it| i64::from(*it)).collect();
        let ids: Tensor<2, Int> = Tensor::from_data(TensorData::new(ids, [1, tokens.len()]), &self.device);
        let places = memory.length..memory.length + tokens.len();
        let Config { frequencies, magnitude, .. } = &self.config;
        let rope = Rope::with_frequencies(places, frequencies, *magnitude, &self.device);
        memory.layers.resize_with(self.layers.len(), || None);
        let mut x = self.embed_tokens.forward(ids);
        for (layer, kept) in self.layers.iter().zip(&mut memory.layers) {
            watch.check()?;
            x = layer.forward(x, &rope, kept, memory.length);
        }
        memory.length += tokens.len();
        Ok(self.norm.forward(x))
    }
}

struct Layer {
    input_layernorm: RmsNorm,
    qkv: Joined<3>,
    o_proj: Linear,
    norms: Option<(RmsNorm, RmsNorm)>,
    post_attention_layernorm: RmsNorm,
    gate_up: Joined<2>,
    down_proj: Linear,
    heads: usize,
    kv_heads: usize,
    head: usize,
    pairs: Pairs,
    window: Option<usize>,
}

/// A linear layer with the bias that the file has, if it has one.
fn projection(weights: &Weights, inputs: usize, outputs: usize, device: &Device) -> Result<Linear, LoadError> {
    match weights.has("bias") {
        true => Linear::new(weights, inputs, outputs, device),
        false => Linear::without_bias(weights, inputs, outputs, device),
    }
}

impl Layer {
    fn new(weights: &Weights, config: &Config, index: usize, device: &Device) -> Result<Self, LoadError> {
        let Config { width, heads, kv_heads, head, inner, eps, .. } = *config;
        let (attention, mlp) = (weights.at("self_attn"), weights.at("mlp"));
        let norm = |weights: Weights, width| RmsNorm::new(&weights, "weight", width, eps, device);
        Ok(Self {
            input_layernorm: norm(weights.at("input_layernorm"), width)?,
            qkv: Joined::new(
                [
                    projection(&attention.at("q_proj"), width, heads * head, device)?,
                    projection(&attention.at("k_proj"), width, kv_heads * head, device)?,
                    projection(&attention.at("v_proj"), width, kv_heads * head, device)?,
                ],
                device,
            ),
            o_proj: projection(&attention.at("o_proj"), heads * head, width, device)?,
            norms: match attention.has("q_norm.weight") {
                true => Some((norm(attention.at("q_norm"), head)?, norm(attention.at("k_norm"), head)?)),
                false => None,
            },
            post_attention_layernorm: norm(weights.at("post_attention_layernorm"), width)?,
            gate_up: Joined::new(
                [projection(&mlp.at("gate_proj"), width, inner, device)?, projection(&mlp.at("up_proj"), width, inner, device)?],
                device,
            ),
            down_proj: projection(&mlp.at("down_proj"), inner, width, device)?,
            heads,
            kv_heads,
            head,
            pairs: if config.neighbours { Pairs::Neighbours } else { Pairs::Halves },
            window: config.windows.get(index).copied().flatten(),
        })
    }

    /// x `[1, T, C]` → the same shape; `past` tokens are kept already.
    fn forward(&self, x: Tensor<3>, rope: &Rope, kept: &mut Option<[Tensor<3>; 2]>, past: usize) -> Tensor<3> {
        let normed = self.input_layernorm.forward(x.clone());
        let x = x + self.o_proj.forward(self.attend(normed, rope, kept, past));
        let normed = self.post_attention_layernorm.forward(x.clone());
        x + self.down_proj.forward(kernels::swiglu(self.gate_up.forward(normed)))
    }

    fn attend(&self, x: Tensor<3>, rope: &Rope, kept: &mut Option<[Tensor<3>; 2]>, past: usize) -> Tensor<3> {
        let (tokens, group, head) = (x.dims()[1], self.heads / self.kv_heads, self.head);
        let turned = |x: Tensor<3>, heads: usize, norm: Option<&RmsNorm>| {
            let x = x.reshape([1, tokens, heads, head]);
            let x = norm.map_or_else(|| x.clone(), |it| it.forward(x.clone()));
            rope.turn(x, self.pairs)
        };
        let [q, k, v] = self.qkv.forward_apart(x);
        let q = turned(q, self.heads, self.norms.as_ref().map(|it| &it.0));
        let k = turned(k, self.kv_heads, self.norms.as_ref().map(|it| &it.1));
        let width = self.kv_heads * head;
        let [k, v] = remember(kept, past, [k.reshape([1, tokens, width]), v]);
        // The queries of a group ask one head of keys: they go side by side as if they were tokens, and no key is copied.
        let q = q.reshape([1, tokens, self.kv_heads, group, head]).swap_dims(2, 3).reshape([1, tokens * group, width]);
        let seen = self.seen(tokens, past, group, &q.device());
        let said = kernels::attention_heads(q, k, v, self.kv_heads, seen, AttentionOptions::default());
        let said = said.reshape([1, tokens, group, self.kv_heads, head]).swap_dims(2, 3);
        said.reshape([1, tokens, self.heads * head])
    }

    /// What is added to the scores, `[1, 1, T·G, places]`: nothing where a token sees a place, else -∞. `None` where all see all.
    fn seen(&self, tokens: usize, past: usize, group: usize, device: &Device) -> Option<Tensor<4>> {
        let places = past + tokens;
        let all = tokens == 1 && self.window.is_none_or(|it| places <= it);
        if all {
            return None;
        }
        let mut scores = vec![f32::NEG_INFINITY; tokens * group * places];
        for (row, scores) in scores.chunks_exact_mut(places).enumerate() {
            let own = past + row / group;
            let first = self.window.map_or(0, |it| (own + 1).saturating_sub(it));
            scores[first..=own].fill(0.0);
        }
        Some(Tensor::from_data(TensorData::new(scores, [1, 1, tokens * group, places]), device))
    }
}

/// Puts new keys and values behind those that are kept, and gives all of them.
fn remember(kept: &mut Option<[Tensor<3>; 2]>, past: usize, new: [Tensor<3>; 2]) -> [Tensor<3>; 2] {
    let [_, tokens, width] = new[0].dims();
    let needed = past + tokens;
    let device = new[0].device();
    let room = |size: usize| Tensor::<3>::zeros([1, size, width], &device);
    let old = kept.take().unwrap_or_else(|| {
        let size = needed.max(FIRST_ROOM);
        [room(size), room(size)]
    });
    let [size, _] = [old[0].dims()[1], width];
    let old = if size >= needed {
        old
    } else {
        let more = (needed - size).max(size);
        old.map(|it| Tensor::cat(vec![it, room(more)], 1))
    };
    let [old_keys, old_values] = old;
    let [keys, values] = new;
    // Nobody else holds them: they are written in place.
    let put = |old: Tensor<3>, new: Tensor<3>| old.slice_assign([0..1, past..needed, 0..width], new);
    let all = [put(old_keys, keys), put(old_values, values)];
    let seen = all.clone().map(|it| it.narrow(1, 0, needed));
    *kept = Some(all);
    seen
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Unwatched;
    use crate::golden::{Golden, Names, assert_close};

    fn decoder(golden: &Golden) -> Decoder {
        let (_folder, weights) = golden.write(Names::Diffusers);
        Decoder::new(&weights, &Device::flex()).unwrap()
    }

    fn row(values: Vec<f32>) -> Tensor<2> {
        let count = values.len();
        Tensor::from_data(TensorData::new(values, [1, count]), &Device::flex())
    }

    #[test]
    fn all_families_say_what_transformers_says_however_the_tokens_come() {
        for case in ["llama2", "llama3", "linear", "yarn", "mistral", "qwen2", "qwen2_sliding", "qwen3"] {
            let golden = Golden::open("language", case);
            let decoder = decoder(&golden);
            let tokens: Vec<u32> = golden.tensor::<1>("tokens").into_data().iter::<f32>().map(|it| it as u32).collect();
            let logits: Tensor<2> = golden.tensor("logits");
            let wanted = |place: usize| logits.clone().narrow(0, place, 1);
            // All at once.
            let mut memory = Memory::default();
            let said = decoder.read(&tokens, &mut memory, &Unwatched).unwrap();
            assert_close(&row(said), &wanted(tokens.len() - 1), 1e-4);
            // Some at first, then one by one, then some more, after what was forgotten.
            let mut memory = Memory::default();
            let said = decoder.read(&tokens[..5], &mut memory, &Unwatched).unwrap();
            assert_close(&row(said), &wanted(4), 1e-4);
            for place in 5..9 {
                let said = decoder.read(&tokens[place..=place], &mut memory, &Unwatched).unwrap();
                assert_close(&row(said), &wanted(place), 1e-4);
            }
            memory.truncate(7);
            let said = decoder.read(&tokens[7..], &mut memory, &Unwatched).unwrap();
            assert_close(&row(said), &wanted(tokens.len() - 1), 1e-4);
            assert_eq!(memory.len(), tokens.len(), "{case}");
        }
    }

    #[test]
    fn a_memory_grows_with_what_is_read() {
        let golden = Golden::open("language", "llama2");
        let decoder = decoder(&golden);
        let tokens: Vec<u32> = (0..3 * AT_ONCE as u32).map(|it| it * 7 % 40).collect();
        let mut memory = Memory::default();
        let at_once = decoder.read(&tokens, &mut memory, &Unwatched).unwrap();
        let mut memory = Memory::default();
        for tokens in tokens.chunks(100) {
            decoder.read(tokens, &mut memory, &Unwatched).unwrap();
        }
        memory.truncate(tokens.len() - 1);
        let again = decoder.read(&tokens[tokens.len() - 1..], &mut memory, &Unwatched).unwrap();
        assert_close(&row(again), &row(at_once), 1e-4);
    }

    #[test]
    fn what_the_model_does_not_know_is_an_error() {
        let golden = Golden::open("language", "llama2");
        let decoder = decoder(&golden);
        let error = decoder.read(&[1, 4000], &mut Memory::default(), &Unwatched).unwrap_err().to_string();
        assert!(error.contains("no token 4000"), "{error}");
        assert!(decoder.read(&[], &mut Memory::default(), &Unwatched).is_err());
        for (name, value, says) in [
            ("model_type", serde_json::json!("gemma"), "`gemma` are not supported"),
            ("num_key_value_heads", serde_json::json!(3), "do not share 3"),
            ("hidden_act", serde_json::json!("gelu"), "hidden_act"),
            ("rope_parameters", serde_json::json!({ "rope_type": "longrope", "rope_theta": 1e4 }), "longrope"),
            ("num_attention_heads", serde_json::json!(0), "num_attention_heads"),
        ] {
            let (_folder, weights) = golden.write_set(&[(name, value)]);
            let error = Decoder::new(&weights, &Device::flex()).err().unwrap().to_string();
            assert!(error.contains(says), "{error}");
        }
    }
}
