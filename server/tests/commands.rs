//! The programs as a user calls them. Models are needed only where something has to take long.

use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

struct Outcome {
    code: Option<i32>,
    out: String,
    err: String,
}

fn call(program: &str, arguments: &[&str], input: &str) -> Outcome {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    // A program that ends early does not read it all.
    child.stdin.take().expect("piped").write_all(input.as_bytes()).ok();
    let output = child.wait_with_output().expect("the program ends");
    let text = |bytes| String::from_utf8(bytes).expect("the output is text");
    Outcome { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

/// Calls `burnish`, the workflow being on standard input.
fn burnish(arguments: &[&str], workflow: &Value) -> Outcome {
    call(env!("CARGO_BIN_EXE_burnish"), arguments, &workflow.to_string())
}

/// Shows `hello world` and a seed.
fn greeting() -> Value {
    json!({
        "1": { "class_type": "PrimitiveString", "inputs": { "value": "hello" }, "_meta": { "title": "First word" } },
        "2": { "class_type": "StringConcatenate", "inputs": { "string_a": ["1", 0], "string_b": "world", "delimiter": " " } },
        "3": { "class_type": "PreviewAny", "inputs": { "source": ["2", 0] }, "_meta": { "title": "Greeting" } },
        "4": { "class_type": "SeedNode", "inputs": { "seed": 7 } },
        "5": { "class_type": "PreviewAny", "inputs": { "source": ["4", 0] }, "_meta": { "title": "Number" } },
    })
}

#[test]
fn both_programs_run_a_workflow_from_a_file_or_from_standard_input() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("greeting.json");
    fs::write(&file, greeting().to_string()).expect("written");
    let file = file.to_str().expect("text");
    for (program, arguments) in [
        (env!("CARGO_BIN_EXE_burnish"), &["run", "-"][..]),
        (env!("CARGO_BIN_EXE_burnish"), &["run", file]),
        (env!("CARGO_BIN_EXE_run-workflow"), &[file]),
    ] {
        let outcome = call(program, arguments, &greeting().to_string());
        assert_eq!(outcome.code, Some(0), "{}", outcome.err);
        let mut lines: Vec<_> = outcome.out.lines().collect();
        lines.sort_unstable();
        assert_eq!(lines, ["Greeting: hello world", "Number: 7"]);
    }
    let quiet = burnish(&["run", "--quiet", "-"], &greeting());
    assert_eq!((quiet.code, quiet.out.as_str(), quiet.err.as_str()), (Some(0), "", ""));
}

#[test]
fn inputs_are_set_by_id_title_or_class() {
    for (place, expected) in [
        ("1.value=bye", "bye world"),
        ("First word.value=\"bye\"", "bye world"),
        ("PrimitiveString.value=1.50", "1.50 world"),
        ("2.string_b=", "hello "),
        ("2.string_b=[\"1\", 0]", "hello hello"),
    ] {
        let outcome = burnish(&["run", "-", "--only", "Greeting", "--set", place], &greeting());
        assert_eq!(outcome.out, format!("Greeting: {expected}\n"), "{place}: {}", outcome.err);
    }
}

#[test]
fn what_cannot_be_set_says_what_was_meant() {
    for (arguments, message) in [
        (&["--set", "9.value=1"][..], "there is no node `9`"),
        (&["--set", "Fist word.value=1"], "did you mean \"First word\"?"),
        (&["--set", "2.string_c=1"], "StringConcatenate (node 2) has no input `string_c`\n  did you mean \"string_a\"?"),
        (&["--set", "PreviewAny.source=1"], "`PreviewAny` may be any of the nodes 3, 5: use an id"),
        (&["--set", "value=1"], "write NODE.INPUT=VALUE"),
        (&["--only", "1"], "PrimitiveString (node 1) neither saves nor shows anything"),
        (&["--only", "Greting"], "did you mean \"Greeting\"?"),
        (&["--seed", "-1"], "invalid value '-1' for '--seed <N>'"),
        (&["--memory", "lots"], "`lots` is no size"),
        (&["--device", "cpuu"], "did you mean `cpu`?"),
        (&["--cache", "lru"], "use classic, lru:N, ram or none"),
        (&["--quite"], "'--quiet'"),
        (&["--models", "no/such/place"], "--models no/such/place: there is no such directory"),
        (&["--extra-model-paths-config", "no.yaml"], "no.yaml: cannot be read"),
    ] {
        let outcome = burnish(&[&["run", "-"], arguments].concat(), &greeting());
        assert_eq!(outcome.code, Some(2), "{arguments:?}: {}", outcome.err);
        assert!(outcome.err.contains(message), "{arguments:?}: {}", outcome.err);
        assert_eq!(outcome.out, "");
    }
}

#[test]
fn a_seed_is_set_everywhere_or_refused() {
    let outcome = burnish(&["run", "-", "--seed", "18446744073709551615", "--only", "Number"], &greeting());
    assert_eq!(outcome.out, "Number: 18446744073709551615\n", "{}", outcome.err);
    let seedless = json!({ "1": { "class_type": "PreviewAny", "inputs": { "source": "a" } } });
    assert_eq!(burnish(&["run", "-", "--seed", "1"], &seedless).code, Some(2));
}

#[test]
fn events_are_lines_of_json() {
    let outcome = burnish(&["run", "--json", "-", "--only", "3"], &greeting());
    let lines: Vec<Value> = outcome.out.lines().map(|it| serde_json::from_str(it).expect("JSON")).collect();
    let told: Vec<String> = lines
        .iter()
        .map(|it| format!("{} {}", it["event"].as_str().expect("a name"), it["node"]["id"].as_str().unwrap_or("-")))
        .collect();
    let expected = [
        "began -",
        "cached -",
        "started 1",
        "finished 1",
        "started 2",
        "finished 2",
        "started 3",
        "shown 3",
        "finished 3",
        "done -",
    ];
    assert_eq!(told, expected, "{}", outcome.err);
    assert_eq!(lines[7]["shown"], json!([{ "key": "text", "text": "hello world" }]));
    assert_eq!(lines[2]["node"], json!({ "id": "1", "class": "PrimitiveString", "title": "First word" }));
    assert!(lines[9]["seconds"].as_f64().is_some_and(|it| it > 0.0));
    assert_eq!(outcome.err, "");
}

#[test]
fn all_problems_of_a_workflow_are_told() {
    let mut wrong = greeting();
    wrong["2"]["inputs"]["string_a"] = json!(["77", 0]);
    wrong["4"]["inputs"]["seed"] = json!(-1);
    wrong["6"] = json!({ "class_type": "PreviwAny", "inputs": {} });
    for command in ["run", "validate"] {
        let outcome = burnish(&[command, "-"], &wrong);
        assert_eq!((outcome.code, outcome.out.as_str()), (Some(3), ""), "{}", outcome.err);
        for told in ["3 problems", "node 2", "77", "SeedNode (node 4), input seed", "node 6", "did you mean \"PreviewAny\"?"] {
            assert!(outcome.err.contains(told), "{told}: {}", outcome.err);
        }
        let answer: Value = serde_json::from_str(&burnish(&[command, "--json", "-"], &wrong).out).expect("JSON");
        assert_eq!(answer["error"]["type"], "missing_node_type");
        let nodes: Vec<_> = answer["node_errors"].as_object().expect("an object").keys().collect();
        assert_eq!(nodes, ["2", "4", "6"]);
    }
    // With one output left out the other would run; it does not, unless it is asked for.
    wrong.as_object_mut().expect("an object").remove("6");
    assert_eq!(
        burnish(&["run", "-"], &{
            wrong["2"]["inputs"]["string_a"] = json!("a");
            wrong.clone()
        })
        .code,
        Some(3)
    );
    assert_eq!(burnish(&["run", "-", "--only", "3"], &wrong).out, "Greeting: a world\n");
}

#[test]
fn a_valid_workflow_says_so() {
    let outcome = burnish(&["validate", "-"], &greeting());
    assert_eq!((outcome.code, outcome.out.as_str()), (Some(0), "valid: 5 nodes, 2 outputs\n"));
    let answer: Value = serde_json::from_str(&burnish(&["validate", "--json", "-"], &greeting()).out).expect("JSON");
    assert_eq!(answer, json!({ "valid": true, "error": null, "node_errors": {} }));
}

#[test]
fn what_is_no_workflow_is_refused_with_its_reason() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("text").to_owned();
    let text = greeting().to_string();
    fs::write(path("cut.json"), &text[..text.len() / 2]).expect("written");
    fs::write(path("empty.json"), "").expect("written");
    fs::write(path("bytes.json"), [b'{', 0xff, b'}']).expect("written");
    fs::write(path("list.json"), "[1]").expect("written");
    for (name, code, message) in [
        ("cut.json", 3, "this is no JSON: EOF"),
        ("empty.json", 3, "the file is empty"),
        ("bytes.json", 3, "byte 1 is not UTF-8"),
        ("list.json", 3, "a workflow is an object"),
        ("missing.json", 2, "there is no such file"),
        ("", 2, "this is a directory"),
    ] {
        for command in ["run", "validate", "convert"] {
            let outcome = burnish(&[command, &path(name)], &json!(null));
            assert_eq!(outcome.code, Some(code), "{command} {name}: {}", outcome.err);
            assert!(outcome.err.contains(message), "{command} {name}: {}", outcome.err);
            assert_eq!(outcome.out, "");
        }
    }
}

#[test]
fn a_node_that_fails_is_named_with_the_reason() {
    let workflow = json!({
        "1": { "class_type": "RegexMatch", "inputs": {
            "string": "a", "regex_pattern": "(", "case_insensitive": true, "multiline": false, "dotall": false,
        }, "_meta": { "title": "Look" } },
        "2": { "class_type": "PreviewAny", "inputs": { "source": ["1", 0] } },
    });
    let outcome = burnish(&["run", "-"], &workflow);
    assert_eq!((outcome.code, outcome.out.as_str()), (Some(1), ""), "{}", outcome.err);
    assert!(outcome.err.starts_with("error: Look (node 1, RegexMatch) failed"), "{}", outcome.err);
    let json = burnish(&["run", "--json", "-"], &workflow);
    let last: Value = serde_json::from_str(json.out.lines().last().expect("lines")).expect("JSON");
    assert_eq!((&last["event"], &last["node"]["id"]), (&json!("failed"), &json!("1")));
}

#[test]
fn a_workflow_goes_to_the_editor_and_back() {
    let editor = burnish(&["convert", "-", "--to", "editor"], &greeting());
    assert_eq!(editor.code, Some(0), "{}", editor.err);
    let editor: Value = serde_json::from_str(&editor.out).expect("JSON");
    assert_eq!(editor["nodes"].as_array().map(Vec::len), Some(5));
    assert_eq!(burnish(&["run", "-", "--only", "3"], &editor).out, "Greeting: hello world\n");
    let back: Value = serde_json::from_str(&burnish(&["convert", "-"], &editor).out).expect("JSON");
    assert_eq!(back["2"]["inputs"], greeting()["2"]["inputs"]);
    let unknown = json!({ "1": { "class_type": "Nowhere", "inputs": {} } });
    assert_eq!(burnish(&["convert", "-", "--to", "editor"], &unknown).code, Some(3));
}

#[test]
fn a_workflow_is_converted_with_the_classes_of_another_server() {
    let classes = Path::new(env!("CARGO_MANIFEST_DIR")).join("../graph/vectors/object_info.json");
    let classes = classes.to_str().expect("text");
    let workflow = json!({
        "nodes": [{ "id": 1, "type": "Resize", "inputs": [], "widgets_values": ["size", 64, 32, "cut", true, "area"] }],
        "links": [], "version": 0.4,
    });
    let prompt = burnish(&["convert", "-", "--object-info", classes], &workflow);
    assert_eq!(prompt.code, Some(0), "{}", prompt.err);
    let prompt: Value = serde_json::from_str(&prompt.out).expect("JSON");
    let inputs =
        json!({ "way": "size", "way.width": 64, "way.height": 32, "way.crop": "cut", "way.crop.middle": true, "method": "area" });
    assert_eq!(prompt["1"]["inputs"], inputs);
    // Without them it is a class that is not known, and what is no list of classes is told.
    assert_eq!(burnish(&["convert", "-"], &workflow).code, Some(3));
    let folder = tempfile::tempdir().expect("a folder");
    for (content, message) in [
        ("[1]", "the classes of a server are an object, and this is a list"),
        (
            r#"{"A": {"input": {"required": {"a": ["COMFY_AUTOGROW_V3", {}]}}}}"#,
            "the class `A`: its input `a`: its group has no `template`",
        ),
        ("{", "this is no JSON"),
    ] {
        let path = folder.path().join("classes.json");
        std::fs::write(&path, content).expect("written");
        let refused = burnish(&["convert", "-", "--object-info", path.to_str().expect("text")], &workflow);
        assert_eq!(refused.code, Some(2), "{}", refused.err);
        assert!(refused.err.contains(message) && refused.err.contains("classes.json"), "{}", refused.err);
    }
    let missing = burnish(&["convert", "-", "--object-info", "nowhere.json"], &workflow);
    assert!(missing.code == Some(2) && missing.err.contains("nowhere.json: cannot be read"), "{}", missing.err);
}

#[test]
fn nodes_are_listed_and_explained() {
    let all = burnish(&["nodes"], &json!(null)).out;
    assert!(all.lines().any(|it| it.starts_with("KSampler ") && it.contains(" sampling ")), "{all}");
    let one = burnish(&["nodes", "KSampler"], &json!(null)).out;
    assert!(one.contains("  steps: INT, 1 to 10000, default 20\n"), "{one}");
    let none = burnish(&["nodes", "ksampler"], &json!(null));
    assert_eq!(none.code, Some(2));
    assert!(none.err.contains("did you mean \"KSampler\"?"), "{}", none.err);
}

#[test]
fn models_are_listed_with_what_they_hold() {
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../workflows/models");
    let demo = demo.to_str().expect("text");
    let found = burnish(&["models", "--models", demo], &json!(null)).out;
    let columns = |line: &str| line.split_whitespace().take(2).map(str::to_owned).collect::<Vec<_>>();
    assert!(found.lines().any(|it| columns(it) == ["diffusers", "burnish-demo"]), "{found}");
    assert!(found.contains("clip-l text encoder 4.4 MB (f16)"), "{found}");
    let base = tempfile::tempdir().expect("a folder");
    let loras = base.path().join("models/loras");
    fs::create_dir_all(&loras).expect("a folder");
    fs::write(loras.join("cut.safetensors"), "x").expect("written");
    let base = base.path().to_str().expect("text");
    let cut = burnish(&["models", "loras", "--base-directory", base], &json!(null));
    assert!(cut.out.starts_with("loras  cut.safetensors  1 bytes: "), "{}", cut.out);
    assert!(!cut.out.contains(base), "{}", cut.out);
    let empty = burnish(&["models", "vae", "--base-directory", base], &json!(null));
    assert_eq!((empty.code, empty.out.as_str()), (Some(0), ""));
    assert!(empty.err.contains("there are no models; searched:"), "{}", empty.err);
    let unknown = burnish(&["models", "lora"], &json!(null));
    assert_eq!(unknown.code, Some(2));
    assert!(unknown.err.contains("did you mean `loras`?"), "{}", unknown.err);
}

#[test]
fn help_names_every_option_and_the_exit_codes() {
    let help = call(env!("CARGO_BIN_EXE_run-workflow"), &["--help"], "");
    assert_eq!(help.code, Some(0));
    for told in ["--set", "--only", "--extra-model-paths-config", "130  interrupted"] {
        assert!(help.out.contains(told), "{told}: {}", help.out);
    }
    assert_eq!(call(env!("CARGO_BIN_EXE_burnish"), &[], "").code, Some(2));
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_burnish"));
    let mut child = command.arg("nodes").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("the program ends");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_a_run() {
    // Thousands of nodes, each of which takes a moment: it would run for a minute.
    let mut nodes = json!({ "0": { "class_type": "PrimitiveString", "inputs": { "value": "e ".repeat(50_000) } } });
    for id in 1..5000 {
        nodes[id.to_string()] = json!({ "class_type": "RegexReplace", "inputs": {
            "string": [(id - 1).to_string(), 0], "regex_pattern": "e(?!f)", "replace": "e",
        } });
    }
    nodes["end"] = json!({ "class_type": "PreviewAny", "inputs": { "source": ["4999", 0] } });
    let base = tempfile::tempdir().expect("a folder");
    let file = base.path().join("long.json");
    fs::write(&file, nodes.to_string()).expect("written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_burnish"));
    command.arg("run").arg(&file).args(["--json", "--cache", "none", "--base-directory"]).arg(base.path());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
    let out = BufReader::new(child.stdout.take().expect("piped"));
    let mut events = out.lines().map(|it| serde_json::from_str::<Value>(&it.expect("text")).expect("JSON"));
    assert!(events.any(|it| it["event"] == "finished" && it["node"]["id"] == "1"), "it never began");
    let stopped = Instant::now();
    assert!(Command::new("kill").arg("-INT").arg(child.id().to_string()).status().expect("kill runs").success());
    let last = events.last().expect("an event");
    let output = child.wait_with_output().expect("the program ends");
    // A second is what users are promised; a machine that is busy with other work needs longer to start `kill`.
    assert!(stopped.elapsed() < Duration::from_secs(5), "{:?}", stopped.elapsed());
    assert_eq!((output.status.code(), &last["event"]), (Some(130), &json!("interrupted")));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "interrupted\n");
    assert_eq!(fs::read_dir(base.path()).expect("the folder").count(), 1, "the workflow and nothing else");
}
