//! firewheel's nodes without its graph: what its processor hands to each of them.

use crate::BLOCK;
use crate::RATE;
use firewheel::StreamInfo;
use firewheel::clock::InstantSamples;
use firewheel::dsp::buffer::ConstSequentialBuffer;
use firewheel::dsp::declick::DeclickValues;
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
use firewheel::node::ProcExtra;
use firewheel::node::ProcInfo;
use firewheel::node::ProcStore;
use firewheel::node::StreamStatus;
use std::num::NonZeroU32;
use std::time::Duration;

fn stream() -> StreamInfo {
    StreamInfo {
        sample_rate: NonZeroU32::new(RATE).unwrap_or(NonZeroU32::MIN),
        sample_rate_recip: f64::from(RATE).recip(),
        max_block_frames: NonZeroU32::new(BLOCK as u32).unwrap_or(NonZeroU32::MIN),
        ..StreamInfo::default()
    }
}

/// What firewheel's processor hands to every node.
pub(crate) struct Surroundings {
    pub(crate) info: ProcInfo,
    pub(crate) extra: ProcExtra,
}

impl Surroundings {
    pub(crate) fn new() -> Self {
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
pub(crate) fn processor<N: AudioNode>(node: &N) -> Option<Box<dyn AudioNodeProcessor>>
where
    N::Configuration: Default,
{
    let configuration = N::Configuration::default();
    let info: AudioNodeInfoInner = node.info(&configuration).ok()?.into();
    let (stream, mut state) = (stream(), info.custom_state);
    let context = ConstructProcessorContext::new(NodeID::DANGLING, &stream, &mut state);
    Some(Box::new(node.construct_processor(&configuration, context).ok()?))
}
