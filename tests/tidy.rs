//! The invariants of the house that the compiler does not check. ARCHITECTURE.md gives their reasons.

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests lies in the workspace")
}

fn metadata() -> Metadata {
    MetadataCommand::new().manifest_path(root().join("Cargo.toml")).exec().expect("cargo metadata runs")
}

/// All files below a folder of the repository whose names end so, as paths from the root.
fn files(folder: &str, endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap_or_else(|it| panic!("{}: {it}", folder.display())) {
            let path = entry.expect("a readable entry").path();
            let name = path.file_name().expect("an entry has a name").to_string_lossy().into_owned();
            if path.is_dir() {
                if !["target", "node_modules", ".git", "dist", "output", "temp"].contains(&name.as_str()) {
                    folders.push(path);
                }
            } else if endings.iter().any(|it| name.ends_with(it)) {
                found.push(path.strip_prefix(root()).expect("below the root").to_owned());
            }
        }
    }
    found.sort();
    found
}

fn read(path: &Path) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|it| panic!("{}: {it}", path.display()))
}

/// Lines of code that hold `needle`, as `file:line`, comments left out.
fn uses(folder: &str, needle: &str, allowed: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for path in files(folder, &[".rs"]) {
        if allowed.iter().any(|it| path.starts_with(it)) {
            continue;
        }
        for (number, line) in read(&path).lines().enumerate() {
            if line.split("//").next().is_some_and(|code| code.contains(needle)) {
                found.push(format!("{}:{}", path.display(), number + 1));
            }
        }
    }
    found
}

#[test]
fn crates_import_only_what_the_architecture_allows() {
    let allowed: BTreeMap<&str, &[&str]> = BTreeMap::from([
        ("graph", &[][..]),
        ("kernels", &[]),
        ("models", &["kernels"]),
        ("runtime-derive", &[]),
        ("runtime", &["graph", "models", "runtime-derive"]),
        ("nodes", &["graph", "models", "runtime"]),
        ("plugins", &["graph", "models", "runtime"]),
        ("burnish", &["graph", "models", "runtime", "nodes", "plugins"]),
        ("tests", &["graph", "kernels", "models", "runtime", "nodes", "burnish"]),
        ("benches", &["graph", "kernels", "models", "runtime", "nodes", "burnish"]),
    ]);
    let metadata = metadata();
    let members: BTreeSet<String> = metadata.workspace_packages().iter().map(|it| it.name.to_string()).collect();
    for package in metadata.workspace_packages() {
        let may =
            allowed.get(package.name.as_str()).unwrap_or_else(|| panic!("{} has no place in the architecture", package.name));
        for dependency in &package.dependencies {
            if members.contains(&dependency.name) && dependency.kind == DependencyKind::Normal {
                assert!(may.contains(&dependency.name.as_str()), "{} must not import {}", package.name, dependency.name);
            }
        }
    }
}

#[test]
fn only_kernels_and_weights_are_unsafe() {
    let homes = ["kernels", "models/src/weights", "tests/tidy.rs"];
    for folder in ["graph", "kernels", "models", "runtime", "nodes", "plugins", "server", "tests", "benches"] {
        assert_eq!(uses(folder, "unsafe {", &homes), Vec::<String>::new());
        assert_eq!(uses(folder, "unsafe fn", &homes), Vec::<String>::new());
        assert_eq!(uses(folder, "cubecl::", &["kernels", "tests/tidy.rs"]), Vec::<String>::new());
        assert_eq!(uses(folder, "static mut", &["tests/tidy.rs"]), Vec::<String>::new());
    }
}

#[test]
fn graph_does_no_input_or_output() {
    for needle in ["std::fs", "std::net", "std::process", "std::io", "std::env"] {
        assert_eq!(uses("graph/src", needle, &[]), Vec::<String>::new());
    }
}

#[test]
fn in_runtime_only_the_context_the_folders_and_the_sockets_know_models() {
    let homes = ["runtime/src/context.rs", "runtime/src/folders.rs", "runtime/src/sockets.rs"];
    assert_eq!(uses("runtime/src", "models::", &homes), Vec::<String>::new());
}

#[test]
fn only_the_server_knows_the_terminal() {
    for folder in ["graph/src", "models/src", "runtime/src", "nodes/src", "plugins/src"] {
        for needle in ["println!", "eprintln!", "clap::", "axum::"] {
            assert_eq!(uses(folder, needle, &[]), Vec::<String>::new());
        }
    }
}

#[test]
fn nothing_is_left_for_later() {
    for folder in ["graph", "kernels", "models", "runtime", "nodes", "server", "tests", "benches"] {
        for needle in ["todo!(", "unimplemented!(", "#[ignore]", "allow(dead_code", "allow(unused"] {
            assert_eq!(uses(folder, needle, &["tests/tidy.rs"]), Vec::<String>::new());
        }
    }
}

#[test]
fn no_file_names_a_place_on_one_machine() {
    let text = [".rs", ".toml", ".md", ".json", ".py", ".yml", ".yaml", ".ts", ".tsx", "test", "run"];
    for path in files(".", &text) {
        if path == Path::new("tests/tidy.rs") {
            continue;
        }
        let content = read(&path);
        for place in ["/home/", "/root/", "/work/", "/opt/"] {
            assert!(!content.contains(place), "{} names {place}", path.display());
        }
    }
}

#[test]
fn every_workflow_is_in_the_index_and_in_the_gallery() {
    let index = read(Path::new("workflows/README.md"));
    let gallery = read(Path::new("web-ui/src/panels/examples.tsx"));
    for path in files("workflows", &[".json"]) {
        if path.starts_with("workflows/models") {
            continue;
        }
        let name = path.file_name().expect("a file has a name").to_string_lossy().into_owned();
        assert!(index.contains(&format!("({name})")), "workflows/README.md does not link {name}");
        assert!(gallery.contains(&format!("/workflows/{name}?raw")), "the editor's examples lack {name}");
    }
}

#[test]
fn every_dependency_has_a_licence_that_deny_toml_allows() {
    let deny: toml::Table = read(Path::new("deny.toml")).parse().expect("deny.toml is TOML");
    let licenses = &deny["licenses"];
    let allow: Vec<spdx::Licensee> = licenses["allow"]
        .as_array()
        .expect("licenses.allow is a list")
        .iter()
        .map(|it| spdx::Licensee::parse(it.as_str().expect("a licence is a text")).expect("a licence that SPDX knows"))
        .collect();
    let clarified = |name: &str| {
        let rows = licenses["clarify"].as_array().expect("licenses.clarify is a list");
        rows.iter().find(|it| it["name"].as_str() == Some(name)).map(|it| it["expression"].as_str().expect("a text").to_owned())
    };
    let metadata = metadata();
    let used: BTreeSet<_> = metadata.resolve.as_ref().expect("dependencies are resolved").nodes.iter().map(|it| &it.id).collect();
    for package in metadata.packages.iter().filter(|it| used.contains(&it.id)) {
        let licence = package
            .license
            .clone()
            .or_else(|| clarified(&package.name))
            .unwrap_or_else(|| panic!("{} names no licence", package.name));
        let expression =
            spdx::Expression::parse_mode(&licence, spdx::ParseMode::LAX).unwrap_or_else(|it| panic!("{}: {it}", package.name));
        let allowed = expression.evaluate(|needed| allow.iter().any(|it| it.satisfies(needed)));
        assert!(allowed, "{} is under {licence}, which deny.toml does not allow", package.name);
    }
}

/// Crates that open connections to others. Tests may have them.
const CLIENTS: [&str; 8] = ["attohttpc", "curl", "hf-hub", "isahc", "object_store", "reqwest", "surf", "ureq"];

#[test]
fn nothing_that_runs_can_ask_the_network() {
    let metadata = metadata();
    let resolve = metadata.resolve.as_ref().expect("dependencies are resolved");
    let burnish = metadata.packages.iter().find(|it| it.name.as_str() == "burnish").expect("the server is a member");
    let (mut open, mut seen) = (vec![&burnish.id], BTreeSet::new());
    while let Some(id) = open.pop() {
        if !seen.insert(id) {
            continue;
        }
        let node = resolve.nodes.iter().find(|it| it.id == *id).expect("every package is a node");
        let runs = |it: &&cargo_metadata::NodeDep| it.dep_kinds.iter().any(|it| it.kind == DependencyKind::Normal);
        open.extend(node.deps.iter().filter(runs).map(|it| &it.pkg));
    }
    let names: BTreeSet<&str> = metadata.packages.iter().filter(|it| seen.contains(&it.id)).map(|it| it.name.as_str()).collect();
    let clients: Vec<&str> = CLIENTS.into_iter().filter(|it| names.contains(it)).collect();
    assert!(clients.is_empty() && names.contains("axum"), "{clients:?}");
    assert_eq!(uses("server/src", "TcpStream", &[]), [] as [String; 0]);
}
