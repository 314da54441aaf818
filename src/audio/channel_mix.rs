//! How a block of one width is added to a block of another.
//!
//! The one operation at every graph edge: equal widths just add, other widths go through a matrix that the policy
//! gives. Audio thread; no state.
//!
//! Channel orders: 1 M; 2 L R; 3 L R C; 4 L R Ls Rs; 5 L R C Ls Rs; 6 L R C LFE Ls Rs; 8 L R C LFE Ls Rs Sl Sr.

use super::AudioBlock;
use super::AudioBlockMut;

/// Policy of an edge between blocks of different widths.
pub trait ChannelMix: Send + Sync {
    /// Factor with which channel `from` of `sources` is added to channel `to` of `targets`.
    ///
    /// Not asked where both widths are equal. Real-time.
    fn coefficient(&self, from: usize, sources: usize, to: usize, targets: usize) -> f32;

    /// Adds `source` to `target`; the shorter one decides how many frames. Real-time.
    fn mix(&self, source: &AudioBlock<'_>, target: &mut AudioBlockMut<'_>) {
        let (sources, targets) = (source.channels(), target.channels());
        if sources == targets {
            for (to, from) in target.planes_mut().iter_mut().zip(source.planes()) {
                add(to, from);
            }
            return;
        }
        for (to, plane) in target.planes_mut().iter_mut().enumerate() {
            for (from, samples) in source.planes().iter().enumerate() {
                match self.coefficient(from, sources, to, targets) {
                    0.0 => {}
                    1.0 => add(plane, samples),
                    factor => add_scaled(plane, samples, factor),
                }
            }
        }
    }

    /// Writes `source` over `target`, as if it were added to silence. Real-time.
    fn put(&self, source: &AudioBlock<'_>, target: &mut AudioBlockMut<'_>) {
        if source.channels() == target.channels() && source.frames() == target.frames() {
            for (to, from) in target.planes_mut().iter_mut().zip(source.planes()) {
                copy(to, from);
            }
        } else {
            target.silence();
            self.mix(source, target);
        }
    }
}

/// A sum with 0, which has no sign, so that it does not matter what else was added.
fn copy(target: &mut [f32], source: &[f32]) {
    for (to, from) in target.iter_mut().zip(source) {
        *to = *from + 0.0;
    }
}

fn add(target: &mut [f32], source: &[f32]) {
    for (to, from) in target.iter_mut().zip(source) {
        *to += from;
    }
}

fn add_scaled(target: &mut [f32], source: &[f32], factor: f32) {
    for (to, from) in target.iter_mut().zip(source) {
        *to += from * factor;
    }
}

/// Adds the channels that both have; further target channels get nothing, further source channels are dropped.
#[derive(Clone, Copy, Debug, Default)]
pub struct TruncateOrZero;

impl ChannelMix for TruncateOrZero {
    fn coefficient(&self, from: usize, _sources: usize, to: usize, _targets: usize) -> f32 {
        f32::from(u8::from(from == to))
    }
}

/// Mono goes to every channel; more channels than the target has fold onto it in turn, with equal gains that sum to 1.
#[derive(Clone, Copy, Debug, Default)]
pub struct BroadcastMix;

impl ChannelMix for BroadcastMix {
    fn coefficient(&self, from: usize, sources: usize, to: usize, targets: usize) -> f32 {
        if sources == 1 {
            1.0
        } else if sources <= targets {
            f32::from(u8::from(from == to))
        } else if from % targets == to {
            1.0 / (sources - to).div_ceil(targets) as f32
        } else {
            0.0
        }
    }
}

/// -3 dB, √½.
const HALF_POWER: f32 = std::f32::consts::FRAC_1_SQRT_2;

/// Folds surround as ITU-R BS.775-4, annex 4 (tables 2 and 3) does; the LFE channel is dropped.
///
/// Targets wider than stereo, which the recommendation leaves to upmixers, get the channels that both have by name.
#[derive(Clone, Copy, Debug, Default)]
pub struct SurroundDownmix;

/// Where a loudspeaker stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Speaker {
    Mono,
    Left,
    Right,
    Centre,
    Lfe,
    LeftSurround,
    RightSurround,
    LeftSide,
    RightSide,
}

fn speakers(channels: usize) -> &'static [Speaker] {
    use Speaker::*;
    match channels {
        1 => &[Mono],
        2 => &[Left, Right],
        3 => &[Left, Right, Centre],
        4 => &[Left, Right, LeftSurround, RightSurround],
        5 => &[Left, Right, Centre, LeftSurround, RightSurround],
        6 => &[Left, Right, Centre, Lfe, LeftSurround, RightSurround],
        8 => &[Left, Right, Centre, Lfe, LeftSurround, RightSurround, LeftSide, RightSide],
        _ => &[],
    }
}

impl ChannelMix for SurroundDownmix {
    fn coefficient(&self, from: usize, sources: usize, to: usize, targets: usize) -> f32 {
        let (have, want) = (speakers(sources), speakers(targets));
        let (Some(&source), Some(&target)) = (have.get(from), want.get(to)) else {
            return TruncateOrZero.coefficient(from, sources, to, targets);
        };
        if source == target {
            1.0
        } else if want.contains(&source) {
            0.0
        } else {
            fold(source, target, want)
        }
    }
}

/// The share of a loudspeaker that the target layout lacks.
fn fold(source: Speaker, target: Speaker, layout: &[Speaker]) -> f32 {
    use Speaker::*;
    let surround = |side: Speaker| match side {
        LeftSide => layout.contains(&LeftSurround).then_some(LeftSurround),
        RightSide => layout.contains(&RightSurround).then_some(RightSurround),
        _ => None,
    };
    match (source, target) {
        (Lfe, _) | (_, Lfe) => 0.0,
        (Mono, Centre) => 1.0,
        (Mono, Left | Right) if !layout.contains(&Centre) => HALF_POWER,
        (Centre, Left | Right) => HALF_POWER,
        (Centre, Mono) => 1.0,
        (Left | Right, Mono) => HALF_POWER,
        (LeftSurround | RightSurround | LeftSide | RightSide, Mono) => 0.5,
        (LeftSide | RightSide, _) if surround(source).is_some() => {
            f32::from(u8::from(surround(source) == Some(target)))
        }
        (LeftSurround | LeftSide, Left) | (RightSurround | RightSide, Right) => HALF_POWER,
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::AudioBuffer;

    /// Adds a block in which channel c holds the value 2^c.
    fn mixed(policy: &dyn ChannelMix, sources: usize, targets: usize) -> Vec<f32> {
        let mut source = AudioBuffer::new(sources, 1);
        for channel in 0..sources {
            source.channel_mut(channel)[0] = (1 << channel) as f32;
        }
        let mut target = AudioBuffer::new(targets, 1);
        policy.mix(&source.block(1), &mut target.block_mut(1));
        (0..targets).map(|channel| target.channel(channel)[0]).collect()
    }

    #[test]
    fn equal_widths_just_add_under_every_policy() {
        for policy in [&TruncateOrZero as &dyn ChannelMix, &BroadcastMix, &SurroundDownmix] {
            assert_eq!(mixed(policy, 6, 6), [1.0, 2.0, 4.0, 8.0, 16.0, 32.0]);
        }
    }

    #[test]
    fn what_is_put_is_what_is_added_to_silence_to_the_bit() {
        for (sources, targets) in [(2, 2), (1, 2), (6, 2), (2, 6)] {
            let mut source = AudioBuffer::new(sources, 3);
            (0..sources).for_each(|channel| {
                source.channel_mut(channel).copy_from_slice(&[-0.0, channel as f32, -0.5]);
            });
            let (mut put, mut added) = (AudioBuffer::new(targets, 3), AudioBuffer::new(targets, 3));
            (0..targets).for_each(|channel| put.channel_mut(channel).fill(9.0));
            SurroundDownmix.put(&source.block(3), &mut put.block_mut(3));
            SurroundDownmix.mix(&source.block(3), &mut added.block_mut(3));
            let bits = |buffer: &AudioBuffer| {
                let planes = (0..targets).flat_map(|channel| buffer.channel(channel).to_vec());
                planes.map(f32::to_bits).collect::<Vec<_>>()
            };
            assert_eq!(bits(&put), bits(&added), "{sources} to {targets}");
        }
    }

    #[test]
    fn truncation_keeps_what_both_have() {
        assert_eq!(mixed(&TruncateOrZero, 1, 2), [1.0, 0.0]);
        assert_eq!(mixed(&TruncateOrZero, 6, 2), [1.0, 2.0]);
    }

    #[test]
    fn broadcasting_spreads_mono_and_averages_down() {
        assert_eq!(mixed(&BroadcastMix, 1, 3), [1.0, 1.0, 1.0]);
        assert_eq!(mixed(&BroadcastMix, 2, 1), [1.5]);
        assert_eq!(mixed(&BroadcastMix, 4, 2), [2.5, 5.0]);
        assert_eq!(mixed(&BroadcastMix, 3, 2), [2.5, 2.0]);
    }

    #[test]
    fn five_point_one_folds_to_stereo_by_bs_775() {
        let h = HALF_POWER;
        assert_eq!(mixed(&SurroundDownmix, 6, 2), [1.0 + 4.0 * h + 16.0 * h, 2.0 + 4.0 * h + 32.0 * h]);
        assert_eq!(mixed(&SurroundDownmix, 6, 1), [h + 2.0 * h + 4.0 + 8.0 + 16.0]);
        assert_eq!(
            mixed(&SurroundDownmix, 8, 2),
            [1.0 + 4.0 * h + 16.0 * h + 64.0 * h, 2.0 + 4.0 * h + 32.0 * h + 128.0 * h]
        );
    }

    #[test]
    fn side_channels_join_their_surrounds() {
        assert_eq!(mixed(&SurroundDownmix, 8, 6), [1.0, 2.0, 4.0, 8.0, 16.0 + 64.0, 32.0 + 128.0]);
    }

    #[test]
    fn mono_to_stereo_to_mono_is_identity() {
        for policy in [&BroadcastMix as &dyn ChannelMix, &SurroundDownmix] {
            let mut mono = AudioBuffer::new(1, 1);
            mono.channel_mut(0)[0] = 0.5;
            let mut stereo = AudioBuffer::new(2, 1);
            policy.mix(&mono.block(1), &mut stereo.block_mut(1));
            let mut back = AudioBuffer::new(1, 1);
            policy.mix(&stereo.block(1), &mut back.block_mut(1));
            assert!((back.channel(0)[0] - 0.5).abs() < 1e-7);
        }
    }
}
