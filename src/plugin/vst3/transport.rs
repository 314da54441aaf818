//! The clock of a VST3 host, as the host gives it for the first frame of a call.

use crate::engine::Transport;
use nice_plug::wrapper::vst3::vst3::Steinberg::Vst::ProcessContext;
use nice_plug::wrapper::vst3::vst3::Steinberg::Vst::ProcessContext_::StatesAndFlags_ as flag;

/// VST3 tells no tempo ramp. A position in seconds follows from the project's frames. Real-time: yes.
pub(super) fn read(context: &ProcessContext) -> Transport {
    let state = |flag| context.state & flag as u32 != 0;
    let default = Transport::default();
    let signature = match (u16::try_from(context.timeSigNumerator), u16::try_from(context.timeSigDenominator))
    {
        (Ok(numerator @ 1..), Ok(denominator @ 1..)) if state(flag::kTimeSigValid) => {
            (numerator, denominator)
        }
        _ => default.signature,
    };
    Transport {
        playing: state(flag::kPlaying),
        tempo: if state(flag::kTempoValid) && context.tempo > 0.0 { context.tempo } else { default.tempo },
        tempo_increment: 0.0,
        beats: state(flag::kProjectTimeMusicValid).then_some(context.projectTimeMusic),
        seconds: (context.sampleRate > 0.0).then(|| context.projectTimeSamples as f64 / context.sampleRate),
        signature,
        looping: (state(flag::kCycleActive) && state(flag::kCycleValid))
            .then_some((context.cycleStartMusic, context.cycleEndMusic))
            .filter(|(start, end)| start < end),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context() -> ProcessContext {
        // SAFETY: plain data, valid as zeros.
        unsafe { std::mem::zeroed() }
    }

    #[test]
    fn fields_count_only_with_their_flags() {
        let mut context = context();
        (context.tempo, context.projectTimeMusic, context.sampleRate) = (90.0, 16.0, 48_000.0);
        context.projectTimeSamples = 96_000;
        (context.timeSigNumerator, context.timeSigDenominator) = (3, 8);
        let bare = read(&context);
        assert_eq!(bare, Transport { seconds: Some(2.0), ..Transport::default() });
        context.state =
            (flag::kPlaying | flag::kTempoValid | flag::kProjectTimeMusicValid | flag::kTimeSigValid) as u32;
        let full = read(&context);
        assert!(full.playing);
        assert_eq!((full.tempo, full.beats, full.signature), (90.0, Some(16.0), (3, 8)));
    }
}
