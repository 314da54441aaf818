//! The command line: what is in a module, rendering, traces, MIDI files, racks and presets.
//!
//! Exits with 0, with 1 and one line that says what went wrong and where, or with 2 for wrong usage.

mod arrival;
mod desk;
mod failure;
mod info;
mod midi;
mod rack;
mod render;
mod replace;
mod scene;
mod source;
mod wav;

use busker::engine;
use busker::tracker;
use clap::Parser;
use clap::Subcommand;
use failure::Failure;
use source::Pace;
use source::Source;
use std::fs;
use std::fs::File;
use std::io::BufWriter;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::process::ExitCode;

/// Plays tracker modules and writes down what they do.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Renders a song or a rack into a WAV file, to the same bits as in a host.
    Render(render::Arguments),
    /// Says what is in a song or on the desk of a rack.
    Info(info::Arguments),
    /// Writes the state of each voice on each tick as tab-separated text.
    Trace {
        /// A module (MOD, S3M, XM, IT), or a rack that holds one.
        song: PathBuf,
        /// Where to write.
        #[arg(short, long)]
        output: PathBuf,
        #[command(flatten)]
        pace: Pace,
        /// Ticks after which an endless song is cut.
        #[arg(long, default_value_t = 100_000)]
        most_ticks: usize,
    },
    /// Writes the notes of a song as a MIDI file with its tempo map.
    Midi(midi::Arguments),
    /// Writes a song or a rack as a rack file, spread over the host's outputs where that is asked for.
    Rack(rack::Arguments),
    /// Writes a rack that plays the audio files of a folder together, one lane and one bus for each track.
    Scene(scene::Arguments),
    /// Writes a rack that plays recordings in place of some of a song's samples or instruments.
    Replace(replace::Arguments),
    /// Writes a preset that VST3 hosts load.
    Preset {
        /// A module (MOD, S3M, XM, IT) or a rack.
        song: PathBuf,
        /// Where to write; named `.vstpreset`.
        #[arg(short, long)]
        output: PathBuf,
    },
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Render(arguments) => render::run(&arguments),
        Command::Info(arguments) => info::run(&arguments),
        Command::Midi(arguments) => midi::run(&arguments),
        Command::Rack(arguments) => rack::run(&arguments),
        Command::Scene(arguments) => scene::run(&arguments),
        Command::Replace(arguments) => replace::run(&arguments),
        Command::Trace { song, output, pace, most_ticks } => {
            Source::open(&song).and_then(|source| trace(&source.at(pace), &output, most_ticks))
        }
        Command::Preset { song, output } => preset(&song, &output),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

fn trace(source: &Source, output: &Path, most_ticks: usize) -> Result<(), Failure> {
    let song = source.song()?;
    let written = File::create(output).and_then(|file| {
        let mut writer = BufWriter::new(file);
        tracker::trace(song, &mut writer, most_ticks)?;
        writer.flush()
    });
    written.map_err(Failure::file(output))
}

fn preset(song: &Path, output: &Path) -> Result<(), Failure> {
    let source = Source::open(song)?;
    let preset = source.rack.to_vst_preset(&engine::table()).map_err(|error| Failure::new(song, &error))?;
    fs::write(output, preset).map_err(Failure::file(output))
}
