//! Kernels that read a recording at a moving position.
//!
//! In: a plane in its own type and a path through it, every tap of which lies inside. Out: samples, ±1. Audio thread.
//! No state, loops or edges: the caller sees to those. For each kernel there is plain code, and code for AVX2 and SSE2
//! where that is faster; all give the same bits, since each does the same operations in the same order.
#![allow(unsafe_code)] // reads without bounds checks; `read` has checked the whole path

#[cfg(target_arch = "x86_64")]
mod avx2;
mod plain;
mod sinc;
#[cfg(target_arch = "x86_64")]
mod sse2;

use super::Level;
#[cfg(target_arch = "x86_64")]
use super::simd::Instructions;
use sinc::Sinc;

/// Frames to read: frame `k` lies at `position + k·step`, counted from the plane's first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Path {
    pub(crate) position_q32: i64,
    /// Negative where the recording runs backwards.
    pub(crate) step_q32: i64,
}

impl Path {
    /// The position of a frame.
    pub(crate) fn at(self, frame: usize) -> i64 {
        self.position_q32.saturating_add(self.step_q32.saturating_mul(frame as i64))
    }

    /// The path from a frame on.
    pub(crate) fn from(self, frame: usize) -> Self {
        Self { position_q32: self.at(frame), ..self }
    }
}

/// What stands between two frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kernel {
    /// The frame before.
    Nearest,
    /// `a + (b - a)·t`.
    Linear,
    /// The same in integers of 16 bits with 14 bits of `t`, cut to whole numbers.
    IntegerLinear,
    /// Catmull-Rom spline through four frames.
    Cubic,
    /// Eight taps of a windowed sinc.
    Sinc,
}

impl Kernel {
    /// Taps before and after the frame in which the position lies.
    pub(crate) fn reach(self) -> (i64, i64) {
        match self {
            Self::Nearest => (0, 0),
            Self::Linear | Self::IntegerLinear => (0, 1),
            Self::Cubic => (1, 2),
            Self::Sinc => (3, 4),
        }
    }

    /// The first and the last tap of so many frames of a path; `frames` is at least 1.
    pub(crate) fn taps(self, path: Path, frames: usize) -> (i64, i64) {
        let (before, after) = self.reach();
        let (first, last) = (path.position_q32 >> 32, path.at(frames.saturating_sub(1)) >> 32);
        (first.min(last) - before, first.max(last) + after)
    }
}

/// A sample as it is stored.
pub(crate) trait Stored: plain::Sample + Default {}

impl Stored for i8 {}
impl Stored for i16 {}
impl Stored for f32 {}

/// Fills `output` along `path`; a path whose taps leave the plane gives silence.
pub(crate) fn read<T: Stored>(level: Level, kernel: Kernel, plane: &[T], path: Path, output: &mut [f32]) {
    if output.is_empty() {
        return;
    }
    let (first, last) = kernel.taps(path, output.len());
    if first < 0 || last >= plane.len() as i64 {
        debug_assert!(false, "taps {first}..={last} of {}", plane.len());
        output.fill(0.0);
        return;
    }
    let sinc = sinc::for_step(path.step_q32);
    let plane = plane.as_ptr();
    // SAFETY: every tap of the path lies in the plane; AVX2 is only named where the machine has it.
    unsafe {
        #[cfg(target_arch = "x86_64")]
        match level.instructions() {
            Instructions::Avx2 => {
                return avx2::read(kernel, sinc, plane, path, output);
            }
            Instructions::Sse2 if kernel == Kernel::Sinc => {
                return sse2::read_sinc(sinc, plane, path, output);
            }
            _ => {}
        }
        let _ = level; // elsewhere every level runs plain code
        plain::read(kernel, sinc, plane, path, output);
    }
}

#[cfg(test)]
mod tests;
