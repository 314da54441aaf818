//! `cargo xtask demo`: the demo song with a MIDI melody and a moving bus gain, bounced from both formats and compared.
//!
//! The host changes its tempo on the way, and loops for a while. Then the heavy scene; both say how long their callbacks took.
//! Leaves the WAV files, the melody and a picture under `target/demo` and fails when the formats differ in one bit.

use std::path::Path;
use std::time::Instant;

use clap::Args;
use midly::Header;
use midly::MetaMessage;
use midly::MidiMessage;
use midly::Smf;
use midly::TrackEvent;
use midly::TrackEventKind;

use super::bounce::report;
use super::bounce::source_of;
use super::bundle::bundle;
use crate::bounce::BlockPlan;
use crate::bounce::Performance;
use crate::bounce::Rendering;
use crate::bounce::TimedEvent;
use crate::bounce::perform;
use crate::error::TaskError;
use crate::host::EventKind;
use crate::host::Format;
use crate::host::HostError;
use crate::host::find_parameter;
use crate::host::open;
use crate::host_time::Cue;
use crate::midi;
use crate::paths;
use crate::picture;
use crate::scene;
use crate::sound::Levels;
use crate::sound::write_wav;

const RATE: f64 = 48_000.0;

/// Length of the heavy scene.
const HEAVY_SECONDS: f64 = 10.0;

/// Ticks per quarter note of the melody.
const TICKS: u16 = 96;

/// Microseconds per quarter note at 120 BPM, the demo song's own tempo.
const QUARTER_US: u32 = 500_000;

/// Quarter note from which the host is faster, and its microseconds per quarter note then.
const FASTER: (u32, u32) = (16, 450_000);

/// Quarter notes that the host loops for two thirds of the time.
const LOOP: (f64, f64) = (24.0, 32.0);

/// MIDI channel, from 0, of the demo song's bell.
const BELL: u8 = 11;

/// The melody, in the demo song's D minor: MIDI key and eighth notes held.
const MELODY: [(u8, u32); 12] = [
    (74, 2),
    (77, 1),
    (81, 1),
    (79, 2),
    (77, 2),
    (72, 2),
    (74, 1),
    (77, 1),
    (76, 3),
    (74, 1),
    (69, 2),
    (72, 2),
];

#[derive(Args)]
pub struct Arguments {
    /// Length.
    #[arg(long, default_value_t = 30.0)]
    seconds: f64,
    /// Uses the bundles that are there instead of building them.
    #[arg(long)]
    no_build: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), TaskError> {
    if !arguments.no_build {
        let begun = Instant::now();
        bundle(["busker", "--release"].map(str::to_owned).to_vec())?;
        println!("built and bundled in {:.0} s", begun.elapsed().as_secs_f64());
    }
    let folder = paths::target().join("demo");
    std::fs::create_dir_all(&folder).map_err(TaskError::file(&folder))?;
    let tune = folder.join("melody.mid");
    melody(arguments.seconds).save(&tune).map_err(TaskError::file(&tune))?;

    let clap = bounce(Format::Clap, &tune, arguments.seconds, &folder)?;
    let vst3 = bounce(Format::Vst3, &tune, arguments.seconds, &folder)?;
    let picture = folder.join("demo.png");
    picture::draw(clap.planes(0), RATE).save(&picture)?;
    println!("wrote {}", picture.display());

    agree(&clap, &vst3)?;
    if Levels::of(clap.planes(0)).peak_db < -60.0 {
        return Err(TaskError::Claim("the bounce is silent".to_owned()));
    }
    heavy()
}

/// The heavy scene through both formats, in blocks that a live host would use.
fn heavy() -> Result<(), TaskError> {
    let rack = scene::heavy_rack()?;
    let play = |format: Format| {
        let mut host = open(&paths::bundle(format))?.instantiate("Busker")?;
        let frames = (HEAVY_SECONDS * RATE) as u64;
        let events = scene::heavy_events(&host.parameters(), frames, RATE, 100);
        let (source, blocks) = (source_of(&rack, format)?, BlockPlan::Fixed(256));
        let performance = Performance {
            source,
            rate: RATE,
            frames,
            events,
            blocks,
            offline: false,
            ..Performance::default()
        };
        let rendering = perform(&mut *host, &performance)?;
        report(&format!("{format}, heavy scene"), &rendering, HEAVY_SECONDS);
        Ok::<_, TaskError>(rendering)
    };
    agree(&play(Format::Clap)?, &play(Format::Vst3)?)
}

fn agree(clap: &Rendering, vst3: &Rendering) -> Result<(), TaskError> {
    if let Some(difference) = clap.first_difference(vst3) {
        return Err(TaskError::Claim(format!("the formats differ: {difference}")));
    }
    println!("CLAP and VST3 agree bit for bit on all {} buses", clap.buses.len());
    Ok(())
}

fn bounce(format: Format, tune: &Path, seconds: f64, folder: &Path) -> Result<Rendering, TaskError> {
    let mut host = open(&paths::bundle(format))?.instantiate("Busker")?;
    let bytes = std::fs::read(tune).map_err(TaskError::file(tune))?;
    let score = midi::read(&bytes, None)?;
    let parameters = host.parameters();
    let gain = "Bus 1 Gain";
    let gain = find_parameter(&parameters, gain).ok_or_else(|| HostError::NoParameter(gain.to_owned()))?;
    let frames = (seconds * RATE).round() as u64;
    let looping = Cue { beat: Some(0.0), loop_beats: Some(LOOP), ..Cue::default() };
    let cues = [looping, Cue { frame: frames * 2 / 3, ..Cue::default() }];
    let segments = score.map.segments(&cues, frames, RATE);
    let mut events = score.along(&segments, frames, RATE);
    events.extend(swell(gain.id, gain.default, seconds));
    let performance = Performance { rate: RATE, frames, segments, events, ..Performance::default() };
    let rendering = perform(&mut *host, &performance)?;
    report(&format.to_string(), &rendering, seconds);
    let file = folder.join(format!("demo-{}.wav", format.to_string().to_lowercase()));
    write_wav(&file, rendering.planes(0), RATE)?;
    println!("wrote {}", file.display());
    Ok(rendering)
}

/// The gain falls to half its default and comes back, a point every 100 ms, in the middle third.
fn swell(id: u32, default: f64, seconds: f64) -> Vec<TimedEvent> {
    let (begin, end) = (seconds / 3.0, seconds * 2.0 / 3.0);
    let steps = ((end - begin) * 10.0) as u32;
    (0..=steps)
        .map(|step| {
            let turn = f64::from(step) / f64::from(steps.max(1)) * std::f64::consts::TAU;
            let value = default * (0.75 + 0.25 * turn.cos());
            let frame = ((begin + f64::from(step) * 0.1) * RATE).round() as u64;
            TimedEvent { frame, kind: EventKind::Parameter { id, value } }
        })
        .collect()
}

/// The melody on the bell's MIDI channel, over and over, in eighths.
fn melody(seconds: f64) -> Smf<'static> {
    let mut track = Vec::new();
    let eighth = u32::from(TICKS) / 2;
    let eighths = (seconds * 1e6 / f64::from(QUARTER_US) * 2.0) as u32;
    let mut at = 0;
    for (key, length) in MELODY.into_iter().cycle() {
        if at + length > eighths {
            break;
        }
        let (key, sounding) = (key.into(), length * eighth - eighth / 4);
        track.push(note(if at == 0 { 0 } else { eighth / 4 }, MidiMessage::NoteOn { key, vel: 90.into() }));
        track.push(note(sounding, MidiMessage::NoteOff { key, vel: 0.into() }));
        at += length;
    }
    track.push(meta(0, MetaMessage::EndOfTrack));
    let (beat, quarter_us) = FASTER;
    let tempo = vec![
        meta(0, MetaMessage::Tempo(QUARTER_US.into())),
        meta(beat * u32::from(TICKS), MetaMessage::Tempo(quarter_us.into())),
        meta(0, MetaMessage::EndOfTrack),
    ];
    let header = Header { format: midly::Format::Parallel, timing: midly::Timing::Metrical(TICKS.into()) };
    Smf { header, tracks: vec![tempo, track] }
}

fn note(delta: u32, message: MidiMessage) -> TrackEvent<'static> {
    TrackEvent { delta: delta.into(), kind: TrackEventKind::Midi { channel: BELL.into(), message } }
}

fn meta(delta: u32, message: MetaMessage<'static>) -> TrackEvent<'static> {
    TrackEvent { delta: delta.into(), kind: TrackEventKind::Meta(message) }
}
