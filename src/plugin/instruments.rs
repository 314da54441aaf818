//! Changes of the instruments in slots of the keyboard, with the parameters that move with them.
//!
//! In: what the user wants of a slot. Out: another rack, and settings that the engine takes together with the instrument; the editor
//! tells the host of them afterwards. The worker's thread.

use super::machines::moved;
use super::machines::setting;
use crate::engine::Setting;
use crate::engine::Target;
use crate::machine::InstrumentKind;
use crate::machine::MachineParameter;
use crate::mixer::MACROS;
use crate::rack::InstrumentSlot;
use crate::rack::Rack;

/// A change of the instruments.
pub(crate) enum InstrumentEdit {
    /// An instrument as it comes, or none.
    Choose(usize, Option<InstrumentKind>),
    /// A control that is no macro, by its place among the instrument's, in its own unit.
    Control(usize, usize, f32),
    /// All controls of an instrument at their defaults.
    Reset(usize),
    /// Has a song channel hand its notes over to a slot, and to no other, or where it does so no longer.
    HandOver { slot: usize, channel: usize },
}

impl InstrumentEdit {
    /// Changes the rack, and says which parameters move with it. `now` knows their plain values.
    pub(super) fn apply(self, rack: &mut Rack, now: &impl Fn(Target) -> f32) -> Vec<Setting> {
        match self {
            Self::Choose(slot, kind) => {
                rack.choose_instrument(slot, kind);
                kind.map_or_else(Vec::new, |kind| defaults(kind, slot, now))
            }
            Self::Control(slot, control, value) => {
                rack.set_instrument_control(slot, control, value);
                Vec::new()
            }
            Self::Reset(slot) => {
                rack.reset_instrument(slot);
                let kind = rack.instrument_in(slot).and_then(InstrumentSlot::kind);
                kind.map_or_else(Vec::new, |kind| defaults(kind, slot, now))
            }
            Self::HandOver { slot, channel } => {
                let over = rack.instrument_in(slot).is_some_and(|one| !one.channels.contains(&channel));
                rack.hand_over(slot, channel, over);
                Vec::new()
            }
        }
    }
}

/// Macros as an instrument comes, where they are not there yet.
fn defaults(kind: InstrumentKind, slot: usize, now: &impl Fn(Target) -> f32) -> Vec<Setting> {
    let macros = kind.parameters().iter().take(MACROS).enumerate();
    let place = |(control, parameter): (usize, &MachineParameter)| {
        let position = parameter.position_of(parameter.default);
        setting(Target::InstrumentMacro { slot, control }, position, now)
    };
    moved(macros.map(place).collect())
}
