//! What edits have changed, to be undone and done again: racks as they were, and parameters that moved with machines.
//!
//! In: a rack before an edit and after it. Out: a step with its name, which leads from the one to the other and gives the step
//! back. What users do to parameters is not here: hosts record that. Any thread but the audio thread.

use crate::engine::Target;
use crate::machine::MachineParameter;
use crate::mixer::Routing;
use crate::mixer::strip_name;
use crate::rack::Controls;
use crate::rack::InsertSlot;
use crate::rack::InstrumentSlot;
use crate::rack::Rack;
use std::collections::VecDeque;

/// How many steps are kept.
const STEPS: usize = 100;

/// A rack to go to.
pub(super) struct Step {
    /// What was edited, for people.
    pub(super) name: String,
    pub(super) rack: Rack,
    /// Plain values of parameters that move with the rack's machines and instruments.
    pub(super) values: Vec<(Target, f32)>,
}

/// Steps back, the last one last, and steps on again.
#[derive(Default)]
pub(super) struct History {
    back: VecDeque<Step>,
    on: Vec<Step>,
    /// By what hold of the user's the last edit was made, if by any.
    hold: Option<u64>,
}

impl History {
    /// Keeps what leads back from an edit. Those of one hold are one step, unless another comes between them.
    pub(super) fn record(&mut self, step: Step, hold: Option<u64>) {
        self.on.clear();
        match self.back.back_mut().filter(|_| hold.is_some() && self.hold == hold) {
            Some(first) => {
                let new = |value: &(Target, f32)| first.values.iter().all(|(target, _)| *target != value.0);
                let new: Vec<_> = step.values.into_iter().filter(new).collect();
                first.values.extend(new);
            }
            None => self.back.push_back(step),
        }
        if self.back.len() > STEPS {
            self.back.pop_front();
        }
        self.hold = hold;
    }

    /// The next step in a direction; what leads back from it is to be left in its place.
    pub(super) fn take(&mut self, way: Way) -> Option<Step> {
        self.hold = None;
        match way {
            Way::Back => self.back.pop_back(),
            Way::On => self.on.pop(),
        }
    }

    /// Leaves what leads back from a step that was taken.
    pub(super) fn leave(&mut self, way: Way, step: Step) {
        match way {
            Way::Back => self.on.push(step),
            Way::On => self.back.push_back(step),
        }
    }

    /// Where the next step in a direction leads.
    pub(super) fn next(&self, way: Way) -> Option<&Step> {
        match way {
            Way::Back => self.back.back(),
            Way::On => self.on.last(),
        }
    }

    /// What the next step in a direction undoes or does again.
    pub(super) fn name(&self, way: Way) -> Option<String> {
        self.next(way).map(|step| step.name.clone())
    }
}

/// A direction in the history of edits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Undo.
    Back,
    /// Redo.
    On,
}

/// What differs between two racks, for people; `None` where nothing does that an edit changes.
pub(super) fn difference(before: &Rack, after: &Rack) -> Option<String> {
    routes(&before.routing, &after.routing)
        .or_else(|| machines(before, after))
        .or_else(|| instruments(before, after))
        .or_else(|| (before.ears != after.ears).then(|| "Ears".to_owned()))
        .or_else(|| (before.song_time != after.song_time).then(|| "Speed and tempo of the song".to_owned()))
        .or_else(|| {
            let song = after.song.as_ref().map_or("none", |song| &song.name);
            (before.song != after.song).then(|| format!("Song: {song}"))
        })
        .or_else(|| {
            let what = differing(&before.replace, &after.replace)?.what;
            Some(format!("Replacement of {what}"))
        })
        .or_else(|| Some(format!("Voice {}", differing(&before.voices, &after.voices)?.slot + 1)))
        .or_else(|| Some(format!("Lane {}", differing(&before.lanes, &after.lanes)?.lane + 1)))
}

/// What moves by parameters, for people.
pub(super) fn controls_of(target: Target) -> String {
    match target {
        Target::InsertMacro { strip, slot, .. } | Target::InsertBypass { strip, slot } => {
            format!("{} Insert {} controls", strip_name(strip), slot + 1)
        }
        Target::InstrumentMacro { slot, .. } => format!("Instrument {} controls", slot + 1),
        _ => "Parameters".to_owned(),
    }
}

/// The first entry of either that the other does not have.
fn differing<'a, T: PartialEq>(before: &'a [T], after: &'a [T]) -> Option<&'a T> {
    let new = after.iter().find(|entry| !before.contains(entry));
    new.or_else(|| before.iter().find(|entry| !after.contains(entry)))
        .or_else(|| before.iter().zip(after).find(|(one, other)| one != other).map(|(_, after)| after))
}

fn routes(before: &Routing, after: &Routing) -> Option<String> {
    if before == after {
        return None;
    }
    let place = |differ: Vec<bool>| match differ.iter().filter(|differs| **differs).count() {
        1 => differ.iter().position(|differs| *differs).map(|place| place + 1),
        _ => None,
    };
    macro_rules! place {
        ($field:ident) => {
            place(before.$field.iter().zip(&after.$field).map(|(one, other)| one != other).collect())
        };
    }
    // Only where nothing but that differs.
    macro_rules! only {
        ($($field:ident)+) => { Routing { $($field: before.$field.clone(),)+ ..after.clone() } == *before };
    }
    Some(if only!(buses) {
        place!(buses).map_or_else(
            || "Routes of buses".to_owned(),
            |bus| {
                let (one, other) = (&before.buses[bus - 1], &after.buses[bus - 1]); // `place!` is of both
                let what = match () {
                    () if one.name != other.name => "name",
                    () if one.to != other.to => "routes",
                    () if one.side != other.side => "what ducks it",
                    () if one.space.is_some() != other.space.is_some() => "in space",
                    () if one.space != other.space => "how it sounds in space",
                    () => "width",
                };
                format!("{}: {what}", strip_name(bus - 1))
            },
        )
    } else if only!(song_channels) {
        place!(song_channels)
            .map_or_else(|| "Buses of song channels".to_owned(), |n| format!("Song channel {n}: bus"))
    } else if only!(keyboard) {
        place!(keyboard).map_or_else(|| "Buses of instruments".to_owned(), |n| format!("Instrument {n}: bus"))
    } else if only!(lanes) {
        place!(lanes).map_or_else(|| "Routes of lanes".to_owned(), |n| format!("Lane {n}: routes"))
    } else if only!(inputs) {
        place!(inputs).map_or_else(|| "Routes of inputs".to_owned(), |n| format!("Input {n}: routes"))
    } else if only!(song_space song_places) {
        "Song in space".to_owned()
    } else if only!(room) {
        "Room".to_owned()
    } else if only!(listener) {
        "How the listener hears".to_owned()
    } else if only!(space_output) {
        "What space is heard through".to_owned()
    } else {
        "Routes".to_owned()
    })
}

fn machines(before: &Rack, after: &Rack) -> Option<String> {
    let place = differing(&before.inserts, &after.inserts).map(|insert| (insert.strip, insert.slot))?;
    let name = format!("{} Insert {}", strip_name(place.0), place.1 + 1);
    let label =
        |insert: &InsertSlot| insert.kind().map_or(insert.machine.clone(), |kind| kind.label().to_owned());
    Some(match (before.machine_in(place), after.machine_in(place)) {
        (Some(one), Some(other)) if one.machine == other.machine => {
            let controls = other.kind().map_or(&[][..], |kind| kind.parameters());
            let what = moved(controls, &one.controls, &other.controls).unwrap_or("controls");
            let what = if one.impulse == other.impulse { what } else { "impulse response" };
            format!("{name} {what}")
        }
        (_, Some(machine)) => format!("{name}: {}", label(machine)),
        (Some(machine), None) => format!("{name}: {} removed", label(machine)),
        (None, None) => name,
    })
}

fn instruments(before: &Rack, after: &Rack) -> Option<String> {
    let slot = differing(&before.instruments, &after.instruments)?.slot;
    let name = format!("Instrument {}", slot + 1);
    let label =
        |slot: &InstrumentSlot| slot.kind().map_or(slot.machine.clone(), |kind| kind.label().to_owned());
    Some(match (before.instrument_in(slot), after.instrument_in(slot)) {
        (Some(one), Some(other)) if one.machine == other.machine => {
            let controls = other.kind().map_or(&[][..], |kind| kind.parameters());
            let what = moved(controls, &one.controls, &other.controls).unwrap_or("controls");
            let what = if one.channels == other.channels { what } else { "song channels" };
            format!("{name} {what}")
        }
        (_, Some(instrument)) => format!("{name}: {}", label(instrument)),
        (Some(instrument), None) => format!("{name}: {} removed", label(instrument)),
        (None, None) => name,
    })
}

/// The one control that differs.
fn moved(controls: &'static [MachineParameter], before: &Controls, after: &Controls) -> Option<&'static str> {
    let mut differing = controls.iter().filter(|control| before.get(control) != after.get(control));
    let first = differing.next()?;
    differing.next().is_none().then_some(first.label)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(number: usize) -> Step {
        Step { name: number.to_string(), rack: Rack::default(), values: Vec::new() }
    }

    #[test]
    fn a_hold_is_one_step_and_the_oldest_steps_are_forgotten() {
        let mut history = History::default();
        let holds = [Some(1), Some(2), Some(2), Some(3), None, None, Some(3)];
        (1..).zip(holds).for_each(|(number, hold)| history.record(step(number), hold));
        let names = |history: &mut History| -> Vec<_> {
            std::iter::from_fn(|| history.take(Way::Back).map(|step| step.name)).collect()
        };
        assert_eq!(names(&mut history), ["7", "6", "5", "4", "2", "1"]);
        (0..2 * STEPS).for_each(|number| history.record(step(number), Some(number as u64)));
        assert_eq!(names(&mut history).len(), STEPS);
    }

    #[test]
    fn an_edit_after_an_undo_forgets_what_was_undone_and_is_a_step_of_its_own() {
        let mut history = History::default();
        history.record(step(1), Some(7));
        history.record(step(2), Some(8));
        let undone = history.take(Way::Back).unwrap();
        history.leave(Way::Back, undone);
        assert_eq!(history.name(Way::On).as_deref(), Some("2"));
        history.record(step(3), Some(8));
        assert_eq!((history.name(Way::Back).as_deref(), history.name(Way::On)), (Some("3"), None));
        assert_eq!(history.back.len(), 2);
    }

    #[test]
    fn a_difference_is_told_by_the_name_of_what_differs() {
        let before = Rack::default();
        let told = |change: &dyn Fn(&mut Rack)| {
            let mut after = before.clone();
            change(&mut after);
            difference(&before, &after)
        };
        assert_eq!(told(&|_| {}), None);
        assert_eq!(told(&|rack| rack.master.look_ahead = true), None);
        for (name, change) in [
            (
                "Bus 3: name",
                &(|rack: &mut Rack| rack.routing.buses[2].name = "Drums".into()) as &dyn Fn(&mut Rack),
            ),
            ("Bus 3: routes", &|rack| rack.routing.buses[2].to.clear()),
            ("Song channel 4: bus", &|rack| rack.routing.song_channels[3] = None),
            ("Buses of song channels", &|rack| rack.routing.song_channels.fill(None)),
            ("Room", &|rack| rack.routing.room = Some(Default::default())),
            ("Master Insert 2: Plate", &|rack| {
                rack.choose_machine((crate::mixer::MASTER, 1), Some(crate::machine::MachineKind::Plate))
            }),
            ("Voice 5", &|rack| rack.voices.push(crate::rack::VoiceSlot::new(4))),
        ] {
            assert_eq!(told(change).as_deref(), Some(name));
        }
    }
}
