//! How long machines sound after their input, as their controls say: down to -120 dB, and without an impulse response.
//!
//! Any thread. A bound, infinite where a sound never ends; each machine names one of these in the list.

use super::MachineKind;

/// What a bound is reckoned from.
pub(super) struct Settings<'a> {
    pub(super) kind: MachineKind,
    /// In the order of the kind's parameters.
    pub(super) values: &'a [f32],
    /// BPM.
    pub(super) tempo: f64,
}

/// Seconds.
pub(super) type Tail = fn(&Settings<'_>) -> f64;

impl Settings<'_> {
    fn value(&self, path: &str) -> f64 {
        let index = self.kind.parameter_index(path);
        f64::from(index.and_then(|index| self.values.get(index)).copied().unwrap_or(0.0))
    }

    fn seconds(&self, path: &str) -> f64 {
        self.value(path) / 1000.0
    }

    fn share(&self, path: &str) -> f64 {
        self.value(path) / 100.0
    }
}

/// Time constants until a sound has fallen by 120 dB.
const TO_SILENCE: f64 = 13.82;

/// How often a sound goes round until it has fallen by 120 dB.
fn rounds(feedback: f64) -> f64 {
    match feedback.abs() {
        none if none < 1e-6 => 0.0,
        share if share < 1.0 => -TO_SILENCE / libm::log(share),
        _ => f64::INFINITY,
    }
}

/// Twice the time to -60 dB; half a second covers the first pass through diffusers and lines.
pub(super) fn reverb(of: &Settings<'_>) -> f64 {
    2.0 * of.value("decay").max(of.value("low_decay")) + of.seconds("pre_delay") + 0.5
}

pub(super) fn plate(of: &Settings<'_>) -> f64 {
    2.0 * of.value("decay") + of.seconds("pre_delay") + 0.5
}

pub(super) fn fdn(of: &Settings<'_>) -> f64 {
    let longest = of.value("decay").max(of.value("low_decay")).max(of.value("high_decay"));
    2.0 * longest + of.seconds("pre_delay") + 0.5
}

/// The filters' own sound ends within a tenth of a second.
pub(super) fn convolution(of: &Settings<'_>) -> f64 {
    of.seconds("pre_delay") + 0.1
}

pub(super) fn delay(of: &Settings<'_>) -> f64 {
    let time = delay_s(of.value("note"), of.seconds("time"), of.tempo);
    time * (1.0 + rounds(of.share("feedback"))) + 0.1
}

/// The time of the delay, as its source reckons it.
fn delay_s(note: f64, free_s: f64, tempo: f64) -> f64 {
    const LONGEST_S: f64 = 2.7;
    const QUARTERS: [f64; 13] =
        [0.125, 1.0 / 6.0, 0.25, 1.0 / 3.0, 0.375, 0.5, 2.0 / 3.0, 0.75, 1.0, 4.0 / 3.0, 1.5, 2.0, 4.0];
    let quarters = (note >= 1.0).then(|| QUARTERS.get(note as usize - 1)).flatten();
    let mut time = quarters.map_or(free_s, |quarters| quarters * 60.0 / tempo);
    for _ in 0..3 {
        time /= if time > LONGEST_S { 2.0 } else { 1.0 };
    }
    time.min(LONGEST_S)
}

pub(super) fn chorus(_: &Settings<'_>) -> f64 {
    0.1
}

pub(super) fn flanger(of: &Settings<'_>) -> f64 {
    0.011 * (1.0 + rounds(of.share("feedback"))) + 0.05
}

/// Twelve allpasses hold a sound for so long at most.
pub(super) fn phaser(of: &Settings<'_>) -> f64 {
    let lowest = of.value("frequency") * libm::exp2(-of.value("depth") / 2.0);
    12.0 / (std::f64::consts::PI * lowest) * (4.0 + rounds(of.share("feedback")))
}

/// Poles as far from ringing for ever as the resonance leaves them.
pub(super) fn ladder(of: &Settings<'_>) -> f64 {
    let octaves = of.value("envelope").abs() + of.value("lfo_depth");
    let lowest = of.value("cutoff") * libm::exp2(-octaves);
    let away = 1.0 - libm::sqrt(libm::sqrt(of.share("resonance"))).min(1.0);
    TO_SILENCE / (std::f64::consts::TAU * lowest * away) + 2.0 * of.seconds("release")
}

pub(super) fn equaliser(_: &Settings<'_>) -> f64 {
    2.0
}

/// What it has taken away comes back meanwhile.
pub(super) fn compressor(of: &Settings<'_>) -> f64 {
    TO_SILENCE * of.seconds("release") + 0.1
}

/// The same of a gate.
pub(super) fn gate(of: &Settings<'_>) -> f64 {
    TO_SILENCE * of.seconds("release") + of.seconds("hold") + 0.2
}

/// The filters around curves and clocks.
pub(super) fn distortion(_: &Settings<'_>) -> f64 {
    0.3
}

/// A program's controls say nothing of it.
pub(super) fn program(_: &Settings<'_>) -> f64 {
    0.0
}
