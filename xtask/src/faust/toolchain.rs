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

/// A Python that has the compiler.
pub(super) struct Toolchain {
    python: PathBuf,
}

impl Toolchain {
    /// Makes the virtual environment if it is not there yet.
    pub(super) fn install(folder: &Path) -> Result<Self, FaustError> {
        let (programs, python) = if cfg!(windows) { ("Scripts", "python.exe") } else { ("bin", "python") };
        let python = folder.join(programs).join(python);
        let stamp = folder.join("installed");
        if fs::read_to_string(&stamp).is_ok_and(|installed| installed == PACKAGE) {
            return Ok(Self { python });
        }
        println!("installing {PACKAGE} in {}", folder.display());
        run(Command::new("python3").args(["-m", "venv"]).arg(folder))?;
        run(Command::new(&python).args(["-m", "pip", "install", "--quiet", PACKAGE]))?;
        super::write_file(&stamp, PACKAGE)?;
        Ok(Self { python })
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
