//! The road for bulk frames: from the audio thread to one that writes or measures them.
//!
//! In: blocks with the number of their first frame. Out: interleaved frames with their numbers, so that what was left out
//! shows. A block that finds no room is left out as a whole and counted; silence need not be written at all. Neither half
//! ever waits, and nothing is allocated after `frame_ring`.

use crate::audio::AudioBlock;
use rtrb::Consumer;
use rtrb::Producer;
use rtrb::RingBuffer;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Acquire;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::Ordering::Release;

/// Gaps up to so many frames are written as silence, longer ones are marked. So marks are rarer than frames by as much.
const SHORT_GAP: u64 = 64;
/// Marks that fit whatever the capacity.
const SPARE_MARKS: usize = 32;

/// What the numbers of frames do before a certain one is read.
#[derive(Clone, Copy)]
struct Mark {
    /// Frames written before it, of all that ever were.
    at: u64,
    turn: Turn,
    /// Number of a frame.
    frame: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    Begin,
    Jump,
    End,
}

/// What both halves know of each other.
#[derive(Default)]
struct Cells {
    passed: AtomicU64,
    dropped_frames: AtomicU64,
    dropped_blocks: AtomicU64,
}

/// What found no room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drops {
    /// Frames, of all channels at once.
    pub frames: u64,
    /// Blocks that held them.
    pub blocks: u64,
}

/// Tells at any time, on any thread, what a ring had to leave out.
#[derive(Clone)]
pub struct DropCount(Arc<Cells>);

impl DropCount {
    /// Since the ring was made.
    pub fn get(&self) -> Drops {
        Drops { frames: self.0.dropped_frames.load(Relaxed), blocks: self.0.dropped_blocks.load(Relaxed) }
    }
}

/// The audio thread's half.
pub struct FrameWriter {
    samples: Producer<f32>,
    marks: Producer<Mark>,
    channels: usize,
    /// Number of the frame that the writer's thread counts as 0.
    base: u64,
    /// Number of the frame that would follow without a mark.
    next: u64,
    written: u64,
    cells: Arc<Cells>,
}

impl FrameWriter {
    /// Width of the ring.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// Takes all of a block whose first frame is `frame`, or leaves it out and counts it. Real-time.
    ///
    /// Channels that the block lacks are silent. Frames that are not written are silence to the reader; one that comes
    /// before another that has been written is left out.
    pub fn write(&mut self, frame: u64, block: &AudioBlock<'_>) {
        let first = self.base + frame;
        if block.frames() > 0 && !self.take(first, block) {
            self.count(block.frames());
        }
    }

    /// Counts a block as left out. Real-time.
    pub(crate) fn count(&mut self, frames: usize) {
        self.cells.dropped_frames.fetch_add(frames as u64, Relaxed);
        self.cells.dropped_blocks.fetch_add(1, Relaxed);
    }

    fn take(&mut self, first: u64, block: &AudioBlock<'_>) -> bool {
        let Some(gap) = first.checked_sub(self.next) else { return false };
        let silence = if gap <= SHORT_GAP { gap as usize } else { 0 };
        let jumps = gap > SHORT_GAP;
        if jumps && self.marks.slots() < 2 {
            return false; // the last place is the end's
        }
        let frames = silence + block.frames();
        let Ok(mut chunk) = self.samples.write_chunk(frames * self.channels) else { return false };
        let (head, tail) = chunk.as_mut_slices(); // both hold whole frames, all 0, as the capacity does
        let in_head = (head.len() / self.channels).saturating_sub(silence);
        let later = silence.saturating_sub(head.len() / self.channels);
        for (channel, plane) in block.planes().enumerate().take(self.channels) {
            let (near, far) = plane.split_at(in_head.min(plane.len()));
            place(head, silence, (channel, self.channels), near);
            place(tail, later, (channel, self.channels), far);
        }
        if jumps {
            let mark = Mark { at: self.written, turn: Turn::Jump, frame: first };
            let _ = self.marks.push(mark); // there was room
        }
        chunk.commit_all(); // after its mark, so that whoever sees the frames sees the mark
        self.next = first + block.frames() as u64;
        self.written += frames as u64;
        true
    }

    /// What follows belongs together, from `frame` on; false where that found no room. Real-time.
    pub fn begin(&mut self, frame: u64) -> bool {
        let first = self.base + frame;
        self.cells.passed.fetch_max(first, Release);
        let fits = self.marks.slots() >= 2; // the end has a place, too
        if fits {
            let _ = self.marks.push(Mark { at: self.written, turn: Turn::Begin, frame: first });
            self.next = first;
        }
        fits
    }

    /// What was begun ends before `frame`. Real-time.
    pub fn end(&mut self, frame: u64) {
        let mark = Mark { at: self.written, turn: Turn::End, frame: self.base + frame };
        let kept = self.marks.push(mark).is_ok();
        debug_assert!(kept, "`begin` has kept a place");
    }

    /// All before `frame` has been written, left out or silent. Real-time.
    pub fn pass(&mut self, frame: u64) {
        self.cells.passed.store(self.base + frame, Release);
    }

    /// The audio thread counts from 0 again: its next frame is the one that would have been `frame`. Real-time.
    pub fn count_anew(&mut self, frame: u64) {
        self.base += frame;
    }

    /// Frames that surely find room. Real-time.
    pub fn room(&self) -> usize {
        let marked = self.marks.slots().saturating_sub(2).saturating_mul(SHORT_GAP as usize);
        (self.samples.slots() / self.channels).saturating_sub(SHORT_GAP as usize).min(marked)
    }

    /// Whether so many frames surely find room, or else nothing waits to be read. Real-time.
    pub fn has_room(&self, frames: usize) -> bool {
        let all = self.samples.buffer().capacity() / self.channels;
        self.room() >= frames.min(all.saturating_sub(SHORT_GAP as usize))
    }
}

/// Writes a plane into one channel of interleaved frames, from frame `skip` on; `channel` is its number and how many there are.
fn place(to: &mut [f32], skip: usize, channel: (usize, usize), plane: &[f32]) {
    let (channel, channels) = channel;
    let slots = to.iter_mut().skip(skip * channels + channel).step_by(channels);
    slots.zip(plane).for_each(|(slot, sample)| *slot = *sample);
}

/// What [`FrameReader::take`] found next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// What follows belongs together and starts with the frame of this number.
    Begin(u64),
    /// Frames that follow on each other. Those between the last ones taken and `first` were silent, or had no room.
    Frames {
        /// Number of the first.
        first: u64,
        /// How many stand in the buffer.
        frames: usize,
    },
    /// What was begun ends before the frame of this number.
    End(u64),
}

/// The other thread's half.
pub struct FrameReader {
    samples: Consumer<f32>,
    marks: Consumer<Mark>,
    channels: usize,
    next: u64,
    taken: u64,
    /// What `passed` has said last, and what it had said when nothing was left to take: what was missing before that was silent, also
    /// where the writer fills a short gap with it later.
    asked: u64,
    silent: u64,
    cells: Arc<Cells>,
}

impl FrameReader {
    /// Width of the ring.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// The next frames, interleaved, as many as there are and `into` holds; `None` where there is nothing yet.
    pub fn take(&mut self, into: &mut [f32]) -> Option<Taken> {
        loop {
            // Frames first: a mark for any of them is seen then, too.
            let there = self.samples.slots() / self.channels;
            let mark = self.marks.peek().ok().copied();
            if let Some(mark) = mark.filter(|mark| mark.at <= self.taken) {
                let _ = self.marks.pop();
                match mark.turn {
                    Turn::Begin => {
                        self.next = mark.frame;
                        return Some(Taken::Begin(mark.frame));
                    }
                    Turn::Jump => self.next = mark.frame,
                    Turn::End => return Some(Taken::End(mark.frame)),
                }
                continue;
            }
            let marked = mark.map_or(usize::MAX, |mark| (mark.at - self.taken) as usize);
            let known = usize::try_from(self.silent.saturating_sub(self.next)).unwrap_or(usize::MAX);
            let mut frames = there.min(marked).min(into.len() / self.channels);
            if known > 0 {
                frames = frames.min(known);
            }
            let part = into.get_mut(..frames * self.channels)?;
            if frames == 0 || self.samples.pop_entire_slice(part).is_err() {
                self.silent = self.asked;
                return None;
            }
            let first = self.next;
            self.next += frames as u64;
            self.taken += frames as u64;
            if known == 0 {
                return Some(Taken::Frames { first, frames });
            }
        }
    }

    /// Number of the first frame that is still to come. Ask before taking: what is missing before it when nothing is left to take
    /// never comes.
    pub fn passed(&mut self) -> u64 {
        self.asked = self.cells.passed.load(Acquire);
        self.asked
    }

    /// Whether the writer is gone; what it has written can still be taken.
    pub fn is_abandoned(&self) -> bool {
        self.samples.is_abandoned()
    }

    /// For whoever wants to know what had no room.
    pub fn drop_count(&self) -> DropCount {
        DropCount(Arc::clone(&self.cells))
    }
}

/// Both halves of a ring of `channels` that holds `capacity` frames; at least one of each. Allocates.
pub fn frame_ring(channels: usize, capacity: usize) -> (FrameWriter, FrameReader) {
    let (channels, capacity) = (channels.max(1), capacity.max(1));
    let (samples, samples_out) = RingBuffer::new(channels * capacity);
    let (marks, marks_out) = RingBuffer::new(capacity / SHORT_GAP as usize + SPARE_MARKS);
    let cells = Arc::new(Cells::default());
    let writer =
        FrameWriter { samples, marks, channels, base: 0, next: 0, written: 0, cells: Arc::clone(&cells) };
    let reader = FrameReader {
        samples: samples_out,
        marks: marks_out,
        channels,
        next: 0,
        taken: 0,
        asked: 0,
        silent: 0,
        cells,
    };
    (writer, reader)
}

#[cfg(test)]
mod tests {
    use super::*;
    use Taken::Begin;
    use Taken::End;
    use Taken::Frames;

    /// Writes `left`, and on the right its negative.
    fn write(writer: &mut FrameWriter, frame: u64, left: &[f32]) {
        let right: Vec<f32> = left.iter().map(|x| -x).collect();
        writer.write(frame, &AudioBlock::new(&[left, &right[..]]));
    }

    fn taken(reader: &mut FrameReader) -> Vec<(Taken, Vec<f32>)> {
        let mut into = [9.0; 6];
        std::iter::from_fn(|| {
            let taken = reader.take(&mut into)?;
            let samples = if let Frames { frames, .. } = taken { &into[..frames * 2] } else { &[] };
            Some((taken, samples.to_vec()))
        })
        .collect()
    }

    #[test]
    fn frames_come_out_interleaved_and_numbered() {
        let (mut writer, mut reader) = frame_ring(2, 8);
        write(&mut writer, 0, &[1.0, 2.0]);
        write(&mut writer, 2, &[3.0, 4.0]);
        let first = (Frames { first: 0, frames: 3 }, vec![1.0, -1.0, 2.0, -2.0, 3.0, -3.0]);
        assert_eq!(taken(&mut reader), [first, (Frames { first: 3, frames: 1 }, vec![4.0, -4.0])]);
    }

    #[test]
    fn a_block_without_room_is_left_out_as_a_whole_and_counted() {
        let (mut writer, mut reader) = frame_ring(2, 4);
        write(&mut writer, 0, &[1.0, 2.0, 3.0]);
        write(&mut writer, 3, &[4.0, 5.0]);
        assert_eq!(reader.drop_count().get(), Drops { frames: 2, blocks: 1 });
        assert_eq!(
            taken(&mut reader),
            [(Frames { first: 0, frames: 3 }, vec![1.0, -1.0, 2.0, -2.0, 3.0, -3.0])]
        );
        // The short gap is silence, wherever the ring's memory ends.
        write(&mut writer, 5, &[6.0]);
        assert_eq!(
            taken(&mut reader),
            [(Frames { first: 3, frames: 3 }, vec![0.0, 0.0, 0.0, 0.0, 6.0, -6.0])]
        );
        write(&mut writer, 2, &[7.0]);
        assert_eq!(reader.drop_count().get(), Drops { frames: 3, blocks: 2 });
    }

    #[test]
    fn silence_that_was_asked_for_does_not_come_again_with_what_follows_it() {
        let (mut writer, mut reader) = frame_ring(2, 16);
        write(&mut writer, 0, &[1.0]);
        writer.pass(4);
        assert_eq!(reader.passed(), 4);
        assert_eq!(taken(&mut reader), [(Frames { first: 0, frames: 1 }, vec![1.0, -1.0])]);
        write(&mut writer, 6, &[2.0]);
        let rest = vec![0.0, 0.0, 0.0, 0.0, 2.0, -2.0];
        assert_eq!(taken(&mut reader), [(Frames { first: 4, frames: 3 }, rest)]);
        // What had not been taken by then still comes.
        write(&mut writer, 7, &[3.0]);
        writer.pass(8);
        reader.passed();
        assert_eq!(taken(&mut reader), [(Frames { first: 7, frames: 1 }, vec![3.0, -3.0])]);
        writer.pass(20);
        reader.passed();
        assert_eq!(taken(&mut reader), []);
        writer.end(20);
        assert!(writer.begin(22));
        write(&mut writer, 22, &[4.0]);
        let begun =
            [(End(20), vec![]), (Begin(22), vec![]), (Frames { first: 22, frames: 1 }, vec![4.0, -4.0])];
        assert_eq!(taken(&mut reader), begun);
    }

    #[test]
    fn long_gaps_show_in_the_numbers() {
        let (mut writer, mut reader) = frame_ring(2, 4);
        write(&mut writer, 0, &[1.0]);
        write(&mut writer, 1000, &[2.0]);
        writer.pass(2000);
        assert_eq!(reader.passed(), 2000);
        let second = (Frames { first: 1000, frames: 1 }, vec![2.0, -2.0]);
        assert_eq!(taken(&mut reader), [(Frames { first: 0, frames: 1 }, vec![1.0, -1.0]), second]);
    }

    #[test]
    fn beginnings_and_ends_stand_between_their_frames() {
        let (mut writer, mut reader) = frame_ring(2, 4);
        assert!(writer.begin(70));
        write(&mut writer, 70, &[1.0]);
        writer.end(72);
        writer.count_anew(72);
        assert!(writer.begin(0));
        write(&mut writer, 1, &[2.0]);
        let frames = |first, samples: &[f32]| (Frames { first, frames: samples.len() / 2 }, samples.to_vec());
        assert_eq!(
            taken(&mut reader),
            [
                (Begin(70), vec![]),
                frames(70, &[1.0, -1.0]),
                (End(72), vec![]),
                (Begin(72), vec![]),
                frames(72, &[0.0, 0.0, 2.0, -2.0]),
            ]
        );
    }

    #[test]
    fn what_was_begun_can_always_end_however_often_it_jumped() {
        let (mut writer, mut reader) = frame_ring(1, 500);
        assert!(writer.begin(0));
        for n in 1..200 {
            writer.write(n * 100, &AudioBlock::new(&[&[0.5][..]]));
        }
        assert!(reader.drop_count().get().blocks > 100);
        assert!(!writer.begin(30_000), "a beginning would take the end's place");
        writer.end(20_000);
        let mut last = None;
        while let Some(taken) = reader.take(&mut [0.0; 8]) {
            last = Some(taken);
        }
        assert_eq!(last, Some(End(20_000)));
    }

    #[test]
    fn what_room_promises_is_never_left_out() {
        let (mut writer, mut reader) = frame_ring(2, 1000);
        let block = vec![0.25; 1000];
        let mut frame = 0;
        for round in 0..50 {
            let frames = writer.room();
            let mut left = frames;
            // As scattered as can be: marks need room, too.
            while left > 0 {
                let piece = left.min(1 + round);
                frame += 65;
                write(&mut writer, frame, &block[..piece]);
                frame += piece as u64;
                left -= piece.max(65).min(left);
            }
            assert_eq!(reader.drop_count().get().blocks, 0, "round {round}, {frames} frames");
            for _ in 0..round {
                let _ = reader.take(&mut [0.0; 50]);
            }
        }
    }

    #[test]
    fn a_writer_that_is_gone_shows() {
        let (mut writer, mut reader) = frame_ring(2, 8);
        write(&mut writer, 0, &[1.0]);
        drop(writer);
        assert!(reader.is_abandoned());
        assert_eq!(taken(&mut reader).len(), 1);
    }
}
