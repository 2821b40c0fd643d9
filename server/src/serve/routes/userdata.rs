//! `/userdata`: the files of a user, saved workflows among them. `{file}` is one part of the path: slashes in it are written `%2F`.

use crate::serve::answer::{Refusal, json};
use crate::serve::app::App;
use crate::serve::files::{Draft, Sendable, relative, subfolder};
use crate::serve::routes::files::slashed;
use crate::serve::routes::users::directory;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path as At, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use cap_std::fs::{Dir, Metadata};
use cap_std::time::SystemTime;
use serde::Deserialize;
use serde_json::{Value, json};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A directory this deep is not looked into, and more files than these are not listed.
const DEEPEST: usize = 16;
const MOST_FILES: usize = 100_000;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/userdata", get(list))
        .route("/v2/userdata", get(list_all))
        .route("/userdata/{file}", get(read).post(write).delete(delete))
        .route("/userdata/{file}/move/{dest}", post(rename))
}

#[derive(Deserialize)]
struct Asked {
    dir: Option<String>,
    path: Option<String>,
    recurse: Option<String>,
    full_info: Option<String>,
    split: Option<String>,
    overwrite: Option<String>,
}

impl Asked {
    fn is(value: &Option<String>, expected: &str) -> bool {
        value.as_deref().is_some_and(|it| it.eq_ignore_ascii_case(expected))
    }
}

/// A file or a directory that was found.
struct Found {
    path: PathBuf,
    about: Metadata,
}

/// The files of a directory, as paths from it, as lists of their parts, or with size and times.
async fn list(State(app): State<Arc<App>>, Query(asked): Query<Asked>, headers: HeaderMap) -> Result<impl IntoResponse, Refusal> {
    let Some(name) = asked.dir.filter(|it| !it.is_empty()) else {
        return Err(Refusal::Wrong("Directory not provided".to_owned()));
    };
    let path = folder(&name)?;
    let (recurse, full, split) =
        (Asked::is(&asked.recurse, "true"), Asked::is(&asked.full_info, "true"), Asked::is(&asked.split, "true"));
    let files = app
        .wait(move |app| {
            let root = open(&directory(app, &headers)?, &path)?;
            let found = walk(&root, if recurse { DEEPEST } else { 0 })?;
            let files = found.iter().filter(|it| it.about.is_file()).map(|it| {
                let path = slashed(&it.path);
                if full {
                    info(&path, &it.about)
                } else if split {
                    std::iter::once(path.as_str()).chain(path.split('/')).collect()
                } else {
                    path.into()
                }
            });
            Ok::<Vec<Value>, Refusal>(files.collect())
        })
        .await??;
    Ok(json(&files.into()))
}

/// Everything below a directory, directories first.
async fn list_all(
    State(app): State<Arc<App>>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, Refusal> {
    let name = asked.path.unwrap_or_default();
    let path = subfolder(&name).map_err(|_| Refusal::Wrong("Invalid path requested".to_owned()))?;
    let all = app
        .wait(move |app| {
            let user = directory(app, &headers)?;
            if user.is_file(&path) {
                return Err(Refusal::Wrong("Requested path is not a directory".to_owned()));
            }
            let mut found = walk(&open(&user, &path)?, DEEPEST)?;
            found.sort_by_key(|it| (!it.about.is_dir(), it.path.file_name().map(|it| it.to_string_lossy().to_lowercase())));
            let about = |it: &Found| {
                let name = it.path.file_name().unwrap_or_default().to_string_lossy();
                let path = slashed(&path.join(&it.path));
                if it.about.is_dir() {
                    json!({ "name": name, "path": path, "type": "directory" })
                } else {
                    let modified = millis(it.about.modified()) as f64 / 1000.0;
                    json!({ "name": name, "path": path, "type": "file", "size": it.about.len(), "modified": modified })
                }
            };
            Ok(found.iter().map(about).collect::<Vec<Value>>())
        })
        .await??;
    Ok(json(&all.into()))
}

async fn read(State(app): State<Arc<App>>, At(file): At<String>, headers: HeaderMap) -> Result<Response, Refusal> {
    let path = name(&file)?;
    let user = headers.clone();
    let file = app.wait(move |app| Ok::<_, Refusal>(Sendable::open(&directory(app, &user)?, &path)?)).await??;
    Ok(file.respond(&headers))
}

async fn write(
    State(app): State<Arc<App>>,
    At(file): At<String>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<impl IntoResponse, Refusal> {
    let path = name(&file)?;
    let answer = app
        .wait(move |app| {
            let user = directory(app, &headers)?;
            let _lock = app.user_files.lock();
            free(&user, &path, &asked)?;
            let mut draft = Draft::begin(&user, &path)?;
            draft.write_all(&body)?;
            draft.keep(&path)?;
            kept(&user, &path, &asked)
        })
        .await??;
    Ok(json(&answer))
}

async fn delete(State(app): State<Arc<App>>, At(file): At<String>, headers: HeaderMap) -> Result<StatusCode, Refusal> {
    let path = name(&file)?;
    app.wait(move |app| Ok::<_, Refusal>(directory(app, &headers)?.remove_file(&path)?)).await??;
    Ok(StatusCode::NO_CONTENT)
}

async fn rename(
    State(app): State<Arc<App>>,
    At((file, dest)): At<(String, String)>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, Refusal> {
    let (from, to) = (name(&file)?, name(&dest)?);
    let answer = app
        .wait(move |app| {
            let user = directory(app, &headers)?;
            let _lock = app.user_files.lock();
            if !user.exists(&from) {
                return Err(Refusal::MISSING);
            }
            free(&user, &to, &asked)?;
            if let Some(parent) = to.parent().filter(|it| *it != Path::new("")) {
                user.create_dir_all(parent)?;
            }
            user.rename(&from, &user, &to)?;
            kept(&user, &to, &asked)
        })
        .await??;
    Ok(json(&answer))
}

/// The path that a name means.
fn name(name: &str) -> Result<PathBuf, Refusal> {
    relative(name).map_err(|_| Refusal::FORBIDDEN)
}

fn folder(name: &str) -> Result<PathBuf, Refusal> {
    subfolder(if name == "." { "" } else { name }).map_err(|_| Refusal::FORBIDDEN)
}

fn open(directory: &Dir, path: &Path) -> io::Result<Dir> {
    if path == Path::new("") { directory.try_clone() } else { directory.open_dir(path) }
}

/// Nothing is overwritten by who does not want to.
fn free(directory: &Dir, path: &Path, asked: &Asked) -> Result<(), Refusal> {
    if Asked::is(&asked.overwrite, "false") && directory.exists(path) {
        return Err(Refusal::Bare(StatusCode::CONFLICT));
    }
    Ok(())
}

fn kept(directory: &Dir, path: &Path, asked: &Asked) -> Result<Value, Refusal> {
    let name = slashed(path);
    Ok(if Asked::is(&asked.full_info, "true") { info(&name, &directory.metadata(path)?) } else { name.into() })
}

fn info(path: &str, about: &Metadata) -> Value {
    let modified = millis(about.modified());
    let created = about.created().map_or(modified, |it| millis(Ok(it)));
    json!({ "path": path, "size": about.len(), "modified": modified, "created": created })
}

fn millis(time: io::Result<SystemTime>) -> u64 {
    let since = time.ok().and_then(|it| it.into_std().duration_since(std::time::UNIX_EPOCH).ok());
    since.and_then(|it| u64::try_from(it.as_millis()).ok()).unwrap_or(0)
}

/// What lies in a directory and, down to some depth, below it: sorted by path, what is hidden left out.
fn walk(root: &Dir, depth: usize) -> io::Result<Vec<Found>> {
    let mut found = Vec::new();
    let mut open = vec![(PathBuf::new(), root.try_clone()?, depth)];
    while let Some((path, directory, depth)) = open.pop() {
        for entry in directory.entries()? {
            let entry = entry?;
            let name = entry.file_name();
            if name.to_string_lossy().starts_with('.') || found.len() >= MOST_FILES {
                continue;
            }
            // A link is followed as far as it stays inside.
            let Ok(about) = directory.metadata(&name) else { continue };
            let path = path.join(&name);
            if about.is_dir()
                && depth > 0
                && let Ok(below) = entry.open_dir()
            {
                open.push((path.clone(), below, depth - 1));
            }
            found.push(Found { path, about });
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}
