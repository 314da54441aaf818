//! What the two reverbs of the returns promise as machines.

use super::Impulse;
use super::Machine;
use super::MachineKind;
use super::tests::Change;
use super::tests::Noise;
use super::tests::RATE;
use super::tests::Stereo;
use super::tests::bits;
use super::tests::decibels;
use super::tests::energy;
use super::tests::impulse;
use super::tests::render;
use super::tests::render_cut;
use super::tests::set;
use super::tests::silence;
use crate::audio::Activity;
use crate::audio::AudioStream;
use crate::audio::BLOCK_SIZE;
use crate::audio::Tail;
use crate::dsp::Level;
use std::f64::consts::TAU;
use std::sync::Arc;

const REVERBS: [MachineKind; 2] = [MachineKind::Fdn, MachineKind::Convolution];

/// A WAV file of floats at 48 kHz.
pub(super) fn wav<P: AsRef<[f32]>>(planes: &[P]) -> Arc<[u8]> {
    let spec = hound::WavSpec {
        channels: planes.len() as u16,
        sample_rate: 48_000,
        bits_per_sample: 32,
        sample_format: hound::SampleFormat::Float,
    };
    let mut bytes = std::io::Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut bytes, spec).unwrap();
    for frame in 0..planes[0].as_ref().len() {
        planes.iter().for_each(|plane| writer.write_sample(plane.as_ref()[frame]).unwrap());
    }
    writer.finalize().unwrap();
    bytes.into_inner().into()
}

/// Short, so that it sleeps soon.
fn short(kind: MachineKind) -> Box<Machine> {
    let noise = Noise(1).stereo(3_000);
    let response = Impulse::read(&wav(&[&noise[0], &noise[1]])).unwrap();
    let mut machine = kind.build_with(Some(&response), RATE, Level::detect());
    if kind == MachineKind::Fdn {
        ["decay", "low_decay", "high_decay"].iter().for_each(|path| set(&mut machine, path, 0.2));
    }
    machine
}

/// Noise bursts with gaps long enough to sleep in, and changes of every control.
fn busy_scene(kind: MachineKind) -> (Stereo, Vec<Change>) {
    let mut signal = silence(220_000);
    let mut noise = Noise(6);
    for burst in [100..2_000, 80_003..81_000, 160_011..160_500] {
        let sound = noise.stereo(burst.len());
        signal.iter_mut().zip(sound).for_each(|(plane, sound)| plane[burst.clone()].copy_from_slice(&sound));
    }
    let paths = kind.parameters().iter().filter(|parameter| !parameter.path.contains("decay")).enumerate();
    let mut changes: Vec<Change> = paths
        .map(|(n, control)| (200 + 37 * n, control.path, control.value_at(0.2 + 0.06 * n as f32)))
        .collect();
    changes.extend([
        (70_001, "mix", 50.0),
        (80_001, "level", -3.0),
        (80_100, "pre_delay", 30.0),
        (80_700, "width", 60.0),
    ]);
    (signal, changes)
}

#[test]
fn bits_do_not_depend_on_how_blocks_are_cut() {
    for kind in REVERBS {
        let (signal, changes) = busy_scene(kind);
        let mut whole = signal.clone();
        let activities = render_cut(&mut short(kind), &mut whole, &changes, || BLOCK_SIZE);
        let slept =
            activities.windows(2).filter(|pair| *pair == [Activity::Sounding, Activity::Silent]).count();
        assert_eq!(slept, 3, "{kind:?} must sleep after each burst");
        for size in [1, 7, 64] {
            let mut split = signal.clone();
            render_cut(&mut short(kind), &mut split, &changes, || size);
            assert!(bits(&split) == bits(&whole), "{kind:?}, blocks of {size}");
        }
        for seed in 1..5 {
            let (mut split, mut noise) = (signal.clone(), Noise(seed));
            render_cut(&mut short(kind), &mut split, &changes, || 1 + noise.next() as usize % BLOCK_SIZE);
            assert!(bits(&split) == bits(&whole), "{kind:?}, random blocks, seed {seed}");
        }
    }
}

#[test]
fn reset_equals_new() {
    for kind in REVERBS {
        let expected = render(&mut short(kind), Noise(8).stereo(20_000));
        let mut machine = short(kind);
        render(&mut machine, Noise(7).stereo(10_001));
        machine.reset();
        assert!(bits(&render(&mut machine, Noise(8).stereo(20_000))) == bits(&expected), "{kind:?}");
    }
}

#[test]
fn a_machine_sleeps_once_its_tail_has_passed() {
    for kind in REVERBS {
        let mut machine = short(kind);
        let Tail::Frames(tail) = machine.tail() else { panic!("a reverb ends") };
        let mut signal = impulse(tail as usize + 60_000);
        let activities = render_cut(&mut machine, &mut signal, &[], || 64);
        let asleep =
            activities.iter().position(|activity| *activity == Activity::Silent).expect("sleep") * 64;
        assert!(asleep as u64 >= tail, "{kind:?} is asleep at {asleep}, its tail is {tail}");
        assert!(signal[0][tail as usize..].iter().all(|sample| sample.abs() < 1.0e-6), "{kind:?}");
        assert!(
            machine.asleep() && signal[0][asleep..].iter().all(|sample| sample.to_bits() == 0),
            "{kind:?}"
        );
        assert!(activities[asleep / 64..].iter().all(|activity| *activity == Activity::Silent), "{kind:?}");
    }
}

#[test]
fn a_single_tap_leaves_everything_as_it_was() {
    let response = Impulse::read(&wav(&[&[0.25]])).unwrap();
    let mut machine = MachineKind::Convolution.build_with(Some(&response), RATE, Level::detect());
    let noise = Noise(4).stereo(10_000);
    assert_eq!(render(&mut machine, noise.clone()), noise);
}

#[test]
fn mix_0_leaves_the_input_untouched() {
    for kind in REVERBS {
        let mut machine = short(kind);
        set(&mut machine, "mix", 0.0);
        let noise = Noise(4).stereo(30_000);
        assert_eq!(render(&mut machine, noise.clone()), noise, "{kind:?}");
    }
}

#[test]
fn noise_is_as_loud_in_a_room_as_before_it() {
    for kind in REVERBS {
        let mut machine = kind.build(RATE, Level::detect());
        let noise = Noise(3).stereo(8 * 48_000);
        let output = render(&mut machine, noise.clone());
        for (before, after) in noise.iter().zip(&output) {
            let change = decibels((energy(&after[4 * 48_000..]) / energy(&before[4 * 48_000..])).sqrt());
            println!("{kind:?}: {change:.2} dB");
            assert!(change.abs() < 2.0, "{kind:?}: {change} dB");
        }
    }
}

#[test]
fn cuts_take_away_what_lies_beyond_them() {
    let tone = |hz: f64| -> Stereo {
        std::array::from_fn(|_| {
            (0..24_000).map(|n| (TAU * hz * f64::from(n) / 48_000.0).sin() as f32).collect()
        })
    };
    for (path, value, hz, least, most) in [
        ("low_cut", 1_000.0, 100.0, -41.0, -39.0),
        ("low_cut", 1_000.0, 10_000.0, -0.2, 0.2),
        ("high_cut", 1_000.0, 10_000.0, -60.0, -39.0),
        ("high_cut", 1_000.0, 100.0, -0.2, 0.2),
        ("high_cut", 1_000.0, 1_000.0, -3.2, -2.8),
    ] {
        let response = Impulse::read(&wav(&[&[1.0]])).unwrap();
        let mut machine = MachineKind::Convolution.build_with(Some(&response), RATE, Level::detect());
        set(&mut machine, path, value);
        let (before, after) = (tone(hz), render(&mut machine, tone(hz)));
        let change = decibels((energy(&after[0][12_000..]) / energy(&before[0][12_000..])).sqrt());
        assert!((least..most).contains(&change), "{path} {value} Hz at {hz} Hz: {change} dB");
    }
}

#[test]
fn jumps_of_controls_make_no_click() {
    let sine = |n: usize| (TAU * 110.0 * n as f64 / RATE.0).sin() as f32 * 0.5;
    let signal: Stereo = std::array::from_fn(|_| (0..96_000).map(sine).collect());
    let roughness = |channel: &[f32]| {
        channel.windows(3).map(|x| f64::from(x[2] - 2.0 * x[1] + x[0]).abs()).fold(0.0, f64::max)
    };
    for kind in REVERBS {
        for control in kind.parameters() {
            for value in [control.min, control.max] {
                let mut jumping = signal.clone();
                let changes = [(48_000, control.path, value)];
                render_cut(&mut kind.build(RATE, Level::detect()), &mut jumping, &changes, || BLOCK_SIZE);
                let worst = roughness(&jumping[0][47_000..]);
                println!("{kind:?} {} to {value}: {worst:.2e}", control.path);
                // A step of -46 dBFS would be as rough as this; the corner of a ramp is a third of it.
                assert!(worst < 5.0e-3, "{kind:?} {} to {value}: {worst}", control.path);
            }
        }
    }
}

#[test]
fn absurd_input_is_flushed_and_the_machine_lives_on() {
    for kind in REVERBS {
        let mut machine = kind.build(RATE, Level::detect());
        let mut signal = Noise(5).stereo(48_000);
        for (n, absurd) in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX].iter().enumerate() {
            signal[n % 2][1_000 * n + 17] = *absurd;
        }
        let output = render(&mut machine, signal);
        assert!(output.iter().flatten().all(|x| x.is_finite() && x.abs() < 100.0), "{kind:?}");
    }
}

#[test]
fn a_gap_forgets_a_convolutions_sound_and_keeps_its_grid() {
    let mut machine = short(MachineKind::Convolution);
    render(&mut machine, Noise(9).stereo(1_000)); // up to frame 1,000; what comes next begins on 0 again
    let quiet = render(&mut machine, silence(5_000));
    assert!(quiet.iter().flatten().all(|sample| *sample == 0.0));
}
