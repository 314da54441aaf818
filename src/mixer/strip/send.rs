//! A send: the strip's sound once more, at a level of its own, on the way to a return.
//!
//! In: the strip's block before and after its gain. Out: a stereo feed. Both points have a ramp, so that switching
//! between them cross-fades. Mono goes to both sides, whole before the gain and as the strip places it after it; wider
//! strips fold by ITU-R BS.775. Audio thread.

use crate::audio::AudioBlock;
use crate::audio::AudioBlockMut;
use crate::audio::BLOCK_SIZE;
use crate::audio::BroadcastMix;
use crate::audio::ChannelMix;
use crate::audio::Feed;
use crate::audio::SurroundDownmix;
use crate::dsp;
use crate::dsp::Level;
use crate::dsp::Ramp;
use crate::mixer::TapPoint;
use crate::units::Gain;
use std::ops::Range;

/// See the module's description; silent and after the gain when made. Allocates.
pub(super) struct Send {
    ramp_frames: u32,
    gain: Gain,
    pre: bool,
    /// Before and after the gain.
    ramps: [Ramp; 2],
    feed: Feed,
}

impl Send {
    pub(super) fn new(ramp_frames: u32) -> Self {
        let ramps = [Ramp::new(0.0); 2];
        Self { ramp_frames, gain: Gain::SILENCE, pre: false, ramps, feed: Feed::new(2) }
    }

    pub(super) fn set_gain(&mut self, gain: Gain) {
        self.gain = gain;
        self.aim();
    }

    pub(super) fn set_pre(&mut self, pre: bool) {
        self.pre = pre;
        self.aim();
    }

    fn aim(&mut self) {
        let targets = if self.pre { [self.gain.0, 0.0] } else { [0.0, self.gain.0] };
        for (ramp, target) in self.ramps.iter_mut().zip(targets) {
            ramp.move_to(target, self.ramp_frames);
        }
    }

    pub(super) fn ramps(&self) -> &[Ramp] {
        &self.ramps
    }

    pub(super) fn ramps_mut(&mut self) -> &mut [Ramp] {
        &mut self.ramps
    }

    pub(super) fn feed(&self) -> &Feed {
        &self.feed
    }

    pub(super) fn begin(&mut self, frames: usize) {
        self.feed.begin(frames);
    }

    /// Whether nothing is heard at `point`.
    pub(super) fn is_closed(&self, point: TapPoint) -> bool {
        let ramp = self.ramp(point);
        ramp.settled() && ramp.target() == 0.0
    }

    fn ramp(&self, point: TapPoint) -> &Ramp {
        let [before, after] = &self.ramps;
        match point {
            TapPoint::PreGain => before,
            TapPoint::PostGain => after,
        }
    }

    /// Adds what is heard at `point` in the frames of `range`, within which the ramp moves all the time or not at all; `places`
    /// say what either side gets of it.
    pub(super) fn take(
        &mut self,
        (level, point): (Level, TapPoint),
        places: Option<&[Ramp; 2]>,
        (io, range): (&AudioBlockMut<'_>, &Range<usize>),
        values: &mut [f32],
    ) {
        if let Some(places) = places {
            return self.take_placed((level, point), places, (io, range), values);
        }
        let ramp = self.ramp(point);
        let values = values.get_mut(..range.len()).unwrap_or(&mut []);
        if !ramp.settled() {
            ramp.peek(values);
        }
        let gains = if ramp.settled() { Err(ramp.target()) } else { Ok(&*values) };
        let source = io.slice(range.clone());
        if let (Err(gain), 2, true) = (gains, source.channels(), self.feed.is_fresh(range)) {
            let mut target = self.feed.fill();
            for side in 0..2 {
                dsp::put_scaled(level, target.channel_mut(side), source.channel(side), gain);
            }
            return;
        }
        let (left, right) = self.feed.open(range.clone());
        for (side, target) in [left, right].into_iter().enumerate() {
            add(level, target, &source, side, gains);
        }
    }

    /// The same for one channel, each side by a ramp of its own.
    fn take_placed(
        &mut self,
        (level, point): (Level, TapPoint),
        places: &[Ramp; 2],
        (io, range): (&AudioBlockMut<'_>, &Range<usize>),
        values: &mut [f32],
    ) {
        let ramp = *self.ramp(point);
        let source = io.slice(range.clone());
        let (left, right) = self.feed.open(range.clone());
        for (place, target) in places.iter().zip([left, right]) {
            if ramp.settled() && place.settled() {
                dsp::add_scaled(level, target, source.channel(0), ramp.target() * place.target());
                continue;
            }
            let (mut shares, values) = ([0.0; BLOCK_SIZE], values.get_mut(..range.len()).unwrap_or(&mut []));
            ramp.peek(values);
            place.peek(&mut shares);
            dsp::scale_by(level, values, &shares);
            dsp::add_scaled_by(level, target, source.channel(0), values, 1.0);
        }
    }
}

/// Adds all channels of `source` to one side, by one gain or one for each frame.
fn add(level: Level, target: &mut [f32], source: &AudioBlock<'_>, side: usize, gains: Result<&[f32], f32>) {
    let channels = source.channels();
    for (channel, plane) in source.planes().enumerate() {
        let share = match channels {
            1 => BroadcastMix.coefficient(channel, channels, side, 2),
            2 => f32::from(u8::from(channel == side)),
            _ => SurroundDownmix.coefficient(channel, channels, side, 2),
        };
        match gains {
            _ if share == 0.0 => {}
            Ok(gains) => dsp::add_scaled_by(level, target, plane, gains, share),
            Err(gain) => dsp::add_scaled(level, target, plane, gain * share),
        }
    }
}
