//! Any bytes as gzip data or as a ZIP archive, as the last byte chooses.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let signature: &[u8] =
        if bytes.last().is_some_and(|last| last % 2 == 0) { &[0x1f, 0x8b, 8] } else { b"PK\x03\x04" };
    busker_fuzz::load_signed(bytes, 0, signature);
});
