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
            for level in [Level::SCALAR, Level::BASELINE] {
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
