//! What a lane plays, from any frame on: takes, their loop, and where one gives way to another.
//!
//! In: the number of a frame since the lane's start, however often it has looped. Out: the frames from there on, at the host's
//! rate. What a frame holds follows from its number alone: loops and takes are laid out at the first take's rate, without a
//! seam, and then converted as one stream. Worker only: it waits for files.

use super::Extent;
use super::LaneError;
use super::LaneSetup;
use super::Repeat;
use super::Rounds;
use super::convert::Converter;
use crate::sample::AudioFile;
use crate::units::SampleRate;
use std::path::PathBuf;

/// How long a take fades into the next.
const FADE_SECONDS: f64 = 0.005;
/// Frames that are mixed at once.
const PIECE: usize = 1_024;

/// A recording at the lane's rate.
struct Take {
    file: AudioFile,
    converter: Option<Converter>,
    /// That damage of it has been told.
    told: bool,
}

impl Take {
    fn frames(&self) -> u64 {
        let frames = self.file.frames();
        self.converter.as_ref().map_or(frames, |converter| converter.converted(frames))
    }

    fn read(&mut self, frame: u64, sides: [&mut [f32]; 2]) {
        let Self { file, converter, .. } = self;
        match converter {
            Some(converter) => converter.read(frame, sides, &mut |frame, sides| file.read(frame, sides)),
            None => file.read(frame, sides),
        }
    }
}

/// Where a frame lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    /// In the takes.
    frame: u64,
    /// How many takes were drawn before the one that sounds.
    ordinal: u64,
    /// Frames since that was drawn; for the first one there is nothing to fade from.
    since: u64,
    /// Frames for which all this goes on.
    left: u64,
}

/// When takes change, at the lane's rate.
#[derive(Clone, Debug, Default)]
struct Course {
    /// First frame of the loop and the first after it.
    repeat: Option<(u64, u64)>,
    /// Where takes are drawn, in order, all before the loop's end.
    points: Vec<u64>,
}

impl Course {
    fn place(&self, at: u64) -> Place {
        let (frame, round) = match self.repeat {
            Some((start, end)) if at >= end => {
                (start + (at - end) % (end - start), 1 + (at - end) / (end - start))
            }
            _ => (at, 0),
        };
        let passed = self.points.partition_point(|&point| point <= frame);
        let until = self.points.get(passed).copied().into_iter().chain(self.repeat.map(|(_, end)| end)).min();
        let left = until.map_or(u64::MAX, |until| until - frame);
        let Some((start, end)) = self.repeat.filter(|_| round > 0) else {
            let last = passed.checked_sub(1).filter(|&last| self.points[last] > 0);
            let since = last.map_or(u64::MAX, |last| frame - self.points[last]);
            return Place { frame, ordinal: passed as u64, since, left };
        };
        let before = self.points.partition_point(|&point| point < start);
        let (each, here) = ((self.points.len() - before) as u64, passed - before);
        let ordinal = self.points.len() as u64 + (round - 1) * each + here as u64;
        let since = match (here, self.points.last()) {
            (1.., _) => frame - self.points[passed - 1], // `here` counts points that have passed
            (0, Some(&last)) if last >= start => frame - start + (end - last),
            _ => u64::MAX, // nothing changes in the loop
        };
        Place { frame, ordinal, since, left }
    }
}

/// Which take sounds after so many draws: always another than before.
#[derive(Clone, Copy, Debug)]
struct Draw {
    key: u64,
    takes: u64,
    ordinal: u64,
    take: u64,
}

impl Draw {
    fn new(seed: u64, lane: usize, takes: usize) -> Self {
        let key = scramble(seed ^ scramble(lane as u64 + 1));
        let takes = takes as u64;
        Self { key, takes, ordinal: 0, take: if takes > 1 { scramble(key) % takes } else { 0 } }
    }

    fn take(&mut self, ordinal: u64) -> usize {
        if self.takes < 2 {
            return 0;
        }
        if ordinal < self.ordinal {
            (self.ordinal, self.take) = (0, scramble(self.key) % self.takes);
        }
        while self.ordinal < ordinal {
            self.ordinal += 1;
            let way = scramble(self.key.wrapping_add(self.ordinal)) % (self.takes - 1);
            self.take = (self.take + 1 + way) % self.takes;
        }
        self.take as usize
    }
}

/// A number with all its bits mixed: the finaliser of SplitMix64 (Steele, Lea, Flood 2014).
fn scramble(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ z >> 31
}

/// See the module's description.
pub struct Material {
    /// One that is missing is silent.
    takes: Vec<Option<Take>>,
    paths: Vec<Option<PathBuf>>,
    course: Course,
    draw: Draw,
    fade_frames: u64,
    converter: Option<Converter>,
    /// At the host's rate; `None` never ends.
    frames: Option<u64>,
    before: [Vec<f32>; 2],
}

impl Material {
    /// Opens the takes of lane number `lane`; `refused` hears of those that cannot be read.
    pub fn open(
        setup: &LaneSetup,
        (lane, rate): (usize, SampleRate),
        mut refused: impl FnMut(LaneError),
    ) -> Result<Self, LaneError> {
        let mut open = |path: &Option<PathBuf>| {
            let file = path.as_ref()?;
            let refuse = |error| refused(LaneError::Take { file: file.clone(), error });
            AudioFile::open(file).map_err(refuse).ok()
        };
        Self::new(setup.takes.iter().map(&mut open).collect(), setup, (lane, rate))
    }

    /// The same with takes that are open; those that `setup` names are not opened.
    pub fn new(
        files: Vec<Option<AudioFile>>,
        setup: &LaneSetup,
        (lane, host): (usize, SampleRate),
    ) -> Result<Self, LaneError> {
        let rate = files.iter().flatten().next().map_or(host, AudioFile::rate);
        let take =
            |file: AudioFile| Ok(Take { converter: Converter::new(file.rate(), rate)?, file, told: false });
        let takes = files.into_iter().map(|file| file.map(take).transpose());
        let takes: Vec<Option<Take>> = takes.collect::<Result<_, LaneError>>()?;
        let found = || takes.iter().flatten();
        let longest = found().map(Take::frames).max().unwrap_or(0);
        let repeat = setup.repeat.filter(|_| found().count() > 0).map(|repeat| bounds(repeat, longest));
        let repeat = repeat.transpose()?;
        let converter = Converter::new(rate, host)?;
        let end = repeat.map_or(longest, |(_, end)| end);
        let fade_frames = rate.frames_in(FADE_SECONDS) as u64;
        let frames = converter.as_ref().map_or(longest, |converter| converter.converted(longest));
        Ok(Self {
            draw: Draw::new(setup.seed, lane, takes.len()),
            takes,
            paths: setup.takes.clone(),
            course: Course { repeat, points: points(&setup.shuffle, rate, (end, fade_frames)) },
            fade_frames,
            converter,
            frames: repeat.is_none().then_some(frames),
            before: [vec![0.0; PIECE], vec![0.0; PIECE]],
        })
    }

    /// How many frames there are at the host's rate; `None` is no end of them.
    pub fn frames(&self) -> Option<u64> {
        self.frames
    }

    /// The same of one round.
    pub fn extent(&self) -> Extent {
        let converted = |frame| self.converter.as_ref().map_or(frame, |converter| converter.converted(frame));
        match (self.course.repeat, self.frames) {
            (Some((start, end)), _) => Extent { frames: converted(end), loop_start: Some(converted(start)) },
            (None, frames) => Extent { frames: frames.unwrap_or(0), loop_start: None },
        }
    }

    /// How it goes round, if it does.
    pub(super) fn rounds(&self) -> Option<Rounds> {
        let ratio = self.converter.as_ref().map_or([1, 1], Converter::ratio);
        self.course.repeat.map(|repeat| Rounds { repeat, ratio })
    }

    /// Whether both sides hold the same throughout.
    pub fn is_mono(&self) -> bool {
        self.takes.iter().flatten().all(|take| take.file.is_mono())
    }

    /// What has turned out not to be decodable since the last time, take by take.
    pub fn damage(&mut self) -> Option<LaneError> {
        let mut takes = self.takes.iter_mut().zip(&self.paths);
        takes.find_map(|(take, path)| {
            let take = take.as_mut().filter(|take| !take.told)?;
            let error = take.file.damage()?.clone();
            take.told = true;
            Some(LaneError::Take { file: path.clone().unwrap_or_default(), error })
        })
    }

    /// Fills both sides, which are equally long, with the frames from `frame` on; those past the end are silence.
    pub fn read(&mut self, frame: u64, sides: [&mut [f32]; 2]) {
        let Self { takes, course, draw, fade_frames, converter, before, .. } = self;
        let mut laid_out = LaidOut { takes, course, draw, fade_frames: *fade_frames, before };
        match converter {
            Some(converter) => converter.read(frame, sides, &mut |frame, sides| laid_out.read(frame, sides)),
            None => laid_out.read(frame, sides),
        }
    }
}

/// The loop, checked.
fn bounds(repeat: Repeat, longest: u64) -> Result<(u64, u64), LaneError> {
    let (start, end) = (repeat.start, repeat.end.unwrap_or(longest));
    if start < end { Ok((start, end)) } else { Err(LaneError::EmptyLoop { start, end }) }
}

/// Points in frames, in order; one that lies in the fade of another is left out.
fn points(seconds: &[f64], rate: SampleRate, (end, fade_frames): (u64, u64)) -> Vec<u64> {
    let frame = |second: &f64| libm::round(second.max(0.0) * rate.0) as u64; // not a number is 0
    let mut points: Vec<u64> = seconds.iter().map(frame).filter(|&point| point < end).collect();
    points.sort_unstable();
    points.dedup_by(|later, earlier| *later - *earlier < fade_frames);
    points
}

/// The takes one after the other, at the lane's rate.
struct LaidOut<'a> {
    takes: &'a mut [Option<Take>],
    course: &'a Course,
    draw: &'a mut Draw,
    fade_frames: u64,
    before: &'a mut [Vec<f32>; 2],
}

impl LaidOut<'_> {
    fn read(&mut self, frame: u64, [left, right]: [&mut [f32]; 2]) {
        let frames = left.len().min(right.len());
        let mut done = 0;
        while done < frames {
            let place = self.course.place(frame + done as u64);
            let room = (frames - done).min(PIECE) as u64;
            let fading = self.takes.len() > 1 && place.since < self.fade_frames;
            let until = if fading { self.fade_frames - place.since } else { u64::MAX };
            let count = room.min(place.left).min(until) as usize; // all of them are at least 1
            let sides = [&mut left[done..done + count], &mut right[done..done + count]];
            if fading {
                self.fade(place, sides)
            } else {
                self.take(place.ordinal, place.frame, sides)
            }
            done += count;
        }
    }

    fn take(&mut self, ordinal: u64, frame: u64, [left, right]: [&mut [f32]; 2]) {
        match self.takes.get_mut(self.draw.take(ordinal)).and_then(Option::as_mut) {
            Some(take) => take.read(frame, [left, right]),
            None => [left, right].into_iter().for_each(|side| side.fill(0.0)),
        }
    }

    fn fade(&mut self, place: Place, [left, right]: [&mut [f32]; 2]) {
        let count = left.len();
        let mut before = std::mem::take(self.before);
        let [of_left, of_right] = &mut before;
        self.take(
            place.ordinal.saturating_sub(1),
            place.frame,
            [&mut of_left[..count], &mut of_right[..count]],
        );
        self.take(place.ordinal, place.frame, [&mut *left, &mut *right]);
        for (side, before) in [left, right].into_iter().zip(&before) {
            for ((index, sample), before) in (place.since + 1..).zip(side).zip(before) {
                let share = index as f32 / self.fade_frames as f32;
                *sample = before + (*sample - before) * share;
            }
        }
        *self.before = before;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_run_through_the_loop_and_count_every_draw() {
        let course = Course { repeat: Some((10, 30)), points: vec![5, 12, 20] };
        let place = |frame, ordinal, since, left| Place { frame, ordinal, since, left };
        assert_eq!(course.place(0), place(0, 0, u64::MAX, 5));
        assert_eq!(course.place(5), place(5, 1, 0, 7));
        assert_eq!(course.place(29), place(29, 3, 9, 1));
        assert_eq!(course.place(30), place(10, 3, 10, 2));
        assert_eq!(course.place(32), place(12, 4, 0, 8));
        assert_eq!(course.place(30 + 20 * 1_000 + 12), place(22, 3 + 2_000 + 2, 2, 8));
        // Before the first frame there is nothing to fade from.
        let early = Course { repeat: Some((0, 30)), points: vec![0] };
        assert_eq!(early.place(3), place(3, 1, u64::MAX, 27));
        assert_eq!(early.place(33), place(3, 2, 3, 27));
        let straight = Course { repeat: None, points: vec![7] };
        assert_eq!(straight.place(8), place(8, 1, 1, u64::MAX));
    }

    #[test]
    fn every_draw_is_another_take_and_follows_from_seed_lane_and_ordinal() {
        let drawn = |seed, lane| {
            let mut draw = Draw::new(seed, lane, 3);
            let forwards: Vec<usize> = (0..200).map(|ordinal| draw.take(ordinal)).collect();
            let backwards: Vec<usize> = (0..200).rev().map(|ordinal| draw.take(ordinal)).collect();
            assert!(forwards.iter().eq(backwards.iter().rev()));
            forwards
        };
        let one = drawn(7, 0);
        assert!(one.windows(2).all(|pair| pair[0] != pair[1]));
        assert!((0..3).all(|take| one.iter().filter(|&&drawn| drawn == take).count() > 50));
        assert_eq!(one, drawn(7, 0));
        assert!(one != drawn(8, 0) && one != drawn(7, 1));
        assert_eq!(Draw::new(1, 1, 1).take(5), 0);
    }
}
