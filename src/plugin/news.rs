//! That something has changed which the host saves: told on its main thread, by one task at a time.
//!
//! In: a word from the worker. Out: a task for the framework, which holds a lock while it does one. A host that is told may pump
//! messages, and so do the next task, before it goes on: there must be none, or it waits for that lock for ever. So what changes
//! while a task is posted or under way is told by that one, too. Any thread but the audio thread.

use std::sync::Arc;
use std::sync::atomic::AtomicU8;
use std::sync::atomic::Ordering::AcqRel;
use std::sync::atomic::Ordering::Acquire;
use std::sync::atomic::Ordering::Release;

/// Nothing is to be told, and no task is there.
const NONE: u8 = 0;
/// A task tells what there was when it began to.
const TOLD: u8 = 1;
/// A task is there, and something is still to be told.
const NEW: u8 = 2;

/// How far telling is.
#[derive(Default)]
pub(super) struct News(AtomicU8);

impl News {
    /// Something has changed; the task that tells of it, where none is there.
    pub(super) fn come(self: &Arc<Self>) -> Option<TellOfChange> {
        (self.0.swap(NEW, AcqRel) == NONE).then(|| TellOfChange(Some(Arc::clone(self))))
    }
}

/// To be done on the host's main thread: telling it that something it saves has changed.
pub(crate) struct TellOfChange(Option<Arc<News>>);

impl TellOfChange {
    /// Tells, and again while there is something new.
    pub(super) fn run(mut self, tell: impl Fn()) {
        let Some(news) = &self.0 else { return };
        loop {
            news.0.store(TOLD, Release);
            tell();
            if news.0.compare_exchange(TOLD, NONE, AcqRel, Acquire).is_ok() {
                break;
            }
        }
        self.0 = None;
    }
}

impl Drop for TellOfChange {
    /// What found no room, or broke off, is told with the next change.
    fn drop(&mut self) {
        self.0.iter().for_each(|news| news.0.store(NONE, Release));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[test]
    fn there_is_one_task_at_a_time_and_it_tells_what_has_come_meanwhile() {
        let news = Arc::new(News::default());
        let task = news.come().unwrap();
        assert!(news.come().is_none(), "one is posted");
        let told = Cell::new(0);
        task.run(|| {
            told.set(told.get() + 1);
            if told.get() < 3 {
                assert!(news.come().is_none(), "one is under way");
            }
        });
        assert_eq!(told.get(), 3);
        drop(news.come().unwrap());
        assert!(news.come().is_some(), "what is dropped is no hindrance");
    }
}
