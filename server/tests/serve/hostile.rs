//! What somebody sends who wants the server to fall over.

use crate::client::{Server, until};
use crate::prompts::greeting;
use serde_json::{Map, Value, json};
use std::time::Instant;

/// It still works.
fn lives(server: &Server) {
    assert_eq!(server.wait(&server.submit(&greeting(), None))["status"]["status_str"], "success");
}

#[test]
fn what_is_no_json_is_refused() {
    let server = Server::start(&[]);
    for body in [
        "",
        "{",
        "nonsense",
        "[]",
        "null",
        "\u{0}",
        "{\"prompt\": NaN}",
        "\u{feff}",
        "{\"prompt\": []}",
        "{\"prompt\": \"x\"}",
        "{\"prompt\": null}",
    ] {
        let answer = server.send("POST", "/prompt", &[], body.as_bytes());
        assert_eq!(answer.status, 400, "{body:?}: {}", answer.text());
        assert!(answer.json()["error"].is_string() || answer.json()["error"].is_object());
    }
    for body in [&[0xff, 0xfe][..], &[0x1f, 0x8b, 0x08, 0x00]] {
        assert_eq!(server.send("POST", "/prompt", &[], body).status, 400);
    }
    // Some are read with patience: nothing was asked for, and nothing happens.
    for path in ["/queue", "/interrupt", "/free", "/history"] {
        assert_eq!(server.send("POST", path, &[], b"nonsense").status, 200, "{path}");
    }
    lives(&server);
}

#[test]
fn depth_and_size_have_limits() {
    let server = Server::start(&["--max-upload-size", "2"]);
    let deep = format!("{{\"prompt\": {}1{}}}", "[".repeat(200_000), "]".repeat(200_000));
    assert_eq!(server.send("POST", "/prompt", &[], deep.as_bytes()).status, 400);
    // What is said to be too long is not even waited for.
    for path in ["/prompt", "/queue", "/settings", "/userdata/a", "/upload/image"] {
        for length in ["2097153", "99999999999"] {
            let head =
                format!("POST {path} HTTP/1.1\r\nHost: {}\r\nContent-Length: {length}\r\nConnection: close", server.address);
            assert_eq!(server.raw(&head, b"").0, 413, "{path} {length}");
        }
    }
    // What does not say how long it is, is read until it is too long.
    let head = format!("POST /prompt HTTP/1.1\r\nHost: {}\r\nTransfer-Encoding: chunked\r\nConnection: close", server.address);
    let piece = [b"10000\r\n".to_vec(), vec![b' '; 0x10000], b"\r\n".to_vec()].concat();
    assert_eq!(server.raw(&head, &piece.repeat(33)).0, 413);
    lives(&server);
}

#[test]
fn graphs_that_never_end_are_refused() {
    let server = Server::start(&[]);
    let concatenate =
        |a: Value| json!({ "class_type": "StringConcatenate", "inputs": { "string_a": a, "string_b": "", "delimiter": "" } });
    let show = json!({ "class_type": "PreviewAny", "inputs": { "source": ["1", 0] } });
    for prompt in [
        json!({ "1": concatenate(json!(["1", 0])), "s": show }),
        json!({ "1": concatenate(json!(["2", 0])), "2": concatenate(json!(["1", 0])), "s": show }),
    ] {
        let answer = server.post("/prompt", &json!({ "prompt": prompt }));
        assert_eq!(answer.status, 400);
        assert!(answer.text().contains("dependency_cycle"), "{}", answer.text());
    }
    let odd = json!({ "1": { "class_type": "PreviewAny", "inputs": { "source": ["nowhere", 0] } } });
    assert_eq!(server.post("/prompt", &json!({ "prompt": odd })).status, 400);
    lives(&server);
}

#[test]
fn a_graph_of_many_nodes_is_answered_in_bounded_time() {
    let server = Server::start(&[]);
    let chain = |length: usize| {
        let node = |i: usize| {
            let from = if i == 0 { json!("x") } else { json!([(i - 1).to_string(), 0]) };
            (
                i.to_string(),
                json!({ "class_type": "StringConcatenate", "inputs": { "string_a": from, "string_b": "", "delimiter": "" } }),
            )
        };
        let mut nodes: Map<String, Value> = (0..length).map(node).collect();
        nodes.insert("s".into(), json!({ "class_type": "PreviewAny", "inputs": { "source": [(length - 1).to_string(), 0] } }));
        Value::Object(nodes)
    };
    let begun = Instant::now();
    let entry = server.wait(&server.submit(&chain(20_000), None));
    assert_eq!(entry["status"]["status_str"], "success");
    assert!(begun.elapsed().as_secs() < 30, "{:?}", begun.elapsed());
    let answer = server.post("/prompt", &json!({ "prompt": chain(100_001) }));
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("too large"), "{}", answer.text());
    #[cfg(target_os = "linux")]
    assert!(server.peak_memory() < 1 << 30, "{}", server.peak_memory());
    lives(&server);
}

/// A PNG that says to be larger than it is.
fn claimed_png(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 1, 1);
    encoder.set_color(png::ColorType::Rgba);
    encoder.write_header().and_then(|mut it| it.write_image_data(&[0; 4])).expect("a picture");
    bytes[16..20].copy_from_slice(&width.to_be_bytes());
    bytes[20..24].copy_from_slice(&height.to_be_bytes());
    let mut crc = !0_u32;
    for byte in &bytes[12..29] {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    bytes[29..33].copy_from_slice(&(!crc).to_be_bytes());
    bytes
}

#[test]
fn pictures_that_claim_to_be_huge_are_not_opened() {
    let server = Server::start(&[]);
    for (name, bytes) in [
        ("wide.png", claimed_png(65_535, 65_535)),
        ("long.png", claimed_png(1, u32::MAX >> 1)),
        ("cut.png", claimed_png(10, 10)[..40].to_vec()),
        ("none.gif", b"GIF89a\xff\xff\xff\xff\x00\x00\x00".to_vec()),
        ("none.webp", b"RIFF\xff\xff\xff\xffWEBPVP8L".to_vec()),
        ("empty.jpg", Vec::new()),
    ] {
        assert_eq!(server.upload("/upload/image", &[], name, &bytes).status, 200);
        for change in ["preview=webp", "preview=jpeg;999", "channel=rgb", "channel=a"] {
            let answer = server.get(&format!("/view?filename={name}&type=input&{change}"));
            assert_eq!(answer.status, 400, "{name} {change}");
        }
        let load = json!({
            "1": { "class_type": "LoadImage", "inputs": { "image": name } },
            "2": { "class_type": "PreviewImage", "inputs": { "images": ["1", 0] } },
        });
        let answer = server.post("/prompt", &json!({ "prompt": load }));
        if answer.status == 200 {
            let entry = server.wait(answer.json()["prompt_id"].as_str().unwrap());
            assert_eq!(entry["status"]["status_str"], "error", "{name}");
        }
    }
    #[cfg(target_os = "linux")]
    assert!(server.peak_memory() < 1 << 30, "{}", server.peak_memory());
    lives(&server);
}

#[test]
fn a_websocket_that_talks_too_much_is_cut_off() {
    let server = Server::start(&[]);
    let mut loud = server.listen("loud");
    loud.hear();
    loud.shout(1 << 20);
    assert!(loud.is_cut_off());
    let mut odd = server.listen("odd");
    odd.hear();
    for message in [json!([]), json!({ "type": "feature_flags", "data": 5 }), json!({ "type": "nothing" }), json!(null)] {
        odd.say(&message);
    }
    let id = server.submit(&greeting(), Some("odd"));
    odd.hear_job(&id);
    until("the loud one is gone", || server.listen("x").hear()["type"] == "status");
}
