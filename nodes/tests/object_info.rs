//! Every class has the slots that ComfyUI's has, so that its workflows load.

use graph::{Catalog, NodeSpec};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Classes that `object_info.json` does not have: newer than the ComfyUI that it was made from, of well-known node packs, and our own.
const NEWER: &[&str] = &[
    "ApplyFBCacheOnModel",
    "ColorToRGBInt",
    "ComfyMathExpression",
    "ComfyNumberConvert",
    "ComfySwitchNode",
    "CurveEditor",
    "CustomCombo",
    "DynamicThresholdingFull",
    "DynamicThresholdingSimple",
    "GLSLShader",
    "ImageCompare",
    "ImageHistogram",
    "LanguageModelChat",
    "LanguageModelComplete",
    "LanguageModelConversation",
    "LanguageModelCountTokens",
    "LanguageModelEnhancePrompt",
    "LanguageModelLoader",
    "LanguageModelOptions",
    "ManualSigmas",
    "ResizeImageMaskNode",
    "SeedNode",
    "SizeIndependentNoise",
];

/// Choices that are newer as well.
const NEWER_CHOICES: &[&str] = &["exp_heun_2_x0", "exp_heun_2_x0_sde"];

/// A class that has an output since: templates of newer releases link it.
const NEWER_OUTPUT: &str = "PreviewAny";

fn facts() -> BTreeMap<String, Value> {
    serde_json::from_str(include_str!("object_info.json")).expect("made by make_object_info.py")
}

#[test]
fn classes_have_the_slots_of_comfyui() {
    let (catalogue, facts) = (nodes::catalogue(), facts());
    let mut wrong = Vec::new();
    for (class, fact) in &facts {
        if let Some(spec) = catalogue.spec(class) {
            let mut spec = NodeSpec::clone(&spec);
            if class == NEWER_OUTPUT {
                assert_eq!(spec.outputs.len(), 1);
                spec.outputs.clear();
            }
            wrong.extend(differences(&spec, fact, &catalogue).into_iter().map(|it| format!("{class}: {it}")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn classes_that_comfyui_does_not_have_are_listed() {
    let facts = facts();
    let unknown: Vec<_> = nodes::catalogue().classes().into_iter().filter(|it| !facts.contains_key(it)).collect();
    assert_eq!(unknown, NEWER);
}

#[test]
fn a_difference_is_found() {
    let (catalogue, facts) = (nodes::catalogue(), facts());
    let spec = catalogue.spec("RegexExtract").expect("a class");
    let mut other = NodeSpec::clone(&spec);
    other.category.clear();
    other.inputs.swap(0, 1);
    other.outputs[0].is_list = true;
    assert_eq!(differences(&other, &facts["RegexExtract"], &catalogue).len(), 3);
    let mut other = NodeSpec::clone(&spec);
    let Some(graph::Widget::Int { max, .. }) = &mut other.inputs[6].widget else { panic!("group_index is a number") };
    *max = 99;
    assert_eq!(differences(&other, &facts["RegexExtract"], &catalogue), ["input `group_index`: max is 99, ComfyUI's is 100"]);
}

fn differences(spec: &NodeSpec, fact: &Value, catalogue: &dyn Catalog) -> Vec<String> {
    let flags = [("output_node", spec.output_node), ("deprecated", spec.deprecated), ("experimental", spec.experimental)];
    let flags: Vec<_> = flags.iter().filter(|(_, on)| *on).map(|(name, _)| *name).collect();
    let names: Vec<_> = spec.inputs.iter().map(|it| json!([it.name, it.required])).collect();
    let expected = fact["inputs"].as_array().expect("a list");
    let expected_names: Vec<_> = expected.iter().map(|it| json!([it[0], it[1]])).collect();
    let outputs: Vec<_> = spec.outputs.iter().map(|it| json!([it.name, it.socket.as_str(), it.is_list])).collect();
    let mut wrong = Vec::new();
    for (what, ours, theirs) in [
        ("title", json!(spec.display_name), &fact["display_name"]),
        ("menu", json!(spec.category), &fact["category"]),
        ("flags", json!(flags), &fact["flags"]),
        ("inputs", json!(names), &json!(expected_names)),
        ("outputs", json!(outputs), &fact["outputs"]),
    ] {
        if ours != *theirs {
            wrong.push(format!("{what}: {ours}, ComfyUI's: {theirs}"));
        }
    }
    for input in &spec.inputs {
        if let Some(theirs) = expected.iter().find(|it| it[0] == input.name) {
            let ours = input.config(catalogue);
            wrong.extend(input_differences(&ours, &theirs[2]).into_iter().map(|it| format!("input `{}`: {it}", input.name)));
        }
    }
    wrong
}

fn input_differences(ours: &Value, theirs: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    // The list of outputs is not in the description, where it would be old at once.
    let listed = ours[1].get("remote").is_none();
    let mut offered = ours[0].clone();
    if let Some(choices) = offered.as_array_mut() {
        choices.retain(|it| !it.as_str().is_some_and(|it| NEWER_CHOICES.contains(&it)));
    }
    if listed && offered != theirs[0] {
        wrong.push(format!("{offered}, ComfyUI's is {}", theirs[0]));
    }
    let (ours, theirs, first) = (&ours[1], &theirs[1], &theirs[0][0]);
    let mut compare = |key: &str, ours: &Value, theirs: &Value| {
        let equal = match (ours.as_f64(), theirs.as_f64()) {
            (Some(ours), Some(theirs)) => ours == theirs,
            _ => ours == theirs,
        };
        if !equal {
            wrong.push(format!("{key} is {ours}, ComfyUI's is {theirs}"));
        }
    };
    for key in ["min", "max", "step", "round"] {
        if let Some(theirs) = theirs.get(key) {
            compare(key, &ours[key], theirs);
        }
    }
    // What is not said there is the same as off, or as the first choice; a number's default is then the editor's.
    for key in ["multiline", "dynamicPrompts", "control_after_generate", "image_upload", "lazy", "rawLink", "forceInput"] {
        let or_off = |it: &Value| if it[key].is_null() { json!(false) } else { it[key].clone() };
        compare(key, &or_off(ours), &or_off(theirs));
    }
    let or_first = |it: &Value| if it["default"].is_null() { first.clone() } else { it["default"].clone() };
    if theirs.get("default").is_some() || !first.is_null() {
        compare("default", &or_first(ours), &or_first(theirs));
    }
    // No range there is none here.
    for (key, far) in [("min", -1e9), ("max", 1e9)] {
        if let (None, Some(ours)) = (theirs.get(key), ours[key].as_f64())
            && ours / far < 1.0
        {
            wrong.push(format!("{key} is {ours}, ComfyUI has none"));
        }
    }
    wrong
}
