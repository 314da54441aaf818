//! How recordings are read: what stands between two frames, and what is heard beyond a loop's ends.
//!
//! In: a plane of an `AudioSource`, a path over it and what surrounds it. Out: samples, ±1. Audio thread. Frames whose
//! taps all lie in the recording are read where they are; the others from a window on the stack, laid out as they are
//! heard, by the same kernels. So a frame's value follows from its position, whatever way it is read. No state.

use crate::audio::AudioSource;
use crate::audio::Plane;
use crate::dsp::Level;
use crate::dsp::read::Kernel;
use crate::dsp::read::Path;
use crate::dsp::read::Stored;
use crate::dsp::read::read;

/// What stands between two frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Interpolation {
    /// The frame before.
    None,
    /// A straight line.
    Linear,
    /// A Catmull-Rom spline through four frames.
    Cubic,
    /// Eight taps of a windowed sinc, with a lower cutoff where a recording is read fast.
    #[default]
    Sinc,
}

/// What is heard past an end of the frames that sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Beyond {
    /// The last frame, or the first.
    Hold,
    /// The other end.
    Loop,
    /// The way back: frame `end + n` is `end - overlap - n`, frame `first - n` is `first + n`.
    Mirror { overlap: u32 },
}

/// The frames that sound, and what is heard past their ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Surroundings {
    pub(crate) first: u32,
    /// One past the last frame.
    pub(crate) end: u32,
    /// First frame of the loop.
    pub(crate) loop_start: u32,
    pub(crate) before: Beyond,
    pub(crate) after: Beyond,
}

/// Samples of a window: as many as a block needs at twice a recording's own speed.
const WINDOW: usize = 576;

/// Loops of fewer frames are copied one frame after the other.
const SHORT_LOOP: usize = 16;

impl Surroundings {
    /// The frame that is heard as frame `tap`; `first..end` is not empty.
    fn frame(&self, tap: i64) -> usize {
        let [first, end, loop_start] = [self.first, self.end, self.loop_start].map(i64::from);
        let frame = match (tap < first, tap >= end) {
            (false, false) => tap,
            (true, _) => match self.before {
                Beyond::Hold => first,
                Beyond::Loop => first + (tap - first).rem_euclid(end - first),
                Beyond::Mirror { .. } => 2 * first - tap,
            },
            (false, true) => match self.after {
                Beyond::Hold => end - 1,
                Beyond::Loop => loop_start + (tap - loop_start).rem_euclid((end - loop_start).max(1)),
                Beyond::Mirror { overlap } => 2 * end - i64::from(overlap) - tap,
            },
        };
        frame.clamp(first, end - 1) as usize // neither is negative
    }

    /// Lays out what is heard from frame `tap` on.
    fn lay_out<T: Stored>(&self, plane: &[T], tap: i64, window: &mut [T]) {
        let end = self.end as usize;
        let period = (self.after == Beyond::Loop).then(|| end - (self.loop_start as usize).min(end));
        let mut done = 0;
        while done < window.len() {
            let tap = tap + done as i64;
            let frame = self.frame(tap);
            let straight = tap >= self.first.into() && (tap < end as i64 || period.is_some());
            let count = if straight { (end - frame).min(window.len() - done) } else { 1 };
            match period {
                // Tiny loops: a frame at a time is quicker than a copy each round.
                Some(period) if tap >= end as i64 && (1..SHORT_LOOP).contains(&period) && done >= period => {
                    for n in done..window.len() {
                        window[n] = window[n - period]; // `done` is no less than the period
                    }
                    return;
                }
                // `frame` is below `end`, which is no more than the plane's length.
                _ => window[done..done + count].copy_from_slice(&plane[frame..frame + count]),
            }
            done += count;
        }
    }
}

/// A run of frames to read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader {
    pub(crate) path: Path,
    pub(crate) surroundings: Surroundings,
    pub(crate) kernel: Kernel,
    pub(crate) level: Level,
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
        let end = self.surroundings.end.min(plane.len().min(u32::MAX as usize) as u32);
        let surroundings = Surroundings { end, first: self.surroundings.first.min(end), ..self.surroundings };
        if surroundings.first >= end {
            return output.fill(0.0);
        }
        let reader = Self { surroundings, ..*self };
        let mut done = 0;
        while done < output.len() {
            let path = self.path.from(done);
            done += reader.read_some(plane, path, &mut output[done..]); // `done` is less than the length
        }
    }

    /// Reads some of `output`'s frames, at least one, and says how many.
    fn read_some<T: Stored>(&self, plane: &[T], path: Path, output: &mut [f32]) -> usize {
        let Self { surroundings, kernel, level, .. } = *self;
        let frames = output.len();
        let (low, high) = kernel.taps(path, frames);
        let straight = low >= surroundings.first.into() && high < surroundings.end.into();
        let inside = if straight { frames } else { self.frames_inside(path, frames) };
        if straight || inside > 0 && high - low >= WINDOW as i64 {
            read(level, kernel, plane, path, &mut output[..inside]); // no more than `frames`
            return inside;
        }
        let frames = self.frames_of_window(path, frames);
        let (low, high) = kernel.taps(path, frames);
        let mut window = [T::default(); WINDOW];
        let window = &mut window[..((high - low + 1) as usize).min(WINDOW)];
        surroundings.lay_out(plane, low, window);
        let path = Path { position_q32: path.position_q32 - (low << 32), ..path };
        read(level, kernel, window, path, &mut output[..frames]); // no more than there are
        frames
    }

    /// How many frames from here on, of at most `frames`, have all their taps in the recording.
    fn frames_inside(&self, path: Path, frames: usize) -> usize {
        let (before, after) = self.kernel.reach();
        let first_q32 = (i64::from(self.surroundings.first) + before) << 32;
        let end_q32 = (i64::from(self.surroundings.end) - after) << 32;
        let position = path.position_q32;
        if position < first_q32 || position >= end_q32 {
            return 0;
        }
        let way = if path.step_q32 >= 0 { end_q32 - 1 - position } else { position - first_q32 };
        frames.min((way / path.step_q32.abs().max(1) + 1) as usize)
    }

    /// How many frames from here on, of at most `frames`, have all their taps in one window; at least 1.
    fn frames_of_window(&self, path: Path, frames: usize) -> usize {
        let (before, after) = self.kernel.reach();
        let room_q32 = (WINDOW as i64 - before - after - 2) << 32;
        frames.min((room_q32 / path.step_q32.abs().max(1) + 1) as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::SampleData;

    fn reader(kernel: Kernel) -> Reader {
        Reader {
            path: Path { position_q32: 1 << 31, step_q32: 1 << 32 },
            surroundings: Surroundings {
                first: 0,
                end: 4,
                loop_start: 1,
                before: Beyond::Hold,
                after: Beyond::Loop,
            },
            kernel,
            level: Level::detect(),
        }
    }

    #[test]
    fn a_line_crosses_the_loop_to_its_first_frame() {
        let data = SampleData::Mono16(Box::new([0, 8192, 16384, 24576]));
        let mut output = [0.0; 4];
        reader(Kernel::Linear).read(&data, 0, &mut output);
        assert_eq!(output, [0.125, 0.375, 0.625, 0.5]);
    }

    #[test]
    fn integer_reading_gives_whole_sixteen_bit_samples() {
        let data = SampleData::Mono8(Box::new([1, 2, -128, 3]));
        let mut output = [0.0; 4];
        reader(Kernel::Nearest).read(&data, 0, &mut output);
        assert_eq!(output.map(|x| x * 32_768.0), [256.0, 512.0, -32768.0, 768.0]);
        reader(Kernel::IntegerLinear).read(&data, 0, &mut output);
        assert_eq!(output.map(|x| x * 32_768.0), [384.0, -16128.0, -16000.0, 640.0]);
    }

    #[test]
    fn reading_backwards_gives_the_same_points() {
        let data = SampleData::Mono16(Box::new([0, 8192, 16384, 24576, 0]));
        let mut reader = reader(Kernel::Linear);
        reader.path = Path { position_q32: (3 << 32) + (1 << 31), step_q32: -(1 << 32) };
        (reader.surroundings.end, reader.surroundings.after) = (5, Beyond::Hold);
        let mut output = [0.0; 4];
        reader.read(&data, 0, &mut output);
        assert_eq!(output, [0.375, 0.625, 0.375, 0.125]);
    }

    /// Frames as they are heard, from `tap` on.
    fn heard(surroundings: Surroundings, tap: i64, count: usize) -> Vec<i16> {
        let plane: Vec<i16> = (0..10).collect();
        let mut window = vec![-1; count];
        surroundings.lay_out(&plane, tap, &mut window);
        window
    }

    #[test]
    fn windows_hold_what_is_heard_beyond_the_ends() {
        let once =
            Surroundings { first: 0, end: 6, loop_start: 0, before: Beyond::Hold, after: Beyond::Hold };
        assert_eq!(heard(once, -3, 12), [0, 0, 0, 0, 1, 2, 3, 4, 5, 5, 5, 5]);
        let first_round = Surroundings { loop_start: 3, after: Beyond::Loop, ..once };
        assert_eq!(heard(first_round, 1, 12), [1, 2, 3, 4, 5, 3, 4, 5, 3, 4, 5, 3]);
        let later_round = Surroundings { first: 3, before: Beyond::Loop, ..first_round };
        assert_eq!(heard(later_round, 1, 8), [4, 5, 3, 4, 5, 3, 4, 5]);
        let mirror = Beyond::Mirror { overlap: 0 };
        let back_and_forth = Surroundings { before: mirror, after: mirror, ..later_round };
        assert_eq!(heard(back_and_forth, 1, 8), [5, 4, 3, 4, 5, 5, 5, 4]);
        let overlapping = Surroundings { after: Beyond::Mirror { overlap: 1 }, ..back_and_forth };
        assert_eq!(heard(overlapping, 3, 6), [3, 4, 5, 5, 4, 3]);
    }
}
