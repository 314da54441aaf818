//! Songs of random cells: replay neither panics nor leaves the range of sound, and renders the same bits for any cut.

use super::AmigaModel;
use super::Interpolation;
use super::SongPlayer;
use super::Timeline;
use super::Tone;
use super::drill;
use super::fixture;
use super::gain::Ramping;
use super::load::load;
use super::loudness::Peaks;
use super::song::AutoVibrato;
use super::song::Cell;
use super::song::DuplicateAction;
use super::song::DuplicateCheck;
use super::song::Envelope;
use super::song::EnvelopePoint;
use super::song::Format;
use super::song::Instrument;
use super::song::KeyAssignment;
use super::song::Loop;
use super::song::MoreOfInstrument;
use super::song::NewNoteAction;
use super::song::Note;
use super::song::Order;
use super::song::PitchModel;
use super::song::Quirks;
use super::song::Song;
use super::song::Span;
use super::song::Wave;
use super::ways::LIST;
use super::ways::Way;
use crate::audio::Activity;
use crate::audio::AudioSource;
use crate::audio::Feed;
use crate::audio::Outlets;
use crate::audio::RenderContext;
use crate::dsp::Level;
use crate::sample::SampleData;
use crate::units::SampleRate;
use std::fs;
use std::path::Path;
use std::sync::Arc;

const FORMATS: [Format; 4] = [Format::Mod, Format::S3m, Format::Xm, Format::It];

/// Numbers that follow from a seed.
struct Dice(u32);

impl Dice {
    fn below(&mut self, end: u32) -> u32 {
        self.0 = self.0.wrapping_add(1);
        // Murmur3's finaliser.
        let mut x = self.0.wrapping_add(0x9E37_79B9);
        x = (x ^ (x >> 16)).wrapping_mul(0x85EB_CA6B);
        x = (x ^ (x >> 13)).wrapping_mul(0xC2B2_AE35);
        (x ^ (x >> 16)) % end
    }

    fn chance(&mut self, one_in: u32) -> bool {
        self.below(one_in) == 0
    }
}

fn cell(dice: &mut Dice, format: Format) -> Cell {
    let note = match dice.below(8) {
        0..3 if format == Format::Mod => Note::Period(dice.below(4095) as u16 + 1),
        0..3 => Note::Key(dice.below(120) as u8),
        3 => [Note::Off, Note::Cut, Note::Fade][dice.below(3) as usize],
        _ => Note::None,
    };
    Cell {
        note,
        instrument: if dice.chance(2) { dice.below(6) as u8 } else { 0 },
        volume: dice.chance(3).then(|| dice.below(256) as u8),
        effect: dice.below(36) as u8,
        parameter: dice.below(256) as u8,
    }
}

fn envelope(dice: &mut Dice) -> Envelope {
    let count = dice.below(5);
    let points: Vec<EnvelopePoint> = (0..count)
        .map(|n| EnvelopePoint { tick: (n * dice.below(6)) as u16, value: dice.below(65) as i8 - 32 })
        .scan(0, |last, point| {
            *last = point.tick.max(*last);
            Some(EnvelopePoint { tick: *last, ..point })
        })
        .collect();
    let span = |dice: &mut Dice| {
        (count > 0 && dice.chance(2)).then(|| {
            let start = dice.below(count);
            Span { start: start as u8, end: (start + dice.below(count - start)) as u8 }
        })
    };
    let (envelope_loop, sustain) = (span(dice), span(dice));
    Envelope { enabled: dice.chance(2), points, envelope_loop, sustain, carry: dice.chance(2) }
}

fn instrument(dice: &mut Dice) -> Instrument {
    Instrument {
        name: String::new(),
        keys: Box::new(std::array::from_fn(|_| KeyAssignment {
            key: dice.below(120) as u8,
            sample: dice.below(5) as u16,
        })),
        volume_envelope: envelope(dice),
        panning_envelope: envelope(dice),
        pitch_envelope: envelope(dice),
        pitch_envelope_is_filter: dice.chance(2),
        fadeout: dice.below(4096) as u16,
        new_note_action: [
            NewNoteAction::Cut,
            NewNoteAction::Continue,
            NewNoteAction::Off,
            NewNoteAction::Fade,
        ][dice.below(4) as usize],
        duplicate_check: [DuplicateCheck::Off, DuplicateCheck::Note, DuplicateCheck::Sample]
            [dice.below(3) as usize],
        duplicate_action: [DuplicateAction::Cut, DuplicateAction::Off, DuplicateAction::Fade]
            [dice.below(3) as usize],
        global_volume: dice.below(129) as u8,
        panning: dice.chance(2).then(|| dice.below(257) as u16),
        pitch_pan_separation: dice.below(65) as i8 - 32,
        pitch_pan_centre: dice.below(120) as u8,
        volume_swing: dice.below(101) as u8,
        panning_swing: dice.below(65) as u8,
        filter_cutoff: dice.chance(2).then(|| dice.below(128) as u8),
        filter_resonance: dice.chance(2).then(|| dice.below(128) as u8),
        more: MoreOfInstrument {
            cutoff_swing: dice.below(101) as u8,
            resonance_swing: dice.below(101) as u8,
            pitch_tempo_lock: if dice.chance(2) { 0 } else { dice.below(512) as u16 },
        },
    }
}

fn random_song(format: Format, seed: u32) -> Song {
    let dice = &mut Dice(seed.wrapping_mul(0x0100_0000));
    let pitch = if dice.chance(2) { PitchModel::Linear } else { PitchModel::Periods };
    let mut song = fixture::song(format, pitch);
    song.quirks = Quirks {
        slides_on_first_tick: dice.chance(2),
        amiga_limits: dice.chance(2),
        old_effects: dice.chance(2),
        compatible_portamento: dice.chance(2),
        sample_swaps_at_loop_end: dice.chance(2),
        loop_follows_whole_sample: dice.chance(2),
        old_swing: dice.chance(2),
        extended_filter_range: dice.chance(4),
        ..Quirks::default()
    };
    for (way, ..) in LIST.iter().filter(|_| dice.chance(3)) {
        song.quirks.missing_ways.set(*way, true);
    }
    song.samples = (0..4)
        .map(|_| {
            let frames = dice.below(300) + 1;
            let mut sample = fixture::sample(frames as usize);
            let start = dice.below(frames);
            let span = Loop { start, end: start + 1 + dice.below(frames - start), ping_pong: dice.chance(2) };
            sample.sample_loop = dice.chance(2).then_some(span);
            sample.sustain_loop = dice.chance(3).then_some(span);
            sample.c5_speed = dice.below(100_000);
            (sample.relative_key, sample.finetune) =
                (dice.below(256) as u8 as i8, dice.below(256) as u8 as i8);
            let [speed, depth, sweep] = [64, 33, 256].map(|end| dice.below(end) as u8);
            sample.vibrato = AutoVibrato { wave: Wave::Random, speed, depth, sweep };
            sample
        })
        .collect();
    if matches!(format, Format::Xm | Format::It) && dice.chance(2) {
        song.instruments = (0..4).map(|_| instrument(dice)).collect();
    }
    song.orders = (0..6)
        .map(|_| match dice.below(6) {
            0 => Order::Skip,
            1 => Order::End,
            2 => Order::Pattern(9),
            _ => Order::Pattern(0),
        })
        .collect();
    for cell_of_song in &mut song.patterns[0].cells {
        *cell_of_song = cell(dice, format);
    }
    song
}

/// Left and right of the first channel, rendered in blocks of the sizes in turn.
fn rendered(song: &Arc<Song>, way: (Tone, Interpolation), ticks: usize, sizes: &[usize]) -> Vec<f32> {
    sound_of(player(song, way), ticks, sizes)
}

fn player(song: &Arc<Song>, (tone, interpolation): (Tone, Interpolation)) -> SongPlayer {
    let mut player = SongPlayer::new(Arc::clone(song), SampleRate(44_100.0));
    player.set_tone(tone);
    player.set_interpolation(interpolation);
    player
}

fn sound_of(mut player: SongPlayer, ticks: usize, sizes: &[usize]) -> Vec<f32> {
    let mut feeds = [Feed::new(2), Feed::new(2)];
    let (mut sound, mut sizes) = (Vec::new(), sizes.iter().cycle());
    for _ in 0..ticks {
        player.tick();
        let mut left = (player.tick_seconds() * 44_100.0) as usize;
        while left > 0 {
            let frames = sizes.next().unwrap().min(&left).to_owned();
            feeds.iter_mut().for_each(|feed| feed.begin(frames));
            let mut ctx = RenderContext::new(0, Activity::Silent);
            player.render(&mut ctx, &mut Outlets::new(&mut feeds, &[]), &(0..frames));
            let (first, second) = feeds[0].open(0..frames);
            first.iter().zip(&*second).for_each(|(first, second)| sound.extend([first, second]));
            left -= frames;
        }
    }
    sound
}

const INTERPOLATIONS: [Interpolation; 4] =
    [Interpolation::None, Interpolation::Linear, Interpolation::Cubic, Interpolation::Sinc];

/// Every tone with every interpolation.
fn ways() -> impl Iterator<Item = (Tone, Interpolation)> {
    let tones = [Tone::Clean, Tone::Authentic].into_iter();
    let amigas = [AmigaModel::A500, AmigaModel::A1200, AmigaModel::Unfiltered].map(Tone::Amiga);
    tones
        .flat_map(|tone| INTERPOLATIONS.map(|interpolation| (tone, interpolation)))
        .chain(amigas.map(|tone| (tone, Interpolation::None)))
}

#[test]
fn random_songs_play_without_panic_and_stay_finite() {
    for format in FORMATS {
        for seed in 0..60 {
            let song = Arc::new(random_song(format, seed));
            let interpolation = INTERPOLATIONS[seed as usize % INTERPOLATIONS.len()];
            let sound = rendered(&song, (Tone::Clean, interpolation), 150, &[256]);
            // Resonance may ring, but is bounded.
            assert!(sound.iter().all(|sample| sample.abs() < 64.0), "{format:?} {seed}");
        }
    }
}

/// Recordings ten times as long, loud in places.
fn uneven(mut song: Song) -> Song {
    let loudness = |n: usize| 32_767 >> (n / 200 * 7919 % 9);
    for sample in &mut song.samples {
        let frames = sample.data.frames() * 10;
        let noise = (0..frames).map(|n| ((n * 7919 % 65_536) as i32 - 32_768) * loudness(n) / 32_768);
        sample.data = Arc::new(SampleData::Mono16(noise.map(|x| x as i16).collect()));
        for span in [&mut sample.sample_loop, &mut sample.sustain_loop].into_iter().flatten() {
            (span.start, span.end) = (span.start * 10, span.end * 10);
        }
    }
    song
}

#[test]
fn ticks_are_no_louder_than_their_bound_and_passing_over_them_changes_nothing_later() {
    let mut passed_over = 0;
    for (format, seed) in FORMATS.into_iter().flat_map(|format| (0..60).map(move |seed| (format, seed))) {
        let song = Arc::new(uneven(random_song(format, seed)));
        let peaks = Peaks::of(&song);
        let new = || player(&song, (Tone::Clean, Interpolation::None));
        let (mut whole, mut other) = (new(), new());
        for tick in 0..200 {
            whole.tick();
            other.tick();
            let frames = (whole.tick_seconds() * 8000.0) as usize;
            let bound = other.bound(frames, &peaks);
            let [sound, mut same] = [(); 2].map(|()| [vec![0.0_f32; frames], vec![0.0; frames]]);
            let [mut left, mut right] = sound;
            whole.add_mix(&mut left, &mut right);
            let peak = left.iter().chain(&right).fold(0.0_f32, |peak, x| peak.max(x.abs()));
            if let Some(bound) = bound.filter(|_| tick % 3 != 0) {
                assert!(peak <= bound * 1.0001, "{format:?} {seed} tick {tick}: {peak} over {bound}");
                other.skip(frames);
                passed_over += 1;
            } else {
                let [same_left, same_right] = &mut same;
                other.add_mix(same_left, same_right);
                assert!([left, right] == same, "{format:?} {seed} tick {tick}");
            }
        }
    }
    assert!(passed_over > 5000, "{passed_over}");
}

#[test]
fn random_songs_stand_every_tone_seeks_and_keys() {
    for format in FORMATS {
        for seed in 0..=255 {
            drill::play(&Arc::new(random_song(format, seed)), seed as u8, 100);
        }
    }
}

/// Every input in `tests/crashes` once broke a loader or replay; see the README's section on reliability.
#[test]
fn inputs_that_once_broke_something_load_and_play_or_say_why() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/crashes");
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        match load(&bytes) {
            Ok(song) => drill::play(&Arc::new(song), bytes.last().copied().unwrap_or(0), 1000),
            Err(error) => println!("{}: {error}", path.display()),
        }
    }
}

#[test]
fn a_timeline_of_a_random_song_goes_where_playing_goes() {
    for format in FORMATS {
        for seed in 2000..2100 {
            let song = Arc::new(random_song(format, seed));
            let mut player = SongPlayer::new(Arc::clone(&song), SampleRate(44_100.0));
            for place in Timeline::build(&song).ticks().iter().take(2000) {
                player.tick();
                assert_eq!(player.position(), *place, "{format:?} {seed}");
            }
        }
    }
}

#[test]
fn sound_does_not_depend_on_how_a_tick_is_cut() {
    for format in FORMATS {
        for way in ways() {
            let sounds = |sound: &Vec<f32>| sound.iter().any(|sample| *sample != 0.0);
            let (song, whole) = (1000..1050)
                .map(|seed| Arc::new(random_song(format, seed)))
                .map(|song| (Arc::clone(&song), rendered(&song, way, 80, &[256])))
                .find(|(_, sound)| sounds(sound))
                .unwrap();
            for sizes in [&[1][..], &[7], &[64], &[255], &[13, 200, 1, 77]] {
                assert!(rendered(&song, way, 80, sizes) == whole, "{format:?} {way:?} {sizes:?}");
            }
        }
    }
}

#[test]
fn moving_gains_and_filters_do_not_depend_on_how_a_tick_is_cut() {
    for format in FORMATS {
        for seed in 40..70 {
            let song = Arc::new(random_song(format, seed));
            for tone in [Tone::Clean, Tone::Authentic] {
                let rendered = |sizes: &[usize]| {
                    let mut player = player(&song, (tone, Interpolation::Linear));
                    player.set_ramping(Ramping::On);
                    sound_of(player, 80, sizes)
                };
                let whole = rendered(&[256]);
                assert!(whole.iter().all(|sample| sample.abs() < 64.0), "{format:?} {seed} {tone:?}");
                assert!(rendered(&[13, 200, 1, 77]) == whole, "{format:?} {seed} {tone:?}");
            }
        }
    }
}

#[test]
fn every_level_gives_the_same_bits() {
    for format in FORMATS {
        for (seed, way) in (1000..).zip(ways()) {
            let song = Arc::new(random_song(format, seed));
            let rendered = |level| {
                let mut player = player(&song, way);
                player.set_level(level);
                sound_of(player, 60, &[256, 77])
            };
            let best = rendered(Level::detect());
            for level in Level::available() {
                assert!(rendered(level) == best, "{format:?} {way:?} {level:?}");
            }
        }
    }
}

#[test]
fn a_reset_player_plays_like_a_new_one() {
    for format in FORMATS {
        let song = Arc::new(random_song(format, 7));
        let mut used = SongPlayer::new(Arc::clone(&song), SampleRate(44_100.0));
        let mut fresh = SongPlayer::new(song, SampleRate(44_100.0));
        (0..100).for_each(|_| used.tick());
        used.reset();
        for _ in 0..100 {
            used.tick();
            fresh.tick();
            let state = |player: &SongPlayer| {
                let voice = &player.channels[0];
                (
                    player.position(),
                    voice.period,
                    voice.volume,
                    voice.sound.position_q32,
                    voice.sound.step_q32,
                )
            };
            assert_eq!(state(&used), state(&fresh), "{format:?}");
            used.skip(800);
            fresh.skip(800);
        }
    }
}

#[test]
fn a_cleared_player_turns_its_loops_like_a_new_one() {
    let loops = |player: &SongPlayer| {
        let sound = &player.channels[0].sound;
        (sound.ping_pong_overlap, sound.turns_roughly)
    };
    // Early OpenMPT turns roughly, Impulse Tracker itself overlaps.
    for (loops_turn_roughly, expected) in [(true, (0, true)), (false, (1, false))] {
        let mut song = random_song(Format::It, 7);
        song.quirks = Quirks { loops_turn_roughly, ..Quirks::default() };
        song.quirks.missing_ways.set(Way::PingPongIsShort, loops_turn_roughly);
        let mut player = SongPlayer::new(Arc::new(song), SampleRate(44_100.0));
        assert_eq!(loops(&player), expected);
        player.tick();
        player.reset();
        player.clear();
        assert_eq!(loops(&player), expected);
    }
}
