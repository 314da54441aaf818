//! After a seek the song sounds as if it had been played through: the same bits, or nearly so where filters ring.
#![allow(clippy::unwrap_used, clippy::expect_used)] // a test may

mod song_host;

use busker::tracker::Song;
use busker::tracker::load::load;
use song_host::Dice;
use song_host::Host;
use song_host::Player;
use song_host::RATE;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

/// A chase is over after so many frames, and the cross-fade that follows it.
const SETTLED: usize = 4096 + 144;
/// Frames compared after it.
const COMPARED: usize = 12_000;
/// Frames played through for the seeks of one song to land in.
const PLAYED: usize = 40 * 48_000;

/// The modules of a folder beside the repository, in the order of their names.
fn modules(folder: &str, ends: &[&str]) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared").join(folder);
    let Ok(entries) = fs::read_dir(&folder) else {
        println!("skipped: there is no {}", folder.display());
        return Vec::new();
    };
    let is_module =
        |path: &PathBuf| path.extension().is_some_and(|end| ends.iter().any(|&wanted| end == wanted));
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).filter(is_module).collect();
    found.sort();
    found
}

fn open(path: &Path) -> Arc<Song> {
    Arc::new(load(&fs::read(path).unwrap()).unwrap())
}

/// Largest differences between a song played through and sought in, at places that the dice choose, in the order of the seeks.
fn differences(song: &Arc<Song>, seeks: usize, dice: &mut Dice) -> Vec<(usize, f32)> {
    let tempo = [125.0, 128.0, 174.53, 99.9, 61.3][dice.below(5)];
    let played = Player::of(song, RATE).play(&Host::new().play(PLAYED, tempo), &[4096]);
    let mut player = Player::of(song, RATE);
    player.play(&Host::new().play(1 + dice.below(20_000), tempo), &[512]);
    let seek = |_| {
        let place = dice.below(PLAYED - SETTLED - COMPARED);
        let host = Host::new().seek_frame(place as i64, tempo).play(SETTLED + COMPARED, tempo);
        let heard = player.play(&host, &[[64, 512, 441, 1000][dice.below(4)]]);
        let through = &played[place + SETTLED..place + SETTLED + COMPARED];
        let off = heard[SETTLED..].iter().zip(through).map(|(one, other)| (one - other).abs());
        (place, off.fold(0.0, f32::max))
    };
    (0..seeks).map(seek).collect()
}

/// Whether a filter may sound in the song: what it leaves ringing dies away, but is never gone to the last bit.
fn filters(song: &Song) -> bool {
    let macros = song.patterns.iter().flat_map(|pattern| &pattern.cells).any(|cell| cell.effect == 26);
    let instruments = song.instruments.iter().any(|instrument| {
        instrument.pitch_envelope_is_filter
            || instrument.filter_cutoff.is_some()
            || instrument.filter_resonance.is_some()
    });
    macros || instruments
}

#[test]
fn two_hundred_seeks_in_songs_give_the_bits_of_playing_through() {
    let mut dice = Dice(0x5EED);
    let songs = modules("songs", &["mod", "s3m", "xm", "it"]);
    let (mut exact, mut near) = (0, 0);
    for path in &songs {
        let song = open(path);
        for (place, off) in differences(&song, 8, &mut dice) {
            let name = path.display();
            if filters(&song) {
                assert!(off <= 0.001, "{name}, sought at frame {place}: {off} off");
                near += 1;
            } else {
                assert_eq!(off, 0.0, "{name}, sought at frame {place}");
                exact += 1;
            }
        }
    }
    println!("{exact} seeks to the bit, {near} in songs with filters");
    assert!(songs.is_empty() || exact >= 150);
}

#[test]
fn seeks_in_modules_with_filters_agree_to_sixty_decibels() {
    let mut dice = Dice(0xF117);
    for path in modules("tracker-tests/it", &["it"]) {
        let song = open(&path);
        for (place, off) in differences(&song, 2, &mut dice) {
            assert!(off <= 0.001, "{}, sought at frame {place}: {off} off", path.display());
        }
    }
}
