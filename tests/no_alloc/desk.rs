//! The whole desk at once: eight inputs, all buses, song and keyboard, 256 voices, eight lanes, both returns, machines, both limiters,
//! sources that come into space and leave it, recordings, and parameters that move on every 16th frame.

use crate::PLANTED;
use crate::assert_caught;
use assert_no_alloc::assert_no_alloc;
use busker::audio::AudioBuffer;
use busker::dsp::Level;
use busker::engine::Call;
use busker::engine::Control;
use busker::engine::Engine;
use busker::engine::EngineConfig;
use busker::engine::Event;
use busker::engine::EventKind;
use busker::engine::Expression;
use busker::engine::NoteAddress;
use busker::engine::ParameterSpec;
use busker::engine::ParameterValues;
use busker::engine::Recorder;
use busker::engine::Target;
use busker::engine::Transport;
use busker::engine::Worker;
use busker::engine::table;
use busker::mixer::BusSpace;
use busker::mixer::Layout;
use busker::mixer::NoteSpace;
use busker::mixer::Routing;
use busker::rack::Rack;
use busker::recorder::RecordingState;
use busker::units::SampleRate;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use xtask::scene;
use xtask::sound::Levels;
use xtask::sound::read_wav;

/// Frames between two moments of automation.
const STEP: usize = 16;

/// Steps of a performance: a second and a half.
const STEPS: usize = 4_500;

/// Parameters that move together.
const TOGETHER: usize = 8;

/// How a step is cut into calls.
const CUTS: [&[usize]; 4] = [&[16], &[1, 15], &[7, 0, 9], &[8, 8]];

struct Desk {
    engine: Engine,
    worker: Worker,
    control: Arc<Control>,
    recorder: Recorder,
    table: Arc<[ParameterSpec]>,
    values: Arc<ParameterValues>,
    /// Routes with some sources in space, and without.
    routes: [Routing; 2],
    /// Indices of the parameters that move.
    moving: Vec<usize>,
    outputs: Vec<AudioBuffer>,
    side: AudioBuffer,
    takes: PathBuf,
}

/// What belongs to the desk and is heard at once.
fn moves(spec: &ParameterSpec) -> bool {
    use Target::*;
    let song = matches!(spec.target, ChannelGain(_) | ChannelMute(_) | ChannelSolo(_) | ChannelPan(_));
    let groups = ["Bus", "Return", "Master", "Lane", "Input", "Output", "Monitor", "Keyboard"];
    spec.target.works() && (song || groups.iter().any(|group| spec.group.starts_with(group)))
}

/// Places of parameters in the table.
fn table_of(table: &[ParameterSpec], wanted: impl Fn(Target) -> bool) -> Vec<usize> {
    table.iter().enumerate().filter(|(_, spec)| wanted(spec.target)).map(|(index, _)| index).collect()
}

impl Desk {
    fn new(name: &str) -> Self {
        let takes = std::env::temp_dir().join(format!("busker-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&takes);
        let file = scene::desk_rack(name, &takes).unwrap();
        let rack = Rack::from_toml(&std::fs::read_to_string(file).unwrap()).unwrap();
        let layout = Layout { main_input: 8, sidechain: 2, outputs: vec![8, 2, 2, 2, 2, 2, 2] };
        let table: Arc<[ParameterSpec]> = table().into();
        let values = Arc::new(ParameterValues::new(&table));
        let config = EngineConfig {
            rate: SampleRate(48_000.0),
            layout: layout.clone(),
            table: Arc::clone(&table),
            values: Arc::clone(&values),
            level: Level::detect(),
            look_ahead: rack.master.look_ahead,
        };
        let (control, engine, mut worker) = busker::engine::new(config);
        let mut setup = rack.setup(&layout).unwrap();
        let without = setup.routing.clone();
        put_into_space(&mut setup.routing);
        worker.apply(&setup).unwrap();
        while worker.is_opening() {
            worker.poll();
            thread::sleep(Duration::from_millis(1));
        }
        let control = Arc::new(control);
        let mut recorder = Recorder::new(Arc::clone(&control));
        assert!(recorder.arm_all(&rack.recorder.settings, &rack.routing, &takes).is_empty());
        recorder.start().unwrap();
        let moving = table.iter().enumerate().filter(|(_, spec)| moves(spec)).map(|(index, _)| index);
        let moving = moving.collect();
        let outputs = layout.outputs.iter().map(|&channels| AudioBuffer::new(channels, STEP)).collect();
        let side = AudioBuffer::new(layout.sidechain, STEP);
        let routes = [setup.routing, without];
        Self { engine, worker, control, recorder, table, values, routes, moving, outputs, side, takes }
    }

    /// Moves the parameters whose turn it is. Mutes and solos are seldom on, so that there is something to record.
    fn automate(&self, step: usize) {
        for part in 0..TOGETHER {
            let index = self.moving[(step + part * self.moving.len() / TOGETHER) % self.moving.len()];
            let spec = &self.table[index];
            let silences = spec.name == "Mute" || spec.name == "Solo";
            // Mixed well, so that no parameter gets one value again and again, however many there are.
            let mixed = ((step * TOGETHER + part + 1) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let mixed = (mixed ^ mixed >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93) >> 40;
            let way =
                if silences { f32::from(u8::from(mixed % 16 == 5)) } else { (mixed % 23) as f32 / 22.0 };
            self.values.set(index, spec.kind.plain(way));
        }
    }

    /// All voices one after the other, each on an even step.
    fn trigger(&self, step: usize) {
        let slots = table_of(&self.table, |target| matches!(target, Target::VoiceTrigger(0..4)));
        if step < 2 * scene::VOICES / slots.len() {
            let on = f32::from(u8::from(step.is_multiple_of(2)));
            slots.into_iter().for_each(|slot| self.values.set(slot, on));
        }
    }

    /// One call under the guard.
    fn call(&mut self, frames: usize, events: &[Event], transport: Option<Transport>) {
        for channel in 0..8 {
            let plane = self.outputs[0].channel_mut(channel);
            plane
                .iter_mut()
                .zip(1u32..)
                .for_each(|(sample, n)| *sample = (n * 37 % 101) as f32 / 202.0 - 0.25);
        }
        for channel in 0..2 {
            self.side.channel_mut(channel).fill(0.3);
        }
        let planted = std::env::var_os(PLANTED).is_some();
        let side = self.side.block(frames);
        let mut blocks: Vec<_> = self.outputs.iter_mut().map(|output| output.block_mut(frames)).collect();
        let call = Call { frames, transport, events };
        assert_no_alloc(|| {
            self.engine.render(&call, Some(&side), &mut blocks);
            if planted {
                std::hint::black_box(vec![0u8; frames + 1]);
            }
        });
    }

    /// Plays all steps; returns the most voices that sounded and the most lanes that ran at once.
    fn play(&mut self) -> [usize; 2] {
        let (mut voices, mut lanes) = (0, 0);
        for step in 0..STEPS {
            self.automate(step);
            self.trigger(step);
            let beats = Some((step * STEP) as f64 / 24_000.0);
            let transport = Transport { playing: true, beats, ..Transport::default() };
            let mut first = (keys(step), Some(transport));
            for &frames in CUTS[step % CUTS.len()] {
                let (keys, transport) = std::mem::take(&mut first);
                self.call(frames, &keys, transport);
            }
            voices = voices.max(self.control.voices());
            lanes = lanes.max(self.control.lanes().iter().filter(|lane| lane.position.is_some()).count());
            if step % 100 == 0 {
                self.worker.poll();
            }
            if step % 500 == 250 {
                let plan = self.control.plan(&self.routes[(step / 500 + 1) % 2]).unwrap(); // there are two
                self.control.send(plan).unwrap();
            }
        }
        [voices, lanes]
    }

    /// Ends the recordings and waits for their files.
    fn stop(&mut self) {
        self.recorder.stop().unwrap();
        self.call(0, &[], None);
        let written = |state| matches!(state, RecordingState::Stopped | RecordingState::Failed);
        while !self.recorder.status().recordings.iter().all(|(_, recording)| written(recording.state)) {
            thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.takes);
    }
}

/// Two each of lanes, inputs and keyboard slots, and some of the voices.
fn put_into_space(routing: &mut Routing) {
    let space = || Some(BusSpace::default());
    let notes = |azimuth: f32| Some(NoteSpace { position: [azimuth, 10.0, 1.5], ..NoteSpace::default() });
    routing.lanes[1..3].iter_mut().for_each(|lane| lane.space = space());
    routing.inputs[2..4].iter_mut().for_each(|input| input.space = space());
    routing.keyboard[4..6].iter_mut().for_each(|slot| slot.space = notes(90.0));
    routing.voices = vec![notes(-60.0), None, notes(180.0)];
}

/// A key down on one MIDI channel in every eighth step, turned aside, and up again 64 steps later.
fn keys(step: usize) -> Vec<Event> {
    let note =
        |press: usize| NoteAddress { channel: (press % 16) as u8, key: 36 + (press % 48) as u8, id: None };
    let press = step / 8;
    let down = EventKind::NoteOn(note(press), 0.7);
    let up = press.checked_sub(8).map(|press| EventKind::NoteOff(note(press)));
    let aside = EventKind::Expression(note(press), Expression::Pan((press % 5) as f32 / 2.0 - 1.0));
    let kinds = up.into_iter().chain([down, aside]).filter(|_| step.is_multiple_of(8));
    kinds.map(|kind| Event { frame: 0, kind }).collect()
}

#[test]
fn the_whole_desk_renders_and_records_without_allocating_while_parameters_move_on_every_16th_frame() {
    let mut desk = Desk::new("desk-guarded");
    assert!(desk.engine.latency() > 0 && desk.moving.len() > 600, "{}", desk.moving.len());
    let [voices, lanes] = desk.play();
    assert!(voices >= scene::VOICES && lanes == scene::LANES, "only {voices} voices and {lanes} lanes");
    desk.stop();
    let status = desk.recorder.status();
    assert_eq!((status.recordings.len(), status.dropped().blocks, status.error()), (27, 0, None));
    for (_, recording) in status.recordings {
        let planes = read_wav(&recording.path).unwrap();
        assert_eq!(planes[0].len(), STEPS * STEP, "{}", recording.path.display());
        let peak = Levels::of(&planes).peak_db;
        assert!(peak > -60.0, "{}: {peak} dBFS", recording.path.display());
    }
}

#[test]
fn the_guard_catches_an_allocation_on_the_whole_desk() {
    if std::env::var_os(PLANTED).is_some() {
        Desk::new("desk-planted").play();
        return;
    }
    assert_caught("desk::the_guard_catches_an_allocation_on_the_whole_desk");
}
