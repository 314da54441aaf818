//! The engine's parameter table as the framework's parameters.
//!
//! In: the table of `engine::parameter` and the shared values. Out: what hosts list, automate and save. A change stores its plain
//! value for the engine, on whatever thread the host makes it, and marks it; the framework's own smoothing is not used.
//! Continuous parameters are 0–1 here and get their unit from the table, since a level's range begins at `-inf` dB, which no
//! saved state can hold. Two more fields are saved: the rack, as text, and the size of the editor.
#![allow(unsafe_code)] // The framework declares `Params` as an unsafe trait: its pointers must live as long as the object.

mod macros;
mod view;

use crate::engine::Kind;
use crate::engine::Modulation;
use crate::engine::ParameterSpec;
use crate::engine::ParameterValues;
use crate::engine::TRANSPOSE_MAX;
use crate::engine::Target;
use crate::engine::moved;
use crate::machine::InstrumentKind;
use crate::machine::MachineParameter;
use crate::rack::RACK_FIELD;
use crate::units::Semitones;
use nice_plug::params::InternalParamMut;
use nice_plug::params::persist::deserialize_field;
use nice_plug::params::persist::serialize_field;
use nice_plug::prelude::BoolParam;
use nice_plug::prelude::FloatParam;
use nice_plug::prelude::FloatRange;
use nice_plug::prelude::IntParam;
use nice_plug::prelude::IntRange;
use nice_plug::prelude::Param;
use nice_plug::prelude::ParamPtr;
use nice_plug::prelude::ParamSetter;
use nice_plug::prelude::Params;
use std::collections::BTreeMap;
use std::sync::Arc;
pub(crate) use view::EditorView;
pub(crate) use view::LEAST_SIZE;
#[cfg(test)]
pub(crate) use view::SIZE;

/// The field of a saved state that has the editor's size and zoom.
const EDITOR_FIELD: &str = "editor";

/// The rack behind the parameters: where the saved one comes from, where a loaded one goes, and what macros move.
pub(crate) trait RackStore: Send + Sync {
    /// What a macro of an insert slot moves, if it moves anything. Not real-time.
    fn control_in(&self, strip: usize, slot: usize, control: usize) -> Option<MachineParameter>;

    /// The instrument in a slot of the keyboard.
    fn instrument_in(&self, slot: usize) -> Option<InstrumentKind>;
    /// The rack as it is now, as text for the host's state.
    fn save(&self) -> String;
    /// Takes a rack that has been examined. Must not wait for the audio thread.
    fn restore(&self, text: String);
}

/// One parameter, in the framework's type for its kind.
enum Entry {
    Switch(BoolParam),
    Stepped(IntParam),
    Continuous(FloatParam),
}

/// All parameters of an instance, in the table's order.
pub(crate) struct BuskerParams {
    table: Arc<[ParameterSpec]>,
    entries: Vec<Entry>,
    rack: Arc<dyn RackStore>,
    view: Arc<EditorView>,
}

impl BuskerParams {
    pub(crate) fn new(
        table: Arc<[ParameterSpec]>,
        values: &Arc<ParameterValues>,
        rack: Arc<dyn RackStore>,
    ) -> Self {
        let rows = table.iter().enumerate();
        let entries = rows.map(|(index, spec)| entry(index, spec, values, &rack)).collect();
        BuskerParams { table, entries, rack, view: Arc::default() }
    }

    /// 0–1, as the host sees it; 0 past the table.
    pub(crate) fn normalised(&self, index: usize) -> f32 {
        match self.entries.get(index) {
            Some(Entry::Switch(param)) => param.unmodulated_normalized_value(),
            Some(Entry::Stepped(param)) => param.unmodulated_normalized_value(),
            Some(Entry::Continuous(param)) => param.unmodulated_normalized_value(),
            None => 0.0,
        }
    }

    pub(crate) fn editor_view(&self) -> &Arc<EditorView> {
        &self.view
    }

    pub(crate) fn table(&self) -> &[ParameterSpec] {
        &self.table
    }

    /// 0–1 of a new instance; 0 past the table.
    pub(crate) fn default(&self, index: usize) -> f32 {
        let spec = self.table.get(index);
        spec.map_or(0.0, |spec| spec.kind.normalise(spec.kind.default_value()))
    }

    /// The value's text with its unit; empty past the table.
    pub(crate) fn text(&self, index: usize) -> String {
        self.text_at(index, self.normalised(index))
    }

    /// The same of another value.
    pub(crate) fn text_at(&self, index: usize, normalised: f32) -> String {
        let texts = self.table.get(index).map(|spec| Texts::new(spec, &self.rack));
        texts.map_or_else(String::new, |texts| texts.text(plain(&texts.kind, normalised)))
    }

    /// 0–1 of a text with or without its unit; `None` past the table and for what is no value.
    pub(crate) fn parsed(&self, index: usize, text: &str) -> Option<f32> {
        let texts = Texts::new(self.table.get(index)?, &self.rack);
        texts.parse(text).map(|plain| texts.kind.normalise(plain))
    }

    /// Sets a parameter to 0–1 as the framework does what a host asks for; nothing past the table.
    pub(crate) fn take(&self, index: usize, normalised: f32) {
        // SAFETY: values are atomic, so any thread may set them.
        unsafe {
            match self.entries.get(index) {
                Some(Entry::Switch(param)) => param._internal_set_normalized_value(normalised),
                Some(Entry::Stepped(param)) => param._internal_set_normalized_value(normalised),
                Some(Entry::Continuous(param)) => param._internal_set_normalized_value(normalised),
                None => false,
            };
        }
    }

    /// Begins, continues and ends a change by hand, so that hosts can record it.
    pub(crate) fn gesture(&self, index: usize, setter: &ParamSetter<'_>, step: Gesture) {
        match self.entries.get(index) {
            Some(Entry::Switch(param)) => step.apply(param, setter),
            Some(Entry::Stepped(param)) => step.apply(param, setter),
            Some(Entry::Continuous(param)) => step.apply(param, setter),
            None => {}
        }
    }
}

/// A step of a change by hand.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Gesture {
    Begin,
    /// 0–1.
    Move(f32),
    End,
}

impl Gesture {
    fn apply<P: Param>(self, param: &P, setter: &ParamSetter<'_>) {
        match self {
            Gesture::Begin => setter.begin_set_parameter(param),
            Gesture::Move(normalised) => setter.set_parameter_normalized(param, normalised),
            Gesture::End => setter.end_set_parameter(param),
        }
    }
}

/// The plain value of 0–1; the default's own place gives exactly the default, so that a reset fader is at 0 dB to the bit.
fn plain(kind: &Kind, normalised: f32) -> f32 {
    let default = kind.default_value();
    if normalised == kind.normalise(default) { default } else { kind.plain(normalised) }
}

/// A parameter's values as texts, both ways.
struct Texts {
    kind: Kind,
    /// What it acts on.
    target: Target,
    rack: Arc<dyn RackStore>,
}

impl Texts {
    fn new(spec: &ParameterSpec, rack: &Arc<dyn RackStore>) -> Self {
        Texts { kind: spec.kind.clone(), target: spec.target, rack: Arc::clone(rack) }
    }

    /// What a macro moves, while something sits in its slot.
    fn control(&self) -> Option<MachineParameter> {
        match self.target {
            Target::InsertMacro { strip, slot, control } => self.rack.control_in(strip, slot, control),
            Target::InstrumentMacro { slot, control } => {
                self.rack.instrument_in(slot)?.parameters().get(control).copied()
            }
            _ => None,
        }
    }

    fn text(&self, plain: f32) -> String {
        self.control().map_or_else(|| self.kind.text(plain), |control| macros::text(&control, plain))
    }

    fn parse(&self, text: &str) -> Option<f32> {
        self.control().map_or_else(|| self.kind.parse(text), |control| macros::parse(&control, text))
    }
}

fn entry(
    index: usize,
    spec: &ParameterSpec,
    values: &Arc<ParameterValues>,
    rack: &Arc<dyn RackStore>,
) -> Entry {
    match spec.kind {
        Kind::Switch { on } => Entry::Switch(switch(index, spec, values, on)),
        Kind::Choice { labels, default } => {
            let range = IntRange::Linear { min: 0, max: labels.len() as i32 - 1 };
            Entry::Stepped(stepped(index, spec, values, (default as i32, range)))
        }
        Kind::Integer { min, max, default } => {
            Entry::Stepped(stepped(index, spec, values, (default, IntRange::Linear { min, max })))
        }
        Kind::Level { .. } | Kind::Number { .. } | Kind::Pan | Kind::Macro { .. } => {
            Entry::Continuous(continuous(index, spec, values, rack))
        }
    }
}

fn switch(index: usize, spec: &ParameterSpec, values: &Arc<ParameterValues>, on: bool) -> BoolParam {
    let (values, shown, parsed) = (Arc::clone(values), spec.kind.clone(), spec.kind.clone());
    let param = BoolParam::new(spec.full_name(), on)
        .with_callback(Arc::new(move |on| values.set(index, f32::from(u8::from(on)))))
        .with_value_to_string(Arc::new(move |on| shown.text(f32::from(u8::from(on)))))
        .with_string_to_value(Arc::new(move |text| parsed.parse(text).map(|plain| plain >= 0.5)));
    if spec.target.works() { param } else { param.hide() }
}

fn stepped(
    index: usize,
    spec: &ParameterSpec,
    values: &Arc<ParameterValues>,
    (default, range): (i32, IntRange),
) -> IntParam {
    let (values, shown, parsed) = (Arc::clone(values), spec.kind.clone(), spec.kind.clone());
    let param = IntParam::new(spec.full_name(), default, range)
        .with_callback(Arc::new(move |plain| values.set(index, plain as f32)))
        .with_value_to_string(Arc::new(move |plain| shown.text(plain as f32)))
        .with_string_to_value(Arc::new(move |text| parsed.parse(text).map(|plain| plain.round() as i32)));
    if spec.target.works() { param } else { param.hide() }
}

fn continuous(
    index: usize,
    spec: &ParameterSpec,
    values: &Arc<ParameterValues>,
    rack: &Arc<dyn RackStore>,
) -> FloatParam {
    let default = spec.kind.normalise(spec.kind.default_value());
    let (values, kind) = (Arc::clone(values), spec.kind.clone());
    let (shown, parsed) = (Texts::new(spec, rack), Texts::new(spec, rack));
    let param = FloatParam::new(spec.full_name(), default, FloatRange::Linear { min: 0.0, max: 1.0 })
        .with_callback(Arc::new(move |normalised| values.set(index, plain(&kind, normalised))))
        .with_value_to_string(Arc::new(move |normalised| shown.text(plain(&shown.kind, normalised))))
        .with_string_to_value(Arc::new(move |text| {
            parsed.parse(text).map(|plain| parsed.kind.normalise(plain))
        }));
    let param = match modulation_id(spec.target) {
        Some(id) => param.with_poly_modulation_id(id),
        None => param,
    };
    if spec.target.works() { param } else { param.hide() }
}

/// Under which the framework hands on what hosts do to single notes.
const GAIN_MODULATION: u32 = 1;
pub(crate) const TRANSPOSE_MODULATION: u32 = 2;
/// Of where keys are in space, each by its parameter.
const PLACE_MODULATIONS: [(u32, Target); 3] =
    [(3, Target::KeyboardAzimuth), (4, Target::KeyboardElevation), (5, Target::KeyboardDistance)];

fn modulation_id(target: Target) -> Option<u32> {
    match target {
        Target::KeyboardGain => Some(GAIN_MODULATION),
        Target::Transpose => Some(TRANSPOSE_MODULATION),
        _ => PLACE_MODULATIONS.iter().find(|(_, own)| *own == target).map(|(id, _)| *id),
    }
}

/// What a host's modulation of one note does, from its offset of the parameter's 0–1; `None` for an unknown id. Real-time: yes.
pub(crate) fn modulation(id: u32, offset: f32) -> Option<Modulation> {
    match id {
        GAIN_MODULATION => Some(Modulation::Gain(offset)),
        TRANSPOSE_MODULATION => Some(Modulation::Transpose(Semitones(offset * 2.0 * TRANSPOSE_MAX.0))),
        _ => PLACE_MODULATIONS
            .iter()
            .find(|(own, _)| *own == id)
            .and_then(|(_, target)| moved(*target, offset)),
    }
}

// SAFETY: the pointers lead to `entries`, which is neither moved nor changed in length while the object lives.
unsafe impl Params for BuskerParams {
    fn param_map(&self) -> Vec<(String, ParamPtr, String)> {
        let rows = self.table.iter().zip(&self.entries);
        rows.map(|(spec, entry)| {
            let pointer = match entry {
                Entry::Switch(param) => param.as_ptr(),
                Entry::Stepped(param) => param.as_ptr(),
                Entry::Continuous(param) => param.as_ptr(),
            };
            (spec.id.clone(), pointer, spec.group.clone())
        })
        .collect()
    }

    fn serialize_fields(&self) -> BTreeMap<String, String> {
        let rack = serialize_field(&self.rack.save()).ok();
        let view = self.view.save().and_then(|view| serialize_field(&view).ok());
        let fields = [(RACK_FIELD, rack), (EDITOR_FIELD, view)].into_iter();
        fields.filter_map(|(name, field)| Some((name.to_owned(), field?))).collect()
    }

    fn deserialize_fields(&self, serialized: &BTreeMap<String, String>) {
        let text = serialized.get(RACK_FIELD).and_then(|field| deserialize_field(field).ok());
        if let Some(text) = text {
            self.rack.restore(text);
        }
        let view = serialized.get(EDITOR_FIELD).and_then(|field| deserialize_field(field).ok());
        if let Some(view) = view {
            self.view.restore(&view);
        }
    }
}

#[cfg(test)]
mod tests;
