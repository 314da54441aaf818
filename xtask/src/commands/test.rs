//! `cargo xtask test`: everything that proves the project right, in the order of what fails soonest.
//!
//! Leaves the bundles of profile `ci` with the allocation guard under `target/bundled`. Steps can be chosen by name.

use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use clap::Args;
use clap::ValueEnum;

use super::bounce::source_of;
use super::bundle::bundle;
use super::screenshot;
use crate::bounce::Source;
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
    /// Both formats with debug assertions and the allocation guard.
    Bundle,
    /// The machines that are checked in are what their Faust sources give.
    Faust,
    /// The ears that are checked in are what the measurements give.
    Hrir,
    /// `cargo test` of the workspace, with the feature `faust-runtime`.
    Tests,
    /// The allocation guard finds nothing in either bundle, but the planted allocation.
    AllocGuard,
    /// The real-time sanitizer finds nothing, but the planted allocation and the planted lock.
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
        Step::NoPlugin => tools::run(tools::cargo().args([
            "check",
            "--profile",
            "ci",
            "--no-default-features",
            "--all-targets",
        ])),
        Step::Bundle => {
            bundle(["busker", "--profile", "ci", "--features", "alloc-guard"].map(str::to_owned).to_vec())
        }
        Step::Faust => crate::faust::run(true),
        Step::Hrir => crate::hrir::run(true),
        Step::Tests => tests(),
        Step::AllocGuard => alloc_guard(),
        Step::Rtsan => rtsan(),
        Step::Pedalboard => pedalboard(),
        Step::Editor => {
            let (bundle, picture) = (paths::bundle(Format::Clap), |name| paths::target().join(name));
            screenshot::run(&screenshot::Arguments::of(bundle.clone(), picture("editor.png")))?;
            screenshot::run(&screenshot::Arguments::by_card(bundle, picture("editor-card.png")))
        }
    }
}

/// All tests, with the programs in Faust that libfaust compiles.
fn tests() -> Result<(), TaskError> {
    let library = || {
        let listed = Command::new("ldconfig").arg("-p").output();
        let listed =
            listed.is_ok_and(|output| output.stdout.windows(13).any(|name| name == b"libfaust.so.2"));
        listed && Path::new("/usr/share/faust/stdfaust.lib").exists()
    };
    tools::ensure("libfaust 2", library, &["libfaust2", "faust-common"])?;
    let mut tests = tools::cargo();
    tests.args(["test", "--workspace", "--profile", "ci", "--features", "busker/faust-runtime"]);
    tools::run(tests.env("BUSKER_FAUST", "required"))
}

fn alloc_guard() -> Result<(), TaskError> {
    [Format::Clap, Format::Vst3].map(paths::bundle).iter().try_for_each(|bundle| must_pass(bundle))?;
    let faulty = build_library("alloc-guard,planted-fault")?;
    faulty.iter().try_for_each(|bundle| must_be_caught(bundle, "allocation", "memory allocation of"))
}

fn rtsan() -> Result<(), TaskError> {
    build_library("rtsan")?.iter().try_for_each(|bundle| must_pass(bundle))?;
    let faulty = build_library("rtsan,planted-fault")?;
    for fault in ["allocation", "lock"] {
        faulty.iter().try_for_each(|bundle| must_be_caught(bundle, fault, "RealtimeSanitizer"))?;
    }
    Ok(())
}

/// Builds only the plugin's library and copies it to where the hosts of both formats find it.
fn build_library(features: &str) -> Result<[PathBuf; 2], TaskError> {
    let mut build = tools::cargo();
    build.args(["build", "--package", "busker", "--lib", "--profile", "ci", "--features", features]);
    build.env("RTSAN_ENABLE", "1").env("RTSAN_LIB_PATH", sanitizer_library()?);
    tools::run(&mut build)?;
    let library = paths::target().join("ci/libbusker.so");
    let folder = paths::target().join("guarded");
    let name = features.replace(',', "-");
    let (clap, vst3) = (folder.join(&name).with_extension("clap"), folder.join(&name).with_extension("vst3"));
    let inside = vst3.join(format!("Contents/{}-linux", std::env::consts::ARCH));
    std::fs::create_dir_all(&inside).map_err(TaskError::file(&inside))?;
    for copy in [clap.clone(), inside.join(&name).with_extension("so")] {
        std::fs::copy(&library, &copy).map_err(TaskError::file(copy))?;
    }
    Ok([clap, vst3])
}

/// The sanitizer's run-time library that comes with the stable compiler.
fn sanitizer_library() -> Result<PathBuf, TaskError> {
    let output =
        Command::new("rustc").args(["--print", "sysroot"]).output().map_err(TaskError::file("rustc"))?;
    let root = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    Ok(root.join("lib/rustlib/x86_64-unknown-linux-gnu/lib/librustc-stable_rt.rtsan.a"))
}

/// A performance in a process of its own.
fn child(performance: &str, bundle: &Path) -> Result<Command, TaskError> {
    let mut child = Command::new(std::env::current_exe().map_err(TaskError::file("xtask"))?);
    child.arg(performance).arg(bundle).env("BUSKER_RECORD", "1");
    Ok(child)
}

/// The busy performance of both plugins, and the whole desk while it is recorded.
fn must_pass(bundle: &Path) -> Result<(), TaskError> {
    ["render", "desk"].iter().try_for_each(|performance| tools::run(&mut child(performance, bundle)?))
}

/// A fault at work on the whole desk.
fn must_be_caught(bundle: &Path, fault: &str, words: &str) -> Result<(), TaskError> {
    let output =
        child("desk", bundle)?.env("BUSKER_FAULT", fault).output().map_err(TaskError::file(bundle))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() || !said.contains(words) {
        let status = output.status;
        return Err(TaskError::Claim(format!("{}: not caught ({status})\n{said}", bundle.display())));
    }
    println!(
        "planted {fault} caught: {}",
        said.lines().find(|line| line.contains(words)).unwrap_or_default()
    );
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
    let mut host = Command::new(&python);
    host.arg(paths::root().join("tests/pedalboard/host.py")).arg(paths::bundle(Format::Vst3));
    let song = paths::root().join("../shared/songs/corpses.mod");
    if song.exists() {
        if let Source::Preset(preset) = source_of(&song, Format::Vst3)? {
            host.arg(preset);
        }
    } else {
        println!("without a preset: {} is absent", song.display());
    }
    tools::run(&mut host)
}
