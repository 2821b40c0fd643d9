//! Latents in files: safetensors with the values under `latent_tensor`, as ComfyUI writes them.

use crate::files::{FileError, Series};
use crate::pixels::values;
use burn::tensor::{DType, Device, Tensor, TensorData};
use models::{Latent, Samples};
use runtime::{Context, Folders, Literals, Node, NodeError, Place, Registry, Run, SavedFile, Shown, registry};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

pub(super) fn nodes() -> Registry {
    registry![SaveLatent, LoadLatent]
}

/// Where the values are.
const VALUES: &str = "latent_tensor";
/// An empty tensor that is there when the values are in the picture side's scale.
const MARK: &str = "latent_format_version_0";
/// What values were multiplied by in files without the mark: the scale of Stable Diffusion 1.
const OLD_SCALE: f32 = 0.18215;
/// The largest file that is read.
const MOST_BYTES: u64 = 4 << 30;

/// Saves latents in the output folder, with the prompt and the workflow that made them.
#[derive(Node)]
#[node(category = "_for_testing", output_node)]
struct SaveLatent {
    /// The latents.
    samples: Latent,
    /// How the file is called, with a number behind. `latents/cat` makes a folder.
    #[input(default = "latents/ComfyUI")]
    filename_prefix: String,
}

impl Run for SaveLatent {
    type Output = ();

    fn run(self, cx: &Context) -> Result<(), NodeError> {
        let mut about = HashMap::new();
        if let Some(prompt) = cx.prompt() {
            about.insert("prompt".to_owned(), prompt.to_string());
        }
        about.extend(cx.extra_pnginfo().iter().map(|(key, value)| (key.clone(), value.to_string())));
        let bytes = encode(&self.samples.samples, about)?;
        let mut series = Series::start(cx.folders(), Place::Output, &self.filename_prefix, (0, 0), &jiff::Zoned::now())?;
        let filename = series.save(0, "latent", &bytes)?;
        let file = SavedFile { filename, subfolder: series.subfolder.clone(), place: Place::Output };
        cx.show(Shown::File { key: "latents", file });
        Ok(())
    }
}

fn encode(samples: &Samples, about: HashMap<String, String>) -> Result<Vec<u8>, NodeError> {
    let bytes: Vec<u8> = values(samples.values().clone()).iter().flat_map(|it| it.to_le_bytes()).collect();
    let tensors = [
        (VALUES, TensorView::new(Dtype::F32, samples.shape().to_vec(), &bytes)?),
        (MARK, TensorView::new(Dtype::F32, vec![0], &[])?),
    ];
    Ok(safetensors::serialize(tensors, (!about.is_empty()).then_some(about))?)
}

/// Loads latents that were saved.
#[derive(Node)]
#[node(category = "_for_testing")]
struct LoadLatent {
    /// The file, below the input folder.
    #[input(files = "input", checked_by_node)]
    latent: String,
}

impl Run for LoadLatent {
    type Output = Latent;

    fn run(self, cx: &Context) -> Result<Latent, NodeError> {
        Ok(Latent::new(decode(&cx.folders().existing(Place::Input, &self.latent)?)?))
    }

    fn fingerprint(literals: &Literals, folders: &Folders) -> Result<runtime::Fingerprint, NodeError> {
        let Some(name) = literals.get("latent").and_then(|it| it.as_str()) else { return Ok(runtime::Fingerprint::Inputs) };
        let mut hasher = blake3::Hasher::new();
        let file = File::open(folders.existing(Place::Input, name)?).map_err(|it| NodeError::input("latent", it.to_string()))?;
        hasher.update_reader(file).map_err(|it| NodeError::input("latent", it.to_string()))?;
        Ok(runtime::Fingerprint::Content(hasher.finalize().as_bytes().to_vec()))
    }

    fn validate(literals: &Literals, folders: &Folders) -> Vec<(String, String)> {
        let Some(name) = literals.get("latent").and_then(|it| it.as_str()) else { return Vec::new() };
        folders.existing(Place::Input, name).err().map(|it| ("latent".to_owned(), it.to_string())).into_iter().collect()
    }
}

fn decode(path: &Path) -> Result<Samples, FileError> {
    let system = |source| FileError::System { path: path.to_owned(), source };
    let refused = |reason: String| FileError::Latent { path: path.to_owned(), reason };
    let mut bytes = Vec::new();
    File::open(path).map_err(system)?.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(system)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(refused("it is larger than 4 GiB".into()));
    }
    let file = SafeTensors::deserialize(&bytes).map_err(|it| refused(format!("it is no safetensors file: {it}")))?;
    let view = file.tensor(VALUES).map_err(|_| refused(format!("it holds no `{VALUES}`; use a file that SaveLatent wrote")))?;
    let kind = match view.dtype() {
        Dtype::F32 => DType::F32,
        Dtype::F16 => DType::F16,
        Dtype::BF16 => DType::BF16,
        Dtype::F64 => DType::F64,
        other => return Err(refused(format!("its numbers are {other:?}; they have to be F32, F16, BF16 or F64"))),
    };
    let shape = view.shape().to_vec();
    if !(3..=5).contains(&shape.len()) || shape.contains(&0) {
        return Err(refused(format!("its shape is {shape:?}; latents have 3 to 5 dimensions, none of them empty")));
    }
    let rest: usize = shape[1..].iter().product();
    let data = TensorData::from_bytes_vec(view.data().to_vec(), [shape[0], rest], kind).convert::<f32>();
    let values = Tensor::<2>::from_data(data, &Device::flex());
    let marked = file.tensor(MARK).is_ok();
    Ok(Samples::with_shape(if marked { values } else { values.div_scalar(OLD_SCALE) }, &shape))
}

#[cfg(test)]
mod tests {
    use super::*;
    use runtime::Job;
    use std::fs;
    use std::sync::Arc;

    /// A context whose input and output folders are one.
    fn cx(root: &Path) -> Context {
        let folders = Folders { input: root.to_owned(), output: root.to_owned(), temp: root.to_owned(), ..Folders::default() };
        let prompt = Some(serde_json::json!({"1": {}}));
        Context::alone(Job { folders: Arc::new(folders), prompt, ..Job::default() })
    }

    fn load(root: &Path, name: &str) -> Result<Latent, NodeError> {
        LoadLatent { latent: name.into() }.run(&cx(root))
    }

    #[test]
    fn latents_come_back_as_they_were_saved_with_the_prompt() {
        let root = tempfile::tempdir().expect("a folder");
        let tensor = Tensor::<4>::from_data([[[[1.5f32, -2.0]], [[0.0, 3.25]]]], &Device::flex());
        let samples = Latent::new(Samples::new(tensor));
        SaveLatent { samples, filename_prefix: "latents/cat".into() }.run(&cx(root.path())).expect("saved");
        let loaded = load(root.path(), "latents/cat_00001_.latent").expect("loaded").samples;
        assert_eq!((loaded.shape(), values(loaded.values().clone())), (&[1, 2, 1, 2][..], vec![1.5, -2.0, 0.0, 3.25]));
        let bytes = fs::read(root.path().join("latents/cat_00001_.latent")).expect("read");
        let (_, header) = SafeTensors::read_metadata(&bytes).expect("a header");
        assert_eq!(header.metadata().as_ref().expect("metadata")["prompt"], r#"{"1":{}}"#);
    }

    #[test]
    fn old_files_and_half_numbers_are_read() {
        let root = tempfile::tempdir().expect("a folder");
        // 1 and -2 in half precision.
        let view = TensorView::new(Dtype::F16, vec![1, 1, 1, 2], &[0x00, 0x3C, 0x00, 0xC0]).expect("a tensor");
        fs::write(root.path().join("old.latent"), safetensors::serialize([(VALUES, view)], None).expect("bytes"))
            .expect("written");
        let found = values(load(root.path(), "old.latent").expect("loaded").samples.values().clone());
        assert!((found[0] - 5.489981).abs() < 1e-5 && (found[1] + 10.979961).abs() < 1e-5, "{found:?}");
    }

    #[test]
    fn what_is_no_latent_is_refused() {
        let root = tempfile::tempdir().expect("a folder");
        let file = |name: &str, kind, shape: Vec<usize>, bytes: &[u8]| {
            safetensors::serialize([(name, TensorView::new(kind, shape, bytes).expect("a tensor"))], None).expect("bytes")
        };
        let good = file(VALUES, Dtype::F32, vec![1, 1, 1, 1], &[0; 4]);
        for (bytes, reason) in [
            (Vec::new(), "no safetensors file"),
            (vec![0xFF; 64], "no safetensors file"),
            (good[..good.len() - 1].to_vec(), "no safetensors file"),
            (file("other", Dtype::F32, vec![1, 1, 1, 1], &[0; 4]), "holds no `latent_tensor`"),
            (file(VALUES, Dtype::I64, vec![1, 1, 1], &[0; 8]), "its numbers are I64"),
            (file(VALUES, Dtype::F32, vec![1], &[0; 4]), "its shape is [1]"),
            (file(VALUES, Dtype::F32, vec![0, 4, 8, 8], &[]), "its shape is [0, 4, 8, 8]"),
        ] {
            fs::write(root.path().join("it.latent"), bytes).expect("written");
            let error = load(root.path(), "it.latent").expect_err(reason).to_string();
            assert!(error.contains(reason), "{error}");
        }
        assert!(load(root.path(), "../it.latent").is_err() && load(root.path(), "absent.latent").is_err());
    }
}
