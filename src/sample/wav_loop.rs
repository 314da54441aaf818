//! The loop that a WAV file brings for samplers, which decoders do not tell.
//!
//! In: a file's bytes. Out: the first loop without an end of its `smpl` chunk, in frames. Any thread but the audio thread.
//! Source: "New Multimedia Data Types and Data Techniques" (Microsoft, 1994), chunk `smpl`.

use std::ops::Range;

/// Frames that go round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SampleLoop {
    /// From the first to one past the last; not empty.
    pub frames: Range<usize>,
    /// Forwards and backwards in turn.
    pub ping_pong: bool,
}

/// Bytes of the chunk before its loops, and of each of them.
const HEAD: usize = 36;
const LOOP: usize = 24;

/// The loop of a WAV file; `None` where it has none or is no WAV file.
pub fn wav_loop(file: &[u8]) -> Option<SampleLoop> {
    let mut rest = file.strip_prefix(b"RIFF")?.get(4..)?.strip_prefix(b"WAVE")?;
    loop {
        let (name, size) = (rest.get(..4)?, dword(rest, 4)?);
        let body = rest.get(8..)?;
        if name == b"smpl" {
            return loops(body.get(..size.min(body.len()))?).next();
        }
        rest = body.get(size.checked_next_multiple_of(2)?..)?;
    }
}

fn dword(bytes: &[u8], at: usize) -> Option<usize> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    usize::try_from(u32::from_le_bytes(*bytes)).ok()
}

/// Those that are played for ever: forwards (0), to and fro (1) or, as hardly any sampler does, backwards (2).
fn loops(chunk: &[u8]) -> impl Iterator<Item = SampleLoop> {
    let count = dword(chunk, 28).unwrap_or(0);
    let entries = chunk.get(HEAD..).unwrap_or_default().chunks_exact(LOOP).take(count);
    entries.filter_map(|entry| {
        let [kind, start, last, times] = [4, 8, 12, 20].map(|at| dword(entry, at));
        let end = last?.checked_add(1)?;
        let frames = start?..end;
        (times == Some(0) && !frames.is_empty()).then_some(SampleLoop { frames, ping_pong: kind == Some(1) })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Kind, first frame, last frame, times.
    fn wav(loops: &[[u32; 4]]) -> Vec<u8> {
        let mut chunk = vec![0; 28];
        chunk.extend((loops.len() as u32).to_le_bytes());
        chunk.extend([0; 4]);
        for [kind, start, last, times] in loops {
            [0, *kind, *start, *last, 0, *times].iter().for_each(|word| chunk.extend(word.to_le_bytes()));
        }
        let mut file = b"RIFF\0\0\0\0WAVEodd \x03\0\0\0abc\0".to_vec();
        file.extend([&b"smpl"[..], &(chunk.len() as u32).to_le_bytes(), &chunk].concat());
        file
    }

    #[test]
    fn the_first_loop_without_an_end_is_taken_and_its_last_frame_belongs_to_it() {
        let found = wav_loop(&wav(&[[0, 5, 9, 3], [1, 10, 99, 0], [0, 1, 2, 0]]));
        assert_eq!(found, Some(SampleLoop { frames: 10..100, ping_pong: true }));
        assert_eq!(wav_loop(&wav(&[[0, 0, 0, 0]])).map(|found| found.ping_pong), Some(false));
    }

    #[test]
    fn files_without_a_loop_and_damaged_ones_have_none() {
        assert_eq!(wav_loop(&wav(&[])), None);
        assert_eq!(wav_loop(&wav(&[[0, 9, 5, 0]])), None, "backwards bounds");
        assert_eq!(wav_loop(b"fLaC"), None);
        let whole = wav(&[[0, 5, 9, 0]]);
        for cut in 0..whole.len() {
            assert_eq!(wav_loop(&whole[..cut]), None, "{cut} bytes");
        }
        let mut endless = whole.clone();
        endless[16..20].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(wav_loop(&endless), None);
    }
}
