//! The heavy scene: the whole desk at work, as a rack and the events that move it.
//!
//! All 16 buses carry song channels and keyboard slots, send to both returns, are ducked by their neighbours, clipped and limited, and
//! leave by the master and by a host output; a reverb stands on each of them and on the returns; every keyboard slot holds four keys; the
//! strips' parameters move all the time. The tested desk has eight inputs besides, which go everywhere, a limiter that looks ahead,
//! recordings of all inputs and strips, and points of several parameters on every 16th frame.

use std::fmt::Write as _;
use std::path::Path;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::bounce::TimedEvent;
use crate::error::TaskError;
use crate::host::EventKind;
use crate::host::ParameterInfo;
use crate::host::find_parameter;
use crate::paths;

/// Buses of the desk.
const BUSES: usize = 16;

/// Song channels and their buses are handed out in turn.
const SONG_CHANNELS: usize = 64;

/// Keys of the chord that each MIDI channel holds: together as many as the keyboard has voices.
const CHORD: [u8; 4] = [48, 55, 60, 63];

/// What moves on every bus.
const MOVING: [&str; 6] = ["Gain", "Pan", "Send A Level", "Send B Level", "Duck Amount", "Limiter"];

/// Inputs of the tested desk.
pub const INPUTS: usize = 8;

/// Frames between two points of the tested desk.
const STEP: u64 = 16;

/// Parameters that move together there.
const TOGETHER: usize = 4;

/// Groups, by their first words, whose parameters move there.
const DESK: [&str; 7] = ["Bus", "Return", "Master", "Song Channel", "Input", "Output", "Monitor"];

/// Writes the heavy scene's rack to a file under the target folder.
pub fn heavy_rack() -> Result<PathBuf, TaskError> {
    write_rack("heavy", "")
}

/// The same for the tested desk, which records into the folder `takes`.
pub fn desk_rack(name: &str, takes: &Path) -> Result<PathBuf, TaskError> {
    let folder = takes.to_string_lossy();
    let inputs = (1..=INPUTS).map(|input| format!("{{ source = \"input {input}\", point = \"pre\" }}"));
    let buses = (1..=BUSES).map(|bus| format!("bus {bus}"));
    let strips = buses.chain(["return 1", "return 2", "master"].map(str::to_owned));
    let strips = strips.map(|strip| format!("{{ source = \"{strip}\", point = \"post\" }}"));
    let taps: Vec<_> = inputs.chain(strips).collect();
    let taps = taps.join(", ");
    let more = format!(
        "[master]\nlook_ahead = true\n[recorder]\nfolder = '{folder}'\nformat = \"f32\"\ntaps = [{taps}]\n"
    );
    write_rack(name, &more)
}

fn write_rack(name: &str, more: &str) -> Result<PathBuf, TaskError> {
    let folder = paths::target().join("presets");
    std::fs::create_dir_all(&folder).map_err(TaskError::file(&folder))?;
    let song = paths::root().join("src/rack/demo.it");
    let song = std::fs::read(&song).map_err(TaskError::file(&song))?;
    let file = folder.join(name).with_extension("busker.toml");
    std::fs::write(&file, rack_text(&song) + more).map_err(TaskError::file(&file))?;
    Ok(file)
}

fn rack_text(song: &[u8]) -> String {
    let song = STANDARD.encode(song);
    let mut text = format!(
        "version = {{ major = 1, minor = 0 }}\nsong = {{ name = \"demo.it\", bytes = \"{song}\" }}\n"
    );
    let numbered = |text: &mut String, table: &str, count: usize| {
        let _ = writeln!(text, "[routing.{table}]"); // writing to a String cannot fail
        for number in 1..=count {
            let _ = writeln!(text, "{number} = \"bus {}\"", (number - 1) % BUSES + 1);
        }
    };
    numbered(&mut text, "song_channels", SONG_CHANNELS);
    numbered(&mut text, "keyboard", BUSES);
    for bus in 1..=BUSES {
        let _ = writeln!(text, "[routing.buses.{bus}]\nto = [\"master\", \"output {bus}\"]");
        if bus > 1 {
            let _ = writeln!(text, "side = \"bus {}\"", bus - 1);
        }
    }
    let buses = (1..=BUSES).map(|bus| format!("bus {bus}"));
    for strip in buses.chain(["return 1", "return 2"].map(str::to_owned)) {
        let _ = writeln!(text, "[[inserts]]\nstrip = \"{strip}\"\nslot = 1\nmachine = \"reverb\"");
    }
    text
}

/// Chords twice a second on every MIDI channel, and a point of some strip's parameter every `step` frames.
pub fn heavy_events(parameters: &[ParameterInfo], frames: u64, rate: f64, step: u64) -> Vec<TimedEvent> {
    let moving: Vec<_> = (1..=BUSES)
        .flat_map(|bus| MOVING.map(|name| format!("Bus {bus} {name}")))
        .filter_map(|name| find_parameter(parameters, &name))
        .collect();
    let mut events = set_up(parameters);
    events.extend(chords(frames, rate));
    events.extend(points(&moving, frames, step));
    events
}

/// The chords, the matrix open everywhere, and four of the desk's parameters at a time, each in its turn.
pub fn desk_events(parameters: &[ParameterInfo], frames: u64, rate: f64) -> Vec<TimedEvent> {
    let on_desk = |parameter: &ParameterInfo| DESK.iter().any(|group| parameter.group.starts_with(group));
    let shown = parameters.iter().filter(|parameter| parameter.automatable && !parameter.hidden);
    let moving: Vec<_> = shown.filter(|parameter| on_desk(parameter)).cloned().collect();
    let cells = moving.iter().filter(|parameter| parameter.name.contains("To "));
    let open = |cell: &ParameterInfo| EventKind::Parameter { id: cell.id, value: 0.5 };
    let mut events = set_up(parameters);
    events.extend(cells.map(|cell| TimedEvent { frame: 0, kind: open(cell) }));
    events.extend(chords(frames, rate));
    let part = moving.len().div_ceil(TOGETHER).max(1);
    events.extend(moving.chunks(part).flat_map(|part| points(part, frames, STEP)));
    events
}

/// Four keys on every MIDI channel, pressed anew twice a second.
fn chords(frames: u64, rate: f64) -> Vec<TimedEvent> {
    let mut events = Vec::new();
    let half = (rate / 2.0) as u64;
    for start in (0..frames).step_by(half.max(1) as usize) {
        for (channel, key) in
            (0..BUSES as u8).flat_map(|channel| CHORD.map(|key| (channel, key + channel % 5)))
        {
            let on = EventKind::NoteOn { channel, key, velocity: 0.6 };
            let off = EventKind::NoteOff { channel, key, velocity: 0.0 };
            events.push(TimedEvent { frame: start, kind: on });
            events.push(TimedEvent { frame: start + half - 1, kind: off });
        }
    }
    events
}

/// Soft clips, limiters, sends and ducks of every bus, on the first frame.
fn set_up(parameters: &[ParameterInfo]) -> Vec<TimedEvent> {
    let settings = [
        ("Soft Clip", 1.0),
        ("Limiter", 1.0),
        ("Send A Level", 0.6),
        ("Send B Level", 0.5),
        ("Send B Pre", 1.0),
        ("Duck Amount", 0.5),
    ];
    let all = (1..=BUSES).flat_map(|bus| settings.map(|(name, value)| (format!("Bus {bus} {name}"), value)));
    all.filter_map(|(name, value)| {
        let id = find_parameter(parameters, &name)?.id;
        Some(TimedEvent { frame: 0, kind: EventKind::Parameter { id, value } })
    })
    .collect()
}

/// A point every `step` frames, of one parameter after the other, between a quarter and nine tenths of its way. Mutes and solos
/// are on in one of 16 points, so that there is something to hear.
pub fn points(moving: &[ParameterInfo], frames: u64, step: u64) -> impl Iterator<Item = TimedEvent> {
    let all = moving.iter().cycle().zip((0..frames).step_by(step.max(1) as usize)).enumerate();
    all.map(|(number, (parameter, frame))| {
        let value = 0.25 + 0.65 * ((number * 7 % 23) as f64 / 22.0);
        let value = if parameter.name.ends_with("Mute") || parameter.name.ends_with("Solo") {
            f64::from(u8::from(number % 16 == 5))
        } else if parameter.steps > 0 {
            (value * f64::from(parameter.steps)).round() / f64::from(parameter.steps)
        } else {
            value
        };
        TimedEvent { frame, kind: EventKind::Parameter { id: parameter.id, value } }
    })
}
