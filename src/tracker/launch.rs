//! One pattern played by itself, whole or one channel of it: what a launched note sounds.
//!
//! In: a pattern's place in the song, and calls of `tick`. Out: the song's channels, each on its own outlet. Made on a
//! worker, run on the audio thread. It does not know when ticks happen nor when a pattern is to start or stop. What leads
//! out of the pattern (its end, breaks, order jumps) leads to its start, at the row that a break names.

use super::gain::Ramping;
use super::mix::Interpolation;
use super::mix::Tone;
use super::player::Position;
use super::player::SongPlayer;
use super::song::Song;
use super::timeline::Timeline;
use crate::audio::Outlets;
use crate::audio::RenderContext;
use crate::dsp::Level;
use crate::units::Gain;
use crate::units::SampleRate;
use std::ops::Range;
use std::sync::Arc;

/// Seconds in which a pattern that is stopped or replaced fades out.
const FADE_SECONDS: f64 = 0.003;

/// Where each pattern of a song is played first, and at which speed and tempo.
pub struct PatternPlaces(Box<[Position]>);

impl PatternPlaces {
    /// The places in `timeline`; patterns that it never plays have the first order and the song's own speed and tempo.
    /// Allocates.
    pub fn new(song: &Song, timeline: &Timeline) -> Self {
        let unplayed = |pattern| Position {
            pattern,
            speed: song.initial_speed.max(1).into(),
            tempo: song.initial_tempo.max(31).into(),
            ..Position::default()
        };
        let mut places: Box<[Position]> = (0..song.patterns.len()).map(|n| unplayed(n as u16)).collect();
        for tick in timeline.ticks().iter().rev() {
            if let Some(place) = places.get_mut(usize::from(tick.pattern)) {
                *place = *tick; // the first one is the last to stay
            }
        }
        Self(places)
    }

    /// Where `pattern` is played first; `None` for a pattern that the song lacks.
    pub fn get(&self, pattern: u16) -> Option<Position> {
        self.0.get(usize::from(pattern)).copied()
    }
}

/// Plays one pattern at a time: see the module's description.
pub struct PatternPlayer {
    player: SongPlayer,
    fade_frames: u32,
}

impl PatternPlayer {
    /// A player with nothing sounding. Allocates all that it will ever need.
    pub fn new(song: Arc<Song>, rate: SampleRate) -> Self {
        Self {
            player: SongPlayer::for_patterns(song, rate),
            fade_frames: rate.frames_in(FADE_SECONDS) as u32,
        }
    }

    /// The next tick begins the pattern of `place` at its first row, at the place's speed and tempo; what sounded fades
    /// out under it. Where a song channel is named only that is heard, though the others' effects on speed, tempo and
    /// rows count. Real-time: yes, like all that follows.
    pub fn start(&mut self, place: Position, channel: Option<usize>, level: Gain) {
        self.player.enter_pattern(place, channel, self.fade_frames);
        self.player.set_trim(level);
    }

    /// What sounds fades out.
    pub fn stop(&mut self) {
        self.player.fade_out(self.fade_frames);
    }

    /// Begins the next tick.
    pub fn tick(&mut self) {
        self.player.tick();
    }

    /// Length of the tick that has begun, by the module's own tempo.
    pub fn tick_seconds(&self) -> f64 {
        self.player.tick_seconds()
    }

    /// Whether the tick that comes next begins the pattern anew.
    pub fn at_end(&self) -> bool {
        self.player.at_pattern_end()
    }

    /// Where the tick that has begun is.
    pub fn position(&self) -> Position {
        self.player.position()
    }

    /// Whether anything is left to hear, a fading end too.
    pub fn has_sound(&self) -> bool {
        self.player.has_sound()
    }

    /// Back to the state of a new player with the same settings.
    pub fn reset(&mut self) {
        self.player.reset();
        self.player.clear();
    }

    /// How levels and samples are computed.
    pub fn set_tone(&mut self, tone: Tone) {
        self.player.set_tone(tone);
    }

    /// Which instruction set the kernels use; the best of this machine before.
    pub fn set_level(&mut self, level: Level) {
        self.player.set_level(level);
    }

    /// How gains move, from the next tick on.
    pub fn set_ramping(&mut self, ramping: Ramping) {
        self.player.set_ramping(ramping);
    }

    /// What is read between two frames.
    pub fn set_interpolation(&mut self, interpolation: Interpolation) {
        self.player.set_interpolation(interpolation);
    }

    /// Renders the frames of `range` of a block, all inside the tick that has begun; each song channel is an outlet.
    pub fn render(&mut self, ctx: &mut RenderContext<'_>, outlets: &mut Outlets<'_>, range: &Range<usize>) {
        self.player.render(ctx, outlets, range);
    }
}
