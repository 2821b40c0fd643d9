//! The server from outside: the real program, real connections.

mod client;
mod prompts;
mod protocol;
