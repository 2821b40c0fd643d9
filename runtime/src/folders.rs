//! Where files are, and the one way to them: names from outside never leave the directories that they are meant for.

use crate::event::Place;
use models::LoadError;
use models::latent::FORMATS;
use std::path::{Component, Path, PathBuf};

/// The directories of one installation.
#[derive(Clone, Debug)]
pub struct Folders {
    /// What the user brings.
    pub input: PathBuf,
    /// What the user keeps.
    pub output: PathBuf,
    /// What may be gone after a restart.
    pub temp: PathBuf,
    /// The model folders (`checkpoints`, `loras`...).
    pub models: models::Folders,
}

/// The configurations of the original Stable Diffusion code that `configs` offers, as ComfyUI does.
const CONFIGURATIONS: &[&str] = &[
    "anything_v3.yaml",
    "v1-inference.yaml",
    "v1-inference_clip_skip_2.yaml",
    "v1-inference_clip_skip_2_fp16.yaml",
    "v1-inference_fp16.yaml",
    "v1-inpainting-inference.yaml",
    "v2-inference-v.yaml",
    "v2-inference-v_fp32.yaml",
    "v2-inference.yaml",
    "v2-inference_fp32.yaml",
    "v2-inpainting-inference.yaml",
];

/// Why there is no such file.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The name leads out of its directory.
    #[error("`{0}` leads out of its directory: use a relative name without `..`")]
    Outside(String),
    /// The directory does not hold it.
    #[error("there is no `{name}` in {place} (searched {})", .searched.display())]
    Missing {
        /// The directory's name.
        place: &'static str,
        /// The name.
        name: String,
        /// The directory.
        searched: PathBuf,
    },
    /// There is no such model.
    #[error(transparent)]
    Model(#[from] LoadError),
}

impl Default for Folders {
    /// No model folders, and names that are looked for in the current directory.
    fn default() -> Self {
        Self { input: PathBuf::new(), output: PathBuf::new(), temp: PathBuf::new(), models: models::Folders::none() }
    }
}

impl Folders {
    /// One of the three directories.
    pub fn place(&self, place: Place) -> &Path {
        match place {
            Place::Input => &self.input,
            Place::Output => &self.output,
            Place::Temp => &self.temp,
        }
    }

    /// Where a name lies below one of the three directories, whether or not it exists yet.
    ///
    /// # Errors
    /// [`FolderError::Outside`] for absolute names, `..`, and for links in the file system that lead out.
    pub fn within(&self, place: Place, name: &str) -> Result<PathBuf, FolderError> {
        below(self.place(place), name)
    }

    /// The existing file that a name means; `[input]`, `[output]` or `[temp]` behind it names the directory, else it is `place`.
    ///
    /// # Errors
    /// [`FolderError::Outside`]; [`FolderError::Missing`] when there is no such file.
    pub fn existing(&self, place: Place, name: &str) -> Result<PathBuf, FolderError> {
        let marked = [Place::Input, Place::Output, Place::Temp]
            .into_iter()
            .find_map(|it| Some((it, name.strip_suffix(&format!("[{}]", it.as_str()))?.trim_end())));
        let (place, name) = marked.unwrap_or((place, name));
        let path = self.within(place, name)?;
        if path.is_file() {
            return Ok(path);
        }
        Err(FolderError::Missing { place: place.as_str(), name: name.to_owned(), searched: self.place(place).to_owned() })
    }

    /// The file (for `diffusers`, the directory) that a name means in a model folder.
    ///
    /// # Errors
    /// [`FolderError::Model`] says where it was searched and which names are like it.
    pub fn model(&self, folder: &str, name: &str) -> Result<PathBuf, FolderError> {
        // A link inside a model folder may lead anywhere: people keep models on other disks, and the link is their own.
        Ok(self.models.find(folder, name)?)
    }

    /// The names that a model folder offers, or the files of `input`: relative, parts separated by `/`, sorted; behind them
    /// what needs no file of that name.
    ///
    /// Nothing where a directory cannot be read: [`Folders::searched`] says why.
    pub fn files(&self, folder: &str) -> Vec<String> {
        match folder {
            "input" => files_in(&self.input),
            // With the mark that tells them from inputs: that is how such a choice is saved.
            "output" => files_in(&self.output).iter().map(|it| format!("{it} [output]")).collect(),
            _ => {
                let mut names = self.models.list(folder).map_or_else(|_| Vec::new(), |it| it.to_vec());
                let more: Vec<_> = self.built_in(folder).into_iter().filter(|it| !names.contains(it)).collect();
                names.extend(more);
                names
            }
        }
    }

    /// What a folder offers without a file of that name in it: the small autoencoders whose two files are in `vae_approx`, the one
    /// that does nothing, and the original configurations.
    fn built_in(&self, folder: &str) -> Vec<String> {
        match folder {
            "vae" => {
                let small = FORMATS.iter().map(|it| it.small).filter(|it| self.small_vae(it).is_some());
                small.chain(["pixel_space"]).map(str::to_owned).collect()
            }
            "configs" => CONFIGURATIONS.iter().map(|it| (*it).to_owned()).collect(),
            _ => Vec::new(),
        }
    }

    /// The encoder and the decoder of a small autoencoder, `taesd` or another, if both are in the folder `vae_approx`.
    pub fn small_vae(&self, name: &str) -> Option<[PathBuf; 2]> {
        let files = self.models.list("vae_approx").ok()?;
        let half = |side: &str| {
            let file = files.iter().find(|it| it.starts_with(&format!("{name}_{side}.")))?;
            self.models.find("vae_approx", file).ok()
        };
        Some([half("encoder")?, half("decoder")?])
    }

    /// The directories that are searched for a folder's files, and what keeps them from being read, for messages.
    pub fn searched(&self, folder: &str) -> Vec<String> {
        if let Some(place) = [Place::Input, Place::Output].into_iter().find(|it| it.as_str() == folder) {
            return vec![self.place(place).display().to_string()];
        }
        let directories = self.models.directories(folder).unwrap_or_default();
        let problem = self.models.list(folder).err().map(|it| it.to_string());
        directories.iter().map(|it| it.display().to_string()).chain(problem).collect()
    }
}

/// A relative name of ordinary parts only. Both kinds of slashes separate, on every system: workflows travel.
fn plain(name: &str) -> Result<(), FolderError> {
    let windows = name.contains('\\') || name.as_bytes().get(1) == Some(&b':');
    let path = Path::new(name);
    let ordinary = path.components().all(|it| matches!(it, Component::Normal(_) | Component::CurDir));
    if name.is_empty() || name.contains('\0') || windows || !ordinary {
        return Err(FolderError::Outside(name.to_owned()));
    }
    Ok(())
}

fn below(root: &Path, name: &str) -> Result<PathBuf, FolderError> {
    plain(name)?;
    let path = root.join(name);
    let Ok(real_root) = root.canonicalize() else { return Ok(path) };
    // Whatever part of the path exists must lie below the root, links followed.
    let existing = path.ancestors().find_map(|it| it.canonicalize().ok());
    match existing {
        Some(real) if !real.starts_with(&real_root) => Err(FolderError::Outside(name.to_owned())),
        _ => Ok(path),
    }
}

/// The names of the files that lie directly in a directory, sorted, hidden ones left out.
fn files_in(directory: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(directory) else { return Vec::new() };
    let names = entries.flatten().filter(|it| it.path().is_file()).filter_map(|it| it.file_name().into_string().ok());
    let mut names: Vec<String> = names.filter(|it| !it.starts_with('.')).collect();
    names.sort_unstable();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folders(root: &Path) -> Folders {
        let mut models = models::Folders::none();
        models.add("checkpoints", root.join("models"), false);
        models.add("checkpoints", root.join("more"), false);
        let folders = Folders { input: root.join("input"), output: root.join("output"), temp: root.join("temp"), models };
        for directory in [&folders.input, &folders.output, &folders.temp, &root.join("models/xl"), &root.join("more")] {
            std::fs::create_dir_all(directory).unwrap();
        }
        folders
    }

    #[test]
    fn names_that_lead_out_are_refused() {
        let root = tempfile::tempdir().unwrap();
        let folders = folders(root.path());
        for name in ["../secret", "/etc/passwd", "a/../../b", "..", "a\\..\\b", "C:x", "a\0b", ""] {
            assert!(matches!(folders.within(Place::Output, name), Err(FolderError::Outside(_))), "{name:?}");
            assert!(matches!(folders.model("checkpoints", name), Err(FolderError::Model(_))), "{name:?}");
        }
        assert_eq!(folders.within(Place::Output, "a/b.png").unwrap(), root.path().join("output/a/b.png"));
    }

    #[cfg(unix)]
    #[test]
    fn links_that_lead_out_of_the_output_are_refused() {
        let root = tempfile::tempdir().unwrap();
        let folders = folders(root.path());
        std::os::unix::fs::symlink(root.path(), folders.output.join("up")).unwrap();
        assert!(matches!(folders.within(Place::Output, "up/new.png"), Err(FolderError::Outside(_))));
    }

    #[test]
    fn models_and_input_files_are_offered_by_name() {
        let root = tempfile::tempdir().unwrap();
        let folders = folders(root.path());
        for file in ["models/b.safetensors", "models/xl/a.ckpt", "more/readme.md", "input/cat.png", "input/.hidden"] {
            std::fs::write(root.path().join(file), "").unwrap();
        }
        assert_eq!(folders.files("checkpoints"), ["b.safetensors", "xl/a.ckpt"]);
        assert_eq!(folders.files("input"), ["cat.png"]);
        assert_eq!(folders.model("checkpoints", "b.safetensors").unwrap(), root.path().join("models/b.safetensors"));
        let missing = folders.model("checkpoints", "c.safetensors").unwrap_err().to_string();
        assert!(missing.contains(&root.path().join("more").display().to_string()), "{missing}");
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_that_cannot_be_read_says_so_where_it_was_searched() {
        let root = tempfile::tempdir().unwrap();
        let mut folders = folders(root.path());
        std::fs::write(root.path().join("file"), "").unwrap();
        folders.models.add("checkpoints", root.path().join("file"), false);
        assert_eq!(folders.files("checkpoints"), [""; 0]);
        assert_eq!(folders.searched("checkpoints").len(), 4);
    }

    #[test]
    fn a_mark_behind_a_name_says_where_the_file_is() {
        let root = tempfile::tempdir().unwrap();
        let folders = folders(root.path());
        std::fs::write(folders.temp.join("x.png"), "").unwrap();
        assert_eq!(folders.existing(Place::Input, "x.png [temp]").unwrap(), folders.temp.join("x.png"));
        assert!(matches!(folders.existing(Place::Input, "x.png"), Err(FolderError::Missing { .. })));
    }

    #[test]
    fn what_needs_no_file_of_its_own_is_offered_behind_the_files() {
        let root = tempfile::tempdir().unwrap();
        let mut folders = folders(root.path());
        folders.models.add("vae", root.path().join("models"), false);
        folders.models.add("vae_approx", root.path().join("more"), false);
        for file in
            ["models/b.safetensors", "more/taesd_encoder.safetensors", "more/taesdxl_encoder.pth", "more/taesdxl_decoder.pth"]
        {
            std::fs::write(root.path().join(file), "").unwrap();
        }
        assert_eq!(folders.files("vae"), ["b.safetensors", "taesdxl", "pixel_space"]);
        assert!(folders.small_vae("taesd").is_none(), "its decoder is not there");
        assert_eq!(folders.files("configs").len(), CONFIGURATIONS.len());
    }
}
