//! What travels on wires.

use graph::{SocketType, Widget};
use serde_json::Value as Json;
use std::any::Any;
use std::fmt;
use std::sync::Arc;

/// A Rust type that may travel on a wire.
pub trait Socket: Clone + Send + Sync + 'static {
    /// The type that links check.
    const TYPE: SocketType;

    /// How much memory it holds, in bytes: what dropping the last copy gives back.
    fn bytes(&self) -> usize {
        0
    }

    /// How a literal of this type is typed in; `None` for types that only a link can carry.
    fn widget() -> Option<Widget> {
        None
    }

    /// Puts it on a wire.
    fn into_value(self) -> Value {
        Value::Held(Arc::new(Box { socket: Self::TYPE, inside: self }))
    }

    /// Takes it from a wire.
    ///
    /// # Errors
    /// What was found instead, in words that follow "input `x`: ".
    fn from_value(value: &Value) -> Result<Self, String> {
        match value {
            Value::Held(held) => held.inside().downcast_ref::<Self>().cloned().ok_or_else(|| mismatch(&Self::TYPE, value)),
            _ => Err(mismatch(&Self::TYPE, value)),
        }
    }
}

/// One value on a wire. Cloning it copies nothing.
#[derive(Clone, Debug)]
pub enum Value {
    /// INT.
    Int(i128),
    /// FLOAT.
    Float(f64),
    /// BOOLEAN.
    Bool(bool),
    /// STRING, and the chosen name of a COMBO.
    String(Arc<str>),
    /// Any other literal.
    Json(Arc<Json>),
    /// Everything that is no literal.
    Held(Arc<dyn Held>),
    /// Nothing: nodes that would take it do not run. With a message, the first one to meet it reports that.
    Blocked(Option<Arc<str>>),
}

/// A value of a type that is no literal.
pub trait Held: Send + Sync {
    /// The type that links check.
    fn socket(&self) -> &SocketType;
    /// How much memory it holds, in bytes.
    fn bytes(&self) -> usize;
    /// The value itself.
    fn inside(&self) -> &dyn Any;
}

struct Box<T> {
    socket: SocketType,
    inside: T,
}

impl<T: Socket> Held for Box<T> {
    fn socket(&self) -> &SocketType {
        &self.socket
    }

    fn bytes(&self) -> usize {
        self.inside.bytes()
    }

    fn inside(&self) -> &dyn Any {
        &self.inside
    }
}

impl Value {
    /// A literal as it stands in a file.
    pub fn from_json(json: &Json) -> Self {
        match json {
            Json::Bool(truth) => Self::Bool(*truth),
            Json::Number(number) => match number.as_i128() {
                Some(whole) => Self::Int(whole),
                None => Self::Float(number.as_f64().unwrap_or(f64::NAN)),
            },
            Json::String(text) => Self::String(text.as_str().into()),
            Json::Null | Json::Array(_) | Json::Object(_) => Self::Json(Arc::new(json.clone())),
        }
    }

    /// The name of its type: `INT`, `IMAGE`.
    pub fn type_name(&self) -> &str {
        match self {
            Self::Int(_) => "INT",
            Self::Float(_) => "FLOAT",
            Self::Bool(_) => "BOOLEAN",
            Self::String(_) => "STRING",
            Self::Json(_) => "JSON",
            Self::Held(held) => held.socket().as_str(),
            Self::Blocked(_) => "BLOCKED",
        }
    }

    /// The value as a Rust type, where it is one.
    pub fn to<T: Socket>(&self) -> Option<T> {
        T::from_value(self).ok()
    }

    /// How much memory it holds, in bytes.
    pub fn bytes(&self) -> usize {
        match self {
            Self::String(text) => text.len(),
            Self::Held(held) => held.bytes(),
            Self::Int(_) | Self::Float(_) | Self::Bool(_) | Self::Json(_) | Self::Blocked(_) => 0,
        }
    }

    /// Whether nodes that would take it do not run.
    pub fn is_blocked(&self) -> bool {
        matches!(self, Self::Blocked(_))
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(whole) => write!(f, "{whole}"),
            Self::Float(real) => write!(f, "{real:?}"),
            Self::Bool(truth) => f.write_str(if *truth { "True" } else { "False" }),
            Self::String(text) => f.write_str(text),
            Self::Json(json) => write!(f, "{json}"),
            Self::Held(held) => write!(f, "<{}>", held.socket()),
            Self::Blocked(_) => f.write_str("<blocked>"),
        }
    }
}

impl fmt::Debug for dyn Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}>", self.socket())
    }
}

/// "needs an IMAGE, got a MASK".
pub(crate) fn mismatch(wanted: &SocketType, got: &Value) -> String {
    format!("needs {wanted}, got {} ({got})", got.type_name())
}

impl Socket for Value {
    const TYPE: SocketType = SocketType::ANY;

    fn bytes(&self) -> usize {
        Self::bytes(self)
    }

    fn into_value(self) -> Value {
        self
    }

    fn from_value(value: &Value) -> Result<Self, String> {
        Ok(value.clone())
    }
}

impl Socket for bool {
    const TYPE: SocketType = SocketType::named("BOOLEAN");

    fn widget() -> Option<Widget> {
        Some(Widget::Boolean { default: false })
    }

    fn into_value(self) -> Value {
        Value::Bool(self)
    }

    fn from_value(value: &Value) -> Result<Self, String> {
        match value {
            Value::Bool(truth) => Ok(*truth),
            Value::Int(whole) => Ok(*whole != 0),
            Value::Float(real) => Ok(*real != 0.0),
            _ => Err(mismatch(&Self::TYPE, value)),
        }
    }
}

impl Socket for f64 {
    const TYPE: SocketType = SocketType::named("FLOAT");

    fn widget() -> Option<Widget> {
        Some(Widget::Float { default: 0.0, min: Self::MIN, max: Self::MAX, step: 0.01, round: None, control: None })
    }

    fn into_value(self) -> Value {
        Value::Float(self)
    }

    fn from_value(value: &Value) -> Result<Self, String> {
        match value {
            Value::Float(real) => Ok(*real),
            Value::Int(whole) => Ok(*whole as Self),
            Value::Bool(truth) => Ok(Self::from(u8::from(*truth))),
            _ => Err(mismatch(&Self::TYPE, value)),
        }
    }
}

/// A whole number within the bounds of a Rust type. Real numbers lose their fraction, as Python's `int()` does.
fn whole<T: TryFrom<i128> + fmt::Display>(value: &Value, min: T, max: T) -> Result<T, String> {
    let number = match value {
        Value::Int(whole) => *whole,
        Value::Bool(truth) => i128::from(*truth),
        Value::Float(real) if real.is_finite() => real.trunc() as i128,
        _ => return Err(mismatch(&i64::TYPE, value)),
    };
    T::try_from(number).map_err(|_| format!("{number} is not within {min} to {max}"))
}

macro_rules! whole_numbers {
    ($($type:ty)*) => {$(
        impl Socket for $type {
            const TYPE: SocketType = SocketType::named("INT");

            fn widget() -> Option<Widget> {
                Some(Widget::Int { default: 0, min: Self::MIN as i128, max: Self::MAX as i128, step: 1, control: None })
            }

            fn into_value(self) -> Value {
                Value::Int(self as i128)
            }

            fn from_value(value: &Value) -> Result<Self, String> {
                whole(value, Self::MIN, Self::MAX)
            }
        }
    )*};
}
whole_numbers!(i64 u64 i32 u32 usize);

impl Socket for String {
    const TYPE: SocketType = SocketType::named("STRING");

    fn bytes(&self) -> usize {
        self.len()
    }

    fn widget() -> Option<Widget> {
        Some(Widget::String { default: Self::new(), multiline: false, dynamic_prompts: false })
    }

    fn into_value(self) -> Value {
        Value::String(self.into())
    }

    fn from_value(value: &Value) -> Result<Self, String> {
        match value {
            Value::String(text) => Ok(text.as_ref().to_owned()),
            _ => Err(mismatch(&Self::TYPE, value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_real_number_becomes_a_whole_one_as_in_python() {
        assert_eq!(i64::from_value(&Value::Float(-2.7)), Ok(-2));
        assert_eq!(u64::from_value(&Value::Int(u64::MAX.into())), Ok(u64::MAX));
        assert_eq!(u64::from_value(&Value::Int(-1)).unwrap_err(), "-1 is not within 0 to 18446744073709551615");
        assert_eq!(i64::from_value(&Value::Float(f64::NAN)).unwrap_err(), "needs INT, got FLOAT (NaN)");
    }

    #[test]
    fn a_text_is_no_number() {
        assert_eq!(f64::from_value(&Value::String("1".into())).unwrap_err(), "needs FLOAT, got STRING (1)");
    }

    #[test]
    fn literals_keep_every_digit_of_a_seed() {
        let seed: Json = serde_json::from_str("18446744073709551615").unwrap();
        assert_eq!(Value::from_json(&seed).to::<u64>(), Some(u64::MAX));
    }
}
