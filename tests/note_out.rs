//! Note out: what song channels play reaches the host on the frames of its ticks, whatever the blocks, and nothing is left down.
#![allow(clippy::unwrap_used, clippy::expect_used)] // a test may

use busker::audio::AudioBuffer;
use busker::dsp::Level;
use busker::engine::Call;
use busker::engine::Engine;
use busker::engine::EngineConfig;
use busker::engine::Event;
use busker::engine::EventKind;
use busker::engine::NoteAddress;
use busker::engine::ParameterValues;
use busker::engine::Setup;
use busker::engine::Target;
use busker::engine::Transport;
use busker::engine::Worker;
use busker::engine::table;
use busker::mixer::Layout;
use busker::tracker::Song;
use busker::tracker::load::load;
use busker::units::SampleRate;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

const RATE: f64 = 48_000.0;

/// A tick of the demo song, 120 beats a minute.
const TICK: usize = 1000;

/// Its rows have so many ticks.
const SPEED: usize = 6;

struct Host {
    engine: Engine,
    worker: Worker,
    values: Arc<ParameterValues>,
    frame: usize,
    /// Everything sent so far, with frames since the start.
    sent: Vec<(usize, EventKind)>,
}

fn demo() -> Song {
    load(include_bytes!("../src/rack/demo.it")).unwrap()
}

impl Host {
    fn new(song: Song) -> Self {
        let parameters = table();
        let values = Arc::new(ParameterValues::new(&parameters));
        let config = EngineConfig {
            rate: SampleRate(RATE),
            layout: Layout { main_input: 0, sidechain: 0, outputs: vec![2] },
            table: parameters.into(),
            values: Arc::clone(&values),
            level: Level::detect(),
            look_ahead: false,
        };
        let (_control, engine, mut worker) = busker::engine::new(config);
        worker.apply(&Setup { song: Some(Arc::new(song)), ..Setup::default() }).unwrap();
        let host = Self { engine, worker, values, frame: 0, sent: Vec::new() };
        host.set(Target::NoteOut, 1.0);
        host
    }

    fn set(&self, target: Target, value: f32) {
        let index = table().iter().position(|spec| spec.target == target).unwrap();
        self.values.set(index, value);
    }

    fn call(&mut self, frames: usize, transport: Option<Transport>, events: &[Event]) {
        let mut buffer = AudioBuffer::new(2, frames);
        let mut blocks = [buffer.block_mut(frames)];
        self.engine.render(&Call { frames, transport, events }, None, &mut blocks);
        let outgoing = self.engine.outgoing();
        assert!(outgoing.is_sorted_by_key(|event| event.frame));
        assert!(outgoing.iter().all(|event| (event.frame as usize) < frames), "{outgoing:?}");
        self.sent.extend(outgoing.iter().map(|event| (self.frame + event.frame as usize, event.kind)));
        self.frame += frames;
    }

    /// Plays on for `frames` frames in calls of the sizes in turn.
    fn play(&mut self, frames: usize, sizes: &[usize]) {
        let end = self.frame + frames;
        for &size in sizes.iter().cycle() {
            let size = size.min(end - self.frame);
            self.call(size, Some(at(self.frame)), &[]);
            if self.frame == end {
                return;
            }
        }
    }

    /// Keys that are down.
    fn down(&self) -> Vec<(u8, u8)> {
        let mut down = HashMap::new();
        for (frame, kind) in &self.sent {
            match kind {
                EventKind::NoteOn(note, _) => {
                    let before = down.insert((note.channel, note.key), true);
                    assert_ne!(before, Some(true), "{note:?} is begun twice at {frame}");
                }
                EventKind::NoteOff(note) => {
                    let before = down.insert((note.channel, note.key), false);
                    assert_eq!(before, Some(true), "{note:?} ends twice at {frame}");
                }
                _ => {}
            }
        }
        down.into_iter().filter(|(_, down)| *down).map(|(note, _)| note).collect()
    }

    fn begun(&self) -> Vec<(usize, NoteAddress)> {
        let begun = |&(frame, kind)| match kind {
            EventKind::NoteOn(note, _) => Some((frame, note)),
            _ => None,
        };
        self.sent.iter().filter_map(begun).collect()
    }
}

/// The host plays at 120 beats a minute, and has come from its start to `frame`.
fn at(frame: usize) -> Transport {
    Transport { playing: true, tempo: 120.0, beats: Some(frame as f64 / 24_000.0), ..Transport::default() }
}

#[test]
fn notes_come_on_the_frames_of_their_ticks() {
    let mut host = Host::new(demo());
    host.play(192_000, &[512]);
    let begun = host.begun();
    assert!(begun.len() > 20, "{begun:?}");
    assert!(begun.iter().all(|(frame, _)| frame % TICK == 0), "{begun:?}");
    // Most notes stand on rows, not on ticks between them.
    let on_rows = begun.iter().filter(|(frame, _)| frame % (SPEED * TICK) == 0).count();
    assert!(on_rows * 2 > begun.len(), "{on_rows} of {}", begun.len());
}

#[test]
fn what_is_sent_does_not_depend_on_how_calls_are_cut() {
    let sent = |sizes: &[usize]| {
        let mut host = Host::new(demo());
        host.play(200_000, sizes);
        host.sent
    };
    let whole = sent(&[512]);
    for sizes in [&[1][..], &[7], &[64, 0, 999], &[8192], &[256, 255, 257]] {
        assert!(sent(sizes) == whole, "calls of {sizes:?}");
    }
}

#[test]
fn nothing_is_sent_while_note_out_is_off() {
    let mut host = Host::new(demo());
    host.set(Target::NoteOut, 0.0);
    host.play(100_000, &[512]);
    assert_eq!(host.sent, []);
}

#[test]
fn notes_end_when_the_host_stops() {
    let mut host = Host::new(demo());
    host.play(49_000, &[512]);
    assert!(!host.down().is_empty());
    host.call(64, Some(Transport { playing: false, ..at(49_000) }), &[]);
    assert_eq!(host.down(), []);
    assert_eq!(host.sent.last().unwrap().0, 49_000);
}

#[test]
fn switching_off_ends_notes_and_brings_bends_and_volumes_back() {
    let mut host = Host::new(demo());
    host.play(2_000_000, &[4096]);
    host.set(Target::NoteOut, 0.0);
    host.play(64, &[64]);
    assert_eq!(host.down(), []);
    let mut last = HashMap::new();
    for (_, kind) in &host.sent {
        match *kind {
            EventKind::PitchBend { channel, value } => _ = last.insert((channel, 128), value),
            EventKind::Controller { channel, number: 11, value } => _ = last.insert((channel, 11), value),
            _ => {}
        }
    }
    assert!(last.keys().any(|(_, what)| *what == 128) && last.keys().any(|(_, what)| *what == 11));
    for ((channel, what), value) in last {
        assert_eq!(value, if what == 11 { 1.0 } else { 0.0 }, "channel {channel}, {what}");
    }
    let count = host.sent.len();
    host.play(48_000, &[512]);
    assert_eq!(host.sent.len(), count);
}

#[test]
fn jumps_loops_and_other_songs_leave_no_note_down() {
    let mut host = Host::new(demo());
    for (beat, frames) in [(0, 30_000), (20, 24_000), (20, 24_000), (64, 7_000), (0, 100)] {
        for start in (0..frames).step_by(500) {
            host.call(500, Some(at(beat * 24_000 + start)), &[]);
        }
        host.down();
    }
    assert!(!host.down().is_empty());
    host.worker.apply(&Setup::default()).unwrap();
    host.call(500, Some(at(0)), &[]);
    assert_eq!(host.down(), []);
}

#[test]
fn a_loop_of_the_host_strikes_its_notes_on_every_pass() {
    let mut host = Host::new(demo());
    let mut passes = Vec::new();
    for _ in 0..4 {
        let before = host.begun().len();
        let start = host.frame;
        (0..96_000).step_by(500).for_each(|frame| host.call(500, Some(at(frame)), &[]));
        let pass =
            host.begun()[before..].iter().map(|(frame, note)| (frame - start, *note)).collect::<Vec<_>>();
        passes.push(pass);
    }
    assert!(passes[0].len() > 10, "{:?}", passes[0]);
    // What the pass before left sounding may begin anew.
    let struck = |pass: &[(usize, NoteAddress)]| {
        pass.iter().filter(|(frame, _)| *frame >= 1000).copied().collect::<Vec<_>>()
    };
    assert_eq!(struck(&passes[1]), struck(&passes[2]));
    assert_eq!(struck(&passes[2]), struck(&passes[3]));
    assert_eq!(struck(&passes[0]), struck(&passes[1]));
}

#[test]
fn a_reset_gives_back_the_keys_that_were_down() {
    let mut host = Host::new(demo());
    host.play(49_000, &[512]);
    assert!(!host.down().is_empty());
    host.engine.reset();
    host.call(64, Some(Transport { playing: false, ..at(0) }), &[]);
    assert_eq!(host.down(), []);
}

#[test]
fn a_key_on_a_song_channel_is_sent_on_its_own_frame() {
    let mut host = Host::new(demo());
    host.set(Target::KeyboardMode, 1.0);
    host.call(64, None, &[]);
    let note = NoteAddress { channel: 3, key: 64, id: None };
    let on = Event { frame: 17, kind: EventKind::NoteOn(note, 1.0) };
    host.call(64, None, &[on]);
    assert_eq!(host.begun(), [(64 + 17, note)]);
}

#[test]
fn every_song_leaves_no_key_down_when_it_ends() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/songs");
    let Ok(files) = std::fs::read_dir(&folder) else {
        println!("skipped: {} is absent", folder.display());
        return;
    };
    for file in files {
        let path = file.unwrap().path();
        let Ok(song) = load(&std::fs::read(&path).unwrap()) else { continue };
        let mut host = Host::new(song);
        host.play(480_000, &[4096]);
        assert!(!host.begun().is_empty(), "{}", path.display());
        host.call(64, Some(Transport { playing: false, ..at(host.frame) }), &[]);
        assert_eq!(host.down(), [], "{}", path.display());
        assert_eq!(host.engine.dropped_outgoing(), 0, "{}", path.display());
    }
}
