//! A rack rendered without a host: the offline driver behind the command line.
//!
//! In: a rack, what to render of it and, for an effect, what arrives. Out: one planar block after the other, with the bits that a
//! host would get; if wanted, recordings and the loudness of the main output. The song runs on its own tempo (Free). Allocates
//! and may take as long as it likes, since it waits for disks.

use super::Rack;
use super::RackError;
use super::stems::StemGroup;
use super::tail::Set;
use super::tail::tail_seconds;
use crate::audio::AudioBlockMut;
use crate::audio::AudioBuffer;
use crate::dsp::Level;
use crate::engine;
use crate::engine::ArmError;
use crate::engine::Call;
use crate::engine::Control;
use crate::engine::Engine;
use crate::engine::EngineConfig;
use crate::engine::INPUTS;
use crate::engine::ParameterSpec;
use crate::engine::ParameterValues;
use crate::engine::Recorder;
use crate::engine::RecorderStatus;
use crate::engine::Target;
use crate::engine::Transport;
use crate::engine::Worker;
use crate::lane::LaneSetup;
use crate::lane::Material;
use crate::lane::Start;
use crate::mixer::BUSES;
use crate::mixer::Layout;
use crate::mixer::Loudness;
use crate::mixer::Route;
use crate::mixer::Routing;
use crate::recorder;
use crate::tracker::Song;
use crate::tracker::Timeline;
use crate::units::SampleRate;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use std::time::Instant;
use thiserror::Error;

/// Longest rendering: a day.
const MAX_SECONDS: f64 = 86_400.0;
/// How often a wait for disks looks again.
const WAIT_STEP: Duration = Duration::from_millis(1);
/// How long files of lanes are waited for.
const PATIENCE: Duration = Duration::from_secs(10);
/// Frames that lanes keep ready, at most, whatever their speed.
const LANE_FRAMES: usize = 8_192;
/// Outputs of the instrument.
const INSTRUMENT_OUTPUTS: usize = 16;
/// Outputs of the effect after the main one.
const INSERT_OUTPUTS: usize = 6;

/// How much to render.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Length {
    /// So long, whatever the song does.
    Seconds(f64),
    /// The song with its loop played so often; without a song, until the last lane on the timeline has ended.
    Loops(u32),
    /// As long as what arrives, and then until the machines that it reaches have died away.
    Input(u64),
}

/// What to render of a rack.
#[derive(Clone, Debug)]
pub struct RenderOptions {
    /// Frames per second.
    pub rate: SampleRate,
    /// How much.
    pub length: Length,
    /// Seconds after `length`, in place of the machines' own.
    pub tail: Option<f64>,
    /// Frames of a call; no influence on what comes out. At least 1.
    pub block_size: usize,
    /// Channels of the main input: with any, the rack is an effect (Busker Insert), else an instrument.
    pub main_input: usize,
    /// Channels of the sidechain.
    pub sidechain: usize,
    /// Plain values that stand above the rack's.
    pub parameters: Vec<(Target, f32)>,
}

impl Default for RenderOptions {
    fn default() -> Self {
        Self {
            rate: SampleRate(48_000.0),
            length: Length::Loops(1),
            tail: None,
            block_size: 512,
            main_input: 0,
            sidechain: 0,
            parameters: Vec::new(),
        }
    }
}

impl RenderOptions {
    /// The plugin's buses: those of Busker Insert where there is a main input, else those of Busker.
    pub fn layout(&self) -> Layout {
        let Self { main_input, sidechain, .. } = *self;
        let outputs = match main_input {
            0 => vec![2; INSTRUMENT_OUTPUTS],
            wide => [vec![wide], vec![2; INSERT_OUTPUTS]].concat(),
        };
        Layout { main_input, sidechain, outputs }
    }
}

/// Why a rack cannot be rendered.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RenderError {
    /// The rack itself is at fault.
    #[error(transparent)]
    Rack(#[from] RackError),
    /// Without a song and lanes that end, the length must be given.
    #[error("the rack holds neither a song nor a lane that ends: say how many seconds to render")]
    NoSong,
    /// A disk that is too slow, or hangs.
    #[error("the files of its lanes could not be opened within {} seconds", PATIENCE.as_secs())]
    SlowLanes,
    /// More than a day.
    #[error("{0:.0} seconds are more than a day")]
    TooLong(f64),
}

/// Some outputs of the desk, rendered block by block.
pub struct Rendering {
    engine: Engine,
    /// Holds what the engine plays, and measures.
    worker: Worker,
    control: Arc<Control>,
    recorder: Option<Recorder>,
    /// Whether loudness is wanted.
    measured: bool,
    outputs: Vec<AudioBuffer>,
    sidechain: AudioBuffer,
    main_input: usize,
    /// Whether the inputs of the next block have been asked for.
    filled: bool,
    block_size: usize,
    /// Whether any lane plays.
    has_lanes: bool,
    /// Whether the last wait for lanes was in vain.
    starved: bool,
    /// Frames of the next block, at most.
    cut: usize,
    /// Frames that the desk is late by, and that are rendered before the first that counts.
    latency: u64,
    frames: u64,
    done: u64,
}

/// What arrives in the next block: silence until it is filled.
pub struct Arriving<'a> {
    /// As wide as the main input.
    pub main: AudioBlockMut<'a>,
    /// As wide as the sidechain.
    pub sidechain: AudioBlockMut<'a>,
}

impl Rendering {
    /// The mix alone: one block, the main output.
    pub fn mix(rack: &Rack, options: &RenderOptions) -> Result<Self, RenderError> {
        Self::new(rack, options, options.layout(), 1)
    }

    /// The main output and those after it, `outputs` in all; the plugin's own number at most.
    pub fn desk(rack: &Rack, options: &RenderOptions, outputs: usize) -> Result<Self, RenderError> {
        Self::new(rack, options, options.layout(), outputs)
    }

    /// A group of stems: the main output, which is to be ignored, and one more for each stem.
    pub fn stems(rack: &Rack, options: &RenderOptions, group: &StemGroup) -> Result<Self, RenderError> {
        let inserts = if group.dry { Vec::new() } else { rack.inserts.clone() };
        let rack = Rack { routing: group.routing.clone(), inserts, ..rack.clone() };
        let mut options = options.clone();
        options.parameters.extend(group.parameters());
        let mut layout = options.layout();
        layout.outputs.truncate(1);
        layout.outputs.extend(&group.widths);
        let outputs = layout.outputs.len();
        Self::new(&rack, &options, layout, outputs)
    }

    fn new(
        rack: &Rack,
        options: &RenderOptions,
        mut layout: Layout,
        outputs: usize,
    ) -> Result<Self, RenderError> {
        let table: Arc<[ParameterSpec]> = engine::table().into();
        let values = values(rack, options, &table);
        let outputs = outputs.clamp(1, BUSES);
        layout.outputs.resize(layout.outputs.len().max(outputs), 2);
        let rack = &Rack { routing: rack.routing.fitted(&layout), ..rack.clone() };
        let mut setup = rack.setup(&layout)?;
        leave_out(&mut setup.routing, outputs);
        layout.outputs.truncate(outputs);
        let tail = tail(rack, options, &Set { table: &table, values: &values });
        let lanes = || lanes_frames(&setup.lanes, options.rate, &Set { table: &table, values: &values });
        let frames = frames_of((setup.song.as_ref(), &lanes), options, tail)?;
        let has_lanes = setup.lanes.iter().any(|lane| lane.takes.iter().any(Option::is_some));
        let most = if has_lanes { LANE_FRAMES } else { usize::MAX };
        let block_size = options.block_size.clamp(1, most);
        let outputs = layout.outputs.iter().map(|&channels| AudioBuffer::new(channels, block_size)).collect();
        let (main_input, sidechain) = (layout.main_input, AudioBuffer::new(layout.sidechain, block_size));
        let config = EngineConfig {
            rate: options.rate,
            layout,
            table,
            values,
            level: Level::from_environment(),
            look_ahead: rack.master.look_ahead,
        };
        let (control, engine, mut worker) = engine::new(config);
        worker.apply(&setup).map_err(RackError::from)?;
        open_lanes(&mut worker)?;
        Ok(Self {
            latency: engine.latency() as u64,
            engine,
            worker,
            control: Arc::new(control),
            recorder: None,
            measured: false,
            outputs,
            sidechain,
            main_input,
            filled: false,
            block_size,
            has_lanes,
            starved: false,
            cut: block_size,
            frames,
            done: 0,
        })
    }

    /// Frames of the whole rendering.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// Frames that the desk was late by; they do not come out.
    pub fn latency(&self) -> u64 {
        self.latency
    }

    /// Channels of an output; 0 past the last.
    pub fn channels(&self, output: usize) -> usize {
        self.outputs.get(output).map_or(0, AudioBuffer::channels)
    }

    /// Outputs that are rendered.
    pub fn outputs(&self) -> usize {
        self.outputs.len()
    }

    /// What of lanes could not be read up to now, and which were not read in time, in words.
    pub fn lane_troubles(&mut self) -> Vec<String> {
        self.worker.poll();
        let troubles = self.worker.lane_troubles();
        let troubles = troubles.map(|(lane, trouble)| format!("lane {}: {trouble}", lane + 1));
        let readings = self.control.lanes();
        let late = readings.iter().zip(1..).filter(|(reading, _)| reading.underruns > 0);
        let late = late.map(|(reading, lane)| {
            format!("lane {lane}: its files were not read in time, {} times", reading.underruns)
        });
        troubles.chain(late).collect()
    }

    /// Has the loudness of the main output measured; to be called before the first block.
    pub fn measure(&mut self) {
        self.measured = true;
    }

    /// Loudness of the main output up to now, where it is measured.
    pub fn loudness(&mut self) -> Loudness {
        self.worker.poll();
        self.control.loudness().get()
    }

    /// Records what the rack's recorder arms, into its folder as seen from `default_folder`; to be called before the first
    /// block. What is recorded begins with the first frame and is as long as the rendering, whatever its latency.
    pub fn record(&mut self, rack: &Rack, default_folder: &Path) -> Result<(), ArmError> {
        self.render_nothing(); // takes the setup out of the queue
        let mut recorder = Recorder::new(Arc::clone(&self.control));
        let errors = recorder.arm_all(&rack.recorder.settings, &rack.routing, default_folder);
        if let Some(error) = errors.into_iter().next() {
            return Err(error);
        }
        recorder.start()?;
        self.recorder = Some(recorder);
        Ok(())
    }

    /// What became of the recordings, which end here at the latest; waits until their files are complete, or no disk has
    /// taken anything for [`recorder::PATIENCE`].
    pub fn recorded(&mut self) -> RecorderStatus {
        self.stop_recording();
        let Some(recorder) = &self.recorder else { return RecorderStatus::default() };
        let (mut status, mut moved) = (recorder.status(), Instant::now());
        while status.recordings.iter().any(|(_, recording)| !recording.has_ended()) {
            if moved.elapsed() > recorder::PATIENCE {
                status.recordings.iter_mut().for_each(|(_, recording)| recording.give_up());
                break;
            }
            recorder.hurry();
            thread::sleep(WAIT_STEP);
            let now = recorder.status();
            if now != status {
                (status, moved) = (now, Instant::now());
            }
        }
        status
    }

    fn stop_recording(&mut self) {
        let running = self.recorder.as_mut().filter(|recorder| recorder.is_running());
        if running.is_some_and(|recorder| recorder.stop().is_ok()) {
            self.render_nothing();
        }
    }

    /// A call without frames, in which the engine does what it was told.
    fn render_nothing(&mut self) {
        let mut blocks: Vec<_> = self.outputs.iter_mut().map(|output| output.block_mut(0)).collect();
        self.engine.render(&Call { frames: 0, transport: None, events: &[] }, None, &mut blocks);
        self.worker.poll();
    }

    /// Waits until whoever measures and records has room for the next call. Measuring pays by its turns: it gets few.
    fn make_room(&mut self, frames: usize) {
        if !self.measured && self.recorder.is_none() {
            return;
        }
        while !self.engine.has_room(frames) {
            self.worker.poll();
            if let Some(recorder) = &self.recorder {
                recorder.hurry();
                thread::sleep(WAIT_STEP);
            }
        }
    }

    /// What is to arrive in the next block, to be filled before [`Rendering::next_block`]; `None` at the end.
    pub fn arriving(&mut self) -> Option<Arriving<'_>> {
        let frames = self.next_frames();
        if frames == 0 {
            return None;
        }
        self.filled = true;
        // The main input is as wide as the output in which it arrives.
        let main = self.outputs.first_mut().filter(|_| self.main_input > 0);
        let mut main = main.map_or_else(|| AudioBlockMut::new([]), |main| main.block_mut(frames));
        let mut sidechain = self.sidechain.block_mut(frames);
        main.silence();
        sidechain.silence();
        Some(Arriving { main, sidechain })
    }

    fn next_frames(&self) -> usize {
        let recording = self.recorder.is_some() && self.done < self.frames;
        let end = if recording { self.frames } else { self.latency + self.frames };
        usize::try_from(end - self.done).map_or(self.cut, |left| left.min(self.cut))
    }

    /// Makes the next block one of `frames` frames: at least 1, and at most the block size. To be called before
    /// [`Rendering::arriving`]; what comes out does not depend on it.
    pub fn cut_next(&mut self, frames: usize) {
        self.cut = frames.clamp(1, self.block_size);
    }

    /// The next block: which frames of the outputs count, and the outputs; `None` at the end.
    pub fn next_block(&mut self) -> Option<(Range<usize>, &[AudioBuffer])> {
        if !self.filled {
            self.arriving();
        }
        let frames = self.next_frames();
        if frames == 0 {
            return None;
        }
        self.make_room(frames);
        let transport = Transport { playing: true, ..Transport::default() };
        let call = Call { frames, transport: (self.done == 0).then_some(transport), events: &[] };
        if self.has_lanes {
            // One disk that hangs is not waited for again and again.
            let patience = if self.starved { Duration::ZERO } else { PATIENCE };
            self.starved = !engine::wait_for_lanes(&mut self.engine, &call, patience);
        }
        let mut blocks: Vec<_> = self.outputs.iter_mut().map(|output| output.block_mut(frames)).collect();
        let side = (self.sidechain.channels() > 0).then(|| self.sidechain.block(frames));
        self.engine.render(&call, side.as_ref(), &mut blocks);
        let late = self.latency.saturating_sub(self.done);
        let late = usize::try_from(late).map_or(frames, |late| late.min(frames));
        self.done += frames as u64;
        (self.filled, self.cut) = (false, self.block_size);
        if self.done == self.frames {
            self.stop_recording();
        }
        Some((late..frames, &self.outputs))
    }
}

/// Waits until all lanes are there.
fn open_lanes(worker: &mut Worker) -> Result<(), RenderError> {
    let began = Instant::now();
    while worker.is_opening() {
        if began.elapsed() > PATIENCE {
            return Err(RenderError::SlowLanes);
        }
        thread::sleep(WAIT_STEP);
        worker.poll();
    }
    Ok(())
}

/// Leaves out what goes to outputs that the plugin has and that are not rendered.
fn leave_out(routing: &mut Routing, rendered: usize) {
    for bus in &mut routing.buses {
        bus.to.retain(|way| !matches!(way.to, Route::Output(output) if output >= rendered));
    }
}

/// What the parameters are set to while `rack` is rendered.
pub(super) fn values(rack: &Rack, options: &RenderOptions, table: &[ParameterSpec]) -> Arc<ParameterValues> {
    let values = Arc::new(ParameterValues::new(table));
    rack.apply_parameters(table, &values);
    // Hosts keep values as 0–1, which rounds: an offline rendering is to have the bits of the rack in a host.
    for (index, spec) in table.iter().enumerate() {
        values.set(index, spec.kind.plain(spec.kind.normalise(values.get(index))));
    }
    // The song runs by itself, at its own tempo.
    let own = [(Target::Sync, "Free"), (Target::SongPlay, "On"), (Target::EndBehaviour, "Loop")];
    let spec = |target| table.iter().enumerate().find(|(_, spec)| spec.target == target);
    for (index, value) in own.iter().filter_map(|&(target, text)| {
        let (index, spec) = spec(target)?;
        Some((index, spec.kind.parse(text)?))
    }) {
        values.set(index, value);
    }
    for &(target, value) in &options.parameters {
        if let Some((index, _)) = spec(target) {
            values.set(index, value);
        }
    }
    values
}

/// Buses that what arrives comes in on.
pub(super) fn input_buses(routing: &Routing, options: &RenderOptions, set: &Set<'_>) -> Vec<usize> {
    let inputs = (options.main_input + options.sidechain).min(INPUTS);
    let cells = (0..inputs).flat_map(|input| (0..BUSES).map(move |bus| (input, bus)));
    let cells = cells.filter(|&(input, bus)| set.is_open(Target::InputToBus { input, bus }));
    let main = routing.input.filter(|_| options.main_input > 0);
    main.into_iter().chain(cells.map(|(_, bus)| bus)).collect()
}

fn tail(rack: &Rack, options: &RenderOptions, set: &Set<'_>) -> f64 {
    match (options.tail, options.length) {
        (Some(seconds), _) => seconds.max(0.0),
        (None, Length::Seconds(_) | Length::Loops(_)) => 0.0,
        (None, Length::Input(_)) => {
            tail_seconds(rack, set, &input_buses(&rack.routing, options, set), options.rate)
        }
    }
}

/// Frames until the last lane on the timeline has ended, leaving out those that go round.
fn lanes_frames(lanes: &[LaneSetup], rate: SampleRate, set: &Set<'_>) -> Option<f64> {
    let end = |(lane, setup): (usize, &LaneSetup)| {
        let Start::Timeline(start) = setup.start else { return None };
        let frames = Material::open(setup, (lane, rate), |_| {}).ok()?.frames()?;
        let speed = f64::from(set.of(Target::LaneSpeed(lane)));
        Some(start * rate.0 + frames as f64 / speed).filter(|_| frames > 0)
    };
    lanes.iter().enumerate().filter_map(end).max_by(f64::total_cmp)
}

/// `lanes` tells how many frames they have, if they end.
fn frames_of(
    (song, lanes): (Option<&Arc<Song>>, &dyn Fn() -> Option<f64>),
    options: &RenderOptions,
    tail: f64,
) -> Result<u64, RenderError> {
    let rate = options.rate.0;
    let rounded = |seconds: f64| libm::round(seconds * rate);
    let frames = match (options.length, song) {
        (Length::Input(frames), _) => frames as f64,
        (Length::Seconds(seconds), _) => rounded(seconds.max(0.0)),
        (Length::Loops(loops), Some(song)) => rounded(song_seconds(&Timeline::of(song), loops)),
        (Length::Loops(_), None) => libm::ceil(lanes().ok_or(RenderError::NoSong)?.max(0.0)),
    };
    let frames = frames + libm::ceil(tail * rate);
    if frames > MAX_SECONDS * rate {
        return Err(RenderError::TooLong(frames / rate));
    }
    Ok(frames as u64)
}

/// Intro and `loops` times the loop.
fn song_seconds(timeline: &Timeline, loops: u32) -> f64 {
    let ticks = timeline.loop_start()..timeline.ticks().len();
    let once: f64 = ticks.map(|tick| timeline.tick_seconds(tick)).sum();
    timeline.seconds() + f64::from(loops.max(1) - 1) * once
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rack::stems::channel_stems;

    fn options(length: Length, block_size: usize) -> RenderOptions {
        RenderOptions { length, block_size, ..RenderOptions::default() }
    }

    fn planes(mut rendering: Rendering, output: usize) -> [Vec<f32>; 2] {
        let mut planes = [Vec::new(), Vec::new()];
        while let Some((frames, outputs)) = rendering.next_block() {
            for (channel, plane) in planes.iter_mut().enumerate() {
                plane.extend_from_slice(&outputs[output].channel(channel)[frames.clone()]);
            }
        }
        planes
    }

    #[test]
    fn the_demo_song_renders_to_the_same_bits_in_blocks_of_any_size() {
        let rack = Rack::demo();
        let whole = planes(Rendering::mix(&rack, &options(Length::Seconds(10.0), 4096)).unwrap(), 0);
        assert_eq!(whole[0].len(), 480_000);
        let peak = whole[0].iter().fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
        assert!((0.05..0.9).contains(&peak), "peak {peak}");
        for size in [1, 441, 10_000] {
            let cut = planes(Rendering::mix(&rack, &options(Length::Seconds(10.0), size)).unwrap(), 0);
            assert!(whole == cut, "blocks of {size}");
        }
    }

    #[test]
    fn another_loop_adds_the_loop_without_the_introduction() {
        let rack = Rack::demo();
        let frames = |loops| Rendering::mix(&rack, &options(Length::Loops(loops), 256)).unwrap().frames();
        // 64 s, of which the introduction is 8.
        assert_eq!((frames(1), frames(3)), (64 * 48000, (64 + 2 * 56) * 48000));
    }

    #[test]
    fn stems_of_the_channels_sum_to_the_mix() {
        let rack = Rack::demo();
        let options = options(Length::Seconds(12.0), 1024);
        let mix = planes(Rendering::mix(&rack, &options).unwrap(), 0);
        let mut sum = mix.clone().map(|plane| vec![0.0_f64; plane.len()]);
        let groups = channel_stems(&rack).unwrap();
        let names: Vec<&str> = groups.iter().flat_map(|group| &group.names).map(String::as_str).collect();
        assert_eq!((names.len(), names[0], names[13]), (14, "channel 01", "channel 14"));
        for group in &groups {
            for output in 1..=group.names.len() {
                let stem = planes(Rendering::stems(&rack, &options, group).unwrap(), output);
                for (sum, stem) in sum.iter_mut().zip(&stem) {
                    sum.iter_mut().zip(stem).for_each(|(sum, &sample)| *sum += f64::from(sample));
                }
            }
        }
        let pairs = sum.iter().flatten().zip(mix.iter().flatten());
        let most = pairs.map(|(sum, &mix)| (sum - f64::from(mix)).abs()).fold(0.0, f64::max);
        let peak = mix.iter().flatten().fold(0.0_f64, |peak, &sample| peak.max(f64::from(sample).abs()));
        assert!(peak > 0.05 && most < 1e-6 * peak, "they differ by {most} of {peak}");
    }

    /// Every channel of an output, of which the inputs get their own constants.
    fn with_inputs(mut rendering: Rendering, output: usize) -> Vec<Vec<f32>> {
        let mut planes = vec![Vec::new(); rendering.channels(output)];
        while let Some(mut arriving) = rendering.arriving() {
            for (channel, plane) in arriving.main.planes_mut().enumerate() {
                plane.fill(0.1 * (channel + 1) as f32);
            }
            let Some((frames, outputs)) = rendering.next_block() else { break };
            for (channel, plane) in planes.iter_mut().enumerate() {
                plane.extend_from_slice(&outputs[output].channel(channel)[frames.clone()]);
            }
        }
        planes
    }

    #[test]
    fn stems_of_wide_buses_keep_their_width_and_sum_to_the_mix() {
        let mut rack = Rack::default();
        // Bus 3 is mono, and as loud on its stem as in the mix.
        rack.routing.buses[2].channels = Some(1);
        rack.parameters.insert("i2b03", -6.0);
        let options = RenderOptions { main_input: 6, ..options(Length::Seconds(0.1), 256) };
        let mix = with_inputs(Rendering::mix(&rack, &options).unwrap(), 0);
        let groups = crate::rack::bus_stems(&rack, &options);
        let names: Vec<_> = groups.iter().flat_map(|group| &group.names).collect();
        assert_eq!(names, ["bus 01", "bus 03"]);
        let stem = |output| with_inputs(Rendering::stems(&rack, &options, &groups[0]).unwrap(), output);
        let (wide, mono) = (stem(1), stem(2));
        assert_eq!((wide.len(), mono.len(), mix.len()), (6, 6, 6));
        for (channel, mix) in mix.iter().enumerate() {
            let sum = wide[channel][1000] + mono[channel][1000];
            assert!((sum - mix[1000]).abs() < 1e-6, "channel {channel}");
            assert!(wide[channel][1000] > 0.09 && (channel > 1 || mono[channel][1000] > 0.05));
        }
    }

    #[test]
    fn a_rack_without_a_song_needs_a_length() {
        let error = Rendering::mix(&Rack::default(), &options(Length::Loops(1), 256)).err().unwrap();
        assert!(matches!(error, RenderError::NoSong));
        assert_eq!(
            Rendering::mix(&Rack::default(), &options(Length::Seconds(0.5), 256)).unwrap().frames(),
            24000
        );
    }
}
