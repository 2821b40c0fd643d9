//! `/queue`, `/interrupt` and `/free`: what waits, and what runs.

use crate::serve::answer::{Refusal, read_json_if_any, ready_json};
use crate::serve::app::App;
use crate::serve::routes::prompt::plain_number;
use crate::serve::store::Listed;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use serde_json::Value;
use std::sync::Arc;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/queue", get(show).post(change)).route("/interrupt", post(interrupt)).route("/free", post(free))
}

async fn show(State(app): State<Arc<App>>) -> Result<impl IntoResponse, Refusal> {
    let text = app
        .wait(|app| {
            let (running, pending) = app.jobs.queue()?;
            let list = |jobs: &[Listed]| jobs.iter().map(item).collect::<Vec<_>>().join(",");
            Ok::<_, Refusal>(format!(r#"{{"queue_running":[{}],"queue_pending":[{}]}}"#, list(&running), list(&pending)))
        })
        .await??;
    Ok(ready_json(text))
}

/// A job as the queue and the history write it: `[number, id, prompt, extra_data, outputs]`.
pub(super) fn item(job: &Listed) -> String {
    let id = Value::from(job.id.as_str());
    format!("[{},{id},{},{},{}]", plain_number(job.number), job.prompt, job.extra, job.targets)
}

/// `{"clear": true}` and `{"delete": [ids]}`: of what waits.
async fn change(State(app): State<Arc<App>>, body: Bytes) -> Result<StatusCode, Refusal> {
    let request = read_json_if_any(&body);
    let ids = ids(&request["delete"]);
    let clear = is_true(&request["clear"]);
    app.wait(move |app| {
        if clear {
            app.jobs.drop_pending(None)?;
        }
        if !ids.is_empty() {
            app.jobs.drop_pending(Some(&ids))?;
        }
        app.hub.queue_changed(None, app.jobs.remaining());
        Ok::<_, Refusal>(())
    })
    .await??;
    Ok(StatusCode::OK)
}

/// Ends the job of `prompt_id`, or whatever runs.
async fn interrupt(State(app): State<Arc<App>>, body: Bytes) -> Result<StatusCode, Refusal> {
    let request = read_json_if_any(&body);
    app.wait(move |app| app.jobs.interrupt(request["prompt_id"].as_str())).await?;
    Ok(StatusCode::OK)
}

/// Drops models, and with `free_memory` what is kept of earlier jobs too.
async fn free(State(app): State<Arc<App>>, body: Bytes) -> Result<StatusCode, Refusal> {
    let request = read_json_if_any(&body);
    app.wait(move |app| app.jobs.free(is_true(&request["unload_models"]), is_true(&request["free_memory"]))).await?;
    Ok(StatusCode::OK)
}

/// The texts of a list.
pub(super) fn ids(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// What clients write for yes.
pub(super) fn is_true(value: &Value) -> bool {
    match value {
        Value::Bool(yes) => *yes,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::Null | Value::String(_) | Value::Array(_) | Value::Object(_) => false,
    }
}
