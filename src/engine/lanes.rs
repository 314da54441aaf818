//! All lanes of an engine: their strips, and what the host's time and parameters do to them.
//!
//! In: parameters and the transport between two blocks. Out: one source of the graph for each lane that sounds. Audio thread,
//! apart from `new` and `wait_for_lanes`. Pieces are cut where a strip's ramp settles, so that each frame is treated alike
//! however calls are cut.

use super::Call;
use super::Engine;
use super::Target;
use super::Transport;
use super::channels::ChannelStrips;
use super::command::PreparedLane;
use crate::audio::BLOCK_SIZE;
use crate::audio::Feed;
use crate::audio::Outlets;
use crate::audio::Sender;
use crate::dsp::Level;
use crate::lane::Extent;
use crate::lane::LANES;
use crate::lane::Lane;
use crate::lane::Moment;
use crate::lane::Pages;
use crate::units::Decibels;
use crate::units::SampleRate;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::sync::atomic::AtomicU8;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::Duration;
use std::time::Instant;

/// How often a wait for lanes looks again.
const WAIT_STEP: Duration = Duration::from_millis(1);
/// No position, and no loop.
const STILL: i64 = i64::MIN;
const STRAIGHT: u64 = u64::MAX;

/// What a lane shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LaneReading {
    /// Frame that is played next, at the host's rate from the lane's start, while it runs.
    pub position: Option<i64>,
    /// How often its disk or its decoder was too slow, since the engine was reset.
    pub underruns: u64,
    /// How long what it plays is; nothing where it is empty or not opened yet.
    pub extent: Extent,
    /// Percent of the 1.5 seconds from there on that have been read ahead, while somebody looks: see
    /// [`Control::look`](super::Control::look).
    pub filled: u8,
}

/// Newest readings of all lanes, written by the engine.
#[derive(Default)]
pub(super) struct LaneCells([LaneCell; LANES]);

#[derive(Default)]
struct LaneCell {
    position: AtomicI64,
    underruns: AtomicU64,
    frames: AtomicU64,
    loop_start: AtomicU64,
    filled: AtomicU8,
    /// One more than the frame that is sought, until the engine takes it; 0 without any.
    sought: AtomicU64,
}

impl LaneCells {
    pub(super) fn read(&self) -> [LaneReading; LANES] {
        self.0.each_ref().map(|cell| LaneReading {
            position: Some(cell.position.load(Relaxed)).filter(|&position| position != STILL),
            underruns: cell.underruns.load(Relaxed),
            extent: Extent {
                frames: cell.frames.load(Relaxed),
                loop_start: Some(cell.loop_start.load(Relaxed))
                    .filter(|&start| start < cell.frames.load(Relaxed)),
            },
            filled: cell.filled.load(Relaxed),
        })
    }

    /// Forgets what is asked for of a lane and has not been taken: something else is to be in it.
    pub(super) fn forget_seek(&self, lane: usize) {
        self.0.get(lane).iter().for_each(|cell| cell.sought.store(0, Relaxed));
    }

    /// Asks for a frame of a lane, instead of one that was asked for and has not been taken.
    pub(super) fn seek(&self, lane: usize, frame: u64) {
        self.0.get(lane).iter().for_each(|cell| cell.sought.store(frame.saturating_add(1), Relaxed));
    }
}

/// See the module's description.
pub(super) struct Lanes {
    lanes: Box<[Lane]>,
    strips: ChannelStrips,
    cells: Arc<LaneCells>,
    /// Whether readings are those of lanes that run.
    shown: bool,
}

impl Lanes {
    /// Allocates.
    pub(super) fn new(rate: SampleRate, level: Level, cells: Arc<LaneCells>) -> Self {
        let lanes = Self {
            lanes: (0..LANES).map(|_| Lane::new(rate, level)).collect(),
            strips: ChannelStrips::new(rate, LANES),
            cells,
            shown: false,
        };
        lanes.show(); // that they stand still
        lanes
    }

    pub(super) fn reset(&mut self) {
        self.lanes.iter_mut().for_each(Lane::reset);
        self.show();
    }

    /// Ends every ramp at its target, for a start from nothing.
    pub(super) fn settle(&mut self) {
        self.strips.settle();
    }

    /// Puts something else into a lane, which goes on where the host is; gives back what was there.
    pub(super) fn put(&mut self, lane: PreparedLane, (now, frame): (&Transport, u64)) -> Option<Box<Pages>> {
        let PreparedLane { lane, pages, start } = lane;
        let Some((lane, cell)) = self.lanes.get_mut(lane).zip(self.cells.0.get(lane)) else { return pages };
        let old = lane.set(pages, start);
        lane.follow(&moment(now), frame);
        let Extent { frames, loop_start } = lane.extent().unwrap_or_default();
        cell.frames.store(frames, Relaxed);
        cell.loop_start.store(loop_start.unwrap_or(STRAIGHT), Relaxed);
        old
    }

    /// Plays lanes from where somebody has asked for.
    pub(super) fn take_seeks(&mut self) {
        for (lane, cell) in self.lanes.iter_mut().zip(&self.cells.0) {
            // A load costs far less than an exchange.
            if cell.sought.load(Relaxed) > 0 {
                lane.seek(cell.sought.swap(0, Relaxed).saturating_sub(1));
            }
        }
    }

    /// Whether what a lane plays is the same on both sides.
    pub(super) fn is_mono(&self, lane: usize) -> bool {
        self.lanes.get(lane).is_some_and(Lane::is_mono)
    }

    /// What the host says of the next frame.
    pub(super) fn follow(&mut self, transport: &Transport, frame: u64) {
        let moment = moment(transport);
        self.lanes.iter_mut().for_each(|lane| lane.follow(&moment, frame));
    }

    /// A parameter's value, if it is a lane's.
    pub(super) fn set(&mut self, target: Target, value: f32) -> bool {
        let mut with = |lane: usize, act: &mut dyn FnMut(&mut Lane)| {
            self.lanes.get_mut(lane).into_iter().for_each(act);
        };
        match target {
            Target::LaneGain(lane) => self.strips.set_gain(lane, Decibels(value).into()),
            Target::LaneMute(lane) => self.strips.set_muted(lane, value >= 0.5),
            Target::LaneSolo(lane) => self.strips.set_soloed(lane, value >= 0.5),
            Target::LanePan(lane) => self.strips.set_pan(lane, value),
            Target::LaneSpeed(lane) => with(lane, &mut |lane| lane.set_speed(value)),
            Target::LaneTrigger(lane) => with(lane, &mut |lane| lane.trigger(value >= 0.5)),
            _ => return false,
        }
        true
    }

    /// Fills the sources with the next frames, at most `BLOCK_SIZE`.
    pub(super) fn render(&mut self, feeds: &mut [Feed], frames: usize) {
        if self.lanes.iter().all(|lane| lane.is_idle()) {
            if std::mem::take(&mut self.shown) {
                self.show(); // that they stand still
            }
            return self.strips.skip(frames);
        }
        self.shown = true;
        let mut start = 0;
        while start < frames {
            let left = (frames - start).min(BLOCK_SIZE);
            let piece = self.strips.next_settling().map_or(left, |next| left.min(next));
            let passages = self.strips.begin(piece).map(|[own, _]| own);
            let mut outlets = Outlets::new(feeds, &[]).with_passages(passages);
            let range = start..start + piece;
            for (outlet, lane) in self.lanes.iter_mut().enumerate() {
                let from = Sender { outlet, instrument: 0 };
                if lane.is_silent(piece) || !outlets.hears(from) {
                    lane.skip(piece);
                } else {
                    outlets.add(from, &range, |left, right| lane.render([left, right]));
                }
            }
            start += piece;
        }
        self.show();
    }

    fn show(&self) {
        for (lane, cell) in self.lanes.iter().zip(&self.cells.0) {
            cell.position.store(lane.position().unwrap_or(STILL), Relaxed);
            cell.underruns.store(lane.underruns(), Relaxed);
        }
    }

    /// Says how much of each lane has been read ahead.
    pub(super) fn show_filled(&self) {
        for (lane, cell) in self.lanes.iter().zip(&self.cells.0) {
            cell.filled.store((100.0 * lane.filled()) as u8, Relaxed);
        }
    }

    /// Whether all frames of a call are there.
    pub(super) fn are_ready(&mut self, frames: usize) -> bool {
        self.lanes.iter_mut().all(|lane| lane.is_ready(frames))
    }
}

/// Seconds of the host, or of the beats at the tempo that holds.
fn moment(transport: &Transport) -> Moment {
    let long = |beats: f64| beats * 60.0 / transport.tempo;
    let seconds = transport.seconds.or(transport.beats.map(long));
    let behind = transport.looping.zip(transport.beats).map(|((start, _), beats)| long(beats - start));
    Moment {
        playing: transport.playing,
        seconds,
        loop_start: seconds.zip(behind).map(|(seconds, behind)| seconds - behind),
    }
}

/// Waits until all frames of lanes that a call needs have been read; false where that takes longer than `patience`. For
/// offline rendering: the call must be rendered next.
pub fn wait_for_lanes(engine: &mut Engine, call: &Call<'_>, patience: Duration) -> bool {
    let began = Instant::now();
    while !engine.has_lanes(call) {
        if began.elapsed() > patience {
            return false;
        }
        thread::sleep(WAIT_STEP);
    }
    true
}
