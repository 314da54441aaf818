use super::*;

const RATE: SampleRate = SampleRate(48_000.0);

const HALL: Room =
    Room { decay_s: [2.4, 2.0, 1.2], crossover_hz: [250.0, 4_000.0], size: 1.0, motion: 0.3, motion_hz: 0.5 };

type Stereo = [Vec<f32>; 2];

pub(crate) fn noise(frames: usize, mut seed: u64) -> Vec<f32> {
    let mut next = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..frames).map(|_| next()).collect()
}

fn render(fdn: &mut Fdn, input: &Stereo, mut cut: impl FnMut() -> usize) -> Stereo {
    let (frames, mut start) = (input[0].len(), 0);
    let mut output = [vec![0.0; frames], vec![0.0; frames]];
    while start < frames {
        let end = (start + cut()).min(frames);
        let [left, right] = &mut output;
        let inputs = [&input[0][start..end], &input[1][start..end]];
        fdn.process(inputs, [&mut left[start..end], &mut right[start..end]]);
        start = end;
    }
    output
}

fn bits(signal: &Stereo) -> Vec<u32> {
    signal.iter().flatten().map(|sample| sample.to_bits()).collect()
}

pub(crate) fn rms(signal: &[f32]) -> f64 {
    (signal.iter().map(|x| f64::from(*x) * f64::from(*x)).sum::<f64>() / signal.len() as f64).sqrt()
}

/// Two two-pole band-passes one after the other, about a third of an octave wide.
pub(crate) fn band(signal: &[f32], centre_hz: f64, rate: SampleRate) -> Vec<f64> {
    let (w, q) = (TAU * centre_hz / rate.0, 4.0);
    let alpha = w.sin() / (2.0 * q);
    let (b, a1, a2) = (alpha / (1.0 + alpha), -2.0 * w.cos() / (1.0 + alpha), (1.0 - alpha) / (1.0 + alpha));
    let pass = |signal: Vec<f64>| {
        let (mut x, mut y) = ([0.0; 2], [0.0; 2]);
        let step = |now: f64| {
            let out = b * (now - x[1]) - a1 * y[0] - a2 * y[1];
            (x, y) = ([now, x[0]], [out, y[0]]);
            out
        };
        signal.into_iter().map(step).collect::<Vec<f64>>()
    };
    pass(pass(signal.iter().map(|x| f64::from(*x)).collect()))
}

/// Reverberation time from the energy that remains (Schroeder), -5 to -35 dB, extrapolated to -60.
pub(crate) fn t60_s(response: &[f64]) -> f64 {
    let total: f64 = response.iter().map(|x| x * x).sum();
    let (mut left, mut from, mut to) = (total, None, None);
    for (n, x) in response.iter().enumerate() {
        let level = 10.0 * (left / total).log10();
        from = from.or((level <= -5.0).then_some((n, level)));
        to = to.or((level <= -35.0).then_some((n, level)));
        left -= x * x;
    }
    let ((from, high), (to, low)) = (from.unwrap(), to.unwrap());
    (to - from) as f64 / RATE.0 * 60.0 / (high - low)
}

/// Reverberation times of lows, mids and highs.
fn measured(room: Room) -> [f64; 3] {
    let longest = room.decay_s.iter().fold(0.0f32, |longest, decay| longest.max(*decay));
    let frames = (f64::from(longest) * 1.2 * RATE.0) as usize + 24_000;
    let mut input = [vec![0.0; frames], vec![0.0; frames]];
    (input[0][0], input[1][0]) = (1.0, 1.0);
    let response = render(&mut Fdn::new(RATE, Level::detect(), room), &input, || 256);
    let [low, high] = room.crossover_hz.map(f64::from);
    [low / 2.5, (low * high).sqrt(), high * 2.0].map(|centre_hz| {
        let times = response.iter().map(|side| t60_s(&band(side, centre_hz, RATE)));
        times.sum::<f64>() / 2.0
    })
}

#[test]
fn every_band_decays_in_its_own_time() {
    let mut worst = 0.0f64;
    for decay_s in
        [[2.0, 2.0, 2.0], [4.0, 2.0, 1.0], [1.0, 2.0, 0.7], [6.0, 4.0, 1.5], [0.8, 0.6, 0.4], [1.5, 3.0, 3.0]]
    {
        for (size, motion) in [(0.5, 0.0), (1.0, 0.3), (1.5, 1.0)] {
            let room = Room { decay_s, size, motion, ..HALL };
            let times = measured(room);
            for (time, wanted) in times.iter().zip(decay_s) {
                worst = worst.max((time / f64::from(wanted) - 1.0).abs());
            }
            println!("{decay_s:?} size {size}: {times:.3?}");
        }
    }
    assert!(worst < 0.1, "{worst}");
}

#[test]
fn bits_do_not_depend_on_cuts_or_levels() {
    let input = [noise(40_000, 1), noise(40_000, 2)];
    let run = |level, cut: &mut dyn FnMut() -> usize| {
        let mut fdn = Fdn::new(RATE, level, HALL);
        let mut output: Stereo = [Vec::new(), Vec::new()];
        for (start, size) in [(0, 1.0), (10_000, 0.4), (10_600, 1.3), (30_000, 0.9)] {
            let end = [10_000, 10_600, 30_000, 40_000].into_iter().find(|end| *end > start).unwrap();
            fdn.set(Room { size, decay_s: [3.0 * size, 2.0, 1.0], motion: size / 2.0, ..HALL });
            let part = [input[0][start..end].to_vec(), input[1][start..end].to_vec()];
            for (whole, part) in output.iter_mut().zip(render(&mut fdn, &part, &mut *cut)) {
                whole.extend(part);
            }
        }
        bits(&output)
    };
    let whole = run(Level::detect(), &mut || 8192);
    for size in [1, 63, 64, 256] {
        assert!(run(Level::detect(), &mut || size) == whole, "blocks of {size}");
    }
    for level in Level::available() {
        let mut seed = 5u64;
        let mut cut = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            1 + (seed >> 33) as usize % 500
        };
        assert!(run(level, &mut cut) == whole, "{level:?}");
    }
}

#[test]
fn steady_noise_comes_out_as_loud_as_it_came_in() {
    for decay_s in [[0.5; 3], [2.0; 3], [10.0; 3]] {
        let frames = 48_000 * 16;
        let input = [noise(frames, 3), noise(frames, 4)];
        let output = render(&mut Fdn::new(RATE, Level::detect(), Room { decay_s, ..HALL }), &input, || 256);
        for (input, output) in input.iter().zip(&output) {
            let change = 20.0 * (rms(&output[frames / 2..]) / rms(&input[frames / 2..])).log10();
            println!("{decay_s:?}: {change:.2} dB");
            assert!(change.abs() < 1.5, "{decay_s:?}: {change} dB");
        }
    }
}

#[test]
fn all_lines_together_have_twice_the_power_of_an_input() {
    let (frames, input) = (48_000 * 8, noise(48_000 * 8, 3));
    let mut fdn = Fdn::new(RATE, Level::detect(), HALL);
    let (mut power, mut seen) = (0.0, 0);
    fdn.process_lines([&input, &input], |range, lines| {
        assert_eq!(range.start, seen);
        seen = range.end;
        if range.start >= frames / 2 {
            power +=
                lines.iter().map(|line| rms(&line[..range.len()]).powi(2) * range.len() as f64).sum::<f64>();
        }
    });
    let change = 10.0 * (power / (frames / 2) as f64 / rms(&input).powi(2) / 2.0).log10();
    assert!(seen == frames && change.abs() < 1.5, "{seen} frames, {change} dB");
}

#[test]
fn both_sides_are_unlike() {
    let frames = 96_000;
    let mut input = [vec![0.0; frames], vec![0.0; frames]];
    (input[0][0], input[1][0]) = (1.0, 1.0);
    let [left, right] = render(&mut Fdn::new(RATE, Level::detect(), HALL), &input, || 256);
    let product: f64 = left.iter().zip(&right).map(|(l, r)| f64::from(*l) * f64::from(*r)).sum();
    let correlation = product / (rms(&left) * rms(&right) * frames as f64);
    println!(
        "correlation {correlation:.3}, left over right {:.2} dB",
        20.0 * (rms(&left) / rms(&right)).log10()
    );
    assert!(correlation.abs() < 0.15, "{correlation}");
}

#[test]
fn changes_of_every_setting_leave_no_step() {
    let tone: Vec<f32> =
        (0..96_000).map(|n| (TAU * 220.0 * f64::from(n) / RATE.0).sin() as f32 * 0.5).collect();
    let bend =
        |signal: &[f32]| signal.windows(3).fold(0.0f32, |most, w| most.max((w[2] - 2.0 * w[1] + w[0]).abs()));
    let far = |band: usize, decay: f32| {
        let mut room = HALL;
        room.decay_s[band] = decay;
        room
    };
    // A step of -60 dBFS bends by 0.001, the tone itself by up to 0.0004.
    for (name, room) in [
        ("nothing", HALL),
        ("decay", Room { decay_s: [1.0, 3.0, 0.5], ..HALL }),
        ("crossover", Room { crossover_hz: [500.0, 2_000.0], ..HALL }),
        ("size", Room { size: 0.6, ..HALL }),
        ("motion", Room { motion: 1.0, motion_hz: 1.0, ..HALL }),
        ("lows to 0.1 s", far(0, 0.1)),
        ("lows to 20 s", far(0, 20.0)),
        ("mids to 0.1 s", far(1, 0.1)),
        ("mids to 20 s", far(1, 20.0)),
        ("highs to 0.1 s", far(2, 0.1)),
        ("highs to 20 s", far(2, 20.0)),
        ("size to 0.2", Room { size: 0.2, ..HALL }),
        ("highs from 1.5 kHz", Room { crossover_hz: [250.0, 1_500.0], ..HALL }),
        ("lows from 1 kHz", Room { crossover_hz: [1_000.0, 4_000.0], ..HALL }),
    ] {
        let mut fdn = Fdn::new(RATE, Level::detect(), HALL);
        render(&mut fdn, &[tone.clone(), tone.clone()], || 256);
        fdn.set(room);
        let after = render(&mut fdn, &[tone.clone(), tone.clone()], || 100);
        let during = bend(&after[0][..9_600]);
        println!("{name}: bends by {during:.5}");
        assert!(during < 0.001, "{name}: {during}");
    }
}

#[test]
fn a_cleared_network_is_a_new_one() {
    let input = [noise(20_000, 6), noise(20_000, 7)];
    let mut used = Fdn::new(RATE, Level::detect(), Room { size: 0.4, ..HALL });
    render(&mut used, &input, || 1_003);
    used.set(HALL);
    used.clear();
    let expected = render(&mut Fdn::new(RATE, Level::detect(), HALL), &input, || 256);
    assert!(bits(&render(&mut used, &input, || 256)) == bits(&expected));
}

#[test]
fn every_rate_and_extreme_stays_bounded() {
    for rate in [8_000.0, 44_100.0, 192_000.0] {
        for (size, decay_s) in [(0.1, [20.0, 20.0, 20.0]), (1.5, [20.0, 0.1, 20.0]), (1.0, [0.1, 20.0, 0.1])]
        {
            let room = Room { size, decay_s, crossover_hz: [1_000.0, 1_000.0], motion: 1.0, motion_hz: 4.0 };
            let input = [noise(30_000, 8), noise(30_000, 9)];
            let output = render(&mut Fdn::new(SampleRate(rate), Level::detect(), room), &input, || 256);
            let peak = output.iter().flatten().fold(0.0f32, |peak, x| peak.max(x.abs()));
            assert!(peak.is_finite() && peak < 30.0, "{rate} Hz, size {size}, {decay_s:?}: {peak}");
        }
    }
}
