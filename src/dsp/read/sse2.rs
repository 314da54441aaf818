//! The windowed sinc for SSE2: four frames at once. The other kernels gain nothing over plain code there.

use super::Kernel;
use super::Path;
use super::Sinc;
use super::plain;
use super::plain::Sample;
use std::arch::x86_64::*;

/// Frames at once.
const LANES: usize = 4;

/// Samples side by side, as they are stored, in f32.
pub(crate) trait Lanes: Sized {
    /// # Safety
    /// Eight samples may be read at the pointer.
    unsafe fn octet(at: *const Self) -> [__m128; 2];
}

impl Lanes for i8 {
    #[inline(always)]
    unsafe fn octet(at: *const Self) -> [__m128; 2] {
        // SAFETY: eight samples are 64 bits.
        unsafe {
            let bytes = _mm_loadl_epi64(at.cast());
            widened(_mm_srai_epi16::<8>(_mm_unpacklo_epi8(bytes, bytes)))
        }
    }
}

impl Lanes for i16 {
    #[inline(always)]
    unsafe fn octet(at: *const Self) -> [__m128; 2] {
        // SAFETY: eight samples are 128 bits.
        unsafe { widened(_mm_loadu_si128(at.cast())) }
    }
}

impl Lanes for f32 {
    #[inline(always)]
    unsafe fn octet(at: *const Self) -> [__m128; 2] {
        // SAFETY: eight samples.
        unsafe { [_mm_loadu_ps(at), _mm_loadu_ps(at.add(4))] }
    }
}

#[inline(always)]
fn widened(words: __m128i) -> [__m128; 2] {
    // SAFETY: every x86-64 has SSE2.
    unsafe {
        let float = |doubled| _mm_cvtepi32_ps(_mm_srai_epi32::<16>(doubled));
        [float(_mm_unpacklo_epi16(words, words)), float(_mm_unpackhi_epi16(words, words))]
    }
}

/// # Safety
/// Every tap of the path lies in the plane that starts at `plane`.
pub(super) unsafe fn read_sinc<T: Sample>(sinc: &Sinc, plane: *const T, path: Path, output: &mut [f32]) {
    let Path { position_q32: mut position, step_q32: step } = path;
    let (fours, rest) = output.as_chunks_mut::<LANES>();
    // SAFETY: a sinc path has three frames before and four after, and a chunk holds four samples.
    unsafe {
        for y in fours {
            let frames = [0, 1, 2, 3].map(|k| products(sinc, plane, position + k * step));
            let sum = _mm_add_ps(sums(frames.map(|[low, _]| low)), sums(frames.map(|[_, high]| high)));
            _mm_storeu_ps(y.as_mut_ptr(), _mm_mul_ps(sum, _mm_set1_ps(T::SCALE)));
            position += LANES as i64 * step;
        }
        plain::read(Kernel::Sinc, sinc, plane, Path { position_q32: position, step_q32: step }, rest);
    }
}

/// The eight taps of a position times their weights.
#[inline(always)]
unsafe fn products<T: Sample>(sinc: &Sinc, plane: *const T, position: i64) -> [__m128; 2] {
    let (row, between) = sinc.row(position as u32);
    // SAFETY: three frames before and four after lie in the plane, and a row is its weights and then its slopes.
    unsafe {
        let [low, high] = T::octet(plane.offset((position >> 32) as isize - 3));
        let between = _mm_set1_ps(between);
        let half = |x, first: usize| {
            let slopes = _mm_loadu_ps(row.slopes.as_ptr().add(first));
            let weights = _mm_loadu_ps(row.weights.as_ptr().add(first));
            _mm_mul_ps(x, _mm_add_ps(weights, _mm_mul_ps(slopes, between)))
        };
        [half(low, 0), half(high, LANES)]
    }
}

/// The sum of each of four vectors, `(0 + 1) + (2 + 3)`.
#[inline(always)]
fn sums([mut a, mut b, mut c, mut d]: [__m128; 4]) -> __m128 {
    // SAFETY: every x86-64 has SSE2.
    unsafe {
        _MM_TRANSPOSE4_PS(&mut a, &mut b, &mut c, &mut d);
        _mm_add_ps(_mm_add_ps(a, b), _mm_add_ps(c, d))
    }
}
