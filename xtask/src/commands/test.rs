//! `cargo xtask test`: everything that proves the project right, in the order of what fails soonest.
//!
//! Leaves the bundles of profile `ci` with the allocation guard under `target/bundled`. Steps can be chosen by name.

use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use clap::Args;
use clap::ValueEnum;

use super::bundle::bundle;
use super::screenshot;
use crate::error::TaskError;
use crate::host::Format;
use crate::paths;
use crate::tools;

/// The pinned release of the JUCE host from PyPI.
const PEDALBOARD: &str = "pedalboard==0.9.26";

/// What a test run consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Step {
    /// Rows 1 to 9 and the command line build without any plugin or window crate.
    NoPlugin,
    /// The generated machines are what their Faust sources give, bit for bit.
    Machines,
    /// Both formats with debug assertions and the allocation guard.
    Bundle,
    /// `cargo test` of the workspace.
    Tests,
    /// The guard catches a planted allocation and nothing else.
    AllocGuard,
    /// The real-time sanitizer finds nothing, but the planted fault.
    Rtsan,
    /// The VST3 in a JUCE host.
    Pedalboard,
    /// The editor opens and draws.
    Editor,
}

#[derive(Args)]
pub struct Arguments {
    /// Runs only these steps.
    #[arg(long, value_enum)]
    only: Vec<Step>,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), TaskError> {
    let mut times = Vec::new();
    for &step in Step::value_variants() {
        if !arguments.only.is_empty() && !arguments.only.contains(&step) {
            continue;
        }
        println!("\n== {step:?}");
        let begun = Instant::now();
        run_step(step)?;
        times.push((step, begun.elapsed()));
    }
    println!("\nall passed");
    for (step, time) in times {
        println!("  {:<12} {:6.1} s", format!("{step:?}"), time.as_secs_f64());
    }
    Ok(())
}

fn run_step(step: Step) -> Result<(), TaskError> {
    match step {
        Step::NoPlugin => {
            tools::run(tools::cargo().args(["check", "--no-default-features", "--all-targets"]))
        }
        Step::Machines => crate::faust::run(true),
        Step::Bundle => {
            bundle(["busker", "--profile", "ci", "--features", "alloc-guard"].map(str::to_owned).to_vec())
        }
        Step::Tests => tools::run(tools::cargo().args(["test", "--workspace", "--profile", "ci"])),
        Step::AllocGuard => alloc_guard(),
        Step::Rtsan => rtsan(),
        Step::Pedalboard => pedalboard(),
        Step::Editor => {
            let picture = paths::target().join("editor.png");
            screenshot::run(&screenshot::Arguments::of(paths::bundle(Format::Clap), picture))
        }
    }
}

fn alloc_guard() -> Result<(), TaskError> {
    must_pass(&paths::bundle(Format::Clap))?;
    must_pass(&paths::bundle(Format::Vst3))?;
    let clap = build_library(&["--profile", "ci"], "ci", "alloc-guard,planted-fault")?;
    must_be_caught(&clap, "memory allocation of")
}

fn rtsan() -> Result<(), TaskError> {
    let release = ["--release"];
    must_pass(&build_library(&release, "release", "rtsan")?)?;
    must_be_caught(&build_library(&release, "release", "rtsan,planted-fault")?, "RealtimeSanitizer")
}

/// Builds only the plugin's library and copies it to where the CLAP host finds it.
fn build_library(profile: &[&str], folder: &str, features: &str) -> Result<PathBuf, TaskError> {
    let output = paths::target().join("guarded");
    let mut build = tools::cargo();
    build.args(["build", "--package", "busker", "--lib", "--features", features]).args(profile);
    // A folder of its own: the sanitizer's flags would make cargo rebuild the usual one.
    build.arg("--target-dir").arg(&output);
    build.env("RTSAN_ENABLE", "1").env("RTSAN_LIB_PATH", sanitizer_library()?);
    tools::run(&mut build)?;
    let library = output.join(folder).join("libbusker.so");
    let clap = output.join(features.replace(',', "-")).with_extension("clap");
    std::fs::copy(&library, &clap).map_err(TaskError::file(&library))?;
    Ok(clap)
}

/// The sanitizer's run-time library that comes with the stable compiler.
fn sanitizer_library() -> Result<PathBuf, TaskError> {
    let output =
        Command::new("rustc").args(["--print", "sysroot"]).output().map_err(TaskError::file("rustc"))?;
    let root = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    Ok(root.join("lib/rustlib/x86_64-unknown-linux-gnu/lib/librustc-stable_rt.rtsan.a"))
}

/// The busy performance in a process of its own.
fn render(bundle: &Path) -> Result<Command, TaskError> {
    let mut child = Command::new(std::env::current_exe().map_err(TaskError::file("xtask"))?);
    child.arg("render").arg(bundle);
    Ok(child)
}

fn must_pass(bundle: &Path) -> Result<(), TaskError> {
    tools::run(&mut render(bundle)?)
}

fn must_be_caught(bundle: &Path, words: &str) -> Result<(), TaskError> {
    let output = render(bundle)?.output().map_err(TaskError::file(bundle))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() || !said.contains(words) {
        let status = output.status;
        return Err(TaskError::Claim(format!("{}: not caught ({status})\n{said}", bundle.display())));
    }
    println!("planted fault caught: {}", said.lines().find(|line| line.contains(words)).unwrap_or_default());
    Ok(())
}

fn pedalboard() -> Result<(), TaskError> {
    let has_venv = || tools::succeeds("python3", &["-c", "import venv, ensurepip"]);
    tools::ensure("python3 with venv", has_venv, &["python3", "python3-venv"])?;
    let environment = paths::target().join("venv");
    let python = environment.join("bin/python");
    if !python.exists() {
        tools::run(Command::new("python3").args(["-m", "venv"]).arg(&environment))?;
    }
    tools::run(Command::new(&python).args(["-m", "pip", "install", "--quiet", PEDALBOARD]))?;
    let script = paths::root().join("tests/pedalboard/host.py");
    tools::run(Command::new(&python).arg(script).arg(paths::bundle(Format::Vst3)).arg(paths::target()))
}
