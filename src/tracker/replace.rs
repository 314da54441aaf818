//! Other recordings in place of a song's own.
//!
//! In: a loaded song, the number of a sample or an instrument, a recording with its rate. Out: the same song that plays the
//! recording there. Periods, slides and vibrato stay the module's: only how many frames are read for each that they ask for
//! differs, so that the key of the recording's root plays it at its own rate. Worker, before the song is shared.

use super::period::Tuning;
use super::rules::Rules;
use super::song::Format;
use super::song::KeyAssignment;
use super::song::Loop;
use super::song::Sample;
use super::song::Song;
use crate::audio::AudioSource;
use crate::sample::SampleData;
use crate::units::SampleRate;
use std::fmt;
use std::sync::Arc;

/// The key that plays a sample at its own rate.
const MIDDLE: i32 = 60;
/// Frames a second that NTSC Amigas play at MOD's period 428; PAL's are what the player has.
const NTSC: f64 = 8363.0;

/// What of a song is replaced, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Replaced {
    /// A sample, whatever plays it.
    Sample(usize),
    /// All that an instrument plays; a sample where the song has no instruments.
    Instrument(usize),
}

impl fmt::Display for Replaced {
    /// As editors count.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sample(index) => write!(f, "sample {}", index + 1),
            Self::Instrument(index) => write!(f, "instrument {}", index + 1),
        }
    }
}

/// What is played instead.
#[derive(Clone, Debug)]
pub struct Replacement {
    /// Its frames.
    pub data: Arc<SampleData>,
    /// At which key 60 plays them.
    pub rate: SampleRate,
    /// Semitones by which every key sounds higher than that.
    pub transpose: f64,
    /// What goes round, clipped to the frames.
    pub sample_loop: Option<Loop>,
    /// Default volume, 0..=64, in place of the module's.
    pub volume: Option<u8>,
    /// Default panning, 0..=256, in place of the module's.
    pub panning: Option<u16>,
    /// Whether the module's automatic vibrato stays.
    pub vibrato: bool,
}

impl Song {
    /// Plays `with` instead of what the module has; false where it has no such number.
    pub fn replace(&mut self, what: Replaced, with: &Replacement) -> bool {
        match what {
            Replaced::Instrument(index) if !self.instruments.is_empty() => {
                self.replace_instrument(index, with)
            }
            Replaced::Sample(index) | Replaced::Instrument(index) => {
                let Some(new) = self.samples.get(index).map(|old| self.replaced(old, with)) else {
                    return false;
                };
                self.samples.get_mut(index).into_iter().for_each(|old| *old = new.clone());
                true
            }
        }
    }

    /// Gives an instrument samples of its own: others may play those that it had.
    fn replace_instrument(&mut self, index: usize, with: &Replacement) -> bool {
        // What names no sample must not come to name one that is added.
        let count = self.samples.len();
        for key in self.instruments.iter_mut().flat_map(|instrument| instrument.keys.iter_mut()) {
            key.sample = if usize::from(key.sample) > count { 0 } else { key.sample };
        }
        let Some(instrument) = self.instruments.get(index) else { return false };
        let mut keys = instrument.keys.clone();
        let exists = |key: &KeyAssignment| self.sample_of(*key).is_some();
        // What each sample's number has become.
        let mut known: Vec<(u16, u16)> = Vec::new();
        if !keys.iter().any(exists) {
            // An empty instrument plays on every key from now on.
            let number = self.append(&Sample::plain(SampleData::empty()), with);
            keys.iter_mut().for_each(|key| key.sample = number);
            known.push((number, number));
        }
        for key in keys.iter_mut() {
            let taken = known.iter().find(|(old, _)| *old == key.sample).map(|(_, new)| *new);
            let number = match (taken, self.sample_of(*key).cloned()) {
                (Some(number), _) => number,
                (None, Some(old)) => self.append(&old, with),
                (None, None) => key.sample,
            };
            known.push((key.sample, number));
            key.sample = number;
        }
        self.instruments.get_mut(index).into_iter().for_each(|instrument| instrument.keys.clone_from(&keys));
        true
    }

    fn sample_of(&self, key: KeyAssignment) -> Option<&Sample> {
        self.samples.get(usize::from(key.sample).checked_sub(1)?)
    }

    /// Number of a new sample, from 1.
    fn append(&mut self, old: &Sample, with: &Replacement) -> u16 {
        let new = self.replaced(old, with);
        self.samples.push(new);
        u16::try_from(self.samples.len()).unwrap_or(u16::MAX) // no format has so many
    }

    fn replaced(&self, old: &Sample, with: &Replacement) -> Sample {
        let frames = u32::try_from(with.data.frames()).unwrap_or(u32::MAX);
        let clipped = |span: Loop| Loop { end: span.end.min(frames), ..span };
        // What is empty in the module says nothing about loudness.
        let volume = if old.data.frames() == 0 { 64 } else { old.volume };
        Sample {
            data: Arc::clone(&with.data),
            sample_loop: with.sample_loop.map(clipped).filter(|span| span.start < span.end),
            sustain_loop: None,
            volume: with.volume.map_or(volume, |volume| volume.min(64)),
            panning: with.panning.map(|panning| panning.min(256)).or(old.panning),
            pace_q32: self.pace_q32(old, with),
            vibrato: if with.vibrato { old.vibrato } else { Default::default() },
            adlib: None,
            ..old.clone()
        }
    }

    /// Frames of a recording for each that a sample's tuning asks for.
    fn pace_q32(&self, old: &Sample, with: &Replacement) -> u64 {
        let tuning = Tuning::new(self, &Rules::new(self));
        let finetune = i32::from(old.finetune);
        let period = tuning.period(MIDDLE + i32::from(old.relative_key), finetune, old.c5_speed);
        let played = tuning.frequency_q4(period, 0, old.c5_speed) as f64 / 16.0;
        let tuned = |rate: f64, semitones: f64| rate * libm::exp2(semitones / 12.0);
        let named = match self.format {
            Format::Mod => tuned(NTSC, f64::from(finetune) / 8.0),
            Format::Xm => tuned(NTSC, f64::from(old.relative_key) + f64::from(finetune) / 128.0),
            Format::S3m | Format::It => old.c5_speed.into(),
        };
        // Files name whole hertz: what was taken out of the module goes back in as it was.
        let same = [played, named].iter().any(|own| (own - with.rate.0).abs() <= 0.5);
        let pace = if same { 1.0 } else { with.rate.0 / played.max(1.0) };
        let pace_q32 = tuned(pace, with.transpose) * Sample::OWN_PACE_Q32 as f64;
        libm::rint(pace_q32).clamp(1.0, 2f64.powi(48)) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::super::song::Instrument;
    use super::super::song::PitchModel;
    use super::*;

    fn replacement(rate: f64) -> Replacement {
        Replacement {
            data: SampleData::Mono16([1, 2, 3, 4].into()).intern(),
            rate: SampleRate(rate),
            transpose: 0.0,
            sample_loop: Some(Loop { start: 1, end: 9, ping_pong: true }),
            volume: None,
            panning: None,
            vibrato: true,
        }
    }

    fn song(format: Format) -> Song {
        fixture::song(format, PitchModel::Linear)
    }

    /// Frames a second at the middle key.
    fn rate_of(song: &Song, index: usize) -> f64 {
        let (tuning, sample) = (Tuning::new(song, &Rules::new(song)), &song.samples[index]);
        let key = MIDDLE + i32::from(sample.relative_key);
        let period = tuning.period(key, sample.finetune.into(), sample.c5_speed);
        let played = tuning.frequency_q4(period, 0, sample.c5_speed) as f64 / 16.0;
        played * sample.pace_q32 as f64 / Sample::OWN_PACE_Q32 as f64
    }

    #[test]
    fn the_middle_key_plays_a_file_at_its_own_rate_however_the_module_is_tuned() {
        for format in [Format::Mod, Format::S3m, Format::Xm, Format::It] {
            for (finetune, relative_key, c5_speed) in [(0, 0, 8363), (5, 12, 22_050), (-8, -7, 11_025)] {
                let mut song = song(format);
                let sample = &mut song.samples[0];
                match format {
                    Format::Mod => sample.finetune = finetune,
                    Format::Xm => (sample.finetune, sample.relative_key) = (finetune * 15, relative_key),
                    Format::S3m | Format::It => sample.c5_speed = c5_speed,
                }
                assert!(song.replace(Replaced::Sample(0), &replacement(44_100.0)));
                let rate = rate_of(&song, 0);
                assert!((rate - 44_100.0).abs() < 0.01, "{format} {finetune} {relative_key}: {rate}");
                let higher = Replacement { transpose: 12.0, ..replacement(44_100.0) };
                song.samples[0].pace_q32 = Sample::OWN_PACE_Q32;
                assert!(song.replace(Replaced::Sample(0), &higher));
                assert!((rate_of(&song, 0) - 88_200.0).abs() < 0.01, "{format}");
            }
        }
    }

    #[test]
    fn a_file_at_the_modules_own_rate_is_read_as_the_module_reads_its_own() {
        for (format, rates) in [
            (Format::Mod, &[8287.0, 8363.0][..]),
            (Format::S3m, &[8363.0]),
            (Format::Xm, &[8363.0]),
            (Format::It, &[8363.0]),
        ] {
            for &rate in rates {
                let mut song = song(format);
                assert!(song.replace(Replaced::Sample(0), &replacement(rate)));
                assert_eq!(song.samples[0].pace_q32, Sample::OWN_PACE_Q32, "{format} {rate}");
            }
        }
        let mut tuned = song(Format::Xm);
        (tuned.samples[0].relative_key, tuned.samples[0].finetune) = (5, 30);
        // 8363 · 2^((5 + 30/128) / 12), in whole hertz as a tracker exports it.
        assert!(tuned.replace(Replaced::Sample(0), &replacement(11_315.0)));
        assert_eq!(tuned.samples[0].pace_q32, Sample::OWN_PACE_Q32);
    }

    #[test]
    fn an_instrument_gets_samples_of_its_own_and_leaves_others_what_they_share() {
        let mut song = song(Format::It);
        song.samples.push(Sample { volume: 20, ..fixture::sample(16) });
        song.instruments = vec![Instrument::plain(1), Instrument::plain(1), Instrument::plain(0)];
        song.instruments[0].keys[70].sample = 2;
        song.instruments[0].keys[71].sample = 0;
        song.instruments[0].keys[72].sample = 4;
        song.instruments[1].keys[9].sample = 3;
        song.instruments[0].fadeout = 99;
        let before = song.clone();
        assert!(song.replace(Replaced::Instrument(0), &replacement(48_000.0)));
        let keys = &song.instruments[0].keys;
        assert_eq!([keys[60].sample, keys[70].sample, keys[71].sample, keys[0].key.into()], [3, 4, 0, 0]);
        // Numbers that no sample had are those of none.
        assert_eq!([keys[72].sample, song.instruments[1].keys[9].sample], [0, 0]);
        song.instruments[1].keys[9].sample = 3;
        assert_eq!((song.samples.len(), song.instruments[0].fadeout), (4, 99));
        assert_eq!([song.samples[2].volume, song.samples[3].volume], [64, 20]);
        assert!(Arc::ptr_eq(&song.samples[2].data, &song.samples[3].data));
        assert_eq!((&song.samples[..2], &song.instruments[1]), (&before.samples[..], &before.instruments[1]));
        assert!(song.replace(Replaced::Instrument(2), &replacement(48_000.0)));
        assert!(song.instruments[2].keys.iter().all(|key| key.sample == 5) && song.samples.len() == 5);
    }

    #[test]
    fn loops_are_clipped_settings_stay_unless_said_and_absent_numbers_are_told() {
        let mut song = song(Format::It);
        let (volume, panning) = (33, Some(200));
        song.samples[0] = Sample { volume, panning, ..fixture::sample(8) };
        song.samples[0].vibrato.depth = 7;
        let mut other = song.clone();
        assert!(song.replace(Replaced::Sample(0), &replacement(8363.0)));
        let sample = &song.samples[0];
        assert_eq!(sample.sample_loop, Some(Loop { start: 1, end: 4, ping_pong: true }));
        assert_eq!((sample.volume, sample.panning, sample.vibrato.depth), (33, Some(200), 7));
        let said = Replacement { volume: Some(5), panning: Some(0), vibrato: false, ..replacement(8363.0) };
        assert!(
            other.replace(Replaced::Instrument(0), &said),
            "samples are instruments where there are none"
        );
        let sample = &other.samples[0];
        assert_eq!((sample.volume, sample.panning, sample.vibrato.depth), (5, Some(0), 0));
        assert!(!song.replace(Replaced::Sample(1), &said) && !song.replace(Replaced::Instrument(1), &said));
    }
}
