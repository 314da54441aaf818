//! What each effect and volume-column command of IT does, tick by tick, as Impulse Tracker does it.

use super::SongPlayer;
use super::effect_tests::effect;
use super::effect_tests::ticks;
use super::fixture;
use super::song::Cell;
use super::song::Envelope;
use super::song::EnvelopePoint;
use super::song::Format;
use super::song::Instrument;
use super::song::NewNoteAction;
use super::song::Note;
use super::song::PitchModel;
use super::song::Song;
use super::state::Voice;
use super::ways::LIST;
use super::ways::Way;
use crate::units::SampleRate;
use std::sync::Arc;

/// Commands of the volume column, each with ten values from here on.
const FINE_UP: u8 = 65;
const FINE_DOWN: u8 = 75;
const UP: u8 = 85;
const DOWN: u8 = 95;
const PITCH_DOWN: u8 = 105;
const PITCH_UP: u8 = 115;
const PANNING: u8 = 128;
const PORTAMENTO: u8 = 193;
const VIBRATO: u8 = 203;

/// Four ticks a row, linear slides, samples only.
fn song() -> Song {
    let mut song = fixture::song(Format::It, PitchModel::Linear);
    song.initial_speed = 4;
    song
}

fn letter(name: char, parameter: u8) -> Cell {
    effect(name as u8 - b'A' + 1, parameter)
}

/// Middle C of sample 1 with an effect.
fn note(name: char, parameter: u8) -> Cell {
    fixture::note(60, name as u8 - b'A' + 1, parameter)
}

fn plain() -> Cell {
    fixture::note(60, 0, 0)
}

/// A command of the volume column alone.
fn column(volume: u8) -> Cell {
    Cell { volume: Some(volume), ..Cell::default() }
}

fn with_column(cell: Cell, volume: u8) -> Cell {
    Cell { volume: Some(volume), ..cell }
}

fn ended(note: Note) -> Cell {
    Cell { note, ..Cell::default() }
}

fn volumes(rows: &[Cell]) -> Vec<i32> {
    ticks(song(), rows, |ch| ch.volume / 4)
}

fn levels(song: Song, rows: &[Cell]) -> Vec<i32> {
    ticks(song, rows, |ch| ch.level / 256)
}

fn pannings(rows: &[Cell]) -> Vec<i32> {
    ticks(song(), rows, |ch| ch.real_panning)
}

/// Sounding pitch in 1/64 semitones above the first tick's.
fn pitches(rows: &[Cell]) -> Vec<i32> {
    pitches_of(song(), rows)
}

fn pitches_of(song: Song, rows: &[Cell]) -> Vec<i32> {
    let steps = ticks(song, rows, |ch| ch.sound.step_q32);
    let above = |step: &i64| (768.0 * (*step as f64 / steps[0] as f64).log2()).round() as i32;
    steps.iter().map(above).collect()
}

fn starts(song: Song, rows: &[Cell]) -> Vec<bool> {
    ticks(song, rows, |ch| ch.sound.position_q32 == 0 && ch.sound.sounding())
}

fn sounding(rows: &[Cell]) -> Vec<bool> {
    ticks(song(), rows, |ch| ch.level != 0 && ch.sound.step_q32 != 0)
}

/// The last row's ticks.
fn last<T: Clone>(all: Vec<T>) -> Vec<T> {
    all[all.len() - 4..].to_vec()
}

fn song_with(instrument: Instrument) -> Song {
    Song { instruments: vec![instrument], ..song() }
}

fn envelope(points: &[(u16, i8)]) -> Envelope {
    let points = points.iter().map(|&(tick, value)| EnvelopePoint { tick, value }).collect();
    Envelope { enabled: true, points, ..Envelope::default() }
}

#[test]
fn volume_slides_have_seven_forms_and_a_memory() {
    let start = with_column(plain(), 32);
    let slid = |parameter| last(volumes(&[start, letter('D', parameter)]));
    assert_eq!(slid(0x20), [32, 34, 36, 38]);
    assert_eq!(slid(0x02), [32, 30, 28, 26]);
    assert_eq!(slid(0x2F), [34; 4]);
    assert_eq!(slid(0xF2), [30; 4]);
    // Sliding by 15 acts on the first tick too; both digits at once do nothing.
    assert_eq!(slid(0xF0), [47, 62, 64, 64]);
    assert_eq!(slid(0x0F), [17, 2, 0, 0]);
    assert_eq!(slid(0x21), [32; 4]);
    assert_eq!(last(volumes(&[start, letter('D', 0x10), letter('D', 0)])), [35, 36, 37, 38]);
}

#[test]
fn vibrato_and_portamento_slide_the_volume_beside_them() {
    let start = with_column(plain(), 32);
    assert_eq!(last(volumes(&[start, letter('K', 0x02)])), [32, 30, 28, 26]);
    assert_eq!(last(volumes(&[start, letter('L', 0x20), letter('K', 0)])), [38, 40, 42, 44]);
    assert_eq!(last(volumes(&[start, letter('L', 0xF3)])), [29; 4]);
}

#[test]
fn pitch_slides_are_coarse_fine_or_extra_fine_and_share_a_memory() {
    let slid = |name, parameter| last(pitches(&[plain(), letter(name, parameter)]));
    assert_eq!(slid('E', 0x10), [0, -64, -128, -192]);
    assert_eq!(slid('F', 0x10), [0, 64, 128, 192]);
    assert_eq!(slid('E', 0xF2), [-8; 4]);
    assert_eq!(slid('F', 0xF2), [8; 4]);
    assert_eq!(slid('E', 0xE4), [-4; 4]);
    assert_eq!(slid('F', 0xE4), [4; 4]);
    assert_eq!(last(pitches(&[plain(), letter('E', 0x10), letter('F', 0)])), [-192, -128, -64, 0]);
}

#[test]
fn tone_portamento_shares_its_memory_unless_the_song_keeps_it_apart() {
    let rows = [plain(), letter('F', 0x10), Cell { note: Note::Key(72), ..letter('G', 0) }];
    assert_eq!(last(pitches(&rows)), [192, 256, 320, 384]);
    let mut apart = song();
    apart.quirks.compatible_portamento = true;
    assert_eq!(last(pitches_of(apart, &rows)), [192; 4]);
}

#[test]
fn portamento_ends_on_its_note_and_leads_nowhere_without_one() {
    let rows = [plain(), Cell { note: Note::Key(61), ..letter('G', 0x18) }, letter('G', 0x18)];
    assert_eq!(pitches(&rows)[4..], [0, 64, 64, 64, 64, 64, 64, 64]);
    assert_eq!(last(pitches(&[plain(), letter('G', 0x18)])), [0; 4]);
}

#[test]
fn glissando_sounds_in_semitones() {
    let rows = [note('S', 0x11), Cell { note: Note::Key(72), ..letter('G', 0x08) }];
    assert_eq!(last(pitches(&rows)), [0, 64, 64, 128]);
}

#[test]
fn vibrato_starts_on_the_first_tick_and_four_times_finer_with_u() {
    // A square of depth 4 adds half a semitone at once.
    let deep = last(pitches(&[note('S', 0x32), letter('H', 0x44)]));
    let fine = last(pitches(&[note('S', 0x32), letter('U', 0x44)]));
    assert!(deep.iter().all(|&pitch| pitch == deep[0]) && deep[0] != 0, "{deep:?}");
    assert!((deep[0] - 4 * fine[0]).abs() <= 4, "{deep:?} {fine:?}");
}

#[test]
fn old_effects_turn_the_vibrato_round_and_double_it() {
    let rows = [note('S', 0x32), letter('H', 0x42)];
    let new = last(pitches(&rows));
    let mut old = song();
    old.quirks.old_effects = true;
    let old = last(pitches_of(old, &rows));
    assert!((old[1] + 2 * new[1]).abs() <= 4, "{old:?} {new:?}");
}

#[test]
fn arpeggio_plays_the_chord_and_remembers_it() {
    let rows = [note('J', 0x47), letter('J', 0)];
    assert_eq!(pitches(&rows), [0, 256, 448, 0, 0, 256, 448, 0]);
}

#[test]
fn tremolo_moves_what_sounds_and_not_the_volume() {
    let rows = [with_column(note('S', 0x42), 32), letter('R', 0x44)];
    let sounding = last(levels(song(), &rows));
    assert!(sounding[1] != 32 && last(volumes(&rows)) == [32; 4], "{sounding:?}");
}

#[test]
fn tremor_sounds_and_rests_for_its_digits() {
    let audible = |song: Song| {
        let all = ticks(song, &[note('I', 0x21), letter('I', 0)], |ch| ch.level != 0);
        all.iter().map(|&on| if on { 'x' } else { '-' }).collect::<String>()
    };
    assert_eq!(audible(song()), "xx-xx-xx");
    let mut old = song();
    old.quirks.old_effects = true;
    assert_eq!(audible(old), "xxx--xxx");
}

#[test]
fn channel_volume_is_set_and_slides_in_all_forms() {
    let channel = |parameter| {
        let rows = [note('M', 32), letter('N', parameter)];
        last(ticks(song(), &rows, |ch| ch.channel_volume))
    };
    assert_eq!(channel(0x20), [32, 34, 36, 38]);
    assert_eq!(channel(0x02), [32, 30, 28, 26]);
    assert_eq!(channel(0x2F), [34; 4]);
    assert_eq!(channel(0xF2), [30; 4]);
    // Values past 64 are not heeded.
    assert_eq!(ticks(song(), &[note('M', 65)], |ch| ch.channel_volume), [64; 4]);
}

#[test]
fn global_volume_is_set_and_slides_in_all_forms() {
    let global = |parameter| {
        let mut song = song();
        fixture::put(&mut song, 0, note('V', 64));
        fixture::put(&mut song, 1, letter('W', parameter));
        let mut player = SongPlayer::new(Arc::new(song), SampleRate(48_000.0));
        let mut all = Vec::new();
        for _ in 0..8 {
            player.tick();
            all.push(player.global_volume() / 2);
            player.skip(960);
        }
        last(all)
    };
    assert_eq!(global(0x20), [64, 66, 68, 70]);
    assert_eq!(global(0x02), [64, 62, 60, 58]);
    assert_eq!(global(0x2F), [66; 4]);
    assert_eq!(global(0xF2), [62; 4]);
}

#[test]
fn offsets_start_the_sample_within_and_reach_far_with_sa() {
    let mut song = song();
    song.samples[0] = fixture::sample(100_000);
    let frames = |rows: &[Cell]| ticks(song.clone(), rows, |ch| ch.sound.frame())[rows.len() * 4 - 4];
    assert_eq!(frames(&[note('O', 2)]), 512);
    assert_eq!(frames(&[note('O', 2), note('O', 0)]), 512);
    assert_eq!(frames(&[note('S', 0xA1), note('O', 2)]), 65_536 + 512);
    // Past the end it counts for nothing, but for old effects.
    song.samples[0] = fixture::sample(400);
    let past = ticks(song.clone(), &[note('O', 2)], |ch| ch.sound.frame());
    song.quirks.old_effects = true;
    let old = ticks(song.clone(), &[note('O', 2)], |ch| ch.sound.frame());
    assert_eq!((past[0], old[0] > 390), (0, true));
}

#[test]
fn panning_slides_right_by_the_low_digit_and_left_by_the_high() {
    let slid = |parameter| last(pannings(&[note('X', 0x80), letter('P', parameter)]));
    assert_eq!(slid(0x20), [128, 120, 112, 104]);
    assert_eq!(slid(0x02), [128, 136, 144, 152]);
    assert_eq!(slid(0x2F), [120; 4]);
    assert_eq!(slid(0xF2), [136; 4]);
}

#[test]
fn panning_is_set_by_x_s8_and_the_volume_column() {
    assert_eq!(pannings(&[note('X', 0x20)]), [0x20; 4]);
    assert_eq!(pannings(&[note('S', 0x84)]), [(4 * 256 + 8) / 15; 4]);
    assert_eq!(pannings(&[with_column(plain(), PANNING + 16)]), [64; 4]);
    let surround = |rows: &[Cell]| last(ticks(song(), rows, |ch| ch.surround));
    assert_eq!(surround(&[note('S', 0x91)]), [true; 4]);
    assert_eq!(surround(&[note('S', 0x91), letter('X', 0x20)]), [false; 4]);
    assert_eq!(surround(&[note('S', 0x91), letter('S', 0x90)]), [false; 4]);
}

#[test]
fn panbrello_moves_what_sounds_and_comes_back() {
    let rows = [note('S', 0x52), letter('Y', 0x48), Cell::default()];
    let all = pannings(&rows);
    assert!(all[4] != 128, "{all:?}");
    assert_eq!(ticks(song(), &rows, |ch| ch.panning), [128; 12]);
}

#[test]
fn retriggers_count_on_over_rows_and_change_the_volume() {
    assert_eq!(
        starts(song(), &[note('Q', 0x03), letter('Q', 0x03)]),
        [true, false, false, true, false, false, true, false]
    );
    let volume = |parameter| ticks(song(), &[with_column(note('Q', parameter), 32)], |ch| ch.volume / 4)[2];
    let after = [31, 30, 28, 24, 16, 20, 16, 32, 33, 34, 36, 40, 48, 48, 64];
    let digits = [1, 2, 3, 4, 5, 6, 7, 8, 9, 0xA, 0xB, 0xC, 0xD, 0xE, 0xF];
    assert_eq!(digits.map(|digit| volume(digit << 4 | 2)), after);
}

#[test]
fn notes_are_cut_delayed_and_ended() {
    assert_eq!(sounding(&[note('S', 0xC2)]), [true, true, false, false]);
    assert_eq!(sounding(&[note('S', 0xC0)]), [true, false, false, false], "0 counts as 1");
    assert_eq!(starts(song(), &[note('S', 0xD2)]), [false, false, true, false]);
    assert_eq!(last(sounding(&[note('S', 0xD9), Cell::default()])), [false; 4], "past the row");
    assert_eq!(last(sounding(&[plain(), ended(Note::Cut)])), [false; 4]);
    assert_eq!(last(sounding(&[plain(), ended(Note::Off)])), [true; 4], "samples know no key off");
}

#[test]
fn rows_are_delayed_by_rows_and_by_ticks() {
    let count = |cell| ticks(song(), &[cell], |_| ()).len();
    assert_eq!(count(letter('S', 0xE2)), 12);
    assert_eq!(count(letter('S', 0x63)), 7);
    assert_eq!(count(letter('A', 9)), 9);
    assert_eq!(count(letter('A', 0)), 4);
}

#[test]
fn tempo_is_set_and_slides() {
    let tempos = |rows: &[Cell]| {
        let mut song = song();
        rows.iter().enumerate().for_each(|(row, cell)| fixture::put(&mut song, row, *cell));
        let mut player = SongPlayer::new(Arc::new(song), SampleRate(48_000.0));
        let mut all = Vec::new();
        for _ in 0..rows.len() * 4 {
            player.tick();
            all.push(player.position().tempo);
        }
        last(all)
    };
    assert_eq!(tempos(&[letter('T', 0x80)]), [128; 4]);
    assert_eq!(tempos(&[letter('T', 0x80), letter('T', 0x12)]), [128, 130, 132, 134]);
    assert_eq!(tempos(&[letter('T', 0x80), letter('T', 0x02)]), [128, 126, 124, 122]);
}

#[test]
fn loops_jumps_and_breaks_lead_where_they_say() {
    let mut song = song();
    song.initial_speed = 1;
    fixture::put(&mut song, 1, letter('S', 0xB0));
    fixture::put(&mut song, 2, letter('S', 0xB2));
    fixture::put(&mut song, 3, letter('C', 5));
    let mut player = SongPlayer::new(Arc::new(song), SampleRate(48_000.0));
    let mut rows = Vec::new();
    for _ in 0..9 {
        player.tick();
        rows.push(player.position().row);
    }
    assert_eq!(rows[..8], [0, 1, 2, 1, 2, 1, 2, 3]);
}

#[test]
fn volume_columns_slide_with_a_memory_of_their_own() {
    let start = with_column(plain(), 32);
    let slid = |rows: &[Cell]| last(volumes(&[&[start], rows].concat()));
    assert_eq!(slid(&[column(FINE_UP + 3)]), [35; 4]);
    assert_eq!(slid(&[column(FINE_DOWN + 3)]), [29; 4]);
    assert_eq!(slid(&[column(UP + 2)]), [32, 34, 36, 38]);
    assert_eq!(slid(&[column(DOWN + 2)]), [32, 30, 28, 26]);
    // One memory for the four, which the effect column knows nothing of.
    assert_eq!(slid(&[column(UP + 2), column(FINE_DOWN)]), [36; 4]);
    assert_eq!(slid(&[letter('D', 0x10), column(UP)]), [35; 4]);
    assert_eq!(slid(&[column(UP + 2), letter('D', 0)]), [38; 4]);
}

#[test]
fn volume_columns_bend_by_four_times_their_digit() {
    assert_eq!(last(pitches(&[plain(), column(PITCH_DOWN + 4)])), [0, -64, -128, -192]);
    assert_eq!(last(pitches(&[plain(), column(PITCH_UP + 4)])), [0, 64, 128, 192]);
    assert_eq!(last(pitches(&[plain(), letter('E', 0x10), column(PITCH_UP)])), [-192, -128, -64, 0]);
    // The digits of the tone portamento are 0, 1, 4, 8, 16, 32, 64, 96, 128 and 255.
    let to = |digit| Cell { note: Note::Key(72), volume: Some(PORTAMENTO + digit), ..Cell::default() };
    assert_eq!(last(pitches(&[plain(), to(4)])), [0, 64, 128, 192]);
    assert_eq!(last(pitches(&[plain(), to(9)])), [0, 768, 768, 768]);
}

#[test]
fn the_volume_columns_vibrato_takes_its_speed_from_the_effect() {
    let rows = |cell| [note('S', 0x32), letter('H', 0x41), cell];
    let effect = last(pitches(&rows(letter('H', 0x04))));
    assert_eq!(last(pitches(&rows(column(VIBRATO + 4)))), effect);
    assert_ne!(effect, [0; 4]);
}

#[test]
fn macros_set_cutoff_and_resonance_by_their_kind() {
    let filter = |rows: &[Cell]| last(ticks(song(), rows, |ch| (ch.cutoff, ch.resonance)));
    assert_eq!(filter(&[note('Z', 0x40)]), [(0x40, 0); 4]);
    // Z80–Z8F set the resonance in steps of eight.
    assert_eq!(filter(&[note('Z', 0x83)]), [(127, 24); 4]);
    assert_eq!(filter(&[note('Z', 0x40), letter('S', 0xF1), letter('Z', 0x20)])[0].0, 0x40);
}

#[test]
fn past_note_commands_act_on_the_background() {
    let count = |parameter: u8| {
        let points = envelope(&[(0, 64), (200, 64)]);
        let action = NewNoteAction::Continue;
        let mut song = song_with(Instrument {
            volume_envelope: points,
            new_note_action: action,
            fadeout: 16,
            ..Instrument::plain(1)
        });
        fixture::put(&mut song, 0, plain());
        fixture::put(&mut song, 1, fixture::note(72, 0, 0));
        fixture::put(&mut song, 2, letter('S', parameter));
        let mut player = SongPlayer::new(Arc::new(song), SampleRate(48_000.0));
        for _ in 0..10 {
            player.tick();
            player.skip(960);
        }
        let heard: Vec<&Voice> = player.background.iter().filter(|voice| voice.level != 0).collect();
        heard.iter().map(|voice| (voice.key_off, voice.fading)).collect::<Vec<_>>()
    };
    assert_eq!(count(0x00), [(false, false)]);
    assert_eq!(count(0x70), []);
    assert_eq!(count(0x71), [(true, false)]);
    assert_eq!(count(0x72), [(false, true)]);
}

#[test]
fn new_note_actions_are_chosen_for_one_note() {
    let count = |parameter: u8| {
        let mut song = song_with(Instrument::plain(1));
        fixture::put(&mut song, 0, note('S', parameter));
        fixture::put(&mut song, 1, fixture::note(72, 0, 0));
        let mut player = SongPlayer::new(Arc::new(song), SampleRate(48_000.0));
        (0..5).for_each(|_| player.tick());
        player.background.iter().filter(|voice| voice.sound.sounding() && voice.fade != 0).count()
    };
    assert_eq!([0x73, 0x74].map(count), [0, 1]);
}

#[test]
fn envelopes_are_switched_off_and_on_by_s7() {
    let rises =
        || song_with(Instrument { volume_envelope: envelope(&[(0, 0), (64, 64)]), ..Instrument::plain(1) });
    assert_eq!(levels(rises(), &[plain()]), [0, 1, 2, 3]);
    // It holds where it was.
    assert_eq!(last(levels(rises(), &[plain(), letter('S', 0x77)])), [3; 4]);
    assert_eq!(last(levels(rises(), &[plain(), letter('S', 0x77), letter('S', 0x78)])), [4, 5, 6, 7]);
}

#[test]
fn key_off_fades_without_an_envelope_and_fade_does_so_at_once() {
    let song = || song_with(Instrument { fadeout: 128, ..Instrument::plain(1) });
    for ending in [Note::Off, Note::Fade] {
        let all = levels(song(), &[plain(), ended(ending), Cell::default()]);
        assert!(all[3] == 64 && all[11] < all[7] && all[7] < 64, "{ending:?}: {all:?}");
    }
}

#[test]
fn an_empty_slot_leaves_the_old_note_alone() {
    let mut instrument = Instrument::plain(1);
    instrument.keys[72].sample = 0;
    let song = song_with(instrument);
    assert_eq!(last(pitches_of(song, &[plain(), fixture::note(72, 0, 0)])), [0; 4]);
}

#[test]
fn pitch_pan_separation_spreads_the_keys() {
    let song = song_with(Instrument { pitch_pan_separation: 16, ..Instrument::plain(1) });
    let panned = |key| ticks(song.clone(), &[fixture::note(key, 0, 0)], |ch| ch.real_panning)[0];
    assert_eq!([48, 60, 72].map(panned), [32, 128, 224]);
}

#[test]
fn the_pitch_envelope_bends_in_half_semitones() {
    let song = song_with(Instrument {
        pitch_envelope: envelope(&[(0, 0), (2, 4), (90, 4)]),
        ..Instrument::plain(1)
    });
    assert_eq!(pitches_of(song, &[plain()]), [0, 64, 128, 128]);
}

#[test]
fn a_song_without_a_way_plays_as_its_tracker_did() {
    let lacking = |way| {
        let mut song = song();
        song.quirks.missing_ways.set(way, true);
        song
    };
    // ModPlug's column shares one memory with nothing apart, and its fine slides come again on each tick.
    let rows = [with_column(plain(), 32), column(UP + 2), column(FINE_UP)];
    assert_eq!(last(ticks(lacking(Way::ColumnHasOwnMemory), &rows, |ch| ch.volume / 4)), [40; 4]);
    // Its note cuts turn the volume down and let the sample run.
    let cut = ticks(lacking(Way::CutsStopTheSample), &[note('S', 0xC2)], |ch| ch.volume);
    assert_eq!(cut, [256, 256, 0, 0]);
}

#[test]
fn songs_that_lack_any_way_play_on() {
    let rows = [note('H', 0x44), letter('G', 0x10), letter('Q', 0x12), ended(Note::Off), note('S', 0x74)];
    for (way, ..) in LIST {
        let mut song = song_with(Instrument { fadeout: 64, ..Instrument::plain(1) });
        song.quirks.missing_ways.set(way, true);
        assert_eq!(levels(song, &rows).len(), 20);
    }
}
