use super::sofa::File;
use super::*;
use std::f64::consts::FRAC_PI_2;
use std::f64::consts::PI;
use std::path::Path;

/// A head of 8.75 cm in the open: what arrives later is softer, the right ear half as loud.
fn sphere(rate: f64, directions: Vec<[f64; 3]>, right: f64) -> File {
    let length = 256;
    let mut responses = Vec::new();
    for [_, y, _] in &directions {
        for (side, loudness) in [(1.0, 1.0), (-1.0, right)] {
            // Woodworth: straight to the ear, or around the head.
            let angle = (side * y).acos();
            let way = if angle < FRAC_PI_2 { -angle.cos() } else { angle - FRAC_PI_2 };
            let (late, gain) =
                (40.0 / 44_100.0 * rate + way * 0.0875 / 343.0 * rate, loudness * (1.2 - 0.4 * way));
            let sinc = |x: f64| if x == 0.0 { 1.0 } else { (PI * x).sin() / (PI * x) };
            let tap = |n: usize| {
                let x = n as f64 - late;
                gain * sinc(x) * (1.0 - (x / 20.0).powi(2)).max(0.0)
            };
            responses.extend((0..length).map(tap));
        }
    }
    let delays = vec![0.0; 2 * directions.len()];
    let places = directions.into_iter().map(|direction| (direction, 1.2)).collect();
    File { rate, places, length, responses, delays, left: 0 }
}

/// Rings of 24 directions.
fn rings(elevations: &[f64]) -> Vec<[f64; 3]> {
    let ring = |elevation: &f64| {
        let (up, flat) = elevation.to_radians().sin_cos();
        (0..24).map(move |step| {
            let (y, x) = (f64::from(step) * 15.0).to_radians().sin_cos();
            [flat * x, flat * y, up]
        })
    };
    elevations.iter().flat_map(ring).collect()
}

const ALL: [f64; 7] = [-40.0, -20.0, 0.0, 20.0, 40.0, 60.0, 80.0];

/// Power of what an ear hears of a direction, left or right.
fn power(ears: &Ears, [x, y, z]: [f64; 3], side: f32) -> f64 {
    let weights = crate::space::harmonics::harmonics([x as f32, y as f32, z as f32]);
    let tap = |place: usize| {
        let of = |sum: &Vec<f32>| sum.get(place).copied().unwrap_or(0.0);
        let each =
            ears.sums.iter().zip(weights).map(|([even, odd], weight)| weight * (of(even) + side * of(odd)));
        f64::from(each.sum::<f32>())
    };
    (0..TAPS).map(|place| tap(place).powi(2)).sum()
}

#[test]
fn a_head_that_is_not_symmetric_keeps_its_two_ears_at_any_rate() {
    let measured = sphere(96_000.0, rings(&ALL), 0.5).measured().unwrap();
    assert!(!measured.is_symmetric());
    assert!(Ears::fitted(&measured, &mut |share| share < 0.1).is_none(), "it goes on");
    let ears = Ears::fitted(&measured, &mut |_| true).unwrap();
    assert!(ears.sums.iter().flatten().all(|sum| sum.len() == TAPS));
    let level =
        |direction: [f64; 3]| 10.0 * (power(&ears, direction, 1.0) / power(&ears, direction, -1.0)).log10();
    // Each ear is equalised by itself, as loud as the other in a diffuse field: what is left is what the head does.
    let (front, left, right) = (level([1.0, 0.0, 0.0]), level([0.0, 1.0, 0.0]), level([0.0, -1.0, 0.0]));
    println!("front {front:.2} dB, left {left:.2} dB, right {right:.2} dB");
    assert!(front.abs() < 0.5 && left > 3.0 && (left + right).abs() < 1.0, "{front} {left} {right}");
}

#[test]
fn a_symmetric_head_has_one_sum_for_each_channel_and_survives_its_bytes() {
    let measured = sphere(44_100.0, rings(&ALL), 1.0).measured().unwrap();
    assert!(measured.is_symmetric());
    for ears in [Ears::kemar(), Ears::fitted(&measured, &mut |_| true).unwrap()] {
        let sums = ears.sums.iter().zip(ODD);
        let mut one = sums.map(|([even, odd], is_odd)| even.is_empty() == is_odd && odd.is_empty() != is_odd);
        assert!(one.all(|one| one));
        let again = Ears::from_bytes(&ears.to_bytes()).unwrap();
        assert!(again == ears && again.hash == ears.hash);
    }
}

#[test]
fn measurements_that_say_too_little_are_refused() {
    let refused = |file: File| file.measured().unwrap_err();
    assert_eq!(refused(sphere(48_000.0, rings(&[0.0, 30.0]), 1.0)), EarsError::TooFew { found: 48 });
    let flat = refused(sphere(48_000.0, rings(&[-10.0, 0.0, 10.0, 20.0]), 1.0));
    assert!(matches!(flat, EarsError::Gap { elevation: 56..=90, .. }), "{flat}");
    let mut mute = sphere(48_000.0, rings(&ALL), 1.0);
    mute.responses[512 * 30..512 * 31].fill(0.0);
    let mute = refused(mute).to_string();
    assert_eq!(mute, "it holds only silence from azimuth 90, elevation -20: choose another one");
}

#[test]
fn many_directions_are_thinned_to_an_even_grid_that_keeps_symmetry() {
    let many: Vec<f64> = (-30..=45).map(|ring| f64::from(ring) * 2.0).collect();
    let measured = sphere(44_100.0, rings(&many), 1.0).measured().unwrap();
    assert!(measured.is_symmetric() && (400..=900).contains(&measured.left.len()), "{}", measured.left.len());
}

#[test]
fn wrong_files_and_wrong_bytes_are_told() {
    assert_eq!(Ears::read(b"no ears at all").unwrap_err(), EarsError::NotSofa);
    // HDF5's signature alone, and zeros behind it.
    let mut start = b"\x89HDF\r\n\x1a\n".to_vec();
    for length in [8, 9, 100, 5000] {
        start.resize(length, 0);
        assert_eq!(Ears::read(&start).unwrap_err(), EarsError::NotSofa);
    }
    let bytes = Ears::kemar().to_bytes();
    assert_eq!(Ears::from_bytes(&bytes[4..]).unwrap_err(), EarsError::Damaged);
    let mut wild = bytes;
    wild[..4].copy_from_slice(&f32::NAN.to_le_bytes());
    assert_eq!(Ears::from_bytes(&wild).unwrap_err(), EarsError::Damaged);
}

/// The MIT KEMAR measurements, where Debian's `libmysofa1` is installed or `cargo xtask hrir` has run.
pub(in crate::space) fn kemar_file() -> Option<Vec<u8>> {
    const FILE: &str = "usr/share/libmysofa/MIT_KEMAR_normal_pinna.sofa";
    let unpacked = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/hrir");
    let bytes = [Path::new("/"), &unpacked].into_iter().find_map(|root| std::fs::read(root.join(FILE)).ok());
    if bytes.is_none() {
        println!("skipped: there is no {FILE}");
    }
    bytes
}

#[test]
fn a_users_file_of_the_built_in_head_gives_the_built_in_ears() {
    let Some(bytes) = kemar_file() else { return };
    let (fitted, built_in) = (Ears::read(&bytes).unwrap(), Ears::kemar());
    let pairs = || fitted.sums.iter().flatten().zip(built_in.sums.iter().flatten());
    assert!(pairs().all(|(one, other)| one.len() == other.len()));
    let sum = |power: fn(f32, f32) -> f32| -> f64 {
        let taps = pairs().flat_map(|(one, other)| one.iter().zip(other));
        taps.map(|(one, other)| f64::from(power(*one, *other))).sum()
    };
    let apart = 10.0 * (sum(|one, other| (one - other).powi(2)) / sum(|_, other| other * other)).log10();
    println!("apart by {apart:.1} dB");
    // Steps go by the signs of slopes, which are others where sums are rounded otherwise.
    assert!(apart < -25.0, "{apart} dB");
    // A file that is cut off, or whose bytes are wrong, is refused or read, but never ends the worker.
    for place in (0..bytes.len()).step_by(bytes.len() / 40) {
        let mut damaged = bytes.clone();
        damaged[place] ^= 0x5a;
        let _ = Measured::read(&damaged);
        assert!(Measured::read(&bytes[..place]).is_err());
    }
}
