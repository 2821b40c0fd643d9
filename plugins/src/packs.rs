//! The folder of packs, kept up to date.
//!
//! Nothing watches the folder: whoever asks for the classes makes it be looked at, at most once a second. So there is no thread and no limit
//! of the system to run into, it works on every file system, and nobody waits for a change that nobody asked about.

use crate::Log;
use crate::class::{HIDDEN, WorkerClass};
use crate::manifest::{self, Manifest};
use crate::pins::{self, MADE_HERE, Pins};
use crate::process::{self, Launch};
use crate::protocol::Abilities;
use crate::shared;
use crate::worker::Worker;
use graph::object_info;
use parking_lot::{Mutex, RwLock};
use runtime::{Class, Entry, Outside};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

/// The packs of a folder.
pub struct Packs {
    folder: PathBuf,
    /// The names that packs cannot have: those of the program's own classes.
    taken: BTreeSet<String>,
    log: Log,
    sandbox: Option<PathBuf>,
    classes: RwLock<Arc<BTreeMap<String, Entry>>>,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    looked: Option<Instant>,
    packs: BTreeMap<String, Pack>,
}

/// A pack and what became of it.
struct Pack {
    /// How its files were when it was read.
    state: Stamp,
    classes: BTreeMap<String, Entry>,
    report: Report,
}

/// How a pack's files are: the latest change, and how many there are. And the user's agreement.
type Stamp = (Option<SystemTime>, usize, Option<pins::Pin>);

/// What became of a pack.
#[derive(Clone, Debug)]
pub struct Report {
    /// Its folder's name.
    pub name: String,
    /// Its version, where that can be read.
    pub version: String,
    /// Whether it runs.
    pub state: State,
    /// Its classes.
    pub classes: Vec<String>,
    /// Its classes that cannot be had, each with the reason.
    pub refused: Vec<(String, String)>,
}

/// Whether a pack runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It does.
    Running,
    /// The user has not agreed to it.
    NotInstalled,
    /// Its files are others than those that the user has agreed to.
    Changed,
    /// It cannot, for this reason.
    Broken(String),
}

/// How often the folder is looked at.
const PAUSE: Duration = Duration::from_secs(1);

/// The most packs.
const MOST_PACKS: usize = 1000;

/// The most classes of a pack.
const MOST_CLASSES: usize = 5000;

impl Packs {
    /// The packs of a folder that need not be there. `taken` are the class names that they cannot have.
    pub fn new(folder: PathBuf, taken: impl IntoIterator<Item = String>, log: Log) -> Self {
        shared::sweep();
        Self {
            folder,
            taken: taken.into_iter().collect(),
            log,
            sandbox: process::sandbox(),
            classes: RwLock::default(),
            known: Mutex::default(),
        }
    }

    /// What became of each pack.
    pub fn reports(&self) -> Vec<Report> {
        self.look(&mut self.known.lock());
        self.known.lock().packs.values().map(|it| it.report.clone()).collect()
    }

    /// Whether the system has a sandbox.
    pub fn is_sandboxed(&self) -> bool {
        self.sandbox.is_some()
    }

    /// Reads what has changed.
    fn look(&self, known: &mut Known) {
        if known.looked.is_some_and(|it| it.elapsed() < PAUSE) {
            return;
        }
        let now = names(&self.folder);
        let pins = match Pins::open(&self.folder) {
            Ok(pins) => pins,
            Err(error) => {
                (self.log)("plugins", &error.to_string());
                Pins::default()
            }
        };
        let stamp = |name: &str| {
            let (latest, count) = latest(&self.folder.join(name));
            (latest, count, pins.packs.get(name).cloned())
        };
        let before = known.packs.len();
        known.packs.retain(|name, _| now.contains(name));
        let mut changed = before != known.packs.len();
        let stale: Vec<(String, Stamp)> = now
            .into_iter()
            .map(|name| (name.clone(), stamp(&name)))
            .filter(|(name, state)| known.packs.get(name).is_none_or(|it| it.state != *state))
            .collect();
        // Each waits for a process of its own.
        let read: Vec<Pack> = thread::scope(|scope| {
            let reading: Vec<_> = stale.into_iter().map(|(name, state)| scope.spawn(move || self.read(&name, state))).collect();
            reading.into_iter().filter_map(|it| it.join().ok()).collect()
        });
        for pack in read {
            changed = true;
            match &pack.report.state {
                State::Running => {
                    let count = pack.classes.len();
                    (self.log)(&pack.report.name, &format!("version {} offers {count} classes", pack.report.version));
                }
                State::NotInstalled => {
                    (self.log)(&pack.report.name, "is there but not installed: `burnish plugin install` does that")
                }
                State::Changed => {
                    (self.log)(&pack.report.name, "is not what was installed: `burnish plugin install` agrees to it")
                }
                State::Broken(why) => (self.log)(&pack.report.name, why),
            }
            for (class, why) in &pack.report.refused {
                (self.log)(&pack.report.name, &format!("{class} is left out: {why}"));
            }
            known.packs.insert(pack.report.name.clone(), pack);
        }
        if changed {
            let mut all = BTreeMap::new();
            for pack in known.packs.values_mut() {
                pack.report.classes.clear();
                for (name, entry) in &pack.classes {
                    // The first pack by name has it, at every start the same.
                    if all.contains_key(name) {
                        (self.log)(&pack.report.name, &format!("{name} is left out: another pack has a class of this name"));
                    } else {
                        all.insert(name.clone(), entry.clone());
                        pack.report.classes.push(name.clone());
                    }
                }
            }
            *self.classes.write() = Arc::new(all);
        }
        known.looked = Some(Instant::now());
    }

    /// Reads a pack and starts it.
    fn read(&self, name: &str, state: Stamp) -> Pack {
        let mut report = Report {
            name: name.to_owned(),
            version: String::new(),
            state: State::Running,
            classes: Vec::new(),
            refused: Vec::new(),
        };
        let mut classes = BTreeMap::new();
        match self.open(name, &state, &mut report) {
            Ok(found) => classes = found,
            Err(why) => report.state = why,
        }
        Pack { state, classes, report }
    }

    fn open(&self, name: &str, (_, _, pin): &Stamp, report: &mut Report) -> Result<BTreeMap<String, Entry>, State> {
        let broken = |it: &dyn std::fmt::Display| State::Broken(it.to_string());
        let folder = self.folder.join(name).canonicalize().map_err(|it| broken(&it))?;
        let manifest = Manifest::open(&folder).map_err(|it| broken(&it))?;
        report.version.clone_from(&manifest.version);
        if manifest.name != name {
            return Err(State::Broken(format!("its manifest calls it `{}`: folder and name have to agree", manifest.name)));
        }
        let pin = pin.as_ref().ok_or(State::NotInstalled)?;
        if manifest.capabilities != pin.capabilities {
            return Err(State::Changed);
        }
        if let Some(hash) = &pin.hash
            && *hash != pins::hash(&folder).map_err(|it| broken(&it))?
        {
            return Err(State::Changed);
        }
        let worker = Arc::new(Worker::new(Launch { manifest, folder, sandbox: self.sandbox.clone() }, self.log.clone()));
        let offer = worker.offer().map_err(State::Broken)?;
        let why = |it: Json| it.as_str().map_or_else(|| it.to_string(), str::to_owned);
        report.refused.extend(offer.refused.into_iter().map(|(class, it)| (class, why(it))));
        if offer.classes.len() > MOST_CLASSES {
            return Err(State::Broken(format!("it offers more than {MOST_CLASSES} classes")));
        }
        let mut classes = BTreeMap::new();
        for (class, about) in offer.classes {
            match self.class(&class, &about, &worker) {
                Ok(found) => {
                    classes.insert(class, found);
                }
                Err(why) => report.refused.push((class, why)),
            }
        }
        Ok(classes)
    }

    fn class(&self, name: &str, about: &Json, worker: &Arc<Worker>) -> Result<Entry, String> {
        if self.taken.contains(name) {
            return Err("the program has a class of this name, which no pack can replace".to_owned());
        }
        if name.is_empty() || name.len() > 256 || name.chars().any(char::is_control) {
            return Err("this is no name for a class".to_owned());
        }
        let mut spec = object_info::class(name, about)?;
        let abilities: Abilities = match about.get("worker") {
            Some(said) => serde_json::from_value(said.clone()).map_err(|it| format!("its `worker`: {it}"))?,
            None => Abilities::default(),
        };
        for input in &mut spec.inputs {
            input.validated_by_node = abilities.validated.contains(&input.name);
        }
        let mut hidden = Vec::new();
        for (name, kind) in about.pointer("/input/hidden").and_then(Json::as_object).into_iter().flatten() {
            let kind = kind.as_str().or_else(|| kind.get(0)?.as_str()).unwrap_or_default();
            if !HIDDEN.contains(&kind) {
                return Err(format!("its hidden input `{name}` is {kind:?}, and packs are given {}", HIDDEN.join(", ")));
            }
            hidden.push((name.clone(), kind.to_owned()));
        }
        let class: Arc<dyn Class> = Arc::new(WorkerClass { spec: spec.clone(), abilities, hidden, worker: worker.clone() });
        Ok(Entry { spec: Arc::new(spec), class })
    }
}

impl Outside for Packs {
    fn classes(&self) -> Arc<BTreeMap<String, Entry>> {
        // Whoever comes while somebody looks has what there was before, unless there was nothing yet.
        let known = self.known.try_lock().or_else(|| self.classes.read().is_empty().then(|| self.known.lock()));
        if let Some(mut known) = known {
            self.look(&mut known);
        }
        self.classes.read().clone()
    }
}

/// The packs that there are: folders with a manifest.
pub(crate) fn names(folder: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.filter_map(|it| it.file_name().into_string().ok());
    names.filter(|it| manifest::is_name(it) && folder.join(it).join(manifest::FILE).is_file()).take(MOST_PACKS).collect()
}

/// The latest change below a folder, and how many files there are.
fn latest(folder: &Path) -> (Option<SystemTime>, usize) {
    const MOST: usize = 20_000;
    let (mut latest, mut count) = (None, 0);
    let mut open = vec![folder.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
            if count > MOST || entry.file_name().to_str().is_some_and(|it| MADE_HERE.contains(&it)) {
                continue;
            }
            let Ok(about) = entry.metadata() else { continue };
            count += 1;
            latest = latest.max(about.modified().ok());
            if about.is_dir() {
                open.push(entry.path());
            }
        }
    }
    (latest, count)
}
