//! `/jobs`: what waits, runs and ran in one list, and what can be done to it. Newer front ends read nothing else.

use crate::serve::answer::{Refusal, json, read_json_if_any};
use crate::serve::app::App;
use crate::serve::routes::prompt::plain_number;
use crate::serve::routes::queue::is_true;
use crate::serve::store::{Filter, Listed, State as Stage};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// The most jobs of one answer.
const MOST: u32 = 10_000;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/jobs", get(list))
        .route("/jobs/cancel", post(cancel_many))
        .route("/jobs/pause", post(pause))
        .route("/jobs/resume", post(resume))
        .route("/jobs/{id}", get(one))
        .route("/jobs/{id}/cancel", post(cancel))
        .route("/jobs/{id}/move", post(move_job))
}

#[derive(Deserialize)]
struct Asked {
    status: Option<String>,
    workflow_id: Option<String>,
    sort_by: Option<String>,
    sort_order: Option<String>,
    limit: Option<String>,
    offset: Option<String>,
}

impl Asked {
    fn filter(&self) -> Result<Filter, Refusal> {
        let wrong = |what: &str, value: &str, allowed: &str| {
            Refusal::Wrong(format!("Invalid {what}: {value}. Must be one of: {allowed}"))
        };
        let states = match self.status.as_deref().filter(|it| !it.is_empty()) {
            None => STAGES.iter().map(|(stage, _)| *stage).collect(),
            Some(names) => names
                .split(',')
                .map(|name| {
                    let known = STAGES.iter().find(|(_, it)| *it == name.trim().to_lowercase()).map(|(stage, _)| *stage);
                    known.ok_or_else(|| wrong("status value(s)", name, "cancelled, completed, failed, in_progress, pending"))
                })
                .collect::<Result<_, _>>()?,
        };
        let by_duration = match self.sort_by.as_deref() {
            None | Some("created_at") => false,
            Some("execution_duration") => true,
            Some(other) => return Err(wrong("sort_by", other, "created_at, execution_duration")),
        };
        let ascending = match self.sort_order.as_deref() {
            None | Some("desc") => false,
            Some("asc") => true,
            Some(other) => return Err(wrong("sort_order", other, "asc, desc")),
        };
        let number = |what: &str, text: &Option<String>| {
            let parsed = text
                .as_deref()
                .map(|it| it.trim().parse::<i64>().map_err(|_| Refusal::Wrong(format!("{what} must be an integer"))));
            parsed.transpose()
        };
        let limit = match number("limit", &self.limit)? {
            Some(limit) if limit <= 0 => return Err(Refusal::Wrong("limit must be a positive integer".to_owned())),
            limit => limit.map(|it| u32::try_from(it).unwrap_or(MOST).min(MOST)),
        };
        let offset = u32::try_from(number("offset", &self.offset)?.unwrap_or(0).max(0)).unwrap_or(u32::MAX);
        Ok(Filter { states, workflow: self.workflow_id.clone(), by_duration, ascending, limit, offset })
    }
}

const STAGES: [(Stage, &str); 5] = [
    (Stage::Pending, "pending"),
    (Stage::Running, "in_progress"),
    (Stage::Completed, "completed"),
    (Stage::Failed, "failed"),
    (Stage::Cancelled, "cancelled"),
];

async fn list(State(app): State<Arc<App>>, Query(asked): Query<Asked>) -> Result<impl IntoResponse, Refusal> {
    let filter = asked.filter()?;
    let (limit, offset) = (filter.limit, filter.offset);
    let (jobs, total) = app.wait(move |app| app.jobs.list(&filter)).await??;
    let more = u64::from(offset) + (jobs.len() as u64) < total;
    Ok(json(&json!({
        "jobs": jobs.iter().map(about).collect::<Vec<_>>(),
        // Front ends want a number here even where nobody set a limit.
        "pagination": { "offset": offset, "limit": limit.map_or(total, u64::from), "total": total, "has_more": more },
        "paused": app.jobs.is_paused(),
    })))
}

async fn one(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<impl IntoResponse, Refusal> {
    let job = app.wait(move |app| app.jobs.one(&id)).await??.ok_or_else(missing)?;
    let mut answer = about(&job);
    answer["outputs"] = read(job.outputs.as_deref());
    answer["execution_status"] = read(job.status.as_deref());
    answer["workflow"] = json!({ "prompt": read(Some(&job.prompt)), "extra_data": read(Some(&job.extra)) });
    Ok(json(&answer))
}

async fn cancel(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<impl IntoResponse, Refusal> {
    cancelled(&app, vec![id]).await
}

async fn cancel_many(State(app): State<Arc<App>>, body: Bytes) -> Result<impl IntoResponse, Refusal> {
    let request = read_json_if_any(&body);
    let ids = request["job_ids"].as_array().ok_or_else(|| Refusal::Wrong("job_ids must be a list of job ids".to_owned()))?;
    let ids: Option<Vec<String>> = ids.iter().map(|it| it.as_str().map(str::to_owned)).collect();
    cancelled(&app, ids.ok_or_else(|| Refusal::Wrong("job_ids must be texts".to_owned()))?).await
}

async fn cancelled(app: &Arc<App>, ids: Vec<String>) -> Result<impl IntoResponse + use<>, Refusal> {
    let any = app
        .wait(move |app| {
            let any = app.jobs.cancel(&ids)?;
            app.hub.queue_changed(None, app.jobs.remaining());
            Ok::<_, Refusal>(any)
        })
        .await??;
    Ok(json(&json!({ "cancelled": any })))
}

async fn pause(State(app): State<Arc<App>>) -> Result<impl IntoResponse, Refusal> {
    app.wait(|app| app.jobs.pause(true)).await?;
    Ok(json(&json!({ "paused": true })))
}

async fn resume(State(app): State<Arc<App>>) -> Result<impl IntoResponse, Refusal> {
    app.wait(|app| app.jobs.pause(false)).await?;
    Ok(json(&json!({ "paused": false })))
}

/// `{"front": true}` or `{"number": n}`: where a job waits. The smallest number runs next.
async fn move_job(State(app): State<Arc<App>>, Path(id): Path<String>, body: Bytes) -> Result<impl IntoResponse, Refusal> {
    let request = read_json_if_any(&body);
    let number = request["number"].as_f64();
    if number.is_none() && !is_true(&request["front"]) {
        return Err(Refusal::Wrong("say where to: {\"front\": true} or {\"number\": 0}".to_owned()));
    }
    let moved = app.wait(move |app| app.jobs.move_to(&id, number)).await??;
    Ok(json(&json!({ "moved": moved })))
}

fn missing() -> Refusal {
    Refusal::Prompt(StatusCode::NOT_FOUND, json!({ "error": "Job not found" }))
}

/// A job as lists show it. What is not known is left out.
fn about(job: &Listed) -> Value {
    let outputs = read(job.outputs.as_deref());
    let stage = STAGES.iter().find(|(it, _)| *it == job.state).map_or("", |it| it.1);
    let mut about = json!({
        "id": job.id,
        "status": stage,
        "priority": plain_number(job.number),
        "create_time": job.created,
        "outputs_count": items(&outputs).count(),
    });
    let mut add = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            about[key] = value;
        }
    };
    add("execution_start_time", job.started.map(Value::from));
    add("execution_end_time", job.ended.filter(|_| job.started.is_some()).map(Value::from));
    add("execution_error", job.error.as_deref().map(|it| read(Some(it))));
    add("workflow_id", job.workflow.as_deref().map(Value::from));
    add("preview_output", preview(&outputs));
    about
}

fn read(text: Option<&str>) -> Value {
    text.and_then(|it| serde_json::from_str(it).ok()).unwrap_or_else(|| Value::Object(Map::new()))
}

/// Everything that the nodes of a job showed: node, group, item.
fn items(outputs: &Value) -> impl Iterator<Item = (&str, &str, &Value)> {
    let nodes = outputs.as_object().into_iter().flatten();
    let groups = nodes.flat_map(|(node, groups)| groups.as_object().into_iter().flatten().map(move |it| (node, it)));
    groups.filter(|(_, (group, _))| *group != "animated").flat_map(|(node, (group, items))| {
        items.as_array().into_iter().flatten().map(move |item| (node.as_str(), group.as_str(), item))
    })
}

/// The picture, film or sound that stands for a job: the first that is kept, else the first.
fn preview(outputs: &Value) -> Option<Value> {
    let showable = |(_, group, item): &(&str, &str, &Value)| {
        let of_format = |it: &str| it.starts_with("video/") || it.starts_with("audio/");
        item["filename"].is_string()
            && (matches!(*group, "images" | "video" | "audio" | "gifs" | "3d") || item["format"].as_str().is_some_and(of_format))
    };
    let kept = items(outputs).filter(showable).find(|(_, _, item)| item["type"] == "output");
    let (node, group, item) = kept.or_else(|| items(outputs).find(showable))?;
    let mut item = item.clone();
    item["nodeId"] = node.into();
    item["mediaType"] = group.into();
    Some(item)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_preview_is_the_first_picture_that_is_kept() {
        let outputs = json!({
            "1": { "text": ["x"], "images": [{ "filename": "t.png", "type": "temp" }], "animated": [false] },
            "2": { "images": [{ "filename": "o.png", "type": "output" }] },
        });
        assert_eq!(items(&outputs).count(), 3);
        let preview = preview(&outputs).unwrap();
        assert_eq!(preview, json!({ "filename": "o.png", "type": "output", "nodeId": "2", "mediaType": "images" }));
    }
}
