//! The ways of a plan, each open or closed by solo, and by a plan that comes or goes, with ramps in between.
//!
//! Audio thread, apart from `new`. An open way costs nothing: its sound is not multiplied. Where one gate of a way opens
//! while another closes, the first waits for the second, so that nothing slips through which neither solo lets pass.
//! Sources of a group may share a block, of which a gate closes all or nothing: those that come or go are turned up and
//! down by whoever fills the block.

use super::Kind;
use super::solo::Solos;
use super::solo::Streams;
use super::solo::Ways;
use crate::audio::AudioBlock;
use crate::audio::AudioBlockMut;
use crate::audio::BLOCK_SIZE;
use crate::audio::ChannelMix;
use crate::dsp::Ramp;
use crate::dsp::smoothstep;
use std::iter::Peekable;
use std::slice::Iter;

/// The two ends of an edge, by which a way is found again in another plan.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Way {
    pub(super) from: Kind,
    pub(super) outlet: Option<usize>,
    pub(super) to: Kind,
}

/// How one width becomes another on a way.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    pub(super) mix: &'static dyn ChannelMix,
    pub(super) from: usize,
    pub(super) to: usize,
}

impl Shape {
    /// Whether both do the same to every sound.
    fn same(&self, other: &Self) -> bool {
        let Self { mix, from, to } = *self;
        let alike = |(source, target)| {
            mix.coefficient(source, from, target, to) == other.mix.coefficient(source, from, target, to)
        };
        let mut pairs = (0..from).flat_map(|source| (0..to).map(move |target| (source, target)));
        (from, to) == (other.from, other.to) && (from == to || pairs.all(alike))
    }
}

/// What is known of a way when a plan is compiled.
#[derive(Clone, Copy)]
pub(super) struct Passing {
    pub(super) way: Way,
    pub(super) shape: Shape,
    pub(super) solos: Solos,
    /// It begins at a source that may share its block.
    pub(super) grouped: bool,
    /// It comes and goes along a curve without edges, and so does what it takes the place of.
    pub(super) gentle: bool,
}

#[derive(Clone, Copy)]
struct Gate {
    passing: Passing,
    /// 1 where the way is there, 0 where another plan will lack it or has lacked it.
    there: Ramp,
    /// It moves along a curve.
    curved: bool,
    /// What solo leaves open.
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
    /// All open.
    pub(super) fn new(mut ways: Vec<Passing>) -> Self {
        ways.sort_unstable_by_key(|passing| passing.way);
        let open = Ramp::new(1.0);
        let gate = |passing| Gate { passing, there: open, curved: false, ramp: open, wait: 0, opens_in: 0 };
        Self { gates: ways.into_iter().map(gate).collect(), soloed: 0, moving: false }
    }

    /// The gate of a way.
    pub(super) fn find(&self, way: &Way) -> Option<usize> {
        self.gates.binary_search_by_key(way, |gate| gate.passing.way).ok()
    }

    /// Solos streams in place of those before: ways open and close in `frames` frames.
    pub(super) fn solo(&mut self, streams: Streams, frames: u32) {
        if streams != self.soloed {
            self.soloed = streams;
            self.aim(frames);
        }
    }

    /// Begins to close, over `frames` frames, the ways that `next` lacks or that become others there; whether there are any.
    pub(super) fn leave(&mut self, next: &Self, frames: u32) -> bool {
        let mut nexts = next.gates.iter().peekable();
        let mut any = false;
        for number in 0..self.gates.len() {
            let curved = self.gates.get(number).is_some_and(|gate| self.curves(gate, next));
            let Some(gate) = self.gates.get_mut(number).filter(|gate| !gate.passing.grouped) else {
                continue;
            };
            if !gate.find_in(&mut nexts).is_some_and(|next| next.does_as(gate)) {
                gate.there.move_to(0.0, frames);
                gate.curved = curved;
                any = true;
            }
        }
        self.moving |= any;
        any
    }

    /// Goes on where another plan's gates are; what solo leaves open may have changed with the routes. Ways that the other
    /// lacks open over `frames` frames, and are at once as solo wants them.
    pub(super) fn take_over(&mut self, old: &Self, frames: u32) {
        self.soloed = old.soloed;
        let mut olds = old.gates.iter().peekable();
        for number in 0..self.gates.len() {
            let curved = self.gates.get(number).is_some_and(|gate| self.curves(gate, old));
            let Some(gate) = self.gates.get_mut(number) else { continue };
            let (found, passing) = (gate.find_in(&mut olds), gate.passing);
            let stays = passing.grouped || found.is_some_and(|old| old.does_as(gate));
            match found {
                Some(old) => *gate = Gate { passing, ..*old },
                None => gate.ramp.jump_to(gate.target(old.soloed)),
            }
            if !stays {
                gate.there.jump_to(0.0);
                gate.curved = curved;
            }
            gate.there.move_to(1.0, frames);
        }
        self.aim(frames);
    }

    /// Whether the ways of a source differ from those in another plan.
    pub(super) fn moves_source(&self, other: &Self, source: usize) -> bool {
        let (own, other) = (self.of_source(source), other.of_source(source));
        let alike = |(one, other): (&Gate, &Gate)| one.passing.way == other.passing.way && one.does_as(other);
        own.len() != other.len() || !own.iter().zip(other).all(alike)
    }

    /// The stream that a source goes to first.
    pub(super) fn stream_of_source(&self, source: usize) -> Option<usize> {
        self.of_source(source).iter().find_map(|gate| match gate.passing.way.to {
            Kind::Stream(stream) => Some(stream),
            Kind::Source(_) | Kind::Output(_) => None,
        })
    }

    fn of_source(&self, source: usize) -> &[Gate] {
        self.of(Kind::Source(source))
    }

    fn of(&self, node: Kind) -> &[Gate] {
        let from = |gate: &Gate| gate.passing.way.from;
        let start = self.gates.partition_point(|gate| from(gate) < node);
        let end = self.gates.partition_point(|gate| from(gate) <= node);
        self.gates.get(start..end).unwrap_or(&[])
    }

    /// Whether a gate of this plan that comes or goes does so along a curve: its way is gentle, or gives way to or takes the place of
    /// a gentle one in another plan.
    fn curves(&self, gate: &Gate, other: &Self) -> bool {
        let replaced = |other: &Gate| other.passing.gentle && self.find(&other.passing.way).is_none();
        gate.passing.gentle || other.of(gate.passing.way.from).iter().any(replaced)
    }

    /// Lets every gate move to where solo wants it.
    fn aim(&mut self, frames: u32) {
        let soloed = self.soloed;
        let mut closing = Ways::default();
        for gate in self.gates.iter_mut().filter(|gate| gate.target(soloed) == 0.0) {
            gate.ramp.move_to(0.0, frames);
            gate.wait = 0;
            if !gate.ramp.settled() {
                gate.passing.solos.join(&mut closing);
            }
        }
        for gate in self.gates.iter_mut().filter(|gate| gate.target(soloed) != 0.0) {
            gate.opens_in = frames;
            if gate.ramp.target() != 1.0 && closing.meet(&gate.passing.solos) {
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
            gate.there.settle();
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
        let is_closed = |ramp: &Ramp| ramp.settled() && ramp.target() == 0.0;
        let found = self.gates.get(gate);
        found.is_some_and(|gate| is_closed(&gate.there) || gate.wait == 0 && is_closed(&gate.ramp))
    }

    /// Whether a gate leaves the next frames alone.
    #[inline]
    pub(super) fn passes(&self, gate: usize) -> bool {
        self.gates.get(gate).is_none_or(|gate| gate.is_still() && gate.is_open())
    }

    /// What a gate does in the next frames, where it does not just leave all alone.
    #[inline]
    pub(super) fn factors(&self, gate: usize) -> Option<[f32; BLOCK_SIZE]> {
        let gate = self.gates.get(gate).filter(|_| !self.passes(gate))?;
        Some(gate.factors())
    }
}

impl Gate {
    /// What it multiplies the next frames by.
    fn factors(&self) -> [f32; BLOCK_SIZE] {
        let mut factors = [0.0; BLOCK_SIZE];
        let (waiting, moving) = factors.split_at_mut(BLOCK_SIZE.min(self.wait as usize));
        let mut ahead = *self;
        ahead.ramp.fill(waiting);
        ahead.skip_wait(waiting.len());
        ahead.ramp.fill(moving);
        if !(self.there.settled() && self.there.target() == 1.0) {
            let mut there = [0.0; BLOCK_SIZE];
            self.there.peek(&mut there);
            if self.curved {
                there = there.map(smoothstep);
            }
            factors.iter_mut().zip(there).for_each(|(factor, there)| *factor *= there);
        }
        factors
    }

    fn target(&self, soloed: Streams) -> f32 {
        if self.passing.solos.close(soloed) { 0.0 } else { 1.0 }
    }

    fn is_still(&self) -> bool {
        self.wait == 0 && self.ramp.settled() && self.there.settled()
    }

    /// Whether it lets everything pass once it is still.
    fn is_open(&self) -> bool {
        self.ramp.target() == 1.0 && self.there.target() == 1.0
    }

    /// Whether another does the same to every sound.
    fn does_as(&self, other: &Self) -> bool {
        self.passing.shape.same(&other.passing.shape)
    }

    /// The same way among another plan's, of which those before it are passed over.
    fn find_in<'a>(&self, others: &mut Peekable<Iter<'a, Self>>) -> Option<&'a Self> {
        while others.next_if(|other| other.passing.way < self.passing.way).is_some() {}
        others.peek().copied().filter(|other| other.passing.way == self.passing.way)
    }

    fn skip(&mut self, frames: usize) {
        let waiting = frames.min(self.wait as usize);
        self.there.skip(frames);
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
    for (to, from) in target.planes_mut().zip(source.planes()) {
        to.iter_mut().zip(from).zip(factors).for_each(|((to, from), factor)| *to = product(*from, *factor));
    }
}

fn product(sample: f32, factor: f32) -> f32 {
    let product = sample * factor;
    if factor == 0.0 { 0.0 } else { product }
}
