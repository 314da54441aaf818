//! Measurements of a head in a SOFA file (AES69), made ready to be fitted.
//!
//! In: the file's bytes, of the convention SimpleFreeFieldHRIR. Out: what each ear hears from some hundred directions at 44.1 kHz.
//! Workers only.

use super::fit::Heard;
use super::fit::RATE;
use super::fourier::LENGTH;
use crate::sample::resample;
use crate::units::SampleRate;
use sofar::hdf::DataObject;
use sofar::hdf::ParsedHdf;
use sofar::hdf::parse_with_children;
use std::panic::catch_unwind;

/// Directions that are fitted, at most: further ones would tell nothing new.
const MOST: usize = 900;
/// Fewer directions do not say what lies between them.
const LEAST: usize = 64;
/// Degrees from anywhere above -30 degrees to a measured direction, at most.
const WIDEST_GAP: f64 = 35.0;
/// Metres; of files with several distances the nearest to it counts.
const DISTANCE_M: f64 = 1.4;
/// Sampling rates that are read.
const RATES: std::ops::RangeInclusive<f64> = 40_000.0..=384_000.0;
/// Frames that are left before the first sound of all.
const LEAD: usize = 60;

/// Why a file gives no ears.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EarsError {
    /// Whoever asked for ears wants them no more.
    #[error("called off")]
    CalledOff,
    /// Some other file.
    #[error("this is no SOFA file that can be read: choose one that was saved as netCDF-4")]
    NotSofa,
    /// A SOFA file of something else.
    #[error("it holds {found}: ears are fitted to the convention SimpleFreeFieldHRIR")]
    Convention {
        /// What it says of itself.
        found: String,
    },
    /// Part of the file.
    #[error("it has no {what} that can be read: save it anew")]
    Part {
        /// Name of the variable.
        what: &'static str,
    },
    /// Not two ears.
    #[error("it has {found} receivers: ears are two")]
    Receivers {
        /// In the file.
        found: usize,
    },
    /// No sensible rate.
    #[error("it has a sampling rate of {found} Hz: it can be 40000 to 384000")]
    Rate {
        /// In the file.
        found: f64,
    },
    /// Not enough to know what lies between.
    #[error("it has {found} directions: at least {LEAST} are needed, from all around")]
    TooFew {
        /// At one distance.
        found: usize,
    },
    /// A part of the sphere that nobody has measured.
    #[error(
        "it has no measurement within {WIDEST_GAP} degrees of azimuth {azimuth}, elevation {elevation}: choose one from all around"
    )]
    Gap {
        /// Degrees to the left.
        azimuth: i32,
        /// Degrees up.
        elevation: i32,
    },
    /// Samples that are no numbers.
    #[error("it holds samples that are no numbers: save it anew")]
    NotFinite,
    /// A direction from which nothing is heard.
    #[error("it holds only silence from azimuth {azimuth}, elevation {elevation}: choose another one")]
    Silent {
        /// Degrees to the left.
        azimuth: i32,
        /// Degrees up.
        elevation: i32,
    },
    /// Measurements that no ears can be fitted to.
    #[error("no ears can be fitted to it: its responses are those of no head")]
    Unfit,
    /// Taps that a rack has saved.
    #[error("is damaged in the rack: name the file anew")]
    Damaged,
}

/// What both ears hear, direction by direction; the right one behind a mirror, so that it is a left one too.
#[derive(Debug)]
pub(super) struct Measured {
    pub(super) left: Vec<Heard>,
    pub(super) right: Vec<Heard>,
}

/// Numbers of a variable, and how many there are along each of its dimensions.
struct Numbers {
    values: Vec<f64>,
    dimensions: Vec<usize>,
    /// Of its coordinates.
    cartesian: bool,
}

/// A unit vector: front, left, up.
pub(super) type Direction = [f64; 3];

impl Measured {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, EarsError> {
        // A parser that panics over a file must not take the worker's thread with it.
        catch_unwind(|| File::read(bytes)).unwrap_or(Err(EarsError::NotSofa))?.measured()
    }

    /// Whether both ears are the same.
    pub(super) fn is_symmetric(&self) -> bool {
        let same = |(one, other): (&Heard, &Heard)| {
            (one.place(), &one.response, one.delay) == (other.place(), &other.response, other.delay)
        };
        self.left.iter().zip(&self.right).all(same)
    }
}

fn attribute<'a>(object: &'a DataObject, name: &str) -> Option<&'a str> {
    let found = object.parsed_attributes.iter().find(|attribute| attribute.name == name);
    found.and_then(|attribute| attribute.value.as_deref())
}

fn numbers(file: &ParsedHdf<'_>, what: &'static str) -> Result<Numbers, EarsError> {
    let missing = EarsError::Part { what };
    let Some(Ok(object)) = file.get_child(what) else { return Err(missing) };
    // Class 1 is floating point; bit 0 of the class's field tells the order of bytes.
    let (class, turned) = (object.dt.class_and_version & 15, object.dt.class_bit_field & 1 == 1);
    let values: Vec<f64> = match (class, object.dt.size) {
        (1, 8) => {
            let read = |bytes: &[u8; 8]| {
                if turned { f64::from_be_bytes(*bytes) } else { f64::from_le_bytes(*bytes) }
            };
            object.data.as_chunks().0.iter().map(read).collect()
        }
        (1, 4) => {
            let read = |bytes: &[u8; 4]| {
                if turned { f32::from_be_bytes(*bytes) } else { f32::from_le_bytes(*bytes) }
            };
            object.data.as_chunks().0.iter().map(read).map(f64::from).collect()
        }
        _ => return Err(missing),
    };
    let dimensions: Vec<usize> = object.ds.dimension_size.iter().map(|size| *size as usize).collect();
    let count = dimensions.iter().try_fold(1usize, |count, size| count.checked_mul(*size));
    if count != Some(values.len()) || values.is_empty() {
        return Err(missing);
    }
    if values.iter().any(|value| !(*value as f32).is_finite()) {
        return Err(EarsError::NotFinite);
    }
    let cartesian =
        attribute(&object, "Type").is_some_and(|kind| kind.trim().eq_ignore_ascii_case("cartesian"));
    Ok(Numbers { values, dimensions, cartesian })
}

/// What counts of a file.
pub(super) struct File {
    pub(super) rate: f64,
    /// Directions by their numbers, and metres.
    pub(super) places: Vec<(Direction, f64)>,
    /// Frames of each response; both ears of one direction after those of another.
    pub(super) length: usize,
    pub(super) responses: Vec<f64>,
    /// Frames that each comes later, likewise.
    pub(super) delays: Vec<f64>,
    /// Which ear is the left one.
    pub(super) left: usize,
}

impl File {
    fn read(bytes: &[u8]) -> Result<Self, EarsError> {
        let file = parse_with_children(bytes).map_err(|_| EarsError::NotSofa)?;
        if attribute(&file.root, "Conventions") != Some("SOFA") {
            return Err(EarsError::NotSofa);
        }
        let convention = attribute(&file.root, "SOFAConventions").unwrap_or("no convention");
        if convention != "SimpleFreeFieldHRIR" {
            return Err(EarsError::Convention { found: convention.to_owned() });
        }
        let responses = numbers(&file, "Data.IR")?;
        let &[count, ears, length] = &responses.dimensions[..] else {
            return Err(EarsError::Part { what: "Data.IR" });
        };
        if ears != 2 {
            return Err(EarsError::Receivers { found: ears });
        }
        let rate = numbers(&file, "Data.SamplingRate")?.values.first().copied().unwrap_or(0.0);
        if !RATES.contains(&rate) {
            return Err(EarsError::Rate { found: rate });
        }
        let positions = numbers(&file, "SourcePosition")?;
        let (places, _) = positions.values.as_chunks::<3>();
        if places.len() != count {
            return Err(EarsError::Part { what: "SourcePosition" });
        }
        let place =
            |place: &[f64; 3]| if positions.cartesian { from_cartesian(*place) } else { from_angles(*place) };
        let delays = match numbers(&file, "Data.Delay") {
            Ok(delays) if delays.values.len() == 2 * count => delays.values,
            Ok(Numbers { values, .. }) if values.len() == 2 => values.repeat(count),
            _ => vec![0.0; 2 * count],
        };
        Ok(Self {
            rate,
            places: places.iter().map(place).collect(),
            length,
            responses: responses.values,
            delays,
            left: left_ear(&file),
        })
    }

    pub(super) fn measured(self) -> Result<Measured, EarsError> {
        let chosen = self.chosen();
        if chosen.len() < LEAST {
            return Err(EarsError::TooFew { found: chosen.len() });
        }
        self.check_gaps(&chosen)?;
        let ear = |ear: usize| {
            let responses: Vec<Vec<f32>> = chosen.iter().map(|&number| self.response(number, ear)).collect();
            resample(&responses, SampleRate(self.rate), SampleRate(RATE))
        };
        let mut ears = [ear(self.left), ear(1 - self.left)];
        let loud = |response: &Vec<f32>| {
            let peak = response.iter().fold(0.0f32, |peak, sample| peak.max(sample.abs()));
            (peak > 0.0).then(|| response.iter().position(|sample| sample.abs() > 0.1 * peak)).flatten()
        };
        let mut first = usize::MAX;
        for ear in &ears {
            for (response, &number) in ear.iter().zip(&chosen) {
                let (azimuth, elevation) = rounded(self.places[number].0); // chosen among them
                first = first.min(loud(response).ok_or(EarsError::Silent { azimuth, elevation })?);
            }
        }
        ears.iter_mut().flatten().for_each(|response| cut(response, first.saturating_sub(LEAD)));
        let [left, right] = ears;
        let heard = |ear: usize, responses: Vec<Vec<f32>>| {
            let mirror = if ear == self.left { 1.0 } else { -1.0 };
            let each = chosen.iter().zip(responses).map(|(&number, response)| {
                let (azimuth, elevation) = angles(self.places[number].0);
                let delay = self.delays[2 * number + ear] * RATE / self.rate; // two for each place
                Heard { azimuth: (mirror * azimuth).rem_euclid(360.0), elevation, response, delay }
            });
            let mut each: Vec<Heard> = each.collect();
            each.sort_by_key(Heard::place);
            each
        };
        Ok(Measured { left: heard(self.left, left), right: heard(1 - self.left, right) })
    }

    fn response(&self, number: usize, ear: usize) -> Vec<f32> {
        let first = (2 * number + ear) * self.length;
        let samples = self.responses.get(first..first + self.length).unwrap_or(&[]);
        samples.iter().map(|sample| *sample as f32).collect()
    }

    /// Numbers of the directions that are fitted: all at one distance, or those next to an even grid.
    fn chosen(&self) -> Vec<usize> {
        let off = |metres: f64| (metres - DISTANCE_M).abs();
        let nearest = self.places.iter().map(|(_, metres)| off(*metres)).fold(f64::INFINITY, f64::min);
        let all = self.places.iter().enumerate().filter(|(_, (_, metres))| off(*metres) <= nearest + 0.01);
        let all: Vec<usize> = all.map(|(number, _)| number).collect();
        if all.len() <= MOST {
            return all;
        }
        let next_to = |wanted: Direction| {
            let near = |number: &usize| dot(self.places[*number].0, wanted); // all are places
            all.iter().copied().max_by(|one, other| near(one).total_cmp(&near(other)))
        };
        // A grid that is the same behind a mirror keeps a symmetric head symmetric.
        let grid = spiral(MOST / 2).flat_map(|[x, y, z]| [[x, y, z], [x, -y, z]]);
        let mut chosen: Vec<usize> = grid.filter_map(next_to).collect();
        chosen.sort_unstable();
        chosen.dedup();
        chosen
    }

    fn check_gaps(&self, chosen: &[usize]) -> Result<(), EarsError> {
        let near = libm::cos(WIDEST_GAP.to_radians());
        let open =
            |wanted: &Direction| chosen.iter().all(|&number| dot(self.places[number].0, *wanted) < near); // places
        match spiral(400).filter(|[.., up]| *up >= -0.5).find(open) {
            Some(gap) => {
                let (azimuth, elevation) = rounded(gap);
                Err(EarsError::Gap { azimuth, elevation })
            }
            None => Ok(()),
        }
    }
}

/// The receiver that lies farther to the left: the first one, unless the file says otherwise.
fn left_ear(file: &ParsedHdf<'_>) -> usize {
    match numbers(file, "ReceiverPosition").ok().filter(|places| places.cartesian).map(|places| places.values)
    {
        Some(places) if places.get(1) < places.get(4) => 1,
        _ => 0,
    }
}

/// Leaves out the frames before `first` and after what is fitted, without a step.
fn cut(response: &mut Vec<f32>, first: usize) {
    const FADE: usize = 64;
    response.drain(..first.min(response.len()));
    if response.len() > LENGTH {
        response.truncate(LENGTH);
        let fade = response.iter_mut().rev().take(FADE).enumerate();
        fade.for_each(|(left, sample)| *sample *= (left as f32 + 0.5) / FADE as f32);
    }
}

fn dot(one: Direction, other: Direction) -> f64 {
    one.iter().zip(other).map(|(one, other)| one * other).sum()
}

fn from_cartesian(place: [f64; 3]) -> (Direction, f64) {
    let metres = libm::sqrt(dot(place, place));
    if metres > 0.0 { (place.map(|part| part / metres), metres) } else { ([1.0, 0.0, 0.0], 0.0) }
}

fn from_angles([azimuth, elevation, metres]: [f64; 3]) -> (Direction, f64) {
    let (azimuth, elevation) = (azimuth.to_radians(), elevation.to_radians());
    let flat = libm::cos(elevation);
    ([flat * libm::cos(azimuth), flat * libm::sin(azimuth), libm::sin(elevation)], metres)
}

/// Degrees to the left, and up.
fn angles([x, y, z]: Direction) -> (f64, f64) {
    (libm::atan2(y, x).to_degrees(), libm::asin(z.clamp(-1.0, 1.0)).to_degrees())
}

fn rounded(direction: Direction) -> (i32, i32) {
    let (azimuth, elevation) = angles(direction);
    (libm::round(azimuth) as i32, libm::round(elevation) as i32)
}

/// Fibonacci's, from the top down.
fn spiral(points: usize) -> impl Iterator<Item = Direction> {
    let golden = std::f64::consts::PI * (3.0 - libm::sqrt(5.0));
    (0..points).map(move |point| {
        let up = 1.0 - (2.0 * point as f64 + 1.0) / points as f64;
        let (flat, angle) = (libm::sqrt(1.0 - up * up), golden * point as f64);
        [flat * libm::cos(angle), flat * libm::sin(angle), up]
    })
}
