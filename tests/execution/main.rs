//! What ComfyUI's own tests of its execution expect, asked of this server: every case under every policy of keeping results.
//!
//! The server is the real program with ComfyUI's test nodes beside its own (`burnish-catalogue`), one for each policy, and it lives through
//! all cases: what one leaves behind must not disturb the next. The cases ask what ComfyUI's ask; lists of times are shorter.

#[path = "../../server/tests/serve/client.rs"]
#[expect(dead_code, reason = "the tests of the server use the rest")]
mod client;

mod concurrent;
mod isolation;
mod nodes;
mod session;

use client::Server;
use libtest_mimic::{Arguments, Failed, Trial};
use session::{Keeps, Session};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

/// The program that is tested.
const PROGRAM: &str = env!("CARGO_BIN_EXE_burnish-catalogue");

/// A case: what it is called and what it does.
type Case = (&'static str, fn(&mut Session));

/// What is said to the server, and what then stays from job to job.
const POLICIES: [(&str, Keeps); 5] = [
    ("classic", Keeps::LatestGraph),
    ("lru:0", Keeps::LatestGraph),
    ("lru:100", Keeps::Everything),
    ("ram", Keeps::Everything),
    ("none", Keeps::Nothing),
];

fn main() {
    let arguments = Arguments::from_args();
    let servers: Vec<Arc<Mutex<Option<Session>>>> = POLICIES.iter().map(|_| Arc::default()).collect();
    let mut trials = Vec::new();
    for (name, case) in nodes::CASES.iter().chain(concurrent::CASES).chain(isolation::CASES) {
        for ((policy, keeps), server) in POLICIES.into_iter().zip(&servers) {
            let server = server.clone();
            let run = move || {
                let mut server = server.lock().unwrap_or_else(PoisonError::into_inner);
                let session = server.get_or_insert_with(|| Session::new(Server::start(&["--cache", policy]), keeps));
                session.begin(&format!("{name}-{}", policy.replace(':', "-")));
                catch_unwind(AssertUnwindSafe(|| case(session))).map_err(|panic| {
                    let text = panic.downcast_ref::<String>().cloned();
                    Failed::from(text.or_else(|| panic.downcast_ref::<&str>().map(|it| (*it).to_owned())).unwrap_or_default())
                })
            };
            trials.push(Trial::test(format!("{policy}::{name}"), run));
        }
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    // Servers die with what holds them, and leaving at once would not let go of them.
    drop(servers);
    conclusion.exit();
}
