//! The songs that benches play: real ones where they are at hand, built ones everywhere.
//!
//! Real songs lie in `../shared/songs`, beside the checkout; a machine without them is told so. Built ones are the demo
//! song and a module of 32 channels written here, every one of them sounding on every row.

use busker::rack::Rack;
use busker::tracker::Song;
use busker::tracker::load::load;
use busker::tracker::song::MadeWith;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

/// A song and the file it came from.
pub(crate) struct Named {
    pub(crate) name: String,
    #[allow(dead_code)] // not every bench opens files
    pub(crate) bytes: Vec<u8>,
    pub(crate) song: Arc<Song>,
}

impl Named {
    fn new(name: &str, bytes: Vec<u8>) -> Result<Self, String> {
        let song = load(&bytes).map_err(|error| format!("{name}: {error}"))?;
        Ok(Self { name: name.to_owned(), bytes, song: Arc::new(song) })
    }

    /// Length of Busker's ramps for it: FastTracker 2's own, or the shortest that libopenmpt can be told.
    #[allow(dead_code)] // for the benches that play it beside others
    pub(crate) fn ramp_ms(&self) -> i32 {
        if matches!(self.song.made_with, MadeWith::FastTracker2(_)) { 5 } else { 1 }
    }
}

/// One or two of each format, from 4 to 32 channels.
const REAL: [&str; 6] =
    ["cinderella_clown.mod", "gd-myla.it", "ritam.s3m", "bigboss.xm", "pingus-2.it", "song2.xm"];

/// Which of the real songs.
#[derive(Clone, Copy, PartialEq, Eq)]
#[allow(dead_code)] // each bench takes one of them
pub(crate) enum Choice {
    Six,
    All,
}

/// The files given, or else the chosen real songs and the built ones; what cannot be had is said.
pub(crate) fn find(given: &[String], choice: Choice) -> Vec<Named> {
    let found = if given.is_empty() {
        real(choice).into_iter().map(|path| read(&path)).chain([demo(), crowded(32, 1)]).collect()
    } else {
        given.iter().map(|path| read(Path::new(path))).collect::<Vec<_>>()
    };
    found.into_iter().filter_map(|song| song.map_err(|why| println!("left out: {why}")).ok()).collect()
}

fn real(choice: Choice) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/songs");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        println!("real songs are left out: there is no ../shared/songs");
        return Vec::new();
    };
    if choice == Choice::Six {
        return REAL.iter().map(|name| folder.join(name)).collect();
    }
    let is_song = |path: &PathBuf| {
        let extension = path.extension().unwrap_or_default().to_ascii_lowercase();
        ["mod", "s3m", "xm", "it"].iter().any(|known| extension == *known)
    };
    let mut songs: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(is_song).collect();
    songs.sort();
    songs
}

fn read(path: &Path) -> Result<Named, String> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let bytes = std::fs::read(path).map_err(|error| format!("{name}: {error}"))?;
    Named::new(&name, bytes)
}

fn demo() -> Result<Named, String> {
    let module = Rack::demo().song.ok_or("there is no demo song")?;
    Named::new("demo song (built)", module.bytes.to_vec())
}

/// A built song of so many channels, its one pattern played so many times.
#[allow(dead_code)] // not every bench wants more than the usual one
pub(crate) fn crowd(channels: u16, orders: u16) -> Option<Named> {
    crowded(channels, orders).map_err(|why| println!("left out: {why}")).ok()
}

fn crowded(channels: u16, orders: u16) -> Result<Named, String> {
    Named::new(&format!("{channels} channels (built)"), crowded_xm(channels, orders))
}

/// Rows of its pattern.
const ROWS: u16 = 64;

/// An Extended Module in which all channels play a looped recording, with vibrato and slides among them.
fn crowded_xm(channels: u16, orders: u16) -> Vec<u8> {
    let mut file = b"Extended Module: crowded".to_vec();
    file.resize(37, 0);
    file.push(0x1a);
    file.extend(b"FastTracker v2.00   ");
    file.extend(0x0104_u16.to_le_bytes());
    file.extend(276_u32.to_le_bytes());
    // Orders, restart, channels, patterns, instruments, linear slides, speed, tempo.
    for word in [orders, 0, channels, 1, 1, 1, 6, 125_u16] {
        file.extend(word.to_le_bytes());
    }
    file.resize(60 + 276, 0);
    let cells: Vec<u8> = (0..ROWS).flat_map(|row| (0..channels).flat_map(move |ch| cell(row, ch))).collect();
    file.extend(9_u32.to_le_bytes());
    file.push(0);
    file.extend(ROWS.to_le_bytes());
    file.extend((cells.len() as u16).to_le_bytes());
    file.extend(cells);
    file.extend(instrument());
    file
}

/// Note, instrument, volume, effect and parameter.
fn cell(row: u16, channel: u16) -> [u8; 5] {
    let note = 37 + ((row * 5 + channel * 7) % 36) as u8;
    match (row + channel) % 8 {
        0 => [note, 1, 0x10 + 24 + (channel % 32) as u8, 8, (channel * 8) as u8],
        1..=3 => [0, 0, 0, 4, 0x48],
        4 => [0, 0, 0, 0xa, 0x02],
        5 => [0, 0, 0, 1, 0x03],
        _ => [0, 0, 0, 0, 0x37],
    }
}

/// One looped recording of a falling saw with some of its noise, 8192 frames of 16 bits.
fn instrument() -> Vec<u8> {
    const FRAMES: u32 = 8192;
    let mut bytes = 263_u32.to_le_bytes().to_vec();
    bytes.resize(4 + 22, 0);
    bytes.push(0);
    bytes.extend(1_u16.to_le_bytes());
    bytes.extend(40_u32.to_le_bytes());
    bytes.resize(263, 0);
    for number in [FRAMES * 2, 1024, (FRAMES - 1024) * 2] {
        bytes.extend(number.to_le_bytes());
    }
    bytes.extend([64, 0, 1 | 16, 128, 0, 0]);
    bytes.resize(263 + 40, 0);
    let (mut before, mut noise) = (0_i16, 1_u32);
    for frame in 0..FRAMES {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let now = (frame * 512 % 65_536) as i32 / 2 - 16_384 + (noise >> 20) as i32 - 2048;
        bytes.extend((now as i16).wrapping_sub(before).to_le_bytes());
        before = now as i16;
    }
    bytes
}
