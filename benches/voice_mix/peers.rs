//! The peers' sides: kira behind its own mock backend, oddio's mixer, and firewheel's sampler with a volume and pan node
//! for each voice, called without its graph, and plain sums where they meet.

use crate::BLOCK;
use crate::Contestant;
use crate::Load;
use crate::RATE;
use crate::SOURCES;
use crate::firewheel_node::Surroundings;
use crate::firewheel_node::processor;
use crate::noise;
use ::kira as kira_crate;
use ::oddio as oddio_crate;
use firewheel::Volume;
use firewheel::diff::Notify;
use firewheel::event::NodeEvent;
use firewheel::event::ProcEvents;
use firewheel::event::ProcEventsIndex;
use firewheel::node::NodeID;
use firewheel::node::ProcBuffers;
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
use std::sync::Arc;

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

pub(crate) fn firewheel(load: Load) -> Option<Contestant> {
    let mut around = Surroundings::new();
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
