//! The ways of a plan, each open or closed by solo, with a ramp in between.
//!
//! Audio thread, apart from `new`. An open way costs nothing: its sound is not multiplied. Where one gate of a way opens
//! while another closes, the first waits for the second, so that nothing slips through which neither solo lets pass.

use super::Kind;
use super::solo::Solos;
use super::solo::Streams;
use super::solo::Ways;
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

#[derive(Clone, Copy)]
struct Gate {
    way: Way,
    solos: Solos,
    ramp: Ramp,
    /// Frames until it opens, in as many again.
    wait: u32,
    opens_in: u32,
}

/// All gates of a plan, in the order of their ways.
pub(super) struct Gates {
    gates: Vec<Gate>,
    soloed: Streams,
    /// Some ramp is under way or waits.
    moving: bool,
}

impl Gates {
    /// All open; `ways` come with what solo means to them.
    pub(super) fn new(mut ways: Vec<(Way, Solos)>) -> Self {
        ways.sort_unstable_by_key(|(way, _)| *way);
        let gate = |(way, solos)| Gate { way, solos, ramp: Ramp::new(1.0), wait: 0, opens_in: 0 };
        Self { gates: ways.into_iter().map(gate).collect(), soloed: 0, moving: false }
    }

    /// The gate of a way.
    pub(super) fn find(&self, way: &Way) -> Option<usize> {
        self.gates.binary_search_by_key(way, |gate| gate.way).ok()
    }

    /// Solos streams in place of those before: ways open and close in `frames` frames.
    pub(super) fn solo(&mut self, streams: Streams, frames: u32) {
        if streams != self.soloed {
            self.soloed = streams;
            self.aim(frames);
        }
    }

    /// Goes on where another plan's gates are; what solo leaves open may have changed with the routes. A way that the
    /// other lacks is at once as solo wants it.
    pub(super) fn take_over(&mut self, old: &Self, frames: u32) {
        self.soloed = old.soloed;
        let mut olds = old.gates.iter().peekable();
        for gate in &mut self.gates {
            while olds.next_if(|old| old.way < gate.way).is_some() {}
            match olds.peek().filter(|old| old.way == gate.way) {
                Some(old) => *gate = Gate { solos: gate.solos, ..**old },
                None => gate.ramp.jump_to(gate.target(old.soloed)),
            }
        }
        self.aim(frames);
    }

    /// Lets every gate move to where solo wants it.
    fn aim(&mut self, frames: u32) {
        let soloed = self.soloed;
        let mut closing = Ways::default();
        for gate in self.gates.iter_mut().filter(|gate| gate.target(soloed) == 0.0) {
            gate.ramp.move_to(0.0, frames);
            gate.wait = 0;
            if !gate.ramp.settled() {
                gate.solos.join(&mut closing);
            }
        }
        for gate in self.gates.iter_mut().filter(|gate| gate.target(soloed) != 0.0) {
            gate.opens_in = frames;
            if gate.ramp.target() != 1.0 && closing.meet(&gate.solos) {
                gate.wait = frames;
            } else if gate.wait == 0 {
                gate.ramp.move_to(1.0, frames);
            }
        }
        self.moving = true;
    }

    /// Ends every ramp at its target.
    pub(super) fn settle(&mut self) {
        for gate in &mut self.gates {
            gate.ramp.jump_to(gate.target(self.soloed));
            gate.wait = 0;
        }
        self.moving = false;
    }

    /// Passes `frames` frames.
    pub(super) fn skip(&mut self, frames: usize) {
        if self.moving {
            self.gates.iter_mut().for_each(|gate| gate.skip(frames));
            self.moving = !self.gates.iter().all(Gate::is_still);
        }
    }

    /// Whether anything comes through in the next frames.
    pub(super) fn is_closed(&self, gate: usize) -> bool {
        self.gates.get(gate).is_some_and(|gate| gate.is_still() && gate.ramp.target() == 0.0)
    }

    /// What a gate does in the next frames, where it does not just leave all alone.
    pub(super) fn factors(&self, gate: usize) -> Option<[f32; BLOCK_SIZE]> {
        let gate = self.gates.get(gate).filter(|gate| !gate.is_still() || gate.ramp.target() != 1.0)?;
        let mut factors = [0.0; BLOCK_SIZE];
        let (waiting, moving) = factors.split_at_mut(BLOCK_SIZE.min(gate.wait as usize));
        let mut ahead = *gate;
        ahead.ramp.fill(waiting);
        ahead.skip_wait(waiting.len());
        ahead.ramp.fill(moving);
        Some(factors)
    }
}

impl Gate {
    fn target(&self, soloed: Streams) -> f32 {
        if self.solos.close(soloed) { 0.0 } else { 1.0 }
    }

    fn is_still(&self) -> bool {
        self.wait == 0 && self.ramp.settled()
    }

    fn skip(&mut self, frames: usize) {
        let waiting = frames.min(self.wait as usize);
        self.ramp.skip(waiting);
        self.skip_wait(waiting);
        self.ramp.skip(frames - waiting);
    }

    /// Passes frames of the wait, at the end of which it opens.
    fn skip_wait(&mut self, frames: usize) {
        if self.wait > 0 {
            self.wait -= frames as u32; // callers pass no more than are left
            if self.wait == 0 {
                self.ramp.move_to(1.0, self.opens_in);
            }
        }
    }
}

/// Multiplies each frame by its own factor; 0 silences whatever it meets.
pub(super) fn scale(block: &mut AudioBlockMut<'_>, factors: &[f32]) {
    for plane in block.planes_mut() {
        plane.iter_mut().zip(factors).for_each(|(sample, factor)| *sample = product(*sample, *factor));
    }
}

/// Writes a block whose frames are each multiplied by their own factor.
pub(super) fn scaled(target: &mut AudioBlockMut<'_>, source: &AudioBlock<'_>, factors: &[f32]) {
    for (to, from) in target.planes_mut().iter_mut().zip(source.planes()) {
        to.iter_mut().zip(*from).zip(factors).for_each(|((to, from), factor)| *to = product(*from, *factor));
    }
}

fn product(sample: f32, factor: f32) -> f32 {
    let product = sample * factor;
    if factor == 0.0 { 0.0 } else { product }
}
