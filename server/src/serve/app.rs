//! What all routes and workers share.

use crate::error::Error;
use crate::serve::answer::Refusal;
use crate::serve::files::Places;
use crate::serve::hub::Hub;
use crate::serve::jobs::Jobs;
use crate::serve::logs::Logs;
use crate::serve::measures::Measures;
use crate::serve::routes::openai::Drawing;
use crate::serve::settings::Settings;
use crate::serve::store::{Store, StoreError};
use crate::serve::time::now;
use models::Engine;
use parking_lot::Mutex;
use runtime::Registry;
use std::sync::Arc;

/// One server.
pub(crate) struct App {
    pub settings: Settings,
    pub registry: Arc<Registry>,
    pub places: Places,
    pub jobs: Jobs,
    pub hub: Arc<Hub>,
    pub logs: Arc<Logs>,
    pub measures: Arc<Measures>,
    /// Held while a file of a user is read and written back.
    pub user_files: Mutex<()>,
    /// What draws for programs that know OpenAI's interface; without one, why.
    pub drawing: Result<Drawing, String>,
    /// One for each device.
    pub engines: Vec<Arc<Engine>>,
}

impl App {
    /// Opens everything that a server needs.
    ///
    /// # Errors
    /// When a directory, the jobs or a device cannot be had.
    pub(crate) fn open(settings: Settings, catalogue: Registry, logs: Arc<Logs>) -> Result<Arc<Self>, Error> {
        let places = Places::open(&settings.folders, &settings.user)?;
        let failed = |error: StoreError| match error {
            StoreError::Taken(_) | StoreError::Newer { .. } => Error::usage(error.to_string()),
            other => Error::Failed(other.to_string()),
        };
        let store = Store::open(&settings.user, settings.after_crash, now()).map_err(failed)?;
        let jobs = Jobs::new(store, settings.most_jobs).map_err(failed)?;
        let engine = |device: &String| {
            let memory = settings.memory;
            let settings = models::engine::Settings { device: device.clone(), memory, folders: settings.folders.models.clone() };
            Engine::new(settings).map(Arc::new).map_err(|it| Error::usage(it.to_string()))
        };
        let engines = settings.devices.iter().map(engine).collect::<Result<_, _>>()?;
        let registry = Arc::new(catalogue.in_folders(settings.folders.clone()));
        let drawing = Drawing::open(settings.images_workflow.as_ref(), &*registry);
        if let (Err(error), Some(_)) = (&drawing, &settings.images_workflow) {
            return Err(Error::usage(format!("--images-workflow {error}")));
        }
        Ok(Arc::new(Self {
            settings,
            registry,
            places,
            jobs,
            hub: Arc::default(),
            logs,
            measures: Arc::new(Measures::new()),
            user_files: Mutex::default(),
            drawing,
            engines,
        }))
    }

    /// Does what may touch a disk, on a thread that may wait.
    pub(crate) async fn wait<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> Result<T, Refusal> {
        let app = self.clone();
        tokio::task::spawn_blocking(move || work(&app)).await.map_err(|_| Refusal::Bug)
    }
}
