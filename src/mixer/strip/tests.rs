use super::*;
use crate::audio::AudioBuffer;
use crate::machine::MachineKind;
use crate::mixer::MACROS;

const RATE: SampleRate = SampleRate(48000.0);

fn strip() -> Strip {
    Strip::new(RATE, Level::detect()).0
}

/// Renders one block in which every channel holds its own constant.
fn constant(strip: &mut Strip, values: &[f32], frames: usize) -> (Activity, AudioBuffer) {
    let mut buffer = AudioBuffer::new(values.len(), frames);
    values.iter().enumerate().for_each(|(channel, value)| buffer.channel_mut(channel).fill(*value));
    let activity =
        strip.render(&mut RenderContext::new(0, Activity::Sounding), None, &mut buffer.block_mut(frames));
    (activity, buffer)
}

#[test]
fn a_gain_change_begins_on_its_frame_and_lands_after_five_milliseconds() {
    let mut strip = strip();
    strip.set_gain(Gain(0.5));
    let (_, out) = constant(&mut strip, &[0.5; 2], 256);
    let out = out.channel(0);
    assert!(out[0] < 0.5 && out[238] > 0.25);
    assert_eq!(out[239..], [0.25; 17]);
}

#[test]
fn ramps_last_five_milliseconds_rounded_up_at_every_rate() {
    for (rate, frames) in [(44100.0, 221), (48000.0, 240), (11025.0, 56)] {
        let mut strip = Strip::new(SampleRate(rate), Level::detect()).0;
        strip.set_muted(true);
        let (_, out) = constant(&mut strip, &[1.0; 2], 256);
        assert!(out.channel(1)[frames - 2] > 0.0, "{rate}");
        assert_eq!(out.channel(1)[frames - 1], 0.0, "{rate}");
    }
}

#[test]
fn muting_ends_in_exact_silence_and_is_said() {
    let mut strip = strip();
    strip.set_muted(true);
    constant(&mut strip, &[-0.5; 2], 240);
    let (activity, out) = constant(&mut strip, &[f32::INFINITY; 2], 8);
    assert_eq!(activity, Activity::Silent);
    assert_eq!(out.channel(0), [0.0; 8]);
}

#[test]
fn balance_keeps_the_near_side_and_fades_the_far_one() {
    let mut strip = strip();
    strip.set_pan(1.0);
    strip.settle();
    let (_, out) = constant(&mut strip, &[0.5; 2], 4);
    assert_eq!((out.channel(0)[0], out.channel(1)[0]), (0.0, 0.5));
    assert_eq!(constant(&mut strip, &[0.5], 4).1.channel(0)[0], 0.5);
    let (_, out) = constant(&mut strip, &[0.5; 6], 4);
    let channels: Vec<f32> = (0..6).map(|channel| out.channel(channel)[0]).collect();
    assert_eq!(channels, [0.0, 0.5, 0.5, 0.5, 0.0, 0.5]);
}

#[test]
fn a_machine_sounds_on_when_its_input_has_ended_and_comes_back_when_replaced() {
    for channels in [1, 2, 6] {
        let mut strip = strip();
        (0..MACROS).for_each(|control| strip.set_macro(0, control, 0.5));
        assert!(strip.set_insert(0, Some(MachineKind::Reverb.build(RATE))).is_none());
        let mut buffer = AudioBuffer::new(channels, 256);
        buffer.channel_mut(0).fill(0.5);
        strip.render(&mut RenderContext::new(0, Activity::Sounding), None, &mut buffer.block_mut(256));
        let mut tail = 0.0f32;
        for block in 1..40 {
            buffer.silence();
            let mut ctx = RenderContext::new(block * 256, Activity::Silent);
            assert_eq!(strip.render(&mut ctx, None, &mut buffer.block_mut(256)), Activity::Sounding);
            tail = buffer.channel(0).iter().fold(tail, |peak, sample| peak.max(sample.abs()));
        }
        assert!(tail > 0.001, "{channels} channels: {tail}");
        assert_eq!(strip.set_insert(0, None).unwrap().kind(), MachineKind::Reverb);
    }
}
