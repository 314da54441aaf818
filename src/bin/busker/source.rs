//! What a command works on: a file that is a module or a rack.

use crate::failure::Failure;
use busker::mixer::Layout;
use busker::rack::Module;
use busker::rack::Rack;
use busker::rack::SPEEDS;
use busker::rack::TEMPOS;
use busker::tracker::Song;
use busker::tracker::load::LoadError;
use busker::tracker::load::load;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

/// The pace of the song, where it is not to be its own.
#[derive(clap::Args, Clone, Copy)]
pub(crate) struct Pace {
    /// Ticks a row, whatever the song says; the rack's own setting without it.
    #[arg(long, value_name = "TICKS", value_parser = clap::value_parser!(i64).range(SPEEDS))]
    speed: Option<i64>,
    /// Beats a minute, whatever the song says; the rack's own setting without it.
    #[arg(long, value_name = "BPM", value_parser = clap::value_parser!(i64).range(TEMPOS))]
    tempo: Option<i64>,
}

/// A rack, and whether the file was nothing but its song.
pub(crate) struct Source {
    pub(crate) path: PathBuf,
    pub(crate) rack: Rack,
    pub(crate) is_song: bool,
}

impl Source {
    /// Reads a file. What is no module but text is taken for a rack.
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        let bytes = fs::read(path).map_err(Failure::file(path))?;
        let path = path.to_owned();
        let refused = match load(&bytes) {
            Ok(_) => {
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                let song = Some(Module { name, bytes: bytes.into() });
                return Ok(Self { path, rack: Rack { song, ..Rack::default() }, is_song: true });
            }
            Err(error) => error,
        };
        let text =
            std::str::from_utf8(&bytes).ok().filter(|text| !text.trim().is_empty() && !text.contains('\0'));
        match (refused, text) {
            (LoadError::UnknownFormat, Some(text)) => match Rack::from_toml_in(text, path.parent()) {
                Ok(rack) => {
                    // Nothing of it keeps the rest from sounding.
                    rack.notices().iter().for_each(|notice| eprintln!("{}: {notice}", path.display()));
                    // A newer rack may know them.
                    if !rack.version.is_newer() {
                        let say = |field| {
                            eprintln!("{}: {field} means nothing and is left as it is", path.display())
                        };
                        rack.unknown_fields().iter().for_each(say);
                    }
                    Ok(Self { path, rack, is_song: false })
                }
                Err(error) => Err(Failure::new(&path, &error)),
            },
            (error, _) => Err(Failure::new(&path, &error)),
        }
    }

    /// The same, with the song at another pace.
    pub(crate) fn at(mut self, pace: Pace) -> Self {
        let time = &mut self.rack.song_time;
        (time.speed, time.tempo) = (pace.speed.or(time.speed), pace.tempo.or(time.tempo));
        self
    }

    /// The song, loaded.
    pub(crate) fn song(&self) -> Result<Arc<Song>, Failure> {
        let layout = Layout { main_input: 0, sidechain: 0, outputs: vec![2] };
        let setup = self.rack.setup(&layout).map_err(|error| Failure::new(&self.path, &error))?;
        setup.song.ok_or_else(|| Failure::new(&self.path, &"the rack holds no song"))
    }
}
