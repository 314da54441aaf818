//! Insert slots: places for machines in a strip.
//!
//! Stereo machines in strips of any width: mono is heard on both sides and averaged, of wider strips the first two
//! channels pass. What is bypassed, or comes back, does so in 5 ms; once a bypass has landed its machine stands still, and
//! it begins anew when it is heard again. A machine that is replaced while something sounds is heard on until the next one
//! has taken over. Audio thread.

use crate::audio::Activity;
use crate::audio::AudioBlock;
use crate::audio::AudioBlockMut;
use crate::audio::AudioStream;
use crate::audio::BLOCK_SIZE;
use crate::audio::BroadcastMix;
use crate::audio::RenderContext;
use crate::dsp;
use crate::dsp::Level;
use crate::dsp::Ramp;
use crate::machine::Machine;
use crate::machine::Tempo;
use crate::mixer::INSERTS;
use crate::mixer::MACROS;
use crate::units::Decibels;

/// Frames in which a machine takes over from another, or from nothing: 43 ms at 48 kHz.
const TAKE_OVER: u32 = 2048;

/// A place for a machine.
struct Insert {
    machine: Option<Box<Machine>>,
    leaving: Option<Leaving>,
    /// 0 bypassed … 1 heard.
    heard: Ramp,
    /// 0–1, kept for whatever machine comes next.
    macros: [f32; MACROS],
}

/// What was in a slot before, heard on while it fades.
struct Leaving {
    /// None where sound passed untouched.
    machine: Option<Box<Machine>>,
    /// Share of what has come in its place.
    next: Ramp,
}

impl Default for Insert {
    fn default() -> Self {
        Self { machine: None, leaving: None, heard: Ramp::new(1.0), macros: [0.0; MACROS] }
    }
}

impl Insert {
    fn set_macro(&mut self, control: usize, position: f32) {
        if let Some(slot) = self.macros.get_mut(control) {
            *slot = position;
        }
        if let Some(machine) = &mut self.machine
            && let Some(parameter) = machine.kind().parameters().get(control)
        {
            machine.set_parameter(control, parameter.value_at(position));
        }
    }

    /// Whether the bypass has landed.
    fn bypassed(&self) -> bool {
        self.heard.settled() && self.heard.target() == 0.0
    }

    fn set_bypassed(&mut self, bypassed: bool, frames: u32) {
        if self.bypassed() && !bypassed {
            self.forget();
        }
        self.heard.move_to(f32::from(u8::from(!bypassed)), frames);
        if self.is_empty() {
            self.heard.settle(); // nothing would move it
        }
    }

    /// Forgets all sound.
    fn forget(&mut self) {
        self.leaving.iter_mut().for_each(|leaving| leaving.next.settle());
        self.machine.iter_mut().for_each(|machine| machine.reset());
    }

    fn is_empty(&self) -> bool {
        self.machine.is_none() && self.leaving.is_none()
    }

    fn works(&self) -> bool {
        !self.bypassed() && !self.is_empty()
    }

    /// Whether silence passes as silence.
    fn asleep(&self) -> bool {
        let sleeps = || self.machine.as_ref().is_none_or(|machine| machine.asleep());
        self.bypassed() || self.heard.settled() && self.leaving.is_none() && sleeps()
    }

    /// Puts another machine in place; gives back one that is heard no longer.
    fn put(&mut self, machine: Option<Box<Machine>>, sounds: bool) -> Option<Box<Machine>> {
        let old = std::mem::replace(&mut self.machine, machine);
        if self.bypassed() || !(sounds || old.as_ref().is_some_and(|old| !old.asleep())) {
            return old;
        }
        let mut next = Ramp::new(0.0);
        next.move_to(1.0, TAKE_OVER);
        // One that has not quite gone yet is cut off.
        self.leaving.replace(Leaving { machine: old, next }).and_then(|leaving| leaving.machine)
    }

    /// Takes out what has faded away.
    fn take_left(&mut self) -> Option<Box<Machine>> {
        let bypassed = self.bypassed();
        let gone = self.leaving.take_if(|leaving| leaving.next.settled() || bypassed);
        if self.is_empty() {
            self.heard.settle();
        }
        gone.and_then(|leaving| leaving.machine)
    }

    /// What is heard: what came, what the slot makes of it, or something in between.
    fn render(
        &mut self,
        ctx: &RenderContext<'_>,
        side: Option<&AudioBlock<'_>>,
        io: &mut AudioBlockMut<'_>,
        input: Activity,
    ) -> Activity {
        if self.heard.settled() {
            return self.render_wet(ctx, side, io, input);
        }
        let mut planes = [[0.0; BLOCK_SIZE]; 2];
        let dry = copied(io, &mut planes);
        let wet = self.render_wet(ctx, side, io, input);
        cross_fade(&mut self.heard, &dry, io);
        either(input, wet)
    }

    fn render_wet(
        &mut self,
        ctx: &RenderContext<'_>,
        side: Option<&AudioBlock<'_>>,
        io: &mut AudioBlockMut<'_>,
        input: Activity,
    ) -> Activity {
        let Some(leaving) = self.leaving.as_mut().filter(|leaving| !leaving.next.settled()) else {
            return render(self.machine.as_deref_mut(), ctx, side, io, input);
        };
        let mut planes = [[0.0; BLOCK_SIZE]; 2];
        let mut before = copied(io, &mut planes);
        let old = render(leaving.machine.as_deref_mut(), ctx, side, &mut before, input);
        let new = render(self.machine.as_deref_mut(), ctx, side, io, input);
        cross_fade(&mut leaving.next, &before, io);
        either(old, new)
    }
}

/// Copies a stereo block.
fn copied<'a>(io: &AudioBlockMut<'_>, planes: &'a mut [[f32; BLOCK_SIZE]; 2]) -> AudioBlockMut<'a> {
    let frames = io.frames().min(BLOCK_SIZE);
    let mut copy = AudioBlockMut::new(planes.iter_mut().map(|plane| &mut plane[..frames]));
    for (channel, to) in copy.planes_mut().enumerate() {
        to.copy_from_slice(io.channel(channel));
    }
    copy
}

/// Lets `to` take its share from `from`, frame by frame. Behind the ramp's end it is one of them alone, so that it does not
/// matter where a block ends.
fn cross_fade(share: &mut Ramp, from: &AudioBlockMut<'_>, to: &mut AudioBlockMut<'_>) {
    let mut shares = [0.0; BLOCK_SIZE];
    let frames = to.frames().min(BLOCK_SIZE);
    let moving = share.left().min(frames);
    share.fill(&mut shares[..frames]);
    for (channel, to) in to.planes_mut().enumerate() {
        let from = from.channel(channel);
        for ((to, from), share) in to.iter_mut().zip(from).zip(&shares[..moving]) {
            *to = from + (*to - from) * share;
        }
        if share.target() == 0.0 {
            to[moving..].copy_from_slice(&from[moving..]); // both are `frames` long
        }
    }
}

fn either(one: Activity, other: Activity) -> Activity {
    match (one, other) {
        (Activity::Silent, Activity::Silent) => Activity::Silent,
        (Activity::Sounding, _) | (_, Activity::Sounding) => Activity::Sounding,
    }
}

/// What a slot does to a stereo block.
fn render(
    machine: Option<&mut Machine>,
    ctx: &RenderContext<'_>,
    side: Option<&AudioBlock<'_>>,
    io: &mut AudioBlockMut<'_>,
    input: Activity,
) -> Activity {
    match machine {
        Some(machine) => machine.render(&mut RenderContext::new(ctx.frame(), input), side, io),
        None => input,
    }
}

/// All slots of a strip.
pub(super) struct Inserts {
    level: Level,
    ramp_frames: u32,
    slots: [Insert; INSERTS],
    /// Whether the last block sounded as it came.
    sounds: bool,
    /// Whether a machine may be on its way home.
    leaving: bool,
    /// Whether any slot holds a machine, or one that leaves.
    used: bool,
    tempo: Tempo,
}

impl Inserts {
    /// Empty slots, whose bypasses take `ramp_frames`.
    pub(super) fn new(level: Level, ramp_frames: u32) -> Self {
        let slots = Default::default();
        Self { level, ramp_frames, slots, sounds: false, leaving: false, used: false, tempo: Tempo::USUAL }
    }

    /// Gives back a machine that is heard no longer; one that still is comes from [`Self::take_left`].
    pub(super) fn put(&mut self, slot: usize, machine: Option<Box<Machine>>) -> Option<Box<Machine>> {
        let Some(insert) = self.slots.get_mut(slot) else { return machine };
        let old = insert.put(machine, self.sounds);
        self.leaving |= insert.leaving.is_some();
        for (control, position) in insert.macros.into_iter().enumerate() {
            insert.set_macro(control, position);
        }
        insert.machine.iter_mut().for_each(|machine| machine.set_tempo(self.tempo));
        self.look_for_machines();
        old
    }

    /// Whether what was in a slot before is still heard.
    pub(super) fn fades(&self, slot: usize) -> bool {
        let fades = |insert: &Insert| insert.leaving.as_ref().is_some_and(|leaving| !leaving.next.settled());
        self.slots.get(slot).is_some_and(|insert| !insert.bypassed() && fades(insert))
    }

    /// Slots of machines that tell what they take away, and how much that is.
    pub(super) fn reductions(&self) -> impl Iterator<Item = (usize, Decibels)> {
        let slots = if self.used { &self.slots[..] } else { &[] };
        let working = slots.iter().enumerate().filter(|(_, insert)| insert.works());
        working.filter_map(|(slot, insert)| Some((slot, Decibels(insert.machine.as_ref()?.reduction_db()?))))
    }

    pub(super) fn set_tempo(&mut self, tempo: Tempo) {
        self.tempo = tempo;
        for insert in &mut self.slots {
            let leaving = insert.leaving.iter_mut().filter_map(|leaving| leaving.machine.as_mut());
            insert.machine.iter_mut().chain(leaving).for_each(|machine| machine.set_tempo(tempo));
        }
    }

    /// A machine that has faded away since it was replaced.
    pub(super) fn take_left(&mut self) -> Option<Box<Machine>> {
        if !self.leaving {
            return None;
        }
        let left = self.slots.iter_mut().find_map(Insert::take_left);
        self.leaving = self.slots.iter().any(|insert| insert.leaving.is_some());
        self.look_for_machines();
        left
    }

    fn look_for_machines(&mut self) {
        self.used = !self.slots.iter().all(Insert::is_empty);
    }

    pub(super) fn set_bypassed(&mut self, slot: usize, bypassed: bool) {
        if let Some(insert) = self.slots.get_mut(slot) {
            insert.set_bypassed(bypassed, self.ramp_frames);
        }
    }

    pub(super) fn set_macro(&mut self, slot: usize, control: usize, position: f32) {
        if let Some(insert) = self.slots.get_mut(slot) {
            insert.set_macro(control, position);
        }
    }

    /// Sets a control of the machine that is there now; macros have their own way.
    pub(super) fn set_control(&mut self, slot: usize, control: usize, value: f32) {
        let machine = self.slots.get_mut(slot).and_then(|insert| insert.machine.as_mut());
        if let Some(machine) = machine.filter(|_| control >= MACROS) {
            machine.set_parameter(control, value);
        }
    }

    /// Ends every bypass where it goes.
    pub(super) fn settle(&mut self) {
        self.slots.iter_mut().for_each(|insert| insert.heard.settle());
    }

    /// Passes frames in which nothing came.
    pub(super) fn skip(&mut self, frames: usize) {
        self.slots.iter_mut().for_each(|insert| insert.heard.skip(frames));
        self.sounds = false;
    }

    /// Whether silence passes as silence.
    pub(super) fn are_asleep(&self) -> bool {
        !self.used || self.slots.iter().all(Insert::asleep)
    }

    /// Whether sound passes untouched.
    pub(super) fn are_empty(&self) -> bool {
        !(self.used && self.slots.iter().any(Insert::works))
    }

    pub(super) fn reset(&mut self) {
        self.settle();
        self.slots.iter_mut().for_each(Insert::forget);
        self.sounds = false;
    }

    /// Runs the machines over a block of any width, and says whether it sounds now.
    pub(super) fn render(
        &mut self,
        ctx: &RenderContext<'_>,
        side: Option<&AudioBlock<'_>>,
        io: &mut AudioBlockMut<'_>,
    ) -> Activity {
        self.sounds = ctx.input() == Activity::Sounding;
        if self.are_empty() {
            return ctx.input();
        }
        match io.channels() {
            1 => self.render_mono(ctx, side, io),
            2 => self.render_stereo(ctx, side, io),
            // Further channels do not pass the machines: they sound while the input does.
            _ => either(self.render_stereo(ctx, side, &mut io.narrow_mut(2)), ctx.input()),
        }
    }

    /// In turn; each machine hears what the one before left.
    fn render_stereo(
        &mut self,
        ctx: &RenderContext<'_>,
        side: Option<&AudioBlock<'_>>,
        io: &mut AudioBlockMut<'_>,
    ) -> Activity {
        let working = self.slots.iter_mut().filter(|insert| insert.works());
        working.fold(ctx.input(), |activity, insert| insert.render(ctx, side, io, activity))
    }

    fn render_mono(
        &mut self,
        ctx: &RenderContext<'_>,
        side: Option<&AudioBlock<'_>>,
        io: &mut AudioBlockMut<'_>,
    ) -> Activity {
        let mut planes = [[0.0; BLOCK_SIZE]; 2];
        let frames = io.frames().min(BLOCK_SIZE);
        let mut stereo = AudioBlockMut::new(planes.iter_mut().map(|plane| &mut plane[..frames]));
        dsp::add_block(self.level, &BroadcastMix, &io.as_block(), &mut stereo);
        let activity = self.render_stereo(ctx, side, &mut stereo);
        io.silence();
        dsp::add_block(self.level, &BroadcastMix, &stereo.as_block(), io);
        activity
    }
}
