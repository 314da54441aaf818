//! One channel's part of a tick, second half: from its state to what the mixer plays.
//!
//! In: a channel or background voice after `row`. Out: its step, gains and filter for this tick. Audio thread.
//! The order is volume, envelopes, fade-out, panning, pitch, filter, vibrato, as in the trackers.

use super::adlib;
use super::envelope;
use super::envelope::EnvelopeState;
use super::envelope::Progress;
use super::filter::Coefficients;
use super::filter::FilterShape;
use super::gain::Ramping;
use super::macros;
use super::macros::Message;
use super::mix::Tone;
use super::panorama::Panorama;
use super::paula::Circuits;
use super::pitch;
use super::song::Envelope;
use super::song::Instrument;
use super::song::Wave;
use super::state::CENTRE;
use super::state::Context;
use super::state::FULL_VOLUME;
use super::state::FilterSetting;
use super::state::Voice;
use super::wave;
use super::ways::Way;
use crate::audio::Spot;
use crate::units::SampleRate;

/// What turns a channel's level into gains.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    pub(crate) rate: SampleRate,
    /// Gain of full volume on one side.
    pub(crate) level: f32,
    /// Gain of a full AdLib operator.
    pub(crate) adlib_level: f32,
    /// Factor on everything.
    pub(crate) trim: f32,
    /// The song's own headroom setting.
    pub(crate) mix_volume: u8,
    /// Where panning is heard.
    pub(super) panorama: Panorama,
    /// What is added to that of each channel in a field.
    pub(crate) shifts: Box<[i32]>,
    /// Frames in which what is heard gets from one spot of a field to another.
    pub(crate) walk_frames: u32,
    /// Square-root panning (FT2) instead of linear: what is left to a side by its distance from the other, of 65,536.
    pub(crate) root_shares: Option<Box<[i32; 257]>>,
    /// The song's tracker itself moves gains, and slowly (FT2).
    pub(crate) soft: bool,
    /// Frames of a volume ramp; follows from `soft` and what `set_ramping` was told.
    pub(crate) ramp_frames: u32,
    /// Frames in which what is left where recordings end dies away; 0 leaves nothing.
    pub(crate) end_frames: u32,
    pub(crate) filter: FilterShape,
    /// What an Amiga's sound passes.
    pub(crate) circuits: Circuits,
}

/// Seconds of FT2's volume ramps.
const SOFT_RAMP: f64 = 0.005;
/// Seconds in which what a recording's end leaves dies away; a short ramp would still be heard as a click.
const END: f64 = 0.016;
/// Seconds of a ramp that only keeps steps from clicking.
const SHORT_RAMP: f64 = 0.001;

impl Output {
    /// Sets how gains move.
    pub(crate) fn set_ramping(&mut self, ramping: Ramping, tone: Tone) {
        let plain = tone == Tone::Authentic && !self.soft;
        let seconds = match ramping {
            Ramping::Off => 0.0,
            Ramping::Format if plain => 0.0,
            Ramping::Format | Ramping::On => {
                if self.soft {
                    SOFT_RAMP
                } else {
                    SHORT_RAMP
                }
            }
        };
        self.ramp_frames = self.rate.frames_in(seconds) as u32;
        let fades = seconds > 0.0 && tone != Tone::Authentic;
        self.end_frames = if fades { self.rate.frames_in(END) as u32 } else { 0 };
    }

    /// What panning leaves to the left and to the right, of 65,536.
    pub(crate) fn shares_q16(&self, panning: i32) -> (i32, i32) {
        let pan = panning.clamp(0, 256);
        match &self.root_shares {
            None => ((256 - pan) << 8, pan << 8),
            Some(shares) => {
                let pan = pan.min(255) as usize; // FT2 never reaches the right end
                (shares[256 - pan], shares[pan])
            }
        }
    }

    /// Where a channel's sound of a panning of 0..=256 stands in a field.
    pub(crate) fn spot(&self, channel: u16, panning: i32, behind: bool) -> Spot {
        let shift = self.shifts.get(usize::from(channel)).copied().unwrap_or(0);
        Spot { panning: (panning + shift).clamp(0, Spot::RIGHT.into()) as u16, behind }
    }

    /// FT2's square roots.
    pub(crate) fn root_shares() -> Box<[i32; 257]> {
        let root = |share: usize| libm::round(65_536.0 * libm::sqrt(share as f64 / 256.0)) as i32;
        Box::new(std::array::from_fn(root))
    }

    /// Whether a side is too soft for the whole numbers that trackers mix in; a fade-out that gets there ends the note.
    fn loses(&self, level: i32, share_q16: i32) -> bool {
        let mixed = i64::from(level * i32::from(self.mix_volume) / 256);
        (mixed * i64::from(share_q16)) >> 16 < 2
    }

    pub(crate) fn coefficients(&self, setting: FilterSetting) -> Coefficients {
        self.filter.coefficients(setting.cutoff, setting.resonance, setting.envelope, self.rate)
    }

    /// Frames of a recording for each of the output's.
    pub(crate) fn step_q32(&self, frequency_q4: u32) -> i64 {
        (step_of(frequency_q4.into(), self) as i64).max(1)
    }
}

/// Which voice is updated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// A song channel, or a key of the keyboard.
    Channel,
    /// A voice left behind by a new note action.
    Background,
}

/// Updates a voice for the tick that begins.
pub(crate) fn update(cx: &Context<'_>, ch: &mut Voice, role: Role, output: &Output) {
    if role == Role::Background && ch.sound.length == 0 {
        return;
    }
    if ch.fading && ch.fade == 0 && ch.was_silent && !cx.rules.ft2.keeps_silent_notes {
        ch.sound.length = 0;
    }
    ch.sound.step_q32 = 0;
    ch.level = 0;
    if let Some(sample) = ch.sound.succeeded.take() {
        ch.sample = Some(sample);
    }
    let plays = ch.period != 0 && ch.sound.length != 0;
    let mut period = 0;
    if plays {
        update_level(cx, ch);
        period = update_period(cx, ch);
        apply_panbrello(cx, ch);
    }
    if ch.surround && cx.rules.it(Way::SurroundIsCentred) {
        ch.real_panning = CENTRE;
    }
    if ch.triggered && cx.rules.is_it() {
        start_filter(cx, ch, output);
    }
    run_macros(cx, ch, output);
    if plays {
        period = apply_pitch_envelope(cx, ch, period, output);
    }
    period = apply_vibratos(cx, ch, period);
    if plays {
        set_step(cx, ch, period, output);
    }
    if !cx.rules.it(Way::EnvelopesMoveFirst)
        && let Some(instrument) = cx.instrument(ch.instrument)
    {
        advance_ft2_envelopes(cx, ch, instrument);
    }
    set_gains(cx, ch, role, output);
    ch.note_instrument(cx.rules);
    ch.finish_tick(output.ramp_frames);
    ch.key_was_off = ch.key_off;
    ch.triggered = false;
}

/// Volume with tremolo, tremor, envelope and fade-out; panning with its envelope.
fn update_level(cx: &Context<'_>, ch: &mut Voice) {
    let mut volume = ch.volume;
    let own_volume = apply_swing(cx, ch, &mut volume);
    apply_tremolo(cx, ch, &mut volume);
    apply_tremor(cx, ch, &mut volume);
    let mut level = volume.clamp(0, FULL_VOLUME) << 6;
    if let Some(instrument) = cx.instrument(ch.instrument) {
        if cx.rules.it(Way::EnvelopesMoveFirst) {
            advance_it_envelopes(ch, instrument);
        }
        level = apply_volume_envelope(cx, ch, instrument, level);
        level = apply_fade(cx, ch, instrument, level);
        apply_panning_envelope(cx, ch, instrument);
        separate_pitch(cx, ch, instrument);
    } else if ch.fading {
        ch.fade = 0;
        level = 0;
    }
    ch.level_before_globals = level;
    ch.level = level_after_globals(ch, own_volume);
}

/// 14 bits.
fn level_after_globals(ch: &Voice, own_volume: i32) -> i32 {
    let level = i64::from(ch.level_before_globals) * i64::from(ch.channel_volume * own_volume);
    if ch.muted { 0 } else { (level >> 12) as i32 }
}

/// Aims a voice's gains anew between two ticks, where a controller has moved its channel's volume or its panning by
/// `panned`.
pub(crate) fn reaim(cx: &Context<'_>, ch: &mut Voice, output: &Output, panned: i32) {
    if ch.period == 0 || !ch.sound.sounding() {
        return;
    }
    ch.real_panning = (ch.real_panning + panned).clamp(0, 256);
    ch.level = level_after_globals(ch, own_volume(cx, ch));
    let faded_out = ch.faded_out;
    set_gains(cx, ch, Role::Channel, output);
    ch.faded_out |= faded_out;
}

/// Random volume and panning; gives the factor that sample and instrument have.
fn apply_swing(cx: &Context<'_>, ch: &mut Voice, volume: &mut i32) -> i32 {
    if cx.rules.is_it() && !cx.rules.it(Way::SwingActsOnInstrumentVolume) {
        *volume = (*volume + ch.volume_swing).clamp(0, FULL_VOLUME);
        if !cx.rules.quirks.old_swing {
            // Later versions of ModPlug Tracker moved the note's own volume and panning, once.
            ch.volume = *volume;
            ch.panning = (ch.panning + ch.panning_swing).clamp(0, 256);
            (ch.volume_swing, ch.panning_swing) = (0, 0);
        }
        ch.real_panning = (ch.panning + ch.panning_swing).clamp(0, 256);
        return ch.instrument_volume;
    }
    ch.real_panning = (ch.panning + ch.panning_swing).clamp(0, 256);
    own_volume(cx, ch)
}

/// The factor that sample and instrument have, 0..=64.
fn own_volume(cx: &Context<'_>, ch: &Voice) -> i32 {
    match cx.rules.it(Way::SwingActsOnInstrumentVolume) {
        true => (ch.instrument_volume + ch.volume_swing).clamp(0, 64),
        false => ch.instrument_volume,
    }
}

/// Pitch-pan separation as it was before it came with the note.
fn separate_pitch(cx: &Context<'_>, ch: &mut Voice, instrument: &Instrument) {
    if !cx.rules.is_it() || cx.rules.it(Way::SeparationComesWithNote) {
        return;
    }
    if let Some(key) = ch.key {
        let distance = i32::from(key) - i32::from(instrument.pitch_pan_centre);
        let moved = distance * i32::from(instrument.pitch_pan_separation) / 2;
        ch.real_panning = (ch.real_panning + moved).clamp(0, 256);
    }
}

fn apply_tremolo(cx: &Context<'_>, ch: &mut Voice, volume: &mut i32) {
    if !ch.active.tremolo || cx.rules.protracker && cx.flow.first_tick {
        return;
    }
    let first = cx.flow.first_tick;
    let fine = cx.rules.it(Way::WavesAreFine);
    if fine {
        let value = cx.waves.fine(ch.tremolo.wave, ch.tremolo.position, &cx.flow.random);
        *volume += value * i32::from(ch.tremolo.depth) / 32;
    } else if *volume > 0 {
        let shift = if cx.rules.is_numbered() { 5 } else { 6 };
        *volume += tremolo_delta(cx, ch) * i32::from(ch.tremolo.depth) / (1 << shift);
    }
    if !first || cx.rules.is_it() && !cx.rules.quirks.old_effects {
        let unit = if fine { 4 } else { 1 };
        ch.tremolo.position = ch.tremolo.position.wrapping_add(ch.tremolo.speed.wrapping_mul(unit));
    }
}

/// FT2 and ProTracker take the ramp's direction from the vibrato's position (TremoloWaveforms.xm).
fn tremolo_delta(cx: &Context<'_>, ch: &Voice) -> i32 {
    let rules = cx.rules;
    let follows_vibrato = rules.quirks.tremolo_ramp_follows_vibrato || rules.ft2.tremolo_ramp_follows_vibrato;
    if ch.tremolo.wave & 3 != 1 || !follows_vibrato {
        return cx.waves.coarse(ch.tremolo.wave, ch.tremolo.position);
    }
    let mut ramp = i32::from(ch.tremolo.position.wrapping_mul(4) & 0x7F);
    let moved = if !cx.flow.first_tick && ch.active.vibrato { ch.vibrato.speed } else { 0 };
    if ch.vibrato.position.wrapping_add(moved) & 0x3F >= 32 {
        ramp ^= 0x7F;
    }
    if ch.tremolo.position & 0x3F >= 32 { -ramp } else { ramp }
}

fn apply_tremor(cx: &Context<'_>, ch: &mut Voice, volume: &mut i32) {
    let parameter = ch.memory.tremor;
    if cx.rules.ft2.tremor_runs_on {
        if ch.tremor_count & 0x80 == 0 {
            return;
        }
        if !cx.flow.first_tick && ch.active.tremor {
            ch.tremor_count &= !0x20;
            count_tremor(ch, parameter);
        }
        if ch.tremor_count & 0xE0 == 0x80 {
            *volume = 0;
        }
    } else if ch.active.tremor && cx.rules.it(Way::TremorCountsDown) {
        if ch.tremor_count & 0x80 != 0 && ch.sound.length != 0 {
            count_tremor(ch, parameter);
        }
        if ch.tremor_count & 0xC0 == 0x80 {
            *volume = 0;
        }
    } else if ch.active.tremor {
        // Since version 2 of Impulse Tracker the times are meant as they stand, not one longer.
        let longer = u8::from(!cx.rules.is_it() || cx.rules.quirks.old_effects);
        let on = (parameter >> 4) + longer;
        let cycle = on + (parameter & 15) + longer;
        if cx.rules.is_xm() {
            return tremor_of_modplug(cx, ch, volume, (on, cycle));
        }
        if ch.tremor_count >= cycle {
            ch.tremor_count = 0;
        }
        if ch.tremor_count >= on {
            *volume = 0;
        }
        ch.tremor_count += 1;
    }
}

/// ModPlug Tracker's count for XM goes on with every tick but the first of a row.
fn tremor_of_modplug(cx: &Context<'_>, ch: &mut Voice, volume: &mut i32, (on, cycle): (u8, u8)) {
    let mut count = ch.tremor_count;
    if cx.flow.first_tick {
        count = count.saturating_sub(1);
    } else {
        ch.tremor_count = count.wrapping_add(1);
    }
    if count % cycle >= on {
        *volume = 0;
    }
}

/// Bit 6 is the sounding half; the low bits count its ticks down.
fn count_tremor(ch: &mut Voice, parameter: u8) {
    ch.tremor_count = match ch.tremor_count {
        0x80 => parameter >> 4 | 0xC0,
        0xC0 => parameter & 15 | 0x80,
        count => count - 1,
    };
}

/// Whether an envelope has a say: stopping it (S77) holds its value.
fn has_envelope(cx: &Context<'_>, state: &EnvelopeState, envelope: &Envelope) -> bool {
    let holds = !cx.rules.is_it() || cx.rules.it(Way::EnvelopesMoveFirst);
    (state.running || envelope.enabled && holds) && !envelope.points.is_empty()
}

/// The tick at which an envelope is read; `None` before its first one.
fn envelope_tick(cx: &Context<'_>, state: &EnvelopeState, envelope: &Envelope) -> Option<u32> {
    if !has_envelope(cx, state, envelope) {
        return None;
    }
    if cx.rules.it(Way::EnvelopesMoveFirst) { state.position.checked_sub(1) } else { Some(state.position) }
}

fn apply_volume_envelope(cx: &Context<'_>, ch: &Voice, instrument: &Instrument, level: i32) -> i32 {
    let envelope = &instrument.volume_envelope;
    match envelope_tick(cx, &ch.volume_envelope, envelope) {
        Some(tick) => level * envelope::volume_at(envelope, tick).clamp(0, 512) / 256,
        None => level,
    }
}

fn apply_fade(cx: &Context<'_>, ch: &mut Voice, instrument: &Instrument, level: i32) -> i32 {
    if !ch.fading {
        return level;
    }
    if instrument.fadeout != 0 {
        // Of 65,536: FT2 counts in 1/32,768, Impulse Tracker in 1/1024.
        let unit = if cx.rules.is_it() { 64 } else { 2 };
        ch.fade = (ch.fade - i32::from(instrument.fadeout) * unit).max(0);
        (i64::from(level) * i64::from(ch.fade) / 65_536) as i32
    } else if ch.fade == 0 {
        0
    } else {
        level
    }
}

fn apply_panning_envelope(cx: &Context<'_>, ch: &mut Voice, instrument: &Instrument) {
    let envelope = &instrument.panning_envelope;
    let Some(tick) = envelope_tick(cx, &ch.panning_envelope, envelope) else { return };
    let value = envelope::panning_at(envelope, tick);
    let room = ch.real_panning.min(256 - ch.real_panning);
    ch.real_panning = (ch.real_panning + value * room / 32).clamp(0, 256);
}

fn advance_it_envelopes(ch: &mut Voice, instrument: &Instrument) {
    let ch = &mut ch.state;
    let off = ch.key_was_off;
    for (state, data, is_volume) in [
        (&mut ch.volume_envelope, &instrument.volume_envelope, true),
        (&mut ch.panning_envelope, &instrument.panning_envelope, false),
        (&mut ch.pitch_envelope, &instrument.pitch_envelope, false),
    ] {
        if !state.running || data.points.is_empty() {
            continue;
        }
        if envelope::advance_it(data, state, off) == Progress::Ended && is_volume {
            ch.fading = true;
            if data.points.last().is_some_and(|point| point.value == 0) {
                ch.fade = 0;
            }
        }
    }
}

fn advance_ft2_envelopes(cx: &Context<'_>, ch: &mut Voice, instrument: &Instrument) {
    let off = ch.key_off;
    let escapes_loop = cx.rules.ft2.envelopes_escape_loops;
    let loop_includes_end = cx.rules.is_it();
    let plain = envelope::Ft2Ways { holds_at_sustain: false, escapes_loop, loop_includes_end };
    if ch.volume_envelope.running && !instrument.volume_envelope.points.is_empty() {
        let data = &instrument.volume_envelope;
        let progress = envelope::advance_ft2(data, &mut ch.volume_envelope, off, plain);
        if progress == Progress::Ended {
            ch.fading |= off || cx.rules.is_it();
            if cx.rules.is_it() && data.points.last().is_some_and(|point| point.value == 0) {
                ch.fade_to_nothing();
                ch.level = 0;
            }
        }
    }
    if ch.panning_envelope.running && !instrument.panning_envelope.points.is_empty() {
        let holds_at_sustain = cx.rules.ft2.panning_envelope_stays_at_sustain;
        let ways = envelope::Ft2Ways { holds_at_sustain, ..plain };
        let progress =
            envelope::advance_ft2(&instrument.panning_envelope, &mut ch.panning_envelope, off, ways);
        if progress == Progress::Held {
            ch.panning_envelope.running = false; // PanSustainRelease.xm
        }
    }
    if ch.pitch_envelope.running && !instrument.pitch_envelope.points.is_empty() {
        envelope::advance_ft2(&instrument.pitch_envelope, &mut ch.pitch_envelope, off, plain);
    }
}

/// The channel's period with glissando and arpeggio, within the format's limits.
fn update_period(cx: &Context<'_>, ch: &mut Voice) -> i32 {
    let rules = cx.rules;
    if !cx.tuning.rises() {
        if ch.period < rules.shortest_period && !rules.is_s3m() {
            ch.period = rules.shortest_period;
        } else if ch.period >= rules.longest_period && rules.st3.periods_have_upper_limit {
            ch.period = rules.longest_period; // PeriodLimitUpper.s3m
        }
    }
    let mut period = ch.period;
    let slides = ch.step.has_tone_portamento() && !cx.flow.first_tick;
    if ch.glissando && ch.portamento && (!rules.protracker || slides) {
        if ch.rounded.0 != period {
            let key = cx.tuning.key(period, ch.finetune, ch.c5_speed);
            ch.rounded = (period, cx.tuning.period(key, ch.finetune, ch.c5_speed));
        }
        period = ch.rounded.1;
    }
    if ch.active.arpeggio {
        period = apply_arpeggio(cx, ch, period);
    }
    if (rules.quirks.amiga_limits || rules.protracker) && period != ZERO_PERIOD {
        let (shortest, longest) = cx.tuning.amiga_limits(ch.finetune);
        period = period.clamp(shortest, longest);
        ch.period = ch.period.clamp(shortest, longest);
    }
    period
}

/// What Paula makes of a period of 0.
const ZERO_PERIOD: i32 = 65_536;

fn apply_arpeggio(cx: &Context<'_>, ch: &mut Voice, period: i32) -> i32 {
    let parameter = ch.memory.arpeggio;
    let tick = cx.flow.position.tick;
    let steps = |phase: u32| match phase {
        1 => parameter >> 4,
        2 => parameter & 15,
        _ => 0,
    };
    if cx.rules.it(Way::ArpeggioMultiplies) {
        let steps = steps(tick % cx.flow.row_ticks() % 3);
        return cx.tuning.raise(period, steps);
    }
    if cx.rules.ft2.arpeggio_counts_down {
        return ft2_arpeggio(cx, ch, period, &steps);
    }
    if cx.rules.is_it() && steps(tick % 3) == 0 {
        return period;
    }
    let from = if cx.rules.is_mod() {
        cx.tuning.key(period, ch.finetune, ch.c5_speed)
    } else {
        ch.key.map_or(0, i32::from)
    };
    let mut key = from + i32::from(steps(tick % 3));
    if !cx.rules.st3.slides_go_on_from_arpeggio && key == ch.key.map_or(-1, i32::from) {
        return period;
    }
    if cx.rules.protracker {
        // ArpWraparound.mod: past the period table come a 0 and then its start again.
        match key {
            84 => return ZERO_PERIOD,
            85.. => key -= 37,
            _ => {}
        }
    }
    ch.arpeggio_key = key;
    cx.tuning.period(key, ch.finetune, ch.c5_speed)
}

/// FT2 counts the ticks down and reads past its table from 16 on (Arpeggio.xm).
fn ft2_arpeggio(cx: &Context<'_>, ch: &Voice, period: i32, steps: &dyn Fn(u32) -> u8) -> i32 {
    if cx.flow.first_tick {
        return period;
    }
    let speed = u32::from(cx.flow.position.speed.max(1));
    let left = speed - cx.flow.position.tick % speed;
    let phase = match left {
        17.. => 2,
        16 => 0,
        _ => left % 3,
    };
    if phase == 0 {
        return period;
    }
    let key = cx.tuning.key(period, ch.finetune, ch.c5_speed) + i32::from(steps(phase));
    let raised = cx.tuning.period(key, ch.finetune, ch.c5_speed);
    // ArpeggioClamp.xm: no higher than key 108 without finetune.
    if key >= 108 { raised.max(cx.tuning.period(108, 0, ch.c5_speed)) } else { raised }
}

fn apply_panbrello(cx: &Context<'_>, ch: &mut Voice) {
    let mut offset = ch.panbrello_offset;
    if matches!(ch.step.effect, super::effect::Effect::Panbrello(_)) {
        offset = panbrello_offset(cx, ch);
        // FT2 has no panbrello; OpenMPT's own for XM ends with its row.
        let stays = match cx.rules.is_it() {
            true => cx.rules.it(Way::PanbrelloHolds),
            false => !cx.rules.is_xm(),
        };
        if stays {
            ch.panbrello_offset = offset;
        }
    }
    if offset != 0 {
        let moved = (offset * i32::from(ch.panbrello.depth) + 2) / 8;
        ch.real_panning = (ch.real_panning + moved).clamp(0, 256);
    }
}

fn panbrello_offset(cx: &Context<'_>, ch: &mut Voice) -> i32 {
    let lfo = &mut ch.panbrello;
    let offset = if cx.rules.it(Way::WavesAreFine) {
        cx.waves.fine(lfo.wave, lfo.position, &cx.flow.random)
    } else {
        cx.waves.coarse(lfo.wave, lfo.position.wrapping_add(0x10) >> 2)
    };
    if lfo.wave != 3 || !cx.rules.it(Way::PanbrelloHoldsRandomValues) {
        lfo.position = lfo.position.wrapping_add(lfo.speed);
        return offset;
    }
    // Impulse Tracker draws on every tick but holds each value for as many ticks as the speed says.
    let fresh = lfo.position == 0 || lfo.position >= lfo.speed;
    if fresh {
        ch.panbrello.position = 0;
        ch.panbrello_random = offset;
    }
    ch.panbrello.position += 1;
    ch.panbrello_random
}

/// A new note takes its instrument's filter, or keeps the channel's.
fn start_filter(cx: &Context<'_>, ch: &mut Voice, output: &Output) {
    match cx.instrument(ch.instrument) {
        Some(instrument) => {
            if let Some(resonance) = instrument.filter_resonance {
                ch.resonance = resonance.into();
            }
            if let Some(cutoff) = instrument.filter_cutoff {
                ch.cutoff = cutoff.into();
            }
        }
        None => {
            (ch.volume_swing, ch.panning_swing) = (0, 0);
            (ch.cutoff_swing, ch.resonance_swing) = (0, 0);
        }
    }
    if ch.cutoff < 127 || cx.rules.it(Way::FilterIsItsOwn) {
        set_filter(cx, ch, 256, output);
        ch.sound.reset_filter();
    }
}

/// Sets the filter up; `envelope` is -256..=256, 256 leaves the cutoff as it is.
fn set_filter(cx: &Context<'_>, ch: &mut Voice, envelope: i32, output: &Output) {
    let was_filtered = ch.filtered;
    let cutoff = (ch.cutoff + ch.cutoff_swing).clamp(0, 127);
    let resonance = (ch.resonance + ch.resonance_swing).clamp(0, 127);
    if !cx.rules.quirks.old_swing {
        (ch.cutoff, ch.resonance) = (cutoff, resonance);
        (ch.cutoff_swing, ch.resonance_swing) = (0, 0);
    }
    let opens = cx.rules.it(Way::FilterIsItsOwn);
    if opens && resonance == 0 && cutoff * (envelope + 256) / 256 >= 254 {
        // A filter that runs stays on when it opens, but a new note starts without.
        if ch.triggered {
            ch.filtered = false;
            (ch.filter_setting, ch.sound.filter) = (None, None);
        }
        return;
    }
    ch.filtered = true;
    if !was_filtered {
        ch.sound.reset_filter();
    }
    let setting = FilterSetting { cutoff, resonance, envelope };
    (ch.filter_setting, ch.sound.filter) = (Some(setting), Some(output.coefficients(setting)));
}

fn run_macros(cx: &Context<'_>, ch: &mut Voice, output: &Output) {
    let super::effect::Effect::SendMacro(parameter) = ch.step.effect else { return };
    if !cx.flow.first_tick || !cx.rules.is_it() {
        return;
    }
    macros::bytes(cx, ch, parameter).read_messages(|message| match message {
        Message::Cutoff(value) => {
            (ch.cutoff, ch.saved_cutoff) = (value.into(), None);
            set_filter(cx, ch, 256, output);
        }
        Message::Resonance(value) => {
            (ch.resonance, ch.saved_resonance) = (value.into(), None);
            set_filter(cx, ch, 256, output);
        }
        Message::Reset => {
            (ch.cutoff, ch.resonance) = (127, 0);
            cx.flow.filters_open.set(true);
        }
    });
}

/// The third envelope: pitch, or the filter's cutoff.
fn apply_pitch_envelope(cx: &Context<'_>, ch: &mut Voice, period: i32, output: &Output) -> i32 {
    let Some(instrument) = cx.instrument(ch.instrument) else { return period };
    let data = &instrument.pitch_envelope;
    if !has_envelope(cx, &ch.pitch_envelope, data) {
        return period;
    }
    let value = match envelope_tick(cx, &ch.pitch_envelope, data) {
        Some(tick) => envelope::pitch_at(data, tick),
        // Stopped before its first tick, a filter envelope still holds its middle.
        None if ch.filter_envelope && cx.rules.it(Way::StoppedFilterEnvelopesAct) => 0,
        None => return period,
    };
    if ch.filter_envelope {
        set_filter(cx, ch, value, output);
        return period;
    }
    cx.tuning.bend(period, value)
}

fn apply_vibratos(cx: &Context<'_>, ch: &mut Voice, period: i32) -> i32 {
    use super::effect::Effect;
    use super::effect::VolumeCommand;
    let mut period = period;
    let vibrates =
        matches!(ch.step.effect, Effect::Vibrato(_) | Effect::VibratoAndVolume(_) | Effect::FineVibrato(_));
    if let VolumeCommand::VibratoDepth(depth) = ch.step.volume
        && vibrates
    {
        if cx.rules.is_xm() && !cx.flow.first_tick {
            // VibratoDouble.xm: two vibratos move the position twice.
            ch.vibrato.position = ch.vibrato.position.wrapping_add(ch.vibrato.speed);
        } else if cx.rules.is_it() {
            pitch::vibrato(ch, depth);
            period = apply_vibrato(cx, ch, period);
        }
    }
    apply_vibrato(cx, ch, period)
}

fn apply_vibrato(cx: &Context<'_>, ch: &mut Voice, period: i32) -> i32 {
    if !ch.active.vibrato || cx.rules.protracker && cx.flow.first_tick {
        return period;
    }
    let rules = cx.rules;
    let advances = !cx.flow.first_tick || rules.is_it() && !rules.quirks.old_effects;
    let fine_waves = rules.it(Way::WavesAreFine);
    let (delta, shift) = if fine_waves {
        if advances {
            ch.vibrato.position = ch.vibrato.position.wrapping_add(ch.vibrato.speed.wrapping_mul(4));
        }
        let value = cx.waves.fine(ch.vibrato.wave, ch.vibrato.position, &cx.flow.random);
        // With old effects vibrato is deeper and turned over.
        if rules.quirks.old_effects { (value, 5) } else { (-value, 6) }
    } else {
        let mut value = cx.waves.coarse(ch.vibrato.wave, ch.vibrato.position);
        if rules.is_numbered() && ch.vibrato.wave & 3 == 1 {
            value = -value;
        }
        let fine =
            rules.st3.vibratos_share_depth && matches!(ch.step.effect, super::effect::Effect::FineVibrato(_));
        let shift = match rules.quirks.deep_vibrato {
            true => 5,
            false if rules.is_it() && !rules.quirks.old_effects => 7,
            false => 6,
        };
        (value, if fine { shift + 2 } else { shift })
    };
    let amount = -delta * i32::from(ch.vibrato.depth) / (1 << shift);
    let moved = pitch::slide_period(cx, ch, period, amount, false);
    if advances && !fine_waves {
        ch.vibrato.position = ch.vibrato.position.wrapping_add(ch.vibrato.speed);
    }
    moved
}

fn set_step(cx: &Context<'_>, ch: &mut Voice, period: i32, output: &Output) {
    let (mut period, fraction) = apply_sample_vibrato(cx, ch, period);
    if cx.rules.quirks.short_period_ends_note && period <= cx.rules.shortest_period {
        ch.sound.length = 0;
    }
    // Scream Tracker 3 limits what sounds, not the channel's own period (PeriodLimit.s3m).
    period = period.max(cx.rules.shortest_period);
    let mut frequency = cx.tuning.frequency_q4(period, fraction, ch.c5_speed);
    let lock = cx.instrument(ch.instrument).map_or(0, |instrument| instrument.more.pitch_tempo_lock);
    if lock != 0 {
        let lock = u64::from(lock);
        frequency = (frequency * u64::from(cx.flow.position.tempo) + lock / 2) / lock;
    }
    let frequency = frequency.min(i32::MAX as u64);
    ch.sound.frequency_q4 = paced(frequency as u32, ch.sound.pace_q32); // no more, by the line above
    ch.sound.step_q32 = output.step_q32(ch.sound.frequency_q4);
    if cx.is_adlib(ch) {
        adlib::ask(cx, ch, frequency, output);
    }
}

/// A frequency in frames of a recording that has its own pace.
pub(crate) fn paced(frequency_q4: u32, pace_q32: u64) -> u32 {
    let paced = (u128::from(frequency_q4) * u128::from(pace_q32) + (1 << 31)) >> 32;
    paced.min(i32::MAX as u128) as u32 // no more, by this
}

/// Frames of a recording for each of the host's, with 32 fractional bits.
pub(crate) fn step_of(frequency_q4: u64, output: &Output) -> f64 {
    frequency_q4 as f64 * f64::from(1u32 << 28) / output.rate.0
}

fn apply_sample_vibrato(cx: &Context<'_>, ch: &mut Voice, period: i32) -> (i32, u32) {
    let Some(vibrato) = cx.sample(ch.sample).map(|sample| sample.vibrato) else { return (period, 0) };
    if vibrato.depth == 0 {
        return (period, 0);
    }
    if cx.rules.it(Way::WavesAreFine) {
        it_sample_vibrato(cx, ch, period)
    } else {
        ft2_sample_vibrato(cx, ch, period)
    }
}

/// ITTECH.TXT: the depth grows by the rate each tick, and is a fine slide.
fn it_sample_vibrato(cx: &Context<'_>, ch: &mut Voice, period: i32) -> (i32, u32) {
    let Some(vibrato) = cx.sample(ch.sample).map(|sample| sample.vibrato) else { return (period, 0) };
    if vibrato.speed == 0 {
        return (period, 0);
    }
    let position = ch.sample_vibrato_position;
    let deepest = i32::from(vibrato.depth) * 256;
    ch.sample_vibrato_depth = (ch.sample_vibrato_depth + i32::from(vibrato.sweep)).min(deepest);
    ch.sample_vibrato_position = position.wrapping_add(vibrato.speed);
    let half = (i32::from(position) + 1) / 2;
    let value = match vibrato.wave {
        Wave::Sine => cx.waves.sine(position),
        Wave::RampDown => 64 - half,
        Wave::RampUp => half - 64,
        Wave::Square => {
            if position < 128 {
                64
            } else {
                0
            }
        }
        Wave::Random => cx.flow.random.shape(),
    };
    cx.tuning.bend_finely(period, value * (ch.sample_vibrato_depth / 256) / 64)
}

/// FT2: the depth sweeps in over so many ticks, and stays where key off stops the sweep.
///
/// ModPlug Tracker did the same in IT but for the depth and what it is worth.
fn ft2_sample_vibrato(cx: &Context<'_>, ch: &mut Voice, period: i32) -> (i32, u32) {
    let Some(vibrato) = cx.sample(ch.sample).map(|sample| sample.vibrato) else { return (period, 0) };
    let deepest = i32::from(vibrato.depth) * 256;
    let mut depth = ch.sample_vibrato_depth;
    if cx.rules.is_it() {
        depth = (depth + i32::from(vibrato.sweep) * 2).min(deepest);
        ch.sample_vibrato_depth = depth;
    } else if vibrato.sweep == 0 {
        depth = deepest;
    } else {
        let step = deepest / i32::from(vibrato.sweep);
        if !ch.key_off && depth <= deepest {
            depth += step;
            ch.sample_vibrato_depth = depth;
        }
        if depth > deepest {
            depth = deepest;
        } else if ch.key_off && cx.rules.ft2.release_aborts_vibrato_sweep {
            depth = step; // AutoVibratoSweepKeyOff.xm
        }
    }
    ch.sample_vibrato_position = ch.sample_vibrato_position.wrapping_add(vibrato.speed);
    let position = ch.sample_vibrato_position;
    let half = i32::from(position / 2);
    let value = match vibrato.wave {
        Wave::Sine => -cx.waves.sine(position),
        Wave::RampDown => ((64 - half) & 127) - 64,
        Wave::RampUp => ((64 + half) & 127) - 64,
        Wave::Square => {
            if position & 128 != 0 {
                64
            } else {
                -64
            }
        }
        Wave::Random => {
            ch.sample_vibrato_position = position.wrapping_add(1);
            wave::coarse_random(position)
        }
    };
    let amount = value * depth / 256;
    if cx.rules.is_it() { cx.tuning.bend_by_table(period, amount) } else { (period + amount / 64, 0) }
}

/// The level as the tone has it, and what an Amiga's sound passes on this tick.
fn level_of_tone(cx: &Context<'_>, ch: &mut Voice, output: &Output) -> i32 {
    let Tone::Amiga(model) = ch.sound.tone() else { return ch.level };
    ch.sound.circuit = output.circuits.choose(model, cx.flow.led_filter);
    // Paula's volume has 64 steps, which other formats' envelopes and fades would turn into stairs.
    if cx.rules.is_mod() { ch.level & !0xFF } else { ch.level }
}

/// Turns level and panning into gains and aims the mixer at them.
fn set_gains(cx: &Context<'_>, ch: &mut Voice, role: Role, output: &Output) {
    let audible = ch.sound.sounding() && cx.has_frames(ch.sample);
    if !audible {
        ch.leave_tail();
        ch.was_silent = true;
        ch.sound.length = 0;
        return;
    }
    let (left_share, right_share) = output.shares_q16(ch.real_panning);
    let level = level_of_tone(cx, ch, output);
    let side = |share: i32| ((i64::from(level) * i64::from(share)) >> 16) as i32; // no more than the level
    let panning = output.panorama.heard(ch.real_panning);
    let (left, right) = output.shares_q16(panning);
    let (left, right) = (side(left), side(right));
    let (centre, spot) = (side(output.shares_q16(CENTRE).0), output.spot(ch.owner, panning, ch.surround));
    let right = if ch.surround { -right } else { right };
    let global = cx.flow.global_volume as f32 / 256.0;
    // An AdLib note is heard through the chip; its stand-in only moves on.
    let heard = if cx.is_adlib(ch) { (0, 0) } else { (left, right) };
    ch.sound.remains.frames = output.end_frames;
    ch.sound.stand(spot, centre, output.walk_frames);
    ch.sound.aim(heard, output.level * output.trim * global, output.ramp_frames);
    let silent = output.loses(ch.level, left_share) && output.loses(ch.level, right_share);
    ch.faded_out = ch.fading && ch.fade == 0 && silent && !ch.was_silent;
    ch.was_silent = silent;
    let unheard = ch.volume == 0 || ch.channel_volume == 0 || ch.instrument_volume == 0;
    if role == Role::Background && unheard {
        ch.sound.length = 0;
    }
}
