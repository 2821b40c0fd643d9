//! Models as files.

use crate::files::{FileError, Series};
use models::export::ExportError;
use models::{Clip, Export, Model, Vae};
use runtime::{Context, Node, NodeError, Place, Registry, Run, registry};

/// Every node of this file.
pub(crate) fn nodes() -> Registry {
    registry![CheckpointSave, ModelSave, CLIPSave, VAESave]
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
