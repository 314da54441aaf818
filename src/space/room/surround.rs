//! Sixteen sounds that have nothing to do with each other, each from its side, so that together they come from everywhere alike.
//!
//! Out: what each line weighs in each ambisonic channel. A spiral's sixteen directions are nearly, but not quite, even: their
//! weights are brought to the nearest orthogonal matrix, by which channels share the power as in a diffuse field, `1 / (2l + 1)`
//! for order `l`, and have nothing in common. Any thread. Björck and Bowie, "An iterative algorithm for computing the best
//! estimate of an orthogonal matrix" (1971).

use super::Weights;
use super::image::IMAGES;
use crate::dsp::fdn::LINES;
use crate::space::harmonics::CHANNELS;
use crate::space::harmonics::ORDERS;
use crate::space::harmonics::Vector;
use crate::space::harmonics::harmonics;

/// Steps towards the nearest orthogonal matrix; ten reach it to the precision of the numbers.
const STEPS: usize = 16;

/// Every line is fed the same, so that with like signs what they have in common would all be heard in the first channel.
const SIGNS: [f64; LINES] =
    [1.0, -1.0, -1.0, 1.0, 1.0, 1.0, -1.0, 1.0, -1.0, -1.0, 1.0, -1.0, 1.0, 1.0, -1.0, -1.0];

/// A square matrix: channels, lines.
type Matrix = [[f64; LINES]; CHANNELS];

/// Weights of the lines in each channel; there are more columns than lines.
pub(super) struct Surround(Box<Weights>);

/// The direction of a line: neighbours in length are far apart.
fn direction(line: usize) -> Vector {
    let (place, golden) = ((line * 7 % LINES) as f64, std::f64::consts::PI * (3.0 - libm::sqrt(5.0)));
    let up = 1.0 - (2.0 * place + 1.0) / LINES as f64;
    let flat = libm::sqrt(1.0 - up * up);
    [flat * libm::cos(place * golden), flat * libm::sin(place * golden), up].map(|part| part as f32)
}

fn degree(channel: usize) -> f64 {
    ORDERS.iter().position(|order| order.contains(&channel)).unwrap_or(0) as f64
}

/// `1.5·x - 0.5·x·xᵀ·x`.
fn nearer(x: &Matrix) -> Matrix {
    let dot = |a: &[f64; LINES], b: &[f64; LINES]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    std::array::from_fn(|row| {
        let mut next = x[row].map(|value| 1.5 * value); // as many rows as channels
        for other in x {
            let share = 0.5 * dot(&x[row], other);
            next.iter_mut().zip(other).for_each(|(next, value)| *next -= share * value);
        }
        next
    })
}

impl Surround {
    /// Allocates.
    pub(super) fn new() -> Self {
        let columns: [_; LINES] = std::array::from_fn(|line| harmonics(direction(line)));
        let row = |channel: usize| {
            let scale = libm::sqrt((2.0 * degree(channel) + 1.0) / LINES as f64);
            columns.map(|column| f64::from(column[channel]) * scale) // as many rows as channels
        };
        let mut matrix: Matrix = std::array::from_fn(row);
        for _ in 0..STEPS {
            matrix = nearer(&matrix);
        }
        // Each line has an eighth of the power of what came in.
        let weights = |channel: usize| {
            let scale = libm::sqrt(LINES as f64 / 2.0 / (2.0 * degree(channel) + 1.0));
            let mut row = [0.0; IMAGES]; // more than lines
            let lines = matrix[channel].into_iter().zip(SIGNS);
            row.iter_mut().zip(lines).for_each(|(to, (value, sign))| *to = (value * scale * sign) as f32);
            row
        };
        Self(Box::new(std::array::from_fn(weights)))
    }

    /// Channels, lines.
    pub(super) fn weights(&self) -> &Weights {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_share_the_power_of_a_diffuse_field_and_channels_have_nothing_in_common() {
        let surround = Surround::new();
        let weights = surround.weights();
        for (channel, row) in weights.iter().enumerate() {
            for (other, column) in weights.iter().enumerate() {
                let product: f64 = row.iter().zip(column).map(|(a, b)| f64::from(a * b)).sum();
                let expected = if channel == other { 8.0 / (2.0 * degree(channel) + 1.0) } else { 0.0 };
                assert!((product - expected).abs() < 1e-5, "channels {channel} and {other}: {product}");
            }
        }
    }

    #[test]
    fn each_line_is_loudest_from_its_own_direction() {
        let surround = Surround::new();
        let towards = |line: usize, direction: Vector| -> f64 {
            let beam = harmonics(direction).into_iter().enumerate();
            beam.map(|(channel, weight)| {
                (2.0 * degree(channel) + 1.0) * f64::from(weight * surround.weights()[channel][line])
            })
            .sum()
        };
        for line in 0..LINES {
            let own = towards(line, direction(line)).abs();
            for other in (0..LINES).filter(|other| *other != line) {
                assert!(towards(line, direction(other)).abs() < 0.5 * own, "lines {line} and {other}");
            }
        }
    }
}
