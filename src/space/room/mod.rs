//! The room around all sources: its early reflections and its reverberation.
//!
//! In: two sends, to which every source gives its share: one as loud as it is heard directly, one as loud as it is itself, however
//! far. Out: added to an ambisonic block, whose first channels it takes if it has fewer than sixteen. The walls' images of first and
//! second order hear the first, each from its direction; what has been thrown back more often hears the second, and comes out of a
//! network of sixteen lines, from all directions alike. Another room fades in over the one before, from a
//! line of the control grid on. After its tail it forgets what is left, on a line of the grid too, and costs nothing until the next
//! sound. Audio thread, except making one.

mod image;
mod material;
mod paths;
mod shoebox;
mod surround;
#[cfg(test)]
mod tests;

pub use material::Material;
pub use shoebox::Shoebox;

use super::harmonics::CHANNELS;
use crate::audio::AudioBlockMut;
use crate::audio::GRID;
use crate::dsp::Fdn;
use crate::dsp::Level;
use crate::dsp::fdn::SHARES;
use crate::dsp::fdn::glide_cells;
use crate::dsp::scale_by;
use crate::dsp::simd::by_level;
use crate::dsp::smoothstep;
use crate::units::SampleRate;
use image::IMAGES;
use paths::Past;
use paths::Paths;
use paths::TAPS;
use surround::Surround;

pub(super) use shoebox::SOUND_M_S;

/// The share of what is new, by frames since the start of a change of so many cells: `s²·(3 - 2s)`, which begins and ends without
/// an edge.
fn shares(fade: u32, faded: u32, phase: usize) -> [f32; GRID] {
    let whole = (fade as usize * GRID) as f32;
    let first = faded as usize * GRID + phase + 1;
    std::array::from_fn(|frame| smoothstep(((first + frame) as f32 / whole).min(1.0)))
}

/// What each of several sounds weighs in each channel: as many of them as images, or fewer.
type Weights = [[f32; IMAGES]; CHANNELS];

/// Frames after which nothing of a sound is left, whatever changes meanwhile.
fn tail_frames(room: &Shoebox, rate: SampleRate) -> u64 {
    rate.frames_in(room.tail_s()) as u64 + u64::from(glide_cells(rate)) * GRID as u64
}

/// A room that sounds.
pub struct Room {
    level: Level,
    rate: SampleRate,
    /// What it is, or is on its way to, and what was asked for.
    room: Shoebox,
    wanted: Shoebox,
    /// Before a change and after it.
    paths: Box<[Paths; 2]>,
    /// Cells that a change takes, as in the network, and those of them that are over: all when it has come.
    fade: u32,
    faded: u32,
    /// Frames of this cell that are over.
    phase: usize,
    /// Frames since something was last heard, and from how many on all has passed.
    quiet: u64,
    tail_frames: u64,
    /// Nothing is left of any sound that could be heard.
    at_rest: bool,
    /// Of what could not, so many shares are forgotten.
    forgotten: usize,
    /// What the images were sent, and the network.
    past: [Past; 2],
    taps: Box<[[[f32; GRID]; TAPS]; 2]>,
    network: Fdn,
    surround: Surround,
}

impl Room {
    /// Silent, and settled on `room`. Allocates.
    pub fn new(rate: SampleRate, level: Level, room: Shoebox) -> Self {
        let room = room.in_range();
        Self {
            level,
            rate,
            room,
            wanted: room,
            paths: Box::new([Paths::new(&room, rate), Paths::new(&room, rate)]),
            fade: glide_cells(rate),
            faded: glide_cells(rate),
            phase: 0,
            quiet: 0,
            tail_frames: tail_frames(&room, rate),
            at_rest: true,
            forgotten: SHARES,
            past: [Past::new(rate), Past::new(rate)],
            taps: Box::new([[[0.0; GRID]; TAPS]; 2]),
            network: Fdn::new(rate, level, room.network()),
            surround: Surround::new(),
        }
    }

    /// Changes to another room from the next line of the grid on; a change that is under way is finished first. Real-time.
    pub fn set(&mut self, room: Shoebox) {
        self.wanted = room.in_range();
    }

    /// Fades what is heard of it out likewise. Real-time.
    pub fn put_out(&mut self) {
        self.wanted = self.wanted.silent();
    }

    /// Jumps to the room that was asked for. Real-time.
    pub fn settle(&mut self) {
        self.room = self.wanted;
        self.paths[1] = Paths::new(&self.room, self.rate);
        self.faded = self.fade;
        self.tail_frames = tail_frames(&self.room, self.rate);
        self.network.set(self.room.network());
        self.network.settle();
    }

    /// Forgets all sound, and settles. Real-time, though it writes the whole memory where something sounded.
    pub fn clear(&mut self) {
        if !self.at_rest {
            self.come_to_rest();
        }
        self.forget(SHARES);
        self.phase = 0;
        self.settle();
        self.network.begin_anew();
    }

    fn come_to_rest(&mut self) {
        (self.at_rest, self.forgotten) = (true, 0);
        self.past.iter_mut().for_each(Past::forget);
    }

    /// Forgets so many shares of what is left in the network, if there are as many.
    fn forget(&mut self, shares: usize) {
        let first = self.forgotten;
        self.forgotten = SHARES.min(first + shares);
        (first..self.forgotten).for_each(|share| self.network.silence(share));
    }

    /// Whether silence in gives silence out, so that [`Self::skip`] may stand for [`Self::process`]. Real-time.
    pub fn is_at_rest(&self) -> bool {
        self.at_rest
    }

    /// Goes on over frames of silence, at rest. Real-time.
    pub fn skip(&mut self, frames: usize) {
        let mut left = frames;
        while left > 0 {
            if self.phase == 0 {
                self.begin_cell();
            }
            let passed = left.min(GRID - self.phase);
            self.network.skip(passed);
            self.phase = (self.phase + passed) % GRID;
            left -= passed;
        }
    }

    /// Goes on at another frame of the grid's cell, with everything settled. Real-time.
    pub fn go_to(&mut self, frame: u64) {
        self.settle();
        self.network.go_to(frame);
        self.phase = (frame % GRID as u64) as usize;
    }

    /// Adds what the room makes of its sends, for the images and for the network, to `bus`, as many frames as the shortest has.
    /// Real-time.
    pub fn process(&mut self, sends: [&[f32]; 2], bus: &mut AudioBlockMut<'_>) {
        let frames = sends.iter().map(|send| send.len()).fold(bus.frames(), usize::min);
        let mut start = 0;
        while start < frames {
            if self.phase == 0 {
                self.begin_cell();
            }
            let end = (start + GRID - self.phase).min(frames);
            let off = self.is_off();
            let sends = sends.map(|send| if off { &[0.0; GRID][..end - start] } else { &send[start..end] }); // within a cell
            self.listen(sends);
            if self.at_rest {
                self.network.skip(end - start);
            } else {
                self.past.iter_mut().zip(sends).for_each(|(past, send)| past.write(send));
                bus.within(start..end, |bus| self.piece(bus));
            }
            self.phase = (self.phase + end - start) % GRID;
            start = end;
        }
    }

    /// Whether what it is sent can be heard, in the next block too.
    pub(super) fn listens(&self) -> bool {
        !(self.is_off() && self.wanted.is_silent())
    }

    /// Nothing is heard of the room, nor will be in this cell.
    fn is_off(&self) -> bool {
        self.faded == self.fade && self.room.is_silent()
    }

    /// Notes how long ago the last sound was.
    fn listen(&mut self, sends: [&[f32]; 2]) {
        let after = |send: &[f32]| send.iter().rev().position(|sample| *sample != 0.0);
        match sends.into_iter().filter_map(after).min() {
            Some(after) => {
                self.forget(SHARES);
                (self.quiet, self.at_rest) = (after as u64, false);
            }
            None => self.quiet = self.quiet.saturating_add(sends[0].len() as u64), // both are as long
        }
    }

    /// On a line of the grid.
    fn begin_cell(&mut self) {
        self.faded = (self.faded + 1).min(self.fade);
        if self.faded == self.fade && self.wanted != self.room {
            self.paths.swap(0, 1);
            self.room = self.wanted;
            self.paths[1] = Paths::new(&self.room, self.rate);
            self.faded = 0;
            // What began before the change may sound as long as it would have.
            self.tail_frames = self.tail_frames.max(tail_frames(&self.room, self.rate));
            self.network.set(self.room.network());
        }
        if self.at_rest {
            self.forget(1);
        } else if self.quiet >= self.tail_frames {
            self.come_to_rest();
            self.tail_frames = tail_frames(&self.room, self.rate);
        }
    }

    /// Frames of one cell, which have been written.
    fn piece(&mut self, bus: &mut AudioBlockMut<'_>) {
        let (level, frames) = (self.level, bus.frames());
        let ([old, new], [before, after]) = (&mut *self.taps, &*self.paths);
        let past = &self.past;
        let read = |paths: &Paths, taps: &mut [[f32; GRID]; TAPS]| {
            let (of_images, of_network) = taps.split_at_mut(IMAGES); // all taps but the last
            past[0].read(level, &paths.taps[..IMAGES], of_images, frames);
            past[1].read(level, &paths.taps[IMAGES..], of_network, frames);
        };
        read(after, new);
        if self.faded < self.fade {
            read(before, old);
            let shares = shares(self.fade, self.faded, self.phase);
            let rest = shares.map(|share| 1.0 - share);
            new.iter_mut().for_each(|tap| scale_by(level, tap, &shares));
            old.iter_mut().for_each(|tap| scale_by(level, tap, &rest));
            encode(level, &old[..IMAGES], before.weights(), bus); // all taps but the last
            let (fed, from) = (&mut new[IMAGES], &old[IMAGES]);
            fed.iter_mut().zip(from).for_each(|(to, from)| *to += from);
        }
        encode(level, &new[..IMAGES], after.weights(), bus);
        let fed = &new[IMAGES][..frames]; // a piece is no longer than a cell
        let surround = &self.surround;
        self.network.process_lines([fed, fed], |range, lines| {
            bus.within(range, |bus| encode(level, lines, surround.weights(), bus));
        });
    }
}

/// Frames whose sums are kept in registers while the signals go by.
const TILE: usize = 32;

by_level! {
    /// Adds each signal to every channel of `bus`, by the channel's weight for it: the sum of all signals, in their order, is
    /// added at once. A piece of the bus is no longer than a cell.
    fn encode(
        level;
        signals: &[[f32; GRID]],
        weights: &Weights,
        bus: &mut AudioBlockMut<'_>,
    ) {
        for (plane, weights) in bus.planes_mut().zip(weights) {
            for (number, to) in plane.chunks_mut(TILE).enumerate() {
                let mut sums = [0.0; TILE];
                for (signal, weight) in signals.iter().zip(weights) {
                    let (tiles, _) = signal.as_chunks::<TILE>();
                    let Some(tile) = tiles.get(number) else { break };
                    for lane in 0..TILE {
                        sums[lane] += tile[lane] * weight; // both are as long as a tile
                    }
                }
                to.iter_mut().zip(sums).for_each(|(to, sum)| *to += sum);
            }
        }
    }
}
