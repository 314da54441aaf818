//! What voices play: slots with their takes, as plain data that never changes.
//!
//! Made by the worker, which also measures how loud takes are where; read on the audio thread, and replaced as a whole.

use super::chance;
use super::chance::Matter;
use crate::audio::AudioSource;
use crate::audio::Plane;
use crate::sample::Interpolation;
use crate::sample::Recording;
use crate::sample::SampleData;
use crate::units::Gain;
use crate::units::SampleRate;
use crate::units::Semitones;
use std::ops::Range;
use std::sync::Arc;

/// Slots, one for each MIDI key.
pub const SLOTS: usize = 128;
/// Groups whose voices end each other.
pub const CHOKE_GROUPS: usize = 16;

/// Frames that share a peak of a take, as a power of two.
const PEAK_FRAMES_LOG2: u32 = 10;
/// Points of a take's outline, at most.
const OUTLINE: usize = 1_024;

/// One of a slot's recordings.
#[derive(Clone, Debug)]
pub struct Take {
    data: Arc<SampleData>,
    rate: SampleRate,
    /// Greatest magnitude of each 1,024 frames, on any channel.
    peaks: Arc<[f32]>,
    peak: f32,
    outline: Arc<[[f32; 2]]>,
}

impl Take {
    /// Shares the recording with whoever else holds it, and measures it.
    pub fn new(recording: Recording) -> Self {
        Self::of(recording.data.intern(), recording.rate)
    }

    /// The same of a recording that is shared already.
    pub fn of(data: Arc<SampleData>, rate: SampleRate) -> Self {
        let peaks = peaks(&data);
        let peak = peaks.iter().copied().fold(0.0, f32::max);
        Self { outline: outline(&data), data, rate, peaks, peak }
    }

    /// Its frames.
    pub fn data(&self) -> &Arc<SampleData> {
        &self.data
    }

    /// Frames per second of the recording.
    pub fn rate(&self) -> SampleRate {
        self.rate
    }

    /// What it looks like: the lowest and the highest sample, on any channel, of up to 1,024 pieces of one length.
    pub fn outline(&self) -> &[[f32; 2]] {
        &self.outline
    }

    /// Greatest magnitude of the whole.
    pub(super) fn peak(&self) -> f32 {
        self.peak
    }

    /// One without frames, which keeps the place of a recording that cannot be had.
    pub fn missing() -> Self {
        Self::of(Arc::new(SampleData::empty()), SampleRate(48_000.0))
    }

    /// Greatest magnitude around a frame.
    pub(super) fn peak_at(&self, frame: usize) -> f32 {
        self.peaks.get(frame >> PEAK_FRAMES_LOG2).copied().unwrap_or(0.0)
    }

    /// Whether both are the same recording.
    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.data, &other.data) && self.rate == other.rate
    }
}

fn peaks(data: &SampleData) -> Arc<[f32]> {
    let mut peaks = vec![0.0f32; data.frames().div_ceil(1 << PEAK_FRAMES_LOG2)];
    for channel in 0..data.channels() {
        match data.plane(channel) {
            Some(Plane::I8(plane)) => raise(&mut peaks, plane, |sample| f32::from(sample) / 128.0),
            Some(Plane::I16(plane)) => raise(&mut peaks, plane, |sample| f32::from(sample) / 32_768.0),
            Some(Plane::F32(plane)) => raise(&mut peaks, plane, |sample| sample),
            None => {}
        }
    }
    peaks.into()
}

fn raise<T: Copy>(peaks: &mut [f32], plane: &[T], value: impl Fn(T) -> f32) {
    for (peak, frames) in peaks.iter_mut().zip(plane.chunks(1 << PEAK_FRAMES_LOG2)) {
        *peak = frames.iter().fold(*peak, |peak, &sample| peak.max(value(sample).abs()));
    }
}

fn outline(data: &SampleData) -> Arc<[[f32; 2]]> {
    let mut outline = vec![[f32::MAX, f32::MIN]; data.frames().min(OUTLINE)];
    for channel in 0..data.channels() {
        match data.plane(channel) {
            Some(Plane::I8(plane)) => widen(&mut outline, plane, |sample| f32::from(sample) / 128.0),
            Some(Plane::I16(plane)) => widen(&mut outline, plane, |sample| f32::from(sample) / 32_768.0),
            Some(Plane::F32(plane)) => widen(&mut outline, plane, |sample| sample),
            None => {}
        }
    }
    outline.into()
}

fn widen<T: Copy>(outline: &mut [[f32; 2]], plane: &[T], value: impl Fn(T) -> f32) {
    let (frames, count) = (plane.len(), outline.len());
    for (piece, ends) in outline.iter_mut().enumerate() {
        let piece = plane.get(piece * frames / count..(piece + 1) * frames / count).unwrap_or(&[]);
        *ends = piece.iter().fold(*ends, |[least, most], &sample| {
            let sample = value(sample);
            [least.min(sample), most.max(sample)]
        });
    }
}

/// How long a voice sounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Play {
    /// To the end, whatever becomes of the key.
    #[default]
    OneShot,
    /// To the end, or until the key is released.
    Gate,
    /// Round and round until the key is released.
    Loop,
}

/// What a key or a parameter triggers.
#[derive(Clone, Debug)]
pub struct Slot {
    /// One of them is chosen for each voice; without any the slot is silent.
    pub takes: Vec<Take>,
    /// Of every voice.
    pub gain: Gain,
    /// -1 left to 1 right: places mono takes at -3 dB in the centre, balances stereo ones.
    pub pan: f32,
    /// Above the recordings' own pitch.
    pub pitch: Semitones,
    /// A chance for each voice moves its pitch by up to so much, up or down.
    pub pitch_range: Semitones,
    /// How long a voice sounds.
    pub play: Play,
    /// Frames of the takes that go round, clipped to each; all of them where empty.
    pub looped: Range<usize>,
    /// Frame of the takes that voices begin with.
    pub start: usize,
    /// Seconds in which a released voice fades; at least those of a stolen one.
    pub release_s: f32,
    /// From 0: a voice of a group ends all others of it.
    pub choke: Option<u8>,
    /// Voices of a higher one are not taken away for those of a lower one.
    pub priority: u8,
    /// Voices that sound at once, at least 1.
    pub limit: usize,
    /// What stands between two frames.
    pub interpolation: Interpolation,
    /// Where voices go.
    pub bus: usize,
}

impl Default for Slot {
    fn default() -> Self {
        Self {
            takes: Vec::new(),
            gain: Gain::UNITY,
            pan: 0.0,
            pitch: Semitones(0.0),
            pitch_range: Semitones(0.0),
            play: Play::default(),
            looped: 0..0,
            start: 0,
            release_s: 0.0,
            choke: None,
            priority: 0,
            limit: usize::MAX,
            interpolation: Interpolation::Cubic,
            bus: 0,
        }
    }
}

impl Slot {
    /// First frame of the loop and the one past its last, both within the take; empty only where the take is.
    pub(super) fn loop_of(&self, take: &Take) -> Range<usize> {
        let end = self.looped.end.min(take.data.frames());
        if self.looped.start < end { self.looped.start..end } else { 0..take.data.frames() }
    }

    /// Gains of both sides for a mono or a wider take at a place.
    pub(super) fn sides(&self, take: &Take, pan: f32) -> [f32; 2] {
        let pan = pan.clamp(-1.0, 1.0);
        let shares = if take.data.channels() > 1 {
            [(1.0 - pan).min(1.0), (1.0 + pan).min(1.0)]
        } else {
            let angle = (pan + 1.0) * std::f32::consts::FRAC_PI_4;
            // cos(π/2) is not quite 0 in floats.
            [if pan == 1.0 { 0.0 } else { libm::cosf(angle) }, libm::sinf(angle)]
        };
        shares.map(|share| share * self.gain.0)
    }
}

/// All slots of a rack.
#[derive(Clone, Debug)]
pub struct Bank {
    /// Chances follow from it.
    pub seed: u64,
    slots: Box<[Slot]>,
}

impl Bank {
    /// Slots past the last are left out. Allocates.
    pub fn new(seed: u64, slots: impl IntoIterator<Item = (usize, Slot)>) -> Self {
        let mut all = vec![Slot::default(); SLOTS];
        for (number, slot) in slots {
            if let Some(place) = all.get_mut(number) {
                *place = slot;
            }
        }
        Self { seed, slots: all.into() }
    }

    /// A slot by its number.
    pub fn slot(&self, number: u8) -> Option<&Slot> {
        self.slots.get(usize::from(number))
    }

    /// The take that a slot's voice plays which begins after so many others since the transport started.
    pub fn drawn(&self, number: u8, before: u64) -> usize {
        let takes = self.slot(number).map_or(0, |slot| slot.takes.len());
        chance::choice(chance::hash(self.seed, number, before, Matter::Take), takes)
    }

    /// Whether no slot has a take.
    pub fn is_empty(&self) -> bool {
        self.slots.iter().all(|slot| slot.takes.is_empty())
    }
}

impl Default for Bank {
    fn default() -> Self {
        Self::new(0, [])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(samples: &[f32], channels: usize) -> Take {
        let planes: Vec<Box<[f32]>> = vec![samples.into(); channels];
        Take::of(Arc::new(SampleData::Float(planes.into())), SampleRate(48_000.0))
    }

    #[test]
    fn mono_is_placed_at_minus_three_decibels_and_stereo_balanced() {
        let slot = Slot { gain: Gain(2.0), ..Slot::default() };
        let (mono, stereo) = (take(&[1.0], 1), take(&[1.0], 2));
        let half = std::f32::consts::SQRT_2;
        assert!(slot.sides(&mono, 0.0).iter().all(|side| (side - half).abs() < 1e-6));
        assert_eq!((slot.sides(&mono, -1.0), slot.sides(&mono, 1.0)), ([2.0, 0.0], [0.0, 2.0]));
        assert_eq!((slot.sides(&stereo, 0.0), slot.sides(&stereo, 0.5)), ([2.0, 2.0], [1.0, 2.0]));
    }

    #[test]
    fn peaks_tell_how_loud_a_take_is_where() {
        let mut samples = vec![0.5; 3000];
        samples[1023] = -0.75;
        samples[2500] = 0.0;
        let take = take(&samples, 2);
        assert_eq!([0, 1024, 2999, 3072].map(|frame| take.peak_at(frame)), [0.75, 0.5, 0.5, 0.0]);
        assert_eq!(take.peak(), 0.75);
    }

    #[test]
    fn an_outline_has_the_ends_of_every_piece_of_all_channels() {
        let mut samples = vec![0.0; 2_048];
        (samples[0], samples[3], samples[2_047]) = (0.5, -0.25, 1.0);
        let planes: Vec<Box<[f32]>> = vec![samples.into(), vec![-0.125; 2_048].into()];
        let take = Take::of(Arc::new(SampleData::Float(planes.into())), SampleRate(48_000.0));
        let outline = take.outline();
        assert_eq!((outline.len(), outline[0], outline[1]), (1_024, [-0.125, 0.5], [-0.25, 0.0]));
        assert_eq!(outline[1_023], [-0.125, 1.0]);
        let short = Take::of(Arc::new(SampleData::Mono16([16_384, -32_768].into())), SampleRate(8_000.0));
        assert_eq!(short.outline(), [[0.5; 2], [-1.0; 2]]);
        assert!(Take::missing().outline().is_empty());
    }

    #[test]
    fn loops_are_clipped_to_each_take() {
        let slot = |looped| Slot { looped, ..Slot::default() };
        let take = take(&[0.0; 100], 1);
        assert_eq!(slot(10..50).loop_of(&take), 10..50);
        assert_eq!(slot(10..500).loop_of(&take), 10..100);
        assert_eq!((slot(0..0).loop_of(&take), slot(200..300).loop_of(&take)), (0..100, 0..100));
    }
}
