//! Of the keyboard's own ways; what reaches it by events is tested in `tests/midi.rs`.

use super::*;
use crate::audio::Activity;
use crate::tracker::fixture;
use crate::tracker::song::AutoVibrato;
use crate::tracker::song::Format;
use crate::tracker::song::PitchModel;
use crate::tracker::song::Wave;

const RATE: SampleRate = SampleRate(48000.0);

fn press(key: u8) -> KeyPress {
    KeyPress { slot: 2, sound: KeySound::Instrument(1), key, velocity: 1.0, id: None }
}

/// Left of slot 2 over blocks of the sizes in turn, with what happens before each.
fn rendered(keyboard: &mut Keyboard, sizes: &[usize]) -> Vec<f32> {
    let mut out = Vec::new();
    for &size in sizes {
        let mut feeds = vec![Feed::new(2); KEYBOARD_SLOTS];
        feeds.iter_mut().for_each(|feed| feed.begin(size));
        keyboard.render(&mut RenderContext::new(0, Activity::Silent), &mut feeds, &(0..size));
        let silent = |slot: &usize| feeds[*slot].activity() == Activity::Silent;
        assert!(
            (0..KEYBOARD_SLOTS).filter(|&slot| slot != 2).all(|slot| silent(&slot)),
            "only slot 2 may sound"
        );
        out.extend_from_slice(feeds[2].open(0..size).0);
    }
    out
}

fn name(key: u8) -> KeyNote {
    KeyNote { slot: 2, key, id: None }
}

fn peak(audio: &[f32]) -> f32 {
    audio.iter().fold(0.0, |peak, sample| peak.max(sample.abs()))
}

fn keyboard() -> Keyboard {
    Keyboard::new(Arc::new(fixture::song(Format::It, PitchModel::Linear)), RATE)
}

#[test]
fn adlib_keys_sound_in_tune_and_die_away_by_their_envelopes() {
    let mut song = fixture::song(Format::S3m, PitchModel::Periods);
    let dies_away = [0x21, 0x21, 0x3F, 0, 0xF0, 0xF0, 0, 0x08, 0, 0, 0, 0];
    let never = [0x21, 0x21, 0x3F, 0, 0xF0, 0xF0, 0, 0, 0, 0, 0, 0];
    song.samples = [dies_away, never].map(fixture::adlib_sample).into();
    let mut keyboard = Keyboard::new(Arc::new(song), RATE);
    for (instrument, after_release) in [(1, true), (2, false)] {
        keyboard.press(KeyPress { sound: KeySound::Instrument(instrument), ..press(69) });
        let sound = rendered(&mut keyboard, &[256; 188]);
        let rises = sound.windows(2).filter(|pair| pair[0] < 0.0 && pair[1] >= 0.0).count();
        assert!(rises.abs_diff(440) <= 2, "instrument {instrument}: {rises} Hz");
        keyboard.release(name(69));
        rendered(&mut keyboard, &[256]);
        assert_eq!(peak(&rendered(&mut keyboard, &[256])) > 0.001, after_release);
        rendered(&mut keyboard, &[256; 100]);
        assert_eq!(peak(&rendered(&mut keyboard, &[256])), 0.0);
        assert!(keyboard.voices.iter().all(|key| key.note.is_none()));
    }
}

#[test]
fn random_numbers_depend_neither_on_blocks_nor_on_what_sounded_before_a_reset() {
    let mut song = fixture::song(Format::It, PitchModel::Linear);
    song.samples[0].vibrato = AutoVibrato { wave: Wave::Random, speed: 20, depth: 32, sweep: 255 };
    let mut keyboard = Keyboard::new(Arc::new(song), RATE);
    let mut played = |sizes: &[usize]| {
        keyboard.reset();
        keyboard.press(press(60));
        // Later ticks of the second key fall a little before those of the first, in the same block.
        rendered(&mut keyboard, &[225; 4]);
        keyboard.press(press(67));
        rendered(&mut keyboard, sizes)
    };
    let whole = played(&[256; 20]);
    assert!(played(&[256; 20]) == whole, "after a reset");
    assert!(played(&[32; 160]) == whole, "in smaller blocks");
}

#[test]
fn a_key_sounds_on_its_frame_until_it_is_released() {
    let mut keyboard = keyboard();
    assert_eq!(peak(&rendered(&mut keyboard, &[256])), 0.0);
    keyboard.press(press(60));
    assert!(peak(&rendered(&mut keyboard, &[256, 256])) > 0.01);
    keyboard.release(name(60));
    rendered(&mut keyboard, &[256; 8]);
    assert_eq!(peak(&rendered(&mut keyboard, &[256])), 0.0);
}

#[test]
fn a_note_does_not_depend_on_how_frames_are_cut() {
    let cut = |sizes: &[usize]| {
        let mut keyboard = keyboard();
        keyboard.control(2, Control::Modulation(1.0));
        keyboard.control(2, Control::Bend(Semitones(1.5)));
        keyboard.press(press(64));
        keyboard.control(2, Control::Volume(Gain(0.5)));
        rendered(&mut keyboard, sizes)
    };
    let whole = cut(&[256; 14]);
    assert_eq!(cut(&[7; 512]), whole);
    assert_eq!(cut(&[64; 56]), whole);
}

#[test]
fn the_pedal_holds_released_notes() {
    let mut keyboard = keyboard();
    keyboard.press(press(60));
    keyboard.set_pedal(2, true);
    keyboard.release(name(60));
    rendered(&mut keyboard, &[256; 8]);
    assert!(peak(&rendered(&mut keyboard, &[256])) > 0.01);
    keyboard.set_pedal(2, false);
    rendered(&mut keyboard, &[256; 8]);
    assert_eq!(peak(&rendered(&mut keyboard, &[256])), 0.0);
}

#[test]
fn more_keys_than_voices_steal_and_none_hangs() {
    let mut keyboard = keyboard();
    for key in 0..=strike::LAST_KEY {
        keyboard.press(press(key));
    }
    assert_eq!(keyboard.voices.iter().filter(|key| key.plays()).count(), KEYBOARD_VOICES);
    rendered(&mut keyboard, &[256]);
    keyboard.release_all(2);
    rendered(&mut keyboard, &[256; 8]);
    assert_eq!(peak(&rendered(&mut keyboard, &[256])), 0.0);
    assert!(keyboard.voices.iter().all(|key| key.note.is_none()));
}

#[test]
fn a_bend_of_an_octave_doubles_the_step_at_once() {
    let mut keyboard = keyboard();
    keyboard.press(press(60));
    let before = keyboard.voices[0].voice.sound.step_q32;
    keyboard.control(2, Control::Bend(Semitones(12.0)));
    assert_eq!(keyboard.voices[0].voice.sound.step_q32, before * 2);
}
