//! The tensors of a checkpoint, by name, where they lie in the file.
//!
//! Opening reads headers only. A tensor is drawn when a network is made from it: mapped, in its stored type, without a copy on the
//! CPU. The constructor of a layer is its loader, so a missing or misshapen tensor is an error that names its full key, and
//! [`Weights::finish`] names what nobody drew.

mod archive;
mod error;
mod folder;
mod gguf;
mod layout;
mod map;
mod pickle;
mod safetensors;
mod torch;

pub use error::LoadError;
pub(crate) use error::{family, nearest, shown};
pub(crate) use folder::json;
pub use gguf::Setting;
pub use layout::{Layout, Rule, concat, ignore, rename, rename_sized, reshape, split, swap_halves, swap_halves_sized};

use crate::patch::{Patch, Patches};
use burn::tensor::{Bytes, DType, Device, FloatDType, Tensor, TensorData};
use kernels::{BlockFormat, Quantised};
use map::Map;
use parking_lot::Mutex;
use rustc_hash::FxHashSet;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// Channels in or out; a file that claims more would overflow what is computed from it.
const LARGEST_LAYER: usize = 1 << 24;

/// A set of named tensors, or the part of it below a prefix. Cloning costs nothing.
///
/// It keeps a record of what was drawn, which parts and clones share, until [`Weights::finish`] reads it; [`Weights::fresh`] starts
/// another record for a build that runs beside this one.
#[derive(Clone)]
pub struct Weights {
    tensors: Arc<Tensors>,
    prefix: String,
    drawn: Arc<Mutex<FxHashSet<String>>>,
    /// What changes tensors as they are drawn.
    patches: Patches,
}

#[derive(Clone, Default)]
struct Tensors {
    /// Where they come from, for messages.
    source: String,
    /// Changes when the file does.
    identity: String,
    entries: BTreeMap<String, Entry>,
    /// The `config.json` beside them.
    config: Option<serde_json::Value>,
    /// What the file says about itself.
    metadata: BTreeMap<String, String>,
    /// The same with types, where it is a GGUF file.
    settings: Arc<BTreeMap<String, Setting>>,
    /// The files that the entries lie in.
    maps: Vec<Arc<Map>>,
    /// Functions and classes that the file names and that were not called.
    refused: Arc<[String]>,
}

impl Tensors {
    /// Everything but the tensors.
    fn header(&self) -> Self {
        Self {
            source: self.source.clone(),
            identity: self.identity.clone(),
            entries: BTreeMap::new(),
            config: self.config.clone(),
            metadata: self.metadata.clone(),
            settings: self.settings.clone(),
            maps: self.maps.clone(),
            refused: self.refused.clone(),
        }
    }
}

/// One tensor in its file: pieces that follow each other along its first dimension.
#[derive(Clone)]
struct Entry {
    shape: Vec<usize>,
    stored: Stored,
    pieces: Vec<bytes::Bytes>,
    /// Its name in the file.
    name: Arc<str>,
}

/// How the numbers of a tensor are stored.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Stored {
    /// One by one.
    Numbers(DType),
    /// In quantised blocks, which lie along the last dimension; each piece of an entry is whole blocks.
    Blocks(BlockFormat),
}

impl Stored {
    /// The type that the numbers have when they are drawn one by one.
    fn dtype(self) -> DType {
        match self {
            Self::Numbers(dtype) => dtype,
            Self::Blocks(_) => DType::F32,
        }
    }
}

impl fmt::Display for Stored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Numbers(dtype) => write!(f, "{dtype:?}"),
            Self::Blocks(format) => write!(f, "{format}"),
        }
    }
}

/// The weight of a linear layer, or a table: one by one, or in quantised blocks that stay as they are.
#[derive(Clone, Debug)]
pub enum Matrix {
    /// Numbers in their stored type.
    Numbers(Tensor<2>),
    /// Numbers in blocks.
    Blocks(Quantised),
}

impl Matrix {
    /// Rows and columns: `[out, in]` of a linear layer.
    pub fn dims(&self) -> [usize; 2] {
        match self {
            Self::Numbers(numbers) => numbers.dims(),
            Self::Blocks(blocks) => blocks.dims(),
        }
    }

    /// The numbers, where it is not in blocks.
    pub fn numbers(&self) -> Option<&Tensor<2>> {
        match self {
            Self::Numbers(numbers) => Some(numbers),
            Self::Blocks(_) => None,
        }
    }

    /// The blocks, where it is in some.
    pub fn blocks(&self) -> Option<&Quantised> {
        match self {
            Self::Numbers(_) => None,
            Self::Blocks(blocks) => Some(blocks),
        }
    }
}

impl From<Tensors> for Weights {
    fn from(tensors: Tensors) -> Self {
        Self { tensors: Arc::new(tensors), prefix: String::new(), drawn: Arc::default(), patches: Patches::default() }
    }
}

impl Weights {
    /// Opens a safetensors or GGUF file, one that torch.save wrote, or the `*.index.json` of a model in several files.
    ///
    /// # Errors
    /// [`LoadError`] says what is wrong with the file.
    pub fn open(path: &Path) -> Result<Self, LoadError> {
        folder::open(path).map(Self::from)
    }

    /// Opens one component of a diffusers or transformers model: a folder with a `config.json` and weights in one or several files,
    /// in full or in half precision (full is taken where both are there).
    ///
    /// # Errors
    /// [`LoadError`] says what is wrong with the folder.
    pub fn open_folder(folder: &Path) -> Result<Self, LoadError> {
        folder::open_component(folder).map(Self::from)
    }

    /// Takes tensors from memory.
    ///
    /// # Errors
    /// [`LoadError::Unexpected`] when a name comes twice.
    pub fn from_tensors(source: &str, tensors: impl IntoIterator<Item = (String, TensorData)>) -> Result<Self, LoadError> {
        let mut entries = BTreeMap::new();
        let mut content = blake3::Hasher::new();
        for (name, data) in tensors {
            let (bytes, shape, dtype) = data.into_parts();
            content.update(name.as_bytes()).update(format!("{shape:?}{dtype:?}").as_bytes()).update(&bytes);
            let (shape, pieces) = (shape.to_vec(), vec![bytes::Bytes::copy_from_slice(&bytes)]);
            let entry = Entry { shape, stored: Stored::Numbers(dtype), pieces, name: name.as_str().into() };
            if entries.insert(name.clone(), entry).is_some() {
                return Err(LoadError::Unexpected { source_name: source.to_owned(), names: vec![name] });
            }
        }
        let identity = format!("{source}:{}", content.finalize().to_hex());
        Ok(Self::from(Tensors { source: source.to_owned(), identity, entries, ..Tensors::default() }))
    }

    /// Tensors of several files as one set, each with what stands before it put before its names.
    ///
    /// # Errors
    /// [`LoadError::Layout`] when two get one name.
    pub fn joined<'a>(parts: impl IntoIterator<Item = (&'a str, &'a Self)>) -> Result<Self, LoadError> {
        let mut all = Tensors::default();
        for (before, part) in parts {
            let gap = if all.source.is_empty() { "" } else { " with " };
            all.source = format!("{}{gap}{}", all.source, part.source());
            all.identity = format!("{}{gap}{before}{}", all.identity, part.identity());
            all.maps.extend(part.tensors.maps.iter().cloned());
            for (name, entry) in part.entries() {
                let name = format!("{before}{name}");
                if all.entries.contains_key(&name) {
                    let reason = format!("two tensors become `{}`", shown(&name));
                    return Err(LoadError::Layout { source_name: all.source, reason });
                }
                all.entries.insert(name, entry.clone());
            }
        }
        Ok(Self::from(all))
    }

    /// The same tensors with a `config.json` beside them.
    #[must_use]
    pub fn with_config(&self, config: serde_json::Value) -> Self {
        let identity = format!("{}+{}", self.tensors.identity, blake3::hash(config.to_string().as_bytes()).to_hex());
        let tensors = Tensors { identity, config: Some(config), entries: self.tensors.entries.clone(), ..self.tensors.header() };
        Self { tensors: Arc::new(tensors), drawn: Arc::default(), ..self.clone() }
    }

    /// The part below a name: `at("input_blocks").at(0)`.
    #[must_use]
    pub fn at(&self, segment: impl fmt::Display) -> Self {
        Self { prefix: format!("{}{segment}.", self.prefix), ..self.clone() }
    }

    /// The same tensors, of which none was drawn yet: for a build that does not share its record with another one.
    #[must_use]
    pub fn fresh(&self) -> Self {
        Self { drawn: Arc::default(), ..self.clone() }
    }

    /// The same tensors with changes that take effect when they are drawn.
    #[must_use]
    pub fn patched(&self, patch: Patch) -> Self {
        Self { patches: self.patches.with(patch), ..self.clone() }
    }

    /// Whether there is a tensor of this name.
    pub fn has(&self, name: &str) -> bool {
        self.shape(name).is_some()
    }

    /// The shape of a tensor.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        Some(&self.tensors.entries.get(&self.full(name))?.shape)
    }

    /// The first two dimensions of a tensor, `[out, in]` of a layer, from which a network reads its sizes.
    ///
    /// # Errors
    /// When the tensor is missing, has fewer dimensions, or sizes that no layer has.
    pub fn sizes(&self, name: &str) -> Result<[usize; 2], LoadError> {
        let shape = self.shape(name).ok_or_else(|| self.missing(name))?;
        match shape.first_chunk() {
            Some(sizes) if sizes.iter().all(|it| (1..=LARGEST_LAYER).contains(it)) => Ok(*sizes),
            _ => {
                let reason = format!("`{}` has shape {shape:?}, which no layer has", shown(&self.full(name)));
                Err(LoadError::Config { source_name: self.tensors.source.clone(), reason })
            }
        }
    }

    /// The type in which a tensor is stored; f32 where it is stored in blocks.
    pub fn dtype(&self, name: &str) -> Option<DType> {
        Some(self.tensors.entries.get(&self.full(name))?.stored.dtype())
    }

    /// How many numbered parts there are below `name`: `name.0`, `name.1`, ... without a gap.
    pub fn count(&self, name: &str) -> usize {
        (0..).take_while(|index| self.at(name).at(index).names().next().is_some()).count()
    }

    /// The names here, sorted, without the prefix.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries().map(|it| it.0)
    }

    /// The `config.json` that lies beside the file, if it is part of a model folder.
    pub fn config(&self) -> Option<&serde_json::Value> {
        self.tensors.config.as_ref()
    }

    /// What the file says about itself under `key`.
    pub fn metadata(&self, key: &str) -> Option<&str> {
        self.tensors.metadata.get(key).map(String::as_str)
    }

    /// What a GGUF file says about itself under `key`, with its type.
    pub fn setting(&self, key: &str) -> Option<&Setting> {
        self.tensors.settings.get(key)
    }

    /// All that a GGUF file says about itself.
    pub fn settings(&self) -> &BTreeMap<String, Setting> {
        &self.tensors.settings
    }

    /// Functions and classes that a file of torch.save names, which were not called: what they would have made is not here.
    pub fn refused(&self) -> &[String] {
        &self.tensors.refused
    }

    /// The file, for messages.
    pub fn source(&self) -> &str {
        &self.tensors.source
    }

    /// Equal for equal tensors: the file, its size and time, the prefix, and the patches.
    pub fn identity(&self) -> String {
        format!("{}#{}{}", self.tensors.identity, self.prefix, self.patches.identity())
    }

    /// How many bytes the tensors here take in the file.
    pub fn bytes(&self) -> u64 {
        self.entries().map(|it| it.1.len()).sum()
    }

    /// How many bytes the tensors here take when a network is made of them: matrices in blocks stay in them, unless patches change them.
    pub fn resident_bytes(&self) -> u64 {
        let bytes = |(name, entry): (&str, &Entry)| {
            let numbers = entry.shape.iter().product::<usize>() as u64;
            let matrix = entry.shape.len() >= 2 && entry.shape[2..].iter().all(|it| *it == 1);
            match entry.stored {
                Stored::Numbers(_) => entry.len(),
                Stored::Blocks(_) if !matrix => 4 * numbers,
                Stored::Blocks(_) if self.patches.change(&self.full(name)) => 2 * numbers,
                Stored::Blocks(_) => entry.len(),
            }
        };
        self.entries().map(bytes).sum()
    }

    /// How many numbers the tensors here hold.
    pub fn parameters(&self) -> u64 {
        self.entries().map(|(_, entry)| entry.shape.iter().product::<usize>() as u64).sum()
    }

    /// The types in which the tensors here are stored, and how many bytes there are of each.
    pub fn types(&self) -> BTreeMap<String, u64> {
        let mut types = BTreeMap::new();
        for (_, entry) in self.entries() {
            *types.entry(entry.stored.to_string().to_lowercase()).or_default() += entry.len();
        }
        types
    }

    /// Draws a matrix `[rows, columns]` that is multiplied with, or a table: quantised blocks stay as they are.
    ///
    /// Dimensions of size 1 after those in the file do not matter, as of a convolution with a 1x1 kernel. Where patches change a matrix in
    /// blocks, it comes in f16, for the changes are finer than the steps of the blocks.
    ///
    /// # Errors
    /// As [`Weights::tensor`].
    pub fn matrix(&self, name: &str, [rows, columns]: [usize; 2], device: &Device) -> Result<Matrix, LoadError> {
        let full = self.full(name);
        let entry = self.tensors.entries.get(&full).ok_or_else(|| self.missing(name))?;
        let numbers = || match entry.shape.len() {
            4 => Ok(self.tensor(name, [rows, columns, 1, 1], device)?.reshape([rows, columns])),
            3 => Ok(self.tensor(name, [rows, columns, 1], device)?.reshape([rows, columns])),
            _ => self.tensor(name, [rows, columns], device),
        };
        let Stored::Blocks(format) = entry.stored else { return numbers().map(Matrix::Numbers) };
        if self.patches.change(&full) {
            return Ok(Matrix::Numbers(numbers()?.cast(FloatDType::F16)));
        }
        let fits = entry.shape.starts_with(&[rows, columns]) && entry.shape[2..].iter().all(|it| *it == 1);
        if !fits || !columns.is_multiple_of(format.numbers()) {
            return numbers().map(Matrix::Numbers);
        }
        self.drawn.lock().insert(full);
        let data = TensorData::from_bytes(entry.bytes(), [rows, columns / format.numbers() * format.bytes()], DType::U8);
        Ok(Matrix::Blocks(Quantised::new(Tensor::from_data(data, (device, DType::U8)), format)))
    }

    /// Draws a tensor of known shape, in its stored type; 64-bit floats and quantised blocks come as f32, the widest type that is computed in.
    ///
    /// # Errors
    /// [`LoadError::Missing`], [`LoadError::Shape`], and [`LoadError::Type`] where the file has whole numbers.
    pub fn tensor<const D: usize>(&self, name: &str, shape: [usize; D], device: &Device) -> Result<Tensor<D>, LoadError> {
        let full = self.full(name);
        let entry = self.tensors.entries.get(&full).ok_or_else(|| self.missing(name))?;
        let source_name = || self.tensors.source.clone();
        if entry.shape != shape {
            let (found, needed) = (entry.shape.clone(), shape.to_vec());
            return Err(LoadError::Shape { source_name: source_name(), name: self.known(&full, entry), found, needed });
        }
        if !entry.stored.dtype().is_float() {
            let found = entry.stored.to_string();
            let name = self.known(&full, entry);
            return Err(LoadError::Type { source_name: source_name(), name, found, needed: "floating-point numbers" });
        }
        let data = entry.data();
        let dtype = data.dtype();
        let tensor = self.patches.apply(&full, Tensor::from_data(data, (device, dtype)), device)?;
        self.drawn.lock().insert(full);
        Ok(tensor)
    }

    /// A tensor of any shape as it is drawn, patches and all, on the CPU.
    ///
    /// # Errors
    /// [`LoadError::Missing`], and where a patch does not fit.
    pub(crate) fn drawn(&self, name: &str) -> Result<TensorData, LoadError> {
        fn patched<const D: usize>(weights: &Weights, name: &str, shape: &[usize]) -> Result<TensorData, LoadError> {
            let shape: [usize; D] = shape.try_into().expect("rank was checked");
            Ok(weights.tensor(name, shape, &Device::flex())?.into_data())
        }
        let full = self.full(name);
        let entry = self.tensors.entries.get(&full).ok_or_else(|| self.missing(name))?;
        self.drawn.lock().insert(full.clone());
        if !self.patches.change(&full) {
            return Ok(entry.data());
        }
        match entry.shape.len() {
            1 => patched::<1>(self, name, &entry.shape),
            2 => patched::<2>(self, name, &entry.shape),
            3 => patched::<3>(self, name, &entry.shape),
            4 => patched::<4>(self, name, &entry.shape),
            5 => patched::<5>(self, name, &entry.shape),
            rank => Err(LoadError::Layout {
                source_name: self.tensors.source.clone(),
                reason: format!("`{}` has {rank} dimensions: tensors of 1 to 5 can be changed", self.known(&full, entry)),
            }),
        }
    }

    /// A tensor of one or more dimensions as it is drawn, patches and all, in f32, seen as a matrix: its first dimension, and all others
    /// together.
    ///
    /// # Errors
    /// As [`Weights::tensor`].
    pub(crate) fn wide(&self, name: &str, device: &Device) -> Result<Tensor<2>, LoadError> {
        let full = self.full(name);
        let entry = self.tensors.entries.get(&full).ok_or_else(|| self.missing(name))?;
        let shape = &entry.shape;
        let (Some(rows), true) = (shape.first(), entry.stored.dtype().is_float()) else {
            let (source_name, found) = (self.tensors.source.clone(), format!("{} of shape {shape:?}", entry.stored));
            let needed = "floating-point numbers in one or more dimensions";
            return Err(LoadError::Type { source_name, name: self.known(&full, entry), found, needed });
        };
        let (bytes, _, dtype) = entry.data().into_parts();
        let data = TensorData::from_bytes(bytes, [*rows, shape[1..].iter().product()], dtype);
        let weight: Tensor<2> = Tensor::from_data(data, (device, dtype));
        self.drawn.lock().insert(full.clone());
        self.patches.changed(&full, weight.cast(FloatDType::F32), shape, device)
    }

    /// How many tensors of files are read for one of these, where models are mixed of others.
    pub(crate) fn draws(&self) -> u64 {
        self.patches.draws().saturating_add(1)
    }

    /// The numbers of a tensor of any shape, as they are in the file.
    ///
    /// # Errors
    /// [`LoadError::Missing`], and [`LoadError::Type`] where the file has whole numbers.
    pub fn numbers(&self, name: &str) -> Result<Vec<f32>, LoadError> {
        let full = self.full(name);
        let entry = self.tensors.entries.get(&full).ok_or_else(|| self.missing(name))?;
        if !entry.stored.dtype().is_float() {
            let (source_name, found) = (self.tensors.source.clone(), entry.stored.to_string());
            return Err(LoadError::Type { source_name, name: self.known(&full, entry), found, needed: "floating-point numbers" });
        }
        self.drawn.lock().insert(full);
        Ok(entry.data().iter::<f32>().collect())
    }

    /// A tensor that is one number, whole or not.
    ///
    /// # Errors
    /// [`LoadError::Missing`], and [`LoadError::Shape`] where it is not one finite number.
    pub fn number(&self, name: &str) -> Result<f64, LoadError> {
        let full = self.full(name);
        let entry = self.tensors.entries.get(&full).ok_or_else(|| self.missing(name))?;
        let one = entry.shape.iter().all(|it| *it == 1);
        let number = if one { entry.data().iter::<f64>().next().filter(|it| it.is_finite()) } else { None };
        self.drawn.lock().insert(full.clone());
        number.ok_or_else(|| LoadError::Shape {
            source_name: self.tensors.source.clone(),
            name: self.known(&full, entry),
            found: entry.shape.clone(),
            needed: Vec::new(),
        })
    }

    /// Says that every tensor here has been drawn since the last time, but for names that `ignored` accepts, and forgets the record.
    ///
    /// # Errors
    /// [`LoadError::Unexpected`] names the others.
    pub fn finish(&self, ignored: impl Fn(&str) -> bool) -> Result<(), LoadError> {
        let mut drawn = self.drawn.lock();
        let names: Vec<String> = self
            .names()
            .map(|it| (it, self.full(it)))
            .filter(|it| !drawn.remove(&it.1) && !ignored(it.0))
            .map(|it| it.1)
            .collect();
        if names.is_empty() { Ok(()) } else { Err(LoadError::Unexpected { source_name: self.tensors.source.clone(), names }) }
    }

    /// The error that a tensor is not there.
    pub fn missing(&self, name: &str) -> LoadError {
        let full = self.full(name);
        let nearest = nearest(&full, self.tensors.entries.keys().map(String::as_str)).into_iter().next();
        LoadError::Missing { source_name: self.tensors.source.clone(), names: vec![full], nearest }
    }

    /// The error that no family has these tensors: it shows the one that tells most, and the first ones.
    pub fn unknown(&self) -> LoadError {
        let telling = self.names().find(|it| error::family([it]).is_some());
        let others = self.names().filter(|it| Some(*it) != telling);
        let first = telling.into_iter().chain(others).take(3).map(|it| self.full(it)).collect();
        LoadError::Unknown { source_name: self.tensors.source.clone(), first }
    }

    /// Asks the system to read these tensors from the disk now, in the background, for they will be drawn soon.
    ///
    /// It is only advice: where the system has no such thing nothing happens.
    pub fn read_ahead(&self) {
        self.advise(Map::will_need);
    }

    /// Hands the memory of these tensors back to the system; they are read again when somebody looks at them.
    ///
    /// It is only advice: where the system has no such thing nothing happens.
    pub fn hand_back(&self) {
        self.advise(Map::not_needed);
    }

    fn advise(&self, advice: fn(&Map, std::ops::Range<usize>)) {
        for map in &self.tensors.maps {
            let pieces = self.entries().flat_map(|it| &it.1.pieces);
            let mut ranges: Vec<_> = pieces.filter_map(|it| map.range(it)).collect();
            ranges.sort_by_key(|it| it.start);
            for range in map::merged(ranges) {
                advice(map, range);
            }
        }
    }

    /// The whole name of a tensor here, for messages.
    pub(crate) fn full(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// The names here without the prefix, and their tensors.
    fn entries(&self) -> impl Iterator<Item = (&str, &Entry)> {
        let prefix = &self.prefix;
        let from = self.tensors.entries.range(prefix.clone()..);
        from.map_while(move |(name, entry)| Some((name.strip_prefix(prefix.as_str())?, entry)))
    }

    /// A tensor's name, with that in the file where it is another.
    fn known(&self, full: &str, entry: &Entry) -> String {
        if *entry.name == *full { full.to_owned() } else { format!("{full} (stored as {})", entry.name) }
    }
}

impl fmt::Debug for Weights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Weights({}, {:?})", self.tensors.source, self.prefix)
    }
}

impl Entry {
    fn len(&self) -> u64 {
        self.pieces.iter().map(|it| it.len() as u64).sum()
    }

    /// The tensor as the device takes it: the mapped bytes themselves where they are in one piece and aligned for their type.
    fn data(&self) -> TensorData {
        let dtype = match self.stored {
            Stored::Numbers(dtype) => dtype,
            Stored::Blocks(format) => {
                let numbers: Vec<f32> = self.pieces.iter().flat_map(|it| format.dequantise(it)).collect();
                return TensorData::new(numbers, self.shape.clone());
            }
        };
        let (bytes, dtype) = match (&self.pieces[..], dtype) {
            (_, DType::F64) => {
                let wide: Vec<f64> = self.gather();
                (Bytes::from_elems(wide.into_iter().map(|it| it as f32).collect()), DType::F32)
            }
            ([piece], dtype) if (piece.as_ptr() as usize).is_multiple_of(dtype.size()) => {
                (Bytes::from_shared(piece.clone(), burn::tensor::AllocationProperty::File), dtype)
            }
            (_, dtype) => match dtype.size() {
                1 => (Bytes::from_elems(self.gather::<u8>()), dtype),
                2 => (Bytes::from_elems(self.gather::<u16>()), dtype),
                4 => (Bytes::from_elems(self.gather::<u32>()), dtype),
                _ => (Bytes::from_elems(self.gather::<u64>()), dtype),
            },
        };
        TensorData::from_bytes(bytes, self.shape.clone(), dtype)
    }

    /// The bytes as they are stored, themselves where they are in one piece.
    fn bytes(&self) -> Bytes {
        match &self.pieces[..] {
            [piece] => Bytes::from_shared(piece.clone(), burn::tensor::AllocationProperty::File),
            _ => Bytes::from_elems(self.gather::<u8>()),
        }
    }

    /// A copy of the bytes as numbers of the same size.
    fn gather<E: bytemuck::Pod>(&self) -> Vec<E> {
        let mut gathered = vec![E::zeroed(); self.len() as usize / size_of::<E>()];
        let mut rest: &mut [u8] = bytemuck::cast_slice_mut(&mut gathered);
        for piece in &self.pieces {
            let (here, after) = rest.split_at_mut(piece.len());
            here.copy_from_slice(piece);
            rest = after;
        }
        gathered
    }

    /// The same numbers with dimensions of size 1 added or taken away at the end.
    fn with_rank(&self, rank: usize) -> Option<Self> {
        let kept = rank.min(self.shape.len());
        if rank > 8 || self.shape[kept..].iter().any(|it| *it != 1) {
            return None;
        }
        let mut shape = self.shape.clone();
        shape.resize(rank, 1);
        Some(Self { shape, ..self.clone() })
    }

    /// Equal parts along the first dimension.
    fn split(&self, parts: usize) -> Option<Vec<Self>> {
        let rows = *self.shape.first()?;
        if parts == 0 || !rows.is_multiple_of(parts) {
            return None;
        }
        let mut shape = self.shape.clone();
        shape[0] = rows / parts;
        let length = self.len() as usize / parts;
        if matches!(self.stored, Stored::Blocks(format) if !length.is_multiple_of(format.bytes())) {
            return None;
        }
        Some(
            (0..parts).map(|it| Self { shape: shape.clone(), pieces: self.slice(it * length, length), ..self.clone() }).collect(),
        )
    }

    fn slice(&self, mut start: usize, mut length: usize) -> Vec<bytes::Bytes> {
        let mut pieces = Vec::new();
        for piece in &self.pieces {
            let here = start.min(piece.len())..(start + length).min(piece.len());
            start -= here.start;
            length -= here.len();
            if !here.is_empty() {
                pieces.push(piece.slice(here));
            }
        }
        pieces
    }

    /// One tensor of several, along the first dimension.
    fn join(parts: Vec<Self>) -> Option<Self> {
        let mut parts = parts.into_iter();
        let mut joined = parts.next()?;
        joined.shape.first()?;
        for part in parts {
            if part.stored != joined.stored || part.shape.get(1..) != joined.shape.get(1..) {
                return None;
            }
            joined.shape[0] = joined.shape[0].checked_add(part.shape[0])?;
            joined.pieces.extend(part.pieces);
            joined.name = format!("{}, {}", joined.name, part.name).into();
        }
        Some(joined)
    }
}
