//! The peers' sides: kira behind its own mock backend, oddio's mixer, and firewheel's sampler with a volume and pan node
//! for each voice, called without its graph, and plain sums where they meet.

use crate::BLOCK;
use crate::Contestant;
use crate::Load;
use crate::RATE;
use crate::SOURCES;
use crate::noise;
use ::kira as kira_crate;
use ::oddio as oddio_crate;
use firewheel::StreamInfo;
use firewheel::Volume;
use firewheel::clock::InstantSamples;
use firewheel::diff::Notify;
use firewheel::dsp::buffer::ConstSequentialBuffer;
use firewheel::dsp::declick::DeclickValues;
use firewheel::event::NodeEvent;
use firewheel::event::ProcEvents;
use firewheel::event::ProcEventsIndex;
use firewheel::log::RealtimeLoggerConfig;
use firewheel::log::realtime_logger;
use firewheel::mask::ConnectedMask;
use firewheel::mask::ConstantMask;
use firewheel::mask::SilenceMask;
use firewheel::node::AudioNode;
use firewheel::node::AudioNodeInfoInner;
use firewheel::node::AudioNodeProcessor;
use firewheel::node::ConstructProcessorContext;
use firewheel::node::NodeID;
use firewheel::node::ProcBuffers;
use firewheel::node::ProcExtra;
use firewheel::node::ProcInfo;
use firewheel::node::ProcStore;
use firewheel::node::StreamStatus;
use firewheel::nodes::sampler::RepeatMode;
use firewheel::nodes::sampler::SamplerNode;
use firewheel::nodes::volume_pan::VolumePanNode;
use kira_crate::AudioManager;
use kira_crate::AudioManagerSettings;
use kira_crate::Decibels;
use kira_crate::Frame;
use kira_crate::backend::mock::MockBackend;
use kira_crate::backend::mock::MockBackendSettings;
use kira_crate::sound::static_sound::StaticSoundData;
use kira_crate::sound::static_sound::StaticSoundSettings;
use kira_crate::track::MainTrackBuilder;
use oddio_crate::Cycle;
use oddio_crate::FixedGain;
use oddio_crate::Frames;
use oddio_crate::Mixer;
use oddio_crate::MonoToStereo;
use oddio_crate::Speed;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

/// Both channels of a source; a mono one has the same on both.
fn stereo(load: Load, source: usize) -> Vec<[f32; 2]> {
    let left = noise(source, 0);
    let right = if load.channels > 1 { noise(source, 1) } else { left.clone() };
    left.into_iter().zip(right).map(|(left, right)| [left, right]).collect()
}

pub(crate) fn kira(load: Load) -> Option<Contestant> {
    let settings = AudioManagerSettings::<MockBackend> {
        main_track_builder: MainTrackBuilder::new().sound_capacity(load.voices),
        internal_buffer_size: BLOCK,
        backend_settings: MockBackendSettings { sample_rate: RATE },
        ..AudioManagerSettings::default()
    };
    let mut manager = AudioManager::new(settings).ok()?;
    // A frame has two channels there, whatever the file.
    let sources: Vec<Arc<[Frame]>> = (0..SOURCES)
        .map(|source| stereo(load, source).into_iter().map(|[left, right]| Frame { left, right }).collect())
        .collect();
    for voice in 0..load.voices {
        let settings = StaticSoundSettings::new()
            .loop_region(..)
            .playback_rate(Load::speed(voice))
            .panning(Load::pan(voice))
            .volume(Decibels(20.0 * load.gain().log10()));
        let frames = Arc::clone(&sources[voice % SOURCES]); // one of them
        manager.play(StaticSoundData { sample_rate: RATE, frames, settings, slice: None }).ok()?;
    }
    Some(Box::new(move || {
        let backend = manager.backend_mut();
        backend.on_start_processing();
        backend.process();
        1.0 // what it renders stays in the backend
    }))
}

pub(crate) fn oddio(load: Load) -> Contestant {
    let (mut control, mut mixer) = Mixer::<[f32; 2]>::new();
    let db = 20.0 * load.gain().log10();
    let mono: Vec<_> = (0..SOURCES).map(|source| Frames::from_slice(RATE, &noise(source, 0))).collect();
    let wide: Vec<_> = (0..SOURCES).map(|source| Frames::from_slice(RATE, &stereo(load, source))).collect();
    for voice in 0..load.voices {
        let source = voice % SOURCES;
        if load.channels > 1 {
            let (mut speed, signal) = Speed::new(Cycle::new(Arc::clone(&wide[source]))); // one of them
            speed.set_speed(Load::speed(voice) as f32);
            control.play(FixedGain::new(signal, db));
        } else {
            let (mut speed, signal) = Speed::new(Cycle::new(Arc::clone(&mono[source]))); // one of them
            speed.set_speed(Load::speed(voice) as f32);
            control.play(MonoToStereo::new(FixedGain::new(signal, db)));
        }
    }
    let mut block = [[0.0; 2]; BLOCK];
    Box::new(move || {
        oddio_crate::run(&mut mixer, RATE, &mut block);
        block[0][0] // a block has frames
    })
}

fn stream() -> StreamInfo {
    StreamInfo {
        sample_rate: NonZeroU32::new(RATE).unwrap_or(NonZeroU32::MIN),
        sample_rate_recip: f64::from(RATE).recip(),
        max_block_frames: NonZeroU32::new(BLOCK as u32).unwrap_or(NonZeroU32::MIN),
        ..StreamInfo::default()
    }
}

/// What firewheel's processor hands to every node.
struct Around {
    info: ProcInfo,
    extra: ProcExtra,
}

impl Around {
    fn new() -> Self {
        let stream = stream();
        let info = ProcInfo {
            frames: BLOCK,
            in_silence_mask: SilenceMask::NONE_SILENT,
            out_silence_mask: SilenceMask::NONE_SILENT,
            in_constant_mask: ConstantMask::default(),
            out_constant_mask: ConstantMask::default(),
            in_connected_mask: ConnectedMask::STEREO_CONNECTED,
            out_connected_mask: ConnectedMask::STEREO_CONNECTED,
            sample_rate: stream.sample_rate,
            sample_rate_recip: stream.sample_rate_recip,
            clock_samples: InstantSamples(0),
            total_cpu_seconds_recip: 1.0,
            duration_since_stream_start: Duration::ZERO,
            stream_status: StreamStatus::empty(),
            dropped_frames: 0,
            process_to_playback_delay: None,
            did_just_unbypass: false,
        };
        let extra = ProcExtra {
            scratch_buffers: ConstSequentialBuffer::new(BLOCK),
            declick_values: DeclickValues::new(stream.max_block_frames),
            logger: realtime_logger(RealtimeLoggerConfig::default()).0,
            store: ProcStore::with_capacity(0),
        };
        Self { info, extra }
    }
}

/// A node's processor, made as the graph makes it.
fn processor<N: AudioNode>(node: &N) -> Option<Box<dyn AudioNodeProcessor>>
where
    N::Configuration: Default,
{
    let configuration = N::Configuration::default();
    let info: AudioNodeInfoInner = node.info(&configuration).ok()?.into();
    let (stream, mut state) = (stream(), info.custom_state);
    let context = ConstructProcessorContext::new(NodeID::DANGLING, &stream, &mut state);
    Some(Box::new(node.construct_processor(&configuration, context).ok()?))
}

pub(crate) fn firewheel(load: Load) -> Option<Contestant> {
    let mut around = Around::new();
    let sources: Vec<Vec<Vec<f32>>> = (0..SOURCES)
        .map(|source| (0..load.channels).map(|channel| noise(source, channel)).collect())
        .collect();
    let mut voices = Vec::new();
    for voice in 0..load.voices {
        let sampler = SamplerNode {
            play: Notify::new(true),
            repeat_mode: RepeatMode::RepeatEndlessly,
            speed: Load::speed(voice),
            ..SamplerNode::default()
        };
        let mut reads = processor(&sampler)?;
        let source = sources[voice % SOURCES].clone(); // one of them
        let mut events = [Some(NodeEvent::new(NodeID::DANGLING, SamplerNode::set_sample_event(source)))];
        let mut indices = vec![ProcEventsIndex::Immediate(0)];
        let mut events = ProcEvents::new(&mut events, &mut indices);
        reads.events(&around.info, &mut events, &mut around.extra);
        let places =
            processor(&VolumePanNode::from_volume_pan(Volume::Linear(load.gain()), Load::pan(voice)))?;
        voices.push((reads, places));
    }
    let silence = || [vec![0.0f32; BLOCK], vec![0.0f32; BLOCK]];
    let (mut read, mut placed, mut sum) = (silence(), silence(), silence());
    Some(Box::new(move || {
        sum.iter_mut().for_each(|plane| plane.fill(0.0));
        for (reads, places) in &mut voices {
            let [left, right] = &mut read;
            let buffers = ProcBuffers { inputs: &[], outputs: &mut [left, right] };
            reads.process(&around.info, buffers, &mut around.extra);
            let [left, right] = &mut placed;
            let buffers =
                ProcBuffers { inputs: &read.each_ref().map(|plane| &plane[..]), outputs: &mut [left, right] };
            places.process(&around.info, buffers, &mut around.extra);
            for (to, from) in sum.iter_mut().zip(&placed) {
                to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
            }
        }
        sum[0][0] + sum[1][0] // a block has frames
    }))
}
