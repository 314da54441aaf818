//! What the guard or the proxy in front of an instance shares with the `Plugin` behind the framework's wrapper.
//!
//! In: the host's own transport, once per piece, and whether the piece has frames. Out: the same, read by `process`; and the
//! instance, for all else. The framework constructs the `Plugin` itself, so the link is handed over through a thread-local while
//! its wrapper is being made.
//! Audio thread on both ends; the instance may be reached from any thread.

use super::instance::Instance;
use crate::engine::Transport;
use crate::params::BuskerParams;
use crossbeam_queue::ArrayQueue;
use nice_plug::prelude::Params;
use std::cell::RefCell;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Instant;

thread_local! {
    static HANDOVER: RefCell<Option<Arc<Link>>> = const { RefCell::new(None) };
}

/// What the host is to do about something that it saves and that has changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Change {
    /// Look up the parameters' values.
    pub(crate) values: bool,
    /// Deactivate and activate the plugin: its latency will be another.
    pub(crate) restart: bool,
}

/// One end sits in the guard or proxy, the other in the plugin.
pub(crate) struct Link {
    transport: ArrayQueue<Transport>,
    empty: AtomicBool,
    instance: OnceLock<Arc<Instance>>,
    params: OnceLock<Arc<BuskerParams>>,
    on_change: OnceLock<Box<dyn Fn(Change) -> bool + Send + Sync>>,
    /// Whether parameters have moved that the host does not know of.
    moved: AtomicBool,
    /// Whether there was nobody to hear of a change.
    owed: AtomicBool,
}

impl Link {
    fn new() -> Arc<Self> {
        Arc::new(Link {
            transport: ArrayQueue::new(1),
            empty: AtomicBool::new(false),
            instance: OnceLock::new(),
            params: OnceLock::new(),
            on_change: OnceLock::new(),
            moved: AtomicBool::new(false),
            owed: AtomicBool::new(false),
        })
    }

    /// Runs `construct`, which makes exactly one plugin on this thread, and returns the link to it.
    pub(crate) fn around<T>(construct: impl FnOnce() -> T) -> (Arc<Self>, T) {
        let link = Self::new();
        HANDOVER.with(|handover| handover.replace(Some(Arc::clone(&link))));
        let made = construct();
        HANDOVER.with(RefCell::take);
        (link, made)
    }

    /// For the plugin under construction; a link of its own where nobody waits at the other end.
    pub(crate) fn take() -> Arc<Self> {
        HANDOVER.with(RefCell::take).unwrap_or_else(Self::new)
    }

    /// The plugin's side, named once while it is constructed.
    pub(crate) fn attach(&self, instance: Arc<Instance>, params: Arc<BuskerParams>) {
        let first = self.instance.set(instance).is_ok() && self.params.set(params).is_ok();
        debug_assert!(first, "one plugin has one link");
    }

    pub(crate) fn instance(&self) -> Option<&Arc<Instance>> {
        self.instance.get()
    }

    /// The plugin's parameters, as the framework knows them.
    pub(crate) fn params(&self) -> Option<Arc<dyn Params>> {
        let params = self.params.get()?;
        Some(Arc::<BuskerParams>::clone(params))
    }

    /// Names what tells the host that something it saves has changed, once; it returns whether the host could be told.
    pub(crate) fn on_change(&self, tell: impl Fn(Change) -> bool + Send + Sync + 'static) {
        let first = self.on_change.set(Box::new(tell)).is_ok();
        debug_assert!(first, "one plugin has one host");
    }

    /// Something that the host saves has changed without its doing. The host's main thread, or the one on which the framework does
    /// what it cannot do there.
    pub(crate) fn changed(&self) {
        self.set_moved();
        let values = self.moved.swap(false, Relaxed);
        let restart = self.instance().is_some_and(|instance| instance.asks_for_restart());
        // Whoever comes to hear of it meanwhile asks for it.
        self.owed.store(true, SeqCst);
        if self.on_change.get().is_some_and(|tell| tell(Change { values, restart })) {
            self.owed.store(false, SeqCst);
            return;
        }
        self.moved.fetch_or(values, Relaxed);
        if let Some(instance) = self.instance().filter(|_| restart) {
            instance.ask_again();
        }
    }

    /// Asks the host by `ask` to start the plugin anew where it takes that to do as a restored rack says, or the next time where it
    /// could not be asked. The host's main thread.
    pub(crate) fn ask_for_restart(&self, ask: impl FnOnce() -> bool) {
        let wanting = self.instance().filter(|instance| instance.asks_for_restart());
        if let Some(instance) = wanting.filter(|_| !ask()) {
            instance.ask_again();
        }
    }

    /// Tells of changes that there was nobody to hear of. The host's main thread.
    pub(crate) fn catch_up(&self) {
        if self.owed.load(SeqCst) {
            self.changed();
        }
    }

    /// Has parameters stand where edits have moved them, so that what a host saves next belongs together. Waits for the worker, but
    /// not for files.
    pub(crate) fn settle(&self) {
        if let Some(instance) = self.instance() {
            instance.wait_for_edits();
        }
        self.set_moved();
    }

    fn set_moved(&self) {
        if let (Some(instance), Some(params)) = (self.instance(), self.params.get()) {
            instance.tell_untold(|index, place| {
                params.take(index, place);
                self.moved.store(true, Relaxed);
            });
        }
    }

    /// Events that had to be left out. Real-time: yes.
    pub(crate) fn count_dropped(&self, events: usize) {
        if let Some(instance) = self.instance() {
            instance.count_dropped(events);
        }
    }

    /// Does all of a call of the host's, and notes how long it took. Real-time: yes; a look at the clock is no system call.
    pub(crate) fn measured<T>(&self, frames: usize, call: impl FnOnce() -> T) -> T {
        let began = Instant::now();
        let done = call();
        if let Some(instance) = self.instance() {
            instance.load().add(frames, began.elapsed());
        }
        done
    }

    /// The transport at the first frame of the next piece. Real-time: yes.
    pub(crate) fn set_transport(&self, transport: Option<Transport>) {
        match transport {
            Some(transport) => drop(self.transport.force_push(transport)),
            None => drop(self.transport.pop()),
        }
    }

    /// The next piece brings the events of a call without frames, and a frame that is not to be rendered: the framework would
    /// throw them away with such a call. Real-time: yes.
    pub(crate) fn announce_empty(&self) {
        self.empty.store(true, Relaxed);
    }

    /// Whether that was said of the piece that is here. Real-time: yes.
    pub(crate) fn take_empty(&self) -> bool {
        self.empty.swap(false, Relaxed)
    }

    /// The transport of the block about to be rendered, if the host gave one for its first frame. Real-time: yes.
    pub(crate) fn next_transport(&self) -> Option<Transport> {
        self.transport.pop()
    }
}
