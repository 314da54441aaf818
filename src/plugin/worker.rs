//! The one thread of an instance that loads songs and builds and frees for the engine.
//!
//! In: jobs from the host's main thread and the editor. Out: commands to the engine. The audio thread reads two counters, and only
//! while the host renders offline does it wait for them. It ends when its instance is dropped.

use super::history::Way;
use super::instance::Edit;
use super::instance::Onto;
use super::instance::Opened;
use super::instance::SharedSession;
use super::recording::Order;
use super::recording::Recordings;
use super::work::Work;
use crate::engine::Worker;
use std::collections::VecDeque;
use std::panic;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Acquire;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::Ordering::Release;
use std::sync::mpsc;
use std::sync::mpsc::RecvTimeoutError;
use std::thread;
use std::time::Duration;
use std::time::Instant;

/// How often the thread frees what the engine sent home.
const POLL: Duration = Duration::from_millis(20);
/// How often an offline render looks whether the worker is done.
const WAIT_STEP: Duration = Duration::from_millis(1);

/// What the thread calls when something happens.
pub(crate) type Watcher = Box<dyn Fn() + Send>;

/// What the thread is asked to do.
pub(super) enum Job {
    /// Take over the worker of a new engine.
    Adopt(Box<Worker>),
    /// Prepare what the session holds for the engine.
    Apply,
    /// Find and read recordings that the rack names, and prepare all for the engine, before and after.
    Read,
    /// Arm, start or stop recordings.
    Record(Order),
    /// Open files of any kind, for the rack that had been restored by then.
    Open { paths: Vec<PathBuf>, onto: Onto, restored: u64 },
    /// Change the rack, by a hold of the user's.
    Edit(Edit, u64),
    /// Undo an edit, or do it again.
    Step(Way),
    /// Call this at every poll from now on.
    Watch(Watcher),
    /// Call this whenever a song has been opened or the rack changed from now on.
    Announce(Watcher),
}

impl Job {
    /// Whether it may take long, so that nobody but an offline render waits for it.
    fn reads_files(&self) -> bool {
        matches!(self, Self::Read | Self::Open { .. })
    }

    /// Whether it is of no use once the instance goes.
    fn is_of_rack(&self) -> bool {
        self.reads_files() || self.edits()
    }

    /// Whether it changes the rack.
    fn edits(&self) -> bool {
        matches!(self, Self::Edit(..) | Self::Step(_))
    }

    /// Whether it can as well be done while files are being opened, as long as nothing stands before it.
    fn edits_between(&self) -> bool {
        matches!(self, Self::Edit(edit, _) if !matches!(edit, Edit::SongsOwn(_)))
    }
}

/// A job and its number among all jobs, from 1.
struct Posted {
    job: Job,
    number: u64,
    /// Unless it takes long, or stands behind what does.
    changing: Option<Changing>,
}

/// How far the thread is; shared with the audio thread.
#[derive(Default)]
pub(super) struct Progress {
    posted: AtomicU64,
    done: AtomicU64,
    missed_waits: AtomicU64,
    /// Of `posted`, those that were called off.
    off: AtomicU64,
    /// Jobs that do not take long and are still to be done, but for those that stand behind one that does.
    short: AtomicU64,
    /// Whether the host renders offline, faster than the thread usually looks what there is.
    hurried: AtomicBool,
    /// Whether the thread could be started at all.
    running: AtomicBool,
    /// Whether files of lanes are still being opened.
    opening: AtomicBool,
    /// Whether the instance goes: what is still to be read is of no use.
    ending: AtomicBool,
}

/// A change of the rack that is under way.
pub(super) struct Changing(Arc<Progress>);

impl Drop for Changing {
    fn drop(&mut self) {
        self.0.short.fetch_sub(1, Release);
    }
}

impl Progress {
    fn is_idle(&self) -> bool {
        self.done.load(Acquire) >= self.posted.load(Acquire) || !self.running.load(Relaxed)
    }

    /// Whether anything is still to be done.
    pub(super) fn is_busy(&self) -> bool {
        !self.is_idle()
    }

    /// Calls off what is being done and what waits, as far as it can be: what takes long looks after each piece.
    pub(super) fn call_off(&self) {
        self.off.store(self.posted.load(Acquire), Relaxed);
    }

    /// Whether the job of this number was called off.
    pub(super) fn is_off(&self, number: u64) -> bool {
        self.off.load(Relaxed) >= number
    }

    /// As long as the answer is there, what a host saves waits: the rack is being changed, and its parameters are not there yet.
    pub(super) fn change(self: &Arc<Self>) -> Changing {
        self.short.fetch_add(1, Release);
        Changing(Arc::clone(self))
    }

    /// Waits until all is done that does not have to wait for files to be read, but no longer than `patience`, and counts it if
    /// that was not enough.
    pub(super) fn wait_for_short(&self, patience: Duration) {
        let done = || self.short.load(Acquire) == 0 || !self.running.load(Relaxed);
        if !wait_until(patience, done) {
            self.miss_wait();
        }
    }

    /// Waits until everything posted is done, but no longer than `patience`, and counts it if that was not enough.
    pub(super) fn wait(&self, patience: Duration) {
        if !wait_until(patience, || self.is_idle()) {
            self.miss_wait();
        }
    }

    /// Waits until all lanes are there to be played; false where that takes longer than `patience`. What was posted has to
    /// be done.
    pub(super) fn wait_for_lanes(&self, patience: Duration) -> bool {
        wait_until(patience, || {
            let open = !self.opening.load(Acquire);
            if !open {
                self.hurry();
            }
            open
        })
    }

    /// Counts a wait that was in vain. Real-time: yes.
    pub(super) fn miss_wait(&self) {
        self.missed_waits.fetch_add(1, Relaxed);
    }

    /// Has the thread look more often for a moment. Real-time: yes.
    pub(super) fn hurry(&self) {
        self.hurried.store(true, Relaxed);
    }

    pub(super) fn missed_waits(&self) -> u64 {
        self.missed_waits.load(Relaxed)
    }
}

/// Looks again and again; false where that was not enough.
fn wait_until(patience: Duration, mut done: impl FnMut() -> bool) -> bool {
    if done() {
        return true;
    }
    let began = Instant::now();
    while began.elapsed() <= patience {
        thread::sleep(WAIT_STEP);
        if done() {
            return true;
        }
    }
    false
}

/// The thread's end that its instance holds.
pub(super) struct WorkerThread {
    /// `None` once the thread is told to end.
    jobs: Option<mpsc::Sender<Posted>>,
    thread: Option<thread::JoinHandle<()>>,
    progress: Arc<Progress>,
}

impl Drop for WorkerThread {
    /// Waits for the thread, whose code the host may unload next.
    fn drop(&mut self) {
        self.jobs = None;
        self.progress.ending.store(true, Relaxed);
        self.progress.call_off();
        // The last to let go of the instance may be a job on the thread itself, which ends by itself then.
        let other = self.thread.take().filter(|thread| thread.thread().id() != thread::current().id());
        if let Some(Err(_)) = other.map(thread::JoinHandle::join) {
            nice_plug::prelude::nice_error!("the worker's thread has panicked");
        }
    }
}

impl WorkerThread {
    pub(super) fn start(session: SharedSession) -> Self {
        let (jobs, inbox) = mpsc::channel();
        let progress = Arc::new(Progress::default());
        let mut bench = Bench {
            inbox,
            backlog: VecDeque::new(),
            session,
            worker: None,
            recordings: Recordings::default(),
            watcher: None,
            watched: Instant::now(),
            announcer: None,
            progress: Arc::clone(&progress),
        };
        let thread = thread::Builder::new().name("busker-worker".to_owned());
        let thread = match thread.spawn(move || bench.run()) {
            Ok(thread) => Some(thread),
            Err(error) => {
                nice_plug::prelude::nice_error!("no thread for loading songs: {error}");
                None
            }
        };
        progress.running.store(thread.is_some(), Relaxed);
        WorkerThread { jobs: Some(jobs), thread, progress }
    }

    pub(super) fn post(&self, job: Job) {
        let changing = (!job.reads_files()).then(|| self.progress.change());
        let number = self.progress.posted.fetch_add(1, Release) + 1;
        if self.jobs.as_ref().is_none_or(|jobs| jobs.send(Posted { job, number, changing }).is_err()) {
            self.progress.done.fetch_add(1, Release);
        }
    }

    pub(super) fn progress(&self) -> &Progress {
        &self.progress
    }
}

/// What the thread works on.
struct Bench {
    inbox: mpsc::Receiver<Posted>,
    /// What came while files were being read, and has to wait for that.
    backlog: VecDeque<Posted>,
    session: SharedSession,
    worker: Option<Box<Worker>>,
    recordings: Recordings,
    watcher: Option<Watcher>,
    /// When it was called.
    watched: Instant,
    announcer: Option<Watcher>,
    progress: Arc<Progress>,
}

impl Bench {
    fn run(&mut self) {
        loop {
            if let Some(posted) = self.backlog.pop_front() {
                self.work_off(posted);
                continue;
            }
            let hurried = self.progress.hurried.swap(false, Relaxed);
            match self.inbox.recv_timeout(if hurried { WAIT_STEP } else { POLL }) {
                Ok(posted) => self.work_off(posted),
                Err(RecvTimeoutError::Timeout) => self.look_after(),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Does those jobs that have come meanwhile and need not wait until files have been read: with `edits` those of the rack, too.
    fn take_between(&mut self, edits: bool) {
        while let Ok(mut posted) = self.inbox.try_recv() {
            let edit = edits && posted.job.edits_between() && self.backlog.is_empty();
            if posted.job.is_of_rack() && !edit {
                posted.changing = None;
                if matches!(posted.job, Job::Read) {
                    self.apply(); // what is there can be heard meanwhile
                }
                self.backlog.push_back(posted);
            } else {
                self.work_off(posted);
            }
        }
    }

    fn work_off(&mut self, Posted { job, number, changing }: Posted) {
        // What stood behind files is not counted any more.
        let _changing = changing.or_else(|| (!job.reads_files()).then(|| self.progress.change()));
        if !(self.progress.ending.load(Relaxed) && job.is_of_rack()) {
            // A session is changed as a whole or not at all, so that a panic leaves one that can be heard.
            let done = panic::catch_unwind(AssertUnwindSafe(|| self.work(job, number)));
            if done.is_err() {
                self.session.lock().notify(Some("that could not be done: the rack is as it was".to_owned()));
            }
        }
        self.deliver();
        self.progress.done.fetch_add(1, Release);
    }

    fn work(&mut self, job: Job, number: u64) {
        match job {
            Job::Adopt(worker) => {
                self.worker = Some(worker);
                let control = self.session.lock().control();
                self.recordings.adopt(control);
                // What was opened while the engine was made went to the one before.
                self.apply();
            }
            Job::Apply => self.apply(),
            Job::Read => {
                self.apply(); // what is there can be heard meanwhile
                self.deliver();
                self.read_files();
            }
            Job::Record(order) => self.record(order),
            Job::Watch(watcher) => self.watcher = Some(watcher),
            Job::Announce(announcer) => self.announcer = Some(announcer),
            Job::Open { paths, onto, restored } => {
                let opened = self.open(&paths, (onto, restored), number);
                if opened.changed {
                    self.apply();
                    self.announce();
                }
                if let Some((slot, worker)) = opened.heard.zip(self.worker.as_mut()) {
                    worker.strike(slot);
                }
                drop(opened.changing);
            }
            Job::Edit(edit, hold) => {
                if self.session.edit(edit, hold) {
                    self.apply();
                    self.announce();
                }
            }
            Job::Step(way) => {
                if self.session.step(way) {
                    self.apply();
                    self.announce();
                    if self.session.lock().is_unread() {
                        self.progress.posted.fetch_add(1, Release);
                        self.backlog.push_front(Posted { job: Job::Read, number, changing: None });
                    }
                }
            }
        }
    }

    /// What is to be done all the time.
    fn look_after(&mut self) {
        self.deliver();
        if self.watched.elapsed() >= POLL {
            self.watched = Instant::now();
            self.watcher.iter().for_each(|watcher| watcher());
        }
    }

    /// Does what takes long on a thread beside this one, which goes on to look after the engine and the editor, and takes what need not
    /// wait; an error where it panics.
    fn beside<T: Send>(&mut self, edits: bool, work: impl Fn() -> T + Sync) -> thread::Result<T> {
        thread::scope(|scope| {
            let beside = thread::Builder::new().name("busker-work".to_owned());
            let Ok(beside) = beside.spawn_scoped(scope, &work) else { return Ok(work()) };
            while !beside.is_finished() {
                self.take_between(edits);
                self.look_after();
                thread::sleep(WAIT_STEP);
            }
            beside.join()
        })
    }

    /// Finds and reads recordings that the rack names. Edits wait, for it is read as it is.
    fn read_files(&mut self) {
        let session = self.session.clone();
        match self.beside(false, || session.read_files()) {
            Ok(false) => {}
            Ok(true) => self.apply(),
            Err(_) => self.session.lock().notify(Some(
                "recordings of the rack cannot be read: choose other files in their place".to_owned(),
            )),
        }
    }

    fn open(&mut self, paths: &[PathBuf], onto: (Onto, u64), number: u64) -> Opened {
        let (session, progress) = (self.session.clone(), Arc::clone(&self.progress));
        let opened =
            self.beside(true, || session.open_all(paths, onto, &Work::new(&session, &progress, number)));
        opened.unwrap_or_else(|_| {
            self.session
                .lock()
                .refuse(vec!["what was opened cannot be read: choose another file".to_owned()]);
            Opened::default()
        })
    }

    /// What a host saves is no longer what it has saved.
    fn announce(&self) {
        self.announcer.iter().for_each(|announcer| announcer());
    }

    /// Prepares what the session holds by now, so that the engine plays what the host would save.
    fn apply(&mut self) {
        let (setup, settings, restored) = self.session.lock().take_due();
        let result = self.worker.as_mut().map_or(Ok(()), |worker| worker.apply_with(&setup, &settings));
        let mut session = self.session.lock();
        session.leave_untold(settings, restored);
        if let Err(error) = result {
            session.notify(Some(error.to_string()));
        }
    }

    fn record(&mut self, order: Order) {
        let (settings, routing) = self.session.lock().recorded();
        let errors = self.recordings.follow(order, (&settings, &routing));
        // What could not be done before is forgotten.
        self.session.lock().notify(Some(errors.join("; ")).filter(|words| !words.is_empty()));
        if order == Order::Arm {
            self.announcer.iter().for_each(|announcer| announcer()); // the host saves what is armed
        }
    }

    /// Commands that found no room are tried again at the next poll.
    fn deliver(&mut self) {
        let status = self.recordings.status();
        self.session.lock().set_recording(status);
        let Some(worker) = &mut self.worker else { return };
        worker.poll();
        self.progress.opening.store(worker.is_opening(), Release);
        self.session.lock().hear_lanes(worker);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_ends_when_the_work_is_done_and_is_counted_when_it_is_not() {
        let progress = Progress::default();
        progress.running.store(true, Relaxed);
        progress.wait(Duration::ZERO);
        assert_eq!(progress.missed_waits(), 0);
        progress.posted.store(1, Relaxed);
        progress.wait(Duration::ZERO);
        assert_eq!(progress.missed_waits(), 1);
        progress.done.store(1, Relaxed);
        progress.wait(Duration::ZERO);
        assert_eq!(progress.missed_waits(), 1);
    }
}
