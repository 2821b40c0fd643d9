//! `/workflow_templates` and what else front ends ask about packs of nodes. The only pack is the one inside: its templates are the
//! workflows of this repository.

use crate::serve::answer::{Refusal, json, ready_json};
use crate::serve::app::App;
use axum::Router;
use axum::extract::Path as At;
use axum::response::IntoResponse;
use axum::routing::get;
use rust_embed::RustEmbed;
use serde_json::json;
use std::sync::Arc;

/// The example workflows.
#[derive(RustEmbed)]
#[folder = "../workflows"]
#[include = "*.json"]
#[exclude = "*/*"]
struct Examples;

/// The name of the pack.
const PACK: &str = "burnish";

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/workflow_templates", get(list))
        .route("/workflow_templates/{pack}/{file}", get(one))
        .route("/i18n", get(nothing))
        .route("/node_replacements", get(nothing))
        .route("/global_subgraphs", get(nothing))
        .route("/global_subgraphs/{id}", get(async || Refusal::MISSING))
        .route("/extensions", get(async || json(&json!([]))))
}

async fn list() -> impl IntoResponse {
    let names: Vec<String> = Examples::iter().filter_map(|it| Some(it.strip_suffix(".json")?.to_owned())).collect();
    json(&json!({ PACK: names }))
}

async fn one(At((pack, file)): At<(String, String)>) -> Result<impl IntoResponse, Refusal> {
    let content = Examples::get(&file).filter(|_| pack == PACK).ok_or(Refusal::MISSING)?;
    Ok(ready_json(String::from_utf8_lossy(&content.data).into_owned()))
}

async fn nothing() -> impl IntoResponse {
    json(&json!({}))
}
