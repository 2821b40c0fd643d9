//! Nodes that take their time beside others, and what may go wrong meanwhile.

use crate::stubs::page;
use models::Image;
use runtime::{Context, Folders, Lazy, Literals, Node, NodeError, Registry, Run, Value, registry};
use serde_json::Value as Json;
use std::collections::BTreeSet;
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

pub(crate) fn nodes() -> Registry {
    registry![
        TestSleep,
        TestAsyncValidation,
        TestAsyncError,
        TestAsyncValidationError,
        TestAsyncTimeout,
        TestSyncError,
        TestAsyncLazyCheck,
        TestAsyncResourceUser,
        TestAsyncBatchProcessing,
        TestAsyncConcurrentLimit,
        TestAsyncProgressUpdate,
        TestSyncProgressUpdate
    ]
}

/// Waits, telling how far it is.
fn wait(cx: &Context, seconds: f64) -> Result<(), NodeError> {
    let (begun, total) = (Instant::now(), (seconds * 1000.0) as usize);
    while begun.elapsed().as_secs_f64() < seconds {
        cx.progress((begun.elapsed().as_millis() as usize).min(total), total);
        let left = Duration::from_secs_f64(seconds).saturating_sub(begun.elapsed());
        cx.sleep(left.min(Duration::from_millis(10)))?;
    }
    Ok(())
}

/// Why one number may not be more than another.
fn at_most(literals: &Literals, value: &str, most: &str) -> Vec<(String, String)> {
    // Whoever asks another machine may take this long.
    thread::sleep(Duration::from_millis(50));
    let number = |name: &str| literals.get(name).and_then(Json::as_f64);
    match (number(value), number(most)) {
        (Some(it), Some(limit)) if it > limit => vec![(value.to_owned(), format!("{it} is more than {limit}"))],
        _ => Vec::new(),
    }
}

/// Hands a value on after a while.
#[derive(Node)]
#[node(category = "_for_testing", display = "Test Sleep", concurrent, not_idempotent)]
struct TestSleep {
    value: Value,
    /// Seconds.
    #[input(default = 1.0, min = 0.0, max = 9999.0, step = 0.01)]
    seconds: f64,
}

impl Run for TestSleep {
    type Output = Value;

    fn run(self, cx: &Context) -> Result<Value, NodeError> {
        wait(cx, self.seconds)?;
        Ok(self.value)
    }
}

/// A grey picture, if the grey is not too bright.
#[derive(Node)]
#[node(category = "_for_testing/async", display = "Test Async Validation")]
struct TestAsyncValidation {
    #[input(default = 5.0)]
    value: f64,
    #[input(default = 10.0)]
    #[expect(dead_code, reason = "only validation reads it")]
    threshold: f64,
}

impl Run for TestAsyncValidation {
    type Output = Image;

    fn validate(literals: &Literals, _: &Folders) -> Vec<(String, String)> {
        at_most(literals, "value", "threshold")
    }

    fn run(self, _: &Context) -> Result<Image, NodeError> {
        Ok(page(self.value / 10.0))
    }
}

/// Fails after a while.
#[derive(Node)]
#[node(category = "_for_testing/async", display = "Test Async Error", concurrent)]
struct TestAsyncError {
    #[expect(dead_code, reason = "nothing comes of it")]
    value: Value,
    /// Seconds.
    #[input(default = 0.1, min = 0.0, max = 10.0)]
    error_after: f64,
}

impl Run for TestAsyncError {
    type Output = Value;

    fn run(self, cx: &Context) -> Result<Value, NodeError> {
        cx.sleep(Duration::from_secs_f64(self.error_after))?;
        Err(NodeError::new("Intentional async execution error for testing"))
    }
}

/// A grey picture, if the grey is not too bright.
#[derive(Node)]
#[node(category = "_for_testing/async", display = "Test Async Validation Error")]
struct TestAsyncValidationError {
    #[input(default = 5.0)]
    value: f64,
    #[input(default = 10.0)]
    max_value: f64,
}

impl Run for TestAsyncValidationError {
    type Output = Image;

    fn validate(literals: &Literals, _: &Folders) -> Vec<(String, String)> {
        at_most(literals, "value", "max_value")
    }

    fn run(self, _: &Context) -> Result<Image, NodeError> {
        Ok(page(self.value / self.max_value))
    }
}

/// Hands a value on after a while, if it may take that long.
#[derive(Node)]
#[node(category = "_for_testing/async", display = "Test Async Timeout", concurrent)]
struct TestAsyncTimeout {
    value: Value,
    /// Seconds.
    #[input(default = 1.0, min = 0.1, max = 10.0)]
    timeout: f64,
    /// Seconds.
    #[input(default = 2.0, min = 0.1, max = 10.0)]
    operation_time: f64,
}

impl Run for TestAsyncTimeout {
    type Output = Value;

    fn run(self, cx: &Context) -> Result<Value, NodeError> {
        cx.sleep(Duration::from_secs_f64(self.operation_time.min(self.timeout)))?;
        if self.operation_time > self.timeout {
            return Err(NodeError::new(format!("timeout: it was not done after {} seconds", self.timeout)));
        }
        Ok(self.value)
    }
}

/// Fails at once.
#[derive(Node)]
#[node(category = "_for_testing/async", display = "Test Sync Error")]
struct TestSyncError {
    #[expect(dead_code, reason = "nothing comes of it")]
    value: Value,
}

impl Run for TestSyncError {
    type Output = Value;

    fn run(self, _: &Context) -> Result<Value, NodeError> {
        Err(NodeError::new("Intentional sync execution error for testing"))
    }
}

/// A white picture, for one of two inputs. Takes a while to say which.
#[derive(Node)]
#[node(category = "_for_testing/async", display = "Test Async Lazy Check")]
struct TestAsyncLazyCheck {
    input1: Lazy<Value>,
    input2: Lazy<Value>,
    #[input(default = true)]
    condition: bool,
}

impl Run for TestAsyncLazyCheck {
    type Output = Image;

    fn needs(&self, cx: &Context) -> Result<Vec<&str>, NodeError> {
        cx.sleep(Duration::from_millis(50))?;
        Ok(vec![if self.condition { "input1" } else { "input2" }])
    }

    fn run(self, _: &Context) -> Result<Image, NodeError> {
        let needed = if self.condition { self.input1 } else { self.input2 };
        needed.get().map(|_| page(1.0))
    }
}

/// Hands a value on after holding something for a while that nobody else may hold.
#[derive(Node)]
#[node(category = "_for_testing/async", display = "Test Async Resource User", concurrent)]
struct TestAsyncResourceUser {
    value: Value,
    #[input(default = "resource_0")]
    resource_id: String,
    /// Seconds.
    #[input(default = 0.1, min = 0.0, max = 1.0)]
    duration: f64,
}

/// What is held by whom, given back however its holder ends.
struct Hold(String);

static HELD: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

impl Hold {
    fn on(name: String) -> Result<Self, NodeError> {
        if HELD.lock().unwrap_or_else(PoisonError::into_inner).insert(name.clone()) {
            return Ok(Self(name));
        }
        Err(NodeError::new(format!("{name} is in use")))
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        HELD.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.0);
    }
}

impl Run for TestAsyncResourceUser {
    type Output = Value;

    fn run(self, cx: &Context) -> Result<Value, NodeError> {
        let _hold = Hold::on(self.resource_id)?;
        cx.sleep(Duration::from_secs_f64(self.duration))?;
        Ok(self.value)
    }
}

/// Turns pictures of a batch to their opposite, each after a while.
#[derive(Node)]
#[node(category = "_for_testing/async", display = "Test Async Batch Processing", concurrent, not_idempotent)]
struct TestAsyncBatchProcessing {
    images: Image,
    /// Seconds.
    #[input(default = 0.1, min = 0.01, max = 1.0)]
    process_time_per_item: f64,
}

impl Run for TestAsyncBatchProcessing {
    type Output = Image;

    fn run(self, cx: &Context) -> Result<Image, NodeError> {
        let [batch, ..] = self.images.0.dims();
        for done in 1..=batch {
            cx.sleep(Duration::from_secs_f64(self.process_time_per_item))?;
            cx.progress(done, batch);
        }
        Ok(Image(self.images.0.neg().add_scalar(1.0)))
    }
}

/// Hands a value on after a while; only two do so at a time.
#[derive(Node)]
#[node(category = "_for_testing/async", display = "Test Async Concurrent Limit", concurrent)]
struct TestAsyncConcurrentLimit {
    value: Value,
    /// Seconds.
    #[input(default = 0.5, min = 0.1, max = 2.0)]
    duration: f64,
    #[input(default = 0)]
    #[expect(dead_code, reason = "it tells equal nodes apart")]
    node_id: i64,
}

/// How many may still begin.
static FREE: (Mutex<u32>, Condvar) = (Mutex::new(2), Condvar::new());

struct Turn;

impl Turn {
    fn wait() -> Self {
        let free = FREE.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut free = FREE.1.wait_while(free, |it| *it == 0).unwrap_or_else(PoisonError::into_inner);
        *free -= 1;
        Self
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *FREE.0.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        FREE.1.notify_one();
    }
}

impl Run for TestAsyncConcurrentLimit {
    type Output = Value;

    fn run(self, cx: &Context) -> Result<Value, NodeError> {
        let _turn = Turn::wait();
        cx.sleep(Duration::from_secs_f64(self.duration))?;
        Ok(self.value)
    }
}

/// Tells how far it is, beside others.
#[derive(Node)]
#[node(category = "_for_testing/async", display = "Async Progress Update Test Node", concurrent)]
struct TestAsyncProgressUpdate {
    value: Value,
    /// Seconds.
    #[input(default = 1.0)]
    sleep_seconds: f64,
}

impl Run for TestAsyncProgressUpdate {
    type Output = Value;

    fn run(self, cx: &Context) -> Result<Value, NodeError> {
        wait(cx, self.sleep_seconds)?;
        Ok(self.value)
    }
}

/// Tells how far it is, alone.
#[derive(Node)]
#[node(category = "_for_testing/async", display = "Sync Progress Update Test Node")]
struct TestSyncProgressUpdate {
    value: Value,
    /// Seconds.
    #[input(default = 1.0)]
    sleep_seconds: f64,
}

impl Run for TestSyncProgressUpdate {
    type Output = Value;

    fn run(self, cx: &Context) -> Result<Value, NodeError> {
        wait(cx, self.sleep_seconds)?;
        Ok(self.value)
    }
}
