//! ComfyUI's messages: the one place where what a run tells becomes what clients read.
//!
//! Messages about a job go to the client that sent it. A job without a client is told to nobody, except for its progress, which everybody
//! hears: that is what ComfyUI does, and what its clients rely on.

use crate::serve::app::App;
use crate::serve::hub::{Frame, Hub, To};
use crate::serve::measures::Measures;
use crate::serve::store::{Ending, State};
use crate::serve::time::now;
use axum::body::Bytes;
use graph::{Graph, NodeId};
use image::codecs::jpeg::JpegEncoder;
use image::imageops::FilterType;
use image::{ExtendedColorType, ImageEncoder, RgbImage};
use indexmap::IndexMap;
use parking_lot::Mutex;
use runtime::{Event, Failure, NodeRef, Picture, Shown, error};
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// What a client says that it can do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Features {
    /// Whether a preview may say which node it is of.
    pub preview_metadata: bool,
    /// Whether a node's words may say which job they are of.
    pub text_metadata: bool,
}

/// How unfinished work looks. Encoded when the first client takes it, which is never on the thread that computes.
#[derive(Debug)]
pub(crate) struct Preview {
    job: String,
    node: NodeRef,
    picture: Arc<Picture>,
    jpeg: OnceLock<Option<Vec<u8>>>,
}

/// Tells what happens in one job, and keeps what its history will say.
pub(crate) struct Narrator {
    job: String,
    client: Option<String>,
    hub: Arc<Hub>,
    measures: Arc<Measures>,
    /// The classes of the user's nodes.
    classes: HashMap<NodeId, String>,
    told: Mutex<Told>,
}

#[derive(Default)]
struct Told {
    /// The nodes that began, as `progress_state` shows them: JSON, for there may be many and they are told often.
    nodes: IndexMap<NodeId, Shape>,
    /// When that may be sent next.
    next: Option<Instant>,
    /// The node whose body began last.
    current: Option<NodeRef>,
    /// When the nodes began that have not finished.
    begun: HashMap<NodeId, Instant>,
    executed: Vec<NodeId>,
    messages: Vec<Value>,
    outputs: Map<String, Value>,
    meta: Map<String, Value>,
    error: Option<Value>,
    ended: Option<State>,
}

/// How far a node is.
struct Shape {
    max: f64,
    json: String,
}

/// The side of the square that previews fill.
const PREVIEW_SIDE: u32 = 512;
const PREVIEW_QUALITY: u8 = 95;
/// With more nodes than this, `progress_state`, which names them all, is not sent every time.
const FEW_NODES: usize = 100;
const PAUSE: Duration = Duration::from_millis(100);
/// Nor does it take more than this share of the time.
const SHARE: u32 = 20;

/// `status`: the length of the queue.
pub(crate) fn status(remaining: usize, sid: Option<&str>) -> Value {
    let mut data = json!({ "status": { "exec_info": { "queue_remaining": remaining } } });
    if let Some(sid) = sid {
        data["sid"] = sid.into();
    }
    message("status", data)
}

/// A message of this type.
pub(crate) fn message(kind: &str, data: Value) -> Value {
    json!({ "type": kind, "data": data })
}

/// What a client's first message says that it can do, if that is what it is.
pub(crate) fn features(text: &str) -> Option<Features> {
    let message: Value = serde_json::from_str(text).ok()?;
    (message["type"] == "feature_flags").then(|| {
        let on = |name: &str| message["data"][name] == Value::Bool(true);
        Features { preview_metadata: on("supports_preview_metadata"), text_metadata: on("supports_progress_text_metadata") }
    })
}

/// A node's words: type 3.
pub(crate) fn words(job: &str, node: &NodeId, text: &str, features: Features) -> Vec<u8> {
    let mut frame = 3_u32.to_be_bytes().to_vec();
    let mut sized = |text: &str| {
        frame.extend(u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes());
        frame.extend(text.as_bytes());
    };
    if features.text_metadata {
        sized(job);
    }
    sized(node.as_str());
    frame.extend(text.as_bytes());
    frame
}

impl Preview {
    /// A preview of a node's work in a job.
    pub(crate) fn new(job: &str, node: NodeRef, picture: Arc<Picture>) -> Self {
        Self { job: job.to_owned(), node, picture, jpeg: OnceLock::new() }
    }

    /// Type 4 for clients that want to know which node it is of, type 1 for others.
    pub(crate) fn encode(&self, features: Features) -> Option<Bytes> {
        let jpeg = self.jpeg.get_or_init(|| jpeg(&self.picture)).as_ref()?;
        let mut frame = Vec::with_capacity(jpeg.len() + 300);
        if features.preview_metadata {
            let mut about = ids(&self.node, &self.job);
            about["image_type"] = "image/jpeg".into();
            let about = about.to_string();
            frame.extend(4_u32.to_be_bytes());
            frame.extend(u32::try_from(about.len()).ok()?.to_be_bytes());
            frame.extend(about.as_bytes());
        } else {
            frame.extend(1_u32.to_be_bytes());
            frame.extend(1_u32.to_be_bytes());
        }
        frame.extend(jpeg);
        Some(frame.into())
    }
}

/// A picture scaled to fill the square of previews in one direction.
fn jpeg(picture: &Picture) -> Option<Vec<u8>> {
    let (width, height) = (u32::try_from(picture.width).ok()?, u32::try_from(picture.height).ok()?);
    let image = RgbImage::from_raw(width, height, picture.rgb.clone())?;
    let scale = f64::from(PREVIEW_SIDE) / f64::from(width.max(height).max(1));
    let scaled = |side: u32| ((f64::from(side) * scale).round() as u32).clamp(1, PREVIEW_SIDE);
    let image = image::imageops::resize(&image, scaled(width), scaled(height), FilterType::Triangle);
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, PREVIEW_QUALITY)
        .write_image(image.as_raw(), image.width(), image.height(), ExtendedColorType::Rgb8)
        .ok()?;
    Some(bytes)
}

/// The ids of a node in a job, as previews and `progress_state` spell them.
fn ids(node: &NodeRef, job: &str) -> Value {
    json!({
        "node_id": node.id.as_str(),
        "prompt_id": job,
        "display_node_id": node.display.as_str(),
        "parent_node_id": node.parent.as_ref().map(NodeId::as_str),
        "real_node_id": node.real.as_str(),
    })
}

impl Narrator {
    /// Tells of a job whose client has this name.
    pub(crate) fn new(job: &str, client: Option<String>, graph: &Graph, app: &App) -> Self {
        let classes = graph.iter().map(|(id, node)| (id.clone(), node.class.clone())).collect();
        let (hub, measures) = (app.hub.clone(), app.measures.clone());
        Self { job: job.to_owned(), client, hub, measures, classes, told: Mutex::default() }
    }

    /// Tells what happened.
    pub(crate) fn tell(&self, event: &Event) {
        let mut told = self.told.lock();
        match event {
            Event::Began => self.milestone(&mut told, "execution_start", json!({ "prompt_id": self.job })),
            Event::Cached(nodes) => {
                self.measures.cached(nodes.len());
                let nodes: Vec<&str> = nodes.iter().map(NodeId::as_str).collect();
                self.milestone(&mut told, "execution_cached", json!({ "nodes": nodes, "prompt_id": self.job }));
            }
            Event::Started(node) => {
                told.current = Some(node.clone());
                told.begun.insert(node.id.clone(), Instant::now());
                self.progress(&mut told, node, 0.0, 1.0, "running");
                self.owner("executing", &executing(node, &self.job));
            }
            Event::Progress { node, done, total } => {
                let (done, total) = (*done, *total);
                self.progress(&mut told, node, done as f64, total as f64, "running");
                let data = json!({ "value": done, "max": total, "prompt_id": self.job, "node": node.id.as_str() });
                self.hub.tell(self.listener(), &Frame::passing(&message("progress", data)));
            }
            Event::Preview { node, picture } => {
                let preview = Preview::new(&self.job, node.clone(), picture.clone());
                self.hub.tell(self.listener(), &Frame::Preview(Arc::new(preview)));
            }
            Event::Text { node, text } => {
                let words = (self.job.clone(), node.id.clone(), text.clone());
                self.hub.tell(self.listener(), &Frame::Words(Arc::new(words)));
            }
            Event::Shown { node, shown } => {
                let output = output(shown);
                let data = json!({
                    "node": node.id.as_str(), "display_node": node.display.as_str(), "output": output, "prompt_id": self.job,
                });
                self.owner("executed", &data);
                let id = node.id.to_string();
                told.meta.insert(
                    id.clone(),
                    json!({
                        "node_id": node.id.as_str(),
                        "display_node": node.display.as_str(),
                        "parent_node": node.parent.as_ref().map(NodeId::as_str),
                        "real_node_id": node.real.as_str(),
                    }),
                );
                told.outputs.insert(id, output);
            }
            Event::Blocked { node, message } if !message.is_empty() => {
                // The one error that ends nothing, which is why it has no time and no place in the history.
                let data = json!({
                    "prompt_id": self.job,
                    "node_id": node.real.as_str(),
                    "node_type": self.class(node),
                    "executed": executed(&told),
                    "exception_message": format!("Execution Blocked: {message}"),
                    "exception_type": "ExecutionBlocked",
                    "traceback": [],
                    "current_inputs": [],
                    "current_outputs": [],
                });
                self.owner("execution_error", &data);
            }
            Event::Blocked { .. } => {}
            Event::Finished(node) => {
                told.executed.push(node.id.clone());
                if let Some(begun) = told.begun.remove(&node.id) {
                    // Nodes that other nodes put in their place count as these.
                    self.measures.node(self.class(node), begun.elapsed());
                }
                let total = told.nodes.get(&node.id).map_or(1.0, |it| it.max);
                self.progress(&mut told, node, total, total, "finished");
            }
            Event::Done => {
                told.ended = Some(State::Completed);
                self.last_progress(&mut told);
                self.milestone(&mut told, "execution_success", json!({ "prompt_id": self.job }));
            }
            Event::Failed(failure) => {
                told.ended = Some(State::Failed);
                self.last_progress(&mut told);
                let data = self.failed(failure);
                told.error = Some(data.clone());
                self.milestone(&mut told, "execution_error", data);
            }
            Event::Interrupted { node } => {
                told.ended = Some(State::Cancelled);
                let node = node.as_ref().or(told.current.as_ref()).cloned();
                let data = json!({
                    "prompt_id": self.job,
                    "node_id": node.as_ref().map(|it| it.real.as_str()),
                    "node_type": node.as_ref().map(|it| self.class(it)),
                    "executed": executed(&told),
                });
                self.milestone(&mut told, "execution_interrupted", data);
            }
        }
    }

    /// Tells that the run could not even begin, or was ended by a bug.
    pub(crate) fn broke(&self, kind: &str, words: &str) {
        let mut told = self.told.lock();
        told.ended = Some(State::Failed);
        let node = told.current.clone();
        let data = json!({
            "prompt_id": self.job,
            "node_id": node.as_ref().map(|it| it.real.as_str()),
            "node_type": node.as_ref().map(|it| self.class(it)),
            "executed": executed(&told),
            "exception_message": format!("{words}\n"),
            "exception_type": kind,
            "traceback": [],
            "current_inputs": {},
            "current_outputs": [],
        });
        told.error = Some(data.clone());
        self.milestone(&mut told, "execution_error", data);
    }

    /// What the history will say. A run that never said how it ended did not end well.
    pub(crate) fn ending(&self) -> Ending {
        let told = self.told.lock();
        let state = told.ended.unwrap_or(State::Failed);
        let done = state == State::Completed;
        let status = json!({
            "status_str": if done { "success" } else { "error" },
            "completed": done,
            "messages": told.messages,
        });
        Ending {
            state,
            outputs: Value::from(told.outputs.clone()).to_string(),
            meta: Value::from(told.meta.clone()).to_string(),
            status: status.to_string(),
            error: told.error.as_ref().map(Value::to_string),
        }
    }

    /// The job is in the history now: tells its client the length of the queue and that this was all.
    pub(crate) fn end(&self, remaining: usize) {
        self.hub.job_ended(self.client.as_deref(), remaining);
        self.owner("executing", &json!({ "node": null, "prompt_id": self.job }));
    }

    /// What a client that comes back has to know, if the job is its own.
    pub(crate) fn so_far(&self, client: &str) -> Vec<Frame> {
        let told = self.told.lock();
        match &told.current {
            Some(node) if self.client.as_deref() == Some(client) => {
                vec![Frame::event(&message("executing", executing(node, &self.job))), self.progress_state(&told)]
            }
            _ => Vec::new(),
        }
    }

    /// A message of the job's history.
    fn milestone(&self, told: &mut Told, kind: &str, mut data: Value) {
        data["timestamp"] = now().into();
        told.messages.push(json!([kind, data]));
        self.owner(kind, &data);
    }

    fn owner(&self, kind: &str, data: &Value) {
        if let Some(client) = &self.client {
            self.hub.tell(To::Client(client), &Frame::event(&message(kind, data.clone())));
        }
    }

    /// Who hears of progress.
    fn listener(&self) -> To<'_> {
        self.client.as_deref().map_or(To::All, To::Client)
    }

    fn progress(&self, told: &mut Told, node: &NodeRef, value: f64, max: f64, state: &str) {
        let mut about = json!({ "value": value, "max": max, "state": state });
        if let (Value::Object(about), Value::Object(ids)) = (&mut about, ids(node, &self.job)) {
            about.extend(ids);
        }
        told.nodes.insert(node.id.clone(), Shape { max, json: about.to_string() });
        let begun = Instant::now();
        if (told.nodes.len() <= FEW_NODES || told.next.is_none_or(|it| it <= begun)) && self.hub.hears(self.listener()) {
            self.hub.tell(self.listener(), &self.progress_state(told));
            told.next = Some(Instant::now() + PAUSE.max(begun.elapsed() * SHARE));
        }
    }

    /// Sends what was held back.
    fn last_progress(&self, told: &mut Told) {
        if told.nodes.len() > FEW_NODES {
            self.hub.tell(self.listener(), &self.progress_state(told));
        }
    }

    fn progress_state(&self, told: &Told) -> Frame {
        let nodes: Vec<String> = told.nodes.iter().map(|(id, it)| format!("{}:{}", Value::from(id.as_str()), it.json)).collect();
        let job = Value::from(self.job.as_str());
        let text = format!(r#"{{"type":"progress_state","data":{{"prompt_id":{job},"nodes":{{{}}}}}}}"#, nodes.join(","));
        Frame::Passing(text.into())
    }

    fn failed(&self, failure: &Failure) -> Value {
        let Failure { node, class, error, inputs, executed } = failure;
        let executed: Vec<&str> = executed.iter().map(NodeId::as_str).collect();
        let inputs: Map<String, Value> = inputs.iter().map(|(name, values)| (name.clone(), json!(values))).collect();
        let mut causes = Vec::new();
        let mut cause = error.source().source();
        while let Some(it) = cause {
            causes.push(format!("caused by: {it}\n"));
            cause = it.source();
        }
        let kind = match error.kind() {
            // The names under which clients know these two.
            error::Kind::Cycle => "graph.DependencyCycleError",
            error::Kind::OutOfMemory => "torch.OutOfMemoryError",
            error::Kind::Failed | error::Kind::Cancelled | error::Kind::Panicked => error.type_name(),
        };
        json!({
            "prompt_id": self.job,
            "node_id": node.real.as_str(),
            "node_type": class,
            "executed": executed,
            "exception_message": format!("{error}\n"),
            "exception_type": kind,
            "traceback": causes,
            "current_inputs": inputs,
            "current_outputs": executed,
        })
    }

    fn class(&self, node: &NodeRef) -> &str {
        self.classes.get(&node.real).map_or("", String::as_str)
    }
}

fn executing(node: &NodeRef, job: &str) -> Value {
    json!({ "node": node.id.as_str(), "display_node": node.display.as_str(), "prompt_id": job })
}

fn executed(told: &Told) -> Vec<&str> {
    told.executed.iter().map(NodeId::as_str).collect()
}

/// What a node showed, as lists under the names of their groups.
fn output(shown: &[Shown]) -> Value {
    let mut output = Map::new();
    for shown in shown {
        let value = match shown {
            Shown::File { file, .. } => {
                json!({ "filename": file.filename, "subfolder": file.subfolder, "type": file.place.as_str() })
            }
            Shown::Text(text) => text.as_str().into(),
            Shown::Data { value, .. } => value.clone(),
        };
        if let Value::Array(group) = output.entry(shown.key()).or_insert_with(|| json!([])) {
            group.push(value);
        }
    }
    output.into()
}
