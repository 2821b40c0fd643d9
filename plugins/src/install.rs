//! Installs packs, and takes them away. Nothing of a pack runs here: it is read, copied and pinned.

use crate::manifest::{self, Kind, Manifest, ManifestError, is_name};
use crate::pins::{self, Pin, PinError, Pins};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A pack that may be installed.
#[derive(Debug)]
pub struct Offered {
    /// What it says of itself; made here for packs that have none.
    pub manifest: Manifest,
    /// Its files, below the folder that it comes from.
    pub files: Vec<PathBuf>,
    /// Whether the manifest was made here.
    pub made: bool,
    source: PathBuf,
}

/// A pack in the folder, as it is known without running it.
#[derive(Debug)]
pub struct Listed {
    /// Its folder's name.
    pub name: String,
    /// What it says of itself, or why that cannot be read.
    pub manifest: Result<Manifest, String>,
    /// What the user has agreed to.
    pub agreement: Agreement,
}

/// What the user has agreed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Agreement {
    /// Exactly these files.
    Pinned,
    /// Whatever is in the folder: the user writes it.
    InTheMaking,
    /// Other files, or other rights.
    Changed,
    /// Nothing.
    None,
}

/// Why a pack cannot be installed, made or taken away.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// Its manifest is none.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// Its files cannot be had, or the agreement not be kept.
    #[error(transparent)]
    Pin(#[from] PinError),
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is no pack.
    #[error("{path}: {why}")]
    NoPack {
        /// Where it was looked for.
        path: PathBuf,
        /// What is missing.
        why: &'static str,
    },
    /// The name is none, or taken.
    #[error("`{name}`: {why}")]
    Name {
        /// The name.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A program that makes the environment failed.
    #[error("{program} failed: {why}")]
    Environment {
        /// The program.
        program: String,
        /// What it said.
        why: String,
    },
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> InstallError + '_ {
    |source| InstallError::File { path: path.to_owned(), source }
}

/// Looks at a pack: a folder with a manifest, a folder of ComfyUI's plain kind, or a Python file.
///
/// # Errors
/// [`InstallError`].
pub fn offered(source: &Path) -> Result<Offered, InstallError> {
    let source = source.canonicalize().map_err(failed(source))?;
    let no_pack = |why| InstallError::NoPack { path: source.clone(), why };
    let stem = source.file_stem().and_then(|it| it.to_str()).unwrap_or_default();
    let name: String = stem.chars().map(|it| if it.is_ascii_alphanumeric() || it == '-' { it } else { '_' }).collect();
    let plain = || {
        let text = format!("name = {name:?}\nversion = \"0\"\nkind = \"python\"\n");
        if is_name(&name) { Ok(Manifest::parse(&text)?) } else { Err(no_pack("its name is no name for a pack")) }
    };
    if source.is_file() {
        if source.extension().is_none_or(|it| it != "py") {
            return Err(no_pack("a pack is a folder, or one file that ends in .py"));
        }
        let files = vec![PathBuf::from(source.file_name().unwrap_or_default())];
        return Ok(Offered { manifest: plain()?, files, made: true, source });
    }
    let files = pins::files(&source)?;
    if files.iter().any(|it| it == Path::new(manifest::FILE)) {
        let manifest = Manifest::open(&source)?;
        return Ok(Offered { manifest, files, made: false, source });
    }
    if files.iter().any(|it| it == Path::new("__init__.py")) {
        return Ok(Offered { manifest: plain()?, files, made: true, source });
    }
    Err(no_pack("there is neither a plugin.toml nor an __init__.py"))
}

impl Offered {
    /// Copies the pack into the folder of packs and pins it. What was there under its name is replaced, but for its environment.
    ///
    /// # Errors
    /// [`InstallError`].
    pub fn install(self, packs: &Path) -> Result<PathBuf, InstallError> {
        let Self { manifest, files, made, source } = self;
        std::fs::create_dir_all(packs).map_err(failed(packs))?;
        let place = packs.join(&manifest.name);
        let mut agreed = Pins::open(packs)?;
        if place.canonicalize().is_ok_and(|it| it == source) {
            if made {
                let text = toml::to_string(&manifest).unwrap_or_default();
                std::fs::write(place.join(manifest::FILE), text).map_err(failed(&place))?;
            }
        } else {
            let staged = tempfile::Builder::new().prefix(".installing-").tempdir_in(packs).map_err(failed(packs))?;
            let single = source.is_file();
            for file in &files {
                let from = if single { source.clone() } else { source.join(file) };
                let to = staged.path().join(if single { Path::new("__init__.py") } else { file });
                let folder = to.parent().unwrap_or(&to);
                std::fs::create_dir_all(folder).map_err(failed(folder))?;
                std::fs::copy(&from, &to).map_err(failed(&from))?;
            }
            if made {
                let text = toml::to_string(&manifest).unwrap_or_default();
                std::fs::write(staged.path().join(manifest::FILE), text).map_err(failed(staged.path()))?;
            }
            // The copy is what runs: a source that changes meanwhile makes no difference.
            if Manifest::open(staged.path())? != manifest {
                return Err(InstallError::NoPack { path: source, why: "it changed while it was copied" });
            }
            let old = packs.join(format!(".removing-{}", manifest.name));
            if place.exists() {
                std::fs::rename(&place, &old).map_err(failed(&place))?;
                let environment = old.join(".venv");
                if environment.exists() {
                    std::fs::rename(&environment, staged.path().join(".venv")).map_err(failed(&environment))?;
                }
            }
            std::fs::rename(staged.keep(), &place).map_err(failed(&place))?;
            if old.exists() {
                std::fs::remove_dir_all(&old).map_err(failed(&old))?;
            }
        }
        let pin = Pin { hash: Some(pins::hash(&place)?), capabilities: manifest.capabilities };
        agreed.packs.insert(manifest.name, pin);
        agreed.save(packs)?;
        Ok(place)
    }
}

/// The packs of a folder, as they are known without running them.
///
/// # Errors
/// When the agreement cannot be read.
pub fn list(packs: &Path) -> Result<Vec<Listed>, InstallError> {
    let agreed = Pins::open(packs)?;
    let listed = crate::packs::names(packs).into_iter().map(|name| {
        let folder = packs.join(&name);
        let manifest = Manifest::open(&folder).map_err(|it| it.to_string());
        let agreement = match (agreed.packs.get(&name), &manifest) {
            (None, _) => Agreement::None,
            (Some(pin), Ok(manifest)) if pin.capabilities != manifest.capabilities => Agreement::Changed,
            (Some(Pin { hash: None, .. }), _) => Agreement::InTheMaking,
            (Some(Pin { hash: Some(hash), .. }), _) if pins::hash(&folder).is_ok_and(|it| it == *hash) => Agreement::Pinned,
            (Some(_), _) => Agreement::Changed,
        };
        Listed { name, manifest, agreement }
    });
    Ok(listed.collect())
}

/// Takes a pack away, with its environment and the agreement.
///
/// # Errors
/// When there is none of this name, or it cannot be removed.
pub fn remove(packs: &Path, name: &str) -> Result<(), InstallError> {
    let place = existing(packs, name)?;
    let mut agreed = Pins::open(packs)?;
    agreed.packs.remove(name);
    agreed.save(packs)?;
    // A link to a folder elsewhere is taken away, and what it leads to stays.
    let is_link = place.symlink_metadata().is_ok_and(|it| it.is_symlink());
    if is_link { std::fs::remove_file(&place) } else { std::fs::remove_dir_all(&place) }.map_err(failed(&place))
}

/// Makes a new Python pack in the folder of packs that runs as it is, and may be changed at will.
///
/// # Errors
/// When the name is none or taken, or it cannot be written.
pub fn create(packs: &Path, name: &str) -> Result<PathBuf, InstallError> {
    if !is_name(name) {
        let why = "use letters, digits, `-` and `_`, and begin with a letter or digit";
        return Err(InstallError::Name { name: name.to_owned(), why });
    }
    let place = packs.join(name);
    if place.exists() {
        return Err(InstallError::Name { name: name.to_owned(), why: "there is a pack of this name" });
    }
    std::fs::create_dir_all(&place).map_err(failed(&place))?;
    let class: String = name
        .split(['-', '_'])
        .flat_map(|it| {
            let mut letters = it.chars();
            letters.next().map(|it| it.to_ascii_uppercase()).into_iter().chain(letters).collect::<Vec<_>>()
        })
        .collect();
    let fill = |text: &str| text.replace("PACK_NAME", name).replace("PackClass", &format!("{class}Brightness"));
    for (file, text) in TEMPLATE {
        let path = place.join(file);
        std::fs::write(&path, fill(text)).map_err(failed(&path))?;
    }
    let mut agreed = Pins::open(packs)?;
    let capabilities = Manifest::open(&place)?.capabilities;
    agreed.packs.insert(name.to_owned(), Pin { hash: None, capabilities });
    agreed.save(packs)?;
    Ok(place)
}

const TEMPLATE: [(&str, &str); 4] = [
    (manifest::FILE, include_str!("../template/plugin.toml")),
    ("__init__.py", include_str!("../template/__init__.py")),
    ("test_nodes.py", include_str!("../template/test_nodes.py")),
    ("README.md", include_str!("../template/README.md")),
];

/// Makes a pack's own Python environment of what its `requirements.lock` (or `requirements.txt`) names. Only built packages are taken, so
/// that nothing of them runs while they are installed.
///
/// # Errors
/// When there is no such file, or a program that is needed is not there or fails.
pub fn environment(packs: &Path, name: &str) -> Result<PathBuf, InstallError> {
    let place = existing(packs, name)?;
    let manifest = Manifest::open(&place)?;
    let wanted = ["requirements.lock", "requirements.txt"].map(|it| place.join(it)).into_iter().find(|it| it.is_file());
    let (Kind::Python, Some(wanted)) = (manifest.kind, wanted) else {
        let why = "an environment is made for a Python pack with a requirements.lock or a requirements.txt";
        return Err(InstallError::NoPack { path: place, why });
    };
    let own = place.join(".venv");
    let python = own.join("bin/python");
    let run = |program: &Path, arguments: &[&std::ffi::OsStr]| {
        let said = Command::new(program).args(arguments).current_dir(&place).output();
        let failed = |why: String| InstallError::Environment { program: program.display().to_string(), why };
        let said = said.map_err(|it| failed(it.to_string()))?;
        let words = String::from_utf8_lossy(&said.stderr).trim().to_owned();
        if said.status.success() { Ok(()) } else { Err(failed(words)) }
    };
    run(Path::new("python3"), &["-m".as_ref(), "venv".as_ref(), "--clear".as_ref(), own.as_ref()])?;
    let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:", "-r"];
    let mut arguments: Vec<&std::ffi::OsStr> = install.iter().map(AsRef::as_ref).collect();
    arguments.push(wanted.as_ref());
    run(&python, &arguments)?;
    Ok(own)
}

fn existing(packs: &Path, name: &str) -> Result<PathBuf, InstallError> {
    let place = packs.join(name);
    if is_name(name) && place.is_dir() {
        return Ok(place);
    }
    Err(InstallError::Name { name: name.to_owned(), why: "there is no pack of this name" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pack_is_copied_pinned_and_taken_away() {
        let (from, packs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let source = from.path().join("my pack");
        std::fs::create_dir_all(source.join("more")).unwrap();
        // What would run if anything of it ran.
        std::fs::write(source.join("__init__.py"), "raise SystemExit('it ran')").unwrap();
        std::fs::write(source.join("more/data"), "1").unwrap();
        let offered = offered(&source).unwrap();
        assert_eq!((offered.manifest.name.as_str(), offered.made, offered.files.len()), ("my_pack", true, 2));
        let place = offered.install(packs.path()).unwrap();
        assert!(place.join("more/data").is_file() && place.join("plugin.toml").is_file());
        assert_eq!(list(packs.path()).unwrap()[0].agreement, Agreement::Pinned);
        std::fs::write(place.join("more/data"), "2").unwrap();
        assert_eq!(list(packs.path()).unwrap()[0].agreement, Agreement::Changed);
        super::offered(&place).unwrap().install(packs.path()).unwrap();
        assert_eq!(list(packs.path()).unwrap()[0].agreement, Agreement::Pinned);
        remove(packs.path(), "my_pack").unwrap();
        assert!(list(packs.path()).unwrap().is_empty() && !place.exists());
        assert!(remove(packs.path(), "../x").is_err());
    }

    #[test]
    fn what_is_no_pack_is_refused() {
        let from = tempfile::tempdir().unwrap();
        assert!(matches!(offered(from.path()), Err(InstallError::NoPack { .. })));
        std::fs::write(from.path().join("x.txt"), "").unwrap();
        assert!(matches!(offered(&from.path().join("x.txt")), Err(InstallError::NoPack { .. })));
        std::fs::write(from.path().join("plugin.toml"), "name = 1").unwrap();
        assert!(matches!(offered(from.path()), Err(InstallError::Manifest(_))));
        std::os::unix::fs::symlink("/etc", from.path().join("link")).unwrap();
        assert!(matches!(offered(from.path()), Err(InstallError::Pin(_))));
    }
}
