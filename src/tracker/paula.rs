//! Paula, the Amiga's sound chip: each frame of a recording is held until the next one is due.
//!
//! In: a run of frames to read. Out: the held values with band-limited edges, behind the output circuit of a model.
//! Audio thread; state but no allocation. A step that falls between two frames of the host is replaced by a
//! minimum-phase step response (see `steps`), so that it rings below the host's Nyquist frequency only; the idea is
//! Antti Lankila's. Volume and panning are not done here.

mod circuit;
#[cfg(test)]
mod derive;
mod steps;

pub(crate) use circuit::Circuit;
use circuit::CircuitState;
pub(crate) use circuit::Circuits;
use steps::PHASES;
use steps::STEPS;
use steps::TAPS;

use crate::audio::BLOCK_SIZE;
use crate::audio::Plane;
use crate::dsp::Level;
use crate::dsp::simd::by_level;

/// Steps that are worked out before they are added.
const BATCH: usize = 64;

/// Frames of the recording for each of the host's above which only one step is made for each of the host's.
const DENSEST: u64 = 4;

/// A change of the held value.
#[derive(Clone, Copy, Default)]
struct Step {
    /// First frame of the host that hears it, in a run.
    frame: u32,
    /// Row of `STEPS` at or before its age there.
    row: u32,
    /// Shares of that row and the next.
    shares: [f32; 2],
}

/// Frames to read, inside which no boundary is crossed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    pub(crate) position_q32: i64,
    /// Negative where the recording runs backwards.
    pub(crate) step_q32: i64,
    /// First frame of the segment that is played: of the loop, or of the recording.
    pub(crate) first: u32,
    /// One past its last frame.
    pub(crate) end: u32,
    /// The segment was entered anew, or the other way round, since the run before.
    pub(crate) entered: bool,
}

/// The samples of a recording, and the factor that makes ±1 of them.
#[derive(Clone, Copy)]
struct Recording<'a, T> {
    plane: &'a [T],
    unit: f32,
}

impl<T: Copy + Into<f32>> Recording<'_, T> {
    fn value(&self, frame: i64) -> f32 {
        let last = self.plane.len() - 1; // empty planes are never read
        self.plane[(frame.max(0) as usize).min(last)].into() * self.unit
    }

    /// The frames under a run as they are.
    fn hold(&self, run: &Run, output: &mut [f32]) {
        let mut position = run.position_q32;
        for y in output {
            *y = self.value(position >> 32);
            position = position.wrapping_add(run.step_q32);
        }
    }
}

/// How fast a recording is read.
#[derive(Clone, Copy)]
struct Pace {
    step_q32: i64,
    inverse: f64,
}

impl Pace {
    fn new(step_q32: i64) -> Self {
        Self { step_q32, inverse: 1.0 / step_q32 as f64 }
    }

    /// A change that is due when the position has moved by `distance_q32`.
    fn step(&self, change: f32, distance_q32: i64) -> Step {
        // Rounding may miss the first frame past the distance by one, which the comparison mends.
        let whole = ((distance_q32 as f64 * self.inverse) as i64).max(0);
        let frame = whole + i64::from(whole * self.step_q32 < distance_q32);
        let age = (frame * self.step_q32 - distance_q32) as f32 * self.inverse as f32;
        Step::new(change, frame as u32, age)
    }
}

impl Step {
    /// `age` is 0..=1 frames.
    fn new(change: f32, frame: u32, age: f32) -> Self {
        let place = age.clamp(0.0, 1.0) * PHASES as f32;
        let row = (place as u32).min(PHASES as u32 - 1);
        let far = change * (place - row as f32);
        Self { frame, row, shares: [change - far, far] }
    }
}

/// Steps on their way into a sum.
struct Batch {
    steps: [Step; BATCH],
    count: usize,
}

impl Batch {
    fn new() -> Self {
        Self { steps: [Step::default(); BATCH], count: 0 }
    }

    fn push(&mut self, level: Level, sum: &mut [f32], step: Step) {
        self.steps[self.count] = step; // `flush` keeps the count below BATCH
        self.count += 1;
        if self.count == BATCH {
            self.flush(level, sum);
        }
    }

    fn flush(&mut self, level: Level, sum: &mut [f32]) {
        add_steps(level, sum, &self.steps[..self.count]);
        self.count = 0;
    }
}

by_level! {
    /// Adds what each step's response lacks of 1, in the order of the steps.
    fn add_steps(level; sum: &mut [f32], steps: &[Step]) {
        for step in steps {
            let rows = STEPS.get(step.row as usize..step.row as usize + 2);
            let target = sum.get_mut(step.frame as usize..).and_then(|rest| rest.first_chunk_mut::<TAPS>());
            let (Some([near, far]), Some(target)) = (rows, target) else { continue };
            for ((y, near), far) in target.iter_mut().zip(near).zip(far) {
                *y = *y + step.shares[0] * near + step.shares[1] * far;
            }
        }
    }
}

/// One channel of a recording as Paula puts it out.
#[derive(Clone)]
pub(crate) struct Paula {
    /// Value that is held now.
    held: f32,
    /// What the steps so far have left to the next frames.
    pending: [f32; TAPS],
    /// Frames that still ring after the end of the recording.
    ringing: u32,
    circuit: CircuitState,
}

impl Paula {
    /// Silent for ever so long.
    pub(crate) const fn new() -> Self {
        Self { held: 0.0, pending: [0.0; TAPS], ringing: 0, circuit: CircuitState::new() }
    }

    /// Fills `output`, of at most `BLOCK_SIZE` frames, from one channel of `source`.
    pub(crate) fn read(&mut self, level: Level, run: &Run, plane: Option<Plane<'_>>, output: &mut [f32]) {
        match plane {
            Some(Plane::I8(plane)) => {
                self.read_plane(level, run, Recording { plane, unit: 1.0 / 128.0 }, output)
            }
            Some(Plane::I16(plane)) => {
                self.read_plane(level, run, Recording { plane, unit: 1.0 / 32_768.0 }, output)
            }
            Some(Plane::F32(plane)) => self.read_plane(level, run, Recording { plane, unit: 1.0 }, output),
            None => output.fill(0.0),
        }
    }

    /// Sends what `read` gave through the output circuit.
    pub(crate) fn filter(&mut self, level: Level, circuit: &Circuit, output: &mut [f32]) {
        self.circuit.process(level, circuit, output);
    }

    fn read_plane<T: Copy + Into<f32>>(
        &mut self,
        level: Level,
        run: &Run,
        recording: Recording<'_, T>,
        output: &mut [f32],
    ) {
        let plane = &recording.plane[..recording.plane.len().min(run.end as usize)];
        if plane.is_empty() || output.len() > BLOCK_SIZE {
            output.fill(0.0);
            return;
        }
        let recording = Recording { plane, ..recording };
        let mut sum = self.begin_sum();
        let sum = &mut sum[..output.len() + TAPS]; // at most BLOCK_SIZE + TAPS
        if run.step_q32.unsigned_abs() <= DENSEST << 32 {
            self.add_each_step(level, run, recording, sum);
        } else {
            self.add_a_step_a_frame(level, run, recording, sum);
        }
        recording.hold(run, output);
        self.end_sum(sum, output);
    }

    fn begin_sum(&self) -> [f32; BLOCK_SIZE + TAPS] {
        let mut sum = [0.0; BLOCK_SIZE + TAPS];
        sum[..TAPS].copy_from_slice(&self.pending);
        sum
    }

    fn end_sum(&mut self, sum: &[f32], output: &mut [f32]) {
        for (y, x) in output.iter_mut().zip(sum) {
            *y += x;
        }
        self.pending.copy_from_slice(&sum[output.len()..]); // `sum` is TAPS longer
    }

    /// Frame `k` of the recording after the run's first is due `k·2³² - lead` after the run's first position.
    fn add_each_step<T: Copy + Into<f32>>(
        &mut self,
        level: Level,
        run: &Run,
        recording: Recording<'_, T>,
        sum: &mut [f32],
    ) {
        let forwards = run.step_q32 >= 0;
        let step = run.step_q32.saturating_abs().max(1);
        let pace = Pace::new(step);
        let fraction = run.position_q32 & 0xFFFF_FFFF;
        let lead = if forwards { fraction } else { 0xFFFF_FFFF - fraction };
        let first = run.position_q32 >> 32;
        let (before, after) = (first - i64::from(run.first), i64::from(run.end) - 1 - first);
        let (behind, ahead, direction) = if forwards { (before, after, 1) } else { (after, before, -1) };
        let frames = (sum.len() - TAPS) as i64;
        let last = ((frames.saturating_mul(step).saturating_add(lead)) >> 32).min(ahead);
        // Of a segment entered since the last frame of the host, all frames so far are new.
        let entered = run.entered && behind >= 0 && behind <= DENSEST as i64 && lead + (behind << 32) < step;
        let mut batch = Batch::new();
        for k in (if entered { -behind } else { 0 })..=last {
            let value = recording.value(first + k * direction);
            let change = value - self.held;
            self.held = value;
            if change != 0.0 {
                batch.push(level, sum, pace.step(change, (k << 32) - lead));
            }
        }
        batch.flush(level, sum);
    }

    /// For recordings so fast that several of their frames pass between two of the host's.
    fn add_a_step_a_frame<T: Copy + Into<f32>>(
        &mut self,
        level: Level,
        run: &Run,
        recording: Recording<'_, T>,
        sum: &mut [f32],
    ) {
        let frames = (sum.len() - TAPS) as u32;
        let mut batch = Batch::new();
        let mut position = run.position_q32;
        for frame in 0..frames {
            let value = recording.value(position >> 32);
            let change = value - self.held;
            self.held = value;
            batch.push(level, sum, Step::new(change, frame, 0.5));
            position = position.saturating_add(run.step_q32);
        }
        batch.flush(level, sum);
    }

    /// The recording has ended: what is held falls to 0, `age` frames ago (0..=1).
    pub(crate) fn let_go(&mut self, level: Level, age: f32, circuit_frames: u32) {
        let mut sum = self.begin_sum();
        let change = -std::mem::take(&mut self.held);
        add_steps(level, &mut sum, &[Step::new(change, 0, age)]);
        self.pending.copy_from_slice(&sum[..TAPS]);
        self.ringing = TAPS as u32 + circuit_frames;
    }

    /// Whether anything is left of a recording that has ended.
    pub(crate) fn rings(&self) -> bool {
        self.ringing > 0
    }

    /// Frames for which it rings on.
    pub(crate) fn ringing(&self) -> usize {
        self.ringing as usize
    }

    /// Fills `output`, of at most `BLOCK_SIZE` frames, with what is left of a recording that has ended.
    pub(crate) fn ring(&mut self, output: &mut [f32]) {
        let sum = self.begin_sum();
        output.fill(0.0);
        let end = output.len().min(BLOCK_SIZE) + TAPS;
        self.end_sum(&sum[..end], output);
        self.ringing = self.ringing.saturating_sub(output.len() as u32); // at most BLOCK_SIZE
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tracker::mix::AmigaModel;
    use crate::units::SampleRate;

    const RATE: f64 = 44_100.0;

    fn run(step: f64) -> Run {
        Run {
            position_q32: 0,
            step_q32: (step * 4_294_967_296.0) as i64,
            first: 0,
            end: u32::MAX,
            entered: false,
        }
    }

    /// Plays `plane` from the start in blocks of `size`.
    fn played(level: Level, plane: &[i16], step: f64, sizes: &[usize], frames: usize) -> Vec<f32> {
        let mut run = Run { end: plane.len() as u32, ..run(step) };
        let mut paula = Paula::new();
        let circuit = Circuits::new(SampleRate(RATE)).choose(AmigaModel::A500, true).unwrap();
        let mut output = vec![0.0; frames];
        let (mut rest, mut sizes) = (&mut output[..], sizes.iter().cycle());
        while !rest.is_empty() {
            let (block, later) = rest.split_at_mut((*sizes.next().unwrap()).min(rest.len()));
            paula.read(level, &run, Some(Plane::I16(plane)), block);
            paula.filter(level, &circuit, block);
            run.position_q32 += run.step_q32 * block.len() as i64;
            rest = later;
        }
        output
    }

    fn noise(frames: usize) -> Vec<i16> {
        (0..frames as u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 11) as i16).collect()
    }

    #[test]
    fn blocks_may_be_cut_anywhere_at_every_level() {
        let plane = noise(9000);
        for step in [0.01, 0.17, 0.73, 1.0, 2.9, 7.3] {
            let whole = played(Level::BASELINE, &plane, step, &[256], 1000);
            for sizes in [&[1][..], &[7, 1, 255], &[64]] {
                for level in Level::available() {
                    let cut = played(level, &plane, step, sizes, 1000);
                    assert!(
                        whole.iter().zip(&cut).all(|(x, y)| x.to_bits() == y.to_bits()),
                        "{step} {sizes:?}"
                    );
                }
            }
        }
    }

    /// Amplitude of `hertz` in a signal at 44.1 kHz, by correlation under a Blackman-Harris window.
    fn amplitude(signal: &[f32], hertz: f64) -> f64 {
        use std::f64::consts::TAU;
        let count = signal.len() as f64;
        let (mut re, mut im, mut weights) = (0.0, 0.0, 0.0);
        for (n, x) in signal.iter().enumerate() {
            let turn = TAU * n as f64 / count;
            let weight =
                0.35875 - 0.48829 * turn.cos() + 0.14128 * (2.0 * turn).cos() - 0.01168 * (3.0 * turn).cos();
            let angle = TAU * hertz / RATE * n as f64;
            re += weight * f64::from(*x) * angle.cos();
            im += weight * f64::from(*x) * angle.sin();
            weights += weight;
        }
        2.0 * re.hypot(im) / weights
    }

    fn decibels(ratio: f64) -> f64 {
        20.0 * ratio.log10()
    }

    /// A square wave of two frames, read at `hertz` frames a second.
    fn square(hertz: f64) -> Vec<f32> {
        let plane: Vec<i8> = (0..30_000).map(|n| if n % 2 == 0 { 127 } else { -127 }).collect();
        let mut run = Run { end: plane.len() as u32, ..run(hertz / RATE) };
        let mut paula = Paula::new();
        let mut output = vec![0.0; 40_000];
        for block in output.chunks_mut(BLOCK_SIZE) {
            paula.read(Level::detect(), &run, Some(Plane::I8(&plane)), block);
            run.position_q32 += run.step_q32 * block.len() as i64;
        }
        output.split_off(4000)
    }

    #[test]
    fn a_square_wave_has_its_harmonics_and_no_aliases() {
        // Period 113, the highest note of ProTracker.
        let hertz = 3_546_895.0 / 113.0;
        let signal = square(hertz);
        let fundamental = hertz / 2.0;
        let found = amplitude(&signal, fundamental);
        let expected = 4.0 / std::f64::consts::PI * 127.0 / 128.0;
        assert!(decibels(found / expected).abs() < 0.02, "{found} is not {expected}");
        for harmonic in (3..40).step_by(2) {
            let alias = (f64::from(harmonic) * fundamental) % RATE;
            let alias = alias.min(RATE - alias);
            if alias < 16_000.0 && (alias - fundamental).abs() > 50.0 {
                let level = decibels(amplitude(&signal, alias) / found);
                assert!(level < -85.0, "harmonic {harmonic} at {alias:.0} Hz: {level:.1} dB");
            }
        }
    }

    #[test]
    fn what_is_held_comes_out_unchanged_once_settled() {
        let plane = vec![16_384i16; 100];
        let run = Run { end: 100, ..run(0.1) };
        let (mut paula, mut output) = (Paula::new(), [0.0; 200]);
        paula.read(Level::detect(), &run, Some(Plane::I16(&plane)), &mut output);
        assert!(output[TAPS..].iter().all(|y| *y == 0.5), "{output:?}");
    }

    #[test]
    fn the_end_of_a_recording_rings_out_to_silence() {
        let plane = vec![i16::MAX; 100];
        let run = Run { end: 100, ..run(0.1) };
        let (mut paula, mut output) = (Paula::new(), [0.0; 200]);
        paula.read(Level::detect(), &run, Some(Plane::I16(&plane)), &mut output);
        paula.let_go(Level::detect(), 0.3, 40);
        let mut rest = [0.0; TAPS + 40];
        paula.ring(&mut rest);
        assert!(rest[0] > 0.5 && rest[TAPS..].iter().all(|y| *y == 0.0), "{rest:?}");
        assert!(!paula.rings());
    }

    #[test]
    fn straight_lines_between_rows_follow_the_response() {
        // The middle of two rows against the mean that a row between them would be: four neighbours, by Lagrange.
        let mut worst = 0.0f32;
        for rows in STEPS.windows(4) {
            let [first, second, third, fourth] = rows else { continue };
            for ((a, b), (c, d)) in first.iter().zip(second).zip(third.iter().zip(fourth)) {
                worst = worst.max(((9.0 * (b + c) - a - d) / 16.0 - (b + c) / 2.0).abs());
            }
        }
        assert!(worst < 0.000_35, "{worst}");
    }
}
