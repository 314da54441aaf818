//! A rack as the `.vstpreset` file of the instrument, which every VST3 host loads.
//!
//! In: a rack. Out: the file's bytes: a header with the plugin's class, the state that the plugin itself would save, and a list of
//! chunks. The state is JSON with the parameters' values as the host keeps them. Any thread but the audio thread; allocates.
//! Source: Steinberg, VST 3 preset format, `public.sdk/source/vst/vstpresetfile.h`.

use super::PackedError;
use super::Rack;
use super::RackError;
use crate::engine::Kind;
use crate::engine::ParameterSpec;
use serde::Deserialize;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use thiserror::Error;

/// The instrument's class in VST3. It never changes: projects and presets refer to it.
pub const INSTRUMENT_CLASS: [u8; 16] = *b"BuskerInstrument";

/// Name of the field of the host's state that holds the packed rack.
pub const RACK_FIELD: &str = "rack";

/// Bytes before the first chunk: signature, version, class, offset of the list.
const HEADER_BYTES: usize = 4 + 4 + 32 + 8;

/// Bytes of an entry of the list: what it is, where it begins, how long it is.
const LIST_ENTRY_BYTES: usize = 4 + 8 + 8;

/// The host's state: parameters by id, and fields that are JSON themselves.
#[derive(Serialize)]
struct State<'a> {
    version: &'a str,
    params: BTreeMap<&'a str, Value>,
    fields: BTreeMap<&'a str, String>,
}

/// The same as it is read.
#[derive(Deserialize)]
struct Saved {
    #[serde(default)]
    params: BTreeMap<String, Value>,
    #[serde(default)]
    fields: BTreeMap<String, String>,
}

/// A parameter as the host keeps it: continuous ones as 0–1.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Value {
    F32(f32),
    I32(i32),
    Bool(bool),
}

impl Value {
    fn of(spec: &ParameterSpec, plain: f32) -> Self {
        match spec.kind {
            Kind::Switch { .. } => Self::Bool(plain >= 0.5),
            Kind::Choice { .. } | Kind::Integer { .. } => Self::I32(plain.round() as i32),
            Kind::Level { .. } | Kind::Number { .. } | Kind::Pan | Kind::Macro { .. } => {
                Self::F32(spec.kind.normalise(plain))
            }
        }
    }
}

/// Why a preset's file is no rack.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PresetError {
    /// Not what Busker writes.
    #[error("no preset of Busker: choose one that Busker or its host has saved")]
    Foreign,
    /// What the plugin has saved in it is damaged.
    #[error("the preset is damaged: {0}")]
    Json(#[from] serde_json::Error),
    /// The rack inside cannot be used.
    #[error(transparent)]
    Rack(#[from] RackError),
}

impl Rack {
    /// Reads the bytes of a `.vstpreset` file, with the parameters' values.
    pub fn from_vst_preset(bytes: &[u8], table: &[ParameterSpec]) -> Result<Self, PresetError> {
        let state: Saved = serde_json::from_slice(state_in(bytes).ok_or(PresetError::Foreign)?)?;
        let field = state.fields.get(RACK_FIELD).ok_or(PresetError::Foreign)?;
        let mut rack = Self::unpack(&serde_json::from_str::<String>(field)?)?;
        for spec in table {
            let plain = match state.params.get(&spec.id) {
                Some(Value::F32(place)) => spec.kind.plain(*place),
                Some(Value::I32(plain)) => *plain as f32,
                Some(Value::Bool(on)) => f32::from(u8::from(*on)),
                None => continue,
            };
            rack.parameters.insert(&spec.id, plain);
        }
        Ok(rack)
    }

    /// The state that the plugin would save with this rack; parameters without a value are left to their defaults.
    pub fn host_state(&self, table: &[ParameterSpec]) -> Result<Vec<u8>, PackedError> {
        let valued = table.iter().filter_map(|spec| {
            let own = Some(self.default_of(spec)).filter(|own| *own != spec.kind.default_value());
            Some((spec, self.parameters.get(&spec.id).or(own)?))
        });
        let params = valued.map(|(spec, plain)| (spec.id.as_str(), Value::of(spec, plain))).collect();
        let fields = [(RACK_FIELD, serde_json::to_string(&self.pack()?)?)].into();
        Ok(serde_json::to_vec(&State { version: env!("CARGO_PKG_VERSION"), params, fields })?)
    }

    /// The bytes of a `.vstpreset` file.
    pub fn to_vst_preset(&self, table: &[ParameterSpec]) -> Result<Vec<u8>, PackedError> {
        Ok(preset_file(&self.host_state(table)?))
    }
}

/// The state of the component in a preset of any of Busker's plugins.
fn state_in(bytes: &[u8]) -> Option<&[u8]> {
    let number = |at: usize| {
        let number = bytes.get(at..at.checked_add(8)?)?.try_into().ok().map(i64::from_le_bytes)?;
        usize::try_from(number).ok()
    };
    let list = number(HEADER_BYTES - 8)?;
    let entries = bytes.get(list..)?.strip_prefix(b"List")?.len() / LIST_ENTRY_BYTES;
    let mut entries = (0..entries).map(|entry| list + 8 + LIST_ENTRY_BYTES * entry);
    let state = entries.find(|&entry| bytes.get(entry..).is_some_and(|rest| rest.starts_with(b"Comp")))?;
    let start = number(state + 4)?;
    bytes.get(start..start.checked_add(number(state + 12)?)?)
}

fn preset_file(state: &[u8]) -> Vec<u8> {
    let class = INSTRUMENT_CLASS.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02X}"); // writing to a String cannot fail
        text
    });
    let mut file = b"VST3\x01\0\0\0".to_vec();
    file.extend(class.bytes());
    file.extend(((HEADER_BYTES + state.len()) as i64).to_le_bytes());
    file.extend(state);
    file.extend(b"List\x01\0\0\0Comp");
    file.extend((HEADER_BYTES as i64).to_le_bytes());
    file.extend((state.len() as i64).to_le_bytes());
    file
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::table;

    #[test]
    fn a_preset_holds_the_class_the_state_and_where_it_lies() {
        let file = preset_file(b"{}");
        assert_eq!(&file[..8], b"VST3\x01\0\0\0");
        assert_eq!(&file[8..40], b"4275736B6572496E737472756D656E74");
        assert_eq!(file[40..48], 50i64.to_le_bytes());
        assert_eq!(&file[48..], b"{}List\x01\0\0\0Comp\x30\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0");
    }

    #[test]
    fn a_preset_gives_its_rack_and_its_values_back() {
        let mut rack = Rack::demo();
        rack.routing.input = Some(3);
        for (id, plain) in [("b01g", f32::NEG_INFINITY), ("b01m", 1.0), ("sync", 3.0)] {
            rack.parameters.insert(id, plain);
        }
        let bytes = rack.to_vst_preset(&table()).unwrap();
        let read = |bytes: &[u8]| Rack::from_vst_preset(bytes, &table());
        let again = read(&bytes).unwrap();
        assert!(again.routing == rack.routing && again.song == rack.song);
        let values = ["b01g", "b01m", "sync"].map(|id| again.parameters.get(id));
        assert_eq!(values, [Some(f32::NEG_INFINITY), Some(1.0), Some(3.0)]);
        assert!(matches!(read(b"VST3"), Err(PresetError::Foreign)));
        assert!(matches!(read(&preset_file(b"{}")), Err(PresetError::Foreign)));
        assert!(matches!(read(&preset_file(b"{")), Err(PresetError::Json(_))));
        for cut in 0..bytes.len().min(200) {
            assert!(read(&bytes[..cut]).is_err());
        }
    }

    #[test]
    fn the_state_has_the_racks_values_in_the_hosts_scale() {
        let mut rack = Rack::default();
        rack.parameters.insert("b01g", f32::NEG_INFINITY);
        rack.parameters.insert("b01m", 1.0);
        rack.parameters.insert("sync", 3.0);
        let state: serde_json::Value = serde_json::from_slice(&rack.host_state(&table()).unwrap()).unwrap();
        assert_eq!(state["params"]["b01g"]["f32"], 0.0);
        assert_eq!(state["params"]["b01m"]["bool"], true);
        assert_eq!(state["params"]["sync"]["i32"], 3);
        let text: String = serde_json::from_str(state["fields"][RACK_FIELD].as_str().unwrap()).unwrap();
        assert!(Rack::unpack(&text).unwrap().routing == rack.routing);
    }
}
