//! Settings, saved workflows, and what else the editor asks.

use crate::client::{Server, until};
use crate::prompts::picture;
use serde_json::{Value, json};

#[test]
fn settings_are_merged_and_stay() {
    let server = Server::start(&[]);
    assert_eq!(server.json("/users"), json!({ "storage": "server", "migrated": false }));
    assert_eq!(server.json("/settings"), json!({}));
    // Clients say that it is text.
    let text = [("Content-Type", "text/plain")];
    assert_eq!(server.send("POST", "/api/settings/Comfy.Theme", &text, b"\"dark\"").status, 200);
    assert_eq!(server.post("/settings", &json!({ "a": 1, "b": [2] })).status, 200);
    assert_eq!(server.json("/settings"), json!({ "Comfy.Theme": "dark", "a": 1, "b": [2] }));
    assert_eq!((server.json("/settings/a"), server.json("/settings/zzz")), (json!(1), Value::Null));
    assert_eq!(server.post("/settings", &json!([1])).status, 400);
    assert_eq!(server.json("/users")["migrated"], true);
    let mut server = server;
    let folder = server.folder().to_owned();
    server.kill();
    let again = Server::start_in(&folder, &[]);
    assert_eq!(again.json("/settings/a"), json!(1));
}

#[test]
fn several_people_have_their_own_settings() {
    let server = Server::start(&["--multi-user"]);
    assert_eq!(server.json("/users"), json!({ "storage": "server", "users": {} }));
    let id = server.post("/users", &json!({ "username": "Anna B." })).json().as_str().unwrap().to_owned();
    assert!(id.starts_with("Anna-B-_"), "{id}");
    assert_eq!(server.json("/users")["users"][&id], "Anna B.");
    let again = server.post("/users", &json!({ "username": "Anna B." }));
    assert_eq!((again.status, again.json()), (400, json!({ "error": "Duplicate username." })));
    let anna = [("Comfy-User", id.as_str())];
    assert_eq!(server.send("POST", "/settings/a", &anna, b"1").status, 200);
    assert_eq!(server.send("GET", "/settings/a", &anna, b"").json(), json!(1));
    for stranger in ["", "nobody", "../default", "jobs.sqlite"] {
        assert_eq!(server.send("GET", "/settings/a", &[("Comfy-User", stranger)], b"").status, 401, "{stranger}");
    }
}

#[test]
fn workflows_are_saved_listed_moved_and_deleted() {
    let server = Server::start(&[]);
    let put = |path: &str, content: &str| server.send("POST", &format!("/api/userdata/{path}"), &[], content.as_bytes());
    assert_eq!(server.get("/userdata?dir=workflows").status, 404);
    let saved = put("workflows%2Fa.json?full_info=true", "{}").json();
    assert_eq!((&saved["path"], &saved["size"]), (&json!("workflows/a.json"), &json!(2)));
    assert!(saved["modified"].as_u64().unwrap() > 1_700_000_000_000 && saved["created"].is_u64());
    assert_eq!(put("workflows%2Fdeep%2Fb%20c.json", "{ }").json(), json!("workflows/deep/b c.json"));
    assert_eq!(put("workflows%2Fa.json?overwrite=false", "1").status, 409);
    assert_eq!(put("workflows%2Fa.json?overwrite=true", "1").status, 200);
    assert_eq!(server.get("/userdata/workflows%2Fa.json").body, b"1");
    // What is decoded twice would lead out.
    assert_eq!(put("%252e%252e%252fx.json", "1").json(), json!("%2e%2e%2fx.json"));
    assert_eq!(server.json("/userdata?dir=workflows"), json!(["a.json"]));
    assert_eq!(server.json("/userdata?dir=workflows&recurse=true"), json!(["a.json", "deep/b c.json"]));
    assert_eq!(
        server.json("/userdata?dir=workflows&recurse=true&split=true"),
        json!([["a.json", "a.json"], ["deep/b c.json", "deep", "b c.json"]])
    );
    let full = server.json("/userdata?dir=workflows&recurse=true&split=false&full_info=true");
    assert_eq!((&full[1]["path"], &full[1]["size"]), (&json!("deep/b c.json"), &json!(3)));
    assert_eq!((server.get("/userdata").status, server.get("/userdata?dir=../..").status), (400, 403));
    let all = server.json("/v2/userdata?path=workflows");
    let short: Vec<Value> = all.as_array().unwrap().iter().map(|it| json!([it["type"], it["path"]])).collect();
    assert_eq!(
        json!(short),
        json!([["directory", "workflows/deep"], ["file", "workflows/a.json"], ["file", "workflows/deep/b c.json"]])
    );
    assert_eq!(server.get("/v2/userdata?path=workflows/a.json").status, 400);
    assert_eq!(server.get("/v2/userdata?path=nothing").status, 404);
    let moved = server.send("POST", "/userdata/workflows%2Fa.json/move/old%2Fa.json", &[], b"");
    assert_eq!(moved.json(), json!("old/a.json"));
    put("workflows%2Fa.json", "2");
    assert_eq!(server.send("POST", "/userdata/workflows%2Fa.json/move/old%2Fa.json?overwrite=false", &[], b"").status, 409);
    assert_eq!(server.send("POST", "/userdata/nothing/move/x", &[], b"").status, 404);
    assert_eq!(server.send("DELETE", "/userdata/old%2Fa.json", &[], b"").status, 204);
    assert_eq!(server.send("DELETE", "/userdata/old%2Fa.json", &[], b"").status, 404);
    assert_eq!(server.get("/userdata/old%2Fa.json").status, 404);
}

#[test]
fn everything_that_a_front_end_asks_first_is_answered() {
    let server = Server::start(&[]);
    for (path, expected) in
        [("/i18n", json!({})), ("/node_replacements", json!({})), ("/global_subgraphs", json!({})), ("/extensions", json!([]))]
    {
        assert_eq!(server.json(path), expected);
        assert_eq!(server.json(&format!("/api{path}")), expected);
    }
    let templates = server.json("/api/workflow_templates");
    assert!(templates["burnish"].as_array().unwrap().contains(&json!("text-to-image")), "{templates}");
    assert!(server.json("/api/workflow_templates/burnish/text-to-image.json").is_object());
    assert_eq!(server.get("/api/workflow_templates/burnish/nothing.json").status, 404);
    assert_eq!(server.get("/api/workflow_templates/other/text-to-image.json").status, 404);
    assert!(server.json("/internal/folder_paths")["checkpoints"].is_array());
    let kinds = server.json("/experiment/models");
    let names: Vec<&Value> = kinds.as_array().unwrap().iter().map(|it| &it["name"]).collect();
    assert!(names.contains(&&json!("checkpoints")) && !names.contains(&&json!("configs")));
    assert_eq!(server.get("/experiment/models/nothing").status, 404);
}

#[test]
fn models_are_shown_with_what_they_say() {
    let folder = tempfile::tempdir().unwrap();
    let loras = folder.path().join("models/loras");
    std::fs::create_dir_all(&loras).unwrap();
    let header = br#"{"__metadata__":{"author":"me"}}"#;
    let file = [&(header.len() as u64).to_le_bytes()[..], header].concat();
    std::fs::write(loras.join("a.safetensors"), file).unwrap();
    std::fs::write(loras.join("broken.safetensors"), [0xff; 64]).unwrap();
    image::RgbImage::new(8, 8).save(loras.join("a.png")).unwrap();
    let server = Server::start_in(folder.path(), &["--models", loras.parent().unwrap().to_str().unwrap()]);
    assert_eq!(server.json("/view_metadata/loras?filename=a.safetensors"), json!({ "author": "me" }));
    for path in [
        "loras?filename=b.safetensors",
        "loras?filename=broken.safetensors",
        "loras",
        "nothing?filename=a.safetensors",
        "loras?filename=a.png",
    ] {
        assert_eq!(server.get(&format!("/view_metadata/{path}")).status, 404, "{path}");
    }
    let models = server.json("/experiment/models/loras");
    let model = models.as_array().unwrap().iter().find(|it| it["name"] == "a.safetensors").unwrap().clone();
    assert_eq!(model["size"], json!(8 + header.len()));
    let preview = server.get(&format!("/experiment/models/preview/loras/{}/a.safetensors", model["pathIndex"]));
    assert_eq!((preview.status, preview.header("content-type"), &preview.body[8..12]), (200, "image/webp", &b"WEBP"[..]));
    assert_eq!(server.get("/experiment/models/preview/loras/0/none.safetensors").status, 404);
    assert_eq!(server.get("/experiment/models/preview/loras/99/a.safetensors").status, 404);
}

#[test]
fn a_mask_becomes_the_transparency_of_a_picture() {
    let server = Server::start(&[]);
    let id = server.submit(&picture("original"), None);
    server.wait(&id);
    let mut mask = image::RgbaImage::from_pixel(64, 32, image::Rgba([1, 2, 3, 255]));
    mask.put_pixel(5, 6, image::Rgba([0, 0, 0, 77]));
    let mut png = std::io::Cursor::new(Vec::new());
    mask.write_to(&mut png, image::ImageFormat::Png).unwrap();
    let original = json!({ "filename": "original_00001_.png", "type": "output", "subfolder": "" }).to_string();
    let fields = [("original_ref", original.as_str()), ("subfolder", "clipspace"), ("type", "input")];
    let saved = server.upload("/upload/mask", &fields, "m.png", png.get_ref());
    assert_eq!(saved.json(), json!({ "name": "m.png", "subfolder": "clipspace", "type": "input" }));
    let path = server.folder().join("input/clipspace/m.png");
    let picture = image::open(&path).unwrap().to_rgba8();
    assert_eq!((picture.get_pixel(0, 0).0, picture.get_pixel(5, 6).0), ([255, 128, 0, 255], [255, 128, 0, 77]));
    let mut reader = png::Decoder::new(std::io::BufReader::new(std::fs::File::open(path).unwrap())).read_info().unwrap();
    reader.finish().unwrap();
    assert!(reader.info().uncompressed_latin1_text.iter().any(|it| it.keyword == "prompt"));
    for original in
        ["{}", "", "{\"filename\":\"../x\"}", "{\"filename\":\"x\",\"subfolder\":\"..\"}", "{\"filename\":\"none.png\"}"]
    {
        let answer = server.upload("/upload/mask", &[("original_ref", original)], "m.png", png.get_ref());
        assert!(matches!(answer.status, 400 | 403 | 404), "{original}: {}", answer.status);
    }
    // Alpha and colours can be had apart.
    let alpha = server.get("/view?filename=m.png&subfolder=clipspace&type=input&channel=a");
    let alpha = image::load_from_memory(&alpha.body).unwrap().to_rgba8();
    assert_eq!(alpha.get_pixel(5, 6).0, [0, 0, 0, 77]);
    let rgb = server.get("/view?filename=m.png%20%5Binput%5D&subfolder=clipspace&channel=rgb");
    assert_eq!(image::load_from_memory(&rgb.body).unwrap().color(), image::ColorType::Rgb8);
}

#[test]
fn what_is_counted_can_be_read() {
    let server = Server::start(&[]);
    let _ears = server.listen("me");
    server.wait(&server.submit(&picture("x"), None));
    server.wait(&server.submit(&picture("x"), None));
    until("both are counted", || server.get("/metrics").text().contains("burnish_jobs_ended_total{state=\"completed\"} 2"));
    let text = server.get("/metrics").text();
    for line in [
        "burnish_queue_jobs 0",
        "burnish_websocket_clients 1",
        "burnish_cached_nodes_total 2",
        "burnish_node_seconds_count{class=\"SaveImage\"} 1",
        "burnish_job_seconds_count 2",
        "burnish_resident_bytes{device=\"auto\"} 0",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
}

#[test]
fn the_log_can_be_watched() {
    let server = Server::start(&["--log-level", "info"]);
    let mut ears = server.listen("me");
    let watch = server.send("PATCH", "/internal/logs/subscribe", &[], br#"{"clientId":"me","enabled":true}"#);
    assert_eq!(watch.status, 200);
    server.submit(&picture("x"), None);
    while ears.hear()["type"] != "logs" {}
    until("it is written down", || server.json("/internal/logs").as_str().unwrap().contains("done"));
    assert!(server.json("/internal/logs/raw")["entries"][0]["m"].is_string());
    assert_eq!(server.json("/internal/files/output"), json!(["x_00001_.png"]));
    assert_eq!(server.get("/internal/files/models").status, 400);
}

#[test]
fn a_saved_file_reaches_a_client_that_takes_compressed_answers() {
    let server = Server::start(&[]);
    let saved = "word ".repeat(20_000);
    assert_eq!(server.send("POST", "/userdata/long.txt", &[], saved.as_bytes()).status, 200);
    let plain = server.get("/userdata/long.txt");
    assert_eq!(plain.body, saved.as_bytes());
    // Read to its end: a body that breaks off is an error.
    let packed = server.send("GET", "/userdata/long.txt", &[("accept-encoding", "gzip")], b"");
    assert_eq!((packed.status, packed.headers["content-encoding"].as_bytes()), (200, &b"gzip"[..]));
    assert!(packed.body.starts_with(&[0x1f, 0x8b]) && packed.body.len() < saved.len() / 10);
}
