//! Why a developer command failed; each reads as one line.

use std::path::PathBuf;

use crate::faust::FaustError;
use crate::host::HostError;

/// A developer command did not come to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TaskError {
    /// A plugin or host step failed.
    #[error(transparent)]
    Host(#[from] HostError),
    /// The machines could not be generated.
    #[error(transparent)]
    Faust(#[from] FaustError),
    /// A file cannot be read or written.
    #[error("{file}: {source}")]
    File {
        /// The file.
        file: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A sound file cannot be written.
    #[error("{file}: {source}")]
    Wav {
        /// The file.
        file: PathBuf,
        /// The writer's reason.
        source: hound::Error,
    },
    /// A picture cannot be written.
    #[error("{file}: {source}")]
    Png {
        /// The file.
        file: PathBuf,
        /// The writer's reason.
        source: png::EncodingError,
    },
    /// A MIDI file is not one.
    #[error("not a MIDI file: {0}")]
    Midi(String),
    /// An argument has the wrong form.
    #[error("{argument}: {reason}")]
    Argument {
        /// As it was typed.
        argument: String,
        /// What is expected.
        reason: String,
    },
    /// A program ran and failed.
    #[error("failed: {0}")]
    Program(String),
    /// A program is not on this machine.
    #[error("{program} is missing; install it with `{hint}`")]
    Missing {
        /// Its name.
        program: &'static str,
        /// The command that installs it.
        hint: String,
    },
    /// The window system refused.
    #[error("X11: {0}")]
    Window(String),
    /// A claim that the command checks does not hold.
    #[error("{0}")]
    Claim(String),
}

impl TaskError {
    /// For `map_err` on file operations.
    pub(crate) fn file(file: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let file = file.into();
        move |source| Self::File { file, source }
    }
}
