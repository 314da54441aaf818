//! The pinned Faust compiler in its private virtual environment.
//!
//! `cyfaust` 0.2.1 carries Faust 2.88.0 with its libraries, so compiler and libraries are pinned by one version.

use super::FaustError;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

const PACKAGE: &str = "cyfaust==0.2.1";

/// What `-lang rust` output must be headed with.
pub(super) const FAUST_VERSION: &str = "2.88.0";

/// Tables inside the struct, control code apart, no trait, no foreign functions.
pub(super) const RUST_OPTIONS: &[&str] = &["-lang", "rust", "-it", "-ec", "-rnt", "-rnlm"];

const COMPILE: &str = "import sys
from cyfaust.cyfaust import generate_auxfiles_from_file
source, class_name, out = sys.argv[1:4]
if not generate_auxfiles_from_file(source, *sys.argv[4:], '-cn', class_name, '-o', out):
    sys.exit(1)
";

/// Says in the environment's folder what is installed there.
const STAMP: &str = "installed";

fn python(folder: &Path) -> PathBuf {
    folder.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" })
}

/// A Python that has the compiler.
pub(super) struct Toolchain {
    python: PathBuf,
    stamp: PathBuf,
}

impl Toolchain {
    /// Makes the virtual environment if it is not there yet.
    pub(super) fn install(folder: &Path) -> Result<Self, FaustError> {
        if let Ok(found) = Self::find(folder) {
            return Ok(found);
        }
        println!("installing {PACKAGE} in {}", folder.display());
        let python = python(folder);
        run(Command::new("python3").args(["-m", "venv"]).arg(folder))?;
        run(Command::new(&python).args(["-m", "pip", "install", "--quiet", PACKAGE]))?;
        super::write_file(&folder.join(STAMP), PACKAGE)?;
        Self::find(folder)
    }

    /// What was installed earlier.
    pub(super) fn find(folder: &Path) -> Result<Self, FaustError> {
        let stamp = folder.join(STAMP);
        match fs::read_to_string(&stamp) {
            Ok(installed) if installed == PACKAGE => Ok(Self { python: python(folder), stamp }),
            _ => Err(FaustError::NotInstalled),
        }
    }

    /// A file that is as old as the compiler.
    pub(super) fn stamp(&self) -> &Path {
        &self.stamp
    }

    /// Compiles `source` to a class called `class` in `out`.
    pub(super) fn compile(
        &self,
        source: &Path,
        class: &str,
        out: &Path,
        options: &[&str],
    ) -> Result<(), FaustError> {
        let libraries = source.parent().unwrap_or(Path::new(""));
        let mut compile = Command::new(&self.python);
        compile.args(["-c", COMPILE]).arg(source).arg(class).arg(out).args(options).arg("-I").arg(libraries);
        run(&mut compile).map(drop)
    }
}

/// Runs a program to its end and gives what it printed.
pub(super) fn run(command: &mut Command) -> Result<String, FaustError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output =
        command.output().map_err(|source| FaustError::Missing { program: program.clone(), source })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let printed = [output.stdout, output.stderr].concat();
    Err(FaustError::Failed { program, output: String::from_utf8_lossy(&printed).trim().to_owned() })
}
