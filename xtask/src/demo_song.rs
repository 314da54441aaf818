//! `cargo xtask demo-song`: the module that a new instance of Busker holds.
//!
//! In: the score and the synthesis of this module, nothing else. Out: `src/rack/demo.it`, which is checked in; `--check`
//! writes nothing and fails on a difference. All arithmetic is IEEE and the functions are the `libm` crate's, so every
//! machine writes the same bytes.

mod file;
mod score;
mod sound;

use crate::error::TaskError;
use crate::paths;
use std::fs;

/// Where the song is checked in.
const SONG: &str = "src/rack/demo.it";

/// Writes the song, or with `check` compares it with the one that is checked in.
///
/// # Errors
/// Where the file cannot be read or written, differs, or the score does not read.
pub fn run(check: bool) -> Result<(), TaskError> {
    let path = paths::root().join(SONG);
    let song = song()?;
    if !check {
        fs::write(&path, &song).map_err(TaskError::file(&path))?;
        println!("wrote {SONG}, {} bytes", song.len());
        return Ok(());
    }
    let checked_in = fs::read(&path).map_err(TaskError::file(&path))?;
    if checked_in == song {
        println!("{SONG} is what the score gives");
        return Ok(());
    }
    Err(TaskError::Claim(format!("{SONG} is not what the score gives; run `cargo xtask demo-song`")))
}

/// The song's file, byte for byte.
///
/// # Errors
/// Where the score holds a word that cannot be read.
pub fn song() -> Result<Vec<u8>, TaskError> {
    Ok(file::write(&score::song()?))
}

/// The recordings that its instruments play: name, frames a second that give middle C, and frames of -1 to 1.
pub(crate) fn recordings() -> Vec<(&'static str, f64, Vec<f32>)> {
    let frames = |recording: &sound::Recording| recording.frames.iter().map(|frame| *frame as f32).collect();
    let all = score::recordings();
    all.iter().map(|recording| (recording.name, f64::from(recording.c5_speed), frames(recording))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_song_that_is_checked_in_is_what_the_score_gives() {
        let checked_in = fs::read(paths::root().join(SONG)).unwrap();
        assert!(checked_in == song().unwrap(), "run `cargo xtask demo-song`");
        assert!(checked_in.len() < 200_000, "{} bytes", checked_in.len());
    }
}
