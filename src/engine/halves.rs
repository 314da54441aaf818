//! The two halves of an engine that may wait: what shows and steers it, and what builds and frees for it.

use super::EngineConfig;
use super::command::Command;
use super::command::InsertChange;
use super::command::PreparedInserts;
use super::command::PreparedLane;
use super::command::PreparedPlan;
use super::command::PreparedSong;
use super::command::PreparedSpace;
use super::command::Setting;
use super::command::SlotChange;
use super::command::TakenSpace;
use super::event::Transport;
use super::lanes::LaneCells;
use super::lanes::LaneReading;
use super::note_places::NOTES;
use super::note_places::NotePlaces;
use super::render::Engine;
use super::render::Meters;
use super::render::Writers;
use super::song::Playing;
use super::voices::VoiceCells;
use super::voices::VoiceReading;
use crate::dsp::Level;
use crate::graph::GraphError;
use crate::graph::Plan;
use crate::lane;
use crate::lane::LANES;
use crate::lane::LaneError;
use crate::lane::LaneSetup;
use crate::lane::News;
use crate::lane::Pages;
use crate::lane::Preparing;
use crate::lane::Start;
use crate::machine::Impulse;
use crate::machine::Instrument;
use crate::machine::InstrumentKind;
use crate::machine::Machine;
use crate::machine::MachineKind;
use crate::machine::MachineParameter;
use crate::machine::Program;
use crate::mixer;
use crate::mixer::INSERTS;
use crate::mixer::Layout;
use crate::mixer::LoudnessMeter;
use crate::mixer::LoudnessReader;
use crate::mixer::MACROS;
use crate::mixer::PLACES;
use crate::mixer::RoomAround;
use crate::mixer::Routing;
use crate::mixer::SONG_CHANNELS;
use crate::mixer::STRIPS;
use crate::mixer::Tap;
use crate::rt::CommandSender;
use crate::rt::Meter;
use crate::rt::QueueFull;
use crate::rt::Retired;
use crate::rt::ScopeReader;
use crate::rt::Watch;
use crate::rt::command_queue;
use crate::rt::scopes;
use crate::rt::watch;
use crate::space::Doppler;
use crate::space::Ears;
use crate::space::MadeVeil;
use crate::space::Notes;
use crate::space::PreparedEars;
use crate::space::Room;
use crate::space::Space;
use crate::tracker::KEYBOARD_SLOTS;
use crate::tracker::Snapshots;
use crate::tracker::Song;
use crate::units::Gain;
use crate::units::SampleRate;
use crate::voice::Bank;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Acquire;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::Ordering::Release;

/// Commands, and objects on their way home, that fit into the queues.
///
/// A machine for every insert slot, a song and a plan fit at once.
pub(super) const QUEUE: usize = 128;

/// What the audio thread gives back to be freed.
pub(super) enum Old {
    #[expect(dead_code, reason = "held only to be dropped off the audio thread")]
    Plan(Box<Plan>),
    #[expect(dead_code, reason = "held only to be dropped off the audio thread")]
    Space(Box<PreparedSpace>),
    #[expect(dead_code, reason = "held only to be dropped off the audio thread")]
    Ears(PreparedEars),
    #[expect(dead_code, reason = "held only to be dropped off the audio thread")]
    Song(Box<Playing>),
    #[expect(dead_code, reason = "held only to be dropped off the audio thread")]
    Machine(Box<Machine>),
    #[expect(dead_code, reason = "held only to be dropped off the audio thread")]
    Inserts(Box<InsertChange>),
    #[expect(dead_code, reason = "held only to be dropped off the audio thread")]
    Instrument(Box<Instrument>),
    #[expect(dead_code, reason = "held only to be dropped off the audio thread")]
    Tap(Box<Tap>),
    #[expect(dead_code, reason = "held only to be dropped off the audio thread")]
    Voices(Arc<Bank>),
    #[expect(dead_code, reason = "held only to be dropped off the audio thread")]
    Lane(Box<Pages>),
}

/// Where the song is, for display.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// Place in the order list.
    pub order: u16,
    /// Row of the pattern.
    pub row: u16,
    /// Ticks since the row began.
    pub tick: u8,
    /// Ticks a row.
    pub speed: u8,
    /// The module's own beats per minute.
    pub tempo: u8,
    /// Whether the song runs.
    pub running: bool,
    /// Patterns that notes have launched and that play, 0–4.
    pub launched: u8,
    /// Launches that wait for their moment, 0–15: one more counts as 15.
    pub waiting: u8,
}

/// Newest position and voices, written by the engine.
#[derive(Default)]
pub(super) struct PositionCell(AtomicU64, AtomicU32);

impl PositionCell {
    pub(super) fn store_voices(&self, sounding: usize) {
        self.1.store(sounding as u32, Relaxed);
    }

    pub(super) fn store(&self, p: Position) {
        let low = u64::from(p.order) | u64::from(p.row) << 16;
        let high = u64::from(p.tick)
            | u64::from(p.speed) << 8
            | u64::from(p.tempo) << 16
            | u64::from(p.running) << 24
            | u64::from(p.launched.min(7)) << 25
            | u64::from(p.waiting.min(15)) << 28;
        self.0.store(low | high << 32, Relaxed);
    }

    fn load(&self) -> Position {
        let bits = self.0.load(Relaxed);
        Position {
            order: bits as u16,
            row: (bits >> 16) as u16,
            tick: (bits >> 32) as u8,
            speed: (bits >> 40) as u8,
            tempo: (bits >> 48) as u8,
            running: bits >> 56 & 1 == 1,
            launched: (bits >> 57 & 7) as u8,
            waiting: (bits >> 60 & 15) as u8,
        }
    }
}

/// What the host last said of its time, for display.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HostTime {
    /// Whether time runs.
    pub playing: bool,
    /// Beats per minute.
    pub tempo: f64,
    /// Position in quarter notes, where the host has one.
    pub beats: Option<f64>,
}

/// The newest word of the host, written by the engine. Each part is as new as can be; together they may be of two calls.
#[derive(Default)]
pub(super) struct HostCell {
    /// Bits of the tempo, and the highest, which no tempo needs, while time runs; 0 before the host has said anything.
    tempo: AtomicU64,
    /// Bits of the position; not a number where there is none.
    beats: AtomicU64,
}

impl HostCell {
    const PLAYING: u64 = 1 << 63;

    pub(super) fn store(&self, transport: &Transport) {
        let playing = if transport.playing { Self::PLAYING } else { 0 };
        self.beats.store(transport.beats.unwrap_or(f64::NAN).to_bits(), Relaxed);
        self.tempo.store(transport.tempo.to_bits() | playing, Relaxed);
    }

    fn load(&self) -> Option<HostTime> {
        let (tempo, beats) = (self.tempo.load(Relaxed), f64::from_bits(self.beats.load(Relaxed)));
        (tempo != 0).then(|| HostTime {
            playing: tempo & Self::PLAYING != 0,
            tempo: f64::from_bits(tempo & !Self::PLAYING),
            beats: Some(beats).filter(|beats| !beats.is_nan()),
        })
    }
}

/// What engines are made for, as far as it decides how things for them are built.
#[derive(Clone)]
struct Build {
    rate: SampleRate,
    level: Level,
    layout: Layout,
    /// What of space need not be built.
    taken: Arc<TakenSpace>,
}

impl Build {
    fn plan(&self, routing: &Routing) -> Result<Command, GraphError> {
        let plan = Box::new(routing.compile(&self.layout)?.at_level(self.level));
        let fitted = routing.fitted(&self.layout);
        let space = fitted.has_space().then(|| Box::new(self.space(&fitted)));
        Ok(Command::Plan(PreparedPlan { plan, monitor: fitted.monitor, space }))
    }

    fn space(&self, routing: &Routing) -> PreparedSpace {
        let settings = |place: usize| {
            let settings = routing.settings_at(place);
            settings.map(|settings| (*settings, routing.place_channels(&self.layout, place)))
        };
        let room = routing.room.as_ref().map(RoomAround::heard);
        let placing = routing.placing();
        PreparedSpace {
            space: (!self.taken.space.load(Acquire))
                .then(|| Box::new(Space::new(PLACES, SONG_CHANNELS, self.rate, self.level))),
            settings: std::array::from_fn(settings),
            delays: std::array::from_fn(|place| {
                let wanted = settings(place).is_some_and(|(settings, _)| settings.doppler);
                wanted.then(|| Box::new(Doppler::new(self.rate, self.level)))
            }),
            notes: Box::new(NotePlaces::of(routing)),
            made_notes: (routing.has_notes_in_space() && !self.taken.notes.load(Acquire))
                .then(|| Box::new(Notes::new(NOTES, self.rate, self.level))),
            made_veils: (0..SONG_CHANNELS)
                .map(|veil| placing.as_ref()?.occlusion(veil).filter(|_| !self.taken.has_veil(veil)))
                .map(|occlusion| Some(MadeVeil::new(occlusion?, self.rate, self.level)))
                .collect(),
            output: routing.space_output.heard(),
            hearing: routing.listener.hearing,
            room,
            made: room.map(|room| Box::new(Room::new(self.rate, self.level, room.silent()))),
            replaced: None,
        }
    }

    fn ears(&self, ears: Option<&Ears>) -> Command {
        let prepared = |ears: &Ears| PreparedEars::new(ears, self.rate, self.level);
        Command::Ears(ears.map_or_else(|| prepared(&Ears::kemar()), prepared))
    }

    fn song(&self, song: Option<&Arc<Song>>, trim: Gain) -> Command {
        let playing = |song| Box::new(Playing::new(song, trim, self.rate, self.level));
        Command::Song(PreparedSong(song.map(playing)))
    }

    fn insert(
        &self,
        place: (usize, usize),
        machine: Option<MachineKind>,
        impulse: Option<&Arc<Impulse>>,
    ) -> Command {
        let machine = machine.map(|kind| kind.build_with(impulse, self.rate, self.level));
        let slots = vec![SlotChange { place, machine }];
        Command::Inserts(PreparedInserts(Box::new(InsertChange { slots, settings: Vec::new() })))
    }

    /// A machine that is set as it is to be, apart from macros.
    fn machine(&self, insert: &Insert) -> Box<Machine> {
        let mut machine = match &insert.program {
            Some(program) => program.build(self.rate),
            None => insert.machine.build_with(insert.impulse.as_ref(), self.rate, self.level),
        };
        insert.further().for_each(|(control, value)| machine.set_parameter(control, value));
        machine
    }
}

/// Shows what the engine does and tells it what to do; any thread but the audio thread.
pub struct Control {
    meters: Meters,
    position: Arc<PositionCell>,
    host: Arc<HostCell>,
    lanes: Arc<LaneCells>,
    voices: Arc<VoiceCells>,
    watch: Watch,
    scopes: ScopeReader,
    commands: CommandSender<Command>,
    build: Build,
    /// Commands sent past the worker that have changed what it believes is there.
    edits: Arc<AtomicU64>,
    loudness: LoudnessReader,
}

impl Control {
    /// Meters of all strips, in their order.
    pub fn meters(&self) -> &[Meter] {
        &self.meters.of_strips
    }

    /// Meters of all inputs, in their order; each is mono, and both its sides show the same.
    pub fn input_meters(&self) -> &[Meter] {
        &self.meters.of_inputs
    }

    /// Loudness of what leaves the main output; what measures it is [`Worker::poll`].
    pub fn loudness(&self) -> &LoudnessReader {
        &self.loudness
    }

    /// Frames per second.
    pub fn rate(&self) -> SampleRate {
        self.build.rate
    }

    /// The host's buses.
    pub fn layout(&self) -> &Layout {
        &self.build.layout
    }

    /// Newest position of the song.
    pub fn position(&self) -> Position {
        self.position.load()
    }

    /// What the host said of its time on the engine's last call; `None` before the first one.
    pub fn host(&self) -> Option<HostTime> {
        self.host.load()
    }

    /// Where the lanes are, and how often each has run out of frames.
    pub fn lanes(&self) -> [LaneReading; LANES] {
        self.lanes.read()
    }

    /// Has what moves of voices and lanes be shown for half a second from now on: where voices of a slot are, and how far
    /// lanes have been read ahead.
    pub fn look(&self, slot: usize) {
        self.voices.show(slot);
        self.watch.look();
    }

    /// What a slot of voices does.
    pub fn voice(&self, slot: usize) -> VoiceReading {
        self.voices.read(slot)
    }

    /// Counts changes of what slots of voices do.
    pub fn voice_changes(&self) -> u64 {
        self.voices.revision()
    }

    /// Takes that the newest voices play of the slot that is looked at, and on which frames they are.
    pub fn playheads(&self) -> impl Iterator<Item = (usize, usize)> {
        self.voices.playheads()
    }

    /// What each song channel puts out, launched patterns with it, behind its gain, mute, solo and pan.
    pub fn scopes(&self) -> &ScopeReader {
        &self.scopes
    }

    /// Voices of song, launched patterns and keyboard that sounded in the newest block.
    pub fn voices(&self) -> usize {
        self.position.1.load(Relaxed) as usize
    }

    /// Queues a command for the start of the engine's next call, after all that were queued before, or gives it back
    /// where the queue is full, unless it lets go of a voice, which then comes after all that are queued by that call. Never waits.
    pub fn send(&self, command: Command) -> Result<(), QueueFull<Command>> {
        let edits = command.edits();
        match self.commands.send(command) {
            Err(QueueFull(Command::Strike { slot, on: false })) => self.voices.release(slot),
            sent => sent?,
        }
        if edits {
            self.edits.fetch_add(1, Release);
        }
        Ok(())
    }

    /// Plays a lane that its trigger starts from a frame of what it plays on, at the engine's rate, from the start of the engine's
    /// next call on, after all commands, unless the worker sends something else for the lane meanwhile: see
    /// [`Lane::seek`](crate::lane::Lane::seek). Of several the last one counts. Never waits, and always has room.
    pub fn seek_lane(&self, lane: usize, frame: u64) {
        self.lanes.seek(lane, frame);
    }

    /// Other routes: every source's bus and every bus's ways on, for this control's own engine: what that has of space is not built
    /// again. Allocates.
    pub fn plan(&self, routing: &Routing) -> Result<Command, GraphError> {
        self.build.plan(routing)
    }

    /// Other ears in space, or those that Busker comes with. Allocates. A [`Worker`] does not see them.
    pub fn ears(&self, ears: Option<&Ears>) -> Command {
        self.build.ears(ears)
    }

    /// Another song, or none. Allocates, and may take long.
    pub fn song(&self, song: Option<&Arc<Song>>, trim: Gain) -> Command {
        self.build.song(song, trim)
    }

    /// Another machine in a slot of a strip, or none. Allocates.
    pub fn insert(&self, strip: usize, slot: usize, machine: Option<MachineKind>) -> Command {
        self.build.insert((strip, slot), machine, None)
    }

    /// Another instrument in a slot of the keyboard, or none. Allocates.
    pub fn instrument(&self, slot: usize, kind: Option<InstrumentKind>) -> Command {
        let machine = kind.map(|kind| kind.build(self.build.rate, self.build.level));
        Command::Instrument { slot, machine, channels: 0 }
    }

    /// A convolution with this impulse response in a slot of a strip. Allocates, and takes its time.
    pub fn convolution(&self, strip: usize, slot: usize, impulse: &Arc<Impulse>) -> Command {
        self.build.insert((strip, slot), Some(MachineKind::Convolution), Some(impulse))
    }
}

/// A machine in an insert slot.
#[derive(Clone, Debug)]
pub struct Insert {
    /// Index of the strip.
    pub strip: usize,
    /// Slot of the strip.
    pub slot: usize,
    /// What sits there.
    pub machine: MachineKind,
    /// The response of a convolution; a hall without one.
    pub impulse: Option<Arc<Impulse>>,
    /// Values of the machine's controls after its macros, in their order and units; those that are missing are at their
    /// defaults.
    pub controls: Vec<f32>,
    /// What a Faust program is compiled to; sound passes without one.
    pub program: Option<Arc<Program>>,
}

impl Insert {
    fn place(&self) -> (usize, usize) {
        (self.strip, self.slot)
    }

    /// What a macro of the slot moves.
    pub fn control(&self, number: usize) -> Option<MachineParameter> {
        let controls =
            self.program.as_ref().map_or(self.machine.parameters(), |program| program.parameters());
        controls.get(number).copied()
    }

    /// Whether it is the same machine in the same place, however it is set. Equal impulses are one (see [`Impulse`]), and so are
    /// equal programs.
    fn is(&self, other: &Self) -> bool {
        let own = |insert: &Self| {
            let impulse = insert.impulse.as_ref().map(Arc::as_ptr);
            (insert.place(), insert.machine, impulse, insert.program.as_ref().map(Arc::as_ptr))
        };
        own(self) == own(other)
    }

    /// Its controls after its macros: their places and values.
    fn further(&self) -> impl Iterator<Item = (usize, f32)> {
        let controls = self.machine.parameters().iter().enumerate().skip(MACROS);
        controls.map(|(place, control)| {
            (place, self.controls.get(place - MACROS).copied().unwrap_or(control.default))
        })
    }
}

impl PartialEq for Insert {
    fn eq(&self, other: &Self) -> bool {
        self.is(other) && self.controls == other.controls
    }
}

/// An instrument in a slot of the keyboard.
#[derive(Clone, Debug, PartialEq)]
pub struct InstrumentSetup {
    /// Index of the slot.
    pub slot: usize,
    /// What sits there.
    pub kind: InstrumentKind,
    /// Values of all its controls, in their order; those of macros follow the parameters.
    pub controls: Vec<f32>,
    /// Bits of the song channels that hand their notes over to it.
    pub channels: u64,
}

/// All that an engine plays, apart from parameters.
#[derive(Clone)]
pub struct Setup {
    /// The module, if any.
    pub song: Option<Arc<Song>>,
    /// Level of the song.
    pub trim: Gain,
    /// The song's, where they have been made already; its player makes them otherwise.
    pub snapshots: Option<Arc<Snapshots>>,
    /// Routes of the desk.
    pub routing: Routing,
    /// Whose ears hear what is in space; those that Busker comes with without any.
    pub ears: Option<Arc<Ears>>,
    /// At most one for each slot.
    pub inserts: Vec<Insert>,
    /// At most one for each slot of the keyboard.
    pub instruments: Vec<InstrumentSetup>,
    /// Slots for voices.
    pub voices: Arc<Bank>,
    /// What lanes play, in their order; those that are not there are empty.
    pub lanes: Vec<LaneSetup>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            song: None,
            trim: Gain::UNITY,
            snapshots: None,
            routing: Routing::default(),
            ears: None,
            inserts: Vec::new(),
            instruments: Vec::new(),
            voices: Arc::default(),
            lanes: Vec::new(),
        }
    }
}

/// Builds what the engine plays and frees what it has done with; runs on a thread that may wait.
pub struct Worker {
    build: Build,
    commands: CommandSender<Command>,
    retired: Retired<Old>,
    outbox: VecDeque<Command>,
    song: Option<Arc<Song>>,
    routing: Option<Routing>,
    ears: Option<Arc<Ears>>,
    inserts: Vec<Insert>,
    instruments: Vec<InstrumentSetup>,
    voices: Option<Arc<Bank>>,
    lanes: [LaneSetup; LANES],
    lane_cells: Arc<LaneCells>,
    /// Who fills them.
    feeding: [Option<Preparing>; LANES],
    /// Lanes that have not been ready yet.
    opening: [bool; LANES],
    /// What of a lane cannot be played.
    troubles: [Vec<LaneError>; LANES],
    /// Who fills those that have been replaced and may still be played.
    leaving: Vec<Preparing>,
    edits: Arc<AtomicU64>,
    /// Of `edits`, those that it knows of.
    seen: u64,
    loudness: LoudnessMeter,
}

impl Worker {
    /// Prepares whatever differs from what plays and hands it to the engine; on an error nothing changes. Where a
    /// [`Control`] has changed routes, song or machines in between, everything is handed over anew.
    ///
    /// The engine takes it at the start of its next call. Call [`Worker::poll`] until it says that all is delivered.
    pub fn apply(&mut self, setup: &Setup) -> Result<(), GraphError> {
        self.apply_with(setup, &[])
    }

    /// The same, with parameters that are set on the frame on which the machines come.
    pub fn apply_with(&mut self, setup: &Setup, settings: &[Setting]) -> Result<(), GraphError> {
        let edits = self.edits.load(Acquire);
        let edited = edits != self.seen;
        let plan = match edited || self.routing.as_ref() != Some(&setup.routing) {
            true => Some(self.build.plan(&setup.routing)?),
            false => None,
        };
        // Before space itself, which then begins with them.
        if self.ears != setup.ears {
            self.deliver(self.build.ears(setup.ears.as_deref()));
            self.ears = setup.ears.clone();
        }
        if let Some(plan) = plan {
            self.deliver(plan);
            self.routing = Some(setup.routing.clone());
        }
        self.seen = edits;
        // Before the parameters that move with them: what leaves is not to hear those.
        self.change_instruments(&setup.instruments, edited);
        self.change_inserts(&setup.inserts, settings, edited);
        let same = match (&self.song, &setup.song) {
            (Some(old), Some(new)) => Arc::ptr_eq(old, new),
            (None, None) => true,
            _ => false,
        };
        if edited || !same {
            self.deliver(self.build.song(setup.song.as_ref(), setup.trim));
            self.song = setup.song.clone();
        }
        // An engine begins without voices.
        let same = match &self.voices {
            Some(old) => Arc::ptr_eq(old, &setup.voices),
            None => setup.voices.is_empty(),
        };
        if edited || !same {
            self.deliver(Command::Voices(Arc::clone(&setup.voices)));
            self.voices = Some(Arc::clone(&setup.voices));
        }
        self.change_lanes(&setup.lanes);
        self.poll();
        Ok(())
    }

    /// Puts a command behind those that wait for room, in place of one that it undoes: a host that runs no audio would let
    /// them grow without end.
    fn deliver(&mut self, command: Command) {
        self.outbox.retain(|waiting| !command.undoes(waiting));
        self.outbox.push_back(command);
    }

    /// Opens what lanes play now and did not before. Nobody else changes them.
    fn change_lanes(&mut self, lanes: &[LaneSetup]) {
        for lane in 0..LANES {
            let setup = lanes.get(lane).cloned().unwrap_or_default();
            if setup == self.lanes[lane] {
                continue; // `lane` is below the length of all four
            }
            self.lanes[lane] = setup.clone();
            self.leaving.extend(self.feeding[lane].take());
            self.troubles[lane].clear();
            self.opening[lane] = false;
            if setup.takes.iter().all(Option::is_none) {
                self.put_lane(lane, None);
                continue;
            }
            match lane::prepare(setup, (lane, self.build.rate)) {
                Ok(feeding) => (self.feeding[lane], self.opening[lane]) = (Some(feeding), true),
                Err(error) => {
                    self.troubles[lane].push(error);
                    self.put_lane(lane, None); // what has played so far is in the rack no more
                }
            }
        }
    }

    /// Hands over the lanes that have been opened, and hears what could not be.
    fn take_lanes(&mut self) {
        self.leaving.retain(|feeding| !feeding.has_ended());
        for lane in 0..LANES {
            let Some(feeding) = &self.feeding[lane] else { continue }; // `lane` is below the length of all four
            let ended = feeding.has_ended();
            let mut ready = None;
            for news in feeding.news() {
                match news {
                    News::Ready(pages) => ready = Some(pages),
                    News::Trouble(trouble) => self.troubles[lane].push(trouble),
                }
            }
            if ready.is_some() || ended && self.opening[lane] {
                self.put_lane(lane, ready);
                self.opening[lane] = false;
            }
            if ended && self.feeding[lane].take().is_some_and(Preparing::has_broken_off) {
                self.troubles[lane].push(LaneError::BrokenOff);
                self.put_lane(lane, None);
            }
        }
    }

    /// Has a voice of a slot sound once, after all that was delivered before.
    pub fn strike(&mut self, slot: usize) {
        [true, false].into_iter().for_each(|on| self.deliver(Command::Strike { slot, on }));
        self.poll();
    }

    fn put_lane(&mut self, lane: usize, pages: Option<Box<Pages>>) {
        self.lane_cells.forget_seek(lane);
        let start = self.lanes.get(lane).map_or_else(Start::default, |setup| setup.start);
        self.deliver(Command::Lane(PreparedLane { lane, pages, start }));
    }

    /// Whether files of lanes are still being opened. Each is opened on a thread of its own, and delivered by `poll`.
    pub fn is_opening(&self) -> bool {
        self.opening.contains(&true)
    }

    /// What of which lane cannot be played, as far as that is known.
    pub fn lane_troubles(&self) -> impl Iterator<Item = (usize, &LaneError)> {
        let all = self.troubles.iter().enumerate();
        all.flat_map(|(lane, troubles)| troubles.iter().map(move |trouble| (lane, trouble)))
    }

    /// Builds instruments that are not there yet, takes out those that are there no more, and tells the others what has changed.
    fn change_instruments(&mut self, instruments: &[InstrumentSetup], anew: bool) {
        for slot in 0..KEYBOARD_SLOTS {
            let at = |all: &[InstrumentSetup]| all.iter().find(|one| one.slot == slot).cloned();
            let (old, new) = (at(&self.instruments), at(instruments));
            if old == new && !anew {
                continue;
            }
            if let (Some(old), Some(new), false) = (&old, &new, anew)
                && old.kind == new.kind
            {
                self.tell_instrument(old, new);
                continue;
            }
            let channels = new.as_ref().map_or(0, |new| new.channels);
            let machine = new.map(|new| {
                let mut machine = new.kind.build(self.build.rate, self.build.level);
                let controls = new.controls.iter().enumerate();
                controls.for_each(|(control, value)| machine.set_parameter(control, *value));
                machine
            });
            self.deliver(Command::Instrument { slot, machine, channels });
        }
        self.instruments = instruments.to_vec();
    }

    /// Sets controls that differ, but for macros, which follow parameters; and lets other channels hand over.
    fn tell_instrument(&mut self, old: &InstrumentSetup, new: &InstrumentSetup) {
        let slot = new.slot;
        let differing = old.controls.iter().zip(&new.controls).enumerate().skip(MACROS);
        for (control, (_, value)) in differing.filter(|(_, (old, new))| old != new) {
            self.deliver(Command::InstrumentControl { slot, control, value: *value });
        }
        if old.channels != new.channels {
            self.deliver(Command::HandOver { slot, channels: new.channels });
        }
    }

    /// Builds machines that are not there yet, takes out those that are there no more, and sets controls that differ.
    fn change_inserts(&mut self, inserts: &[Insert], settings: &[Setting], anew: bool) {
        let places = (0..STRIPS).flat_map(|strip| (0..INSERTS).map(move |slot| (strip, slot)));
        let mut slots = Vec::new();
        for place in places {
            let [old, new] = [&self.inserts, inserts].map(|all| all.iter().find(|one| one.place() == place));
            match (old, new) {
                (Some(old), Some(new)) if old.is(new) && !anew => {
                    let changed = new.further().zip(old.further()).filter(|(new, old)| new != old);
                    let changed: Vec<_> = changed.map(|(new, _)| new).collect();
                    changed.into_iter().for_each(|control| self.set_control(place, control));
                }
                (None, None) if !anew => {}
                (_, new) => {
                    slots.push(SlotChange { place, machine: new.map(|new| self.build.machine(new)) });
                }
            }
        }
        self.inserts = inserts.to_vec();
        if !slots.is_empty() || !settings.is_empty() {
            self.deliver_inserts(InsertChange { slots, settings: settings.to_vec() });
        }
    }

    /// Sets a control of a machine that has been delivered, or of one that still waits for room.
    fn set_control(&mut self, (strip, slot): (usize, usize), (control, value): (usize, f32)) {
        let waiting = self.outbox.iter_mut().find_map(|command| match command {
            Command::Inserts(change) => change.0.machine_mut((strip, slot)),
            _ => None,
        });
        match waiting {
            Some(machine) => machine.set_parameter(control, value),
            None => self.deliver(Command::InsertControl { strip, slot, control, value }),
        }
    }

    /// Delivers machines together with those that still wait for room, so that no two changes of one slot wait.
    fn deliver_inserts(&mut self, mut change: InsertChange) {
        let waiting = self.outbox.iter().position(|command| matches!(command, Command::Inserts(_)));
        if let Some(Command::Inserts(before)) = waiting.and_then(|place| self.outbox.remove(place)) {
            change.follow(*before.0);
        }
        self.deliver(Command::Inserts(PreparedInserts(Box::new(change))));
    }

    /// Delivers what waits for room, frees what came home and measures what was heard; true when nothing is left to deliver but
    /// lanes that are still being opened.
    pub fn poll(&mut self) -> bool {
        self.loudness.measure();
        while self.retired.take().is_some() {}
        self.take_lanes();
        while let Some(command) = self.outbox.pop_front() {
            if let Err(QueueFull(command)) = self.commands.send(command) {
                self.outbox.push_front(command);
                return false;
            }
        }
        true
    }
}

impl Drop for Worker {
    /// Ends the threads of lanes: what they run may be unloaded next. What they have read is still played.
    fn drop(&mut self) {
        self.leaving.extend(self.feeding.iter_mut().filter_map(Option::take));
        lane::end(&self.leaving);
    }
}

pub(super) fn new(config: EngineConfig) -> (Control, Engine, Worker) {
    let (commands, receiver, retired) = command_queue(QUEUE);
    let position = Arc::new(PositionCell::default());
    let host = Arc::new(HostCell::default());
    let lanes = Arc::new(LaneCells::default());
    let taken = Arc::new(TakenSpace::default());
    let build = Build {
        rate: config.rate,
        level: config.level,
        layout: config.layout.clone(),
        taken: Arc::clone(&taken),
    };
    let edits = Arc::new(AtomicU64::new(0));
    let main = config.layout.outputs.first().copied().unwrap_or(0);
    let (writer, meter, loudness) = mixer::loudness(main, config.rate);
    let (scope_writer, scopes) = scopes(config.rate, SONG_CHANNELS);
    let (watched, watch) = watch(config.rate);
    let voices = Arc::new(VoiceCells::default());
    let writers = Writers {
        position: Arc::clone(&position),
        host: Arc::clone(&host),
        lanes: Arc::clone(&lanes),
        voices: Arc::clone(&voices),
        watched,
        scopes: scope_writer,
        loudness: writer,
        taken,
    };
    let (engine, meters) = Engine::new(config, receiver, writers);
    let control = Control {
        meters,
        position,
        host,
        lanes: Arc::clone(&lanes),
        voices,
        watch,
        scopes,
        commands: commands.clone(),
        build: build.clone(),
        edits: Arc::clone(&edits),
        loudness,
    };
    let worker = Worker {
        build,
        commands,
        retired,
        outbox: VecDeque::new(),
        song: None,
        routing: None,
        ears: None,
        inserts: Vec::new(),
        instruments: Vec::new(),
        voices: None,
        lanes: Default::default(),
        lane_cells: lanes,
        feeding: Default::default(),
        opening: Default::default(),
        troubles: Default::default(),
        leaving: Vec::new(),
        edits,
        seen: 0,
        loudness: meter,
    };
    (control, engine, worker)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::AudioBlockMut;
    use crate::engine::Call;
    use crate::mixer::SongPlace;
    use crate::mixer::SongSpace;

    fn halves() -> (Control, Engine, Worker) {
        let table: Arc<[_]> = crate::engine::table().into();
        new(EngineConfig {
            rate: SampleRate(48000.0),
            layout: Layout { main_input: 2, sidechain: 2, outputs: vec![2; 7] },
            values: Arc::new(crate::engine::ParameterValues::new(&table)),
            table,
            level: crate::dsp::Level::detect(),
            look_ahead: false,
        })
    }

    #[test]
    fn what_an_engine_has_taken_of_space_is_not_built_again_and_all_else_is() {
        let (control, mut engine, _worker) = halves();
        let built = |routing: &Routing| match control.plan(routing).unwrap() {
            Command::Plan(PreparedPlan { space: Some(space), .. }) => {
                let veils = space.made_veils.iter().enumerate().filter(|(_, veil)| veil.is_some());
                let veils: Vec<_> = veils.map(|(number, _)| number).collect();
                (space.space.is_some(), space.made_notes.is_some(), veils)
            }
            _ => panic!("nothing in space"),
        };
        let song_space = Some(SongSpace { occlusion: 0.5, ..SongSpace::default() });
        let mut routing = Routing { song_space, ..Routing::default() };
        assert_eq!(built(&routing), (true, false, vec![0]));
        control.send(control.plan(&routing).unwrap()).unwrap();
        assert_eq!(built(&routing), (true, false, vec![0]), "nobody has taken it yet");
        let mut planes = [[0.0; 64]; 14];
        let mut outputs: Vec<_> = planes
            .chunks_mut(2)
            .map(|pair| AudioBlockMut::new(pair.iter_mut().map(|plane| plane.as_mut_slice())))
            .collect();
        engine.render(&Call { frames: 64, transport: None, events: &[] }, None, &mut outputs);
        assert_eq!(built(&routing), (false, false, vec![]));
        routing.song_places[7] = Some(SongPlace { occlusion: Some(0.9), ..SongPlace::default() });
        routing.keyboard[0].space = Some(Default::default());
        assert_eq!(built(&routing), (false, true, vec![7]));
    }

    #[test]
    fn while_no_audio_runs_only_the_newest_of_what_undoes_another_waits() {
        let (_control, _engine, mut worker) = halves();
        let mut setup = Setup::default();
        let machine = |slot| Insert {
            strip: 3,
            slot,
            machine: MachineKind::Fdn,
            impulse: None,
            controls: Vec::new(),
            program: None,
        };
        for turn in 0..2 * QUEUE {
            setup.routing.input = Some(turn % 16);
            setup.inserts = if turn % 2 == 0 { vec![machine(0), machine(1)] } else { vec![machine(1)] };
            worker.apply(&setup).unwrap();
        }
        assert!(!worker.poll());
        let plans = worker.outbox.iter().filter(|command| matches!(command, Command::Plan(_))).count();
        assert_eq!((worker.outbox.len(), plans), (2, 1));
    }

    #[test]
    fn what_the_host_says_survives_its_cell() {
        let cell = HostCell::default();
        assert_eq!(cell.load(), None);
        for (playing, tempo, beats) in
            [(false, 125.3, Some(16.25)), (true, 120.0, None), (true, 1.0, Some(-4.0))]
        {
            cell.store(&Transport { playing, tempo, beats, ..Transport::default() });
            assert_eq!(cell.load(), Some(HostTime { playing, tempo, beats }));
        }
    }

    #[test]
    fn a_position_survives_its_cell() {
        let still =
            Position { order: 255, row: 1023, tick: 31, speed: 255, tempo: 200, ..Position::default() };
        for position in [
            Position { running: true, ..still },
            Position { launched: 4, ..still },
            Position { waiting: 15, ..still },
        ] {
            let cell = PositionCell::default();
            cell.store(position);
            assert_eq!(cell.load(), position);
        }
    }
}
