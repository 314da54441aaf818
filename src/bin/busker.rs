//! The command line.
//!
//! Exits with 0, with 1 and one line that says what went wrong and where, or with 2 for wrong usage.

use busker::tracker;
use clap::Parser;
use clap::Subcommand;
use std::fs::File;
use std::io::BufWriter;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

/// Plays tracker modules and writes down what they do.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Writes the state of each voice on each tick as tab-separated text.
    Trace {
        /// The module.
        song: PathBuf,
        /// Where to write.
        #[arg(short, long)]
        output: PathBuf,
        /// Ticks after which an endless song is cut.
        #[arg(long, default_value_t = 100_000)]
        most_ticks: usize,
    },
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Trace { song, output, most_ticks } => trace(&song, &output, most_ticks),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn trace(song: &Path, output: &Path, most_ticks: usize) -> Result<(), String> {
    let bytes = std::fs::read(song).map_err(|error| format!("{}: {error}", song.display()))?;
    let module = tracker::load::load(&bytes).map_err(|error| format!("{}: {error}", song.display()))?;
    let written = File::create(output).and_then(|file| {
        let mut writer = BufWriter::new(file);
        tracker::trace(Arc::new(module), &mut writer, most_ticks)?;
        writer.flush()
    });
    written.map_err(|error| format!("{}: {error}", output.display()))
}
