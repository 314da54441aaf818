//! One channel's part of a tick, first half: its cell's note, volume column and effect.
//!
//! In: the channel with the row's step, and the flow. Out: both moved on; `tick` then makes sound of the channel's state.
//! Audio thread. `on_row` and `on_tick` are the table of all effects: first ticks and the others.

use super::effect::Effect;
use super::effect::NoteCommand;
use super::effect::Step;
use super::effect::VolumeCommand;
use super::effect::decode_lettered_extended;
use super::instrument;
use super::instrument::Change;
use super::nna;
use super::note;
use super::note::Strike;
use super::pitch;
use super::retrigger;
use super::retrigger::Retrigger;
use super::song::NewNoteAction;
use super::state::Context;
use super::state::FULL_FADE;
use super::state::Voice;
use super::volume;
use super::volume::PanningScale;
use super::ways::Way;

/// What a channel has found out about its row on this tick.
#[derive(Clone, Copy)]
struct Row {
    step: Step,
    effect: Effect,
    /// Tick on which the note begins.
    start_tick: u32,
    /// The note begins now.
    triggers: bool,
    portamento: bool,
}

/// Plays a channel's cell on this tick.
pub(crate) fn play_channel(cx: &mut Context<'_>, index: usize, ch: &mut Voice, background: &mut [Voice]) {
    let portamento = ch.step.has_tone_portamento();
    ch.first_tick = cx.flow.first_tick;
    if ignores_cell(cx, ch) {
        return;
    }
    let effect = resolve_extended(cx, ch);
    let Some(start_tick) = start_tick(cx, ch, effect) else { return };
    if start_tick != 0
        && cx.rules.ft2.delayed_release_ignores_panning
        && ch.step.note == NoteCommand::Off
        && matches!(ch.step.volume, VolumeCommand::SetPanning(_))
    {
        ch.step.volume = VolumeCommand::None; // PanOff.xm
    }
    let tick_of_pass = cx.flow.position.tick % cx.flow.row_ticks();
    let mut triggers = cx.flow.position.tick == start_tick;
    if cx.rules.ft2.late_notes_are_dropped && start_tick >= u32::from(cx.flow.position.speed) {
        triggers = false; // DelayCombination.xm
    } else if cx.rules.delays_repeat() && start_tick > 0 && tick_of_pass == start_tick {
        triggers = true; // PatternDelay-NoteDelay.it
    }
    if cx.rules.it(Way::DelaysShiftFirstTick) {
        ch.first_tick = tick_of_pass == start_tick;
    }
    ch.triggered = false;
    let portamento = portamento && !(cx.rules.ft2.delay_cancels_portamento && start_tick != 0);
    let row = Row { step: ch.step, effect, start_tick, triggers, portamento };
    if cx.rules.protracker && row.step.instrument != 0 && cx.flow.position.tick == 0 {
        load_protracker_sample(cx, ch, &row);
    }
    if triggers {
        trigger_note(cx, index, ch, background, row);
    }
    if ch.rests {
        return;
    }
    run_columns(cx, index, ch, background, row);
    if ch.step.instrument != 0 {
        ch.row_instrument = ch.step.instrument;
    }
}

/// Impulse Tracker passes over the whole cell where its note maps to no sample (NoMap, emptyslot.it).
fn ignores_cell(cx: &Context<'_>, ch: &mut Voice) -> bool {
    let number = ch.step.instrument;
    let Some(index) = number.checked_sub(1).filter(|_| cx.rules.it(Way::EmptySlotsSwallowCells)) else {
        return false;
    };
    let Some(instrument) = cx.instrument(Some(index)) else { return false };
    let key = match ch.step.note {
        NoteCommand::Key(key) => Some(key),
        NoteCommand::None => ch.new_key,
        NoteCommand::Off | NoteCommand::Cut | NoteCommand::Fade => None,
    };
    let Some(key) = key else { return false };
    if instrument.keys.get(usize::from(key)).is_some_and(|slot| slot.sample != 0) {
        return false;
    }
    (ch.new_key, ch.last_key) = (Some(key), Some(key));
    ch.waiting_instrument = number;
    ch.step = Step::default();
    true
}

/// The effect with Sxy's memory resolved.
fn resolve_extended(cx: &Context<'_>, ch: &mut Voice) -> Effect {
    if !ch.step.extended {
        return ch.step.effect;
    }
    if ch.step.effect == Effect::RepeatExtended {
        return decode_lettered_extended(cx.rules.format, ch.memory.extended);
    }
    ch.memory.extended = ch.step.parameter;
    ch.step.effect
}

/// Tick on which the note begins, and the row's delay; `None` where the channel rests on this tick.
fn start_tick(cx: &mut Context<'_>, ch: &mut Voice, effect: Effect) -> Option<u32> {
    let drops_late = cx.rules.it(Way::LateNotesAreDropped);
    match effect {
        Effect::DelayNote(0) if cx.rules.is_it() => Some(1),
        Effect::DelayNote(0) if cx.rules.is_s3m() => None,
        Effect::DelayNote(tick) if drops_late && u32::from(tick) >= cx.flow.row_ticks() => {
            if ch.step.instrument != 0 {
                ch.waiting_instrument = ch.step.instrument;
            }
            None
        }
        Effect::DelayNote(tick) => Some(tick.into()),
        Effect::DelayPattern(rows) if cx.flow.first_tick => {
            let rules = cx.rules;
            cx.flow.delay_pattern(rules, rows);
            Some(0)
        }
        _ => Some(0),
    }
}

/// ProTracker loads volume and finetune on the first tick, whatever the note's delay.
fn load_protracker_sample(cx: &Context<'_>, ch: &mut Voice, row: &Row) {
    ch.memory.note_offset = 0;
    if row.triggers || ch.sound.step_q32 == 0 {
        return;
    }
    let number = row.step.instrument;
    ch.waiting_instrument = number;
    instrument::await_sample(cx, ch, number);
    let index = usize::from(number).checked_sub(1);
    if let Some(sample) = index.and_then(|index| cx.song.samples.get(index)) {
        ch.volume = i32::from(sample.volume) * 4;
        ch.finetune = sample.finetune.into();
    }
}

/// A note on its way from the cell to the channel.
struct Trigger {
    note: NoteCommand,
    /// From 1; 0 is none.
    instrument: u16,
    portamento: bool,
    /// An instrument number without a note.
    lone_number: bool,
    keeps_number: bool,
    reloads_sample: bool,
}

fn trigger_note(cx: &mut Context<'_>, index: usize, ch: &mut Voice, background: &mut [Voice], row: Row) {
    let mut trigger = Trigger {
        note: row.step.note,
        instrument: row.step.instrument,
        portamento: row.portamento,
        lone_number: false,
        keeps_number: cx.rules.is_it() || cx.rules.quirks.samples_swap_at_once,
        reloads_sample: false,
    };
    if trigger.instrument != 0 {
        ch.waiting_instrument = trigger.instrument;
        if cx.rules.quirks.sample_swaps_at_loop_end {
            instrument::await_sample(cx, ch, trigger.instrument);
        }
    }
    filter_note(cx, ch, &mut trigger, &row);
    trigger.lone_number = trigger.note == NoteCommand::None && trigger.instrument != 0;
    trigger.reloads_sample = cx.rules.ft2.number_reloads_sample && trigger.instrument != 0;
    if cx.rules.quirks.sample_swaps_at_loop_end && ch.sound.step_q32 == 0 {
        let sample =
            usize::from(trigger.instrument).checked_sub(1).and_then(|index| cx.song.samples.get(index));
        trigger.keeps_number |= sample.is_some_and(|sample| sample.sample_loop.is_some()); // PTSwapEmpty.mod
    }
    if cx.rules.is_xm() {
        bend_to_ft2(cx, ch, &mut trigger, &row);
    }
    reload_defaults(cx, ch, &trigger);
    restart_envelopes(cx, ch, &mut trigger);
    if trigger.lone_number {
        act_on_lone_number(cx, ch, &mut trigger);
    }
    if trigger.note.ends_note() {
        recall_volume_at_release(cx, ch, &mut trigger);
    }
    let previous_key = ch.new_key;
    if let NoteCommand::Key(key) = trigger.note {
        (ch.new_key, ch.last_key) = (Some(key), Some(key));
        if !trigger.portamento {
            nna::leave_old_note(cx, index, ch, background, (trigger.instrument, key));
        }
        instrument::restore_panning(ch);
    }
    if trigger.instrument != 0 {
        take_instrument(cx, ch, &mut trigger);
    }
    if trigger.note != NoteCommand::None {
        strike(cx, ch, &trigger, previous_key);
    }
    match row.step.volume {
        VolumeCommand::Set(value) => volume::set_volume(ch, value),
        VolumeCommand::SetPanning(value) => volume::set_panning(cx, ch, value, PanningScale::SixtyFourths),
        _ => {}
    }
}

/// Notes that a tracker does not take.
fn filter_note(cx: &Context<'_>, ch: &Voice, trigger: &mut Trigger, row: &Row) {
    match trigger.note {
        NoteCommand::Key(key) if cx.rules.ft2.refuses_far_keys => {
            let mut transpose = ch.transpose;
            if trigger.instrument != 0 && !trigger.portamento {
                let sample = cx.sample_index(Some(key), trigger.instrument);
                transpose = cx.sample(sample).map_or(transpose, |sample| sample.relative_key.into());
            }
            if !(11..=130).contains(&(i32::from(key) + transpose)) {
                trigger.note = NoteCommand::None; // NoteLimit.xm
            }
        }
        NoteCommand::Key(_) | NoteCommand::None if cx.rules.is_it() && cx.rules.instruments => {
            let number = if trigger.instrument != 0 { trigger.instrument } else { ch.row_instrument };
            if usize::from(number) > cx.song.instruments.len() {
                (trigger.note, trigger.instrument) = (NoteCommand::None, 0); // InstrumentNumberChange.it
            }
        }
        _ => {}
    }
    if cx.rules.ft2.release_at_start_drops_note && row.effect == Effect::ReleaseKey(0) {
        (trigger.note, trigger.instrument) = (NoteCommand::None, 0);
    }
}

/// FT2's ways with key off and delayed notes.
fn bend_to_ft2(cx: &Context<'_>, ch: &mut Voice, trigger: &mut Trigger, row: &Row) {
    let envelope = cx.instrument(ch.instrument).is_some_and(|instrument| instrument.volume_envelope.enabled);
    let sets_volume =
        matches!(row.step.volume, VolumeCommand::Set(_)) || matches!(row.effect, Effect::SetVolume(_));
    let lone = trigger.instrument == 0 && !sets_volume || !cx.rules.ft2.release_at_start_drops_note;
    if trigger.note == NoteCommand::Off && lone && !envelope {
        // Without an envelope, key off cuts.
        ch.volume = 0;
        (trigger.note, trigger.instrument) = (NoteCommand::None, 0);
        trigger.lone_number = false;
        ch.fading |= cx.flow.first_tick && cx.rules.ft2.release_starts_fade;
    } else if !cx.flow.first_tick && cx.rules.ft2.delay_restarts_note {
        // A delayed cell starts envelopes anew, and the last note too where it has none.
        trigger.lone_number = true;
        trigger.portamento = false;
        match trigger.note {
            NoteCommand::None => {
                let key = ch.key.map(|key| (i32::from(key) - ch.transpose).clamp(0, 119) as u8);
                trigger.note = key.map_or(NoteCommand::None, NoteCommand::Key);
            }
            NoteCommand::Off | NoteCommand::Cut | NoteCommand::Fade => {
                trigger.note = NoteCommand::None;
                trigger.keeps_number = false;
                trigger.reloads_sample = true;
            }
            NoteCommand::Key(_) => {
                if trigger.instrument != 0 || !cx.rules.ft2.delayed_note_needs_number {
                    trigger.keeps_number = true;
                    trigger.reloads_sample = true;
                }
            }
        }
    }
}

/// Default volume (and, in FT2, panning) that an instrument number brings back.
fn reload_defaults(cx: &Context<'_>, ch: &mut Voice, trigger: &Trigger) {
    if !(trigger.lone_number && !cx.rules.ft2.number_reloads_sample || trigger.reloads_sample) {
        return;
    }
    let index = if cx.rules.instruments { ch.sample } else { trigger.instrument.checked_sub(1) };
    let known = index.filter(|&index| usize::from(index) < cx.song.samples.len());
    let Some(sample) = cx.sample(known) else { return };
    if !cx.rules.is_s3m() || cx.has_frames(index) {
        ch.volume = i32::from(sample.volume) * 4;
    }
    if trigger.reloads_sample
        && let Some(panning) = sample.panning
    {
        ch.panning = panning.into();
    }
}

/// Impulse Tracker: numbers without a note start envelopes over as its two compatibility flags say.
fn restart_envelopes(cx: &Context<'_>, ch: &mut Voice, trigger: &mut Trigger) {
    if cx.rules.ft2.tremor_runs_on && trigger.instrument != 0 {
        ch.tremor_count = 0x20; // TremorInstr.xm
    }
    let quirks = &cx.rules.quirks;
    let resets = cx.rules.it(Way::ReleaseRestartsOldEnvelopes) && cx.rules.instruments;
    let numbered = resets && trigger.instrument != 0;
    let restarts = if trigger.portamento { quirks.compatible_portamento } else { quirks.old_effects };
    if numbered && !trigger.note.is_key() && restarts {
        ch.reset_envelopes();
        ch.fade = FULL_FADE;
    }
}

fn act_on_lone_number(cx: &Context<'_>, ch: &mut Voice, trigger: &mut Trigger) {
    if cx.rules.it(Way::LoneNumbersRestartNotes) {
        let index = trigger.instrument.checked_sub(1);
        let stopped = cx.rules.it(Way::NumbersRecallTheirSample) && ch.sound.step_q32 == 0;
        let known = !cx.rules.instruments || cx.instrument(index).is_some();
        let playing = if cx.rules.instruments { ch.instrument } else { ch.sample };
        if known && (playing != index || stopped) {
            trigger.note = ch.key.map_or(NoteCommand::None, NoteCommand::Key);
        }
    }
    if cx.rules.is_xm() && cx.rules.instruments {
        ch.reset_envelopes();
        ch.reset_sample_vibrato();
        ch.fading = false;
        ch.fade = FULL_FADE;
        ch.key_off &= !cx.rules.ft2.release_starts_fade;
    }
    if !trigger.keeps_number {
        trigger.instrument = 0;
    }
}

/// Impulse Tracker: a number beside a key off brings the sample's volume back, and nothing else of it.
fn recall_volume_at_release(cx: &Context<'_>, ch: &mut Voice, trigger: &mut Trigger) {
    if cx.rules.it(Way::ReleaseRecallsVolume) && trigger.instrument != 0 {
        let sample = cx.sample_index(ch.last_key, trigger.instrument);
        if let Some(sample) = cx.sample(sample) {
            ch.volume = i32::from(sample.volume) * 4;
        }
    }
    if !(cx.rules.it(Way::ReleaseRestartsOldEnvelopes) && cx.rules.quirks.old_effects) {
        trigger.instrument = 0;
    }
}

fn take_instrument(cx: &Context<'_>, ch: &mut Voice, trigger: &mut Trigger) {
    let old_sample = ch.sample;
    let portamento = trigger.portamento;
    let number = trigger.instrument;
    instrument::change_instrument(
        cx,
        ch,
        Change { number, portamento, with_volume: true, with_envelopes: true },
    );
    let keeps_waiting = match cx.rules.it(Way::ReleaseRecallsVolume) {
        true => !trigger.note.is_key(),
        false => cx.rules.quirks.sample_swaps_at_loop_end && portamento,
    };
    if !keeps_waiting {
        ch.waiting_instrument = 0;
    }
    let swaps = old_sample != ch.sample;
    if cx.rules.is_it() || cx.rules.it_portamento {
        match trigger.note.is_key() && swaps {
            false => {}
            // PortaSample.it
            true if cx.rules.is_s3m() || cx.rules.it(Way::NewSamplesStartOver) => {
                ch.sound.set_frame(0);
                ch.count_strike();
            }
            // A new sample ended the portamento.
            true => trigger.portamento = false,
        }
    } else if cx.rules.quirks.samples_swap_at_once && swaps && (portamento || !trigger.note.is_key()) {
        // Scream Tracker with a SoundBlaster plays on at the same place, if the new sample is that long.
        if ch.sound.frame() > ch.sound.length.into() {
            ch.sound.length = 0;
        }
    } else if cx.rules.quirks.sample_swaps_at_loop_end && ch.sound.step_q32 == 0 {
        ch.sound.set_frame(0); // PTSwapEmpty.mod
    }
}

fn strike(cx: &Context<'_>, ch: &mut Voice, trigger: &Trigger, previous_key: Option<u8>) {
    if trigger.instrument == 0 && ch.waiting_instrument != 0 && trigger.note.is_key() {
        // The waiting instrument comes in as the note before would have played it (InitialNoteMemoryInstrMode.it).
        let key = ch.new_key;
        if cx.rules.it(Way::EmptySlotsSwallowCells) && previous_key.is_some() {
            ch.new_key = previous_key;
        }
        let change = Change {
            number: ch.waiting_instrument,
            portamento: trigger.portamento,
            with_volume: ch.sample.is_none() && ch.instrument.is_none(),
            with_envelopes: !cx.rules.is_xm(),
        };
        instrument::change_instrument(cx, ch, change);
        ch.new_key = key;
        ch.waiting_instrument = 0;
        ch.sound.successor = None;
    }
    let how = Strike { portamento: trigger.portamento, with_envelopes: !cx.rules.is_xm() };
    note::change_note(cx, ch, trigger.note, how);
    if trigger.portamento && cx.rules.is_xm() && trigger.instrument != 0 {
        ch.reset_envelopes();
        ch.reset_sample_vibrato();
    }
}

/// The volume column, then the effect column.
fn run_columns(cx: &mut Context<'_>, index: usize, ch: &mut Voice, background: &mut [Voice], row: Row) {
    let tick = cx.flow.position.tick;
    let mut runs_column = tick >= row.start_tick;
    let is_portamento = matches!(row.step.volume, VolumeCommand::TonePortamento(_));
    if cx.rules.ft2.delay_shifts_volume_column && row.start_tick != 0 {
        // VolColDelay.xm
        runs_column = tick != 0 && (tick != row.start_tick || row.step.instrument == 0 && !is_portamento);
    }
    if cx.rules.it(Way::MemoriesFillFirst) && ch.first_tick {
        pitch::prepare_slides(cx, ch, &row.step, row.effect);
    }
    let mut effect = row.effect;
    if runs_column {
        if let VolumeCommand::TonePortamento(value) = row.step.volume {
            let (speed, swallows) = pitch::column_portamento(cx, &row.step, value, row.start_tick != 0);
            pitch::tone_portamento(cx, ch, speed);
            if swallows {
                effect = Effect::None;
            }
        } else {
            volume::run_volume_column(cx, ch, ch.step.volume, row.start_tick);
        }
    }
    let row = Row { effect, ..row };
    if cx.flow.first_tick {
        on_row(cx, index, ch, background, &row);
    } else {
        on_tick(cx, ch, &row);
    }
    if cx.rules.st3.effects_share_memory && row.step.is_command && row.step.parameter != 0 {
        share_parameter(ch, row.step.parameter);
    }
}

/// Scream Tracker 3 keeps one memory for most effects (ParamMemory.s3m).
fn share_parameter(ch: &mut Voice, parameter: u8) {
    let memory = &mut ch.memory;
    memory.volume_slide = parameter;
    (memory.pitch_up, memory.pitch_down) = (parameter, parameter);
    memory.tremor = parameter;
    memory.arpeggio = parameter;
    memory.retrigger = parameter;
    memory.extended = parameter;
    ch.tremolo.depth = (parameter & 15) << 2;
    ch.tremolo.speed = parameter >> 4;
}

/// What effects do on the first tick of a row.
fn on_row(cx: &mut Context<'_>, index: usize, ch: &mut Voice, background: &mut [Voice], row: &Row) {
    use Effect::*;
    let rules = cx.rules;
    match row.effect {
        Arpeggio(p) => start_arpeggio(cx, ch, p),
        PitchUp(p) => pitch::pitch_up(cx, ch, p, false),
        PitchDown(p) => pitch::pitch_down(cx, ch, p, false),
        FinePitchUp(p) => pitch::fine_slide(cx, ch, p, true, false),
        FinePitchDown(p) => pitch::fine_slide(cx, ch, p, false, false),
        ExtraFinePitchUp(p) => pitch::fine_slide(cx, ch, p, true, true),
        ExtraFinePitchDown(p) => pitch::fine_slide(cx, ch, p, false, true),
        TonePortamento(p) => pitch::tone_portamento(cx, ch, p.into()),
        TonePortamentoAndVolume(p) => slide_both_ways(cx, ch, p),
        Vibrato(p) => pitch::vibrato(ch, p),
        VibratoAndVolume(p) => vibrate_and_slide(cx, ch, p),
        FineVibrato(p) => pitch::fine_vibrato(cx, ch, p),
        Tremolo(p) => volume::tremolo(ch, p),
        SetPanning(p) => volume::set_panning(cx, ch, p, PanningScale::Bytes),
        SetCoarsePanning(p) => volume::set_panning(cx, ch, p, PanningScale::Sixteenths),
        SlidePanning(p) => volume::slide_panning(cx, ch, p, true),
        Panbrello(p) => volume::panbrello(ch, p),
        SampleOffset(p) => offset(cx, ch, row, p),
        HighOffset(p) => note::high_offset(cx, ch, p),
        SlideVolume(p) => volume::slide_volume(cx, ch, p),
        SetVolume(p) => volume::set_volume(ch, p),
        FineVolumeUp(p) => volume::fine_volume_up(cx, ch, p, false),
        FineVolumeDown(p) => volume::fine_volume_down(cx, ch, p, false),
        SetChannelVolume(p) if p <= 64 => ch.channel_volume = p.into(),
        SlideChannelVolume(p) => volume::slide_channel_volume(cx, ch, p),
        SetGlobalVolume(p) => volume::set_global_volume(cx, p),
        SlideGlobalVolume(p) => volume::slide_global_volume(cx, ch, p),
        Tremor(p) => volume::tremor(cx, ch, p),
        Retrigger(p) => retrigger(cx, ch, p, retrigger::Retrigger::Plain),
        RetriggerWithVolume(p) => retrigger_with_volume(cx, ch, p),
        CutNote(p) => cut(cx, ch, p),
        ReleaseKey(p) => release_key(cx, ch, p),
        SetEnvelopePosition(p) => set_envelope_position(cx, ch, p),
        ControlInstrument(p) => control_instrument(cx, index, ch, background, p),
        ControlSound(p) => control_sound(ch, row, p),
        SetGlissando(on) => ch.glissando = on,
        SetVibratoWave(p) => ch.vibrato.wave = pitch::wave_number(cx, p),
        SetTremoloWave(p) => ch.tremolo.wave = pitch::wave_number(cx, p),
        SetPanbrelloWave(p) => set_panbrello_wave(cx, ch, p),
        SetFinetune(p) => pitch::set_finetune(cx, ch, p),
        JumpToOrder(p) => cx.flow.jump_to_order(rules, p),
        BreakToRow(p) => cx.flow.break_to_row(p),
        LoopPattern(p) => cx.flow.loop_pattern(rules, index, p),
        DelayTicks(p) if cx.flow.position.tick == 0 => cx.flow.delay_ticks(rules, p),
        SetSpeed(p) if p > 0 && cx.song.fixed_pace.speed.is_none() => cx.flow.position.speed = p.into(),
        SetTempo(p) => set_tempo(cx, ch, p, true),
        SelectMacro(p) => ch.macro_slot = p,
        SetLedFilter(on) => cx.flow.led_filter = on,
        InvertLoop(p) => ch.inversion.speed = p,
        // These have acted before the note, act with the sound, or have a parameter that means nothing.
        None | SetChannelVolume(_) | DelayNote(_) | DelayPattern(_) | DelayTicks(_) | SetSpeed(_)
        | SendMacro(_) | RepeatExtended => {}
    }
}

/// What effects do on the other ticks.
fn on_tick(cx: &mut Context<'_>, ch: &mut Voice, row: &Row) {
    use Effect::*;
    match row.effect {
        PitchUp(p) => pitch::pitch_up(cx, ch, p, false),
        PitchDown(p) => pitch::pitch_down(cx, ch, p, false),
        // These act on the first tick as the channel sees it, which a note delay puts here.
        FinePitchUp(p) => pitch::fine_slide(cx, ch, p, true, false),
        FinePitchDown(p) => pitch::fine_slide(cx, ch, p, false, false),
        ExtraFinePitchUp(p) => pitch::fine_slide(cx, ch, p, true, true),
        ExtraFinePitchDown(p) => pitch::fine_slide(cx, ch, p, false, true),
        FineVolumeUp(p) => volume::fine_volume_up(cx, ch, p, false),
        FineVolumeDown(p) => volume::fine_volume_down(cx, ch, p, false),
        TonePortamento(p) => pitch::tone_portamento(cx, ch, p.into()),
        TonePortamentoAndVolume(p) => slide_both_ways(cx, ch, p),
        Vibrato(p) => pitch::vibrato(ch, p),
        VibratoAndVolume(p) => vibrate_and_slide(cx, ch, p),
        FineVibrato(p) => pitch::fine_vibrato(cx, ch, p),
        Tremolo(p) => volume::tremolo(ch, p),
        SlidePanning(p) => volume::slide_panning(cx, ch, p, true),
        Panbrello(p) => volume::panbrello(ch, p),
        SampleOffset(p) => offset(cx, ch, row, p),
        SlideVolume(p) => volume::slide_volume(cx, ch, p),
        SlideChannelVolume(p) => volume::slide_channel_volume(cx, ch, p),
        SlideGlobalVolume(p) => volume::slide_global_volume(cx, ch, p),
        Retrigger(p) => retrigger(cx, ch, p, retrigger::Retrigger::Plain),
        RetriggerWithVolume(p) => retrigger_with_volume(cx, ch, p),
        CutNote(p) => cut(cx, ch, p),
        ReleaseKey(p) => release_key(cx, ch, p),
        SetTempo(p) => set_tempo(cx, ch, p, false),
        // These are done once their row has begun; see `on_row`.
        None
        | Arpeggio(_)
        | SetPanning(_)
        | SetCoarsePanning(_)
        | HighOffset(_)
        | SetVolume(_)
        | SetChannelVolume(_)
        | SetGlobalVolume(_)
        | Tremor(_)
        | SetEnvelopePosition(_)
        | ControlInstrument(_)
        | ControlSound(_)
        | SetGlissando(_)
        | SetVibratoWave(_)
        | SetTremoloWave(_)
        | SetPanbrelloWave(_)
        | SetFinetune(_)
        | JumpToOrder(_)
        | BreakToRow(_)
        | LoopPattern(_)
        | DelayNote(_)
        | DelayPattern(_)
        | DelayTicks(_)
        | SetSpeed(_)
        | SendMacro(_)
        | SelectMacro(_)
        | SetLedFilter(_)
        | InvertLoop(_)
        | RepeatExtended => {}
    }
}

fn set_panbrello_wave(cx: &Context<'_>, ch: &mut Voice, wave: u8) {
    ch.panbrello.wave = pitch::wave_number(cx, wave);
    if cx.rules.it(Way::WavesAreFine) {
        ch.panbrello.position = 0;
    }
}

fn start_arpeggio(cx: &Context<'_>, ch: &mut Voice, parameter: u8) {
    let idle = ch.period == 0 || ch.key.is_none();
    let refuses = cx.rules.is_it() && !cx.rules.it(Way::ArpeggioMultiplies) && idle;
    if cx.flow.position.tick == 0 && !refuses {
        ch.active.arpeggio = true;
        volume::recall(&mut ch.memory.arpeggio, parameter);
    }
}

/// The volume half of 5xy, 6xy, Lxy and Kxy.
fn slide_beside(cx: &Context<'_>, ch: &mut Voice, parameter: u8) {
    let has_memory = !cx.rules.is_mod();
    let skips = ch.first_tick && cx.rules.combined_slides_skip_first_tick;
    if (parameter != 0 || has_memory) && !skips {
        volume::slide_volume(cx, ch, parameter);
    }
}

fn slide_both_ways(cx: &Context<'_>, ch: &mut Voice, parameter: u8) {
    slide_beside(cx, ch, parameter);
    pitch::tone_portamento(cx, ch, 0);
}

fn vibrate_and_slide(cx: &Context<'_>, ch: &mut Voice, parameter: u8) {
    slide_beside(cx, ch, parameter);
    pitch::vibrato(ch, 0);
}

fn offset(cx: &Context<'_>, ch: &mut Voice, row: &Row, parameter: u8) {
    // FT2 ignores an offset under a portamento (porta-offset.xm).
    if row.triggers && !(row.portamento && cx.rules.is_xm()) {
        note::sample_offset(cx, ch, parameter);
    }
}

fn retrigger_with_volume(cx: &Context<'_>, ch: &mut Voice, parameter: u8) {
    let mut parameter = parameter;
    let memory = ch.memory.retrigger;
    if cx.rules.is_xm() {
        if parameter & 0xF0 == 0 {
            parameter |= memory & 0xF0;
        }
        if parameter & 0x0F == 0 {
            parameter |= memory & 0x0F;
        }
    }
    let parameter = volume::recall(&mut ch.memory.retrigger, parameter);
    retrigger(cx, ch, parameter, Retrigger::WithVolume);
}

fn retrigger(cx: &Context<'_>, ch: &mut Voice, parameter: u8, kind: Retrigger) {
    let due = retrigger::count_retrigger(cx, ch, parameter, kind);
    let rules = cx.rules;
    let minds_end = if rules.is_it() {
        rules.it(Way::EndedNotesAreNotRetriggered)
    } else {
        rules.quirks.ended_samples_stay_ended
    };
    let ended = minds_end && ch.sound.length == 0 || rules.st3.cut_notes_stay_cut && ch.fade == 0;
    if due && !ended {
        retrigger::retrigger_note(cx, ch, parameter, kind);
    }
}

fn cut(cx: &Context<'_>, ch: &mut Voice, tick: u8) {
    let tick = match tick {
        0 if cx.rules.is_it() => 1,
        0 if cx.rules.is_s3m() => return,
        _ => tick.into(),
    };
    note::cut_note(cx, ch, tick);
}

/// Kxx of FT2.
fn release_key(cx: &Context<'_>, ch: &mut Voice, tick: u8) {
    if !cx.rules.ft2.release_at_start_drops_note {
        if cx.flow.first_tick {
            note::key_off(cx, ch);
        }
        return;
    }
    if cx.flow.position.tick != u32::from(tick) {
        return;
    }
    let envelope = cx.instrument(ch.instrument).is_some_and(|instrument| instrument.volume_envelope.enabled);
    if !envelope {
        if tick == 0 && (ch.step.instrument != 0 || ch.step.volume != VolumeCommand::None) {
            ch.fading = true;
        } else {
            ch.volume = 0;
        }
    }
    note::key_off(cx, ch);
}

/// Lxx of FT2, which moves the panning envelope only where the volume envelope has a sustain point.
fn set_envelope_position(cx: &Context<'_>, ch: &mut Voice, tick: u8) {
    ch.volume_envelope.position = tick.into();
    let sustains =
        cx.instrument(ch.instrument).is_some_and(|instrument| instrument.volume_envelope.sustain.is_some());
    if sustains || !cx.rules.ft2.position_needs_sustain {
        ch.panning_envelope.position = tick.into();
    }
}

/// S7x.
fn control_instrument(cx: &Context<'_>, index: usize, ch: &mut Voice, background: &mut [Voice], x: u8) {
    let mut dismiss_all = |action| {
        for voice in background.iter_mut().filter(|voice| usize::from(voice.owner) == index) {
            note::dismiss(cx, voice, action);
        }
    };
    match x {
        0 => dismiss_all(NewNoteAction::Cut),
        1 => dismiss_all(NewNoteAction::Off),
        2 => dismiss_all(NewNoteAction::Fade),
        3 => ch.new_note_action = NewNoteAction::Cut,
        4 => ch.new_note_action = NewNoteAction::Continue,
        5 => ch.new_note_action = NewNoteAction::Off,
        6 => ch.new_note_action = NewNoteAction::Fade,
        7 => ch.volume_envelope.running = false,
        8 => ch.volume_envelope.running = true,
        9 => ch.panning_envelope.running = false,
        10 => ch.panning_envelope.running = true,
        11 => ch.pitch_envelope.running = false,
        12 => ch.pitch_envelope.running = true,
        _ => {}
    }
}

/// S9x: surround and direction.
fn control_sound(ch: &mut Voice, row: &Row, x: u8) {
    match x {
        0 => ch.surround = false,
        1 => {
            ch.surround = true;
            ch.panning = super::state::CENTRE;
        }
        14 => ch.sound.backwards = false,
        15 => {
            let fresh = ch.sound.position_q32 == 0 && ch.sound.length != 0;
            if fresh && (row.step.note.is_key() || !ch.sound.looping) {
                ch.sound.set_to_end();
            }
            ch.sound.backwards = true;
        }
        _ => {}
    }
}

/// Fxx from 20 up, Txx; below 20 it slides.
fn set_tempo(cx: &mut Context<'_>, ch: &mut Voice, parameter: u8, first_tick: bool) {
    let highest = if cx.rules.is_it() && !cx.rules.it(Way::TempoStopsAt255) { 512 } else { 255 };
    let mut tempo = parameter;
    if !cx.rules.is_numbered() {
        tempo = volume::recall(&mut ch.memory.tempo, parameter);
    }
    if cx.song.fixed_pace.tempo.is_some() {
        return;
    }
    let position = &mut cx.flow.position;
    if tempo >= 0x20 || cx.rules.is_numbered() {
        // ProTracker's timer takes the new value after the first tick (TempoChange.mod).
        if first_tick != cx.rules.quirks.tempo_waits_one_tick {
            position.tempo = tempo.into();
        }
    } else if !first_tick {
        let step = u16::from(tempo & 15);
        let moved = if tempo >> 4 == 1 { position.tempo + step } else { position.tempo.saturating_sub(step) };
        position.tempo = moved.clamp(32, highest);
    }
}
