//! What controllers and note expressions ask of a voice.
//!
//! In: controllers of an instrument and of one note. Out: the numbers that `synth.lib` names. Audio thread. They mean what they
//! mean for the keys of a song: modulation, pressure and vibrato swing the pitch by half a semitone either way, 74 closes the
//! filter, brightness opens and closes it. Pressure opens the filter besides, by a control of the instrument's.

use super::kernel::Asked;
use crate::control::Control;
use crate::control::NoteControl;

/// Octaves by which a cutoff at its bottom closes the filter, and brightness at its ends opens or closes it.
const CLOSED: f32 = 7.0;
const BRIGHT: f32 = 4.0;
/// Speed of the vibrato with the rate's controller at its bottom and at its top.
const SLOWEST: f32 = 1.0 / 6.0;
const FASTEST: f32 = 2.5;
/// Loudest that a note's own volume makes it, and semitones beyond which nothing bends.
const LOUDEST: f32 = 4.0;
const WIDEST: f32 = 120.0;

/// Controllers of all notes of an instrument.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NoteControls {
    bend: f32,
    volume: f32,
    expression: f32,
    pan: f32,
    modulation: f32,
    pressure: f32,
    rate: f32,
    cutoff: f32,
    brightness: f32,
    resonance: f32,
    pub(super) portamento: bool,
}

impl Default for NoteControls {
    /// Those that leave an instrument as it is.
    fn default() -> Self {
        Self {
            bend: 0.0,
            volume: 1.0,
            expression: 1.0,
            pan: 0.0,
            modulation: 0.0,
            pressure: 0.0,
            rate: 0.5,
            cutoff: 1.0,
            brightness: 0.5,
            resonance: 0.0,
            portamento: false,
        }
    }
}

impl NoteControls {
    /// Takes a change; what is no number changes nothing.
    pub fn set(&mut self, control: Control) {
        let (place, value, least, most) = match control {
            Control::Bend(by) => (&mut self.bend, by.0, -WIDEST, WIDEST),
            Control::Pan(pan) => (&mut self.pan, pan, -1.0, 1.0),
            Control::Volume(gain) => (&mut self.volume, gain.0, 0.0, 1.0),
            Control::Expression(gain) => (&mut self.expression, gain.0, 0.0, 1.0),
            Control::Modulation(depth) => (&mut self.modulation, depth, 0.0, 1.0),
            Control::Pressure(depth) => (&mut self.pressure, depth, 0.0, 1.0),
            Control::VibratoRate(rate) => (&mut self.rate, rate, 0.0, 1.0),
            Control::Cutoff(cutoff) => (&mut self.cutoff, cutoff, 0.0, 1.0),
            Control::Brightness(brightness) => (&mut self.brightness, brightness, 0.0, 1.0),
            Control::Resonance(resonance) => (&mut self.resonance, resonance, 0.0, 1.0),
            Control::Portamento(on) => {
                self.portamento = on;
                return;
            }
            // The instrument's own control says how long.
            Control::PortamentoTime(_) => return,
        };
        if !value.is_nan() {
            *place = value.clamp(least, most);
        }
    }

    /// Puts back what MIDI's "reset all controllers" does (RP-015): volume, panning, filter and rate stay.
    pub fn reset_most(&mut self) {
        let Self { bend, expression, modulation, pressure, portamento, .. } = Self::default();
        *self = Self { bend, expression, modulation, pressure, portamento, ..*self };
    }

    fn rate(&self) -> f32 {
        let end = if self.rate < 0.5 { SLOWEST } else { FASTEST };
        1.0 + (end - 1.0) * (2.0 * self.rate - 1.0).abs()
    }
}

/// What a note has of its own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Own {
    volume: f32,
    pan: f32,
    tuning: f32,
    vibrato: f32,
    brightness: f32,
    pressure: f32,
    pub(super) gain_offset: f32,
    pub(super) key_gain: f32,
    transpose: f32,
}

impl Own {
    pub(super) fn new(key_gain: f32) -> Self {
        Self {
            volume: 1.0,
            pan: 0.0,
            tuning: 0.0,
            vibrato: 0.0,
            brightness: 0.5,
            pressure: 0.0,
            gain_offset: 0.0,
            key_gain,
            transpose: 0.0,
        }
    }

    /// Takes a change; what is no number changes nothing.
    pub(super) fn set(&mut self, control: NoteControl) {
        let (place, value, least, most) = match control {
            NoteControl::Volume(gain) => (&mut self.volume, gain.0, 0.0, LOUDEST),
            NoteControl::Pan(pan) => (&mut self.pan, pan, -1.0, 1.0),
            NoteControl::Tuning(by) => (&mut self.tuning, by.0, -WIDEST, WIDEST),
            NoteControl::Vibrato(depth) => (&mut self.vibrato, depth, 0.0, 1.0),
            NoteControl::Brightness(brightness) => (&mut self.brightness, brightness, 0.0, 1.0),
            NoteControl::Pressure(depth) => (&mut self.pressure, depth, 0.0, 1.0),
            NoteControl::Gain { offset, gain } => {
                if offset.is_finite() && gain.0.is_finite() {
                    (self.gain_offset, self.key_gain) = (offset, gain.0);
                }
                return;
            }
            NoteControl::Transpose(by) => (&mut self.transpose, by.0, -WIDEST, WIDEST),
            // All notes of an instrument stand in one place.
            NoteControl::Azimuth(_) | NoteControl::Elevation(_) | NoteControl::Distance(_) => return,
        };
        if !value.is_nan() {
            *place = value.clamp(least, most);
        }
    }
}

/// A voice as its instrument has it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stand {
    /// 1 held, 0 released, -1 on its way out at once.
    pub(super) gate: f32,
    pub(super) strike: u32,
    pub(super) key: u8,
    pub(super) slides: bool,
    pub(super) velocity: f32,
    pub(super) place: f32,
}

/// All that a voice is told; `transpose` is in semitones.
pub(super) fn asked(stand: &Stand, own: &Own, controls: &NoteControls, transpose: f32) -> Asked {
    let bend = controls.bend + own.tuning + own.transpose + transpose;
    let pressure = controls.pressure.max(own.pressure);
    [
        stand.gate,
        stand.strike as f32, // below 2^24
        (f32::from(stand.key) - 69.0) / 12.0,
        f32::from(u8::from(stand.slides)),
        bend / 12.0,
        stand.velocity,
        controls.modulation.max(own.vibrato).max(pressure),
        pressure,
        controls.volume * controls.expression * own.volume * own.key_gain,
        controls.pan + own.pan,
        stand.place,
        (controls.cutoff - 1.0) * CLOSED + (controls.brightness + own.brightness - 1.0) * 2.0 * BRIGHT,
        controls.resonance,
        controls.rate(),
    ]
}
