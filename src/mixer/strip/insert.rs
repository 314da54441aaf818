//! Insert slots: places for machines in a strip.
//!
//! Stereo machines in strips of any width: mono is heard on both sides and averaged, of wider strips the first two
//! channels pass. Audio thread.

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

/// A place for a machine.
#[derive(Default)]
struct Insert {
    machine: Option<Box<Machine>>,
    bypassed: bool,
    /// 0–1, kept for whatever machine comes next.
    macros: [f32; MACROS],
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
        self.machine.is_some() && !self.bypassed
    }
}

/// All slots of a strip.
#[derive(Default)]
pub(super) struct Inserts([Insert; INSERTS]);

impl Inserts {
    /// Gives back the machine that was there.
    pub(super) fn put(&mut self, slot: usize, machine: Option<Box<Machine>>) -> Option<Box<Machine>> {
        let Some(insert) = self.0.get_mut(slot) else { return machine };
        let old = std::mem::replace(&mut insert.machine, machine);
        for (control, position) in insert.macros.into_iter().enumerate() {
            insert.set_macro(control, position);
        }
        old
    }

    pub(super) fn set_bypassed(&mut self, slot: usize, bypassed: bool) {
        if let Some(insert) = self.0.get_mut(slot) {
            insert.bypassed = bypassed;
        }
    }

    pub(super) fn set_macro(&mut self, slot: usize, control: usize, position: f32) {
        if let Some(insert) = self.0.get_mut(slot) {
            insert.set_macro(control, position);
        }
    }

    /// Whether sound passes untouched.
    pub(super) fn are_empty(&self) -> bool {
        !self.0.iter().any(Insert::works)
    }

    pub(super) fn reset(&mut self) {
        self.0.iter_mut().filter_map(|insert| insert.machine.as_mut()).for_each(|machine| machine.reset());
    }

    /// Runs the machines over a block of any width, and says whether it sounds now.
    pub(super) fn render(
        &mut self,
        ctx: &RenderContext<'_>,
        side: Option<&AudioBlock<'_>>,
        io: &mut AudioBlockMut<'_>,
    ) -> Activity {
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
        let mut activity = ctx.input();
        for machine in
            self.0.iter_mut().filter(|insert| !insert.bypassed).filter_map(|insert| insert.machine.as_mut())
        {
            activity = machine.render(&mut RenderContext::new(ctx.frame(), activity), side, io);
        }
        activity
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
