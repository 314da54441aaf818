//! What the curved waves of a near source weigh in the orders of its field, and where many sources have that summed.
//!
//! `F(r) / F(1 m)` with `F_m(r) = Σ (m+i)! / ((m-i)!·i!·2^i) · (c / (s·r))^i`, each order raised by 12 dB at most. The poles are those
//! of the metre, whatever the distance: so one filter does for all sources, if each gives its integrators as much as its distance
//! asks for, and what has ended rings on in it. Any thread, apart from `new`. Daniel, "Spatial sound encoding including near field
//! effect" (2003).

use super::Activity;
use super::AudioBlock;
use super::AudioBlockMut;
use super::Feed;
use super::Weights;
use super::harmonics::CHANNELS;
use super::harmonics::ORDERS;
use std::ops::Range;

/// Orders that it makes a difference to, and integrators that the highest of them has.
pub(crate) const CURVED: usize = 3;

/// Factors of `F`, by order.
pub(crate) const FACTORS: [[f64; CURVED]; CURVED] = [[1.0, 0.0, 0.0], [3.0, 3.0, 0.0], [6.0, 15.0, 15.0]];
/// How much nearer than a metre raises each order by 12 dB.
const NEAREST: [f32; CURVED] = [4.0, 2.0, 1.587_401];

/// For each order how much of each integrator it hears beside the sound itself.
pub(crate) type Shares = [[f32; CURVED]; CURVED];

/// What each integrator of each order counts, for a source of so many metres; `part` of it, 0 to 1, is wanted.
pub(crate) fn shares(metres: f32, part: f32) -> Shares {
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

/// What a sound that weighs so much in the channels of a field weighs in those of an integrator.
pub(crate) fn of_integrator(integrator: usize, weights: &Weights, shares: &Shares) -> Weights {
    let mut own = Weights::default();
    for (order, channels) in (1..).zip(ORDERS.into_iter().skip(1)).skip(integrator) {
        let share = shares[order - 1][integrator]; // of orders from the first on, which have integrators up to their own number
        channels.for_each(|channel| own[channel] = weights[channel] * share);
    }
    own
}

/// What sources give to integrators, one for each, in the channels of a field; the room hears nothing of it.
#[derive(Clone, Debug)]
pub struct NearFeeds([Feed; CURVED]);

impl NearFeeds {
    /// Silent. Allocates.
    pub(crate) fn new() -> Self {
        Self(std::array::from_fn(|_| Feed::new(CHANNELS)))
    }

    /// See [`Feed`]. Real-time, like all that follows.
    pub(crate) fn begin(&mut self, frames: usize) {
        self.0.iter_mut().for_each(|feed| feed.begin(frames));
    }

    /// Frames of `range`, by integrator, to add to.
    pub(crate) fn open(&mut self, range: &Range<usize>) -> [AudioBlockMut<'_>; CURVED] {
        self.0.each_mut().map(|feed| feed.open_all(range.clone()))
    }

    pub(crate) fn scale(&mut self, range: &Range<usize>, factors: &[f32]) {
        self.0.iter_mut().for_each(|feed| feed.scale(range, factors));
    }

    /// What has been given in this block, by integrator, unless that is nothing.
    pub(crate) fn given(&self) -> Option<[AudioBlock<'_>; CURVED]> {
        let any = self.0.iter().any(|feed| feed.activity() == Activity::Sounding); // all are opened at once
        any.then(|| self.0.each_ref().map(Feed::block))
    }
}
