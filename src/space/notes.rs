//! Single notes in a field, each at its own place.
//!
//! In: sounds of notes, by the voice that plays them. Out: added to sixteen channels. Audio thread, apart from `new`: there is an
//! encoder for each voice, so that none has to be found. A note begins where it is set to be, whatever its voice was before;
//! what its filter still holds where it ends dies away in all channels together.

use super::encoder::Encoder;
use super::harmonics::FIELD_CHANNELS;
use super::harmonics::Vector;
use super::settings::Hearing;
use super::settings::Settings;
use crate::audio::AudioBlock;
use crate::audio::AudioBuffer;
use crate::audio::BLOCK_SIZE;
use crate::audio::Feed;
use crate::audio::PlacedNote;
use crate::dsp::Level;
use crate::dsp::playable;
use crate::units::SampleRate;

/// Seconds in which what a note leaves falls to 1/e.
const REST_S: f64 = 0.000_5;
/// What is softer is forgotten.
const LEAST: f32 = 1.0e-8;

/// How a note stands in space.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NoteStand {
    /// Degrees to the right and up, and metres.
    pub position: [f32; 3],
    /// What it is like there.
    pub settings: Settings,
}

/// See the module's description.
pub struct Notes {
    encoders: Box<[Encoder]>,
    /// What notes leave: so far, and what comes to it on each frame of the block and on the one after it.
    rest: [f32; FIELD_CHANNELS],
    left: AudioBuffer,
    rings: bool,
    decay: f32,
}

impl Notes {
    /// For so many voices. Allocates.
    pub fn new(voices: usize, rate: SampleRate, level: Level) -> Self {
        Self {
            encoders: vec![Encoder::new(rate, level); voices].into(),
            rest: [0.0; FIELD_CHANNELS],
            left: AudioBuffer::new(FIELD_CHANNELS, BLOCK_SIZE + 1),
            rings: false,
            decay: libm::exp(-1.0 / (REST_S * rate.0)) as f32,
        }
    }

    /// How the listener hears them, and the unit vector along which the head looks. Real-time, like all that follows.
    pub(super) fn set_hearing(&mut self, hearing: Hearing, looks: Vector) {
        self.encoders.iter_mut().for_each(|encoder| encoder.set_hearing(hearing, looks));
    }

    /// Forgets all sound.
    pub(super) fn reset(&mut self) {
        self.left.silence();
        (self.rest, self.rings) = ([0.0; FIELD_CHANNELS], false);
    }

    /// Adds the frames of a note, which voice number `voice` plays, to those of its range in `field`; `frame` is the first of
    /// them, counted from reset.
    pub(super) fn add(
        &mut self,
        (note, voice): (&PlacedNote<'_>, usize),
        stand: &NoteStand,
        frame: u64,
        field: &mut Feed,
    ) {
        let Some(encoder) = self.encoders.get_mut(voice) else { return };
        // What a note's own filters still held as it ends would be cut.
        encoder.stand(stand.position, &Settings { near_field: false, doppler: false, ..stand.settings });
        if note.begins {
            encoder.set_sides(note.sides);
            encoder.begin(frame);
        }
        if note.sound.is_none() && encoder.is_at_rest() {
            return encoder.skip(note.range.len());
        }
        let mut planes = [[0.0; BLOCK_SIZE]; 2];
        for (to, from) in planes.iter_mut().zip(note.sound.iter().flat_map(|sound| sound.planes())) {
            to.iter_mut().zip(from).for_each(|(to, from)| *to = playable(*from));
        }
        let frames = note.range.len().min(BLOCK_SIZE);
        let planes = planes.each_ref().map(|plane| &plane[..frames]);
        encoder.process(&AudioBlock::new(&planes), &mut field.open_all(note.range.clone()), false);
        if note.ends && !encoder.is_at_rest() {
            self.rings = true;
            for (channel, left) in encoder.left().into_iter().enumerate() {
                let at = self.left.channel_mut(channel).get_mut(note.range.end);
                at.into_iter().for_each(|at| *at += left);
            }
        }
    }

    /// Adds what notes have left to the block's `frames` frames, after all of them: `y[n] = d·y[n-1] + x[n]`.
    pub(super) fn ring(&mut self, frames: usize, field: &mut Feed) {
        if !self.rings {
            return;
        }
        let frames = frames.min(BLOCK_SIZE);
        let mut sum = field.open_all(0..frames);
        self.rings = false;
        for (channel, y) in self.rest.iter_mut().enumerate() {
            let (plane, left) = (sum.channel_mut(channel), self.left.channel_mut(channel));
            if plane.is_empty() {
                // Nobody hears the room.
                left.fill(0.0);
                *y = 0.0;
                continue;
            }
            for (to, x) in plane.iter_mut().zip(&*left) {
                *y = *y * self.decay + x;
                *y = if y.abs() < LEAST { 0.0 } else { *y };
                *to += *y;
            }
            // What ended with the block is left on the first frame of the next one.
            let next = left[frames]; // one more than a block
            left[..=frames].fill(0.0);
            left[0] = next;
            self.rings |= *y != 0.0 || next != 0.0;
        }
    }
}
