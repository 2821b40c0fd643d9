//! `/ws`: clients listen.

use crate::serve::app::App;
use crate::serve::hub::{Client, Frame};
use crate::serve::protocol::{features, message, status};
use crate::serve::routes::system::server_features;
use axum::Router;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{interval, timeout};
use uuid::Uuid;

/// Clients say little.
const LONGEST_MESSAGE: usize = 64 << 10;
/// More at a time are an attack.
const MOST_CLIENTS: usize = 10_000;
const LONGEST_ID: usize = 256;
/// Connections over which nothing goes are kept from looking dead to whatever lies between.
const PING: Duration = Duration::from_secs(30);
/// A client that takes nothing for so long is gone.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/ws", get(listen))
}

#[derive(Deserialize)]
struct Who {
    #[serde(rename = "clientId")]
    id: Option<String>,
}

async fn listen(State(app): State<Arc<App>>, Query(who): Query<Who>, upgrade: WebSocketUpgrade) -> Response {
    if app.hub.len() >= MOST_CLIENTS {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let id = who.id.filter(|it| !it.is_empty() && it.len() <= LONGEST_ID);
    let id = id.unwrap_or_else(|| Uuid::new_v4().simple().to_string());
    // Before the answer: whoever has it may send a job at once, and hears of it from its beginning.
    let client = app.hub.join(id);
    let so_far = app.jobs.narrators().into_iter().flat_map(|it| it.so_far(&client.id));
    let remaining = app.jobs.remaining();
    let hello = Frame::event(&status(remaining, Some(&client.id)));
    client.greet(remaining, std::iter::once(hello).chain(so_far).collect());
    let failed = (app.clone(), client.clone());
    upgrade
        .max_message_size(LONGEST_MESSAGE)
        .max_frame_size(LONGEST_MESSAGE)
        .on_failed_upgrade(move |_| failed.0.hub.leave(&failed.1))
        .on_upgrade(move |socket| serve(app, socket, client))
}

async fn serve(app: Arc<App>, socket: WebSocket, client: Arc<Client>) {
    let (sink, stream) = socket.split();
    tokio::select! {
        () = send(&client, sink) => {}
        () = hear(&app, &client, stream) => {}
    }
    app.hub.leave(&client);
}

async fn send(client: &Client, mut sink: SplitSink<WebSocket, Message>) {
    let mut ping = interval(PING);
    ping.tick().await;
    loop {
        let messages = tokio::select! {
            messages = client.next() => messages,
            _ = ping.tick() => Some(vec![Message::Ping(Default::default())]),
        };
        let Some(messages) = messages else {
            timeout(Duration::from_secs(1), sink.close()).await.ok();
            return;
        };
        for message in messages {
            match timeout(PATIENCE, sink.feed(message)).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) | Err(_) => return,
            }
        }
        if !matches!(timeout(PATIENCE, sink.flush()).await, Ok(Ok(()))) {
            return;
        }
    }
}

async fn hear(app: &App, client: &Client, mut stream: SplitStream<WebSocket>) {
    let mut first = true;
    while let Some(Ok(heard)) = stream.next().await {
        let Message::Text(text) = heard else { continue };
        if std::mem::take(&mut first)
            && let Some(features) = features(&text)
        {
            client.learn(features);
            client.push(Frame::event(&message("feature_flags", server_features(app))));
        }
    }
}
