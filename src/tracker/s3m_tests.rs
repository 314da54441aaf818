//! Ways of Scream Tracker 3 in songs built for them, and of trackers that write its format.
//!
//! What is expected is told in OpenMPT's wiki, "Development: Test Cases/S3M", and in Scream Tracker's `TECH.DOC`.

use super::effect_tests::effect;
use super::effect_tests::ticks;
use super::fixture;
use super::song::Cell;
use super::song::Format;
use super::song::MadeWith;
use super::song::Note;
use super::song::PitchModel;
use super::song::Song;
use super::state::Voice;

/// The period of middle C, in fourths.
const MIDDLE: i32 = 1712;

/// Four ticks a row, Scream Tracker with a Gravis Ultrasound, two samples.
fn song() -> Song {
    let mut song = fixture::song(Format::S3m, PitchModel::Periods);
    song.initial_speed = 4;
    song.made_with = MadeWith::ScreamTracker3(0x320);
    song.samples.push(fixture::sample(32));
    song
}

fn by(made_with: MadeWith, foreign_s3m: bool) -> Song {
    let mut song = song();
    song.made_with = made_with;
    song.quirks.foreign_s3m = foreign_s3m;
    song
}

fn impulse_tracker() -> Song {
    let mut song = by(MadeWith::ImpulseTracker(0x214), true);
    song.quirks.samples_swap_at_once = true;
    song
}

/// The number of an effect.
fn letter(name: char) -> u8 {
    name as u8 - b'@'
}

/// An effect without a note.
fn alone(name: char, parameter: u8) -> Cell {
    effect(letter(name), parameter)
}

/// Middle C of the first sample with an effect.
fn note(name: char, parameter: u8) -> Cell {
    fixture::note(60, letter(name), parameter)
}

fn plain() -> Cell {
    fixture::note(60, 0, 0)
}

/// A sample's number alone.
fn number(instrument: u8) -> Cell {
    Cell { instrument, ..Cell::default() }
}

fn cut() -> Cell {
    Cell { note: Note::Cut, ..Cell::default() }
}

fn volumes(song: Song, rows: &[Cell]) -> Vec<i32> {
    ticks(song, rows, |ch| ch.volume / 4)
}

/// Periods after middle C's.
fn slides(song: Song, rows: &[Cell]) -> Vec<i32> {
    ticks(song, rows, |ch| ch.period - MIDDLE)
}

/// The last tick's frequency in the first one's.
fn pitch(song: Song, rows: &[Cell]) -> f64 {
    let steps = ticks(song, rows, |ch| ch.sound.step_q32);
    let ends = steps.first().zip(steps.last());
    ends.map_or(0.0, |(first, last)| *last as f64 / *first as f64)
}

/// Places in the sample where each tick begins.
fn places(song: Song, rows: &[Cell]) -> Vec<i64> {
    ticks(song, rows, |ch| ch.sound.position_q32 >> 32)
}

fn sounding(ch: &Voice) -> bool {
    ch.sound.sounding()
}

/// The last row's ticks.
fn last<T: Clone>(all: Vec<T>) -> Vec<T> {
    all[all.len() - 4..].to_vec()
}

#[test]
fn nearly_all_effects_share_one_memory() {
    // ParamMemory.s3m: D00 repeats what F, H, even an empty effect had.
    assert_eq!(last(volumes(song(), &[note('F', 0x03), alone('D', 0)])), [64, 61, 58, 55]);
    assert_eq!(last(volumes(song(), &[plain(), effect(0, 0x05), alone('D', 0)])), [64, 59, 54, 49]);
    assert_eq!(last(slides(song(), &[note('D', 0x02), alone('E', 0)])), [0, 8, 16, 24]);
}

#[test]
fn trackers_with_ways_of_their_own_remember_by_effect() {
    for foreign in [impulse_tracker(), by(MadeWith::SchismTracker(0x123), true), by(MadeWith::ModPlug, true)]
    {
        assert_eq!(last(volumes(foreign, &[note('F', 0x03), alone('D', 0)])), [64; 4]);
    }
    let early = MadeWith::OpenMpt(0x0119_0000);
    assert_eq!(last(volumes(by(early, false), &[note('F', 0x03), alone('D', 0)])), [64; 4]);
}

#[test]
fn a_slide_after_an_arpeggio_goes_on_from_the_chords_note() {
    // PortaAfterArp.s3m: the row's last tick played the first note again, four ticks being 0, x, y, 0; five end on x.
    let chord = |speed| {
        let mut song = song();
        song.initial_speed = speed;
        ticks(song, &[note('J', 0x0C), alone('F', 0x01)], |ch| ch.period)[usize::from(speed)]
    };
    assert_eq!(chord(4), MIDDLE);
    assert_eq!(chord(3), MIDDLE / 2, "an octave above");
}

#[test]
fn tone_portamento_keeps_a_gravis_ultrasounds_sample() {
    // PortaSmpChange.s3m
    let slide = Cell { note: Note::Key(64), instrument: 2, ..alone('G', 4) };
    let lengths = |song: Song| last(ticks(song, &[plain(), slide], |ch| ch.sound.length));
    assert_eq!(lengths(song()), [64; 4]);
    let mut soundblaster = song();
    soundblaster.quirks.samples_swap_at_once = true;
    assert_eq!(lengths(soundblaster), [32; 4]);
    assert_eq!(lengths(impulse_tracker()), [32; 4]);
    assert_eq!(lengths(by(MadeWith::OpenMpt(0x0120_0000), false)), [32; 4]);
}

#[test]
fn a_number_alone_changes_a_soundblasters_sample() {
    // SampleSwap.s3m
    let lengths = |song: Song| last(ticks(song, &[plain(), number(2)], |ch| ch.sound.length));
    assert_eq!(lengths(song()), [64; 4]);
    let mut soundblaster = song();
    soundblaster.quirks.samples_swap_at_once = true;
    assert_eq!(lengths(soundblaster), [32; 4]);
}

#[test]
fn offsets_past_a_loop_are_taken_round_it() {
    // OffsetLoopWraparound.s3m: 256 in a loop of 64 frames is its start; past a sample without loop there is silence.
    assert_eq!(places(song(), &[note('O', 1)])[0], 0);
    let mut looped = song();
    looped.samples[0] = fixture::sample(1000);
    looped.samples[0].sample_loop = Some(super::song::Loop { start: 100, end: 400, ping_pong: false });
    assert_eq!(places(looped.clone(), &[note('O', 1)])[0], 256);
    assert_eq!(places(looped.clone(), &[note('O', 2)])[0], 212);
    looped.samples[0].sample_loop = None;
    assert_eq!(places(looped.clone(), &[note('O', 3)])[0], 768);
    assert_eq!(ticks(looped, &[note('O', 4)], sounding), [false; 4]);
}

#[test]
fn notes_are_delayed_and_repeated_in_each_pass_of_a_delayed_row() {
    // PatternDelaysRetrig.s3m, OffsetWithDelay.s3m
    let mut song = song();
    song.patterns[0].cells[1] = alone('S', 0xE1);
    let starts = ticks(song, &[note('S', 0xD2)], |ch| ch.sound.position_q32 == 0 && sounding(ch));
    assert_eq!(starts, [false, false, true, false, false, false, true, false]);
}

#[test]
fn cut_notes_are_not_brought_back_by_volume_or_number() {
    // NoteCut.s3m, and SC0, which cuts nothing.
    let loud = Cell { volume: Some(64), ..Cell::default() };
    assert_eq!(last(ticks(song(), &[note('S', 0xC1), loud], |ch| ch.level)), [0; 4]);
    assert_eq!(last(ticks(song(), &[plain(), cut(), number(1)], |ch| ch.level)), [0; 4]);
    assert!(ticks(song(), &[note('S', 0xC0)], |ch| ch.level).iter().all(|&level| level > 0));
}

#[test]
fn muted_channels_run_no_effects() {
    // MutedChannel.s3m: but for notes, which start.
    let mut song = song();
    song.channels[0].muted = true;
    assert_eq!(volumes(song.clone(), &[note('D', 0x02)]), [64; 4]);
    song.made_with = MadeWith::ImpulseTracker(0x214);
    song.quirks.foreign_s3m = true;
    assert_eq!(volumes(song, &[note('D', 0x02)]), [64, 62, 60, 58]);
}

#[test]
fn vibrato_and_fine_vibrato_share_their_depth() {
    // VibratoMemory.s3m: U is H with a quarter of the depth.
    let swing = |rows: &[Cell]| {
        let steps = last(ticks(song(), rows, |ch| ch.sound.step_q32));
        steps.iter().max().zip(steps.iter().min()).map(|(most, least)| most - least)
    };
    let coarse = swing(&[note('H', 0x8F), alone('H', 0)]);
    let fine = swing(&[note('H', 0x8F), alone('U', 0)]);
    let ratio = coarse.zip(fine).map(|(coarse, fine)| coarse as f64 / fine as f64);
    assert!(ratio.is_some_and(|ratio| (3.0..5.0).contains(&ratio)), "{coarse:?} {fine:?}");
}

#[test]
fn what_sounds_stays_between_the_shortest_and_the_longest_period() {
    // PeriodLimit.s3m, PeriodLimitUpper.s3m
    let up = pitch(song(), &[note('F', 0x8C)]); // to 32
    assert!((up - f64::from(MIDDLE) / 64.0).abs() < 0.01, "{up}");
    let mut rows = vec![alone('E', 0); 15];
    rows[0] = note('E', 0xDF);
    let down = pitch(song(), &rows);
    assert!((down - f64::from(MIDDLE) / 32_767.0).abs() < 0.001, "{down}");
}

#[test]
fn amiga_limits_hold_notes_between_two_octaves() {
    // AmigaLimits.s3m: periods 113 to 856.
    let mut song = song();
    song.quirks.amiga_limits = true;
    let up = pitch(song.clone(), &[note('F', 0x8C)]);
    assert!((up - 428.0 / 113.0).abs() < 0.01, "{up}");
    let down = pitch(song, &[note('E', 0xDF), alone('E', 0), alone('E', 0)]);
    assert!((down - 428.0 / 856.0).abs() < 0.01, "{down}");
}

#[test]
fn combined_slides_rest_on_first_ticks_in_scream_tracker_only() {
    // With fast slides, D takes part in all ticks and so do K and L elsewhere.
    let rows = [note('H', 0x11), alone('K', 0x02)];
    let fast = |mut song: Song| {
        song.quirks.slides_on_first_tick = true;
        last(volumes(song, &rows))
    };
    assert_eq!(fast(song()), [64, 62, 60, 58]);
    assert_eq!(fast(by(MadeWith::OpenMpt(0x0130_0000), false)), [62, 60, 58, 56]);
}

#[test]
fn adlib_notes_beside_a_slide_wait_for_the_next_row() {
    // TonePortamentoWithAdlibNote.s3m: a note beside G waits for its row's end, and is reached at once.
    let voice = || {
        let mut song = song();
        song.samples[0] = fixture::adlib_sample([1, 1, 0x10, 0, 0xf0, 0xf0, 0x77, 0x77, 0, 0, 0, 0]);
        song
    };
    let rows = [plain(), Cell { note: Note::Key(62), ..alone('G', 8) }, alone('G', 0)];
    assert_eq!(slides(voice(), &rows)[4..], [0, 0, 0, 0, -188, -188, -188, -188]);
    let mut early = voice();
    early.quirks.adlib_slides_with_notes = true;
    assert_eq!(slides(early, &rows)[4..], [0, -32, -64, -96, -96, -128, -160, -188]);
}

#[test]
fn tremor_and_retrigger_count_on_over_impulse_trackers_notes() {
    // Two ticks sound, two rest, whatever notes begin: three ticks a row show it.
    let levels = |mut song: Song| {
        song.initial_speed = 3;
        ticks(song, &[note('I', 0x11), note('I', 0x11)], |ch| ch.level > 0)
    };
    assert_eq!(levels(impulse_tracker()), [true, true, false, false, true, true]);
    assert!(levels(song())[3]);
}
