use super::image::images;
use super::shoebox::air;
use super::*;
use crate::audio::AudioBuffer;
use crate::dsp::fdn::tests::band;
use crate::dsp::fdn::tests::noise;
use crate::dsp::fdn::tests::rms;
use crate::dsp::fdn::tests::t60_s;
use crate::space::harmonics::ORDERS;
use crate::space::harmonics::harmonics;
use crate::units::Gain;

const RATE: SampleRate = SampleRate(48_000.0);

const STUDIO: Shoebox = Shoebox {
    size_m: [7.0, 5.0, 3.2],
    walls: [
        Material::Panelling,
        Material::HeavyCurtain,
        Material::Plaster,
        Material::Window,
        Material::Plaster,
        Material::Carpet,
    ],
    listener_m: [3.0, 2.8, 1.3],
    source_m: [0.0; 3],
    decay_s: None,
    reflections: Gain::UNITY,
    reverb: Gain::UNITY,
};

type Bus = Vec<Vec<f32>>;

fn render(room: &mut Room, send: &[f32], mut cut: impl FnMut() -> usize) -> Bus {
    let (mut bus, mut start) = (vec![Vec::new(); CHANNELS], 0);
    while start < send.len() {
        let end = (start + cut()).min(send.len());
        let mut buffer = AudioBuffer::new(CHANNELS, end - start);
        room.process([&send[start..end]; 2], &mut buffer.block_mut(end - start));
        bus.iter_mut().enumerate().for_each(|(channel, plane)| plane.extend(buffer.channel(channel)));
        start = end;
    }
    bus
}

fn response(rate: SampleRate, room: Shoebox, seconds: f64) -> Bus {
    let mut impulse = vec![0.0; rate.frames_in(seconds)];
    impulse[0] = 1.0;
    render(&mut Room::new(rate, Level::detect(), room), &impulse, || 256)
}

fn bits(bus: &Bus) -> Vec<u32> {
    bus.iter().flatten().map(|sample| sample.to_bits()).collect()
}

fn decibels(ratio: f64) -> f64 {
    20.0 * ratio.log10()
}

/// Magnitude of a response at a frequency.
fn magnitude(response: &[f32], hz: f64) -> f64 {
    let turn = std::f64::consts::TAU * hz / RATE.0;
    let sum = |wave: fn(f64) -> f64| -> f64 {
        response.iter().enumerate().map(|(n, x)| f64::from(*x) * wave(turn * n as f64)).sum()
    };
    sum(f64::cos).hypot(sum(f64::sin))
}

#[test]
fn each_wall_throws_back_its_own_bands_on_its_frame_from_its_side() {
    let sides = [
        [1.0, 0.0, 0.0],
        [-1.0, 0.0, 0.0],
        [0.0, 1.0, 0.0],
        [0.0, -1.0, 0.0],
        [0.0, 0.0, 1.0],
        [0.0, 0.0, -1.0],
    ];
    let ways_m = [8.0, 6.0, 4.4, 5.6, 3.8, 2.6];
    for (wall, (side, way)) in sides.into_iter().zip(ways_m).enumerate() {
        for material in [Material::Carpet, Material::Window, Material::HeavyCurtain, Material::Marble] {
            let mut room = Shoebox { walls: [Material::Open; 6], reverb: Gain::SILENCE, ..STUDIO };
            room.walls[wall] = material;
            let bus = response(RATE, room, 0.1);
            let frame = (way / 343.0 * RATE.0).round() as usize;
            let omni = &bus[0];
            assert_eq!(omni.iter().position(|sample| *sample != 0.0), Some(frame), "wall {wall}");
            for (plane, weight) in bus.iter().zip(harmonics(side)) {
                let apart = plane.iter().zip(omni).map(|(sample, omni)| (sample - omni * weight).abs());
                assert!(apart.fold(0.0, f32::max) < 1e-6, "wall {wall}");
            }
            let bands = material.absorption().into_iter().zip(air());
            let left =
                bands.map(|(part, air)| f64::from(1.0 - part).sqrt() * (-f64::from(air) * way / 2.0).exp());
            for (hz, left) in [15.0, 707.0, 20_000.0].into_iter().zip(left) {
                let off = decibels(magnitude(omni, hz) * way / left);
                println!("wall {wall} of {material:?}, {hz} Hz: {off:+.2} dB");
                // In the middle one hears something of the bands on both sides.
                let most = if hz == 707.0 { 1.0 } else { 0.1 };
                assert!(off.abs() < most, "wall {wall} of {material:?}, {hz} Hz: {off} dB");
            }
        }
    }
}

#[test]
fn reflections_are_the_sum_of_all_images() {
    let room = Shoebox { source_m: [1.2, -0.7, 0.2], reverb: Gain::SILENCE, ..STUDIO };
    let bus = response(RATE, room, 0.2);
    let mut expected = vec![0.0; CHANNELS];
    for image in images(&room.in_range()) {
        // What is constant is a low.
        let weights = harmonics(image.direction).map(|weight| f64::from(weight * image.gains[0]));
        expected.iter_mut().zip(weights).for_each(|(sum, weight)| *sum += weight);
    }
    for (channel, (plane, expected)) in bus.iter().zip(expected).enumerate() {
        let sum: f64 = plane.iter().map(|sample| f64::from(*sample)).sum();
        assert!((sum - expected).abs() < 1e-4, "channel {channel}: {sum}, not {expected}");
    }
}

#[test]
fn every_band_rings_as_long_as_its_walls_say() {
    let church = Shoebox { size_m: [40.0, 18.0, 14.0], walls: [Material::PaintedBlock; 6], ..STUDIO };
    let bare = Shoebox { walls: [Material::PaintedBrick; 6], size_m: [5.0, 4.0, 2.6], ..STUDIO };
    let own = Shoebox { decay_s: Some([4.0, 2.5, 1.2]), ..STUDIO };
    let mut worst = 0.0f64;
    for (name, room) in
        [("hall", Shoebox::default()), ("studio", STUDIO), ("church", church), ("bare", bare), ("own", own)]
    {
        let wanted = room.in_range().decays_s();
        let longest = wanted.into_iter().fold(0.0, f32::max);
        let bus =
            response(RATE, Shoebox { reflections: Gain::SILENCE, ..room }, f64::from(longest) * 1.2 + 0.5);
        let times = [100.0, 707.0, 4_500.0]
            .map(|hz| bus[..4].iter().map(|plane| t60_s(&band(plane, hz, RATE))).sum::<f64>() / 4.0);
        println!("{name}: {times:.3?}, wanted {wanted:.3?}");
        for (time, wanted) in times.into_iter().zip(wanted) {
            worst = worst.max((time / f64::from(wanted) - 1.0).abs());
        }
    }
    assert!(worst < 0.1, "{worst}");
}

#[test]
fn reverberation_is_a_diffuse_field_as_loud_as_theory_says() {
    let room = Shoebox {
        walls: [Material::PaintedBrick; 6],
        decay_s: Some([1.5; 3]),
        reflections: Gain::SILENCE,
        ..STUDIO
    };
    let send = noise(RATE.frames_in(12.0), 3);
    let bus = render(&mut Room::new(RATE, Level::detect(), room), &send, || 256);
    // By hand: V = 112 m³, A = 0.1611 · 112 / 1.5 = 12.03 m², α = 0.018 in the mids: √(16π · 0.982³ / 12.03).
    let expected = 1.989 * rms(&send);
    let late = |channel: usize| &bus[channel][send.len() / 3..];
    for (degree, order) in ORDERS.into_iter().enumerate() {
        let channels = order.len() as f64;
        let power: f64 = order.map(|channel| rms(late(channel)).powi(2)).sum();
        // Each channel of an order has its share of the omnidirectional power.
        let off = decibels((power / channels * (2 * degree + 1) as f64).sqrt() / expected);
        println!("order {degree}: {off:+.2} dB");
        assert!(off.abs() < 1.0, "order {degree}: {off} dB");
    }
    for channel in 1..CHANNELS {
        let product: f64 = late(0).iter().zip(late(channel)).map(|(a, b)| f64::from(a * b)).sum();
        let correlation = product / (rms(late(0)) * rms(late(channel)) * late(0).len() as f64);
        assert!(correlation.abs() < 0.15, "channel {channel}: {correlation}");
    }
}

#[test]
fn power_does_not_depend_on_the_rate() {
    for (name, reflections, reverb) in [("reflections", 1.0, 0.0), ("reverberation", 0.0, 1.0)] {
        let room = Shoebox { reflections: Gain(reflections), reverb: Gain(reverb), ..STUDIO };
        let power = |rate: f64, hz: f64| {
            let rate = SampleRate(rate);
            let bus = response(rate, room, 1.5);
            // An impulse has its power spread over half the rate.
            band(&bus[0], hz, rate).iter().map(|x| x * x).sum::<f64>() * rate.0
        };
        for hz in [300.0, 707.0, 2_500.0] {
            let expected = power(48_000.0, hz);
            for rate in [44_100.0, 88_200.0, 192_000.0] {
                let off = 10.0 * (power(rate, hz) / expected).log10();
                println!("{name} at {rate} Hz, {hz} Hz: {off:+.2} dB");
                assert!(off.abs() < 1.5, "{name} at {rate} Hz, {hz} Hz: {off} dB");
            }
        }
    }
}

#[test]
fn bits_do_not_depend_on_cuts_or_levels() {
    let send = noise(40_000, 1);
    let rooms = [STUDIO, Shoebox::default(), Shoebox { size_m: [9.0, 4.0, 3.0], ..STUDIO }, STUDIO];
    let run = |level, cut: &mut dyn FnMut() -> usize| {
        let mut room = Room::new(RATE, level, Shoebox { source_m: [1.0, 0.3, 0.0], ..STUDIO });
        let mut bus: Bus = vec![Vec::new(); CHANNELS];
        for (range, next) in
            [0..10_000, 10_000..10_600, 10_600..21_000, 21_000..40_000].into_iter().zip(rooms)
        {
            room.set(next);
            let part = render(&mut room, &send[range], &mut *cut);
            bus.iter_mut().zip(part).for_each(|(whole, part)| whole.extend(part));
        }
        bits(&bus)
    };
    let whole = run(Level::detect(), &mut || 8192);
    for size in [1, 63, 64, 256] {
        assert!(run(Level::detect(), &mut || size) == whole, "blocks of {size}");
    }
    for (level, seed) in [(Level::SCALAR, 5u64), (Level::BASELINE, 6), (Level::detect(), 7)] {
        let mut seed = seed;
        let mut cut = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            1 + (seed >> 33) as usize % 700
        };
        assert!(run(level, &mut cut) == whole, "{level:?}");
    }
}

#[test]
fn changes_of_the_room_leave_no_step() {
    let tone: Vec<f32> =
        (0..96_000).map(|n| (std::f64::consts::TAU * 220.0 * f64::from(n) / RATE.0).sin() as f32).collect();
    let bend =
        |signal: &[f32]| signal.windows(3).fold(0.0f32, |most, w| most.max((w[2] - 2.0 * w[1] + w[0]).abs()));
    let peak = |bus: &Bus| bus.iter().flatten().fold(0.0f32, |peak, x| peak.max(x.abs()));
    for (name, next) in [
        ("nothing", STUDIO),
        ("another size", Shoebox { size_m: [12.0, 9.0, 6.0], ..STUDIO }),
        ("a hall", Shoebox::default()),
        ("another place", Shoebox { listener_m: [6.0, 0.5, 1.7], ..STUDIO }),
        ("other sources", Shoebox { source_m: [2.0, -2.0, 0.5], ..STUDIO }),
        ("open walls", Shoebox { walls: [Material::Open; 6], ..STUDIO }),
        ("a longer decay", Shoebox { decay_s: Some([4.0, 3.0, 2.0]), ..STUDIO }),
        ("silence", Shoebox { reflections: Gain::SILENCE, reverb: Gain::SILENCE, ..STUDIO }),
    ] {
        let mut room = Room::new(RATE, Level::detect(), STUDIO);
        let mut louder = Room::new(RATE, Level::detect(), next);
        let most = peak(&render(&mut room, &tone, || 256)).max(peak(&render(&mut louder, &tone, || 256)));
        // At most -6 dBFS before and after; the tone itself then bends by up to 0.0004, a step of -60 dBFS by 0.001.
        let tone: Vec<f32> = tone.iter().map(|sample| sample * 0.5 / most).collect();
        room.clear();
        render(&mut room, &tone, || 256);
        room.set(next);
        let after = render(&mut room, &tone, || 100);
        let during = after.iter().map(|plane| bend(&plane[..9_600])).fold(0.0, f32::max);
        println!("{name}: bends by {during:.5}");
        assert!(during < 0.001, "{name}: {during}");
        assert!(during > 0.0001, "the tone was not heard: {during}");
    }
}

#[test]
fn a_cleared_room_is_a_new_one() {
    let send = noise(20_000, 6);
    let mut used = Room::new(RATE, Level::detect(), Shoebox::default());
    render(&mut used, &send, || 1_003);
    used.set(STUDIO);
    used.clear();
    let expected = render(&mut Room::new(RATE, Level::detect(), STUDIO), &send, || 256);
    assert!(bits(&render(&mut used, &send, || 256)) == bits(&expected));
}

#[test]
fn a_room_that_is_led_to_a_frame_goes_on_in_its_cell() {
    let (silence, send) = (vec![0.0; 1_000], noise(20_000, 6));
    let quiet = Shoebox { reverb: Gain::SILENCE, ..STUDIO };
    let mut room = Room::new(RATE, Level::detect(), quiet);
    render(&mut room, &silence, || 256);
    let mut led = Room::new(RATE, Level::detect(), Shoebox::default());
    led.set(quiet);
    led.go_to(1_000);
    // The change begins on the next line of the grid.
    let next = Shoebox { reverb: Gain::SILENCE, ..Shoebox::default() };
    room.set(next);
    led.set(next);
    assert!(bits(&render(&mut led, &send, || 256)) == bits(&render(&mut room, &send, || 256)));
}

#[test]
fn nothing_is_heard_after_the_tail() {
    let dead = Shoebox { walls: [Material::Wool; 6], ..STUDIO };
    let large =
        Shoebox { size_m: [100.0, 90.0, 30.0], walls: [Material::Carpet; 6], listener_m: [1.0; 3], ..STUDIO };
    for (name, room) in [("studio", STUDIO), ("dead", dead), ("large", large)] {
        let tail_s = room.tail_s();
        let bus = response(RATE, room, tail_s + 0.3);
        let after = RATE.frames_in(tail_s);
        let loudest = bus.iter().flat_map(|plane| &plane[after..]).fold(0.0f32, |peak, x| peak.max(x.abs()));
        println!("{name}: {tail_s:.2} s, then {loudest:e}");
        assert!(loudest < 1e-6 && bus[0][..after].iter().any(|x| x.abs() > 1e-3), "{name}: {loudest}");
    }
}

#[test]
fn a_room_rests_after_its_tail_and_wakes_as_if_it_had_run_on() {
    let dry = Shoebox { decay_s: Some([0.3; 3]), ..STUDIO };
    let mut send = noise(6_000, 9);
    send.extend(vec![0.0; RATE.frames_in(dry.tail_s()) + 20_000]);
    send.extend(noise(10_000, 4));
    let run = |cut: &mut dyn FnMut() -> usize, skips: bool| {
        let mut room = Room::new(RATE, Level::detect(), dry);
        assert!(room.is_at_rest());
        let (mut bus, mut start, mut rested): (Bus, _, _) = (vec![Vec::new(); CHANNELS], 0, 0);
        while start < send.len() {
            let end = (start + cut()).min(send.len());
            let silent = send[start..end].iter().all(|sample| *sample == 0.0);
            if skips && silent && room.is_at_rest() {
                room.skip(end - start);
                rested += end - start;
                bus.iter_mut().for_each(|plane| plane.extend(vec![0.0; end - start]));
            } else {
                let part = render(&mut room, &send[start..end], || end - start);
                bus.iter_mut().zip(part).for_each(|(whole, part)| whole.extend(part));
            }
            start = end;
        }
        (bits(&bus), rested)
    };
    let (whole, _) = run(&mut || 8_192, false);
    for size in [1, 100, 256] {
        let (found, rested) = run(&mut || size, true);
        assert!(found == whole && rested > 10_000, "blocks of {size}, {rested} frames of rest");
    }
}

#[test]
fn a_room_that_is_put_out_rests_whatever_comes_in() {
    let send = noise(RATE.frames_in(STUDIO.tail_s()) + 30_000, 9);
    let mut room = Room::new(RATE, Level::detect(), STUDIO.silent());
    room.set(STUDIO);
    render(&mut room, &send[..20_000], || 256);
    assert!(!room.is_at_rest());
    room.set(STUDIO.silent());
    let bus = render(&mut room, &send, || 256);
    assert!(room.is_at_rest() && bus[0][send.len() - 1_000..].iter().all(|sample| *sample == 0.0));
    room.set(STUDIO);
    assert!(render(&mut room, &send[..20_000], || 256)[0].iter().any(|sample| sample.abs() > 0.01));
}

#[test]
fn a_narrower_bus_gets_its_own_channels_beside_what_it_has() {
    let send = noise(3_000, 8);
    let whole = render(&mut Room::new(RATE, Level::detect(), STUDIO), &send, || 256);
    for channels in [1, 4, 9] {
        let mut room = Room::new(RATE, Level::detect(), STUDIO);
        let mut buffer = AudioBuffer::new(channels, send.len());
        buffer.block_mut(send.len()).planes_mut().for_each(|plane| plane.fill(0.25));
        room.process([&send; 2], &mut buffer.block_mut(send.len()));
        for (channel, whole) in whole.iter().enumerate().take(channels) {
            let apart =
                buffer.channel(channel).iter().zip(whole).map(|(found, whole)| (found - 0.25 - whole).abs());
            assert!(apart.fold(0.0, f32::max) < 1e-6, "channel {channel} of {channels}");
        }
    }
}

#[test]
fn every_rate_and_extreme_stays_bounded() {
    let nan = f32::NAN;
    let tiny = Shoebox { size_m: [0.0; 3], listener_m: [nan; 3], walls: [Material::Marble; 6], ..STUDIO };
    let vast = Shoebox { size_m: [f32::INFINITY; 3], walls: [Material::Marble; 6], ..STUDIO };
    let flat = Shoebox {
        size_m: [100.0, 1.0, nan],
        source_m: [1e9, -1e9, nan],
        decay_s: Some([20.0, 0.1, nan]),
        ..STUDIO
    };
    let open = Shoebox { walls: [Material::Open; 6], ..STUDIO };
    for rate in [8_000.0, 44_100.0, 192_000.0] {
        let mut room = Room::new(SampleRate(rate), Level::detect(), STUDIO);
        for (name, next) in [("tiny", tiny), ("vast", vast), ("flat", flat), ("open", open)] {
            room.set(next);
            let bus = render(&mut room, &noise(30_000, 8), || 256);
            let peak =
                bus.iter().flatten().fold(0.0f32, |peak, x| if x.is_nan() { *x } else { peak.max(x.abs()) });
            println!("{rate} Hz, {name}: {peak}");
            assert!(peak.is_finite() && peak < 200.0, "{rate} Hz, {name}: {peak}");
        }
    }
}
