//! What each effect does, tick by tick, in songs built for it.

use super::AmigaModel;
use super::SongPlayer;
use super::Tone;
use super::fixture;
use super::song::Cell;
use super::song::Envelope;
use super::song::EnvelopePoint;
use super::song::FixedPace;
use super::song::Format;
use super::song::Instrument;
use super::song::NewNoteAction;
use super::song::Note;
use super::song::PitchModel;
use super::song::Song;
use super::state::Voice;
use crate::sample::SampleData;
use crate::units::SampleRate;
use Format::*;
use std::sync::Arc;

const A: u8 = 1;

/// The number of an effect that S3M and IT write as a letter.
fn letter(name: char) -> u8 {
    name as u8 - b'A' + A
}

fn song_of(format: Format) -> Song {
    let pitch = if matches!(format, Mod | S3m) { PitchModel::Periods } else { PitchModel::Linear };
    let mut song = fixture::song(format, pitch);
    song.initial_speed = 4;
    song
}

/// An effect without a note.
pub(super) fn effect(number: u8, parameter: u8) -> Cell {
    Cell { effect: number, parameter, ..Cell::default() }
}

/// Plays rows on the first channel and tells what `what` is on each tick.
pub(super) fn ticks<T>(mut song: Song, rows: &[Cell], what: impl Fn(&Voice) -> T) -> Vec<T> {
    for (row, cell) in rows.iter().enumerate() {
        fixture::put(&mut song, row, *cell);
    }
    let mut player = SongPlayer::new(Arc::new(song), SampleRate(48_000.0));
    let mut all = Vec::new();
    loop {
        player.tick();
        if usize::from(player.position().row) >= rows.len() || player.finished() {
            return all;
        }
        all.push(what(&player.channels[0]));
        player.skip((player.tick_seconds() * 48_000.0) as usize);
    }
}

fn volumes(format: Format, rows: &[Cell]) -> Vec<i32> {
    ticks(song_of(format), rows, |ch| ch.volume / 4)
}

fn periods(format: Format, rows: &[Cell]) -> Vec<i32> {
    ticks(song_of(format), rows, |ch| ch.period)
}

fn pannings(format: Format, rows: &[Cell]) -> Vec<i32> {
    ticks(song_of(format), rows, |ch| ch.panning)
}

#[test]
fn set_volume_acts_at_once_and_stops_at_64() {
    assert_eq!(
        volumes(Mod, &[fixture::note(60, 0xC, 0x20), effect(0xC, 0x50)]),
        [32, 32, 32, 32, 64, 64, 64, 64]
    );
}

#[test]
fn volume_slides_skip_the_first_tick_and_stay_in_range() {
    assert_eq!(volumes(Mod, &[fixture::note(60, 0xA, 0x03)]), [64, 61, 58, 55]);
    assert_eq!(volumes(It, &[fixture::note(60, letter('D'), 0x0A); 2])[4..], [64, 54, 44, 34]);
    assert_eq!(volumes(Xm, &[fixture::note(60, 0xA, 0xF0)]), [64, 64, 64, 64]);
    assert_eq!(volumes(Mod, &[fixture::note(60, 0xC, 4), effect(0xA, 0x02)])[4..], [4, 2, 0, 0]);
}

#[test]
fn fine_volume_slides_act_on_the_first_tick_only() {
    assert_eq!(volumes(Mod, &[fixture::note(60, 0xE, 0xB3)]), [61, 61, 61, 61]);
    assert_eq!(volumes(S3m, &[fixture::note(60, letter('D'), 0xF4)]), [60, 60, 60, 60]);
    assert_eq!(volumes(It, &[fixture::note(60, letter('D'), 0xF4), effect(letter('D'), 0)])[4..], [56; 4]);
}

#[test]
fn fast_slides_act_on_the_first_tick_too() {
    let mut song = song_of(S3m);
    song.quirks.slides_on_first_tick = true;
    assert_eq!(ticks(song, &[fixture::note(60, letter('D'), 0x02)], |ch| ch.volume / 4), [62, 60, 58, 56]);
}

#[test]
fn volume_columns_set_and_slide() {
    let cell = |volume| Cell { volume: Some(volume), ..fixture::note(60, 0, 0) };
    let alone = |volume| Cell { volume: Some(volume), ..Cell::default() };
    assert_eq!(volumes(Xm, &[cell(0x30), alone(0x62)]), [32, 32, 32, 32, 32, 30, 28, 26]);
    assert_eq!(volumes(It, &[cell(20), alone(65 + 3)]), [20, 20, 20, 20, 23, 23, 23, 23]);
    assert_eq!(pannings(It, &[cell(128)])[0], 0);
    assert_eq!(pannings(Xm, &[cell(0xCF)])[0], 240);
}

#[test]
fn pitch_slides_move_four_units_a_step_on_all_ticks_but_the_first() {
    // Middle C is period 428, kept in fourths.
    assert_eq!(periods(Mod, &[fixture::note(60, 1, 2)]), [1712, 1704, 1696, 1688]);
    assert_eq!(periods(Mod, &[fixture::note(60, 2, 2)]), [1712, 1720, 1728, 1736]);
    assert_eq!(periods(S3m, &[fixture::note(60, letter('F'), 0xF2)]), [1704; 4]);
    assert_eq!(periods(S3m, &[fixture::note(60, letter('F'), 0xE2)]), [1710; 4]);
    assert_eq!(periods(Xm, &[fixture::note(60, 0xE, 0x12)]), [4600; 4]);
    assert_eq!(periods(Xm, &[fixture::note(60, 0x21, 0x12)]), [4606; 4]);
}

#[test]
fn linear_slides_of_impulse_tracker_are_equal_intervals() {
    // 16 steps of 1/16 semitone on each of 3 ticks: 3 semitones, 8363 · 2^(3/12) = 9945.
    let hertz = periods(It, &[fixture::note(60, letter('F'), 0x10)]);
    assert_eq!(hertz[0], 8363);
    assert!((hertz[3] - 9945).abs() <= 1, "{hertz:?}");
}

#[test]
fn tone_portamento_goes_to_the_note_and_no_further() {
    let slide = Cell { note: Note::Key(62), ..effect(3, 0x08) };
    assert_eq!(
        periods(Mod, &[fixture::note(60, 0, 0), slide, effect(3, 0)])[4..],
        [1712, 1680, 1648, 1616, 1616, 1584, 1552, 1524]
    );
}

#[test]
fn arpeggio_plays_the_chord_in_turn() {
    let steps: Vec<i64> = ticks(song_of(It), &[fixture::note(60, letter('J'), 0x47)], |ch| ch.sound.step_q32);
    let semitones: Vec<f64> =
        steps.iter().map(|step| 12.0 * (*step as f64 / steps[0] as f64).log2()).collect();
    for (found, expected) in semitones.iter().zip([0.0, 4.0, 7.0, 0.0]) {
        assert!((found - expected).abs() < 0.002, "{semitones:?}");
    }
}

#[test]
fn vibrato_swings_around_the_note_and_leaves_it_alone() {
    let steps =
        ticks(song_of(Mod), &[fixture::note(60, 4, 0x88), effect(4, 0), effect(4, 0), effect(4, 0)], |ch| {
            (ch.sound.step_q32, ch.period)
        });
    assert!(steps.iter().all(|(_, period)| *period == 1712));
    let plain = steps[0].0;
    assert!(steps.iter().any(|(step, _)| *step > plain) && steps.iter().any(|(step, _)| *step < plain));
}

#[test]
fn tremolo_moves_what_sounds_and_not_the_volume() {
    let rows = [fixture::note(60, 0xC, 32), effect(7, 0x8F), effect(7, 0)];
    let heard = ticks(song_of(Mod), &rows, |ch| (ch.volume / 4, ch.level));
    assert!(heard.iter().all(|(volume, _)| *volume == 32));
    assert!(heard[5..].iter().any(|(_, level)| *level != heard[0].1));
}

#[test]
fn tremor_is_silent_in_turn() {
    // Two ticks on, one off, each as long as the digit plus one.
    let levels = ticks(song_of(S3m), &[fixture::note(60, letter('I'), 0x10); 2], |ch| ch.level > 0);
    assert_eq!(levels[..4], [true, true, false, true]);
}

#[test]
fn offsets_start_the_sample_within() {
    let mut song = song_of(Mod);
    song.samples[0] = fixture::sample(4096);
    assert_eq!(ticks(song, &[fixture::note(60, 9, 0x08)], |ch| ch.sound.frame())[0], 0x800);
}

#[test]
fn note_delays_wait_and_cuts_end() {
    let sounds = |format, cell| ticks(song_of(format), &[cell], |ch| ch.level > 0 && ch.sound.sounding());
    assert_eq!(sounds(Mod, fixture::note(60, 0xE, 0xD2)), [false, false, true, true]);
    assert_eq!(sounds(It, fixture::note(60, letter('S'), 0xD2)), [false, false, true, true]);
    assert_eq!(sounds(Mod, fixture::note(60, 0xE, 0xC2)), [true, true, false, false]);
    assert_eq!(sounds(It, fixture::note(60, letter('S'), 0xC2)), [true, true, false, false]);
}

#[test]
fn retriggers_start_the_note_again() {
    let starts = |format, cell| ticks(song_of(format), &[cell], |ch| ch.sound.position_q32 == 0);
    assert_eq!(starts(Mod, fixture::note(60, 0xE, 0x92)), [true, false, true, false]);
    assert_eq!(starts(It, fixture::note(60, letter('Q'), 0x02)), [true, false, true, false]);
    // Digit 1 takes one step of volume at each.
    assert_eq!(volumes(It, &[fixture::note(60, letter('Q'), 0x12)]), [64, 64, 63, 63]);
}

#[test]
fn panning_commands_reach_both_ends() {
    assert_eq!(pannings(Xm, &[fixture::note(60, 8, 0), effect(8, 0xFF)])[3..5], [0, 255]);
    assert_eq!(pannings(S3m, &[fixture::note(60, letter('X'), 0x80)])[0], 256);
    assert_eq!(pannings(It, &[fixture::note(60, letter('S'), 0x8F)])[0], 256);
    assert_eq!(pannings(It, &[fixture::note(60, letter('P'), 0x04)]), [128, 144, 160, 176]);
}

#[test]
fn channel_and_global_volume_scale_what_sounds() {
    let levels = ticks(song_of(It), &[fixture::note(60, letter('M'), 32)], |ch| ch.level);
    assert_eq!(levels, [8192; 4]);
    let rows = [fixture::note(60, letter('V'), 64)];
    let gains = ticks(song_of(It), &rows, |ch| ch.sound.target_gains().0);
    assert_eq!(gains, [0.125; 4]);
}

#[test]
fn speed_sets_the_ticks_of_a_row_and_delays_add_to_them() {
    assert_eq!(volumes(Mod, &[fixture::note(60, 0xF, 3)]).len(), 3);
    assert_eq!(volumes(Mod, &[fixture::note(60, 0xE, 0xE2)]).len(), 12);
    assert_eq!(volumes(It, &[fixture::note(60, letter('S'), 0x63)]).len(), 7);
}

#[test]
fn tempo_commands_set_and_slide() {
    let mut song = song_of(It);
    fixture::put(&mut song, 0, effect(letter('T'), 0x96));
    fixture::put(&mut song, 1, effect(letter('T'), 0x12));
    let mut player = SongPlayer::new(Arc::new(song), SampleRate(48_000.0));
    let tempos: Vec<u16> = (0..8)
        .map(|_| {
            player.tick();
            player.position().tempo
        })
        .collect();
    assert_eq!(tempos, [150, 150, 150, 150, 150, 152, 154, 156]);
}

/// Speeds and tempos of all ticks, each pair once.
fn paces(song: &Song) -> Vec<(u16, u16)> {
    let mut player = SongPlayer::new(Arc::new(song.clone()), SampleRate(48_000.0));
    let mut paces = std::collections::BTreeSet::new();
    while !player.finished() {
        player.tick();
        paces.insert((player.position().speed, player.position().tempo));
    }
    paces.into_iter().collect()
}

#[test]
fn commands_for_speed_and_tempo_do_not_move_a_fixed_pace() {
    let fixed = |speed, tempo| FixedPace { speed, tempo };
    for format in [Mod, Xm, S3m, It] {
        let slow_then_fast = match format {
            Mod | Xm => [effect(0xF, 3), effect(0xF, 0x60), effect(0xF, 0x90)],
            S3m | It => [effect(letter('A'), 3), effect(letter('T'), 0x60), effect(letter('T'), 0x12)],
        };
        let mut song = song_of(format);
        song.quirks.tempo_waits_one_tick = format == Mod;
        for (row, cell) in (1..).zip(slow_then_fast) {
            fixture::put(&mut song, row, cell);
        }
        assert!(paces(&song).len() > 2, "{format:?}");
        let of = |speed, tempo| paces(&song.clone().at_pace(fixed(speed, tempo)));
        let (speeds, tempos) = (of(None, Some(80)), of(Some(7), None));
        assert!(speeds.len() > 1 && speeds.iter().all(|pace| pace.1 == 80), "{format:?}: {speeds:?}");
        assert!(tempos.len() > 1 && tempos.iter().all(|pace| pace.0 == 7), "{format:?}: {tempos:?}");
        assert_eq!(of(Some(1), Some(80)), [(1, 80)], "{format:?}");
    }
}

#[test]
fn jumps_breaks_and_loops_lead_where_they_say() {
    let mut song = song_of(Mod);
    fixture::put(&mut song, 1, effect(0xE, 0x60));
    fixture::put(&mut song, 2, effect(0xE, 0x61));
    fixture::put(&mut song, 3, effect(0xD, 0x10));
    song.orders = vec![super::song::Order::Pattern(0); 2];
    let mut player = SongPlayer::new(Arc::new(song), SampleRate(48_000.0));
    let mut rows = Vec::new();
    for _ in 0..7 * 4 {
        player.tick();
        let place = player.position();
        if place.tick == 0 {
            rows.push((place.order, place.row));
        }
    }
    assert_eq!(rows, [(0, 0), (0, 1), (0, 2), (0, 1), (0, 2), (0, 3), (1, 10)]);
}

fn instrument(points: &[(u16, i8)], new_note_action: NewNoteAction) -> Instrument {
    let points = points.iter().map(|&(tick, value)| EnvelopePoint { tick, value }).collect();
    let volume_envelope = Envelope { enabled: true, points, ..Envelope::default() };
    Instrument { volume_envelope, new_note_action, ..Instrument::plain(1) }
}

#[test]
fn envelopes_shape_the_level() {
    let mut song = song_of(It);
    song.instruments = vec![instrument(&[(0, 0), (2, 64), (10, 64)], NewNoteAction::Cut)];
    assert_eq!(ticks(song, &[fixture::note(60, 0, 0)], |ch| ch.level), [0, 8192, 16_384, 16_384]);
}

#[test]
fn new_note_actions_keep_the_old_note_in_the_background() {
    let mut song = song_of(It);
    song.instruments = vec![instrument(&[(0, 64), (10, 64)], NewNoteAction::Continue)];
    fixture::put(&mut song, 0, fixture::note(60, 0, 0));
    fixture::put(&mut song, 1, fixture::note(72, 0, 0));
    let mut player = SongPlayer::new(Arc::new(song), SampleRate(48_000.0));
    (0..5).for_each(|_| player.tick());
    let steps: Vec<i64> = player
        .background
        .iter()
        .filter(|voice| voice.sound.sounding())
        .map(|voice| voice.sound.step_q32)
        .collect();
    assert_eq!(steps.len(), 1);
    let octave = player.channels[0].sound.step_q32 - 2 * steps[0];
    assert!(octave.abs() <= 1, "off by {octave}");
}

#[test]
fn macros_set_the_filter() {
    let cutoffs = ticks(song_of(It), &[fixture::note(60, letter('Z'), 0x40)], |ch| (ch.cutoff, ch.filtered));
    assert_eq!(cutoffs, [(0x40, true); 4]);
}

#[test]
fn a_full_note_in_the_centre_is_a_quarter_of_full_scale_in_every_format() {
    for format in [Mod, S3m, Xm, It] {
        let gains = ticks(song_of(format), &[fixture::note(60, 0, 0)], |ch| ch.sound.target_gains());
        assert!((gains[0].0 - 0.25).abs() < 1e-4 && gains[0].0 == gains[0].1, "{format:?} {:?}", gains[0]);
    }
}

#[test]
fn a_note_on_a_song_channel_interrupts_the_patterns() {
    let mut song = song_of(It);
    fixture::put(&mut song, 0, fixture::note(60, 0, 0));
    let mut player = SongPlayer::new(Arc::new(song), SampleRate(48_000.0));
    player.tick();
    player.skip(100);
    let step = player.channels[0].sound.step_q32;
    player.play_note(0, 1, 72, 0.5);
    let ch = &player.channels[0];
    assert_eq!((ch.volume / 4, ch.sound.frame()), (32, 0));
    assert!((ch.sound.step_q32 - 2 * step).abs() <= 1);
    player.release_note(0);
    player.tick();
    assert_eq!(player.channels[0].level, 0);
}

#[test]
fn the_led_filter_is_switched_while_notes_sound() {
    for format in [Mod, Xm] {
        let mut song = song_of(format);
        fixture::put(&mut song, 0, fixture::note(60, 0, 0));
        fixture::put(&mut song, 1, effect(0xE, 0x00));
        fixture::put(&mut song, 2, effect(0xE, 0x01));
        let mut player = SongPlayer::new(Arc::new(song), SampleRate(48_000.0));
        player.set_tone(Tone::Amiga(AmigaModel::A500));
        let circuits: Vec<_> = (0..12)
            .map(|_| {
                player.tick();
                player.channels[0].sound.circuit
            })
            .collect();
        assert!(circuits[..4].iter().chain(&circuits[8..]).all(|circuit| *circuit == circuits[0]));
        assert!(circuits[4..8].iter().all(|circuit| *circuit == circuits[4]), "{format:?}");
        assert!(circuits[0].is_some() && circuits[4].is_some() && circuits[0] != circuits[4]);
        player.reset();
        player.tick();
        assert!(player.channels[0].sound.circuit == circuits[0]);
    }
}

#[test]
fn paulas_volume_has_64_steps() {
    let level = |tone| {
        let mut song = song_of(Mod);
        song.samples[0].volume = 32;
        // A tremolo of small depth moves the volume by quarters.
        fixture::put(&mut song, 0, fixture::note(60, 7, 0x11));
        let mut player = SongPlayer::new(Arc::new(song), SampleRate(48_000.0));
        player.set_tone(tone);
        let gain = |player: &mut SongPlayer| {
            player.tick();
            player.channels[0].sound.target_gains().0 * 256.0
        };
        [(); 4].map(|()| gain(&mut player))
    };
    assert!(level(Tone::Clean).iter().any(|gain| gain.fract() != 0.0));
    assert!(level(Tone::Amiga(AmigaModel::A1200)).iter().all(|gain| gain.fract() == 0.0));
}

#[test]
fn inverted_loops_change_only_the_players_own_samples() {
    let mut song = song_of(Mod);
    song.samples[0].data = Arc::new(SampleData::Mono8((0..64).collect()));
    // Speed 15 turns a byte over on each tick, from the loop's second on.
    fixture::put(&mut song, 0, fixture::note(60, 0xE, 0xFF));
    fixture::put(&mut song, 1, effect(0xE, 0xF0));
    let song = Arc::new(song);
    let mut player = SongPlayer::new(Arc::clone(&song), SampleRate(48_000.0));
    let heard = |player: &SongPlayer| match &*player.song().samples[0].data {
        SampleData::Mono8(plane) => plane.to_vec(),
        _ => Vec::new(),
    };
    let original: Vec<i8> = (0..64).collect();
    (0..8).for_each(|_| player.tick());
    let mut inverted = original.clone();
    inverted[1..5].iter_mut().for_each(|byte| *byte = !*byte);
    assert_eq!(heard(&player), inverted);
    assert!(player.channels[0].sound.sounding());
    assert_eq!(*song.samples[0].data, SampleData::Mono8(original.clone().into()), "the shared song");
    player.reset();
    assert_eq!(heard(&player), original);
}
