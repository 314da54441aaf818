//! The windowed sinc that reads between frames: its table, reckoned when the crate is compiled.
//!
//! `h(x) = c·sinc(c·x) · I0(β·√(1 - (x/4)²)) / I0(β)` for 4 frames on each side (Kaiser's window), tabulated for 256
//! fractions with the way to the next one, in a straight line: that is off by less than -90 dB, and a table of 16 KiB
//! stays in the nearest cache. Each row is scaled to a sum of 1, so that no constant leaks into an image.
//! Recordings that are read faster than they will be heard take a lower cutoff `c`; cutoffs, windows and the steps at
//! which they change are those that OpenMPT has. A lower one for still greater steps would alias less, but also dull songs
//! that were made with it.

/// Taps of each row.
pub(super) const TAPS: usize = 8;
/// Rows for one frame, a power of two.
const ROWS: usize = 256;

/// Weights of the taps at one fraction.
#[repr(C, align(64))]
pub(super) struct Row {
    pub(super) weights: [f32; TAPS],
    /// What is added on the way to the next row, for each of the 2²⁴ steps there.
    pub(super) slopes: [f32; TAPS],
}

/// A filter for one range of steps.
pub(crate) struct Sinc([Row; ROWS]);

impl Sinc {
    /// The row for a fraction and the place between it and the next, 24 bits.
    #[inline(always)]
    pub(super) fn row(&self, t_q32: u32) -> (&Row, f32) {
        (&self.0[(t_q32 >> 24) as usize], (t_q32 & 0xFF_FFFF) as f32) // 8 bits for 256 rows
    }

    #[cfg(target_arch = "x86_64")]
    pub(super) fn rows(&self) -> *const Row {
        self.0.as_ptr()
    }
}

/// The filter for frames so far apart.
pub(super) fn for_step(step_q32: i64) -> &'static Sinc {
    match step_q32.unsigned_abs() {
        step if step <= STEP_1_19 => &FULL,
        step if step <= STEP_1_5 => &HALF,
        _ => &LOWER,
    }
}

const STEP_1_19: u64 = 0x1_3000_0000;
const STEP_1_5: u64 = 0x1_8000_0000;

static FULL: Sinc = design(0.97, 9.6377);
static HALF: Sinc = design(0.5, 8.5);
static LOWER: Sinc = design(0.425, 7.0);

/// `cutoff` of half the recording's rate; `beta` is the window's.
const fn design(cutoff: f64, beta: f64) -> Sinc {
    let mut sinc = Sinc([const { Row { weights: [0.0; TAPS], slopes: [0.0; TAPS] } }; ROWS]);
    let mut here = weights(0, cutoff, beta);
    let mut row = 0;
    while row < ROWS {
        let next = weights(row + 1, cutoff, beta);
        let mut tap = 0;
        while tap < TAPS {
            sinc.0[row].weights[tap] = here[tap] as f32;
            sinc.0[row].slopes[tap] = ((next[tap] - here[tap]) / 16_777_216.0) as f32;
            tap += 1;
        }
        here = next;
        row += 1;
    }
    sinc
}

/// A row, scaled to a sum of 1.
const fn weights(row: usize, cutoff: f64, beta: f64) -> [f64; TAPS] {
    let mut weights = [0.0; TAPS];
    let (mut sum, mut tap) = (0.0, 0);
    while tap < TAPS {
        // Frames from the position to the tap.
        let x = tap as f64 - 3.0 - row as f64 / ROWS as f64;
        let inside = 1.0 - x * x / 16.0;
        weights[tap] = if inside > 0.0 { sinc(cutoff * x) * bessel_i0(beta, inside) } else { 0.0 };
        sum += weights[tap];
        tap += 1;
    }
    tap = 0;
    while tap < TAPS {
        weights[tap] /= sum;
        tap += 1;
    }
    weights
}

/// `sin(πx) / πx` for |x| up to 4.
const fn sinc(x: f64) -> f64 {
    if x.abs() < 1e-9 {
        return 1.0;
    }
    let angle = x * std::f64::consts::PI;
    // sin(a) = -sin(a - π) brings the angle to at most π/2, where the series is quick.
    let half_turns = if x < 0.0 { (x - 0.5) as i64 } else { (x + 0.5) as i64 };
    let small = (x - half_turns as f64) * std::f64::consts::PI;
    let (mut term, mut sum, mut n) = (small, small, 1.0);
    while n < 12.0 {
        term *= -small * small / ((2.0 * n) * (2.0 * n + 1.0));
        sum += term;
        n += 1.0;
    }
    (if half_turns % 2 == 0 { sum } else { -sum }) / angle
}

/// `I0(β·√inside)`: `Σ (β²·inside/4)ᵏ / k!²`.
const fn bessel_i0(beta: f64, inside: f64) -> f64 {
    let square = beta * beta * inside / 4.0;
    let (mut term, mut sum, mut k) = (1.0, 1.0, 1.0);
    while k < 32.0 {
        term *= square / (k * k);
        sum += term;
        k += 1.0;
    }
    sum
}
