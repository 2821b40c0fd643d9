//! Many clients, many jobs.

use crate::client::{Ears, Server, until};
use crate::prompts::{drawing, greeting};
use serde_json::json;
use std::time::{Duration, Instant};

/// `BURNISH_LOAD=10` is ten times as much of everything.
fn scale() -> usize {
    std::env::var("BURNISH_LOAD").ok().and_then(|it| it.parse().ok()).unwrap_or(1)
}

#[test]
fn many_clients_and_many_jobs_lose_nothing() {
    let server = Server::start(&[]);
    let clients: Vec<Ears> = (0..100 * scale()).map(|i| server.listen(&format!("c{i}"))).collect();
    let count = 1000 * scale();
    let mut times = Vec::with_capacity(count);
    let mut ids = Vec::with_capacity(count);
    for i in 0..count {
        let mut prompt = greeting();
        prompt["2"]["inputs"]["string_b"] = json!(i.to_string());
        let begun = Instant::now();
        ids.push(server.submit(&prompt, Some(&format!("c{}", i % clients.len()))));
        times.push(begun.elapsed());
    }
    until("all is done", || server.json("/prompt")["exec_info"]["queue_remaining"] == 0);
    times.sort();
    let p99 = times[count * 99 / 100];
    println!("{} clients, {count} jobs: /prompt p50 {:?}, p99 {p99:?}", clients.len(), times[count / 2]);
    assert!(p99 < Duration::from_millis(250), "{p99:?}");
    // Everybody hears of their own jobs, of all of them, and how each ended.
    for (i, mut ears) in clients.into_iter().enumerate() {
        for id in ids.iter().skip(i).step_by(100 * scale()) {
            let heard = ears.hear_job(id);
            assert!(
                heard.iter().any(|it| it["type"] == "execution_success" && it["data"]["prompt_id"] == json!(id)),
                "client {i}"
            );
        }
    }
    assert_eq!(server.json("/history?max_items=100000").as_object().unwrap().len(), count.min(10_000));
    #[cfg(target_os = "linux")]
    {
        println!("at most {} MB", server.peak_memory() >> 20);
        assert!(server.peak_memory() < 2 << 30);
    }
}

#[test]
fn a_client_that_does_not_read_holds_nothing_up() {
    let server = Server::start(&[]);
    let mut deaf = server.listen("deaf");
    deaf.hear();
    deaf.say(&json!({ "type": "feature_flags", "data": { "supports_preview_metadata": true } }));
    let jobs: Vec<String> = (0..5).map(|seed| server.submit(&drawing(100, seed), Some("deaf"))).collect();
    for job in &jobs {
        server.wait(job);
    }
    // It missed previews at most.
    for job in &jobs {
        let heard = deaf.hear_job(job);
        assert!(heard.iter().any(|it| it["type"] == "execution_success"));
    }
}
