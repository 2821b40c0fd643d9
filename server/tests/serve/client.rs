//! A server in a directory of its own, and a client that speaks as ComfyUI's own example does.

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
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
    socket: WebSocket<MaybeTlsStream<TcpStream>>,
}

/// The folder with the demo model.
pub(crate) const DEMO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../workflows/models");

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(60);

impl Server {
    /// A server with the demo model.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().to_owned();
        Self::launch(Command::new(crate::PROGRAM), Path::new(DEMO), arguments, Folder::Own(folder), &path)
    }

    /// The same with models from elsewhere.
    pub(crate) fn start_with(models: &Path) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().to_owned();
        Self::launch(Command::new(crate::PROGRAM), models, &[], Folder::Own(folder), &path)
    }

    /// The same behind a shell command, as one that sets limits.
    #[cfg(unix)]
    pub(crate) fn start_behind(shell: &str, arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().to_owned();
        let mut command = Command::new("sh");
        command.args(["-c", &format!("{shell}; exec \"$@\""), "sh", crate::PROGRAM]);
        Self::launch(command, Path::new(DEMO), arguments, Folder::Own(folder), &path)
    }

    /// A server that finds what an earlier one left.
    pub(crate) fn start_in(folder: &Path, arguments: &[&str]) -> Self {
        Self::launch(Command::new(crate::PROGRAM), Path::new(DEMO), arguments, Folder::Given(folder.to_owned()), folder)
    }

    fn launch(mut command: Command, models: &Path, arguments: &[&str], folder: Folder, path: &Path) -> Self {
        command.args(["serve", "--port", "0", "--models"]).arg(models).arg("--base-directory").arg(path).args(arguments);
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::inherit()).env("BURNISH_LOG", "error").spawn().expect("starts");
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

    /// Asks it to stop as a service manager does, and waits until it has.
    #[cfg(unix)]
    pub(crate) fn ask_to_stop(&mut self) -> std::process::ExitStatus {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().expect("kill is there").success());
        self.child.wait().expect("gone")
    }

    /// The number of its process.
    pub(crate) fn process(&self) -> u32 {
        self.child.id()
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

    /// Sends a request as it is written, and says the status and everything that came back. The connection is closed after it.
    pub(crate) fn raw(&self, head: &str, body: &[u8]) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).expect("connects");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream.write_all(format!("{head}\r\n\r\n").as_bytes()).expect("sent");
        // A server that refuses at once does not read on.
        stream.write_all(body).ok();
        let (mut answer, mut piece) = (Vec::new(), [0; 4096]);
        while let Ok(read @ 1..) = stream.read(&mut piece) {
            answer.extend(&piece[..read]);
            if is_whole(&answer) {
                break;
            }
        }
        let text = String::from_utf8_lossy(&answer).into_owned();
        let status = text.split(' ').nth(1).and_then(|it| it.parse().ok());
        (status.unwrap_or_else(|| panic!("no answer to {head:?}: {text:?}")), text)
    }

    /// The status of a request with these lines in its head.
    pub(crate) fn status(&self, method: &str, path: &str, lines: &[&str]) -> u16 {
        let host =
            if lines.iter().any(|it| it.starts_with("Host:")) { String::new() } else { format!("Host: {}\r\n", self.address) };
        let lines: String = lines.iter().map(|it| format!("{it}\r\n")).collect();
        self.raw(&format!("{method} {path} HTTP/1.1\r\n{host}{lines}Content-Length: 0\r\nConnection: close"), b"").0
    }

    /// The most memory that the server ever had, in bytes.
    #[cfg(target_os = "linux")]
    pub(crate) fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it lives");
        let line = status.lines().find_map(|it| it.strip_prefix("VmHWM:")).expect("a peak");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") << 10
    }

    /// The memory that it has now, in bytes.
    #[cfg(target_os = "linux")]
    pub(crate) fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it lives");
        let line = status.lines().find_map(|it| it.strip_prefix("VmRSS:")).expect("a number");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") << 10
    }

    /// How many files and connections it has open.
    #[cfg(target_os = "linux")]
    pub(crate) fn open_files(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).expect("it lives").count()
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
        self.listen_at(&format!("/ws?clientId={id}"))
    }

    pub(crate) fn listen_at(&self, path: &str) -> Ears {
        let (socket, _) = tungstenite::connect(format!("ws://{}{path}", self.address)).expect("a websocket");
        if let MaybeTlsStream::Plain(stream) = socket.get_ref() {
            stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        }
        Ears { socket }
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

    /// Whether the server closes the connection.
    pub(crate) fn is_cut_off(&mut self) -> bool {
        loop {
            match self.socket.read() {
                Ok(Message::Close(_)) => return true,
                Ok(_) => {}
                Err(tungstenite::Error::Io(error)) => return error.kind() != std::io::ErrorKind::WouldBlock,
                Err(_) => return true,
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

    pub(crate) fn shout(&mut self, bytes: usize) {
        self.socket.send(Message::text("x".repeat(bytes))).ok();
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

/// Whether an answer is all there, so that a connection that stays open need not be waited for.
fn is_whole(answer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(answer).to_lowercase();
    let Some((head, _)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|it| it.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
    head.starts_with("http/1.1 101") || length.is_some_and(|it| answer.len() >= head.len() + 4 + it)
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
