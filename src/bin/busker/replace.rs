//! `busker replace`: a song or a rack as a rack file in which recordings play in place of the song's samples or instruments.

use crate::failure::Failure;
use crate::source::Source;
use busker::tracker::Replaced;
use std::fs;
use std::path::PathBuf;

/// Writes a rack that plays recordings instead of some of a song's samples; the module inside stays as it is.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// A module (MOD, S3M, XM, IT), or a rack that holds one.
    song: PathBuf,
    /// Where to write; named `.busker.toml`.
    #[arg(short, long)]
    output: PathBuf,
    /// A sample by its number from 1, as `busker info` lists it, and the WAV, FLAC, AIFF, Ogg Vorbis or MP3 file to play
    /// instead; may be given more than once.
    #[arg(long, value_name = "N=FILE", value_parser = pair, required_unless_present = "instrument")]
    sample: Vec<Pair>,
    /// The same for all that an instrument plays. Its envelopes and all else of it stay.
    #[arg(long, value_name = "N=FILE", value_parser = pair)]
    instrument: Vec<Pair>,
}

type Pair = (usize, PathBuf);

/// The index and the file of `3=kick.wav`.
fn pair(text: &str) -> Result<Pair, String> {
    let (number, file) = text.split_once('=').ok_or("it is a number and a file, as in 3=kick.wav")?;
    let index = number.trim().parse::<usize>().ok().and_then(|number| number.checked_sub(1));
    let index = index.ok_or_else(|| format!("'{number}' is no number from 1 on"))?;
    if file.is_empty() {
        return Err("there is no file after the '='".to_owned());
    }
    Ok((index, file.into()))
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let mut source = Source::open(&arguments.song)?;
    let samples = arguments.sample.iter().map(|(index, file)| (Replaced::Sample(*index), file));
    let instruments = arguments.instrument.iter().map(|(index, file)| (Replaced::Instrument(*index), file));
    for (what, file) in samples.chain(instruments) {
        source.rack.replace_by(what, file).map_err(|error| Failure::new(file, &error))?;
    }
    source.song()?; // says what the song does not have
    let text = source.rack.to_toml().map_err(|error| Failure::new(&arguments.song, &error))?;
    fs::write(&arguments.output, text).map_err(Failure::file(&arguments.output))
}
