//! `/view_metadata` and `/experiment/models`: what is known of model files.

use crate::serve::answer::{Refusal, json};
use crate::serve::app::App;
use crate::serve::files::{Sendable, relative};
use crate::serve::routes::files::Change;
use axum::Router;
use axum::extract::{Path as At, Query, State};
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;
use cap_std::ambient_authority;
use cap_std::fs::Dir;
use serde::Deserialize;
use serde_json::{Value, json};
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// A longer header is not read to show what is in it.
const LONGEST_HEADER: u64 = 1 << 20;
/// A larger picture stands for no model.
const LARGEST_PICTURE: u64 = 32 << 20;
/// Folders that hold no models.
const NO_MODELS: [&str; 2] = ["configs", "custom_nodes"];

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/view_metadata/{kind}", get(metadata))
        .route("/experiment/models", get(kinds))
        .route("/experiment/models/{kind}", get(models))
        .route("/experiment/models/preview/{kind}/{index}/{*name}", get(preview))
}

#[derive(Deserialize)]
struct Asked {
    filename: Option<String>,
}

/// What somebody wrote into the header of a safetensors file.
async fn metadata(
    State(app): State<Arc<App>>,
    At(kind): At<String>,
    Query(asked): Query<Asked>,
) -> Result<impl IntoResponse, Refusal> {
    let name = asked.filename.filter(|it| it.ends_with(".safetensors")).ok_or(Refusal::MISSING)?;
    let metadata = app
        .wait(move |app| {
            let path = app.settings.folders.model(&kind, &name).map_err(|_| Refusal::MISSING)?;
            header_of(&path).and_then(|mut it| it.get_mut("__metadata__").map(Value::take)).ok_or(Refusal::MISSING)
        })
        .await??;
    Ok(json(&metadata))
}

fn header_of(path: &Path) -> Option<Value> {
    let mut file = File::open(path).ok()?;
    let mut length = [0; 8];
    file.read_exact(&mut length).ok()?;
    let length = u64::from_le_bytes(length);
    if length > LONGEST_HEADER {
        return None;
    }
    let mut header = Vec::new();
    file.take(length).read_to_end(&mut header).ok()?;
    serde_json::from_slice(&header).ok()
}

async fn kinds(State(app): State<Arc<App>>) -> impl IntoResponse {
    let models = &app.settings.folders.models;
    let about = |kind: &str| {
        let folders: Vec<_> = models.directories(kind).unwrap_or_default().iter().map(|it| it.display().to_string()).collect();
        json!({ "name": kind, "folders": folders })
    };
    json(&models.kinds().filter(|it| !NO_MODELS.contains(it)).map(about).collect())
}

async fn models(State(app): State<Arc<App>>, At(kind): At<String>) -> Result<impl IntoResponse, Refusal> {
    let list = app
        .wait(move |app| {
            let models = &app.settings.folders.models;
            let (names, directories) = (models.list(&kind).ok()?, models.directories(&kind).ok()?);
            let about = |name: &String| {
                let (index, about) =
                    directories.iter().enumerate().find_map(|(index, it)| Some((index, it.join(name).metadata().ok()?)))?;
                let seconds = |time: std::io::Result<SystemTime>| {
                    time.ok().and_then(|it| it.duration_since(UNIX_EPOCH).ok()).map(|it| it.as_secs_f64())
                };
                Some(json!({
                    "name": name, "pathIndex": index, "size": about.len(),
                    "modified": seconds(about.modified()), "created": seconds(about.created()),
                }))
            };
            Some(names.iter().filter_map(about).collect::<Vec<Value>>())
        })
        .await?
        .ok_or(Refusal::MISSING)?;
    Ok(json(&list.into()))
}

/// The picture beside a model.
async fn preview(
    State(app): State<Arc<App>>,
    At((kind, index, name)): At<(String, usize, String)>,
) -> Result<impl IntoResponse, Refusal> {
    let path = relative(&name).map_err(|_| Refusal::MISSING)?;
    let picture = app
        .wait(move |app| {
            let directories = app.settings.folders.models.directories(&kind).ok()?;
            let directory = Dir::open_ambient_dir(directories.get(index)?, ambient_authority()).ok()?;
            let beside = ["preview.png", "png", "preview.jpg", "jpg", "preview.jpeg", "jpeg", "preview.webp", "webp"];
            let file = beside.iter().find_map(|it| Sendable::open(&directory, &path.with_extension(it)).ok())?;
            Change::Webp.apply(&file.read(LARGEST_PICTURE).ok()?).ok()
        })
        .await?
        .ok_or(Refusal::MISSING)?;
    Ok(([(header::CONTENT_TYPE, "image/webp")], picture.0))
}
