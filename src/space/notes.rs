//! Single notes in a field, each at its own place.
//!
//! In: sounds of notes, by the voice that plays them. Out: added to sixteen channels. Audio thread, apart from `new`: there is an
//! encoder for each voice, so that none has to be found. A note begins where it is set to be, whatever its voice was before;
//! what its low-pass filter still holds where it ends dies away in all channels together. The filters of near notes are those of all
//! of them, in which a note that has ended rings on.

use super::encoder::Encoder;
use super::harmonics::FIELD_CHANNELS;
use super::harmonics::Vector;
use super::near::NearBank;
use super::settings::Hearing;
use super::settings::Settings;
use crate::audio::AudioBlock;
use crate::audio::AudioBuffer;
use crate::audio::BLOCK_SIZE;
use crate::audio::Feed;
use crate::audio::NearFeeds;
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
    /// What near notes give to their filters.
    given: NearFeeds,
    near: NearBank,
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
            given: NearFeeds::new(),
            near: NearBank::new(rate, level),
        }
    }

    /// How the listener hears them, and the unit vector along which the head looks. Real-time, like all that follows.
    pub(super) fn set_hearing(&mut self, hearing: Hearing, looks: Vector) {
        self.encoders.iter_mut().for_each(|encoder| encoder.set_hearing(hearing, looks));
    }

    /// Begins a block of so many frames.
    pub(super) fn begin(&mut self, frames: usize) {
        self.given.begin(frames);
    }

    /// Forgets all sound.
    pub(super) fn reset(&mut self) {
        self.given.begin(0);
        self.near.reset();
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
        // Thousands of notes would need a delay line each.
        encoder.stand(stand.position, &Settings { doppler: false, ..stand.settings });
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
        let mut near = encoder.is_near().then(|| self.given.open(&note.range));
        let mut field = field.open_all(note.range.clone());
        encoder.process_with(&AudioBlock::new(&planes), &mut field, false, near.as_mut());
        if note.ends && !encoder.is_at_rest() {
            self.rings = true;
            for (channel, left) in encoder.left().into_iter().enumerate() {
                let at = self.left.channel_mut(channel).get_mut(note.range.end);
                at.into_iter().for_each(|at| *at += left);
            }
        }
    }

    /// Adds what notes have left to the block's `frames` frames, the first of which has its number since reset, after all of them:
    /// `y[n] = d·y[n-1] + x[n]`.
    pub(super) fn ring(&mut self, frame: u64, frames: usize, field: &mut Feed) {
        self.near.ring(&self.given, (frame, frames.min(BLOCK_SIZE)), field);
        if !self.rings {
            return;
        }
        let frames = frames.min(BLOCK_SIZE);
        let mut sum = field.open_all(0..frames);
        self.rings = false;
        for (channel, y) in self.rest.iter_mut().enumerate() {
            // Where nobody hears the room its channel holds nothing, and rings unheard.
            let (plane, left) = (sum.channel_mut(channel), self.left.channel_mut(channel));
            for (frame, x) in left.iter().take(frames).enumerate() {
                *y = *y * self.decay + x;
                *y = if y.abs() < LEAST { 0.0 } else { *y };
                plane.get_mut(frame).into_iter().for_each(|to| *to += *y);
            }
            // What ended with the block is left on the first frame of the next one.
            let next = left[frames]; // one more than a block
            left[..=frames].fill(0.0);
            left[0] = next;
            self.rings |= *y != 0.0 || next != 0.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::GRID;
    use std::f32::consts::TAU;

    const RATE: SampleRate = SampleRate(48_000.0);
    const FRAMES: usize = 12_000;

    fn near(position: [f32; 3]) -> NoteStand {
        NoteStand { position, settings: Settings { near_field: true, ..Settings::default() } }
    }

    /// A low tone that ends off zero on frame `end`, as a note of voice 0.
    fn tone(end: usize) -> Vec<f32> {
        (0..end).map(|frame| (frame as f32 * 60.0 * TAU / 48_000.0).cos()).collect()
    }

    /// All channels of a note that begins on frame 0, in blocks of at most `size`; `ends` with its sound, or holds its voice on. Its
    /// place on a line is what `stand` says.
    fn heard(sound: &[f32], ends: bool, size: usize, stand: impl Fn(usize) -> NoteStand) -> Vec<Vec<f32>> {
        let mut notes = Notes::new(2, RATE, Level::detect());
        let mut out = vec![Vec::new(); FIELD_CHANNELS];
        let mut field = Feed::new(FIELD_CHANNELS);
        while out[0].len() < FRAMES {
            let frame = out[0].len();
            let frames = size.min(FRAMES - frame).min(GRID - frame % GRID);
            notes.begin(frames);
            field.begin(frames);
            let sounds = sound.len().saturating_sub(frame).min(frames);
            let last = ends && frame + sounds == sound.len();
            if !ends || (sounds > 0 || frame == 0) {
                let planes = [&sound[sound.len().min(frame)..][..sounds]];
                let note = PlacedNote {
                    voice: 1,
                    slot: 0,
                    begins: frame == 0,
                    ends: last,
                    pan: 0.0,
                    offset: None,
                    sides: 1,
                    range: 0..if ends { sounds } else { frames },
                    sound: (sounds > 0).then(|| AudioBlock::new(&planes)),
                };
                notes.add((&note, 1), &stand(frame), frame as u64, &mut field);
            }
            notes.ring(frame as u64, frames, &mut field);
            let sounds = field.activity() == crate::audio::Activity::Sounding;
            for (channel, out) in out.iter_mut().enumerate() {
                let silence = [0.0; BLOCK_SIZE];
                out.extend_from_slice(if sounds { field.channel(channel) } else { &silence[..frames] });
            }
        }
        out
    }

    fn apart(one: &[Vec<f32>], other: &[Vec<f32>]) -> f32 {
        let pairs = one.iter().flatten().zip(other.iter().flatten());
        pairs.fold(0.0, |most, (one, other)| most.max((one - other).abs()))
    }

    #[test]
    fn a_near_note_is_what_a_near_bus_is_in_every_channel() {
        let sound: Vec<f32> =
            tone(FRAMES).iter().zip(1u32..).map(|(x, n)| 0.5 * x + 0.5 * (n as f32).sin()).collect();
        for position in [[30.0, 20.0, 0.25], [-100.0, -5.0, 0.6], [0.0, 0.0, 0.9], [10.0, 0.0, 1.5]] {
            let found = heard(&sound, false, 256, |_| near(position));
            let mut bus = Encoder::new(RATE, Level::detect());
            bus.stand(position, &near(position).settings);
            bus.begin(0);
            let mut wanted = AudioBuffer::new(FIELD_CHANNELS, FRAMES);
            bus.process(&AudioBlock::new(&[&sound]), &mut wanted.block_mut(FRAMES), true);
            let wanted: Vec<_> =
                (0..FIELD_CHANNELS).map(|channel| wanted.channel(channel).to_vec()).collect();
            let off = apart(&found, &wanted);
            println!("{position:?}: {off}");
            assert!(off < 1e-5, "{position:?}: off by {off}");
            let far = heard(&sound, false, 256, |_| NoteStand { position, settings: Settings::default() });
            assert_eq!(apart(&found, &far) > 0.01, position[2] < 1.0, "{position:?}");
        }
    }

    #[test]
    fn what_a_near_note_leaves_rings_on_as_if_its_voice_had_been_kept() {
        let mut sound = tone(6000);
        let whole = sound.len();
        sound[whole - 200..].iter_mut().zip((0..200).rev()).for_each(|(x, n)| *x *= n as f32 / 200.0);
        let (ended, kept) = (
            heard(&sound, true, 256, |_| near([-90.0, 0.0, 0.25])),
            heard(&sound, false, 256, |_| near([-90.0, 0.0, 0.25])),
        );
        assert!(ended == kept);
        // It rings, dies away without an edge, and is over.
        for plane in &ended[1..4] {
            let edge = plane[whole - 1..].windows(2).fold(0.0f32, |most, w| most.max((w[1] - w[0]).abs()));
            println!("{} then steps of {edge}", plane[whole]);
            assert!(edge < 0.02);
        }
        assert!(ended[1][whole + 100].abs() > 0.01);
        assert!(ended.iter().all(|plane| plane[whole + 5000..].iter().all(|sample| *sample == 0.0)));
    }

    #[test]
    fn cuts_change_no_bit_of_near_notes_that_move_and_end() {
        let moves = |frame: usize| {
            let line = (frame / GRID) as f32;
            near([line * 3.0, 0.0, 0.3 + 0.01 * line.min(90.0)])
        };
        let sound = tone(5003);
        let whole = heard(&sound, true, 256, moves);
        for size in [1, 7, 63, 64] {
            assert!(heard(&sound, true, size, moves) == whole, "pieces of {size}");
        }
    }
}
