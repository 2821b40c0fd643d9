//! Tokenizers: CLIP's byte-level byte-pair encoding of lower-cased text, T5's pieces, and those of model folders.
//!
//! Reference: transformers 5.23 `models/clip/tokenization_clip.py`. ComfyUI calls it without ftfy, so mis-encoded text stays as it is.

use super::merges::{self, Merges};
use crate::LoadError;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, OnceLock};
use tokenizers::models::bpe::{BPE, Vocab};
use tokenizers::normalizers::replace::ReplacePattern;
use tokenizers::normalizers::{Lowercase, NFC, NormalizerWrapper, Replace, Sequence as Normalizers};
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::sequence::Sequence as PreTokenizers;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{AddedToken, OffsetReferential, OffsetType, PreTokenizer, SplitDelimiterBehavior};

/// T5's table of pieces, as its model folders have it; `assets/t5_tokenizer.py` packs it.
const T5: &[u8] = include_bytes!("../../assets/t5_tokenizer.json.gz");
const T5_END: &str = "</s>";
const START: &str = "<|startoftext|>";
const END: &str = "<|endoftext|>";
/// What a word is: the special tokens, English contractions, letters, one digit, or other signs.
const WORD: &str = r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+";
/// The files of a tokenizer.
const FILES: [&str; 5] = ["tokenizer.json", "vocab.json", "merges.txt", "special_tokens_map.json", "tokenizer_config.json"];
/// Real tokenizer files have at most a few tens of megabytes.
const LARGEST_FILE: u64 = 64 << 20;

/// Turns text into token ids. Cloning costs nothing; the tables are built when the first text comes, once for all clones.
#[derive(Clone)]
pub struct Tokenizer(Arc<Lazy>);

struct Lazy {
    source: Source,
    built: OnceLock<Built>,
}

enum Source {
    /// OpenAI's, which is part of the program.
    Clip,
    /// T5's, which is part of the program.
    T5,
    /// A model folder's `tokenizer.json`, or else its `vocab.json` and `merges.txt`.
    Folder {
        folder: PathBuf,
        /// Sizes and times of its files.
        stamp: String,
    },
    /// The same files as texts, from inside a model's file.
    Texts {
        files: BTreeMap<String, String>,
        /// The model's file, for messages.
        source: String,
        identity: String,
    },
}

struct Built {
    tokenizer: tokenizers::Tokenizer,
    /// Takes the place of the tokenizer's own model, which knows special tokens only.
    merges: Option<Merges>,
    start: Option<u32>,
    end: u32,
}

impl Tokenizer {
    /// The tokenizer of OpenAI's CLIP, 49408 tokens.
    pub fn clip() -> Self {
        static CLIP: LazyLock<Tokenizer> = LazyLock::new(|| Tokenizer::from(Source::Clip));
        CLIP.clone()
    }

    /// The tokenizer of T5, 32100 tokens.
    pub fn t5() -> Self {
        static T5: LazyLock<Tokenizer> = LazyLock::new(|| Tokenizer::from(Source::T5));
        T5.clone()
    }

    /// The tokenizer in a model folder: `tokenizer.json`, or `vocab.json` with `merges.txt`.
    ///
    /// # Errors
    /// [`LoadError::Read`] where the folder has neither. What is inside the files is read with the first text.
    pub fn open(folder: &Path) -> Result<Self, LoadError> {
        let has = |name: &str| folder.join(name).is_file();
        if !(has("tokenizer.json") || has("vocab.json") && has("merges.txt")) {
            let source = std::io::Error::new(
                std::io::ErrorKind::NotFound,
                "no tokenizer here: neither tokenizer.json nor vocab.json with merges.txt",
            );
            return Err(LoadError::Read { path: folder.to_owned(), source });
        }
        Ok(Self::from(Source::Folder { folder: folder.to_owned(), stamp: stamp(folder) }))
    }

    /// A tokenizer whose files are texts of a JSON object, as [`Tokenizer::texts`] gives them.
    ///
    /// # Errors
    /// [`LoadError::Malformed`] where it is none. What is inside the files is read with the first text.
    pub(crate) fn from_texts(json: &str, source: &str) -> Result<Self, LoadError> {
        let files: Result<BTreeMap<String, String>, _> = serde_json::from_str(json);
        let malformed = |reason: String| LoadError::Malformed { path: source.into(), reason };
        let files = files.map_err(|it| malformed(format!("has a tokenizer that is no object of texts: {it}")))?;
        let has = |name: &str| files.contains_key(name);
        if !(has(FILES[0]) || has(FILES[1]) && has(FILES[2])) {
            return Err(malformed("has a tokenizer with neither tokenizer.json nor vocab.json with merges.txt".to_owned()));
        }
        let identity = format!("texts:{}", blake3::hash(json.as_bytes()));
        Ok(Self::from(Source::Texts { files, source: source.to_owned(), identity }))
    }

    /// Its files as a JSON object of texts; `None` for the tokenizers that are part of the program.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub(crate) fn texts(&self) -> Result<Option<String>, LoadError> {
        let Some(files) = self.files() else { return Ok(None) };
        let texts = FILES.iter().filter_map(|name| Some((*name, files.text(name).transpose()?)));
        let texts: BTreeMap<&str, String> = texts.map(|(name, it)| Ok((name, it?))).collect::<Result<_, LoadError>>()?;
        Ok(Some(serde_json::json!(texts).to_string()))
    }

    fn files(&self) -> Option<Files<'_>> {
        match &self.0.source {
            Source::Clip | Source::T5 => None,
            Source::Folder { folder, .. } => Some(Files::Folder(folder)),
            Source::Texts { files, source, .. } => Some(Files::Texts(files, source)),
        }
    }

    /// The ids of a text, without the start and end tokens. Special tokens that are spelled out in the text count as such.
    ///
    /// # Errors
    /// When the files of a folder's tokenizer are not what they should be.
    pub fn ids(&self, text: &str) -> Result<Vec<u32>, LoadError> {
        let built = self.built()?;
        let ids = match &built.merges {
            Some(merges) => merged(text, &built.tokenizer, merges),
            None => built.tokenizer.encode_fast(text, false).map(|it| it.get_ids().to_vec()),
        };
        ids.map_err(|it| self.malformed(format!("cannot tokenize: {it}")))
    }

    /// The id of the token that begins every chunk.
    ///
    /// # Errors
    /// As [`Tokenizer::ids`], and where the vocabulary has no such token.
    pub fn start(&self) -> Result<u32, LoadError> {
        self.built()?.start.ok_or_else(|| self.malformed("the start token is not in the vocabulary".to_owned()))
    }

    /// The id of the token that ends every chunk.
    ///
    /// # Errors
    /// As [`Tokenizer::ids`].
    pub fn end(&self) -> Result<u32, LoadError> {
        self.built().map(|it| it.end)
    }

    /// Where it comes from: equal for equal tokenizers, changed when a file of its folder changes.
    pub fn identity(&self) -> String {
        match &self.0.source {
            Source::Clip => "clip".to_owned(),
            Source::T5 => "t5".to_owned(),
            Source::Folder { folder, stamp } => format!("{}{stamp}", folder.display()),
            Source::Texts { identity, .. } => identity.clone(),
        }
    }

    fn from(source: Source) -> Self {
        Self(Arc::new(Lazy { source, built: OnceLock::new() }))
    }

    fn built(&self) -> Result<&Built, LoadError> {
        if let Some(built) = self.0.built.get() {
            return Ok(built);
        }
        let built = match &self.0.source {
            Source::Clip => {
                let special = [(START.to_owned(), merges::START), (END.to_owned(), merges::START + 1)];
                let built = assemble(Vocab::from(special), Vec::new(), START, END).map_err(|it| self.malformed(it))?;
                Built { merges: Some(Merges::new()), ..built }
            }
            Source::T5 => t5().map_err(|it| self.malformed(it))?,
            Source::Folder { folder, .. } => read_files(Files::Folder(folder))?,
            Source::Texts { files, source, .. } => read_files(Files::Texts(files, source))?,
        };
        Ok(self.0.built.get_or_init(|| built))
    }

    fn malformed(&self, reason: String) -> LoadError {
        let path = match &self.0.source {
            Source::Clip | Source::T5 => PathBuf::from("the built-in tokenizer"),
            Source::Folder { folder, .. } => folder.clone(),
            Source::Texts { source, .. } => source.into(),
        };
        LoadError::Malformed { path, reason }
    }
}

impl fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tokenizer({})", self.identity())
    }
}

/// Splits a text as `tokenizer` does, and merges the letters of each word.
fn merged(text: &str, tokenizer: &tokenizers::Tokenizer, merges: &Merges) -> tokenizers::Result<Vec<u32>> {
    let mut words = tokenizer.get_added_vocabulary().extract_and_normalize(tokenizer.get_normalizer(), text);
    if let Some(splitter) = tokenizer.get_pre_tokenizer() {
        splitter.pre_tokenize(&mut words)?;
    }
    let mut ids = Vec::new();
    for (word, _, special) in words.get_splits(OffsetReferential::Normalized, OffsetType::None) {
        match special {
            Some(tokens) => ids.extend(tokens.iter().map(|it| it.id)),
            None => merges.encode(word, &mut ids),
        }
    }
    Ok(ids)
}

fn parse_merges(text: &str) -> Vec<(String, String)> {
    let lines = text.lines().filter(|it| !it.starts_with("#version"));
    lines.filter_map(|it| it.split_once(' ')).map(|(a, b)| (a.to_owned(), b.trim_end().to_owned())).collect()
}

/// Puts the parts together.
///
/// # Errors
/// Says what does not fit.
fn assemble(vocabulary: Vocab, merges: Vec<(String, String)>, start: &str, end: &str) -> Result<Built, String> {
    let id = |token: &str| vocabulary.get(token).copied().ok_or_else(|| format!("`{token}` is not in the vocabulary"));
    let (start_id, end_id) = (id(start)?, id(end)?);
    let said = |it: tokenizers::Error| it.to_string();
    let model = BPE::builder()
        .vocab_and_merges(vocabulary, merges)
        .unk_token(end.to_owned())
        .end_of_word_suffix("</w>".to_owned())
        .build()
        .map_err(said)?;
    let mut tokenizer = tokenizers::Tokenizer::new(model);
    tokenizer.with_normalizer(Some(Normalizers::new(vec![
        NFC.into(),
        NormalizerWrapper::Replace(Replace::new(ReplacePattern::Regex(r"\s+".to_owned()), " ").map_err(said)?),
        Lowercase.into(),
    ])));
    let words = Split::new(SplitPattern::Regex(WORD.to_owned()), SplitDelimiterBehavior::Removed, true).map_err(said)?;
    tokenizer.with_pre_tokenizer(Some(PreTokenizers::new(vec![
        PreTokenizerWrapper::Split(words),
        PreTokenizerWrapper::ByteLevel(ByteLevel::new(false, true, true)),
    ])));
    // In capitals only the start token is understood: the original has it so.
    tokenizer
        .add_special_tokens(&[AddedToken::from(start, true).normalized(true), AddedToken::from(end, true).normalized(false)]);
    Ok(Built { tokenizer, merges: None, start: Some(start_id), end: end_id })
}

/// T5's `tokenizer.json`, unpacked.
fn t5() -> Result<Built, String> {
    let mut json = Vec::new();
    flate2::read::GzDecoder::new(T5).read_to_end(&mut json).map_err(|it| it.to_string())?;
    let tokenizer = tokenizers::Tokenizer::from_bytes(json).map_err(|it| it.to_string())?;
    let end = tokenizer.token_to_id(T5_END).ok_or_else(|| format!("`{T5_END}` is not in the vocabulary"))?;
    Ok(Built { tokenizer, merges: None, start: None, end })
}

/// Where the files of a tokenizer are.
#[derive(Clone, Copy)]
enum Files<'a> {
    Folder(&'a Path),
    /// Texts by file name, and where these come from.
    Texts(&'a BTreeMap<String, String>, &'a str),
}

impl Files<'_> {
    /// The text of a file, if there is one.
    fn text(self, name: &str) -> Result<Option<String>, LoadError> {
        match self {
            Self::Folder(folder) => Some(folder.join(name)).filter(|it| it.is_file()).map(|it| read(&it)).transpose(),
            Self::Texts(files, _) => Ok(files.get(name).cloned()),
        }
    }

    /// The error that something is wrong with a file.
    fn malformed(self, name: &str, reason: String) -> LoadError {
        let path = match self {
            Self::Folder(folder) => folder.join(name),
            Self::Texts(_, source) => Path::new(source).join(name),
        };
        LoadError::Malformed { path, reason }
    }
}

fn read_files(files: Files<'_>) -> Result<Built, LoadError> {
    let (start, end) = special_tokens(files)?;
    if let Some(text) = files.text(FILES[0])? {
        let malformed = |reason: String| files.malformed(FILES[0], reason);
        let tokenizer = tokenizers::Tokenizer::from_bytes(text).map_err(|it| malformed(it.to_string()))?;
        let id =
            |token: &str| tokenizer.token_to_id(token).ok_or_else(|| malformed(format!("`{token}` is not in the vocabulary")));
        return Ok(Built { start: tokenizer.token_to_id(&start), end: id(&end)?, tokenizer, merges: None });
    }
    let malformed = |reason: String| files.malformed(FILES[1], reason);
    let gone = |name| files.malformed(name, "is not there any more".to_owned());
    let vocabulary = files.text(FILES[1])?.ok_or_else(|| gone(FILES[1]))?;
    let vocabulary: HashMap<String, u32> = serde_json::from_str(&vocabulary).map_err(|it| malformed(it.to_string()))?;
    let merges = parse_merges(&files.text(FILES[2])?.ok_or_else(|| gone(FILES[2]))?);
    assemble(vocabulary.into_iter().collect(), merges, &start, &end).map_err(malformed)
}

/// The start and end tokens that the files name, or CLIP's.
fn special_tokens(files: Files<'_>) -> Result<(String, String), LoadError> {
    let (mut start, mut end) = (START.to_owned(), END.to_owned());
    // The second file has the last word.
    for name in &FILES[3..] {
        let Some(text) = files.text(name)? else { continue };
        let settings: serde_json::Value = serde_json::from_str(&text).map_err(|it| files.malformed(name, it.to_string()))?;
        for (key, token) in [("bos_token", &mut start), ("eos_token", &mut end)] {
            let said = settings.get(key);
            if let Some(said) = said.and_then(|it| it.as_str().or_else(|| it.get("content")?.as_str())) {
                said.clone_into(token);
            }
        }
    }
    Ok((start, end))
}

fn stamp(folder: &Path) -> String {
    let known = FILES.iter().filter_map(|it| std::fs::metadata(folder.join(it)).ok());
    let time = |it: &std::fs::Metadata| it.modified().ok()?.duration_since(std::time::UNIX_EPOCH).ok();
    known.map(|it| format!(":{}:{}", it.len(), time(&it).unwrap_or_default().as_nanos())).collect()
}

fn read(path: &Path) -> Result<String, LoadError> {
    let failed = |source| LoadError::Read { path: path.to_owned(), source };
    let size = std::fs::metadata(path).map_err(failed)?.len();
    if size > LARGEST_FILE {
        let reason = format!("has {size} bytes; a tokenizer has at most {LARGEST_FILE}");
        return Err(LoadError::Malformed { path: path.to_owned(), reason });
    }
    std::fs::read_to_string(path).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::golden;

    #[test]
    fn ids_are_those_of_transformers() {
        let tokenizer = Tokenizer::clip();
        for case in golden::json("tokens.json").as_array().unwrap() {
            let ids: Vec<u32> = serde_json::from_value(case["ids"].clone()).unwrap();
            assert_eq!(tokenizer.ids(case["text"].as_str().unwrap()).unwrap(), ids, "{case}");
        }
    }

    #[test]
    fn ids_of_t5_are_those_of_transformers() {
        let tokenizer = Tokenizer::t5();
        for case in golden::json("t5_tokens.json").as_array().unwrap() {
            let ids: Vec<u32> = serde_json::from_value(case["ids"].clone()).unwrap();
            assert_eq!(tokenizer.ids(case["text"].as_str().unwrap()).unwrap(), ids, "{case}");
        }
        assert_eq!(tokenizer.end().unwrap(), 1);
        assert!(tokenizer.start().is_err());
    }

    #[test]
    fn special_tokens_come_last() {
        assert_eq!((Tokenizer::clip().start().unwrap(), Tokenizer::clip().end().unwrap()), (49406, 49407));
    }

    #[test]
    fn a_folder_brings_its_own_vocabulary() {
        let tokenizer = Tokenizer::open(&golden::path("quick_gelu/tokenizer")).unwrap();
        assert_eq!((tokenizer.start().unwrap(), tokenizer.end().unwrap()), (572, 573));
        // The first merges are `i n`, `t h`, `a n`, `r e`, `a r`, `e r`, `th e</w>`.
        assert_eq!(tokenizer.ids("the").unwrap(), [512 + 6]);
    }

    #[test]
    fn a_folder_without_a_tokenizer_is_an_error() {
        let error = Tokenizer::open(&golden::path("embeddings")).unwrap_err().to_string();
        assert!(error.contains("tokenizer.json"), "{error}");
    }

    #[test]
    fn a_vocabulary_that_lacks_what_merges_make_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("vocab.json"), r#"{"a": 0, "b": 1, "<|startoftext|>": 2, "<|endoftext|>": 3}"#)
            .unwrap();
        std::fs::write(folder.path().join("merges.txt"), "a b\n").unwrap();
        let error = Tokenizer::open(folder.path()).unwrap().ids("ab").unwrap_err().to_string();
        assert!(error.contains("vocab.json") && error.contains("`ab`"), "{error}");
    }

    #[test]
    fn a_very_long_word_takes_its_time_but_not_for_ever() {
        assert!(Tokenizer::clip().ids(&"xyz".repeat(100_000)).unwrap().len() > 10_000);
    }
}
