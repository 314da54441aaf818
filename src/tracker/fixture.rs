//! Songs for tests: small ones, built cell by cell, and real ones.

use super::load::load;
use super::song::Cell;
use super::song::ChannelSetup;
use super::song::Dialect;
use super::song::FixedPace;
use super::song::Format;
use super::song::MadeWith;
use super::song::Note;
use super::song::Order;
use super::song::Pattern;
use super::song::PitchModel;
use super::song::Quirks;
use super::song::Sample;
use super::song::Song;
use crate::sample::SampleData;
use std::fs;
use std::path::Path;
use std::sync::Arc;

/// Two channels, one empty pattern of 64 rows, one looped sample of 64 frames at full scale.
pub(crate) fn song(format: Format, pitch: PitchModel) -> Song {
    let dialect = match format {
        Format::Mod => Dialect::ProTracker,
        Format::S3m => Dialect::ScreamTracker3,
        Format::Xm => Dialect::FastTracker2,
        Format::It => Dialect::ImpulseTracker,
    };
    let channel = ChannelSetup::centred();
    Song {
        title: String::new(),
        format,
        dialect,
        made_with: MadeWith::Unknown,
        quirks: Quirks::default(),
        pitch,
        channels: vec![channel; 2],
        orders: vec![Order::Pattern(0)],
        restart_order: 0,
        patterns: vec![Pattern { cells: vec![Cell::default(); 128], rows: 64 }],
        instruments: Vec::new(),
        samples: vec![sample(64)],
        initial_speed: 6,
        initial_tempo: 125,
        fixed_pace: FixedPace::default(),
        initial_global_volume: 128,
        mix_volume: 48,
        separation: 128,
        macros: None,
        message: String::new(),
    }
}

/// A square wave of `frames` frames at full scale, looped.
pub(crate) fn sample(frames: usize) -> Sample {
    let data = (0..frames).map(|n| if n < frames / 2 { i16::MAX } else { -i16::MAX }).collect();
    Sample {
        sample_loop: Some(super::song::Loop { start: 0, end: frames as u32, ping_pong: false }),
        ..Sample::plain(SampleData::Mono16(data))
    }
}

/// An AdLib instrument with its stand-in, as the loader makes it.
pub(crate) fn adlib_sample(registers: [u8; 12]) -> Sample {
    let data = Arc::new(SampleData::Mono8([0; 4].into()));
    let sample_loop = Some(super::song::Loop { start: 0, end: 4, ping_pong: false });
    Sample { data, sample_loop, adlib: Some(registers), ..sample(4) }
}

/// A key with instrument 1 and an effect.
pub(crate) fn note(key: u8, effect: u8, parameter: u8) -> Cell {
    Cell { note: Note::Key(key), instrument: 1, volume: None, effect, parameter }
}

/// Puts a cell on the first channel of the first pattern.
pub(crate) fn put(song: &mut Song, row: usize, cell: Cell) {
    let channels = song.channels.len();
    song.patterns[0].cells[row * channels] = cell;
}

/// The demo, and every module of the shared folder, which are left out aloud where that is absent.
pub(crate) fn songs_at_hand() -> Vec<Song> {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let kinds = ["mod", "s3m", "xm", "it"];
    let folders = kinds.iter().map(|kind| format!("tracker-tests/{kind}")).chain(["songs".to_owned()]);
    let mut songs = vec![load(include_bytes!("../rack/demo.it")).unwrap()];
    for entry in folders.filter_map(|folder| fs::read_dir(shared.join(folder)).ok()).flatten() {
        songs.extend(load(&fs::read(entry.unwrap().path()).unwrap()));
    }
    if songs.len() == 1 {
        println!("skipped: {} is absent", shared.display());
    }
    songs
}
