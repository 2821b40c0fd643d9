//! Packs of nodes beside the built-in ones.

use crate::client::{Server, until};
use serde_json::json;
use std::path::Path;
use std::process::{Command, Output};

fn plugin(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(crate::PROGRAM);
    command.arg("plugin").args(arguments).arg("--base-directory").arg(folder).output().expect("it starts")
}

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn a_pack_that_is_begun_is_there_without_a_restart_and_breaks_nothing_but_its_job() {
    let mut server = Server::start(&[]);
    let folder = server.folder().to_owned();
    assert_eq!(server.json("/object_info/ShinyBrightness"), json!({}));
    said(&plugin(&folder, &["new", "shiny"]));
    assert!(said(&plugin(&folder, &["check", "shiny"])).contains("ShinyBrightness"));
    assert!(said(&plugin(&folder, &["list"])).contains("in the making"));
    until("the class is there", || server.json("/object_info")["ShinyBrightness"]["category"] == "shiny");

    let prompt = |factor: f64| {
        json!({
            "1": { "class_type": "EmptyImage", "inputs": { "width": 4, "height": 4, "batch_size": 1, "color": 0x10_2030 } },
            "2": { "class_type": "ShinyBrightness", "inputs": { "image": ["1", 0], "factor": factor } },
            "3": { "class_type": "SaveImage", "inputs": { "images": ["2", 0], "filename_prefix": "shiny" } },
        })
    };
    let job = server.wait(&server.submit(&prompt(2.0), None));
    let name = job["outputs"]["3"]["images"][0]["filename"].as_str().expect("a picture").to_owned();
    let pixels = image::open(folder.join("output").join(name)).expect("a picture").to_rgb8();
    assert_eq!(pixels.get_pixel(0, 0).0, [0x20, 0x40, 0x60]);
    assert_eq!(server.post("/prompt", &json!({ "prompt": prompt(11.0) })).status, 400, "a factor beyond its range");

    let code = folder.join("custom_nodes/shiny/__init__.py");
    let text = std::fs::read_to_string(&code).expect("code");
    let broken = text
        .replace("    def run(self, image, factor):\n", "    def run(self, image, factor):\n        import os; os._exit(1)\n");
    std::fs::write(&code, broken.replace("CATEGORY = \"shiny\"", "CATEGORY = \"dull\"")).expect("written");
    until("the change is seen", || server.json("/object_info")["ShinyBrightness"]["category"] == "dull");
    let job = server.wait(&server.submit(&prompt(3.0), None));
    assert_eq!(job["status"]["status_str"], "error", "{job}");
    assert!(job.to_string().contains("ShinyBrightness"), "{job}");
    let fine = server.wait(&server.submit(&crate::prompts::greeting(), None));
    assert_eq!(fine["status"]["status_str"], "success", "{fine}");

    // Killed, it takes its workers along.
    std::fs::write(&code, text).expect("written");
    until("it is back", || server.json("/object_info")["ShinyBrightness"]["category"] == "shiny");
    let process = server.process();
    assert!(workers(process) > 0);
    server.kill();
    until("its workers are gone", || workers(process) == 0);
}

/// How many workers of a server there are: each is at home in a directory that names the server.
fn workers(server: u32) -> usize {
    let home = format!("burnish-worker-{server}-");
    let processes = std::fs::read_dir("/proc").expect("a list of processes").flatten();
    let at_home =
        |it: &std::fs::DirEntry| std::fs::read_link(it.path().join("cwd")).is_ok_and(|it| it.to_string_lossy().contains(&home));
    processes.filter(at_home).count()
}
