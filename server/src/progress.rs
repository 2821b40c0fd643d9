//! What a run tells of itself.
//!
//! As lines of JSON, every line is an object whose `event` is one of
//! `began`, `cached` (`nodes`: ids), `started` (`node`), `progress` (`node`, `done`, `total`), `text` (`node`, `text`),
//! `shown` (`node`, `shown`: what it saved or shows, by group; files have a `path`), `blocked` (`node`, `message`),
//! `finished` (`node`), and at the end one of `done` (`seconds`, `saved`: paths), `failed` (`node`, `error`, `seconds`),
//! `interrupted`, `invalid` (`error`, `node_errors` as ComfyUI answers them).
//! A `node` has an `id`, the `class` and `title` of the user's node, and where they differ from it `display`, `real` and `parent`.

use crate::error::Error;
use crate::out::{self, plain};
use graph::{Graph, NodeId};
use indicatif::{ProgressBar, ProgressState, ProgressStyle};
use runtime::{Event, Folders, NodeRef, SavedFile, Shown};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::fmt::Write;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// So many characters of a text that grows are shown in one line.
const TAIL: usize = 60;

/// How much is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Errors alone.
    Quiet,
    /// A bar on a terminal, and at the end what was saved.
    Words,
    /// Every event.
    Json,
}

/// Hears the events of a run.
pub struct Progress {
    manner: Manner,
    bar: Option<ProgressBar>,
    folders: Arc<Folders>,
    /// Class and title of each of the user's nodes.
    names: HashMap<NodeId, (String, Option<String>)>,
    saved: Vec<PathBuf>,
    started: Instant,
    /// The node whose words the bar shows.
    speaker: Option<NodeId>,
}

impl Progress {
    /// A listener for a run of this graph.
    pub fn new(manner: Manner, graph: &Graph, folders: Arc<Folders>, started: Instant) -> Self {
        let names = graph.iter().map(|(id, node)| (id.clone(), (node.class.clone(), node.title.clone()))).collect();
        let bar = (manner == Manner::Words && std::io::stderr().is_terminal()).then(bar);
        Self { manner, bar, folders, names, saved: Vec::new(), started, speaker: None }
    }

    /// What the user calls a node.
    pub fn title<'a>(&'a self, id: &'a NodeId) -> &'a str {
        self.names.get(id).map_or(id.as_str(), |(class, title)| title.as_deref().unwrap_or(class))
    }

    /// Hears one event.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn hear(&mut self, event: &Event) -> Result<(), Error> {
        if let Event::Shown { shown, .. } = event {
            let paths =
                shown.iter().filter_map(|it| if let Shown::File { file, .. } = it { Some(self.path(file)) } else { None });
            let paths: Vec<PathBuf> = paths.collect();
            self.saved.extend(paths);
        }
        match self.manner {
            Manner::Quiet => Ok(()),
            Manner::Words => self.say(event),
            Manner::Json => self.line(event).map_or(Ok(()), out::line),
        }
    }

    /// Says how the run ended.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn end(&self) -> Result<(), Error> {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        if self.manner == Manner::Words {
            for path in &self.saved {
                out::line(path.display())?;
            }
            let files = match self.saved.len() {
                0 => "done".to_owned(),
                1 => "1 file saved".to_owned(),
                count => format!("{count} files saved"),
            };
            out::note(format_args!("{files} in {:.1} s", self.started.elapsed().as_secs_f64()));
        }
        Ok(())
    }

    /// Takes the bar away, so that something else can be said.
    pub fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn say(&mut self, event: &Event) -> Result<(), Error> {
        match event {
            Event::Started(node) => {
                if let Some(bar) = &self.bar {
                    bar.set_style(style("{spinner} {msg}"));
                    bar.set_message(plain(self.title(&node.display)));
                    bar.set_length(0);
                    bar.reset();
                }
            }
            // Words that grow say more than a bar.
            Event::Progress { node, done, .. } if self.speaker.as_ref() == Some(&node.id) => {
                if let Some(bar) = &self.bar {
                    bar.set_position(*done as u64);
                }
            }
            Event::Progress { node, done, total } => {
                if let Some(bar) = &self.bar {
                    if bar.length() != Some(*total as u64) {
                        bar.set_style(style("{spinner} {msg} {wide_bar} {pos}/{len} {rate} {left}"));
                        bar.set_length(*total as u64);
                    }
                    bar.set_message(plain(self.title(&node.display)));
                    bar.set_position(*done as u64);
                }
            }
            Event::Shown { node, shown } => {
                for text in shown.iter().filter_map(|it| if let Shown::Text(text) = it { Some(text) } else { None }) {
                    let text = format!("{}: {}", plain(self.title(&node.display)), plain(text));
                    self.aside(|| out::line(&text))?;
                }
            }
            Event::Blocked { node, message } if !message.is_empty() => {
                let text = format!("{} did not run: {}", plain(self.title(&node.display)), plain(message));
                self.aside(|| out::note(&text));
            }
            Event::Text { node, text } => {
                if let Some(bar) = &self.bar {
                    if self.speaker.as_ref() != Some(&node.id) {
                        bar.set_style(style("{spinner} {wide_msg}"));
                        self.speaker = Some(node.id.clone());
                    }
                    let (title, words) = (plain(self.title(&node.display)), plain(text).replace('\n', " "));
                    // The newest words are at the end.
                    let cut = words.char_indices().rev().nth(TAIL - 1).map_or(0, |it| it.0);
                    bar.set_message(format!("{title}: {}{}", if cut > 0 { "…" } else { "" }, &words[cut..]));
                }
            }
            Event::Began
            | Event::Cached(_)
            | Event::Preview { .. }
            | Event::Blocked { .. }
            | Event::Finished(_)
            | Event::Done
            | Event::Failed(_)
            | Event::Interrupted { .. } => {}
        }
        Ok(())
    }

    fn aside<T>(&self, write: impl FnOnce() -> T) -> T {
        match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    fn line(&self, event: &Event) -> Option<Value> {
        let seconds = self.started.elapsed().as_secs_f64();
        Some(match event {
            Event::Began => json!({ "event": "began" }),
            Event::Cached(nodes) => {
                json!({ "event": "cached", "nodes": nodes.iter().map(NodeId::as_str).collect::<Vec<_>>() })
            }
            Event::Started(node) => json!({ "event": "started", "node": self.node(node) }),
            Event::Progress { node, done, total } => {
                json!({ "event": "progress", "node": self.node(node), "done": done, "total": total })
            }
            Event::Preview { .. } => return None,
            Event::Text { node, text } => json!({ "event": "text", "node": self.node(node), "text": text }),
            Event::Shown { node, shown } => {
                let shown: Vec<Value> = shown.iter().map(|it| self.shown(it)).collect();
                json!({ "event": "shown", "node": self.node(node), "shown": shown })
            }
            Event::Blocked { node, message } => json!({ "event": "blocked", "node": self.node(node), "message": message }),
            Event::Finished(node) => json!({ "event": "finished", "node": self.node(node) }),
            Event::Done => {
                let saved: Vec<String> = self.saved.iter().map(|it| it.display().to_string()).collect();
                json!({ "event": "done", "seconds": seconds, "saved": saved })
            }
            Event::Failed(failure) => json!({
                "event": "failed",
                "node": self.node(&failure.node),
                "error": failure.error.source().to_string(),
                "seconds": seconds,
            }),
            Event::Interrupted { node } => {
                json!({ "event": "interrupted", "node": node.as_ref().map(|it| self.node(it)), "seconds": seconds })
            }
        })
    }

    fn node(&self, node: &NodeRef) -> Value {
        let mut json = json!({ "id": node.id.as_str() });
        if let Some((class, title)) = self.names.get(&node.real) {
            json["class"] = class.as_str().into();
            json["title"] = title.as_deref().unwrap_or(class).into();
        }
        for (key, id) in [("display", Some(&node.display)), ("real", Some(&node.real)), ("parent", node.parent.as_ref())] {
            if let Some(id) = id.filter(|it| **it != node.id) {
                json[key] = id.as_str().into();
            }
        }
        json
    }

    fn shown(&self, shown: &Shown) -> Value {
        let key = shown.key();
        match shown {
            Shown::File { file, .. } => json!({
                "key": key,
                "filename": file.filename,
                "subfolder": file.subfolder,
                "type": file.place.as_str(),
                "path": self.path(file).display().to_string(),
            }),
            Shown::Text(text) => json!({ "key": key, "text": text }),
            Shown::Data { value, .. } => json!({ "key": key, "value": value }),
        }
    }

    fn path(&self, file: &SavedFile) -> PathBuf {
        let place = self.folders.place(file.place);
        if file.subfolder.is_empty() { place.join(&file.filename) } else { place.join(&file.subfolder).join(&file.filename) }
    }
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::new(0).with_style(style("{spinner} {msg}"));
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

fn style(template: &str) -> ProgressStyle {
    // What has not moved yet has no speed.
    let rate = |state: &ProgressState, out: &mut dyn Write| {
        if state.pos() > 0 {
            out.write_fmt(format_args!("{:.2} it/s", state.per_sec())).ok();
        }
    };
    let left = |state: &ProgressState, out: &mut dyn Write| {
        if state.pos() > 0 {
            out.write_fmt(format_args!("{} left", indicatif::HumanDuration(state.eta()))).ok();
        }
    };
    let style = ProgressStyle::with_template(template).expect("the templates are right");
    style.with_key("rate", rate).with_key("left", left)
}
