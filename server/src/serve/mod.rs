//! `burnish serve`: the editor, ComfyUI's protocol, and a queue that survives.
//!
//! A request comes in through `guard`, which knows who may ask, and goes to a route. A prompt is validated there and becomes a job:
//!
//! ```text
//! routes/prompt -> jobs (the queue) -> store (SQLite)
//!                   |
//!                   v
//!                 worker, a thread for each device: runtime::Executor
//!                   | runtime::Event
//!                   v
//!                 protocol (ComfyUI's messages) -> hub (an outbox for each client) -> routes/ws
//! ```
//!
//! Workers never wait for the network, and requests never wait for workers: what touches a disk runs on threads of its own.
//!
//! - `settings`: what the command line asks for, checked.
//! - `app`: what all routes share.
//! - `store`: the jobs on disk. All SQL is there.
//! - `jobs`: the queue.
//! - `worker`: runs jobs.
//! - `protocol`: events become messages. All messages of runs are there.
//! - `hub`: websockets and their outboxes.
//! - `logs`: what was logged lately.
//! - `measures`: what is counted and timed.
//! - `guard`: who may ask.
//! - `files`: files that may be read or written from outside.
//! - `answer`: what is answered when something is wrong.
//! - `routes`: a file for each group of routes.

mod answer;
mod app;
mod editor;
mod files;
mod guard;
mod hub;
mod jobs;
mod logs;
mod measures;
mod protocol;
mod routes;
mod settings;
mod store;
mod time;
mod worker;

pub use store::AfterCrash;

use crate::cli::{LogFormat, ServeArguments};
use crate::error::Error;
use crate::out;
use crate::plugin;
use app::App;
use logs::{Logs, Tee};
use runtime::Registry;
use settings::Settings;
use std::future::IntoFuture;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tracing_subscriber::EnvFilter;

/// How long running jobs may go on when the server is asked to stop. Then they are stopped, and run again at the next start.
const GRACE: Duration = Duration::from_secs(2);

/// Serves until somebody stops it.
///
/// # Errors
/// When it cannot start.
pub fn serve(arguments: ServeArguments, catalogue: Registry) -> Result<(), Error> {
    let begun = Instant::now();
    let arguments = arguments.with_synonyms()?;
    let logs = Arc::<Logs>::default();
    log(&arguments, &logs)?;
    let told: plugins::Log = Arc::new(|pack, line| tracing::info!(pack, "{}", out::plain(line)));
    let catalogue = plugin::registry(&arguments.places, catalogue, told)?;
    let settings = Settings::from_arguments(arguments)?;
    let addresses = settings.addresses.clone();
    let app = App::open(settings, catalogue, logs)?;
    let workers = worker::spawn_all(&app)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|it| Error::Failed(format!("no threads could be started: {it}")))?;
    let result = runtime.block_on(run(app.clone(), &addresses, &workers, begun));
    app.jobs.stop();
    for worker in workers {
        if worker.join().is_err() {
            out::note("a worker ended in a bug");
        }
    }
    runtime.shutdown_timeout(Duration::from_millis(500));
    result
}

/// Begins to log.
fn log(arguments: &ServeArguments, logs: &Arc<Logs>) -> Result<(), Error> {
    let filter = EnvFilter::try_new(&arguments.log_level)
        .map_err(|it| Error::usage(format!("--log-level {}: {it}", arguments.log_level)))?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(Tee(logs.clone()));
    match arguments.log_format {
        // Who logs already, as tests do, goes on so.
        LogFormat::Text => log.try_init().ok(),
        LogFormat::Json => log.json().try_init().ok(),
    };
    Ok(())
}

async fn run(app: Arc<App>, addresses: &[SocketAddr], workers: &[JoinHandle<()>], begun: Instant) -> Result<(), Error> {
    let mut listeners = Vec::new();
    for address in addresses {
        let listener = TcpListener::bind(address).await.map_err(|it| {
            let hint = "is another server running there? --port chooses another port, and --port 0 any that is free";
            Error::usage_with(format!("{address} cannot be listened at: {it}"), Some(hint.to_owned()))
        })?;
        listeners.push(listener);
    }
    let (stop, stopped) = watch::channel(false);
    let router = routes::router(&app);
    let mut servers = Vec::new();
    for listener in listeners {
        let at = listener.local_addr().map_err(|it| Error::Failed(format!("an address got lost: {it}")))?;
        out::line(format_args!("burnish serves at http://{at} (ready after {} ms)", begun.elapsed().as_millis()))?;
        let mut stopped = stopped.clone();
        let server = axum::serve(listener, router.clone()).with_graceful_shutdown(async move {
            stopped.wait_for(|it| *it).await.ok();
        });
        servers.push(tokio::spawn(server.into_future()));
    }
    let herald = tokio::spawn(herald(app.clone()));
    let lines = tokio::spawn({
        let app = app.clone();
        async move { app.logs.tell(&app.hub).await }
    });
    asked_to_stop().await;
    out::note("stopping; what is running may take a moment, and runs again at the next start if it does not end");
    app.jobs.stop_claiming();
    let patience = Instant::now() + GRACE;
    // A worker has told of the end of its job when it ends itself.
    while !workers.iter().all(JoinHandle::is_finished) && Instant::now() < patience {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    app.jobs.stop();
    app.hub.close();
    stop.send(true).ok();
    for server in servers {
        // A client that holds its connection does not hold the server.
        tokio::time::timeout(Duration::from_secs(1), server).await.ok();
    }
    herald.abort();
    lines.abort();
    Ok(())
}

/// Tells everybody how long the queue is, no more often than anybody can read it.
async fn herald(app: Arc<App>) {
    loop {
        app.hub.queue_has_changed().await;
        app.hub.tell_remaining(app.jobs.remaining());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn asked_to_stop() {
    let interrupt = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = interrupt => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    interrupt.await.ok();
}
