//! Recordings: WAV files that are written while the sound goes on.
//!
//! In: frames from rings that the audio thread fills. Out: files that are valid at any time, and what became of them, for
//! display. Nothing here runs on the audio thread, and nothing here knows what is recorded: `engine` takes care of taps.

mod disk;
mod format;
mod name;
mod recording;
mod wav;

pub use disk::Disk;
pub use disk::Medium;
pub use format::Rounded;
pub use format::SampleFormat;
pub(crate) use recording::PATIENCE;
pub use recording::RecordError;
pub use recording::Recording;
pub use recording::RecordingState;
pub use recording::RecordingStatus;
pub use recording::Take;
