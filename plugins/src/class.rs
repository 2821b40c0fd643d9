//! A class of a worker as the executor sees it.

use crate::process::{Process, kind_of};
use crate::protocol::{Abilities, Answer, Order, Part, Shared, Slot as Sent, Wire};
use crate::worker::{Listener, Worker};
use graph::{NodeId, NodeSpec, SocketType, api_json};
use models::{Image, Latent, Mask};
use runtime::node::Slot;
use runtime::value::Held;
use runtime::{
    Class, Context, Expansion, Fingerprint, Folders, Given, Inputs, Literals, NodeError, Outcome, Shown, Socket, Value,
};
use serde_json::{Map, Number, Value as Json};
use std::any::Any;
use std::cell::RefCell;
use std::sync::Arc;

/// A class of a worker.
pub(crate) struct WorkerClass {
    pub(crate) spec: NodeSpec,
    pub(crate) abilities: Abilities,
    /// The hidden inputs that it declared: its name for each, and what it is.
    pub(crate) hidden: Vec<(String, String)>,
    pub(crate) worker: Arc<Worker>,
}

/// The types that travel as what they are. Objects of all others stay where they were made.
const PORTABLE: [&str; 7] = ["INT", "FLOAT", "BOOLEAN", "STRING", "IMAGE", "MASK", "LATENT"];

/// The hidden inputs that there are.
pub(crate) const HIDDEN: [&str; 3] = ["PROMPT", "EXTRA_PNGINFO", "UNIQUE_ID"];

/// The most nodes that a class may put in its place.
const MOST_NODES: usize = 10_000;

/// An object that lives in a worker.
#[derive(Clone)]
struct Object {
    socket: SocketType,
    /// Its name there, and the process that knows it. Forgotten with the last copy.
    home: Arc<Home>,
}

struct Home {
    worker: Arc<Worker>,
    generation: u64,
    number: u64,
}

impl Drop for Home {
    fn drop(&mut self) {
        self.worker.forget(self.generation, self.number);
    }
}

impl Held for Object {
    fn socket(&self) -> &SocketType {
        &self.socket
    }

    fn bytes(&self) -> usize {
        0
    }

    fn inside(&self) -> &dyn Any {
        self
    }
}

impl WorkerClass {
    fn portable(&self, socket: &SocketType) -> bool {
        PORTABLE.contains(&socket.as_str())
    }

    fn broke(&self, why: impl std::fmt::Display) -> NodeError {
        NodeError::new(format!("the pack `{}` gave what {} does not declare: {why}", self.worker.name(), self.spec.class))
    }
}

impl Class for WorkerClass {
    fn spec(&self) -> NodeSpec {
        self.spec.clone()
    }

    fn run(&self, inputs: Inputs, cx: &Context) -> Result<Outcome, NodeError> {
        let hosted = RefCell::default();
        let hidden = self.hidden(cx);
        let order = |call, process: &Arc<Process>| {
            let inputs = Sending { process, worker: &self.worker, call, hosted: &hosted }.slots(&inputs)?;
            Ok(Order::Execute {
                call,
                class: self.spec.class.clone(),
                node: cx.node().to_string(),
                inputs,
                hidden,
                previews: cx.wants_previews(),
            })
        };
        self.worker.ask(&Listener::Node(cx), order, |answer, process| {
            let taking = Taking { class: self, process, hosted: &hosted.borrow() };
            match answer {
                Answer::Values { outputs, ui, .. } => {
                    let values = taking.outputs(outputs)?;
                    show(&ui, cx);
                    Ok(Outcome::Values(values))
                }
                Answer::Expand { graph, outputs, ui, .. } => {
                    let expansion = taking.expansion(&graph, outputs)?;
                    show(&ui, cx);
                    Ok(Outcome::Expand(expansion))
                }
                other => Err(self.broke(kind_of(&other))),
            }
        })
    }

    fn needs(&self, inputs: &Inputs, cx: &Context) -> Result<Vec<String>, NodeError> {
        if !self.abilities.needs {
            return Ok(Vec::new());
        }
        let hosted = RefCell::default();
        let order = |call, process: &Arc<Process>| {
            let inputs = Sending { process, worker: &self.worker, call, hosted: &hosted }.slots(inputs)?;
            Ok(Order::Needs { call, class: self.spec.class.clone(), node: cx.node().to_string(), inputs })
        };
        self.worker.ask(&Listener::Node(cx), order, |answer, _| match answer {
            Answer::Names { names, .. } => Ok(names),
            other => Err(self.broke(kind_of(&other))),
        })
    }

    fn fingerprint(&self, literals: &Literals, _: &Folders) -> Result<Fingerprint, NodeError> {
        let mut content = Vec::new();
        if self.abilities.fingerprint {
            let order = |call, _: &Arc<Process>| {
                Ok(Order::Fingerprint { call, class: self.spec.class.clone(), literals: literals.clone() })
            };
            let said = self.worker.ask(&Listener::Question, order, |answer, _| match answer {
                Answer::Content { content, .. } => Ok(content),
                other => Err(self.broke(kind_of(&other))),
            })?;
            let Some(said) = said else { return Ok(Fingerprint::Always) };
            content.extend_from_slice(said.as_bytes());
        }
        // Objects of a process that is gone are nothing any more: what made them is made again.
        if self.spec.outputs.iter().any(|it| !self.portable(&it.socket)) {
            content.extend_from_slice(&self.worker.generation().to_le_bytes());
        }
        Ok(if content.is_empty() { Fingerprint::Inputs } else { Fingerprint::Content(content) })
    }

    fn validate(&self, literals: &Literals, _: &Folders) -> Vec<(String, String)> {
        if !self.abilities.validate {
            return Vec::new();
        }
        let order =
            |call, _: &Arc<Process>| Ok(Order::Validate { call, class: self.spec.class.clone(), literals: literals.clone() });
        let said = self.worker.ask(&Listener::Question, order, |answer, _| match answer {
            Answer::Objections { objections, .. } => Ok(objections),
            other => Err(self.broke(kind_of(&other))),
        });
        // Who cannot be asked cannot run either, and the run then says why.
        said.unwrap_or_else(|error| vec![(String::new(), error.to_string())])
    }

    fn expands(&self) -> bool {
        self.abilities.expands
    }
}

impl WorkerClass {
    fn hidden(&self, cx: &Context) -> Map<String, Json> {
        let value = |kind: &str| match kind {
            "PROMPT" => cx.prompt().cloned().unwrap_or_default(),
            "EXTRA_PNGINFO" => cx.extra_pnginfo().clone().into(),
            "UNIQUE_ID" => cx.node().as_str().into(),
            _ => Json::Null,
        };
        self.hidden.iter().map(|(name, kind)| (name.clone(), value(kind))).collect()
    }
}

/// Puts inputs on the way.
struct Sending<'s> {
    process: &'s Arc<Process>,
    worker: &'s Arc<Worker>,
    call: u64,
    /// Values that only this side understands. The worker may hand them back.
    hosted: &'s RefCell<Vec<Value>>,
}

impl Sending<'_> {
    fn slots(&self, inputs: &Inputs) -> Result<Vec<(String, Sent)>, NodeError> {
        let mut tensors = 0;
        let slot = |tensors: &mut usize, name: &str, slot: &Slot| -> Result<Sent, NodeError> {
            Ok(match slot {
                Slot::Waiting => Sent::Waiting {},
                Slot::Link { node, slot } => Sent::Link(node.to_string(), *slot as u64),
                Slot::Values(values) => {
                    let values = values.iter().map(|it| self.value(it, tensors).map_err(|error| error.at(name)));
                    Sent::Values(values.collect::<Result<_, _>>()?)
                }
            })
        };
        inputs.iter().map(|(name, it)| Ok((name.to_owned(), slot(&mut tensors, name, it)?))).collect()
    }

    fn value(&self, value: &Value, tensors: &mut usize) -> Result<Wire, NodeError> {
        let mut share = |shape: &[usize], data: burn::tensor::TensorData| -> Result<Shared, NodeError> {
            let data = data.convert::<f32>();
            let values = data.as_slice::<f32>().map_err(|it| NodeError::new(format!("no numbers: {it:?}")))?;
            *tensors += 1;
            self.process.room.put(format!("in-{}-{tensors}", self.call), shape, values)
        };
        Ok(match value {
            Value::Int(whole) => {
                let number = u64::try_from(*whole).map(Number::from).or_else(|_| i64::try_from(*whole).map(Number::from));
                Wire::Int(number.map_err(|_| NodeError::new(format!("{whole} does not fit 64 bits")))?)
            }
            Value::Float(real) => Wire::Float(*real),
            Value::Bool(truth) => Wire::Bool(*truth),
            Value::String(text) => Wire::String(text.to_string()),
            Value::Json(json) => Wire::Json((**json).clone()),
            Value::Blocked(message) => Wire::Blocked(message.as_ref().map(ToString::to_string)),
            Value::Held(held) => {
                let inside = held.inside();
                if let Some(Image(pixels)) = inside.downcast_ref() {
                    Wire::Image(share(&pixels.dims(), pixels.clone().into_data())?)
                } else if let Some(Mask(mask)) = inside.downcast_ref() {
                    Wire::Mask(share(&mask.dims(), mask.clone().into_data())?)
                } else if let Some(Latent { samples, noise_mask, batch_index }) = inside.downcast_ref() {
                    let mask = noise_mask.as_ref().map(|it| share(&it.dims(), it.clone().into_data())).transpose()?;
                    let index = batch_index.as_ref().map(|it| it.iter().map(|it| *it as u64).collect());
                    let samples = share(samples.shape(), samples.values().clone().into_data())?;
                    Wire::Latent { samples, noise_mask: mask, batch_index: index }
                } else if let Some(Object { home, .. }) = inside.downcast_ref().filter(|it: &&Object| self.owns(it)) {
                    Wire::Held(home.number)
                } else {
                    let mut hosted = self.hosted.borrow_mut();
                    hosted.push(value.clone());
                    Wire::Host(hosted.len() as u64 - 1)
                }
            }
        })
    }

    fn owns(&self, object: &Object) -> bool {
        Arc::ptr_eq(&object.home.worker, self.worker) && object.home.generation == self.worker.generation()
    }
}

/// Takes what a worker gives, believing nothing.
struct Taking<'t> {
    class: &'t WorkerClass,
    process: &'t Arc<Process>,
    hosted: &'t [Value],
}

impl Taking<'_> {
    fn outputs(&self, outputs: Vec<Vec<Wire>>) -> Result<Vec<Vec<Value>>, NodeError> {
        let declared = &self.class.spec.outputs;
        if outputs.len() != declared.len() {
            return Err(self.class.broke(format!("{} outputs instead of {}", outputs.len(), declared.len())));
        }
        let all = outputs.into_iter().zip(declared).map(|(values, output)| {
            if !output.is_list && values.len() != 1 {
                return Err(self.class.broke(format!("{} values at `{}`", values.len(), output.name)));
            }
            values.into_iter().map(|it| self.value(it, output)).collect()
        });
        all.collect()
    }

    fn value(&self, wire: Wire, output: &graph::Output) -> Result<Value, NodeError> {
        let wrong = |why: String| self.class.broke(format!("output `{}`: {why}", output.name));
        let room = &self.process.room;
        let value = match wire {
            Wire::Int(number) => Value::Int(number.as_i128().ok_or_else(|| wrong(format!("{number} is no whole number")))?),
            Wire::Float(real) => Value::Float(real),
            Wire::Bool(truth) => Value::Bool(truth),
            Wire::String(text) => Value::String(text.into()),
            Wire::Json(json) => Value::Json(Arc::new(json)),
            Wire::Blocked(message) => return Ok(Value::Blocked(message.map(Into::into))),
            Wire::Image(shared) => room.image(&shared).map_err(wrong)?.into_value(),
            Wire::Mask(shared) => room.mask(&shared).map_err(wrong)?.into_value(),
            Wire::Latent { samples, noise_mask, batch_index } => {
                room.latent(&samples, noise_mask.as_ref(), batch_index).map_err(wrong)?.into_value()
            }
            Wire::Host(number) => {
                let value = usize::try_from(number).ok().and_then(|it| self.hosted.get(it)).cloned();
                value.ok_or_else(|| wrong(format!("{number} is no object that it was given in this call")))?
            }
            Wire::Held(_) if self.class.portable(&output.socket) => {
                return Err(wrong(format!("an object of its own instead of {}", output.socket)));
            }
            Wire::Held(number) => {
                let worker = self.class.worker.clone();
                let home = Arc::new(Home { generation: worker.generation(), worker, number });
                return Ok(Value::Held(Arc::new(Object { socket: output.socket.clone(), home })));
            }
        };
        // Numbers pass for each other, as they do between nodes.
        let number = matches!(value, Value::Int(_) | Value::Float(_) | Value::Bool(_));
        let wanted = output.socket.as_str();
        let json = matches!(value, Value::Json(_)) && !self.class.portable(&output.socket);
        let plain = !self.class.portable(&output.socket) && !matches!(value, Value::Held(_));
        let fits = SocketType::new(value.type_name()).feeds(&output.socket)
            || number && matches!(wanted, "INT" | "FLOAT" | "BOOLEAN")
            || json
            || plain;
        if fits { Ok(value) } else { Err(wrong(format!("it is {} and should be {wanted}", value.type_name()))) }
    }

    fn expansion(&self, graph: &Json, outputs: Vec<Part>) -> Result<Expansion, NodeError> {
        if graph.as_object().is_none_or(|it| it.len() > MOST_NODES) {
            return Err(self.class.broke(format!("a graph is an object of at most {MOST_NODES} nodes")));
        }
        let graph = api_json::from_json(graph).map_err(|it| self.class.broke(it))?;
        let declared = &self.class.spec.outputs;
        if outputs.len() != declared.len() {
            return Err(self.class.broke(format!("{} outputs instead of {}", outputs.len(), declared.len())));
        }
        let outputs = outputs.into_iter().zip(declared).map(|(part, output)| {
            Ok(match part {
                Part::Value(wire) => Given::Value(self.value(wire, output)?),
                Part::Link(node, slot) => Given::link(NodeId::from(node), usize::try_from(slot).unwrap_or(usize::MAX)),
            })
        });
        let outputs = outputs.collect::<Result<_, NodeError>>()?;
        Ok(Expansion { graph, outputs, shown_at: Vec::new() })
    }
}

/// Hands on what the editor shall show.
fn show(ui: &Map<String, Json>, cx: &Context) {
    for (key, values) in ui {
        match values {
            Json::Array(values) => {
                for value in values {
                    cx.show(match (key.as_str(), value) {
                        ("text", Json::String(text)) => Shown::Text(text.clone()),
                        _ => Shown::Data { key: key.clone(), value: value.clone() },
                    });
                }
            }
            value => cx.show(Shown::Data { key: key.clone(), value: value.clone() }),
        }
    }
}
