//! Reads what `torch.save` writes: a pickle that says what there is, and the numbers beside it.
//!
//! Since PyTorch 1.6 that is a ZIP archive of entries that are not compressed, so that the numbers stay where they are, mapped; before, it
//! was several pickles and the numbers one behind the other. Nothing in a pickle is run, see [`pickle`].
//!
//! Reference: torch 2.9 `torch/serialization.py`, `_save`, `_legacy_save` and `_legacy_load`.

use super::archive;
use super::error::shown;
use super::map::Map;
use super::pickle::{self, Heap, Storage, Tensor, Value};
use super::safetensors::identity;
use super::{Entry, LoadError, Stored, Tensors};
use burn::tensor::DType;
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

/// Endings under which such files are published.
pub(super) const ENDINGS: &[&str] = &["ckpt", "pt", "pt2", "pth", "bin", "pkl"];
/// What a legacy file begins with, after the number of the pickle's protocol: a whole number of ten bytes.
const LEGACY_MAGIC: &[u8] = b"\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";
const LEGACY_VERSION: i64 = 1001;
/// Keys under which training programs put the tensors of a model, those that are taken first before the others.
const WRAPPERS: &[&str] = &["state_dict", "model_state_dict", "params_ema", "params-ema", "params", "model", "net"];
/// What holds the tensors of a module that was saved as a whole, in its own order.
const MODULE: &[&str] = &["_parameters", "_buffers", "_modules"];
/// Dictionaries in dictionaries.
const DEEPEST: usize = 16;
/// Values that are looked at in search of tensors.
const MOST_VALUES: usize = 1 << 20;
/// In bytes.
const LONGEST_NAME: usize = 1 << 12;
/// What tensors whose numbers are not in a row may take in memory beyond the length of the file, in bytes.
const COPIED: usize = 1 << 26;

/// Whether a file begins as one that torch.save wrote, or one that tells nothing is called so.
pub(super) fn is_one(path: &Path, begin: &[u8]) -> bool {
    let Some((length, _)) = begin.split_first_chunk() else { return false };
    let pickle = matches!(begin, [0x80, 2..=5, ..]);
    if !pickle && !begin.starts_with(archive::MAGIC) {
        return false;
    }
    let ending = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    // These bytes may be the length of a safetensors header, if it is one that a header may have.
    ENDINGS.contains(&ending.as_str()) || u64::from_le_bytes(*length) > super::safetensors::LONGEST_HEADER as u64
}

/// Maps a file and reads where its tensors are.
pub(super) fn open(path: &Path) -> Result<Tensors, LoadError> {
    let map = Map::open(path)?;
    let all = map.bytes();
    let mut heap = Heap::default();
    let file = if all.starts_with(archive::MAGIC) { File::zip(&all, &mut heap) } else { File::legacy(&all, &mut heap) };
    let file = file.map_err(|reason| reason.at(path))?;
    let mut names = Names { heap: &heap, found: BTreeMap::new(), looked_at: 0 };
    names.put(String::new(), file.root, 0).map_err(|reason| Reason::Malformed(reason).at(path))?;
    if names.found.is_empty() {
        let refused = match heap.refused.as_slice() {
            [] => String::new(),
            names => format!("; it would call {}, which is not done", names.join(", ")),
        };
        return Err(Reason::Malformed(format!("holds no tensors{refused}")).at(path));
    }
    let mut entries = BTreeMap::new();
    let mut copied = 0;
    for (name, tensor) in names.found {
        let entry = file.entry(&name, &heap, &heap.tensors[tensor], &all, &mut copied).map_err(|reason| reason.at(path))?;
        entries.insert(name, entry);
    }
    Ok(Tensors {
        source: path.display().to_string(),
        identity: identity(path)?,
        entries,
        maps: vec![map],
        refused: heap.refused.into(),
        ..Tensors::default()
    })
}

/// What is wrong with a file, before its name is known.
enum Reason {
    Malformed(String),
    Unsupported(String, &'static str),
}

impl Reason {
    fn at(self, path: &Path) -> LoadError {
        let path = path.to_owned();
        match self {
            Self::Malformed(reason) => LoadError::Malformed { path, reason },
            Self::Unsupported(reason, instead) => LoadError::Unsupported { path, reason, instead },
        }
    }
}

impl From<String> for Reason {
    fn from(reason: String) -> Self {
        Self::Malformed(reason)
    }
}

const OTHER_MACHINE: &str = "save it anew with PyTorch on a machine that stores the lowest byte first, as nearly all do";

/// What the pickle says, and where the numbers are.
struct File<'a> {
    root: Value<'a>,
    /// The bytes of storages by their key.
    storages: FxHashMap<&'a str, Range<usize>>,
}

impl<'a> File<'a> {
    /// An archive: `NAME/data.pkl`, `NAME/data/KEY` for each storage, `NAME/byteorder`.
    fn zip(all: &'a [u8], heap: &mut Heap<'a>) -> Result<Self, Reason> {
        let entries = archive::entries(all).map_err(|it| format!("is a ZIP archive that {it}"))?;
        let Some((folder, pickle)) = entries.iter().find_map(|(name, range)| Some((name.strip_suffix("data.pkl")?, range)))
        else {
            return Err(format!(
                "is a ZIP archive of something else than tensors: it has no data.pkl among {} entries",
                entries.len()
            )
            .into());
        };
        let inside = |name: &str| entries.get(format!("{folder}{name}").as_str()).map(|it| &all[it.clone()]);
        if inside("byteorder") == Some(b"big") {
            return Err(Reason::Unsupported("has numbers with the highest byte first, which are not read".into(), OTHER_MACHINE));
        }
        if inside("constants.pkl").is_some() {
            let reason = "is a program that torch.jit.save wrote (TorchScript), not a set of tensors".to_owned();
            return Err(Reason::Unsupported(
                reason,
                "save its state_dict() with the package safetensors, or use the model's other file",
            ));
        }
        let (root, _) = pickle::read(&all[pickle.clone()], heap).map_err(|it| format!("has a data.pkl that {it}"))?;
        let below = format!("{folder}data/");
        let storages = entries.iter().filter_map(|(name, range)| Some((name.strip_prefix(below.as_str())?, range.clone())));
        Ok(Self { root, storages: storages.collect() })
    }

    /// Pickles of a magic number, a version, the machine's properties, the value, and the storages' keys in the order in which their
    /// numbers follow, each behind their count.
    fn legacy(all: &'a [u8], heap: &mut Heap<'a>) -> Result<Self, Reason> {
        let mut at = 0;
        let mut next = |what: &str, heap: &mut Heap<'a>| -> Result<(Value<'a>, usize), String> {
            let (value, length) = pickle::read(&all[at..], heap).map_err(|it| format!("has a pickle of {what} that {it}"))?;
            at += length;
            Ok((value, at))
        };
        match next("a magic number", heap) {
            Ok((Value::Raw(LEGACY_MAGIC), _)) => {}
            _ => return Err("is a Python pickle that torch.save did not write".to_owned().into()),
        }
        match next("a version", heap)?.0 {
            Value::Whole(LEGACY_VERSION) => {}
            other => return Err(format!("is of the version {other:?}, and {LEGACY_VERSION} is known").into()),
        }
        if let (Value::Dict(about), _) = next("the machine's properties", heap)?
            && heap.dicts[about].iter().any(|it| matches!(it, (Value::Text("little_endian"), Value::Bool(false))))
        {
            return Err(Reason::Unsupported("has numbers with the highest byte first, which are not read".into(), OTHER_MACHINE));
        }
        let root = next("tensors", heap)?.0;
        let (keys, mut at) = next("storages", heap)?;
        let Value::List(keys) = keys else { return Err("has no list of storages behind its tensors".to_owned().into()) };
        let classes: FxHashMap<&str, &str> = heap.storages.iter().map(|it| (it.key, it.class)).collect();
        let mut storages = FxHashMap::default();
        for key in &heap.lists[keys] {
            let Value::Text(key) = *key else { return Err("has a storage without a name".to_owned().into()) };
            let cut = || format!("has a storage `{}` that is cut off", shown(key));
            let class = classes.get(key).ok_or_else(|| format!("has a storage `{}` that no tensor has", shown(key)))?;
            let count = all.get(at..).and_then(|it| it.first_chunk()).map(|it| u64::from_le_bytes(*it)).ok_or_else(cut)?;
            let size = kind(class, key)?.size();
            let length = usize::try_from(count).ok().and_then(|it| it.checked_mul(size)).ok_or_else(cut)?;
            let range = at + 8..(at + 8).checked_add(length).filter(|it| *it <= all.len()).ok_or_else(cut)?;
            at = range.end;
            storages.insert(key, range);
        }
        Ok(Self { root, storages })
    }

    /// A tensor where it lies, or a copy where its numbers do not follow each other.
    fn entry(&self, name: &str, heap: &Heap, tensor: &Tensor, all: &bytes::Bytes, copied: &mut usize) -> Result<Entry, Reason> {
        let bad = |what: String| format!("has a tensor `{}` that {what}", shown(name));
        let storage = &heap.storages[tensor.storage];
        let dtype = match tensor.dtype {
            Some(dtype) => kind(dtype, name)?,
            None => kind(storage.class, name)?,
        };
        let size = dtype.size();
        let bytes = self.bytes(storage, kind(storage.class, name)?.size());
        let bytes = bytes.map_err(|it| bad(format!("has its numbers in a storage that {it}")))?;
        let bytes = all.slice(bytes);
        let shape = tensor.shape.clone();
        let count =
            shape.iter().try_fold(1_usize, |all, one| all.checked_mul(*one)).and_then(|it| Some((it, it.checked_mul(size)?)));
        let (count, length) = count.ok_or_else(|| bad(format!("has the shape {shape:?}, larger than any memory")))?;
        // The last number that it has, from the beginning of its storage.
        let reach = shape
            .iter()
            .zip(&tensor.strides)
            .try_fold(tensor.offset, |at, (size, stride)| at.checked_add(size.saturating_sub(1).checked_mul(*stride)?));
        let there = bytes.len() / size;
        if count > 0 && reach.is_none_or(|it| it >= there) {
            let Tensor { offset, strides, .. } = tensor;
            return Err(bad(format!(
                "has the shape {shape:?}, strides {strides:?} from {offset}, of a storage of {there} numbers"
            ))
            .into());
        }
        let pieces = if count == 0 {
            bytes::Bytes::new()
        } else if in_a_row(&shape, &tensor.strides) {
            bytes.slice(tensor.offset * size..(tensor.offset + count) * size)
        } else {
            *copied = copied.checked_add(length).filter(|it| *it <= all.len().saturating_add(COPIED)).ok_or_else(|| {
                bad(format!("has the shape {shape:?} and strides {:?}: it repeats numbers beyond measure", tensor.strides))
            })?;
            bytes::Bytes::from(gathered(&bytes, size, tensor, count))
        };
        Ok(Entry { shape, stored: Stored::Numbers(dtype), pieces: vec![pieces], name: name.into() })
    }

    /// Where the numbers of a storage are, of this many bytes each.
    fn bytes(&self, storage: &Storage, size: usize) -> Result<Range<usize>, String> {
        let Storage { key, length, view, .. } = *storage;
        let range = self.storages.get(key).ok_or_else(|| format!("is not there (`{}`)", shown(key)))?;
        let (offset, length) = view.unwrap_or((0, length));
        let from = offset.checked_mul(size).and_then(|it| it.checked_add(range.start));
        let to = length.checked_mul(size).and_then(|it| it.checked_add(from?));
        match (from, to) {
            (Some(from), Some(to)) if to <= range.end => Ok(from..to),
            _ => Err(format!("should have {length} numbers from {offset}, and has {} bytes", range.len())),
        }
    }
}

/// The type of a storage's class, or of the name of a type.
fn kind(class: &str, name: &str) -> Result<DType, Reason> {
    Ok(match class {
        "DoubleStorage" | "float64" => DType::F64,
        "FloatStorage" | "float32" => DType::F32,
        "HalfStorage" | "float16" => DType::F16,
        "BFloat16Storage" | "bfloat16" => DType::BF16,
        "LongStorage" | "int64" => DType::I64,
        "IntStorage" | "int32" => DType::I32,
        "ShortStorage" | "int16" => DType::I16,
        "CharStorage" | "int8" => DType::I8,
        "uint64" => DType::U64,
        "uint32" => DType::U32,
        "uint16" => DType::U16,
        "ByteStorage" | "BoolStorage" | "UntypedStorage" | "uint8" | "bool" => DType::U8,
        _ => {
            let reason = format!("`{}` is stored as {}, which is not read yet", shown(name), shown(class));
            return Err(Reason::Unsupported(reason, "use the float16, bfloat16 or float32 version of this model"));
        }
    })
}

/// Whether numbers follow each other; strides of dimensions of size 1 say nothing.
fn in_a_row(shape: &[usize], strides: &[usize]) -> bool {
    let mut next = 1;
    shape.iter().zip(strides).rev().filter(|it| *it.0 != 1).all(|(size, stride)| {
        let fits = *stride == next;
        next *= size;
        fits
    })
}

/// A copy of `count` numbers of `size` bytes in the order of a tensor, all of which were found to be in `bytes`.
fn gathered(bytes: &[u8], size: usize, tensor: &Tensor, count: usize) -> Vec<u8> {
    let shape = &tensor.shape;
    let strides: Vec<usize> =
        tensor.strides.iter().zip(shape).map(|(stride, size)| if *size == 1 { 0 } else { *stride }).collect();
    let mut gathered = Vec::with_capacity(count * size);
    let (mut index, mut at) = (vec![0; shape.len()], tensor.offset);
    for _ in 0..count {
        gathered.extend_from_slice(&bytes[at * size..(at + 1) * size]);
        for axis in (0..shape.len()).rev() {
            index[axis] += 1;
            at += strides[axis];
            if index[axis] < shape[axis] {
                break;
            }
            at -= strides[axis] * shape[axis];
            index[axis] = 0;
        }
    }
    gathered
}

/// Finds the tensors among values.
struct Names<'h, 'a> {
    heap: &'h Heap<'a>,
    found: BTreeMap<String, usize>,
    looked_at: usize,
}

impl<'a> Names<'_, 'a> {
    /// What the tensors of the model are in: the value itself, or one in it under a usual name, or its only one.
    ///
    /// As ComfyUI's `load_torch_file` has it for the first and the last, and spandrel for the others, which upscalers have.
    fn unwrapped(&mut self, mut value: Value<'a>) -> Result<Value<'a>, String> {
        for _ in 0..DEEPEST {
            let Some(members) = self.members(value)? else { break };
            let below = |key: &str| {
                let found = members.iter().rev().find(|it| matches!(it.0, Value::Text(text) if text == key));
                found.map(|it| it.1).filter(|it| matches!(it, Value::Dict(_) | Value::Object(_)))
            };
            let bare = members.iter().any(|it| matches!(it.1, Value::Tensor(_)));
            let only =
                if let [(_, only @ (Value::Dict(_) | Value::Object(_)))] = members.as_slice() { Some(*only) } else { None };
            let wrappers = if bare { &WRAPPERS[..1] } else { WRAPPERS };
            match wrappers.iter().find_map(|it| below(it)).or(only) {
                Some(inner) => value = inner,
                None => break,
            }
        }
        Ok(value)
    }

    /// Puts the tensors of a value below a name.
    fn put(&mut self, name: String, value: Value<'a>, depth: usize) -> Result<(), String> {
        if name.len() > LONGEST_NAME {
            return Err(format!("has a tensor whose name is longer than {LONGEST_NAME} bytes: {}", shown(&name)));
        }
        if let Value::Tensor(tensor) = value {
            // A file may be one tensor without a name.
            let name = if depth == 0 { "tensor".to_owned() } else { name };
            if self.found.contains_key(&name) {
                return Err(format!("has two tensors of the name `{}`", shown(&name)));
            }
            self.found.insert(name, tensor);
            return Ok(());
        }
        let value = if depth == 0 { self.unwrapped(value)? } else { value };
        let members = match value {
            Value::List(list) | Value::Tuple(list) if depth == 0 => {
                let items = self.heap.lists[list].iter().take(MOST_VALUES + 1).enumerate();
                Some(items.map(|(index, it)| (Value::Whole(index as i64), *it)).collect())
            }
            _ => self.members(value)?,
        };
        let Some(members) = members else { return Ok(()) };
        if depth == DEEPEST {
            return Err(format!("has dictionaries in dictionaries, more than {DEEPEST} deep"));
        }
        for (key, value) in members {
            let dot = if name.is_empty() { "" } else { "." };
            match (key, value) {
                (Value::Text(key), _) => self.put(format!("{name}{dot}{key}"), value, depth + 1)?,
                (Value::Whole(key), _) => self.put(format!("{name}{dot}{key}"), value, depth + 1)?,
                (_, Value::Tensor(_)) => return Err(format!("has a tensor in `{}` whose name is no text", shown(&name))),
                _ => {}
            }
        }
        Ok(())
    }

    /// What is in a dictionary, or in a module that was saved as a whole.
    fn members(&mut self, value: Value<'a>) -> Result<Option<Vec<(Value<'a>, Value<'a>)>>, String> {
        let dict = |value| if let Value::Dict(dict) = value { Some(self.heap.dicts[dict].as_slice()) } else { None };
        let members = match value {
            Value::Object(object) => {
                let state = self.heap.objects[object].state.and_then(dict).unwrap_or_default();
                let part = |name: &str| state.iter().rev().find(|it| matches!(it.0, Value::Text(text) if text == name));
                let parts: Vec<_> = MODULE.iter().filter_map(|it| dict(part(it)?.1)).collect();
                (!parts.is_empty()).then(|| parts.concat())
            }
            _ => dict(value).map(<[_]>::to_vec),
        };
        self.looked_at += members.as_ref().map_or(0, Vec::len);
        if self.looked_at > MOST_VALUES {
            return Err(format!("has more than {MOST_VALUES} values in its dictionaries"));
        }
        Ok(members)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Weights;
    use super::*;
    use proptest::prelude::*;
    use std::path::PathBuf;
    use tempfile::TempDir;

    /// Files that Python wrote: see tests/parity/make/pickle_files.py.
    fn golden(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/parity/goldens/pickle").join(name)
    }

    fn open(name: &str) -> Weights {
        Weights::open(&golden(name)).unwrap_or_else(|error| panic!("{error}"))
    }

    fn names(name: &str) -> Vec<String> {
        open(name).names().map(str::to_owned).collect()
    }

    #[track_caller]
    fn check(name: &str, wrong: &str) {
        let message = Weights::open(&golden(name)).expect_err(wrong).to_string();
        assert!(message.contains(wrong), "{message}");
    }

    /// What the script put into every tensor: 0, 1, 2, ... minus 3, halved.
    fn check_values(weights: &Weights, name: &str) {
        let count = weights.shape(name).expect("there").iter().product();
        let wanted: Vec<f32> = (0..count).map(|it: usize| (it as f32 - 3.0) / 2.0).collect();
        assert_eq!(weights.numbers(name).expect("read"), wanted, "{name}");
    }

    #[test]
    fn every_type_has_its_values_in_both_formats() {
        for (file, count) in [("types.pt", 13), ("types_legacy.pt", 10)] {
            let weights = open(file);
            assert_eq!(weights.names().count(), count);
            for name in weights.names() {
                assert_eq!(weights.shape(name), Some(&[3, 5][..]), "{name}");
                if weights.dtype(name).is_some_and(|it| it.is_float()) {
                    check_values(&weights, name);
                } else {
                    let most = if name == "bool" { 1 } else { i64::MAX };
                    let numbers: Vec<i64> = weights.drawn(name).expect("drawn").iter().collect();
                    assert_eq!(numbers, (0..15).map(|it| it.min(most)).collect::<Vec<i64>>(), "{file}: {name}");
                }
            }
        }
        for protocol in 3..=5 {
            check_values(&open(&format!("protocol{protocol}.pt")), "float32");
            check_values(&open(&format!("protocol{protocol}_legacy.pt")), "float32");
        }
        check("float8.pt", "`float8` is stored as float8_e4m3fn, which is not read yet");
    }

    #[test]
    fn views_of_shared_storages_have_their_own_numbers() {
        let wanted = Weights::open(&golden("views.safetensors")).expect("opened");
        for file in ["views.pt", "views_legacy.pt"] {
            let weights = open(file);
            assert_eq!(weights.names().collect::<Vec<_>>(), wanted.names().collect::<Vec<_>>());
            for name in weights.names() {
                assert_eq!(weights.shape(name), wanted.shape(name), "{file}: {name}");
                assert_eq!(weights.numbers(name).expect("read"), wanted.numbers(name).expect("read"), "{file}: {name}");
            }
            let mapped = |name: &str| {
                let entry = &weights.tensors.entries[name];
                weights.tensors.maps[0].range(&entry.pieces[0]).is_some()
            };
            assert!(["whole", "rows", "channels_last_1x1", "parameter", "zero_dim"].iter().all(|it| mapped(it)), "{file}");
            assert!(["columns", "transposed", "channels_last", "expanded"].iter().all(|it| !mapped(it)), "{file}");
        }
    }

    #[test]
    fn of_a_training_programs_file_only_the_model_is_read() {
        for file in ["lightning.pt", "lightning_legacy.pt"] {
            let weights = open(file);
            assert_eq!(weights.names().collect::<Vec<_>>(), ["model.steps", "model.weight"]);
            check_values(&weights, "model.weight");
            assert_eq!(weights.number("model.steps").expect("a number"), 7.0);
            let refused = weights.refused();
            assert!(refused.contains(&"pytorch_lightning.callbacks.model_checkpoint.ModelCheckpoint".to_owned()), "{refused:?}");
            assert!(!refused.iter().any(|it| it.contains("torch._utils") || it.contains("scalar")), "{refused:?}");
        }
    }

    #[test]
    fn tensors_are_found_where_programs_put_them() {
        for file in ["params.pt", "params_legacy.pt"] {
            assert_eq!(open(file).shape("weight"), Some(&[3][..]), "the averaged ones");
        }
        assert_eq!(names("only.pt"), ["weight"]);
        let module = ["0.bias", "0.weight", "1.bias", "1.num_batches_tracked", "1.running_mean", "1.running_var", "1.weight"];
        assert_eq!(names("module.pt"), module);
        assert_eq!(names("embedding.pt"), ["string_to_param.*", "string_to_token.*"]);
        check("twice.pt", "has two tensors of the name `a.b`");
        check("none.pt", "holds no tensors");
    }

    #[test]
    fn folders_with_such_files_are_models_too() {
        for folder in ["diffusers", "sharded"] {
            let weights = Weights::open_folder(&golden(folder)).expect("opened");
            assert_eq!(weights.names().collect::<Vec<_>>(), ["first.weight", "second.weight"], "{folder}");
            weights.names().for_each(|it| check_values(&weights, it));
            assert_eq!(weights.config().expect("beside it")["made_by"], "python");
        }
        let single = open("diffusers/diffusion_pytorch_model.bin");
        assert!(single.config().is_some(), "its configuration lies beside it");
    }

    #[test]
    fn a_program_in_a_file_is_named_and_not_run() {
        for file in ["program.pt", "program_legacy.pt"] {
            let weights = open(file);
            check_values(&weights, "weight");
            assert_eq!(weights.refused(), ["posix.system"]);
        }
        check("program_alone.pt", "holds no tensors; it would call posix.system, which is not done");
        check("program_needed.pt", "whose numbers would come from posix.system, which is not run");
        assert!(!Path::new("burnish-was-here").exists());
    }

    #[test]
    fn archives_of_something_else_say_what_they_are() {
        check("big_endian.pt", "highest byte first");
        check("compressed.pt", "that is compressed or encrypted");
        check("no_pickle.pt", "it has no data.pkl");
        check("no_storage.pt", "`weight` that has its numbers in a storage that is not there (`0`)");
        check("short_storage.pt", "should have 2 numbers from 0, and has 4 bytes");
        check("script.pt", "a program that torch.jit.save wrote");
    }

    fn written(bytes: &[u8]) -> (TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a directory");
        let path = folder.path().join("model.pt");
        std::fs::write(&path, bytes).expect("written");
        (folder, path)
    }

    #[test]
    fn a_name_does_not_make_a_file_what_it_is_not() {
        let (folder, path) = written(&std::fs::read(golden("views.safetensors")).expect("read"));
        assert_eq!(Weights::open(&path).expect("tensors all the same").names().count(), 11);
        std::fs::copy(golden("views.pt"), folder.path().join("model.safetensors")).expect("copied");
        let weights = Weights::open(&folder.path().join("model.safetensors")).expect("tensors all the same");
        assert_eq!(weights.names().count(), 11);
        std::fs::write(&path, b"\x80\x02}q\x00X\x01\x00\x00\x00aK\x01s.").expect("written");
        let error = Weights::open(&path).expect_err("no tensors").to_string();
        assert!(error.contains("is a Python pickle that torch.save did not write"), "{error}");
    }

    #[test]
    fn a_file_that_is_cut_off_says_so() {
        for file in ["types.pt", "types_legacy.pt"] {
            let all = std::fs::read(golden(file)).expect("read");
            for length in (0..all.len()).step_by(7) {
                let (_folder, path) = written(&all[..length]);
                assert!(Weights::open(&path).is_err(), "{file}: {length} bytes");
            }
        }
    }

    /// A legacy file of one tensor over a storage of two numbers.
    fn tensor(offset: &[u8], shape: &[u8], strides: &[u8]) -> Result<Weights, LoadError> {
        let tuple = |it: &[u8]| [b"(", it, b"t"].concat();
        let storage = b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x02NtQ";
        let tensor = [&b"ctorch._utils\n_rebuild_tensor_v2\n("[..], storage, offset, &tuple(shape), &tuple(strides), b"\x89NtR"];
        let parts = [&b"\x80\x02\x8a\x0a"[..], LEGACY_MAGIC, b".\x80\x02M\xe9\x03.\x80\x02}.\x80\x02}X\x01\x00\x00\x00t"];
        let after = [&b"s.\x80\x02]X\x01\x00\x00\x000a.\x02\x00\x00\x00\x00\x00\x00\x00"[..], &[0; 8]];
        let (_folder, path) = written(&[&parts[..], &tensor, &after].concat().concat());
        Weights::open(&path)
    }

    #[test]
    fn tensors_that_reach_beyond_their_storage_are_refused() {
        const LARGE: &[u8] = b"\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f";
        let large = |first: &[u8]| [first, LARGE].concat();
        assert_eq!(tensor(b"K\x00", b"K\x02", b"K\x01").expect("fits").shape("t"), Some(&[2][..]));
        assert_eq!(tensor(b"K\x00", b"K\x02K\x01", &large(b"K\x01")).expect("fits").shape("t"), Some(&[2, 1][..]));
        for (offset, shape, strides, wrong) in [
            (&b"K\x01"[..], &b"K\x02"[..], &b"K\x01"[..], "of a storage of 2 numbers"),
            (b"K\x00", b"K\x03", b"K\x01", "of a storage of 2 numbers"),
            (b"K\x00", b"K\x02", b"K\x02", "of a storage of 2 numbers"),
            (LARGE, b"K\x01", b"K\x01", "of a storage of 2 numbers"),
            (b"K\x00", b"K\x02K\x02", &large(LARGE), "of a storage of 2 numbers"),
            (b"K\x00", LARGE, b"K\x00", "larger than any memory"),
            (b"K\x00", b"M\xff\xffM\xff\xff", b"K\x00K\x00", "repeats numbers beyond measure"),
            (b"K\x00", b"K\x02", b"", "without strides"),
            (b"K\x00", b"K\x02", b"J\xff\xff\xff\xff", "without strides"),
            (b"K\x00", b"J\xff\xff\xff\xff", b"K\x01", "without sizes"),
            (b"J\xff\xff\xff\xff", b"K\x02", b"K\x01", "begins before its storage"),
            (b"K\x00", &b"K\x01".repeat(9), &b"K\x01".repeat(9), "of 9 dimensions"),
        ] {
            let error = tensor(offset, shape, strides).expect_err(wrong).to_string();
            assert!(error.contains(wrong), "{error}");
        }
    }

    #[test]
    fn dictionaries_that_hold_themselves_come_to_an_end() {
        // d = {}; d["a"] = d["b"] = d
        let (_folder, path) = written(
            &[&b"\x80\x02\x8a\x0a"[..], LEGACY_MAGIC, b".\x80\x02M\xe9\x03.}.}q\x00(U\x01ah\x00U\x01bh\x00u.]."].concat(),
        );
        let error = Weights::open(&path).expect_err("no tensors").to_string();
        assert!(error.contains("more than 16 deep"), "{error}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(
            std::env::var("BURNISH_FUZZ").ok().and_then(|it| it.parse().ok()).unwrap_or(200)
        ))]
        /// Whatever the bytes are, they are a model or an error, and a tensor that is there can be read.
        #[test]
        fn no_bytes_make_it_panic(
            file in prop::sample::select(&["views.pt", "views_legacy.pt", "lightning.pt", "program_legacy.pt", "module.pt"][..]),
            at in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
            cut in 0usize..2000,
            whole: bool,
        ) {
            let mut all = std::fs::read(golden(file)).expect("read");
            for (at, byte) in at {
                let at = at.index(all.len());
                all[at] = byte;
            }
            if !whole {
                all.truncate(all.len().saturating_sub(cut));
            }
            let (_folder, path) = written(&all);
            if let Ok(weights) = Weights::open(&path) {
                for name in weights.names() {
                    let _ = weights.numbers(name);
                }
            }
        }
    }
}
