//! Where model files are: folders by kind, under ComfyUI's names.

use crate::LoadError;
use crate::weights::{nearest, shown};
use parking_lot::Mutex;
use serde_norway::Value;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// Which files a kind of folder lists.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Files {
    /// Files with these endings.
    Endings(&'static [&'static str]),
    /// All files.
    Any,
    /// Folders that hold a `model_index.json`.
    Diffusers,
    /// GGUF files, and folders that hold a `tokenizer.json`.
    Language,
}

const MODELS: Files = Files::Endings(&[".ckpt", ".pt", ".pt2", ".bin", ".pth", ".safetensors", ".pkl", ".sft", ".gguf"]);

/// ComfyUI's kinds of folders and our own one, `language_models`: their names, their directories below `models`, what they list.
const KINDS: &[(&str, &[&str], Files)] = &[
    ("audio_encoders", &["audio_encoders"], MODELS),
    ("checkpoints", &["checkpoints"], MODELS),
    ("classifiers", &["classifiers"], Files::Endings(&[""])),
    ("clip_vision", &["clip_vision"], MODELS),
    ("configs", &["configs"], Files::Endings(&[".yaml"])),
    ("controlnet", &["controlnet", "t2i_adapter"], MODELS),
    ("diffusers", &["diffusers"], Files::Diffusers),
    ("diffusion_models", &["unet", "diffusion_models"], MODELS),
    ("embeddings", &["embeddings"], MODELS),
    ("gligen", &["gligen"], MODELS),
    ("hypernetworks", &["hypernetworks"], MODELS),
    ("language_models", &["language_models", "LLM"], Files::Language),
    ("latent_upscale_models", &["latent_upscale_models"], MODELS),
    ("loras", &["loras"], MODELS),
    ("model_patches", &["model_patches"], MODELS),
    ("photomaker", &["photomaker"], MODELS),
    ("style_models", &["style_models"], MODELS),
    ("text_encoders", &["text_encoders", "clip"], MODELS),
    ("upscale_models", &["upscale_models"], MODELS),
    ("vae", &["vae"], MODELS),
    ("vae_approx", &["vae_approx"], MODELS),
];

/// Old names of kinds.
const ALIASES: &[(&str, &str)] = &[("unet", "diffusion_models"), ("clip", "text_encoders")];

/// A folder this deep below its kind's is not looked into.
const DEEPEST: usize = 32;
/// More files than anybody has; links that multiply folders end here.
const MOST_FILES: usize = 200_000;
/// A directory changed so recently may change again without its time telling.
const SETTLED: Duration = Duration::from_secs(2);

/// Model folders by kind. Cloning costs nothing.
#[derive(Clone, Debug)]
pub struct Folders {
    kinds: BTreeMap<String, Kind>,
    /// What was listed, as long as its directories do not change; by kind.
    listed: Arc<Mutex<BTreeMap<String, Listing>>>,
}

#[derive(Clone, Debug)]
struct Kind {
    directories: Vec<PathBuf>,
    files: Files,
}

#[derive(Clone, Debug)]
struct Listing {
    names: Arc<[String]>,
    /// Where they were looked for. Folders with other directories do not share listings.
    roots: Vec<PathBuf>,
    /// Every directory that was read, and when it had changed last; none while it did not exist.
    directories: Vec<(PathBuf, Option<SystemTime>)>,
}

impl Folders {
    /// The folders below a `models` directory, which need not exist.
    pub fn new(models: &Path) -> Self {
        let kinds = KINDS.iter().map(|(name, directories, files)| {
            let directories = directories.iter().map(|it| models.join(it)).collect();
            ((*name).to_owned(), Kind { directories, files: *files })
        });
        Self { kinds: kinds.collect(), listed: Arc::default() }
    }

    /// ComfyUI's kinds without any directory.
    pub fn none() -> Self {
        let mut none = Self::new(Path::new(""));
        none.kinds.values_mut().for_each(|it| it.directories.clear());
        none
    }

    /// Adds a directory to a kind: behind the others, or before them. A kind that is new lists all files.
    pub fn add(&mut self, kind: &str, directory: PathBuf, before: bool) {
        let kind = self.kinds.entry(canonical(kind).to_owned()).or_insert(Kind { directories: Vec::new(), files: Files::Any });
        match kind.directories.iter().position(|it| *it == directory) {
            Some(_) if !before => return,
            Some(at) => drop(kind.directories.remove(at)),
            None => {}
        }
        let at = if before { 0 } else { kind.directories.len() };
        kind.directories.insert(at, directory);
    }

    /// Adds the directories of an `extra_model_paths.yaml`. `path` is the file, to whose folder relative paths belong.
    ///
    /// Every section may have a `base_path` for its paths (`~` and environment variables are replaced) and `is_default: true`, which
    /// puts its directories before the others. Its other keys are kinds, each with one path or several, line by line or as a list.
    ///
    /// # Errors
    /// [`LoadError::Malformed`] says what is wrong where; then nothing was added.
    pub fn add_extra_paths(&mut self, yaml: &str, path: &Path) -> Result<(), LoadError> {
        let environment = |name: &str| std::env::var(name).ok();
        let added = extra_paths(yaml, path.parent().unwrap_or(Path::new("")), &environment)
            .map_err(|reason| LoadError::Malformed { path: path.to_owned(), reason })?;
        for (kind, directory, before) in added {
            self.add(&kind, directory, before);
        }
        Ok(())
    }

    /// The kinds, sorted.
    pub fn kinds(&self) -> impl Iterator<Item = &str> {
        self.kinds.keys().map(String::as_str)
    }

    /// The directories of a kind, in the order in which they are searched.
    ///
    /// # Errors
    /// When there is no such kind.
    pub fn directories(&self, kind: &str) -> Result<&[PathBuf], LoadError> {
        Ok(&self.kind(kind)?.directories)
    }

    /// The models of a kind: names relative to its directories, with `/`, sorted, each once.
    ///
    /// # Errors
    /// When there is no such kind, or a directory cannot be read or holds more than anybody has.
    pub fn list(&self, kind: &str) -> Result<Arc<[String]>, LoadError> {
        let (name, kind) = (canonical(kind), self.kind(kind)?);
        let fresh = |it: &&Listing| it.roots == kind.directories && it.directories.iter().all(|(at, time)| *time == changed(at));
        if let Some(listing) = self.listed.lock().get(name).filter(fresh) {
            return Ok(listing.names.clone());
        }
        let mut walk = Walk { files: kind.files, names: Vec::new(), directories: Vec::new() };
        for directory in &kind.directories {
            walk.directory(directory, "", &mut Vec::new())?;
        }
        walk.names.sort_unstable();
        walk.names.dedup();
        let names: Arc<[String]> = walk.names.into();
        let now = SystemTime::now();
        let settled = |time: &SystemTime| now.duration_since(*time).is_ok_and(|it| it > SETTLED);
        if walk.directories.iter().filter_map(|it| it.1.as_ref()).all(settled) {
            let (roots, directories) = (kind.directories.clone(), walk.directories);
            self.listed.lock().insert(name.to_owned(), Listing { names: names.clone(), roots, directories });
        }
        Ok(names)
    }

    /// The file (or, for `diffusers` and `language_models`, the folder) of a name as [`Folders::list`] gives it. `\` is taken for `/` as well.
    ///
    /// # Errors
    /// [`LoadError::NotFound`] says where it was searched and which names are like it; a name that leads out of the folder is
    /// refused.
    pub fn find(&self, kind: &str, name: &str) -> Result<PathBuf, LoadError> {
        let found = self.kind(kind)?;
        let refused = |reason: String| LoadError::NotFound { reason, nearest: Vec::new() };
        let spellings = [name.to_owned(), name.replace('\\', "/")];
        for spelling in &spellings {
            if !is_inside(spelling) {
                return Err(refused(format!("`{}` is not the name of a file in a {} folder", shown(name), canonical(kind))));
            }
            for directory in &found.directories {
                let path = directory.join(spelling);
                if found.files.is_folder(&path) || (path.is_file() && found.files.lists(spelling)) {
                    return Ok(path);
                }
            }
        }
        let known = self.list(kind)?;
        let searched: Vec<String> = found.directories.iter().map(|it| it.display().to_string()).collect();
        let places = if searched.is_empty() {
            "there are no folders for it".to_owned()
        } else {
            format!("searched {}", searched.join(", "))
        };
        let reason = format!("no `{}` among the {}: {places}", shown(name), canonical(kind));
        Err(LoadError::NotFound { reason, nearest: nearest(name, known.iter().map(String::as_str)) })
    }

    fn kind(&self, name: &str) -> Result<&Kind, LoadError> {
        self.kinds.get(canonical(name)).ok_or_else(|| LoadError::NotFound {
            reason: format!("`{}` is no kind of model folder", shown(name)),
            nearest: nearest(name, self.kinds()),
        })
    }
}

impl Files {
    /// Whether a file of this name is listed.
    fn lists(self, name: &str) -> bool {
        let endings: &[&str] = match self {
            Self::Endings(endings) => endings,
            Self::Language => &[".gguf"],
            Self::Any => return true,
            Self::Diffusers => return false,
        };
        let file = name.rsplit('/').next().unwrap_or_default();
        // A name that begins with its only dot has no ending.
        let ending = file.rfind('.').filter(|at| *at > 0).map_or("", |at| &file[at..]);
        endings.iter().any(|it| it.eq_ignore_ascii_case(ending))
    }

    /// Whether this is a folder that is listed as one model.
    fn is_folder(self, path: &Path) -> bool {
        match self {
            Self::Diffusers => path.join("model_index.json").is_file(),
            Self::Language => path.join("tokenizer.json").is_file(),
            Self::Endings(_) | Self::Any => false,
        }
    }
}

fn canonical(kind: &str) -> &str {
    ALIASES.iter().find(|it| it.0 == kind).map_or(kind, |it| it.1)
}

/// Whether a name can only lead to something inside the folder that it is joined to.
fn is_inside(name: &str) -> bool {
    let plain = |it: Component<'_>| matches!(it, Component::Normal(part) if !part.to_string_lossy().contains([':', '\0']));
    !name.is_empty() && Path::new(name).components().all(plain)
}

fn changed(directory: &Path) -> Option<SystemTime> {
    fs::metadata(directory).and_then(|it| it.modified()).ok()
}

/// Looks through directories.
struct Walk {
    files: Files,
    names: Vec<String>,
    directories: Vec<(PathBuf, Option<SystemTime>)>,
}

impl Walk {
    /// `above` are the directories that this one lies in, as the system knows them: a link to one of them is a loop.
    fn directory(&mut self, directory: &Path, prefix: &str, above: &mut Vec<PathBuf>) -> Result<(), LoadError> {
        let failed = |source| LoadError::Read { path: directory.to_owned(), source };
        self.directories.push((directory.to_owned(), changed(directory)));
        let place = match directory.canonicalize() {
            Err(it) if it.kind() == io::ErrorKind::NotFound => return Ok(()),
            place => place.map_err(failed)?,
        };
        if above.len() == DEEPEST || above.contains(&place) {
            return Ok(());
        }
        above.push(place);
        let entries = match fs::read_dir(directory) {
            // A single folder without permission does not hide the others.
            Err(it) if it.kind() == io::ErrorKind::PermissionDenied && !prefix.is_empty() => {
                above.pop();
                return Ok(());
            }
            // A file stands where a folder is looked for: the configuration is wrong.
            entries => entries.map_err(failed)?,
        };
        for entry in entries {
            let entry = entry.map_err(failed)?;
            // A name that is not text cannot be asked for.
            let Ok(name) = entry.file_name().into_string() else { continue };
            let path = entry.path();
            // Follows links; one that leads nowhere is no model.
            let Ok(meta) = fs::metadata(&path) else { continue };
            let relative = format!("{prefix}{name}");
            if meta.is_dir() && name != ".git" {
                if self.files.is_folder(&path) {
                    self.names.push(relative);
                } else {
                    self.directory(&path, &format!("{relative}/"), above)?;
                }
            } else if meta.is_file() && self.files.lists(&name) {
                self.names.push(relative);
            }
            if self.names.len().max(self.directories.len()) > MOST_FILES {
                let reason = format!("holds more than {MOST_FILES} files or folders, counting those behind links");
                return Err(LoadError::Malformed { path: directory.to_owned(), reason });
            }
        }
        above.pop();
        Ok(())
    }
}

/// The directories of an `extra_model_paths.yaml` in `folder`: their kinds, and whether they go before the others.
fn extra_paths(
    yaml: &str,
    folder: &Path,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Vec<(String, PathBuf, bool)>, String> {
    let whole: Value = serde_norway::from_str(yaml).map_err(|it| format!("is not YAML: {}", shown(&it.to_string())))?;
    let sections = match &whole {
        Value::Null => return Ok(Vec::new()),
        Value::Mapping(sections) => sections,
        _ => return Err("is not a list of sections, each with folders".to_owned()),
    };
    let mut added = Vec::new();
    for (section, content) in sections {
        let section = section.as_str().ok_or("has a section whose name is not text")?;
        let wrong = |what: String| format!("section `{}`: {what}", shown(section));
        let content = match content {
            Value::Null => continue,
            Value::Mapping(content) => content,
            _ => return Err(wrong("is not a list of folders".to_owned())),
        };
        let base = match content.get("base_path") {
            None | Some(Value::Null) => folder.to_owned(),
            Some(Value::String(base)) => folder.join(expanded(base, environment)),
            Some(_) => return Err(wrong("base_path is not a path".to_owned())),
        };
        let before = match content.get("is_default") {
            None | Some(Value::Null) => false,
            Some(Value::Bool(before)) => *before,
            Some(_) => return Err(wrong("is_default is neither true nor false".to_owned())),
        };
        for (kind, paths) in content {
            let kind = kind.as_str().ok_or_else(|| wrong("has a folder whose kind is not text".to_owned()))?;
            if kind == "base_path" || kind == "is_default" {
                continue;
            }
            let paths: Vec<&str> = match paths {
                Value::Null => continue,
                Value::String(lines) => lines.lines().collect(),
                Value::Sequence(list) => list
                    .iter()
                    .map(|it| it.as_str().ok_or_else(|| wrong(format!("`{}` has a path that is not text", shown(kind)))))
                    .collect::<Result<_, _>>()?,
                _ => return Err(wrong(format!("`{}` is not a path or a list of paths", shown(kind)))),
            };
            for path in paths.into_iter().map(str::trim).filter(|it| !it.is_empty()) {
                added.push((kind.to_owned(), normal(&base.join(path)), before));
            }
        }
    }
    Ok(added)
}

/// A path with `~` and `$NAME` or `${NAME}` replaced; what is not set stays as it is.
fn expanded(path: &str, environment: &dyn Fn(&str) -> Option<String>) -> String {
    let mut expanded = String::new();
    let mut rest = path;
    if let (Some(after), Some(home)) = (path.strip_prefix('~'), environment("HOME").or_else(|| environment("USERPROFILE")))
        && (after.is_empty() || after.starts_with(['/', '\\']))
    {
        expanded.push_str(&home);
        rest = after;
    }
    while let Some((before, after)) = rest.split_once('$') {
        expanded.push_str(before);
        let (name, whole) = match after.strip_prefix('{').and_then(|it| it.split_once('}')) {
            Some((name, _)) => (name, name.len() + 2),
            None => {
                let end = after.find(|it: char| !it.is_ascii_alphanumeric() && it != '_').unwrap_or(after.len());
                (&after[..end], end)
            }
        };
        match environment(name).filter(|_| !name.is_empty()) {
            Some(value) => expanded.push_str(&value),
            None => {
                expanded.push('$');
                expanded.push_str(&after[..whole]);
            }
        }
        rest = &after[whole..];
    }
    expanded + rest
}

/// A path without `.` and `..`, by its text alone.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if matches!(normal.components().next_back(), Some(Component::Normal(_))) => {
                normal.pop();
            }
            Component::ParentDir if normal.has_root() => {}
            part => normal.push(part),
        }
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes empty files below a `models` directory.
    fn models(files: &[&str]) -> (tempfile::TempDir, Folders) {
        let root = tempfile::tempdir().expect("a directory");
        for file in files {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().expect("below the root")).expect("made");
            fs::write(path, "").expect("written");
        }
        let folders = Folders::new(root.path());
        (root, folders)
    }

    fn list(folders: &Folders, kind: &str) -> Vec<String> {
        folders.list(kind).expect("listed").to_vec()
    }

    #[test]
    fn models_are_listed_by_kind_with_their_sub_folders_and_nothing_else() {
        let files = ["checkpoints/b.safetensors", "checkpoints/a/x.CKPT", "checkpoints/readme.txt", "checkpoints/.git/c.pt"];
        let (_root, folders) = models(&[&files[..], &["unet/u.sft", "diffusion_models/d.sft", "classifiers/plain"]].concat());
        assert_eq!(list(&folders, "checkpoints"), ["a/x.CKPT", "b.safetensors"]);
        assert_eq!(list(&folders, "unet"), ["d.sft", "u.sft"], "the old name, both directories");
        assert_eq!(list(&folders, "classifiers"), ["plain"]);
        assert_eq!(list(&folders, "loras"), [""; 0]);
    }

    #[test]
    fn a_diffusers_model_is_its_folder() {
        let (root, folders) = models(&["diffusers/tiny/model_index.json", "diffusers/tiny/unet/x.safetensors", "diffusers/no/x"]);
        assert_eq!(list(&folders, "diffusers"), ["tiny"]);
        assert_eq!(folders.find("diffusers", "tiny").expect("found"), root.path().join("diffusers/tiny"));
        assert!(folders.find("diffusers", "no").is_err());
    }

    #[test]
    fn a_new_file_shows_up_and_a_settled_listing_is_kept() {
        let (root, folders) = models(&["vae/a.pt"]);
        assert_eq!(list(&folders, "vae"), ["a.pt"]);
        assert!(folders.listed.lock().is_empty(), "a directory that has just changed is read again");
        let old = SystemTime::now() - Duration::from_secs(60);
        let directory = fs::File::open(root.path().join("vae")).expect("opened");
        directory.set_modified(old).expect("set");
        let first = folders.list("vae").expect("listed");
        assert!(Arc::ptr_eq(&first, &folders.list("vae").expect("listed")));
        fs::write(root.path().join("vae/b.pt"), "").expect("written");
        assert_eq!(list(&folders, "vae"), ["a.pt", "b.pt"]);
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_but_not_in_circles() {
        let (root, folders) = models(&["loras/a.pt", "elsewhere/b.pt"]);
        let link = |to: &str, at: &str| std::os::unix::fs::symlink(root.path().join(to), root.path().join(at)).expect("linked");
        link("elsewhere", "loras/more");
        link("loras", "loras/again");
        link("nowhere", "loras/broken.pt");
        assert_eq!(list(&folders, "loras"), ["a.pt", "more/b.pt"]);
        assert_eq!(folders.find("loras", "more/b.pt").expect("found"), root.path().join("loras/more/b.pt"));
    }

    #[test]
    fn names_that_lead_out_of_the_folder_are_refused() {
        let (root, folders) = models(&["loras/a.pt", "secret.pt"]);
        let absolute = root.path().join("secret.pt").display().to_string();
        for name in ["../secret.pt", "x/../../secret.pt", "..\\secret.pt", &absolute, "", ".", "a\0.pt", "C:\\secret.pt"] {
            let refused = folders.find("loras", name).expect_err(name).to_string();
            assert!(refused.ends_with("is not the name of a file in a loras folder"), "{refused}");
        }
    }

    #[test]
    fn a_name_that_is_not_there_says_where_it_was_searched_and_what_is_like_it() {
        let (root, folders) = models(&["loras/detail.safetensors"]);
        let error = folders.find("loras", "detial.safetensors").expect_err("not there");
        let place = root.path().join("loras");
        assert_eq!(error.to_string(), format!("no `detial.safetensors` among the loras: searched {}", place.display()));
        assert_eq!(error.hint().expect("a hint"), "did you mean `detail.safetensors`?");
        let error = folders.list("lora").expect_err("no kind");
        assert_eq!(error.hint().expect("a hint"), "did you mean `loras`?");
    }

    #[test]
    fn windows_separators_in_a_saved_workflow_work() {
        let (root, folders) = models(&["loras/sub/a.pt"]);
        assert_eq!(folders.find("loras", "sub\\a.pt").expect("found"), root.path().join("loras/sub/a.pt"));
    }

    #[test]
    fn extra_paths_are_read_as_comfyui_reads_them() {
        let yaml = "
a1111:
    base_path: $SD/${WEB}/$NOT
    checkpoints: models/Stable-diffusion
    loras: |
        models/Lora
        models/LyCORIS
empty:
other:
    is_default: true
    clip: ../encoders
    brand_new: [one, /two]
";
        let environment = |name: &str| ["SD", "WEB"].contains(&name).then(|| format!("/{name}").to_lowercase());
        let added = extra_paths(yaml, Path::new("/conf/dir"), &environment).expect("read");
        let expected = [
            ("checkpoints", "/sd//web/$NOT/models/Stable-diffusion", false),
            ("loras", "/sd//web/$NOT/models/Lora", false),
            ("loras", "/sd//web/$NOT/models/LyCORIS", false),
            ("clip", "/conf/encoders", true),
            ("brand_new", "/conf/dir/one", true),
            ("brand_new", "/two", true),
        ];
        assert_eq!(added, expected.map(|(kind, path, before)| (kind.to_owned(), PathBuf::from(path), before)));
        assert_eq!(expanded("~/x", &|name| (name == "HOME").then(|| "/srv/me".to_owned())), "/srv/me/x");
    }

    #[test]
    fn a_default_folder_is_searched_first() {
        let (root, mut folders) = models(&["loras/a.pt", "extra/a.pt"]);
        let yaml = root.path().join("extra_model_paths.yaml");
        folders.add_extra_paths("mine:\n  is_default: true\n  loras: extra\n", &yaml).expect("read");
        assert_eq!(folders.find("loras", "a.pt").expect("found"), root.path().join("extra/a.pt"));
        assert_eq!(folders.directories("loras").expect("known").len(), 2);
    }

    #[test]
    fn broken_extra_paths_say_what_is_wrong_and_add_nothing() {
        let mut folders = Folders::none();
        let bomb: String = (1..40).map(|it| format!("a{it}: &a{it} [*a{}, *a{}]\n", it - 1, it - 1)).collect();
        for (yaml, wrong) in [
            ("[1, 2]", "is not a list of sections"),
            ("a: [1", "is not YAML"),
            ("a: 3", "section `a`: is not a list of folders"),
            ("a: {loras: x, vae: {}}", "section `a`: `vae` is not a path"),
            ("a: {is_default: 7}", "is_default is neither"),
            (&format!("a0: &a0 [x]\n{bomb}"), ""),
        ] {
            let error = folders.add_extra_paths(yaml, Path::new("extra.yaml")).expect_err(wrong).to_string();
            assert!(error.contains(wrong), "{error}");
        }
        assert!(folders.directories("loras").expect("known").is_empty());
    }
}
