//! The classes that graphs may use: an explicit list.

use crate::Folders;
use crate::node::{Class, Fingerprint, Literals, Node, Of};
use graph::{Catalog, NodeSpec, Options, Widget};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Classes by name, and the folders that their combos offer files of.
#[derive(Default)]
pub struct Registry {
    classes: BTreeMap<String, Entry>,
    outside: Option<Arc<dyn Outside>>,
    folders: Arc<Folders>,
}

/// A class and its specification.
#[derive(Clone)]
pub struct Entry {
    /// The specification.
    pub spec: Arc<NodeSpec>,
    /// The class.
    pub class: Arc<dyn Class>,
}

/// Where classes come from that are not part of the program: packs that are there now and may be others later.
///
/// Classes of the program come before those of the same name from outside.
pub trait Outside: Send + Sync {
    /// The classes that there are now. Whoever asks keeps them: what is swapped later does not concern a run that has begun.
    fn classes(&self) -> Arc<BTreeMap<String, Entry>>;
}

/// A [`Registry`] of these nodes.
///
/// ```ignore
/// registry![sampling::{KSampler, KSamplerAdvanced}, image::LoadImage]
/// ```
#[macro_export]
macro_rules! registry {
    ($($list:tt)*) => { $crate::registry_extend!($crate::Registry::new(); $($list)*) };
}

/// The registry before the `;` with these nodes added: what [`registry!`] and crates with several lists are made of.
#[macro_export]
macro_rules! registry_extend {
    ($registry:expr; $($module:ident)::+ :: { $($node:ident),* $(,)? } $(, $($rest:tt)*)?) => {
        $crate::registry_extend!($registry $(.with::<$($module)::+::$node>())*; $($($rest)*)?)
    };
    ($registry:expr; $node:path $(, $($rest:tt)*)?) => { $crate::registry_extend!($registry.with::<$node>(); $($($rest)*)?) };
    ($registry:expr;) => { $registry };
}

impl Registry {
    /// No classes.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with one more node.
    ///
    /// # Panics
    /// When there is a class of this name, or the node's declaration contradicts itself: mistakes in the source.
    #[must_use]
    pub fn with<N: Node>(self) -> Self {
        self.with_class(Arc::new(Of::<N>::new()))
    }

    /// The same with one more class.
    ///
    /// # Panics
    /// When there is a class of this name.
    #[must_use]
    pub fn with_class(mut self, class: Arc<dyn Class>) -> Self {
        let spec = Arc::new(class.spec());
        let name = spec.class.clone();
        let before = self.classes.insert(name.clone(), Entry { spec, class });
        assert!(before.is_none(), "two nodes of class `{name}`");
        self
    }

    /// The same with another registry's classes.
    ///
    /// # Panics
    /// When both have a class of one name.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        for (name, entry) in other.classes {
            assert!(!self.classes.contains_key(&name), "two nodes of class `{name}`");
            self.classes.insert(name, entry);
        }
        self
    }

    /// The same with classes from outside.
    #[must_use]
    pub fn with_outside(self, outside: Arc<dyn Outside>) -> Self {
        Self { outside: Some(outside), ..self }
    }

    /// A class, of the program or from outside.
    fn entry(&self, name: &str) -> Option<Entry> {
        let of_outside = || self.outside.as_ref()?.classes().get(name).cloned();
        self.classes.get(name).cloned().or_else(of_outside)
    }

    /// The same with other folders.
    #[must_use]
    pub fn in_folders(self, folders: Arc<Folders>) -> Self {
        Self { folders, ..self }
    }

    /// Where files are.
    pub fn folders(&self) -> &Arc<Folders> {
        &self.folders
    }

    /// A class and its specification.
    pub fn class(&self, name: &str) -> Option<(Arc<NodeSpec>, Arc<dyn Class>)> {
        self.entry(name).map(|it| (it.spec, it.class))
    }

    /// What a node's result depends on beside its inputs: what its class says, and size and time of the files that it names.
    pub fn fingerprint(&self, class: &str, node: &graph::Node) -> Fingerprint {
        let Some(Entry { spec, class }) = self.entry(class) else { return Fingerprint::Inputs };
        let literals: Literals = node.literals().map(|(name, value)| (name.to_owned(), value.clone())).collect();
        // As in ComfyUI: whoever cannot say what it depends on runs every time.
        let said = class.fingerprint(&literals, &self.folders).unwrap_or(Fingerprint::Always);
        let mut content = match said {
            Fingerprint::Always => return Fingerprint::Always,
            Fingerprint::Content(content) => content,
            Fingerprint::Inputs => Vec::new(),
        };
        for input in &spec.inputs {
            if let Some(Widget::Combo(combo)) = &input.widget
                && let Options::Files(folder) = &combo.options
                && let Some(name) = literals.get(&input.name).and_then(|it| it.as_str())
            {
                content.extend(self.file_fingerprint(folder, name));
            }
        }
        if content.is_empty() { Fingerprint::Inputs } else { Fingerprint::Content(content) }
    }

    fn file_fingerprint(&self, folder: &str, name: &str) -> Vec<u8> {
        let path = match folder {
            "input" => self.folders.existing(crate::Place::Input, name),
            "output" => self.folders.existing(crate::Place::Output, name),
            _ => self.folders.model(folder, name),
        };
        let Ok(about) = path.map_err(|_| ()).and_then(|it| std::fs::metadata(it).map_err(|_| ())) else {
            return b"missing".to_vec();
        };
        let time = about.modified().ok().and_then(|it| it.duration_since(std::time::UNIX_EPOCH).ok());
        let mut content = about.len().to_le_bytes().to_vec();
        content.extend(time.map_or(0, |it| it.as_nanos()).to_le_bytes());
        content
    }
}

impl Catalog for Registry {
    fn spec(&self, class: &str) -> Option<Arc<NodeSpec>> {
        self.entry(class).map(|it| it.spec)
    }

    fn classes(&self) -> Vec<String> {
        let mut names: Vec<String> = self.classes.keys().cloned().collect();
        if let Some(outside) = &self.outside {
            names.extend(outside.classes().keys().filter(|it| !self.classes.contains_key(*it)).cloned());
            names.sort_unstable();
        }
        names
    }

    fn files(&self, folder: &str) -> Vec<String> {
        self.folders.files(folder)
    }

    fn searched(&self, folder: &str) -> Vec<String> {
        self.folders.searched(folder)
    }

    fn check(&self, class: &str, literals: &Literals) -> Vec<(String, String)> {
        self.entry(class).map_or_else(Vec::new, |it| it.class.validate(literals, &self.folders))
    }
}
