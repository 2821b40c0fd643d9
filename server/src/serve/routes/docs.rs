//! `/docs`: every route, described. `/openapi.json` says it to programs, and the page reads that; nothing comes from elsewhere.

use crate::serve::answer::ready_json;
use crate::serve::app::App;
use axum::Router;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;
use serde_json::{Map, Value, json};
use std::sync::Arc;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/openapi.json", get(async || ready_json(description().to_string())))
        .route("/docs", get(async || page("text/html; charset=utf-8", include_str!("../docs/page.html"))))
        .route("/docs/page.js", get(async || page("text/javascript; charset=utf-8", include_str!("../docs/page.js"))))
}

/// What the page may do: ask this server.
const POLICY: &str = "default-src 'self'; style-src 'unsafe-inline'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'";

fn page(kind: &'static str, text: &'static str) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, kind), (header::CONTENT_SECURITY_POLICY, POLICY), (header::CACHE_CONTROL, "no-cache")], text)
}

/// A route as it is described.
struct Row {
    method: &'static str,
    path: &'static str,
    summary: &'static str,
    /// Name and meaning of what the query may say.
    query: &'static [(&'static str, &'static str)],
    body: Body,
    answer: &'static str,
}

/// What is sent along.
enum Body {
    None,
    /// JSON of this schema.
    Json(&'static str),
    Form(&'static str),
    Bytes,
}

const fn row(method: &'static str, path: &'static str, summary: &'static str) -> Row {
    Row { method, path, summary, query: &[], body: Body::None, answer: "Any" }
}

impl Row {
    const fn query(self, query: &'static [(&'static str, &'static str)]) -> Self {
        Self { query, ..self }
    }

    const fn json(self, schema: &'static str) -> Self {
        Self { body: Body::Json(schema), ..self }
    }

    const fn gives(self, answer: &'static str) -> Self {
        Self { answer, ..self }
    }
}

const FILE: &[(&str, &str)] = &[
    ("filename", "The name of the file"),
    ("subfolder", "The folder below the place, nothing for the place itself"),
    ("type", "The place: output, input or temp"),
    ("preview", "`webp;90` or `jpeg;80`: the picture in that format and quality"),
    ("channel", "rgba, rgb or a"),
];
const PAGE: &[(&str, &str)] =
    &[("max_items", "The most jobs to answer with"), ("offset", "How many to skip, counted from the oldest")];
const JOBS: &[(&str, &str)] = &[
    ("status", "pending, in_progress, completed, failed, cancelled, or several of them with commas"),
    ("workflow_id", "Only jobs of this workflow"),
    ("sort_by", "created_at or execution_duration"),
    ("sort_order", "asc or desc"),
    ("limit", "The most jobs to answer with"),
    ("offset", "How many to skip"),
];
const USERDATA: &[(&str, &str)] = &[
    ("dir", "The directory to list"),
    ("recurse", "Whether to list directories in it too"),
    ("full_info", "Whether to tell size and time of each file"),
    ("split", "Whether to tell paths as lists of their parts"),
];
const KEEP: &[(&str, &str)] =
    &[("overwrite", "false to keep a file that is there"), ("full_info", "Whether to tell size and time")];

/// Every route, in the order in which the page shows them. The first part of a path is its group.
const ROWS: &[Row] = &[
    row("post", "/prompt", "Sends a workflow to be run").json("Prompt").gives("Accepted"),
    row("get", "/prompt", "Says how many jobs wait or run"),
    row("get", "/queue", "Lists the jobs that run and those that wait"),
    row("post", "/queue", "Takes jobs out of the queue").json("ClearOrDelete"),
    row("post", "/interrupt", "Stops the job that runs, or the one of this id if it runs").json("Interrupt"),
    row("post", "/free", "Drops models, and with `free_memory` kept results too").json("Free"),
    row("get", "/history", "Lists jobs that ended").query(PAGE),
    row("post", "/history", "Forgets jobs that ended").json("ClearOrDelete"),
    row("get", "/history/{id}", "Tells of one job that ended; an empty object where it has not"),
    row("get", "/jobs", "Lists jobs of every kind, page by page").query(JOBS),
    row("get", "/jobs/{id}", "Tells of one job, with its outputs and its workflow"),
    row("post", "/jobs/{id}/cancel", "Cancels a job, whether it waits or runs"),
    row("post", "/jobs/cancel", "Cancels several jobs").json("JobIds"),
    row("post", "/jobs/{id}/move", "Gives a job that waits another place: before all others, or at a number").json("Move"),
    row("post", "/jobs/pause", "Lets no further job begin"),
    row("post", "/jobs/resume", "Lets jobs begin again"),
    row("get", "/ws", "The websocket on which clients hear of their jobs").query(&[("clientId", "What the client calls itself")]),
    row("get", "/object_info", "Describes every node class"),
    row("get", "/object_info/{class}", "Describes one node class"),
    row("get", "/embeddings", "Lists the embeddings"),
    row("get", "/models", "Lists the kinds of models"),
    row("get", "/models/{kind}", "Lists the models of a kind"),
    row("get", "/view_metadata/{kind}", "Reads what a model file says of itself").query(&[("filename", "The model's file")]),
    row("get", "/experiment/models", "Lists the kinds of models and their folders"),
    row("get", "/experiment/models/{kind}", "Lists the models of a kind with sizes and times"),
    row("get", "/experiment/models/preview/{kind}/{index}/{name}", "The picture that lies beside a model").gives("Bytes"),
    row("get", "/view", "Reads a file that was loaded, saved or shown").query(FILE).gives("Bytes"),
    Row { body: Body::Form("Upload"), ..row("post", "/upload/image", "Uploads a picture to load") },
    Row { body: Body::Form("Mask"), ..row("post", "/upload/mask", "Uploads a mask over a picture that is there") },
    row("get", "/users", "Says who keeps settings here"),
    row("post", "/users", "Adds somebody").json("Name"),
    row("get", "/settings", "Reads all settings"),
    row("post", "/settings", "Changes several settings").json("Any"),
    row("get", "/settings/{id}", "Reads a setting"),
    row("post", "/settings/{id}", "Changes a setting").json("Any"),
    row("get", "/userdata", "Lists files that somebody keeps").query(USERDATA),
    row("get", "/v2/userdata", "Lists files and directories that somebody keeps").query(&[("path", "The directory to list")]),
    row("get", "/userdata/{file}", "Reads a file").gives("Bytes"),
    Row { body: Body::Bytes, ..row("post", "/userdata/{file}", "Writes a file").query(KEEP) },
    row("delete", "/userdata/{file}", "Deletes a file"),
    row("post", "/userdata/{file}/move/{dest}", "Renames a file").query(KEEP),
    row("get", "/workflow_templates", "Lists the templates"),
    row("get", "/workflow_templates/{pack}/{file}", "Reads a template"),
    row("get", "/global_subgraphs", "Lists subgraphs that every workflow may use"),
    row("get", "/global_subgraphs/{id}", "Reads a subgraph"),
    row("get", "/node_replacements", "Lists classes that others took the place of"),
    row("get", "/extensions", "Lists scripts that the editor loads"),
    row("get", "/i18n", "Translations of nodes"),
    row("get", "/system_stats", "Describes the machine and its devices"),
    row("get", "/features", "Lists what this server can do"),
    row("get", "/metrics", "What was counted and timed, as Prometheus reads it").gives("Bytes"),
    row("get", "/internal/logs", "What was logged lately, as text"),
    row("get", "/internal/logs/raw", "What was logged lately, with times"),
    row("patch", "/internal/logs/subscribe", "Sends new lines of the log to a websocket, or no longer").json("Subscribe"),
    row("get", "/internal/folder_paths", "Lists the folders of each kind of model"),
    row("get", "/internal/files/{place}", "Lists the files of output, input or temp"),
    row("post", "/v1/images/generations", "Draws pictures, as OpenAI's interface does").json("Images").gives("Pictures"),
    row("post", "/v1/chat/completions", "Lets a language model answer, as OpenAI's interface does").json("Chat"),
    row("post", "/v1/completions", "Lets a language model go on with a text, as OpenAI's interface does").json("Completion"),
    row("get", "/v1/models", "Lists the language models, and what /v1/images/generations draws with"),
    row("get", "/openapi.json", "This description"),
    row("get", "/docs", "This description as a page").gives("Bytes"),
    row("get", "/docs/page.js", "What makes the page of it").gives("Bytes"),
];

/// The schemas that rows name.
fn schemas() -> Value {
    let text = json!({ "type": "string" });
    let truth = json!({ "type": "boolean" });
    let ids = json!({ "type": "array", "items": { "type": "string" } });
    let file = json!({ "type": "string", "format": "binary" });
    let object = |properties: Value, required: Value| json!({ "type": "object", "properties": properties, "required": required });
    let number = json!({ "type": "number" });
    let whole = json!({ "type": "integer", "minimum": 0 });
    // What both ways to let a model write have in common.
    let writing = |mut own: Value| {
        for name in ["temperature", "top_p", "min_p", "repetition_penalty", "presence_penalty", "frequency_penalty"] {
            own[name] = number.clone();
        }
        for name in ["max_tokens", "top_k", "seed"] {
            own[name] = whole.clone();
        }
        (own["model"], own["stream"]) = (text.clone(), truth.clone());
        own["stop"] = json!({ "oneOf": [text, ids] });
        own["stream_options"] = json!({ "type": "object", "properties": { "include_usage": truth } });
        own
    };
    let node = object(
        json!({ "class_type": text, "inputs": { "type": "object", "description": "Values, and links as [node, output]" }, "_meta": { "type": "object" } }),
        json!(["class_type", "inputs"]),
    );
    json!({
        "Any": {},
        "Bytes": file,
        "Prompt": object(json!({
            "prompt": { "type": "object", "description": "Nodes by id", "additionalProperties": node },
            "client_id": { "type": "string", "description": "The websocket that hears of the job" },
            "prompt_id": { "type": "string", "description": "The id of the job; the server makes one where none is given" },
            "number": { "type": "number", "description": "The place in the queue: small numbers run first" },
            "front": { "type": "boolean", "description": "Whether it runs before all that wait" },
            "partial_execution_targets": ids,
            "extra_data": { "type": "object", "description": "`extra_pnginfo` goes into saved files" },
        }), json!(["prompt"])),
        "Accepted": object(json!({ "prompt_id": text, "number": { "type": "number" }, "node_errors": { "type": "object" } }),
            json!(["prompt_id", "number", "node_errors"])),
        "PromptError": object(json!({
            "error": object(json!({ "type": text, "message": text, "details": text, "extra_info": {} }), json!(["type", "message"])),
            "node_errors": { "type": "object" },
        }), json!(["error", "node_errors"])),
        "ClearOrDelete": object(json!({ "clear": truth, "delete": ids }), json!([])),
        "Interrupt": object(json!({ "prompt_id": text }), json!([])),
        "Free": object(json!({ "unload_models": truth, "free_memory": truth }), json!([])),
        "JobIds": object(json!({ "job_ids": ids }), json!(["job_ids"])),
        "Move": object(json!({ "number": { "type": "number" } }), json!([])),
        "Name": object(json!({ "username": text }), json!(["username"])),
        "Subscribe": object(json!({ "clientId": text, "enabled": truth }), json!(["clientId", "enabled"])),
        "Upload": object(json!({ "image": file, "subfolder": text, "type": text, "overwrite": text }), json!(["image"])),
        "Mask": object(json!({ "image": file, "original_ref": text, "subfolder": text, "type": text }), json!(["image", "original_ref"])),
        "Images": object(json!({
            "prompt": text,
            "n": { "type": "integer", "minimum": 1, "maximum": 10 },
            "size": { "type": "string", "description": "auto, or WIDTHxHEIGHT" },
            "response_format": { "type": "string", "enum": ["url", "b64_json"] },
            "seed": { "type": "integer" },
        }), json!(["prompt"])),
        "Chat": object(writing(json!({ "messages": { "type": "array", "items": object(json!({ "role": text, "content": text }), json!(["role", "content"])) } })), json!(["messages"])),
        "Completion": object(writing(json!({ "prompt": text })), json!(["prompt"])),
        "Pictures": object(json!({
            "created": { "type": "integer" },
            "data": { "type": "array", "items": object(json!({ "url": text, "b64_json": text }), json!([])) },
        }), json!(["created", "data"])),
    })
}

/// All routes as OpenAPI describes them.
fn description() -> Value {
    let schema = |name: &str| json!({ "$ref": format!("#/components/schemas/{name}") });
    let mut paths: Map<String, Value> = Map::new();
    for Row { method, path, summary, query, body, answer } in ROWS {
        let parts = path.split('/').filter_map(|it| it.strip_prefix('{')?.strip_suffix('}'));
        let parts = parts.map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }));
        let asked = query.iter().map(
            |(name, meaning)| json!({ "name": name, "in": "query", "description": meaning, "schema": { "type": "string" } }),
        );
        let kind = if *answer == "Bytes" { "application/octet-stream" } else { "application/json" };
        let mut about = json!({
            "summary": summary,
            "tags": [path.split('/').nth(1).unwrap_or_default()],
            "parameters": parts.chain(asked).collect::<Vec<_>>(),
            "responses": { "200": { "description": "Done", "content": { kind: { "schema": schema(answer) } } } },
        });
        let (kind, content) = match body {
            Body::None => ("", Value::Null),
            Body::Json(name) => ("application/json", schema(name)),
            Body::Form(name) => ("multipart/form-data", schema(name)),
            Body::Bytes => ("application/octet-stream", schema("Bytes")),
        };
        if !kind.is_empty() {
            about["requestBody"] = json!({ "content": { kind: { "schema": content } } });
        }
        if *path == "/prompt" && *method == "post" {
            about["responses"]["400"] = json!({ "description": "Why it cannot run", "content": { "application/json": { "schema": schema("PromptError") } } });
        }
        if *path == "/ws" {
            about["responses"] = json!({ "101": { "description": "A websocket" } });
        }
        paths.entry(*path).or_insert_with(|| json!({}))[*method] = about;
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Burnish",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "ComfyUI's protocol and a little more. Every route but /internal, /v1 and /docs is below /api too.",
            "license": { "name": "MIT OR Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "security": [{}, { "token": [] }],
        "paths": paths,
        "components": { "schemas": schemas(), "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } } },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::fs;

    /// `.route("/queue", get(show).post(change))` as pairs of method and path, of every file beside this one.
    fn routed() -> BTreeSet<(String, String)> {
        let mut found = BTreeSet::new();
        for entry in fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src/serve/routes")).unwrap() {
            let text = fs::read_to_string(entry.unwrap().path()).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap();
            for call in code.split(".route(\"").skip(1) {
                let (path, rest) = call.split_once('"').unwrap();
                let statement = rest.split(".route(").next().unwrap().split("\n}").next().unwrap();
                for method in ["get", "post", "delete", "patch", "put"] {
                    if [format!(" {method}("), format!(".{method}(")].iter().any(|it| statement.contains(it.as_str())) {
                        found.insert((method.to_owned(), path.replace("{*", "{")));
                    }
                }
            }
        }
        found
    }

    #[test]
    fn every_route_is_described_and_nothing_else() {
        let described: BTreeSet<_> = ROWS.iter().map(|it| (it.method.to_owned(), it.path.to_owned())).collect();
        assert_eq!(described.len(), ROWS.len(), "a route is described twice");
        assert_eq!(described, routed());
    }

    #[test]
    fn every_schema_that_is_named_is_there() {
        let (schemas, text) = (schemas(), description().to_string());
        for part in text.split("#/components/schemas/").skip(1) {
            let name = part.split('"').next().unwrap();
            assert!(schemas.get(name).is_some(), "{name}");
        }
    }
}
