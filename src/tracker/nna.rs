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
            None => return,
        }
    }
    let coming = Coming { instrument, sample, key };
    check_duplicate(cx, ch, &coming);
    for voice in background.iter_mut().filter(|voice| usize::from(voice.owner) == index) {
        check_duplicate(cx, voice, &coming);
    }
    if ch.sound.step_q32 != 0 {
        move_to_background(cx, index, ch, background);
    }
}

struct Coming {
    instrument: Option<u16>,
    sample: Option<u16>,
    key: u8,
}

fn check_duplicate(cx: &Context<'_>, voice: &mut Voice, coming: &Coming) {
    let Some(instrument) = cx.instrument(voice.instrument) else { return };
    let same_instrument = voice.instrument == coming.instrument;
    let duplicate = same_instrument
        && match instrument.duplicate_check {
            DuplicateCheck::Off => false,
            DuplicateCheck::Note => voice.key == Some(coming.key),
            DuplicateCheck::Sample => coming.sample.is_some() && voice.sample == coming.sample,
            DuplicateCheck::Instrument => true,
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

fn move_to_background(cx: &Context<'_>, index: usize, ch: &mut Voice, background: &mut [Voice]) {
    if let Some(voice) = free_voice(ch, background) {
        voice.clone_from(ch);
        voice.owner = index as u16; // at most 64 channels
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
    ch.sound.length = 0;
    ch.sound.position_q32 = 0;
}

/// A voice that rests, or else the quietest one where that is quieter than the note to be moved.
fn free_voice<'a>(ch: &Voice, background: &'a mut [Voice]) -> Option<&'a mut Voice> {
    if let Some(free) = background.iter().position(|voice| voice.sound.length == 0) {
        return background.get_mut(free);
    }
    if ch.fade == 0 && ch.sound.length != 0 {
        return None;
    }
    let loudness = |voice: &Voice| {
        let level = voice.level << 9 | voice.volume;
        if voice.sound.looping { level / 2 } else { level }
    };
    let limit = ch.level << 9 | ch.volume;
    background.iter_mut().min_by_key(|voice| loudness(voice)).filter(|voice| loudness(voice) < limit)
}
