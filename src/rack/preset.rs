//! A rack as the `.vstpreset` file of the instrument, which every VST3 host loads.
//!
//! In: a rack. Out: the file's bytes: a header with the plugin's class, the state that the plugin itself would save, and a list of
//! chunks. The state is JSON with the parameters' values as the host keeps them. Any thread but the audio thread; allocates.
//! Source: Steinberg, VST 3 preset format, `public.sdk/source/vst/vstpresetfile.h`.

use super::PackedError;
use super::Rack;
use crate::engine::Kind;
use crate::engine::ParameterSpec;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The instrument's class in VST3. It never changes: projects and presets refer to it.
pub const INSTRUMENT_CLASS: [u8; 16] = *b"BuskerInstrument";

/// Name of the field of the host's state that holds the packed rack.
pub const RACK_FIELD: &str = "rack";

/// Bytes before the first chunk: signature, version, class, offset of the list.
const HEADER_BYTES: usize = 4 + 4 + 32 + 8;

/// The host's state: parameters by id, and fields that are JSON themselves.
#[derive(Serialize)]
struct State<'a> {
    version: &'a str,
    params: BTreeMap<&'a str, Value>,
    fields: BTreeMap<&'a str, String>,
}

/// A parameter as the host keeps it: continuous ones as 0–1.
#[derive(Serialize)]
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

impl Rack {
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
