//! The kernels for AVX2: eight frames at once.
//!
//! Samples are fetched by single loads: gathers took about twice as long where both were measured (Zen 5).

use super::Kernel;
use super::Path;
use super::Sinc;
use super::plain;
use super::plain::FRACTION;
use super::plain::Sample;
use std::arch::x86_64::*;

/// Frames at once.
const LANES: usize = 8;

/// Samples at eight places, as they are stored, in f32.
pub(crate) trait Lanes: Sized {
    /// # Safety
    /// AVX2; every pointer may be read.
    unsafe fn singles(at: [*const Self; LANES]) -> __m256;
    /// # Safety
    /// AVX2; two samples may be read at every pointer.
    unsafe fn pairs(at: [*const Self; LANES]) -> [__m256; 2];
    /// # Safety
    /// AVX2; four samples may be read at every pointer.
    unsafe fn quads(at: [*const Self; LANES]) -> [__m256; 4];
    /// Eight samples side by side.
    ///
    /// # Safety
    /// AVX2; eight samples may be read at the pointer.
    unsafe fn eight(at: *const Self) -> __m256;
}

/// Eight loads of 32 bits in the order of the frames.
#[inline(always)]
unsafe fn words<T>(at: [*const T; LANES]) -> __m256i {
    // SAFETY: the callers read as many samples as make 32 bits.
    unsafe {
        let [a, b, c, d, e, f, g, h] = at.map(|at| at.cast::<i32>().read_unaligned());
        _mm256_setr_epi32(a, b, c, d, e, f, g, h)
    }
}

/// Eight loads of 16 bits in the order of the frames.
#[inline(always)]
unsafe fn half_words<T>(at: [*const T; LANES]) -> __m128i {
    // SAFETY: the callers read as many samples as make 16 bits.
    unsafe {
        let [a, b, c, d, e, f, g, h] = at.map(|at| at.cast::<i16>().read_unaligned());
        _mm_setr_epi16(a, b, c, d, e, f, g, h)
    }
}

impl Lanes for i8 {
    #[inline(always)]
    unsafe fn singles(at: [*const Self; LANES]) -> __m256 {
        // SAFETY: one sample each, as the caller promises.
        unsafe {
            let [a, b, c, d, e, f, g, h] = at.map(|at| *at);
            let bytes = _mm_setr_epi8(a, b, c, d, e, f, g, h, 0, 0, 0, 0, 0, 0, 0, 0);
            _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes))
        }
    }

    #[inline(always)]
    unsafe fn pairs(at: [*const Self; LANES]) -> [__m256; 2] {
        // SAFETY: two samples are 16 bits.
        unsafe {
            let both = _mm256_cvtepi16_epi32(half_words(at));
            let first = _mm256_srai_epi32::<24>(_mm256_slli_epi32::<24>(both));
            [_mm256_cvtepi32_ps(first), _mm256_cvtepi32_ps(_mm256_srai_epi32::<8>(both))]
        }
    }

    #[inline(always)]
    unsafe fn quads(at: [*const Self; LANES]) -> [__m256; 4] {
        // SAFETY: four samples are 32 bits.
        unsafe {
            let all = words(at);
            let top = |shifted| _mm256_cvtepi32_ps(_mm256_srai_epi32::<24>(shifted));
            [
                top(_mm256_slli_epi32::<24>(all)),
                top(_mm256_slli_epi32::<16>(all)),
                top(_mm256_slli_epi32::<8>(all)),
                top(all),
            ]
        }
    }

    #[inline(always)]
    unsafe fn eight(at: *const Self) -> __m256 {
        // SAFETY: eight samples are 64 bits.
        unsafe { _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(at.cast()))) }
    }
}

impl Lanes for i16 {
    #[inline(always)]
    unsafe fn singles(at: [*const Self; LANES]) -> __m256 {
        // SAFETY: one sample is 16 bits.
        unsafe { _mm256_cvtepi32_ps(_mm256_cvtepi16_epi32(half_words(at))) }
    }

    #[inline(always)]
    unsafe fn pairs(at: [*const Self; LANES]) -> [__m256; 2] {
        // SAFETY: two samples are 32 bits.
        unsafe { split(words(at)) }
    }

    #[inline(always)]
    unsafe fn quads(at: [*const Self; LANES]) -> [__m256; 4] {
        // SAFETY: four samples are 64 bits.
        unsafe {
            let load = |n: usize| _mm_loadl_epi64(at[n].cast());
            // Frames 0, 1, 4, 5 and 2, 3, 6, 7: a shuffle within halves then gives the first or last two of each.
            let four = |a, b, c, d| {
                let low = _mm_unpacklo_epi64(load(a), load(b));
                let high = _mm_unpacklo_epi64(load(c), load(d));
                _mm256_castsi256_ps(_mm256_inserti128_si256::<1>(_mm256_castsi128_si256(low), high))
            };
            let (u, v) = (four(0, 1, 4, 5), four(2, 3, 6, 7));
            let [y0, y1] = split(_mm256_castps_si256(_mm256_shuffle_ps::<0x88>(u, v)));
            let [y2, y3] = split(_mm256_castps_si256(_mm256_shuffle_ps::<0xDD>(u, v)));
            [y0, y1, y2, y3]
        }
    }

    #[inline(always)]
    unsafe fn eight(at: *const Self) -> __m256 {
        // SAFETY: eight samples are 128 bits.
        unsafe { _mm256_cvtepi32_ps(_mm256_cvtepi16_epi32(_mm_loadu_si128(at.cast()))) }
    }
}

/// The lower and the upper 16 bits of each word.
#[inline(always)]
unsafe fn split(words: __m256i) -> [__m256; 2] {
    // SAFETY: AVX2, as the callers promise.
    unsafe {
        let low = _mm256_srai_epi32::<16>(_mm256_slli_epi32::<16>(words));
        [_mm256_cvtepi32_ps(low), _mm256_cvtepi32_ps(_mm256_srai_epi32::<16>(words))]
    }
}

impl Lanes for f32 {
    #[inline(always)]
    unsafe fn singles(at: [*const Self; LANES]) -> __m256 {
        // SAFETY: one sample is 32 bits.
        unsafe { _mm256_castsi256_ps(words(at)) }
    }

    #[inline(always)]
    unsafe fn pairs(at: [*const Self; LANES]) -> [__m256; 2] {
        // SAFETY: two samples are 64 bits.
        unsafe {
            let load = |n: usize| _mm_loadl_epi64(at[n].cast());
            // Frames 0, 1, 4, 5 and 2, 3, 6, 7: a shuffle within halves then gives the first or the second of each.
            let four = |a, b, c, d| {
                let low = _mm_unpacklo_epi64(load(a), load(b));
                let high = _mm_unpacklo_epi64(load(c), load(d));
                _mm256_castsi256_ps(_mm256_inserti128_si256::<1>(_mm256_castsi128_si256(low), high))
            };
            let (u, v) = (four(0, 1, 4, 5), four(2, 3, 6, 7));
            [_mm256_shuffle_ps::<0x88>(u, v), _mm256_shuffle_ps::<0xDD>(u, v)]
        }
    }

    #[inline(always)]
    unsafe fn quads(at: [*const Self; LANES]) -> [__m256; 4] {
        // SAFETY: four samples are 128 bits.
        unsafe {
            let two = |low: usize, high: usize| {
                let low = _mm256_castps128_ps256(_mm_loadu_ps(at[low]));
                _mm256_insertf128_ps::<1>(low, _mm_loadu_ps(at[high]))
            };
            // Four rows of four in each half, turned into columns.
            let rows = [two(0, 4), two(1, 5), two(2, 6), two(3, 7)];
            let (a, b) = (_mm256_unpacklo_ps(rows[0], rows[1]), _mm256_unpacklo_ps(rows[2], rows[3]));
            let (c, d) = (_mm256_unpackhi_ps(rows[0], rows[1]), _mm256_unpackhi_ps(rows[2], rows[3]));
            [
                _mm256_shuffle_ps::<0x44>(a, b),
                _mm256_shuffle_ps::<0xEE>(a, b),
                _mm256_shuffle_ps::<0x44>(c, d),
                _mm256_shuffle_ps::<0xEE>(c, d),
            ]
        }
    }

    #[inline(always)]
    unsafe fn eight(at: *const Self) -> __m256 {
        // SAFETY: eight samples.
        unsafe { _mm256_loadu_ps(at) }
    }
}

/// # Safety
/// AVX2; every tap of the path lies in the plane that starts at `plane`.
#[target_feature(enable = "avx2")]
pub(super) unsafe fn read<T: Sample>(
    kernel: Kernel,
    sinc: &Sinc,
    plane: *const T,
    path: Path,
    output: &mut [f32],
) {
    // SAFETY: the caller's promises are passed on.
    unsafe {
        match kernel {
            Kernel::Nearest => by_eights(kernel, sinc, plane, path, output, |at, _| T::singles(at)),
            Kernel::Linear => by_eights(kernel, sinc, plane, path, output, |at, t_q32| {
                let [from, to] = T::pairs(at);
                add(from, mul(sub(to, from), fraction(t_q32)))
            }),
            Kernel::Cubic => by_eights(kernel, sinc, plane, path, output, |at, t_q32| {
                cubic(T::quads(at.map(|at| at.sub(1))), fraction(t_q32))
            }),
            Kernel::Sinc => {
                by_eights(kernel, sinc, plane, path, output, |at, t_q32| weighted(sinc, at, t_q32))
            }
            // Old trackers' sound: no need for haste.
            Kernel::IntegerLinear => plain::read(kernel, sinc, plane, path, output),
        }
    }
}

/// Calls `samples` with the frames and fractions of eight positions; what is left over is read by plain code.
///
/// # Safety
/// As `read`.
#[inline(always)]
unsafe fn by_eights<T: Sample>(
    kernel: Kernel,
    sinc: &Sinc,
    plane: *const T,
    path: Path,
    output: &mut [f32],
    samples: impl Fn([*const T; LANES], __m256i) -> __m256,
) {
    let Path { position_q32: mut position, step_q32: step } = path;
    let (eights, rest) = output.as_chunks_mut::<LANES>();
    // SAFETY: the path stays in the plane, and a chunk holds eight samples.
    unsafe {
        let numbers = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
        let (start, by) = (_mm256_set1_epi32(position as i32), _mm256_set1_epi32(step as i32));
        let mut t_q32 = _mm256_add_epi32(start, _mm256_mullo_epi32(by, numbers));
        let by = _mm256_slli_epi32::<3>(by);
        // Hidden from the compiler, which would make one long chain of additions of them.
        let ways = std::hint::black_box([0, 1, 2, 3, 4, 5, 6, 7].map(|k| k * step));
        for y in eights {
            let at = ways.map(|way| plane.offset(((position + way) >> 32) as isize));
            _mm256_storeu_ps(y.as_mut_ptr(), mul(samples(at, t_q32), _mm256_set1_ps(T::SCALE)));
            position += LANES as i64 * step;
            t_q32 = _mm256_add_epi32(t_q32, by);
        }
        plain::read(kernel, sinc, plane, Path { position_q32: position, step_q32: step }, rest);
    }
}

#[inline(always)]
unsafe fn add(a: __m256, b: __m256) -> __m256 {
    // SAFETY: AVX2, as the callers promise.
    unsafe { _mm256_add_ps(a, b) }
}

#[inline(always)]
unsafe fn sub(a: __m256, b: __m256) -> __m256 {
    // SAFETY: AVX2, as the callers promise.
    unsafe { _mm256_sub_ps(a, b) }
}

#[inline(always)]
unsafe fn mul(a: __m256, b: __m256) -> __m256 {
    // SAFETY: AVX2, as the callers promise.
    unsafe { _mm256_mul_ps(a, b) }
}

#[inline(always)]
unsafe fn fraction(t_q32: __m256i) -> __m256 {
    // SAFETY: AVX2, as the callers promise.
    unsafe { mul(_mm256_cvtepi32_ps(_mm256_srli_epi32::<8>(t_q32)), _mm256_set1_ps(FRACTION)) }
}

#[inline(always)]
unsafe fn cubic([y0, y1, y2, y3]: [__m256; 4], t: __m256) -> __m256 {
    // SAFETY: AVX2, as the callers promise.
    unsafe {
        let half = _mm256_set1_ps(0.5);
        let c1 = mul(half, sub(y2, y0));
        let c3 = add(mul(half, sub(y3, y0)), mul(_mm256_set1_ps(1.5), sub(y1, y2)));
        let c2 = sub(add(sub(y0, y1), c1), c3);
        add(mul(add(mul(add(mul(c3, t), c2), t), c1), t), y1)
    }
}

/// # Safety
/// AVX2; three samples before each pointer and four after may be read.
#[inline(always)]
unsafe fn weighted<T: Sample>(sinc: &Sinc, at: [*const T; LANES], t_q32: __m256i) -> __m256 {
    // SAFETY: rows are numbered by 8 bits, and a row is its weights and then its slopes.
    unsafe {
        let mut rows = [0u32; LANES];
        let mut between = [0.0f32; LANES];
        _mm256_storeu_si256(rows.as_mut_ptr().cast(), _mm256_srli_epi32::<24>(t_q32));
        let places = _mm256_cvtepi32_ps(_mm256_and_si256(t_q32, _mm256_set1_epi32(0xFF_FFFF)));
        _mm256_storeu_ps(between.as_mut_ptr(), places);
        let products = |k: usize| {
            let row = sinc.rows().add(rows[k] as usize).cast::<f32>();
            let slope = mul(_mm256_load_ps(row.add(LANES)), _mm256_broadcast_ss(&between[k]));
            mul(T::eight(at[k].sub(3)), add(_mm256_load_ps(row), slope))
        };
        let two = |k| _mm256_hadd_ps(products(k), products(k + 1));
        let low = _mm256_hadd_ps(two(0), two(2));
        let high = _mm256_hadd_ps(two(4), two(6));
        add(_mm256_permute2f128_ps::<0x20>(low, high), _mm256_permute2f128_ps::<0x31>(low, high))
    }
}
