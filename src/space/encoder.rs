//! One source of a field: where it is, turned into sixteen gains, and its sound added by them.
//!
//! In: one plane, or two that stand to the left and to the right of the source's place, 3 dB down each. Out: added to sixteen
//! channels, and to a further one, where there is one, as loud from everywhere, for the room. A near source may have more bass in the higher orders, and sound may take its time from where it is. On each line of the control grid the gains of the next line follow from a place that runs after what was set;
//! in between they move in straight lines, so that bits do not depend on how blocks are cut. Audio thread.
//!
//! A spread source is the mean over a spherical cap of half-angle α, which scales the orders by (1 + c)/2, c(1 + c)/2 and
//! (1 + c)(5c² - 1)/8 with c = cos α.

use super::doppler::Doppler;
use super::follower::Follower;
use super::follower::Pace;
use super::harmonics::CHANNELS;
use super::harmonics::FIELD_CHANNELS;
use super::harmonics::ORDERS;
use super::harmonics::SENT;
use super::harmonics::Vector;
use super::harmonics::harmonics;
use super::near::NearField;
use super::settings::Hearing;
use super::settings::Settings;
use super::settings::Through;
use super::settings::direction;
use crate::audio::AudioBlock;
use crate::audio::AudioBlockMut;
use crate::audio::GRID;
use crate::audio::near::CURVED;
use crate::audio::near::of_integrator;
use crate::dsp::Level;
use crate::dsp::simd::by_level;
use crate::units::SampleRate;
use std::f32::consts::FRAC_1_SQRT_2;
use std::ops::Range;

/// Where a ramp from one line to the next stands on each frame.
pub(super) const RISE: [f32; GRID] = {
    let (mut rise, mut frame) = ([0.0; GRID], 0);
    while frame < GRID {
        rise[frame] = (frame + 1) as f32 / GRID as f32;
        frame += 1;
    }
    rise
};

/// Frames after which what is left in a low-pass filter is forgotten.
const TAIL: u64 = 8192;

/// Where followers land, in degrees and in factors.
const LEAST_DEGREES: f32 = 1e-3;
const LEAST_FACTOR: f32 = 1e-5;

/// Gains on the line before and on the next one.
#[derive(Clone, Copy)]
struct Point {
    from: [f32; FIELD_CHANNELS],
    to: [f32; FIELD_CHANNELS],
}

impl Point {
    /// What it gives to an integrator.
    fn of_integrator(&self, integrator: usize, near: &NearField) -> Self {
        let [from, to] = near.shares();
        Self {
            from: of_integrator(integrator, &self.from, from),
            to: of_integrator(integrator, &self.to, to),
        }
    }
}

/// A sound, what it is added to, and what is given of it to the filters of many sources.
type Onto<'a, 'b, 'c> =
    (&'a AudioBlock<'a>, &'a mut AudioBlockMut<'b>, Option<&'a mut [AudioBlockMut<'c>; CURVED]>);

/// A low-pass filter that fades in with what is in the way: `y += k · (x - y)`, heard by its share.
#[derive(Clone, Copy, Default)]
struct LowPass {
    y: [f32; 2],
    factor: f32,
    /// Its share on the line before and on the next one.
    from: f32,
    to: f32,
}

/// Values that run after what is set.
#[derive(Clone, Copy)]
struct Followers {
    azimuth: Follower,
    elevation: Follower,
    width: Follower,
    spread: Follower,
    occlusion: Follower,
    gain: Follower,
    /// What the room is sent.
    sent: Follower,
    /// Metres, followed while there is a near field, and how much of that there is.
    distance: Follower,
    near: Follower,
}

impl Followers {
    fn each(&mut self) -> [(&mut Follower, f32); 9] {
        let (degrees, factor) = (LEAST_DEGREES, LEAST_FACTOR);
        [
            (&mut self.azimuth, degrees),
            (&mut self.elevation, degrees),
            (&mut self.width, degrees),
            (&mut self.spread, degrees),
            (&mut self.occlusion, factor),
            (&mut self.gain, factor),
            (&mut self.sent, factor),
            (&mut self.distance, factor),
            (&mut self.near, factor),
        ]
    }
}

/// See the module's description.
#[derive(Clone)]
pub struct Encoder {
    level: Level,
    rate: SampleRate,
    pace: Pace,
    settings: Settings,
    /// Degrees to the right and up, and metres, as they were set.
    azimuth: f32,
    elevation: f32,
    distance: f32,
    /// How the listener hears, and where the head looks.
    hearing: (Hearing, Vector),
    /// Something was set since the last line.
    set: bool,
    followers: Followers,
    /// Planes of the sound.
    sides: usize,
    /// Both hold the same.
    mono: bool,
    points: [Point; 2],
    low_pass: LowPass,
    near: NearField,
    doppler: Option<Box<Doppler>>,
    /// Frames since the start, and since the last sample that was not 0.
    frame: u64,
    quiet: u64,
}

impl Encoder {
    /// A source one metre in front of the listener.
    pub fn new(rate: SampleRate, level: Level) -> Self {
        let settings = Settings::default();
        let silent = Point { from: [0.0; FIELD_CHANNELS], to: [0.0; FIELD_CHANNELS] };
        let still = Follower::default();
        let mut encoder = Self {
            level,
            rate,
            pace: Pace::new(rate),
            settings,
            azimuth: 0.0,
            elevation: 0.0,
            distance: 1.0,
            hearing: (Hearing::default(), [1.0, 0.0, 0.0]),
            set: true,
            followers: Followers {
                azimuth: still,
                elevation: still,
                width: still,
                spread: still,
                occlusion: still,
                gain: still,
                sent: still,
                distance: still,
                near: still,
            },
            sides: 1,
            mono: false,
            points: [silent; 2],
            low_pass: LowPass::default(),
            near: NearField::new(rate),
            doppler: None,
            frame: 0,
            quiet: TAIL,
        };
        encoder.settle();
        encoder
    }

    /// Degrees to the right, -180 to 180. Real-time, like all setters: the source starts towards it on the next line of the
    /// control grid.
    pub fn set_azimuth(&mut self, degrees: f32) {
        (self.azimuth, self.set) = (degrees, true);
    }

    /// Degrees up, -90 to 90.
    pub fn set_elevation(&mut self, degrees: f32) {
        (self.elevation, self.set) = (degrees.clamp(-90.0, 90.0), true);
    }

    /// Metres from the listener.
    pub fn set_distance(&mut self, metres: f32) {
        (self.distance, self.set) = (metres, true);
    }

    /// What the source is like.
    pub fn set(&mut self, settings: Settings) {
        (self.settings, self.set) = (settings, true);
    }

    /// What its sound can take its time in, if it has none; without one it takes none.
    pub fn set_doppler(&mut self, made: &mut Option<Box<Doppler>>) {
        if self.doppler.is_none() {
            self.doppler = made.take();
            self.set = true;
        }
    }

    /// How the listener hears it, and the unit vector along which the head looks.
    pub(super) fn set_hearing(&mut self, hearing: Hearing, looks: Vector) {
        (self.hearing, self.set) = ((hearing, looks), true);
    }

    /// Whether both planes of its sound hold the same: they stand in one point then, half of it each.
    /// Nothing of it has sounded, so it stands there at once.
    pub fn set_mono(&mut self, mono: bool) {
        if std::mem::replace(&mut self.mono, mono) != mono {
            self.settle();
        }
    }

    /// How many planes its sound has, 1 unless set: on the next frame a point or two stand where it is.
    pub fn set_sides(&mut self, sides: usize) {
        let sides = sides.clamp(1, 2);
        if sides != self.sides {
            self.sides = sides;
            self.low_pass.y[1] = 0.0;
            self.near.clear();
            self.doppler.iter_mut().for_each(|doppler| doppler.clear());
            self.follow();
            self.points.iter_mut().for_each(|point| point.from = point.to);
        }
    }

    /// Ends all movement at its target, for a start from nothing.
    pub fn settle(&mut self) {
        self.followers.azimuth = Follower::default(); // it runs round from where it is, which must not depend on the past
        self.aim();
        self.followers.each().into_iter().for_each(|(follower, _)| follower.settle());
        self.follow();
        self.points.iter_mut().for_each(|point| point.from = point.to);
        self.low_pass.from = self.low_pass.to;
        self.near.line();
        self.doppler.iter_mut().for_each(|doppler| doppler.settle());
    }

    /// Forgets all sound.
    fn clear(&mut self) {
        (self.quiet, self.low_pass.y) = (TAIL, [0.0; 2]);
        self.near.clear();
        if let Some(doppler) = &mut self.doppler {
            doppler.clear();
            self.quiet += doppler.longest();
        }
    }

    /// Frames after which nothing is left of a sound.
    fn tail(&self) -> u64 {
        TAIL + self.doppler.as_ref().map_or(0, |doppler| doppler.tail())
    }

    /// Back to a source that has not sounded, where it is set to be.
    pub fn reset(&mut self) {
        self.begin(0);
    }

    /// Whether silence in gives silence out.
    pub fn is_at_rest(&self) -> bool {
        let passed =
            self.doppler.as_ref().is_none_or(|doppler| !doppler.is_heard() || self.quiet >= self.tail());
        self.low_pass.y == [0.0; 2] && self.near.is_clear() && passed
    }

    /// The frame that comes next, counted from reset. Elsewhere than where it was, all sound is forgotten, and all movement over.
    pub(super) fn go_to(&mut self, frame: u64) {
        if frame != self.frame {
            self.begin(frame);
        }
    }

    /// Begins on a frame where it is set to be, as if nothing had been before.
    pub(super) fn begin(&mut self, frame: u64) {
        self.frame = frame;
        self.clear();
        self.settle();
    }

    /// Whether it gives to the filters of many sources, on this line of the grid or the next one.
    pub(super) fn is_near(&self) -> bool {
        let Followers { near, distance, .. } = &self.followers;
        let is_on = self.settings.near_field || near.value() > 0.0;
        let comes = self.distance < 1.0 || distance.value() < 1.0 || !distance.settled();
        self.near.is_heard() || (is_on && comes)
    }

    /// Starts towards another place, in degrees and metres, or other settings, where they are others.
    pub(super) fn stand(&mut self, [azimuth, elevation, distance]: [f32; 3], settings: &Settings) {
        let elevation = elevation.clamp(-90.0, 90.0);
        let place = (azimuth, elevation, distance);
        if place != (self.azimuth, self.elevation, self.distance) || *settings != self.settings {
            (self.azimuth, self.elevation, self.distance) = place;
            self.set(*settings);
        }
    }

    /// What is left of a sound that has ended, in each channel.
    pub(super) fn left(&self) -> [f32; FIELD_CHANNELS] {
        let sides = self.points.iter().zip(self.low_pass.y).take(self.sides);
        sides.fold([0.0; FIELD_CHANNELS], |mut left, (point, y)| {
            left.iter_mut().zip(point.to).for_each(|(left, gain)| *left += self.low_pass.to * y * gain);
            left
        })
    }

    /// Goes on over frames of silence, at rest.
    pub fn skip(&mut self, frames: usize) {
        let lines = lines(self.frame, frames);
        self.frame += frames as u64;
        self.quiet = self.quiet.saturating_add(frames as u64);
        for _ in 0..lines {
            self.line();
        }
        self.doppler.iter_mut().for_each(|doppler| doppler.pass(frames));
    }

    /// Adds `sound`, of one or two planes, to the channels of `field`, or writes over them where they hold anything: sixteen, and
    /// where it has one more what the room is sent, which neither distance nor direction make softer.
    pub fn process(&mut self, sound: &AudioBlock<'_>, field: &mut AudioBlockMut<'_>, over: bool) {
        self.process_with(sound, field, over, None);
    }

    /// The same; where there are filters for the near field of many sources, it gives to their integrators and keeps nothing itself.
    pub(super) fn process_with(
        &mut self,
        sound: &AudioBlock<'_>,
        field: &mut AudioBlockMut<'_>,
        over: bool,
        mut near: Option<&mut [AudioBlockMut<'_>; CURVED]>,
    ) {
        let (frames, mut start) = (sound.frames().min(field.frames()), 0);
        while start < frames {
            let phase = (self.frame % GRID as u64) as usize;
            if phase == 0 {
                self.line();
            }
            let end = (start + GRID - phase).min(frames);
            self.piece(phase, (start, end), (sound, field, near.as_deref_mut()), over);
            self.frame += (end - start) as u64;
            start = end;
        }
    }

    fn piece(
        &mut self,
        phase: usize,
        (start, end): (usize, usize),
        (sound, field, mut near): Onto<'_, '_, '_>,
        over: bool,
    ) {
        let rise = RISE.get(phase..phase + end - start).unwrap_or(&[]);
        if over {
            let pieces = field.planes_mut().filter_map(|plane| plane.get_mut(start..end));
            pieces.for_each(|piece| piece.fill(0.0));
        }
        let mut after = None;
        let mut filtered = [0.0; GRID];
        let mut later = [0.0; GRID];
        for side in 0..self.sides.min(sound.channels()) {
            let mut plane = sound.channel(side).get(start..end).unwrap_or(&[]);
            after = after.into_iter().chain(plane.iter().rev().position(|sample| *sample != 0.0)).min();
            if self.low_pass.from > 0.0 || self.low_pass.to > 0.0 {
                let filtered = &mut filtered[..rise.len()]; // no piece is longer than a cell
                self.low_pass.process(side, plane, rise, filtered);
                plane = filtered;
            }
            if let Some(doppler) = self.doppler.as_mut().filter(|doppler| doppler.is_heard()) {
                let later = &mut later[..rise.len()];
                doppler.process(side, plane, phase, later);
                plane = later;
            }
            let point = &self.points[side]; // no more sides than points
            if !self.near.is_heard() {
                add_by(self.level, field, start, plane, rise, point, 0..FIELD_CHANNELS);
                continue;
            }
            if let Some(near) = near.as_deref_mut() {
                add_by(self.level, field, start, plane, rise, point, 0..FIELD_CHANNELS);
                for (integrator, given) in near.iter_mut().enumerate() {
                    let point = point.of_integrator(integrator, &self.near);
                    add_by(self.level, given, start, plane, rise, &point, 0..CHANNELS);
                }
                continue;
            }
            add_by(self.level, field, start, plane, rise, point, SENT..FIELD_CHANNELS);
            let mut orders = [[0.0; GRID]; CURVED];
            self.near.process(side, plane, rise, &mut orders);
            let orders = orders.iter().map(|order| &order[..rise.len()]);
            for (plane, channels) in std::iter::once(plane).chain(orders).zip(ORDERS) {
                add_by(self.level, field, start, plane, rise, point, channels);
            }
        }
        if let Some(doppler) = self.doppler.as_mut().filter(|doppler| doppler.is_heard()) {
            doppler.pass(end - start);
        }
        let passed = self.quiet.saturating_add((end - start) as u64);
        self.quiet = after.map_or(passed, |after| after as u64);
    }

    /// On a line of the grid: what was to be reached by now is where the next way begins.
    fn line(&mut self) {
        self.points.iter_mut().for_each(|point| point.from = point.to);
        self.low_pass.from = self.low_pass.to;
        let silent = self.quiet >= self.tail();
        if silent || self.low_pass.to == 0.0 {
            self.low_pass.y = [0.0; 2];
        }
        self.near.line();
        if silent {
            self.near.clear();
        }
        if std::mem::take(&mut self.set) {
            self.aim();
        }
        let pace = self.pace;
        let moved = self.followers.each().map(|(follower, least)| follower.step(&pace, least));
        if moved.contains(&true) {
            self.followers.azimuth.unwind();
            self.follow();
        }
        self.doppler.iter_mut().for_each(|doppler| doppler.line());
    }

    fn aim(&mut self) {
        let settings = self.settings;
        let place = || direction(self.azimuth, self.elevation);
        let followers = &mut self.followers;
        followers.azimuth.aim_round(self.azimuth);
        followers.elevation.aim(self.elevation);
        let (width, share) = if self.mono { (0.0, FRAC_1_SQRT_2) } else { (settings.width, 1.0) };
        followers.width.aim(width);
        followers.spread.aim(settings.spread.clamp(0.0, 360.0));
        followers.occlusion.aim(settings.occlusion.clamp(0.0, 1.0));
        let near = settings.near_field || followers.near.value() > 0.0;
        followers.near.aim(f32::from(u8::from(settings.near_field)));
        if near {
            followers.distance.aim(self.distance);
        } else {
            followers.distance = Follower::new(self.distance);
        }
        let doppler = self.doppler.iter_mut();
        doppler.for_each(|doppler| doppler.aim(settings.doppler, self.distance));
        let (hearing, looks) = self.hearing;
        let heard = settings.towards_listener(place) * hearing.of(looks, place);
        followers.gain.aim(settings.at_distance(self.distance) * heard * share);
        followers.sent.aim(settings.sent_around() * hearing.of_all() * share);
    }

    /// Gains and filter of where the followers are.
    fn follow(&mut self) {
        let Followers { azimuth, elevation, width, spread, occlusion, gain, sent, distance, near } =
            self.followers;
        self.near.aim(distance.value(), near.value());
        let occlusion = occlusion.value().clamp(0.0, 1.0);
        let (mut level, mut sent) = (gain.value(), sent.value());
        self.low_pass.to = 0.0;
        if occlusion > 0.0 {
            let through = Through::new(occlusion, self.rate);
            (level, sent) = (level * through.level, sent * through.level);
            (self.low_pass.to, self.low_pass.factor) = (through.share, through.factor);
        }
        let orders = orders(spread.value());
        let offsets = match self.sides {
            2 => [-0.5 * width.value(), 0.5 * width.value()],
            _ => [0.0; 2],
        };
        if self.sides == 2 {
            (level, sent) = (level * FRAC_1_SQRT_2, sent * FRAC_1_SQRT_2);
        }
        for (point, offset) in self.points.iter_mut().zip(offsets).take(self.sides) {
            let harmonics = harmonics(direction(azimuth.value() + offset, elevation.value()));
            for (order, channels) in orders.into_iter().zip(ORDERS) {
                channels.for_each(|channel| point.to[channel] = harmonics[channel] * (order * level)); // `CHANNELS` in all
            }
            point.to[SENT] = sent;
        }
    }
}

/// Lines of the grid among `frames` frames from `frame` on.
pub(super) fn lines(frame: u64, frames: usize) -> u64 {
    (frame + frames as u64).div_ceil(GRID as u64) - frame.div_ceil(GRID as u64)
}

/// Factors of the orders of a source that fills so many degrees, 0 to 360.
pub fn orders(spread: f32) -> [f32; 4] {
    if spread == 0.0 {
        return [1.0; 4];
    }
    let c = libm::cosf((spread / 2.0).to_radians());
    [1.0, (1.0 + c) / 2.0, c * (1.0 + c) / 2.0, (1.0 + c) * (5.0 * c * c - 1.0) / 8.0]
}

impl LowPass {
    fn process(&mut self, side: usize, from: &[f32], rise: &[f32], to: &mut [f32]) {
        let (k, share, slope) = (self.factor, self.from, self.to - self.from);
        let mut y = self.y[side]; // two sides
        for ((x, rise), to) in from.iter().zip(rise).zip(to) {
            y += k * (x - y);
            *to = x + (share + slope * rise) * (y - x);
        }
        self.y[side] = y;
    }
}

by_level! {
    /// `field[c][n] += source[n] · (from[c] + rise[n] · (to[c] - from[c]))`, from frame `start` on.
    fn add_by(level; field: &mut AudioBlockMut<'_>, start: usize, source: &[f32], rise: &[f32], point: &Point, channels: Range<usize>) {
        let gains = point.from.iter().zip(&point.to);
        for (plane, (&from, &to)) in field.planes_mut().zip(gains).take(channels.end).skip(channels.start) {
            let Some(plane) = plane.get_mut(start..start + source.len()) else { continue };
            let slope = to - from;
            if slope == 0.0 && from == 0.0 {
                continue;
            }
            // Whole cells have a length that the compiler knows.
            match (plane.first_chunk_mut::<GRID>(), source.first_chunk::<GRID>()) {
                (Some(plane), Some(source)) if slope == 0.0 => {
                    (0..GRID).for_each(|frame| plane[frame] += source[frame] * from);
                }
                (Some(plane), Some(source)) => {
                    (0..GRID).for_each(|frame| plane[frame] += source[frame] * (from + slope * RISE[frame]));
                }
                _ => {
                    for ((to, x), rise) in plane.iter_mut().zip(source).zip(rise) {
                        *to += x * (from + slope * rise);
                    }
                }
            }
        }
    }
}
