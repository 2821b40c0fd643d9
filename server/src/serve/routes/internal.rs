//! `/internal`: what the editor alone may ask, and nobody should depend on.

use crate::serve::answer::{Refusal, json, read_json};
use crate::serve::app::App;
use crate::serve::files::place;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path as At, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::{get, patch};
use serde_json::{Map, Value, json};
use std::cmp::Reverse;
use std::sync::Arc;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/internal/logs", get(text))
        .route("/internal/logs/raw", get(entries))
        .route("/internal/logs/subscribe", patch(subscribe))
        .route("/internal/folder_paths", get(folders))
        .route("/internal/files/{place}", get(files))
}

async fn text(State(app): State<Arc<App>>) -> impl IntoResponse {
    json(&app.logs.text().into())
}

async fn entries(State(app): State<Arc<App>>) -> impl IntoResponse {
    json(&json!({ "entries": app.logs.entries(), "size": { "cols": 80, "rows": 24 } }))
}

/// `{"clientId": id, "enabled": yes}`: what is logged goes to that client too.
async fn subscribe(State(app): State<Arc<App>>, body: Bytes) -> Result<StatusCode, Refusal> {
    let request = read_json(&body)?;
    let client = request["clientId"].as_str().ok_or(Refusal::BAD)?;
    app.logs.subscribe(client, request["enabled"] == Value::Bool(true));
    Ok(StatusCode::OK)
}

async fn folders(State(app): State<Arc<App>>) -> impl IntoResponse {
    let models = &app.settings.folders.models;
    let paths = |kind: &str| -> Vec<Value> {
        models.directories(kind).unwrap_or_default().iter().map(|it| it.display().to_string().into()).collect()
    };
    json(&Value::Object(models.kinds().map(|it| (it.to_owned(), paths(it).into())).collect::<Map<_, _>>()))
}

/// The names of the files that lie directly in one of the three directories, the newest first.
async fn files(State(app): State<Arc<App>>, At(name): At<String>) -> Result<impl IntoResponse, Refusal> {
    let place = place(&name).ok_or_else(|| Refusal::Wrong("Invalid directory type".to_owned()))?;
    let names = app
        .wait(move |app| {
            let mut files = Vec::new();
            for entry in app.places.place(place).entries()? {
                let entry = entry?;
                let about = entry.metadata()?;
                if about.is_file() {
                    files.push((
                        Reverse(about.modified().ok().map(|it| it.into_std())),
                        entry.file_name().to_string_lossy().into_owned(),
                    ));
                }
            }
            files.sort();
            Ok::<Vec<String>, Refusal>(files.into_iter().map(|it| it.1).collect())
        })
        .await??;
    Ok(json(&json!(names)))
}
