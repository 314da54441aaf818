//! Instruments in slots of the keyboard: MIDI, buses, macros, what the host hears of notes, and the same bits for any cut.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use busker::audio::AudioBuffer;
use busker::dsp::Level;
use busker::engine::Call;
use busker::engine::Engine;
use busker::engine::EngineConfig;
use busker::engine::Event;
use busker::engine::EventKind;
use busker::engine::Expression;
use busker::engine::NoteAddress;
use busker::engine::ParameterValues;
use busker::engine::Target;
use busker::engine::Worker;
use busker::engine::table;
use busker::mixer::Layout;
use busker::rack::Rack;
use busker::units::SampleRate;
use std::sync::Arc;

const HEAD: &str = "version = { major = 1, minor = 0 }\ninserts = []\n";
/// Slot 2 has the poly synth on bus 3, slot 3 the lead on bus 4; both buses have outputs of their own.
const RACK: &str = "
[routing.buses]
3 = { to = [\"output 2\"] }
4 = { to = [\"output 3\"] }
[[instruments]]
slot = 2
machine = \"poly\"
to = \"bus 3\"
controls = { cutoff = 800, release = 20, spread = 0 }
[[instruments]]
slot = 3
machine = \"lead\"
to = \"bus 4\"
controls = { release = \"30 ms\" }
";

struct Stage {
    engine: Engine,
    worker: Worker,
    values: Arc<ParameterValues>,
    rack: Rack,
    layout: Layout,
}

impl Stage {
    fn new(text: &str, song: bool) -> Self {
        let mut rack = Rack::from_toml(&format!("{HEAD}{text}")).unwrap();
        rack.song = Rack::demo().song.filter(|_| song);
        let table = table();
        let values = Arc::new(ParameterValues::new(&table));
        rack.apply_parameters(&table, &values);
        let layout = Layout { main_input: 0, sidechain: 2, outputs: vec![2; 4] };
        let config = EngineConfig {
            rate: SampleRate(48_000.0),
            layout: layout.clone(),
            table: table.into(),
            values: Arc::clone(&values),
            level: Level::detect(),
            look_ahead: false,
        };
        let (_, engine, mut worker) = busker::engine::new(config);
        worker.apply(&rack.setup(&layout).unwrap()).unwrap();
        Self { engine, worker, values, rack, layout }
    }

    fn set(&self, target: Target, value: f32) {
        let index = table().iter().position(|spec| spec.target == target).unwrap();
        self.values.set(index, value);
    }

    /// Left of all outputs, and the notes that have ended with their frames.
    fn call(&mut self, frames: usize, events: &[Event]) -> (Vec<Vec<f32>>, Vec<(u32, NoteAddress)>) {
        let mut buffers: Vec<AudioBuffer> = (0..4).map(|_| AudioBuffer::new(2, frames)).collect();
        let mut blocks: Vec<_> = buffers.iter_mut().map(|buffer| buffer.block_mut(frames)).collect();
        self.engine.render(&Call { frames, transport: None, events }, None, &mut blocks);
        let ended = self.engine.outgoing().iter().filter_map(|event| match event.kind {
            EventKind::NoteEnd(note) => Some((event.frame, note)),
            _ => None,
        });
        (buffers.iter().map(|buffer| buffer.channel(0)[..frames].to_vec()).collect(), ended.collect())
    }
}

fn address(channel: u8, key: u8) -> NoteAddress {
    NoteAddress { channel, key, id: Some(i32::from(key)) }
}

fn on(frame: u32, channel: u8, key: u8) -> Event {
    Event { frame, kind: EventKind::NoteOn(address(channel, key), 0.8) }
}

fn off(frame: u32, channel: u8, key: u8) -> Event {
    Event { frame, kind: EventKind::NoteOff(address(channel, key)) }
}

fn sounds(plane: &[f32]) -> bool {
    plane.iter().any(|sample| sample.abs() > 1e-3)
}

fn first(plane: &[f32]) -> Option<usize> {
    plane.iter().position(|sample| *sample != 0.0)
}

#[test]
fn a_midi_channel_plays_the_instrument_of_its_slot_on_its_bus_with_a_song_or_without() {
    for song in [false, true] {
        let mut stage = Stage::new(RACK, song);
        stage.call(64, &[]);
        let (planes, ended) = stage.call(9_600, &[on(100, 1, 60), on(300, 2, 48), off(4_800, 1, 60)]);
        assert!(sounds(&planes[1]) && sounds(&planes[2]), "song: {song}");
        assert_eq!((first(&planes[1]), first(&planes[2])), (Some(100), Some(300)), "song: {song}");
        assert!(!sounds(&planes[0]) && !sounds(&planes[3]), "song: {song}");
        assert_eq!(ended.len(), 1, "song: {song}");
        assert!(ended[0].1 == address(1, 60) && ended[0].0 > 4_800, "{ended:?}");
        // Slot 1 is the song's, where there is one.
        let (planes, ended) = stage.call(4_800, &[on(0, 0, 60)]);
        assert_eq!(sounds(&planes[0]), song);
        assert_eq!(ended.iter().any(|(_, note)| *note == address(0, 60)), !song);
    }
}

#[test]
fn other_modes_play_no_instrument_and_a_change_lets_go() {
    let mut stage = Stage::new(RACK, false);
    stage.call(64, &[]);
    stage.call(4_800, &[on(0, 1, 60)]);
    stage.set(Target::KeyboardMode, 2.0);
    let (_, ended) = stage.call(9_600, &[]);
    assert!(ended.iter().any(|(_, note)| *note == address(1, 60)), "{ended:?}");
    let (planes, _) = stage.call(4_800, &[on(0, 1, 62)]);
    assert!(!sounds(&planes[1]));
}

#[test]
fn panic_all_sound_off_and_choke_end_notes_within_5_ms_and_reset_at_once() {
    for way in 0..4 {
        let mut stage = Stage::new(RACK, false);
        stage.call(4_800, &[on(0, 1, 60), on(0, 2, 40)]);
        let mut events = Vec::new();
        match way {
            0 => stage.set(Target::Panic, 1.0),
            1 => events.push(Event { frame: 0, kind: EventKind::AllSoundOff(None) }),
            2 => events.extend(
                [(1, 60), (2, 40)].map(|(c, k)| Event { frame: 0, kind: EventKind::Choke(address(c, k)) }),
            ),
            _ => stage.engine.reset(),
        }
        let (planes, ended) = stage.call(4_800, &events);
        let last = if way == 3 { 0 } else { 245 };
        assert!(planes.iter().all(|plane| plane[last..].iter().all(|x| *x == 0.0)), "way {way}");
        assert_eq!(ended.len(), if way == 3 { 0 } else { 2 }, "way {way}");
    }
}

#[test]
fn a_macro_moves_its_control_on_the_first_line_of_the_grid_at_or_after_it() {
    let run = |moved: Option<usize>| {
        let mut stage = Stage::new(RACK, false);
        stage.call(4_800, &[on(0, 1, 48)]);
        let mut out = Vec::new();
        for piece in [70, 122, 1_000] {
            if moved == Some(out.len()) {
                stage.set(Target::InstrumentMacro { slot: 1, control: 0 }, 0.9);
            }
            out.extend(stage.call(piece, &[]).0.swap_remove(1));
        }
        out
    };
    let still = run(None);
    for (moved, line) in [(0, 0), (70, 128), (192, 192)] {
        let moved = run(Some(moved));
        let differs = moved.iter().zip(&still).position(|(a, b)| a != b).unwrap();
        assert!((line..line + 3).contains(&differs), "{differs}, not {line}");
    }
}

#[test]
fn controls_of_a_rack_are_heard_and_saved() {
    let stage = Stage::new(RACK, false);
    let value = |slot, control| {
        let target = Target::InstrumentMacro { slot, control };
        stage.values.get(table().iter().position(|spec| spec.target == target).unwrap())
    };
    let poly = stage.rack.instruments[0].kind().unwrap();
    assert!((poly.parameters()[0].value_at(value(1, 0)) - 800.0).abs() < 0.5);
    assert!((poly.parameters()[6].value_at(value(1, 6)) - 20.0).abs() < 0.5);
    assert_eq!((stage.rack.routing.keyboard[1].bus, stage.rack.routing.keyboard[2].bus), (Some(2), Some(3)));
    let again = Rack::from_toml(&stage.rack.to_toml().unwrap()).unwrap();
    assert!(
        again == stage.rack
            && Rack::unpack(&stage.rack.pack().unwrap()).unwrap().instruments == again.instruments
    );
    let twice = "[[instruments]]\nslot = 2\nmachine = \"poly\"\n".repeat(2);
    let error = Rack::from_toml(&format!("{HEAD}{twice}")).err().unwrap().to_string();
    assert_eq!(error, "the rack has two instruments in slot 2: leave one of them out");
}

#[test]
fn an_instrument_that_is_replaced_fades_and_comes_home() {
    let mut stage = Stage::new(RACK, false);
    stage.call(4_800, &[on(0, 1, 60)]);
    stage.rack.instruments[0].machine = "lead".to_owned();
    stage.worker.apply(&stage.rack.setup(&stage.layout).unwrap()).unwrap();
    let (planes, ended) = stage.call(4_800, &[]);
    assert!(planes[1][100] != 0.0 && planes[1][245..].iter().all(|x| *x == 0.0));
    assert!(ended.len() == 1 && ended[0].1 == address(1, 60), "{ended:?}");
    stage.call(64, &[]);
    assert!(stage.worker.poll());
    let (planes, _) = stage.call(4_800, &[on(0, 1, 60)]);
    assert!(sounds(&planes[1]));
}

#[test]
fn a_slot_that_changes_twice_at_once_ends_every_note_and_cuts_nothing_off() {
    let mut stage = Stage::new(RACK, false);
    let loud = stage.call(4_800, &[on(0, 1, 60)]).0.swap_remove(1);
    for machine in ["lead", "poly"] {
        stage.rack.instruments[0].machine = machine.to_owned();
        stage.worker.apply(&stage.rack.setup(&stage.layout).unwrap()).unwrap();
        assert!(stage.worker.poll());
        let (planes, ended) = stage.call(100, &[]);
        assert!(planes[1][99] != 0.0 && ended.is_empty(), "{machine}: it fades as before");
    }
    let (planes, ended) = stage.call(4_800, &[]);
    assert!(ended.len() == 1 && ended[0].1 == address(1, 60), "{ended:?}");
    let step = |plane: &[f32]| plane.windows(2).map(|x| (x[1] - x[0]).abs()).fold(0.0, f32::max);
    assert!(planes[1][245..].iter().all(|x| *x == 0.0) && step(&planes[1]) <= step(&loud));
    let (planes, _) = stage.call(4_800, &[on(0, 1, 60)]);
    assert!(sounds(&planes[1]));
    assert_eq!(stage.rack.instruments[0].machine, "poly");
}

#[test]
fn a_control_that_is_no_macro_moves_while_a_note_sounds_on() {
    let run = |controls: &str| {
        let mut stage = Stage::new(RACK, false);
        stage.call(4_800, &[on(0, 1, 60)]);
        let text = RACK.replace("cutoff = 800", &format!("cutoff = 800{controls}"));
        stage.rack.instruments = Rack::from_toml(&format!("{HEAD}{text}")).unwrap().instruments;
        stage.worker.apply(&stage.rack.setup(&stage.layout).unwrap()).unwrap();
        stage.call(4_800, &[])
    };
    let ((still, _), (moved, ended)) = (run(""), run(", detune = 50"));
    assert!(moved[1] != still[1] && sounds(&moved[1][4_000..]) && ended.is_empty());
    let step = |plane: &[f32]| plane.windows(2).map(|x| (x[1] - x[0]).abs()).fold(0.0, f32::max);
    assert!(step(&moved[1]) < 1.5 * step(&still[1]), "{} and {}", step(&moved[1]), step(&still[1]));
}

#[test]
fn what_a_channel_sends_is_the_same_once_a_song_has_come() {
    // The returns alone go to the master, and the song stands still.
    let mut stage = Stage::new(RACK, false);
    let send = Event { frame: 0, kind: EventKind::Controller { channel: 1, number: 91, value: 1.0 } };
    let (planes, _) = stage.call(9_600, &[send, on(0, 1, 60)]);
    assert!(sounds(&planes[0]), "without a song");
    stage.rack.song = Rack::demo().song;
    stage.worker.apply(&stage.rack.setup(&stage.layout).unwrap()).unwrap();
    let (planes, _) = stage.call(9_600, &[on(0, 1, 64)]);
    assert!(sounds(&planes[0]), "with one");
    let silent = Event { frame: 0, kind: EventKind::Controller { channel: 1, number: 91, value: 0.0 } };
    let (planes, _) = stage.call(9_600, &[silent, on(0, 1, 67)]);
    assert!(!sounds(&planes[0][300..]) && sounds(&planes[1]));
}

#[test]
fn with_mpe_every_channel_bends_its_own_note_of_the_first_slots_instrument() {
    let text = RACK
        .replace("slot = 2", "slot = 1")
        .replace("release = 20", "release = 20, balance = 0, filter_pressure = 4");
    let bend = |frame, channel, value| Event { frame, kind: EventKind::PitchBend { channel, value } };
    let heard = |mpe: bool, events: &[Event]| {
        let mut stage = Stage::new(&text, false);
        stage.set(Target::Mpe, f32::from(u8::from(mpe)));
        stage.call(64, &[]);
        stage.call(48_000, events).0.swap_remove(1)
    };
    // A quarter of 48 semitones up is an octave.
    let (plain, bent) = (heard(true, &[on(0, 3, 45)]), heard(true, &[bend(0, 3, 0.25), on(0, 3, 45)]));
    let ratio = turns(&bent) as f64 / turns(&plain) as f64;
    assert!((ratio - 2.0).abs() < 0.05, "{} and {}", turns(&bent), turns(&plain));
    assert_eq!(heard(true, &[bend(0, 4, 0.25), on(0, 3, 45)]), plain, "another member's");
    let first = turns(&heard(true, &[bend(0, 0, 1.0), on(0, 3, 45)])) as f64 / turns(&plain) as f64;
    assert!((first - 1.122).abs() < 0.03, "the first channel bends all by two semitones: {first}");
    assert!(!sounds(&heard(false, &[on(0, 3, 45)])), "slot 4 is empty");
    let pressed = [on(0, 3, 45), Event { frame: 64, kind: EventKind::Pressure { channel: 3, value: 1.0 } }];
    assert_ne!(heard(true, &pressed), plain);
    let both = [on(0, 3, 45), on(0, 5, 52), off(24_000, 3, 45), off(24_000, 5, 52)];
    let mut stage = Stage::new(&text, false);
    stage.set(Target::Mpe, 1.0);
    stage.call(64, &[]);
    let (_, ended) = stage.call(48_000, &both);
    let ended: Vec<_> = ended.into_iter().map(|(_, note)| note.channel).collect();
    assert!(ended.contains(&3) && ended.contains(&5), "{ended:?}");
}

#[test]
fn a_note_that_is_named_by_its_id_alone_is_found_in_every_slot() {
    let by_id = |key: i32| NoteAddress { channel: 0, key: 0, id: Some(key) };
    for end in [EventKind::NoteOff(by_id(60)), EventKind::Choke(by_id(60))] {
        let mut stage = Stage::new(RACK, false);
        stage.call(64, &[]);
        let (_, ended) = stage.call(9_600, &[on(0, 1, 60), on(0, 2, 48), Event { frame: 2_400, kind: end }]);
        let ended: Vec<_> = ended.into_iter().map(|(_, note)| note).collect();
        assert_eq!(ended, [address(1, 60)], "{end:?}");
    }
    let heard = |id| {
        let mut stage = Stage::new(RACK, false);
        stage.call(64, &[]);
        let kind = EventKind::Expression(by_id(id), Expression::Volume(0.0));
        stage.call(9_600, &[on(0, 1, 60), Event { frame: 0, kind }]).0.swap_remove(1)
    };
    assert!(!sounds(&heard(60)) && sounds(&heard(61)));
}

fn control(frame: u32, channel: u8, number: u8, value: f32) -> Event {
    Event { frame, kind: EventKind::Controller { channel, number, value } }
}

fn bend(frame: u32, channel: u8, value: f32) -> Event {
    Event { frame, kind: EventKind::PitchBend { channel, value } }
}

#[test]
fn with_mpe_what_ends_a_members_notes_ends_no_other_and_a_reset_lifts_its_pressure() {
    let text =
        RACK.replace("slot = 2", "slot = 1").replace("release = 20", "release = 20, filter_pressure = 4");
    let run = |events: &[Event]| {
        let mut stage = Stage::new(&text, false);
        stage.set(Target::Mpe, 1.0);
        stage.call(64, &[]);
        let (mut planes, ended) = stage.call(9_600, events);
        (planes.swap_remove(1), ended.into_iter().map(|(_, note)| note.channel).collect::<Vec<_>>())
    };
    let event = |kind| Event { frame: 2_400, kind };
    for (end, gone) in [
        (event(EventKind::AllNotesOff(Some(3))), vec![3]),
        (event(EventKind::AllSoundOff(Some(3))), vec![3]),
        (control(2_400, 3, 123, 0.0), vec![3]),
        (control(2_400, 3, 120, 0.0), vec![3]),
        (control(2_400, 4, 120, 0.0), vec![]),
    ] {
        assert_eq!(run(&[on(0, 3, 60), on(0, 5, 64), end]).1, gone, "{end:?}");
    }
    let pressed = Event { frame: 0, kind: EventKind::Pressure { channel: 3, value: 1.0 } };
    let plain = run(&[on(0, 3, 60)]).0;
    assert_ne!(run(&[pressed, on(0, 3, 60)]).0, plain);
    assert_eq!(run(&[pressed, control(0, 3, 121, 0.0), on(0, 3, 60)]).0, plain);
}

#[test]
fn switching_mpe_leaves_no_bend_range_and_no_filter_behind() {
    let text = RACK.replace("slot = 2", "slot = 1");
    let run = |from: f32, before: &[Event]| {
        let mut stage = Stage::new(&text, false);
        stage.set(Target::Mpe, from);
        stage.call(64, &[]);
        stage.call(64, before);
        stage.set(Target::Mpe, 1.0 - from);
        stage.call(64, &[]);
        stage.call(9_600, &[bend(0, 0, 0.5), on(0, 0, 60)]).0.swap_remove(1)
    };
    let range = [control(0, 0, 101, 0.0), control(0, 0, 100, 0.0), control(0, 0, 6, 12.0 / 127.0)];
    for from in [0.0, 1.0] {
        let plain = run(from, &[]);
        assert!(sounds(&plain));
        assert_eq!(run(from, &range), plain, "range from {from}");
        assert_eq!(run(from, &[control(0, 0, 74, 0.0)]), plain, "filter from {from}");
    }
}

#[test]
fn with_mpe_a_member_leaves_the_instrument_of_its_own_slot_alone() {
    let text = RACK.replace("slot = 2", "slot = 1");
    let text = text.replace("controls = { release = \"30 ms\" }", "channels = [5, 6]");
    let text = format!("{text}[parameters]\naudit = \"on\"\n");
    let lead = |mpe: f32, events: &[Event]| {
        let mut stage = Stage::new(&text, true);
        stage.set(Target::Mpe, mpe);
        stage.call(64, &[]);
        stage.call(64, events);
        stage.call(432_000, &[]).0.swap_remove(2)
    };
    let moved = [bend(0, 2, 1.0), control(0, 2, 7, 0.3)];
    let plain = lead(1.0, &[]);
    assert!(sounds(&plain));
    assert!(lead(1.0, &moved) == plain && lead(0.0, &moved) != plain);
}

#[test]
fn channels_that_hand_over_play_on_where_another_slot_changes() {
    let text = RACK.replace("controls = { release = \"30 ms\" }", "channels = [5, 6]");
    let text = format!("{text}[parameters]\naudit = \"on\"\n");
    let lead = |changes: [(&str, &str); 2]| {
        let mut stage = Stage::new(&text, true);
        let mut lead = Vec::new();
        // Changes fall into notes and between them.
        for n in 0..60 {
            let (from, to) = changes[n % 2];
            stage.rack.instruments =
                Rack::from_toml(&format!("{HEAD}{}", text.replace(from, to))).unwrap().instruments;
            stage.worker.apply(&stage.rack.setup(&stage.layout).unwrap()).unwrap();
            lead.extend(stage.call(7_200, &[]).0.swap_remove(2));
            stage.worker.poll();
        }
        lead
    };
    let plain = lead([("", ""), ("", "")]);
    assert!(sounds(&plain));
    let poly = "machine = \"poly\"";
    let handed = "machine = \"poly\"\nchannels = [60]";
    assert!(lead([(poly, poly), (poly, handed)]) == plain, "another channel is handed over");
    assert!(lead([(poly, poly), (poly, "machine = \"lead\"")]) == plain, "a slot without channels");
}

/// Rising frames of a plane, as a measure of pitch.
fn turns(plane: &[f32]) -> usize {
    plane.windows(2).filter(|x| x[0] < 0.0 && x[1] >= 0.0).count()
}

#[test]
fn a_song_channel_hands_its_notes_over_in_any_blocks() {
    let text = format!("{RACK}channels = [5, 6]\n[parameters]\naudit = \"on\"\n");
    let text = text.replace("controls = { release = \"30 ms\" }\nchannels", "channels");
    let run = |size: usize| {
        let mut stage = Stage::new(&text, true);
        let (mut lead, mut ended) = (Vec::new(), 0);
        while lead.len() < 432_000 {
            let (planes, ends) = stage.call(size.min(432_000 - lead.len()), &[]);
            lead.extend(planes[2].iter().map(|x| x.to_bits()));
            ended += ends.len();
        }
        (lead, ended)
    };
    let (whole, ended) = run(8_192);
    assert!(whole.iter().any(|x| f32::from_bits(*x).abs() > 0.01), "the lead is silent");
    assert_eq!(ended, 0, "the host has begun no note");
    for size in [37, 1_000] {
        assert!(run(size).0 == whole, "calls of {size}");
    }
    // A rack whose channels play nothing leaves the song alone, and the instrument silent.
    let mut alone = Stage::new(&text.replace("channels = [5, 6]", "channels = [60]"), true);
    let (planes, _) = alone.call(432_000, &[]);
    assert!(!sounds(&planes[2]) && sounds(&planes[0]) && turns(&planes[0]) > 100);
    let error = Rack::from_toml(&format!(
        "{HEAD}{}",
        text.replace("slot = 2", "slot = 4\nmachine = \"poly\"\nchannels = [6]\n[[instruments]]\nslot = 2")
    ));
    let error = error.err().unwrap().to_string();
    assert_eq!(error, "song channel 6 hands its notes over to two instruments: leave one of them out");
}

#[test]
fn the_strip_of_a_song_channel_and_the_songs_gain_act_on_what_it_hands_over() {
    let text = RACK.replace("controls = { release = \"30 ms\" }", "channels = [5, 6]");
    let text = format!("{text}[parameters]\naudit = \"on\"\n");
    let loudest = |settings: &[(Target, f32)]| {
        let mut stage = Stage::new(&text, true);
        settings.iter().for_each(|(target, value)| stage.set(*target, *value));
        let (planes, _) = stage.call(432_000, &[]);
        planes[2].iter().fold(0.0f32, |loudest, x| loudest.max(x.abs()))
    };
    let both = |target: fn(usize) -> Target, value| loudest(&[(target(4), value), (target(5), value)]);
    let whole = loudest(&[]);
    assert!(whole > 0.01);
    assert_eq!(both(Target::ChannelMute, 1.0), 0.0);
    assert_eq!(loudest(&[(Target::ChannelSolo(0), 1.0)]), 0.0, "another one's solo");
    assert_eq!(both(Target::ChannelSolo, 1.0), whole);
    for quiet in [both(Target::ChannelGain, -20.0), loudest(&[(Target::SongGain, -20.0)])] {
        assert!((quiet / whole - 0.1).abs() < 0.01, "{quiet} of {whole}");
    }
}

#[test]
fn bits_do_not_depend_on_how_calls_are_cut() {
    let mut events = Vec::new();
    for n in 0..120u32 {
        let (channel, key) = (1 + (n % 2) as u8, 40 + (n * 7 % 36) as u8);
        events.push(on(n * 311, channel, key));
        events.push(off(n * 311 + 977, channel, key));
        let bend = EventKind::PitchBend { channel, value: (n % 9) as f32 / 9.0 - 0.5 };
        events.push(Event { frame: n * 311 + 150, kind: bend });
        let wheel = EventKind::Controller { channel, number: 1, value: (n % 5) as f32 / 5.0 };
        events.push(Event { frame: n * 311 + 151, kind: wheel });
    }
    events.sort_by_key(|event| event.frame);
    let run = |size: usize| {
        let mut stage = Stage::new(RACK, true);
        let (mut planes, mut ends, mut frame) = (vec![Vec::new(); 4], Vec::new(), 0u32);
        while frame < 48_000 {
            let frames = size.min(48_000 - frame as usize);
            let inside = events.iter().filter(|e| (frame..frame + frames as u32).contains(&e.frame));
            let now: Vec<Event> = inside.map(|e| Event { frame: e.frame - frame, kind: e.kind }).collect();
            let (heard, ended) = stage.call(frames, &now);
            planes
                .iter_mut()
                .zip(heard)
                .for_each(|(plane, heard)| plane.extend(heard.iter().map(|x| x.to_bits())));
            ends.extend(ended.into_iter().map(|(at, note)| (at + frame, note)));
            frame += frames as u32;
        }
        (planes, ends)
    };
    let whole = run(8_192);
    assert!(whole.1.len() > 100);
    for size in [1, 37, 64, 1_000] {
        assert!(run(size) == whole, "calls of {size}");
    }
}
