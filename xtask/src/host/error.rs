//! What can go wrong between a host and a plugin, in the order of a plugin's life.

use std::path::PathBuf;

/// A plugin or its bundle did not do what the format demands.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// The name ends neither in `.clap` nor in `.vst3`.
    #[error("{0}: neither a .clap nor a .vst3 bundle")]
    UnknownFormat(PathBuf),
    /// The bundle or the library inside it is not there.
    #[error("{0}: no such bundle; run `cargo xtask bundle busker --release`")]
    NoBundle(PathBuf),
    /// The library does not load or lacks the format's entry point.
    #[error("{bundle}: {reason}")]
    Load {
        /// The bundle's path.
        bundle: PathBuf,
        /// What the loader said.
        reason: String,
    },
    /// The bundle holds no plugin of this name or id.
    #[error("no plugin '{wanted}' here; there are: {present}")]
    NoPlugin {
        /// What was asked for.
        wanted: String,
        /// The names that exist.
        present: String,
    },
    /// The plugin lacks something this host needs.
    #[error("the plugin has no {0}")]
    Missing(&'static str),
    /// A call of the plugin failed.
    #[error("the plugin refused: {0}")]
    Refused(&'static str),
    /// A preset file is not what its name says.
    #[error("{file}: {reason}")]
    Preset {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// No parameter has this name, number or text id.
    #[error("no parameter '{0}'")]
    NoParameter(String),
    /// A file cannot be read.
    #[error("{file}: {source}")]
    Read {
        /// The file.
        file: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
}
