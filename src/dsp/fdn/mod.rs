//! A reverberant room: sixteen delay lines that feed each other.
//!
//! In: stereo. Out: its reverberation alone, as loud as steady noise came in, or each line by itself. Two shelves in each line let three bands decay
//! in times of their own; what comes out of the lines is mixed by a Hadamard matrix whose lines are turned to and fro in pairs,
//! which moves the resonances and, unlike lines that change their length, takes nothing away. Changes of settings glide from
//! one line of the control grid to the next. Audio thread, except `new`. Jot and Chaigne, "Digital delay networks for
//! designing artificial reverberators" (1991); Schlecht and Habets, "Time-varying feedback matrices" (2015).

use super::Level;
use super::simd::by_level;
use crate::units::SampleRate;
use std::f64::consts::TAU;
use std::ops::Range;

/// Delay lines.
pub(crate) const LINES: usize = 16;

/// Frames between two lines of the grid; no delay is shorter.
const CELL: usize = 64;

/// Shares in which all sound can be forgotten, so that no block has to write the whole memory.
pub(crate) const SHARES: usize = 64;

/// Seconds that a change takes: 64 cells at 48 kHz.
const GLIDE_S: f64 = 4096.0 / 48_000.0;

/// Lengths at a size of 1, in frames at 48 kHz: primes, of equal ratios as nearly as may be.
const LENGTHS: [f64; LINES] = [
    1429.0, 1549.0, 1693.0, 1847.0, 1997.0, 2179.0, 2371.0, 2557.0, 2789.0, 3011.0, 3271.0, 3539.0, 3833.0,
    4153.0, 4483.0, 4861.0,
];

/// Largest size.
const LARGEST: f64 = 1.5;

/// Lengths of the diffusers of each side, in frames at 48 kHz: primes near those of Dattorro's plate (1997).
const DIFFUSERS: [[f64; 4]; 2] = [[173.0, 229.0, 449.0, 613.0], [191.0, 241.0, 421.0, 571.0]];

/// What a diffuser feeds back.
const DIFFUSION: f32 = 0.65;

/// Constant parts of the input die away with this frequency.
const DC_HZ: f64 = 8.0;

/// What is left of a band after a line, at least: shelves that are steeper than 40 dB would reach into the next band.
const LEAST: f32 = 0.01;

/// The widest turn of a pair of lines.
const WIDEST_TURN: f64 = TAU / 8.0;

/// One number for each line.
type Lanes = [f32; LINES];

/// Up to a cell of each line.
pub(crate) type Tile = [[f32; CELL]; LINES];

/// Numbers of a cell's frames, from 1 on.
const NUMBERS: [f32; CELL] = {
    let (mut numbers, mut frame) = ([0.0; CELL], 0);
    while frame < CELL {
        numbers[frame] = (frame + 1) as f32; // a frame of the cell
        frame += 1;
    }
    numbers
};

/// How a room sounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Room {
    /// Seconds to -60 dB of lows, mids and highs.
    pub decay_s: [f32; 3],
    /// Where lows end and where highs begin.
    pub crossover_hz: [f32; 2],
    /// Factor of all delays, 0.1 to 1.5.
    pub size: f32,
    /// How far resonances move, 0 to 1.
    pub motion: f32,
    /// How often they come and go.
    pub motion_hz: f32,
}

impl Room {
    /// On the way from `self` to `to`: what is lost in a second, and frequencies by ratios.
    fn towards(&self, to: &Self, share: f32) -> Self {
        let straight = |from: f32, to: f32| from + (to - from) * share;
        let ratio = |from: f32, to: f32| from * libm::powf(to / from, share);
        Self {
            // Both have three bands and two edges.
            decay_s: std::array::from_fn(|band| {
                1.0 / straight(1.0 / self.decay_s[band], 1.0 / to.decay_s[band])
            }),
            crossover_hz: std::array::from_fn(|edge| ratio(self.crossover_hz[edge], to.crossover_hz[edge])),
            size: to.size,
            motion: straight(self.motion, to.motion),
            motion_hz: straight(self.motion_hz, to.motion_hz),
        }
    }
}

/// Shelves of all lines, as state variable filters: `a` of their loops, `m` of what they let out. Simper, "Linear trapezoidal
/// state variable filter" (2013).
#[derive(Clone, Copy, Default)]
struct Shelves {
    a: [Lanes; 3],
    /// At the start of the cell, and at its end.
    m: [[Lanes; 3]; 2],
    state: [Lanes; 2],
}

impl Shelves {
    /// `gain` is the shelf's over the rest of the band, which is multiplied by `factor`.
    fn set(&mut self, line: usize, high: bool, (gain, factor): (f32, f32), warped: f32) {
        let (half, k) = (libm::sqrtf(gain), std::f32::consts::SQRT_2);
        let root = libm::sqrtf(half);
        let g = if high { warped * root } else { warped / root };
        let a1 = 1.0 / (1.0 + g * (g + k));
        let m = match high {
            true => [gain, k * (1.0 - half) * half, 1.0 - gain],
            false => [1.0, k * (half - 1.0), gain - 1.0],
        };
        for (lanes, value) in self.a.iter_mut().zip([a1, g * a1, g * g * a1]) {
            lanes[line] = value; // a line of the network
        }
        for (lanes, value) in self.m[1].iter_mut().zip(m) {
            lanes[line] = value * factor;
        }
    }
}

/// A chain of all-passes.
struct Diffuser {
    buffers: [Box<[f32]>; 4],
    places: [usize; 4],
}

impl Diffuser {
    fn new(lengths: &[f64; 4], rate: SampleRate) -> Self {
        let buffer = |&length: &f64| vec![0.0; frames(length, rate)].into_boxed_slice();
        let [a, b, c, d] = lengths;
        Self { buffers: [a, b, c, d].map(buffer), places: [0; 4] }
    }

    /// At most a cell, which no buffer is shorter than.
    fn process(&mut self, level: Level, plane: &mut [f32]) {
        for (buffer, place) in self.buffers.iter_mut().zip(&mut self.places) {
            let first = plane.len().min(buffer.len() - *place); // a place lies in its buffer
            let (plane, rest) = plane.split_at_mut(first);
            all_pass(level, plane, &mut buffer[*place..*place + first]);
            all_pass(level, rest, buffer);
            *place = (*place + first + rest.len()) % buffer.len();
        }
    }
}

by_level! {
    /// `w = x + g·d`, `y = d - g·w`; `delayed` gives `d` and takes `w`.
    fn all_pass(level; plane: &mut [f32], delayed: &mut [f32]) {
        for (sample, delayed) in plane.iter_mut().zip(delayed) {
            let fed = *sample + DIFFUSION * *delayed;
            *sample = *delayed - DIFFUSION * fed;
            *delayed = fed;
        }
    }
}

/// A length in frames at 48 kHz at another rate; a cell at least.
fn frames(length: f64, rate: SampleRate) -> usize {
    (libm::round(length * rate.0 / 48_000.0) as usize).max(CELL)
}

/// Cells that a change takes at a rate.
pub(crate) fn glide_cells(rate: SampleRate) -> u32 {
    (libm::round(GLIDE_S * rate.0 / CELL as f64) as u32).max(1)
}

/// The network.
pub struct Fdn {
    level: Level,
    rate: SampleRate,
    room: Room,
    from: Room,
    to: Room,
    /// What was asked for; a change that is under way is finished first.
    wanted: Room,
    /// Cells that a change takes.
    glide: u32,
    /// Those of them that are over; `glide` when it has come.
    glided: u32,
    /// Frames of this cell that are over.
    phase: usize,
    /// Delays of a change of size, before and after it.
    delays: [[usize; LINES]; 2],
    /// Whether they differ.
    resizes: bool,
    /// What each line is fed of what comes in, at the start of the cell and at its end.
    feed: [Lanes; 2],
    lows: Shelves,
    highs: Shelves,
    /// Where each pair of lines is on its way to and fro, in turns.
    turns: [f64; LINES / 2],
    /// Cosine and sine of each pair's turn at the start of the cell, and at its end.
    rotations: [[(f32, f32); LINES / 2]; 2],
    diffusers: [Diffuser; 2],
    dc: [f32; 2],
    dc_share: f32,
    /// Line after line, each a circle of `length` frames, a power of 2.
    memory: Box<[f32]>,
    length: usize,
    place: usize,
    tile: Box<Tile>,
    other: Box<[Lanes; CELL]>,
}

impl Fdn {
    /// Silent, and settled on `room`. Allocates.
    pub fn new(rate: SampleRate, level: Level, room: Room) -> Self {
        let longest = frames(LENGTHS[LINES - 1] * LARGEST, rate) + CELL;
        let length = longest.next_power_of_two();
        let [left, right] = &DIFFUSERS;
        let mut fdn = Self {
            level,
            rate,
            room,
            from: room,
            to: room,
            wanted: room,
            glide: glide_cells(rate),
            glided: glide_cells(rate),
            phase: 0,
            delays: [[CELL; LINES]; 2],
            resizes: false,
            feed: [[0.0; LINES]; 2],
            lows: Shelves::default(),
            highs: Shelves::default(),
            turns: [0.0; LINES / 2],
            rotations: [[(1.0, 0.0); LINES / 2]; 2],
            diffusers: [Diffuser::new(left, rate), Diffuser::new(right, rate)],
            dc: [0.0; 2],
            dc_share: (1.0 - libm::exp(-TAU * DC_HZ / rate.0)) as f32,
            memory: vec![0.0; length * LINES].into(),
            length,
            place: 0,
            tile: Box::new([[0.0; CELL]; LINES]),
            other: Box::new([[0.0; LINES]; CELL]),
        };
        fdn.settle();
        fdn
    }

    /// Moves to other settings, from the next line of the grid on. Real-time.
    pub fn set(&mut self, room: Room) {
        self.wanted = room;
    }

    /// Jumps to where settings go. Real-time.
    pub fn settle(&mut self) {
        (self.room, self.to) = (self.wanted, self.wanted);
        (self.glided, self.resizes) = (self.glide, false);
        self.delays = [self.delays_of(self.room.size); 2];
        self.shape();
        self.arrive();
        self.rotations = [self.rotations_now(); 2];
    }

    /// Forgets all sound and begins anew. Real-time, though it writes the whole memory.
    pub fn clear(&mut self) {
        (0..SHARES).for_each(|share| self.silence(share));
        self.begin_anew();
    }

    /// Begins anew with what sound it holds. Real-time.
    pub(crate) fn begin_anew(&mut self) {
        self.diffusers.iter_mut().for_each(|side| side.places = [0; 4]);
        (self.turns, self.place, self.phase) = ([0.0; LINES / 2], 0, 0);
        self.settle();
    }

    /// Forgets one of [`SHARES`] of all sound, and goes on; between the first and the last nothing is processed. Real-time.
    pub(crate) fn silence(&mut self, share: usize) {
        let frames = self.memory.len().div_ceil(SHARES);
        self.memory.chunks_mut(frames).nth(share).into_iter().for_each(|part| part.fill(0.0));
        let buffers = self.diffusers.iter_mut().flat_map(|side| &mut side.buffers);
        buffers.skip(share).step_by(SHARES).for_each(|buffer| buffer.fill(0.0));
        (self.lows.state, self.highs.state) = ([[0.0; LINES]; 2], [[0.0; LINES]; 2]);
        self.dc = [0.0; 2];
    }

    /// Goes on at another frame of the grid's cell, with everything settled. Real-time.
    pub fn go_to(&mut self, frame: u64) {
        self.settle();
        self.phase = (frame % CELL as u64) as usize;
        if self.phase != 0 {
            self.begin_cell();
        }
    }

    /// Writes the reverberation of `inputs`, as many frames as the shortest plane has. Real-time.
    pub fn process(&mut self, inputs: [&[f32]; 2], outputs: [&mut [f32]; 2]) {
        let ([left, right], level) = (outputs, self.level);
        let frames = left.len().min(right.len());
        let inputs = inputs.map(|input| &input[..input.len().min(frames)]);
        self.process_lines(inputs, |range, lines| {
            gather(level, &mut left[range.clone()], lines, 0); // no more than the shortest plane has
            gather(level, &mut right[range], lines, 1);
        });
    }

    /// Gives `take` what comes out of each line, and which frames of `inputs` it is due on. Half of the lines are heard on each
    /// side of [`Self::process`]; the power of all is twice that of an input. Real-time.
    pub(crate) fn process_lines(&mut self, inputs: [&[f32]; 2], mut take: impl FnMut(Range<usize>, &Tile)) {
        let frames = inputs[0].len().min(inputs[1].len());
        let mut start = 0;
        while start < frames {
            if self.phase == 0 {
                self.begin_cell();
            }
            let end = (start + CELL - self.phase).min(frames);
            self.read(end - start);
            take(start..end, &self.tile);
            self.piece(inputs.map(|input| &input[start..end]));
            self.phase = (self.phase + end - start) % CELL;
            start = end;
        }
    }

    /// Goes on over frames of silence that nothing is left to sound in: only what moves moves. Real-time.
    pub(crate) fn skip(&mut self, frames: usize) {
        let mut left = frames;
        while left > 0 {
            if self.phase == 0 {
                self.begin_cell();
            }
            let passed = left.min(CELL - self.phase);
            self.phase = (self.phase + passed) % CELL;
            left -= passed;
        }
    }

    /// Seconds that the shortest line takes, and all of them on average, at a size.
    pub(crate) fn delays_s(size: f32) -> [f64; 2] {
        let mean = LENGTHS.iter().sum::<f64>() / LINES as f64;
        [LENGTHS[0], mean].map(|length| length * f64::from(size).min(LARGEST) / 48_000.0)
    }

    fn delays_of(&self, size: f32) -> [usize; LINES] {
        LENGTHS.map(|length| frames(length * f64::from(size).min(LARGEST), self.rate))
    }

    /// On a line of the grid.
    fn begin_cell(&mut self) {
        self.arrive();
        if self.glided == self.glide {
            self.delays[0] = self.delays[1];
            self.resizes = false;
            if self.wanted != self.to {
                (self.from, self.to, self.glided) = (self.room, self.wanted, 0);
                self.delays[1] = self.delays_of(self.to.size);
                self.resizes = self.delays[0] != self.delays[1];
            }
        }
        if self.glided < self.glide {
            self.glided += 1;
            self.room = match self.glided {
                glided if glided == self.glide => self.to,
                glided => self.from.towards(&self.to, glided as f32 / self.glide as f32),
            };
            self.shape();
        }
        let step = f64::from(self.room.motion_hz) * CELL as f64 / self.rate.0;
        for (pair, turn) in self.turns.iter_mut().enumerate() {
            // No two pairs go at the same pace.
            let turned = *turn + step * (0.75 + 0.07 * pair as f64);
            *turn = turned - libm::floor(turned);
        }
        self.rotations = [self.rotations[1], self.rotations_now()];
    }

    /// What the end of a cell has is what the next one begins with.
    fn arrive(&mut self) {
        (self.lows.m[0], self.highs.m[0], self.feed[0]) = (self.lows.m[1], self.highs.m[1], self.feed[1]);
    }

    /// Turns settings into coefficients.
    fn shape(&mut self) {
        let nyquist = self.rate.0 as f32 * 0.49;
        let warped = self
            .room
            .crossover_hz
            .map(|edge| libm::tanf(std::f32::consts::PI * edge.min(nyquist) / self.rate.0 as f32));
        let share = self.glided as f32 / self.glide as f32;
        for line in 0..LINES {
            // Each line has a delay; there are three bands and two crossovers.
            let [from, to] = self.delays.map(|delays| delays[line] as f32);
            let passed_s = (from + (to - from) * share) / self.rate.0 as f32;
            let gains = self.room.decay_s.map(|decay_s| libm::exp10f(-3.0 * passed_s / decay_s).max(LEAST));
            let [low, mid, high] = gains;
            self.lows.set(line, false, (low / mid, mid), warped[0]);
            self.highs.set(line, true, (high / mid, 1.0), warped[1]);
            self.feed[1][line] = libm::sqrtf((1.0 - mid * mid) / (LINES / 2) as f32);
        }
    }

    fn rotations_now(&self) -> [(f32, f32); LINES / 2] {
        let widest = WIDEST_TURN * f64::from(self.room.motion);
        self.turns.map(|turn| {
            let angle = widest * libm::sin(TAU * turn);
            (libm::cos(angle) as f32, libm::sin(angle) as f32)
        })
    }

    /// Frames of one cell, which have been read: sends them round again, with what comes in.
    fn piece(&mut self, inputs: [&[f32]; 2]) {
        let frames = inputs[0].len();
        spread(self.level, &self.tile, &mut self.other, frames);
        absorb(self.level, &mut self.other[..frames], &mut self.lows, self.phase); // at most a cell
        absorb(self.level, &mut self.other[..frames], &mut self.highs, self.phase);
        stack(self.level, &self.other[..frames], &mut self.tile);
        let span = self.phase..self.phase + frames;
        exchange(self.level, &mut self.tile, frames);
        for pair in 0..LINES / 2 {
            let [from, to] = self.rotations.map(|rotations| rotations[pair]); // as many as pairs
            let (first, second) = self.tile.split_at_mut(LINES / 2);
            rotate(self.level, &mut first[pair], &mut second[pair], [from, to], span.clone());
        }
        for (side, input) in inputs.into_iter().enumerate() {
            let mut fed = [0.0; CELL];
            let fed = &mut fed[..frames];
            let (share, mut dc) = (self.dc_share, self.dc[side]);
            for (to, sample) in fed.iter_mut().zip(input) {
                dc += share * (sample - dc);
                *to = sample - dc;
            }
            self.dc[side] = dc;
            self.diffusers[side].process(self.level, fed);
            feed(self.level, &mut self.tile, fed, (&self.feed, side), self.phase);
        }
        self.write(frames);
    }

    /// What comes out of the lines.
    fn read(&mut self, frames: usize) {
        let mask = self.length - 1;
        let mut before = [0.0; CELL];
        let lines = self.memory.chunks_exact(self.length).zip(self.tile.iter_mut());
        for (line, (memory, tile)) in lines.enumerate() {
            let [from, to] = self.delays.map(|delays| delays[line]); // a delay for every line
            copy_out(memory, self.place.wrapping_sub(to) & mask, &mut tile[..frames]);
            if self.resizes {
                copy_out(memory, self.place.wrapping_sub(from) & mask, &mut before[..frames]);
                let over = self.glided.saturating_sub(1) as usize * CELL + self.phase;
                let whole = (self.glide as usize * CELL) as f32;
                for (frame, (sample, before)) in (over..).zip(tile[..frames].iter_mut().zip(&before)) {
                    *sample = before + (*sample - before) * ((frame + 1) as f32 / whole);
                }
            }
        }
    }

    fn write(&mut self, frames: usize) {
        for (memory, tile) in self.memory.chunks_exact_mut(self.length).zip(self.tile.iter()) {
            let first = frames.min(self.length - self.place); // a place lies in its line
            let (start, rest) = tile[..frames].split_at(first);
            memory[self.place..self.place + first].copy_from_slice(start);
            memory[..rest.len()].copy_from_slice(rest);
        }
        self.place = (self.place + frames) & (self.length - 1);
    }
}

/// Frames of a circle from `place` on.
fn copy_out(memory: &[f32], place: usize, to: &mut [f32]) {
    let first = to.len().min(memory.len() - place); // a place lies in its circle
    let (start, rest) = to.split_at_mut(first);
    start.copy_from_slice(&memory[place..place + first]);
    rest.copy_from_slice(&memory[..rest.len()]);
}

/// Signs of the lines in the sum of a side: even lines are heard on the left, odd ones on the right.
const SIGNS: [f32; LINES / 2] = [1.0, -1.0, 1.0, 1.0, -1.0, 1.0, -1.0, -1.0];

by_level! {
    /// The sum of a side's lines.
    fn gather(level; output: &mut [f32], tile: &Tile, side: usize) {
        output.fill(0.0);
        for (lines, sign) in tile.as_chunks::<2>().0.iter().zip(SIGNS) {
            let [even, odd] = lines;
            let line = if side == 0 { even } else { odd };
            output.iter_mut().zip(line).for_each(|(to, from)| *to += from * sign);
        }
    }
}

by_level! {
    /// Lines side by side.
    fn spread(level; tile: &Tile, to: &mut [Lanes; CELL], frames: usize) {
        for (frame, lanes) in to.iter_mut().enumerate().take(frames) {
            *lanes = std::array::from_fn(|line| tile[line][frame]); // a frame of the cell, in every line
        }
    }
}

by_level! {
    /// The way back from [`spread`].
    fn stack(level; from: &[Lanes], tile: &mut Tile) {
        for (line, plane) in tile.iter_mut().enumerate() {
            plane.iter_mut().zip(from).for_each(|(to, lanes)| *to = lanes[line]); // as many lanes as lines
        }
    }
}

by_level! {
    /// Runs frames through the shelves; `phase` frames of the cell are over.
    fn absorb(level; frames: &mut [Lanes], shelves: &mut Shelves, phase: usize) {
        let ([a1, a2, a3], [[m0, m1, m2], to], [mut s1, mut s2]) = (shelves.a, shelves.m, shelves.state);
        let steps: [Lanes; 3] = std::array::from_fn(|part| {
            // Three parts, and a number for every line.
            std::array::from_fn(|line| (to[part][line] - shelves.m[0][part][line]) / CELL as f32)
        });
        let [d0, d1, d2] = steps;
        for (lanes, frame) in frames.iter_mut().zip(phase..) {
            let at = (frame + 1) as f32;
            for line in 0..LINES {
                // All have a number for every line.
                let x = lanes[line];
                let v3 = x - s2[line];
                let v1 = a1[line] * s1[line] + a2[line] * v3;
                let v2 = s2[line] + (a2[line] * s1[line] + a3[line] * v3);
                s1[line] = 2.0 * v1 - s1[line];
                s2[line] = 2.0 * v2 - s2[line];
                lanes[line] = (m0[line] + d0[line] * at) * x
                    + ((m1[line] + d1[line] * at) * v1 + (m2[line] + d2[line] * at) * v2);
            }
        }
        shelves.state = [s1, s2];
    }
}

by_level! {
    /// Hadamard's matrix over the lines, by sums and differences; an orthogonal one, a quarter of it.
    fn exchange(level; tile: &mut Tile, frames: usize) {
        for width in [1, 2, 4, 8] {
            let scale = if width == 8 { 0.25 } else { 1.0 };
            for group in tile.chunks_exact_mut(2 * width) {
                let (first, second) = group.split_at_mut(width);
                for (a, b) in first.iter_mut().zip(second) {
                    for (a, b) in a.iter_mut().zip(b).take(frames) {
                        (*a, *b) = ((*a + *b) * scale, (*a - *b) * scale);
                    }
                }
            }
        }
    }
}

by_level! {
    /// Turns a pair of lines, along the straight way from one turn to another; `span` are frames of the cell.
    fn rotate(level; first: &mut [f32; CELL], second: &mut [f32; CELL], turns: [(f32, f32); 2], span: Range<usize>) {
        let [(cosine, sine), to] = turns;
        let steps = ((to.0 - cosine) / CELL as f32, (to.1 - sine) / CELL as f32);
        for (at, (a, b)) in NUMBERS[span].iter().zip(first.iter_mut().zip(second)) {
            let (cosine, sine) = (cosine + steps.0 * at, sine + steps.1 * at);
            (*a, *b) = (*a * cosine - *b * sine, *a * sine + *b * cosine);
        }
    }
}

by_level! {
    /// Adds a side's input to its lines: pairs of them in turn.
    fn feed(level; tile: &mut Tile, input: &[f32], gains: (&[Lanes; 2], usize), phase: usize) {
        let ([from, to], side) = gains;
        for (line, (plane, (gain, to))) in tile.iter_mut().zip(from.iter().zip(to)).enumerate() {
            if line / 2 % 2 == side {
                let step = (to - gain) / CELL as f32;
                for (at, (to, from)) in NUMBERS[phase..].iter().zip(plane.iter_mut().zip(input)) {
                    *to += from * (gain + step * at);
                }
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
