//! Spherical harmonics up to the third order: what a direction weighs in each channel of an ambisonic block.
//!
//! In: unit vectors, x to the front, y to the left, z up. Out: sixteen weights in ACN order with SN3D normalisation, as AmbiX
//! has them. Any thread. Source: Nachbar, Zotter, Deleflie, Sontacchi, "AmbiX - a suggested ambisonics format", 2011.

/// Channels of an order: `(ORDER + 1)²`.
pub const CHANNELS: usize = 16;
/// The same with one more, [`SENT`].
pub const FIELD_CHANNELS: usize = CHANNELS + 1;
/// The channel behind all others in which sources have what the room around them is sent, as loud from everywhere.
pub(crate) const SENT: usize = CHANNELS;
/// Channels of each order, from the first to the last.
pub(crate) const ORDERS: [std::ops::Range<usize>; 4] = [0..1, 1..4, 4..9, 9..16];

/// A vector: front, left, up.
pub(crate) type Vector = [f32; 3];

/// The weights of a plane wave from a direction.
pub(crate) fn harmonics([x, y, z]: Vector) -> [f32; CHANNELS] {
    const SQRT_3: f32 = 1.732_050_8;
    const SQRT_15: f32 = 3.872_983_3;
    const SQRT_5_8: f32 = 0.790_569_4;
    const SQRT_3_8: f32 = 0.612_372_4;
    let (xx, yy, zz) = (x * x, y * y, z * z);
    [
        1.0,
        y,
        z,
        x,
        SQRT_3 * x * y,
        SQRT_3 * y * z,
        1.5 * zz - 0.5,
        SQRT_3 * x * z,
        SQRT_3 / 2.0 * (xx - yy),
        SQRT_5_8 * y * (3.0 * xx - yy),
        SQRT_15 * x * y * z,
        SQRT_3_8 * y * (5.0 * zz - 1.0),
        z * (2.5 * zz - 1.5),
        SQRT_3_8 * x * (5.0 * zz - 1.0),
        SQRT_15 / 2.0 * z * (xx - yy),
        SQRT_5_8 * x * (xx - 3.0 * yy),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The associated Legendre function without the Condon-Shortley phase, by its recursion.
    fn legendre(degree: i32, order: i32, x: f64) -> f64 {
        let first = (1..=order).map(|n| f64::from(2 * n - 1)).product::<f64>()
            * (1.0 - x * x).powf(f64::from(order) / 2.0);
        let (mut before, mut value) = (0.0, first);
        for l in order + 1..=degree {
            let next =
                (f64::from(2 * l - 1) * x * value - f64::from(l + order - 1) * before) / f64::from(l - order);
            (before, value) = (value, next);
        }
        value
    }

    fn closed_form(azimuth: f64, elevation: f64) -> Vec<f64> {
        let factorial = |n: i32| (1..=n).map(f64::from).product::<f64>();
        let weight = |l: i32, m: i32| {
            let norm =
                (f64::from(2 - i32::from(m == 0)) * factorial(l - m.abs()) / factorial(l + m.abs())).sqrt();
            let around = if m < 0 { (f64::from(-m) * azimuth).sin() } else { (f64::from(m) * azimuth).cos() };
            norm * legendre(l, m.abs(), elevation.sin()) * around
        };
        (0..4).flat_map(|l| (-l..=l).map(move |m| (l, m))).map(|(l, m)| weight(l, m)).collect()
    }

    #[test]
    fn weights_are_those_of_the_closed_form() {
        for step in 0..5_000 {
            let (azimuth, elevation) = (f64::from(step) * 0.618, f64::from(step % 181 - 90).to_radians());
            let (flat, up) = (elevation.cos(), elevation.sin());
            let direction = [flat * azimuth.cos(), flat * azimuth.sin(), up].map(|part| part as f32);
            for (channel, (found, wanted)) in
                harmonics(direction).into_iter().zip(closed_form(azimuth, elevation)).enumerate()
            {
                assert!((f64::from(found) - wanted).abs() < 1e-6, "channel {channel}: {found}, not {wanted}");
            }
        }
    }
}
