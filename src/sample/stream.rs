//! An audio file that is decoded as it is needed, from any frame on.
//!
//! In: a file and the number of a frame. Out: that frame and those after it in stereo, the very ones that decoding the whole
//! file gives, and silence past its end. Reading on where the last call ended is quick; anything else seeks. Workers only:
//! it waits for the disk. What cannot be decoded is silence, and is noted.

use super::DecodeError;
use super::decode;
use super::decode::Track;
use super::fold_onto;
use crate::units::SampleRate;
use std::fmt::Display;
use std::fs::File;
use std::io::ErrorKind;
use std::io::Seek;
use std::io::SeekFrom;
use std::path::Path;
use symphonia::core::audio::GenericAudioBufferRef;
use symphonia::core::codecs::audio::AudioDecoder;
use symphonia::core::errors::Error;
use symphonia::core::formats::FormatReader;
use symphonia::core::formats::SeekMode;
use symphonia::core::formats::SeekTo;
use symphonia::core::io::MediaSource;
use symphonia::core::packet::Packet;
use symphonia::core::units::Timestamp;

/// Lossy codecs are decoded from so many frames before the wanted one: what they overlap with, and MP3's reservoir of bits, which
/// reaches back 511 bytes: 14 of its frames are enough at any bit rate from 32 kbit/s on.
const RUN_UP: u64 = 16 * 1_152;
/// A frame that is so near ahead is read up to; beyond, seeking is quicker.
const NEAR: u64 = 65_536;

/// See the module's description.
pub struct AudioFile {
    /// `None` where it could not be opened again.
    format: Option<Box<dyn FormatReader>>,
    decoder: Box<dyn AudioDecoder>,
    track: Track,
    rate: SampleRate,
    frames: u64,
    /// Frames that there really are, once that is known.
    end: u64,
    /// What was decoded last, and the number of its first frame.
    block: [Vec<f32>; 2],
    first: u64,
    /// Frames that the decoder is at, unless it has to seek.
    next: Option<u64>,
    scratch: Vec<Vec<f32>>,
    damage: Option<DecodeError>,
}

impl AudioFile {
    /// Opens a file and finds out how long it is.
    pub fn open(path: &Path) -> Result<Self, DecodeError> {
        let file = File::open(path).map_err(|error| DecodeError::Unreadable(error.to_string()))?;
        Self::new(Box::new(file))
    }

    /// The same for anything that can be read like a file.
    pub fn new(source: Box<dyn MediaSource>) -> Result<Self, DecodeError> {
        let (format, track) = decode::open(source)?;
        let decoder = decode::decoder(&track.parameters, false)?;
        let rate = track.parameters.sample_rate.filter(|&rate| rate > 0);
        let rate = rate.ok_or_else(|| DecodeError::NoSound("it does not say its sample rate".to_owned()))?;
        let mut file = Self {
            format: Some(format),
            decoder,
            rate: SampleRate(rate.into()),
            frames: 0,
            end: 0,
            block: Default::default(),
            first: 0,
            next: None,
            scratch: Vec::new(),
            damage: None,
            track,
        };
        file.frames = match file.track.promised {
            Some(frames) => frames,
            None => file.count()?,
        };
        file.end = file.frames;
        if file.frames == 0 { Err(DecodeError::Empty) } else { Ok(file) }
    }

    /// Of the file.
    pub fn rate(&self) -> SampleRate {
        self.rate
    }

    /// Frames that the file says it has.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// Whether the file says that it has one channel.
    pub fn is_mono(&self) -> bool {
        self.track.parameters.channels.as_ref().is_some_and(|channels| channels.count() == 1)
    }

    /// The first thing that could not be decoded, if that has happened.
    pub fn damage(&self) -> Option<&DecodeError> {
        self.damage.as_ref()
    }

    /// Frames of a file that does not say: all packets are looked at, none is decoded.
    fn count(&mut self) -> Result<u64, DecodeError> {
        let mut frames = 0;
        while let Some(packet) = self.packet()? {
            let end = packet.pts.get().max(0) as u64 + packet.dur.get();
            frames = frames.max(end);
        }
        Ok(frames)
    }

    /// Fills both sides with the frames from `frame` on; the shorter side counts. Mono is on both sides alike.
    pub fn read(&mut self, frame: u64, [left, right]: [&mut [f32]; 2]) {
        let frames = left.len().min(right.len());
        let mut done = 0;
        while done < frames {
            let at = frame + done as u64;
            let (left, right) = (&mut left[done..frames], &mut right[done..frames]);
            done += match self.there(at) {
                Some(there) => {
                    let count = there.start.abs_diff(there.end).min(left.len());
                    let there = there.start..there.start + count;
                    left[..count].copy_from_slice(&self.block[0][there.clone()]);
                    right[..count].copy_from_slice(&self.block[1][there]);
                    count
                }
                None => self.silence(at, [left, right]),
            };
        }
    }

    /// Where a frame and those after it are in the block.
    fn there(&self, at: u64) -> Option<std::ops::Range<usize>> {
        let skip = usize::try_from(at.checked_sub(self.first)?).ok()?;
        let all = self.block[0].len().min(self.block[1].len());
        (skip < all).then_some(skip..all)
    }

    /// Decodes up to a frame that is not in the block; frames that never come are silence, and their number is given back.
    fn silence(&mut self, at: u64, [left, right]: [&mut [f32]; 2]) -> usize {
        let came = at < self.end && self.go_to(at);
        let missing = if came { self.first.saturating_sub(at) } else { left.len() as u64 };
        let missing = usize::try_from(missing).map_or(left.len(), |missing| missing.min(left.len()));
        left[..missing].fill(0.0);
        right[..missing].fill(0.0);
        missing
    }

    /// Decodes until the block holds `at` or, where that is missing, a later frame; false at the end.
    fn go_to(&mut self, at: u64) -> bool {
        let near = self.next.is_some_and(|next| (next..next.saturating_add(NEAR)).contains(&at));
        if near && self.decode_to(at).is_ok_and(|there| there)
            || !near && self.seek(at).is_ok() && self.decode_to(at).is_ok_and(|there| there)
        {
            return true;
        }
        // After a seek symphonia's reader of FLAC may take a packet's end for the file's: only a new one is to be believed.
        let found = self.reopen().and_then(|()| self.seek(at)).and_then(|()| self.decode_to(at));
        match found {
            Ok(true) => return true,
            // Files whose codec knows no length may promise too much.
            Ok(false) if self.track.forgives() => {}
            Ok(false) => {
                let what = format!("the file ends {} frames early", self.end - at);
                self.damage.get_or_insert(DecodeError::Damaged { frame: at as usize, what });
            }
            Err(error) => drop(self.damage.get_or_insert(error)),
        }
        self.end = at;
        self.next = None;
        false
    }

    fn decode_to(&mut self, at: u64) -> Result<bool, DecodeError> {
        while self.decode()? {
            if self.first + self.block[0].len() as u64 > at {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Begins to read the file anew.
    fn reopen(&mut self) -> Result<(), DecodeError> {
        let Some(format) = self.format.take() else { return Ok(()) };
        let mut stream = format.into_inner();
        stream.seek(SeekFrom::Start(0)).map_err(|error| self.damaged(&error))?;
        let (format, track) = decode::open_stream(stream)?;
        self.decoder = decode::decoder(&track.parameters, false)?;
        (self.format, self.track) = (Some(format), track);
        Ok(())
    }

    fn damaged(&self, what: &dyn Display) -> DecodeError {
        let frame = self.next.unwrap_or(self.first) as usize;
        DecodeError::Damaged { frame, what: what.to_string() }
    }

    fn seek(&mut self, at: u64) -> Result<(), DecodeError> {
        let from = at.saturating_sub(RUN_UP) as i64;
        let ts = if from == 0 { self.track.start } else { Timestamp::from(from) };
        let to = SeekTo::Timestamp { ts, track_id: self.track.number };
        self.next = None;
        self.block.iter_mut().for_each(Vec::clear);
        self.decoder.reset();
        let sought = self.format.as_mut().map(|format| format.seek(SeekMode::Accurate, to));
        sought.transpose().map_err(|error| self.damaged(&error))?;
        self.next = Some(from as u64);
        Ok(())
    }

    fn packet(&mut self) -> Result<Option<Packet>, DecodeError> {
        while let Some(format) = &mut self.format {
            match format.next_packet() {
                Ok(Some(packet)) if packet.track_id == self.track.number => return Ok(Some(packet)),
                Ok(Some(_)) => {}
                Ok(None) => return Ok(None),
                Err(Error::IoError(error)) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
                Err(error) => return Err(self.damaged(&error)),
            }
        }
        Ok(None)
    }

    /// Decodes the next packet, which may hold nothing; false at the end.
    fn decode(&mut self) -> Result<bool, DecodeError> {
        let Some(packet) = self.packet()? else { return Ok(false) };
        self.block.iter_mut().for_each(Vec::clear);
        let start = packet.pts.get() + packet.trim_start.get() as i64;
        let error = match self.decoder.decode(&packet) {
            Ok(block) => {
                fold(&block, &mut self.scratch, &mut self.block);
                None
            }
            Err(error) => Some(error),
        };
        // What a file's own start lies before is an encoder's delay.
        let early = usize::try_from(-start).unwrap_or(0).min(self.block[0].len());
        self.block.iter_mut().for_each(|side| drop(side.drain(..early)));
        self.first = start.max(0) as u64;
        self.next = Some(self.first + self.block[0].len() as u64);
        if let Some(error) = error.filter(|_| !self.track.forgives()) {
            let damage = self.damaged(&error);
            self.damage.get_or_insert(damage);
        }
        Ok(true)
    }
}

/// Any number of channels as stereo.
fn fold(block: &GenericAudioBufferRef<'_>, scratch: &mut Vec<Vec<f32>>, sides: &mut [Vec<f32>; 2]) {
    scratch.clear();
    block.copy_to_vecs_planar(scratch);
    match &scratch[..] {
        [] => {}
        [mono] => sides.iter_mut().for_each(|side| side.extend_from_slice(mono)),
        [left, right] => {
            sides[0].extend_from_slice(left);
            sides[1].extend_from_slice(right);
        }
        planes => {
            for (to, side) in sides.iter_mut().enumerate() {
                side.resize(block.frames(), 0.0);
                fold_onto(planes, to, side);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::decode::decode;
    use super::*;
    use crate::audio::AudioSource;
    use crate::random::Random;
    use std::io::Cursor;

    const FILES: [(&str, &[u8]); 7] = [
        ("FLAC", include_bytes!("../../tests/recordings/sine.flac")),
        ("AIFF", include_bytes!("../../tests/recordings/sine.aiff")),
        ("Vorbis", include_bytes!("../../tests/recordings/sine.ogg")),
        ("MP3", include_bytes!("../../tests/recordings/sine.mp3")),
        // Long enough for seeks that begin in the middle.
        ("FLAC", include_bytes!("../../tests/recordings/sweep.flac")),
        ("Vorbis", include_bytes!("../../tests/recordings/sweep.ogg")),
        ("MP3", include_bytes!("../../tests/recordings/sweep.mp3")),
    ];

    fn check(name: &str, bytes: &[u8], seeks: usize) {
        let whole = decode(bytes.into()).unwrap();
        let owned: Box<[u8]> = bytes.into();
        let mut file = AudioFile::new(Box::new(Cursor::new(owned))).unwrap();
        assert_eq!((file.rate(), file.frames()), (whole.rate, whole.data.frames() as u64), "{name}");
        let (mut random, frames) = (Random(0x9E37_79B9_7F4A_7C15), file.frames());
        for frame in (0..seeks).map(|_| random.below(frames)) {
            let (mut left, mut right) = ([9.0; 300], [9.0; 300]);
            file.read(frame, [&mut left, &mut right]);
            assert!(file.damage().is_none(), "{name}: {:?}", file.damage());
            for (index, (left, right)) in left.into_iter().zip(right).enumerate() {
                let at = frame as usize + index;
                let second = whole.data.channels().min(2) - 1;
                let there = at < whole.data.frames();
                let wanted = if there {
                    (whole.data.read_f32(0, at), whole.data.read_f32(second, at))
                } else {
                    (0.0, 0.0)
                };
                assert_eq!((left, right), wanted, "{name}: frame {at}, sought {frame}");
            }
        }
        assert!(file.damage().is_none(), "{name}");
    }

    #[test]
    fn a_thousand_seeks_give_the_frames_of_the_whole_file_in_every_format() {
        for (name, bytes) in FILES {
            check(name, bytes, 1_000);
        }
    }

    #[test]
    fn a_thousand_seeks_in_a_long_file_of_numbers_give_every_number_in_its_place() {
        for (bits, channels) in [(16, 1), (24, 2)] {
            let mut bytes = Cursor::new(Vec::new());
            let sample_format = hound::SampleFormat::Int;
            let spec = hound::WavSpec { channels, sample_rate: 48_000, bits_per_sample: bits, sample_format };
            let mut writer = hound::WavWriter::new(&mut bytes, spec).unwrap();
            let numbers = (0..200_000 * i32::from(channels)).map(|n| n % 29_989);
            numbers.for_each(|number| writer.write_sample(number).unwrap());
            writer.finalize().unwrap();
            check("WAV", &bytes.into_inner(), 1_000);
        }
    }

    #[test]
    fn a_file_that_is_cut_off_is_silent_where_it_lacks_frames() {
        let mut bytes = Cursor::new(Vec::new());
        let sample_format = hound::SampleFormat::Int;
        let spec = hound::WavSpec { channels: 1, sample_rate: 48_000, bits_per_sample: 16, sample_format };
        let mut writer = hound::WavWriter::new(&mut bytes, spec).unwrap();
        (0..20_000).for_each(|_| writer.write_sample(16_384).unwrap());
        writer.finalize().unwrap();
        let bytes = bytes.into_inner()[..44 + 2 * 10_000].to_vec();
        let mut file = AudioFile::new(Box::new(Cursor::new(bytes))).unwrap();
        let (mut left, mut right) = (vec![9.0; 20_000], vec![9.0; 20_000]);
        file.read(0, [&mut left, &mut right]);
        assert!(left[..8_000].iter().all(|&sample| sample == 0.5) && left == right);
        assert!(left[10_000..].iter().all(|&sample| sample == 0.0));
        let damage = file.damage().unwrap().to_string();
        assert_eq!(damage, "damaged at frame 10000: the file ends 10000 frames early");
    }
}
