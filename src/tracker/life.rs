//! Lives: what has become of a sound since its position was last set, tick by tick.
//!
//! In: the voices of a player that a worker lets run through a song. Out: a record from which the place of each sound
//! follows at any tempo and rate, exactly, since a position depends on nothing but its start, the pitch and the loop of
//! each tick, and the frames of the ticks. Recorded on a worker; read on the audio thread, where nothing is allocated.

use super::song::Song;
use super::state::Voice;
use super::tick::Output;
use super::voice::ChannelState;
use super::voice::Course;
use super::voice::Successor;
use super::voice::WaysBack;
use std::ops::Range;

/// Pitches of a life, at most: what goes on longer is taken to begin anew where it is.
const MOST_PITCHES: usize = 1 << 14;

/// A recording that has ended is watched for so many times as long as it lasted: it may last longer at another tempo.
const WATCHED_AFTER_END: u32 = 3;

/// No sample of the song.
const NO_SAMPLE: u16 = u16::MAX;

/// What moves a sound, apart from its pitch.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Motion {
    /// Number of the sample that plays, from 0.
    sample: u16,
    course: Course,
    backwards: bool,
    /// Number of the sample that follows.
    successor: Option<u16>,
}

/// From `tick` on the pitch is this one: frames a second with 4 fractional bits.
#[derive(Clone, Copy, Debug)]
struct Pitch {
    tick: u32,
    frequency_q4: u32,
}

/// What replay changed of a sound's motion on a tick; `None` where it left things alone.
#[derive(Clone, Copy, Debug)]
struct Change {
    tick: u32,
    course: Option<(u16, Course)>,
    backwards: Option<bool>,
    successor: Option<Option<u16>>,
    asked: WaysBack,
}

/// How a life began.
#[derive(Clone, Copy, Debug)]
struct Birth {
    tick: u32,
    position_q32: i64,
    in_loop: bool,
    motion: Motion,
}

/// A life that is being recorded.
#[derive(Debug)]
struct Recording {
    birth: Birth,
    pitches: Vec<Pitch>,
    changes: Vec<Change>,
    /// The motion after the frames of the last tick, and what was read then.
    seen: Motion,
    source: usize,
    /// Tick in which the recording came to its end, at the tempo that it is recorded at.
    ended: Option<u32>,
    /// Last tick on which a voice led this life.
    last_tick: u32,
    /// A snapshot names it.
    kept: bool,
}

/// Records the lives of a player's sounds. Worker.
#[derive(Debug, Default)]
pub(super) struct Recorder {
    /// By number less one; those that nothing names have been let go.
    lives: Vec<Option<Recording>>,
    free: Vec<u32>,
}

fn plays(song: &Song, sound: &ChannelState, index: u16) -> bool {
    song.samples.get(usize::from(index)).is_some_and(|sample| sound.reads(&sample.data))
}

fn number_of_source(song: &Song, sound: &ChannelState, likely: Option<u16>) -> u16 {
    let plays = |index: &u16| plays(song, sound, *index);
    likely
        .filter(plays)
        .or_else(|| (0..).take(song.samples.len().min(usize::from(NO_SAMPLE))).find(plays))
        .unwrap_or(NO_SAMPLE)
}

fn motion(song: &Song, voice: &Voice) -> Motion {
    let sound = &voice.sound;
    Motion {
        sample: number_of_source(song, sound, voice.sample),
        course: sound.course(),
        backwards: sound.backwards,
        successor: sound.successor.as_ref().map(|successor| successor.sample),
    }
}

impl Recording {
    /// The motion now; numbers are only looked for where another recording plays.
    fn motion(&self, song: &Song, voice: &Voice) -> Motion {
        let sound = &voice.sound;
        // Samples may share a recording and differ in pace.
        let likely = sound.succeeded.or(voice.sample).filter(|&index| plays(song, sound, index));
        let sample = match sound.source_address() == self.source {
            true => likely.unwrap_or(self.seen.sample),
            false => number_of_source(song, sound, likely),
        };
        let successor = sound.successor.as_ref().map(|successor| successor.sample);
        Motion { sample, course: sound.course(), backwards: sound.backwards, successor }
    }
}

impl Recorder {
    fn life(&mut self, number: u32) -> Option<&mut Recording> {
        self.lives.get_mut((number as usize).checked_sub(1)?)?.as_mut()
    }

    /// Looks at a voice that `tick` has just been begun for.
    pub(super) fn see_tick(&mut self, song: &Song, voice: &mut Voice, tick: u32) {
        let too_long = self.life(voice.sound.life).is_some_and(|life| life.pitches.len() >= MOST_PITCHES);
        if voice.sound.life == 0 || too_long {
            self.begin(song, voice, tick);
        } else {
            self.go_on(song, voice, tick);
        }
        voice.sound.asked = WaysBack::default();
        self.see_pitch(voice, tick);
    }

    fn begin(&mut self, song: &Song, voice: &mut Voice, tick: u32) {
        if voice.sound.length == 0 {
            voice.sound.life = 0;
            return;
        }
        let motion = motion(song, voice);
        let sound = &mut voice.sound;
        let birth = Birth { tick, position_q32: sound.position_q32, in_loop: sound.in_loop, motion };
        let life = Recording {
            birth,
            pitches: Vec::new(),
            changes: Vec::new(),
            seen: motion,
            source: sound.source_address(),
            ended: None,
            last_tick: tick,
            kept: false,
        };
        let index = self.free.pop().unwrap_or(self.lives.len() as u32); // far fewer than 2³²
        match self.lives.get_mut(index as usize) {
            Some(place) => *place = Some(life),
            None => self.lives.push(Some(life)),
        }
        sound.life = index + 1;
    }

    fn go_on(&mut self, song: &Song, voice: &mut Voice, tick: u32) {
        let asked = voice.sound.asked;
        let Some(life) = self.life(voice.sound.life) else { return };
        let now = life.motion(song, voice);
        life.last_tick = tick;
        let seen = life.seen;
        if seen.course.length != 0 && now.course.length == 0 {
            voice.sound.life = 0; // cut short by replay
            return;
        }
        let forgotten =
            |end: u32| tick - end > (end - life.birth.tick + 1).saturating_mul(WATCHED_AFTER_END - 1);
        if now.course.length == 0 && life.ended.is_some_and(forgotten) {
            voice.sound.life = 0;
            return;
        }
        if now == seen && asked == WaysBack::default() {
            return;
        }
        let course =
            ((seen.sample, seen.course) != (now.sample, now.course)).then_some((now.sample, now.course));
        life.changes.push(Change {
            tick,
            course,
            backwards: (seen.backwards != now.backwards).then_some(now.backwards),
            successor: (seen.successor != now.successor).then_some(now.successor),
            asked,
        });
    }

    fn see_pitch(&mut self, voice: &Voice, tick: u32) {
        let frequency_q4 = voice.sound.frequency_q4;
        if voice.sound.length == 0 || voice.sound.step_q32 == 0 {
            return; // what has ended would go on as it last did
        }
        let Some(life) = self.life(voice.sound.life) else { return };
        if life.pitches.last().is_none_or(|last| last.frequency_q4 != frequency_q4) {
            life.pitches.push(Pitch { tick, frequency_q4 });
        }
    }

    /// Looks at a voice once the frames of `tick` have passed.
    pub(super) fn see_frames(&mut self, song: &Song, voice: &Voice, tick: u32) {
        let Some(life) = self.life(voice.sound.life) else { return };
        life.seen = life.motion(song, voice);
        life.source = voice.sound.source_address();
        let ended = life.seen.course.length == 0;
        life.ended = ended.then(|| life.ended.unwrap_or(tick));
    }

    /// Keeps what a snapshot names.
    pub(super) fn keep(&mut self, number: u32) {
        if let Some(life) = self.life(number) {
            life.kept = true;
        }
    }

    /// Lets go of what neither a snapshot names nor a voice led on `tick`.
    pub(super) fn sweep(&mut self, tick: u32) {
        for (place, index) in self.lives.iter_mut().zip(0..) {
            if place.as_ref().is_some_and(|life| !life.kept && life.last_tick < tick) {
                *place = None;
                self.free.push(index);
            }
        }
    }

    /// Lets go of all that only snapshots named, apart from `named`.
    pub(super) fn keep_only(&mut self, named: impl Iterator<Item = u32>) {
        self.lives.iter_mut().flatten().for_each(|life| life.kept = false);
        named.for_each(|number| self.keep(number));
    }

    pub(super) fn bytes(&self) -> usize {
        let of = |life: &Recording| {
            size_of::<Life>()
                + life.pitches.len() * size_of::<Pitch>()
                + life.changes.len() * size_of::<Change>()
        };
        self.lives.iter().flatten().filter(|life| life.kept).map(of).sum()
    }

    /// The record of all that snapshots name.
    pub(super) fn finish(self) -> Lives {
        let mut lives = Lives::default();
        for life in self.lives {
            let kept = life.filter(|life| life.kept);
            lives.lives.push(kept.map(|life| {
                let (first_pitch, first_change) = (lives.pitches.len() as u32, lives.changes.len() as u32);
                lives.pitches.extend(life.pitches);
                lives.changes.extend(life.changes);
                Life {
                    birth: life.birth,
                    pitches: first_pitch..lives.pitches.len() as u32,
                    changes: first_change..lives.changes.len() as u32,
                }
            }));
        }
        lives
    }
}

/// A recorded life.
#[derive(Debug)]
struct Life {
    birth: Birth,
    pitches: Range<u32>,
    changes: Range<u32>,
}

/// The lives that a song's snapshots name.
#[derive(Debug, Default)]
pub(super) struct Lives {
    lives: Vec<Option<Life>>,
    pitches: Vec<Pitch>,
    changes: Vec<Change>,
}

/// Where ticks fall, and what voices are brought back for.
pub(super) struct Place<'a> {
    pub(super) song: &'a Song,
    pub(super) output: &'a Output,
    /// Frame of a tick, by its number in the record.
    pub(super) frame_of: &'a dyn Fn(u32) -> i64,
    /// The tick that begins next.
    pub(super) tick: u32,
}

impl Lives {
    pub(super) fn bytes(&self) -> usize {
        self.lives.capacity() * size_of::<Option<Life>>()
            + self.pitches.capacity() * size_of::<Pitch>()
            + self.changes.capacity() * size_of::<Change>()
    }

    fn life(&self, number: u32) -> Option<(&Life, &[Pitch], &[Change])> {
        let life = self.lives.get((number as usize).checked_sub(1)?)?.as_ref()?;
        let pitches = self.pitches.get(life.pitches.start as usize..life.pitches.end as usize)?;
        let changes = self.changes.get(life.changes.start as usize..life.changes.end as usize)?;
        Some((life, pitches, changes))
    }

    /// Lets a voice whose state is back lead a life up to `place`; says how many steps that took. Real-time: yes.
    pub(super) fn lead(&self, number: u32, voice: &mut Voice, place: &Place<'_>) -> usize {
        let Some((life, pitches, changes)) = self.life(number) else { return 0 };
        let sound = &mut voice.sound;
        begin(sound, &life.birth, place.song);
        let mut walk = Walk { at: life.birth.tick, frame: (place.frame_of)(life.birth.tick), steps: 0 };
        let (mut pitches, mut changes) = (pitches.iter().peekable(), changes.iter().peekable());
        loop {
            let next = [pitches.peek().map(|pitch| pitch.tick), changes.peek().map(|change| change.tick)];
            let Some(tick) = next.into_iter().flatten().min().filter(|&tick| tick < place.tick) else {
                break;
            };
            walk.to(tick, sound, place);
            if let Some(change) = changes.next_if(|change| change.tick == tick) {
                change.act(sound, place.song);
            }
            if let Some(pitch) = pitches.next_if(|pitch| pitch.tick == tick) {
                sound.step_q32 = place.output.step_q32(pitch.frequency_q4);
            }
        }
        walk.to((place.tick - 1).max(walk.at), sound, place);
        let ended_before = sound.length == 0;
        walk.to(place.tick, sound, place);
        let had_successor = life.birth.motion.successor.is_some()
            || self
                .life(number)
                .is_some_and(|(.., changes)| changes.iter().any(|change| change.successor.is_some()));
        if had_successor {
            voice.state.sample = Some(number_of_source(place.song, sound, voice.state.sample));
            sound.succeeded = None;
        }
        let step = if ended_before { 0 } else { sound.step_q32 };
        voice.set_step(step);
        if ended_before {
            (voice.state.level, voice.state.was_silent) = (0, true);
        }
        walk.steps
    }
}

/// A sound on its way through its life.
struct Walk {
    at: u32,
    frame: i64,
    steps: usize,
}

impl Walk {
    fn to(&mut self, tick: u32, sound: &mut ChannelState, place: &Place<'_>) {
        let frame = (place.frame_of)(tick);
        sound.skip_frames((frame - self.frame).max(0) as usize);
        (self.at, self.frame, self.steps) = (tick, frame, self.steps + 1);
    }
}

fn begin(sound: &mut ChannelState, birth: &Birth, song: &Song) {
    attach(sound, birth.motion.sample, song);
    sound.set_course(birth.motion.course);
    sound.successor = birth.motion.successor.and_then(|number| successor(song, number));
    (sound.position_q32, sound.in_loop) = (birth.position_q32, birth.in_loop);
    sound.backwards = birth.motion.backwards;
}

fn attach(sound: &mut ChannelState, sample: u16, song: &Song) {
    if let Some(sample) = song.samples.get(usize::from(sample)) {
        sound.attach(sample);
    }
}

fn successor(song: &Song, number: u16) -> Option<Successor> {
    let sample = song.samples.get(usize::from(number))?;
    Some(Successor::new(number, sample))
}

impl Change {
    fn act(&self, sound: &mut ChannelState, song: &Song) {
        if let Some((sample, course)) = self.course {
            let other =
                song.samples.get(usize::from(sample)).is_some_and(|sample| !sound.reads(&sample.data));
            attach(sound, sample, song);
            sound.in_loop &= !other;
            sound.set_course(course);
        }
        if let Some(backwards) = self.backwards {
            sound.backwards = backwards;
        }
        if let Some(number) = self.successor {
            sound.successor = number.and_then(|number| successor(song, number));
        }
        self.asked.each().for_each(|way| sound.go_back(way));
    }
}
