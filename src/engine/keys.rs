//! From events to notes: which instrument, sample or song channel a key plays, and what becomes of its note.
//!
//! In: events on their frames. Out: keys, releases and controllers for the song's keyboard and channels, and to the host the
//! end of every note it began. Audio thread. Bend, controllers, expressions and velocity are rounded to what MIDI carries,
//! so that both plugin formats agree. The tables of modes and controllers stand in docs/ARCHITECTURE.md.

mod controller;
mod sends;
mod song_key;

use super::EventKind;
use super::Expression;
use super::Modulation;
use super::NoteAddress;
use super::Target;
use super::outgoing::Outgoing;
use super::parameter::modulated;
use super::song::Playing;
use crate::control::Control;
use crate::control::NoteControl;
use crate::tracker::KEYBOARD_SLOTS;
use crate::tracker::KeyNote;
use crate::tracker::KeyPress;
use crate::tracker::KeySound;
use crate::units::Decibels;
use crate::units::Gain;
use crate::units::Semitones;
pub(super) use controller::ALL_NOTES_OFF;
pub(super) use controller::ALL_SOUND_OFF;
pub(super) use controller::PEDAL;
pub(super) use controller::POLY_ON;
pub(super) use controller::RESET_ALL;
pub(super) use controller::TIMBRE;
pub(super) use controller::Wheel;
pub(super) use controller::control;
pub(super) use controller::is_on;
pub(super) use controller::timbre;
pub(super) use sends::Sends;
use song_key::SongKeys;

/// Highest key of a tracker; keys above are not played.
const LAST_KEY: u8 = 119;
/// Key of the first sample in Kit mode: the lowest of a keyboard with 61 keys.
pub(super) const FIRST_KIT_KEY: u8 = 36;

/// What keys play.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum KeyboardMode {
    /// MIDI channel n plays instrument n, or what a program change has put there.
    #[default]
    Multi,
    /// MIDI channel n plays the selected instrument on song channel n.
    Channel,
    /// Every MIDI channel plays the selected instrument.
    Selected,
    /// Key 36 + n - 1 plays sample n at its own speed.
    Kit,
    /// Keys start patterns.
    Launch,
    /// Keys play voice slots, see `voices`.
    Voices,
}

impl KeyboardMode {
    /// Of the parameter's choices.
    pub(super) fn of_choice(value: f32) -> Self {
        use KeyboardMode::*;
        const MODES: [KeyboardMode; 6] = [Multi, Channel, Selected, Kit, Launch, Voices];
        MODES.get(value as usize).copied().unwrap_or_default()
    }
}

/// Where an event acts.
pub(super) struct Scene<'a> {
    pub(super) playing: &'a mut Playing,
    /// Since reset.
    pub(super) frame: u64,
    pub(super) out: &'a mut Outgoing,
}

/// Keys on their way to a song and its keyboard.
#[derive(Debug)]
pub(super) struct Keys {
    mode: KeyboardMode,
    /// From 1.
    selected: u16,
    /// Instruments that program changes have put in the slots, from 1.
    programs: [Option<u16>; KEYBOARD_SLOTS],
    /// Exponent of the velocity curve: ¼ at -100 %, where a soft touch is loud, 4 at 100 %.
    curve: f32,
    /// The switch; it acts in Selected mode.
    mpe: bool,
    gain: Decibels,
    transpose: Semitones,
    wheels: [Wheel; KEYBOARD_SLOTS],
    song_keys: SongKeys,
}

fn name(note: NoteAddress) -> KeyNote {
    KeyNote { slot: note.channel.min(KEYBOARD_SLOTS as u8 - 1), key: note.key, id: note.id }
}

fn address(note: KeyNote) -> NoteAddress {
    NoteAddress { channel: note.slot, key: note.key, id: note.id }
}

/// 0..=1 in the steps of seven bits.
pub(super) fn seven_bits(value: f32) -> f32 {
    libm::roundf(value.clamp(0.0, 1.0) * 127.0) / 127.0
}

/// A number in steps of 1/`steps`.
pub(super) fn in_steps(value: f32, steps: f32) -> f32 {
    libm::roundf(value * steps) / steps
}

/// Steps of a note's own tuning in a semitone, and of its other expressions.
pub(super) const TUNING_STEPS: f32 = 1024.0;
pub(super) const EXPRESSION_STEPS: f32 = 128.0;

impl Keys {
    pub(super) fn new() -> Self {
        Self {
            mode: KeyboardMode::Multi,
            selected: 1,
            programs: [None; KEYBOARD_SLOTS],
            curve: 1.0,
            mpe: false,
            gain: Decibels(0.0),
            transpose: Semitones(0.0),
            wheels: [Wheel::default(); KEYBOARD_SLOTS],
            song_keys: SongKeys::default(),
        }
    }

    /// Takes a parameter, if it is one of the keys'; says whether it is.
    pub(super) fn set(&mut self, target: Target, value: f32, scene: Option<Scene<'_>>) -> bool {
        match target {
            Target::KeyboardMode => self.set_mode(KeyboardMode::of_choice(value), scene),
            Target::SelectedInstrument => self.selected = value as u16,
            Target::VelocityCurve => self.curve = libm::exp2f(value.clamp(-100.0, 100.0) / 50.0),
            Target::Mpe => self.set_mpe(value >= 0.5, scene),
            Target::KeyboardGain => {
                self.gain = Decibels(value);
                if let Some(scene) = scene {
                    self.apply_gain(scene.playing);
                }
            }
            Target::Transpose => {
                self.transpose = Semitones(value);
                if let Some(scene) = scene {
                    self.apply_transpose(scene.playing);
                }
            }
            _ => return false,
        }
        true
    }

    /// Lets go of whatever is held in a mode that ends.
    fn set_mode(&mut self, mode: KeyboardMode, scene: Option<Scene<'_>>) {
        if mode == self.mode {
            return;
        }
        self.mode = mode;
        let Some(mut scene) = scene else { return };
        for slot in 0..KEYBOARD_SLOTS as u8 {
            scene.playing.keyboard.release_all(slot);
            self.song_keys.release_all(slot, &mut scene);
        }
        if !scene.playing.is_launched() {
            scene.playing.launch.end_all(None, scene.frame, scene.out);
        }
        scene.playing.player_mut().forget_controllers();
        self.retune(scene.playing);
        self.report(&mut scene);
    }

    /// Switches MPE; bend ranges are the usual ones again.
    fn set_mpe(&mut self, on: bool, scene: Option<Scene<'_>>) {
        if on == self.mpe {
            return;
        }
        self.mpe = on;
        self.wheels.iter_mut().for_each(Wheel::forget_range);
        if let Some(scene) = scene {
            self.retune(scene.playing);
        }
    }

    fn apply_gain(&self, playing: &mut Playing) {
        let level = self.gain;
        playing.keyboard.set_gain(level.into(), |offset| modulated(level, offset).into());
    }

    fn apply_transpose(&self, playing: &mut Playing) {
        playing.keyboard.set_transpose(self.transpose);
        playing.player_mut().set_key_transpose(self.transpose);
    }

    /// Makes a song that has come new follow what is set; `old` is the one it replaces.
    pub(super) fn take_over(&mut self, playing: &mut Playing, old: Option<&Playing>) {
        if let Some(old) = old {
            playing.keyboard.take_controllers(&old.keyboard);
            playing.player_mut().take_controllers(old.player());
        }
        self.apply_gain(playing);
        self.apply_transpose(playing);
        playing.keyboard.set_mpe(self.plays_mpe());
    }

    /// Tells the host that every note of a song that goes has ended.
    pub(super) fn end_all(&mut self, scene: &mut Scene<'_>) {
        self.report(scene);
        for note in scene.playing.keyboard.notes() {
            scene.out.push(scene.frame, EventKind::NoteEnd(address(note)));
        }
        self.song_keys.end_all(scene);
        scene.playing.launch.end_all(None, scene.frame, scene.out);
    }

    fn plays_mpe(&self) -> bool {
        self.mpe && self.mode == KeyboardMode::Selected
    }

    /// Acts on an event.
    pub(super) fn act(&mut self, event: &EventKind, scene: &mut Scene<'_>) {
        match *event {
            EventKind::NoteOn(note, velocity) => self.strike(note, velocity, scene),
            EventKind::NoteOff(note) => self.release(note, scene),
            EventKind::Choke(note) => {
                scene.playing.keyboard.choke(name(note));
                self.song_keys.choke(note, scene);
                scene.playing.launch.choke(note, scene.frame, scene.out);
            }
            EventKind::AllNotesOff(channel) => self.control_each(channel, controller::ALL_NOTES_OFF, scene),
            EventKind::AllSoundOff(channel) => self.control_each(channel, controller::ALL_SOUND_OFF, scene),
            EventKind::PitchBend { channel, value } => self.bend(channel, value, scene.playing),
            EventKind::Controller { channel, number, value } => {
                self.controller((channel, number, value), scene)
            }
            EventKind::Pressure { channel, value } => {
                self.control(channel, Control::Pressure(seven_bits(value)), scene.playing)
            }
            EventKind::Program { channel, program } => self.change_program(channel, program),
            EventKind::Expression(note, expression) => {
                self.control_note(note, note_control(expression), scene.playing)
            }
            EventKind::Modulation(note, modulation) => {
                let control = modulation_control(modulation, self.gain);
                self.control_note(note, control, scene.playing);
            }
            // Said by us, not to us.
            EventKind::NoteEnd(_) => {}
        }
        self.report(scene);
    }

    /// Without a song no note sounds; the host hears so.
    pub(super) fn refuse(&self, event: &EventKind, frame: u64, out: &mut Outgoing) {
        if let EventKind::NoteOn(note, velocity) = *event
            && seven_bits(velocity) > 0.0
            && self.mode != KeyboardMode::Voices
        {
            out.push(frame, EventKind::NoteEnd(note));
        }
    }

    fn strike(&mut self, note: NoteAddress, velocity: f32, scene: &mut Scene<'_>) {
        let velocity = seven_bits(velocity);
        if velocity == 0.0 {
            return self.release(note, scene);
        }
        let velocity = self.curved(velocity);
        if self.mode == KeyboardMode::Launch || scene.playing.is_launched() {
            return scene.playing.launch.press(note, velocity, scene.frame, scene.out);
        }
        let slot = name(note).slot;
        let sound = match self.mode {
            KeyboardMode::Multi => {
                Some(KeySound::Instrument(self.program(slot).unwrap_or(u16::from(slot) + 1)))
            }
            KeyboardMode::Selected => Some(KeySound::Instrument(self.selected)),
            KeyboardMode::Kit => kit_sample(note.key, scene.playing.player().song().samples.len()),
            KeyboardMode::Channel => {
                let instrument = self.program(slot).unwrap_or(self.selected);
                return self.song_keys.press(note, (instrument, velocity), scene);
            }
            // Whether a slot sounds, the voices say.
            KeyboardMode::Voices => return,
            KeyboardMode::Launch => None,
        };
        match sound.filter(|_| note.key <= LAST_KEY) {
            Some(sound) => {
                let press = KeyPress { slot, sound, key: note.key, velocity, id: note.id };
                scene.playing.keyboard.press(press);
            }
            None => scene.out.push(scene.frame, EventKind::NoteEnd(note)),
        }
    }

    /// A velocity by the curve.
    pub(super) fn curved(&self, velocity: f32) -> f32 {
        if self.curve == 1.0 { velocity } else { libm::powf(velocity, self.curve) }
    }

    fn release(&mut self, note: NoteAddress, scene: &mut Scene<'_>) {
        self.song_keys.release(note, scene);
        scene.playing.keyboard.release(name(note));
        scene.playing.launch.release(note, scene.frame, scene.out);
    }

    fn program(&self, slot: u8) -> Option<u16> {
        self.programs.get(usize::from(slot)).copied().flatten()
    }

    fn change_program(&mut self, channel: u8, program: u8) {
        let instrument = u16::from(program) + 1;
        match self.mode {
            KeyboardMode::Multi | KeyboardMode::Channel => {
                if let Some(slot) = self.programs.get_mut(usize::from(channel)) {
                    *slot = Some(instrument);
                }
            }
            KeyboardMode::Selected => self.selected = instrument,
            KeyboardMode::Kit | KeyboardMode::Launch | KeyboardMode::Voices => {}
        }
    }

    /// Moves a controller of a keyboard slot, in Channel mode of a song channel too: other modes find it where it is.
    fn control(&mut self, channel: u8, control: Control, playing: &mut Playing) {
        playing.keyboard.control(channel, control);
        if self.mode == KeyboardMode::Channel {
            playing.player_mut().control(channel.into(), control);
        }
    }

    fn control_note(&mut self, note: NoteAddress, control: NoteControl, playing: &mut Playing) {
        if let Some(channel) = self.song_keys.channel_of(note) {
            playing.player_mut().control_note(channel, control);
        }
        playing.keyboard.control_note(name(note), control);
    }

    fn bend(&mut self, channel: u8, value: f32, playing: &mut Playing) {
        let Some(wheel) = self.wheels.get_mut(usize::from(channel)) else { return };
        wheel.turn(value);
        self.apply_bend(channel, playing);
    }

    fn apply_bend(&mut self, channel: u8, playing: &mut Playing) {
        let member = self.plays_mpe() && channel > 0;
        if let Some(bend) = self.wheels.get(usize::from(channel)).map(|wheel| wheel.bend(member)) {
            self.control(channel, Control::Bend(bend), playing);
        }
    }

    /// Applies all bends where their range may be another.
    fn retune(&mut self, playing: &mut Playing) {
        playing.keyboard.set_mpe(self.plays_mpe());
        (0..KEYBOARD_SLOTS as u8).for_each(|channel| self.apply_bend(channel, playing));
    }

    /// Hands on which notes have died away since the last call: while events acted, or in the frames rendered from
    /// `scene.frame` on.
    pub(super) fn report(&mut self, scene: &mut Scene<'_>) {
        let (out, first) = (&mut *scene.out, scene.frame);
        scene.playing.keyboard.take_ended(|frames, note| {
            out.push(first + frames as u64, EventKind::NoteEnd(address(note)));
        });
        self.song_keys.report_taken(scene);
    }

    /// The same of song channels, on whose notes a tick may be the last.
    pub(super) fn report_ticked(&mut self, scene: &mut Scene<'_>) {
        self.song_keys.report_silent(scene);
    }

    /// Forgets what is held, and what programs and wheels have changed.
    pub(super) fn reset(&mut self) {
        self.programs = [None; KEYBOARD_SLOTS];
        self.wheels = [Wheel::default(); KEYBOARD_SLOTS];
        self.song_keys = SongKeys::default();
    }
}

/// The sample of a key in Kit mode, where the song has it.
fn kit_sample(key: u8, samples: usize) -> Option<KeySound> {
    let number = u16::from(key.checked_sub(FIRST_KIT_KEY)?) + 1;
    (usize::from(number) <= samples).then_some(KeySound::Sample(number))
}

/// An expression in the steps in which notes have it.
pub(super) fn note_control(expression: Expression) -> NoteControl {
    let fine = |value| in_steps(value, EXPRESSION_STEPS);
    match expression {
        Expression::Volume(gain) => NoteControl::Volume(Gain(fine(gain))),
        Expression::Pan(pan) => NoteControl::Pan(fine(pan)),
        Expression::Tuning(semitones) => NoteControl::Tuning(Semitones(in_steps(semitones, TUNING_STEPS))),
        Expression::Vibrato(depth) => NoteControl::Vibrato(fine(depth)),
        Expression::Brightness(brightness) => NoteControl::Brightness(fine(brightness)),
        Expression::Pressure(depth) => NoteControl::Pressure(fine(depth)),
    }
}

/// What a host's modulation of a note asks of it, while the keyboard's gain is `gain`.
pub(super) fn modulation_control(modulation: Modulation, gain: Decibels) -> NoteControl {
    match modulation {
        Modulation::Gain(offset) => NoteControl::Gain { offset, gain: modulated(gain, offset).into() },
        Modulation::Transpose(interval) => NoteControl::Transpose(interval),
        Modulation::Azimuth(degrees) => NoteControl::Azimuth(degrees),
        Modulation::Elevation(degrees) => NoteControl::Elevation(degrees),
        Modulation::Distance(factor) => NoteControl::Distance(factor),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_key_of_a_small_keyboard_plays_the_first_sample() {
        assert_eq!(kit_sample(36, 2), Some(KeySound::Sample(1)));
        assert_eq!(kit_sample(37, 2), Some(KeySound::Sample(2)));
        assert_eq!((kit_sample(35, 2), kit_sample(38, 2)), (None, None));
    }

    #[test]
    fn rounded_values_keep_their_ends_and_middles() {
        assert_eq!((seven_bits(0.0), seven_bits(1.0), seven_bits(0.003)), (0.0, 1.0, 0.0));
        assert_eq!(note_control(Expression::Brightness(0.5)), NoteControl::Brightness(0.5));
        assert_eq!(note_control(Expression::Tuning(-0.5)), NoteControl::Tuning(Semitones(-0.5)));
    }
}
