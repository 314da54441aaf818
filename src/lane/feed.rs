//! The thread of a lane: opens its files, fills the pages of its start, then those that are played.
//!
//! In: a lane's setup. Out: pages that are ready to be played, once the first 250 ms of them are there, and what could not be
//! read. The thread ends when nobody plays them any more. Nobody waits for it, but whoever ends it, and not for long: a
//! disk that hangs holds up this lane alone.

use super::LaneError;
use super::LaneSetup;
use super::Material;
use super::Pages;
use super::pages::Step;
use super::pages::pages;
use crate::units::SampleRate;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::Sender;
use std::sync::mpsc::channel;
use std::thread;
use std::thread::JoinHandle;
use std::time::Duration;
use std::time::Instant;

/// How often a thread looks for pages that have come home. The audio thread cannot wake it: that would be a system call.
const LOOK: Duration = Duration::from_millis(5);
/// The same while its lane stands still.
const LOOK_AT_REST: Duration = Duration::from_millis(40);
/// How long a thread that has been told to end is waited for: its code may be unloaded next.
const FAREWELL: Duration = Duration::from_secs(2);

/// What a lane's thread says.
pub enum News {
    /// The lane can be played; it is said once.
    Ready(Box<Pages>),
    /// Something of it cannot, or nothing where the thread ends unready.
    Trouble(LaneError),
}

/// A lane that is made ready and then filled, as long as this or somebody who plays it is there.
pub struct Preparing {
    receiver: Receiver<News>,
    thread: JoinHandle<()>,
    stop: Arc<AtomicBool>,
}

impl Preparing {
    /// What there is to be said.
    pub fn news(&self) -> impl Iterator<Item = News> {
        self.receiver.try_iter()
    }

    /// Whether its thread has ended; all its news have been said then.
    pub fn has_ended(&self) -> bool {
        self.thread.is_finished()
    }

    /// Whether its thread has broken off where nobody foresaw it. Waits until it has ended.
    pub fn has_broken_off(self) -> bool {
        self.thread.join().is_err()
    }

    /// Has the thread look for work at once.
    pub fn hurry(&self) {
        self.thread.thread().unpark();
    }
}

/// Ends the threads of lanes, whoever still plays them, and waits until that is done, or for two seconds: one that hangs in
/// a disk cannot be waited for.
pub fn end(lanes: &[Preparing]) {
    for lane in lanes {
        lane.stop.store(true, Relaxed);
        lane.hurry();
    }
    let began = Instant::now();
    while lanes.iter().any(|lane| !lane.has_ended()) && began.elapsed() < FAREWELL {
        thread::sleep(Duration::from_millis(1));
    }
}

/// Makes lane number `lane` ready on a thread of its own, which goes on to fill it.
pub fn prepare(setup: LaneSetup, (lane, rate): (usize, SampleRate)) -> Result<Preparing, LaneError> {
    let open = move |sender: &Sender<News>| {
        // Nobody may be listening any more.
        Material::open(&setup, (lane, rate), |trouble| drop(sender.send(News::Trouble(trouble))))
    };
    prepare_with(open, rate)
}

/// The same with material that `open` finds, on the new thread.
pub(super) fn prepare_with(
    open: impl FnOnce(&Sender<News>) -> Result<Material, LaneError> + Send + 'static,
    rate: SampleRate,
) -> Result<Preparing, LaneError> {
    let (sender, receiver) = channel();
    let stop = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&stop);
    let run = move || match open(&sender) {
        Ok(material) => feed(material, rate, (&sender, &told)),
        Err(error) => drop(sender.send(News::Trouble(error))),
    };
    let thread =
        thread::Builder::new().name("busker lane".to_owned()).spawn(run).map_err(LaneError::Thread)?;
    Ok(Preparing { receiver, thread, stop })
}

fn feed(mut material: Material, rate: SampleRate, (sender, stop): (&Sender<News>, &AtomicBool)) {
    let (mut filler, mut pages) = pages(rate, material.frames(), material.is_mono());
    (pages.extent, pages.rounds) = (material.extent(), material.rounds());
    let mut pages = Some(Box::new(pages));
    while !stop.load(Relaxed) {
        if filler.has_start()
            && let Some(pages) = pages.take()
            && sender.send(News::Ready(pages)).is_err()
        {
            return;
        }
        match filler.step(|frame, sides| material.read(frame, sides)) {
            Step::Filled => {
                if let Some(damage) = material.damage() {
                    let _ = sender.send(News::Trouble(damage)); // as above
                }
            }
            Step::Idle => thread::park_timeout(if filler.is_at_rest() { LOOK_AT_REST } else { LOOK }),
            Step::Gone => return,
        }
    }
}
