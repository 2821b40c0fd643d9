//! What the user has agreed to: which packs, in which state, with which rights.

use crate::manifest::{self, Capabilities};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// The name of the file in the folder of packs.
pub const FILE: &str = "plugins.lock";

/// Packs that the user has agreed to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pins {
    /// By name.
    #[serde(default)]
    pub packs: BTreeMap<String, Pin>,
}

/// What the user has agreed to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pin {
    /// The hash of the pack's files; none while the pack is being written by the user, so that every state of it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<String>,
    /// What it may do.
    #[serde(default)]
    pub capabilities: Capabilities,
}

/// Why the agreement cannot be had, or not be kept.
#[derive(Debug, thiserror::Error)]
pub enum PinError {
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is not what this program wrote.
    #[error("{path}: {why}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The pack's folder is not one that can be pinned.
    #[error("{path}: {why}")]
    Refused {
        /// What is in the way.
        path: PathBuf,
        /// Why.
        why: &'static str,
    },
}

/// Entries of a pack that do not belong to it: made here, by what is pinned with it or by running it.
pub(crate) const MADE_HERE: [&str; 4] = [".venv", "__pycache__", ".git", "target"];

/// The most files of a pack.
const MOST_FILES: usize = 20_000;

/// The most bytes of a pack.
const MOST_BYTES: u64 = 2 << 30;

impl Pins {
    /// Reads those of a folder of packs; there are none without the file.
    ///
    /// # Errors
    /// [`PinError`].
    pub fn open(folder: &Path) -> Result<Self, PinError> {
        let path = folder.join(FILE);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(source) => return Err(PinError::File { path, source }),
        };
        let pins: Self = toml::from_str(&text).map_err(|it| PinError::Malformed { path: path.clone(), why: it.to_string() })?;
        match pins.packs.keys().find(|it| !manifest::is_name(it)) {
            Some(name) => Err(PinError::Malformed { path, why: format!("{name:?} is no name of a pack") }),
            None => Ok(pins),
        }
    }

    /// Writes them: at once and whole, or not at all.
    ///
    /// # Errors
    /// [`PinError`].
    pub fn save(&self, folder: &Path) -> Result<(), PinError> {
        let path = folder.join(FILE);
        let text = toml::to_string(self).map_err(|it| PinError::Malformed { path: path.clone(), why: it.to_string() })?;
        let write = || {
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            io::Write::write_all(&mut file, text.as_bytes())?;
            file.persist(&path).map_err(|it| it.error).map(drop)
        };
        write().map_err(|source| PinError::File { path: path.clone(), source })
    }
}

/// The files of a pack, as paths below its folder, sorted. What was made here is left out.
///
/// # Errors
/// [`PinError::Refused`] for links that lead out, for what is neither file nor folder, and for more than a pack may have.
pub fn files(folder: &Path) -> Result<Vec<PathBuf>, PinError> {
    let failed = |path: &Path, source| PinError::File { path: path.to_owned(), source };
    let refused = |path: &Path, why| Err(PinError::Refused { path: path.to_owned(), why });
    let (mut found, mut bytes, mut entries) = (Vec::new(), 0, 0);
    let mut open = vec![(folder.to_owned(), 0)];
    while let Some((directory, depth)) = open.pop() {
        for entry in std::fs::read_dir(&directory).map_err(|it| failed(&directory, it))? {
            let entry = entry.map_err(|it| failed(&directory, it))?;
            let path = entry.path();
            if entry.file_name().to_str().is_some_and(|it| MADE_HERE.contains(&it)) {
                continue;
            }
            entries += 1;
            let about = std::fs::symlink_metadata(&path).map_err(|it| failed(&path, it))?;
            if about.is_symlink() {
                return refused(&path, "a pack has no links: they may lead anywhere");
            }
            bytes += about.len();
            if depth > 32 || entries > MOST_FILES || bytes > MOST_BYTES {
                return refused(&path, "a pack has at most 20000 files and 2 GB, 32 folders deep");
            }
            match path.strip_prefix(folder) {
                _ if about.is_dir() => open.push((path, depth + 1)),
                Ok(below) if about.is_file() => found.push(below.to_owned()),
                _ => return refused(&path, "a pack has files and folders only"),
            }
        }
    }
    found.sort();
    Ok(found)
}

/// The hash of a pack's files and their names.
///
/// # Errors
/// [`PinError`].
pub fn hash(folder: &Path) -> Result<String, PinError> {
    let mut all = blake3::Hasher::new();
    for file in files(folder)? {
        let path = folder.join(&file);
        let mut one = blake3::Hasher::new();
        std::fs::File::open(&path)
            .and_then(|it| one.update_reader(it).map(drop))
            .map_err(|source| PinError::File { path: path.clone(), source })?;
        let name = file.to_string_lossy();
        all.update(&(name.len() as u64).to_le_bytes()).update(name.as_bytes()).update(one.finalize().as_bytes());
    }
    Ok(all.finalize().to_hex().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_change_of_a_pack_changes_its_hash_and_what_was_made_here_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("a.py", "one");
        let first = hash(folder.path()).unwrap();
        std::fs::create_dir(folder.path().join("__pycache__")).unwrap();
        write("__pycache__/a.pyc", "x");
        assert_eq!(hash(folder.path()).unwrap(), first);
        write("b.py", "");
        let second = hash(folder.path()).unwrap();
        std::fs::rename(folder.path().join("b.py"), folder.path().join("c.py")).unwrap();
        let third = hash(folder.path()).unwrap();
        assert!(first != second && second != third);
        std::os::unix::fs::symlink("/etc", folder.path().join("link")).unwrap();
        assert!(matches!(hash(folder.path()), Err(PinError::Refused { .. })));
    }

    #[test]
    fn pins_survive_their_file() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Pins::open(folder.path()).unwrap(), Pins::default());
        let mut pins = Pins::default();
        let capabilities = Capabilities { network: true, ..Capabilities::default() };
        pins.packs.insert("a-pack".to_owned(), Pin { hash: Some("00".to_owned()), capabilities });
        pins.save(folder.path()).unwrap();
        assert_eq!(Pins::open(folder.path()).unwrap(), pins);
        std::fs::write(folder.path().join(FILE), "packs = 3").unwrap();
        assert!(matches!(Pins::open(folder.path()), Err(PinError::Malformed { .. })));
    }
}
