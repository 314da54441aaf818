//! `cargo xtask hrir [--check]`: the MIT KEMAR measurements into the HRIRs that are checked in.
//!
//! In: the SOFA file of Debian's package `libmysofa1`. Out: `src/space/kemar.bin` and, for tests, `src/space/measured.rs`, by the
//! library's own fit (`hrir/ears.rs`), which users' files go through too. `--check` writes nothing and fails on a difference
//! above -25 dB. Building Busker needs none of it.

use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use crate::error::TaskError;
use crate::paths;
use crate::tools;

/// Debian's package, and the file in it.
const DEBIAN: &str = "libmysofa1";
const SOFA: &str = "usr/share/libmysofa/MIT_KEMAR_normal_pinna.sofa";

/// Derives the table anew, or with `check` compares what is checked in with it.
pub fn run(check: bool) -> Result<(), TaskError> {
    let space = paths::root().join("src/space");
    let mut fit = tools::cargo();
    fit.args(["run", "--profile", "ci", "--no-default-features", "--example", "ears", "--"]);
    fit.arg(sofa()?)
        .args([space.join("kemar.bin"), space.join("measured.rs")])
        .args(check.then_some("--check"));
    tools::run(&mut fit)
}

/// The measurements: installed, or out of the package, which need not be.
fn sofa() -> Result<PathBuf, TaskError> {
    let installed = Path::new("/").join(SOFA);
    if installed.is_file() {
        return Ok(installed);
    }
    let folder = paths::target().join("hrir");
    let unpacked = folder.join(SOFA);
    let fetch =
        "mkdir -p \"$0\" && cd \"$0\" && apt-get download -q \"$1\" && dpkg-deb --extract \"$1\"_*.deb .";
    if !unpacked.is_file() {
        tools::run(Command::new("sh").args(["-c", fetch]).arg(&folder).arg(DEBIAN))?;
    }
    Ok(unpacked)
}
