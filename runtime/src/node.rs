//! Nodes: how a struct becomes a class, and how the executor sees a class.

use crate::value::mismatch;
use crate::{Context, Folders, NodeError, Socket, Value};
use graph::{Graph, NodeId, NodeSpec, SocketType, Widget};
use indexmap::IndexMap;
use serde_json::Value as Json;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

/// What a node does. `#[derive(Node)]` on the struct describes its inputs; this gives its outputs and its work.
pub trait Run: Sized {
    /// What flows out: one [`Socket`], a tuple of them, or `()`. Each may be a [`List`] or [`Blockable`], the whole [`Expanding`].
    type Output: Outputs;

    /// Does the work.
    ///
    /// # Errors
    /// Anything: `?` takes every error. The run ends with it.
    fn run(self, cx: &Context) -> Result<Self::Output, NodeError>;

    /// Names the [`Lazy`] inputs that are needed and not yet there, judged by those that are.
    ///
    /// Asked before each run, again after each answer, until nothing new is named.
    ///
    /// # Errors
    /// Anything: the run ends with it.
    fn needs(&self, _cx: &Context) -> Result<Vec<&str>, NodeError> {
        Ok(Vec::new())
    }

    /// What the result depends on beside the inputs (ComfyUI's `IS_CHANGED`). Linked inputs are absent from `literals`.
    ///
    /// Files chosen from a model folder or from `input` count by size and time without this.
    ///
    /// # Errors
    /// Anything: the node then runs every time.
    fn fingerprint(_literals: &Literals, _folders: &Folders) -> Result<Fingerprint, NodeError> {
        Ok(Fingerprint::Inputs)
    }

    /// What the class objects to in its literals (ComfyUI's `VALIDATE_INPUTS`): pairs of input name and message. Linked inputs are absent.
    fn validate(_literals: &Literals, _folders: &Folders) -> Vec<(String, String)> {
        Vec::new()
    }
}

/// The literals of a node's inputs, by name.
pub type Literals = serde_json::Map<String, Json>;

/// What a result depends on beside the inputs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fingerprint {
    /// Nothing.
    Inputs,
    /// This.
    Content(Vec<u8>),
    /// Something new every time.
    Always,
}

/// A struct that is a node. Implemented by `#[derive(Node)]`.
pub trait Node: Run + Send + 'static {
    /// Whether it may run on a thread of its own while other ready nodes go on.
    const CONCURRENT: bool;

    /// Its outside.
    fn spec() -> NodeSpec;

    /// Reads the fields.
    ///
    /// # Errors
    /// [`NodeError`] naming the input that is missing or of another type.
    fn read(inputs: &Inputs) -> Result<Self, NodeError>;
}

/// A class as the executor sees it.
pub trait Class: Send + Sync {
    /// Its outside.
    fn spec(&self) -> NodeSpec;

    /// Runs it once.
    ///
    /// # Errors
    /// Anything: the run ends with it.
    fn run(&self, inputs: Inputs, cx: &Context) -> Result<Outcome, NodeError>;

    /// See [`Run::needs`].
    ///
    /// # Errors
    /// Anything: the run ends with it.
    fn needs(&self, _inputs: &Inputs, _cx: &Context) -> Result<Vec<String>, NodeError> {
        Ok(Vec::new())
    }

    /// See [`Run::fingerprint`].
    ///
    /// # Errors
    /// Anything: the node then runs every time.
    fn fingerprint(&self, _literals: &Literals, _folders: &Folders) -> Result<Fingerprint, NodeError> {
        Ok(Fingerprint::Inputs)
    }

    /// See [`Run::validate`].
    fn validate(&self, _literals: &Literals, _folders: &Folders) -> Vec<(String, String)> {
        Vec::new()
    }

    /// Whether it may run on a thread of its own while other ready nodes go on.
    fn is_concurrent(&self) -> bool {
        false
    }

    /// Whether it may answer with [`Outcome::Expand`].
    fn expands(&self) -> bool {
        false
    }
}

/// What one call of a class gave.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one a call, and it is moved once or twice")]
pub enum Outcome {
    /// For each output its values: one, or any number where the output is a list.
    Values(Vec<Vec<Value>>),
    /// A graph that does the work in its place.
    Expand(Expansion),
}

/// A graph that does a node's work in its place.
///
/// Its nodes run under ids that start with the node's own. Links to ids that it does not hold mean nodes of the surrounding graph.
#[derive(Clone, Debug)]
pub struct Expansion {
    /// The graph.
    pub graph: Graph,
    /// What each output of the node is.
    pub outputs: Vec<Given>,
    /// Pairs of a node of `graph` and the node at which the editor shows its events, instead of the expanded node.
    pub shown_at: Vec<(NodeId, NodeId)>,
}

/// What an output of an expanded node is.
#[derive(Clone, Debug)]
pub enum Given {
    /// A value known already.
    Value(Value),
    /// What this output of a node of the expansion, or of the surrounding graph, gives.
    Link {
        /// The node.
        node: NodeId,
        /// Which of its outputs.
        slot: usize,
    },
}

impl Given {
    /// An output of a node.
    pub fn link(node: impl Into<NodeId>, slot: usize) -> Self {
        Self::Link { node: node.into(), slot }
    }

    /// A value known already.
    pub fn value(value: impl Socket) -> Self {
        Self::Value(value.into_value())
    }
}

/// The inputs of one call.
#[derive(Clone, Debug)]
pub struct Inputs {
    spec: Arc<NodeSpec>,
    slots: Vec<(String, Slot)>,
}

/// What one input holds.
#[derive(Clone, Debug)]
pub enum Slot {
    /// One value, or the whole list for a class with `input_is_list`.
    Values(Vec<Value>),
    /// Not evaluated: lazy, and not asked for yet.
    Waiting,
    /// The link itself.
    Link {
        /// The node that gives.
        node: NodeId,
        /// Which of its outputs.
        slot: usize,
    },
}

impl Inputs {
    /// Inputs by name, declared or not; what is absent is left out.
    pub fn new(spec: Arc<NodeSpec>, slots: Vec<(String, Slot)>) -> Self {
        Self { spec, slots }
    }

    /// What an input holds.
    pub fn slot(&self, name: &str) -> Option<&Slot> {
        self.slots.iter().find(|(it, _)| it == name).map(|(_, slot)| slot)
    }

    /// All inputs that hold something, in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Slot)> {
        self.slots.iter().map(|(name, slot)| (name.as_str(), slot))
    }

    /// The values of an input; an optional one that is absent has its widget's default, if any.
    fn values(&self, name: &str) -> Result<Option<Vec<Value>>, NodeError> {
        match self.slot(name) {
            Some(Slot::Values(values)) => Ok(Some(values.clone())),
            Some(Slot::Waiting) => Err(NodeError::input(name, "it is lazy and was not asked for")),
            Some(Slot::Link { .. }) => Err(NodeError::input(name, "needs a value, got the link itself")),
            None => {
                let declared = self.spec.inputs.iter().find(|it| it.name == name);
                Ok(declared.filter(|it| !it.required).and_then(|it| it.widget.as_ref()).and_then(default_of).map(|it| vec![it]))
            }
        }
    }
}

fn default_of(widget: &Widget) -> Option<Value> {
    match widget {
        Widget::Int { default, .. } => Some(Value::Int(*default)),
        Widget::Float { default, .. } => Some(Value::Float(*default)),
        Widget::Boolean { default } => Some(Value::Bool(*default)),
        Widget::String { default, .. } => Some(Value::String(default.as_str().into())),
        Widget::Drawn { default } => Some(Value::from_json(default)),
        Widget::Combo(combo) => match (&combo.default, &combo.options) {
            (Some(default), _) => Some(Value::from_json(default)),
            (None, graph::Options::Fixed(names)) => names.first().map(|it| Value::String(it.as_str().into())),
            (None, graph::Options::Files(_)) => None,
        },
    }
}

/// A type that a field of a node may have.
pub trait Field: Sized {
    /// What may flow in.
    const SOCKET: SocketType;
    /// Whether the node cannot run without it.
    const REQUIRED: bool = true;
    /// See [`Lazy`].
    const LAZY: bool = false;
    /// See [`RawLink`].
    const RAW_LINK: bool = false;
    /// See [`Extra`].
    const EXTRA: bool = false;

    /// How a literal is typed in.
    fn widget() -> Option<Widget> {
        None
    }

    /// Takes the field's value.
    ///
    /// # Errors
    /// [`NodeError`] naming the input.
    fn take(inputs: &Inputs, name: &str) -> Result<Self, NodeError>;
}

fn parse<T: Socket>(name: &str, value: &Value) -> Result<T, NodeError> {
    T::from_value(value).map_err(|message| NodeError::input(name, message))
}

impl<T: Socket> Field for T {
    const SOCKET: SocketType = T::TYPE;

    fn widget() -> Option<Widget> {
        T::widget()
    }

    fn take(inputs: &Inputs, name: &str) -> Result<Self, NodeError> {
        let values = inputs.values(name)?;
        let first = values.as_deref().and_then(<[_]>::first);
        parse(name, first.ok_or_else(|| NodeError::input(name, "it is required and nothing is there"))?)
    }
}

impl<T: Field> Field for Option<T> {
    const SOCKET: SocketType = T::SOCKET;
    const REQUIRED: bool = false;
    const LAZY: bool = T::LAZY;
    const RAW_LINK: bool = T::RAW_LINK;

    fn widget() -> Option<Widget> {
        T::widget()
    }

    fn take(inputs: &Inputs, name: &str) -> Result<Self, NodeError> {
        inputs.slot(name).map(|_| T::take(inputs, name)).transpose()
    }
}

/// An input that is evaluated only when [`Run::needs`] names it.
#[derive(Clone, Debug, PartialEq)]
pub enum Lazy<T> {
    /// Not evaluated.
    Waiting,
    /// Here.
    Ready(T),
}

impl<T> Lazy<T> {
    /// Whether it is not evaluated.
    pub fn is_waiting(&self) -> bool {
        matches!(self, Self::Waiting)
    }

    /// The value, if it is evaluated.
    pub fn ready(&self) -> Option<&T> {
        match self {
            Self::Ready(value) => Some(value),
            Self::Waiting => None,
        }
    }

    /// The value.
    ///
    /// # Errors
    /// A failure when [`Run::needs`] did not ask for it.
    pub fn get(self) -> Result<T, NodeError> {
        match self {
            Self::Ready(value) => Ok(value),
            Self::Waiting => Err(NodeError::new("a lazy input is used that was not asked for")),
        }
    }
}

impl<T: Field> Field for Lazy<T> {
    const SOCKET: SocketType = T::SOCKET;
    const REQUIRED: bool = T::REQUIRED;
    const LAZY: bool = true;

    fn widget() -> Option<Widget> {
        T::widget()
    }

    fn take(inputs: &Inputs, name: &str) -> Result<Self, NodeError> {
        match inputs.slot(name) {
            Some(Slot::Waiting) => Ok(Self::Waiting),
            _ => T::take(inputs, name).map(Self::Ready),
        }
    }
}

/// As an input of a node with `input_is_list`: the whole list. As an output: any number of values, each of which flows on by itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct List<T>(pub Vec<T>);

impl<T: Socket> Field for List<T> {
    const SOCKET: SocketType = T::TYPE;

    fn widget() -> Option<Widget> {
        T::widget()
    }

    fn take(inputs: &Inputs, name: &str) -> Result<Self, NodeError> {
        let values = inputs.values(name)?.ok_or_else(|| NodeError::input(name, "it is required and nothing is there"))?;
        values.iter().map(|it| parse(name, it)).collect::<Result<_, _>>().map(List)
    }
}

impl<T> Deref for List<T> {
    type Target = Vec<T>;

    fn deref(&self) -> &Vec<T> {
        &self.0
    }
}

impl<T> DerefMut for List<T> {
    fn deref_mut(&mut self) -> &mut Vec<T> {
        &mut self.0
    }
}

impl<T> IntoIterator for List<T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<T> FromIterator<T> for List<T> {
    fn from_iter<I: IntoIterator<Item = T>>(iter: I) -> Self {
        Self(iter.into_iter().collect())
    }
}

/// The link that feeds an input, instead of its value. The node that gives runs first all the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawLink {
    /// The node that gives.
    pub node: NodeId,
    /// Which of its outputs.
    pub slot: usize,
}

impl Field for RawLink {
    const SOCKET: SocketType = SocketType::ANY;
    const RAW_LINK: bool = true;

    fn take(inputs: &Inputs, name: &str) -> Result<Self, NodeError> {
        match inputs.slot(name) {
            Some(Slot::Link { node, slot }) => Ok(Self { node: node.clone(), slot: *slot }),
            Some(_) => Err(NodeError::input(name, "needs a link, got a value")),
            None => Err(NodeError::input(name, "it is required and nothing is there")),
        }
    }
}

/// The inputs that are linked although the class does not declare them, in the order of the file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Extra<T>(pub IndexMap<String, T>);

impl<T: Socket> Field for Extra<T> {
    const SOCKET: SocketType = T::TYPE;
    const EXTRA: bool = true;

    fn take(inputs: &Inputs, _: &str) -> Result<Self, NodeError> {
        let undeclared = inputs.iter().filter(|(name, _)| inputs.spec.inputs.iter().all(|it| it.name != *name));
        let values = undeclared.filter_map(|(name, slot)| match slot {
            Slot::Values(values) => values.first().map(|value| Ok((name.to_owned(), parse(name, value)?))),
            Slot::Waiting | Slot::Link { .. } => None,
        });
        values.collect::<Result<_, _>>().map(Extra)
    }
}

impl<T> Deref for Extra<T> {
    type Target = IndexMap<String, T>;

    fn deref(&self) -> &IndexMap<String, T> {
        &self.0
    }
}

/// A type that one output may have.
pub trait Out {
    /// What flows out.
    const SOCKET: SocketType;
    /// Whether it is a list whose elements flow on one by one.
    const IS_LIST: bool = false;

    /// The values.
    fn into_values(self) -> Vec<Value>;
}

impl<T: Socket> Out for T {
    const SOCKET: SocketType = T::TYPE;

    fn into_values(self) -> Vec<Value> {
        vec![self.into_value()]
    }
}

impl<T: Socket> Out for List<T> {
    const SOCKET: SocketType = T::TYPE;
    const IS_LIST: bool = true;

    fn into_values(self) -> Vec<Value> {
        self.0.into_iter().map(Socket::into_value).collect()
    }
}

/// An output that may be withheld: the nodes behind it then do not run, and that is no failure.
#[derive(Clone, Debug, PartialEq)]
pub enum Blockable<T> {
    /// The value.
    Open(T),
    /// None. With a message, the user is told.
    Blocked(Option<String>),
}

impl<T: Out> Out for Blockable<T> {
    const SOCKET: SocketType = T::SOCKET;
    const IS_LIST: bool = T::IS_LIST;

    fn into_values(self) -> Vec<Value> {
        match self {
            Self::Open(value) => value.into_values(),
            Self::Blocked(message) => vec![Value::Blocked(message.map(Into::into))],
        }
    }
}

/// All outputs of a node.
pub trait Outputs {
    /// Whether the node may put a graph in its place.
    const EXPANDS: bool = false;

    /// What flows out, named after the types.
    fn describe() -> Vec<graph::Output>;

    /// The values.
    fn into_outcome(self) -> Outcome;
}

fn describe<T: Out>() -> graph::Output {
    graph::Output { name: T::SOCKET.to_string(), socket: T::SOCKET, is_list: T::IS_LIST, tooltip: String::new() }
}

impl<T: Out> Outputs for T {
    fn describe() -> Vec<graph::Output> {
        vec![describe::<T>()]
    }

    fn into_outcome(self) -> Outcome {
        Outcome::Values(vec![self.into_values()])
    }
}

impl Outputs for () {
    fn describe() -> Vec<graph::Output> {
        Vec::new()
    }

    fn into_outcome(self) -> Outcome {
        Outcome::Values(Vec::new())
    }
}

macro_rules! tuples {
    ($(($($name:ident)+))*) => {$(
        impl<$($name: Out),+> Outputs for ($($name,)+) {
            fn describe() -> Vec<graph::Output> {
                vec![$(describe::<$name>()),+]
            }

            fn into_outcome(self) -> Outcome {
                #[expect(non_snake_case, reason = "one name for a type and its value")]
                let ($($name,)+) = self;
                Outcome::Values(vec![$($name.into_values()),+])
            }
        }
    )*};
}
tuples! { (A) (A B) (A B C) (A B C D) (A B C D E) (A B C D E F) (A B C D E F G) (A B C D E F G H) (A B C D E F G H I) (A B C D E F G H I J) }

/// What a node gives that may put a graph in its place.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one a call, and it is moved once or twice")]
pub enum Expanding<T> {
    /// Results, as usual.
    Values(T),
    /// A graph.
    Graph(Expansion),
}

impl<T: Outputs> Outputs for Expanding<T> {
    const EXPANDS: bool = true;

    fn describe() -> Vec<graph::Output> {
        T::describe()
    }

    fn into_outcome(self) -> Outcome {
        match self {
            Self::Values(values) => values.into_outcome(),
            Self::Graph(expansion) => Outcome::Expand(expansion),
        }
    }
}

/// The class that a [`Node`] is.
pub struct Of<N>(PhantomData<fn() -> N>);

impl<N> Of<N> {
    /// The class.
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<N> Default for Of<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<N: Node> Class for Of<N> {
    fn spec(&self) -> NodeSpec {
        N::spec()
    }

    fn run(&self, inputs: Inputs, cx: &Context) -> Result<Outcome, NodeError> {
        let node = N::read(&inputs)?;
        // The node owns its inputs alone, so that what it drops early is gone early.
        drop(inputs);
        node.run(cx).map(Outputs::into_outcome)
    }

    fn needs(&self, inputs: &Inputs, cx: &Context) -> Result<Vec<String>, NodeError> {
        Ok(N::read(inputs)?.needs(cx)?.into_iter().map(str::to_owned).collect())
    }

    fn fingerprint(&self, literals: &Literals, folders: &Folders) -> Result<Fingerprint, NodeError> {
        N::fingerprint(literals, folders)
    }

    fn validate(&self, literals: &Literals, folders: &Folders) -> Vec<(String, String)> {
        N::validate(literals, folders)
    }

    fn is_concurrent(&self) -> bool {
        N::CONCURRENT
    }

    fn expands(&self) -> bool {
        <N::Output as Outputs>::EXPANDS
    }
}

/// Reads a choice: used by `#[derive(Choice)]`.
///
/// # Errors
/// What was found instead, and what may be chosen.
pub fn choose<T: Copy>(options: &[(&str, T)], value: &Value) -> Result<T, String> {
    let Value::String(text) = value else { return Err(mismatch(&SocketType::named("COMBO"), value)) };
    options.iter().find(|(name, _)| *name == &**text).map(|(_, it)| *it).ok_or_else(|| {
        let names: Vec<_> = options.iter().map(|(name, _)| *name).collect();
        format!("`{text}` is none of {}", names.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Choice, Job, Registry, registry};
    use expect_test::expect;
    use graph::Catalog;
    use runtime_derive::Node;

    /// How a picture is cut.
    #[derive(Choice, Clone, Copy, Debug, PartialEq)]
    enum Crop {
        Disabled,
        #[choice("top-left")]
        TopLeft,
    }

    const METHODS: &[&str] = &["nearest", "lanczos"];

    /// Scales something.
    ///
    /// In every way.
    #[derive(Node)]
    #[node(
        class = "Scale",
        display = "Scale It",
        category = "toy/scale",
        output_node,
        outputs(scaled = "The result.", "LEFT OVER")
    )]
    struct Scale {
        /// How often.
        #[input(optional, default = 3, min = 1, max = u64::MAX, control_after_generate)]
        times: u64,
        #[input(default = 0.5, min = 0, max = 1, step = 0.05, round = 0.01)]
        factor: f64,
        #[input(default = "lanczos", options = METHODS)]
        method: String,
        #[input(name = "type")]
        crop: Crop,
        mask: Option<Lazy<String>>,
        #[input(socket = "INT,FLOAT", force_input)]
        either: Value,
        rest: Extra<i64>,
    }

    impl Run for Scale {
        type Output = (f64, List<String>, Blockable<i64>);

        fn run(self, _: &Context) -> Result<Self::Output, NodeError> {
            let sum: i64 = self.rest.values().sum();
            let texts = List(vec![format!("{:?}", self.crop), self.method, self.either.to_string()]);
            let withheld = if self.mask.is_none() { Blockable::Blocked(None) } else { Blockable::Open(sum) };
            Ok((self.factor * self.times as f64 + sum as f64, texts, withheld))
        }
    }

    fn call(registry: &Registry, class: &str, inputs: &[(&str, Value)]) -> Result<Outcome, NodeError> {
        let (spec, class) = registry.class(class).unwrap();
        let slots = inputs.iter().map(|(name, value)| ((*name).to_owned(), Slot::Values(vec![value.clone()]))).collect();
        let job = Job::default();
        class.run(Inputs::new(spec, slots), &Context::alone(job))
    }

    #[test]
    fn a_struct_describes_itself() {
        let spec = registry![Scale].spec("Scale").unwrap();
        let inputs: Vec<_> =
            spec.inputs.iter().map(|it| format!("{}: {}{}", it.name, it.socket, if it.required { "" } else { "?" })).collect();
        expect![[r#"["factor: FLOAT", "method: COMBO", "type: COMBO", "either: INT,FLOAT", "times: INT?", "mask: STRING?"]"#]]
            .assert_eq(&format!("{inputs:?}"));
        let outputs: Vec<_> =
            spec.outputs.iter().map(|it| format!("{}: {} {} {}", it.name, it.socket, it.is_list, it.tooltip)).collect();
        expect![[r#"["scaled: FLOAT false The result.", "LEFT OVER: STRING true ", "INT: INT false "]"#]]
            .assert_eq(&format!("{outputs:?}"));
        assert_eq!(
            (spec.description.as_str(), spec.inputs[4].tooltip.as_str()),
            ("Scales something.\n\nIn every way.", "How often.")
        );
        assert!(spec.extra_inputs && spec.output_node && spec.inputs[5].lazy && spec.inputs[3].force_input);
        let Some(Widget::Int { default: 3, min: 1, max, .. }) = spec.inputs[4].widget else { panic!("{:?}", spec.inputs[4]) };
        assert_eq!(max, i128::from(u64::MAX));
    }

    #[test]
    fn fields_are_read_from_inputs_and_absent_options_have_their_defaults() {
        let text = |it: &str| Value::String(it.into());
        let inputs = [
            ("factor", Value::Int(1)),
            ("method", text("x")),
            ("type", text("top-left")),
            ("either", Value::Int(4)),
            ("more", Value::Int(5)),
        ];
        let outcome = call(&registry![Scale], "Scale", &inputs).unwrap();
        expect![[r#"Values([[Float(8.0)], [String("TopLeft"), String("x"), String("4")], [Blocked(None)]])"#]]
            .assert_eq(&format!("{outcome:?}"));
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        let registry = registry![Scale];
        assert_eq!(call(&registry, "Scale", &[]).unwrap_err().to_string(), "input `factor`: it is required and nothing is there");
        let wrong = [("factor", Value::Bool(true)), ("method", Value::Int(1))];
        assert_eq!(call(&registry, "Scale", &wrong).unwrap_err().to_string(), "input `method`: needs STRING, got INT (1)");
        let unknown = Crop::from_value(&Value::String("bottom".into()));
        assert_eq!(unknown.unwrap_err(), "`bottom` is none of disabled, top-left");
    }

    #[test]
    #[should_panic(expected = "two nodes of class `Scale`")]
    fn two_nodes_of_one_class_are_a_mistake() {
        drop(registry![Scale, Scale]);
    }
}
