//! Notes: instruments and samples that change, keys that are pressed and released, retriggers, offsets.
//!
//! In: a channel with its cell. Out: what the channel plays from now on. Audio thread. The order of questions follows
//! the trackers; the test modules that pin it down are named at the lines.

use super::effect::NoteCommand;
use super::effect::VolumeCommand;
use super::song::Instrument;
use super::song::Loop;
use super::song::NewNoteAction;
use super::song::Sample;
use super::state::Context;
use super::state::FULL_FADE;
use super::state::FULL_VOLUME;
use super::state::Random;
use super::state::SavedPanning;
use super::state::Voice;
use super::voice::Successor;
use crate::audio::AudioSource;
use std::sync::Arc;

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

fn frames(sample: &Sample) -> u32 {
    sample.data.frames().min(u32::MAX as usize) as u32
}

/// Gives the channel an instrument or sample number.
pub(crate) fn change_instrument(cx: &Context<'_>, ch: &mut Voice, change: Change) {
    let rules = cx.rules;
    if rules.is_it() && ch.new_key.is_none() {
        return;
    }
    let index = change.number.checked_sub(1);
    let mut instrument = index.filter(|&index| cx.instrument(Some(index)).is_some());
    let Some((mut sample, slot_is_empty)) = chosen_sample(cx, ch, change.number, instrument) else {
        ch.instrument = if instrument.is_some() && ch.new_key.is_some() { instrument } else { None };
        if instrument.is_none() {
            ch.waiting_instrument = 0;
            ch.sound.successor = None;
        }
        return;
    };
    let mut instrument_changed = instrument != ch.instrument;
    let sample_changed = ch.sample.is_some() && sample != ch.sample;
    let mut volume_only = false;
    if sample_changed && change.portamento {
        if rules.is_it() && rules.quirks.compatible_portamento && ch.sound.step_q32 != 0 {
            sample = ch.sample; // PortaSampleCompat.it
        }
        let playing = ch.sound.step_q32 != 0;
        volume_only = rules.is_xm() && !instrument_changed && instrument.is_some()
            || (rules.is_mod() || rules.scream_tracker) && playing;
        if rules.is_it() && !rules.instruments {
            ch.triggered = true; // FilterPortaSmpChange.it
        }
    }
    let lone_number = !ch.step.note.is_key();
    if rules.is_it()
        && rules.instruments
        && !instrument_changed
        && sample_changed
        && lone_number
        && ch.sound.length > 0
    {
        volume_only = true; // InstrAfterMultisamplePorta.it
    }
    if rules.is_it() && ch.sound.step_q32 == 0 {
        instrument_changed = true;
    }
    let known = ch.instrument.is_some() || ch.sample.is_some();
    if rules.ft2.portamento_keeps_instrument
        && change.portamento
        && known
        && (instrument_changed || sample_changed)
    {
        // FT2 ignores the new number under a portamento, but reloads the old one's settings.
        (instrument, sample, instrument_changed) = (ch.instrument, ch.sample, false);
    } else {
        ch.instrument = instrument;
    }
    let audible = cx.has_frames(sample);
    if change.with_volume && (audible || rules.is_xm() || rules.is_it()) {
        ch.volume = cx.sample(sample).map_or(0, |sample| i32::from(sample.volume) * 4);
    }
    if volume_only {
        keep_sample(cx, ch, sample, sample_changed);
        return;
    }
    ch.waiting_instrument = 0;
    ch.sound.successor = None;
    let old_volume = ch.instrument_volume;
    let data = cx.instrument(instrument);
    if instrument_changed && let Some(data) = data {
        ch.new_note_action = data.new_note_action;
    }
    ch.instrument_volume = instrument_volume(cx.sample(sample), data);
    if (change.with_volume || !rules.is_xm()) && !rules.is_it() {
        apply_panning(cx, ch, data, cx.sample(sample));
    }
    if change.with_envelopes {
        reset_envelopes_on_change(cx, ch, change, instrument_changed, data);
    }
    if slot_is_empty {
        ch.sample = None;
        ch.instrument_volume = 0;
        return;
    }
    attach_instrument(cx, ch, Attachment { change, old_volume, sample, sample_changed, instrument_changed });
}

/// The sample that an instrument number stands for now, and whether that is an empty slot; `None` ends the change.
fn chosen_sample(
    cx: &Context<'_>,
    ch: &Voice,
    number: u16,
    instrument: Option<u16>,
) -> Option<(Option<u16>, bool)> {
    if !cx.rules.instruments {
        return Some((number.checked_sub(1), number == 0));
    }
    match (cx.instrument(instrument), ch.new_key) {
        (Some(data), Some(key)) => {
            let sample = data.keys.get(usize::from(key)).and_then(|slot| slot.sample.checked_sub(1));
            // Impulse Tracker ignores empty slots (emptyslot.it, PortaInsNum.it).
            (sample.is_some() || !cx.rules.is_it()).then_some((sample, sample.is_none()))
        }
        _ if cx.rules.is_it() => None,
        _ => Some((None, true)),
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
    change: Change,
    instrument_changed: bool,
    instrument: Option<&Instrument>,
) {
    let quirks = &cx.rules.quirks;
    let (reset, always) = if cx.rules.is_it() {
        // EnvReset.it, CarryNNA.it
        let released = ch.fading || ch.key_off;
        let reset = ch.sound.length == 0
            || change.portamento && quirks.compatible_portamento
            || !change.portamento && released && quirks.old_effects;
        (reset, ch.fade == 0 || instrument_changed || !ch.step.note.is_key())
    } else {
        (true, true)
    };
    if reset {
        match instrument {
            Some(_) if always => ch.reset_envelopes(),
            Some(instrument) => reset_uncarried(ch, instrument),
            None => {}
        }
        if !cx.rules.is_it() {
            ch.reset_sample_vibrato();
        }
    } else if instrument.is_some_and(|instrument| !instrument.volume_envelope.enabled) {
        ch.volume_envelope.position = 0;
    }
}

fn reset_uncarried(ch: &mut Voice, instrument: &Instrument) {
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

struct Attachment {
    change: Change,
    /// Instrument volume before the change.
    old_volume: i32,
    sample: Option<u16>,
    sample_changed: bool,
    instrument_changed: bool,
}

fn attach_instrument(cx: &Context<'_>, ch: &mut Voice, attachment: Attachment) {
    let Attachment { change, old_volume, sample, sample_changed, instrument_changed } = attachment;
    let rules = cx.rules;
    let was_off = ch.key_off;
    let portamento = change.portamento;
    let old_sample = ch.sample;
    if portamento && sample == old_sample && sample.is_some() {
        if instrument_changed && ch.instrument.is_some() && rules.is_it() {
            (ch.key_off, ch.fading) = (false, false);
        }
        if (rules.is_it() || rules.is_s3m()) && ch.sound.length != 0 {
            return;
        }
        if !rules.ft2.portamento_keeps_release || ch.step.instrument != 0 {
            (ch.key_off, ch.fading) = (false, false);
        }
    } else {
        (ch.key_off, ch.fading) = (false, false);
        if sample != old_sample || instrument_changed {
            ch.sound.backwards = false;
        }
        start_envelopes(cx, ch);
    }
    let Some(data) = cx.sample(sample) else {
        ch.sample = None;
        ch.sound.length = 0;
        return;
    };
    if portamento && ch.sound.length == 0 && (rules.ft2.portamento_needs_note || rules.is_it()) {
        ch.sound.step_q32 = 0; // PortaJustStoppedNote.it
    }
    let old_effects_release = rules.is_it() && rules.quirks.old_effects && ch.step.note == NoteCommand::Off;
    if old_effects_release && sample_changed {
        // ResetEnvNoteOffOldFx.it: the old sample plays on under the new envelopes.
        ch.volume = i32::from(data.volume) * 4;
        ch.instrument_volume = old_volume;
        if let Some(panning) = data.panning {
            set_instrument_panning(cx, ch, panning);
        }
        return;
    }
    ch.sample = sample;
    attach_sample(cx, ch, data);
    if rules.is_it() {
        ch.reset_sample_vibrato();
    }
    if !portamento || sample_changed || !rules.is_numbered() {
        ch.c5_speed = data.c5_speed;
        ch.finetune = data.finetune.into();
    }
    ch.transpose = data.relative_key.into();
    if !rules.ft2.portamento_keeps_target && !rules.is_mod() {
        ch.porta_target = 0;
    }
    // Keeps a released sustain loop released under a portamento.
    let sustains = !rules.is_it() || !portamento || ch.instrument.is_some() && !was_off;
    set_loop(ch, data, sustains);
    if ch.sound.frame() >= ch.sound.length.into() && rules.is_it() {
        ch.sound.position_q32 = 0;
    }
}

fn start_envelopes(cx: &Context<'_>, ch: &mut Voice) {
    let Some(instrument) = cx.instrument(ch.instrument) else { return };
    ch.volume_envelope.running = instrument.volume_envelope.enabled;
    ch.panning_envelope.running = instrument.panning_envelope.enabled;
    ch.pitch_envelope.running = instrument.pitch_envelope.enabled;
    if let Some(cutoff) = instrument.filter_cutoff {
        ch.cutoff = cutoff.into();
    }
    if let Some(resonance) = instrument.filter_resonance {
        ch.resonance = resonance.into();
    }
}

fn attach_sample(cx: &Context<'_>, ch: &mut Voice, sample: &Sample) {
    let data: Arc<dyn AudioSource> = sample.data.clone();
    ch.sound.set_source(data);
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

/// Puts the sustain loop in force where there is one, and ends the sound at the loop.
fn set_loop(ch: &mut Voice, sample: &Sample, sustains: bool) {
    if let Some(span) = sample.sustain_loop.filter(|_| sustains) {
        use_loop(ch, span);
    }
    if ch.sound.looping {
        ch.sound.length = ch.sound.length.min(ch.sound.loop_end);
    }
}

fn use_loop(ch: &mut Voice, span: Loop) {
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
        ch.surround = false;
    }
}

fn set_instrument_panning(cx: &Context<'_>, ch: &mut Voice, panning: u16) {
    if cx.rules.is_it() {
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
}

/// How a note comes to a channel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Strike {
    pub(crate) portamento: bool,
    pub(crate) with_envelopes: bool,
}

/// Plays a key, or acts on key off, cut and fade.
pub(crate) fn change_note(cx: &Context<'_>, ch: &mut Voice, note: NoteCommand, strike: Strike) {
    match note {
        NoteCommand::None => {}
        NoteCommand::Key(key) => strike_key(cx, ch, key, strike),
        NoteCommand::Off => {
            key_off(cx, ch);
            let old_effects = cx.rules.is_it() && cx.rules.quirks.old_effects;
            if !strike.portamento && old_effects && ch.step.instrument != 0 {
                (ch.fading, ch.key_off) = (false, false); // noteoff3.it
            }
            forget_key(cx, ch);
        }
        NoteCommand::Cut => {
            cut(cx, ch);
            forget_key(cx, ch);
        }
        NoteCommand::Fade => {
            if !cx.rules.is_it() {
                key_off(cx, ch);
            } else if cx.rules.instruments {
                ch.fading = true;
            }
            forget_key(cx, ch);
        }
    }
}

fn forget_key(cx: &Context<'_>, ch: &mut Voice) {
    if cx.rules.is_it() {
        (ch.key, ch.new_key) = (None, None);
    }
}

/// `^^^`.
fn cut(cx: &Context<'_>, ch: &mut Voice) {
    if cx.rules.is_it() {
        if cx.rules.instruments {
            ch.fading = true;
        }
        ch.sound.step_q32 = 0;
    } else {
        key_off(cx, ch);
        ch.volume = 0;
    }
    ch.fade_to_nothing();
}

fn strike_key(cx: &Context<'_>, ch: &mut Voice, key: u8, strike: Strike) {
    let rules = cx.rules;
    let instrument = cx.instrument(ch.instrument);
    let mut sample_index = ch.sample;
    let mut sounding_key = i32::from(key);
    if let Some(slot) = instrument.and_then(|instrument| instrument.keys.get(usize::from(key))) {
        match slot.sample.checked_sub(1) {
            Some(index) => sample_index = Some(index),
            None if rules.is_it() => return,
            None => {}
        }
        sounding_key = slot.key.into();
    }
    let sample = cx.sample(sample_index);
    let mut portamento = strike.portamento;
    if !portamento
        && rules.is_xm()
        && let Some(sample) = sample
    {
        (ch.transpose, ch.finetune) = (sample.relative_key.into(), sample.finetune.into());
    }
    if !portamento
        && rules.is_it()
        && let Some(sample) = sample
    {
        ch.c5_speed = sample.c5_speed;
    }
    if portamento && ch.sound.step_q32 == 0 {
        if rules.ft2.portamento_needs_note {
            ch.period = 0; // FT2 ignores notes with portamento where none plays.
            return;
        }
        if rules.is_it() {
            portamento = false;
        }
    }
    if rules.is_numbered() {
        sounding_key = (sounding_key + if rules.is_xm() { ch.transpose } else { 0 }).clamp(11, 130);
    }
    // Impulse Tracker remembers the pattern's key, the others the one that sounds.
    ch.key = Some(if rules.is_it() { key } else { sounding_key as u8 });
    if !portamento || rules.is_s3m() || rules.is_it() {
        ch.waiting_instrument = 0;
        ch.sound.successor = None;
    }
    let period = cx.tuning.period(sounding_key, ch.finetune, ch.c5_speed);
    ch.panbrello_offset = 0;
    if rules.is_it() {
        apply_panning(cx, ch, instrument, sample);
        separate_pitch(ch, key, instrument);
    }
    if strike.with_envelopes && !portamento {
        swing(cx, ch, instrument);
    }
    let Some(sample) = sample else { return };
    if period != 0 {
        aim_period(cx, ch, period, portamento);
        if !portamento || ch.sound.length == 0 && !rules.is_s3m() {
            ch.sample = sample_index;
            start_sample(cx, ch, sample);
        }
        if ch.sound.frame() >= ch.sound.length.into() {
            ch.sound.move_to_frame(ch.sound.loop_start);
        }
    } else {
        portamento = false;
    }
    settle_key(cx, ch, portamento, strike.with_envelopes);
}

fn aim_period(cx: &Context<'_>, ch: &mut Voice, period: i32, portamento: bool) {
    if !portamento || ch.period == 0 {
        ch.period = period;
    }
    // Scream Tracker and early imitations of FT2 aim at notes without portamento too.
    let keeps_target = cx.rules.ft2.portamento_keeps_target || cx.rules.is_it() || cx.rules.is_mod();
    if portamento || !keeps_target {
        ch.porta_target = period;
        ch.porta_from_above = false;
    }
}

fn start_sample(cx: &Context<'_>, ch: &mut Voice, sample: &Sample) {
    ch.leave_tail();
    attach_sample(cx, ch, sample);
    ch.sound.position_q32 = 0;
    ch.sound.backwards = false;
    let repeats_offset = cx.rules.protracker || cx.rules.scream_tracker;
    if repeats_offset && ch.step.instrument == 0 {
        let last = ch.sound.length.saturating_sub(1);
        ch.sound.set_frame(ch.memory.note_offset.min(last));
    } else {
        ch.memory.note_offset = 0;
    }
    ch.portamento = false;
    set_loop(ch, sample, true);
    if ch.vibrato.wave < 4 {
        ch.vibrato.position = 0;
    }
    if !cx.rules.is_it() && ch.tremolo.wave < 4 {
        ch.tremolo.position = 0;
    }
}

/// Key, fade and flags of a key that has been struck.
fn settle_key(cx: &Context<'_>, ch: &mut Voice, portamento: bool, with_envelopes: bool) {
    let rules = cx.rules;
    let compatible = rules.quirks.compatible_portamento && rules.is_it();
    let faded = ch.fading && ch.fade == 0;
    let numbered = ch.step.instrument != 0;
    if !portamento || !rules.is_it() || faded || compatible && numbered {
        if rules.is_it() && faded {
            ch.reset_envelopes();
            ch.fading = false;
            ch.fade = FULL_FADE;
        }
        if (!portamento || !compatible || numbered) && (!rules.is_xm() || numbered) {
            ch.fading = false;
            ch.fade = FULL_FADE;
        }
    }
    let keeps_key_off =
        (rules.is_it() || rules.ft2.portamento_keeps_release) && portamento && (!compatible || !numbered);
    if !keeps_key_off {
        ch.key_off = false;
    }
    if portamento {
        return;
    }
    ch.triggered = true;
    ch.filtered = false;
    ch.sound.start_from_silence();
    ch.was_silent = true;
    if !rules.is_it() && !rules.ft2.retrigger_counts_on {
        ch.retrigger_count = 0;
        ch.tremor_count = 0;
    }
    if with_envelopes {
        ch.reset_sample_vibrato();
    }
}

/// Pitch-pan separation moves the panning by the distance from the centre key.
fn separate_pitch(ch: &mut Voice, key: u8, instrument: Option<&Instrument>) {
    let Some(instrument) = instrument.filter(|instrument| instrument.pitch_pan_separation != 0) else {
        return;
    };
    if ch.saved_panning.is_none() {
        ch.saved_panning = Some(SavedPanning { panning: ch.panning, surround: false });
    }
    let distance = i32::from(key) - i32::from(instrument.pitch_pan_centre);
    let moved = distance * i32::from(instrument.pitch_pan_separation) / 2;
    ch.panning = (ch.panning + moved).clamp(0, 256);
}

/// Random volume and panning of a new note, and envelopes that start over.
fn swing(cx: &Context<'_>, ch: &mut Voice, instrument: Option<&Instrument>) {
    (ch.volume_swing, ch.panning_swing) = (0, 0);
    let Some(instrument) = instrument else { return };
    if cx.rules.is_it() {
        ch.new_note_action = instrument.new_note_action;
    }
    reset_uncarried(ch, instrument);
    // Signed bytes, as the tracker draws them.
    let random = [Random::VolumeSwing, Random::PanningSwing].map(|use_of| cx.random(ch, use_of) >> 24);
    if instrument.volume_swing != 0 {
        let range = random[0] * i32::from(instrument.volume_swing) / 64 + 1;
        ch.volume_swing = range * ch.instrument_volume / 199;
    }
    if instrument.panning_swing != 0 {
        ch.panning_swing = random[1] * i32::from(instrument.panning_swing) * 4 / 128;
    }
}

/// Releases the key: sustain loops end, the fade-out may begin.
pub(crate) fn key_off(cx: &Context<'_>, ch: &mut Voice) {
    let was_on = !ch.key_off;
    ch.key_off = true;
    let instrument = cx.instrument(ch.instrument);
    if instrument.is_some() && !ch.volume_envelope.running {
        ch.fading = true;
    }
    if ch.sound.length == 0 {
        return;
    }
    if ch.has_sustain
        && was_on
        && let Some(sample) = cx.sample(ch.sample)
    {
        leave_sustain(ch, sample);
    }
    let Some(instrument) = instrument else { return };
    let loops = instrument.volume_envelope.envelope_loop.is_some();
    if (loops || cx.rules.is_xm()) && instrument.fadeout != 0 {
        ch.fading = true;
    }
}

fn leave_sustain(ch: &mut Voice, sample: &Sample) {
    ch.sound.length = frames(sample);
    let Some(span) = sample.sample_loop else {
        (ch.sound.looping, ch.sound.ping_pong, ch.sound.backwards) = (false, false, false);
        return;
    };
    if !span.ping_pong {
        ch.sound.backwards = false;
    }
    use_loop(ch, span);
    ch.sound.length = ch.sound.length.min(span.end);
    if ch.sound.frame() > ch.sound.length.into() {
        let width = i64::from(span.end - span.start).max(1);
        let inside = (ch.sound.frame() - i64::from(span.start)).rem_euclid(width);
        ch.sound.set_frame(span.start + inside as u32); // below the loop's end
    }
}

/// ECx, SCx: cuts the note on a tick.
pub(crate) fn cut_note(cx: &Context<'_>, ch: &mut Voice, tick: u32) {
    let row_ticks = cx.flow.row_ticks();
    let mut now = cx.flow.position.tick;
    if cx.rules.is_it() && ch.step.note.is_key() && ch.step.has_tone_portamento() {
        if now < row_ticks {
            return;
        }
        now %= row_ticks;
    }
    if now != tick {
        return;
    }
    if cx.rules.is_it() || cx.rules.is_s3m() {
        if cx.rules.is_it() {
            ch.period = 0;
        }
        ch.sound.step_q32 = 0;
        ch.fade_to_nothing();
    } else {
        ch.volume = 0;
    }
}

/// 9xx, Oxx.
pub(crate) fn sample_offset(cx: &Context<'_>, ch: &mut Voice, parameter: u8) {
    let mut offset = u32::from(parameter) << 8;
    if offset != 0 && (!cx.rules.ft2.offset_memory_needs_note || ch.step.note.is_key()) {
        ch.memory.offset = offset;
    } else {
        offset = ch.memory.offset;
    }
    offset += u32::from(ch.memory.high_offset) << 16;
    if cx.rules.scream_tracker {
        ch.memory.note_offset = 0;
    }
    ch.memory.note_offset = ch.memory.note_offset.saturating_add(offset);
    let sound = &mut ch.sound;
    if cx.rules.is_s3m() && sound.looping && sound.loop_end > sound.loop_start && offset >= sound.loop_end {
        offset = (offset - sound.loop_start) % (sound.loop_end - sound.loop_start) + sound.loop_start;
    }
    // Impulse Tracker: a lone instrument number repeats the last key (OffsetWithInstr.it).
    let key = if cx.rules.is_it() && ch.step.instrument != 0 { ch.new_key } else { ch.step.note.key() };
    let Some(key) = key else { return };
    if let Some(instrument) = cx.instrument(ch.instrument)
        && instrument.keys.get(usize::from(key)).is_none_or(|slot| slot.sample == 0)
    {
        return;
    }
    if cx.rules.protracker {
        // ProTracker adds its offset twice to what notes without a number repeat.
        sound.set_frame(ch.memory.note_offset);
        ch.memory.note_offset = ch.memory.note_offset.saturating_add(offset);
    } else {
        sound.set_frame(offset);
    }
    let past_loop = sound.looping && sound.frame() >= sound.loop_end.into();
    if sound.frame() >= sound.length.into() || past_loop {
        offset_past_end(cx, ch);
    }
}

fn offset_past_end(cx: &Context<'_>, ch: &mut Voice) {
    if cx.rules.ft2.far_offsets_end_note || cx.rules.is_s3m() {
        ch.period = 0;
    } else if cx.rules.is_it() {
        let frame = if cx.rules.quirks.old_effects { ch.sound.length } else { 0 };
        ch.sound.set_frame(frame);
    } else if ch.sound.looping {
        ch.sound.set_frame(ch.sound.loop_start);
    }
}

/// What is left of the volume, and added to it, by the upper digit of a retrigger (FT2, ITTECH.TXT).
const RETRIGGER_SIXTEENTHS: [i32; 16] = [0, 0, 0, 0, 0, 0, 10, 8, 0, 0, 0, 0, 0, 0, 24, 32];
const RETRIGGER_STEPS: [i32; 16] = [0, -1, -2, -4, -8, -16, 0, 0, 0, 1, 2, 4, 8, 16, 0, 0];

/// Which retrigger command runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retrigger {
    /// E9x.
    Plain,
    /// Rxy of FT2, Qxy.
    WithVolume,
}

/// Counts a retrigger on; `true` where the note starts again on this tick.
pub(crate) fn count_retrigger(cx: &Context<'_>, ch: &mut Voice, parameter: u8, kind: Retrigger) -> bool {
    let speed = parameter & 15;
    let tick = cx.flow.position.tick;
    if cx.rules.it_retrigger {
        if tick == 0 && ch.step.note != NoteCommand::None {
            ch.retrigger_count = speed;
            return false;
        }
        ch.retrigger_count = ch.retrigger_count.saturating_sub(1);
        if ch.retrigger_count == 0 {
            ch.retrigger_count = speed;
            return true;
        }
        return false;
    }
    if cx.rules.is_s3m() {
        let due = ch.retrigger_count != 0 && ch.retrigger_count.is_multiple_of(speed.max(1));
        ch.retrigger_count = ch.retrigger_count.wrapping_add(1);
        return due;
    }
    if cx.rules.is_mod() {
        // PTRetrigger.mod
        let tick = tick % u32::from(cx.flow.position.speed.max(1));
        return !(tick == 0 && ch.step.note.is_key()) && speed != 0 && tick.is_multiple_of(speed.into());
    }
    match kind {
        Retrigger::WithVolume if cx.rules.ft2.retrigger_counts_on => count_ft2_retrigger(cx, ch, speed),
        Retrigger::WithVolume => count_modplug_retrigger(cx, ch, speed),
        Retrigger::Plain if speed == 0 => tick == 0,
        Retrigger::Plain => {
            if cx.flow.first_tick {
                ch.retrigger_count = 0;
                return false;
            }
            ch.retrigger_count = ch.retrigger_count.wrapping_add(1);
            let due = tick.is_multiple_of(speed.into()) || ch.retrigger_count >= speed;
            if due {
                ch.retrigger_count = 0;
            }
            due
        }
    }
}

/// ModPlug Tracker took a volume beside Rxy for one more tick.
fn count_modplug_retrigger(cx: &Context<'_>, ch: &mut Voice, speed: u8) -> bool {
    let late = matches!(ch.step.volume, VolumeCommand::Set(_)) && ch.step.parameter & 0xF0 != 0;
    let speed = (speed + u8::from(late)).max(1);
    ch.retrigger_count = ch.retrigger_count.saturating_add(1);
    let due =
        ch.retrigger_count >= speed && (cx.flow.position.tick != 0 || ch.step.note == NoteCommand::None);
    if due {
        ch.retrigger_count = 0;
    }
    due
}

/// Rxy of FT2 counts over rows and has its own ways on first ticks (retrig.xm, RetrigTick0.xm).
fn count_ft2_retrigger(cx: &Context<'_>, ch: &mut Voice, speed: u8) -> bool {
    let mut count = ch.retrigger_count;
    if cx.flow.first_tick {
        if ch.step.instrument > 0 && !ch.step.note.ends_note() {
            count = 1;
        }
        if matches!(ch.step.volume, VolumeCommand::Set(1..)) {
            ch.retrigger_count = count;
            return false;
        }
    }
    let due = count >= speed && (!cx.flow.first_tick || !ch.step.note.is_key());
    ch.retrigger_count = if due { 1 } else { count.wrapping_add(1) };
    due
}

/// Starts the note again with what a retrigger does to its volume.
pub(crate) fn retrigger_note(cx: &Context<'_>, ch: &mut Voice, parameter: u8, kind: Retrigger) {
    let rules = cx.rules;
    let volume = retriggered_volume(cx, ch, parameter >> 4, kind);
    let note = ch.new_key.map_or(NoteCommand::None, NoteCommand::Key);
    let old_period = ch.period;
    let plain_xm = rules.is_xm() && kind == Retrigger::Plain;
    if (plain_xm || rules.quirks.sample_swaps_at_loop_end) && ch.step.instrument != 0 {
        let finetune = ch.finetune;
        let number = ch.step.instrument;
        let change = Change { number, portamento: false, with_volume: false, with_envelopes: true };
        change_instrument(cx, ch, change);
        if rules.quirks.sample_swaps_at_loop_end {
            ch.finetune = finetune;
        }
    }
    let (was_fading, note_offset) = (ch.fading, ch.memory.note_offset);
    if rules.is_s3m() {
        ch.memory.note_offset = 0;
    }
    let keeps_note = rules.it_retrigger || rules.is_s3m() && ch.sound.length != 0;
    let strike = Strike { portamento: keeps_note, with_envelopes: plain_xm };
    change_note(cx, ch, note, strike);
    if ch.step.instrument == 0 {
        ch.memory.note_offset = note_offset;
    }
    if was_fading && rules.is_xm() {
        ch.fading = true; // RetrigFade.xm
    }
    ch.volume = volume;
    if rules.is_it() && ch.step.note == NoteCommand::None && old_period != 0 {
        ch.period = old_period;
    }
    if keeps_note {
        ch.sound.position_q32 = 0;
        ch.sound.start_from_silence();
    }
}

fn retriggered_volume(cx: &Context<'_>, ch: &Voice, digit: u8, kind: Retrigger) -> i32 {
    let digit = if kind == Retrigger::Plain { 0 } else { usize::from(digit & 15) };
    if cx.rules.ft2.retrigger_counts_on && matches!(ch.step.volume, VolumeCommand::Set(_)) {
        return ch.volume;
    }
    let changed = match RETRIGGER_SIXTEENTHS[digit] {
        0 => ch.volume + RETRIGGER_STEPS[digit] * 4,
        sixteenths => ch.volume * sixteenths / 16,
    };
    changed.clamp(0, FULL_VOLUME)
}

/// ProTracker: the sample that follows when the playing one ends.
pub(crate) fn await_sample(cx: &Context<'_>, ch: &mut Voice, number: u16) {
    let index = number.checked_sub(1);
    ch.sound.successor = None;
    let Some(sample) = index.and_then(|index| cx.song.samples.get(usize::from(index))) else { return };
    if index == ch.sample {
        return;
    }
    let source: Arc<dyn AudioSource> = sample.data.clone();
    let number = number - 1; // `index` exists
    ch.sound.successor = Some(Successor { source, sample: number, sample_loop: sample.sample_loop });
}

/// What happens to a voice that a new note or S7x sends off.
pub(crate) fn dismiss(cx: &Context<'_>, ch: &mut Voice, action: NewNoteAction) {
    match action {
        NewNoteAction::Cut => ch.fade_to_nothing(),
        NewNoteAction::Continue => {}
        NewNoteAction::Off => key_off(cx, ch),
        NewNoteAction::Fade => ch.fading = true,
    }
}
