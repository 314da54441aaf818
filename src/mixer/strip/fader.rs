//! Gain, mute and pan of a strip: one ramped factor for each side.
//!
//! Stereo balances: the near side keeps its level and the far one fades, `1 - |pan|`. Wider strips balance all
//! loudspeakers of a side; centre and LFE keep the gain, and so does mono. Audio thread.

use crate::audio::Side;
use crate::dsp::Ramp;
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
}

impl Fader {
    pub(super) fn new(ramp_frames: u32) -> Self {
        Self { ramp_frames, gain: Gain::UNITY, muted: false, pan: 0.0, sides: [Ramp::new(1.0); 3] }
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
    }

    fn aim(&mut self) {
        let gain = if self.muted { 0.0 } else { self.gain.0 };
        let (left, right) = ((1.0 - self.pan).min(1.0), (1.0 + self.pan).min(1.0));
        for (ramp, share) in self.sides.iter_mut().zip([left, right, 1.0]) {
            ramp.move_to(gain * share, self.ramp_frames);
        }
    }

    pub(super) fn side(&self, side: Side) -> &Ramp {
        &self.sides[side as usize] // as many ramps as sides
    }

    pub(super) fn ramps(&self) -> &[Ramp] {
        &self.sides
    }

    pub(super) fn ramps_mut(&mut self) -> &mut [Ramp] {
        &mut self.sides
    }
}
