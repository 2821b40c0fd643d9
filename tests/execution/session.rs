//! A server, a client that is connected to it, and graphs in the making.

use crate::client::{Ears, Server};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// What stays from job to job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keeps {
    Everything,
    LatestGraph,
    Nothing,
}

/// A server and a client that hears of its own jobs.
pub(crate) struct Session {
    pub(crate) server: Server,
    pub(crate) keeps: Keeps,
    ears: Ears,
    case: String,
}

/// A prompt in the making. Its nodes are called after the case, so no two cases share ids.
pub(crate) struct Prompt {
    prefix: String,
    nodes: Map<String, Value>,
}

/// A node of a prompt.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Id(pub(crate) String);

/// What a job did.
pub(crate) struct Done {
    pub(crate) id: String,
    ran: BTreeSet<String>,
    cached: BTreeSet<String>,
    outputs: Value,
    pub(crate) took: Duration,
}

/// Why a job did not succeed.
#[derive(Debug)]
pub(crate) enum Undone {
    /// It was not accepted.
    Refused(u16, Value),
    /// It ended with this `execution_error`.
    Failed(Value),
}

impl Session {
    pub(crate) fn new(server: Server, keeps: Keeps) -> Self {
        let ears = server.listen("suite");
        Self { server, keeps, ears, case: String::new() }
    }

    /// Another case begins.
    pub(crate) fn begin(&mut self, case: &str) {
        self.case = case.to_owned();
        // What the one before did not hear to its end is nobody's.
        self.ears = self.server.listen("suite");
    }

    /// An empty prompt.
    pub(crate) fn prompt(&self) -> Prompt {
        self.prompt_called("")
    }

    pub(crate) fn prompt_called(&self, name: &str) -> Prompt {
        Prompt { prefix: format!("{}{name}.", self.case), nodes: Map::new() }
    }

    /// Runs a prompt to its end.
    pub(crate) fn run(&mut self, prompt: &Prompt) -> Done {
        self.attempt(prompt, None).unwrap_or_else(|it| panic!("{it:?}"))
    }

    /// The same for some outputs only.
    pub(crate) fn run_only(&mut self, prompt: &Prompt, targets: &[&Id]) -> Done {
        self.attempt(prompt, Some(targets)).unwrap_or_else(|it| panic!("{it:?}"))
    }

    /// The status of a refusal, and what it says.
    pub(crate) fn refused(&mut self, prompt: &Prompt, targets: Option<&[&Id]>) -> Value {
        match self.attempt(prompt, targets) {
            Err(Undone::Refused(400, answer)) => answer,
            Err(other) => panic!("{other:?}"),
            Ok(_) => panic!("it ran"),
        }
    }

    /// The error with which a job ends.
    pub(crate) fn failed(&mut self, prompt: &Prompt) -> Value {
        match self.attempt(prompt, None) {
            Err(Undone::Failed(error)) => {
                assert!(error["prompt_id"].is_string(), "{error}");
                error
            }
            Err(other) => panic!("{other:?}"),
            Ok(_) => panic!("it ran"),
        }
    }

    fn attempt(&mut self, prompt: &Prompt, targets: Option<&[&Id]>) -> Result<Done, Undone> {
        let mut nodes = prompt.nodes.clone();
        for (_, node) in nodes.iter_mut().filter(|(_, node)| node["class_type"] == "SaveImage") {
            node["inputs"]["filename_prefix"] = self.case.as_str().into();
        }
        let mut body = json!({ "prompt": nodes, "client_id": "suite" });
        if let Some(targets) = targets {
            body["partial_execution_targets"] = targets.iter().map(|it| it.0.as_str()).collect();
        }
        let begun = Instant::now();
        let answer = self.server.post("/prompt", &body);
        if answer.status != 200 {
            return Err(Undone::Refused(answer.status, answer.json()));
        }
        let id = answer.json()["prompt_id"].as_str().expect("an id").to_owned();
        let (mut ran, mut cached) = (BTreeSet::new(), BTreeSet::new());
        loop {
            let message = self.ears.hear();
            let data = &message["data"];
            if data["prompt_id"] != id {
                continue;
            }
            match message["type"].as_str() {
                Some("executing") => match data["node"].as_str() {
                    Some(node) => drop(ran.insert(node.to_owned())),
                    None => break,
                },
                Some("execution_error") => return Err(Undone::Failed(data.clone())),
                Some("execution_cached") => {
                    cached
                        .extend(data["nodes"].as_array().expect("nodes").iter().map(|it| it.as_str().expect("an id").to_owned()));
                }
                _ => {}
            }
        }
        let took = begun.elapsed();
        let outputs = self.server.json(&format!("/history/{id}"))[&id]["outputs"].clone();
        Ok(Done { id, ran, cached, outputs, took })
    }

    /// The pictures that a node showed, as rows of bytes.
    pub(crate) fn pictures(&self, done: &Done, node: &Id) -> Vec<Vec<u8>> {
        let images = done.outputs[&node.0]["images"].as_array().cloned().unwrap_or_default();
        let load = |image: Value| {
            let field = |name: &str| image[name].as_str().expect("text").to_owned();
            let path = format!("/view?filename={}&subfolder={}&type={}", field("filename"), field("subfolder"), field("type"));
            let answer = self.server.get(&path);
            assert_eq!(answer.status, 200, "{path}");
            image::load_from_memory(&answer.body).expect("a picture").to_rgb8().into_raw()
        };
        images.into_iter().map(load).collect()
    }

    /// The grey of each picture, every pixel of which has it.
    pub(crate) fn greys(&self, done: &Done, node: &Id) -> Vec<u8> {
        let grey = |picture: Vec<u8>| {
            let first = picture[0];
            assert!(picture.iter().all(|it| *it == first), "the picture is not of one grey");
            first
        };
        self.pictures(done, node).into_iter().map(grey).collect()
    }

    /// A small job, so that nothing that comes later is the first.
    pub(crate) fn warm_up(&mut self) {
        let mut prompt = self.prompt_called("-warm");
        let image = prompt.image("BLACK", 32);
        prompt.node("PreviewImage", json!({ "images": image.out(0) }));
        self.run(&prompt);
    }
}

impl Prompt {
    pub(crate) fn node(&mut self, class: &str, inputs: Value) -> Id {
        let id = format!("{}{}", self.prefix, self.nodes.len() + 1);
        self.nodes.insert(id.clone(), json!({ "class_type": class, "inputs": inputs }));
        Id(id)
    }

    pub(crate) fn set(&mut self, node: &Id, input: &str, value: impl Into<Value>) {
        self.nodes[&node.0]["inputs"][input] = value.into();
    }

    pub(crate) fn take(&mut self, node: &Id) -> Value {
        self.nodes.shift_remove(&node.0).expect("it is there")
    }

    pub(crate) fn put_back(&mut self, id: &Id, node: Value) {
        self.nodes.insert(id.0.clone(), node);
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = Id> {
        self.nodes.keys().cloned().map(Id)
    }

    pub(crate) fn json(&self) -> Value {
        self.nodes.clone().into()
    }

    pub(crate) fn image(&mut self, content: &str, side: u32) -> Id {
        self.node("StubImage", json!({ "content": content, "height": side, "width": side, "batch_size": 1 }))
    }

    pub(crate) fn mask(&mut self, value: impl Into<Value>) -> Id {
        self.node("StubMask", json!({ "value": value.into(), "height": 512, "width": 512, "batch_size": 1 }))
    }

    pub(crate) fn mix(&mut self, first: &Id, second: &Id, mask: &Id) -> Id {
        self.node("TestLazyMixImages", json!({ "image1": first.out(0), "image2": second.out(0), "mask": mask.out(0) }))
    }

    pub(crate) fn sleep(&mut self, value: &Id, seconds: f64) -> Id {
        self.node("TestSleep", json!({ "value": value.out(0), "seconds": seconds }))
    }

    pub(crate) fn save(&mut self, images: &Id) -> Id {
        self.node("SaveImage", json!({ "images": images.out(0) }))
    }

    pub(crate) fn preview(&mut self, images: &Id) -> Id {
        self.node("PreviewImage", json!({ "images": images.out(0) }))
    }
}

impl Id {
    /// A link to an output.
    pub(crate) fn out(&self, slot: usize) -> Value {
        json!([self.0, slot])
    }
}

impl Done {
    /// Whether the client heard that it runs.
    pub(crate) fn ran(&self, node: &Id) -> bool {
        self.ran.contains(&node.0)
    }

    /// Whether it ran, or was said to be cached.
    pub(crate) fn was_done(&self, node: &Id) -> bool {
        self.ran(node) || self.cached.contains(&node.0)
    }
}
