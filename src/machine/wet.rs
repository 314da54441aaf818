//! What both reverbs have around their room: a delay before it, and the way in which it is heard beside what came in.
//!
//! Audio thread, except making one. Every change takes some lines of the control grid, along straight ways, so that it leaves
//! no step.

use crate::audio::GRID;
use crate::units::SampleRate;

/// Cells that a change takes.
const CELLS: u32 = 16;

/// Numbers on their way to others, from one line of the grid to the next.
#[derive(Clone, Copy)]
pub(super) struct Glide<const N: usize> {
    /// At the start of the cell, and at its end.
    pub(super) cell: [[f32; N]; 2],
    target: [f32; N],
    left: u32,
}

impl<const N: usize> Glide<N> {
    pub(super) fn new(values: [f32; N]) -> Self {
        Self { cell: [values; 2], target: values, left: 0 }
    }

    pub(super) fn set(&mut self, target: [f32; N]) {
        if target != self.target {
            (self.target, self.left) = (target, CELLS);
        }
    }

    pub(super) fn settle(&mut self) {
        *self = Self::new(self.target);
    }

    /// On a line of the grid.
    pub(super) fn begin_cell(&mut self) {
        self.cell[0] = self.cell[1];
        if self.left > 0 {
            for (value, target) in self.cell[1].iter_mut().zip(self.target) {
                *value += (target - *value) / self.left as f32;
            }
            self.left -= 1;
            if self.left == 0 {
                self.cell[1] = self.target;
            }
        }
    }

    /// Whether all stands still throughout the cell.
    pub(super) fn stands(&self) -> bool {
        self.cell[0] == self.cell[1]
    }
}

/// Cuts a stereo block at the lines of the grid: calls `cell` with the place in its cell of each piece, and the piece itself.
/// `phase` is the place of the next frame.
pub(super) fn by_cells(
    phase: &mut usize,
    inputs: [&[f32]; 2],
    [left, right]: [&mut [f32]; 2],
    mut cell: impl FnMut(usize, [&[f32]; 2], [&mut [f32]; 2]),
) {
    let frames = inputs[0].len().min(inputs[1].len()).min(left.len()).min(right.len());
    let mut start = 0;
    while start < frames {
        let end = (start + GRID - *phase).min(frames);
        let inputs = inputs.map(|input| &input[start..end]); // all are as long as `frames`
        cell(*phase, inputs, [&mut left[start..end], &mut right[start..end]]);
        *phase = (*phase + end - start) % GRID;
        start = end;
    }
}

/// A stereo delay of whole frames; a change fades from one to the other.
pub(super) struct PreDelay {
    rate: SampleRate,
    memory: [Box<[f32]>; 2],
    place: usize,
    delays: [usize; 2],
    wanted: usize,
    /// Cells of a change that are over.
    faded: u32,
}

impl PreDelay {
    /// Of at most `longest_s` seconds. Allocates.
    pub(super) fn new(longest_s: f64, rate: SampleRate) -> Self {
        let memory = || vec![0.0; rate.frames_in(longest_s) + 2 * GRID].into_boxed_slice();
        Self { rate, memory: [memory(), memory()], place: 0, delays: [0; 2], wanted: 0, faded: CELLS }
    }

    /// Frames after which nothing of a sound is left here.
    pub(super) fn frames(&self) -> u64 {
        self.memory[0].len() as u64
    }

    pub(super) fn set(&mut self, delay_ms: f32) {
        let longest = self.memory[0].len() - 2 * GRID; // see `new`
        self.wanted = (libm::round(self.rate.0 * f64::from(delay_ms) / 1000.0) as usize).min(longest);
    }

    pub(super) fn settle(&mut self) {
        (self.delays, self.faded) = ([self.wanted; 2], CELLS);
    }

    pub(super) fn clear(&mut self) {
        self.memory.iter_mut().for_each(|plane| plane.fill(0.0));
        self.place = 0;
        self.settle();
    }

    pub(super) fn begin_cell(&mut self) {
        self.faded = (self.faded + 1).min(CELLS);
        if self.faded == CELLS {
            self.delays[0] = self.delays[1];
            if self.wanted != self.delays[1] {
                (self.delays[1], self.faded) = (self.wanted, 0);
            }
        }
    }

    /// At most a cell, of which `phase` frames are over.
    pub(super) fn process(&mut self, inputs: [&[f32]; 2], outputs: [&mut [f32]; 2], phase: usize) {
        let (mut frames, [from, to], place) = (0, self.delays, self.place);
        let over = self.faded as usize * GRID + phase;
        for ((memory, input), output) in self.memory.iter_mut().zip(inputs).zip(outputs) {
            let length = memory.len();
            for (index, sample) in input.iter().enumerate() {
                if let Some(slot) = memory.get_mut((place + index) % length) {
                    *slot = *sample;
                }
            }
            let at = |index: usize, delay: usize| {
                memory.get((place + index + length - delay) % length).copied().unwrap_or(0.0)
            };
            for (index, sample) in output.iter_mut().enumerate() {
                let new = at(index, to);
                *sample = if from == to {
                    new
                } else {
                    let old = at(index, from);
                    old + (new - old) * ((over + index + 1) as f32 / (CELLS as usize * GRID) as f32)
                };
            }
            frames = input.len();
        }
        self.place = (place + frames) % self.memory[0].len(); // never empty
    }
}

/// How loud the room is, how wide, and how much of what came in is left.
pub(super) struct Blend(Glide<3>);

impl Blend {
    /// The room alone.
    pub(super) fn new() -> Self {
        Self(Glide::new([1.0, 0.0, 0.0]))
    }

    /// `mix` and `width` are parts of 1.
    pub(super) fn set(&mut self, mix: f32, level_db: f32, width: f32) {
        let wet = mix * libm::powf(10.0, level_db / 20.0);
        self.0.set([wet * (1.0 + width) / 2.0, wet * (1.0 - width) / 2.0, 1.0 - mix]);
    }

    pub(super) fn settle(&mut self) {
        self.0.settle();
    }

    pub(super) fn begin_cell(&mut self) {
        self.0.begin_cell();
    }

    /// Puts the room, which stands in `outputs`, beside what came in.
    pub(super) fn process(&self, inputs: [&[f32]; 2], outputs: [&mut [f32]; 2], phase: usize) {
        let [from, to] = self.0.cell;
        let ([left, right], [dry_left, dry_right]) = (outputs, inputs);
        let planes = left.iter_mut().zip(right.iter_mut()).zip(dry_left.iter().zip(dry_right));
        for (frame, ((left, right), (dry_left, dry_right))) in (phase..).zip(planes) {
            let share = (frame + 1) as f32 / GRID as f32;
            // Three of each.
            let [near, far, dry] =
                std::array::from_fn(|index| from[index] + (to[index] - from[index]) * share);
            (*left, *right) = (
                dry * dry_left + (near * *left + far * *right),
                dry * dry_right + (near * *right + far * *left),
            );
        }
    }
}
