//! `/history`: what ran.

use crate::serve::answer::{Refusal, read_json_if_any, ready_json};
use crate::serve::app::App;
use crate::serve::routes::queue::{ids, is_true, item};
use crate::serve::store::Listed;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::get;
use serde::Deserialize;
use serde_json::Value;
use std::sync::Arc;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/history", get(show).post(change)).route("/history/{id}", get(one))
}

#[derive(Deserialize)]
struct Window {
    max_items: Option<i64>,
    offset: Option<i64>,
}

/// All jobs that ran; the latest `max_items`; with an `offset` that many from there on, counted from the first.
async fn show(State(app): State<Arc<App>>, Query(window): Query<Window>) -> Result<impl IntoResponse, Refusal> {
    let most = window.max_items.and_then(|it| u32::try_from(it).ok());
    let offset = window.offset.and_then(|it| u32::try_from(it).ok());
    let text = app.wait(move |app| app.jobs.history(most, offset).map(|jobs| entries(&jobs))).await??;
    Ok(ready_json(text))
}

async fn one(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<impl IntoResponse, Refusal> {
    let job = app.wait(move |app| app.jobs.one(&id)).await??;
    let ran: Vec<Listed> = job.into_iter().filter(|it| it.ended.is_some() && it.started.is_some()).collect();
    Ok(ready_json(entries(&ran)))
}

/// `{"clear": true}` and `{"delete": [ids]}`.
async fn change(State(app): State<Arc<App>>, body: Bytes) -> Result<StatusCode, Refusal> {
    let request = read_json_if_any(&body);
    app.wait(move |app| {
        if is_true(&request["clear"]) {
            app.jobs.forget(None)?;
        }
        let ids = ids(&request["delete"]);
        if !ids.is_empty() {
            app.jobs.forget(Some(&ids))?;
        }
        Ok::<_, Refusal>(())
    })
    .await??;
    Ok(StatusCode::OK)
}

/// An object of jobs by id. Its parts are JSON already: nothing is parsed to be written again.
fn entries(jobs: &[Listed]) -> String {
    let entry = |job: &Listed| {
        let part = |text: &Option<String>| text.clone().unwrap_or_else(|| "{}".to_owned());
        format!(
            r#"{}:{{"prompt":{},"outputs":{},"status":{},"meta":{}}}"#,
            Value::from(job.id.as_str()),
            item(job),
            part(&job.outputs),
            part(&job.status),
            part(&job.meta)
        )
    };
    format!("{{{}}}", jobs.iter().map(entry).collect::<Vec<_>>().join(","))
}
