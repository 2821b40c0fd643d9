//! `/upload/image`: files come in.

use crate::serve::answer::{Refusal, json};
use crate::serve::app::App;
use crate::serve::files::{Draft, place, relative, subfolder};
use crate::serve::routes::files::slashed;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Multipart, State};
use axum::response::IntoResponse;
use axum::routing::post;
use cap_std::fs::Dir;
use runtime::Place;
use serde_json::{Value, json};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Longer than any field but the file has to be.
const LONGEST_FIELD: usize = 64 << 10;
/// Files of one name that are kept beside each other.
const MOST_COPIES: usize = 10_000;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/upload/image", post(image))
}

/// What was sent.
#[derive(Default)]
pub(super) struct Upload {
    pub name: String,
    pub content: Option<Bytes>,
    pub place: Option<String>,
    pub subfolder: String,
    pub overwrite: bool,
    pub original: Option<String>,
}

impl Upload {
    pub(super) async fn read(mut form: Multipart) -> Result<Self, Refusal> {
        let mut upload = Self::default();
        while let Some(field) = form.next_field().await.map_err(|_| Refusal::BAD)? {
            let name = field.name().unwrap_or_default().to_owned();
            if name == "image" {
                upload.name = field.file_name().unwrap_or_default().to_owned();
                upload.content = Some(field.bytes().await.map_err(|it| Refusal::Bare(it.status()))?);
                continue;
            }
            let text = field.text().await.map_err(|_| Refusal::BAD)?;
            if text.len() > LONGEST_FIELD {
                return Err(Refusal::BAD);
            }
            match name.as_str() {
                "type" => upload.place = Some(text),
                "subfolder" => upload.subfolder = text,
                "overwrite" => upload.overwrite = matches!(text.as_str(), "true" | "1"),
                "original_ref" => upload.original = Some(text),
                _ => {}
            }
        }
        Ok(upload)
    }

    /// Where it goes: the directory, and the path below it.
    pub(super) fn goal(&self) -> Result<(Place, PathBuf), Refusal> {
        let place = place(self.place.as_deref().unwrap_or("input")).ok_or(Refusal::BAD)?;
        let folder = subfolder(&self.subfolder).map_err(|_| Refusal::BAD)?;
        let name = relative(&self.name).map_err(|_| Refusal::BAD)?;
        Ok((place, folder.join(name)))
    }
}

async fn image(State(app): State<Arc<App>>, form: Multipart) -> Result<impl IntoResponse, Refusal> {
    let mut upload = Upload::read(form).await?;
    let content = upload.content.take().ok_or(Refusal::BAD)?;
    let answer = app.wait(move |app| save(app, &upload, &content)).await??;
    Ok(json(&answer))
}

/// Saves a file, and says under which name.
pub(super) fn save(app: &App, upload: &Upload, content: &[u8]) -> Result<Value, Refusal> {
    let (place, wanted) = upload.goal()?;
    let directory = app.places.place(place);
    let mut draft = Draft::begin(directory, &wanted)?;
    draft.write_all(content)?;
    let path = if upload.overwrite { Some(wanted) } else { free_name(directory, &wanted, content)? };
    let path = match path {
        Some(path) => {
            draft.keep(&path)?;
            path
        }
        None => return Err(Refusal::BAD),
    };
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let folder = path.parent().map(slashed).unwrap_or_default();
    Ok(json!({ "name": name, "subfolder": folder, "type": place.as_str() }))
}

/// The wanted name, or one with ` (1)`, ` (2)`... behind it; a file of the same content is as good as none.
fn free_name(directory: &Dir, wanted: &Path, content: &[u8]) -> Result<Option<PathBuf>, Refusal> {
    let stem = wanted.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let ending = wanted.extension().map(|it| format!(".{}", it.to_string_lossy())).unwrap_or_default();
    for copy in 0..MOST_COPIES {
        let path = if copy == 0 { wanted.to_owned() } else { wanted.with_file_name(format!("{stem} ({copy}){ending}")) };
        match directory.open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Some(path)),
            Err(error) => return Err(error.into()),
            Ok(file) => {
                let same_length = file.metadata()?.len() == content.len() as u64;
                let mut there = Vec::new();
                if same_length && file.take(content.len() as u64).read_to_end(&mut there).is_ok() && there == content {
                    return Ok(Some(path));
                }
            }
        }
    }
    Ok(None)
}
