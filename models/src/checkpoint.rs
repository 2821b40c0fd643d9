//! Whole models: a checkpoint in one file, or a folder as diffusers writes it, and what is inside of them.
//!
//! Nothing is loaded here. What comes out are recipes, and errors that a file as a whole can have: a part of no known family, a
//! tensor that belongs to no part, a component or a scheduler setting that is not supported.

use crate::diffusion::Prediction;
use crate::diffusion::sd_unet::{SAYINGS, said_prediction};
use crate::text::Family;
use crate::text::Tokenizer;
use crate::weights::{family as known_family, json, shown};
use crate::{Clip, ControlNet, LoadError, Lora, Model, Upscaler, Vae, Weights};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// The parts of a model that came together.
#[derive(Clone)]
pub struct Checkpoint {
    /// The diffusion network, if there is one.
    pub model: Option<Model>,
    /// The text encoder with its tokenizer, if there is one.
    pub clip: Option<Clip>,
    /// The autoencoder, if there is one.
    pub vae: Option<Vae>,
    parts: Vec<Part>,
}

/// One part of a model, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// What it is for: `diffusion model`, `text encoder`, `autoencoder`, `upscaler`, `control network` or `LoRA`.
    pub role: &'static str,
    /// Its family.
    pub architecture: &'static str,
    /// How many numbers it consists of.
    pub parameters: u64,
    /// Bytes in the file.
    pub bytes: u64,
    /// The types in which it is stored, and the bytes of each.
    pub types: BTreeMap<String, u64>,
}

/// Prefixes of the parts in a file with the names of the original Stable Diffusion code.
pub(crate) const MODEL: &str = "model.diffusion_model";
pub(crate) const VAES: [&str; 2] = ["first_stage_model", "vae"];
/// Those of text encoders: of SD 1, of SD 2, of SD XL, whose first is its refiner's only one in another naming, and of what came later.
const CLIPS: [&str; 8] = [
    "cond_stage_model.transformer",
    "cond_stage_model.model",
    "conditioner.embedders.0.transformer",
    "conditioner.embedders.0.model",
    "conditioner.embedders.1.model",
    "text_encoders.clip_l.transformer",
    "text_encoders.clip_g.transformer",
    "text_encoders.t5xxl.transformer",
];

/// Beginnings of keys in the metadata of a file, behind which the prefix of a part follows: the settings that a folder has in its
/// `config.json`, and an object of the files of its tokenizer.
pub(crate) const CONFIG: &str = "burnish.config.";
pub(crate) const TOKENIZER: &str = "burnish.tokenizer.";

/// Beginnings of names in such files that no part needs: the training's moving averages, and tables that are computed anew.
const LEFT_OVERS: &[&str] = &[
    "model_ema.",
    "alphas_cumprod",
    "betas",
    "cond_stage_model.logit_scale",
    "cond_stage_model.text_projection",
    "conditioner.embedders.0.logit_scale",
    "conditioner.embedders.1.logit_scale",
    "denoiser.",
    "embedding_manager.",
    "global_step",
    "log_one_minus_alphas_cumprod",
    "logvar",
    "lvlb_weights",
    "posterior_",
    "scale_factor",
    "sqrt_",
    "text_encoders.clip_l.logit_scale",
    "text_encoders.clip_g.logit_scale",
    "text_encoders.t5xxl.logit_scale",
];

/// Components of a diffusers pipeline that are read.
const COMPONENTS: &[&str] = &["unet", "vae", "text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2", "scheduler"];

/// Components of a diffusers pipeline that are no part of drawing a picture, and its settings that say what workflows say here.
const BYSTANDERS: &[&str] = &[
    "add_watermarker",
    "feature_extractor",
    "force_zeros_for_empty_prompt",
    "image_encoder",
    "requires_aesthetics_score",
    "requires_safety_checker",
    "safety_checker",
];

impl Checkpoint {
    /// Opens a single file with the original names, or a diffusers folder, and recognises its parts.
    ///
    /// # Errors
    /// [`LoadError::Unknown`] where no family fits, [`LoadError::Unexpected`] where a tensor belongs to no part, and what is wrong
    /// with a file.
    pub fn open(path: &Path) -> Result<Self, LoadError> {
        if path.is_dir() { Self::open_folder(path) } else { Self::open_file(path) }
    }

    fn open_file(path: &Path) -> Result<Self, LoadError> {
        let weights = Weights::open(path)?;
        let part = |prefix: &str| below(&weights, prefix).transpose();
        let (model, vae) = (part(MODEL).transpose()?, VAES.into_iter().find_map(part).transpose()?);
        let clips: Vec<(Weights, Option<Tokenizer>)> = CLIPS
            .into_iter()
            .filter_map(|prefix| Some(part(prefix)?.and_then(|it| Ok((it, tokenizer(&weights, prefix)?)))))
            .collect::<Result<_, _>>()?;
        if model.is_none() && clips.is_empty() && vae.is_none() {
            return Err(weights.unknown());
        }
        let claimed = |name: &str| {
            let below = |prefix: &str| name.strip_prefix(prefix).is_some_and(|it| it.starts_with('.'));
            let known = CLIPS.into_iter().chain(VAES).chain([MODEL]).any(below);
            known || SAYINGS.contains(&name) || LEFT_OVERS.iter().any(|it| name.starts_with(it))
        };
        let rest: Vec<String> = weights.names().filter(|it| !claimed(it)).map(str::to_owned).collect();
        if !rest.is_empty() {
            // A part of another family, as a second text encoder, says more than the first tensor that has no place.
            return Err(match known_family(&rest) {
                Some(_) => weights.unknown(),
                None => LoadError::Unexpected { source_name: weights.source().to_owned(), names: rest },
            });
        }
        let mut checkpoint = Self::empty();
        let mut family = Family::Sd;
        if let Some(part) = model {
            let mut model = Model::new(&part)?;
            model.prediction = said_prediction(&weights).unwrap_or(model.prediction);
            family = model.architecture.encoders;
            checkpoint.put_model(model, &part);
        }
        if !clips.is_empty() {
            checkpoint.put_clip(Clip::together(family, clips.iter().map(|it| (&it.0, it.1.clone())))?);
        }
        if let Some(weights) = vae {
            checkpoint.put_vae(Vae::new(weights.clone())?, &weights);
        }
        Ok(checkpoint)
    }

    fn open_folder(folder: &Path) -> Result<Self, LoadError> {
        let index_path = folder.join("model_index.json");
        let malformed = |reason: String| LoadError::Malformed { path: index_path.clone(), reason };
        let index = json(&index_path)?;
        let index = index.as_object().ok_or_else(|| malformed("is not an object of components".to_owned()))?;
        let mut components: BTreeMap<&str, (PathBuf, &str)> = BTreeMap::new();
        for (name, class) in index {
            if name.starts_with('_') || BYSTANDERS.contains(&name.as_str()) {
                continue;
            }
            let Some([_, class]) = class.as_array().map(Vec::as_slice) else {
                return Err(malformed(format!("`{}` is neither a component nor a known setting", shown(name))));
            };
            if class.is_null() {
                continue;
            }
            let class = class.as_str().ok_or_else(|| malformed(format!("`{}` has a class that is not text", shown(name))))?;
            let known = COMPONENTS.iter().find(|it| *it == name);
            let Some(known) = known else {
                return Err(LoadError::Unsupported {
                    path: index_path,
                    reason: format!("it has a `{}` ({}), which is not supported", shown(name), shown(class)),
                    instead: "pipelines of a unet, a vae, a text_encoder, a tokenizer and a scheduler are read",
                });
            };
            components.insert(known, (folder.join(known), class));
        }
        let weights = |name: &str| components.get(name).map(|(path, _)| Weights::open_folder(path)).transpose();
        let mut checkpoint = Self::empty();
        if let Some(weights) = weights("vae")? {
            checkpoint.put_vae(Vae::new(weights.clone())?, &weights);
        }
        let encoder = |name: &str, tokenizer: &str| {
            let Some(weights) = weights(name)? else { return Ok(None) };
            match components.get(tokenizer) {
                Some((path, _)) => Ok(Some((weights, Tokenizer::open(path)?))),
                None => Err(malformed(format!("has a {name} without its {tokenizer}"))),
            }
        };
        match (encoder("text_encoder", "tokenizer")?, encoder("text_encoder_2", "tokenizer_2")?) {
            (None, None) => {}
            (Some((weights, tokenizer)), None) | (None, Some((weights, tokenizer))) => {
                checkpoint.put_clip(Clip::new(&weights, tokenizer)?);
            }
            (Some((one, first)), Some((two, second))) => checkpoint.put_clip(Clip::pair([(&one, first), (&two, second)])?),
        }
        if let Some(weights) = weights("unet")? {
            let mut model = Model::new(&weights)?;
            if let Some((path, _)) = components.get("scheduler") {
                model.prediction = scheduler(&path.join("scheduler_config.json"))?.unwrap_or(model.prediction);
            }
            if let Some(scale) = checkpoint.vae.as_ref().map(Vae::latent_scale).transpose()?.flatten() {
                model.latent.scale = scale;
            }
            checkpoint.put_model(model, &weights);
        }
        if checkpoint.parts.is_empty() {
            return Err(malformed("has no component that is supported".to_owned()));
        }
        Ok(checkpoint)
    }

    /// What is inside, for people.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    fn empty() -> Self {
        Self { model: None, clip: None, vae: None, parts: Vec::new() }
    }

    fn put_model(&mut self, model: Model, weights: &Weights) {
        self.parts.push(Part::new("diffusion model", model.architecture.name, weights));
        self.model = Some(model);
    }

    fn put_clip(&mut self, clip: Clip) {
        self.parts.extend(clip.encoders().map(|(architecture, weights)| Part::new("text encoder", architecture.name, weights)));
        self.clip = Some(clip);
    }

    fn put_vae(&mut self, vae: Vae, weights: &Weights) {
        self.parts.push(Part::new("autoencoder", vae.architecture().name, weights));
        self.vae = Some(vae);
    }
}

impl fmt::Debug for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.parts).finish()
    }
}

impl Part {
    fn new(role: &'static str, architecture: &'static str, weights: &Weights) -> Self {
        Self { role, architecture, parameters: weights.parameters(), bytes: weights.bytes(), types: weights.types() }
    }
}

/// The diffusion network of a file or component folder of its own, or of a checkpoint.
///
/// # Errors
/// As [`Checkpoint::open`].
pub fn open_model(path: &Path) -> Result<Model, LoadError> {
    Model::new(&part(path, MODEL)?)
}

/// The text encoder of a file or component folder of its own, or of a checkpoint.
///
/// A folder's tokenizer, which lies beside it in a folder `tokenizer`, is used where there is one; else it is that of the encoder's family.
///
/// # Errors
/// As [`Checkpoint::open`].
pub fn open_clip(path: &Path) -> Result<Clip, LoadError> {
    let beside = path.is_dir().then(|| path.with_file_name("tokenizer")).filter(|it| it.is_dir());
    let (weights, inside) = clip_part(path)?;
    let tokenizer = beside.map(|it| Tokenizer::open(&it)).transpose()?.or(inside);
    Clip::together(Family::Sd, [(&weights, tokenizer)])
}

/// Text encoders that work together, each a file or component folder of its own.
///
/// # Errors
/// As [`open_clip`], and when they are not those of the family.
pub fn open_clips(family: Family, paths: &[&Path]) -> Result<Clip, LoadError> {
    let parts = paths.iter().map(|it| clip_part(it)).collect::<Result<Vec<_>, _>>()?;
    Clip::together(family, parts.iter().map(|it| (&it.0, it.1.clone())))
}

/// The weights of a text encoder: the first in a checkpoint, or all of a file or folder; and the tokenizer that came inside the file.
fn clip_part(path: &Path) -> Result<(Weights, Option<Tokenizer>), LoadError> {
    let weights = if path.is_dir() { Weights::open_folder(path)? } else { Weights::open(path)? };
    for prefix in CLIPS {
        if let Some(part) = below(&weights, prefix)? {
            return Ok((part, tokenizer(&weights, prefix)?));
        }
    }
    Ok((told(&weights, weights.clone(), "")?, tokenizer(&weights, "")?))
}

/// The part of a file whose names begin with a prefix, if there is one, with the settings that the file has for it.
fn below(weights: &Weights, prefix: &str) -> Result<Option<Weights>, LoadError> {
    let part = weights.at(prefix);
    if part.names().next().is_none() {
        return Ok(None);
    }
    told(weights, part, prefix).map(Some)
}

/// A part with the settings that the file has for its prefix.
fn told(weights: &Weights, part: Weights, prefix: &str) -> Result<Weights, LoadError> {
    let Some(text) = weights.metadata(&format!("{CONFIG}{prefix}")) else { return Ok(part) };
    let config = serde_json::from_str(text).map_err(|it| LoadError::Config {
        source_name: weights.source().to_owned(),
        reason: format!("the settings of `{prefix}` in its metadata are no JSON: {it}"),
    })?;
    Ok(part.with_config(config))
}

/// The tokenizer that a file has for the part of a prefix.
fn tokenizer(weights: &Weights, prefix: &str) -> Result<Option<Tokenizer>, LoadError> {
    let texts = weights.metadata(&format!("{TOKENIZER}{prefix}"));
    texts.map(|it| Tokenizer::from_texts(it, weights.source())).transpose()
}

/// The autoencoder of a file or component folder of its own, or of a checkpoint.
///
/// # Errors
/// As [`Checkpoint::open`].
pub fn open_vae(path: &Path) -> Result<Vae, LoadError> {
    Vae::new(part(path, VAES[0])?)
}

/// What a file or folder holds: the parts of a checkpoint, or a part alone.
///
/// # Errors
/// [`LoadError::Unknown`] where it is nothing that is known; what is wrong with the file.
pub fn describe(path: &Path) -> Result<Vec<Part>, LoadError> {
    if path.is_dir() && path.join("model_index.json").is_file() {
        return Ok(Checkpoint::open(path)?.parts);
    }
    let weights = if path.is_dir() { Weights::open_folder(path)? } else { Weights::open(path)? };
    if CLIPS.iter().chain(&VAES).chain(&[MODEL]).any(|it| weights.at(it).names().next().is_some()) {
        return Ok(Checkpoint::open(path)?.parts);
    }
    let alone = |role, architecture| Part::new(role, architecture, &weights);
    // What one kind does not know another may.
    let found = [
        Model::new(&weights).map(|it| alone("diffusion model", it.architecture.name)),
        Clip::alone(&weights).map(|it| alone("text encoder", it.architecture().name)),
        Vae::new(weights.clone()).map(|it| alone("autoencoder", it.architecture().name)),
        Upscaler::new(&weights).map(|it| alone("upscaler", it.architecture().name)),
        ControlNet::new(&weights).map(|it| alone("control network", it.architecture().name)),
        Lora::new(weights.clone()).map(|_| alone("LoRA", "lora")),
    ];
    let known = found.into_iter().find(|it| !matches!(it, Err(LoadError::Unknown { .. })));
    known.unwrap_or_else(|| Err(weights.unknown())).map(|it| vec![it])
}

/// What a configuration of the original Stable Diffusion code (`v1-inference.yaml`...) says that a file itself does not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Configuration {
    /// Whether the network predicts velocities.
    pub velocity: bool,
    /// The layer of the text encoder whose states are taken: -1 is the last.
    pub layer: Option<i64>,
}

impl Configuration {
    /// Reads a file.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn open(path: &Path) -> Result<Self, LoadError> {
        const LONGEST: u64 = 1 << 20;
        let read = |source| LoadError::Read { path: path.to_owned(), source };
        let malformed = |reason: String| LoadError::Malformed { path: path.to_owned(), reason };
        let length = std::fs::metadata(path).map_err(read)?.len();
        if length > LONGEST {
            return Err(malformed(format!("has {length} bytes, too many for a configuration")));
        }
        let text = std::fs::read_to_string(path).map_err(read)?;
        let all: Value =
            serde_norway::from_str(&text).map_err(|it| malformed(format!("is not YAML: {}", shown(&it.to_string()))))?;
        let Some(parameters) = all.pointer("/model/params").filter(|it| it.is_object()) else {
            return Err(malformed("has no `params` below `model`, as a configuration of a model has".to_owned()));
        };
        let layer = match parameters.pointer("/cond_stage_config/params/layer_idx") {
            None | Some(Value::Null) => None,
            Some(layer) => Some(layer.as_i64().ok_or_else(|| malformed("has a layer_idx that is no whole number".to_owned()))?),
        };
        Ok(Self { velocity: parameters.get("parameterization").is_some_and(|it| it == "v"), layer })
    }

    /// What a model is by this configuration.
    #[must_use]
    pub fn apply(self, checkpoint: Checkpoint) -> Checkpoint {
        let velocity = |it: Model| if self.velocity { Model { prediction: Prediction::Velocity, ..it } } else { it };
        let layer = |it: Clip| if let Some(layer) = self.layer { it.with_last_layer(layer) } else { it };
        Checkpoint { model: checkpoint.model.map(velocity), clip: checkpoint.clip.map(layer), ..checkpoint }
    }
}

/// The weights of a part: what lies below its prefix in a checkpoint, or all of a file or folder.
fn part(path: &Path, prefix: &str) -> Result<Weights, LoadError> {
    let weights = if path.is_dir() { Weights::open_folder(path)? } else { Weights::open(path)? };
    match below(&weights, prefix)? {
        Some(part) => Ok(part),
        None => told(&weights, weights.clone(), ""),
    }
}

/// What a `scheduler_config.json` says of the network's output, if it says anything.
///
/// How pictures are sampled is up to the workflow. What the network was trained with is not: a setting of that kind which is not
/// supported is an error.
fn scheduler(path: &Path) -> Result<Option<Prediction>, LoadError> {
    let settings = json(path)?;
    let wrong = |name: &str, value: &Value, works: &str| LoadError::Config {
        source_name: path.display().to_string(),
        reason: format!("`{name}` is {}, supported is {works}", shown(&value.to_string())),
    };
    let supported: &[(&str, &[Value])] = &[
        ("beta_schedule", &["scaled_linear".into()]),
        ("beta_start", &[0.00085.into()]),
        ("beta_end", &[0.012.into()]),
        ("num_train_timesteps", &[1000.into()]),
        ("trained_betas", &[Value::Null]),
        ("rescale_betas_zero_snr", &[false.into()]),
    ];
    for (name, values) in supported {
        if let Some(value) = settings.get(name).filter(|it| !values.contains(it)) {
            return Err(wrong(name, value, &values.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ")));
        }
    }
    match settings.get("prediction_type") {
        None => Ok(None),
        Some(value) => match value.as_str() {
            Some("epsilon") => Ok(Some(Prediction::Epsilon)),
            Some("v_prediction") => Ok(Some(Prediction::Velocity)),
            Some("sample") => Ok(Some(Prediction::Sample)),
            _ => Err(wrong("prediction_type", value, "epsilon, v_prediction or sample")),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden::{Golden, Names};
    use safetensors::{SafeTensors, serialize, tensor::TensorView};
    use std::fs;
    use tempfile::TempDir;

    fn golden_text(file: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/parity/goldens/text/quick_gelu").join(file)
    }

    /// The tensors of a file, each with `prefix` before its name.
    fn read(path: &Path, prefix: &str) -> Vec<(String, TensorView<'static>)> {
        let bytes: &'static [u8] = Vec::leak(fs::read(path).unwrap());
        let all = SafeTensors::deserialize(bytes).unwrap();
        all.tensors().into_iter().map(|(name, view)| (format!("{prefix}{name}"), view)).collect()
    }

    /// A checkpoint in one file, of the tiny models of the goldens, with `more` tensors of one number.
    fn single_file(more: &[&str]) -> (TempDir, PathBuf) {
        let (unet, _) = Golden::open("sd15", "unet").write(Names::Original);
        let (vae, _) = Golden::open("sd15", "kl").write(Names::Original);
        let file = "diffusion_pytorch_model.safetensors";
        let mut tensors = read(&unet.path().join(file), "model.diffusion_model.");
        tensors.extend(read(&vae.path().join(file), "first_stage_model."));
        tensors.extend(read(&golden_text("text_encoder/model.safetensors"), "cond_stage_model.transformer."));
        tensors.extend(more.iter().map(|it| ((*it).to_owned(), TensorView::new(safetensors::Dtype::U8, vec![1], &[0]).unwrap())));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tiny.safetensors");
        fs::write(&path, serialize(tensors, None).unwrap()).unwrap();
        (folder, path)
    }

    /// A file with a network of a golden under its original names, and text encoders under those of newer files.
    fn newer(family: &str, case: &'static str, clip: bool) -> (TempDir, PathBuf) {
        let file = "diffusion_pytorch_model.safetensors";
        let (network, _) = Golden::open(family, case).write(Names::Original);
        let (t5, _) = Golden::open("t5", "prompts").write(Names::Original);
        let mut tensors = read(&network.path().join(file), "model.diffusion_model.");
        tensors.extend(read(&t5.path().join(file), "text_encoders.t5xxl.transformer."));
        if clip {
            tensors.extend(read(&golden_text("text_encoder/model.safetensors"), "text_encoders.clip_l.transformer."));
        }
        let (vae, _) = Golden::open("sd15", "kl").write(Names::Original);
        tensors.extend(read(&vae.path().join(file), "vae."));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("newer.safetensors");
        fs::write(&path, serialize(tensors, None).unwrap()).unwrap();
        (folder, path)
    }

    #[test]
    fn newer_files_bring_the_encoders_of_their_families() {
        for (family, case, clip) in
            [("flux", "dev_original", true), ("sd3", "medium35_original", true), ("sd3", "medium35_original", false)]
        {
            let (_folder, path) = newer(family, case, clip);
            let checkpoint = Checkpoint::open(&path).unwrap();
            assert_eq!(checkpoint.model.as_ref().unwrap().architecture.name, family);
            let encoders: Vec<_> = checkpoint.clip.as_ref().unwrap().encoders().map(|it| it.0.name).collect();
            assert_eq!(encoders, if clip { vec!["clip-l", "t5"] } else { vec!["t5"] });
            assert!(checkpoint.vae.is_some());
        }
        let (_folder, path) = newer("flux", "dev_original", false);
        assert!(Checkpoint::open(&path).unwrap_err().to_string().contains("FLUX.1 has clip-l and t5"));
    }

    /// The same models as a diffusers folder.
    fn diffusers() -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let copy = |from: &Path, to: &str| {
            fs::create_dir_all(root.join(to)).unwrap();
            for entry in fs::read_dir(from).unwrap() {
                let path = entry.unwrap().path();
                fs::copy(&path, root.join(to).join(path.file_name().unwrap())).unwrap();
            }
        };
        copy(Golden::open("sd15", "unet").write(Names::Diffusers).0.path(), "unet");
        copy(Golden::open("sd15", "kl").write(Names::Diffusers).0.path(), "vae");
        copy(&golden_text("text_encoder"), "text_encoder");
        fs::write(root.join("text_encoder/config.json"), r#"{"hidden_act":"quick_gelu"}"#).unwrap();
        copy(&golden_text("tokenizer"), "tokenizer");
        fs::create_dir(root.join("scheduler")).unwrap();
        fs::write(root.join("scheduler/scheduler_config.json"), r#"{"prediction_type":"v_prediction"}"#).unwrap();
        let index = r#"{"_class_name":"StableDiffusionPipeline","unet":["diffusers","UNet2DConditionModel"],
            "vae":["diffusers","AutoencoderKL"],"text_encoder":["transformers","CLIPTextModel"],"safety_checker":[null,null],
            "tokenizer":["transformers","CLIPTokenizer"],"scheduler":["diffusers","DDIMScheduler"]}"#;
        fs::write(root.join("model_index.json"), index).unwrap();
        folder
    }

    #[test]
    fn one_file_and_a_folder_of_the_same_model_have_the_same_parts() {
        let (_single, path) = single_file(&["alphas_cumprod", "model_ema.decay", "cond_stage_model.logit_scale"]);
        let single = Checkpoint::open(&path).unwrap();
        let folder = diffusers();
        let parts = Checkpoint::open(folder.path()).unwrap();
        let by_role = |checkpoint: &Checkpoint| {
            let mut parts: Vec<_> = checkpoint.parts().iter().map(|it| (it.role, it.architecture, it.parameters)).collect();
            parts.sort_unstable();
            parts
        };
        assert_eq!(by_role(&single), by_role(&parts));
        assert_eq!(by_role(&single).iter().map(|it| it.1).collect::<Vec<_>>(), ["kl", "sd15", "clip-l"]);
        assert_eq!(parts.model.unwrap().prediction, Prediction::Velocity, "as the scheduler's configuration says");
        assert_eq!(single.model.unwrap().prediction, Prediction::Epsilon);
        assert_eq!(describe(&path).unwrap(), single.parts);
    }

    /// Opens a checkpoint, writes it again, and compares the files.
    fn assert_written_alike(path: &Path) {
        let checkpoint = Checkpoint::open(path).unwrap();
        let (model, clip, vae) = (checkpoint.model.unwrap(), checkpoint.clip, checkpoint.vae);
        let again = path.with_file_name("again.safetensors");
        crate::Export::checkpoint(&model, clip.as_ref(), vae.as_ref()).unwrap().write(&again).unwrap();
        let files = [path, &again].map(|it| fs::read(it).unwrap());
        let [before, after] = [0, 1].map(|it| SafeTensors::deserialize(&files[it]).unwrap());
        // What says something by being there alone is empty, whatever it was.
        let names = |it: &SafeTensors<'_>| it.names().into_iter().map(str::to_owned).collect::<std::collections::BTreeSet<_>>();
        assert_eq!(names(&after), names(&before));
        for (name, tensor) in before.tensors() {
            let written = after.tensor(&name).unwrap();
            if !SAYINGS.contains(&name.as_str()) {
                assert_eq!((written.dtype(), written.shape()), (tensor.dtype(), tensor.shape()), "{name}");
                assert!(written.data() == tensor.data(), "{name}");
            }
        }
        let key = |it: &Checkpoint| [it.model.as_ref().unwrap().prediction];
        assert_eq!(key(&Checkpoint::open(&again).unwrap()), [model.prediction]);
    }

    #[test]
    fn what_was_opened_is_written_under_the_names_it_had() {
        let (_single, path) = single_file(&[]);
        assert_written_alike(&path);
        for (family, case) in [("flux", "dev_original"), ("sd3", "medium35_original")] {
            let (_folder, path) = newer(family, case, true);
            let before = fs::read(&path).unwrap();
            // The autoencoder's other prefix is not used for writing.
            let named = SafeTensors::deserialize(&before).unwrap();
            let renamed = named.tensors().into_iter().map(|(name, view)| (name.replace("vae.", "first_stage_model."), view));
            fs::write(&path, serialize(renamed, None).unwrap()).unwrap();
            assert_written_alike(&path);
        }
    }

    #[test]
    fn a_folder_becomes_one_file_that_says_what_the_tensors_do_not() {
        let folder = diffusers();
        let parts = Checkpoint::open(folder.path()).unwrap();
        let (model, clip, vae) = (parts.model.unwrap(), parts.clip.unwrap(), parts.vae.unwrap());
        let path = folder.path().join("one.safetensors");
        crate::Export::checkpoint(&model, Some(&clip), Some(&vae)).unwrap().write(&path).unwrap();
        let one = Checkpoint::open(&path).unwrap();
        let (again, tokens) = (one.model.unwrap(), one.clip.unwrap());
        assert_eq!(again.prediction, Prediction::Velocity);
        assert_eq!(again.weights.config(), model.weights.config());
        let ids = |clip: &Clip| format!("{:?}", clip.tokenize("a red apple").unwrap());
        assert_eq!(ids(&tokens), ids(&clip), "its own tokenizer came along");
        assert_ne!(ids(&tokens), ids(&Clip::alone(tokens.encoders().next().unwrap().1).unwrap()));
        let broken = |key: &str, text: &str| {
            let metadata = std::collections::HashMap::from([(key.to_owned(), text.to_owned())]);
            let bytes = fs::read(&path).unwrap();
            let all = SafeTensors::deserialize(&bytes).unwrap();
            let file = folder.path().join("broken.safetensors");
            fs::write(&file, serialize(all.tensors(), Some(metadata)).unwrap()).unwrap();
            Checkpoint::open(&file).unwrap_err().to_string()
        };
        assert!(broken("burnish.config.model.diffusion_model", "{").contains("settings of `model.diffusion_model`"));
        assert!(broken("burnish.tokenizer.cond_stage_model.transformer", "{}").contains("tokenizer"));
        assert!(broken("burnish.tokenizer.cond_stage_model.transformer", "[]").contains("no object of texts"));
    }

    #[test]
    fn a_part_alone_is_described_and_opened() {
        let folder = diffusers();
        for (part, role) in [("unet", "diffusion model"), ("text_encoder", "text encoder"), ("vae", "autoencoder")] {
            assert_eq!(describe(&folder.path().join(part)).unwrap()[0].role, role);
        }
        let (_single, path) = single_file(&[]);
        open_model(&path).unwrap();
        open_clip(&path).unwrap();
        open_vae(&path).unwrap();
        assert!(matches!(open_model(&folder.path().join("vae")), Err(LoadError::Unknown { .. })));
    }

    #[test]
    fn a_tensor_without_a_part_and_another_family_are_named() {
        let (_folder, path) = single_file(&["stray"]);
        assert!(matches!(Checkpoint::open(&path), Err(LoadError::Unexpected { names, .. }) if names == ["stray"]));
        let (_folder, path) = single_file(&["joint_blocks.0.x"]);
        let error = Checkpoint::open(&path).unwrap_err();
        assert_eq!(error.hint().unwrap(), "these tensors look like Stable Diffusion 3 and are of no use here");
    }

    #[test]
    fn settings_and_components_that_are_not_supported_are_named() {
        let folder = diffusers();
        let scheduler = folder.path().join("scheduler/scheduler_config.json");
        fs::write(&scheduler, r#"{"beta_schedule":"linear"}"#).unwrap();
        let error = Checkpoint::open(folder.path()).unwrap_err().to_string();
        assert!(error.ends_with(r#"`beta_schedule` is "linear", supported is "scaled_linear""#), "{error}");
        fs::write(folder.path().join("model_index.json"), r#"{"transformer":["diffusers","FluxTransformer2DModel"]}"#).unwrap();
        let error = Checkpoint::open(folder.path()).unwrap_err().to_string();
        assert!(error.ends_with("it has a `transformer` (FluxTransformer2DModel), which is not supported"), "{error}");
    }

    /// The tensors of a golden of text encoders, each with `prefix` before its name.
    fn encoder(case: &str, prefix: &str) -> Vec<(String, TensorView<'static>)> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/parity/goldens/openclip.json");
        let cases: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
        let case = &cases[case];
        let rows = case["tensors"].as_array().unwrap().iter().zip(case["seed"].as_u64().unwrap()..);
        let made = rows.map(|(row, place)| {
            let shape: Vec<usize> = serde_json::from_value(row[1].clone()).unwrap();
            let made = crate::golden::values(place, shape.iter().product(), 0.0, 1.0);
            let bytes: &'static [u8] = Vec::leak(made.flat_map(f32::to_le_bytes).collect());
            let name = format!("{prefix}{}", row[0].as_str().unwrap());
            (name, TensorView::new(safetensors::Dtype::F32, shape, bytes).unwrap())
        });
        made.collect()
    }

    #[test]
    fn single_files_of_the_later_ones_have_their_own_encoders() {
        let file = "diffusion_pytorch_model.safetensors";
        for (case, encoders, said, wanted, prediction) in [
            ("sd2", &[("h", "cond_stage_model.model.")][..], &[][..], &["sd2", "clip-h", "kl"][..], Prediction::Epsilon),
            (
                "sdxl",
                &[("l", "conditioner.embedders.0.transformer."), ("g", "conditioner.embedders.1.model.")],
                &["v_pred"],
                &["sdxl", "clip-l", "clip-g", "kl"],
                Prediction::Velocity,
            ),
            ("refiner", &[("g", "conditioner.embedders.0.model.")], &[], &["sdxl", "clip-g", "kl"], Prediction::Epsilon),
        ] {
            let (unet, _) = Golden::open("sd15", case).write(Names::Original);
            let (vae, _) = Golden::open("sd15", "kl").write(Names::Original);
            let mut tensors = read(&unet.path().join(file), "model.diffusion_model.");
            tensors.extend(read(&vae.path().join(file), "first_stage_model."));
            tensors.extend(encoders.iter().flat_map(|(case, prefix)| encoder(case, prefix)));
            let mark = |it: &&str| ((*it).to_owned(), TensorView::new(safetensors::Dtype::U8, vec![1], &[0]).unwrap());
            tensors.extend(said.iter().map(mark));
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("tiny.safetensors");
            fs::write(&path, serialize(tensors, None).unwrap()).unwrap();
            let checkpoint = Checkpoint::open(&path).unwrap();
            assert_eq!(checkpoint.parts().iter().map(|it| it.architecture).collect::<Vec<_>>(), wanted);
            assert_eq!(checkpoint.model.unwrap().prediction, prediction, "{case}");
            assert_eq!(describe(&path).unwrap().len(), wanted.len());
            if encoders.len() == 1 {
                open_clip(&path).unwrap();
            }
            assert_written_alike(&path);
        }
    }

    #[test]
    fn files_that_change_models_or_pictures_are_described() {
        let upscaler =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../workflows/models/upscale_models/realesr-animevideov3-x4.safetensors");
        let one = |path: &Path| describe(path).map(|it| (it[0].role, it[0].architecture));
        assert_eq!(one(&upscaler).unwrap(), ("upscaler", "compact"));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.safetensors");
        for (names, wanted) in [
            (&["lora_unet_x.lora_up.weight"][..], Some(("LoRA", "lora"))),
            (
                &["control_model.zero_convs.0.0.weight", "control_model.input_hint_block.0.weight"],
                Some(("control network", "controlnet")),
            ),
            (&["x"], None),
        ] {
            let view = || TensorView::new(safetensors::Dtype::F32, vec![1], &[0; 4]).unwrap();
            fs::write(&path, serialize(names.iter().map(|it| (*it, view())), None).unwrap()).unwrap();
            assert_eq!(one(&path).ok(), wanted);
        }
    }

    #[test]
    fn an_original_configuration_says_what_is_predicted_and_which_layer_counts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.yaml");
        let said = |text: &str| {
            fs::write(&path, text).unwrap();
            Configuration::open(&path)
        };
        let velocity = said("model:\n  params:\n    parameterization: v\n    cond_stage_config: {target: x}\n").unwrap();
        assert_eq!(velocity, Configuration { velocity: true, layer: None });
        let skip = said("model: {params: {cond_stage_config: {params: {layer_idx: -2}}}}").unwrap();
        assert_eq!(skip, Configuration { velocity: false, layer: Some(-2) });
        for text in ["", "[1", "model: 5", "model: {params: {cond_stage_config: {params: {layer_idx: two}}}}"] {
            assert!(matches!(said(text), Err(LoadError::Malformed { .. })), "{text}");
        }
        let (_single, single) = single_file(&[]);
        let plain = Checkpoint::open(&single).unwrap();
        let read = Configuration { velocity: true, layer: Some(-2) }.apply(plain.clone());
        assert_eq!(read.model.unwrap().prediction, Prediction::Velocity);
        assert_ne!(read.clip.unwrap().key(), plain.clip.unwrap().key());
    }
}
