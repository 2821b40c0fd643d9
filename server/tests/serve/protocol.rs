//! What clients of ComfyUI rely on.

use crate::client::{Server, bytes, until};
use crate::prompts::{drawing, greeting, picture};
use serde_json::{Value, json};
use std::time::Instant;
use tungstenite::Message;

/// The types of messages, progress left out.
fn kinds(heard: &[Value]) -> Vec<&str> {
    heard.iter().filter_map(|it| it["type"].as_str()).filter(|it| !it.starts_with("progress")).collect()
}

#[test]
fn a_job_is_told_in_the_documented_order() {
    let server = Server::start(&[]);
    let mut ears = server.listen("me");
    let first = ears.hear();
    assert_eq!(first, json!({ "type": "status", "data": { "status": { "exec_info": { "queue_remaining": 0 } }, "sid": "me" } }));
    let id = server.submit(&greeting(), Some("me"));
    let mut heard = ears.hear_job(&id);
    // The queue may be told to be longer before or after the job began.
    heard.retain(|it| *it != json!({ "type": "status", "data": { "status": { "exec_info": { "queue_remaining": 1 } } } }));
    assert_eq!(
        kinds(&heard),
        [
            "execution_start",
            "execution_cached",
            "executing",
            "executing",
            "executing",
            "executed",
            "execution_success",
            "status",
            "executing"
        ]
    );
    let of = |kind: &str| heard.iter().find(|it| it["type"] == kind).map(|it| it["data"].clone()).unwrap();
    assert_eq!(of("execution_cached")["nodes"], json!([]));
    assert_eq!(of("executing"), json!({ "node": "1", "display_node": "1", "prompt_id": id }));
    assert_eq!(
        of("executed"),
        json!({ "node": "3", "display_node": "3", "output": { "text": ["hello world"] }, "prompt_id": id })
    );
    assert_eq!(of("status")["status"]["exec_info"]["queue_remaining"], 0);
    assert!(of("execution_success")["timestamp"].as_i64().unwrap() > 1_700_000_000_000);
    let states: Vec<&Value> = heard.iter().filter(|it| it["type"] == "progress_state").map(|it| &it["data"]["nodes"]).collect();
    assert_eq!(
        states.first().unwrap()["1"],
        json!({
            "value": 0.0, "max": 1.0, "state": "running", "node_id": "1", "prompt_id": id,
            "display_node_id": "1", "parent_node_id": null, "real_node_id": "1",
        })
    );
    assert_eq!(states.last().unwrap()["3"]["state"], "finished");
}

#[test]
fn the_history_says_what_came_out() {
    let server = Server::start(&[]);
    let id = server.submit(&picture("shots/flat"), Some("me"));
    let entry = server.wait(&id);
    assert_eq!(
        entry["outputs"]["2"]["images"],
        json!([{ "filename": "flat_00001_.png", "subfolder": "shots", "type": "output" }])
    );
    assert_eq!(entry["meta"]["2"], json!({ "node_id": "2", "display_node": "2", "parent_node": null, "real_node_id": "2" }));
    let status = &entry["status"];
    assert_eq!((&status["status_str"], &status["completed"]), (&json!("success"), &json!(true)));
    let messages: Vec<&Value> = status["messages"].as_array().unwrap().iter().map(|it| &it[0]).collect();
    assert_eq!(messages, ["execution_start", "execution_cached", "execution_success"]);
    assert_eq!((&entry["prompt"][0], &entry["prompt"][1], &entry["prompt"][4]), (&json!(0), &json!(id), &json!(["2"])));
    assert_eq!(entry["prompt"][2]["2"]["inputs"]["images"], json!(["1", 0]));
    assert_eq!(entry["prompt"][3]["client_id"], "me");

    let shown = server.get("/view?filename=flat_00001_.png&subfolder=shots&type=output");
    assert_eq!((shown.status, shown.header("content-type")), (200, "image/png"));
    assert_eq!(shown.body, bytes(&server.folder().join("output/shots/flat_00001_.png")));
    let jpeg = server.get("/api/view?filename=flat_00001_.png&subfolder=shots&preview=jpeg;80");
    assert_eq!((jpeg.status, jpeg.header("content-type"), &jpeg.body[..2]), (200, "image/jpeg", &[0xff, 0xd8][..]));
}

#[test]
fn a_second_job_uses_what_the_first_computed() {
    let server = Server::start(&[]);
    server.wait(&server.submit(&greeting(), None));
    let mut ears = server.listen("me");
    let heard = ears.hear_job(&server.submit(&greeting(), Some("me")));
    let cached = heard.iter().find(|it| it["type"] == "execution_cached").unwrap();
    assert_eq!(cached["data"]["nodes"].as_array().unwrap().len(), 3);
    let shown = heard.iter().find(|it| it["type"] == "executed").unwrap();
    assert_eq!(shown["data"]["output"]["text"], json!(["hello world"]));
}

#[test]
fn what_cannot_run_is_refused_in_comfyuis_words() {
    let server = Server::start(&[]);
    let refused = |body: &Value| {
        let answer = server.post("/prompt", body);
        assert_eq!(answer.status, 400, "{}", answer.text());
        answer.json()
    };
    assert_eq!(
        refused(&json!({ "client_id": "me" })),
        json!({
            "error": { "type": "no_prompt", "message": "No prompt provided", "details": "No prompt provided", "extra_info": {} },
            "node_errors": {},
        })
    );
    assert_eq!(refused(&json!({ "prompt": {} }))["error"]["type"], "prompt_no_outputs");
    assert_eq!(refused(&json!({ "prompt": { "1": { "class_type": "Nope" } } }))["error"]["type"], "missing_node_type");
    assert_eq!(refused(&json!({ "prompt": { "1": { "inputs": {} } } }))["error"]["type"], "invalid_prompt");
    let mut wrong = picture("x");
    wrong["1"]["inputs"]["width"] = json!(-5);
    let answer = refused(&json!({ "prompt": wrong }));
    assert_eq!(answer["error"]["type"], "prompt_outputs_failed_validation");
    let node = &answer["node_errors"]["1"];
    assert_eq!((&node["class_type"], &node["dependent_outputs"]), (&json!("EmptyImage"), &json!(["2"])));
    let error = &node["errors"][0];
    assert_eq!((&error["type"], &error["details"]), (&json!("value_smaller_than_min"), &json!("width")));
    assert_eq!((&error["extra_info"]["input_name"], &error["extra_info"]["received_value"]), (&json!("width"), &json!(-5)));
    assert_eq!(error["extra_info"]["input_config"][0], "INT");

    // With a good output beside the bad one the job runs, and says what was wrong.
    wrong["3"] = json!({ "class_type": "PreviewAny", "inputs": { "source": "fine" } });
    let answer = server.post("/prompt", &json!({ "prompt": wrong }));
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["node_errors"]["1"]["errors"][0]["type"], "value_smaller_than_min");
    let entry = server.wait(answer.json()["prompt_id"].as_str().unwrap());
    assert_eq!((&entry["prompt"][4], &entry["status"]["status_str"]), (&json!(["3"]), &json!("success")));
}

#[test]
fn literals_become_what_their_inputs_take() {
    let server = Server::start(&[]);
    let mut prompt = picture("x");
    prompt["1"]["inputs"]["width"] = json!("64");
    prompt["1"]["inputs"]["height"] = json!(32.7);
    let entry = server.wait(&server.submit(&prompt, None));
    let inputs = &entry["prompt"][2]["1"]["inputs"];
    assert_eq!((&inputs["width"], &inputs["height"]), (&json!(64), &json!(32)));
}

#[test]
fn only_the_targets_run() {
    let server = Server::start(&[]);
    let mut prompt = greeting();
    prompt["4"] = json!({ "class_type": "PreviewAny", "inputs": { "source": ["1", 0] } });
    let answer = server.post("/prompt", &json!({ "prompt": prompt, "partial_execution_targets": ["4"] }));
    let entry = server.wait(answer.json()["prompt_id"].as_str().unwrap());
    assert_eq!(entry["outputs"], json!({ "4": { "text": ["hello"] } }));
    let none = server.post("/prompt", &json!({ "prompt": prompt, "partial_execution_targets": [] }));
    assert_eq!((none.status, &none.json()["error"]["type"]), (400, &json!("prompt_no_outputs")));
}

#[test]
fn a_job_is_interrupted_while_it_runs_and_the_next_one_runs() {
    let server = Server::start(&[]);
    let mut ears = server.listen("me");
    let long = server.submit(&drawing(10_000, 1), Some("me"));
    loop {
        if ears.hear()["type"] == "progress" {
            break;
        }
    }
    let next = server.submit(&greeting(), None);
    let queue = server.json("/queue");
    assert_eq!((&queue["queue_running"][0][1], &queue["queue_pending"][0][1]), (&json!(long), &json!(next)));
    assert_eq!(server.json("/prompt"), json!({ "exec_info": { "queue_remaining": 2 } }));
    // Somebody else's id stops nothing.
    server.post("/interrupt", &json!({ "prompt_id": next }));
    assert_eq!(server.json("/queue")["queue_running"][0][1], json!(long));
    let begun = Instant::now();
    assert_eq!(server.send("POST", "/interrupt", &[], b"").status, 200);
    let heard = ears.hear_job(&long);
    assert!(begun.elapsed().as_secs() < 5);
    let interrupted = heard.iter().find(|it| it["type"] == "execution_interrupted").unwrap();
    assert_eq!((&interrupted["data"]["node_id"], &interrupted["data"]["node_type"]), (&json!("5"), &json!("KSampler")));
    let entry = server.wait(&long);
    assert_eq!((&entry["status"]["status_str"], &entry["status"]["completed"]), (&json!("error"), &json!(false)));
    assert_eq!(server.wait(&next)["status"]["status_str"], "success");
}

#[test]
fn a_node_that_fails_is_told_and_the_next_job_runs() {
    let server = Server::start(&[]);
    let mut ears = server.listen("me");
    let failing = json!({
        "1": { "class_type": "EmptyImage", "inputs": { "width": 16, "height": 16, "batch_size": 1, "color": 0 } },
        "2": { "class_type": "EmptyImage", "inputs": { "width": 8, "height": 8, "batch_size": 1, "color": 0 } },
        "3": { "class_type": "RegexExtract", "inputs": {
            "string": "a", "regex_pattern": "(", "mode": "First Match", "case_insensitive": false, "multiline": false,
            "dotall": false, "group_index": 0,
        } },
        "4": { "class_type": "PreviewAny", "inputs": { "source": ["3", 0] } },
    });
    let id = server.submit(&failing, Some("me"));
    let heard = ears.hear_job(&id);
    let error = heard.iter().find(|it| it["type"] == "execution_error").map(|it| &it["data"]);
    let Some(error) = error else { panic!("{heard:?}") };
    assert_eq!((&error["node_id"], &error["node_type"]), (&json!("3"), &json!("RegexExtract")));
    assert!(error["exception_message"].as_str().unwrap().ends_with('\n'));
    assert!(error["traceback"].is_array() && error["current_inputs"]["regex_pattern"].is_array());
    let entry = server.wait(&id);
    assert_eq!(
        (&entry["status"]["status_str"], &entry["status"]["messages"][2][0]),
        (&json!("error"), &json!("execution_error"))
    );
    assert_eq!(server.wait(&server.submit(&greeting(), None))["status"]["status_str"], "success");
}

/// The pictures of the previews of a job, and the one that it saved.
fn shown_on_the_way(server: &Server, method: &str, seed: u32) -> (Vec<image::RgbImage>, image::RgbImage) {
    let mut ears = server.listen(method);
    let body = json!({ "prompt": drawing(100, seed), "client_id": method, "extra_data": { "preview_method": method } });
    let id = server.post("/prompt", &body).json()["prompt_id"].as_str().expect("an id").to_owned();
    let mut pictures = Vec::new();
    loop {
        match ears.next() {
            // The older form, as this client said nothing of what it can do: two numbers, then the picture.
            Message::Binary(frame) => pictures.push(image::load_from_memory(&frame[8..]).expect("a picture").to_rgb8()),
            Message::Text(text) if text.contains("\"node\":null") && text.contains(&id) => break,
            _ => {}
        }
    }
    let saved = server.json(&format!("/history/{id}"))[&id]["outputs"]["7"]["images"][0]["filename"].clone();
    let picture = server.get(&format!("/view?filename={}", saved.as_str().expect("a name"))).body;
    (pictures, image::load_from_memory(&picture).expect("a picture").to_rgb8())
}

#[test]
fn a_small_autoencoder_draws_previews_where_its_files_are() {
    let models = tempfile::tempdir().unwrap();
    std::fs::create_dir(models.path().join("vae_approx")).unwrap();
    // The demo model's own is of that kind. The original counts its decoder's clamp as a layer.
    let whole = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../workflows/models/diffusers/burnish-demo/vae/diffusion_pytorch_model.safetensors"
    );
    let whole = std::fs::read(whole).unwrap();
    let whole = safetensors::SafeTensors::deserialize(&whole).unwrap();
    for (side, first) in [("encoder", 0), ("decoder", 1)] {
        let half = whole.tensors().into_iter().filter_map(|(name, view)| {
            let (layer, rest) = name.strip_prefix(&format!("{side}.layers."))?.split_once('.')?;
            Some((format!("{}.{rest}", layer.parse::<usize>().unwrap() + first), view))
        });
        let path = models.path().join(format!("vae_approx/taesd_{side}.safetensors"));
        std::fs::write(path, safetensors::serialize(half, None).unwrap()).unwrap();
    }
    let server = Server::start(&["--models", models.path().to_str().unwrap()]);
    // The latest preview shows nearly what is saved; a guess of one pixel a cell does not.
    let distance = |method: &str, seed: u32| {
        let (previews, saved) = shown_on_the_way(&server, method, seed);
        let last = previews.last().expect("a preview");
        let small = image::imageops::resize(last, saved.width(), saved.height(), image::imageops::FilterType::Triangle);
        let sum: u64 = small.iter().zip(saved.iter()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
        sum as f64 / saved.len() as f64
    };
    let (drawn, guessed) = (distance("taesd", 5), distance("latent2rgb", 6));
    println!("levels beside what is saved: {drawn:.1} drawn, {guessed:.1} guessed");
    assert!(drawn < 12.0 && drawn * 2.0 < guessed, "{drawn} {guessed}");
}

#[test]
fn previews_go_to_clients_that_can_show_them() {
    let server = Server::start(&[]);
    let mut ears = server.listen("me");
    ears.hear();
    ears.say(&json!({ "type": "feature_flags", "data": { "supports_preview_metadata": true } }));
    let flags = ears.hear();
    assert_eq!((&flags["type"], &flags["data"]["supports_preview_metadata"]), (&json!("feature_flags"), &json!(true)));
    let id = server.submit(&drawing(200, 3), Some("me"));
    let frame = loop {
        if let Message::Binary(frame) = ears.next() {
            break frame;
        }
    };
    assert_eq!(frame[..4], 4_u32.to_be_bytes());
    let length = u32::from_be_bytes(frame[4..8].try_into().unwrap()) as usize;
    let about: Value = serde_json::from_slice(&frame[8..8 + length]).unwrap();
    assert_eq!(
        about,
        json!({
            "node_id": "5", "prompt_id": id, "display_node_id": "5", "parent_node_id": null, "real_node_id": "5",
            "image_type": "image/jpeg",
        })
    );
    let picture = image::load_from_memory(&frame[8 + length..]).unwrap();
    assert_eq!((picture.width(), picture.height()), (512, 512));
    ears.hear_job(&id);

    // One that did not say so gets none, unless the job asks.
    let mut plain = server.listen("plain");
    let id = server.submit(&drawing(200, 4), Some("plain"));
    while let Message::Text(text) = plain.next() {
        let message: Value = serde_json::from_str(&text).unwrap();
        if message["data"]["prompt_id"] == json!(id) && message["type"] == "executing" && message["data"]["node"].is_null() {
            break;
        }
    }
    let asked = json!({ "prompt": drawing(200, 5), "client_id": "plain", "extra_data": { "preview_method": "auto" } });
    server.post("/prompt", &asked);
    let frame = loop {
        if let Message::Binary(frame) = plain.next() {
            break frame;
        }
    };
    assert_eq!((&frame[..4], &frame[4..8]), (&1_u32.to_be_bytes()[..], &1_u32.to_be_bytes()[..]));
}

#[test]
fn a_client_that_comes_back_learns_what_runs() {
    let server = Server::start(&[]);
    let mut ears = server.listen("me");
    let id = server.submit(&drawing(10_000, 7), Some("me"));
    while ears.hear()["type"] != "progress" {}
    drop(ears);
    let mut ears = server.listen("me");
    assert_eq!(ears.hear()["data"]["status"]["exec_info"]["queue_remaining"], 1);
    let now = ears.hear();
    assert_eq!((&now["type"], &now["data"]["node"], &now["data"]["prompt_id"]), (&json!("executing"), &json!("5"), &json!(id)));
    let mut stranger = server.listen("stranger");
    assert_eq!(stranger.hear()["type"], "status");
    server.post("/interrupt", &json!({}));
    ears.hear_job(&id);
}

#[test]
fn front_jobs_go_first_and_waiting_ones_can_be_taken_out() {
    let server = Server::start(&[]);
    server.post("/api/jobs/pause", &json!({}));
    let submit = |more: Value| {
        let mut body = json!({ "prompt": greeting() });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let answer = server.post("/prompt", &body).json();
        (answer["prompt_id"].as_str().unwrap().to_owned(), answer["number"].clone())
    };
    let (first, _) = submit(json!({}));
    let (second, number) = submit(json!({}));
    assert_eq!(number, json!(1));
    let (front, number) = submit(json!({ "front": true }));
    assert_eq!(number, json!(-2));
    let (between, number) = submit(json!({ "number": 0.5, "prompt_id": "mine" }));
    assert_eq!((between.as_str(), number), ("mine", json!(0.5)));
    let again = server.post("/prompt", &json!({ "prompt": greeting(), "prompt_id": "mine" }));
    assert_eq!((again.status, &again.json()["error"]["type"]), (400, &json!("invalid_prompt_id")));
    let order = |server: &Server| -> Vec<Value> {
        server.json("/queue")["queue_pending"].as_array().unwrap().iter().map(|it| it[1].clone()).collect()
    };
    assert_eq!(order(&server), [&*front, &*first, &*between, &*second]);
    assert_eq!(server.post("/queue", &json!({ "delete": [first] })).status, 200);
    assert_eq!(server.post(&format!("/jobs/{second}/move"), &json!({ "front": true })).json(), json!({ "moved": true }));
    assert_eq!(order(&server), [&*second, &*front, &*between]);
    assert_eq!(server.post("/queue", &json!({ "clear": true })).status, 200);
    assert_eq!((order(&server).len(), server.json("/prompt")["exec_info"]["queue_remaining"].clone()), (0, json!(0)));
    server.post("/api/jobs/resume", &json!({}));
    server.wait(&server.submit(&greeting(), None));
    // What never ran is not in the history.
    assert_eq!(server.json("/history").as_object().unwrap().len(), 1);
}

#[test]
fn the_history_is_shown_in_parts() {
    let server = Server::start(&[]);
    let ids: Vec<String> = (0..5).map(|_| server.submit(&greeting(), None)).collect();
    ids.iter().for_each(|it| drop(server.wait(it)));
    let shown =
        |query: &str| -> Vec<String> { server.json(&format!("/history{query}")).as_object().unwrap().keys().cloned().collect() };
    assert_eq!(shown(""), ids);
    assert_eq!(shown("?max_items=2"), ids[3..]);
    assert_eq!(shown("?max_items=2&offset=1"), ids[1..3]);
    assert_eq!(shown("?offset=3"), ids[3..]);
    assert_eq!(shown("?max_items=2&offset=-1"), ids[3..]);
    assert_eq!(shown("?offset=9"), [""; 0]);
    assert_eq!(server.json("/history/nobody"), json!({}));
    server.post("/history", &json!({ "delete": [ids[0]] }));
    assert_eq!(shown(""), ids[1..]);
    server.post("/history", &json!({ "clear": true }));
    assert_eq!(shown(""), [""; 0]);
}

#[test]
fn the_jobs_api_lists_everything() {
    let server = Server::start(&[]);
    let workflow = json!({ "extra_pnginfo": { "workflow": { "id": "w1", "nodes": [] } }, "auth_token_comfy_org": "s3cret" });
    let id = server.post("/prompt", &json!({ "prompt": picture("a"), "extra_data": workflow })).json()["prompt_id"].clone();
    let id = id.as_str().unwrap().to_owned();
    server.wait(&id);
    server.post("/jobs/pause", &json!({}));
    let waiting = server.submit(&greeting(), None);
    let jobs = server.json("/api/jobs?sort_order=asc");
    assert_eq!(jobs["pagination"], json!({ "offset": 0, "limit": 2, "total": 2, "has_more": false }));
    let done = &jobs["jobs"][0];
    assert_eq!((&done["id"], &done["status"], &done["outputs_count"]), (&json!(id), &json!("completed"), &json!(1)));
    assert_eq!((&done["workflow_id"], &done["preview_output"]["nodeId"]), (&json!("w1"), &json!("2")));
    assert!(done["execution_start_time"].is_i64() && done["execution_end_time"].is_i64() && done["create_time"].is_i64());
    assert_eq!((&jobs["jobs"][1]["id"], &jobs["jobs"][1]["status"]), (&json!(waiting), &json!("pending")));
    let page = server.json("/jobs?status=completed,failed&limit=1");
    assert_eq!(page["jobs"].as_array().unwrap().len(), 1);
    assert_eq!(server.json("/jobs?workflow_id=w1")["pagination"]["total"], 1);
    for wrong in ["status=nope", "sort_by=x", "sort_order=x", "limit=0", "limit=x"] {
        let answer = server.get(&format!("/jobs?{wrong}"));
        assert_eq!(answer.status, 400);
        assert!(answer.json()["error"].is_string());
    }
    let one = server.json(&format!("/jobs/{id}"));
    assert_eq!(one["workflow"]["prompt"]["2"]["class_type"], "SaveImage");
    assert_eq!(one["execution_status"]["completed"], true);
    assert!(!one.to_string().contains("s3cret"));
    assert_eq!(
        (server.get("/jobs/nobody").status, server.get("/jobs/nobody").json()),
        (404, json!({ "error": "Job not found" }))
    );
    let cancel = |id: &str| server.post(&format!("/jobs/{id}/cancel"), &json!({})).json();
    assert_eq!((cancel(&waiting), cancel(&waiting)), (json!({ "cancelled": true }), json!({ "cancelled": false })));
    assert_eq!(server.json(&format!("/jobs/{waiting}"))["status"], "cancelled");
    assert_eq!(server.post("/jobs/cancel", &json!({ "job_ids": [id] })).json(), json!({ "cancelled": false }));
    assert_eq!(server.post("/jobs/cancel", &json!({ "job_ids": 5 })).status, 400);
}

#[test]
fn an_upload_is_kept_under_a_free_name() {
    let server = Server::start(&[]);
    let named = |answer: crate::client::Answer| answer.json()["name"].as_str().unwrap().to_owned();
    assert_eq!(
        server.upload("/upload/image", &[], "a.png", b"one").json(),
        json!({ "name": "a.png", "subfolder": "", "type": "input" })
    );
    assert_eq!(named(server.upload("/upload/image", &[], "a.png", b"one")), "a.png");
    assert_eq!(named(server.upload("/upload/image", &[], "a.png", b"two")), "a (1).png");
    assert_eq!(named(server.upload("/upload/image", &[], "a.png", b"two")), "a (1).png");
    assert_eq!(named(server.upload("/upload/image", &[("overwrite", "true")], "a.png", b"three")), "a.png");
    assert_eq!(bytes(&server.folder().join("input/a.png")), b"three");
    let deep = server.upload("/api/upload/image", &[("subfolder", "x/y"), ("type", "temp")], "b.png", b"b");
    assert_eq!(deep.json(), json!({ "name": "b.png", "subfolder": "x/y", "type": "temp" }));
    assert_eq!(server.get("/view?filename=b.png&subfolder=x/y&type=temp").body, b"b");
    for (fields, name) in [
        (&[][..], "../a.png"),
        (&[][..], ""),
        (&[("subfolder", "../..")][..], "a.png"),
        (&[("subfolder", "/etc")][..], "a.png"),
        (&[("type", "models")][..], "a.png"),
    ] {
        assert_eq!(server.upload("/upload/image", fields, name, b"x").status, 400, "{fields:?} {name}");
    }
    // It can be used at once.
    let mut png = Vec::new();
    image::RgbImage::new(4, 4).write_to(&mut std::io::Cursor::new(&mut png), image::ImageFormat::Png).unwrap();
    server.upload("/upload/image", &[], "c.png", &png);
    let info = server.json("/object_info/LoadImage");
    assert!(info["LoadImage"]["input"]["required"]["image"][0].as_array().unwrap().contains(&json!("c.png")));
}

#[test]
fn classes_are_described_as_comfyui_does() {
    let server = Server::start(&[]);
    let all = server.json("/api/object_info");
    let sampler = &all["KSampler"];
    assert_eq!(sampler["input"]["required"]["sampler_name"][0][0], "euler");
    assert_eq!(sampler["input"]["required"]["seed"][1]["max"].to_string(), "18446744073709551615");
    assert_eq!((&sampler["output"], &sampler["output_is_list"]), (&json!(["LATENT"]), &json!([false])));
    assert_eq!(sampler["input_order"]["required"][0], "model");
    assert_eq!(server.json("/object_info/KSampler")["KSampler"], *sampler);
    assert_eq!(server.json("/object_info/Primitive%20boolean%20%5BCrystools%5D"), json!({}));
    assert_eq!(server.get("/models/nothing").status, 404);
    assert!(server.json("/models").as_array().unwrap().contains(&json!("checkpoints")));
    assert_eq!(server.json("/embeddings"), json!([]));
}

#[test]
fn the_server_is_there_at_once() {
    let begun = Instant::now();
    let server = Server::start(&[]);
    let stats = server.json("/system_stats");
    let took = begun.elapsed();
    println!("start to first /system_stats: {} ms", took.as_millis());
    assert!(took.as_millis() < 2000, "{took:?}");
    assert!(stats["system"]["ram_total"].as_u64().unwrap() > 0);
    assert_eq!(stats["devices"][0]["type"], "cpu");
    assert_eq!(server.json("/api/features")["supports_preview_metadata"], true);
}

#[test]
fn memory_is_freed_when_asked() {
    let server = Server::start(&[]);
    server.wait(&server.submit(&drawing(2, 1), None));
    let held = |server: &Server| server.json("/system_stats")["devices"][0]["torch_vram_total"].as_u64().unwrap();
    assert!(held(&server) > 0);
    server.post("/free", &json!({ "unload_models": true, "free_memory": true }));
    until("the model is gone", || held(&server) == 0);
    let mut ears = server.listen("me");
    let heard = ears.hear_job(&server.submit(&drawing(2, 1), Some("me")));
    let cached = heard.iter().find(|it| it["type"] == "execution_cached").unwrap();
    assert_eq!(cached["data"]["nodes"], json!([]));
}
