//! Where things lie in the workspace.

use std::path::PathBuf;

use crate::host::Format;

/// The workspace's root.
pub fn root() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.parent().map_or_else(|| here.clone(), PathBuf::from)
}

/// Cargo's output folder.
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |folder| root().join(folder))
}

/// The bundle that `cargo xtask bundle busker` makes; it may not exist.
pub fn bundle(format: Format) -> PathBuf {
    target().join("bundled").join(match format {
        Format::Clap => "busker.clap",
        Format::Vst3 => "busker.vst3",
    })
}
