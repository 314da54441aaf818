//! Another sample rate for a stream that can be read from any frame on.
//!
//! In: the number of a frame at the new rate, and who gives frames at the old one. Out: the frames from there on, the same as
//! if all had been converted at once: rubato's FFT resampler works on a fixed raster of chunks, and what comes out of a
//! chunk depends on it and the one before it alone. Worker only: it allocates when it is made, and transforms long blocks.

use super::LaneError;
use crate::units::SampleRate;
use rubato::Fft;
use rubato::FixedSync;
use rubato::Resampler;
use rubato::audioadapter_buffers::direct::SequentialSliceOfVecs;

/// Frames of the slower side's chunks, at least: the filter is as long, and lets pass 0.98 of the lower rate's half.
const CHUNK: u32 = 1_024;

/// See the module's description.
pub(super) struct Converter {
    fft: Fft<f32>,
    /// Frames of a chunk before and after, both even, so that the filter's delay is whole on both sides.
    frames: [usize; 2],
    came: Vec<Vec<f32>>,
    made: Vec<Vec<f32>>,
    /// Number of the chunk that stands in `made`.
    chunk: Option<u64>,
}

/// Gives the frames from one on, as many as the sides hold.
pub(super) type Source<'a> = &'a mut dyn FnMut(u64, [&mut [f32]; 2]);

impl Converter {
    /// `None` where both rates are the same. Allocates.
    pub(super) fn new(from: SampleRate, to: SampleRate) -> Result<Option<Self>, LaneError> {
        let [old, new] = [from, to].map(whole);
        if old == new {
            return Ok(None);
        }
        let divisor = greatest_common_divisor(old, new).max(1);
        let (least, step) = (old.min(new) / divisor, old / divisor);
        let pieces = CHUNK.div_ceil(least.max(1)).next_multiple_of(2);
        let fft = Fft::new(old as usize, new as usize, (step * pieces) as usize, 2, FixedSync::Both);
        let fft = fft.map_err(|_| LaneError::Rates { from: from.0, to: to.0 })?;
        let frames = [fft.input_frames_next(), fft.output_frames_next()];
        let [came, made] = frames.map(|frames| vec![vec![0.0; frames]; 2]);
        Ok(Some(Self { fft, frames, came, made, chunk: None }))
    }

    /// Frames at the new rate that as many at the old one make.
    pub(super) fn converted(&self, frames: u64) -> u64 {
        let [old, new] = self.frames.map(|frames| frames as u128);
        u64::try_from((u128::from(frames) * new).div_ceil(old)).unwrap_or(u64::MAX)
    }

    /// Frames before and after that last equally long.
    pub(super) fn ratio(&self) -> [u64; 2] {
        self.frames.map(|frames| frames as u64)
    }

    /// Fills both sides from `frame` on; they are equally long.
    pub(super) fn read(&mut self, frame: u64, [left, right]: [&mut [f32]; 2], source: Source<'_>) {
        let chunk = self.frames[1];
        // The filter's centre lies half a chunk behind.
        let first = frame + chunk as u64 / 2;
        let mut done = 0;
        while done < left.len().min(right.len()) {
            let at = first + done as u64;
            self.make(at / chunk as u64, source);
            let skip = (at % chunk as u64) as usize;
            let count = (chunk - skip).min(left.len() - done);
            for (side, made) in [&mut *left, &mut *right].into_iter().zip(&self.made) {
                side[done..done + count].copy_from_slice(&made[skip..skip + count]);
            }
            done += count;
        }
    }

    fn make(&mut self, number: u64, source: Source<'_>) {
        if self.chunk == Some(number) {
            return;
        }
        if self.chunk.is_none_or(|last| last + 1 != number) {
            self.fft.reset();
            if let Some(before) = number.checked_sub(1) {
                self.run(before, source);
            }
        }
        self.run(number, source);
    }

    fn run(&mut self, number: u64, source: Source<'_>) {
        let Self { fft, frames: [old, new], came, made, chunk } = self;
        if let [left, right] = &mut came[..] {
            source(number * *old as u64, [left, right]);
        }
        let input = SequentialSliceOfVecs::new(&came[..], 2, *old);
        let output = SequentialSliceOfVecs::new_mut(&mut made[..], 2, *new);
        let done = match (input, output) {
            (Ok(input), Ok(mut output)) => fft.process_into_buffer(&input, &mut output, None).is_ok(),
            _ => false,
        };
        debug_assert!(done, "both buffers are as long as a chunk");
        *chunk = Some(number);
    }
}

/// Frames per second as both formats of files and hosts have them.
fn whole(rate: SampleRate) -> u32 {
    libm::round(rate.0).clamp(0.0, f64::from(u32::MAX)) as u32
}

fn greatest_common_divisor(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TONE_HZ: f64 = 997.0;

    fn tone(rate: f64, frame: u64) -> f32 {
        libm::sin(std::f64::consts::TAU * TONE_HZ * frame as f64 / rate) as f32
    }

    fn converted(converter: &mut Converter, rate: f64, frame: u64, frames: usize) -> Vec<f32> {
        let (mut left, mut right) = (vec![0.0; frames], vec![0.0; frames]);
        converter.read(frame, [&mut left, &mut right], &mut |first, [left, right]| {
            for ((at, left), right) in (first..).zip(left).zip(right) {
                *left = tone(rate, at);
                *right = -*left;
            }
        });
        assert!(left.iter().zip(&right).all(|(left, right)| (left + right).abs() < 1e-6));
        left
    }

    #[test]
    fn a_tone_lies_on_its_own_frames_at_every_rate() {
        for (from, to) in
            [(44_100.0, 48_000.0), (48_000.0, 44_100.0), (22_050.0, 96_000.0), (96_000.0, 48_000.0)]
        {
            let mut converter = Converter::new(SampleRate(from), SampleRate(to)).unwrap().unwrap();
            let found = converted(&mut converter, from, 20_000, 5_000);
            let wrong =
                (20_000..).zip(&found).map(|(at, found)| (found - tone(to, at)).abs()).fold(0.0, f32::max);
            assert!(wrong < 1e-4, "{from} to {to}: {wrong}"); // a frame's shift is 0.06 at the highest rate
        }
    }

    #[test]
    fn any_frame_is_the_same_whatever_was_read_before() {
        let mut converter = Converter::new(SampleRate(44_100.0), SampleRate(48_000.0)).unwrap().unwrap();
        let whole = converted(&mut converter, 44_100.0, 0, 30_000);
        for frame in [29_000, 0, 12_345, 12_346, 640, 639, 25_000, 1_919] {
            assert_eq!(
                converted(&mut converter, 44_100.0, frame, 777),
                whole[frame as usize..][..777],
                "{frame}"
            );
        }
    }

    #[test]
    fn equal_rates_need_no_conversion() {
        assert!(Converter::new(SampleRate(48_000.0), SampleRate(48_000.0)).unwrap().is_none());
        assert!(Converter::new(SampleRate(0.0), SampleRate(48_000.0)).is_err());
    }
}
