//! The server from outside: the real program, real connections.

mod client;
mod clients;
mod crashes;
mod described;
mod editor;
mod fuzz;
mod hostile;
mod load;
mod packs;
mod people;
mod prompts;
mod protocol;
mod security;
mod trouble;

/// The program that is tested.
const PROGRAM: &str = env!("CARGO_BIN_EXE_burnish");
