//! The host's state, looked at before the framework applies it and completed while it does.
//!
//! In: the bytes a host restores. Out: a named error for anything that is not whole, so that the old state stays; and a value for
//! every parameter, since those an older version did not know take their defaults. The host's main thread.

use super::Instance;
use super::instance::Spoilt;
use crate::engine;
use crate::engine::Kind;
use crate::engine::ParameterSpec;
use crate::rack::RACK_FIELD;
use crate::rack::RackError;
use nice_plug::plugin::ParamValue;
use nice_plug::prelude::PluginState;
use thiserror::Error;

/// More than any state may have; the framework's own limit.
pub(super) const MAX_BYTES: usize = 256 << 20;

/// Why a state is refused.
#[derive(Debug, Error)]
pub(super) enum StateError {
    /// Fewer bytes than it says.
    #[error("the saved state is cut off: {missing} bytes are missing")]
    Truncated { missing: u64 },
    /// Not what the framework writes.
    #[error("the saved state is damaged: {0}")]
    Json(#[from] serde_json::Error),
    /// Something inside that a decoder gives up on.
    #[error(transparent)]
    Spoilt(#[from] Spoilt),
    /// The rack inside cannot be used.
    #[error(transparent)]
    Rack(#[from] RackError),
}

/// Checks everything of a state: its form, and that the song inside can be loaded. Keeps the loaded rack for `restore`.
pub(super) fn examine(bytes: &[u8], instance: &Instance) -> Result<(), StateError> {
    let state: PluginState = serde_json::from_slice(bytes)?;
    let Some(field) = state.fields.get(RACK_FIELD) else { return Ok(()) };
    let text: String = serde_json::from_str(field)?;
    instance.examine(&text)
}

/// The same for a state with its length in front, as CLAP has it.
pub(super) fn examine_with_length(bytes: &[u8], instance: &Instance) -> Result<(), StateError> {
    let (length, rest) = bytes.split_at_checked(size_of::<u64>()).unwrap_or_default();
    let length = length.try_into().map_or(size_of::<u64>() as u64, u64::from_le_bytes);
    let missing = length.saturating_sub(rest.len() as u64);
    match rest.get(..usize::try_from(length).unwrap_or(usize::MAX)) {
        Some(state) => examine(state, instance),
        None => Err(StateError::Truncated { missing }),
    }
}

/// Gives every parameter a value of its own type and range.
pub(super) fn complete(state: &mut PluginState) {
    for spec in engine::table() {
        let saved = state.params.remove(&spec.id);
        let value = saved.and_then(|value| valid(&spec, value)).unwrap_or_else(|| default(&spec));
        state.params.insert(spec.id, value);
    }
}

fn default(spec: &ParameterSpec) -> ParamValue {
    let plain = spec.kind.default_value();
    match spec.kind {
        Kind::Switch { on } => ParamValue::Bool(on),
        Kind::Choice { .. } | Kind::Integer { .. } => ParamValue::I32(plain as i32),
        Kind::Level { .. } | Kind::Number { .. } | Kind::Pan | Kind::Macro { .. } => {
            ParamValue::F32(spec.kind.normalise(plain))
        }
    }
}

fn valid(spec: &ParameterSpec, value: ParamValue) -> Option<ParamValue> {
    match (&spec.kind, value) {
        (Kind::Switch { .. }, value @ ParamValue::Bool(_)) => Some(value),
        (Kind::Choice { labels, .. }, ParamValue::I32(index)) => {
            usize::try_from(index).is_ok_and(|index| index < labels.len()).then_some(ParamValue::I32(index))
        }
        (Kind::Integer { min, max, .. }, ParamValue::I32(plain)) => {
            Some(ParamValue::I32(plain.clamp(*min, *max)))
        }
        (
            Kind::Level { .. } | Kind::Number { .. } | Kind::Pan | Kind::Macro { .. },
            ParamValue::F32(normalised),
        ) => normalised.is_finite().then_some(ParamValue::F32(normalised.clamp(0.0, 1.0))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::kind::Instrument;
    use super::*;
    use crate::rack::Rack;
    use std::collections::BTreeMap;

    fn state(rack: &str) -> PluginState {
        let fields = [(RACK_FIELD.to_owned(), serde_json::to_string(rack).unwrap())].into();
        PluginState { version: "0.1.0".to_owned(), params: BTreeMap::new(), fields }
    }

    #[test]
    fn garbage_is_refused_wherever_it_is() {
        let instance = Instance::new::<Instrument>();
        let examine = |bytes: &[u8]| super::examine(bytes, &instance);
        assert!(matches!(examine(b"{"), Err(StateError::Json(_))));
        let whole = serde_json::to_vec(&state(&Rack::default().pack().unwrap())).unwrap();
        assert!(examine(&whole).is_ok());
        let spoilt = serde_json::to_vec(&state("no rack")).unwrap();
        assert!(matches!(examine(&spoilt), Err(StateError::Rack(_))));
    }

    #[test]
    fn a_decoder_that_panics_does_not_reach_the_host() {
        let instance = Instance::new::<Instrument>();
        let whole = serde_json::to_vec(&state(&Rack::default().pack().unwrap())).unwrap();
        instance.at_file(|_| panic!("planted"));
        let refused = examine(&whole, &instance).unwrap_err().to_string();
        assert!(refused.starts_with("the saved state: could not be read"), "{refused}");
        let refused = instance.open(std::path::Path::new("a.it")).unwrap_err().to_string();
        assert!(refused.starts_with("a.it: could not be read"), "{refused}");
    }

    #[test]
    fn a_rack_written_as_a_preset_is_a_state() {
        let instance = Instance::new::<Instrument>();
        let bytes = Rack::demo().host_state(&engine::table()).unwrap();
        assert!(examine(&bytes, &instance).is_ok());
    }

    #[test]
    fn a_state_shorter_than_its_length_is_refused() {
        let instance = Instance::new::<Instrument>();
        let whole = serde_json::to_vec(&state(&Rack::default().pack().unwrap())).unwrap();
        let mut bytes = (whole.len() as u64).to_le_bytes().to_vec();
        bytes.extend_from_slice(&whole);
        assert!(examine_with_length(&bytes, &instance).is_ok());
        bytes.pop();
        let error = examine_with_length(&bytes, &instance);
        assert!(matches!(error, Err(StateError::Truncated { missing: 1 })), "{error:?}");
        assert!(matches!(examine_with_length(&[1, 2], &instance), Err(StateError::Truncated { .. })));
    }

    #[test]
    fn missing_and_absurd_values_take_defaults() {
        let mut state = state("");
        state.params.insert("b01g".to_owned(), ParamValue::F32(f32::NAN));
        state.params.insert("b02g".to_owned(), ParamValue::F32(0.25));
        state.params.insert("sync".to_owned(), ParamValue::I32(99));
        complete(&mut state);
        assert_eq!(state.params.len(), engine::table().len());
        let unity = engine::table().iter().find(|spec| spec.id == "b01g").map(default);
        assert_eq!(format!("{:?}", state.params.get("b01g")), format!("{unity:?}"));
        assert!(matches!(state.params["b02g"], ParamValue::F32(0.25)));
        assert!(matches!(state.params["sync"], ParamValue::I32(0)));
    }
}
