//! What the plugin's tests share: bundles, instances, songs and a performance that uses everything.

use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use xtask::bounce::Performance;
use xtask::bounce::Rendering;
use xtask::bounce::Source;
use xtask::bounce::TimedEvent;
use xtask::bounce::perform;
use xtask::host::Bundle;
use xtask::host::EventKind;
use xtask::host::Format;
use xtask::host::ParameterInfo;
use xtask::host::PluginHost;
use xtask::host::clap_state;
use xtask::host::find_parameter;
use xtask::host::open;
use xtask::host_time::Segment;
use xtask::paths;

pub(crate) const FORMATS: [Format; 2] = [Format::Clap, Format::Vst3];

/// The bundle of one format, built by the test command.
pub(crate) fn bundle(format: Format) -> Box<dyn Bundle> {
    let file = paths::bundle(format);
    assert!(file.exists(), "{} is missing: run `cargo xtask test`", file.display());
    open(&file).unwrap()
}

/// A new instance of `Busker`.
pub(crate) fn instrument(format: Format) -> Box<dyn PluginHost> {
    bundle(format).instantiate("Busker").unwrap()
}

/// A new instance of `Busker Insert`.
pub(crate) fn insert(format: Format) -> Box<dyn PluginHost> {
    bundle(format).instantiate("Busker Insert").unwrap()
}

/// MIDI channel of the demo song's kick, which sounds from its first frame.
pub(crate) const KICK: u8 = 0;

/// MIDI channel of the demo song's snare.
pub(crate) const SNARE: u8 = 1;

/// MIDI channel of the demo song's lead, which holds until its key goes up.
pub(crate) const LEAD: u8 = 8;

pub(crate) fn parameter(host: &mut dyn PluginHost, name: &str) -> ParameterInfo {
    find_parameter(&host.parameters(), name).unwrap_or_else(|| panic!("no parameter '{name}'"))
}

/// Plays on a new instance of `Busker`.
pub(crate) fn play(format: Format, performance: &Performance) -> Rendering {
    perform(&mut *instrument(format), performance).unwrap()
}

/// The host stands still, so that no song sounds.
pub(crate) fn stopped() -> Vec<Segment> {
    vec![Segment { playing: false, ..Segment::default() }]
}

pub(crate) fn note(frame: u64, channel: u8, key: u8) -> [TimedEvent; 2] {
    let on = EventKind::NoteOn { channel, key, velocity: 100.0 / 127.0 };
    let off = EventKind::NoteOff { channel, key, velocity: 0.0 };
    [TimedEvent { frame, kind: on }, TimedEvent { frame: frame + 9001, kind: off }]
}

/// Two seconds of the demo song under notes, controllers, bends and automation on odd frames.
pub(crate) fn everything() -> Performance {
    // Parameter numbers are the same in both formats; another test claims so.
    let gain = parameter(&mut *instrument(Format::Clap), "Bus 1 Gain").id;
    let master = parameter(&mut *instrument(Format::Clap), "Master Gain").id;
    let mut events = Vec::new();
    for step in 0..40u64 {
        let channel = [KICK, LEAD, SNARE, 9, 7, 11][(step % 6) as usize];
        let frame = 1 + step * 2311;
        events.extend(note(frame, channel, 48 + (step * 5 % 36) as u8));
        for message in
            [[0xb0, 7, 90 + (step % 30) as u8], [0xb0, 1, (step * 3) as u8], [0xe0, 0, 40 + step as u8]]
        {
            let [status, first, second] = message;
            events.push(TimedEvent {
                frame: frame + 500,
                kind: EventKind::Midi([status | channel, first, second]),
            });
        }
        let value = 0.4 + 0.3 * (step % 7) as f64 / 7.0;
        let id = if step % 2 == 0 { gain } else { master };
        events.push(TimedEvent { frame: frame + 1013, kind: EventKind::Parameter { id, value } });
    }
    Performance { frames: 96_000, events, ..Performance::default() }
}

pub(crate) fn peak(planes: &[Vec<f32>]) -> f32 {
    planes.iter().flatten().fold(0.0, |peak, sample| peak.max(sample.abs()))
}

/// A MOD of one pattern, which repeats: its first channel clicks on every row, four of which make a quarter note.
pub(crate) fn clicks() -> Vec<u8> {
    let mut bytes = vec![0u8; 1084];
    bytes[..6].copy_from_slice(b"clicks");
    let sample = 20 + 22;
    bytes[sample..sample + 2].copy_from_slice(&32u16.to_be_bytes()); // words
    bytes[sample + 3] = 64; // volume
    bytes[sample + 7] = 1; // no loop
    bytes[950] = 1; // orders
    bytes[951] = 127;
    bytes[1080..].copy_from_slice(b"M.K.");
    for _ in 0..64 {
        bytes.extend_from_slice(&[0x00, 0xd6, 0x10, 0x00]); // C-3, sample 1
        bytes.extend_from_slice(&[0; 12]);
    }
    let mut data = [0u8; 64];
    data[2..6].fill(127);
    bytes.extend_from_slice(&data);
    bytes
}

/// Writes a file of a test's own; `name` is that of no other test.
pub(crate) fn scratch_file(name: &str, bytes: &[u8]) -> PathBuf {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&file, bytes).unwrap();
    file
}

/// How a song reaches a plugin: CLAP loads the file, VST3 a preset that the command line makes of it, under a test's own name.
pub(crate) fn source_of(format: Format, song: &Path, name: &str) -> Source {
    Source::Preset(match format {
        Format::Clap => song.to_owned(),
        Format::Vst3 => vst_preset(song, name),
    })
}

/// A preset made by the command line.
pub(crate) fn vst_preset(song: &Path, name: &str) -> PathBuf {
    let preset = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name).with_extension("vstpreset");
    let status =
        Command::new(env!("CARGO_BIN_EXE_busker")).arg("preset").arg(song).arg("-o").arg(&preset).status();
    assert!(status.unwrap().success(), "busker preset {}", song.display());
    preset
}

/// The state that a preset holds, in a format's own form; either plugin takes it.
pub(crate) fn state_of(format: Format, preset: &Path) -> Vec<u8> {
    let clap = clap_state(preset).unwrap();
    match format {
        Format::Clap => clap,
        Format::Vst3 => clap[size_of::<u64>()..].to_vec(),
    }
}

/// A song of the shared folder beside the repository; `None`, said aloud, where that is absent.
pub(crate) fn shared_song(name: &str) -> Option<PathBuf> {
    let song = paths::root().join("../shared/songs").join(name);
    if !song.exists() {
        println!("skipped: {} is absent", song.display());
    }
    song.exists().then_some(song)
}
