//! An impulse response, prepared: a head of plain taps and the spectra of its partitions.
//!
//! Made on a worker, read by any number of convolvers.

use super::CELL;
use super::first_tap;
use super::sizes;
use crate::dsp::Level;
use crate::dsp::fft::Fft;
use crate::dsp::fft::Work;
use std::ops::Range;

/// The way from an input to an output.
pub(super) struct Path {
    pub(super) input: usize,
    pub(super) output: usize,
    /// Which of the response's planes is heard there.
    pub(super) plane: usize,
}

const fn path(plane: usize, input: usize, output: usize) -> Path {
    Path { input, output, plane }
}

/// By the number of planes.
const PATHS: [&[Path]; 5] = [
    &[],
    &[path(0, 0, 0), path(0, 1, 1)],
    &[path(0, 0, 0), path(1, 1, 1)],
    &[path(0, 0, 0), path(1, 1, 1)],
    &[path(0, 0, 0), path(1, 0, 1), path(2, 1, 0), path(3, 1, 1)],
];

/// All partitions of one size.
pub(super) struct Spectra {
    pub(super) size: usize,
    pub(super) partitions: usize,
    pub(super) fft: Fft,
    /// For each plane, partition after partition: `size` real parts, `size` imaginary ones. In place of the imaginary part of
    /// bin 0 stands the real one of the last bin; both have none.
    pub(super) planes: Box<[Box<[f32]>]>,
}

/// A prepared impulse response; immutable, and shared.
pub struct Response {
    pub(super) paths: &'static [Path],
    /// The first taps of each plane, last one first.
    pub(super) heads: Box<[[f32; CELL]]>,
    pub(super) stages: Box<[Spectra]>,
    frames: usize,
}

impl Response {
    /// From one plane (left to left and right to right alike), two (left to left, right to right) or four (left to left, left to
    /// right, right to left, right to right), one sample a tap; further ones are left out. Allocates.
    pub fn new(planes: &[&[f32]], level: Level) -> Self {
        let frames = planes.iter().map(|plane| plane.len()).max().unwrap_or(0);
        let head =
            |plane: &&[f32]| std::array::from_fn(|index| plane.get(CELL - 1 - index).copied().unwrap_or(0.0));
        let sizes = sizes(frames);
        let stages = sizes.iter().enumerate().filter_map(|(number, &size)| {
            let end = sizes.get(number + 1).map_or(usize::MAX, |&next| first_tap(next)).min(frames);
            let taps = first_tap(size)..end;
            (!taps.is_empty()).then(|| {
                let fft = Fft::new(2 * size);
                let spectra = planes.iter().map(|plane| spectra(&fft, size, plane, taps.clone(), level));
                Spectra { size, partitions: taps.len().div_ceil(size), planes: spectra.collect(), fft }
            })
        });
        Self {
            paths: PATHS[planes.len().min(PATHS.len() - 1)],
            heads: planes.iter().map(head).collect(),
            stages: stages.collect(),
            frames,
        }
    }

    /// Taps of the longest path: how long a sound lasts on, in frames.
    pub fn frames(&self) -> usize {
        self.frames
    }
}

/// Spectra of the partitions that hold `taps`, scaled for what [`Stage`](super::stage::Stage) leaves undone.
pub(super) fn spectra(fft: &Fft, size: usize, plane: &[f32], taps: Range<usize>, level: Level) -> Box<[f32]> {
    let scale = 1.0 / (4 * size) as f32; // a power of 2: exact
    let mut work = Work::new(2 * size);
    let (mut re, mut im) = (vec![0.0; 2 * size], vec![0.0; 2 * size]);
    let (mut partition, silence) = (vec![0.0; size], vec![0.0; size]);
    let mut spectra = Vec::new();
    for first in taps.clone().step_by(size) {
        for (index, tap) in partition.iter_mut().enumerate() {
            let index = first + index;
            *tap = plane.get(index).copied().filter(|_| index < taps.end).unwrap_or(0.0) * scale;
        }
        fft.transform(level, [(&partition, &silence), (&silence, &silence)], (&mut re, &mut im), &mut work);
        im[0] = re[size]; // both have twice `size`
        spectra.extend_from_slice(&re[..size]);
        spectra.extend_from_slice(&im[..size]);
    }
    spectra.into()
}
