//! Strips of song channels, or of lanes: gain, mute, solo and pan of everything that sounds through one of them.
//!
//! In: parameters between two calls of `begin`. Out: the passages that `Outlets` apply, for pieces that are cut where a ramp
//! settles, so that each frame is treated alike however calls are cut. Audio thread, apart from `new`. A neutral channel
//! costs nothing, and neither does a muted one. What is MIDI to the host is not turned down.

use crate::audio::BLOCK_SIZE;
use crate::audio::Passage;
use crate::audio::Passages;
use crate::dsp::Ramp;
use crate::units::Gain;
use crate::units::SampleRate;

/// The song, and the patterns that keys have launched.
const PLAYERS: usize = 2;

/// Controls of one channel, and how far all sides have followed them.
#[derive(Clone, Copy, Debug)]
struct Strip {
    gain: Gain,
    muted: bool,
    soloed: bool,
    /// An instrument plays its notes.
    handed: bool,
    /// It stands in a field, where its pan says where and is no balance.
    placed: bool,
    /// -1 left … 1 right.
    pan: f32,
    /// Of the song's own notes, and of launched patterns, which hand nothing over.
    sides: [[Ramp; 2]; PLAYERS],
}

impl Strip {
    const NEUTRAL: Passage = Passage::Steady([1.0, 1.0]);
    const SILENT: Passage = Passage::Steady([0.0, 0.0]);

    fn new() -> Self {
        Self {
            gain: Gain::UNITY,
            muted: false,
            soloed: false,
            handed: false,
            placed: false,
            pan: 0.0,
            sides: [[Ramp::new(1.0); 2]; PLAYERS],
        }
    }

    /// `solo` is whether any channel is soloed.
    fn aim(&mut self, solo: bool, ramp_frames: u32) {
        let gain = if self.muted || solo && !self.soloed { 0.0 } else { self.gain.0 };
        let gains = [if self.handed { 0.0 } else { gain }, gain];
        let pan = if self.placed { 0.0 } else { self.pan };
        let shares = [1.0 - pan, 1.0 + pan].map(|share| share.min(1.0));
        for (sides, gain) in self.sides.iter_mut().zip(gains) {
            let sides = sides.iter_mut().zip(shares);
            sides.for_each(|(side, share)| side.move_to(gain * share, ramp_frames));
        }
    }

    fn ramps_mut(&mut self) -> impl Iterator<Item = &mut Ramp> {
        self.sides.iter_mut().flatten()
    }

    /// Frames until all sides have settled.
    fn moves_for(&self) -> usize {
        self.sides.iter().flatten().map(Ramp::left).max().unwrap_or(0)
    }

    fn passage(sides: &[Ramp; 2]) -> Passage {
        if !sides.iter().all(Ramp::settled) {
            return Passage::Moving;
        }
        match Passage::Steady(sides.map(|side| side.target())) {
            Self::NEUTRAL => Passage::Open,
            Self::SILENT => Passage::Closed,
            steady => steady,
        }
    }
}

/// See the module's description.
pub(super) struct ChannelStrips {
    strips: Box<[Strip]>,
    passages: [Passages; PLAYERS],
    ramp_frames: u32,
    /// Bits of the channels that stand in a field.
    placed: u64,
    /// Some channel is soloed.
    solo: bool,
    /// Some channel is not neutral, or is on its way there.
    any: bool,
}

impl ChannelStrips {
    /// So many, all neutral. Allocates.
    pub(super) fn new(rate: SampleRate, count: usize) -> Self {
        Self {
            strips: vec![Strip::new(); count].into(),
            passages: [(); PLAYERS].map(|()| Passages::new(count)),
            ramp_frames: Ramp::control_frames(rate),
            placed: 0,
            solo: false,
            any: false,
        }
    }

    /// Real-time, like all setters: the change begins on the next frame.
    pub(super) fn set_gain(&mut self, channel: usize, gain: Gain) {
        self.change(channel, |strip| strip.gain = gain);
    }

    pub(super) fn set_muted(&mut self, channel: usize, muted: bool) {
        self.change(channel, |strip| strip.muted = muted);
    }

    /// Which channels, by their bits, are silent because instruments play their notes.
    pub(super) fn set_handed(&mut self, channels: u64) {
        for channel in 0..self.strips.len() {
            let handed = channels >> channel & 1 == 1; // 64 at most
            if self.strips.get(channel).is_some_and(|strip| strip.handed != handed) {
                self.change(channel, |strip| strip.handed = handed);
            }
        }
    }

    /// Balance from -1 (left only) to 1 (right only).
    pub(super) fn set_pan(&mut self, channel: usize, pan: f32) {
        self.change(channel, |strip| strip.pan = pan.clamp(-1.0, 1.0));
    }

    /// As long as a channel is soloed, those that are not are silent.
    pub(super) fn set_soloed(&mut self, channel: usize, soloed: bool) {
        self.change(channel, |strip| strip.soloed = soloed);
        let solo = self.strips.iter().any(|strip| strip.soloed);
        if std::mem::replace(&mut self.solo, solo) != solo {
            self.strips.iter_mut().for_each(|strip| strip.aim(solo, self.ramp_frames));
        }
    }

    /// Which channels, by their bits, stand in a field from the next frame on, on which they are not heard.
    pub(super) fn set_placed(&mut self, channels: u64) {
        if std::mem::replace(&mut self.placed, channels) == channels {
            return;
        }
        for channel in 0..self.strips.len() {
            let placed = channels >> channel & 1 == 1; // 64 at most
            if self.strips.get(channel).is_some_and(|strip| strip.placed != placed) {
                self.change(channel, |strip| strip.placed = placed);
                self.strips.get_mut(channel).into_iter().flat_map(Strip::ramps_mut).for_each(Ramp::settle);
            }
        }
    }

    /// Pan of a channel, -1 left … 1 right.
    pub(super) fn pan(&self, channel: usize) -> f32 {
        self.strips.get(channel).map_or(0.0, |strip| strip.pan)
    }

    fn change(&mut self, channel: usize, set: impl FnOnce(&mut Strip)) {
        if let Some(strip) = self.strips.get_mut(channel) {
            set(strip);
            strip.aim(self.solo, self.ramp_frames);
            self.any = true;
        }
    }

    /// Ends every ramp at its target, for a start from nothing.
    pub(super) fn settle(&mut self) {
        self.strips.iter_mut().flat_map(Strip::ramps_mut).for_each(Ramp::settle);
    }

    /// Frames until a channel has got to where it goes, where one is on its way: a piece must not go on past that.
    pub(super) fn next_settling(&self) -> Option<usize> {
        if !self.any {
            return None;
        }
        self.strips.iter().map(Strip::moves_for).filter(|&frames| frames > 0).min()
    }

    /// What each channel passes of the song and of launched patterns in the next frames, over which time passes here; `None` where
    /// all are neutral.
    pub(super) fn begin(&mut self, frames: usize) -> Option<&[Passages; PLAYERS]> {
        if !self.any {
            return None;
        }
        self.any = false;
        for (channel, strip) in self.strips.iter_mut().enumerate() {
            for (passages, sides) in self.passages.iter_mut().zip(&mut strip.sides) {
                let passage = Strip::passage(sides);
                passages.set(channel, passage);
                self.any |= passage != Passage::Open;
                if let (Passage::Moving, Some(factors)) = (passage, passages.factors_mut(channel)) {
                    for (side, factors) in sides.iter_mut().zip(factors) {
                        side.fill(&mut factors[..frames.min(BLOCK_SIZE)]);
                    }
                }
            }
        }
        self.any.then_some(&self.passages)
    }

    /// Lets frames pass in which nothing sounds.
    pub(super) fn skip(&mut self, frames: usize) {
        if self.any {
            self.strips.iter_mut().flat_map(Strip::ramps_mut).for_each(|side| side.skip(frames));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::Feed;
    use crate::audio::Outlets;
    use crate::audio::Sender;
    use crate::mixer::SONG_CHANNELS;

    const RATE: SampleRate = SampleRate(44_100.0);
    /// 5 ms are 220.5 frames.
    const RAMP: usize = 221;

    /// Left and right of a channel that puts out 1 for so many frames, in pieces of at most `size`.
    fn heard(strips: &mut ChannelStrips, channel: usize, frames: usize, size: usize) -> Vec<[f32; 2]> {
        let mut out = Vec::new();
        while out.len() < frames {
            let left = (frames - out.len()).min(size);
            let piece = strips.next_settling().map_or(left, |next| left.min(next));
            let mut feeds = vec![Feed::new(2); SONG_CHANNELS];
            feeds.iter_mut().for_each(|feed| feed.begin(piece));
            let passages = strips.begin(piece).map(|[song, _]| song);
            let mut outlets = Outlets::new(&mut feeds, &[]).with_passages(passages);
            let from = Sender { outlet: channel, instrument: 0 };
            if outlets.hears(from) {
                outlets.add(from, &(0..piece), |left, right| {
                    left.fill(1.0);
                    right.fill(1.0);
                });
            }
            let (left, right) = feeds[channel].open(0..piece);
            out.extend(left.iter().zip(right).map(|(left, right)| [*left, *right]));
        }
        out
    }

    #[test]
    fn a_change_ramps_from_its_frame_and_lands_exactly() {
        let mut strips = ChannelStrips::new(RATE, SONG_CHANNELS);
        assert_eq!(heard(&mut strips, 3, 10, 256), [[1.0; 2]; 10]);
        strips.set_gain(3, Gain(0.25));
        strips.set_pan(3, 0.5);
        let out = heard(&mut strips, 3, 300, 100);
        assert!(out[0][0] < 1.0 && out[0][0] > 0.99 && out[RAMP - 2][0] > 0.125);
        assert_eq!(out[RAMP - 1..], vec![[0.125, 0.25]; 300 - RAMP + 1]);
        let largest =
            |side: usize| out.windows(2).map(|w| (w[1][side] - w[0][side]).abs()).fold(0.0, f32::max);
        assert!(largest(0) < 1.01 * 0.875 / RAMP as f32 && largest(1) < 1.01 * 0.75 / RAMP as f32);
    }

    #[test]
    fn ramps_do_not_depend_on_how_frames_are_cut() {
        let run = |size| {
            let mut strips = ChannelStrips::new(RATE, SONG_CHANNELS);
            strips.set_pan(5, -0.3);
            let mut out = heard(&mut strips, 5, 90, size);
            strips.set_gain(5, Gain(1.7));
            out.extend(heard(&mut strips, 5, 100, size));
            strips.set_muted(5, true);
            out.extend(heard(&mut strips, 5, 500, size));
            strips.set_muted(5, false);
            out.extend(heard(&mut strips, 5, 300, size));
            out
        };
        let whole = run(BLOCK_SIZE);
        assert_eq!(whole[190 + RAMP..690], vec![[0.0; 2]; 500 - RAMP]);
        for size in [1, 7, 64] {
            assert_eq!(run(size), whole, "pieces of {size}");
        }
    }

    #[test]
    fn a_neutral_desk_and_one_that_has_come_back_to_neutral_have_no_passages() {
        let mut strips = ChannelStrips::new(RATE, SONG_CHANNELS);
        assert!(strips.begin(64).is_none());
        strips.set_soloed(9, true);
        assert_eq!((strips.next_settling(), strips.begin(RAMP).is_some()), (Some(RAMP), true));
        assert!(strips.next_settling().is_none() && strips.begin(64).is_some());
        strips.set_soloed(9, false);
        strips.skip(RAMP);
        assert!(strips.begin(64).is_none());
    }

    #[test]
    fn a_channel_that_hands_its_notes_over_is_silent_and_launched_patterns_sound_on_it() {
        let mut strips = ChannelStrips::new(RATE, SONG_CHANNELS);
        strips.set_handed(1 << 5);
        strips.set_gain(5, Gain(0.5));
        strips.settle();
        let [song, launched] = strips.begin(64).unwrap();
        let through = |passages: &Passages| {
            let mut feeds = vec![Feed::new(2); SONG_CHANNELS];
            feeds.iter_mut().for_each(|feed| feed.begin(64));
            let mut outlets = Outlets::new(&mut feeds, &[]).with_passages(Some(passages));
            let from = Sender { outlet: 5, instrument: 0 };
            if outlets.hears(from) {
                outlets.add(from, &(0..64), |left, right| {
                    left.fill(1.0);
                    right.fill(1.0);
                });
            }
            feeds[5].open(0..64).0[63]
        };
        assert_eq!((through(song), through(launched)), (0.0, 0.5));
    }

    #[test]
    fn a_solo_silences_the_channels_that_are_not_soloed_and_leaves_mutes() {
        let mut strips = ChannelStrips::new(RATE, SONG_CHANNELS);
        [1, 2].into_iter().for_each(|channel| strips.set_soloed(channel, true));
        strips.set_muted(2, true);
        strips.settle();
        let level = |strips: &mut ChannelStrips, channel| heard(strips, channel, 1, 1)[0][0];
        assert_eq!([0, 1, 2, 63].map(|channel| level(&mut strips, channel)), [0.0, 1.0, 0.0, 0.0]);
        [1, 2].into_iter().for_each(|channel| strips.set_soloed(channel, false));
        strips.settle();
        assert_eq!([0, 1, 2, 63].map(|channel| level(&mut strips, channel)), [1.0, 1.0, 0.0, 1.0]);
    }
}
