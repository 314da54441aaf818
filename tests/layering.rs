//! Layers point one way: a module of `src/` uses only rows above its own, and only the last row names the framework.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

/// Rows from the top; peers in a row do not know each other. Row 10's three are one layer.
const ROWS: [&[&str]; 10] = [
    &["units"],
    &["audio", "control"],
    &["dsp", "rt"],
    &["sample"],
    &["tracker", "voice", "lane", "machine", "input", "space", "reverb"],
    &["graph"],
    &["mixer", "recorder"],
    &["engine"],
    &["rack"],
    &["params", "editor", "plugin"],
];

/// Crates that only row 10 may name.
const FRAMEWORK: [&str; 8] =
    ["arboard", "baseview", "clap_sys", "egui", "egui_glow", "keyboard_types", "nice_plug", "rfd"];

fn row(module: &str) -> Option<usize> {
    ROWS.iter().position(|row| row.contains(&module))
}

/// The top module of a path below `src/`.
fn module(path: &Path) -> Option<String> {
    let first = path.strip_prefix("src").ok()?.components().next()?.as_os_str().to_str()?;
    Some(first.trim_end_matches(".rs").to_owned()).filter(|name| row(name).is_some())
}

fn sources(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(sources(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    Ok(found)
}

/// Words that follow `prefix` anywhere in the code of a text.
fn words<'a>(text: &'a str, prefix: &'a str) -> impl Iterator<Item = &'a str> {
    let code = text.lines().map(|line| line.split("//").next().unwrap_or(""));
    code.flat_map(move |line| {
        line.match_indices(prefix).map(move |(at, _)| {
            let rest = &line[at + prefix.len()..];
            &rest[..rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len())]
        })
    })
}

/// What is wrong in one file.
fn faults(module: &str, text: &str) -> Vec<String> {
    let Some(own) = row(module) else { return vec![format!("{module} is in no row")] };
    let upward = words(text, "crate::").filter(|&other| other != module).filter_map(|other| {
        let other_row = row(other)?;
        let allowed = other_row < own || (own == 9 && other_row == 9);
        (!allowed).then(|| format!("{module} (row {}) uses {other} (row {})", own + 1, other_row + 1))
    });
    let framework = FRAMEWORK.iter().filter(|name| {
        own < 9 && (text.contains(&format!("{name}::")) || text.contains(&format!("use {name}")))
    });
    upward.chain(framework.map(|name| format!("{module} names {name}"))).collect()
}

#[test]
fn modules_use_only_rows_above_their_own() {
    std::env::set_current_dir(env!("CARGO_MANIFEST_DIR")).unwrap();
    let files = sources(Path::new("src")).unwrap();
    let mut all = BTreeMap::new();
    for path in &files {
        if let Some(module) = module(path) {
            let found = faults(&module, &fs::read_to_string(path).unwrap());
            if !found.is_empty() {
                all.insert(path.clone(), found);
            }
        }
    }
    assert!(files.len() > 20, "the sources were not found");
    assert!(all.is_empty(), "{all:#?}");
}

#[test]
fn planted_upward_sideways_and_framework_uses_are_found() {
    assert_eq!(faults("graph", "use crate::mixer::Strip;").len(), 1);
    assert_eq!(faults("tracker", "fn f() { crate::machine::x() }").len(), 1);
    assert_eq!(faults("recorder", "use crate::mixer::Tap;").len(), 1);
    assert_eq!(faults("engine", "use nice_plug::prelude::*;").len(), 1);
    assert_eq!(faults("mixer", "use crate::graph::Graph; // crate::engine").len(), 0);
    assert_eq!(faults("plugin", "use crate::params::P; use nice_plug::prelude::*;").len(), 0);
}
