//! What is answered when something is wrong.

use crate::serve::jobs::Refused;
use crate::serve::store::StoreError;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::io;

/// Why a request is not answered as its sender hoped.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The request makes no sense.
    Wrong(String),
    /// An answer of this status without words, as ComfyUI gives.
    Bare(StatusCode),
    /// An answer in ComfyUI's form for prompts.
    Prompt(StatusCode, Value),
    /// The queue is full.
    Full(usize),
    /// A disk failed.
    Disk(io::Error),
    /// The jobs cannot be read or written.
    Store(StoreError),
    /// There is a mistake in this program.
    Bug,
}

impl Refusal {
    /// There is no such thing.
    pub(crate) const MISSING: Self = Self::Bare(StatusCode::NOT_FOUND);
    /// It leads somewhere that is nobody's business.
    pub(crate) const FORBIDDEN: Self = Self::Bare(StatusCode::FORBIDDEN);
    /// The request makes no sense, in no words.
    pub(crate) const BAD: Self = Self::Bare(StatusCode::BAD_REQUEST);

    /// Why a prompt was refused.
    pub(crate) fn prompt(kind: &str, message: &str, details: &str) -> Self {
        let error = json!({ "type": kind, "message": message, "details": details, "extra_info": {} });
        Self::Prompt(StatusCode::BAD_REQUEST, json!({ "error": error, "node_errors": {} }))
    }
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory => Self::MISSING,
            io::ErrorKind::PermissionDenied => Self::FORBIDDEN,
            io::ErrorKind::InvalidInput | io::ErrorKind::InvalidFilename | io::ErrorKind::AlreadyExists => Self::BAD,
            _ => Self::Disk(error),
        }
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Full(most) => Self::Full(most),
            Refused::Store(StoreError::Duplicate(id)) => {
                Self::prompt("invalid_prompt_id", "This prompt_id was used before", &format!("There is a job {id} already"))
            }
            Refused::Store(error) => Self::Store(error),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let error = |status: StatusCode, text: String| (status, json(&json!({ "error": text }))).into_response();
        match self {
            Self::Wrong(text) => error(StatusCode::BAD_REQUEST, text),
            Self::Bare(status) => status.into_response(),
            Self::Prompt(status, answer) => (status, json(&answer)).into_response(),
            Self::Full(most) => {
                let text = format!("{most} jobs wait already: try again later");
                (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "10")], json(&json!({ "error": text }))).into_response()
            }
            Self::Disk(source) => {
                tracing::error!("a disk failed: {source}");
                let full = source.kind() == io::ErrorKind::StorageFull;
                let status = if full { StatusCode::INSUFFICIENT_STORAGE } else { StatusCode::INTERNAL_SERVER_ERROR };
                error(status, if full { "the disk is full".to_owned() } else { "a file cannot be read or written".to_owned() })
            }
            Self::Store(source) => {
                tracing::error!("{source}");
                error(StatusCode::INTERNAL_SERVER_ERROR, "the jobs cannot be read or written".to_owned())
            }
            Self::Bug => error(StatusCode::INTERNAL_SERVER_ERROR, "this is a bug in burnish".to_owned()),
        }
    }
}

/// A body of JSON.
pub(crate) fn json(value: &Value) -> impl IntoResponse + use<> {
    ready_json(value.to_string())
}

/// A body of JSON that is text already.
pub(crate) fn ready_json(text: String) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"))], text)
}

/// Reads a body as JSON, whatever it is said to be: clients say anything.
pub(crate) fn read_json(body: &[u8]) -> Result<Value, Refusal> {
    serde_json::from_slice(body).map_err(|it| Refusal::Wrong(format!("this is no JSON: {it}")))
}

/// The same, an empty body or one that is no JSON being nothing.
pub(crate) fn read_json_if_any(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap_or(Value::Null)
}
