//! Nodes that turn model files into recipes.

use models::checkpoint::{Configuration, open_clip, open_clips, open_model, open_vae};
use models::latent::FORMATS;
use models::text::{Embeddings, Family};
use models::{Checkpoint, Clip, LatentFormat, LoadError, Model, Vae, Weights};
use runtime::node::Literals;
use runtime::{Blockable, Choice, Context, Fingerprint, Folders, Node, NodeError, Registry, Run, registry};
use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

/// Every node of this file.
pub(crate) fn nodes() -> Registry {
    registry![
        CheckpointLoaderSimple,
        CheckpointLoader,
        DiffusersLoader,
        UNETLoader,
        CLIPLoader,
        DualCLIPLoader,
        TripleCLIPLoader,
        VAELoader
    ]
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

/// Opens a model that is one file, and reads it as a configuration of the original Stable Diffusion code says.
///
/// `Load Checkpoint` does so by itself. This one is for files that are not what they look like: the configuration says whether
/// velocities are predicted, and which layer of the text encoder counts.
#[derive(Node)]
#[node(
    display = "Load Checkpoint With Config (DEPRECATED)",
    category = "advanced/loaders",
    deprecated,
    outputs(MODEL = "Removes noise from latents.", CLIP = "Encodes prompts.", VAE = "Turns pictures into latents and back.")
)]
struct CheckpointLoader {
    /// The configuration, from the folder `configs`; those that everybody has are known without a file.
    #[input(files = "configs")]
    config_name: String,
    /// The file, from the folder `checkpoints`.
    #[input(files = "checkpoints")]
    ckpt_name: String,
}

impl Run for CheckpointLoader {
    type Output = Parts;

    fn run(self, cx: &Context) -> Result<Parts, NodeError> {
        let Self { config_name, ckpt_name } = self;
        let configuration = match cx.folders().model("configs", &config_name) {
            Ok(path) => Configuration::open(&path).map_err(|error| load_error(error, "config_name"))?,
            Err(_) if cx.folders().files("configs").contains(&config_name) => Configuration {
                velocity: config_name.starts_with("v2-inference-v"),
                layer: (config_name.contains("clip_skip_2") || config_name.starts_with("anything_v3")).then_some(-2),
            },
            Err(error) => return Err(NodeError::from(error).at("config_name")),
        };
        let path = find(cx, "checkpoints", &ckpt_name, "ckpt_name")?;
        let checkpoint = Checkpoint::open(&path).map_err(|error| load_error(error, "ckpt_name"))?;
        Ok(parts(configuration.apply(checkpoint), &ckpt_name, cx))
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
const ENCODERS: &str = "type `stable_diffusion`: the one encoder of Stable Diffusion 1 or 2, or of the refiner of XL; `sd3`: one of those of Stable Diffusion 3";

/// Opens a text encoder that is a file of its own.
///
/// `stable_diffusion` is CLIP-L, the encoder of Stable Diffusion 1.x, OpenCLIP's ViT-H, that of 2.x, or ViT-bigG, that of the refiner
/// of XL; the file says which.
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
        if self.family == "sd3" {
            let path = find(cx, "text_encoders", &self.clip_name, "clip_name")?;
            let clip = open_clips(Family::Sd3, &[&path]).map_err(|error| load_error(error, "clip_name"))?;
            return Ok(clip.with_embeddings(embeddings(cx)));
        }
        if self.family != "stable_diffusion" {
            let message = format!("text encoders of `{}` are not supported so far", self.family);
            return Err(NodeError::input("type", message).hint(format!("supported: {ENCODERS}")));
        }
        let path = find(cx, "text_encoders", &self.clip_name, "clip_name")?;
        let clip = open_clip(&path).map_err(|error| load_error(error, "clip_name"))?;
        Ok(clip.with_embeddings(embeddings(cx)))
    }
}

/// Opens two text encoders that work together, in any order: with `sdxl` CLIP-L and CLIP-G, with `flux` CLIP-L and T5, with `sd3` two of
/// CLIP-L, CLIP-G and T5.
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

    fn run(self, cx: &Context) -> Result<Clip, NodeError> {
        let Self { clip_name1, clip_name2, family, .. } = self;
        let family = match family.as_str() {
            "sdxl" => Family::Sd,
            "flux" => Family::Flux,
            "sd3" => Family::Sd3,
            other => {
                let message = format!("the pair of text encoders of `{other}` is not supported so far");
                return Err(NodeError::input("type", message).hint("supported: `sdxl`, `flux` and `sd3`"));
            }
        };
        let one = find(cx, "text_encoders", &clip_name1, "clip_name1")?;
        let two = find(cx, "text_encoders", &clip_name2, "clip_name2")?;
        let clip = open_clips(family, &[&one, &two]).map_err(|error| load_error(error, "clip_name1"))?;
        Ok(clip.with_embeddings(embeddings(cx)))
    }
}

/// Opens the three text encoders of Stable Diffusion 3, in any order: CLIP-L, CLIP-G and T5.
#[derive(Node)]
#[node(category = "advanced/loaders", outputs(CLIP = "Encodes prompts with all three."))]
struct TripleCLIPLoader {
    /// The first file, from the folder `text_encoders` or `clip`.
    #[input(files = "text_encoders")]
    clip_name1: String,
    /// The second file.
    #[input(files = "text_encoders")]
    clip_name2: String,
    /// The third file.
    #[input(files = "text_encoders")]
    clip_name3: String,
}

impl Run for TripleCLIPLoader {
    type Output = Clip;

    fn run(self, cx: &Context) -> Result<Clip, NodeError> {
        let one = find(cx, "text_encoders", &self.clip_name1, "clip_name1")?;
        let two = find(cx, "text_encoders", &self.clip_name2, "clip_name2")?;
        let three = find(cx, "text_encoders", &self.clip_name3, "clip_name3")?;
        let clip = open_clips(Family::Sd3, &[&one, &two, &three]).map_err(|error| load_error(error, "clip_name1"))?;
        Ok(clip.with_embeddings(embeddings(cx)))
    }
}

/// Opens an autoencoder that is a file of its own.
///
/// `taesd`, `taesdxl`, `taesd3` and `taef1` are small and fast ones in two files of the folder `vae_approx`. `pixel_space` is none:
/// its latents are the pictures themselves.
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
        let blamed = |error| load_error(error, "vae_name");
        if self.vae_name == "pixel_space" {
            return Vae::pixels().map_err(blamed);
        }
        // Small autoencoders see latents as their family's networks do.
        let small = FORMATS.iter().find(|it| it.small == self.vae_name);
        if let (Some(&&LatentFormat { small: name, scale, shift, .. }), Some([encoder, decoder])) =
            (small, cx.folders().small_vae(&self.vae_name))
        {
            let halves = Weights::open(&encoder).and_then(|it| Ok((it, Weights::open(&decoder)?)));
            let vae = halves.and_then(|(encoder, decoder)| Vae::small(&encoder, &decoder)).and_then(|it| it.scaled(scale, shift));
            return vae.map_err(|error| load_error(error, "vae_name").hint(format!("`{name}` is two files in vae_approx")));
        }
        let path = find(cx, "vae", &self.vae_name, "vae_name")?;
        open_vae(&path).map_err(blamed)
    }

    fn fingerprint(literals: &Literals, folders: &Folders) -> Result<Fingerprint, NodeError> {
        let name = literals.get("vae_name").and_then(|it| it.as_str()).unwrap_or_default();
        Ok(match folders.small_vae(name) {
            Some(halves) => Fingerprint::Content(halves.map(|it| state(&it)).join("\n").into_bytes()),
            None => Fingerprint::Inputs,
        })
    }
}

pub(crate) fn find(cx: &Context, folder: &str, name: &str, input: &str) -> Result<PathBuf, NodeError> {
    cx.folders().models.find(folder, name).map_err(|error| load_error(error, input))
}

/// The parts of a whole model, each told what to do about it where it is missing.
fn open(path: &Path, name: &str, input: &str, cx: &Context) -> Result<Parts, NodeError> {
    Ok(parts(Checkpoint::open(path).map_err(|error| load_error(error, input))?, name, cx))
}

fn parts(checkpoint: Checkpoint, name: &str, cx: &Context) -> Parts {
    let Checkpoint { model, clip, vae, .. } = checkpoint;
    let clip = clip.map(|it| it.with_embeddings(embeddings(cx)));
    (
        part(model, || format!("`{name}` holds no diffusion network: load one with UNETLoader")),
        part(clip, || format!("`{name}` holds no text encoder: load one with CLIPLoader")),
        part(vae, || format!("`{name}` holds no autoencoder: load one with VAELoader")),
    )
}

fn part<T>(part: Option<T>, missing: impl FnOnce() -> String) -> Blockable<T> {
    part.map_or_else(|| Blockable::Blocked(Some(missing())), Blockable::Open)
}

pub(crate) fn load_error(error: LoadError, input: &str) -> NodeError {
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

#[cfg(test)]
mod tests {
    use super::*;
    use models::Engine;
    use runtime::Job;
    use std::fs;
    use std::path::Path;
    use tempfile::TempDir;

    /// Empty model folders, and a context in which they are searched.
    fn place() -> (TempDir, Context) {
        let root = tempfile::tempdir().unwrap();
        let kinds = ["checkpoints", "diffusers", "diffusion_models", "text_encoders", "vae", "embeddings"];
        let models = models::Folders::new(root.path());
        for kind in kinds {
            fs::create_dir(root.path().join(kind)).unwrap();
        }
        let folders = Arc::new(Folders { models, ..Folders::default() });
        (root, Context::alone(Job::new(Arc::new(Engine::cpu()), folders)))
    }

    fn demo() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../workflows/models/diffusers/burnish-demo")
    }

    /// A folder with the demo model's parts of these names.
    fn copy(root: &Path, parts: &[&str]) {
        let folder = root.join("diffusers/part");
        let classes = parts.iter().map(|it| ((*it).to_owned(), serde_json::json!(["diffusers", "Class"])));
        let index: serde_json::Map<String, serde_json::Value> = classes.collect();
        for part in parts {
            fs::create_dir_all(folder.join(part)).unwrap();
            for file in entries(&demo().join(part)) {
                fs::copy(&file, folder.join(part).join(file.file_name().unwrap())).unwrap();
            }
        }
        fs::write(folder.join("model_index.json"), serde_json::to_string(&index).unwrap()).unwrap();
    }

    #[test]
    fn a_part_that_is_missing_says_how_to_load_one() {
        let (root, cx) = place();
        copy(root.path(), &["vae"]);
        let (model, clip, vae) = DiffusersLoader { model_path: "part".into() }.run(&cx).unwrap();
        assert!(matches!(vae, Blockable::Open(_)));
        assert!(matches!(model, Blockable::Blocked(Some(it)) if it.ends_with("load one with UNETLoader")));
        assert!(matches!(clip, Blockable::Blocked(Some(it)) if it == "`part` holds no text encoder: load one with CLIPLoader"));
    }

    #[test]
    fn parts_load_from_files_of_their_own() {
        let (root, cx) = place();
        for (from, to) in [
            ("unet/diffusion_pytorch_model.safetensors", "diffusion_models/a.safetensors"),
            ("text_encoder/model.safetensors", "text_encoders/b.safetensors"),
            ("vae/diffusion_pytorch_model.safetensors", "vae/c.safetensors"),
        ] {
            fs::copy(demo().join(from), root.path().join(to)).unwrap();
        }
        let vae = VAELoader { vae_name: "c.safetensors".into() }.run(&cx).unwrap();
        assert_eq!(vae.architecture().name, "tiny");
        let unet = |weight_dtype| UNETLoader { unet_name: "a.safetensors".into(), weight_dtype }.run(&cx);
        let error = unet(WeightType::E5m2).unwrap_err();
        assert_eq!(
            (error.blamed(), error.advice().unwrap()),
            (Some("weight_dtype"), "choose `default`, which keeps the type of the file")
        );
        assert_eq!(unet(WeightType::Default).unwrap().architecture.name, "sd15");
        let clip = |family: &str| {
            CLIPLoader { clip_name: "b.safetensors".into(), family: family.into(), device: "default".into() }.run(&cx)
        };
        assert!(
            clip("flux").unwrap_err().to_string().contains("`flux` are not supported so far (supported: type `stable_diffusion`")
        );
        assert_eq!(clip("stable_diffusion").unwrap().architecture().name, "clip-l");
    }

    #[test]
    fn what_is_not_there_or_is_no_model_blames_its_input() {
        let (root, cx) = place();
        let load = |name: &str| CheckpointLoaderSimple { ckpt_name: name.into() }.run(&cx).unwrap_err();
        let missing = load("a.safetensors");
        let folder = root.path().join("checkpoints").display().to_string();
        assert_eq!(missing.blamed(), Some("ckpt_name"));
        assert!(missing.to_string().contains(&format!("no `a.safetensors` among the checkpoints: searched {folder}")));
        assert!(load("../vae/c.safetensors").to_string().contains("is not the name of a file in a checkpoints folder"));
        fs::write(root.path().join("checkpoints/a.safetensors"), "no").unwrap();
        let damaged = load("a.safetensors");
        assert_eq!(damaged.blamed(), Some("ckpt_name"));
        assert!(damaged.advice().is_some(), "{damaged}");
        let pair = |family: &str| {
            let node = DualCLIPLoader {
                clip_name1: "a".into(),
                clip_name2: "b".into(),
                family: family.into(),
                device: "default".into(),
            };
            node.run(&cx).unwrap_err()
        };
        assert_eq!(pair("sdxl").blamed(), Some("clip_name1"));
        assert!(pair("hidream").to_string().contains("the pair of text encoders of `hidream` is not supported so far"));
    }

    #[test]
    fn embeddings_are_found_without_their_ending_and_only_in_their_folder() {
        let (root, cx) = place();
        let found = EmbeddingFolder(cx.folders().clone());
        let empty = found.identity();
        fs::create_dir(root.path().join("embeddings/style")).unwrap();
        for file in ["embeddings/a.pt", "embeddings/a.safetensors", "embeddings/style/b.bin", "secret.pt"] {
            fs::write(root.path().join(file), "").unwrap();
        }
        let path = |name: &str| found.find(name).map(|it| it.strip_prefix(root.path().join("embeddings")).unwrap().to_owned());
        assert_eq!(path("a"), Some("a.safetensors".into()));
        assert_eq!(path("a.pt"), Some("a.pt".into()));
        assert_eq!(path("style/b"), Some("style/b.bin".into()));
        assert_eq!(["../secret", "style", "", "c"].map(path), [None, None, None, None]);
        assert_eq!(found.names(), ["a", "a", "style/b"]);
        let before = found.identity();
        fs::write(root.path().join("embeddings/a.pt"), "more").unwrap();
        assert!(found.identity() != before && before != empty);
    }

    #[test]
    fn a_changed_file_deep_in_a_folder_counts() {
        let (root, cx) = place();
        copy(root.path(), &["vae"]);
        let literals = serde_json::json!({"model_path": "part"}).as_object().unwrap().clone();
        let state = || DiffusersLoader::fingerprint(&literals, cx.folders()).unwrap();
        let before = state();
        assert_eq!(before, state());
        fs::write(root.path().join("diffusers/part/vae/config.json"), "{}").unwrap();
        assert_ne!(before, state());
    }

    #[test]
    fn small_autoencoders_are_two_files_and_pixels_need_none() {
        use burn::tensor::{Device, Tensor};
        use safetensors::SafeTensors;
        let (root, cx) = place();
        fs::create_dir(root.path().join("vae_approx")).unwrap();
        let bytes = fs::read(demo().join("vae/diffusion_pytorch_model.safetensors")).unwrap();
        let whole = SafeTensors::deserialize(&bytes).unwrap();
        // The original counts its decoder's clamp as a layer.
        for (side, first) in [("encoder", 0), ("decoder", 1)] {
            let half = whole.tensors().into_iter().filter_map(|(name, view)| {
                let (layer, rest) = name.strip_prefix(&format!("{side}.layers."))?.split_once('.')?;
                Some((format!("{}.{rest}", layer.parse::<usize>().unwrap() + first), view))
            });
            let path = root.path().join(format!("vae_approx/taesd_{side}.safetensors"));
            fs::write(path, safetensors::serialize(half, None).unwrap()).unwrap();
        }
        let load = |name: &str| VAELoader { vae_name: name.into() }.run(&cx);
        let latent = Tensor::<4>::random([1, 4, 2, 3], burn::tensor::Distribution::Default, &Device::flex());
        let decode = |vae: &Vae, latent| vae.decode(&models::Samples::new(latent), cx.engine(), &cx).unwrap().0;
        let (small, pixels) = (load("taesd").unwrap(), load("pixel_space").unwrap());
        let plain = open_vae(&demo().join("vae")).unwrap();
        let off = decode(&small, latent.clone()) - decode(&plain, latent * 0.18215);
        assert!(off.abs().max().into_scalar::<f32>() < 1e-6);
        let half = decode(&pixels, Tensor::<4>::zeros([1, 3, 2, 2], &Device::flex()));
        assert_eq!((half.dims(), half.mean().into_scalar::<f32>()), ([1, 2, 2, 3], 0.5));
        assert_eq!(load("taesdxl").unwrap_err().blamed(), Some("vae_name"), "its files are not there");
        assert_eq!(load("b.safetensors").unwrap_err().blamed(), Some("vae_name"));
    }

    #[test]
    fn a_configuration_that_everybody_has_needs_no_file() {
        let (root, cx) = place();
        let load = |config: &str| {
            let node = CheckpointLoader { config_name: config.into(), ckpt_name: "none.safetensors".into() };
            node.run(&cx).unwrap_err()
        };
        assert_eq!(load("v2-inference-v.yaml").blamed(), Some("ckpt_name"), "the configuration is known");
        assert_eq!(load("mine.yaml").blamed(), Some("config_name"));
        fs::create_dir(root.path().join("configs")).unwrap();
        fs::write(root.path().join("configs/mine.yaml"), "model: []").unwrap();
        assert!(load("mine.yaml").to_string().contains("has no `params` below `model`"));
    }
}
