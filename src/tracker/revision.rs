//! Cells of early ModPlug Tracker and OpenMPT, turned into what they meant there.
//!
//! In: a decoded step and the version that saved its file. Out: a step that sounds today as it did then. Worker, once
//! for each cell. Versions follow OpenMPT's release notes and its wiki, "Development: Test Cases".

use super::effect::Effect;
use super::effect::Step;
use super::effect::VolumeCommand;
use super::rules::asks_for_compatibility;
use super::song::Format;
use super::song::MadeWith;
use super::song::Song;

/// Last version of ModPlug Tracker before OpenMPT.
const MODPLUG_TRACKER: u32 = 0x0116_0000;

/// What the saving version makes of cells.
pub(crate) struct Revision {
    format: Format,
    version: u32,
    compatible: bool,
}

impl Revision {
    /// Nothing where the file is by another tracker.
    pub(crate) fn of(song: &Song) -> Option<Self> {
        let version = match song.made_with {
            MadeWith::ModPlug => MODPLUG_TRACKER,
            MadeWith::OpenMpt(version) if version != 0 => version,
            _ => return None,
        };
        let compatible = asks_for_compatibility(song.made_with, song.quirks.behaviours);
        Some(Self { format: song.format, version, compatible })
    }

    /// The step as its tracker played it.
    pub(crate) fn apply(&self, step: Step) -> Step {
        if self.format != Format::Xm {
            return step;
        }
        self.single_vibrato(self.added_portamento(self.fewer_effects(step)))
    }

    /// Effects that did nothing: global volumes out of range, offsets under a portamento of the volume column, F00.
    fn fewer_effects(&self, step: Step) -> Step {
        let in_column = matches!(step.volume, VolumeCommand::TonePortamento(_));
        let ignored = match step.effect {
            Effect::SetGlobalVolume(65..) => {
                let compatible = self.compatible && self.version >= 0x0117_0302;
                self.version < 0x0124_0202 && (compatible || self.version >= 0x0120_0000)
            }
            Effect::SampleOffset(_) if in_column => {
                self.version < 0x0119_0000 || !self.compatible && self.version < 0x0120_0000
            }
            _ => false,
        };
        if ignored { Step { effect: Effect::None, ..step } } else { step }
    }

    /// Two tone portamentos were added up until 1.20.01.10.
    fn added_portamento(&self, step: Step) -> Step {
        match (step.volume, step.effect) {
            (VolumeCommand::TonePortamento(value), Effect::TonePortamento(speed @ 1..))
                if self.version < 0x0120_0110 && (value != 0 || self.compatible) =>
            {
                let effect = Effect::TonePortamento(speed.saturating_add(value << 4));
                Step { volume: VolumeCommand::None, effect, ..step }
            }
            _ => step,
        }
    }

    /// Of two vibratos only one ran until 1.27.00.37.
    fn single_vibrato(&self, step: Step) -> Step {
        let VolumeCommand::VibratoDepth(depth) = step.volume else { return step };
        if self.version >= 0x0127_0037 || self.version == 0x0127_0000 {
            return step;
        }
        match step.effect {
            Effect::VibratoAndVolume(slide) if depth > 0 => {
                Step { effect: Effect::SlideVolume(slide), ..step }
            }
            Effect::Vibrato(value) | Effect::FineVibrato(value) if value & 15 == 0 => {
                let effect = Effect::Vibrato(value | depth & 15);
                Step { volume: VolumeCommand::None, effect, ..step }
            }
            Effect::Vibrato(_) | Effect::FineVibrato(_) | Effect::VibratoAndVolume(_) => {
                Step { volume: VolumeCommand::None, ..step }
            }
            _ => step,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn revised(version: u32, volume: VolumeCommand, effect: Effect) -> (VolumeCommand, Effect) {
        let revision = Revision { format: Format::Xm, version, compatible: true };
        let step = revision.apply(Step { volume, effect, ..Step::default() });
        (step.volume, step.effect)
    }

    #[test]
    fn two_portamentos_add_up_in_old_files_only() {
        let (column, effect) = (VolumeCommand::TonePortamento(2), Effect::TonePortamento(3));
        let added = (VolumeCommand::None, Effect::TonePortamento(0x23));
        assert_eq!(revised(0x0120_0069, column, effect), added);
        assert_eq!(revised(0x0120_0110, column, effect), (column, effect));
    }

    #[test]
    fn one_of_two_vibratos_runs_in_old_files() {
        let column = VolumeCommand::VibratoDepth(5);
        let old = 0x0122_0719;
        assert_eq!(revised(old, column, Effect::Vibrato(0x40)), (VolumeCommand::None, Effect::Vibrato(0x45)));
        assert_eq!(revised(old, column, Effect::Vibrato(0x41)), (VolumeCommand::None, Effect::Vibrato(0x41)));
        assert_eq!(revised(old, column, Effect::VibratoAndVolume(1)), (column, Effect::SlideVolume(1)));
        assert_eq!(revised(0x0127_0037, column, Effect::Vibrato(0x40)), (column, Effect::Vibrato(0x40)));
    }

    #[test]
    fn global_volumes_out_of_range_were_ignored_for_a_while() {
        let ways = [0x0117_0000, 0x0122_0000, 0x0124_0202]
            .map(|version| revised(version, VolumeCommand::None, Effect::SetGlobalVolume(80)).1);
        let set = Effect::SetGlobalVolume(80);
        assert_eq!(ways, [set, Effect::None, set]);
    }
}
