//! Effects that move level and place: volume, channel and global volume, panning, tremolo, tremor.
//!
//! In: a channel and an effect's parameter. Out: the channel's volumes and panning. Audio thread. `tick` turns them into
//! the gains of a tick.

use super::effect::VolumeCommand;
use super::pitch::recall_digit;
use super::state::CENTRE;
use super::state::Context;
use super::state::FULL_VOLUME;
use super::state::Voice;
use super::ways::Way;

/// Keeps the digit that wins in MOD and XM: the upper one where it is not 0.
fn winning_digit(parameter: u8) -> u8 {
    if parameter & 0xF0 != 0 { parameter & 0xF0 } else { parameter }
}

/// Takes a parameter or recalls the last one.
pub(crate) fn recall(memory: &mut u8, parameter: u8) -> u8 {
    if parameter != 0 {
        *memory = parameter;
    }
    *memory
}

pub(crate) fn set_volume(ch: &mut Voice, volume: u8) {
    ch.volume = i32::from(volume.min(64)) * 4;
}

fn change_volume(ch: &mut Voice, steps: i32) {
    ch.volume = (ch.volume + steps * 4).clamp(0, FULL_VOLUME);
}

/// Axy, Dxy.
pub(crate) fn slide_volume(cx: &Context<'_>, ch: &mut Voice, parameter: u8) {
    let parameter = recall(&mut ch.memory.volume_slide, parameter);
    slide_volume_by(cx, ch, parameter);
}

/// A slide whose parameter is complete.
pub(crate) fn slide_volume_by(cx: &Context<'_>, ch: &mut Voice, parameter: u8) {
    let fast = cx.rules.quirks.slides_on_first_tick;
    let parameter = if cx.rules.is_numbered() { winning_digit(parameter) } else { parameter };
    let (up, down) = (parameter >> 4, parameter & 15);
    if !cx.rules.is_numbered() {
        match (up, down) {
            (1.., 15) => return fine_volume_up(cx, ch, up, false),
            (15, 1..) => return fine_volume_down(cx, ch, down, false),
            (0, 15) if ch.first_tick && !fast => change_volume(ch, -15),
            (15, 0) if ch.first_tick && !fast => change_volume(ch, 15),
            _ => {}
        }
    }
    if ch.first_tick && !fast {
        return;
    }
    if down == 0 {
        change_volume(ch, up.into());
    } else if !cx.rules.is_it() || up == 0 {
        change_volume(ch, -i32::from(down));
    }
}

/// EAx and DxF. `in_column` has the volume column's own memory.
pub(crate) fn fine_volume_up(cx: &Context<'_>, ch: &mut Voice, parameter: u8, in_column: bool) {
    let step = recall_fine(cx, ch, parameter, true, in_column);
    if ch.first_tick {
        change_volume(ch, step.into());
    }
}

/// EBx and DFx.
pub(crate) fn fine_volume_down(cx: &Context<'_>, ch: &mut Voice, parameter: u8, in_column: bool) {
    let step = recall_fine(cx, ch, parameter, false, in_column);
    if ch.first_tick {
        change_volume(ch, -i32::from(step));
    }
}

fn recall_fine(cx: &Context<'_>, ch: &mut Voice, parameter: u8, up: bool, in_column: bool) -> u8 {
    if cx.rules.is_xm() {
        recall_digit(&mut ch.memory.fine_volume, parameter, up)
    } else if in_column {
        recall(&mut ch.memory.volume_column, parameter)
    } else {
        recall(&mut ch.memory.fine_volume, parameter)
    }
}

/// What a slide of the second kind adds on this tick: fine where a digit is 15 (first ticks), else on the others.
fn slide_step(cx: &Context<'_>, parameter: u8, first_tick: bool) -> i32 {
    let (up, down) = (i32::from(parameter >> 4), i32::from(parameter & 15));
    match (up, down) {
        (1.., 15) => {
            if first_tick {
                up
            } else {
                0
            }
        }
        (15, 1..) => {
            if first_tick {
                -down
            } else {
                0
            }
        }
        _ if first_tick => 0,
        (_, 0) => up,
        (0, _) => -down,
        // Impulse Tracker ignores slides both ways.
        _ if cx.rules.is_it() => 0,
        _ => -down,
    }
}

/// Nxy.
pub(crate) fn slide_channel_volume(cx: &Context<'_>, ch: &mut Voice, parameter: u8) {
    let parameter = recall(&mut ch.memory.channel_volume_slide, parameter);
    let step = slide_step(cx, parameter, cx.flow.first_tick);
    ch.channel_volume = (ch.channel_volume + step).clamp(0, 64);
}

/// Gxx of FT2, Vxx.
pub(crate) fn set_global_volume(cx: &mut Context<'_>, value: u8) {
    let value = i32::from(value) * if cx.rules.is_it() { 1 } else { 2 };
    if value <= 128 {
        cx.flow.global_volume = value * 2;
    } else if cx.rules.is_numbered() {
        cx.flow.global_volume = 256;
    }
}

/// Hxy of FT2, Wxy.
pub(crate) fn slide_global_volume(cx: &mut Context<'_>, ch: &mut Voice, parameter: u8) {
    let by_channel = cx.rules.is_xm() || cx.rules.it(Way::GlobalSlidesRememberByChannel);
    let memory =
        if by_channel { &mut ch.memory.global_volume_slide } else { &mut cx.flow.global_volume_slide };
    let mut parameter = recall(memory, parameter);
    if cx.rules.is_xm() {
        parameter = winning_digit(parameter);
    }
    let (up, down) = (parameter >> 4, parameter & 15);
    // Other than volume slides, this one slides up where Scream Tracker is given both digits.
    let step = if !cx.rules.is_it() && !cx.flow.first_tick && up != 0 && up != 15 && down != 15 {
        i32::from(up)
    } else {
        slide_step(cx, parameter, cx.flow.first_tick)
    };
    let unit = if cx.rules.is_it() { 2 } else { 4 };
    cx.flow.global_volume = (cx.flow.global_volume + step * unit).clamp(0, 256);
}

/// How finely a panning command divides the range.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum PanningScale {
    Sixteenths,
    SixtyFourths,
    Bytes,
}

/// 8xx, Xxx, E8x, S8x and the volume column.
pub(crate) fn set_panning(cx: &Context<'_>, ch: &mut Voice, value: u8, scale: PanningScale) {
    if cx.rules.quirks.panning_ignored {
        return;
    }
    let overrides = cx.rules.panning_overrides();
    if overrides || scale == PanningScale::Bytes {
        ch.surround = false;
    }
    let value = i32::from(value);
    match scale {
        PanningScale::Sixteenths => ch.panning = (value * 256 + 8) / 15,
        PanningScale::SixtyFourths => ch.panning = value.min(64) * 4,
        PanningScale::Bytes if !cx.rules.is_s3m() => ch.panning = value,
        PanningScale::Bytes if value <= 0x80 => ch.panning = value * 2,
        PanningScale::Bytes if value == 0xA4 => {
            ch.surround = true;
            ch.panning = CENTRE;
        }
        PanningScale::Bytes => {}
    }
    ch.saved_panning = None;
    if overrides {
        ch.panning_swing = 0;
        ch.panbrello_offset = 0;
    }
}

/// Pxy. FT2's is four times finer and has its own directions.
pub(crate) fn slide_panning(cx: &Context<'_>, ch: &mut Voice, parameter: u8, with_memory: bool) {
    let mut parameter = parameter;
    if with_memory {
        parameter = recall(&mut ch.memory.panning_slide, parameter);
    }
    let step = if cx.rules.is_xm() {
        let digit = winning_digit(parameter);
        let unit = if cx.rules.ft2.panning_slides_finely { 1 } else { 4 };
        match cx.flow.first_tick {
            true => 0,
            false if digit & 0xF0 != 0 => i32::from(digit >> 4) * unit,
            false => -i32::from(digit) * unit,
        }
    } else {
        -4 * slide_step(cx, parameter, cx.flow.first_tick)
    };
    if step != 0 {
        ch.panning = (ch.panning + step).clamp(0, 256);
        ch.saved_panning = None;
    }
}

/// 7xy, Rxy.
pub(crate) fn tremolo(ch: &mut Voice, parameter: u8) {
    if parameter & 15 != 0 {
        ch.tremolo.depth = (parameter & 15) << 2;
    }
    if parameter >> 4 != 0 {
        ch.tremolo.speed = parameter >> 4;
    }
    ch.active.tremolo = true;
}

/// Yxy.
pub(crate) fn panbrello(ch: &mut Voice, parameter: u8) {
    if parameter & 15 != 0 {
        ch.panbrello.depth = parameter & 15;
    }
    if parameter >> 4 != 0 {
        ch.panbrello.speed = parameter >> 4;
    }
}

/// Txy of FT2, Ixy.
pub(crate) fn tremor(cx: &Context<'_>, ch: &mut Voice, parameter: u8) {
    let mut parameter = parameter;
    if cx.rules.it(Way::TremorCountsDown) && !cx.rules.quirks.old_effects && parameter != 0 {
        // Since version 2 the times are meant as they stand, not one longer.
        if parameter & 0xF0 != 0 {
            parameter -= 0x10;
        }
        if parameter & 0x0F != 0 {
            parameter -= 1;
        }
        ch.memory.tremor = parameter;
    }
    if cx.rules.it(Way::TremorCountsDown) || cx.rules.ft2.tremor_runs_on {
        ch.tremor_count |= 0x80;
    }
    ch.active.tremor = true;
    if parameter != 0 {
        ch.memory.tremor = parameter;
    }
}

/// The volume column, but for volume and panning that are set with the note.
pub(crate) fn run_volume_column(cx: &Context<'_>, ch: &mut Voice, command: VolumeCommand, start_tick: u32) {
    use VolumeCommand::*;
    let own_memory = cx.rules.it(Way::ColumnHasOwnMemory);
    let at_start = cx.flow.position.tick == start_tick || !own_memory;
    let shares_memory = match cx.rules.is_it() {
        true => !own_memory,
        false => cx.rules.is_xm() && !cx.rules.ft2.volume_column_has_no_memory,
    };
    let command = if shares_memory { recall_in_column(ch, command) } else { command };
    let never_fine = !cx.rules.is_it() || cx.rules.it(Way::ColumnSlidesAreNeverFine);
    match command {
        // FT2: sliding left by nothing means hard left.
        PanLeft(0) if cx.rules.ft2.volume_column_has_no_memory => {
            if !cx.flow.first_tick {
                ch.panning = 0;
            }
        }
        Up(0) | Down(0) | FineUp(0) | FineDown(0) | VibratoSpeed(0) | PanRight(0)
            if cx.rules.ft2.volume_column_has_no_memory => {}
        Up(value) => slide_in_column(cx, ch, value, true),
        Down(value) => slide_in_column(cx, ch, value, false),
        FineUp(value) if at_start => fine_volume_up(cx, ch, value, own_memory),
        FineDown(value) if at_start => fine_volume_down(cx, ch, value, own_memory),
        // FT2 sets the speed without starting the vibrato.
        VibratoSpeed(value) if cx.rules.ft2.vibrato_speed_waits => ch.vibrato.speed = value,
        VibratoSpeed(value) => super::pitch::vibrato(ch, value << 4),
        VibratoDepth(value) => super::pitch::vibrato(ch, value),
        PanLeft(value) => slide_panning(cx, ch, value, !cx.rules.ft2.volume_column_has_no_memory),
        PanRight(value) => slide_panning(cx, ch, value << 4, !cx.rules.ft2.volume_column_has_no_memory),
        PitchUp(value) => super::pitch::pitch_up(cx, ch, value << 2, never_fine),
        PitchDown(value) => super::pitch::pitch_down(cx, ch, value << 2, never_fine),
        // Set with the note, or run by the row for its effect on the effect column.
        None | Set(_) | SetPanning(_) | FineUp(_) | FineDown(_) | TonePortamento(_) => {}
    }
}

/// ModPlug Tracker had one memory for all commands of the volume column.
fn recall_in_column(ch: &mut Voice, command: VolumeCommand) -> VolumeCommand {
    use VolumeCommand::*;
    let memory = &mut ch.memory.volume_column;
    match command {
        Up(value) => Up(recall(memory, value)),
        Down(value) => Down(recall(memory, value)),
        FineUp(value) => FineUp(recall(memory, value)),
        FineDown(value) => FineDown(recall(memory, value)),
        VibratoSpeed(value) => VibratoSpeed(recall(memory, value)),
        VibratoDepth(value) => VibratoDepth(recall(memory, value)),
        PanLeft(value) => PanLeft(recall(memory, value)),
        PanRight(value) => PanRight(recall(memory, value)),
        PitchUp(value) => PitchUp(recall(memory, value)),
        PitchDown(value) => PitchDown(recall(memory, value)),
        None | Set(_) | SetPanning(_) | TonePortamento(_) => command,
    }
}

fn slide_in_column(cx: &Context<'_>, ch: &mut Voice, value: u8, up: bool) {
    let own_memory = cx.rules.it(Way::ColumnHasOwnMemory);
    let value = if own_memory { recall(&mut ch.memory.volume_column, value) } else { value };
    if value == 0 {
        return;
    }
    let parameter = if up { value << 4 } else { value };
    if cx.rules.it(Way::ColumnSlidesKeepToThemselves) {
        slide_volume_by(cx, ch, parameter);
    } else {
        slide_volume(cx, ch, parameter);
    }
}
