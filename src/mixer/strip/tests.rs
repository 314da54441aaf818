use super::*;
use crate::audio::AudioBuffer;
use crate::machine::MachineKind;
use crate::mixer::INSERTS;
use crate::mixer::MACROS;
use crate::rt::frame_ring;

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
        assert!(strip.set_insert(0, Some(MachineKind::Reverb.build(RATE, Level::detect()))).is_none());
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
        assert!(strip.set_insert(0, None).is_none(), "it is heard on for a while");
        for block in 40..48 {
            assert!(strip.take_left_insert().is_none());
            let mut ctx = RenderContext::new(block * 256, Activity::Silent);
            strip.render(&mut ctx, None, &mut buffer.block_mut(256));
        }
        assert_eq!(strip.take_left_insert().unwrap().kind(), MachineKind::Reverb);
        assert!(strip.asleep());
    }
}

/// A deterministic noise of -1 to 1.
fn noise(channel: usize, frame: usize) -> f32 {
    let mut mixed = (frame as u64 * 8 + channel as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (mixed >> 40) as f32 / (1u64 << 23) as f32 - 1.0
}

/// What arrives on a frame, and what the sidechain brings.
type Sounds<'a> = (&'a dyn Fn(usize) -> [f32; 2], &'a dyn Fn(usize) -> f32);

/// Renders `frames` frames in blocks of `sizes`, in turn; input and sidechain are as `bring` and `drive` say.
fn rendered(
    strip: &mut Strip,
    frames: usize,
    (bring, drive): Sounds<'_>,
    sizes: &[usize],
    mut before: impl FnMut(&mut Strip, usize),
) -> [Vec<f32>; 4] {
    let (mut found, mut sizes, mut done) = ([const { Vec::new() }; 4], sizes.iter().cycle(), 0);
    while done < frames {
        before(strip, done);
        // As the engine's calls, blocks end where a parameter moves.
        let to_change = 1000 - done % 1000;
        let size = sizes.next().map_or(1, |&size| size).min(frames - done).min(to_change);
        let (mut io, mut side) = (AudioBuffer::new(2, size), AudioBuffer::new(1, size));
        for n in 0..size {
            let [left, right] = bring(done + n);
            (io.channel_mut(0)[n], io.channel_mut(1)[n]) = (left, right);
            side.channel_mut(0)[n] = drive(done + n);
        }
        let mut ctx = RenderContext::new(done as u64, Activity::Sounding);
        strip.render(&mut ctx, Some(&side.block(size)), &mut io.block_mut(size));
        for channel in 0..2 {
            found[channel].extend_from_slice(io.channel(channel));
            let send = strip.outlet(channel).unwrap();
            match send.activity() {
                Activity::Sounding => found[2 + channel].extend_from_slice(send.block().channel(channel)),
                Activity::Silent => found[2 + channel].resize(done + size, 0.0),
            }
        }
        done += size;
    }
    found
}

/// Both sides of a noise.
fn loud(frame: usize) -> [f32; 2] {
    [2.0 * noise(0, frame), 2.0 * noise(1, frame)]
}

#[test]
fn a_strip_with_everything_on_gives_the_same_bits_however_blocks_are_cut() {
    let run = |sizes: &[usize]| {
        let (mut strip, meter) = Strip::new(RATE, Level::detect());
        let change = |strip: &mut Strip, frame: usize| {
            if frame.is_multiple_of(1000) {
                let step = frame / 1000;
                let part = |n: usize| (noise(n, step) + 1.0) / 2.0;
                strip.set_gain(Gain(2.0 * part(0)));
                strip.set_pan(noise(1, step));
                strip.set_muted(step % 7 == 5);
                strip.set_soft_clip(step % 3 != 1);
                strip.set_limiter(step % 4 != 3);
                strip.set_ceiling(Gain(0.3 + part(2)));
                (0..2).for_each(|send| strip.set_send(send, Gain(part(3 + send))));
                (0..2).for_each(|send| strip.set_send_pre(send, (step + send).is_multiple_of(2)));
                strip.set_duck_amount(part(5));
                strip.set_duck_threshold(Decibels(-40.0 * part(6)));
            }
        };
        let drive = |frame: usize| if (frame / 3000).is_multiple_of(2) { noise(2, frame) } else { 0.0 };
        let found = rendered(&mut strip, 20_000, (&loud, &drive), sizes, change);
        let bits = found.map(|plane| plane.into_iter().map(f32::to_bits).collect::<Vec<_>>());
        let peaks = (meter.take_pre_peaks(), meter.take_peaks());
        (bits, peaks, meter.clips(), meter.take_reduction(), meter.rms())
    };
    let whole = run(&[256]);
    assert!(whole.2 > 0 && whole.3.0 > 1.0 && whole.4[0] > 0.01);
    for sizes in [&[1][..], &[64], &[100, 3, 221, 17], &[255, 1, 2]] {
        assert!(run(sizes) == whole, "{sizes:?}");
    }
}

/// RMS on every 1000th frame of a strip whose gain and balance move and whose input comes and goes; cut by chance, or
/// without a seed into whole blocks.
fn levels(channels: usize, seed: Option<usize>) -> Vec<[u32; 2]> {
    let (mut strip, meter) = Strip::new(RATE, Level::detect());
    let (mut found, mut frame) = (Vec::new(), 0usize);
    let sounds = |frame: &usize| (frame / 2300).is_multiple_of(2);
    while frame < 20_000 {
        if frame.is_multiple_of(1000) {
            found.push(meter.rms().map(f32::to_bits));
            strip.set_gain(Gain(noise(0, frame)));
            strip.set_pan(noise(1, frame));
        }
        let size = seed.map_or(256, |seed| 1 + (128.0 * (1.0 + noise(seed, frame))) as usize);
        let size = size.min(1000 - frame % 1000);
        let mut io = AudioBuffer::new(channels, size);
        for (n, at) in (frame..frame + size).enumerate().filter(|(_, at)| sounds(at)) {
            (0..channels).for_each(|channel| io.channel_mut(channel)[n] = noise(channel, at));
        }
        if (frame..frame + size).any(|at| sounds(&at)) {
            let mut ctx = RenderContext::new(frame as u64, Activity::Sounding);
            strip.render(&mut ctx, None, &mut io.block_mut(size));
        } else {
            strip.skip(size);
        }
        frame += size;
    }
    found
}

/// What somebody sets, on the block of its number.
const SETTINGS: [fn(&mut Strip); 12] = [
    |_| (),
    |strip| strip.set_gain(Gain(0.7)),
    |strip| strip.set_pan(-0.25),
    |strip| strip.set_soft_clip(true),
    |strip| strip.set_ceiling(Gain(0.5)),
    |strip| strip.set_limiter(true),
    |strip| strip.set_send(0, Gain(0.5)),
    |strip| strip.set_send(0, Gain::SILENCE),
    |strip| strip.set_duck_amount(0.8),
    |strip| strip.set_duck_amount(0.0),
    |strip| strip.set_muted(true),
    |strip| assert!(strip.set_insert(1, Some(MachineKind::Gate.build(RATE, Level::detect()))).is_none()),
];

#[test]
fn a_block_from_elsewhere_becomes_and_measures_what_it_would_in_place() {
    let odd = [f32::NAN, f32::INFINITY, -0.0];
    for (channels, level) in
        [1, 2, 6].into_iter().flat_map(|n| Level::available().map(move |level| (n, level)))
    {
        let [(mut one, read_one), (mut other, read_other)] = [(); 2].map(|()| Strip::new(RATE, level));
        let mut from_elsewhere = 0;
        for block in 0..12 * SETTINGS.len() {
            if block % 12 == 0 {
                SETTINGS[block / 12](&mut one);
                SETTINGS[block / 12](&mut other);
            }
            let frames = [256, 100, 31][block % 3];
            let mut from = AudioBuffer::new(channels, frames);
            for (channel, frame) in (0..channels).flat_map(|channel| (0..frames).map(move |n| (channel, n))) {
                let strange = block % 5 == 4 && frame == 17;
                let sample = if strange { odd[block / 5 % 3] } else { noise(channel, block * 256 + frame) };
                from.channel_mut(channel)[frame] = sample;
            }
            let side = AudioBlock::new(&[&[0.5; 256]]).slice(0..frames);
            let mut ctx = RenderContext::new(block as u64 * 256, Activity::Sounding);
            let (mut there, mut here) =
                (AudioBuffer::new(channels, frames), AudioBuffer::new(channels, frames));
            (0..channels).for_each(|channel| there.channel_mut(channel).fill(9.0));
            (0..channels).for_each(|n| dsp::sum(level, here.channel_mut(n), &[from.channel(n)], true));
            let mut block_of_one = there.block_mut(frames);
            let of_one = match one.render_from(&mut ctx, Some(&side), &from.block(frames), &mut block_of_one)
            {
                Some(activity) => {
                    from_elsewhere += 1;
                    activity
                }
                None => {
                    block_of_one
                        .planes_mut()
                        .zip(here.block(frames).planes())
                        .for_each(|(to, from)| to.copy_from_slice(from));
                    one.render(&mut ctx, Some(&side), &mut block_of_one)
                }
            };
            let of_other = other.render(&mut ctx, Some(&side), &mut here.block_mut(frames));
            assert_eq!(of_one, of_other);
            let bits = |buffer: &AudioBuffer| {
                (0..channels)
                    .flat_map(|n| buffer.channel(n).iter().map(|sample| sample.to_bits()))
                    .collect::<Vec<_>>()
            };
            assert!(bits(&there) == bits(&here), "block {block} of {channels} channels");
            let read = |meter: &Meter| {
                (
                    meter.take_pre_peaks(),
                    meter.take_peaks(),
                    meter.rms(),
                    meter.clips(),
                    meter.take_reduction(),
                )
            };
            assert_eq!(read(&read_one), read(&read_other));
        }
        assert!((12..10 * 12).contains(&from_elsewhere), "{from_elsewhere}");
    }
}

#[test]
fn rms_does_not_depend_on_how_blocks_are_cut() {
    for channels in [1, 2, 6, 8] {
        let whole = levels(channels, None);
        assert!(whole[2..].iter().all(|sides| f32::from_bits(sides[0]) > 0.01));
        for seed in 2..8 {
            assert_eq!(levels(channels, Some(seed)), whole, "{channels} channels, cuts {seed}");
        }
    }
}

#[test]
fn a_limiter_never_lets_out_more_than_its_ceiling() {
    let mut strip = strip();
    strip.set_gain(Gain(4.0));
    strip.set_limiter(true);
    strip.set_ceiling(Gain(0.5));
    strip.settle();
    let bursts = |frame: usize| {
        loud(frame).map(|sample| if (frame / 700).is_multiple_of(3) { sample } else { 0.05 * sample })
    };
    let [left, right, ..] = rendered(&mut strip, 20_000, (&bursts, &|_| 0.0), &[256, 31], |_, _| {});
    let peak = left.iter().chain(&right).fold(0.0f32, |peak, sample| peak.max(sample.abs()));
    assert!(peak <= 0.5 && peak > 0.499, "{peak}");
    assert!(left.iter().any(|sample| sample.abs() < 0.1));
}

#[test]
fn duck_turns_down_with_its_attack_and_comes_back_with_its_release() {
    let mut strip = strip();
    strip.set_duck_amount(1.0);
    strip.set_duck_threshold(Decibels(-20.0));
    strip.set_duck_attack(0.02);
    strip.set_duck_release(0.1);
    strip.settle();
    let drive = |frame: usize| if (4800..14_400).contains(&frame) { 1.0 } else { 0.0 };
    let [left, ..] = rendered(&mut strip, 40_000, (&|_| [0.5, 0.5], &drive), &[256], |_, _| {});
    assert_eq!(left[4799], 0.5, "nothing before the sidechain");
    // After one time constant 1/e of the gain is left, after ten next to nothing.
    let e = std::f32::consts::E;
    assert!((left[4799 + 960] / 0.5 - 1.0 / e).abs() < 0.01, "{}", left[4799 + 960]);
    assert!(left[14_399] < 0.5 * 1e-4);
    // Once the sidechain's peak has fallen, what is missing shrinks to 1/e in each release time.
    let missing = |frame: usize| 1.0 - left[frame] / 0.5;
    for frame in [18_000, 20_000, 24_000] {
        assert!((missing(frame + 4800) / missing(frame) - 1.0 / e).abs() < 0.01, "{frame}");
    }
    assert!(missing(14_400 + 480) > 0.99);
}

#[test]
fn the_meters_rms_is_within_a_tenth_of_a_decibel_and_clips_are_counted() {
    let (mut strip, meter) = Strip::new(RATE, Level::detect());
    let tone = |frame: usize| {
        let sample = 0.5 * libm::sinf(frame as f32 % 48_000.0 * std::f32::consts::TAU * 997.0 / 48_000.0);
        [sample, 0.25 * sample]
    };
    rendered(&mut strip, 24_000, (&tone, &|_| 0.0), &[256, 100], |_, _| {});
    let level = |gain: f32| Decibels::from(Gain(gain)).0;
    let [left, right] = meter.rms().map(level);
    assert!((left - level(0.5 / 2f32.sqrt())).abs() < 0.1, "{left}");
    assert!((left - right - level(4.0)).abs() < 0.1, "{right}");
    assert!((meter.take_peaks()[0] - 0.5).abs() < 0.001 && meter.clips() == 0);
    strip.set_gain(Gain(3.0));
    strip.settle();
    let over = |frame: usize| [if frame % 10 == 3 { -0.4 } else { 0.3 }, 0.2];
    rendered(&mut strip, 1000, (&over, &|_| 0.0), &[64, 7], |_, _| {});
    assert_eq!(meter.clips(), 100);
}

#[test]
fn a_tap_before_the_gain_gets_what_a_muted_strip_does_not_let_out() {
    let mut strip = strip();
    let (writer, mut reader) = frame_ring(2, 1024);
    let mut tap = Tap::new(TapPoint::PreGain, writer);
    tap.set_running(true, 0);
    assert!(strip.set_tap(Some(Box::new(tap))).is_none());
    strip.set_muted(true);
    strip.settle();
    let [left, ..] = rendered(&mut strip, 512, (&loud, &|_| 0.0), &[100], |_, _| {});
    assert!(left.iter().all(|&sample| sample == 0.0));
    let (mut into, mut recorded) = (vec![0.0; 4096], Vec::new());
    while let Some(taken) = reader.take(&mut into) {
        if let rt::Taken::Frames { frames, .. } = taken {
            recorded.extend_from_slice(&into[..2 * frames]);
        }
    }
    assert!(recorded == (0..512).flat_map(loud).collect::<Vec<f32>>());
}

#[test]
fn a_machine_takes_over_from_another_without_a_step() {
    let tone = |frame: u64| libm::sinf(frame as f32 * 0.03) * 0.5;
    for next in [Some(MachineKind::Convolution), Some(MachineKind::Fdn), None] {
        let mut strip = strip();
        (0..MACROS).for_each(|control| strip.set_macro(0, control, 0.5));
        strip.set_insert(0, Some(MachineKind::Convolution.build(RATE, Level::detect())));
        let (mut buffer, mut sound) = (AudioBuffer::new(2, 256), Vec::new());
        for block in 0..400 {
            if block == 300 {
                assert!(strip.set_insert(0, next.map(|kind| kind.build(RATE, Level::detect()))).is_none());
            }
            for channel in 0..2 {
                let plane = buffer.channel_mut(channel).iter_mut();
                (block * 256..).zip(plane).for_each(|(frame, sample)| *sample = tone(frame));
            }
            let mut ctx = RenderContext::new(block * 256, Activity::Sounding);
            strip.render(&mut ctx, None, &mut buffer.block_mut(256));
            sound.extend_from_slice(buffer.channel(0));
        }
        let bend = |sound: &[f32]| {
            sound.windows(3).fold(0.0f32, |most, w| most.max((w[2] - 2.0 * w[1] + w[0]).abs()))
        };
        let (before, during) = (bend(&sound[200 * 256..300 * 256]), bend(&sound[299 * 256..310 * 256]));
        println!("{next:?}: bends by {before:.6} before, {during:.6} while it is replaced");
        // What a step of -60 dBFS would add.
        assert!(during < before.max(0.0005) + 0.001, "{next:?}: {during} after {before}");
    }
}

#[test]
fn a_machine_in_silence_is_replaced_at_once() {
    let mut strip = strip();
    assert!(strip.set_insert(0, Some(MachineKind::Fdn.build(RATE, Level::detect()))).is_none());
    assert_eq!(strip.set_insert(0, None).unwrap().kind(), MachineKind::Fdn);
    assert!(strip.asleep());
}

/// Renders `frames` frames of a strip, in blocks of `sizes` in turn that are cut where `bypasses` says when slot 0 is
/// bypassed or not; `bring` is what arrives. Gives the left side.
fn bypassing(
    strip: &mut Strip,
    frames: usize,
    bring: &dyn Fn(usize) -> f32,
    sizes: &[usize],
    bypasses: &[(usize, bool)],
) -> Vec<f32> {
    let (mut sound, mut sizes) = (Vec::new(), sizes.iter().cycle());
    while sound.len() < frames {
        let done = sound.len();
        for (_, bypassed) in bypasses.iter().filter(|(at, _)| *at == done) {
            strip.set_bypassed(0, *bypassed);
        }
        let next = bypasses.iter().map(|(at, _)| at - done.min(*at)).filter(|&left| left > 0).min();
        let size = sizes.next().copied().unwrap_or(1).min(frames - done).min(next.unwrap_or(usize::MAX));
        let mut buffer = AudioBuffer::new(2, size);
        for channel in 0..2 {
            let plane = buffer.channel_mut(channel).iter_mut();
            (done..).zip(plane).for_each(|(frame, sample)| *sample = bring(frame));
        }
        let silent = buffer.channel(0).iter().all(|&sample| sample == 0.0);
        let input = if silent { Activity::Silent } else { Activity::Sounding };
        if silent && strip.asleep() {
            strip.skip(size); // as a plan does
        } else {
            strip.render(&mut RenderContext::new(done as u64, input), None, &mut buffer.block_mut(size));
        }
        sound.extend_from_slice(buffer.channel(0));
    }
    sound
}

/// A strip with a fully wet machine in its first slot.
fn strip_with(kind: MachineKind) -> Strip {
    let mut strip = strip();
    (0..MACROS).for_each(|control| strip.set_macro(0, control, 0.5));
    assert!(strip.set_insert(0, Some(kind.build(RATE, Level::detect()))).is_none());
    strip.set_macro(0, kind.parameter_index("mix").unwrap(), 1.0);
    strip
}

const KINDS: [MachineKind; 3] = [MachineKind::Reverb, MachineKind::Fdn, MachineKind::Convolution];

#[test]
fn a_bypass_goes_on_and_off_without_a_step() {
    for kind in KINDS {
        let mut strip = strip_with(kind);
        // Off once more while it comes on, and on while it goes off.
        let bypasses = [(60_000, true), (60_100, false), (61_000, true), (80_000, false), (80_050, true)];
        let bypasses = [&bypasses[..], &[(90_000, false)]].concat();
        let sound = bypassing(&mut strip, 100_000, &|_| 0.5, &[256, 100], &bypasses);
        let step = |range: Range<usize>| {
            sound[range].windows(2).fold(0.0f32, |most, pair| most.max((pair[1] - pair[0]).abs()))
        };
        // The room's own first echoes step, once it is heard anew.
        for change in [60_000, 60_100, 61_000, 80_000, 80_050, 90_000] {
            let found = step(change - 2..change + 240);
            assert!(found < 0.01, "{kind:?}: {found} at {change}");
        }
        assert!(sound[61_239..80_000].iter().all(|&sample| sample == 0.5), "{kind:?} is heard in its bypass");
        assert!(sound[59_999] != 0.5 && sound[95_000] != 0.5, "{kind:?} does nothing");
    }
}

#[test]
fn nothing_of_before_is_heard_after_a_bypass() {
    let burst = |frame: usize| if frame < 9600 { noise(0, frame) } else { 0.0 };
    for kind in KINDS {
        let off = 12_000 + 10 * 48_000;
        let sound =
            bypassing(&mut strip_with(kind), off + 48_000, &burst, &[256], &[(12_000, true), (off, false)]);
        assert!(sound[11_900..12_000].iter().any(|sample| sample.abs() > 0.001), "{kind:?} has no tail");
        assert!(sound[12_240..].iter().all(|&sample| sample == 0.0), "{kind:?} comes back");
    }
}

#[test]
fn a_machine_back_from_its_bypass_sounds_as_a_new_one() {
    for kind in KINDS {
        let bring = |frame: usize| if frame == 50_000 { 1.0 } else { 0.0 };
        let with_past = |frame: usize| if frame < 9600 { noise(0, frame) } else { bring(frame) };
        let bypasses = [(9000, true), (40_000, false)];
        let old = bypassing(&mut strip_with(kind), 80_000, &with_past, &[256], &bypasses);
        let new = bypassing(&mut strip_with(kind), 80_000, &bring, &[256], &[]);
        assert!(
            old[50_000..] == new[50_000..] && new[79_000..].iter().any(|&sample| sample != 0.0),
            "{kind:?}"
        );
    }
}

#[test]
fn a_bypass_gives_the_same_bits_however_blocks_are_cut() {
    let bring = |frame: usize| if (frame / 7000).is_multiple_of(2) { noise(0, frame) } else { 0.0 };
    let bypasses: Vec<_> = (1..25).map(|n| (n * 1700 + n * n * 13, n % 2 == 1)).collect();
    // Some follow one another within the ramp.
    let bypasses =
        [&bypasses[..], &[(50_100, true), (50_200, false), (50_300, true), (50_540, false)]].concat();
    for kind in KINDS {
        let run = |sizes: &[usize]| {
            let sound = bypassing(&mut strip_with(kind), 60_000, &bring, sizes, &bypasses);
            sound.into_iter().map(f32::to_bits).collect::<Vec<_>>()
        };
        let whole = run(&[256]);
        for sizes in [&[1][..], &[64], &[100, 3, 221, 17], &[255, 1, 2]] {
            assert!(run(sizes) == whole, "{kind:?}, {sizes:?}");
        }
    }
}

#[test]
fn a_machine_that_takes_over_gives_the_same_bits_however_blocks_are_cut() {
    let run = |sizes: &[usize]| {
        let mut strip = strip_with(MachineKind::Convolution);
        let mut sound = bypassing(&mut strip, 5000, &|frame| noise(0, frame), sizes, &[]);
        strip.set_insert(0, Some(MachineKind::Fdn.build(RATE, Level::detect())));
        sound.extend(bypassing(&mut strip, 5000, &|frame| noise(1, frame), sizes, &[]));
        sound.into_iter().map(f32::to_bits).collect::<Vec<_>>()
    };
    let whole = run(&[256]);
    for sizes in [&[1][..], &[100, 3, 221, 17], &[255, 1, 2]] {
        assert!(run(sizes) == whole, "{sizes:?}");
    }
}

#[test]
fn a_bypass_that_is_there_from_the_start_does_not_fade() {
    let mut strip = strip_with(MachineKind::Reverb);
    strip.set_bypassed(0, true);
    strip.settle();
    assert!(strip.asleep());
    let sound = bypassing(&mut strip, 512, &|_| 0.5, &[256], &[]);
    assert!(sound.iter().all(|&sample| sample == 0.5));
    strip.set_bypassed(0, false);
    strip.reset();
    assert!(bypassing(&mut strip, 1, &|_| 0.5, &[1], &[])[0] != 0.5);
}

#[test]
fn an_empty_slot_lets_its_strip_sleep_whatever_its_bypass() {
    let mut strip = strip();
    strip.set_bypassed(1, true);
    assert!(strip.asleep());
    strip.set_bypassed(1, false);
    assert!(strip.asleep());
    strip.set_bypassed(2, true);
    assert!(strip.set_insert(2, Some(MachineKind::Distortion.build(RATE, Level::detect()))).is_none());
    let (_, out) = constant(&mut strip, &[0.5; 2], 64);
    assert_eq!(out.channel(0), [0.5; 64], "bypassed from its first frame on");
}

#[test]
fn a_sample_that_is_not_finite_is_not_measured_and_leaves_the_other_side_as_it_is() {
    let level = |broken: bool| {
        let (mut strip, meter) = Strip::new(RATE, Level::detect());
        for frame in (0..14_336).step_by(64) {
            let mut buffer = AudioBuffer::new(2, 64);
            buffer.channel_mut(0).fill(0.5);
            buffer.channel_mut(1).fill(0.25);
            if broken && frame == 704 {
                buffer.channel_mut(1)[0] = f32::NAN;
            }
            let mut ctx = RenderContext::new(frame as u64, Activity::Sounding);
            strip.render(&mut ctx, None, &mut buffer.block_mut(64));
            assert!(buffer.channel(1).iter().all(|sample| sample.is_finite()));
        }
        meter.rms()
    };
    let ([left, whole], [same, right]) = (level(false), level(true));
    assert_eq!(left, same);
    assert!(right < whole && right > 0.8 * whole, "{right} of {whole}");
}

#[test]
fn what_a_compressor_takes_shows_in_the_meter() {
    let (mut strip, meter) = Strip::new(RATE, Level::detect());
    assert!(strip.set_insert(0, Some(MachineKind::Compressor.build(RATE, Level::detect()))).is_none());
    for (control, parameter) in MachineKind::Compressor.parameters().iter().enumerate().take(MACROS) {
        strip.set_macro(0, control, parameter.position_of(parameter.default));
    }
    for block in 0..40 {
        let mut buffer = AudioBuffer::new(2, 256);
        (0..2).for_each(|side| buffer.channel_mut(side).fill(if block % 2 == 0 { 0.9 } else { -0.9 }));
        let mut ctx = RenderContext::new(256 * block, Activity::Sounding);
        strip.render(&mut ctx, None, &mut buffer.block_mut(256));
    }
    let taken: [f32; INSERTS] = std::array::from_fn(|slot| meter.take_stage_reduction(slot).0);
    assert!(taken[0] > 3.0 && taken[1..] == [0.0; INSERTS - 1], "{taken:?}");
    assert!(meter.take_reduction().0 > 3.0);
    assert_eq!(meter.take_stage_reduction(0).0, 0.0, "read once");
}
