//! Many sounds at once, each through a short response of its own, summed to two: what a sound field needs.
//!
//! In: one plane for each sound. Out: two sums, each of which hears sounds by responses of its own. The first 64 taps are summed directly, the others in partitions of 64 by
//! Fourier transforms, two sounds as one complex plane; both sums share the way back. So there is no latency, and a line of
//! the control grid (64 frames since the start) does the same work as every other. What is silent costs nothing. Audio
//! thread, except making one. What arrives must be finite.

use super::CELL;
use super::LONG;
use super::add_filtered;
use super::response::spectra;
use super::stage::join;
use super::stage::multiply;
use super::stage::part;
use crate::dsp::Level;
use crate::dsp::fft::Fft;
use crate::dsp::fft::Work;
use std::sync::Arc;

/// Real and imaginary parts of a partition.
const BINS: usize = 2 * CELL;

/// What one sum hears of a sound.
struct Taps {
    sound: usize,
    sum: usize,
    /// The first taps, last one first.
    head: [f32; CELL],
    /// Partition after partition, as [`Stage`](super::stage::Stage) has them.
    spectra: Box<[f32]>,
}

/// Prepared responses; immutable, and shared.
pub struct Responses {
    /// Of one sound after those of another.
    taps: Box<[Taps]>,
    sounds: usize,
    partitions: usize,
    fft: Fft,
    frames: usize,
}

impl Responses {
    /// From each sound's responses in both sums, one sample a tap; a sum does not hear what has none. Allocates.
    pub fn new(responses: &[[&[f32]; 2]], level: Level) -> Self {
        let frames = responses.iter().flatten().map(|plane| plane.len()).max().unwrap_or(0);
        let partitions = frames.saturating_sub(CELL).div_ceil(CELL);
        let fft = Fft::new(BINS);
        let places = (0..responses.len()).flat_map(|sound| [(sound, 0), (sound, 1)]);
        let heard = places.zip(responses.iter().flatten()).filter(|(_, plane)| !plane.is_empty());
        let prepare = |((sound, sum), plane): ((usize, usize), &&[f32])| Taps {
            sound,
            sum,
            head: std::array::from_fn(|index| plane.get(CELL - 1 - index).copied().unwrap_or(0.0)),
            spectra: spectra(&fft, CELL, plane, CELL..(partitions + 1) * CELL, level),
        };
        Self { taps: heard.map(prepare).collect(), sounds: responses.len(), partitions, frames, fft }
    }

    /// Taps of the longest response: how long a sound lasts on, in frames.
    pub fn frames(&self) -> usize {
        self.frames
    }
}

/// What has been heard of one sound.
struct Heard {
    /// The last cell and this one.
    recent: [f32; 2 * CELL],
    /// Frames since the last one that was not silent.
    quiet: u64,
    /// Spectra of what has come, place after place.
    past: Box<[f32]>,
}

/// Responses at work on sounds.
pub struct Bank {
    level: Level,
    responses: Arc<Responses>,
    /// Frames since the start.
    frame: u64,
    heard: Box<[Heard]>,
    /// Which places of each pair of sounds hold anything.
    sounding: Box<[bool]>,
    /// The place of the newest.
    newest: usize,
    sums: [[f32; BINS]; 2],
    both: [[f32; BINS]; 2],
    work: Work,
    /// What earlier cells put into this one: the second half of each plane.
    cell: [[f32; BINS]; 2],
    cell_sounds: bool,
}

impl Bank {
    /// A bank that has heard nothing yet, on frame 0. Allocates.
    pub fn new(responses: Arc<Responses>, level: Level) -> Self {
        let places = responses.partitions;
        let heard = || Heard { recent: [0.0; 2 * CELL], quiet: LONG, past: vec![0.0; BINS * places].into() };
        Self {
            level,
            frame: 0,
            heard: (0..responses.sounds).map(|_| heard()).collect(),
            sounding: vec![false; places * responses.sounds.div_ceil(2)].into(),
            newest: 0,
            sums: [[0.0; BINS]; 2],
            both: [[0.0; BINS]; 2],
            work: Work::new(BINS),
            cell: [[0.0; BINS]; 2],
            cell_sounds: false,
            responses,
        }
    }

    /// Whether everything heard has passed, so that frames need not be rendered until the next sound.
    pub fn is_drained(&self) -> bool {
        let longest = ((self.responses.partitions + 3) * CELL) as u64;
        self.heard.iter().all(|heard| heard.quiet >= longest)
    }

    /// Forgets all sound and goes back to frame 0. Real-time.
    pub fn clear(&mut self) {
        for heard in &mut self.heard {
            (heard.recent, heard.quiet) = ([0.0; 2 * CELL], LONG);
        }
        self.sounding.fill(false);
        (self.frame, self.newest, self.cell_sounds) = (0, 0, false);
    }

    /// Passes over frames of silence, which only a drained bank may. Real-time.
    pub fn skip(&mut self, frames: usize) {
        self.frame += frames as u64;
        self.cell_sounds = false;
    }

    /// Writes both sums, as many frames as the first has, of `inputs`: a plane for each sound; what is missing is silent.
    /// Real-time.
    pub fn process<'a>(
        &mut self,
        inputs: impl Iterator<Item = &'a [f32]> + Clone,
        [first, second]: [&mut [f32]; 2],
    ) {
        let (frames, mut start) = (first.len().min(second.len()), 0);
        while start < frames {
            let phase = (self.frame % CELL as u64) as usize;
            if phase == 0 {
                self.begin_cell();
            }
            let end = (start + CELL - phase).min(frames);
            for (heard, input) in self.heard.iter_mut().zip(inputs.clone()) {
                heard.listen(phase, input.get(start..end).unwrap_or(&[]));
            }
            self.put_out(phase, [&mut first[start..end], &mut second[start..end]]);
            self.frame += (end - start) as u64;
            start = end;
        }
    }

    fn put_out(&mut self, phase: usize, mut outputs: [&mut [f32]; 2]) {
        for (output, cell) in outputs.iter_mut().zip(&self.cell) {
            let frames = output.len();
            match cell.get(CELL + phase..CELL + phase + frames).filter(|_| self.cell_sounds) {
                // A head that is skipped would have turned -0 into 0.
                Some(cell) => output.iter_mut().zip(cell).for_each(|(to, from)| *to = from + 0.0),
                None => output.fill(0.0),
            }
        }
        for taps in &self.responses.taps {
            let (heard, output) = (&self.heard[taps.sound], &mut outputs[taps.sum]); // one of the sounds, and 0 or 1
            if heard.quiet < (CELL + output.len()) as u64 {
                add_filtered(self.level, output, heard.recent.get(phase + 1..).unwrap_or(&[]), &taps.head);
            }
        }
    }

    /// On a line of the grid: the cell before it is over.
    fn begin_cell(&mut self) {
        self.cell_sounds = false;
        if self.responses.partitions > 0 {
            self.newest = (self.newest + self.responses.partitions - 1) % self.responses.partitions;
            self.transform();
            if self.sounding.contains(&true) {
                self.multiply();
                self.transform_back();
                self.cell_sounds = true;
            }
        }
        for heard in &mut self.heard {
            heard.recent.copy_within(CELL.., 0);
        }
    }

    /// Spectra of the last two cells, pair by pair.
    fn transform(&mut self) {
        let place = self.newest * BINS..(self.newest + 1) * BINS;
        for (pair, heard) in self.heard.chunks_mut(2).enumerate() {
            let sounds = heard.iter().any(|heard| heard.quiet < 2 * CELL as u64);
            self.sounding[pair * self.responses.partitions + self.newest] = sounds; // as many places as partitions
            if !sounds {
                continue;
            }
            let (left, right) = heard.split_at_mut(1);
            let (left, mut right) = (&mut left[0], right.first_mut()); // chunks are not empty
            let other = right.as_ref().map_or(&[0.0; 2 * CELL], |right| &right.recent);
            let halves = [0, CELL].map(|at| (&left.recent[at..at + CELL], &other[at..at + CELL]));
            let [re, im] = &mut self.both;
            self.responses.fft.transform(self.level, halves, (re, im), &mut self.work);
            let mut alone = [0.0; BINS];
            let first = left.past.get_mut(place.clone()).map(|place| place.split_at_mut(CELL));
            let second = right.as_mut().and_then(|right| right.past.get_mut(place.clone()));
            let second = second.unwrap_or(&mut alone).split_at_mut(CELL);
            if let Some(first) = first {
                part(self.level, (&self.both[0], &self.both[1]), first, second, 0..CELL);
            }
        }
    }

    /// Sums of all places times their partitions.
    fn multiply(&mut self) {
        let partitions = self.responses.partitions;
        self.sums = [[0.0; BINS]; 2];
        for taps in &self.responses.taps {
            let (number, heard) = (taps.sound, &self.heard[taps.sound]); // one of the sounds
            let (re, im) = self.sums[taps.sum].split_at_mut(CELL); // 0 or 1
            for (partition, response) in taps.spectra.chunks_exact(BINS).enumerate().take(partitions) {
                let place = (self.newest + partition) % partitions;
                let past = heard.past.chunks_exact(BINS).nth(place);
                let sounds = self.sounding.get(number / 2 * partitions + place) == Some(&true);
                if let Some(past) = past.filter(|_| sounds) {
                    let (past, response) = (past.split_at(CELL), response.split_at(CELL));
                    multiply(self.level, (&mut *re, &mut *im), past, response, 0..CELL);
                }
            }
        }
    }

    /// Both sums as one complex plane; exchanged parts make the way there the way back.
    fn transform_back(&mut self) {
        let Self { level, responses, sums: [first, second], both: [re, im], work, cell, .. } = self;
        join(*level, first.split_at(CELL), second.split_at(CELL), (&mut *re, &mut *im), 0..CELL);
        let (re, im) = (re.split_at(CELL), im.split_at(CELL));
        let [left, right] = cell;
        responses.fft.transform(*level, [(im.0, re.0), (im.1, re.1)], (right, left), work);
    }
}

impl Heard {
    /// Takes the next frames of the cell; silence up to its end where there are fewer than it has.
    fn listen(&mut self, phase: usize, input: &[f32]) {
        // The cell is as long as from its start to the next line.
        if let Some(place) = self.recent.get_mut(CELL + phase..CELL + phase + input.len()) {
            place.copy_from_slice(input);
        }
        let after = input.iter().rev().position(|sample| *sample != 0.0);
        self.quiet = after.map_or(self.quiet.saturating_add(input.len() as u64), |after| after as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    fn noise(seed: u64, frames: usize) -> Vec<f32> {
        Random(seed).samples(frames)
    }

    fn bank(taps: &[Vec<f32>], level: Level) -> Bank {
        Bank::new(Arc::new(Responses::new(&responses(taps), level)), level)
    }

    /// Most are heard in one sum, every third one in the other one, and every fifth in both, in the second from its second tap on.
    fn responses(taps: &[Vec<f32>]) -> Vec<[&[f32]; 2]> {
        fn heard(number: usize, plane: &[f32]) -> [&[f32]; 2] {
            match number {
                n if n % 5 == 4 => [plane, &plane[1..]],
                n if n % 3 == 1 => [&[], plane],
                _ => [plane, &[]],
            }
        }
        taps.iter().enumerate().map(|(number, plane)| heard(number, plane)).collect()
    }

    fn render(bank: &mut Bank, inputs: &[Vec<f32>], sizes: &[usize]) -> [Vec<f32>; 2] {
        let (frames, mut start) = (inputs[0].len(), 0);
        let mut output = [vec![9.0; frames], vec![9.0; frames]];
        for size in sizes.iter().cycle() {
            let end = (start + size).min(frames);
            let [first, second] = &mut output;
            bank.process(
                inputs.iter().map(|plane| &plane[start..end]),
                [&mut first[start..end], &mut second[start..end]],
            );
            start = end;
            if start == frames {
                return output;
            }
        }
        output
    }

    #[test]
    fn both_sums_are_the_direct_ones() {
        for (sounds, taps) in [(1, 1), (3, 64), (16, 65), (5, 129), (16, 333)] {
            let inputs: Vec<_> = (0..sounds).map(|n| noise(n + 1, 1500)).collect();
            let responses: Vec<_> = (0..sounds).map(|n| noise(n + 100, taps)).collect();
            let output = render(&mut bank(&responses, Level::detect()), &inputs, &[256]);
            for frame in 0..1500 {
                let mut sums = [0.0f64; 2];
                for (input, responses) in inputs.iter().zip(super::tests::responses(&responses)) {
                    for (sum, response) in sums.iter_mut().zip(responses) {
                        let taps = response.iter().take(frame + 1).enumerate();
                        let heard =
                            taps.map(|(tap, value)| f64::from(*value) * f64::from(input[frame - tap]));
                        *sum += heard.sum::<f64>();
                    }
                }
                let most = (sounds as f64 * taps as f64).sqrt();
                for side in 0..2 {
                    let off = (f64::from(output[side][frame]) - sums[side]).abs();
                    assert!(off < 2e-6 * most, "{sounds} sounds, {taps} taps: {off} at {frame}");
                }
            }
        }
    }

    #[test]
    fn bits_depend_neither_on_cuts_nor_on_the_level_nor_on_sleep() {
        let responses: Vec<_> = (0..16).map(|n| noise(n + 100, 333)).collect();
        let mut inputs: Vec<_> = (0..16).map(|n| noise(n + 1, 6000)).collect();
        for (number, plane) in inputs.iter_mut().enumerate() {
            plane[1000 + 40 * number..3001].fill(0.0);
        }
        inputs[6].fill(0.0);
        let bits = |output: [Vec<f32>; 2]| output.concat().into_iter().map(f32::to_bits).collect::<Vec<_>>();
        let whole = bits(render(&mut bank(&responses, Level::detect()), &inputs, &[256]));
        for sizes in [&[1][..], &[64], &[63, 65], &[100, 3, 221, 17], &[6000]] {
            assert!(
                bits(render(&mut bank(&responses, Level::detect()), &inputs, sizes)) == whole,
                "{sizes:?}"
            );
        }
        assert!(bits(render(&mut bank(&responses, Level::SCALAR), &inputs, &[77])) == whole);
        let mut slept = bank(&responses, Level::detect());
        let part = |range: std::ops::Range<usize>| {
            inputs.iter().map(|plane| plane[range.clone()].to_vec()).collect::<Vec<_>>()
        };
        let [mut first, mut second] = render(&mut slept, &part(0..2500), &[256]);
        assert!(slept.is_drained());
        slept.skip(501);
        let [third, fourth] = render(&mut slept, &part(3001..6000), &[50]);
        [&mut first, &mut second].into_iter().for_each(|plane| plane.extend([0.0; 501]));
        first.extend(third);
        second.extend(fourth);
        assert!(bits([first, second]) == whole);
    }
}
