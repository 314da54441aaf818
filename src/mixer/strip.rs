//! A strip of the desk: everything that happens to one bus, return or master.
//!
//! Inserts → duck → [meter, tap and sends before the gain] → gain, mute, pan → soft clip → limiter → [meter, tap and
//! sends after it] → way out. Works in place on the bus's block, of any width. Audio thread. Whatever is set moves in
//! 5 ms from its own frame on; a block is cut where a ramp lands, so that all is still or moves throughout. What is at
//! unity, off or silent costs nothing.

mod fader;
mod insert;
mod send;
#[cfg(test)]
mod tests;

use super::Tap;
use super::TapPoint;
use crate::audio::Activity;
use crate::audio::AudioBlock;
use crate::audio::AudioBlockMut;
use crate::audio::AudioStream;
use crate::audio::BLOCK_SIZE;
use crate::audio::ChannelConfig;
use crate::audio::Feed;
use crate::audio::LANES;
use crate::audio::Lanes;
use crate::audio::MAX_CHANNELS;
use crate::audio::Pan;
use crate::audio::RenderContext;
use crate::audio::Side;
use crate::dsp;
use crate::dsp::Ducker;
use crate::dsp::Level;
use crate::dsp::Levels;
use crate::dsp::Limiter;
use crate::dsp::Ramp;
use crate::machine::Machine;
use crate::machine::Tempo;
use crate::rt;
use crate::rt::Meter;
use crate::rt::MeterWriter;
use crate::rt::Reading;
use crate::units::Decibels;
use crate::units::Gain;
use crate::units::SampleRate;
use fader::Fader;
use insert::Inserts;
use send::Send;
use std::ops::Range;

/// Widest bus.
const WIDEST: u16 = 8;

/// One bus, return or master.
pub struct Strip {
    level: Level,
    ramp_frames: u32,
    inserts: Inserts,
    ducker: Ducker,
    fader: Fader,
    /// 0 off … 1 on.
    soft_clip: Ramp,
    limiter: Limiter,
    sends: [Send; 2],
    tap: Option<Box<Tap>>,
    meter: MeterWriter,
    /// Whether some ramp may move.
    moving: bool,
    /// Whether a tap is in place or a send is open.
    serves: bool,
    values: [f32; BLOCK_SIZE],
    /// Where mono stood on both sides in the last block, if its pan moved there.
    places: [[f32; BLOCK_SIZE]; 2],
    placed: Option<usize>,
}

impl Strip {
    /// At unity gain, in the middle, with everything else off; for blocks of any width. Allocates.
    pub fn new(rate: SampleRate, level: Level) -> (Self, Meter) {
        let ramp_frames = Ramp::control_frames(rate);
        let (writer, meter) = rt::meter(rate);
        let strip = Self {
            level,
            ramp_frames,
            inserts: Inserts::new(level, ramp_frames),
            ducker: Ducker::new(rate, ramp_frames),
            fader: Fader::new(ramp_frames),
            soft_clip: Ramp::new(0.0),
            limiter: Limiter::new(rate, ramp_frames),
            sends: [Send::new(ramp_frames), Send::new(ramp_frames)],
            tap: None,
            meter: writer,
            moving: false,
            serves: false,
            values: [0.0; BLOCK_SIZE],
            places: [[0.0; BLOCK_SIZE]; 2],
            placed: None,
        };
        (strip, meter)
    }

    /// Real-time, like all setters: the change begins on the next frame.
    pub fn set_gain(&mut self, gain: Gain) {
        self.fader.set_gain(gain);
        self.moving = true;
    }

    /// Silences the strip, or lets it sound. Sends from before the gain go on.
    pub fn set_muted(&mut self, muted: bool) {
        self.fader.set_muted(muted);
        self.moving = true;
    }

    /// Balance from -1 (left only) to 1 (right only). Mono is placed where it meets something wider; see [`Self::pan`].
    pub fn set_pan(&mut self, pan: f32) {
        self.fader.set_pan(pan);
        self.moving = true;
    }

    /// Switches the soft clip; see [`dsp::soft_clip`].
    pub fn set_soft_clip(&mut self, on: bool) {
        self.soft_clip.move_to(f32::from(u8::from(on)), self.ramp_frames);
        self.moving = true;
    }

    /// Switches the limiter; see [`Limiter`].
    pub fn set_limiter(&mut self, on: bool) {
        self.limiter.switch(on);
        self.moving = true;
    }

    /// What the limiter lets pass; 0 dBFS unless set.
    pub fn set_ceiling(&mut self, ceiling: Gain) {
        self.limiter.set_ceiling(ceiling);
        self.moving = true;
    }

    /// Level of send 0 or 1.
    pub fn set_send(&mut self, send: usize, gain: Gain) {
        if let Some(send) = self.sends.get_mut(send) {
            send.set_gain(gain);
        }
        (self.moving, self.serves) = (true, true);
    }

    /// Takes a send from before the strip's gain and mute, or from after them.
    pub fn set_send_pre(&mut self, send: usize, pre: bool) {
        if let Some(send) = self.sends.get_mut(send) {
            send.set_pre(pre);
        }
        (self.moving, self.serves) = (true, true);
    }

    /// How much the sidechain turns the strip down at most, 0–1; see [`Ducker`].
    pub fn set_duck_amount(&mut self, amount: f32) {
        self.ducker.set_amount(amount);
        self.moving = true;
    }

    /// Level of the sidechain from which on it ducks.
    pub fn set_duck_threshold(&mut self, threshold: Decibels) {
        self.ducker.set_threshold(threshold);
    }

    /// Time constant of ducking, in seconds.
    pub fn set_duck_attack(&mut self, attack_s: f64) {
        self.ducker.set_attack(attack_s);
    }

    /// Time constant of coming back, in seconds.
    pub fn set_duck_release(&mut self, release_s: f64) {
        self.ducker.set_release(release_s);
    }

    /// Another sidechain is heard from the next frame on, or none; see [`Ducker::change_side`].
    pub fn change_side(&mut self) {
        self.ducker.change_side();
    }

    /// Has the meter show that something behind the strip multiplied its sound by no less than `least`.
    pub fn show_reduction(&mut self, least: f32) {
        self.meter.reduce(least);
    }

    /// Puts a tap in place, or takes it away; gives back the one that was there.
    pub fn set_tap(&mut self, tap: Option<Box<Tap>>) -> Option<Box<Tap>> {
        let before = std::mem::replace(&mut self.tap, tap);
        self.look_for_service();
        before
    }

    /// The tap in place.
    pub fn tap_mut(&mut self) -> Option<&mut Tap> {
        self.tap.as_deref_mut()
    }

    /// Puts a machine into an insert slot, set as the slot's macros say. Where something sounds it takes over by and by; gives
    /// back a machine that is heard no longer.
    pub fn set_insert(&mut self, slot: usize, machine: Option<Box<Machine>>) -> Option<Box<Machine>> {
        self.inserts.put(slot, machine)
    }

    /// Whether the machine that was in a slot before is still to be heard out.
    pub fn insert_fades(&self, slot: usize) -> bool {
        self.inserts.fades(slot)
    }

    /// A machine that was replaced and has faded away since.
    pub fn take_left_insert(&mut self) -> Option<Box<Machine>> {
        self.inserts.take_left()
    }

    /// Lets the sound pass an insert slot untouched. What comes back from a bypass that has landed has forgotten all sound.
    pub fn set_bypassed(&mut self, slot: usize, bypassed: bool) {
        self.inserts.set_bypassed(slot, bypassed);
    }

    /// Turns a control of whatever machine is in the slot; `position` is 0–1 of its travel.
    pub fn set_macro(&mut self, slot: usize, control: usize, position: f32) {
        self.inserts.set_macro(slot, control, position);
    }

    /// Sets a control of the machine in a slot that is no macro, in its own unit.
    pub fn set_insert_control(&mut self, slot: usize, control: usize, value: f32) {
        self.inserts.set_control(slot, control, value);
    }

    /// Tells the machines the host's tempo.
    pub fn set_tempo(&mut self, tempo: Tempo) {
        self.inserts.set_tempo(tempo);
    }

    /// Ends every ramp at its target, for a start from nothing.
    pub fn settle(&mut self) {
        self.ramps_mut(Ramp::settle);
        self.inserts.settle();
        self.ducker.settle();
        self.limiter.settle();
        self.moving = false;
        self.look_for_service();
    }

    fn look_for_service(&mut self) {
        let open = |send: &Send| !(send.is_closed(TapPoint::PreGain) && send.is_closed(TapPoint::PostGain));
        self.serves = self.tap.is_some() || self.sends.iter().any(open);
    }

    /// Calls `each` with the ramps that are not those of ducker and limiter.
    fn ramps_mut(&mut self, each: impl FnMut(&mut Ramp)) {
        let Self { fader, soft_clip, sends, .. } = self;
        let sends = sends.iter_mut().flat_map(|send| send.ramps_mut());
        fader.ramps_mut().chain([soft_clip]).chain(sends).for_each(each);
    }

    /// Frames of which every ramp moves in all or in none, `frames` at most, and that lie in one part of the meter's window.
    fn stretch(&self, frames: usize) -> usize {
        let mut stretch = frames.min(self.meter.room());
        if self.moving {
            let sends = self.sends.iter().flat_map(|send| send.ramps());
            let ramps = self.fader.ramps().iter().chain([&self.soft_clip]).chain(sends);
            let own = [self.ducker.moving_frames(), self.limiter.moving_frames()];
            for left in ramps.map(Ramp::left).chain(own).filter(|&left| left > 0) {
                stretch = stretch.min(left);
            }
        }
        stretch
    }

    /// Goes on over `frames` frames, apart from ducker, limiter and meter.
    fn advance(&mut self, frames: usize) {
        if self.moving {
            let mut moving = self.ducker.moving_frames() + self.limiter.moving_frames();
            self.ramps_mut(|ramp| {
                ramp.skip(frames);
                moving += ramp.left();
            });
            self.moving = moving > 0;
            self.look_for_service();
        }
    }

    /// Frames in which nothing arrives here; the sidechain goes on.
    fn rest(&mut self, side: Option<&AudioBlock<'_>>, range: &Range<usize>) {
        self.ducker.follow(self.level, side, range);
        self.limiter.skip(range.len());
        self.meter.skip(range.len());
        self.advance(range.len());
    }

    /// Whether nothing in front of the gain hears the sound, and the gain rests.
    fn begins_with_gain(&self) -> bool {
        let unheard = |send: &Send| send.is_closed(TapPoint::PreGain);
        let served = self.serves && !(self.tap.is_none() && self.sends.iter().all(unheard));
        !self.moving && !served && self.ducker.is_off() && self.inserts.are_empty()
    }

    /// A block that is in `io`, or in `from`, where nothing may be done to it before the gain.
    fn run(
        &mut self,
        ctx: &mut RenderContext<'_>,
        side: Option<&AudioBlock<'_>>,
        from: Option<&AudioBlock<'_>>,
        io: &mut AudioBlockMut<'_>,
    ) -> Activity {
        let frames = io.frames();
        self.sends.iter_mut().for_each(|send| send.begin(frames));
        if io.channels() == 1 {
            self.place(frames);
        }
        let input = self.inserts.render(ctx, side, io);
        self.show_taken();
        let (mut activity, mut start) = (Activity::Silent, 0);
        while start < frames {
            let range = start..start + self.stretch(frames - start);
            start = range.end;
            match input {
                Activity::Silent => self.rest(side, &range),
                Activity::Sounding => {
                    let frame = ctx.frame() + range.start as u64;
                    if self.process(frame, side, (from, io), &range) == Activity::Sounding {
                        activity = Activity::Sounding;
                    }
                }
            }
        }
        activity
    }

    /// All behind the inserts, for frames of one stretch.
    fn process(
        &mut self,
        frame: u64,
        side: Option<&AudioBlock<'_>>,
        (from, io): (Option<&AudioBlock<'_>>, &mut AudioBlockMut<'_>),
        range: &Range<usize>,
    ) -> Activity {
        let mut reading = Reading::SILENT;
        if let Some(gains) = self.ducker.follow(self.level, side, range) {
            reading.least_gain = gains.iter().fold(1.0, |least, &gain| gain.min(least));
            planes(io, range).for_each(|plane| dsp::scale_by(self.level, plane, gains));
        }
        self.offer(TapPoint::PreGain, frame, io, range);
        let squares = self.shapes().then(|| *self.meter.squares_mut());
        let mut left = self.apply_fader((from, io), range, &mut reading);
        if squares.is_some() || !left.finite {
            left = self.shape(io, range, (left, squares.as_ref()), &mut reading);
        } else {
            self.limiter.skip(range.len());
        }
        if left.peak > 1.0 {
            let above = planes(io, range).map(|plane| dsp::count_above(self.level, plane, 1.0));
            reading.clipped = above.sum();
        }
        self.offer(TapPoint::PostGain, frame, io, range);
        self.meter.report(range.len(), &reading);
        let still = |ramp: &Ramp| ramp.settled() && ramp.target() == 0.0;
        let silent = self.fader.ramps().iter().all(still);
        self.advance(range.len());
        if silent { Activity::Silent } else { Activity::Sounding }
    }

    /// Notes where mono stands in the next frames.
    fn place(&mut self, frames: usize) {
        let moves = self.moving && self.fader.places().iter().any(|ramp| !ramp.settled());
        self.placed = moves.then_some(frames.min(BLOCK_SIZE));
        if let Some(frames) = self.placed {
            for (ramp, place) in self.fader.places().iter().zip(&mut self.places) {
                ramp.peek(&mut place[..frames]); // no more than there are
            }
        }
    }

    /// Serves tap and sends of a point.
    fn offer(&mut self, point: TapPoint, frame: u64, io: &AudioBlockMut<'_>, range: &Range<usize>) {
        if !self.serves {
            return;
        }
        if let Some(tap) = self.tap.as_deref_mut().filter(|tap| tap.is_running()) {
            tap.write(point, frame, &io.slice(range.clone()));
        }
        for send in self.sends.iter_mut().filter(|send| !send.is_closed(point)) {
            let placed = (point == TapPoint::PostGain && io.channels() == 1).then(|| self.fader.places());
            send.take((self.level, point), placed, (io, range), &mut self.values);
        }
    }

    /// Gain, mute and pan, measured before and after. Gives what is left.
    fn apply_fader(
        &mut self,
        (from, io): (Option<&AudioBlock<'_>>, &mut AudioBlockMut<'_>),
        range: &Range<usize>,
        reading: &mut Reading,
    ) -> Left {
        let (channels, first) = (io.channels(), self.meter.lane());
        let mut left = Left::NOTHING;
        for (channel, squares) in self.meter.squares_mut().iter_mut().enumerate().take(channels) {
            let plane = io.channel_mut(channel).get_mut(range.clone()).unwrap_or_default();
            let (side, sums) = (Side::of(channel, channels), (squares, first));
            let ramp = self.fader.side(side);
            let levels = match from {
                None => scale_along(self.level, ramp, plane, &mut self.values, sums),
                Some(from) => {
                    let from = from.channel(channel).get(range.clone()).unwrap_or_default();
                    put_along(self.level, ramp, plane, from, sums)
                }
            };
            raise(&mut reading.pre_peaks, side, levels.read);
            raise(&mut reading.post_peaks, side, levels.left);
            left.add(&levels);
        }
        reading.channels = channels;
        left
    }

    /// Whether soft clip or limiter may change anything that is finite; what is not, the limiter always takes out.
    fn shapes(&self) -> bool {
        !(self.limiter.is_off() && self.soft_clip.settled() && self.soft_clip.target() == 0.0)
    }

    /// Soft clip and limiter, where they would change anything; measured anew then, on top of the squares from before. Without
    /// those the squares stay as they are: what was not finite counts as nothing.
    fn shape(
        &mut self,
        io: &mut AudioBlockMut<'_>,
        range: &Range<usize>,
        (mut left, squares): (Left, Option<&[Lanes; MAX_CHANNELS]>),
        reading: &mut Reading,
    ) -> Left {
        let clips = !(self.soft_clip.settled() && self.soft_clip.target() == 0.0);
        if clips && !(left.finite && left.peak <= dsp::KNEE) {
            self.clip(io, range);
            left = self.measure(io, range, squares, reading);
        }
        if left.finite && self.limiter.passes(left.peak) {
            self.limiter.skip(range.len());
        } else {
            let gain = self.limiter.process(self.level, io, range);
            reading.least_gain = reading.least_gain.min(gain);
            left = self.measure(io, range, squares, reading);
        }
        left
    }

    fn clip(&mut self, io: &mut AudioBlockMut<'_>, range: &Range<usize>) {
        if self.soft_clip.settled() {
            planes(io, range).for_each(|plane| dsp::soft_clip(self.level, plane));
        } else {
            let shares = self.values.get_mut(..range.len()).unwrap_or(&mut []);
            self.soft_clip.peek(shares);
            planes(io, range).for_each(|plane| dsp::soft_clip_by(self.level, plane, shares));
        }
    }

    /// What is left after all, in place of what was after the gain.
    fn measure(
        &mut self,
        io: &mut AudioBlockMut<'_>,
        range: &Range<usize>,
        squares: Option<&[Lanes; MAX_CHANNELS]>,
        reading: &mut Reading,
    ) -> Left {
        let (channels, first) = (io.channels(), self.meter.lane());
        let mut uncounted = [[0.0; LANES]; MAX_CHANNELS];
        let sums = match squares {
            Some(before) => {
                *self.meter.squares_mut() = *before;
                self.meter.squares_mut()
            }
            None => &mut uncounted,
        };
        reading.post_peaks = [0.0; 2];
        let mut left = Left::NOTHING;
        for ((channel, plane), squares) in planes(io, range).enumerate().zip(sums) {
            let levels = dsp::measure(self.level, plane, (squares, first));
            raise(&mut reading.post_peaks, Side::of(channel, channels), levels.left);
            left.add(&levels);
        }
        left
    }
}

/// What is left of a stretch after the gain: the loudest sample, and whether all are finite.
#[derive(Clone, Copy)]
struct Left {
    peak: f32,
    finite: bool,
}

impl Left {
    const NOTHING: Self = Self { peak: 0.0, finite: true };

    fn add(&mut self, levels: &Levels) {
        self.peak = self.peak.max(levels.left);
        self.finite &= levels.finite;
    }
}

/// The frames of `range` of every channel.
fn planes<'a>(io: &'a mut AudioBlockMut<'_>, range: &Range<usize>) -> impl Iterator<Item = &'a mut [f32]> {
    io.planes_mut().map(|plane| plane.get_mut(range.clone()).unwrap_or_default())
}

/// Multiplies a plane by a ramp, which moves all the time or not at all, and measures it.
fn scale_along(
    level: Level,
    ramp: &Ramp,
    plane: &mut [f32],
    values: &mut [f32],
    sums: (&mut Lanes, usize),
) -> Levels {
    if !ramp.settled() {
        let values = values.get_mut(..plane.len()).unwrap_or(&mut []);
        ramp.peek(values);
        return dsp::scale_by_measured(level, plane, values, sums);
    }
    match ramp.target() {
        1.0 => dsp::measure(level, plane, sums),
        0.0 => {
            let read = dsp::peak(level, plane);
            plane.fill(0.0); // 0 times infinity is not 0
            Levels { read, left: 0.0, finite: true }
        }
        gain => dsp::scale_measured(level, plane, gain, sums),
    }
}

/// The same from one plane to another, for a ramp that does not move.
fn put_along(
    level: Level,
    ramp: &Ramp,
    plane: &mut [f32],
    from: &[f32],
    sums: (&mut Lanes, usize),
) -> Levels {
    match ramp.target() {
        0.0 => {
            plane.fill(0.0);
            Levels { read: dsp::peak(level, from), left: 0.0, finite: true }
        }
        gain => dsp::put_measured(level, plane, from, gain, sums),
    }
}

fn raise(peaks: &mut [f32; 2], side: Side, peak: f32) {
    for (highest, counts) in peaks.iter_mut().zip(side.counts()) {
        *highest = if counts { highest.max(peak) } else { *highest };
    }
}

impl Strip {
    /// Shows what machines take away: each alone, and that which takes the most.
    fn show_taken(&mut self) {
        let mut most_db = 0.0f32;
        for (slot, taken) in self.inserts.reductions().filter(|(_, taken)| taken.0 > 0.0) {
            self.meter.reduce_stage(slot, taken);
            most_db = most_db.max(taken.0);
        }
        if most_db > 0.0 {
            self.meter.reduce(libm::powf(10.0, -most_db / 20.0));
        }
    }
}

impl AudioStream for Strip {
    fn channel_config(&self) -> ChannelConfig {
        ChannelConfig { inputs: WIDEST, outputs: WIDEST }
    }

    fn render(
        &mut self,
        ctx: &mut RenderContext<'_>,
        side: Option<&AudioBlock<'_>>,
        io: &mut AudioBlockMut<'_>,
    ) -> Activity {
        self.run(ctx, side, None, io)
    }

    fn render_from(
        &mut self,
        ctx: &mut RenderContext<'_>,
        side: Option<&AudioBlock<'_>>,
        from: &AudioBlock<'_>,
        io: &mut AudioBlockMut<'_>,
    ) -> Option<Activity> {
        self.begins_with_gain().then(|| self.run(ctx, side, Some(from), io))
    }

    /// A ducker hears its sidechain while the strip is silent, and a limiter comes back to rest.
    fn asleep(&self) -> bool {
        self.inserts.are_asleep() && self.ducker.is_off() && self.limiter.at_rest()
    }

    fn outlet(&self, number: usize) -> Option<&Feed> {
        self.sends.get(number).map(Send::feed)
    }

    fn pan(&self) -> Pan<'_> {
        let [left, right] = &self.places;
        // `place` has kept to their length.
        self.fader.pan(self.placed.map(|frames| [&left[..frames], &right[..frames]]))
    }

    fn reset(&mut self) {
        self.settle();
        self.placed = None;
        self.ducker.reset();
        self.limiter.reset();
        self.inserts.reset();
        self.meter.reset();
    }

    fn skip(&mut self, frames: usize) {
        self.sends.iter_mut().for_each(|send| send.begin(frames));
        self.inserts.skip(frames);
        self.rest(None, &(0..frames));
    }
}
