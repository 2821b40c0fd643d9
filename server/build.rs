//! Compiles again when files of the editor come or go: the compiler knows what is embedded only file by file.

use std::io::Write;

fn main() {
    writeln!(std::io::stdout(), "cargo:rerun-if-changed=build.rs\ncargo:rerun-if-changed=../web-ui/dist").expect("cargo listens");
}
