//! What ComfyUI's `test_progress_isolation` asks.

use crate::Case;
use crate::session::Session;
use serde_json::{Value, json};

pub(crate) const CASES: &[Case] = &[
    ("progress_isolation_between_clients", progress_isolation_between_clients),
    ("progress_with_missing_client_id", progress_with_missing_client_id),
];

/// A job that tells of its progress. Jobs of other sizes share no results.
fn prompt(session: &Session, name: &str, side: u32) -> Value {
    let mut prompt = session.prompt_called(name);
    let image = prompt.image("WHITE", side);
    let slow = prompt.node("TestSyncProgressUpdate", json!({ "value": image.out(0), "sleep_seconds": 0.2 }));
    prompt.preview(&slow);
    prompt.json()
}

/// The jobs of whose progress these messages tell.
fn progress_of(messages: &[Value]) -> Vec<String> {
    let of = |it: &&Value| matches!(it["type"].as_str(), Some("progress_state" | "progress"));
    let mut jobs: Vec<String> =
        messages.iter().filter(of).map(|it| it["data"]["prompt_id"].as_str().expect("a job").to_owned()).collect();
    jobs.dedup();
    jobs
}

fn progress_isolation_between_clients(session: &mut Session) {
    let (first, second) = (prompt(session, "-a", 64), prompt(session, "-b", 65));
    let server = &session.server;
    let (mut a, mut b) = (server.listen("client_a"), server.listen("client_b"));
    let (first, second) = (server.submit(&first, Some("client_a")), server.submit(&second, Some("client_b")));
    let heard = (a.hear_job(&first), b.hear_job(&second));
    assert_eq!((progress_of(&heard.0), progress_of(&heard.1)), (vec![first.clone()], vec![second.clone()]));
    // And not later either: what A hears next is of its own next job.
    let third = server.submit(&prompt(session, "-c", 66), Some("client_a"));
    assert_eq!(progress_of(&a.hear_job(&third)), [third]);
}

fn progress_with_missing_client_id(session: &mut Session) {
    let prompt = prompt(session, "-d", 67);
    let server = &session.server;
    // The server gives this client an id, and the client sends its job under that.
    let mut ears = server.listen_at("/ws");
    let hello = ears.hear();
    assert_eq!(hello["type"], "status");
    let id = hello["data"]["sid"].as_str().expect("an id").to_owned();
    let job = server.submit(&prompt, Some(&id));
    assert_eq!(progress_of(&ears.hear_job(&job)), [job]);
}
