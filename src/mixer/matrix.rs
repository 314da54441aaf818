//! What one plane gets of every input: a column of the routing matrix.
//!
//! In: a plane of each input that sounds. Out: their sum, each with its own gain, added to a plane. Gains ramp linearly in
//! amplitude from the frame on which they are set; cells at silence cost nothing. Audio thread.

use super::INPUT_CHANNELS;
use crate::audio::BLOCK_SIZE;
use crate::dsp;
use crate::dsp::Level;
use crate::dsp::Ramp;

/// A plane of each input, all of the same length; `None` where every sample is 0.
pub(super) type Sources<'a> = [Option<&'a [f32]>; INPUT_CHANNELS];

/// Gains of all inputs into one plane.
#[derive(Clone)]
pub(super) struct Column {
    cells: [Ramp; INPUT_CHANNELS],
    /// A bit for each cell that is not settled at silence.
    on: u8,
}

/// Inputs whose gains rest, to be summed at once.
struct Run<'a> {
    sources: [&'a [f32]; INPUT_CHANNELS],
    gains: [f32; INPUT_CHANNELS],
    count: usize,
}

impl Column {
    /// All at silence.
    pub(super) fn new() -> Self {
        Self { cells: [Ramp::new(0.0); INPUT_CHANNELS], on: 0 }
    }

    /// Lets a cell go to `gain` over `frames` frames from here.
    pub(super) fn aim(&mut self, input: usize, gain: f32, frames: u32) {
        if let Some(cell) = self.cells.get_mut(input) {
            cell.move_to(gain, frames);
            self.note(input);
        }
    }

    /// Ends every ramp at its target.
    pub(super) fn settle(&mut self) {
        self.skip(usize::MAX);
    }

    /// Whether a cell lets anything through.
    pub(super) fn has(&self, input: usize) -> bool {
        self.on >> input & 1 == 1
    }

    /// Whether anything that sounds gets through.
    pub(super) fn hears(&self, sources: &Sources<'_>) -> bool {
        self.on != 0 && (0..INPUT_CHANNELS).any(|input| self.has(input) && sources[input].is_some())
    }

    /// Advances without sound.
    pub(super) fn skip(&mut self, frames: usize) {
        for input in 0..INPUT_CHANNELS {
            if self.has(input) && !self.cells[input].settled() {
                self.cells[input].skip(frames);
                self.note(input);
            }
        }
    }

    /// Adds the next frames of all inputs to `target`, and advances.
    pub(super) fn add(&mut self, level: Level, sources: &Sources<'_>, target: &mut [f32]) {
        let mut run = Run { sources: [&[]; INPUT_CHANNELS], gains: [0.0; INPUT_CHANNELS], count: 0 };
        // Whatever moves, inputs are summed in their order, so that sums round alike however blocks are cut.
        for (input, source) in sources.iter().enumerate().filter(|(input, _)| self.has(*input)) {
            let Some(source) = source else { continue };
            let cell = &self.cells[input];
            if cell.settled() {
                run.push(source, cell.target());
            } else {
                run.finish(level, target);
                add_moving(level, cell, source, target);
            }
        }
        run.finish(level, target);
        self.skip(target.len());
    }

    /// Adds the next frames of one input only; `skip` advances.
    pub(super) fn add_one(&self, level: Level, input: usize, source: &[f32], target: &mut [f32]) {
        add_moving(level, &self.cells[input], source, target);
    }

    fn note(&mut self, input: usize) {
        let silent = self.cells[input].settled() && self.cells[input].target() == 0.0;
        self.on = self.on & !(1 << input) | u8::from(!silent) << input;
    }
}

fn add_moving(level: Level, cell: &Ramp, source: &[f32], target: &mut [f32]) {
    let mut gains = [0.0; BLOCK_SIZE];
    let gains = &mut gains[..target.len().min(BLOCK_SIZE)];
    cell.clone().fill(gains);
    dsp::mix_by(level, target, source, gains);
}

impl<'a> Run<'a> {
    fn push(&mut self, source: &'a [f32], gain: f32) {
        self.sources[self.count] = source; // no more are pushed than there are inputs
        self.gains[self.count] = gain;
        self.count += 1;
    }

    fn finish(&mut self, level: Level, target: &mut [f32]) {
        match self.count {
            0 => {}
            1 => dsp::add_scaled(level, target, self.sources[0], self.gains[0]),
            count => dsp::mix(level, target, &self.sources[..count], &self.gains[..count]),
        }
        self.count = 0;
    }
}

/// A block of one channel that is only written where something sounds.
#[derive(Clone)]
pub(super) struct Plane {
    samples: [f32; BLOCK_SIZE],
    sounds: bool,
}

impl Plane {
    /// Silent.
    pub(super) fn new() -> Self {
        Self { samples: [0.0; BLOCK_SIZE], sounds: false }
    }

    /// Begins the next block, silent.
    pub(super) fn begin(&mut self) {
        self.sounds = false;
    }

    /// Its frames, to add to: 0 where nothing has been added in this block.
    pub(super) fn open(&mut self, frames: usize) -> &mut [f32] {
        let samples = &mut self.samples[..frames.min(BLOCK_SIZE)];
        if !self.sounds {
            samples.fill(0.0);
            self.sounds = true;
        }
        samples
    }

    /// What has been added, if anything.
    pub(super) fn heard(&self, frames: usize) -> Option<&[f32]> {
        self.sounds.then(|| &self.samples[..frames.min(BLOCK_SIZE)])
    }

    /// Takes the next frames of a column, where it is on.
    pub(super) fn take(&mut self, level: Level, column: &mut Column, sources: &Sources<'_>, frames: usize) {
        self.begin();
        if column.hears(sources) {
            column.add(level, sources, self.open(frames));
        } else {
            column.skip(frames);
        }
    }
}

/// Left and right of a mono sound: -3 dB in the centre, by sine and cosine; exact at the ends.
pub(super) fn mono_pan(pan: f32) -> [f32; 2] {
    let right = f64::from(pan.clamp(-1.0, 1.0) + 1.0) * std::f64::consts::FRAC_PI_4;
    [std::f64::consts::FRAC_PI_2 - right, right].map(|angle| libm::sin(angle) as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mono_is_three_decibels_down_in_the_centre_and_whole_at_the_ends() {
        assert_eq!((mono_pan(-1.0), mono_pan(1.0)), ([1.0, 0.0], [0.0, 1.0]));
        assert_eq!(mono_pan(0.0), [std::f32::consts::FRAC_1_SQRT_2; 2]);
        for step in -10..=10 {
            let [left, right] = mono_pan(step as f32 / 10.0);
            assert!((left * left + right * right - 1.0).abs() < 1e-6);
        }
    }

    #[test]
    fn a_column_sums_in_the_order_of_inputs_whatever_moves() {
        let waves: Vec<Vec<f32>> =
            (0..4).map(|n| (0..200).map(|k| libm::sinf(k as f32 * (0.3 + n as f32))).collect()).collect();
        let run = |sizes: &[usize]| {
            let mut column = Column::new();
            (0..4).for_each(|input| column.aim(input, 0.1 + input as f32 * 0.3, 0));
            column.aim(1, 0.77, 61);
            column.aim(2, 0.0, 130);
            let mut out = Vec::new();
            for &size in sizes.iter().cycle() {
                let range = out.len()..(out.len() + size).min(200);
                let mut sources: Sources<'_> = [None; INPUT_CHANNELS];
                (0..4).for_each(|n| sources[n] = Some(&waves[n][range.clone()]));
                let mut target = vec![0.0; range.len()];
                column.add(Level::detect(), &sources, &mut target);
                out.extend(target);
                if out.len() == 200 {
                    break;
                }
            }
            assert!(column.has(1) && !column.has(2), "a cell at silence is off");
            out.iter().map(|sample| sample.to_bits()).collect::<Vec<_>>()
        };
        let whole = run(&[200]);
        for sizes in [&[1][..], &[7, 64], &[60, 2, 69, 33]] {
            assert_eq!(run(sizes), whole, "{sizes:?}");
        }
    }

    #[test]
    fn a_cell_that_rests_at_silence_does_not_even_hear_infinity() {
        let mut column = Column::new();
        let source = [f32::INFINITY; 8];
        let mut sources: Sources<'_> = [None; INPUT_CHANNELS];
        sources[3] = Some(&source);
        column.aim(3, 1.0, 0);
        column.aim(3, 0.0, 4);
        let mut target = [0.0; 8];
        column.add(Level::detect(), &sources, &mut target);
        assert_eq!(target[4..], [0.0; 4]);
        assert!(target[..3].iter().all(|sample| sample.is_infinite()) && !column.hears(&sources));
    }
}
