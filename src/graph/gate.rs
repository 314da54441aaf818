//! The ways of a plan, each open or closed by solo, with a ramp in between.
//!
//! Audio thread, apart from `new`. An open way costs nothing: its sound is not multiplied.

use super::Kind;
use super::solo::Streams;
use crate::audio::AudioBlock;
use crate::audio::AudioBlockMut;
use crate::audio::BLOCK_SIZE;
use crate::dsp::Ramp;

/// The two ends of an edge, by which a way is found again in another plan.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Way {
    pub(super) from: Kind,
    pub(super) outlet: Option<usize>,
    pub(super) to: Kind,
}

struct Gate {
    way: Way,
    opened_by: Streams,
    ramp: Ramp,
}

/// All gates of a plan, in the order of their ways.
pub(super) struct Gates {
    gates: Vec<Gate>,
    soloed: Streams,
    /// Some ramp is under way.
    moving: bool,
}

impl Gates {
    /// All open; `ways` come with the streams whose solo leaves them open.
    pub(super) fn new(mut ways: Vec<(Way, Streams)>) -> Self {
        ways.sort_unstable_by_key(|(way, _)| *way);
        let gate = |(way, opened_by)| Gate { way, opened_by, ramp: Ramp::new(1.0) };
        Self { gates: ways.into_iter().map(gate).collect(), soloed: 0, moving: false }
    }

    /// The gate of a way.
    pub(super) fn find(&self, way: &Way) -> Option<usize> {
        self.gates.binary_search_by_key(way, |gate| gate.way).ok()
    }

    /// Solos streams in place of those before: other ways close in `frames` frames.
    pub(super) fn solo(&mut self, streams: Streams, frames: u32) {
        if streams != self.soloed {
            self.soloed = streams;
            for gate in &mut self.gates {
                gate.ramp.move_to(gate.target(streams), frames);
            }
            self.moving = true;
        }
    }

    /// Goes on where another plan's gates are; what solo leaves open may have changed with the routes. A way that the
    /// other lacks is at once as solo wants it.
    pub(super) fn take_over(&mut self, old: &Self, frames: u32) {
        (self.soloed, self.moving) = (old.soloed, true);
        let mut olds = old.gates.iter().peekable();
        for gate in &mut self.gates {
            while olds.next_if(|old| old.way < gate.way).is_some() {}
            let target = gate.target(old.soloed);
            match olds.peek().filter(|old| old.way == gate.way) {
                Some(old) => {
                    gate.ramp = old.ramp;
                    gate.ramp.move_to(target, frames);
                }
                None => gate.ramp.jump_to(target),
            }
        }
    }

    /// Ends every ramp at its target.
    pub(super) fn settle(&mut self) {
        self.gates.iter_mut().for_each(|gate| gate.ramp.jump_to(gate.ramp.target()));
        self.moving = false;
    }

    /// Passes `frames` frames.
    pub(super) fn skip(&mut self, frames: usize) {
        if self.moving {
            self.gates.iter_mut().for_each(|gate| gate.ramp.skip(frames));
            self.moving = self.gates.iter().any(|gate| !gate.ramp.settled());
        }
    }

    /// Whether anything comes through in the next frames.
    pub(super) fn is_closed(&self, gate: usize) -> bool {
        self.gates.get(gate).is_some_and(|gate| gate.ramp.settled() && gate.ramp.target() == 0.0)
    }

    /// What a gate does in the next frames, where it does not just leave all alone.
    pub(super) fn factors(&self, gate: usize) -> Option<[f32; BLOCK_SIZE]> {
        let gate = self.gates.get(gate).filter(|gate| !gate.ramp.settled() || gate.ramp.target() != 1.0)?;
        let mut factors = [0.0; BLOCK_SIZE];
        gate.ramp.clone().fill(&mut factors);
        Some(factors)
    }
}

impl Gate {
    fn target(&self, soloed: Streams) -> f32 {
        if soloed == 0 || self.opened_by & soloed != 0 { 1.0 } else { 0.0 }
    }
}

/// Multiplies each frame by its own factor.
pub(super) fn scale(block: &mut AudioBlockMut<'_>, factors: &[f32]) {
    for plane in block.planes_mut() {
        plane.iter_mut().zip(factors).for_each(|(sample, factor)| *sample *= factor);
    }
}

/// Writes a block whose frames are each multiplied by their own factor.
pub(super) fn scaled(target: &mut AudioBlockMut<'_>, source: &AudioBlock<'_>, factors: &[f32]) {
    for (to, from) in target.planes_mut().iter_mut().zip(source.planes()) {
        to.iter_mut().zip(*from).zip(factors).for_each(|((to, from), factor)| *to = from * factor);
    }
}
