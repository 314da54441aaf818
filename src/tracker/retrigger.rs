//! Notes that start again by themselves.
//!
//! In: a channel, the parameter of a retrigger and the tick. Out: the note from its start, with its volume changed.
//! Audio thread. Every tracker counts in its own way.

use super::effect::NoteCommand;
use super::effect::VolumeCommand;
use super::instrument::Change;
use super::instrument::change_instrument;
use super::note::Strike;
use super::note::change_note;
use super::state::Context;
use super::state::FULL_VOLUME;
use super::state::Voice;

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
    if cx.rules.it_retrigger {
        count_down(cx, ch, speed)
    } else if cx.rules.is_s3m() || cx.rules.is_it() {
        let due = ch.retrigger_count != 0 && ch.retrigger_count.is_multiple_of(speed.max(1));
        ch.retrigger_count = ch.retrigger_count.wrapping_add(1);
        due
    } else if cx.rules.is_mod() {
        // PTRetrigger.mod
        let tick = cx.flow.position.tick % u32::from(cx.flow.position.speed.max(1));
        !(tick == 0 && ch.step.note.is_key()) && speed != 0 && tick.is_multiple_of(speed.into())
    } else {
        match kind {
            Retrigger::Plain => count_within_row(cx, ch, speed),
            Retrigger::WithVolume if cx.rules.ft2.retrigger_counts_on => count_ft2_retrigger(cx, ch, speed),
            Retrigger::WithVolume => count_modplug_retrigger(cx, ch, speed),
        }
    }
}

/// Impulse Tracker.
fn count_down(cx: &Context<'_>, ch: &mut Voice, speed: u8) -> bool {
    if cx.flow.position.tick == 0 && ch.step.note != NoteCommand::None {
        ch.retrigger_count = speed;
        return false;
    }
    ch.retrigger_count = ch.retrigger_count.saturating_sub(1);
    let due = ch.retrigger_count == 0;
    if due {
        ch.retrigger_count = speed;
    }
    due
}

/// E9x of FT2, where E90 restarts the note once, at once.
fn count_within_row(cx: &Context<'_>, ch: &mut Voice, speed: u8) -> bool {
    let tick = cx.flow.position.tick;
    let once = speed == 0 && cx.rules.ft2.retrigger_counts_on;
    if cx.flow.first_tick {
        ch.retrigger_count = 0;
        return once;
    }
    ch.retrigger_count = ch.retrigger_count.wrapping_add(1);
    if once {
        return false;
    }
    let speed = speed.max(1);
    let due = tick.is_multiple_of(speed.into()) || ch.retrigger_count >= speed;
    if due {
        ch.retrigger_count = 0;
    }
    due
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
    if rules.is_it() && note.is_key() {
        cut_old_note(ch);
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
    if rules.is_it() && rules.instruments {
        ch.step.note = note;
    }
    if keeps_note {
        ch.sound.set_frame(0);
        ch.begin_note();
    }
}

/// The old note fades out under the new one, which starts as if there had been none: forwards, with its sustain loop.
fn cut_old_note(ch: &mut Voice) {
    if ch.sound.length != 0 && !ch.was_silent && !ch.muted {
        ch.leave_tail();
        ch.sound.length = 0;
        ch.sound.set_frame(0);
        ch.was_silent = true;
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
