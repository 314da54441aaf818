//! Convolution with a long impulse response, without latency, on one thread and at an even cost.
//!
//! In and out: stereo. The first 64 taps are summed directly, the others in partitions of 64, 512, 4,096 and, in long
//! responses, 16,384 taps by Fourier transforms (Gardner, "Efficient convolution without input-output delay", 1995).
//! Partitions begin on multiples of their length, counted in frames since the start; but for the shortest they have as many
//! frames for their work, of which a line of the control grid does its share. Audio thread, except making one. What
//! arrives must be finite.

mod bank;
mod response;
mod stage;
#[cfg(test)]
mod tests;

pub use bank::Bank;
pub use bank::Responses;
pub use response::Response;

use super::Level;
use super::simd::by_level;
use stage::Stage;
use std::sync::Arc;

/// Frames between two lines of the grid, taps of the head, and taps of the shortest partition.
const CELL: usize = 64;

/// Frames after which nothing is left of any response.
const LONG: u64 = u64::MAX / 2;

/// Taps of a partition, shortest first. Each kind begins where the one before ends.
const SIZES: [usize; 4] = [CELL, 512, 4096, 16_384];

/// From this many taps on the longest partitions take no more time than the shorter ones that they replace, and ever less the
/// longer the response is. Measured.
const LONG_RESPONSE: usize = 8 * 16_384;

/// The sizes of the partitions of a response of so many taps.
fn sizes(taps: usize) -> &'static [usize] {
    if taps < LONG_RESPONSE { &SIZES[..3] } else { &SIZES }
}

/// The first tap of the partitions of a size: the work of longer ones takes as long again as they last.
fn first_tap(size: usize) -> usize {
    if size == CELL { size } else { 2 * size }
}

/// Frames of the past that are kept: a stage reads the last two partitions while another one comes.
fn kept(response: &Response) -> usize {
    3 * response.stages.last().map_or(CELL, |stage| stage.size)
}

/// A response at work on a sound.
pub struct Convolver {
    level: Level,
    response: Arc<Response>,
    /// Frames since the start.
    frame: u64,
    /// Frames since the last one that was not silent.
    quiet: u64,
    /// The last cell and this one.
    recent: [[f32; 2 * CELL]; 2],
    /// All cells that are over, in a circle.
    past: [Box<[f32]>; 2],
    stages: Box<[Stage]>,
    /// What earlier cells put into this one.
    cell: [[f32; CELL]; 2],
    cell_sounds: bool,
}

impl Convolver {
    /// A convolver that has heard nothing yet, on frame 0. Allocates.
    pub fn new(response: Arc<Response>, level: Level) -> Self {
        let past = || vec![0.0; kept(&response)].into_boxed_slice();
        Self {
            level,
            frame: 0,
            quiet: LONG,
            recent: [[0.0; 2 * CELL]; 2],
            past: [past(), past()],
            stages: response.stages.iter().map(Stage::new).collect(),
            cell: [[0.0; CELL]; 2],
            cell_sounds: false,
            response,
        }
    }

    /// The response at work.
    pub fn response(&self) -> &Arc<Response> {
        &self.response
    }

    /// Forgets all sound and goes back to frame 0. Real-time, though it writes the memory of what came in (384 KB at most).
    pub fn clear(&mut self) {
        self.quiet = 0;
        self.go_to(0);
    }

    /// Whether everything heard has passed, so that frames need not be rendered until the next sound.
    pub fn is_drained(&self) -> bool {
        let longest = self.stages.iter().map(Stage::frames_to_drain).max().unwrap_or(0);
        self.quiet >= (longest + 2 * CELL) as u64
    }

    /// Goes on at another frame. What has not passed yet is forgotten; nothing is touched where all has. Real-time.
    pub fn go_to(&mut self, frame: u64) {
        if !self.is_drained() {
            self.past.iter_mut().for_each(|past| past.fill(0.0));
            self.recent = [[0.0; 2 * CELL]; 2];
        }
        self.cell_sounds = false;
        self.stages.iter_mut().for_each(Stage::forget);
        (self.frame, self.quiet) = (frame, LONG);
    }

    /// Writes the convolution of `inputs` to `outputs`, as many frames as the shortest plane has. Real-time.
    pub fn process(&mut self, inputs: [&[f32]; 2], outputs: [&mut [f32]; 2]) {
        let [left, right] = outputs;
        let frames = inputs[0].len().min(inputs[1].len()).min(left.len()).min(right.len());
        let mut start = 0;
        while start < frames {
            let phase = (self.frame % CELL as u64) as usize;
            if phase == 0 {
                self.begin_cell();
            }
            let end = (start + CELL - phase).min(frames);
            for (recent, input) in self.recent.iter_mut().zip(inputs) {
                // The cell is as long as from its start to the next line.
                recent[CELL + phase..CELL + phase + end - start].copy_from_slice(&input[start..end]);
            }
            self.listen(phase, end - start);
            self.put_out(phase, [&mut left[start..end], &mut right[start..end]]);
            self.frame += (end - start) as u64;
            start = end;
        }
    }

    /// Notes how long ago the last sound was.
    fn listen(&mut self, phase: usize, frames: usize) {
        let range = CELL + phase..CELL + phase + frames;
        let after = |recent: &[f32; 2 * CELL]| {
            recent.get(range.clone()).and_then(|new| new.iter().rev().position(|sample| *sample != 0.0))
        };
        let after = self.recent.iter().filter_map(after).min();
        self.quiet = after.map_or(self.quiet.saturating_add(frames as u64), |after| after as u64);
    }

    fn put_out(&mut self, phase: usize, outputs: [&mut [f32]; 2]) {
        for ((number, output), cell) in outputs.into_iter().enumerate().zip(&self.cell) {
            let frames = output.len();
            let head_sounds = self.quiet < (CELL + frames) as u64;
            match (self.cell_sounds, cell.get(phase..phase + frames)) {
                // A head that is skipped would have turned -0 into 0.
                (true, Some(cell)) => output.iter_mut().zip(cell).for_each(|(to, from)| *to = from + 0.0),
                _ => output.fill(0.0),
            }
            for path in self.response.paths.iter().filter(|path| head_sounds && path.output == number) {
                // Two inputs, and a head for every plane.
                let past = self.recent[path.input].get(phase + 1..).unwrap_or(&[]);
                add_filtered(self.level, output, past, &self.response.heads[path.plane]);
            }
        }
    }

    /// On a line of the grid: the cell before it is over.
    fn begin_cell(&mut self) {
        for (past, recent) in self.past.iter_mut().zip(&mut self.recent) {
            let (older, newer) = recent.split_at_mut(CELL);
            let cells = past.len() / CELL;
            let place = (self.frame / CELL as u64).wrapping_add(cells as u64 - 1) as usize % cells;
            if let Some(place) = past.chunks_exact_mut(CELL).nth(place) {
                place.copy_from_slice(newer);
            }
            older.copy_from_slice(newer);
        }
        self.cell_sounds = false;
        for (stage, spectra) in self.stages.iter_mut().zip(&self.response.stages) {
            stage.advance(self.level, (self.frame, self.quiet), &self.past, (self.response.paths, spectra));
            if let Some(planes) = stage.sound(self.frame) {
                for (cell, plane) in self.cell.iter_mut().zip(planes) {
                    match self.cell_sounds {
                        true => cell.iter_mut().zip(plane).for_each(|(sum, sample)| *sum += sample),
                        false => cell.copy_from_slice(plane),
                    }
                }
                self.cell_sounds = true;
            }
        }
    }
}

/// Frames whose sums are kept in registers while the taps go by.
const TILE: usize = 32;

by_level! {
    /// `target[n] += Σ source[n + k] · taps[k]`, added up in the order of the taps.
    fn add_filtered(level; target: &mut [f32], source: &[f32], taps: &[f32; CELL]) {
        let (tiles, rest) = target.as_chunks_mut::<TILE>();
        let whole = tiles.len() * TILE;
        for (number, tile) in tiles.iter_mut().enumerate() {
            let mut sums = [0.0; TILE];
            let source = source.get(number * TILE..(number + 1) * TILE + CELL - 1).unwrap_or(&[]);
            for (tap, value) in taps.iter().enumerate() {
                let Some(frames) = source.get(tap..tap + TILE) else { break };
                for lane in 0..TILE {
                    sums[lane] += frames[lane] * value; // both have `TILE`
                }
            }
            for lane in 0..TILE {
                tile[lane] += sums[lane];
            }
        }
        let mut sums = [0.0; TILE];
        let source = source.get(whole..).unwrap_or(&[]);
        for (frames, tap) in source.windows(rest.len().max(1)).zip(taps) {
            for (sum, sample) in sums.iter_mut().zip(frames) {
                *sum += sample * tap;
            }
        }
        rest.iter_mut().zip(sums).for_each(|(to, sum)| *to += sum);
    }
}
