//! Language models: from a text to what follows it.

mod choice;
mod config;
mod decoder;
mod words;

pub use choice::Choosing;
pub use words::Message;

use crate::sampling::noise::Generator;
use crate::{Engine, LoadError, Recipe, Stop, Watch, Weights};
use decoder::{Decoder, LLAMA_CPP, Memory};
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use words::Words;

/// A LANGUAGE_MODEL on a wire: which weights, and the tokenizer that came with them. Cloning costs nothing and loads nothing.
#[derive(Clone)]
pub struct LanguageModel {
    weights: Weights,
    words: Arc<Words>,
}

/// What a model is given to read.
#[derive(Clone, Copy, Debug)]
pub enum Prompt<'a> {
    /// A text that it goes on with.
    Text(&'a str),
    /// A conversation that it answers.
    Chat(&'a [Message]),
}

/// A conversation so far, the first turn first. Cloning it copies nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conversation(pub Arc<[Message]>);

/// How an answer is written.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// How each token is chosen.
    pub choosing: Choosing,
    /// At most so many tokens.
    pub most: usize,
    /// The answer ends before any of these.
    pub stops: Vec<String>,
}

/// Why an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The model ended it.
    End,
    /// A stop text came.
    Stop,
    /// It reached the most tokens that were asked for, or that the model was made for.
    Length,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What was written.
    pub text: String,
    /// Its tokens, with the one that ended it.
    pub tokens: Vec<u32>,
    /// How many tokens were read before.
    pub read: usize,
    /// Why it ended.
    pub reason: Reason,
}

impl Conversation {
    /// The same with more turns.
    #[must_use]
    pub fn with(&self, turns: impl IntoIterator<Item = Message>) -> Self {
        Self(self.0.iter().cloned().chain(turns).collect())
    }

    /// How many bytes its texts have.
    pub fn bytes(&self) -> usize {
        self.0.iter().map(|it| it.role.len() + it.content.len()).sum()
    }
}

impl Message {
    /// A turn of this role.
    pub fn new(role: &str, content: impl Into<String>) -> Self {
        Self { role: role.to_owned(), content: content.into() }
    }
}

impl Reason {
    /// The name that OpenAI's interface has for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::End | Self::Stop => "stop",
            Self::Length => "length",
        }
    }
}

impl fmt::Debug for LanguageModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LanguageModel({})", self.weights.source())
    }
}

impl Recipe for LanguageModel {
    fn networks(&self) -> Vec<(String, &Weights)> {
        vec![(self.key(), &self.weights)]
    }
}

impl LanguageModel {
    /// Opens a model folder with safetensors, `config.json` and `tokenizer.json`, or a GGUF file, in which all of it is.
    ///
    /// # Errors
    /// [`LoadError`] says what is wrong with the files.
    pub fn open(path: &Path) -> Result<Self, LoadError> {
        let (weights, words) = if path.is_dir() {
            (Weights::open_folder(path)?, Words::open(path)?)
        } else {
            let weights = Weights::open(path)?;
            let words = match weights.settings().is_empty() {
                true => Words::open(path.parent().unwrap_or(Path::new(".")))?,
                false => Words::inside(&weights)?,
            };
            (weights, words)
        };
        let weights = weights.canonical(&[&LLAMA_CPP])?;
        if !(weights.has("model.embed_tokens.weight") && weights.has("model.layers.0.self_attn.q_proj.weight")) {
            return Err(weights.unknown());
        }
        config::Config::read(&weights)?;
        Ok(Self { weights, words: Arc::new(words) })
    }

    /// Names what would be loaded: equal keys share one resident network.
    pub fn key(&self) -> String {
        format!("language:{}", self.weights.identity())
    }

    /// The tokens of what it is given.
    ///
    /// # Errors
    /// When its tokenizer or its chat template cannot read it.
    pub fn tokens(&self, prompt: Prompt<'_>) -> Result<Vec<u32>, LoadError> {
        match prompt {
            Prompt::Text(text) => self.words.ids(text, true),
            Prompt::Chat(messages) => self.words.ids(&self.words.written(messages)?, false),
        }
    }

    /// Answers; `told` hears each piece of text as it comes, never a part of a character.
    ///
    /// # Errors
    /// [`Stop::Unfit`] for options without sense and a prompt that is too long; what loading says; [`Stop::Cancelled`].
    pub fn answer(
        &self,
        prompt: Prompt<'_>,
        options: &Options,
        engine: &Engine,
        watch: &dyn Watch,
        told: &mut dyn FnMut(&str),
    ) -> Result<Answer, Stop> {
        options.choosing.check()?;
        let mut tokens = self.tokens(prompt)?;
        let read = tokens.len();
        let decoder = engine.network(&self.key(), &self.weights, Decoder::new)?;
        let longest = decoder.config().longest;
        if read >= longest {
            return Err(Stop::Unfit(format!("the prompt has {read} tokens, the model was made for {longest} with its answer")));
        }
        let most = options.most.min(longest - read);
        let mut memory = Memory::default();
        let mut generator = Generator::new(options.choosing.seed);
        let mut stream = self.words.tokenizer.decode_stream(true);
        if let Prompt::Text(_) = prompt {
            // What goes on with a text may begin with a space: a piece is told from those before it. Eight hold the last character.
            for token in &tokens[read.saturating_sub(8)..] {
                stream.step(*token).map_err(|it| Stop::Unfit(format!("token {token} has no text: {it}")))?;
            }
        }
        let mut spoken = Spoken { text: String::new(), told: 0, stops: &options.stops };
        let mut reason = Reason::Length;
        let mut scores = if most == 0 { Vec::new() } else { decoder.read(&tokens, &mut memory, watch)? };
        for step in 0..most {
            let likely = options.choosing.likelihoods(scores, &tokens, &tokens[read..]);
            let token = choice::taken(&likely, &mut generator);
            tokens.push(token);
            if self.words.ends.contains(&token) {
                reason = Reason::End;
                break;
            }
            let piece = stream.step(token).map_err(|it| Stop::Unfit(format!("token {token} has no text: {it}")))?;
            if piece.is_some_and(|it| spoken.stopped(&it, told)) {
                reason = Reason::Stop;
                break;
            }
            watch.progress(step + 1, most, None);
            if step + 1 == most {
                break;
            }
            scores = decoder.read(&[token], &mut memory, watch)?;
        }
        Ok(Answer { text: spoken.end(told), tokens: tokens.split_off(read), read, reason })
    }
}

/// Text as it comes.
struct Spoken<'a> {
    text: String,
    /// Bytes of it that were told.
    told: usize,
    stops: &'a [String],
}

impl Spoken<'_> {
    /// Takes a piece, and tells what cannot be the beginning of a stop text. Says whether one came.
    fn stopped(&mut self, piece: &str, told: &mut dyn FnMut(&str)) -> bool {
        self.text += piece;
        let stops = || self.stops.iter().filter(|it| !it.is_empty());
        if let Some(at) = stops().filter_map(|it| self.text.get(self.told..)?.find(it.as_str())).min() {
            self.text.truncate(self.told + at);
            return true;
        }
        let new = &self.text[self.told..];
        let held = stops()
            .filter_map(|stop| (1..stop.len()).rev().find(|it| stop.is_char_boundary(*it) && new.ends_with(&stop[..*it])))
            .max()
            .unwrap_or(0);
        let until = self.text.len() - held;
        if until > self.told {
            told(&self.text[self.told..until]);
            self.told = until;
        }
        false
    }

    /// Tells what was held back.
    fn end(self, told: &mut dyn FnMut(&str)) -> String {
        if self.text.len() > self.told {
            told(&self.text[self.told..]);
        }
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Unwatched;
    use crate::golden::{Golden, Names};
    use serde_json::json;

    /// A tiny model in a folder, whose words are single letters.
    fn folder(template: Option<&str>) -> tempfile::TempDir {
        let golden = Golden::open("language", "llama2");
        let (folder, _) = golden.write_set(&[("eos_token_id", json!(39))]);
        let from = folder.path().join("diffusion_pytorch_model.safetensors");
        std::fs::rename(from, folder.path().join("model.safetensors")).unwrap();
        let vocabulary: serde_json::Map<String, serde_json::Value> = ('a'..='z')
            .map(String::from)
            .chain([" ", "é", "!", "<s>", "</s>"].map(str::to_owned))
            .chain((0..9).map(|it| format!("[{it}]")))
            .zip(0..)
            .map(|(it, id)| (it, json!(id)))
            .collect();
        assert_eq!(vocabulary.len(), 40);
        let special = |id: u32, content: &str| json!({ "id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true });
        let tokenizer = json!({
            "version": "1.0", "truncation": null, "padding": null, "normalizer": null, "post_processor": null,
            "added_tokens": [special(29, "<s>"), special(30, "</s>")],
            "pre_tokenizer": { "type": "Split", "pattern": { "Regex": "" }, "behavior": "Isolated", "invert": false },
            "decoder": { "type": "Fuse" },
            "model": { "type": "WordLevel", "vocab": vocabulary, "unk_token": "!" },
        });
        std::fs::write(folder.path().join("tokenizer.json"), tokenizer.to_string()).unwrap();
        let about = json!({ "bos_token": "<s>", "eos_token": "</s>", "chat_template": template });
        std::fs::write(folder.path().join("tokenizer_config.json"), about.to_string()).unwrap();
        folder
    }

    /// Golden made by tests/parity/make/sentencepiece_gguf.py.
    #[test]
    fn pieces_of_sentences_are_those_of_llama_cpp_and_become_text_again() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("tests/parity/goldens");
        let words = Words::inside(&Weights::open(&folder.join("sentencepiece.gguf")).unwrap()).unwrap();
        let golden = std::fs::read(folder.join("sentencepiece-tokens.json")).unwrap();
        let golden: Vec<(String, Vec<u32>)> = serde_json::from_slice(&golden).unwrap();
        assert!(golden.len() > 40);
        for (text, ids) in golden {
            assert_eq!(words.ids(&text, true).unwrap(), ids, "{text:?}");
            if !text.contains(['<', '▁']) {
                assert_eq!(words.tokenizer.decode(&ids, true).unwrap(), text);
            }
        }
    }

    fn options(most: usize) -> Options {
        Options { choosing: Choosing::default(), most, stops: Vec::new() }
    }

    #[test]
    fn an_answer_comes_piece_by_piece_and_a_seed_decides_it() {
        let folder = folder(None);
        let model = LanguageModel::open(folder.path()).unwrap();
        let engine = Engine::cpu();
        let answer = |options: &Options| {
            let mut heard = String::new();
            let answer = model.answer(Prompt::Text("hello"), options, &engine, &Unwatched, &mut |it| heard += it).unwrap();
            assert_eq!(heard, answer.text);
            answer
        };
        let greedy = answer(&options(12));
        assert_eq!((greedy.read, greedy.tokens.len(), greedy.reason), (5, 12, Reason::Length));
        assert_eq!(greedy, answer(&options(12)));
        let wild = |seed| Options { choosing: Choosing { temperature: 2.0, seed, ..Choosing::default() }, ..options(12) };
        assert_eq!(answer(&wild(1)), answer(&wild(1)));
        assert_ne!(answer(&wild(1)).tokens, answer(&wild(2)).tokens);
        // Never longer than the model was made for.
        let long = answer(&options(1000));
        match long.reason {
            Reason::End => assert!([30, 39].contains(long.tokens.last().unwrap())),
            reason => assert_eq!((reason, long.tokens.len()), (Reason::Length, 64 - 5)),
        }
        assert_eq!(answer(&options(0)).text, "");
        let stop: String = greedy.text.chars().skip(3).take(2).collect();
        let at = greedy.text.find(&stop).unwrap();
        let stopped = answer(&Options { stops: vec![stop], ..options(12) });
        assert_eq!((stopped.text.as_str(), stopped.reason), (&greedy.text[..at], Reason::Stop));
    }

    #[test]
    fn a_conversation_is_written_as_the_model_was_taught() {
        let template = "{% for message in messages %}{{ message.role[0] }}: {{ message['content'].strip() }}\n{% endfor %}{% if add_generation_prompt %}{{ bos_token }}{% endif %}";
        let chat = [Message { role: "user".into(), content: " hi ".into() }];
        let folder_with = folder(Some(template));
        let model = LanguageModel::open(folder_with.path()).unwrap();
        assert_eq!(model.words.written(&chat).unwrap(), "u: hi\n<s>");
        assert_eq!(model.tokens(Prompt::Chat(&chat)).unwrap().last(), Some(&29));
        let bad = folder(Some("{{ raise_exception('no system here') }}"));
        let error = LanguageModel::open(bad.path()).unwrap().tokens(Prompt::Chat(&chat)).unwrap_err().to_string();
        assert!(error.contains("no system here"), "{error}");
        let endless = folder(Some("{% for a in range(10000) %}{% for b in range(10000) %}x{% endfor %}{% endfor %}"));
        assert!(LanguageModel::open(endless.path()).unwrap().tokens(Prompt::Chat(&chat)).is_err(), "it runs out of fuel");
        let none = folder(None);
        let error = LanguageModel::open(none.path()).unwrap().tokens(Prompt::Chat(&chat)).unwrap_err().to_string();
        assert!(error.contains("no chat template"), "{error}");
    }

    #[test]
    fn what_is_held_back_is_told_when_it_is_no_stop() {
        let stops = ["###".to_owned(), "é!".to_owned()];
        let mut spoken = Spoken { text: String::new(), told: 0, stops: &stops };
        let mut heard = Vec::new();
        for (piece, stopped) in [("a#", false), ("#b", false), ("é", false), ("x", false), ("##", false), ("#c", true)] {
            assert_eq!(spoken.stopped(piece, &mut |it| heard.push(it.to_owned())), stopped, "{piece}");
        }
        assert_eq!(heard, ["a", "##b", "éx"]);
        assert_eq!(spoken.end(&mut |it| heard.push(it.to_owned())), "a##béx");
        assert_eq!(heard.len(), 3);
    }

    #[test]
    fn files_that_are_missing_are_named() {
        let folder = folder(None);
        std::fs::remove_file(folder.path().join("tokenizer.json")).unwrap();
        assert!(LanguageModel::open(folder.path()).unwrap_err().to_string().contains("tokenizer.json"));
        let (other, _) = Golden::open("sd15", "unet").write(Names::Original);
        let path = other.path().join("diffusion_pytorch_model.safetensors");
        assert!(LanguageModel::open(&path).is_err());
    }
}
