//! The prompt format: one object per node, as programs send it and as pictures carry it.
//!
//! ```json
//! { "3": { "class_type": "KSampler", "inputs": { "seed": 5, "model": ["4", 0] }, "_meta": { "title": "Sample" } } }
//! ```

use crate::graph::{Graph, InputValue, Node, NodeId};
use crate::problem::{Problem, Problems};
use serde_json::{Map, Value, json};

/// The key that marks a literal which would otherwise be taken for something else.
const WRAPPED: &str = "__value__";

/// Reads a prompt: an object of nodes, or an object whose `prompt` is one.
///
/// # Errors
/// All nodes that cannot be read, each with its id.
pub fn from_json(json: &Value) -> Result<Graph, Problems> {
    let nodes = match json {
        Value::Object(outer) => match outer.get("prompt") {
            // A node may well be called "prompt".
            Some(Value::Object(inner)) if !inner.contains_key("class_type") => inner,
            _ => outer,
        },
        other => {
            return Err(Problem::unreadable(format!("a prompt is an object of nodes, and this is {}", kind_of(other))).into());
        }
    };
    let mut graph = Graph::new();
    let mut problems = Vec::new();
    for (id, json) in nodes {
        let id = NodeId::from(id.as_str());
        match node(&id, json) {
            Ok(node) => graph.insert(id, node).expect("an object's keys are unique"),
            Err(problem) => problems.push(*problem),
        }
    }
    if problems.is_empty() { Ok(graph) } else { Err(Problems(problems)) }
}

/// Writes a prompt.
pub fn to_json(graph: &Graph) -> Value {
    let node = |node: &Node| {
        let inputs: Map<String, Value> = node.inputs.iter().map(|(name, value)| (name.clone(), input_to_json(value))).collect();
        let mut meta: Map<String, Value> = node.title.iter().map(|title| ("title".to_owned(), title.as_str().into())).collect();
        meta.extend(node.meta.iter().map(|(key, value)| (key.clone(), value.clone())));
        let mut json = json!({ "inputs": inputs, "class_type": node.class });
        if !meta.is_empty() {
            json["_meta"] = meta.into();
        }
        json
    };
    Value::Object(graph.iter().map(|(id, it)| (id.to_string(), node(it))).collect())
}

/// What an input of a prompt means.
pub fn input_from_json(json: &Value) -> InputValue {
    match json {
        Value::Array(pair) => match link(pair) {
            Some((node, slot)) => InputValue::Link { node, slot },
            None => InputValue::Malformed(json.clone()),
        },
        Value::Object(object) => InputValue::Literal(object.get(WRAPPED).unwrap_or(json).clone()),
        literal => InputValue::Literal(literal.clone()),
    }
}

/// How an input is written in a prompt.
pub fn input_to_json(value: &InputValue) -> Value {
    match value {
        InputValue::Literal(list @ Value::Array(_)) => json!({ WRAPPED: list }),
        InputValue::Literal(Value::Object(object)) if object.contains_key(WRAPPED) => json!({ WRAPPED: object }),
        InputValue::Literal(literal) => literal.clone(),
        InputValue::Link { node, slot } => json!([node.as_str(), slot]),
        InputValue::Malformed(list) => list.clone(),
    }
}

fn node(id: &NodeId, json: &Value) -> Result<Node, Box<Problem>> {
    let broken = |details: String| Problem::unreadable(details).of(id, "");
    let Value::Object(json) = json else {
        return Err(broken(format!("node `{id}` is {} and should be an object", kind_of(json))).into());
    };
    let class = match json.get("class_type") {
        Some(Value::String(class)) => class.clone(),
        Some(other) => {
            return Err(broken(format!("the class_type of node `{id}` is {} and should be a text", kind_of(other))).into());
        }
        None => {
            return Err(Problem {
                message: "Cannot execute because a node is missing the class_type property.".to_owned(),
                details: format!("Node ID '#{id}'"),
                ..broken(String::new())
            }
            .hint("every node of a prompt needs a class_type")
            .into());
        }
    };
    let inputs = match json.get("inputs") {
        Some(Value::Object(inputs)) => inputs.iter().map(|(name, value)| (name.clone(), input_from_json(value))).collect(),
        None | Some(Value::Null) => Default::default(),
        Some(other) => {
            return Err(broken(format!("the inputs of node `{id}` are {} and should be an object", kind_of(other))).into());
        }
    };
    let mut meta = json.get("_meta").and_then(Value::as_object).cloned().unwrap_or_default();
    let title = match meta.get("title") {
        Some(Value::String(title)) => Some(title.clone()),
        _ => None,
    };
    if title.is_some() {
        meta.shift_remove("title");
    }
    Ok(Node { class, inputs, title, meta })
}

fn link(pair: &[Value]) -> Option<(NodeId, usize)> {
    let [Value::String(node), Value::Number(slot)] = pair else { return None };
    let slot =
        slot.as_u64().or_else(|| slot.as_f64().filter(|it| it.fract() == 0.0 && (0.0..1e9).contains(it)).map(|it| it as u64))?;
    Some((node.as_str().into(), usize::try_from(slot).ok()?))
}

/// `a number`, for messages.
pub(crate) fn kind_of(json: &Value) -> &'static str {
    match json {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn problems(prompt: Value) -> String {
        from_json(&prompt).unwrap_err().to_string()
    }

    #[test]
    fn a_prompt_is_read_and_written_back_as_it_was() {
        let text = r#"{"9":{"inputs":{"seed":18446744073709551615,"cfg":8.0,"model":["4",0],"curve":{"__value__":[1,2]}},
            "class_type":"Sample","_meta":{"title":"Mine","ver":"1"}},"4":{"inputs":{},"class_type":"Checkpoint"}}"#;
        let json: Value = serde_json::from_str(text).unwrap();
        let graph = from_json(&json).unwrap();
        let node = graph.node("9").unwrap();
        assert_eq!(node.inputs["seed"], InputValue::Literal(u64::MAX.into()));
        assert_eq!(node.inputs["model"], InputValue::Link { node: "4".into(), slot: 0 });
        assert_eq!(node.inputs["curve"], InputValue::Literal(json!([1, 2])));
        assert_eq!((node.title.as_deref(), node.meta.len()), (Some("Mine"), 1));
        assert_eq!(to_json(&graph).to_string(), json.to_string());
    }

    #[test]
    fn a_request_around_the_prompt_is_taken_off() {
        let nodes = json!({ "1": { "class_type": "A", "inputs": {} } });
        let request = json!({ "prompt": nodes, "extra_data": { "extra_pnginfo": {} }, "client_id": "me" });
        assert_eq!(from_json(&request).unwrap(), from_json(&nodes).unwrap());
        let node_of_that_name = json!({ "prompt": { "class_type": "A", "inputs": {} } });
        assert!(from_json(&node_of_that_name).unwrap().contains("prompt"));
    }

    #[test]
    fn a_list_that_is_no_link_is_kept_for_validation() {
        for list in
            [json!([1, 2, 3]), json!(["4"]), json!([4, 0]), json!(["4", -1]), json!(["4", 0.5]), json!(["4", "0"]), json!([])]
        {
            assert_eq!(input_from_json(&list), InputValue::Malformed(list.clone()));
            assert_eq!(input_to_json(&InputValue::Malformed(list.clone())), list);
        }
        assert_eq!(input_from_json(&json!(["4", 1.0])), InputValue::Link { node: "4".into(), slot: 1 });
    }

    #[test]
    fn every_node_that_cannot_be_read_is_named() {
        expect_test::expect![[r#"
            node 1: Cannot execute because a node is missing the class_type property.: Node ID '#1' (every node of a prompt needs a class_type)
            node 2: The workflow cannot be read: node `2` is a number and should be an object
            node 3: The workflow cannot be read: the inputs of node `3` are a list and should be an object
            node 4: The workflow cannot be read: the class_type of node `4` is null and should be a text"#]]
        .assert_eq(&problems(json!({
            "1": {}, "2": 5, "3": { "class_type": "A", "inputs": [] }, "4": { "class_type": null },
            "5": { "class_type": "A" },
        })));
        expect_test::expect!["The workflow cannot be read: a prompt is an object of nodes, and this is a list"]
            .assert_eq(&problems(json!([])));
    }

    proptest! {
        #[test]
        fn every_input_is_written_back_as_it_means(literal in crate::toy::any_json()) {
            let value = InputValue::Literal(literal);
            prop_assert_eq!(input_from_json(&input_to_json(&value)), value);
        }

        #[test]
        fn no_json_makes_reading_panic(json in crate::toy::any_json()) {
            if let Ok(graph) = from_json(&json) {
                prop_assert_eq!(&from_json(&to_json(&graph)).unwrap(), &graph);
            }
        }
    }
}
