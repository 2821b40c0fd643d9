//! What can be wrong with a graph, in ComfyUI's vocabulary and with a hint of our own.

use crate::NodeId;
use serde_json::{Map, Value};
use std::fmt;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// What sort of thing.
    pub kind: Kind,
    /// What is wrong, one sentence that fits every problem of the kind.
    pub message: String,
    /// What is wrong in this case. ComfyUI's own words where it has some, since its clients show them.
    pub details: String,
    /// The particulars as data, under ComfyUI's keys.
    pub extra: Map<String, Value>,
    /// The node that has to change.
    pub node: Option<NodeId>,
    /// The class of that node.
    pub class: Option<String>,
    /// The input that has to change.
    pub input: Option<String>,
    /// What the user can do about it.
    pub hint: Option<String>,
}

/// What sort of thing is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// The file is no workflow at all, or a part of it cannot be read.
    InvalidPrompt,
    /// No class of this name is known.
    MissingNodeType,
    /// Nothing in the graph saves or shows anything, or nothing that was asked for does.
    NoOutputs,
    /// Nodes wait for each other.
    DependencyCycle,
    /// A required input is fed with nothing.
    RequiredInputMissing,
    /// A list that ought to be a link is none, or the link starts at an output that its node does not have.
    BadLinkedInput,
    /// A link starts at a node that is not in the graph.
    MissingSource,
    /// What flows through a link is not what the input takes.
    ReturnTypeMismatch,
    /// A literal cannot be made into what the input takes.
    InvalidInputType,
    /// A number is below the range.
    ValueSmallerThanMin,
    /// A number is above the range.
    ValueBiggerThanMax,
    /// A choice is not among the options.
    ValueNotInList,
    /// The class itself objects.
    CustomValidationFailed,
}

/// All that is wrong with a file; never empty.
#[derive(Clone, Debug, PartialEq)]
pub struct Problems(pub Vec<Problem>);

impl Kind {
    /// ComfyUI's name for it, the `type` of an error.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidPrompt => "invalid_prompt",
            Self::MissingNodeType => "missing_node_type",
            Self::NoOutputs => "prompt_no_outputs",
            Self::DependencyCycle => "dependency_cycle",
            Self::RequiredInputMissing => "required_input_missing",
            Self::BadLinkedInput => "bad_linked_input",
            Self::MissingSource => "exception_during_inner_validation",
            Self::ReturnTypeMismatch => "return_type_mismatch",
            Self::InvalidInputType => "invalid_input_type",
            Self::ValueSmallerThanMin => "value_smaller_than_min",
            Self::ValueBiggerThanMax => "value_bigger_than_max",
            Self::ValueNotInList => "value_not_in_list",
            Self::CustomValidationFailed => "custom_validation_failed",
        }
    }

    /// Whether it makes the whole graph useless, and not only the outputs that need the node.
    pub fn is_fatal(self) -> bool {
        matches!(self, Self::InvalidPrompt | Self::MissingNodeType | Self::NoOutputs)
    }
}

impl Problem {
    /// A problem of the whole graph.
    pub fn new(kind: Kind, message: impl Into<String>, details: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            details: details.into(),
            extra: Map::new(),
            node: None,
            class: None,
            input: None,
            hint: None,
        }
    }

    /// The same, of one node.
    #[must_use]
    pub fn of(mut self, node: &NodeId, class: &str) -> Self {
        self.node = Some(node.clone());
        self.class = (!class.is_empty()).then(|| class.to_owned());
        self
    }

    /// The same, of one input.
    #[must_use]
    pub fn at(mut self, input: &str) -> Self {
        self.input = Some(input.to_owned());
        self.extra.insert("input_name".to_owned(), input.into());
        self
    }

    /// The same with one more particular.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.extra.insert(key.to_owned(), value.into());
        self
    }

    /// The same with advice.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The file cannot be read because of `details`.
    pub(crate) fn unreadable(details: impl Into<String>) -> Self {
        Self::new(Kind::InvalidPrompt, "The workflow cannot be read", details)
    }
}

/// `KSampler 3, input seed: Value 7 bigger than max of 5 (allowed: 0 to 5)`.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = match (&self.class, &self.node, &self.input) {
            (class, Some(node), input) => {
                let class = class.as_deref().unwrap_or("node");
                let input = input.as_deref().map(|input| format!(", input {input}")).unwrap_or_default();
                format!("{class} {node}{input}: ")
            }
            (_, None, Some(input)) => format!("input {input}: "),
            (_, None, None) => String::new(),
        };
        write!(f, "{place}{}", self.message)?;
        if !self.details.is_empty() && self.input.as_ref() != Some(&self.details) {
            write!(f, ": {}", self.details)?;
        }
        if let Some(hint) = &self.hint {
            write!(f, " ({hint})")?;
        }
        Ok(())
    }
}

/// One problem a line.
impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

impl From<Box<Problem>> for Problems {
    fn from(problem: Box<Problem>) -> Self {
        Self(vec![*problem])
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

/// `did you mean "x"?` for the option nearest to `wrong`, if any is near.
pub fn did_you_mean<'o>(wrong: &str, options: impl IntoIterator<Item = &'o str>) -> Option<String> {
    // Longer texts than this are no misspelt names, and the distance costs their product.
    const LONGEST: usize = 256;
    if wrong.is_empty() || wrong.len() > LONGEST {
        return None;
    }
    let folded = wrong.to_lowercase();
    // A path in front or another ending is the commonest difference between two people's files.
    let stem = |it: &str| {
        let name = it.rsplit(['/', '\\']).next().unwrap_or(it);
        name.rsplit_once('.').map_or(name, |(stem, _)| stem).to_lowercase()
    };
    let wrong_stem = stem(wrong);
    let (near, likeness) = options
        .into_iter()
        .filter(|option| option.len() <= LONGEST)
        .map(|option| {
            let whole = strsim::jaro_winkler(&folded, &option.to_lowercase());
            let name = if stem(option) == wrong_stem { 0.99 } else { 0.0 };
            (option, f64::max(whole, name))
        })
        .max_by(|(a, x), (b, y)| x.total_cmp(y).then_with(|| b.cmp(a)))?;
    (likeness > 0.85).then(|| format!("did you mean \"{near}\"?"))
}
