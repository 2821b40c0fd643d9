//! What goes wrong around a server: no room on the disk or in memory, files that change, everything at once and for long.

use crate::client::{DEMO, Server, until};
use crate::prompts::{drawing, greeting, picture};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// How the job ended.
fn ending(server: &Server, prompt: &Value) -> Value {
    server.wait(&server.submit(prompt, None))["status"].take()
}

/// What a failed job says.
fn complaint(status: &Value) -> String {
    assert_eq!(status["status_str"], "error", "{status}");
    let messages = status["messages"].as_array().expect("a list");
    let error = messages.iter().find(|it| it[0] == "execution_error").unwrap_or_else(|| panic!("{status}"));
    error[1]["exception_message"].as_str().expect("words").to_owned()
}

/// All files below a folder but the server's own.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.expect("an entry").path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, target).expect("copied");
        }
    }
}

/// No file may grow beyond a megabyte, which for whoever writes is what a full disk is.
#[cfg(unix)]
#[test]
fn without_room_on_the_disk_uploads_and_jobs_fail_and_the_server_goes_on() {
    let server = Server::start_behind("trap '' XFSZ; ulimit -f 2048", &[]);
    let large: Vec<u8> = (0..3_u32 << 20).map(|it| (it.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let answer = server.upload("/upload/image", &[], "large.png", &large);
    assert!(answer.status >= 400, "{}", answer.text());
    assert_eq!(files(&server.folder().join("input")), [] as [PathBuf; 0], "nothing half uploaded stays");
    let answer = server.send("POST", "/userdata/large", &[], &large);
    assert!(answer.status >= 400, "{}", answer.text());
    assert_eq!(files(&server.folder().join("user/default")), [] as [PathBuf; 0]);
    // A picture of noise becomes a file of three megabytes.
    let noise = json!({
        "1": { "class_type": "EmptyImage", "inputs": { "width": 1024, "height": 1024, "batch_size": 1, "color": 0x0080_8080 } },
        "2": { "class_type": "ImageAddNoise", "inputs": { "image": ["1", 0], "seed": 1, "strength": 1.0 } },
        "3": { "class_type": "SaveImage", "inputs": { "images": ["2", 0], "filename_prefix": "noise" } },
    });
    let said = complaint(&ending(&server, &noise));
    assert!(said.contains("noise"), "{said}");
    assert_eq!(files(&server.folder().join("output")), [] as [PathBuf; 0], "nothing half written stays");
    assert_eq!(ending(&server, &picture("small"))["status_str"], "success");
    assert_eq!(server.upload("/upload/image", &[], "small.png", b"small").status, 200);
}

/// Whoever is root may write everywhere, but not below a file.
#[test]
fn where_nothing_can_be_written_the_job_says_so() {
    let server = Server::start(&[]);
    fs::write(server.folder().join("output/taken"), "a file").expect("written");
    let said = complaint(&ending(&server, &picture("taken/cat")));
    assert!(said.contains("taken"), "{said}");
    assert_eq!(ending(&server, &picture("free/cat"))["status_str"], "success");
}

/// A model that is changed is another one from then on; one that is broken is named; none of it disturbs a job that runs.
#[test]
fn a_model_that_is_replaced_while_it_is_used_is_read_anew() {
    let models = tempfile::tempdir().expect("a folder");
    copy(Path::new(DEMO), models.path());
    let server = Server::start_with(models.path());
    let unet = models.path().join("diffusers/burnish-demo/unet/diffusion_pytorch_model.safetensors");
    let whole = fs::read(&unet).expect("the model");
    let replace = |bytes: &[u8]| {
        let new = unet.with_extension("new");
        fs::write(&new, bytes).expect("written");
        fs::rename(&new, &unet).expect("renamed");
    };
    let mut ears = server.listen("me");
    let running = server.submit(&drawing(300, 1), Some("me"));
    while ears.hear()["type"] != "progress" {}
    replace(&whole[..whole.len() / 2]);
    assert_eq!(server.wait(&running)["status"]["status_str"], "success", "it holds the old one");
    let said = complaint(&ending(&server, &drawing(2, 2)));
    assert!(said.contains("diffusion_pytorch_model.safetensors"), "{said}");
    fs::remove_file(&unet).expect("removed");
    let said = complaint(&ending(&server, &drawing(2, 3)));
    assert!(said.contains("unet"), "{said}");
    replace(&whole);
    assert_eq!(ending(&server, &drawing(2, 4))["status_str"], "success");
}

/// A model that does not fit fails its job, and so does a picture that no memory would hold; smaller ones are drawn.
#[test]
fn without_room_in_memory_a_job_fails_and_the_next_one_runs() {
    let server = Server::start(&["--memory", "4MB"]);
    let said = complaint(&ending(&server, &drawing(2, 1)));
    assert!(said.contains("memory"), "{said}");
    assert_eq!(ending(&server, &greeting())["status_str"], "success");
    let server = Server::start(&[]);
    let vast = json!({
        "1": { "class_type": "EmptyImage", "inputs": { "width": 16384, "height": 16384, "batch_size": 4096, "color": 0 } },
        "2": { "class_type": "PreviewImage", "inputs": { "images": ["1", 0] } },
    });
    let said = complaint(&ending(&server, &vast));
    assert!(said.contains("batch") || said.contains("memory"), "{said}");
    assert_eq!(ending(&server, &drawing(2, 1))["status_str"], "success");
}

/// There is nothing to be made to ask: an address in any place leads to no connection.
#[test]
fn no_address_makes_the_server_connect_anywhere() {
    let bait = TcpListener::bind("127.0.0.1:0").expect("a port");
    bait.set_nonblocking(true).expect("set");
    let address = format!("http://{}/secret.png", bait.local_addr().expect("an address"));
    let server = Server::start(&[]);
    for address in
        [address.as_str(), "http://169.254.169.254/latest/meta-data", "http://[::1]/", "http://2130706433/", "file:///etc/passwd"]
    {
        let load = json!({
            "1": { "class_type": "LoadImage", "inputs": { "image": address } },
            "2": { "class_type": "PreviewImage", "inputs": { "images": ["1", 0] } },
        });
        assert_eq!(server.post("/prompt", &json!({ "prompt": load })).status, 400, "{address}");
        let model = json!({
            "1": { "class_type": "CheckpointLoaderSimple", "inputs": { "ckpt_name": address } },
            "2": { "class_type": "VAEDecode", "inputs": { "samples": ["3", 0], "vae": ["1", 2] } },
            "3": { "class_type": "EmptyLatentImage", "inputs": { "width": 64, "height": 64, "batch_size": 1 } },
            "4": { "class_type": "PreviewImage", "inputs": { "images": ["2", 0] } },
        });
        assert_eq!(server.post("/prompt", &json!({ "prompt": model })).status, 400, "{address}");
        let encoded = address.replace(':', "%3A").replace('/', "%2F");
        for path in ["/view?filename=", "/view_metadata/checkpoints?filename=", "/userdata/", "/models/", "/experiment/models/"] {
            let status = server.get(&format!("{path}{encoded}")).status;
            assert!((400..500).contains(&status), "{path}{encoded}: {status}");
        }
        for body in
            [json!({ "url": address }), json!({ "webhook": address, "callback_url": address, "extra_data": { "url": address } })]
        {
            for path in ["/prompt", "/upload/image", "/internal/models/download", "/free", "/settings"] {
                server.post(path, &body);
            }
        }
    }
    assert_eq!(ending(&server, &greeting())["status_str"], "success");
    assert_eq!(bait.accept().expect_err("nobody came").kind(), ErrorKind::WouldBlock);
}

/// Numbers without a pattern.
struct Dice(u64);

impl Dice {
    fn below(&mut self, count: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % count
    }
}

/// Several people add, cancel, interrupt and clear at once: every job ends once, and its owner hears of that once.
#[test]
fn whatever_happens_at_once_every_job_ends_exactly_once() {
    const PEOPLE: u64 = 4;
    const DEEDS: u64 = 60;
    let server = Server::start(&[]);
    let accepted: Mutex<BTreeMap<String, u64>> = Mutex::default();
    let listeners: Vec<_> = (0..PEOPLE).map(|it| server.listen(&format!("p{it}"))).collect();
    std::thread::scope(|scope| {
        for person in 0..PEOPLE {
            let (server, accepted) = (&server, &accepted);
            scope.spawn(move || {
                let mut dice = Dice(person + 1);
                for _ in 0..DEEDS {
                    let mine: Vec<String> = accepted.lock().expect("not poisoned").keys().cloned().collect();
                    let any =
                        |dice: &mut Dice| mine.get(dice.below(mine.len().max(1) as u64) as usize).cloned().unwrap_or_default();
                    match dice.below(10) {
                        0..=4 => {
                            let mut prompt =
                                if dice.below(3) == 0 { drawing(20, dice.below(1 << 20) as u32) } else { greeting() };
                            if !prompt["2"]["inputs"]["string_b"].is_null() {
                                prompt["2"]["inputs"]["string_b"] = json!(dice.below(1 << 30).to_string());
                            }
                            let id = server.submit(&prompt, Some(&format!("p{person}")));
                            accepted.lock().expect("not poisoned").insert(id, person);
                        }
                        5 => drop(server.send("POST", "/interrupt", &[], b"")),
                        6 => drop(server.post("/interrupt", &json!({ "prompt_id": any(&mut dice) }))),
                        7 => drop(server.post("/queue", &json!({ "delete": [any(&mut dice)] }))),
                        8 => drop(server.post("/jobs/cancel", &json!({ "job_ids": [any(&mut dice)] }))),
                        _ => drop(server.get("/jobs?limit=5")),
                    }
                }
            });
        }
    });
    until("all is done", || server.json("/prompt")["exec_info"]["queue_remaining"] == 0);
    let accepted = accepted.into_inner().expect("not poisoned");
    let listed = server.json("/jobs?limit=10000");
    let states: BTreeMap<&str, &str> = listed["jobs"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|it| (it["id"].as_str().expect("an id"), it["status"].as_str().expect("a state")))
        .collect();
    let ended = |id: &str| ["completed", "failed", "cancelled"].contains(states.get(id).unwrap_or(&"lost"));
    assert!(accepted.keys().all(|it| ended(it)), "{states:?}");
    // A last job of each: whatever was told before it is all there is.
    let mut told: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (person, mut ears) in listeners.into_iter().enumerate() {
        let last = server.submit(&greeting(), Some(&format!("p{person}")));
        for message in ears.hear_job(&last) {
            let (kind, id) =
                (message["type"].as_str().unwrap_or_default(), message["data"]["prompt_id"].as_str().unwrap_or_default());
            if ["execution_success", "execution_error", "execution_interrupted"].contains(&kind) && id != last {
                assert_eq!(accepted.get(id), Some(&(person as u64)), "another's job");
                told.entry(id.to_owned()).or_default().push(kind.to_owned());
            }
        }
    }
    for (id, kinds) in &told {
        assert_eq!(kinds.len(), 1, "{id}: {kinds:?}");
    }
    for (id, state) in &states {
        let wanted = match *state {
            "completed" => Some("execution_success"),
            "failed" => Some("execution_error"),
            // Taken out before it ran, or stopped while it did.
            _ => None,
        };
        if let (Some(wanted), true) = (wanted, accepted.contains_key(*id)) {
            assert_eq!(told.get(*id), Some(&vec![wanted.to_owned()]), "{id} {state}");
        }
    }
    let count = |state: &str| states.values().filter(|it| **it == state).count();
    println!("{} jobs: {} completed, {} cancelled", accepted.len(), count("completed"), count("cancelled"));
}

/// All kinds of work for a while: what the server holds stops growing. `BURNISH_SOAK=3600` is an hour of it.
#[cfg(target_os = "linux")]
#[test]
fn nothing_grows_for_ever() {
    let seconds = std::env::var("BURNISH_SOAK").ok().and_then(|it| it.parse().ok()).unwrap_or(6);
    let server = Server::start(&[]);
    let mut dice = Dice(20);
    let mut work = |until: Instant| {
        let mut rounds = 0;
        while Instant::now() < until {
            rounds += 1;
            let number = dice.below(1 << 20) as u32;
            let mut text = greeting();
            text["2"]["inputs"]["string_b"] = json!(number.to_string());
            let mut ears = server.listen(&format!("c{number}"));
            let mut previewed = picture("soak");
            previewed["2"] = json!({ "class_type": "PreviewImage", "inputs": { "images": ["1", 0] } });
            previewed["1"]["inputs"]["color"] = json!(number);
            for prompt in [&drawing(2, number), &text, &previewed] {
                let id = server.submit(prompt, Some(&format!("c{number}")));
                ears.hear_job(&id);
            }
            assert_eq!(server.upload("/upload/image", &[("overwrite", "true")], "soak.png", &number.to_le_bytes()).status, 200);
            assert_eq!(
                server.post("/prompt", &json!({ "prompt": { "1": { "class_type": "Nothing", "inputs": {} } } })).status,
                400
            );
            server.json("/history?max_items=10");
            server.json("/object_info/KSampler");
        }
        rounds
    };
    let length = Duration::from_secs(seconds);
    let warm = work(Instant::now() + length / 2);
    let (memory, open) = (server.memory(), server.open_files());
    let rounds = work(Instant::now() + length / 2);
    // Connections that were closed on one side take a moment to go.
    until("connections are gone", || server.open_files() <= open + 8);
    let grown = server.memory().saturating_sub(memory);
    println!("{warm} rounds, then {rounds} more: {} MB, {} kB more; {open} files open", memory >> 20, grown >> 10);
    assert!(grown < (64 << 20) + rounds as u64 * (16 << 10), "{grown} bytes more after {rounds} rounds");
    let drafts = files(server.folder()).into_iter().filter(|it| it.to_string_lossy().contains(".part"));
    assert_eq!(drafts.count(), 0);
}

#[test]
fn a_job_is_stopped_at_every_node_and_the_next_one_runs() {
    let server = Server::start(&["--cache", "none"]);
    let mut ears = server.listen("me");
    for (seed, node) in (0..).zip(["1", "2", "4", "5", "6", "7"]) {
        let job = server.submit(&drawing(if node == "5" { 5000 } else { 2 }, seed), Some("me"));
        let (mut kinds, mut asked) = (Vec::new(), false);
        loop {
            let message = ears.hear();
            let data = &message["data"];
            if data["prompt_id"] != json!(job) {
                continue;
            }
            if message["type"] == "executing" && data["node"] == node && !asked {
                asked = true;
                server.post("/interrupt", &json!({ "prompt_id": job }));
            }
            let kind = message["type"].as_str().expect("a kind").to_owned();
            if kind == "executing" && data["node"].is_null() {
                break;
            }
            if ["execution_success", "execution_error", "execution_interrupted"].contains(&kind.as_str()) {
                kinds.push(kind);
            }
        }
        assert!(asked, "node {node} never began");
        // A short node may be done before anybody can ask.
        assert!(kinds == ["execution_interrupted"] || node != "5" && kinds == ["execution_success"], "{node}: {kinds:?}");
        assert_eq!(ending(&server, &greeting())["status_str"], "success");
    }
}

#[test]
fn a_moving_picture_of_very_many_frames_is_bounded() {
    let server = Server::start(&[]);
    let mut film = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff".to_vec();
    let frame = b"\x2c\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02\x44\x01\x00";
    film.extend(frame.repeat(300_000));
    film.push(0x3b);
    assert_eq!(server.upload("/upload/image", &[], "film.gif", &film).status, 200);
    let count = json!({
        "1": { "class_type": "LoadImage", "inputs": { "image": "film.gif" } },
        "2": { "class_type": "GetImageSize", "inputs": { "image": ["1", 0] } },
        "3": { "class_type": "PreviewAny", "inputs": { "source": ["2", 2] } },
    });
    let begun = Instant::now();
    let entry = server.wait(&server.submit(&count, None));
    assert_eq!(entry["outputs"]["3"]["text"][0], "300000", "{entry}");
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    #[cfg(target_os = "linux")]
    assert!(server.peak_memory() < 1 << 30, "{}", server.peak_memory());
    assert_eq!(ending(&server, &greeting())["status_str"], "success");
}

#[test]
fn the_same_seed_gives_the_same_picture_cached_or_not_and_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let draw = |server: &Server| {
        let entry = server.wait(&server.submit(&drawing(3, 77), None));
        let name = entry["outputs"]["7"]["images"][0]["filename"].as_str().expect("a picture").to_owned();
        image::open(folder.path().join("output").join(name)).expect("a picture").into_rgb8()
    };
    let mut server = Server::start_in(folder.path(), &["--cache", "none"]);
    let first = draw(&server);
    assert_eq!(draw(&server), first);
    server.kill();
    let server = Server::start_in(folder.path(), &[]);
    assert_eq!((draw(&server), draw(&server)), (first.clone(), first));
}
