//! Rows fall on the host's grid through both formats, whatever the host tells of it and wherever it cuts its blocks.

use xtask::bounce::BlockPlan;
use xtask::bounce::HostKind;
use xtask::bounce::Performance;
use xtask::host::Format;
use xtask::host::Told;
use xtask::host_time::Cue;
use xtask::host_time::TempoMap;
use xtask::host_time::TempoPoint;

use crate::stage::FORMATS;
use crate::stage::clicks;
use crate::stage::peak;
use crate::stage::play;
use crate::stage::scratch_file;
use crate::stage::shared_song;
use crate::stage::source_of;

const RATE: f64 = 48_000.0;

/// Says nothing of where blocks would have to end, or how a tempo goes on.
const UNSPLIT: HostKind = HostKind {
    splits: false,
    transport: true,
    told: Told { tempo: true, ramp: true, beats: true, seconds: true, signature: true },
};

/// First frames of sounds after at least 100 frames of silence.
fn onsets(sound: &[f32]) -> Vec<usize> {
    let mut quiet = 100;
    let mut found = Vec::new();
    for (frame, sample) in sound.iter().enumerate() {
        match sample.abs() > 1e-4 {
            true if quiet >= 100 => {
                found.push(frame);
                quiet = 0;
            }
            true => quiet = 0,
            false => quiet += 1,
        }
    }
    found
}

/// The song of clicks in a host that plays from beat 0 on.
fn clicking(format: Format, map: &TempoMap, frames: u64, name: &str) -> Performance {
    let song = scratch_file(&format!("{name}-{format}.mod"), &clicks());
    let cue = Cue { beat: Some(0.0), ..Cue::default() };
    let segments = map.segments(&[cue], frames, RATE);
    Performance {
        source: source_of(format, &song, &format!("{name}-{format}")),
        frames,
        segments,
        ..Performance::default()
    }
}

/// Frames by which the rows miss the host's grid; a click sounds some frames after its row begins, the same number each time.
fn misses(performance: &Performance, format: Format, map: &TempoMap) -> Vec<f64> {
    let found = onsets(&play(format, performance).planes(0)[0]);
    let rows = (0..).map(|row| map.seconds_at(f64::from(row) / 4.0) * RATE);
    let rows = rows.take_while(|&frame| frame < performance.frames as f64 - 1000.0).count();
    assert!(found.len() >= rows, "{format}: {} clicks of {rows}", found.len());
    let late = found[0] as f64;
    found
        .iter()
        .take(rows)
        .enumerate()
        .map(|(row, &frame)| frame as f64 - late - map.seconds_at(row as f64 / 4.0) * RATE)
        .collect()
}

fn worst(misses: &[f64]) -> f64 {
    misses.iter().fold(0.0, |worst, miss| worst.max(miss.abs()))
}

/// Another tempo in every bar, around 174.53.
fn steps() -> TempoMap {
    let tempo = |bar: u32| 174.53 + [0.0, 11.7, -23.1, 5.3, 41.9][bar as usize % 5];
    let point = |bar: u32| TempoPoint { beat: f64::from(bar) * 4.0, tempo: tempo(bar), ramp: false };
    TempoMap::new((0..40).map(point).collect())
}

/// 60 to 180 and back to 60, each way in 10 s.
fn ramps() -> TempoMap {
    let points = [(0.0, 60.0), (20.0, 180.0), (40.0, 60.0)];
    TempoMap::new(points.map(|(beat, tempo)| TempoPoint { beat, tempo, ramp: true }).to_vec())
}

#[test]
fn rows_stay_on_the_grid_over_tempo_steps() {
    let map = steps();
    for format in FORMATS {
        for blocks in [BlockPlan::Fixed(512), BlockPlan::Fixed(8192), BlockPlan::Random(11)] {
            let performance = Performance { blocks, ..clicking(format, &map, 30 * 48_000, "steps") };
            let worst = worst(&misses(&performance, format, &map));
            assert!(worst <= 1.0, "{format}, {blocks:?}: {worst} frames off");
        }
    }
}

#[test]
fn rows_stay_on_the_grid_over_tempo_steps_inside_blocks() {
    let map = steps();
    for (format, blocks, allowed) in [
        (Format::Clap, 512, 1.0),
        (Format::Clap, 8192, 1.0),
        // VST3 tells of a step with the next block: until then a host that does not split is off by what the tempo changed.
        (Format::Vst3, 512, 1.0 + 512.0 * 0.3),
        (Format::Vst3, 8192, 1.0 + 8192.0 * 0.3),
    ] {
        let performance = clicking(format, &map, 30 * 48_000, "unsplit");
        let performance = Performance { blocks: BlockPlan::Fixed(blocks), host: UNSPLIT, ..performance };
        let misses = misses(&performance, format, &map);
        assert!(worst(&misses) <= allowed, "{format}, {blocks}: {} frames off", worst(&misses));
        let on_grid = misses.iter().filter(|miss| miss.abs() <= 1.0).count();
        assert!(on_grid * 10 >= misses.len() * 6, "{format}, {blocks}: {on_grid} of {} rows", misses.len());
    }
}

#[test]
fn rows_stay_on_the_grid_over_tempo_ramps() {
    let map = ramps();
    let untold = HostKind { told: Told { ramp: false, ..Told::default() }, ..HostKind::default() };
    // Untold, a tempo is taken to stay for the block: at most half of what a block's ramp of 12 BPM in a second makes of 60 BPM.
    let off = |block: f64| 1.0 + 0.5 * block * (12.0 * block / RATE) / 60.0;
    for (format, host, blocks, allowed) in [
        (Format::Clap, HostKind::default(), 512, 1.0),
        (Format::Clap, HostKind::default(), 8192, 1.0),
        (Format::Clap, untold, 512, off(512.0)),
        (Format::Clap, untold, 8192, off(8192.0)),
        (Format::Vst3, HostKind::default(), 64, 1.0),
        (Format::Vst3, HostKind::default(), 512, off(512.0)),
        (Format::Vst3, HostKind::default(), 8192, off(8192.0)),
    ] {
        let performance = clicking(format, &map, 25 * 48_000, "ramps");
        let performance = Performance { blocks: BlockPlan::Fixed(blocks), host, ..performance };
        let worst = worst(&misses(&performance, format, &map));
        assert!(worst <= allowed, "{format}, {blocks}, {host:?}: {worst} frames off, {allowed} allowed");
    }
}

#[test]
fn a_song_waits_out_the_pre_roll() {
    let map = TempoMap::constant(120.0);
    for format in FORMATS {
        let cue = Cue { beat: Some(-2.0), preroll: true, ..Cue::default() };
        let performance = clicking(format, &map, 96_000, "preroll");
        let performance = Performance { segments: map.segments(&[cue], 96_000, RATE), ..performance };
        let sound = play(format, &performance);
        let found = onsets(&sound.planes(0)[0]);
        assert!((48_000..48_048).contains(&found[0]), "{format}: {found:?}");
        assert_eq!(found.len(), 8, "{format}: {found:?}");
    }
}

#[test]
fn what_a_host_does_not_tell_is_not_missed() {
    let map = TempoMap::constant(125.0);
    for format in FORMATS {
        let whole = play(format, &clicking(format, &map, 96_000, "told"));
        let with = |told: Told| {
            let host = HostKind { told, ..HostKind::default() };
            play(format, &Performance { host, ..clicking(format, &map, 96_000, "told") })
        };
        for told in [
            Told { seconds: false, ..Told::default() },
            Told { signature: false, ..Told::default() },
            Told { ramp: false, ..Told::default() },
            // The song's own tempo is the host's, so that it may as well run by itself.
            Told { beats: false, ..Told::default() },
        ] {
            assert_eq!(whole.first_difference(&with(told)), None, "{format}, {told:?}");
        }
        let mute = HostKind { transport: false, ..HostKind::default() };
        let mute = play(format, &Performance { host: mute, ..clicking(format, &map, 96_000, "told") });
        assert_eq!(whole.first_difference(&mute), None, "{format}: no transport at all");
    }
}

/// Passes of a loop of four quarter notes of 24,000 frames each, after the two that begin it.
fn assert_passes_agree(what: &str, performance: &Performance, format: Format) {
    const LENGTH: usize = 4 * 24_000;
    let sound = play(format, performance);
    for bus in &sound.buses {
        for plane in &bus.planes {
            let third = &plane[2 * LENGTH..3 * LENGTH];
            for pass in 3..performance.frames as usize / LENGTH {
                let differs =
                    plane[pass * LENGTH..].iter().zip(third).position(|(a, b)| a.to_bits() != b.to_bits());
                assert_eq!(differs, None, "{what}, {format}: pass {} of '{}'", pass + 1, bus.name);
            }
        }
    }
    assert!(peak(sound.planes(0)) > 0.01, "{what}, {format}: silent");
}

fn looped(loop_beats: (f64, f64)) -> Performance {
    let frames = 5 * 4 * 24_000;
    let cue = Cue { beat: Some(loop_beats.0), loop_beats: Some(loop_beats), ..Cue::default() };
    let segments = TempoMap::constant(120.0).segments(&[cue], frames, RATE);
    Performance { frames, segments, ..Performance::default() }
}

#[test]
fn a_loop_of_whole_frames_repeats_to_the_bit() {
    for format in FORMATS {
        for (blocks, host) in [
            (BlockPlan::Fixed(512), HostKind::default()),
            (BlockPlan::Fixed(8192), HostKind::default()),
            (BlockPlan::Fixed(500), UNSPLIT),
        ] {
            let performance = Performance { blocks, host, ..looped((8.0, 12.0)) };
            assert_passes_agree("demo", &performance, format);
        }
    }
}

#[test]
fn loops_of_songs_repeat_to_the_bit() {
    for name in ["corpses.mod", "ambient.s3m", "dali.xm", "pingus-5.it"] {
        let Some(song) = shared_song(name) else { continue };
        for format in FORMATS {
            let source = source_of(format, &song, &format!("loops-{name}"));
            assert_passes_agree(name, &Performance { source, ..looped((12.0, 16.0)) }, format);
        }
    }
}
