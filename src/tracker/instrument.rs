//! Instruments: what a number in the pattern changes of a channel.
//!
//! In: a channel and an instrument or sample number. Out: the sample under the channel, with its loops, volume, panning
//! and envelopes. Audio thread. The order of questions follows the trackers; the test modules that pin it down are named
//! at the lines.

use super::effect::NoteCommand;
use super::song::Instrument;
use super::song::Loop;
use super::song::Sample;
use super::state::Context;
use super::state::SavedPanning;
use super::state::Voice;
use super::voice::Successor;
use super::voice::WayBack;
use super::ways::Way;
use crate::audio::AudioSource;

/// How an instrument comes to a channel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Change {
    /// From 1.
    pub(crate) number: u16,
    /// Under a tone portamento.
    pub(crate) portamento: bool,
    /// The sample's default volume is taken.
    pub(crate) with_volume: bool,
    pub(crate) with_envelopes: bool,
}

pub(crate) fn frames(sample: &Sample) -> u32 {
    sample.data.frames().min(u32::MAX as usize) as u32
}

/// Gives the channel an instrument or sample number.
pub(crate) fn change_instrument(cx: &Context<'_>, ch: &mut Voice, change: Change) {
    if cx.rules.it(Way::LoneNumbersRestartNotes) && ch.new_key.is_none() {
        return;
    }
    let index = change.number.checked_sub(1);
    let instrument = index.filter(|&index| cx.instrument(Some(index)).is_some());
    let Some(sample) = chosen_sample(cx, ch, change.number, instrument) else {
        ch.instrument = instrument;
        if instrument.is_none() {
            ch.waiting_instrument = 0;
            ch.sound.successor = None;
        }
        return;
    };
    let mut coming = Coming {
        change,
        instrument,
        sample,
        instrument_changed: instrument != ch.instrument,
        sample_changed: ch.sample.is_some() && sample != ch.sample,
        old_volume: ch.instrument_volume,
    };
    let keeps_sound = settle_on_sample(cx, ch, &mut coming);
    ch.instrument = coming.instrument;
    if change.with_volume && (cx.has_frames(coming.sample) || cx.rules.is_xm() || cx.rules.is_it()) {
        ch.volume = cx.sample(coming.sample).map_or(0, |sample| i32::from(sample.volume) * 4);
    }
    if keeps_sound {
        keep_sample(cx, ch, coming.sample, coming.sample_changed);
        return;
    }
    take_settings(cx, ch, &coming);
    if coming.sample.is_none() {
        ch.sample = None;
        ch.instrument_volume = 0;
    } else {
        attach_instrument(cx, ch, coming);
    }
}

/// An instrument on its way to a channel; numbers from 0.
struct Coming {
    change: Change,
    instrument: Option<u16>,
    sample: Option<u16>,
    instrument_changed: bool,
    sample_changed: bool,
    /// Instrument volume before the change.
    old_volume: i32,
}

/// Lets the trackers' ways with portamento decide what comes; `true` where the old sample sounds on untouched.
fn settle_on_sample(cx: &Context<'_>, ch: &mut Voice, coming: &mut Coming) -> bool {
    let rules = cx.rules;
    let playing = ch.sound.step_q32 != 0;
    let mut keeps_sound = false;
    if coming.sample_changed && coming.change.portamento {
        let keeps = rules.it(Way::CompatiblePortamentoKeepsSample);
        if keeps && rules.quirks.compatible_portamento && playing {
            coming.sample = ch.sample; // PortaSampleCompat.it
        }
        keeps_sound = rules.is_xm() && !coming.instrument_changed && coming.instrument.is_some()
            || (rules.is_mod() || rules.st3.portamento_keeps_sample) && playing;
        if rules.it(Way::NewSamplesResetFilter) && !rules.instruments {
            ch.triggered = true; // FilterPortaSmpChange.it
        }
    }
    let lone_number = !ch.step.note.is_key() && ch.sound.length > 0;
    if rules.it(Way::NumbersRecallTheirSample)
        && rules.instruments
        && !coming.instrument_changed
        && coming.sample_changed
        && lone_number
    {
        keeps_sound = true; // InstrAfterMultisamplePorta.it
    }
    if rules.is_it() && !playing {
        coming.instrument_changed = true;
    }
    let known = ch.instrument.is_some() || ch.sample.is_some();
    let changed = coming.instrument_changed || coming.sample_changed;
    if rules.ft2.portamento_keeps_instrument && coming.change.portamento && known && changed {
        // FT2 ignores the new number under a portamento, but reloads the old one's settings.
        (coming.instrument, coming.sample, coming.instrument_changed) = (ch.instrument, ch.sample, false);
    }
    keeps_sound
}

/// Volume, panning, envelopes and the new note action that come with an instrument.
fn take_settings(cx: &Context<'_>, ch: &mut Voice, coming: &Coming) {
    ch.waiting_instrument = 0;
    ch.sound.successor = None;
    let (instrument, sample) = (cx.instrument(coming.instrument), cx.sample(coming.sample));
    let by_number = cx.rules.is_it() && !cx.rules.it(Way::NotesResetAction) && sample.is_some();
    if (coming.instrument_changed || by_number)
        && let Some(instrument) = instrument
    {
        ch.new_note_action = instrument.new_note_action;
    }
    ch.instrument_volume = instrument_volume(sample, instrument);
    if (coming.change.with_volume || !cx.rules.is_xm()) && !cx.rules.it(Way::PanningNeedsNote) {
        apply_panning(cx, ch, instrument, sample);
    }
    if coming.change.with_envelopes {
        reset_envelopes_on_change(cx, ch, coming, instrument);
    }
}

/// The sample that an instrument number stands for now, `Some(None)` for an empty slot; `None` ends the change.
fn chosen_sample(cx: &Context<'_>, ch: &Voice, number: u16, instrument: Option<u16>) -> Option<Option<u16>> {
    if !cx.rules.instruments {
        return Some(number.checked_sub(1));
    }
    match (cx.instrument(instrument), ch.new_key) {
        (Some(data), Some(key)) => {
            let sample = data.keys.get(usize::from(key)).and_then(|slot| slot.sample.checked_sub(1));
            // Impulse Tracker ignores empty slots (emptyslot.it, PortaInsNum.it).
            (sample.is_some() || !cx.rules.it(Way::EmptySlotsAreIgnored)).then_some(sample)
        }
        _ if cx.rules.it(Way::EmptySlotsAreIgnored) => None,
        _ => Some(None),
    }
}

/// A change that keeps the sample sounding: ProTracker takes the finetune, Scream Tracker the speed.
fn keep_sample(cx: &Context<'_>, ch: &mut Voice, sample: Option<u16>, sample_changed: bool) {
    let Some(data) = cx.sample(sample).filter(|_| sample_changed) else { return };
    if cx.rules.quirks.sample_swaps_at_loop_end {
        ch.finetune = data.finetune.into();
    }
    if cx.rules.is_s3m() && frames(data) > 0 {
        ch.c5_speed = data.c5_speed;
    }
}

fn instrument_volume(sample: Option<&Sample>, instrument: Option<&Instrument>) -> i32 {
    let sample = sample.map_or(64, |sample| i32::from(sample.global_volume));
    // The file's 0..=128 is twice the factor's 0..=64.
    instrument.map_or(sample, |instrument| sample * (i32::from(instrument.global_volume) / 2) / 64)
}

fn reset_envelopes_on_change(
    cx: &Context<'_>,
    ch: &mut Voice,
    coming: &Coming,
    instrument: Option<&Instrument>,
) {
    let change = coming.change;
    let quirks = &cx.rules.quirks;
    let (reset, always) = if cx.rules.it(Way::EnvelopesResetSeldom) {
        // EnvReset.it, CarryNNA.it
        let released = ch.fading || ch.key_off;
        let reset = ch.sound.length == 0
            || change.portamento && quirks.compatible_portamento
            || !change.portamento && released && quirks.old_effects;
        let carries_on =
            if cx.rules.it(Way::CarryOutlivesRelease) { ch.step.note.is_key() } else { !ch.key_off };
        (reset, ch.fade == 0 || coming.instrument_changed || !carries_on)
    } else if cx.rules.is_it() {
        let faded = ch.fading && ch.fade == 0;
        let reset = !change.portamento || quirks.compatible_portamento || ch.sound.length == 0 || faded;
        (reset, coming.instrument_changed || ch.key_off || ch.fading)
    } else {
        (true, true)
    };
    if reset {
        match instrument {
            Some(_) if always => ch.reset_envelopes(),
            Some(instrument) if takes_carried(cx, &change) => carry_from_last_voice(cx, ch, instrument),
            Some(instrument) => reset_uncarried(ch, instrument),
            None => {}
        }
        if !cx.rules.it(Way::WavesAreFine) {
            ch.reset_sample_vibrato();
        }
    } else if instrument.is_some_and(|instrument| !instrument.volume_envelope.enabled) {
        match cx.rules.it(Way::CompatiblePortamentoKeepsSample) {
            true => ch.volume_envelope.position = 0,
            false => ch.reset_envelopes(),
        }
    }
}

fn takes_carried(cx: &Context<'_>, change: &Change) -> bool {
    change.portamento && cx.rules.quirks.compatible_portamento && cx.rules.it(Way::CarryComesFromLastVoice)
}

/// Compatible Gxx with a number: carried envelopes go on from the note that went to the background last, on whatever
/// channel (CarryCompatGxxPortaWithIns.it).
fn carry_from_last_voice(cx: &Context<'_>, ch: &mut Voice, instrument: &Instrument) {
    let ch = &mut ch.state;
    let [volume, panning, pitch] = cx.flow.last_moved.get().map_or([0; 3], |(_, positions)| positions);
    for (state, envelope, position) in [
        (&mut ch.volume_envelope, &instrument.volume_envelope, volume),
        (&mut ch.panning_envelope, &instrument.panning_envelope, panning),
        (&mut ch.pitch_envelope, &instrument.pitch_envelope, pitch),
    ] {
        state.position = if envelope.carry { position } else { 0 };
    }
}

pub(crate) fn reset_uncarried(ch: &mut Voice, instrument: &Instrument) {
    let ch = &mut ch.state;
    for (state, envelope) in [
        (&mut ch.volume_envelope, &instrument.volume_envelope),
        (&mut ch.panning_envelope, &instrument.panning_envelope),
        (&mut ch.pitch_envelope, &instrument.pitch_envelope),
    ] {
        if !envelope.carry {
            state.position = 0;
        }
    }
}

fn attach_instrument(cx: &Context<'_>, ch: &mut Voice, coming: Coming) {
    let Coming { change, sample, .. } = coming;
    let (rules, was_off) = (cx.rules, ch.key_off);
    if continues_sample(cx, ch, &coming) {
        return;
    }
    let Some(data) = cx.sample(sample) else {
        ch.sample = None;
        ch.sound.length = 0;
        return;
    };
    if change.portamento && ch.sound.length == 0 && (rules.ft2.portamento_needs_note || rules.it_portamento) {
        ch.sound.step_q32 = 0; // PortaJustStoppedNote.it
    }
    if releases_into_new_envelopes(cx, ch, &coming, data) {
        return;
    }
    if ch.sample != sample {
        ch.leave_tail();
        ch.sound.start_from_silence();
    }
    ch.sample = sample;
    attach_sample(cx, ch, data);
    if rules.it(Way::WavesAreFine) {
        ch.reset_sample_vibrato();
    }
    if !change.portamento || coming.sample_changed || !rules.is_numbered() {
        ch.c5_speed = data.c5_speed;
        ch.finetune = data.finetune.into();
    }
    ch.transpose = data.relative_key.into();
    if !rules.ft2.portamento_keeps_target && !rules.is_mod() {
        ch.porta_target = 0;
    }
    // Keeps a released sustain loop released under a portamento.
    let sustains = !rules.it(Way::PortamentoKeepsSustainReleased)
        || !change.portamento
        || ch.instrument.is_some() && !was_off;
    let turns = ch.sound.ping_pong;
    set_loop(ch, data, sustains);
    // A sample that would ping-pong after the release does so in its sustain loop too, until the next note.
    ch.sound.ping_pong |= turns;
    if rules.is_it() {
        if ch.sound.frame() >= ch.sound.length.into() {
            ch.count_strike(); // the new recording begins, too, if under a portamento
        }
        ch.sound.go_back(WayBack::ToStart);
    }
}

/// What a change does to key, envelopes and direction; `true` where a portamento lets the sample run on as it is.
fn continues_sample(cx: &Context<'_>, ch: &mut Voice, coming: &Coming) -> bool {
    let rules = cx.rules;
    if !(coming.change.portamento && coming.sample == ch.sample && coming.sample.is_some()) {
        (ch.key_off, ch.fading) = (false, false);
        let keeps = !rules.is_it() || rules.it(Way::NumbersKeepDirection);
        if !keeps || coming.sample != ch.sample || coming.instrument_changed {
            ch.sound.backwards = false;
        }
        start_envelopes(cx, ch);
        return false;
    }
    if coming.instrument_changed && ch.instrument.is_some() && rules.it(Way::PortamentoKeepsSustainReleased) {
        (ch.key_off, ch.fading) = (false, false);
    }
    if (rules.is_it() || rules.is_s3m()) && ch.sound.length != 0 {
        return true;
    }
    if !rules.ft2.portamento_keeps_release || ch.step.instrument != 0 {
        (ch.key_off, ch.fading) = (false, false);
    }
    false
}

/// Old effects of Impulse Tracker: a number beside a key off leaves the old sample playing under the new envelopes
/// (ResetEnvNoteOffOldFx.it).
fn releases_into_new_envelopes(cx: &Context<'_>, ch: &mut Voice, coming: &Coming, sample: &Sample) -> bool {
    let restarts = cx.rules.it(Way::ReleaseRestartsOldEnvelopes) && cx.rules.quirks.old_effects;
    let releases = restarts && ch.step.note == NoteCommand::Off;
    if !releases || !coming.sample_changed {
        return false;
    }
    ch.volume = i32::from(sample.volume) * 4;
    ch.instrument_volume = coming.old_volume;
    if let Some(panning) = sample.panning {
        set_instrument_panning(cx, ch, panning);
    }
    true
}

fn start_envelopes(cx: &Context<'_>, ch: &mut Voice) {
    let Some(instrument) = cx.instrument(ch.instrument) else { return };
    ch.volume_envelope.running = instrument.volume_envelope.enabled;
    ch.panning_envelope.running = instrument.panning_envelope.enabled;
    ch.pitch_envelope.running = instrument.pitch_envelope.enabled;
    ch.filter_envelope = instrument.pitch_envelope_is_filter;
    let filters = instrument.pitch_envelope.enabled && instrument.pitch_envelope_is_filter;
    if filters && ch.cutoff == 0 && !cx.rules.it(Way::FilterIsItsOwn) {
        ch.cutoff = 127;
    }
    if let Some(cutoff) = instrument.filter_cutoff {
        ch.cutoff = cutoff.into();
    }
    if let Some(resonance) = instrument.filter_resonance {
        ch.resonance = resonance.into();
    }
}

/// Puts a sample under the channel, with its loop.
pub(crate) fn attach_sample(cx: &Context<'_>, ch: &mut Voice, sample: &Sample) {
    ch.sound.attach(sample);
    let length = frames(sample);
    ch.sound.length = length;
    let (start, end) = sample.sample_loop.map_or((0, 0), |span| (span.start, span.end));
    (ch.sound.loop_start, ch.sound.loop_end) = (start, end);
    ch.sound.looping = sample.sample_loop.is_some();
    ch.sound.ping_pong = sample.sample_loop.is_some_and(|span| span.ping_pong);
    ch.sound.later_loop_end = None;
    if cx.rules.quirks.loop_follows_whole_sample && start == 0 && ch.sound.looping {
        // ProTracker plays the whole recording once before it repeats a loop from the start.
        ch.sound.loop_end = length;
        ch.sound.later_loop_end = Some(end);
    }
    ch.has_sustain = sample.sustain_loop.is_some();
}

/// Puts a sample under a fresh voice without any instrument around it.
pub(crate) fn attach_bare_sample(cx: &Context<'_>, ch: &mut Voice, index: Option<u16>, sample: &Sample) {
    (ch.instrument, ch.sample) = (None, index);
    ch.instrument_volume = instrument_volume(Some(sample), None);
    apply_panning(cx, ch, None, Some(sample));
    attach_sample(cx, ch, sample);
    (ch.c5_speed, ch.finetune) = (sample.c5_speed, sample.finetune.into());
    ch.transpose = sample.relative_key.into();
}

/// Puts the sustain loop in force where there is one, and ends the sound at the loop.
pub(crate) fn set_loop(ch: &mut Voice, sample: &Sample, sustains: bool) {
    if let Some(span) = sample.sustain_loop.filter(|_| sustains) {
        use_loop(ch, span);
    }
    if ch.sound.looping {
        ch.sound.length = ch.sound.length.min(ch.sound.loop_end);
    }
}

pub(crate) fn use_loop(ch: &mut Voice, span: Loop) {
    (ch.sound.loop_start, ch.sound.loop_end) = (span.start, span.end);
    ch.sound.ping_pong = span.ping_pong;
    ch.sound.looping = true;
}

/// Panning that an instrument or its sample sets by itself.
pub(crate) fn apply_panning(
    cx: &Context<'_>,
    ch: &mut Voice,
    instrument: Option<&Instrument>,
    sample: Option<&Sample>,
) {
    let own = instrument.and_then(|instrument| instrument.panning);
    if let Some(panning) = sample.and_then(|sample| sample.panning).or(own) {
        set_instrument_panning(cx, ch, panning);
        if cx.rules.panning_overrides() {
            ch.surround = false;
        }
    }
}

fn set_instrument_panning(cx: &Context<'_>, ch: &mut Voice, panning: u16) {
    if cx.rules.it(Way::PanningIsGivenBack) {
        ch.saved_panning = Some(SavedPanning { panning: ch.panning, surround: ch.surround });
    }
    ch.panning = panning.into();
}

/// Brings back what the last instrument's panning covered.
pub(crate) fn restore_panning(ch: &mut Voice) {
    if let Some(saved) = ch.saved_panning.take() {
        ch.panning = saved.panning;
        ch.surround |= saved.surround;
    }
    if let Some(cutoff) = ch.saved_cutoff.take() {
        ch.cutoff = cutoff;
    }
    if let Some(resonance) = ch.saved_resonance.take() {
        ch.resonance = resonance;
    }
}

/// ProTracker: the sample that follows when the playing one ends.
pub(crate) fn await_sample(cx: &Context<'_>, ch: &mut Voice, number: u16) {
    let index = number.checked_sub(1);
    ch.sound.successor = None;
    let Some(sample) = index.and_then(|index| cx.song.samples.get(usize::from(index))) else { return };
    if index == ch.sample {
        return;
    }
    ch.sound.successor = Some(Successor::new(number - 1, sample)); // `index` exists
}
