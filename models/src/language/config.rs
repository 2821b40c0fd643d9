//! What tells the language models of one kind apart: sizes and settings, from `config.json` or a GGUF file.

use crate::weights::Setting;
use crate::{LoadError, Weights};
use serde_json::Value;
use std::f64::consts::TAU;

/// Settings of a decoder.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Config {
    pub vocabulary: usize,
    pub width: usize,
    pub layers: usize,
    pub heads: usize,
    /// Heads of keys and values, each of which serves as many heads of queries.
    pub kv_heads: usize,
    /// Width of a head.
    pub head: usize,
    /// Width between the layers of a block.
    pub inner: usize,
    pub eps: f64,
    /// How far each pair of channels is turned from place to place, radians.
    pub frequencies: Vec<f64>,
    /// What turned channels are multiplied by.
    pub magnitude: f64,
    /// Whether pairs of channels lie beside each other, rather than half a head apart.
    pub neighbours: bool,
    /// How many of the last places a token sees, by layer; `None` is all of them.
    pub windows: Vec<Option<usize>>,
    /// How many places the model was made for.
    pub longest: usize,
}

/// Families whose decoder is this one.
const FAMILIES: [&str; 4] = ["llama", "mistral", "qwen2", "qwen3"];
/// Nobody has more heads, or wider ones.
const MOST: usize = 1 << 12;
/// More places than any model knows.
const MOST_PLACES: usize = 1 << 24;

/// How the angles of a model are stretched beyond the length that it was first trained with.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Scaling {
    None,
    /// Evenly.
    Linear {
        factor: f64,
    },
    /// LLaMA 3.1: slow pairs by `factor`, fast ones not at all, smoothly in between.
    Llama3 {
        factor: f64,
        low: f64,
        high: f64,
        original: f64,
    },
    /// YaRN (Peng et al. 2023, arXiv 2309.00071).
    Yarn {
        factor: f64,
        slow: f64,
        fast: f64,
        original: f64,
        magnitude: Option<f64>,
        truncate: bool,
    },
}

impl Config {
    /// Reads sizes and settings. The tensors have their canonical names.
    ///
    /// # Errors
    /// Where a setting is missing, makes no sense, or is of another kind of model.
    pub(super) fn read(weights: &Weights) -> Result<Self, LoadError> {
        let bad = |reason: String| LoadError::Config { source_name: weights.source().to_owned(), reason };
        let said = match weights.config() {
            Some(config) => Said::Folder(config),
            None => match weights.setting("general.architecture").and_then(Setting::text) {
                Some(family) => Said::Gguf(weights, family),
                None => return Err(bad("a language model needs its config.json beside it".to_owned())),
            },
        };
        let family = said.family();
        if !FAMILIES.contains(&family) {
            return Err(bad(format!("language models of the kind `{family}` are not supported; {} are", FAMILIES.join(", "))));
        }
        if let Some(act) = said.text("hidden_act").filter(|it| *it != "silu") {
            return Err(bad(format!("hidden_act is `{act}`: silu is supported")));
        }
        let [vocabulary, width] = weights.sizes("model.embed_tokens.weight")?;
        let [inner, _] = weights.sizes("model.layers.0.mlp.gate_proj.weight")?;
        let layers = weights.count("model.layers");
        let count = |name: &str, usual: Option<usize>| {
            let found = said.number(name).map_or(Ok(usual), |it| {
                let whole = (it.fract() == 0.0 && (1.0..=MOST as f64).contains(&it)).then_some(it as usize);
                whole.map(Some).ok_or_else(|| bad(format!("`{name}` is {it}")))
            })?;
            found.ok_or_else(|| bad(format!("`{name}` is missing")))
        };
        let heads = count("num_attention_heads", None)?;
        let kv_heads = count("num_key_value_heads", Some(heads))?;
        let head = count("head_dim", Some(width / heads))?;
        if !heads.is_multiple_of(kv_heads) || !head.is_multiple_of(2) {
            return Err(bad(format!("{heads} heads of width {head} do not share {kv_heads} of keys and values")));
        }
        let eps = said.number("rms_norm_eps").unwrap_or(1e-6);
        let longest = said.number("max_position_embeddings").unwrap_or(2048.0);
        if !((1.0..=MOST_PLACES as f64).contains(&longest) && eps > 0.0 && eps < 1.0) {
            return Err(bad(format!("max_position_embeddings is {longest}, rms_norm_eps {eps}")));
        }
        let theta = said.rope("rope_theta").or_else(|| said.number("rope_theta")).unwrap_or(10_000.0);
        if !(theta.is_finite() && theta > 0.0) {
            return Err(bad(format!("rope_theta is {theta}")));
        }
        let scaling = said.scaling(longest).map_err(bad)?;
        let (mut frequencies, magnitude) = scaling.frequencies(head, theta);
        if weights.has("rope_freqs.weight") {
            // Of GGUF files: what each is divided by.
            let divisors = weights.numbers("rope_freqs.weight")?;
            if divisors.len() != frequencies.len() || divisors.contains(&0.0) {
                return Err(bad(format!("{} factors for {} pairs of channels", divisors.len(), frequencies.len())));
            }
            frequencies.iter_mut().zip(divisors).for_each(|(it, divisor)| *it /= f64::from(divisor));
        }
        let window = said.window().map_err(bad)?;
        let windows = (0..layers).map(|it| window.filter(|_| said.slides(it, layers))).collect();
        let neighbours = said.neighbours(family);
        let longest = longest as usize;
        Ok(Self {
            vocabulary,
            width,
            layers,
            heads,
            kv_heads,
            head,
            inner,
            eps,
            frequencies,
            magnitude,
            neighbours,
            windows,
            longest,
        })
    }
}

/// Who says what a model is.
#[derive(Clone, Copy)]
enum Said<'a> {
    /// A `config.json`.
    Folder(&'a Value),
    /// A GGUF file, and what its keys begin with.
    Gguf(&'a Weights, &'a str),
}

impl<'a> Said<'a> {
    fn family(self) -> &'a str {
        match self {
            Self::Folder(config) => config["model_type"].as_str().unwrap_or("unknown"),
            Self::Gguf(_, family) => family,
        }
    }

    /// A number by the name that it has in `config.json`.
    fn number(self, name: &str) -> Option<f64> {
        match self {
            Self::Folder(config) => config[name].as_f64(),
            Self::Gguf(weights, family) => {
                let key = match name {
                    "num_attention_heads" => "attention.head_count",
                    "num_key_value_heads" => "attention.head_count_kv",
                    "head_dim" => "attention.key_length",
                    "rms_norm_eps" => "attention.layer_norm_rms_epsilon",
                    "max_position_embeddings" => "context_length",
                    "rope_theta" => "rope.freq_base",
                    "sliding_window" => "attention.sliding_window",
                    other => other,
                };
                weights.setting(&format!("{family}.{key}")).and_then(Setting::number)
            }
        }
    }

    fn text(self, name: &str) -> Option<&'a str> {
        match self {
            Self::Folder(config) => config[name].as_str(),
            Self::Gguf(..) => None,
        }
    }

    /// A number of the settings of rotation, which newer files have together.
    fn rope(self, name: &str) -> Option<f64> {
        match self {
            Self::Folder(_) => self.rotation()?[name].as_f64(),
            Self::Gguf(..) => None,
        }
    }

    fn rotation(self) -> Option<&'a Value> {
        let Self::Folder(config) = self else { return None };
        ["rope_parameters", "rope_scaling"].into_iter().map(|it| &config[it]).find(|it| it.is_object())
    }

    /// A number of how angles are stretched.
    fn stretched(self, name: &str) -> Option<f64> {
        match self {
            Self::Folder(_) => self.rope(name),
            Self::Gguf(weights, family) => {
                let key = match name {
                    "original_max_position_embeddings" => "original_context_length",
                    "beta_fast" => "yarn_beta_fast",
                    "beta_slow" => "yarn_beta_slow",
                    other => other,
                };
                weights.setting(&format!("{family}.rope.scaling.{key}")).and_then(Setting::number)
            }
        }
    }

    fn scaling(self, longest: f64) -> Result<Scaling, String> {
        let kind = match self {
            Self::Folder(_) => {
                let Some(rotation) = self.rotation() else { return Ok(Scaling::None) };
                rotation["rope_type"].as_str().or_else(|| rotation["type"].as_str()).unwrap_or("default")
            }
            Self::Gguf(weights, family) => {
                weights.setting(&format!("{family}.rope.scaling.type")).and_then(Setting::text).unwrap_or("none")
            }
        };
        let number = |name: &str| self.stretched(name);
        let factor = || match number("factor") {
            Some(factor) if factor.is_finite() && factor >= 1.0 => Ok(factor),
            other => Err(format!("the rope scaling `{kind}` has the factor {other:?}: a number from 1 on is needed")),
        };
        let original = number("original_max_position_embeddings").filter(|it| *it >= 1.0).unwrap_or(longest);
        let positive = |name: &str, usual: f64| number(name).filter(|it| it.is_finite() && *it > 0.0).unwrap_or(usual);
        Ok(match kind {
            "default" | "none" => Scaling::None,
            "linear" => Scaling::Linear { factor: factor()? },
            "llama3" => Scaling::Llama3 {
                factor: factor()?,
                low: positive("low_freq_factor", 1.0),
                high: positive("high_freq_factor", 4.0),
                original,
            },
            "yarn" => {
                let factor = factor()?;
                let by = |scale: f64| 0.1 * scale * factor.ln() + 1.0;
                let ratio = match (number("mscale"), number("mscale_all_dim")) {
                    (Some(one), Some(all)) if one != 0.0 && all != 0.0 => Some(by(one) / by(all)),
                    _ => None,
                };
                let (slow, fast) = (positive("beta_slow", 1.0), positive("beta_fast", 32.0));
                let truncate = self.rotation().is_none_or(|it| it["truncate"] != Value::Bool(false));
                Scaling::Yarn { factor, slow, fast, original, magnitude: number("attention_factor").or(ratio), truncate }
            }
            other => return Err(format!("the rope scaling `{other}` is not supported; linear, llama3 and yarn are")),
        })
    }

    /// How many places are seen where not all are.
    fn window(self) -> Result<Option<usize>, String> {
        if let Self::Folder(config) = self
            && config["use_sliding_window"] == Value::Bool(false)
        {
            return Ok(None);
        }
        match self.number("sliding_window") {
            None | Some(0.0) => Ok(None),
            Some(it) if it.fract() == 0.0 && it > 0.0 && it <= MOST_PLACES as f64 => Ok(Some(it as usize)),
            Some(it) => Err(format!("sliding_window is {it}")),
        }
    }

    /// Whether a layer sees the last places alone, where the model has such layers.
    fn slides(self, layer: usize, layers: usize) -> bool {
        let Self::Folder(config) = self else { return true };
        if let Some(kind) = config["layer_types"].get(layer).and_then(Value::as_str) {
            return kind == "sliding_attention";
        }
        // Of Qwen 2: from this layer on.
        let usual = if self.family().starts_with("qwen") { layers as f64 } else { 0.0 };
        layer as f64 >= config["max_window_layers"].as_f64().unwrap_or(usual)
    }

    /// The converter of llama.cpp deals LLaMA's channels anew.
    fn neighbours(self, family: &str) -> bool {
        matches!(self, Self::Gguf(..)) && matches!(family, "llama" | "mistral")
    }
}

impl Scaling {
    /// How far each pair of channels turns from place to place, and what turned channels are multiplied by.
    ///
    /// Reference: transformers 5.23 `modeling_rope_utils.py`.
    fn frequencies(self, head: usize, theta: f64) -> (Vec<f64>, f64) {
        let half = head / 2;
        let plain = |pair: usize| theta.powf(-2.0 * pair as f64 / head as f64);
        let of = |change: &dyn Fn(usize, f64) -> f64| (0..half).map(|pair| change(pair, plain(pair))).collect();
        match self {
            Self::None => (of(&|_, it| it), 1.0),
            Self::Linear { factor } => (of(&|_, it| it / factor), 1.0),
            Self::Llama3 { factor, low, high, original } => {
                let stretched = |_: usize, it: f64| {
                    let wave = TAU / it;
                    if wave < original / high {
                        it
                    } else if wave > original / low {
                        it / factor
                    } else {
                        let smooth = (original / wave - low) / (high - low);
                        (1.0 - smooth) * it / factor + smooth * it
                    }
                };
                (of(&stretched), 1.0)
            }
            Self::Yarn { factor, slow, fast, original, magnitude, truncate } => {
                // The pair that turns so often over the original length.
                let pair = |turns: f64| head as f64 * (original / (turns * TAU)).ln() / (2.0 * theta.ln());
                let whole = |it: f64, round: fn(f64) -> f64| if truncate { round(it) } else { it };
                let first = whole(pair(fast), f64::floor).max(0.0);
                let last = whole(pair(slow), f64::ceil).min(head as f64 - 1.0);
                let reach = if first == last { 0.001 } else { last - first };
                let stretched = |pair: usize, it: f64| {
                    let share = ((pair as f64 - first) / reach).clamp(0.0, 1.0);
                    it / factor * share + it * (1.0 - share)
                };
                (of(&stretched), magnitude.unwrap_or(0.1 * factor.ln() + 1.0))
            }
        }
    }
}
