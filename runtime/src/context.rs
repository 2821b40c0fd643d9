//! What a node knows of the run around it. With [`folders`](crate::folders) and [`sockets`](crate::sockets), the
//! only place that names `models`.

use crate::event::{Event, NodeRef, Picture, Shown};
use crate::sockets::recipe;
use crate::{Folders, NodeError, Value, error};
use graph::{Graph, NodeId};
use models::{Engine, Image, LatentFormat, LoadError, Samples, Stop, Vae, Watch, Weights};
use parking_lot::{Mutex, RwLock, RwLockReadGuard};
use serde_json::{Map, Value as Json};
use std::error::Error;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// What every node of one run shares.
pub struct Job {
    /// The device and what is resident on it.
    pub engine: Arc<Engine>,
    /// Where files are.
    pub folders: Arc<Folders>,
    /// The prompt as it was sent, for the metadata of saved files; `None` where metadata is not wanted.
    pub prompt: Option<Json>,
    /// What the front end wants in the metadata of saved files, normally `workflow`.
    pub extra_pnginfo: Map<String, Json>,
    /// Whether previews of unfinished work are wanted.
    pub previews: bool,
    /// Whether a small autoencoder draws them where its files are there, instead of a linear guess.
    pub fine_previews: bool,
    /// How to stop the run.
    pub cancel: Cancel,
    /// Who hears of it. Called from several threads, one event at a time for each.
    pub events: Box<dyn Fn(Event) + Send + Sync>,
}

/// Stops a run. All copies are one switch.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// A switch that is off.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks the run to stop.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether somebody asked.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Job {
    /// A run whose events nobody hears, without metadata and previews.
    pub fn new(engine: Arc<Engine>, folders: Arc<Folders>) -> Self {
        Self {
            engine,
            folders,
            prompt: None,
            extra_pnginfo: Map::new(),
            previews: false,
            fine_previews: false,
            cancel: Cancel::new(),
            events: Box::new(|_| {}),
        }
    }

    /// The same with a listener.
    #[must_use]
    pub fn heard_by(self, events: impl Fn(Event) + Send + Sync + 'static) -> Self {
        Self { events: Box::new(events), ..self }
    }

    /// Tells the engine which recipes a node uses now, and which are used later, in that order.
    pub(crate) fn foresee<'v>(&self, now: impl Iterator<Item = &'v Value>, later: impl Iterator<Item = &'v Value>) {
        self.engine.foresee(&now.filter_map(recipe).collect::<Vec<_>>(), &later.filter_map(recipe).collect::<Vec<_>>());
    }

    /// Gives back the memory of every model that nobody uses at this moment.
    pub(crate) fn make_room(&self) {
        self.engine.evict_all();
    }

    pub(crate) fn emit(&self, event: Event) {
        (self.events)(event);
    }
}

impl Default for Job {
    /// A run on the CPU without any folder.
    fn default() -> Self {
        Self::new(Arc::new(Engine::cpu()), Arc::default())
    }
}

/// A node's view of the run around it.
pub struct Context {
    job: Arc<Job>,
    node: NodeRef,
    graph: Arc<RwLock<Graph>>,
    /// Set when another node failed: this one's work is in vain.
    abandoned: Cancel,
    shown: Mutex<Vec<Shown>>,
}

impl Context {
    pub(crate) fn new(job: Arc<Job>, node: NodeRef, graph: Arc<RwLock<Graph>>, abandoned: Cancel) -> Self {
        Self { job, node, graph, abandoned, shown: Mutex::default() }
    }

    /// A context outside of any run, to try a single node.
    pub fn alone(job: Job) -> Self {
        Self::new(Arc::new(job), NodeRef::own("1".into()), Arc::default(), Cancel::new())
    }

    /// The device and what is resident on it.
    pub fn engine(&self) -> &Arc<Engine> {
        &self.job.engine
    }

    /// Where files are.
    pub fn folders(&self) -> &Folders {
        &self.job.folders
    }

    /// The prompt as it was sent, to be saved with files; `None` where metadata is not wanted.
    pub fn prompt(&self) -> Option<&Json> {
        self.job.prompt.as_ref()
    }

    /// What the front end wants saved with files, normally `workflow`. Empty where metadata is not wanted.
    pub fn extra_pnginfo(&self) -> &Map<String, Json> {
        &self.job.extra_pnginfo
    }

    /// The id of this node. A result that depends on it needs `not_idempotent`.
    pub fn node(&self) -> &NodeId {
        &self.node.id
    }

    /// All ids of this node.
    pub fn node_ref(&self) -> &NodeRef {
        &self.node
    }

    /// The graph as it is now, nodes that other nodes put in their place included. Do not hold it while working.
    pub fn graph(&self) -> RwLockReadGuard<'_, Graph> {
        self.graph.read()
    }

    /// Shows the user something when the node is finished.
    pub fn show(&self, shown: Shown) {
        self.shown.lock().push(shown);
    }

    /// Tells how far the work is.
    pub fn progress(&self, done: usize, total: usize) {
        self.job.emit(Event::Progress { node: self.node.clone(), done, total });
    }

    /// Tells how the work looks so far.
    pub fn preview(&self, picture: Picture) {
        self.job.emit(Event::Preview { node: self.node.clone(), picture: Arc::new(picture) });
    }

    /// Whether previews are wanted: making one is not free.
    pub fn wants_previews(&self) -> bool {
        self.job.previews
    }

    /// Tells something about the work in words.
    pub fn text(&self, text: impl Into<String>) {
        self.job.emit(Event::Text { node: self.node.clone(), text: text.into() });
    }

    /// Ends the node if the run was cancelled. Long work asks this often.
    ///
    /// # Errors
    /// [`error::Kind::Cancelled`].
    pub fn check(&self) -> Result<(), NodeError> {
        if self.is_cancelled() { Err(NodeError::cancelled()) } else { Ok(()) }
    }

    /// Whether the work should end now.
    pub fn is_cancelled(&self) -> bool {
        self.job.cancel.is_cancelled() || self.abandoned.is_cancelled()
    }

    /// Waits, but no longer than until the run is cancelled.
    ///
    /// # Errors
    /// [`error::Kind::Cancelled`].
    pub fn sleep(&self, time: Duration) -> Result<(), NodeError> {
        let end = Instant::now() + time;
        loop {
            self.check()?;
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            std::thread::sleep(left.min(Duration::from_millis(20)));
        }
    }

    /// Follows a computation on latents of this format: its progress becomes events, its beliefs previews.
    pub fn watch(&self, format: LatentFormat) -> impl Watch + '_ {
        Previewing { cx: self, format, last: Mutex::new(None), small: OnceLock::new() }
    }

    pub(crate) fn take_shown(&self) -> Vec<Shown> {
        std::mem::take(&mut self.shown.lock())
    }
}

impl Watch for Context {
    fn cancelled(&self) -> bool {
        self.is_cancelled()
    }

    fn progress(&self, done: usize, total: usize, _: Option<&Samples>) {
        Self::progress(self, done, total);
    }
}

struct Previewing<'cx> {
    cx: &'cx Context,
    format: LatentFormat,
    last: Mutex<Option<Instant>>,
    /// What draws finer previews, once somebody looked for it.
    small: OnceLock<Option<Vae>>,
}

/// Listens only to whether the work goes on.
struct Silent<'cx>(&'cx Context);

impl Watch for Silent<'_> {
    fn cancelled(&self) -> bool {
        self.0.is_cancelled()
    }

    fn progress(&self, _: usize, _: usize, _: Option<&Samples>) {}
}

/// The shortest time between two previews.
const PREVIEW_PAUSE: Duration = Duration::from_millis(100);

impl Watch for Previewing<'_> {
    fn cancelled(&self) -> bool {
        self.cx.is_cancelled()
    }

    fn progress(&self, done: usize, total: usize, denoised: Option<&Samples>) {
        self.cx.progress(done, total);
        let Some(denoised) = denoised.filter(|_| self.cx.wants_previews()) else { return };
        let mut last = self.last.lock();
        if last.is_none_or(|it| it.elapsed() >= PREVIEW_PAUSE) {
            *last = Some(Instant::now());
            if let Some(picture) = self.draw(denoised).or_else(|| guess(denoised, &self.format)) {
                self.cx.preview(picture);
            }
        }
    }
}

impl Previewing<'_> {
    /// What the first latent shows, drawn by the small autoencoder of its family, if its files are there.
    fn draw(&self, denoised: &Samples) -> Option<Picture> {
        let small = self.small.get_or_init(|| {
            self.open().unwrap_or_else(|error| {
                self.cx.text(format!("previews are only a guess: {error}"));
                None
            })
        });
        let small = small.as_ref()?;
        let [_, channels, height, width] = <[usize; 4]>::try_from(denoised.shape()).ok()?;
        let first = denoised.values().clone().narrow(0, 0, 1).reshape([1, channels, height, width]);
        let Image(pixels) = match small.decode(&Samples::new(first), self.cx.engine(), &Silent(self.cx)) {
            Ok(image) => image,
            Err(error) => {
                if !matches!(error, Stop::Cancelled) {
                    self.cx.text(format!("this preview is only a guess: {error}"));
                }
                return None;
            }
        };
        let [_, height, width, _] = pixels.dims();
        let values: Vec<f32> = pixels.into_data().convert::<f32>().try_to_vec().ok()?;
        Some(Picture { width, height, rgb: values.into_iter().map(|it| (it * 255.0).clamp(0.0, 255.0) as u8).collect() })
    }

    /// The small autoencoder of these latents. It sees them as the network does.
    fn open(&self) -> Result<Option<Vae>, LoadError> {
        if !self.cx.job.fine_previews {
            return Ok(None);
        }
        let Some([encoder, decoder]) = self.cx.folders().small_vae(self.format.small) else { return Ok(None) };
        Vae::small(&Weights::open(&encoder)?, &Weights::open(&decoder)?).map(Some)
    }
}

/// The linear guess of what the first latent shows, one pixel a cell; the middle frame of a film.
fn guess(samples: &Samples, format: &LatentFormat) -> Option<Picture> {
    let (channels, frames, height, width) = match *samples.shape() {
        [b, c, h, w] if b > 0 => (c, 1, h, w),
        [b, c, t, h, w] if b > 0 => (c, t, h, w),
        _ => return None,
    };
    if format.preview.is_empty() || channels < format.preview.len() || frames * height * width == 0 {
        return None;
    }
    let values: Vec<f32> = samples.values().clone().narrow(0, 0, 1).into_data().convert::<f32>().try_to_vec().ok()?;
    let plane = height * width;
    let mut rgb = Vec::with_capacity(plane * 3);
    for pixel in 0..plane {
        for (color, bias) in format.preview_bias.iter().enumerate() {
            let sum =
                format.preview.iter().enumerate().fold(*bias, |sum, (channel, row)| {
                    sum + values[(channel * frames + frames / 2) * plane + pixel] * row[color]
                });
            rgb.push(((sum + 1.0) * 127.5).clamp(0.0, 255.0) as u8);
        }
    }
    Some(Picture { width, height, rgb })
}

/// What kind of failure an error is, judged by what lies at its root.
pub(crate) fn kind_of(error: &(dyn Error + 'static)) -> error::Kind {
    let mut next = Some(error);
    while let Some(error) = next {
        match error.downcast_ref::<Stop>() {
            Some(Stop::Cancelled) => return error::Kind::Cancelled,
            Some(Stop::OutOfMemory(_)) => return error::Kind::OutOfMemory,
            Some(_) | None => next = error.source(),
        }
    }
    error::Kind::Failed
}
