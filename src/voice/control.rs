//! Controllers: what wheels and note expressions ask of voices, and the vibrato and filter that come of it.
//!
//! In: controllers of a MIDI channel, and what single notes have of their own. Out: pitch, level and place of a voice, and its
//! signal through a low-pass filter. Audio thread. They mean what they mean for the keys of a song. What moves by itself does
//! so every 64 frames from where it began, so that no cut shows. The filter is a trapezoidal state-variable one: V. Zavalishin,
//! "The Art of VA Filter Design", chapter 4.

use crate::control::Aside;
use crate::control::Control;
use crate::control::NoteControl;
use crate::units::SampleRate;
use std::f64::consts::PI;
use std::f64::consts::TAU;

/// Frames from one step of vibrato and cutoff to the next.
pub(super) const STEP: u32 = 64;

/// Semitones of the deepest vibrato either way.
const DEEPEST: f64 = 0.5;
/// Turns a second with the rate's controller at its bottom, in the middle and at its top, as at tempo 125.
const RATES: [f64; 3] = [0.78, 4.69, 11.72];
/// Cutoff of the closed filter, and what the open one is worth.
const CLOSED_HZ: f64 = 100.0;
const OPEN_HZ: f64 = 20_000.0;
/// How far the cutoff moves in a step: from end to end in 27 ms.
const GLIDE: f32 = 0.05;
/// Brightness that leaves the filter alone.
const NEUTRAL: f32 = 0.5;
/// Loudest that a note's own volume makes it.
const LOUDEST: f32 = 4.0;
/// Semitones beyond which nothing bends.
const WIDEST: f32 = 120.0;

/// All controllers of a MIDI channel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Controls {
    bend: f32,
    volume: f32,
    expression: f32,
    pan: Option<f32>,
    modulation: f32,
    pressure: f32,
    rate: f32,
    cutoff: f32,
    resonance: f32,
}

impl Controls {
    /// Those that leave a voice as its slot has it.
    pub(super) const NEUTRAL: Self = Self {
        bend: 0.0,
        volume: 1.0,
        expression: 1.0,
        pan: None,
        modulation: 0.0,
        pressure: 0.0,
        rate: 0.5,
        cutoff: 1.0,
        resonance: 0.0,
    };

    /// Takes a change; what is no number changes nothing.
    pub(super) fn set(&mut self, control: Control) {
        let (place, value, least, most) = match control {
            Control::Bend(by) => (&mut self.bend, by.0, -WIDEST, WIDEST),
            Control::Pan(pan) => {
                self.pan = if pan.is_nan() { self.pan } else { Some(pan.clamp(-1.0, 1.0)) };
                return;
            }
            Control::Volume(gain) => (&mut self.volume, gain.0, 0.0, 1.0),
            Control::Expression(gain) => (&mut self.expression, gain.0, 0.0, 1.0),
            Control::Modulation(depth) => (&mut self.modulation, depth, 0.0, 1.0),
            Control::Pressure(depth) => (&mut self.pressure, depth, 0.0, 1.0),
            Control::VibratoRate(rate) => (&mut self.rate, rate, 0.0, 1.0),
            Control::Cutoff(cutoff) => (&mut self.cutoff, cutoff, 0.0, 1.0),
            Control::Resonance(resonance) => (&mut self.resonance, resonance, 0.0, 1.0),
            // Voices have no portamento, and no brightness but that of single notes.
            Control::Brightness(_) | Control::PortamentoTime(_) | Control::Portamento(_) => return,
        };
        if !value.is_nan() {
            *place = value.clamp(least, most);
        }
    }

    /// Puts back what MIDI's "reset all controllers" does (RP-015): volume, panning, filter and rate stay.
    pub(super) fn reset_most(&mut self) {
        let Self { bend, expression, modulation, pressure, .. } = Self::NEUTRAL;
        *self = Self { bend, expression, modulation, pressure, ..*self };
    }
}

/// What acts on one voice.
#[derive(Clone, Copy, Debug)]
pub(super) struct Acting {
    pub(super) controls: Controls,
    volume: f32,
    pan: f32,
    tuning: f32,
    vibrato: f32,
    brightness: f32,
    pressure: f32,
    /// What the note's gain differs by from the keyboard's; 0 is nothing.
    pub(super) gain_offset: f32,
    /// Of the keyboard, or the note's own.
    pub(super) key_gain: f32,
    pub(super) transpose: f64,
    own_transpose: f32,
    /// Where it is in space.
    pub(super) aside: Aside,
}

impl Acting {
    pub(super) fn new(controls: Controls, key_gain: f32, transpose: f64) -> Self {
        Self {
            controls,
            volume: 1.0,
            pan: 0.0,
            tuning: 0.0,
            vibrato: 0.0,
            brightness: NEUTRAL,
            pressure: 0.0,
            gain_offset: 0.0,
            key_gain,
            transpose,
            own_transpose: 0.0,
            aside: Aside::default(),
        }
    }

    /// Takes a change; what is no number changes nothing.
    pub(super) fn set(&mut self, control: NoteControl) {
        let (place, value, least, most) = match control {
            NoteControl::Gain { offset, gain } => {
                if offset.is_finite() && gain.0.is_finite() {
                    (self.gain_offset, self.key_gain) = (offset, gain.0);
                }
                return;
            }
            NoteControl::Volume(gain) => (&mut self.volume, gain.0, 0.0, LOUDEST),
            NoteControl::Pan(pan) => (&mut self.pan, pan, -1.0, 1.0),
            NoteControl::Tuning(by) => (&mut self.tuning, by.0, -WIDEST, WIDEST),
            NoteControl::Vibrato(depth) => (&mut self.vibrato, depth, 0.0, 1.0),
            NoteControl::Brightness(brightness) => (&mut self.brightness, brightness, 0.0, 1.0),
            NoteControl::Pressure(depth) => (&mut self.pressure, depth, 0.0, 1.0),
            NoteControl::Transpose(by) => (&mut self.own_transpose, by.0, -WIDEST, WIDEST),
            NoteControl::Azimuth(_) | NoteControl::Elevation(_) | NoteControl::Distance(_) => {
                return self.aside.set(control);
            }
        };
        if !value.is_nan() {
            *place = value.clamp(least, most);
        }
    }

    /// Semitones, without the vibrato.
    pub(super) fn semitones(&self) -> f64 {
        let own = [self.tuning, self.own_transpose, self.controls.bend];
        own.into_iter().map(f64::from).sum::<f64>() + self.transpose
    }

    pub(super) fn gain(&self) -> f32 {
        self.key_gain * self.controls.volume * self.controls.expression * self.volume
    }

    /// -1 to 1, for a slot at `pan`.
    pub(super) fn pan(&self, pan: f32) -> f32 {
        self.controls.pan.unwrap_or(pan) + self.pan
    }

    /// Of the vibrato, 0 to 1.
    pub(super) fn depth(&self) -> f32 {
        self.controls.modulation.max(self.controls.pressure).max(self.vibrato).max(self.pressure)
    }

    /// Where the filter is to be, 0 closed to 1 open.
    pub(super) fn cutoff(&self) -> f32 {
        let opening = (self.brightness / NEUTRAL - 1.0).max(0.0);
        let cutoff = self.controls.cutoff;
        (cutoff + (1.0 - cutoff) * opening) * (self.brightness / NEUTRAL).min(1.0)
    }
}

/// A voice's pitch on its way to and fro.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Vibrato {
    /// Turns.
    phase: f64,
    /// Away from the voice's pitch.
    pub(super) semitones: f64,
}

impl Vibrato {
    /// The next step; without depth it begins anew.
    pub(super) fn step(&mut self, acting: &Acting, rate: SampleRate) {
        let depth = acting.depth();
        if depth == 0.0 {
            *self = Self::default();
            return;
        }
        self.semitones = DEEPEST * f64::from(depth) * libm::sin(TAU * self.phase);
        let [slow, usual, fast] = RATES;
        let place = f64::from(acting.controls.rate) * 2.0;
        let turns =
            if place <= 1.0 { slow + (usual - slow) * place } else { usual + (fast - usual) * (place - 1.0) };
        self.phase = (self.phase + turns * f64::from(STEP) / rate.0).fract();
    }
}

/// Low-pass filter of a voice, which is not there while it is open.
#[derive(Clone, Copy, Debug)]
pub(super) struct Filter {
    /// 0 closed to 1 open.
    now: f32,
    resonance: f32,
    /// Nothing has passed since it was open.
    fresh: bool,
    a: [f32; 3],
    state: [[f32; 2]; 2],
}

impl Filter {
    /// Stands where a voice wants it.
    pub(super) fn new(acting: &Acting, rate: SampleRate) -> Self {
        let now = acting.cutoff();
        let mut filter = Self { now, resonance: 0.0, fresh: true, a: [0.0; 3], state: [[0.0; 2]; 2] };
        filter.tune(acting, rate);
        filter
    }

    fn is_open(&self) -> bool {
        self.now >= 1.0 && self.resonance == 0.0
    }

    /// Whether it is still on its way.
    pub(super) fn moves(&self, acting: &Acting) -> bool {
        self.now != acting.cutoff() || self.resonance != acting.controls.resonance
    }

    /// The next step to where it is to be.
    pub(super) fn step(&mut self, acting: &Acting, rate: SampleRate) {
        if self.moves(acting) {
            let to = acting.cutoff();
            self.now = self.now + (to - self.now).clamp(-GLIDE, GLIDE);
            if (to - self.now).abs() < 1.0e-6 {
                self.now = to;
            }
            self.tune(acting, rate);
        }
    }

    fn tune(&mut self, acting: &Acting, rate: SampleRate) {
        self.resonance = acting.controls.resonance;
        self.fresh |= self.is_open();
        let hertz = CLOSED_HZ * libm::pow(OPEN_HZ / CLOSED_HZ, self.now.into());
        let g = libm::tan(PI * (hertz / rate.0).min(0.45));
        // From Butterworth's damping to a tenth of it.
        let k = std::f64::consts::SQRT_2 * libm::pow(0.1, self.resonance.into());
        let a = 1.0 / (1.0 + g * (g + k));
        self.a = [a, g * a, g * g * a].map(|a| a as f32);
    }

    /// What was not heard has not passed it.
    pub(super) fn forget(&mut self) {
        self.fresh = true;
    }

    /// Works in place on the planes of a voice. It begins as if the first sample had stood there for ever.
    pub(super) fn process<const PLANES: usize>(&mut self, planes: [&mut [f32]; PLANES]) {
        if self.is_open() {
            return;
        }
        let [a1, a2, a3] = self.a;
        for (plane, state) in planes.into_iter().zip(&mut self.state) {
            let [mut s1, mut s2] =
                if self.fresh { [0.0, plane.first().copied().unwrap_or(0.0)] } else { *state };
            for x in plane.iter_mut() {
                let v3 = *x - s2;
                let v1 = a1 * s1 + a2 * v3;
                let v2 = s2 + a2 * s1 + a3 * v3;
                (s1, s2) = (2.0 * v1 - s1, 2.0 * v2 - s2);
                *x = v2;
            }
            *state = [s1, s2];
        }
        self.fresh = false;
    }
}
