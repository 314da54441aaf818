//! Song channels played from keys: notes over the pattern's, and controllers on the channel's own effects.
//!
//! In: keys and controllers of the first 16 song channels. Out: the channel's voice, struck, released, bent and filtered.
//! Audio thread. What has a tracker's command (volume, panning) is set once and stays until a pattern sets it; bend, vibrato
//! and filter lie over whatever the pattern does for as long as the controller asks. The next note of a pattern takes the
//! channel over from a key.

use super::super::control::Acting;
use super::super::control::Controls;
use super::super::control::NoteControls;
use super::super::control::Overall;
use super::super::effect::NoteCommand;
use super::super::effect::Step;
use super::super::flow::Flow;
use super::super::instrument;
use super::super::instrument::Change;
use super::super::keyboard::strike;
use super::super::nna;
use super::super::note;
use super::super::note::Strike;
use super::super::pitch;
use super::super::state::Voice;
use super::super::tick;
use super::super::tick::Role;
use super::Core;
use super::SongPlayer;
use crate::control::Control;
use crate::control::NoteControl;
use crate::units::Semitones;

/// Song channels that keys can play, one for each MIDI channel.
pub(super) const TOUCHED: usize = 16;

/// What keys and controllers have made of one song channel.
#[derive(Clone, Copy, Default)]
pub(super) struct Touch {
    controls: Controls,
    note: NoteControls,
    /// A key's note plays, or its end.
    keyed: bool,
    released: bool,
    /// Speed of the key's tone portamento.
    glide: Option<i32>,
    /// The vibrato of this row is the controller's.
    vibrates: bool,
    tinted: bool,
    bent: bool,
    /// Step of the tick before the bend.
    step_q32: i64,
}

/// Keys and controllers on the channels of a player.
#[derive(Default)]
pub(super) struct Touches {
    channels: [Touch; TOUCHED],
    /// Of the keys' notes.
    transpose: f32,
    /// Anything has been touched since the last reset.
    any: bool,
}

impl Touches {
    /// The keys' notes are over; controllers stay.
    pub(super) fn forget_keys(&mut self) {
        self.channels.iter_mut().for_each(|touch| (touch.keyed, touch.glide) = (false, None));
    }
}

impl Touch {
    fn acting(&self, transpose: f32) -> Acting {
        let interval = if self.keyed { transpose } else { 0.0 };
        let overall = Overall { transpose: Semitones(interval), ..Overall::default() };
        let none = NoteControls::default();
        Acting::new(&self.controls, if self.keyed { &self.note } else { &none }, &overall)
    }

    /// Before a tick's update: portamento and vibrato of the keys, and the end of their notes.
    fn begin_tick(&mut self, (core, flow): (&Core, &mut Flow), ch: &mut Voice, transpose: f32) {
        if ch.triggered {
            (self.keyed, self.glide) = (false, None);
        }
        let acting = self.acting(transpose);
        if flow.first_tick {
            self.vibrates = false;
        }
        let depth = acting.vibrato > 0.0;
        if self.vibrates || depth && !ch.active.vibrato {
            self.vibrates = acting.vibrate(&core.rules, core.tuning.linear(), ch);
        }
        if let Some(speed) = self.glide {
            self.glide = pitch::glide(&core.context(flow), ch, speed).then_some(speed);
        }
    }

    /// After it: what lies over the tick's own pitch and filter. Gives the bend.
    fn finish_tick(&mut self, core: &Core, ch: &mut Voice, acting: &Acting) -> f32 {
        self.step_q32 = ch.sound.step_q32;
        self.bend(ch, acting);
        acting.tint.apply(ch, &mut self.tinted, &core.rules, &core.output);
        acting.ratio
    }

    fn bend(&mut self, ch: &mut Voice, acting: &Acting) {
        if acting.ratio != 1.0 || self.bent {
            let bent = (self.step_q32 as f64 * f64::from(acting.ratio)) as i64;
            ch.set_step(if acting.ratio == 1.0 { self.step_q32 } else { bent });
            self.bent = acting.ratio != 1.0;
        }
    }
}

impl SongPlayer {
    /// What keys and controllers ask of the tick that begins, before the voices are updated.
    pub(super) fn begin_touched_tick(&mut self) {
        if !self.touches.any {
            return;
        }
        let Self { core, flow, channels, touches, .. } = self;
        let transpose = touches.transpose;
        for (touch, ch) in touches.channels.iter_mut().zip(channels) {
            touch.begin_tick((core, flow), ch, transpose);
        }
    }

    /// The same once they are.
    pub(super) fn finish_touched_tick(&mut self) {
        if !self.touches.any {
            return;
        }
        let Self { core, channels, touches, chips, .. } = self;
        let transpose = touches.transpose;
        for (index, (touch, ch)) in touches.channels.iter_mut().zip(channels).enumerate() {
            let ratio = touch.finish_tick(core, ch, &touch.acting(transpose));
            if let Some(chip) = chips.get_mut(index) {
                chip.set_bend(ratio);
            }
        }
    }

    /// Plays `key` of an instrument (from 1) on a song channel, over the pattern's note. `velocity` is 0..=1.
    ///
    /// Real-time: yes. The note sounds from the next frame. With portamento switched on, a channel that sounds slides to the
    /// key as 3xx does, and its recording goes on.
    pub fn play_note(&mut self, channel: usize, instrument: u16, key: u8, velocity: f32) {
        self.changes += 1;
        let room = self.room();
        let Self { core, flow, channels, background, touches, .. } = self;
        let cx = core.context(flow);
        let Some(ch) = channels.get_mut(channel) else { return };
        let mut touch = touches.channels.get_mut(channel);
        let key = key.min(strike::LAST_KEY);
        let sounds = ch.sound.sounding() && ch.period != 0;
        let speed = touch.as_ref().and_then(|touch| {
            touch.controls.portamento_speed().filter(|_| touch.controls.portamento && sounds)
        });
        let pattern_step = std::mem::take(&mut ch.step);
        ch.step = Step { note: NoteCommand::Key(key), instrument, ..Step::default() };
        (ch.new_key, ch.last_key) = (Some(key), Some(key));
        let portamento = speed.is_some();
        if !portamento {
            nna::leave_old_note(&cx, channel, ch, &mut background[..room], (instrument, key));
        }
        let change =
            Change { number: instrument, portamento, with_volume: true, with_envelopes: !portamento };
        instrument::change_instrument(&cx, ch, change);
        note::change_note(&cx, ch, NoteCommand::Key(key), Strike { portamento, with_envelopes: !portamento });
        ch.volume = strike::volume_of(velocity);
        if let Some(touch) = &mut touch {
            (touch.keyed, touch.released, touch.note) = (true, false, NoteControls::default());
            touch.glide = speed.filter(|_| ch.porta_target != 0 && ch.period != ch.porta_target);
            touches.any = true;
        }
        let triggered = ch.triggered;
        tick::update(&cx, ch, Role::Channel, &core.output);
        ch.step = pattern_step;
        if triggered && let Some(touch) = touches.channels.get_mut(channel) {
            touch.tinted = false;
        }
        self.settle_touch(channel);
        self.find_background_end();
    }

    /// Brings bend, filter and chip of a channel whose voice has been updated between two ticks up to date.
    fn settle_touch(&mut self, channel: usize) {
        let Self { core, channels, touches, chips, .. } = self;
        let Some(ch) = channels.get_mut(channel) else { return };
        if let Some(chip) = chips.get_mut(channel) {
            chip.play(ch);
        }
        let transpose = touches.transpose;
        if let Some(touch) = touches.channels.get_mut(channel) {
            let ratio = touch.finish_tick(core, ch, &touch.acting(transpose));
            if let Some(chip) = chips.get_mut(channel) {
                chip.set_bend(ratio);
            }
        }
    }

    /// Releases the key on a song channel as its tracker would; what does not die away by itself is cut. Real-time: yes.
    pub fn release_note(&mut self, channel: usize) {
        self.changes += 1;
        let Self { core, flow, channels, touches, chips, .. } = self;
        let cx = core.context(flow);
        let Some(ch) = channels.get_mut(channel) else { return };
        if let Some(touch) = touches.channels.get_mut(channel) {
            touch.released = true;
        }
        if strike::release(&cx, ch) {
            return;
        }
        ch.volume = 0;
        ch.level_before_globals = 0;
        tick::reaim(&cx, ch, &core.output, 0);
        if let Some(chip) = chips.get_mut(channel) {
            chip.reset(core.output.ramp_frames); // What has no release would never die away.
        }
    }

    /// Cuts what a key plays on a song channel. Real-time: yes.
    pub fn cut_note(&mut self, channel: usize) {
        self.changes += 1;
        let Self { core, channels, touches, chips, .. } = self;
        let (Some(ch), Some(touch)) = (channels.get_mut(channel), touches.channels.get_mut(channel)) else {
            return;
        };
        ch.leave_tail();
        ch.sound.stop();
        ch.finish_tick(core.output.ramp_frames);
        if let Some(chip) = chips.get_mut(channel) {
            chip.reset(core.output.ramp_frames);
        }
        (touch.keyed, touch.glide) = (false, None);
    }

    /// Whether a song channel is still a key's: no pattern and no jump has taken it. Real-time: yes.
    pub fn key_plays(&self, channel: usize) -> bool {
        self.touches.channels.get(channel).is_some_and(|touch| touch.keyed)
    }

    /// Whether a key's note, or its end, still sounds on a song channel. Real-time: yes.
    pub fn key_sounds(&self, channel: usize) -> bool {
        let (Some(ch), Some(touch)) = (self.channels.get(channel), self.touches.channels.get(channel)) else {
            return false;
        };
        let chip = self.chips.get(channel).is_some_and(|chip| chip.sounding());
        let sample = ch.sample.and_then(|index| self.core.song.samples.get(usize::from(index)));
        let is_adlib = sample.is_some_and(|sample| sample.adlib.is_some());
        // What stands in for an AdLib recording is never heard, and a loop goes on at no volume.
        let silent = touch.released && (is_adlib || ch.was_silent || ch.volume == 0) && ch.sound.silent();
        touch.keyed && (chip || ch.has_sound() && !silent)
    }

    /// Moves a controller of a song channel. Real-time: yes.
    pub fn control(&mut self, channel: usize, control: Control) {
        let Some(touch) = self.touches.channels.get_mut(channel) else { return };
        touch.controls.set(control);
        match control {
            Control::Volume(_) | Control::Expression(_) => self.apply_volume(channel),
            Control::Pan(_) => self.apply_panning(channel),
            _ => {}
        }
        self.follow(channel);
    }

    /// Puts back the controllers of a song channel that MIDI's "reset all controllers" does. Real-time: yes.
    pub fn reset_controls(&mut self, channel: usize) {
        let Some(touch) = self.touches.channels.get_mut(channel) else { return };
        let before = touch.controls;
        touch.controls.reset_most();
        if touch.controls.channel_volume(&touch.note) != before.channel_volume(&touch.note) {
            self.apply_volume(channel);
        }
        self.follow(channel);
    }

    /// Moves a controller of the key's note on a song channel. Real-time: yes.
    pub fn control_note(&mut self, channel: usize, control: NoteControl) {
        let Some(touch) = self.touches.channels.get_mut(channel).filter(|touch| touch.keyed) else { return };
        touch.note.set(control);
        match control {
            NoteControl::Volume(_) => self.apply_volume(channel),
            NoteControl::Pan(_) => self.apply_panning(channel),
            _ => {}
        }
        self.follow(channel);
    }

    /// Moves the keys' notes. Real-time: yes.
    pub fn set_key_transpose(&mut self, interval: Semitones) {
        if interval.0.is_finite() && interval.0 != self.touches.transpose {
            self.touches.transpose = interval.0;
            for channel in 0..TOUCHED {
                if self.key_plays(channel) {
                    self.follow(channel);
                }
            }
        }
    }

    /// Sets every controller as another player's are, over those of a player that is under none. Real-time: yes.
    pub fn take_controllers(&mut self, other: &Self) {
        let others = &other.touches;
        self.touches.transpose = others.transpose;
        for (channel, touch) in others.channels.iter().enumerate() {
            if touch.controls != Controls::default() {
                self.touches.channels[channel].controls = touch.controls; // both have as many
                self.follow(channel);
            }
        }
    }

    /// Goes on with the keys' notes of another player where they are; AdLib's stay behind with their chips. Real-time: yes.
    pub fn take_keys(&mut self, other: &Self) {
        if self.inverted.is_some() {
            return; // each has copies of the recordings of its own
        }
        for (index, (touch, theirs)) in other.touches.channels.iter().zip(&other.channels).enumerate() {
            let sample = theirs.sample.and_then(|sample| other.core.song.samples.get(usize::from(sample)));
            if !touch.keyed || sample.is_none_or(|sample| sample.adlib.is_some()) {
                continue;
            }
            let Some(own) = self.channels.get_mut(index) else { continue };
            let of_pattern = (own.step, own.active, own.memory);
            own.clone_from(theirs);
            (own.step, own.active, own.memory) = of_pattern;
            (self.touches.channels[index], self.touches.any) = (*touch, true); // both have as many
            self.changes += 1;
        }
    }

    /// Keys are taken from their notes, which go on as the song's. Real-time: yes.
    pub fn forget_keys(&mut self) {
        self.touches.forget_keys();
    }

    /// Every controller where it was at first. Real-time: yes.
    pub fn forget_controllers(&mut self) {
        let transpose = self.touches.transpose;
        self.touches = Touches { transpose, ..Touches::default() };
    }

    fn apply_volume(&mut self, channel: usize) {
        let Self { core, flow, channels, touches, .. } = self;
        let (Some(ch), Some(touch)) = (channels.get_mut(channel), touches.channels.get(channel)) else {
            return;
        };
        ch.channel_volume = touch.controls.channel_volume(&touch.note);
        tick::reaim(&core.context(flow), ch, &core.output, 0);
    }

    fn apply_panning(&mut self, channel: usize) {
        let Self { core, flow, channels, touches, .. } = self;
        let (Some(ch), Some(touch)) = (channels.get_mut(channel), touches.channels.get(channel)) else {
            return;
        };
        let place = touch.controls.channel_panning().unwrap_or(128);
        let target = (place + touch.note.panning_shift()).clamp(0, 256);
        let moved = target - ch.panning;
        (ch.panning, ch.surround) = (target, false);
        tick::reaim(&core.context(flow), ch, &core.output, moved);
    }

    /// Has a channel's bend and filter follow its controllers between two ticks.
    fn follow(&mut self, channel: usize) {
        let Self { core, channels, touches, chips, .. } = self;
        touches.any = true;
        let transpose = touches.transpose;
        let (Some(ch), Some(touch)) = (channels.get_mut(channel), touches.channels.get_mut(channel)) else {
            return;
        };
        let acting = touch.acting(transpose);
        if !touch.bent {
            touch.step_q32 = ch.sound.step_q32;
        }
        touch.bend(ch, &acting);
        acting.tint.apply(ch, &mut touch.tinted, &core.rules, &core.output);
        if let Some(chip) = chips.get_mut(channel) {
            chip.set_bend(acting.ratio);
        }
    }
}
