//! Whatever comes from outside may be broken or hostile: one clear message, the right exit code, and nothing half-written.

use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A base folder of its own with a copy of the demo model in it.
struct Place {
    base: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self { base: tempfile::tempdir().expect("a folder") }
    }

    fn path(&self, below: &str) -> PathBuf {
        let path = self.base.path().join(below);
        fs::create_dir_all(path.parent().expect("it lies below the base")).expect("a folder");
        path
    }

    /// The tensors of a copy of the demo model's UNet; the copy is called `copy`.
    fn unet(&self) -> PathBuf {
        fn copy(from: &Path, to: &Path) {
            fs::create_dir_all(to).expect("a folder");
            for entry in fs::read_dir(from).expect("the demo model") {
                let path = entry.expect("an entry").path();
                let to = to.join(path.file_name().expect("a name"));
                if path.is_dir() { copy(&path, &to) } else { fs::copy(&path, &to).map(drop).expect("copied") }
            }
        }
        let copied = self.path("models/diffusers/copy");
        copy(&root().join("workflows/models/diffusers/burnish-demo"), &copied);
        copied.join("unet/diffusion_pytorch_model.safetensors")
    }

    fn command(&self, workflow: &Path) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_burnish"));
        command.arg("run").arg(workflow).arg("--base-directory").arg(self.base.path());
        command
    }

    fn run(&self, workflow: &Value) -> Output {
        let path = self.path("workflow.json");
        fs::write(&path, workflow.to_string()).expect("written");
        self.command(&path).output().expect("the program starts")
    }

    fn draw_with_the_copy(&self) -> Output {
        let mut command = self.command(&root().join("workflows/text-to-image.json"));
        command.args(["--set", "1.model_path=copy"]).output().expect("the program starts")
    }

    /// Files below the output and temp folders.
    fn left_behind(&self) -> Vec<PathBuf> {
        let mut open = vec![self.base.path().join("output"), self.base.path().join("temp")];
        let mut files = Vec::new();
        while let Some(folder) = open.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten() {
                let path = entry.expect("an entry").path();
                if path.is_dir() { open.push(path) } else { files.push(path) }
            }
        }
        files
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// One message that says all of this, this exit code, and no file.
fn assert_refused(place: &Place, output: &Output, code: i32, says: &[&str]) {
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{message}");
    assert_eq!(message.matches("error:").count(), 1, "{message}");
    assert!(!message.contains("panicked") && !message.contains("bug"), "{message}");
    for said in says {
        assert!(message.contains(said), "`{said}` is not in: {message}");
    }
    assert_eq!(place.left_behind(), [] as [PathBuf; 0], "{message}");
}

fn safetensors(header: &str, length: u64, data: &[u8]) -> Vec<u8> {
    [&length.to_le_bytes(), header.as_bytes(), data].concat()
}

#[test]
fn weights_that_are_cut_or_lie_are_refused() {
    let place = Place::new();
    let path = place.unet();
    let whole = fs::read(&path).expect("the weights");
    assert!(place.draw_with_the_copy().status.success(), "the copy itself is sound");
    fs::remove_dir_all(place.base.path().join("output")).expect("removed");

    let lying = |header: &str, data: &[u8]| safetensors(header, header.len() as u64, data);
    let cases: [(&str, Vec<u8>); 11] = [
        ("nothing", Vec::new()),
        ("half a length", whole[..4].to_vec()),
        ("half a header", whole[..2000].to_vec()),
        ("half the data", whole[..whole.len() / 2].to_vec()),
        ("a header longer than the file", safetensors("{}", 1 << 40, &[])),
        ("a header as long as there can be", safetensors("{}", u64::MAX, &[])),
        ("no JSON", lying("{\"a\": ", &[])),
        ("an offset outside", lying(r#"{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}"#, &[0; 8])),
        ("an offset that runs backwards", lying(r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}"#, &[0; 8])),
        (
            "a shape that overflows",
            lying(r#"{"a":{"dtype":"F32","shape":[4294967296,4294967296,4],"data_offsets":[0,8]}}"#, &[0; 8]),
        ),
        ("no such type", lying(r#"{"a":{"dtype":"F33","shape":[2],"data_offsets":[0,8]}}"#, &[0; 8])),
    ];
    for (what, bytes) in cases {
        fs::write(&path, bytes).expect("written");
        let output = place.draw_with_the_copy();
        println!("{what}: {}", String::from_utf8_lossy(&output.stderr).trim());
        assert_refused(&place, &output, 1, &["diffusion_pytorch_model.safetensors"]);
    }
    fs::remove_file(&path).expect("removed");
    fs::create_dir(&path).expect("a folder");
    assert_refused(&place, &place.draw_with_the_copy(), 1, &["diffusion_pytorch_model.safetensors"]);
}

#[test]
fn a_tensor_that_is_missing_or_misshapen_is_named() {
    let place = Place::new();
    let path = place.unet();
    let whole = fs::read(&path).expect("the weights");
    let length = u64::from_le_bytes(whole[..8].try_into().expect("eight bytes")) as usize;
    let header: Value = serde_json::from_slice(&whole[8..8 + length]).expect("JSON");
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut header = header.clone();
        change(&mut header);
        let header = header.to_string();
        fs::write(&path, safetensors(&header, header.len() as u64, &whole[8 + length..])).expect("written");
        place.draw_with_the_copy()
    };
    let name = "mid_block.resnets.0.conv1.weight";
    let renamed = changed(&|header| {
        let entry = header.as_object_mut().expect("an object").remove(name).expect("the tensor");
        header["stranger"] = entry;
    });
    assert_refused(&place, &renamed, 1, &["middle_block.0.in_layers.2.weight", "missing"]);
    let misshapen = changed(&|header| {
        let shape = header[name]["shape"].as_array_mut().expect("a shape");
        shape.swap(0, 3);
    });
    assert_refused(&place, &misshapen, 1, &["mid_block.resnets.0.conv1.weight", "shape"]);
}

fn load_and_save(image: &str, prefix: &str) -> Value {
    json!({
        "1": { "class_type": "LoadImage", "inputs": { "image": image } },
        "2": { "class_type": "SaveImage", "inputs": { "images": ["1", 0], "filename_prefix": prefix } },
    })
}

#[test]
fn pictures_that_are_none_or_would_fill_the_memory_are_refused() {
    let place = Place::new();
    fs::write(place.path("input/text.png"), "this is no picture").expect("written");
    assert_refused(&place, &place.run(&load_and_save("text.png", "it")), 1, &["text.png"]);

    // Its header promises 3.6 thousand million pixels.
    let mut bomb = Vec::new();
    let mut encoder = png::Encoder::new(&mut bomb, 60_000, 60_000);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header().expect("a header");
    writer.write_chunk(png::chunk::IDAT, &[0x78, 0x9c, 3, 0, 0, 0, 0, 1]).expect("a chunk");
    drop(writer);
    fs::write(place.path("input/bomb.png"), bomb).expect("written");
    assert_refused(&place, &place.run(&load_and_save("bomb.png", "it")), 1, &["bomb.png", "60000"]);

    fs::create_dir(place.path("input/folder.png")).expect("a folder");
    assert_refused(&place, &place.run(&load_and_save("folder.png", "it")), 3, &["folder.png"]);
}

#[test]
fn names_that_leave_their_folder_are_refused() {
    let place = Place::new();
    fs::write(place.path("secret.png"), "secret").expect("written");
    image::RgbImage::new(2, 2).save(place.path("input/it.png")).expect("saved");
    for name in ["../secret.png", "/etc/passwd", "a/../../secret.png", "..\\secret.png", "it.png/../../secret.png [temp]"] {
        assert_refused(&place, &place.run(&load_and_save(name, "it")), 3, &[]);
    }
    for prefix in ["../it", "/it", "a/../../it", "..\\it"] {
        assert_refused(&place, &place.run(&load_and_save("it.png", prefix)), 1, &["SaveImage"]);
    }
    let checkpoint = json!({
        "1": { "class_type": "CheckpointLoaderSimple", "inputs": { "ckpt_name": "../../secret.png" } },
        "2": { "class_type": "VAEDecode", "inputs": { "vae": ["1", 2], "samples": ["3", 0] } },
        "3": { "class_type": "EmptyLatentImage", "inputs": { "width": 64, "height": 64, "batch_size": 1 } },
        "4": { "class_type": "SaveImage", "inputs": { "images": ["2", 0], "filename_prefix": "it" } },
    });
    assert_refused(&place, &place.run(&checkpoint), 3, &["secret.png"]);
    assert_eq!(fs::read(place.path("secret.png")).expect("it is still there"), b"secret");
}

#[test]
fn an_unknown_sampler_is_refused_before_anything_runs() {
    let place = Place::new();
    let mut command = place.command(&root().join("workflows/text-to-image.json"));
    let output = command.args(["--set", "5.sampler_name=eulr"]).output().expect("the program starts");
    assert_refused(&place, &output, 3, &["eulr", "did you mean", "euler"]);
}

/// A file may not grow beyond a block, which for a program that writes is what a full disk is: a write that fails.
#[cfg(unix)]
#[test]
fn a_disk_that_is_full_leaves_nothing_half_written() {
    let place = Place::new();
    let noise =
        image::RgbImage::from_fn(64, 64, |x, y| image::Rgb([(x * y * 37 % 251) as u8, (x * 91 + y * y) as u8, (y * 57) as u8]));
    noise.save(place.path("input/it.png")).expect("saved");
    let workflow = place.path("workflow.json");
    fs::write(&workflow, load_and_save("it.png", "it").to_string()).expect("written");
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' XFSZ; ulimit -f 1; exec \"$@\"", "sh", env!("CARGO_BIN_EXE_burnish"), "run"]);
    command.arg(&workflow).arg("--base-directory").arg(place.base.path());
    assert_refused(&place, &command.output().expect("sh runs"), 1, &["SaveImage", "it_00001_"]);
}

/// A step of this size takes seconds, so Ctrl-C meets the network at work.
#[cfg(unix)]
#[test]
fn ctrl_c_ends_a_run_within_a_step() {
    use std::io::{BufRead, BufReader};
    use std::process::Stdio;
    let place = Place::new();
    let mut command = place.command(&root().join("workflows/text-to-image.json"));
    command.args(["--models".as_ref(), root().join("workflows/models").as_os_str()]);
    command.args(["--json", "--set", "EmptyLatentImage.width=4096", "--set", "EmptyLatentImage.height=4096"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
    let out = BufReader::new(child.stdout.take().expect("piped"));
    let mut events = out.lines().map(|it| serde_json::from_str::<Value>(&it.expect("text")).expect("JSON"));
    assert!(events.any(|it| it["event"] == "started" && it["node"]["class"] == "KSampler"), "it never began");
    std::thread::sleep(std::time::Duration::from_millis(500));
    let stopped = std::time::Instant::now();
    assert!(Command::new("kill").arg("-INT").arg(child.id().to_string()).status().expect("kill runs").success());
    let steps = events.filter(|it| it["event"] == "progress").count();
    let output = child.wait_with_output().expect("the program ends");
    println!("ended {:?} after Ctrl-C", stopped.elapsed());
    assert!(stopped.elapsed() < std::time::Duration::from_secs(5), "{:?}", stopped.elapsed());
    assert_eq!((output.status.code(), steps), (Some(130), 0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(place.left_behind(), [] as [PathBuf; 0]);
}
