//! Claims about the look-ahead limiter, its true peaks measured by another hand (`ebur128`).

use super::Layout;
use super::look_ahead::LookAhead;
use crate::audio::AudioBuffer;
use crate::audio::BLOCK_SIZE;
use crate::dsp::Level;
use crate::random::Random;
use crate::units::Decibels;
use crate::units::SampleRate;
use ebur128::EbuR128;
use ebur128::Mode;

const RATE: SampleRate = SampleRate(48_000.0);

/// Runs all channels through a limiter in blocks that `size` gives; the first `main` of them are the main output.
fn limited(
    planes: &[Vec<f32>],
    main: usize,
    limiter: &mut LookAhead,
    mut size: impl FnMut(usize) -> usize,
) -> Vec<Vec<f32>> {
    let frames = planes[0].len();
    let mut out = vec![Vec::new(); planes.len()];
    let mut at = 0;
    while at < frames {
        let n = size(at).clamp(1, BLOCK_SIZE).min(frames - at);
        let widths = [main, planes.len() - main];
        let mut memory = widths.map(|channels| AudioBuffer::new(channels, n));
        for (number, plane) in planes.iter().enumerate() {
            let (output, channel) = if number < main { (0, number) } else { (1, number - main) };
            memory[output].channel_mut(channel).copy_from_slice(&plane[at..at + n]);
        }
        let [first, second] = &mut memory;
        limiter.process(&(0..n), &mut [first.block_mut(n), second.block_mut(n)]);
        for (number, plane) in out.iter_mut().enumerate() {
            let (output, channel) = if number < main { (0, number) } else { (1, number - main) };
            plane.extend(memory[output].channel(channel));
        }
        at += n;
    }
    out
}

fn limiter(main: usize, other: usize, rate: SampleRate, ceiling: f32) -> LookAhead {
    let layout = Layout { main_input: 0, sidechain: 0, outputs: vec![main, other] };
    let mut limiter = LookAhead::new(&layout, rate, Level::detect());
    limiter.set_ceiling(Decibels(ceiling).into());
    limiter.settle();
    limiter
}

fn true_peak(plane: &[f32], rate: SampleRate) -> f32 {
    let mut meter = EbuR128::new(1, rate.0 as u32, Mode::TRUE_PEAK).unwrap();
    meter.add_frames_f32(plane).unwrap();
    Decibels::from(crate::units::Gain(meter.true_peak(0).unwrap() as f32)).0
}

/// What limiters stumble over, all far above the ceiling.
fn nasty(rate: SampleRate) -> Vec<(&'static str, Vec<f32>)> {
    let frames = rate.0 as usize;
    let mut random = Random(7);
    let noise: Vec<f32> = (0..frames).map(|_| (random.sample() * 20.0).clamp(-1.0, 1.0)).collect();
    let bursts =
        (0..frames).map(|n| if n / 300 % 9 == 3 { noise[n] * 4.0 } else { noise[n] * 0.05 }).collect();
    // Between the samples of a quarter of the rate the wave is 3 dB higher.
    let quarter = (0..frames).map(|n| [1.0, 1.0, -1.0, -1.0][n % 4]).collect();
    let sparse = (0..frames).map(|n| if n % 997 == 0 { 3.0 } else { 0.0 }).collect();
    let pairs = (0..frames).map(|n| if n % 1500 < 2 { 1.0 } else { 0.0 }).collect();
    let odd = (0..frames).map(|n| 2.0 * libm::sinf(n as f32 * 1.7 + 0.3)).collect();
    let low = (0..frames).map(|n| 4.0 * libm::sinf(n as f32 * 0.006)).collect();
    vec![
        ("clipped noise", noise),
        ("bursts", bursts),
        ("a quarter of the rate", quarter),
        ("impulses", sparse),
        ("pairs", pairs),
        ("a sine between samples", odd),
        ("a low sine", low),
    ]
}

#[test]
fn no_true_peak_passes_the_ceiling_by_a_tenth_of_a_decibel() {
    for rate in [44_100.0, 48_000.0, 96_000.0, 192_000.0].map(SampleRate) {
        for (name, mut plane) in nasty(rate) {
            // The end is to be heard, too: what stops dead rings in an interpolator.
            plane.resize(plane.len() + 2000, 0.0);
            for ceiling in [-1.0, -12.0] {
                let mut limiter = limiter(1, 0, rate, ceiling);
                let over = true_peak(&plane, rate) - ceiling;
                let out = limited(&[plane.clone()], 1, &mut limiter, |_| BLOCK_SIZE);
                let peak = true_peak(&out[0], rate) - ceiling;
                assert!(over > 0.5, "{name} does not try the limiter: {over} dB");
                assert!(peak < 0.1, "{name} at {} Hz, {ceiling} dB: {peak:.3} dB over", rate.0);
                println!("{name} at {} Hz, {ceiling} dB: {peak:.3} dB over", rate.0);
                // At the highest rate the meter looks at samples alone, which lie lower.
                assert!(
                    rate.0 > 100_000.0 || peak > -0.1,
                    "{name} at {} Hz is turned down too far: {peak} dB",
                    rate.0
                );
            }
        }
    }
}

#[test]
fn what_stays_below_the_ceiling_comes_out_late_and_otherwise_as_it_was() {
    let mut random = Random(3);
    let planes: Vec<Vec<f32>> = (0..5).map(|_| (0..5000).map(|_| random.sample() * 0.2).collect()).collect();
    for rate in [44_100.0, 48_000.0, 96_000.0].map(SampleRate) {
        let mut limiter = limiter(3, 2, rate, -1.0);
        let late = limiter.latency();
        assert!((0.0015..0.003).contains(&(late as f64 / rate.0)));
        for (to, from) in limited(&planes, 3, &mut limiter, |_| 100).iter().zip(&planes) {
            assert!(to[..late].iter().all(|&sample| sample == 0.0));
            assert_eq!(to[late..], from[..5000 - late]);
        }
    }
}

#[test]
fn all_outputs_are_late_by_the_same_and_only_the_main_one_is_turned_down() {
    let mut plane = vec![0.0; 2000];
    plane[500] = 4.0;
    let mut limiter = limiter(2, 2, RATE, -6.0);
    let late = limiter.latency();
    let mut quiet = vec![0.0; 2000];
    quiet[500] = 0.01;
    let out = limited(&[plane.clone(), quiet.clone(), plane, quiet], 2, &mut limiter, |_| 64);
    for (number, expected) in [(2, 4.0), (3, 0.01)] {
        assert_eq!(out[number].iter().position(|&sample| sample != 0.0), Some(500 + late));
        assert_eq!(out[number][500 + late], expected);
    }
    let gain = out[0][500 + late] / 4.0;
    assert!(gain < 0.126 && gain > 0.11, "{gain}");
    assert!((out[1][500 + late] / 0.01 - gain).abs() < 1e-6, "channels are linked");
}

#[test]
fn the_same_bits_come_out_however_blocks_are_cut_while_the_ceiling_moves() {
    let plane = nasty(RATE).remove(1).1;
    let run = |seed: u64| {
        let mut limiter = limiter(2, 1, RATE, -1.0);
        let mut random = Random(seed);
        let mut out = Vec::new();
        for (turn, part) in plane.chunks(4096).enumerate() {
            limiter.set_ceiling(Decibels([-1.0, -9.0, -3.0][turn % 3]).into());
            let planes = [part.to_vec(), part.iter().map(|sample| sample * 0.3).collect(), part.to_vec()];
            out.push(limited(&planes, 2, &mut limiter, |_| 1 + ((random.sample() + 1.0) * 127.0) as usize));
        }
        out.concat().concat().iter().map(|sample| sample.to_bits()).collect::<Vec<_>>()
    };
    let whole = run(1);
    (2..5).for_each(|seed| assert!(run(seed) == whole, "seed {seed}"));
}

#[test]
fn a_short_peak_is_let_go_sooner_than_a_long_one_and_both_end_in_exact_unity() {
    let frames_until = |loud: usize| {
        let mut limiter = limiter(1, 0, RATE, -6.0);
        let plane: Vec<f32> = (0..8 * 48_000).map(|n| if n < loud { 1.0 } else { 0.1 }).collect();
        let out = &limited(&[plane], 1, &mut limiter, |_| BLOCK_SIZE)[0];
        assert_eq!(out[out.len() - 1], 0.1);
        out.iter().skip(loud + 200).position(|&sample| sample > 0.09).unwrap()
    };
    let (short, long) = (frames_until(50), frames_until(48_000));
    assert!(short < 4800 && long > 3 * short, "{short} and {long} frames");
}

#[test]
fn reset_forgets_what_is_on_its_way_and_nothing_that_is_no_number_stays() {
    let loud = [vec![f32::INFINITY; 300], vec![f32::NAN; 300]];
    let mut limiter = limiter(2, 0, RATE, -1.0);
    limited(&loud, 2, &mut limiter, |_| 64);
    limiter.reset();
    let plane = vec![0.25; 1000];
    let late = limiter.latency();
    let out = limited(&[plane.clone(), plane], 2, &mut limiter, |_| 64);
    assert!(out[0][..late].iter().all(|&sample| sample == 0.0));
    assert!(out[0][late..].iter().all(|&sample| sample == 0.25));
}
