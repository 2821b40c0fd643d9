//! Models that are more than one file: several shards, or a folder with a configuration.

use super::error::shown;
use super::{LoadError, Tensors, gguf, safetensors, torch};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::{Component, Path};

/// What an index of shards is called, after the model's name.
const INDEX: &str = ".safetensors.index.json";
/// Names of a component's weights: as diffusers and as transformers write them, the last one in files of torch.save.
const STEMS: &[&str] = &["diffusion_pytorch_model", "model", "pytorch_model"];
/// Endings of them, the ones taken first before the others.
const ENDINGS: &[&str] = &[
    ".safetensors",
    ".safetensors.index.json",
    ".fp16.safetensors",
    ".safetensors.index.fp16.json",
    ".fp16.safetensors.index.json",
    ".bf16.safetensors",
    ".bin",
    ".bin.index.json",
    ".fp16.bin",
];
/// No configuration or index is longer, in bytes.
const LONGEST_JSON: u64 = 100_000_000;

/// Opens a file, an index of shards, and the configuration beside it where its name says that it is part of a folder.
pub(super) fn open(path: &Path) -> Result<Tensors, LoadError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let tensors = if name.ends_with(".json") {
        shards(path)?
    } else if gguf::is_one(path, &beginning(path)?) {
        return gguf::open(path);
    } else {
        file(path)?
    };
    let component = STEMS.iter().any(|stem| ENDINGS.iter().any(|ending| name.strip_prefix(stem) == Some(ending)));
    match path.with_file_name("config.json") {
        config if component && config.exists() => configured(tensors, &config),
        _ => Ok(tensors),
    }
}

/// Opens a file of one of the formats that come in shards and in folders too.
fn file(path: &Path) -> Result<Tensors, LoadError> {
    if torch::is_one(path, &beginning(path)?) { torch::open(path) } else { safetensors::open(path) }
}

/// What tells the format of a file: its first bytes; none of what is no file.
fn beginning(path: &Path) -> Result<Vec<u8>, LoadError> {
    let read = |source| LoadError::Read { path: path.to_owned(), source };
    let mut begin = Vec::new();
    if std::fs::metadata(path).map_err(read)?.is_file() {
        std::fs::File::open(path).and_then(|it| it.take(8).read_to_end(&mut begin)).map_err(read)?;
    }
    Ok(begin)
}

/// Opens a folder with weights under one of the usual names and their configuration.
pub(super) fn open_component(folder: &Path) -> Result<Tensors, LoadError> {
    let malformed = |reason: String| LoadError::Malformed { path: folder.to_owned(), reason };
    std::fs::read_dir(folder).map_err(|source| LoadError::Read { path: folder.to_owned(), source })?;
    let names = ENDINGS.iter().flat_map(|ending| STEMS.iter().map(move |stem| format!("{stem}{ending}")));
    let Some(weights) = names.map(|it| folder.join(it)).find(|it| it.is_file()) else {
        let usual = ["diffusion_pytorch_model.safetensors", "model.safetensors", "pytorch_model.bin"];
        return Err(malformed(format!("has no weights: neither {}, nor shards or half-precision variants", usual.join(" nor "))));
    };
    let config = folder.join("config.json");
    if !config.exists() {
        return Err(malformed("has no config.json beside its weights".to_owned()));
    }
    let name = weights.to_string_lossy();
    let tensors = if name.ends_with(".json") { shards(&weights)? } else { file(&weights)? };
    configured(tensors, &config)
}

fn configured(tensors: Tensors, config: &Path) -> Result<Tensors, LoadError> {
    let value = json(config)?;
    if !value.is_object() {
        return Err(LoadError::Malformed { path: config.to_owned(), reason: "is not an object of settings".to_owned() });
    }
    let identity = format!("{}+{}", tensors.identity, safetensors::identity(config)?);
    Ok(Tensors { config: Some(value), identity, ..tensors })
}

/// Opens all files that an index names.
fn shards(index: &Path) -> Result<Tensors, LoadError> {
    let malformed = |reason: String| LoadError::Malformed { path: index.to_owned(), reason };
    let value = json(index)?;
    let Some(placed) = value.get("weight_map").and_then(Value::as_object) else {
        return Err(malformed(format!("is not an index of shards ({INDEX}): it has no weight_map")));
    };
    let mut files: BTreeMap<&str, Tensors> = BTreeMap::new();
    let names: Option<BTreeSet<&str>> = placed.values().map(Value::as_str).collect();
    for name in names.ok_or_else(|| malformed("has a weight_map of something else than file names".to_owned()))? {
        let mut parts = Path::new(name).components();
        if !matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None)) || name.contains('\\') {
            return Err(malformed(format!("names `{}`, which is not a file beside it", shown(name))));
        }
        files.insert(name, file(&index.with_file_name(name))?);
    }
    for (tensor, file) in placed {
        let there = file.as_str().and_then(|it| files.get(it)).is_some_and(|it| it.entries.contains_key(tensor));
        if !there {
            return Err(malformed(format!("says that {file} has `{}`, but it does not", shown(tensor))));
        }
    }
    let identity = safetensors::identity(index)?;
    let mut all = Tensors { source: index.display().to_string(), identity, ..Tensors::default() };
    for (file, tensors) in files {
        all.identity = format!("{}+{}", all.identity, tensors.identity);
        all.maps.extend(tensors.maps);
        all.metadata.extend(tensors.metadata);
        for (name, entry) in tensors.entries {
            if all.entries.insert(name.clone(), entry).is_some() {
                return Err(malformed(format!("leads to two tensors `{}`, one of them in {file}", shown(&name))));
            }
        }
    }
    Ok(all)
}

/// Reads a JSON file of reasonable length.
pub(crate) fn json(path: &Path) -> Result<Value, LoadError> {
    let read = |source| LoadError::Read { path: path.to_owned(), source };
    let malformed = |reason: String| LoadError::Malformed { path: path.to_owned(), reason };
    let length = std::fs::metadata(path).map_err(read)?.len();
    if length > LONGEST_JSON {
        return Err(malformed(format!("has {length} bytes, too many for a file of settings")));
    }
    let text = std::fs::read(path).map_err(read)?;
    serde_json::from_slice(&text).map_err(|it| malformed(format!("is not JSON: {}", shown(&it.to_string()))))
}

#[cfg(test)]
mod tests {
    use super::super::Weights;
    use super::*;
    use burn::tensor::Device;
    use std::path::PathBuf;

    /// Files that Python wrote: see tests/parity/make/weights.py.
    fn golden(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/parity/goldens/weights").join(name)
    }

    /// What the script put into every tensor: 0, 1, 2, ... minus 3, halved.
    fn check_values(weights: &Weights, name: &str) {
        let shape = weights.shape(name).expect("there").to_vec();
        let [rows, columns] = shape[..] else { panic!("{name} has shape {shape:?}") };
        let drawn = weights.tensor(name, [rows, columns], &Device::flex()).expect("drawn").into_data();
        let expected: Vec<f32> = (0..rows * columns).map(|it| (it as f32 - 3.0) / 2.0).collect();
        assert_eq!(drawn.iter::<f32>().collect::<Vec<_>>(), expected, "{name}");
    }

    #[test]
    fn every_type_that_python_writes_has_its_values() {
        let weights = Weights::open(&golden("types.safetensors")).expect("opened");
        for name in ["float16", "bfloat16", "float32", "float64"] {
            check_values(&weights, name);
        }
        assert_eq!(weights.names().count(), 12);
        assert_eq!(weights.metadata("format"), Some("pt"));
        weights.finish(|name| name.contains("int") || name == "bool").expect("the rest are no floats");
    }

    #[test]
    fn shards_and_half_precision_are_found_in_a_folder() {
        for folder in ["sharded", "half"] {
            let weights = Weights::open_folder(&golden(folder)).expect("opened");
            assert_eq!(weights.names().collect::<Vec<_>>(), ["first.weight", "second.weight", "third.weight"], "{folder}");
            weights.names().for_each(|it| check_values(&weights, it));
            assert_eq!(weights.config().expect("beside it")["made_by"], "python");
        }
        assert_eq!(Weights::open_folder(&golden("sharded")).expect("opened").tensors.maps.len(), 3);
        let by_index = Weights::open(&golden("sharded/model.safetensors.index.json")).expect("opened");
        assert_eq!(by_index.names().count(), 3);
    }

    /// A copy of the shards with another index.
    fn with_index(index: &str) -> String {
        let folder = tempfile::tempdir().expect("a directory");
        for entry in std::fs::read_dir(golden("sharded")).expect("there") {
            let path = entry.expect("read").path();
            std::fs::copy(&path, folder.path().join(path.file_name().expect("a name"))).expect("copied");
        }
        let path = folder.path().join("model.safetensors.index.json");
        std::fs::write(&path, index).expect("written");
        Weights::open(&path).expect_err("refused").to_string()
    }

    #[test]
    fn an_index_that_lies_is_refused() {
        for (index, wrong) in [
            (r#"{"weight_map":{"a":"../x.safetensors"}}"#, "which is not a file beside it"),
            (r#"{"weight_map":{"a":"/etc/passwd"}}"#, "which is not a file beside it"),
            (r#"{"weight_map":{"a":""}}"#, "which is not a file beside it"),
            (r#"{"weight_map":{"a":3}}"#, "something else than file names"),
            (r#"{"weight_map":{"a":"model-00009-of-00009.safetensors"}}"#, "model-00009-of-00009.safetensors"),
            (r#"{"weight_map":{"a":"model-00001-of-00003.safetensors"}}"#, "has `a`, but it does not"),
            ("{}", "it has no weight_map"),
            ("{", "is not JSON"),
        ] {
            let message = with_index(index);
            assert!(message.contains(wrong), "{message}");
        }
    }

    #[test]
    fn a_folder_without_weights_or_configuration_says_what_is_missing() {
        let folder = tempfile::tempdir().expect("a directory");
        let refusal = || Weights::open_folder(folder.path()).expect_err("refused").to_string();
        assert!(refusal().contains("has no weights"));
        std::fs::copy(golden("half/model.fp16.safetensors"), folder.path().join("model.safetensors")).expect("copied");
        assert!(refusal().contains("has no config.json"));
        std::fs::write(folder.path().join("config.json"), "[]").expect("written");
        assert!(refusal().contains("is not an object of settings"));
        assert!(Weights::open_folder(Path::new("nowhere")).is_err());
    }
}
