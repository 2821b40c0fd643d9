//! Runs jobs: a thread for each device, one job at a time.

use crate::cli::PreviewMethod;
use crate::error::Error;
use crate::serve::app::App;
use crate::serve::jobs::{Drops, Task};
use crate::serve::protocol::Narrator;
use crate::serve::store::{Claimed, State};
use graph::{Graph, NodeId, Validation, api_json};
use models::Engine;
use runtime::{Cancel, Ended, Executor, Job};
use serde_json::Value;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Starts a worker for each device.
///
/// # Errors
/// When there is no thread to be had.
pub(crate) fn spawn_all(app: &Arc<App>) -> Result<Vec<JoinHandle<()>>, Error> {
    let spawn = |(index, engine): (usize, &Arc<Engine>)| {
        let (app, engine) = (app.clone(), engine.clone());
        thread::Builder::new()
            .name(format!("worker-{index}"))
            .spawn(move || work(&app, &engine))
            .map_err(|it| Error::Failed(format!("no thread could be started: {it}")))
    };
    app.engines.iter().enumerate().map(spawn).collect()
}

/// Takes jobs and runs them until the server stops.
fn work(app: &App, engine: &Arc<Engine>) {
    let executor = || Executor::new(app.registry.clone(), app.settings.cache);
    let mut mine = executor();
    let mut seen = Drops::default();
    loop {
        match app.jobs.next(seen) {
            Ok(Some(Task::Run(job, cancel))) => {
                if !run(app, engine, &mut mine, job, cancel) {
                    mine = executor();
                }
            }
            Ok(Some(Task::Free(drops))) => {
                if drops.results != seen.results {
                    mine = executor();
                }
                let bytes = engine.evict_all();
                tracing::info!(bytes, "models were dropped");
                seen = drops;
            }
            Ok(None) => return,
            Err(error) => {
                tracing::error!("{error}");
                thread::sleep(Duration::from_secs(1));
            }
        }
    }
}

/// Runs a job, and says whether the executor is still to be trusted.
fn run(app: &App, engine: &Arc<Engine>, executor: &mut Executor, claimed: Claimed, cancel: Cancel) -> bool {
    let begun = Instant::now();
    let Claimed { id, client, prompt, extra, targets } = claimed;
    let validation = read(app, &prompt, &targets);
    let empty = Graph::default();
    let graph = validation.as_ref().map_or(&empty, |it| &it.graph);
    let narrator = Arc::new(Narrator::new(&id, client.clone(), graph, app));
    app.jobs.watched(&id, narrator.clone());
    let mut trusted = true;
    let mut interrupted = false;
    match validation {
        Err(words) => narrator.broke("InvalidPrompt", &words),
        Ok(Validation { graph, runnable, .. }) => {
            let extra: Value = serde_json::from_str(&extra).unwrap_or_default();
            let mut job = Job::new(engine.clone(), app.settings.folders.clone());
            if app.settings.metadata {
                job.prompt = serde_json::from_str(&prompt).ok();
                job.extra_pnginfo = extra["extra_pnginfo"].as_object().cloned().unwrap_or_default();
            }
            job.previews = wants_previews(app, client.as_deref(), &extra);
            job.fine_previews = match extra["preview_method"].as_str() {
                Some(asked @ ("latent2rgb" | "taesd")) => asked == "taesd",
                _ => app.settings.previews != PreviewMethod::Latent2rgb,
            };
            job.cancel = cancel;
            let ear = narrator.clone();
            let job = Arc::new(job.heard_by(move |event| ear.tell(&event)));
            match catch_unwind(AssertUnwindSafe(|| executor.run(graph, &runnable, &job))) {
                Ok(ended) => interrupted = matches!(ended, Err(Ended::Interrupted { .. })),
                Err(_) => {
                    trusted = false;
                    narrator.broke("panic", "burnish ended this job because of a bug; please report it with the workflow");
                }
            }
        }
    }
    let ending = narrator.ending();
    if let Err(error) = app.jobs.end(&id, &ending, interrupted) {
        // It is still written down as running: the next start finds it.
        tracing::error!(job = id, "{error}");
    }
    app.measures.job(ending.state, begun.elapsed());
    let seconds = begun.elapsed().as_secs_f64();
    match ending.state {
        State::Failed => tracing::warn!(job = id, seconds, "failed"),
        state => tracing::info!(job = id, seconds, "{}", if state == State::Completed { "done" } else { "interrupted" }),
    }
    narrator.end(app.jobs.remaining());
    trusted
}

/// The graph of a job that was accepted, perhaps by an earlier start with other models: so it is validated again.
fn read(app: &App, prompt: &str, targets: &str) -> Result<Validation, String> {
    let json: Value = serde_json::from_str(prompt).map_err(|it| it.to_string())?;
    let targets: Vec<String> = serde_json::from_str(targets).map_err(|it| it.to_string())?;
    let targets: Vec<NodeId> = targets.into_iter().map(NodeId::from).collect();
    let graph = api_json::from_json(&json).map_err(|it| it.to_string())?;
    let validation = graph::validate(graph, &*app.registry, Some(&targets));
    if validation.is_runnable() {
        return Ok(validation);
    }
    let problems: Vec<String> = validation.problems.iter().map(ToString::to_string).collect();
    Err(problems.join("\n"))
}

/// Whether previews are made: clients that never said that they can show them may not even survive one.
fn wants_previews(app: &App, client: Option<&str>, extra: &Value) -> bool {
    let able = client.is_some_and(|it| app.hub.features(it).preview_metadata);
    match (extra["preview_method"].as_str(), app.settings.previews) {
        (Some("none"), _) => false,
        (Some("auto" | "latent2rgb" | "taesd"), _) => true,
        (_, PreviewMethod::None) => false,
        (_, PreviewMethod::Auto) => able,
        (_, PreviewMethod::Latent2rgb | PreviewMethod::Taesd) => true,
    }
}
