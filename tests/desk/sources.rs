//! Lanes, inputs, keyboard slots and single notes in space: where they are encoded, what of the desk they pass and what not, and
//! that nothing of it depends on how calls are cut.

use crate::stage::Change;
use crate::stage::Cuts;
use crate::stage::Desk;
use crate::stage::Dice;
use crate::stage::Sound;
use crate::stage::demo;
use crate::stage::insert;
use crate::stage::instrument;
use crate::stage::peak;
use busker::engine::EventKind;
use busker::engine::Expression;
use busker::engine::Modulation;
use busker::engine::NoteAddress;
use busker::engine::Setup;
use busker::engine::Target;
use busker::lane::LaneSetup;
use busker::lane::Repeat;
use busker::mixer::BusSpace;
use busker::mixer::INPUT_PLACE;
use busker::mixer::LANE_PLACE;
use busker::mixer::Layout;
use busker::mixer::NoteSpace;
use busker::mixer::RoomAround;
use busker::mixer::Route;
use busker::mixer::Routing;
use busker::mixer::SpaceOutput;
use busker::sample::Recording;
use busker::sample::SampleData;
use busker::space::Settings;
use busker::units::SampleRate;
use busker::voice::Bank;
use busker::voice::Play;
use busker::voice::Slot;
use busker::voice::Take;
use std::path::PathBuf;
use std::sync::Arc;

const VOICES_MODE: f32 = 5.0;

/// Weights of a direction in the sixteen channels, in ACN order with SN3D normalisation: degrees to the right and up.
fn closed_form(azimuth: f64, elevation: f64) -> [f64; 16] {
    let (a, e) = (-azimuth.to_radians(), elevation.to_radians());
    let ((sin, cos), (up, flat)) = (a.sin_cos(), e.sin_cos());
    let (twice, thrice) = ((2.0 * a).sin_cos(), (3.0 * a).sin_cos());
    let two = 3f64.sqrt() / 2.0 * flat * flat;
    let (one, mixed) = (3f64.sqrt() / 2.0 * (2.0 * e).sin(), 15f64.sqrt() / 2.0 * up * flat * flat);
    let (low, three) =
        ((3.0 / 8f64).sqrt() * flat * (5.0 * up * up - 1.0), (5.0 / 8f64).sqrt() * flat.powi(3));
    [
        1.0,
        sin * flat,
        up,
        cos * flat,
        two * twice.0,
        one * sin,
        1.5 * up * up - 0.5,
        one * cos,
        two * twice.1,
        three * thrice.0,
        mixed * twice.0,
        low * sin,
        up * (2.5 * up * up - 1.5),
        low * cos,
        mixed * twice.1,
        three * thrice.1,
    ]
}

/// A host with the sixteen channels of a field on outputs 9 to 16, and two inputs.
fn hall() -> Layout {
    Layout { main_input: 2, sidechain: 2, outputs: vec![2; 16] }
}

fn space() -> Option<BusSpace> {
    Some(BusSpace::default())
}

fn note_space(position: [f32; 3]) -> Option<NoteSpace> {
    Some(NoteSpace { position, ..NoteSpace::default() })
}

/// The field on frame `at` for a source that is `level` loud.
fn field(sound: &Sound, at: usize, level: f32) -> Vec<f64> {
    sound[8..].iter().flatten().map(|plane| f64::from(plane[at] / level)).collect()
}

#[track_caller]
fn assert_near(found: &[f64], wanted: &[f64; 16], gain: f64) {
    for (channel, (found, wanted)) in found.iter().zip(wanted).enumerate() {
        assert!((found - gain * wanted).abs() < 1e-5, "channel {channel}: {found} for {}", gain * wanted);
    }
}

/// A recording of one channel, written for this test.
fn file(name: &str, frames: usize, sample: impl Fn(usize) -> f32) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("sources-{name}.wav"));
    let sample_format = hound::SampleFormat::Float;
    let spec = hound::WavSpec { channels: 1, sample_rate: 48_000, bits_per_sample: 32, sample_format };
    let mut writer = hound::WavWriter::create(&path, spec).unwrap();
    (0..frames).for_each(|frame| writer.write_sample(sample(frame)).unwrap());
    writer.finalize().unwrap();
    path
}

/// Lane 1 goes round a recording; other sources are as the routes say.
fn lanes(path: PathBuf) -> Vec<LaneSetup> {
    vec![LaneSetup { takes: vec![Some(path)], repeat: Some(Repeat::default()), ..LaneSetup::default() }]
}

/// Slots from 1 on, each one level on one channel, going round.
fn bank(levels: &[f32]) -> Arc<Bank> {
    let slot =
        |level: f32| Slot { takes: vec![tone_take(move |_| level)], play: Play::Loop, ..Slot::default() };
    Arc::new(Bank::new(1, levels.iter().map(|&level| slot(level)).enumerate()))
}

fn tone_take(sample: impl Fn(usize) -> f32) -> Take {
    // 0.02 · 31,416 is a hundred turns.
    let plane: Box<[f32]> = (0..31_416).map(sample).collect();
    Take::new(Recording { data: SampleData::Float(Box::new([plane])), rate: SampleRate(48_000.0) })
}

/// A desk whose lanes have been opened.
fn desk(layout: Layout, setup: &Setup) -> Desk {
    let mut desk = Desk::new(layout, setup);
    while desk.worker.is_opening() {
        desk.worker.poll();
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    desk
}

/// Plays as an offline host does: lanes are waited for before each call.
fn play(
    desk: &mut Desk,
    frames: usize,
    cuts: &Cuts,
    changes: &[Change],
    input: impl Fn(usize, usize) -> f32,
) -> Sound {
    desk.offline = true;
    desk.play(frames, cuts, changes, input)
}

fn key(key: u8, id: i32) -> NoteAddress {
    NoteAddress { channel: 0, key, id: Some(id) }
}

fn bits(sound: &Sound) -> Vec<u32> {
    sound.iter().flatten().flatten().map(|sample| sample.to_bits()).collect()
}

fn bend(plane: &[f32]) -> f32 {
    plane.windows(3).fold(0.0f32, |most, w| most.max((w[2] - 2.0 * w[1] + w[0]).abs()))
}

/// A step of -60 dBFS; the tone itself bends by 0.00008.
const STEP: f32 = 0.001;

fn tone(frame: usize) -> f32 {
    0.2 * (frame as f32 * 0.02).sin()
}

#[test]
fn a_lane_is_encoded_where_its_parameters_say_and_passes_its_strip_but_no_bus() {
    let mut routing = Routing { space_output: SpaceOutput::AmbiX(3), ..Routing::default() };
    routing.lanes[0].space = space();
    let setup = Setup { routing, lanes: lanes(file("level", 4800, |_| 0.5)), ..Setup::default() };
    let mut desk = desk(hall(), &setup);
    let changes = [
        (0, Target::Azimuth(LANE_PLACE), 40.0),
        (0, Target::Elevation(LANE_PLACE), 25.0),
        (0, Target::Distance(LANE_PLACE), 2.0),
        (0, Target::LaneGain(0), 6.0),
        (0, Target::StripMute(0), 1.0),
        (2400, Target::Azimuth(LANE_PLACE), -170.0),
        (24_000, Target::LaneMute(0), 1.0),
    ];
    let sound = play(&mut desk, 30_000, &Cuts::Each(480), &changes, |_, _| 0.0);
    let gain = 0.5 * 10f64.powf(6.0 / 20.0);
    assert_near(&field(&sound, 2000, 0.5), &closed_form(40.0, 25.0), gain);
    assert_near(&field(&sound, 23_000, 0.5), &closed_form(-170.0, 25.0), gain);
    // The short way round, over 180 and not over 0.
    let over = field(&sound, 2400 + 64 * 30, 0.5);
    assert!(over[3] < 0.0 && peak(&sound[0]) == 0.0 && sound[8][0][29_000] == 0.0, "{over:?}");
}

#[test]
fn inputs_are_encoded_one_by_one_and_leave_their_bus_and_matrix() {
    let mut routing = Routing { space_output: SpaceOutput::AmbiX(3), ..Routing::default() };
    routing.inputs[1].space = space();
    routing.inputs[2].space = space();
    routing.buses[0].to = vec![Route::Output(1).into()];
    routing.buses[1].to = vec![Route::Output(2).into()];
    let levels = |channel: usize, _: usize| [0.5, 0.25, 0.125, 0.0625][channel];
    let changes = [
        (0, Target::Azimuth(INPUT_PLACE + 1), 100.0),
        (0, Target::Elevation(INPUT_PLACE + 1), -45.0),
        (0, Target::Azimuth(INPUT_PLACE + 2), -30.0),
        (0, Target::InputTrim(1), -6.0),
        (0, Target::InputToBus { input: 1, bus: 1 }, 0.0),
        (0, Target::InputToOutput { input: 1, output: 0 }, 0.0),
        (4800, Target::InputSolo(2), 1.0),
    ];
    let sound =
        desk(hall(), &Setup { routing, ..Setup::default() }).play(9600, &Cuts::Each(480), &changes, levels);
    let (trim, [first, second]) =
        (10f64.powf(-6.0 / 20.0), [closed_form(100.0, -45.0), closed_form(-30.0, 0.0)]);
    let both = std::array::from_fn(|channel| trim * 0.25 * first[channel] + 0.125 * second[channel]);
    assert_near(&field(&sound, 4000, 1.0), &both, 1.0);
    assert_near(&field(&sound, 9500, 0.125), &second, 1.0);
    let left = |output: usize, side: usize| sound[output][side][4000];
    assert!(
        (left(1, 0), left(1, 1)) == (0.5, 0.0) && peak(&sound[2]) == 0.0,
        "its bus hears the other one alone"
    );
    assert!((f64::from(left(0, 0)) - trim * 0.25).abs() < 1e-6, "outputs are no buses");
}

#[test]
fn voices_stand_in_space_one_by_one_and_each_note_where_it_is_asked_to() {
    let mut routing = Routing { space_output: SpaceOutput::AmbiX(3), ..Routing::default() };
    routing.voices = vec![note_space([60.0, 10.0, 2.0]), None, note_space([0.0, 0.0, 1.0])];
    let setup = Setup { routing, voices: bank(&[0.5, 0.5, 0.25]), ..Setup::default() };
    let gain_of = |sound: &Sound, at: usize| field(sound, at, 0.5);
    // By its parameter: where the slot is, whatever keys do.
    let mut desk_one = desk(hall(), &setup);
    let changes = [(0, Target::VoiceTrigger(0), 1.0), (0, Target::KeyboardAzimuth, 50.0)];
    let sound = desk_one.play(4800, &Cuts::Each(480), &changes, |_, _| 0.0);
    assert_near(&gain_of(&sound, 1), &closed_form(60.0, 10.0), 0.5);
    assert_near(&gain_of(&sound, 4700), &closed_form(60.0, 10.0), 0.5);
    assert!(peak(&sound[0]) == 0.0);
    // Where the slot's own parameters put it on top, and only that slot.
    let mut desk_moved = desk(hall(), &setup);
    let changes = [
        (0, Target::VoiceTrigger(0), 1.0),
        (0, Target::VoiceAzimuth(0), 140.0),
        (0, Target::VoiceElevation(0), -25.0),
        (0, Target::VoiceDistance(0), 2.0),
        (0, Target::VoiceAzimuth(2), 10.0),
        (5000, Target::VoiceAzimuth(0), -20.0),
    ];
    let sound = desk_moved.play(30_000, &Cuts::Each(480), &changes, |_, _| 0.0);
    assert_near(&gain_of(&sound, 1), &closed_form(-160.0, -15.0), 0.25);
    assert_near(&gain_of(&sound, 29_000), &closed_form(40.0, -15.0), 0.25);
    // By keys: two notes of one slot, one of them elsewhere, from its first frame on.
    let mut desk_two = desk(hall(), &setup);
    let modulation = |id: i32, modulation| {
        EventKind::Modulation(NoteAddress { channel: 0, key: 0, id: Some(id) }, modulation)
    };
    desk_two.events = vec![
        (100, EventKind::NoteOn(key(38, 1), 1.0)),
        (100, modulation(1, Modulation::Azimuth(-90.0))),
        (100, modulation(1, Modulation::Elevation(30.0))),
        (2000, EventKind::NoteOn(key(38, 2), 1.0)),
        (2000, EventKind::Expression(key(38, 2), Expression::Pan(0.5))),
        (2000, modulation(2, Modulation::Distance(4.0))),
        (3000, EventKind::NoteOff(key(38, 1))),
    ];
    let changes = [
        (0, Target::KeyboardMode, VOICES_MODE),
        (0, Target::KeyboardAzimuth, 20.0),
        (0, Target::KeyboardElevation, -10.0),
        (0, Target::KeyboardDistance, 1.0),
        (9000, Target::KeyboardAzimuth, 30.0),
    ];
    let sound = desk_two.play(30_000, &Cuts::Each(480), &changes, |_, _| 0.0);
    let quarter = |at: usize| field(&sound, at, 0.25);
    let first = closed_form(-70.0, 20.0);
    assert_eq!(quarter(99), [0.0; 16]);
    assert_near(&quarter(100), &first, 1.0);
    assert_near(&quarter(1999), &first, 1.0);
    let second = closed_form(65.0, -10.0);
    let both = std::array::from_fn(|channel| first[channel] + second[channel] / 4.0);
    assert_near(&quarter(2900), &both, 1.0);
    assert_near(&quarter(8000), &second, 0.25);
    assert_near(&quarter(29_000), &closed_form(75.0, -10.0), 0.25);
}

#[test]
fn a_keyboard_slot_stands_in_space_as_one_source_where_its_table_and_the_keyboard_say() {
    let mut routing = Routing { space_output: SpaceOutput::AmbiX(3), ..Routing::default() };
    routing.keyboard[0].space = note_space([30.0, 0.0, 1.0]);
    let run = |routing: &Routing, azimuth: f32| {
        let mut desk = Desk::new(instrument(), &demo(routing.clone()));
        desk.events = vec![(500, EventKind::NoteOn(key(60, 1), 1.0))];
        let changes = [
            (0, Target::SongPlay, 0.0),
            (0, Target::SelectedInstrument, 1.0),
            (0, Target::KeyboardAzimuth, azimuth),
        ];
        desk.play(9600, &Cuts::Each(480), &changes, |_, _| 0.0)
    };
    let power = |sound: &Sound, channel: usize| {
        let plane = &sound[8 + channel / 2][channel % 2];
        plane.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>()
    };
    let sound = run(&routing, 60.0);
    // 90 degrees to the right: what is in front and behind weighs nothing in the middle of both sides.
    assert!(power(&sound, 0) > 1e-3 && peak(&sound[0]) == 0.0);
    let (right, front) = (power(&sound, 1) / power(&sound, 0), power(&sound, 3) / power(&sound, 0));
    assert!(right > 0.7 && front < 0.3, "{right} {front}");
    let front = run(&routing, -30.0);
    assert!(power(&front, 3) / power(&front, 0) > 0.7);
    // A key that is asked to elsewhere, as one point: its channels weigh as its direction says.
    let settings = Settings { width: 0.0, ..Settings::default() };
    routing.keyboard[0].space.iter_mut().for_each(|note| note.space.settings = settings);
    let mut desk = Desk::new(instrument(), &demo(routing.clone()));
    let note = key(60, 1);
    desk.events = vec![
        (500, EventKind::NoteOn(note, 1.0)),
        (500, EventKind::Modulation(note, Modulation::Azimuth(-100.0))),
        (500, EventKind::Modulation(note, Modulation::Elevation(40.0))),
        (500, EventKind::Expression(note, Expression::Pan(-0.5))),
    ];
    let sound = desk.play(9600, &Cuts::Each(480), &[(0, Target::SongPlay, 0.0)], |_, _| 0.0);
    let loudest = (500..9600).max_by(|a, b| sound[8][0][*a].abs().total_cmp(&sound[8][0][*b].abs())).unwrap();
    let (found, level) = (field(&sound, loudest, 1.0), f64::from(sound[8][0][loudest]));
    assert!(level.abs() > 0.01);
    assert_near(&found, &closed_form(30.0 - 100.0 - 45.0, 40.0), level);
    routing.keyboard[0].space = None;
    assert!(peak(&run(&routing, 0.0)[0]) > 0.01 && power(&run(&routing, 0.0), 0) == 0.0);
}

/// A lane, two inputs, voices and keyboard slots in space, beside a bus.
fn crowd(name: &str) -> Setup {
    let mut routing = Routing::default();
    routing.buses[0].space = space();
    let settings = Settings { occlusion: 0.3, spread: 20.0, ..Settings::default() };
    routing.lanes[0].space = Some(BusSpace { settings, ..BusSpace::default() });
    routing.inputs[1].space = Some(BusSpace { settings, ..BusSpace::default() });
    let mut note = note_space([-40.0, 20.0, 1.5]);
    note.iter_mut().for_each(|note| note.space.settings = settings);
    routing.voices = vec![note, None, note_space([0.0; 3].map(|part| part + 1.0))];
    routing.keyboard[0].space = note_space([90.0, 0.0, 1.0]);
    let song = demo(routing.clone()).song;
    let noise = |frame: usize| Dice(frame as u64 + 5).part() - 0.5;
    let slot = |release_s: f32| Slot {
        takes: vec![tone_take(noise)],
        play: Play::Loop,
        release_s,
        start: 100,
        ..Slot::default()
    };
    let voices = Arc::new(Bank::new(3, [slot(0.0), slot(0.01), slot(0.05)].into_iter().enumerate()));
    Setup { song, routing, voices, lanes: lanes(file(name, 9001, noise)), ..Setup::default() }
}

#[test]
fn everything_in_space_that_moves_gives_the_same_bits_however_calls_are_cut() {
    let setup = crowd("cuts");
    let mut dice = Dice(23);
    let mut changes: Vec<Change> = vec![(0, Target::KeyboardMode, VOICES_MODE), (0, Target::SongPlay, 0.0)];
    changes.extend((0..80).map(|n| {
        let place = [0, LANE_PLACE, INPUT_PLACE + 1][n % 3];
        let (target, value) = match n % 13 {
            0 | 1 => (Target::Azimuth(place), dice.part() * 360.0 - 180.0),
            2 => (Target::Elevation(place), dice.part() * 180.0 - 90.0),
            3 => (Target::Distance(place), 0.1 + dice.part() * 9.0),
            4 => (Target::KeyboardAzimuth, dice.part() * 360.0 - 180.0),
            5 => (Target::KeyboardElevation, dice.part() * 180.0 - 90.0),
            6 => (Target::KeyboardDistance, 0.1 + dice.part() * 3.0),
            7 => (Target::VoiceTrigger(n / 13 % 3), (n % 2) as f32),
            8 => (Target::LaneMute(0), (n / 13 % 2) as f32),
            10 => (Target::VoiceAzimuth(n / 13 % 3), dice.part() * 360.0 - 180.0),
            11 => (Target::VoiceDistance(n / 13 % 3), 0.1 + dice.part() * 3.0),
            9 => (Target::KeyboardGain, if n % 2 == 0 { f32::NEG_INFINITY } else { 0.0 }),
            _ => (Target::HeadYaw, dice.part() * 360.0 - 180.0),
        };
        (dice.roll(24_000), target, value)
    }));
    let mut events: Vec<(usize, EventKind)> = (0..120)
        .map(|n| {
            let note = key(36 + (n % 3) as u8, n / 6);
            let kind = match n % 6 {
                0 => EventKind::NoteOn(note, 0.7),
                1 => EventKind::Modulation(note, Modulation::Azimuth(dice.part() * 300.0)),
                2 => EventKind::Expression(note, Expression::Pan(dice.part() * 2.0 - 1.0)),
                3 => EventKind::Modulation(note, Modulation::Distance(dice.part() * 5.0)),
                4 => EventKind::Expression(note, Expression::Volume(if n % 4 == 0 { 0.0 } else { 1.0 })),
                _ => EventKind::NoteOff(note),
            };
            (dice.roll(24_000), kind)
        })
        .collect();
    changes.sort_by_key(|change| change.0);
    events.sort_by_key(|event| event.0);
    let burst = |channel: usize, frame: usize| {
        if channel < 2 && (frame / 5000).is_multiple_of(2) { tone(frame * 7) } else { 0.0 }
    };
    let run = |cuts: &Cuts| {
        let mut desk = desk(insert(2), &setup);
        desk.events.clone_from(&events);
        let mut heard = bits(&play(&mut desk, 12_000, cuts, &changes, burst));
        let mut flat = setup.routing.clone();
        (flat.voices, flat.lanes[0].space, flat.inputs[0].space) = (Vec::new(), None, space());
        desk.control.send(desk.control.plan(&flat).unwrap()).unwrap();
        let later: Vec<Change> = changes
            .iter()
            .filter(|(at, ..)| *at >= 12_000)
            .map(|&(at, target, value)| (at - 12_000, target, value))
            .collect();
        heard.extend(bits(&play(&mut desk, 6000, cuts, &later, burst)));
        desk.control.send(desk.control.plan(&setup.routing).unwrap()).unwrap();
        heard.extend(bits(&play(&mut desk, 6000, cuts, &[], burst)));
        heard
    };
    let whole = run(&Cuts::Each(8192));
    assert!(whole.iter().any(|bits| f32::from_bits(*bits).abs() > 0.05));
    for cuts in [Cuts::Each(64), Cuts::Each(255), Cuts::Random(3), Cuts::Each(1)] {
        let found = run(&cuts);
        let differs = found.iter().zip(&whole).position(|(found, whole)| found != whole);
        assert!(differs.is_none(), "{differs:?} of {}", whole.len());
    }
}

#[test]
fn keys_of_a_song_in_space_give_the_same_bits_however_calls_are_cut() {
    let mut routing = Routing { room: Some(RoomAround::default()), ..Routing::default() };
    routing.keyboard[0].space = note_space([30.0, 10.0, 1.5]);
    routing.keyboard[1].space = note_space([-100.0, 0.0, 4.0]);
    let setup = demo(routing.clone());
    let mut dice = Dice(29);
    let mut changes: Vec<Change> = vec![(0, Target::SongPlay, 0.0)];
    changes.extend((0..20).map(|n| {
        let (target, value) = match n % 3 {
            0 => (Target::KeyboardAzimuth, dice.part() * 360.0 - 180.0),
            1 => (Target::KeyboardDistance, 0.1 + dice.part() * 3.0),
            _ => (Target::KeyboardGain, dice.part() * -12.0),
        };
        (dice.roll(24_000), target, value)
    }));
    let mut events: Vec<(usize, EventKind)> = (0..150)
        .map(|n| {
            let note =
                NoteAddress { channel: (n / 5 % 2) as u8, key: 48 + (n / 5 % 7) as u8, id: Some(n / 5) };
            let kind = match n % 5 {
                0 => EventKind::NoteOn(note, 0.8),
                1 => EventKind::Modulation(note, Modulation::Azimuth(dice.part() * 300.0)),
                2 => EventKind::Expression(note, Expression::Pan(dice.part() * 2.0 - 1.0)),
                3 => EventKind::Modulation(note, Modulation::Distance(dice.part() * 5.0)),
                _ => EventKind::NoteOff(note),
            };
            // A note's own events lie within a tenth of a second, its end later.
            (
                n as usize / 5 * 700
                    + if n % 5 == 4 { 4000 + dice.roll(3000) } else { n as usize % 5 * dice.roll(1000) },
                kind,
            )
        })
        .collect();
    changes.sort_by_key(|change| change.0);
    events.sort_by_key(|event| event.0);
    let run = |cuts: &Cuts| {
        let mut desk = Desk::new(instrument(), &setup);
        desk.events.clone_from(&events);
        let mut heard = bits(&desk.play(12_000, cuts, &changes, |_, _| 0.0));
        let mut flat = routing.clone();
        flat.keyboard[1].space = None;
        for routing in [&flat, &routing] {
            desk.control.send(desk.control.plan(routing).unwrap()).unwrap();
            heard.extend(bits(&desk.play(7000, cuts, &[], |_, _| 0.0)));
            desk.worker.poll();
        }
        heard
    };
    let whole = run(&Cuts::Each(8192));
    assert!(whole.iter().any(|bits| f32::from_bits(*bits).abs() > 0.02));
    for cuts in [Cuts::Each(64), Cuts::Each(255), Cuts::Random(7), Cuts::Each(1)] {
        let found = run(&cuts);
        let differs = found.iter().zip(&whole).position(|(found, whole)| found != whole);
        assert!(differs.is_none(), "{differs:?} of {}", whole.len());
    }
}

/// What the desk plays of one source in three stretches: on its bus, in space, and on its bus again.
fn comes_and_goes(
    setup: &Setup,
    placed: &Routing,
    changes: &[Change],
    input: impl Fn(usize, usize) -> f32 + Copy,
) -> Sound {
    let mut desk = desk(insert(2), setup);
    let mut sound = play(&mut desk, 31_416, &Cuts::Each(500), changes, input);
    for routing in [placed, &setup.routing] {
        desk.control.send(desk.control.plan(routing).unwrap()).unwrap();
        let more = play(&mut desk, 31_416, &Cuts::Each(500), &[], input);
        sound
            .iter_mut()
            .flatten()
            .zip(more.iter().flatten())
            .for_each(|(all, one)| all.extend_from_slice(one));
        desk.worker.poll();
    }
    sound
}

#[test]
fn a_source_comes_into_space_and_leaves_it_without_a_step() {
    let plain = Routing::default();
    let without = |_: usize, _: usize| 0.0;
    let mut placed = plain.clone();
    placed.lanes[0].space = space();
    let setup = Setup { lanes: lanes(file("tone", 31_416, tone)), ..Setup::default() };
    let of_lane = comes_and_goes(&setup, &placed, &[], without);
    let mut placed = plain.clone();
    placed.inputs[0].space = space();
    let mono = |channel: usize, frame: usize| if channel == 0 { tone(frame) } else { 0.0 };
    let of_input = comes_and_goes(&Setup::default(), &placed, &[], mono);
    let placed = Routing { voices: vec![note_space([0.0, 0.0, 1.0])], ..plain };
    let slot = Slot { takes: vec![tone_take(tone)], play: Play::Loop, ..Slot::default() };
    let setup = Setup { voices: Arc::new(Bank::new(1, [(0, slot)])), ..Setup::default() };
    let of_voice = comes_and_goes(&setup, &placed, &[(0, Target::VoiceTrigger(0), 1.0)], without);
    for (name, sound) in [("lane", of_lane), ("input", of_input), ("voice", of_voice)] {
        for plane in &sound[0] {
            assert!(bend(&plane[100..]) < STEP, "{name} bends by {}", bend(&plane[100..]));
        }
        let level = |from: usize| peak(&[sound[0][0][from..from + 20_000].to_vec()]);
        assert!(level(40_000) > 0.1 && level(5000) > 0.1 && level(70_000) > 0.1, "{name} is always heard");
    }
}

#[test]
fn places_that_jump_to_the_other_side_leave_no_step() {
    let mut routing = Routing::default();
    (routing.lanes[0].space, routing.inputs[0].space) = (space(), space());
    routing.voices = vec![note_space([90.0, 0.0, 1.0])];
    let slot = Slot { takes: vec![tone_take(tone)], play: Play::Loop, ..Slot::default() };
    let voices = Arc::new(Bank::new(1, [(0, slot)]));
    let lanes = lanes(file("jump", 31_416, tone));
    let setup = Setup { routing, voices, lanes, ..Setup::default() };
    for (source, target) in [
        ("lane", Target::Azimuth(LANE_PLACE)),
        ("input", Target::Azimuth(INPUT_PLACE)),
        ("note", Target::KeyboardAzimuth),
        ("note", Target::VoiceAzimuth(0)),
        ("pan", Target::HeadYaw),
    ] {
        let mut desk = desk(insert(2), &setup);
        let note = key(36, 1);
        desk.events = vec![(0, EventKind::NoteOn(note, 1.0))];
        if source == "pan" {
            desk.events.push((20_000, EventKind::Expression(note, Expression::Pan(-1.0))));
            desk.events.push((25_000, EventKind::Modulation(note, Modulation::Azimuth(180.0))));
        }
        let changes = [
            (0, Target::KeyboardMode, VOICES_MODE),
            (0, Target::LaneMute(0), f32::from(u8::from(source != "lane"))),
            (
                0,
                Target::KeyboardGain,
                if ["note", "pan"].contains(&source) { 0.0 } else { f32::NEG_INFINITY },
            ),
            (0, target, 0.0),
            (10_000, target, if source == "pan" { 0.0 } else { 180.0 }),
        ];
        let input =
            |channel: usize, frame: usize| if channel == 0 && source == "input" { tone(frame) } else { 0.0 };
        let sound = play(&mut desk, 30_000, &Cuts::Each(500), &changes, input);
        for plane in &sound[0] {
            assert!(bend(&plane[3000..]) < STEP, "{source} bends by {}", bend(&plane[3000..]));
        }
        assert!(peak(&sound[0]) > 0.1, "{source}");
    }
}

#[test]
fn more_notes_than_anybody_hears_all_stand_in_space_and_a_new_one_keeps_nothing_of_an_old_one() {
    let mut routing = Routing { space_output: SpaceOutput::AmbiX(3), ..Routing::default() };
    routing.voices = vec![note_space([0.0, 0.0, 1.0])];
    let setup = Setup { routing, voices: bank(&[1.0 / 1024.0]), ..Setup::default() };
    let mut desk = desk(hall(), &setup);
    for n in 0..1100 {
        let (at, note) = (10 * n, key(36, n as i32));
        let azimuth = Modulation::Azimuth(if n % 2 == 0 { 90.0 } else { -90.0 });
        desk.events.extend([(at, EventKind::NoteOn(note, 1.0)), (at, EventKind::Modulation(note, azimuth))]);
    }
    desk.events.push((20_000, EventKind::AllSoundOff(None)));
    desk.events.push((22_000, EventKind::NoteOn(key(36, 5000), 1.0)));
    let changes = [(0, Target::KeyboardMode, VOICES_MODE)];
    let sound = desk.play(24_000, &Cuts::Each(480), &changes, |_, _| 0.0);
    let all = field(&sound, 19_000, 1.0);
    assert!((all[0] - 1.0).abs() < 1e-4 && all[1].abs() < 1e-3, "{all:?}");
    assert_near(&field(&sound, 22_000, 1.0 / 1024.0), &closed_form(0.0, 0.0), 1.0);
}
