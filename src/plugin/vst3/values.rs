//! Sets the plugin's own parameters at the points a VST3 host sends, in the framework's place.
//!
//! In: parameter id and value. Out: the parameter holds it and the engine's table has it marked. Audio thread. The framework
//! would post a task to its background thread for each new value: that wakes a thread by a system call, and an
//! instance that dies before its task ends the thread for all the others.

use nice_plug::prelude::ParamPtr;
use nice_plug::prelude::Params;
use nice_plug::wrapper::vst3::vst3::Steinberg::Vst::ParamID;
use nice_plug::wrapper::vst3::vst3::Steinberg::Vst::ParamValue;
use std::collections::HashMap;
use std::sync::Arc;

/// The parameters of one instance by the ids hosts use.
pub(super) struct Values {
    by_id: HashMap<ParamID, ParamPtr>,
    /// What the pointers point into.
    _params: Option<Arc<dyn Params>>,
}

impl Values {
    /// Parameters by their ids, and what keeps them alive.
    pub(super) fn new(
        by_id: impl Iterator<Item = (ParamID, ParamPtr)>,
        params: Option<Arc<dyn Params>>,
    ) -> Self {
        Values { by_id: by_id.collect(), _params: params }
    }

    /// Whether this is one of the plugin's own. Real-time: yes.
    pub(super) fn contains(&self, parameter: ParamID) -> bool {
        self.by_id.contains_key(&parameter)
    }

    /// Takes a normalised value; what is no number changes nothing. Real-time: yes.
    pub(super) fn set(&self, parameter: ParamID, value: ParamValue) {
        if let Some(pointer) = self.by_id.get(&parameter).filter(|_| value.is_finite()) {
            // SAFETY: the parameters live as long as `self`. The value is atomic, so any thread may set it.
            unsafe { pointer._internal_set_normalized_value(value as f32) };
        }
    }
    /// The plugin's words for a value, as a whole of number and unit. Not real-time.
    pub(super) fn text(&self, parameter: ParamID, value: ParamValue) -> Option<String> {
        let pointer = self.by_id.get(&parameter)?;
        // SAFETY: the parameters live as long as `self`.
        Some(unsafe { pointer.normalized_value_to_string(value as f32, false) })
    }
}
