//! What ComfyUI's `test_execution` asks.

use crate::Case;
use crate::session::{Id, Keeps, Prompt, Session};
use serde_json::{Value, json};

macro_rules! cases {
    ($($case:ident),* $(,)?) => { pub(crate) const CASES: &[Case] = &[$((stringify!($case), $case)),*]; };
}
cases![
    lazy_input,
    full_cache,
    partial_cache,
    error,
    validation_error_literal_whole,
    validation_error_literal_text,
    validation_error_literal_real,
    validation_error_edge1_int,
    validation_error_edge1_mask,
    validation_error_edge2_int,
    validation_error_edge2_float,
    validation_error_edge3_int,
    validation_error_edge3_float,
    validation_error_edge4_int,
    validation_error_edge4_float,
    validation_error_kwargs_in_range,
    validation_error_kwargs_out_of_range,
    validation_error_kwargs_refused,
    cycle_error,
    dynamic_cycle_error,
    missing_node_error,
    custom_is_changed,
    undeclared_inputs,
    for_loop,
    mixed_expansion_returns,
    mixed_lazy_results,
    output_reuse,
    is_changed_with_outputs,
    parallel_sleep_nodes,
    parallel_sleep_expansion,
    execution_block_list_output,
    partial_execution_included_outputs,
    partial_execution_excluded_outputs,
    partial_execution_dependencies,
    partial_execution_with_lazy_nodes,
    partial_execution_multiple_output_nodes,
    partial_execution_empty_list,
    offset_returns_different_items_than_beginning_of_history,
    offset_beyond_history_length_returns_empty,
    offset_at_exact_history_length_returns_empty,
    offset_zero_equals_no_offset_parameter,
    offset_without_max_items_skips_from_beginning,
    offset_with_max_items_returns_correct_window,
    offset_near_end_returns_remaining_items_only,
    sampling_in_expansion,
    accumulations,
    conditions,
];

/// Black and noise, mixed by a mask of one value.
fn mixed(session: &Session, value: f64) -> (Prompt, [Id; 5]) {
    let mut prompt = session.prompt();
    let (black, noise) = (prompt.image("BLACK", 512), prompt.image("NOISE", 512));
    let mask = prompt.mask(value);
    let mix = prompt.mix(&black, &noise, &mask);
    let save = prompt.save(&mix);
    (prompt, [black, noise, mask, mix, save])
}

fn lazy_input(session: &mut Session) {
    let mut prompt = session.prompt();
    let (black, white) = (prompt.image("BLACK", 512), prompt.image("WHITE", 512));
    let mask = prompt.mask(0.0);
    let mix = prompt.mix(&black, &white, &mask);
    let save = prompt.save(&mix);
    let done = session.run(&prompt);
    assert_eq!(session.greys(&done, &save), [0]);
    assert!(done.ran(&black) && done.ran(&mask) && done.ran(&mix));
    assert!(!done.ran(&white));
}

fn full_cache(session: &mut Session) {
    let (prompt, _) = mixed(session, 0.5);
    session.run(&prompt);
    let again = session.run(&prompt);
    for id in prompt.ids() {
        assert_eq!(again.ran(&id), session.keeps == Keeps::Nothing, "{id:?}");
    }
}

fn partial_cache(session: &mut Session) {
    let (mut prompt, [black, noise, mask, mix, save]) = mixed(session, 0.5);
    session.run(&prompt);
    prompt.set(&mask, "value", 0.4);
    let again = session.run(&prompt);
    for id in [black, noise] {
        assert_eq!(again.ran(&id), session.keeps == Keeps::Nothing, "{id:?}");
    }
    assert!([mask, mix, save].iter().all(|it| again.ran(it)));
}

fn error(session: &mut Session) {
    let mut prompt = session.prompt();
    // Pictures of two sizes cannot be mixed.
    let (large, small) = (prompt.image("BLACK", 512), prompt.image("NOISE", 256));
    let mask = prompt.mask(0.5);
    let mix = prompt.mix(&large, &small, &mask);
    prompt.save(&mix);
    assert_eq!(session.failed(&prompt)["node_id"], mix.0);
}

/// Checks whether a node refuses an input.
fn judged(session: &mut Session, class: &str, input: impl FnOnce(&mut Prompt) -> Value, refused: bool) {
    let mut prompt = session.prompt();
    let input = input(&mut prompt);
    let node = prompt.node(class, json!({ "input1": input, "input2": 3.0 }));
    prompt.save(&node);
    if refused {
        let answer = session.refused(&prompt, None);
        assert_eq!(answer["node_errors"][&node.0]["class_type"], class, "{answer}");
    } else {
        session.run(&prompt);
    }
}

fn int(prompt: &mut Prompt) -> Value {
    prompt.node("StubInt", json!({ "value": 5 })).out(0)
}

fn float(prompt: &mut Prompt) -> Value {
    prompt.node("StubFloat", json!({ "value": 5.0 })).out(0)
}

fn validation_error_literal_whole(session: &mut Session) {
    judged(session, "TestCustomValidation1", |_| json!(5), true);
}

fn validation_error_literal_text(session: &mut Session) {
    judged(session, "TestCustomValidation1", |_| json!("foo"), true);
}

fn validation_error_literal_real(session: &mut Session) {
    judged(session, "TestCustomValidation1", |_| json!(5.0), false);
}

fn validation_error_edge1_int(session: &mut Session) {
    judged(session, "TestCustomValidation1", int, true);
}

fn validation_error_edge1_mask(session: &mut Session) {
    judged(session, "TestCustomValidation1", |prompt| prompt.mask(5.0).out(0), true);
}

fn validation_error_edge2_int(session: &mut Session) {
    judged(session, "TestCustomValidation2", int, true);
}

fn validation_error_edge2_float(session: &mut Session) {
    judged(session, "TestCustomValidation2", float, false);
}

fn validation_error_edge3_int(session: &mut Session) {
    judged(session, "TestCustomValidation3", int, true);
}

fn validation_error_edge3_float(session: &mut Session) {
    judged(session, "TestCustomValidation3", float, false);
}

fn validation_error_edge4_int(session: &mut Session) {
    judged(session, "TestCustomValidation4", int, true);
}

fn validation_error_edge4_float(session: &mut Session) {
    judged(session, "TestCustomValidation4", float, false);
}

/// A node that judges its range itself.
fn own_range(session: &mut Session, value: f64, refused: bool) {
    let mut prompt = session.prompt();
    let node = prompt.node("TestCustomValidation5", json!({ "input1": 0.0, "input2": value }));
    prompt.save(&node);
    if refused {
        session.refused(&prompt, None);
    } else {
        session.run(&prompt);
    }
}

fn validation_error_kwargs_in_range(session: &mut Session) {
    own_range(session, 0.5, false);
}

fn validation_error_kwargs_out_of_range(session: &mut Session) {
    own_range(session, 5.0, false);
}

fn validation_error_kwargs_refused(session: &mut Session) {
    own_range(session, 7.0, true);
}

fn cycle_error(session: &mut Session) {
    let mut prompt = session.prompt();
    let (black, white) = (prompt.image("BLACK", 512), prompt.image("WHITE", 512));
    let mask = prompt.mask(0.5);
    let first = prompt.mix(&black, &white, &mask);
    let second = prompt.mix(&first, &white, &mask);
    prompt.set(&first, "image2", second.out(0));
    prompt.save(&second);
    session.refused(&prompt, None);
    // ComfyUI's own case leaves the link out, which is refused too.
    let mut prompt = session.prompt();
    let (black, white) = (prompt.image("BLACK", 512), prompt.image("WHITE", 512));
    let mask = prompt.mask(0.5);
    let first = prompt.node("TestLazyMixImages", json!({ "image1": black.out(0), "mask": mask.out(0) }));
    let second = prompt.mix(&first, &white, &mask);
    prompt.save(&second);
    session.refused(&prompt, None);
}

fn dynamic_cycle_error(session: &mut Session) {
    let mut prompt = session.prompt();
    let (black, white) = (prompt.image("BLACK", 512), prompt.image("WHITE", 512));
    let generator = prompt.node("TestDynamicDependencyCycle", json!({ "input1": black.out(0), "input2": white.out(0) }));
    prompt.save(&generator);
    assert_eq!(session.failed(&prompt)["node_id"], generator.0);
}

fn missing_node_error(session: &mut Session) {
    let mut prompt = session.prompt();
    let (black, gone, white) = (prompt.image("BLACK", 512), prompt.image("WHITE", 512), prompt.image("WHITE", 512));
    let mask = prompt.mask(0.5);
    let broken = prompt.mix(&black, &gone, &mask);
    let whole = prompt.mix(&black, &white, &mask);
    let (broken, whole) = (prompt.save(&broken), prompt.save(&whole));
    let node = prompt.take(&gone);
    // One output cannot be had, the other is made all the same.
    let done = session.run(&prompt);
    assert!(done.was_done(&whole) && !done.was_done(&broken));
    prompt.put_back(&gone, node);
    assert!(session.run(&prompt).was_done(&broken));
}

fn custom_is_changed(session: &mut Session) {
    let mut prompt = session.prompt();
    // This order of nodes once was a bug of ComfyUI.
    let save = prompt.node("SaveImage", json!({}));
    let changing = prompt.node("TestCustomIsChanged", json!({ "should_change": false }));
    let black = prompt.image("BLACK", 512);
    prompt.set(&save, "images", changing.out(0));
    prompt.set(&changing, "image", black.out(0));
    assert!(session.run(&prompt).ran(&changing));
    assert_eq!(session.run(&prompt).ran(&changing), session.keeps == Keeps::Nothing);
    prompt.set(&changing, "should_change", true);
    assert!(session.run(&prompt).ran(&changing));
    assert!(session.run(&prompt).ran(&changing));
}

fn undeclared_inputs(session: &mut Session) {
    let mut prompt = session.prompt();
    let black = prompt.image("BLACK", 512);
    let (white, third, fourth) = (prompt.image("WHITE", 512), prompt.image("BLACK", 512), prompt.image("BLACK", 512));
    let inputs = json!({ "input1": black.out(0), "input2": white.out(0), "input3": third.out(0), "input4": fourth.out(0) });
    let average = prompt.node("TestVariadicAverage", inputs);
    let save = prompt.save(&average);
    let done = session.run(&prompt);
    assert_eq!(session.greys(&done, &save), [255 / 4]);
}

fn for_loop(session: &mut Session) {
    let mut prompt = session.prompt();
    let (black, white) = (prompt.image("BLACK", 512), prompt.image("WHITE", 512));
    let changing = prompt.node("TestCustomIsChanged", json!({ "should_change": true, "image": white.out(0) }));
    let open = prompt.node("TestForLoopOpen", json!({ "remaining": 4, "initial_value1": changing.out(0) }));
    let average = prompt.node("TestVariadicAverage", json!({ "input1": black.out(0), "input2": open.out(2) }));
    let close = prompt.node("TestForLoopClose", json!({ "flow_control": open.out(0), "initial_value1": average.out(0) }));
    let save = prompt.save(&close);
    for rounds in 1..5 {
        prompt.set(&open, "remaining", rounds);
        let done = session.run(&prompt);
        assert_eq!(session.greys(&done, &save), [(255_u32 >> rounds) as u8], "{rounds} rounds");
        assert!(done.ran(&changing));
    }
}

fn mixed_expansion_returns(session: &mut Session) {
    let mut prompt = session.prompt();
    let values = prompt.node("TestMakeListNode", json!({ "value1": 0.1, "value2": 0.2, "value3": 0.3 }));
    let mixed = prompt.node("TestMixedExpansionReturns", json!({ "input1": values.out(0) }));
    let made = prompt.save(&mixed);
    let white = prompt.node("SaveImage", json!({ "images": mixed.out(1) }));
    let done = session.run(&prompt);
    assert_eq!(session.greys(&done, &made), [25, 51, 76]);
    assert_eq!(session.greys(&done, &white), [255; 3]);
}

fn mixed_lazy_results(session: &mut Session) {
    let mut prompt = session.prompt();
    let values = prompt.node("TestMakeListNode", json!({ "value1": 0.0, "value2": 0.5, "value3": 1.0 }));
    let mask = prompt.mask(values.out(0));
    let (black, white) = (prompt.image("BLACK", 512), prompt.image("WHITE", 512));
    let mix = prompt.mix(&black, &white, &mask);
    let batch = prompt.node("RebatchImages", json!({ "images": mix.out(0), "batch_size": 3 }));
    let save = prompt.save(&batch);
    let done = session.run(&prompt);
    assert_eq!(session.greys(&done, &save), [0, 127, 255]);
}

fn output_reuse(session: &mut Session) {
    let mut prompt = session.prompt();
    let black = prompt.image("BLACK", 512);
    let saved = [prompt.save(&black), prompt.save(&black)];
    let done = session.run(&prompt);
    for save in &saved {
        assert_eq!(session.pictures(&done, save).len(), 1);
    }
}

fn is_changed_with_outputs(session: &mut Session) {
    let mut prompt = session.prompt();
    let grey = prompt.node("StubConstantImage", json!({ "value": 0.5, "height": 512, "width": 512, "batch_size": 1 }));
    let darker = prompt.node("TestIsChangedWithConstants", json!({ "image": grey.out(0), "value": 0.5 }));
    let shown = prompt.preview(&darker);
    let done = session.run(&prompt);
    assert_eq!(session.greys(&done, &shown), [63]);
    let again = session.run(&prompt);
    assert_eq!(session.greys(&again, &shown), [63]);
    assert_eq!(again.ran(&darker), session.keeps == Keeps::Nothing);
}

fn parallel_sleep_nodes(session: &mut Session) {
    session.warm_up();
    let mut prompt = session.prompt();
    let black = prompt.image("BLACK", 512);
    let sleeps = [0.9, 1.1, 1.0].map(|seconds| prompt.sleep(&black, seconds));
    let shown = sleeps.each_ref().map(|it| prompt.preview(it));
    let done = session.run(&prompt);
    assert!(done.took.as_secs_f64() < 2.5, "{:?}", done.took);
    assert!(sleeps.iter().all(|it| done.ran(it)));
    for it in &shown {
        assert_eq!(session.pictures(&done, it).len(), 1);
    }
}

fn parallel_sleep_expansion(session: &mut Session) {
    session.warm_up();
    let mut prompt = session.prompt();
    let images = ["BLACK", "WHITE", "WHITE"].map(|content| prompt.image(content, 512));
    let [first, second, third] = images.map(|it| it.out(0));
    let inputs = json!({ "image1": first, "image2": second, "image3": third, "sleep1": 0.8, "sleep2": 0.9, "sleep3": 1.0 });
    let sleep = prompt.node("TestParallelSleep", inputs);
    let save = prompt.save(&sleep);
    let done = session.run(&prompt);
    assert!(done.took.as_secs_f64() < 2.4, "{:?}", done.took);
    assert!(done.ran(&sleep));
    assert_eq!(session.greys(&done, &save), [170]);
}

fn execution_block_list_output(session: &mut Session) {
    let mut prompt = session.prompt();
    let [first, second, third] = ["BLACK", "WHITE", "BLACK"].map(|content| prompt.image(content, 512).out(0));
    let images = prompt.node("TestMakeListNode", json!({ "value1": first, "value2": second, "value3": third }));
    let [one, two, three] = [1, 2, 3].map(|value| prompt.node("StubInt", json!({ "value": value })).out(0));
    let numbers = prompt.node("TestMakeListNode", json!({ "value1": one, "value2": two, "value3": three }));
    let is_two = prompt.node("TestIntConditions", json!({ "a": numbers.out(0), "b": 2, "operation": "==" }));
    let inputs = json!({ "input": images.out(0), "block": is_two.out(0), "verbose": false });
    let blocker = prompt.node("TestExecutionBlocker", inputs);
    let list = prompt.node("TestMakeListNode", json!({ "value1": blocker.out(0) }));
    let shown = prompt.preview(&list);
    let done = session.run(&prompt);
    assert!(done.ran(&shown));
    assert_eq!(session.greys(&done, &shown), [0, 0]);
}

fn partial_execution_included_outputs(session: &mut Session) {
    let mut prompt = session.prompt();
    let (black, white) = (prompt.image("BLACK", 512), prompt.image("WHITE", 512));
    let (wanted, other) = (prompt.save(&black), prompt.save(&white));
    let done = session.run_only(&prompt, &[&wanted]);
    assert!(done.was_done(&black) && done.was_done(&wanted));
    assert!(!done.ran(&white) && !done.ran(&other));
    assert_eq!((session.pictures(&done, &wanted).len(), session.pictures(&done, &other).len()), (1, 0));
}

fn partial_execution_excluded_outputs(session: &mut Session) {
    let mut prompt = session.prompt();
    let images = ["BLACK", "WHITE", "NOISE"].map(|content| prompt.image(content, 512));
    let saves = images.each_ref().map(|it| prompt.save(it));
    let done = session.run_only(&prompt, &[&saves[0], &saves[2]]);
    for it in [0, 2] {
        assert!(done.was_done(&images[it]) && done.was_done(&saves[it]));
    }
    assert!(!done.ran(&images[1]) && !done.ran(&saves[1]));
}

fn partial_execution_dependencies(session: &mut Session) {
    let mut prompt = session.prompt();
    let black = prompt.image("BLACK", 512);
    let on_the_way = prompt.node("TestOutputNodeWithSocketOutput", json!({ "image": black.out(0), "value": 2.0 }));
    let mask = prompt.mask(0.5);
    let mix = prompt.mix(&on_the_way, &black, &mask);
    let save = prompt.save(&mix);
    let done = session.run_only(&prompt, &[&save]);
    assert!([black, on_the_way, mix, save].iter().all(|it| done.was_done(it)));
}

fn partial_execution_with_lazy_nodes(session: &mut Session) {
    let mut prompt = session.prompt();
    let [black, white, noise] = ["BLACK", "WHITE", "NOISE"].map(|content| prompt.image(content, 512));
    let (needs_one, needs_both) = (prompt.mask(0.0), prompt.mask(0.5));
    let first = prompt.mix(&black, &white, &needs_one);
    let second = prompt.mix(&white, &noise, &needs_both);
    let (wanted, other) = (prompt.save(&first), prompt.save(&second));
    let done = session.run_only(&prompt, &[&wanted]);
    assert!([black, needs_one, first, wanted].iter().all(|it| done.was_done(it)));
    assert!(![white, noise, needs_both, second, other].iter().any(|it| done.ran(it)));
}

fn partial_execution_multiple_output_nodes(session: &mut Session) {
    let mut prompt = session.prompt();
    let (black, white) = (prompt.image("BLACK", 512), prompt.image("WHITE", 512));
    let first = prompt.node("TestOutputNodeWithSocketOutput", json!({ "image": black.out(0), "value": 1.5 }));
    let second = prompt.node("TestOutputNodeWithSocketOutput", json!({ "image": first.out(0), "value": 2.0 }));
    let saves = [&first, &second, &white].map(|it| prompt.save(it));
    let done = session.run_only(&prompt, &[&saves[1]]);
    assert!([&black, &first, &second, &saves[1]].iter().all(|it| done.was_done(it)));
    assert!(![&white, &saves[0], &saves[2]].iter().any(|it| done.ran(it)));
}

fn partial_execution_empty_list(session: &mut Session) {
    let mut prompt = session.prompt();
    let black = prompt.image("BLACK", 512);
    prompt.save(&black);
    let answer = session.refused(&prompt, Some(&[]));
    assert_eq!(answer["error"]["type"], "prompt_no_outputs");
}

/// Runs so many small jobs.
fn fill_history(session: &mut Session, jobs: usize) {
    let mut prompt = session.prompt();
    let black = prompt.image("BLACK", 32);
    prompt.save(&black);
    for _ in 0..jobs {
        session.run(&prompt);
    }
}

fn history(session: &Session, query: &str) -> Vec<String> {
    session.server.json(&format!("/history{query}")).as_object().expect("jobs by id").keys().cloned().collect()
}

fn offset_returns_different_items_than_beginning_of_history(session: &mut Session) {
    fill_history(session, 5);
    let (first, next) = (history(session, "?max_items=2&offset=0"), history(session, "?max_items=2&offset=2"));
    assert_eq!((first.len(), next.len()), (2, 2));
    assert!(first.iter().all(|it| !next.contains(it)));
}

fn offset_beyond_history_length_returns_empty(session: &mut Session) {
    fill_history(session, 1);
    assert_eq!(history(session, "?offset=100000"), [""; 0]);
}

fn offset_at_exact_history_length_returns_empty(session: &mut Session) {
    fill_history(session, 3);
    let all = history(session, "").len();
    assert_eq!(history(session, &format!("?offset={all}")), [""; 0]);
}

fn offset_zero_equals_no_offset_parameter(session: &mut Session) {
    fill_history(session, 1);
    assert_eq!(session.server.json("/history"), session.server.json("/history?offset=0"));
}

fn offset_without_max_items_skips_from_beginning(session: &mut Session) {
    fill_history(session, 4);
    assert_eq!(history(session, "?offset=2"), history(session, "")[2..]);
}

fn offset_with_max_items_returns_correct_window(session: &mut Session) {
    fill_history(session, 6);
    assert_eq!(history(session, "?max_items=2&offset=1"), history(session, "")[1..3]);
}

fn offset_near_end_returns_remaining_items_only(session: &mut Session) {
    fill_history(session, 3);
    let all = history(session, "");
    assert_eq!(history(session, &format!("?max_items=5&offset={}", all.len() - 1)), all[all.len() - 1..]);
}

/// Not among ComfyUI's cases here, for theirs needs a model; this one comes with the sources.
fn sampling_in_expansion(session: &mut Session) {
    let mut prompt = session.prompt();
    let model = prompt.node("DiffusersLoader", json!({ "model_path": "burnish-demo" }));
    let inputs = json!({ "model": model.out(0), "clip": model.out(1), "vae": model.out(2), "seed": 1, "steps": 1, "cfg": 1.0,
        "prompt": "a red apple", "negative_prompt": "" });
    let sampled = prompt.node("TestSamplingInExpansion", inputs);
    let shown = prompt.preview(&sampled);
    let done = session.run(&prompt);
    assert!(done.ran(&sampled));
    assert_eq!(session.pictures(&done, &shown)[0].len(), 512 * 512 * 3);
}

/// Nor is this one: their cases never use most of these nodes.
fn accumulations(session: &mut Session) {
    let mut prompt = session.prompt();
    let one = prompt.node("TestAccumulateNode", json!({ "to_add": 1 }));
    let two = prompt.node("TestAccumulateNode", json!({ "to_add": 2, "accumulation": one.out(0) }));
    let three = prompt.node("TestAccumulationSetItemNode", json!({ "accumulation": two.out(0), "index": -1, "value": 3 }));
    let list = prompt.node("TestAccumulationToListNode", json!({ "accumulation": three.out(0) }));
    let again = prompt.node("TestListToAccumulationNode", json!({ "list": list.out(0) }));
    let head = prompt.node("TestAccumulationHeadNode", json!({ "accumulation": again.out(0) }));
    let tail = prompt.node("TestAccumulationTailNode", json!({ "accumulation": head.out(0) }));
    let length = prompt.node("TestAccumulationGetLengthNode", json!({ "accumulation": tail.out(0) }));
    let item = prompt.node("TestAccumulationGetItemNode", json!({ "accumulation": again.out(0), "index": 0 }));
    let sources = [list.out(0), head.out(1), tail.out(1), length.out(0), item.out(0)];
    let shown = sources.map(|source| prompt.node("PreviewAny", json!({ "source": source })));
    let done = session.run(&prompt);
    let texts = |id: &Id| session.server.json(&format!("/history/{}", done.id))[&done.id]["outputs"][&id.0]["text"].clone();
    let expected = [json!(["1", "3"]), json!(["1"]), json!(["3"]), json!(["0"]), json!(["1"])];
    for (id, expected) in shown.iter().zip(expected) {
        assert_eq!(texts(id), expected, "{id:?}");
    }
}

fn conditions(session: &mut Session) {
    let mut prompt = session.prompt();
    let mut sum = |a: i64, operation: &str, b: i64| {
        prompt.node("TestIntMathOperation", json!({ "a": a, "operation": operation, "b": b })).out(0)
    };
    let sums = [sum(-7, "divide", 2), sum(-7, "modulo", 2), sum(2, "power", 10), sum(2, "add", 3), sum(2, "multiply", 3)];
    let mut text = |a: &str, operation: &str, b: &str| {
        let inputs = json!({ "a": a, "b": b, "operation": operation, "case_sensitive": false });
        prompt.node("TestStringConditions", inputs).out(0)
    };
    let texts = [
        text("Ab", "a == b", "aB"),
        text("b", "a IN b", "abc"),
        text("abc", "a MATCH REGEX(b)", "b"),
        text("abc", "a MATCH REGEX(b)", "("),
        text("abc", "a ENDSWITH b", "bc"),
    ];
    let less = prompt.node("TestFloatConditions", json!({ "a": 0.5, "b": 1.5, "operation": "<" }));
    let black = prompt.image("BLACK", 8);
    let dark = prompt.node("TestToBoolNode", json!({ "value": black.out(0) }));
    let both = prompt.node("TestBoolOperationNode", json!({ "a": less.out(0), "b": dark.out(0), "op": "a XOR b" }));
    let all: Vec<Value> = sums.into_iter().chain(texts).chain([dark.out(0), both.out(0)]).collect();
    let shown: Vec<Id> = all.into_iter().map(|source| prompt.node("PreviewAny", json!({ "source": source }))).collect();
    let done = session.run(&prompt);
    let outputs = session.server.json(&format!("/history/{}", done.id))[&done.id]["outputs"].clone();
    let texts: Vec<&str> = shown.iter().map(|it| outputs[&it.0]["text"][0].as_str().expect("a text")).collect();
    assert_eq!(texts, ["-4", "1", "1024", "5", "6", "True", "True", "False", "False", "True", "False", "True"]);
}
