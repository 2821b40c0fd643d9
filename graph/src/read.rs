//! Reading a workflow of either format.

use crate::api_json::{self, kind_of};
use crate::graph::Graph;
use crate::problem::{Problem, Problems};
use crate::spec::Catalog;
use crate::ui_json;
use serde_json::Value;

/// The two ways in which workflows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// What programs send: [`api_json`].
    Prompt,
    /// What the editor saves: [`ui_json`].
    Editor,
}

/// Reads a workflow, whichever way it is written. `seed` decides what is drawn from the choices in an editor's prompts.
///
/// # Errors
/// Everything in it that cannot be understood.
pub fn read(json: &Value, catalog: &dyn Catalog, seed: u64) -> Result<Graph, Problems> {
    match format(json)? {
        (Format::Prompt, json) => api_json::from_json(json),
        (Format::Editor, json) => ui_json::from_json(json, catalog, seed),
    }
}

/// Reads the text of a workflow file.
///
/// # Errors
/// As [`read`]; or where the text is no JSON.
pub fn read_text(text: &str, catalog: &dyn Catalog, seed: u64) -> Result<Graph, Problems> {
    read(&parse(text)?, catalog, seed)
}

/// Parses the text of a workflow file. Python's writer puts `NaN` and `Infinity` into some, which no JSON has: they are read as null.
///
/// # Errors
/// Where the text is no JSON.
pub fn parse(text: &str) -> Result<Value, Problems> {
    let text = text.trim_start_matches('\u{feff}');
    serde_json::from_str(text).or_else(|error| serde_json::from_str(&without_infinities(text)).map_err(|_| error)).map_err(
        |error| {
            let problem = Problem::unreadable(format!("this is no JSON: {error}"));
            if text.trim().is_empty() { problem.hint("the file is empty").into() } else { problem.into() }
        },
    )
}

/// Tells which way a workflow is written, and where it stands in the JSON: exports have it under `prompt` or `workflow`.
///
/// # Errors
/// When it is neither.
pub fn format(json: &Value) -> Result<(Format, &Value), Problems> {
    let Value::Object(object) = json else {
        return Err(Problem::unreadable(format!("a workflow is an object, and this is {}", kind_of(json))).into());
    };
    let is_editor = |json: &Value| json.get("nodes").is_some_and(Value::is_array);
    let has_class = |json: &Value| json.get("class_type").is_some();
    if is_editor(json) {
        return Ok((Format::Editor, json));
    }
    if let Some(prompt) = object.get("prompt").filter(|it| it.is_object() && !has_class(it)) {
        return Ok((Format::Prompt, prompt));
    }
    if let Some(workflow) = object.get("workflow").filter(|it| is_editor(it)) {
        return Ok((Format::Editor, workflow));
    }
    if object.is_empty() || object.values().any(has_class) {
        return Ok((Format::Prompt, json));
    }
    Err(Problem::unreadable(
        "it has neither a list of `nodes`, as the editor saves, nor nodes with a `class_type`, as programs send",
    )
    .hint("save the workflow in ComfyUI with Save or Export (API)")
    .into())
}

/// The text with the words that are no JSON replaced by null, except inside of strings.
fn without_infinities(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['"', 'N', 'I', '-']) {
        let (before, found) = rest.split_at(at);
        out.push_str(before);
        let (kept, length) = if let Some(rest) = found.strip_prefix('"') {
            let mut escaped = false;
            let end = rest.find(|it| {
                let closes = it == '"' && !escaped;
                escaped = it == '\\' && !escaped;
                closes
            });
            let end = end.map_or(found.len(), |end| end + 2);
            (&found[..end], end)
        } else if let Some(word) = ["NaN", "Infinity", "-Infinity"].into_iter().find(|word| found.starts_with(word)) {
            ("null", word.len())
        } else {
            (&found[..1], 1)
        };
        out.push_str(kept);
        rest = &found[length..];
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::toy::{Toy, any_json, picture};
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn the_formats_are_told_apart() {
        let editor = json!({ "nodes": [], "links": [] });
        for (json, expected) in [
            (picture(), Format::Prompt),
            (json!({}), Format::Prompt),
            (json!({ "prompt": picture(), "workflow": editor }), Format::Prompt),
            (json!({ "prompt": {}, "client_id": "me" }), Format::Prompt),
            (json!({ "nodes": { "class_type": "Save", "inputs": {} } }), Format::Prompt),
            (editor.clone(), Format::Editor),
            (json!({ "workflow": editor }), Format::Editor),
        ] {
            assert_eq!(format(&json).unwrap().0, expected, "{json}");
        }
        for neither in [json!([]), json!(null), json!({ "steps": 20 }), json!({ "nodes": {} })] {
            assert!(read(&neither, &Toy::new(), 0).is_err(), "{neither}");
        }
    }

    #[test]
    fn what_python_writes_beside_json_is_read() {
        let text = "\u{feff}{\"1\": {\"class_type\": \"Show\", \"is_changed\": [NaN, -Infinity], \"inputs\": {\"loud\": \"a \\\" NaN\"}}}";
        let graph = read_text(text, &Toy::new(), 0).unwrap();
        assert_eq!(
            graph,
            api_json::from_json(&json!({ "1": { "class_type": "Show", "inputs": { "loud": "a \" NaN" } } })).unwrap()
        );
    }

    #[test]
    fn what_is_no_json_says_where() {
        let error = |text: &str| read_text(text, &Toy::new(), 0).unwrap_err().to_string();
        assert_eq!(
            error(""),
            "The workflow cannot be read: this is no JSON: EOF while parsing a value at line 1 column 0 (the file is empty)"
        );
        assert_eq!(error("{\"a\": NaN,"), "The workflow cannot be read: this is no JSON: expected value at line 1 column 7");
        assert!(error(&"[".repeat(100_000)).contains("recursion limit"));
    }

    proptest! {
        #[test]
        fn no_text_makes_reading_panic(text in "[\\x00-\\x7f\u{feff}é]{0,60}", json in any_json()) {
            read_text(&text, &Toy::new(), 0).ok();
            let twisted = json.to_string().replace("null", "NaN");
            prop_assert!(parse(&twisted).is_ok());
        }
    }
}
