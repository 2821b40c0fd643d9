//! `burnish run`: a workflow in, files out.

use crate::cli::RunArguments;
use crate::error::{self, Error};
use crate::open::{self, OpenError, Workflow};
use crate::out;
use crate::plugin;
use crate::progress::{Manner, Progress};
use crate::validate::{answer, unreadable};
use graph::{NodeId, api_json};
use models::Engine;
use models::engine::Settings;
use runtime::{Cancel, Ended, Event, Executor, Job};
use serde_json::{Map, Value};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

/// How long a cancelled run may take to end by itself.
const GRACE: Duration = Duration::from_millis(800);

/// How often a run is asked whether it is still there. Its events do not wait for this.
const WATCH: Duration = Duration::from_millis(100);

/// Runs a workflow and says what it saved.
///
/// # Errors
/// Why it did not, with the exit code.
pub fn run(arguments: RunArguments) -> Result<(), Error> {
    let started = Instant::now();
    let manner = if arguments.json {
        Manner::Json
    } else if arguments.quiet {
        Manner::Quiet
    } else {
        Manner::Words
    };
    let folders = Arc::new(arguments.places.folders()?);
    let registry = plugin::registry(&arguments.places, nodes::catalogue(), plugin::noted())?;
    let registry = Arc::new(registry.in_folders(folders.clone()));

    let opened = Workflow::open(&arguments.file, &*registry, arguments.seed.unwrap_or(0));
    if let (Manner::Json, Err(OpenError::Content(problems))) = (manner, &opened) {
        out::line(event("invalid", unreadable(problems)))?;
    }
    let Workflow { mut graph, editor, .. } = opened?;
    if let Some(seed) = arguments.seed {
        open::set_seed(&mut graph, seed)?;
    }
    for assignment in &arguments.set {
        open::set(&mut graph, &*registry, assignment)?;
    }
    let only = open::targets(&graph, &*registry, &arguments.only)?;
    let prompt = (!arguments.disable_metadata).then(|| api_json::to_json(&graph));
    let validation = graph::validate(graph, &*registry, if only.is_empty() { None } else { Some(&only) });
    if manner == Manner::Json && !validation.problems.is_empty() {
        out::line(event("invalid", answer(&validation)))?;
    }
    error::complete(&validation)?;

    // Only a workflow that can run is worth a device.
    let settings = Settings { device: arguments.device, memory: arguments.memory, folders: folders.models.clone() };
    let engine = Engine::new(settings).map_err(|it| Error::usage(it.to_string()))?;
    let mut progress = Progress::new(manner, &validation.graph, folders.clone(), started);
    let (sender, events) = channel();
    let mut job = Job::new(Arc::new(engine), folders).heard_by(move |event| {
        // Whoever stopped listening is about to end the process.
        sender.send(event).ok();
    });
    if let (Some(workflow), false) = (editor, arguments.disable_metadata) {
        job.extra_pnginfo = Map::from_iter([("workflow".to_owned(), workflow)]);
    }
    job.prompt = prompt;
    let cancel = job.cancel.clone();
    watch_keyboard(cancel.clone())?;

    let (graph, targets): (_, Vec<NodeId>) = (validation.graph, validation.runnable);
    let policy = arguments.cache;
    let worker = thread::Builder::new()
        .name("run".to_owned())
        .spawn(move || Executor::new(registry, policy).run(graph, &targets, &Arc::new(job)))
        .map_err(|it| Error::Failed(format!("no thread could be started: {it}")))?;
    loop {
        let event = match events.recv_timeout(WATCH) {
            Ok(event) => event,
            Err(RecvTimeoutError::Timeout) if !worker.is_finished() => continue,
            Err(_) => break,
        };
        if let Err(error) = progress.hear(&event) {
            cancel.cancel();
            return Err(error);
        }
        if matches!(event, Event::Done | Event::Failed(_) | Event::Interrupted { .. }) {
            break;
        }
    }
    let ended =
        worker.join().map_err(|_| Error::Failed("the run ended in a bug; please report it with the workflow".to_owned()))?;
    progress.clear();
    match ended {
        Ok(()) => progress.end(),
        Err(Ended::Failed(failure)) => Err(Error::failed(&failure, progress.title(&failure.node.real))),
        Err(Ended::Interrupted { .. }) => Err(Error::Interrupted),
    }
}

/// Makes Ctrl-C cancel the run: at once if it is pressed again, or if the run does not end by itself.
fn watch_keyboard(cancel: Cancel) -> Result<(), Error> {
    let interrupted = i32::from(Error::Interrupted.exit_code());
    ctrlc::set_handler(move || {
        if cancel.is_cancelled() {
            std::process::exit(interrupted);
        }
        cancel.cancel();
        thread::spawn(move || {
            thread::sleep(GRACE);
            out::note(Error::Interrupted);
            std::process::exit(interrupted);
        });
    })
    .map_err(|it| Error::Failed(format!("Ctrl-C cannot be watched: {it}")))
}

/// A line whose first key says what it is.
fn event(name: &str, content: Value) -> Value {
    let mut line = Map::from_iter([("event".to_owned(), name.into())]);
    if let Value::Object(content) = content {
        line.extend(content);
    }
    line.into()
}
