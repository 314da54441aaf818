//! Where a room's walls mirror its sources to.
//!
//! In: a shoebox. Out: the images of first and of second order, each with the way that its sound goes and what the walls leave of
//! it. Any thread. Allen and Berkley, "Image method for efficiently simulating small-room acoustics" (1979).

use super::material::Bands;
use super::material::Material;
use super::shoebox::SOUND_M_S;
use super::shoebox::Shoebox;
use super::shoebox::air;
use super::shoebox::length;
use crate::space::harmonics::Vector;

/// Six of first order and eighteen of second.
pub(super) const IMAGES: usize = 24;

/// Nothing is louder than from so many metres.
const NEAREST_M: f32 = 1.0;

/// A source behind walls.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Image {
    /// Seconds that its sound comes after the direct one.
    pub(super) after_s: f32,
    /// From the listener to it, of length 1.
    pub(super) direction: Vector,
    /// What is left of its lows, mids and highs, where 1 is a source a metre away.
    pub(super) gains: Bands,
}

/// How many rooms away on each axis; those nearer come first.
fn places() -> impl Iterator<Item = [i32; 3]> {
    let all = (-2..=2).flat_map(|x| (-2..=2).flat_map(move |y| (-2..=2).map(move |z| [x, y, z])));
    let order = |place: &[i32; 3]| place.iter().map(|steps| steps.abs()).sum::<i32>();
    let of = move |wanted| all.clone().filter(move |place| order(place) == wanted);
    of(1).chain(of(2))
}

/// What two walls at right angles to an axis, the farther one first, leave of the amplitude of what has gone `steps` rooms away.
fn left_by(walls: [Material; 2], steps: i32) -> Bands {
    let (near, far) = (steps.unsigned_abs() / 2, steps.unsigned_abs().div_ceil(2));
    let hits = if steps > 0 { [far, near] } else { [near, far] };
    let mut left = [1.0; 3];
    for (wall, hits) in walls.into_iter().zip(hits) {
        for _ in 0..hits {
            left.iter_mut().zip(wall.absorption()).for_each(|(left, part)| *left *= libm::sqrtf(1.0 - part));
        }
    }
    left
}

/// The images of a room whose values are in their ranges.
pub(super) fn images(room: &Shoebox) -> [Image; IMAGES] {
    let mut images = [Image::default(); IMAGES];
    for (image, place) in images.iter_mut().zip(places()) {
        let (mut from, mut gains) = ([0.0; 3], [1.0; 3]);
        let (walls, _) = room.walls.as_chunks::<2>();
        for (axis, (&steps, &walls)) in place.iter().zip(walls).enumerate() {
            // Three axes. A mirrored room lies the other way round.
            let (edge, listener) = (room.size_m[axis], room.listener_m[axis]);
            let source = listener + room.source_m[axis];
            let mirrored = match steps % 2 {
                0 => steps as f32 * edge + source,
                _ => (steps + 1) as f32 * edge - source,
            };
            from[axis] = mirrored - listener;
            gains.iter_mut().zip(left_by(walls, steps)).for_each(|(gain, left)| *gain *= left);
        }
        let way = length(from);
        let through =
            air().map(|part| libm::expf(-part * way / 2.0) * room.reflections.0 / way.max(NEAREST_M));
        gains.iter_mut().zip(through).for_each(|(gain, left)| *gain *= left);
        *image = Image {
            after_s: (way - room.direct_m()).max(0.0) / SOUND_M_S,
            direction: if way > 0.0 { from.map(|part| part / way) } else { [1.0, 0.0, 0.0] },
            gains,
        };
    }
    images
}

#[cfg(test)]
mod tests {
    use super::*;

    const WALLS: [Material; 6] = [
        Material::Glass,
        Material::Carpet,
        Material::Brick,
        Material::HeavyCurtain,
        Material::Panelling,
        Material::ConcreteBlock,
    ];

    /// Mirrors a point in a wall; walls as in [`Shoebox::walls`].
    fn mirrored(mut point: [f64; 3], size: [f64; 3], wall: usize) -> [f64; 3] {
        let axis = wall / 2;
        let plane = if wall.is_multiple_of(2) { size[axis] } else { 0.0 };
        point[axis] = 2.0 * plane - point[axis];
        point
    }

    #[test]
    fn images_are_those_of_mirrors_one_after_the_other() {
        let room = Shoebox {
            size_m: [7.0, 5.0, 3.0],
            walls: WALLS,
            listener_m: [2.0, 3.5, 1.2],
            source_m: [1.5, -2.0, 0.4],
            ..Shoebox::default()
        };
        let size = room.size_m.map(f64::from);
        let listener = room.listener_m.map(f64::from);
        let source: [f64; 3] = std::array::from_fn(|axis| listener[axis] + f64::from(room.source_m[axis]));
        let one = (0..6).map(|wall| (mirrored(source, size, wall), vec![wall]));
        let two = (0..6).flat_map(|first| (0..6).map(move |second| (first, second)));
        // The same wall twice gives the source back; walls at right angles give one image in either order.
        let two = two
            .filter(|(first, second)| first / 2 < second / 2 || (first / 2 == second / 2 && first != second));
        let two = two.map(|(first, second)| {
            (mirrored(mirrored(source, size, first), size, second), vec![first, second])
        });
        let expected: Vec<_> = one.chain(two).collect();
        let found = images(&room);
        assert_eq!(expected.len(), found.len());
        let direct: f64 = room.source_m.iter().map(|part| f64::from(part * part)).sum::<f64>().sqrt();
        for (point, walls) in expected {
            let from: Vec<f64> = point.iter().zip(listener).map(|(to, from)| to - from).collect();
            let way = from.iter().map(|part| part * part).sum::<f64>().sqrt();
            let near = |image: &&Image| {
                image
                    .direction
                    .iter()
                    .zip(&from)
                    .all(|(part, from)| (f64::from(*part) - from / way).abs() < 1e-5)
                    && (f64::from(image.after_s) - (way - direct) / 343.0).abs() < 1e-7
            };
            let image = found.iter().find(near).unwrap_or_else(|| panic!("no image at {point:?}"));
            for band in 0..3 {
                let left: f64 =
                    walls.iter().map(|&wall| 1.0 - f64::from(WALLS[wall].absorption()[band])).product();
                let gain = left.sqrt() * (-f64::from(air()[band]) * way / 2.0).exp() / way;
                assert!((f64::from(image.gains[band]) / gain - 1.0).abs() < 1e-5, "{walls:?}, band {band}");
            }
        }
    }

    #[test]
    fn open_walls_and_walls_through_the_head_throw_back_what_they_should() {
        let open = Shoebox { walls: [Material::Open; 6], ..Shoebox::default() };
        assert!(images(&open).iter().all(|image| image.gains == [0.0; 3]));
        let corner = Shoebox { listener_m: [0.0; 3], ..Shoebox::default() }.in_range();
        for image in images(&corner) {
            assert!(
                (length(image.direction) - 1.0).abs() < 1e-6 && image.gains.iter().all(|gain| *gain <= 1.0)
            );
        }
    }
}
