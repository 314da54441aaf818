//! Replay held against the reference traces of 123 test modules and 27 songs, tick by tick.
//!
//! Modules, references and the comparison lie outside the repository, in `../shared`; where they or Python are absent
//! the tests say so and pass. The floors rise as replay gets better, and never fall.

use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

/// Of 123; the other five use random numbers.
const TEST_MODULES_FLOOR: usize = 118;

/// Of 27; the other two have random panning.
const SONGS_FLOOR: usize = 25;

fn shared(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared").join(name);
    if !path.exists() {
        println!("skipped: {} is absent", path.display());
        return None;
    }
    Some(path)
}

/// How many modules of a folder play as their references, and what the comparison said.
fn passed(folder: &str) -> Option<(usize, String)> {
    let (tool, folder) = (shared("tools/trace_suite.py")?, shared(folder)?);
    let player = format!("{} trace {{song}} -o {{out}} --most-ticks 3000", env!("CARGO_BIN_EXE_busker"));
    let mut command = Command::new("python3");
    command.arg(tool).arg(folder).args(["--player", &player, "-v"]);
    let Ok(output) = command.output() else {
        println!("skipped: there is no python3");
        return None;
    };
    let report = String::from_utf8_lossy(&output.stdout).into_owned();
    let total = report.lines().find_map(|line| line.strip_prefix("all: ")).unwrap_or_default();
    let passed = total.split('/').next().and_then(|count| count.parse().ok());
    Some((passed.unwrap_or(0), report))
}

#[test]
fn test_modules_play_as_the_references_do() {
    let Some((count, report)) = passed("tracker-tests") else { return };
    assert!(count >= TEST_MODULES_FLOOR, "{count} of at least {TEST_MODULES_FLOOR}:\n{report}");
}

#[test]
fn songs_play_as_the_references_do() {
    let Some((count, report)) = passed("songs") else { return };
    assert!(count >= SONGS_FLOOR, "{count} of at least {SONGS_FLOOR}:\n{report}");
}
