//! Where the whole panorama of a song goes in a field: what parameters say of it, followed.
//!
//! In: displacements as they are set. Out: those on the line of the control grid before a frame and on the next one. While it moves,
//! whoever places sounds cuts on lines. Audio thread. All follows from frames counted since reset, however calls are cut.

use super::follower::Follower;
use super::follower::Pace;
use crate::audio::Displaced;
use crate::audio::Displacement;
use crate::audio::GRID;
use crate::units::SampleRate;

/// Where followers land, in degrees and in factors.
const LEAST_DEGREES: f32 = 1e-3;
const LEAST_FACTOR: f32 = 1e-5;

/// See the module's description.
pub struct Displacer {
    pace: Pace,
    arc: Follower,
    azimuth: Follower,
    elevation: Follower,
    distance: Follower,
    /// Something was set since the last line.
    set: bool,
    from: Displacement,
    to: Displacement,
    /// Frame of the next line.
    next: u64,
}

impl Displacer {
    /// Displaces nothing.
    pub fn new(rate: SampleRate) -> Self {
        Self {
            pace: Pace::new(rate),
            arc: Follower::new(1.0),
            azimuth: Follower::default(),
            elevation: Follower::default(),
            distance: Follower::new(1.0),
            set: false,
            from: Displacement::NONE,
            to: Displacement::NONE,
            next: 0,
        }
    }

    /// Goes towards another displacement from the first line at or after `frame` on. Real-time, like all that follows.
    pub fn set(&mut self, frame: u64, change: impl FnOnce(&mut Displacement)) {
        let mut aim = self.aim();
        change(&mut aim);
        if aim == self.aim() {
            return;
        }
        if !self.moves() {
            self.next = self.next.max(frame.next_multiple_of(GRID as u64));
        }
        self.arc.aim(aim.arc);
        // What does not change goes on the way round that it went.
        if aim.azimuth != self.azimuth.target() {
            self.azimuth.aim_round(aim.azimuth);
        }
        self.elevation.aim(aim.elevation);
        self.distance.aim(aim.distance);
        self.set = true;
    }

    fn aim(&self) -> Displacement {
        Displacement {
            arc: self.arc.target(),
            azimuth: self.azimuth.target(),
            elevation: self.elevation.target(),
            distance: self.distance.target(),
        }
    }

    /// Whether anything is displaced, or will be.
    pub fn displaces(&self) -> bool {
        self.moves() || self.to != Displacement::NONE
    }

    /// Jumps to what was set, for a start from nothing.
    pub fn settle(&mut self) {
        let Self { arc, azimuth, elevation, distance, .. } = self;
        [arc, &mut *azimuth, elevation, distance].into_iter().for_each(Follower::settle);
        azimuth.unwind();
        self.set = false;
        (self.from, self.to) = (self.aim(), self.aim());
    }

    /// Counts frames from 0 again, and jumps to what was set.
    pub fn reset(&mut self) {
        self.next = 0;
        self.settle();
    }

    /// Begins `frame`: does what is due on lines up to it.
    pub fn begin(&mut self, frame: u64) {
        while self.moves() && self.next <= frame {
            self.line();
            self.next += GRID as u64;
        }
    }

    /// Frames from `frame` to the next line, up to which displacements are those of [`Self::at`]; `None` while nothing moves.
    pub fn left(&self, frame: u64) -> Option<usize> {
        self.moves().then(|| self.next.saturating_sub(frame) as usize)
    }

    /// What is displaced on a frame, which has begun.
    pub fn at(&self, frame: u64) -> Displaced {
        Displaced { from: self.from, to: self.to, phase: (frame % GRID as u64) as usize }
    }

    fn moves(&self) -> bool {
        self.set || self.from != self.to
    }

    fn line(&mut self) {
        self.from = self.to;
        self.set = false;
        let Self { pace, arc, azimuth, elevation, distance, .. } = self;
        let angles = [&mut *azimuth, elevation].map(|angle| angle.step(pace, LEAST_DEGREES));
        let factors = [arc, distance].map(|factor| factor.step(pace, LEAST_FACTOR));
        if !angles.into_iter().chain(factors).any(|moved| moved) {
            return;
        }
        azimuth.unwind();
        self.to = Displacement {
            arc: self.arc.value(),
            azimuth: self.azimuth.value(),
            elevation: self.elevation.value(),
            distance: self.distance.value(),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: SampleRate = SampleRate(48_000.0);
    const FRAMES: u64 = 45_000;

    /// What is displaced on each frame, begun in pieces of `size`, which end on lines while anything moves; azimuths are set on frames.
    fn displaced(size: u64, azimuths: &[(u64, f32)]) -> Vec<Displaced> {
        let (mut displacer, mut frame, mut found) = (Displacer::new(RATE), 0, Vec::new());
        while frame < FRAMES {
            for (_, azimuth) in azimuths.iter().filter(|(at, _)| *at == frame) {
                displacer.set(frame, |displacement| displacement.azimuth = *azimuth);
            }
            displacer.begin(frame);
            let next = azimuths.iter().map(|(at, _)| *at).find(|at| *at > frame).unwrap_or(FRAMES);
            let line = displacer.left(frame).map_or(u64::MAX, |left| frame + left as u64);
            let end = (frame + size).min(next).min(line);
            found.extend((frame..end).map(|frame| displacer.at(frame)));
            frame = end;
        }
        found
    }

    #[test]
    fn it_goes_the_short_way_round_from_the_next_line_on_and_lands_whatever_the_pieces() {
        let azimuths = [(0, 170.0), (20_001, -170.0), (36_000, -170.0)];
        let whole = displaced(8_192, &azimuths);
        for size in [1, 63, 64, 500] {
            assert!(displaced(size, &azimuths) == whole, "pieces of {size}");
        }
        assert_eq!(whole[0].from, Displacement::NONE);
        assert!(whole[0].to.azimuth > 0.0, "a line begins at once");
        let next = 20_001u64.next_multiple_of(64) as usize;
        assert_eq!((whole[next - 1].to.azimuth, whole[next].from.azimuth), (170.0, 170.0));
        assert!(whole[next].to.azimuth > 170.0);
        assert!(whole[next..].iter().all(|on| on.to.azimuth >= 170.0 || on.to.azimuth <= -169.99));
        let last = whole[whole.len() - 1];
        assert!(last.from == last.to && (last.to.azimuth + 170.0).abs() < 1e-4, "{last:?}");
        for pair in whole.chunks(64).collect::<Vec<_>>().windows(2) {
            let (before, after) = (pair[0][0].to, pair[1][0].from);
            let turn = (before.azimuth - after.azimuth).rem_euclid(360.0);
            assert!(turn.min(360.0 - turn) < 1e-3, "{before:?} {after:?}");
        }
    }
}
