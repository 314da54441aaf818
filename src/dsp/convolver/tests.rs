use super::*;
use crate::random::Random;
use std::sync::Arc;

type Stereo = [Vec<f32>; 2];

fn convolver(planes: &[Vec<f32>], level: Level) -> Convolver {
    let planes: Vec<&[f32]> = planes.iter().map(Vec::as_slice).collect();
    Convolver::new(Arc::new(Response::new(&planes, level)), level)
}

/// Renders in pieces of what `cut` gives.
fn render(convolver: &mut Convolver, input: &Stereo, mut cut: impl FnMut() -> usize) -> Stereo {
    let (frames, mut start) = (input[0].len(), 0);
    let mut output = [vec![0.0; frames], vec![0.0; frames]];
    while start < frames {
        let end = (start + cut()).min(frames);
        let [left, right] = &mut output;
        let inputs = [&input[0][start..end], &input[1][start..end]];
        convolver.process(inputs, [&mut left[start..end], &mut right[start..end]]);
        start = end;
    }
    output
}

/// The sum itself, at frame `frame`.
fn direct(input: &[f32], response: &[f32], frame: usize) -> f64 {
    let taps = response.iter().take(frame + 1).enumerate();
    taps.map(|(tap, value)| f64::from(*value) * f64::from(input[frame - tap])).sum()
}

/// Greatest difference in dB below the expected sound's RMS, at frames that come ever `step`.
fn difference_db(output: &[f32], paths: &[(&[f32], &[f32])], step: usize) -> f64 {
    let (mut worst, mut power, mut count) = (0.0f64, 0.0, 0);
    for frame in (0..output.len()).step_by(step) {
        let expected: f64 = paths.iter().map(|(input, response)| direct(input, response, frame)).sum();
        worst = worst.max((f64::from(output[frame]) - expected).abs());
        power += expected * expected;
        count += 1;
    }
    20.0 * (worst / (power / f64::from(count)).sqrt()).log10()
}

fn bits(signal: &Stereo) -> Vec<u32> {
    signal.iter().flatten().map(|sample| sample.to_bits()).collect()
}

#[test]
fn the_convolution_is_the_direct_one_at_any_length_to_100_db() {
    let mut noise = Random(1);
    let input = [noise.samples(30_000), noise.samples(30_000)];
    for taps in [1, 63, 64, 65, 127, 128, 129, 1023, 1024, 1025, 4095, 8191, 8192, 8193, 20_000] {
        let planes = [noise.samples(taps), noise.samples(taps)];
        let output = render(&mut convolver(&planes, Level::detect()), &input, || 256);
        for side in 0..2 {
            let worst = difference_db(&output[side], &[(&input[side], &planes[side])], 29);
            assert!(worst < -100.0, "{taps} taps: {worst} dB");
        }
    }
}

#[test]
fn the_convolution_is_the_direct_one_on_both_sides_of_a_long_response() {
    let mut noise = Random(14);
    let input = [noise.samples(180_000), noise.samples(180_000)];
    for taps in [LONG_RESPONSE - 1, LONG_RESPONSE, LONG_RESPONSE + 1] {
        let planes = [noise.samples(taps), noise.samples(taps)];
        let convolver = &mut convolver(&planes, Level::detect());
        assert_eq!(convolver.stages.len(), if taps < LONG_RESPONSE { 3 } else { 4 });
        let output = render(convolver, &input, || 256);
        for side in 0..2 {
            let worst = difference_db(&output[side], &[(&input[side], &planes[side])], 1_999);
            assert!(worst < -100.0, "{taps} taps: {worst} dB");
        }
    }
}

#[test]
fn ten_seconds_are_the_direct_convolution_too() {
    let mut noise = Random(2);
    let (input, planes) = ([noise.samples(600_000), noise.samples(600_000)], [noise.samples(480_000)]);
    let output = render(&mut convolver(&planes, Level::detect()), &input, || 256);
    for side in 0..2 {
        let worst = difference_db(&output[side], &[(&input[side], &planes[0])], 2_999);
        println!("{worst:.1} dB");
        assert!(worst < -100.0, "{worst} dB");
    }
}

#[test]
fn four_planes_lead_both_inputs_to_both_outputs() {
    let mut noise = Random(3);
    let input = [noise.samples(20_000), noise.samples(20_000)];
    let planes: Vec<Vec<f32>> = (0..4).map(|n| noise.samples(9_000 + 100 * n)).collect();
    let output = render(&mut convolver(&planes, Level::detect()), &input, || 100);
    for side in 0..2 {
        let paths = [(&*input[0], &*planes[side]), (&*input[1], &*planes[2 + side])];
        let worst = difference_db(&output[side], &paths, 31);
        assert!(worst < -100.0, "{worst} dB");
    }
}

/// Bursts with gaps of all kinds, the last but one as long as asked for.
fn bursts(gap: usize) -> Stereo {
    let mut noise = Random(4);
    let end = 70_000 + gap;
    let mut signal = [vec![0.0; end + 2_000], vec![0.0; end + 2_000]];
    for burst in [77..900, 5_000..5_001, 60_001..60_900, 64_000..68_500, end..end + 1_000] {
        for plane in &mut signal {
            let sound = noise.samples(burst.len());
            plane[burst.clone()].copy_from_slice(&sound);
        }
    }
    signal[1][..5_000].fill(0.0);
    signal
}

#[test]
fn bits_do_not_depend_on_cuts_or_levels() {
    for (taps, gap) in [(13_000, 48_000), (LONG_RESPONSE + 20_000, 290_000)] {
        let (input, planes) = (bursts(gap), [Random(5).samples(taps), Random(6).samples(taps - 500)]);
        let whole = render(&mut convolver(&planes, Level::detect()), &input, || 8192);
        for size in [1, 7, 63, 64, 256] {
            let cut = render(&mut convolver(&planes, Level::detect()), &input, || size);
            assert!(bits(&cut) == bits(&whole), "{taps} taps, blocks of {size}");
        }
        for (seed, level) in (1..).zip(Level::available()) {
            let mut noise = Random(seed);
            let cut = render(&mut convolver(&planes, level), &input, || 1 + noise.below(700) as usize);
            assert!(bits(&cut) == bits(&whole), "{taps} taps, random cuts at {level:?}");
        }
    }
}

#[test]
fn what_is_left_out_while_drained_changes_no_bit() {
    for (taps, gap) in [(13_000, 48_000), (LONG_RESPONSE, 320_000)] {
        let (input, planes) = (bursts(gap), [Random(7).samples(taps)]);
        let whole = render(&mut convolver(&planes, Level::detect()), &input, || 64);
        let left_out = frames_left_out(&mut convolver(&planes, Level::detect()), &input, &whole);
        assert!(left_out > 20_000, "{taps} taps: {left_out}");
    }
}

/// Renders frame by frame, without those before which nothing sounds any more, and expects the same bits.
fn frames_left_out(convolver: &mut Convolver, input: &Stereo, whole: &Stereo) -> usize {
    let (mut left_out, mut asleep) = (0, false);
    for start in 0..input[0].len() {
        let frame = [input[0][start], input[1][start]];
        asleep = (asleep || convolver.is_drained()) && frame == [0.0; 2];
        if asleep {
            left_out += 1;
            assert_eq!([whole[0][start], whole[1][start]].map(f32::to_bits), [0; 2], "frame {start}");
            continue;
        }
        if convolver.is_drained() {
            convolver.go_to(start as u64);
        }
        let (mut left, mut right) = ([0.0], [0.0]);
        convolver.process([&frame[..1], &frame[1..]], [&mut left, &mut right]);
        assert_eq!(
            (left[0].to_bits(), right[0].to_bits()),
            (whole[0][start].to_bits(), whole[1][start].to_bits())
        );
    }
    left_out
}

#[test]
fn silence_comes_after_the_last_tap() {
    let taps = 10_000;
    let mut input = [Random(8).samples(3_000), Random(9).samples(3_000)];
    input.iter_mut().for_each(|plane| plane.resize(60_000, 0.0));
    let mut convolver = convolver(&[Random(10).samples(taps)], Level::detect());
    let output = render(&mut convolver, &input, || 256);
    let peak = output.iter().flatten().fold(0.0f32, |peak, sample| peak.max(sample.abs()));
    let rest = output
        .iter()
        .flat_map(|plane| &plane[3_000 + taps..])
        .fold(0.0f32, |peak, sample| peak.max(sample.abs()));
    assert!(rest < peak * 1.0e-5, "{rest} of {peak}");
    assert!(convolver.is_drained());
    assert!(output.iter().all(|plane| plane[59_000..].iter().all(|sample| *sample == 0.0)));
}

#[test]
fn going_elsewhere_forgets_all_sound() {
    let planes = [Random(11).samples(9_000)];
    let input = [Random(12).samples(20_000), Random(13).samples(20_000)];
    let expected = render(&mut convolver(&planes, Level::detect()), &input, || 256);
    let mut used = convolver(&planes, Level::detect());
    render(&mut used, &input, || 1_001);
    used.go_to(0);
    assert!(bits(&render(&mut used, &input, || 256)) == bits(&expected));
}
