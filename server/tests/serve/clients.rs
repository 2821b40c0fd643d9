//! Clients from PyPI that nobody here wrote, from start to picture. They are installed beside the checkout, never into it.

use crate::client::Server;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, PoisonError};

/// What is installed, in versions that are known.
const PACKAGES: [&str; 6] = [
    "comfy-api-simplified==1.6.0",
    "comfyui-utils==0.0.1",
    "comfy-cli==1.23.0",
    "comfyui-workflow-templates-json==0.1.123",
    "openai==3.54.0",
    "pillow==13.0.0",
];

const IMPORTS: &str = "import comfy_api_simplified, comfyui_utils, comfy_cli, comfyui_workflow_templates_json
import openai, PIL";

/// The official templates that need no model.
const NEED_NO_MODEL: [&str; 5] = [
    "basic_datatype_conversion.json",
    "basic_image_color_adjustment.json",
    "basic_mask_operations_and_compositing.json",
    "utility_image_stitch.json",
    "utility_interpolation_image_upscale.json",
];

/// One test installs, the others wait for it.
static INSTALLING: Mutex<()> = Mutex::new(());

/// A Python that has the clients; `None` where there is no Python.
fn python() -> Option<PathBuf> {
    let _installing = INSTALLING.lock().unwrap_or_else(PoisonError::into_inner);
    Command::new("python3").arg("--version").output().ok()?;
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|it| Path::new(&it).join(".cache"));
    let place = cache.or_else(home).expect("a home").join("burnish/clients");
    let python = place.join("bin/python");
    if !python.exists() {
        done(Command::new("python3").args(["-m", "venv"]).arg(&place).output().expect("runs"));
    }
    let known = Command::new(&python).args(["-c", IMPORTS]).output().expect("runs");
    if !known.status.success() {
        done(Command::new(&python).args(["-m", "pip", "install", "-q"]).args(PACKAGES).output().expect("runs"));
    }
    Some(python)
}

fn done(output: Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn clients_that_others_wrote_get_their_pictures() {
    let Some(python) = python() else {
        println!("not checked: there is no Python");
        return;
    };
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/serve/clients.py");
    let server = Server::start(&[]);
    let clients = [
        ("comfy_api_simplified", "80x32"),
        ("comfyui_utils", "64x32"),
        ("comfyui_utils", "64x32"),
        ("comfy_cli", "64x32"),
        ("openai", "64x64"),
    ];
    for (client, size) in clients {
        // Some write settings where their user lives.
        let mut command = Command::new(&python);
        command.args([script, client, &server.address]).env("HOME", server.folder());
        let output = done(command.output().expect("runs"));
        assert_eq!(output.lines().last(), Some(size), "{client}: {output}");
    }
}

#[test]
fn official_templates_convert_as_others_convert_them_and_run() {
    let Some(python) = python() else {
        println!("not checked: there is no Python");
        return;
    };
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/serve/templates.py");
    let server = Server::start(&[]);
    let mut command = Command::new(&python);
    command.args([script, &server.address, crate::PROGRAM]).env("HOME", server.folder());
    let output = done(command.output().expect("runs"));
    println!("{}", output.trim());
    let counts: Vec<usize> = output.split(' ').filter_map(|it| it.parse().ok()).collect();
    assert!(counts[0] >= 38, "{output}");
    for template in NEED_NO_MODEL {
        assert!(output.contains(template), "{template} did not run: {output}");
    }
}
