//! Models as files.

use crate::files::{FileError, Series};
use models::export::ExportError;
use models::patch::{Form, extract_lora};
use models::{Clip, Export, Model, Vae};
use runtime::{Choice, Context, Node, NodeError, Place, Registry, Run, registry};

/// Every node of this file.
pub(crate) fn nodes() -> Registry {
    registry![CheckpointSave, ModelSave, CLIPSave, VAESave, LoraSave]
}

/// Why a model was not saved.
#[derive(Debug, thiserror::Error)]
enum SaveError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Export(#[from] ExportError),
}

/// Saves a file in the output folder, with the prompt and the workflow that made it.
fn save(cx: &Context, export: Export, prefix: &str) -> Result<(), NodeError> {
    let json = |value: &serde_json::Value| value.to_string();
    let prompt = cx.prompt().map(|it| ("prompt".to_owned(), json(it)));
    let about = cx.extra_pnginfo().iter().map(|(key, value)| (key.clone(), json(value)));
    let export = export.with_metadata(prompt.into_iter().chain(about));
    let mut series = Series::start(cx.folders(), Place::Output, prefix, (0, 0), &jiff::Zoned::now())?;
    let saved: Result<String, SaveError> = series.save_by(0, "safetensors", |path| Ok(export.write(path)?));
    saved?;
    Ok(())
}

/// Saves a network, its text encoders and its autoencoder in one file, with all changes that were made to them.
#[derive(Node)]
#[node(display = "Save Checkpoint", category = "advanced/model_merging", output_node)]
struct CheckpointSave {
    /// The network.
    model: Model,
    /// The text encoders.
    clip: Clip,
    /// The autoencoder.
    vae: Vae,
    /// How the file is called, with a number behind. `checkpoints/cat` makes a folder.
    #[input(default = "checkpoints/ComfyUI")]
    filename_prefix: String,
}

impl Run for CheckpointSave {
    type Output = ();

    fn run(self, cx: &Context) -> Result<(), NodeError> {
        save(cx, Export::checkpoint(&self.model, Some(&self.clip), Some(&self.vae))?, &self.filename_prefix)
    }
}

/// Saves a network, with all changes that were made to it.
#[derive(Node)]
#[node(category = "advanced/model_merging", output_node)]
struct ModelSave {
    /// The network.
    model: Model,
    /// How the file is called, with a number behind. `diffusion_models/cat` makes a folder.
    #[input(default = "diffusion_models/ComfyUI")]
    filename_prefix: String,
}

impl Run for ModelSave {
    type Output = ();

    fn run(self, cx: &Context) -> Result<(), NodeError> {
        save(cx, Export::checkpoint(&self.model, None, None)?, &self.filename_prefix)
    }
}

/// Saves text encoders, each in a file, with all changes that were made to them.
#[derive(Node)]
#[node(category = "advanced/model_merging", output_node)]
struct CLIPSave {
    /// The text encoders.
    clip: Clip,
    /// How the files are called: the name of the encoder and a number follow. `clip/cat` makes a folder.
    #[input(default = "clip/ComfyUI")]
    filename_prefix: String,
}

impl Run for CLIPSave {
    type Output = ();

    fn run(self, cx: &Context) -> Result<(), NodeError> {
        for (name, export) in Export::text_encoders(&self.clip)? {
            let ending = name.map(|it| format!("_{it}")).unwrap_or_default();
            save(cx, export, &format!("{}{ending}", self.filename_prefix))?;
        }
        Ok(())
    }
}

/// Saves an autoencoder.
#[derive(Node)]
#[node(category = "advanced/model_merging", output_node)]
struct VAESave {
    /// The autoencoder.
    vae: Vae,
    /// How the file is called, with a number behind. `vae/cat` makes a folder.
    #[input(default = "vae/ComfyUI_vae")]
    filename_prefix: String,
}

impl Run for VAESave {
    type Output = ();

    fn run(self, cx: &Context) -> Result<(), NodeError> {
        save(cx, Export::autoencoder(&self.vae)?, &self.filename_prefix)
    }
}

/// What the difference between two models is written as.
#[derive(Clone, Copy, Choice)]
enum LoraType {
    Standard,
    FullDiff,
}

/// Makes a LoRA of the difference between two models and saves it.
///
/// The differences come from ModelMergeSubtract and CLIPMergeSubtract. Without any nothing is saved.
#[derive(Node)]
#[node(display = "Extract and Save Lora", category = "_for_testing", output_node, experimental)]
struct LoraSave {
    /// How the file is called, with a number behind. `loras/cat` makes a folder.
    #[input(default = "loras/ComfyUI_extracted_lora")]
    filename_prefix: String,
    /// How many directions each layer is changed in: the file grows with it.
    #[input(default = 8, min = 1, max = 4096, step = 1)]
    rank: usize,
    /// Two small factors for each layer, or the whole difference, which is as large as the model.
    lora_type: LoraType,
    /// Whether the differences of biases and norms are saved too.
    #[input(default = true)]
    bias_diff: bool,
    /// The difference of two diffusion networks.
    model_diff: Option<Model>,
    /// The difference of two text encoders.
    text_encoder_diff: Option<Clip>,
}

impl Run for LoraSave {
    type Output = ();

    fn run(self, cx: &Context) -> Result<(), NodeError> {
        if self.model_diff.is_none() && self.text_encoder_diff.is_none() {
            return Ok(());
        }
        let form = match self.lora_type {
            LoraType::Standard => Form::Factors(self.rank),
            LoraType::FullDiff => Form::Whole,
        };
        let (model, clip) = (self.model_diff.as_ref(), self.text_encoder_diff.as_ref());
        let lora = extract_lora(model, clip, form, self.bias_diff, cx)?;
        save(cx, lora, &self.filename_prefix)
    }
}
