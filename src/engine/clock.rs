//! When the song's ticks fall: on the host's beats, or on the module's own tempo.
//!
//! A *segment* anchors a frame to the host's beats and a tempo; the frames of all ticks follow from it alone until the
//! host says otherwise. Audio thread. It knows when a tick begins and which, not what a tick does.

use super::Transport;
use crate::units::SampleRate;

/// Host and prediction may differ by so many frames before the segment is anchored anew.
const TOLERANCE_FRAMES: f64 = 1.0;
/// Beyond so many seconds a difference is a jump.
const JUMP_SECONDS: f64 = 0.005;
/// Positions closer than this many frames before a tick count as on it: hosts round their beats.
const ON_TICK_FRAMES: f64 = 0.01;

/// What follows the song's last tick.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum End {
    /// Goes on at the loop's start.
    #[default]
    Loop,
    /// Silence.
    Stop,
    /// The last tick's state sounds on.
    Hold,
}

/// Beats of every tick of a song, at the host tempo that equals the module's first tempo.
#[derive(Clone, Debug, Default)]
pub(super) struct TickBeats {
    /// Start of each tick, and the end of the last one.
    pub(super) starts: Vec<f64>,
    /// Tick that follows the last one.
    pub(super) loop_start: usize,
}

impl TickBeats {
    fn count(&self) -> u64 {
        self.starts.len().saturating_sub(1) as u64
    }

    /// Index into the timeline of the n-th tick from the start, loops run through; `None` past the end.
    pub(super) fn index(&self, number: u64, end: End) -> Option<usize> {
        let count = self.count();
        if number < count {
            return Some(number as usize);
        }
        let length = count.checked_sub(self.loop_start as u64).filter(|&length| length > 0)?;
        (end == End::Loop).then(|| self.loop_start + ((number - count) % length) as usize)
    }

    /// Beats from the song's start to the n-th tick.
    fn beats(&self, number: u64) -> f64 {
        let count = self.count();
        if number <= count {
            return self.starts.get(number as usize).copied().unwrap_or(0.0);
        }
        let length = (count - self.loop_start as u64).max(1);
        let (passes, rest) =
            ((number - self.loop_start as u64) / length, (number - self.loop_start as u64) % length);
        let loop_beats = self.beats(count) - self.beats(self.loop_start as u64);
        self.beats(self.loop_start as u64 + rest) + passes as f64 * loop_beats
    }

    /// Number of the first tick that starts at `beats` or later.
    fn first_from(&self, beats: f64) -> u64 {
        let count = self.count();
        let total = self.beats(count);
        if beats <= total || count == 0 {
            return self.starts.partition_point(|&start| start < beats) as u64;
        }
        let loop_start = self.beats(self.loop_start as u64);
        let loop_beats = (total - loop_start).max(f64::MIN_POSITIVE);
        let passes = ((beats - loop_start) / loop_beats).floor();
        let within = beats - passes * loop_beats;
        let index = self.starts.partition_point(|&start| start < within).max(self.loop_start) as u64;
        (passes as u64).saturating_mul(count - self.loop_start as u64).saturating_add(index)
    }
}

/// What a transport means for the song.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Move {
    /// Goes on as predicted.
    Continue,
    /// The song is to be at this tick, which comes next.
    Locate(u64),
    /// Nothing sounds any more.
    Stop,
}

/// Frame, beats and tempo that belong together.
#[derive(Clone, Copy, Debug)]
struct Segment {
    frame: u64,
    beats: f64,
    tempo: f64,
}

impl Segment {
    fn beats_at(&self, frame: u64, rate: f64) -> f64 {
        self.beats + (frame as f64 - self.frame as f64) * self.tempo / (60.0 * rate)
    }

    fn frame_of(&self, beats: f64, rate: f64) -> f64 {
        self.frame as f64 + (beats - self.beats) * 60.0 * rate / self.tempo
    }
}

/// Follows the host's beats (Song sync).
#[derive(Debug)]
pub(super) struct HostClock {
    rate: f64,
    segment: Option<Segment>,
    /// Frame of the host's last word.
    heard: u64,
    next: u64,
    /// Host beats at which the song starts.
    pub(super) start_beat: f64,
    /// Song beats for each host beat.
    pub(super) ratio: f64,
}

impl HostClock {
    pub(super) fn new(rate: SampleRate) -> Self {
        Self { rate: rate.0, segment: None, heard: 0, next: 0, start_beat: 0.0, ratio: 1.0 }
    }

    /// Forgets where the host was, so that its next word is a jump.
    pub(super) fn stop(&mut self) {
        self.segment = None;
    }

    /// Whether it knows where the host is.
    pub(super) fn running(&self) -> bool {
        self.segment.is_some()
    }

    /// Host beats at a frame; `None` while stopped.
    pub(super) fn beats_at(&self, frame: u64) -> Option<f64> {
        self.segment.map(|segment| segment.beats_at(frame, self.rate))
    }

    /// The frame that host beats fall on; `None` while stopped.
    pub(super) fn frame_at(&self, beats: f64) -> Option<i64> {
        self.segment.map(|segment| (segment.frame_of(beats, self.rate) + 0.5).floor() as i64)
    }

    /// Takes the host's word at `frame`.
    pub(super) fn update(&mut self, transport: &Transport, frame: u64, ticks: &TickBeats) -> Move {
        if !transport.playing {
            return if self.segment.take().is_some() { Move::Stop } else { Move::Continue };
        }
        let tempo = transport.tempo;
        let Some(old) = self.segment else {
            let beats = transport.beats.unwrap_or(self.start_beat);
            return self.locate(Segment { frame, beats, tempo }, ticks);
        };
        let predicted = old.beats_at(frame, self.rate);
        let beats = transport.beats.unwrap_or(predicted);
        let new = Segment { frame, beats, tempo };
        let frames_per_beat = 60.0 * self.rate / tempo;
        let error_frames = (beats - predicted).abs() * frames_per_beat;
        // Where in the blocks before a tempo changed is not told: the position may differ by what it made up since.
        let unseen = (frame - self.heard) as f64 * (tempo / old.tempo - 1.0).abs();
        self.heard = frame;
        if error_frames > JUMP_SECONDS * self.rate + unseen {
            return self.locate(new, ticks);
        }
        if tempo != old.tempo || error_frames > TOLERANCE_FRAMES {
            self.segment = Some(new);
        }
        Move::Continue
    }

    fn locate(&mut self, segment: Segment, ticks: &TickBeats) -> Move {
        (self.segment, self.heard) = (Some(segment), segment.frame);
        let slack = ON_TICK_FRAMES * segment.tempo / (60.0 * self.rate);
        let song_beats = (segment.beats - slack - self.start_beat) * self.ratio;
        self.next = ticks.first_from(song_beats.max(0.0));
        Move::Locate(self.next)
    }

    /// Frame on which the next tick begins; `None` while stopped.
    pub(super) fn next_frame(&self, ticks: &TickBeats) -> Option<u64> {
        self.frame_of(self.next, ticks).map(|frame| frame.max(0) as u64)
    }

    /// Frame on which any tick begins, or would have begun; `None` while stopped.
    pub(super) fn frame_of(&self, tick: u64, ticks: &TickBeats) -> Option<i64> {
        self.frame_at(self.start_beat + ticks.beats(tick) / self.ratio)
    }

    /// The number of the tick that begins now; the next one follows it.
    pub(super) fn take(&mut self) -> u64 {
        self.next += 1;
        self.next - 1
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

    /// 48 ticks of 1/24 beat, the second half repeating.
    fn ticks() -> TickBeats {
        TickBeats { starts: (0..=48).map(|tick| f64::from(tick) / 24.0).collect(), loop_start: 24 }
    }

    fn at(beats: f64, tempo: f64) -> Transport {
        Transport { playing: true, tempo, beats: Some(beats), ..Transport::default() }
    }

    /// Frames of the ticks that begin in `frames` frames, told the host's position every `block` frames.
    fn tick_frames(
        clock: &mut HostClock,
        frames: u64,
        block: u64,
        host: impl Fn(u64) -> Transport,
    ) -> Vec<(u64, u64)> {
        let (ticks, mut begun) = (ticks(), Vec::new());
        for start in (0..frames).step_by(block as usize) {
            clock.update(&host(start), start, &ticks);
            while let Some(frame) =
                clock.next_frame(&ticks).filter(|&frame| frame < (start + block).min(frames))
            {
                begun.push((frame, clock.take()));
            }
        }
        begun
    }

    #[test]
    fn ticks_stay_on_the_hosts_grid_whatever_the_block() {
        for block in [1, 64, 441, 8192] {
            let host = |frame: u64| at(frame as f64 * 174.53 / (60.0 * 48000.0), 174.53);
            let begun = tick_frames(&mut HostClock::new(RATE), 48000 * 60, block, host);
            for (number, &(frame, tick)) in begun.iter().enumerate() {
                let exact = number as f64 / 24.0 * 60.0 * 48000.0 / 174.53;
                assert_eq!(tick, number as u64);
                assert!((frame as f64 - exact).abs() <= 1.0, "block {block} tick {tick}: {frame} {exact}");
            }
        }
    }

    #[test]
    fn the_cut_of_blocks_does_not_move_a_tick() {
        let host = |frame: u64| at(frame as f64 * 127.3 / (60.0 * 48000.0), 127.3);
        let frames = |block| tick_frames(&mut HostClock::new(RATE), 480_000, block, host);
        assert_eq!(frames(1), frames(8192));
    }

    #[test]
    fn a_tempo_step_neither_repeats_nor_skips_a_tick() {
        let host = |frame: u64| {
            let (first, second) = (frame.min(100_000) as f64, frame.saturating_sub(100_000) as f64);
            at((first * 90.0 + second * 180.0) / (60.0 * 48000.0), if frame < 100_000 { 90.0 } else { 180.0 })
        };
        let begun = tick_frames(&mut HostClock::new(RATE), 480_000, 512, host);
        assert!(begun.iter().enumerate().all(|(number, &(_, tick))| tick == number as u64));
    }

    #[test]
    fn a_jump_locates_the_tick_at_the_new_place() {
        let (mut clock, ticks) = (HostClock::new(RATE), ticks());
        assert_eq!(clock.update(&at(0.0, 120.0), 0, &ticks), Move::Locate(0));
        assert_eq!(clock.update(&at(0.02, 120.0), 480, &ticks), Move::Continue);
        assert_eq!(clock.update(&at(1.5, 120.0), 960, &ticks), Move::Locate(36));
        assert_eq!(clock.next_frame(&ticks), Some(960));
        assert_eq!(clock.update(&Transport::default(), 1000, &ticks), Move::Stop);
        assert_eq!(clock.next_frame(&ticks), None);
    }

    #[test]
    fn the_song_waits_for_its_start_beat_and_obeys_the_ratio() {
        let (mut clock, ticks) = (HostClock::new(RATE), ticks());
        (clock.start_beat, clock.ratio) = (1.0, 2.0);
        assert_eq!(clock.update(&at(0.0, 120.0), 0, &ticks), Move::Locate(0));
        assert_eq!(clock.next_frame(&ticks), Some(24000));
        clock.take();
        assert_eq!(clock.next_frame(&ticks), Some(24500));
    }

    #[test]
    fn positions_past_the_end_lie_in_the_loop() {
        let ticks = ticks();
        assert_eq!(ticks.first_from(2.0), 48);
        assert_eq!(ticks.index(48, End::Loop), Some(24));
        assert_eq!(ticks.first_from(102.5), 24 + 24 * 101 + 12);
        assert_eq!(ticks.index(24 + 24 * 101 + 12, End::Loop), Some(36));
        assert_eq!(ticks.index(48, End::Stop), None);
        assert!((ticks.beats(24 + 24 * 101 + 12) - 102.5).abs() < 1e-9);
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
