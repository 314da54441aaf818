//! `cargo xtask hrir [--check]`: the MIT KEMAR measurements into the HRIRs that are checked in.
//!
//! In: the SOFA file of Debian's package `libmysofa1`. Out: `src/space/kemar.bin` and, for tests, `src/space/measured.rs`,
//! by `hrir/fit.py` in a virtual environment under `target` with pinned packages. `--check` writes nothing and fails on a
//! difference above -60 dB. Building Busker needs none of it.

use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use crate::error::TaskError;
use crate::paths;
use crate::tools;

const PACKAGES: [&str; 2] = ["numpy==2.4.6", "h5py==3.16.0"];
/// Debian's package, and the file in it.
const DEBIAN: &str = "libmysofa1";
const SOFA: &str = "usr/share/libmysofa/MIT_KEMAR_normal_pinna.sofa";

/// Derives the table anew, or with `check` compares what is checked in with it.
pub fn run(check: bool) -> Result<(), TaskError> {
    let has_venv = || tools::succeeds("python3", &["-c", "import ensurepip, venv"]);
    tools::ensure("python3 with venv", has_venv, &["python3-venv"])?;
    let environment = paths::target().join("venv-hrir");
    let python = environment.join("bin/python");
    if !python.is_file() {
        tools::run(Command::new("python3").args(["-m", "venv"]).arg(&environment))?;
    }
    tools::run(Command::new(&python).args(["-m", "pip", "install", "--quiet"]).args(PACKAGES))?;
    let root = paths::root();
    let (script, table) = (root.join("xtask/src/hrir/fit.py"), root.join("src/space/kemar.bin"));
    let mut fit = Command::new(&python);
    // One thread adds up in one order.
    fit.env("OPENBLAS_NUM_THREADS", "1").arg(script).arg(sofa()?).arg(table);
    fit.arg(root.join("src/space/measured.rs")).args(check.then_some("--check"));
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
