//! What keyboard slots send to the returns: MIDI controllers 91 (reverb) and 93 (chorus).
//!
//! In: levels on their frames, and the slots' sound as the keyboard has left it, with notes that have gone into space one by one.
//! Out: the same sound, scaled and added to one feed for each return. Audio thread. A slot that sends nothing costs nothing; levels
//! move in ramps of 5 ms.

use crate::audio::Activity;
use crate::audio::BLOCK_SIZE;
use crate::audio::Feed;
use crate::audio::PlacedNote;
use crate::dsp::Ramp;
use crate::mixer::RETURNS;
use crate::tracker::KEYBOARD_SLOTS;
use crate::units::Gain;
use crate::units::SampleRate;
use std::ops::Range;

/// General MIDI's effect depths.
const REVERB: u8 = 91;
const CHORUS: u8 = 93;

/// See the module's description.
#[derive(Debug)]
pub(in crate::engine) struct Sends {
    levels: [[Ramp; RETURNS]; KEYBOARD_SLOTS],
    /// Of each slot what has gone into space.
    aside: Box<[Feed]>,
    ramp_frames: u32,
    /// Some level is above 0, or on its way there or back.
    any: bool,
}

impl Sends {
    /// All at 0. Allocates.
    pub(in crate::engine) fn new(rate: SampleRate) -> Self {
        Self {
            levels: [[Ramp::new(0.0); RETURNS]; KEYBOARD_SLOTS],
            aside: (0..KEYBOARD_SLOTS).map(|_| Feed::new(2)).collect(),
            ramp_frames: Ramp::control_frames(rate),
            any: false,
        }
    }

    /// Takes a controller, if it says what a slot sends.
    pub(in crate::engine) fn control(&mut self, slot: u8, number: u8, level: Gain) {
        match number {
            REVERB => self.set(slot, 0, level),
            CHORUS => self.set(slot, 1, level),
            _ => {}
        }
    }

    /// Moves what a slot sends to a return, from the next frame on.
    fn set(&mut self, slot: u8, to: usize, level: Gain) {
        if let Some(ramp) = self.levels.get_mut(usize::from(slot)).and_then(|slot| slot.get_mut(to)) {
            ramp.move_to(level.0, self.ramp_frames);
            self.any = true;
        }
    }

    /// Begins a block.
    pub(in crate::engine) fn begin(&mut self, frames: usize) {
        self.aside.iter_mut().for_each(|feed| feed.begin(frames));
    }

    /// Takes a note that goes into space.
    pub(in crate::engine) fn take(&mut self, note: &PlacedNote<'_>) {
        if let Some((sound, slot)) =
            note.sound.as_ref().zip(self.aside.get_mut(note.slot)).filter(|_| self.any)
        {
            slot.add_scaled(&note.range, [sound.channel(0), sound.channel(1)], [1.0; 2]);
        }
    }

    /// Adds the frames of `range` of the slots to the feeds of the returns.
    pub(in crate::engine) fn add(&mut self, slots: &[Feed], returns: &mut [Feed], range: &Range<usize>) {
        if !std::mem::take(&mut self.any) {
            return;
        }
        for ((levels, slot), aside) in self.levels.iter_mut().zip(slots).zip(&self.aside) {
            for (level, to) in levels.iter_mut().zip(&mut *returns) {
                if level.settled() && level.target() == 0.0 {
                    continue;
                }
                self.any = true;
                let mut factors = [0.0; BLOCK_SIZE];
                let factors = &mut factors[..range.len().min(BLOCK_SIZE)];
                level.fill(factors);
                for slot in [slot, aside].into_iter().filter(|slot| slot.activity() == Activity::Sounding) {
                    let sound = slot.block().slice(range.clone());
                    to.add_scaled_by(range, [sound.channel(0), sound.channel(1)], [&*factors, &*factors]);
                }
            }
        }
    }

    /// All at 0, at once.
    pub(in crate::engine) fn reset(&mut self) {
        self.levels = [[Ramp::new(0.0); RETURNS]; KEYBOARD_SLOTS];
        self.any = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::AudioBlock;

    const RATE: SampleRate = SampleRate(44_100.0);
    /// 5 ms are 220.5 frames.
    const RAMP: usize = 221;

    /// What a slot that puts out 1 on the left and 2 on the right sends to a return, in pieces of at most `size` frames.
    fn sent(sends: &mut Sends, (slot, to): (usize, usize), frames: usize, size: usize) -> Vec<[f32; 2]> {
        let mut out = Vec::new();
        while out.len() < frames {
            let piece = (frames - out.len()).min(size);
            let mut slots = vec![Feed::new(2); KEYBOARD_SLOTS];
            let mut returns = vec![Feed::new(2); RETURNS];
            slots.iter_mut().chain(&mut returns).for_each(|feed| feed.begin(piece));
            let (left, right) = slots[slot].open(0..piece);
            left.fill(1.0);
            right.fill(2.0);
            sends.add(&slots, &mut returns, &(0..piece));
            let (left, right) = returns[to].open(0..piece);
            out.extend(left.iter().zip(right).map(|(left, right)| [*left, *right]));
        }
        out
    }

    #[test]
    fn a_send_ramps_from_its_frame_whatever_the_cuts_and_reaches_its_own_return_only() {
        let run = |size| {
            let mut sends = Sends::new(RATE);
            let mut out = sent(&mut sends, (3, 0), 10, size);
            sends.set(3, 0, Gain(0.5));
            out.extend(sent(&mut sends, (3, 0), 300, size));
            sends.set(3, 0, Gain(0.0));
            out.extend(sent(&mut sends, (3, 0), 300, size));
            out
        };
        let whole = run(BLOCK_SIZE);
        assert_eq!(whole[..10], [[0.0; 2]; 10]);
        assert!(whole[10][0] > 0.0 && whole[10][0] < 0.01 && whole[10 + RAMP - 2][0] < 0.5);
        assert_eq!(whole[10 + RAMP - 1..310], vec![[0.5, 1.0]; 300 - RAMP + 1]);
        assert_eq!(whole[310 + RAMP - 1..], vec![[0.0; 2]; 300 - RAMP + 1]);
        assert_eq!([1, 7, 64].map(run), [const { 0 }; 3].map(|_| whole.clone()));
        let mut sends = Sends::new(RATE);
        sends.set(3, 0, Gain(0.5));
        assert_eq!(sent(&mut sends, (3, 1), 300, 64), [[0.0; 2]; 300]);
    }

    #[test]
    fn notes_that_go_into_space_are_sent_too_on_their_own_frames() {
        let mut sends = Sends::new(RATE);
        sends.set(3, 0, Gain(0.5));
        sent(&mut sends, (0, 0), 2 * RAMP, 64);
        let slots = vec![Feed::new(2); KEYBOARD_SLOTS];
        let mut returns = vec![Feed::new(2); RETURNS];
        returns.iter_mut().for_each(|feed| feed.begin(8));
        sends.begin(8);
        let planes = [&[1.0; 3][..], &[2.0; 3][..]];
        sends.take(&PlacedNote {
            voice: 0,
            slot: 3,
            begins: true,
            ends: true,
            pan: 1.0,
            offset: None,
            sides: 2,
            range: 2..5,
            sound: Some(AudioBlock::new(&planes)),
        });
        sends.add(&slots, &mut returns, &(0..8));
        assert_eq!(returns[0].channel(0), [0.0, 0.0, 0.5, 0.5, 0.5, 0.0, 0.0, 0.0]);
        assert_eq!(returns[0].channel(1)[2..5], [1.0; 3]);
        sends.begin(8);
        returns[0].begin(8);
        sends.add(&slots, &mut returns, &(0..8));
        assert_eq!(returns[0].activity(), Activity::Silent);
    }

    #[test]
    fn slots_that_send_nothing_leave_the_returns_silent() {
        let mut sends = Sends::new(RATE);
        let mut feeds = vec![Feed::new(2); KEYBOARD_SLOTS];
        feeds.iter_mut().for_each(|feed| feed.begin(8));
        feeds[0].open(0..8).0.fill(1.0);
        let mut returns = vec![Feed::new(2); RETURNS];
        returns.iter_mut().for_each(|feed| feed.begin(8));
        sends.set(0, 1, Gain(1.0));
        sends.reset();
        sends.add(&feeds, &mut returns, &(0..8));
        assert!(returns.iter().all(|feed| feed.activity() == Activity::Silent));
    }
}
