//! The recorder: taps in the engine, files beside it, and what a rack says of both.
//!
//! In: sources to record. Out: a WAV file for each, all of which start and stop on the same frame. Any thread that may wait.
//! Nothing starts by itself.

use super::Command;
use super::Control;
use super::Engine;
use crate::mixer::Routing;
use crate::mixer::Tap;
use crate::mixer::TapPoint;
use crate::mixer::TapSource;
use crate::mixer::strip_name;
use crate::recorder::Disk;
use crate::recorder::RecordError;
use crate::recorder::Recording;
use crate::recorder::RecordingState;
use crate::recorder::RecordingStatus;
use crate::recorder::SampleFormat;
use crate::recorder::Take;
use crate::rt::Drops;
use crate::rt::QueueFull;
use serde::Deserialize;
use serde::Serialize;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use std::time::Instant;
use thiserror::Error;

/// How often a wait for room looks again.
const WAIT_STEP: Duration = Duration::from_millis(1);

/// A source that is recorded when the recorder runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArmedTap {
    /// What is recorded.
    pub source: TapSource,
    /// On which side of its gain.
    #[serde(default)]
    pub point: TapPoint,
}

/// What a rack says of the recorder; nothing of it starts a recording.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RecorderSettings {
    /// Where files go, seen from the folder that the user keeps music in; that one without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folder: Option<PathBuf>,
    /// How samples are written.
    pub format: SampleFormat,
    /// At most one for each source; the last counts.
    pub taps: Vec<ArmedTap>,
}

impl RecorderSettings {
    /// Where files go; a folder that says no more than its name lies in `default`.
    pub fn folder_in(&self, default: &Path) -> PathBuf {
        self.folder.as_ref().map_or_else(|| default.to_owned(), |folder| default.join(folder))
    }
}

/// Why a source is not armed, or nothing starts or stops.
#[derive(Debug, Error)]
pub enum ArmError {
    /// There is no file.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The host does not have that input.
    #[error("input {input} cannot be recorded: the host has {}", inputs_text(*inputs))]
    Input {
        /// From 1.
        input: usize,
        /// That the host has.
        inputs: usize,
    },
    /// The engine has not taken what was sent before.
    #[error("the host does not run the plugin's audio, or it is busy; try again once it does")]
    Busy,
}

impl<C> From<QueueFull<C>> for ArmError {
    fn from(_: QueueFull<C>) -> Self {
        Self::Busy
    }
}

fn inputs_text(inputs: usize) -> String {
    match inputs {
        0 => "no inputs".to_owned(),
        1 => "one input".to_owned(),
        more => format!("inputs 1 to {more}"),
    }
}

struct Armed {
    tap: ArmedTap,
    recording: Recording,
}

/// All recordings of an engine. Dropping it ends and completes them, each where its writer is by then: stop them before if the
/// engine runs on and files are to have one length.
pub struct Recorder {
    control: Arc<Control>,
    disk: Disk,
    armed: Vec<Armed>,
    running: bool,
}

/// All recordings as they are now.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RecorderStatus {
    /// Whether they were started and not stopped.
    pub running: bool,
    /// Each source that is armed, with its tap.
    pub recordings: Vec<(ArmedTap, RecordingStatus)>,
}

impl RecorderStatus {
    /// What disks were too slow for, in sum.
    pub fn dropped(&self) -> Drops {
        self.recordings.iter().fold(Drops::default(), |sum, (_, recording)| Drops {
            frames: sum.frames + recording.dropped.frames,
            blocks: sum.blocks + recording.dropped.blocks,
        })
    }

    /// Whether any is being written.
    pub fn is_writing(&self) -> bool {
        self.recordings.iter().any(|(_, recording)| recording.state == RecordingState::Running)
    }

    /// Seconds of the longest.
    pub fn seconds(&self) -> f64 {
        self.recordings.iter().map(|(_, recording)| recording.seconds).fold(0.0, f64::max)
    }

    /// The first thing that went wrong, if anything has.
    pub fn error(&self) -> Option<&str> {
        self.recordings.iter().find_map(|(_, recording)| recording.error.as_deref())
    }
}

impl Recorder {
    /// For the engine that `control` belongs to, onto the real disk.
    pub fn new(control: Arc<Control>) -> Self {
        Self::with_disk(control, Disk::default())
    }

    /// The same onto another disk.
    pub fn with_disk(control: Arc<Control>, disk: Disk) -> Self {
        Self { control, disk, armed: Vec::new(), running: false }
    }

    /// Arms a source for `folder`: makes its file and has the engine tap it. One that was armed before ends.
    pub fn arm(
        &mut self,
        tap: ArmedTap,
        routing: &Routing,
        (folder, format): (&Path, SampleFormat),
    ) -> Result<(), ArmError> {
        let inputs = self.control.layout().input_channels();
        if let TapSource::Input(input) = tap.source
            && input >= inputs
        {
            return Err(ArmError::Input { input: input + 1, inputs });
        }
        self.disarm(tap.source)?;
        let channels = match tap.source {
            TapSource::Input(_) => 1,
            TapSource::Strip(strip) => routing.strip_channels(self.control.layout(), strip),
        };
        let take = Take {
            name: take_name(tap.source, routing),
            channels,
            rate: self.control.rate(),
            format,
            folder: folder.to_owned(),
            // Files of one take have one number, where the folder lets them.
            number: self.armed.iter().map(|armed| armed.recording.number()).max().unwrap_or(1),
        };
        let (writer, recording) = Recording::arm(&take, &self.disk)?;
        let new = Some(Box::new(Tap::new(tap.point, writer)));
        self.control.send(Command::Tap { source: tap.source, tap: new })?;
        self.armed.push(Armed { tap, recording });
        Ok(())
    }

    /// Arms what a rack names and disarms all else; what cannot be armed is told.
    pub fn arm_all(
        &mut self,
        settings: &RecorderSettings,
        routing: &Routing,
        default_folder: &Path,
    ) -> Vec<ArmError> {
        let folder = settings.folder_in(default_folder);
        let gone = self.armed.iter().map(|armed| armed.tap.source).collect::<Vec<_>>();
        let disarmed: Vec<_> = gone.into_iter().map(|source| self.disarm(source)).collect();
        let armed = settings.taps.iter().map(|&tap| self.arm(tap, routing, (&folder, settings.format)));
        disarmed.into_iter().chain(armed.collect::<Vec<_>>()).filter_map(Result::err).collect()
    }

    /// Ends a source's recording and completes its file; waits for the disk, but not for ever.
    pub fn disarm(&mut self, source: TapSource) -> Result<(), ArmError> {
        let Some(at) = self.armed.iter().position(|armed| armed.tap.source == source) else { return Ok(()) };
        self.control.send(Command::Tap { source, tap: None })?;
        self.armed.remove(at);
        Ok(())
    }

    /// Starts all that is armed, on the first frame of the engine's next call.
    pub fn start(&mut self) -> Result<(), ArmError> {
        self.control.send(Command::Record(true))?;
        self.running = true;
        Ok(())
    }

    /// Stops and completes all, likewise; they stay armed, and another start makes new files.
    pub fn stop(&mut self) -> Result<(), ArmError> {
        self.control.send(Command::Record(false))?;
        self.running = false;
        Ok(())
    }

    /// Has all writers look at once what there is.
    pub fn hurry(&self) {
        self.armed.iter().for_each(|armed| armed.recording.hurry());
    }

    /// Whether it was started and not stopped.
    pub fn is_running(&self) -> bool {
        self.running
    }

    /// All recordings as they are now.
    pub fn status(&self) -> RecorderStatus {
        let recordings = self.armed.iter().map(|armed| (armed.tap, armed.recording.status())).collect();
        RecorderStatus { running: self.running, recordings }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        for armed in &self.armed {
            // Without room the engine keeps a tap that nobody reads: it counts, and does no harm.
            let _ = self.control.send(Command::Tap { source: armed.tap.source, tap: None });
        }
        Recording::end_all(self.armed.drain(..).map(|armed| armed.recording));
    }
}

/// `Input 1`, `Bus 3 Drums`, `Return 1`, `Master`.
fn take_name(source: TapSource, routing: &Routing) -> String {
    match source {
        TapSource::Input(input) => format!("Input {}", input + 1),
        TapSource::Strip(strip) => {
            let (plain, own) = (strip_name(strip), routing.bus_name(strip));
            if own == plain { plain } else { format!("{plain} {own}") }
        }
    }
}

/// Waits until recordings and the measuring of loudness have room for a call of `frames`; false where `patience` was too
/// short. For offline rendering, whose time nobody waits for; others poll the worker meanwhile.
pub fn wait_for_room(engine: &mut Engine, frames: usize, patience: Duration) -> bool {
    let began = Instant::now();
    while !engine.has_room(frames) {
        if began.elapsed() > patience {
            return false;
        }
        thread::sleep(WAIT_STEP);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_words_in_a_file_and_come_back() {
        let text = r#"
            folder = "Takes"
            format = "i24"
            taps = [{ source = "input 1", point = "pre" }, { source = "bus 3" }, { source = "master" }]
        "#;
        let settings: RecorderSettings = toml::from_str(text).unwrap();
        assert_eq!((settings.format, &settings.folder), (SampleFormat::I24, &Some("Takes".into())));
        let (pre, post) = (TapPoint::PreGain, TapPoint::PostGain);
        let tap = |source, point| ArmedTap { source, point };
        assert_eq!(
            settings.taps,
            [tap(TapSource::Input(0), pre), tap(TapSource::Strip(2), post), tap(TapSource::Strip(18), post)]
        );
        let again = toml::to_string(&settings).unwrap();
        assert!(again.contains(r#"point = "pre""#), "{again}");
        assert_eq!(toml::from_str::<RecorderSettings>(&again).unwrap(), settings);
        assert_eq!(toml::from_str::<RecorderSettings>("").unwrap(), RecorderSettings::default());
        let error = toml::from_str::<RecorderSettings>(r#"taps = [{ source = "bus 40" }]"#).unwrap_err();
        assert!(error.to_string().contains("\"bus 40\" cannot be recorded"), "{error}");
    }
}
