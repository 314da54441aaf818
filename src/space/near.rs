//! What the curved waves of a near source do to the orders of its field.
//!
//! In: a source's sound. Out: what it is for the channels of first, second and third order, where the bass grows as the source comes
//! nearer than a metre: `F(r) / F(1 m)` with `F_m(r) = Σ (m+i)! / ((m-i)!·i!·2^i) · (c / (s·r))^i`, so that the two ears hear bass of
//! different levels too. Each order is raised by 12 dB at most. The poles are those of the metre, so that only sums move with the
//! distance, and no distance is unstable. Audio thread. Daniel, "Spatial sound encoding including near field effect" (2003).

use super::room::SOUND_M_S;
use crate::audio::GRID;
use crate::units::SampleRate;

/// Orders that it makes a difference to.
pub(super) const CURVED: usize = 3;

/// Factors of `F`, by order, and how much nearer than a metre raises the order by 12 dB.
const FACTORS: [[f64; CURVED]; CURVED] = [[1.0, 0.0, 0.0], [3.0, 3.0, 0.0], [6.0, 15.0, 15.0]];
const NEAREST: [f32; CURVED] = [4.0, 2.0, 1.587_401];

/// For each order how much of each integrator it hears beside the sound itself.
type Shares = [[f32; CURVED]; CURVED];

/// Filters of one source of up to two planes.
#[derive(Clone, Copy)]
pub(super) struct NearField {
    /// Half a frame in units of the time that sound takes for a metre.
    half: f64,
    /// `1 / (1 + n₁·half + n₂·half² + n₃·half³)` of each order.
    scales: [f64; CURVED],
    /// By side and order.
    states: [[[f64; CURVED]; CURVED]; 2],
    /// On the line before and on the next one.
    from: Shares,
    to: Shares,
}

/// What each integrator of each order counts, for a source of so many metres.
fn shares(metres: f32, part: f32) -> Shares {
    let nearer = 1.0 / metres.clamp(0.01, 1.0);
    std::array::from_fn(|order| {
        let (nearer, factors) = (nearer.min(NEAREST[order]), FACTORS[order]); // orders that are curved
        let mut power = 1.0;
        factors.map(|factor| {
            power *= nearer;
            part * factor as f32 * (power - 1.0)
        })
    })
}

impl NearField {
    pub(super) fn new(rate: SampleRate) -> Self {
        let half = f64::from(SOUND_M_S) / rate.0 / 2.0;
        Self {
            half,
            scales: FACTORS.map(|[a, b, c]| 1.0 / (1.0 + half * (a + half * (b + half * c)))),
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
