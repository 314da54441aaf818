//! EFx of ProTracker ("invert loop"): bytes of a loop are turned over one after the other, for as long as it is on.
//!
//! In: a channel's speed and its sample's loop. Out: changed bytes, in copies of the looped samples that one player owns,
//! so that other players of the song hear nothing of it. Copies are made with the player; audio thread otherwise.
//! Source: ProTracker 2.3's funk repeat.

use super::song::Format;
use super::song::Sample;
use super::song::Song;
use super::state::Voice;
use crate::sample::SampleData;
use std::sync::Arc;

/// What each speed adds on a tick; at 128 the next byte is turned over.
const SPEEDS: [u8; 16] = [0, 5, 6, 7, 8, 10, 11, 13, 16, 19, 22, 26, 32, 43, 64, 128];

/// A channel's place in the loop that it turns over.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Inversion {
    /// 0 is off.
    pub(crate) speed: u8,
    count: u8,
    place: u32,
}

impl Inversion {
    /// A number in the pattern begins at the loop's start again.
    pub(crate) fn restart(&mut self) {
        self.place = 0;
    }

    /// Moves on by a tick; the byte of a loop of `length` that is turned over now, if one is.
    fn advance(&mut self, length: u32) -> Option<u32> {
        self.count += SPEEDS[usize::from(self.speed & 15)]; // below 128 before
        if self.count < 128 {
            return None;
        }
        (self.count, self.place) = (0, self.place + 1);
        if self.place >= length {
            self.place = 0;
        }
        Some(self.place)
    }
}

/// Bytes of a sample that are turned over, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Flipped {
    sample: u16,
    start: u32,
    end: u32,
}

/// The song that a player changes, and as it was.
pub(crate) struct Inverted {
    original: Arc<Song>,
    /// A bit for each sample that has been changed.
    changed: u64,
}

fn uses_inversion(song: &Song) -> bool {
    let inverts = |effect: u8, parameter: u8| effect == 0xE && parameter > 0xF0;
    let mut cells = song.patterns.iter().flat_map(|pattern| &pattern.cells);
    song.format == Format::Mod && cells.any(|cell| inverts(cell.effect, cell.parameter))
}

/// A copy of a song that inverts loops, with looped samples of its own; nothing for other songs. Allocates.
pub(crate) fn own_copy(song: &Arc<Song>) -> Option<(Arc<Song>, Inverted)> {
    if !uses_inversion(song) {
        return None;
    }
    let mut own = Song::clone(song);
    for sample in own.samples.iter_mut().filter(|sample| sample.sample_loop.is_some()) {
        sample.data = Arc::new(SampleData::clone(&sample.data));
    }
    Some((Arc::new(own), Inverted { original: Arc::clone(song), changed: 0 }))
}

/// Changes the bytes of a sample while nothing reads it.
fn change(song: &mut Arc<Song>, channels: &mut [Voice], index: usize, change: impl FnOnce(&mut [i8])) {
    let Some(song) = Arc::get_mut(song) else { return };
    let Some(Sample { data, .. }) = song.samples.get_mut(index) else { return };
    channels.iter_mut().for_each(|voice| voice.lend(data));
    if let Some(SampleData::Mono8(plane)) = Arc::get_mut(data) {
        change(plane);
    }
    channels.iter_mut().for_each(|voice| voice.take_back(data));
}

impl Inverted {
    /// Moves every channel on by a tick.
    pub(crate) fn advance(&mut self, song: &mut Arc<Song>, channels: &mut [Voice], first_tick: bool) {
        for channel in 0..channels.len() {
            let Some(ch) = channels.get_mut(channel) else { return };
            let starts = matches!(ch.step.effect, super::effect::Effect::InvertLoop(_));
            if first_tick && ch.step.instrument != 0 {
                ch.inversion.restart();
            }
            if ch.inversion.speed == 0 || first_tick && !starts {
                continue;
            }
            let Some(index) = ch.sample.map(usize::from).filter(|index| *index < 64) else { continue };
            let Some(span) = song.samples.get(index).and_then(|sample| sample.sample_loop) else { continue };
            let Some(place) = ch.inversion.advance(span.end - span.start) else { continue };
            self.changed |= 1 << index;
            change(song, channels, index, |plane| {
                if let Some(byte) = plane.get_mut((span.start + place) as usize) {
                    *byte = !*byte;
                }
            });
        }
    }

    /// All that is turned over now. Allocates.
    pub(crate) fn flipped(&self, song: &Song) -> Vec<Flipped> {
        let mut flipped = Vec::new();
        for (index, (now, before)) in (0..64).zip(song.samples.iter().zip(&self.original.samples)) {
            let (SampleData::Mono8(now), SampleData::Mono8(before)) = (&*now.data, &*before.data) else {
                continue;
            };
            if self.changed >> index & 1 == 0 {
                continue;
            }
            for frame in
                (0..).zip(now.iter().zip(before)).filter(|(_, (a, b))| a != b).map(|(frame, _)| frame)
            {
                match flipped.last_mut() {
                    Some(Flipped { sample, end, .. }) if (*sample, *end) == (index, frame) => *end += 1,
                    _ => flipped.push(Flipped { sample: index, start: frame, end: frame + 1 }),
                }
            }
        }
        flipped
    }

    /// Turns over what was turned over elsewhere; all samples are as they were before.
    pub(crate) fn flip(&mut self, song: &mut Arc<Song>, channels: &mut [Voice], flipped: &[Flipped]) {
        for &Flipped { sample, start, end } in flipped {
            self.changed |= 1 << sample; // below 64
            change(song, channels, sample.into(), |plane| {
                for byte in plane.get_mut(start as usize..end as usize).unwrap_or_default() {
                    *byte = !*byte;
                }
            });
        }
    }

    /// Puts all samples back as they were.
    pub(crate) fn restore(&mut self, song: &mut Arc<Song>, channels: &mut [Voice]) {
        let changed = std::mem::take(&mut self.changed);
        for (index, sample) in self.original.samples.iter().enumerate().take(64) {
            let SampleData::Mono8(original) = &*sample.data else { continue };
            if changed >> index & 1 != 0 {
                change(song, channels, index, |plane| plane.copy_from_slice(original));
            }
        }
    }
}
