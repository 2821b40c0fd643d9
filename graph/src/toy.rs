//! A small catalog for tests: the classes of a picture from a prompt, under their own names and slots.

use crate::spec::{Catalog, Combo, Control, Dynamic, Input, NodeSpec, Options, Output, Upload, Widget};
use crate::{Graph, SocketType, api_json};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Classes by name, and a few files.
pub(crate) struct Toy {
    classes: BTreeMap<String, Arc<NodeSpec>>,
}

impl Toy {
    pub(crate) fn new() -> Self {
        let seed = |control| int("seed", 0, 0, i128::from(u64::MAX), control);
        let specs = [
            class("Checkpoint", vec![files("ckpt_name", "checkpoints")], &["MODEL", "CLIP", "VAE"]),
            class("Encode", vec![text("text", true), socket("clip", "CLIP")], &["CONDITIONING"]),
            class("Empty", vec![int("width", 512, 16, 16384, None), int("height", 512, 16, 16384, None)], &["LATENT"]),
            class(
                "Sample",
                vec![
                    socket("model", "MODEL"),
                    seed(Some(Control::Randomize)),
                    int("steps", 20, 1, 10000, None),
                    float("cfg", 8.0, 0.0, 100.0),
                    choice("sampler_name", &["euler", "heun", "dpmpp_2m"], None),
                    socket("positive", "CONDITIONING"),
                    socket("negative", "CONDITIONING"),
                    socket("latent", "LATENT"),
                    float("denoise", 1.0, 0.0, 1.0),
                ],
                &["LATENT"],
            ),
            class("Decode", vec![socket("samples", "LATENT"), socket("vae", "VAE")], &["IMAGE"]),
            class("Scale", vec![socket("image", "IMAGE"), float("factor", 1.0, 0.0, 8.0)], &["IMAGE"]),
            class("Blend", vec![socket("a", "IMAGE"), optional(socket("b", "IMAGE")), float("share", 0.5, 0.0, 1.0)], &["IMAGE"]),
            class("LoadImage", vec![upload("image"), optional(int("page", 0, 0, 99, None))], &["IMAGE", "MASK"]),
            output_node(class("Save", vec![socket("images", "IMAGE"), text("prefix", false)], &[])),
            output_node(class("Show", vec![socket("anything", "*"), optional(boolean("loud"))], &[])),
            class("Number", vec![int("value", 0, -1000, 1000, None)], &["INT"]),
            class("Either", vec![socket("value", "INT,FLOAT")], &["INT,FLOAT"]),
            class("Pass", vec![socket("value", "*")], &["*"]),
            class(
                "Pick",
                vec![choice("style", &["oil", "ink", "chalk"], Some(Control::Fixed)), int("count", 1, 1, 9, None)],
                &["INT"],
            ),
            class("Resize", vec![socket("image", "IMAGE"), ways(), choice("method", &["nearest", "area"], None)], &["IMAGE"]),
            class("Gather", vec![group("images", &["image0", "image1", "image2"], 1, socket("image", "IMAGE"))], &["IMAGE"]),
            class("Curve", vec![curve("curve"), int("count", 1, 1, 9, None)], &["CURVE"]),
            NodeSpec { not_idempotent: true, ..class("Noise", vec![int("value", 0, 0, 9, None)], &["LATENT"]) },
        ];
        Self { classes: specs.into_iter().map(|spec| (spec.class.clone(), Arc::new(spec))).collect() }
    }
}

impl Catalog for Toy {
    fn spec(&self, class: &str) -> Option<Arc<NodeSpec>> {
        self.classes.get(class).cloned()
    }

    fn classes(&self) -> Vec<String> {
        self.classes.keys().cloned().collect()
    }

    fn files(&self, folder: &str) -> Vec<String> {
        match folder {
            "checkpoints" => vec!["sd15.safetensors".to_owned(), "xl/base.safetensors".to_owned()],
            "input" => vec!["cat.png".to_owned(), "dog.png".to_owned()],
            _ => vec![],
        }
    }

    fn searched(&self, folder: &str) -> Vec<String> {
        vec![format!("/models/{folder}")]
    }

    fn check(&self, class: &str, literals: &Map<String, Value>) -> Vec<(String, String)> {
        match literals.get("prefix").and_then(Value::as_str) {
            Some(prefix) if class == "Save" && prefix.contains("..") => {
                vec![("prefix".into(), "leaves the output folder".into())]
            }
            _ => vec![],
        }
    }
}

/// A prompt of six nodes that has no problem.
pub(crate) fn picture() -> Value {
    json!({
        "1": { "class_type": "Checkpoint", "inputs": { "ckpt_name": "sd15.safetensors" } },
        "2": { "class_type": "Encode", "inputs": { "text": "a cat", "clip": ["1", 1] } },
        "3": { "class_type": "Empty", "inputs": { "width": 64, "height": 64 } },
        "4": { "class_type": "Sample", "inputs": {
            "model": ["1", 0], "seed": 5, "steps": 2, "cfg": 7.0, "sampler_name": "euler",
            "positive": ["2", 0], "negative": ["2", 0], "latent": ["3", 0], "denoise": 1.0 } },
        "5": { "class_type": "Decode", "inputs": { "samples": ["4", 0], "vae": ["1", 2] } },
        "6": { "class_type": "Save", "inputs": { "images": ["5", 0], "prefix": "cat" } },
    })
}

/// The graph of a prompt.
pub(crate) fn graph(prompt: &Value) -> Graph {
    api_json::from_json(prompt).unwrap()
}

fn class(name: &str, inputs: Vec<Input>, outputs: &[&str]) -> NodeSpec {
    let output = |socket: &&str| Output {
        name: (*socket).to_owned(),
        socket: SocketType::new(*socket),
        is_list: false,
        tooltip: String::new(),
    };
    NodeSpec {
        class: name.to_owned(),
        display_name: format!("The {name}"),
        category: "toys".to_owned(),
        description: String::new(),
        inputs,
        outputs: outputs.iter().map(output).collect(),
        output_node: false,
        input_is_list: false,
        not_idempotent: false,
        extra_inputs: false,
        deprecated: false,
        experimental: false,
    }
}

fn output_node(spec: NodeSpec) -> NodeSpec {
    NodeSpec { output_node: true, ..spec }
}

fn socket(name: &str, socket: &str) -> Input {
    Input {
        name: name.to_owned(),
        socket: SocketType::new(socket),
        required: true,
        widget: None,
        tooltip: String::new(),
        lazy: false,
        raw_link: false,
        force_input: false,
        validated_by_node: false,
        dynamic: None,
    }
}

fn optional(input: Input) -> Input {
    Input { required: false, ..input }
}

fn int(name: &str, default: i128, min: i128, max: i128, control: Option<Control>) -> Input {
    Input { widget: Some(Widget::Int { default, min, max, step: 1, control }), ..socket(name, "INT") }
}

fn float(name: &str, default: f64, min: f64, max: f64) -> Input {
    Input { widget: Some(Widget::Float { default, min, max, step: 0.1, round: None, control: None }), ..socket(name, "FLOAT") }
}

fn boolean(name: &str) -> Input {
    Input { widget: Some(Widget::Boolean { default: false }), ..socket(name, "BOOLEAN") }
}

fn text(name: &str, dynamic: bool) -> Input {
    let widget = Widget::String { default: String::new(), multiline: dynamic, dynamic_prompts: dynamic };
    Input { widget: Some(widget), ..socket(name, "STRING") }
}

fn choice(name: &str, options: &[&str], control: Option<Control>) -> Input {
    let options = Options::Fixed(options.iter().map(|it| (*it).to_owned()).collect());
    Input { widget: Some(Widget::Combo(Combo { options, default: None, upload: None, control })), ..socket(name, "COMBO") }
}

/// Ways to resize, each with inputs of its own: numbers, a seed with its control, a group of sockets, another choice.
fn ways() -> Input {
    let named = |it: &[(&str, Vec<Input>)]| -> Vec<(String, Vec<Input>)> {
        it.iter().map(|(key, inputs)| ((*key).to_owned(), inputs.clone())).collect()
    };
    let inner = named(&[("keep", vec![]), ("cut", vec![boolean("middle")])]);
    let crop = Input { dynamic: Some(Dynamic::Options(inner)), ..choice("crop", &["keep", "cut"], None) };
    let size = vec![int("width", 512, 0, 4096, None), int("height", 512, 0, 4096, None), crop];
    let chance = vec![int("seed", 0, 0, i128::from(u64::MAX), Some(Control::Randomize)), float("least", 0.5, 0.0, 1.0)];
    let like = vec![optional(group("likes", &["like_1", "like_2"], 0, socket("like", "IMAGE")))];
    let options = named(&[("factor", vec![float("factor", 2.0, 0.0, 8.0)]), ("size", size), ("chance", chance), ("like", like)]);
    Input { dynamic: Some(Dynamic::Options(options)), ..choice("way", &["factor", "size", "chance", "like"], None) }
}

fn group(name: &str, names: &[&str], min: usize, each: Input) -> Input {
    let names = names.iter().map(|it| (*it).to_owned()).collect();
    Input { dynamic: Some(Dynamic::Grow { names, min, each: Box::new(each) }), ..socket(name, "COMFY_AUTOGROW_V3") }
}

fn curve(name: &str) -> Input {
    let default = json!({ "points": [[0, 0], [1, 1]], "interpolation": "linear" });
    Input { widget: Some(Widget::Drawn { default }), ..socket(name, "CURVE") }
}

fn files(name: &str, folder: &str) -> Input {
    let combo = Combo { options: Options::Files(folder.to_owned()), default: None, upload: None, control: None };
    Input { widget: Some(Widget::Combo(combo)), ..socket(name, "COMBO") }
}

fn upload(name: &str) -> Input {
    let combo = Combo { options: Options::Files("input".to_owned()), default: None, upload: Some(Upload::Image), control: None };
    Input { widget: Some(Widget::Combo(combo)), ..socket(name, "COMBO") }
}

/// Any JSON, with keys and texts that mean something to the readers.
pub(crate) fn any_json() -> impl proptest::strategy::Strategy<Value = Value> {
    use proptest::prelude::*;
    let word = || {
        proptest::sample::select(vec![
            "",
            "1",
            "2",
            "prompt",
            "class_type",
            "inputs",
            "_meta",
            "title",
            "__value__",
            "nodes",
            "links",
            "id",
            "type",
            "mode",
            "outputs",
            "widgets_values",
            "widgets_values_named",
            "properties",
            "proxyWidgets",
            "definitions",
            "subgraphs",
            "version",
            "name",
            "widget",
            "link",
            "origin_id",
            "target_id",
            "origin_slot",
            "target_slot",
            "Save",
            "Show",
            "Pass",
            "Sample",
            "Reroute",
            "PrimitiveNode",
            "Note",
            "sub",
            "fixed",
            "value",
            "text",
            "{a|{b|c}",
            "order",
            "linkIds",
        ])
        .prop_map(str::to_owned)
    };
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-30_i64..10).prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        word().prop_map(Value::from),
        ".{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 96, 8, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..7).prop_map(Value::from),
            proptest::collection::vec((word(), inner), 0..8).prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}
