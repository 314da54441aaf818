//! How much a song is turned down so that it does not clip.
//!
//! In: a song. Out: a gain, found by rendering it roughly, up to its sixth minute. Made on the worker when a song is
//! loaded; it is where the song's trim starts, and nothing changes it afterwards.

use super::Interpolation;
use super::Mixdown;
use super::SongPlayer;
use super::song::Song;
use crate::units::Decibels;
use crate::units::Gain;
use crate::units::SampleRate;
use std::sync::Arc;

/// Low, as only peaks are wanted.
const RATE: SampleRate = SampleRate(8000.0);

/// Where the peaks of loud songs come to lie, with room for what the low rate misses.
const CEILING: Decibels = Decibels(-3.0);

/// Frames summed at once.
const BLOCK: usize = 256;

/// Blocks for which AdLib's chips run, which take their time at any rate: 45 s of what is loud throughout.
const MOST_ADLIB_BLOCKS: usize = 45 * 8000 / BLOCK;

/// Six minutes.
const MOST_BLOCKS: usize = 6 * 60 * 8000 / BLOCK;

/// Unity for songs that stay below -3 dBFS, else what brings their peaks there. Allocates.
pub fn default_trim(song: &Arc<Song>) -> Gain {
    let mut mix = Mixdown::new(SongPlayer::new(Arc::clone(song), RATE), RATE);
    mix.player_mut().set_interpolation(Interpolation::None);
    let mut planes = [[0.0f32; BLOCK]; 2];
    let mut peak = 0.0f32;
    for block in 0..MOST_BLOCKS {
        if block == MOST_ADLIB_BLOCKS {
            mix.player_mut().chips.clear();
        }
        let [left, right] = &mut planes;
        mix.render(left, right);
        if mix.finished() {
            break;
        }
        peak = planes.as_flattened().iter().fold(peak, |peak, sample| peak.max(sample.abs()));
    }
    let ceiling = Gain::from(CEILING).0;
    if peak > ceiling { Gain(ceiling / peak) } else { Gain::UNITY }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tracker::fixture;
    use crate::tracker::song::Format;
    use crate::tracker::song::PitchModel;

    /// A song whose 16 channels play a full-scale sample at once, or one of them does.
    fn song(loud: bool) -> Arc<Song> {
        let mut song = fixture::song(Format::It, PitchModel::Linear);
        song.channels = vec![song.channels[0].clone(); 16];
        song.patterns[0].cells = vec![crate::tracker::song::Cell::default(); 64 * 16];
        for channel in 0..if loud { 16 } else { 1 } {
            song.patterns[0].cells[channel] = fixture::note(60, 0, 0);
        }
        Arc::new(song)
    }

    #[test]
    fn only_loud_songs_are_turned_down_and_then_to_the_ceiling() {
        assert_eq!(default_trim(&song(false)), Gain::UNITY);
        // 16 voices of -15 dBFS: 20·log10(16) - 15.05 = +9.03 dBFS.
        let trim = Decibels::from(default_trim(&song(true))).0;
        assert!((trim + 12.03).abs() < 0.05, "{trim} dB");
    }
}
