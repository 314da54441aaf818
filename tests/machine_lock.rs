//! Ids of machines and paths of their controls, in their order: racks are saved by them, and macros are bound by the order.
//!
//! `BUSKER_WRITE_LOCK=1 cargo test --test machine_lock` appends what is new; what stands there never changes.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use busker::machine::InstrumentKind;
use busker::machine::MachineKind;
use busker::machine::MachineParameter;
use std::env;
use std::fs;
use std::path::Path;

/// `id: path path …`
fn lines() -> Vec<String> {
    let line = |id: &str, parameters: &[MachineParameter]| {
        format!("{id}: {}", parameters.iter().map(|one| one.path).collect::<Vec<_>>().join(" "))
    };
    let machines = MachineKind::ALL.iter().map(|kind| line(kind.id(), kind.parameters()));
    let instruments = InstrumentKind::ALL.iter().map(|kind| line(kind.id(), kind.parameters()));
    machines.chain(instruments).collect()
}

/// What of the lock does not hold: machines that are gone, controls that are gone or stand elsewhere.
fn broken(locked: &str, now: &[String]) -> Vec<String> {
    let id = |line: &str| line.split(':').next().unwrap().to_owned();
    let holds = |old: &&str| {
        let new = now.iter().find(|new| id(new) == id(old));
        new.is_some_and(|new| *new == **old || new.starts_with(&format!("{old} ")))
    };
    locked.lines().filter(|old| !holds(old)).map(str::to_owned).collect()
}

#[test]
fn machines_and_their_controls_stay_and_new_ones_come_last() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/machine/machines.lock");
    let now = lines();
    let locked = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(broken(&locked, &now), Vec::<String>::new(), "these have moved");
    if env::var_os("BUSKER_WRITE_LOCK").is_some() {
        let mut all: Vec<String> = locked.lines().map(str::to_owned).collect();
        for line in &now {
            let id = line.split(' ').next().unwrap();
            match all.iter_mut().find(|old| old.split(' ').next() == Some(id)) {
                Some(old) => old.clone_from(line),
                None => all.push(line.clone()),
            }
        }
        fs::write(&path, all.join("\n") + "\n").unwrap();
    }
    let locked = fs::read_to_string(&path).unwrap();
    let missing: Vec<_> = now.iter().filter(|line| !locked.lines().any(|old| old == **line)).collect();
    assert!(missing.is_empty(), "the lock lacks {missing:?}");
}

#[test]
fn the_lock_notices_what_goes_moves_or_comes_between() {
    let now = ["a: x y z".to_owned(), "b: u".to_owned()];
    assert!(broken("a: x y\nb: u", &now).is_empty(), "a control has come behind");
    for (locked, why) in [
        ("c: x", "a machine has gone"),
        ("a: y x", "controls have changed places"),
        ("a: x z", "a control has come between"),
        ("b: u v", "a control has gone"),
        ("a: x yy", "a control has another name"),
    ] {
        assert_eq!(broken(locked, &now), [locked], "{why}");
    }
}
