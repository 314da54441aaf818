//! Notes: keys that are pressed, released and cut, and where their samples start.
//!
//! In: a channel with its cell. Out: what the channel plays from now on. Audio thread. The order of questions follows
//! the trackers; the test modules that pin it down are named at the lines.

use super::effect::NoteCommand;
use super::instrument::apply_panning;
use super::instrument::attach_sample;
use super::instrument::frames;
use super::instrument::reset_uncarried;
use super::instrument::set_loop;
use super::instrument::use_loop;
use super::song::Instrument;
use super::song::NewNoteAction;
use super::song::Sample;
use super::state::Context;
use super::state::FULL_FADE;
use super::state::SavedPanning;
use super::state::Struck;
use super::state::Voice;
use super::voice::WayBack;
use super::ways::Way;

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
            let old_effects = cx.rules.it(Way::ReleaseRestartsOldEnvelopes) && cx.rules.quirks.old_effects;
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
    if cx.rules.it(Way::EndedNotesAreForgotten) {
        (ch.key, ch.new_key) = (None, None);
    }
}

/// `^^^`.
fn cut(cx: &Context<'_>, ch: &mut Voice) {
    if cx.rules.is_it() {
        if cx.rules.it(Way::ReleaseRecallsVolume) {
            ch.sound.step_q32 = 0;
        } else if cx.rules.instruments {
            ch.volume = 0;
        }
    } else {
        key_off(cx, ch);
        if cx.is_adlib(ch) {
            return; // An AdLib note dies away by its own envelope, at whatever volume comes.
        }
        ch.volume = 0;
    }
    ch.fade_to_nothing();
}

fn strike_key(cx: &Context<'_>, ch: &mut Voice, key: u8, strike: Strike) {
    let rules = cx.rules;
    let instrument = cx.instrument(ch.instrument);
    let Some((sample_index, mapped_key)) = mapped(cx, ch, key) else { return };
    let sample = cx.sample(sample_index);
    let mut portamento = strike.portamento;
    if !portamento {
        take_tuning(cx, ch, sample);
    } else if ch.sound.step_q32 == 0 && rules.ft2.portamento_needs_note {
        ch.period = 0; // FT2 ignores notes with portamento where none plays.
        return;
    } else if ch.sound.step_q32 == 0 && rules.it_portamento {
        portamento = false;
    }
    let transpose = if rules.is_xm() { ch.transpose } else { 0 };
    let sounding_key = if rules.is_numbered() { (mapped_key + transpose).clamp(11, 130) } else { mapped_key };
    // Impulse Tracker remembers the pattern's key, the others the one that sounds.
    ch.key = Some(if rules.it(Way::PatternKeysAreRemembered) { key } else { sounding_key as u8 });
    if !portamento || rules.is_s3m() || rules.is_it() {
        ch.waiting_instrument = 0;
        ch.sound.successor = None;
    }
    ch.panbrello_offset = 0;
    if rules.it(Way::PanningNeedsNote) {
        apply_panning(cx, ch, instrument, sample);
    }
    if rules.it(Way::SeparationComesWithNote) {
        separate_pitch(ch, key, instrument);
    }
    if strike.with_envelopes && !portamento {
        swing(cx, ch, instrument);
    }
    let Some(sample) = sample else { return };
    let period = cx.tuning.period(sounding_key, ch.finetune, ch.c5_speed);
    if period == 0 {
        portamento = false;
    } else {
        aim_period(cx, ch, period, portamento);
        if !portamento || ch.sound.length == 0 && !rules.is_s3m() {
            ch.sample = sample_index;
            start_sample(cx, ch, sample);
            ch.struck = Struck { key: mapped_key, period };
            ch.count_strike(); // under a portamento, too
        }
        ch.sound.go_back(WayBack::ToLoopStart);
    }
    settle_key(cx, ch, portamento, strike.with_envelopes);
}

/// The sample (from 0) and key that the channel's instrument plays for `key`; `None` for an empty slot of Impulse
/// Tracker.
fn mapped(cx: &Context<'_>, ch: &Voice, key: u8) -> Option<(Option<u16>, i32)> {
    let slot = cx.instrument(ch.instrument).and_then(|instrument| instrument.keys.get(usize::from(key)));
    let Some(slot) = slot else { return Some((ch.sample, key.into())) };
    match slot.sample.checked_sub(1) {
        None if cx.rules.it(Way::EmptySlotsAreIgnored) => None,
        index => Some((index.or(ch.sample), slot.key.into())),
    }
}

/// FT2 tunes each note anew, Impulse Tracker each sample of an instrument.
fn take_tuning(cx: &Context<'_>, ch: &mut Voice, sample: Option<&Sample>) {
    let Some(sample) = sample else { return };
    if cx.rules.is_xm() {
        (ch.transpose, ch.finetune) = (sample.relative_key.into(), sample.finetune.into());
    } else if cx.rules.it(Way::KeysTuneTheirSample) {
        ch.c5_speed = sample.c5_speed;
    }
}

fn aim_period(cx: &Context<'_>, ch: &mut Voice, period: i32, portamento: bool) {
    if !portamento || ch.period == 0 {
        ch.period = period;
    }
    // Scream Tracker and early imitations of FT2 aim at notes without portamento too.
    let keeps_target =
        cx.rules.ft2.portamento_keeps_target || cx.rules.it(Way::NotesClearTarget) || cx.rules.is_mod();
    if portamento || !keeps_target {
        ch.porta_target = period;
        ch.porta_from_above = false;
    }
}

fn start_sample(cx: &Context<'_>, ch: &mut Voice, sample: &Sample) {
    ch.leave_tail();
    attach_sample(cx, ch, sample);
    ch.sound.set_frame(0);
    ch.sound.backwards = false;
    let repeats_offset = cx.rules.protracker || cx.rules.st3.notes_repeat_offset;
    if repeats_offset && ch.step.instrument == 0 {
        let last = ch.sound.length.saturating_sub(1);
        ch.sound.set_frame(ch.memory.note_offset.min(last));
    } else {
        ch.memory.note_offset = 0;
    }
    ch.portamento = false;
    set_loop(ch, sample, true);
    let fine_waves = cx.rules.it(Way::WavesAreFine);
    if ch.vibrato.wave < 4 {
        let late = cx.rules.is_it() && !fine_waves && !cx.rules.quirks.old_effects;
        ch.vibrato.position = if late { 16 } else { 0 };
    }
    if !fine_waves && ch.tremolo.wave < 4 {
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
            if !rules.it(Way::WavesAreFine) {
                ch.reset_sample_vibrato();
            }
            ch.fading = false;
            ch.fade = FULL_FADE;
        }
        if (!portamento || !compatible || numbered) && (!rules.is_xm() || numbered) {
            ch.fading = false;
            ch.fade = FULL_FADE;
        }
    }
    let keeps_key_off = (rules.it(Way::PortamentoKeepsRelease) || rules.ft2.portamento_keeps_release)
        && portamento
        && (!compatible || !numbered);
    if !keeps_key_off {
        ch.key_off = false;
    }
    if portamento {
        return;
    }
    ch.triggered = true;
    ch.filtered = false;
    ch.begin_note();
    ch.was_silent = true;
    let counts_on = rules.it_retrigger || rules.it(Way::TremorCountsDown);
    if !counts_on && !rules.ft2.retrigger_counts_on {
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
    (ch.cutoff_swing, ch.resonance_swing) = (0, 0);
    let Some(instrument) = instrument else { return };
    if cx.rules.it(Way::NotesResetAction) {
        ch.new_note_action = instrument.new_note_action;
    }
    reset_uncarried(ch, instrument);
    let own_swing = cx.rules.it(Way::SwingActsOnInstrumentVolume);
    if instrument.volume_swing != 0 {
        let range = cx.flow.random.signed_byte() * i32::from(instrument.volume_swing) / 64 + 1;
        let volume = if own_swing { ch.instrument_volume } else { (ch.volume + 1) / 2 };
        ch.volume_swing = range * volume / 199;
    }
    if instrument.panning_swing != 0 {
        if !own_swing && ch.saved_panning.is_none() {
            ch.saved_panning = Some(SavedPanning { panning: ch.panning, surround: false });
        }
        ch.panning_swing = cx.flow.random.signed_byte() * i32::from(instrument.panning_swing) * 4 / 128;
    }
    let more = &instrument.more;
    if more.cutoff_swing != 0 {
        ch.cutoff_swing = swung(cx, more.cutoff_swing, ch.cutoff);
        ch.saved_cutoff = Some(ch.cutoff);
    }
    if more.resonance_swing != 0 {
        ch.resonance_swing = swung(cx, more.resonance_swing, ch.resonance);
        ch.saved_resonance = Some(ch.resonance);
    }
}

/// A random change of a filter setting.
fn swung(cx: &Context<'_>, swing: u8, setting: i32) -> i32 {
    let random = i32::from(swing) * (cx.flow.random.signed_byte() + 1) / 128;
    (random * setting + 1) / 128
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
    ch.sound.go_back(WayBack::IntoLoop);
}

/// ECx, SCx: cuts the note on a tick.
pub(crate) fn cut_note(cx: &Context<'_>, ch: &mut Voice, tick: u32) {
    let row_ticks = cx.flow.row_ticks();
    let mut now = cx.flow.position.tick;
    if cx.rules.it(Way::CutsMindPortamento) && ch.step.note.is_key() && ch.step.has_tone_portamento() {
        if now < row_ticks {
            return;
        }
        now %= row_ticks;
    }
    if now != tick {
        return;
    }
    if cx.rules.it(Way::CutsStopTheSample) || cx.rules.is_s3m() {
        if cx.rules.it(Way::CutsMindPortamento) {
            ch.period = 0;
        }
        ch.sound.step_q32 = 0;
        ch.fade_to_nothing();
    } else {
        ch.volume = 0;
    }
}

/// SAx; but for Impulse Tracker it starts a note that far in by itself.
pub(crate) fn high_offset(cx: &Context<'_>, ch: &mut Voice, parameter: u8) {
    ch.memory.high_offset = parameter;
    let frame = u32::from(parameter) << 16;
    if !cx.rules.it(Way::HighOffsetsWait) && ch.step.note.is_key() && frame < ch.sound.length {
        ch.sound.set_frame(frame);
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
    if cx.rules.st3.notes_repeat_offset {
        ch.memory.note_offset = 0;
    }
    ch.memory.note_offset = ch.memory.note_offset.saturating_add(offset);
    if cx.rules.is_s3m()
        && ch.sound.looping
        && ch.sound.loop_end > ch.sound.loop_start
        && offset >= ch.sound.loop_end
    {
        offset =
            (offset - ch.sound.loop_start) % (ch.sound.loop_end - ch.sound.loop_start) + ch.sound.loop_start;
    }
    // Impulse Tracker: a lone instrument number repeats the last key (OffsetWithInstr.it).
    let with_number = cx.rules.it(Way::OffsetsActWithNumbers) && ch.step.instrument != 0;
    let key = if with_number { ch.new_key } else { ch.step.note.key() };
    let Some(key) = key else { return };
    if let Some(instrument) = cx.instrument(ch.instrument)
        && instrument.keys.get(usize::from(key)).is_none_or(|slot| slot.sample == 0)
    {
        return;
    }
    if cx.rules.protracker {
        // ProTracker adds its offset twice to what notes without a number repeat.
        ch.sound.set_frame(ch.memory.note_offset);
        ch.memory.note_offset = ch.memory.note_offset.saturating_add(offset);
    } else {
        ch.sound.set_frame(offset);
    }
    let past_loop = ch.sound.looping && ch.sound.frame() >= ch.sound.loop_end.into();
    if ch.sound.frame() >= ch.sound.length.into() || past_loop {
        offset_past_end(cx, ch);
    }
}

fn offset_past_end(cx: &Context<'_>, ch: &mut Voice) {
    if cx.rules.ft2.far_offsets_end_note || cx.rules.st3.far_offsets_end_note {
        ch.period = 0;
    } else if cx.rules.it(Way::FarOffsetsRestart) {
        let frame = if cx.rules.quirks.old_effects { ch.sound.length } else { 0 };
        ch.sound.set_frame(frame);
    } else if cx.rules.is_it() {
        let near_end = cx.rules.quirks.old_effects && ch.sound.length > 4;
        let frame = if near_end { ch.sound.length - 2 } else { ch.sound.loop_start };
        ch.sound.set_frame(frame);
    } else if cx.rules.is_mod() && ch.sound.looping || cx.rules.is_s3m() {
        ch.sound.set_frame(ch.sound.loop_start);
    }
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
