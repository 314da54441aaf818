//! Kernels that read a recording at a moving position.
//!
//! In: one plane of an `AudioSource` in its own type, and a run of frames inside which no boundary is crossed. Out: that
//! run as samples, ±1 (Clean) or ±32768 in whole numbers (Authentic). Audio thread. No state: the caller moves on.

use crate::audio::AudioSource;
use crate::audio::Plane;

/// How recordings are read and levels applied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    /// Float throughout, with ramps where a level steps.
    #[default]
    Clean,
    /// 16-bit samples and integer levels, as the trackers' own mixers.
    Authentic,
}

/// What stands between two frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Interpolation {
    /// The frame before.
    None,
    /// A straight line.
    #[default]
    Linear,
}

/// Whether gains move or jump at ticks and new notes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ramping {
    /// As the song's tracker did: FastTracker 2 in 5 ms; else 1 ms in Clean, and not at all in Authentic.
    #[default]
    Format,
    /// Gains jump.
    Off,
    /// Gains move in every tone.
    On,
}

/// A sample as it is stored.
trait Stored: Copy {
    /// ±1.
    fn amplitude(self) -> f32;
    /// ±32768.
    fn integer(self) -> i32;
}

impl Stored for i8 {
    fn amplitude(self) -> f32 {
        f32::from(self) * (1.0 / 128.0)
    }

    fn integer(self) -> i32 {
        i32::from(self) << 8
    }
}

impl Stored for i16 {
    fn amplitude(self) -> f32 {
        f32::from(self) * (1.0 / 32_768.0)
    }

    fn integer(self) -> i32 {
        self.into()
    }
}

impl Stored for f32 {
    fn amplitude(self) -> f32 {
        self
    }

    fn integer(self) -> i32 {
        // `as` saturates, and NaN becomes 0.
        i32::from(libm::rintf(self * 32_768.0) as i16)
    }
}

/// A run of frames to read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader {
    pub(crate) position_q32: i64,
    /// Negative where the recording runs backwards.
    pub(crate) step_q32: i64,
    /// First frame that sounds, where the frame after the last is read from in a loop.
    pub(crate) first: u32,
    /// One past the last frame that sounds.
    pub(crate) end: u32,
    /// The first frame follows the last.
    pub(crate) looping: bool,
    pub(crate) tone: Tone,
    pub(crate) interpolation: Interpolation,
}

impl Reader {
    /// Fills `output` from one channel of `source`.
    pub(crate) fn read(&self, source: &dyn AudioSource, channel: u16, output: &mut [f32]) {
        match source.plane(channel) {
            Some(Plane::I8(plane)) => self.read_plane(plane, output),
            Some(Plane::I16(plane)) => self.read_plane(plane, output),
            Some(Plane::F32(plane)) => self.read_plane(plane, output),
            None => output.fill(0.0),
        }
    }

    fn read_plane<T: Stored>(&self, plane: &[T], output: &mut [f32]) {
        let plane = &plane[..plane.len().min(self.end as usize)];
        if plane.is_empty() {
            output.fill(0.0);
            return;
        }
        match (self.tone, self.interpolation) {
            (Tone::Clean, Interpolation::None) => self.read_nearest(plane, output, T::amplitude),
            (Tone::Clean, Interpolation::Linear) => {
                self.read_linear(plane, output, |from, to, fraction_q32| {
                    let (from, to) = (from.amplitude(), to.amplitude());
                    from + (to - from) * ((fraction_q32 >> 8) as f32 * (1.0 / 16_777_216.0))
                })
            }
            (Tone::Authentic, Interpolation::None) => {
                self.read_nearest(plane, output, |sample| sample.integer() as f32);
            }
            (Tone::Authentic, Interpolation::Linear) => {
                self.read_linear(plane, output, |from, to, fraction_q32| {
                    let (from, to) = (from.integer(), to.integer());
                    // The difference of two 16-bit samples times 14 bits fits 32 bits.
                    (from + (((to - from) * (fraction_q32 >> 18) as i32) >> 14)) as f32
                })
            }
        }
    }

    fn read_nearest<T: Stored>(&self, plane: &[T], output: &mut [f32], sample: impl Fn(T) -> f32) {
        let last = plane.len() - 1; // `read_plane` has sent empty planes away
        let mut position = self.position_q32;
        for y in output {
            *y = sample(plane[((position >> 32) as usize).min(last)]);
            position += self.step_q32;
        }
    }

    fn read_linear<T: Stored>(&self, plane: &[T], output: &mut [f32], between: impl Fn(T, T, u32) -> f32) {
        let inner = self.frames_before_last(plane.len() - 1, output.len()); // `read_plane` has sent empty planes away
        if self.step_q32 >= 0 {
            let (pairs, edge) = output.split_at_mut(inner);
            let position = self.read_pairs(plane, pairs, self.position_q32, &between);
            self.read_edge(plane, edge, position, &between);
        } else {
            let (edge, pairs) = output.split_at_mut(output.len() - inner);
            let position = self.read_edge(plane, edge, self.position_q32, &between);
            self.read_pairs(plane, pairs, position, &between);
        }
    }

    /// Frames that have a following one in the plane; gives the position after them.
    fn read_pairs<T: Stored>(
        &self,
        plane: &[T],
        output: &mut [f32],
        start_q32: i64,
        between: &impl Fn(T, T, u32) -> f32,
    ) -> i64 {
        let mut position = start_q32;
        for y in output {
            let frame = (position >> 32) as usize;
            // `frames_before_last` keeps the pair inside; a plane's length fits the position's 31 bits.
            if let Some(&[from, to]) = plane.get(frame..frame + 2) {
                *y = between(from, to, position as u32);
            }
            position += self.step_q32;
        }
        position
    }

    /// Frames at the end, which are followed by the loop's first one or by themselves; gives the position after them.
    fn read_edge<T: Stored>(
        &self,
        plane: &[T],
        output: &mut [f32],
        start_q32: i64,
        between: &impl Fn(T, T, u32) -> f32,
    ) -> i64 {
        let last = plane.len() - 1; // `read_plane` has sent empty planes away
        let after_last = if self.looping { (self.first as usize).min(last) } else { last };
        let mut position = start_q32;
        for y in output {
            let frame = ((position >> 32) as usize).min(last);
            let next = if frame < last { frame + 1 } else { after_last };
            *y = between(plane[frame], plane[next], position as u32);
            position += self.step_q32;
        }
        position
    }

    /// How many of `frames` have a following frame: the first ones forwards, the last ones backwards.
    fn frames_before_last(&self, last: usize, frames: usize) -> usize {
        let last_q32 = (last as i64) << 32;
        if self.step_q32 == 0 {
            return if self.position_q32 < last_q32 { frames } else { 0 };
        }
        let inner = if self.step_q32 > 0 {
            (last_q32 - self.position_q32 + self.step_q32 - 1).max(0) / self.step_q32
        } else {
            let outer = (self.position_q32 - last_q32).max(-1) / -self.step_q32
                + i64::from(self.position_q32 >= last_q32);
            frames as i64 - outer.min(frames as i64)
        };
        frames.min(inner.max(0) as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::SampleData;

    fn reader(tone: Tone, interpolation: Interpolation) -> Reader {
        Reader {
            position_q32: 1 << 31,
            step_q32: 1 << 32,
            first: 1,
            end: 4,
            looping: true,
            tone,
            interpolation,
        }
    }

    #[test]
    fn a_line_crosses_the_loop_to_its_first_frame() {
        let data = SampleData::Mono16(Box::new([0, 8192, 16384, 24576]));
        let mut output = [0.0; 4];
        reader(Tone::Clean, Interpolation::Linear).read(&data, 0, &mut output);
        assert_eq!(output, [0.125, 0.375, 0.625, 0.5]);
    }

    #[test]
    fn integer_reading_gives_whole_sixteen_bit_samples() {
        let data = SampleData::Mono8(Box::new([1, 2, -128, 3]));
        let mut output = [0.0; 4];
        reader(Tone::Authentic, Interpolation::None).read(&data, 0, &mut output);
        assert_eq!(output, [256.0, 512.0, -32768.0, 768.0]);
        reader(Tone::Authentic, Interpolation::Linear).read(&data, 0, &mut output);
        assert_eq!(output, [384.0, -16128.0, -16000.0, 640.0]);
    }

    #[test]
    fn reading_backwards_gives_the_same_points() {
        let data = SampleData::Mono16(Box::new([0, 8192, 16384, 24576, 0]));
        let mut reader = reader(Tone::Clean, Interpolation::Linear);
        (reader.position_q32, reader.step_q32, reader.looping) = ((3 << 32) + (1 << 31), -(1 << 32), false);
        let mut output = [0.0; 4];
        reader.read(&data, 0, &mut output);
        assert_eq!(output, [0.75, 0.625, 0.375, 0.125]);
    }
}
