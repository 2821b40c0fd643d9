//! Reads GGUF, the format of llama.cpp: settings with types, then tensors, many of them in quantised blocks.
//!
//! Reference: ggml `docs/gguf.md`, versions 2 and 3.

use super::error::shown;
use super::map::Map;
use super::safetensors::identity;
use super::{Entry, LoadError, Stored, Tensors};
use burn::tensor::DType;
use kernels::BlockFormat;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The first bytes of a file.
const MAGIC: &[u8] = b"GGUF";
const ALIGNMENT: &str = "general.alignment";
/// The shape of a tensor before it was laid out in blocks, as the converter of ComfyUI-GGUF notes it.
const ORIGINAL_SHAPE: &str = "comfy.gguf.orig_shape.";
const USUAL_ALIGNMENT: usize = 32;
const LARGEST_ALIGNMENT: usize = 1 << 16;
/// By the specification.
const LONGEST_KEY: usize = 65_535;
const LONGEST_TEXT: usize = 1 << 26;
const LONGEST_LIST: u64 = 1 << 24;
const MOST_ENTRIES: u64 = 1 << 20;
/// As many dimensions as ggml has.
const HIGHEST_RANK: usize = 4;
/// More than any model that was published.
const MOST_SHARDS: i64 = 1000;

// Kinds of settings; the others are whole numbers.
const FLOAT: u32 = 6;
const BOOL: u32 = 7;
const TEXT: u32 = 8;
const LIST: u32 = 9;
const DOUBLE: u32 = 12;

/// A setting in a GGUF file.
#[derive(Clone, Debug, PartialEq)]
pub enum Setting {
    /// A whole number of any width.
    Integer(i64),
    /// A float of any width.
    Float(f64),
    /// Yes or no.
    Bool(bool),
    /// Text.
    Text(String),
    /// A list of whole numbers.
    Integers(Vec<i64>),
    /// A list of floats.
    Floats(Vec<f64>),
    /// A list of yes and no.
    Bools(Vec<bool>),
    /// A list of texts.
    Texts(Vec<String>),
}

impl Setting {
    /// The whole number, if it is one.
    pub fn integer(&self) -> Option<i64> {
        if let Self::Integer(it) = self { Some(*it) } else { None }
    }

    /// The number, whole or not.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Integer(it) => Some(*it as f64),
            Self::Float(it) => Some(*it),
            _ => None,
        }
    }

    /// Yes or no, if it is that.
    pub fn bool(&self) -> Option<bool> {
        if let Self::Bool(it) = self { Some(*it) } else { None }
    }

    /// The text, if it is one.
    pub fn text(&self) -> Option<&str> {
        if let Self::Text(it) = self { Some(it) } else { None }
    }

    /// The texts, if it is a list of them.
    pub fn texts(&self) -> Option<&[String]> {
        if let Self::Texts(it) = self { Some(it) } else { None }
    }

    /// The whole numbers, if it is a list of them.
    pub fn integers(&self) -> Option<&[i64]> {
        if let Self::Integers(it) = self { Some(it) } else { None }
    }

    /// The numbers, if it is a list of some, whole or not.
    pub fn numbers(&self) -> Option<Vec<f64>> {
        match self {
            Self::Integers(it) => Some(it.iter().map(|it| *it as f64).collect()),
            Self::Floats(it) => Some(it.clone()),
            _ => None,
        }
    }
}

/// Whether a file begins as one of this format, or is called so.
pub(super) fn is_one(path: &Path, begin: &[u8]) -> bool {
    // The header of a safetensors file is shorter than this beginning would say.
    path.extension().is_some_and(|it| it.eq_ignore_ascii_case("gguf")) || begin.starts_with(MAGIC)
}

/// Maps a file, or all files of a model that was split, and reads the headers.
pub(super) fn open(path: &Path) -> Result<Tensors, LoadError> {
    let first = one(path)?;
    let shards = first.settings.get("split.count").and_then(Setting::integer).unwrap_or(1);
    if shards <= 1 {
        return Ok(first);
    }
    let malformed = |reason: String| LoadError::Malformed { path: path.to_owned(), reason };
    let Some(others) = shard_names(path, shards) else {
        return Err(malformed(format!("is one of {shards} files, and is not named like `model-00001-of-{shards:05}.gguf`")));
    };
    let mut all = Tensors { source: path.display().to_string(), ..Tensors::default() };
    for (index, shard) in others.iter().enumerate() {
        let shard = if *shard == path { first.clone() } else { one(shard)? };
        let gap = if index == 0 { "" } else { "+" };
        all.identity = format!("{}{gap}{}", all.identity, shard.identity);
        all.maps.extend(shard.maps);
        if index == 0 {
            (all.settings, all.metadata) = (shard.settings, shard.metadata);
        }
        for (name, entry) in shard.entries {
            if all.entries.insert(name.clone(), entry).is_some() {
                return Err(malformed(format!("belongs to files of which two have `{}`", shown(&name))));
            }
        }
    }
    Ok(all)
}

/// The names of all shards beside one of them.
fn shard_names(path: &Path, shards: i64) -> Option<Vec<PathBuf>> {
    let name = path.file_name()?.to_str()?;
    let stem = name.strip_suffix(&format!("-of-{shards:05}.gguf"))?;
    let (stem, number) = stem.rsplit_once('-')?;
    let known = number.len() == 5 && number.bytes().all(|it| it.is_ascii_digit());
    let all = (1..=shards).map(|it| path.with_file_name(format!("{stem}-{it:05}-of-{shards:05}.gguf")));
    (known && shards <= MOST_SHARDS).then(|| all.collect())
}

fn one(path: &Path) -> Result<Tensors, LoadError> {
    let map = Map::open(path)?;
    let all = map.bytes();
    let malformed = |reason: String| LoadError::Malformed { path: path.to_owned(), reason };
    let header = Header::read(&all).map_err(malformed)?;
    let data = all.slice(header.data.min(all.len())..);
    let mut infos = header.tensors;
    infos.sort_by_key(|it| it.offset);
    let mut entries = BTreeMap::new();
    let mut end = 0;
    for info in infos {
        let bad = |what: String| malformed(format!("`{}` {what}", shown(&info.name)));
        let stored = stored(info.kind).map_err(|what| {
            let reason = format!("`{}` is stored as {what}, which is not read", shown(&info.name));
            let instead = "use a version in F16, BF16, Q8_0, Q4_0 or one of the K formats, such as Q4_K_M";
            LoadError::Unsupported { path: path.to_owned(), reason, instead }
        })?;
        let mut shape = info.shape;
        let length =
            length(&shape, stored).ok_or_else(|| bad(format!("of shape {shape:?} is no whole number of {stored} blocks")))?;
        let from = usize::try_from(info.offset).ok().filter(|it| it.is_multiple_of(header.alignment));
        let from =
            from.ok_or_else(|| bad(format!("begins at byte {}, not at a multiple of {}", info.offset, header.alignment)))?;
        let to = from.checked_add(length).filter(|to| *to <= data.len());
        let to =
            to.ok_or_else(|| bad(format!("should have {length} bytes from byte {from} of {}: the file is cut off", data.len())))?;
        if from < end && length > 0 {
            return Err(bad(format!("begins at byte {from} where {end} bytes are taken: tensors overlap")));
        }
        end = end.max(to);
        if let Some(original) = header.settings.get(&format!("{ORIGINAL_SHAPE}{}", info.name)) {
            let sizes =
                original.integers().and_then(|it| it.iter().map(|it| usize::try_from(*it).ok()).collect::<Option<Vec<_>>>());
            let product = |shape: &[usize]| shape.iter().try_fold(1_usize, |all, one| all.checked_mul(*one));
            let fits = sizes.filter(|it| it.len() <= 8 && product(it).is_some() && product(it) == product(&shape));
            shape = fits.ok_or_else(|| bad(format!("of shape {shape:?} should have been of shape {original:?}")))?;
        }
        let entry = Entry { shape, stored, pieces: vec![data.slice(from..to)], name: info.name.as_str().into() };
        if entries.insert(info.name.clone(), entry).is_some() {
            return Err(malformed(format!("has two tensors of the name `{}`", shown(&info.name))));
        }
    }
    let texts = header.settings.iter().filter_map(|(key, value)| Some((key.clone(), value.text()?.to_owned())));
    Ok(Tensors {
        source: path.display().to_string(),
        identity: identity(path)?,
        entries,
        metadata: texts.collect(),
        settings: Arc::new(header.settings),
        maps: vec![map],
        ..Tensors::default()
    })
}

/// Bytes of a tensor, if its rows are whole blocks.
fn length(shape: &[usize], stored: Stored) -> Option<usize> {
    let numbers = shape.iter().try_fold(1_usize, |all, one| all.checked_mul(*one))?;
    match stored {
        Stored::Numbers(dtype) => numbers.checked_mul(dtype.size()),
        Stored::Blocks(format) => {
            let whole = shape.last().is_some_and(|it| it.is_multiple_of(format.numbers()));
            if whole { (numbers / format.numbers()).checked_mul(format.bytes()) } else { None }
        }
    }
}

/// What the number of a type says, or the name of a type that is not read.
fn stored(kind: u32) -> Result<Stored, String> {
    Ok(match kind {
        0 => Stored::Numbers(DType::F32),
        1 => Stored::Numbers(DType::F16),
        2 => Stored::Blocks(BlockFormat::Q4_0),
        3 => Stored::Blocks(BlockFormat::Q4_1),
        6 => Stored::Blocks(BlockFormat::Q5_0),
        7 => Stored::Blocks(BlockFormat::Q5_1),
        8 => Stored::Blocks(BlockFormat::Q8_0),
        10 => Stored::Blocks(BlockFormat::Q2K),
        11 => Stored::Blocks(BlockFormat::Q3K),
        12 => Stored::Blocks(BlockFormat::Q4K),
        13 => Stored::Blocks(BlockFormat::Q5K),
        14 => Stored::Blocks(BlockFormat::Q6K),
        15 => Stored::Blocks(BlockFormat::Q8K),
        24 => Stored::Numbers(DType::I8),
        25 => Stored::Numbers(DType::I16),
        26 => Stored::Numbers(DType::I32),
        27 => Stored::Numbers(DType::I64),
        28 => Stored::Numbers(DType::F64),
        30 => Stored::Numbers(DType::BF16),
        other => {
            const NAMES: &[(u32, &str)] = &[
                (9, "Q8_1"),
                (16, "IQ2_XXS"),
                (17, "IQ2_XS"),
                (18, "IQ3_XXS"),
                (19, "IQ1_S"),
                (20, "IQ4_NL"),
                (21, "IQ3_S"),
                (22, "IQ2_S"),
                (23, "IQ4_XS"),
                (29, "IQ1_M"),
                (34, "TQ1_0"),
                (35, "TQ2_0"),
                (39, "MXFP4"),
                (40, "NVFP4"),
                (41, "Q1_0"),
            ];
            let name = NAMES.iter().find(|it| it.0 == other).map(|it| it.1.to_owned());
            return Err(name.unwrap_or_else(|| format!("type {other}, of which nothing is known")));
        }
    })
}

struct Header {
    settings: BTreeMap<String, Setting>,
    tensors: Vec<Info>,
    alignment: usize,
    /// Where the tensors begin.
    data: usize,
}

struct Info {
    name: String,
    /// The last dimension runs fastest, other than in the file.
    shape: Vec<usize>,
    kind: u32,
    offset: u64,
}

impl Header {
    fn read(all: &[u8]) -> Result<Self, String> {
        let mut cursor = Cursor { all, at: MAGIC.len() };
        if !all.starts_with(MAGIC) {
            return Err("is not a GGUF file".to_owned());
        }
        match cursor.u32()? {
            2 | 3 => {}
            1 => return Err("is of version 1 of GGUF, which nobody has written since 2023: convert the model anew".to_owned()),
            it if it.swap_bytes() <= 3 => return Err("is a GGUF file for machines of the other byte order".to_owned()),
            it => return Err(format!("is of version {it} of GGUF, and 2 and 3 are known")),
        }
        let (tensors, settings) = (cursor.u64()?, cursor.u64()?);
        let mut header = Self { settings: BTreeMap::new(), tensors: Vec::new(), alignment: USUAL_ALIGNMENT, data: 0 };
        if settings.max(tensors) > MOST_ENTRIES {
            return Err(format!("should have {settings} settings and {tensors} tensors, and {MOST_ENTRIES} is the most"));
        }
        // Nothing is reserved by what a file claims: each round reads some bytes or fails.
        for _ in 0..settings {
            let key = cursor.name()?;
            let value = cursor.setting().map_err(|it| format!("has a broken setting `{}`: {it}", shown(&key)))?;
            if let Some(_twice) = header.settings.insert(key.clone(), value) {
                return Err(format!("has two settings of the name `{}`", shown(&key)));
            }
        }
        for _ in 0..tensors {
            let name = cursor.name()?;
            let info = cursor.info(name.clone()).map_err(|it| format!("has a broken tensor `{}`: {it}", shown(&name)))?;
            header.tensors.push(info);
        }
        if let Some(alignment) = header.settings.get(ALIGNMENT) {
            let known = alignment.integer().and_then(|it| usize::try_from(it).ok());
            let known = known.filter(|it| it.is_power_of_two() && *it <= LARGEST_ALIGNMENT);
            header.alignment = known.ok_or_else(|| format!("has an alignment of {alignment:?}"))?;
        }
        header.data = cursor.at.next_multiple_of(header.alignment);
        Ok(header)
    }
}

/// Reads on from a place.
struct Cursor<'a> {
    all: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], String> {
        let rest = &self.all[self.at..];
        let Some(taken) = rest.get(..length) else {
            return Err(format!("its header goes on for {length} bytes more, and only {} follow: it is cut off", rest.len()));
        };
        self.at += length;
        Ok(taken)
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let taken = self.take(N)?;
        Ok(std::array::from_fn(|it| taken[it]))
    }

    fn u32(&mut self) -> Result<u32, String> {
        Ok(u32::from_le_bytes(self.bytes()?))
    }

    fn u64(&mut self) -> Result<u64, String> {
        Ok(u64::from_le_bytes(self.bytes()?))
    }

    /// A name, which is found by what it is.
    fn name(&mut self) -> Result<String, String> {
        let bytes = self.counted(LONGEST_KEY)?;
        String::from_utf8(bytes.to_vec()).map_err(|it| format!("has a name that is no text: {it}"))
    }

    /// A text, which may hold pieces of characters: those become `\u{fffd}`.
    fn text(&mut self) -> Result<String, String> {
        Ok(String::from_utf8_lossy(self.counted(LONGEST_TEXT)?).into_owned())
    }

    fn counted(&mut self, longest: usize) -> Result<&'a [u8], String> {
        let length = self.u64()?;
        let length = usize::try_from(length).ok().filter(|it| *it <= longest);
        self.take(length.ok_or_else(|| format!("has a text of more than {longest} bytes"))?)
    }

    fn setting(&mut self) -> Result<Setting, String> {
        Ok(match self.u32()? {
            LIST => {
                let (kind, count) = (self.u32()?, self.u64()?);
                if count > LONGEST_LIST {
                    return Err(format!("a list of {count}, more than {LONGEST_LIST}"));
                }
                match kind {
                    FLOAT | DOUBLE => Setting::Floats((0..count).map(|_| self.float(kind)).collect::<Result<_, _>>()?),
                    BOOL => Setting::Bools((0..count).map(|_| self.yes()).collect::<Result<_, _>>()?),
                    TEXT => Setting::Texts((0..count).map(|_| self.text()).collect::<Result<_, _>>()?),
                    LIST => return Err("a list of lists".to_owned()),
                    kind => Setting::Integers((0..count).map(|_| self.integer(kind)).collect::<Result<_, _>>()?),
                }
            }
            kind @ (FLOAT | DOUBLE) => Setting::Float(self.float(kind)?),
            BOOL => Setting::Bool(self.yes()?),
            TEXT => Setting::Text(self.text()?),
            kind => Setting::Integer(self.integer(kind)?),
        })
    }

    fn integer(&mut self, kind: u32) -> Result<i64, String> {
        Ok(match kind {
            0 => u8::from_le_bytes(self.bytes()?).into(),
            1 => i8::from_le_bytes(self.bytes()?).into(),
            2 => u16::from_le_bytes(self.bytes()?).into(),
            3 => i16::from_le_bytes(self.bytes()?).into(),
            4 => self.u32()?.into(),
            5 => i32::from_le_bytes(self.bytes()?).into(),
            10 => i64::try_from(self.u64()?).map_err(|it| format!("a number too large: {it}"))?,
            11 => i64::from_le_bytes(self.bytes()?),
            other => return Err(format!("a value of kind {other}, of which nothing is known")),
        })
    }

    fn float(&mut self, kind: u32) -> Result<f64, String> {
        Ok(if kind == FLOAT { f32::from_le_bytes(self.bytes()?).into() } else { f64::from_le_bytes(self.bytes()?) })
    }

    fn yes(&mut self) -> Result<bool, String> {
        match self.bytes()? {
            [0] => Ok(false),
            [1] => Ok(true),
            [other] => Err(format!("{other} where yes or no should be")),
        }
    }

    fn info(&mut self, name: String) -> Result<Info, String> {
        let rank = self.u32()? as usize;
        if rank > HIGHEST_RANK {
            return Err(format!("it has {rank} dimensions, more than {HIGHEST_RANK}"));
        }
        let sizes: Result<Vec<usize>, String> =
            (0..rank).map(|_| self.u64().and_then(|it| usize::try_from(it).map_err(|_| format!("a size of {it}")))).collect();
        let mut shape = sizes?;
        shape.reverse();
        Ok(Info { name, shape, kind: self.u32()?, offset: self.u64()? })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Matrix, Weights};
    use super::*;
    use burn::tensor::{Device, Int, Tensor};
    use proptest::prelude::*;
    use tempfile::TempDir;

    /// Files that Python wrote: see tests/parity/make/gguf_files.py.
    fn golden(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/parity/goldens/gguf").join(name)
    }

    fn bits(numbers: &[f32]) -> Vec<u32> {
        numbers.iter().map(|it| it.to_bits()).collect()
    }

    #[test]
    fn every_format_has_the_numbers_of_the_reference_to_the_last_bit() {
        let weights = Weights::open(&golden("formats.gguf")).expect("opened");
        let expected = Weights::open(&golden("expected.safetensors")).expect("opened");
        assert_eq!(weights.names().collect::<Vec<_>>(), expected.names().collect::<Vec<_>>());
        for name in expected.names() {
            assert_eq!(weights.shape(name), expected.shape(name), "{name}");
            let (found, wanted) = (weights.numbers(name).expect("read"), expected.numbers(name).expect("read"));
            assert!(bits(&found) == bits(&wanted), "{name}: {:?} instead of {:?}", &found[..9], &wanted[..9]);
        }
    }

    #[test]
    fn settings_have_their_types() {
        let weights = Weights::open(&golden("formats.gguf")).expect("opened");
        let setting = |name: &str| weights.setting(&format!("test.{name}")).expect("there").clone();
        assert_eq!(weights.metadata("test.text"), Some("word"));
        assert_eq!(setting("text"), Setting::Text("word".to_owned()));
        assert_eq!(setting("uint8"), Setting::Integer(200));
        assert_eq!(setting("int32"), Setting::Integer(-7));
        assert_eq!(setting("uint64"), Setting::Integer(1 << 40));
        assert_eq!(setting("float32"), Setting::Float(0.5));
        assert_eq!(setting("float64"), Setting::Float(-0.25));
        assert_eq!(setting("bool"), Setting::Bool(true));
        assert_eq!(setting("texts"), Setting::Texts(vec!["a".to_owned(), String::new(), "ö".to_owned()]));
        assert_eq!(setting("integers"), Setting::Integers(vec![1, -2, 3]));
        assert_eq!(setting("floats"), Setting::Floats(vec![0.5, -1.0]));
        assert_eq!(setting("bools"), Setting::Bools(vec![true, false]));
    }

    #[test]
    fn a_matrix_stays_in_its_blocks_and_is_the_same_matrix() {
        let weights = Weights::open(&golden("formats.gguf")).expect("opened");
        let device = Device::flex();
        let all = Tensor::<1, Int>::arange(0..3, &device);
        for name in weights.names().filter(|it| it.starts_with('Q')) {
            let Matrix::Blocks(blocks) = weights.matrix(name, [3, 512], &device).expect("drawn") else { panic!("{name}") };
            assert_eq!(blocks.format().name(), name);
            let drawn = weights.tensor(name, [3, 512], &device).expect("drawn");
            assert_eq!(blocks.rows(all.clone()).into_data(), drawn.into_data(), "{name}");
        }
        assert!(matches!(weights.matrix("F16", [3, 5], &device), Ok(Matrix::Numbers(_))));
        assert!(matches!(weights.matrix("Q4_0", [3, 511], &device), Err(LoadError::Shape { .. })));
        // Blocks that lie across the rows of the kernel cannot be multiplied as they are.
        assert!(weights.matrix("kernel", [8, 72], &device).is_err());
    }

    #[test]
    fn a_matrix_that_is_changed_leaves_its_blocks() {
        let weights = Weights::open(&golden("formats.gguf")).expect("opened");
        let device = Device::flex();
        let change = burn::tensor::TensorData::new(vec![0.5_f32; 3 * 512], [3, 512]);
        let other = Weights::from_tensors("change", [("Q4_K".to_owned(), change)]).expect("made");
        let changed = crate::patch::plus(&weights, &other).expect("fits");
        assert!(matches!(changed.matrix("Q6_K", [3, 512], &device), Ok(Matrix::Blocks(_))), "nothing changes it");
        // Two bytes for each number instead of 144 for 256; the kernel is no matrix and takes four in both.
        assert_eq!(changed.resident_bytes() - weights.resident_bytes(), 3 * 512 * 2 - 3 * 2 * 144);
        assert_eq!(weights.resident_bytes() - weights.bytes(), 8 * 8 * 9 * 4 - 8 * 8 * 9 / 32 * 34);
        let Matrix::Numbers(found) = changed.matrix("Q4_K", [3, 512], &device).expect("drawn") else { panic!("in blocks") };
        assert_eq!(found.dtype(), DType::F16);
        let wanted = (weights.tensor("Q4_K", [3, 512], &device).expect("drawn") + 0.5).cast(burn::tensor::FloatDType::F16);
        assert_eq!(found.into_data(), wanted.into_data());
    }

    /// A file as it should be, to be spoilt.
    struct File {
        version: u32,
        settings: Vec<(&'static [u8], Vec<u8>)>,
        tensors: Vec<(&'static [u8], Vec<u64>, u32, u64)>,
        counts: Option<[u64; 2]>,
        data: usize,
    }

    impl Default for File {
        fn default() -> Self {
            Self { version: 3, settings: Vec::new(), tensors: vec![(b"t", vec![32, 2], 8, 0)], counts: None, data: 68 }
        }
    }

    impl File {
        fn bytes(&self) -> Vec<u8> {
            let mut all = [MAGIC, &self.version.to_le_bytes()].concat();
            let [tensors, settings] = self.counts.unwrap_or([self.tensors.len() as u64, self.settings.len() as u64]);
            all.extend([tensors.to_le_bytes(), settings.to_le_bytes()].concat());
            for (key, value) in &self.settings {
                all.extend([&(key.len() as u64).to_le_bytes(), *key, value].concat());
            }
            for (name, shape, kind, offset) in &self.tensors {
                all.extend([&(name.len() as u64).to_le_bytes(), *name, &(shape.len() as u32).to_le_bytes()].concat());
                all.extend(shape.iter().flat_map(|it| it.to_le_bytes()));
                all.extend([&kind.to_le_bytes()[..], &offset.to_le_bytes()].concat());
            }
            all.resize(all.len().next_multiple_of(32) + self.data, 0);
            all
        }

        fn open(&self) -> Result<Weights, LoadError> {
            let (_folder, path) = written(&self.bytes());
            Weights::open(&path)
        }

        #[track_caller]
        fn refused(&self, wrong: &str) {
            let message = self.open().expect_err(wrong).to_string();
            assert!(message.contains(wrong) && message.len() < 1000, "{message}");
        }
    }

    fn written(bytes: &[u8]) -> (TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a directory");
        let path = folder.path().join("model.gguf");
        std::fs::write(&path, bytes).expect("written");
        (folder, path)
    }

    fn list(kind: u32, count: u64, items: &[u8]) -> Vec<u8> {
        [&LIST.to_le_bytes()[..], &kind.to_le_bytes(), &count.to_le_bytes(), items].concat()
    }

    #[test]
    fn every_lie_in_a_file_is_told() {
        let file = File::default;
        assert_eq!(file().open().expect("in order").shape("t"), Some(&[2, 32][..]));
        let tensor = |shape: &[u64], kind, offset| File { tensors: vec![(b"t", shape.to_vec(), kind, offset)], ..file() };
        tensor(&[33, 2], 8, 0).refused("no whole number of Q8_0 blocks");
        tensor(&[32, 3], 8, 0).refused("should have 102 bytes from byte 0 of 68");
        tensor(&[32, 2], 8, 1).refused("not at a multiple of 32");
        tensor(&[32, 2], 8, 1 << 63).refused("from byte 9223372036854775808 of 68");
        tensor(&[1 << 32, 1 << 32], 0, 0).refused("no whole number");
        tensor(&[u64::MAX, 1], 0, 0).refused("no whole number");
        tensor(&[32, 1, 1, 1, 1], 8, 0).refused("it has 5 dimensions");
        tensor(&[256], 23, 0).refused("`t` is stored as IQ4_XS, which is not read");
        tensor(&[256], 77, 0).refused("type 77, of which nothing is known");
        let two = |second: &'static [u8], at| File { tensors: vec![(b"t", vec![8], 0, 0), (second, vec![8], 0, at)], ..file() };
        two(b"t", 32).refused("two tensors of the name `t`");
        two(b"u", 0).refused("tensors overlap");
        two(b"\xff", 32).refused("is no text");
        assert!(two(b"u", 32).open().is_ok());
        File { version: 1, ..file() }.refused("is of version 1");
        File { version: 4, ..file() }.refused("is of version 4");
        File { version: 3_u32.swap_bytes(), ..file() }.refused("the other byte order");
        File { counts: Some([u64::MAX, 0]), ..file() }.refused("is the most");
        File { counts: Some([1, 900]), ..file() }.refused("a text of more than");
        File { counts: Some([900, 0]), ..file() }.refused("cut off");
        let setting = |value: Vec<u8>| File { settings: vec![(b"k", value)], ..file() };
        setting(list(0, u64::MAX, &[])).refused("a list of 18446744073709551615");
        setting(list(0, 1 << 20, &[])).refused("it is cut off");
        setting(list(LIST, 1, &[])).refused("a list of lists");
        setting(list(13, 1, &[0; 8])).refused("a value of kind 13");
        setting([BOOL.to_le_bytes().as_slice(), &[2]].concat()).refused("2 where yes or no should be");
        setting([TEXT.to_le_bytes().as_slice(), &[0xff; 8]].concat()).refused("a text of more than");
        let number = |key: &'static [u8], it: u32| (key, [4_u32.to_le_bytes(), it.to_le_bytes()].concat());
        File { settings: vec![number(b"k", 1), number(b"k", 1)], ..file() }.refused("two settings of the name `k`");
        for alignment in [0, 3, 1 << 30] {
            File { settings: vec![number(b"general.alignment", alignment)], ..file() }.refused("has an alignment of");
        }
        let shape =
            |sizes: &[u8]| File { settings: vec![(b"comfy.gguf.orig_shape.t", list(0, sizes.len() as u64, sizes))], ..file() };
        assert_eq!(shape(&[2, 2, 16]).open().expect("in order").shape("t"), Some(&[2, 2, 16][..]));
        shape(&[2, 2, 17]).refused("should have been of shape");
        shape(&[]).refused("should have been of shape");
        File { settings: vec![number(b"split.count", 3)], ..file() }.refused("is one of 3 files, and is not named like");
    }

    #[test]
    fn a_file_that_is_cut_off_anywhere_says_so() {
        let all = std::fs::read(golden("formats.gguf")).expect("read");
        let header = Header::read(&all).expect("in order").data;
        for length in (0..header).step_by(7).chain([header, all.len() - 64]) {
            let (_folder, path) = written(&all[..length]);
            assert!(Weights::open(&path).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn files_that_belong_together_are_one_model() {
        let folder = tempfile::tempdir().expect("a directory");
        let count = |it: u16| (&b"split.count"[..], [&2_u32.to_le_bytes()[..], &it.to_le_bytes()].concat());
        let shard =
            |name: &'static [u8]| File { settings: vec![count(2)], tensors: vec![(name, vec![32, 2], 8, 0)], ..File::default() };
        let path = |number: usize| folder.path().join(format!("model-{number:05}-of-00002.gguf"));
        std::fs::write(path(1), shard(b"one").bytes()).expect("written");
        assert!(matches!(Weights::open(&path(1)), Err(LoadError::Read { .. })), "one is missing");
        std::fs::write(path(2), shard(b"two").bytes()).expect("written");
        assert_eq!(Weights::open(&path(2)).expect("opened").names().collect::<Vec<_>>(), ["one", "two"]);
        std::fs::write(path(2), shard(b"one").bytes()).expect("written");
        assert!(Weights::open(&path(1)).expect_err("twice").to_string().contains("of which two have `one`"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(
            std::env::var("BURNISH_FUZZ").ok().and_then(|it| it.parse().ok()).unwrap_or(200)
        ))]
        /// Whatever the bytes are, they are a model or an error, and a tensor that is there can be read.
        #[test]
        fn no_bytes_make_it_panic(at in prop::collection::vec((0usize..900, any::<u8>()), 1..6), cut in 0usize..4000, small: bool) {
            let mut all = if small { File::default().bytes() } else { std::fs::read(golden("formats.gguf")).expect("read") };
            let length = all.len();
            for (at, byte) in at {
                all[at % length] = byte;
            }
            all.truncate(length.saturating_sub(cut.saturating_sub(2000)));
            let (_folder, path) = written(&all);
            if let Ok(weights) = Weights::open(&path) {
                for name in weights.names() {
                    let _ = weights.numbers(name);
                }
            }
        }
    }
}
