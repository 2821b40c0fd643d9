//! Textual inversions: vectors that a prompt names in place of words (Gal et al. 2022, arXiv 2208.01618).

use super::PromptError;
use crate::{LoadError, Stop, Weights};
use burn::tensor::{Device, FloatDType, Tensor};
use std::path::PathBuf;

/// Where embeddings are found.
pub trait Embeddings: Send + Sync {
    /// The file of a name, which may come without its extension.
    ///
    /// The name is from a prompt: it must not lead out of the folders, as `../secret` would.
    fn find(&self, name: &str) -> Option<PathBuf>;

    /// Every name there is, for suggestions.
    fn names(&self) -> Vec<String>;

    /// Changes when a file that [`Embeddings::find`] gives does.
    fn identity(&self) -> String;
}

/// The vectors of one file, which are read when a prompt is encoded.
#[derive(Debug)]
pub struct Embedding {
    weights: Weights,
    tensor: String,
    shape: Vec<usize>,
}

impl Embedding {
    /// Opens a file: its tensor for the encoder of this key (`clip_l`...), or `emb_params`, or that of the first program that made such
    /// files (`string_to_param`), or its only one; `[n, width]` or `[width]`.
    ///
    /// # Errors
    /// When the file cannot be read, holds no such tensor, or holds vectors that are not `width` wide.
    pub fn open(name: &str, path: &std::path::Path, width: usize, key: &str) -> Result<Self, Stop> {
        let weights = Weights::open(path)?;
        let malformed = |reason: String| LoadError::Malformed { path: path.to_owned(), reason };
        let names: Vec<&str> = weights.names().collect();
        let known = [key, "emb_params"].into_iter().find(|it| names.contains(it));
        let known = known.or_else(|| names.iter().copied().find(|it| it.starts_with("string_to_param.")));
        let tensor = match (known, names.as_slice()) {
            (Some(known), _) => known.to_owned(),
            (None, [only]) => (*only).to_owned(),
            _ => {
                let reason = format!("is not an embedding: it has {} tensors, none of them `{key}` or `emb_params`", names.len());
                return Err(malformed(reason).into());
            }
        };
        let shape = weights.shape(&tensor).map(<[usize]>::to_vec).unwrap_or_default();
        let floats = weights.dtype(&tensor).is_some_and(|it| it.is_float());
        match shape.as_slice() {
            [_, found] | [found] if floats && *found == width => Ok(Self { weights, tensor, shape }),
            [_, found] | [found] if floats => {
                Err(PromptError::EmbeddingWidth { name: name.to_owned(), found: *found, needed: width }.into())
            }
            _ => {
                Err(malformed(format!("is not an embedding: `{tensor}` of shape {shape:?} should be [n, {width}] numbers"))
                    .into())
            }
        }
    }

    /// How many vectors it stands for.
    pub fn len(&self) -> usize {
        if let [n, _] = self.shape.as_slice() { *n } else { 1 }
    }

    /// Whether it stands for nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The vectors, `[n, width]`, f32.
    ///
    /// # Errors
    /// As [`Weights::tensor`].
    pub fn vectors(&self, device: &Device) -> Result<Tensor<2>, LoadError> {
        let vectors = match self.shape.as_slice() {
            [n, width] => self.weights.tensor(&self.tensor, [*n, *width], device)?,
            _ => {
                let width = self.shape.iter().product();
                self.weights.tensor::<1>(&self.tensor, [width], device)?.reshape([1, width])
            }
        };
        Ok(vectors.cast(FloatDType::F32))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Files that Python wrote: see tests/parity/make/pickle_files.py.
    #[test]
    fn files_of_the_first_programs_are_read() {
        let goldens = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/parity/goldens/pickle");
        for (file, len) in [("embedding.pt", 2), ("embedding.bin", 1)] {
            let embedding = Embedding::open("x", &goldens.join(file), 6, "clip_l").unwrap();
            assert_eq!(embedding.len(), len, "{file}");
            let numbers: Vec<f32> = embedding.vectors(&Device::flex()).unwrap().into_data().iter().collect();
            let wanted: Vec<f32> = (0..len * 6).map(|it| (it as f32 - 3.0) / 2.0).collect();
            assert_eq!(numbers, wanted, "{file}");
        }
    }
}
