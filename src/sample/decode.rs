//! Audio files turned into recordings: WAV, AIFF, FLAC, Ogg Vorbis and MP3.
//!
//! In: a file's bytes. Out: its frames, and the rate at which they were recorded. Whole numbers of up to 16 bits stay what
//! they are; all else becomes floats, in which 24 bits are exact. What encoders add at both ends is left out. Workers
//! only: it allocates, and a long file takes long. The formats are symphonia's.

use super::SampleData;
use crate::units::SampleRate;
use std::io::Cursor;
use std::io::ErrorKind;
use std::sync::Arc;
use symphonia::core::audio::GenericAudioBufferRef;
use symphonia::core::codecs::audio::AudioCodecParameters;
use symphonia::core::codecs::audio::AudioDecoder;
use symphonia::core::codecs::audio::AudioDecoderOptions;
use symphonia::core::codecs::audio::well_known::CODEC_ID_MP3;
use symphonia::core::errors::Error;
use symphonia::core::formats::FormatReader;
use symphonia::core::formats::TrackType;
use symphonia::core::formats::probe::Hint;
use symphonia::core::io::MediaSource;
use symphonia::core::io::MediaSourceStream;
use symphonia::core::units::Timestamp;
use thiserror::Error as ErrorText;

/// Frames of a recording, at most: positions in it have 31 bits before the point.
const MOST_FRAMES: usize = i32::MAX as usize;

/// A recording and how fast it is to be read.
#[derive(Clone, Debug, PartialEq)]
pub struct Recording {
    /// Its frames.
    pub data: SampleData,
    /// Of the file.
    pub rate: SampleRate,
}

/// Why a file is no recording.
#[derive(Clone, Debug, ErrorText)]
#[non_exhaustive]
pub enum DecodeError {
    /// The file cannot be opened.
    #[error("{0}")]
    Unreadable(String),
    /// No format that is known.
    #[error("no audio file that can be read (WAV, AIFF, FLAC, Ogg Vorbis or MP3): {0}")]
    Unknown(String),
    /// A container without sound in it, or with sound of a kind that is not known.
    #[error("no sound in it that can be decoded: {0}")]
    NoSound(String),
    /// Does not hold what it should.
    #[error("damaged at frame {frame}: {what}")]
    Damaged {
        /// Frames that were read before.
        frame: usize,
        /// What is wrong.
        what: String,
    },
    /// No frames.
    #[error("empty")]
    Empty,
    /// Whoever asked for it wants it no more.
    #[error("called off")]
    CalledOff,
    /// More frames than a recording can have.
    #[error("longer than {MOST_FRAMES} frames")]
    TooLong,
}

/// Decodes a whole file. What a file lacks at its end is missing from the recording, too.
pub fn decode(bytes: Arc<[u8]>) -> Result<Recording, DecodeError> {
    decode_while(bytes, &mut |_| true)
}

/// The same while `go_on` says so, which hears between packets what share of the file has been decoded, 0 where the file does not say
/// how long it is.
pub fn decode_while(bytes: Arc<[u8]>, go_on: &mut dyn FnMut(f32) -> bool) -> Result<Recording, DecodeError> {
    let (mut format, track) = open(Box::new(Cursor::new(bytes)))?;
    Decoding::new(&track.parameters, track.promised)?.run(&mut *format, track.number, go_on)
}

/// The track of a file that is decoded.
pub(super) struct Track {
    pub(super) number: u32,
    pub(super) parameters: AudioCodecParameters,
    /// Frames, where the file says.
    pub(super) promised: Option<u64>,
    /// Number of its first frame: below 0 where an encoder's delay comes first.
    pub(super) start: Timestamp,
}

impl Track {
    /// Frames that a decoder cannot make sense of are usual there: the first may lean on others that were cut away.
    pub(super) fn forgives(&self) -> bool {
        forgives(&self.parameters)
    }
}

fn forgives(parameters: &AudioCodecParameters) -> bool {
    parameters.codec == CODEC_ID_MP3
}

/// Finds out what a file is.
pub(super) fn open(source: Box<dyn MediaSource>) -> Result<(Box<dyn FormatReader>, Track), DecodeError> {
    open_stream(MediaSourceStream::new(source, Default::default()))
}

/// The same from a stream's start.
pub(super) fn open_stream(
    stream: MediaSourceStream<'static>,
) -> Result<(Box<dyn FormatReader>, Track), DecodeError> {
    let probe = symphonia::default::get_probe();
    let format = probe
        .probe(&Hint::new(), stream, Default::default(), Default::default())
        .map_err(|error| DecodeError::Unknown(error.to_string()))?;
    let absent = || DecodeError::NoSound("there is no track".to_owned());
    let track = format.default_track(TrackType::Audio).ok_or_else(absent)?;
    let parameters = track.codec_params.as_ref().and_then(|parameters| parameters.audio()).cloned();
    let track = Track {
        number: track.id,
        parameters: parameters.ok_or_else(absent)?,
        promised: track.num_frames,
        start: track.start_ts,
    };
    Ok((format, track))
}

/// What decodes a track; `verify` has it keep a checksum.
pub(super) fn decoder(
    parameters: &AudioCodecParameters,
    verify: bool,
) -> Result<Box<dyn AudioDecoder>, DecodeError> {
    symphonia::default::get_codecs()
        .make_audio_decoder(parameters, &AudioDecoderOptions::default().verify(verify))
        .map_err(|error| DecodeError::NoSound(error.to_string()))
}

/// Planes that grow, in the type that they will have.
enum Planes {
    Whole(Vec<Vec<i16>>),
    Float(Vec<Vec<f32>>),
}

struct Decoding {
    decoder: Box<dyn AudioDecoder>,
    /// Bits of a sample in the file, where it says.
    bits: Option<u32>,
    /// See [`Track::forgives`].
    forgives: bool,
    /// Frames of the file, where it says.
    promised: Option<u64>,
    planes: Option<Planes>,
    rate: u32,
}

impl Decoding {
    fn new(parameters: &AudioCodecParameters, promised: Option<u64>) -> Result<Self, DecodeError> {
        Ok(Self {
            decoder: decoder(parameters, true)?,
            bits: parameters.bits_per_sample,
            forgives: forgives(parameters),
            promised,
            planes: None,
            rate: 0,
        })
    }

    fn run(
        mut self,
        format: &mut dyn FormatReader,
        number: u32,
        go_on: &mut dyn FnMut(f32) -> bool,
    ) -> Result<Recording, DecodeError> {
        loop {
            let done = frames(self.planes.as_ref()) as f32;
            if !go_on(self.promised.map_or(0.0, |promised| done / promised.max(1) as f32)) {
                return Err(DecodeError::CalledOff);
            }
            let packet = match format.next_packet() {
                Ok(Some(packet)) => packet,
                Ok(None) => break,
                Err(Error::IoError(error)) if error.kind() == ErrorKind::UnexpectedEof => break,
                Err(error) => return Err(self.damaged(&error)),
            };
            if packet.track_id != number {
                continue;
            }
            match self.decoder.decode(&packet) {
                Ok(block) => self.rate = take(&mut self.planes, &block, self.bits)?,
                Err(Error::DecodeError(_)) if self.forgives => {}
                Err(error) => return Err(self.damaged(&error)),
            }
        }
        self.finished()
    }

    fn damaged(&self, error: &Error) -> DecodeError {
        DecodeError::Damaged { frame: frames(self.planes.as_ref()), what: error.to_string() }
    }

    fn finished(mut self) -> Result<Recording, DecodeError> {
        let rate = SampleRate(self.rate.into());
        let frame = frames(self.planes.as_ref());
        // A file that was cut off cannot have the checksum of the whole.
        let all = self.promised.is_none_or(|promised| promised == frame as u64);
        if all && self.decoder.finalize().verify_ok == Some(false) {
            return Err(DecodeError::Damaged { frame, what: "the checksum is of other frames".to_owned() });
        }
        if frame == 0 || self.rate == 0 {
            return Err(DecodeError::Empty);
        }
        let data = match self.planes {
            Some(Planes::Whole(planes)) => whole(planes),
            Some(Planes::Float(planes)) => SampleData::Float(planes.into_iter().map(Into::into).collect()),
            None => return Err(DecodeError::Empty),
        };
        Ok(Recording { data, rate })
    }
}

fn frames(planes: Option<&Planes>) -> usize {
    match planes {
        Some(Planes::Whole(planes)) => planes.first().map_or(0, Vec::len),
        Some(Planes::Float(planes)) => planes.first().map_or(0, Vec::len),
        None => 0,
    }
}

/// Recordings of 16 bits have one channel or two; see `take`.
fn whole(planes: Vec<Vec<i16>>) -> SampleData {
    let mut planes = planes.into_iter().map(Vec::into_boxed_slice);
    match (planes.next(), planes.next()) {
        (Some(left), Some(right)) => SampleData::Stereo16([left, right]),
        (Some(mono), None) => SampleData::Mono16(mono),
        _ => SampleData::empty(),
    }
}

/// Appends a block, the first of which decides the type; gives its rate.
fn take(
    planes: &mut Option<Planes>,
    block: &GenericAudioBufferRef<'_>,
    bits: Option<u32>,
) -> Result<u32, DecodeError> {
    let frame = frames(planes.as_ref());
    if frame + block.frames() > MOST_FRAMES {
        return Err(DecodeError::TooLong);
    }
    let count = block.num_planes();
    let planes = planes.get_or_insert_with(|| match fits_sixteen_bits(block, bits) && count <= 2 {
        true => Planes::Whole(vec![Vec::new(); count]),
        false => Planes::Float(vec![Vec::new(); count]),
    });
    let same = match planes {
        Planes::Whole(planes) => append(planes, block),
        Planes::Float(planes) => append(planes, block),
    };
    let changed = || DecodeError::Damaged { frame, what: "another number of channels".to_owned() };
    same.then(|| block.spec().rate()).ok_or_else(changed)
}

fn fits_sixteen_bits(block: &GenericAudioBufferRef<'_>, bits: Option<u32>) -> bool {
    use GenericAudioBufferRef::*;
    match block {
        U8(_) | U16(_) | S8(_) | S16(_) => true,
        // Some decoders keep whole numbers of any size in the upper bits.
        U24(_) | U32(_) | S24(_) | S32(_) => bits.is_some_and(|bits| bits <= 16),
        F32(_) | F64(_) => false,
    }
}

/// False where the number of channels differs.
fn append<S>(planes: &mut [Vec<S>], block: &GenericAudioBufferRef<'_>) -> bool
where
    S: symphonia::core::audio::sample::Sample + symphonia::core::audio::conv::ConvertibleSample + Clone,
{
    let mut new: Vec<Vec<S>> = Vec::new();
    block.copy_to_vecs_planar(&mut new);
    planes.iter_mut().zip(&new).for_each(|(plane, new)| plane.extend_from_slice(new));
    planes.len() == new.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::AudioSource;
    use std::io::Cursor;

    fn wav(bits: u16, channels: u16, samples: &[i32]) -> Arc<[u8]> {
        let mut file = Cursor::new(Vec::new());
        let sample_format = hound::SampleFormat::Int;
        let spec = hound::WavSpec { channels, sample_rate: 44_100, bits_per_sample: bits, sample_format };
        let mut writer = hound::WavWriter::new(&mut file, spec).unwrap();
        samples.iter().for_each(|&sample| writer.write_sample(sample).unwrap());
        writer.finalize().unwrap();
        file.into_inner().into()
    }

    #[test]
    fn decoding_tells_how_far_it_is_and_ends_when_it_is_called_off() {
        let bytes: Arc<[u8]> = wav(16, 1, &[7; 40_000]);
        let mut shares = Vec::new();
        let whole = decode_while(Arc::clone(&bytes), &mut |share| {
            shares.push(share);
            true
        });
        assert_eq!(whole.unwrap().data.frames(), 40_000);
        assert!(shares.is_sorted() && shares.len() > 2 && shares.last() == Some(&1.0), "{shares:?}");
        let mut calls = 0;
        let off = decode_while(bytes, &mut |share| {
            calls += 1;
            share == 0.0
        });
        assert!(matches!(off, Err(DecodeError::CalledOff)) && calls == 2, "{calls}");
    }

    #[test]
    fn whole_numbers_of_eight_and_sixteen_bits_stay_what_they_are() {
        let stereo = decode(wav(16, 2, &[-32768, 1, 32767, -2])).unwrap();
        assert_eq!(stereo.rate, SampleRate(44_100.0));
        assert_eq!(stereo.data, SampleData::Stereo16([Box::new([-32768, 32767]), Box::new([1, -2])]));
        let mono = decode(wav(8, 1, &[-128, 0, 64])).unwrap();
        assert_eq!(mono.data, SampleData::Mono16(Box::new([-32768, 0, 16384])));
    }

    #[test]
    fn twenty_four_bits_are_exact_as_floats() {
        let samples = [-8_388_608, 8_388_607, 1, -1];
        let found = decode(wav(24, 1, &samples)).unwrap().data;
        let back: Vec<i32> = (0..4).map(|frame| (found.read_f32(0, frame) * 8_388_608.0) as i32).collect();
        assert_eq!(back, samples);
    }

    #[test]
    fn more_channels_than_two_are_all_there() {
        let found = decode(wav(16, 3, &[16384, -16384, 8192, 0, 0, -32768])).unwrap().data;
        assert_eq!((found.channels(), found.frames()), (3, 2));
        assert_eq!([0, 1, 2].map(|channel| found.read_f32(channel, 0)), [0.5, -0.5, 0.25]);
        assert_eq!(found.read_f32(2, 1), -1.0);
    }

    #[test]
    fn a_file_that_is_cut_off_gives_what_is_there() {
        let samples: Vec<i32> = (0..10_000).collect();
        let whole = wav(16, 1, &samples);
        let found = decode(whole[..44 + 2 * 9_000].into()).unwrap().data;
        assert!((8_000..=9_000).contains(&found.frames()), "{}", found.frames());
        assert_eq!(found.read_i16(0, 7_999), 7_999);
    }

    /// How far a decoded file is from the sine that it holds, at most.
    fn distance_from_sine(found: &Recording) -> f32 {
        let sine = |frame: usize, level: f64| {
            (level * (std::f64::consts::TAU * 441.0 * frame as f64 / 44_100.0).sin()) as f32
        };
        // Lossy encoders smear the ends. A frame's shift would be 0.03.
        let frames = (1_000..8_000).flat_map(|frame| [(0, frame, 0.5), (1, frame, 0.25)]);
        frames
            .map(|(channel, frame, level)| (found.data.read_f32(channel, frame) - sine(frame, level)).abs())
            .fold(0.0, f32::max)
    }

    #[test]
    fn every_format_gives_the_frames_that_went_in_and_no_others() {
        for (bytes, within) in [
            (&include_bytes!("../../tests/recordings/sine.flac")[..], 2e-5),
            (include_bytes!("../../tests/recordings/sine.aiff"), 2e-5),
            (include_bytes!("../../tests/recordings/sine.ogg"), 2e-2),
            (include_bytes!("../../tests/recordings/sine.mp3"), 2e-2),
        ] {
            let found = decode(bytes.into()).unwrap();
            let distance = distance_from_sine(&found);
            assert!(distance < within, "{distance} of {within}, {} frames", found.data.frames());
            assert_eq!((found.rate, found.data.frames()), (SampleRate(44_100.0), 8_820));
            let whole = matches!(found.data, SampleData::Stereo16(_));
            assert_eq!(whole, within < 1e-3, "lossless files stay whole numbers");
        }
    }

    #[test]
    fn damaged_files_give_an_error_or_what_is_there() {
        let flac = &include_bytes!("../../tests/recordings/sine.flac")[..];
        let mut torn = flac.to_vec();
        let middle = torn.len() - 2_000; // behind 8 KiB of padding
        torn[middle..middle + 40].fill(0x55);
        assert!(decode(torn.into()).map_or(true, |found| found.data.frames() < 8_820));
        for bytes in [flac, include_bytes!("../../tests/recordings/sine.ogg")] {
            for cut in (0..bytes.len()).step_by(97) {
                assert!(decode(bytes[..cut].into()).map_or(true, |found| found.data.frames() <= 8_820));
            }
        }
    }

    #[test]
    fn what_is_no_recording_is_refused_with_a_reason() {
        assert!(matches!(decode(Arc::from(&b"not a sound"[..])), Err(DecodeError::Unknown(_))));
        assert!(matches!(decode(Arc::from(&[][..])), Err(DecodeError::Unknown(_))));
        assert!(decode(wav(16, 1, &[])).is_err());
        for cut in 0..44 {
            assert!(decode(wav(16, 1, &[1, 2, 3])[..cut].into()).is_err(), "{cut} bytes");
        }
    }
}
