//! A rack as one line of text: base64 of zstd of JSON.
//!
//! Hosts store it as a string; compressed it costs little more than the module inside. Sizes are bounded before they
//! are believed.

use super::Head;
use super::Rack;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::de::Error as _;
use std::io::Read;
use thiserror::Error;

/// Bytes of JSON, at most: a rack of large modules stays well below.
const LIMIT: u64 = 256 << 20;

/// zstd's default level.
const COMPRESSION: i32 = 3;

/// Why a packed rack cannot be read or written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PackedError {
    /// Not base64.
    #[error("not base64 ({0})")]
    Base64(#[from] base64::DecodeError),
    /// Not zstd, or cut off.
    #[error("not zstd ({0})")]
    Zstd(#[from] std::io::Error),
    /// More than any rack needs.
    #[error("more than {} MiB", LIMIT >> 20)]
    TooLarge,
    /// Not the JSON of a rack.
    #[error("not a rack ({0})")]
    Json(#[from] serde_json::Error),
}

pub(super) fn pack(rack: &Rack) -> Result<String, PackedError> {
    let json = serde_json::to_vec(rack)?;
    Ok(BASE64.encode(zstd::encode_all(json.as_slice(), COMPRESSION)?))
}

pub(super) fn unpack(text: &str) -> Result<Rack, PackedError> {
    let compressed = BASE64.decode(text.trim())?;
    let mut json = Vec::new();
    zstd::Decoder::new(compressed.as_slice())?.take(LIMIT + 1).read_to_end(&mut json)?;
    if json.len() as u64 > LIMIT {
        return Err(PackedError::TooLarge);
    }
    let rack: Rack = serde_json::from_slice(&json)?;
    match rack.song {
        None if serde_json::from_slice(&json).ok().and_then(Head::file).is_some() => {
            Err(serde_json::Error::custom("its song is not in it").into())
        }
        _ => Ok(rack),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_damage_is_named() {
        let text = pack(&Rack::default()).unwrap();
        assert!(matches!(unpack("%%%").err(), Some(PackedError::Base64(_))));
        assert!(matches!(unpack("AAAA").err(), Some(PackedError::Zstd(_))));
        assert!(matches!(unpack(&text[..text.len() / 8 * 4]).err(), Some(PackedError::Zstd(_))));
        let json = BASE64.encode(zstd::encode_all(&b"[1]"[..], COMPRESSION).unwrap());
        assert!(matches!(unpack(&json).err(), Some(PackedError::Json(_))));
    }

    #[test]
    fn a_song_that_is_not_inside_is_missed() {
        let json = br#"{"version":{"major":1,"minor":0},"song":{"file":"a.it"}}"#;
        let text = BASE64.encode(zstd::encode_all(&json[..], COMPRESSION).unwrap());
        let error = unpack(&text).err().unwrap().to_string();
        assert!(error.contains("its song is not in it"), "{error}");
    }

    #[test]
    fn a_bomb_is_refused() {
        let zeros = std::io::repeat(b' ').take(LIMIT + 2);
        let bomb = BASE64.encode(zstd::encode_all(zeros, COMPRESSION).unwrap());
        assert!(matches!(unpack(&bomb).err(), Some(PackedError::TooLarge)));
    }
}
