//! Triangles made into pixels by the processor, by the rules of graphics cards: a pixel is painted by the triangle that its middle
//! lies in, and where it lies on an edge between two, by one of them.
//!
//! Corners are moved to 256ths of a pixel, and what they cover is found in whole numbers. What is seen of a triangle depends on it
//! and the pixel's place alone, so that a picture is the same however it is clipped and whatever else is painted with it.

use egui::Color32;
use egui::ColorImage;
use egui::Mesh;
use egui::Rect;
use egui::epaint::Vertex;
use std::array;
use std::ops::Range;

/// Parts of a pixel that corners may lie at.
const PARTS: i64 = 256;
/// How far out corners may lie, in pixels: what is computed of them stays within 64 bits.
const FARTHEST: f32 = 1_048_576.0;
/// Every other byte of a pixel, and what is too much for them.
const BYTES: u32 = 0x00ff_00ff;
const EXCESS: u32 = 0x0100_0100;
const HALVES: u32 = 0x0080_0080;

/// Pixels of 0xAARRGGBB, row by row.
pub(super) struct Canvas<'a> {
    pub(super) pixels: &'a mut [u32],
    pub(super) size: [usize; 2],
}

impl Canvas<'_> {
    /// Fills a rectangle of whole pixels.
    pub(super) fn fill(&mut self, area: Rect, colour: Color32) {
        let [columns, rows] = self.within(area);
        rows.for_each(|row| self.row(row, &columns).fill(packed(colour)));
    }

    /// Paints the part of a mesh that lies in a rectangle of whole pixels over what is there, with so many pixels a point. Colours
    /// and texels are premultiplied; of texels the nearest is taken.
    pub(super) fn paint(&mut self, mesh: &Mesh, texture: &ColorImage, pixels_per_point: f32, area: Rect) {
        let [columns, rows] = self.within(area);
        let corner = |vertex| Corner::new(vertex, texture.size, pixels_per_point);
        let corners: Vec<_> = mesh.vertices.iter().map(corner).collect();
        let corner = |index: &u32| corners[*index as usize];
        let (mut triangles, _) = mesh.indices.as_chunks();
        while let [[a, b, c], others @ ..] = triangles {
            triangles = others;
            let corners = [corner(a), corner(b), corner(c)];
            let rectangle = match others {
                [[third, second, d], ..] => (third, second) == (c, b) && is_rectangle(&corners, &corner(d)),
                [] => false,
            };
            if rectangle {
                triangles = &others[1..];
            }
            let [covered_columns, covered_rows] = extent(&corners);
            let rows = common(&rows, &covered_rows);
            if rows.is_empty() || common(&columns, &covered_columns).is_empty() {
                continue;
            }
            let Some(shade) = Shade::new(&corners, texture) else { continue };
            let edges = Edges::new(&corners);
            for row in rows {
                let covered = if rectangle { covered_columns.clone() } else { edges.columns(row as i64) };
                let columns = common(&columns, &covered);
                if !columns.is_empty() {
                    shade.paint(self.row(row, &columns), columns.start, row);
                }
            }
        }
    }

    /// The columns and rows of what lies within.
    fn within(&self, area: Rect) -> [Range<usize>; 2] {
        let edges = [(area.min.x, area.max.x), (area.min.y, area.max.y)];
        array::from_fn(|axis| {
            let [from, to] = [edges[axis].0, edges[axis].1].map(|edge| (edge as usize).min(self.size[axis]));
            from..to
        })
    }

    fn row(&mut self, row: usize, columns: &Range<usize>) -> &mut [u32] {
        &mut self.pixels[row * self.size[0]..][columns.clone()]
    }
}

fn common(one: &Range<usize>, other: &Range<i64>) -> Range<usize> {
    let [from, to] = [other.start, other.end].map(|edge| edge.max(0) as usize);
    from.max(one.start)..to.min(one.end)
}

/// The pixels whose middles lie from one place, in parts, to before another.
fn middles(from: i64, to: i64) -> Range<i64> {
    let next = |place: i64| (place + PARTS / 2 - 1).div_euclid(PARTS);
    next(from)..next(to)
}

#[derive(Clone, Copy)]
struct Corner {
    /// In parts of pixels.
    at: [i64; 2],
    colour: Color32,
    /// In texels.
    texel: [f32; 2],
}

impl Corner {
    fn new(vertex: &Vertex, [width, height]: [usize; 2], pixels_per_point: f32) -> Self {
        // Rounded by what is cut off beyond the point, where nothing is negative.
        let part = |place: f32| {
            let place = f64::from((place * pixels_per_point).clamp(-FARTHEST, FARTHEST));
            ((place + f64::from(FARTHEST)) * PARTS as f64 + 0.5) as i64 - FARTHEST as i64 * PARTS
        };
        Corner {
            at: [part(vertex.pos.x), part(vertex.pos.y)],
            colour: vertex.color,
            texel: [vertex.uv.x * width as f32, vertex.uv.y * height as f32],
        }
    }
}

/// Whether four corners, in the order in which egui writes letters, are an upright rectangle of one colour.
fn is_rectangle([a, b, c]: &[Corner; 3], d: &Corner) -> bool {
    let upright = a.at[1] == b.at[1] && a.at[0] == c.at[0] && d.at == [b.at[0], c.at[1]];
    let straight =
        a.texel[1] == b.texel[1] && a.texel[0] == c.texel[0] && d.texel == [b.texel[0], c.texel[1]];
    upright && straight && [b, c, d].iter().all(|corner| corner.colour == a.colour)
}

/// The columns and rows that a triangle lies in, at most.
fn extent([a, b, c]: &[Corner; 3]) -> [Range<i64>; 2] {
    [0, 1].map(|axis| {
        let [a, b, c] = [a.at[axis], b.at[axis], c.at[axis]];
        middles(a.min(b).min(c), a.max(b).max(c))
    })
}

/// The corners of a triangle, clockwise as seen.
struct Edges([[i64; 2]; 3]);

impl Edges {
    fn new(corners: &[Corner; 3]) -> Self {
        let [a, b, c] = [corners[0].at, corners[1].at, corners[2].at];
        Edges(if doubled_area(corners) < 0 { [a, c, b] } else { [a, b, c] })
    }

    /// The columns whose middles, in such a row, lie within all edges: on the left and upper ones, not on the others.
    fn columns(&self, row: i64) -> Range<i64> {
        let y = row * PARTS + PARTS / 2;
        let [mut from, mut to] = [i64::MIN, i64::MAX];
        for (place, start) in self.0.iter().enumerate() {
            let end = self.0[(place + 1) % 3];
            let [across, down] = [end[0] - start[0], end[1] - start[1]];
            let included = down < 0 || down == 0 && across > 0;
            // A column's middle lies within where `down * PARTS * column` is no more than that.
            let most = across * (y - start[1]) + down * (start[0] - PARTS / 2) - i64::from(!included);
            match down * PARTS {
                0 if most < 0 => return 0..0,
                0 => (),
                slope @ 1.. => to = to.min(most.div_euclid(slope) + 1),
                slope => from = from.max(-most.div_euclid(-slope)),
            }
        }
        from..to
    }
}

/// Positive where corners follow each other clockwise, as seen.
fn doubled_area([a, b, c]: &[Corner; 3]) -> i64 {
    (b.at[0] - a.at[0]) * (c.at[1] - a.at[1]) - (b.at[1] - a.at[1]) * (c.at[0] - a.at[0])
}

/// What is seen of a triangle: colours times texels.
struct Shade<'a> {
    colour: Seen<Plane<4>>,
    texel: Seen<Plane<2>>,
    texture: &'a ColorImage,
}

enum Seen<T> {
    Everywhere(u32),
    Changing(T),
}

impl<const N: usize> Seen<Plane<N>> {
    fn in_row(&self, row: usize) -> Seen<Line<N>> {
        match self {
            Seen::Everywhere(seen) => Seen::Everywhere(*seen),
            Seen::Changing(plane) => Seen::Changing(plane.in_row(row)),
        }
    }
}

impl<'a> Shade<'a> {
    /// None of corners in a line, of which nothing is seen.
    fn new(corners: &[Corner; 3], texture: &'a ColorImage) -> Option<Self> {
        let area = doubled_area(corners);
        let [a, b, c] = corners;
        let colour = if a.colour == b.colour && a.colour == c.colour {
            Seen::Everywhere(packed(a.colour))
        } else {
            let value = |corner: &Corner| corner.colour.to_array().map(f32::from);
            Seen::Changing(Plane::new(corners, area, value))
        };
        let texel = if a.texel == b.texel && a.texel == c.texel {
            Seen::Everywhere(sampled(texture, a.texel))
        } else {
            Seen::Changing(Plane::new(corners, area, |corner| corner.texel))
        };
        (area != 0).then_some(Shade { colour, texel, texture })
    }

    /// Paints pixels over what is there: those of one row, from such a column on.
    fn paint(&self, pixels: &mut [u32], column: usize, row: usize) {
        if let (Seen::Everywhere(colour), Seen::Everywhere(texel)) = (&self.colour, &self.texel) {
            match times(*colour, *texel) {
                opaque @ 0xff00_0000.. => pixels.fill(opaque),
                colour => pixels.iter_mut().for_each(|pixel| *pixel = over(colour, *pixel)),
            }
            return;
        }
        let (colours, texels) = (self.colour.in_row(row), self.texel.in_row(row));
        for (pixel, column) in pixels.iter_mut().zip(column..) {
            let texel = match &texels {
                Seen::Everywhere(texel) => *texel,
                Seen::Changing(line) => sampled(self.texture, line.at(column)),
            };
            // Most of what is around letters.
            if texel == 0 {
                continue;
            }
            let colour = match &colours {
                Seen::Everywhere(colour) => *colour,
                Seen::Changing(line) => {
                    let [red, green, blue, alpha] = line.at(column);
                    let byte = |value: f32| (value + 0.5) as u8;
                    u32::from_be_bytes([byte(alpha), byte(red), byte(green), byte(blue)])
                }
            };
            *pixel = over(times(colour, texel), *pixel);
        }
    }
}

/// Values that change evenly from corner to corner.
struct Plane<const N: usize> {
    /// The first corner, in pixels, and the values there.
    from: [f32; 2],
    values: [f32; N],
    /// How much more they are a pixel further to the right, and further down.
    across: [f32; N],
    down: [f32; N],
}

impl<const N: usize> Plane<N> {
    fn new([a, b, c]: &[Corner; 3], doubled_area: i64, values: impl Fn(&Corner) -> [f32; N]) -> Self {
        let pixels = |parts: i64| parts as f32 / PARTS as f32;
        let scale = (PARTS * PARTS) as f32 / doubled_area as f32;
        let [b_x, b_y] = [pixels(b.at[0] - a.at[0]) * scale, pixels(b.at[1] - a.at[1]) * scale];
        let [c_x, c_y] = [pixels(c.at[0] - a.at[0]) * scale, pixels(c.at[1] - a.at[1]) * scale];
        let [a_values, b_values, c_values] = [values(a), values(b), values(c)];
        let (mut across, mut down) = ([0.0; N], [0.0; N]);
        for n in 0..N {
            let [to_b, to_c] = [b_values[n] - a_values[n], c_values[n] - a_values[n]];
            across[n] = to_b * c_y - to_c * b_y;
            down[n] = to_c * b_x - to_b * c_x;
        }
        Plane { from: [pixels(a.at[0]), pixels(a.at[1])], values: a_values, across, down }
    }

    fn in_row(&self, row: usize) -> Line<N> {
        let y = row as f32 + 0.5 - self.from[1];
        let mut line = Line { from: self.from[0], values: self.values, across: self.across };
        line.values.iter_mut().zip(self.down).for_each(|(value, down)| *value += y * down);
        line
    }
}

/// The same along the middles of one row's pixels.
struct Line<const N: usize> {
    from: f32,
    values: [f32; N],
    across: [f32; N],
}

impl<const N: usize> Line<N> {
    fn at(&self, column: usize) -> [f32; N] {
        let (x, mut values) = (column as f32 + 0.5 - self.from, self.values);
        values.iter_mut().zip(self.across).for_each(|(value, across)| *value += x * across);
        values
    }
}

fn sampled(texture: &ColorImage, at: [f32; 2]) -> u32 {
    let [width, height] = texture.size;
    let (x, y) = ((at[0] as usize).min(width - 1), (at[1] as usize).min(height - 1));
    packed(texture.pixels[y * width + x])
}

fn packed(colour: Color32) -> u32 {
    let [red, green, blue, alpha] = colour.to_array();
    u32::from_be_bytes([alpha, red, green, blue])
}

/// Channel by channel, where 255 is 1.
fn times(one: u32, other: u32) -> u32 {
    if other == u32::MAX {
        return one;
    }
    let (one, other) = (one.to_be_bytes(), other.to_be_bytes());
    u32::from_be_bytes(array::from_fn(|channel| {
        let product = u32::from(one[channel]) * u32::from(other[channel]) + 128;
        ((product + (product >> 8)) >> 8) as u8
    }))
}

/// A premultiplied colour over another; channels that are brighter than they cover add light.
fn over(upper: u32, lower: u32) -> u32 {
    let through = u8::MAX as u32 - (upper >> 24);
    let mix = |upper: u32, lower: u32| {
        let product = (lower & BYTES) * through + HALVES;
        let lower = (product + (product >> 8 & BYTES)) >> 8 & BYTES;
        let sum = (upper & BYTES) + lower;
        let excess = sum & EXCESS;
        (sum | (excess - (excess >> 8))) & BYTES
    };
    mix(upper, lower) | mix(upper >> 8, lower >> 8) << 8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;
    use egui::Pos2;
    use egui::TextureId;
    use egui::pos2;

    const SIDE: usize = 40;
    const BACKGROUND: u32 = 0xff10_2030;

    /// A point on or near the canvas; often on a pixel's edge or middle.
    fn point(random: &mut Random) -> Pos2 {
        let step = [1.0, 0.5, 0.125, 1.0 / 256.0][random.below(4) as usize];
        let mut place = || (random.below(50 * 256) as f32 / 256.0 - 5.0).div_euclid(step) * step;
        pos2(place(), place())
    }

    fn colour(random: &mut Random) -> Color32 {
        let [red, green, blue, alpha] = array::from_fn(|_| random.below(256) as u8);
        Color32::from_rgba_unmultiplied(red, green, blue, alpha)
    }

    /// Texels that differ little from their neighbours: which of two is nearer is a matter of rounding.
    fn gradient() -> ColorImage {
        let texel = |place: usize| Color32::from_rgb(2 * (place % 128) as u8, 2 * (place / 128) as u8, 99);
        ColorImage::new([128; 2], (0..128 * 128).map(texel).collect())
    }

    fn texture() -> ColorImage {
        let pixel = |place: u32| {
            Color32::from_rgba_unmultiplied(place as u8, 3 * place as u8, 99, 60 + 7 * place as u8)
        };
        let mut pixels: Vec<_> = (0..16).map(pixel).collect();
        pixels[0] = Color32::WHITE;
        ColorImage::new([4, 4], pixels)
    }

    fn mesh(corners: &[(Pos2, Pos2, Color32)], indices: &[u32]) -> Mesh {
        let vertices = corners.iter().map(|(pos, uv, color)| Vertex { pos: *pos, uv: *uv, color: *color });
        Mesh { indices: indices.to_vec(), vertices: vertices.collect(), texture_id: TextureId::default() }
    }

    fn everything() -> Rect {
        Rect::from_min_max(Pos2::ZERO, pos2(SIDE as f32, SIDE as f32))
    }

    fn painted(mesh: &Mesh, area: Rect) -> Vec<u32> {
        painted_with(&texture(), mesh, area)
    }

    fn painted_with(texture: &ColorImage, mesh: &Mesh, area: Rect) -> Vec<u32> {
        let mut pixels = vec![BACKGROUND; SIDE * SIDE];
        Canvas { pixels: &mut pixels, size: [SIDE; 2] }.paint(mesh, texture, 1.0, area);
        pixels
    }

    /// How many of a mesh's triangles cover each pixel.
    fn counted(mesh: &Mesh) -> Vec<u32> {
        let mut pixels = vec![0; SIDE * SIDE];
        // Each adds one to blue.
        let mesh = Mesh {
            vertices: mesh
                .vertices
                .iter()
                .map(|vertex| Vertex {
                    color: Color32::from_rgba_premultiplied(0, 0, 1, 0),
                    uv: Pos2::ZERO,
                    ..*vertex
                })
                .collect(),
            ..mesh.clone()
        };
        Canvas { pixels: &mut pixels, size: [SIDE; 2] }.paint(&mesh, &texture(), 1.0, everything());
        pixels
    }

    #[test]
    fn triangles_cover_what_lies_in_them() {
        let mut random = Random(1);
        for _ in 0..2_000 {
            let corners: [Pos2; 3] = array::from_fn(|_| point(&mut random));
            let [a, b, c] = corners.map(|corner| [f64::from(corner.x), f64::from(corner.y)]);
            let side = |from: [f64; 2], to: [f64; 2], at: [f64; 2]| {
                (to[0] - from[0]) * (at[1] - from[1]) - (to[1] - from[1]) * (at[0] - from[0])
            };
            let counted = counted(&mesh(&corners.map(|at| (at, Pos2::ZERO, Color32::WHITE)), &[0, 1, 2]));
            for (place, count) in counted.iter().enumerate() {
                let at = [(place % SIDE) as f64 + 0.5, (place / SIDE) as f64 + 0.5];
                let sides = [side(a, b, at), side(b, c, at), side(c, a, at)];
                let (inside, outside) = (
                    sides.iter().all(|side| *side > 0.0) || sides.iter().all(|side| *side < 0.0),
                    sides.iter().any(|side| *side > 0.0) && sides.iter().any(|side| *side < 0.0),
                );
                assert!(
                    if inside { *count == 1 } else { *count <= u32::from(!outside) },
                    "{corners:?} at {at:?}"
                );
            }
        }
    }

    #[test]
    fn triangles_that_share_edges_leave_no_gaps_and_do_not_overlap() {
        let mut random = Random(2);
        for _ in 0..500 {
            // All of the canvas and more, in triangles about a point of it.
            let centre = point(&mut random).clamp(pos2(0.0, 0.0), pos2(40.0, 40.0));
            let corners = [
                centre,
                pos2(-9.0, -9.0),
                pos2(20.0, -9.5),
                pos2(55.25, -7.0),
                pos2(50.0, 60.0),
                pos2(-8.0, 49.5),
            ];
            let indices: Vec<_> = (1..6).flat_map(|corner| [0, corner, corner % 5 + 1]).collect();
            let counted = counted(&mesh(&corners.map(|at| (at, Pos2::ZERO, Color32::WHITE)), &indices));
            assert!(counted.iter().all(|count| *count == 1), "{centre:?}");
        }
    }

    #[test]
    fn rectangles_are_painted_as_their_two_triangles() {
        let mut random = Random(3);
        for _ in 0..500 {
            let (from, to, colour) = (point(&mut random), point(&mut random), colour(&mut random));
            let corner =
                |x: usize, y: usize| (pos2([from.x, to.x][x], [from.y, to.y][y]), Pos2::ZERO, colour);
            let corners = [corner(0, 0), corner(1, 0), corner(0, 1), corner(1, 1)];
            let rectangle = painted(&mesh(&corners, &[0, 1, 2, 2, 1, 3]), everything());
            assert!(
                rectangle == painted(&mesh(&corners, &[0, 1, 2, 1, 2, 3]), everything()),
                "{from:?} {to:?}"
            );
        }
    }

    #[test]
    fn rectangles_of_texels_are_painted_as_their_two_triangles_and_so_is_what_is_none_to_texels() {
        let (mut random, texture) = (Random(5), gradient());
        for round in 0..1_000 {
            let (from, to, colour) = (point(&mut random), point(&mut random), colour(&mut random));
            let mut texel = || pos2(random.below(1 << 16) as f32, random.below(1 << 16) as f32) / 65_536.0;
            let (first, last) = (texel(), texel());
            let corner = |x: usize, y: usize| {
                let at = pos2([from.x, to.x][x], [from.y, to.y][y]);
                (at, pos2([first.x, last.x][x], [first.y, last.y][y]), colour)
            };
            let mut corners = [corner(0, 0), corner(1, 0), corner(0, 1), corner(1, 1)];
            if let Some(corner) = corners.get_mut(round % 8) {
                corner.1 = texel();
            }
            let [rectangle, triangles] = [[0, 1, 2, 2, 1, 3], [0, 1, 2, 1, 2, 3]]
                .map(|indices| painted_with(&texture, &mesh(&corners, &indices), everything()));
            for (one, other) in rectangle.iter().zip(&triangles) {
                let bytes = one.to_be_bytes().into_iter().zip(other.to_be_bytes());
                let differ = bytes.map(|(one, other)| one.abs_diff(other)).max();
                assert!(differ <= Some(3), "{corners:?}: {one:x} and {other:x}");
            }
        }
    }

    #[test]
    fn letters_are_painted_texel_by_texel() {
        let (texture, colour) = (texture(), Color32::from_rgba_unmultiplied(200, 150, 100, 180));
        let corner = |x: usize, y: usize| {
            let (at, texel) = ([7, 10][x], [1, 4][x]);
            (pos2(at as f32, [20.0, 22.0][y]), pos2(texel as f32 / 4.0, [0.5, 1.0][y]), colour)
        };
        let corners = [corner(0, 0), corner(1, 0), corner(0, 1), corner(1, 1)];
        let pixels = painted(&mesh(&corners, &[0, 1, 2, 2, 1, 3]), everything());
        for (place, pixel) in pixels.iter().enumerate() {
            let (x, y) = (place % SIDE, place / SIDE);
            let seen = if (7..10).contains(&x) && (20..22).contains(&y) {
                let texel = texture.pixels[(y - 18) * 4 + x - 6].to_array();
                times(packed(colour), u32::from_be_bytes([texel[3], texel[0], texel[1], texel[2]]))
            } else {
                0
            };
            assert_eq!(*pixel, over(seen, BACKGROUND), "at {x} {y}");
        }
    }

    #[test]
    fn colours_change_evenly_and_are_the_same_however_they_are_clipped() {
        let mut random = Random(4);
        let corners =
            [(pos2(0.0, 0.0), 0), (pos2(40.0, 0.0), 80), (pos2(0.0, 40.0), 160), (pos2(40.0, 40.0), 240)]
                .map(|(at, grey)| (at, Pos2::ZERO, Color32::from_gray(grey)));
        let mesh = mesh(&corners, &[0, 1, 2, 2, 1, 3]);
        let whole = painted(&mesh, everything());
        for (place, pixel) in whole.iter().enumerate() {
            let (x, y) = ((place % SIDE) as f32 + 0.5, (place / SIDE) as f32 + 0.5);
            assert!(((pixel & 0xff) as f32 - (2.0 * x + 4.0 * y)).abs() <= 0.5 + 1e-3, "at {x} {y}");
        }
        for _ in 0..50 {
            let area = Rect::from_two_pos(point(&mut random).round(), point(&mut random).round())
                .intersect(everything());
            for (place, pixel) in painted(&mesh, area).iter().enumerate() {
                let inside = area.contains(pos2((place % SIDE) as f32 + 0.5, (place / SIDE) as f32 + 0.5));
                assert_eq!(*pixel, if inside { whole[place] } else { BACKGROUND });
            }
        }
    }

    #[test]
    fn what_has_no_area_is_not_seen_and_nothing_is_too_far_away() {
        let colour = |at| (at, Pos2::ZERO, Color32::WHITE);
        let empty = vec![BACKGROUND; SIDE * SIDE];
        for corners in [
            [pos2(1.0, 1.0), pos2(9.0, 9.0), pos2(20.0, 20.0)],
            [pos2(3.0, 3.0); 3],
            [pos2(f32::NAN, 3.0), pos2(f32::NAN, 30.0), pos2(f32::NAN, 50.0)],
            [pos2(f32::INFINITY, 3.0), pos2(1e30, 5.0), pos2(1e9, -f32::MAX)],
        ] {
            assert!(painted(&mesh(&corners.map(colour), &[0, 1, 2]), everything()) == empty, "{corners:?}");
        }
        let huge = [pos2(-1e30, -1e30), pos2(1e30, -1e30), pos2(0.0, f32::INFINITY)];
        let pixels = painted(&mesh(&huge.map(colour), &[0, 1, 2]), everything());
        assert!(pixels.iter().all(|pixel| *pixel == u32::MAX));
    }

    #[test]
    fn colours_are_mixed_as_exact_arithmetic_has_it() {
        let share = |one: u32, other: u32| (f64::from(one) * f64::from(other) / 255.0).round() as u32;
        for one in 0..256 {
            for other in 0..256 {
                let pair = [one, 255 - one, other, one / 2];
                let bytes = |channels: [u32; 4]| u32::from_be_bytes(channels.map(|channel| channel as u8));
                let each = bytes([other; 4]);
                assert_eq!(times(bytes(pair), each), bytes(pair.map(|channel| share(channel, other))));
                // Channels that are brighter than they cover stay within a byte.
                let upper = [255 - other, one, 0, 255];
                let sum = |channel: usize| (upper[channel] + share(pair[channel], other)).min(255);
                assert_eq!(over(bytes(upper), bytes(pair)), bytes(array::from_fn(sum)));
            }
        }
    }
}
