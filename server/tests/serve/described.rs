//! What the server says of itself, and how it is set up.

use crate::client::Server;
use serde_json::json;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

#[test]
fn the_interface_is_described_for_programs_and_for_people() {
    let server = Server::start(&[]);
    let api = server.json("/openapi.json");
    assert_eq!(api["openapi"], "3.1.0");
    // What is described is there: no route without a parameter in its path answers that there is nothing.
    for (path, methods) in api["paths"].as_object().unwrap() {
        if methods.get("get").is_some() && !path.contains('{') && path != "/ws" {
            let status = server.get(path).status;
            // Some want a query first.
            assert!(status == 200 || matches!((path.as_str(), status), ("/view", 404) | ("/userdata", 400)), "{path}: {status}");
        }
    }
    let page = server.get("/docs");
    assert!(page.header("content-type").starts_with("text/html"));
    for text in [page.text(), server.get("/docs/page.js").text()] {
        assert!(
            !text.contains("http://") && !text.contains("https://") && !text.contains("//cdn"),
            "it works without the network"
        );
    }
    assert!(page.text().contains("/docs/page.js") && page.header("content-security-policy").contains("default-src 'self'"));
}

/// The port that a server of this setup serves at, or why there is none.
fn port(folder: &Path, environment: &[(&str, &str)], arguments: &[&str]) -> Result<u16, String> {
    use std::io::{BufRead, BufReader};
    let mut command = Command::new(env!("CARGO_BIN_EXE_burnish"));
    command.args(["serve", "--base-directory"]).arg(folder).args(arguments).envs(environment.iter().copied());
    let mut child = command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().expect("starts");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("a line");
    child.kill().ok();
    let output = child.wait_with_output().expect("gone");
    let address = line.split("http://").nth(1).and_then(|it| it.split_whitespace().next()).map(str::to_owned);
    match address {
        Some(address) => Ok(address.rsplit(':').next().and_then(|it| it.parse().ok()).expect("a port")),
        None => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

/// A port that is free at this moment.
fn free() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a free port").port()
}

#[test]
fn a_file_comes_before_the_defaults_the_environment_before_it_and_the_command_line_before_both() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("burnish.toml");
    let (ours, theirs, last) = (free(), free(), free());
    fs::write(&file, format!("port = {ours}\ncache = \"classic\"\n")).unwrap();
    let config = ["--config", file.to_str().unwrap()];
    assert_eq!(port(folder.path(), &[], &config), Ok(ours));
    assert_eq!(port(folder.path(), &[("BURNISH_CONFIG", file.to_str().unwrap())], &[]), Ok(ours));
    let environment = [("BURNISH_PORT", theirs.to_string())];
    let environment = [(environment[0].0, environment[0].1.as_str())];
    assert_eq!(port(folder.path(), &environment, &config), Ok(theirs));
    let last_words = last.to_string();
    assert_eq!(port(folder.path(), &environment, &[&config[..], &["--port", &last_words]].concat()), Ok(last));
    fs::write(&file, "prot = 1\n").unwrap();
    let error = port(folder.path(), &[], &config).unwrap_err();
    assert!(error.contains("burnish.toml") && error.contains("`prot`") && error.contains("port"), "{error}");
}

#[test]
fn the_file_that_is_shipped_can_be_read() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../packaging/burnish.toml");
    let folder = tempfile::tempdir().unwrap();
    assert!(port(folder.path(), &[], &["--config", file, "--port", "0"]).is_ok());
}

#[cfg(unix)]
#[test]
fn asked_to_stop_it_lets_what_is_nearly_done_end_and_says_goodbye() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start_in(folder.path(), &[]);
    let mut ears = server.listen("me");
    let job = server.submit(&crate::prompts::drawing(40, 1), Some("me"));
    crate::client::until("it runs", || server.json("/queue")["queue_running"][0][1] == json!(job));
    assert!(server.ask_to_stop().success());
    assert!(ears.hear_job(&job).iter().any(|it| it["type"] == "execution_success"));
    assert!(ears.is_cut_off());
    let server = Server::start_in(folder.path(), &[]);
    assert_eq!(server.json(&format!("/jobs/{job}"))["status"], "completed");
}

/// `/v1/images/generations` by hand; a client from PyPI asks in `clients`.
#[test]
fn pictures_are_drawn_for_programs_that_know_openai() {
    let server = Server::start(&[]);
    let ask = |body: serde_json::Value| server.post("/v1/images/generations", &body);
    let answer = ask(json!({ "prompt": "a red apple", "n": 2, "size": "64x64", "seed": 5, "response_format": "b64_json" }));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let pictures: Vec<Vec<u8>> = answer.json()["data"].as_array().unwrap().iter().map(|it| decode(&it["b64_json"])).collect();
    let pixels = |bytes: &[u8]| image::load_from_memory(bytes).unwrap().to_rgb8().into_raw();
    assert_eq!((pictures.len(), pixels(&pictures[0]).len()), (2, 64 * 64 * 3));
    assert_ne!(pixels(&pictures[0]), pixels(&pictures[1]), "each picture has a seed of its own");
    let answer = ask(json!({ "prompt": "a red apple", "size": "64x64", "seed": 5 })).json();
    let url = answer["data"][0]["url"].as_str().unwrap().to_owned();
    let path = url.strip_prefix(&server.url("")).unwrap().to_owned();
    assert_eq!(pixels(&server.get(&path).body), pixels(&pictures[0]), "a seed names a picture");
    for wrong in [
        json!({}),
        json!({ "prompt": "x", "n": 99 }),
        json!({ "prompt": "x", "size": "big" }),
        json!({ "prompt": "x", "size": 64 }),
        json!({ "prompt": "x", "seed": -1 }),
        json!({ "prompt": "x", "response_format": 5 }),
    ] {
        let answer = ask(wrong);
        assert_eq!((answer.status, answer.json()["error"]["type"].as_str()), (400, Some("invalid_request_error")));
    }
    let listed = server.json("/v1/models");
    assert_eq!(listed["data"][0]["id"], "burnish");
}

/// The events of a stream.
fn events(text: &str) -> Vec<serde_json::Value> {
    let lines = text.lines().filter_map(|it| it.strip_prefix("data: "));
    let (last, all): (Vec<_>, Vec<_>) = lines.partition(|it| *it == "[DONE]");
    assert_eq!(last.len(), 1, "{text}");
    all.into_iter().map(|it| serde_json::from_str(it).expect("JSON")).collect()
}

/// The same for texts, of the demo language model.
#[test]
fn texts_are_written_for_programs_that_know_openai() {
    let server = Server::start(&[]);
    let model = "burnish-demo-writer";
    let ids: Vec<String> = server.json("/v1/models")["data"].as_array().unwrap().iter().map(|it| it["id"].to_string()).collect();
    assert!(ids.contains(&format!("{model:?}")), "{ids:?}");
    let turns = json!([{ "role": "user", "content": "draw a fox on blue" }]);
    let ask = |more: serde_json::Value| {
        let mut body = json!({ "model": model, "messages": turns, "temperature": 0 });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        server.post("/v1/chat/completions", &body)
    };
    let answer = ask(json!({})).json();
    let choice = &answer["choices"][0];
    let said = "a fox on a blue background";
    assert_eq!((&choice["message"]["content"], &choice["finish_reason"]), (&json!(said), &json!("stop")), "{answer}");
    let count = |answer: &serde_json::Value, name: &str| answer["usage"][name].as_u64().unwrap();
    assert!(count(&answer, "prompt_tokens") > 5 && count(&answer, "completion_tokens") > 5);
    assert_eq!(count(&answer, "total_tokens"), count(&answer, "prompt_tokens") + count(&answer, "completion_tokens"));

    let pieces = events(&ask(json!({ "stream": true, "stream_options": { "include_usage": true } })).text());
    let text: String = pieces.iter().filter_map(|it| it["choices"][0]["delta"]["content"].as_str()).collect();
    assert_eq!(text, said);
    assert_eq!(pieces[0]["choices"][0]["delta"]["role"], "assistant");
    assert_eq!(pieces[pieces.len() - 2]["choices"][0]["finish_reason"], "stop");
    assert_eq!(pieces[pieces.len() - 1]["usage"], answer["usage"]);

    let short = ask(json!({ "max_tokens": 2 })).json();
    assert_eq!((&short["choices"][0]["finish_reason"], count(&short, "completion_tokens")), (&json!("length"), 2));
    let stopped = ask(json!({ "stop": [" blue"] })).json();
    assert_eq!(stopped["choices"][0]["message"]["content"], "a fox on a");

    let asked = "<|user|>draw a fox on blue<|end|><|assistant|>";
    let body = json!({ "model": model, "prompt": asked, "temperature": 0, "max_tokens": 40 });
    assert_eq!(server.post("/v1/completions", &body).json()["choices"][0]["text"], said);

    let missing = ask(json!({ "model": "gpt-7" }));
    assert_eq!((missing.status, missing.json()["error"]["code"].as_str()), (404, Some("model_not_found")));
    assert_eq!(ask(json!({ "tools": [{}] })).json()["error"]["param"], "tools");
    let hot = ask(json!({ "top_p": 7 }));
    assert_ne!(hot.status, 200, "{}", hot.text());
}

/// A client that hangs up while a model writes: what it asked for ends, and the next one is served.
#[test]
fn who_goes_away_while_a_text_is_written_leaves_no_work_behind() {
    let server = Server::start(&[]);
    // So hot that the writer seldom ends by itself; where it did before the client was gone, another seed asks again.
    let interrupted = (0..8).any(|seed| {
        let body = json!({
            "model": "burnish-demo-writer", "stream": true, "temperature": 2.0, "seed": seed, "max_tokens": 100_000,
            "messages": [{ "role": "user", "content": "draw a fox on blue" }],
        });
        hang_up_at_the_first_piece(&server, &body.to_string());
        let since = Instant::now();
        while ["queue_running", "queue_pending"].iter().any(|it| server.json("/queue")[it] != json!([])) {
            assert!(since.elapsed() < Duration::from_secs(20), "it still works for nobody");
            std::thread::sleep(Duration::from_millis(20));
        }
        let history = server.json("/history");
        let messages = history.as_object().unwrap().values().flat_map(|it| it["status"]["messages"].as_array().unwrap());
        messages.into_iter().any(|it| it[0] == "execution_interrupted")
    });
    assert!(interrupted, "none of the jobs was interrupted");
}

fn hang_up_at_the_first_piece(server: &Server, body: &str) {
    let mut socket = TcpStream::connect(&server.address).expect("it listens");
    let (address, length) = (&server.address, body.len());
    let head = "POST /v1/chat/completions HTTP/1.1\r\nContent-Type: application/json\r\n";
    write!(socket, "{head}Host: {address}\r\nContent-Length: {length}\r\n\r\n{body}").expect("sent");
    let mut lines = BufReader::new(&socket).lines();
    lines.find(|it| it.as_ref().is_ok_and(|it| it.contains("content\":\""))).expect("a first piece").expect("heard");
}

fn decode(text: &serde_json::Value) -> Vec<u8> {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.decode(text.as_str().expect("a text")).expect("base64")
}

#[test]
fn a_workflow_of_ones_own_draws() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mine.json");
    let mut workflow = crate::prompts::drawing(2, 1);
    fs::write(&file, workflow.to_string()).unwrap();
    let server = Server::start(&["--images-workflow", file.to_str().unwrap()]);
    let answer = server.post("/v1/images/generations", &json!({ "prompt": "a pear" }));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let history = server.json("/history?max_items=1");
    let job = history.as_object().unwrap().values().next().unwrap();
    assert_eq!(job["prompt"][2]["2"]["inputs"]["text"], "a pear");
    workflow["5"]["inputs"].as_object_mut().unwrap().remove("positive");
    fs::write(&file, workflow.to_string()).unwrap();
    let error = port(folder.path(), &[], &["--port", "0", "--images-workflow", file.to_str().unwrap()]).unwrap_err();
    assert!(error.contains("mine.json") && error.contains("positive"), "{error}");
}

/// ComfyUI takes some 14 s to its first answer.
#[test]
fn the_first_answer_comes_soon_after_the_start() {
    let mut times: Vec<Duration> = (0..5)
        .map(|_| {
            let begun = Instant::now();
            let server = Server::start(&[]);
            assert_eq!(server.get("/system_stats").status, 200);
            begun.elapsed()
        })
        .collect();
    times.sort();
    println!("from start to the first answer: {} ms, at worst {} ms", times[2].as_millis(), times[4].as_millis());
    assert!(times[2] < Duration::from_millis(150), "{times:?}");
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// The words of an instruction of the Dockerfile that is written as a list.
fn words(dockerfile: &str, instruction: &str) -> Vec<String> {
    let line = dockerfile.lines().find_map(|it| it.strip_prefix(instruction)).unwrap_or_else(|| panic!("no {instruction}"));
    serde_json::from_str(line).unwrap_or_else(|it| panic!("{instruction}{line}: {it}"))
}

#[test]
fn the_command_of_the_container_starts_a_server_that_asks_for_its_token() {
    let dockerfile = fs::read_to_string(root().join("Dockerfile")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let command = [words(&dockerfile, "ENTRYPOINT "), words(&dockerfile, "CMD ")].concat();
    assert_eq!((&*command[0], &*command[1]), ("burnish", "serve"));
    let copied = dockerfile.lines().find_map(|it| it.strip_prefix("COPY --from=build /source/workflows")).unwrap();
    let models = root().join("workflows").join(copied.split_whitespace().next().unwrap().trim_start_matches('/'));
    assert!(models.is_dir());
    let place = |it: &String| it.replace("/data", data).replace("/usr/local/share/burnish/models", models.to_str().unwrap());
    let arguments: Vec<String> = command[2..].iter().map(place).collect();
    // The place is said already, and its port belongs to whoever runs this.
    let at = arguments.iter().position(|it| it == "--base-directory").unwrap();
    assert_eq!(arguments[at + 1], data);
    let rest: Vec<&str> = arguments[..at].iter().chain(&arguments[at + 2..]).map(String::as_str).chain(["--port", "0"]).collect();
    for directory in dockerfile.split("mkdir ").skip(1).filter_map(|it| it.split_whitespace().next()) {
        fs::create_dir(place(&directory.to_owned())).unwrap();
    }
    port(folder.path(), &[("BURNISH_TOKEN", "secret")], &rest).unwrap();
    let refused = port(folder.path(), &[], &rest).unwrap_err();
    assert!(refused.contains("token"), "{refused}");
}

#[test]
fn the_unit_that_is_shipped_is_understood() {
    let unit = fs::read_to_string(root().join("packaging/burnish.service")).unwrap();
    let start = unit.lines().find_map(|it| it.strip_prefix("ExecStart=")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let start = start.replace("/etc/burnish.toml", root().join("packaging/burnish.toml").to_str().unwrap());
    let start = start.replace("/var/lib/burnish", data);
    let words: Vec<&str> = start.split_whitespace().collect();
    assert_eq!(words[..2], ["/usr/bin/burnish", "serve"]);
    let at = words.iter().position(|it| *it == "--base-directory").unwrap();
    let rest: Vec<&str> = words[2..at].iter().chain(&words[at + 2..]).copied().chain(["--port", "0"]).collect();
    port(folder.path(), &[], &rest).unwrap();
    // systemd itself reads it where there is one.
    let file = folder.path().join("burnish.service");
    fs::write(&file, unit.replace("/usr/bin/burnish", env!("CARGO_BIN_EXE_burnish"))).unwrap();
    match Command::new("systemd-analyze").arg("verify").arg(&file).output() {
        Ok(output) => assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr)),
        Err(_) => println!("not verified: there is no systemd-analyze"),
    }
}
