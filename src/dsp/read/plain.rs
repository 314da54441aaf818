//! The kernels without vector instructions: the formulas that every level follows.

use super::Kernel;
use super::Path;
use super::Sinc;
use super::sinc::TAPS;

/// What plain code asks of a sample's type; the vector modules ask for more.
#[cfg(target_arch = "x86_64")]
pub(crate) trait Sample: Whole + super::avx2::Lanes + super::sse2::Lanes {}
#[cfg(target_arch = "x86_64")]
impl<T: Whole + super::avx2::Lanes + super::sse2::Lanes> Sample for T {}

/// What plain code asks of a sample's type.
#[cfg(not(target_arch = "x86_64"))]
pub(crate) trait Sample: Whole {}
#[cfg(not(target_arch = "x86_64"))]
impl<T: Whole> Sample for T {}

/// A sample and its scale.
pub(crate) trait Whole: Copy {
    /// Full scale 1 over full scale of the type; a power of two, so that it may be applied last without a difference.
    const SCALE: f32;
    /// The number as it is stored.
    fn stored(self) -> f32;
    /// ±32768.
    fn integer(self) -> i32;
}

impl Whole for i8 {
    const SCALE: f32 = 1.0 / 128.0;

    #[inline(always)]
    fn stored(self) -> f32 {
        f32::from(self)
    }

    #[inline(always)]
    fn integer(self) -> i32 {
        i32::from(self) << 8
    }
}

impl Whole for i16 {
    const SCALE: f32 = 1.0 / 32_768.0;

    #[inline(always)]
    fn stored(self) -> f32 {
        f32::from(self)
    }

    #[inline(always)]
    fn integer(self) -> i32 {
        self.into()
    }
}

impl Whole for f32 {
    const SCALE: f32 = 1.0;

    #[inline(always)]
    fn stored(self) -> f32 {
        self
    }

    #[inline(always)]
    fn integer(self) -> i32 {
        // `as` saturates, and NaN becomes 0.
        i32::from(libm::rintf(self * 32_768.0) as i16)
    }
}

/// One in the 24 bits to which fractions are cut, so that they are exact as f32.
pub(super) const FRACTION: f32 = 1.0 / 16_777_216.0;

/// # Safety
/// Every tap of the path lies in the plane that starts at `plane`.
pub(super) unsafe fn read<T: Sample>(
    kernel: Kernel,
    sinc: &Sinc,
    plane: *const T,
    path: Path,
    output: &mut [f32],
) {
    // SAFETY: the caller's promise is passed on.
    unsafe {
        match kernel {
            Kernel::Nearest => walk(plane, path, output, |tap, _| (*tap).stored() * T::SCALE),
            Kernel::Linear => walk(plane, path, output, |tap, t_q32| linear(tap, t_q32)),
            Kernel::IntegerLinear => walk(plane, path, output, |tap, t_q32| integer_linear(tap, t_q32)),
            Kernel::Cubic => walk(plane, path, output, |tap, t_q32| cubic(tap, t_q32)),
            Kernel::Sinc => walk(plane, path, output, |tap, t_q32| weighted(sinc, tap, t_q32)),
        }
    }
}

/// Calls `sample` with the frame of each position and the fraction.
///
/// # Safety
/// As `read`.
#[inline(always)]
unsafe fn walk<T>(plane: *const T, path: Path, output: &mut [f32], sample: impl Fn(*const T, u32) -> f32) {
    let mut position = path.position_q32;
    for y in output {
        // SAFETY: the path stays in the plane.
        *y = sample(unsafe { plane.offset((position >> 32) as isize) }, position as u32);
        position += path.step_q32;
    }
}

#[inline(always)]
fn fraction(t_q32: u32) -> f32 {
    (t_q32 >> 8) as f32 * FRACTION
}

#[inline(always)]
unsafe fn linear<T: Whole>(tap: *const T, t_q32: u32) -> f32 {
    // SAFETY: a linear path has this frame and the next.
    let (from, to) = unsafe { ((*tap).stored(), (*tap.add(1)).stored()) };
    (from + (to - from) * fraction(t_q32)) * T::SCALE
}

#[inline(always)]
unsafe fn integer_linear<T: Whole>(tap: *const T, t_q32: u32) -> f32 {
    // SAFETY: a linear path has this frame and the next.
    let (from, to) = unsafe { ((*tap).integer(), (*tap.add(1)).integer()) };
    // The difference of two 16-bit samples times 14 bits fits 32 bits.
    (from + (((to - from) * (t_q32 >> 18) as i32) >> 14)) as f32 * i16::SCALE
}

/// Catmull and Rom, "A class of local interpolating splines", 1974, as a polynomial of the fraction.
#[inline(always)]
unsafe fn cubic<T: Whole>(tap: *const T, t_q32: u32) -> f32 {
    // SAFETY: a cubic path has these four frames.
    let [y0, y1, y2, y3] =
        unsafe { [(*tap.sub(1)).stored(), (*tap).stored(), (*tap.add(1)).stored(), (*tap.add(2)).stored()] };
    let t = fraction(t_q32);
    let c1 = 0.5 * (y2 - y0);
    let c3 = 0.5 * (y3 - y0) + 1.5 * (y1 - y2);
    let c2 = ((y0 - y1) + c1) - c3;
    ((((c3 * t + c2) * t + c1) * t) + y1) * T::SCALE
}

#[inline(always)]
unsafe fn weighted<T: Whole>(sinc: &Sinc, tap: *const T, t_q32: u32) -> f32 {
    let (row, between) = sinc.row(t_q32);
    let mut p = [0.0; TAPS];
    for (k, product) in p.iter_mut().enumerate() {
        // SAFETY: a sinc path has three frames before and four after.
        let x = unsafe { (*tap.sub(3).add(k)).stored() };
        *product = x * (row.weights[k] + row.slopes[k] * between);
    }
    (((p[0] + p[1]) + (p[2] + p[3])) + ((p[4] + p[5]) + (p[6] + p[7]))) * T::SCALE
}
