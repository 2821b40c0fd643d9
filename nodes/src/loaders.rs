//! Nodes that turn model files into recipes.

use models::checkpoint::{open_clip, open_model, open_vae};
use models::text::Embeddings;
use models::{Checkpoint, Clip, LoadError, Model, Vae};
use runtime::node::Literals;
use runtime::{Blockable, Choice, Context, Fingerprint, Folders, Node, NodeError, Registry, Run, registry};
use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

/// Every node of this file.
pub(crate) fn nodes() -> Registry {
    registry![CheckpointLoaderSimple, DiffusersLoader, UNETLoader, CLIPLoader, DualCLIPLoader, VAELoader]
}

/// Opens a model that is one file with everything in it: the diffusion network, the text encoder and the autoencoder.
///
/// Nothing is read beyond the file's table of contents until a computation needs it.
#[derive(Node)]
#[node(
    display = "Load Checkpoint",
    category = "loaders",
    outputs(MODEL = "Removes noise from latents.", CLIP = "Encodes prompts.", VAE = "Turns pictures into latents and back.")
)]
struct CheckpointLoaderSimple {
    /// The file, from the folder `checkpoints`.
    #[input(files = "checkpoints")]
    ckpt_name: String,
}

/// What a whole model gives. A part that the file does not have stops only the nodes that need it.
type Parts = (Blockable<Model>, Blockable<Clip>, Blockable<Vae>);

impl Run for CheckpointLoaderSimple {
    type Output = Parts;

    fn run(self, cx: &Context) -> Result<Parts, NodeError> {
        let path = find(cx, "checkpoints", &self.ckpt_name, "ckpt_name")?;
        open(&path, &self.ckpt_name, "ckpt_name", cx)
    }
}

/// Opens a model that is a folder as the diffusers library writes it: one subfolder for each part, and a `model_index.json`.
#[derive(Node)]
#[node(
    category = "advanced/loaders/deprecated",
    outputs(MODEL = "Removes noise from latents.", CLIP = "Encodes prompts.", VAE = "Turns pictures into latents and back.")
)]
struct DiffusersLoader {
    /// The model's folder, inside of the folder `diffusers`.
    #[input(files = "diffusers")]
    model_path: String,
}

impl Run for DiffusersLoader {
    type Output = Parts;

    fn run(self, cx: &Context) -> Result<Parts, NodeError> {
        let path = find(cx, "diffusers", &self.model_path, "model_path")?;
        open(&path, &self.model_path, "model_path", cx)
    }

    // A folder's own time does not change with the files inside of its subfolders.
    fn fingerprint(literals: &Literals, folders: &Folders) -> Result<Fingerprint, NodeError> {
        let Some(name) = literals.get("model_path").and_then(|it| it.as_str()) else { return Ok(Fingerprint::Inputs) };
        let Ok(folder) = folders.model("diffusers", name) else { return Ok(Fingerprint::Inputs) };
        let mut states = Vec::new();
        for part in std::iter::once(folder.clone()).chain(entries(&folder)) {
            states.extend(entries(&part).iter().map(|it| state(it)));
        }
        Ok(Fingerprint::Content(states.join("\n").into_bytes()))
    }
}

/// Opens a diffusion network that is a file of its own.
#[derive(Node)]
#[node(display = "Load Diffusion Model", category = "advanced/loaders", outputs(MODEL = "Removes noise from latents."))]
struct UNETLoader {
    /// The file, from the folder `diffusion_models` or `unet`.
    #[input(files = "diffusion_models")]
    unet_name: String,
    /// The type in which numbers are held: `default` keeps the file's own, which is the only choice so far.
    weight_dtype: WeightType,
}

/// In which type numbers are held.
#[derive(Choice, Clone, Copy, Debug, PartialEq)]
enum WeightType {
    Default,
    #[choice("fp8_e4m3fn")]
    E4m3,
    #[choice("fp8_e4m3fn_fast")]
    E4m3Fast,
    #[choice("fp8_e5m2")]
    E5m2,
}

impl Run for UNETLoader {
    type Output = Model;

    fn run(self, cx: &Context) -> Result<Model, NodeError> {
        if self.weight_dtype != WeightType::Default {
            let error = NodeError::input("weight_dtype", "weights are not converted to 8 bits so far");
            return Err(error.hint("choose `default`, which keeps the type of the file"));
        }
        let path = find(cx, "diffusion_models", &self.unet_name, "unet_name")?;
        open_model(&path).map_err(|error| load_error(error, "unet_name"))
    }
}

/// The text encoders that there are so far, for people.
const ENCODERS: &str = "one CLIP-L encoder (Stable Diffusion 1.x), type `stable_diffusion`";

/// Opens a text encoder that is a file of its own.
///
/// `stable_diffusion` is CLIP-L, the encoder of Stable Diffusion 1.x.
#[derive(Node)]
#[node(display = "Load CLIP", category = "advanced/loaders", outputs(CLIP = "Encodes prompts."))]
struct CLIPLoader {
    /// The file, from the folder `text_encoders` or `clip`.
    #[input(files = "text_encoders")]
    clip_name: String,
    /// The family of models whose prompts it encodes.
    #[input(name = "type", options = FAMILIES)]
    family: String,
    /// Where it runs. Both choices are the server's one device.
    #[input(optional, options = PLACES)]
    #[expect(dead_code, reason = "an engine has one device")]
    device: String,
}

const FAMILIES: &[&str] = &[
    "stable_diffusion",
    "stable_cascade",
    "sd3",
    "stable_audio",
    "mochi",
    "ltxv",
    "pixart",
    "cosmos",
    "lumina2",
    "wan",
    "hidream",
    "chroma",
    "ace",
    "omnigen2",
    "qwen_image",
    "hunyuan_image",
];

const PLACES: &[&str] = &["default", "cpu"];

impl Run for CLIPLoader {
    type Output = Clip;

    fn run(self, cx: &Context) -> Result<Clip, NodeError> {
        if self.family != "stable_diffusion" {
            let message = format!("text encoders of `{}` are not supported so far", self.family);
            return Err(NodeError::input("type", message).hint(format!("supported: {ENCODERS}")));
        }
        let path = find(cx, "text_encoders", &self.clip_name, "clip_name")?;
        let clip = open_clip(&path).map_err(|error| load_error(error, "clip_name"))?;
        Ok(clip.with_embeddings(embeddings(cx)))
    }
}

/// Opens two text encoders that work together. No family of models with two encoders is supported so far.
#[derive(Node)]
#[node(category = "advanced/loaders", outputs(CLIP = "Encodes prompts with both."))]
struct DualCLIPLoader {
    /// The first file, from the folder `text_encoders` or `clip`.
    #[input(files = "text_encoders")]
    clip_name1: String,
    /// The second file.
    #[input(files = "text_encoders")]
    clip_name2: String,
    /// The family of models whose prompts they encode.
    #[input(name = "type", options = PAIRS)]
    family: String,
    /// Where they run. Both choices are the server's one device.
    #[input(optional, options = PLACES)]
    #[expect(dead_code, reason = "an engine has one device")]
    device: String,
}

const PAIRS: &[&str] = &["sdxl", "sd3", "flux", "hunyuan_video", "hidream", "hunyuan_image"];

impl Run for DualCLIPLoader {
    type Output = Clip;

    fn run(self, _: &Context) -> Result<Clip, NodeError> {
        let Self { clip_name1, clip_name2, family, .. } = self;
        let message = format!("`{family}` needs the two encoders `{clip_name1}` and `{clip_name2}`, and is not supported so far");
        Err(NodeError::input("type", message).hint(format!("supported, through CLIPLoader: {ENCODERS}")))
    }
}

/// Opens an autoencoder that is a file of its own.
#[derive(Node)]
#[node(display = "Load VAE", category = "loaders", outputs(VAE = "Turns pictures into latents and back."))]
struct VAELoader {
    /// The file, from the folder `vae`.
    #[input(files = "vae")]
    vae_name: String,
}

impl Run for VAELoader {
    type Output = Vae;

    fn run(self, cx: &Context) -> Result<Vae, NodeError> {
        let path = find(cx, "vae", &self.vae_name, "vae_name")?;
        open_vae(&path).map_err(|error| load_error(error, "vae_name"))
    }
}

fn find(cx: &Context, folder: &str, name: &str, input: &str) -> Result<PathBuf, NodeError> {
    cx.folders().model(folder, name).map_err(|error| NodeError::from(error).at(input))
}

/// The parts of a whole model, each told what to do about it where it is missing.
fn open(path: &Path, name: &str, input: &str, cx: &Context) -> Result<Parts, NodeError> {
    let Checkpoint { model, clip, vae, .. } = Checkpoint::open(path).map_err(|error| load_error(error, input))?;
    let clip = clip.map(|it| it.with_embeddings(embeddings(cx)));
    Ok((
        part(model, || format!("`{name}` holds no diffusion network: load one with UNETLoader")),
        part(clip, || format!("`{name}` holds no text encoder: load one with CLIPLoader")),
        part(vae, || format!("`{name}` holds no autoencoder: load one with VAELoader")),
    ))
}

fn part<T>(part: Option<T>, missing: impl FnOnce() -> String) -> Blockable<T> {
    part.map_or_else(|| Blockable::Blocked(Some(missing())), Blockable::Open)
}

fn load_error(error: LoadError, input: &str) -> NodeError {
    let hint = error.hint();
    let error = NodeError::from(error).at(input);
    match hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

/// The embeddings of a run's folders.
fn embeddings(cx: &Context) -> Arc<dyn Embeddings> {
    Arc::new(EmbeddingFolder(cx.folders().clone()))
}

/// What the files of the folder `embeddings` are now: changes when one of them does.
pub(crate) fn embeddings_state(folders: &Folders) -> String {
    EmbeddingFolder(folders.clone()).identity()
}

/// Textual inversions in the model folder `embeddings`.
struct EmbeddingFolder(Folders);

/// What may be left out behind the name of an embedding, in the order in which it is tried.
const EMBEDDING_ENDINGS: &[&str] = &["", ".safetensors", ".pt", ".bin"];

impl Embeddings for EmbeddingFolder {
    fn find(&self, name: &str) -> Option<PathBuf> {
        let paths = EMBEDDING_ENDINGS.iter().filter_map(|ending| self.0.model("embeddings", &format!("{name}{ending}")).ok());
        paths.into_iter().find(|it| it.is_file())
    }

    fn names(&self) -> Vec<String> {
        let bare = |it: String| {
            let ending = EMBEDDING_ENDINGS.iter().find(|ending| !ending.is_empty() && it.ends_with(**ending));
            ending.and_then(|ending| it.strip_suffix(ending)).map(str::to_owned).unwrap_or(it)
        };
        self.0.files("embeddings").into_iter().map(bare).collect()
    }

    fn identity(&self) -> String {
        let files = self.0.files("embeddings");
        let paths = files.iter().filter_map(|it| self.0.model("embeddings", it).ok());
        paths.map(|it| state(&it)).collect::<Vec<_>>().join("\n")
    }
}

/// Which file this is, and since when.
fn state(path: &Path) -> String {
    let about = std::fs::metadata(path).ok();
    let time = about.as_ref().and_then(|it| it.modified().ok()).and_then(|it| it.duration_since(UNIX_EPOCH).ok());
    let size = about.as_ref().map_or(0, Metadata::len);
    format!("{}:{size}:{}", path.display(), time.map_or(0, |it| it.as_nanos()))
}

/// What lies in a directory, sorted; nothing where it is none.
fn entries(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(directory) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|it| it.path()).collect();
    paths.sort_unstable();
    paths
}
