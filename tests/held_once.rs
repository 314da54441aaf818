//! A song is held once, whatever number of instances play it, and is gone with the last of them.
//!
//! Counts the bytes that the process holds. Alone in its file, so that no other test allocates beside it.
#![allow(clippy::unwrap_used)] // a test may
#![allow(clippy::disallowed_types)] // no audio thread in sight
#![allow(unsafe_code)] // an allocator that counts

use busker::dsp::Level;
use busker::engine;
use busker::engine::EngineConfig;
use busker::engine::ParameterValues;
use busker::mixer::Layout;
use busker::rack::Module;
use busker::rack::Rack;
use busker::tracker::PatternPlayer;
use busker::tracker::Song;
use busker::tracker::SongPlayer;
use busker::tracker::load::load;
use busker::units::SampleRate;
use std::alloc::GlobalAlloc;
use std::alloc::Layout as Memory;
use std::alloc::System;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicIsize;
use std::sync::atomic::Ordering::Relaxed;

struct Counting;

static HELD: AtomicIsize = AtomicIsize::new(0);

// SAFETY: passes everything on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, memory: Memory) -> *mut u8 {
        HELD.fetch_add(memory.size() as isize, Relaxed);
        // SAFETY: the caller keeps the contract.
        unsafe { System.alloc(memory) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, memory: Memory) {
        HELD.fetch_sub(memory.size() as isize, Relaxed);
        // SAFETY: the caller keeps the contract.
        unsafe { System.dealloc(pointer, memory) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// One test at a time, so that each counts only its own.
static ALONE: Mutex<()> = Mutex::new(());

const RATE: SampleRate = SampleRate(48_000.0);
const INSTANCES: usize = 64;

fn held() -> isize {
    HELD.load(Relaxed)
}

/// The demo song, and the largest one beside the repository where there is one.
fn racks() -> Vec<Rack> {
    let mut racks = vec![Rack::demo()];
    let large = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/songs/song2.xm");
    match std::fs::read(&large) {
        Ok(bytes) => {
            let song = Some(Module { name: "song2.xm".to_owned(), bytes: bytes.into() });
            racks.push(Rack { song, ..Rack::default() });
        }
        Err(_) => println!("skipped the large song: there is no ../shared/songs/song2.xm"),
    }
    racks
}

fn song(rack: &Rack) -> Arc<Song> {
    load(&rack.song.as_ref().unwrap().bytes).unwrap().share()
}

fn bytes_of_recordings(song: &Song) -> isize {
    use busker::audio::AudioSource;
    song.samples
        .iter()
        .map(|sample| sample.data.frames() as isize * isize::from(sample.data.channels() as i16))
        .sum()
}

#[test]
fn players_of_a_song_share_all_that_they_only_read() {
    let _alone = ALONE.lock();
    for rack in racks() {
        drop(SongPlayer::new(song(&rack), RATE)); // tables grow on first use
        let before = held();
        let mut players = vec![SongPlayer::new(song(&rack), RATE)];
        let one = held() - before;
        players.extend((1..INSTANCES).map(|_| SongPlayer::new(song(&rack), RATE)));
        let further = (held() - before - one) / (INSTANCES as isize - 1);
        let first = players[0].song();
        assert!(players.iter().all(|player| Arc::ptr_eq(player.song(), first)));
        let name = &rack.song.as_ref().unwrap().name;
        println!("{name}: the first player takes {one} bytes, a further one {further}");
        assert!(further < 800_000, "{name}: a further player takes {further} bytes");
        assert!(one - further >= bytes_of_recordings(first), "{name}: {one} and {further} bytes");
        drop(players);
        let left = held() - before;
        assert!(left.abs() < 10_000, "{name}: {left} bytes are left");
    }
}

#[test]
fn four_launched_patterns_take_less_than_a_megabyte() {
    let _alone = ALONE.lock();
    for rack in racks() {
        let playing = SongPlayer::new(song(&rack), RATE);
        let before = held();
        let players: Vec<_> = (0..4).map(|_| PatternPlayer::new(Arc::clone(playing.song()), RATE)).collect();
        let bytes = held() - before;
        println!("{}: four players of patterns take {bytes} bytes", rack.song.as_ref().unwrap().name);
        assert!(bytes < 1_000_000, "{bytes} bytes");
        drop(players);
    }
}

#[test]
fn another_song_with_the_same_recordings_shares_them() {
    let _alone = ALONE.lock();
    let module = Rack::demo().song.unwrap();
    let mut bytes = module.bytes.to_vec();
    bytes[4..8].copy_from_slice(b"Else"); // the title
    let changed = Rack { song: Some(Module { bytes: bytes.into(), ..module }), ..Rack::default() };
    let (own, other) = (song(&Rack::demo()), song(&changed));
    assert!(!Arc::ptr_eq(&own, &other) && own.title != other.title);
    let pairs = || own.samples.iter().zip(&other.samples);
    assert!(pairs().count() > 3 && pairs().all(|(own, other)| Arc::ptr_eq(&own.data, &other.data)));
}

#[test]
fn engines_of_a_song_share_it_and_leave_nothing_behind() {
    let _alone = ALONE.lock();
    let table: Arc<[_]> = engine::table().into();
    for rack in racks() {
        let layout = Layout { outputs: vec![2], ..Layout::default() };
        let make = || {
            let config = EngineConfig {
                rate: RATE,
                layout: layout.clone(),
                values: Arc::new(ParameterValues::new(&table)),
                table: Arc::clone(&table),
                level: Level::detect(),
                look_ahead: false,
            };
            let (control, engine, mut worker) = engine::new(config);
            worker.apply(&rack.setup(&layout).unwrap()).unwrap();
            (control, engine, worker)
        };
        drop(make());
        let before = held();
        let first = make();
        let one = held() - before;
        let second = make();
        let further = held() - before - one;
        println!(
            "{}: the first engine takes {one} bytes, a further one {further}",
            rack.song.as_ref().unwrap().name
        );
        // Two players of the song, four of single patterns, 64 keys, 1,024 voices, eight lanes, the desk with its machines (a network
        // and what a convolution has heard among them), half a second for measuring loudness, what scopes
        // show of 64 channels.
        assert!(further < 9_800_000, "a further engine takes {further} bytes");
        assert!(one - further >= bytes_of_recordings(&song(&rack)));
        drop((first, second));
        let left = held() - before;
        assert!(left.abs() < 10_000, "{left} bytes are left");
    }
}
