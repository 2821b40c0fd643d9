//! Memory-mapped safetensors files.

use super::{Entry, LoadError, Tensors};
use burn::tensor::DType;
use memmap2::Mmap;
use safetensors::{Dtype, SafeTensors};
use std::fs::File;
use std::path::Path;

/// Maps a file and reads its header.
pub(super) fn open(path: &Path) -> Result<Tensors, LoadError> {
    let read = |source| LoadError::Read { path: path.to_owned(), source };
    let malformed = |reason: String| LoadError::Malformed { path: path.to_owned(), reason };
    let file = File::open(path).map_err(read)?;
    let meta = file.metadata().map_err(read)?;
    // SAFETY: the map is only read. Another process that truncates the file meanwhile would fault, which no safe interface prevents;
    // model files are not rewritten in place.
    #[expect(unsafe_code, reason = "mapping a file is what keeps gigabytes of weights out of memory")]
    let map = unsafe { Mmap::map(&file) }.map_err(read)?;
    let all = bytes::Bytes::from_owner(map);
    let header = SafeTensors::deserialize(&all).map_err(|it| malformed(format!("is not a safetensors file: {it}")))?;
    let mut entries = std::collections::BTreeMap::new();
    for (name, view) in header.tensors() {
        let dtype = dtype(view.dtype())
            .ok_or_else(|| malformed(format!("`{name}` is stored as {:?}, which is not supported", view.dtype())))?;
        entries.insert(name, Entry { shape: view.shape().to_vec(), dtype, bytes: all.slice_ref(view.data()) });
    }
    let modified =
        meta.modified().ok().and_then(|it| it.duration_since(std::time::UNIX_EPOCH).ok()).map_or(0, |it| it.as_nanos());
    let identity = format!("{}:{}:{modified}", path.display(), meta.len());
    Ok(Tensors { source: path.display().to_string(), identity, entries, config: None, drawn: Default::default() })
}

fn dtype(stored: Dtype) -> Option<DType> {
    Some(match stored {
        Dtype::F64 => DType::F64,
        Dtype::F32 => DType::F32,
        Dtype::F16 => DType::F16,
        Dtype::BF16 => DType::BF16,
        Dtype::I64 => DType::I64,
        Dtype::I32 => DType::I32,
        Dtype::I16 => DType::I16,
        Dtype::I8 => DType::I8,
        Dtype::U64 => DType::U64,
        Dtype::U32 => DType::U32,
        Dtype::U16 => DType::U16,
        Dtype::U8 => DType::U8,
        _ => return None,
    })
}
