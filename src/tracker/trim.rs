//! How much a song is turned down so that it does not clip.
//!
//! In: a song. Out: a gain, found by rendering it roughly, up to its sixth minute. Made on the worker when a song is
//! loaded; it is where the song's trim starts, and nothing changes it afterwards.

use super::Interpolation;
use super::SongPlayer;
use super::loudness::Peaks;
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

/// Frames for which AdLib's chips run, which take their time at any rate: 45 s of what is loud throughout.
const MOST_ADLIB_FRAMES: usize = 45 * 8000;

/// Six minutes.
const MOST_FRAMES: usize = 6 * 60 * 8000;

/// What rounding may add to a sum.
const ROUNDING: f32 = 1.0001;

/// Unity for songs that stay below -3 dBFS, else what brings their peaks there. Allocates.
pub fn default_trim(song: &Arc<Song>) -> Gain {
    let mut player = SongPlayer::new(Arc::clone(song), RATE);
    player.set_interpolation(Interpolation::None);
    let peaks = Peaks::of(song);
    let ceiling = Gain::from(CEILING).0;
    let mut peak = ceiling;
    let (mut done, mut due) = (0, 0.0);
    while done < MOST_FRAMES {
        player.tick();
        if player.finished() {
            break;
        }
        due += player.tick_seconds() * RATE.0;
        let frames = due as usize;
        due -= frames as f64;
        if done < MOST_ADLIB_FRAMES && done + frames >= MOST_ADLIB_FRAMES {
            player.chips.clear();
        }
        // Most of a song cannot be its loudest place.
        match player.bound(frames, &peaks) {
            Some(bound) if bound * ROUNDING <= peak => player.skip(frames),
            Some(_) | None => peak = peak.max(rendered_peak(&mut player, frames)),
        }
        done += frames;
    }
    if peak > ceiling { Gain(ceiling / peak) } else { Gain::UNITY }
}

/// The loudest sample of the next frames, all inside the tick that has begun.
fn rendered_peak(player: &mut SongPlayer, frames: usize) -> f32 {
    let mut planes = [[0.0f32; BLOCK]; 2];
    let mut peak = 0.0f32;
    for done in (0..frames).step_by(BLOCK) {
        let count = BLOCK.min(frames - done);
        let [left, right] = planes.each_mut().map(|plane| &mut plane[..count]); // no more than a block
        left.fill(0.0);
        right.fill(0.0);
        player.add_mix(left, right);
        peak = left.iter().chain(&*right).fold(peak, |peak, sample| peak.max(sample.abs()));
    }
    peak
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
