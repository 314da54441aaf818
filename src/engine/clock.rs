//! Which frame every tick begins on, while the host's transport or its tempo says so.
//!
//! A *segment* anchors a frame to a place of the song and a tempo; a [`Grid`] adds what the parameters say, and the
//! frames of all ticks follow from it alone until the host says otherwise. [`HostClock`] tells ordinary progress from
//! jumps by position. Audio thread. It knows when a tick begins and which, not what a tick does.

use super::Transport;
use super::ticks::Pace;
use super::ticks::SongTimes;
use crate::units::SampleRate;

/// Host and prediction may differ by so many frames before the segment is anchored anew; rounding adds half a frame.
const TOLERANCE_FRAMES: f64 = 0.45;
/// Beyond so many seconds a difference is a jump.
pub(super) const JUMP_SECONDS: f64 = 0.005;
/// Places closer than this to a whole number of frames are taken as that: hosts round their positions.
const WHOLE_FRAMES: f64 = 1e-3;
/// Ticks halfway between two frames begin on the later one, however their sum has been rounded.
const HALF_FRAME: f64 = 0.5 + 1e-6;
/// A frame that never comes.
pub(super) const NEVER: i64 = i64::MAX;

/// A song's place and the host's tempo on one frame.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Segment {
    frame: i64,
    /// Frames from the song's start to here, had the tempo been the same all along: whole ones and the rest, 0..1.
    ///
    /// Kept apart so that a seek by whole frames moves every tick by exactly as many.
    whole: i64,
    rest: f64,
    /// Beats per minute.
    tempo: f64,
    /// Change of the tempo with each frame.
    increment: f64,
}

impl Segment {
    /// Frames at the segment's tempo from the song's start to `frame`.
    fn way_at(&self, frame: i64) -> f64 {
        let passed = frame.saturating_sub(self.frame) as f64;
        let here = self.whole as f64 + self.rest;
        if self.increment == 0.0 || passed <= 0.0 {
            return here + passed;
        }
        // A tempo that falls stands still at 0.
        let passed = if self.increment < 0.0 { passed.min(-self.tempo / self.increment) } else { passed };
        here + passed * (1.0 + self.increment * passed / (2.0 * self.tempo))
    }

    fn tempo_at(&self, frame: i64) -> f64 {
        self.tempo + self.increment * frame.saturating_sub(self.frame).max(0) as f64
    }

    /// Frames from the segment's to where `way` is reached, before rounding; infinite where it never is.
    fn frames_to(&self, way: f64) -> f64 {
        let ahead = way - self.whole as f64 - self.rest;
        if self.increment == 0.0 || ahead <= 0.0 {
            return ahead;
        }
        let square = self.tempo * self.tempo + 2.0 * self.increment * self.tempo * ahead;
        if square < 0.0 { f64::INFINITY } else { 2.0 * self.tempo * ahead / (self.tempo + square.sqrt()) }
    }

    /// The frame nearest to where `way` is reached.
    fn frame_of(&self, way: f64) -> i64 {
        if self.increment == 0.0 {
            let way = (way - self.rest + HALF_FRAME).floor() as i64;
            return (self.frame - self.whole).saturating_add(way);
        }
        let frames = self.frames_to(way);
        if frames.is_finite() {
            self.frame.saturating_add((frames + HALF_FRAME).floor() as i64)
        } else {
            NEVER
        }
    }
}

/// What the parameters make of the host's time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Course {
    /// The host's position at which the song starts.
    pub(super) start: f64,
    /// The tick that starts there.
    pub(super) first: u64,
    /// Ticks from here on are never begun.
    pub(super) limit: Option<u64>,
    /// Song tempo for the host's.
    pub(super) ratio: f64,
    pub(super) pace: Pace,
}

/// From the numbers of ticks to frames and back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Grid {
    segment: Segment,
    pub(super) course: Course,
    rate: f64,
}

impl Grid {
    /// Frame on which a tick begins or would have begun, whatever the limit.
    pub(super) fn frame_of(&self, tick: u64, times: &SongTimes) -> i64 {
        let starts = times.starts(self.course.pace);
        let time = starts.start(tick) - starts.start(self.course.first);
        self.segment.frame_of(time * self.frames_per_unit())
    }

    /// The same for ticks below the limit; those from there on never begin.
    pub(super) fn frame_within(&self, tick: u64, times: &SongTimes) -> i64 {
        if self.course.limit.is_some_and(|limit| tick >= limit) { NEVER } else { self.frame_of(tick, times) }
    }

    fn frames_per_unit(&self) -> f64 {
        60.0 * self.rate / (self.segment.tempo * self.course.ratio)
    }

    /// The first tick of the course that begins on `frame` or later.
    pub(super) fn next_from(&self, frame: i64, times: &SongTimes) -> u64 {
        let starts = times.starts(self.course.pace);
        let first = self.course.first;
        let time = starts.start(first) + self.segment.way_at(frame) / self.frames_per_unit();
        let mut tick = starts.first_from(time).max(first);
        // The guess may be off by what rounding did; ticks that share a frame are few.
        while tick > first && self.frame_of(tick - 1, times) >= frame {
            tick -= 1;
        }
        while self.frame_of(tick, times) < frame && starts.index(tick + 1).is_some() {
            tick += 1;
        }
        tick
    }

    /// The tick in which `frame` lies, below the limit; the course's first one before it has begun.
    pub(super) fn tick_at(&self, frame: i64, times: &SongTimes) -> u64 {
        let tick = self.next_from(frame.saturating_add(1), times).saturating_sub(1).max(self.course.first);
        self.course.limit.map_or(tick, |limit| tick.min(limit.saturating_sub(1)))
    }

    /// The host's position at `frame`.
    pub(super) fn position_at(&self, frame: i64) -> f64 {
        self.course.start + self.segment.way_at(frame) * self.segment.tempo / (60.0 * self.rate)
    }

    /// The frame that a position of the host falls on.
    pub(super) fn frame_at(&self, position: f64) -> i64 {
        self.segment.frame_of((position - self.course.start) * 60.0 * self.rate / self.segment.tempo)
    }

    /// The same grid with what lies at `from` on frame `to`.
    pub(super) fn moved(mut self, from: i64, to: i64) -> Self {
        self.segment.frame = self.segment.frame.saturating_add(to.saturating_sub(from));
        self
    }

    /// Whether the song goes the same way from `frame` on as it does on `other` from `there` on.
    pub(super) fn meets(&self, frame: i64, other: &Self, there: i64) -> bool {
        let (own, its) = (&self.segment, &other.segment);
        let pace = (own.tempo, own.increment) == (its.tempo, its.increment) && self.course == other.course;
        pace && (own.way_at(frame) - its.way_at(there)).abs() <= TOLERANCE_FRAMES
    }
}

/// What the host says on one frame.
#[derive(Clone, Copy, Debug)]
pub(super) struct Word {
    /// Where it is, in beats (or in seconds at a tempo of 60); `None` where it goes on as predicted.
    pub(super) position: Option<f64>,
    pub(super) tempo: f64,
    pub(super) increment: f64,
    /// Start and end of its loop.
    pub(super) looping: Option<(f64, f64)>,
}

impl Word {
    /// What a transport says in beats.
    pub(super) fn in_beats(transport: &Transport) -> Self {
        Self {
            position: transport.beats,
            tempo: transport.tempo,
            increment: transport.tempo_increment,
            looping: transport.looping,
        }
    }
}

/// What a word means for the song.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Move {
    /// Goes on as predicted, or on a segment that has been anchored anew.
    Continue,
    /// The song is elsewhere.
    Jump,
}

/// A jump that is known before its frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Turn {
    pub(super) frame: i64,
    /// The grid from there on.
    pub(super) grid: Grid,
    /// The clock makes it itself: the host will not tell.
    pub(super) own: bool,
}

/// Follows the host.
#[derive(Debug)]
pub(super) struct HostClock {
    rate: f64,
    grid: Option<Grid>,
    /// Frame of the host's last word.
    heard: i64,
    /// The tempo of the last place that lay between frames, and what it was off by.
    rest: (f64, f64),
    looping: Option<(f64, f64)>,
    /// A loop that the host has been seen to go round inside a block.
    unsplit: Option<(f64, f64)>,
}

impl HostClock {
    pub(super) fn new(rate: SampleRate) -> Self {
        Self { rate: rate.0, grid: None, heard: 0, rest: (0.0, 0.0), looping: None, unsplit: None }
    }

    /// Back to a new clock.
    pub(super) fn reset(&mut self) {
        *self = Self::new(SampleRate(self.rate));
    }

    /// Forgets where the host was, so that its next word is a jump.
    pub(super) fn stop(&mut self) {
        self.grid = None;
    }

    /// The frames of all ticks, while it knows where the host is.
    pub(super) fn grid(&self) -> Option<&Grid> {
        self.grid.as_ref()
    }

    /// Takes another grid for the one that is.
    pub(super) fn set_grid(&mut self, grid: Grid) {
        self.grid = Some(grid);
    }

    /// Takes the host's word at `frame`.
    pub(super) fn follow(&mut self, word: &Word, frame: i64, course: Course) -> Move {
        self.looping = word.looping.filter(|(start, end)| start < end);
        let heard = std::mem::replace(&mut self.heard, frame);
        let Some(old) = self.grid else {
            self.anchor(word.position.unwrap_or(course.start), word, frame, course);
            return Move::Jump;
        };
        let predicted = old.position_at(frame);
        let position = word.position.unwrap_or(predicted);
        let tempo = old.segment.tempo_at(frame);
        let error_frames = (position - predicted).abs() * 60.0 * self.rate / word.tempo;
        // Where in the blocks before a tempo changed is not told: the position may differ by what it made up since.
        let unseen = (frame - heard) as f64 * (tempo / word.tempo - 1.0).abs();
        let jumps = error_frames > JUMP_SECONDS * self.rate + unseen;
        if jumps {
            self.learn(&old, heard, frame, position);
        }
        let steady = (word.tempo - tempo).abs() <= 1e-9 * tempo && word.increment == old.segment.increment;
        if jumps || !steady || error_frames > TOLERANCE_FRAMES {
            self.anchor(position, word, frame, course);
        }
        if jumps { Move::Jump } else { Move::Continue }
    }

    /// Lets `position` of the host lie on `frame`.
    pub(super) fn anchor(&mut self, position: f64, word: &Word, frame: i64, course: Course) {
        let way = (position - course.start) * 60.0 * self.rate / word.tempo;
        let (whole, rest) = self.place(way, word.tempo);
        if rest != 0.0 {
            self.rest = (word.tempo, rest);
        }
        let segment = Segment { frame, whole, rest, tempo: word.tempo, increment: word.increment };
        self.grid = Some(Grid { segment, course, rate: self.rate });
    }

    /// Whole frames and the rest, which is that of an earlier place where it is nearly the same.
    fn place(&self, way: f64, tempo: f64) -> (i64, f64) {
        let whole = (way + WHOLE_FRAMES).floor();
        let rest = way - whole;
        let (of_tempo, earlier) = self.rest;
        if rest <= WHOLE_FRAMES {
            (whole as i64, 0.0)
        } else if tempo == of_tempo && (rest - earlier).abs() <= WHOLE_FRAMES {
            (whole as i64, earlier)
        } else {
            (whole as i64, rest)
        }
    }

    /// Learns from a jump whether the host goes round its loop inside blocks.
    fn learn(&mut self, old: &Grid, heard: i64, frame: i64, position: f64) {
        let Some((start, end)) = self.looping else { return };
        let slack = 1.5 * old.segment.tempo_at(frame) / (60.0 * self.rate);
        let (from, to) = (old.position_at(heard), old.position_at(frame));
        let rounds = ((to - position) / (end - start)).round();
        if (to - rounds * (end - start) - position).abs() > slack {
            return; // a seek
        }
        // A host that cuts its blocks at the loop's end is there now, or a frame past it.
        if rounds >= 1.0 && from < end && to > end + slack {
            self.unsplit = self.looping;
        } else if rounds <= -1.0 {
            self.unsplit = None; // it has gone on where we went back
        }
    }

    /// The end of the host's loop, or the song's start that it waits for, if that lies after `now`.
    pub(super) fn coming(&self, now: i64, times: &SongTimes) -> Option<Turn> {
        let grid = self.grid?;
        let start = grid.frame_of(grid.course.first, times);
        if start > now {
            return (grid.course.first > 0).then_some(Turn { frame: start, grid, own: true });
        }
        self.wrap().filter(|turn| turn.frame > now && turn.frame < NEVER)
    }

    /// The way round the host's loop.
    fn wrap(&self) -> Option<Turn> {
        let (grid, (start, end)) = (self.grid?, self.looping?);
        let segment = &grid.segment;
        let way = (end - grid.course.start) * 60.0 * self.rate / segment.tempo;
        let frames = (segment.frames_to(way) - WHOLE_FRAMES).ceil();
        if !(0.0..1e15).contains(&frames) {
            return None;
        }
        let frame = segment.frame + frames as i64;
        let tempo = segment.tempo_at(frame);
        let behind = (grid.position_at(frame) - end).max(0.0);
        let way = (start + behind - grid.course.start) * 60.0 * self.rate / tempo;
        let (whole, rest) = self.place(way, tempo);
        let segment = Segment { frame, whole, rest, tempo, ..*segment };
        // Seconds of a loop are reckoned anew with each word, and rounded.
        let near = |(a, b): (f64, f64)| (a - start).abs() < 1e-6 && (b - end).abs() < 1e-6;
        Some(Turn { frame, grid: Grid { segment, ..grid }, own: self.unsplit.is_some_and(near) })
    }
}

/// Runs on the module's own tempo (Free sync, Audition, the command line).
#[derive(Debug)]
pub(super) struct OwnClock {
    rate: f64,
    /// Start of the next tick in frames; the fraction carries over.
    next: Option<f64>,
}

impl OwnClock {
    pub(super) fn new(rate: SampleRate) -> Self {
        Self { rate: rate.0, next: None }
    }

    /// Lets the first tick begin at `frame`.
    pub(super) fn start(&mut self, frame: u64) {
        self.next = Some(frame as f64);
    }

    pub(super) fn stop(&mut self) {
        self.next = None;
    }

    pub(super) fn running(&self) -> bool {
        self.next.is_some()
    }

    pub(super) fn next_frame(&self) -> Option<u64> {
        // The sum of tick lengths rounds off below a millionth of a frame for days.
        self.next.map(|next| (next + 1e-6).floor() as u64)
    }

    /// The tick that has just begun lasts so long.
    pub(super) fn advance(&mut self, tick_seconds: f64) {
        if let Some(next) = &mut self.next {
            *next += tick_seconds * self.rate;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: SampleRate = SampleRate(48000.0);
    const FRAMES_PER_BEAT_BPM: f64 = 60.0 * 48000.0;

    fn course() -> Course {
        Course { ratio: 1.0, ..Course::default() }
    }

    fn at(beats: f64, tempo: f64) -> Word {
        Word { position: Some(beats), tempo, increment: 0.0, looping: None }
    }

    /// A host whose tempo changes on given frames, at once or over time.
    struct Host {
        /// First frame, beats there, tempo and its change with each frame.
        pieces: Vec<(i64, f64, f64, f64)>,
        tells_increments: bool,
    }

    impl Host {
        /// `pieces`: frames that each lasts, tempo at its start and at its end.
        fn new(pieces: impl IntoIterator<Item = (i64, f64, f64)>, tells_increments: bool) -> Self {
            let (mut frame, mut beats) = (0, 0.0);
            let piece = |(length, from, to): (i64, f64, f64)| {
                let piece = (frame, beats, from, (to - from) / length as f64);
                frame += length;
                beats += length as f64 * (from + to) / 2.0 / FRAMES_PER_BEAT_BPM;
                piece
            };
            Self { pieces: pieces.into_iter().map(piece).collect(), tells_increments }
        }

        fn piece(&self, frame: i64) -> (i64, f64, f64, f64) {
            self.pieces[self.pieces.partition_point(|piece| piece.0 <= frame) - 1]
        }

        fn beats(&self, frame: f64) -> f64 {
            let (first, beats, tempo, increment) = self.piece(frame as i64);
            let passed = frame - first as f64;
            beats + passed * (tempo + increment * passed / 2.0) / FRAMES_PER_BEAT_BPM
        }

        fn word(&self, frame: i64) -> Word {
            let (first, _, tempo, increment) = self.piece(frame);
            Word {
                tempo: tempo + increment * (frame - first) as f64,
                increment: if self.tells_increments { increment } else { 0.0 },
                ..at(self.beats(frame as f64), 0.0)
            }
        }

        /// By how many frames the worst of its ticks misses the host's grid, in each of `parts` parts of the time; every
        /// tick begins once and in turn. The host speaks at the start of each block and where a piece begins.
        fn worst(&self, frames: i64, block: i64, parts: usize) -> Vec<f64> {
            let times = SongTimes::even(48);
            let (mut clock, mut next, mut worst) = (HostClock::new(RATE), 0, vec![0.0_f64; parts]);
            let mut words: Vec<i64> = (0..frames).step_by(block as usize).collect();
            words.extend(self.pieces.iter().map(|piece| piece.0).filter(|&frame| frame < frames));
            words.sort_unstable();
            words.dedup();
            words.push(frames);
            for pair in words.windows(2) {
                let moved = clock.follow(&self.word(pair[0]), pair[0], course());
                assert_eq!(
                    moved,
                    if pair[0] == 0 { Move::Jump } else { Move::Continue },
                    "frame {}",
                    pair[0]
                );
                while let frame = clock.grid().unwrap().frame_of(next, &times)
                    && frame < pair[1]
                {
                    let frame = frame.max(pair[0]) as f64;
                    let late = self.beats(frame) - next as f64 / 24.0;
                    let side = if late > 0.0 { -1.0 } else { 1.0 };
                    let off = late / (self.beats(frame + side) - self.beats(frame));
                    let part = &mut worst[(frame as usize * parts) / frames as usize];
                    *part = part.max(off.abs());
                    next += 1;
                }
            }
            assert!(next as f64 >= self.beats((frames - 1) as f64) * 24.0);
            worst
        }
    }

    const TEN_MINUTES: i64 = 600 * 48000;

    #[test]
    fn ticks_stay_on_the_grid_of_an_odd_tempo_for_ten_minutes() {
        let host = Host::new([(TEN_MINUTES, 174.53, 174.53)], false);
        for block in [1, 64, 441, 512, 8192] {
            let frames = if block == 1 { TEN_MINUTES / 60 } else { TEN_MINUTES };
            for off in host.worst(frames, block, 10) {
                assert!(off <= 0.51, "blocks of {block}: {off} frames off");
            }
        }
    }

    #[test]
    fn ticks_stay_on_the_grid_of_a_tempo_that_steps_in_every_bar() {
        // 300 bars of four beats, on whole frames.
        let bar = |tempo: f64| ((4.0 * FRAMES_PER_BEAT_BPM / tempo).round() as i64, tempo, tempo);
        let host = Host::new((0..300).map(|n| bar(60.0 + f64::from(n * 37 % 120) * 1.017)), false);
        let frames = host.pieces.last().unwrap().0;
        for block in [64, 441, 512, 8192] {
            for off in host.worst(frames, block, 10) {
                assert!(off <= 0.51, "blocks of {block}: {off} frames off");
            }
        }
    }

    #[test]
    fn a_host_that_rounds_the_tempo_it_tells_is_followed_by_its_position() {
        let (mut clock, times) = (HostClock::new(RATE), SongTimes::even(48));
        let mut next = 0;
        for start in (0..60 * 48000_i64).step_by(64) {
            let beats = start as f64 * 174.53 / FRAMES_PER_BEAT_BPM;
            let moved = clock.follow(&at(beats, 174.5), start, course());
            assert!(start == 0 || moved == Move::Continue);
            while let frame = clock.grid().unwrap().frame_of(next, &times)
                && frame < start + 64
            {
                let exact = next as f64 / 24.0 * FRAMES_PER_BEAT_BPM / 174.53;
                assert!((frame.max(start) as f64 - exact).abs() <= 1.0, "tick {next}: {frame} for {exact}");
                next += 1;
            }
        }
        assert!(next > 4000);
    }

    fn ramps(tells_increments: bool) -> Host {
        let second = 48000;
        let up_and_down = [(10 * second, 60.0, 180.0), (10 * second, 180.0, 60.0)];
        Host::new(up_and_down.into_iter().cycle().take(12), tells_increments)
    }

    #[test]
    fn ramps_with_the_increment_are_exact_in_any_block() {
        for block in [64, 441, 512, 8192] {
            for off in ramps(true).worst(120 * 48000, block, 6) {
                assert!(off <= 0.51, "blocks of {block}: {off} frames off");
            }
        }
    }

    #[test]
    fn ramps_without_the_increment_are_off_by_what_the_host_leaves_open_and_never_by_more() {
        let increment = 120.0 / 480_000.0;
        for (block, least_tempo) in [(64, 60.0), (441, 60.0), (512, 60.0), (8192, 60.0)] {
            let open = increment * f64::from(block * block) / (2.0 * least_tempo);
            for off in ramps(false).worst(120 * 48000, block.into(), 6) {
                assert!(off <= 0.51 + open, "blocks of {block}: {off} frames off, {open} left open");
                assert!(off <= 1.0 || block > 512, "blocks of {block}: {off} frames off");
            }
        }
    }

    /// Frames of the ticks from `from` on in a clock that hears of a place of the song once.
    fn frames_from(way: f64, tempo: f64, frame: i64, error: f64) -> Vec<i64> {
        let (mut clock, times) = (HostClock::new(RATE), SongTimes::even(4800));
        clock.follow(&at(way * tempo / FRAMES_PER_BEAT_BPM + error, tempo), frame, course());
        let grid = clock.grid().unwrap();
        (0..4000).map(|tick| grid.frame_of(tick, &times) - frame + way as i64).collect()
    }

    #[test]
    fn a_seek_by_whole_frames_moves_every_tick_by_as_many_whatever_the_host_rounds() {
        // At 128 BPM ticks begin halfway between frames; CLAP rounds beats to 2^-31.
        for tempo in [128.0, 174.53, 125.0, 99.9] {
            let played = frames_from(0.0, tempo, 0, 0.0);
            for way in [1.0, 937.0, 938.0, 100_000.0, 3_333_333.0] {
                for error in [0.0, 2e-10, -2e-10] {
                    assert!(frames_from(way, tempo, 777, error) == played, "{tempo} BPM from frame {way}");
                }
            }
        }
    }

    #[test]
    fn a_seek_by_whole_frames_from_between_frames_does_so_too() {
        let (mut clock, times) = (HostClock::new(RATE), SongTimes::even(4800));
        let course = Course { start: 1.0 / 3.0, ..course() };
        let frames = |clock: &HostClock| -> Vec<i64> {
            (0..2000).map(|tick| clock.grid().unwrap().frame_of(tick, &times)).collect()
        };
        clock.follow(&at(0.0, 174.53), 0, course);
        let played = frames(&clock);
        for (seek, error) in [(48_000, 2e-10), (-7, -2e-10), (123_457, 1e-10)] {
            clock.stop();
            let beats = seek as f64 * 174.53 / FRAMES_PER_BEAT_BPM + error;
            assert_eq!(clock.follow(&at(beats, 174.53), 0, course), Move::Jump);
            let moved: Vec<i64> = frames(&clock).iter().map(|frame| frame + seek).collect();
            assert!(moved == played, "seek by {seek}");
        }
    }

    #[test]
    fn the_tick_that_follows_a_frame_and_the_one_that_holds_it_are_found() {
        let times = SongTimes::even(4800);
        let mut clock = HostClock::new(RATE);
        clock.follow(&at(0.0, 128.0), 0, Course { limit: Some(5000), ..course() });
        let grid = *clock.grid().unwrap();
        for tick in [0, 1, 2, 77, 4799, 4800, 4999] {
            let frame = grid.frame_of(tick, &times);
            assert_eq!((grid.next_from(frame, &times), grid.next_from(frame + 1, &times)), (tick, tick + 1));
            assert_eq!((grid.tick_at(frame, &times), grid.tick_at(frame + 936, &times)), (tick, tick));
        }
        assert_eq!(grid.frame_within(5000, &times), NEVER);
        assert_eq!(grid.tick_at(1 << 40, &times), 4999);
        assert_eq!(grid.tick_at(-5, &times), 0);
    }

    #[test]
    fn a_jump_is_told_by_position_and_a_small_difference_is_none() {
        let mut clock = HostClock::new(RATE);
        assert_eq!(clock.follow(&at(0.0, 120.0), 0, course()), Move::Jump);
        assert_eq!(clock.follow(&at(0.02, 120.0), 480, course()), Move::Continue);
        let before = *clock.grid().unwrap();
        assert_eq!(clock.follow(&at(0.04 + 0.4 / 24000.0, 120.0), 960, course()), Move::Continue);
        assert_eq!(*clock.grid().unwrap(), before);
        assert_eq!(clock.follow(&at(0.06 + 200.0 / 24000.0, 120.0), 1440, course()), Move::Continue);
        assert_eq!(clock.grid().unwrap().frame_of(0, &SongTimes::even(48)), -200);
        assert_eq!(clock.follow(&at(0.08 + 600.0 / 24000.0, 120.0), 1920, course()), Move::Jump);
        assert_eq!(clock.follow(&at(0.05, 120.0), 2400, course()), Move::Jump);
    }

    #[test]
    fn a_tempo_that_changed_unseen_inside_a_long_block_is_no_jump() {
        for (before, after) in [(60.0, 180.0), (180.0, 60.0)] {
            // 8192 frames, so many of them at the tempo before.
            for first in [1.0, 4096.0, 8191.0] {
                let mut clock = HostClock::new(RATE);
                clock.follow(&at(0.0, before), 0, course());
                let beats = (first * before + (8192.0 - first) * after) / FRAMES_PER_BEAT_BPM;
                assert_eq!(clock.follow(&at(beats, after), 8192, course()), Move::Continue);
            }
        }
    }

    #[test]
    fn the_song_waits_for_its_start_and_obeys_the_ratio() {
        let (mut clock, times) = (HostClock::new(RATE), SongTimes::even(48));
        clock.follow(&at(-1.0, 120.0), 0, Course { start: 1.0, ratio: 2.0, ..course() });
        let grid = *clock.grid().unwrap();
        assert_eq!((grid.frame_of(0, &times), grid.frame_of(1, &times)), (48000, 48500));
        assert_eq!(grid.next_from(0, &times), 0);
        assert_eq!(clock.coming(0, &times), None);
    }

    #[test]
    fn a_start_in_the_middle_of_the_song_is_seen_coming() {
        let (mut clock, times) = (HostClock::new(RATE), SongTimes::even(48));
        clock.follow(&at(-1.0, 120.0), 0, Course { first: 7, ..course() });
        let turn = clock.coming(0, &times).unwrap();
        assert_eq!((turn.frame, turn.grid.frame_of(7, &times), turn.own), (24000, 24000, true));
        assert_eq!(turn.grid.frame_of(6, &times), 23000);
        assert_eq!(clock.coming(24000, &times), None);
    }

    /// The host loops over beats 1 to 3 at 120 BPM: frames 24000 to 72000.
    fn looping(beats: f64) -> Word {
        Word { looping: Some((1.0, 3.0)), ..at(beats, 120.0) }
    }

    #[test]
    fn a_host_that_ends_its_block_at_the_loops_end_is_left_to_tell_the_jump_itself() {
        let (mut clock, times) = (HostClock::new(RATE), SongTimes::even(480));
        clock.follow(&looping(2.0), 0, course());
        for _ in 0..3 {
            let turn = clock.coming(0, &times).unwrap();
            assert_eq!((turn.frame, turn.own), (24000, false));
            assert_eq!(clock.follow(&looping(1.0), 24000, course()), Move::Jump);
            assert!(clock.grid().unwrap().meets(24000, &turn.grid, turn.frame));
            assert_eq!(clock.coming(24000, &times).map(|turn| turn.frame), Some(72000));
            clock.stop();
            clock.follow(&looping(2.0), 0, course());
        }
    }

    #[test]
    fn a_loop_gone_round_inside_a_block_is_predicted_from_then_on() {
        let (mut clock, times) = (HostClock::new(RATE), SongTimes::even(480));
        clock.follow(&looping(2.9), 0, course());
        assert!(!clock.coming(0, &times).unwrap().own);
        // 2400 frames to the loop's end, 1696 more in it.
        assert_eq!(clock.follow(&looping(1.0 + 1696.0 / 24000.0), 4096, course()), Move::Jump);
        let turn = clock.coming(4096, &times).unwrap();
        assert_eq!((turn.frame, turn.own), (2400 + 48000, true));
        clock.set_grid(turn.grid);
        let frame = 51_200;
        let beats = 1.0 + f64::from(frame - 50_400) / 24000.0;
        assert_eq!(clock.follow(&looping(beats), frame.into(), course()), Move::Continue);
        assert_eq!(clock.grid().unwrap().frame_of(24, &times), 50_400);
    }

    #[test]
    fn a_host_that_goes_on_past_its_loop_is_believed() {
        let (mut clock, times) = (HostClock::new(RATE), SongTimes::even(480));
        clock.follow(&looping(2.9), 0, course());
        clock.follow(&looping(1.0 + 1696.0 / 24000.0), 4096, course());
        clock.set_grid(clock.coming(4096, &times).unwrap().grid);
        // It exports now, and plays on.
        assert_eq!(clock.follow(&looping(3.0 + 800.0 / 24000.0), 51_200, course()), Move::Jump);
        assert_eq!(clock.coming(51_200, &times), None);
        clock.follow(&looping(1.0), 60_000, course());
        assert!(!clock.coming(60_000, &times).unwrap().own);
    }

    #[test]
    fn loops_that_fit_no_frames_come_round_with_the_right_fraction() {
        let (mut clock, times) = (HostClock::new(RATE), SongTimes::even(480));
        let word = |beats| Word { looping: Some((0.0, 4.0)), ..at(beats, 174.53) };
        clock.follow(&word(0.0), 0, course());
        let turn = clock.coming(0, &times).unwrap();
        let length = 4.0 * FRAMES_PER_BEAT_BPM / 174.53;
        assert_eq!(turn.frame as f64, length.ceil());
        let beats = (turn.frame as f64 - length) * 174.53 / FRAMES_PER_BEAT_BPM;
        assert_eq!(clock.follow(&word(beats), turn.frame, course()), Move::Jump);
        assert!(clock.grid().unwrap().meets(turn.frame, &turn.grid, turn.frame));
    }

    #[test]
    fn own_ticks_carry_their_fraction() {
        let mut clock = OwnClock::new(SampleRate(44100.0));
        clock.start(10);
        let frames: Vec<u64> = (0..5)
            .map(|_| {
                let frame = clock.next_frame().unwrap();
                clock.advance(2.5 / 130.0);
                frame
            })
            .collect();
        assert_eq!(frames, [10, 858, 1706, 2554, 3402]);
    }
}
