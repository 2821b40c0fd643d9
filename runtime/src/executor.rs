//! Runs what the targets need.
//!
//! Demand goes from the targets upstream, stops at results that are known, and does not follow lazy links. A node is *ready* when nothing
//! that it waits for is unfinished; among ready nodes the one that brings the user something to see soonest goes first. Every step of the
//! bookkeeping touches a link a constant number of times, so cost grows linearly with the graph.

use crate::cache::{Cache, Entry, Policy};
use crate::event::{Event, NodeRef};
use crate::node::{Class, Expansion, Fingerprint, Given, Inputs, Outcome, Slot};
use crate::{Cancel, Context, Job, NodeError, Registry, Value, error};
use graph::{Cycle, Graph, InputValue, Key, Keys, NodeId, NodeSpec};
use parking_lot::RwLock;
use rustc_hash::FxHashMap;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

mod foresight;
use foresight::Foresight;

/// Runs graphs, one at a time, and keeps results from run to run.
pub struct Executor {
    registry: Arc<Registry>,
    cache: Cache,
    /// Makes what runs every time different every time.
    serial: u64,
}

/// Why a run ended early.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Ended {
    /// A node failed.
    #[error(transparent)]
    Failed(#[from] Arc<Failure>),
    /// Somebody asked for it.
    #[error("interrupted")]
    Interrupted {
        /// The node that was running, if one was.
        node: Option<NodeRef>,
    },
}

/// The failure that ended a run.
#[derive(Debug, thiserror::Error)]
#[error("node `{}` ({class}): {error}", .node.real)]
pub struct Failure {
    /// The node that failed.
    pub node: NodeRef,
    /// Its class.
    pub class: String,
    /// Why.
    pub error: NodeError,
    /// What its inputs held, in words: name and one text for each value.
    pub inputs: Vec<(String, Vec<String>)>,
    /// The nodes that had finished.
    pub executed: Vec<NodeId>,
}

/// Concurrent nodes that run at one time.
const THREADS: usize = 64;

/// Nodes that a graph may grow to while it runs: an expansion that never ends is a failure, not the end of the machine.
const MOST_NODES: usize = 1_000_000;

/// How long a finished run waits for nodes on other threads whose work is in vain.
const PATIENCE: Duration = Duration::from_secs(2);

impl Executor {
    /// An executor of these classes.
    pub fn new(registry: Arc<Registry>, policy: Policy) -> Self {
        Self { registry, cache: Cache::new(policy), serial: 0 }
    }

    /// The results that are kept.
    pub fn cache(&mut self) -> &mut Cache {
        &mut self.cache
    }

    /// Runs what the targets need. The graph should have passed [`graph::validate()`]; what it would have found ends the run as a failure.
    ///
    /// # Errors
    /// [`Ended`]; its event was sent.
    pub fn run(&mut self, graph: Graph, targets: &[NodeId], job: &Arc<Job>) -> Result<(), Ended> {
        let (sender, receiver) = channel();
        let mut run = Run {
            executor: self,
            job: job.clone(),
            graph: Arc::new(RwLock::new(graph)),
            keys: Keys::new(),
            steps: Vec::new(),
            index: FxHashMap::default(),
            origins: FxHashMap::default(),
            classes: FxHashMap::default(),
            ready: BinaryHeap::new(),
            staged: 0,
            unfinished: 0,
            running: 0,
            expanders: 0,
            spared: Vec::new(),
            executed: Vec::new(),
            current: None,
            foresight: Foresight::default(),
            abandoned: Cancel::new(),
            sender,
            receiver,
        };
        job.emit(Event::Began);
        let ended = run.all(targets);
        if ended.is_err() {
            run.abandon();
        }
        job.emit(match &ended {
            Ok(()) => Event::Done,
            Err(Ended::Failed(failure)) => Event::Failed(failure.clone()),
            Err(Ended::Interrupted { node }) => Event::Interrupted { node: node.clone() },
        });
        ended
    }
}

/// One run.
struct Run<'e> {
    executor: &'e mut Executor,
    job: Arc<Job>,
    graph: Arc<RwLock<Graph>>,
    keys: Keys,
    /// Every node that was looked at, in the order in which it was.
    steps: Vec<Step>,
    index: FxHashMap<NodeId, usize>,
    /// Where nodes come from that other nodes put in their place, and the key of the user's node behind it all.
    origins: FxHashMap<NodeId, (NodeRef, Key)>,
    classes: FxHashMap<String, (Arc<NodeSpec>, Arc<dyn Class>)>,
    /// Ready steps: the smallest `(priority, order, step)` is next. A step whose priority rose is here twice.
    ready: BinaryHeap<Reverse<(u8, usize, usize)>>,
    staged: usize,
    unfinished: usize,
    running: usize,
    /// Unfinished steps that may put a graph in their place, whose links may go anywhere.
    expanders: usize,
    /// Steps whose values are kept only because of those.
    spared: Vec<usize>,
    executed: Vec<NodeId>,
    current: Option<NodeRef>,
    foresight: Foresight,
    abandoned: Cancel,
    sender: Sender<Report>,
    receiver: Receiver<Report>,
}

/// A node of the run.
struct Step {
    about: NodeRef,
    spec: Arc<NodeSpec>,
    class: Arc<dyn Class>,
    state: State,
    key: Option<Key>,
    root: Option<Key>,
    feeds: Vec<Feed>,
    /// When it was staged.
    order: usize,
    /// Its place in the predicted order of work.
    turn: usize,
    /// Links between it and a node that shows something: 0 for that node itself, 3 for far away.
    hops: u8,
    /// Unfinished steps that it waits for, one for each link.
    waits_for: usize,
    /// Steps that wait for it, one for each link.
    waiters: Vec<usize>,
    /// Steps that it waits for or waited for.
    sources: Vec<usize>,
    /// Steps whose values it may still read.
    holds: Vec<usize>,
    /// Unfinished steps that may still read its values.
    readers: usize,
    outputs: Option<Arc<Entry>>,
    /// Results so far, while the graph that it put in its place runs.
    parts: Option<(Vec<Part>, Work)>,
    started: bool,
    retried: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Looked at, not wanted yet.
    Seen,
    Waiting,
    Ready,
    Running,
    Done,
}

/// What feeds an input.
struct Feed {
    name: String,
    from: Origin,
}

enum Origin {
    Literal(Value),
    Link { step: usize, slot: usize, raw: bool, asked: bool },
}

/// One call of a class.
enum Call {
    Blocked,
    Inputs(Inputs),
}

/// What one call gave.
#[expect(clippy::large_enum_variant, reason = "there is one a call, and it is moved once or twice")]
enum Part {
    Values(Vec<Vec<Value>>),
    Expansion(Expansion),
    /// The outputs of steps, once these are done.
    Links(Vec<Later>),
}

enum Later {
    Value(Value),
    Link { step: usize, slot: usize },
}

/// What a node did beside its results.
#[derive(Default)]
struct Work {
    shown: Vec<crate::Shown>,
    cost: Duration,
}

/// What a node on another thread reports.
struct Report {
    step: usize,
    parts: Result<Vec<Part>, NodeError>,
    work: Work,
}

/// A failure and the step to blame.
struct Trouble {
    step: usize,
    error: NodeError,
}

impl Run<'_> {
    fn all(&mut self, targets: &[NodeId]) -> Result<(), Ended> {
        self.compute_keys();
        let result = self.stage_targets(targets).and_then(|()| {
            self.predict();
            self.work()
        });
        result.map_err(|stopped| match stopped {
            Stopped::Cancelled => Ended::Interrupted { node: self.current.clone() },
            Stopped::Unknown(id) => self.unknown(id),
            Stopped::At(trouble) if trouble.error.kind() == error::Kind::Cancelled => {
                Ended::Interrupted { node: Some(self.steps[trouble.step].about.clone()) }
            }
            Stopped::At(Trouble { step, error }) => {
                let inputs = self.summary(step);
                let Step { about, spec, .. } = &self.steps[step];
                let (node, class) = (about.clone(), spec.class.clone());
                Ended::Failed(Arc::new(Failure { node, class, error, inputs, executed: std::mem::take(&mut self.executed) }))
            }
        })
    }

    /// Computes the key of every node, and tells which of them have results.
    fn compute_keys(&mut self) {
        let graph = self.graph.clone();
        let graph = graph.read();
        let mut current = rustc_hash::FxHashSet::default();
        let mut cached = Vec::new();
        for id in graph.ids() {
            // Whoever needs a node of a cycle hears of it when it is staged.
            if let Ok(Some(key)) = self.key_of(&graph, id) {
                current.insert(key);
                if self.executor.cache.contains(key) {
                    cached.push(id.clone());
                }
            }
        }
        self.executor.cache.begin(&current);
        self.job.emit(Event::Cached(cached));
    }

    fn key_of(&mut self, graph: &Graph, id: &NodeId) -> Result<Option<Key>, Cycle> {
        let Executor { registry, serial, .. } = &mut *self.executor;
        self.keys.of(graph, &**registry, id, &mut |_, node| match registry.fingerprint(&node.class, node) {
            Fingerprint::Inputs => Vec::new(),
            Fingerprint::Content(content) => [b"is ".as_slice(), &content].concat(),
            Fingerprint::Always => {
                *serial += 1;
                [b"run ".as_slice(), &serial.to_le_bytes()].concat()
            }
        })
    }

    fn stage_targets(&mut self, targets: &[NodeId]) -> Result<(), Stopped> {
        for id in targets {
            let step = self.step(id)?;
            self.want(step)?;
        }
        Ok(())
    }

    /// The step of a node.
    fn step(&mut self, id: &NodeId) -> Result<usize, Stopped> {
        if let Some(&step) = self.index.get(id) {
            return Ok(step);
        }
        let node = match self.graph.read().node(id) {
            Some(node) => node.clone(),
            None => return Err(Stopped::Unknown(id.clone())),
        };
        let class_name = node.class.clone();
        let (spec, class) = match self.classes.get(&class_name) {
            Some(found) => found.clone(),
            None => {
                let Some(found) = self.executor.registry.class(&class_name) else { return Err(Stopped::Unknown(id.clone())) };
                self.classes.insert(class_name, found.clone());
                found
            }
        };
        // What a choice brings is declared, too.
        let spec = node.live(&spec);
        let step = self.steps.len();
        let (about, root) = match self.origins.get(id) {
            Some((about, root)) => (about.clone(), Some(*root)),
            None => (NodeRef::own(id.clone()), None),
        };
        let hops = if spec.output_node { 0 } else { 3 };
        self.steps.push(Step {
            about,
            spec,
            class,
            state: State::Seen,
            key: None,
            root,
            feeds: Vec::new(),
            order: 0,
            turn: self.foresight.turn,
            hops,
            waits_for: 0,
            waiters: Vec::new(),
            sources: Vec::new(),
            holds: Vec::new(),
            readers: 0,
            outputs: None,
            parts: None,
            started: false,
            retried: false,
        });
        self.index.insert(id.clone(), step);
        Ok(step)
    }

    /// Finds out whether a step's results are known; computes its key on the way.
    fn look(&mut self, step: usize) -> Result<(), Stopped> {
        if self.steps[step].state == State::Done && self.steps[step].outputs.is_none() {
            // Its value was dropped after what seemed to be its last use.
            self.steps[step].state = State::Seen;
        }
        if self.steps[step].state != State::Seen {
            return Ok(());
        }
        let key = match self.steps[step].key {
            Some(key) => key,
            None => {
                let graph = self.graph.clone();
                let graph = graph.read();
                let id = self.steps[step].about.id.clone();
                let key = self.key_of(&graph, &id).map_err(|cycle| self.knot(step, &cycle))?.expect("the step is a node's");
                self.steps[step].key = Some(key);
                key
            }
        };
        if let Some(entry) = self.executor.cache.find(key) {
            self.steps[step].state = State::Done;
            self.steps[step].outputs = Some(entry);
        }
        Ok(())
    }

    /// Blames a cycle on a node of it that another node put there, as the user's own nodes were checked before.
    fn knot(&mut self, step: usize, Cycle(ids): &Cycle) -> Stopped {
        let made = ids.iter().find(|id| self.origins.contains_key(*id)).cloned();
        let step = made.and_then(|id| self.step(&id).ok()).unwrap_or(step);
        Trouble { step, error: waits_for_itself(ids) }.into()
    }

    /// Makes sure that a step gets done, for its own sake.
    fn want(&mut self, step: usize) -> Result<(), Stopped> {
        self.look(step)?;
        if self.steps[step].state == State::Done {
            self.tell_shown(step);
        }
        self.stage(step)
    }

    /// Stages a step and everything that it needs.
    fn stage(&mut self, first: usize) -> Result<(), Stopped> {
        let mut open = vec![first];
        while let Some(step) = open.pop() {
            if self.steps[step].state != State::Seen {
                continue;
            }
            self.steps[step].state = State::Waiting;
            self.steps[step].order = self.staged;
            self.staged += 1;
            self.unfinished += 1;
            self.expanders += usize::from(self.steps[step].class.expands());
            if self.steps[step].holds.is_empty() {
                self.connect(step)?;
            }
            let eager: Vec<usize> = self.steps[step]
                .feeds
                .iter()
                .filter_map(|feed| match feed.from {
                    Origin::Link { step, asked: true, .. } => Some(step),
                    Origin::Link { asked: false, .. } | Origin::Literal(_) => None,
                })
                .collect();
            for source in eager {
                self.wait_for(step, source, &mut open)?;
            }
            self.ready_if_free(step);
        }
        Ok(())
    }

    /// Makes `step` wait for `source`, which goes on `open` when it must be staged first.
    fn wait_for(&mut self, step: usize, source: usize, open: &mut Vec<usize>) -> Result<(), Stopped> {
        self.look(source)?;
        if self.steps[source].state != State::Done {
            self.steps[step].waits_for += 1;
            self.steps[source].waiters.push(step);
            if self.steps[source].state == State::Seen {
                open.push(source);
            }
        } else {
            self.take_note(step, source);
        }
        self.steps[step].sources.push(source);
        self.bring_near(step);
        Ok(())
    }

    /// Reads a node's inputs and finds the steps behind its links.
    fn connect(&mut self, step: usize) -> Result<(), Stopped> {
        let (id, spec) = (self.steps[step].about.id.clone(), self.steps[step].spec.clone());
        let inputs = self.graph.read().node(&id).map(|node| node.inputs.clone()).unwrap_or_default();
        let mut feeds = Vec::with_capacity(inputs.len());
        let mut holds = Vec::new();
        for (name, value) in inputs {
            let declared = spec.inputs.iter().find(|it| it.name == name);
            let from = match value {
                InputValue::Literal(literal) if declared.is_some() => Origin::Literal(Value::from_json(&literal)),
                // As in ComfyUI: what nobody declared is dropped when it is a literal, and evaluated when it is a link.
                InputValue::Literal(_) => continue,
                InputValue::Malformed(list) => {
                    let error = NodeError::input(name, format!("{list} is no link"));
                    return Err(Trouble { step, error }.into());
                }
                InputValue::Link { node, slot } => {
                    let source = self.step(&node).map_err(|stopped| match stopped {
                        Stopped::Unknown(id) => {
                            let error =
                                NodeError::input(name.clone(), format!("is linked to `{id}`, which is no node of a known class"));
                            Trouble { step, error }.into()
                        }
                        other => other,
                    })?;
                    self.steps[source].readers += 1;
                    holds.push(source);
                    let (raw, lazy) = declared.map_or((false, false), |it| (it.raw_link, it.lazy));
                    Origin::Link { step: source, slot, raw, asked: !lazy }
                }
            };
            feeds.push(Feed { name, from });
        }
        self.steps[step].feeds = feeds;
        self.steps[step].holds = holds;
        Ok(())
    }

    /// Passes on how near a step is to something that the user sees.
    fn bring_near(&mut self, step: usize) {
        let mut open = vec![step];
        while let Some(step) = open.pop() {
            let near = self.steps[step].hops + 1;
            if near > 2 {
                continue;
            }
            for i in 0..self.steps[step].sources.len() {
                let source = self.steps[step].sources[i];
                if self.steps[source].hops > near {
                    self.steps[source].hops = near;
                    if self.steps[source].state == State::Ready {
                        self.enqueue(source);
                    }
                    open.push(source);
                }
            }
        }
    }

    fn ready_if_free(&mut self, step: usize) {
        if self.steps[step].state == State::Waiting && self.steps[step].waits_for == 0 {
            self.steps[step].state = State::Ready;
            self.enqueue(step);
        }
    }

    fn enqueue(&mut self, step: usize) {
        self.ready.push(Reverse(self.rank(step)));
    }

    /// The smallest is next.
    fn rank(&self, step: usize) -> (u8, usize, usize) {
        let Step { hops, order, class, .. } = &self.steps[step];
        (if class.is_concurrent() { 0 } else { *hops }, *order, step)
    }

    /// Runs ready steps until all are done.
    fn work(&mut self) -> Result<(), Stopped> {
        loop {
            while let Ok(report) = self.receiver.try_recv() {
                self.hear(report)?;
            }
            if self.job.cancel.is_cancelled() {
                return Err(Stopped::Cancelled);
            }
            let free = self.running < THREADS;
            if free && let Some(Reverse((_, _, step))) = self.ready.pop() {
                if self.steps[step].state == State::Ready {
                    self.execute(step)?;
                }
            } else if self.running > 0 {
                // The pause is how fast a cancelled run ends although a node does not listen.
                if let Ok(report) = self.receiver.recv_timeout(Duration::from_millis(50)) {
                    self.hear(report)?;
                }
            } else if self.unfinished == 0 {
                return Ok(());
            } else {
                return Err(self.deadlock());
            }
        }
    }

    /// Nothing is ready, nothing runs, not all is done: nodes that were made while running wait for each other.
    fn deadlock(&self) -> Stopped {
        let unfinished = |step: &usize| self.steps[*step].state != State::Done;
        let mut step = (0..self.steps.len()).find(|it| self.steps[*it].state == State::Waiting).expect("a step is unfinished");
        let mut path = Vec::new();
        let mut seen = FxHashMap::default();
        while !seen.contains_key(&step) {
            seen.insert(step, path.len());
            path.push(step);
            let next = self.steps[step].sources.iter().copied().find(|it| unfinished(it));
            step = next.expect("an unfinished step waits for another");
        }
        let cycle = &path[seen[&step]..];
        let blamed = cycle.iter().copied().find(|it| self.steps[*it].about.parent.is_some()).unwrap_or(step);
        let ids: Vec<_> = cycle.iter().rev().map(|it| self.steps[*it].about.id.clone()).collect();
        Trouble { step: blamed, error: waits_for_itself(&ids) }.into()
    }

    fn execute(&mut self, step: usize) -> Result<(), Stopped> {
        let trouble = |error| Stopped::At(Trouble { step, error });
        if let Some((parts, work)) = self.steps[step].parts.take() {
            let outputs = self.assemble(step, parts).map_err(trouble)?;
            return self.finish(step, outputs, work);
        }
        // Another node of the same key may have been faster.
        if let Some(entry) = self.steps[step].key.and_then(|key| self.executor.cache.find(key)) {
            self.tell(step, &entry);
            self.done(step, entry);
            return Ok(());
        }
        let about = self.steps[step].about.clone();
        if !self.steps[step].started {
            self.steps[step].started = true;
            self.job.emit(Event::Started(about.clone()));
        }
        self.current = Some(about.clone());
        self.look_ahead(step);
        let context = Context::new(self.job.clone(), about.clone(), self.graph.clone(), self.abandoned.clone());
        let waiting = self.steps[step].feeds.iter().any(|it| matches!(it.from, Origin::Link { asked: false, .. }));
        if waiting && self.ask(step, &context)? {
            return Ok(());
        }
        let calls = self.calls(step, true).map_err(trouble)?;
        let (spec, class) = (self.steps[step].spec.clone(), self.steps[step].class.clone());
        if class.is_concurrent() {
            self.steps[step].state = State::Running;
            self.running += 1;
            let sender = self.sender.clone();
            let body = move || {
                let (parts, work) = perform(&*class, &spec, calls, &context);
                // The run may be over: then nobody wants to know.
                drop(sender.send(Report { step, parts, work }));
            };
            let name = format!("node {}", about.id);
            return std::thread::Builder::new().name(name).spawn(body).map(drop).map_err(|it| trouble(it.into()));
        }
        let (parts, work) = perform(&*class, &spec, calls, &context);
        self.take(step, parts, work)
    }

    /// Asks a node which of its lazy inputs it needs. Whether it must wait for one.
    fn ask(&mut self, step: usize, context: &Context) -> Result<bool, Stopped> {
        let mut names = Vec::new();
        let class = self.steps[step].class.clone();
        for call in self.calls(step, false).map_err(|error| Trouble { step, error })? {
            if let Call::Inputs(inputs) = call {
                let asked = guarded(|| class.needs(&inputs, context)).map_err(|error| Trouble { step, error })?;
                names.extend(asked);
            }
        }
        let mut open = Vec::new();
        let mut waits = false;
        for name in names {
            let Some(feed) = self.steps[step].feeds.iter_mut().find(|it| it.name == name) else {
                let error = NodeError::input(name, "the node asks for it, and nothing is there");
                return Err(Trouble { step, error }.into());
            };
            if let Origin::Link { step: source, asked, .. } = &mut feed.from
                && !std::mem::replace(asked, true)
            {
                let source = *source;
                waits = true;
                self.steps[step].state = State::Waiting;
                self.wait_for(step, source, &mut open)?;
            }
        }
        for source in open {
            self.stage(source)?;
        }
        self.ready_if_free(step);
        Ok(waits)
    }

    /// The calls that a step's inputs make: one for each element of the longest list, or one with all lists.
    fn calls(&self, step: usize, tell: bool) -> Result<Vec<Call>, NodeError> {
        enum Fed<'v> {
            Values(&'v [Value]),
            Fixed(Slot),
        }
        let Step { spec, feeds, about, .. } = &self.steps[step];
        let mut fed = Vec::with_capacity(feeds.len());
        for Feed { name, from } in feeds {
            let declared = spec.inputs.iter().any(|it| it.name == *name);
            if !declared && !spec.extra_inputs {
                continue;
            }
            fed.push((
                name,
                match from {
                    Origin::Literal(value) => Fed::Values(std::slice::from_ref(value)),
                    Origin::Link { step, slot, raw: true, .. } => {
                        Fed::Fixed(Slot::Link { node: self.steps[*step].about.id.clone(), slot: *slot })
                    }
                    Origin::Link { asked: false, .. } => Fed::Fixed(Slot::Waiting),
                    Origin::Link { step, slot, .. } => Fed::Values(self.output(*step, *slot).map_err(|error| error.at(name))?),
                },
            ));
        }
        let longest = fed.iter().map(|(_, it)| if let Fed::Values(values) = it { values.len() } else { 1 }).max().unwrap_or(1);
        let count = if spec.input_is_list { 1 } else { longest };
        let mut calls = Vec::with_capacity(count);
        for i in 0..count {
            let mut slots = Vec::with_capacity(fed.len());
            let mut block = None;
            for (name, fed) in &fed {
                let slot = match fed {
                    Fed::Fixed(slot) => slot.clone(),
                    Fed::Values(values) if spec.input_is_list => {
                        block = block.or_else(|| values.iter().find(|it| it.is_blocked()));
                        Slot::Values(values.to_vec())
                    }
                    Fed::Values(values) => {
                        let value = values.get(i).or(values.last()).ok_or_else(|| NodeError::input(*name, "is an empty list"))?;
                        block = block.or(Some(value).filter(|it| it.is_blocked()));
                        Slot::Values(vec![value.clone()])
                    }
                };
                slots.push(((*name).clone(), slot));
            }
            calls.push(match block {
                Some(Value::Blocked(message)) => {
                    if let Some(message) = message.as_ref().filter(|_| tell) {
                        self.job.emit(Event::Blocked { node: about.clone(), message: message.to_string() });
                    }
                    Call::Blocked
                }
                _ => Call::Inputs(Inputs::new(spec.clone(), slots)),
            });
        }
        Ok(calls)
    }

    /// The values of a finished step's output.
    fn output(&self, step: usize, slot: usize) -> Result<&[Value], NodeError> {
        let Step { about, spec, outputs, .. } = &self.steps[step];
        let outputs = outputs.as_ref().expect("a step's sources are done before it runs");
        outputs.outputs.get(slot).map(Vec::as_slice).ok_or_else(|| {
            NodeError::new(format!(
                "is linked to output {slot} of `{}` ({}), which has {}",
                about.id,
                spec.class,
                outputs.outputs.len()
            ))
        })
    }

    fn hear(&mut self, Report { step, parts, work }: Report) -> Result<(), Stopped> {
        self.running -= 1;
        self.take(step, parts, work)
    }

    /// Takes what a node gave.
    fn take(&mut self, step: usize, parts: Result<Vec<Part>, NodeError>, work: Work) -> Result<(), Stopped> {
        let parts = match parts {
            Ok(parts) => parts,
            Err(error) if error.kind() == error::Kind::OutOfMemory && !self.steps[step].retried => {
                self.steps[step].retried = true;
                self.executor.cache.clear();
                self.job.make_room();
                self.steps[step].state = State::Ready;
                self.enqueue(step);
                return Ok(());
            }
            Err(error) => return Err(Trouble { step, error }.into()),
        };
        if parts.iter().any(|it| matches!(it, Part::Expansion(_))) {
            return self.expand(step, parts, work);
        }
        let outputs = self.assemble(step, parts).map_err(|error| Trouble { step, error })?;
        self.finish(step, outputs, work)
    }

    /// Puts graphs in the place of a step, which then waits for what they give.
    fn expand(&mut self, step: usize, parts: Vec<Part>, work: Work) -> Result<(), Stopped> {
        let trouble = |error| Stopped::At(Trouble { step, error });
        let parent = self.steps[step].about.clone();
        let root = self.steps[step].root.or(self.steps[step].key).expect("a step that runs has a key");
        self.steps[step].state = State::Waiting;
        let mut open = Vec::new();
        let mut resolved = Vec::with_capacity(parts.len());
        let mut outputs_inside = Vec::new();
        for (i, part) in parts.into_iter().enumerate() {
            let Part::Expansion(Expansion { graph, outputs, shown_at }) = part else {
                resolved.push(part);
                continue;
            };
            let prefix = format!("{}.{i}.0.", parent.id);
            let inside = |id: &NodeId| NodeId::from(format!("{prefix}{id}"));
            for id in graph.ids() {
                let shown = shown_at.iter().find(|(it, _)| it == id).map(|(_, at)| at.clone());
                let about = NodeRef {
                    id: inside(id),
                    display: shown.unwrap_or_else(|| parent.display.clone()),
                    real: parent.real.clone(),
                    parent: Some(parent.id.clone()),
                };
                self.origins.insert(about.id.clone(), (about, root));
            }
            let links: Vec<_> = outputs
                .into_iter()
                .map(|given| match given {
                    Given::Value(value) => Ok(value),
                    Given::Link { node, slot } => Err((if graph.contains(&node) { inside(&node) } else { node }, slot)),
                })
                .collect();
            let mut whole = self.graph.write();
            let added = whole.splice(&prefix, graph).map_err(|it| trouble(it.into()))?;
            let size = whole.len();
            drop(whole);
            if size > MOST_NODES {
                return Err(trouble(NodeError::new(format!("the graph has grown to more than {MOST_NODES} nodes"))));
            }
            for id in added {
                let child = self.step(&id).map_err(|stopped| match stopped {
                    Stopped::Unknown(id) => {
                        trouble(NodeError::new(format!("it put `{id}` in its place, whose class nobody knows")))
                    }
                    other => other,
                })?;
                if self.steps[child].spec.output_node {
                    outputs_inside.push(child);
                }
            }
            let mut later = Vec::with_capacity(links.len());
            for link in links {
                later.push(match link {
                    Ok(value) => Later::Value(value),
                    Err((id, slot)) => {
                        let source = self.step(&id).map_err(|stopped| match stopped {
                            Stopped::Unknown(id) => {
                                trouble(NodeError::new(format!("its results come from `{id}`, which is no node")))
                            }
                            other => other,
                        })?;
                        self.steps[source].readers += 1;
                        self.steps[step].holds.push(source);
                        self.wait_for(step, source, &mut open)?;
                        Later::Link { step: source, slot }
                    }
                });
            }
            resolved.push(Part::Links(later));
        }
        self.steps[step].parts = Some((resolved, work));
        for source in open {
            self.stage(source)?;
        }
        for child in outputs_inside {
            self.want(child)?;
        }
        self.ready_if_free(step);
        Ok(())
    }

    /// Puts the results of all calls together.
    fn assemble(&self, step: usize, parts: Vec<Part>) -> Result<Vec<Vec<Value>>, NodeError> {
        let spec = &self.steps[step].spec;
        let mut outputs = vec![Vec::new(); spec.outputs.len()];
        let fits = |count: usize| {
            if count == spec.outputs.len() {
                return Ok(());
            }
            Err(NodeError::new(format!("the node gave {count} results, its class has {} outputs", spec.outputs.len())))
        };
        for part in parts {
            match part {
                Part::Values(values) => {
                    fits(values.len())?;
                    outputs.iter_mut().zip(values).for_each(|(all, values)| all.extend(values));
                }
                Part::Links(links) => {
                    fits(links.len())?;
                    for (all, later) in outputs.iter_mut().zip(links) {
                        match later {
                            Later::Value(value) => all.push(value),
                            Later::Link { step, slot } => all.extend_from_slice(self.output(step, slot)?),
                        }
                    }
                }
                Part::Expansion(_) => unreachable!("expansions become links before"),
            }
        }
        Ok(outputs)
    }

    fn finish(&mut self, step: usize, outputs: Vec<Vec<Value>>, Work { shown, cost }: Work) -> Result<(), Stopped> {
        let entry = Arc::new(Entry { outputs, shown: shown.into(), cost });
        let Step { key, root, .. } = &self.steps[step];
        let key = key.expect("a step that runs has a key");
        self.executor.cache.keep(key, root.unwrap_or(key), &entry);
        self.tell(step, &entry);
        let about = self.steps[step].about.clone();
        self.executed.push(about.id.clone());
        self.done(step, entry);
        self.job.emit(Event::Finished(about));
        Ok(())
    }

    /// Marks a step as done, and whatever waits only for it as ready.
    fn done(&mut self, step: usize, entry: Arc<Entry>) {
        self.steps[step].state = State::Done;
        self.steps[step].outputs = Some(entry);
        self.steps[step].started = false;
        self.unfinished -= 1;
        self.forget(step);
        for waiter in std::mem::take(&mut self.steps[step].waiters) {
            self.take_note(waiter, step);
            self.steps[waiter].waits_for -= 1;
            self.ready_if_free(waiter);
        }
        for source in std::mem::take(&mut self.steps[step].holds) {
            self.steps[source].readers -= 1;
            self.drop_if_unread(source);
        }
        self.steps[step].feeds.clear();
        self.drop_if_unread(step);
        if self.steps[step].class.expands() {
            self.expanders -= 1;
            if self.expanders == 0 {
                for step in std::mem::take(&mut self.spared) {
                    self.drop_if_unread(step);
                }
            }
        }
    }

    /// Drops a step's values when nobody will read them any more.
    fn drop_if_unread(&mut self, step: usize) {
        if self.steps[step].readers > 0 || self.steps[step].state != State::Done {
            return;
        }
        if self.expanders > 0 {
            self.spared.push(step);
        } else {
            self.steps[step].outputs = None;
        }
    }

    /// Tells what a step showed in the run that its results come from.
    fn tell_shown(&self, step: usize) {
        if let Some(entry) = &self.steps[step].outputs {
            self.tell(step, entry);
        }
    }

    fn tell(&self, step: usize, entry: &Entry) {
        if !entry.shown.is_empty() {
            self.job.emit(Event::Shown { node: self.steps[step].about.clone(), shown: entry.shown.clone() });
        }
    }

    /// What a step's inputs hold, in words.
    fn summary(&self, step: usize) -> Vec<(String, Vec<String>)> {
        let words = |value: &Value| value.to_string().chars().take(200).collect();
        let feeds = self.steps[step].feeds.iter().map(|feed| {
            let values: Vec<String> = match &feed.from {
                Origin::Literal(value) => vec![words(value)],
                Origin::Link { step, slot, .. } => {
                    let values = self.steps[*step].outputs.as_ref().and_then(|it| it.outputs.get(*slot));
                    values.into_iter().flatten().take(20).map(words).collect()
                }
            };
            (feed.name.clone(), values)
        });
        feeds.collect()
    }

    fn unknown(&mut self, id: NodeId) -> Ended {
        let class = self.graph.read().node(&id).map(|it| it.class.clone());
        let error = match &class {
            None => NodeError::new("there is no such node"),
            Some(class) => NodeError::new(format!("nobody knows the class `{class}`")),
        };
        let executed = std::mem::take(&mut self.executed);
        let class = class.unwrap_or_default();
        Ended::Failed(Arc::new(Failure { node: NodeRef::own(id), class, error, inputs: Vec::new(), executed }))
    }

    /// Tells nodes on other threads that their work is in vain, and waits for them, though not forever.
    fn abandon(&mut self) {
        self.abandoned.cancel();
        let end = Instant::now() + PATIENCE;
        while self.running > 0 && self.receiver.recv_timeout(end.saturating_duration_since(Instant::now())).is_ok() {
            self.running -= 1;
        }
    }
}

/// Why the work stopped.
enum Stopped {
    Cancelled,
    /// No node has this id, or nobody knows its class.
    Unknown(NodeId),
    At(Trouble),
}

impl From<Trouble> for Stopped {
    fn from(trouble: Trouble) -> Self {
        Self::At(trouble)
    }
}

fn waits_for_itself(ids: &[NodeId]) -> NodeError {
    NodeError::cycle(Cycle(ids.to_vec()).to_string())
}

/// Makes all calls of a node.
fn perform(class: &dyn Class, spec: &NodeSpec, calls: Vec<Call>, context: &Context) -> (Result<Vec<Part>, NodeError>, Work) {
    let begun = Instant::now();
    let parts = calls.into_iter().map(|call| match call {
        Call::Blocked => Ok(Part::Values(vec![vec![Value::Blocked(None)]; spec.outputs.len()])),
        Call::Inputs(inputs) => {
            context.check()?;
            Ok(match guarded(|| class.run(inputs, context))? {
                Outcome::Values(values) => Part::Values(values),
                Outcome::Expand(expansion) => Part::Expansion(expansion),
            })
        }
    });
    let parts = parts.collect();
    (parts, Work { shown: context.take_shown(), cost: begun.elapsed() })
}

/// Calls a node's code; a panic in it becomes its failure.
fn guarded<T>(body: impl FnOnce() -> Result<T, NodeError>) -> Result<T, NodeError> {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|panic| {
        let message = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        Err(NodeError::panicked(message.unwrap_or("without a message")))
    })
}

#[cfg(test)]
mod tests;
