//! A rack rendered without a host: the offline driver behind the command line.
//!
//! In: a rack and what to render of it. Out: one planar block after the other, of the mix or of stems, with the bits that a
//! host would get. The song runs on its own tempo (Free). Allocates and may take as long as it likes; no files are written.

use super::Rack;
use super::RackError;
use crate::audio::AudioBuffer;
use crate::dsp::Level;
use crate::engine;
use crate::engine::Call;
use crate::engine::Engine;
use crate::engine::EngineConfig;
use crate::engine::ParameterSpec;
use crate::engine::ParameterValues;
use crate::engine::Target;
use crate::engine::Transport;
use crate::engine::Worker;
use crate::mixer::BUSES;
use crate::mixer::Bus;
use crate::mixer::Layout;
use crate::mixer::Route;
use crate::mixer::Routing;
use crate::mixer::SONG_CHANNELS;
use crate::tracker::Song;
use crate::tracker::Timeline;
use crate::units::SampleRate;
use std::sync::Arc;
use thiserror::Error;

/// Stereo outputs besides the main one.
const STEM_OUTPUTS: usize = BUSES - 1;
/// Index of the sync choice that runs on the module's own tempo.
const SYNC_FREE: f32 = 3.0;
/// Longest rendering: a day.
const MAX_SECONDS: f64 = 86_400.0;

/// How much to render.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Length {
    /// So long, whatever the song does.
    Seconds(f64),
    /// The song with its loop played so often.
    Loops(u32),
}

/// What to render of a rack.
#[derive(Clone, Debug)]
pub struct RenderOptions {
    /// Frames per second.
    pub rate: SampleRate,
    /// How much.
    pub length: Length,
    /// Frames of a call; no influence on what comes out. At least 1.
    pub block_size: usize,
    /// Plain values that stand above the rack's.
    pub parameters: Vec<(Target, f32)>,
}

/// Why a rack cannot be rendered.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RenderError {
    /// The rack itself is at fault.
    #[error(transparent)]
    Rack(#[from] RackError),
    /// Without a song the length must be given.
    #[error("the rack holds no song: say how many seconds to render")]
    NoSong,
    /// More than a day.
    #[error("{0:.0} seconds are more than a day")]
    TooLong(f64),
}

/// Some outputs of the desk, rendered block by block.
pub struct Rendering {
    engine: Engine,
    /// Holds what the engine plays.
    _worker: Worker,
    outputs: Vec<AudioBuffer>,
    frames: u64,
    done: u64,
}

/// Stems that are rendered at once: a name for each output in use, after the main one.
#[derive(Clone, Debug, PartialEq)]
pub struct StemGroup {
    /// What the stems are, in the order of the outputs from 1.
    pub names: Vec<String>,
    routing: Routing,
    /// Heard without the machines on the strips.
    dry: bool,
}

impl Rendering {
    /// The mix: one block, the main output.
    pub fn mix(rack: &Rack, options: &RenderOptions) -> Result<Self, RenderError> {
        Self::new(rack, options, vec![2])
    }

    /// A group of stems: the main output, which is to be ignored, and one more for each stem.
    pub fn stems(rack: &Rack, options: &RenderOptions, group: &StemGroup) -> Result<Self, RenderError> {
        let inserts = if group.dry { Vec::new() } else { rack.inserts.clone() };
        let rack = Rack { routing: group.routing.clone(), inserts, ..rack.clone() };
        Self::new(&rack, options, vec![2; 1 + group.names.len()])
    }

    fn new(rack: &Rack, options: &RenderOptions, outputs: Vec<usize>) -> Result<Self, RenderError> {
        let table: Arc<[ParameterSpec]> = engine::table().into();
        let values = Arc::new(ParameterValues::new(&table));
        rack.apply_parameters(&table, &values);
        let own = [(Target::Sync, SYNC_FREE), (Target::SongPlay, 1.0), (Target::EndBehaviour, 0.0)];
        for &(target, value) in own.iter().chain(&options.parameters) {
            if let Some(index) = table.iter().position(|spec| spec.target == target) {
                values.set(index, value);
            }
        }
        let layout = Layout { main_input: 0, sidechain: 0, outputs };
        let setup = rack.setup(&layout)?;
        let frames = frames_of(setup.song.as_ref(), options)?;
        let block_size = options.block_size.max(1);
        let outputs = layout.outputs.iter().map(|&channels| AudioBuffer::new(channels, block_size)).collect();
        let config =
            EngineConfig { rate: options.rate, layout, table, values, level: Level::from_environment() };
        let (_control, engine, mut worker) = engine::new(config);
        worker.apply(&setup).map_err(RackError::from)?;
        Ok(Self { engine, _worker: worker, outputs, frames, done: 0 })
    }

    /// Frames of the whole rendering.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// The next block: its frames and the outputs that hold them at their start; `None` at the end.
    pub fn next_block(&mut self) -> Option<(usize, &[AudioBuffer])> {
        let left = self.frames - self.done;
        let size = self.outputs.first().map_or(0, AudioBuffer::frames);
        let frames = usize::try_from(left).map_or(size, |left| left.min(size));
        if frames == 0 {
            return None;
        }
        let transport = Transport { playing: true, ..Transport::default() };
        let call = Call { frames, transport: (self.done == 0).then_some(transport), events: &[] };
        let mut blocks: Vec<_> = self.outputs.iter_mut().map(|output| output.block_mut(frames)).collect();
        self.engine.render(&call, None, &mut blocks);
        self.done += frames as u64;
        Some((frames, &self.outputs))
    }
}

fn frames_of(song: Option<&Arc<Song>>, options: &RenderOptions) -> Result<u64, RenderError> {
    let seconds = match (options.length, song) {
        (Length::Seconds(seconds), _) => seconds.max(0.0),
        (Length::Loops(loops), Some(song)) => song_seconds(&Timeline::of(song), loops),
        (Length::Loops(_), None) => return Err(RenderError::NoSong),
    };
    if seconds > MAX_SECONDS {
        return Err(RenderError::TooLong(seconds));
    }
    Ok(libm::round(seconds * options.rate.0) as u64)
}

/// Intro and `loops` times the loop.
fn song_seconds(timeline: &Timeline, loops: u32) -> f64 {
    let ticks = timeline.loop_start()..timeline.ticks().len();
    let once: f64 = ticks.map(|tick| timeline.tick_seconds(tick)).sum();
    timeline.seconds() + f64::from(loops.max(1) - 1) * once
}

/// Stems of the song's channels, dry: where bus 1 and the master are as they are by default, they sum to the mix.
pub fn channel_stems(rack: &Rack) -> Result<Vec<StemGroup>, RackError> {
    let song = rack.setup(&Layout::default())?.song;
    let channels: Vec<usize> = (0..song.map_or(0, |song| song.channels.len()).min(SONG_CHANNELS)).collect();
    let groups = channels.chunks(STEM_OUTPUTS).map(|group| {
        let mut routing = silent_routing();
        for (bus, &channel) in group.iter().enumerate() {
            routing.song_channels[channel] = Some(bus); // below SONG_CHANNELS
            routing.buses[bus].to = vec![Route::Output(bus + 1).into()]; // a group has fewer than BUSES
        }
        let names = group.iter().map(|channel| format!("channel {:02}", channel + 1)).collect();
        StemGroup { names, routing, dry: true }
    });
    Ok(groups.collect())
}

/// Stems of the buses that song channels feed, each before the master.
pub fn bus_stems(rack: &Rack) -> Vec<StemGroup> {
    let used: Vec<usize> =
        (0..BUSES).filter(|&bus| rack.routing.song_channels.contains(&Some(bus))).collect();
    let groups = used.chunks(STEM_OUTPUTS).map(|group| {
        let mut routing = rack.routing.clone();
        for bus in &mut routing.buses {
            bus.to.retain(|way| !matches!(way.to, Route::Output(1..)));
        }
        for (output, &bus) in group.iter().enumerate() {
            if let Some(bus) = routing.buses.get_mut(bus) {
                bus.to.push(Route::Output(output + 1).into());
            }
        }
        let names = group.iter().map(|bus| format!("bus {:02}", bus + 1)).collect();
        StemGroup { names, routing, dry: false }
    });
    groups.collect()
}

fn silent_routing() -> Routing {
    let silent = Bus { to: Vec::new(), ..Bus::default() };
    let song_channels = vec![None; SONG_CHANNELS];
    Routing { song_channels, buses: vec![silent; BUSES], ..Routing::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(length: Length, block_size: usize) -> RenderOptions {
        RenderOptions { rate: SampleRate(48000.0), length, block_size, parameters: Vec::new() }
    }

    fn planes(mut rendering: Rendering, output: usize) -> [Vec<f32>; 2] {
        let mut planes = [Vec::new(), Vec::new()];
        while let Some((frames, outputs)) = rendering.next_block() {
            for (channel, plane) in planes.iter_mut().enumerate() {
                plane.extend_from_slice(&outputs[output].channel(channel)[..frames]);
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
        assert!(most < 1e-5, "they differ by {most}");
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

    #[test]
    fn buses_that_the_song_feeds_have_stems() {
        let mut rack = Rack::demo();
        rack.routing.song_channels[2] = Some(9);
        let groups = bus_stems(&rack);
        assert_eq!(
            groups.iter().flat_map(|group| group.names.clone()).collect::<Vec<_>>(),
            ["bus 01", "bus 10"]
        );
    }
}
