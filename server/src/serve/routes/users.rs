//! `/users` and `/settings`: who uses the server, and how they like it.
//!
//! The header that says who asks is no proof of anything: it keeps the settings of people apart who trust each other.

use crate::serve::answer::{Refusal, json, read_json};
use crate::serve::app::App;
use crate::serve::files::Draft;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path as At, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use axum::routing::get;
use cap_std::fs::Dir;
use serde_json::{Map, Value, json};
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;
use uuid::Uuid;

const SETTINGS: &str = "comfy.settings.json";
const USERS: &str = "users.json";
/// More settings are none.
const MOST_BYTES: u64 = 16 << 20;
const LONGEST_NAME: usize = 100;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/users", get(users).post(add_user))
        .route("/settings", get(settings).post(merge_settings))
        .route("/settings/{id}", get(setting).post(change_setting))
}

/// The directory of whoever asks.
pub(super) fn directory(app: &App, headers: &HeaderMap) -> Result<Dir, Refusal> {
    let id = user(app, headers)?;
    Ok(app.places.user(&id)?)
}

/// Who asks: everybody is `default`, unless there are several.
fn user(app: &App, headers: &HeaderMap) -> Result<String, Refusal> {
    if !app.settings.multi_user {
        return Ok("default".to_owned());
    }
    let id = headers.get("comfy-user").and_then(|it| it.to_str().ok()).unwrap_or("default");
    let known = object(app.places.users(), USERS)?;
    if known.contains_key(id) { Ok(id.to_owned()) } else { Err(Refusal::Bare(StatusCode::UNAUTHORIZED)) }
}

async fn users(State(app): State<Arc<App>>) -> Result<impl IntoResponse, Refusal> {
    let answer = app
        .wait(|app| {
            Ok::<_, Refusal>(if app.settings.multi_user {
                json!({ "storage": "server", "users": object(app.places.users(), USERS)? })
            } else {
                json!({ "storage": "server", "migrated": app.places.users().is_dir("default") })
            })
        })
        .await??;
    Ok(json(&answer))
}

async fn add_user(State(app): State<Arc<App>>, body: Bytes) -> Result<impl IntoResponse, Refusal> {
    let request = read_json(&body)?;
    let name = request["username"].as_str().unwrap_or_default().trim().to_owned();
    if name.is_empty() || name.len() > LONGEST_NAME {
        return Err(Refusal::Wrong("username not provided".to_owned()));
    }
    let id = app
        .wait(move |app| {
            let _lock = app.user_files.lock();
            let mut users = object(app.places.users(), USERS)?;
            if users.values().any(|it| it.as_str() == Some(&name)) {
                return Err(Refusal::Wrong("Duplicate username.".to_owned()));
            }
            let plain: String = name.chars().map(|it| if it.is_ascii_alphanumeric() || it == '_' { it } else { '-' }).collect();
            let id = format!("{plain}_{}", Uuid::new_v4());
            users.insert(id.clone(), name.into());
            write(app.places.users(), USERS, &Value::from(users))?;
            Ok(id)
        })
        .await??;
    Ok(json(&id.into()))
}

async fn settings(State(app): State<Arc<App>>, headers: HeaderMap) -> Result<impl IntoResponse, Refusal> {
    let all = app.wait(move |app| object(&directory(app, &headers)?, SETTINGS)).await??;
    Ok(json(&all.into()))
}

async fn setting(State(app): State<Arc<App>>, At(id): At<String>, headers: HeaderMap) -> Result<impl IntoResponse, Refusal> {
    let all = app.wait(move |app| object(&directory(app, &headers)?, SETTINGS)).await??;
    Ok(json(all.get(&id).unwrap_or(&Value::Null)))
}

async fn merge_settings(State(app): State<Arc<App>>, headers: HeaderMap, body: Bytes) -> Result<StatusCode, Refusal> {
    let Value::Object(new) = read_json(&body)? else {
        return Err(Refusal::Wrong("settings are an object".to_owned()));
    };
    change(&app, headers, new).await
}

async fn change_setting(
    State(app): State<Arc<App>>,
    At(id): At<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, Refusal> {
    let value = read_json(&body)?;
    change(&app, headers, Map::from_iter([(id, value)])).await
}

async fn change(app: &Arc<App>, headers: HeaderMap, new: Map<String, Value>) -> Result<StatusCode, Refusal> {
    app.wait(move |app| {
        let directory = directory(app, &headers)?;
        let _lock = app.user_files.lock();
        let mut all = object(&directory, SETTINGS)?;
        all.extend(new);
        write(&directory, SETTINGS, &Value::from(all))
    })
    .await??;
    Ok(StatusCode::OK)
}

/// The object in a file. A file that is not there is an empty one; one that is no object is an error rather than lost.
fn object(directory: &Dir, name: &str) -> Result<Map<String, Value>, Refusal> {
    let file = match directory.open(name) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Map::new()),
        other => other?,
    };
    let mut text = Vec::new();
    file.take(MOST_BYTES).read_to_end(&mut text)?;
    match serde_json::from_slice(&text) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) | Err(_) => Err(Refusal::Disk(io::Error::other(format!("{name} is damaged: it holds no object")))),
    }
}

fn write(directory: &Dir, name: &str, value: &Value) -> Result<(), Refusal> {
    let mut draft = Draft::begin(directory, Path::new(name))?;
    draft.write_all(format!("{value:#}").as_bytes())?;
    Ok(draft.keep(Path::new(name))?)
}
