//! What a rack holds that this version does not know: from a newer version, or misspelt.
//!
//! In: a rack. Out: paths as in its file, `routing.buses.3.chanels` or `voices[2].takes[1].colour`; lists count from 1. Any
//! thread but the audio thread.

use super::Rack;
use crate::machine::InstrumentKind;
use crate::machine::MachineKind;
use crate::mixer::BusSpace;
use crate::mixer::Unknown;
use std::fmt::Display;

struct Found(Vec<String>);

impl Found {
    /// `place` ends where a field's name would follow.
    fn add(&mut self, place: impl Display, unknown: &Unknown) {
        self.0.extend(unknown.0.keys().map(|field| format!("{place}{field}")));
    }

    fn add_space(&mut self, source: &str, space: Option<&BusSpace>) {
        space.into_iter().for_each(|space| self.add(format_args!("{source}.space."), &space.unknown));
    }

    fn add_all<'a>(&mut self, list: &str, all: impl Iterator<Item = &'a Unknown>) {
        (1..).zip(all).for_each(|(number, unknown)| self.add(format_args!("{list}[{number}]."), unknown));
    }
}

/// See the module's description.
pub(super) fn fields(rack: &Rack) -> Vec<String> {
    let mut found = Found(Vec::new());
    found.add("", &rack.unknown);
    found.add("song_time.", &rack.song_time.unknown);
    add_routing(&mut found, rack);
    rack.ears.iter().for_each(|ears| found.add("ears.", ears.unknown()));
    found.add("master.", &rack.master.unknown);
    found.add("recorder.", &rack.recorder.unknown);
    for (source, unknown) in &rack.recorder.taps {
        found.add(format_args!("recorder.taps[{source}]."), unknown);
    }
    found.add("random.", &rack.random.unknown);
    add_machines(&mut found, rack);
    found.0.extend(rack.parameters.unknown().map(|id| format!("parameters.{id}")));
    found.add_all("replace", rack.replace.iter().map(|entry| &entry.unknown));
    found.add_all("voices", rack.voices.iter().map(|voice| &voice.unknown));
    found.add_all("lanes", rack.lanes.iter().map(|lane| &lane.unknown));
    for (number, voice) in (1..).zip(&rack.voices) {
        found.add_space(&format!("voices[{number}]"), voice.space.as_ref().map(|note| &note.space));
        found.add_all(&format!("voices[{number}].takes"), voice.takes.iter().map(|take| take.unknown()));
    }
    for (number, lane) in (1..).zip(&rack.lanes) {
        found.add_all(&format!("lanes[{number}].takes"), lane.takes.iter().map(|take| take.unknown()));
    }
    found.0
}

fn add_routing(found: &mut Found, rack: &Rack) {
    found.add("routing.", &rack.routing.unknown);
    found.add("routing.listener.", &rack.routing.listener.unknown);
    rack.routing.room.iter().for_each(|room| found.add("routing.room.", &room.unknown));
    for (number, bus) in (1..).zip(&rack.routing.buses) {
        found.add(format_args!("routing.buses.{number}."), &bus.unknown);
        found.add_all(&format!("routing.buses.{number}.to"), bus.to.iter().map(|way| &way.unknown));
        found.add_space(&format!("routing.buses.{number}"), bus.space.as_ref());
    }
    for (number, lane) in (1..).zip(&rack.routing.lanes) {
        found.add(format_args!("routing.lanes.{number}."), &lane.unknown);
        found.add_space(&format!("routing.lanes.{number}"), lane.space.as_ref());
    }
    for (number, input) in (1..).zip(&rack.routing.inputs) {
        found.add(format_args!("routing.inputs.{number}."), &input.unknown);
        found.add_space(&format!("routing.inputs.{number}"), input.space.as_ref());
    }
    for (number, slot) in (1..).zip(&rack.routing.keyboard) {
        found.add(format_args!("routing.keyboard.{number}."), &slot.unknown);
        found.add_space(&format!("routing.keyboard.{number}"), slot.space.as_ref().map(|note| &note.space));
    }
}

/// Machines whose names mean nothing are not heard either.
fn add_machines(found: &mut Found, rack: &Rack) {
    for (number, insert) in (1..).zip(&rack.inserts) {
        if insert.kind().is_none() {
            found.0.push(format!("inserts[{number}].machine = {:?}", insert.machine));
        }
        found.add(format_args!("inserts[{number}]."), &insert.unknown);
        let controls = insert.controls.unknown(insert.kind().map_or(&[], MachineKind::parameters));
        found.0.extend(controls.map(|path| format!("inserts[{number}].controls.{path}")));
    }
    for (number, instrument) in (1..).zip(&rack.instruments) {
        if instrument.kind().is_none() {
            found.0.push(format!("instruments[{number}].machine = {:?}", instrument.machine));
        }
        let controls = instrument.controls.unknown(instrument.kind().map_or(&[], InstrumentKind::parameters));
        found.0.extend(controls.map(|path| format!("instruments[{number}].controls.{path}")));
        found.add(format_args!("instruments[{number}]."), &instrument.unknown);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_rack_holds_and_nobody_knows_is_found_with_its_path() {
        let text = r#"
colour = "red"
version = { major = 1, minor = 0 }
song_time = { sped = 3 }
master = { lookahead = true }
recorder = { fold = "x", taps = [{ source = "bus 3", points = 2 }] }
random = { sed = 1 }
inserts = [{ strip = "bus 2", slot = 1, machine = "reverbb", fil = "x" },
           { strip = "bus 2", slot = 2, machine = "reverb", controls = { decai = 1, decay = 2 } }]
parameters = { b99z = 1.0 }

[routing]
song_channel = { 3 = "bus 2" }
lanes = { 2 = { bus = "bus 3", tone = 1, space = { halo = 1 } } }
inputs = { 1 = { spac = {} } }
keyboard = { 4 = { space = { halo = 2 } } }

[routing.buses.3]
chanels = 1
to = ["bus 5", { to = "master", gain = 0.5 }]

[[voices]]
slot = 7
takes = [{ file = "a.wav", tune = 1 }]
pitchrange = 2
space = { azimut = 3 }

[[lanes]]
lane = 1
takes = ["a.wav", { file = "b.wav", tune = 1 }]
loops = 2
"#;
        let mut wanted = vec![
            "colour",
            "song_time.sped",
            "routing.song_channel",
            "routing.lanes.2.tone",
            "routing.lanes.2.space.halo",
            "routing.inputs.1.spac",
            "routing.keyboard.4.space.halo",
            "voices[1].space.azimut",
            "routing.buses.3.chanels",
            "routing.buses.3.to[2].gain",
            "master.lookahead",
            "recorder.fold",
            "recorder.taps[bus 3].points",
            "random.sed",
            "inserts[1].machine = \"reverbb\"",
            "inserts[1].fil",
            "inserts[2].controls.decai",
            "parameters.b99z",
            "voices[1].pitchrange",
            "voices[1].takes[1].tune",
            "lanes[1].loops",
            "lanes[1].takes[2].tune",
        ];
        let mut found = Rack::from_toml(text).unwrap().unknown_fields();
        wanted.sort_unstable();
        found.sort_unstable();
        assert_eq!(found, wanted);
        assert!(Rack::demo().unknown_fields().is_empty());
    }
}
