//! New note actions: what becomes of a note when its channel starts another.
//!
//! In: a channel about to play a key, and the background voices. Out: the old note moved to a background voice, and
//! duplicates dealt with. Audio thread. Only songs with IT instruments have background voices.

use super::note;
use super::song::DuplicateAction;
use super::song::DuplicateCheck;
use super::song::Instrument;
use super::song::NewNoteAction;
use super::state::Active;
use super::state::Context;
use super::state::Voice;
use super::ways::Way;

/// Applies duplicate checks and moves the sounding note to the background. `coming` is an instrument number (0 for the
/// one that plays) and a key.
pub(crate) fn leave_old_note(
    cx: &Context<'_>,
    index: usize,
    ch: &mut Voice,
    background: &mut [Voice],
    coming: (u16, u8),
) {
    if !cx.rules.is_it() || !cx.rules.instruments {
        return;
    }
    let (number, key) = coming;
    let known = number.checked_sub(1).filter(|&index| cx.instrument(Some(index)).is_some());
    let instrument = known.or(if number == 0 { ch.instrument } else { None });
    let mut sample = ch.sample;
    if let Some(data) = cx.instrument(instrument) {
        match data.keys.get(usize::from(key)).and_then(|slot| slot.sample.checked_sub(1)) {
            Some(index) => sample = Some(index),
            None if cx.rules.it(Way::EmptySlotsAreIgnored) => return,
            None => {}
        }
    }
    if ch.muted {
        return;
    }
    let key = compared_key(cx, instrument, key);
    let coming = Coming { instrument, sample, key };
    check_duplicate(cx, ch, &coming);
    for voice in background.iter_mut().filter(|voice| usize::from(voice.owner) == index) {
        check_duplicate(cx, voice, &coming);
    }
    cx.flow.last_moved.set(None);
    if ch.sound.step_q32 != 0 {
        let moved = move_to_background(cx, index, ch, background);
        if ch.instrument == instrument {
            cx.flow.last_moved.set(moved.map(|voice| (voice, ch.envelope_positions())));
        }
    }
}

/// The key that duplicates are told by.
fn compared_key(cx: &Context<'_>, instrument: Option<u16>, key: u8) -> u8 {
    if cx.rules.it(Way::DuplicatesAreOfPatternKeys) && cx.rules.it(Way::PatternKeysAreRemembered) {
        return key;
    }
    let slot = cx.instrument(instrument).and_then(|data| data.keys.get(usize::from(key)));
    slot.map_or(key, |slot| slot.key)
}

struct Coming {
    instrument: Option<u16>,
    sample: Option<u16>,
    key: u8,
}

fn check_duplicate(cx: &Context<'_>, voice: &mut Voice, coming: &Coming) {
    let Some(instrument) = cx.instrument(voice.instrument) else { return };
    let same_instrument = voice.instrument == coming.instrument;
    let any_instrument = !cx.rules.it(Way::DuplicatesAreOfPatternKeys);
    let duplicate = match instrument.duplicate_check {
        DuplicateCheck::Off => false,
        DuplicateCheck::Note => same_instrument && voice.key == Some(coming.key),
        DuplicateCheck::Sample => {
            (same_instrument || any_instrument) && coming.sample.is_some() && voice.sample == coming.sample
        }
        DuplicateCheck::Instrument => same_instrument,
    };
    if duplicate {
        end_duplicate(cx, voice, instrument);
    }
}

fn end_duplicate(cx: &Context<'_>, voice: &mut Voice, instrument: &Instrument) {
    match instrument.duplicate_action {
        DuplicateAction::Cut => {
            note::key_off(cx, voice);
            voice.volume = 0;
        }
        DuplicateAction::Off => note::key_off(cx, voice),
        DuplicateAction::Fade => voice.fading = true,
    }
    if voice.volume == 0 {
        voice.fade_to_nothing();
    }
}

/// Gives the background voice that the note moved to.
fn move_to_background(
    cx: &Context<'_>,
    index: usize,
    ch: &mut Voice,
    background: &mut [Voice],
) -> Option<usize> {
    let free = free_voice(ch, background);
    if let Some(voice) = free.and_then(|free| background.get_mut(free)) {
        voice.clone_from(ch);
        voice.owner = index as u16; // at most 64 channels
        voice.moved = cx.flow.count_move();
        voice.active = Active::default();
        voice.step = super::effect::Step::default();
        voice.portamento = false;
        voice.panbrello_offset = 0;
        let action: NewNoteAction = ch.new_note_action;
        note::dismiss(cx, voice, action);
        if voice.volume == 0 {
            voice.fade_to_nothing();
        }
    }
    if free.is_some() {
        ch.sound.length = 0;
        ch.sound.set_frame(0);
    }
    free
}

/// A voice that rests or has faded out, or else the quietest one where that is quieter than the note to be moved.
fn free_voice(ch: &Voice, background: &[Voice]) -> Option<usize> {
    let stopped = |voice: &Voice| voice.sound.length == 0;
    let free = background.iter().position(|voice| stopped(voice) && !voice.has_sound());
    // Better than none: one of which only the end of an older sound is left.
    if let Some(free) = free.or_else(|| background.iter().position(stopped)) {
        return Some(free);
    }
    if ch.fade == 0 && ch.sound.length != 0 {
        return None;
    }
    if let Some(faded) = background.iter().position(|voice| voice.fade == 0) {
        return Some(faded);
    }
    let loudness = |voice: &Voice| {
        let level = voice.level << 9 | voice.volume;
        if voice.sound.looping { level / 2 } else { level }
    };
    let limit = ch.level << 9 | ch.volume;
    let quietest = (0..).zip(background).min_by_key(|(_, voice)| loudness(voice));
    quietest.filter(|(_, voice)| loudness(voice) < limit).map(|(index, _)| index)
}
