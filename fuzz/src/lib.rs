//! What the fuzz targets share: any bytes, made to reach one loader.
//!
//! In: bytes of the fuzzer. Out: the same bytes with a format's signature, so that a damaged one does not end the run
//! before the loader has begun.

use busker::tracker::load::load;

/// Signatures of MOD, one for each way that its loader takes.
const MOD_SIGNATURES: [&[u8; 4]; 10] =
    [b"M.K.", b"M!K!", b"M&K!", b"FLT4", b"FLT8", b"6CHN", b"32CH", b"OCTA", b"CD81", b"TDZ3"];

/// Writes `signature` over the bytes at `at`; shorter files stay as they are.
fn stamp(bytes: &mut [u8], at: usize, signature: &[u8]) {
    if let Some(place) = bytes.get_mut(at..at + signature.len()) {
        place.copy_from_slice(signature);
    }
}

/// Loads bytes under `signature` at `at`.
pub fn load_signed(bytes: &[u8], at: usize, signature: &[u8]) {
    let mut bytes = bytes.to_vec();
    stamp(&mut bytes, at, signature);
    let _ = load(&bytes);
}

/// Loads bytes as MOD: as they are where the last byte is even, so that files of 15 samples come by; else under one of
/// its signatures.
pub fn load_mod(bytes: &[u8]) {
    let Some(&last) = bytes.last() else { return };
    if last % 2 == 0 {
        let _ = load(bytes);
    } else {
        let signature = MOD_SIGNATURES[usize::from(last / 2) % MOD_SIGNATURES.len()];
        load_signed(bytes, 1080, signature);
    }
}
