//! `/system_stats`, `/features` and what else front ends ask when they start.

use crate::serve::answer::{Refusal, json};
use crate::serve::app::App;
use crate::serve::measures::Now;
use axum::Router;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;
use serde_json::{Value, json};
use std::sync::Arc;
use sysinfo::{MemoryRefreshKind, RefreshKind, System};

/// The version of ComfyUI whose protocol this is.
const PROTOCOL: &str = "0.3.64";

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/system_stats", get(statistics)).route("/features", get(features)).route("/metrics", get(metrics))
}

async fn statistics(State(app): State<Arc<App>>) -> Result<impl IntoResponse, Refusal> {
    let answer = app
        .wait(|app| {
            let system = System::new_with_specifics(RefreshKind::nothing().with_memory(MemoryRefreshKind::nothing().with_ram()));
            let (total, free) = (system.total_memory(), system.available_memory());
            let device = |(index, name): (usize, &String)| {
                let name = if name == "auto" { "cpu" } else { name };
                let held = app.engines.get(index).map_or(0, |it| it.statistics().resident_bytes);
                json!({
                    "name": name, "type": name.split(':').next(), "index": index,
                    "vram_total": total, "vram_free": free, "torch_vram_total": held, "torch_vram_free": 0,
                })
            };
            let devices: Vec<Value> = app.settings.devices.iter().enumerate().map(device).collect();
            json!({
                "system": {
                    "os": std::env::consts::OS,
                    "ram_total": total,
                    "ram_free": free,
                    "comfyui_version": PROTOCOL,
                    "burnish_version": env!("CARGO_PKG_VERSION"),
                    "required_frontend_version": null,
                    "installed_templates_version": null,
                    "required_templates_version": null,
                    "comfy_package_versions": [],
                    "python_version": "none",
                    "pytorch_version": "none",
                    "embedded_python": false,
                    "argv": ["burnish", "serve"],
                },
                "devices": devices,
            })
        })
        .await?;
    Ok(json(&answer))
}

/// What this server can do, for those who ask by HTTP and by websocket.
pub(super) fn server_features(app: &App) -> Value {
    json!({
        "supports_preview_metadata": true,
        "supports_progress_text_metadata": true,
        "max_upload_size": app.settings.most_upload,
        "extension": { "manager": { "supports_v4": false } },
        "node_replacements": true,
        "assets": false,
    })
}

/// What was counted and timed, as Prometheus reads it.
async fn metrics(State(app): State<Arc<App>>) -> impl IntoResponse {
    let devices = app.settings.devices.iter().zip(&app.engines).map(|(name, engine)| {
        let statistics = engine.statistics();
        (name.as_str(), statistics.resident_bytes, statistics.loads)
    });
    let now = Now { waiting: app.jobs.remaining(), clients: app.hub.len(), devices: devices.collect() };
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], app.measures.text(&now))
}

async fn features(State(app): State<Arc<App>>) -> impl IntoResponse {
    json(&server_features(&app))
}
