//! Controllers: what wheels, pedals and note expressions ask, and what of it reaches a voice.
//!
//! In: controllers of a slot or song channel, and what single notes have of their own. Out: `Acting`, all of it as one bend,
//! gain, panning, vibrato and filter. Audio thread. MIDI's numbers are the engine's business; `keyboard` and
//! `player::touch` carry out what is asked.

use super::filter::FilterShape;
use super::rules::Rules;
use super::state::FilterSetting;
use super::state::Voice;
use super::tick::Output;
use crate::control::Aside;
use crate::control::Control;
use crate::control::NoteControl;
use crate::units::Gain;
use crate::units::Semitones;

/// Semitones beyond which no bend goes.
const WIDEST_BEND: f32 = 120.0;
/// Speed of the vibrato in the tracker's unit with its controller in the middle, and all the way up.
const VIBRATO_SPEED: f32 = 6.0;
const FASTEST_VIBRATO: f32 = 15.0;
/// Brightness that leaves a filter alone.
const NEUTRAL: f32 = 0.5;
/// Top of Impulse Tracker's cutoffs and resonances.
const OPEN: f32 = 127.0;

/// All controllers of a slot or song channel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Controls {
    bend: f32,
    volume: f32,
    expression: f32,
    pan: Option<f32>,
    modulation: f32,
    pressure: f32,
    vibrato_rate: f32,
    cutoff: f32,
    brightness: f32,
    resonance: f32,
    portamento_time: f32,
    pub(crate) portamento: bool,
}

impl Default for Controls {
    fn default() -> Self {
        Self {
            bend: 0.0,
            volume: 1.0,
            expression: 1.0,
            pan: None,
            modulation: 0.0,
            pressure: 0.0,
            vibrato_rate: 0.5,
            cutoff: 1.0,
            brightness: NEUTRAL,
            resonance: 0.0,
            portamento_time: 0.5,
            portamento: false,
        }
    }
}

impl Controls {
    /// Takes a change; what is no number changes nothing.
    pub(crate) fn set(&mut self, control: Control) {
        let (place, value) = match control {
            Control::Bend(interval) if interval.0.is_finite() => {
                self.bend = interval.0.clamp(-WIDEST_BEND, WIDEST_BEND);
                return;
            }
            Control::Bend(_) => return,
            Control::Portamento(on) => {
                self.portamento = on;
                return;
            }
            Control::Pan(pan) if !pan.is_nan() => {
                self.pan = Some(pan.clamp(-1.0, 1.0));
                return;
            }
            Control::Pan(_) => return,
            Control::Volume(gain) => (&mut self.volume, gain.0),
            Control::Expression(gain) => (&mut self.expression, gain.0),
            Control::Modulation(depth) => (&mut self.modulation, depth),
            Control::Pressure(depth) => (&mut self.pressure, depth),
            Control::VibratoRate(rate) => (&mut self.vibrato_rate, rate),
            Control::Cutoff(cutoff) => (&mut self.cutoff, cutoff),
            Control::Brightness(brightness) => (&mut self.brightness, brightness),
            Control::Resonance(resonance) => (&mut self.resonance, resonance),
            Control::PortamentoTime(time) => (&mut self.portamento_time, time),
        };
        if !value.is_nan() {
            *place = value.clamp(0.0, 1.0);
        }
    }

    /// Puts back what MIDI's "reset all controllers" does (RP-015): volume, panning, filter and rates stay.
    pub(crate) fn reset_most(&mut self) {
        let fresh = Self::default();
        *self = Self {
            bend: fresh.bend,
            expression: fresh.expression,
            modulation: fresh.modulation,
            pressure: fresh.pressure,
            portamento: fresh.portamento,
            ..*self
        };
    }

    /// What both ask for, where `master`'s controllers hold for all slots.
    pub(crate) fn under(&self, master: &Self) -> Self {
        Self {
            bend: self.bend + master.bend,
            volume: self.volume * master.volume,
            expression: self.expression * master.expression,
            pan: self.pan.or(master.pan),
            modulation: self.modulation.max(master.modulation),
            pressure: self.pressure.max(master.pressure),
            vibrato_rate: if self.vibrato_rate == 0.5 { master.vibrato_rate } else { self.vibrato_rate },
            cutoff: self.cutoff * master.cutoff,
            brightness: (self.brightness + master.brightness - NEUTRAL).clamp(0.0, 1.0),
            resonance: self.resonance.max(master.resonance),
            portamento_time: self.portamento_time,
            portamento: self.portamento || master.portamento,
        }
    }

    /// Speed of a tone portamento, as 3xx and Gxx count it; `None` where it takes no time.
    pub(crate) fn portamento_speed(&self) -> Option<i32> {
        let midi = libm::roundf(self.portamento_time * OPEN);
        // 255 at 1, 16 in the middle, 1 at 127: each step is as much longer.
        (midi > 0.0).then(|| libm::roundf(libm::exp2f(8.0 * (1.0 - midi / OPEN))).clamp(1.0, 255.0) as i32)
    }

    /// Volume as a tracker's channel has it.
    pub(crate) fn channel_volume(&self, note: &NoteControls) -> i32 {
        let gain = self.volume * self.expression * note.volume;
        libm::roundf(gain.clamp(0.0, 1.0) * 64.0) as i32
    }

    /// Panning as a tracker's channel has it, where a controller has set it.
    pub(crate) fn channel_panning(&self) -> Option<i32> {
        self.pan.map(|pan| libm::roundf((pan + 1.0) * 128.0) as i32)
    }
}

/// What a single note has of its own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct NoteControls {
    volume: f32,
    pan: f32,
    tuning: f32,
    vibrato: f32,
    brightness: f32,
    pressure: f32,
    /// Difference of the gain, and the gain.
    gain: (f32, f32),
    transpose: f32,
    /// Where it is in space.
    pub(crate) aside: Aside,
}

impl Default for NoteControls {
    fn default() -> Self {
        Self {
            volume: 1.0,
            pan: 0.0,
            tuning: 0.0,
            vibrato: 0.0,
            brightness: NEUTRAL,
            pressure: 0.0,
            gain: (0.0, 1.0),
            transpose: 0.0,
            aside: Aside::default(),
        }
    }
}

/// Loudest that a note's own volume makes it.
const LOUDEST: f32 = 4.0;

impl NoteControls {
    /// Takes a change; what is no number changes nothing.
    pub(crate) fn set(&mut self, control: NoteControl) {
        let (place, value, least, most) = match control {
            NoteControl::Gain { offset, gain } => {
                if offset.is_finite() && gain.0.is_finite() {
                    self.gain = (offset, gain.0);
                }
                return;
            }
            NoteControl::Volume(gain) => (&mut self.volume, gain.0, 0.0, LOUDEST),
            NoteControl::Pan(pan) => (&mut self.pan, pan, -1.0, 1.0),
            NoteControl::Tuning(interval) => (&mut self.tuning, interval.0, -WIDEST_BEND, WIDEST_BEND),
            NoteControl::Vibrato(depth) => (&mut self.vibrato, depth, 0.0, 1.0),
            NoteControl::Brightness(brightness) => (&mut self.brightness, brightness, 0.0, 1.0),
            NoteControl::Pressure(depth) => (&mut self.pressure, depth, 0.0, 1.0),
            NoteControl::Transpose(interval) => (&mut self.transpose, interval.0, -WIDEST_BEND, WIDEST_BEND),
            NoteControl::Azimuth(_) | NoteControl::Elevation(_) | NoteControl::Distance(_) => {
                return self.aside.set(control);
            }
        };
        if !value.is_nan() {
            *place = value.clamp(least, most);
        }
    }

    /// Takes the keyboard's new gain where the note's differs from it.
    pub(crate) fn take_gain(&mut self, of_offset: &impl Fn(f32) -> Gain) {
        if self.gain.0 != 0.0 {
            self.gain.1 = of_offset(self.gain.0).0;
        }
    }

    fn gain(&self, overall: &Overall) -> f32 {
        if self.gain.0 == 0.0 { overall.gain.0 } else { self.gain.1 }
    }

    /// Panning to the left and right of where a note is, -1..=1.
    pub(crate) fn pan(&self) -> f32 {
        self.pan
    }

    /// The same in a tracker's unit.
    pub(crate) fn panning_shift(&self) -> i32 {
        libm::roundf(self.pan * 128.0) as i32
    }
}

/// What holds for every note of a keyboard.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Overall {
    pub(crate) gain: Gain,
    pub(crate) transpose: Semitones,
}

impl Default for Overall {
    fn default() -> Self {
        Self { gain: Gain::UNITY, transpose: Semitones(0.0) }
    }
}

/// The sum of all that acts on a note.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Acting {
    /// Factor on the pitch.
    pub(crate) ratio: f32,
    pub(crate) gain: f32,
    /// Of the deepest vibrato.
    pub(crate) vibrato: f32,
    pub(crate) vibrato_speed: u8,
    pub(crate) tint: Tint,
}

impl Acting {
    pub(crate) fn new(controls: &Controls, note: &NoteControls, overall: &Overall) -> Self {
        let bend = controls.bend + note.tuning + note.transpose + overall.transpose.0;
        let own_gain = controls.volume * controls.expression * note.volume;
        Self {
            ratio: if bend == 0.0 { 1.0 } else { Semitones(bend.clamp(-WIDEST_BEND, WIDEST_BEND)).ratio() },
            gain: own_gain * note.gain(overall),
            vibrato: controls.modulation.max(controls.pressure).max(note.vibrato).max(note.pressure),
            vibrato_speed: vibrato_speed(controls.vibrato_rate),
            tint: Tint::new(controls, note),
        }
    }

    /// Sets or ends a voice's vibrato for the tick that begins; says whether it vibrates.
    pub(crate) fn vibrate(&self, rules: &Rules, linear: bool, voice: &mut Voice) -> bool {
        let depth = libm::roundf(self.vibrato * deepest_vibrato(rules, linear)) as u8;
        voice.active.vibrato = depth > 0;
        if depth > 0 {
            (voice.vibrato.speed, voice.vibrato.depth) = (self.vibrato_speed, depth);
        }
        depth > 0
    }
}

/// 1 at 0, the usual speed at a half.
fn vibrato_speed(rate: f32) -> u8 {
    let speed = if rate <= 0.5 {
        1.0 + (VIBRATO_SPEED - 1.0) * rate * 2.0
    } else {
        VIBRATO_SPEED + (FASTEST_VIBRATO - VIBRATO_SPEED) * (rate - 0.5) * 2.0
    };
    libm::roundf(speed) as u8
}

/// Depth that is about half a semitone either way, in the format's unit.
fn deepest_vibrato(rules: &Rules, linear: bool) -> f32 {
    let fine = rules.is_it() && !rules.quirks.old_effects;
    let depth = match (linear, fine) {
        (true, true) => 32.0,
        (true, false) => 16.0,
        (false, true) => 48.0,
        (false, false) => 24.0,
    };
    if rules.quirks.deep_vibrato { depth / 2.0 } else { depth }
}

/// A filter over the voice's own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Tint {
    /// Factor on the cutoff.
    closing: f32,
    /// Part of the way from the note's cutoff to the open filter.
    opening: f32,
    /// Added to the note's.
    resonance: i32,
}

impl Tint {
    const NONE: Self = Self { closing: 1.0, opening: 0.0, resonance: 0 };

    fn new(controls: &Controls, note: &NoteControls) -> Self {
        let closing = |brightness: f32| (brightness / NEUTRAL).min(1.0);
        let opening = |brightness: f32| (brightness / NEUTRAL - 1.0).max(0.0);
        Self {
            closing: controls.cutoff * closing(controls.brightness) * closing(note.brightness),
            opening: opening(controls.brightness).max(opening(note.brightness)),
            resonance: libm::roundf(controls.resonance * OPEN) as i32,
        }
    }

    /// Puts the filter over the voice's; `tinted` is whether one has been there, and says so afterwards.
    pub(crate) fn apply(self, voice: &mut Voice, tinted: &mut bool, rules: &Rules, output: &Output) {
        if self == Self::NONE && !*tinted {
            return;
        }
        let own = voice.filter_setting.filter(|_| voice.filtered);
        let FilterSetting { cutoff, resonance, envelope } = own.unwrap_or(FilterSetting::OPEN);
        let raised = cutoff as f32 + (OPEN - cutoff as f32) * self.opening;
        let cutoff = libm::roundf(raised * self.closing) as i32;
        let resonance = (resonance + self.resonance).min(127);
        *tinted = self != Self::NONE;
        if own.is_none() && (cutoff, resonance) == (127, 0) {
            voice.sound.filter = None;
            return;
        }
        if voice.sound.filter.is_none() {
            voice.sound.begin_filter();
        }
        let shape = if rules.is_it() { output.filter } else { FilterShape::ImpulseTracker };
        voice.sound.filter = Some(shape.coefficients(cutoff, resonance, envelope, output.rate));
    }
}
