//! Files of any kind that somebody opens: what each is, and where it goes.
//!
//! In: paths of files and folders, and where they were dropped. Out: a rack, a song, voices, lanes or ears in the session, with the
//! parameters that move along, and words for what could not be opened. Contents tell what a file is, its name only what it was meant
//! to be. All is read before anything is taken, so that work which is called off leaves everything as it was. Worker's threads.

use super::super::worker::Changing;
use super::Loaded;
use super::RESTORED_MEANWHILE;
use super::Session;
use super::SharedSession;
use super::Spoilt;
use super::Work;
use super::file_name;
use crate::engine::Setting;
use crate::engine::Target;
use crate::lane::LANES;
use crate::machine::Impulse;
use crate::plugin::machines::MachineEdit;
use crate::plugin::machines::Place;
use crate::plugin::sources::put;
use crate::rack::EarsFile;
use crate::rack::LaneFile;
use crate::rack::LaneSlot;
use crate::rack::PresetError;
use crate::rack::Rack;
use crate::rack::RackError;
use crate::rack::SoundFile;
use crate::rack::TakeFile;
use crate::rack::VoiceSlot;
use crate::rack::track_of;
use crate::sample::AudioFile;
use crate::sample::DecodeError;
use crate::tracker::Replaced;
use crate::tracker::load;
use crate::tracker::load::LoadError;
use crate::voice;
use std::collections::BTreeMap;
use std::fs;
use std::hash::DefaultHasher;
use std::hash::Hash;
use std::hash::Hasher;
use std::io;
use std::io::Read;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use thiserror::Error;

/// Shorter recordings become one-shots on keys, all others lanes.
pub(crate) const ONE_SHOT_SECONDS: f64 = 10.0;

/// Enough to recognise whatever can be opened.
const HEAD_BYTES: u64 = 4096;
/// How recordings begin that say so.
const RECORDINGS: [&[u8]; 5] = [b"RIFF", b"FORM", b"fLaC", b"OggS", b"ID3"];
const RECORDING_ENDINGS: [&str; 9] = ["wav", "wave", "aif", "aiff", "aifc", "flac", "ogg", "oga", "mp3"];
/// SOFA files are HDF5.
const HDF5: &[u8] = b"\x89HDF\r\n\x1a\n";
const VST_PRESET: &[u8] = b"VST3";
/// Place of Voices among the keyboard's modes.
const VOICES_MODE: f32 = 5.0;
/// The key of the first voice slot.
const FIRST_KEY: usize = 36;
const NOTES: [&str; 12] = ["C-", "C#", "D-", "D#", "E-", "F-", "F#", "G-", "G#", "A-", "A#", "B-"];

/// Where files are dropped, or what they are chosen for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(not(test), allow(dead_code, reason = "for pages that show slots and lanes"))]
pub(crate) enum Onto {
    /// Recordings find places of their own.
    #[default]
    Anywhere,
    /// On a voice slot, which recordings become the takes of.
    Voice(usize),
    /// On a lane, likewise.
    Lane(usize),
    /// As takes of a voice slot: behind those that are there, or the first in place of one.
    VoiceTake(usize, Option<usize>),
    /// As takes of a lane, likewise.
    LaneTake(usize, Option<usize>),
    /// In place of a sample or an instrument of the song.
    Replacement(Replaced),
    /// As a convolution's impulse response.
    Impulse(Place),
    /// As ears.
    Ears,
}

/// Why a file was not opened.
#[derive(Debug, Error)]
pub(crate) enum OpenError {
    /// The file cannot be read.
    #[error("{}: {error}: check that it is there and may be read", path.display())]
    Read { path: PathBuf, error: io::Error },
    /// Nothing that is known.
    #[error(
        "{}: no file that Busker can open, which are modules (MOD, S3M, XM, IT, packed by gzip or ZIP or not), racks \
         (.busker.toml, .vstpreset), recordings (WAV, AIFF, FLAC, Ogg Vorbis, MP3) and ears (SOFA)",
        path.display()
    )]
    Unknown { path: PathBuf },
    /// A folder without anything that is known.
    #[error("{}: no file in this folder can be opened: choose one with modules or recordings", path.display())]
    Empty { path: PathBuf },
    /// A file whose decoder gives up.
    #[error(transparent)]
    Spoilt(#[from] Spoilt),
    /// A module that cannot be played.
    #[error("{}: {error}", path.display())]
    Module { path: PathBuf, error: LoadError },
    /// A rack that cannot be played.
    #[error("{}: {error}", path.display())]
    Rack { path: PathBuf, error: RackError },
    /// A preset that is none of Busker's.
    #[error("{}: {error}", path.display())]
    Preset { path: PathBuf, error: PresetError },
    /// A recording that cannot be played.
    #[error("{}: {error}", path.display())]
    Recording { path: PathBuf, error: DecodeError },
    /// A recording that cannot be played in place of one of the song's.
    #[error("{}: {words}", path.display())]
    Replacement { path: PathBuf, words: String },
    /// No impulse response.
    #[error(transparent)]
    Impulse(RackError),
    /// Ears that cannot be fitted.
    #[error("{0}")]
    Ears(String),
    /// Only one of its kind can be there.
    #[error("{}: only one {what} can be open: open it by itself to have it in place of the other", path.display())]
    Further { path: PathBuf, what: &'static str },
    /// No voice slot is empty.
    #[error("{file}: all {} voice slots are taken: drop it on the one that it is to replace", voice::SLOTS)]
    NoVoice { file: String },
    /// No lane is empty.
    #[error("{file}: all {LANES} lanes are taken: drop it on the one that it is to replace")]
    NoLane { file: String },
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Found {
    Module,
    Rack,
    Preset,
    Ears,
    Recording { seconds: f64 },
}

/// How many bytes a file has. To open a pipe or a device might take for ever.
fn length_of(path: &Path) -> Result<u64, OpenError> {
    let about = fs::metadata(path).map_err(|error| OpenError::Read { path: path.to_owned(), error })?;
    about.is_file().then_some(about.len()).ok_or_else(|| OpenError::Unknown { path: path.to_owned() })
}

fn find_out(path: &Path) -> Result<Found, OpenError> {
    let unreadable = |error| OpenError::Read { path: path.to_owned(), error };
    let length = length_of(path)?;
    let file = fs::File::open(path).map_err(unreadable)?;
    let mut head = Vec::new();
    file.take(HEAD_BYTES).read_to_end(&mut head).map_err(unreadable)?;
    let says_recording = RECORDINGS.iter().any(|signature| head.starts_with(signature));
    if head.starts_with(HDF5) {
        return Ok(Found::Ears);
    }
    if head.starts_with(VST_PRESET) {
        return Ok(Found::Preset);
    }
    if !says_recording && load::is_module(&head, usize::try_from(length).unwrap_or(usize::MAX)) {
        return Ok(Found::Module);
    }
    if is_rack(&head) {
        return Ok(Found::Rack);
    }
    match AudioFile::open(path) {
        Ok(file) => Ok(Found::Recording { seconds: file.frames() as f64 / file.rate().0 }),
        Err(error) if says_recording || is_called_recording(path) => {
            Err(OpenError::Recording { path: path.to_owned(), error })
        }
        Err(_) => Err(OpenError::Unknown { path: path.to_owned() }),
    }
}

/// A text in which a line gives a version, as every rack does.
fn is_rack(head: &[u8]) -> bool {
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        // Cut within a character.
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    let gives_version = |line: &str| {
        let rest = line.trim_start().strip_prefix("version").map(str::trim_start);
        rest.is_some_and(|rest| rest.starts_with('=') || rest.starts_with('.')) || line.trim() == "[version]"
    };
    text.lines().any(gives_version)
}

fn is_called_recording(path: &Path) -> bool {
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
    ending.is_some_and(|ending| RECORDING_ENDINGS.contains(&ending.as_str()))
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// The files of a folder in the order of their names, without those that systems hide.
fn files_in(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_file() && !file_name(&path).starts_with('.') {
            files.push(path);
        }
    }
    files.sort_by_key(|path| (file_name(path).to_lowercase(), path.clone()));
    Ok(files)
}

/// What is read of the files, to be taken all at once.
#[derive(Default)]
struct Batch {
    rack: Option<Loaded>,
    song: Option<Loaded>,
    ears: Option<EarsFile>,
    /// Name and takes of each.
    voices: Vec<(String, Vec<TakeFile>)>,
    lanes: Vec<(String, Vec<LaneFile>)>,
    /// The song with a recording in place of its own, and how it is called.
    replacement: Option<(Loaded, String)>,
    impulse: Option<(SoundFile, Arc<Impulse>)>,
    /// The session's, when it was begun.
    generation: u64,
    /// What cannot be opened.
    refused: Vec<OpenError>,
}

impl Batch {
    /// Whether a song in it was loaded from what else the session's rack says of songs.
    fn is_of_rack(&self) -> bool {
        self.replacement.is_some() || self.rack.is_none() && self.song.is_some()
    }

    /// Whether it replaces something of a song that is there no longer, nor a newer version of it.
    fn is_for_another_song_than(&self, session: &Session) -> bool {
        let name = |loaded: &Loaded| loaded.rack.song.as_ref().map(|song| song.name.clone());
        self.replacement.as_ref().is_some_and(|(loaded, _)| name(loaded) != name(&session.loaded))
    }
}

/// What has come of opening.
#[derive(Default)]
pub(in crate::plugin) struct Opened {
    /// Whether anything in the session has changed.
    pub(in crate::plugin) changed: bool,
    /// A voice slot that is to sound once.
    pub(in crate::plugin) heard: Option<usize>,
    /// To be kept until what goes with the change is there, too.
    pub(in crate::plugin) changing: Option<Changing>,
}

/// The files by what they are.
#[derive(Default)]
struct Sorted {
    racks: Vec<(PathBuf, Found)>,
    modules: Vec<PathBuf>,
    ears: Vec<PathBuf>,
    voices: Vec<PathBuf>,
    lanes: Vec<PathBuf>,
    /// For what the user has chosen them for.
    sounds: Vec<PathBuf>,
}

impl Sorted {
    /// Where files go of which the user says what they are: whoever reads them knows better.
    fn chosen_for(&mut self, onto: Onto) -> Option<&mut Vec<PathBuf>> {
        match onto {
            Onto::VoiceTake(..) => Some(&mut self.voices),
            Onto::LaneTake(..) => Some(&mut self.lanes),
            Onto::Replacement(_) | Onto::Impulse(_) => Some(&mut self.sounds),
            Onto::Ears => Some(&mut self.ears),
            Onto::Anywhere | Onto::Voice(_) | Onto::Lane(_) => None,
        }
    }

    fn add(&mut self, path: PathBuf, found: Found, onto: Onto) {
        match (found, onto) {
            (Found::Rack | Found::Preset, _) => self.racks.push((path, found)),
            (Found::Module, _) => self.modules.push(path),
            (Found::Ears, _) => self.ears.push(path),
            (Found::Recording { .. }, Onto::Voice(_)) => self.voices.push(path),
            (Found::Recording { seconds }, Onto::Anywhere) if seconds < ONE_SHOT_SECONDS => {
                self.voices.push(path);
            }
            (Found::Recording { .. }, _) => self.lanes.push(path),
        }
    }
}

impl SharedSession {
    /// Opens files of any kind, and the files in folders; what cannot be opened is noted, and is no hindrance to the rest.
    ///
    /// Nothing is taken into another rack than that which had been restored by then. The way back is kept as a step of its own.
    pub(in crate::plugin) fn open_all(
        &self,
        paths: &[PathBuf],
        (onto, restored): (Onto, u64),
        work: &Work<'_>,
    ) -> Opened {
        loop {
            let mut batch = Batch::default();
            let read = sort(paths, onto, work, &mut batch.refused)
                .and_then(|sorted| self.read_all(sorted, onto, work, &mut batch));
            let mut session = self.lock();
            let called_off = match read {
                None => Some("Called off: everything is as it was"),
                Some(()) if session.restored != restored => Some(RESTORED_MEANWHILE),
                Some(()) if batch.is_for_another_song_than(&session) => {
                    Some("Called off: another song has been opened meanwhile")
                }
                Some(()) => None,
            };
            if let Some(words) = called_off {
                session.tell(words.to_owned());
                return Opened::default();
            }
            if session.generation != batch.generation && batch.is_of_rack() {
                continue;
            }
            let changing = work.change();
            let opened = session.in_step(None, |session| session.take_batch(batch, onto));
            return Opened { changing: Some(changing), ..opened };
        }
    }

    fn read_all(&self, sorted: Sorted, onto: Onto, work: &Work<'_>, batch: &mut Batch) -> Option<()> {
        self.lock().settle();
        let (mut rack, layout, generation) = self.copy();
        batch.generation = generation;
        let refused = &mut batch.refused;
        batch.rack = first(sorted.racks, "rack", refused, |(path, found)| {
            work.begin(format!("Loading {}", file_name(path)))?;
            let refused = |error| OpenError::Rack { path: path.clone(), error };
            let read =
                || read_rack(path, *found).and_then(|rack| Loaded::new(rack, &layout).map_err(refused));
            Some(work.read(path, read))
        })?;
        if let Some(loaded) = &batch.rack {
            rack = loaded.rack.clone();
        }
        let modules = sorted.modules.into_iter().map(|path| (path, Found::Module));
        batch.song = first(modules, "song", refused, |(path, _)| {
            work.begin(format!("Loading {}", file_name(path)))?;
            Some(work.read(path, || Loaded::with_song(rack.clone(), &layout, path)))
        })?;
        let ears = sorted.ears.into_iter().map(|path| (path, Found::Ears));
        batch.ears = first(ears, "pair of ears", refused, |(path, _)| {
            work.begin(format!("Fitting ears to {}", file_name(path)))?;
            let read = || EarsFile::read_while(path, &mut |share| work.step(share)).map_err(OpenError::Ears);
            let ears = work.read(path, read);
            work.go_on().map(|()| ears)
        })?;
        let sounds = sorted.sounds.into_iter().map(|path| (path, Found::Recording { seconds: 0.0 }));
        match onto {
            Onto::Replacement(what) => {
                batch.replacement = first(sounds, "recording", refused, |(path, _)| {
                    work.begin(format!("Decoding {}", file_name(path)))?;
                    let read = || {
                        let take = read_take(path, work)?;
                        let (mut rack, name) = (rack.clone(), format!("{} in place of {what}", take.name()));
                        let unfit = |words| OpenError::Replacement { path: path.clone(), words };
                        rack.replace_by_take(what, take).map_err(unfit)?;
                        let refused = |error| OpenError::Rack { path: path.clone(), error };
                        Loaded::new(rack, &layout).map(|loaded| (loaded, name)).map_err(refused)
                    };
                    let read = work.read(path, read);
                    work.go_on().map(|()| read)
                })?;
            }
            Onto::Impulse(_) => {
                batch.impulse = first(sounds, "impulse response", refused, |(path, _)| {
                    work.begin(format!("Decoding {}", file_name(path)))?;
                    Some(work.read(path, || read_impulse(path)))
                })?;
            }
            _ => {}
        }
        read_voices(sorted.voices, onto, work, batch)?;
        read_lanes(sorted.lanes, onto, work, batch)?;
        work.go_on()
    }
}

/// Finds out what all files are. In folders, what cannot be opened is passed over.
fn sort(paths: &[PathBuf], onto: Onto, work: &Work<'_>, refused: &mut Vec<OpenError>) -> Option<Sorted> {
    let mut sorted = Sorted::default();
    for path in paths {
        if let Some(chosen) = sorted.chosen_for(onto) {
            match length_of(path) {
                Ok(_) => chosen.push(std::path::absolute(path).unwrap_or_else(|_| path.clone())),
                Err(error) => refused.push(error),
            }
            continue;
        }
        if !path.is_dir() {
            work.begin(format!("Looking at {}", file_name(path)))?;
            match work.read(path, || find_out(path)) {
                Ok(found) => sorted.add(path.clone(), found, onto),
                Err(error) => refused.push(error),
            }
            continue;
        }
        let files = match files_in(path) {
            Ok(files) => files,
            Err(error) => {
                refused.push(OpenError::Read { path: path.clone(), error });
                continue;
            }
        };
        let mut any = false;
        for file in files {
            work.begin(format!("Looking at {}", file_name(&file)))?;
            if let Ok(found) = work.read(&file, || find_out(&file)) {
                sorted.add(file, found, onto);
                any = true;
            }
        }
        if !any {
            refused.push(OpenError::Empty { path: path.clone() });
        }
    }
    Some(sorted)
}

/// The first file that can be read of those of which only one can be open; `None` where it is called off.
fn first<T>(
    files: impl IntoIterator<Item = (PathBuf, Found)>,
    what: &'static str,
    refused: &mut Vec<OpenError>,
    mut read: impl FnMut(&(PathBuf, Found)) -> Option<Result<T, OpenError>>,
) -> Option<Option<T>> {
    let mut opened = None;
    for file in files {
        if opened.is_some() {
            refused.push(OpenError::Further { path: file.0, what });
            continue;
        }
        match read(&file)? {
            Ok(read) => opened = Some(read),
            Err(error) => refused.push(error),
        }
    }
    Some(opened)
}

fn read_rack(path: &Path, found: Found) -> Result<Rack, OpenError> {
    let unreadable = |error| OpenError::Read { path: path.to_owned(), error };
    if found == Found::Preset {
        let bytes = fs::read(path).map_err(unreadable)?;
        let table = crate::engine::table();
        return Rack::from_vst_preset(&bytes, &table)
            .map_err(|error| OpenError::Preset { path: path.to_owned(), error });
    }
    let text = fs::read_to_string(path).map_err(unreadable)?;
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    Rack::from_toml_in(&text, path.parent()).map_err(|error| OpenError::Rack { path, error })
}

fn read_take(path: &Path, work: &Work<'_>) -> Result<TakeFile, OpenError> {
    let take = TakeFile::read_while(path, &mut |share| work.step(share));
    let take = take.map_err(|error| OpenError::Read { path: path.to_owned(), error })?;
    take.damage().map_or(Ok(take), |error| Err(OpenError::Recording { path: path.to_owned(), error }))
}

fn read_impulse(path: &Path) -> Result<(SoundFile, Arc<Impulse>), OpenError> {
    let bytes = fs::read(path).map_err(|error| OpenError::Read { path: path.to_owned(), error })?;
    let file = SoundFile { name: file_name(path), bytes: bytes.into() };
    let refused = |error| OpenError::Impulse(RackError::Impulse { name: file.name.clone(), error });
    Impulse::read(&file.bytes).map_err(refused).map(|impulse| (file, impulse))
}

fn read_voices(paths: Vec<PathBuf>, onto: Onto, work: &Work<'_>, batch: &mut Batch) -> Option<()> {
    for path in paths {
        if batch.voices.len() == voice::SLOTS {
            batch.refused.push(OpenError::NoVoice { file: stem(&path) });
            continue;
        }
        work.begin(format!("Decoding {}", file_name(&path)))?;
        let path = std::path::absolute(&path).unwrap_or(path);
        let take = work.read(&path, || read_take(&path, work));
        work.go_on()?;
        match take {
            Ok(take) => match batch.voices.first_mut().filter(|_| onto != Onto::Anywhere) {
                Some((_, takes)) => takes.push(take),
                None => batch.voices.push((stem(&path), vec![take])),
            },
            Err(error) => batch.refused.push(error),
        }
    }
    Some(())
}

/// `Drums-1` and `Drums-2` are takes of one track, as in scenes.
fn read_lanes(paths: Vec<PathBuf>, onto: Onto, work: &Work<'_>, batch: &mut Batch) -> Option<()> {
    let mut tracks: BTreeMap<String, BTreeMap<(u64, PathBuf), LaneFile>> = BTreeMap::new();
    let first = paths.first().map(|path| track_of(&stem(path)).0.to_owned());
    for path in paths {
        work.begin(format!("Looking through {}", file_name(&path)))?;
        let path = std::path::absolute(&path).unwrap_or(path);
        let read = || {
            AudioFile::open(&path).map_err(|error| OpenError::Recording { path: path.clone(), error })?;
            let take = LaneFile::read_while(&path, &mut |share| work.step(share));
            take.map_err(|error| OpenError::Read { path: path.clone(), error })
        };
        let take = work.read(&path, read);
        work.go_on()?;
        match take {
            Ok(take) => {
                let stem = stem(&path);
                let (track, number) = track_of(&stem);
                let one = first.clone().filter(|_| onto != Onto::Anywhere);
                let track = one.unwrap_or_else(|| track.to_owned());
                tracks.entry(track).or_default().insert((number, path), take);
            }
            Err(error) => batch.refused.push(error),
        }
    }
    batch.lanes.extend(tracks.into_iter().map(|(name, takes)| (name, takes.into_values().collect())));
    Some(())
}

impl Session {
    /// Takes what was read, and says where it went.
    fn take_batch(&mut self, batch: Batch, onto: Onto) -> Opened {
        let Batch { rack, song, ears, voices, lanes, replacement, impulse, mut refused, .. } = batch;
        let mut said = Vec::new();
        if let Some(loaded) = rack {
            self.take_rack(loaded);
            said.push("the rack is open".to_owned());
        }
        if let Some(loaded) = song {
            let name = loaded.rack.song.as_ref().map_or_else(String::new, |song| song.name.clone());
            self.take_song(loaded);
            self.play();
            self.ask_tempo();
            said.push(name);
        }
        if let Some(ears) = ears {
            said.push(format!("ears of {}", ears.name()));
            self.hear_with(Some(ears));
        }
        if let Some((loaded, name)) = replacement {
            self.take_replacements(loaded);
            said.push(name);
        }
        if let (Some((file, held)), Onto::Impulse(place)) = (impulse, onto) {
            let name = format!("{} as impulse response", file.name);
            match self.edit_machines(MachineEdit::Loaded(place, file, held)) {
                Ok(()) => said.push(name),
                Err(error) => refused.push(OpenError::Impulse(error)),
            }
        }
        let had_voices = self.loaded.rack.voices.iter().any(|voice| !voice.takes.is_empty());
        let mut heard = None;
        for (name, takes) in voices {
            match self.put_voice(takes, (&name, onto)) {
                Some(slot) => {
                    said.push(format!("{name}: voice {}, key {}", slot + 1, key_name(slot)));
                    heard = Some(slot);
                }
                None => refused.push(OpenError::NoVoice { file: name }),
            }
        }
        if heard.is_some() {
            self.loaded.take_voices();
        }
        // Who adds takes to a slot may be about to set it up.
        heard = heard.filter(|_| !matches!(onto, Onto::VoiceTake(..)));
        if heard.is_some() && !had_voices {
            self.move_to(Target::KeyboardMode, VOICES_MODE);
        }
        let mut any_lane = false;
        for (name, takes) in lanes {
            match self.put_lane(takes, (&name, onto)) {
                Some(lane) => {
                    said.push(format!("{name}: lane {}", lane + 1));
                    any_lane = true;
                }
                None => refused.push(OpenError::NoLane { file: name }),
            }
        }
        if any_lane {
            self.loaded.setup.lanes = self.loaded.rack.lane_setups();
        }
        if !said.is_empty() {
            self.missing = self.loaded.rack.notices().iter().map(ToString::to_string).collect();
        }
        let opened = Opened { changed: !said.is_empty(), heard, changing: None };
        if opened.changed {
            self.tell(format!("Opened {}", some_of(&said)));
        }
        self.refuse(refused.iter().map(ToString::to_string).collect());
        opened
    }

    /// Takes a rack with its parameters, as a host restores one.
    fn take_rack(&mut self, loaded: Loaded) {
        self.take(loaded);
        let table = std::sync::Arc::clone(&self.table);
        for spec in table.iter() {
            let rack = &self.loaded.rack;
            let to = rack.parameters.get(&spec.id).unwrap_or_else(|| rack.default_of(spec));
            self.move_to(spec.target, to);
        }
        // From here on the host keeps them.
        self.loaded.rack.parameters = Default::default();
    }

    /// Takes another song, with all else as it is.
    pub(super) fn take_song(&mut self, loaded: Loaded) {
        let mut setup = self.setup().clone();
        let mut rack = self.loaded.rack.clone();
        (setup.song, setup.trim, setup.snapshots) =
            (loaded.setup.song, loaded.setup.trim, loaded.setup.snapshots);
        (rack.song, rack.replace) = (loaded.rack.song, loaded.rack.replace);
        self.take(Loaded { rack, setup });
    }

    /// Has the song be heard: by itself while the host stands still.
    fn play(&mut self) {
        self.move_to(Target::SongPlay, 1.0);
        let host = self.control.as_ref().and_then(|control| control.host());
        let host_plays = host.is_some_and(|host| host.playing);
        if !host_plays {
            self.move_to(Target::Audition, 1.0);
        }
    }

    /// Asks how the song is to go with the host's tempo, unless that has been said of it before.
    fn ask_tempo(&mut self) {
        let said = self.tempos.iter().find(|(song, _)| Some(*song) == self.song_print());
        match said.map(|(_, sync)| *sync) {
            Some(sync) => self.move_to(Target::Sync, sync as f32),
            None => self.asks_tempo = true,
        }
    }

    pub(super) fn answer_tempo(&mut self, sync: usize) {
        let song = self.song_print();
        self.tempos.retain(|(said, _)| Some(*said) != song);
        self.tempos.extend(song.map(|song| (song, sync)));
        self.asks_tempo = false;
        self.revision += 1;
    }

    /// The same for songs whose files hold the same.
    fn song_print(&self) -> Option<u64> {
        let mut hasher = DefaultHasher::new();
        self.loaded.rack.song.as_ref()?.bytes.hash(&mut hasher);
        Some(hasher.finish())
    }

    /// Moves a parameter when the engine gets what is there by now.
    pub(super) fn move_to(&mut self, target: Target, to: f32) {
        let from = self.plain(target);
        if from != to {
            self.due.push(Setting { target, from, to });
        }
    }

    /// Gives a voice slot these takes: the one that they were dropped on, or the first empty one.
    fn put_voice(&mut self, takes: Vec<TakeFile>, (name, onto): (&str, Onto)) -> Option<usize> {
        if let Onto::VoiceTake(slot, place) = onto {
            self.loaded.rack.change_voice(slot, |voice| put(&mut voice.takes, place, takes));
            return Some(slot);
        }
        let voices = &mut self.loaded.rack.voices;
        let taken = |slot| voices.iter().any(|voice| voice.slot == slot && !voice.takes.is_empty());
        let slot = match onto {
            Onto::Voice(slot) => Some(slot).filter(|&slot| slot < voice::SLOTS),
            _ => (0..voice::SLOTS).find(|&slot| !taken(slot)),
        }?;
        let place = voices.iter().position(|voice| voice.slot == slot).unwrap_or_else(|| {
            voices.push(VoiceSlot::new(slot));
            voices.len() - 1
        });
        let voice = voices.get_mut(place)?;
        // Frames of another recording mean nothing in this one.
        (voice.name, voice.takes, voice.looped, voice.start) = (name.to_owned(), takes, 0..0, 0);
        Some(slot)
    }

    /// The same of a lane.
    fn put_lane(&mut self, takes: Vec<LaneFile>, (name, onto): (&str, Onto)) -> Option<usize> {
        if let Onto::LaneTake(lane, place) = onto {
            self.loaded.rack.change_lane(lane, |slot| put(&mut slot.takes, place, takes));
            return Some(lane);
        }
        let lanes = &mut self.loaded.rack.lanes;
        let taken = |lane| lanes.iter().any(|slot| slot.lane == lane && !slot.takes.is_empty());
        let lane = match onto {
            Onto::Lane(lane) => Some(lane).filter(|&lane| lane < LANES),
            _ => (0..LANES).find(|&lane| !taken(lane)),
        }?;
        let place = lanes.iter().position(|slot| slot.lane == lane).unwrap_or_else(|| {
            lanes.push(LaneSlot::new(lane));
            lanes.len() - 1
        });
        let slot = lanes.get_mut(place)?;
        let whole = slot.repeat.map(|_| Default::default());
        (slot.name, slot.takes, slot.repeat) = (name.to_owned(), takes, whole);
        slot.shuffle.clear();
        Some(lane)
    }
}

/// As the tracker writes it: `C-2` is key 36.
fn key_name(slot: usize) -> String {
    let key = (FIRST_KEY + slot) % 128;
    format!("{}{}", NOTES[key % NOTES.len()], key as i32 / 12 - 1)
}

/// The first of several things, and how many more there are.
fn some_of(things: &[String]) -> String {
    match things {
        [] => String::new(),
        [one] => one.clone(),
        [first, more @ ..] => format!("{first}; and {} more", more.len()),
    }
}
