//! The demo song's instruments, synthesised: drums, a bass, a lead, a pad, a plucked string and a bell.
//!
//! Each recording is tuned so that key 60 plays middle C at its `c5_speed`. Sounds that are held end in a loop of whole
//! periods. No recording is taken from anywhere.

use std::f64::consts::PI;
use std::f64::consts::TAU;

/// A recording.
pub(super) struct Recording {
    pub(super) name: &'static str,
    /// -1 to 1.
    pub(super) frames: Vec<f64>,
    pub(super) bits: Bits,
    pub(super) c5_speed: u32,
    /// First frame of the loop that ends with the recording.
    pub(super) loop_start: Option<usize>,
    /// 0 to 64.
    pub(super) volume: u8,
}

/// How finely a recording is stored.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Bits {
    Eight,
    Sixteen,
}

const MIDDLE_C: f64 = 261.625_565;

/// White noise, always the same.
struct Noise(u32);

impl Noise {
    fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        f64::from(self.0) / f64::from(u32::MAX) * 2.0 - 1.0
    }
}

fn sine(turns: f64) -> f64 {
    libm::sin(TAU * turns)
}

fn decay(seconds: f64, time_constant: f64) -> f64 {
    libm::exp(-seconds / time_constant)
}

/// `seconds` of `sound(time in seconds)`, fading over its last twentieth so that it ends on silence.
fn one_shot(rate: f64, seconds: f64, mut sound: impl FnMut(f64) -> f64) -> Vec<f64> {
    let frames = (rate * seconds) as usize;
    let fade = frames / 20;
    let each = (0..frames).map(|frame| {
        let left = (frames - frame) as f64 / fade as f64;
        sound(frame as f64 / rate) * left.min(1.0)
    });
    normalised(each.collect())
}

fn normalised(mut frames: Vec<f64>) -> Vec<f64> {
    let peak = frames.iter().fold(0.0_f64, |peak, frame| peak.max(frame.abs()));
    frames.iter_mut().for_each(|frame| *frame *= 0.98 / peak);
    frames
}

/// One-pole high-pass over a sound; `a` near 1 keeps only the top.
fn high_pass(a: f64) -> impl FnMut(f64) -> f64 {
    let (mut input, mut output) = (0.0, 0.0);
    move |x| {
        output = a * (output + x - input);
        input = x;
        output
    }
}

/// A sine whose pitch falls from `from` to `to` Hz.
fn falling(from: f64, to: f64, fall: f64) -> impl FnMut(f64) -> f64 {
    // The integral of to + (from - to)·e^(-t/fall).
    move |time| sine(to * time + (from - to) * fall * (1.0 - decay(time, fall)))
}

pub(super) fn kick() -> Recording {
    let rate = 22050.0;
    let mut noise = Noise(1);
    let mut body = falling(310.0, 47.0, 0.026);
    let frames = one_shot(rate, 0.28, |time| {
        let click = noise.next() * decay(time, 0.002) * 0.4;
        libm::tanh(2.2 * (body(time) * decay(time, 0.13) + click))
    });
    Recording { name: "kick", frames, bits: Bits::Sixteen, c5_speed: 22050, loop_start: None, volume: 64 }
}

pub(super) fn snare() -> Recording {
    let rate = 22050.0;
    let mut noise = Noise(7);
    let mut bright = high_pass(0.72);
    let mut skin = falling(290.0, 186.0, 0.02);
    let frames = one_shot(rate, 0.26, |time| {
        let wires = bright(noise.next()) * (0.75 * decay(time, 0.075) + 0.25 * decay(time, 0.012));
        libm::tanh(1.6 * (0.75 * skin(time) * decay(time, 0.055) + 0.9 * wires))
    });
    Recording { name: "snare", frames, bits: Bits::Sixteen, c5_speed: 22050, loop_start: None, volume: 56 }
}

pub(super) fn clap() -> Recording {
    let rate = 22050.0;
    let mut noise = Noise(99);
    let (mut low_cut, mut smooth) = (high_pass(0.8), 0.0);
    let frames = one_shot(rate, 0.2, |time| {
        // Three hands in 24 ms, then the room.
        let hands = [0.0, 0.011, 0.023].iter().filter(|&&start| time >= start);
        let level = hands.map(|&start| decay(time - start, 0.006)).sum::<f64>() + 0.5 * decay(time, 0.07);
        smooth += 0.55 * (low_cut(noise.next()) - smooth);
        smooth * level
    });
    Recording { name: "clap", frames, bits: Bits::Eight, c5_speed: 22050, loop_start: None, volume: 44 }
}

/// Six square waves with no common period, as in the drum machines of the eighties, and noise above them.
fn metal(seed: u32, shine: f64) -> impl FnMut(f64) -> f64 {
    let mut noise = Noise(seed);
    let (mut first, mut second) = (high_pass(0.5), high_pass(0.6));
    move |time| {
        let pitches = [1047.0, 1481.0, 1109.0, 1699.0, 2239.0, 2617.0];
        let squares: f64 = pitches.iter().map(|pitch| sine(pitch * 1.7 * time).signum()).sum();
        second(first(squares / 6.0 + shine * noise.next()))
    }
}

pub(super) fn closed_hat() -> Recording {
    let rate = 32000.0;
    let mut cymbal = metal(3, 0.9);
    let frames = one_shot(rate, 0.07, |time| cymbal(time) * decay(time, 0.016));
    Recording { name: "closed hat", frames, bits: Bits::Eight, c5_speed: 32000, loop_start: None, volume: 34 }
}

pub(super) fn open_hat() -> Recording {
    let rate = 28000.0;
    let mut cymbal = metal(5, 0.9);
    let frames = one_shot(rate, 0.26, |time| cymbal(time) * decay(time, 0.09));
    Recording { name: "open hat", frames, bits: Bits::Eight, c5_speed: 28000, loop_start: None, volume: 28 }
}

pub(super) fn crash() -> Recording {
    let rate = 17000.0;
    let mut cymbal = metal(11, 2.2);
    let frames =
        one_shot(rate, 1.05, |time| cymbal(time) * (0.3 * decay(time, 0.03) + 0.7 * decay(time, 0.34)));
    Recording { name: "crash", frames, bits: Bits::Eight, c5_speed: 17000, loop_start: None, volume: 34 }
}

pub(super) fn tom() -> Recording {
    let rate = 16000.0;
    let mut noise = Noise(21);
    let mut skin = falling(205.0, 118.0, 0.05);
    let frames = one_shot(rate, 0.3, |time| {
        libm::tanh(1.5 * (skin(time) * decay(time, 0.11) + 0.25 * noise.next() * decay(time, 0.006)))
    });
    Recording { name: "tom", frames, bits: Bits::Eight, c5_speed: 16000, loop_start: None, volume: 52 }
}

/// Something between a saw and a square that darkens while it sounds; the dark end is looped.
pub(super) fn bass() -> Recording {
    const PERIOD: usize = 256;
    const PERIODS: usize = 24;
    const LOOP: usize = 2;
    let tone = |frame: usize| {
        let turns = frame as f64 / PERIOD as f64;
        // The filter stands still within the loop.
        let age = turns.min((PERIODS - LOOP) as f64) / PERIODS as f64;
        let darkness = 0.045 + 0.42 * (1.0 - libm::exp(-3.4 * age));
        let harmonics = (1..=40).map(|harmonic| {
            let number = f64::from(harmonic);
            let odd = if harmonic % 2 == 1 { 1.0 } else { 0.55 };
            sine(turns * number) * odd / number * libm::exp(-darkness * (number - 1.0))
        });
        libm::tanh(1.4 * harmonics.sum::<f64>())
    };
    Recording {
        name: "bass",
        frames: normalised((0..PERIOD * PERIODS).map(tone).collect()),
        bits: Bits::Sixteen,
        c5_speed: libm::round(MIDDLE_C * PERIOD as f64) as u32,
        loop_start: Some(PERIOD * (PERIODS - LOOP)),
        volume: 64,
    }
}

/// Three pulses, 13 cents apart, whose widths swell; whole cycles of all fit the loop.
pub(super) fn lead() -> Recording {
    const PERIOD: usize = 64;
    const PERIODS: usize = 128;
    const FRAMES: usize = PERIOD * PERIODS;
    let tone = |frame: usize| {
        let around = frame as f64 / FRAMES as f64;
        let pulse = |cycles: f64, phase: f64| -> f64 {
            let width = 0.32 + 0.14 * sine(around + phase);
            let harmonics = (1..=14).map(|harmonic| {
                let number = f64::from(harmonic);
                sine((around * cycles + phase) * number) * libm::sin(PI * number * width) / number
            });
            harmonics.sum()
        };
        pulse(128.0, 0.0) + 0.6 * pulse(129.0, 0.31) + 0.6 * pulse(127.0, 0.67)
    };
    Recording {
        name: "lead",
        frames: normalised((0..FRAMES).map(tone).collect()),
        bits: Bits::Sixteen,
        c5_speed: libm::round(MIDDLE_C * PERIOD as f64) as u32,
        loop_start: Some(0),
        volume: 64,
    }
}

/// An ensemble: each harmonic is a cluster of lines around its place, all whole cycles of the loop, at random phases.
pub(super) fn pad() -> Recording {
    const FRAMES: usize = 16384;
    const CYCLES: f64 = 194.0;
    let mut noise = Noise(77);
    let mut frames = vec![0.0; FRAMES];
    for harmonic in 1..=18 {
        let number = f64::from(harmonic);
        let centre = CYCLES * number;
        // 14 cents wide; a bump around the fifth harmonic gives it a vowel.
        let width = (centre * 0.008).max(0.8);
        let level =
            libm::pow(number, -1.35) * (1.0 + 1.1 * libm::exp(-(number - 5.0) * (number - 5.0) / 5.0));
        let reach = libm::ceil(width * 2.5) as i32;
        for offset in -reach..=reach {
            let distance = f64::from(offset) / width;
            add_line(
                &mut frames,
                centre + f64::from(offset),
                level * libm::exp(-distance * distance) / width,
                &mut noise,
            );
        }
    }
    Recording {
        name: "ensemble",
        frames: normalised(frames),
        bits: Bits::Sixteen,
        c5_speed: libm::round(MIDDLE_C * FRAMES as f64 / CYCLES) as u32,
        loop_start: Some(0),
        volume: 64,
    }
}

/// Adds a sine of whole cycles by turning a pointer, at a random phase.
fn add_line(frames: &mut [f64], cycles: f64, level: f64, noise: &mut Noise) {
    let step = TAU * cycles / frames.len() as f64;
    let (turn_x, turn_y) = (libm::cos(step), libm::sin(step));
    let phase = PI * noise.next();
    let (mut x, mut y) = (level * libm::cos(phase), level * libm::sin(phase));
    for frame in frames {
        *frame += y;
        (x, y) = (x * turn_x - y * turn_y, x * turn_y + y * turn_x);
    }
}

/// Karplus and Strong's string: a period of noise that wears down as it goes round.
pub(super) fn pluck() -> Recording {
    const PERIOD: usize = 80;
    const FRAMES: usize = 11_000;
    let mut noise = Noise(1234);
    let mut string = [0.0; PERIOD];
    let mut soft = 0.0;
    for place in &mut string {
        soft += 0.6 * (noise.next() - soft);
        *place = soft;
    }
    let mut frames = Vec::with_capacity(FRAMES);
    for frame in 0..FRAMES {
        let (here, next) = (frame % PERIOD, (frame + 1) % PERIOD);
        frames.push(string[here]); // both are below the period
        string[here] = 0.997 * (0.5 * string[here] + 0.5 * string[next]);
    }
    let fade = FRAMES / 10;
    for (frame, left) in frames.iter_mut().rev().zip(0..fade) {
        *frame *= f64::from(left as u32) / fade as f64;
    }
    Recording {
        name: "string",
        frames: normalised(frames),
        bits: Bits::Sixteen,
        // Averaging two neighbours delays by half a frame.
        c5_speed: libm::round(MIDDLE_C * (PERIOD as f64 + 0.5)) as u32,
        loop_start: None,
        volume: 64,
    }
}

/// A sine bent by another at 3.5 times its pitch, less and less; the pure end is looped.
pub(super) fn bell() -> Recording {
    const PERIOD: usize = 40;
    const PERIODS: usize = 200;
    let tone = |frame: usize| {
        let turns = frame as f64 / PERIOD as f64;
        let age = turns / PERIODS as f64;
        let bend = 0.34 * libm::exp(-4.5 * age) * (1.0 - age).max(0.0);
        let shimmer = 0.16 * (1.0 - age).max(0.0) * sine(turns * 4.0) * libm::exp(-6.0 * age);
        let last = turns >= (PERIODS - 2) as f64;
        if last { sine(turns) } else { sine(turns + bend * sine(turns * 3.5)) + shimmer }
    };
    Recording {
        name: "bell",
        frames: normalised((0..PERIOD * PERIODS).map(tone).collect()),
        bits: Bits::Sixteen,
        c5_speed: libm::round(MIDDLE_C * PERIOD as f64) as u32,
        loop_start: Some(PERIOD * (PERIODS - 2)),
        volume: 64,
    }
}
