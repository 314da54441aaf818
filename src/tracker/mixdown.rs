//! A song on its own: ticks on the module's own tempo, every voice added to one pair of planes.
//!
//! In: a `SongPlayer`. Out: stereo frames, in calls of any length. What measures a song (its trim, benches, spectra,
//! fuzzers) listens through this; hosts hear songs through the engine, where each channel has an output of its own.
//! Real-time, apart from `new`.

use super::SongPlayer;
use crate::units::SampleRate;

/// Plays a song and mixes it to stereo.
pub struct Mixdown {
    player: SongPlayer,
    rate: SampleRate,
    /// Frames of the tick under way that are still to come, with the fraction that carries over.
    due: f64,
}

impl Mixdown {
    /// Takes over `player` where it stands; `rate` is the one that it was made for.
    pub fn new(player: SongPlayer, rate: SampleRate) -> Self {
        Self { player, rate, due: 0.0 }
    }

    /// What plays, to set tone, interpolation and trim.
    pub fn player_mut(&mut self) -> &mut SongPlayer {
        &mut self.player
    }

    /// Whether the song has come round once, or has nothing left to play.
    pub fn finished(&self) -> bool {
        self.player.finished()
    }

    /// Overwrites both planes, which have the same length, with the next frames.
    pub fn render(&mut self, left: &mut [f32], right: &mut [f32]) {
        left.fill(0.0);
        right.fill(0.0);
        let mut done = 0;
        while done < left.len() {
            while self.due < 1.0 {
                self.player.tick();
                self.due += self.player.tick_seconds() * self.rate.0;
            }
            let frames = (self.due as usize).min(left.len() - done);
            let (Some(left), Some(right)) =
                (left.get_mut(done..done + frames), right.get_mut(done..done + frames))
            else {
                return;
            };
            self.player.add_mix(left, right);
            self.due -= frames as f64;
            done += frames;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tracker::fixture;
    use crate::tracker::song::Format;
    use crate::tracker::song::PitchModel;
    use std::sync::Arc;

    const RATE: SampleRate = SampleRate(44_100.0);

    fn rendered(block: usize) -> Vec<f32> {
        let mut song = fixture::song(Format::It, PitchModel::Linear);
        song.patterns[0].cells[0] = fixture::note(60, 0, 0);
        let mut mix = Mixdown::new(SongPlayer::new(Arc::new(song), RATE), RATE);
        let (mut left, mut right) = (vec![1.0; 10_000], vec![1.0; 10_000]);
        for (left, right) in left.chunks_mut(block).zip(right.chunks_mut(block)) {
            mix.render(left, right);
        }
        left.extend(right);
        left
    }

    #[test]
    fn a_mixdown_does_not_depend_on_how_calls_are_cut() {
        let whole = rendered(10_000);
        assert!(whole.iter().any(|sample| sample.abs() > 0.01));
        for block in [1, 7, 512, 881] {
            assert!(rendered(block) == whole, "calls of {block}");
        }
    }
}
