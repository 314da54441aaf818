//! A rack that has something on every page of the editor, for pictures: the demo song on a desk with machines, a room with what
//! stands in it, and voices and lanes that play recordings of the song's own instruments.

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use crate::demo_song::recordings;
use crate::error::TaskError;
use crate::paths;
use crate::sound::write_wav;

/// The rack, which looks for its recordings beside itself and for the song in `src/rack`.
const RACK: &str = include_str!("tour.busker.toml");
/// What a lane plays: frames a second, seconds, and beats a second.
const RATE: f64 = 22_050.0;
const SECONDS: f64 = 48.0;
const BEATS: f64 = 4.0;

/// Has the host of the pictures be somebody's who has set up nothing, in a folder under the target one: nothing of whoever takes them shows.
///
/// # Errors
/// Where the folder cannot be made.
pub(crate) fn live(host: &mut Command) -> Result<(), TaskError> {
    let home = paths::target().join("tour/home");
    fs::create_dir_all(&home).map_err(TaskError::file(&home))?;
    host.env("HOME", &home).env_remove("XDG_CONFIG_HOME").env_remove("XDG_DATA_HOME");
    // What builds presets stays whoever's it is.
    let own = std::env::home_dir().unwrap_or_default();
    for (name, folder) in [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")] {
        if std::env::var_os(name).is_none() {
            host.env(name, own.join(folder));
        }
    }
    Ok(())
}

/// Writes the rack and its recordings under the target folder.
///
/// # Errors
/// Where a file cannot be written.
pub(crate) fn rack() -> Result<PathBuf, TaskError> {
    let folder = paths::target().join("tour");
    fs::create_dir_all(&folder).map_err(TaskError::file(&folder))?;
    let recordings = recordings();
    for (name, rate, frames) in &recordings {
        write_wav(&folder.join(name).with_extension("wav"), std::slice::from_ref(frames), *rate)?;
    }
    let play = |names: &[&str]| {
        let played = names.iter().flat_map(|name| recordings.iter().find(|recording| recording.0 == *name));
        take(&played.map(|recording| recording.2.as_slice()).collect::<Vec<_>>())
    };
    for (name, names) in [
        ("Drums-1", &["kick", "closed hat", "snare", "closed hat"][..]),
        ("Drums-2", &["kick", "open hat", "clap", "closed hat"]),
        ("Strings", &["string", "string", "bell", "string", "string", "bell", "string", "bell"]),
    ] {
        write_wav(&folder.join(name).with_extension("wav"), &[play(names)], RATE)?;
    }
    write_rack(&folder)
}

fn write_rack(folder: &Path) -> Result<PathBuf, TaskError> {
    let song = paths::root().join("src/rack/demo.it");
    fs::copy(&song, folder.join("demo.it")).map_err(TaskError::file(&song))?;
    let file = folder.join("tour.busker.toml");
    fs::write(&file, RACK).map_err(TaskError::file(&file))?;
    Ok(file)
}

/// One recording a beat, in turn, until the time is over.
fn take(recordings: &[&[f32]]) -> Vec<f32> {
    let mut frames = vec![0.0; (SECONDS * RATE) as usize];
    for (beat, recording) in (0..(SECONDS * BEATS) as usize).zip(recordings.iter().cycle()) {
        let start = (beat as f64 / BEATS * RATE) as usize;
        frames.iter_mut().skip(start).zip(*recording).for_each(|(frame, sample)| *frame += 0.5 * sample);
    }
    frames
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use std::ffi::OsStr;

    #[test]
    fn pictures_show_nothing_of_whoever_takes_them() {
        let mut host = Command::new("host");
        live(&mut host).unwrap();
        let said: Vec<_> = host.get_envs().collect();
        let home = paths::target().join("tour/home");
        assert!(said.contains(&(OsStr::new("HOME"), Some(home.as_os_str()))) && home.is_dir());
        assert!(said.contains(&(OsStr::new("XDG_CONFIG_HOME"), None)));
    }
}
