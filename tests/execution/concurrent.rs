//! What ComfyUI's `test_async_nodes` asks.

use crate::Case;
use crate::client::until;
use crate::session::{Keeps, Session};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

macro_rules! cases {
    ($($case:ident),* $(,)?) => { pub(crate) const CASES: &[Case] = &[$((stringify!($case), $case)),*]; };
}
cases![
    basic_async_execution,
    multiple_async_parallel_execution,
    async_with_dependencies,
    async_validate_inputs,
    async_lazy_evaluation,
    async_check_lazy_status,
    async_execution_error,
    async_validation_error,
    async_timeout_handling,
    concurrent_async_error_recovery,
    sync_error_during_async_execution,
    async_with_execution_blocker,
    async_caching_behavior,
    async_with_dynamic_prompts,
    async_resource_cleanup,
    async_cancellation,
    mixed_sync_async_execution,
    async_batch_and_concurrency_limit,
];

fn basic_async_execution(session: &mut Session) {
    let mut prompt = session.prompt();
    let black = prompt.image("BLACK", 512);
    let sleep = prompt.sleep(&black, 0.1);
    let save = prompt.save(&sleep);
    let done = session.run(&prompt);
    assert!(done.ran(&sleep));
    assert_eq!(session.greys(&done, &save), [0]);
}

fn multiple_async_parallel_execution(session: &mut Session) {
    session.warm_up();
    let mut prompt = session.prompt();
    let black = prompt.image("BLACK", 512);
    let sleeps = [0.3, 0.4, 0.5].map(|seconds| prompt.sleep(&black, seconds));
    for sleep in &sleeps {
        prompt.preview(sleep);
    }
    let done = session.run(&prompt);
    // One after the other takes 1.2 s and the pictures.
    assert!(done.took.as_secs_f64() < 1.1, "{:?}", done.took);
    assert!(sleeps.iter().all(|it| done.ran(it)));
}

fn async_with_dependencies(session: &mut Session) {
    let mut prompt = session.prompt();
    let sleeps = ["BLACK", "WHITE"].map(|content| {
        let image = prompt.image(content, 512);
        prompt.sleep(&image, 0.2)
    });
    let average = prompt.node("TestVariadicAverage", json!({ "input1": sleeps[0].out(0), "input2": sleeps[1].out(0) }));
    let save = prompt.save(&average);
    let done = session.run(&prompt);
    assert!(sleeps.iter().chain([&average, &save]).all(|it| done.ran(it)));
    assert_eq!(session.greys(&done, &save), [127]);
}

fn async_validate_inputs(session: &mut Session) {
    let mut prompt = session.prompt();
    let node = prompt.node("TestAsyncValidation", json!({ "value": 5.0, "threshold": 10.0 }));
    prompt.save(&node);
    assert!(session.run(&prompt).ran(&node));
    prompt.set(&node, "threshold", 3.0);
    let answer = session.refused(&prompt, None);
    assert_eq!(answer["node_errors"][&node.0]["errors"][0]["type"], "custom_validation_failed");
}

fn async_lazy_evaluation(session: &mut Session) {
    session.warm_up();
    let mut prompt = session.prompt();
    let sleeps = ["BLACK", "WHITE"].map(|content| {
        let image = prompt.image(content, 512);
        prompt.sleep(&image, 0.3)
    });
    let mask = prompt.mask(0.0);
    let mix = prompt.mix(&sleeps[0], &sleeps[1], &mask);
    prompt.save(&mix);
    let done = session.run(&prompt);
    assert!(done.ran(&sleeps[0]) && !done.ran(&sleeps[1]));
}

fn async_check_lazy_status(session: &mut Session) {
    let mut prompt = session.prompt();
    let inputs = json!({ "input1": "value1", "input2": "value2", "condition": true });
    let node = prompt.node("TestAsyncLazyCheck", inputs);
    prompt.save(&node);
    assert!(session.run(&prompt).ran(&node));
}

/// A prompt whose node fails after a while.
fn failing(session: &Session) -> (crate::session::Prompt, crate::session::Id) {
    let mut prompt = session.prompt();
    let black = prompt.image("BLACK", 512);
    let node = prompt.node("TestAsyncError", json!({ "value": black.out(0), "error_after": 0.1 }));
    prompt.save(&node);
    (prompt, node)
}

fn async_execution_error(session: &mut Session) {
    let (prompt, node) = failing(session);
    let error = session.failed(&prompt);
    assert_eq!(error["node_id"], node.0);
    assert!(error["exception_message"].as_str().is_some_and(|it| it.contains("Intentional async")), "{error}");
}

fn async_validation_error(session: &mut Session) {
    let mut prompt = session.prompt();
    let node = prompt.node("TestAsyncValidationError", json!({ "value": 15.0, "max_value": 10.0 }));
    prompt.save(&node);
    session.refused(&prompt, None);
}

fn async_timeout_handling(session: &mut Session) {
    let mut prompt = session.prompt();
    let black = prompt.image("BLACK", 512);
    let inputs = json!({ "value": black.out(0), "timeout": 0.2, "operation_time": 2.0 });
    let node = prompt.node("TestAsyncTimeout", inputs);
    prompt.save(&node);
    let begun = Instant::now();
    let error = session.failed(&prompt);
    assert!(error.to_string().to_lowercase().contains("timeout"), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(2));
}

fn concurrent_async_error_recovery(session: &mut Session) {
    let (prompt, _) = failing(session);
    session.failed(&prompt);
    let mut prompt = session.prompt_called("-after");
    let white = prompt.image("WHITE", 512);
    let sleep = prompt.sleep(&white, 0.1);
    prompt.save(&sleep);
    assert!(session.run(&prompt).ran(&sleep));
}

fn sync_error_during_async_execution(session: &mut Session) {
    let mut prompt = session.prompt();
    let black = prompt.image("BLACK", 512);
    let sleep = prompt.sleep(&black, 0.5);
    let node = prompt.node("TestSyncError", json!({ "value": black.out(0) }));
    prompt.preview(&sleep);
    prompt.preview(&node);
    assert_eq!(session.failed(&prompt)["node_id"], node.0);
}

fn async_with_execution_blocker(session: &mut Session) {
    let mut prompt = session.prompt();
    let [first, second] = ["BLACK", "WHITE"].map(|content| {
        let image = prompt.image(content, 512);
        prompt.sleep(&image, 0.2).out(0)
    });
    let images = prompt.node("TestMakeListNode", json!({ "value1": first, "value2": second }));
    let [one, two] = [1, 2].map(|value| prompt.node("StubInt", json!({ "value": value })).out(0));
    let numbers = prompt.node("TestMakeListNode", json!({ "value1": one, "value2": two }));
    let is_two = prompt.node("TestIntConditions", json!({ "a": numbers.out(0), "b": 2, "operation": "==" }));
    let inputs = json!({ "input": images.out(0), "block": is_two.out(0), "verbose": false });
    let blocker = prompt.node("TestExecutionBlocker", inputs);
    let shown = prompt.preview(&blocker);
    let done = session.run(&prompt);
    assert_eq!(session.greys(&done, &shown), [0]);
}

fn async_caching_behavior(session: &mut Session) {
    session.warm_up();
    let mut prompt = session.prompt();
    let black = prompt.image("BLACK", 512);
    let sleep = prompt.sleep(&black, 0.2);
    prompt.save(&sleep);
    assert!(session.run(&prompt).ran(&sleep));
    let again = session.run(&prompt);
    assert_eq!(again.ran(&sleep), session.keeps == Keeps::Nothing);
    if session.keeps != Keeps::Nothing {
        assert!(again.took.as_secs_f64() < 0.15, "{:?}", again.took);
    }
}

fn async_with_dynamic_prompts(session: &mut Session) {
    session.warm_up();
    let mut prompt = session.prompt();
    let [first, second] = ["BLACK", "WHITE"].map(|content| prompt.image(content, 512).out(0));
    let inputs = json!({ "image1": first, "image2": second, "num_async_nodes": 5, "sleep_duration": 0.4 });
    let node = prompt.node("TestDynamicAsyncGeneration", inputs);
    let save = prompt.save(&node);
    let done = session.run(&prompt);
    // One after the other takes 2 s.
    assert!(done.took.as_secs_f64() < 1.5, "{:?}", done.took);
    assert!(done.ran(&node));
    assert_eq!(session.greys(&done, &save), [102]);
}

fn async_resource_cleanup(session: &mut Session) {
    let mut prompt = session.prompt();
    let black = prompt.image("BLACK", 512);
    let users: Vec<_> = (0..5)
        .map(|i| {
            let inputs =
                json!({ "value": black.out(0), "resource_id": format!("resource_{i}-{:?}", session.keeps), "duration": 0.1 });
            let user = prompt.node("TestAsyncResourceUser", inputs);
            prompt.preview(&user);
            user
        })
        .collect();
    let done = session.run(&prompt);
    assert!(users.iter().all(|it| done.ran(it)));
    let again = session.run(&prompt);
    for user in &users {
        assert_eq!(again.ran(user), session.keeps == Keeps::Nothing, "{user:?}");
    }
}

/// In ComfyUI's suite this case is empty.
fn async_cancellation(session: &mut Session) {
    let mut prompt = session.prompt();
    let black = prompt.image("BLACK", 32);
    let sleep = prompt.sleep(&black, 60.0);
    prompt.preview(&sleep);
    let id = session.server.submit(&prompt.json(), None);
    until("it runs", || session.server.json("/queue")["queue_running"][0][1] == id.as_str());
    assert_eq!(session.server.post("/interrupt", &json!({})).status, 200);
    let entry: Value = session.server.wait(&id);
    assert_eq!(entry["status"]["messages"].as_array().expect("messages").last().expect("one")[0], "execution_interrupted");
}

fn mixed_sync_async_execution(session: &mut Session) {
    let mut prompt = session.prompt();
    let (black, white) = (prompt.image("BLACK", 512), prompt.image("WHITE", 512));
    let mask = prompt.mask(0.5);
    let mix = prompt.mix(&black, &white, &mask);
    let first = prompt.sleep(&mix, 0.2);
    let darker = prompt.node("TestCustomValidation1", json!({ "input1": first.out(0), "input2": 0.5 }));
    let second = prompt.sleep(&darker, 0.2);
    let save = prompt.save(&second);
    let done = session.run(&prompt);
    // An earlier case may have mixed the same pictures.
    assert!(done.was_done(&mix) && [&first, &darker, &second].iter().all(|it| done.ran(it)));
    assert_eq!(session.greys(&done, &save), [63]);
}

/// Not among ComfyUI's cases: theirs never use these nodes.
fn async_batch_and_concurrency_limit(session: &mut Session) {
    let mut prompt = session.prompt();
    let batch = prompt.node("StubImage", json!({ "content": "BLACK", "height": 8, "width": 8, "batch_size": 3 }));
    let inputs = json!({ "images": batch.out(0), "process_time_per_item": 0.02 });
    let opposite = prompt.node("TestAsyncBatchProcessing", inputs);
    let limited: Vec<_> = (0..3)
        .map(|i| {
            let inputs = json!({ "value": opposite.out(0), "duration": 0.1, "node_id": i });
            prompt.node("TestAsyncConcurrentLimit", inputs)
        })
        .collect();
    let shown: Vec<_> = limited.iter().map(|it| prompt.preview(it)).collect();
    let done = session.run(&prompt);
    for it in &shown {
        assert_eq!(session.greys(&done, it), [255; 3]);
    }
    // Two at a time: the third begins when one of them is done.
    assert!(done.took.as_secs_f64() >= 0.26, "{:?}", done.took);
}
