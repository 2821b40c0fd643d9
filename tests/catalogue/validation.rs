//! Nodes that judge their inputs themselves.

use crate::stubs::page;
use models::Image;
use runtime::{Context, Folders, Literals, Node, NodeError, Registry, Run, Value, registry};
use serde_json::Value as Json;

pub(crate) fn nodes() -> Registry {
    registry![TestCustomValidation1, TestCustomValidation2, TestCustomValidation3, TestCustomValidation4, TestCustomValidation5]
}

/// Python's `isinstance(it, float)` for every input that is typed in.
fn only_real_numbers(literals: &Literals) -> Vec<(String, String)> {
    let wrong = ["input1", "input2"].into_iter().find(|it| literals.get(*it).is_some_and(|it| !it.is_f64()));
    wrong.into_iter().map(|it| (it.to_owned(), format!("Invalid type of {it}: {}", literals[it]))).collect()
}

/// The product of pictures and numbers, a picture.
fn product(first: &Value, second: &Value) -> Result<Image, NodeError> {
    match (first.to::<Image>(), second.to::<Image>()) {
        (Some(Image(a)), Some(Image(b))) if a.dims() == b.dims() => Ok(Image(a * b)),
        (Some(Image(picture)), None) => Ok(Image(picture.mul_scalar(number(second)?))),
        (None, Some(Image(picture))) => Ok(Image(picture.mul_scalar(number(first)?))),
        (None, None) => Ok(page(number(first)? * number(second)?)),
        (Some(_), Some(_)) => Err(NodeError::new("pictures of different sizes have no product")),
    }
}

fn number(value: &Value) -> Result<f64, NodeError> {
    value.to().ok_or_else(|| NodeError::new(format!("{value} is neither a picture nor a number")))
}

macro_rules! products {
    ($($(#[$about:meta])* $name:ident, $title:literal, $validate:expr;)*) => {$(
        $(#[$about])*
        #[derive(Node)]
        #[node(category = "Testing/Nodes", display = $title)]
        struct $name {
            #[input(socket = "IMAGE,FLOAT")]
            input1: Value,
            #[input(socket = "IMAGE,FLOAT")]
            input2: Value,
        }

        impl Run for $name {
            type Output = Image;

            fn validate(literals: &Literals, _: &Folders) -> Vec<(String, String)> {
                $validate(literals)
            }

            fn run(self, _: &Context) -> Result<Image, NodeError> {
                product(&self.input1, &self.input2)
            }
        }
    )*};
}
products! {
    /// A product; what is typed in must be real numbers.
    TestCustomValidation1, "Custom Validation 1", only_real_numbers;
    /// The same. ComfyUI's asks for the types of links and checks them itself; here they always are checked before.
    TestCustomValidation2, "Custom Validation 2", only_real_numbers;
    /// A product. ComfyUI's has types that compare themselves; here a union is a type that everybody understands.
    TestCustomValidation3, "Custom Validation 3", |_: &Literals| Vec::new();
}

/// A product of numbers that must be real.
#[derive(Node)]
#[node(category = "Testing/Nodes", display = "Custom Validation 4")]
struct TestCustomValidation4 {
    input1: f64,
    input2: f64,
}

impl Run for TestCustomValidation4 {
    type Output = Image;

    fn validate(literals: &Literals, _: &Folders) -> Vec<(String, String)> {
        only_real_numbers(literals)
    }

    fn run(self, _: &Context) -> Result<Image, NodeError> {
        Ok(page(self.input1 * self.input2))
    }
}

/// A product of numbers whose range the node judges itself, and it only dislikes sevens.
#[derive(Node)]
#[node(category = "Testing/Nodes", display = "Custom Validation 5")]
struct TestCustomValidation5 {
    #[input(min = 0.0, max = 1.0, checked_by_node)]
    input1: f64,
    #[input(min = 0.0, max = 1.0, checked_by_node)]
    input2: f64,
}

impl Run for TestCustomValidation5 {
    type Output = Image;

    fn validate(literals: &Literals, _: &Folders) -> Vec<(String, String)> {
        let seven = literals.get("input2").and_then(Json::as_f64) == Some(7.0);
        if seven { vec![("input2".to_owned(), "7s are not allowed".to_owned())] } else { Vec::new() }
    }

    fn run(self, _: &Context) -> Result<Image, NodeError> {
        Ok(page(self.input1 * self.input2))
    }
}
