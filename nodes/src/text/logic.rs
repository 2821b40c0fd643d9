//! Choosing and computing.

use super::expression::{self, Number};
use runtime::{Context, Extra, Lazy, Node, NodeError, Run, Value};

/// Passes on one of two values. Only the chosen one is computed.
#[derive(Node)]
#[node(display = "Switch", category = "utils/logic", outputs(output = "The chosen value."))]
pub(super) struct ComfySwitchNode {
    /// Which value is passed on.
    switch: bool,
    /// The value for no.
    on_false: Lazy<Value>,
    /// The value for yes.
    on_true: Lazy<Value>,
}

impl Run for ComfySwitchNode {
    type Output = Value;

    fn needs(&self, _: &Context) -> Result<Vec<&str>, NodeError> {
        Ok(match (self.switch, self.on_true.is_waiting(), self.on_false.is_waiting()) {
            (true, true, _) => vec!["on_true"],
            (false, _, true) => vec!["on_false"],
            _ => Vec::new(),
        })
    }

    fn run(self, _: &Context) -> Result<Value, NodeError> {
        if self.switch { self.on_true.get() } else { self.on_false.get() }
    }
}

/// Computes a formula.
///
/// What is linked to `values.a`, `values.b` and so on is called `a`, `b`... in it. There are `+ - * / // % **`, comparisons, `and`, `or`,
/// `not`, `x if y else z`, `pi`, `e`, `True`, `False`, and the functions `abs`, `acos`, `asin`, `atan`, `atan2`, `bool`, `ceil`, `cos`,
/// `exp`, `float`, `floor`, `int`, `log`, `log10`, `log2`, `max`, `min`, `pow`, `round`, `sin`, `sqrt`, `sum` and `tan`. As an argument,
/// `values` means all values.
#[derive(Node)]
#[node(
    display = "Math Expression",
    category = "utils/logic",
    outputs(
        FLOAT = "The result as real number.",
        INT = "The result without its fraction.",
        BOOLEAN = "Whether the result is not zero."
    )
)]
pub(super) struct ComfyMathExpression {
    /// The formula.
    #[input(default = "a + b", multiline)]
    expression: String,
    values: Extra<Value>,
}

impl Run for ComfyMathExpression {
    type Output = (f64, i64, bool);

    fn run(self, _: &Context) -> Result<Self::Output, NodeError> {
        let mut names = Vec::new();
        for (name, value) in self.values.iter() {
            let number = match value {
                Value::Int(whole) => Number::Int(*whole),
                Value::Float(real) => Number::Float(*real),
                Value::Bool(truth) => Number::Int(i128::from(*truth)),
                other => return Err(NodeError::input(name, format!("needs INT, FLOAT or BOOLEAN, got {}", other.type_name()))),
            };
            names.push((name.strip_prefix("values.").unwrap_or(name), number));
        }
        let result = expression::evaluate(&self.expression, &names).map_err(|it| NodeError::input("expression", it))?;
        Ok((result.real(), whole(result)?, result.is_true()))
    }
}

/// Makes a real and a whole number of a number, a text that writes one, or a yes or no.
#[derive(Node)]
#[node(
    display = "Number Convert",
    category = "utils/logic",
    outputs(FLOAT = "The value as real number.", INT = "The value without its fraction.")
)]
pub(super) struct ComfyNumberConvert {
    /// The value to convert.
    #[input(socket = "INT,FLOAT,STRING,BOOLEAN")]
    value: Value,
}

impl Run for ComfyNumberConvert {
    type Output = (f64, i64);

    fn run(self, _: &Context) -> Result<Self::Output, NodeError> {
        let no_number = |what: &str| NodeError::input("value", format!("{what} is no number"));
        let number = match &self.value {
            Value::Int(whole) => Number::Int(*whole),
            Value::Float(real) => Number::Float(*real),
            Value::Bool(truth) => Number::Int(i128::from(*truth)),
            Value::String(text) => {
                let text = text.trim();
                let real = || text.parse().ok().filter(|it: &f64| it.is_finite()).map(Number::Float);
                text.parse().ok().map(Number::Int).or_else(real).ok_or_else(|| no_number(&format!("`{text}`")))?
            }
            other => return Err(no_number(other.type_name())),
        };
        Ok((number.real(), whole(number)?))
    }
}

/// A choice among options that the user of the editor writes.
#[derive(Node)]
#[node(
    display = "Custom Combo",
    category = "utils",
    experimental,
    outputs(STRING = "The chosen option.", INDEX = "Its place in the list, from 0.")
)]
pub(super) struct CustomCombo {
    /// The chosen option. Any text: the options are the editor's.
    #[input(options = [""; 0], checked_by_node)]
    choice: String,
    /// Its place in the list, which the editor fills in.
    #[input(min = 0, optional)]
    index: u64,
}

impl Run for CustomCombo {
    type Output = (String, u64);

    fn run(self, _: &Context) -> Result<Self::Output, NodeError> {
        Ok((self.choice, self.index))
    }
}

/// Holds a seed, to feed several nodes the same one.
#[derive(Node)]
#[node(display = "Seed", category = "utils/primitive", outputs(seed = "The seed."))]
pub(super) struct SeedNode {
    /// The seed.
    #[input(control_after_generate)]
    seed: u64,
}

impl Run for SeedNode {
    type Output = u64;

    fn run(self, _: &Context) -> Result<u64, NodeError> {
        Ok(self.seed)
    }
}

fn whole(number: Number) -> Result<i64, NodeError> {
    let whole = match number {
        Number::Int(whole) => i64::try_from(whole).ok(),
        Number::Float(real) if real.abs() < 9.2e18 => Some(real as i64),
        Number::Float(_) => None,
    };
    whole.ok_or_else(|| NodeError::new(format!("{} does not fit a whole number of 64 bits", float_text(number.real()))))
}

/// A real number as Python writes it.
pub(super) fn float_text(real: f64) -> String {
    if real.is_nan() {
        return "nan".to_owned();
    }
    let scientific = format!("{real:e}");
    match scientific.split_once('e').map(|(digits, power)| (digits, power.parse::<i32>())) {
        Some((digits, Ok(power))) if !(-4..16).contains(&power) => {
            format!("{digits}e{}{:02}", if power < 0 { '-' } else { '+' }, power.abs())
        }
        _ => format!("{real:?}"),
    }
}
