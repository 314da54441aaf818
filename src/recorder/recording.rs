//! One source being recorded: a ring from the audio thread, and a thread that writes what comes out of it.
//!
//! Each recording has its own thread, so that a file that blocks holds up no other. What the ring had to leave out, and
//! what was silent, is silence of equal length in the file, so that files stay in step. A disk that fails ends
//! the recording with an error; the ring is emptied all the same, and the sound goes on.
#![allow(clippy::disallowed_types)] // The words' mutex belongs to writers and to those who show what they do.

use super::disk::Disk;
use super::format::SampleFormat;
use super::name;
use super::name::Made;
use super::wav::Wav;
use crate::audio::MAX_CHANNELS;
use crate::rt::DropCount;
use crate::rt::Drops;
use crate::rt::FrameReader;
use crate::rt::FrameWriter;
use crate::rt::Taken;
use crate::rt::frame_ring;
use crate::units::SampleRate;
use std::fs;
use std::io;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Acquire;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::Ordering::Release;
use std::thread;
use std::thread::JoinHandle;
use std::time::Duration;
use std::time::Instant;
use thiserror::Error;

/// How long a disk may block before frames are left out.
const RING_SECONDS: f64 = 6.0;
/// Frames that a ring holds at least: some of the longest calls.
const LEAST_RING: usize = 262_144;
/// How often a writer looks what there is.
const POLL: Duration = Duration::from_millis(20);
/// How often headers are brought up to date: a process that dies loses no more than half a second, even where the writer is late.
const UPDATE: Duration = Duration::from_millis(200);
/// Frames written at once.
const CHUNK: usize = 4096;
/// How long the end of recordings waits for their files.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// Why nothing is recorded, or no more.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The folder is not there and cannot be made.
    #[error("{folder}: this folder cannot be made ({error}); choose another one for recordings")]
    Folder {
        /// Which.
        folder: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The file cannot be made.
    #[error("{path}: this file cannot be made ({error}); choose a folder that can be written to")]
    Create {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The disk is full.
    #[error(
        "{path}: the disk is full; what was written is kept. Make room or choose another folder, and record again"
    )]
    Full {
        /// What was being written.
        path: PathBuf,
    },
    /// The disk has failed or is gone.
    #[error(
        "{path}: writing failed ({error}); what was written is kept. See to the disk or choose another folder, and record again"
    )]
    Write {
        /// What was being written.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The system gives no thread.
    #[error("no thread for writing {path} ({error}); close other programs, and arm again")]
    Thread {
        /// What was to be written.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

/// What is to be recorded, and where.
#[derive(Clone, Debug)]
pub struct Take {
    /// Of the source; files are named for it.
    pub name: String,
    /// Channels of the file.
    pub channels: usize,
    /// Frames per second.
    pub rate: SampleRate,
    /// How samples are written.
    pub format: SampleFormat,
    /// Where the file goes; made where it is not there.
    pub folder: PathBuf,
    /// The first number to try.
    pub number: u32,
}

/// How far a recording is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RecordingState {
    /// Ready to start.
    #[default]
    Armed,
    /// Being written.
    Running,
    /// Complete; another start makes another file.
    Stopped,
    /// Ended by an error; another start tries again.
    Failed,
}

/// A recording as it is now.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordingStatus {
    /// Of the source.
    pub name: String,
    /// The newest file.
    pub path: PathBuf,
    /// How far it is.
    pub state: RecordingState,
    /// Frames written since it was started, in all its files.
    pub frames: u64,
    /// The same in seconds.
    pub seconds: f64,
    /// What the disk was too slow for, since it was armed. It is silent in the file.
    pub dropped: Drops,
    /// Samples beyond what integers can hold, since it was armed.
    pub cut_off: u64,
    /// What went wrong, and what to do.
    pub error: Option<String>,
}

impl RecordingStatus {
    /// Whether nothing more is written.
    pub(crate) fn has_ended(&self) -> bool {
        matches!(self.state, RecordingState::Stopped | RecordingState::Failed)
    }

    /// Says of one that has not ended that it is not waited for any longer.
    pub(crate) fn give_up(&mut self) {
        if !self.has_ended() {
            let path = self.path.display();
            let hangs = format!("{path}: the disk does not answer; what was written is kept");
            self.error.get_or_insert(hangs);
        }
    }
}

/// What the writer's thread tells.
struct Words {
    path: PathBuf,
    state: RecordingState,
    error: Option<String>,
    number: u32,
}

struct Shared {
    frames: AtomicU64,
    cut_off: AtomicU64,
    finish: AtomicBool,
    words: Mutex<Words>,
}

impl Shared {
    fn words(&self) -> MutexGuard<'_, Words> {
        self.words.lock().unwrap_or_else(PoisonError::into_inner) // whole after every change
    }
}

/// The end of a recording that starts, shows and ends it; its file is complete once this is dropped.
pub struct Recording {
    take: Take,
    shared: Arc<Shared>,
    drops: DropCount,
    thread: Option<JoinHandle<()>>,
}

impl Recording {
    /// Makes file, ring and thread; nothing is recorded before the ring's writer begins.
    pub fn arm(take: &Take, disk: &Disk) -> Result<(FrameWriter, Recording), RecordError> {
        let mut take = take.clone();
        take.name = name::portable(&take.name);
        take.channels = take.channels.clamp(1, MAX_CHANNELS);
        fs::create_dir_all(&take.folder)
            .map_err(|error| RecordError::Folder { folder: take.folder.clone(), error })?;
        let (writer, reader) = frame_ring(take.channels, take.rate.frames_in(RING_SECONDS).max(LEAST_RING));
        let drops = reader.drop_count();
        let words = Words {
            path: PathBuf::new(),
            state: RecordingState::Armed,
            error: None,
            number: take.number.clamp(1, name::MOST_TAKES),
        };
        let (frames, cut_off, finish) = Default::default();
        let shared = Arc::new(Shared { frames, cut_off, finish, words: Mutex::new(words) });
        let mut scribe = Scribe {
            reader,
            samples: vec![0.0; CHUNK * take.channels],
            bytes: Vec::new(),
            take: take.clone(),
            disk: disk.clone(),
            shared: Arc::clone(&shared),
            file: None,
            part: 1,
            at: None,
            updated: Instant::now(),
        };
        scribe.open()?;
        let path = shared.words().path.clone();
        let thread = thread::Builder::new()
            .name("busker-recorder".to_owned())
            .spawn(move || scribe.run())
            .map_err(|error| RecordError::Thread { path, error })?;
        Ok((writer, Recording { take, shared, drops, thread: Some(thread) }))
    }

    /// The number in the newest file's name.
    pub fn number(&self) -> u32 {
        self.shared.words().number
    }

    /// As it is now.
    pub fn status(&self) -> RecordingStatus {
        let frames = self.shared.frames.load(Relaxed);
        let words = self.shared.words();
        RecordingStatus {
            name: self.take.name.clone(),
            path: words.path.clone(),
            state: words.state,
            frames,
            seconds: frames as f64 / self.take.rate.0,
            dropped: self.drops.get(),
            cut_off: self.shared.cut_off.load(Relaxed),
            error: words.error.clone(),
        }
    }

    /// Has the writer look at once what there is.
    pub fn hurry(&self) {
        self.thread.iter().for_each(|thread| thread.thread().unpark());
    }

    /// Completes all files, and waits for them together no longer than for one.
    pub fn end_all(recordings: impl IntoIterator<Item = Recording>) {
        let mut recordings = recordings.into_iter().collect::<Vec<_>>();
        recordings.iter().for_each(Self::finish);
        let began = Instant::now();
        recordings.iter_mut().for_each(|recording| recording.wait(began));
    }

    fn finish(&self) {
        self.shared.finish.store(true, Release);
        self.hurry();
    }

    /// Waits until the file is complete, but not for ever for a disk that blocks.
    fn wait(&mut self, began: Instant) {
        let Some(thread) = self.thread.take() else { return };
        while !thread.is_finished() && began.elapsed() < PATIENCE {
            thread::sleep(Duration::from_millis(1));
        }
        if thread.is_finished() {
            let _ = thread.join();
        }
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        self.finish();
        self.wait(Instant::now());
    }
}

/// What the writer's thread works on.
struct Scribe {
    reader: FrameReader,
    samples: Vec<f32>,
    bytes: Vec<u8>,
    take: Take,
    disk: Disk,
    shared: Arc<Shared>,
    file: Option<Wav>,
    part: u32,
    /// Number of the frame that the file ends before, while it runs.
    at: Option<u64>,
    updated: Instant,
}

impl Scribe {
    fn run(mut self) {
        loop {
            let last = self.shared.finish.load(Acquire) || self.reader.is_abandoned();
            self.drain();
            if last {
                self.close();
                return;
            }
            thread::park_timeout(POLL);
        }
    }

    /// Writes all that there is.
    fn drain(&mut self) {
        let passed = self.reader.passed();
        while let Some(taken) = self.reader.take(&mut self.samples) {
            match taken {
                Taken::Begin(frame) => self.begin(frame),
                Taken::Frames { first, frames } => {
                    self.silence_until(first);
                    if self.at.is_some() {
                        let samples = std::mem::take(&mut self.samples);
                        self.write(samples.get(..frames * self.take.channels).unwrap_or(&[]));
                        self.samples = samples;
                    }
                }
                Taken::End(frame) => {
                    self.silence_until(frame);
                    self.close();
                }
            }
        }
        self.silence_until(passed);
        if self.updated.elapsed() >= UPDATE {
            self.updated = Instant::now();
            let updated = self.file.as_mut().map_or(Ok(()), Wav::update);
            if let Err(error) = updated {
                self.fail(error);
            }
        }
    }

    fn begin(&mut self, frame: u64) {
        self.shared.frames.store(0, Relaxed);
        if self.file.is_none() {
            self.part = 1;
            self.shared.words().number += 1;
            if let Err(error) = self.open() {
                return self.report(&error);
            }
        }
        self.at = Some(frame);
        let mut words = self.shared.words();
        words.state = RecordingState::Running;
        words.error = None;
    }

    fn silence_until(&mut self, frame: u64) {
        let silence = [0.0; CHUNK];
        while let Some(missing) = self.at.and_then(|at| frame.checked_sub(at)).filter(|&missing| missing > 0)
        {
            let most = (CHUNK / self.take.channels) as u64;
            let samples = missing.min(most) as usize * self.take.channels;
            self.write(silence.get(..samples).unwrap_or(&[]));
        }
    }

    /// Writes frames that follow on those before, and goes on to the next file where one is full.
    fn write(&mut self, samples: &[f32]) {
        let frame_bytes = (self.take.channels * self.take.format.bytes()) as u64;
        let most = (self.disk.most_bytes / frame_bytes).max(1);
        let mut rest = samples;
        while !rest.is_empty() {
            let Some(file) = &mut self.file else { return };
            let left = most.saturating_sub(file.frames());
            if left == 0 {
                if let Err(error) = self.roll_over() {
                    return self.report(&error);
                }
                continue;
            }
            let frames = (rest.len() / self.take.channels).min(usize::try_from(left).unwrap_or(usize::MAX));
            let (now, later) = rest.split_at(frames * self.take.channels); // no more than there are
            self.bytes.clear();
            let cut_off = self.take.format.encode(now, &mut self.bytes);
            let before = file.frames();
            let result = file.append(&self.bytes);
            self.shared.cut_off.fetch_add(cut_off, Relaxed);
            self.shared.frames.fetch_add(file.frames() - before, Relaxed);
            if let Err(error) = result {
                return self.fail(error);
            }
            self.at = self.at.map(|at| at + frames as u64);
            rest = later;
        }
    }

    fn open(&mut self) -> Result<(), RecordError> {
        let number = self.shared.words().number;
        let made = name::create(&self.disk, &self.take.folder, &self.take.name, (number, self.part));
        let Made { medium, path, number, part } = made?;
        self.part = part;
        let rate = self.take.rate.0.round() as u32;
        match Wav::new(medium, self.take.format, self.take.channels, rate) {
            Ok(file) => {
                self.file = Some(file);
                let mut words = self.shared.words();
                (words.path, words.number) = (path, number);
                Ok(())
            }
            Err(error) => {
                let _ = fs::remove_file(&path); // ours, and without even a header
                Err(failure(path, error))
            }
        }
    }

    /// Completes a file that is as long as a WAV file may be, and goes on in another.
    fn roll_over(&mut self) -> Result<(), RecordError> {
        let path = self.shared.words().path.clone();
        if let Some(file) = self.file.take() {
            file.finish().map_err(|error| failure(path, error))?;
        }
        self.part += 1;
        self.open()
    }

    /// Completes the file. One that holds nothing was never started, and goes.
    fn close(&mut self) {
        let Some(file) = self.file.take() else { return };
        let started = self.at.take().is_some();
        let path = self.shared.words().path.clone();
        let empty = file.frames() == 0 && self.part == 1;
        match file.finish() {
            Err(error) => return self.report(&failure(path, error)),
            Ok(()) if empty => drop(fs::remove_file(path)),
            Ok(()) => {}
        }
        if started {
            self.shared.words().state = RecordingState::Stopped;
        }
    }

    /// Ends the recording; what the disk has is made valid where it still can be.
    fn fail(&mut self, error: io::Error) {
        if let Some(file) = &mut self.file {
            let _ = file.update(); // else the last header stands, and says less
        }
        let path = self.shared.words().path.clone();
        self.report(&failure(path, error));
    }

    fn report(&mut self, error: &RecordError) {
        (self.file, self.at) = (None, None);
        let mut words = self.shared.words();
        words.state = RecordingState::Failed;
        words.error = Some(error.to_string());
    }
}

fn failure(path: PathBuf, error: io::Error) -> RecordError {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            RecordError::Full { path }
        }
        _ => RecordError::Write { path, error },
    }
}
