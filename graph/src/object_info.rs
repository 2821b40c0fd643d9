//! The classes that a server's `/object_info` tells of: what another server has, as a catalog.

use crate::problem::{Problem, Problems};
use crate::spec::{Catalog, Combo, Control, Dynamic, Input, NodeSpec, Options, Output, Upload, Widget};
use crate::{SocketType, api_json};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How many sockets a group may grow to, and how long the list of options of a choice among inputs may be.
const MOST: u64 = 1000;

/// Classes that are known by what a server says of them. Files are the options that the server listed.
#[derive(Clone, Debug, Default)]
pub struct Declared {
    classes: BTreeMap<String, Arc<NodeSpec>>,
}

impl Declared {
    /// Reads what `/object_info` answered.
    ///
    /// # Errors
    /// Every class that cannot be understood.
    pub fn read(json: &Value) -> Result<Self, Problems> {
        let Value::Object(classes) = json else {
            let kind = api_json::kind_of(json);
            return Err(Problem::unreadable(format!("the classes of a server are an object, and this is {kind}")).into());
        };
        let mut problems = Vec::new();
        let mut read = BTreeMap::new();
        for (name, about) in classes {
            match class(name, about) {
                Ok(spec) => {
                    read.insert(name.clone(), Arc::new(spec));
                }
                Err(why) => problems.push(Problem::unreadable(format!("the class `{name}`: {why}"))),
            }
        }
        if problems.is_empty() { Ok(Self { classes: read }) } else { Err(Problems(problems)) }
    }
}

impl Catalog for Declared {
    fn spec(&self, class: &str) -> Option<Arc<NodeSpec>> {
        self.classes.get(class).cloned()
    }

    fn classes(&self) -> Vec<String> {
        self.classes.keys().cloned().collect()
    }

    fn files(&self, _: &str) -> Vec<String> {
        Vec::new()
    }

    fn searched(&self, _: &str) -> Vec<String> {
        Vec::new()
    }

    fn check(&self, _: &str, _: &Map<String, Value>) -> Vec<(String, String)> {
        Vec::new()
    }
}

/// Reads what `/object_info` says of one class.
///
/// # Errors
/// What of it cannot be understood.
pub fn class(class: &str, about: &Value) -> Result<NodeSpec, String> {
    let Value::Object(about) = about else { return Err(format!("it is {}", api_json::kind_of(about))) };
    let text = |key: &str| about.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let truth = |key: &str| about.get(key) == Some(&Value::Bool(true));
    let entry = |key: &str, i: usize| about.get(key).and_then(|it| it.get(i));
    let outputs = about.get("output").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let output = |(i, kind): (usize, &Value)| {
        let socket = socket(kind, &Map::new());
        Output {
            name: entry("output_name", i).and_then(Value::as_str).filter(|it| !it.is_empty()).unwrap_or(&socket).to_owned(),
            socket: SocketType::new(socket),
            is_list: entry("output_is_list", i) == Some(&Value::Bool(true)),
            tooltip: entry("output_tooltips", i).and_then(Value::as_str).unwrap_or_default().to_owned(),
        }
    };
    let title = text("display_name");
    Ok(NodeSpec {
        class: class.to_owned(),
        display_name: if title.is_empty() { class.to_owned() } else { title },
        category: text("category"),
        description: text("description"),
        inputs: inputs(about.get("input"), about.get("input_order"))?,
        outputs: outputs.iter().enumerate().map(output).collect(),
        output_node: truth("output_node"),
        input_is_list: about.get("is_input_list") == Some(&Value::Bool(true)),
        not_idempotent: truth("not_idempotent"),
        extra_inputs: false,
        deprecated: truth("deprecated"),
        experimental: truth("experimental"),
    })
}

/// The inputs of a class or of an option: required ones first.
fn inputs(declared: Option<&Value>, order: Option<&Value>) -> Result<Vec<Input>, String> {
    let mut found = Vec::new();
    for section in ["required", "optional"] {
        let Some(inputs) = declared.and_then(|it| it.get(section)).and_then(Value::as_object) else { continue };
        let order = order.and_then(|it| it.get(section)).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let first: Vec<&str> = order.iter().filter_map(Value::as_str).filter(|it| inputs.contains_key(*it)).collect();
        let rest = inputs.keys().map(String::as_str).filter(|it| !first.contains(it));
        for name in first.iter().copied().chain(rest) {
            let read = input(name, &inputs[name], section == "required");
            found.push(read.map_err(|why| format!("its input `{name}`: {why}"))?);
        }
    }
    Ok(found)
}

fn input(name: &str, config: &Value, required: bool) -> Result<Input, String> {
    let nothing = Map::new();
    let (kind, about) = match config {
        Value::Array(config) => (config.first(), config.get(1).and_then(Value::as_object).unwrap_or(&nothing)),
        kind => (Some(kind), &nothing),
    };
    let kind = kind.ok_or("it has no type")?;
    let truth = |key: &str| about.get(key) == Some(&Value::Bool(true));
    let dynamic = match kind.as_str() {
        Some("COMFY_DYNAMICCOMBO_V3") => Some(choices(about)?),
        Some("COMFY_AUTOGROW_V3") => Some(group(about)?),
        _ => None,
    };
    Ok(Input {
        name: name.to_owned(),
        socket: SocketType::new(socket(kind, about)),
        required,
        widget: match &dynamic {
            Some(Dynamic::Options(options)) => {
                let options = Options::Fixed(options.iter().map(|(key, _)| key.clone()).collect());
                Some(Widget::Combo(Combo { options, default: about.get("default").cloned(), upload: None, control: None }))
            }
            Some(Dynamic::Grow { .. }) => None,
            None => widget(name, kind, about),
        },
        tooltip: about.get("tooltip").and_then(Value::as_str).unwrap_or_default().to_owned(),
        lazy: truth("lazy"),
        raw_link: truth("rawLink"),
        force_input: truth("forceInput"),
        validated_by_node: false,
        dynamic,
    })
}

fn choices(about: &Map<String, Value>) -> Result<Dynamic, String> {
    let options = about.get("options").and_then(Value::as_array).ok_or("its choice has no list of options")?;
    if options.len() as u64 > MOST {
        return Err(format!("its choice has more than {MOST} options"));
    }
    let option = |it: &Value| {
        let key = it.get("key").and_then(Value::as_str).ok_or("an option has no `key`")?;
        Ok((key.to_owned(), inputs(it.get("inputs"), None)?))
    };
    options.iter().map(option).collect::<Result<_, String>>().map(Dynamic::Options)
}

fn group(about: &Map<String, Value>) -> Result<Dynamic, String> {
    let template = about.get("template").and_then(Value::as_object).ok_or("its group has no `template`")?;
    let mut each = inputs(template.get("input"), None)?.into_iter();
    let (Some(each), None) = (each.next(), each.next()) else { return Err("its group is not of one input".to_owned()) };
    if each.dynamic.is_some() {
        return Err("its group grows inputs that change themselves".to_owned());
    }
    let names = match (template.get("names").and_then(Value::as_array), template.get("prefix").and_then(Value::as_str)) {
        (Some(names), _) => names.iter().filter_map(Value::as_str).map(str::to_owned).take(MOST as usize).collect(),
        (None, Some(prefix)) => {
            let most = template.get("max").and_then(Value::as_u64).unwrap_or(100).min(MOST);
            (0..most).map(|i| format!("{prefix}{i}")).collect()
        }
        (None, None) => return Err("its group has neither `names` nor a `prefix`".to_owned()),
    };
    let min = template.get("min").and_then(Value::as_u64).unwrap_or(0).min(MOST) as usize;
    // What grows is fed by links alone.
    Ok(Dynamic::Grow { names, min, each: Box::new(Input { widget: None, ..each }) })
}

/// What may flow: choices have one type, and what matches another socket says what that may be.
fn socket(kind: &Value, about: &Map<String, Value>) -> String {
    match kind {
        Value::Array(_) => "COMBO".to_owned(),
        Value::String(kind) if kind == "COMFY_MATCHTYPE_V3" => {
            let allowed = about.get("template").and_then(|it| it.get("allowed_types")).and_then(Value::as_str);
            allowed.filter(|it| !it.is_empty()).unwrap_or("*").to_owned()
        }
        Value::String(kind) if !kind.is_empty() => kind.clone(),
        _ => "*".to_owned(),
    }
}

fn widget(name: &str, kind: &Value, about: &Map<String, Value>) -> Option<Widget> {
    let truth = |key: &str| about.get(key) == Some(&Value::Bool(true));
    let text = |key: &str| about.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let whole = |key: &str, otherwise: i128| {
        let it = about.get(key);
        it.and_then(|it| it.as_u64().map(i128::from).or(it.as_i64().map(i128::from)).or(it.as_f64().map(|it| it as i128)))
            .unwrap_or(otherwise)
    };
    let real = |key: &str, otherwise: f64| about.get(key).and_then(Value::as_f64).unwrap_or(otherwise);
    let listed = kind.as_array().or_else(|| about.get("options")?.as_array()).map(Vec::as_slice).unwrap_or_default();
    let kind = match (kind, about.get("widgetType").and_then(Value::as_str)) {
        (Value::Array(_), _) => "COMBO",
        (_, Some(said)) if !said.is_empty() => said,
        (kind, _) => kind.as_str()?,
    };
    Some(match kind {
        "INT" => {
            let (min, max) = (whole("min", 0), whole("max", 2048));
            Widget::Int { default: whole("default", 0), min, max, step: whole("step", 1).max(1), control: control(name, about) }
        }
        "FLOAT" => Widget::Float {
            default: real("default", 0.0),
            min: real("min", f64::NEG_INFINITY),
            max: real("max", f64::INFINITY),
            step: real("step", 0.1),
            round: about.get("round").and_then(Value::as_f64),
            control: control("", about),
        },
        "BOOLEAN" => Widget::Boolean { default: truth("default") },
        "STRING" | "MARKDOWN" | "TEXTAREA" => Widget::String {
            default: text("default"),
            multiline: kind != "STRING" || truth("multiline"),
            dynamic_prompts: truth("dynamicPrompts"),
        },
        "COLOR" => {
            let default = about.get("default").and_then(Value::as_str).unwrap_or("#ffffff").to_owned();
            Widget::String { default, multiline: false, dynamic_prompts: false }
        }
        "COMBO" => {
            let upload = if truth("image_upload") || truth("animated_image_upload") {
                Some(Upload::Image)
            } else if truth("video_upload") {
                Some(Upload::Video)
            } else {
                truth("audio_upload").then_some(Upload::Audio)
            };
            Widget::Combo(Combo {
                options: Options::Fixed(listed.iter().filter_map(Value::as_str).map(str::to_owned).collect()),
                default: about.get("default").or(listed.first()).cloned(),
                upload,
                control: control("", about),
            })
        }
        _ => Widget::Drawn { default: drawn(kind, about)? },
    })
}

/// What a new node has of a type that only an editor of its own can enter.
fn drawn(kind: &str, about: &Map<String, Value>) -> Option<Value> {
    let usual = match kind {
        "CURVE" => json!({ "points": [[0, 0], [1, 1]], "interpolation": "monotone_cubic" }),
        "BOUNDING_BOX" => json!({ "x": 0, "y": 0, "width": 512, "height": 512 }),
        "BOUNDING_BOXES" | "COLORS" => json!([]),
        _ => return None,
    };
    Some(about.get("default").filter(|it| !it.is_null()).cloned().unwrap_or(usual))
}

fn control(name: &str, about: &Map<String, Value>) -> Option<Control> {
    match about.get("control_after_generate") {
        Some(Value::String(said)) => Some(match said.as_str() {
            "fixed" => Control::Fixed,
            "increment" | "increment-wrap" => Control::Increment,
            "decrement" => Control::Decrement,
            _ => Control::Randomize,
        }),
        Some(Value::Bool(true)) => Some(Control::Randomize),
        None if name == "seed" || name == "noise_seed" => Some(Control::Randomize),
        _ => None,
    }
}
