//! The executor, seen through the events of toy graphs.

use super::*;
use crate::{
    Blockable, Choice, Expanding, Extra, Folders, Lazy, List, Literals, Node, RawLink, Run as Runs, Shown, Socket, registry,
};
use expect_test::{Expect, expect};
use parking_lot::Mutex;
use serde_json::{Value as Json, json};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Gives a number.
#[derive(Node)]
struct Number {
    value: i64,
}

impl Runs for Number {
    type Output = i64;

    fn run(self, _: &Context) -> Result<i64, NodeError> {
        Ok(self.value)
    }
}

/// Adds.
#[derive(Node)]
struct Add {
    a: i64,
    b: i64,
}

impl Runs for Add {
    type Output = i64;

    fn run(self, _: &Context) -> Result<i64, NodeError> {
        Ok(self.a + self.b)
    }
}

/// Adds everything that is linked to it.
#[derive(Node)]
struct Sum {
    values: Extra<i64>,
}

impl Runs for Sum {
    type Output = i64;

    fn run(self, _: &Context) -> Result<i64, NodeError> {
        Ok(self.values.values().sum())
    }
}

/// Shows anything.
#[derive(Node)]
#[node(output_node)]
struct Show {
    value: Value,
}

impl Runs for Show {
    type Output = ();

    fn run(self, cx: &Context) -> Result<(), NodeError> {
        cx.show(Shown::Text(self.value.to_string()));
        Ok(())
    }
}

/// Shows a number and hands it on.
#[derive(Node)]
#[node(output_node)]
struct ShowAndPass {
    value: i64,
}

impl Runs for ShowAndPass {
    type Output = i64;

    fn run(self, cx: &Context) -> Result<i64, NodeError> {
        cx.show(Shown::Text(self.value.to_string()));
        Ok(self.value)
    }
}

/// Mixes two numbers, and needs only those that count.
#[derive(Node)]
struct Mix {
    share: f64,
    a: Lazy<f64>,
    b: Option<Lazy<f64>>,
}

impl Runs for Mix {
    type Output = f64;

    fn needs(&self, _: &Context) -> Result<Vec<&str>, NodeError> {
        Ok(if self.share == 0.0 {
            vec!["a"]
        } else if self.share == 1.0 {
            vec!["b"]
        } else {
            vec!["a", "b"]
        })
    }

    fn run(self, _: &Context) -> Result<f64, NodeError> {
        let part = |lazy: Option<Lazy<f64>>| lazy.and_then(|it| it.ready().copied()).unwrap_or_default();
        Ok(part(Some(self.a)) * (1.0 - self.share) + part(self.b) * self.share)
    }
}

#[derive(Choice, Clone, Copy, PartialEq)]
enum How {
    Error,
    Panic,
    Cancel,
}

/// Fails.
#[derive(Node)]
struct Fail {
    value: Value,
    how: How,
}

impl Runs for Fail {
    type Output = i64;

    fn run(self, _: &Context) -> Result<i64, NodeError> {
        match self.how {
            How::Error => Err(NodeError::new("it is broken").hint("mend it")),
            How::Panic => panic!("a bug: {}", self.value),
            How::Cancel => Err(NodeError::cancelled()),
        }
    }
}

/// Gives the numbers from 1 to `count`, one by one.
#[derive(Node)]
struct Count {
    count: i64,
}

impl Runs for Count {
    type Output = List<i64>;

    fn run(self, _: &Context) -> Result<List<i64>, NodeError> {
        Ok((1..=self.count).collect())
    }
}

/// Adds a whole list.
#[derive(Node)]
#[node(input_is_list)]
struct Total {
    values: List<i64>,
    start: i64,
}

impl Runs for Total {
    type Output = i64;

    fn run(self, _: &Context) -> Result<i64, NodeError> {
        Ok(self.start + self.values.iter().sum::<i64>())
    }
}

/// Hands a number on, unless it is odd.
#[derive(Node)]
struct Even {
    value: i64,
    verbose: bool,
}

impl Runs for Even {
    type Output = Blockable<i64>;

    fn run(self, _: &Context) -> Result<Blockable<i64>, NodeError> {
        let message = self.verbose.then(|| format!("{} is odd", self.value));
        Ok(if self.value % 2 == 0 { Blockable::Open(self.value) } else { Blockable::Blocked(message) })
    }
}

/// Says that it changes while its number is odd. Knows only literals.
#[derive(Node)]
struct Changing {
    value: i64,
}

impl Runs for Changing {
    type Output = i64;

    fn fingerprint(literals: &Literals, _: &Folders) -> Result<Fingerprint, NodeError> {
        match literals.get("value").and_then(Json::as_i64) {
            None => Ok(Fingerprint::Content(b"linked".to_vec())),
            Some(value) if value < 0 => Err(NodeError::new("cannot say")),
            Some(value) => Ok(if value % 2 == 1 { Fingerprint::Always } else { Fingerprint::Inputs }),
        }
    }

    fn run(self, _: &Context) -> Result<i64, NodeError> {
        Ok(self.value)
    }
}

/// Gives its own id.
#[derive(Node)]
#[node(not_idempotent)]
struct Own {}

impl Runs for Own {
    type Output = String;

    fn run(self, cx: &Context) -> Result<String, NodeError> {
        Ok(cx.node().to_string())
    }
}

/// Adds one `times` times, by putting a smaller one of itself behind an addition.
#[derive(Node)]
struct Repeat {
    times: i64,
    value: i64,
}

impl Runs for Repeat {
    type Output = Expanding<i64>;

    fn run(self, _: &Context) -> Result<Expanding<i64>, NodeError> {
        if self.times == 0 {
            return Ok(Expanding::Values(self.value));
        }
        let mut graph = Graph::new();
        graph.insert("add", graph::Node::new("Add").with("a", self.value).with("b", 1))?;
        graph.insert("next", graph::Node::new("Repeat").with("times", self.times - 1).linked("value", "add", 0))?;
        let outputs = vec![Given::link("next", 0)];
        Ok(Expanding::Graph(Expansion { graph, outputs, shown_at: vec![("add".into(), "shown-elsewhere".into())] }))
    }
}

/// Puts an addition in its place for odd numbers only, with something that is shown.
#[derive(Node)]
struct AddToOdd {
    value: i64,
}

impl Runs for AddToOdd {
    type Output = Expanding<(i64, String)>;

    fn run(self, _: &Context) -> Result<Self::Output, NodeError> {
        if self.value % 2 == 0 {
            return Ok(Expanding::Values((self.value, "even".to_owned())));
        }
        let mut graph = Graph::new();
        graph.insert("add", graph::Node::new("Add").with("a", self.value).with("b", 100))?;
        graph.insert("show", graph::Node::new("Show").linked("value", "add", 0))?;
        let outputs = vec![Given::link("add", 0), Given::value("odd".to_owned())];
        Ok(Expanding::Graph(Expansion { graph, outputs, shown_at: vec![] }))
    }
}

/// Puts nodes in its place that wait for each other, or for a node that waits for it.
#[derive(Node)]
struct Knot {
    #[input(optional)]
    through: String,
}

impl Runs for Knot {
    type Output = Expanding<i64>;

    fn run(self, _: &Context) -> Result<Expanding<i64>, NodeError> {
        let mut graph = Graph::new();
        let other = if self.through.is_empty() { "b" } else { &self.through };
        graph.insert("a", graph::Node::new("Add").with("b", 1).linked("a", other, 0))?;
        if self.through.is_empty() {
            graph.insert("b", graph::Node::new("Add").with("b", 1).linked("a", "a", 0))?;
        }
        Ok(Expanding::Graph(Expansion { graph, outputs: vec![Given::link("a", 0)], shown_at: vec![] }))
    }
}

/// Puts a copy of the node behind its link in its place.
#[derive(Node)]
struct Copy {
    of: RawLink,
}

impl Runs for Copy {
    type Output = Expanding<Value>;

    fn run(self, cx: &Context) -> Result<Expanding<Value>, NodeError> {
        let mut graph = Graph::new();
        let node = cx.graph().node(&self.of.node).cloned().ok_or_else(|| NodeError::new("it is gone"))?;
        graph.insert("copy", node.with("b", 1000))?;
        Ok(Expanding::Graph(Expansion { graph, outputs: vec![Given::link("copy", self.of.slot)], shown_at: vec![] }))
    }
}

/// Waits.
#[derive(Node)]
#[node(concurrent)]
struct Sleep {
    value: i64,
    #[input(optional, default = 0.1)]
    seconds: f64,
}

impl Runs for Sleep {
    type Output = i64;

    fn run(self, cx: &Context) -> Result<i64, NodeError> {
        cx.sleep(Duration::from_secs_f64(self.seconds))?;
        Ok(self.value)
    }
}

/// Has no room the first so many times.
struct Hungry(AtomicUsize);

impl Class for Hungry {
    fn spec(&self) -> NodeSpec {
        NodeSpec { class: "Hungry".to_owned(), ..Number::spec() }
    }

    fn run(&self, _: Inputs, _: &Context) -> Result<Outcome, NodeError> {
        let left = self.0.load(Ordering::Relaxed);
        if left > 0 {
            self.0.store(left - 1, Ordering::Relaxed);
            return Err(NodeError::out_of_memory("a latent of 8 GB"));
        }
        Ok(Outcome::Values(vec![vec![Value::Int(1)]]))
    }
}

const POLICIES: [Policy; 5] =
    [Policy::Classic, Policy::Lru(0), Policy::Lru(100), Policy::RamPressure { limit: 1 << 30, headroom: 0 }, Policy::Nothing];

/// An executor of all toys, and what its runs told.
struct Toys {
    executor: Executor,
    told: Arc<Mutex<Vec<String>>>,
    cancel: Cancel,
}

impl Toys {
    fn new(policy: Policy) -> Self {
        Self::with_hunger(policy, 0)
    }

    fn with_hunger(policy: Policy, hunger: usize) -> Self {
        let registry = registry![
            Number,
            Add,
            Sum,
            Show,
            ShowAndPass,
            Mix,
            Fail,
            Count,
            Total,
            Even,
            Changing,
            Own,
            Repeat,
            AddToOdd,
            Knot,
            Copy,
            Sleep
        ];
        let registry = registry.with_class(Arc::new(Hungry(AtomicUsize::new(hunger))));
        Self { executor: Executor::new(Arc::new(registry), policy), told: Arc::default(), cancel: Cancel::new() }
    }

    /// Runs a prompt's outputs, or only some targets, and gives what the run told.
    fn run_only(&mut self, prompt: &Json, targets: &[&str]) -> String {
        let graph = graph::api_json::from_json(prompt).expect("a prompt");
        let targets: Vec<NodeId> = targets.iter().map(|it| NodeId::from(*it)).collect();
        self.told.lock().clear();
        let told = self.told.clone();
        let job = Job::default().heard_by(move |event| {
            let line = line(&event);
            if !line.is_empty() {
                told.lock().push(line);
            }
        });
        let job = Arc::new(Job { cancel: self.cancel.clone(), ..job });
        let _ = self.executor.run(graph, &targets, &job);
        self.told.lock().join(", ")
    }

    fn run(&mut self, prompt: &Json) -> String {
        let shows = |node: &Json| node["class_type"].as_str().is_some_and(|it| it.starts_with("Show"));
        let targets: Vec<&str> =
            prompt.as_object().unwrap().iter().filter(|(_, it)| shows(it)).map(|(id, _)| id.as_str()).collect();
        self.run_only(prompt, &targets)
    }
}

fn line(event: &Event) -> String {
    let at = |node: &NodeRef| {
        let shown = if node.display == node.id { String::new() } else { format!("@{}", node.display) };
        format!("{}{shown}", node.id)
    };
    match event {
        Event::Began | Event::Finished(_) => String::new(),
        Event::Cached(ids) if ids.is_empty() => String::new(),
        Event::Cached(ids) => format!("cached {}", ids.iter().map(NodeId::as_str).collect::<Vec<_>>().join(" ")),
        Event::Started(node) => at(node),
        Event::Progress { node, done, total } => format!("{} {done}/{total}", at(node)),
        Event::Preview { node, .. } => format!("preview {}", at(node)),
        Event::Text { node, text } => format!("{} says {text}", at(node)),
        Event::Shown { node, shown } => {
            let texts = shown.iter().map(|it| if let Shown::Text(text) = it { text.clone() } else { format!("{it:?}") });
            format!("{} shows {}", at(node), texts.collect::<Vec<_>>().join(" "))
        }
        Event::Blocked { node, message } => format!("{} blocked: {message}", at(node)),
        Event::Done => "done".to_owned(),
        Event::Failed(failure) => format!("failed at {}: {}", at(&failure.node), failure.error),
        Event::Interrupted { node } => format!("interrupted at {}", node.as_ref().map_or_else(String::new, at)),
    }
}

/// Runs a prompt once under every policy; a first run is the same for all.
fn check(prompt: &Json, expected: &Expect) {
    let [first, others @ ..] = POLICIES.map(|policy| Toys::new(policy).run(prompt));
    expected.assert_eq(&first);
    assert!(others.iter().all(|it| *it == first), "{others:#?}");
}

/// Runs prompts one after the other under every policy. Everything kept gives the first trace, nothing kept the second.
fn check_again(prompts: &[&Json], kept: &Expect, nothing_kept: &Expect) {
    let [first, others @ .., nothing] = POLICIES.map(|policy| {
        let mut toys = Toys::new(policy);
        prompts.iter().map(|prompt| toys.run(prompt)).collect::<Vec<_>>().join("\n")
    });
    kept.assert_eq(&first);
    assert!(others.iter().all(|it| *it == first), "{others:#?}");
    nothing_kept.assert_eq(&nothing);
}

fn node(class: &str, inputs: Json) -> Json {
    json!({ "class_type": class, "inputs": inputs })
}

#[test]
fn only_what_the_targets_need_runs() {
    let prompt = json!({
        "1": node("Number", json!({ "value": 2 })),
        "2": node("Add", json!({ "a": ["1", 0], "b": 3 })),
        "unused": node("Number", json!({ "value": 9 })),
        "3": node("Show", json!({ "value": ["2", 0] })),
    });
    check(&prompt, &expect!["1, 2, 3, 3 shows 5, done"]);
}

#[test]
fn what_brings_something_to_see_soonest_goes_first() {
    let prompt = json!({
        "far": node("Number", json!({ "value": 1 })),
        "a": node("Add", json!({ "a": ["far", 0], "b": 1 })),
        "b": node("Add", json!({ "a": ["a", 0], "b": 1 })),
        "c": node("Add", json!({ "a": ["b", 0], "b": ["near", 0] })),
        "near": node("Number", json!({ "value": 2 })),
        "show c": node("Show", json!({ "value": ["c", 0] })),
        "show near": node("Show", json!({ "value": ["near", 0] })),
    });
    check(&prompt, &expect!["near, show near, show near shows 2, far, a, b, c, show c, show c shows 5, done"]);
}

#[test]
fn a_second_run_takes_everything_from_the_cache() {
    let prompt = json!({ "1": node("Number", json!({ "value": 2 })), "2": node("Show", json!({ "value": ["1", 0] })) });
    check_again(
        &[&prompt, &prompt],
        &expect![[r#"
        1, 2, 2 shows 2, done
        cached 1 2, 2 shows 2, done"#]],
        &expect![[r#"
        1, 2, 2 shows 2, done
        1, 2, 2 shows 2, done"#]],
    );
}

#[test]
fn after_a_change_only_what_depends_on_it_runs() {
    let prompt = |b: i64| {
        json!({
            "1": node("Number", json!({ "value": 2 })), "2": node("Number", json!({ "value": b })),
            "3": node("Add", json!({ "a": ["1", 0], "b": ["2", 0] })), "4": node("Show", json!({ "value": ["3", 0] })),
        })
    };
    check_again(
        &[&prompt(1), &prompt(5)],
        &expect![[r#"
        2, 1, 3, 4, 4 shows 3, done
        cached 1, 2, 3, 4, 4 shows 7, done"#]],
        &expect![[r#"
        2, 1, 3, 4, 4 shows 3, done
        2, 1, 3, 4, 4 shows 7, done"#]],
    );
}

#[test]
fn the_same_work_under_other_ids_is_cached() {
    let prompt =
        |a: &str, b: &str| json!({ a: node("Number", json!({ "value": 2 })), b: node("Show", json!({ "value": [a, 0] })) });
    check_again(
        &[&prompt("1", "2"), &prompt("x", "y")],
        &expect![[r#"
        1, 2, 2 shows 2, done
        cached x y, y shows 2, done"#]],
        &expect![[r#"
        1, 2, 2 shows 2, done
        x, y, y shows 2, done"#]],
    );
}

#[test]
fn equal_nodes_of_one_run_share_their_result() {
    let prompt = json!({
        "1": node("Number", json!({ "value": 2 })), "2": node("Number", json!({ "value": 2 })),
        "3": node("Add", json!({ "a": ["1", 0], "b": ["2", 0] })), "4": node("Show", json!({ "value": ["3", 0] })),
    });
    check_again(&[&prompt], &expect!["2, 3, 4, 4 shows 4, done"], &expect!["2, 1, 3, 4, 4 shows 4, done"]);
}

#[test]
fn one_output_feeds_many_nodes() {
    let prompt = json!({
        "1": node("ShowAndPass", json!({ "value": 2 })),
        "2": node("Add", json!({ "a": ["1", 0], "b": ["1", 0] })),
        "3": node("Show", json!({ "value": ["2", 0] })),
        "4": node("Show", json!({ "value": ["1", 0] })),
    });
    check(&prompt, &expect!["1, 1 shows 2, 4, 4 shows 2, 2, 3, 3 shows 4, done"]);
}

#[test]
fn a_lazy_input_is_evaluated_only_when_it_counts() {
    let prompt = |share: f64| {
        json!({
            "a": node("Number", json!({ "value": 10 })), "b": node("Number", json!({ "value": 20 })),
            "share": node("Mix", json!({ "share": 0, "a": share })),
            "mix": node("Mix", json!({ "share": ["share", 0], "a": ["a", 0], "b": ["b", 0] })),
            "show": node("Show", json!({ "value": ["mix", 0] })),
        })
    };
    check(&prompt(0.0), &expect!["share, mix, a, show, show shows 10.0, done"]);
    check(&prompt(1.0), &expect!["share, mix, b, show, show shows 20.0, done"]);
    check(&prompt(0.5), &expect!["share, mix, a, b, show, show shows 15.0, done"]);
}

#[test]
fn a_lazy_input_that_is_asked_for_must_be_there() {
    let prompt = json!({
        "mix": node("Mix", json!({ "share": 1, "a": ["one", 0] })), "one": node("Number", json!({ "value": 1 })),
        "show": node("Show", json!({ "value": ["mix", 0] })),
    });
    check(&prompt, &expect!["mix, failed at mix: input `b`: the node asks for it, and nothing is there"]);
}

#[test]
fn a_node_is_called_for_each_element_of_a_list() {
    let prompt = json!({
        "list": node("Count", json!({ "count": 3 })), "two": node("Count", json!({ "count": 2 })),
        "add": node("Add", json!({ "a": ["list", 0], "b": ["two", 0] })),
        "show": node("Show", json!({ "value": ["add", 0] })),
        "total": node("Total", json!({ "values": ["add", 0], "start": 100 })),
        "show total": node("Show", json!({ "value": ["total", 0] })),
    });
    check(&prompt, &expect!["two, list, add, show, show shows 2 4 5, total, show total, show total shows 111, done"]);
}

#[test]
fn lists_of_lists_run_together() {
    let prompt = json!({
        "list": node("Count", json!({ "count": 3 })), "lists": node("Count", json!({ "count": ["list", 0] })),
        "show": node("Show", json!({ "value": ["lists", 0] })),
    });
    check(&prompt, &expect!["list, lists, show, show shows 1 1 2 1 2 3, done"]);
}

#[test]
fn an_empty_list_is_an_error_at_the_input() {
    let prompt = json!({
        "list": node("Count", json!({ "count": 0 })), "add": node("Add", json!({ "a": ["list", 0], "b": 1 })),
        "show": node("Show", json!({ "value": ["add", 0] })),
    });
    check(&prompt, &expect!["list, add, failed at add: input `a`: is an empty list"]);
}

#[test]
fn lazy_inputs_of_a_list_are_asked_for_by_any_element() {
    let prompt = json!({
        "list": node("Count", json!({ "count": 2 })),
        "mix": node("Mix", json!({ "share": ["even", 0], "a": ["one", 0], "b": ["one", 0] })),
        "even": node("Mix", json!({ "share": 0.5, "a": ["list", 0], "b": -1 })), "one": node("Number", json!({ "value": 1 })),
        "show": node("Show", json!({ "value": ["mix", 0] })),
    });
    check(&prompt, &expect!["even, list, mix, one, show, show shows 1.0 1.0, done"]);
}

#[test]
fn a_failure_ends_the_run_and_the_next_run_works() {
    let prompt = |class: &str| {
        json!({
            "1": node("Number", json!({ "value": 2 })), "2": node(class, json!({ "value": ["1", 0], "how": "error" })),
            "3": node("Show", json!({ "value": ["2", 0] })),
        })
    };
    check_again(
        &[&prompt("Fail"), &prompt("ShowAndPass")],
        &expect![[r#"
        1, 2, failed at 2: it is broken (mend it)
        cached 1, 2, 2 shows 2, 3, 3 shows 2, done"#]],
        &expect![[r#"
        1, 2, failed at 2: it is broken (mend it)
        1, 2, 2 shows 2, 3, 3 shows 2, done"#]],
    );
}

#[test]
fn a_failure_says_what_the_inputs_held() {
    let prompt = json!({
        "1": node("Number", json!({ "value": 2 })), "2": node("Fail", json!({ "value": ["1", 0], "how": "panic" })),
        "3": node("Show", json!({ "value": ["2", 0] })),
    });
    let mut toys = Toys::new(Policy::Classic);
    let graph = graph::api_json::from_json(&prompt).unwrap();
    let job = Arc::new(Job::default());
    let Err(Ended::Failed(failure)) = toys.executor.run(graph, &["3".into()], &job) else { panic!() };
    expect!["node `2` (Fail): the node panicked: a bug: 2 (this is a bug in the node; please report it with the workflow)"]
        .assert_eq(&failure.to_string());
    assert_eq!(failure.error.kind(), error::Kind::Panicked);
    expect![[r#"[("value", ["2"]), ("how", ["panic"])] after ["1"]"#]]
        .assert_eq(&format!("{:?} after {:?}", failure.inputs, failure.executed));
}

#[test]
fn a_node_that_says_it_was_cancelled_interrupts_the_run() {
    let prompt = json!({
        "1": node("Fail", json!({ "value": 1, "how": "cancel" })), "2": node("Show", json!({ "value": ["1", 0] })),
    });
    check(&prompt, &expect!["1, interrupted at 1"]);
}

#[test]
fn a_cancelled_run_starts_nothing() {
    let prompt = json!({ "1": node("Number", json!({ "value": 2 })), "2": node("Show", json!({ "value": ["1", 0] })) });
    let mut toys = Toys::new(Policy::Classic);
    toys.cancel.cancel();
    expect!["interrupted at "].assert_eq(&toys.run(&prompt));
}

#[test]
fn cancelling_stops_nodes_on_other_threads() {
    let prompt =
        json!({ "1": node("Sleep", json!({ "value": 2, "seconds": 1000 })), "2": node("Show", json!({ "value": ["1", 0] })) });
    let mut toys = Toys::new(Policy::Classic);
    let cancel = toys.cancel.clone();
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(50));
        cancel.cancel();
    });
    expect!["1, interrupted at 1"].assert_eq(&toys.run(&prompt));
}

#[test]
fn a_node_that_changes_runs_again_with_all_that_depend_on_it() {
    let prompt =
        |value: i64| json!({ "1": node("Changing", json!({ "value": value })), "2": node("Show", json!({ "value": ["1", 0] })) });
    check_again(
        &[&prompt(1), &prompt(1)],
        &expect![[r#"
        1, 2, 2 shows 1, done
        1, 2, 2 shows 1, done"#]],
        &expect![[r#"
        1, 2, 2 shows 1, done
        1, 2, 2 shows 1, done"#]],
    );
    check_again(
        &[&prompt(2), &prompt(2)],
        &expect![[r#"
        1, 2, 2 shows 2, done
        cached 1 2, 2 shows 2, done"#]],
        &expect![[r#"
        1, 2, 2 shows 2, done
        1, 2, 2 shows 2, done"#]],
    );
    check_again(
        &[&prompt(-1), &prompt(-1)],
        &expect![[r#"
        1, 2, 2 shows -1, done
        1, 2, 2 shows -1, done"#]],
        &expect![[r#"
        1, 2, 2 shows -1, done
        1, 2, 2 shows -1, done"#]],
    );
}

#[test]
fn whether_a_node_changes_is_judged_by_literals_alone() {
    let prompt = json!({
        "0": node("Number", json!({ "value": 1 })), "1": node("Changing", json!({ "value": ["0", 0] })),
        "2": node("Show", json!({ "value": ["1", 0] })),
    });
    check_again(
        &[&prompt, &prompt],
        &expect![[r#"
        0, 1, 2, 2 shows 1, done
        cached 0 1 2, 2 shows 1, done"#]],
        &expect![[r#"
        0, 1, 2, 2 shows 1, done
        0, 1, 2, 2 shows 1, done"#]],
    );
}

#[test]
fn undeclared_links_are_passed_on_and_undeclared_literals_are_not() {
    let prompt = json!({
        "1": node("Number", json!({ "value": 1 })), "2": node("Number", json!({ "value": 2 })),
        "3": node("Sum", json!({ "x": ["1", 0], "y": ["2", 0], "z": 100 })),
        "4": node("Show", json!({ "value": ["3", 0] })),
    });
    check(&prompt, &expect!["2, 1, 3, 4, 4 shows 3, done"]);
}

#[test]
fn nodes_that_are_not_idempotent_share_nothing() {
    let prompt = json!({
        "1": node("Own", json!({})), "2": node("Own", json!({})),
        "3": node("Show", json!({ "value": ["1", 0] })), "4": node("Show", json!({ "value": ["2", 0] })),
    });
    check(&prompt, &expect!["1, 3, 3 shows 1, 2, 4, 4 shows 2, done"]);
}

#[test]
fn a_loop_is_a_node_that_puts_itself_behind_its_body() {
    let prompt =
        json!({ "1": node("Repeat", json!({ "times": 2, "value": 5 })), "2": node("Show", json!({ "value": ["1", 0] })) });
    check_again(
        &[&prompt, &prompt],
        &expect![[r#"
        1, 1.0.0.add@shown-elsewhere, 1.0.0.next@1, 1.0.0.next.0.0.add@shown-elsewhere, 1.0.0.next.0.0.next@1, 2, 2 shows 7, done
        cached 1 2, 2 shows 7, done"#]],
        &expect![[r#"
        1, 1.0.0.add@shown-elsewhere, 1.0.0.next@1, 1.0.0.next.0.0.add@shown-elsewhere, 1.0.0.next.0.0.next@1, 2, 2 shows 7, done
        1, 1.0.0.add@shown-elsewhere, 1.0.0.next@1, 1.0.0.next.0.0.add@shown-elsewhere, 1.0.0.next.0.0.next@1, 2, 2 shows 7, done"#]],
    );
}

#[test]
fn calls_of_one_list_may_expand_or_not() {
    let prompt = json!({
        "list": node("Count", json!({ "count": 3 })), "odd": node("AddToOdd", json!({ "value": ["list", 0] })),
        "show": node("Show", json!({ "value": ["odd", 0] })), "show words": node("Show", json!({ "value": ["odd", 1] })),
    });
    check(
        &prompt,
        &expect![
            "list, odd, odd.0.0.add@odd, odd.0.0.show@odd, odd.0.0.show@odd shows 101, odd.2.0.add@odd, odd.2.0.show@odd, odd.2.0.show@odd shows 103, show, show shows 101 2 103, show words, show words shows odd even odd, done"
        ],
    );
}

#[test]
fn a_raw_link_names_the_node_behind_it() {
    let prompt = json!({
        "add": node("Add", json!({ "a": ["one", 0], "b": 1 })), "one": node("Number", json!({ "value": 1 })),
        "copy": node("Copy", json!({ "of": ["add", 0] })), "show": node("Show", json!({ "value": ["copy", 0] })),
    });
    check(&prompt, &expect!["one, add, copy, copy.0.0.copy@copy, show, show shows 1001, done"]);
}

#[test]
fn a_cycle_made_while_running_is_blamed_on_the_node_that_made_it() {
    let prompt = json!({ "1": node("Knot", json!({})), "2": node("Show", json!({ "value": ["1", 0] })) });
    check(&prompt, &expect!["1, failed at 1.0.0.b@1: nodes wait for each other: `1.0.0.b` -> `1.0.0.a`"]);
    let around = json!({
        "1": node("Knot", json!({ "through": "2" })), "2": node("Add", json!({ "a": ["1", 0], "b": 1 })),
        "3": node("Show", json!({ "value": ["2", 0] })),
    });
    check(&around, &expect!["1, failed at 1.0.0.a@1: nodes wait for each other: `1.0.0.a` -> `1` -> `2`"]);
}

#[test]
fn a_blocked_value_skips_what_depends_on_it_and_the_run_succeeds() {
    let prompt = |verbose: bool| {
        json!({
            "odd": node("Even", json!({ "value": 1, "verbose": verbose })), "add": node("Add", json!({ "a": ["odd", 0], "b": 1 })),
            "show": node("Show", json!({ "value": ["add", 0] })), "other": node("Show", json!({ "value": 7 })),
        })
    };
    check(&prompt(false), &expect!["other, other shows 7, odd, add, show, done"]);
    check(&prompt(true), &expect!["other, other shows 7, odd, add, add blocked: 1 is odd, show, done"]);
}

#[test]
fn in_a_list_only_the_blocked_element_is_skipped() {
    let prompt = json!({
        "list": node("Count", json!({ "count": 4 })), "even": node("Even", json!({ "value": ["list", 0], "verbose": false })),
        "show": node("Show", json!({ "value": ["even", 0] })),
        "total": node("Total", json!({ "values": ["even", 0], "start": 0 })), "show total": node("Show", json!({ "value": ["total", 0] })),
    });
    check(&prompt, &expect!["list, even, show, show shows 2 4, total, show total, done"]);
}

#[test]
fn concurrent_nodes_run_at_the_same_time() {
    let prompt = json!({
        "1": node("Sleep", json!({ "value": 1, "seconds": 0.3 })), "2": node("Sleep", json!({ "value": 2, "seconds": 0.4 })),
        "3": node("Sum", json!({ "x": ["1", 0], "y": ["2", 0] })), "4": node("Show", json!({ "value": ["3", 0] })),
        "now": node("Show", json!({ "value": 0 })),
    });
    check(&prompt, &expect!["2, 1, now, now shows 0, 3, 4, 4 shows 3, done"]);
}

#[test]
fn only_the_chosen_targets_run() {
    let prompt = json!({
        "1": node("Number", json!({ "value": 1 })), "2": node("Number", json!({ "value": 2 })),
        "show 1": node("Show", json!({ "value": ["1", 0] })), "show 2": node("Show", json!({ "value": ["2", 0] })),
    });
    let told = POLICIES.map(|policy| Toys::new(policy).run_only(&prompt, &["show 2"]));
    assert!(told.iter().all(|it| *it == told[0]), "{told:#?}");
    expect!["2, show 2, show 2 shows 2, done"].assert_eq(&told[0]);
    expect!["failed at nobody: there is no such node"].assert_eq(&Toys::new(Policy::Classic).run_only(&prompt, &["nobody"]));
}

#[test]
fn after_running_out_of_memory_a_node_gets_one_more_chance() {
    let prompt = json!({ "1": node("Hungry", json!({ "value": 1 })), "2": node("Show", json!({ "value": ["1", 0] })) });
    expect!["1, 2, 2 shows 1, done"].assert_eq(&Toys::with_hunger(Policy::Classic, 1).run(&prompt));
    expect!["1, failed at 1: a latent of 8 GB"].assert_eq(&Toys::with_hunger(Policy::Classic, 2).run(&prompt));
}

#[test]
fn links_to_nothing_are_failures_and_no_panics() {
    let lost = json!({ "2": node("Show", json!({ "value": ["1", 0] })) });
    check(&lost, &expect!["failed at 2: input `value`: is linked to `1`, which is no node of a known class"]);
    let slot = json!({ "1": node("Number", json!({ "value": 1 })), "2": node("Show", json!({ "value": ["1", 7] })) });
    check(&slot, &expect!["1, 2, failed at 2: input `value`: is linked to output 7 of `1` (Number), which has 1"]);
    let cycle = json!({ "1": node("Add", json!({ "a": ["1", 0], "b": 1 })), "2": node("Show", json!({ "value": ["1", 0] })) });
    check(&cycle, &expect!["failed at 2: nodes wait for each other: `1`"]);
}

/// A value that counts how many of it there are.
#[derive(Clone)]
struct Counted(#[expect(dead_code, reason = "held for its count")] Arc<()>);

impl Socket for Counted {
    const TYPE: graph::SocketType = graph::SocketType::named("COUNTED");
}

/// Gives a counted value.
struct Give(Arc<()>);

impl Class for Give {
    fn spec(&self) -> NodeSpec {
        NodeSpec { class: "Give".to_owned(), ..Number::spec() }
    }

    fn run(&self, _: Inputs, _: &Context) -> Result<Outcome, NodeError> {
        Ok(Outcome::Values(vec![vec![Counted(self.0.clone()).into_value()]]))
    }
}

/// Says how many counted values there are.
struct Look(Arc<()>);

impl Class for Look {
    fn spec(&self) -> NodeSpec {
        NodeSpec { class: "Look".to_owned(), output_node: true, extra_inputs: true, ..Show::spec() }
    }

    fn run(&self, _: Inputs, cx: &Context) -> Result<Outcome, NodeError> {
        // Two are the classes' own.
        cx.show(Shown::Text((Arc::strong_count(&self.0) - 2).to_string()));
        Ok(Outcome::Values(vec![]))
    }
}

#[test]
fn a_value_is_dropped_after_its_last_use() {
    let prompt = json!({
        "give": node("Give", json!({ "value": 1 })), "use": node("Show", json!({ "value": ["give", 0] })),
        "look": node("Look", json!({ "value": 1, "after": ["late", 0] })),
        "late": node("Number", json!({ "value": 1 })),
    });
    for (policy, held) in [(Policy::Classic, 1), (Policy::Nothing, 0)] {
        let mut toys = Toys::new(policy);
        let count = Arc::new(());
        let registry = registry![Number, Show].with_class(Arc::new(Give(count.clone()))).with_class(Arc::new(Look(count)));
        toys.executor = Executor::new(Arc::new(registry), policy);
        let told = toys.run_only(&prompt, &["use", "look"]);
        assert_eq!(told, format!("give, use, use shows <COUNTED>, late, look, look shows {held}, done"));
    }
}
