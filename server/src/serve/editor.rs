//! The editor: files inside of the binary, or of a directory.

use crate::serve::answer::Refusal;
use crate::serve::app::App;
use crate::serve::files::relative;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use rust_embed::RustEmbed;
use std::borrow::Cow;
use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

/// The editor as it was built.
#[derive(RustEmbed)]
#[folder = "../web-ui/dist"]
#[allow_missing = true]
struct Inside;

/// What the editor may do: nothing that comes from elsewhere.
const POLICY: &str = "default-src 'self'; img-src 'self' data: blob:; media-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; \
    font-src 'self' data:; connect-src 'self' ws: wss:; worker-src 'self' blob:; object-src 'none'; base-uri 'none'; \
    frame-ancestors 'none'; form-action 'self'";

/// Another editor may be built in any way: it may at least not be framed.
const LOOSE_POLICY: &str = "frame-ancestors 'none'; object-src 'none'";

const ABSENT: &str = "<!doctype html><html lang=en><meta charset=utf-8><title>Burnish</title>\
    <body style='font: 16px/1.5 system-ui; max-width: 40em; margin: 4em auto; padding: 0 1em'>\
    <h1>Burnish is running</h1><p>This build has no editor inside: <code>web-ui/dist</code> was empty when it was compiled. Build the \
    editor and compile again, or start with <code>--front-end-root DIR</code>. Programs can use the protocol as it is.</p>";

/// Answers with a file of the editor.
pub(crate) async fn file(State(app): State<Arc<App>>, request: Request) -> Result<Response, Refusal> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return Err(Refusal::Bare(StatusCode::METHOD_NOT_ALLOWED));
    }
    let path = percent_encoding::percent_decode_str(request.uri().path()).decode_utf8().map_err(|_| Refusal::BAD)?;
    let path = path.trim_start_matches('/');
    let name = if path.is_empty() { "index.html" } else { path }.to_owned();
    let relative = relative(&name).map_err(|_| Refusal::MISSING)?;
    let (content, tag, policy) = match &app.settings.front_end {
        None => match Inside::get(&name) {
            Some(file) => {
                let mut tag = String::new();
                file.metadata.sha256_hash().iter().take(16).for_each(|it| write!(tag, "{it:02x}").unwrap_or_default());
                (file.data, Some(format!("\"{tag}\"")), POLICY)
            }
            None if name == "index.html" => return Ok(Html(ABSENT).into_response()),
            None => return Err(Refusal::MISSING),
        },
        Some(root) => {
            let root = root.clone();
            let content = app.wait(move |_| read(&root, &relative)).await??;
            (Cow::Owned(content), None, LOOSE_POLICY)
        }
    };
    let mut headers = HeaderMap::new();
    let kind = mime_guess::from_path(&name).first_or_octet_stream();
    let text = kind.type_() == "text" || matches!(kind.subtype().as_str(), "javascript" | "json");
    let kind = if text { format!("{kind}; charset=utf-8") } else { kind.to_string() };
    for (name, value) in
        [(header::CONTENT_TYPE, kind.as_str()), (header::CONTENT_SECURITY_POLICY, policy), (header::CACHE_CONTROL, "no-cache")]
    {
        headers.extend(HeaderValue::from_str(value).map(|value| (name, value)));
    }
    if let Some(tag) = tag {
        let known = request.headers().get(header::IF_NONE_MATCH).is_some_and(|it| it.as_bytes() == tag.as_bytes());
        headers.extend(HeaderValue::from_str(&tag).map(|it| (header::ETAG, it)));
        if known {
            return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
        }
    }
    Ok((headers, content.into_owned()).into_response())
}

fn read(root: &Path, path: &Path) -> Result<Vec<u8>, Refusal> {
    let root = cap_std::fs::Dir::open_ambient_dir(root, cap_std::ambient_authority())?;
    Ok(root.read(path)?)
}
