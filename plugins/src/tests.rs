//! Packs at work, and packs that mean harm.

use crate::manifest::Capabilities;
use crate::packs::{Packs, State};
use crate::pins::{Pin, Pins};
use burn::tensor::{Device, Tensor, TensorData};
use graph::{Catalog, Graph, api_json};
use models::Image;
use runtime::node::Slot;
use runtime::{
    Cancel, Context, Ended, Event, Executor, Fingerprint, Inputs, Job, Literals, NodeError, Outcome, Policy, Registry, Socket,
    Value,
};
use serde_json::{Value as Json, json};
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// A folder with one pack.
struct Bench {
    folder: tempfile::TempDir,
    packs: Arc<Packs>,
}

const PYTHON: &str = "name = \"fixture\"\nversion = \"1\"\nkind = \"python\"\n";

impl Bench {
    fn new(manifest: &str, files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let pack = folder.path().join("fixture");
        std::fs::create_dir(&pack).unwrap();
        std::fs::write(pack.join("plugin.toml"), manifest).unwrap();
        for (name, text) in files {
            std::fs::write(pack.join(name), text).unwrap();
        }
        let mut pins = Pins::default();
        pins.packs.insert("fixture".to_owned(), Pin { hash: None, capabilities: Capabilities::default() });
        pins.save(folder.path()).unwrap();
        let packs = Arc::new(Packs::new(folder.path().to_owned(), ["KSampler".to_owned()], Arc::new(|_, _| ())));
        Self { folder, packs }
    }

    fn python(code: &str) -> Self {
        Self::new(PYTHON, &[("__init__.py", code)])
    }

    fn registry(&self) -> Arc<Registry> {
        Arc::new(Registry::new().with_outside(self.packs.clone()))
    }

    fn call(&self, class: &str, inputs: Vec<(&str, Value)>, job: Job) -> Result<Vec<Vec<Value>>, NodeError> {
        let (spec, class) = self.registry().class(class).unwrap_or_else(|| panic!("{class}: {:?}", self.packs.reports()));
        let slots = inputs.into_iter().map(|(name, it)| (name.to_owned(), Slot::Values(vec![it]))).collect();
        match class.run(Inputs::new(spec, slots), &Context::alone(job))? {
            Outcome::Values(values) => Ok(values),
            Outcome::Expand(_) => panic!("it expanded"),
        }
    }

    fn run(&self, class: &str, inputs: Vec<(&str, Value)>) -> Result<Vec<Vec<Value>>, NodeError> {
        self.call(class, inputs, Job::default())
    }

    fn report(&self) -> (State, Vec<(String, String)>) {
        let report = self.packs.reports().remove(0);
        (report.state, report.refused)
    }
}

/// A Python class with these inputs, outputs and body.
fn class(name: &str, required: &str, returns: &str, body: &str) -> String {
    let body: String = body.lines().map(|it| format!("        {it}\n")).collect();
    format!(
        "class {name}:\n    RETURN_TYPES = ({returns})\n    FUNCTION = 'run'\n    OUTPUT_NODE = {}\n    @classmethod\n    def \
         INPUT_TYPES(cls):\n        return {{'required': {{{required}}}}}\n    def run(self, **given):\n{body}\n\
         NODE_CLASS_MAPPINGS = globals().get('NODE_CLASS_MAPPINGS', {{}})\nNODE_CLASS_MAPPINGS['{name}'] = {name}\n",
        if returns.is_empty() { "True" } else { "False" },
    )
}

fn image(shape: [usize; 4]) -> Value {
    let values: Vec<f32> = (0..shape.iter().product()).map(|it| (it % 251) as f32 / 251.0).collect();
    Image(Tensor::from_data(TensorData::new(values, shape), &Device::flex())).into_value()
}

fn numbers(value: &Value) -> (Vec<usize>, Vec<f32>) {
    let Image(pixels) = value.to::<Image>().unwrap();
    (pixels.dims().to_vec(), pixels.into_data().as_slice::<f32>().unwrap().to_vec())
}

fn prompt(json: Json) -> Graph {
    api_json::from_json(&json).unwrap()
}

#[test]
fn a_plain_pack_offers_its_classes_and_they_run() {
    let bench = Bench::python(&class(
        "Add",
        "'a': ('INT', {'default': 3, 'max': 2**64 - 1}), 'size': ([8, 16], {'default': 16})",
        "'INT', 'STRING', 'FLOAT'",
        "print('this is no message')\nreturn (given['a'] + given['size'], 'é', float('inf'))",
    ));
    let registry = bench.registry();
    let spec = registry.spec("Add").unwrap();
    assert_eq!((spec.inputs.len(), spec.outputs[1].socket.as_str(), spec.inputs[1].required), (2, "STRING", true));
    let given = vec![("a", Value::Int(i128::from(u64::MAX) - 8)), ("size", Value::String("8".into()))];
    let values = bench.run("Add", given).unwrap();
    assert_eq!(format!("{values:?}"), format!("[[Int({})], [String(\"é\")], [Float(inf)]]", u64::MAX));
    assert_eq!(registry.classes(), ["Add"]);
}

#[test]
fn a_picture_goes_and_comes_back_and_one_that_is_written_into_comes_back_changed() {
    let code = class("Pass", "'image': ('IMAGE',)", "'IMAGE',", "return (given['image'],)")
        + &class("Touch", "'image': ('IMAGE',)", "'IMAGE',", "image = given['image']\nimage[0, 0, 0, 1] = 9.0\nreturn (image,)")
        + &class(
            "Make",
            "'image': ('IMAGE',)",
            "'IMAGE', 'MASK'",
            "import burnish_worker\nit = burnish_worker.empty([1, 1, 2, 3])\nit[0, 0, 1, 2] = 4.0\nreturn (it, \
             burnish_worker.empty([2, 2]))",
        );
    let bench = Bench::python(&code);
    let picture = image([1, 5, 7, 3]);
    let passed = bench.run("Pass", vec![("image", picture.clone())]).unwrap();
    assert_eq!(numbers(&passed[0][0]), numbers(&picture));
    let touched = bench.run("Touch", vec![("image", picture.clone())]).unwrap();
    assert_eq!((numbers(&touched[0][0]).1[1], numbers(&picture).1[1]), (9.0, 1.0 / 251.0));
    let made = bench.run("Make", vec![("image", picture)]).unwrap();
    assert_eq!(numbers(&made[0][0]), (vec![1, 1, 2, 3], vec![0.0, 0.0, 0.0, 0.0, 0.0, 4.0]));
    assert_eq!(made[1][0].to::<models::Mask>().unwrap().0.dims(), [1, 2, 2]);
}

#[test]
fn a_large_picture_is_not_long_on_the_way() {
    let bench = Bench::python(&class("Pass", "'image': ('IMAGE',)", "'IMAGE',", "return (given['image'],)"));
    let picture = image([1, 1024, 1024, 3]);
    let mut times: Vec<Duration> = (0..12)
        .map(|_| {
            let begun = Instant::now();
            bench.run("Pass", vec![("image", picture.clone())]).unwrap();
            begun.elapsed()
        })
        .collect();
    times.sort();
    writeln!(std::io::stderr(), "1024x1024x3 f32 through a worker: median {:?}, best {:?}", times[6], times[0]).unwrap();
    assert!(times[0] < Duration::from_millis(500), "{times:?}");
}

#[test]
fn objects_stay_where_they_are_and_are_handed_on() {
    let code = class("Make", "", "'THING',", "return ({'n': 5},)")
        + &class(
            "Use",
            "'thing': ('THING',), 'model': ('MODEL',)",
            "'INT', 'MODEL'",
            "return (given['thing']['n'], given['model'])",
        );
    let bench = Bench::python(&code);
    let thing = bench.run("Make", vec![]).unwrap().remove(0).remove(0);
    assert_eq!(thing.type_name(), "THING");
    let model = image([1, 1, 1, 3]);
    let foreign = models::sampling::Sigmas(vec![1.0]).into_value();
    let values = bench.run("Use", vec![("thing", thing.clone()), ("model", foreign)]);
    // A schedule is no model, and what is declared holds for what is handed back, too.
    assert!(values.unwrap_err().to_string().contains("SIGMAS"));
    drop((thing, model));
}

#[test]
fn what_a_class_declares_beside_its_inputs_is_asked() {
    let code = class("Asks", "'a': ('INT', {'lazy': True}), 'b': ('STRING', {})", "'STRING',", "return (given['b'],)")
        + "def check(self, a, b):\n    return ['a'] if b == 'more' else []\nAsks.check_lazy_status = check\n\
           def changed(cls, a, b):\n    return float('nan') if b == 'always' else b\nAsks.IS_CHANGED = classmethod(changed)\n\
           def validate(cls, b):\n    return True if b else 'say something'\nAsks.VALIDATE_INPUTS = classmethod(validate)\n";
    let bench = Bench::python(&code);
    let registry = bench.registry();
    let (spec, class) = registry.class("Asks").unwrap();
    assert!(spec.inputs[0].lazy && spec.inputs[1].validated_by_node);
    let literals = |b: &str| json!({ "b": b }).as_object().cloned().unwrap_or_else(Literals::new);
    let print = |b: &str| class.fingerprint(&literals(b), registry.folders()).unwrap();
    assert_eq!(print("always"), Fingerprint::Always);
    assert!(print("x") == print("x") && print("x") != print("y"));
    assert_eq!(class.validate(&literals(""), registry.folders()), [("b".to_owned(), "say something".to_owned())]);
    assert_eq!(class.validate(&literals("x"), registry.folders()), []);
    let cx = Context::alone(Job::default());
    for (b, needed) in [("more", &["a"][..]), ("enough", &[])] {
        let slots = vec![("a".to_owned(), Slot::Waiting), ("b".to_owned(), Slot::Values(vec![Value::String(b.into())]))];
        assert_eq!(class.needs(&Inputs::new(spec.clone(), slots), &cx).unwrap(), needed);
    }
}

#[test]
fn lists_and_graphs_in_place_of_nodes_run_in_the_executor() {
    let code = class("Count", "'n': ('INT', {})", "'INT',", "return (list(range(given['n'])),)")
        + "Count.OUTPUT_IS_LIST = (True,)\n"
        + &class("Twice", "'n': ('INT', {})", "'INT',", "return (given['n'] * 2,)")
        + &class(
            "Later",
            "'n': ('INT', {'forceInput': True})",
            "'INT',",
            "from comfy_execution.graph_utils import GraphBuilder\ngraph = GraphBuilder()\nnode = graph.node('Twice', n=given['n'])\n\
             return {'result': (node.out(0),), 'expand': graph.finalize()}",
        )
        + &class("Show", "'n': ('INT', {'forceInput': True})", "", "return {'ui': {'text': [str(given['n'])]}}")
        + "Show.INPUT_IS_LIST = True\n";
    let bench = Bench::python(&code);
    let graph = prompt(json!({
        "1": { "class_type": "Count", "inputs": { "n": 3 } },
        "2": { "class_type": "Later", "inputs": { "n": ["1", 0] } },
        "3": { "class_type": "Show", "inputs": { "n": ["2", 0] } },
    }));
    let shown = Arc::new(Mutex::new(Vec::new()));
    let ear = shown.clone();
    let job = Arc::new(Job::default().heard_by(move |event| {
        if let Event::Shown { shown, .. } = event {
            ear.lock().unwrap().extend(shown.iter().cloned());
        }
    }));
    Executor::new(bench.registry(), Policy::default()).run(graph, &["3".into()], &job).unwrap();
    assert_eq!(*shown.lock().unwrap(), [runtime::Shown::Text("[0, 2, 4]".to_owned())]);
}

#[test]
fn a_failure_names_the_node_and_the_line_and_the_next_job_runs() {
    let code = class("Fails", "", "", "raise ValueError('no such thing')") + &class("Works", "", "", "return {}");
    let bench = Bench::python(&code);
    let job = Arc::new(Job::default());
    let mut executor = Executor::new(bench.registry(), Policy::default());
    let graph = prompt(json!({ "7": { "class_type": "Fails", "inputs": {} }, "8": { "class_type": "Works", "inputs": {} } }));
    let Err(Ended::Failed(failure)) = executor.run(graph.clone(), &["7".into()], &job) else { panic!("it did not fail") };
    let text = failure.error.to_string();
    assert_eq!((failure.node.id.as_str(), failure.class.as_str()), ("7", "Fails"));
    assert!(text.contains("ValueError: no such thing") && text.contains("__init__.py"), "{text}");
    executor.run(graph, &["8".into()], &job).unwrap();
}

#[test]
fn an_endless_loop_ends_within_a_second_of_being_cancelled() {
    let stubborn = "while True:\n    try:\n        while True: pass\n    except BaseException: pass";
    let code = class("Loops", "", "'INT',", "while True: pass")
        + &class("Stubborn", "", "'INT',", stubborn)
        + &class("Works", "", "'INT',", "return (1,)");
    let bench = Bench::python(&code);
    for looping in ["Loops", "Stubborn"] {
        let cancel = Cancel::new();
        let job = Job { cancel: cancel.clone(), ..Job::default() };
        let asked = thread::spawn(move || {
            thread::sleep(Duration::from_millis(300));
            cancel.cancel();
            Instant::now()
        });
        let error = bench.call(looping, vec![], job).unwrap_err();
        let waited = asked.join().unwrap().elapsed();
        assert_eq!(error.kind(), runtime::error::Kind::Cancelled);
        assert!(waited < Duration::from_secs(1), "{looping}: {waited:?}");
        assert_eq!(bench.run("Works", vec![]).unwrap()[0][0].to::<i64>(), Some(1));
    }
}

#[test]
fn a_worker_that_dies_fails_its_node_and_is_there_again() {
    let code = class("Dies", "", "'INT',", "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")
        + &class("Leaves", "", "'INT',", "import os, sys\nprint('so long', file=sys.stderr)\nos._exit(3)")
        + &class("Closes", "", "'INT',", "import os\nos.closerange(3, 100)\nwhile True: pass")
        + &class("Works", "", "'INT',", "return (1,)");
    let bench = Bench::python(&code);
    for (class, why) in [("Dies", "its process ended"), ("Leaves", "so long"), ("Closes", "ended")] {
        let error = bench.run(class, vec![]).unwrap_err().to_string();
        assert!(error.contains("fixture") && error.contains(why), "{class}: {error}");
        assert!(bench.run("Works", vec![]).is_ok());
    }
}

#[test]
fn memory_has_a_limit() {
    let code = class("Bomb", "", "'INT',", "all = []\nwhile True: all.append(bytearray(1 << 24))")
        + &class("Works", "", "'INT',", "return (1,)");
    let bench = Bench::new(&format!("{PYTHON}[limits]\nmemory_mb = 1024\n"), &[("__init__.py", &code)]);
    let error = bench.run("Bomb", vec![]).unwrap_err().to_string();
    assert!(error.contains("MemoryError") || error.contains("broke"), "{error}");
    assert!(bench.run("Works", vec![]).is_ok());
}

#[test]
fn shared_memory_has_a_limit() {
    let fills = "import burnish_worker, time\nall = [burnish_worker.empty([1 << 20]) for _ in range(8)]\ntime.sleep(20)";
    let code = class("Fills", "", "'INT',", fills) + &class("Works", "", "'INT',", "return (1,)");
    let bench = Bench::new(&format!("{PYTHON}[limits]\nshared_mb = 16\n"), &[("__init__.py", &code)]);
    let error = bench.run("Fills", vec![]).unwrap_err().to_string();
    assert!(error.contains("shares more than 16 MB"), "{error}");
    assert!(bench.run("Works", vec![]).is_ok());
}

/// A worker of its own kind that says what its first input tells it to.
const LIAR: &str = r#"
import os, sys, wire
source = sys.stdin.buffer
def say(it): wire.write_frame(1, it)
wire.read_frame(source)
about = {"input": {"required": {"how": ["STRING", {}]}}, "output": ["IMAGE"]}
say({"ready": {"protocol": 1, "classes": {"Lies": about, "KSampler": about, "Odd": 5}}})
while True:
    order = wire.read_frame(source)
    if order is None: break
    if "execute" not in order: continue
    call = order["execute"]["call"]
    how = order["execute"]["inputs"][0][1]["values"][0]["string"]
    def values(*them): say({"values": {"call": call, "outputs": [[it] for it in them]}})
    if how == "shape": values({"image": {"file": "absent", "shape": [1, 2, 2, 3]}})
    elif how == "huge": values({"image": {"file": "absent", "shape": [2**63, 2**63, 2, 3]}})
    elif how == "path": values({"image": {"file": "../../../etc/passwd", "shape": [1, 1, 1, 3]}})
    elif how == "type": values({"string": "no picture"})
    elif how == "handle": values({"host": 12})
    elif how == "more": values({"int": 1}, {"int": 2})
    elif how == "kind": say({"names": {"call": call, "names": []}})
    elif how == "graph": say({"expand": {"call": call, "graph": {"1": 5}, "outputs": []}})
    elif how == "preview": say({"preview": {"call": call, "width": 2**31, "height": 2**31, "rgb": b"x"}})
    elif how == "garbage": os.write(1, b"\x04\0\0\0\xc1\xc1\xc1\xc1")
    elif how == "long": os.write(1, b"\xff\xff\xff\xff")
    elif how == "half": os.write(1, b"\xff\0\0\0\x81"); os._exit(0)
    elif how == "flood":
        while True: say({"text": {"call": call, "text": "x" * 1000}})
    elif how == "silence":
        os.close(0)
        while True: pass
    else: values({"blocked": None})
"#;

fn liar() -> Bench {
    let manifest = "name = \"fixture\"\nversion = \"1\"\nkind = \"worker\"\ncommand = [\"python3\", \"liar.py\"]\n[limits]\n\
                    silence_seconds = 1\n";
    Bench::new(manifest, &[("liar.py", LIAR), ("wire.py", include_str!("../shim/burnish_worker/wire.py"))])
}

#[test]
fn a_worker_that_lies_fails_its_node_and_the_next_one_runs() {
    let bench = liar();
    for (how, why) in [
        ("shape", "memory cannot be read"),
        ("huge", "too large"),
        ("path", "its file is called"),
        ("type", "it is STRING and should be IMAGE"),
        ("handle", "no object"),
        ("more", "2 outputs instead of 1"),
        ("kind", "`names`"),
        ("graph", "node `1`"),
        ("preview", "preview"),
        ("garbage", "no message"),
        ("long", "larger than"),
        ("half", "ended"),
        ("silence", "no sign of life"),
    ] {
        let error = bench.run("Lies", vec![("how", Value::String(how.into()))]).unwrap_err().to_string();
        assert!(error.contains(why), "{how}: {error}");
        assert!(bench.run("Lies", vec![("how", Value::String("fine".into()))]).is_ok(), "{how}");
    }
}

#[test]
fn a_flood_of_words_can_be_cancelled() {
    let bench = liar();
    let cancel = Cancel::new();
    let job = Job { cancel: cancel.clone(), ..Job::default() };
    let asked = thread::spawn(move || {
        thread::sleep(Duration::from_millis(300));
        cancel.cancel();
        Instant::now()
    });
    bench.call("Lies", vec![("how", Value::String("flood".into()))], job).unwrap_err();
    assert!(asked.join().unwrap().elapsed() < Duration::from_secs(1));
}

#[test]
fn what_cannot_be_offered_is_refused_with_the_reason() {
    let (state, refused) = liar().report();
    assert_eq!(state, State::Running);
    assert!(refused.iter().any(|(name, why)| name == "KSampler" && why.contains("no pack can replace")), "{refused:?}");
    assert!(refused.iter().any(|(name, _)| name == "Odd"));
    for (code, why) in [
        ("import comfy.sd", "`comfy` is a part of ComfyUI that is not offered here"),
        ("from server import PromptServer", "packs cannot add routes"),
        ("x = 1", "has no NODE_CLASS_MAPPINGS"),
        ("raise SystemExit(5)", "SystemExit: 5"),
        ("def broken(:", "SyntaxError"),
    ] {
        let (state, _) = Bench::python(code).report();
        assert!(matches!(&state, State::Broken(said) if said.contains(why)), "{code}: {state:?}");
    }
    let odd = class("Plain", "", "'INT',", "return (1,)")
        + "class NoFunction:\n    RETURN_TYPES = ()\n    @classmethod\n    def INPUT_TYPES(cls): return {}\n\
           NODE_CLASS_MAPPINGS['NoFunction'] = NoFunction\nWEB_DIRECTORY = './js'\n";
    let (state, refused) = Bench::python(&odd).report();
    let names: Vec<_> = refused.iter().map(|it| it.0.as_str()).collect();
    assert_eq!((state, names), (State::Running, vec!["NoFunction", "WEB_DIRECTORY"]), "{refused:?}");
}

#[test]
fn a_change_of_the_folder_is_seen() {
    let bench = Bench::python(&class("First", "", "'INT',", "return (1,)"));
    let registry = bench.registry();
    assert_eq!(registry.classes(), ["First"]);
    let pack = bench.folder.path().join("fixture");
    thread::sleep(Duration::from_millis(1100));
    std::fs::write(pack.join("__init__.py"), class("Second", "", "'INT',", "return (2,)")).unwrap();
    assert_eq!(registry.classes(), ["Second"]);
    assert_eq!(bench.run("Second", vec![]).unwrap()[0][0].to::<i64>(), Some(2));
    thread::sleep(Duration::from_millis(1100));
    std::fs::remove_dir_all(pack).unwrap();
    assert_eq!(registry.classes(), [""; 0]);
}

#[test]
fn nothing_runs_that_the_user_has_not_agreed_to() {
    let code = format!("import sys; print('it ran', file=sys.stderr)\n{}", class("Plain", "", "'INT',", "return (1,)"));
    let bench = Bench::python(&code);
    let pack = bench.folder.path().join("fixture");
    let pin = |hash: Option<String>, network: bool| {
        let capabilities = Capabilities { network, ..Capabilities::default() };
        let mut pins = Pins::default();
        pins.packs.insert("fixture".to_owned(), Pin { hash, capabilities });
        pins.save(bench.folder.path()).unwrap();
    };
    let ran = Arc::new(AtomicBool::new(false));
    let state = || {
        let ran = ran.clone();
        let ear: crate::Log = Arc::new(move |_, line| {
            ran.fetch_or(line == "it ran", Ordering::Relaxed);
        });
        Packs::new(bench.folder.path().to_owned(), [], ear).reports().remove(0).state
    };
    Pins::default().save(bench.folder.path()).unwrap();
    assert_eq!(state(), State::NotInstalled);
    pin(Some("00".to_owned()), false);
    assert_eq!(state(), State::Changed);
    pin(None, true);
    assert_eq!(state(), State::Changed);
    assert!(!ran.load(Ordering::Relaxed));
    pin(Some(crate::pins::hash(&pack).unwrap()), false);
    assert_eq!(state(), State::Running);
    assert!(ran.load(Ordering::Relaxed));
}

#[test]
fn a_process_ends_with_the_last_who_needs_it() {
    let bench = Bench::python(&class("Where", "", "'STRING',", "import os\nreturn (os.environ['HOME'],)"));
    let home = bench.run("Where", vec![]).unwrap()[0][0].to::<String>().unwrap();
    // Its number is another one where it lives; the directory that it works in is the same.
    let lives = || {
        let processes = std::fs::read_dir("/proc").unwrap().flatten();
        processes.filter_map(|it| std::fs::read_link(it.path().join("cwd")).ok()).any(|it| it.to_string_lossy().contains(&home))
    };
    assert!(lives());
    drop(bench);
    let patience = Instant::now() + Duration::from_secs(5);
    while lives() || Path::new(&home).exists() {
        assert!(Instant::now() < patience, "something is left of it");
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_sandbox_where_there_is_one_keeps_files_and_the_network_away() {
    let outside = tempfile::NamedTempFile::new().unwrap();
    let code = class("Reads", "'path': ('STRING', {})", "'STRING',", "return (open(given['path']).read(),)")
        + &class("Writes", "", "'STRING',", "return (str(open(__file__, 'w')),)")
        + &class(
            "Calls",
            "'port': ('INT', {'max': 65535})",
            "'STRING',",
            "import socket\nsocket.create_connection(('127.0.0.1', given['port']), 2)\nreturn ('it answered',)",
        );
    let bench = Bench::python(&code);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = Value::Int(listener.local_addr().unwrap().port().into());
    let path = Value::String(outside.path().to_string_lossy().as_ref().into());
    let results = [
        bench.run("Reads", vec![("path", path)]).is_ok(),
        bench.run("Calls", vec![("port", port)]).is_ok(),
        bench.run("Writes", vec![]).is_ok(),
    ];
    // Without a sandbox all of it goes: that is what the documentation says.
    assert_eq!(results, [!bench.packs.is_sandboxed(); 3]);
}

#[test]
fn a_worker_sees_no_secrets_of_the_environment() {
    let code = class("Sees", "", "'STRING',", "import os\nreturn (' '.join(sorted(os.environ)),)");
    let seen = Bench::python(&code).run("Sees", vec![]).unwrap()[0][0].to::<String>().unwrap();
    assert!(seen.contains("PATH") && !seen.contains("CARGO"), "{seen}");
}

#[test]
fn a_new_pack_works_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let place = crate::install::create(folder.path(), "my-pack").unwrap();
    let packs = Arc::new(Packs::new(folder.path().to_owned(), [], Arc::new(|_, _| ())));
    let bench = Bench { folder, packs };
    let given = vec![("image", image([1, 1, 1, 3])), ("factor", Value::Float(2.0))];
    let values = bench.run("MyPackBrightness", given).unwrap();
    assert_eq!(numbers(&values[0][0]).1, [0.0, 2.0 / 251.0, 4.0 / 251.0]);
    let test = std::process::Command::new("python3").arg(place.join("test_nodes.py")).output().unwrap();
    assert!(test.status.success(), "{}", String::from_utf8_lossy(&test.stderr));
    assert!(crate::install::create(bench.folder.path(), "my-pack").is_err());
    assert!(crate::install::create(bench.folder.path(), "../up").is_err());
}

#[test]
fn the_sandbox_has_the_pack_and_nothing_that_was_not_granted() {
    use crate::process::Launch;
    let manifest = format!("{PYTHON}[capabilities]\nread = [\"/srv/data\"]\n");
    let walls = |manifest: &str| {
        let manifest = crate::Manifest::parse(manifest).unwrap();
        let launch = Launch { manifest, folder: "/srv/packs/fixture".into(), sandbox: Some("/usr/bin/bwrap".into()) };
        let words: Vec<_> =
            launch.command_line(Path::new("/dev/shm/room")).into_iter().map(|it| it.into_string().unwrap()).collect();
        words.join(" ")
    };
    let line = walls(&manifest);
    for part in [
        "/usr/bin/bwrap --die-with-parent --new-session --unshare-all",
        "--ro-bind /srv/packs/fixture /srv/packs/fixture",
        "--bind /dev/shm/room /dev/shm/room",
        "--ro-bind-try /srv/data /srv/data",
        "-- /bin/sh -c",
        "-m burnish_worker",
    ] {
        assert!(line.contains(part), "{part}: {line}");
    }
    assert!(!line.contains("--share-net") && !line.contains("resolv.conf") && !line.contains("/etc/passwd"));
    assert!(walls(&manifest.replace("read =", "network = true\nread =")).contains("--share-net"));
    // The room must come after what hides it.
    assert!(line.find("--dev /dev").unwrap() < line.find("--bind /dev/shm/room").unwrap());
}
