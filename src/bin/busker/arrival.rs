//! WAV files that arrive on a desk's inputs, block by block.

use crate::failure::Failure;
use busker::audio::AudioBlockMut;
use hound::SampleFormat;
use hound::WavReader;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::path::PathBuf;

/// What is known of a file before it is read.
#[derive(Clone, Debug)]
pub(crate) struct Arrival {
    pub(crate) path: PathBuf,
    pub(crate) channels: usize,
    pub(crate) rate: u32,
    pub(crate) frames: u64,
}

impl Arrival {
    /// Looks at a file; `most` is how many channels it may have.
    pub(crate) fn examine(path: &Path, most: usize) -> Result<Self, Failure> {
        let reader = WavReader::open(path).map_err(|error| Failure::new(path, &error))?;
        let spec = reader.spec();
        let channels = usize::from(spec.channels);
        if !(1..=most).contains(&channels) {
            let reason = format!("it has {channels} channels; 1 to {most} can arrive there");
            return Err(Failure::new(path, &reason));
        }
        let (rate, frames) = (spec.sample_rate, u64::from(reader.duration()));
        Ok(Self { path: path.to_owned(), channels, rate, frames })
    }

    /// Refuses a file of another rate than `rate`.
    pub(crate) fn at_rate(self, rate: u32) -> Result<Self, Failure> {
        if self.rate == rate {
            return Ok(self);
        }
        let found = self.rate;
        let reason =
            format!("it has {found} frames a second, and {rate} are rendered: convert it, or use --rate");
        Err(Failure::new(&self.path, &reason))
    }

    pub(crate) fn open(&self) -> Result<Reading, Failure> {
        let reader = WavReader::open(&self.path).map_err(|error| Failure::new(&self.path, &error))?;
        Ok(Reading { path: self.path.clone(), reader })
    }
}

/// A file that is being read.
pub(crate) struct Reading {
    path: PathBuf,
    reader: WavReader<BufReader<File>>,
}

impl Reading {
    /// Puts the next frames into the planes; past the end they stay as they are. A mono file goes to both sides of a
    /// stereo block.
    pub(crate) fn fill(&mut self, block: &mut AudioBlockMut<'_>) -> Result<(), Failure> {
        let (frames, spec) = (block.frames(), self.reader.spec());
        let channels = usize::from(spec.channels);
        let failed = |error: hound::Error| Failure::new(&self.path, &error);
        let scale = 1.0 / f64::from(1_u32 << (spec.bits_per_sample - 1).min(31));
        let mut put = |index: usize, sample: f32| {
            let (frame, channel) = (index / channels, index % channels);
            if let Some(to) = block.channel_mut(channel).get_mut(frame) {
                *to = sample;
            }
        };
        let count = frames * channels;
        match spec.sample_format {
            SampleFormat::Float => {
                for (index, sample) in self.reader.samples::<f32>().take(count).enumerate() {
                    put(index, sample.map_err(failed)?);
                }
            }
            SampleFormat::Int => {
                for (index, sample) in self.reader.samples::<i32>().take(count).enumerate() {
                    put(index, (f64::from(sample.map_err(failed)?) * scale) as f32);
                }
            }
        }
        if channels == 1 && block.channels() == 2 {
            let (left, right) = block.stereo_mut();
            right.copy_from_slice(left);
        }
        Ok(())
    }
}
