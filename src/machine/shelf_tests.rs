//! What every machine of the shelf promises, and what each of them does to sound.

use super::Machine;
use super::MachineKind;
use super::Tempo;
use super::tests::Noise;
use super::tests::RATE;
use super::tests::Stereo;
use super::tests::bits;
use super::tests::decibels;
use super::tests::energy;
use super::tests::impulse;
use super::tests::render;
use super::tests::rms;
use super::tests::set;
use super::tests::silence;
use crate::audio::Activity;
use crate::audio::AudioBlock;
use crate::audio::AudioBlockMut;
use crate::audio::AudioStream;
use crate::audio::BLOCK_SIZE;
use crate::audio::RenderContext;
use crate::audio::Tail;
use crate::dsp::Level;
use crate::units::SampleRate;
use std::f64::consts::TAU;

fn machine(kind: MachineKind, values: &[(&str, f32)]) -> Box<Machine> {
    let mut machine = kind.build(RATE, Level::detect());
    values.iter().for_each(|(path, value)| set(&mut machine, path, *value));
    machine
}

fn tone(hz: f64, amplitude: f64, frames: usize) -> Stereo {
    let wave = |n: usize| (amplitude * (TAU * hz * n as f64 / RATE.0).sin()) as f32;
    std::array::from_fn(|_| (0..frames).map(wave).collect())
}

/// The level of a steady tone after a machine against before it, in dB.
fn gain_db(machine: &mut Machine, hz: f64) -> f64 {
    let input = tone(hz, 0.1, 48_000);
    let output = render(machine, input.clone());
    decibels(rms(&output[0][24_000..]) / rms(&input[0][24_000..]))
}

/// Bursts of noise with gaps, a sidechain that sounds at other times, and every control on the move; in blocks of what `cut` gives.
fn scene(kind: MachineKind, mut cut: impl FnMut() -> usize) -> Stereo {
    let (mut machine, frames) = (machine(kind, &[]), 60_000);
    let (mut signal, mut side) = (silence(frames), silence(frames));
    for (burst, plane) in [(100..2_000, 0), (100..1_500, 1), (30_003..31_000, 0), (58_111..58_500, 1)] {
        let noise = Noise(burst.end as u64).stereo(burst.len());
        signal[plane][burst].copy_from_slice(&noise[0]);
    }
    for (burst, plane) in [(1_111..3_000, 0), (45_000..47_001, 1)] {
        let noise = Noise(burst.end as u64).stereo(burst.len());
        side[plane][burst].copy_from_slice(&noise[1]);
    }
    let mut random = Noise(77);
    let changes: Vec<(usize, usize, f32)> = (0..120)
        .map(|n| {
            let control = random.next() as usize % kind.parameters().len();
            // What decays for long would leave no time to sleep.
            let position = 0.5 * (random.sample() + 1.0) * if n < 60 { 1.0 } else { 0.3 };
            (n * 499, control, kind.parameters()[control].value_at(position))
        })
        .collect();
    let mut frame = 0;
    while frame < frames {
        for (_, control, value) in changes.iter().filter(|(at, _, _)| *at == frame) {
            machine.set_parameter(*control, *value);
        }
        if frame == 499 * 50 {
            machine.set_tempo(Tempo { bpm: 93.5, increment: 1e-4, frame: frame as u64 });
        }
        let next = changes.iter().map(|(at, _, _)| *at).find(|at| *at > frame).unwrap_or(frames);
        let end = (frame + cut()).min(next).min(frames);
        let sounds = |planes: &Stereo| planes.iter().any(|plane| plane[frame..end].iter().any(|x| *x != 0.0));
        let side_sounds = sounds(&side);
        let input = if sounds(&signal) { Activity::Sounding } else { Activity::Silent };
        let side = side.each_ref().map(|plane| &plane[frame..end]);
        let heard = side_sounds.then(|| AudioBlock::new(&side));
        let [left, right] = &mut signal;
        let mut io = AudioBlockMut::new([&mut left[frame..end], &mut right[frame..end]]);
        if input == Activity::Silent && heard.is_none() && machine.asleep() {
            machine.skip(end - frame);
        } else {
            machine.render(&mut RenderContext::new(frame as u64, input), heard.as_ref(), &mut io);
        }
        frame = end;
    }
    signal
}

#[test]
fn bits_of_every_machine_are_the_same_for_any_cut() {
    for kind in MachineKind::ALL {
        let whole = bits(&scene(*kind, || BLOCK_SIZE));
        for size in [1, 7, 64] {
            assert!(bits(&scene(*kind, || size)) == whole, "{}: blocks of {size}", kind.label());
        }
        for seed in 1..4 {
            let mut random = Noise(seed);
            let cut = || 1 + random.next() as usize % BLOCK_SIZE;
            assert!(bits(&scene(*kind, cut)) == whole, "{}: random blocks, seed {seed}", kind.label());
        }
    }
}

#[test]
fn every_machine_stays_finite_at_both_ends_of_every_control_and_rate() {
    for kind in MachineKind::ALL {
        for rate in [44_100.0, 192_000.0].map(SampleRate) {
            let mut random = Noise(5);
            let mut machine = kind.build(rate, Level::detect());
            for round in 0..40 {
                for control in 0..kind.parameters().len() {
                    let end = (random.next() % 2) as f32;
                    machine.set_parameter(control, kind.parameters()[control].value_at(end));
                }
                let mut signal = random.stereo(2_000);
                signal.iter_mut().flatten().for_each(|sample| *sample *= 4.0);
                let output = render(&mut machine, signal);
                let loudest = output.iter().flatten().fold(0.0f32, |loudest, x| loudest.max(x.abs()));
                assert!(loudest < 1.0e4, "{} at {rate:?}, round {round}: {loudest}", kind.label());
                assert!(output.iter().flatten().all(|x| x.is_finite()), "{}", kind.label());
            }
        }
    }
}

#[test]
fn every_machine_is_new_after_a_reset_and_silent_before_it_hears_anything() {
    for kind in MachineKind::ALL {
        let fresh = render(&mut machine(*kind, &[]), Noise(8).stereo(20_000));
        let mut used = machine(*kind, &[]);
        render(&mut used, Noise(7).stereo(10_001));
        used.reset();
        assert!(render(&mut used, silence(300)).iter().flatten().all(|x| x.to_bits() == 0));
        used.reset();
        assert!(bits(&render(&mut used, Noise(8).stereo(20_000))) == bits(&fresh), "{}", kind.label());
    }
}

#[test]
fn a_quick_machine_sleeps_once_its_tail_is_over() {
    for kind in MachineKind::ALL {
        let mut machine = machine(*kind, &[]);
        let Tail::Frames(tail) = machine.tail() else { panic!("{} never ends", kind.label()) };
        // A convolution waits until its blocks are through.
        if tail < 6 * 48_000 && *kind != MachineKind::Convolution {
            render(&mut machine, impulse(tail as usize + 256));
            assert!(machine.asleep(), "{} after {tail} frames", kind.label());
        }
    }
}

#[test]
fn a_mix_of_0_leaves_the_input_untouched() {
    for kind in MachineKind::ALL.iter().filter(|kind| kind.parameter_index("mix").is_some()) {
        let (noise, mut machine) = (Noise(4).stereo(10_000), machine(*kind, &[("mix", 0.0)]));
        if kind.parameter_index("level").is_some() {
            set(&mut machine, "level", 0.0);
        }
        assert!(render(&mut machine, noise.clone()) == noise, "{}", kind.label());
    }
}

#[test]
fn no_machine_adds_latency_to_what_it_lets_through() {
    use MachineKind::*;
    for kind in [Delay, Chorus, Flanger, Phaser, Plate, Equaliser, Compressor, Crusher] {
        let output = render(&mut machine(kind, &[]), impulse(64));
        assert!(output[0][0].abs() > 0.3, "{}: {}", kind.label(), output[0][0]);
    }
}

/// Frames whose sample is above a tenth of full scale.
fn echoes(plane: &[f32]) -> Vec<usize> {
    (0..plane.len()).filter(|n| plane[*n].abs() > 0.1).collect()
}

#[test]
fn the_delay_repeats_on_the_frame_in_milliseconds_and_in_notes_of_the_tempo() {
    let wet = [("mix", 100.0), ("high_cut", 20_000.0), ("low_cut", 20.0), ("feedback", 50.0)];
    let mut free = machine(MachineKind::Delay, &wet);
    set(&mut free, "note", 0.0);
    set(&mut free, "time", 100.0);
    let [left, _] = render(&mut free, impulse(12_000));
    assert_eq!(echoes(&left)[0], 4_800);
    assert!(echoes(&left).contains(&9_600));
    for (note, tempo, frames) in
        [(9, 120.0, 24_000), (8, 120.0, 18_000), (6, 100.0, 14_400), (7, 120.0, 16_000)]
    {
        let mut synced = machine(MachineKind::Delay, &wet);
        set(&mut synced, "note", note as f32);
        synced.set_tempo(Tempo { bpm: tempo, ..Tempo::USUAL });
        let [left, _] = render(&mut synced, impulse(30_000));
        assert_eq!(echoes(&left)[0], frames, "{}", MachineKind::Delay.parameters()[2].choices[note]);
    }
}

#[test]
fn a_tempo_that_no_host_should_have_ends_in_a_range_that_machines_know() {
    for (bpm, increment) in [(100.0, -1.0), (100.0, 1.0), (1.0, 0.0), (10_000.0, 0.0)] {
        let mut delay = machine(MachineKind::Delay, &[]);
        delay.set_tempo(Tempo { bpm, increment, frame: 0 });
        let output = render(&mut delay, Noise(3).stereo(48_000));
        assert!(output.iter().flatten().all(|x| x.is_finite()));
        assert!(matches!(delay.tail(), Tail::Frames(1..)), "{bpm} {increment}: {:?}", delay.tail());
    }
}

#[test]
fn a_delay_that_wakes_is_told_the_same_tempo_wherever_its_line_was_told() {
    let heard = |told: u64| {
        let mut delay = machine(MachineKind::Delay, &[]);
        delay.set_tempo(Tempo { bpm: 90.0 + 1e-3 * told as f64, increment: 1e-3, frame: told });
        let mut signal = silence(40_000);
        signal[0][101] = 1.0;
        render(&mut delay, signal)
    };
    assert!(bits(&heard(0)) == bits(&heard(101)) && bits(&heard(0)) == bits(&heard(90)));
}

#[test]
fn ping_pong_throws_each_repeat_to_the_other_side() {
    let values = [
        ("mix", 100.0),
        ("note", 0.0),
        ("time", 10.0),
        ("ping_pong", 100.0),
        ("feedback", 80.0),
        ("high_cut", 20_000.0),
        ("low_cut", 20.0),
    ];
    let mut delay = machine(MachineKind::Delay, &values);
    let [left, right] = render(&mut delay, impulse(2_000));
    let energy_at = |plane: &[f32], repeat: usize| energy(&plane[480 * repeat - 8..480 * repeat + 200]);
    for repeat in 1..4 {
        let (here, there) = if repeat % 2 == 1 { (&left, &right) } else { (&right, &left) };
        assert!(energy_at(here, repeat) > 100.0 * energy_at(there, repeat), "repeat {repeat}");
    }
}

#[test]
fn the_plate_decays_in_the_time_asked_for_and_is_wide() {
    for decay in [1.0, 2.5, 6.0] {
        let values = [("decay", decay), ("mix", 100.0), ("damping", 20_000.0), ("motion", 0.0)];
        let frames = (f64::from(decay) * RATE.0 * 1.2) as usize;
        let [left, right] = render(&mut machine(MachineKind::Plate, &values), impulse(frames));
        let half = (f64::from(decay) * RATE.0 * 0.25) as usize;
        let level = |from: usize| rms(&left[from..from + 4_800]);
        // From an eighth of the decay to five eighths of it: 30 dB.
        let fallen = decibels(level(half / 2) / level(half / 2 + 2 * half));
        println!("{decay} s: {fallen:.1} dB in half of it");
        assert!((25.0..35.0).contains(&fallen), "{decay} s: {fallen} dB in half of it");
        let product: f64 = left.iter().zip(&right).map(|(l, r)| f64::from(*l) * f64::from(*r)).sum();
        assert!((product / (energy(&left) * energy(&right)).sqrt()).abs() < 0.2);
    }
}

#[test]
fn the_ladder_falls_by_24_db_an_octave_and_sings_when_it_is_told_to() {
    let values = [("cutoff", 1_000.0), ("resonance", 0.0)];
    let low = |hz| gain_db(&mut machine(MachineKind::Ladder, &values), hz);
    let (flat, corner, above, far) = (low(100.0), low(1_000.0), low(4_000.0), low(8_000.0));
    println!("{flat:.2} {corner:.2} {above:.2} {far:.2}");
    assert!(flat.abs() < 0.5 && (-14.0..-10.0).contains(&corner), "{flat} {corner}");
    assert!((-27.0..-21.0).contains(&(far - above)), "{above} {far}");
    let high = [("cutoff", 1_000.0), ("resonance", 0.0), ("mode", 4.0)];
    assert!(gain_db(&mut machine(MachineKind::Ladder, &high), 125.0) < -60.0);
    let mut singing = machine(MachineKind::Ladder, &[("cutoff", 440.0), ("resonance", 105.0)]);
    assert_eq!(singing.tail(), Tail::Endless);
    let output = render(&mut singing, impulse(96_000));
    let crossings = output[0][48_000..].windows(2).filter(|x| x[0] < 0.0 && x[1] >= 0.0).count();
    println!("sings at {crossings} Hz");
    assert!((425..455).contains(&crossings), "{crossings} Hz");
}

#[test]
fn the_equaliser_lifts_and_cuts_what_it_is_told_to_and_leaves_the_rest() {
    let gain = |values: &[(&str, f32)], hz| gain_db(&mut machine(MachineKind::Equaliser, values), hz);
    for hz in [30.0, 1_000.0, 15_000.0] {
        assert!(gain(&[], hz).abs() < 0.001, "flat at {hz} Hz");
    }
    let bell = [("mid_gain", 12.0), ("mid", 1_000.0), ("mid_q", 2.0)];
    assert!((gain(&bell, 1_000.0) - 12.0).abs() < 0.05 && gain(&bell, 50.0).abs() < 0.1);
    let shelves = [("low_gain", -9.0), ("high_gain", 6.0)];
    assert!((gain(&shelves, 25.0) + 9.0).abs() < 0.3 && (gain(&shelves, 18_000.0) - 6.0).abs() < 0.3);
    let cuts = [("low_cut", 200.0), ("high_cut", 4_000.0)];
    assert!((gain(&cuts, 50.0) + 24.0).abs() < 1.0, "{}", gain(&cuts, 50.0));
    assert!((gain(&cuts, 200.0) + 3.0).abs() < 0.1 && gain(&cuts, 16_000.0) < -24.0);
}

/// The level of the second half of a tone after a machine, in dB, with a sidechain.
fn level_db(machine: &mut Machine, input_db: f64, side: Option<f64>) -> f64 {
    let mut signal = tone(997.0, 10f64.powf(input_db / 20.0), 48_000);
    let side = side.map(|db| tone(997.0, 10f64.powf(db / 20.0), BLOCK_SIZE));
    let mut frame = 0;
    while frame < 48_000 {
        let end = (frame + BLOCK_SIZE).min(48_000);
        let [left, right] = &mut signal;
        let mut io = AudioBlockMut::new([&mut left[frame..end], &mut right[frame..end]]);
        let planes = side.as_ref().map(|side| side.each_ref().map(|plane| &plane[..end - frame]));
        let block = planes.as_ref().map(|planes| AudioBlock::new(planes));
        machine.render(&mut RenderContext::new(frame as u64, Activity::Sounding), block.as_ref(), &mut io);
        frame = end;
    }
    decibels(rms(&signal[0][24_000..]) * 2f64.sqrt())
}

#[test]
fn the_compressor_holds_its_ratio_and_says_what_it_takes() {
    let values = [("threshold", -30.0), ("ratio", 4.0), ("knee", 0.0), ("release", 1_000.0)];
    for (input, expected) in [(-40.0, -40.0), (-30.0, -30.0), (-18.0, -27.0), (-6.0, -24.0)] {
        let mut machine = machine(MachineKind::Compressor, &values);
        let level = level_db(&mut machine, input, None);
        println!("{input} dB: {level:.2} dB, takes {:.2}", machine.reduction_db().unwrap());
        assert!((level - expected).abs() < 0.4, "{input} dB became {level}");
        assert!((f64::from(machine.reduction_db().unwrap()) - (input - level)).abs() < 0.4);
    }
}

#[test]
fn compressor_and_gate_hear_the_sidechain_if_they_are_told_to() {
    let values = [("threshold", -30.0), ("ratio", 10.0), ("knee", 0.0), ("release", 1_000.0)];
    let mut deaf = machine(MachineKind::Compressor, &values);
    assert!((level_db(&mut deaf, -40.0, Some(0.0)) + 40.0).abs() < 0.1);
    let mut hears = machine(MachineKind::Compressor, &values);
    set(&mut hears, "sidechain", 1.0);
    assert!((level_db(&mut hears, -40.0, Some(0.0)) + 67.0).abs() < 0.6);
    let mut gate = machine(MachineKind::Gate, &[("threshold", -30.0), ("sidechain", 1.0)]);
    assert!(level_db(&mut gate, -10.0, None) < -80.0);
    assert!((level_db(&mut gate, -10.0, Some(-20.0)) + 10.0).abs() < 0.1);
}

#[test]
fn the_gate_opens_at_its_threshold_and_closes_below_it_by_the_hysteresis() {
    let values =
        [("threshold", -30.0), ("hysteresis", 6.0), ("release", 5.0), ("hold", 0.0), ("range", -80.0)];
    let mut gate = machine(MachineKind::Gate, &values);
    let mut level = |db| level_db(&mut gate, db, None);
    assert!(level(-33.0) < -80.0, "below the threshold");
    assert!((level(-28.0) + 28.0).abs() < 0.1, "above it");
    assert!((level(-33.0) + 33.0).abs() < 0.1, "between both");
    assert!(level(-38.0) < -80.0, "below both");
}

#[test]
fn the_crusher_has_as_many_steps_as_its_bits_and_holds_for_its_clock() {
    let values = [("bits", 3.0), ("rate", 4_800.0)];
    let [left, _] = render(&mut machine(MachineKind::Crusher, &values), tone(100.0, 1.0, 4_800));
    let mut steps: Vec<i32> = left.iter().map(|x| (x * 4.0).round() as i32).collect();
    assert!(left.iter().all(|x| (x * 4.0).fract() == 0.0));
    let changes: Vec<usize> = (1..left.len()).filter(|n| left[*n] != left[n - 1]).collect();
    assert!(changes.windows(2).all(|pair| (pair[1] - pair[0]) % 10 == 0), "{changes:?}");
    steps.sort_unstable();
    steps.dedup();
    assert_eq!(steps, (-4..=4).collect::<Vec<_>>());
}

/// How much of a distorted tone lies where none of its overtones do, in dB below all of it. The tone has 1,001 turns a second.
fn aliases_db(output: &[f32]) -> f64 {
    let frames = 48_000;
    let part = |hz: f64| {
        let (re, im) =
            output[output.len() - frames..].iter().enumerate().fold((0.0, 0.0), |(re, im), (n, x)| {
                let angle = TAU * hz * n as f64 / RATE.0;
                (re + f64::from(*x) * angle.cos(), im + f64::from(*x) * angle.sin())
            });
        2.0 * (re * re + im * im) / (frames * frames) as f64
    };
    let all = energy(&output[output.len() - frames..]) / frames as f64;
    let overtones: f64 = (1..24).map(|n| part(1_001.0 * f64::from(n))).sum();
    10.0 * ((all - overtones).max(1e-12) / all).log10()
}

#[test]
fn the_distortion_folds_back_less_than_its_curve_alone_would() {
    let input = tone(1_001.0, 0.5, 72_000);
    let values = [("drive", 24.0), ("level", 0.0), ("high_cut", 20_000.0)];
    for (curve, better_than) in [(0, -40.0), (1, -38.0), (2, -25.0), (3, -38.0)] {
        let mut distortion = machine(MachineKind::Distortion, &values);
        set(&mut distortion, "curve", curve as f32);
        let [left, _] = render(&mut distortion, input.clone());
        let aliases = aliases_db(&left);
        let naive: Vec<f32> = input[0].iter().map(|x| (x * 15.85).clamp(-1.0, 1.0)).collect();
        println!(
            "{}: {aliases:.1} dB, a plain hard clip {:.1}",
            MachineKind::Distortion.parameters()[1].choices[curve],
            aliases_db(&naive)
        );
        assert!(aliases < better_than, "curve {curve}: {aliases} dB");
    }
}

#[test]
fn chorus_flanger_and_phaser_move_and_are_wide() {
    for (kind, range) in
        [(MachineKind::Chorus, 0.05), (MachineKind::Flanger, 0.2), (MachineKind::Phaser, 0.2)]
    {
        let [left, right] = render(&mut machine(kind, &[("rate", 2.0)]), tone(1_000.0, 0.5, 96_000));
        let levels: Vec<f64> = left[24_000..].chunks(960).map(rms).collect();
        let (least, most) =
            levels.iter().fold((f64::MAX, 0.0f64), |(least, most), x| (least.min(*x), most.max(*x)));
        println!("{}: {least:.3} to {most:.3}", kind.label());
        assert!(most - least > range * most, "{}", kind.label());
        assert!(left != right, "{}", kind.label());
    }
}
