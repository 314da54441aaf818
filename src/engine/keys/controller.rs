//! MIDI controllers: what each number means, and the bend wheel with its range.
//!
//! In: a channel's controller with its value. Out: a controller of the tracker's, or what becomes of notes. Audio thread.
//! Numbers and defaults: MIDI 1.0, General MIDI 2 for 71–76, RP-015 for 121, the MPE specification for ranges. What voices
//! and instruments follow stands in the same table. 91 and 93 are the business of `Sends`; 121 leaves them where they are, as it
//! does all effect depths.

use super::KeyboardMode;
use super::Keys;
use super::Scene;
use super::seven_bits;
use crate::control::Control;
use crate::tracker::KEYBOARD_SLOTS;
use crate::units::Gain;
use crate::units::Semitones;

/// Half-way up or more is on.
const ON: f32 = 64.0;

pub(in crate::engine) const PEDAL: u8 = 64;
pub(in crate::engine) const ALL_SOUND_OFF: u8 = 120;
pub(in crate::engine) const RESET_ALL: u8 = 121;
pub(in crate::engine) const ALL_NOTES_OFF: u8 = 123;
/// The last of those that end notes besides what else they would do.
pub(in crate::engine) const POLY_ON: u8 = 127;
/// MPE's third dimension.
pub(in crate::engine) const TIMBRE: u8 = 74;

/// Semitones that a bend all the way up is worth, and on a member channel of MPE.
const BEND_RANGE: f32 = 2.0;
const MEMBER_RANGE: f32 = 48.0;
const WIDEST_RANGE: f32 = 96.0;

/// No registered parameter is selected.
const NO_PARAMETER: (u8, u8) = (127, 127);
const BEND_PARAMETER: (u8, u8) = (0, 0);

/// A MIDI channel's bend.
#[derive(Clone, Copy, Debug)]
pub(in crate::engine) struct Wheel {
    /// -1..=1.
    value: f32,
    /// Whole semitones and hundredths, where a registered parameter has set them.
    range: Option<(f32, f32)>,
    /// The registered parameter that data entry sets.
    parameter: (u8, u8),
}

impl Default for Wheel {
    fn default() -> Self {
        Self { value: 0.0, range: None, parameter: NO_PARAMETER }
    }
}

impl Wheel {
    /// Rounds to fourteen bits.
    pub(in crate::engine) fn turn(&mut self, value: f32) {
        if !value.is_nan() {
            self.value = libm::roundf(value.clamp(-1.0, 1.0) * 8192.0) / 8192.0;
        }
    }

    /// What it is worth, on a member channel of MPE or elsewhere.
    pub(in crate::engine) fn bend(&self, member: bool) -> Semitones {
        let usual = if member { MEMBER_RANGE } else { BEND_RANGE };
        let range = self.range.map_or(usual, |(semitones, cents)| semitones + cents / 100.0);
        Semitones(self.value * range.min(WIDEST_RANGE))
    }

    pub(in crate::engine) fn forget_range(&mut self) {
        self.range = None;
    }

    /// Back to the middle; the range stays.
    pub(in crate::engine) fn centre(&mut self) {
        (self.value, self.parameter) = (0.0, NO_PARAMETER);
    }

    /// Controllers that choose and set registered parameters; says whether the range has changed.
    pub(in crate::engine) fn register(&mut self, number: u8, midi: f32) -> bool {
        match number {
            6 => return self.enter(Some(midi), None),
            38 => return self.enter(None, Some(midi)),
            100 => self.parameter.1 = midi as u8,
            101 => self.parameter.0 = midi as u8,
            _ => self.parameter = NO_PARAMETER, // What is not registered is not for us.
        }
        false
    }

    /// Data entry for the selected parameter; says whether the range has changed.
    fn enter(&mut self, semitones: Option<f32>, cents: Option<f32>) -> bool {
        if self.parameter != BEND_PARAMETER {
            return false;
        }
        let (old_semitones, old_cents) = self.range.unwrap_or((BEND_RANGE, 0.0));
        self.range = Some((semitones.unwrap_or(old_semitones), cents.unwrap_or(old_cents)));
        true
    }
}

/// -1 at 0, 0 at 64, 1 at 127: controllers whose middle is no change.
pub(in crate::engine) fn around_middle(midi: f32) -> f32 {
    ((midi - 64.0) / if midi < 64.0 { 64.0 } else { 63.0 }).max(-1.0)
}

/// Whether a switch of seven bits is on.
pub(in crate::engine) fn is_on(midi: f32) -> bool {
    midi >= ON
}

/// What notes follow of a controller, `value` of which is in the steps of seven bits.
pub(in crate::engine) fn control(number: u8, value: f32) -> Option<Control> {
    let midi = libm::roundf(value * 127.0);
    Some(match number {
        1 => Control::Modulation(value),
        5 => Control::PortamentoTime(value),
        7 => Control::Volume(Gain(value)),
        10 => Control::Pan(around_middle(midi)),
        11 => Control::Expression(Gain(value)),
        65 => Control::Portamento(is_on(midi)),
        71 => Control::Resonance(value),
        TIMBRE => Control::Cutoff(value),
        76 => Control::VibratoRate(0.5 + around_middle(midi) / 2.0),
        _ => return None,
    })
}

/// Brightness that MPE's third dimension asks for: it starts in the middle and goes both ways.
pub(in crate::engine) fn timbre(value: f32) -> f32 {
    0.5 + around_middle(libm::roundf(value * 127.0)) / 2.0
}

impl Keys {
    /// Sends a controller to one MIDI channel or to all.
    pub(super) fn control_each(&mut self, channel: Option<u8>, number: u8, scene: &mut Scene<'_>) {
        let channels = channel.map_or(0..=KEYBOARD_SLOTS as u8 - 1, |channel| channel..=channel);
        channels.for_each(|channel| self.controller((channel, number, 0.0), scene));
    }

    /// The MIDI controllers that notes follow.
    pub(super) fn controller(&mut self, (channel, number, value): (u8, u8, f32), scene: &mut Scene<'_>) {
        if self.plays_mpe() && channel == 0 && number >= ALL_SOUND_OFF {
            // The master's channel mode messages are for all members.
            (1..KEYBOARD_SLOTS as u8).for_each(|member| self.controller((member, number, value), scene));
        }
        let value = seven_bits(value);
        let midi = libm::roundf(value * 127.0);
        match number {
            PEDAL => return self.pedal(channel, is_on(midi), scene),
            6 | 38 | 98..=101 => return self.registered(channel, number, midi, scene),
            ALL_SOUND_OFF => {
                scene.playing.keyboard.choke_all(channel);
                scene.playing.launch.end_all(Some(channel), scene.frame, scene.out);
                return self.song_keys.choke_all(channel, scene);
            }
            RESET_ALL => return self.reset_controllers(channel, scene),
            ALL_NOTES_OFF..=POLY_ON => {
                scene.playing.keyboard.release_all(channel);
                scene.playing.launch.release_all(channel, scene.frame, scene.out);
                return self.song_keys.release_all(channel, scene);
            }
            TIMBRE if self.plays_mpe() => {
                return self.control(channel, Control::Brightness(timbre(value)), scene.playing);
            }
            _ => {}
        }
        if let Some(control) = control(number, value) {
            self.control(channel, control, scene.playing);
        }
    }

    /// In every mode, so that none finds a pedal down that has come up.
    fn pedal(&mut self, channel: u8, down: bool, scene: &mut Scene<'_>) {
        scene.playing.launch.set_pedal(channel, down, scene.frame, scene.out);
        scene.playing.keyboard.set_pedal(channel, down);
        self.song_keys.set_pedal(channel, down, scene);
    }

    /// Registered parameters: of these the bend range. In MPE one member's is that of all.
    fn registered(&mut self, channel: u8, number: u8, midi: f32, scene: &mut Scene<'_>) {
        let mpe = self.plays_mpe();
        let Some(wheel) = self.wheels.get_mut(usize::from(channel)) else { return };
        let changed = wheel.register(number, midi);
        if !changed {
            return;
        }
        let range = wheel.range;
        if mpe && channel > 0 {
            self.wheels[1..].iter_mut().for_each(|wheel| wheel.range = range); // there are 16
            (1..KEYBOARD_SLOTS as u8).for_each(|channel| self.apply_bend(channel, scene.playing));
        } else {
            self.apply_bend(channel, scene.playing);
        }
    }

    fn reset_controllers(&mut self, channel: u8, scene: &mut Scene<'_>) {
        if let Some(wheel) = self.wheels.get_mut(usize::from(channel)) {
            wheel.centre();
        }
        scene.playing.keyboard.reset_controls(channel);
        if self.mode == KeyboardMode::Channel {
            scene.playing.player_mut().reset_controls(channel.into());
        }
        self.pedal(channel, false, scene);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_a_controller_is_exactly_none() {
        assert_eq!([0.0, 64.0, 127.0].map(around_middle), [-1.0, 0.0, 1.0]);
    }

    #[test]
    fn a_wheel_bends_by_its_range_in_fourteen_bits() {
        let mut wheel = Wheel::default();
        wheel.turn(0.500_01);
        assert_eq!((wheel.bend(false), wheel.bend(true)), (Semitones(1.0), Semitones(24.0)));
        assert!(!wheel.enter(Some(12.0), None), "no parameter is selected");
        wheel.parameter = BEND_PARAMETER;
        assert!(wheel.enter(Some(12.0), None));
        assert_eq!(wheel.bend(true), Semitones(6.0));
    }
}
