//! Snapshots of a song: where its replay stands every so many ticks, for chases to begin from.
//!
//! Built by a worker with the song, by letting a player run through intro, loop and loop again at the module's own tempo;
//! held once for all instances; read on the audio thread, where nothing is allocated. Positions in recordings are not
//! kept, since they depend on tempo and rate: they follow from the sounds' lives. What replay decided because a recording
//! had or had not ended is as it was at the module's own tempo.

use super::life::Lives;
use super::life::Place;
use super::life::Recorder;
use super::player::Position;
use super::player::Setting;
use super::player::SongPlayer;
use super::song::Song;
use super::state::VoiceState;
use super::timeline::Timeline;
use crate::rt::shared::Derived;
use crate::units::SampleRate;
use std::ops::Range;
use std::sync::Arc;

/// Any usual rate: all but a few borderline cases are the same at others.
const RATE: SampleRate = SampleRate(48_000.0);

/// Voice-ticks of a chase, about, where the voices are no more than the channels.
const CHASE: usize = 12_000;

/// Voice-ticks for which a song is run through, at most; what lies beyond is replayed from the last snapshot.
const MOST_WORK: usize = 4_000_000;

/// Ticks, voice-ticks and bytes up to which passes of a loop that never plays quite the same are run through one by one:
/// twelve minutes at the usual tempo.
const LONGEST: u32 = 36_000;
const MORE_WORK: usize = 300_000;
const MORE_BYTES: usize = 1 << 20;

/// Bytes beyond which every other snapshot is given up.
const MOST_BYTES: usize = 4 << 20;

/// A voice in use, or one whose recording may not have ended yet at another tempo.
#[derive(Clone, Copy, Debug)]
struct Kept {
    /// Channels, then background voices.
    slot: u16,
    state: u32,
    /// 0 is no sound.
    life: u32,
}

/// Where a song stands before a tick.
struct Snapshot {
    tick: u32,
    setting: Setting,
    voices: Range<u32>,
}

/// See the module's description.
pub struct Snapshots {
    timeline: Arc<Timeline>,
    snapshots: Vec<Snapshot>,
    voices: Vec<Kept>,
    states: Vec<VoiceState>,
    lives: Lives,
    /// Ticks that a chase replays at least, so that what depends on ends of recordings comes right again.
    replayed: u32,
    /// Ticks that the player was let run for: the loop's last pass ends here.
    end: u32,
    /// Random numbers of a pass of the loop.
    draws: u32,
}

/// Of songs that play.
static SNAPSHOTS: Derived<Song, Snapshots> = Derived::new();

impl Snapshots {
    /// Those of `song`, built unless the process holds them already. Locks: never on the audio thread.
    pub fn of(song: &Arc<Song>) -> Arc<Self> {
        SNAPSHOTS.of(song, || Builder::new(song).build())
    }

    /// Bytes of the heap that they take, about, without the timeline.
    pub fn bytes(&self) -> usize {
        let settings: usize = self.snapshots.iter().map(|snapshot| snapshot.setting.bytes()).sum();
        settings
            + self.snapshots.len() * size_of::<Snapshot>()
            + self.voices.len() * size_of::<Kept>()
            + self.states.len() * size_of::<VoiceState>()
            + self.lives.bytes()
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.snapshots.len()
    }

    fn loop_ticks(&self) -> u64 {
        (self.timeline.unrolled().len() as u64).saturating_sub(self.timeline.repeat() as u64).max(1)
    }

    /// Place of the n-th tick from the song's start, loops run through.
    pub(crate) fn place(&self, number: u64) -> Option<Position> {
        let ticks = self.timeline.unrolled();
        let index = match number.checked_sub(ticks.len() as u64) {
            None => number,
            Some(past) => self.timeline.repeat() as u64 + past % self.loop_ticks(),
        };
        ticks.get(index as usize).copied()
    }

    /// Where a chase to a tick best begins; `None` is the song's start.
    pub(crate) fn before(&self, number: u64) -> Option<Origin> {
        let passes = (number + 1).saturating_sub(self.end.into()).div_ceil(self.loop_ticks());
        let offset = passes * self.loop_ticks();
        let latest = (number - offset).checked_sub(self.replayed.into())?;
        let after = self.snapshots.partition_point(|snapshot| u64::from(snapshot.tick) <= latest);
        Some(Origin { snapshot: after.checked_sub(1)?, passes, offset })
    }

    /// The tick that begins next at `origin`.
    pub(crate) fn tick_of(&self, origin: Origin) -> u64 {
        self.snapshots.get(origin.snapshot).map_or(0, |snapshot| u64::from(snapshot.tick) + origin.offset)
    }

    /// Lets the song stand at `origin`, without its voices. Real-time: yes.
    pub(crate) fn begin(&self, origin: Origin, player: &mut SongPlayer) {
        if let Some(snapshot) = self.snapshots.get(origin.snapshot) {
            player.stand_at(&snapshot.setting, origin.passes * u64::from(self.draws));
        }
    }

    /// Brings back the n-th voice, at the tempo that `frame_of` tells of; says how many steps that took, `None` where
    /// there is no such voice. Real-time: yes.
    pub(crate) fn put_back(
        &self,
        (origin, index): (Origin, usize),
        player: &mut SongPlayer,
        frame_of: &dyn Fn(u64) -> i64,
    ) -> Option<usize> {
        let snapshot = self.snapshots.get(origin.snapshot)?;
        let voices = self.voices.get(snapshot.voices.start as usize..snapshot.voices.end as usize)?;
        let kept = voices.get(index)?;
        let state = self.states.get(kept.state as usize)?;
        let mut steps = 1;
        player.put_back(kept.slot.into(), state, |voice, core| {
            let place = Place {
                song: &core.song,
                output: &core.output,
                frame_of: &|tick| frame_of(u64::from(tick) + origin.offset),
                tick: snapshot.tick,
            };
            steps += self.lives.lead(kept.life, voice, &place);
        });
        Some(steps)
    }
}

/// A snapshot, and how many passes of the loop later than recorded it is taken to be, in ticks too.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin {
    snapshot: usize,
    passes: u64,
    offset: u64,
}

/// Builds a song's snapshots.
struct Builder {
    timeline: Arc<Timeline>,
    player: SongPlayer,
    recorder: Recorder,
    snapshots: Vec<Snapshot>,
    voices: Vec<Kept>,
    states: Vec<VoiceState>,
    spacing: u32,
    replayed: u32,
    /// Background voices beyond this have never been in use.
    highest: usize,
    /// Frames that the ticks so far were too short by.
    carry: f64,
}

impl Builder {
    fn new(song: &Arc<Song>) -> Self {
        let mut player = SongPlayer::new(Arc::clone(song), RATE);
        player.chips.clear();
        let ticks = (CHASE / player.channels.len().max(1)) as u32;
        Self {
            timeline: Timeline::of(song),
            recorder: Recorder::default(),
            snapshots: Vec::new(),
            voices: Vec::new(),
            states: Vec::new(),
            spacing: (ticks / 3).max(32),
            replayed: (ticks * 2 / 3).max(64),
            highest: 0,
            carry: 0.0,
            player,
        }
    }

    fn build(mut self) -> Snapshots {
        let (count, loop_start) = (self.timeline.unrolled().len() as u32, self.timeline.repeat() as u32);
        let pass = count.saturating_sub(loop_start).max(1);
        // As many passes more as any chase looks back on.
        let mut wanted = count + (self.replayed + self.spacing).div_ceil(pass).max(1) * pass;
        let (mut work, mut tick) = (0, 0);
        let (mut random, mut states) = ([self.player.random(); 2], Vec::new());
        while tick < wanted && work <= MOST_WORK {
            if tick % self.spacing == 0 && tick > 0 {
                self.take(tick);
            }
            self.run(tick);
            work += self.player.voices_in_use();
            tick += 1;
            if tick >= count && (tick - count).is_multiple_of(pass) {
                random = [random[1], self.player.random()];
                let before = std::mem::replace(&mut states, self.states_now());
                let more = work < MORE_WORK && wanted + pass <= LONGEST && self.bytes() < MORE_BYTES;
                if tick == wanted && more && states != before {
                    wanted += pass;
                }
            }
        }
        let end = count + tick.saturating_sub(count) / pass * pass;
        Snapshots {
            timeline: self.timeline,
            snapshots: self.snapshots,
            voices: self.voices,
            states: self.states,
            lives: self.recorder.finish(),
            replayed: self.replayed,
            end: end.max(count),
            draws: random[1].since(random[0]),
        }
    }

    fn states_now(&mut self) -> Vec<VoiceState> {
        (0..self.highest).filter_map(|slot| Some(self.player.voice_mut(slot)?.state)).collect()
    }

    /// Plays a tick, and watches what it does to sounds.
    fn run(&mut self, tick: u32) {
        let Self { player, recorder, highest, .. } = self;
        player.tick();
        *highest = (*highest).max(player.voices_in_use());
        let song = Arc::clone(player.song());
        for slot in 0..*highest {
            if let Some(voice) = player.voice_mut(slot) {
                recorder.see_tick(&song, voice, tick);
            }
        }
        let frames = player.tick_seconds() * RATE.0 + self.carry;
        self.carry = frames.fract();
        player.pass_over(frames as usize);
        for slot in 0..*highest {
            if let Some(voice) = player.voice_mut(slot) {
                recorder.see_frames(&song, voice, tick);
            }
        }
    }

    /// Takes a snapshot before `tick`.
    fn take(&mut self, tick: u32) {
        let first = self.voices.len() as u32;
        for slot in 0..self.highest {
            self.keep(slot);
        }
        let voices = first..self.voices.len() as u32;
        self.snapshots.push(Snapshot { tick, setting: self.player.setting(), voices });
        self.recorder.sweep(tick - 1);
        if self.bytes() > MOST_BYTES && self.snapshots.len() > 1 {
            self.thin_out();
        }
    }

    fn keep(&mut self, slot: usize) {
        let is_channel = slot < self.player.channels.len();
        let Some(voice) = self.player.voice_mut(slot) else { return };
        let life = voice.sound.life;
        if !is_channel && life == 0 && !voice.in_use() {
            return;
        }
        let state = voice.state;
        let before =
            self.snapshots.last().map_or(0..0, |last| last.voices.start as usize..last.voices.end as usize);
        let mut alike = self.voices.get(before).unwrap_or_default().iter();
        let same = alike.find(|kept| usize::from(kept.slot) == slot).map(|kept| kept.state);
        let same = same.filter(|&index| self.states.get(index as usize) == Some(&state));
        let state = same.unwrap_or_else(|| {
            self.states.push(state);
            self.states.len() as u32 - 1
        });
        self.recorder.keep(life);
        self.voices.push(Kept { slot: slot as u16, state, life }); // at most 256 voices
    }

    fn bytes(&self) -> usize {
        let settings: usize = self.snapshots.iter().map(|snapshot| snapshot.setting.bytes()).sum();
        settings
            + self.voices.len() * size_of::<Kept>()
            + self.states.len() * size_of::<VoiceState>()
            + self.recorder.bytes()
    }

    /// Gives up every other snapshot, and what only those needed.
    fn thin_out(&mut self) {
        self.spacing *= 2;
        let spacing = self.spacing;
        self.snapshots.retain(|snapshot| snapshot.tick % spacing == 0);
        let (voices, states) = (std::mem::take(&mut self.voices), std::mem::take(&mut self.states));
        let mut moved = vec![u32::MAX; states.len()];
        for snapshot in &mut self.snapshots {
            let first = self.voices.len() as u32;
            for kept in
                voices.get(snapshot.voices.start as usize..snapshot.voices.end as usize).unwrap_or_default()
            {
                let (Some(state), Some(place)) =
                    (states.get(kept.state as usize), moved.get_mut(kept.state as usize))
                else {
                    continue;
                };
                if *place == u32::MAX {
                    *place = self.states.len() as u32;
                    self.states.push(*state);
                }
                self.voices.push(Kept { state: *place, ..*kept });
            }
            snapshot.voices = first..self.voices.len() as u32;
        }
        self.recorder.keep_only(self.voices.iter().map(|kept| kept.life));
    }
}
