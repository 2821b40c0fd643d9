//! Everything that reads what comes over the network, given what nobody would send: it answers, and it never breaks.
//!
//! A bounded number of tries for each; for a long look: `BURNISH_FUZZ=100000 cargo test --workspace --test serve fuzz`. What is damaged
//! are the examples of `tests/corpus`.

use crate::client::{Server, bytes};
use crate::prompts::{drawing, greeting};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

/// Tries something with many inputs.
fn each<S: Strategy>(strategy: S, attempt: impl Fn(S::Value)) {
    let cases = std::env::var("BURNISH_FUZZ").ok().and_then(|it| it.parse().ok()).unwrap_or(60);
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 200, ..Config::default() };
    let attempt = |value: S::Value| {
        attempt(value);
        Ok(())
    };
    TestRunner::new(config).run(&strategy, attempt).unwrap_or_else(|it| panic!("{it}"));
}

/// Asks, and expects an answer that is no confession of a bug.
fn answered(server: &Server, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> u16 {
    let answer = server.send(method, path, headers, body);
    assert!(answer.status < 500, "{method} {path}: {} {}", answer.status, answer.text());
    answer.status
}

/// Bytes with some of them changed, left out or doubled.
fn damaged(bytes: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let length = bytes.len();
    proptest::collection::vec((0..length, any::<u8>(), 0..4_u8), 1..8).prop_map(move |changes| {
        let mut bytes = bytes.clone();
        for (place, byte, how) in changes {
            let place = place.min(bytes.len().saturating_sub(1));
            match how {
                _ if bytes.is_empty() => bytes.push(byte),
                0 => bytes[place] = byte,
                1 => drop(bytes.remove(place)),
                2 => bytes.insert(place, byte),
                _ => bytes.truncate(place),
            }
        }
        bytes
    })
}

/// Names that mean mischief, pieced together.
fn name() -> impl Strategy<Value = String> {
    let pieces =
        ["..", "/", "\\", "a.png", ".", "\0", "C:", "é", "%2e", "%", "\n", " ", "workflows", "[output]", "CON", "~", "?", "#"];
    let piece =
        prop_oneof![4 => select(pieces.to_vec()).prop_map(str::to_owned), 1 => any::<String>(), 1 => Just("x".repeat(300))];
    proptest::collection::vec(piece, 0..6).prop_map(|it| it.concat())
}

/// A text as part of an address.
fn encoded(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        select(vec!["", "1", "KSampler", "__value__", "class_type", "inputs", "prompt"]).prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        let key =
            select(vec!["1", "2", "class_type", "inputs", "prompt", "extra_data", "number", "delete", "__value__", "nodes"]);
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::vec((key, inner), 0..5)
                .prop_map(|it| it.into_iter().map(|(key, it)| (key.to_owned(), it)).collect()),
        ]
    })
}

/// An example of a format, to be damaged: of `tests/corpus`.
fn example(name: &str) -> Vec<u8> {
    bytes(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/corpus").join(name))
}

/// A picture with texts of all three kinds and a turned orientation.
fn png() -> Vec<u8> {
    example("picture.png")
}

#[test]
fn prompts() {
    let server = Server::start(&["--max-queue", "1000000"]);
    server.post("/jobs/pause", &json!({}));
    each(damaged(json!({ "prompt": drawing(1, 1), "client_id": "me", "extra_data": {} }).to_string().into_bytes()), |body| {
        answered(&server, "POST", "/prompt", &[], &body);
    });
    assert_eq!(answered(&server, "POST", "/prompt", &[], &example("prompt.json")), 200);
    each(damaged(example("prompt.json")), |body| {
        answered(&server, "POST", "/prompt", &[], &body);
    });
    each(any_json(), |json| {
        answered(&server, "POST", "/prompt", &[], json.to_string().as_bytes());
        answered(&server, "POST", "/prompt", &[], json!({ "prompt": json }).to_string().as_bytes());
        for class in ["EmptyImage", "KSampler"] {
            let prompt = json!({ "1": { "class_type": class, "inputs": json }, "2": { "class_type": "PreviewImage", "inputs": { "images": ["1", 0] } } });
            answered(
                &server,
                "POST",
                "/prompt",
                &[],
                json!({ "prompt": prompt, "number": json, "extra_data": json }).to_string().as_bytes(),
            );
        }
    });
}

#[test]
fn other_bodies() {
    let server = Server::start(&[]);
    let routes =
        ["/queue", "/interrupt", "/free", "/history", "/jobs/cancel", "/users", "/settings", "/settings/a", "/jobs/x/move"];
    each((select(routes.to_vec()), any_json()), |(route, json)| {
        answered(&server, "POST", route, &[], json.to_string().as_bytes());
        answered(&server, "POST", &format!("/api{route}"), &[], &json.to_string().as_bytes()[1..]);
    });
    // What makes no sense is refused before anything is drawn.
    each(any_json(), |json| {
        answered(
            &server,
            "POST",
            "/v1/images/generations",
            &[],
            json!({ "prompt": json, "n": json, "size": "x" }).to_string().as_bytes(),
        );
    });
    assert_eq!(server.wait(&server.submit(&greeting(), None))["status"]["status_str"], "success");
}

#[test]
fn uploads() {
    let server = Server::start(&[]);
    let body = example("upload.multipart");
    let kind = [("Content-Type", "multipart/form-data; boundary=edge")];
    assert_eq!(answered(&server, "POST", "/upload/image", &kind, &body), 200);
    each((damaged(body), select(vec!["/upload/image", "/upload/mask"])), |(body, route)| {
        answered(&server, "POST", route, &kind, &body);
    });
    each(name(), |name| {
        let name = name.replace(['\r', '\n', '"'], "_");
        assert!(server.upload("/upload/image", &[("subfolder", &name), ("type", &name)], &name, &png()).status < 500);
    });
}

#[test]
fn pictures() {
    let server = Server::start(&[]);
    each(damaged(png()), |bytes| {
        assert_eq!(server.upload("/upload/image", &[("overwrite", "true")], "d.png", &bytes).status, 200);
        for query in ["", "&preview=webp;90", "&preview=jpeg", "&channel=rgb", "&channel=a"] {
            answered(&server, "GET", &format!("/view?filename=d.png&type=input{query}"), &[], b"");
        }
        let mask = [("original_ref", r#"{"filename":"d.png","type":"input"}"#), ("overwrite", "true")];
        assert!(server.upload("/upload/mask", &mask, "m.png", &bytes).status < 500);
        let prompt = json!({ "1": { "class_type": "LoadImage", "inputs": { "image": "d.png" } }, "2": { "class_type": "PreviewImage", "inputs": { "images": ["1", 0] } } });
        answered(&server, "POST", "/prompt", &[], json!({ "prompt": prompt }).to_string().as_bytes());
    });
    assert_eq!(server.wait(&server.submit(&greeting(), None))["status"]["status_str"], "success");
}

#[test]
fn addresses_and_queries() {
    let server = Server::start(&[]);
    each((name(), name(), name()), |(a, b, c)| {
        let (a, b, c) = (encoded(&a), encoded(&b), encoded(&c));
        for query in [
            format!("/view?filename={a}&subfolder={b}&type={c}&preview={b}&channel={a}"),
            format!("/view?filename={a}&type=output&preview=webp;{c}"),
            format!("/view_metadata/{a}?filename={b}"),
            format!("/history?max_items={a}&offset={b}"),
            format!("/jobs?status={a}&limit={b}&offset={c}&sort_by={a}&workflow_id={b}"),
            format!("/userdata?dir={a}&recurse={b}&split={c}"),
            format!("/v2/userdata?path={a}"),
            format!("/userdata/{a}"),
            format!("/models/{a}"),
            format!("/experiment/models/preview/{a}/{b}/{c}"),
            format!("/object_info/{a}"),
            format!("/workflow_templates/{a}/{b}"),
            format!("/internal/files/{a}"),
            format!("/{a}/{b}?{c}"),
        ] {
            answered(&server, "GET", &query, &[], b"");
        }
        answered(&server, "POST", &format!("/userdata/{a}?overwrite={b}&full_info={c}"), &[], b"x");
        answered(&server, "POST", &format!("/userdata/{a}/move/{b}?overwrite=true"), &[], b"");
        answered(&server, "DELETE", &format!("/userdata/{b}"), &[], b"");
        answered(&server, "POST", &format!("/settings/{a}"), &[("Comfy-User", "x")], b"1");
    });
    // Nothing of it left the directory of the server.
    let beside = std::fs::read_dir(server.folder()).unwrap().map(|it| it.unwrap().file_name().into_string().unwrap());
    let known = ["input", "output", "temp", "user", "models"];
    assert!(beside.into_iter().all(|it| known.contains(&it.as_str())));
}

#[test]
fn headers() {
    let server = Server::start(&[]);
    server.upload("/upload/image", &[], "a.png", &png());
    let value = prop_oneof![
        (any::<i128>(), any::<i128>()).prop_map(|(a, b)| format!("bytes={a}-{b}")),
        select(vec![
            "bytes=-",
            "bytes=0-0,1-1",
            "bytes=5-2",
            "bytes=-0",
            "lines=1-2",
            "bytes=18446744073709551615-",
            "\"x\"",
            "*",
            "W/\"\""
        ])
        .prop_map(str::to_owned),
        "[ -~]{0,200}",
    ];
    each((value, name()), |(value, user)| {
        let user: String = user.chars().filter(|it| it.is_ascii_graphic()).collect();
        let headers = ["Range", "If-None-Match", "If-Modified-Since", "Accept-Encoding", "Accept", "Cookie", "Content-Type"];
        let mut headers: Vec<(&str, &str)> = headers.iter().map(|it| (*it, value.as_str())).collect();
        headers.push(("Comfy-User", &user));
        answered(&server, "GET", "/view?filename=a.png&type=input", &headers, b"");
        answered(&server, "GET", "/settings", &headers, b"");
        for (name, value) in [("Host", &value), ("Origin", &value), ("Sec-Fetch-Site", &value), ("Authorization", &value)] {
            assert!(server.status("GET", "/queue", &[&format!("{name}: {value}")]) < 500, "{name}: {value}");
        }
    });
}

#[test]
fn frames_of_the_websocket() {
    let server = Server::start(&[]);
    let hello = format!(
        "GET /ws?clientId=f HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
        server.address
    );
    let frame = (0..16_u8, any::<bool>(), any::<bool>(), proptest::collection::vec(any::<u8>(), 0..300)).prop_map(
        |(code, last, masked, content)| {
            let mut bytes = vec![code | u8::from(last) << 7];
            match content.len() {
                short @ 0..126 => bytes.push(short as u8 | u8::from(masked) << 7),
                long => bytes.extend([126 | u8::from(masked) << 7, (long >> 8) as u8, long as u8]),
            }
            bytes.extend([0; 4].iter().take(if masked { 4 } else { 0 }));
            bytes.extend(content);
            bytes
        },
    );
    let texts = any_json().prop_map(|json| {
        let text = json!({ "type": "feature_flags", "data": json }).to_string();
        let mut bytes = vec![0x81, 0x80 | text.len().min(125) as u8, 0, 0, 0, 0];
        bytes.extend(text.bytes().take(125));
        bytes
    });
    let nonsense = proptest::collection::vec(any::<u8>(), 0..50);
    let talk = proptest::collection::vec(prop_oneof![frame, texts, damaged(example("websocket.frames")), nonsense], 0..6);
    each(talk, |frames| {
        let mut stream = TcpStream::connect(&server.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
        stream.write_all(hello.as_bytes()).unwrap();
        for frame in frames {
            // The server may have had enough.
            if stream.write_all(&frame).is_err() {
                break;
            }
        }
        let mut heard = [0; 4096];
        let _answer = stream.read(&mut heard);
    });
    let mut ears = server.listen("f");
    let job = server.submit(&greeting(), Some("f"));
    assert!(ears.hear_job(&job).iter().any(|it| it["type"] == "execution_success"));
}

#[test]
fn workflows_in_files() {
    let catalogue = nodes::catalogue();
    let read = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes);
        let graph = graph::read::parse(&text).and_then(|json| graph::read(&json, &catalogue, 1));
        graph.map(|graph| graph::validate(graph, &catalogue, None).is_runnable())
    };
    for name in ["prompt.json", "editor.json"] {
        assert!(matches!(read(&example(name)), Ok(true)), "{name}");
        each(damaged(example(name)), |bytes| drop(read(&bytes)));
    }
}

#[test]
fn weights_in_files() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("it.safetensors");
    let read = |bytes: &[u8]| {
        std::fs::write(&file, bytes).unwrap();
        let weights = models::weights::Weights::open(&file)?;
        let names: Vec<String> = weights.names().map(str::to_owned).collect();
        names.iter().for_each(|it| drop(weights.numbers(it)));
        Ok::<_, models::weights::LoadError>((names.len(), weights.parameters()))
    };
    assert_eq!(read(&example("weights.safetensors")).unwrap(), (3, 7));
    each(damaged(example("weights.safetensors")), |bytes| drop(read(&bytes)));
    // Its description says how long it is, in eight bytes that anybody may write.
    each(any::<u64>(), |length| {
        let mut bytes = example("weights.safetensors");
        bytes[..8].copy_from_slice(&length.to_le_bytes());
        drop(read(&bytes));
    });
}

#[test]
fn paths_of_models_in_files() {
    let read = |bytes: &[u8]| {
        let mut folders = models::Folders::none();
        folders.add_extra_paths(&String::from_utf8_lossy(bytes), Path::new("/etc/extra_model_paths.yaml"))
    };
    read(&example("extra_model_paths.yaml")).unwrap();
    each(damaged(example("extra_model_paths.yaml")), |bytes| drop(read(&bytes)));
    // Names that stand for others, each for two of the one before: a small text that would fill any memory.
    let bomb = (1..40).fold("a0: &a0 x\n".to_owned(), |text, i| format!("{text}a{i}: &a{i} [*a{0}, *a{0}]\n", i - 1));
    drop(read(bomb.as_bytes()));
    drop(read("[".repeat(100_000).as_bytes()));
}
