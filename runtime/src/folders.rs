//! Where files are, and the one way to them: names from outside never leave the directories that they are meant for.

use crate::event::Place;
use indexmap::IndexMap;
use std::io;
use std::path::{Component, Path, PathBuf};

/// The directories of one installation.
#[derive(Clone, Debug, Default)]
pub struct Folders {
    /// What the user brings.
    pub input: PathBuf,
    /// What the user keeps.
    pub output: PathBuf,
    /// What may be gone after a restart.
    pub temp: PathBuf,
    /// The directories of each model folder (`checkpoints`, `loras`...), searched in this order.
    pub models: IndexMap<String, Vec<PathBuf>>,
}

/// Why there is no such file.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The name leads out of its directory.
    #[error("`{0}` leads out of its directory: use a relative name without `..`")]
    Outside(String),
    /// No directory of the folder holds it.
    #[error("there is no `{name}` in {folder} (searched {})", .searched.join(", "))]
    Missing {
        /// The folder.
        folder: String,
        /// The name.
        name: String,
        /// Its directories.
        searched: Vec<String>,
    },
    /// Nobody said where the folder is.
    #[error("no directory is configured for the model folder `{0}`")]
    Unknown(String),
    /// The file system says no.
    #[error("{path}: {source}")]
    Io {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Files that are never a model.
const IGNORED: &[&str] = &["txt", "md", "json", "yaml", "yml", "png", "jpg", "jpeg", "webp", "py", "html", "part", "tmp"];

/// How deep directories are followed.
const DEPTH: usize = 12;

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
        let searched = vec![self.place(place).display().to_string()];
        Err(FolderError::Missing { folder: place.as_str().to_owned(), name: name.to_owned(), searched })
    }

    /// The file (or model directory) that a name means in a model folder.
    ///
    /// # Errors
    /// [`FolderError::Outside`], [`FolderError::Unknown`], [`FolderError::Missing`].
    pub fn model(&self, folder: &str, name: &str) -> Result<PathBuf, FolderError> {
        let directories = self.models.get(folder).ok_or_else(|| FolderError::Unknown(folder.to_owned()))?;
        plain(name)?;
        // A link inside a model folder may lead anywhere: people keep models on other disks, and the link is their own.
        directories.iter().map(|it| it.join(name)).find(|it| it.exists()).ok_or_else(|| FolderError::Missing {
            folder: folder.to_owned(),
            name: name.to_owned(),
            searched: self.searched(folder),
        })
    }

    /// The names that a model folder offers, or the files of `input`: relative, parts separated by `/`, sorted.
    ///
    /// `diffusers` offers directories that hold a `model_index.json`.
    pub fn files(&self, folder: &str) -> Vec<String> {
        let directories = match folder {
            "input" => std::slice::from_ref(&self.input),
            _ => self.models.get(folder).map_or(&[] as &[_], Vec::as_slice),
        };
        let mut found = Vec::new();
        for directory in directories {
            collect(directory, "", folder, DEPTH, &mut found);
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// The directories that are searched for a folder's files.
    pub fn searched(&self, folder: &str) -> Vec<String> {
        let directories = match folder {
            "input" => std::slice::from_ref(&self.input),
            _ => self.models.get(folder).map_or(&[] as &[_], Vec::as_slice),
        };
        directories.iter().map(|it| it.display().to_string()).collect()
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

fn collect(directory: &Path, prefix: &str, folder: &str, depth: usize, found: &mut Vec<String>) {
    let Ok(entries) = std::fs::read_dir(directory) else { return };
    for entry in entries.flatten() {
        let Ok(name) = entry.file_name().into_string() else { continue };
        if name.starts_with('.') {
            continue;
        }
        let (path, relative) = (entry.path(), format!("{prefix}{name}"));
        let Ok(about) = std::fs::metadata(&path) else { continue };
        if about.is_dir() {
            if folder == "diffusers" && path.join("model_index.json").is_file() {
                found.push(relative);
            } else if depth > 0 && folder != "input" {
                collect(&path, &format!("{relative}/"), folder, depth - 1, found);
            }
        } else if folder == "input" || (folder != "diffusers" && is_model(&path)) {
            found.push(relative);
        }
    }
}

fn is_model(path: &Path) -> bool {
    let ending = path.extension().and_then(|it| it.to_str()).unwrap_or_default().to_ascii_lowercase();
    !IGNORED.contains(&ending.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folders(root: &Path) -> Folders {
        let folders = Folders {
            input: root.join("input"),
            output: root.join("output"),
            temp: root.join("temp"),
            models: [("checkpoints".to_owned(), vec![root.join("models"), root.join("more")])].into_iter().collect(),
        };
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
            assert!(matches!(folders.model("checkpoints", name), Err(FolderError::Outside(_))), "{name:?}");
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
    fn models_are_listed_from_every_directory_of_their_folder() {
        let root = tempfile::tempdir().unwrap();
        let folders = folders(root.path());
        for file in ["models/b.safetensors", "models/xl/a.ckpt", "more/c.gguf", "more/readme.md", "more/.hidden"] {
            std::fs::write(root.path().join(file), "").unwrap();
        }
        assert_eq!(folders.files("checkpoints"), ["b.safetensors", "c.gguf", "xl/a.ckpt"]);
        assert_eq!(folders.model("checkpoints", "c.gguf").unwrap(), root.path().join("more/c.gguf"));
        assert!(matches!(folders.model("checkpoints", "d"), Err(FolderError::Missing { .. })));
        assert!(matches!(folders.model("loras", "d"), Err(FolderError::Unknown(_))));
    }

    #[test]
    fn a_mark_behind_a_name_says_where_the_file_is() {
        let root = tempfile::tempdir().unwrap();
        let folders = folders(root.path());
        std::fs::write(folders.temp.join("x.png"), "").unwrap();
        assert_eq!(folders.existing(Place::Input, "x.png [temp]").unwrap(), folders.temp.join("x.png"));
        assert!(matches!(folders.existing(Place::Input, "x.png"), Err(FolderError::Missing { .. })));
    }
}
