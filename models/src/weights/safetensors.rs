//! The safetensors format: a length, a JSON header that says where each tensor lies, and the tensors without gaps.
//!
//! Nothing in a file is believed: the header may lie about anything, and every lie is an error that says which.

use super::error::shown;
use super::map::Map;
use super::{Entry, LoadError, Stored, Tensors};
use burn::tensor::DType;
use safetensors::Dtype;
use safetensors::tensor::TensorInfo;
use serde::de::{Error, MapAccess, Visitor};
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

/// The length of the header, the first thing in a file, 64 bits with the lowest byte first.
const PREFIX: usize = 8;
/// The limit of the reference implementation.
pub(super) const LONGEST_HEADER: usize = 100_000_000;
const HIGHEST_RANK: usize = 8;
const ELSEWHERE: &str = "safetensors, GGUF and what torch.save writes are read; most models are published in one of them too";

/// Maps a file and reads its header.
pub(super) fn open(path: &Path) -> Result<Tensors, LoadError> {
    refuse_other_formats(path)?;
    let map = Map::open(path)?;
    let all = map.bytes();
    let malformed = |reason: String| LoadError::Malformed { path: path.to_owned(), reason };
    if let Some(kind) = foreign(&all) {
        let reason = format!("is {kind}, not a safetensors file");
        return Err(LoadError::Unsupported { path: path.to_owned(), reason, instead: ELSEWHERE });
    }
    let (header, data) = parts(&all).map_err(|it| malformed(format!("is not a safetensors file: {it}")))?;
    let mut header: Header =
        serde_json::from_slice(header).map_err(|it| malformed(format!("has a broken header: {}", shown(&it.to_string()))))?;
    header.tensors.sort_by_key(|it| it.1.data_offsets);
    let mut entries = BTreeMap::new();
    let mut end = 0;
    for (name, info) in header.tensors {
        let bad = |what: String| malformed(format!("`{}` {what}", shown(&name)));
        let (from, to) = info.data_offsets;
        if from != end {
            return Err(bad(format!("begins at byte {from} where {end} bytes are taken: tensors overlap or leave gaps")));
        }
        let Some(bytes) = (from <= to && to <= data.len()).then(|| all.slice_ref(&data[from..to])) else {
            return Err(bad(format!("lies at bytes {from}..{to} of {}: the file is cut off or its header wrong", data.len())));
        };
        end = to;
        if info.shape.len() > HIGHEST_RANK {
            return Err(bad(format!("has {} dimensions, more than {HIGHEST_RANK}", info.shape.len())));
        }
        let numbers = info.shape.iter().try_fold(1_usize, |all, one| all.checked_mul(*one));
        let bits = numbers.and_then(|it| it.checked_mul(info.dtype.bitsize()));
        if bits != bytes.len().checked_mul(8) {
            let (shape, dtype) = (&info.shape, info.dtype);
            return Err(bad(format!("of shape {shape:?} and type {dtype} does not fit the {} bytes it is given", bytes.len())));
        }
        let Some(dtype) = dtype(info.dtype) else {
            let reason = format!("`{}` is stored as {}, which is not read yet", shown(&name), info.dtype);
            let instead = "use the float16, bfloat16 or float32 version of this model";
            return Err(LoadError::Unsupported { path: path.to_owned(), reason, instead });
        };
        let stored = Stored::Numbers(dtype);
        let entry = Entry { shape: info.shape, stored, pieces: vec![bytes], name: name.as_str().into() };
        if entries.insert(name.clone(), entry).is_some() {
            return Err(malformed(format!("has two tensors of the name `{}`", shown(&name))));
        }
    }
    if end != data.len() {
        return Err(malformed(format!("has {} bytes of tensors, its header tells of {end}", data.len())));
    }
    let identity = identity(path)?;
    let metadata = header.metadata.unwrap_or_default();
    Ok(Tensors { source: path.display().to_string(), identity, entries, metadata, maps: vec![map], ..Tensors::default() })
}

/// Tells one state of a file from another: its place, size and time.
pub(super) fn identity(path: &Path) -> Result<String, LoadError> {
    let read = |source| LoadError::Read { path: path.to_owned(), source };
    let place = path.canonicalize().map_err(read)?;
    let meta = place.metadata().map_err(read)?;
    let modified = meta.modified().map_err(read)?.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Ok(format!("{}:{}:{}", place.display(), meta.len(), modified.as_nanos()))
}

/// The header and the tensors.
fn parts(all: &[u8]) -> Result<(&[u8], &[u8]), String> {
    let Some((length, rest)) = all.split_first_chunk::<PREFIX>() else {
        return Err(format!("it has {} bytes", all.len()));
    };
    let length = u64::from_le_bytes(*length);
    match usize::try_from(length) {
        Ok(length) if length <= LONGEST_HEADER => rest
            .split_at_checked(length)
            .ok_or_else(|| format!("its header should have {length} bytes, and only {} follow: it is cut off", rest.len())),
        _ => Err(format!("its header should have {length} bytes, and {LONGEST_HEADER} is the most")),
    }
}

fn refuse_other_formats(path: &Path) -> Result<(), LoadError> {
    if !path.extension().is_some_and(|it| it.eq_ignore_ascii_case("onnx")) {
        return Ok(());
    }
    // A name that leads nowhere is that error first.
    std::fs::metadata(path).map_err(|source| LoadError::Read { path: path.to_owned(), source })?;
    let reason = ".onnx is an ONNX file, not a set of tensors".to_owned();
    Err(LoadError::Unsupported { path: path.to_owned(), reason, instead: ELSEWHERE })
}

/// What else a file is by its first bytes.
fn foreign(all: &[u8]) -> Option<&'static str> {
    const KINDS: &[(&[u8], &str)] = &[
        (b"PK", "a ZIP archive"),
        (b"version https://git-lfs", "a Git LFS pointer: the model itself was not downloaded"),
        (b"<!DOCTYPE", "a web page: the download led to one"),
        (b"<html", "a web page: the download led to one"),
    ];
    // A header of fewer than 100 MB leaves the last bytes of its length 0, which none of these has; a pickle is told by that too.
    let short_header = all.get(4..PREFIX).is_some_and(|it| it == [0; 4]);
    KINDS.iter().find(|(magic, _)| !short_header && all.starts_with(magic)).map(|it| it.1)
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
        Dtype::U8 | Dtype::BOOL => DType::U8,
        _ => return None,
    })
}

/// The header, in which a name that comes twice is an error: which of the two is meant nobody knows.
struct Header {
    metadata: Option<BTreeMap<String, String>>,
    tensors: Vec<(String, TensorInfo)>,
}

impl<'de> serde::Deserialize<'de> for Header {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Header;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of tensors")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Header, A::Error> {
                let mut header = Header { metadata: None, tensors: Vec::new() };
                while let Some(name) = map.next_key::<String>()? {
                    if name != "__metadata__" {
                        let info = map.next_value().map_err(|it| A::Error::custom(format!("`{}`: {it}", shown(&name))))?;
                        header.tensors.push((name, info));
                    } else if header.metadata.replace(map.next_value()?).is_some() {
                        return Err(A::Error::custom("it has __metadata__ twice"));
                    }
                }
                Ok(header)
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Weights;
    use super::*;
    use burn::tensor::Device;
    use std::path::PathBuf;
    use tempfile::TempDir;

    /// Writes a file with this header and these bytes behind it.
    fn file(header: &str, data: &[u8]) -> (TempDir, PathBuf) {
        raw(&[&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat())
    }

    fn raw(bytes: &[u8]) -> (TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a directory");
        let path = folder.path().join("model.safetensors");
        std::fs::write(&path, bytes).expect("written");
        (folder, path)
    }

    #[track_caller]
    fn check(written: (TempDir, PathBuf), wrong: &str) {
        let message = Weights::open(&written.1).expect_err(wrong).to_string();
        assert!(message.contains(wrong) && message.len() < 1000, "{message}");
    }

    #[test]
    fn a_file_that_is_cut_off_or_not_one_says_so() {
        check(raw(b""), "it has 0 bytes");
        check(raw(b"1234567"), "it has 7 bytes");
        check(raw(&[100, 0, 0, 0, 0, 0, 0, 0, b'{']), "its header should have 100 bytes, and only 1 follow");
        check(raw(&[0xff; 100]), "its header should have 18446744073709551615 bytes");
        check(raw(b"PK\x03\x04\x14\x00\x00\x08 and so on"), "is a ZIP archive that has no table of contents");
        check(raw(b"PK\x05\x06 and no more than an end"), "is a ZIP archive");
        check(raw(b"version https://git-lfs.github.com/spec/v1"), "was not downloaded");
        check(raw(b"<!DOCTYPE html>"), "is a web page");
    }

    #[test]
    fn every_lie_in_a_header_is_told() {
        let tensor =
            |shape: &str, from: &str, to: &str| format!(r#"{{"dtype":"F32","shape":{shape},"data_offsets":[{from},{to}]}}"#);
        let one = |shape: &str, from: &str, to: &str| file(&format!(r#"{{"t":{}}}"#, tensor(shape, from, to)), &[0; 8]);
        check(one("[2]", "0", "800"), "lies at bytes 0..800 of 8");
        check(one("[2]", "4", "8"), "begins at byte 4 where 0 bytes are taken");
        check(one("[2]", "8", "0"), "begins at byte 8");
        check(one("[3]", "0", "8"), "does not fit the 8 bytes");
        check(one("[2]", "0", "18446744073709551615"), "lies at bytes");
        check(one("[4294967296,4294967296,4294967296]", "0", "8"), "does not fit the 8 bytes");
        check(one("[4611686018427387905]", "0", "4"), "does not fit the 4 bytes");
        check(one("[1,1,1,1,1,1,1,1,2]", "0", "8"), "has 9 dimensions");
        check(one("[-2]", "0", "8"), "has a broken header");
        check(one("[1]", "0", "4"), "has 8 bytes of tensors, its header tells of 4");
        let two = |a: &str, b: &str| file(&format!("{{{a},{b}}}"), &[0; 8]);
        let (first, second) = (tensor("[1]", "0", "4"), tensor("[1]", "4", "8"));
        check(two(&format!(r#""t":{first}"#), &format!(r#""t":{second}"#)), "has two tensors of the name `t`");
        check(two(&format!(r#""a":{first}"#), &format!(r#""b":{first}"#)), "begins at byte 0 where 4 bytes are taken");
        check(file(r#"{"__metadata__":{},"__metadata__":{}}"#, &[]), "__metadata__ twice");
        check(file("[]", &[]), "has a broken header");
        check(file(&"[".repeat(100_000), &[]), "has a broken header");
        check(file(&format!(r#"{{"{}":3}}"#, "n".repeat(100_000)), &[]), "has a broken header");
        check(file(r#"{"t":{"dtype":"F7","shape":[],"data_offsets":[0,0]}}"#, &[]), "has a broken header");
    }

    #[test]
    fn eight_bit_floats_are_refused_by_name() {
        check(
            file(r#"{"t":{"dtype":"F8_E4M3","shape":[2],"data_offsets":[0,2]}}"#, &[0; 2]),
            "`t` is stored as F8_E4M3, which is not read yet",
        );
    }

    #[test]
    fn tensors_without_numbers_are_no_error() {
        let (_folder, path) = file(r#"{"t":{"dtype":"F32","shape":[0,3],"data_offsets":[0,0]}}"#, &[]);
        let weights = Weights::open(&path).expect("opened");
        assert_eq!(weights.tensor("t", [0, 3], &Device::flex()).expect("drawn").dims(), [0, 3]);
    }

    #[test]
    fn data_that_is_not_aligned_for_its_type_is_drawn_all_the_same() {
        for padding in 0..8 {
            let header = format!(
                r#"{{"b":{{"dtype":"U8","shape":[1],"data_offsets":[0,1]}},"t":{{"dtype":"F32","shape":[2],"data_offsets":[1,9]}}}}{}"#,
                " ".repeat(padding)
            );
            let data: Vec<u8> = [7].into_iter().chain([1.5_f32, -2.0].iter().flat_map(|it| it.to_le_bytes())).collect();
            let (_folder, path) = file(&header, &data);
            let weights = Weights::open(&path).expect("opened");
            let drawn = weights.tensor("t", [2], &Device::flex()).expect("drawn") * 2.0;
            assert_eq!(drawn.into_data().iter::<f32>().collect::<Vec<_>>(), [3.0, -4.0]);
        }
    }

    #[test]
    fn a_directory_another_format_and_nothing_at_all_are_told_apart() {
        let folder = tempfile::tempdir().expect("a directory");
        let error = Weights::open(folder.path()).expect_err("a directory");
        assert!(error.to_string().contains("is a directory") && error.hint().is_some(), "{error}");
        let other = folder.path().join("model.onnx");
        assert!(matches!(Weights::open(&other), Err(LoadError::Read { .. })), "it is not there");
        std::fs::write(&other, b"\x08\x09").expect("written");
        let error = Weights::open(&other).expect_err("another format");
        assert!(error.to_string().ends_with(".onnx is an ONNX file, not a set of tensors"), "{error}");
    }

    #[test]
    fn whole_numbers_and_other_shapes_are_not_drawn() {
        let (_folder, path) = file(r#"{"t":{"dtype":"I32","shape":[1],"data_offsets":[0,4]}}"#, &[0; 4]);
        let weights = Weights::open(&path).expect("opened");
        let device = Device::flex();
        assert!(matches!(weights.tensor("t", [1], &device), Err(LoadError::Type { .. })));
        assert!(matches!(weights.tensor("t", [2], &device), Err(LoadError::Shape { .. })));
        assert!(matches!(weights.tensor("u", [2], &device), Err(LoadError::Missing { .. })));
    }

    #[test]
    fn another_file_in_the_same_place_has_another_identity() {
        let (_folder, path) = file(r#"{"t":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}"#, &[0]);
        let before = Weights::open(&path).expect("opened").identity();
        assert_eq!(before, Weights::open(&path).expect("opened").identity());
        let later = std::time::SystemTime::now() + std::time::Duration::from_secs(5);
        std::fs::File::open(&path).and_then(|it| it.set_modified(later)).expect("set");
        assert_ne!(before, Weights::open(&path).expect("opened").identity());
    }
}
