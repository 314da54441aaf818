//! The road of finished frames from a lane's own thread to the audio thread and back.
//!
//! In: pages of 1,024 frames, each with its number. Out: any frame that is there. The audio thread says which page it plays
//! next; its thread fills that one and those after it, the start, and where the host's loop will lead, as long as there
//! are pages. What is no longer wanted goes home and is filled anew, so nothing is ever dropped, and a seek needs no
//! handshake: pages that a lane has left behind are recognised by their numbers. Nothing here waits.

use super::Extent;
use super::Rounds;
use crate::units::SampleRate;
use rtrb::Consumer;
use rtrb::Producer;
use rtrb::RingBuffer;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Acquire;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::Ordering::Release;

/// Frames of a page.
pub(super) const PAGE: usize = 1_024;
/// Seconds that are held ready from where a lane plays.
const WINDOW_SECONDS: f64 = 1.5;
/// Pages of the same, at least: the longest call of a host, 8,192 frames, at four times the speed, and what comes on top.
const LEAST_WINDOW: u64 = 48;
/// Seconds that are held ready of the lane's start and of the host's loop.
const START_SECONDS: f64 = 0.25;
/// Pages of the same, at least, for a trigger in the longest call at four times the speed.
const LEAST_START: u64 = 36;
/// Number of no page.
const NONE: u64 = u64::MAX;

/// So many frames of both sides.
pub(super) struct Page {
    number: u64,
    sides: [Box<[f32]>; 2],
}

impl Page {
    fn new() -> Box<Self> {
        Box::new(Self { number: NONE, sides: [(); 2].map(|()| vec![0.0; PAGE].into()) })
    }
}

/// What the audio thread wants, newest value.
struct Wishes {
    window: AtomicU64,
    /// First page at the host's loop's start, or where the host stands.
    ahead: AtomicU64,
    /// Whether nothing is played for now.
    at_rest: AtomicBool,
}

/// How many pages there are of each kind.
#[derive(Clone, Copy)]
struct Sizes {
    window: u64,
    start: u64,
    /// Of the start, before the lane is handed over.
    first: u64,
    /// In the whole material, where it ends.
    all: Option<u64>,
}

impl Sizes {
    fn new(rate: SampleRate, frames: Option<u64>) -> Self {
        let pages = |seconds: f64| (rate.frames_in(seconds)).div_ceil(PAGE) as u64;
        let first = pages(START_SECONDS) + 1; // a sound begins within a page
        Self {
            window: pages(WINDOW_SECONDS).max(LEAST_WINDOW),
            start: first.max(LEAST_START),
            first,
            all: frames.map(|frames| frames.div_ceil(PAGE as u64)),
        }
    }

    fn count(self) -> usize {
        (self.window + 2 * self.start) as usize
    }

    /// The pages from one on that there are.
    fn from(self, first: u64, count: u64) -> Range<u64> {
        let end = first.saturating_add(count);
        first..self.all.map_or(end, |all| end.min(all)).max(first)
    }
}

/// The thread's half.
pub(super) struct Filler {
    full: Producer<Box<Page>>,
    empty: Consumer<Box<Page>>,
    wishes: Arc<Wishes>,
    sizes: Sizes,
    /// Numbers of the pages that are away.
    away: Vec<u64>,
    #[expect(clippy::vec_box, reason = "boxes travel, so that no page is copied")]
    spare: Vec<Box<Page>>,
}

/// What a thread that fills pages has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// One was filled; another may be wanted.
    Filled,
    /// All that is wanted is there.
    Idle,
    /// Nobody plays any more.
    Gone,
}

impl Filler {
    /// Fills the next page that is wanted.
    pub(super) fn step(&mut self, fill: impl FnOnce(u64, [&mut [f32]; 2])) -> Step {
        if self.full.is_abandoned() {
            return Step::Gone;
        }
        self.collect();
        match self.next() {
            Some(number) => self.fill(number, fill),
            None => Step::Idle,
        }
    }

    fn fill(&mut self, number: u64, fill: impl FnOnce(u64, [&mut [f32]; 2])) -> Step {
        let room = self.away.len() < self.sizes.count();
        let Some(mut page) = self.spare.pop().or_else(|| room.then(Page::new)) else { return Step::Idle };
        let [left, right] = &mut page.sides;
        fill(number * PAGE as u64, [left, right]);
        page.number = number;
        match self.full.push(page) {
            Ok(()) => self.away.push(number),
            Err(rtrb::PushError::Full(page)) => self.spare.push(page), // there are as many places as pages
        }
        Step::Filled
    }

    fn collect(&mut self) {
        while let Ok(page) = self.empty.pop() {
            if let Some(index) = self.away.iter().position(|&number| number == page.number) {
                self.away.swap_remove(index);
            }
            self.spare.push(page);
        }
    }

    /// First what is played next, then the start, then where the host's loop leads, then the rest of what will be played.
    fn next(&self) -> Option<u64> {
        let Sizes { window, start, first, .. } = self.sizes;
        let played = self.wishes.window.load(Acquire);
        let ahead = Some(self.wishes.ahead.load(Acquire)).filter(|&page| page != NONE);
        let near = self.sizes.from(played, first);
        let ahead = ahead.map_or(0..0, |page| self.sizes.from(page, start));
        let mut wanted =
            near.chain(self.sizes.from(0, start)).chain(ahead).chain(self.sizes.from(played, window));
        wanted.find(|number| !self.away.contains(number))
    }

    /// Whether nothing is played for now.
    pub(super) fn is_at_rest(&self) -> bool {
        self.wishes.at_rest.load(Relaxed)
    }

    /// Whether the lane's start is ready to be played.
    pub(super) fn has_start(&self) -> bool {
        self.sizes.from(0, self.sizes.first).all(|number| self.away.contains(&number))
    }
}

/// The audio thread's half: frames that are ready.
pub struct Pages {
    full: Consumer<Box<Page>>,
    empty: Producer<Box<Page>>,
    wishes: Arc<Wishes>,
    sizes: Sizes,
    frames: Option<u64>,
    /// For display.
    pub(super) extent: Extent,
    pub(super) rounds: Option<Rounds>,
    mono: bool,
    /// Numbers of the pages in `held`, each in the same place.
    numbers: Box<[u64]>,
    held: Box<[Option<Box<Page>>]>,
    window: u64,
    ahead: u64,
}

impl Pages {
    /// Frames of the whole material; `None` is no end of them. Real-time, like all that follows.
    pub(super) fn frames(&self) -> Option<u64> {
        self.frames
    }

    /// Whether both sides hold the same.
    pub(super) fn is_mono(&self) -> bool {
        self.mono
    }

    /// How much of what is held ready from here on is there, 0 to 1.
    pub(super) fn filled(&self) -> f32 {
        let wanted = self.sizes.from(self.window, self.sizes.window);
        let held = self.numbers.iter().filter(|number| wanted.contains(number)).count();
        // A lane that stands still has not taken those that have come.
        let there = held + self.full.slots();
        if wanted.is_empty() { 1.0 } else { (there as f32 / (wanted.end - wanted.start) as f32).min(1.0) }
    }

    /// Takes what has come, and gives back what is not wanted.
    pub(super) fn collect(&mut self) {
        while let Ok(page) = self.full.pop() {
            let free = self.numbers.iter().position(|&number| number == NONE);
            match free.filter(|_| self.wants(page.number)) {
                Some(index) => {
                    self.numbers[index] = page.number; // `held` is as long
                    self.held[index] = Some(page);
                }
                None => self.give_back(page),
            }
        }
    }

    fn wants(&self, number: u64) -> bool {
        let Sizes { window, start, .. } = self.sizes;
        let within = |first: u64, count: u64| number.checked_sub(first).is_some_and(|place| place < count);
        within(self.window, window) || within(0, start) || self.ahead != NONE && within(self.ahead, start)
    }

    fn give_back(&mut self, page: Box<Page>) {
        if let Err(rtrb::PushError::Full(page)) = self.empty.push(page) {
            std::mem::forget(page); // there are as many places as pages; leaking is the only safe answer if not
        }
    }

    /// What is played from here on; a frame before the first counts as that.
    pub(super) fn aim(&mut self, frame: i64) {
        // Interpolation looks back a few frames.
        let page = (frame.max(0) as u64 / PAGE as u64).saturating_sub(1);
        if page != self.window {
            self.window = page;
            self.wishes.window.store(page, Release);
            self.sort_out();
        }
    }

    /// Whether they are played for now.
    pub(super) fn rest(&self, at_rest: bool) {
        self.wishes.at_rest.store(at_rest, Relaxed);
    }

    /// Where the host's loop, or its next start, will lead, if that is known.
    pub(super) fn look_ahead(&mut self, frame: Option<i64>) {
        let page = frame.map_or(NONE, |frame| (frame.max(0) as u64 / PAGE as u64).saturating_sub(1));
        if page != self.ahead {
            self.ahead = page;
            self.wishes.ahead.store(page, Release);
            self.sort_out();
        }
    }

    fn sort_out(&mut self) {
        for index in 0..self.numbers.len() {
            let number = self.numbers[index]; // `index` is below the length of both
            if number != NONE && !self.wants(number) {
                self.numbers[index] = NONE;
                if let Some(page) = self.held[index].take() {
                    self.give_back(page);
                }
            }
        }
    }

    fn page(&self, number: u64) -> Option<&Page> {
        let index = self.numbers.iter().position(|&held| held == number)?;
        self.held.get(index)?.as_deref()
    }

    /// Frames from `frame` on that can be read, up to `most`; what lies before the first and after the last is always there.
    pub(super) fn ready(&self, frame: i64, most: u64) -> u64 {
        let end = frame.saturating_add_unsigned(most);
        let last = self.frames.map_or(i64::MAX, |frames| i64::try_from(frames).unwrap_or(i64::MAX));
        let mut at = frame.max(0);
        while at < end.min(last) {
            let number = at as u64 / PAGE as u64;
            if self.page(number).is_none() {
                return at.abs_diff(frame);
            }
            at = ((number + 1) * PAGE as u64) as i64;
        }
        most
    }

    /// Fills both sides from `frame` on; what is not there is silence.
    pub(super) fn copy(&self, frame: i64, [left, right]: [&mut [f32]; 2]) {
        let frames = left.len().min(right.len());
        let early = usize::try_from(frame.min(0).unsigned_abs()).map_or(frames, |early| early.min(frames));
        left[..early].fill(0.0);
        right[..early].fill(0.0);
        let mut done = early;
        while done < frames {
            let at = (frame + done as i64) as u64; // not below 0 after `early`
            let skip = (at % PAGE as u64) as usize;
            let count = (PAGE - skip).min(frames - done);
            let (left, right) = (&mut left[done..done + count], &mut right[done..done + count]);
            match self.page(at / PAGE as u64) {
                Some(page) => {
                    left.copy_from_slice(&page.sides[0][skip..skip + count]);
                    right.copy_from_slice(&page.sides[1][skip..skip + count]);
                }
                None => {
                    left.fill(0.0);
                    right.fill(0.0);
                }
            }
            done += count;
        }
    }
}

/// Both halves, for material of so many frames, mono or not. Allocates.
pub(super) fn pages(rate: SampleRate, frames: Option<u64>, mono: bool) -> (Filler, Pages) {
    let sizes = Sizes::new(rate, frames);
    let (full, came) = RingBuffer::new(sizes.count());
    let (gone, empty) = RingBuffer::new(sizes.count());
    let wishes = Arc::new(Wishes {
        window: AtomicU64::new(0),
        ahead: AtomicU64::new(NONE),
        at_rest: AtomicBool::new(true),
    });
    let filler = Filler {
        full,
        empty,
        wishes: Arc::clone(&wishes),
        sizes,
        away: Vec::with_capacity(sizes.count()),
        spare: Vec::new(),
    };
    let pages = Pages {
        full: came,
        empty: gone,
        wishes,
        sizes,
        frames,
        extent: Extent::default(),
        rounds: None,
        mono,
        numbers: vec![NONE; sizes.count()].into(),
        held: (0..sizes.count()).map(|_| None).collect(),
        window: 0,
        ahead: NONE,
    };
    (filler, pages)
}
