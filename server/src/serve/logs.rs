//! What was logged lately, for whoever watches from a browser.

use crate::out::plain;
use crate::serve::hub::{Frame, Hub, To};
use crate::serve::protocol::message;
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::collections::{BTreeSet, VecDeque};
use std::io::{self, Write};
use std::sync::Arc;
use tokio::sync::Notify;
use tracing_subscriber::fmt::MakeWriter;

/// The latest lines, and who wants to hear of more.
#[derive(Default)]
pub(crate) struct Logs {
    kept: Mutex<Kept>,
    bell: Notify,
}

#[derive(Default)]
struct Kept {
    lines: VecDeque<Line>,
    /// The latest of the lines that nobody was told yet.
    fresh: usize,
    listeners: BTreeSet<String>,
}

struct Line {
    time: String,
    text: String,
}

/// Writes to standard error and keeps a copy.
#[derive(Clone)]
pub(crate) struct Tee(pub Arc<Logs>);

const MOST_LINES: usize = 500;
const LONGEST_LINE: usize = 4096;
const MOST_LISTENERS: usize = 1000;

impl Logs {
    /// Everything as one text.
    pub(crate) fn text(&self) -> String {
        self.kept.lock().lines.iter().map(|it| format!("{} - {}", it.time, it.text)).collect()
    }

    /// Everything as the protocol writes it.
    pub(crate) fn entries(&self) -> Vec<Value> {
        self.kept.lock().lines.iter().map(entry).collect()
    }

    /// A client wants to hear of more, or not any longer.
    pub(crate) fn subscribe(&self, client: &str, enabled: bool) {
        let mut kept = self.kept.lock();
        if !enabled {
            kept.listeners.remove(client);
        } else if kept.listeners.len() < MOST_LISTENERS {
            kept.listeners.insert(client.to_owned());
        }
    }

    /// Tells clients what is logged, as long as the server runs.
    pub(crate) async fn tell(&self, hub: &Hub) {
        loop {
            self.bell.notified().await;
            let (entries, listeners) = {
                let mut kept = self.kept.lock();
                let fresh = std::mem::take(&mut kept.fresh);
                let known = kept.lines.len().saturating_sub(fresh);
                (kept.lines.iter().skip(known).map(entry).collect::<Vec<_>>(), kept.listeners.clone())
            };
            if !entries.is_empty() && !listeners.is_empty() {
                let frame = Frame::passing(&message("logs", json!({ "entries": entries, "size": null })));
                listeners.iter().for_each(|it| hub.tell(To::Client(it), &frame));
            }
        }
    }

    fn keep(&self, text: &str) {
        let time = jiff::Timestamp::now().to_string();
        let mut kept = self.kept.lock();
        let text = plain(&text.chars().take(LONGEST_LINE).collect::<String>());
        kept.lines.push_back(Line { time, text });
        kept.fresh = (kept.fresh + 1).min(MOST_LINES);
        if kept.lines.len() > MOST_LINES {
            kept.lines.pop_front();
        }
        drop(kept);
        self.bell.notify_one();
    }
}

fn entry(line: &Line) -> Value {
    json!({ "t": line.time, "m": line.text })
}

impl Write for Tee {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A line comes in one piece.
        self.0.keep(&String::from_utf8_lossy(bytes));
        // Where standard error is closed there is nobody to tell.
        io::stderr().lock().write_all(bytes).ok();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'w> MakeWriter<'w> for Tee {
    type Writer = Self;

    fn make_writer(&'w self) -> Self {
        self.clone()
    }
}
