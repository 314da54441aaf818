//! Input strips: trim, mute, solo, pan and meters of the host's input channels, and where they go.
//!
//! In: the main input and the sidechain, channel by channel. Out: sources of the graph (the main input as one wide block, the
//! matrix's sums for the buses, single channels for sidechains and for places in space), and sums for the host's outputs, which `Outputs` adds.
//! Audio thread. Gains ramp linearly in amplitude over 5 ms from the frame on which they are set; what nobody hears is
//! neither copied nor summed, and a strip at rest at unity hands on what it got.

use super::BUSES;
use super::INPUT_CHANNEL_SOURCE;
use super::INPUT_CHANNELS;
use super::INPUT_SOURCE;
use super::Layout;
use super::MATRIX_SOURCE;
use super::OUTPUT_CHANNELS;
use super::SIDECHAIN_SOURCE;
use super::Tap;
use super::TapPoint;
use super::matrix::Column;
use super::matrix::Plane;
use super::matrix::Sources;
use super::matrix::mono_pan;
use super::monitor::Monitor;
use crate::audio::AudioBlock;
use crate::audio::AudioBuffer;
use crate::audio::BLOCK_SIZE;
use crate::audio::Feed;
use crate::dsp;
use crate::dsp::Level;
use crate::dsp::Levels;
use crate::dsp::Ramp;
use crate::dsp::smoothstep;
use crate::graph::Plan;
use crate::rt;
use crate::rt::Meter;
use crate::rt::MeterWriter;
use crate::rt::Reading;
use crate::units::Gain;
use crate::units::SampleRate;

/// What a block brings: the same frames of both of the host's inputs.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    /// First frame, counted from reset.
    pub frame: u64,
    /// At most `BLOCK_SIZE`; what an input lacks of them is silence.
    pub frames: usize,
    /// Where the host has one, as wide as the layout says.
    pub main: AudioBlock<'a>,
    /// The sidechain, likewise.
    pub side: AudioBlock<'a>,
}

/// One input channel.
struct InputStrip {
    trim: Ramp,
    /// 1, or 0 where mute or solo silence it.
    heard: Ramp,
    /// 1, or 0 where it goes into space and to no bus.
    to_buses: Ramp,
    muted: bool,
    soloed: bool,
    pan: [f32; 2],
    to_bus: [Gain; BUSES],
    to_monitor: Gain,
    meter: MeterWriter,
    /// After trim, mute and solo, where that is not what came.
    samples: [f32; BLOCK_SIZE],
    /// The same on its way to buses, while it leaves them or comes back.
    leaving: [f32; BLOCK_SIZE],
}

impl InputStrip {
    fn new(rate: SampleRate) -> (Self, Meter) {
        let (writer, meter) = rt::meter(rate);
        let strip = Self {
            trim: Ramp::new(1.0),
            heard: Ramp::new(1.0),
            to_buses: Ramp::new(1.0),
            muted: false,
            soloed: false,
            pan: mono_pan(0.0),
            to_bus: [Gain::SILENCE; BUSES],
            to_monitor: Gain::SILENCE,
            meter: writer,
            samples: [0.0; BLOCK_SIZE],
            leaving: [0.0; BLOCK_SIZE],
        };
        (strip, meter)
    }

    /// The next frames after trim, mute and solo, metered, and what buses hear of them: `None` is silence.
    fn pass<'a>(&'a mut self, level: Level, raw: &'a [f32]) -> [Option<&'a [f32]>; 2] {
        let Self { trim, heard, to_buses, meter, samples, leaving, .. } = self;
        let samples = &mut samples[..raw.len()]; // `take` cuts at BLOCK_SIZE
        let left = if trim.settled() && heard.settled() {
            match trim.target() * heard.target() {
                0.0 => None,
                1.0 => Some(raw),
                gain => {
                    dsp::scaled(level, samples, raw, gain);
                    Some(&*samples)
                }
            }
        } else {
            let (mut gains, mut shares) = ([0.0; BLOCK_SIZE], [0.0; BLOCK_SIZE]);
            let (gains, shares) = (&mut gains[..raw.len()], &mut shares[..raw.len()]);
            trim.fill(gains);
            heard.fill(shares);
            dsp::scale_by(level, gains, shares);
            dsp::scaled_by(level, samples, raw, gains);
            Some(&*samples)
        };
        report(level, meter, raw, left);
        let on_buses = match (to_buses.settled(), to_buses.target()) {
            (true, 1.0) => left,
            (true, _) => None,
            (false, _) => {
                let leaving = &mut leaving[..raw.len()]; // as long as `samples`
                to_buses.fill(leaving);
                leaving.iter_mut().for_each(|share| *share = smoothstep(*share));
                left.map(|left| {
                    dsp::scale_by(level, leaving, left);
                    &*leaving
                })
            }
        };
        [left, on_buses]
    }

    /// Goes to buses, or into space instead.
    fn lead(&mut self, placed: bool, ramp_frames: u32) {
        self.to_buses.move_to(f32::from(u8::from(!placed)), ramp_frames);
    }

    /// Goes on over silence.
    fn skip(&mut self, frames: usize) {
        self.advance(frames);
        self.meter.skip(frames);
    }

    fn advance(&mut self, frames: usize) {
        self.trim.skip(frames);
        self.heard.skip(frames);
        self.to_buses.skip(frames);
    }
}

/// Meters what came and what is left of it, in pieces that end with the parts of the meter's window.
fn report(level: Level, meter: &mut MeterWriter, raw: &[f32], left: Option<&[f32]>) {
    let mut start = 0;
    while start < raw.len() {
        let piece = start..raw.len().min(start + meter.room());
        let came = &raw[piece.clone()]; // within `raw`, and `left` is as long
        let left = left.map(|left| &left[piece.clone()]);
        let same = left.is_some_and(|left| std::ptr::eq(left, came));
        let first = meter.lane();
        let [squares, ..] = meter.squares_mut();
        let after = left.map_or(Levels::default(), |left| dsp::measure(level, left, (squares, first)));
        let before = if same { after.read } else { dsp::peak(level, came) };
        let clips = left.filter(|_| after.left > 1.0);
        meter.report(
            piece.len(),
            &Reading {
                pre_peaks: [before; 2],
                post_peaks: [after.left; 2],
                channels: 1,
                clipped: clips.map_or(0, |left| dsp::count_above(level, left, 1.0)),
                least_gain: 1.0,
            },
        );
        start = piece.end;
    }
}

/// See the module's description. Real-time, apart from `new`.
pub struct Inputs {
    level: Level,
    ramp_frames: u32,
    /// Channels of the main input.
    main: usize,
    /// Strips that the host's buses fill.
    count: usize,
    strips: Vec<InputStrip>,
    taps: [Option<Box<Tap>>; INPUT_CHANNELS],
    /// Left and right of every bus.
    to_buses: Vec<[Column; 2]>,
    to_outputs: Vec<Column>,
    output_sums: Vec<Plane>,
    pub(super) monitor: Monitor,
    /// A sidechain that is shorter than the block, made longer.
    side: AudioBuffer,
}

impl Inputs {
    /// At unity, panned to the middle, going nowhere but into the main input's bus; with a meter for each. Allocates.
    pub fn new(layout: &Layout, rate: SampleRate, level: Level) -> (Self, Vec<Meter>) {
        let ramp_frames = Ramp::control_frames(rate);
        let (strips, meters) = (0..INPUT_CHANNELS).map(|_| InputStrip::new(rate)).unzip();
        let inputs = Self {
            level,
            ramp_frames,
            main: layout.main_input,
            count: layout.input_channels(),
            strips,
            taps: Default::default(),
            to_buses: (0..BUSES).map(|_| [Column::new(), Column::new()]).collect(),
            to_outputs: (0..OUTPUT_CHANNELS).map(|_| Column::new()).collect(),
            output_sums: (0..OUTPUT_CHANNELS).map(|_| Plane::new()).collect(),
            monitor: Monitor::new(layout, ramp_frames, level),
            side: AudioBuffer::new(layout.sidechain, BLOCK_SIZE),
        };
        (inputs, meters)
    }

    /// Every change begins on the next frame, by a ramp.
    pub fn set_trim(&mut self, input: usize, gain: Gain) {
        if let Some(strip) = self.strips.get_mut(input) {
            strip.trim.move_to(gain.0, self.ramp_frames);
        }
    }

    /// Silences an input, or lets it sound.
    pub fn set_muted(&mut self, input: usize, muted: bool) {
        if let Some(strip) = self.strips.get_mut(input) {
            strip.muted = muted;
        }
        self.aim_heard();
    }

    /// Silences all inputs that are not soloed, as long as one is.
    pub fn set_soloed(&mut self, input: usize, soloed: bool) {
        if let Some(strip) = self.strips.get_mut(input) {
            strip.soloed = soloed;
        }
        self.aim_heard();
    }

    /// Where the input lies in buses and monitor mix, from -1 (left) to 1 (right).
    pub fn set_pan(&mut self, input: usize, pan: f32) {
        if let Some(strip) = self.strips.get_mut(input) {
            strip.pan = mono_pan(pan);
            (0..BUSES).for_each(|bus| self.aim_bus(input, bus));
            self.aim_monitor(input);
        }
    }

    /// Gain into a bus.
    pub fn set_to_bus(&mut self, input: usize, bus: usize, gain: Gain) {
        let strip = self.strips.get_mut(input);
        if let Some(cell) = strip.and_then(|strip| strip.to_bus.get_mut(bus)) {
            *cell = gain;
            self.aim_bus(input, bus);
        }
    }

    /// Gain into a channel of the host's outputs.
    pub fn set_to_output(&mut self, input: usize, output: usize, gain: Gain) {
        if let Some(column) = self.to_outputs.get_mut(output) {
            column.aim(input, gain.0, self.ramp_frames);
        }
    }

    /// Gain in the monitor mix.
    pub fn set_monitor(&mut self, input: usize, gain: Gain) {
        if let Some(strip) = self.strips.get_mut(input) {
            strip.to_monitor = gain;
            self.aim_monitor(input);
        }
    }

    /// Gain of the monitor mix and of the input that is listened to.
    pub fn set_monitor_gain(&mut self, gain: Gain) {
        self.monitor.set_gain(gain);
    }

    /// The host's output that gets the monitor mix and the input that is listened to.
    pub fn set_monitor_output(&mut self, output: usize) {
        self.monitor.set_output(output);
    }

    /// Puts one input, after its trim and whatever its mute and solo say, in the place of all that goes to the monitor's output.
    pub fn set_listen(&mut self, input: Option<usize>) {
        self.monitor.set_listen(input);
    }

    fn aim_heard(&mut self) {
        let solo = self.strips[..self.count].iter().any(|strip| strip.soloed); // `count` is at most all of them
        for strip in &mut self.strips {
            let heard = !strip.muted && (strip.soloed || !solo);
            strip.heard.move_to(f32::from(u8::from(heard)), self.ramp_frames);
        }
    }

    fn aim_bus(&mut self, input: usize, bus: usize) {
        let (Some(strip), Some(columns)) = (self.strips.get(input), self.to_buses.get_mut(bus)) else {
            return;
        };
        for (column, side) in columns.iter_mut().zip(strip.pan) {
            column.aim(input, strip.to_bus[bus].0 * side, self.ramp_frames); // as many as there are columns
        }
    }

    fn aim_monitor(&mut self, input: usize) {
        if let Some(strip) = self.strips.get(input) {
            self.monitor.aim(input, strip.pan.map(|side| side * strip.to_monitor.0));
        }
    }

    /// Records an input, mono, or no more; gives back the tap that was there.
    pub fn set_tap(&mut self, input: usize, tap: Option<Box<Tap>>) -> Option<Box<Tap>> {
        match self.taps.get_mut(input) {
            Some(place) => std::mem::replace(place, tap),
            None => tap,
        }
    }

    /// The taps that are there.
    pub fn taps_mut(&mut self) -> impl Iterator<Item = &mut Tap> {
        self.taps.iter_mut().flatten().map(|tap| &mut **tap)
    }

    /// Ends every ramp at its target, for a start from nothing.
    pub fn settle(&mut self) {
        self.strips.iter_mut().for_each(|strip| strip.advance(usize::MAX));
        self.to_buses.as_flattened_mut().iter_mut().chain(&mut self.to_outputs).for_each(Column::settle);
        self.monitor.settle();
    }

    /// Forgets what the meters have measured; ramps go on.
    pub fn reset(&mut self) {
        self.strips.iter_mut().for_each(|strip| strip.meter.reset());
    }

    /// Takes the next frames, and fills those of the sources in `feeds` that `plan` reads and an input sounds in.
    pub fn take(&mut self, arrival: &Arrival<'_>, plan: Option<&Plan>, feeds: &mut [Feed]) {
        let Self { level, strips, taps, monitor, side, ramp_frames, .. } = self;
        let (level, frames) = (*level, arrival.frames.min(BLOCK_SIZE));
        let whole = padded(&arrival.side, side, frames);
        let mut sources: Sources<'_> = [None; INPUT_CHANNELS];
        let mut to_buses: Sources<'_> = [None; INPUT_CHANNELS];
        let missing: &[f32] = &[];
        let main = arrival.main.planes().chain([missing; INPUT_CHANNELS]).take(self.main);
        let raw = main.chain(whole.planes());
        monitor.begin();
        let [.., placed] = plan.map_or([0; 3], Plan::marked);
        let mut strips = strips.iter_mut().take(self.count);
        for (((input, source), on_buses), raw) in sources.iter_mut().enumerate().zip(&mut to_buses).zip(raw) {
            let Some(strip) = strips.next() else { break };
            strip.lead(placed >> input & 1 == 1, if arrival.frame == 0 { 0 } else { *ramp_frames });
            let raw = raw.get(..frames).filter(|raw| !dsp::is_silent(level, raw));
            match raw {
                Some(raw) => {
                    monitor.listen(input, &strip.trim, raw);
                    [*source, *on_buses] = strip.pass(level, raw);
                    if let Some(tap) = &mut taps[input] {
                        // As many as there are inputs.
                        tap.write(TapPoint::PreGain, arrival.frame, &AudioBlock::new(&[raw]));
                        if let Some(samples) = source {
                            tap.write(TapPoint::PostGain, arrival.frame, &AudioBlock::new(&[*samples]));
                        }
                    }
                }
                None => strip.skip(frames),
            }
        }
        let reads = |source| plan.is_some_and(|plan| plan.reads_source(source));
        fill_main(
            &to_buses[..self.main.min(INPUT_CHANNELS)],
            reads(INPUT_SOURCE),
            feeds.get_mut(INPUT_SOURCE),
        );
        for (feed, source) in feeds.iter_mut().skip(INPUT_CHANNEL_SOURCE).zip(0..self.count) {
            if reads(INPUT_CHANNEL_SOURCE + source)
                && let Some(samples) = sources[source]
            {
                feed.copy(&AudioBlock::new(&[samples]));
            }
        }
        if reads(SIDECHAIN_SOURCE)
            && let Some(feed) = feeds.get_mut(SIDECHAIN_SOURCE)
            && whole.frames() == frames
        {
            feed.copy(&whole);
        }
        for ((bus, columns), feed) in
            self.to_buses.iter_mut().enumerate().zip(feeds.iter_mut().skip(MATRIX_SOURCE))
        {
            let heard = reads(MATRIX_SOURCE + bus) && columns.iter().any(|column| column.hears(&to_buses));
            if heard {
                let (left, right) = feed.open(0..frames);
                columns[0].add(level, &to_buses, left);
                columns[1].add(level, &to_buses, right);
            } else {
                columns.iter_mut().for_each(|column| column.skip(frames));
            }
        }
        for (sum, column) in self.output_sums.iter_mut().zip(&mut self.to_outputs) {
            sum.take(level, column, &sources, frames);
        }
        monitor.take(&sources, frames);
    }

    /// What the matrix has for a channel of the host's outputs, if anything.
    pub(super) fn output_sum(&self, output: usize, frames: usize) -> Option<&[f32]> {
        self.output_sums.get(output).and_then(|sum| sum.heard(frames))
    }
}

/// The main input as one wide block, if anybody hears it and any channel sounds.
fn fill_main(sources: &[Option<&[f32]>], read: bool, feed: Option<&mut Feed>) {
    if let Some(feed) = feed.filter(|_| read && sources.iter().any(Option::is_some)) {
        for (to, from) in feed.fill().planes_mut().zip(sources) {
            match from {
                Some(from) => to.copy_from_slice(from),
                None => to.fill(0.0),
            }
        }
    }
}

/// The sidechain, made as long as the block with silence where it is shorter; without any frames it stays empty.
fn padded<'a>(side: &AudioBlock<'a>, memory: &'a mut AudioBuffer, frames: usize) -> AudioBlock<'a> {
    if side.frames() >= frames || side.frames() == 0 {
        return side.slice(0..frames);
    }
    for (channel, plane) in side.planes().enumerate() {
        let to = memory.channel_mut(channel);
        let (head, tail) = to.split_at_mut(plane.len().min(to.len()));
        head.copy_from_slice(&plane[..head.len()]);
        tail.fill(0.0);
    }
    memory.block(frames)
}
