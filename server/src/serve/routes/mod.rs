//! The routes: a file for each group, each with a function that names its paths.
//!
//! Every route is there twice, bare and below `/api`, as in ComfyUI.

mod chat;
mod docs;
mod files;
mod history;
mod internal;
mod jobs;
mod metadata;
mod models;
pub(crate) mod openai;
mod prompt;
mod queue;
mod system;
mod templates;
mod upload;
mod userdata;
mod users;
mod ws;

use crate::serve::app::App;
use crate::serve::{editor, guard};
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use std::sync::Arc;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};

/// All routes.
pub(crate) fn router(app: &Arc<App>) -> Router {
    let texts = SizeAbove::new(1024)
        .and(NotForContentType::IMAGES)
        .and(NotForContentType::const_new("video/"))
        .and(NotForContentType::const_new("audio/").and(NotForContentType::const_new("application/octet-stream")));
    let api = Router::new()
        .merge(prompt::routes())
        .merge(queue::routes())
        .merge(history::routes())
        .merge(jobs::routes())
        .merge(metadata::routes())
        .merge(models::routes())
        .merge(templates::routes())
        .merge(users::routes())
        .merge(userdata::routes())
        .merge(files::routes())
        .merge(upload::routes())
        .merge(system::routes())
        .merge(ws::routes());
    api.clone()
        .nest("/api", api)
        .merge(internal::routes())
        .merge(openai::routes())
        .merge(chat::routes())
        .merge(docs::routes())
        .fallback(editor::file)
        .layer(DefaultBodyLimit::max(app.settings.most_upload))
        .layer(CompressionLayer::new().compress_when(texts))
        .layer(middleware::from_fn_with_state(app.clone(), guard::guard))
        .layer(CatchPanicLayer::new())
        .with_state(app.clone())
}
