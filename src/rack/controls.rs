//! Controls of a rack's machine by their paths: `controls = { tone = 3, sidechain = "on", decay = "2.5 s" }`.
//!
//! In: numbers in the control's own unit, or its texts. Out: the values, or which is none and what is allowed. Paths that this
//! version does not know are kept as they are. The first eight belong to the slot's macros: what stands here is what a macro
//! without a value of its own is set to. Any thread but the audio thread.

use super::InsertSlot;
use super::InstrumentSlot;
use crate::machine::InstrumentKind;
use crate::machine::MachineKind;
use crate::machine::MachineParameter;
use crate::mixer::MACROS;
use crate::mixer::Unknown;
use crate::mixer::strip_name;
use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use serde::de::MapAccess;
use serde::de::Visitor;
use serde::de::value::MapAccessDeserializer;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;
use toml::Spanned;

/// See the module's description.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Controls(Unknown);

struct ControlsVisitor;

impl<'de> Visitor<'de> for ControlsVisitor {
    type Value = Controls;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("values of the machine's controls by their paths")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Controls, A::Error> {
        Unknown::deserialize(MapAccessDeserializer::new(map)).map(Controls)
    }
}

impl<'de> Deserialize<'de> for Controls {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ControlsVisitor)
    }
}

impl Controls {
    /// Whether all is at its default.
    pub fn is_empty(&self) -> bool {
        self.0.0.is_empty()
    }

    /// The value of a control, where the rack has one. Numbers beyond its range, as only a host's state can have them, are kept
    /// within it.
    pub fn get(&self, parameter: &MachineParameter) -> Option<f32> {
        let written = self.0.0.get(parameter.path)?;
        value_of(parameter, written).or_else(|| nearest(parameter, written))
    }

    /// Sets a control, kept within its range; its default leaves nothing to save.
    pub fn set(&mut self, parameter: &MachineParameter, value: f32) {
        let value = parameter.clamp(value);
        if value == parameter.default {
            self.0.0.remove(parameter.path);
        } else {
            self.0.0.insert(parameter.path.to_owned(), written(parameter, value));
        }
    }

    /// Values of a machine's controls after its macros, in their order.
    pub(super) fn further(&self, kind: MachineKind) -> Vec<f32> {
        let further = kind.parameters().iter().skip(MACROS);
        further.map(|parameter| self.get(parameter).unwrap_or(parameter.default)).collect()
    }

    /// Paths that none of the controls has.
    pub(super) fn unknown(&self, controls: &'static [MachineParameter]) -> impl Iterator<Item = &str> {
        let known = move |path: &&str| controls.iter().any(|control| control.path == *path);
        self.0.0.keys().map(String::as_str).filter(move |path| !known(path))
    }

    /// Leaves out what is at its default anyway.
    pub(super) fn tidy(&mut self, controls: &[MachineParameter]) {
        let at_default = |parameter: &&MachineParameter| {
            let written = self.0.0.get(parameter.path);
            written.and_then(|written| value_of(parameter, written)) == Some(parameter.default)
        };
        let idle: Vec<_> = controls.iter().filter(at_default).collect();
        idle.iter().for_each(|parameter| drop(self.0.0.remove(parameter.path)));
    }

    /// Leaves out what parameters say.
    pub(super) fn without_macros(mut self, kind: Option<MachineKind>) -> Self {
        let macros = kind.iter().flat_map(|kind| kind.parameters().iter().take(MACROS));
        macros.for_each(|parameter| drop(self.0.0.remove(parameter.path)));
        self
    }

    /// The first control whose value is none.
    fn wrong(&self, controls: &'static [MachineParameter]) -> Option<(&'static MachineParameter, &Value)> {
        let mut written = controls.iter().filter_map(|parameter| {
            let written = self.0.0.get(parameter.path)?;
            Some((parameter, written))
        });
        written.find(|(parameter, written)| value_of(parameter, written).is_none())
    }
}

/// A list of machines in a rack.
#[derive(Clone, Copy, Debug)]
enum List {
    Inserts,
    Instruments,
}

/// A control that cannot be set so.
#[derive(Debug)]
pub struct WrongControl {
    /// Which list of the rack's, and the machine's place there from 0.
    machine: (List, usize),
    place: String,
    control: &'static MachineParameter,
    found: String,
    /// Of the file, where it was read from one.
    line: Option<usize>,
}

impl fmt::Display for WrongControl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, control, found, line, .. } = self;
        let line = line.map_or_else(String::new, |line| format!(" on line {line}"));
        let (path, label) = (control.path, control.label);
        write!(out, "{place}: {path} ({label}) is {found}{line}: it can be {}", allowed(control))
    }
}

impl WrongControl {
    /// The first control of any machine whose value is none.
    pub(super) fn first(inserts: &[InsertSlot], instruments: &[InstrumentSlot]) -> Option<Self> {
        let of_insert = |(number, slot): (usize, &InsertSlot)| {
            let place = format!("insert slot {} of {}", slot.slot + 1, strip_name(slot.strip));
            let known = slot.kind().map(MachineKind::parameters)?;
            Some(Self::new((List::Inserts, number), place, slot.controls.wrong(known)?))
        };
        let of_instrument = |(number, slot): (usize, &InstrumentSlot)| {
            let known = slot.kind().map(InstrumentKind::parameters)?;
            let place = format!("instrument {}", slot.slot + 1);
            Some(Self::new((List::Instruments, number), place, slot.controls.wrong(known)?))
        };
        let wrong = inserts.iter().enumerate().find_map(of_insert);
        wrong.or_else(|| instruments.iter().enumerate().find_map(of_instrument))
    }

    fn new(
        machine: (List, usize),
        place: String,
        (control, found): (&'static MachineParameter, &Value),
    ) -> Self {
        Self { machine, place, control, found: found.to_string(), line: None }
    }

    /// The same with its line of the rack's file.
    pub(super) fn in_file(self, text: &str) -> Self {
        let (list, number) = self.machine;
        let machine = toml::from_str::<Places>(text).ok().and_then(|places| {
            let places = match list {
                List::Inserts => places.inserts,
                List::Instruments => places.instruments,
            };
            places.into_iter().nth(number)
        });
        let at =
            machine.and_then(|machine| machine.controls.get(self.control.path).map(|at| at.span().start));
        let line = at.and_then(|at| text.get(..at)).map(|before| before.matches('\n').count() + 1);
        Self { line, ..self }
    }
}

/// Where controls stand in a file.
#[derive(Deserialize)]
struct Places {
    #[serde(default)]
    inserts: Vec<Place>,
    #[serde(default)]
    instruments: Vec<Place>,
}

#[derive(Deserialize)]
struct Place {
    #[serde(default)]
    controls: BTreeMap<String, Spanned<toml::Value>>,
}

/// What a file says of a control, if that is one of its values.
fn value_of(parameter: &MachineParameter, written: &Value) -> Option<f32> {
    let value = match written {
        Value::Number(number) => number.as_f64()? as f32,
        Value::String(text) => parameter.parse(text)?,
        Value::Bool(on) => parameter.parse(if *on { "On" } else { "Off" })?,
        Value::Null | Value::Array(_) | Value::Object(_) => return None,
    };
    let whole = parameter.choices.is_empty() || value.fract() == 0.0;
    (whole && parameter.clamp(value) == value).then_some(value)
}

/// The value nearest to a number that is none of the control's; choices have no nearest one.
fn nearest(parameter: &MachineParameter, written: &Value) -> Option<f32> {
    let value = written.as_f64().map(|value| value as f32)?;
    (parameter.choices.is_empty() && !value.is_nan()).then(|| parameter.clamp(value))
}

/// As it is saved: a choice by its name, and else the shortest number that means exactly the same.
fn written(parameter: &MachineParameter, value: f32) -> Value {
    if !parameter.choices.is_empty() {
        return parameter.text(value).into();
    }
    value.to_string().parse::<f64>().unwrap_or(f64::from(value)).into()
}

fn allowed(parameter: &MachineParameter) -> String {
    match parameter.choices {
        [] => format!("{} to {}", parameter.text(parameter.min), parameter.text(parameter.max)),
        choices => choices.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Rack;
    use super::*;

    const HEAD: &str = "version = { major = 1, minor = 0 }\n[[inserts]]\nstrip = \"bus 3\"\nslot = 2\n";

    fn rack(lines: &str) -> Result<Rack, String> {
        Rack::from_toml(&format!("{HEAD}{lines}\n")).map_err(|error| error.to_string())
    }

    fn value(machine: &str, path: &str, written: &str) -> f32 {
        let rack = rack(&format!("machine = \"{machine}\"\ncontrols = {{ {path} = {written} }}")).unwrap();
        let kind = rack.inserts[0].kind().unwrap();
        rack.inserts[0].controls.get(&kind.parameters()[kind.parameter_index(path).unwrap()]).unwrap()
    }

    #[test]
    fn controls_are_numbers_or_their_own_texts() {
        for written in ["2.5", "\"2.5\"", "\"2.50 s\"", "\"2.5S\""] {
            assert_eq!(value("reverb", "low_decay", written), 2.5, "{written}");
        }
        for written in ["1", "\"On\"", "\"on\"", "true"] {
            assert_eq!(value("compressor", "sidechain", written), 1.0, "{written}");
        }
        assert_eq!(value("eq", "mid_2_gain", "-3"), -3.0);
    }

    #[test]
    fn what_is_no_value_is_refused_with_its_line_and_what_is_allowed() {
        let refused = |machine: &str, path: &str, written: &str| {
            rack(&format!("machine = \"{machine}\"\n[inserts.controls]\n# a comment\n{path} = {written}"))
                .err()
                .unwrap()
        };
        let decay = "it can be 0.20 s to 20.00 s";
        for written in ["99", "0.19", "nan", "inf", "\"long\"", "\"2 Hz\"", "true", "[1]"] {
            let error = refused("reverb", "low_decay", written);
            let place = "insert slot 2 of Bus 3: low_decay (Low decay) is ";
            assert!(error.contains(place) && error.contains(" on line 8: "), "{error}");
            assert!(error.ends_with(decay), "{error}");
        }
        let error = refused("compressor", "sidechain", "0.5");
        assert!(error.ends_with("sidechain (Sidechain) is 0.5 on line 8: it can be Off, On"), "{error}");
        let error = refused("compressor", "key_low_cut", "1");
        assert!(error.contains(" is 1 on line 8: it can be "), "{error}");
        assert!(rack("machine = \"reverb\"\ncontrols = 3").err().unwrap().contains("line 6"));
    }

    #[test]
    fn defaults_are_not_saved_and_what_nobody_knows_is() {
        let text = "machine = \"reverb\"\ncontrols = { diffusion = 33.3, motion = \"now\", tune = [1, 2] }";
        let kept = |text: &str| rack(text).unwrap().to_toml().unwrap();
        assert!(rack(text).is_err(), "motion is a number");
        let motion =
            &MachineKind::Reverb.parameters()[MachineKind::Reverb.parameter_index("motion").unwrap()];
        let written = kept(&text.replace("\"now\"", &motion.default.to_string()));
        assert!(written.contains("[inserts.controls]\ndiffusion = 33.3\ntune = [1, 2]\n"), "{written}");
        let strange = kept("machine = \"toaster\"\ncontrols = { heat = -inf }");
        assert!(strange.contains("heat = \"-inf\""), "{strange}");
    }

    #[test]
    fn every_value_that_is_set_survives_a_file_and_a_state_exactly() {
        for &kind in MachineKind::ALL {
            let mut slot = InsertSlot::new(0, 0, kind.id());
            for (number, parameter) in kind.parameters().iter().enumerate() {
                slot.controls.set(parameter, parameter.value_at(0.31 + 0.017 * number as f32));
            }
            let wanted = slot.controls.further(kind);
            let rack = Rack { inserts: vec![slot], ..Rack::default() };
            let text = rack.to_toml().unwrap();
            let again = Rack::from_toml(&text).unwrap();
            assert!(again == rack, "{text}");
            let state = Rack::unpack(&rack.pack().unwrap()).unwrap();
            for rack in [again, state] {
                assert_eq!(rack.inserts[0].controls.further(kind), wanted, "{text}");
            }
        }
    }

    #[test]
    fn what_belongs_to_macros_is_left_to_the_parameters_of_a_state() {
        let rack = rack("machine = \"reverb\"\ncontrols = { decay = 4, diffusion = 50 }").unwrap();
        let paths = |rack: &Rack| rack.inserts[0].controls.0.0.keys().cloned().collect::<Vec<_>>();
        assert_eq!(paths(&rack), ["decay", "diffusion"]);
        assert_eq!(paths(&Rack::unpack(&rack.pack().unwrap()).unwrap()), ["diffusion"]);
    }
}
