//! What belongs to one instance but not to its audio thread: the rack, the parameters' values and the worker.
//!
//! In: songs to open, states to restore, a configuration to start with. Out: an engine for the audio thread, and what the editor
//! shows. Any thread but the audio thread, which only asks whether the worker is done, and waits for it while offline.
//! A song is examined before it replaces the one that plays.
#![allow(clippy::disallowed_types)] // The session's mutex is never touched by the audio thread.

mod open;
#[cfg(test)]
mod tests;

pub(crate) use open::ONE_SHOT_SECONDS;
pub(crate) use open::Onto;
pub(crate) use open::OpenError;
pub(super) use open::Opened;

use super::history::History;
use super::history::Step;
use super::history::Way;
use super::history::controls_of;
use super::history::difference;
use super::instruments::InstrumentEdit;
use super::kind::Kind;
use super::machines::MachineEdit;
use super::machines::lasting;
use super::machines::moved;
use super::machines::normalised;
use super::recording::Order;
use super::recording::default_folder;
use super::sources::SourceEdit;
use super::state::StateError;
use super::work::Underway;
use super::work::Work;
use super::worker::Job;
use super::worker::Watcher;
use super::worker::WorkerThread;
use crate::dsp::Level;
use crate::engine;
use crate::engine::Call;
use crate::engine::Control;
use crate::engine::Engine;
use crate::engine::EngineConfig;
use crate::engine::LANES;
use crate::engine::ParameterSpec;
use crate::engine::ParameterValues;
use crate::engine::RecorderSettings;
use crate::engine::RecorderStatus;
use crate::engine::Setting;
use crate::engine::Setup;
use crate::engine::Target;
use crate::engine::Worker;
use crate::graph::GraphError;
use crate::machine::InstrumentKind;
use crate::machine::MachineParameter;
use crate::mixer;
use crate::mixer::Grouping;
use crate::mixer::Layout;
use crate::mixer::Routing;
use crate::mixer::SpreadBy;
use crate::params::RackStore;
use crate::rack::EarsFile;
use crate::rack::InsertSlot;
use crate::rack::InstrumentSlot;
use crate::rack::LaneSlot;
use crate::rack::Module;
use crate::rack::Rack;
use crate::rack::RackError;
use crate::rack::VoiceSlot;
use crate::rt::Load;
use crate::rt::LoadMeter;
use crate::tracker::Replaced;
use crate::tracker::song::Song;
use crate::units::SampleRate;
use crate::voice::Bank;
use std::collections::BTreeSet;
use std::collections::HashSet;
use std::fs;
use std::panic;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use thiserror::Error;

/// What is said of work for a rack that is there no longer.
const RESTORED_MEANWHILE: &str = "Called off: the host has restored another rack meanwhile";
/// How long anybody waits for the worker.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why a rack was not changed.
#[derive(Debug, Error)]
pub(crate) enum EditError {
    /// The routes cannot run.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// A machine cannot be so.
    #[error(transparent)]
    Rack(#[from] RackError),
}

/// What a decoder gives up on.
#[derive(Debug, Error)]
#[error("{}: could not be read: save it anew from the program that it comes from, or choose another one", path.display())]
pub(crate) struct Spoilt {
    path: PathBuf,
}

/// A change of the rack that leaves its song alone.
pub(crate) enum Edit {
    /// Of the machines on strips.
    Machine(MachineEdit),
    /// Of the instruments in slots of the keyboard.
    Instrument(InstrumentEdit),
    /// Of voice slots and lanes.
    Source(SourceEdit),
    /// A sample or an instrument of the song's own again, instead of a file.
    SongsOwn(Replaced),
    /// Of the routes and the names of buses.
    Routing(Box<dyn FnOnce(&mut Routing) + Send>),
    /// Has the master end in the limiter that looks ahead, or no longer; heard when the host has restarted the plugin.
    LookAhead,
    /// The song over the host's outputs; on the worker's thread, for it walks through the song.
    Spread(SpreadBy, Grouping),
    /// What is in space is heard with the ears that Busker comes with again.
    BuiltInEars,
}

/// A rack with everything it names loaded.
#[derive(Clone)]
pub(super) struct Loaded {
    rack: Rack,
    setup: Setup,
}

/// What is loaded, and what to say about it.
pub(super) struct Session {
    table: Arc<[ParameterSpec]>,
    values: Arc<ParameterValues>,
    layout: Layout,
    loaded: Loaded,
    /// Whether what the rack of a new instance names is still to be loaded. That waits until somebody needs it: most instances
    /// are given another rack first, and a host that looks for plugins makes instances only to ask for their names.
    fresh: bool,
    /// Counts racks that have been taken, and whatever else changes what a song is loaded from.
    generation: u64,
    /// A rack that has been examined and is about to be restored, with its text.
    examined: Option<(String, Loaded)>,
    /// Counts racks that the host has restored, with parameters of their own.
    restored: u64,
    /// Edits since then.
    history: History,
    /// Parameters that are to be set with the machines that the engine gets next.
    due: Vec<Setting>,
    /// Those that it has got, and that the host does not know of yet.
    untold: Vec<Setting>,
    /// The last thing that went wrong, in words.
    notice: Option<String>,
    /// What could not be opened, in words, until somebody dismisses it.
    refused: Vec<String>,
    /// What has been opened last, in words.
    told: Option<String>,
    underway: Option<Underway>,
    /// Whether the song has been opened, and nobody has said how it is to go with the host's tempo.
    asks_tempo: bool,
    /// What was said of which songs: prints of their files, and choices of Sync.
    tempos: Vec<(u64, usize)>,
    /// What of the rack cannot be heard as it should be, in words.
    missing: Vec<String>,
    /// What of its lanes could not be read, in words, and how often each ran out of frames.
    lanes: Vec<String>,
    underruns: [u64; LANES],
    /// Counts changes of what the editor shows.
    revision: u64,
    control: Option<Arc<Control>>,
    recording: RecorderStatus,
    /// The host's, as far as it has been told.
    rate: SampleRate,
    /// `None` while the plugin is inactive.
    running: Option<Running>,
    /// What a test does before each file is read.
    #[cfg(test)]
    pub(super) at_file: Option<AtFile>,
}

#[cfg(test)]
type AtFile = Arc<dyn Fn(&Path) + Send + Sync>;

/// What the engine that runs was made with, which nothing but another engine changes.
#[derive(Clone, Copy)]
struct Running {
    look_ahead: bool,
    latency: usize,
    /// Whether the host has been asked for another engine.
    asked: bool,
}

impl Loaded {
    /// Loads `rack`, with the song's name in the error.
    fn new(rack: Rack, layout: &Layout) -> Result<Self, RackError> {
        Ok(Loaded { setup: rack.setup(layout)?, rack })
    }

    /// Loads `rack` with another song.
    fn with_song(rack: Rack, layout: &Layout, path: &Path) -> Result<Self, OpenError> {
        let bytes = fs::read(path).map_err(|error| OpenError::Read { path: path.to_owned(), error })?;
        let song = Module { name: file_name(path), bytes: bytes.into() };
        let refused = |error| match error {
            // The path says it already.
            RackError::Module { error, .. } => OpenError::Module { path: path.to_owned(), error },
            error => OpenError::Rack { path: path.to_owned(), error },
        };
        Self::new(rack.with_song(song), layout).map_err(refused)
    }

    /// Has the voices of its rack played.
    fn take_voices(&mut self) {
        self.setup.voices = self.rack.voice_bank();
        self.setup.routing = self.rack.routing_with_voices();
    }

    /// Another rack, in which what both share stays as it is: nothing that is not new is to begin anew.
    fn changed_to(&self, rack: Rack, layout: &Layout) -> Result<Self, RackError> {
        let (old, before) = (&self.rack, &self.setup);
        let same_song = is_same_song(&rack, old);
        let mut setup = match same_song {
            true => Rack { song: None, ..rack.clone() }.setup(layout)?,
            false => rack.setup(layout)?,
        };
        if same_song {
            (setup.song, setup.trim, setup.snapshots) =
                (before.song.clone(), before.trim, before.snapshots.clone());
        }
        if rack.voices == old.voices && rack.random == old.random {
            setup.voices = Arc::clone(&before.voices);
        }
        Ok(Self { rack, setup })
    }
}

/// Whether the songs of two racks are loaded from the same.
fn is_same_song(one: &Rack, other: &Rack) -> bool {
    one.song == other.song && one.replace == other.replace && one.song_time == other.song_time
}

pub(super) fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

impl Session {
    fn take(&mut self, loaded: Loaded) {
        self.missing = loaded.rack.notices().iter().map(ToString::to_string).collect();
        self.loaded = loaded;
        self.asks_tempo = false;
        self.generation += 1;
        self.fresh = false;
        self.notify(None);
    }

    /// Loads the rack of a new instance, if nothing has taken its place.
    fn settle(&mut self) {
        if self.fresh {
            match Loaded::new(self.loaded.rack.clone(), &self.layout) {
                Ok(loaded) => self.take(loaded),
                Err(error) => self.notify(Some(error.to_string())),
            }
            self.fresh = false;
        }
    }

    pub(super) fn control(&self) -> Option<Arc<Control>> {
        self.control.clone()
    }

    /// What the rack says of the recorder, and the routes that give its files their names.
    pub(super) fn recorded(&self) -> (RecorderSettings, Routing) {
        (self.loaded.rack.recorder.settings.clone(), self.loaded.rack.routing.clone())
    }

    pub(super) fn set_recording(&mut self, status: RecorderStatus) {
        if !look_alike(&self.recording, &status) {
            self.revision += 1;
        }
        self.recording = status;
    }

    pub(super) fn setup(&self) -> &Setup {
        &self.loaded.setup
    }

    /// Whether recordings that the rack names are still to be found or read.
    pub(super) fn is_unread(&self) -> bool {
        self.loaded.rack.is_unread()
    }

    /// What the engine is to play now, with the parameters that move with it, and of which restored rack they are.
    pub(super) fn take_due(&mut self) -> (Setup, Vec<Setting>, u64) {
        (self.setup().clone(), std::mem::take(&mut self.due), self.restored)
    }

    /// Has the host be told of parameters that the engine has got: not before, or the old machines would hear them; and
    /// not once the host has restored another rack.
    pub(super) fn leave_untold(&mut self, settings: Vec<Setting>, restored: u64) {
        if !settings.is_empty() && restored == self.restored {
            self.untold.extend(settings);
            self.revision += 1;
        }
    }

    /// The plain value of a parameter, as it will be when all that waits is done.
    fn plain(&self, target: Target) -> f32 {
        let waiting = self.untold.iter().chain(&self.due).rfind(|setting| setting.target == target);
        let index = || self.table.iter().position(|spec| spec.target == target);
        waiting.map_or_else(|| index().map_or(0.0, |index| self.values.get(index)), |setting| setting.to)
    }

    /// Changes the rack, or says why it cannot be so.
    fn edit(&mut self, edit: Edit) -> Result<(), EditError> {
        let mut routing = self.loaded.rack.routing.clone();
        match edit {
            Edit::Machine(edit) => return Ok(self.edit_machines(edit)?),
            Edit::Instrument(edit) => {
                self.edit_instruments(edit);
                return Ok(());
            }
            Edit::Source(edit) => {
                self.edit_sources(edit);
                return Ok(());
            }
            Edit::SongsOwn(_) => return Ok(()), // done without the session's lock, since it takes long
            Edit::Routing(change) => change(&mut routing),
            Edit::LookAhead => self.loaded.rack.master.look_ahead ^= true,
            Edit::BuiltInEars => {
                self.hear_with(None);
                return Ok(());
            }
            Edit::Spread(by, grouping) => {
                if let Some(song) = &self.loaded.setup.song {
                    mixer::spread(&mut routing, song, by, grouping);
                }
            }
        }
        routing.compile(&self.layout)?;
        self.loaded.rack.routing = routing;
        self.loaded.setup.routing = self.loaded.rack.routing_with_voices();
        Ok(())
    }

    fn hear_with(&mut self, ears: Option<EarsFile>) {
        self.loaded.setup.ears = ears.as_ref().and_then(|ears| ears.ears().cloned());
        self.loaded.rack.ears = ears;
    }

    /// Takes what is played in place of the song's own from a rack with the same song.
    fn take_replacements(&mut self, Loaded { rack, setup }: Loaded) {
        let now = &mut self.loaded;
        now.rack.replace = rack.replace;
        (now.setup.song, now.setup.trim, now.setup.snapshots) = (setup.song, setup.trim, setup.snapshots);
        self.generation += 1;
    }

    /// Changes machines; a file is read before this.
    fn edit_machines(&mut self, edit: MachineEdit) -> Result<(), RackError> {
        let anew = !matches!(edit, MachineEdit::Control(..) | MachineEdit::Reset(_));
        let mut rack = self.loaded.rack.clone();
        let settings = edit.apply(&mut rack, &|target| self.plain(target))?;
        if anew {
            self.loaded.setup.inserts = rack.insert_setups()?;
        } else {
            rack.set_controls_of(&mut self.loaded.setup.inserts);
        }
        self.loaded.rack = rack;
        self.due.extend(settings);
        Ok(())
    }

    /// Changes the rack and keeps the way back from that, if it has changed anything, as one step with those of the same hold of
    /// the user's.
    fn in_step<T>(&mut self, hold: Option<u64>, change: impl FnOnce(&mut Self) -> T) -> T {
        self.settle();
        let (rack, due) = (self.loaded.rack.clone(), self.due.len());
        let done = change(self);
        // What is moved twice goes back to where it was at first.
        let mut seen = BTreeSet::new();
        let first = self.due.get(due..).unwrap_or_default().iter().filter(|moved| seen.insert(moved.target));
        let values: Vec<_> = first
            .filter(|moved| self.plain(moved.target) != moved.from)
            .map(|moved| (moved.target, moved.from))
            .collect();
        let name = difference(&rack, &self.loaded.rack);
        if let Some(name) = name.or_else(|| values.first().map(|(target, _)| controls_of(*target))) {
            self.history.record(Step { name, rack, values }, hold);
            self.revision += 1;
        }
        done
    }

    /// Goes a step of the history to what was loaded for it; returns whether that could be, and notes why not.
    fn go(&mut self, way: Way, loaded: Result<Loaded, RackError>) -> bool {
        match loaded {
            Ok(mut loaded) => {
                let Some(step) = self.history.take(way) else { return false };
                loaded.rack.recorder = self.loaded.rack.recorder.clone();
                let left = step.values.iter().map(|(target, _)| (*target, self.plain(*target))).collect();
                let setting =
                    |&(target, to): &(Target, f32)| Setting { target, from: self.plain(target), to };
                let settings = moved(step.values.iter().map(setting).collect());
                self.due.extend(settings);
                self.missing = loaded.rack.notices().iter().map(ToString::to_string).collect();
                let rack = std::mem::replace(&mut self.loaded, loaded).rack;
                self.generation += u64::from(!is_same_song(&rack, &self.loaded.rack));
                self.history.leave(way, Step { rack, values: left, ..step });
                self.notify(None);
                true
            }
            Err(error) => {
                self.notify(Some(error.to_string()));
                false
            }
        }
    }

    fn edit_instruments(&mut self, edit: InstrumentEdit) {
        let mut rack = self.loaded.rack.clone();
        let settings = edit.apply(&mut rack, &|target| self.plain(target));
        self.loaded.setup.instruments = rack.instrument_setups();
        self.loaded.rack = rack;
        self.due.extend(settings);
    }

    /// Changes voices and lanes.
    fn edit_sources(&mut self, edit: SourceEdit) {
        let of_voices = matches!(edit, SourceEdit::Voice(..));
        edit.apply(&mut self.loaded.rack);
        if of_voices {
            self.loaded.take_voices();
        }
        self.loaded.setup.lanes = self.loaded.rack.lane_setups();
        self.missing = self.loaded.rack.notices().iter().map(ToString::to_string).collect();
    }

    /// Notes what lanes could not read, and what they have missed.
    pub(super) fn hear_lanes(&mut self, worker: &Worker) {
        let underruns =
            self.control.as_ref().map_or([0; LANES], |control| control.lanes().map(|lane| lane.underruns));
        let said = worker.lane_troubles().map(|(lane, trouble)| format!("lane {}: {trouble}", lane + 1));
        let troubles: Vec<String> = said.collect();
        if (&troubles, underruns) != (&self.lanes, self.underruns) {
            (self.lanes, self.underruns) = (troubles, underruns);
            self.revision += 1;
        }
    }

    /// Notes what could not be opened until it is dismissed. What is refused again stands last.
    pub(super) fn refuse(&mut self, mut errors: Vec<String>) {
        if errors.is_empty() {
            return;
        }
        let mut new = HashSet::new();
        errors.retain(|words| new.insert(words.clone()));
        errors.iter().for_each(|words| nice_plug::prelude::nice_warn!("{words}"));
        self.refused.retain(|words| !new.contains(words));
        self.refused.extend(errors);
        self.revision += 1;
    }

    /// Frames by which every output is late: those of the engine that runs, else those of one that would be started now.
    fn latency(&self) -> usize {
        match self.running {
            Some(running) => running.latency,
            None if self.loaded.rack.master.look_ahead => mixer::look_ahead_latency(self.rate),
            None => 0,
        }
    }

    /// Says what has been done.
    fn tell(&mut self, words: String) {
        self.told = Some(words);
        self.revision += 1;
    }

    pub(super) fn set_underway(&mut self, underway: Option<Underway>) {
        if self.underway != underway {
            self.underway = underway;
            self.revision += 1;
        }
    }

    /// Notes how far the piece under way is, in whole percent.
    pub(super) fn set_share(&mut self, share: f32) {
        let share = Some((share.clamp(0.0, 1.0) * 100.0).floor() / 100.0);
        if let Some(underway) = self.underway.as_mut().filter(|underway| underway.share != share) {
            underway.share = share;
            self.revision += 1;
        }
    }

    pub(super) fn notify(&mut self, notice: Option<String>) {
        if let Some(notice) = &notice {
            nice_plug::prelude::nice_warn!("{notice}");
        }
        self.notice = notice;
        self.revision += 1;
    }
}

/// Whether two states of recordings look the same: time is shown in tenths of a second.
fn look_alike(one: &RecorderStatus, other: &RecorderStatus) -> bool {
    let shown = |status: &RecorderStatus| {
        let mut status = status.clone();
        for (_, recording) in &mut status.recordings {
            (recording.frames, recording.seconds) = (0, (recording.seconds * 10.0).floor());
        }
        status
    };
    one == other || shown(one) == shown(other)
}

/// A session shared by the host's, the editor's and the worker's threads.
#[derive(Clone)]
pub(super) struct SharedSession(Arc<Mutex<Session>>);

impl SharedSession {
    pub(super) fn lock(&self) -> MutexGuard<'_, Session> {
        #[cfg(test)]
        tests::at_lock();
        // What a panic may have left behind is replaced by the next song as a whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The rack as it is, what it is for, and the generation, which is another once what songs are loaded from is.
    fn copy(&self) -> (Rack, Layout, u64) {
        let session = self.lock();
        (session.loaded.rack.clone(), session.layout.clone(), session.generation)
    }

    /// Reads a file, or what else is somebody's, whatever is in it: a decoder that panics ends neither its thread nor the host.
    pub(super) fn read<T, E: From<Spoilt>>(
        &self,
        path: &Path,
        read: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        #[cfg(test)]
        let at_file = self.lock().at_file.clone();
        let read = || {
            #[cfg(test)]
            at_file.into_iter().for_each(|at_file| at_file(path));
            read()
        };
        // What it may have left behind is dropped with it.
        let read = panic::catch_unwind(AssertUnwindSafe(read));
        read.unwrap_or_else(|_| Err(Spoilt { path: path.to_owned() }.into()))
    }

    /// Makes another song the instance's; what is wrong with it is noted and changes nothing.
    pub(super) fn open(&self, path: &Path) -> Result<(), OpenError> {
        loop {
            // The editor looks at the session for every picture, so it is not locked while a song loads.
            let (rack, layout, generation) = self.copy();
            let loaded = self.read(path, || Loaded::with_song(rack, &layout, path));
            let mut session = self.lock();
            if session.generation != generation {
                continue; // it may keep other replacements
            }
            return match loaded {
                Ok(loaded) => {
                    session.in_step(None, |session| session.take_song(loaded));
                    Ok(())
                }
                Err(error) => {
                    session.notify(Some(error.to_string()));
                    Err(error)
                }
            };
        }
    }
}

impl SharedSession {
    /// Finds and reads recordings that the rack names and does not hold; whether there were any. The worker's thread: they may be long.
    pub(super) fn read_files(&self) -> bool {
        loop {
            let (mut rack, layout, generation) = self.copy();
            if !rack.is_unread() {
                return false;
            }
            let undecoded = rack.is_undecoded();
            rack.read_files();
            let loaded = if undecoded {
                Loaded::new(rack, &layout)
            } else {
                // Neither the song nor the voices are anything new.
                let setup = Setup { lanes: rack.lane_setups(), ..self.lock().setup().clone() };
                Ok(Loaded { rack, setup })
            };
            let mut session = self.lock();
            if session.generation != generation {
                continue; // another rack has come meanwhile
            }
            match loaded {
                Ok(Loaded { rack, setup }) => {
                    // What else of the rack was edited meanwhile stays.
                    let now = &mut session.loaded;
                    now.rack.take_compiled(&rack);
                    (now.rack.voices, now.rack.replace, now.rack.lanes) =
                        (rack.voices, rack.replace, rack.lanes);
                    now.setup.inserts = now.rack.insert_setups().unwrap_or(setup.inserts);
                    let missing = now.rack.notices().iter().map(ToString::to_string).collect();
                    (now.setup.voices, now.setup.lanes) = (setup.voices, setup.lanes);
                    (now.setup.song, now.setup.trim, now.setup.snapshots) =
                        (setup.song, setup.trim, setup.snapshots);
                    session.missing = missing;
                    session.generation += 1;
                    session.revision += 1;
                }
                Err(error) => session.notify(Some(error.to_string())),
            }
            return true;
        }
    }

    /// Has something of the song be the song's own again, by a hold of the user's; what is wrong with that is noted.
    fn give_back(&self, what: Replaced, hold: u64) -> bool {
        let mut session = self.lock();
        session.settle();
        let restored = session.restored;
        drop(session);
        loop {
            let (mut rack, layout, generation) = self.copy();
            let before = rack.replace.len();
            rack.replace.retain(|entry| entry.what != what);
            if rack.replace.len() == before {
                return false; // what has come meanwhile has its own there already
            }
            let loaded = Loaded::new(rack, &layout);
            let mut session = self.lock();
            if session.restored != restored {
                session.tell(RESTORED_MEANWHILE.to_owned());
                return false;
            }
            if session.generation != generation {
                continue;
            }
            match loaded {
                Ok(loaded) => {
                    session.in_step(Some(hold), |session| session.take_replacements(loaded));
                    session.missing = session.loaded.rack.notices().iter().map(ToString::to_string).collect();
                    session.notify(None);
                    return true;
                }
                Err(error) => {
                    session.notify(Some(error.to_string()));
                    return false;
                }
            }
        }
    }

    /// Goes a step back or on in the history of edits; returns whether the rack has changed, and notes why not.
    pub(super) fn step(&self, way: Way) -> bool {
        let mut session = self.lock();
        loop {
            let Some(rack) = session.history.next(way).map(|step| step.rack.clone()) else { return false };
            let (now, layout) = (session.loaded.clone(), session.layout.clone());
            let generation = session.generation;
            drop(session);
            // What is recorded is no edit, and a limiter that looks ahead takes another engine.
            let rack = Rack { master: now.rack.master.clone(), ..rack };
            let loaded = now.changed_to(rack, &layout);
            session = self.lock();
            // Another song that has come meanwhile is a step of its own.
            if session.generation == generation {
                return session.go(way, loaded);
            }
        }
    }

    /// Changes the rack by a hold of the user's; returns whether it has changed, and notes why not.
    pub(super) fn edit(&self, edit: Edit, hold: u64) -> bool {
        if let Edit::SongsOwn(what) = edit {
            return self.give_back(what, hold);
        }
        let mut session = self.lock();
        let refused = session.in_step(Some(hold), |session| session.edit(edit));
        let refused = refused.err().map(|error| error.to_string());
        let done = refused.is_none();
        session.notify(refused);
        done
    }
}

/// One plugin, seen from every thread but its audio thread.
pub(crate) struct Instance {
    table: Arc<[ParameterSpec]>,
    values: Arc<ParameterValues>,
    session: SharedSession,
    worker: WorkerThread,
    dropped_events: AtomicU64,
    load: LoadMeter,
    /// Counts what the user does: edits of one hold are undone as one.
    hold: AtomicU64,
    /// Whether the user holds a button or a key.
    held: AtomicBool,
}

impl Instance {
    pub(super) fn new<K: Kind>() -> Arc<Self> {
        let table: Arc<[ParameterSpec]> = engine::table().into();
        let values = Arc::new(ParameterValues::new(&table));
        let layout = K::LAYOUTS.first().map(super::engine_layout::<K>).unwrap_or_default();
        let rack = if K::PAIRED { Rack::default() } else { Rack::demo() };
        let loaded = Loaded { rack, setup: Setup::default() };
        let session = Session {
            table: Arc::clone(&table),
            values: Arc::clone(&values),
            layout,
            loaded,
            fresh: true,
            generation: 0,
            restored: 0,
            history: History::default(),
            examined: None,
            due: Vec::new(),
            untold: Vec::new(),
            notice: None,
            refused: Vec::new(),
            told: None,
            underway: None,
            asks_tempo: false,
            tempos: Vec::new(),
            missing: Vec::new(),
            lanes: Vec::new(),
            underruns: [0; LANES],
            revision: 0,
            control: None,
            recording: RecorderStatus::default(),
            rate: SampleRate(48_000.0),
            running: None,
            #[cfg(test)]
            at_file: None,
        };
        let session = SharedSession(Arc::new(Mutex::new(session)));
        let worker = WorkerThread::start(session.clone());
        let (dropped_events, load, hold, held) = Default::default();
        Arc::new(Instance { table, values, session, worker, dropped_events, load, hold, held })
    }

    /// Has a test do this before each file is read.
    #[cfg(test)]
    pub(super) fn at_file(&self, work: impl Fn(&Path) + Send + Sync + 'static) {
        self.session.lock().at_file = Some(Arc::new(work));
    }

    pub(super) fn table(&self) -> &Arc<[ParameterSpec]> {
        &self.table
    }

    pub(super) fn values(&self) -> &Arc<ParameterValues> {
        &self.values
    }

    /// An engine for the host's rate and buses, with the rack's song in its queue already.
    pub(super) fn start(&self, rate: SampleRate, layout: Layout) -> Result<Engine, GraphError> {
        // What is being read comes when it has been, into the engine that runs by then.
        self.wait_for_edits();
        let mut session = self.session.lock();
        session.settle();
        let look_ahead = session.loaded.rack.master.look_ahead;
        let config = EngineConfig {
            rate,
            layout: layout.clone(),
            table: Arc::clone(&self.table),
            values: Arc::clone(&self.values),
            level: Level::from_environment(),
            look_ahead,
        };
        let (control, engine, mut worker) = engine::new(config);
        worker.apply(session.setup())?;
        session.layout = layout;
        session.rate = rate;
        session.running = Some(Running { look_ahead, latency: engine.latency(), asked: false });
        session.control = Some(Arc::new(control));
        session.revision += 1;
        drop(session);
        self.worker.post(Job::Adopt(Box::new(worker)));
        #[cfg(any(feature = "alloc-guard", feature = "rtsan"))]
        self.record_if_tested();
        Ok(engine)
    }

    /// Starts what the rack says from the first frame on, where a test has no editor to do so.
    #[cfg(any(feature = "alloc-guard", feature = "rtsan"))]
    fn record_if_tested(&self) {
        if std::env::var_os("BUSKER_RECORD").is_some() {
            self.worker.post(Job::Record(Order::Start));
            self.wait_for_worker();
        }
    }

    /// The engine that was started is no longer used.
    pub(super) fn stop(&self) {
        self.session.lock().running = None;
    }

    /// The host will start the plugin at this rate.
    pub(super) fn expect_rate(&self, rate: SampleRate) {
        self.session.lock().rate = rate;
    }

    /// Frames by which every output is late: those of the engine that runs, else those of one that would be started now.
    pub(super) fn latency(&self) -> usize {
        self.session.lock().latency()
    }

    /// Whether the host is to be asked to start the plugin anew, once: it takes another engine to do as the rack says.
    pub(super) fn asks_for_restart(&self) -> bool {
        let mut session = self.session.lock();
        let wanted = session.loaded.rack.master.look_ahead;
        let Some(running) = &mut session.running else { return false };
        let wants = running.look_ahead != wanted;
        let asked = std::mem::replace(&mut running.asked, wants);
        wants && !asked
    }

    /// The host could not be asked: it is to be once more.
    pub(super) fn ask_again(&self) {
        if let Some(running) = &mut self.session.lock().running {
            running.asked = false;
        }
    }

    /// Returns when the worker has done all it was asked to, or after ten seconds, which are counted.
    pub(crate) fn wait_for_worker(&self) {
        self.worker.progress().wait(PATIENCE);
    }

    /// The same for all but files that are being opened or read.
    pub(super) fn wait_for_edits(&self) {
        self.worker.progress().wait_for_short(PATIENCE);
    }

    /// Waits, as `wait_for_worker` does, until recordings have room for a call of the host's. Once that was in vain it does
    /// not wait again before there is room: a disk that blocks for ever is not to hold up an export for longer.
    pub(super) fn wait_for_room(&self, engine: &mut Engine, frames: usize, stuck: &mut bool) {
        self.worker.progress().hurry();
        let patience = if *stuck { Duration::ZERO } else { PATIENCE };
        let room = engine::wait_for_room(engine, frames, patience);
        if !room && !*stuck {
            self.worker.progress().miss_wait();
        }
        *stuck = !room;
    }

    /// The same until all lanes are there, and all frames of them that a call needs have been read.
    pub(super) fn wait_for_lanes(&self, engine: &mut Engine, call: &Call<'_>, starved: &mut bool) {
        let patience = if *starved { Duration::ZERO } else { PATIENCE };
        let open = self.worker.progress().wait_for_lanes(patience);
        let ready = open && engine::wait_for_lanes(engine, call, patience);
        if !ready && !*starved {
            self.worker.progress().miss_wait();
        }
        *starved = !ready;
    }

    /// Starts or stops all recordings on one frame.
    pub(crate) fn record(&self, running: bool) {
        self.worker.post(Job::Record(if running { Order::Start } else { Order::Stop }));
    }

    /// Changes what is recorded and where; it is saved with the rack. While a take runs it waits for the next one.
    pub(crate) fn set_recorder(&self, change: impl FnOnce(&mut RecorderSettings)) {
        let mut session = self.session.lock();
        change(&mut session.loaded.rack.recorder.settings);
        session.revision += 1;
        drop(session);
        self.worker.post(Job::Record(Order::Arm));
    }

    /// Makes a module file the song. Loads it on this thread, so that the caller hears what is wrong with it.
    pub(super) fn open(&self, path: &Path) -> Result<(), OpenError> {
        self.session.open(path)?;
        self.worker.post(Job::Apply);
        Ok(())
    }

    /// Opens files of any kind, and what lies in folders, on the worker's thread; what is wrong is noted.
    pub(crate) fn open_later(&self, paths: Vec<PathBuf>, onto: Onto) {
        let restored = self.session.lock().restored;
        self.worker.post(Job::Open { paths, onto, restored });
    }

    /// Calls off what is being opened: everything stays as it was.
    pub(crate) fn call_off(&self) {
        self.worker.progress().call_off();
    }

    /// Remembers how the song is to go with the host's tempo, by the choice of Sync that says so.
    pub(crate) fn answer_tempo(&self, sync: usize) {
        self.session.lock().answer_tempo(sync);
    }

    /// What calls of the host take.
    pub(crate) fn load(&self) -> &LoadMeter {
        &self.load
    }

    /// Forgets what went wrong, and what was opened.
    pub(crate) fn dismiss(&self) {
        let mut session = self.session.lock();
        session.refused.clear();
        session.told = None;
        session.notice = None;
        session.revision += 1;
    }

    /// Has the worker's thread change the rack; what is wrong with the change is noted.
    pub(crate) fn edit_later(&self, edit: Edit) {
        self.worker.post(Job::Edit(edit, self.hold_now()));
    }

    /// Has the worker's thread undo the last edit, or do the last one again that was undone.
    pub(crate) fn step_later(&self, way: Way) {
        self.worker.post(Job::Step(way));
    }

    /// Whether the user holds a button or a key, and has just taken it: what is edited meanwhile is undone as one.
    pub(crate) fn hold(&self, held: bool, anew: bool) {
        self.held.store(held, Relaxed);
        self.hold.fetch_add(u64::from(anew), Relaxed);
    }

    fn hold_now(&self) -> u64 {
        let anew = u64::from(!self.held.load(Relaxed));
        self.hold.fetch_add(anew, Relaxed) + anew
    }

    /// Tells by `tell` of parameters that have moved with what was opened, edited or undone, with their places of 0-1.
    pub(crate) fn tell_untold(&self, tell: impl Fn(usize, f32)) {
        let mut session = self.session.lock();
        let settings = std::mem::take(&mut session.untold);
        if settings.is_empty() {
            return;
        }
        let settings = lasting(settings, |target| session.plain(target));
        session.revision += 1;
        drop(session);
        normalised(&self.table, settings).into_iter().for_each(|(index, place)| tell(index, place));
    }

    /// Has the worker's thread call `watcher` some fifty times a second.
    pub(crate) fn watch(&self, watcher: Watcher) {
        self.worker.post(Job::Watch(watcher));
    }

    /// Has the worker's thread call `announcer` when it has opened a song or changed the rack.
    pub(super) fn announce(&self, announcer: Watcher) {
        self.worker.post(Job::Announce(announcer));
    }

    /// Loads a rack without taking it: what a host is about to restore.
    pub(super) fn examine(&self, text: &str) -> Result<(), StateError> {
        let (_, layout, _) = self.session.copy();
        let read = || Ok::<_, StateError>(Loaded::new(Rack::unpack_unread(text)?, &layout)?);
        let loaded = self.session.read(Path::new("the saved state"), read)?;
        self.session.lock().examined = Some((text.to_owned(), loaded));
        Ok(())
    }

    /// Notes what went wrong, for the editor and the log.
    pub(super) fn notify(&self, notice: String) {
        self.session.lock().notify(Some(notice));
    }

    /// Names of the song's instruments, or of its samples where it has none.
    pub(super) fn instrument_names(&self) -> Vec<String> {
        let mut session = self.session.lock();
        session.settle();
        let Some(song) = &session.setup().song else { return Vec::new() };
        let name = |name: &String| name.trim().to_owned();
        if song.instruments.is_empty() {
            song.samples.iter().map(|sample| name(&sample.name)).collect()
        } else {
            song.instruments.iter().map(|instrument| name(&instrument.name)).collect()
        }
    }

    /// Instruments and samples of the song, with their names.
    pub(crate) fn replaceable(&self) -> Vec<(Replaced, String)> {
        let session = self.session.lock();
        let Some(song) = &session.setup().song else { return Vec::new() };
        let name = |name: &String| name.trim().to_owned();
        let instruments = song.instruments.iter().map(|instrument| name(&instrument.name)).enumerate();
        let samples = song.samples.iter().map(|sample| name(&sample.name)).enumerate();
        let instruments = instruments.map(|(index, name)| (Replaced::Instrument(index), name));
        instruments.chain(samples.map(|(index, name)| (Replaced::Sample(index), name))).collect()
    }

    /// Voices that sounded in the newest block. Not real-time.
    pub(super) fn voices(&self) -> usize {
        self.session.lock().control.as_ref().map_or(0, |control| control.voices())
    }

    /// Real-time: yes.
    pub(crate) fn count_dropped(&self, events: usize) {
        if events > 0 {
            self.dropped_events.fetch_add(events as u64, Relaxed);
        }
    }

    /// What tells the editor whether there is anything new to show.
    pub(crate) fn pulse(&self) -> Pulse {
        let session = self.session.lock();
        Pulse {
            control: session.control.clone(),
            changes: [
                session.revision,
                self.dropped_events.load(Relaxed),
                self.worker.progress().missed_waits(),
            ],
        }
    }

    /// What the editor shows.
    pub(crate) fn view(&self) -> View {
        let mut session = self.session.lock();
        session.settle();
        let song = session.setup().song.as_ref();
        let file = session.loaded.rack.song.as_ref().map(|module| module.name.clone());
        View {
            title: song.map(|song| song.title.trim().to_owned()).filter(|title| !title.is_empty()),
            file,
            channels: song.map_or(0, |song| song.channels.len()),
            song: song.cloned(),
            layout: session.layout.clone(),
            routing: session.setup().routing.clone(),
            inserts: session.loaded.rack.inserts.clone(),
            instruments: session.loaded.rack.instruments.clone(),
            voices: session.loaded.rack.voices.clone(),
            bank: Arc::clone(&session.setup().voices),
            lanes: session.loaded.rack.lanes.clone(),
            replaced: session
                .loaded
                .rack
                .replace
                .iter()
                .map(|entry| (entry.what, entry.take.name().to_owned()))
                .collect(),
            ears: session.loaded.rack.ears.as_ref().map(|ears| ears.name().to_owned()),
            look_ahead: session.loaded.rack.master.look_ahead,
            steps: [Way::Back, Way::On].map(|way| session.history.name(way)),
            notice: session.notice.clone(),
            refused: session.refused.clone(),
            told: session.told.clone(),
            underway: session.underway.clone(),
            busy: self.worker.progress().is_busy(),
            asks_tempo: session.asks_tempo,
            load: self.load.read(session.rate),
            latency_ms: session.latency() as f64 * 1000.0 / session.rate.0,
            missing: session.missing.iter().chain(&session.lanes).cloned().collect(),
            underruns: session.underruns,
            control: session.control.clone(),
            dropped_events: self.dropped_events.load(Relaxed),
            missed_waits: self.worker.progress().missed_waits(),
            folder: session.loaded.rack.recorder.settings.folder_in(&default_folder()),
            recorder: session.loaded.rack.recorder.settings.clone(),
            recording: session.recording.clone(),
        }
    }
}

/// Little enough to be asked for many times a second.
pub(crate) struct Pulse {
    pub(crate) control: Option<Arc<Control>>,
    /// Counters of what may have changed.
    pub(crate) changes: [u64; 3],
}

/// What the editor shows of an instance, as it is now.
pub(crate) struct View {
    /// The song's own name, if it has one.
    pub(crate) title: Option<String>,
    pub(crate) file: Option<String>,
    pub(crate) channels: usize,
    /// As it is played.
    pub(crate) song: Option<Arc<Song>>,
    /// The host's buses.
    pub(crate) layout: Layout,
    pub(crate) routing: Routing,
    /// Machines on strips, also those that this version does not know.
    pub(crate) inserts: Vec<InsertSlot>,
    /// Instruments in slots of the keyboard, also those that this version does not know.
    pub(crate) instruments: Vec<InstrumentSlot>,
    /// Voice slots that say anything.
    pub(crate) voices: Vec<VoiceSlot>,
    /// What is played of them; takes stand as in their slots.
    pub(crate) bank: Arc<Bank>,
    /// Lanes that say anything.
    pub(crate) lanes: Vec<LaneSlot>,
    /// What is played in place of the song's own: of what, and the file's name.
    pub(crate) replaced: Vec<(Replaced, String)>,
    /// File of the ears that hear what is in space, where not those that Busker comes with.
    pub(crate) ears: Option<String>,
    /// Whether the master is to end in the limiter that looks ahead.
    pub(crate) look_ahead: bool,
    /// What undo would take back, and what redo would do again.
    pub(crate) steps: [Option<String>; 2],
    pub(crate) notice: Option<String>,
    /// What could not be opened, until it is dismissed.
    pub(crate) refused: Vec<String>,
    /// What has been opened last.
    pub(crate) told: Option<String>,
    /// What is being opened, and how far it is.
    pub(crate) underway: Option<Underway>,
    /// Whether the worker has anything to do.
    pub(crate) busy: bool,
    /// Whether nobody has said yet how the song is to go with the host's tempo.
    pub(crate) asks_tempo: bool,
    /// What calls of the host take, once there have been any.
    pub(crate) load: Option<Load>,
    /// By which every output is late.
    pub(crate) latency_ms: f64,
    /// What of the rack cannot be heard as it should be.
    pub(crate) missing: Vec<String>,
    /// How often each lane ran out of frames.
    pub(crate) underruns: [u64; LANES],
    /// Meters and position of the running engine.
    pub(crate) control: Option<Arc<Control>>,
    pub(crate) dropped_events: u64,
    /// Times an offline render went on without its worker.
    pub(crate) missed_waits: u64,
    /// What is recorded when recordings start.
    pub(crate) recorder: RecorderSettings,
    /// Where files go.
    pub(crate) folder: PathBuf,
    /// Recordings as they are now.
    pub(crate) recording: RecorderStatus,
}

impl RackStore for Instance {
    fn control_in(&self, strip: usize, slot: usize, control: usize) -> Option<MachineParameter> {
        let session = self.session.lock();
        let mut inserts = session.setup().inserts.iter();
        inserts.find(|insert| (insert.strip, insert.slot) == (strip, slot))?.control(control)
    }

    fn instrument_in(&self, slot: usize) -> Option<InstrumentKind> {
        let session = self.session.lock();
        let instruments = &session.setup().instruments;
        instruments.iter().find(|instrument| instrument.slot == slot).map(|instrument| instrument.kind)
    }

    /// What is being opened is not in it yet; the host hears of it afterwards.
    fn save(&self) -> String {
        self.wait_for_edits();
        let session = self.session.lock();
        session.loaded.rack.pack().unwrap_or_else(|error| {
            nice_plug::prelude::nice_error!("the rack cannot be saved: {error}");
            String::new()
        })
    }

    /// Takes the rack that guard or proxy have examined; one that comes from elsewhere is examined here.
    fn restore(&self, text: String) {
        let mut session = self.session.lock();
        let loaded = match session.examined.take() {
            Some((examined, loaded)) if examined == text => Ok(loaded),
            _ => Rack::unpack_unread(&text).and_then(|rack| Loaded::new(rack, &session.layout)),
        };
        match loaded {
            Ok(loaded) => {
                let unread = loaded.rack.is_unread();
                session.take(loaded);
                // What the old rack's machines were set to.
                (session.due, session.untold) = (Vec::new(), Vec::new());
                session.history = History::default();
                session.restored += 1;
                drop(session);
                self.worker.post(if unread { Job::Read } else { Job::Apply });
            }
            Err(error) => session.notify(Some(error.to_string())),
        }
    }
}
