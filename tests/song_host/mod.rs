//! A host without a plugin: an engine, a transport over time, and songs that tell where their rows are.
#![allow(dead_code)] // each test uses its part

use busker::audio::AudioBuffer;
use busker::dsp::Level;
use busker::engine::Call;
use busker::engine::Engine;
use busker::engine::EngineConfig;
use busker::engine::Event;
use busker::engine::ParameterValues;
use busker::engine::Setup;
use busker::engine::Target;
use busker::engine::Transport;
use busker::engine::Worker;
use busker::engine::table;
use busker::mixer::Layout;
use busker::sample::SampleData;
use busker::tracker::Song;
use busker::tracker::load::load;
use busker::tracker::song::Cell;
use busker::tracker::song::Loop;
use busker::units::SampleRate;
use std::sync::Arc;

pub(crate) const RATE: f64 = 48000.0;

/// Values of the Sync parameter.
pub(crate) const SONG: f32 = 0.0;
pub(crate) const ORIGINAL: f32 = 1.0;
pub(crate) const TEMPO: f32 = 2.0;
pub(crate) const FREE: f32 = 3.0;
pub(crate) const LAUNCH: f32 = 4.0;
pub(crate) const MANUAL: f32 = 5.0;

pub(crate) struct Player {
    pub(crate) engine: Engine,
    _worker: Worker,
    values: Arc<ParameterValues>,
    /// Frames rendered so far.
    frame: usize,
}

impl Player {
    pub(crate) fn new(song: Song) -> Self {
        Self::of(&Arc::new(song), RATE)
    }

    pub(crate) fn of(song: &Arc<Song>, rate: f64) -> Self {
        let parameters = table();
        let values = Arc::new(ParameterValues::new(&parameters));
        let config = EngineConfig {
            rate: SampleRate(rate),
            layout: Layout { main_input: 0, sidechain: 0, outputs: vec![2; 2] },
            table: parameters.into(),
            values: Arc::clone(&values),
            level: Level::detect(),
            look_ahead: false,
        };
        let (_control, engine, mut worker) = busker::engine::new(config);
        worker.apply(&Setup { song: Some(Arc::clone(song)), ..Setup::default() }).unwrap();
        Self { engine, _worker: worker, values, frame: 0 }
    }

    pub(crate) fn with(self, target: Target, value: f32) -> Self {
        self.set(target, value);
        self
    }

    pub(crate) fn set(&self, target: Target, value: f32) {
        let index = table().iter().position(|spec| spec.target == target).unwrap();
        self.values.set(index, value);
    }

    /// Left of the main output over `frames` frames in calls of the sizes in turn. `host` is asked with frames from here on.
    pub(crate) fn render(
        &mut self,
        frames: usize,
        sizes: &[usize],
        host: impl Fn(usize) -> Option<Transport>,
    ) -> Vec<f32> {
        self.render_cut(frames, sizes, &[], host)
    }

    /// The same with calls that also end at `cuts`, frames from here on.
    fn render_cut(
        &mut self,
        frames: usize,
        sizes: &[usize],
        cuts: &[usize],
        host: impl Fn(usize) -> Option<Transport>,
    ) -> Vec<f32> {
        let mut out = Vec::with_capacity(frames);
        for &size in sizes.iter().cycle() {
            let next = cuts.iter().copied().filter(|&cut| cut > out.len()).min().unwrap_or(frames);
            let size = size.min(frames - out.len()).min(next - out.len());
            let mut buffers = [AudioBuffer::new(2, size), AudioBuffer::new(2, size)];
            let mut blocks = buffers.each_mut().map(|buffer| buffer.block_mut(size));
            let call = Call { frames: size, transport: host(out.len()), events: &[] };
            self.engine.render(&call, None, &mut blocks);
            out.extend_from_slice(buffers[0].channel(0));
            self.frame += size;
            if out.len() == frames {
                return out;
            }
        }
        out
    }

    /// Left of the main output of one call with events, for a host that stands still.
    pub(crate) fn keys(&mut self, frames: usize, events: &[Event]) -> Vec<f32> {
        let mut buffers = [AudioBuffer::new(2, frames), AudioBuffer::new(2, frames)];
        let mut blocks = buffers.each_mut().map(|buffer| buffer.block_mut(frames));
        let transport = Some(Transport { playing: false, ..Transport::default() });
        self.engine.render(&Call { frames, transport, events }, None, &mut blocks);
        self.frame += frames;
        buffers[0].channel(0)[..frames].to_vec()
    }

    /// Renders what a host does, up to its end.
    pub(crate) fn play(&mut self, host: &Host, sizes: &[usize]) -> Vec<f32> {
        let cuts: Vec<usize> = host.pieces.iter().map(|piece| piece.frame).collect();
        self.render_cut(host.frames, sizes, &cuts, |frame| Some(host.transport(frame)))
    }
}

/// A time over which the host goes on without a jump.
#[derive(Clone, Copy)]
struct Piece {
    frame: usize,
    beats: f64,
    seconds: f64,
    tempo: f64,
    increment: f64,
    playing: bool,
}

/// A host's transport over time; each change of what it does ends a call, as an event in it would.
#[derive(Clone)]
pub(crate) struct Host {
    pieces: Vec<Piece>,
    pub(crate) frames: usize,
    /// Where the next piece begins.
    beats: f64,
    seconds: f64,
    /// Goes round this loop, and does not end its calls there.
    pub(crate) looping: Option<(f64, f64)>,
    pub(crate) tells_beats: bool,
    pub(crate) tells_seconds: bool,
    pub(crate) tells_increments: bool,
}

impl Host {
    pub(crate) fn new() -> Self {
        Self {
            pieces: Vec::new(),
            frames: 0,
            beats: 0.0,
            seconds: 0.0,
            looping: None,
            tells_beats: true,
            tells_seconds: true,
            tells_increments: true,
        }
    }

    fn piece(mut self, frames: usize, (from, to): (f64, f64), playing: bool) -> Self {
        let (frame, increment) = (self.frames, (to - from) / frames as f64);
        let Self { beats, seconds, .. } = self;
        self.pieces.push(Piece { frame, beats, seconds, tempo: from, increment, playing });
        self.frames += frames;
        if playing {
            self.beats += frames as f64 * (from + to) / 2.0 / (60.0 * RATE);
            self.seconds += frames as f64 / RATE;
        }
        self
    }

    /// Plays at a tempo.
    pub(crate) fn play(self, frames: usize, tempo: f64) -> Self {
        self.piece(frames, (tempo, tempo), true)
    }

    /// Plays while the tempo goes from one to another.
    pub(crate) fn ramp(self, frames: usize, from: f64, to: f64) -> Self {
        self.piece(frames, (from, to), true)
    }

    /// Stands still.
    pub(crate) fn stop(self, frames: usize) -> Self {
        self.piece(frames, (120.0, 120.0), false)
    }

    /// Goes to a place that is so many frames at a steady tempo from the start.
    pub(crate) fn seek_frame(mut self, frame: i64, tempo: f64) -> Self {
        self.seconds = frame as f64 / RATE;
        self.beats = frame as f64 * tempo / (60.0 * RATE);
        self
    }

    pub(crate) fn seek_beat(mut self, beats: f64, tempo: f64) -> Self {
        (self.beats, self.seconds) = (beats, beats * 60.0 / tempo);
        self
    }

    /// Goes round between two beats.
    pub(crate) fn in_loop(self, beats: (f64, f64)) -> Self {
        Self { looping: Some(beats), ..self }
    }

    fn at(&self, frame: usize) -> &Piece {
        &self.pieces[self.pieces.partition_point(|piece| piece.frame <= frame) - 1]
    }

    /// Beats since the start.
    pub(crate) fn beats(&self, frame: f64) -> f64 {
        self.beats_and_rounds(frame).0
    }

    /// The same, and how many beats the host has gone back in its loop.
    fn beats_and_rounds(&self, frame: f64) -> (f64, f64) {
        let piece = self.at(frame as usize);
        let passed = if piece.playing { frame - piece.frame as f64 } else { 0.0 };
        let beats = piece.beats + passed * (piece.tempo + piece.increment * passed / 2.0) / (60.0 * RATE);
        let back = match self.looping {
            Some((start, end)) if beats >= end => ((beats - start) / (end - start)).floor() * (end - start),
            _ => 0.0,
        };
        (beats - back, back)
    }

    pub(crate) fn transport(&self, frame: usize) -> Transport {
        let piece = self.at(frame);
        let passed = if piece.playing { (frame - piece.frame) as f64 } else { 0.0 };
        let (beats, back) = self.beats_and_rounds(frame as f64);
        let seconds = piece.seconds + passed / RATE - back * 60.0 / piece.tempo;
        Transport {
            playing: piece.playing,
            tempo: piece.tempo + piece.increment * passed,
            tempo_increment: if self.tells_increments { piece.increment } else { 0.0 },
            beats: self.tells_beats.then_some(beats),
            seconds: self.tells_seconds.then_some(seconds),
            looping: self.looping,
            ..Transport::default()
        }
    }

    /// By how many frames a tick of the host's beats that has begun on `frame` misses `beats`.
    pub(crate) fn off(&self, frame: usize, beats: f64) -> f64 {
        let late = self.beats(frame as f64) - beats;
        let side = if late > 0.0 && frame > 0 { frame as f64 - 1.0 } else { frame as f64 + 1.0 };
        late / (self.beats(side) - self.beats(frame as f64)).abs()
    }
}

/// A four-channel MOD of one pattern for each order, none of which plays a note yet.
pub(crate) fn empty_mod(patterns: usize) -> Song {
    let mut bytes = vec![0u8; 1084];
    let sample = 20 + 22;
    bytes[sample..sample + 2].copy_from_slice(&32u16.to_be_bytes()); // words
    bytes[sample + 3] = 64; // volume
    bytes[sample + 7] = 1; // no loop
    bytes[950] = patterns as u8;
    bytes[951] = 127;
    (0..patterns).for_each(|order| bytes[952 + order] = order as u8);
    bytes[1080..].copy_from_slice(b"M.K.");
    bytes.resize(1084 + patterns * 1024, 0);
    let mut data = [0u8; 64];
    data[2..6].fill(127);
    bytes.extend_from_slice(&data);
    load(&bytes).unwrap()
}

/// A song of one pattern whose first channel clicks on every row: one frame of full scale, then silence.
pub(crate) fn clicks() -> Song {
    let mut song = empty_mod(1);
    let note = click_cell();
    for row in song.patterns[0].cells.chunks_mut(4) {
        row[0] = note;
    }
    song
}

fn click_cell() -> Cell {
    let mut bytes = vec![0u8; 1084 + 1024];
    bytes[950] = 1;
    bytes[1080..1084].copy_from_slice(b"M.K.");
    bytes[1084..1088].copy_from_slice(&[0x00, 0xd6, 0x10, 0x00]); // C-3, sample 1
    load(&bytes).unwrap().patterns[0].cells[0]
}

/// The same, at speed 3 from its first row on.
pub(crate) fn fast_clicks() -> Song {
    let mut song = clicks();
    song.patterns[0].cells[1].effect = 15;
    song.patterns[0].cells[1].parameter = 3;
    song
}

/// A song of two patterns: in the first, from its first row on, a loud looped sine; the second cuts it.
pub(crate) fn sine() -> Song {
    let mut song = empty_mod(2);
    let wave = |n: usize| (32_767.0 * (n as f64 * std::f64::consts::TAU / 128.0).sin()).round() as i16;
    song.patterns[0].cells[0] = click_cell();
    (song.patterns[1].cells[0].effect, song.patterns[1].cells[0].parameter) = (12, 0);
    song.samples[0].data = Arc::new(SampleData::Mono16((0..128).map(wave).collect()));
    song.samples[0].sample_loop = Some(Loop { start: 0, end: 128, ping_pong: false });
    song
}

/// First frames of sounds after at least 100 frames of silence.
pub(crate) fn onsets(audio: &[f32]) -> Vec<usize> {
    let mut quiet = 100;
    let mut found = Vec::new();
    for (frame, sample) in audio.iter().enumerate() {
        if sample.abs() > 1e-4 {
            if quiet >= 100 {
                found.push(frame);
            }
            quiet = 0;
        } else {
            quiet += 1;
        }
    }
    found
}

/// Numbers that look random and are the same in every run.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    /// Below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % end.max(1)
    }
}
