//! `/object_info`, `/embeddings` and `/models`: what workflows may name.

use crate::serve::answer::{Refusal, json};
use crate::serve::app::App;
use axum::Router;
use axum::extract::{Path, State};
use axum::response::IntoResponse;
use axum::routing::get;
use graph::{Catalog, Input, NodeSpec};
use serde_json::{Map, Value, json};
use std::sync::Arc;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/object_info", get(classes))
        .route("/object_info/{class}", get(class))
        .route("/embeddings", get(embeddings))
        .route("/models", get(kinds))
        .route("/models/{kind}", get(models))
}

async fn classes(State(app): State<Arc<App>>) -> Result<impl IntoResponse, Refusal> {
    let all = app
        .wait(|app| {
            let catalog = &*app.registry;
            let about = |class: String| catalog.spec(&class).map(|it| (class, info(&it, catalog)));
            Value::Object(catalog.classes().into_iter().filter_map(about).collect())
        })
        .await?;
    Ok(json(&all))
}

async fn class(State(app): State<Arc<App>>, Path(class): Path<String>) -> Result<impl IntoResponse, Refusal> {
    let one = app
        .wait(move |app| match app.registry.spec(&class) {
            Some(spec) => json!({ class: info(&spec, &*app.registry) }),
            None => json!({}),
        })
        .await?;
    Ok(json(&one))
}

/// A class as ComfyUI describes it.
fn info(spec: &NodeSpec, catalog: &dyn Catalog) -> Value {
    let (mut input, mut order) = (Map::new(), Map::new());
    let group = |required: bool| -> Vec<&Input> { spec.inputs.iter().filter(|it| it.required == required).collect() };
    for (name, inputs) in [("required", group(true)), ("optional", group(false))] {
        if inputs.is_empty() && name == "optional" {
            continue;
        }
        order.insert(name.to_owned(), inputs.iter().map(|it| it.name.as_str()).collect());
        input.insert(name.to_owned(), Value::Object(inputs.iter().map(|it| (it.name.clone(), it.config(catalog))).collect()));
    }
    let outputs = &spec.outputs;
    let mut info = json!({
        "input": input,
        "input_order": order,
        "is_input_list": spec.input_is_list,
        "output": outputs.iter().map(|it| it.socket.as_str()).collect::<Vec<_>>(),
        "output_is_list": outputs.iter().map(|it| it.is_list).collect::<Vec<_>>(),
        "output_name": outputs.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(),
        "name": spec.class,
        "display_name": spec.display_name,
        "description": spec.description,
        // What front ends take for built in.
        "python_module": "nodes",
        "category": spec.category,
        "output_node": spec.output_node,
    });
    if outputs.iter().any(|it| !it.tooltip.is_empty()) {
        info["output_tooltips"] = outputs.iter().map(|it| it.tooltip.as_str()).collect();
    }
    for (name, on) in [("deprecated", spec.deprecated), ("experimental", spec.experimental)] {
        if on {
            info[name] = true.into();
        }
    }
    info
}

async fn embeddings(State(app): State<Arc<App>>) -> Result<impl IntoResponse, Refusal> {
    let names = app
        .wait(|app| {
            let stem = |it: &String| it.rsplit_once('.').map_or(it.clone(), |(stem, _)| stem.to_owned());
            app.registry.files("embeddings").iter().map(stem).collect::<Vec<_>>()
        })
        .await?;
    Ok(json(&json!(names)))
}

async fn kinds(State(app): State<Arc<App>>) -> impl IntoResponse {
    json(&app.settings.folders.models.kinds().collect())
}

async fn models(State(app): State<Arc<App>>, Path(kind): Path<String>) -> Result<impl IntoResponse, Refusal> {
    let names = app.wait(move |app| app.settings.folders.models.list(&kind)).await?.map_err(|_| Refusal::MISSING)?;
    Ok(json(&json!(&*names)))
}
