//! Programs that are not Rust: found, installed where that is allowed, run, and named in errors.

use std::path::Path;
use std::process::Command;
use std::process::Stdio;

use crate::error::TaskError;
use crate::paths;

/// Runs a program in the workspace's root; its output goes to the terminal.
pub(crate) fn run(command: &mut Command) -> Result<(), TaskError> {
    let shown = format!("{command:?}").replace('"', "");
    eprintln!("$ {shown}");
    let status = command.current_dir(paths::root()).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(TaskError::Program(format!("{shown} ({status})"))),
        Err(error) => Err(TaskError::Program(format!("{shown} ({error})"))),
    }
}

/// The cargo that runs this.
pub(crate) fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Makes sure that something is on this machine. Root on Debian installs its package, others are told how.
pub(crate) fn ensure(
    what: &'static str,
    present: impl Fn() -> bool,
    packages: &[&str],
) -> Result<(), TaskError> {
    if present() {
        return Ok(());
    }
    let hint = format!("apt-get install --yes {}", packages.join(" "));
    if Path::new("/etc/debian_version").exists() && is_root() {
        eprintln!("{what} is missing: {hint}");
        let apt = |arguments: &[&str]| {
            Command::new("apt-get").args(arguments).env("DEBIAN_FRONTEND", "noninteractive").status()
        };
        // What matters is whether it is there afterwards.
        let _ = apt(&["update", "-q"]);
        let _ = apt(&[&["install", "--yes", "-q", "--no-install-recommends"], packages].concat());
        if present() {
            return Ok(());
        }
    }
    Err(TaskError::Missing { program: what, hint })
}

/// Whether a program of this name is on the search path.
pub(crate) fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// Whether a command runs and succeeds; its output is dropped.
pub(crate) fn succeeds(program: &str, arguments: &[&str]) -> bool {
    let status = Command::new(program).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output();
    output.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}
