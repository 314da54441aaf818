//! Patterns started by notes: who waits for which moment, and which players play.
//!
//! In: keys, the pedal and the host's transport. Out: the song channels' outlets, in blocks cut where `next_frame` says.
//! Audio thread, apart from `new`. Launches run on in beats of their own through the host's loops and seeks; moments are
//! found on the host's grid, and on one that goes on at its last tempo while it stands.

use super::EventKind;
use super::NoteAddress;
use super::Transport;
use super::clock::Course;
use super::clock::HostClock;
use super::clock::Move;
use super::clock::Word;
use super::outgoing::Outgoing;
use super::song::SongSettings;
use crate::audio::Outlets;
use crate::audio::RenderContext;
use crate::dsp::Level;
use crate::tracker::PatternPlaces;
use crate::tracker::PatternPlayer;
use crate::tracker::Position;
use crate::tracker::Song;
use crate::tracker::Timeline;
use crate::units::Gain;
use crate::units::SampleRate;
use std::ops::Range;
use std::sync::Arc;

/// Patterns that play at once.
const LAUNCHES: usize = 4;
/// MIDI key of pattern 0: C-2, where 60 is C-4.
const FIRST_KEY: u8 = 36;
const MIDI_CHANNELS: usize = 16;
/// One tick is 1/24 of a quarter note.
const TICKS_PER_BEAT: f64 = 24.0;
/// Ticks that may begin on one frame, at most.
const TICKS_PER_FRAME: usize = 16;
/// A moment comes so much before a tick that the sums of tick lengths put on it; a fiftieth of a frame.
const EARLY_BEATS: f64 = 1e-6;

/// What ends a launch, besides another one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum LaunchMode {
    /// The key's release.
    #[default]
    Gate,
    /// The pattern's end.
    OneShot,
    /// The key, pressed again.
    Latch,
}

/// The moments at which launches start and stop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum LaunchQuantise {
    /// At once.
    Off,
    /// Rows at the song's first speed, from the start beat on.
    Row,
    /// Quarter notes.
    Beat,
    /// Bars of the host's time signature, the first at beat 0.
    Bar,
    /// Ends of the pattern that plays.
    #[default]
    Pattern,
}

/// How a key is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hold {
    Down,
    Pedal,
    Released,
}

/// When a launch starts or stops.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Moment {
    /// In launch beats; what it was rounded to finds it anew where the host jumps.
    At(f64, LaunchQuantise),
    /// When the pattern of the launch of this number ends.
    EndOf(u64),
}

/// A launch as its key asked for it.
#[derive(Clone, Copy, Debug)]
struct Launch {
    note: NoteAddress,
    place: Position,
    level: Gain,
    mode: LaunchMode,
    hold: Hold,
    /// Counts launches.
    number: u64,
}

impl Launch {
    /// Ids decide where both sides have one.
    fn is(&self, note: &NoteAddress) -> bool {
        match (self.note.id, note.id) {
            (Some(own), Some(id)) => own == id,
            _ => (self.note.channel, self.note.key) == (note.channel, note.key),
        }
    }

    /// Whether it heeds the release of its key, which is down.
    fn heeds(&self, note: &NoteAddress) -> bool {
        self.mode == LaunchMode::Gate && self.hold == Hold::Down && self.is(note)
    }
}

/// A launch that plays.
#[derive(Clone, Copy, Debug)]
struct Run {
    launch: Launch,
    /// Launch beats at which the next tick begins.
    next: f64,
    stop: Option<Moment>,
}

/// A launch that waits for its moment.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    launch: Launch,
    moment: Moment,
}

struct Slot {
    player: PatternPlayer,
    run: Option<Run>,
    /// What has been stopped may still fade.
    fades: bool,
}

/// The host's beats, running on while it stands, and the launches' own, which no jump moves.
struct Grid {
    clock: HostClock,
    /// Launch beats less the host's.
    offset: f64,
    signature: (u16, u16),
    /// Frame of the host's last word.
    heard: u64,
}

impl Grid {
    fn new(rate: SampleRate) -> Self {
        let mut grid = Self { clock: HostClock::new(rate), offset: 0.0, signature: (4, 4), heard: 0 };
        grid.reset();
        grid
    }

    fn reset(&mut self) {
        self.clock.reset();
        (self.offset, self.signature, self.heard) = (0.0, (4, 4), 0);
        self.follow(&Transport::default(), 0);
    }

    /// Follows the host. Where its lines have moved, the frame from which on they are to be sought.
    fn follow(&mut self, transport: &Transport, frame: u64) -> Option<u64> {
        let standing = Transport { playing: true, tempo: transport.tempo, ..Transport::default() };
        let word = if transport.playing { transport } else { &standing };
        let before = self.host_beats(frame);
        // The clock is asked for beats, not for ticks.
        let course = Course { ratio: 1.0, ..Course::default() };
        let jumped = self.clock.follow(&Word::in_beats(word), frame as i64, course) == Move::Jump;
        if let (Some(before), Some(after), true) = (before, self.host_beats(frame), jumped) {
            self.offset += before - after;
        }
        let heard = std::mem::replace(&mut self.heard, frame);
        let counts_anew = std::mem::replace(&mut self.signature, transport.signature) != transport.signature;
        if jumped {
            let unheard = (frame - heard).max(1);
            return Some(frame.saturating_sub(self.frames_since_loop(word, frame, unheard).unwrap_or(0)));
        }
        counts_anew.then_some(frame)
    }

    /// Frames since the host went round its loop, where it has within the last `unheard`: between two frames, or inside
    /// a block. Lines there would never come, were its end on none.
    fn frames_since_loop(&self, word: &Transport, frame: u64, unheard: u64) -> Option<u64> {
        let (start, _) = word.looping?;
        let (now, next) = (self.host_beats(frame)?, self.host_beats(frame + 1)?);
        let passed = (now - start) / (next - now);
        (-0.5..=unheard as f64).contains(&passed).then(|| passed.max(0.0).ceil() as u64)
    }

    fn host_beats(&self, frame: u64) -> Option<f64> {
        self.clock.grid().map(|grid| grid.position_at(frame as i64))
    }

    /// Launch beats at a frame.
    fn beats_at(&self, frame: u64) -> f64 {
        self.host_beats(frame).unwrap_or(0.0) + self.offset
    }

    /// The frame that launch beats fall on.
    fn frame_of(&self, beats: f64) -> u64 {
        self.clock.grid().map_or(0, |grid| grid.frame_at(beats - self.offset)).max(0) as u64
    }

    /// The first line at `frame` or later, in launch beats: multiples of `unit` from `origin` on in the host's beats.
    fn line_from(&self, frame: u64, unit: f64, origin: f64) -> f64 {
        // A line belongs to the frame that is nearest.
        let (now, next) = (self.beats_at(frame), self.beats_at(frame + 1));
        let earliest = now - (next - now) / 2.0 - self.offset;
        let line = ((earliest - origin - EARLY_BEATS) / unit).ceil() * unit + origin;
        line + self.offset
    }

    fn bar(&self) -> f64 {
        let (beats, unit) = self.signature;
        if beats == 0 || unit == 0 { 4.0 } else { f64::from(beats) * 4.0 / f64::from(unit) }
    }
}

/// Starts and stops patterns.
pub(super) struct Launcher {
    slots: [Slot; LAUNCHES],
    /// By MIDI channel.
    waiting: [Option<Waiting>; MIDI_CHANNELS],
    pedals: [bool; MIDI_CHANNELS],
    places: PatternPlaces,
    channels: usize,
    /// Level of the song.
    trim: Gain,
    grid: Grid,
    settings: SongSettings,
    /// Ticks a row, and seconds a tick, at the song's start.
    first_speed: f64,
    first_seconds: f64,
    launched: u64,
    host_plays: bool,
    /// Everything ends: the host has stopped, say.
    halts: bool,
}

impl Launcher {
    /// Allocates all that launches will ever need.
    pub(super) fn new(song: &Arc<Song>, timeline: &Timeline, trim: Gain, rate: SampleRate) -> Self {
        let slot = |_| Slot { player: PatternPlayer::new(Arc::clone(song), rate), run: None, fades: false };
        let first_speed = timeline.ticks().first().map_or(6, |tick| tick.speed.max(1));
        Self {
            slots: std::array::from_fn(slot),
            waiting: [None; MIDI_CHANNELS],
            pedals: [false; MIDI_CHANNELS],
            places: PatternPlaces::new(song, timeline),
            channels: song.channels.len(),
            trim,
            grid: Grid::new(rate),
            settings: SongSettings::default(),
            first_speed: f64::from(first_speed),
            first_seconds: timeline.tick_seconds(0),
            launched: 0,
            host_plays: false,
            halts: false,
        }
    }

    /// Which instruction set the kernels use. Real-time: yes, like all that follows.
    pub(super) fn set_level(&mut self, level: Level) {
        self.slots.iter_mut().for_each(|slot| slot.player.set_level(level));
    }

    /// See [`super::song::Playing::set_shift`].
    pub(super) fn set_shift(&mut self, channel: usize, shift: f32) {
        self.slots.iter_mut().for_each(|slot| slot.player.set_shift(channel, shift));
    }

    /// Takes changed parameters: the pace from the next ticks on, modes and moments for keys to come.
    pub(super) fn set(&mut self, settings: &SongSettings) {
        self.settings = *settings;
        for slot in &mut self.slots {
            slot.player.set_tone(settings.tone);
            slot.player.set_interpolation(settings.interpolation);
            slot.player.set_ramping(settings.ramping);
            slot.player.set_separation(settings.separation);
        }
    }

    /// Follows the host. What plays runs on through its jumps; when it stops, so does everything.
    pub(super) fn follow(&mut self, transport: &Transport, frame: u64) {
        self.halts |= self.host_plays && !transport.playing;
        self.host_plays = transport.playing;
        if let Some(from) = self.grid.follow(transport, frame) {
            self.find_moments_anew(from);
        }
    }

    /// The lines have moved: what waits for one waits for the first from `frame` on.
    fn find_moments_anew(&mut self, frame: u64) {
        let Self { slots, waiting, grid, settings, first_speed, .. } = self;
        let stops = slots.iter_mut().filter_map(|slot| slot.run.as_mut()?.stop.as_mut());
        for moment in stops.chain(waiting.iter_mut().flatten().map(|waiting| &mut waiting.moment)) {
            if let Moment::At(_, quantise) = *moment
                && let Some(line) = line(grid, quantise, settings, *first_speed, frame)
            {
                *moment = Moment::At(line, quantise);
            }
        }
    }

    /// A key goes down.
    pub(super) fn press(&mut self, note: NoteAddress, velocity: f32, frame: u64, out: &mut Outgoing) {
        self.halt_if_due(frame, out);
        let (channel, mode) = (usize::from(note.channel), self.settings.launch_mode);
        let only = channel.checked_sub(1);
        let place = note.key.checked_sub(FIRST_KEY).and_then(|pattern| self.places.get(pattern.into()));
        let Some(place) = place.filter(|_| channel < MIDI_CHANNELS && only.is_none_or(|n| n < self.channels))
        else {
            return out.push(frame, EventKind::NoteEnd(note)); // there is nothing to play
        };
        if mode == LaunchMode::Latch && self.upcoming(channel) == Some(note.key) {
            out.push(frame, EventKind::NoteEnd(note));
            return self.unlatch(channel, frame, out);
        }
        self.drop_waiting(channel, frame, out);
        self.launched += 1;
        let level = Gain(self.trim.0 * velocity.clamp(0.0, 1.0));
        let launch = Launch { note, place, level, mode, hold: Hold::Down, number: self.launched };
        self.waiting[channel] = Some(Waiting { launch, moment: self.moment(channel, frame) }); // below MIDI_CHANNELS
    }

    /// The key that a MIDI channel plays once nothing waits any more.
    fn upcoming(&self, channel: usize) -> Option<u8> {
        let waiting = self.waiting.get(channel).copied().flatten();
        let run = self.run_of(channel).filter(|run| run.stop.is_none());
        waiting.map(|waiting| waiting.launch).or(run.map(|run| run.launch)).map(|launch| launch.note.key)
    }

    fn run_of(&self, channel: usize) -> Option<&Run> {
        let mut runs = self.slots.iter().filter_map(|slot| slot.run.as_ref());
        runs.find(|run| usize::from(run.launch.note.channel) == channel)
    }

    fn unlatch(&mut self, channel: usize, frame: u64, out: &mut Outgoing) {
        if !self.drop_waiting(channel, frame, out) {
            self.stop_runs(frame, |run| usize::from(run.launch.note.channel) == channel);
        }
    }

    /// Whether a launch had waited.
    fn drop_waiting(&mut self, channel: usize, frame: u64, out: &mut Outgoing) -> bool {
        let dropped = self.waiting.get_mut(channel).and_then(Option::take);
        if let Some(waiting) = dropped {
            out.push(frame, EventKind::NoteEnd(waiting.launch.note));
        }
        dropped.is_some()
    }

    /// Lets runs end at the next moment.
    fn stop_runs(&mut self, frame: u64, which: impl Fn(&Run) -> bool) {
        for index in 0..LAUNCHES {
            let Some(run) = self.slots[index].run.filter(|run| which(run)) else { continue };
            let stop = Some(self.moment(run.launch.note.channel.into(), frame));
            if let Some(run) = &mut self.slots[index].run {
                run.stop = stop;
            }
        }
    }

    /// When what a MIDI channel asks for at `frame` happens.
    fn moment(&self, channel: usize, frame: u64) -> Moment {
        let quantise = self.settings.launch_quantise;
        let at_once = Moment::At(self.grid.beats_at(frame), LaunchQuantise::Off);
        if quantise == LaunchQuantise::Pattern {
            let runs = self.slots.iter().filter_map(|slot| slot.run.as_ref());
            let reference = self.run_of(channel).or(runs.min_by_key(|run| run.launch.number));
            return reference.map_or(at_once, |run| Moment::EndOf(run.launch.number));
        }
        line(&self.grid, quantise, &self.settings, self.first_speed, frame)
            .map_or(at_once, |line| Moment::At(line, quantise))
    }

    /// A key goes up.
    pub(super) fn release(&mut self, note: NoteAddress, frame: u64, out: &mut Outgoing) {
        self.halt_if_due(frame, out);
        let Some(&pedal) = self.pedals.get(usize::from(note.channel)) else { return };
        let hold = if pedal { Hold::Pedal } else { Hold::Released };
        let waiting = self.waiting.iter_mut().flatten().map(|waiting| &mut waiting.launch);
        let runs = self.slots.iter_mut().filter_map(|slot| slot.run.as_mut()).map(|run| &mut run.launch);
        let heeding = waiting.chain(runs).filter(|launch| launch.heeds(&note));
        heeding.for_each(|launch| launch.hold = hold);
        self.end_released(frame, out);
    }

    /// Lets go of the launches whose key is up: those that wait never start, those that play stop.
    fn end_released(&mut self, frame: u64, out: &mut Outgoing) {
        for channel in 0..MIDI_CHANNELS {
            if self.waiting[channel].is_some_and(|waiting| waiting.launch.hold == Hold::Released) {
                self.drop_waiting(channel, frame, out);
            }
        }
        self.stop_runs(frame, |run| run.launch.hold == Hold::Released && run.stop.is_none());
    }

    /// Holds launches whose key goes up while it is down.
    pub(super) fn set_pedal(&mut self, channel: u8, down: bool, frame: u64, out: &mut Outgoing) {
        let Some(pedal) = self.pedals.get_mut(usize::from(channel)) else { return };
        *pedal = down;
        if !down {
            self.let_go(channel, |hold| hold == Hold::Pedal, frame, out);
        }
    }

    fn let_go(&mut self, channel: u8, which: impl Fn(Hold) -> bool, frame: u64, out: &mut Outgoing) {
        let waiting = self.waiting.iter_mut().flatten().map(|waiting| &mut waiting.launch);
        let runs = self.slots.iter_mut().filter_map(|slot| slot.run.as_mut()).map(|run| &mut run.launch);
        for launch in waiting.chain(runs).filter(|launch| launch.note.channel == channel) {
            if launch.mode == LaunchMode::Gate && which(launch.hold) {
                launch.hold = Hold::Released;
            }
        }
        self.end_released(frame, out);
    }

    /// Lets go of every key of a MIDI channel, whatever the pedal says; what is latched stops too.
    pub(super) fn release_all(&mut self, channel: u8, frame: u64, out: &mut Outgoing) {
        self.let_go(channel, |_| true, frame, out);
        if self.waiting_mode(channel) == Some(LaunchMode::Latch) {
            self.drop_waiting(channel.into(), frame, out);
        }
        let latched = |run: &Run| run.launch.mode == LaunchMode::Latch && run.stop.is_none();
        self.stop_runs(frame, |run| latched(run) && run.launch.note.channel == channel);
    }

    fn waiting_mode(&self, channel: u8) -> Option<LaunchMode> {
        self.waiting.get(usize::from(channel)).copied().flatten().map(|waiting| waiting.launch.mode)
    }

    /// Ends what a note has launched, at once.
    pub(super) fn choke(&mut self, note: NoteAddress, frame: u64, out: &mut Outgoing) {
        self.end_at_once(frame, out, |launch| launch.is(&note));
    }

    /// Ends what a MIDI channel has launched, or all have, at once.
    pub(super) fn end_all(&mut self, channel: Option<u8>, frame: u64, out: &mut Outgoing) {
        self.end_at_once(frame, out, |launch| channel.is_none_or(|channel| launch.note.channel == channel));
    }

    /// Ends all launches on the next frame that is played.
    pub(super) fn halt(&mut self) {
        self.halts = true;
    }

    fn end_at_once(&mut self, frame: u64, out: &mut Outgoing, which: impl Fn(&Launch) -> bool) {
        for channel in 0..MIDI_CHANNELS {
            if self.waiting[channel].is_some_and(|waiting| which(&waiting.launch)) {
                self.drop_waiting(channel, frame, out);
            }
        }
        for index in 0..LAUNCHES {
            if self.slots[index].run.is_some_and(|run| which(&run.launch)) {
                self.end(index, frame, out);
            }
        }
    }

    fn halt_if_due(&mut self, frame: u64, out: &mut Outgoing) {
        if std::mem::take(&mut self.halts) {
            self.end_all(None, frame, out);
        }
    }

    /// Back to the state of a new launcher with the same settings.
    pub(super) fn reset(&mut self) {
        for slot in &mut self.slots {
            slot.player.reset();
            (slot.run, slot.fades) = (None, false);
        }
        (self.waiting, self.pedals) = ([None; MIDI_CHANNELS], [false; MIDI_CHANNELS]);
        (self.launched, self.host_plays, self.halts) = (0, false, false);
        self.grid.reset();
    }

    /// Patterns that play.
    pub(super) fn playing(&self) -> u8 {
        self.slots.iter().filter(|slot| slot.run.is_some()).count() as u8
    }

    /// Launches that wait for their moment.
    pub(super) fn waiting(&self) -> u8 {
        self.waiting.iter().flatten().count() as u8
    }

    /// Frame on which something happens next.
    pub(super) fn next_frame(&self) -> Option<u64> {
        let ticks = self.slots.iter().filter_map(|slot| slot.run.as_ref()).map(|run| run.next);
        let next = self.moments().chain(ticks).reduce(f64::min);
        next.map(|beats| self.grid.frame_of(beats))
    }

    /// Launch beats at which launches are known to start and stop.
    fn moments(&self) -> impl Iterator<Item = f64> {
        let stops = self.slots.iter().filter_map(|slot| slot.run.as_ref()?.stop.as_ref());
        let starts = self.waiting.iter().flatten().map(|waiting| &waiting.moment);
        stops.chain(starts).filter_map(|moment| match moment {
            Moment::At(beats, _) => Some(beats - EARLY_BEATS),
            Moment::EndOf(_) => None,
        })
    }

    fn is_due(&self, moment: Moment, frame: u64) -> bool {
        matches!(moment, Moment::At(beats, _) if self.grid.frame_of(beats - EARLY_BEATS) <= frame)
    }

    /// Starts and stops what is due at `frame`, once its events have acted, and begins the ticks that are due.
    pub(super) fn begin_ticks(&mut self, frame: u64, out: &mut Outgoing) {
        self.halt_if_due(frame, out);
        for _ in 0..TICKS_PER_FRAME {
            if self.next_frame().is_none_or(|next| next > frame) {
                return;
            }
            (0..LAUNCHES).for_each(|index| self.come_round(index, frame, out));
            self.stop_and_start(frame, out);
            (0..LAUNCHES).for_each(|index| self.tick(index, frame));
        }
    }

    fn tick_is_due(&self, index: usize, frame: u64) -> bool {
        self.slots[index].run.is_some_and(|run| self.grid.frame_of(run.next) <= frame)
    }

    /// Where a pattern has ended, lets what waits for its end happen now.
    fn come_round(&mut self, index: usize, frame: u64, out: &mut Outgoing) {
        let slot = &self.slots[index]; // callers count the slots
        let Some(run) = slot.run.filter(|_| slot.player.at_end() && self.tick_is_due(index, frame)) else {
            return;
        };
        self.meet(run.launch.number, run.next);
        if run.launch.mode == LaunchMode::OneShot {
            self.end(index, frame, out);
        }
    }

    /// What waits for the end of a launch's pattern happens at `beats`.
    fn meet(&mut self, number: u64, beats: f64) {
        let stops = self.slots.iter_mut().filter_map(|slot| slot.run.as_mut()?.stop.as_mut());
        let starts = self.waiting.iter_mut().flatten().map(|waiting| &mut waiting.moment);
        for moment in stops.chain(starts).filter(|moment| **moment == Moment::EndOf(number)) {
            *moment = Moment::At(beats, LaunchQuantise::Off);
        }
    }

    /// Ends a launch now, with a fade.
    fn end(&mut self, index: usize, frame: u64, out: &mut Outgoing) {
        let slot = &mut self.slots[index]; // callers count the slots
        let Some(run) = slot.run.take() else { return };
        slot.player.stop();
        slot.fades = true;
        out.push(frame, EventKind::NoteEnd(run.launch.note));
        self.meet(run.launch.number, self.grid.beats_at(frame));
    }

    fn stop_and_start(&mut self, frame: u64, out: &mut Outgoing) {
        for index in 0..LAUNCHES {
            let stop = self.slots[index].run.and_then(|run| run.stop);
            if stop.is_some_and(|moment| self.is_due(moment, frame)) {
                self.end(index, frame, out);
            }
        }
        // Each start takes one away.
        while let Some(channel) = self.first_due(frame) {
            self.start(channel, frame, out);
        }
    }

    /// The MIDI channel whose launch is due and was asked for first.
    fn first_due(&self, frame: u64) -> Option<usize> {
        let due = self.waiting.iter().enumerate().filter_map(|(channel, waiting)| {
            waiting.filter(|waiting| self.is_due(waiting.moment, frame)).map(|w| (w.launch.number, channel))
        });
        due.min().map(|(_, channel)| channel)
    }

    /// A launch that has waited plays, in the place of what its MIDI channel played.
    fn start(&mut self, channel: usize, frame: u64, out: &mut Outgoing) {
        let Some(Waiting { launch, moment }) = self.waiting.get_mut(channel).and_then(Option::take) else {
            return;
        };
        let next = match moment {
            Moment::At(beats, _) => beats,
            Moment::EndOf(_) => self.grid.beats_at(frame),
        };
        let plays = |slot: &Slot| slot.run.is_some_and(|run| usize::from(run.launch.note.channel) == channel);
        if let Some(index) = self.slots.iter().position(plays) {
            self.end(index, frame, out);
        }
        let index = self.slot_to_use(frame, out);
        let slot = &mut self.slots[index]; // `slot_to_use` counts them
        slot.player.start(launch.place, channel.checked_sub(1), launch.level);
        slot.run = Some(Run { launch, next, stop: None });
    }

    /// A slot that rests, or else fades, or else that of the oldest launch, which ends.
    fn slot_to_use(&mut self, frame: u64, out: &mut Outgoing) -> usize {
        let order = |slot: &Slot| (slot.run.map_or(0, |run| run.launch.number), slot.player.has_sound());
        let index = (0..LAUNCHES).min_by_key(|&index| order(&self.slots[index])).unwrap_or(0);
        self.end(index, frame, out);
        index
    }

    fn tick(&mut self, index: usize, frame: u64) {
        if !self.tick_is_due(index, frame) {
            return;
        }
        let slot = &mut self.slots[index]; // callers count the slots
        let Some(run) = &mut slot.run else { return };
        slot.player.tick();
        let pace = match self.settings.scale_tempo {
            true => slot.player.tick_seconds() / self.first_seconds,
            false => 1.0,
        };
        run.next += pace / TICKS_PER_BEAT / self.settings.ratio;
    }

    /// Voices that are heard or die away, of all that plays.
    pub(super) fn sounding(&self) -> usize {
        let heard = self.slots.iter().filter(|slot| slot.run.is_some() || slot.fades);
        heard.map(|slot| slot.player.sounding()).sum()
    }

    /// Adds what plays to the song channels' outlets.
    pub(super) fn render(
        &mut self,
        ctx: &mut RenderContext<'_>,
        outlets: &mut Outlets<'_>,
        range: &Range<usize>,
    ) {
        for slot in &mut self.slots {
            slot.fades &= slot.run.is_some() || slot.player.has_sound();
            if slot.run.is_some() || slot.fades {
                slot.player.render(ctx, outlets, range);
            }
        }
    }
}

/// The first line at `frame` or later, in launch beats; `None` for moments that follow no lines.
fn line(
    grid: &Grid,
    quantise: LaunchQuantise,
    settings: &SongSettings,
    first_speed: f64,
    frame: u64,
) -> Option<f64> {
    let (unit, origin) = match quantise {
        LaunchQuantise::Row => (first_speed / TICKS_PER_BEAT / settings.ratio, settings.start_beat),
        LaunchQuantise::Beat => (1.0, 0.0),
        LaunchQuantise::Bar => (grid.bar(), 0.0),
        LaunchQuantise::Off | LaunchQuantise::Pattern => return None,
    };
    Some(grid.line_from(frame, unit, origin))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: SampleRate = SampleRate(48_000.0);

    fn at(beats: f64, tempo: f64, signature: (u16, u16)) -> Transport {
        Transport { playing: true, tempo, beats: Some(beats), signature, ..Transport::default() }
    }

    #[test]
    fn bars_are_as_long_as_the_signature_says() {
        let mut grid = Grid::new(RATE);
        for (signature, bar) in [((4, 4), 4.0), ((3, 4), 3.0), ((7, 8), 3.5), ((0, 4), 4.0), ((4, 0), 4.0)] {
            grid.follow(&at(0.0, 120.0, signature), 0);
            assert_eq!(grid.bar(), bar);
        }
    }

    #[test]
    fn lines_are_counted_from_beat_0_through_pre_roll_and_belong_to_the_nearest_frame() {
        let mut grid = Grid::new(RATE);
        grid.follow(&at(-7.25, 120.0, (3, 4)), 0); // 24 000 frames a beat
        let line = |frame| grid.frame_of(grid.line_from(frame, grid.bar(), 0.0));
        assert_eq!([0, 30_000, 30_001, 102_001].map(line), [30_000, 30_000, 102_000, 174_000]);
        grid.follow(&at(1.0 - 0.4 / 24_000.0, 120.0, (3, 4)), 300_000);
        let line = |frame| grid.frame_of(grid.line_from(frame, 1.0, 0.0));
        assert_eq!([300_000, 300_001].map(line), [300_000, 324_000]);
    }

    #[test]
    fn a_jump_moves_the_lines_and_leaves_the_launches_own_beats_alone() {
        let mut grid = Grid::new(RATE);
        grid.follow(&at(0.0, 120.0, (4, 4)), 0);
        let (beats, next) = (grid.beats_at(48_000), 3.0);
        assert_eq!(grid.follow(&at(2.0, 120.0, (4, 4)), 48_000), None);
        assert_eq!(grid.follow(&at(100.5, 120.0, (4, 4)), 48_000), Some(48_000));
        assert_eq!((grid.beats_at(48_000), grid.frame_of(next)), (beats, 72_000));
        assert_eq!(grid.frame_of(grid.line_from(48_000, 1.0, 0.0)), 60_000);
    }

    #[test]
    fn the_grid_goes_on_at_the_last_tempo_while_the_host_stands() {
        let mut grid = Grid::new(RATE);
        grid.follow(&at(3.0, 60.0, (4, 4)), 0);
        let standing = Transport { playing: false, ..at(3.0, 60.0, (4, 4)) };
        assert_eq!(grid.follow(&standing, 24_000), None);
        assert_eq!(grid.frame_of(grid.line_from(24_000, 1.0, 0.0)), 48_000);
        grid.follow(&Transport { tempo: 120.0, ..standing }, 72_000); // half a beat past the line
        assert_eq!(grid.frame_of(grid.line_from(72_000, 1.0, 0.0)), 84_000);
    }
}
