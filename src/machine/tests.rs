//! What machines promise as nodes, and how the reverb sounds.

use super::Machine;
use super::MachineKind;
use crate::audio::Activity;
use crate::audio::AudioBlockMut;
use crate::audio::AudioStream;
use crate::audio::BLOCK_SIZE;
use crate::audio::RenderContext;
use crate::audio::Tail;
use crate::dsp::Level;
use crate::units::SampleRate;
use std::f64::consts::TAU;

pub(super) const RATE: SampleRate = SampleRate(48_000.0);

pub(super) type Stereo = [Vec<f32>; 2];

/// A value for a control, from a frame on.
pub(super) type Change = (usize, &'static str, f32);

/// xorshift64*: the same noise on every machine.
pub(super) struct Noise(pub(super) u64);

impl Noise {
    pub(super) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// -1 to 1.
    pub(super) fn sample(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1 << 23) as f32 - 1.0
    }

    pub(super) fn stereo(&mut self, frames: usize) -> Stereo {
        std::array::from_fn(|_| (0..frames).map(|_| self.sample()).collect())
    }
}

pub(super) fn silence(frames: usize) -> Stereo {
    std::array::from_fn(|_| vec![0.0; frames])
}

pub(super) fn impulse(frames: usize) -> Stereo {
    let mut signal = silence(frames);
    signal[0][0] = 1.0;
    signal[1][0] = 1.0;
    signal
}

fn reverb(rate: SampleRate, values: &[(&str, f32)]) -> Box<Machine> {
    let mut machine = MachineKind::Reverb.build(rate, Level::detect());
    for (path, value) in values {
        set(&mut machine, path, *value);
    }
    machine
}

pub(super) fn set(machine: &mut Machine, path: &str, value: f32) {
    let index = machine.kind().parameter_index(path).expect(path);
    machine.set_parameter(index, value);
}

fn input_activity(planes: [&[f32]; 2]) -> Activity {
    if planes.iter().all(|plane| plane.iter().all(|x| *x == 0.0)) {
        Activity::Silent
    } else {
        Activity::Sounding
    }
}

/// Renders `signal` in place in blocks of what `cut` gives; also cut where a control changes.
pub(super) fn render_cut(
    machine: &mut Machine,
    signal: &mut Stereo,
    changes: &[Change],
    mut cut: impl FnMut() -> usize,
) -> Vec<Activity> {
    let (frames, mut frame, mut activities) = (signal[0].len(), 0, Vec::new());
    while frame < frames {
        for (_, path, value) in changes.iter().filter(|(at, _, _)| *at == frame) {
            set(machine, path, *value);
        }
        let next_change = changes.iter().map(|(at, _, _)| *at).filter(|at| *at > frame).min();
        let end = (frame + cut()).min(next_change.unwrap_or(frames)).min(frames);
        let [left, right] = signal;
        let (left, right) = (&mut left[frame..end], &mut right[frame..end]);
        let mut ctx = RenderContext::new(frame as u64, input_activity([left, right]));
        activities.push(machine.render(&mut ctx, None, &mut AudioBlockMut::new([left, right])));
        frame = end;
    }
    activities
}

pub(super) fn render(machine: &mut Machine, mut signal: Stereo) -> Stereo {
    render_cut(machine, &mut signal, &[], || BLOCK_SIZE);
    signal
}

pub(super) fn bits(signal: &Stereo) -> Vec<u32> {
    signal.iter().flatten().map(|x| x.to_bits()).collect()
}

pub(super) fn energy(signal: &[f32]) -> f64 {
    signal.iter().map(|x| f64::from(*x) * f64::from(*x)).sum()
}

pub(super) fn rms(signal: &[f32]) -> f64 {
    (energy(signal) / signal.len() as f64).sqrt()
}

pub(super) fn decibels(ratio: f64) -> f64 {
    20.0 * ratio.log10()
}

/// Two two-pole band-passes one after the other, about a third of an octave wide.
fn band(signal: &[f32], centre_hz: f64, rate: SampleRate) -> Vec<f32> {
    let (w, q) = (TAU * centre_hz / rate.0, 4.0);
    let alpha = w.sin() / (2.0 * q);
    let (b, a1, a2) = (alpha / (1.0 + alpha), -2.0 * w.cos() / (1.0 + alpha), (1.0 - alpha) / (1.0 + alpha));
    let pass = |signal: Vec<f64>| {
        let (mut x, mut y) = ([0.0; 2], [0.0; 2]);
        let step = |now: f64| {
            let out = b * (now - x[1]) - a1 * y[0] - a2 * y[1];
            x = [now, x[0]];
            y = [out, y[0]];
            out
        };
        signal.into_iter().map(step).collect::<Vec<f64>>()
    };
    pass(pass(signal.iter().map(|x| f64::from(*x)).collect())).into_iter().map(|x| x as f32).collect()
}

/// Reverberation time from the energy that remains (Schroeder), -5 to -35 dB, extrapolated to -60.
fn t60_s(response: &[f32], rate: SampleRate) -> f64 {
    let total = energy(response);
    let (mut left, mut from, mut to) = (total, None, None);
    for (n, x) in response.iter().enumerate() {
        let level = 10.0 * (left / total).log10();
        if from.is_none() && level <= -5.0 {
            from = Some((n, level));
        }
        if to.is_none() && level <= -35.0 {
            to = Some((n, level));
        }
        left -= f64::from(*x) * f64::from(*x);
    }
    let ((from, high), (to, low)) = (from.expect("-5 dB"), to.expect("-35 dB"));
    (to - from) as f64 / rate.0 * 60.0 / (high - low)
}

/// The reverberation time of `values` in a band, both channels.
fn measured_t60_s(rate: SampleRate, values: &[(&str, f32)], seconds: f64, centre_hz: f64) -> f64 {
    let mut machine = reverb(rate, values);
    set(&mut machine, "mix", 100.0);
    let response = render(&mut machine, impulse((seconds * rate.0) as usize));
    let bands: Vec<f64> =
        response.iter().map(|channel| t60_s(&band(channel, centre_hz, rate), rate)).collect();
    (bands[0] + bands[1]) / 2.0
}

#[test]
fn the_reverb_decays_in_the_time_asked_for() {
    for decay in [0.4, 1.0, 2.2, 6.0] {
        for size in [30.0, 100.0, 150.0] {
            let values = [("decay", decay), ("low_decay", decay), ("size", size)];
            let measured = measured_t60_s(RATE, &values, f64::from(decay) * 1.2 + 0.5, 1000.0);
            let ratio = measured / f64::from(decay);
            println!("decay {decay} s, size {size} %: measured {measured:.3} s");
            assert!((0.9..1.1).contains(&ratio), "asked {decay} s, size {size}: {measured} s");
        }
    }
}

#[test]
fn the_decay_is_the_same_at_every_rate() {
    for rate in [44_100.0, 88_200.0, 96_000.0, 192_000.0] {
        let measured = measured_t60_s(SampleRate(rate), &[("decay", 1.5), ("low_decay", 1.5)], 2.5, 1000.0);
        println!("{rate} Hz: {measured:.3} s");
        assert!((1.35..1.65).contains(&measured), "{rate} Hz: {measured} s");
    }
}

#[test]
fn lows_and_highs_have_their_own_decay() {
    let values = [("decay", 1.5), ("low_decay", 4.0), ("crossover", 800.0), ("damping", 6000.0)];
    let low = measured_t60_s(RATE, &values, 6.0, 80.0);
    let high = measured_t60_s(RATE, &values, 6.0, 6000.0);
    println!("low {low:.3} s, high {high:.3} s");
    assert!((3.4..4.4).contains(&low), "low {low} s");
    assert!((0.6..0.9).contains(&high), "high {high} s, half of 1.5 s was asked for");
}

#[test]
fn left_and_right_of_the_tail_are_unlike() {
    let [left, right] = render(&mut reverb(RATE, &[("mix", 100.0)]), impulse(96_000));
    let product: f64 = left.iter().zip(&right).map(|(l, r)| f64::from(*l) * f64::from(*r)).sum();
    let correlation = product / (energy(&left) * energy(&right)).sqrt();
    println!("correlation {correlation:.4}");
    assert!(correlation.abs() < 0.15, "{correlation}");
    let balance = decibels(rms(&left) / rms(&right));
    assert!(balance.abs() < 1.5, "left is {balance} dB above right");
}

#[test]
fn width_0_is_mono() {
    let [left, right] = render(&mut reverb(RATE, &[("mix", 100.0), ("width", 0.0)]), impulse(20_000));
    assert_eq!(left, right);
    assert!(energy(&left) > 0.0);
}

#[test]
fn a_constant_input_leaves_no_offset_in_the_reverb() {
    let mut signal = silence(8 * 48_000);
    signal.iter_mut().flatten().for_each(|x| *x = 1.0);
    let output = render(&mut reverb(RATE, &[("mix", 100.0), ("low_decay", 1.0)]), signal);
    for channel in &output {
        let last = &channel[7 * 48_000..];
        let mean = last.iter().map(|x| f64::from(*x)).sum::<f64>() / last.len() as f64;
        assert!(mean.abs() < 1.0e-4, "{mean}");
    }
}

#[test]
fn as_an_insert_the_default_keeps_the_loudness() {
    let noise = Noise(3).stereo(4 * 48_000);
    let before = rms(&noise[0]);
    let after = render(&mut reverb(RATE, &[]), noise);
    let change = decibels(rms(&after[0][48_000..]) / before);
    let wet = render(&mut reverb(RATE, &[("mix", 100.0)]), Noise(3).stereo(4 * 48_000));
    println!("default {change:.2} dB, wet {:.2} dB", decibels(rms(&wet[0][96_000..]) / before));
    assert!(change.abs() < 1.5, "{change} dB");
}

#[test]
fn mix_0_leaves_the_input_untouched() {
    let noise = Noise(4).stereo(30_000);
    let output = render(&mut reverb(RATE, &[("mix", 0.0)]), noise.clone());
    assert_eq!(output, noise);
}

#[test]
fn the_dry_sound_comes_without_latency() {
    let output = render(&mut reverb(RATE, &[]), impulse(64));
    assert!((0.8..0.9).contains(&output[0][0]), "{}", output[0][0]);
}

#[test]
fn absurd_input_is_flushed_and_the_machine_lives_on() {
    let mut machine = reverb(RATE, &[("decay", 20.0), ("low_decay", 20.0), ("size", 150.0)]);
    let mut signal = Noise(5).stereo(48_000);
    for (n, absurd) in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MIN].iter().enumerate() {
        signal[n % 2][1000 * n + 17] = *absurd;
        signal[0][20_000 + n * 64..20_000 + n * 64 + 50].fill(*absurd);
    }
    let output = render(&mut machine, signal);
    assert!(output.iter().flatten().all(|x| x.is_finite() && x.abs() < 100.0));
    let index = machine.kind().parameter_index("decay").unwrap();
    machine.set_parameter(index, f32::NAN);
    assert_eq!(machine.parameter(index), Some(machine.kind().parameters()[index].default));
    machine.set_parameter(999, 1.0);
    assert_eq!(machine.parameter(999), None);
}

/// Noise bursts with gaps long enough to sleep in, and changes of every control.
fn busy_scene() -> (Stereo, Vec<Change>) {
    let mut signal = silence(220_000);
    let mut noise = Noise(6);
    for burst in [100..2_000, 80_003..81_000, 160_011..160_500] {
        let [left, right] = noise.stereo(burst.len());
        signal[0][burst.clone()].copy_from_slice(&left);
        signal[1][burst].copy_from_slice(&right);
    }
    let mut changes = vec![(0, "decay", 0.2), (0, "low_decay", 0.2), (0, "size", 20.0), (0, "mix", 80.0)];
    let paths = MachineKind::Reverb.parameters().iter().map(|parameter| parameter.path);
    for (n, path) in paths.filter(|path| !path.contains("decay")).enumerate() {
        let parameter = MachineKind::Reverb.parameters().iter().find(|p| p.path == path).unwrap();
        changes.push((200 + 37 * n, path, parameter.value_at(0.1 + 0.08 * n as f32)));
    }
    changes.extend([(70_001, "mix", 50.0), (80_100, "decay", 0.3), (80_700, "size", 60.0)]);
    (signal, changes)
}

#[test]
fn bits_do_not_depend_on_how_blocks_are_cut() {
    let (signal, changes) = busy_scene();
    let mut whole = signal.clone();
    let activities = render_cut(&mut reverb(RATE, &[]), &mut whole, &changes, || BLOCK_SIZE);
    let slept = activities.windows(2).filter(|pair| *pair == [Activity::Sounding, Activity::Silent]).count();
    assert_eq!(slept, 3, "the scene must sleep after each burst");
    for size in [1, 7, 64] {
        let mut split = signal.clone();
        render_cut(&mut reverb(RATE, &[]), &mut split, &changes, || size);
        assert!(bits(&split) == bits(&whole), "block size {size}");
    }
    for seed in 1..5 {
        let (mut split, mut noise) = (signal.clone(), Noise(seed));
        render_cut(&mut reverb(RATE, &[]), &mut split, &changes, || 1 + noise.next() as usize % BLOCK_SIZE);
        assert!(bits(&split) == bits(&whole), "random blocks, seed {seed}");
    }
}

#[test]
fn reset_equals_new() {
    let values = [("size", 77.0), ("mix", 55.0), ("motion", 0.7)];
    let expected = render(&mut reverb(RATE, &values), Noise(8).stereo(20_000));
    let mut machine = reverb(RATE, &[("size", 77.0)]);
    render(&mut machine, Noise(7).stereo(10_001));
    machine.reset();
    values.iter().for_each(|(path, value)| set(&mut machine, path, *value));
    assert_eq!(bits(&render(&mut machine, Noise(8).stereo(20_000))), bits(&expected));
}

#[test]
fn silence_in_is_silence_out_until_something_sounds() {
    let mut machine = reverb(RATE, &[]);
    let mut signal = silence(4_096);
    let activities = render_cut(&mut machine, &mut signal, &[], || BLOCK_SIZE);
    assert!(activities.iter().all(|activity| *activity == Activity::Silent));
    signal[1][77] = 0.5;
    let activities = render_cut(&mut machine, &mut signal, &[], || BLOCK_SIZE);
    assert!(activities.iter().all(|activity| *activity == Activity::Sounding));
}

#[test]
fn the_machine_sleeps_after_its_tail_on_a_grid_line_and_not_before() {
    let mut machine = reverb(RATE, &[("decay", 0.3), ("low_decay", 0.2), ("mix", 100.0)]);
    let Tail::Frames(tail) = machine.tail() else { panic!("a reverb ends") };
    let mut signal = impulse(tail as usize + 1_000);
    let activities = render_cut(&mut machine, &mut signal, &[], || 64);
    let asleep = activities.iter().position(|activity| *activity == Activity::Silent).expect("sleep") * 64;
    assert!(asleep as u64 >= tail && asleep as u64 <= tail + 128, "asleep at {asleep}, tail {tail}");
    assert!(signal[0][asleep - 64..asleep].iter().all(|x| x.abs() < 1.0e-6));
    assert!(signal.iter().all(|channel| channel[asleep..].iter().all(|x| x.to_bits() == 0)));
}

#[test]
fn a_skip_past_the_tail_leaves_nothing_of_what_sounded() {
    let mut machine = reverb(RATE, &[("decay", 0.3), ("low_decay", 0.3)]);
    let expected = render(&mut machine, Noise(8).stereo(4_096));
    machine.skip(1);
    machine.skip(48_000 * 10);
    assert_eq!(bits(&render(&mut machine, Noise(8).stereo(4_096))), bits(&expected));
}

#[test]
fn jumps_of_controls_make_no_click() {
    let sine = |n: usize| (TAU * 110.0 * n as f64 / RATE.0).sin() as f32 * 0.5;
    let signal: Stereo = std::array::from_fn(|_| (0..96_000).map(sine).collect());
    let roughness = |channel: &[f32]| {
        channel.windows(3).map(|x| f64::from(x[2] - 2.0 * x[1] + x[0]).abs()).fold(0.0, f64::max)
    };
    let steady = render(&mut reverb(RATE, &[]), signal.clone());
    let steady = roughness(&steady[0][40_000..]);
    for (path, value) in [
        ("mix", 100.0),
        ("level", -60.0),
        ("decay", 20.0),
        ("size", 20.0),
        ("pre_delay", 200.0),
        ("tone", -12.0),
    ] {
        let mut jumping = signal.clone();
        render_cut(&mut reverb(RATE, &[]), &mut jumping, &[(48_000, path, value)], || BLOCK_SIZE);
        let worst = roughness(&jumping[0][47_000..]);
        println!("{path}: {worst:.2e} against {steady:.2e}");
        // A step of -46 dBFS would be as rough as this; the corner of a ramp is a third of it.
        assert!(worst < 5.0e-3, "{path}: {worst}");
    }
}

#[test]
fn a_machine_is_made_on_a_small_stack() {
    let build = || MachineKind::ALL.iter().map(|kind| kind.build(RATE, Level::detect())).collect::<Vec<_>>();
    let thread = std::thread::Builder::new().stack_size(256 * 1024).spawn(build).unwrap();
    let mut machines = thread.join().unwrap();
    for machine in &mut machines {
        let output = render(machine, impulse(10_000));
        assert!(energy(&output[0]) > 0.0);
    }
}

#[test]
fn the_reverb_sounds_as_it_did() {
    let mut signal = Noise(9).stereo(24_000);
    signal.iter_mut().for_each(|channel| channel.extend(std::iter::repeat_n(0.0, 24_000)));
    let output = render(&mut reverb(RATE, &[]), signal);
    // FNV-1a over the bits, both channels.
    let hash = bits(&output)
        .iter()
        .flat_map(|bits| bits.to_le_bytes())
        .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
    let peak = output.iter().flatten().fold(0.0f32, |peak, x| peak.max(x.abs()));
    let tail_db = decibels(rms(&output[0][24_000..]));
    assert_eq!(format!("{hash:016x}"), "fe0b053315fdafe5", "peak {peak:.6}, tail {tail_db:.3} dB");
}
