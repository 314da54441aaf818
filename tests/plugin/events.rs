//! Notes, controllers and automation act on their own frames.

use xtask::bounce::BlockPlan;
use xtask::bounce::Performance;
use xtask::bounce::TimedEvent;
use xtask::bounce::perform;
use xtask::host::Audio;
use xtask::host::Block;
use xtask::host::Event;
use xtask::host::EventKind;
use xtask::host::Format;
use xtask::host::Processor;
use xtask::host::Setup;
use xtask::host::Transport;
use xtask::host_time::Segment;

use crate::stage::FORMATS;
use crate::stage::KICK;
use crate::stage::LEAD;
use crate::stage::SNARE;
use crate::stage::insert;
use crate::stage::instrument;
use crate::stage::note;
use crate::stage::parameter;
use crate::stage::peak;
use crate::stage::play;
use crate::stage::stopped;

/// 5 ms at 48 kHz, the length of every gain ramp.
const RAMP: usize = 240;

fn point(frame: u64, id: u32, value: f64) -> TimedEvent {
    TimedEvent { frame, kind: EventKind::Parameter { id, value } }
}

#[test]
fn automation_of_a_bus_gain_lands_on_its_frame() {
    for format in FORMATS {
        let gain = parameter(&mut *instrument(format), "Bus 1 Gain");
        let plain = play(format, &Performance::default());
        for (frame, blocks) in [(24_001, 512), (24_001, 8192), (30_000, 1), (31_999, 441)] {
            let moved = play(
                format,
                &Performance {
                    events: vec![point(frame, gain.id, 0.2)],
                    blocks: BlockPlan::Fixed(blocks),
                    ..Performance::default()
                },
            );
            let differs = |(a, b): (&f32, &f32)| a.to_bits() != b.to_bits();
            let changed = plain.planes(0)[0].iter().zip(&moved.planes(0)[0]).position(differs);
            let changed = changed.expect("the gain does nothing") as u64;
            // A ramp may leave its first frame where it was.
            assert!((frame..=frame + 1).contains(&changed), "{format}, {blocks}: {frame} became {changed}");
        }
    }
}

#[test]
fn notes_and_points_of_one_frame_both_land_on_it() {
    let gain = parameter(&mut *instrument(Format::Clap), "Bus 2 Gain").id;
    for (frame, blocks) in [(5000, 512), (12_288, 512), (20_001, 8192)] {
        let sounds = FORMATS.map(|format| {
            let blocks = BlockPlan::Fixed(blocks);
            let events = [&note(frame, KICK, 60)[..], &[point(frame, gain, 0.6)]].concat();
            let together =
                play(format, &Performance { segments: stopped(), events, blocks, ..Performance::default() });
            let onset = together.planes(0)[0].iter().position(|&sample| sample != 0.0).unwrap() as u64;
            let events = note(frame, KICK, 60).to_vec();
            let alone = play(format, &Performance { segments: stopped(), events, ..Performance::default() });
            let expected = alone.planes(0)[0].iter().position(|&sample| sample != 0.0).unwrap() as u64;
            assert_eq!(onset, expected, "{format}: the point moves the note");
            together
        });
        assert_eq!(sounds[0].first_difference(&sounds[1]), None, "frame {frame}");
    }
}

#[test]
fn gain_ramps_from_its_frame_and_settles_on_its_target() {
    for format in FORMATS {
        let mut host = insert(format);
        let gain = parameter(&mut *host, "Master Gain").id;
        let (frames, at) = (9600, 4801);
        let performance = Performance {
            frames,
            segments: stopped(),
            inputs: vec![vec![vec![0.5; frames as usize]; 2]],
            events: vec![point(at, gain, 0.5)],
            blocks: BlockPlan::Fixed(777),
            ..Performance::default()
        };
        let rendering = perform(&mut *host, &performance).unwrap();
        let sound = &rendering.planes(0)[0];
        let (before, after) = (sound[at as usize - 1], sound[frames as usize - 1]);
        assert!(before > 0.0 && after < before && after > 0.0, "{format}: {before} to {after}");
        let changed = sound.iter().skip(2400).position(|&sample| sample != before).unwrap() + 2400;
        let settled = frames as usize - sound.iter().rev().position(|&sample| sample != after).unwrap();
        assert!((at as usize..=at as usize + 1).contains(&changed), "{format}: changed at {changed}");
        assert!((RAMP - 1..=RAMP).contains(&(settled - changed)), "{format}: {changed} to {settled}");
    }
}

#[test]
fn notes_start_on_their_frames() {
    for format in FORMATS {
        let onset = |frame: u64, blocks: BlockPlan| {
            let performance = Performance {
                segments: stopped(),
                events: note(frame, KICK, 60).to_vec(),
                blocks,
                ..Performance::default()
            };
            let rendering = play(format, &performance);
            let left = &rendering.planes(0)[0];
            let first = left.iter().position(|&sample| sample != 0.0).expect("the note is silent");
            first as u64 - frame
        };
        // The instrument's own first samples may be zero, so onsets are compared with each other.
        let delay = onset(1000, BlockPlan::Fixed(512));
        assert!(delay < 48, "{format}: {delay} frames late");
        for (frame, blocks) in [(1001, 512), (2047, 64), (12_345, 8192), (20_000, 1)] {
            assert_eq!(onset(frame, BlockPlan::Fixed(blocks)), delay, "{format}: frame {frame} in {blocks}");
        }
    }
}

#[test]
fn note_off_and_every_channel_reach_the_instruments() {
    for format in FORMATS {
        let sound = |events: Vec<TimedEvent>| {
            play(format, &Performance { segments: stopped(), events, ..Performance::default() })
        };
        assert_eq!(peak(sound(Vec::new()).planes(0)), 0.0, "{format}: silence is not silent");
        let held = sound(note(100, LEAD, 60)[..1].to_vec());
        let released = sound(note(100, LEAD, 60).to_vec());
        assert!(held.first_difference(&released).is_some(), "{format}: note-off does nothing");
        let (first, second) = (sound(note(100, KICK, 60).to_vec()), sound(note(100, SNARE, 60).to_vec()));
        assert!(first.first_difference(&second).is_some(), "{format}: channels 1 and 2 play the same");
    }
}

#[test]
fn controllers_reach_the_engine_in_both_formats() {
    for (what, message) in [("volume", [0xb0, 7, 20]), ("pan", [0xb0, 10, 0]), ("bend", [0xe0, 0, 100])] {
        let sounds = FORMATS.map(|format| {
            let mut events = note(100, LEAD, 60).to_vec();
            let plain = Performance { segments: stopped(), events: events.clone(), ..Performance::default() };
            events.push(TimedEvent {
                frame: 4000,
                kind: EventKind::Midi([message[0] | LEAD, message[1], message[2]]),
            });
            let plain = play(format, &plain);
            let moved = play(format, &Performance { segments: stopped(), events, ..Performance::default() });
            assert!(plain.first_difference(&moved).is_some(), "{format}: {what} does nothing");
            moved
        });
        assert_eq!(sounds[0].first_difference(&sounds[1]), None, "{what}");
    }
}

#[test]
fn the_song_is_silent_while_the_host_is_stopped_and_sounds_when_it_plays() {
    for format in FORMATS {
        let quiet = play(format, &Performance { segments: stopped(), ..Performance::default() });
        assert_eq!(peak(quiet.planes(0)), 0.0, "{format}");
        assert!(peak(play(format, &Performance::default()).planes(0)) > 0.01, "{format}");
    }
}

#[test]
fn a_song_runs_by_itself_in_a_host_without_a_transport() {
    for format in FORMATS {
        let mut host = instrument(format);
        let mut processor = host.activate(&Setup::default()).unwrap();
        let mut audio = Audio::new(&[2], &[2; 16]);
        let mut loudest = 0.0f32;
        for block in 0..100 {
            audio.prepare(512, 0.0);
            let block = Block { frames: 512, start: block * 512, transport: None, bends: &[], events: &[] };
            processor.process(&block, &mut audio).unwrap();
            loudest = loudest.max(peak(&audio.outputs[0].planes));
        }
        drop(processor);
        host.deactivate().unwrap();
        assert!(loudest > 0.01, "{format}: {loudest}");
    }
}

#[test]
fn a_reset_ends_every_note_and_nothing_comes_late() {
    for format in FORMATS {
        let mut host = instrument(format);
        let mut processor = host.activate(&Setup::default()).unwrap();
        assert_eq!(host.latency(), 0, "{format}");
        let mut audio = Audio::new(&[2], &[2; 16]);
        let mut block = |processor: &mut dyn Processor, start: u64, events: &[Event]| {
            audio.prepare(512, 0.0);
            let block =
                Block { frames: 512, start, transport: Some(&Transport::default()), bends: &[], events };
            processor.process(&block, &mut audio).unwrap();
            peak(&audio.outputs[0].planes)
        };
        let key = EventKind::NoteOn { channel: LEAD, key: 60, velocity: 1.0 };
        block(&mut *processor, 0, &[Event { frame: 0, kind: key }]);
        let before = block(&mut *processor, 512, &[]);
        processor.reset();
        let after = block(&mut *processor, 1024, &[]);
        drop(processor);
        host.deactivate().unwrap();
        assert!(before > 0.0, "{format}: the note is silent");
        assert_eq!(after, 0.0, "{format}: the note sounds on");
    }
}

#[test]
fn the_song_follows_the_host_tempo() {
    let at_tempo = |tempo| {
        let segments = vec![Segment { tempo, ..Segment::default() }];
        play(Format::Clap, &Performance { segments, ..Performance::default() })
    };
    assert!(at_tempo(125.0).first_difference(&at_tempo(140.0)).is_some());
}
