//! Between text and a language model's tokens: its tokenizer, its end, and how a conversation is written down.

use crate::weights::{Setting, json};
use crate::{LoadError, Weights};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, ErrorKind, context};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::{Path, PathBuf};
use tokenizers::decoders::byte_fallback::ByteFallback;
use tokenizers::decoders::fuse::Fuse;
use tokenizers::decoders::strip::Strip;
use tokenizers::models::bpe::{BPE, Vocab};
use tokenizers::normalizers::{Prepend, Replace};
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::digits::Digits;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{AddedToken, DecoderWrapper, NormalizerWrapper, SplitDelimiterBehavior, decoders, normalizers};

/// One turn of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// `system`, `user` or `assistant`, as a rule.
    pub role: String,
    /// What was said.
    pub content: String,
}

/// The tokenizer of a model, and what its files say of conversations.
pub(super) struct Words {
    pub tokenizer: tokenizers::Tokenizer,
    /// Tokens that end an answer.
    pub ends: Vec<u32>,
    begin: Option<u32>,
    /// Whether a text begins with `begin` where the tokenizer itself does not say so.
    adds_begin: bool,
    template: Option<String>,
    source: PathBuf,
}

/// Templates that write more than this have lost their way.
const LONGEST: usize = 16 << 20;
/// What a template may do before it is stopped.
const FUEL: u64 = 10_000_000;

/// How GGUF files name the ways in which text is cut before pairs are merged, and the expressions that cut it.
///
/// Reference: llama.cpp `src/llama-vocab.cpp`.
const LLAMA3: &str =
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const QWEN2: &str =
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

impl Words {
    /// Reads the files of a model folder.
    pub(super) fn open(folder: &Path) -> Result<Self, LoadError> {
        let path = folder.join("tokenizer.json");
        let tokenizer = tokenizers::Tokenizer::from_file(&path).map_err(|it| match path.is_file() {
            true => LoadError::Malformed { path: path.clone(), reason: it.to_string() },
            false => LoadError::Read {
                path: path.clone(),
                source: std::io::Error::new(std::io::ErrorKind::NotFound, "a language model needs its tokenizer.json beside it"),
            },
        })?;
        let optional = |name: &str| Some(folder.join(name)).filter(|it| it.is_file()).map(|it| json(&it)).transpose();
        let about = optional("tokenizer_config.json")?.unwrap_or_default();
        let mut ends = Vec::new();
        for name in ["generation_config.json", "config.json"] {
            let said = optional(name)?.unwrap_or_default();
            let list = said["eos_token_id"].as_array().cloned().unwrap_or_else(|| vec![said["eos_token_id"].clone()]);
            ends.extend(list.iter().filter_map(Value::as_u64).filter_map(|it| u32::try_from(it).ok()));
        }
        let named = |name: &str| {
            let said = &about[name];
            said.as_str().or_else(|| said["content"].as_str()).and_then(|it| tokenizer.token_to_id(it))
        };
        ends.extend(named("eos_token"));
        let template = match std::fs::read_to_string(folder.join("chat_template.jinja")) {
            Ok(template) => Some(template),
            Err(_) => about["chat_template"].as_str().map(str::to_owned).or_else(|| {
                let all = about["chat_template"].as_array()?;
                let usual = all.iter().find(|it| it["name"] == "default").or(all.first())?;
                usual["template"].as_str().map(str::to_owned)
            }),
        };
        let begin = named("bos_token");
        Ok(Self { begin, ends: sorted(ends), adds_begin: false, template, source: folder.to_owned(), tokenizer })
    }

    /// Reads what a GGUF file says.
    pub(super) fn inside(weights: &Weights) -> Result<Self, LoadError> {
        let source = PathBuf::from(weights.source());
        let malformed = |reason: String| LoadError::Malformed { path: source.clone(), reason };
        let said = |key: &str| weights.setting(&format!("tokenizer.{key}"));
        let missing = |key: &str| malformed(format!("says nothing of `tokenizer.{key}`"));
        let kind = said("ggml.model").and_then(Setting::text).ok_or_else(|| missing("ggml.model"))?;
        let pieces = matches!(kind, "llama");
        let tokenizer = match kind {
            "gpt2" => byte_pairs(weights)?,
            "llama" => sentence_pieces(weights)?,
            other => {
                let reason = format!(
                    "has a tokenizer of the kind `{}`; gpt2 and llama are read from GGUF files",
                    crate::weights::shown(other)
                );
                let instead = "a folder with safetensors and a tokenizer.json brings any tokenizer";
                return Err(LoadError::Unsupported { path: source, reason, instead });
            }
        };
        let id = |key: &str| said(key).and_then(Setting::integer).and_then(|it| u32::try_from(it).ok());
        let ends = ["ggml.eos_token_id", "ggml.eot_token_id"].into_iter().filter_map(id).collect();
        Ok(Self {
            begin: id("ggml.bos_token_id"),
            ends: sorted(ends),
            adds_begin: said("ggml.add_bos_token").and_then(Setting::bool).unwrap_or(pieces),
            template: said("chat_template").and_then(Setting::text).map(str::to_owned),
            source,
            tokenizer,
        })
    }

    /// The tokens of a text; `whole` where it is all that the model reads, rather than what a template wrote.
    pub(super) fn ids(&self, text: &str, whole: bool) -> Result<Vec<u32>, LoadError> {
        let malformed = |it: tokenizers::Error| LoadError::Malformed { path: self.source.clone(), reason: it.to_string() };
        let mut ids = self.tokenizer.encode(text, whole).map_err(malformed)?.get_ids().to_vec();
        if let Some(begin) = self.begin.filter(|it| whole && self.adds_begin && ids.first() != Some(it)) {
            ids.insert(0, begin);
        }
        Ok(ids)
    }

    /// A conversation as the model was taught to read it, up to where its answer begins.
    pub(super) fn written(&self, messages: &[Message]) -> Result<String, LoadError> {
        let malformed = |reason: String| LoadError::Malformed { path: self.source.clone(), reason };
        let Some(template) = &self.template else {
            let reason = "has no chat template: it goes on with texts, it was not taught to answer";
            return Err(malformed(reason.to_owned()));
        };
        let mut environment = Environment::new();
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
        environment.set_syntax(syntax.map_err(|it| malformed(it.to_string()))?);
        environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.add_function("raise_exception", |message: String| -> Result<String, minijinja::Error> {
            Err(minijinja::Error::new(ErrorKind::InvalidOperation, message))
        });
        environment.set_fuel(Some(FUEL));
        let token = |id: Option<u32>| id.and_then(|it| self.tokenizer.id_to_token(it)).unwrap_or_default();
        let values = context! {
            messages => minijinja::Value::from(Serde(messages)),
            add_generation_prompt => true,
            bos_token => token(self.begin),
            eos_token => token(self.ends.first().copied()),
        };
        let text = environment.render_str(template, values).map_err(|it| malformed(format!("the chat template: {it}")))?;
        if text.len() > LONGEST {
            return Err(malformed(format!("the chat template writes {} bytes", text.len())));
        }
        Ok(text)
    }
}

/// A list of texts that a GGUF file says of its tokenizer.
fn listed<'w>(weights: &'w Weights, name: &str) -> Result<&'w [String], LoadError> {
    weights.setting(&format!("tokenizer.ggml.{name}")).and_then(Setting::texts).ok_or_else(|| LoadError::Malformed {
        path: PathBuf::from(weights.source()),
        reason: format!("says nothing of `tokenizer.ggml.{name}`"),
    })
}

/// What the tokens of a GGUF file are for: 2 what is unknown, 3 to steer, 4 somebody added, 6 bytes.
fn kinds(weights: &Weights) -> &[i64] {
    weights.setting("tokenizer.ggml.token_type").and_then(Setting::integers).unwrap_or_default()
}

/// Tells a tokenizer which tokens are none of the text.
fn steer(tokenizer: &mut tokenizers::Tokenizer, tokens: &[String], kinds: &[i64]) {
    let added = |wanted: i64| {
        let of_kind = tokens.iter().zip(kinds).filter(move |it| *it.1 == wanted);
        of_kind.map(move |it| AddedToken::from(it.0.clone(), wanted == 3).normalized(false)).collect::<Vec<_>>()
    };
    tokenizer.add_special_tokens(&added(3));
    tokenizer.add_tokens(&added(4));
}

/// The tokenizer of a GGUF file that merges pairs of bytes, as GPT-2's did.
fn byte_pairs(weights: &Weights) -> Result<tokenizers::Tokenizer, LoadError> {
    let source = PathBuf::from(weights.source());
    let malformed = |reason: String| LoadError::Malformed { path: source.clone(), reason };
    let tokens = listed(weights, "tokens")?;
    let merges = listed(weights, "merges")?;
    let vocabulary: Vocab = tokens.iter().zip(0..).map(|(it, id)| (it.clone(), id)).collect();
    let pair = |it: &String| it.split_once(' ').map(|(a, b)| (a.to_owned(), b.to_owned()));
    let pairs: Option<Vec<_>> = merges.iter().map(pair).collect();
    let pairs = pairs.ok_or_else(|| malformed("has a merge that is no pair".to_owned()))?;
    let said_error = |it: tokenizers::Error| malformed(it.to_string());
    let model = BPE::builder().vocab_and_merges(vocabulary, pairs).ignore_merges(true).build().map_err(said_error)?;
    let mut tokenizer = tokenizers::Tokenizer::new(model);
    let pre = weights.setting("tokenizer.ggml.pre").and_then(Setting::text).unwrap_or("default");
    let bytes = |cuts: bool| PreTokenizerWrapper::ByteLevel(ByteLevel::new(false, true, cuts));
    let split = |expression: &str| {
        let split = Split::new(SplitPattern::Regex(expression.to_owned()), SplitDelimiterBehavior::Isolated, false);
        split.map(|it| vec![PreTokenizerWrapper::Split(it), bytes(false)]).map_err(said_error)
    };
    let cutters = match pre {
        "default" | "gpt-2" => vec![bytes(true)],
        "smollm" => vec![PreTokenizerWrapper::Digits(Digits::new(true)), bytes(true)],
        "llama-bpe" | "llama3" | "llama-v3" => split(LLAMA3)?,
        "qwen2" => split(QWEN2)?,
        other => {
            let reason = format!("cuts text in a way called `{}`, which is not known", crate::weights::shown(other));
            let instead = "default, smollm, llama-bpe and qwen2 are; a folder with a tokenizer.json brings any tokenizer";
            return Err(LoadError::Unsupported { path: source.clone(), reason, instead });
        }
    };
    tokenizer.with_pre_tokenizer(Some(Sequence::new(cutters)));
    tokenizer.with_decoder(Some(ByteLevel::default()));
    steer(&mut tokenizer, tokens, kinds(weights));
    Ok(tokenizer)
}

/// The tokenizer of a GGUF file that merges pairs as sentencepiece does: of all that stand beside each other, those whose sum has the
/// best score. Spaces are letters, and what has no letter is written in bytes.
///
/// Reference: llama.cpp `src/llama-vocab.cpp`, `llm_tokenizer_spm`.
fn sentence_pieces(weights: &Weights) -> Result<tokenizers::Tokenizer, LoadError> {
    let source = PathBuf::from(weights.source());
    let malformed = |reason: String| LoadError::Malformed { path: source.clone(), reason };
    let said_error = |it: tokenizers::Error| malformed(it.to_string());
    let (tokens, kinds) = (listed(weights, "tokens")?, kinds(weights));
    let scores = weights.setting("tokenizer.ggml.scores").and_then(Setting::numbers).unwrap_or_default();
    if scores.len() != tokens.len() || kinds.len() != tokens.len() {
        return Err(malformed(format!("has {} tokens, {} scores and {} kinds", tokens.len(), scores.len(), kinds.len())));
    }
    let vocabulary: Vocab = tokens.iter().zip(0..).map(|(it, id)| (it.clone(), id)).collect();
    // Every way to put a token together from two others, the best token first.
    let mut best: Vec<usize> = (0..tokens.len()).filter(|it| matches!(kinds[*it], 1 | 4)).collect();
    best.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]));
    let halves = |token: &usize| {
        let text = tokens[*token].as_str();
        let cuts = text.char_indices().skip(1).map(move |(at, _)| text.split_at(at));
        cuts.filter(|(a, b)| vocabulary.contains_key(*a) && vocabulary.contains_key(*b))
            .map(|(a, b)| (a.to_owned(), b.to_owned()))
    };
    let merges: Vec<(String, String)> = best.iter().flat_map(halves).collect();
    let mut model = BPE::builder().vocab_and_merges(vocabulary.clone(), merges).byte_fallback(true).fuse_unk(true);
    if let Some(at) = kinds.iter().position(|it| *it == 2) {
        model = model.unk_token(tokens[at].clone());
    }
    let mut tokenizer = tokenizers::Tokenizer::new(model.build().map_err(said_error)?);
    let begins = weights.setting("tokenizer.ggml.add_space_prefix").and_then(Setting::bool).unwrap_or(true);
    let replaced = |from: &str, to: &str| Replace::new(from, to).map_err(said_error);
    let mut steps: Vec<NormalizerWrapper> = Vec::new();
    if begins {
        steps.push(Prepend::new("▁".to_owned()).into());
    }
    steps.push(replaced(" ", "▁")?.into());
    tokenizer.with_normalizer(Some(normalizers::Sequence::new(steps)));
    let mut steps: Vec<DecoderWrapper> = vec![replaced("▁", " ")?.into(), ByteFallback::new().into(), Fuse::new().into()];
    if begins {
        steps.push(Strip::new(' ', 1, 0).into());
    }
    tokenizer.with_decoder(Some(decoders::sequence::Sequence::new(steps)));
    steer(&mut tokenizer, tokens, kinds);
    Ok(tokenizer)
}

fn sorted(mut ids: Vec<u32>) -> Vec<u32> {
    ids.sort_unstable();
    ids.dedup();
    ids
}
