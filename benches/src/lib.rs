//! What the benches share; each file of bin/ answers one question.

pub mod peer;
