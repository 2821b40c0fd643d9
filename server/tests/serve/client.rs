//! A server in a directory of its own, and a client that speaks as ComfyUI's own example does.

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tungstenite::stream::MaybeTlsStream;
use tungstenite::{Message, WebSocket};

/// A server that dies with this.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: String,
    folder: Folder,
}

/// Where a server works: it may outlive the server.
enum Folder {
    Own(TempDir),
    Given(PathBuf),
}

/// What was answered.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: ureq::http::HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// A websocket.
pub(crate) struct Ears {
    pub(crate) id: String,
    socket: WebSocket<MaybeTlsStream<TcpStream>>,
}

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(60);

impl Server {
    /// A server with the demo model.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().to_owned();
        Self::launch(arguments, Folder::Own(folder), &path)
    }

    /// A server that finds what an earlier one left.
    pub(crate) fn start_in(folder: &Path, arguments: &[&str]) -> Self {
        Self::launch(arguments, Folder::Given(folder.to_owned()), folder)
    }

    fn launch(arguments: &[&str], folder: Folder, path: &Path) -> Self {
        let models = concat!(env!("CARGO_MANIFEST_DIR"), "/../workflows/models");
        let mut command = Command::new(env!("CARGO_BIN_EXE_burnish"));
        command.arg("serve").args(["--port", "0", "--models", models, "--base-directory"]).arg(path).args(arguments);
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::inherit()).env("BURNISH_LOG", "warn").spawn().expect("starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("a line");
        let address = line.split("http://").nth(1).and_then(|it| it.split_whitespace().next());
        let address = address.unwrap_or_else(|| panic!("no address in {line:?}")).to_owned();
        Self { child, address, folder }
    }

    /// The directory of input, output and the rest.
    pub(crate) fn folder(&self) -> &Path {
        match &self.folder {
            Folder::Own(folder) => folder.path(),
            Folder::Given(path) => path,
        }
    }

    /// Kills it as a power cut would.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("gone");
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .allow_non_standard_methods(true)
            .timeout_global(Some(PATIENCE))
            .build()
            .into();
        let mut request = ureq::http::Request::builder().method(method).uri(self.url(path));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = match body {
            [] => agent.run(request.body(()).expect("a request")),
            body => agent.run(request.body(body.to_vec()).expect("a request")),
        };
        let answer = answer.unwrap_or_else(|it| panic!("{method} {path}: {it}"));
        let (head, mut body) = answer.into_parts();
        let body = body.with_config().limit(1 << 30).read_to_vec().expect("a body");
        Answer { status: head.status.as_u16(), headers: head.headers, body }
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], b"")
    }

    pub(crate) fn json(&self, path: &str) -> Value {
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.json()
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, &[], body.to_string().as_bytes())
    }

    /// Sends a prompt, and says its id.
    pub(crate) fn submit(&self, prompt: &Value, client: Option<&str>) -> String {
        let answer = self.post("/prompt", &json!({ "prompt": prompt, "client_id": client }));
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["prompt_id"].as_str().expect("an id").to_owned()
    }

    /// Waits until a job is in the history, and says what stands there.
    pub(crate) fn wait(&self, id: &str) -> Value {
        let mut history = Value::Null;
        until("the job ends", || {
            history = self.json(&format!("/history/{id}"));
            !history[id].is_null()
        });
        history[id].take()
    }

    pub(crate) fn listen(&self, id: &str) -> Ears {
        let (socket, _) = tungstenite::connect(format!("ws://{}/ws?clientId={id}", self.address)).expect("a websocket");
        if let MaybeTlsStream::Plain(stream) = socket.get_ref() {
            stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        }
        Ears { id: id.to_owned(), socket }
    }

    /// Uploads a file.
    pub(crate) fn upload(&self, path: &str, fields: &[(&str, &str)], name: &str, content: &[u8]) -> Answer {
        let mut body = Vec::new();
        for (field, value) in fields {
            body.extend(format!("--edge\r\nContent-Disposition: form-data; name=\"{field}\"\r\n\r\n{value}\r\n").bytes());
        }
        body.extend(format!("--edge\r\nContent-Disposition: form-data; name=\"image\"; filename=\"{name}\"\r\n\r\n").bytes());
        body.extend(content);
        body.extend(b"\r\n--edge--\r\n");
        self.send("POST", path, &[("Content-Type", "multipart/form-data; boundary=edge")], &body)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|it| panic!("{it}: {}", self.text()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |it| it.to_str().expect("text"))
    }
}

impl Ears {
    pub(crate) fn next(&mut self) -> Message {
        loop {
            match self.socket.read().expect("a message") {
                Message::Ping(_) | Message::Pong(_) => {}
                message => return message,
            }
        }
    }

    /// The next message that is text.
    pub(crate) fn hear(&mut self) -> Value {
        loop {
            if let Message::Text(text) = self.next() {
                return serde_json::from_str(&text).expect("JSON");
            }
        }
    }

    pub(crate) fn say(&mut self, message: &Value) {
        self.socket.send(Message::text(message.to_string())).expect("sent");
    }

    /// Everything until the end of a job, which is `executing` without a node.
    pub(crate) fn hear_job(&mut self, job: &str) -> Vec<Value> {
        let mut heard = Vec::new();
        loop {
            let message = self.hear();
            let end = message["type"] == "executing" && message["data"]["node"].is_null() && message["data"]["prompt_id"] == job;
            heard.push(message);
            if end {
                return heard;
            }
        }
    }
}

/// Waits until something is so.
pub(crate) fn until(what: &str, mut so: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !so() {
        assert!(Instant::now() < end, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// All bytes of a file.
pub(crate) fn bytes(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|mut it| it.read_to_end(&mut bytes))
        .unwrap_or_else(|it| panic!("{}: {it}", path.display()));
    bytes
}
