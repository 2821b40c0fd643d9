//! `/upload/image` and `/upload/mask`: files come in.

use crate::serve::answer::{Refusal, json};
use crate::serve::app::App;
use crate::serve::files::{Draft, Sendable, place, relative, subfolder};
use crate::serve::routes::files::{open, slashed, without_mark};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Multipart, State};
use axum::response::IntoResponse;
use axum::routing::post;
use cap_std::fs::Dir;
use runtime::Place;
use serde_json::{Value, json};
use std::io::{self, Cursor, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Longer than any field but the file has to be.
const LONGEST_FIELD: usize = 64 << 10;
/// Files of one name that are kept beside each other.
const MOST_COPIES: usize = 10_000;
/// A larger picture is not opened, and longer words in it are not kept.
const LARGEST_PICTURE: u64 = 256 << 20;
const LONGEST_WORDS: usize = 64 << 20;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/upload/image", post(image)).route("/upload/mask", post(mask))
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

/// Saves a picture that is there already with the transparency of the one that is sent.
async fn mask(State(app): State<Arc<App>>, form: Multipart) -> Result<impl IntoResponse, Refusal> {
    let mut upload = Upload::read(form).await?;
    let content = upload.content.take().ok_or(Refusal::BAD)?;
    let answer = app
        .wait(move |app| {
            let original: Value = upload.original.as_deref().and_then(|it| serde_json::from_str(it).ok()).ok_or(Refusal::BAD)?;
            let (name, marked) = without_mark(original["filename"].as_str().ok_or(Refusal::BAD)?);
            let from = match marked {
                Some(place) => place,
                None => place(original["type"].as_str().unwrap_or("output")).ok_or(Refusal::BAD)?,
            };
            let folder = subfolder(original["subfolder"].as_str().unwrap_or("")).map_err(|_| Refusal::FORBIDDEN)?;
            let path = folder.join(relative(name).map_err(|_| Refusal::BAD)?);
            let original = Sendable::open(app.places.place(from), &path)?.read(LARGEST_PICTURE)?;
            let masked = with_alpha(&original, &content)?;
            save(app, &upload, &masked)
        })
        .await??;
    Ok(json(&answer))
}

/// A PNG of one picture's colours and another's alpha. What the first says in words stays.
fn with_alpha(original: &[u8], mask: &[u8]) -> Result<Vec<u8>, Refusal> {
    let (mut picture, mask) = (open(original)?.to_rgba8(), open(mask)?.to_rgba8());
    if picture.dimensions() != mask.dimensions() {
        return Err(Refusal::Wrong("the mask is of another size than the picture".to_owned()));
    }
    picture.pixels_mut().zip(mask.pixels()).for_each(|(pixel, mask)| pixel.0[3] = mask.0[3]);
    let failed = |it: png::EncodingError| Refusal::Wrong(format!("the picture cannot be written: {it}"));
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, picture.width(), picture.height());
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_depth(png::BitDepth::Eight);
    for (keyword, text) in words(original) {
        if text.chars().all(|it| u32::from(it) < 256) {
            encoder.add_text_chunk(keyword, text).map_err(failed)?;
        } else {
            encoder.add_itxt_chunk(keyword, text).map_err(failed)?;
        }
    }
    let mut writer = encoder.write_header().map_err(failed)?;
    writer.write_image_data(&picture).map_err(failed)?;
    writer.finish().map_err(failed)?;
    Ok(bytes)
}

/// What a PNG says in words: keywords and texts. Other pictures say nothing.
fn words(picture: &[u8]) -> Vec<(String, String)> {
    let limits = png::Limits { bytes: LONGEST_WORDS };
    let Ok(mut reader) = png::Decoder::new_with_limits(Cursor::new(picture), limits).read_info() else { return Vec::new() };
    if reader.finish().is_err() {
        return Vec::new();
    }
    let info = reader.info();
    let plain = info.uncompressed_latin1_text.iter().map(|it| (it.keyword.clone(), it.text.clone()));
    let packed = info.compressed_latin1_text.iter().filter_map(|it| Some((it.keyword.clone(), it.get_text().ok()?)));
    let wide = info.utf8_text.iter().filter_map(|it| Some((it.keyword.clone(), it.get_text().ok()?)));
    plain.chain(packed).chain(wide).collect()
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
