//! What each effect and volume-column command of XM does, tick by tick, as FastTracker 2 does it.

use super::SongPlayer;
use super::effect_tests::effect;
use super::effect_tests::ticks;
use super::fixture;
use super::song::AutoVibrato;
use super::song::Cell;
use super::song::Envelope;
use super::song::EnvelopePoint;
use super::song::Format;
use super::song::Instrument;
use super::song::Note;
use super::song::Order;
use super::song::PitchModel;
use super::song::Song;
use super::song::Span;
use super::song::Wave;
use super::state::Voice;
use crate::units::SampleRate;
use std::sync::Arc;

/// Period of middle C in FT2's linear model: 64 units a semitone, falling.
const MIDDLE: i32 = 4608;

/// Four ticks a row, linear slides, one instrument without envelopes that plays the one sample.
fn song() -> Song {
    let mut song = fixture::song(Format::Xm, PitchModel::Linear);
    song.initial_speed = 4;
    song.instruments = vec![Instrument::plain(1)];
    song.samples[0].panning = Some(128);
    song
}

fn envelope(points: &[(u16, i8)]) -> Envelope {
    let points = points.iter().map(|&(tick, value)| EnvelopePoint { tick, value }).collect();
    Envelope { enabled: true, points, ..Envelope::default() }
}

/// Middle C of instrument 1 with an effect.
fn note(number: u8, parameter: u8) -> Cell {
    fixture::note(60, number, parameter)
}

/// Middle C of instrument 1 with a command of the volume column.
fn note_with(volume: u8) -> Cell {
    Cell { volume: Some(volume), ..note(0, 0) }
}

/// A command of the volume column alone.
fn column(volume: u8) -> Cell {
    Cell { volume: Some(volume), ..Cell::default() }
}

fn extended(parameter: u8) -> Cell {
    effect(0xE, parameter)
}

fn off() -> Cell {
    Cell { note: Note::Off, ..Cell::default() }
}

fn volumes(rows: &[Cell]) -> Vec<i32> {
    ticks(song(), rows, |ch| ch.volume / 4)
}

fn periods(rows: &[Cell]) -> Vec<i32> {
    ticks(song(), rows, |ch| ch.period - MIDDLE)
}

fn pannings(rows: &[Cell]) -> Vec<i32> {
    ticks(song(), rows, |ch| ch.panning)
}

fn levels(song: Song, rows: &[Cell]) -> Vec<i32> {
    ticks(song, rows, |ch| ch.level / 256)
}

/// Sounding pitch in 1/64 semitones above the first tick's.
fn pitches(song: Song, rows: &[Cell]) -> Vec<i32> {
    let steps = ticks(song, rows, |ch| ch.sound.step_q32);
    let above = |step: &i64| (768.0 * (*step as f64 / steps[0] as f64).log2()).round() as i32;
    steps.iter().map(above).collect()
}

fn starts(rows: &[Cell]) -> Vec<bool> {
    ticks(song(), rows, |ch| ch.sound.position_q32 == 0 && ch.sound.sounding())
}

/// The last row's ticks.
fn last<T: Clone>(all: Vec<T>) -> Vec<T> {
    all[all.len() - 4..].to_vec()
}

#[test]
fn arpeggio_counts_its_ticks_down() {
    // Six ticks are 0, y, x, 0, y, x.
    let mut song = song();
    song.initial_speed = 6;
    assert_eq!(pitches(song, &[note(0, 0x47)]), [0, 7 * 64, 4 * 64, 0, 7 * 64, 4 * 64]);
}

#[test]
fn arpeggio_of_long_rows_reads_past_its_table() {
    let mut song = song();
    song.initial_speed = 19;
    let all = pitches(song, &[note(0, 0x47)]);
    assert_eq!(all[..5], [0, 7 * 64, 7 * 64, 0, 0]);
}

#[test]
fn pitch_slides_have_a_memory_for_each_direction() {
    assert_eq!(periods(&[note(1, 2)]), [0, -8, -16, -24]);
    let rows = [note(1, 2), effect(2, 3), effect(1, 0), effect(2, 0)];
    assert_eq!(periods(&rows)[4..], [-24, -12, 0, 12, 12, 4, -4, -12, -12, 0, 12, 24]);
}

#[test]
fn tone_portamento_keeps_instrument_and_target() {
    let slide = Cell { note: Note::Key(62), instrument: 1, ..effect(3, 0x10) };
    let rows = [note(0, 0), slide, effect(3, 0)];
    assert_eq!(periods(&rows)[4..], [0, -64, -128, -128, -128, -128, -128, -128]);
    assert_eq!(starts(&rows)[1..], [false; 11]);
}

#[test]
fn portamento_without_a_note_before_plays_nothing() {
    let slide = Cell { note: Note::Key(62), instrument: 1, ..effect(3, 0x10) };
    assert_eq!(ticks(song(), &[slide], |ch| ch.sound.sounding()), [false; 4]);
}

#[test]
fn volume_column_portamento_doubles_beside_the_effect() {
    let slide = Cell { note: Note::Key(72), volume: Some(0xF1), ..Cell::default() };
    assert_eq!(last(periods(&[note(0, 0), slide])), [0, -64, -128, -192]);
    let both = Cell { effect: 3, parameter: 0xFF, ..slide };
    assert_eq!(last(periods(&[note(0, 0), both])), [0, -128, -256, -384]);
}

#[test]
fn glissando_sounds_in_semitones() {
    let slide = Cell { note: Note::Key(72), ..effect(3, 0x0A) };
    let rows = [note(0xE, 0x31), slide];
    // Forty units a tick, rounded to whole semitones of 64.
    assert_eq!(pitches(song(), &rows)[4..], [0, 64, 64, 128]);
    let rows = [note(0xE, 0x31), extended(0x30), slide];
    assert_eq!(last(pitches(song(), &rows)), [0, 40, 80, 120]);
}

#[test]
fn vibrato_moves_a_copy_of_the_period_on_all_ticks_but_the_first() {
    let rows = [note(4, 0x84), effect(4, 0)];
    assert!(periods(&rows).iter().all(|&moved| moved == 0));
    // The sine at 0, 0, 8 and 16 of 64, times depth 16 of 64.
    assert_eq!(pitches(song(), &rows)[..4], [0, 0, -22, -31]);
}

#[test]
fn vibrato_waves_are_sine_ramp_and_square() {
    let swing = |wave: u8| pitches(song(), &[note(0, 0), extended(0x40 | wave), effect(4, 0x84)]);
    assert_eq!(last(swing(2)), [-31, -31, -31, -31]);
    // The ramp rises here, as FT2's table stands on its head.
    assert_eq!(last(swing(1)), [0, 0, -8, -16]);
}

#[test]
fn vibrato_and_volume_slide_go_on_together() {
    let rows = [note(4, 0x84), effect(6, 0x02)];
    assert_eq!(last(volumes(&rows)), [64, 62, 60, 58]);
    assert_ne!(last(pitches(song(), &rows))[1..], [0, 0, 0]);
}

#[test]
fn portamento_and_volume_slide_go_on_together() {
    let slide = Cell { note: Note::Key(72), ..effect(3, 0x02) };
    let rows = [note(0, 0), slide, effect(5, 0x02)];
    assert_eq!(last(volumes(&rows)), [64, 62, 60, 58]);
    assert_eq!(last(periods(&rows)), [-24, -32, -40, -48]);
}

#[test]
fn tremolo_swings_the_level_and_leaves_the_volume() {
    let rows = [note(0xC, 32), effect(7, 0x84)];
    assert_eq!(last(volumes(&rows)), [32; 4]);
    // The sine at 0, 0, 8 and 16 of 64, times depth 16 of 32, in fourths of a step.
    assert_eq!(last(levels(song(), &rows)), [32, 32, 43, 47]);
}

#[test]
fn panning_commands_set_and_slide_by_single_steps() {
    assert_eq!(pannings(&[note(8, 0x40)]), [0x40; 4]);
    assert_eq!(pannings(&[note(0xE, 0x80)]), [0; 4]);
    assert_eq!(pannings(&[note(0xE, 0x8F)]), [256; 4]);
    assert_eq!(pannings(&[note(0x19, 0x20), effect(0x19, 0)]), [128, 130, 132, 134, 134, 136, 138, 140]);
    assert_eq!(pannings(&[note(0x19, 0x03)]), [128, 125, 122, 119]);
}

#[test]
fn sample_offset_counts_in_256_frames_and_ends_notes_past_the_data() {
    let mut song = song();
    song.samples[0] = fixture::sample(1024);
    let frame = |cell: Cell, song: &Song| ticks(song.clone(), &[cell], |ch| ch.sound.frame())[0];
    assert_eq!(frame(note(9, 2), &song), 512);
    let sounds = ticks(song, &[note(9, 4)], |ch| ch.sound.sounding());
    assert_eq!(sounds, [false; 4]);
}

#[test]
fn sample_offset_is_remembered_only_beside_a_note() {
    let mut song = song();
    song.samples[0] = fixture::sample(1024);
    let rows = [note(9, 1), effect(9, 2), note(9, 0)];
    assert_eq!(ticks(song, &rows, |ch| ch.sound.frame())[8], 256);
}

#[test]
fn volume_slides_prefer_up_and_remember() {
    assert_eq!(
        volumes(&[note(0xC, 10), effect(0xA, 0x12), effect(0xA, 0)])[4..],
        [10, 11, 12, 13, 13, 14, 15, 16]
    );
}

#[test]
fn fine_volume_slides_remember_each_direction() {
    let rows = [note(0xC, 30), extended(0xA5), extended(0xB2), extended(0xA0), extended(0xB0)];
    let steps: Vec<i32> = volumes(&rows).chunks(4).map(|row| row[3]).collect();
    assert_eq!(steps, [30, 35, 33, 38, 36]);
}

#[test]
fn fine_pitch_slides_remember_each_direction() {
    let rows = [note(0xE, 0x12), extended(0x21), extended(0x10), extended(0x20)];
    let steps: Vec<i32> = periods(&rows).chunks(4).map(|row| row[0]).collect();
    assert_eq!(steps, [-8, -4, -12, -8]);
    let extra = |parameter| effect(0x21, parameter);
    let rows = [note(0x21, 0x12), extra(0x21), extra(0x10), extra(0x20)];
    let steps: Vec<i32> = periods(&rows).chunks(4).map(|row| row[0]).collect();
    assert_eq!(steps, [-2, -1, -3, -2]);
}

#[test]
fn modplug_extensions_of_the_extra_fine_slide_do_nothing_in_fast_tracker() {
    assert_eq!(volumes(&[note(0x21, 0x65)]).len(), 4);
    let mut old = song();
    old.made_with = super::song::MadeWith::ModPlug;
    assert_eq!(ticks(old, &[note(0x21, 0x65)], |ch| ch.volume).len(), 9);
}

#[test]
fn finetune_is_set_for_the_note_beside_it() {
    assert_eq!(periods(&[note(0xE, 0x58)]), [0; 4]);
    assert_eq!(periods(&[note(0xE, 0x5C)]), [-32; 4]);
    assert_eq!(last(periods(&[note(0, 0), extended(0x5C)])), [0; 4]);
}

#[test]
fn a_loop_starts_the_next_pattern_at_its_own_row() {
    let mut song = song();
    fixture::put(&mut song, 2, extended(0x60));
    fixture::put(&mut song, 3, extended(0x61));
    song.patterns[0].rows = 5;
    song.patterns[0].cells.truncate(5 * 2);
    song.orders = vec![Order::Pattern(0); 2];
    assert_eq!(rows_of(song, 8), [(0, 0), (0, 1), (0, 2), (0, 3), (0, 2), (0, 3), (0, 4), (1, 2)]);
}

/// Orders and rows as they are played.
fn rows_of(song: Song, count: usize) -> Vec<(u16, u16)> {
    let mut player = SongPlayer::new(Arc::new(song), SampleRate(48_000.0));
    let mut rows = Vec::new();
    while rows.len() < count {
        player.tick();
        let place = player.position();
        if place.tick == 0 {
            rows.push((place.order, place.row));
        }
    }
    rows
}

#[test]
fn jumps_and_breaks_lead_where_they_say() {
    let mut song = song();
    song.orders = vec![Order::Pattern(0); 3];
    fixture::put(&mut song, 1, effect(0xD, 0x12));
    fixture::put(&mut song, 13, effect(0xB, 2));
    assert_eq!(rows_of(song, 6), [(0, 0), (0, 1), (1, 12), (1, 13), (2, 0), (2, 1)]);
}

#[test]
fn a_jump_right_of_a_break_goes_to_the_first_row() {
    let mut song = song();
    song.orders = vec![Order::Pattern(0); 3];
    fixture::put(&mut song, 0, effect(0xD, 0x12));
    song.patterns[0].cells[1] = effect(0xB, 2);
    assert_eq!(rows_of(song.clone(), 2), [(0, 0), (2, 0)]);
    song.patterns[0].cells.swap(0, 1);
    assert_eq!(rows_of(song, 2), [(0, 0), (2, 12)]);
}

#[test]
fn orders_without_a_pattern_are_passed_over() {
    let mut song = song();
    song.orders = vec![Order::Pattern(0), Order::Pattern(9), Order::Pattern(0)];
    fixture::put(&mut song, 0, effect(0xD, 0));
    assert_eq!(rows_of(song, 3), [(0, 0), (2, 0), (0, 0)]);
}

#[test]
fn retrigger_counts_from_its_row_and_e90_starts_once() {
    assert_eq!(starts(&[note(0xE, 0x92)]), [true, false, true, false]);
    assert_eq!(last(starts(&[note(0, 0), extended(0x90)])), [true, false, false, false]);
}

#[test]
fn retrigger_with_volume_counts_on_over_rows() {
    let rows = [note(0x1B, 0x03), effect(0x1B, 0x03)];
    assert_eq!(starts(&rows), [true, false, true, false, false, true, false, false]);
    let rows = [note(0x1B, 0x11), effect(0x1B, 0)];
    assert_eq!(volumes(&rows), [64, 63, 62, 61, 60, 59, 58, 57]);
}

#[test]
fn a_note_cut_silences_and_leaves_the_note() {
    assert_eq!(volumes(&[note(0xE, 0xC2), column(0x30)]), [64, 64, 0, 0, 32, 32, 32, 32]);
}

#[test]
fn a_delayed_note_starts_late_and_one_past_the_row_never() {
    assert_eq!(starts(&[note(0xE, 0xD2)]), [false, false, true, false]);
    let sounds = ticks(song(), &[note(0xE, 0xD4), Cell::default()], |ch| ch.sound.sounding());
    assert_eq!(sounds, [false; 8]);
}

#[test]
fn a_delay_without_a_note_repeats_the_last_one() {
    assert_eq!(last(starts(&[note(0xC, 10), extended(0xD1)])), [false, true, false, false]);
    // Only an instrument number brings the volume back.
    let numbered = Cell { instrument: 1, ..extended(0xD1) };
    assert_eq!(last(volumes(&[note(0xC, 10), numbered])), [10, 64, 64, 64]);
    assert_eq!(last(volumes(&[note(0xC, 10), extended(0xD1)])), [10; 4]);
}

#[test]
fn a_pattern_delay_repeats_ticks_but_no_first_tick() {
    let all = volumes(&[note(0xC, 20), Cell { volume: Some(0x95), ..extended(0xE1) }]);
    assert_eq!(all[4..], [25; 8]);
}

#[test]
fn speed_and_tempo_share_a_command() {
    assert_eq!(volumes(&[note(0xF, 3)]).len(), 3);
    assert_eq!(volumes(&[note(0xF, 0)]).len(), 4);
    let mut song = song();
    fixture::put(&mut song, 0, effect(0xF, 0x20));
    let mut player = SongPlayer::new(Arc::new(song), SampleRate(48_000.0));
    player.tick();
    assert_eq!((player.position().tempo, player.position().speed), (32, 4));
}

#[test]
fn global_volume_is_set_and_slides() {
    let mut song = song();
    fixture::put(&mut song, 0, effect(0x10, 0x20));
    fixture::put(&mut song, 1, effect(0x11, 0x24));
    fixture::put(&mut song, 2, effect(0x11, 0x01));
    fixture::put(&mut song, 3, effect(0x10, 0x50));
    let mut player = SongPlayer::new(Arc::new(song), SampleRate(48_000.0));
    let globals: Vec<i32> = (0..13)
        .map(|_| {
            player.tick();
            player.global_volume() / 4
        })
        .collect();
    assert_eq!(globals, [32, 32, 32, 32, 32, 34, 36, 38, 38, 37, 36, 35, 64]);
}

#[test]
fn key_off_without_an_envelope_cuts_unless_a_number_stands_beside_it() {
    assert_eq!(last(volumes(&[note(0, 0), off()])), [0; 4]);
    let numbered = Cell { instrument: 1, ..off() };
    assert_eq!(last(volumes(&[note(0xC, 10), numbered])), [64; 4]);
}

#[test]
fn key_off_of_the_effect_column_waits_for_its_tick() {
    assert_eq!(last(volumes(&[note(0, 0), effect(0x14, 2)])), [64, 64, 0, 0]);
    // K00 swallows the note beside it.
    let swallowed = Cell { note: Note::Key(72), ..effect(0x14, 0) };
    assert_eq!(last(periods(&[note(0, 0), swallowed])), [0; 4]);
}

#[test]
fn the_fade_out_begins_with_the_release() {
    let mut song = song();
    song.instruments[0].volume_envelope = envelope(&[(0, 64), (100, 64)]);
    song.instruments[0].fadeout = 4096;
    let all = levels(song, &[note(0, 0), off()]);
    assert_eq!(all, [64, 64, 64, 64, 56, 48, 40, 32]);
}

#[test]
fn envelopes_hold_at_their_sustain_point_until_the_release() {
    let mut song = song();
    let sustain = Some(Span { start: 1, end: 1 });
    song.instruments[0].volume_envelope = Envelope { sustain, ..envelope(&[(0, 64), (2, 32), (4, 0)]) };
    assert_eq!(levels(song, &[note(0, 0), off()]), [64, 48, 32, 32, 32, 16, 0, 0]);
}

#[test]
fn envelope_loops_come_back_a_tick_before_their_end() {
    let mut song = song();
    let envelope_loop = Some(Span { start: 0, end: 1 });
    song.instruments[0].volume_envelope = Envelope { envelope_loop, ..envelope(&[(0, 64), (2, 32), (4, 0)]) };
    assert_eq!(levels(song, &[note(0, 0)]), [64, 48, 64, 48]);
}

#[test]
fn the_panning_envelope_moves_the_note_within_its_room() {
    let mut song = song();
    song.instruments[0].panning_envelope = envelope(&[(0, 0), (2, 32), (4, -32)]);
    let rows = [note(8, 64)];
    assert_eq!(ticks(song, &rows, |ch| ch.real_panning), [64, 96, 128, 64]);
}

#[test]
fn envelope_positions_jump_and_the_panning_only_with_a_sustained_volume() {
    let ends = |sustained: bool| {
        let mut song = song();
        let sustain = sustained.then_some(Span { start: 2, end: 2 });
        song.instruments[0].volume_envelope = Envelope { sustain, ..envelope(&[(0, 64), (10, 0), (50, 0)]) };
        song.instruments[0].panning_envelope = envelope(&[(0, 0), (10, 32)]);
        last(ticks(song, &[note(0, 0), effect(0x15, 5)], |ch| (ch.level / 256, ch.real_panning)))[0]
    };
    // Four of the room's 128 for each step: at tick 4 the panning envelope is at 12.8, at tick 5 at 16.
    assert_eq!(ends(false), (32, 128 + 4 * 13));
    assert_eq!(ends(true), (32, 128 + 4 * 16));
}

#[test]
fn tremor_sounds_and_rests_and_keeps_its_count_between_rows() {
    let sounds =
        |rows: &[Cell]| -> Vec<bool> { levels(song(), rows).iter().map(|&level| level > 0).collect() };
    // T10: two ticks on and one off; the first ticks of rows do not count.
    assert_eq!(
        sounds(&[note(0x1D, 0x10), effect(0x1D, 0), effect(0x1D, 0)]),
        [true, true, true, false, false, true, true, false, false, true, true, false]
    );
}

#[test]
fn volume_columns_set_and_slide() {
    assert_eq!(volumes(&[note_with(0x50)]), [64; 4]);
    assert_eq!(last(volumes(&[note_with(0x20), column(0x73)])), [16, 19, 22, 25]);
    assert_eq!(last(volumes(&[note_with(0x20), column(0x63)])), [16, 13, 10, 7]);
    assert_eq!(last(volumes(&[note_with(0x20), column(0x83)])), [13; 4]);
    assert_eq!(last(volumes(&[note_with(0x20), column(0x93)])), [19; 4]);
    // Without a parameter they do nothing, whatever came before.
    let rows = [note_with(0x20), column(0x73), column(0x70)];
    assert_eq!(last(volumes(&rows)), [25; 4]);
}

#[test]
fn volume_columns_pan() {
    assert_eq!(pannings(&[note_with(0xC4)]), [64; 4]);
    assert_eq!(pannings(&[note_with(0xD2)]), [128, 126, 124, 122]);
    assert_eq!(pannings(&[note_with(0xE2)]), [128, 130, 132, 134]);
    assert_eq!(pannings(&[note_with(0xD0)]), [128, 0, 0, 0]);
}

#[test]
fn volume_columns_set_the_speed_of_a_vibrato_and_start_it_by_depth() {
    let still = pitches(song(), &[note_with(0xA8), column(0xA8)]);
    assert!(still.iter().all(|&pitch| pitch == 0));
    assert_eq!(last(pitches(song(), &[note_with(0xA8), column(0xB4)])), [0, 0, -22, -31]);
}

#[test]
fn volume_columns_wait_for_a_delayed_note() {
    let delayed = Cell { volume: Some(0x20), ..note(0xE, 0xD2) };
    assert_eq!(last(volumes(&[note(0xC, 40), delayed])), [40, 40, 16, 16]);
}

#[test]
fn automatic_vibrato_sweeps_in() {
    let mut song = song();
    song.samples[0].vibrato = AutoVibrato { wave: Wave::Square, speed: 1, depth: 8, sweep: 4 };
    // A quarter of the depth a tick: 64 of 64 times 2, 4, 6 and 8 units up.
    let steps = ticks(song, &[note(0, 0)], |ch| ch.sample_vibrato_depth / 256);
    assert_eq!(steps, [2, 4, 6, 8]);
}

#[test]
fn notes_outside_the_tuned_range_are_ignored() {
    let mut song = song();
    song.samples[0].relative_key = 60;
    let high = Cell { note: Note::Key(100), instrument: 1, ..Cell::default() };
    assert_eq!(ticks(song, &[high], |ch| ch.sound.sounding()), [false; 4]);
}

#[test]
fn amiga_periods_slide_in_their_own_units() {
    let mut song = song();
    song.pitch = PitchModel::Periods;
    let all = ticks(song, &[note(1, 2)], |ch: &Voice| ch.period);
    assert_eq!(all, [1712, 1704, 1696, 1688]);
}

#[test]
fn a_note_that_has_faded_out_does_not_come_back_with_its_number() {
    let mut song = song();
    song.instruments[0].volume_envelope = envelope(&[(0, 64), (100, 64)]);
    song.instruments[0].fadeout = 16_384;
    let number = Cell { instrument: 1, ..Cell::default() };
    let sounds = ticks(song, &[note(0, 0), off(), number], |ch| ch.sound.sounding());
    assert_eq!(last(sounds), [false; 4]);
}

#[test]
fn a_slide_to_a_step_longer_than_the_loop_ends_the_note() {
    let mut song = song();
    song.samples[0] = fixture::sample(8);
    let rows = [note(0, 0), effect(1, 0xFF), effect(1, 0), effect(1, 0)];
    let sounds = ticks(song, &rows, |ch| ch.sound.sounding());
    assert_eq!((sounds[4], last(sounds)), (true, vec![false; 4]));
}

#[test]
fn glissando_keeps_its_semitone_while_the_period_stands() {
    let slide = Cell { note: Note::Key(61), ..effect(3, 0x40) };
    let tuned = Cell { note: Note::Key(61), ..extended(0x5F) };
    let rows = [note(0xE, 0x31), slide, effect(3, 0)];
    assert_eq!(last(pitches(song(), &rows)), [64; 4]);
    // A new note is no portamento, so its finetune sounds as it is.
    assert_eq!(last(pitches(song(), &[rows[0], slide, tuned])), [64 + 56; 4]);
}
