//! The song in the engine: its player, and the clock that says when a tick begins.
//!
//! Made by the worker with everything it needs. On the audio thread it follows the transport, begins ticks on their
//! frames and renders the frames between them. What a jump finds at its target are the row and tick, not the notes that
//! sounded there.

use super::Transport;
use super::clock::End;
use super::clock::HostClock;
use super::clock::Move;
use super::clock::OwnClock;
use super::clock::TickBeats;
use super::halves::Position;
use super::launch::LaunchMode;
use super::launch::LaunchQuantise;
use super::launch::Launcher;
use crate::dsp::Level;
use crate::rt::shared::Derived;
use crate::tracker;
use crate::tracker::Interpolation;
use crate::tracker::Keyboard;
use crate::tracker::Ramping;
use crate::tracker::Song;
use crate::tracker::SongPlayer;
use crate::tracker::Timeline;
use crate::tracker::Tone;
use crate::units::Gain;
use crate::units::SampleRate;
use std::sync::Arc;

/// One tick is 1/24 of a quarter note at any tempo.
const TICKS_PER_BEAT: f64 = 24.0;

/// Ticks that may begin on one frame, at most: more is a tempo that no song means.
const TICKS_PER_FRAME: usize = 16;

/// What sets the pace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Sync {
    /// The host's beats.
    #[default]
    Song,
    /// The module's own tempo, from where the host starts.
    Free,
    /// Notes, which start patterns; the song stands.
    Launch,
}

/// The song's parameters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct SongSettings {
    pub(super) play: bool,
    pub(super) audition: bool,
    pub(super) sync: Sync,
    /// The module's tempo commands change the pace.
    pub(super) scale_tempo: bool,
    pub(super) ratio: f64,
    pub(super) start_beat: f64,
    pub(super) start_order: u16,
    pub(super) end: End,
    pub(super) launch_mode: LaunchMode,
    pub(super) launch_quantise: LaunchQuantise,
    pub(super) tone: Tone,
    pub(super) interpolation: Interpolation,
    pub(super) ramping: Ramping,
}

impl Default for SongSettings {
    fn default() -> Self {
        Self {
            play: true,
            audition: false,
            sync: Sync::Song,
            scale_tempo: true,
            ratio: 1.0,
            start_beat: 0.0,
            start_order: 0,
            end: End::Loop,
            launch_mode: LaunchMode::default(),
            launch_quantise: LaunchQuantise::default(),
            tone: Tone::Clean,
            interpolation: Interpolation::default(),
            ramping: Ramping::Format,
        }
    }
}

/// A song with all that plays it.
pub(super) struct Playing {
    pub(super) player: SongPlayer,
    pub(super) keyboard: Keyboard,
    pub(super) launch: Launcher,
    timeline: Arc<Timeline>,
    beats: Arc<SongBeats>,
    host: HostClock,
    own: OwnClock,
    /// Moves on notes played on song channels while the song stands.
    idle: OwnClock,
    settings: SongSettings,
    /// Ticks of the song's first round that the own clock has still to begin.
    own_ticks: usize,
    host_plays: bool,
    /// The last tick has passed and the end is not a loop.
    ended: bool,
}

/// Where a song's ticks lie in beats.
struct SongBeats {
    /// At the host's tempo times the module's relative tempo.
    scaled: TickBeats,
    /// At the host's tempo.
    locked: TickBeats,
}

/// Of timelines in use.
static BEATS: Derived<Timeline, SongBeats> = Derived::new();

impl SongBeats {
    fn new(timeline: &Timeline) -> Self {
        Self {
            scaled: tick_beats(timeline, |tick_seconds, first| tick_seconds / first),
            locked: tick_beats(timeline, |_, _| 1.0),
        }
    }

    fn ticks(&self, scale_tempo: bool) -> &TickBeats {
        if scale_tempo { &self.scaled } else { &self.locked }
    }
}

impl Playing {
    /// Builds the player, and what other instances of the song do not hold yet. Allocates.
    pub(super) fn new(song: &Arc<Song>, trim: Gain, rate: SampleRate, level: Level) -> Self {
        let timeline = Timeline::of(song);
        let mut player = SongPlayer::new(Arc::clone(song), rate);
        player.set_trim(trim);
        player.set_level(level);
        let mut keyboard = Keyboard::new(Arc::clone(song), rate);
        keyboard.set_level(level);
        let mut launch = Launcher::new(song, &timeline, trim, rate);
        launch.set_level(level);
        Self {
            player,
            keyboard,
            launch,
            beats: BEATS.of(&timeline, || SongBeats::new(&timeline)),
            timeline,
            host: HostClock::new(rate),
            own: OwnClock::new(rate),
            idle: OwnClock::new(rate),
            settings: SongSettings::default(),
            own_ticks: 0,
            host_plays: false,
            ended: false,
        }
    }
}

/// Starts of all ticks in beats, each as long as `length` says from its own and the first tick's seconds.
fn tick_beats(timeline: &Timeline, length: impl Fn(f64, f64) -> f64) -> TickBeats {
    let seconds = |index: usize| timeline.tick_seconds(index);
    let first = seconds(0);
    let mut starts = Vec::with_capacity(timeline.ticks().len() + 1);
    let mut beats = 0.0;
    for index in 0..timeline.ticks().len() {
        starts.push(beats);
        beats += length(seconds(index), first) / TICKS_PER_BEAT;
    }
    starts.push(beats);
    TickBeats { starts, loop_start: timeline.loop_start() }
}

impl Playing {
    /// Takes changed parameters; those that move the song act as a jump of the host, which is at `now`.
    pub(super) fn set(&mut self, settings: SongSettings, now: &Transport, frame: u64) {
        let old = std::mem::replace(&mut self.settings, settings);
        self.player.set_tone(settings.tone);
        self.player.set_interpolation(settings.interpolation);
        self.player.set_ramping(settings.ramping);
        self.keyboard.set_tone(settings.tone);
        self.keyboard.set_interpolation(settings.interpolation);
        self.keyboard.set_ramping(settings.ramping);
        self.launch.set(&settings);
        if old.sync == Sync::Launch && settings.sync != Sync::Launch {
            self.launch.halt();
        }
        (self.host.start_beat, self.host.ratio) = (settings.start_beat, settings.ratio);
        let moves =
            |s: &SongSettings| (s.play, s.sync, s.scale_tempo, s.ratio.to_bits(), s.start_beat.to_bits());
        if moves(&old) != moves(&settings) {
            self.halt();
            self.host_plays = false;
            self.follow(now, frame);
        }
        let auditions =
            settings.audition && settings.play && !self.host_plays && settings.sync != Sync::Launch;
        if auditions && !self.own.running() {
            self.start_own(frame);
        } else if !auditions && !self.host_plays && self.own.running() {
            self.halt();
        }
    }

    /// Follows the host, which says at `frame` where it is.
    pub(super) fn follow(&mut self, transport: &Transport, frame: u64) {
        let started = transport.playing && !self.host_plays;
        let stopped = !transport.playing && self.host_plays;
        self.host_plays = transport.playing;
        if started || stopped {
            self.halt();
        }
        if !self.settings.play {
            return;
        }
        match self.settings.sync {
            // A host that never says where it is has no grid to keep to.
            Sync::Song if transport.playing && (transport.beats.is_some() || self.host.running()) => {
                if self.own.running() {
                    self.halt();
                }
                let ticks = self.beats.ticks(self.settings.scale_tempo);
                match self.host.update(transport, frame, ticks) {
                    Move::Locate(tick) => self.locate(tick, frame),
                    Move::Stop => self.halt(),
                    Move::Continue => {}
                }
            }
            Sync::Launch => {}
            Sync::Song | Sync::Free if transport.playing => {
                if !self.own.running() && !self.ended {
                    self.start_own(frame);
                }
            }
            Sync::Song | Sync::Free => {
                if stopped && self.settings.audition {
                    self.start_own(frame);
                }
            }
        }
    }

    /// Back to the state of a new song with the same settings.
    pub(super) fn reset(&mut self) {
        self.host_plays = false;
        self.keyboard.reset();
        self.launch.reset();
        self.halt();
        self.player.clear();
        if self.settings.audition && self.settings.play && self.settings.sync != Sync::Launch {
            self.start_own(0);
        }
    }

    /// Cuts every note, the song's too.
    pub(super) fn panic(&mut self) {
        self.keyboard.panic();
        self.launch.halt();
        self.player.cut_all();
    }

    /// Whether keys start patterns, whatever their mode.
    pub(super) fn is_launched(&self) -> bool {
        self.settings.sync == Sync::Launch
    }

    /// Plays an instrument's key on a song channel, over the pattern's note.
    pub(super) fn play_note(
        &mut self,
        channel: usize,
        (instrument, key): (u16, u8),
        velocity: f32,
        frame: u64,
    ) {
        self.player.play_note(channel, instrument, key, velocity);
        self.keep_ticking(frame);
    }

    /// Releases the key on a song channel.
    pub(super) fn release_note(&mut self, channel: usize, frame: u64) {
        self.player.release_note(channel);
        self.keep_ticking(frame);
    }

    /// Lets the idle clock move on what sounds while the song does not.
    fn keep_ticking(&mut self, frame: u64) {
        if self.next_frame().is_none() {
            self.idle.start(frame);
            self.idle.advance(self.player.tick_seconds());
        }
    }

    fn halt(&mut self) {
        self.host.stop();
        self.own.stop();
        self.idle.stop();
        self.ended = false;
        self.player.reset();
    }

    fn start_own(&mut self, frame: u64) {
        self.player.reset();
        if self.settings.start_order > 0 {
            self.player.seek(self.settings.start_order, 0);
        }
        self.ended = false;
        self.idle.stop();
        self.own.start(frame);
        let first = |tick: &tracker::Position| tick.order >= self.settings.start_order;
        let start = self.timeline.ticks().iter().position(first).unwrap_or(0);
        self.own_ticks = self.timeline.ticks().len() - start;
    }

    /// Puts the player where it would be at `frame` if the row there had been played from its first tick, and the tick
    /// of this number is the next to begin.
    fn locate(&mut self, tick: u64, frame: u64) {
        self.player.reset();
        self.ended = false;
        self.idle.stop();
        let Some(&place) =
            self.ticks().index(tick, self.settings.end).and_then(|i| self.timeline.ticks().get(i))
        else {
            self.ended = true;
            return;
        };
        let passed = u64::from(place.tick).min(tick);
        if tick > passed {
            self.player.seek_to(place);
        }
        let start_of = |song: &Self, tick| song.host.frame_of(tick, song.ticks()).unwrap_or(0);
        for before in tick - passed..tick {
            self.player.tick();
            let end = start_of(self, before + 1).min(frame as i64);
            self.player.skip((end - start_of(self, before)).max(0) as usize);
        }
    }

    fn ticks(&self) -> &TickBeats {
        self.beats.ticks(self.settings.scale_tempo)
    }

    /// Frame of the next tick; `None` while nothing runs.
    pub(super) fn next_frame(&self) -> Option<u64> {
        self.song_frame().or_else(|| self.idle.next_frame())
    }

    /// Frame of the song's own next tick.
    fn song_frame(&self) -> Option<u64> {
        if self.ended {
            return None;
        }
        self.own.next_frame().or_else(|| self.host.next_frame(self.ticks()))
    }

    /// Begins every tick that is due at `frame`.
    pub(super) fn begin_ticks(&mut self, frame: u64) {
        for _ in 0..TICKS_PER_FRAME {
            if self.next_frame().is_none_or(|next| next > frame) {
                return;
            }
            if self.song_frame().is_none() {
                self.player.hold();
                self.idle.advance(self.player.tick_seconds());
            } else if self.own.running() {
                self.begin_own_tick();
            } else {
                self.begin_host_tick();
            }
        }
    }

    fn begin_own_tick(&mut self) {
        if self.own_ticks == 0 && self.settings.end != End::Loop {
            self.end();
            return;
        }
        self.own_ticks = self.own_ticks.saturating_sub(1);
        self.player.tick();
        self.own.advance(self.player.tick_seconds());
    }

    fn begin_host_tick(&mut self) {
        let tick = self.host.take();
        if self.ticks().index(tick, self.settings.end).is_none() {
            self.end();
        } else {
            self.player.tick();
        }
    }

    fn end(&mut self) {
        self.ended = true;
        if self.settings.end == End::Stop {
            self.player.reset();
        }
    }

    /// For display.
    pub(super) fn position(&self) -> Position {
        let place = self.player.position();
        Position {
            order: place.order,
            row: place.row,
            tick: place.tick.min(255) as u8,
            speed: place.speed.min(255) as u8,
            tempo: place.tempo.min(255) as u8,
            running: self.song_frame().is_some(),
        }
    }
}
