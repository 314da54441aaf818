//! Turning a whole sound field, as a head turns in it.
//!
//! In: yaw, pitch and roll. Out: one matrix for each order, which takes the weights of every direction to those of the turned
//! direction. A matrix is the sum over directions of a spherical design, which is exact: products of two harmonics of the
//! third order are of the sixth, and the design's 24 points integrate up to the seventh. Any thread. Source of the design:
//! McLaren, "Optimal numerical integration on a sphere", 1963.

use super::harmonics::CHANNELS;
use super::harmonics::ORDERS;
use super::harmonics::Vector;
use super::harmonics::harmonics;

/// Coordinates of the design's points, which are the turns of one of them that bring a cube onto itself.
const DESIGN: Vector = [0.866_246_8, 0.422_518_65, 0.266_635_4];

/// Angles in radians: yaw to the right, pitch up, roll to the right shoulder.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Turn {
    /// To the right.
    pub(super) yaw: f32,
    /// Up.
    pub(super) pitch: f32,
    /// Over to the right shoulder.
    pub(super) roll: f32,
}

/// A turned field's channels in terms of the field's.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Rotation {
    /// Rows of all orders: the channel from which the order begins is that of its first column.
    rows: [[f32; 7]; CHANNELS],
}

fn design() -> impl Iterator<Item = Vector> {
    const EVEN: [[usize; 3]; 3] = [[0, 1, 2], [1, 2, 0], [2, 0, 1]];
    const ODD: [[usize; 3]; 3] = [[1, 0, 2], [0, 2, 1], [2, 1, 0]];
    let orbit = |places: [usize; 3], odd: bool| {
        (0..8u32).filter(move |signs| (signs.count_ones() % 2 == 1) == odd).map(move |signs| {
            let part = |axis: usize| {
                if signs >> axis & 1 == 1 { -DESIGN[places[axis]] } else { DESIGN[places[axis]] }
            };
            [part(0), part(1), part(2)]
        })
    };
    let orbits = |odd| move |places| orbit(places, odd);
    EVEN.into_iter().flat_map(orbits(false)).chain(ODD.into_iter().flat_map(orbits(true)))
}

impl Turn {
    /// Where a direction of the room stands for a head that is turned so.
    fn heard(self, [x, y, z]: Vector) -> Vector {
        let around = |angle: f32, [a, b]: [f32; 2]| {
            let (sin, cos) = (libm::sinf(angle), libm::cosf(angle));
            [cos * a + sin * b, cos * b - sin * a]
        };
        // The head's axes are turned by yaw first: sound goes the other way.
        let [x, y] = around(-self.yaw, [x, y]);
        let [x, z] = around(self.pitch, [x, z]);
        let [y, z] = around(-self.roll, [y, z]);
        [x, y, z]
    }
}

impl Rotation {
    /// The field as a turned head hears it.
    pub(super) fn new(turn: Turn) -> Self {
        let mut rows = [[0.0; 7]; CHANNELS];
        for direction in design() {
            let (from, to) = (harmonics(direction), harmonics(turn.heard(direction)));
            for order in ORDERS {
                let share = order.len() as f32 / 24.0;
                for row in order.clone() {
                    for column in order.clone() {
                        rows[row][column - order.start] += share * to[row] * from[column];
                    }
                }
            }
        }
        Self { rows }
    }

    /// The factors by which a channel of the turned field takes those of its order, the first of which is given too.
    pub(super) fn row(&self, channel: usize) -> (usize, &[f32]) {
        let order = ORDERS.into_iter().find(|order| order.contains(&channel)).unwrap_or(0..1);
        (order.start, &self.rows[channel][..order.len()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turned(rotation: &Rotation, field: [f32; CHANNELS]) -> [f32; CHANNELS] {
        std::array::from_fn(|channel| {
            let (first, row) = rotation.row(channel);
            row.iter().zip(&field[first..]).map(|(factor, from)| factor * from).sum()
        })
    }

    fn unit(azimuth: f32, elevation: f32) -> Vector {
        let (azimuth, elevation) = (azimuth.to_radians(), elevation.to_radians());
        [elevation.cos() * azimuth.cos(), elevation.cos() * azimuth.sin(), elevation.sin()]
    }

    fn apart(one: [f32; CHANNELS], other: [f32; CHANNELS]) -> f32 {
        one.iter().zip(other).map(|(one, other)| (one - other).abs()).fold(0.0, f32::max)
    }

    #[test]
    fn a_turned_field_is_that_of_turned_directions() {
        let turn = Turn { yaw: 0.7, pitch: -0.4, roll: 1.9 };
        let rotation = Rotation::new(turn);
        for step in 0..400 {
            let direction = unit(step as f32 * 17.3, (step % 171 - 85) as f32);
            let wanted = harmonics(turn.heard(direction));
            assert!(apart(turned(&rotation, harmonics(direction)), wanted) < 2e-6, "{direction:?}");
        }
    }

    #[test]
    fn a_whole_turn_in_steps_gives_the_field_back() {
        let around = |angle| {
            [
                Turn { yaw: angle, ..Turn::default() },
                Turn { pitch: angle, ..Turn::default() },
                Turn { roll: angle, ..Turn::default() },
            ]
        };
        for axis in 0..3 {
            let step = Rotation::new(around(10f32.to_radians())[axis]);
            let field: [f32; CHANNELS] = std::array::from_fn(|channel| 1.0 - channel as f32 * 0.11);
            let whole = (0..36).fold(field, |field, _| turned(&step, field));
            assert!(apart(whole, field) < 1e-5, "axis {axis}: {}", apart(whole, field));
        }
    }

    #[test]
    fn a_head_that_turns_right_up_or_over_hears_the_front_left_below_and_the_left_above() {
        let right = std::f32::consts::FRAC_PI_2;
        let front = harmonics([1.0, 0.0, 0.0]);
        let yaw = Rotation::new(Turn { yaw: right, ..Turn::default() });
        assert!(apart(turned(&yaw, front), harmonics([0.0, 1.0, 0.0])) < 2e-6);
        let pitch = Rotation::new(Turn { pitch: right, ..Turn::default() });
        assert!(apart(turned(&pitch, front), harmonics([0.0, 0.0, -1.0])) < 2e-6);
        let roll = Rotation::new(Turn { roll: right, ..Turn::default() });
        assert!(apart(turned(&roll, harmonics([0.0, 1.0, 0.0])), harmonics([0.0, 0.0, 1.0])) < 2e-6);
    }
}
