//! What is left when the server dies.

use crate::client::{Server, until};
use crate::prompts::{drawing, greeting, picture};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::process::Command;
use std::time::{Duration, Instant};

#[test]
fn jobs_survive_and_what_was_running_runs_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start_in(folder.path(), &[]);
    let done = server.submit(&picture("done"), None);
    let before = server.wait(&done);
    let running = server.submit(&drawing(300, 1), Some("me"));
    let waiting = server.submit(&greeting(), None);
    until("it runs", || server.json("/queue")["queue_running"][0][1] == json!(running));
    server.kill();

    let mut server = Server::start_in(folder.path(), &[]);
    assert_eq!(server.wait(&running)["status"]["status_str"], "success");
    assert_eq!(server.wait(&waiting)["status"]["status_str"], "success");
    assert_eq!(server.wait(&done), before);
    let order: Vec<String> = server.json("/history").as_object().unwrap().keys().cloned().collect();
    assert_eq!(order, [done, running, waiting]);
    let next = server.post("/prompt", &json!({ "prompt": greeting() })).json();
    assert_eq!(next["number"], 3);
    server.kill();
}

#[test]
fn what_was_running_can_be_given_up_instead() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start_in(folder.path(), &[]);
    let running = server.submit(&drawing(10_000, 1), Some("me"));
    until("it runs", || server.json("/queue")["queue_running"][0][1] == json!(running));
    server.kill();
    let server = Server::start_in(folder.path(), &["--after-crash", "fail"]);
    let entry = server.wait(&running);
    assert_eq!(
        (&entry["status"]["status_str"], &entry["status"]["messages"][0][0]),
        (&json!("error"), &json!("execution_error"))
    );
    assert_eq!(server.json(&format!("/jobs/{running}"))["status"], "failed");
}

#[test]
fn a_job_that_kills_the_server_again_and_again_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start_in(folder.path(), &[]);
    let running = server.submit(&drawing(10_000, 1), Some("me"));
    for _ in 0..3 {
        until("it runs", || server.json("/queue")["queue_running"][0][1] == json!(running));
        server.kill();
        server = Server::start_in(folder.path(), &[]);
    }
    assert!(server.wait(&running)["status"]["messages"][0][1]["exception_message"].as_str().unwrap().contains("3 times"));
}

#[test]
fn two_servers_do_not_take_the_same_jobs() {
    let server = Server::start(&[]);
    let second = Command::new(env!("CARGO_BIN_EXE_burnish"))
        .args(["serve", "--port", "0", "--base-directory", server.folder().to_str().unwrap()])
        .output()
        .unwrap();
    assert_eq!(second.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&second.stderr).contains("another `burnish serve`"));
}

#[cfg(unix)]
#[test]
fn asked_to_stop_it_stops_and_runs_the_rest_later() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start_in(folder.path(), &[]);
    let long = server.submit(&drawing(2_000, 1), None);
    until("it runs", || server.json("/queue")["queue_running"][0][1] == json!(long));
    let begun = Instant::now();
    assert!(server.ask_to_stop().success());
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    let server = Server::start_in(folder.path(), &[]);
    until("it runs again", || server.json("/queue")["queue_running"][0][1] == json!(long));
}

/// How often the server is killed; for a long look: `BURNISH_KILLS=200 cargo test --workspace --test serve killed -- --nocapture`.
fn kills() -> u32 {
    std::env::var("BURNISH_KILLS").ok().and_then(|it| it.parse().ok()).unwrap_or(12)
}

#[test]
fn killed_at_any_moment_it_loses_nothing_and_runs_nothing_that_ended_again() {
    let begun = Instant::now();
    let folder = tempfile::tempdir().unwrap();
    let mut accepted: Vec<String> = Vec::new();
    let mut ended: BTreeMap<String, Value> = BTreeMap::new();
    let mut dice = 12_345_u64;
    let mut throw = || {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        dice >> 57
    };
    let mut color = 0;
    for _ in 0..kills() {
        let mut server = Server::start_in(folder.path(), &[]);
        // Some jobs end and are noted as they ended; the kill comes amid others.
        for (most, milliseconds) in [(5, throw()), (15, throw() / 2)] {
            remember(&server, &mut ended);
            let end = Instant::now() + Duration::from_millis(milliseconds);
            for _ in 0..most {
                if Instant::now() < end {
                    color += 1;
                    let mut prompt = picture("x");
                    prompt["1"]["inputs"]["color"] = json!(color);
                    accepted.push(server.submit(&prompt, None));
                }
            }
            std::thread::sleep(end.saturating_duration_since(Instant::now()).min(Duration::from_millis(throw() / 4)));
        }
        server.kill();
    }
    let seconds = begun.elapsed().as_secs_f64();
    let server = Server::start_in(folder.path(), &[]);
    until("all is done", || server.json("/prompt")["exec_info"]["queue_remaining"] == 0);
    let jobs = server.json("/jobs?limit=10000");
    let jobs: BTreeMap<&str, &Value> =
        jobs["jobs"].as_array().unwrap().iter().map(|it| (it["id"].as_str().unwrap(), it)).collect();
    assert_eq!(jobs.len(), accepted.len());
    for id in &accepted {
        assert_eq!(jobs[id.as_str()]["status"], "completed", "{id}");
    }
    for (id, before) in &ended {
        assert_eq!(jobs[id.as_str()], before, "it ran again");
    }
    // Nothing that is shown is half there.
    for job in jobs.values() {
        let output = &job["preview_output"];
        let path = folder.path().join("output").join(output["filename"].as_str().unwrap());
        assert!(image::open(&path).is_ok(), "{}", path.display());
    }
    drop(server);
    let database = rusqlite::Connection::open(folder.path().join("user/jobs.sqlite")).unwrap();
    let verdict: String = database.query_row("PRAGMA integrity_check", [], |it| it.get(0)).unwrap();
    assert_eq!(verdict, "ok");
    let (kills, jobs, before) = (kills(), accepted.len(), ended.len());
    println!("{kills} kills, {:.2} s each; {jobs} jobs, {before} of them ended before one", seconds / f64::from(kills));
}

/// Asks for jobs that ended since the last time, and notes them as they are.
fn remember(server: &Server, ended: &mut BTreeMap<String, Value>) {
    // By the time of their end no order can be asked for, so all that could have ended are asked for.
    let jobs = server.json("/jobs?status=completed&limit=10000");
    for job in jobs["jobs"].as_array().expect("a list") {
        ended.entry(job["id"].as_str().expect("an id").to_owned()).or_insert_with(|| job.clone());
    }
}
