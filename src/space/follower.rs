//! A number that runs after another one without an edge: critically damped, and exactly there in the end.
//!
//! `x'' = ω² · (target - x) - 2ω · x'`, stepped exactly from one line of the control grid to the next. Audio thread.

use crate::audio::GRID;
use crate::units::SampleRate;

/// Seconds of the time constant `1 / ω`: 95 % of the way are done after 4.7 of them.
const TIME_S: f64 = 0.02;

/// What a step does at a rate.
#[derive(Clone, Copy)]
pub(super) struct Pace {
    step_s: f32,
    decay: f32,
}

impl Pace {
    pub(super) fn new(rate: SampleRate) -> Self {
        let step_s = GRID as f64 / rate.0;
        Self { step_s: step_s as f32, decay: libm::exp(-step_s / TIME_S) as f32 }
    }
}

/// See the module's description; stands at its value when made.
#[derive(Clone, Copy, Default)]
pub(super) struct Follower {
    value: f32,
    /// In units a second.
    speed: f32,
    target: f32,
}

impl Follower {
    pub(super) fn new(value: f32) -> Self {
        Self { value, speed: 0.0, target: value }
    }

    pub(super) fn value(&self) -> f32 {
        self.value
    }

    pub(super) fn target(&self) -> f32 {
        self.target
    }

    pub(super) fn aim(&mut self, target: f32) {
        self.target = target;
    }

    /// Aims at an angle in degrees, the short way round.
    pub(super) fn aim_round(&mut self, degrees: f32) {
        let way = degrees - self.value;
        self.target = self.value + way - 360.0 * libm::roundf(way / 360.0);
    }

    /// Jumps to the target.
    pub(super) fn settle(&mut self) {
        (self.value, self.speed) = (self.target, 0.0);
    }

    pub(super) fn settled(&self) -> bool {
        self.value == self.target && self.speed == 0.0
    }

    /// Goes on to the next line; lands where less than `least` is left. Whether it moved.
    pub(super) fn step(&mut self, pace: &Pace, least: f32) -> bool {
        if self.settled() {
            return false;
        }
        let omega = 1.0 / TIME_S as f32;
        let way = self.value - self.target;
        let push = (self.speed + omega * way) * pace.step_s;
        self.speed = (self.speed - omega * push) * pace.decay;
        self.value = self.target + (way + push) * pace.decay;
        if (self.value - self.target).abs() < least && self.speed.abs() * pace.step_s < least {
            self.settle();
        }
        true
    }

    /// Brings an angle that has come to rest back between -180 and 180 degrees.
    pub(super) fn unwind(&mut self) {
        if self.settled() {
            let turns = 360.0 * libm::roundf(self.value / 360.0);
            *self = Self::new(self.value - turns);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: f32 = 1e-4;

    #[test]
    fn it_lands_exactly_without_passing_its_target() {
        let (pace, mut follower) = (Pace::new(SampleRate(48_000.0)), Follower::new(-3.0));
        follower.aim(7.3);
        let mut lines = 0;
        while follower.step(&pace, LEAST) {
            assert!(follower.value() <= 7.3 && lines < 400, "{}", follower.value());
            lines += 1;
        }
        assert!(follower.value() == 7.3 && lines > 100);
    }

    #[test]
    fn angles_take_the_short_way_round() {
        let pace = Pace::new(SampleRate(48_000.0));
        for (from, to, least, most) in [(170.0, -170.0, 170.0, 190.0), (-135.0, 135.0, -225.0, -135.0)] {
            let mut follower = Follower::new(from);
            follower.aim_round(to);
            while follower.step(&pace, LEAST) {
                assert!((least..=most).contains(&follower.value()), "{}", follower.value());
            }
            follower.unwind();
            assert!((follower.value() - to).abs() < 1e-4);
        }
    }
}
