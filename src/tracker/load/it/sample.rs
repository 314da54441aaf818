//! Samples of IT: headers, plain and packed data.

use crate::audio::AudioSource;
use crate::sample::SampleData;
use crate::tracker::load::error::LoadError;
use crate::tracker::load::error::Part;
use crate::tracker::load::it_packing;
use crate::tracker::load::pcm;
use crate::tracker::load::pcm::Budget;
use crate::tracker::load::pcm::Encoding;
use crate::tracker::load::reader::Reader;
use crate::tracker::load::text;
use crate::tracker::load::text::Charset;
use crate::tracker::song::AutoVibrato;
use crate::tracker::song::Sample;
use crate::tracker::song::Wave;
use std::sync::Arc;

const SIGNATURE: &[u8; 4] = b"IMPS";
const EXISTS: u8 = 0x01;
const SIXTEEN_BIT: u8 = 0x02;
const STEREO: u8 = 0x04;
const PACKED: u8 = 0x08;
const LOOP: u8 = 0x10;
const SUSTAIN_LOOP: u8 = 0x20;
const PING_PONG: u8 = 0x40;
const SUSTAIN_PING_PONG: u8 = 0x80;
/// Conversion byte of samples in ModPlug Tracker's 4-bit coding.
const ADPCM: u8 = 0xff;

/// What the file's origin says of its samples.
pub(super) struct Facts {
    charset: Charset,
    /// The flag that a sample has data is meant; some trackers leave it out.
    data_flag_counts: bool,
    /// Versions before 2.14 of Impulse Tracker left the flag of stereo samples set by mistake.
    stereo_flag_counts: bool,
}

impl Facts {
    pub(super) fn new(header: &super::Header, origin: &super::Origin, charset: Charset) -> Self {
        Self {
            charset,
            data_flag_counts: origin.data_flag_counts,
            stereo_flag_counts: header.created_with >= 0x0214,
        }
    }
}

/// All samples of the file.
pub(super) fn read_all(file: &[u8], pointers: &[usize], facts: &Facts) -> Result<Vec<Sample>, LoadError> {
    let mut budget = Budget::for_file(file);
    let each = pointers.iter().enumerate();
    each.map(|(index, &pointer)| {
        let mut reader = Reader::at(file, pointer, Part::numbered("header of sample", index + 1));
        if pointer == 0 {
            return Ok(Header::default().with(SampleData::empty()));
        }
        let mut header = read_header(&mut reader, facts.charset)?;
        header.flags |= if facts.data_flag_counts { 0 } else { EXISTS };
        header.flags &= if facts.stereo_flag_counts { !0 } else { !STEREO };
        reader.enter(Part::numbered("sample", index + 1));
        reader.seek(header.data_at);
        let data = header.read_data(&mut reader, &mut budget)?;
        Ok(header.with(data))
    })
    .collect()
}

/// The 80 bytes before a sample's data.
#[derive(Default)]
struct Header {
    name: String,
    global_volume: u8,
    flags: u8,
    volume: u8,
    conversion: u8,
    panning: u8,
    frames: u32,
    sample_loop: [u32; 2],
    c5_speed: u32,
    sustain_loop: [u32; 2],
    data_at: usize,
    /// Speed, depth, rate and wave.
    vibrato: [u8; 4],
}

fn read_header(reader: &mut Reader<'_>, charset: Charset) -> Result<Header, LoadError> {
    let signature = reader.array()?;
    if signature != *SIGNATURE && signature != [0; 4] {
        return Err(reader.invalid(4, u32::from_be_bytes(signature)));
    }
    reader.skip(13);
    let [global_volume, flags, volume] = reader.array()?;
    let name = text::name(reader.take(26)?, charset);
    let [conversion, panning] = reader.array()?;
    Ok(Header {
        name,
        global_volume,
        flags,
        volume,
        conversion,
        panning,
        frames: reader.u32_le()?,
        sample_loop: [reader.u32_le()?, reader.u32_le()?],
        c5_speed: reader.u32_le()?,
        sustain_loop: [reader.u32_le()?, reader.u32_le()?],
        data_at: reader.u32_le()? as usize,
        vibrato: reader.array()?,
    })
}

impl Header {
    fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    fn read_data(&self, reader: &mut Reader<'_>, budget: &mut Budget) -> Result<SampleData, LoadError> {
        let frames = self.frames as usize;
        if !self.has(EXISTS) || frames == 0 {
            return Ok(SampleData::empty());
        }
        if self.has(PACKED) && self.conversion != ADPCM {
            return self.unpack(reader, frames, budget);
        }
        let adpcm = self.conversion == ADPCM && !self.has(SIXTEEN_BIT);
        let encoding = Encoding {
            sixteen_bit: self.has(SIXTEEN_BIT),
            stereo: self.has(STEREO) && !adpcm,
            unsigned: self.conversion & 1 == 0,
            big_endian: self.conversion & 2 != 0 && !adpcm,
            delta: self.conversion & 4 != 0,
            adpcm,
        };
        pcm::read(reader, frames, encoding, budget)
    }

    fn unpack(
        &self,
        reader: &mut Reader<'_>,
        frames: usize,
        budget: &mut Budget,
    ) -> Result<SampleData, LoadError> {
        let twice = self.conversion & 4 != 0;
        let width = if self.has(SIXTEEN_BIT) { 2 } else { 1 };
        let channels = if self.has(STEREO) { 2 } else { 1 };
        let most = frames.min(it_packing::most_frames(reader.rest().len()));
        reader.spend(budget, most * width * channels)?;
        Ok(match (self.has(SIXTEEN_BIT), self.has(STEREO)) {
            (false, false) => SampleData::Mono8(it_packing::unpack_8(reader, most, twice)),
            (true, false) => SampleData::Mono16(it_packing::unpack_16(reader, most, twice)),
            (false, true) => {
                SampleData::Stereo8(same_length([(); 2].map(|()| it_packing::unpack_8(reader, most, twice))))
            }
            (true, true) => SampleData::Stereo16(same_length(
                [(); 2].map(|()| it_packing::unpack_16(reader, most, twice)),
            )),
        })
    }

    fn with(self, data: SampleData) -> Sample {
        let frames = data.frames();
        let bounds = |wanted: bool, [start, end]: [u32; 2], ping_pong: bool| {
            wanted.then(|| pcm::sound_loop(start.into(), end.into(), ping_pong, frames)).flatten()
        };
        let [speed, depth, sweep, wave] = self.vibrato;
        let wave = match wave {
            1 => Wave::RampDown,
            2 => Wave::Square,
            3 => Wave::Random,
            4 => Wave::RampUp,
            _ => Wave::Sine,
        };
        Sample {
            sample_loop: bounds(self.has(LOOP), self.sample_loop, self.has(PING_PONG)),
            sustain_loop: bounds(self.has(SUSTAIN_LOOP), self.sustain_loop, self.has(SUSTAIN_PING_PONG)),
            data: Arc::new(data),
            volume: self.volume.min(64),
            global_volume: self.global_volume.min(64),
            panning: (self.panning & 0x80 != 0).then_some(u16::from(self.panning & 0x7f).min(64) * 4),
            c5_speed: if self.c5_speed == 0 { 8363 } else { self.c5_speed.max(256) },
            pace_q32: Sample::OWN_PACE_Q32,
            relative_key: 0,
            finetune: 0,
            vibrato: AutoVibrato { wave, speed, depth: depth & 0x7f, sweep },
            adlib: None,
            name: self.name,
        }
    }
}

/// Cuts both channels to the shorter, where the file ends within the second.
fn same_length<T>([left, right]: [Box<[T]>; 2]) -> [Box<[T]>; 2] {
    let frames = left.len().min(right.len());
    [left, right].map(|plane| plane.into_vec().into_iter().take(frames).collect())
}
