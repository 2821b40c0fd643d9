//! How a field becomes an input of a [`NodeSpec`]. The derive macro writes calls of this; plugins may too.

use crate::node::Field;
use graph::{Combo, Dynamic, Input, Options};
use serde_json::Value as Json;

pub use graph::{Control, NodeSpec, SocketType, Upload, Widget};

/// An input that is being described. Every method panics when the option does not fit the widget: that is a mistake in the node's source,
/// and a registry finds it when it is built.
pub struct Declared(Input, Option<When>);

/// An input is there while a choice of the same node is one of these options.
struct When {
    choice: String,
    options: Vec<String>,
}

/// Adds the input that a field of type `T` is.
pub fn declare<T: Field>(spec: &mut NodeSpec, name: &str, tooltip: &str, adjust: impl FnOnce(Declared) -> Declared) {
    if T::EXTRA {
        spec.extra_inputs = true;
        return;
    }
    let input = Input {
        name: name.to_owned(),
        socket: T::SOCKET,
        required: T::REQUIRED,
        widget: T::widget(),
        tooltip: tooltip.to_owned(),
        lazy: T::LAZY,
        raw_link: T::RAW_LINK,
        force_input: false,
        validated_by_node: false,
        dynamic: None,
    };
    let Declared(mut input, when) = adjust(Declared(input, None));
    settle(&mut input.widget);
    if let Some(when) = when {
        return bring(spec, &input, &when);
    }
    assert!(spec.inputs.iter().all(|it| it.name != input.name), "{}: two inputs `{name}`", spec.class);
    spec.inputs.push(input);
}

/// Lets options of a choice that was declared before bring an input.
fn bring(spec: &mut NodeSpec, input: &Input, when: &When) {
    let class = &spec.class;
    let choice = spec.inputs.iter_mut().find(|it| it.name == when.choice);
    let choice = choice.unwrap_or_else(|| panic!("{class}: no choice `{}` before `{}`", when.choice, input.name));
    let Some(Widget::Combo(Combo { options: Options::Fixed(keys), .. })) = &choice.widget else {
        panic!("{class}: `{}` is no choice among names", choice.name)
    };
    let own = input.name.strip_prefix(&when.choice).and_then(|it| it.strip_prefix('.'));
    let own = own.unwrap_or_else(|| panic!("{class}: `{}` is not called `{}.` and its own name", input.name, when.choice));
    let none = || Dynamic::Options(keys.iter().map(|it| (it.clone(), Vec::new())).collect());
    let Dynamic::Options(brought) = choice.dynamic.get_or_insert_with(none) else {
        panic!("{class}: `{}` is no choice", choice.name)
    };
    for option in &when.options {
        let (_, inputs) =
            brought.iter_mut().find(|(it, _)| it == option).unwrap_or_else(|| panic!("{class}: no option `{option}`"));
        inputs.push(Input { name: own.to_owned(), ..input.clone() });
    }
}

/// Puts required inputs first and names the outputs: pairs of name and tooltip for the first ones, their types' names for the rest.
pub fn finish(mut spec: NodeSpec, outputs: &[(&str, &str)]) -> NodeSpec {
    assert!(outputs.len() <= spec.outputs.len(), "{}: more output names than outputs", spec.class);
    spec.inputs.sort_by_key(|input| !input.required);
    for (output, (name, tooltip)) in spec.outputs.iter_mut().zip(outputs) {
        (output.name, output.tooltip) = ((*name).to_owned(), (*tooltip).to_owned());
    }
    spec
}

impl Declared {
    fn wrong(&self, option: &str) -> ! {
        panic!("input `{}`: `{option}` does not fit {:?}", self.0.name, self.0.widget)
    }

    fn bound(mut self, bound: Bound, value: &Json) -> Self {
        match (&mut self.0.widget, value.as_number().and_then(serde_json::Number::as_i128), value.as_f64()) {
            (Some(Widget::Int { min, max, step, .. }), Some(value), _) => *bound.of(min, max, step) = value,
            (Some(Widget::Float { min, max, step, .. }), _, Some(value)) => *bound.of(min, max, step) = value,
            _ => self.wrong("min, max or step"),
        }
        self
    }

    /// The value of a new node.
    #[must_use]
    pub fn default(mut self, value: impl Into<Json>) -> Self {
        let value = value.into();
        match (&mut self.0.widget, &value) {
            (Some(Widget::Int { default, .. }), Json::Number(number)) => match number.as_i128() {
                Some(number) => *default = number,
                None => self.wrong("default"),
            },
            (Some(Widget::Float { default, .. }), Json::Number(number)) => *default = number.as_f64().unwrap_or_default(),
            (Some(Widget::Boolean { default }), Json::Bool(truth)) => *default = *truth,
            (Some(Widget::String { default, .. }), Json::String(text)) => default.clone_from(text),
            (Some(Widget::Combo(combo)), Json::String(_)) => combo.default = Some(value),
            (Some(Widget::Drawn { default }), _) => *default = value,
            _ => self.wrong("default"),
        }
        self
    }

    /// The smallest value allowed.
    #[must_use]
    pub fn min(self, value: impl Into<Json>) -> Self {
        self.bound(Bound::Min, &value.into())
    }

    /// The largest value allowed.
    #[must_use]
    pub fn max(self, value: impl Into<Json>) -> Self {
        self.bound(Bound::Max, &value.into())
    }

    /// The distance between values that the editor's arrows reach.
    #[must_use]
    pub fn step(self, value: impl Into<Json>) -> Self {
        self.bound(Bound::Step, &value.into())
    }

    /// The precision that the editor rounds to.
    #[must_use]
    pub fn round(mut self, value: f64) -> Self {
        match &mut self.0.widget {
            Some(Widget::Float { round, .. }) => *round = Some(value),
            _ => self.wrong("round"),
        }
        self
    }

    /// A text of several lines.
    #[must_use]
    pub fn multiline(mut self) -> Self {
        match &mut self.0.widget {
            Some(Widget::String { multiline, .. }) => *multiline = true,
            _ => self.wrong("multiline"),
        }
        self
    }

    /// A text in which the editor resolves `{a|b}`.
    #[must_use]
    pub fn dynamic_prompts(mut self) -> Self {
        match &mut self.0.widget {
            Some(Widget::String { dynamic_prompts, .. }) => *dynamic_prompts = true,
            _ => self.wrong("dynamic_prompts"),
        }
        self
    }

    /// A value that the editor changes after each run.
    #[must_use]
    pub fn control_after_generate(mut self, mode: Control) -> Self {
        match &mut self.0.widget {
            Some(Widget::Int { control, .. }) => *control = Some(mode),
            Some(Widget::Combo(combo)) => combo.control = Some(mode),
            _ => self.wrong("control_after_generate"),
        }
        self
    }

    /// A choice among names.
    #[must_use]
    pub fn options(self, names: impl IntoIterator<Item: ToString>) -> Self {
        self.choose(Options::Fixed(names.into_iter().map(|it| it.to_string()).collect()))
    }

    /// A choice among the files of a model folder, of `input` or of `output`.
    #[must_use]
    pub fn files(self, folder: &str) -> Self {
        self.choose(Options::Files(folder.to_owned()))
    }

    fn choose(mut self, options: Options) -> Self {
        if !matches!(self.0.widget, Some(Widget::String { .. })) {
            self.wrong("options or files");
        }
        self.0.socket = SocketType::named("COMBO");
        self.0.widget = Some(Widget::Combo(Combo { options, default: None, upload: None, control: None }));
        self
    }

    /// An upload button beside a choice of files.
    #[must_use]
    pub fn upload(mut self, kind: Upload) -> Self {
        match &mut self.0.widget {
            Some(Widget::Combo(combo)) => combo.upload = Some(kind),
            _ => self.wrong("upload"),
        }
        self
    }

    /// Another socket type than the field's own, such as a union.
    #[must_use]
    pub fn socket(mut self, name: &'static str) -> Self {
        self.0.socket = SocketType::named(name);
        self
    }

    /// Any JSON, which an editor of its own draws.
    #[must_use]
    pub fn literal(mut self) -> Self {
        self.0.widget = Some(Widget::Drawn { default: Json::Null });
        self
    }

    /// An input that is there only while a choice declared before it is one of these options. Then the node needs it: its field is an
    /// `Option`, and its name is the choice's, a dot, and its own.
    #[must_use]
    pub fn when(mut self, (choice, options): (&str, &[&str])) -> Self {
        self.0.required = true;
        self.1 = Some(When { choice: choice.to_owned(), options: options.iter().map(|it| (*it).to_owned()).collect() });
        self
    }

    /// An input that may stay empty; the node then sees the widget's default.
    #[must_use]
    pub fn optional(mut self) -> Self {
        self.0.required = false;
        self
    }

    /// A socket shown without a widget although a literal is allowed.
    #[must_use]
    pub fn force_input(mut self) -> Self {
        self.0.force_input = true;
        self
    }

    /// A value that the node checks itself, in [`crate::Run::validate`].
    #[must_use]
    pub fn checked_by_node(mut self) -> Self {
        self.0.validated_by_node = true;
        self
    }
}

/// The widget of a choice among names.
pub fn choice(names: impl IntoIterator<Item: ToString>) -> Widget {
    let options = Options::Fixed(names.into_iter().map(|it| it.to_string()).collect());
    Widget::Combo(Combo { options, default: None, upload: None, control: None })
}

#[derive(Clone, Copy)]
enum Bound {
    Min,
    Max,
    Step,
}

impl Bound {
    fn of<'n, T>(self, min: &'n mut T, max: &'n mut T, step: &'n mut T) -> &'n mut T {
        match self {
            Self::Min => min,
            Self::Max => max,
            Self::Step => step,
        }
    }
}

/// A new node's number lies within its bounds also where only the bounds were declared.
fn settle(widget: &mut Option<Widget>) {
    match widget {
        Some(Widget::Int { default, min, max, .. }) => *default = (*default).max(*min).min(*max),
        Some(Widget::Float { default, min, max, .. }) => *default = default.max(*min).min(*max),
        Some(Widget::Boolean { .. } | Widget::String { .. } | Widget::Combo(_) | Widget::Drawn { .. }) | None => {}
    }
}
