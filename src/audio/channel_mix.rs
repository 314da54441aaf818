//! How a block of one width is added to a block of another, and which way its channels stand.
//!
//! At every graph edge equal widths just add, other widths go through a matrix that the policy gives; `dsp::add_block` does
//! it. Audio thread; no state.
//!
//! Channel orders: 1 M; 2 L R; 3 L R C; 4 L R Ls Rs; 5 L R C Ls Rs; 6 L R C LFE Ls Rs; 8 L R C LFE Ls Rs Sl Sr.

/// Policy of an edge between blocks of different widths.
pub trait ChannelMix: Send + Sync {
    /// Factor with which channel `from` of `sources` is added to channel `to` of `targets`.
    ///
    /// Not asked where both widths are equal. Real-time.
    fn coefficient(&self, from: usize, sources: usize, to: usize, targets: usize) -> f32;
}

/// Which way a channel's loudspeaker stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Left,
    Right,
    Middle,
}

impl Side {
    /// Of a channel of so many. Mono is in the middle.
    pub(crate) fn of(channel: usize, channels: usize) -> Self {
        use Side::*;
        let sides: &[Self] = match channels {
            0 | 1 => &[],
            4 => &[Left, Right, Left, Right],
            5 => &[Left, Right, Middle, Left, Right],
            7 => &[Left, Right, Middle, Left, Right, Left, Right],
            6 | 8 => &[Left, Right, Middle, Middle, Left, Right, Left, Right],
            _ => &[Left, Right],
        };
        sides.get(channel).copied().unwrap_or(Middle)
    }

    /// Whether sound of one channel comes to both sides of a wider block, so that there is something to place.
    pub(crate) fn are_both_fed(policy: &dyn ChannelMix, targets: usize) -> bool {
        let fed = |side| {
            let mut channels = (0..targets).filter(|&channel| Self::of(channel, targets) == side);
            channels.any(|channel| policy.coefficient(0, 1, channel, targets) != 0.0)
        };
        targets > 1 && fed(Self::Left) && fed(Self::Right)
    }

    /// Whether it counts on the left and on the right: what is in the middle does on both.
    pub(crate) fn counts(self) -> [bool; 2] {
        [self != Self::Right, self != Self::Left]
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
        7 => &[Left, Right, Centre, LeftSurround, RightSurround, LeftSide, RightSide],
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

    /// Adds a block in which channel c holds the value 2^c.
    fn mixed(policy: &dyn ChannelMix, sources: usize, targets: usize) -> Vec<f32> {
        let share = |from, to| policy.coefficient(from, sources, to, targets) * (1 << from) as f32;
        (0..targets).map(|to| (0..sources).map(|from| share(from, to)).sum()).collect()
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
            let way = |side| policy.coefficient(0, 1, side, 2) * policy.coefficient(side, 2, 0, 1);
            assert!((way(0) + way(1) - 1.0).abs() < 1e-7);
        }
    }
}
