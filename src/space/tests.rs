use super::ears::tests::kemar_file;
use super::harmonics::CHANNELS;
use super::harmonics::ORDERS;
use super::harmonics::harmonics;
use super::measured::MEASURED;
use super::settings::direction;
use super::*;
use crate::audio::AudioBlock;
use crate::audio::AudioBuffer;
use crate::dsp::Level;
use crate::random::Random;
use crate::units::SampleRate;
use std::f64::consts::TAU;

const RATE: SampleRate = SampleRate(48_000.0);

/// A source and its listener, heard in blocks of `sizes` in turn; `act` is called before each frame that it names.
struct Scene {
    encoder: Encoder,
    decoder: Decoder,
}

type Stereo = [Vec<f32>; 2];

/// What is done before a frame.
type Act<'a> = (usize, &'a dyn Fn(&mut Scene));

impl Scene {
    fn new(rate: SampleRate) -> Self {
        Self { encoder: Encoder::new(rate, Level::detect()), decoder: Decoder::new(rate, Level::detect()) }
    }

    /// Heard with other ears.
    fn with(mut self, ears: &Ears, rate: SampleRate) -> Self {
        self.decoder.set_ears(PreparedEars::new(ears, rate, Level::detect()));
        self.decoder.settle();
        self
    }

    fn at(mut self, azimuth: f32, elevation: f32) -> Self {
        self.encoder.set_azimuth(azimuth);
        self.encoder.set_elevation(elevation);
        self.encoder.settle();
        self
    }

    fn heard(&mut self, sound: &[&[f32]], sizes: &[usize], acts: &[Act<'_>]) -> Stereo {
        self.encoder.set_sides(sound.len());
        let (frames, mut done) = (sound[0].len(), 0);
        let mut heard = [vec![0.0; frames], vec![0.0; frames]];
        for size in sizes.iter().cycle() {
            acts.iter().filter(|(at, _)| *at == done).for_each(|(_, act)| act(self));
            let next = acts.iter().map(|(at, _)| *at).filter(|at| *at > done).min().unwrap_or(frames);
            let end = (done + size).min(next).min(frames);
            let mut field = AudioBuffer::new(CHANNELS, end - done);
            let planes: Vec<&[f32]> = sound.iter().map(|plane| &plane[done..end]).collect();
            self.encoder.process(&AudioBlock::new(&planes), &mut field.block_mut(end - done), true);
            let [left, right] = &mut heard;
            self.decoder
                .process(&mut field.block_mut(end - done), [&mut left[done..end], &mut right[done..end]]);
            done = end;
            if done == frames {
                break;
            }
        }
        heard
    }

    /// Responses of both ears.
    fn impulse(&mut self, frames: usize) -> Stereo {
        let mut sound = vec![0.0; frames];
        sound[0] = 1.0;
        self.heard(&[&sound], &[256], &[])
    }
}

/// Gains of a settled source in each channel.
fn gains(encoder: &mut Encoder, sound: &[&[f32]]) -> [f32; CHANNELS] {
    let mut field = AudioBuffer::new(CHANNELS, 1);
    encoder.set_sides(sound.len());
    encoder.process(&AudioBlock::new(sound), &mut field.block_mut(1), true);
    std::array::from_fn(|channel| field.channel(channel)[0])
}

fn spectrum(plane: &[f32], hz: f64, rate: f64) -> (f64, f64) {
    plane.iter().enumerate().fold((0.0, 0.0), |(re, im), (frame, sample)| {
        let angle = TAU * hz * frame as f64 / rate;
        (re + f64::from(*sample) * angle.cos(), im - f64::from(*sample) * angle.sin())
    })
}

fn power((re, im): (f64, f64)) -> f64 {
    re * re + im * im
}

fn db(plane: &[f32], hz: f64) -> f64 {
    10.0 * power(spectrum(plane, hz, RATE.0)).log10()
}

/// Microseconds by which the left ear is earlier, below 1.8 kHz, and decibels by which it is louder in octaves and overall,
/// as `xtask/src/hrir/ears.rs` finds them in the measurements.
fn interaural([left, right]: &Stereo, rate: f64) -> (f64, [f64; 6]) {
    let step = 10.0;
    let spectra: Vec<_> = (0..1700)
        .map(|k| f64::from(k) * step)
        .map(|hz| (hz, spectrum(left, hz, rate), spectrum(right, hz, rate)))
        .collect();
    let likeness = |lag: i32| -> f64 {
        let each = spectra.iter().take_while(|(hz, ..)| *hz < 1800.0).map(|&(hz, (a, b), (c, d))| {
            let (angle, share) = (TAU * hz * f64::from(lag) * 1e-6, ((1800.0 - hz) / 600.0).min(1.0));
            share * ((c * a + d * b) * angle.cos() - (d * a - c * b) * angle.sin())
        });
        each.sum()
    };
    let lag = (-1000..=1000).max_by(|a, b| likeness(*a).total_cmp(&likeness(*b))).unwrap();
    let band = |low: f64, high: f64| {
        let inside = || spectra.iter().filter(|(hz, ..)| (low..high).contains(hz));
        let sums = inside().fold((0.0, 0.0), |(l, r), (_, a, b)| (l + power(*a), r + power(*b)));
        10.0 * (sums.0 / sums.1).log10()
    };
    let half = 2f64.sqrt();
    let octave = |centre: f64| band(centre / half, centre * half);
    let levels =
        [octave(125.0), octave(250.0), octave(500.0), octave(1000.0), octave(2000.0), band(100.0, 16_000.0)];
    (f64::from(lag), levels)
}

#[test]
fn a_source_is_encoded_by_the_harmonics_of_its_direction_and_the_law_of_its_distance() {
    for step in 0..400 {
        let (azimuth, elevation) = ((step * 37 % 361 - 180) as f32, (step * 13 % 181 - 90) as f32);
        let distance = 0.3 + step as f32 * 0.4;
        let mut encoder = Encoder::new(RATE, Level::detect());
        encoder.set_azimuth(azimuth);
        encoder.set_elevation(elevation);
        encoder.set_distance(distance);
        let wanted = |gain: f32| harmonics(direction(azimuth, elevation)).map(|weight| weight * gain);
        let near = |found: [f32; CHANNELS], wanted: [f32; CHANNELS]| {
            found.iter().zip(wanted).all(|(found, wanted)| (found - wanted).abs() < 1e-6)
        };
        for (law, gain) in [
            (Law::None, 1.0),
            (Law::Inverse, 2.0 / distance.clamp(2.0, 50.0)),
            (Law::Linear, (50.0 - distance.clamp(2.0, 50.0)) / 48.0),
            (Law::Logarithmic, (50.0 / distance.clamp(2.0, 50.0)).ln() / 25f32.ln()),
        ] {
            encoder.set(Settings { law, near: 2.0, far: 50.0, ..Settings::default() });
            encoder.settle();
            let found = gains(&mut encoder, &[&[1.0]]);
            assert!(near(found, wanted(gain)), "{law:?} at {azimuth}, {elevation}, {distance} m: {found:?}");
        }
    }
}

#[test]
fn azimuths_count_to_the_right_and_stereo_stands_on_both_sides_of_its_place() {
    let mut encoder = Encoder::new(RATE, Level::detect());
    encoder.set_azimuth(90.0);
    encoder.settle();
    let found = gains(&mut encoder, &[&[1.0]]);
    assert!((found[1] + 1.0).abs() < 1e-6 && found[3].abs() < 1e-6, "{found:?}");
    encoder.set_azimuth(10.0);
    encoder.set(Settings { width: 80.0, ..Settings::default() });
    encoder.settle();
    let (left, right) = (gains(&mut encoder, &[&[1.0], &[0.0]]), gains(&mut encoder, &[&[0.0], &[1.0]]));
    for (found, azimuth) in [(left, -30.0), (right, 50.0)] {
        let wanted =
            harmonics(direction(azimuth, 0.0)).map(|weight| weight * std::f32::consts::FRAC_1_SQRT_2);
        assert!(
            found.iter().zip(wanted).all(|(found, wanted)| (found - wanted).abs() < 1e-6),
            "{azimuth}: {found:?}"
        );
    }
}

#[test]
fn a_spread_source_is_the_mean_over_its_cap() {
    for spread in [1.0f32, 45.0, 170.0, 360.0] {
        let mut encoder = Encoder::new(RATE, Level::detect());
        encoder.set(Settings { spread, ..Settings::default() });
        encoder.settle();
        let found = gains(&mut encoder, &[&[1.0]]);
        // Straight ahead, the mean of Legendre's polynomials over the cap's height.
        let edge = f64::from(spread / 2.0).to_radians().cos();
        let mean = |order: usize| {
            let steps = 20_000;
            let value = |step| {
                let z = edge + (1.0 - edge) * (f64::from(step) + 0.5) / f64::from(steps);
                [1.0, z, 1.5 * z * z - 0.5, z * (2.5 * z * z - 1.5)][order]
            };
            (0..steps).map(value).sum::<f64>() / f64::from(steps)
        };
        let ahead = harmonics([1.0, 0.0, 0.0]);
        for (order, channels) in ORDERS.into_iter().enumerate() {
            for channel in channels {
                let wanted = mean(order) * f64::from(ahead[channel]);
                assert!(
                    (f64::from(found[channel]) - wanted).abs() < 2e-6,
                    "{spread} degrees, channel {channel}"
                );
            }
        }
    }
}

#[test]
fn a_source_that_looks_away_is_heard_by_its_pattern() {
    for (yaw, pattern, sharpness, wanted) in [
        (180.0f32, 0.5, 1.0, 1.0f32),
        (0.0, 0.5, 1.0, 0.0),
        (90.0, 0.5, 2.0, 0.25),
        (120.0, 1.0, 1.0, 0.5),
        (0.0, 0.0, 3.0, 1.0),
    ] {
        let mut encoder = Encoder::new(RATE, Level::detect());
        encoder.set(Settings { yaw, pattern, sharpness, ..Settings::default() });
        encoder.settle();
        let found = gains(&mut encoder, &[&[1.0]])[0];
        assert!((found - wanted).abs() < 1e-5, "{yaw}, {pattern}, {sharpness}: {found}");
    }
}

#[test]
fn what_is_in_the_way_takes_highs_and_twelve_decibels() {
    let mut scene = Scene::new(RATE);
    scene.encoder.set(Settings { occlusion: 1.0, ..Settings::default() });
    scene.encoder.settle();
    let (hidden, open) = (scene.impulse(4096), Scene::new(RATE).impulse(4096));
    let less = |hz| db(&open[0], hz) - db(&hidden[0], hz);
    assert!((less(50.0) - 12.0).abs() < 0.2, "{}", less(50.0));
    assert!((less(400.0) - 15.0).abs() < 0.5 && less(8000.0) > 35.0, "{} {}", less(400.0), less(8000.0));
}

#[test]
fn both_ears_hear_the_times_and_levels_of_the_measured_head() {
    check_times_and_levels(&Ears::kemar());
}

#[test]
fn ears_of_a_users_file_hear_what_was_measured_too() {
    if let Some(bytes) = kemar_file() {
        check_times_and_levels(&Ears::read(&bytes).unwrap());
    }
}

fn check_times_and_levels(ears: &Ears) {
    for rate in [44_100.0, 48_000.0, 96_000.0] {
        let (mut worst_us, mut worst_db) = (0.0f64, [0.0f64; 6]);
        for (left, time, levels) in MEASURED {
            let azimuth = if left > 180.0 { 360.0 - left } else { -left };
            let heard =
                Scene::new(SampleRate(rate)).with(ears, SampleRate(rate)).at(azimuth, 0.0).impulse(1024);
            let (found, found_levels) = interaural(&heard, rate);
            worst_us = worst_us.max((found - f64::from(time)).abs());
            for (worst, (found, wanted)) in worst_db.iter_mut().zip(found_levels.into_iter().zip(levels)) {
                *worst = worst.max((found - f64::from(wanted)).abs());
            }
        }
        println!("{rate} Hz: off by {worst_us:.0} us and {worst_db:.2?} dB at most");
        assert!(worst_us < 60.0, "{rate} Hz: {worst_us} us");
        assert!(
            worst_db[..5].iter().all(|worst| *worst < 2.0) && worst_db[5] < 4.0,
            "{rate} Hz: {worst_db:?} dB"
        );
    }
}

#[test]
fn bass_comes_through_as_loud_as_the_middle() {
    for azimuth in [0.0, 60.0, 180.0] {
        let heard = Scene::new(RATE).at(azimuth, 0.0).impulse(4096);
        let both = |hz: f64| heard.iter().map(|ear| 10f64.powf(db(ear, hz) / 10.0)).sum::<f64>() / 2.0;
        for hz in [20.0, 40.0, 80.0, 120.0] {
            let level = 10.0 * (both(hz) / both(300.0)).log10();
            assert!(level.abs() < 1.5, "{azimuth} degrees, {hz} Hz: {level} dB");
        }
    }
}

#[test]
fn no_colour_is_left_of_the_mean_over_all_directions() {
    // Fibonacci's spiral; the ears measured nothing below -40 degrees.
    let directions: Vec<(f32, f32)> = (0..150)
        .map(|n| {
            (
                (n as f32 * 222.492) % 360.0 - 180.0,
                (-0.6 + 1.6 * (n as f32 + 0.5) / 150.0f32).asin().to_degrees(),
            )
        })
        .collect();
    let heard: Vec<Stereo> = directions
        .iter()
        .map(|&(azimuth, elevation)| Scene::new(RATE).at(azimuth, elevation).impulse(512))
        .collect();
    for hz in [50.0, 100.0, 400.0, 1000.0, 2000.0, 4000.0, 8000.0, 12_000.0] {
        let around = (0..9).map(|step| hz * 2f64.powf((f64::from(step) - 4.0) / 24.0));
        let powers = around.flat_map(|hz| heard.iter().map(move |ears| 10f64.powf(db(&ears[0], hz) / 10.0)));
        let level = 10.0 * (powers.sum::<f64>() / (9.0 * heard.len() as f64)).log10();
        assert!(level.abs() < 2.0, "{hz} Hz: {level} dB");
    }
}

#[test]
fn the_decode_adds_no_latency_and_ends_with_its_taps() {
    let heard = Scene::new(RATE).at(-90.0, 0.0).impulse(1024);
    let energy = |plane: &[f32]| plane.iter().map(|sample| f64::from(sample * sample)).sum::<f64>();
    let [left, _] = &heard;
    assert!(energy(&left[..48]) > 0.8 * energy(left), "{} of {}", energy(&left[..48]), energy(left));
    let taps = Ears::kemar().responses(RATE, Level::detect()).frames();
    assert!(heard.iter().all(|ear| ear[taps..].iter().all(|sample| sample.abs() < 1e-6)));
}

#[test]
fn a_turned_head_hears_what_a_head_at_rest_hears_of_turned_sources() {
    for (angles, azimuth, elevation) in [
        ([30.0, 0.0, 0.0], -30.0, 0.0),
        ([-110.0, 0.0, 0.0], 110.0, 0.0),
        ([0.0, 40.0, 0.0], 0.0, -40.0),
        ([90.0, 0.0, 0.0], -90.0, 0.0),
    ] {
        let mut turned = Scene::new(RATE);
        turned.decoder.set_yaw(angles[0]);
        turned.decoder.set_pitch(angles[1]);
        turned.decoder.set_roll(angles[2]);
        turned.decoder.settle();
        let (turned, moved) = (turned.impulse(400), Scene::new(RATE).at(azimuth, elevation).impulse(400));
        let worst = turned
            .iter()
            .flatten()
            .zip(moved.iter().flatten())
            .fold(0.0f32, |w, (a, b)| w.max((a - b).abs()));
        assert!(worst < 1e-5, "{angles:?}: {worst}");
    }
}

#[test]
fn virtual_cardioids_face_both_sides() {
    for (azimuth, left, right) in [(-90.0, 1.0, 0.0), (0.0, 0.5, 0.5), (90.0, 0.0, 1.0), (180.0, 0.5, 0.5)] {
        let mut scene = Scene::new(RATE).at(azimuth, 0.0);
        scene.decoder.set_output(Output::Stereo);
        scene.decoder.settle();
        let heard = scene.impulse(8);
        assert!((heard[0][0] - left).abs() < 1e-6 && (heard[1][0] - right).abs() < 1e-6, "{azimuth}");
        assert!(heard.iter().all(|ear| ear[1..].iter().all(|sample| *sample == 0.0)));
    }
}

/// Everything moves at once, on frames off the grid as well.
const ACTS: [Act<'_>; 6] = [
    (100, &|scene| scene.encoder.set_azimuth(170.0)),
    (2000, &|scene| scene.encoder.set_azimuth(-150.0)),
    (2047, &|scene| {
        scene.encoder.set_elevation(50.0);
        scene.encoder.set_distance(4.0);
        scene.decoder.set_yaw(80.0);
    }),
    (4096, &|scene| {
        scene.encoder.set(Settings { occlusion: 0.5, spread: 90.0, width: 120.0, ..Settings::default() });
        scene.decoder.set_output(Output::Stereo);
    }),
    (6001, &|scene| {
        scene.decoder.set_yaw(0.0);
        scene.decoder.set_roll(-170.0);
        scene.decoder.set_output(Output::Binaural);
    }),
    (9000, &|scene| scene.encoder.set(Settings { pattern: 0.5, yaw: 30.0, ..Settings::default() })),
];

#[test]
fn bits_do_not_depend_on_how_blocks_are_cut() {
    let sound = [1, 2].map(|seed| Random(seed).samples(14_000));
    let sound: Vec<&[f32]> = sound.iter().map(Vec::as_slice).collect();
    let run = |sizes: &[usize]| {
        let heard = Scene::new(RATE).heard(&sound, sizes, &ACTS);
        heard.concat().into_iter().map(f32::to_bits).collect::<Vec<_>>()
    };
    let whole = run(&[256]);
    for sizes in [&[1][..], &[64], &[100, 3, 221, 17], &[255, 1, 2]] {
        assert!(run(sizes) == whole, "{sizes:?}");
    }
}

#[test]
fn nothing_that_is_set_steps() {
    let [low, tone] = [0.0, 440.0].map(|hz: f64| {
        let sample = move |frame: u32| (TAU * hz * f64::from(frame) / RATE.0).cos() as f32;
        (0..40_000).map(sample).collect::<Vec<f32>>()
    });
    // What bends beyond the tone's own curve.
    let bend = |heard: &Stereo| {
        let curve = |plane: &Vec<f32>| {
            plane[2000..].windows(3).map(|w| (w[2] - 2.0 * w[1] + w[0]).abs()).fold(0.0, f32::max)
        };
        heard.iter().map(curve).fold(0.0, f32::max)
    };
    for (sound, name) in [(&low, "0 Hz"), (&tone, "440 Hz")] {
        let run = |acts: &[Act<'_>]| bend(&Scene::new(RATE).heard(&[sound, sound], &[256], acts));
        let still = (0..16).map(|step| {
            bend(&Scene::new(RATE).at(step as f32 * 22.5, 0.0).heard(&[sound, sound], &[256], &[]))
        });
        let still = still.fold(0.0, f32::max);
        let acts: Vec<Act<'_>> = vec![
            (4000, &|scene| scene.encoder.set_azimuth(180.0)),
            (8000, &|scene| scene.encoder.set_azimuth(-60.0)),
            (8900, &|scene| scene.encoder.set_azimuth(90.0)),
            (12_000, &|scene| scene.encoder.set_elevation(90.0)),
            (16_000, &|scene| scene.encoder.set_distance(100.0)),
            (20_000, &|scene| scene.encoder.set_distance(0.1)),
            (24_000, &|scene| {
                scene.encoder.set(Settings { occlusion: 1.0, spread: 200.0, ..Settings::default() })
            }),
            (28_000, &|scene| scene.encoder.set(Settings::default())),
            (32_000, &|scene| scene.decoder.set_yaw(179.0)),
            (36_000, &|scene| scene.decoder.set_yaw(0.0)),
        ];
        let moving = run(&acts);
        println!("{name}: bends by {still:.6} at rest, {moving:.6} while everything moves");
        assert!(moving < 1.3 * still + 0.001, "{name}: {moving} beside {still}");
    }
}

/// The first channel of what a source makes of a sound; `act` is called before each cell with its number.
fn omni(encoder: &mut Encoder, sound: &[f32], mut act: impl FnMut(&mut Encoder, usize)) -> Vec<f32> {
    let mut heard = Vec::new();
    for (cell, sound) in sound.chunks(64).enumerate() {
        act(encoder, cell);
        let mut field = AudioBuffer::new(CHANNELS, sound.len());
        encoder.process(&AudioBlock::new(&[sound]), &mut field.block_mut(sound.len()), true);
        heard.extend_from_slice(field.channel(0));
    }
    heard
}

#[test]
fn a_source_at_constant_speed_is_heard_at_the_pitch_of_theory() {
    let rate = RATE.0;
    for (speed, from) in [(20.0f64, 5.0f64), (-20.0, 40.0), (3.0, 2.0), (-60.0, 90.0)] {
        let mut encoder = Encoder::new(RATE, Level::detect());
        encoder.set_doppler(&mut Some(Box::new(Doppler::new(RATE, Level::detect()))));
        encoder.set(Settings { law: Law::None, doppler: true, ..Settings::default() });
        encoder.set_distance(from as f32);
        encoder.settle();
        let sound: Vec<f32> =
            (0..48_000).map(|n| (TAU * 1000.0 * f64::from(n) / rate).sin() as f32).collect();
        let heard = omni(&mut encoder, &sound, |encoder, cell| {
            encoder.set_distance((from + speed * (cell * 64) as f64 / rate) as f32);
        });
        // Rising zeros between frames, once everything moves at one pace and the sound has come.
        let zeros: Vec<f64> = (20_000..47_999)
            .filter(|&n| heard[n] < 0.0 && heard[n + 1] >= 0.0)
            .map(|n| n as f64 + f64::from(heard[n] / (heard[n] - heard[n + 1])))
            .collect();
        let hz = (zeros.len() - 1) as f64 / (zeros[zeros.len() - 1] - zeros[0]) * rate;
        let wanted = 1000.0 * (1.0 - speed / 343.0);
        println!("{speed} m/s: {hz:.3} Hz, {wanted:.3} wanted");
        assert!((hz / wanted - 1.0).abs() < 1e-4, "{speed} m/s: {hz} Hz, not {wanted}");
        let peak = heard[20_000..].iter().fold(0.0f32, |peak, sample| peak.max(sample.abs()));
        assert!((peak - 1.0).abs() < 0.01, "{speed} m/s: {peak}");
    }
}

#[test]
fn a_near_source_has_more_bass_in_the_nearer_ear() {
    let difference = |distance: f32, near_field: bool, hz: f64| {
        let mut scene = Scene::new(RATE);
        scene.encoder.set(Settings { law: Law::None, near_field, ..Settings::default() });
        scene.encoder.set_azimuth(-90.0);
        scene.encoder.set_distance(distance);
        scene.encoder.settle();
        let heard = scene.impulse(4096);
        db(&heard[0], hz) - db(&heard[1], hz)
    };
    for hz in [60.0, 200.0] {
        let (off, far, near) =
            (difference(0.25, false, hz), difference(1.0, true, hz), difference(0.25, true, hz));
        println!("{hz} Hz: {off:.1} dB without, {far:.1} dB at 1 m, {near:.1} dB at 25 cm");
        assert!((off - far).abs() < 0.01 && near > far + 3.0 && near < far + 15.0, "{off} {far} {near}");
    }
    // No bass, no difference.
    assert!((difference(0.25, true, 8000.0) - difference(0.25, false, 8000.0)).abs() < 0.5);
}

#[test]
fn silence_is_skipped_to_the_same_bits() {
    let sound = Random(5).samples(3000);
    let mut silence = vec![0.0; 60_000];
    let whole: Vec<f32> = [&sound[..], &silence, &sound].concat();
    let occluded = || {
        let mut scene = Scene::new(RATE).at(40.0, 10.0);
        scene.encoder.set(Settings {
            occlusion: 0.7,
            near_field: true,
            doppler: true,
            ..Settings::default()
        });
        scene.encoder.set_doppler(&mut Some(Box::new(Doppler::new(RATE, Level::detect()))));
        scene.encoder.set_distance(0.5);
        scene.encoder.settle();
        scene
    };
    let wanted = occluded().heard(&[&whole], &[256], &[]);
    let mut scene = occluded();
    let mut found = scene.heard(&[&sound], &[256], &[]);
    silence.truncate(30_000);
    let quiet = scene.heard(&[&silence], &[100], &[]);
    assert!(scene.encoder.is_at_rest() && scene.decoder.is_at_rest());
    scene.encoder.skip(30_000);
    scene.decoder.skip(30_000);
    let after = scene.heard(&[&sound], &[77], &[]);
    for ear in 0..2 {
        found[ear].extend(&quiet[ear]);
        found[ear].extend(std::iter::repeat_n(0.0, 30_000));
        found[ear].extend(&after[ear]);
        assert!(found[ear].iter().map(|s| s.to_bits()).eq(wanted[ear].iter().map(|s| s.to_bits())));
    }
}
