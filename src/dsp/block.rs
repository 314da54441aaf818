//! Blocks that are added to blocks, of whatever width.
//!
//! In: a block, and how its width meets another. Out: added to a block of that width. Equal widths just add. Audio thread;
//! no state.

use super::Level;
use super::add;
use super::add_scaled;
use super::add_scaled_by;
use crate::audio::AudioBlock;
use crate::audio::AudioBlockMut;
use crate::audio::ChannelMix;
use crate::audio::Pan;
use crate::audio::Side;

/// Adds `source` to `target`; the shorter one decides how many frames.
pub fn add_block(
    level: Level,
    policy: &dyn ChannelMix,
    source: &AudioBlock<'_>,
    target: &mut AudioBlockMut<'_>,
) {
    let (sources, targets) = (source.channels(), target.channels());
    if sources == targets {
        let planes = target.planes_mut().zip(source.planes());
        planes.for_each(|(to, from)| add(level, to, from));
        return;
    }
    for (to, plane) in target.planes_mut().enumerate() {
        for (from, samples) in source.planes().enumerate() {
            match policy.coefficient(from, sources, to, targets) {
                0.0 => {}
                1.0 => add(level, plane, samples),
                factor => add_scaled(level, plane, samples, factor),
            }
        }
    }
}

/// The same for a plane that stands somewhere between both sides of a wider block; channels in the middle take all of it.
pub fn add_panned(
    level: Level,
    policy: &dyn ChannelMix,
    (source, pan): (&[f32], Pan<'_>),
    target: &mut AudioBlockMut<'_>,
) {
    let targets = target.channels();
    for (to, plane) in target.planes_mut().enumerate() {
        let share = policy.coefficient(0, 1, to, targets);
        let side = match Side::of(to, targets) {
            Side::Left => Some(0),
            Side::Right => Some(1),
            Side::Middle => None,
        };
        match (pan, side) {
            _ if share == 0.0 => {}
            (Pan::Steady(gains), Some(side)) => add_scaled(level, plane, source, gains[side] * share),
            (Pan::Moving(gains), Some(side)) => add_scaled_by(level, plane, source, gains[side], share),
            (Pan::Middle, _) | (_, None) => add_scaled(level, plane, source, share),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::AudioBuffer;
    use crate::audio::BroadcastMix;
    use crate::audio::SurroundDownmix;
    use crate::audio::TruncateOrZero;

    /// Channel c holds the values -0, c and -1/2.
    fn source(channels: usize) -> AudioBuffer {
        let mut source = AudioBuffer::new(channels, 3);
        (0..channels).for_each(|channel| {
            source.channel_mut(channel).copy_from_slice(&[-0.0, channel as f32, -0.5]);
        });
        source
    }

    fn bits(buffer: &AudioBuffer) -> Vec<u32> {
        let planes = (0..buffer.channels()).flat_map(|channel| buffer.channel(channel).to_vec());
        planes.map(f32::to_bits).collect()
    }

    #[test]
    fn equal_widths_just_add_under_every_policy() {
        for policy in [&TruncateOrZero as &dyn ChannelMix, &BroadcastMix, &SurroundDownmix] {
            let mut target = source(6);
            add_block(Level::detect(), policy, &source(6).block(3), &mut target.block_mut(3));
            let doubled = (0..6).flat_map(|channel| [-0.0, 2.0 * channel as f32, -1.0]);
            assert_eq!(bits(&target), doubled.map(f32::to_bits).collect::<Vec<_>>());
        }
    }

    #[test]
    fn other_widths_add_what_the_policy_gives() {
        let mut target = source(2);
        add_block(Level::detect(), &BroadcastMix, &source(4).block(3), &mut target.block_mut(3));
        assert_eq!((target.channel(0), target.channel(1)), (&[0.0, 1.0, -1.0][..], &[0.0, 3.0, -1.0][..]));
    }

    #[test]
    fn every_level_gives_the_same_bits() {
        for (sources, targets) in [(2, 2), (1, 2), (6, 2), (2, 6)] {
            let added = |level| {
                let mut target = source(targets);
                add_block(level, &SurroundDownmix, &source(sources).block(3), &mut target.block_mut(3));
                bits(&target)
            };
            let plain = added(Level::SCALAR);
            assert!(Level::available().all(|level| added(level) == plain), "{sources} to {targets}");
        }
    }
}
