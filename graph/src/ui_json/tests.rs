//! Small workflows, one for each rule.

use super::{Limits, from_json, to_json, widgets};
use crate::api_json;
use crate::graph::{Graph, InputValue, Node};
use crate::key;
use crate::toy::{Toy, any_json, graph, picture};
use crate::validate;
use expect_test::{Expect, expect, expect_file};
use proptest::prelude::*;
use serde_json::{Value, json};

fn read(workflow: &Value) -> Graph {
    from_json(workflow, &Toy::new(), 0).unwrap()
}

/// One line a node: `id Class input=value`.
fn check(workflow: Value, expected: Expect) {
    let prompt = api_json::to_json(&read(&workflow));
    let line = |(id, node): (&String, &Value)| {
        let inputs = node["inputs"].as_object().unwrap().iter().map(|(name, value)| format!(" {name}={value}"));
        format!("{id} {}{}\n", node["class_type"].as_str().unwrap(), inputs.collect::<String>())
    };
    expected.assert_eq(&prompt.as_object().unwrap().iter().map(line).collect::<String>());
}

fn error(workflow: &Value) -> String {
    from_json(workflow, &Toy::new(), 0).unwrap_err().to_string()
}

/// A node of which inputs are (name, type, link).
fn node(id: impl Into<Value>, class: &str, inputs: &[(&str, &str, Option<i64>)], values: Value) -> Value {
    let inputs: Vec<_> = inputs.iter().map(|(name, kind, link)| json!({ "name": name, "type": kind, "link": link })).collect();
    json!({ "id": id.into(), "type": class, "mode": 0, "inputs": inputs, "widgets_values": values })
}

fn mode(mut node: Value, mode: u8) -> Value {
    node["mode"] = mode.into();
    node
}

fn with(mut node: Value, key: &str, value: Value) -> Value {
    node[key] = value;
    node
}

/// A whole workflow of version 0.4.
fn flow(nodes: Vec<Value>, links: Vec<Value>) -> Value {
    json!({ "nodes": nodes, "links": links, "version": 0.4 })
}

/// A picture file, something with it, and a show.
fn shown(middle: Value) -> Value {
    flow(
        vec![
            node(1, "LoadImage", &[], json!(["dog.png", 3, "image"])),
            middle,
            node(3, "Show", &[("anything", "*", Some(2))], json!([true])),
        ],
        vec![json!([1, 1, 0, 2, 0, "IMAGE"]), json!([2, 2, 0, 3, 0, "IMAGE"])],
    )
}

#[test]
fn nodes_links_and_widgets_become_a_prompt() {
    check(
        shown(node(2, "Scale", &[("image", "IMAGE", Some(1))], json!([2.5]))),
        expect![[r#"
            1 LoadImage image="dog.png" page=3
            2 Scale factor=2.5 image=["1",0]
            3 Show loud=true anything=["2",0]
        "#]],
    );
}

#[test]
fn both_versions_say_the_same() {
    let old = shown(node("2", "Scale", &[("image", "IMAGE", Some(1))], json!([2.5])));
    let mut new = old.clone();
    new["version"] = json!(1);
    new["links"] = json!([
        { "id": 1, "origin_id": 1, "origin_slot": 0, "target_id": 2, "target_slot": 0, "type": "IMAGE", "parentId": 9 },
        { "id": 2, "origin_id": 2, "origin_slot": 0, "target_id": 3, "target_slot": 0, "type": "IMAGE" },
    ]);
    new["reroutes"] = json!([{ "id": 9, "pos": [0, 0], "linkIds": [1] }]);
    assert_eq!(read(&old), read(&new));
}

#[test]
fn values_of_controls_and_buttons_are_passed_over() {
    let sample = |values: Value| flow(vec![node(1, "Sample", &[], values)], vec![]);
    let seeded = |control: Value| {
        let mut values = vec![json!(u64::MAX)];
        values.extend(control.as_str().map(Value::from));
        values.extend([json!(20), json!(8.0), json!("heun"), json!(0.5)]);
        sample(values.into())
    };
    // Whether the control was there when the file was written or not.
    for control in [json!("fixed"), json!(null)] {
        assert_eq!(read(&seeded(control)), read(&seeded(json!("randomize"))));
    }
    check(
        seeded(json!("randomize")),
        expect![[r#"
            1 Sample seed=18446744073709551615 steps=20 cfg=8.0 sampler_name="heun" denoise=0.5
        "#]],
    );
    // A choice keeps its control and a filter; a text may be such a word itself.
    check(
        flow(vec![node(1, "Pick", &[], json!(["ink", "increment-wrap", "i", 7]))], vec![]),
        expect![[r#"
        1 Pick style="ink" count=7
    "#]],
    );
    check(
        flow(vec![node(1, "Pick", &[], json!(["ink", 7]))], vec![]),
        expect![[r#"
        1 Pick style="ink" count=7
    "#]],
    );
    check(
        flow(vec![node(1, "Save", &[], json!(["fixed"]))], vec![]),
        expect![[r#"
        1 Save prefix="fixed"
    "#]],
    );
}

#[test]
fn values_may_be_named() {
    for named in [
        node(1, "Empty", &[], json!({ "height": 32, "width": 16, "preview": {} })),
        with(node(1, "Empty", &[], json!([])), "widgets_values_named", json!({ "width": 16, "height": 32 })),
        with(node(1, "Empty", &[], json!([16])), "widgets_values_named", json!({ "width": 99, "height": 32 })),
    ] {
        assert_eq!(read(&flow(vec![named], vec![])), read(&flow(vec![node(1, "Empty", &[], json!([16, 32]))], vec![])));
    }
}

#[test]
fn what_was_never_typed_is_the_default() {
    check(
        flow(
            vec![
                node(1, "Empty", &[], json!([64])),
                node(2, "Checkpoint", &[], json!(null)),
                node(3, "Empty", &[], json!([null, 64])),
            ],
            vec![],
        ),
        expect![[r#"
            1 Empty width=64 height=512
            2 Checkpoint ckpt_name="sd15.safetensors"
            3 Empty width=512 height=64
        "#]],
    );
}

#[test]
fn muted_nodes_give_nothing() {
    check(
        shown(mode(node(2, "Scale", &[("image", "IMAGE", Some(1))], json!([2.5])), 2)),
        expect![[r#"
        1 LoadImage image="dog.png" page=3
        3 Show loud=true
    "#]],
    );
}

#[test]
fn bypassed_nodes_pass_on_what_fits() {
    check(
        shown(mode(node(2, "Scale", &[("image", "IMAGE", Some(1))], json!([2.5])), 4)),
        expect![[r#"
        1 LoadImage image="dog.png" page=3
        3 Show loud=true anything=["1",0]
    "#]],
    );
    // An input of another type does not fit: the wanted type is IMAGE.
    let decode = mode(node(2, "Decode", &[("samples", "LATENT", Some(1)), ("vae", "VAE", None)], json!([])), 4);
    let mut flow = shown(decode);
    flow["nodes"][2] = node(3, "Scale", &[("image", "IMAGE", Some(2))], json!([1.0]));
    check(
        flow,
        expect![[r#"
        1 LoadImage image="dog.png" page=3
        3 Scale factor=1.0
    "#]],
    );
}

#[test]
fn a_bypassed_output_prefers_the_input_of_its_own_number() {
    let blend = |a, b| node(2, "Blend", &[("a", "IMAGE", a), ("b", "IMAGE", b)], json!([0.5]));
    let two = |middle| {
        let mut flow = shown(mode(middle, 4));
        flow["nodes"][2] = node(3, "Scale", &[("image", "IMAGE", Some(2))], json!([1.0]));
        flow
    };
    check(
        two(blend(Some(1), None)),
        expect![[r#"
        1 LoadImage image="dog.png" page=3
        3 Scale factor=1.0 image=["1",0]
    "#]],
    );
    // Its second input is not asked, even where the first has no link.
    check(
        two(blend(None, Some(1))),
        expect![[r#"
        1 LoadImage image="dog.png" page=3
        3 Scale factor=1.0
    "#]],
    );
}

#[test]
fn reroutes_and_notes_dissolve() {
    let mut flow = shown(node(2, "Reroute", &[("", "*", Some(1))], json!(null)));
    flow["nodes"].as_array_mut().unwrap().push(node(4, "Note", &[], json!(["hello"])));
    flow["nodes"].as_array_mut().unwrap().push(node(5, "MarkdownNote", &[], json!(["# hello"])));
    check(
        flow,
        expect![[r#"
        1 LoadImage image="dog.png" page=3
        3 Show loud=true anything=["1",0]
    "#]],
    );
}

#[test]
fn kept_values_are_fetched_by_name() {
    check(
        flow(
            vec![
                node(1, "LoadImage", &[], json!(["dog.png", 3])),
                node(2, "SetNode", &[("IMAGE", "IMAGE", Some(1))], json!(["pet"])),
                node(3, "GetNode", &[], json!(["pet"])),
                node(4, "Scale", &[("image", "IMAGE", Some(2))], json!([2.0])),
            ],
            vec![json!([1, 1, 0, 2, 0, "IMAGE"]), json!([2, 3, 0, 4, 0, "IMAGE"])],
        ),
        expect![[r#"
            1 LoadImage image="dog.png" page=3
            4 Scale factor=2.0 image=["1",0]
        "#]],
    );
}

#[test]
fn a_primitive_writes_its_value_into_what_it_is_linked_to() {
    check(
        flow(
            vec![
                node(1, "PrimitiveNode", &[], json!([48, "randomize"])),
                with(
                    node(2, "Empty", &[], json!([512, 64])),
                    "inputs",
                    json!([{ "name": "width", "type": "INT", "widget": { "name": "width" }, "link": 1 }]),
                ),
            ],
            vec![json!([1, 1, 0, 2, 0, "INT"])],
        ),
        expect![[r#"
            2 Empty width=48 height=64
        "#]],
    );
}

#[test]
fn a_link_ends_in_the_input_of_its_name_wherever_that_stands() {
    // The list of inputs holds only what is linked: `negative` stands first here and sixth in the class.
    let sample = node(2, "Sample", &[("negative", "CONDITIONING", Some(1))], json!([1, "fixed", 2, 3.0, "heun", 1.0]));
    check(
        flow(vec![node(1, "Encode", &[], json!(["a"])), sample], vec![json!([1, 1, 0, 2, 0, "CONDITIONING"])]),
        expect![[r#"
            1 Encode text="a"
            2 Sample seed=1 steps=2 cfg=3.0 sampler_name="heun" denoise=1.0 negative=["1",0]
        "#]],
    );
}

#[test]
fn a_link_that_was_deleted_feeds_nothing() {
    check(
        flow(
            vec![
                node(2, "Scale", &[("image", "IMAGE", Some(77))], json!([2.0])),
                node(3, "Scale", &[("image", "IMAGE", Some(5))], json!([2.0])),
            ],
            vec![json!(null), json!([5, 99, 0, 3, 0, "IMAGE"])],
        ),
        expect![[r#"
            2 Scale factor=2.0
            3 Scale factor=2.0
        "#]],
    );
}

/// A subgraph `sub`: an image input, a `factor` shown as a widget, one output.
fn definition() -> Value {
    json!({
        "id": "sub", "name": "Bigger",
        "inputs": [
            { "id": "a", "name": "picture", "type": "IMAGE", "linkIds": [1] },
            { "id": "b", "name": "much", "type": "FLOAT", "linkIds": [2] },
        ],
        "outputs": [{ "id": "c", "name": "out", "type": "IMAGE", "linkIds": [3] }],
        "nodes": [{
            "id": 3, "type": "Scale", "mode": 0, "widgets_values": [1.5],
            "inputs": [{ "name": "image", "type": "IMAGE", "link": 1 }, { "name": "factor", "type": "FLOAT", "widget": { "name": "factor" }, "link": 2 }],
        }],
        "links": [
            { "id": 1, "origin_id": -10, "origin_slot": 0, "target_id": 3, "target_slot": 0, "type": "IMAGE" },
            { "id": 2, "origin_id": -10, "origin_slot": 1, "target_id": 3, "target_slot": 1, "type": "FLOAT" },
            { "id": 3, "origin_id": 3, "origin_slot": 0, "target_id": -20, "target_slot": 0, "type": "IMAGE" },
        ],
    })
}

fn with_definitions(mut flow: Value, definitions: Vec<Value>) -> Value {
    flow["definitions"] = json!({ "subgraphs": definitions });
    flow
}

/// The picture through a node that stands for `sub`.
fn through_sub(instance: Value) -> Value {
    with_definitions(shown(instance), vec![definition()])
}

#[test]
fn a_subgraph_is_opened_and_its_nodes_are_named_by_their_path() {
    check(
        through_sub(node(2, "sub", &[("picture", "IMAGE", Some(1))], json!([4.0]))),
        expect![[r#"
        1 LoadImage image="dog.png" page=3
        2:3 Scale factor=4.0 image=["1",0]
        3 Show loud=true anything=["2:3",0]
    "#]],
    );
}

#[test]
fn the_value_inside_holds_where_the_outside_says_nothing() {
    check(
        through_sub(node(2, "sub", &[("picture", "IMAGE", Some(1))], json!([]))),
        expect![[r#"
        1 LoadImage image="dog.png" page=3
        2:3 Scale factor=1.5 image=["1",0]
        3 Show loud=true anything=["2:3",0]
    "#]],
    );
    check(
        through_sub(node(2, "sub", &[("picture", "IMAGE", Some(1))], json!([null]))),
        expect![[r#"
        1 LoadImage image="dog.png" page=3
        2:3 Scale factor=1.5 image=["1",0]
        3 Show loud=true anything=["2:3",0]
    "#]],
    );
}

#[test]
fn values_of_a_subgraph_may_be_named_or_listed_by_inner_widget() {
    let sub = || node(2, "sub", &[("picture", "IMAGE", Some(1))], json!([4.0]));
    let named = with(sub(), "widgets_values_named", json!({ "much": 4.0 }));
    let proxied = with(sub(), "properties", json!({ "proxyWidgets": [["3", "$$preview"], ["3", "factor"]] }));
    let own = with(sub(), "properties", json!({ "proxyWidgets": [["-1", "much"]] }));
    for instance in [named, proxied, own] {
        assert_eq!(read(&through_sub(instance)), read(&through_sub(sub())));
    }
}

#[test]
fn a_link_from_outside_wins_over_every_value() {
    let mut flow = through_sub(node(2, "sub", &[("much", "FLOAT", Some(3)), ("picture", "IMAGE", Some(1))], json!([4.0])));
    flow["nodes"].as_array_mut().unwrap().push(node(9, "Either", &[], json!([])));
    flow["links"].as_array_mut().unwrap().push(json!([3, 9, 0, 2, 0, "FLOAT"]));
    check(
        flow,
        expect![[r#"
        1 LoadImage image="dog.png" page=3
        2:3 Scale factor=["9",0] image=["1",0]
        3 Show loud=true anything=["2:3",0]
        9 Either
    "#]],
    );
}

#[test]
fn a_bypassed_subgraph_passes_on_and_a_muted_one_does_not() {
    check(
        through_sub(mode(node(2, "sub", &[("picture", "IMAGE", Some(1))], json!([])), 4)),
        expect![[r#"
        1 LoadImage image="dog.png" page=3
        3 Show loud=true anything=["1",0]
    "#]],
    );
    check(
        through_sub(mode(node(2, "sub", &[("picture", "IMAGE", Some(1))], json!([])), 2)),
        expect![[r#"
        1 LoadImage image="dog.png" page=3
        3 Show loud=true
    "#]],
    );
}

#[test]
fn subgraphs_stand_in_subgraphs() {
    let outer = json!({
        "id": "outer", "name": "Even bigger",
        "inputs": [{ "name": "p", "type": "IMAGE", "linkIds": [1] }, { "name": "m", "type": "FLOAT", "linkIds": [4] }],
        "outputs": [{ "name": "o", "type": "IMAGE", "linkIds": [3] }],
        "nodes": [
            node(7, "sub", &[("picture", "IMAGE", Some(1)), ("much", "FLOAT", Some(4))], json!([2.0])),
            node(8, "sub", &[("picture", "IMAGE", Some(2))], json!([3.0])),
        ],
        "links": [
            { "id": 1, "origin_id": -10, "origin_slot": 0, "target_id": 7, "target_slot": 0, "type": "IMAGE" },
            { "id": 4, "origin_id": -10, "origin_slot": 1, "target_id": 7, "target_slot": 1, "type": "FLOAT" },
            { "id": 2, "origin_id": 7, "origin_slot": 0, "target_id": 8, "target_slot": 0, "type": "IMAGE" },
            { "id": 3, "origin_id": 8, "origin_slot": 0, "target_id": -20, "target_slot": 0, "type": "IMAGE" },
        ],
        "definitions": { "subgraphs": [definition()] },
    });
    let flow = shown(node(2, "outer", &[("p", "IMAGE", Some(1))], json!([6.0])));
    check(
        with_definitions(flow, vec![outer]),
        expect![[r#"
        1 LoadImage image="dog.png" page=3
        2:7:3 Scale factor=6.0 image=["1",0]
        2:8:3 Scale factor=3.0 image=["2:7:3",0]
        3 Show loud=true anything=["2:8:3",0]
    "#]],
    );
}

#[test]
fn a_subgraph_that_holds_itself_is_refused() {
    let mut inner = definition();
    inner["nodes"].as_array_mut().unwrap().push(node(4, "sub", &[], json!([])));
    let flow = with_definitions(shown(node(2, "sub", &[], json!([]))), vec![inner]);
    expect![[
        r#"The workflow cannot be read: the subgraph "Bigger" (`sub`) contains itself (take the inner copy out in the editor)"#
    ]]
    .assert_eq(&error(&flow));
}

#[test]
fn copies_of_copies_are_refused_before_they_are_made() {
    let level = |i: usize, next: String| {
        let nodes: Vec<_> = (0..10).map(|id| node(id, &next, &[], json!([]))).collect();
        json!({ "id": format!("level{i}"), "name": "", "nodes": nodes, "links": [] })
    };
    let mut definitions: Vec<_> = (0..30).map(|i| level(i, format!("level{}", i + 1))).collect();
    definitions.push(level(30, "Empty".to_owned()));
    let flow = with_definitions(flow(vec![node(1, "level0", &[], json!([]))], vec![]), definitions);
    expect!["The workflow cannot be read: the subgraphs hold more than 200000 nodes or 64 MiB of values"]
        .assert_eq(&error(&flow));
}

#[test]
fn nesting_has_a_limit_that_is_told() {
    let nested = |depth: usize| {
        let definitions = (0..depth).map(|i| {
            let next = if i + 1 == depth { "Empty".to_owned() } else { format!("level{}", i + 1) };
            json!({ "id": format!("level{i}"), "name": "", "nodes": [node(1, &next, &[], json!([]))], "links": [] })
        });
        with_definitions(flow(vec![node(1, "level0", &[], json!([]))], vec![]), definitions.collect())
    };
    assert_eq!(read(&nested(Limits::DEPTH)).len(), 1);
    expect!["The workflow cannot be read: subgraphs are nested more than 64 deep"].assert_eq(&error(&nested(Limits::DEPTH + 1)));
    assert_eq!(error(&nested(100_000)), error(&nested(Limits::DEPTH + 1)));
}

#[test]
fn links_that_go_in_a_circle_are_told() {
    expect!["Reroute 2: The workflow cannot be read: links go in a circle without passing a node that does anything (remove one of the links between the reroutes or bypassed nodes there)"].assert_eq(&error(&shown(node(2, "Reroute", &[("", "*", Some(2))], json!(null)))));
}

#[test]
fn what_cannot_be_understood_is_all_told_at_once() {
    let mut flow = shown(node(2, "Scale", &[], json!([])));
    flow["nodes"].as_array_mut().unwrap().extend([
        json!(5),
        json!({ "id": 9 }),
        json!({ "type": "Scale" }),
        node(2, "Scale", &[], json!([])),
    ]);
    flow["links"].as_array_mut().unwrap().extend([json!([1]), json!("x")]);
    expect![[r#"
        The workflow cannot be read: a node is a number and should be an object
        node 9: The workflow cannot be read: node `9` has no type
        The workflow cannot be read: a node has no id: {"type":"Scale"}
        Scale 2: The workflow cannot be read: there are two nodes `2`
        The workflow cannot be read: a link is [1]
        The workflow cannot be read: a link is "x""#]]
    .assert_eq(&error(&flow));
    expect![[r#"workflow>Mine 1: The workflow cannot be read: "workflow>Mine" is a group node (open the workflow in the editor and turn the group node into a subgraph)"#]].assert_eq(&error(&flow_of_group()));
}

fn flow_of_group() -> Value {
    flow(vec![node(1, "workflow>Mine", &[], json!([]))], vec![])
}

#[test]
fn an_unknown_class_keeps_its_links_for_validation() {
    let stranger = with(
        node(2, "Stranger", &[("image", "IMAGE", Some(1))], json!([5])),
        "widgets_values_named",
        json!({ "depth": 5, "fixed": "fixed" }),
    );
    let flow = shown(stranger);
    check(
        flow.clone(),
        expect![[r#"
        1 LoadImage image="dog.png" page=3
        2 Stranger depth=5 image=["1",0]
        3 Show loud=true anything=["2",0]
    "#]],
    );
    let problems = validate(read(&flow), &Toy::new(), None).problems;
    assert_eq!(problems.iter().map(|it| it.kind.as_str()).collect::<Vec<_>>(), ["missing_node_type"]);
}

#[test]
fn titles_and_origins_go_along() {
    let named = with(node(1, "Empty", &[], json!([])), "title", json!("Mine"));
    let named = with(named, "properties", json!({ "cnr_id": "core", "ver": "1", "Node name for S&R": "Empty" }));
    let prompt = api_json::to_json(&read(&flow(vec![named, node(2, "Empty", &[], json!([]))], vec![])));
    assert_eq!(prompt["1"]["_meta"], json!({ "title": "Mine", "cnr_id": "core", "ver": "1" }));
    assert_eq!(prompt["2"]["_meta"], json!({ "title": "The Empty" }));
}

#[test]
fn choices_are_drawn_from_the_seed() {
    let text = |seed: u64| {
        let flow = flow(
            vec![node(
                1,
                "Encode",
                &[],
                json!(["a {red|green|{light|dark} blue} cat // not this\nor \\{this\\} /* nor\nthat */"]),
            )],
            vec![],
        );
        let graph = from_json(&flow, &Toy::new(), seed).unwrap();
        match &graph.node("1").unwrap().inputs["text"] {
            InputValue::Literal(Value::String(text)) => text.clone(),
            other => panic!("{other:?}"),
        }
    };
    let mut seen: Vec<String> = (0..50).map(text).collect();
    assert_eq!(text(7), seen[7]);
    seen.sort();
    seen.dedup();
    expect!["a dark blue cat /or {this} |a green cat /or {this} |a light blue cat /or {this} |a red cat /or {this} "]
        .assert_eq(&seen.join("|").replace('\n', "/"));
}

#[test]
fn a_text_without_end_is_still_read_to_its_end() {
    for (text, drawn) in
        [("a {b|c", "a b"), ("} | a", "} | a"), ("a \\", "a \\"), ("/* a", "/* a"), ("{}", ""), ("(a\\) /", "(a\\) /")]
    {
        assert_eq!(widgets::drawn(text, |_| 0), drawn, "{text}");
    }
    let deep = "{".repeat(300_000) + "x" + &"|}".repeat(300_000);
    assert_eq!(widgets::drawn(&deep, |_| 0), "x");
    assert_eq!(widgets::drawn(&"/* ".repeat(300_000), |_| 0).len(), 900_000);
}

#[test]
fn a_prompt_goes_to_the_editor_and_back() {
    let mut prompt = picture();
    prompt["2"]["inputs"]["text"] = json!("{a|b} http://c /* d */");
    for (id, node) in prompt.as_object_mut().unwrap() {
        node["_meta"] = json!({ "title": format!("Number {id}") });
    }
    let before = graph(&prompt);
    let workflow = to_json(&before, &Toy::new());
    assert_eq!(read(&workflow), before);
    expect![[r#"{"id":4,"type":"Sample","pos":[760,30],"size":[320,234],"flags":{},"order":3,"mode":0,"inputs":[{"name":"model","type":"MODEL","link":2},{"name":"positive","type":"CONDITIONING","link":3},{"name":"negative","type":"CONDITIONING","link":4},{"name":"latent","type":"LATENT","link":5}],"outputs":[{"name":"LATENT","type":"LATENT","links":[6],"slot_index":0}],"properties":{"Node name for S&R":"Sample"},"widgets_values":[5,"fixed",2,7.0,"euler",1.0],"title":"Number 4"}"#]].assert_eq(&workflow["nodes"][3].to_string());
    expect![[r#"[[1,1,1,2,0,"CLIP"],[2,1,0,4,0,"MODEL"],[3,2,0,4,1,"CONDITIONING"],[4,2,0,4,2,"CONDITIONING"],[5,3,0,4,3,"LATENT"],[6,4,0,5,0,"LATENT"],[7,1,2,5,1,"VAE"],[8,5,0,6,0,"IMAGE"]]"#]].assert_eq(&workflow["links"].to_string());
}

#[test]
fn nodes_never_stand_over_each_other_and_stand_right_of_what_they_need() {
    let workflow = to_json(&graph(&picture()), &Toy::new());
    let nodes = workflow["nodes"].as_array().unwrap();
    let corner = |node: &Value| [&node["pos"], &node["size"]].map(|it| [0, 1].map(|i| it[i].as_u64().unwrap()));
    for (i, a) in nodes.iter().enumerate() {
        for b in &nodes[..i] {
            let ([[ax, ay], [aw, ah]], [[bx, by], [bw, bh]]) = (corner(a), corner(b));
            // 30 is the bar of the title, which stands above the corner.
            assert!(ax + aw <= bx || bx + bw <= ax || ay + ah + 30 <= by || by + bh + 30 <= ay, "{a} {b}");
        }
    }
    let by_id = |id: &Value| nodes.iter().find(|node| node["id"] == *id).unwrap();
    for link in workflow["links"].as_array().unwrap() {
        assert!(corner(by_id(&link[1]))[0][0] < corner(by_id(&link[3]))[0][0]);
    }
}

/// A number, so many nodes behind it, and an end; the nodes in a chain, or all fed by the number.
fn large(nodes: usize, wide: bool) -> Graph {
    let mut graph = Graph::new();
    graph.insert("start", Node::new("Number").with("value", 5)).unwrap();
    for i in 0..nodes {
        let node = match (wide, i) {
            (true, _) => Node::new("Show").with("loud", true).linked("anything", "start", 0),
            (false, 0) => Node::new("Pass").linked("value", "start", 0),
            (false, _) => Node::new("Pass").linked("value", (i - 1).to_string(), 0),
        };
        graph.insert(i.to_string(), node).unwrap();
    }
    graph.insert("end", Node::new("Show").with("loud", true).linked("anything", (nodes - 1).to_string(), 0)).unwrap();
    graph
}

/// What this takes is measured elsewhere; a stack that runs over, or a cost that grows with the square, shows here.
#[test]
fn a_hundred_thousand_nodes_are_read_validated_and_hashed() {
    const NODES: usize = 100_000;
    let catalog = Toy::new();
    for wide in [false, true] {
        let text = api_json::to_json(&large(NODES, wide)).to_string();
        let validation = validate(crate::read_text(&text, &catalog, 0).unwrap(), &catalog, None);
        // The end of the wide one asks a Show for something, and a Show gives nothing.
        assert_eq!(validation.problems.len(), usize::from(wide));
        assert_eq!(validation.runnable.len(), if wide { NODES } else { 1 });
        assert_eq!(key::keys(&validation.graph, &catalog, |_, _| vec![]).unwrap().len(), NODES + 2);
    }
}

#[test]
fn large_graphs_go_to_the_editor_and_back() {
    for wide in [false, true] {
        let graph = large(20_000, wide);
        let mut back = read(&to_json(&graph, &Toy::new()));
        let ids: Vec<_> = back.ids().cloned().collect();
        ids.iter().for_each(|id| back.set_title(id, None).unwrap());
        assert_eq!(back, graph);
    }
}

#[test]
fn long_ways_through_reroutes_and_bypassed_nodes_are_followed() {
    const NODES: i64 = 20_000;
    let chain = |pass: &dyn Fn(i64) -> Value| {
        let mut nodes = vec![node(0, "LoadImage", &[], json!(["dog.png", 1]))];
        nodes.extend((1..=NODES).map(pass));
        // All of the end's consumers ask again; the way is known by then.
        nodes.extend((1..=NODES).map(|i| node(NODES + i, "Scale", &[("image", "IMAGE", Some(NODES))], json!([1.0]))));
        let links = (1..=NODES).map(|i| json!([i, i - 1, 0, i, 0, "IMAGE"])).collect();
        let mut flow = flow(nodes, links);
        flow["links"][NODES as usize - 1] = json!([NODES, NODES, 0, NODES + 1, 0, "IMAGE"]);
        flow["nodes"][NODES as usize]["inputs"][0]["link"] = json!(NODES - 1);
        flow["nodes"][NODES as usize - 1]["inputs"][0]["link"] = json!(NODES - 1);
        flow
    };
    let reroute = |i: i64| node(i, "Reroute", &[("", "*", Some(i))], json!(null));
    let bypassed = |i: i64| mode(node(i, "Scale", &[("image", "IMAGE", Some(i))], json!([1.0])), 4);
    for pass in [&reroute as &dyn Fn(i64) -> Value, &bypassed] {
        let graph = read(&chain(pass));
        assert_eq!(graph.len() as i64, NODES + 1);
        assert_eq!(graph.dependents("0").len() as i64, NODES);
    }
}

/// What `/object_info` would say of the toy classes.
fn toy_classes() -> String {
    let catalog = Toy::new();
    let about = |class: &String| {
        let spec = crate::Catalog::spec(&catalog, class).unwrap();
        let outputs: Vec<_> = spec.outputs.iter().map(|it| it.socket.as_str()).collect();
        let about = json!({
            "input": crate::spec::sections(&spec.inputs, &catalog),
            "output": outputs,
            "output_name": outputs,
            "display_name": spec.display_name,
            "category": spec.category,
            "output_node": spec.output_node,
        });
        (class.clone(), about)
    };
    let classes = crate::Catalog::classes(&catalog);
    serde_json::to_string_pretty(&Value::Object(classes.iter().map(about).collect())).unwrap() + "\n"
}

#[test]
fn a_choice_brings_its_inputs_and_their_values_stand_behind_it() {
    let links = |names: &[&str]| -> Vec<Value> {
        let all = names.iter().enumerate();
        all.map(|(i, name)| json!({ "name": name, "type": "IMAGE", "link": i + 1 })).collect()
    };
    let resize = |names: &[&str], values: Value| {
        let mut flow = shown(node(2, "Resize", &[], values));
        flow["nodes"][1]["inputs"] = links(names).into();
        flow["links"] = (0..names.len()).map(|i| json!([i + 1, 1, 0, 2, i, "IMAGE"])).collect();
        read(&flow)
    };
    let inputs = |graph: &Graph| api_json::to_json(graph)["2"]["inputs"].to_string();
    expect![[r#"{"way":"factor","way.factor":3.0,"method":"area","image":["1",0]}"#]]
        .assert_eq(&inputs(&resize(&["image"], json!(["factor", 3.0, "area"]))));
    // A choice within a choice.
    expect![[r#"{"way":"size","way.width":64,"way.height":32,"way.crop":"cut","way.crop.middle":true,"method":"area"}"#]]
        .assert_eq(&inputs(&resize(&[], json!(["size", 64, 32, "cut", true, "area"]))));
    // The control behind a seed is passed over, and so is one that stands at the end.
    expect![[r#"{"way":"chance","way.seed":18446744073709551615,"way.least":0.25,"method":"area"}"#]]
        .assert_eq(&inputs(&resize(&[], json!(["chance", u64::MAX, "randomize", 0.25, "area", "randomize"]))));
    expect![[r#"{"way":"like","method":"nearest","image":["1",0],"way.likes.like_1":["1",0]}"#]]
        .assert_eq(&inputs(&resize(&["image", "way.likes.like_1"], json!(["like"]))));
    expect![[r#"{"way":"factor","way.factor":2.0,"method":"nearest"}"#]].assert_eq(&inputs(&resize(&[], json!([]))));
}

#[test]
fn what_changes_with_the_node_is_validated_as_the_node_has_it() {
    let mut prompt = picture();
    prompt["7"] =
        json!({ "class_type": "Resize", "inputs": { "image": ["5", 0], "way": "size", "way.width": 9999, "method": "area" } });
    prompt["8"] = json!({ "class_type": "Gather", "inputs": { "images.image1": ["7", 0] } });
    prompt["6"]["inputs"]["images"] = json!(["8", 0]);
    let problems = validate(graph(&prompt), &Toy::new(), None).problems;
    let found: Vec<_> =
        problems.iter().map(|it| format!("{} {}", it.kind.as_str(), it.input.as_deref().unwrap_or_default())).collect();
    expect![[r#"
        value_bigger_than_max way.width
        required_input_missing way.height
        required_input_missing way.crop
        required_input_missing images.image0"#]]
    .assert_eq(&found.join("\n"));
}

#[test]
fn what_changes_with_the_node_goes_to_the_editor_and_back() {
    let mut prompt = picture();
    prompt["7"] = json!({ "class_type": "Resize", "inputs": {
        "image": ["5", 0], "way": "size", "way.width": 64, "way.height": 32, "way.crop": "cut", "way.crop.middle": true, "method": "area" } });
    prompt["8"] = json!({ "class_type": "Gather", "inputs": { "images.image0": ["7", 0], "images.image1": ["5", 0] } });
    prompt["9"] = json!({ "class_type": "Curve", "inputs": { "curve": { "points": [[0, 1], [1, 0]] }, "count": 2 } });
    let mut before = graph(&prompt);
    let ids: Vec<_> = before.ids().cloned().collect();
    ids.iter().for_each(|id| before.set_title(id, Some(format!("Number {id}"))).unwrap());
    assert_eq!(read(&to_json(&before, &Toy::new())), before);
}

/// What a server says of its classes is enough to read a workflow as it reads it.
#[test]
fn the_vectors_hold_with_the_classes_that_a_server_tells_of() {
    let classes: Value = serde_json::from_str(include_str!("../../vectors/object_info.json")).unwrap();
    let declared = crate::Declared::read(&classes).unwrap();
    let vectors: Value = serde_json::from_str(include_str!("../../vectors/prompts.json")).unwrap();
    for vector in vectors.as_array().unwrap() {
        let graph = from_json(&vector["workflow"], &declared, 0).unwrap();
        assert_eq!(api_json::to_json(&graph), vector["prompt"], "{}", vector["workflow"]);
    }
}

/// The editor makes prompts itself, and is tested on the same files.
#[test]
fn the_vectors_that_the_editor_is_tested_on_hold() {
    expect_file!["../../vectors/object_info.json"].assert_eq(&toy_classes());
    let vectors: Value = serde_json::from_str(include_str!("../../vectors/prompts.json")).unwrap();
    for vector in vectors.as_array().unwrap() {
        assert_eq!(api_json::to_json(&read(&vector["workflow"])), vector["prompt"], "{}", vector["workflow"]);
    }
}

/// Graphs of the toy classes in which every input with a widget is fed and every node has a title.
fn any_graph() -> impl Strategy<Value = Graph> {
    let word = proptest::sample::select(vec!["", "a", "{a|b}", "fixed", "randomize", "// x", "/* y */ z", "é|", "a/b", "///*"]);
    let part = (0_usize..15, any::<u64>(), word, any::<[bool; 9]>(), any::<[u8; 9]>());
    proptest::collection::vec(part, 0..12).prop_map(|parts| {
        let catalog = Toy::new();
        let fixed = |class: &String| crate::Catalog::spec(&catalog, class).unwrap().inputs.iter().all(|it| it.dynamic.is_none());
        let classes: Vec<_> = crate::Catalog::classes(&catalog).into_iter().filter(fixed).collect();
        let mut graph = Graph::new();
        for (i, (class, number, word, linked, from)) in parts.into_iter().enumerate() {
            let spec = crate::Catalog::spec(&catalog, &classes[class % classes.len()]).unwrap();
            let mut node = Node::new(&*spec.class);
            node.title = Some(format!("{word} {i}"));
            for (k, input) in spec.inputs.iter().enumerate() {
                if linked[k] && i > 0 {
                    node = node.linked(&input.name, (usize::from(from[k]) % i).to_string(), usize::from(from[k] % 3));
                } else if input.widget.is_some() {
                    let literal = if input.socket.as_str() == "STRING" { Value::from(word) } else { Value::from(number) };
                    node = node.with(&input.name, literal);
                } else if from[k] % 4 == 0 {
                    node = node.with(&input.name, word);
                }
            }
            graph.insert(i.to_string(), node).unwrap();
        }
        graph
    })
}

proptest! {
    #[test]
    fn every_graph_goes_to_the_editor_and_back(graph in any_graph()) {
        let workflow = to_json(&graph, &Toy::new());
        prop_assert_eq!(read(&workflow), graph);
    }

    #[test]
    fn what_is_escaped_is_drawn_as_it_was(text in "[a{}|/*\\\\ \n(é]{0,20}", seed in any::<u64>()) {
        prop_assume!(!["\\{", "\\|", "\\}"].iter().any(|it| text.contains(it)));
        prop_assert_eq!(widgets::drawn(&widgets::undrawn(&text), widgets::draws(seed, "1", "text")), text);
    }

    #[test]
    fn no_text_makes_drawing_panic(text in "[a{}|/*\\\\ \né]{0,40}", seed in any::<u64>()) {
        let drawn = widgets::drawn(&text, widgets::draws(seed, "1", "text"));
        prop_assert!(drawn.len() <= text.len());
    }

    #[test]
    fn no_json_makes_reading_panic(nodes in any_json(), links in any_json(), definitions in any_json(), rest in any_json()) {
        let workflow = json!({ "nodes": nodes, "links": links, "definitions": definitions, "extra": rest });
        from_json(&workflow, &Toy::new(), 0).ok();
        from_json(&rest, &Toy::new(), 0).ok();
    }

    #[test]
    fn no_workflow_makes_reading_panic(
        nodes in proptest::collection::vec(any_node(), 0..8),
        inner in proptest::collection::vec(any_node(), 0..8),
        links in proptest::collection::vec(any_link(), 0..12),
        inside in proptest::collection::vec(any_link(), 0..12),
    ) {
        let sub = json!({
            "id": "sub", "nodes": inner, "links": inside,
            "inputs": [{ "name": "value", "type": "*" }, { "name": "a", "type": "IMAGE" }], "outputs": [{ "name": "out", "type": "*" }, {}],
        });
        let workflow = json!({ "nodes": nodes, "links": links, "definitions": { "subgraphs": [sub] } });
        if let Ok(graph) = from_json(&workflow, &Toy::new(), 0) {
            let validation = validate(graph, &Toy::new(), None);
            let back = to_json(&validation.graph, &Toy::new());
            prop_assert!(from_json(&back, &Toy::new(), 0).is_ok());
        }
    }
}

fn any_node() -> impl Strategy<Value = Value> {
    let classes = vec![
        "sub",
        "sub",
        "Reroute",
        "PrimitiveNode",
        "Note",
        "SetNode",
        "GetNode",
        "Pass",
        "Show",
        "Blend",
        "Scale",
        "Sample",
        "Stranger",
    ];
    let input = (proptest::sample::select(vec!["value", "a", "b", "image", "anything", "x"]), 0_i64..12);
    let link = |(name, link)| json!({ "name": name, "type": "*", "link": link });
    (0_i64..8, proptest::sample::select(classes), proptest::collection::vec(input.prop_map(link), 0..4), 0_u8..6, any_json(), any_json()).prop_map(
        |(id, class, inputs, mode, values, proxies)| {
            json!({
                "id": id, "type": class, "inputs": inputs, "mode": mode, "widgets_values": values, "widgets_values_named": proxies,
                "properties": { "proxyWidgets": proxies },
            })
        },
    )
}

fn any_link() -> impl Strategy<Value = Value> {
    let end = || prop_oneof![8 => 0_i64..8, 2 => Just(-10_i64), 2 => Just(-20_i64)];
    (0_i64..12, end(), 0_i64..3, end(), 0_i64..3).prop_map(|(id, from, out, to, input)| json!([id, from, out, to, input, "*"]))
}
