//! The host's time as plain data: where it plays, how fast, and where it jumps.
//!
//! A [`TempoMap`] says how fast the host's timeline runs; [`Cue`]s say where it plays, stops, jumps and loops. Together they give
//! [`Segment`]s, stretches of frames in which position and tempo follow from the first frame alone, as the hosts send them to a plugin.
//! Positions are exact: a bend between two frames is told from the next frame on, with the position that frame has.

use crate::host::Told;
use crate::host::Transport;

/// Bends closer than this to a frame lie on it.
const ON_FRAME: f64 = 1e-6;

/// A stretch of the host's time that goes on until the next one begins.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Segment {
    /// First frame of the stretch.
    pub frame: u64,
    /// Position there in quarter notes; a jump is a segment whose beat does not follow from the one before.
    pub beat: f64,
    /// Position there in seconds; by this segment's tempo from beat 0 on where it is left out.
    pub seconds: Option<f64>,
    /// Quarter notes per minute on the first frame.
    pub tempo: f64,
    /// Change of the tempo per frame.
    pub tempo_increment: f64,
    /// Whether the host plays.
    pub playing: bool,
    /// Whether the host counts in before a recording.
    pub preroll: bool,
    /// The host's loop in quarter notes, if on; jumping at its end is left to further segments, which cues give.
    pub loop_beats: Option<(f64, f64)>,
    /// Time signature.
    pub signature: (u16, u16),
    /// A beat on which a bar begins.
    pub bar_beat: f64,
}

impl Default for Segment {
    fn default() -> Self {
        Self {
            frame: 0,
            beat: 0.0,
            seconds: None,
            tempo: 125.0,
            tempo_increment: 0.0,
            playing: true,
            preroll: false,
            loop_beats: None,
            signature: (4, 4),
            bar_beat: 0.0,
        }
    }
}

impl Segment {
    /// The host's position on a frame of this stretch, as a host that says so much would tell it.
    pub fn transport_at(&self, frame: u64, rate: f64, told: Told) -> Transport {
        let passed = if self.playing { (frame - self.frame) as f64 } else { 0.0 };
        let beats = self.beat + (self.tempo + self.tempo_increment * passed / 2.0) * passed / (60.0 * rate);
        let seconds = self.seconds.unwrap_or(self.beat * 60.0 / self.tempo) + passed / rate;
        Transport {
            playing: self.playing,
            preroll: self.preroll,
            tempo: self.tempo + self.tempo_increment * passed,
            tempo_increment: self.tempo_increment,
            beats,
            frames: (seconds * rate).round() as i64,
            seconds,
            loop_beats: self.loop_beats,
            signature: self.signature,
            bar_beat: self.bar_beat,
            told,
        }
    }
}

/// A place of the timeline from which another tempo counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TempoPoint {
    /// In quarter notes.
    pub beat: f64,
    /// Quarter notes per minute.
    pub tempo: f64,
    /// Moves evenly in time to the next point's tempo instead of staying.
    pub ramp: bool,
}

/// How fast the host's timeline runs. Beat 0 is at 0 seconds; before its first point it runs as fast as there.
#[derive(Clone, Debug, PartialEq)]
pub struct TempoMap {
    points: Vec<TempoPoint>,
    signatures: Vec<(f64, (u16, u16))>,
}

/// What the host does from a frame on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cue {
    /// First frame.
    pub frame: u64,
    /// Where it goes to, in quarter notes; `None` leaves it where it is.
    pub beat: Option<f64>,
    /// Whether it plays.
    pub playing: bool,
    /// Whether it counts in.
    pub preroll: bool,
    /// Its loop in quarter notes: what comes to the end goes on at the start.
    pub loop_beats: Option<(f64, f64)>,
}

impl Default for Cue {
    fn default() -> Self {
        Self { frame: 0, beat: None, playing: true, preroll: false, loop_beats: None }
    }
}

impl TempoMap {
    /// One tempo throughout.
    pub fn constant(tempo: f64) -> Self {
        Self::new(vec![TempoPoint { beat: 0.0, tempo, ramp: false }])
    }

    /// Points in the order of their beats; without any, the MIDI standard's 120.
    pub fn new(mut points: Vec<TempoPoint>) -> Self {
        if points.is_empty() {
            points.push(TempoPoint { beat: 0.0, tempo: 120.0, ramp: false });
        }
        Self { points, signatures: vec![(0.0, (4, 4))] }
    }

    /// Another time signature from this beat on, which begins a bar; later than those given before.
    pub fn with_signature(mut self, beat: f64, signature: (u16, u16)) -> Self {
        self.signatures.retain(|&(known, _)| known < beat);
        self.signatures.push((beat, signature));
        self
    }

    /// The point that counts at a beat, and the tempo's change per second from there on.
    fn point_at(&self, beat: f64) -> (TempoPoint, f64) {
        let next = self.points.partition_point(|point| point.beat <= beat).max(1);
        let point = self.points[next - 1];
        let target = self.points.get(next).filter(|target| point.ramp && target.beat > point.beat);
        // The time a ramp takes is its beats at the mean of both tempos.
        let slope = target.map_or(0.0, |target| {
            (target.tempo - point.tempo) * (target.tempo + point.tempo) / (120.0 * (target.beat - point.beat))
        });
        if beat < point.beat { (TempoPoint { beat, ..point }, 0.0) } else { (point, slope) }
    }

    /// Quarter notes per minute at a beat, and their change per second.
    pub fn tempo_at(&self, beat: f64) -> (f64, f64) {
        let (point, slope) = self.point_at(beat);
        ((point.tempo * point.tempo + 120.0 * slope * (beat - point.beat)).sqrt(), slope)
    }

    /// Seconds from beat 0 to a beat.
    pub fn seconds_at(&self, beat: f64) -> f64 {
        if beat < 0.0 { -self.seconds_between(beat, 0.0) } else { self.seconds_between(0.0, beat) }
    }

    fn seconds_between(&self, from: f64, to: f64) -> f64 {
        let (mut at, mut seconds) = (from, 0.0);
        while at < to {
            let next = self.next_bend(at).min(to);
            let ((first, slope), beats) = (self.tempo_at(at), next - at);
            let last = (first * first + 120.0 * slope * beats).sqrt();
            seconds += beats * 120.0 / (first + last);
            at = next;
        }
        seconds
    }

    /// The next beat after this one on which tempo or signature change; infinite after the last.
    fn next_bend(&self, beat: f64) -> f64 {
        let points = self.points.iter().map(|point| point.beat);
        let all = points.chain(self.signatures.iter().map(|&(beat, _)| beat));
        all.filter(|&bend| bend > beat).fold(f64::INFINITY, f64::min)
    }

    /// The host's time over `frames` frames, as the cues say, which come in the order of their frames; before the first it stops.
    pub fn segments(&self, cues: &[Cue], frames: u64, rate: f64) -> Vec<Segment> {
        let mut segments = vec![self.segment(&Cue { playing: false, ..Cue::default() }, 0, 0.0, rate)];
        for (index, cue) in cues.iter().enumerate() {
            let end = cues.get(index + 1).map_or(frames, |next| next.frame);
            let (mut frame, mut beat) = (cue.frame, cue.beat.unwrap_or(position(&segments, cue.frame, rate)));
            while frame < end {
                segments.retain(|segment| segment.frame < frame);
                segments.push(self.segment(cue, frame, beat, rate));
                (frame, beat) = self.bend_after(cue, frame, beat, rate);
            }
        }
        segments
    }

    fn segment(&self, cue: &Cue, frame: u64, beat: f64, rate: f64) -> Segment {
        let (tempo, slope) = self.tempo_at(beat);
        let signature = self.signatures.iter().rev().find(|&&(from, _)| from <= beat);
        let &(bar_beat, signature) = signature.unwrap_or(&self.signatures[0]);
        let (playing, preroll, loop_beats) = (cue.playing, cue.preroll, cue.loop_beats);
        let (seconds, tempo_increment) = (Some(self.seconds_at(beat)), slope / rate);
        Segment {
            frame,
            beat,
            seconds,
            tempo,
            tempo_increment,
            playing,
            preroll,
            loop_beats,
            signature,
            bar_beat,
        }
    }

    /// The first frame after which a segment from `frame` on no longer tells the position, and the position on it.
    fn bend_after(&self, cue: &Cue, frame: u64, beat: f64, rate: f64) -> (u64, f64) {
        let bend = self.next_bend(beat);
        let wrap = cue.loop_beats.filter(|&(start, end)| start < end && beat < end && end <= bend);
        let (end, target) = wrap.map_or((bend, bend), |(start, end)| (end, start));
        if !cue.playing || end.is_infinite() {
            return (u64::MAX, beat);
        }
        let exact = frame as f64 + self.seconds_between(beat, end) * rate;
        let first = (exact - ON_FRAME).ceil();
        let over = (first - exact).max(0.0);
        (
            first as u64,
            if over > ON_FRAME { target + over * self.tempo_at(target).0 / (60.0 * rate) } else { target },
        )
    }
}

/// Where the host stands on a frame.
fn position(segments: &[Segment], frame: u64, rate: f64) -> f64 {
    let segment = segments.iter().rev().find(|segment| segment.frame <= frame);
    segment.map_or(0.0, |segment| segment.transport_at(frame, rate, Told::default()).beats)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: f64 = 48_000.0;

    fn beats_at(segments: &[Segment], frame: u64) -> f64 {
        position(segments, frame, RATE)
    }

    #[test]
    fn segment_counts_beats_from_its_own_frame_and_stands_still_when_stopped() {
        let segment = Segment { frame: 48_000, beat: 8.0, tempo: 120.0, ..Segment::default() };
        assert_eq!(beats_at(&[segment], 72_000), 9.0);
        assert_eq!(beats_at(&[Segment { playing: false, ..segment }], 72_000), 8.0);
    }

    #[test]
    fn a_ramp_takes_the_time_of_its_mean_tempo_and_ends_on_its_target() {
        let points = [(0.0, 60.0, true), (20.0, 180.0, true), (40.0, 60.0, false)];
        let map = TempoMap::new(points.map(|(beat, tempo, ramp)| TempoPoint { beat, tempo, ramp }).to_vec());
        assert!((map.seconds_at(20.0) - 10.0).abs() < 1e-12);
        assert!((map.seconds_at(41.0) - 21.0).abs() < 1e-12);
        let segments = map.segments(&[Cue { beat: Some(0.0), ..Cue::default() }], 30 * 48_000, RATE);
        assert_eq!(segments.iter().map(|segment| segment.frame).collect::<Vec<_>>(), [0, 480_000, 960_000]);
        assert!((beats_at(&segments, 480_000) - 20.0).abs() < 1e-9);
        // Half way in time the tempo is half way too; the beats are not.
        let half = segments[0].transport_at(240_000, RATE, Told::default());
        assert!((half.tempo - 120.0).abs() < 1e-9 && (half.beats - 7.5).abs() < 1e-9, "{half:?}");
        assert!((half.seconds - 5.0).abs() < 1e-12);
    }

    #[test]
    fn a_loop_of_whole_frames_wraps_to_its_very_start() {
        let cue = Cue { beat: Some(-1.0), loop_beats: Some((0.0, 4.0)), ..Cue::default() };
        let segments = TempoMap::constant(120.0).segments(&[cue], 48_000 * 6, RATE);
        let places: Vec<_> = segments.iter().map(|segment| (segment.frame, segment.beat)).collect();
        assert_eq!(places, [(0, -1.0), (24_000, 0.0), (120_000, 0.0), (216_000, 0.0)]);
        assert_eq!(segments[3].seconds, Some(0.0));
    }

    #[test]
    fn a_loop_between_frames_keeps_its_fraction() {
        let cue = Cue { beat: Some(1.0), loop_beats: Some((1.0, 2.0)), ..Cue::default() };
        let segments = TempoMap::constant(174.53).segments(&[cue], 48_000 * 60, RATE);
        let last = segments.last().unwrap();
        let passed = last.frame as f64 * 174.53 / (60.0 * RATE);
        assert_eq!(segments.len(), 1 + (48_000.0 * 60.0 * 174.53 / (60.0 * RATE)) as usize);
        assert!((last.beat - 1.0 - passed.fract()).abs() < 1e-9, "{last:?}");
    }

    #[test]
    fn cues_jump_stop_and_go_on_where_they_stood() {
        let cue = |frame, beat, playing| Cue { frame, beat, playing, ..Cue::default() };
        let cues = [cue(0, Some(4.0), true), cue(24_000, None, false), cue(48_000, None, true)];
        let segments = TempoMap::constant(120.0).segments(&cues, 96_000, RATE);
        assert_eq!([0, 24_000, 48_000, 72_000].map(|frame| beats_at(&segments, frame)), [4.0, 5.0, 5.0, 6.0]);
        assert!(!segments[1].playing && segments[2].playing);
    }

    #[test]
    fn bars_are_counted_from_their_signature() {
        let map = TempoMap::constant(120.0).with_signature(4.0, (3, 4));
        let segments = map.segments(&[Cue { beat: Some(0.0), ..Cue::default() }], 480_000, RATE);
        let bar = |frame: u64| {
            let segment = segments.iter().rev().find(|segment| segment.frame <= frame).unwrap();
            segment.transport_at(frame, RATE, Told::default()).bar().0
        };
        assert_eq!([0, 95_999, 96_000, 168_001, 240_001].map(bar), [0.0, 0.0, 4.0, 7.0, 10.0]);
    }
}
