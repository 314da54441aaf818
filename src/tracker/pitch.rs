//! Effects that move pitch: slides, tone portamento, vibrato, finetune.
//!
//! In: a channel and an effect's parameter. Out: the channel's period and oscillators. Audio thread. `tick` turns them
//! into the pitch of a tick.

use super::effect::Effect;
use super::effect::Step;
use super::effect::VolumeCommand;
use super::period::FINETUNE_SPEEDS;
use super::state::Context;
use super::state::Voice;
use super::ways::Way;

/// Moves a period: positive amounts rise in pitch, 4 for each unit of a slide.
///
/// Leaving the range upwards ends the note, except under a tone portamento.
pub(crate) fn slide_period(
    cx: &Context<'_>,
    ch: &mut Voice,
    period: i32,
    amount: i32,
    to_target: bool,
) -> i32 {
    let Some(moved) = cx.tuning.slide(period, amount) else {
        if to_target {
            return i32::MAX;
        }
        ch.fade_to_nothing();
        return 0;
    };
    if moved >= 1 || period == 0 {
        return moved;
    }
    if cx.rules.is_s3m() && !to_target {
        ch.fade_to_nothing();
    }
    1
}

fn slide_channel(cx: &Context<'_>, ch: &mut Voice, amount: i32) {
    ch.period = slide_period(cx, ch, ch.period, amount, false);
}

/// Whether E0–EF and F0–FF of a slide are fine slides.
fn combines_fine_slides(cx: &Context<'_>) -> bool {
    !cx.rules.is_numbered()
}

/// 1xx, Fxx.
pub(crate) fn pitch_up(cx: &Context<'_>, ch: &mut Voice, parameter: u8, no_fine: bool) {
    remember_slide(cx, ch, parameter, true);
    let parameter = ch.memory.pitch_up;
    slide(cx, ch, parameter, 1, no_fine);
}

/// 2xx, Exx.
pub(crate) fn pitch_down(cx: &Context<'_>, ch: &mut Voice, parameter: u8, no_fine: bool) {
    remember_slide(cx, ch, parameter, false);
    let parameter = ch.memory.pitch_down;
    slide(cx, ch, parameter, -1, no_fine);
}

fn remember_slide(cx: &Context<'_>, ch: &mut Voice, parameter: u8, up: bool) {
    // Impulse Tracker fills its memories in its own order; see `prepare_slides`.
    if parameter == 0 || cx.rules.it(Way::MemoriesFillFirst) {
        return;
    }
    let both = !cx.rules.ft2.slides_have_own_memories;
    if up || both {
        ch.memory.pitch_up = parameter;
    }
    if !up || both {
        ch.memory.pitch_down = parameter;
    }
}

fn slide(cx: &Context<'_>, ch: &mut Voice, parameter: u8, direction: i32, no_fine: bool) {
    let digit = i32::from(parameter & 15);
    if combines_fine_slides(cx) && !no_fine && parameter >= 0xE0 {
        let unit = if parameter >= 0xF0 { 4 } else { 1 };
        if ch.first_tick && ch.period != 0 {
            slide_channel(cx, ch, direction * digit * unit);
        }
    } else if !ch.first_tick || at_speed_one(cx) {
        slide_channel(cx, ch, direction * i32::from(parameter) * 4);
    }
}

/// Early OpenMPT slid on the only tick of a row too.
fn at_speed_one(cx: &Context<'_>) -> bool {
    cx.rules.slides_at_speed_one && cx.flow.position.speed == 1
}

/// E1x and E2x, X1x and X2x: one step on the first tick; FT2 remembers each direction by itself.
pub(crate) fn fine_slide(cx: &Context<'_>, ch: &mut Voice, parameter: u8, up: bool, extra: bool) {
    let mut step = parameter;
    if cx.rules.is_xm() {
        let memory = if extra { &mut ch.memory.extra_fine_pitch } else { &mut ch.memory.fine_pitch };
        step = recall_digit(memory, parameter, up);
    }
    if ch.first_tick && ch.period != 0 {
        let unit = if extra { 1 } else { 4 };
        let direction = if up { 1 } else { -1 };
        slide_channel(cx, ch, direction * unit * i32::from(step));
        if !up && cx.rules.is_xm() {
            ch.period = ch.period.min(LONGEST_FT2_PERIOD);
        }
    }
}

/// Fine slides of FT2 stop where its periods have no more bits; the others run past.
const LONGEST_FT2_PERIOD: i32 = 0xFFFF;

/// FT2 keeps the parameters of two opposite effects in the digits of one byte.
pub(crate) fn recall_digit(memory: &mut u8, parameter: u8, upper: bool) -> u8 {
    match (parameter, upper) {
        (0, true) => *memory >> 4,
        (0, false) => *memory & 15,
        (_, true) => {
            *memory = *memory & 15 | parameter << 4;
            parameter
        }
        (_, false) => {
            *memory = *memory & 0xF0 | parameter & 15;
            parameter
        }
    }
}

/// Tone portamento of the volume column, and whether it swallows the effect column's.
pub(crate) fn column_portamento(cx: &Context<'_>, step: &Step, value: u8, delayed: bool) -> (i32, bool) {
    const SPEEDS: [i32; 10] = [0, 1, 4, 8, 16, 32, 64, 96, 128, 255]; // ITTECH.TXT
    if cx.rules.is_it() {
        return (SPEEDS.get(usize::from(value)).copied().unwrap_or(0), false);
    }
    // FT2: with 3xx in the effect column, that is ignored and this works twice as fast.
    let doubled = cx.rules.is_xm() && matches!(step.effect, Effect::TonePortamento(_));
    let speed = i32::from(value) * if doubled { 32 } else { 16 };
    (if delayed && cx.rules.ft2.delay_cancels_portamento { 0 } else { speed }, doubled)
}

fn shares_memory(cx: &Context<'_>) -> bool {
    cx.rules.it(Way::PortamentoSharesMemory) && !cx.rules.quirks.compatible_portamento
}

/// Resolves the memory of a tone portamento.
pub(crate) fn prepare_tone_portamento(cx: &Context<'_>, ch: &mut Voice, speed: i32) {
    let mut speed = speed;
    if shares_memory(cx) {
        if speed == 0 {
            speed = ch.memory.pitch_up.into();
        }
        ch.memory.pitch_up = speed as u8; // at most 255
        ch.memory.pitch_down = ch.memory.pitch_up;
    }
    if speed != 0 {
        ch.porta_speed = speed;
    }
}

/// Impulse Tracker: fills the memories of both columns' slides before either acts, G before g before E and F.
pub(crate) fn prepare_slides(cx: &Context<'_>, ch: &mut Voice, step: &Step, effect: Effect) {
    let in_effect_column = matches!(effect, Effect::TonePortamento(_) | Effect::TonePortamentoAndVolume(_));
    match effect {
        Effect::TonePortamento(speed) => prepare_tone_portamento(cx, ch, speed.into()),
        Effect::TonePortamentoAndVolume(_) => prepare_tone_portamento(cx, ch, 0),
        _ => {}
    }
    match step.volume {
        VolumeCommand::TonePortamento(value) => {
            let (speed, _) = column_portamento(cx, step, value, false);
            prepare_tone_portamento(cx, ch, speed);
        }
        VolumeCommand::PitchUp(value) | VolumeCommand::PitchDown(value) if value != 0 => {
            share_slide(cx, ch, value << 2, !in_effect_column);
        }
        _ => {}
    }
    if let Effect::PitchUp(value) | Effect::PitchDown(value) = effect
        && value != 0
    {
        share_slide(cx, ch, value, true);
    }
}

fn share_slide(cx: &Context<'_>, ch: &mut Voice, value: u8, with_portamento: bool) {
    (ch.memory.pitch_up, ch.memory.pitch_down) = (value, value);
    if with_portamento && shares_memory(cx) {
        ch.porta_speed = value.into();
    }
}

/// 3xx, Gxx: towards the target.
pub(crate) fn tone_portamento(cx: &Context<'_>, ch: &mut Voice, speed: i32) {
    ch.portamento = true;
    if !cx.rules.it(Way::MemoriesFillFirst) {
        prepare_tone_portamento(cx, ch, speed);
    }
    if cx.rules.st3.adlib_portamento_waits && ch.step.note.is_key() && cx.is_adlib(ch) {
        return; // The next row begins at the target (TonePortamentoWithAdlibNote.s3m).
    }
    let delta = ch.porta_speed * 4;
    if ch.period != 0 && ch.porta_target != 0 && (!ch.first_tick || at_speed_one(cx)) {
        step_to_target(cx, ch, delta);
    }
    let forgets = cx.rules.it(Way::ReachedTargetsAreForgotten) || cx.rules.is_mod();
    if forgets && ch.period == ch.porta_target {
        ch.porta_target = 0;
    }
}

/// A tick of tone portamento that no pattern asks for: it touches no memory. Says whether the target is still ahead.
pub(crate) fn glide(cx: &Context<'_>, ch: &mut Voice, speed: i32) -> bool {
    let kept = (ch.porta_speed, ch.memory.pitch_up, ch.memory.pitch_down, ch.first_tick);
    (ch.porta_speed, ch.first_tick) = (speed, false);
    tone_portamento(cx, ch, speed);
    (ch.porta_speed, ch.memory.pitch_up, ch.memory.pitch_down, ch.first_tick) = kept;
    ch.porta_target != 0 && ch.period != ch.porta_target
}

fn step_to_target(cx: &Context<'_>, ch: &mut Voice, delta: i32) {
    let rising = if cx.tuning.rises() { delta } else { -delta };
    let target = ch.porta_target;
    let lone_volume_slide = matches!(ch.step.effect, Effect::TonePortamentoAndVolume(_));
    if cx.rules.it(Way::MemoriesFillFirst) && delta == 0 && lone_volume_slide {
        // Lxx without a speed steps down by one unit.
        if ch.period > 1 && cx.tuning.linear() {
            ch.period -= 1;
        }
        ch.period = ch.period.max(target);
    } else if ch.period < target || ch.porta_from_above {
        ch.period = slide_period(cx, ch, ch.period, rising, true).min(target);
    } else if ch.period > target {
        ch.period = slide_period(cx, ch, ch.period, -rising, true).max(target);
        if ch.period == target && cx.rules.ft2.portamento_turns_at_target {
            ch.porta_from_above = true;
        }
    }
}

/// 4xy, Hxy.
pub(crate) fn vibrato(ch: &mut Voice, parameter: u8) {
    if parameter & 15 != 0 {
        ch.vibrato.depth = (parameter & 15) * 4;
    }
    if parameter >> 4 != 0 {
        ch.vibrato.speed = parameter >> 4;
    }
    ch.active.vibrato = true;
}

/// Uxy: a quarter of the depth.
pub(crate) fn fine_vibrato(cx: &Context<'_>, ch: &mut Voice, parameter: u8) {
    if parameter & 15 != 0 {
        // Scream Tracker 3 remembers one depth for both and divides where it is used.
        ch.vibrato.depth = (parameter & 15) * if cx.rules.st3.vibratos_share_depth { 4 } else { 1 };
    }
    if parameter >> 4 != 0 {
        ch.vibrato.speed = parameter >> 4;
    }
    ch.active.vibrato = true;
}

/// The shape that E4x and its relatives choose; Scream Tracker has 4 shapes, Impulse Tracker ignores others.
pub(crate) fn wave_number(cx: &Context<'_>, value: u8) -> u8 {
    if cx.rules.is_s3m() {
        value & 3
    } else if cx.rules.it(Way::WavesAreFine) {
        if value < 4 { value } else { 0 }
    } else {
        value & 7
    }
}

/// E5x, S2x.
pub(crate) fn set_finetune(cx: &Context<'_>, ch: &mut Voice, value: u8) {
    let has_key = ch.step.note.is_key();
    if cx.rules.is_mod() {
        ch.finetune = i32::from((value << 4) as i8 >> 4); // four bits, two's complement
        if !has_key {
            return;
        }
    } else if cx.rules.is_xm() {
        if !has_key {
            return;
        }
        ch.finetune = (i32::from(value) - 8) * 16;
    } else {
        ch.c5_speed = FINETUNE_SPEEDS[usize::from(value & 15)];
    }
    if ch.period != 0
        && let Some(key) = ch.key
    {
        ch.period = cx.tuning.period(key.into(), ch.finetune, ch.c5_speed);
    }
}
