//! The peers' sides: kira's streaming sounds behind its own mock backend, and firewheel's sampler called without its graph.

use crate::BLOCK;
use crate::Contestant;
use crate::Load;
use crate::RATE;
use crate::STREAMS;
use crate::firewheel_node::Surroundings;
use crate::firewheel_node::processor;
use crate::noise;
use ::kira as kira_crate;
use busker::sample::AudioFile;
use firewheel::diff::Notify;
use firewheel::event::NodeEvent;
use firewheel::event::ProcEvents;
use firewheel::event::ProcEventsIndex;
use firewheel::node::AudioNodeProcessor;
use firewheel::node::NodeID;
use firewheel::node::ProcBuffers;
use firewheel::nodes::sampler::RepeatMode;
use firewheel::nodes::sampler::SamplerNode;
use kira_crate::AudioManager;
use kira_crate::AudioManagerSettings;
use kira_crate::Frame;
use kira_crate::backend::mock::MockBackend;
use kira_crate::backend::mock::MockBackendSettings;
use kira_crate::sound::streaming::Decoder;
use kira_crate::sound::streaming::StreamingSoundData;
use kira_crate::sound::streaming::StreamingSoundHandle;
use kira_crate::track::MainTrackBuilder;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

/// In which everybody's threads have filled what they hold: kira's look every millisecond.
pub(crate) const REST: Duration = Duration::from_millis(40);
/// Frames that kira is given at once.
const CHUNK: usize = 1_024;

/// Busker's decoder for kira.
struct Decoded {
    file: AudioFile,
    next: u64,
}

impl Decoder for Decoded {
    type Error = ();

    fn sample_rate(&self) -> u32 {
        self.file.rate().0 as u32
    }

    fn num_frames(&self) -> usize {
        self.file.frames() as usize
    }

    fn decode(&mut self) -> Result<Vec<Frame>, ()> {
        let (mut left, mut right) = ([0.0; CHUNK], [0.0; CHUNK]);
        let count = (self.file.frames() - self.next).min(CHUNK as u64) as usize;
        self.file.read(self.next, [&mut left[..count], &mut right[..count]]);
        self.next += count as u64;
        Ok(left.into_iter().zip(right).take(count).map(|(left, right)| Frame { left, right }).collect())
    }

    fn seek(&mut self, index: usize) -> Result<usize, ()> {
        self.next = index as u64;
        Ok(index)
    }
}

struct Kira {
    manager: AudioManager<MockBackend>,
    sounds: Vec<StreamingSoundHandle<()>>,
    rate: f64,
    /// Places in their files when the clock was last looked at, and frames of these since the start.
    before: Vec<f64>,
    played: Vec<f64>,
    seconds: f64,
}

impl Kira {
    /// Positions are those of a block's start, so what a burst has played is known before the next one.
    fn count(&mut self) {
        for ((sound, before), played) in self.sounds.iter().zip(&mut self.before).zip(&mut self.played) {
            let now = sound.position();
            let moved = now - *before;
            *played += if moved < 0.0 { moved + self.seconds } else { moved };
            *before = now;
        }
    }
}

impl Contestant for Kira {
    fn wait(&mut self, _: usize) {
        self.count();
        thread::sleep(REST);
    }

    fn render(&mut self) -> f32 {
        let backend = self.manager.backend_mut();
        backend.on_start_processing();
        backend.process();
        1.0 // what it renders stays in the backend
    }

    fn played(&self) -> Option<u64> {
        let least = self.played.iter().copied().fold(f64::INFINITY, f64::min);
        // The last burst is not counted, see above.
        Some(((least * self.rate) as u64) + (crate::BLOCKS * BLOCK) as u64)
    }
}

pub(crate) fn kira(load: Load, files: &[PathBuf]) -> Option<Box<dyn Contestant>> {
    let settings = AudioManagerSettings::<MockBackend> {
        main_track_builder: MainTrackBuilder::new().sound_capacity(STREAMS),
        internal_buffer_size: BLOCK,
        backend_settings: MockBackendSettings { sample_rate: RATE },
        ..AudioManagerSettings::default()
    };
    let mut manager = AudioManager::new(settings).ok()?;
    let mut sounds = Vec::new();
    for file in files {
        let decoder = Decoded { file: AudioFile::open(file).ok()?, next: 0 };
        let sound = StreamingSoundData::from_decoder(decoder).loop_region(..).playback_rate(load.speed);
        sounds.push(manager.play(sound).ok()?);
    }
    let zeros = vec![0.0; sounds.len()];
    let seconds = f64::from(crate::SECONDS);
    let rate = f64::from(load.rate);
    Some(Box::new(Kira { manager, sounds, rate, before: zeros.clone(), played: zeros, seconds }))
}

struct Firewheel {
    around: Surroundings,
    samplers: Vec<Box<dyn AudioNodeProcessor>>,
    read: [Vec<f32>; 2],
    sum: [Vec<f32>; 2],
}

impl Contestant for Firewheel {
    fn wait(&mut self, _: usize) {}

    fn render(&mut self) -> f32 {
        let Self { around, samplers, read, sum } = self;
        sum.iter_mut().for_each(|plane| plane.fill(0.0));
        for sampler in samplers {
            let [left, right] = &mut *read;
            let buffers = ProcBuffers { inputs: &[], outputs: &mut [left, right] };
            sampler.process(&around.info, buffers, &mut around.extra);
            for (to, from) in sum.iter_mut().zip(&*read) {
                to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
            }
        }
        sum[0][0] + sum[1][0] // a block has frames
    }

    fn played(&self) -> Option<u64> {
        None
    }
}

pub(crate) fn firewheel(load: Load) -> Option<Box<dyn Contestant>> {
    let mut around = Surroundings::new();
    let mut samplers = Vec::new();
    for stream in 0..STREAMS {
        let sampler = SamplerNode {
            play: Notify::new(true),
            repeat_mode: RepeatMode::RepeatEndlessly,
            // Its speed is all that it has for files of another rate.
            speed: load.speed * f64::from(load.rate) / f64::from(RATE),
            ..SamplerNode::default()
        };
        let mut reads = processor(&sampler)?;
        let floats = |channel| {
            noise(stream, channel, load.rate).iter().map(|&sample| f32::from(sample) / 32_768.0).collect()
        };
        let source: Vec<Vec<f32>> = (0..2).map(floats).collect();
        let mut events = [Some(NodeEvent::new(NodeID::DANGLING, SamplerNode::set_sample_event(source)))];
        let mut indices = vec![ProcEventsIndex::Immediate(0)];
        let mut events = ProcEvents::new(&mut events, &mut indices);
        reads.events(&around.info, &mut events, &mut around.extra);
        samplers.push(reads);
    }
    let silence = || [vec![0.0; BLOCK], vec![0.0; BLOCK]];
    Some(Box::new(Firewheel { around, samplers, read: silence(), sum: silence() }))
}
