//! Literals made into other types by the rules of Python's `int()`, `float()`, `str()` and `bool()`, which files rely on.

use serde_json::Value;

/// `int(value)`.
///
/// # Errors
/// Why there is none, in words.
pub(crate) fn int(value: &Value) -> Result<i128, String> {
    match value {
        Value::Bool(truth) => Ok(i128::from(*truth)),
        Value::Number(number) => match number.as_i128() {
            Some(whole) => Ok(whole),
            None => whole(number.as_f64().unwrap_or(f64::NAN)),
        },
        Value::String(text) => digits(text.trim())
            .and_then(|digits| digits.parse().ok())
            .ok_or_else(|| format!("{} is no whole number", quoted(text))),
        Value::Null | Value::Array(_) | Value::Object(_) => Err(not_a_number(value)),
    }
}

/// `float(value)`, but only what JSON can write: neither infinite nor NaN.
///
/// # Errors
/// Why there is none, in words.
pub(crate) fn float(value: &Value) -> Result<f64, String> {
    let real = match value {
        Value::Bool(truth) => f64::from(u8::from(*truth)),
        Value::Number(number) => number.as_f64().unwrap_or(f64::NAN),
        Value::String(text) => without_underscores(text.trim())
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| format!("{} is no number", quoted(text)))?,
        Value::Null | Value::Array(_) | Value::Object(_) => return Err(not_a_number(value)),
    };
    if real.is_finite() { Ok(real) } else { Err(format!("{} is not finite", text(value))) }
}

/// `bool(value)`: whether it is anything but null, zero or empty.
pub(crate) fn truth(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(truth) => *truth,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Object(object) => !object.is_empty(),
    }
}

/// `str(value)`.
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => {
            let mut out = String::new();
            repr(other, &mut out);
            out
        }
    }
}

/// `repr(real)`.
pub(crate) fn float_text(real: f64) -> String {
    let scientific = format!("{real:e}");
    let Some((mantissa, exponent)) = scientific.split_once('e') else { return scientific };
    match exponent.parse::<i32>() {
        Ok(exponent) if !(-4..16).contains(&exponent) => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{mantissa}e{sign}{:02}", exponent.unsigned_abs())
        }
        _ => format!("{real:?}"),
    }
}

/// A text in Python's quotes.
pub(crate) fn quoted(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut out = String::with_capacity(text.len() + 2);
    out.push(quote);
    for it in text.chars() {
        match it {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\\' => out.push_str("\\\\"),
            it if it == quote => out.extend(['\\', it]),
            it if it.is_control() => out.push_str(&format!("\\x{:02x}", u32::from(it))),
            it => out.push(it),
        }
    }
    out.push(quote);
    out
}

fn repr(value: &Value, out: &mut String) {
    // The depth is that of one JSON value, which the parser bounds.
    match value {
        Value::Null => out.push_str("None"),
        Value::Bool(true) => out.push_str("True"),
        Value::Bool(false) => out.push_str("False"),
        Value::Number(number) if number.is_f64() => out.push_str(&float_text(number.as_f64().unwrap_or(f64::NAN))),
        Value::Number(number) => out.push_str(&number.to_string()),
        Value::String(text) => out.push_str(&quoted(text)),
        Value::Array(list) => {
            out.push('[');
            for (i, value) in list.iter().enumerate() {
                out.push_str(if i > 0 { ", " } else { "" });
                repr(value, out);
            }
            out.push(']');
        }
        Value::Object(object) => {
            out.push('{');
            for (i, (name, value)) in object.iter().enumerate() {
                out.push_str(if i > 0 { ", " } else { "" });
                out.push_str(&quoted(name));
                out.push_str(": ");
                repr(value, out);
            }
            out.push('}');
        }
    }
}

/// Cuts the fraction off.
fn whole(real: f64) -> Result<i128, String> {
    if real.abs() < 1e38 { Ok(real.trunc() as i128) } else { Err(format!("{} is too large", float_text(real))) }
}

/// An optional sign and decimal digits, underscores between digits taken out.
fn digits(text: &str) -> Option<String> {
    let text = without_underscores(text)?;
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(&text);
    (!unsigned.is_empty() && unsigned.bytes().all(|it| it.is_ascii_digit())).then_some(text)
}

fn without_underscores(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let digit = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_digit);
    let placed = (0..bytes.len()).filter(|at| bytes[*at] == b'_').all(|at| digit(at.checked_sub(1)) && digit(Some(at + 1)));
    placed.then(|| text.replace('_', ""))
}

fn not_a_number(value: &Value) -> String {
    let what = match value {
        Value::Null => "nothing",
        Value::Array(_) => "a list",
        _ => "an object",
    };
    format!("{what} is no number")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn whole_numbers_are_read_as_python_reads_them() {
        for (from, to) in [(json!("5"), 5), (json!(" -1_000 "), -1000), (json!(2.7), 2), (json!(-2.7), -2), (json!(true), 1)] {
            assert_eq!(int(&from), Ok(to), "{from}");
        }
        assert_eq!(int(&json!(u64::MAX)), Ok(i128::from(u64::MAX)));
        for wrong in [json!("2.7"), json!(""), json!("_1"), json!("1__0"), json!("0x10"), json!(null), json!([1]), json!(1e300)] {
            assert!(int(&wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn real_numbers_are_read_as_python_reads_them() {
        for (from, to) in
            [(json!("1e-3"), 0.001), (json!(".5"), 0.5), (json!("1_0.5"), 10.5), (json!(3), 3.0), (json!(false), 0.0)]
        {
            assert_eq!(float(&from), Ok(to), "{from}");
        }
        for wrong in [json!("nan"), json!("inf"), json!("1e999"), json!("x"), json!({})] {
            assert!(float(&wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn texts_are_written_as_python_writes_them() {
        for (from, to) in [
            (json!(1.0), "1.0"),
            (json!(0.00001), "1e-05"),
            (json!(0.0001), "0.0001"),
            (json!(1e16), "1e+16"),
            (json!(1.5e300), "1.5e+300"),
            (json!(123456789012345680.0), "1.2345678901234568e+17"),
            (json!(1e15), "1000000000000000.0"),
            (json!(null), "None"),
            (json!(true), "True"),
            (json!({"a": ["b", 1, "it's"]}), "{'a': ['b', 1, \"it's\"]}"),
        ] {
            assert_eq!(text(&from), to);
        }
    }

    #[test]
    fn only_nothing_zero_and_emptiness_are_false() {
        for no in [json!(null), json!(0), json!(0.0), json!(""), json!([]), json!({}), json!(false)] {
            assert!(!truth(&no), "{no}");
        }
        for yes in [json!("False"), json!(-1), json!([0]), json!({"a": 0})] {
            assert!(truth(&yes), "{yes}");
        }
    }
}
