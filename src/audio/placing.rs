//! Where around a listener the sound of a node's outlets stands: of those that go into a field instead of a feed.
//!
//! In: an outlet, and where in its panorama a sound is. Out: what the sound weighs in the channels of the field, by the closed
//! form of its direction. Panning runs along an arc, from its left end to its right one; what is behind stands where a mirror
//! across the ears has it. An outlet may have a place of its own. All of it may be displaced together. Made on any thread; read on
//! the audio thread.

use super::MAX_CHANNELS;
use super::harmonics::ORDERS;
use super::harmonics::harmonics;
use super::near::Shares;
use super::near::of_integrator;
use super::near::shares;
use std::f32::consts::FRAC_1_SQRT_2;

/// What a sound weighs in each channel of a field.
pub type Weights = [f32; MAX_CHANNELS];

/// Where in a panorama a sound is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spot {
    /// 0 left … 256 right.
    pub panning: u16,
    /// Behind the listener.
    pub behind: bool,
}

impl Spot {
    /// The right end of panning.
    pub const RIGHT: u16 = 256;
}

impl Default for Spot {
    fn default() -> Self {
        Self { panning: Self::RIGHT / 2, behind: false }
    }
}

/// A part of a sound that comes from one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// All of a sound of one plane.
    Middle,
    /// The left plane of a sound of two, 3 dB down.
    Left,
    /// The right one.
    Right,
}

/// What panning is spread over.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PanningArc {
    /// Degrees from the left end to the right one.
    pub degrees: f32,
    /// Degrees to the right of its middle.
    pub azimuth: f32,
}

/// How the sound of an outlet stands in the field.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stand {
    /// Degrees to the right, where panning does not say.
    pub azimuth: Option<f32>,
    /// Degrees up.
    pub elevation: f32,
    /// Metres; level falls by half for each doubling from one on, up to a hundred.
    pub metres: f32,
    /// Degrees between the points of two planes.
    pub width: f32,
    /// Factors of the four orders: how it is spread.
    pub orders: [f32; 4],
    /// Factor of what the room is sent.
    pub sent: f32,
    /// Whether what is nearer than a metre has more bass in the nearer ear.
    pub near_field: bool,
    /// How much is in the way, 0 to 1.
    pub occlusion: f32,
}

impl Default for Stand {
    /// On the arc, a metre away at ear height.
    fn default() -> Self {
        Self {
            azimuth: None,
            elevation: 0.0,
            metres: 1.0,
            width: 60.0,
            orders: [1.0; 4],
            sent: 1.0,
            near_field: false,
            occlusion: 0.0,
        }
    }
}

/// By what everything stands elsewhere than a placing says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Displacement {
    /// Factor of the arc, which comes to a full circle at most.
    pub arc: f32,
    /// Degrees further to the right.
    pub azimuth: f32,
    /// Degrees further up.
    pub elevation: f32,
    /// Factor of the distance.
    pub distance: f32,
}

impl Displacement {
    /// All stands where it should.
    pub const NONE: Self = Self { arc: 1.0, azimuth: 0.0, elevation: 0.0, distance: 1.0 };

    /// Both, one after the other.
    pub(super) fn and(&self, other: &Self) -> Self {
        Self {
            arc: self.arc * other.arc,
            azimuth: self.azimuth + other.azimuth,
            elevation: self.elevation + other.elevation,
            distance: self.distance * other.distance,
        }
    }
}

/// A displacement that changes from one line of the control grid to the next, in straight lines of what each sound weighs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Displaced {
    /// On the line before.
    pub from: Displacement,
    /// On the next one.
    pub to: Displacement,
    /// Frames that have passed since the line before.
    pub phase: usize,
}

impl Displaced {
    /// Nothing is.
    pub const NONE: Self = Self { from: Displacement::NONE, to: Displacement::NONE, phase: 0 };
}

/// Front and left.
type Flat = [f32; 2];

/// See the module's description.
#[derive(Clone, Debug, PartialEq)]
pub struct Placing {
    arc: PanningArc,
    /// Directions on the arc by panning, as if its middle were in front.
    places: Box<[Flat]>,
    /// That of its middle.
    middle: Flat,
    outlets: Box<[Option<Outlet>]>,
    /// Of each outlet that something is in the way of, the first one of which as much is.
    veils: Box<[Option<usize>]>,
}

/// [`Stand`] as directions.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Outlet {
    stand: Stand,
    place: Option<Flat>,
    /// How far out and up its elevation leads.
    out: f32,
    up: f32,
    /// By which the left point of two planes is turned.
    side: Flat,
    /// How loud it is, and how it is spread.
    orders: [f32; 4],
    /// What each order hears of each integrator.
    near: Shares,
}

/// An outlet in a field that is displaced by so much.
#[derive(Clone, Copy)]
pub struct Standing<'a> {
    placing: &'a Placing,
    outlet: Outlet,
    /// Degrees of the arc, and the direction of its middle, where it is not the placing's own.
    arc: Option<(f32, Flat)>,
}

/// Metres up to which a sound is as loud as it comes, and from which on it gets no softer.
const NEAR: f32 = 1.0;
const FAR: f32 = 100.0;

/// The direction of an azimuth to the right.
fn direction(azimuth: f32) -> Flat {
    let (left, front) = libm::sincosf(-azimuth.to_radians());
    [front, left]
}

/// Degrees from the middle of an arc of so many.
fn on_arc(panning: u16, degrees: f32) -> f32 {
    let half = f32::from(Spot::RIGHT / 2);
    (f32::from(panning) - half) / half * (degrees / 2.0)
}

fn turned([front, left]: Flat, [cos, sin]: Flat) -> Flat {
    [front * cos - left * sin, front * sin + left * cos]
}

impl Outlet {
    fn new(stand: &Stand) -> Self {
        let [out, up] = direction(-stand.elevation);
        let (place, side) = (stand.azimuth.map(direction), direction(-stand.width / 2.0));
        let level = 1.0 / stand.metres.clamp(NEAR, FAR);
        let near = if stand.near_field { shares(stand.metres, 1.0) } else { Shares::default() };
        Self { stand: *stand, place, out, up, side, orders: stand.orders.map(|order| order * level), near }
    }

    fn displaced(&self, by: &Displacement) -> Self {
        Self::new(&Stand {
            azimuth: self.stand.azimuth.map(|azimuth| azimuth + by.azimuth),
            elevation: (self.stand.elevation + by.elevation).clamp(-90.0, 90.0),
            metres: self.stand.metres * by.distance,
            ..self.stand
        })
    }
}

impl Placing {
    /// Outlets in their order; those without a stand, and all that follow, are not in the field. Allocates.
    pub fn new(arc: PanningArc, stands: impl IntoIterator<Item = Option<Stand>>) -> Self {
        let stands: Vec<_> = stands.into_iter().collect();
        let hidden = |stand: &Option<Stand>| stand.map_or(0.0, |stand| stand.occlusion);
        let veil = |stand| {
            stands.iter().position(|first| hidden(first) == hidden(stand)).filter(|_| hidden(stand) > 0.0)
        };
        Self {
            arc,
            places: (0..=Spot::RIGHT).map(|panning| direction(on_arc(panning, arc.degrees))).collect(),
            middle: direction(arc.azimuth),
            outlets: stands.iter().map(|stand| stand.as_ref().map(Outlet::new)).collect(),
            veils: stands.iter().map(veil).collect(),
        }
    }

    /// Outlets that have as much in their way share a veil: the number of an outlet's, which is below that of all outlets.
    pub fn veil(&self, outlet: usize) -> Option<usize> {
        self.veils.get(outlet).copied().flatten()
    }

    /// How much is in the way by the number of a veil, where any outlet has it.
    pub fn occlusion(&self, veil: usize) -> Option<f32> {
        let first = self.veil(veil).filter(|first| *first == veil);
        first.and_then(|first| self.outlet(first)).map(|outlet| outlet.stand.occlusion)
    }

    /// Whether an outlet's sound goes into the field. Real-time: yes, like all that follows.
    pub fn holds(&self, outlet: usize) -> bool {
        self.outlet(outlet).is_some()
    }

    fn outlet(&self, outlet: usize) -> Option<&Outlet> {
        self.outlets.get(outlet)?.as_ref()
    }

    /// Whether an outlet's sound stands where it does in another placing, if it is in the field at all.
    pub fn holds_as(&self, other: &Self, outlet: usize) -> bool {
        let (own, others) = (self.outlet(outlet), other.outlet(outlet));
        let on_arc = own.is_some_and(|own| own.place.is_none());
        // The filter of another veil begins from nothing.
        own == others && (!on_arc || self.arc == other.arc) && self.veil(outlet) == other.veil(outlet)
    }

    /// An outlet with all of the placing displaced; `None` where it is not in the field.
    pub fn standing(&self, outlet: usize, by: &Displacement) -> Option<Standing<'_>> {
        let own = self.outlet(outlet)?;
        if *by == Displacement::NONE {
            return Some(Standing { placing: self, outlet: *own, arc: None });
        }
        let degrees = (self.arc.degrees * by.arc).min(360.0);
        let arc = Some((degrees, direction(self.arc.azimuth + by.azimuth)));
        Some(Standing { placing: self, outlet: own.displaced(by), arc })
    }

    /// What a point of an outlet's sound weighs, with all of the placing displaced; nothing where the outlet is not in the field.
    #[cfg(test)]
    pub(crate) fn weights(&self, outlet: usize, at: (Spot, Point), by: &Displacement) -> Weights {
        self.standing(outlet, by).map_or([0.0; MAX_CHANNELS], |standing| standing.weights(at))
    }
}

impl Standing<'_> {
    /// Whether it is so near that its orders differ from the sound itself.
    pub fn is_near(&self) -> bool {
        self.outlet.near != Shares::default()
    }

    /// What a point of the outlet's sound weighs in each channel.
    pub fn weights(&self, (spot, point): (Spot, Point)) -> Weights {
        let (own, placing) = (&self.outlet, self.placing);
        let [cos, sin] = own.side;
        let (side, level) = match point {
            Point::Middle => ([1.0, 0.0], 1.0),
            Point::Left => ([cos, sin], FRAC_1_SQRT_2),
            Point::Right => ([cos, -sin], FRAC_1_SQRT_2),
        };
        let [front, left] = match own.place {
            Some(place) => turned(place, side),
            None => {
                let last = placing.places.len() - 1; // one for each panning
                let (place, middle) = match self.arc {
                    None => (placing.places[usize::from(spot.panning).min(last)], placing.middle),
                    Some((degrees, middle)) => (direction(on_arc(spot.panning, degrees)), middle),
                };
                let [front, left] = turned(turned(place, side), middle);
                if spot.behind { [-front, left] } else { [front, left] }
            }
        };
        let mut weights = [own.stand.sent * level; MAX_CHANNELS];
        let harmonics = harmonics([own.out * front, own.out * left, own.up]);
        for (factor, channels) in own.orders.into_iter().zip(ORDERS) {
            channels.for_each(|channel| weights[channel] = harmonics[channel] * (factor * level)); // fewer than `MAX_CHANNELS`
        }
        weights
    }

    /// What a sound of such weights weighs in the channels of an integrator, for [`NearFeeds`](super::NearFeeds).
    pub fn weights_of_integrator(&self, integrator: usize, weights: &Weights) -> Weights {
        of_integrator(integrator, weights, &self.outlet.near)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::harmonics::SENT;

    fn stand(azimuth: Option<f32>) -> Stand {
        Stand { azimuth, ..Stand::default() }
    }

    fn placing(degrees: f32, azimuth: f32, stand: Stand) -> Placing {
        Placing::new(PanningArc { degrees, azimuth }, [None, Some(stand)])
    }

    /// Where a point is: degrees to the right and up, and its level.
    fn found(placing: &Placing, panning: u16, behind: bool, point: Point) -> [f64; 3] {
        let weights =
            placing.weights(1, (Spot { panning, behind }, point), &Displacement::NONE).map(f64::from);
        let [w, y, z, x, ..] = weights;
        [-y.atan2(x).to_degrees(), (z / w).asin().to_degrees(), w]
    }

    fn near(found: [f64; 3], wanted: [f64; 3]) -> bool {
        let turn = (found[0] - wanted[0]).rem_euclid(360.0);
        turn.min(360.0 - turn) < 1e-4 && (1..3).all(|n| (found[n] - wanted[n]).abs() < 1e-4)
    }

    #[test]
    fn panning_runs_along_the_arc_and_behind_is_its_mirror_image() {
        for (arc, middle) in [(180.0, 0.0), (360.0, 0.0), (90.0, 30.0), (0.0, -120.0)] {
            let placing = placing(arc, middle, stand(None));
            for panning in [0, 64, 128, 131, 256] {
                let own = (f64::from(panning) - 128.0) / 128.0 * f64::from(arc) / 2.0 + f64::from(middle);
                for (behind, azimuth) in [(false, own), (true, 180.0 - own)] {
                    let found = found(&placing, panning, behind, Point::Middle);
                    let wanted = [azimuth, 0.0, 1.0];
                    assert!(near(found, wanted), "{arc}, {panning}, {behind}: {found:?}, not {wanted:?}");
                }
            }
        }
    }

    #[test]
    fn an_outlet_whose_veil_gets_another_filter_does_not_hold_as_it_was() {
        let arc = PanningArc { degrees: 180.0, azimuth: 0.0 };
        let behind = |occlusion| Some(Stand { occlusion, ..stand(None) });
        let placing = |first| Placing::new(arc, [behind(first), behind(0.5), behind(0.2)]);
        let (before, after) = (placing(0.5), placing(0.9));
        let holds = |outlet| before.holds_as(&after, outlet);
        assert_eq!([0, 1, 2].map(holds), [false, false, true]);
        assert!([0, 1, 2].into_iter().all(|outlet| before.holds_as(&placing(0.5), outlet)));
    }

    #[test]
    fn two_planes_stand_beside_their_spot_and_left_stays_left_behind() {
        let placing = placing(180.0, 0.0, stand(None));
        let at = |panning, behind, point| found(&placing, panning, behind, point);
        let level = f64::from(FRAC_1_SQRT_2);
        assert!(near(at(128, false, Point::Left), [-30.0, 0.0, level]));
        assert!(near(at(192, false, Point::Right), [75.0, 0.0, level]));
        assert!(near(at(128, true, Point::Left), [-150.0, 0.0, level]));
        assert!(near(at(128, true, Point::Right), [150.0, 0.0, level]));
    }

    #[test]
    fn a_place_of_its_own_is_where_it_is_whatever_the_panning_and_all_orders_have_their_factors() {
        let own = Stand { elevation: 30.0, orders: [0.5, 0.4, 0.3, 0.2], sent: 0.7, ..stand(Some(-45.0)) };
        let all = placing(180.0, 90.0, own);
        let first = all.weights(1, (Spot { panning: 0, behind: true }, Point::Middle), &Displacement::NONE);
        assert_eq!(first, all.weights(1, (Spot::default(), Point::Middle), &Displacement::NONE));
        let (azimuth, elevation) = (45f32.to_radians(), 30f32.to_radians());
        let direction = [azimuth.cos() * elevation.cos(), azimuth.sin() * elevation.cos(), elevation.sin()];
        for (order, channels) in ORDERS.into_iter().enumerate() {
            for channel in channels {
                let wanted = harmonics(direction)[channel] * own.orders[order];
                assert!((first[channel] - wanted).abs() < 1e-6, "channel {channel}");
            }
        }
        assert_eq!(first[SENT], 0.7);
        assert!(all.holds(1) && !all.holds(0) && !all.holds(2));
    }

    #[test]
    fn what_is_displaced_stands_where_another_placing_would_have_it() {
        let by = Displacement { arc: 1.5, azimuth: -70.0, elevation: 25.0, distance: 4.0 };
        let high = Stand { elevation: 10.0, metres: 0.5, ..stand(None) };
        let (here, there) = (
            placing(120.0, 40.0, high),
            placing(180.0, -30.0, Stand { elevation: 35.0, metres: 2.0, ..high }),
        );
        let near = |one: Weights, other: Weights| {
            one.iter().zip(other).all(|(one, other)| (one - other).abs() < 1e-5)
        };
        for panning in [0, 64, 128, 200, 256] {
            for (behind, point) in [(false, Point::Middle), (true, Point::Left), (false, Point::Right)] {
                let at = (Spot { panning, behind }, point);
                let (found, wanted) = (here.weights(1, at, &by), there.weights(1, at, &Displacement::NONE));
                assert!(near(found, wanted), "{panning}, {behind}, {point:?}: {found:?}, not {wanted:?}");
                assert!((found[SENT] - wanted[SENT]).abs() < 1e-6 && found[0] < 0.6);
            }
        }
        // A place of its own comes along; an arc is a full circle at most, and nothing stands higher than overhead.
        let at = (Spot { panning: 0, behind: false }, Point::Middle);
        let far = Displacement { arc: 9.0, elevation: 999.0, ..by };
        let (own, overhead) =
            (placing(120.0, 40.0, stand(Some(30.0))), Stand { elevation: 90.0, ..stand(None) });
        let wanted = placing(120.0, 0.0, Stand { elevation: 25.0, metres: 4.0, ..stand(Some(-40.0)) });
        assert!(near(own.weights(1, at, &by), wanted.weights(1, at, &Displacement::NONE)));
        let wanted = placing(360.0, -30.0, Stand { metres: 2.0, ..overhead });
        assert!(near(here.weights(1, at, &far), wanted.weights(1, at, &Displacement::NONE)));
    }

    #[test]
    fn outlets_stand_as_before_where_neither_they_nor_an_arc_that_they_are_on_has_changed() {
        let [one, other] = [180.0, 90.0].map(|arc| placing(arc, 0.0, stand(None)));
        let [own, elsewhere] =
            [(180.0, 10.0), (90.0, 10.0)].map(|(arc, at)| placing(arc, 0.0, stand(Some(at))));
        assert!(one.holds_as(&one, 1) && !one.holds_as(&other, 1) && one.holds_as(&other, 0));
        assert!(own.holds_as(&elsewhere, 1) && !own.holds_as(&one, 1) && !one.holds_as(&own, 1));
    }
}
