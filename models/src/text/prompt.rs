//! The language of prompts: weights `(a:1.2)`, embeddings `embedding:name`, and how tokens are dealt into chunks.
//!
//! Reference for what must happen: ComfyUI 0.3.64 `comfy/sd1_clip.py` `SDTokenizer`.

use super::embedding::{Embedding, Embeddings};
use super::tokenizer::Tokenizer;
use crate::Stop;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Longer words may be cut at the end of a chunk, shorter ones move to the next.
const WHOLE_WORD: usize = 8;
/// How deep brackets may be nested; 1.1 to this power is beyond any use.
const DEEPEST: usize = 200;
const EMBEDDING: &str = "embedding:";

/// A prompt as its encoder sees it: chunks of equal length, each with its start token, end token and padding.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// The chunks, at least one.
    pub chunks: Vec<Vec<Weighted>>,
}

/// A token and how much it counts.
#[derive(Clone, Debug)]
pub struct Weighted {
    /// What stands here.
    pub token: Token,
    /// 1 leaves it as it is.
    pub weight: f64,
}

/// What stands at one place of a chunk.
#[derive(Clone, Debug)]
pub enum Token {
    /// A token of the vocabulary.
    Id(u32),
    /// A vector of an embedding.
    Vector(Arc<Embedding>, usize),
}

/// What is wrong with a prompt.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum PromptError {
    /// No file has this name.
    #[error("there is no embedding `{name}`{}", suggestion.as_ref().map(|it| format!("; did you mean `{it}`?")).unwrap_or_default())]
    UnknownEmbedding {
        /// What the prompt says.
        name: String,
        /// The most similar name that there is.
        suggestion: Option<String>,
    },
    /// `embedding:` with nothing behind it.
    #[error("`embedding:` needs a name right behind the colon, as in `embedding:name`")]
    NamelessEmbedding,
    /// An embedding that was made for another text encoder.
    #[error("embedding `{name}` was made for a text encoder {found} wide; this one is {needed} wide")]
    EmbeddingWidth {
        /// Its name.
        name: String,
        /// Its width.
        found: usize,
        /// The encoder's.
        needed: usize,
    },
    /// Brackets within brackets within brackets.
    #[error("brackets are nested more than {DEEPEST} deep; write the weight as a number instead, as in `(word:1.3)`")]
    TooDeep,
    /// A weight that is no number to multiply with.
    #[error("the weight {0} of `{1}` is not a finite number; put `\\` before a bracket that is part of the text")]
    Weight(f64, String),
    /// More tokens than one attention holds.
    #[error("the prompt has {tokens} tokens, at most {most} are encoded at once; make it shorter")]
    TooLong {
        /// How many it has.
        tokens: usize,
        /// How many there may be.
        most: usize,
    },
    /// The tokenizer and the text encoder do not belong together.
    #[error(
        "the tokenizer gives token {token}, the text encoder knows {known}; the model needs the tokenizer it was trained with"
    )]
    Vocabulary {
        /// The token.
        token: u32,
        /// How many the encoder knows.
        known: usize,
    },
}

/// How an encoder wants its tokens.
#[derive(Clone, Copy, Debug)]
pub(super) struct Format {
    /// Places in a chunk.
    pub(super) length: usize,
    /// Places that a shorter last chunk is padded to.
    pub(super) least: usize,
    /// Whether a chunk begins with the start token.
    pub(super) framed: bool,
    /// Width of an embedding's vectors.
    pub(super) width: usize,
    /// What fills a chunk behind its end token.
    pub(super) padding: Padding,
    /// The tensor of an embedding's file that is for this encoder.
    pub(super) embedding: &'static str,
}

/// What fills a chunk behind its end token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Padding {
    /// More end tokens.
    End,
    /// Tokens of number 0.
    Zero,
}

/// Reads a prompt.
///
/// # Errors
/// [`PromptError`] within [`Stop`] says what is wrong with the prompt; [`Stop::Load`], with the files it needs.
pub(super) fn tokenize(
    text: &str,
    tokenizer: &Tokenizer,
    embeddings: Option<&dyn Embeddings>,
    format: Format,
) -> Result<Tokens, Stop> {
    let mut reader = Reader { tokenizer, embeddings, format, opened: BTreeMap::new(), words: Vec::new() };
    for (segment, weight) in segments(text)? {
        reader.read(&unescape(segment), weight)?;
    }
    let start = if format.framed { Some(tokenizer.start()?) } else { None };
    let end = tokenizer.end()?;
    let pad = if format.padding == Padding::End { end } else { 0 };
    Ok(Tokens { chunks: deal(reader.words, &format, start, [end, pad]) })
}

struct Reader<'a> {
    tokenizer: &'a Tokenizer,
    embeddings: Option<&'a dyn Embeddings>,
    format: Format,
    opened: BTreeMap<String, Arc<Embedding>>,
    words: Vec<Vec<Weighted>>,
}

impl Reader<'_> {
    /// Reads text of one weight. An embedding begins a line, follows a space, or begins the text.
    fn read(&mut self, text: &str, weight: f64) -> Result<(), Stop> {
        for (index, part) in split_before_embeddings(text).into_iter().enumerate() {
            match (index, part.strip_prefix(EMBEDDING)) {
                (0, Some(named)) => self.embedding(named, weight)?,
                (0, None) => self.word(part, weight)?,
                _ => self.embedding(part, weight)?,
            }
        }
        Ok(())
    }

    fn word(&mut self, text: &str, weight: f64) -> Result<(), Stop> {
        if !text.is_empty() {
            self.words.push(self.tokenizer.ids(text)?.into_iter().map(|it| Weighted { token: Token::Id(it), weight }).collect());
        }
        Ok(())
    }

    /// `name and the text behind it`. Commas around the name are text unless a file has them in its name.
    fn embedding(&mut self, text: &str, weight: f64) -> Result<(), Stop> {
        let mut parts = text.split_whitespace();
        let name = parts.next().ok_or(PromptError::NamelessEmbedding)?;
        let rest = parts.collect::<Vec<_>>().join(" ");
        let bare = name.trim_matches(',');
        let (embedding, rest) = match self.find(name)? {
            Some(found) => (found, rest),
            None if bare.len() < name.len() => {
                let commas = name.get(bare.len()..).unwrap_or_default();
                (self.find(bare)?.ok_or_else(|| self.unknown(bare))?, format!("{commas} {rest}"))
            }
            None => return Err(self.unknown(name).into()),
        };
        let vector = |index| Weighted { token: Token::Vector(embedding.clone(), index), weight };
        self.words.push((0..embedding.len()).map(vector).collect());
        self.word(&rest, weight)
    }

    fn find(&mut self, name: &str) -> Result<Option<Arc<Embedding>>, Stop> {
        if let Some(opened) = self.opened.get(name) {
            return Ok(Some(opened.clone()));
        }
        let Some(path) = self.embeddings.and_then(|it| it.find(name)) else { return Ok(None) };
        let opened = Arc::new(Embedding::open(name, &path, self.format.width, self.format.embedding)?);
        self.opened.insert(name.to_owned(), opened.clone());
        Ok(Some(opened))
    }

    fn unknown(&self, name: &str) -> PromptError {
        let names = self.embeddings.map(Embeddings::names).unwrap_or_default();
        let scored = names.into_iter().map(|it| (strsim::jaro_winkler(&it.to_lowercase(), &name.to_lowercase()), it));
        let best = scored.max_by(|a, b| a.0.total_cmp(&b.0)).filter(|(score, _)| *score > 0.75);
        PromptError::UnknownEmbedding { name: name.to_owned(), suggestion: best.map(|(_, it)| it) }
    }
}

/// Text, then what stands behind each `embedding:` that follows a space or a line break.
fn split_before_embeddings(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut from = 0;
    for (at, _) in text.match_indices(EMBEDDING) {
        if at > from && matches!(text.as_bytes()[at - 1], b' ' | b'\n') {
            parts.push(&text[from..at - 1]);
            from = at + EMBEDDING.len();
        }
    }
    parts.push(&text[from..]);
    parts
}

/// The parts of a prompt with their weights: `(a)` counts 1.1 times what stands around it, `(a:w)` counts `w`.
fn segments(text: &str) -> Result<Vec<(&str, f64)>, PromptError> {
    let mut out = Vec::new();
    collect(text, 1.0, 0, &mut out)?;
    Ok(out)
}

fn collect<'a>(text: &'a str, around: f64, depth: usize, out: &mut Vec<(&'a str, f64)>) -> Result<(), PromptError> {
    if depth > DEEPEST {
        return Err(PromptError::TooDeep);
    }
    for item in items(text) {
        let Some(inner) = bracketed(item) else {
            out.push((item, around));
            continue;
        };
        let (inner, weight) = match inner.rfind(':').filter(|at| *at > 0).map(|at| (&inner[..at], number(&inner[at + 1..]))) {
            Some((inner, Some(weight))) => (inner, weight),
            _ => (inner, around * 1.1),
        };
        if !weight.is_finite() {
            return Err(PromptError::Weight(weight, inner.to_owned()));
        }
        collect(inner, weight, depth + 1, out)?;
    }
    Ok(())
}

/// Cuts before each outermost opening bracket and after its closing one.
///
/// A closing bracket without an opening one counts too: the next opening bracket only makes up for it.
fn items(text: &str) -> Vec<&str> {
    let mut items = Vec::new();
    let (mut from, mut level) = (0, 0i64);
    for (at, bracket) in brackets(text) {
        if bracket == b'(' {
            if level == 0 && at > from {
                items.push(&text[from..at]);
                from = at;
            }
            level += 1;
        } else {
            level -= 1;
            if level == 0 {
                items.push(&text[from..=at]);
                from = at + 1;
            }
        }
    }
    if from < text.len() {
        items.push(&text[from..]);
    }
    items
}

/// What is between the brackets, if the text begins and ends with one.
fn bracketed(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('(')?.strip_suffix(')')?;
    (!inner.ends_with('\\')).then_some(inner)
}

/// Where brackets are that no backslash escapes.
fn brackets(text: &str) -> impl Iterator<Item = (usize, u8)> {
    let bytes = text.as_bytes();
    let escaped = move |at: usize| at > 0 && bytes[at - 1] == b'\\';
    bytes.iter().copied().enumerate().filter(move |(at, byte)| matches!(byte, b'(' | b')') && !escaped(*at))
}

fn unescape(text: &str) -> String {
    text.replace("\\)", ")").replace("\\(", "(")
}

/// A weight as Python reads a float: spaces around it, and `_` between digits.
fn number(text: &str) -> Option<f64> {
    let text = text.trim_matches(|it: char| it.is_whitespace() || ('\x1c'..='\x1f').contains(&it));
    if !text.contains('_') {
        return text.parse().ok();
    }
    let bytes = text.as_bytes();
    let digit = |at: Option<usize>| at.and_then(|it| bytes.get(it)).is_some_and(u8::is_ascii_digit);
    let between = text.match_indices('_').all(|(at, _)| digit(at.checked_sub(1)) && digit(Some(at + 1)));
    between.then(|| text.replace('_', "").parse().ok()).flatten()
}

/// Deals words into chunks of `length` places, each beginning with `start`, where there is one, ending with `end`, and padded.
///
/// A short word that does not fit into the rest of a chunk moves to the next; a long one is cut.
fn deal(words: Vec<Vec<Weighted>>, format: &Format, start: Option<u32>, [end, pad]: [u32; 2]) -> Vec<Vec<Weighted>> {
    let Format { length, least, .. } = *format;
    let plain = |id| Weighted { token: Token::Id(id), weight: 1.0 };
    let close = |mut chunk: Vec<Weighted>| {
        chunk.push(plain(end));
        chunk.resize_with(least.max(chunk.len()), || plain(pad));
        chunk
    };
    let mut chunks = Vec::new();
    let fresh = || start.map(plain).into_iter().collect::<Vec<_>>();
    let mut chunk = fresh();
    for word in words {
        let may_cut = word.len() >= WHOLE_WORD.min(length.saturating_sub(1));
        let mut word = word.into_iter();
        while word.len() + chunk.len() > length - 1 {
            if may_cut {
                chunk.extend(word.by_ref().take(length - 1 - chunk.len()));
            }
            chunks.push(close(std::mem::replace(&mut chunk, fresh())));
        }
        chunk.extend(word);
    }
    chunks.push(close(chunk));
    chunks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::golden;
    use burn::tensor::Device;

    const SD1: Format = Format { length: 77, least: 77, framed: true, width: 64, padding: Padding::End, embedding: "clip_l" };

    fn read(text: &str) -> Result<Tokens, Stop> {
        tokenize(text, &Tokenizer::clip(), Some(&golden::Folder(golden::path("embeddings"))), SD1)
    }

    /// What is wrong with a prompt.
    fn wrong(text: &str) -> String {
        read(text).unwrap_err().to_string()
    }

    /// As the golden writes it: the id, or the first number of the vector, and the weight.
    fn written(place: &Weighted) -> (f64, bool, f64) {
        match &place.token {
            Token::Id(id) => (f64::from(*id), false, place.weight),
            Token::Vector(embedding, row) => {
                let vectors = embedding.vectors(&Device::flex()).unwrap();
                let first = vectors.narrow(0, *row, 1).narrow(1, 0, 1).into_scalar::<f32>();
                (f64::from(first), true, place.weight)
            }
        }
    }

    #[test]
    fn chunks_and_weights_are_those_of_comfyui() {
        for case in golden::json("prompts.json").as_array().unwrap() {
            let prompt = case["prompt"].as_str().unwrap();
            let chunks = read(prompt).unwrap().chunks;
            let wanted = case["chunks"].as_array().unwrap();
            assert_eq!(chunks.len(), wanted.len(), "{prompt}");
            for (chunk, wanted) in chunks.iter().zip(wanted) {
                assert_eq!(chunk.len(), 77, "{prompt}");
                // The golden leaves out the padding: what stands last goes on to the end.
                let wanted = wanted.as_array().unwrap();
                for (place, found) in chunk.iter().enumerate() {
                    let entry = &wanted[place.min(wanted.len() - 1)];
                    let vector = entry[0].as_array();
                    let value = vector.map_or(&entry[0], |it| &it[0]).as_f64().unwrap();
                    let wanted = (value, vector.is_some(), entry[1].as_f64().unwrap());
                    assert_eq!(written(found), wanted, "place {place} of {prompt}");
                }
            }
        }
    }

    #[test]
    fn an_unknown_embedding_is_an_error_with_a_suggestion() {
        assert_eq!(wrong("a embedding:flatt b"), "there is no embedding `flatt`; did you mean `flat`?");
        assert_eq!(wrong("embedding:qqqqqq,"), "there is no embedding `qqqqqq`");
        assert!(wrong("a embedding:").starts_with("`embedding:` needs a name"));
    }

    #[test]
    fn without_a_place_to_look_no_embedding_is_known() {
        let error = tokenize("embedding:one", &Tokenizer::clip(), None, SD1).unwrap_err();
        assert_eq!(error.to_string(), "there is no embedding `one`");
    }

    #[test]
    fn an_embedding_for_another_encoder_is_an_error() {
        let folder = golden::Folder(golden::path("gelu/embeddings"));
        let error = tokenize("embedding:one", &Tokenizer::clip(), Some(&folder), SD1).unwrap_err();
        assert_eq!(error.to_string(), "embedding `one` was made for a text encoder 24 wide; this one is 64 wide");
    }

    #[test]
    fn weights_that_are_no_numbers_are_errors() {
        assert!(wrong("(a:nan)").contains("the weight NaN of `a`"));
        assert!(wrong("(to infinity:infinity)").contains("not a finite number"));
        assert!(wrong("((a:1e300):1e300) (b:1e999)").contains("not a finite number"));
    }

    #[test]
    fn hostile_brackets_end_quickly() {
        let deep = "(".repeat(100_000) + &")".repeat(100_000);
        assert!(wrong(&deep).contains("nested"));
        assert!(!read(&"(".repeat(100_000)).unwrap().chunks.is_empty());
        assert!(!read(&"((a)".repeat(1000)).unwrap().chunks.is_empty());
    }

    #[test]
    fn a_chunk_of_three_places_takes_one_token_each() {
        let format = Format { length: 3, least: 3, ..SD1 };
        let tokens = tokenize("a cat sat", &Tokenizer::clip(), None, format).unwrap();
        assert_eq!(tokens.chunks.iter().map(Vec::len).collect::<Vec<_>>(), [3, 3, 3]);
    }
}
