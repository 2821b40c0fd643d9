//! Comparisons and sums.

use crate::mix::extent;
use fancy_regex::Regex;
use models::{Image, Mask};
use runtime::{Choice, Context, Node, NodeError, Registry, Run, Value, registry};

pub(crate) fn nodes() -> Registry {
    registry![
        TestIntMathOperation,
        TestIntConditions,
        TestFloatConditions,
        TestStringConditions,
        TestToBoolNode,
        TestBoolOperationNode
    ]
}

#[derive(Choice, Clone, Copy)]
enum Sum {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Power,
}

/// A sum of whole numbers, rounded as Python rounds.
#[derive(Node)]
#[node(category = "Testing/Logic", display = "Int Math Operation")]
struct TestIntMathOperation {
    #[input(default = 0, step = 1)]
    a: i64,
    #[input(default = 0, step = 1)]
    b: i64,
    operation: Sum,
}

impl Run for TestIntMathOperation {
    type Output = i64;

    fn run(self, _: &Context) -> Result<i64, NodeError> {
        let (a, b) = (self.a, self.b);
        let result = match self.operation {
            Sum::Add => a.checked_add(b),
            Sum::Subtract => a.checked_sub(b),
            Sum::Multiply => a.checked_mul(b),
            Sum::Divide => a.checked_rem(b).and_then(|rest| {
                let quotient = a.checked_div(b)?;
                Some(if rest != 0 && (rest < 0) != (b < 0) { quotient - 1 } else { quotient })
            }),
            Sum::Modulo => a.checked_rem(b).map(|rest| if rest != 0 && (rest < 0) != (b < 0) { rest + b } else { rest }),
            Sum::Power => u32::try_from(b).ok().and_then(|b| a.checked_pow(b)),
        };
        result.ok_or_else(|| NodeError::new(format!("{a} and {b} have no such result in 64 bits")))
    }
}

#[derive(Choice, Clone, Copy)]
enum Comparison {
    #[choice("==")]
    Equal,
    #[choice("!=")]
    Unequal,
    #[choice("<")]
    Less,
    #[choice(">")]
    More,
    #[choice("<=")]
    AtMost,
    #[choice(">=")]
    AtLeast,
}

impl Comparison {
    fn holds<T: PartialOrd>(self, a: &T, b: &T) -> bool {
        match self {
            Self::Equal => a == b,
            Self::Unequal => a != b,
            Self::Less => a < b,
            Self::More => a > b,
            Self::AtMost => a <= b,
            Self::AtLeast => a >= b,
        }
    }
}

/// Compares whole numbers.
#[derive(Node)]
#[node(category = "Testing/Logic", display = "Int Condition")]
struct TestIntConditions {
    #[input(default = 0, step = 1)]
    a: i64,
    #[input(default = 0, step = 1)]
    b: i64,
    operation: Comparison,
}

impl Run for TestIntConditions {
    type Output = bool;

    fn run(self, _: &Context) -> Result<bool, NodeError> {
        Ok(self.operation.holds(&self.a, &self.b))
    }
}

/// Compares real numbers.
#[derive(Node)]
#[node(category = "Testing/Logic", display = "Float Condition")]
struct TestFloatConditions {
    #[input(default = 0.0, min = -999_999_999_999.0, max = 999_999_999_999.0, step = 1.0)]
    a: f64,
    #[input(default = 0.0, min = -999_999_999_999.0, max = 999_999_999_999.0, step = 1.0)]
    b: f64,
    operation: Comparison,
}

impl Run for TestFloatConditions {
    type Output = bool;

    fn run(self, _: &Context) -> Result<bool, NodeError> {
        Ok(self.operation.holds(&self.a, &self.b))
    }
}

#[derive(Choice, Clone, Copy)]
enum TextComparison {
    #[choice("a == b")]
    Equal,
    #[choice("a != b")]
    Unequal,
    #[choice("a IN b")]
    In,
    #[choice("a MATCH REGEX(b)")]
    Matches,
    #[choice("a BEGINSWITH b")]
    Begins,
    #[choice("a ENDSWITH b")]
    Ends,
}

/// Compares texts.
#[derive(Node)]
#[node(category = "Testing/Logic", display = "String Condition")]
struct TestStringConditions {
    a: String,
    b: String,
    operation: TextComparison,
    #[input(default = true)]
    case_sensitive: bool,
}

impl Run for TestStringConditions {
    type Output = bool;

    fn run(self, _: &Context) -> Result<bool, NodeError> {
        let (a, b) = if self.case_sensitive { (self.a, self.b) } else { (self.a.to_lowercase(), self.b.to_lowercase()) };
        Ok(match self.operation {
            TextComparison::Equal => a == b,
            TextComparison::Unequal => a != b,
            TextComparison::In => b.contains(&a),
            TextComparison::Matches => Regex::new(&format!("^(?:{b})")).and_then(|it| it.is_match(&a)).unwrap_or(false),
            TextComparison::Begins => a.starts_with(&b),
            TextComparison::Ends => a.ends_with(&b),
        })
    }
}

/// What Python takes for true.
#[derive(Node)]
#[node(category = "Testing/Logic", display = "To Bool")]
struct TestToBoolNode {
    value: Value,
    #[input(optional)]
    invert: bool,
}

impl Run for TestToBoolNode {
    type Output = bool;

    fn run(self, _: &Context) -> Result<bool, NodeError> {
        let truth = match &self.value {
            Value::Bool(truth) => *truth,
            Value::Int(whole) => *whole != 0,
            Value::Float(real) => *real != 0.0,
            Value::String(text) => !text.is_empty(),
            Value::Json(json) => !json.is_null(),
            held => match (held.to::<Image>(), held.to::<Mask>()) {
                (Some(Image(picture)), _) => extent(&picture)? != (0.0, 0.0),
                (_, Some(Mask(mask))) => extent(&mask)? != (0.0, 0.0),
                (None, None) => true,
            },
        };
        Ok(truth != self.invert)
    }
}

#[derive(Choice, Clone, Copy)]
enum Logic {
    #[choice("a AND b")]
    And,
    #[choice("a OR b")]
    Or,
    #[choice("a XOR b")]
    Xor,
    #[choice("NOT a")]
    Not,
}

/// Joins truths.
#[derive(Node)]
#[node(category = "Testing/Logic", display = "Bool Operation")]
struct TestBoolOperationNode {
    a: bool,
    b: bool,
    op: Logic,
}

impl Run for TestBoolOperationNode {
    type Output = bool;

    fn run(self, _: &Context) -> Result<bool, NodeError> {
        Ok(match self.op {
            Logic::And => self.a && self.b,
            Logic::Or => self.a || self.b,
            Logic::Xor => self.a != self.b,
            Logic::Not => !self.a,
        })
    }
}
