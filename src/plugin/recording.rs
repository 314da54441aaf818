//! The recorder of an instance: what the worker's thread does when somebody arms, starts or stops.
//!
//! In: orders, and what the rack says of the recorder. Out: files in the user's music folder or another, and a status for
//! the editor. Nothing starts by itself: a rack that is loaded only says what would be recorded. Worker's thread.

use crate::engine::ArmError;
use crate::engine::Control;
use crate::engine::Recorder;
use crate::engine::RecorderSettings;
use crate::engine::RecorderStatus;
use crate::mixer::Routing;
use std::path::PathBuf;
use std::sync::Arc;

/// The plugin's own folder among the user's music.
const FOLDER: &str = "Busker";

/// What somebody wants of the recorder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// Make files for what the rack names, unless a take runs: then that comes with the next one.
    Arm,
    Start,
    Stop,
}

/// Where recordings go if the rack does not say: with the user's music, else documents, else wherever programs may write.
pub(crate) fn default_folder() -> PathBuf {
    let known = dirs::audio_dir().or_else(dirs::document_dir).or_else(dirs::home_dir);
    known.unwrap_or_else(std::env::temp_dir).join(FOLDER)
}

/// The recorder of the newest engine, if there is one.
#[derive(Default)]
pub(super) struct Recordings(Option<Recorder>);

impl Recordings {
    /// Completes the files of the engine before: another may have another rate.
    pub(super) fn adopt(&mut self, control: Option<Arc<Control>>) {
        self.0 = None;
        self.0 = control.map(Recorder::new);
    }

    /// Does as asked; gives what could not be done.
    pub(super) fn follow(
        &mut self,
        order: Order,
        (settings, routing): (&RecorderSettings, &Routing),
    ) -> Vec<String> {
        let Some(recorder) = &mut self.0 else {
            return vec![ArmError::Busy.to_string()];
        };
        let arm = |recorder: &mut Recorder| recorder.arm_all(settings, routing, &default_folder());
        let mut errors = match order {
            Order::Arm | Order::Start if !recorder.is_running() => arm(recorder),
            Order::Arm | Order::Start | Order::Stop => Vec::new(),
        };
        let done = match order {
            Order::Arm => Ok(()),
            Order::Start if recorder.status().recordings.is_empty() => Ok(()),
            Order::Start => recorder.start(),
            Order::Stop => recorder.stop(),
        };
        errors.extend(done.err());
        errors.iter().map(ToString::to_string).collect()
    }

    pub(super) fn status(&self) -> RecorderStatus {
        self.0.as_ref().map(Recorder::status).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_recorded_before_there_is_an_engine_and_that_is_said() {
        let mut recordings = Recordings::default();
        let rack = (&RecorderSettings::default(), &Routing::default());
        assert_eq!(recordings.follow(Order::Start, rack), [ArmError::Busy.to_string()]);
        assert_eq!(recordings.status(), RecorderStatus::default());
        assert!(default_folder().is_absolute() && default_folder().ends_with(FOLDER));
    }
}
