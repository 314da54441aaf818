//! Ids of machines and their controls, in their order: racks are saved by paths and choices, macros are bound by the order, and
//! automation of a macro means a place in its control's range.
//!
//! `BUSKER_WRITE_LOCK=1 cargo test --test machine_lock` appends what is new; what stands there never changes.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use busker::machine::InstrumentKind;
use busker::machine::MachineKind;
use busker::machine::MachineParameter;
use busker::machine::Scale;
use std::env;
use std::fs;
use std::path::Path;

/// `path min..max unit = default`, or `path first|second = first`: what is at its default is not saved.
fn control(parameter: &MachineParameter) -> String {
    let MachineParameter { path, unit, min, max, scale, choices, default, .. } = parameter;
    if !choices.is_empty() {
        return format!("{path} {} = {}", choices.join("|"), choices[*default as usize]);
    }
    let scale = if *scale == Scale::Logarithmic { " log" } else { "" };
    let range = format!("{path} {min}..{max} {unit}{scale}").replace("  ", " ");
    format!("{} = {default}", range.trim_end())
}

/// `id: control, control …`
fn lines() -> Vec<String> {
    let line = |id: &str, parameters: &[MachineParameter]| {
        format!("{id}: {}", parameters.iter().map(control).collect::<Vec<_>>().join(", "))
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
        new.is_some_and(|new| *new == **old || new.starts_with(&format!("{old}, ")))
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
    let now = ["a: x 0..1 = 1, y, z".to_owned(), "b: u on|off".to_owned()];
    assert!(broken("a: x 0..1 = 1, y\nb: u on|off", &now).is_empty(), "a control has come behind");
    for (locked, why) in [
        ("c: x", "a machine has gone"),
        ("a: y, x 0..1 = 1", "controls have changed places"),
        ("a: x 0..1 = 1, z", "a control has come between"),
        ("b: u on|off, v", "a control has gone"),
        ("a: x 0..1 = 1, yy", "a control has another name"),
        ("a: x 0..2 = 1, y", "a control has another range"),
        ("a: x 0..1 = 0, y", "a control has another default"),
        ("a: x 0..1 log = 1, y", "a control has another scale"),
        ("b: u off|on", "choices have changed places"),
        ("b: u on", "there is another choice"),
    ] {
        assert_eq!(broken(locked, &now), [locked], "{why}");
    }
}
