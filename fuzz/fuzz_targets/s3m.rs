//! Any bytes as an S3M.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| busker_fuzz::load_signed(bytes, 44, b"SCRM"));
