//! What a node class looks like from outside: its inputs, outputs and widgets, as data.
//!
//! A specification may come from a struct in this program, from a WebAssembly component or from a worker process; whoever reads it
//! cannot tell. Names and meanings are those of ComfyUI's `/object_info`.

use crate::SocketType;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// The outside of a node class.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeSpec {
    /// The class name that workflow files use: `KSampler`.
    pub class: String,
    /// What the editor shows as title.
    pub display_name: String,
    /// The menu path, parts separated by `/`.
    pub category: String,
    /// What the node does, for its user.
    pub description: String,
    /// Inputs in declared order: required ones first, as widget values in the editor's files follow this order.
    pub inputs: Vec<Input>,
    /// Outputs in slot order.
    pub outputs: Vec<Output>,
    /// Whether running this node is a purpose in itself (it saves or shows something).
    pub output_node: bool,
    /// Whether the node takes whole lists in one call instead of being called once for each element.
    pub input_is_list: bool,
    /// Whether two nodes of this class with equal inputs may still give different results, so that none is reused for another.
    pub not_idempotent: bool,
    /// Whether links to inputs that are not declared are passed to the node.
    pub extra_inputs: bool,
    /// Whether the class is kept only for old workflows.
    pub deprecated: bool,
    /// Whether the class may still change.
    pub experimental: bool,
}

/// One input of a class.
#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    /// The key in the prompt's `inputs`.
    pub name: String,
    /// What may flow in.
    pub socket: SocketType,
    /// Whether the node cannot run without it.
    pub required: bool,
    /// How a literal is typed in; `None` for inputs that only a link can feed.
    pub widget: Option<Widget>,
    /// What it means, shown as tooltip.
    pub tooltip: String,
    /// Whether the node asks for the value only when it needs it.
    pub lazy: bool,
    /// Whether the node wants the link itself (`[node, slot]`) instead of the value.
    pub raw_link: bool,
    /// Whether the editor shows a socket without a widget although a literal is allowed.
    pub force_input: bool,
    /// Whether the class checks the value itself, so that range and membership are not checked before.
    pub validated_by_node: bool,
    /// The inputs that it stands for, where those depend on the node.
    pub dynamic: Option<Dynamic>,
}

/// Inputs that a node has or has not. [`NodeSpec::live`] says which.
#[derive(Clone, Debug, PartialEq)]
pub enum Dynamic {
    /// A choice each of whose options brings inputs of its own, named `choice.input` (ComfyUI's `COMFY_DYNAMICCOMBO_V3`).
    Options(Vec<(String, Vec<Input>)>),
    /// Sockets that become one more whenever the last is linked, named `group.name` (ComfyUI's `COMFY_AUTOGROW_V3`).
    Grow {
        /// What the sockets are called, in order; there are no more of them.
        names: Vec<String>,
        /// How many there are at least.
        min: usize,
        /// What each of them takes.
        each: Box<Input>,
    },
}

impl NodeSpec {
    /// The class as one node of it looks: choices have brought their inputs, and groups have as many sockets as are linked and one more.
    ///
    /// `chosen` tells what a choice holds; it is given the class as far as it is known, and the choice's position among its inputs.
    pub fn live(
        self: &Arc<Self>,
        mut chosen: impl FnMut(&Self, usize) -> Option<String>,
        linked: impl Fn(&str) -> bool,
    ) -> Arc<Self> {
        if self.inputs.iter().all(|it| it.dynamic.is_none()) {
            return self.clone();
        }
        let mut spec = Self::clone(self);
        let mut at = 0;
        while let Some(input) = spec.inputs.get_mut(at) {
            let (name, required) = (input.name.clone(), input.required);
            let of = |it: &Input, inner: &str, needed: bool| Input {
                name: format!("{name}.{inner}"),
                required: required && needed && it.required,
                ..it.clone()
            };
            match input.dynamic.take() {
                None => at += 1,
                Some(Dynamic::Options(options)) => {
                    let key = chosen(&spec, at).or_else(|| Some(options.first()?.0.clone()));
                    let brought = options.iter().find(|(it, _)| Some(it) == key.as_ref()).map_or(&[][..], |(_, inputs)| inputs);
                    at += 1;
                    spec.inputs.splice(at..at, brought.iter().map(|it| of(it, &it.name, true)).collect::<Vec<_>>());
                }
                Some(Dynamic::Grow { names, min, each }) => {
                    let last = names.iter().rposition(|it| linked(&format!("{name}.{it}")));
                    let count = last.map_or(1, |last| last + 2).max(min).min(names.len());
                    let sockets: Vec<_> = names[..count].iter().enumerate().map(|(i, it)| of(&each, it, i < min)).collect();
                    spec.inputs.splice(at..=at, sockets);
                }
            }
        }
        Arc::new(spec)
    }
}

impl Input {
    /// The input as ComfyUI's `/object_info` describes it: `[type, options]`, a combo's type being the list of its options.
    ///
    /// Asks the catalog for the files of a folder where the options are files.
    pub fn config(&self, catalog: &dyn Catalog) -> Value {
        let mut about: Map<String, Value> = Map::new();
        let mut say = |key: &str, value: Value| about.insert(key.to_owned(), value);
        let mut kind = Value::from(self.socket.as_str());
        let mut control = None;
        match &self.widget {
            None => {}
            Some(Widget::Int { default, min, max, step, control: after }) => {
                for (key, value) in [("default", default), ("min", min), ("max", max), ("step", step)] {
                    say(key, whole(*value));
                }
                control = *after;
            }
            Some(Widget::Float { default, min, max, step, round, control: after }) => {
                control = *after;
                for (key, value) in [("default", default), ("min", min), ("max", max), ("step", step)] {
                    say(key, json!(value));
                }
                if let Some(round) = round {
                    say("round", json!(round));
                }
            }
            Some(Widget::Boolean { default }) => {
                say("default", json!(default));
            }
            Some(Widget::String { default, multiline, dynamic_prompts }) => {
                say("default", json!(default));
                say("multiline", json!(multiline));
                say("dynamicPrompts", json!(dynamic_prompts));
            }
            Some(Widget::Combo(combo)) => {
                kind = match &combo.options {
                    Options::Fixed(options) => json!(options),
                    Options::Files(folder) => json!(catalog.files(folder)),
                };
                if let Some(default) = &combo.default {
                    say("default", default.clone());
                }
                if let Some(upload) = combo.upload {
                    say(upload.option(), json!(true));
                }
                if combo.options == Options::Files("output".to_owned()) {
                    // What was made changes all the time: editors ask for this list by themselves.
                    kind = json!("COMBO");
                    let route = "/internal/files/output";
                    say("image_folder", json!("output"));
                    say("remote", json!({ "route": route, "refresh_button": true, "control_after_refresh": "first" }));
                }
                control = combo.control;
            }
            Some(Widget::Drawn { default }) => {
                match default {
                    // Editors would take the type for one that only a link can feed.
                    Value::Null => say("widgetType", self.socket.as_str().into()),
                    default => say("default", default.clone()),
                };
            }
        }
        match &self.dynamic {
            None => {}
            Some(Dynamic::Options(options)) => {
                kind = json!("COMFY_DYNAMICCOMBO_V3");
                let option = |(key, inputs): &(String, Vec<Self>)| json!({ "key": key, "inputs": sections(inputs, catalog) });
                say("options", options.iter().map(option).collect());
            }
            Some(Dynamic::Grow { names, min, each }) => {
                kind = json!("COMFY_AUTOGROW_V3");
                let input = sections(std::slice::from_ref(&**each), catalog);
                say("template", json!({ "input": input, "names": names, "min": min }));
            }
        }
        if let Some(control) = control {
            // The commonest mode is written as the switch that older clients know.
            say("control_after_generate", if control == Control::Randomize { json!(true) } else { json!(control.as_str()) });
        }
        if !self.tooltip.is_empty() {
            say("tooltip", json!(self.tooltip));
        }
        for (key, set) in [("lazy", self.lazy), ("rawLink", self.raw_link), ("forceInput", self.force_input)] {
            if set {
                say(key, json!(true));
            }
        }
        json!([kind, about])
    }
}

/// Inputs as `/object_info` describes them: those that are required, and the others.
pub fn sections(inputs: &[Input], catalog: &dyn Catalog) -> Value {
    let section = |required: bool| -> Map<String, Value> {
        inputs.iter().filter(|it| it.required == required).map(|it| (it.name.clone(), it.config(catalog))).collect()
    };
    json!({ "required": section(true), "optional": section(false) })
}

/// One output of a class.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// The label beside the slot.
    pub name: String,
    /// What flows out.
    pub socket: SocketType,
    /// Whether each value is a list that downstream nodes are called for element by element.
    pub is_list: bool,
    /// What it means, shown as tooltip.
    pub tooltip: String,
}

/// How the user enters a literal.
#[derive(Clone, Debug, PartialEq)]
pub enum Widget {
    /// A whole number. Wide enough for every signed number and for 64-bit seeds.
    Int {
        /// Value of a new node.
        default: i128,
        /// Smallest value allowed.
        min: i128,
        /// Largest value allowed.
        max: i128,
        /// Distance between values that the editor's arrows reach.
        step: i128,
        /// What the editor does with the value after each run.
        control: Option<Control>,
    },
    /// A real number.
    Float {
        /// Value of a new node.
        default: f64,
        /// Smallest value allowed.
        min: f64,
        /// Largest value allowed.
        max: f64,
        /// Distance between values that the editor's arrows reach.
        step: f64,
        /// Precision that the editor rounds to; `None` leaves the value alone.
        round: Option<f64>,
        /// What the editor does with the value after each run.
        control: Option<Control>,
    },
    /// A switch.
    Boolean {
        /// Value of a new node.
        default: bool,
    },
    /// A text.
    String {
        /// Value of a new node.
        default: String,
        /// Whether it may have several lines.
        multiline: bool,
        /// Whether the editor resolves `{a|b}` choices.
        dynamic_prompts: bool,
    },
    /// One of several options.
    Combo(Combo),
    /// What only an editor of its own can enter: a curve, a box in a picture.
    Drawn {
        /// Value of a new node; null where it is nothing.
        default: Value,
    },
}

/// A choice among options.
#[derive(Clone, Debug, PartialEq)]
pub struct Combo {
    /// What may be chosen.
    pub options: Options,
    /// Value of a new node; the first option where `None`.
    pub default: Option<Value>,
    /// The upload button beside it, if any.
    pub upload: Option<Upload>,
    /// What the editor does with the value after each run.
    pub control: Option<Control>,
}

/// Where a combo's options come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Options {
    /// Known when the class was written.
    Fixed(Vec<String>),
    /// The files of a model folder (`checkpoints`, `loras`...), of `input` or of `output`, listed when asked for.
    Files(String),
}

/// What an upload button takes. Such a widget saves one more value after all declared ones in the editor's files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upload {
    /// A still picture.
    Image,
    /// A film.
    Video,
    /// A sound.
    Audio,
}

/// What the editor does with a value after each run. Such a widget saves the mode as one more value after its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// `fixed`: nothing.
    Fixed,
    /// `increment`: adds one step.
    Increment,
    /// `decrement`: subtracts one step.
    Decrement,
    /// `randomize`: draws a new value.
    Randomize,
}

impl Upload {
    /// The key that marks such a combo in `/object_info`.
    pub fn option(self) -> &'static str {
        match self {
            Self::Image => "image_upload",
            Self::Video => "video_upload",
            Self::Audio => "audio_upload",
        }
    }
}

impl Control {
    /// The name that files use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fixed => "fixed",
            Self::Increment => "increment",
            Self::Decrement => "decrement",
            Self::Randomize => "randomize",
        }
    }
}

/// A whole number as JSON: exact where JSON's numbers reach, otherwise the nearest real number.
fn whole(value: i128) -> Value {
    match (u64::try_from(value), i64::try_from(value)) {
        (Ok(value), _) => json!(value),
        (_, Ok(value)) => json!(value),
        _ => json!(value as f64),
    }
}

/// All classes that a graph may use.
pub trait Catalog {
    /// The specification of a class.
    fn spec(&self, class: &str) -> Option<Arc<NodeSpec>>;

    /// All class names, sorted.
    fn classes(&self) -> Vec<String>;

    /// What [`Options::Files`] of this folder offers now, sorted.
    fn files(&self, folder: &str) -> Vec<String>;

    /// The directories that were searched for the folder's files, for messages.
    fn searched(&self, folder: &str) -> Vec<String>;

    /// What the class itself objects to in its literals (linked inputs are absent): pairs of input name and message.
    fn check(&self, class: &str, literals: &serde_json::Map<String, Value>) -> Vec<(String, String)>;
}
