//! What of a picture has to be painted anew.
//!
//! In: the shapes of one picture after another. Out: rectangles outside of which the last two are the same to the pixel, and the shapes
//! that meet them. Where shapes are the same and lie upon each other in the same order, so are pixels; which shapes are taken for
//! the same only decides how much is painted.

use egui::ClippedPrimitive;
use egui::CornerRadius;
use egui::Pos2;
use egui::Rect;
use egui::Shape;
use egui::Vec2;
use egui::emath::TSTransform;
use egui::epaint::ClippedShape;
use egui::epaint::RectShape;
use egui::epaint::TextShape;
use std::sync::Arc;

/// How far a shape may reach out of its bounds, in points and at least in pixels: soft edges, pointed joints and what is moved to
/// whole pixels.
const MARGIN: f32 = 3.0;
const MARGIN_PX: f32 = 2.0;
/// How many shapes that came or went in one place are seen for what they are. What comes after more of them is painted, too.
const REACH: usize = 6;
/// Pixels that cost less to paint than another rectangle does.
const SLACK: f32 = 4096.0;
/// Rectangles of one picture, at most.
const RECTANGLES: usize = 24;

/// How many pixels wide and high a picture is, and how many of them are one of egui's points.
pub(super) type Resolution = ([u32; 2], f32);

/// What the window shows.
#[derive(Default)]
pub(super) struct Picture {
    shapes: Vec<Painted>,
    /// In pixels.
    size: [u32; 2],
    pixels_per_point: f32,
}

struct Painted {
    shape: ClippedShape,
    /// Where it may leave traces, in pixels.
    bounds: Rect,
}

impl Picture {
    /// Shows other shapes; `whole` where nothing that is painted can stay. Returns what differs: rectangles of whole pixels that lie apart.
    pub(super) fn show(
        &mut self,
        shapes: Vec<ClippedShape>,
        (size, pixels_per_point): Resolution,
        whole: bool,
    ) -> Vec<Rect> {
        let window = area(size);
        let margin = margin(pixels_per_point);
        let around = |shape: &ClippedShape, area: Rect| {
            let traces = shape.transform_after_tessellation * area.expand(margin);
            let traces = (traces * pixels_per_point).intersect(window);
            outwards(traces).intersect((shape.clip_rect * pixels_per_point).round())
        };
        let painted = |shape: ClippedShape| Painted {
            bounds: around(&shape, shape.shape.visual_bounding_rect()),
            shape,
        };
        let shapes = shapes.into_iter().map(painted).filter(|shape| shape.bounds.is_positive()).collect();
        let shown = std::mem::replace(self, Picture { shapes, size, pixels_per_point });
        if whole || shown.size != size || shown.pixels_per_point != pixels_per_point {
            return vec![window];
        }
        let mut damage = Vec::new();
        differences(&shown.shapes, &self.shapes, |old, new| match (old, new) {
            (Some(old), Some(new)) if let Some(moved) = moved_edge(&old.shape, &new.shape) => {
                join(&mut damage, around(&new.shape, moved));
            }
            (old, new) => old.into_iter().chain(new).for_each(|shape| join(&mut damage, shape.bounds)),
        });
        damage
    }

    /// What is to be painted in such rectangles, by what makes triangles of shapes.
    pub(super) fn triangles(
        &self,
        damage: &[Rect],
        mut tessellate: impl FnMut(Vec<ClippedShape>, f32) -> Vec<ClippedPrimitive>,
    ) -> Vec<ClippedPrimitive> {
        let scale = self.pixels_per_point;
        let inside = |area: &Rect| {
            let met = self.shapes.iter().filter(|shape| shape.bounds.intersect(*area).is_positive());
            // Bounds, by which triangles are left out, lack the margin.
            let around = (*area / scale).expand(margin(scale));
            let met = met.map(|Painted { shape, .. }| ClippedShape {
                clip_rect: shape.clip_rect.intersect(around),
                ..shape.clone()
            });
            let mut triangles = tessellate(met.collect(), scale);
            triangles.iter_mut().for_each(|part| part.clip_rect = part.clip_rect.intersect(*area / scale));
            triangles
        };
        damage.iter().flat_map(inside).collect()
    }
}

/// All of so many pixels.
fn area(size: [u32; 2]) -> Rect {
    Rect::from_min_size(Pos2::ZERO, Vec2::from(size.map(|side| side as f32)))
}

fn margin(pixels_per_point: f32) -> f32 {
    MARGIN.max(MARGIN_PX / pixels_per_point)
}

/// Tells of shapes that went, came, or came in another's place.
fn differences<'a>(
    old: &'a [Painted],
    new: &'a [Painted],
    mut tell: impl FnMut(Option<&'a Painted>, Option<&'a Painted>),
) {
    let mut pair_off = |old: &'a [Painted], new: &'a [Painted]| {
        (0..old.len().max(new.len())).for_each(|place| tell(old.get(place), new.get(place)));
    };
    let (mut old, mut new) = (old, new);
    while let (Some(gone), Some(come)) = (old.first(), new.first()) {
        let (went, came) = if same(&gone.shape, &come.shape) { (0, 0) } else { step(old, new) };
        pair_off(&old[..went], &new[..came]);
        // What follows is a pair of the same shapes unless none was in reach.
        let pair = usize::from((went, came) == (0, 0));
        (old, new) = (&old[went + pair..], &new[came + pair..]);
    }
    pair_off(old, new);
}

/// Where two rectangles differ that are the same but for the place of one edge.
fn moved_edge(old: &ClippedShape, new: &ClippedShape) -> Option<Rect> {
    let (Shape::Rect(from), Shape::Rect(to)) = (&old.shape, &new.shape) else { return None };
    let plain = from.corner_radius == CornerRadius::ZERO
        && from.stroke.is_empty()
        && from.blur_width == 0.0
        && from.brush.is_none()
        && from.angle == 0.0;
    let alike = place(old) == place(new) && RectShape { rect: to.rect, ..from.clone() } == *to;
    if !plain || !alike || !from.rect.is_positive() || !to.rect.is_positive() {
        return None;
    }
    let edges = |rect: Rect| [rect.left(), rect.top(), rect.right(), rect.bottom()];
    let moved = edges(from.rect).into_iter().zip(edges(to.rect)).enumerate();
    let mut moved = moved.filter(|(_, (from, to))| from != to);
    let (Some((edge, (one, other))), None) = (moved.next(), moved.next()) else { return None };
    let mut area = from.rect.union(to.rect);
    (area.min[edge % 2], area.max[edge % 2]) = (one.min(other), one.max(other));
    Some(area)
}

/// How many shapes went and came until two are the same again; one of each where that is out of reach.
fn step(old: &[Painted], new: &[Painted]) -> (usize, usize) {
    let ways = (1..=REACH).flat_map(|steps| (0..=steps).map(move |went| (went, steps - went)));
    let mut ways = ways.filter(|(went, came)| match (old.get(*went), new.get(*came)) {
        (Some(old), Some(new)) => same(&old.shape, &new.shape),
        _ => false,
    });
    ways.next().unwrap_or((1, 1))
}

/// Whether two shapes surely look the same.
fn same(old: &ClippedShape, new: &ClippedShape) -> bool {
    let look = |text: &TextShape| {
        let TextShape {
            pos,
            galley: _,
            underline,
            fallback_color,
            override_text_color,
            opacity_factor,
            angle,
        } = *text;
        (pos, underline, fallback_color, override_text_color, opacity_factor, angle)
    };
    place(old) == place(new)
        && match (&old.shape, &new.shape) {
            // egui keeps what it has laid out as long as it is shown.
            (Shape::Text(old), Shape::Text(new)) => {
                Arc::ptr_eq(&old.galley, &new.galley) && look(old) == look(new)
            }
            (Shape::Callback(_), _) => false,
            (old, new) => old == new,
        }
}

fn place(shape: &ClippedShape) -> (Rect, TSTransform) {
    (shape.clip_rect, shape.transform_after_tessellation)
}

/// Adds a rectangle to some that lie apart.
fn join(damage: &mut Vec<Rect>, mut area: Rect) {
    let near = |other: &Rect, area: &Rect| {
        other.intersects(*area) || other.union(*area).area() <= other.area() + area.area() + SLACK
    };
    while let Some(place) = damage.iter().position(|other| near(other, &area)) {
        area = area.union(damage.swap_remove(place));
    }
    damage.push(area);
    if damage.len() > RECTANGLES {
        let all = damage.drain(..).fold(Rect::NOTHING, Rect::union);
        damage.push(all);
    }
}

/// The whole pixels that a rectangle touches.
fn outwards(area: Rect) -> Rect {
    Rect::from_min_max(area.min.floor(), area.max.ceil())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::editor::window::software::Painter;
    use crate::random::Random;
    use egui::Align2;
    use egui::Color32;
    use egui::FontId;
    use egui::RawInput;
    use egui::Stroke;
    use egui::StrokeKind;
    use egui::TexturesDelta;
    use egui::ViewportId;
    use egui::pos2;
    use egui::vec2;

    const SCALE: f32 = 1.25;
    const SIZE: [u32; 2] = [200, 120];
    const RESOLUTION: Resolution = (SIZE, SCALE);
    const STEPS: usize = 20;

    impl Random {
        fn part(&mut self, of: f32) -> f32 {
            self.below(1 << 16) as f32 / 65_536.0 * of
        }

        fn point(&mut self) -> Pos2 {
            pos2(self.part(170.0) - 5.0, self.part(106.0) - 5.0)
        }

        fn area(&mut self) -> Rect {
            Rect::from_min_size(self.point(), vec2(self.part(50.0), self.part(30.0)))
        }

        fn colour(&mut self) -> Color32 {
            let [red, green, blue, alpha] = std::array::from_fn(|_| self.below(256) as u8);
            Color32::from_rgba_unmultiplied(red, green, blue, alpha.max(1))
        }

        fn shape(&mut self, egui: &egui::Context) -> ClippedShape {
            let (colour, area) = (self.colour(), self.area());
            let stroke = Stroke::new(0.5 + self.part(2.0), self.colour());
            let shape = match self.below(9) {
                0 => Shape::rect_filled(area, self.below(5) as u8, colour),
                1 => Shape::rect_stroke(area, self.below(5) as u8, stroke, StrokeKind::Outside),
                2 => Shape::circle_filled(area.center(), 1.0 + self.part(12.0), colour),
                3 => Shape::circle_stroke(area.center(), 1.0 + self.part(12.0), stroke),
                4 => Shape::line_segment([area.min, area.max], stroke),
                5 => Shape::line((0..4).map(|_| area.min + self.area().size()).collect(), stroke),
                6 => Shape::gradient_rect(area, egui::Direction::TopDown, [colour, stroke.color]),
                7 => Shape::Vec(vec![
                    Shape::circle_filled(area.min, 3.0, colour),
                    Shape::hline(area.x_range(), area.max.y, stroke),
                ]),
                _ => egui.fonts_mut(|fonts| {
                    let font = FontId::proportional(8.0 + 4.0 * self.below(3) as f32);
                    Shape::text(fonts, area.min, Align2::LEFT_TOP, "Wj7", font, colour)
                }),
            };
            let clip = if self.below(3) == 0 { self.area().expand(10.0) } else { Rect::EVERYTHING };
            ClippedShape::new(clip, shape)
        }

        fn edit(&mut self, egui: &egui::Context, shapes: &mut Vec<ClippedShape>) {
            for _ in 0..1 + self.below(3) {
                let place = self.below(shapes.len() as u64 - 1) as usize;
                match self.below(7) {
                    0 => shapes.insert(place, self.shape(egui)),
                    1 if shapes.len() > 20 => drop(shapes.remove(place)),
                    2 => shapes.swap(place, place + 1),
                    3 => shapes[place].clip_rect = self.area().expand(20.0),
                    4 => {
                        if let Some(Shape::Rect(bar)) = shapes
                            .iter_mut()
                            .skip(place)
                            .map(|shape| &mut shape.shape)
                            .find(|shape| matches!(shape, Shape::Rect(_)))
                        {
                            let edge = if self.below(2) == 0 { &mut bar.rect.min } else { &mut bar.rect.max };
                            edge[self.below(2) as usize] += self.part(30.0) - 15.0;
                        }
                    }
                    5 => shapes[place].shape.translate(vec2(self.part(4.0), self.part(4.0))),
                    _ => shapes[place] = self.shape(egui),
                }
            }
        }
    }

    fn egui() -> (egui::Context, TexturesDelta) {
        let egui = egui::Context::default();
        let textures = textures(&egui);
        (egui, textures)
    }

    /// What has changed in egui's textures since it was last asked.
    fn textures(egui: &egui::Context) -> TexturesDelta {
        let mut input = RawInput::default();
        input.viewports.entry(ViewportId::ROOT).or_default().native_pixels_per_point = Some(SCALE);
        egui.run_ui(input, |_| ()).textures_delta
    }

    /// Whether pictures that are edited and painted by damage, with something done to it, are always those that are painted whole.
    fn stays_whole(seed: u64, spoil: impl Fn(&mut Vec<Rect>)) -> bool {
        let ((egui, mut changed), mut random) = (egui(), Random(seed));
        let mut shapes: Vec<_> = (0..40).map(|_| random.shape(&egui)).collect();
        let (mut picture, mut painter) = (Picture::default(), Painter::default());
        let mut shown = vec![0; (SIZE[0] * SIZE[1]) as usize];
        (0..STEPS).all(|step| {
            changed.append(textures(&egui));
            let mut damage = picture.show(shapes.clone(), RESOLUTION, !changed.set.is_empty());
            for (place, area) in damage.iter().enumerate() {
                assert!(damage[..place].iter().all(|other| !other.intersect(*area).is_positive()));
            }
            if step > 0 {
                spoil(&mut damage);
            }
            let tessellate = |shapes, scale| egui.tessellate(shapes, scale);
            let triangles = picture.triangles(&damage, tessellate);
            painter.paint(RESOLUTION, &damage, &triangles, &mut changed, &mut shown);
            let mut whole = vec![0; shown.len()];
            let triangles = tessellate(shapes.clone(), SCALE);
            painter.paint(RESOLUTION, &[area(SIZE)], &triangles, &mut changed, &mut whole);
            random.edit(&egui, &mut shapes);
            shown == whole
        })
    }

    #[test]
    fn what_is_painted_by_damage_is_the_picture_painted_whole() {
        for seed in 0..16 {
            assert!(stays_whole(seed, |_| ()), "seed {seed}");
        }
    }

    #[test]
    fn damage_that_is_too_small_is_seen() {
        assert!((0..8).any(|seed| !stays_whole(seed, |damage| _ = damage.pop())));
        let shrink = |damage: &mut Vec<Rect>| damage.iter_mut().for_each(|area| *area = area.shrink(4.0));
        assert!((0..8).any(|seed| !stays_whole(seed, shrink)));
    }

    #[test]
    fn only_what_differs_is_damaged() {
        let ((egui, mut textures), mut random) = (egui(), Random(1));
        textures.clear();
        let mut shapes: Vec<_> = (0..40).map(|_| random.shape(&egui)).collect();
        let mut picture = Picture::default();
        let whole = [Rect::from_min_max(Pos2::ZERO, pos2(200.0, 120.0))];
        assert_eq!(picture.show(shapes.clone(), RESOLUTION, false), whole);
        assert!(picture.show(shapes.clone(), RESOLUTION, false).is_empty());
        assert_eq!(picture.show(shapes.clone(), RESOLUTION, true), whole);
        assert_eq!(picture.show(shapes.clone(), (SIZE, 1.5 * SCALE), false), whole);
        picture.show(shapes.clone(), RESOLUTION, false);
        let dot = Shape::circle_filled(pos2(80.0, 40.0), 2.0, Color32::RED);
        shapes.insert(20, ClippedShape::new(Rect::EVERYTHING, dot));
        let damage = picture.show(shapes.clone(), RESOLUTION, false);
        assert_eq!(damage, [Rect::from_min_max(pos2(93.0, 43.0), pos2(107.0, 57.0))]);
        // Of a bar that grows only what is new.
        let mut bar = |top: f32| {
            let bar = Rect::from_x_y_ranges(40.0..=44.0, top..=90.0);
            shapes[5] = ClippedShape::new(Rect::EVERYTHING, Shape::rect_filled(bar, 0, Color32::GREEN));
            picture.show(shapes.clone(), RESOLUTION, false)
        };
        bar(20.0);
        assert_eq!(bar(16.0), [Rect::from_min_max(pos2(46.0, 16.0), pos2(59.0, 29.0))]);
    }
}
