//! WAV files that renderings are written to, with a gain and a dither.

use busker::audio::AudioBlock;
use busker::recorder::SampleFormat;
use clap::ValueEnum;
use hound::WavWriter;
use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

/// How samples are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// 16-bit integers.
    I16,
    /// 24-bit integers.
    I24,
    /// 32-bit floats, as rendered.
    F32,
}

impl From<Format> for SampleFormat {
    fn from(format: Format) -> Self {
        match format {
            Format::I16 => Self::I16,
            Format::I24 => Self::I24,
            Format::F32 => Self::F32,
        }
    }
}

/// Triangular noise of ±1 step from two uniform ones; always the same, so that files can be compared.
struct Dither(u64);

impl Dither {
    /// 0 to 1 (splitmix64: Steele, Lea, Flood 2014).
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ mixed >> 31) as f64 / u64::MAX as f64
    }

    fn step(&mut self) -> f64 {
        self.uniform() - self.uniform()
    }
}

/// What is written of each sample.
#[derive(Clone, Copy)]
pub(crate) struct Encoding {
    pub(crate) format: Format,
    pub(crate) dither: bool,
    pub(crate) gain: f32,
}

/// Of a file's frames.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) channels: usize,
    pub(crate) rate: u32,
}

/// A file that is being written.
pub(crate) struct Wav {
    writer: WavWriter<BufWriter<File>>,
    format: SampleFormat,
    gain: f32,
    dither: Option<Dither>,
    peak: f32,
    clipped: u64,
}

impl Wav {
    pub(crate) fn create(path: &Path, shape: Shape, encoding: Encoding) -> Result<Self, hound::Error> {
        let format = SampleFormat::from(encoding.format);
        let writer = WavWriter::create(path, format.spec(shape.channels, shape.rate))?;
        let dither = (encoding.dither && format != SampleFormat::F32).then_some(Dither(1));
        Ok(Self { writer, format, gain: encoding.gain, dither, peak: 0.0, clipped: 0 })
    }

    /// Appends the frames of a block.
    pub(crate) fn write(&mut self, block: &AudioBlock<'_>) -> Result<(), hound::Error> {
        for frame in 0..block.frames() {
            for plane in block.planes() {
                let sample = plane.get(frame).copied().unwrap_or_default();
                self.sample(sample * self.gain)?;
            }
        }
        Ok(())
    }

    fn sample(&mut self, sample: f32) -> Result<(), hound::Error> {
        self.peak = self.peak.max(sample.abs());
        let noise = self.dither.as_mut().map_or(0.0, Dither::step);
        match self.format.integer(sample, noise) {
            None => self.writer.write_sample(sample),
            Some(rounded) => {
                self.clipped += u64::from(rounded.cut_off);
                self.writer.write_sample(rounded.value)
            }
        }
    }

    /// Completes the file; gives the loudest sample and how many were cut off at full scale.
    pub(crate) fn finish(self) -> Result<(f32, u64), hound::Error> {
        let (peak, clipped) = (self.peak, self.clipped);
        self.writer.finalize()?;
        Ok((peak, clipped))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dither_is_triangular_within_one_step_and_centred() {
        let mut dither = Dither(1);
        let steps: Vec<f64> = (0..100_000).map(|_| dither.step()).collect();
        assert!(steps.iter().all(|step| step.abs() <= 1.0));
        let mean = steps.iter().sum::<f64>() / steps.len() as f64;
        let power = steps.iter().map(|step| step * step).sum::<f64>() / steps.len() as f64;
        // A triangle of ±1 has the variance 1/6.
        assert!(mean.abs() < 0.01 && (power - 1.0 / 6.0).abs() < 0.005, "{mean} {power}");
    }
}
