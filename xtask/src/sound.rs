//! Planes measured, written and read: peak and RMS in dBFS, 32-bit float WAV files.

use std::path::Path;

use crate::error::TaskError;

/// How loud planes are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Levels {
    /// Highest magnitude in dBFS.
    pub peak_db: f64,
    /// Root mean square over all channels in dBFS.
    pub rms_db: f64,
}

impl Levels {
    /// Measures planes; silence is −∞.
    pub fn of(planes: &[Vec<f32>]) -> Self {
        let samples = || planes.iter().flatten().map(|&sample| f64::from(sample));
        let peak = samples().fold(0.0, |peak: f64, sample| peak.max(sample.abs()));
        let power = samples().map(|sample| sample * sample).sum::<f64>() / samples().count().max(1) as f64;
        Self { peak_db: 20.0 * peak.log10(), rms_db: 10.0 * power.log10() }
    }
}

impl std::fmt::Display for Levels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "peak {:6.2} dBFS, RMS {:6.2} dBFS", self.peak_db, self.rms_db)
    }
}

/// Writes planes of equal length as 32-bit float.
pub fn write_wav(file: &Path, planes: &[Vec<f32>], rate: f64) -> Result<(), TaskError> {
    let failed = |source| TaskError::Wav { file: file.to_owned(), source };
    let format = hound::WavSpec {
        channels: planes.len() as u16,
        sample_rate: rate as u32,
        bits_per_sample: 32,
        sample_format: hound::SampleFormat::Float,
    };
    let mut writer = hound::WavWriter::create(file, format).map_err(failed)?;
    for frame in 0..planes.first().map_or(0, Vec::len) {
        for plane in planes {
            writer.write_sample(plane.get(frame).copied().unwrap_or(0.0)).map_err(failed)?;
        }
    }
    writer.finalize().map_err(failed)
}

/// Planes of a 32-bit float file.
pub fn read_wav(file: &Path) -> Result<Vec<Vec<f32>>, TaskError> {
    let failed = |source| TaskError::Wav { file: file.to_owned(), source };
    let reader = hound::WavReader::open(file).map_err(failed)?;
    let channels = usize::from(reader.spec().channels);
    let mut planes = vec![Vec::with_capacity(reader.duration() as usize); channels];
    for (number, sample) in reader.into_samples().enumerate() {
        planes[number % channels].push(sample.map_err(failed)?);
    }
    Ok(planes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_scale_square_is_6_db_down_in_peak_and_rms() {
        let square: Vec<f32> = (0..100).map(|frame| if frame % 2 == 0 { 0.5 } else { -0.5 }).collect();
        let levels = Levels::of(&[square.clone(), square]);
        assert!((levels.peak_db + 6.0206).abs() < 1e-3 && (levels.rms_db + 6.0206).abs() < 1e-3, "{levels}");
    }

    #[test]
    fn silence_is_minus_infinity() {
        assert_eq!(Levels::of(&[vec![0.0; 4]]).peak_db, f64::NEG_INFINITY);
    }
}
