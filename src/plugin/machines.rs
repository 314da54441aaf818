//! Changes of the machines on strips, with the parameters that move with them.
//!
//! In: what the user wants of a slot. Out: another rack, and settings that the engine takes on the frame on which the machines
//! come; the host is told of them afterwards. The worker's thread.

use crate::engine::ParameterSpec;
use crate::engine::Setting;
use crate::engine::Target;
use crate::machine::Impulse;
use crate::machine::MachineKind;
use crate::machine::MachineParameter;
use crate::mixer::MACROS;
use crate::rack::Rack;
use crate::rack::RackError;
use crate::rack::SoundFile;
use std::sync::Arc;

/// Strip and slot.
pub(crate) type Place = (usize, usize);

/// A change of the machines.
pub(crate) enum MachineEdit {
    /// A machine as it comes, or none.
    Choose(Place, Option<MachineKind>),
    /// Two slots change places, with all that is set there.
    Swap(Place, Place),
    /// A control that is no macro, by its place among the machine's, in its own unit.
    Control(Place, usize, f32),
    /// All controls of a machine at their defaults.
    Reset(Place),
    /// A convolution's impulse response. It is held, so that it need not be decoded again.
    Loaded(Place, SoundFile, Arc<Impulse>),
    /// A convolution's own hall again.
    Hall(Place),
}

impl MachineEdit {
    /// Changes the rack, and says which parameters move with it. `now` knows their plain values.
    pub(super) fn apply(
        self,
        rack: &mut Rack,
        now: &impl Fn(Target) -> f32,
    ) -> Result<Vec<Setting>, RackError> {
        match self {
            Self::Choose(place, machine) => {
                let was_empty = rack.machine_in(place).is_none();
                rack.choose_machine(place, machine);
                let mut settings = machine.map_or_else(Vec::new, |kind| defaults(kind, place, now));
                let (strip, slot) = place;
                let bypass = Target::InsertBypass { strip, slot };
                // Who puts something into an empty slot wants to hear it.
                settings.extend((was_empty && machine.is_some()).then(|| setting(bypass, 0.0, now)));
                Ok(moved(settings))
            }
            Self::Swap(one, other) => {
                rack.swap_machines(one, other);
                let pairs = parameters(one).zip(parameters(other));
                let both = pairs
                    .flat_map(|(one, other)| [setting(one, now(other), now), setting(other, now(one), now)]);
                Ok(moved(both.collect()))
            }
            Self::Control(place, control, value) => {
                rack.set_control(place, control, value);
                Ok(Vec::new())
            }
            Self::Reset(place) => {
                rack.reset_controls(place);
                // A program has defaults of its own, which are not known here.
                let kind = rack.machine_in(place).and_then(|insert| insert.kind());
                let kind = kind.filter(|kind| *kind != MachineKind::Program);
                Ok(kind.map_or_else(Vec::new, |kind| moved(defaults(kind, place, now))))
            }
            Self::Loaded(place, file, _held) => rack.set_impulse(place, Some(file)).map(|()| Vec::new()),
            Self::Hall(place) => rack.set_impulse(place, None).map(|()| Vec::new()),
        }
    }
}

/// What is set of a slot by parameters.
fn parameters((strip, slot): Place) -> impl Iterator<Item = Target> {
    let macros = (0..MACROS).map(move |control| Target::InsertMacro { strip, slot, control });
    macros.chain([Target::InsertBypass { strip, slot }])
}

/// Macros as a machine comes.
fn defaults(kind: MachineKind, (strip, slot): Place, now: &impl Fn(Target) -> f32) -> Vec<Setting> {
    let macros = kind.parameters().iter().take(MACROS).enumerate();
    let place = |(control, parameter): (usize, &MachineParameter)| {
        let target = Target::InsertMacro { strip, slot, control };
        setting(target, parameter.position_of(parameter.default), now)
    };
    macros.map(place).collect()
}

pub(super) fn setting(target: Target, to: f32, now: &impl Fn(Target) -> f32) -> Setting {
    Setting { target, from: now(target), to }
}

/// Without those that stay.
pub(super) fn moved(mut settings: Vec<Setting>) -> Vec<Setting> {
    settings.retain(|setting| setting.from != setting.to);
    settings
}

/// The last setting of each parameter, where nobody has moved it meanwhile from what it was or is to be.
pub(super) fn lasting(settings: Vec<Setting>, now: impl Fn(Target) -> f32) -> Vec<Setting> {
    let mut last: Vec<Setting> = Vec::new();
    let known: Vec<(Target, [f32; 2])> =
        settings.iter().map(|setting| (setting.target, [setting.from, setting.to])).collect();
    for setting in settings {
        last.retain(|other| other.target != setting.target);
        last.push(setting);
    }
    last.retain(|setting| {
        let now = now(setting.target);
        known.iter().any(|(target, values)| *target == setting.target && values.contains(&now))
    });
    last
}

/// Places of settings' parameters in the table, and their values of 0–1.
pub(super) fn normalised(table: &[ParameterSpec], settings: Vec<Setting>) -> Vec<(usize, f32)> {
    let place = |setting: Setting| {
        let index = table.iter().position(|spec| spec.target == setting.target)?;
        Some((index, table.get(index)?.kind.normalise(setting.to)))
    };
    settings.into_iter().filter_map(place).collect()
}
