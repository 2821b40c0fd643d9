//! `plugin.toml`: what a pack says of itself.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::{Component, Path, PathBuf};

/// The name of the file.
pub const FILE: &str = "plugin.toml";

/// The largest manifest that is read.
const MOST_BYTES: u64 = 64 << 10;

/// What a pack says of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The pack's name, and that of its folder: letters, digits, `-` and `_`.
    pub name: String,
    /// Its version, as its author counts.
    pub version: String,
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// How it runs.
    pub kind: Kind,
    /// For a worker: the program and its arguments. A name without a slash is looked for in `PATH`, another one in the pack.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
    /// For a Python pack: the interpreter, where it is not the one of the pack's own environment or `python3`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub python: Option<String>,
    /// What it may do.
    #[serde(default)]
    pub capabilities: Capabilities,
    /// What it may use up.
    #[serde(default)]
    pub limits: Limits,
}

/// How a pack runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A program of its own that speaks the worker protocol.
    Worker,
    /// A Python package of ComfyUI's plain kind.
    Python,
}

/// What a pack may do. Nothing is granted unless it is named here, and the user sees it before the pack is installed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Capabilities {
    /// Whether it may use the network.
    pub network: bool,
    /// Directories and files that it may read, beside its own folder.
    pub read: Vec<PathBuf>,
    /// Directories that it may write to.
    pub write: Vec<PathBuf>,
    /// Names of variables of the environment that it may see.
    pub environment: Vec<String>,
}

/// What a pack may use up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Address space in MB; 0 for no limit, which CUDA needs.
    pub memory_mb: u64,
    /// Tensors that it has handed over at one time, in MB.
    pub shared_mb: u64,
    /// Seconds until it has said what its classes are.
    pub start_seconds: u64,
    /// Seconds without a sign of life while it works.
    pub silence_seconds: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { memory_mb: 16 << 10, shared_mb: 4 << 10, start_seconds: 60, silence_seconds: 60 }
    }
}

/// Why a manifest is none.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// It cannot be read.
    #[error("{path}: cannot be read: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is no TOML, or says something that is not known.
    #[error("{0}")]
    Malformed(String),
    /// It contradicts itself.
    #[error("`{key}`: {why}")]
    Wrong {
        /// Which line.
        key: &'static str,
        /// What is wrong with it.
        why: String,
    },
}

impl Manifest {
    /// Reads the manifest of a pack's folder.
    ///
    /// # Errors
    /// [`ManifestError`].
    pub fn open(folder: &Path) -> Result<Self, ManifestError> {
        let path = folder.join(FILE);
        let failed = |source| ManifestError::Read { path: path.clone(), source };
        let about = std::fs::metadata(&path).map_err(failed)?;
        if !about.is_file() || about.len() > MOST_BYTES {
            return Err(ManifestError::Malformed(format!("{FILE} is no file of at most {} KB", MOST_BYTES >> 10)));
        }
        Self::parse(&std::fs::read_to_string(&path).map_err(failed)?)
    }

    /// Reads a manifest.
    ///
    /// # Errors
    /// [`ManifestError`].
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        if text.len() as u64 > MOST_BYTES {
            return Err(ManifestError::Malformed(format!("{FILE} is larger than {} KB", MOST_BYTES >> 10)));
        }
        let manifest: Self = toml::from_str(text).map_err(|it| ManifestError::Malformed(it.to_string()))?;
        manifest.check()?;
        Ok(manifest)
    }

    fn check(&self) -> Result<(), ManifestError> {
        let wrong = |key, why: &str| Err(ManifestError::Wrong { key, why: why.to_owned() });
        if !is_name(&self.name) {
            return wrong("name", "use 1 to 64 letters, digits, `-` and `_`, and begin with a letter or digit");
        }
        if self.version.is_empty() || self.version.len() > 64 || self.version.chars().any(char::is_control) {
            return wrong("version", "use 1 to 64 characters");
        }
        match self.kind {
            Kind::Worker if self.command.is_empty() => return wrong("command", "a worker needs the program that is started"),
            Kind::Python if !self.command.is_empty() => {
                return wrong("command", "a Python pack has none: its interpreter is `python`");
            }
            Kind::Worker if self.python.is_some() => return wrong("python", "a worker says what is started in `command`"),
            Kind::Worker | Kind::Python => {}
        }
        let program = self.command.first().or(self.python.as_ref());
        if let Some(program) = program {
            let inside = |it: &Component<'_>| matches!(it, Component::Normal(_) | Component::CurDir);
            if program.is_empty() || !Path::new(program).components().all(|it| inside(&it)) {
                return wrong("command", "name a program in PATH or a file of the pack, as in `bin/worker`");
            }
        }
        if self.command.iter().chain(&self.python).chain(&self.capabilities.environment).any(|it| it.contains('\0')) {
            return wrong("command", "there is no character 0 in it");
        }
        for path in self.capabilities.read.iter().chain(&self.capabilities.write) {
            let upward = path.components().any(|it| it == Component::ParentDir);
            if !path.is_absolute() || upward || path.parent().is_none() {
                return wrong("capabilities", "name whole paths that begin with / and are not / itself");
            }
        }
        Ok(())
    }
}

/// Whether a pack may be called so: a name is a folder's, too.
pub fn is_name(name: &str) -> bool {
    let letter = |it: char| it.is_ascii_alphanumeric() || matches!(it, '-' | '_');
    (1..=64).contains(&name.len()) && name.chars().all(letter) && name.starts_with(|it: char| it.is_ascii_alphanumeric())
}

/// What the pack may do, a line each.
impl fmt::Display for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::default() {
            return f.write_str("nothing beyond its own folder");
        }
        let mut lines = Vec::new();
        if self.network {
            lines.push("use the network".to_owned());
        }
        lines.extend(self.read.iter().map(|it| format!("read {}", it.display())));
        lines.extend(self.write.iter().map(|it| format!("write {}", it.display())));
        lines.extend(self.environment.iter().map(|it| format!("see the variable {it}")));
        f.write_str(&lines.join("\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SMALL: &str = "name = \"small\"\nversion = \"1.0\"\nkind = \"python\"\n";

    #[test]
    fn a_small_manifest_grants_nothing() {
        let manifest = Manifest::parse(SMALL).unwrap();
        assert_eq!((manifest.kind, manifest.capabilities.to_string().as_str()), (Kind::Python, "nothing beyond its own folder"));
        let written = toml::to_string(&manifest).unwrap();
        assert_eq!(Manifest::parse(&written).unwrap(), manifest);
    }

    #[test]
    fn capabilities_are_said_in_words() {
        let manifest = Manifest::parse(&format!("{SMALL}[capabilities]\nnetwork = true\nread = [\"/srv/data\"]\n")).unwrap();
        assert_eq!(manifest.capabilities.to_string(), "use the network\nread /srv/data");
    }

    #[test]
    fn what_is_wrong_is_named() {
        let wrong = |text: &str| Manifest::parse(text).unwrap_err().to_string();
        assert!(wrong(&SMALL.replace("small", "../up")).starts_with("`name`"));
        assert!(wrong(&SMALL.replace("python", "worker")).starts_with("`command`: a worker needs"));
        assert!(wrong(&format!("{SMALL}netwirk = true\n")).contains("netwirk"));
        assert!(wrong(&format!("{SMALL}python = \"../../bin/sh\"\n")).starts_with("`command`"));
        for path in ["relative", "/", "/a/../etc"] {
            assert!(wrong(&format!("{SMALL}[capabilities]\nread = [\"{path}\"]\n")).starts_with("`capabilities`"), "{path}");
        }
        assert!(wrong(&"x".repeat(100_000)).contains("larger"));
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: std::env::var("BURNISH_FUZZ").ok().and_then(|it| it.parse().ok()).unwrap_or(256),
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        #[test]
        fn no_text_breaks_the_parser(text in "\\PC{0,200}") {
            let _ = Manifest::parse(&text);
        }

        #[test]
        fn no_damage_breaks_the_parser(place in 0..SMALL.len(), piece in "[\\[\\]\"'=.{}\n#0-9a-z\\\\]{0,5}") {
            let _ = Manifest::parse(&format!("{}{piece}{}", &SMALL[..place], &SMALL[place..]));
        }
    }
}
