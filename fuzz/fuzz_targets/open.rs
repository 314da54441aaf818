//! Any bytes that load, opened as the plugin opens them: unrolled, and rendered roughly for their level.
#![no_main]

use busker::tracker::Timeline;
use busker::tracker::default_trim;
use busker::tracker::load::load;
use libfuzzer_sys::Corpus;
use std::sync::Arc;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| -> Corpus {
    let Ok(song) = load(bytes) else { return Corpus::Reject };
    let song = Arc::new(song);
    assert!(Timeline::build(&song).seconds().is_finite());
    assert!((0.0..=1.0).contains(&default_trim(&song).0));
    Corpus::Keep
});
