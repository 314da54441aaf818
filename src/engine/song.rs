//! The song in the engine: what sets its pace, and what a jump of the host or of a parameter makes of it.
//!
//! Made by the worker with everything it needs. On the audio thread it follows the transport in the way that the sync mode
//! says, begins ticks on their frames and renders the frames between them. [`HostClock`] says when ticks happen,
//! [`Players`] bring back what sounded where a jump goes.

use super::Transport;
use super::clock::Course;
use super::clock::Grid;
use super::clock::HostClock;
use super::clock::Move;
use super::clock::OwnClock;
use super::clock::Turn;
use super::clock::Word;
use super::halves::Position;
use super::launch::LaunchMode;
use super::launch::LaunchQuantise;
use super::launch::Launcher;
use super::players::Players;
use super::ticks::Pace;
use super::ticks::SongTimes;
use crate::audio::Outlets;
use crate::audio::RenderContext;
use crate::dsp::Level;
use crate::rt::shared::Derived;
use crate::tracker;
use crate::tracker::Chase;
use crate::tracker::Interpolation;
use crate::tracker::Keyboard;
use crate::tracker::Ramping;
use crate::tracker::Separation;
use crate::tracker::Song;
use crate::tracker::SongPlayer;
use crate::tracker::Timeline;
use crate::tracker::Tone;
use crate::units::Gain;
use crate::units::SampleRate;
use std::ops::Range;
use std::sync::Arc;

/// Ticks that may begin on one frame, at most: more is a tempo that no song means.
const TICKS_PER_FRAME: usize = 16;
/// The tempo at which a beat is a second.
const SECONDS_TEMPO: f64 = 60.0;

/// What sets the pace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Sync {
    /// The host's beats.
    #[default]
    Song,
    /// The module's own tempo, at the host's seconds.
    Original,
    /// The host's tempo, from where the host starts.
    Tempo,
    /// The module's own tempo, from where the host starts.
    Free,
    /// Notes: the song itself is silent.
    Launch,
    /// The Order and Row parameters.
    Manual,
}

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
    /// Order and row of Manual sync.
    pub(super) manual: (u16, u16),
    pub(super) chase: Chase,
    pub(super) launch_mode: LaunchMode,
    pub(super) launch_quantise: LaunchQuantise,
    pub(super) tone: Tone,
    pub(super) interpolation: Interpolation,
    pub(super) ramping: Ramping,
    pub(super) separation: Separation,
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
            manual: (0, 0),
            chase: Chase::Full,
            launch_mode: LaunchMode::default(),
            launch_quantise: LaunchQuantise::default(),
            tone: Tone::Clean,
            interpolation: Interpolation::default(),
            ramping: Ramping::Format,
            separation: Separation::default(),
        }
    }
}

impl SongSettings {
    /// Hands a player what concerns its sound.
    fn tune(&self, player: &mut SongPlayer) {
        player.set_tone(self.tone);
        player.set_interpolation(self.interpolation);
        player.set_ramping(self.ramping);
        player.set_separation(self.separation);
    }

    /// Whether a jump of the host moves the song.
    fn locked_to_host(&self) -> bool {
        matches!(self.sync, Sync::Song | Sync::Original)
    }

    /// Whether the same host plays the song elsewhere. Modes that count their own ticks take new tempos as they go.
    fn moves_song(&self, old: &Self) -> bool {
        let policy = |s: &Self| (s.scale_tempo, s.ratio.to_bits(), s.start_beat.to_bits(), s.end);
        let start = |s: &Self| (s.sync, s.start_order);
        start(self) != start(old) || self.locked_to_host() && policy(self) != policy(old)
    }
}

/// What begins the song's ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Drive {
    Nothing,
    /// `HostClock`.
    Host,
    /// `OwnClock`.
    Own,
}

/// A jump that has still to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Jump {
    /// To silence.
    Silence,
    /// To where the host clock's grid says.
    Host,
    /// To the start, on the own clock.
    Own,
}

/// A song with all that plays it.
pub(super) struct Playing {
    players: Players,
    pub(super) keyboard: Keyboard,
    pub(super) launch: Launcher,
    timeline: Arc<Timeline>,
    times: Arc<SongTimes>,
    rate: SampleRate,
    settings: SongSettings,
    /// `None` where the host's next word is a start.
    drive: Option<Drive>,
    host_plays: bool,
    host: HostClock,
    own: OwnClock,
    /// Moves on notes played on song channels while the song stands.
    idle: OwnClock,
    /// Waits for the cross-fade under way to end, or for a chase that must not be put off.
    jump: Option<Jump>,
    /// Number of the host clock's next tick, while the player that is heard stands where the clock does.
    next: Option<u64>,
    /// The jump that is to come.
    turn: Option<Turn>,
    /// The host has not reached the start of a song that begins at a later order.
    waits: bool,
    /// The host's last word and its frame.
    heard: (Transport, u64),
    /// The host's second at which the song starts in Original sync.
    start_second: f64,
    /// Ticks of the song's first round that the own clock has still to begin.
    own_ticks: usize,
    /// The last tick has passed on the own clock, and what it left sounds on.
    held: bool,
}

/// Of timelines in use.
static TIMES: Derived<Timeline, SongTimes> = Derived::new();

impl Playing {
    /// Builds the players, and what other instances of the song do not hold yet. Allocates.
    pub(super) fn new(song: &Arc<Song>, trim: Gain, rate: SampleRate, level: Level) -> Self {
        let timeline = Timeline::of(song);
        let mut players = Players::new(song, rate);
        players.both_mut().for_each(|player| {
            player.set_trim(trim);
            player.set_level(level);
        });
        let mut keyboard = Keyboard::new(Arc::clone(song), rate);
        keyboard.set_level(level);
        let mut launch = Launcher::new(song, &timeline, trim, rate);
        launch.set_level(level);
        Self {
            players,
            keyboard,
            launch,
            times: TIMES.of(&timeline, || SongTimes::new(&timeline)),
            timeline,
            rate,
            settings: SongSettings::default(),
            drive: Some(Drive::Nothing),
            host_plays: false,
            host: HostClock::new(rate),
            own: OwnClock::new(rate),
            idle: OwnClock::new(rate),
            jump: None,
            next: None,
            turn: None,
            waits: false,
            heard: (Transport::default(), 0),
            start_second: 0.0,
            own_ticks: 0,
            held: false,
        }
    }

    /// The player that is heard.
    pub(super) fn player(&self) -> &SongPlayer {
        self.players.heard()
    }

    /// The player that is heard, to play on. A jump keeps its controllers and forgets its notes.
    pub(super) fn player_mut(&mut self) -> &mut SongPlayer {
        self.players.heard_mut()
    }

    /// Takes changed parameters; those that move the song act as a jump of the host, which is at `now`.
    pub(super) fn set(&mut self, settings: SongSettings, now: &Transport, frame: u64) {
        let old = std::mem::replace(&mut self.settings, settings);
        let chases_otherwise = self.players.set_chase(settings.chase);
        self.players.both_mut().for_each(|player| settings.tune(player));
        self.keyboard.set_tone(settings.tone);
        self.keyboard.set_interpolation(settings.interpolation);
        self.keyboard.set_ramping(settings.ramping);
        self.launch.set(&settings);
        if old.sync == Sync::Launch && settings.sync != Sync::Launch {
            self.launch.halt();
        }
        let now = self.known(&old, now, frame);
        if settings.moves_song(&old) {
            self.forget();
        } else if chases_otherwise {
            self.begin_jump(Jump::Host, frame);
        }
        if self.drive != Some(self.wanted_drive(&now)) {
            self.follow(&now, frame);
        } else if settings.sync == Sync::Manual && old.manual != settings.manual {
            self.move_by_hand(&now, frame);
        } else if self.drive == Some(Drive::Host) && !settings.locked_to_host() {
            self.change_pace(&now, frame);
        }
    }

    /// Where what a song channel has in a field is shifted to, -1 left … 1 right.
    pub(super) fn set_shift(&mut self, channel: usize, shift: f32) {
        self.players.both_mut().for_each(|player| player.set_shift(channel, shift));
        self.launch.set_shift(channel, shift);
    }

    /// `now` with the position that the clock knows: it may have gone round a loop since the host's last word.
    fn known(&self, old: &SongSettings, now: &Transport, frame: u64) -> Transport {
        let position = self.host.grid().map(|grid| grid.position_at(frame as i64));
        match old.sync {
            Sync::Song => Transport { beats: position.or(now.beats), ..*now },
            Sync::Original => Transport { seconds: position.or(now.seconds), ..*now },
            Sync::Tempo | Sync::Free | Sync::Launch | Sync::Manual => *now,
        }
    }

    /// Lets the host's next word be a start.
    fn forget(&mut self) {
        self.drive = None;
        self.host.stop();
        self.own.stop();
    }

    /// What is to begin ticks while the host's transport is this.
    fn wanted_drive(&self, transport: &Transport) -> Drive {
        let SongSettings { play, audition, sync, .. } = self.settings;
        if !play || sync == Sync::Launch || !transport.playing && !audition {
            return Drive::Nothing;
        }
        if !transport.playing {
            return if sync == Sync::Manual { Drive::Host } else { Drive::Own };
        }
        let runs = self.host.grid().is_some();
        match sync {
            // A host that never says where it is has no grid to keep to.
            Sync::Song if transport.beats.is_some() || runs => Drive::Host,
            Sync::Original if transport.beats.is_some() || transport.seconds.is_some() || runs => Drive::Host,
            Sync::Tempo | Sync::Manual => Drive::Host,
            Sync::Song | Sync::Original | Sync::Free | Sync::Launch => Drive::Own,
        }
    }

    /// Follows the host, which says at `frame` where it is.
    pub(super) fn follow(&mut self, transport: &Transport, frame: u64) {
        if transport.playing != self.host_plays {
            self.host_plays = transport.playing;
            self.forget();
        }
        let strayed = self.strayed(transport, frame);
        self.heard = (*transport, frame);
        let drive = self.wanted_drive(transport);
        let turned = self.drive.replace(drive) != Some(drive);
        match drive {
            Drive::Nothing if turned => {
                self.host.stop();
                self.own.stop();
                self.begin_jump(Jump::Silence, frame);
            }
            Drive::Nothing => {}
            Drive::Own if turned => {
                self.host.stop();
                self.begin_jump(Jump::Own, frame);
            }
            Drive::Own => {}
            Drive::Host => {
                self.own.stop();
                self.follow_host(transport, frame, strayed);
            }
        }
    }

    fn follow_host(&mut self, transport: &Transport, frame: u64, strayed: bool) {
        if self.settings.sync == Sync::Original && (self.host.grid().is_none() || strayed) {
            self.host.stop();
            self.start_second = self.second_of_start(transport);
        }
        let word = self.word(transport);
        let course = match self.host.grid() {
            Some(grid) if !self.settings.locked_to_host() => grid.course,
            _ => self.course(),
        };
        let before = self.host.grid().copied();
        let moved = self.host.follow(&word, frame as i64, course);
        match (moved, self.host.grid()) {
            (Move::Jump, _) => self.begin_jump(Jump::Host, frame),
            (Move::Continue, Some(grid)) if before.as_ref() != Some(grid) => {
                self.turn = None;
                if self.jump.is_none() {
                    self.players.regrid(*grid);
                }
            }
            (Move::Continue, _) => {}
        }
        self.look_ahead(frame);
    }

    /// What the host's transport says of the song's clock.
    fn word(&self, transport: &Transport) -> Word {
        let seconds = Word { position: None, tempo: SECONDS_TEMPO, increment: 0.0, looping: None };
        match self.settings.sync {
            Sync::Song => Word::in_beats(transport),
            Sync::Original => {
                let starts = self.host.grid().is_none();
                let reckoned =
                    || transport.beats.filter(|_| starts).map(|beats| seconds_of(transport, beats));
                let position = transport.seconds.or_else(reckoned);
                let second = |beat: f64| Some(position? + seconds_of(transport, beat - transport.beats?));
                let looping = transport.looping.and_then(|(start, end)| second(start).zip(second(end)));
                Word { position, looping, ..seconds }
            }
            Sync::Manual if !self.host_plays => seconds,
            Sync::Tempo | Sync::Free | Sync::Launch | Sync::Manual => {
                Word { position: None, looping: None, ..Word::in_beats(transport) }
            }
        }
    }

    /// Whether a host that tells no seconds has left the way that its beats were going.
    fn strayed(&self, transport: &Transport, frame: u64) -> bool {
        let (last, heard) = self.heard;
        let (Some(told), Some(beats)) =
            (transport.beats, last.later(frame - heard.min(frame), self.rate).beats)
        else {
            return false;
        };
        let unseen =
            (frame - heard.min(frame)) as f64 / self.rate.0 * (last.tempo / transport.tempo - 1.0).abs();
        let off = seconds_of(transport, told - beats).abs();
        transport.seconds.is_none() && off > super::clock::JUMP_SECONDS + unseen
    }

    /// The host's second at which the song starts in Original sync; before a change of tempo it is a guess.
    fn second_of_start(&self, transport: &Transport) -> f64 {
        let start = self.settings.start_beat;
        match (transport.seconds, transport.beats) {
            (Some(seconds), Some(beats)) if start > 0.0 => seconds + seconds_of(transport, start - beats),
            _ => seconds_of(transport, start),
        }
    }

    /// How the parameters have the song go through the host's time.
    fn course(&self) -> Course {
        let SongSettings { sync, scale_tempo, ratio, start_beat, end, .. } = self.settings;
        let by_hand = sync == Sync::Manual;
        let own = sync == Sync::Original || by_hand && !self.host_plays;
        let pace = match scale_tempo {
            _ if own => Pace::Own,
            true => Pace::Scaled,
            false => Pace::Locked,
        };
        let first = if by_hand { self.row_by_hand() } else { self.first_tick() };
        let count = self.timeline.ticks().len() as u64;
        Course {
            start: match sync {
                Sync::Song => start_beat,
                Sync::Original => self.start_second,
                Sync::Tempo | Sync::Free | Sync::Launch | Sync::Manual => 0.0,
            },
            first,
            limit: if by_hand { Some(self.row_end(first)) } else { (end != End::Loop).then_some(count) },
            ratio: if own { 1.0 } else { ratio },
            pace,
        }
    }

    /// Number of the tick that the song starts with.
    fn first_tick(&self) -> u64 {
        self.times.tick_of_order(self.settings.start_order)
    }

    fn place(&self, tick: u64) -> Option<tracker::Position> {
        let index = self.times.starts(Pace::Own).index(tick)?;
        self.timeline.unrolled().get(index).copied()
    }

    /// The first tick of the row that the parameters name.
    fn row_by_hand(&self) -> u64 {
        let (order, row) = self.settings.manual;
        self.times.tick_of_row(order, row)
    }

    /// The tick that follows the row of `tick`.
    fn row_end(&self, tick: u64) -> u64 {
        let ticks =
            self.times.starts(Pace::Own).index(tick).and_then(|index| self.timeline.unrolled().get(index..));
        let rest = ticks.unwrap_or(&[]).iter().skip(1);
        tick + 1 + rest.take_while(|place| place.tick > 0).count() as u64
    }

    /// Order or row has been moved: on to the next row, or with a chase to any other.
    fn move_by_hand(&mut self, now: &Transport, frame: u64) {
        let Some(grid) = self.host.grid().copied() else { return };
        let (word, mut course) = (self.word(now), self.course());
        let following = grid.course.limit.filter(|_| self.jump.is_none() && !self.players.chasing());
        let named = |tick: u64| self.place(tick).map(|place| (place.order, place.row));
        match (following, self.next) {
            (Some(row), Some(next)) if named(row) == named(course.first) => {
                (next..row).for_each(|_| self.players.heard_mut().tick());
                (course.first, course.limit) = (row, Some(self.row_end(row)));
                self.host.anchor(course.start, &word, frame as i64, course);
                self.next = Some(row);
            }
            _ => {
                self.host.anchor(course.start, &word, frame as i64, course);
                self.begin_jump(Jump::Host, frame);
            }
        }
    }

    /// Goes on from the next tick with another ratio or policy, in modes that count their own ticks.
    fn change_pace(&mut self, now: &Transport, frame: u64) {
        let Some(grid) = self.host.grid().copied() else { return };
        let wanted = self.course();
        let limit = if self.settings.sync == Sync::Manual { grid.course.limit } else { wanted.limit };
        let course = Course { limit, ..wanted };
        if (course.ratio, course.pace, limit) == (grid.course.ratio, grid.course.pace, grid.course.limit) {
            return;
        }
        let first = self.next.unwrap_or_else(|| grid.next_from(frame as i64, &self.times));
        let start = grid.frame_of(first, &self.times).max(frame as i64);
        self.host.anchor(course.start, &self.word(now), start, Course { first, ..course });
        if let (Some(grid), None) = (self.host.grid(), self.jump) {
            self.players.regrid(*grid);
        }
    }

    /// Back to the state of a new song with the same settings.
    pub(super) fn reset(&mut self) {
        self.keyboard.reset();
        self.launch.reset();
        self.players.reset();
        self.host.reset();
        self.own.stop();
        self.idle.stop();
        (self.drive, self.host_plays) = (Some(Drive::Nothing), false);
        (self.jump, self.next, self.turn, self.waits) = (None, None, None, false);
        self.held = false;
        self.follow(&Transport::default(), 0);
    }

    /// Cuts every note, the song's too.
    pub(super) fn panic(&mut self) {
        self.keyboard.panic();
        self.launch.halt();
        self.players.both_mut().for_each(SongPlayer::cut_all);
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
        self.players.heard_mut().play_note(channel, instrument, key, velocity);
        self.keep_ticking(frame);
    }

    /// Releases the key on a song channel.
    pub(super) fn release_note(&mut self, channel: usize, frame: u64) {
        self.players.heard_mut().release_note(channel);
        self.keep_ticking(frame);
    }

    /// Lets the idle clock move on what sounds while the song does not.
    fn keep_ticking(&mut self, frame: u64) {
        if self.stands() && !self.idle.running() {
            self.idle.start(frame);
            self.idle.advance(self.players.heard().tick_seconds());
        }
    }

    /// Whether no tick of the song has begun, or none will.
    fn stands(&self) -> bool {
        let first = self.host.grid().map(|grid| grid.course.first);
        self.song_tick().is_none() || !self.own.running() && self.next == first
    }

    /// Puts a jump down, and makes it if nothing hinders.
    fn begin_jump(&mut self, jump: Jump, frame: u64) {
        (self.next, self.jump, self.turn, self.waits) = (None, Some(jump), None, false);
        self.own.stop();
        self.idle.stop();
        self.make_jump(frame);
    }

    fn make_jump(&mut self, frame: u64) {
        if self.players.fading() || self.jump == Some(Jump::Host) && self.players.overdue(frame as i64) {
            return;
        }
        match self.jump.take() {
            None => {}
            Some(Jump::Silence) => self.players.restart(None),
            Some(Jump::Own) => self.start_own(frame),
            Some(Jump::Host) => self.jump_with_host(frame as i64),
        }
    }

    fn start_own(&mut self, frame: u64) {
        let first = self.first_tick();
        self.restart_at(first);
        self.own.start(frame);
        self.own_ticks = self.timeline.ticks().len().saturating_sub(first as usize);
        self.held = false;
    }

    /// Begins at a tick without what was before it.
    fn restart_at(&mut self, first: u64) {
        let place = self.place(first).filter(|_| first > 0);
        self.players.restart(place);
    }

    fn jump_with_host(&mut self, frame: i64) {
        let Some(grid) = self.host.grid().copied() else { return };
        let Course { first, limit, .. } = grid.course;
        let over = |limit| self.settings.end == End::Stop && grid.frame_of(limit, &self.times) <= frame;
        if self.settings.sync == Sync::Tempo {
            // The counter is the song's own: it starts now, even if the host did while something else faded out.
            self.host.set_grid(grid.moved(grid.frame_of(first, &self.times), frame));
            self.restart_at(first);
            self.next = Some(first);
        } else if let Some((prepared, next)) = self.players.take_prepared(&grid, frame) {
            self.host.set_grid(prepared);
            self.next = Some(next);
        } else if grid.frame_of(first, &self.times) > frame
            || first == 0 && grid.next_from(frame, &self.times) == 0
        {
            self.players.restart(None);
            self.next = (first == 0).then_some(0);
            self.waits = first > 0;
        } else if limit.is_some_and(over) && self.settings.sync != Sync::Manual {
            self.players.restart(None);
        } else {
            self.players.chase(grid, frame, &self.times);
            self.begin_at_once(&grid, frame);
        }
    }

    /// Where nothing sounds and a row begins on the very frame of a jump, its notes are heard at once, without what a chase
    /// will bring back.
    fn begin_at_once(&mut self, grid: &Grid, frame: i64) {
        let next = grid.next_from(frame, &self.times);
        let begins = grid.frame_within(next, &self.times) == frame && !self.players.heard().sounds();
        if let Some(place) = self.place(next).filter(|place| begins && place.tick == 0) {
            self.players.begin_at(place);
            self.next = Some(next);
        }
    }

    /// Whether the song has waited for its start until now.
    fn start_is_due(&self, frame: u64) -> bool {
        let starts = |grid: &Grid| grid.frame_of(grid.course.first, &self.times) <= frame as i64;
        self.waits && self.host.grid().is_some_and(starts)
    }

    /// Sees which jump is to come, and has the players prepare for it.
    fn look_ahead(&mut self, frame: u64) {
        if self.start_is_due(frame) || self.turn.is_some_and(|turn| turn.own && turn.frame == frame as i64) {
            return; // what has been prepared is about to be taken
        }
        let looks = self.drive == Some(Drive::Host) && self.settings.locked_to_host() && self.jump.is_none();
        self.turn = None;
        if looks && !self.players.chasing() {
            self.turn = self.host.coming(frame as i64, &self.times);
            self.players.prepare(self.turn, &self.times);
        }
    }

    /// Does what is due at `frame`: the jump that was to come, portions of a chase, and ticks. Says whether any began.
    pub(super) fn begin(&mut self, frame: u64) -> bool {
        let now = frame as i64;
        if self.players.end_fade() {
            self.make_jump(frame);
            self.look_ahead(frame);
        }
        if self.start_is_due(frame) {
            self.begin_jump(Jump::Host, frame);
            self.look_ahead(frame);
        } else if let Some(turn) = self.turn.filter(|turn| turn.own && turn.frame == now) {
            self.host.set_grid(turn.grid);
            self.begin_jump(Jump::Host, frame);
            self.look_ahead(frame);
        }
        if let Some(next) = self.players.work(now, &self.times) {
            self.idle.stop();
            self.next = Some(next).filter(|_| self.jump.is_none());
            if !self.players.fading() {
                self.make_jump(frame);
            }
            self.look_ahead(frame);
        }
        self.begin_ticks(frame)
    }

    /// The next frame after `frame` on which something happens.
    pub(super) fn next_cut(&self, frame: u64) -> Option<u64> {
        let turn = self.turn.filter(|turn| turn.own).map(|turn| turn.frame);
        let players = self.players.next_cut(frame as i64);
        let later = [turn, players].into_iter().flatten().filter(|&cut| cut > frame as i64);
        later.map(|cut| cut as u64).chain(self.next_tick()).min()
    }

    /// Frame of the next tick, the song's or of what sounds before it begins; `None` while nothing runs.
    fn next_tick(&self) -> Option<u64> {
        self.song_tick().into_iter().chain(self.idle.next_frame()).min()
    }

    /// Frame of the song's own next tick.
    fn song_tick(&self) -> Option<u64> {
        let of_host = || Some(self.host.grid()?.frame_of(self.next?, &self.times).max(0) as u64);
        self.own.next_frame().or_else(of_host)
    }

    /// Begins every tick that is due at `frame`, if any.
    fn begin_ticks(&mut self, frame: u64) -> bool {
        for done in 0..TICKS_PER_FRAME {
            if self.next_tick().is_none_or(|next| next > frame) {
                return done > 0;
            }
            if self.song_tick().is_none_or(|next| next > frame) {
                self.players.heard_mut().hold();
                self.idle.advance(self.players.heard().tick_seconds());
                continue;
            }
            self.idle.stop();
            if self.own.running() {
                self.begin_own_tick(frame);
            } else {
                self.begin_host_tick(frame);
            }
        }
        true
    }

    fn begin_own_tick(&mut self, frame: u64) {
        self.held |= self.own_ticks == 0 && self.settings.end != End::Loop;
        self.own_ticks = self.own_ticks.saturating_sub(1);
        if self.held && self.settings.end == End::Stop {
            return self.begin_jump(Jump::Silence, frame);
        }
        self.play_tick(self.held);
        self.own.advance(self.players.heard().tick_seconds());
    }

    fn begin_host_tick(&mut self, frame: u64) {
        let (Some(tick), Some(Grid { course, .. })) = (self.next, self.host.grid()) else { return };
        let past = course.limit.is_some_and(|limit| tick >= limit);
        if past && self.settings.end == End::Stop && self.settings.sync != Sync::Manual {
            return self.begin_jump(Jump::Silence, frame);
        }
        self.next = Some(tick + 1);
        self.play_tick(past);
    }

    /// A tick of the song, or one of the row that stands still.
    fn play_tick(&mut self, held: bool) {
        let player = self.players.heard_mut();
        if held { player.hold() } else { player.tick() }
    }

    /// Adds the song's channels. `range` lies between two cuts.
    pub(super) fn render(
        &mut self,
        ctx: &mut RenderContext<'_>,
        outlets: &mut Outlets<'_>,
        range: &Range<usize>,
    ) {
        self.players.render(ctx, outlets, range);
    }

    /// Voices of song, launched patterns and keyboard that are heard or die away.
    pub(super) fn sounding(&self) -> usize {
        self.players.heard().sounding() + self.launch.sounding() + self.keyboard.sounding()
    }

    /// For display.
    pub(super) fn position(&self) -> Position {
        let place = self.players.heard().position();
        Position {
            order: place.order,
            row: place.row,
            tick: place.tick.min(255) as u8,
            speed: place.speed.min(255) as u8,
            tempo: place.tempo.min(255) as u8,
            running: self.song_tick().is_some(),
            launched: self.launch.playing(),
            waiting: self.launch.waiting(),
        }
    }
}

/// How long so many beats last at the tempo that holds.
fn seconds_of(transport: &Transport, beats: f64) -> f64 {
    beats * 60.0 / transport.tempo
}
