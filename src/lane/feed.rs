//! The thread of a lane: opens its files, fills the pages of its start, then those that are played.
//!
//! In: a lane's setup. Out: pages that are ready to be played, once the first 250 ms of them are there. The thread ends when
//! nobody plays them any more. Nobody waits for it: a disk that hangs holds up this lane alone, whatever is asked of it.

use super::LaneError;
use super::LaneSetup;
use super::Material;
use super::Pages;
use super::pages::Step;
use super::pages::pages;
use crate::units::SampleRate;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::Sender;
use std::sync::mpsc::channel;
use std::thread;
use std::thread::Thread;
use std::time::Duration;

/// How often a thread looks for pages that have come home. The audio thread cannot wake it: that would be a system call.
const LOOK: Duration = Duration::from_millis(5);

/// A lane that is made ready.
pub struct Preparing {
    receiver: Receiver<Result<Box<Pages>, LaneError>>,
    thread: Thread,
}

impl Preparing {
    /// The lane, or why there is none, once it is ready; it is given once.
    pub fn take(&self) -> Option<Result<Box<Pages>, LaneError>> {
        self.receiver.try_recv().ok()
    }

    /// Has the thread look for work at once.
    pub fn hurry(&self) {
        self.thread.unpark();
    }
}

/// Makes lane number `lane` ready on a thread of its own, which goes on to fill it.
pub fn prepare(setup: LaneSetup, (lane, rate): (usize, SampleRate)) -> Result<Preparing, LaneError> {
    prepare_with(move || Material::open(&setup, lane, rate), rate)
}

/// The same with material that `open` finds, on the new thread.
pub(super) fn prepare_with(
    open: impl FnOnce() -> Result<Material, LaneError> + Send + 'static,
    rate: SampleRate,
) -> Result<Preparing, LaneError> {
    let (sender, receiver) = channel();
    let run = move || match open() {
        Ok(material) => feed(material, rate, &sender),
        Err(error) => drop(sender.send(Err(error))),
    };
    let thread =
        thread::Builder::new().name("busker lane".to_owned()).spawn(run).map_err(LaneError::Thread)?;
    Ok(Preparing { receiver, thread: thread.thread().clone() })
}

fn feed(mut material: Material, rate: SampleRate, sender: &Sender<Result<Box<Pages>, LaneError>>) {
    let (mut filler, pages) = pages(rate, material.frames());
    let mut pages = Some(Box::new(pages));
    loop {
        if filler.has_start()
            && let Some(pages) = pages.take()
            && sender.send(Ok(pages)).is_err()
        {
            return;
        }
        match filler.step(|frame, sides| material.read(frame, sides)) {
            Step::Filled => {}
            Step::Idle => thread::park_timeout(LOOK),
            Step::Gone => return,
        }
    }
}
