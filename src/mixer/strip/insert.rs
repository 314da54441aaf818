//! Insert slots: places for machines in a strip.
//!
//! Stereo machines in strips of any width: mono is heard on both sides and averaged, of wider strips the first two
//! channels pass. A machine that is replaced while something sounds is heard on until the next one has taken over. Audio
//! thread.

use crate::audio::Activity;
use crate::audio::AudioBlock;
use crate::audio::AudioBlockMut;
use crate::audio::AudioStream;
use crate::audio::BLOCK_SIZE;
use crate::audio::BroadcastMix;
use crate::audio::ChannelMix;
use crate::audio::RenderContext;
use crate::machine::Machine;
use crate::mixer::INSERTS;
use crate::mixer::MACROS;

/// Frames in which a machine takes over from another, or from nothing: 43 ms at 48 kHz.
const FADE: usize = 2048;

/// A place for a machine.
#[derive(Default)]
struct Insert {
    machine: Option<Box<Machine>>,
    leaving: Option<Leaving>,
    bypassed: bool,
    /// 0–1, kept for whatever machine comes next.
    macros: [f32; MACROS],
}

/// What was in a slot before, heard on while it fades.
struct Leaving {
    /// None where sound passed untouched.
    machine: Option<Box<Machine>>,
    /// Frames that are over, up to `FADE`.
    faded: usize,
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

    fn works(&self) -> bool {
        !self.bypassed && (self.machine.is_some() || self.leaving.is_some())
    }

    /// Whether silence passes as silence.
    fn asleep(&self) -> bool {
        self.leaving.is_none() && self.machine.as_ref().is_none_or(|machine| machine.asleep())
    }

    /// Puts another machine in place; gives back one that is heard no longer.
    fn put(&mut self, machine: Option<Box<Machine>>, sounds: bool) -> Option<Box<Machine>> {
        let old = std::mem::replace(&mut self.machine, machine);
        if self.bypassed || !(sounds || old.as_ref().is_some_and(|old| !old.asleep())) {
            return old;
        }
        // One that has not quite gone yet is cut off.
        self.leaving.replace(Leaving { machine: old, faded: 0 }).and_then(|leaving| leaving.machine)
    }

    /// Takes out what has faded away.
    fn take_left(&mut self) -> Option<Box<Machine>> {
        let bypassed = self.bypassed;
        let gone = self.leaving.take_if(|leaving| leaving.faded >= FADE || bypassed);
        gone.and_then(|leaving| leaving.machine)
    }

    fn render(
        &mut self,
        ctx: &RenderContext<'_>,
        side: Option<&AudioBlock<'_>>,
        io: &mut AudioBlockMut<'_>,
        input: Activity,
    ) -> Activity {
        let Some(leaving) = self.leaving.as_mut().filter(|leaving| leaving.faded < FADE) else {
            return render(self.machine.as_deref_mut(), ctx, side, io, input);
        };
        let mut planes = [[0.0; BLOCK_SIZE]; 2];
        let frames = io.frames().min(BLOCK_SIZE);
        let [left, right] = &mut planes;
        let mut before = AudioBlockMut::new([&mut left[..frames], &mut right[..frames]]);
        if input == Activity::Silent {
            io.silence();
        }
        before.planes_mut().iter_mut().zip(io.planes_mut()).for_each(|(to, from)| to.copy_from_slice(from));
        if render(leaving.machine.as_deref_mut(), ctx, side, &mut before, input) == Activity::Silent {
            before.silence();
        }
        if render(self.machine.as_deref_mut(), ctx, side, io, input) == Activity::Silent {
            io.silence();
        }
        for (to, from) in io.planes_mut().iter_mut().zip(before.planes_mut()) {
            for (frame, (to, from)) in (leaving.faded + 1..).zip(to.iter_mut().zip(from.iter())) {
                let share = frame.min(FADE) as f32 / FADE as f32;
                *to = from + (*to - from) * share;
            }
        }
        leaving.faded = (leaving.faded + frames).min(FADE);
        Activity::Sounding
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
#[derive(Default)]
pub(super) struct Inserts {
    slots: [Insert; INSERTS],
    /// Whether the last block sounded as it came.
    sounds: bool,
    /// Whether a machine may be on its way home.
    leaving: bool,
}

impl Inserts {
    /// Gives back a machine that is heard no longer; one that still is comes from [`Self::take_left`].
    pub(super) fn put(&mut self, slot: usize, machine: Option<Box<Machine>>) -> Option<Box<Machine>> {
        let Some(insert) = self.slots.get_mut(slot) else { return machine };
        let old = insert.put(machine, self.sounds);
        self.leaving |= insert.leaving.is_some();
        for (control, position) in insert.macros.into_iter().enumerate() {
            insert.set_macro(control, position);
        }
        old
    }

    /// A machine that has faded away since it was replaced.
    pub(super) fn take_left(&mut self) -> Option<Box<Machine>> {
        if !self.leaving {
            return None;
        }
        let left = self.slots.iter_mut().find_map(Insert::take_left);
        self.leaving = self.slots.iter().any(|insert| insert.leaving.is_some());
        left
    }

    pub(super) fn set_bypassed(&mut self, slot: usize, bypassed: bool) {
        if let Some(insert) = self.slots.get_mut(slot) {
            insert.bypassed = bypassed;
        }
    }

    pub(super) fn set_macro(&mut self, slot: usize, control: usize, position: f32) {
        if let Some(insert) = self.slots.get_mut(slot) {
            insert.set_macro(control, position);
        }
    }

    /// Frames that nothing has come in.
    pub(super) fn rest(&mut self) {
        self.sounds = false;
    }

    /// Whether silence passes as silence.
    pub(super) fn are_asleep(&self) -> bool {
        self.slots.iter().all(|insert| insert.bypassed || insert.asleep())
    }

    /// Whether sound passes untouched.
    pub(super) fn are_empty(&self) -> bool {
        !self.slots.iter().any(Insert::works)
    }

    pub(super) fn reset(&mut self) {
        for insert in &mut self.slots {
            if let Some(leaving) = &mut insert.leaving {
                leaving.faded = FADE;
            }
            insert.machine.iter_mut().for_each(|machine| machine.reset());
        }
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
            _ => match (self.render_stereo(ctx, side, &mut io.narrow_mut(2)), ctx.input()) {
                (Activity::Silent, Activity::Silent) => Activity::Silent,
                // Further channels do not pass the machines: they sound while the input does.
                (Activity::Sounding, _) | (_, Activity::Sounding) => Activity::Sounding,
            },
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
        BroadcastMix.mix(&io.as_block(), &mut stereo);
        let activity = self.render_stereo(ctx, side, &mut stereo);
        io.silence();
        BroadcastMix.mix(&stereo.as_block(), io);
        activity
    }
}
