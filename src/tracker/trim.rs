//! How much a song is turned down so that it does not clip.
//!
//! In: a song. Out: a gain, found by rendering it roughly, up to its sixth minute. Made on the worker when a song is loaded; it
//! is where the song's trim starts, and nothing changes it afterwards.

use super::Interpolation;
use super::SongPlayer;
use super::song::Song;
use crate::units::Decibels;
use crate::units::Gain;
use crate::units::SampleRate;
use std::sync::Arc;

/// Low, as only peaks are wanted.
const RATE: SampleRate = SampleRate(8000.0);

/// Six minutes at the usual tempo.
const MOST_TICKS: usize = 18_000;

/// Where the peaks of loud songs come to lie, with room for what the low rate misses.
const CEILING: Decibels = Decibels(-3.0);

/// Frames summed at once.
const BLOCK: usize = 64;

/// Unity for songs that stay below -3 dBFS, else what brings their peaks there. Allocates.
pub fn default_trim(song: &Arc<Song>) -> Gain {
    let mut player = SongPlayer::new(Arc::clone(song), RATE);
    player.set_interpolation(Interpolation::None);
    let (mut peak, mut frames_due) = (0.0f32, 0.0);
    for _ in 0..MOST_TICKS {
        player.tick();
        if player.finished() {
            break;
        }
        frames_due += player.tick_seconds() * RATE.0;
        while frames_due >= 1.0 {
            let frames = (frames_due as usize).min(BLOCK);
            peak = peak.max(player.peak(frames));
            frames_due -= frames as f64;
        }
    }
    let ceiling = Gain::from(CEILING).0;
    if peak > ceiling { Gain(ceiling / peak) } else { Gain::UNITY }
}

impl SongPlayer {
    /// Renders at most `BLOCK` frames of all channels into one mix and gives its greatest magnitude.
    fn peak(&mut self, frames: usize) -> f32 {
        let mut mix = [[0.0; BLOCK]; 2];
        let [left, right] = &mut mix;
        let (left, right) = (&mut left[..frames], &mut right[..frames]); // the caller keeps to BLOCK
        for voice in self.channels.iter_mut().chain(&mut self.background) {
            voice.add_to_planes(left, right);
        }
        left.iter().chain(&*right).fold(0.0, |peak, sample| peak.max(sample.abs()))
    }
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
