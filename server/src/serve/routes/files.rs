//! `/view`: pictures and other files of the three directories.

use crate::serve::answer::Refusal;
use crate::serve::app::App;
use crate::serve::files::{Sendable, content_headers, place, relative, subfolder};
use axum::Router;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, GrayAlphaImage, ImageFormat, ImageReader, Limits, LumaA, RgbaImage};
use runtime::Place;
use serde::Deserialize;
use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;

/// A larger file is not opened as a picture, only sent.
const MOST_BYTES: u64 = 512 << 20;
/// Pixels in one direction, and bytes when opened: more is somebody's bomb.
const MOST_PIXELS: u32 = 16_384;
const MOST_MEMORY: u64 = 1 << 30;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/view", get(view))
}

#[derive(Deserialize)]
struct Asked {
    filename: Option<String>,
    #[serde(rename = "type")]
    place: Option<String>,
    subfolder: Option<String>,
    preview: Option<String>,
    channel: Option<String>,
}

async fn view(State(app): State<Arc<App>>, Query(asked): Query<Asked>, headers: HeaderMap) -> Result<Response, Refusal> {
    let Some(filename) = &asked.filename else { return Err(Refusal::MISSING) };
    let (filename, marked) = without_mark(filename);
    let place = match marked {
        Some(marked) => marked,
        None => place(asked.place.as_deref().unwrap_or("output")).ok_or(Refusal::BAD)?,
    };
    let name = relative(filename).map_err(|_| Refusal::BAD)?;
    // As in ComfyUI the folder is named apart, or nowhere.
    let folder = subfolder(asked.subfolder.as_deref().unwrap_or("")).map_err(|_| Refusal::FORBIDDEN)?;
    let path = folder.join(name);
    let change = Change::asked(&asked)?;
    let shown = path.clone();
    let found = app
        .wait(move |app| {
            let file = Sendable::open(app.places.place(place), &path)?;
            match change {
                None => Ok(Found::File(file)),
                Some(change) => change.apply(&file.read(MOST_BYTES)?).map(Found::Picture),
            }
        })
        .await?;
    match found {
        Ok(Found::File(file)) => Ok(file.respond(&headers)),
        Ok(Found::Picture((bytes, kind))) => {
            let mut headers = content_headers(&shown.with_extension(kind).to_string_lossy());
            headers.remove(header::CONTENT_DISPOSITION);
            let name = shown.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let named = content_headers(&name).remove(header::CONTENT_DISPOSITION);
            headers.extend(named.map(|it| (header::CONTENT_DISPOSITION, it)));
            Ok((headers, bytes).into_response())
        }
        Err(refusal) => Err(refusal),
    }
}

enum Found {
    File(Sendable),
    Picture((Vec<u8>, &'static str)),
}

/// What is done to a picture before it is sent.
pub(super) enum Change {
    Jpeg(u8),
    Webp,
    Rgb,
    Alpha,
}

impl Change {
    fn asked(asked: &Asked) -> Result<Option<Self>, Refusal> {
        if let Some(preview) = &asked.preview {
            let (format, quality) = preview.split_once(';').unwrap_or((preview, "90"));
            let quality = quality.trim().parse().unwrap_or(90_u8).clamp(1, 100);
            // Whatever is not JPEG is WebP, as in ComfyUI.
            return Ok(Some(if format == "jpeg" { Self::Jpeg(quality) } else { Self::Webp }));
        }
        match asked.channel.as_deref() {
            None | Some("rgba") => Ok(None),
            Some("rgb") => Ok(Some(Self::Rgb)),
            Some("a") => Ok(Some(Self::Alpha)),
            Some(other) => Err(Refusal::Wrong(format!("there is no channel `{other}`: rgba, rgb or a"))),
        }
    }

    pub(super) fn apply(&self, bytes: &[u8]) -> Result<(Vec<u8>, &'static str), Refusal> {
        let image = open(bytes)?;
        let mut out = Cursor::new(Vec::new());
        let failed = |it: image::ImageError| Refusal::Wrong(format!("the picture cannot be written so: {it}"));
        let kind = match self {
            Self::Jpeg(quality) => {
                JpegEncoder::new_with_quality(&mut out, *quality).encode_image(&image.to_rgb8()).map_err(failed)?;
                "jpg"
            }
            Self::Webp => {
                let image = if image.color().has_alpha() { image.to_rgba8().into() } else { DynamicImage::from(image.to_rgb8()) };
                image.write_to(&mut out, ImageFormat::WebP).map_err(failed)?;
                "webp"
            }
            Self::Rgb => {
                image.to_rgb8().write_to(&mut out, ImageFormat::Png).map_err(failed)?;
                "png"
            }
            Self::Alpha => {
                alpha(&image).write_to(&mut out, ImageFormat::Png).map_err(failed)?;
                "png"
            }
        };
        Ok((out.into_inner(), kind))
    }
}

/// Opens a picture that anybody may have made.
pub(super) fn open(bytes: &[u8]) -> Result<DynamicImage, Refusal> {
    let wrong = |it: &dyn std::fmt::Display| Refusal::Wrong(format!("this picture cannot be opened: {it}"));
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(|it| wrong(&it))?;
    let mut limits = Limits::default();
    (limits.max_image_width, limits.max_image_height) = (Some(MOST_PIXELS), Some(MOST_PIXELS));
    limits.max_alloc = Some(MOST_MEMORY);
    reader.limits(limits);
    reader.decode().map_err(|it| wrong(&it))
}

/// Black, with the alpha of a picture; opaque where it has none.
fn alpha(image: &DynamicImage) -> RgbaImage {
    let gray: GrayAlphaImage = image.to_luma_alpha8();
    RgbaImage::from_fn(gray.width(), gray.height(), |x, y| {
        let LumaA([_, alpha]) = *gray.get_pixel(x, y);
        image::Rgba([0, 0, 0, alpha])
    })
}

/// Takes `[output]` and its like off a name.
pub(super) fn without_mark(name: &str) -> (&str, Option<Place>) {
    let marked = [Place::Input, Place::Output, Place::Temp]
        .into_iter()
        .find_map(|it| Some((name.strip_suffix(&format!("[{}]", it.as_str()))?.trim_end(), Some(it))));
    marked.unwrap_or((name, None))
}

/// The parts of a path as the protocol writes them.
pub(super) fn slashed(path: &Path) -> String {
    path.iter().map(|it| it.to_string_lossy()).collect::<Vec<_>>().join("/")
}
