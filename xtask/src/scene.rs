//! The heavy scene: the whole desk at work, as a rack and the events that move it.
//!
//! All 16 buses carry song channels and keyboard slots, send to both returns, are ducked by their neighbours, clipped and limited, and
//! leave by the master and by a host output; a reverb stands on each of them and on the returns; every keyboard slot holds four keys; the
//! strips' parameters move all the time. The tested desk has eight inputs besides, which go everywhere, 256 voices, eight lanes that
//! have their bus to themselves, both kinds of return, a limiter that looks ahead, recordings of all inputs and strips, and points of several
//! parameters on every 16th frame.

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

/// Voices that sound there.
pub const VOICES: usize = 256;

/// Slots of these.
const SLOTS: usize = 4;

/// Lanes that play there, all on the last bus. Six are on the timeline, two are triggered.
pub const LANES: usize = 8;

/// The lanes' takes: frames per second and seconds.
const TAKES: [(f64, f64); 2] = [(44_100.0, 1.2), (48_000.0, 0.9)];

/// The same of the voices' take, longer than anybody listens.
const LONG: (f64, f64) = (8_000.0, 8.0);

/// Parameters that move together there.
const TOGETHER: usize = 4;

/// Groups, by their first words, whose parameters move there.
const DESK: [&str; 8] = ["Bus", "Return", "Master", "Song Channel", "Lane", "Input", "Output", "Monitor"];

/// Writes the heavy scene's rack to a file under the target folder.
pub fn heavy_rack() -> Result<PathBuf, TaskError> {
    write_rack("heavy", BUSES, ["reverb"; 2], "")
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
    let more = more + &voices_and_lanes(name)?;
    write_rack(name, BUSES - 1, ["fdn", "convolution"], &more)
}

fn presets() -> Result<PathBuf, TaskError> {
    let folder = paths::target().join("presets");
    std::fs::create_dir_all(&folder).map_err(TaskError::file(&folder))?;
    Ok(folder)
}

/// Slots of voices on the bus before the last, lanes on the last one, and their recordings.
fn voices_and_lanes(name: &str) -> Result<String, TaskError> {
    let folder = presets()?;
    let write = |what: &str, channels: usize, (rate, seconds): (f64, f64)| {
        let file = folder.join(format!("{name}-{what}.wav"));
        let frames = (rate * seconds) as usize;
        let wave = |frame: usize| ((frame * 37 % 211) as f32 - 105.0) / 400.0;
        crate::sound::write_wav(&file, &vec![(0..frames).map(wave).collect(); channels], rate)?;
        Ok::<_, TaskError>(file)
    };
    let voice = write("voice", 1, LONG)?;
    let takes = [write("lane-1", 2, TAKES[0])?, write("lane-2", 1, TAKES[1])?]; // there are two
    let mut text = "[routing.lanes]\n".to_owned();
    for lane in 1..=LANES {
        let _ = writeln!(text, "{lane} = \"bus {BUSES}\""); // writing to a String cannot fail
    }
    for slot in 1..=SLOTS {
        let _ = writeln!(
            text,
            "[[voices]]\nslot = {slot}\ntakes = ['{}']\nbus = \"bus {}\"\ngain = -30",
            voice.display(),
            BUSES - 1
        );
    }
    for lane in 1..=LANES {
        let start = if lane > LANES - 2 { "\"trigger\"" } else { "0" };
        let [one, other] = takes.each_ref().map(|take| take.display());
        let _ = writeln!(
            text,
            "[[lanes]]\nlane = {lane}\nloop = true\nshuffle = [0.3, 0.7]\nstart = {start}\ntakes = ['{one}', '{other}']"
        );
    }
    Ok(text)
}

/// Song channels and keyboard slots go to so many buses.
fn write_rack(name: &str, buses: usize, returns: [&str; 2], more: &str) -> Result<PathBuf, TaskError> {
    let folder = presets()?;
    let song = paths::root().join("src/rack/demo.it");
    let song = std::fs::read(&song).map_err(TaskError::file(&song))?;
    let file = folder.join(name).with_extension("busker.toml");
    std::fs::write(&file, rack_text(&song, buses, returns) + more).map_err(TaskError::file(&file))?;
    Ok(file)
}

fn rack_text(song: &[u8], carrying: usize, returns: [&str; 2]) -> String {
    let song = STANDARD.encode(song);
    let mut text = format!(
        "version = {{ major = 1, minor = 0 }}\nsong = {{ name = \"demo.it\", bytes = \"{song}\" }}\n"
    );
    let numbered = |text: &mut String, table: &str, count: usize| {
        let _ = writeln!(text, "[routing.{table}]"); // writing to a String cannot fail
        for number in 1..=count {
            let _ = writeln!(text, "{number} = \"bus {}\"", (number - 1) % carrying + 1);
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
    let buses = (1..=BUSES).map(|bus| (format!("bus {bus}"), "reverb"));
    let returns = returns.into_iter().zip(1..).map(|(machine, number)| (format!("return {number}"), machine));
    for (strip, machine) in buses.chain(returns) {
        let _ = writeln!(text, "[[inserts]]\nstrip = \"{strip}\"\nslot = 1\nmachine = \"{machine}\"");
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

/// The chords, voices and lanes, the matrix open everywhere but to the lanes' bus, and four of the desk's parameters at a time,
/// each in its turn.
pub fn desk_events(parameters: &[ParameterInfo], frames: u64, rate: f64) -> Vec<TimedEvent> {
    let on_desk = |parameter: &ParameterInfo| DESK.iter().any(|group| parameter.group.starts_with(group));
    let shown = parameters.iter().filter(|parameter| parameter.automatable && !parameter.hidden);
    let moving: Vec<_> = shown.filter(|parameter| on_desk(parameter)).cloned().collect();
    let to_lanes = format!("To Bus {BUSES}");
    let is_open = |name: &str| name.contains("To ") && !name.ends_with(&to_lanes);
    let cells = moving.iter().filter(|parameter| is_open(&parameter.name));
    let open = |cell: &ParameterInfo| EventKind::Parameter { id: cell.id, value: 0.5 };
    let mut events = set_up(parameters);
    events.extend(cells.map(|cell| TimedEvent { frame: 0, kind: open(cell) }));
    events.extend(chords(frames, rate));
    events.extend(triggers(parameters));
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

/// All voices one after the other, and the lanes that are triggered.
fn triggers(parameters: &[ParameterInfo]) -> Vec<TimedEvent> {
    let trigger = |frame: usize, name: String, on: bool| {
        let id = find_parameter(parameters, &name)?.id;
        let value = f64::from(u8::from(on));
        Some(TimedEvent { frame: frame as u64, kind: EventKind::Parameter { id, value } })
    };
    let voices = (0..VOICES).flat_map(|voice| {
        let name = format!("Voice {} Trigger", voice % SLOTS + 1);
        let frame = voice / SLOTS * 2 * STEP as usize;
        [trigger(frame, name.clone(), true), trigger(frame + STEP as usize, name, false)]
    });
    let lanes = (LANES - 1..=LANES).map(|lane| trigger(100, format!("Lane {lane} Trigger"), true));
    voices.chain(lanes).flatten().collect()
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
