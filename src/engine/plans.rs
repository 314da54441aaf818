//! The plan that runs, and how another one takes its place without a seam.
//!
//! What the new plan lacks closes first, over 5 ms; then the plans change places between two frames, and what the old one
//! lacked opens over 5 ms. What goes where it went sounds on to the same bits and costs nothing. One plan comes at a time:
//! of those that arrive meanwhile, the newest waits. Audio thread; what is replaced goes back to the caller, to be freed.

use crate::audio::BLOCK_SIZE;
use crate::audio::Destinations;
use crate::audio::Placing;
use crate::audio::Senders;
use crate::audio::Turned;
use crate::audio::Turning;
use crate::dsp::Ramp;
use crate::dsp::smoothstep;
use crate::graph::Plan;
use crate::mixer::BUSES;
use crate::mixer::INSTRUMENT_SOURCE;
use crate::mixer::NOWHERE;
use crate::mixer::SONG_CHANNELS;
use crate::mixer::SONG_SOURCE;
use crate::mixer::SPACE_STREAM;
use std::ops::Range;

/// No bus that an instrument could go to.
const ANOTHER: u8 = NOWHERE - 1;

/// See the module's description.
pub(super) struct Plans {
    running: Option<Box<Plan>>,
    /// Takes the running one's place once `turn` has landed.
    next: Option<Box<Plan>>,
    waiting: Option<Box<Plan>>,
    /// Of the senders that go elsewhere: to 0 while they leave, to 1 when they have come.
    turn: Ramp,
    moved: Moved,
    /// Whether any are turned in the frames that have begun, and by how much.
    turning: bool,
    factors: [f32; BLOCK_SIZE],
    /// The same along a curve without edges, for what comes into space and leaves it.
    gentle: [f32; BLOCK_SIZE],
    ramp_frames: u32,
}

/// What is so when plans may change places.
#[derive(Clone, Copy)]
pub(super) struct Moment {
    /// Strips whose solo is on.
    pub(super) soloed: u64,
    /// Nothing has sounded yet, so that nothing needs to fade.
    pub(super) first: bool,
}

impl Plans {
    pub(super) fn new(ramp_frames: u32) -> Self {
        Self {
            running: None,
            next: None,
            waiting: None,
            turn: Ramp::new(1.0),
            moved: Moved::nobody(),
            turning: false,
            factors: [1.0; BLOCK_SIZE],
            gentle: [1.0; BLOCK_SIZE],
            ramp_frames,
        }
    }

    pub(super) fn running(&self) -> Option<&Plan> {
        self.running.as_deref()
    }

    pub(super) fn running_mut(&mut self) -> Option<&mut Plan> {
        self.running.as_deref_mut()
    }

    /// Lets a plan come as soon as can be; gives back the one that has waited in vain.
    pub(super) fn put(&mut self, plan: Box<Plan>) -> Option<Box<Plan>> {
        self.waiting.replace(plan)
    }

    /// Does what is due on the next frame, and gives back a plan that has had its time. To be called until there is none.
    pub(super) fn change(&mut self, moment: Moment) -> Option<Box<Plan>> {
        if moment.first {
            self.turn.settle();
        }
        if !self.turn.settled() {
            return None;
        }
        if self.next.is_none() {
            self.next = self.waiting.take();
            if !moment.first {
                self.leave();
            }
        }
        if self.turn.settled() { self.swap(moment.soloed) } else { None }
    }

    /// Begins to close what the next plan lacks.
    fn leave(&mut self) {
        let (Some(running), Some(next)) = (&mut self.running, &self.next) else { return };
        let leaves = running.leave(next, self.ramp_frames);
        self.moved = Moved::between(running, next);
        if leaves || self.moved.any() {
            self.turn.jump_to(1.0);
            self.turn.move_to(0.0, self.ramp_frames);
        }
    }

    fn swap(&mut self, soloed: u64) -> Option<Box<Plan>> {
        let mut next = self.next.take()?;
        match &self.running {
            Some(old) => next.take_over(old, self.ramp_frames),
            None => next.solo(soloed, 0),
        }
        self.turn.move_to(1.0, self.ramp_frames);
        self.running.replace(next)
    }

    /// Frames until something is due, where something is.
    pub(super) fn next_change(&self) -> Option<usize> {
        Some(self.turn.left()).filter(|&left| left > 0)
    }

    /// Begins the next frames, at most `BLOCK_SIZE` and none past [`Plans::next_change`].
    pub(super) fn begin(&mut self, frames: usize) {
        self.turning = self.moved.any() && !(self.turn.settled() && self.turn.target() == 1.0);
        if self.turning {
            self.turn.fill(&mut self.factors[..frames.min(BLOCK_SIZE)]);
            self.gentle = self.factors.map(smoothstep);
        } else {
            self.turn.skip(frames);
        }
    }

    /// The senders that are turned up or down in frames that have begun, and by how much.
    pub(super) fn turning(&self, range: Range<usize>) -> Option<Turning<'_>> {
        // What comes into space or leaves it does so without an edge.
        let factors = if self.moved.moved == 0 { &self.factors } else { &self.gentle }.get(range)?;
        let Moved { moved, stay, in_field, .. } = self.moved;
        let turned = self.moved.turned();
        let any = self.turning && self.moved.any_senders();
        any.then_some(Turning { turned, factors, moved, stay, in_field })
    }

    /// The bits of the voice slots and of the keyboard slots whose notes are turned, and by how much.
    pub(super) fn turning_notes(&self, range: Range<usize>) -> Option<([u128; 2], &[f32])> {
        let factors = self.gentle.get(range)?;
        (self.turning && self.moved.slots != [0; 2]).then_some((self.moved.slots, factors))
    }

    /// The bits of the voice slots and of the keyboard slots that are in space.
    pub(super) fn in_space(&self) -> [u128; 2] {
        let [voices, keyboard, _] = self.running().map_or([0; 3], Plan::marked);
        [voices, keyboard]
    }

    /// Bits of the song channels that are in the field of the plan that runs.
    pub(super) fn placed(&self) -> u64 {
        self.running().and_then(Plan::placing).map_or(0, |placing| channels(|channel| placing.holds(channel)))
    }

    /// Ends every ramp at its target, for a start from nothing.
    pub(super) fn settle(&mut self) {
        self.turn.settle();
        if let Some(running) = &mut self.running {
            running.settle();
        }
    }
}

/// Who of the song and of the voices goes elsewhere in another plan.
struct Moved {
    /// Instruments where both plans go by them, else song channels.
    senders: Senders,
    /// Where one plan goes by instruments and the other does not.
    destinations: Option<Destinations>,
    /// Bits of the voice slots and of the keyboard slots that come into space or leave it.
    slots: [u128; 2],
    /// Bits of the channels that come into the field, leave it or stand elsewhere in it, and of those that stay in it where
    /// they are, wherever they would go else.
    moved: u64,
    stay: u64,
    /// Both plans have a field, so that its ways on are open.
    in_field: bool,
}

/// Bits of the song channels of which something is true.
fn channels(which: impl Fn(usize) -> bool) -> u64 {
    (0..SONG_CHANNELS).filter(|&channel| which(channel)).fold(0, |bits, channel| bits | 1 << channel) // 64
}

impl Moved {
    fn nobody() -> Self {
        Self { senders: Senders::NONE, destinations: None, slots: [0; 2], moved: 0, stay: 0, in_field: true }
    }

    fn any(&self) -> bool {
        self.any_senders() || self.slots != [0; 2]
    }

    fn any_senders(&self) -> bool {
        self.destinations.is_some() || self.senders != Senders::NONE || self.moved != 0
    }

    fn turned(&self) -> Turned<'_> {
        self.destinations.as_ref().map_or(Turned::Of(&self.senders), Turned::Between)
    }

    fn between(old: &Plan, new: &Plan) -> Self {
        let ([voices, keyboard, _], [new_voices, new_keyboard, _]) = (old.marked(), new.marked());
        let mut moved = Self { slots: [voices ^ new_voices, keyboard ^ new_keyboard], ..Self::nobody() };
        let holds = |plan: &Plan, channel| plan.placing().is_some_and(|placing| placing.holds(channel));
        let stands = |channel| {
            let both = old.placing().zip(new.placing());
            both.is_some_and(|(old, new): (&Placing, _)| old.holds_as(new, channel))
        };
        let in_either = channels(|channel| holds(old, channel) || holds(new, channel));
        moved.stay = in_either & channels(stands);
        moved.moved = in_either & !moved.stay;
        moved.in_field = [old, new].iter().all(|plan| plan.has_stream(SPACE_STREAM));
        match (old.assigned(), new.assigned()) {
            (Some(old), Some(new)) => {
                let differs = |number: &usize| old.get(*number) != new.get(*number);
                (0..Senders::COUNT).filter(differs).for_each(|number| moved.senders.insert(number));
            }
            (None, None) => {
                let differs = |channel: &usize| old.moves_source(new, SONG_SOURCE + channel);
                (0..SONG_CHANNELS).filter(differs).for_each(|channel| moved.senders.insert(channel));
            }
            (Some(assigned), None) => {
                moved.destinations = Some(Destinations::new(&buses_of_channels(new, old), assigned));
            }
            (None, Some(assigned)) => {
                moved.destinations = Some(Destinations::new(&buses_of_channels(old, new), assigned));
            }
        }
        moved
    }
}

/// Bus of each song channel in a plan that goes by them; none where it takes sound in another shape in the `other` plan.
fn buses_of_channels(plan: &Plan, other: &Plan) -> [u8; SONG_CHANNELS] {
    let stays = |bus: &usize| !plan.moves_source(other, INSTRUMENT_SOURCE + bus);
    std::array::from_fn(|channel| match plan.stream_of_source(SONG_SOURCE + channel) {
        Some(bus) if bus < BUSES => Some(bus).filter(stays).map_or(ANOTHER, |bus| bus as u8),
        _ => NOWHERE,
    })
}
