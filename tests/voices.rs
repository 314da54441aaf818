//! Voices through the engine: keys, controllers and parameters on their frames, buses, and what the host hears of it.
#![allow(clippy::unwrap_used)] // a test may

use busker::audio::AudioBuffer;
use busker::dsp::Level;
use busker::engine::Call;
use busker::engine::Command;
use busker::engine::Control;
use busker::engine::Engine;
use busker::engine::EngineConfig;
use busker::engine::Event;
use busker::engine::EventKind;
use busker::engine::Expression;
use busker::engine::Modulation;
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
use busker::rack::Rack;
use busker::sample::Recording;
use busker::sample::SampleData;
use busker::units::SampleRate;
use busker::units::Semitones;
use busker::voice::Bank;
use busker::voice::Play;
use busker::voice::Slot;
use busker::voice::Take;
use std::sync::Arc;

const RATE: f64 = 48_000.0;
/// 4 ms.
const FADE: usize = 192;
const VOICES_MODE: f32 = 5.0;

/// A take of one value on both sides, so that its gain is plain to see.
fn level(value: f32, frames: usize) -> Take {
    let plane: Box<[f32]> = vec![value; frames].into();
    Take::new(Recording { data: SampleData::Float(Box::new([plane.clone(), plane])), rate: SampleRate(RATE) })
}

fn slot(value: f32, frames: usize) -> Slot {
    Slot { takes: vec![level(value, frames)], ..Slot::default() }
}

struct Stage {
    control: Control,
    engine: Engine,
    worker: Worker,
    values: Arc<ParameterValues>,
    setup: Setup,
}

impl Stage {
    /// Bus n goes to output n.
    fn new(slots: impl IntoIterator<Item = Slot>) -> Self {
        let table = table();
        let values = Arc::new(ParameterValues::new(&table));
        let config = EngineConfig {
            rate: SampleRate(RATE),
            layout: Layout { main_input: 0, sidechain: 2, outputs: vec![2; 4] },
            table: table.into(),
            values: Arc::clone(&values),
            level: Level::detect(),
            look_ahead: false,
        };
        let (control, engine, mut worker) = busker::engine::new(config);
        let mut routing = Routing::default();
        for bus in 1..4 {
            routing.buses[bus].to = vec![Route::Output(bus).into()];
        }
        let voices = Arc::new(Bank::new(1, slots.into_iter().enumerate()));
        let setup = Setup { routing, voices, ..Setup::default() };
        worker.apply(&setup).unwrap();
        let stage = Self { control, engine, worker, values, setup };
        stage.set(Target::KeyboardMode, VOICES_MODE);
        stage
    }

    fn set(&self, target: Target, value: f32) {
        let index = table().iter().position(|spec| spec.target == target).unwrap();
        self.values.set(index, value);
    }

    /// Left of all outputs for one call, and the notes that it says have ended.
    fn call(&mut self, frames: usize, events: &[Event]) -> (Vec<Vec<f32>>, Vec<(u32, u8)>) {
        self.call_at(frames, events, None)
    }

    fn call_at(
        &mut self,
        frames: usize,
        events: &[Event],
        transport: Option<Transport>,
    ) -> (Vec<Vec<f32>>, Vec<(u32, u8)>) {
        let mut buffers: Vec<AudioBuffer> = (0..4).map(|_| AudioBuffer::new(2, frames)).collect();
        let mut blocks: Vec<_> = buffers.iter_mut().map(|buffer| buffer.block_mut(frames)).collect();
        self.engine.render(&Call { frames, transport, events }, None, &mut blocks);
        let ended = self.engine.outgoing().iter().filter_map(|event| match event.kind {
            EventKind::NoteEnd(note) => Some((event.frame, note.key)),
            _ => None,
        });
        let ended = ended.collect();
        (buffers.iter().map(|buffer| buffer.channel(0)[..frames].to_vec()).collect(), ended)
    }
}

fn note(key: u8) -> NoteAddress {
    NoteAddress { channel: 0, key, id: None }
}

fn on(frame: u32, key: u8) -> Event {
    Event { frame, kind: EventKind::NoteOn(note(key), 1.0) }
}

fn off(frame: u32, key: u8) -> Event {
    Event { frame, kind: EventKind::NoteOff(note(key)) }
}

fn controller(frame: u32, number: u8, value: f32) -> Event {
    Event { frame, kind: EventKind::Controller { channel: 0, number, value } }
}

#[test]
fn keys_play_slots_on_their_frames_and_buses_and_the_host_hears_when_they_end() {
    let mut stage = Stage::new([slot(0.5, 100), Slot { bus: 1, ..slot(0.25, 300) }]);
    let (out, ended) = stage.call(1000, &[on(7, 36), on(300, 37), on(500, 60)]);
    let heard = |plane: &[f32], from: usize, to: usize, value: f32| {
        plane.iter().enumerate().all(|(frame, &x)| x == if (from..to).contains(&frame) { value } else { 0.0 })
    };
    assert!(heard(&out[0], 7, 107, 0.5) && heard(&out[1], 300, 600, 0.25));
    assert!(out[2..].iter().flatten().all(|&sample| sample == 0.0));
    assert_eq!(ended, [(107, 36), (500, 60), (600, 37)], "key 60 has no slot");
}

#[test]
fn velocity_scales_and_other_modes_leave_slots_alone() {
    let mut stage = Stage::new([slot(0.5, 100)]);
    let soft = Event { frame: 0, kind: EventKind::NoteOn(note(36), 64.0 / 127.0) };
    assert_eq!(stage.call(10, &[soft]).0[0][5], 0.5 * (64.0 / 127.0));
    stage.set(Target::KeyboardMode, 0.0);
    let (out, ended) = stage.call(200, &[on(150, 36)]);
    assert!(out[0][150..].iter().all(|&sample| sample == 0.0) && ended.contains(&(150, 36)));
}

#[test]
fn gates_follow_key_pedal_all_notes_off_and_all_sound_off() {
    let gate = || Stage::new([Slot { play: Play::Gate, ..slot(0.5, 40_000) }, slot(0.5, 40_000)]);
    let last = |events: &[Event], frames: usize| {
        let mut stage = gate();
        let out = stage.call(frames, events).0.swap_remove(0);
        out.iter().rposition(|&sample| sample != 0.0).unwrap()
    };
    assert_eq!(last(&[on(0, 36), off(1000, 36)], 5000), 1000 + FADE - 2);
    let pedal = [controller(10, 64, 1.0), off(1000, 36), controller(2000, 64, 0.0)];
    assert_eq!(last(&[&[on(0, 36)][..], &pedal].concat(), 5000), 2000 + FADE - 2);
    assert_eq!(last(&[on(0, 36), controller(1500, 123, 0.0)], 5000), 1500 + FADE - 2);
    assert_eq!(last(&[on(0, 37), controller(1500, 123, 0.0)], 5000), 4999, "one-shots play on");
    assert_eq!(last(&[on(0, 37), controller(1500, 120, 0.0)], 5000), 1500 + FADE - 2);
    let choke = Event { frame: 700, kind: EventKind::Choke(note(37)) };
    assert_eq!(last(&[on(0, 37), choke], 5000), 700 + FADE - 2);
}

/// The recording's frame at each output frame, read off a take whose samples count its frames.
fn places(events: &[Event], frames: usize) -> Vec<f64> {
    let counting: Box<[f32]> = (0..60_000).map(|n| n as f32 / 65_536.0).collect();
    let data = SampleData::Float(Box::new([counting.clone(), counting]));
    let take = Take::new(Recording { data, rate: SampleRate(RATE) });
    let mut stage = Stage::new([Slot { takes: vec![take], ..Slot::default() }]);
    let out = stage.call(frames, events).0.swap_remove(0);
    out.into_iter().map(|sample| f64::from(sample) * 65_536.0).collect()
}

#[test]
fn modulation_pressure_and_the_vibrato_of_notes_swing_the_pitch_by_half_a_semitone() {
    let pressure = Event { frame: 0, kind: EventKind::Pressure { channel: 0, value: 1.0 } };
    let vibrato = Event { frame: 0, kind: EventKind::Expression(note(36), Expression::Vibrato(1.0)) };
    for (event, widest) in
        [(controller(0, 1, 1.0), 0.5), (pressure, 0.5), (vibrato, 0.5), (controller(0, 1, 0.0), 0.0)]
    {
        let found = places(&[on(0, 36), event], 24_000);
        let semitones = |pair: &[f64]| 12.0 * ((pair[1] - pair[0]) / 256.0).log2();
        let every: Vec<f64> = found.iter().copied().step_by(256).collect();
        let (least, most) = every
            .windows(2)
            .map(semitones)
            .fold((0.0f64, 0.0f64), |(least, most), by| (least.min(by), most.max(by)));
        assert!(
            (most - widest).abs() < 0.02 && (least + widest).abs() < 0.02,
            "{event:?}: {least} to {most}"
        );
        // Some 4.7 times a second it comes back to where it would be without, and is ahead in between.
        assert!((-0.1..100.0).contains(&(found[23_999] - 23_999.0)), "{}", found[23_999]);
    }
    // Reset all controllers: from then on at its own pitch.
    let found = places(&[on(0, 36), controller(0, 1, 1.0), controller(9_000, 121, 0.0)], 20_000);
    assert!((found[19_999] - found[10_000] - 9_999.0).abs() < 0.1);
}

#[test]
fn volume_expression_and_panning_of_a_channel_reach_what_sounds_and_what_comes() {
    let held = |events: &[Event]| {
        let mut stage = Stage::new([Slot { play: Play::Loop, ..slot(0.5, 4_800) }]);
        stage.call(1_000, events).0.swap_remove(0)[999]
    };
    let half = 0.5 * (64.0 / 127.0);
    for order in [[0, 100], [100, 0]] {
        let with = |number, value| {
            held(&{
                let mut events = vec![on(order[0], 36), controller(order[1], number, value)];
                events.sort_by_key(|event| event.frame);
                events
            })
        };
        assert_eq!([with(7, 64.0 / 127.0), with(11, 64.0 / 127.0)], [half; 2]);
        assert_eq!([with(10, 0.0), with(10, 64.0 / 127.0), with(10, 1.0)], [0.5, 0.5, 0.0], "left of it");
    }
    let other = Event { frame: 5, kind: EventKind::Controller { channel: 1, number: 7, value: 0.0 } };
    assert_eq!(held(&[on(0, 36), other]), 0.5, "another channel's");
    let lower = Event { frame: 5, kind: EventKind::Modulation(note(36), Modulation::Gain(-2.0)) };
    assert_eq!(held(&[on(0, 36), lower]), 0.0, "all the way down for this note");
}

#[test]
fn the_filter_of_cutoff_and_brightness_closes_without_a_step_and_leaves_lows() {
    let wave = |hertz: f64| {
        let plane: Box<[f32]> = (0..48_000)
            .map(|n| (0.5 * (std::f64::consts::TAU * hertz * f64::from(n) / RATE).sin()) as f32)
            .collect();
        let data = SampleData::Float(Box::new([plane.clone(), plane]));
        Slot { takes: vec![Take::new(Recording { data, rate: SampleRate(RATE) })], ..Slot::default() }
    };
    let brightness = Event { frame: 0, kind: EventKind::Expression(note(36), Expression::Brightness(0.0)) };
    let peak = |hertz: f64, events: &[Event]| {
        let mut stage = Stage::new([wave(hertz)]);
        let out = stage.call(40_000, events).0.swap_remove(0);
        let level = out[30_000..].iter().fold(0.0, |peak: f32, sample| peak.max(sample.abs()));
        let steps = out.windows(4).map(|w| (w[3] - 3.0 * w[2] + 3.0 * w[1] - w[0]).abs());
        (level, steps.fold(0.0, f32::max))
    };
    let open = peak(4_000.0, &[on(0, 36)]).0;
    for close in [controller(0, 74, 0.0), brightness] {
        // Two octaves and more above 100 Hz: 12 dB an octave.
        let (closed, _) = peak(4_000.0, &[on(0, 36), close]);
        assert!(open > 0.49 && closed < 0.001, "{closed}");
        assert!(peak(20.0, &[on(0, 36), close]).0 > 0.49);
    }
    // From open to closed and back while a low tone sounds: no step above -60 dB.
    let sweep = [on(0, 36), controller(5_000, 74, 0.0), controller(15_000, 74, 1.0)];
    let (_, rough) = peak(30.0, &sweep);
    assert!(rough / 3.0 < 1e-3, "{rough}");
    let resonant = peak(100.0, &[on(0, 36), controller(0, 74, 0.0), controller(0, 71, 1.0)]).0;
    assert!(resonant > 1.5, "{resonant}");
}

#[test]
fn a_parameter_triggers_its_slot_on_the_calls_first_frame_and_lets_go_of_it() {
    let mut stage = Stage::new([slot(0.5, 100), Slot { play: Play::Loop, ..slot(0.25, 50) }]);
    stage.call(64, &[]);
    stage.set(Target::VoiceTrigger(1), 1.0);
    let out = stage.call(1000, &[]).0.swap_remove(0);
    assert!(out.iter().all(|&sample| sample == 0.25));
    assert_eq!(stage.control.voices(), 1);
    stage.set(Target::VoiceTrigger(1), 0.0);
    let out = stage.call(1000, &[]).0.swap_remove(0);
    assert!(out[0] > 0.24 && out[FADE..].iter().all(|&sample| sample == 0.0));
    assert_eq!(stage.control.voices(), 0);
    stage.set(Target::VoiceTrigger(0), 1.0);
    assert_eq!(stage.call(200, &[]).0[0].iter().filter(|&&sample| sample == 0.5).count(), 100);
    assert_eq!(stage.call(200, &[]).0[0].iter().filter(|&&sample| sample != 0.0).count(), 0);
}

#[test]
fn chances_start_anew_with_the_transport() {
    let takes: Vec<Take> = (1..=8).map(|n| level(n as f32, 10)).collect();
    let mut stage = Stage::new([Slot { takes, ..Slot::default() }]);
    let mut run = || {
        let events: Vec<Event> = (0..40).map(|n| on(n * 20, 36)).collect();
        let play = |playing| Some(Transport { playing, ..Transport::default() });
        stage.call_at(1, &[], play(false));
        let out = stage.call_at(1000, &events, play(true)).0.swap_remove(0);
        (0..40).map(|n| out[n * 20]).collect::<Vec<f32>>()
    };
    let first = run();
    assert_eq!(first, run());
    assert!((1..=8).all(|n| first.contains(&(n as f32))), "{first:?}");
}

#[test]
fn a_replaced_slot_fades_out_and_what_comes_after_waits_for_it() {
    let mut stage = Stage::new([slot(0.5, 40_000), slot(0.25, 40_000)]);
    stage.call(100, &[on(0, 36), on(0, 37)]);
    let kept = stage.setup.voices.clone();
    let mut slots = vec![slot(0.125, 40_000), slot(0.25, 40_000)];
    slots[1].takes[0] = level(0.25, 40_000);
    stage.setup.voices = Arc::new(Bank::new(1, slots.into_iter().enumerate()));
    stage.worker.apply(&stage.setup).unwrap();
    let out = stage.call(1000, &[]).0.swap_remove(0);
    assert!(out[0] > 0.74 && out[0] <= 0.75 && out[FADE..].iter().all(|&sample| sample == 0.25));
    assert!(stage.worker.poll());
    assert_eq!(Arc::strong_count(&kept), 1, "the bank before has not come home");
}

/// Triggers by keys and releases, a few hundred a second, with a bend in between.
fn busy() -> Vec<Event> {
    let mut events: Vec<Event> = (0..600u32).map(|n| on(n * n * 7 % 40_000, 36 + (n % 4) as u8)).collect();
    events.extend((0..300u32).map(|n| off(n * n * 13 % 40_000, 36 + (n % 4) as u8)));
    let bend = |n: u32| EventKind::PitchBend { channel: 0, value: (n % 20) as f32 / 10.0 - 1.0 };
    events.extend((0..50u32).map(|n| Event { frame: n * 811, kind: bend(n) }));
    let numbers = [1, 74, 7, 71, 10, 76, 11, 121];
    let moved = |n: u32| controller(n * 431, numbers[n as usize % 8], (n * 37 % 128) as f32 / 127.0);
    events.extend((0..90).map(moved));
    events.sort_by_key(|event| event.frame);
    events
}

fn instruments() -> Vec<Slot> {
    let wave = |hertz: f64| {
        let plane: Box<[f32]> = (0..9_000)
            .map(|n| (0.2 * (std::f64::consts::TAU * hertz * f64::from(n) / 44_100.0).sin()) as f32)
            .collect();
        Take::new(Recording { data: SampleData::Float(Box::new([plane])), rate: SampleRate(44_100.0) })
    };
    (0..4u8)
        .map(|n| Slot {
            takes: (0..3).map(|take| wave(200.0 * f64::from(n + 1) + 30.0 * f64::from(take))).collect(),
            pitch_range: Semitones(0.5),
            play: [Play::OneShot, Play::Gate, Play::Loop, Play::Gate][usize::from(n)],
            choke: (n >= 2).then_some(0),
            limit: 20,
            bus: usize::from(n),
            ..Slot::default()
        })
        .collect()
}

#[test]
fn calls_of_any_size_give_the_same_bits_and_the_same_ends() {
    let run = |with_song: bool, mut size: Box<dyn FnMut() -> usize>| {
        let mut stage = Stage::new(instruments());
        if with_song {
            let layout = Layout { main_input: 0, sidechain: 2, outputs: vec![2; 4] };
            let song = Rack::demo().setup(&layout).unwrap();
            stage.setup =
                Setup { routing: stage.setup.routing.clone(), voices: stage.setup.voices.clone(), ..song };
            stage.worker.apply(&stage.setup).unwrap();
        }
        let (events, mut done) = (busy(), 0);
        let (mut planes, mut ends) = (vec![Vec::new(); 4], Vec::new());
        while done < 44_000 {
            let frames = size().min(44_000 - done);
            let inside =
                events.iter().filter(|event| (done..done + frames).contains(&(event.frame as usize)));
            let now: Vec<Event> =
                inside.map(|event| Event { frame: event.frame - done as u32, ..*event }).collect();
            let (out, ended) = stage.call(frames, &now);
            planes.iter_mut().zip(out).for_each(|(plane, out)| plane.extend(out));
            ends.extend(ended.into_iter().map(|(frame, key)| (frame as usize + done, key)));
            done += frames;
        }
        (planes, ends)
    };
    let whole = run(false, Box::new(|| 44_000));
    assert!(whole.0.iter().all(|plane| plane.iter().any(|sample| sample.abs() > 0.1)));
    assert!(whole.1.len() > 500, "{}", whole.1.len());
    let mut state = 7u64;
    let random = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        1 + (state >> 33) as usize % 700
    };
    assert!(run(false, Box::new(random)) == whole);
    assert!(run(true, Box::new(|| 512)).1 == whole.1, "a song changes when voices end");
}

#[test]
fn a_slot_without_a_trigger_is_struck_by_a_command_and_let_go_of_by_another() {
    let slots = (0..101).map(|number| match number {
        100 => Slot { play: Play::Loop, ..slot(0.5, 100) },
        _ => Slot::default(),
    });
    let mut stage = Stage::new(slots);
    let strike = |stage: &Stage, on| assert!(stage.control.send(Command::Strike { slot: 100, on }).is_ok());
    strike(&stage, true);
    assert!(stage.call(1_000, &[]).0[0].iter().all(|&sample| sample == 0.5));
    assert_eq!(stage.control.voice(100).voices, 1);
    strike(&stage, false);
    assert!(stage.call(1_000, &[]).0[0][FADE..].iter().all(|&sample| sample == 0.0));
    assert_eq!((stage.control.voice(100).voices, stage.control.voice(100).triggers), (0, 1));
    assert!(stage.control.send(Command::Strike { slot: 1_000, on: true }).is_ok());
    stage.call(10, &[]);
    strike(&stage, true);
    let pan = || Command::strip_pan(0, 0.0);
    while stage.control.send(pan()).is_ok() {}
    strike(&stage, false);
    assert!(stage.control.send(Command::Strike { slot: 1_000, on: false }).is_ok());
    stage.call(1_000, &[]);
    assert_eq!((stage.control.voice(100).voices, stage.control.voice(100).triggers), (0, 2), "without room");
}

#[test]
fn what_a_slot_shows_tells_the_take_that_its_next_voice_plays() {
    let takes = || (1..5).map(|n| level(n as f32 / 8.0, 64)).collect::<Vec<_>>();
    let mut stage = Stage::new([Slot { takes: takes(), ..Slot::default() }]);
    let bank = Arc::clone(&stage.setup.voices);
    stage.call(64, &[]);
    let mut played = Vec::new();
    for _ in 0..20 {
        let next = bank.drawn(0, stage.control.voice(0).triggers);
        let (out, _) = stage.call(64, &[on(0, 36)]);
        assert_eq!(out[0][10], (next + 1) as f32 / 8.0);
        played.push(next);
    }
    assert!((0..4).all(|take| played.contains(&take)));
    assert_eq!(stage.control.voice(0).triggers, 20);
    // The transport's start begins anew.
    stage.call_at(64, &[], Some(Transport { playing: true, ..Transport::default() }));
    assert_eq!(stage.control.voice(0).triggers, 0);
}

#[test]
fn playheads_are_written_while_somebody_looks_and_leave_the_sound_bit_for_bit_alone() {
    let run = |look: bool| {
        let mut stage = Stage::new([
            Slot { play: Play::Loop, ..slot(0.5, 1_000) },
            Slot { bus: 1, ..slot(0.25, 90_000) },
        ]);
        let mut bits = Vec::new();
        for call in 0..100 {
            if look {
                stage.control.look(0);
            }
            let events = if call == 3 { vec![on(7, 36), on(100, 37)] } else { Vec::new() };
            let (out, _) = stage.call(480, &events);
            bits.extend(out.into_iter().flatten().map(f32::to_bits));
        }
        (bits, stage)
    };
    let ((unseen, alone), (seen, mut stage)) = (run(false), run(true));
    assert!(unseen == seen);
    assert_eq!((alone.control.playheads().count(), alone.control.voice(1).voices), (0, 1));
    // 97 calls less 7 frames, round a thousand; and of the other slot once that is looked at.
    assert_eq!(stage.control.playheads().collect::<Vec<_>>(), [(0, (97 * 480 - 7) % 1_000)]);
    stage.control.look(1);
    stage.call(480, &[]);
    assert_eq!(stage.control.playheads().collect::<Vec<_>>(), [(0, 98 * 480 - 100)]);
    // Half a second later nobody looks any more.
    (0..51).for_each(|_| drop(stage.call(480, &[])));
    assert_eq!(stage.control.playheads().count(), 0);
}
