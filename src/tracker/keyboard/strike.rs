//! How a key begins and ends on a voice, whatever the format.
//!
//! In: a fresh voice and a key, or a voice whose key goes up. Out: the voice playing its instrument or sample, or released as
//! its tracker would. Audio thread. Nothing here knows of slots or other voices.

use super::super::adlib;
use super::super::effect::NoteCommand;
use super::super::effect::Step;
use super::super::instrument;
use super::super::instrument::Change;
use super::super::note;
use super::super::note::Strike;
use super::super::state::Context;
use super::super::state::Voice;
use super::KeyPress;
use super::KeySound;

/// Highest key of a tracker.
pub(crate) const LAST_KEY: u8 = 119;
/// Key that plays a sample at its own speed.
const MIDDLE_KEY: u8 = 60;

/// The tracker's volume 0–64 of a velocity, in fourths; what is struck at all is never silent.
pub(crate) fn volume_of(velocity: f32) -> i32 {
    let velocity = velocity.clamp(0.0, 1.0);
    if velocity > 0.0 { (libm::roundf(velocity * 64.0) as i32).max(1) * 4 } else { 0 }
}

/// Gives a fresh voice its sound and key.
pub(super) fn strike(cx: &Context<'_>, voice: &mut Voice, press: &KeyPress) {
    match press.sound {
        KeySound::Instrument(number) => strike_instrument(cx, voice, number, press.key.min(LAST_KEY)),
        KeySound::Sample(number) => strike_sample(cx, voice, number),
    }
    voice.volume = volume_of(press.velocity);
    voice.step = Step::default();
}

fn strike_instrument(cx: &Context<'_>, voice: &mut Voice, number: u16, key: u8) {
    voice.step = Step { note: NoteCommand::Key(key), instrument: number, ..Step::default() };
    (voice.new_key, voice.last_key) = (Some(key), Some(key));
    let change = Change { number, portamento: false, with_volume: true, with_envelopes: true };
    instrument::change_instrument(cx, voice, change);
    note::change_note(cx, voice, NoteCommand::Key(key), Strike { portamento: false, with_envelopes: true });
}

/// A sample by itself, whatever instruments the song has.
fn strike_sample(cx: &Context<'_>, voice: &mut Voice, number: u16) {
    voice.step = Step { note: NoteCommand::Key(MIDDLE_KEY), instrument: number, ..Step::default() };
    (voice.new_key, voice.last_key) = (Some(MIDDLE_KEY), Some(MIDDLE_KEY));
    let index = number.checked_sub(1).filter(|&index| usize::from(index) < cx.song.samples.len());
    let Some(sample) = cx.sample(index) else { return };
    instrument::attach_bare_sample(cx, voice, index, sample);
    let strike = Strike { portamento: false, with_envelopes: true };
    note::change_note(cx, voice, NoteCommand::Key(MIDDLE_KEY), strike);
}

/// Has a voice that has just been struck begin on the pitch of another key and slide to its own. Says whether it does.
pub(super) fn slide_from(cx: &Context<'_>, voice: &mut Voice, from: u8, key: u8) -> bool {
    if from == key || voice.period == 0 {
        return false;
    }
    let own = cx.tuning.key(voice.period, voice.finetune, voice.c5_speed);
    let start = (own + i32::from(from) - i32::from(key)).clamp(0, LAST_KEY.into());
    let period = cx.tuning.period(start, voice.finetune, voice.c5_speed);
    if period == 0 {
        return false;
    }
    (voice.porta_target, voice.porta_from_above) = (voice.period, false);
    voice.period = period;
    period != voice.porta_target
}

/// Releases the key. Says whether the note ends by itself; if not, it has to be cut.
pub(crate) fn release(cx: &Context<'_>, voice: &mut Voice) -> bool {
    let strike = Strike { portamento: false, with_envelopes: false };
    note::change_note(cx, voice, NoteCommand::Off, strike);
    dies_away(cx, voice)
}

/// Whether a released note falls silent.
pub(super) fn dies_away(cx: &Context<'_>, voice: &Voice) -> bool {
    let sample = voice.sample.and_then(|index| cx.song.samples.get(usize::from(index)));
    if let Some(registers) = sample.and_then(|sample| sample.adlib) {
        return adlib::dies_away(&registers);
    }
    if voice.has_sustain && !voice.sound.looping {
        return true; // The rest of the recording is its release.
    }
    let Some(instrument) = cx.instrument(voice.instrument) else { return false };
    let envelope = &instrument.volume_envelope;
    if cx.rules.is_xm() && !envelope.enabled {
        return false; // FastTracker 2 cuts where there is no envelope.
    }
    let ends = envelope.enabled && envelope.envelope_loop.is_none();
    let at_nothing = envelope.points.last().is_some_and(|point| point.value == 0);
    // Impulse Tracker fades what its envelope leaves.
    let fades_after = cx.rules.is_it() && instrument.fadeout > 0;
    ends && (at_nothing || fades_after) || voice.fading && instrument.fadeout > 0
}
