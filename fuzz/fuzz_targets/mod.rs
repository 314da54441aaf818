//! Any bytes as a MOD.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| busker_fuzz::load_mod(bytes));
