//! `cargo xtask faust [--check]`: Faust sources into the Rust that is checked in.
//!
//! In: every `src/machine/faust/*.dsp`. Out: `src/machine/generated/*.rs` (the kernel and its parameter table) and
//! `docs/THIRD_PARTY.md` (the licences of the Faust libraries used, checked against an allow-list). `--check` writes
//! to a folder under `target` and fails on any difference. The compiler is pinned and installed from PyPI in a
//! virtual environment under `target`; building Busker needs none of it. Every generated kernel is compiled beside the
//! compiler's own Rust and C++ and must give the same bits.

mod cpp;
mod kernel;
mod lanes;
mod licence;
mod peer;
mod proof;
mod rest;
mod source;
mod table;
mod toolchain;

pub use cpp::Mathematics;
pub use peer::Peer;
pub use peer::Workshop;

use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use crate::error::TaskError;
use crate::paths;
use crate::tools;
use rayon::iter::IntoParallelIterator;
use rayon::iter::ParallelIterator;
use source::Generated;
use toolchain::Toolchain;

const SOURCES: &str = "src/machine/faust";
const GENERATED: &str = "src/machine/generated";
const THIRD_PARTY: &str = "docs/THIRD_PARTY.md";

/// Why machines could not be generated.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FaustError {
    /// A file or folder could not be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A program is missing on this machine.
    #[error("{program} does not start: {source}")]
    Missing {
        /// Its name.
        program: String,
        /// What the system said.
        source: io::Error,
    },
    /// A program ran and failed.
    #[error("{program} failed: {output}")]
    Failed {
        /// Its name.
        program: String,
        /// What it printed.
        output: String,
    },
    /// The compiler's output has a form this tool does not know.
    #[error("{machine}: the compiler's output has an unknown form: {what}")]
    Form {
        /// Name of the machine.
        machine: String,
        /// Which line or part.
        what: String,
    },
    /// A library's licence is absent or not on the allow-list.
    #[error("{machine}: licence of {library} is {licence}, which is not on the allow-list")]
    Licence {
        /// Name of the machine.
        machine: String,
        /// The Faust library or function.
        library: String,
        /// What it declares.
        licence: String,
    },
    /// The post-processed kernel does not give the compiler's bits.
    #[error("{machine}: post-processing changes the sound: {difference}")]
    Sound {
        /// Name of the machine.
        machine: String,
        /// The first difference.
        difference: String,
    },
    /// The compiler is pinned, and not there in this version.
    #[error("the Faust compiler is not installed; `cargo xtask faust --check` does that")]
    NotInstalled,
    /// What is checked in is not what the sources give.
    #[error("generated files are out of date; run `cargo xtask faust`\n{0}")]
    OutOfDate(String),
}

/// Regenerates every machine, or with `check` compares what is checked in with what the sources give.
pub fn run(check: bool) -> Result<(), TaskError> {
    let has_venv = || tools::succeeds("python3", &["-c", "import ensurepip, venv"]);
    tools::ensure("python3 with venv", has_venv, &["python3-venv"])?;
    tools::ensure("a C++ compiler", || tools::on_path(cpp::COMPILER), &["g++"])?;
    Ok(generate(check)?)
}

fn generate(check: bool) -> Result<(), FaustError> {
    let root = paths::root();
    let work = paths::target().join("faust");
    make_folder(&work)?;
    let toolchain = Toolchain::install(&paths::target().join("venv-faust"))?;
    let libm = proof::libm(&work)?;
    let proven = |source: PathBuf| {
        let machine = source::generate(&toolchain, &source, &work)?;
        proof::same_bits(&toolchain, &source, &machine, (&work, &libm))?;
        let count = machine.parameters.len();
        println!("{}: {count} parameters, same bits as the compiler's Rust and C++", machine.name);
        Ok(machine)
    };
    let machines: Vec<Generated> =
        sources(&root)?.into_par_iter().map(proven).collect::<Result<_, FaustError>>()?;
    let file = |machine: &Generated| {
        (PathBuf::from(GENERATED).join(format!("{}.rs", machine.name)), machine.text.clone())
    };
    let mut files: Vec<_> = machines.iter().map(file).collect();
    files.push((PathBuf::from(THIRD_PARTY), licence::document(&machines)));
    if check { compare(&root, &files, &machines) } else { write(&root, &files) }
}

fn sources(root: &Path) -> Result<Vec<PathBuf>, FaustError> {
    let mut sources = files_in(&root.join(SOURCES))?;
    sources.retain(|path| path.extension().is_some_and(|extension| extension == "dsp"));
    Ok(sources)
}

/// Names of all sources of machines, without extension.
pub fn names() -> Result<Vec<String>, FaustError> {
    let name = |path: PathBuf| path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    Ok(sources(&paths::root())?.into_iter().filter_map(name).collect())
}

fn files_in(folder: &Path) -> Result<Vec<PathBuf>, FaustError> {
    let failed = |source| FaustError::File { path: folder.to_path_buf(), source };
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        files.push(entry.map_err(failed)?.path());
    }
    files.sort();
    Ok(files)
}

fn write(root: &Path, files: &[(PathBuf, String)]) -> Result<(), FaustError> {
    for (name, text) in files {
        let path = root.join(name);
        if let Some(folder) = path.parent() {
            make_folder(folder)?;
        }
        write_file(&path, text)?;
        println!("wrote {}", name.display());
    }
    Ok(())
}

fn compare(root: &Path, files: &[(PathBuf, String)], machines: &[Generated]) -> Result<(), FaustError> {
    let mut differences = String::new();
    for (name, text) in files {
        let kept = fs::read_to_string(root.join(name)).unwrap_or_default();
        if let Some(difference) = first_difference(&kept, text) {
            differences.push_str(&format!("{}: {difference}\n", name.display()));
        }
    }
    for path in files_in(&root.join(GENERATED))? {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let is_rust = path.extension().is_some_and(|extension| extension == "rs");
        if is_rust && stem != "mod" && !machines.iter().any(|machine| machine.name == stem) {
            differences.push_str(&format!("{GENERATED}/{stem}.rs: has no source\n"));
        }
    }
    if differences.is_empty() { Ok(()) } else { Err(FaustError::OutOfDate(differences)) }
}

/// The first line that differs, as "line n: - kept + new".
fn first_difference(kept: &str, new: &str) -> Option<String> {
    if kept == new {
        return None;
    }
    let mut old_lines = kept.lines();
    let mut new_lines = new.lines();
    for number in 1usize.. {
        match (old_lines.next(), new_lines.next()) {
            (None, None) => break,
            (old, new) if old == new => {}
            (old, new) => {
                return Some(format!("line {number}:\n- {}\n+ {}", old.unwrap_or(""), new.unwrap_or("")));
            }
        }
    }
    Some("line ends differ".to_owned())
}

fn make_folder(path: &Path) -> Result<(), FaustError> {
    fs::create_dir_all(path).map_err(|source| FaustError::File { path: path.to_path_buf(), source })
}

fn write_file(path: &Path, text: &str) -> Result<(), FaustError> {
    fs::write(path, text).map_err(|source| FaustError::File { path: path.to_path_buf(), source })
}

fn read_file(path: &Path) -> Result<String, FaustError> {
    fs::read_to_string(path).map_err(|source| FaustError::File { path: path.to_path_buf(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_differing_line_is_named() {
        assert_eq!(first_difference("a\nb\n", "a\nb\n"), None);
        assert_eq!(first_difference("a\nb\n", "a\nc\n").as_deref(), Some("line 2:\n- b\n+ c"));
        assert_eq!(first_difference("a\n", "a\nc\n").as_deref(), Some("line 2:\n- \n+ c"));
        assert_eq!(first_difference("a", "a\n").as_deref(), Some("line ends differ"));
    }
}
