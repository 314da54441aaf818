//! What the curved waves of a near source do to the orders of its field.
//!
//! In: a source's sound. Out: what it is for the channels of first, second and third order, where the bass grows as the source comes
//! nearer than a metre (see `audio::near`), so that the two ears hear bass of different levels too. The poles are those of the metre,
//! so that only sums move with the distance, and no distance is unstable. `NearField` is of one source; `NearBank` does the same
//! for any number of them, with what they give its integrators, and rings on when they have ended. Audio thread.

use super::harmonics::CHANNELS;
use super::harmonics::ORDERS;
use super::room::SOUND_M_S;
use crate::audio::AudioBlock;
use crate::audio::Feed;
use crate::audio::GRID;
use crate::audio::NearFeeds;
use crate::audio::near::CURVED;
use crate::audio::near::FACTORS;
use crate::audio::near::Shares;
use crate::audio::near::shares;
use crate::dsp::Level;
use crate::dsp::simd::by_level;
use crate::units::SampleRate;

/// Half a frame in units of the time that sound takes for a metre.
fn half_frame(rate: SampleRate) -> f64 {
    f64::from(SOUND_M_S) / rate.0 / 2.0
}

/// `1 / (1 + n₁·half + n₂·half² + n₃·half³)` of each order.
fn scales(half: f64) -> [f64; CURVED] {
    FACTORS.map(|[a, b, c]| 1.0 / (1.0 + half * (a + half * (b + half * c))))
}

/// Filters of one source of up to two planes.
#[derive(Clone, Copy)]
pub(super) struct NearField {
    /// See there.
    half: f64,
    scales: [f64; CURVED],
    /// By side and order.
    states: [[[f64; CURVED]; CURVED]; 2],
    /// On the line before and on the next one.
    from: Shares,
    to: Shares,
}

impl NearField {
    pub(super) fn new(rate: SampleRate) -> Self {
        let half = half_frame(rate);
        Self {
            half,
            scales: scales(half),
            states: [[[0.0; CURVED]; CURVED]; 2],
            from: Shares::default(),
            to: Shares::default(),
        }
    }

    /// Where the source will be on the next line, and how much of all this is wanted, 0 to 1.
    pub(super) fn aim(&mut self, metres: f32, part: f32) {
        self.to = if part > 0.0 { shares(metres, part) } else { Shares::default() };
    }

    /// On a line of the grid: what was to be reached by now is where the next way begins.
    pub(super) fn line(&mut self) {
        self.from = self.to;
        if !self.is_heard() {
            self.clear();
        }
    }

    /// What integrators count on the line before and on the next one.
    pub(super) fn shares(&self) -> [&Shares; 2] {
        [&self.from, &self.to]
    }

    /// Whether orders differ from the sound itself.
    pub(super) fn is_heard(&self) -> bool {
        self.from != Shares::default() || self.to != Shares::default()
    }

    pub(super) fn clear(&mut self) {
        self.states = Default::default();
    }

    pub(super) fn is_clear(&self) -> bool {
        self.states.iter().flatten().flatten().all(|state| *state == 0.0)
    }

    /// Writes what a plane is in each order, frames of one cell.
    pub(super) fn process(
        &mut self,
        side: usize,
        plane: &[f32],
        rise: &[f32],
        orders: &mut [[f32; GRID]; CURVED],
    ) {
        let (g, states) = (self.half, &mut self.states[side]); // two sides
        for (order, output) in orders.iter_mut().enumerate() {
            // All have as many orders.
            let ([a, b, c], scale) = (FACTORS[order], self.scales[order]);
            let (from, to) = (self.from[order], self.to[order]);
            let [mut s1, mut s2, mut s3] = states[order];
            for ((sample, rise), output) in plane.iter().zip(rise).zip(output) {
                // Three integrators in a row, by the rule of trapezoids.
                let known = a * s1 + b * (s2 + g * s1) + c * (s3 + g * (s2 + g * s1));
                let top = (f64::from(*sample) - known) * scale;
                let first = s1 + g * top;
                let second = s2 + g * first;
                let third = s3 + g * second;
                (s1, s2, s3) = (first + g * top, second + g * first, third + g * second);
                let mut sum = f64::from(*sample);
                for ((from, to), value) in from.iter().zip(to).zip([first, second, third]) {
                    sum += f64::from(from + rise * (to - from)) * value;
                }
                *output = sum as f32;
            }
            states[order] = [s1, s2, s3];
        }
    }
}

/// Channels that are filtered at once, and their groups: all of a field, of which the first stays silent.
const LANES: usize = 4;
const GROUPS: usize = CHANNELS / LANES;
/// Softer states are forgotten.
const LEAST: f64 = 1.0e-9;

/// Numbers of some channels.
type Group = [f64; LANES];

/// Filters of any number of sources, which give each integrator what their distances ask for: the transposed form of
/// [`NearField`]'s, `w₁' = u₁ - n₁·w₁ + w₂`, `w₂' = u₂ - n₂·w₁ + w₃`, `w₃' = u₃ - n₃·w₁`, of which `w₁` is heard.
pub(super) struct NearBank {
    level: Level,
    half: f64,
    /// By group.
    filters: [Filters; GROUPS],
    rings: bool,
}

/// Filters of a group of channels, and by integrator what they hold.
#[derive(Clone, Copy, Default)]
struct Filters {
    /// `n₂` and `n₃`; `n₁` is in the scale alone.
    factors: [Group; CURVED - 1],
    scales: Group,
    states: [Group; CURVED],
}

impl NearBank {
    pub(super) fn new(rate: SampleRate, level: Level) -> Self {
        let half = half_frame(rate);
        let mut filters = [Filters::default(); GROUPS];
        for ((channels, factors), scale) in ORDERS.into_iter().skip(1).zip(FACTORS).zip(scales(half)) {
            for channel in channels {
                let (group, lane) = (&mut filters[channel / LANES], channel % LANES); // as many groups as hold all channels
                group.scales[lane] = scale;
                let factors = factors.into_iter().skip(1);
                group.factors.iter_mut().zip(factors).for_each(|(group, factor)| group[lane] = factor);
            }
        }
        Self { level, half, filters, rings: false }
    }

    /// Forgets all sound. Real-time, like all that follows.
    pub(super) fn reset(&mut self) {
        self.filters.iter_mut().for_each(|filters| filters.states = Default::default());
        self.rings = false;
    }

    /// Adds what is heard of what sources have given to the field, in a block whose first frame has its number since reset.
    pub(super) fn ring(&mut self, feeds: &NearFeeds, (frame, frames): (u64, usize), field: &mut Feed) {
        let given = feeds.given();
        if given.is_none() && !self.rings {
            return;
        }
        let mut sum = field.open_all(0..frames);
        let mut start = 0;
        while start < frames {
            let phase = ((frame + start as u64) % GRID as u64) as usize;
            // On a line of the grid, what is too soft to be heard is over.
            if phase == 0 && self.holds_less_than(LEAST) {
                self.filters.iter_mut().for_each(|filters| filters.states = Default::default());
            }
            let end = (start + GRID - phase).min(frames);
            for (group, filters) in self.filters.iter_mut().enumerate() {
                let channels = group * LANES..(group + 1) * LANES;
                let mut heard = [[0.0; LANES]; GRID];
                let given = given.as_ref().map(|given| (given, channels.start, start));
                filter(self.level, filters, self.half, given, end - start, &mut heard);
                for (lane, channel) in channels.enumerate() {
                    let plane = sum.channel_mut(channel).get_mut(start..end).unwrap_or(&mut []);
                    plane.iter_mut().zip(&heard).for_each(|(to, heard)| *to += heard[lane]);
                }
            }
            start = end;
        }
        self.rings = !self.holds_less_than(f64::MIN_POSITIVE);
    }

    fn holds_less_than(&self, most: f64) -> bool {
        self.filters.iter().flat_map(|filters| &filters.states).flatten().all(|state| state.abs() < most)
    }
}

/// What is given to integrators, and the first channel and frame of it.
type Given<'a> = (&'a [AudioBlock<'a>; CURVED], usize, usize);

by_level! {
    /// Frames of one cell of a group of channels, by the rule of trapezoids.
    fn filter(
        level;
        filters: &mut Filters,
        half: f64,
        given: Option<Given<'_>>,
        frames: usize,
        heard: &mut [[f32; LANES]; GRID],
    ) {
        let Filters { factors: [b, c], scales, states } = filters;
        let [mut s1, mut s2, mut s3] = *states;
        let silence = [0.0; GRID];
        let inputs: [[&[f32]; LANES]; CURVED] = std::array::from_fn(|integrator| std::array::from_fn(|lane| {
            let plane = given.map(|(given, channel, start)| given[integrator].channel(channel + lane).get(start..));
            plane.flatten().unwrap_or(&silence)
        }));
        for (frame, heard) in heard.iter_mut().enumerate().take(frames) {
            for lane in 0..LANES {
                let given = inputs.map(|planes| half * f64::from(planes[lane].get(frame).copied().unwrap_or(0.0)));
                let [t1, t2, t3] = [s1[lane] + given[0], s2[lane] + given[1], s3[lane] + given[2]];
                let first = scales[lane] * (t1 + half * (t2 + half * t3));
                let third = t3 - half * c[lane] * first;
                let second = t2 + half * (third - b[lane] * first);
                (s1[lane], s2[lane], s3[lane]) =
                    (2.0 * first - s1[lane], 2.0 * second - s2[lane], 2.0 * third - s3[lane]);
                heard[lane] = first as f32;
            }
        }
        *states = [s1, s2, s3];
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::TAU;

    /// `|F_m(r) / F_m(1 m)|`, by the sum in the module's description.
    fn theory(order: usize, hz: f64, metres: f64) -> f64 {
        let factorial = |n: usize| (1..=n).map(|n| n as f64).product::<f64>();
        let size = |metres: f64| {
            let (mut re, mut im) = (0.0, 0.0);
            for i in 0..=order {
                let factor = factorial(order + i) / factorial(order - i) / factorial(i) / 2f64.powi(i as i32);
                // 1 / s^i is (-i / ω)^i.
                let size = factor * (343.0 / (TAU * hz * metres)).powi(i as i32);
                match i % 4 {
                    0 => re += size,
                    1 => im -= size,
                    2 => re -= size,
                    _ => im += size,
                }
            }
            f64::hypot(re, im)
        };
        size(metres) / size(1.0)
    }

    #[test]
    fn orders_grow_in_the_bass_as_theory_says_and_by_twelve_decibels_at_most() {
        for rate in [44_100.0, 192_000.0] {
            for metres in [0.1f32, 0.3, 0.5, 0.7, 0.9, 1.0, 3.0] {
                let mut near = NearField::new(SampleRate(rate));
                near.aim(metres, 1.0);
                near.line();
                let frames = (rate / 2.0) as usize / GRID * GRID;
                let mut responses = vec![vec![0.0; 0]; CURVED];
                for cell in 0..frames / GRID {
                    let (mut plane, mut orders) = ([0.0; GRID], [[0.0; GRID]; CURVED]);
                    plane[0] = if cell == 0 { 1.0 } else { 0.0 };
                    near.process(0, &plane, &[1.0; GRID], &mut orders);
                    responses.iter_mut().zip(orders).for_each(|(all, cell)| all.extend(cell));
                }
                for (order, response) in responses.iter().enumerate() {
                    for hz in [10.0, 30.0, 60.0, 120.0, 300.0, 1000.0, 5000.0] {
                        let angle = TAU * hz / rate;
                        let sum = |wave: fn(f64) -> f64| -> f64 {
                            response
                                .iter()
                                .enumerate()
                                .map(|(n, x)| f64::from(*x) * wave(angle * n as f64))
                                .sum()
                        };
                        let found = sum(f64::cos).hypot(sum(f64::sin));
                        let metres = f64::from(metres).clamp(4f64.powf(-1.0 / (order + 1) as f64), 1.0);
                        let off = 20.0 * (found / theory(order + 1, hz, metres)).log10();
                        assert!(off.abs() < 0.1, "order {}, {metres} m, {hz} Hz: {off} dB", order + 1);
                        assert!(found < 4.0 * 1.01);
                    }
                }
            }
        }
    }
}
