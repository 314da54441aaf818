//! What users do to the machines of a rack: choose, change places, set, load, and let song channels play them.
//!
//! In: places of insert slots, strip and slot counted from 0, and slots of the keyboard. Out: the rack as it is then. Macros and
//! bypasses are parameters: they are not moved here. Any thread but the audio thread.

use super::InsertSlot;
use super::InstrumentSlot;
use super::Rack;
use super::RackError;
use super::SoundFile;
use crate::engine::Insert;
use crate::engine::InstrumentSetup;
use crate::machine::InstrumentKind;
use crate::machine::MachineKind;
use crate::mixer::MACROS;

impl Rack {
    /// What sits in a slot.
    pub fn machine_in(&self, (strip, slot): (usize, usize)) -> Option<&InsertSlot> {
        self.inserts.iter().find(|insert| (insert.strip, insert.slot) == (strip, slot))
    }

    fn machine_in_mut(&mut self, (strip, slot): (usize, usize)) -> Option<&mut InsertSlot> {
        self.inserts.iter_mut().find(|insert| (insert.strip, insert.slot) == (strip, slot))
    }

    /// Puts a machine as it comes into a slot, in place of what was there, or leaves the slot empty.
    pub fn choose_machine(&mut self, (strip, slot): (usize, usize), machine: Option<MachineKind>) {
        self.inserts.retain(|insert| (insert.strip, insert.slot) != (strip, slot));
        self.inserts.extend(machine.map(|kind| InsertSlot::new(strip, slot, kind.id())));
    }

    /// Lets what is in two slots change places, machines that this version does not know as well.
    pub fn swap_machines(&mut self, one: (usize, usize), other: (usize, usize)) {
        for insert in &mut self.inserts {
            (insert.strip, insert.slot) = match (insert.strip, insert.slot) {
                place if place == one => other,
                place if place == other => one,
                place => place,
            };
        }
    }

    /// Sets a control that is no macro, by its place among the machine's.
    pub fn set_control(&mut self, place: (usize, usize), control: usize, value: f32) {
        if let Some(insert) = self.machine_in_mut(place).filter(|_| control >= MACROS)
            && let Some(parameter) = insert.kind().and_then(|kind| kind.parameters().get(control))
        {
            insert.controls.set(parameter, value);
        }
    }

    /// Sets all controls of a machine that are no macros to their defaults.
    pub fn reset_controls(&mut self, place: (usize, usize)) {
        if let Some(insert) = self.machine_in_mut(place)
            && let Some(kind) = insert.kind()
        {
            kind.parameters().iter().for_each(|parameter| insert.controls.set(parameter, parameter.default));
        }
    }

    /// Gives a convolution its impulse response, or its own hall again. Of other machines, and where it
    /// cannot be used, nothing changes.
    pub fn set_impulse(&mut self, place: (usize, usize), file: Option<SoundFile>) -> Result<(), RackError> {
        let insert = self.machine_in_mut(place);
        // Another machine may have come while the file was chosen.
        if let Some(insert) = insert.filter(|insert| insert.kind().is_some_and(MachineKind::takes_impulse)) {
            let changed = InsertSlot { impulse: file, ..insert.clone() };
            changed.read_impulse()?;
            *insert = changed;
        }
        Ok(())
    }

    /// Brings the controls of machines up to date that are there already.
    pub fn set_controls_of(&self, machines: &mut [Insert]) {
        for machine in machines {
            if let Some(insert) = self.machine_in((machine.strip, machine.slot)) {
                machine.controls = insert.controls.further(machine.machine);
            }
        }
    }

    /// The instrument in a slot of the keyboard.
    pub fn instrument_in(&self, slot: usize) -> Option<&InstrumentSlot> {
        self.instruments.iter().find(|instrument| instrument.slot == slot)
    }

    fn instrument_in_mut(&mut self, slot: usize) -> Option<&mut InstrumentSlot> {
        self.instruments.iter_mut().find(|instrument| instrument.slot == slot)
    }

    /// Puts an instrument into a slot of the keyboard as it comes, or none. Song channels that played the one before play it.
    pub fn choose_instrument(&mut self, slot: usize, kind: Option<InstrumentKind>) {
        let before = self.instruments.iter().position(|instrument| instrument.slot == slot);
        let channels = before.map_or_else(Vec::new, |place| self.instruments.remove(place).channels);
        let new = kind.map(|kind| InstrumentSlot { channels, ..InstrumentSlot::new(slot, kind.id()) });
        self.instruments.extend(new);
    }

    /// Sets a control of an instrument that is no macro, by its place among them all.
    pub fn set_instrument_control(&mut self, slot: usize, control: usize, value: f32) {
        if let Some(instrument) = self.instrument_in_mut(slot).filter(|_| control >= MACROS)
            && let Some(parameter) = instrument.kind().and_then(|kind| kind.parameters().get(control))
        {
            instrument.controls.set(parameter, value);
        }
    }

    /// Sets all controls of an instrument to their defaults; macros are not set here.
    pub fn reset_instrument(&mut self, slot: usize) {
        if let Some(instrument) = self.instrument_in_mut(slot)
            && let Some(kind) = instrument.kind()
        {
            kind.parameters()
                .iter()
                .for_each(|parameter| instrument.controls.set(parameter, parameter.default));
        }
    }

    /// Lets a song channel hand its notes over to the instrument in a slot, and to no other, or keeps them from it.
    pub fn hand_over(&mut self, slot: usize, channel: usize, over: bool) {
        let there = self.instrument_in(slot).is_some();
        for instrument in self.instruments.iter_mut().filter(|one| one.slot == slot || there && over) {
            instrument.channels.retain(|own| *own != channel);
        }
        if let Some(instrument) = self.instrument_in_mut(slot).filter(|_| over) {
            let place = instrument.channels.partition_point(|own| *own < channel);
            instrument.channels.insert(place, channel);
        }
    }

    /// What of a setup are its instruments.
    pub(crate) fn instrument_setups(&self) -> Vec<InstrumentSetup> {
        self.instruments.iter().filter_map(InstrumentSlot::setup).collect()
    }

    /// What of a setup are its machines.
    pub(crate) fn insert_setups(&self) -> Result<Vec<Insert>, RackError> {
        self.inserts.iter().filter_map(|insert| insert.setup().transpose()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: (usize, usize) = (3, 0);
    const OTHER: (usize, usize) = (7, 2);

    fn rack() -> Rack {
        let mut rack = Rack { inserts: vec![InsertSlot::new(9, 1, "toaster")], ..Rack::default() };
        rack.choose_machine(ONE, Some(MachineKind::Reverb));
        rack.choose_machine(OTHER, Some(MachineKind::Convolution));
        rack.set_control(ONE, MACROS, 777.0);
        rack
    }

    #[test]
    fn two_slots_change_places_with_all_that_is_set_and_back_again() {
        let before = rack();
        let mut rack = rack();
        rack.swap_machines(ONE, OTHER);
        let moved = rack.machine_in(OTHER).unwrap();
        assert_eq!(moved.controls, before.machine_in(ONE).unwrap().controls);
        assert!(!moved.controls.is_empty() && rack.machine_in(ONE).unwrap().machine == "convolution");
        rack.swap_machines(OTHER, ONE);
        assert!(rack == before);
        // An empty slot is a place like others, and so is one whose machine nobody knows.
        rack.swap_machines(ONE, (0, 0));
        rack.swap_machines((9, 1), ONE);
        assert!(rack.machine_in((0, 0)).unwrap().machine == "reverb" && rack.machine_in((9, 1)).is_none());
        assert_eq!(rack.machine_in(ONE).unwrap().machine, "toaster");
    }

    #[test]
    fn a_machine_that_is_chosen_comes_with_its_defaults_and_macros_are_not_set_here() {
        let mut rack = rack();
        rack.set_control(ONE, MACROS - 1, -3.0);
        assert_eq!(rack.machine_in(ONE).unwrap().controls.further(MachineKind::Reverb)[0], 777.0);
        assert!(rack.machine_in(ONE).unwrap().controls.get(&MachineKind::Reverb.parameters()[7]).is_none());
        rack.reset_controls(ONE);
        assert!(rack.machine_in(ONE).unwrap().controls.is_empty());
        rack.set_control(ONE, MACROS, 777.0);
        rack.choose_machine(ONE, Some(MachineKind::Reverb));
        assert!(rack.machine_in(ONE).unwrap().controls.is_empty());
        rack.choose_machine(ONE, None);
        assert!(rack.machine_in(ONE).is_none());
    }

    #[test]
    fn a_song_channel_hands_its_notes_over_to_one_instrument() {
        let mut rack = Rack::default();
        rack.choose_instrument(4, Some(InstrumentKind::Poly));
        rack.choose_instrument(2, Some(InstrumentKind::Lead));
        [7, 3, 7].into_iter().for_each(|channel| rack.hand_over(4, channel, true));
        rack.hand_over(2, 7, true);
        rack.hand_over(9, 3, true); // nothing sits there
        let channels = |rack: &Rack, slot| rack.instrument_in(slot).unwrap().channels.clone();
        assert_eq!((channels(&rack, 4), channels(&rack, 2)), (vec![3], vec![7]));
        rack.set_instrument_control(2, MACROS, 50.0);
        rack.set_instrument_control(2, 0, 50.0);
        assert!(Rack::unpack(&rack.pack().unwrap()).unwrap() == rack);
        let saved = rack.to_toml().unwrap();
        assert!(
            saved.contains("[instruments.controls]\nshape_1 = 50.0\n") && !saved.contains("cutoff"),
            "{saved}"
        );
        rack.choose_instrument(2, Some(InstrumentKind::Poly));
        assert_eq!(channels(&rack, 2), [7], "its channels stay");
        assert!(rack.instrument_in(2).unwrap().controls.is_empty());
        rack.hand_over(2, 7, false);
        rack.choose_instrument(4, None);
        assert!(channels(&rack, 2).is_empty() && rack.instrument_in(4).is_none());
    }

    #[test]
    fn a_response_that_cannot_be_read_leaves_the_old_one() {
        let mut rack = rack();
        let file = |bytes: &[u8]| Some(SoundFile { name: "a.wav".to_owned(), bytes: bytes.into() });
        assert!(rack.set_impulse(OTHER, file(b"no sound")).is_err());
        assert!(rack.machine_in(OTHER).unwrap().impulse.is_none());
        let wav = include_bytes!("../../tests/recordings/sine.flac");
        assert!(rack.set_impulse(OTHER, file(wav)).is_ok());
        assert!(rack.insert_setups().unwrap().iter().any(|insert| insert.impulse.is_some()));
    }
}
