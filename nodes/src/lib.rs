//! The built-in nodes.

mod files;
mod pixels;
