//! A room as six walls, and what follows from them: how long it rings, how loud, and how soon.
//!
//! In: dimensions, materials, where the listener is and where the sources are. Out: the decay and the power of what lies beyond
//! single reflections, by Eyring's formula and diffuse fields. Any thread. Kuttruff, "Room Acoustics" (5th edition, 2009),
//! chapter 5; ISO 9613-1 (1993) for the air.

use super::material::Bands;
use super::material::CROSSOVER_HZ;
use super::material::Material;
use super::material::bands;
use crate::dsp;
use crate::dsp::Fdn;
use crate::space::harmonics::Vector;
use crate::units::Gain;

/// Metres a second, at 20 °C.
pub(in crate::space) const SOUND_M_S: f32 = 343.0;

/// Sabine's constant: seconds to -60 dB of a cubic metre with a square metre of open window.
const SABINE_S_M: f32 = 24.0 * std::f32::consts::LN_10 / SOUND_M_S;

/// Metres of the shortest and of the longest wall.
const EDGE_M: [f32; 2] = [1.0, 100.0];

/// Seconds to -60 dB.
const DECAY_S: [f32; 2] = [0.1, 20.0];

/// Factors of what is heard.
const LOUDEST: f32 = 16.0;

/// What a metre of air takes of a sound's power, in octaves, at 20 °C and 50 % humidity.
const AIR: [f32; 6] = [0.000_101, 0.000_302, 0.000_628, 0.001_074, 0.002_277, 0.006_831];

/// Passes from wall to wall before single reflections have become a diffuse field: those of first and second order are images.
const PASSES: f32 = 2.5;

/// The least size of the network: shorter lines ring on few frequencies.
const LEAST_SIZE: f32 = 0.35;

/// A room with six walls at right angles.
///
/// Vectors go to the front, to the left and up. What is not in its range, or no number, is taken for what is nearest to it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shoebox {
    /// Metres from the back to the front, from right to left, and from the floor to the ceiling: 1 to 100.
    pub size_m: [f32; 3],
    /// Front, back, left, right, ceiling, floor.
    pub walls: [Material; 6],
    /// Where the listener is, in metres from the corner behind to the right on the floor.
    pub listener_m: [f32; 3],
    /// Where the sources are, in the middle of them all, in metres from the listener.
    pub source_m: [f32; 3],
    /// Seconds to -60 dB of lows, mids and highs, 0.1 to 20, if not those of the walls.
    pub decay_s: Option<[f32; 3]>,
    /// How loud reflections are; at 1 as loud as beside a source that is heard at 1 from a metre away.
    pub reflections: Gain,
    /// How loud the reverberation is, likewise.
    pub reverb: Gain,
}

impl Default for Shoebox {
    /// A hall for chamber music.
    fn default() -> Self {
        let wall = Material::Plaster;
        Self {
            size_m: [18.0, 12.0, 7.0],
            walls: [wall, Material::HeavyCurtain, wall, wall, Material::Panelling, Material::Parquet],
            listener_m: [7.0, 6.4, 1.3],
            source_m: [0.0; 3],
            decay_s: None,
            reflections: Gain::UNITY,
            reverb: Gain::UNITY,
        }
    }
}

/// What lies nearest to `value` in a range; the least of it for what is no number.
fn within(value: f32, [least, most]: [f32; 2]) -> f32 {
    if value > least { value.min(most) } else { least }
}

impl Shoebox {
    /// The same room with everything in its range, listener and source between the walls.
    pub(super) fn in_range(mut self) -> Self {
        self.size_m = self.size_m.map(|edge| within(edge, EDGE_M));
        let places = self.listener_m.iter_mut().zip(&mut self.source_m).zip(self.size_m);
        for ((listener, source), edge) in places {
            *listener = within(*listener, [0.0, edge]);
            *source = within(*source, [-*listener, edge - *listener]);
        }
        self.decay_s = self.decay_s.map(|decays| decays.map(|decay| within(decay, DECAY_S)));
        self.reflections = Gain(within(self.reflections.0, [0.0, LOUDEST]));
        self.reverb = Gain(within(self.reverb.0, [0.0, LOUDEST]));
        self
    }

    /// The same room, of which nothing is heard.
    pub fn silent(self) -> Self {
        Self { reflections: Gain::SILENCE, reverb: Gain::SILENCE, ..self }
    }

    /// Whether nothing is heard of it.
    pub(super) fn is_silent(&self) -> bool {
        self.reflections == Gain::SILENCE && self.reverb == Gain::SILENCE
    }

    /// From the listener to the source.
    pub(super) fn direct_m(&self) -> f32 {
        length(self.source_m)
    }

    fn volume_m3(&self) -> f32 {
        self.size_m.iter().product()
    }

    /// Of each wall.
    fn surfaces_m2(&self) -> [f32; 6] {
        let [long, wide, high] = self.size_m;
        let (end, side, flat) = (wide * high, long * high, long * wide);
        [end, end, side, side, flat, flat]
    }

    /// What all walls together swallow of diffuse sound, as a part of its power.
    fn absorption(&self) -> Bands {
        let surfaces = self.surfaces_m2();
        let mut sum = [0.0; 3];
        for (wall, surface) in self.walls.iter().zip(surfaces) {
            sum.iter_mut().zip(wall.absorption()).for_each(|(sum, part)| *sum += part * surface);
        }
        sum.map(|swallowed| swallowed / surfaces.iter().sum::<f32>())
    }

    /// Seconds to -60 dB of each band: those asked for, or Eyring's, with the air's share.
    pub(super) fn decays_s(&self) -> Bands {
        let eyring = || {
            let (volume, surface) = (self.volume_m3(), self.surfaces_m2().iter().sum::<f32>());
            let (walls, air) = (self.absorption(), air());
            // Three bands.
            std::array::from_fn(|band| {
                let swallowed = -surface * libm::logf(1.0 - walls[band]) + 4.0 * air[band] * volume;
                within(SABINE_S_M * volume / swallowed, DECAY_S)
            })
        };
        self.decay_s.unwrap_or_else(eyring)
    }

    /// How loud a diffuse field of all that has been thrown back three times or more is, in each band, beside the source at a metre:
    /// `√(16π (1 - α)³ / A)`. The absorption `A` is that of the mids, since the network's own bands differ by their decays.
    pub(super) fn diffuse(&self) -> Bands {
        let [_, mid_s, _] = self.decays_s();
        let swallowed = SABINE_S_M * self.volume_m3() / mid_s;
        self.absorption().map(|part| {
            let left = libm::powf(1.0 - part, 3.0);
            libm::sqrtf(16.0 * std::f32::consts::PI * left / swallowed)
        })
    }

    /// Seconds between two walls, on average.
    fn pass_s(&self) -> f32 {
        4.0 * self.volume_m3() / self.surfaces_m2().iter().sum::<f32>() / SOUND_M_S
    }

    /// The network that reverberates as the room does.
    pub(super) fn network(&self) -> dsp::Room {
        let [_, mean_s] = Fdn::delays_s(1.0);
        dsp::Room {
            decay_s: self.decays_s(),
            crossover_hz: CROSSOVER_HZ,
            size: (self.pass_s() / mean_s as f32).clamp(LEAST_SIZE, 1.5),
            motion: 0.3,
            motion_hz: 0.4,
        }
    }

    /// Seconds after the direct sound from which the network is fed.
    pub(super) fn feed_s(&self) -> f32 {
        let [shortest_s, _] = Fdn::delays_s(self.network().size);
        (PASSES * self.pass_s() - self.direct_m() / SOUND_M_S - shortest_s as f32).max(0.0)
    }

    /// Seconds until nothing above -120 dB is left of a sound.
    pub fn tail_s(&self) -> f64 {
        let room = self.in_range();
        let longest = room.decays_s().into_iter().fold(0.0, f32::max);
        let reflected = 3.0 * length(room.size_m) / SOUND_M_S;
        // Half a second covers the first pass through diffusers and lines.
        f64::from(2.0 * longest + reflected.max(room.feed_s())) + 0.5
    }
}

/// A vector's.
pub(super) fn length(vector: Vector) -> f32 {
    libm::sqrtf(vector.iter().map(|part| part * part).sum())
}

/// What a metre of air takes of a sound's power, in each band.
pub(super) fn air() -> Bands {
    bands(AIR)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ISO 9613-1, equations 3 to 6 and B.3, at the reference pressure: dB a metre at 20 °C.
    fn air_db_m(hz: f64, humidity_percent: f64) -> f64 {
        let (kelvin, triple) = (293.15f64, 273.16f64);
        let saturation = 10f64.powf(-6.8346 * (triple / kelvin).powf(1.261) + 4.6151);
        let h = humidity_percent * saturation;
        let oxygen = 24.0 + 4.04e4 * h * (0.02 + h) / (0.391 + h);
        let nitrogen = 9.0 + 280.0 * h;
        let of_oxygen = 0.01275 * (-2239.1 / kelvin).exp() / (oxygen + hz * hz / oxygen);
        let of_nitrogen = 0.1068 * (-3352.0 / kelvin).exp() / (nitrogen + hz * hz / nitrogen);
        8.686 * hz * hz * (1.84e-11 + of_oxygen + of_nitrogen)
    }

    #[test]
    fn air_takes_what_the_standard_says() {
        for (octave, part) in AIR.into_iter().enumerate() {
            let expected =
                air_db_m(125.0 * f64::from(1 << octave), 50.0) / (10.0 * std::f64::consts::E.log10());
            assert!(
                (f64::from(part) / expected - 1.0).abs() < 0.01,
                "octave {octave}: {part}, not {expected}"
            );
        }
    }

    #[test]
    fn decays_are_eyrings_and_nearly_sabines_where_little_is_swallowed() {
        let bare = Shoebox { size_m: [10.0, 8.0, 5.0], walls: [Material::Brick; 6], ..Shoebox::default() };
        // 0.161 · V / A with V = 400 m³, S = 340 m² and the absorption of bricks in the lows.
        let sabine = 0.161 * 400.0 / (340.0 * 0.03);
        assert!((bare.decays_s()[0] / sabine - 1.0).abs() < 0.04, "{:?}, not {sabine}", bare.decays_s());
        // By hand for wool in the mids: α = (0.82 / 2 + 2 · 0.99 + 0.99 / 2) / 3 = 0.9617.
        let soft = Shoebox { walls: [Material::Wool; 6], size_m: [60.0, 50.0, 30.0], ..bare };
        let (volume, surface) = (90_000.0, 12_600.0);
        let eyring = 0.1611 * volume / (surface * 3.262 + 4.0 * volume * 0.001_05);
        assert!((soft.decays_s()[1] / eyring - 1.0).abs() < 0.01, "{:?}, not {eyring}", soft.decays_s());
    }

    #[test]
    fn what_is_out_of_range_is_taken_for_what_is_nearest() {
        let nan = f32::NAN;
        let wild = Shoebox {
            size_m: [0.0, f32::INFINITY, nan],
            listener_m: [5.0, -3.0, nan],
            source_m: [f32::INFINITY, nan, -9.0],
            decay_s: Some([nan, 0.0, 1e9]),
            reverb: Gain(nan),
            reflections: Gain(-1.0),
            ..Shoebox::default()
        };
        let room = wild.in_range();
        assert_eq!(room.size_m, [1.0, 100.0, 1.0]);
        assert_eq!((room.listener_m, room.source_m), ([1.0, 0.0, 0.0], [0.0, 0.0, 0.0]));
        assert_eq!(
            (room.decay_s, room.reverb, room.reflections),
            (Some([0.1, 0.1, 20.0]), Gain(0.0), Gain(0.0))
        );
        assert!(wild.tail_s().is_finite());
    }
}
