//! Any bytes that load, played for 1,000 ticks as the last byte chooses. Says how many did load.
#![no_main]

use busker::tracker::drill;
use busker::tracker::load::load;
use libfuzzer_sys::Corpus;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

/// Ticks that a song is played for.
const TICKS: usize = 1000;

static PLAYED: AtomicU64 = AtomicU64::new(0);

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| -> Corpus {
    let Ok(song) = load(bytes) else { return Corpus::Reject };
    drill::play(&Arc::new(song), bytes.last().copied().unwrap_or(0), TICKS);
    let played = PLAYED.fetch_add(1, Ordering::Relaxed) + 1;
    if played.is_multiple_of(10_000) {
        eprintln!("played {played} songs");
    }
    Corpus::Keep
});
