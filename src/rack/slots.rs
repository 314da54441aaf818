//! What users do to the machines of a rack: choose, change places, set, load.
//!
//! In: places of insert slots, strip and slot counted from 0. Out: the rack as it is then. Macros and bypasses are parameters: they
//! are not moved here. Any thread but the audio thread.

use super::InsertSlot;
use super::Rack;
use super::RackError;
use super::SoundFile;
use crate::engine::Insert;
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
