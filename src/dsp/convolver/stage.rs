//! Partitions of one size at work.
//!
//! Once as many frames have come as a partition has taps, the last two times as many are transformed, both inputs as one
//! complex plane; their spectra are kept as long as there are partitions, each is multiplied by its partition's, and the
//! sum is transformed back (overlap-save). Those of the shortest size are done at once, the others on every line of the
//! grid a share. What is silent is neither transformed nor multiplied. Audio thread, except `new`.

use super::CELL;
use super::response::Path;
use super::response::Spectra;
use crate::dsp::Level;
use crate::dsp::fft::Planes;
use crate::dsp::fft::PlanesMut;
use crate::dsp::fft::Work;
use crate::dsp::simd::by_level;
use std::ops::Range;

/// Bins that are multiplied in one go.
const PIECE: usize = 1024;

/// Bins that are multiplied side by side.
const LANES: usize = 8;

pub(super) struct Stage {
    size: usize,
    partitions: usize,
    /// Spectra of what has come: for each input, place after place, as in [`Spectra`].
    past: [Box<[f32]>; 2],
    /// Which places hold sound.
    sounding: Box<[bool]>,
    /// The place of the newest.
    newest: usize,
    /// Sums of products, for each output.
    sums: [Box<[f32]>; 2],
    /// Both outputs or inputs as one complex plane.
    both: [Box<[f32]>; 2],
    work: Work,
    /// How much is done of the work that began on the last multiple of `size`; see [`Shares::times`].
    done: usize,
    /// Whether that work leads to sound.
    works: bool,
    /// What the work before has led to.
    ready: [Box<[f32]>; 2],
    ready_sounds: bool,
}

/// What a step of a transform takes, and a piece of bins on the way to products or back, in pieces of products. Measured.
const STEP: usize = 3;

/// How much there is of each kind of work.
struct Shares {
    /// Steps of a transform.
    steps: usize,
    /// Pieces of a spectrum.
    pieces: usize,
    /// Pieces of all products.
    products: usize,
}

impl Shares {
    /// In pieces of products, in the order of the work.
    fn times(&self) -> [usize; 5] {
        [STEP * self.steps, STEP * self.pieces, self.products, STEP * self.pieces, STEP * self.steps]
    }

    fn total(&self) -> usize {
        self.times().iter().sum()
    }
}

impl Stage {
    pub(super) fn new(spectra: &Spectra) -> Self {
        let (size, partitions) = (spectra.size, spectra.partitions);
        let plane = touched;
        let past = || plane(2 * size * partitions);
        Self {
            size,
            partitions,
            past: [past(), past()],
            sounding: vec![false; partitions].into(),
            newest: 0,
            sums: [plane(2 * size), plane(2 * size)],
            both: [plane(2 * size), plane(2 * size)],
            work: Work::new(2 * size),
            done: usize::MAX,
            works: false,
            ready: [plane(size), plane(size)],
            ready_sounds: false,
        }
    }

    /// Frames after the last sound until nothing of it is left here.
    pub(super) fn frames_to_drain(&self) -> usize {
        // Up to the end of its partition, two windows that hold it, every place, the work and the way out.
        (self.partitions + 5) * self.size
    }

    /// Forgets all sound.
    pub(super) fn forget(&mut self) {
        self.sounding.fill(false);
        (self.works, self.ready_sounds, self.done) = (false, false, usize::MAX);
    }

    /// The cell that begins on `frame`, where it sounds.
    pub(super) fn sound(&self, frame: u64) -> Option<[&[f32]; 2]> {
        let start = (frame % self.size as u64) as usize;
        let [left, right] = &self.ready;
        let (left, right) = (left.get(start..start + CELL)?, right.get(start..start + CELL)?);
        self.ready_sounds.then_some([left, right])
    }

    /// On every line of the grid, before its cell.
    pub(super) fn advance(
        &mut self,
        level: Level,
        (frame, quiet): (u64, u64),
        past: &[Box<[f32]>; 2],
        response: (&[Path], &Spectra),
    ) {
        let (line, lines) = ((frame % self.size as u64) as usize / CELL, self.size / CELL);
        let shares = self.shares(response);
        if line == 0 {
            self.work_up_to(shares.total(), level, frame, past, response);
            self.take_result();
            self.begin(quiet < 2 * self.size as u64);
        }
        let (began, due) = (frame - (line * CELL) as u64, shares.total() * (line + 1) / lines);
        self.work_up_to(due, level, began, past, response);
        if self.size == CELL {
            self.take_result();
        }
    }

    fn shares(&self, (paths, spectra): (&[Path], &Spectra)) -> Shares {
        let pieces = self.size.div_ceil(PIECE);
        let steps = spectra.fft.reading_steps() + spectra.fft.writing_steps();
        Shares { steps, pieces, products: paths.len() * self.partitions * pieces }
    }

    fn take_result(&mut self) {
        if self.done == usize::MAX {
            return; // taken already, or nothing was begun
        }
        self.done = usize::MAX;
        self.ready_sounds = self.works;
        if self.works {
            for (ready, both) in self.ready.iter_mut().zip(&self.both) {
                ready.copy_from_slice(&both[self.size..]); // twice as long
            }
        }
    }

    fn begin(&mut self, window_sounds: bool) {
        self.newest = (self.newest + self.partitions - 1) % self.partitions; // a stage has partitions
        self.sounding[self.newest] = window_sounds; // as many as partitions
        self.works = self.sounding.contains(&true);
        self.sums.iter_mut().for_each(|sums| sums.fill(0.0));
        self.done = 0;
    }

    /// Does the work up to `due`. `began` is the frame after the last that is worked on.
    fn work_up_to(
        &mut self,
        due: usize,
        level: Level,
        began: u64,
        past: &[Box<[f32]>; 2],
        response: (&[Path], &Spectra),
    ) {
        let shares = self.shares(response);
        if !self.works {
            self.done = self.done.max(due);
        }
        let new = self.sounding[self.newest]; // a place of the stage
        while self.done < due {
            let mut left = self.done;
            self.done += 1;
            let kind = shares.times().iter().position(|&time| {
                let here = left < time;
                left -= if here { 0 } else { time };
                here
            });
            match (kind, left / STEP, left % STEP) {
                (Some(0), step, 0) if new => self.transform(level, step, began, past, response.1),
                (Some(1), piece, 0) if new => self.part(level, piece),
                (Some(2), ..) => self.multiply(level, left, shares.pieces, response),
                (Some(3), piece, 0) => self.join(level, piece),
                (Some(4), step, 0) => self.transform_back(level, step, response.1),
                _ => {} // nothing to do, or under way
            }
        }
    }

    fn transform(
        &mut self,
        level: Level,
        step: usize,
        began: u64,
        past: &[Box<[f32]>; 2],
        spectra: &Spectra,
    ) {
        let [left, right] = past;
        let windows = (left.len() / self.size).max(1);
        let window = |back: u64| {
            let number = (began / self.size as u64).wrapping_add(windows as u64 - back) as usize % windows;
            let range = number * self.size..(number + 1) * self.size;
            (left.get(range.clone()).unwrap_or(&[]), right.get(range).unwrap_or(&[]))
        };
        let [re, im] = &mut self.both;
        match step.checked_sub(spectra.fft.reading_steps()) {
            None => spectra.fft.read(level, step, [window(2), window(1)], &mut self.work),
            Some(step) => spectra.fft.write(level, step, (re, im), &mut self.work),
        }
    }

    /// Exchanged parts make the way there the way back. All of `both` is read before any of it is written.
    fn transform_back(&mut self, level: Level, step: usize, spectra: &Spectra) {
        let [re, im] = &mut self.both;
        match step.checked_sub(spectra.fft.reading_steps()) {
            None => {
                let (re, im) = (re.split_at(self.size), im.split_at(self.size));
                spectra.fft.read(level, step, [(im.0, re.0), (im.1, re.1)], &mut self.work);
            }
            Some(step) => spectra.fft.write(level, step, (im, re), &mut self.work),
        }
    }

    fn bins(&self, piece: usize) -> Range<usize> {
        piece * PIECE..((piece + 1) * PIECE).min(self.size)
    }

    /// Spectra of both inputs from that of both together.
    fn part(&mut self, level: Level, piece: usize) {
        let (bins, size) = (self.bins(piece), self.size);
        let [re, im] = &self.both;
        let [left, right] = &mut self.past;
        let mut places = [left, right].map(|past| past.chunks_exact_mut(2 * size).nth(self.newest));
        if let [Some(left), Some(right)] = &mut places {
            part(level, (re, im), left.split_at_mut(size), right.split_at_mut(size), bins);
        }
    }

    /// One piece of one product of a place and its partition.
    fn multiply(&mut self, level: Level, piece: usize, pieces: usize, (paths, spectra): (&[Path], &Spectra)) {
        let (bins, product) = (self.bins(piece % pieces), piece / pieces);
        let (partition, path) = (product / paths.len(), product % paths.len()); // without paths there are no products
        let place = (self.newest + partition) % self.partitions;
        let Some(&Path { input, output, plane }) = paths.get(path) else { return };
        if !self.sounding[place] {
            return; // as many as partitions
        }
        // Paths lead from and to these only.
        let past = self.past[input].chunks_exact(2 * self.size).nth(place);
        let response = spectra.planes[plane].chunks_exact(2 * self.size).nth(partition);
        if let (Some(past), Some(response)) = (past, response) {
            let sums = self.sums[output].split_at_mut(self.size);
            multiply(level, sums, past.split_at(self.size), response.split_at(self.size), bins);
        }
    }

    /// Both sums as one plane.
    fn join(&mut self, level: Level, piece: usize) {
        let bins = self.bins(piece);
        let [left, right] = &self.sums;
        let [re, im] = &mut self.both;
        join(level, left.split_at(self.size), right.split_at(self.size), (re, im), bins);
    }
}

/// Silence in memory that the system has really handed out, so that the audio thread does not wait for pages.
fn touched(samples: usize) -> Box<[f32]> {
    let mut plane = vec![0.0; samples];
    // Without it the compiler may know that the zeros are there, though no page is.
    std::hint::black_box(plane.as_mut_slice()).fill(0.0);
    plane.into()
}

/// The bins of a range but the first of all, which is made of two real numbers.
#[inline(always)]
fn complex(bins: &Range<usize>) -> Range<usize> {
    bins.start.max(1)..bins.end
}

/// Where the bins of a range are mirrored in a plane of `length`, last one first.
#[inline(always)]
fn mirror(bins: &Range<usize>, length: usize) -> Range<usize> {
    length + 1 - bins.end..length + 1 - bins.start
}

by_level! {
    /// Spectra of two real planes, times 2, from that of the complex plane that they make. `Z[k] = L[k] + i·R[k]` and
    /// `Z[-k] = L*[k] + i·R*[k]`.
    fn part(level; both: Planes<'_>, left: PlanesMut<'_>, right: PlanesMut<'_>, bins: Range<usize>) {
        let ((re, im), last) = (both, left.0.len()); // half of both's
        if bins.start == 0 {
            (left.0[0], left.1[0]) = (2.0 * re[0], 2.0 * re[last]);
            (right.0[0], right.1[0]) = (2.0 * im[0], 2.0 * im[last]);
        }
        let bins = complex(&bins);
        let (mirror, count) = (mirror(&bins, re.len()), bins.len());
        let (a, b) = (&re[bins.clone()][..count], &im[bins.clone()][..count]);
        let (c, d) = (&re[mirror.clone()][..count], &im[mirror][..count]);
        let (left_re, left_im) = (&mut left.0[bins.clone()][..count], &mut left.1[bins.clone()][..count]);
        let (right_re, right_im) = (&mut right.0[bins.clone()][..count], &mut right.1[bins][..count]);
        for at in 0..count {
            let back = count - 1 - at;
            (left_re[at], left_im[at]) = (a[at] + c[back], b[at] - d[back]);
            (right_re[at], right_im[at]) = (b[at] + d[back], c[back] - a[at]);
        }
    }
}

by_level! {
    /// `sums[k] += from[k] · response[k]`.
    fn multiply(level; sums: PlanesMut<'_>, from: Planes<'_>, response: Planes<'_>, bins: Range<usize>) {
        let first = (bins.start == 0).then(|| {
            (sums.0[0] + from.0[0] * response.0[0], sums.1[0] + from.1[0] * response.1[0])
        });
        let (sums_re, sums_im) = (&mut sums.0[bins.clone()], &mut sums.1[bins.clone()]);
        let (a, b) = (&from.0[bins.clone()], &from.1[bins.clone()]);
        let (c, d) = (&response.0[bins.clone()], &response.1[bins]);
        let (re, im) = (sums_re.as_chunks_mut::<LANES>().0, sums_im.as_chunks_mut::<LANES>().0);
        let (a, b) = (a.as_chunks::<LANES>().0, b.as_chunks::<LANES>().0);
        let (c, d) = (c.as_chunks::<LANES>().0, d.as_chunks::<LANES>().0);
        for at in 0..re.len().min(im.len()) {
            // All are of the same bins, of which every size has a multiple of `LANES`.
            let (a, b, c, d) = (a[at], b[at], c[at], d[at]);
            for lane in 0..LANES {
                re[at][lane] += a[lane] * c[lane] - b[lane] * d[lane];
                im[at][lane] += a[lane] * d[lane] + b[lane] * c[lane];
            }
        }
        if let Some((re, im)) = first {
            (sums_re[0], sums_im[0]) = (re, im);
        }
    }
}

by_level! {
    /// The spectrum of the complex plane that two real ones make: the way back from [`part`].
    fn join(level; left: Planes<'_>, right: Planes<'_>, both: PlanesMut<'_>, bins: Range<usize>) {
        let ((re, im), last) = (both, left.0.len()); // half of both's
        if bins.start == 0 {
            (re[0], im[0]) = (left.0[0], right.0[0]);
            (re[last], im[last]) = (left.1[0], right.1[0]);
        }
        let bins = complex(&bins);
        let mirror = mirror(&bins, re.len());
        let count = bins.len();
        let (a, b) = (&left.0[bins.clone()][..count], &left.1[bins.clone()][..count]);
        let (c, d) = (&right.0[bins.clone()][..count], &right.1[bins.clone()][..count]);
        let (re, re_mirrored) = re.split_at_mut(last);
        let (im, im_mirrored) = im.split_at_mut(last);
        let mirror = mirror.start - last..mirror.end - last;
        let (re, im) = (&mut re[bins.clone()][..count], &mut im[bins][..count]);
        let (re_mirrored, im_mirrored) = (&mut re_mirrored[mirror.clone()][..count], &mut im_mirrored[mirror][..count]);
        for at in 0..count {
            let back = count - 1 - at;
            (re[at], im[at]) = (a[at] - d[at], b[at] + c[at]);
            (re_mirrored[back], im_mirrored[back]) = (a[at] + d[at], c[at] - b[at]);
        }
    }
}
