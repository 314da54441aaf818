use super::*;

const KERNELS: [Kernel; 5] =
    [Kernel::Nearest, Kernel::Linear, Kernel::IntegerLinear, Kernel::Cubic, Kernel::Sinc];

fn path(start: f64, step: f64) -> Path {
    Path { position_q32: (start * 4_294_967_296.0) as i64, step_q32: (step * 4_294_967_296.0) as i64 }
}

fn bits<T: Stored>(level: Level, kernel: Kernel, plane: &[T], path: Path) -> Vec<u32> {
    let mut output = vec![0.0; 61];
    read(level, kernel, plane, path, &mut output);
    output.into_iter().map(f32::to_bits).collect()
}

fn same_bits<T: Stored>(plane: &[T], what: &str) {
    for kernel in KERNELS {
        for path in [path(3.3, 0.77), path(3.0, 1.0), path(410.9, -1.7), path(5.0, 6.123)] {
            let best = bits(Level::detect(), kernel, plane, path);
            for level in Level::available() {
                assert_eq!(bits(level, kernel, plane, path), best, "{kernel:?} {what} {level:?}");
            }
            assert!(best.iter().any(|&bits| f32::from_bits(bits).abs() > 0.01));
        }
    }
}

#[test]
fn every_level_gives_the_same_bits() {
    let noise = |n: usize| libm::sin(n as f64 * n as f64) as f32;
    same_bits(&(0..420).map(|n| (noise(n) * 127.0) as i8).collect::<Vec<_>>(), "8 bits");
    same_bits(&(0..420).map(|n| (noise(n) * 32_767.0) as i16).collect::<Vec<_>>(), "16 bits");
    same_bits(&(0..420).map(noise).collect::<Vec<_>>(), "float");
}

#[test]
fn kernels_reach_the_first_and_the_last_frame_of_a_plane() {
    for kernel in KERNELS {
        let (before, after) = kernel.reach();
        let plane = vec![8192i16; (before + after + 1) as usize];
        let mut output = [0.0];
        read(Level::detect(), kernel, &plane, path(before as f64 + 0.4, 1.0), &mut output);
        assert!((output[0] - 0.25).abs() < 1e-6, "{kernel:?}: {}", output[0]);
    }
}

/// Frames of a measurement.
const FRAMES: usize = 2048;

/// Power of a sine of `turns` over all frames as it is read at `step`, and the power of what else is heard; a sine's own
/// power is 1.
fn powers(kernel: Kernel, step: f64, turns: f64) -> (f64, f64) {
    let radians = turns / FRAMES as f64 / step * std::f64::consts::TAU;
    let frames = (FRAMES as f64 * step) as usize + 16;
    let plane: Vec<f32> = (0..frames).map(|n| libm::sin(radians * n as f64) as f32).collect();
    let mut output = [0.0; FRAMES];
    read(Level::detect(), kernel, &plane, path(4.0, step), &mut output);
    let turn = |n: usize| libm::sincos(turns * n as f64 / FRAMES as f64 * std::f64::consts::TAU);
    let (mut all, mut sine, mut cosine) = (0.0, 0.0, 0.0);
    for (n, y) in output.into_iter().map(f64::from).enumerate() {
        let (s, c) = turn(n);
        (all, sine, cosine) = (all + y * y, sine + y * s, cosine + y * c);
    }
    let scale = 2.0 / FRAMES as f64;
    let own = (sine * sine + cosine * cosine) * scale * scale;
    (own, (all * scale - own).max(1e-20))
}

fn decibels(power: f64) -> f64 {
    10.0 * libm::log10(power)
}

/// The loudest of what is heard beside sines of up to `share` of the lower rate.
fn worst_image(share: f64, kernel: Kernel, step: f64) -> f64 {
    let highest = (FRAMES as f64 * share * step.min(1.0)) as usize;
    let levels = (8..highest).step_by(highest / 50).map(|turns| {
        let (own, rest) = powers(kernel, step, turns as f64);
        decibels(rest / own)
    });
    levels.fold(f64::NEG_INFINITY, f64::max)
}

/// The loudest of what comes back below a quarter of the rate from sines that are too high to be heard.
fn worst_alias(kernel: Kernel, step: f64) -> f64 {
    let (lowest, highest) = (FRAMES as f64 * 0.75, FRAMES as f64 * (0.5 * step).min(1.25));
    let levels = (lowest as usize..highest as usize).step_by(16).map(|turns| {
        let (own, rest) = powers(kernel, step, turns as f64);
        decibels(own + rest) // the fitted frequency and its alias are one to a sampled sine
    });
    levels.fold(f64::NEG_INFINITY, f64::max)
}

/// Step, and the most that linear, cubic and sinc may leave, in dB.
type Limits = (f64, [f64; 3]);

fn hold_to(limits: &[Limits], what: &str, measure: impl Fn(Kernel, f64) -> f64) {
    for &(step, most) in limits {
        let found = [Kernel::Linear, Kernel::Cubic, Kernel::Sinc].map(|kernel| measure(kernel, step));
        println!("{what} at step {step}: linear, cubic, sinc {found:.1?} dB");
        assert!(
            found.iter().zip(most).all(|(found, most)| *found < most),
            "{what}, step {step}: {found:.1?}"
        );
    }
}

/// The figures of docs/ARCHITECTURE.md, a decibel up.
#[test]
fn images_and_aliases_stay_below_what_is_documented() {
    let low = [
        (0.25, [-29.6, -43.4, -90.5]),
        (0.5, [-27.3, -47.0, -94.5]),
        (0.9, [-31.0, -43.1, -90.9]),
        (1.3, [-35.8, -50.4, -85.4]),
        (1.7, [-40.6, -57.7, -67.8]),
        (2.3, [-45.9, -65.8, -71.7]),
    ];
    hold_to(&low, "images of an eighth", |kernel, step| worst_image(0.125, kernel, step));
    let high = [
        (0.25, [-16.4, -23.0, -38.6]),
        (0.5, [-14.5, -23.6, -38.4]),
        (0.9, [-17.2, -22.7, -38.0]),
        (1.3, [-22.7, -30.6, -83.8]),
        (1.7, [-27.9, -38.4, -63.4]),
        (2.3, [-33.5, -46.9, -64.0]),
    ];
    hold_to(&high, "images of a quarter", |kernel, step| worst_image(0.25, kernel, step));
    let aliases = [
        (1.9, [-2.9, -1.2, -27.8]),
        (2.4, [0.7, 2.4, -14.0]),
        (3.1, [3.7, 5.4, -6.9]),
        (4.1, [0.1, 0.8, -3.1]),
    ];
    hold_to(&aliases, "aliases", worst_alias);
}

#[test]
fn the_sinc_keeps_low_sounds_at_their_level() {
    for step in [0.3, 1.0, 1.3, 1.7, 4.0] {
        let (own, _) = powers(Kernel::Sinc, step, 40.0);
        assert!(decibels(own).abs() < 0.05, "step {step}: {} dB", decibels(own));
        let mut constant = [0.0; 64];
        read(Level::detect(), Kernel::Sinc, &[0.5f32; 300], path(4.1, step), &mut constant);
        assert!(constant.iter().all(|sample| (sample - 0.5).abs() < 1e-6), "step {step}");
    }
}
