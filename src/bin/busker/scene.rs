//! `busker scene`: a rack from a folder of tracks.

use crate::desk::slot_text;
use crate::failure::Failure;
use busker::rack;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

/// Writes a rack that plays the audio files of a folder together, one lane and one bus for each track. `Drums-1.ogg` and
/// `Drums-2.ogg` are takes of the track `Drums`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The folder; what lies in folders in it is left out.
    folder: PathBuf,
    /// Where to write; named `.busker.toml`. Files are named from its folder.
    #[arg(short, long)]
    output: PathBuf,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let home = arguments.output.parent().filter(|home| !home.as_os_str().is_empty());
    let scene = rack::scene(&arguments.folder, home.unwrap_or(Path::new(".")));
    let rack = scene.map_err(|error| Failure::new(&arguments.folder, &error))?;
    let text = rack.to_toml().map_err(|error| Failure::new(&arguments.output, &error))?;
    fs::write(&arguments.output, text).map_err(Failure::file(&arguments.output))?;
    for lane in &rack.lanes {
        println!("lane {}", slot_text(lane.lane, &lane.name, lane.takes.len()));
    }
    Ok(())
}
