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
use crate::dsp::fft::Fft;
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
    /// How far the work is that began on the last multiple of `size`: the place in [`Kind::ALL`], how many steps of that kind are
    /// done, and how long all that is done takes.
    at: (usize, usize, usize),
    /// Whether that work is under way, or its result not taken yet.
    begun: bool,
    /// Whether it leads to sound.
    works: bool,
    /// What the work before has led to: the second half of each plane.
    ready: [Box<[f32]>; 2],
    ready_sounds: bool,
}

/// What a number of a transform takes, and a bin on the way to products or back, in bins of products. Measured.
const POINT: usize = 3;
/// See [`POINT`].
const BIN: usize = 2;

/// Kinds of steps, in the order of the work.
#[derive(Clone, Copy)]
enum Kind {
    Read,
    Write,
    Part,
    Multiply,
    Join,
    ReadBack,
    WriteBack,
}

impl Kind {
    const ALL: [Self; 7] =
        [Self::Read, Self::Write, Self::Part, Self::Multiply, Self::Join, Self::ReadBack, Self::WriteBack];
}

/// How much there is of each kind of work.
struct Shares {
    /// Steps of a transform that read, and those that write.
    steps: [usize; 2],
    /// Pieces of a spectrum, and the bins of one.
    pieces: usize,
    bins: usize,
    /// Pieces of all products.
    products: usize,
}

impl Shares {
    /// How many steps there are, and the time that one takes, in bins of products.
    fn of(&self, kind: Kind) -> (usize, usize) {
        let transform = |steps: usize| (steps, POINT * 2 * self.bins * self.pieces / steps.max(1));
        match kind {
            Kind::Read | Kind::ReadBack => transform(self.steps[0]),
            Kind::Write | Kind::WriteBack => transform(self.steps[1]),
            Kind::Part | Kind::Join => (self.pieces, BIN * self.bins),
            Kind::Multiply => (self.products, self.bins),
        }
    }

    fn total(&self) -> usize {
        Kind::ALL.iter().map(|&kind| self.of(kind)).map(|(steps, time)| steps * time).sum()
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
            at: (0, 0, 0),
            begun: false,
            works: false,
            ready: [plane(2 * size), plane(2 * size)],
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
        (self.works, self.ready_sounds, self.begun) = (false, false, false);
    }

    /// The cell that begins on `frame`, where it sounds.
    pub(super) fn sound(&self, frame: u64) -> Option<[&[f32]; 2]> {
        let start = self.size + (frame % self.size as u64) as usize;
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
            self.take_result();
            self.begin(quiet < 2 * self.size as u64);
        }
        let (began, due) = (frame - (line * CELL) as u64, shares.total() * (line + 1) / lines);
        if self.begun && self.works {
            self.work_up_to(due, level, (began, past), (response, &shares));
        }
        if self.size == CELL {
            self.take_result();
        }
    }

    fn shares(&self, (paths, spectra): (&[Path], &Spectra)) -> Shares {
        let pieces = self.size.div_ceil(PIECE);
        Shares {
            steps: [spectra.fft.reading_steps(), spectra.fft.writing_steps()],
            pieces,
            bins: self.size / pieces,
            products: paths.len() * self.partitions * pieces,
        }
    }

    fn take_result(&mut self) {
        if std::mem::take(&mut self.begun) {
            self.ready_sounds = self.works;
            std::mem::swap(&mut self.ready, &mut self.both);
        }
    }

    fn begin(&mut self, window_sounds: bool) {
        self.newest = (self.newest + self.partitions - 1) % self.partitions; // a stage has partitions
        self.sounding[self.newest] = window_sounds; // as many as partitions
        self.works = self.sounding.contains(&true);
        (self.at, self.begun) = ((0, 0, 0), true);
    }

    /// Does the work up to `due`. `began` is the frame after the last that is worked on.
    fn work_up_to(
        &mut self,
        due: usize,
        level: Level,
        (began, past): (u64, &[Box<[f32]>; 2]),
        (response, shares): ((&[Path], &Spectra), &Shares),
    ) {
        while let (place, step, done) = self.at
            && done < due
            && let Some(&kind) = Kind::ALL.get(place)
        {
            let (steps, time) = shares.of(kind);
            if step == steps {
                self.at = (place + 1, 0, done);
                continue;
            }
            match kind {
                Kind::Multiply => self.multiply(level, step, response),
                Kind::Join => self.join(level, step),
                Kind::ReadBack | Kind::WriteBack => self.transform_back(level, kind, step, &response.1.fft),
                // What is silent has no spectrum.
                _ if !self.sounding[self.newest] => {}
                Kind::Part => self.part(level, step),
                Kind::Read => response.1.fft.read(level, step, self.window(began, past), &mut self.work),
                Kind::Write => {
                    let [re, im] = &mut self.both;
                    response.1.fft.write(level, step, (re, im), &mut self.work);
                }
            }
            self.at = (place, step + 1, done + time);
        }
    }

    /// Exchanged parts make the way there the way back. All of `both` is read before any of it is written.
    fn transform_back(&mut self, level: Level, kind: Kind, step: usize, fft: &Fft) {
        let [re, im] = &mut self.both;
        if let Kind::WriteBack = kind {
            return fft.write(level, step, (im, re), &mut self.work);
        }
        let (re, im) = (re.split_at(self.size), im.split_at(self.size));
        fft.read(level, step, [(im.0, re.0), (im.1, re.1)], &mut self.work);
    }

    /// The last two times `size` frames of both inputs, in halves.
    fn window<'a>(&self, began: u64, [left, right]: &'a [Box<[f32]>; 2]) -> [Planes<'a>; 2] {
        let windows = (left.len() / self.size).max(1);
        [2, 1].map(|back| {
            let number = (began / self.size as u64).wrapping_add(windows as u64 - back) as usize % windows;
            let range = number * self.size..(number + 1) * self.size;
            (left.get(range.clone()).unwrap_or(&[]), right.get(range).unwrap_or(&[]))
        })
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

    /// One piece of one product of a place and its partition: all products of a piece, then those of the next.
    fn multiply(&mut self, level: Level, step: usize, (paths, spectra): (&[Path], &Spectra)) {
        let products = paths.len() * self.partitions; // without paths there are no steps
        let (bins, product) = (self.bins(step / products), step % products);
        let (partition, number) = (product / paths.len(), product % paths.len());
        let place = (self.newest + partition) % self.partitions;
        let Some(&Path { input, output, plane }) = paths.get(number) else { return };
        let (sums_re, sums_im) = self.sums[output].split_at_mut(self.size); // paths lead from and to these only
        if partition == 0 && paths.iter().position(|path| path.output == output) == Some(number) {
            sums_re[bins.clone()].fill(0.0); // both have bins
            sums_im[bins.clone()].fill(0.0);
        }
        if !self.sounding[place] {
            return; // as many as partitions
        }
        let past = self.past[input].chunks_exact(2 * self.size).nth(place);
        let response = spectra.planes[plane].chunks_exact(2 * self.size).nth(partition);
        if let (Some(past), Some(response)) = (past, response) {
            let (past, response) = (past.split_at(self.size), response.split_at(self.size));
            multiply(level, (sums_re, sums_im), past, response, bins);
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
    pub(super) fn part(level; both: Planes<'_>, left: PlanesMut<'_>, right: PlanesMut<'_>, bins: Range<usize>) {
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
    pub(super) fn multiply(level; sums: PlanesMut<'_>, from: Planes<'_>, response: Planes<'_>, bins: Range<usize>) {
        let first = match bins.start {
            0 => Some((sums.0[0] + from.0[0] * response.0[0], sums.1[0] + from.1[0] * response.1[0])),
            _ => None,
        };
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
    pub(super) fn join(level; left: Planes<'_>, right: Planes<'_>, both: PlanesMut<'_>, bins: Range<usize>) {
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
