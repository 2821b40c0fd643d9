//! Who listens: the websockets, each behind an outbox of its own.
//!
//! Whoever tells something puts it into outboxes and goes on; a task for each client sends it. An outbox is bounded: while its client is
//! slow, previews go first, then progress, of which only the latest matters. What must arrive is never dropped: a client that does not
//! even take that is cut off, and finds everything in the history.

use crate::serve::protocol::{self, Features, Preview};
use axum::body::Bytes;
use axum::extract::ws::{Message, Utf8Bytes};
use dashmap::DashMap;
use graph::NodeId;
use parking_lot::Mutex;
use serde_json::Value;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use tokio::time::{Instant, timeout_at};

/// The clients of one server.
#[derive(Default)]
pub(crate) struct Hub {
    clients: DashMap<String, Arc<Client>>,
    /// Rung when the length of the queue changed, for whoever tells everybody.
    changed: Notify,
    /// The same for whoever waits for a job.
    moved: Notify,
}

/// One websocket.
pub(crate) struct Client {
    /// What the client calls itself.
    pub id: String,
    outbox: Mutex<Outbox>,
    bell: Notify,
}

#[derive(Default)]
struct Outbox {
    frames: VecDeque<Frame>,
    closed: bool,
    features: Features,
    /// The length of the queue that the client was told last.
    remaining: Option<usize>,
    /// Answers that the client shall have before it hears more, and since when there are any.
    holds: usize,
    held_since: Option<Instant>,
    /// When the last of them was sent.
    freed: Option<Instant>,
}

/// Keeps the outbox of a client shut: as in ComfyUI, it has the answer to its prompt before it hears of the job. Dropped with the answer.
pub(crate) struct Hold(Arc<Client>);

/// Something to be sent.
#[derive(Clone, Debug)]
pub(crate) enum Frame {
    /// A message that must arrive.
    Event(Utf8Bytes),
    /// A message that a later one of its kind makes useless.
    Passing(Utf8Bytes),
    /// How unfinished work looks.
    Preview(Arc<Preview>),
    /// What a node says of its work.
    Words(Arc<(String, NodeId, String)>),
}

/// To whom.
#[derive(Clone, Copy, Debug)]
pub(crate) enum To<'c> {
    /// Everybody.
    All,
    /// The client of this name, if it is there.
    Client(&'c str),
}

/// Frames in an outbox above which what is passing is dropped.
const SOFT: usize = 256;
/// Frames in an outbox above which its client is cut off.
const HARD: usize = 16_384;
/// What a client needs to read an answer that was sent, before it hears more on its other connection.
const READING: Duration = Duration::from_millis(3);
/// Whoever does not take answers hears of the jobs all the same.
const LONGEST_HOLD: Duration = Duration::from_millis(200);

impl Hub {
    /// A client arrives. Whoever had its name before is cut off.
    pub(crate) fn join(&self, id: String) -> Arc<Client> {
        let client = Arc::new(Client { id: id.clone(), outbox: Mutex::default(), bell: Notify::new() });
        if let Some(before) = self.clients.insert(id, client.clone()) {
            before.close();
        }
        client
    }

    /// A client is gone.
    pub(crate) fn leave(&self, client: &Arc<Client>) {
        client.close();
        self.clients.remove_if(&client.id, |_, it| Arc::ptr_eq(it, client));
    }

    /// How many clients there are.
    pub(crate) fn len(&self) -> usize {
        self.clients.len()
    }

    /// Tells something. Never waits for anybody.
    pub(crate) fn tell(&self, to: To<'_>, frame: &Frame) {
        match to {
            To::All => self.clients.iter().for_each(|it| it.push(frame.clone())),
            To::Client(id) => {
                if let Some(client) = self.clients.get(id) {
                    client.push(frame.clone());
                }
            }
        }
    }

    /// Whether there is anybody.
    pub(crate) fn hears(&self, to: To<'_>) -> bool {
        match to {
            To::All => !self.clients.is_empty(),
            To::Client(id) => self.clients.contains_key(id),
        }
    }

    /// Lets a client hear nothing until this is dropped.
    pub(crate) fn hold(&self, id: &str) -> Option<Hold> {
        let client = self.clients.get(id)?.clone();
        let mut outbox = client.outbox.lock();
        outbox.holds += 1;
        outbox.held_since.get_or_insert_with(Instant::now);
        drop(outbox);
        Some(Hold(client))
    }

    /// The length of the queue changed: `first` hears it now, the others soon.
    pub(crate) fn queue_changed(&self, first: Option<&str>, remaining: usize) {
        if let Some(client) = first.and_then(|it| self.clients.get(it)) {
            client.tell_remaining(remaining);
        }
        self.changed.notify_one();
        self.moved.notify_waiters();
    }

    /// A job of this client ended: it hears how many are left, as after every job, even where none was ever told to be there: a short
    /// job may be done before its client could hear of it.
    pub(crate) fn job_ended(&self, client: Option<&str>, remaining: usize) {
        if let Some(client) = client.and_then(|it| self.clients.get(it)) {
            client.outbox.lock().remaining = None;
            client.tell_remaining(remaining);
        }
        self.changed.notify_one();
        self.moved.notify_waiters();
    }

    /// Waits until the length of the queue changed.
    pub(crate) async fn queue_has_changed(&self) {
        self.changed.notified().await;
    }

    /// The next change of the queue. It counts from when this is enabled, or first waited for.
    pub(crate) fn next_change(&self) -> Notified<'_> {
        self.moved.notified()
    }

    /// Tells everybody the length of the queue who does not know it.
    pub(crate) fn tell_remaining(&self, remaining: usize) {
        self.clients.iter().for_each(|it| it.tell_remaining(remaining));
    }

    /// Whether a client shows pictures with the name of their node, as newer ones do.
    pub(crate) fn features(&self, id: &str) -> Features {
        self.clients.get(id).map(|it| it.outbox.lock().features).unwrap_or_default()
    }

    /// Everybody is cut off.
    pub(crate) fn close(&self) {
        self.clients.iter().for_each(|it| it.close());
    }
}

impl Client {
    /// Puts something into the outbox.
    pub(crate) fn push(&self, frame: Frame) {
        self.outbox.lock().push(frame);
        self.bell.notify_one();
    }

    /// Puts messages before everything else.
    pub(crate) fn greet(&self, remaining: usize, greeting: Vec<Frame>) {
        let mut outbox = self.outbox.lock();
        outbox.remaining = Some(remaining);
        for frame in greeting.into_iter().rev() {
            outbox.frames.push_front(frame);
        }
        self.bell.notify_one();
    }

    /// What the client can do.
    pub(crate) fn learn(&self, features: Features) {
        self.outbox.lock().features = features;
    }

    /// Waits for what is to be sent. `None` when the client is cut off.
    pub(crate) async fn next(&self) -> Option<Vec<Message>> {
        let (frames, features) = self.frames().await?;
        Some(frames.into_iter().filter_map(|it| it.encode(features)).collect())
    }

    /// Waits for what nodes say of their work, of which the latest counts. `None` when the client is cut off.
    pub(crate) async fn next_words(&self) -> Option<String> {
        loop {
            let (frames, _) = self.frames().await?;
            let words = frames.into_iter().rev().find_map(|it| if let Frame::Words(words) = it { Some(words) } else { None });
            if let Some(words) = words {
                return Some(words.2.clone());
            }
        }
    }

    /// Takes everything out of the outbox, once there is something.
    async fn frames(&self) -> Option<(VecDeque<Frame>, Features)> {
        loop {
            let shut_until = {
                let mut outbox = self.outbox.lock();
                if outbox.closed {
                    // What was said before is still heard.
                    let last = std::mem::take(&mut outbox.frames);
                    return (!last.is_empty()).then_some((last, outbox.features));
                }
                let shut_until = outbox.shut_until();
                if shut_until.is_none() && !outbox.frames.is_empty() {
                    return Some((std::mem::take(&mut outbox.frames), outbox.features));
                }
                shut_until
            };
            match shut_until {
                Some(end) => drop(timeout_at(end, self.bell.notified()).await),
                None => self.bell.notified().await,
            }
        }
    }

    fn tell_remaining(&self, remaining: usize) {
        let mut outbox = self.outbox.lock();
        if outbox.remaining != Some(remaining) {
            outbox.remaining = Some(remaining);
            outbox.push(Frame::event(&protocol::status(remaining, None)));
            self.bell.notify_one();
        }
    }

    fn close(&self) {
        self.outbox.lock().closed = true;
        self.bell.notify_one();
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut outbox = self.0.outbox.lock();
        outbox.holds -= 1;
        if outbox.holds == 0 {
            (outbox.held_since, outbox.freed) = (None, Some(Instant::now()));
        }
        self.0.bell.notify_one();
    }
}

impl Outbox {
    /// Until when nothing is sent, unless somebody rings before.
    fn shut_until(&self) -> Option<Instant> {
        let end = match (self.held_since, self.freed) {
            (Some(since), _) => since + LONGEST_HOLD,
            (None, Some(freed)) => freed + READING,
            (None, None) => return None,
        };
        (Instant::now() < end).then_some(end)
    }

    fn push(&mut self, frame: Frame) {
        if matches!(frame, Frame::Preview(_)) {
            self.frames.retain(|it| !matches!(it, Frame::Preview(_)));
        }
        if self.frames.len() >= SOFT && !matches!(frame, Frame::Event(_)) {
            match self.frames.iter().position(|it| !matches!(it, Frame::Event(_))) {
                Some(passing) => drop(self.frames.remove(passing)),
                None => return,
            }
        }
        self.frames.push_back(frame);
        if self.frames.len() > HARD {
            self.frames.clear();
            self.closed = true;
        }
    }
}

impl Frame {
    /// A message that must arrive.
    pub(crate) fn event(message: &Value) -> Self {
        Self::Event(message.to_string().into())
    }

    /// A message that a later one of its kind makes useless.
    pub(crate) fn passing(message: &Value) -> Self {
        Self::Passing(message.to_string().into())
    }

    /// What goes over the wire to a client that can do this.
    fn encode(self, features: Features) -> Option<Message> {
        Some(match self {
            Self::Event(text) | Self::Passing(text) => Message::Text(text),
            Self::Preview(preview) => Message::Binary(preview.encode(features)?),
            Self::Words(words) => {
                let (job, node, text) = &*words;
                Message::Binary(Bytes::from(protocol::words(job, node, text, features)))
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use runtime::{NodeRef, Picture};
    use serde_json::json;

    fn picture() -> Frame {
        let picture = Arc::new(Picture { width: 1, height: 1, rgb: vec![0; 3] });
        Frame::Preview(Arc::new(Preview::new("job", NodeRef::own("1".into()), picture)))
    }

    fn events(outbox: &Outbox) -> usize {
        outbox.frames.iter().filter(|it| matches!(it, Frame::Event(_))).count()
    }

    #[test]
    fn only_the_latest_preview_waits() {
        let mut outbox = Outbox::default();
        for _ in 0..10 {
            outbox.push(picture());
            outbox.push(Frame::event(&json!(1)));
        }
        assert_eq!((outbox.frames.len(), events(&outbox)), (11, 10));
    }

    #[test]
    fn a_slow_client_misses_what_is_passing_and_nothing_else() {
        let mut outbox = Outbox::default();
        for i in 0..HARD {
            outbox.push(Frame::passing(&json!(i)));
            outbox.push(picture());
            if i % 10 == 0 {
                outbox.push(Frame::event(&json!(i)));
            }
        }
        assert_eq!(events(&outbox), HARD.div_ceil(10));
        assert!(outbox.frames.len() <= SOFT + HARD.div_ceil(10) && !outbox.closed);
    }

    #[test]
    fn a_client_that_takes_nothing_is_cut_off() {
        let hub = Hub::default();
        let client = hub.join("slow".into());
        for i in 0..=HARD {
            hub.tell(To::Client("slow"), &Frame::event(&json!(i)));
        }
        let outbox = client.outbox.lock();
        assert!(outbox.closed && outbox.frames.is_empty());
    }

    #[test]
    fn the_newer_of_two_clients_of_one_name_stays() {
        let hub = Hub::default();
        let (older, newer) = (hub.join("me".into()), hub.join("me".into()));
        assert!(older.outbox.lock().closed && !newer.outbox.lock().closed);
        hub.leave(&older);
        assert_eq!(hub.len(), 1);
        hub.leave(&newer);
        assert_eq!(hub.len(), 0);
    }

    #[tokio::test]
    async fn a_client_hears_nothing_before_it_has_the_answer() {
        let hub = Hub::default();
        let client = hub.join("me".into());
        let begun = Instant::now();
        let (first, second) = (hub.hold("me").unwrap(), hub.hold("me").unwrap());
        hub.tell(To::Client("me"), &Frame::event(&json!(1)));
        let release = async {
            drop(first);
            tokio::time::sleep(Duration::from_millis(20)).await;
            drop(second);
        };
        let (heard, ()) = tokio::join!(client.next(), release);
        assert_eq!(heard.unwrap().len(), 1);
        let elapsed = begun.elapsed();
        assert!(elapsed >= Duration::from_millis(23) && elapsed < LONGEST_HOLD, "{elapsed:?}");
        assert!(hub.hold("nobody").is_none());
        // An answer that nobody takes holds up nothing for long.
        let _never_sent = hub.hold("me").unwrap();
        hub.tell(To::Client("me"), &Frame::event(&json!(2)));
        assert!(client.next().await.is_some());
        assert!(begun.elapsed() >= elapsed + LONGEST_HOLD);
    }

    #[test]
    fn the_length_of_the_queue_is_told_once() {
        let hub = Hub::default();
        let client = hub.join("me".into());
        hub.queue_changed(Some("me"), 1);
        hub.tell_remaining(1);
        hub.tell_remaining(0);
        assert_eq!(events(&client.outbox.lock()), 2);
        // Too short a job to be told of is told to be over.
        hub.job_ended(Some("me"), 0);
        hub.tell_remaining(0);
        assert_eq!(events(&client.outbox.lock()), 3);
    }
}
