//! `/v1/images/generations`: pictures for programs that know OpenAI's interface, drawn by a workflow of the server's choice.
//!
//! The prompt goes into the text of the node that the sampler's `positive` leads to, the size into the empty latent, and every seed is
//! drawn anew unless the request names one. A workflow of which that cannot be said is refused when the server starts.

use crate::open::{OpenError, Workflow};
use crate::serve::answer::{Refusal, json, read_json};
use crate::serve::app::App;
use crate::serve::files::{Sendable, place, subfolder};
use crate::serve::routes::prompt;
use crate::serve::store::{Listed, State as Stage};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use graph::{Catalog, Graph, InputValue, NodeId, api_json, read};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The workflow where nobody chose another: the demo model's.
const DEMO: &str = include_str!("../../../../workflows/text-to-image.json");
/// Pictures of one request.
const MOST_PICTURES: u64 = 10;
/// Pixels along a side.
const SIDES: std::ops::RangeInclusive<u64> = 16..=8192;
/// Bytes of a picture that is sent inside of JSON.
const LARGEST: u64 = 256 << 20;
/// How long a job is waited for that is not heard of: it may have been forgotten.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/v1/images/generations", post(generate)).route("/v1/models", get(models))
}

/// A workflow, and where a request's wishes go in it.
#[derive(Debug)]
pub(crate) struct Drawing {
    prompt: Value,
    /// Node and input of the text.
    text: (NodeId, String),
    /// Nodes with a width and a height.
    sizes: Vec<NodeId>,
    /// Nodes and inputs of seeds.
    seeds: Vec<(NodeId, String)>,
}

impl Drawing {
    /// Reads the workflow of a file, or the demo model's.
    ///
    /// # Errors
    /// In words, when it is none or has no place for a prompt.
    pub(crate) fn open(file: Option<&PathBuf>, catalog: &dyn Catalog) -> Result<Self, String> {
        let graph = match file {
            Some(file) => Workflow::open(file, catalog, 0).map(|it| it.graph).map_err(|it| match it {
                OpenError::File(message) => message,
                OpenError::Content(problems) => format!("{}: {problems}", file.display()),
            })?,
            None => read::parse(DEMO).and_then(|it| read::read(&it, catalog, 0)).map_err(|it| it.to_string())?,
        };
        let name = file.map_or("the demo workflow".into(), |it| it.display().to_string());
        Self::find(&graph).map_err(|it| format!("{name}: {it}"))
    }

    fn find(graph: &Graph) -> Result<Self, String> {
        let is_literal =
            |value: Option<&InputValue>, fits: fn(&Value) -> bool| matches!(value, Some(InputValue::Literal(it)) if fits(it));
        let text = graph
            .iter()
            .filter_map(|(_, node)| match node.inputs.get("positive") {
                Some(InputValue::Link { node, .. }) => text_behind(graph, node),
                _ => None,
            })
            .next()
            .ok_or("no node with an input `positive` leads to a `text`, so a prompt has no place in it")?;
        let has_size =
            |node: &graph::Node| ["width", "height"].iter().all(|it| is_literal(node.inputs.get(*it), Value::is_number));
        let makes_latents = |node: &graph::Node| node.class.contains("Latent") && has_size(node);
        let sizes = graph.iter().filter(|(_, node)| makes_latents(node)).map(|(id, _)| id.clone()).collect();
        let seeds = graph.iter().flat_map(|(id, node)| {
            let of = |name: &&str| is_literal(node.inputs.get(*name), Value::is_number);
            ["seed", "noise_seed"].into_iter().filter(of).map(|name| (id.clone(), name.to_owned())).collect::<Vec<_>>()
        });
        Ok(Self { prompt: api_json::to_json(graph), text, sizes, seeds: seeds.collect() })
    }

    /// The prompt of one picture.
    fn draw(&self, wish: &Wish, seed: u64) -> Value {
        let mut prompt = self.prompt.clone();
        let mut set = |id: &NodeId, input: &str, value: Value| prompt[id.as_str()]["inputs"][input] = value;
        set(&self.text.0, &self.text.1, wish.prompt.as_str().into());
        if let Some((width, height)) = wish.size {
            for id in &self.sizes {
                set(id, "width", width.into());
                set(id, "height", height.into());
            }
        }
        for (id, input) in &self.seeds {
            set(id, input, seed.into());
        }
        prompt
    }
}

/// The text that feeds a node, at itself or behind its links of conditioning.
fn text_behind(graph: &Graph, first: &NodeId) -> Option<(NodeId, String)> {
    let mut open = vec![first.clone()];
    let mut seen = Vec::new();
    while let Some(id) = open.pop() {
        let node = graph.node(id.as_str())?;
        for name in ["text", "text_g", "prompt", "value"] {
            if let Some(InputValue::Literal(Value::String(_))) = node.inputs.get(name) {
                return Some((id, name.to_owned()));
            }
        }
        seen.push(id);
        for (name, input) in &node.inputs {
            if let InputValue::Link { node, .. } = input
                && matches!(
                    name.as_str(),
                    "text" | "text_g" | "prompt" | "positive" | "conditioning" | "conditioning_1" | "conditioning_to"
                )
                && !seen.contains(node)
            {
                open.push(node.clone());
            }
        }
    }
    None
}

/// What a request asks for.
struct Wish {
    prompt: String,
    count: u64,
    size: Option<(u64, u64)>,
    inside: bool,
    seed: Option<u64>,
}

/// Why not, as OpenAI says it.
pub(super) fn wrong(parameter: &str, message: impl Into<String>) -> Refusal {
    let error = json!({ "message": message.into(), "type": "invalid_request_error", "param": parameter, "code": null });
    Refusal::Prompt(StatusCode::BAD_REQUEST, json!({ "error": error }))
}

pub(super) fn failed(message: impl Into<String>) -> Refusal {
    let error = json!({ "message": message.into(), "type": "server_error", "param": null, "code": null });
    Refusal::Prompt(StatusCode::INTERNAL_SERVER_ERROR, json!({ "error": error }))
}

impl Wish {
    fn read(body: &[u8]) -> Result<Self, Refusal> {
        let request = read_json(body)?;
        let prompt = request["prompt"].as_str().filter(|it| !it.trim().is_empty());
        let prompt = prompt.ok_or_else(|| wrong("prompt", "`prompt` is a text that says what to draw"))?;
        let count = match &request["n"] {
            Value::Null => 1,
            n => n
                .as_u64()
                .filter(|it| (1..=MOST_PICTURES).contains(it))
                .ok_or_else(|| wrong("n", format!("`n` is 1 to {MOST_PICTURES}")))?,
        };
        let size = match &request["size"] {
            Value::Null => None,
            Value::String(text) if text == "auto" => None,
            size => {
                let sides = size.as_str().and_then(|it| it.split_once('x'));
                let sides = sides.and_then(|(w, h)| Some((w.parse().ok()?, h.parse().ok()?)));
                let sides = sides.filter(|(w, h)| SIDES.contains(w) && SIDES.contains(h));
                let needed = || format!("`size` is `auto`, or WIDTHxHEIGHT with sides of {SIDES:?} pixels");
                Some(sides.ok_or_else(|| wrong("size", needed()))?)
            }
        };
        let inside = match &request["response_format"] {
            Value::Null => false,
            Value::String(text) if text == "url" => false,
            Value::String(text) if text == "b64_json" => true,
            _ => return Err(wrong("response_format", "`response_format` is `url` or `b64_json`")),
        };
        let seed = match &request["seed"] {
            Value::Null => None,
            seed => Some(seed.as_u64().ok_or_else(|| wrong("seed", "`seed` is a whole number from 0 on"))?),
        };
        if request["stream"] == Value::Bool(true) {
            return Err(wrong("stream", "pictures are not streamed here; the websocket at /ws shows them while they are drawn"));
        }
        Ok(Self { prompt: prompt.to_owned(), count, size, inside, seed })
    }
}

/// Jobs that nobody waits for any more when the request is given up.
pub(super) struct Waited {
    app: Arc<App>,
    ids: Vec<String>,
}

impl Waited {
    pub(super) fn new(app: Arc<App>, ids: Vec<String>) -> Self {
        Self { app, ids }
    }

    /// They ended by themselves.
    pub(super) fn end(mut self) {
        self.ids.clear();
    }
}

impl Drop for Waited {
    fn drop(&mut self) {
        if self.ids.is_empty() {
            return;
        }
        let (app, ids) = (self.app.clone(), std::mem::take(&mut self.ids));
        tokio::task::spawn_blocking(move || {
            if let Err(error) = app.jobs.cancel(&ids) {
                tracing::warn!("jobs of a request that was given up go on: {error}");
            }
        });
    }
}

async fn generate(State(app): State<Arc<App>>, headers: HeaderMap, body: Bytes) -> Result<impl IntoResponse, Refusal> {
    let wish = Wish::read(&body)?;
    let drawing = app.drawing.as_ref().map_err(|it| failed(format!("no workflow draws pictures here: {it}")))?;
    if wish.size.is_some() && drawing.sizes.is_empty() {
        return Err(wrong("size", "the workflow behind this route has a size of its own"));
    }
    let first = wish.seed.unwrap_or_else(|| uuid::Uuid::new_v4().as_u64_pair().0 >> 12);
    let prompts: Vec<Value> = (0..wish.count).map(|i| drawing.draw(&wish, first.wrapping_add(i) & (u64::MAX >> 12))).collect();
    let ids = app
        .wait(move |app| {
            let accept = |prompt: Value| {
                let accepted = prompt::accept(app, json!({ "prompt": prompt }).to_string().as_bytes())?;
                Ok(accepted.answer["prompt_id"].as_str().unwrap_or_default().to_owned())
            };
            prompts.into_iter().map(accept).collect::<Result<Vec<String>, Refusal>>()
        })
        .await??;
    let waited = Waited::new(app.clone(), ids.clone());
    let host = headers.get(header::HOST).and_then(|it| it.to_str().ok()).unwrap_or("localhost").to_owned();
    let mut data = Vec::new();
    for id in ids {
        let job = ended(&app, &id).await?;
        let files = files(&job)?;
        for file in files {
            data.push(if wish.inside {
                let bytes = app.wait(move |app| open(app, &file).and_then(|it| Ok(it.read(LARGEST)?))).await??;
                json!({ "b64_json": STANDARD.encode(bytes) })
            } else {
                json!({ "url": format!("http://{host}/view?{}", query(&file)) })
            });
        }
    }
    waited.end();
    let created = crate::serve::time::now() / 1000;
    Ok(json(&json!({ "created": created, "data": data })))
}

/// Waits for a job.
pub(super) async fn ended(app: &Arc<App>, id: &str) -> Result<Listed, Refusal> {
    loop {
        let change = app.hub.next_change();
        tokio::pin!(change);
        // What changes while the job is looked up counts.
        change.as_mut().enable();
        let asked = id.to_owned();
        let job = app.wait(move |app| app.jobs.one(&asked)).await??;
        match job {
            None => return Err(failed("the job was forgotten before it was read")),
            Some(job) => match job.state {
                Stage::Pending | Stage::Running => drop(tokio::time::timeout(PATIENCE, change).await),
                Stage::Completed => return Ok(job),
                Stage::Cancelled => return Err(failed("the job was cancelled")),
                Stage::Failed => {
                    let error: Value = job.error.as_deref().and_then(|it| serde_json::from_str(it).ok()).unwrap_or_default();
                    return Err(failed(error["exception_message"].as_str().unwrap_or("the job failed").trim()));
                }
            },
        }
    }
}

/// A file that a job saved.
struct Saved {
    name: String,
    subfolder: String,
    place: String,
}

/// The pictures that a job saved, or, where it saved none, those that it showed.
fn files(job: &Listed) -> Result<Vec<Saved>, Refusal> {
    let outputs: Map<String, Value> = job.outputs.as_deref().and_then(|it| serde_json::from_str(it).ok()).unwrap_or_default();
    let images = outputs.values().flat_map(|it| it["images"].as_array().into_iter().flatten());
    let text = |image: &Value, key: &str| image[key].as_str().unwrap_or_default().to_owned();
    let all: Vec<Saved> = images
        .map(|it| Saved { name: text(it, "filename"), subfolder: text(it, "subfolder"), place: text(it, "type") })
        .collect();
    let saved = all.iter().any(|it| it.place == "output");
    let kept: Vec<Saved> = all.into_iter().filter(|it| !saved || it.place == "output").collect();
    if kept.is_empty() { Err(failed("the workflow behind this route made no picture")) } else { Ok(kept) }
}

fn open(app: &App, file: &Saved) -> Result<Sendable, Refusal> {
    let place = place(&file.place).ok_or(Refusal::MISSING)?;
    let folder = subfolder(&file.subfolder).map_err(|_| Refusal::MISSING)?;
    Ok(Sendable::open(app.places.place(place), &folder.join(Path::new(&file.name)))?)
}

fn query(file: &Saved) -> String {
    let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    format!("filename={}&subfolder={}&type={}", encode(&file.name), encode(&file.subfolder), encode(&file.place))
}

async fn models(State(app): State<Arc<App>>) -> Result<impl IntoResponse, Refusal> {
    let language = app.wait(|app| app.settings.folders.files("language_models")).await?;
    let model = |id: String| json!({ "id": id, "object": "model", "created": 0, "owned_by": "burnish" });
    let data: Vec<Value> = std::iter::once("burnish".to_owned()).chain(language).map(model).collect();
    Ok(json(&json!({ "object": "list", "data": data })))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawing(prompt: &Value) -> Result<Drawing, String> {
        Drawing::find(&api_json::from_json(prompt).unwrap())
    }

    #[test]
    fn wishes_go_where_the_demo_workflow_has_them() {
        let demo: Value = serde_json::from_str(DEMO).unwrap();
        let wish = Wish::read(br#"{ "prompt": "a pear", "size": "128x64", "n": 2, "model": "any" }"#).unwrap();
        let prompt = drawing(&demo).unwrap().draw(&wish, 7);
        assert_eq!(prompt["2"]["inputs"]["text"], "a pear");
        assert_eq!(prompt["3"]["inputs"]["text"], demo["3"]["inputs"]["text"], "what is not wanted stays");
        let latent = prompt.as_object().unwrap().values().find(|it| it["class_type"] == "EmptyLatentImage").unwrap();
        assert_eq!((&latent["inputs"]["width"], &latent["inputs"]["height"]), (&json!(128), &json!(64)));
        let sampler = prompt.as_object().unwrap().values().find(|it| it["class_type"] == "KSampler").unwrap();
        assert_eq!(sampler["inputs"]["seed"], 7);
    }

    #[test]
    fn a_text_is_found_behind_other_nodes() {
        let prompt = json!({
            "1": { "class_type": "PrimitiveString", "inputs": { "value": "x" } },
            "2": { "class_type": "CLIPTextEncode", "inputs": { "text": ["1", 0] } },
            "3": { "class_type": "FluxGuidance", "inputs": { "conditioning": ["2", 0] } },
            "4": { "class_type": "KSampler", "inputs": { "positive": ["3", 0] } },
        });
        assert_eq!(drawing(&prompt).unwrap().text, (NodeId::from("1"), "value".to_owned()));
        assert!(drawing(&json!({ "1": { "class_type": "EmptyImage", "inputs": {} } })).unwrap_err().contains("positive"));
    }

    #[test]
    fn a_wrong_wish_is_refused() {
        let wrong = [
            "{}",
            r#"{"prompt":" "}"#,
            r#"{"prompt":"x","n":0}"#,
            r#"{"prompt":"x","n":11}"#,
            r#"{"prompt":"x","size":"9"}"#,
            r#"{"prompt":"x","size":"1x1"}"#,
            r#"{"prompt":"x","response_format":"gif"}"#,
            r#"{"prompt":"x","stream":true}"#,
            "no",
        ];
        for body in wrong {
            assert!(Wish::read(body.as_bytes()).is_err(), "{body}");
        }
    }
}
