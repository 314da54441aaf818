//! Replay held against the reference traces of 123 test modules and 27 songs, tick by tick.
//!
//! Modules, references and the comparison lie outside the repository, in `../shared`; where they or Python are absent
//! the tests say so and pass. What misses must be exactly what `KNOWN_MISSES.md` lists.

use std::collections::BTreeSet;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

const KNOWN_MISSES: &str = include_str!("KNOWN_MISSES.md");

fn shared(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared").join(name);
    if !path.exists() {
        println!("skipped: {} is absent", path.display());
        return None;
    }
    Some(path)
}

/// What the comparison says of a folder's modules: a line for each that misses, then the counts.
fn report(folder: &str) -> Option<String> {
    let (tool, modules) = (shared("tools/trace_suite.py")?, shared(folder)?);
    let player = format!("{} trace {{song}} -o {{out}} --most-ticks 3000", env!("CARGO_BIN_EXE_busker"));
    let mut command = Command::new("python3");
    command.arg(tool).arg(modules).args(["--player", &player, "-v"]);
    let Ok(output) = command.output() else {
        println!("skipped: there is no python3");
        return None;
    };
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The modules of a folder that the list names.
fn listed(list: &str, folder: &str) -> BTreeSet<String> {
    let modules = list.lines().filter_map(|line| line.strip_prefix("- `")?.split('`').next());
    modules.filter_map(|module| module.strip_prefix(folder)?.strip_prefix('/')).map(str::to_owned).collect()
}

/// The modules that a report's lines `name: score {…}` name.
fn missed(report: &str) -> BTreeSet<String> {
    let lines = report.lines().filter(|line| line.ends_with('}'));
    lines.filter_map(|line| line.split(": ").next()).map(str::to_owned).collect()
}

fn holds(folder: &str) {
    let Some(report) = report(folder) else { return };
    assert!(report.lines().any(|line| line.starts_with("all: ")), "no comparison was made:\n{report}");
    let (found, known) = (missed(&report), listed(KNOWN_MISSES, folder));
    let new: Vec<&String> = found.difference(&known).collect();
    let gone: Vec<&String> = known.difference(&found).collect();
    assert!(new.is_empty() && gone.is_empty(), "misses {new:?}, plays though listed {gone:?}:\n{report}");
}

#[test]
fn test_modules_play_as_the_references_do() {
    holds("tracker-tests");
}

#[test]
fn songs_play_as_the_references_do() {
    holds("songs");
}

#[test]
fn the_list_and_the_comparison_name_modules_alike() {
    let list = "# Title\n- `songs/a b.it`: why\n- `tracker-tests/it/c.it`: why\n";
    assert!(listed(list, "songs").into_iter().eq(["a b.it".to_owned()]));
    assert!(listed(list, "tracker-tests").into_iter().eq(["it/c.it".to_owned()]));
    assert!(
        missed("it/c.it: 0.234 {'level': 588}\nit: 0/1\nall: 0/1\n").into_iter().eq(["it/c.it".to_owned()])
    );
}
