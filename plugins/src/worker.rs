//! A pack's worker: started when it is needed, started again when it broke, asked one thing at a time.

use crate::Log;
use crate::process::{Launch, Process, kind_of};
use crate::protocol::{Answer, Order};
use parking_lot::{Mutex, MutexGuard};
use runtime::{Context, NodeError, Picture};
use serde_json::{Map, Value as Json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::RecvTimeoutError;
use std::thread;
use std::time::{Duration, Instant};

/// A pack's worker. Whoever drops it ends its process.
pub(crate) struct Worker {
    launch: Launch,
    log: Log,
    state: Mutex<State>,
    /// Held by whoever is asking.
    turn: Mutex<()>,
    calls: AtomicU64,
    /// Counts the processes: objects of one are nothing to the next.
    generation: AtomicU64,
}

#[derive(Default)]
struct State {
    live: Option<Arc<Process>>,
    /// How often in a row it broke, and when it may start again.
    broke: u32,
    not_before: Option<Instant>,
}

/// The class descriptions of a worker, and those that it cannot offer.
pub(crate) struct Offer {
    pub(crate) classes: Map<String, Json>,
    pub(crate) refused: Map<String, Json>,
}

/// How a call listens to the run around it.
pub(crate) enum Listener<'c> {
    /// A node that runs.
    Node(&'c Context),
    /// A question that has to be answered soon.
    Question,
}

/// How long a worker may take to end a call by itself.
const MERCY: Duration = Duration::from_millis(400);

/// How long an answer to a question may take.
const QUESTION: Duration = Duration::from_secs(20);

/// How often what may have ended is looked at.
const GLANCE: Duration = Duration::from_millis(25);

/// How often a worker is asked whether it is alive, and its memory is measured.
const PULSE: Duration = Duration::from_millis(500);

/// The longest wait between two starts.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

impl Worker {
    pub(crate) fn new(launch: Launch, log: Log) -> Self {
        Self {
            launch,
            log,
            state: Mutex::default(),
            turn: Mutex::default(),
            calls: AtomicU64::new(1),
            generation: AtomicU64::new(0),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.launch.manifest.name
    }

    /// Which process it is: the first, the second.
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Relaxed)
    }

    /// Starts the process and says what it offers.
    ///
    /// # Errors
    /// Why it does not run.
    pub(crate) fn offer(&self) -> Result<Offer, String> {
        match self.launch.start(&self.log)? {
            (process, Answer::Ready { classes, refused, .. }) => {
                self.generation.fetch_add(1, Ordering::Relaxed);
                self.state.lock().live = Some(process);
                Ok(Offer { classes, refused })
            }
            (process, other) => {
                process.kill("it did not begin with what it offers");
                Err(format!("it began with {}", kind_of(&other)))
            }
        }
    }

    /// The process, started if it is not there.
    fn process(&self, listener: &Listener<'_>) -> Result<Arc<Process>, NodeError> {
        loop {
            let wait = {
                let mut state = self.state.lock();
                if let Some(live) = &state.live {
                    match live.end().map(str::to_owned) {
                        None => return Ok(live.clone()),
                        Some(why) => {
                            (self.log)(self.name(), &why);
                            state.live = None;
                            self.has_broken(&mut state);
                        }
                    }
                }
                match state.not_before.map(|it| it.saturating_duration_since(Instant::now())).filter(|it| !it.is_zero()) {
                    Some(wait) if wait > Duration::from_secs(2) => {
                        let broke = state.broke;
                        let text = format!("the worker of the pack `{}` broke {broke} times in a row", self.name());
                        return Err(NodeError::new(text).hint(format!("it is started again in {} s", wait.as_secs() + 1)));
                    }
                    Some(wait) => wait,
                    None => match self.launch.start(&self.log) {
                        Ok((process, _)) => {
                            self.generation.fetch_add(1, Ordering::Relaxed);
                            state.live = Some(process.clone());
                            return Ok(process);
                        }
                        Err(why) => {
                            self.has_broken(&mut state);
                            return Err(NodeError::new(format!(
                                "the worker of the pack `{}` does not start: {why}",
                                self.name()
                            )));
                        }
                    },
                }
            };
            listener.check()?;
            thread::sleep(wait.min(GLANCE));
        }
    }

    fn has_broken(&self, state: &mut State) {
        state.broke += 1;
        let pause = Duration::from_millis(100).saturating_mul(1 << state.broke.min(10)).min(LONGEST_PAUSE);
        // Once is no pattern: the user has mended it, or asks for something else.
        state.not_before = (state.broke > 1).then(|| Instant::now() + pause);
    }

    /// Waits until nobody else asks.
    fn turn(&self, listener: &Listener<'_>) -> Result<MutexGuard<'_, ()>, NodeError> {
        let begun = Instant::now();
        loop {
            if let Some(turn) = self.turn.try_lock_for(GLANCE) {
                return Ok(turn);
            }
            listener.check()?;
            if matches!(listener, Listener::Question) && begun.elapsed() > QUESTION {
                return Err(NodeError::new(format!("the worker of the pack `{}` is busy", self.name())));
            }
        }
    }

    /// Asks something and waits for the last word; `order` writes the tensors of the question, `read` takes those of the answer.
    ///
    /// # Errors
    /// What the worker says went wrong; that it broke; that the run was cancelled.
    pub(crate) fn ask<T>(
        &self,
        listener: &Listener<'_>,
        order: impl FnOnce(u64, &Arc<Process>) -> Result<Order, NodeError>,
        read: impl FnOnce(Answer, &Arc<Process>) -> Result<T, NodeError>,
    ) -> Result<T, NodeError> {
        let _turn = self.turn(listener)?;
        let process = self.process(listener)?;
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        let heard = process.listen(call);
        process.room.begin();
        let result = order(call, &process).and_then(|order| {
            process.tell(&order).map_err(NodeError::new)?;
            self.wait(listener, &process, call, &heard.answers)
        });
        let result = match result {
            Ok(Answer::Failed { kind, message, traceback, .. }) => Err(failure(&kind, &message, &traceback)),
            Ok(answer) => read(answer, &process),
            Err(error) => Err(error),
        };
        if process.end().is_none() {
            self.state.lock().broke = 0;
        }
        process.room.clear();
        result
    }

    /// Hears a call to its end.
    fn wait(
        &self,
        listener: &Listener<'_>,
        process: &Process,
        call: u64,
        answers: &std::sync::mpsc::Receiver<Answer>,
    ) -> Result<Answer, NodeError> {
        let begun = Instant::now();
        let mut pulse = begun;
        let silence = Duration::from_secs(self.launch.manifest.limits.silence_seconds);
        loop {
            match answers.recv_timeout(GLANCE) {
                Ok(Answer::Progress { done, total, .. }) => {
                    if let Listener::Node(cx) = listener {
                        cx.progress(usize::try_from(done).unwrap_or(usize::MAX), usize::try_from(total).unwrap_or(usize::MAX));
                    }
                }
                Ok(Answer::Preview { width, height, rgb, .. }) => {
                    let size = (width as usize).checked_mul(height as usize).and_then(|it| it.checked_mul(3));
                    if size != Some(rgb.len()) || rgb.is_empty() {
                        let text = format!("its preview of {width} x {height} pixels has {} bytes", rgb.len());
                        process.kill(&text);
                        return Err(self.broke(&text));
                    }
                    if let Listener::Node(cx) = listener
                        && cx.wants_previews()
                    {
                        cx.preview(Picture { width: width as usize, height: height as usize, rgb });
                    }
                }
                Ok(Answer::Text { text, .. }) => {
                    if let Listener::Node(cx) = listener {
                        cx.text(text);
                    }
                }
                Ok(answer) => return Ok(answer),
                Err(RecvTimeoutError::Disconnected) => return Err(self.broke(&self.why(process))),
                Err(RecvTimeoutError::Timeout) => {}
            }
            if let Err(cancelled) = listener.check() {
                self.stop(process, call, answers);
                return Err(cancelled);
            }
            if matches!(listener, Listener::Question) && begun.elapsed() > QUESTION {
                process.kill("it did not answer a question in time");
                return Err(self.broke("it did not answer a question in time"));
            }
            if pulse.elapsed() > PULSE {
                pulse = Instant::now();
                process.tell(&Order::Ping {}).map_err(NodeError::new)?;
                if process.room.is_full() {
                    let text = format!("it shares more than {} MB", self.launch.manifest.limits.shared_mb);
                    process.kill(&text);
                    return Err(self.broke(&text));
                }
                if process.silence() > silence && begun.elapsed() > silence {
                    let text = format!("it gave no sign of life for {} s", silence.as_secs());
                    process.kill(&text);
                    return Err(self.broke(&text));
                }
                if process.end().is_some() {
                    return Err(self.broke(&self.why(process)));
                }
            }
        }
    }

    /// Ends a call that nobody needs any more: if the worker does not do so itself, by ending the worker.
    fn stop(&self, process: &Process, call: u64, answers: &std::sync::mpsc::Receiver<Answer>) {
        process.tell(&Order::Cancel { call }).ok();
        let patience = Instant::now() + MERCY;
        loop {
            match answers.recv_timeout(patience.saturating_duration_since(Instant::now())) {
                Ok(Answer::Progress { .. } | Answer::Preview { .. } | Answer::Text { .. }) if Instant::now() < patience => {}
                Ok(Answer::Failed { .. } | Answer::Values { .. } | Answer::Expand { .. } | Answer::Names { .. }) => return,
                _ => break,
            }
        }
        process.kill("it did not end a call that was cancelled");
        // That was asked for: no reason to let the next run wait.
        let mut state = self.state.lock();
        state.live = None;
        state.not_before = None;
    }

    fn why(&self, process: &Process) -> String {
        let patience = Instant::now() + Duration::from_secs(1);
        while process.end().is_none() && Instant::now() < patience {
            thread::sleep(Duration::from_millis(5));
        }
        process.end().unwrap_or("its process is gone").to_owned()
    }

    fn broke(&self, why: &str) -> NodeError {
        NodeError::new(format!("the worker of the pack `{}` broke: {why}", self.name()))
            .hint("it is started again when it is needed; the log has what it said last")
    }

    /// Forgets objects of the process, if it is still the one that has them.
    pub(crate) fn forget(&self, generation: u64, held: u64) {
        // Never waits: values are dropped anywhere.
        if let (true, Some(state)) = (self.generation() == generation, self.state.try_lock())
            && let Some(live) = &state.live
        {
            live.tell(&Order::Drop { held: vec![held] }).ok();
        }
    }

    /// Ends the process, if there is one.
    pub(crate) fn end(&self) {
        if let Some(process) = self.state.lock().live.take() {
            process.kill("nobody needs it any more");
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.end();
    }
}

impl Listener<'_> {
    fn check(&self) -> Result<(), NodeError> {
        match self {
            Self::Node(cx) => cx.check(),
            Self::Question => Ok(()),
        }
    }
}

/// An error of a worker: its own words, and where they come from.
#[derive(Debug)]
struct Foreign {
    message: String,
    cause: Option<Box<Self>>,
}

impl std::fmt::Display for Foreign {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Foreign {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause.as_deref().map(|it| it as _)
    }
}

/// Text of a traceback that is kept.
const TRACEBACK: usize = 8 << 10;

fn failure(kind: &str, message: &str, traceback: &str) -> NodeError {
    let message = if message.is_empty() { kind.to_owned() } else { format!("{kind}: {message}") };
    let mut from = traceback.len().saturating_sub(TRACEBACK);
    while !traceback.is_char_boundary(from) {
        from += 1;
    }
    let cause = Some(traceback[from..].trim_end()).filter(|it| !it.is_empty());
    let cause = cause.map(|it| Box::new(Foreign { message: it.to_owned(), cause: None }));
    NodeError::from(Foreign { message, cause })
}
