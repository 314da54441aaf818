//! One long performance with all that hosts do: the same bits in both formats, however it is cut; and a song through both.

use xtask::bounce::BlockPlan;
use xtask::bounce::HostKind;
use xtask::bounce::Performance;
use xtask::bounce::TimedEvent;
use xtask::bounce::perform;
use xtask::host::EventKind;
use xtask::host::Format;
use xtask::host::find_parameter;
use xtask::host_time::Cue;
use xtask::host_time::TempoMap;
use xtask::host_time::TempoPoint;
use xtask::sound::Levels;
use xtask::sound::write_wav;

use crate::stage::FORMATS;
use crate::stage::instrument;
use crate::stage::play;
use crate::stage::scratch_file;
use crate::stage::shared_song;
use crate::stage::source_of;

const RATE: f64 = 48_000.0;

/// Length of the performance.
const FRAMES: u64 = 120_000;

/// MIDI events in it.
const EVENTS: u64 = 2_000;

/// What is automated.
const AUTOMATED: [&str; 6] =
    ["Bus 1 Gain", "Bus 1 Pan", "Bus 2 Gain", "Master Gain", "Interpolation", "Tempo Ratio"];

/// Steps of the host's tempo.
fn tempo_map() -> TempoMap {
    let points = [(0.0, 133.3), (1.0, 174.53), (8.5, 90.0), (9.1, 150.0), (17.0, 61.7)];
    let points = points.map(|(beat, tempo)| TempoPoint { beat, tempo, ramp: false });
    TempoMap::new(points.to_vec()).with_signature(8.75, (7, 8))
}

/// Pre-roll, jumps both ways, a loop between frames, a stop and going on.
fn cues() -> Vec<Cue> {
    let cue = |frame, beat, playing| Cue { frame, beat, playing, ..Cue::default() };
    vec![
        Cue { preroll: true, ..cue(0, Some(-0.37), true) },
        cue(20_011, Some(8.13), true),
        Cue { loop_beats: Some((1.1, 1.53)), ..cue(45_678, Some(1.25), true) },
        cue(80_003, None, false),
        cue(85_000, None, true),
        cue(101_001, Some(16.9), true),
    ]
}

/// Notes, controllers, bends and pressure on all channels, each on a frame of its own.
fn midi() -> Vec<TimedEvent> {
    let message = |step: u64| {
        let (channel, key) = ((step / 5 % 16) as u8, 36 + (step / 5 * 7 % 60) as u8);
        let value = (step * 37 % 128) as u8;
        match step % 5 {
            0 => EventKind::NoteOn { channel, key, velocity: f64::from(1 + value % 127) / 127.0 },
            1 => EventKind::Midi([
                0xb0 | channel,
                [1, 5, 7, 10, 11, 64, 65, 71, 74, 91][(step / 80 % 10) as usize],
                value,
            ]),
            2 => EventKind::Midi([0xe0 | channel, value, 127 - value]),
            3 => EventKind::Midi([0xd0 | channel, value, 0]),
            _ => EventKind::NoteOff { channel, key, velocity: 0.0 },
        }
    };
    let frame = |step: u64| 7 + step * (FRAMES - 14) / EVENTS;
    (0..EVENTS).map(|step| TimedEvent { frame: frame(step), kind: message(step) }).collect()
}

fn performance() -> Performance {
    let parameters = instrument(Format::Clap).parameters();
    let mut events = midi();
    for (index, name) in AUTOMATED.iter().enumerate() {
        let parameter = find_parameter(&parameters, name).unwrap_or_else(|| panic!("no parameter '{name}'"));
        for step in 0..8u64 {
            let (frame, value) =
                (3_001 + 499 * index as u64 + step * 14_503, ((step * 3 + 2) % 8) as f64 / 8.0);
            let kind = EventKind::Parameter { id: parameter.id, value };
            events.push(TimedEvent { frame, kind });
        }
    }
    let segments = tempo_map().segments(&cues(), FRAMES, RATE);
    Performance { frames: FRAMES, segments, events, ..Performance::default() }
}

#[test]
fn a_performance_has_one_hash_in_both_formats_however_it_is_cut() {
    let reference = play(Format::Clap, &performance());
    assert!(Levels::of(reference.planes(0)).peak_db > -40.0, "the performance is silent");
    let plans =
        [1, 7, 64, 256, 1000, 8192].map(BlockPlan::Fixed).into_iter().chain([1, 2].map(BlockPlan::Random));
    for blocks in plans {
        for format in FORMATS {
            let rendering = play(format, &Performance { blocks, ..performance() });
            let difference = reference.first_difference(&rendering);
            assert_eq!(difference, None, "{format}, {blocks:?}");
            assert_eq!(rendering.hash, reference.hash, "{format}, {blocks:?}");
        }
    }
}

#[test]
fn a_performance_has_the_same_hash_while_time_is_real() {
    let reference = play(Format::Clap, &performance());
    for (format, blocks) in FORMATS.into_iter().zip([BlockPlan::Fixed(441), BlockPlan::Random(3)]) {
        let rendering = play(format, &Performance { blocks, offline: false, ..performance() });
        assert_eq!(reference.first_difference(&rendering), None, "{format}");
    }
}

#[test]
fn clap_hosts_may_bend_their_time_inside_blocks() {
    let reference = play(Format::Clap, &performance());
    for blocks in [BlockPlan::Fixed(512), BlockPlan::Fixed(8192), BlockPlan::Random(4)] {
        let host = HostKind { splits: false, ..HostKind::default() };
        let rendering = play(Format::Clap, &Performance { blocks, host, ..performance() });
        assert_eq!(reference.first_difference(&rendering), None, "{blocks:?}");
    }
}

#[test]
fn ramps_that_clap_tells_sound_the_same_however_blocks_are_cut() {
    let points = [(0.0, 90.0, true), (2.0, 171.3, true), (4.5, 66.6, false)];
    let points = points.map(|(beat, tempo, ramp)| TempoPoint { beat, tempo, ramp });
    let cue = Cue { beat: Some(0.0), ..Cue::default() };
    let segments = TempoMap::new(points.to_vec()).segments(&[cue], FRAMES, RATE);
    let render = |blocks| {
        let ramps = Performance { blocks, segments: segments.clone(), ..performance() };
        play(Format::Clap, &ramps)
    };
    let reference = render(BlockPlan::Fixed(512));
    for blocks in [BlockPlan::Fixed(1), BlockPlan::Fixed(64), BlockPlan::Fixed(8192), BlockPlan::Random(9)] {
        assert_eq!(reference.first_difference(&render(blocks)), None, "{blocks:?}");
    }
}

/// A song with a tempo change and a loop, in both formats, left as a WAV file.
fn assert_song_agrees(song: Option<&std::path::Path>, name: &str) {
    let points = [(0.0, 125.0), (8.0, 141.7), (12.0, 97.3)];
    let points = points.map(|(beat, tempo)| TempoPoint { beat, tempo, ramp: false });
    let frames = 12 * 48_000;
    let looping = Cue { beat: Some(0.0), loop_beats: Some((4.0, 13.0)), ..Cue::default() };
    let cues = [looping, Cue { frame: 9 * 48_000, ..Cue::default() }];
    let segments = TempoMap::new(points.to_vec()).segments(&cues, frames, RATE);
    assert!(segments.windows(2).any(|pair| pair[1].beat < pair[0].beat), "the loop is never reached");
    let sounds = FORMATS.map(|format| {
        let mut performance = Performance { frames, segments: segments.clone(), ..Performance::default() };
        if let Some(song) = song {
            performance.source = source_of(format, song, &format!("agrees-{name}"));
        }
        let rendering = perform(&mut *instrument(format), &performance).unwrap();
        let file = scratch_file(&format!("{name}-{format}.wav"), &[]);
        write_wav(&file, rendering.planes(0), RATE).unwrap();
        assert!(std::fs::metadata(&file).unwrap().len() > frames * 4, "{}", file.display());
        rendering
    });
    assert!(Levels::of(sounds[0].planes(0)).peak_db > -40.0, "{name} is silent");
    assert_eq!(sounds[0].first_difference(&sounds[1]), None, "{name}");
}

#[test]
fn the_demo_song_sounds_the_same_in_both_formats_over_a_tempo_change_and_a_loop() {
    assert_song_agrees(None, "demo");
}

#[test]
fn songs_sound_the_same_in_both_formats_over_a_tempo_change_and_a_loop() {
    for name in ["corpses.mod", "ambient.s3m", "dali.xm", "pingus-5.it"] {
        if let Some(song) = shared_song(name) {
            assert_song_agrees(Some(&song), name);
        }
    }
}
