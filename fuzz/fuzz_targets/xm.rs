//! Any bytes as an XM.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| busker_fuzz::load_signed(bytes, 0, b"Extended Module: "));
