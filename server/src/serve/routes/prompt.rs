//! `/prompt`: workflows come in.

use crate::serve::answer::{Refusal, json, read_json};
use crate::serve::app::App;
use crate::serve::hub::Hold;
use crate::serve::jobs::Order;
use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use graph::{InputValue, NodeId, Validation, api_json};
use http_body::{Frame, SizeHint};
use serde_json::{Map, Value, json};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll};
use uuid::Uuid;

/// A prompt of more nodes is somebody's mistake, or somebody's attack.
const MOST_NODES: usize = 100_000;
/// Longer ids are no ids.
const LONGEST_ID: usize = 256;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/prompt", get(remaining).post(submit))
}

async fn remaining(State(app): State<Arc<App>>) -> impl IntoResponse {
    json(&json!({ "exec_info": { "queue_remaining": app.jobs.remaining() } }))
}

async fn submit(State(app): State<Arc<App>>, body: Bytes) -> Result<Response, Refusal> {
    let Accepted { answer, hold } = app.wait(move |app| accept(app, &body)).await??;
    Ok(json(&answer).into_response().map(|body| Body::new(Holding { body, _hold: hold })))
}

/// A job that was accepted.
pub(super) struct Accepted {
    pub(super) answer: Value,
    /// Keeps its client from hearing of the job before it has the answer.
    pub(super) hold: Option<Hold>,
}

/// A body that holds something until it is sent.
struct Holding {
    body: Body,
    _hold: Option<Hold>,
}

impl HttpBody for Holding {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut task::Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Validates what was sent, and makes it a job.
pub(super) fn accept(app: &App, body: &[u8]) -> Result<Accepted, Refusal> {
    let Value::Object(mut request) = read_json(body)? else {
        return Err(Refusal::prompt("invalid_prompt", "The request is not an object", "Send {\"prompt\": {...}}"));
    };
    let Some(mut prompt) = request.remove("prompt") else {
        return Err(Refusal::prompt("no_prompt", "No prompt provided", "No prompt provided"));
    };
    let id = match request.remove("prompt_id") {
        None | Some(Value::Null) => Uuid::new_v4().to_string(),
        Some(Value::String(id)) if is_id(&id) => id,
        Some(other) => {
            return Err(Refusal::prompt("invalid_prompt_id", "prompt_id is no id", &format!("{other} cannot be an id")));
        }
    };
    if prompt.as_object().is_some_and(|it| it.len() > MOST_NODES) {
        let details = format!("It has more than {MOST_NODES} nodes");
        return Err(Refusal::prompt("invalid_prompt", "The prompt is too large", &details));
    }
    let targets = targets(request.get("partial_execution_targets"))?;
    let Validation { graph, runnable, .. } = {
        let graph = api_json::from_json(&prompt).map_err(|problems| {
            let error = problems.0.first().map(graph::Problem::to_json);
            Refusal::Prompt(StatusCode::BAD_REQUEST, json!({ "error": error, "node_errors": {} }))
        })?;
        let validation = graph::validate(graph, &*app.registry, targets.as_deref());
        let node_errors = validation.node_errors();
        if let Some(error) = validation.error() {
            return Err(Refusal::Prompt(StatusCode::BAD_REQUEST, json!({ "error": error, "node_errors": node_errors })));
        }
        request.insert("node_errors".to_owned(), node_errors);
        validation
    };
    take_over(&mut prompt, &graph);
    let number = request.get("number").and_then(|it| it.as_f64().or_else(|| it.as_str()?.parse().ok()));
    let extra = match request.remove("extra_data") {
        Some(Value::Object(extra)) => extra,
        _ => Map::new(),
    };
    let client = request.get("client_id").or_else(|| extra.get("client_id")).and_then(Value::as_str).map(str::to_owned);
    let mut order = Order {
        id: id.clone(),
        number: number.filter(|it| it.is_finite()),
        front: request.get("front").is_some_and(|it| *it == Value::Bool(true)),
        client: client.clone(),
        prompt,
        extra,
        targets: runnable.iter().map(ToString::to_string).collect(),
    };
    if let Some(client) = &client {
        order.extra.insert("client_id".to_owned(), client.as_str().into());
    }
    order.extra.insert("create_time".to_owned(), crate::serve::time::now().into());
    let hold = client.as_deref().and_then(|it| app.hub.hold(it));
    let number = app.jobs.submit(order)?;
    app.hub.queue_changed(client.as_deref(), app.jobs.remaining());
    let answer = json!({ "prompt_id": id, "number": plain_number(number), "node_errors": request.remove("node_errors") });
    Ok(Accepted { answer, hold })
}

fn is_id(id: &str) -> bool {
    !id.is_empty() && id.len() <= LONGEST_ID && !id.contains(char::is_control)
}

/// The outputs that a client wants; all where it does not say.
fn targets(json: Option<&Value>) -> Result<Option<Vec<NodeId>>, Refusal> {
    match json {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Array(ids)) => Ok(Some(ids.iter().filter_map(Value::as_str).map(NodeId::from).collect())),
        Some(_) => {
            let details = "partial_execution_targets has to be a list of node ids";
            Err(Refusal::prompt("invalid_prompt", "The targets are no list", details))
        }
    }
}

/// Writes the literals that validation made into the types of their inputs back into the prompt: that is what runs and is saved.
fn take_over(prompt: &mut Value, graph: &graph::Graph) {
    for (id, node) in graph.iter() {
        for (name, value) in &node.inputs {
            if let InputValue::Literal(literal) = value
                && let Some(place) = prompt.get_mut(id.as_str()).and_then(|it| it.get_mut("inputs")?.get_mut(name))
                && api_json::input_from_json(place) != *value
                && !literal.is_array()
            {
                *place = literal.clone();
            }
        }
    }
}

/// A number as JSON writes it, whole ones without a fraction.
pub(super) fn plain_number(number: f64) -> Value {
    if number.fract() == 0.0 && number.abs() < 1e15 { json!(number as i64) } else { json!(number) }
}
