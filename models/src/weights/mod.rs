//! The tensors of a checkpoint, by name, where they lie in the file.
//!
//! Opening reads headers only. A tensor is drawn when a network is made from it: mapped, in its stored type, without a copy on the
//! CPU. The constructor of a layer is its loader, so a missing or misshapen tensor is an error that names its full key, and
//! [`Weights::finish`] names what nobody drew.

mod error;
mod layout;
mod safetensors;

pub use error::LoadError;
pub use layout::Layout;

use burn::tensor::{Bytes, DType, Device, Tensor, TensorData};
use parking_lot::Mutex;
use rustc_hash::FxHashSet;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// A set of named tensors, or the part of it below a prefix. Cloning costs nothing.
#[derive(Clone)]
pub struct Weights {
    tensors: Arc<Tensors>,
    prefix: String,
}

struct Tensors {
    /// Where they come from, for messages.
    source: String,
    /// Changes when the file does.
    identity: String,
    entries: BTreeMap<String, Entry>,
    /// The `config.json` beside them.
    config: Option<serde_json::Value>,
    drawn: Mutex<FxHashSet<String>>,
}

/// One tensor in its file.
#[derive(Clone)]
pub(crate) struct Entry {
    shape: Vec<usize>,
    dtype: DType,
    bytes: bytes::Bytes,
}

impl Weights {
    /// Opens a safetensors file.
    ///
    /// # Errors
    /// [`LoadError`] says what is wrong with the file.
    pub fn open(path: &Path) -> Result<Self, LoadError> {
        Ok(Self { tensors: Arc::new(safetensors::open(path)?), prefix: String::new() })
    }

    /// The part below a name: `at("input_blocks").at(0)`.
    #[must_use]
    pub fn at(&self, segment: impl fmt::Display) -> Self {
        Self { tensors: self.tensors.clone(), prefix: format!("{}{segment}.", self.prefix) }
    }

    /// Whether there is a tensor of this name.
    pub fn has(&self, name: &str) -> bool {
        self.shape(name).is_some()
    }

    /// The shape of a tensor.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        Some(&self.tensors.entries.get(&self.full(name))?.shape)
    }

    /// The type in which a tensor is stored.
    pub fn dtype(&self, name: &str) -> Option<DType> {
        Some(self.tensors.entries.get(&self.full(name))?.dtype)
    }

    /// How many numbered parts there are below `name`: `name.0`, `name.1`, ... without a gap.
    pub fn count(&self, name: &str) -> usize {
        (0..).take_while(|index| self.at(name).at(index).names().next().is_some()).count()
    }

    /// The names here, sorted, without the prefix.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let prefix = &self.prefix;
        let from = self.tensors.entries.range(prefix.clone()..);
        from.map_while(move |(name, _)| name.strip_prefix(prefix.as_str()))
    }

    /// The `config.json` that lies beside the file, if it is part of a model folder.
    pub fn config(&self) -> Option<&serde_json::Value> {
        self.tensors.config.as_ref()
    }

    /// The file, for messages.
    pub fn source(&self) -> &str {
        &self.tensors.source
    }

    /// Equal for equal tensors: the file, its size and time, and the prefix.
    pub fn identity(&self) -> String {
        format!("{}#{}", self.tensors.identity, self.prefix)
    }

    /// How many bytes the tensors here take in the file.
    pub fn bytes(&self) -> u64 {
        self.names().map(|it| self.tensors.entries[&self.full(it)].bytes.len() as u64).sum()
    }

    /// Draws a tensor of known shape, in its stored type.
    ///
    /// # Errors
    /// [`LoadError::Missing`] and [`LoadError::Shape`].
    pub fn tensor<const D: usize>(&self, name: &str, shape: [usize; D], device: &Device) -> Result<Tensor<D>, LoadError> {
        let full = self.full(name);
        let source = || self.tensors.source.clone();
        let entry = self
            .tensors
            .entries
            .get(&full)
            .ok_or_else(|| LoadError::Missing { source_name: source(), names: vec![full.clone()] })?;
        if entry.shape != shape {
            return Err(LoadError::Shape {
                source_name: source(),
                name: full,
                found: entry.shape.clone(),
                needed: shape.to_vec(),
            });
        }
        let bytes = Bytes::from_shared(entry.bytes.clone(), burn::tensor::AllocationProperty::File);
        let data = TensorData::from_bytes(bytes, entry.shape.clone(), entry.dtype);
        self.tensors.drawn.lock().insert(full);
        Ok(Tensor::from_data(data, (device, entry.dtype)))
    }

    /// Says that every tensor here has been drawn, but for names that `ignored` accepts.
    ///
    /// # Errors
    /// [`LoadError::Unexpected`] names the others.
    pub fn finish(&self, ignored: impl Fn(&str) -> bool) -> Result<(), LoadError> {
        let drawn = self.tensors.drawn.lock();
        let names: Vec<String> =
            self.names().filter(|it| !drawn.contains(&self.full(it)) && !ignored(it)).map(str::to_owned).collect();
        if names.is_empty() { Ok(()) } else { Err(LoadError::Unexpected { source_name: self.tensors.source.clone(), names }) }
    }

    fn full(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }
}

impl fmt::Debug for Weights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Weights({}, {:?})", self.tensors.source, self.prefix)
    }
}
