//! When the window is drawn anew: while something sounds, and when something has changed.
//!
//! In: what the worker's thread calls some fifty times a second. Out: requests for pictures, which the window draws at its own pace. An instance whose window is closed,
//! or that is silent and left alone, asks for none. Parameters that the host moves are announced by the framework.

use super::loudness;
use super::meter;
use super::window::Remote;
use crate::engine::Control;
use crate::engine::LANES;
use crate::engine::LaneReading;
use crate::engine::Position;
use crate::plugin::Instance;
use crate::plugin::Watcher;
use std::cell::Cell;
use std::sync::Arc;

/// To be called by the worker's thread.
pub(super) fn watcher(instance: &Arc<Instance>, remote: Arc<Remote>) -> Watcher {
    // The instance owns the thread that calls.
    let instance = Arc::downgrade(instance);
    let shown = Cell::new(None);
    Box::new(move || {
        let Some(instance) = instance.upgrade().filter(|_| remote.is_open()) else {
            shown.set(None);
            return;
        };
        let pulse = instance.pulse();
        let control = pulse.control.as_deref();
        // A tick alone changes nothing that can be seen. Loudness falls for seconds after the sound.
        let position = control.map(|control| Position { tick: 0, ..control.position() });
        let now = Some((pulse.changes, position, control.map(sources), control.map(loudness::shown)));
        if shown.replace(now) != now {
            remote.change();
        }
        remote.keep_moving(control.is_some_and(meter::any_sounds));
    })
}

/// What can be seen of voices and lanes: times are shown in tenths of a second.
fn sources(control: &Control) -> (u64, [LaneReading; LANES]) {
    let tenth = (control.rate().0 / 10.0) as i64;
    let seen =
        |lane: LaneReading| LaneReading { position: lane.position.map(|at| at.div_euclid(tenth)), ..lane };
    (control.voice_changes(), control.lanes().map(seen))
}
