//! Calls a window in time for its next picture, where the window library would call too late.
//!
//! On X11 it waits for every second refresh of the display, which is 30 pictures a second on most.

use std::io;
use std::sync::mpsc;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::RecvTimeoutError;
use std::sync::mpsc::Sender;
use std::thread;
use std::thread::JoinHandle;
use std::time::Instant;

/// A thread that waits, and ends with this.
pub(super) struct Alarm {
    times: Option<Sender<Instant>>,
    thread: Option<JoinHandle<()>>,
}

impl Alarm {
    pub(super) fn new(call: impl Fn() + Send + 'static) -> io::Result<Self> {
        let (times, set) = mpsc::channel();
        let thread =
            thread::Builder::new().name("busker window".to_owned()).spawn(move || wait(&set, call))?;
        Ok(Alarm { times: Some(times), thread: Some(thread) })
    }

    /// Has it call at `time`, or at once if that is past, and no more at what was set before.
    pub(super) fn set(&self, time: Instant) {
        // The thread is there as long as this is.
        self.times.iter().for_each(|times| _ = times.send(time));
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        self.times = None;
        // Its code may be unloaded with the plugin. A panic there has nothing left to spoil.
        self.thread.take().map(JoinHandle::join);
    }
}

fn wait(set: &Receiver<Instant>, call: impl Fn()) {
    let mut next: Option<Instant> = None;
    loop {
        let heard = match next {
            None => set.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(time) => set.recv_timeout(time.saturating_duration_since(Instant::now())),
        };
        match heard {
            Ok(time) => next = Some(time),
            Err(RecvTimeoutError::Timeout) => {
                next = None;
                call();
            }
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn it_calls_in_time_and_once() {
        let (called, calls) = mpsc::channel();
        let alarm = Alarm::new(move || called.send(Instant::now()).unwrap()).unwrap();
        let time = Instant::now() + Duration::from_millis(20);
        alarm.set(time + Duration::from_secs(3600));
        alarm.set(time);
        assert!(calls.recv().unwrap() >= time);
        alarm.set(time);
        assert!(calls.recv().is_ok());
        // It ends though it waits, and whoever waits for it hears of that.
        alarm.set(time + Duration::from_secs(3600));
        drop(alarm);
        assert!(calls.recv().is_err());
    }
}
