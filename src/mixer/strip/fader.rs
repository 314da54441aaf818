//! Gain, mute and pan of a strip: one ramped factor for each side.
//!
//! Stereo balances: the near side keeps its level and the far one fades, `1 - |pan|`. Wider strips balance all
//! loudspeakers of a side; centre and LFE keep the gain. Mono has no sides here: it is placed where it meets something
//! wider, by sine and cosine as inputs and voices are, but 3 dB louder, so that in the middle both sides get it whole.
//! Audio thread.

use crate::audio::Pan;
use crate::audio::Side;
use crate::dsp::Ramp;
use crate::mixer::matrix::mono_pan;
use crate::units::Gain;

/// See the module's description; at unity in the middle when made.
pub(super) struct Fader {
    ramp_frames: u32,
    gain: Gain,
    muted: bool,
    /// -1 left … 1 right.
    pan: f32,
    /// By [`Side`].
    sides: [Ramp; 3],
    /// What mono comes to the left and to the right with.
    places: [Ramp; 2],
}

impl Fader {
    pub(super) fn new(ramp_frames: u32) -> Self {
        let unity = Ramp::new(1.0);
        Self { ramp_frames, gain: Gain::UNITY, muted: false, pan: 0.0, sides: [unity; 3], places: [unity; 2] }
    }

    pub(super) fn set_gain(&mut self, gain: Gain) {
        self.gain = gain;
        self.aim();
    }

    pub(super) fn set_muted(&mut self, muted: bool) {
        self.muted = muted;
        self.aim();
    }

    pub(super) fn set_pan(&mut self, pan: f32) {
        self.pan = pan.clamp(-1.0, 1.0);
        self.aim();
        let [middle, _] = mono_pan(0.0);
        for (ramp, share) in self.places.iter_mut().zip(mono_pan(self.pan)) {
            ramp.move_to(share / middle, self.ramp_frames);
        }
    }

    fn aim(&mut self) {
        let gain = if self.muted { 0.0 } else { self.gain.0 };
        let (left, right) = ((1.0 - self.pan).min(1.0), (1.0 + self.pan).min(1.0));
        for (ramp, share) in self.sides.iter_mut().zip([left, right, 1.0]) {
            ramp.move_to(gain * share, self.ramp_frames);
        }
    }

    pub(super) fn places(&self) -> &[Ramp; 2] {
        &self.places
    }

    /// Where mono stands in the frames whose factors `moving` holds, or else for good.
    pub(super) fn pan<'a>(&self, moving: Option<[&'a [f32]; 2]>) -> Pan<'a> {
        let targets = self.places.map(|ramp| ramp.target());
        match moving {
            Some(factors) => Pan::Moving(factors),
            None if targets == [1.0; 2] => Pan::Middle,
            None => Pan::Steady(targets),
        }
    }

    pub(super) fn side(&self, side: Side) -> &Ramp {
        &self.sides[side as usize] // as many ramps as sides
    }

    pub(super) fn ramps(&self) -> &[Ramp] {
        &self.sides
    }

    pub(super) fn ramps_mut(&mut self) -> impl Iterator<Item = &mut Ramp> {
        self.sides.iter_mut().chain(&mut self.places)
    }
}
