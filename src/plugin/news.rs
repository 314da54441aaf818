//! That something has changed which the host saves: told on its main thread, by one task at a time.
//!
//! In: a word from the worker. Out: a task for the framework, which holds a lock while it does one. A host that is told may pump
//! messages, and so do the next task, before it goes on: there must be none, or it waits for that lock for ever. So what changes
//! while a task is posted or under way is told by that one, too. A queue may go with its window, and neither run nor drop what is in
//! it: after a while a task that has only been posted is given up. Any thread but the audio thread.

use std::sync::Arc;
use std::sync::atomic::AtomicU8;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::AcqRel;
use std::sync::atomic::Ordering::Acquire;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::Ordering::Release;
use std::time::Duration;
use std::time::Instant;

/// Nothing is to be told, and no task is there.
const NONE: u8 = 0;
/// A task tells what there was when it began to.
const TOLD: u8 = 1;
/// A task is under way, and something is still to be told.
const NEW: u8 = 2;
/// A task is posted, and has not begun.
const POSTED: u8 = 3;

/// How long a task may be posted: longer than main threads are usually busy, for of two tasks one might wait for the other.
const LOST_AFTER: Duration = Duration::from_secs(10);

/// How far telling is.
pub(super) struct News {
    stage: AtomicU8,
    made: Instant,
    /// When a task was posted last, in milliseconds from then on.
    posted_ms: AtomicU64,
}

impl Default for News {
    fn default() -> Self {
        News { stage: AtomicU8::new(NONE), made: Instant::now(), posted_ms: AtomicU64::new(0) }
    }
}

impl News {
    /// Something has changed; the task that tells of it, where none is there. One thread calls this.
    pub(super) fn come(self: &Arc<Self>) -> Option<TellOfChange> {
        self.come_at(self.made.elapsed())
    }

    fn come_at(self: &Arc<Self>, now: Duration) -> Option<TellOfChange> {
        let next = |stage| Some(if matches!(stage, TOLD | NEW) { NEW } else { POSTED });
        let before = self.stage.fetch_update(AcqRel, Acquire, next).unwrap_or_else(|stage| stage);
        let posted = Duration::from_millis(self.posted_ms.load(Relaxed));
        let due = before == NONE || before == POSTED && now.saturating_sub(posted) >= LOST_AFTER;
        due.then(|| {
            self.posted_ms.store(now.as_millis() as u64, Relaxed);
            TellOfChange(Some(Arc::clone(self)))
        })
    }
}

/// To be done on the host's main thread: telling it that something it saves has changed.
pub(crate) struct TellOfChange(Option<Arc<News>>);

impl TellOfChange {
    /// Tells, and again while there is something new.
    pub(super) fn run(mut self, tell: impl Fn()) {
        let Some(news) = &self.0 else { return };
        loop {
            news.stage.store(TOLD, Release);
            tell();
            if news.stage.compare_exchange(TOLD, NONE, AcqRel, Acquire).is_ok() {
                break;
            }
        }
        self.0 = None;
    }
}

impl Drop for TellOfChange {
    /// What found no room, or broke off, is told with the next change.
    fn drop(&mut self) {
        self.0.iter().for_each(|news| news.stage.store(NONE, Release));
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

    #[test]
    fn a_task_that_is_lost_in_its_queue_is_posted_anew_but_never_one_that_is_under_way() {
        let news = Arc::new(News::default());
        std::mem::forget(news.come_at(Duration::from_secs(1)).unwrap());
        assert!(news.come_at(Duration::from_secs(1) + LOST_AFTER / 2).is_none(), "it may still be run");
        let late = Duration::from_secs(1) + LOST_AFTER;
        let task = news.come_at(late).unwrap();
        assert!(news.come_at(late + LOST_AFTER / 2).is_none(), "there is another one");
        let told = Cell::new(0);
        task.run(|| {
            told.set(told.get() + 1);
            assert!(
                told.get() > 1 || news.come_at(late + 9 * LOST_AFTER).is_none(),
                "it would wait for itself"
            );
        });
        assert_eq!(told.get(), 2);
    }
}
