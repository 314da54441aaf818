//! Loudness and true peak of what leaves the main output, by EBU R 128 (the `ebur128` crate).
//!
//! In: blocks from the audio thread, through a frame ring. Out: newest values, readable on any thread without waiting. It is
//! measured on a thread that may wait; silence need not be sent and is measured for as long as it changes anything.
//! Source: ITU-R BS.1770-4, EBU Tech 3341 (momentary 400 ms, short-term 3 s, integrated since the last reset), EBU Tech 3342
//! (loudness range).

use crate::rt::DropCount;
use crate::rt::Drops;
use crate::rt::FrameReader;
use crate::rt::FrameWriter;
use crate::rt::Taken;
use crate::rt::frame_ring;
use crate::units::Decibels;
use crate::units::SampleRate;
use atomic_float::AtomicF32;
use ebur128::Channel;
use ebur128::EbuR128;
use ebur128::Mode;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;

/// What the ring holds: longer than most songs take to load.
const RING_SECONDS: f64 = 0.5;
/// Frames that it holds at least: the longest calls.
const LEAST_RING: usize = 65_536 + 64;
/// Silence that is measured: the longest window, and its filters' end.
const SILENCE_SECONDS: f64 = 3.5;
/// Blocks of the integrated value begin so often each second.
const STEPS_A_SECOND: usize = 10;
/// Frames measured at once.
const CHUNK: usize = 1024;

/// Loudness in LUFS, its range in LU and true peak in dBTP; minus infinity where there is nothing, or not yet enough.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Loudness {
    /// Of the last 400 ms.
    pub momentary: Decibels,
    /// Of the last 3 s.
    pub short_term: Decibels,
    /// Since the last reset, gated.
    pub integrated: Decibels,
    /// Between the quiet and the loud of what `integrated` is of; moves once a second, 0 before the third.
    pub range: Decibels,
    /// Highest since the last reset, of all channels.
    pub true_peak: Decibels,
    /// What could not be measured because the measuring thread was late.
    pub missed: Drops,
}

struct Cells {
    momentary: AtomicF32,
    short_term: AtomicF32,
    integrated: AtomicF32,
    range: AtomicF32,
    true_peak: AtomicF32,
    resets: AtomicU32,
}

/// The showing half.
#[derive(Clone)]
pub struct LoudnessReader {
    cells: Arc<Cells>,
    drops: DropCount,
}

impl LoudnessReader {
    /// The newest values.
    pub fn get(&self) -> Loudness {
        let level = |cell: &AtomicF32| Decibels(cell.load(Relaxed));
        Loudness {
            momentary: level(&self.cells.momentary),
            short_term: level(&self.cells.short_term),
            integrated: level(&self.cells.integrated),
            range: level(&self.cells.range),
            true_peak: level(&self.cells.true_peak),
            missed: self.drops.get(),
        }
    }

    /// Has everything measured anew, from what is heard next.
    pub fn reset(&self) {
        self.cells.resets.fetch_add(1, Relaxed);
    }
}

/// The measuring half.
pub struct LoudnessMeter {
    reader: FrameReader,
    /// Made when the first sound comes: most instances of a session are silent, and it holds some megabytes.
    meter: Option<EbuR128>,
    rate: SampleRate,
    cells: Arc<Cells>,
    resets: u32,
    samples: Vec<f32>,
    /// Frames of `SILENCE_SECONDS`, and between the beginnings of the meter's own blocks.
    most_silence: u64,
    step: u64,
    /// Number of the next frame.
    at: u64,
    /// Frames of silence measured since the last that sounded; a meter that is new has nothing to forget.
    silence: u64,
    /// Frames measured since a block began.
    fresh: u64,
    /// Blocks begun since the range was taken.
    steps: usize,
}

impl LoudnessMeter {
    /// Measures all that has come. Takes some 1 % of the time that passes; next to none while all is silent.
    pub fn measure(&mut self) {
        let resets = self.cells.resets.load(Relaxed);
        if resets != self.resets {
            self.resets = resets;
            self.drain(|_, _| {});
            self.meter.iter_mut().for_each(EbuR128::reset);
            (self.silence, self.fresh, self.steps) = (self.most_silence, 0, 0);
            self.publish_whole();
            self.publish();
        }
        let passed = self.reader.passed();
        let mut measured = false;
        self.drain(|this, taken| {
            measured = true;
            this.silence_until(taken.0);
            this.add(taken.1);
        });
        measured |= self.silence_until(passed);
        if measured {
            self.publish();
        }
    }

    /// Hands frames, with the number of the first, to `each`.
    fn drain(&mut self, mut each: impl FnMut(&mut Self, (u64, usize))) {
        let mut samples = std::mem::take(&mut self.samples);
        while let Some(taken) = self.reader.take(&mut samples) {
            if let Taken::Frames { first, frames } = taken {
                std::mem::swap(&mut self.samples, &mut samples);
                each(self, (first, frames));
                std::mem::swap(&mut self.samples, &mut samples);
                self.at = first + frames as u64;
            }
        }
        self.samples = samples;
    }

    /// Measures the frames that stand in `samples`.
    fn add(&mut self, frames: usize) {
        let Some(samples) = self.samples.get_mut(..frames * self.reader.channels()) else { return };
        for sample in samples.iter_mut().filter(|sample| !sample.is_finite()) {
            *sample = 0.0; // the filters would never forget it
        }
        let channels = self.reader.channels();
        if self.meter.is_none() {
            self.meter = new_meter(channels, self.rate);
        }
        if let Some(meter) = &mut self.meter {
            let _ = meter.add_frames_f32(samples); // fails without channels only
        }
        self.silence = 0;
        self.fresh += frames as u64;
    }

    /// Measures what was silent before `frame`, as far as it matters; false where it did not.
    fn silence_until(&mut self, frame: u64) -> bool {
        let gap = frame.saturating_sub(self.at);
        self.at = self.at.max(frame);
        let mut left = gap.min(self.most_silence.saturating_sub(self.silence));
        let counts = left > 0;
        self.silence += left;
        self.fresh += left;
        let silence = [0.0; CHUNK];
        while left > 0 {
            let frames = left.min((CHUNK / self.reader.channels()) as u64);
            if let Some(meter) = &mut self.meter {
                let samples = frames as usize * self.reader.channels();
                let _ = meter.add_frames_f32(silence.get(..samples).unwrap_or(&[]));
            }
            left -= frames;
        }
        counts
    }

    fn publish(&mut self) {
        let Some(meter) = &self.meter else { return };
        let level = |value: Result<f64, ebur128::Error>| value.unwrap_or(f64::NEG_INFINITY) as f32;
        self.cells.momentary.store(level(meter.loudness_momentary()), Relaxed);
        self.cells.short_term.store(level(meter.loudness_shortterm()), Relaxed);
        let peaks = (0..meter.channels()).filter_map(|channel| meter.true_peak(channel).ok());
        let peak = peaks.fold(0.0, f64::max);
        self.cells.true_peak.store((20.0 * libm::log10(peak)) as f32, Relaxed);
        let begun = self.fresh / self.step;
        self.fresh %= self.step;
        self.steps += begun as usize;
        if begun > 0 {
            self.publish_whole();
        }
    }

    /// What is of all since the last reset: it changes where blocks begin.
    fn publish_whole(&mut self) {
        let Some(meter) = &self.meter else { return };
        let integrated = meter.loudness_global().unwrap_or(f64::NEG_INFINITY);
        self.cells.integrated.store(integrated as f32, Relaxed);
        if self.steps >= STEPS_A_SECOND || self.steps == 0 {
            self.steps %= STEPS_A_SECOND;
            self.cells.range.store(meter.loudness_range().unwrap_or(0.0) as f32, Relaxed);
        }
    }
}

/// `None` for rates that the standard's filters do not know.
fn new_meter(channels: usize, rate: SampleRate) -> Option<EbuR128> {
    let mode = Mode::I | Mode::LRA | Mode::TRUE_PEAK;
    let mut meter = EbuR128::new(channels as u32, rate.0.round() as u32, mode).ok()?;
    if let Some(map) = channel_map(channels) {
        let _ = meter.set_channel_map(map); // as many as there are
    }
    Some(meter)
}

/// The widths whose order of channels the standard's weights would not know by themselves.
fn channel_map(channels: usize) -> Option<&'static [Channel]> {
    use Channel::*;
    match channels {
        7 => Some(&[Left, Right, Center, Mp135, Mm135, Mp090, Mm090]),
        8 => Some(&[Left, Right, Center, Unused, Mp135, Mm135, Mp090, Mm090]),
        _ => None,
    }
}

/// The measuring of blocks of `channels`: where the audio thread writes, where it is measured and where it is shown. Allocates.
pub fn loudness(channels: usize, rate: SampleRate) -> (FrameWriter, LoudnessMeter, LoudnessReader) {
    let (writer, reader) = frame_ring(channels, rate.frames_in(RING_SECONDS).max(LEAST_RING));
    let none = || AtomicF32::new(f32::NEG_INFINITY);
    let cells = Arc::new(Cells {
        momentary: none(),
        short_term: none(),
        integrated: none(),
        range: AtomicF32::new(0.0),
        true_peak: none(),
        resets: AtomicU32::new(0),
    });
    let shown = LoudnessReader { cells: Arc::clone(&cells), drops: reader.drop_count() };
    let most_silence = rate.frames_in(SILENCE_SECONDS) as u64;
    let meter = LoudnessMeter {
        samples: vec![0.0; CHUNK * reader.channels()],
        reader,
        meter: None,
        rate,
        cells,
        resets: 0,
        most_silence,
        // Rounded as the meter rounds it.
        step: ((rate.0.round() as u64 + 5) / STEPS_A_SECOND as u64).max(1),
        at: 0,
        silence: most_silence,
        fresh: 0,
        steps: 0,
    };
    (writer, meter, shown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::AudioBlock;
    use std::f64::consts::TAU;

    const RATE: f64 = 48_000.0;

    struct Bench {
        writer: FrameWriter,
        meter: LoudnessMeter,
        shown: LoudnessReader,
        frame: u64,
    }

    fn bench(channels: usize) -> Bench {
        let (writer, meter, shown) = loudness(channels, SampleRate(RATE));
        Bench { writer, meter, shown, frame: 0 }
    }

    impl Bench {
        /// A sine of 1 kHz on all channels, for so many seconds.
        fn sine(&mut self, dbfs: f64, seconds: f64) {
            self.sines(&vec![dbfs; self.writer.channels()], seconds);
        }

        /// The same with a level for each channel.
        fn sines(&mut self, dbfs: &[f64], seconds: f64) {
            let peaks = dbfs.iter().map(|dbfs| 10f64.powf(dbfs / 20.0)).collect::<Vec<_>>();
            let end = self.frame + (seconds * RATE).round() as u64;
            while self.frame < end {
                let frames = (end - self.frame).min(480);
                let sine = |n: u64, peak| (peak * (TAU * 1000.0 * n as f64 / RATE).sin()) as f32;
                let plane = |&peak| (self.frame..self.frame + frames).map(|n| sine(n, peak)).collect();
                let planes: Vec<Vec<f32>> = peaks.iter().map(plane).collect();
                let planes: Vec<&[f32]> = planes.iter().map(|plane| &plane[..]).collect();
                self.writer.write(self.frame, &AudioBlock::new(&planes));
                self.pass(frames);
            }
        }

        /// What nobody writes.
        fn silence(&mut self, seconds: f64) {
            (0..(seconds * 100.0) as u32).for_each(|_| self.pass(480));
        }

        fn pass(&mut self, frames: u64) {
            self.frame += frames;
            self.writer.pass(self.frame);
            self.meter.measure();
        }
    }

    fn near(found: Decibels, wanted: f32, tolerance: f32) {
        assert!((found.0 - wanted).abs() <= tolerance, "{found:?}, not {wanted} dB");
    }

    #[test]
    fn stereo_sines_read_their_own_level_in_all_three_windows() {
        // EBU Tech 3341, cases 1 and 2.
        for level in [-23.0, -33.0] {
            let mut bench = bench(2);
            bench.sine(level, 20.0);
            let found = bench.shown.get();
            for loudness in [found.momentary, found.short_term, found.integrated] {
                near(loudness, level as f32, 0.1);
            }
            near(found.true_peak, level as f32, 0.2);
            near(found.range, 0.0, 0.01);
            assert_eq!(found.missed, Drops::default());
        }
    }

    #[test]
    fn quiet_parts_are_gated_by_the_standards_own_programmes() {
        // EBU Tech 3341, cases 3, 4 and 5: levels and seconds.
        let programmes: [&[(f64, f64)]; 3] = [
            &[(-36.0, 10.0), (-23.0, 60.0), (-36.0, 10.0)],
            &[(-72.0, 10.0), (-36.0, 10.0), (-23.0, 60.0), (-36.0, 10.0), (-72.0, 10.0)],
            &[(-26.0, 20.0), (-20.0, 20.1), (-26.0, 20.0)],
        ];
        for programme in programmes {
            let mut bench = bench(2);
            programme.iter().for_each(|&(level, seconds)| bench.sine(level, seconds));
            near(bench.shown.get().integrated, -23.0, 0.1);
        }
    }

    #[test]
    fn silence_between_parts_does_not_count() {
        let mut bench = bench(2);
        for (level, seconds) in [(-72.0, 10.0), (-36.0, 10.0), (-23.0, 60.0), (-36.0, 10.0), (-72.0, 10.0)] {
            bench.sine(level, seconds);
            bench.silence(5.0);
        }
        near(bench.shown.get().integrated, -23.0, 0.1);
    }

    #[test]
    fn the_range_is_that_of_the_standards_own_programmes() {
        // EBU Tech 3342, cases 1 to 4: levels of 20 s each. The tolerance is 1 LU there.
        let programmes: [(&[f64], f32); 4] = [
            (&[-20.0, -30.0], 10.0),
            (&[-20.0, -15.0], 5.0),
            (&[-40.0, -20.0], 20.0),
            (&[-50.0, -35.0, -20.0, -35.0, -50.0], 15.0),
        ];
        for (levels, range) in programmes {
            let mut bench = bench(2);
            levels.iter().for_each(|&level| bench.sine(level, 20.0));
            near(bench.shown.get().range, range, 0.5);
            bench.shown.reset();
            bench.pass(1);
            assert_eq!(bench.shown.get().range.0, 0.0);
        }
    }

    #[test]
    fn surround_is_weighted_and_the_low_frequency_channel_is_not_measured() {
        // EBU Tech 3341, case 6: L R C Ls Rs. With an LFE channel the same.
        let mut five = bench(5);
        five.sines(&[-28.0, -28.0, -24.0, -30.0, -30.0], 20.0);
        near(five.shown.get().integrated, -23.0, 0.1);
        let mut six = bench(6);
        six.sines(&[-28.0, -28.0, -24.0, -3.0, -30.0, -30.0], 20.0);
        near(six.shown.get().integrated, -23.0, 0.1);
        near(six.shown.get().true_peak, -3.0, 0.2);
        // BS.1770 counts L R C 1, what is to the side 1.41, what is behind 1; a sine of 0 dBFS on one channel is -3.01 LUFS.
        let mut eight = bench(8);
        eight.sine(-30.0, 5.0);
        let weights: f64 = 3.0 + 2.0 + 2.0 * 1.41;
        near(eight.shown.get().integrated, (-33.01 + 10.0 * weights.log10()) as f32, 0.1);
    }

    #[test]
    fn true_peaks_between_frames_are_found() {
        // EBU Tech 3341, cases 15 to 19: sines of -6 dBFS (the last +3) at so much of the rate, with a phase.
        for (part, degrees, level) in
            [(4.0, 0.0, -6.0), (4.0, 45.0, -6.0), (6.0, 60.0, -6.0), (8.0, 67.5, -6.0), (4.0, 45.0, 3.0)]
        {
            let mut bench = bench(2);
            let peak = 10f64.powf(level / 20.0);
            // Slowly in and out: an edge has peaks of its own.
            let fade = |n: u64| (n.min(4800 - n) as f64 / 1200.0).min(1.0);
            let sine = |n: u64| (peak * fade(n) * (TAU * (n as f64 / part + degrees / 360.0)).sin()) as f32;
            let plane: Vec<f32> = (0..4800u64).map(sine).collect();
            bench.writer.write(0, &AudioBlock::new(&[&plane[..], &plane[..]]));
            bench.pass(4800);
            let found = f64::from(bench.shown.get().true_peak.0) - level;
            assert!((-0.4..=0.2).contains(&found), "{found} dB at 1/{part} and {degrees} degrees");
        }
    }

    #[test]
    fn silence_ends_what_is_momentary_and_keeps_what_is_integrated() {
        let mut bench = bench(2);
        assert_eq!(bench.shown.get().momentary.0, f32::NEG_INFINITY);
        bench.sine(-20.0, 4.0);
        let before = bench.shown.get().integrated;
        bench.silence(600.0);
        let found = bench.shown.get();
        assert!(found.momentary.0 < -100.0 && found.short_term.0 < -100.0, "{found:?}");
        assert!((found.integrated.0 - before.0).abs() < 0.5);
        assert_eq!(bench.meter.silence, bench.meter.most_silence, "silence is measured for ever");
    }

    #[test]
    fn a_reset_begins_anew_whether_it_sounds_or_not() {
        let mut bench = bench(2);
        bench.shown.reset(); // before anything has sounded
        bench.sine(0.0, 5.0);
        near(bench.shown.get().integrated, 0.0, 0.1);
        bench.shown.reset();
        bench.silence(0.1);
        let found = bench.shown.get();
        let all = [found.momentary, found.short_term, found.integrated, found.true_peak];
        assert!(all.iter().all(|level| level.0 == f32::NEG_INFINITY), "{found:?}");
        assert_eq!((found.range.0, found.missed), (0.0, Drops::default()));
        bench.sine(-40.0, 0.3);
        assert_eq!(bench.shown.get().integrated.0, f32::NEG_INFINITY); // a block is 400 ms
        bench.sine(-40.0, 2.0);
        near(bench.shown.get().integrated, -40.0, 0.1);
        near(bench.shown.get().true_peak, -40.0, 0.2);
    }

    #[test]
    fn what_is_no_number_is_not_kept() {
        let mut bench = bench(2);
        bench.writer.write(0, &AudioBlock::new(&[&[f32::NAN, f32::INFINITY][..]; 2]));
        bench.pass(2);
        bench.sine(-40.0, 2.0);
        near(bench.shown.get().momentary, -40.0, 0.1);
        near(bench.shown.get().true_peak, -40.0, 0.2);
    }

    #[test]
    fn the_integrated_value_is_that_of_all_blocks_that_have_ended_however_calls_are_cut() {
        let whole = |frames: &mut dyn FnMut() -> u64| {
            let mut bench = bench(1);
            let sine = |n: u64| (0.3 * (TAU * (n / 7000 + 1) as f64 * 100.0 * n as f64 / RATE).sin()) as f32;
            while bench.frame < 144_000 {
                let frames = frames().min(144_000 - bench.frame);
                let plane: Vec<f32> = (bench.frame..bench.frame + frames).map(sine).collect();
                bench.writer.write(bench.frame, &AudioBlock::new(&[&plane[..]]));
                bench.pass(frames);
            }
            bench.shown.get()
        };
        let even = whole(&mut || 4800);
        let mut n = 0;
        let odd = whole(&mut || {
            n = (n * 7919 + 17) % 6007;
            n + 1
        });
        assert!(even.integrated.0 > -20.0);
        near(odd.integrated, even.integrated.0, 1e-4);
        near(odd.range, even.range.0, 1e-4);
    }

    #[test]
    fn a_late_measurement_misses_and_counts_and_goes_on() {
        let mut bench = bench(2);
        let plane = [0.1; 16_384];
        for n in 0..8 {
            bench.writer.write(n * 16_384, &AudioBlock::new(&[&plane[..], &plane[..]]));
        }
        let missed = bench.shown.get().missed;
        assert_eq!((missed.blocks, missed.frames), (4, 4 * 16_384));
        bench.frame = 8 * 16_384;
        bench.sine(-23.0, 4.0);
        near(bench.shown.get().short_term, -23.0, 0.1);
    }
}
