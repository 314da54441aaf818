//! An engine with a song or an input, parameters that move on exact frames, and calls cut at random.

use assert_no_alloc::assert_no_alloc;
use busker::audio::AudioBlock;
use busker::audio::AudioBuffer;
use busker::dsp::Level;
use busker::engine::Call;
use busker::engine::Control;
use busker::engine::Engine;
use busker::engine::EngineConfig;
use busker::engine::Event;
use busker::engine::EventKind;
use busker::engine::ParameterSpec;
use busker::engine::ParameterValues;
use busker::engine::Setup;
use busker::engine::Target;
use busker::engine::Transport;
use busker::engine::Worker;
use busker::engine::table;
use busker::engine::wait_for_lanes;
use busker::mixer::Layout;
use busker::mixer::Routing;
use busker::rack::Rack;
use busker::units::SampleRate;
use std::sync::Arc;
use std::time::Duration;

pub(crate) const RATE: f64 = 48000.0;

/// Frames that a ramp lasts at `RATE`.
pub(crate) const RAMP: usize = 240;

/// Where the host starts, past the demo song's introduction.
const FIRST_BEAT: f64 = 32.0;

/// How long lanes are waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// Most frames of a call.
const LONGEST: usize = 8192;

/// A parameter that moves on a frame.
pub(crate) type Change = (usize, Target, f32);

/// A deterministic stream of numbers (splitmix64).
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % below.max(1) as u64) as usize
    }

    /// 0 up to 1.
    pub(crate) fn part(&mut self) -> f32 {
        self.roll(1 << 20) as f32 / (1 << 20) as f32
    }
}

/// How calls are cut.
pub(crate) enum Cuts {
    Each(usize),
    /// 1 to 700 frames, by a seed.
    Random(u64),
}

pub(crate) struct Desk {
    pub(crate) control: Control,
    pub(crate) engine: Engine,
    pub(crate) worker: Worker,
    pub(crate) values: Arc<ParameterValues>,
    table: Arc<[ParameterSpec]>,
    layout: Layout,
    /// What happens on which frame, in their order.
    pub(crate) events: Vec<(usize, EventKind)>,
    /// Whether lanes are waited for.
    pub(crate) offline: bool,
    rendered: usize,
}

/// The planes of every output.
pub(crate) type Sound = Vec<Vec<Vec<f32>>>;

pub(crate) fn instrument() -> Layout {
    Layout { main_input: 0, sidechain: 2, outputs: vec![2; 16] }
}

pub(crate) fn insert(channels: usize) -> Layout {
    let mut outputs = vec![2; 7];
    outputs[0] = channels;
    Layout { main_input: channels, sidechain: 2, outputs }
}

/// The demo song's setup without machines, by these routes.
pub(crate) fn demo(routing: Routing) -> Setup {
    let rack = Rack { inserts: Vec::new(), routing, ..Rack::demo() };
    rack.setup(&instrument()).unwrap()
}

impl Desk {
    pub(crate) fn new(layout: Layout, setup: &Setup) -> Self {
        let table: Arc<[ParameterSpec]> = table().into();
        let values = Arc::new(ParameterValues::new(&table));
        let config = EngineConfig {
            rate: SampleRate(RATE),
            layout: layout.clone(),
            table: Arc::clone(&table),
            values: Arc::clone(&values),
            level: Level::detect(),
            look_ahead: false,
        };
        let (control, engine, mut worker) = busker::engine::new(config);
        worker.apply(setup).unwrap();
        Self {
            control,
            engine,
            worker,
            values,
            table,
            layout,
            events: Vec::new(),
            offline: false,
            rendered: 0,
        }
    }

    pub(crate) fn index(&self, target: Target) -> usize {
        self.table.iter().position(|spec| spec.target == target).unwrap()
    }

    pub(crate) fn set(&self, target: Target, value: f32) {
        self.values.set(self.index(target), value);
    }

    /// One call on a running transport; main input and sidechain hold what `input` says of channel and frame.
    pub(crate) fn call(&mut self, frames: usize, input: &impl Fn(usize, usize) -> f32) -> Sound {
        let mut buffers: Vec<AudioBuffer> =
            self.layout.outputs.iter().map(|&channels| AudioBuffer::new(channels, frames)).collect();
        let fill = |plane: &mut [f32], channel: usize| {
            plane.iter_mut().zip(self.rendered..).for_each(|(sample, frame)| *sample = input(channel, frame));
        };
        (0..self.layout.main_input).for_each(|channel| fill(buffers[0].channel_mut(channel), channel));
        let mut side = AudioBuffer::new(self.layout.sidechain, frames);
        (0..self.layout.sidechain)
            .for_each(|channel| fill(side.channel_mut(channel), self.layout.main_input + channel));
        let beats = Some(FIRST_BEAT + self.rendered as f64 / RATE * 2.0);
        let transport = Transport { playing: true, tempo: 120.0, beats, ..Transport::default() };
        let mut blocks: Vec<_> = buffers.iter_mut().map(|buffer| buffer.block_mut(frames)).collect();
        let side: AudioBlock<'_> = side.block(frames);
        let now = self.rendered..self.rendered + frames;
        let events = self.events.iter().filter(|(at, _)| now.contains(at));
        let events: Vec<Event> =
            events.map(|(at, kind)| Event { frame: (at - now.start) as u32, kind: *kind }).collect();
        let call = Call { frames, transport: Some(transport), events: &events };
        assert!(!self.offline || wait_for_lanes(&mut self.engine, &call, PATIENCE));
        assert_no_alloc(|| self.engine.render(&call, Some(&side), &mut blocks));
        self.rendered += frames;
        let planes = |buffer: &AudioBuffer| {
            (0..buffer.channels()).map(|channel| buffer.channel(channel).to_vec()).collect()
        };
        buffers.iter().map(planes).collect()
    }

    /// Renders `frames` in calls that are cut where parameters move, as the plugin cuts them.
    pub(crate) fn play(
        &mut self,
        frames: usize,
        cuts: &Cuts,
        changes: &[Change],
        input: impl Fn(usize, usize) -> f32,
    ) -> Sound {
        let mut dice = Dice(if let Cuts::Random(seed) = cuts { *seed } else { 0 });
        let mut sound: Sound = self.layout.outputs.iter().map(|&width| vec![Vec::new(); width]).collect();
        let mut frame = 0;
        while frame < frames {
            for &(_, target, value) in changes.iter().filter(|change| change.0 == frame) {
                self.set(target, value);
            }
            let next = changes.iter().map(|change| change.0).filter(|&at| at > frame).min().unwrap_or(frames);
            let size = match cuts {
                Cuts::Each(size) => *size,
                Cuts::Random(_) => 1 + dice.roll(700),
            };
            let size = size.min(LONGEST).min(next - frame).min(frames - frame);
            for (all, one) in sound.iter_mut().flatten().zip(self.call(size, &input).iter().flatten()) {
                all.extend_from_slice(one);
            }
            frame += size;
        }
        sound
    }
}

pub(crate) fn peak(planes: &[Vec<f32>]) -> f32 {
    planes.iter().flatten().fold(0.0, |peak, sample| peak.max(sample.abs()))
}
