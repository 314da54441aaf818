//! What the tests play on: small songs, an engine with an output for each of the first buses, and measures of its sound.

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
use busker::mixer::Route;
use busker::mixer::Routing;
use busker::sample::SampleData;
use busker::tracker::Song;
use busker::tracker::song::Cell;
use busker::tracker::song::ChannelSetup;
use busker::tracker::song::Dialect;
use busker::tracker::song::FixedPace;
use busker::tracker::song::Format;
use busker::tracker::song::Loop;
use busker::tracker::song::MadeWith;
use busker::tracker::song::Note;
use busker::tracker::song::Order;
use busker::tracker::song::Pattern;
use busker::tracker::song::PitchModel;
use busker::tracker::song::Quirks;
use busker::tracker::song::Sample;
use busker::units::SampleRate;
use std::sync::Arc;

pub(crate) const RATE: usize = 48_000;
/// Frames of a tick at the songs' tempo.
pub(crate) const TICK: usize = 960;

pub(crate) const FORMATS: [Format; 4] = [Format::Mod, Format::S3m, Format::Xm, Format::It];

/// A looped wave of `shape`, one period of `frames` frames.
pub(crate) fn looped(frames: usize, shape: impl Fn(f32) -> f32) -> Sample {
    let wave = (0..frames).map(|n| (32_000.0 * shape(n as f32 / frames as f32)) as i16).collect();
    Sample {
        sample_loop: Some(Loop { start: 0, end: frames as u32, ping_pong: false }),
        ..Sample::plain(SampleData::Mono16(wave))
    }
}

pub(crate) fn sine(frames: usize) -> Sample {
    looped(frames, |phase| (phase * std::f32::consts::TAU).sin())
}

/// A sine that sounds once, for `frames` frames.
pub(crate) fn once(frames: usize) -> Sample {
    let wave = (0..frames).map(|n| (n as f32 * std::f32::consts::TAU / 16.0).sin() * 32_000.0);
    let data = Arc::new(SampleData::Mono16(wave.map(|sample| sample as i16).collect()));
    Sample { data, sample_loop: None, ..sine(16) }
}

/// Four channels, one empty pattern of 64 rows at tempo 125, and samples: a sine of 522 Hz at key 60, one an octave above
/// it, a saw, and a sine that lasts half a second.
pub(crate) fn song(format: Format) -> Song {
    let (dialect, pitch) = match format {
        Format::Mod => (Dialect::ProTracker, PitchModel::Periods),
        Format::S3m => (Dialect::ScreamTracker3, PitchModel::Periods),
        Format::Xm => (Dialect::FastTracker2, PitchModel::Linear),
        Format::It => (Dialect::ImpulseTracker, PitchModel::Linear),
    };
    Song {
        title: String::new(),
        format,
        dialect,
        made_with: MadeWith::Unknown,
        quirks: Quirks::default(),
        pitch,
        channels: vec![ChannelSetup::centred(); 4],
        orders: vec![Order::Pattern(0)],
        restart_order: 0,
        patterns: vec![Pattern { cells: vec![Cell::default(); 256], rows: 64 }],
        instruments: Vec::new(),
        samples: vec![sine(16), sine(8), looped(64, |phase| 2.0 * phase - 1.0), once(4182)],
        initial_speed: 6,
        initial_tempo: 125,
        fixed_pace: FixedPace::default(),
        initial_global_volume: 128,
        mix_volume: 48,
        separation: 128,
        macros: None,
        message: String::new(),
    }
}

/// Puts a key of an instrument on a row and channel of the first pattern.
pub(crate) fn put(song: &mut Song, (row, channel): (usize, usize), (key, instrument): (u8, u8)) {
    song.patterns[0].cells[row * 4 + channel] = Cell { note: Note::Key(key), instrument, ..Cell::default() };
}

pub(crate) struct Stage {
    pub(crate) engine: Engine,
    worker: Worker,
    values: Arc<ParameterValues>,
    frame: u64,
    /// Beats by which the host has jumped.
    jumped: f64,
    playing: bool,
    /// What the engine has said, with frames since the start.
    pub(crate) said: Vec<(u64, EventKind)>,
}

pub(crate) const OUTPUTS: usize = 8;

impl Stage {
    pub(crate) fn empty() -> Self {
        let parameters = table();
        let values = Arc::new(ParameterValues::new(&parameters));
        let config = EngineConfig {
            rate: SampleRate(RATE as f64),
            layout: Layout { main_input: 0, sidechain: 0, outputs: vec![2; OUTPUTS] },
            table: parameters.into(),
            values: Arc::clone(&values),
            level: Level::detect(),
            look_ahead: false,
        };
        let (_, engine, worker) = busker::engine::new(config);
        Self { engine, worker, values, frame: 0, jumped: 0.0, playing: false, said: Vec::new() }
    }

    /// Song channels 1 to 4 come out of outputs 4 to 7 too, keyboard slots 1 to 3 of outputs 1 to 3; all of the main one.
    pub(crate) fn new(song: Song) -> Self {
        let mut stage = Self::empty();
        stage.load(song);
        stage
    }

    pub(crate) fn load(&mut self, song: Song) {
        let mut routing = Routing::default();
        for output in 1..OUTPUTS {
            routing.buses[output].to.push(Route::Output(output).into());
        }
        (0..4).for_each(|channel| routing.song_channels[channel] = Some(4 + channel));
        (0..3).for_each(|slot| routing.keyboard[slot].bus = Some(1 + slot));
        routing.keyboard[3..].fill(Some(0).into());
        let setup = Setup { song: Some(Arc::new(song)), routing, ..Setup::default() };
        self.worker.apply(&setup).unwrap();
    }

    pub(crate) fn set(&self, target: Target, value: f32) {
        let index = table().iter().position(|spec| spec.target == target).unwrap();
        self.values.set(index, value);
    }

    /// Keyboard modes by the index of the parameter's choice.
    pub(crate) fn mode(self, mode: usize) -> Self {
        self.set(Target::KeyboardMode, mode as f32);
        self
    }

    /// The host's transport runs from here on.
    pub(crate) fn play(mut self) -> Self {
        self.playing = true;
        self
    }

    /// Counts frames from 0 again, as the engine does after a reset.
    pub(crate) fn rewound(mut self) -> Self {
        self.frame = 0;
        self
    }

    /// The host jumps.
    pub(crate) fn jump(&mut self, beats: f64) {
        self.jumped += beats;
    }

    /// Renders one call; events have frames within it. Gives the left and right planes of all outputs.
    pub(crate) fn call(&mut self, frames: usize, events: &[Event]) -> Vec<[Vec<f32>; 2]> {
        let mut buffers: Vec<AudioBuffer> = (0..OUTPUTS).map(|_| AudioBuffer::new(2, frames)).collect();
        let mut blocks: Vec<_> = buffers.iter_mut().map(|buffer| buffer.block_mut(frames)).collect();
        let beats = Some(self.frame as f64 / RATE as f64 * 125.0 / 60.0 + self.jumped);
        let transport = Transport { playing: self.playing, tempo: 125.0, beats, ..Transport::default() };
        self.engine.render(&Call { frames, transport: Some(transport), events }, None, &mut blocks);
        self.said.extend(self.engine.outgoing().iter().map(|e| (self.frame + u64::from(e.frame), e.kind)));
        assert!(self.engine.outgoing().iter().all(|event| (event.frame as usize) < frames));
        self.frame += frames as u64;
        buffers.iter().map(|buffer| [0, 1].map(|side| buffer.channel(side).to_vec())).collect()
    }

    /// What comes out of one output, left and right, while events act on the first frame.
    pub(crate) fn output(&mut self, output: usize, frames: usize, events: &[EventKind]) -> [Vec<f32>; 2] {
        let events: Vec<Event> = events.iter().map(|&kind| Event { frame: 0, kind }).collect();
        self.call(frames, &events).swap_remove(output)
    }

    /// Left of the main output, while events act on the first frame.
    pub(crate) fn hear(&mut self, frames: usize, events: &[EventKind]) -> Vec<f32> {
        let [left, _] = self.output(0, frames, events);
        left
    }

    /// Notes whose end the host has heard.
    pub(crate) fn ended(&self) -> Vec<NoteAddress> {
        let end = |&(_, kind): &(u64, EventKind)| match kind {
            EventKind::NoteEnd(note) => Some(note),
            _ => None,
        };
        self.said.iter().filter_map(end).collect()
    }
}

pub(crate) fn address(channel: u8, key: u8) -> NoteAddress {
    NoteAddress { channel, key, id: None }
}

pub(crate) fn on(channel: u8, key: u8) -> EventKind {
    EventKind::NoteOn(address(channel, key), 1.0)
}

pub(crate) fn off(channel: u8, key: u8) -> EventKind {
    EventKind::NoteOff(address(channel, key))
}

pub(crate) fn control(channel: u8, number: u8, midi: u8) -> EventKind {
    EventKind::Controller { channel, number, value: f32::from(midi) / 127.0 }
}

pub(crate) fn bend(channel: u8, value: f32) -> EventKind {
    EventKind::PitchBend { channel, value }
}

pub(crate) fn peak(audio: &[f32]) -> f32 {
    audio.iter().fold(0.0, |peak, sample| peak.max(sample.abs()))
}

pub(crate) fn rms(audio: &[f32]) -> f32 {
    (audio.iter().map(|sample| sample * sample).sum::<f32>() / audio.len() as f32).sqrt()
}

/// Hertz, by the rises through zero, which are found between frames.
pub(crate) fn hertz(audio: &[f32]) -> f32 {
    let rises: Vec<f32> = (1..audio.len())
        .filter(|&n| audio[n - 1] < 0.0 && audio[n] >= 0.0)
        .map(|n| n as f32 - audio[n] / (audio[n] - audio[n - 1]))
        .collect();
    let (Some(first), Some(last)) = (rises.first(), rises.last()) else { return 0.0 };
    (rises.len() - 1) as f32 * RATE as f32 / (last - first)
}

/// Semitones from one pitch to another.
pub(crate) fn interval(from: f32, to: f32) -> f32 {
    12.0 * (to / from).log2()
}

/// Semitones of a sound's highest and lowest period around `centre`.
pub(crate) fn spread(audio: &[f32], centre: f32) -> (f32, f32) {
    let parts: Vec<f32> = audio.chunks_exact(TICK).map(|tick| interval(centre, hertz(tick))).collect();
    let least = parts.iter().copied().fold(f32::MAX, f32::min);
    (least, parts.iter().copied().fold(f32::MIN, f32::max))
}

#[track_caller]
pub(crate) fn assert_near(value: f32, wanted: f32, tolerance: f32) {
    assert!((value - wanted).abs() <= tolerance, "{value} is not {wanted} ± {tolerance}");
}
