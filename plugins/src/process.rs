//! One worker process: started inside limits and, where the system has one, a sandbox; heard; and killed with everything that it started.

use crate::Log;
use crate::manifest::{Kind, Manifest};
use crate::protocol::{self, Answer, FrameError, Order, PROTOCOL};
use crate::shared::Room;
use parking_lot::Mutex;
use rustix::process::{Pid, Signal, kill_process_group};
use std::collections::HashMap;
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

/// How a pack's process is started.
#[derive(Clone, Debug)]
pub(crate) struct Launch {
    pub(crate) manifest: Manifest,
    /// The pack's directory, as the system knows it.
    pub(crate) folder: PathBuf,
    /// The program of the sandbox, if there is one.
    pub(crate) sandbox: Option<PathBuf>,
}

/// A running process.
pub(crate) struct Process {
    /// The directory of its tensors.
    pub(crate) room: Room,
    orders: Mutex<Sender<Vec<u8>>>,
    child: Mutex<Child>,
    group: Pid,
    listeners: Mutex<HashMap<u64, SyncSender<Answer>>>,
    begun: Instant,
    /// When it was last heard, in milliseconds since it began.
    heard: AtomicU64,
    gone: OnceLock<String>,
}

/// Messages of one call.
pub(crate) struct Heard<'p> {
    process: &'p Process,
    call: u64,
    pub(crate) answers: Receiver<Answer>,
}

/// The files of the shim: beside the pack's environment, not in it.
const SHIM: &[(&str, &str)] = &[
    ("__init__.py", include_str!("../shim/burnish_worker/__init__.py")),
    ("__main__.py", include_str!("../shim/burnish_worker/__main__.py")),
    ("graphs.py", include_str!("../shim/burnish_worker/graphs.py")),
    ("packs.py", include_str!("../shim/burnish_worker/packs.py")),
    ("tensors.py", include_str!("../shim/burnish_worker/tensors.py")),
    ("wire.py", include_str!("../shim/burnish_worker/wire.py")),
];

/// What the system needs to start any program, where it has it.
const SYSTEM: [&str; 10] = [
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/etc/ld.so.cache",
    "/etc/alternatives",
    "/etc/localtime",
    "/nix/store",
];

/// What a program needs in addition to find others in the network.
const NETWORK: [&str; 6] =
    ["/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/ssl", "/etc/pki", "/etc/ca-certificates"];

/// Variables that every worker sees.
const ENVIRONMENT: [&str; 5] = ["PATH", "LANG", "LC_ALL", "TZ", "CUDA_VISIBLE_DEVICES"];

/// The call number of the handshake.
const HELLO: u64 = 0;

/// Messages of a call that may wait to be heard. Whoever says more waits.
const MESSAGES: usize = 64;

/// Lines of a worker's standard error that are longer are cut.
const LINE: u64 = 4096;

/// Lines that a worker may write to the log a second. The rest is counted.
const LINES: u32 = 50;

impl Launch {
    /// The program and its arguments, limits and sandbox included.
    pub(crate) fn command_line(&self, room: &Path) -> Vec<OsString> {
        let mut line: Vec<OsString> = Vec::new();
        if let Some(sandbox) = &self.sandbox {
            line.push(sandbox.into());
            line.extend(self.walls(room));
            line.push("--".into());
        }
        // The shell only sets the limits: that way they hold before the first instruction of the pack.
        let kilobytes = self.manifest.limits.memory_mb.saturating_mul(1024);
        let limit = if kilobytes == 0 { "unlimited".to_owned() } else { kilobytes.to_string() };
        let script = "ulimit -c 0 2>/dev/null; ulimit -v \"$1\" 2>/dev/null; shift; exec \"$@\"";
        line.extend(["/bin/sh", "-c", script, "burnish", &limit].map(OsString::from));
        match self.manifest.kind {
            Kind::Python => {
                line.push(self.interpreter().into());
                line.extend(["-B", "-u", "-m", "burnish_worker"].map(OsString::from));
            }
            Kind::Worker => {
                let mut words = self.manifest.command.iter();
                line.extend(words.next().map(|it| self.program(it).into()));
                line.extend(words.map(OsString::from));
            }
        }
        line
    }

    /// The Python that runs the pack: the one that it names, else that of its own environment, else the system's.
    pub(crate) fn interpreter(&self) -> PathBuf {
        let own = self.folder.join(".venv/bin/python");
        match &self.manifest.python {
            Some(python) => self.program(python),
            None if own.exists() => own,
            None => "python3".into(),
        }
    }

    /// Python looks for modules where it starts, and must not take a pack's for its own.
    fn start_in<'p>(&'p self, room: &'p Path) -> &'p Path {
        if self.manifest.kind == Kind::Python { room } else { &self.folder }
    }

    fn program(&self, name: &str) -> PathBuf {
        if name.contains('/') { self.folder.join(name) } else { name.into() }
    }

    /// The arguments of the sandbox: nothing is there but what is named here.
    fn walls(&self, room: &Path) -> Vec<OsString> {
        let mut walls: Vec<OsString> = ["--die-with-parent", "--new-session", "--unshare-all"].map(OsString::from).into();
        let mut bind = |how: &str, path: &Path| {
            walls.extend([how.into(), path.into(), path.into()]);
        };
        let rights = &self.manifest.capabilities;
        for path in SYSTEM {
            bind("--ro-bind-try", Path::new(path));
        }
        if rights.network {
            for path in NETWORK {
                bind("--ro-bind-try", Path::new(path));
            }
        }
        // An interpreter that lies elsewhere brings its library, which is beside its `bin`.
        if let Some(prefix) = self.interpreter().canonicalize().ok().as_deref().and_then(Path::parent).and_then(Path::parent)
            && self.manifest.kind == Kind::Python
            && prefix.parent().is_some()
            && !prefix.starts_with("/usr")
        {
            bind("--ro-bind", prefix);
        }
        for path in &rights.read {
            bind("--ro-bind-try", path);
        }
        for path in &rights.write {
            bind("--bind-try", path);
        }
        bind("--ro-bind", &self.folder);
        bind("--bind", room);
        if rights.network {
            walls.push("--share-net".into());
        }
        for (how, path) in [("--proc", "/proc"), ("--dev", "/dev"), ("--tmpfs", "/tmp")] {
            // In front: what is bound below these stays visible.
            walls.splice(3..3, [OsString::from(how), OsString::from(path)]);
        }
        walls.extend([OsString::from("--chdir"), self.start_in(room).into()]);
        walls
    }

    /// Starts the process and waits until it has said what it offers.
    ///
    /// # Errors
    /// Why there is no such process, or the reason that it gives.
    pub(crate) fn start(&self, log: &Log) -> Result<(Arc<Process>, Answer), String> {
        let failed = |what: &str, it: std::io::Error| format!("{what}: {it}");
        let limits = self.manifest.limits;
        let room = Room::new(limits.shared_mb << 20).map_err(|it| failed("no memory can be shared", it))?;
        let shim = room.path().join("shim");
        let package = shim.join("burnish_worker");
        if self.manifest.kind == Kind::Python {
            std::fs::create_dir_all(&package).map_err(|it| failed("the shim cannot be written", it))?;
            for (name, text) in SHIM {
                std::fs::write(package.join(name), text).map_err(|it| failed("the shim cannot be written", it))?;
            }
        }
        let line = self.command_line(room.path());
        let mut command = Command::new(&line[0]);
        command.args(&line[1..]).current_dir(self.start_in(room.path())).env_clear();
        let seen = self.manifest.capabilities.environment.iter().map(String::as_str).chain(ENVIRONMENT);
        command.envs(seen.filter_map(|it| Some((it, std::env::var_os(it)?))));
        command.env("HOME", room.path()).env("TMPDIR", if self.sandbox.is_some() { Path::new("/tmp") } else { room.path() });
        command.env("PYTHONPATH", &shim).env("PYTHONIOENCODING", "utf-8");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);

        let (ready, started) = channel();
        let (hello, greeting) = sync_channel(1);
        let name = self.manifest.name.clone();
        let log = log.clone();
        // This thread lives as long as the process: a process that dies with its parent dies with the thread that started it.
        thread::Builder::new()
            .name(format!("pack-{name}"))
            .spawn(move || keep(command, room, hello, &ready, &name, &log))
            .map_err(|it| failed("no thread could be started", it))?;
        let process = started.recv().map_err(|_| "its thread ended".to_owned())??;
        process.tell(&Order::Hello {
            protocol: PROTOCOL,
            pack: self.manifest.name.clone(),
            folder: self.folder.display().to_string(),
            shared: process.room.tensors().display().to_string(),
        })?;
        let patience = Duration::from_secs(limits.start_seconds);
        let answer = greeting.recv_timeout(patience).map_err(|_| match process.gone.get() {
            Some(why) => why.clone(),
            None => {
                process.kill("it did not say what it offers");
                format!("it did not say within {} s what it offers", limits.start_seconds)
            }
        });
        match answer? {
            Answer::Ready { protocol, .. } if protocol != PROTOCOL => {
                process.kill("it speaks another version of the protocol");
                Err(format!("it speaks version {protocol} of the worker protocol, and this program version {PROTOCOL}"))
            }
            Answer::Refuse { reason } => {
                process.kill("it refused");
                Err(reason)
            }
            answer @ Answer::Ready { .. } => Ok((process, answer)),
            other => {
                process.kill("it did not begin with what it offers");
                Err(format!("it began with {} instead of what it offers", kind_of(&other)))
            }
        }
    }
}

/// Starts the process, hears it to its end, and tells whoever waits for it.
fn keep(
    mut command: Command,
    room: Room,
    hello: SyncSender<Answer>,
    ready: &Sender<Result<Arc<Process>, String>>,
    name: &str,
    log: &Log,
) {
    let program = command.get_program().to_string_lossy().into_owned();
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => {
            ready.send(Err(format!("{program} cannot be started: {error}"))).ok();
            return;
        }
    };
    let (input, output, complaints) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (Some(mut input), Some(output), Some(complaints), Some(group)) =
        (input, output, complaints, Pid::from_raw(child.id().cast_signed()))
    else {
        ready.send(Err("the system gave no pipes".to_owned())).ok();
        return;
    };
    let (orders, written) = channel::<Vec<u8>>();
    let process = Arc::new(Process {
        room,
        orders: Mutex::new(orders),
        child: Mutex::new(child),
        group,
        listeners: Mutex::new(HashMap::from([(HELLO, hello)])),
        begun: Instant::now(),
        heard: AtomicU64::new(0),
        gone: OnceLock::new(),
    });
    // A worker that does not read must not make anybody wait. The thread ends with the pipe or with the process.
    let writer = thread::Builder::new().name(format!("pack-{name}-in")).spawn(move || {
        while let Ok(frame) = written.recv() {
            if frame.is_empty() || input.write_all(&frame).and_then(|()| input.flush()).is_err() {
                return;
            }
        }
    });
    let last = Arc::new(Mutex::new(String::new()));
    let listener = {
        let (last, log, name) = (last.clone(), log.clone(), name.to_owned());
        thread::Builder::new().name(format!("pack-{name}-log")).spawn(move || note(complaints, &name, &last, &log))
    };
    if let Err(error) = writer.as_ref().map(|_| ()).and(listener.as_ref().map(|_| ())) {
        process.kill("no thread could be started");
        ready.send(Err(format!("no thread could be started: {error}"))).ok();
        return;
    }
    ready.send(Ok(process.clone())).ok();
    let mut output = BufReader::with_capacity(64 << 10, output);
    let mut end = loop {
        match protocol::read(&mut output).and_then(|it| protocol::decode::<Answer>(&it)) {
            Ok(answer) => process.hear(answer, name, log),
            Err(FrameError::Ended) => break None,
            Err(error) => break Some(format!("it was ended because {error}")),
        }
    };
    process.kill_group();
    let status = process.child.lock().wait();
    // What it complained about last says more than its status.
    if let Ok(listener) = listener {
        let patience = Instant::now() + Duration::from_millis(300);
        while !listener.is_finished() && Instant::now() < patience {
            thread::sleep(Duration::from_millis(5));
        }
    }
    let said = last.lock().clone();
    let end = end.take().unwrap_or_else(|| {
        let status = status.map_or_else(|it| it.to_string(), |it| it.to_string());
        if said.is_empty() { format!("its process ended ({status})") } else { format!("its process ended ({status}): {said}") }
    });
    process.gone.set(end).ok();
    process.listeners.lock().clear();
    process.orders.lock().send(Vec::new()).ok();
    process.room.clear();
}

/// Hands a worker's standard error on to the log, a line each and not too many.
fn note(from: impl Read, name: &str, last: &Mutex<String>, log: &Log) {
    let mut from = BufReader::new(from);
    let (mut second, mut lines) = (Instant::now(), 0);
    loop {
        let mut line = Vec::new();
        match from.by_ref().take(LINE).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let text = String::from_utf8_lossy(&line).trim_end().to_owned();
        if second.elapsed() >= Duration::from_secs(1) {
            if lines > LINES {
                log(name, &format!("{} lines were left out", lines - LINES));
            }
            (second, lines) = (Instant::now(), 0);
        }
        lines += 1;
        if !text.is_empty() {
            if lines <= LINES {
                log(name, &text);
            }
            *last.lock() = text;
        }
    }
}

impl Process {
    /// Says something to it. What is said to a process that is gone is lost.
    ///
    /// # Errors
    /// When it is too much to say.
    pub(crate) fn tell(&self, order: &Order) -> Result<(), String> {
        let frame = protocol::encode(order).map_err(|it| it.to_string())?;
        self.orders.lock().send(frame).ok();
        Ok(())
    }

    /// Hears what is said about a call from now on.
    pub(crate) fn listen(&self, call: u64) -> Heard<'_> {
        let (sender, answers) = sync_channel(MESSAGES);
        self.listeners.lock().insert(call, sender);
        // The other way round, its end could be missed.
        if self.gone.get().is_some() {
            self.listeners.lock().clear();
        }
        Heard { process: self, call, answers }
    }

    /// Why it is no more.
    pub(crate) fn end(&self) -> Option<&str> {
        if self.gone.get().is_none() && self.child.lock().try_wait().is_ok_and(|it| it.is_some()) {
            // Something that it started may still hold its output open.
            self.kill_group();
            thread::sleep(Duration::from_millis(20));
        }
        self.gone.get().map(String::as_str)
    }

    /// How long it has been silent.
    pub(crate) fn silence(&self) -> Duration {
        self.begun.elapsed().saturating_sub(Duration::from_millis(self.heard.load(Ordering::Relaxed)))
    }

    /// Ends it and what it started, for a reason.
    pub(crate) fn kill(&self, why: &str) {
        self.gone.set(format!("it was ended because {why}")).ok();
        self.kill_group();
    }

    fn kill_group(&self) {
        kill_process_group(self.group, Signal::KILL).ok();
    }

    fn hear(&self, answer: Answer, name: &str, log: &Log) {
        self.heard.store(self.begun.elapsed().as_millis() as u64, Ordering::Relaxed);
        let call = match &answer {
            Answer::Pong {} => return,
            Answer::Free { files } => {
                self.room.freed(files);
                return;
            }
            Answer::Log { text } => {
                log(name, text.get(..LINE as usize).unwrap_or(text));
                return;
            }
            Answer::Ready { .. } | Answer::Refuse { .. } => HELLO,
            Answer::Progress { call, .. }
            | Answer::Preview { call, .. }
            | Answer::Text { call, .. }
            | Answer::Values { call, .. }
            | Answer::Expand { call, .. }
            | Answer::Names { call, .. }
            | Answer::Content { call, .. }
            | Answer::Objections { call, .. }
            | Answer::Failed { call, .. } => *call,
        };
        // Nobody waits for what is left of a call that was cancelled.
        let listener = self.listeners.lock().get(&call).cloned();
        if let Some(listener) = listener {
            listener.send(answer).ok();
        }
        if call == HELLO {
            self.listeners.lock().remove(&HELLO);
        }
    }
}

impl Drop for Heard<'_> {
    fn drop(&mut self) {
        self.process.listeners.lock().remove(&self.call);
    }
}

/// What sort of message it is.
pub(crate) fn kind_of(answer: &Answer) -> &'static str {
    match answer {
        Answer::Ready { .. } => "`ready`",
        Answer::Refuse { .. } => "`refuse`",
        Answer::Progress { .. } => "`progress`",
        Answer::Preview { .. } => "`preview`",
        Answer::Text { .. } => "`text`",
        Answer::Free { .. } => "`free`",
        Answer::Log { .. } => "`log`",
        Answer::Values { .. } => "`values`",
        Answer::Expand { .. } => "`expand`",
        Answer::Names { .. } => "`names`",
        Answer::Content { .. } => "`content`",
        Answer::Objections { .. } => "`objections`",
        Answer::Failed { .. } => "`failed`",
        Answer::Pong {} => "`pong`",
    }
}

/// The sandbox program of this system.
pub(crate) fn sandbox() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|it| it.join("bwrap")).find(|it| it.is_file())
}
