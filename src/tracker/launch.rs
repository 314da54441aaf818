//! One pattern played by itself, whole or one channel of it: what a launched note sounds.
//!
//! In: a pattern's place in the song, and calls of `tick`. Out: the song's channels, each on its own outlet. Made on a
//! worker, run on the audio thread. It does not know when ticks happen nor when a pattern is to start or stop. What leads
//! out of the pattern (its end, breaks, order jumps) leads to its start, at the row that a break names.

use super::gain::Ramping;
use super::mix::Tone;
use super::panorama::Separation;
use super::player::Position;
use super::player::SongPlayer;
use super::song::Song;
use super::timeline::Timeline;
use crate::audio::Outlets;
use crate::audio::RenderContext;
use crate::dsp::Level;
use crate::sample::Interpolation;
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

    /// Voices that are heard or die away.
    pub(crate) fn sounding(&self) -> usize {
        self.player.sounding()
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

    /// Width of the song, from the next tick on.
    pub fn set_separation(&mut self, separation: Separation) {
        self.player.set_separation(separation);
    }

    /// See [`SongPlayer::set_shift`].
    pub fn set_shift(&mut self, channel: usize, shift: f32) {
        self.player.set_shift(channel, shift);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::Feed;
    use crate::tracker::fixture;
    use crate::tracker::song::Cell;
    use crate::tracker::song::Format;
    use crate::tracker::song::Order;
    use crate::tracker::song::PitchModel;

    const RATE: SampleRate = SampleRate(48_000.0);

    /// Two orders with a pattern each of 8 rows; the second pattern's cells are given by row and channel.
    fn song(format: Format, cells: &[(usize, usize, Cell)]) -> Song {
        let mut song = fixture::song(format, PitchModel::Linear);
        song.patterns[0] = crate::tracker::song::Pattern { cells: vec![Cell::default(); 16], rows: 8 };
        song.patterns.push(song.patterns[0].clone());
        song.orders = vec![Order::Pattern(0), Order::Pattern(1)];
        for &(row, channel, cell) in cells {
            song.patterns[1].cells[row * 2 + channel] = cell;
        }
        song
    }

    fn effect(effect: u8, parameter: u8) -> Cell {
        Cell { effect, parameter, ..Cell::default() }
    }

    fn started(song: Song, pattern: u16, channel: Option<usize>) -> PatternPlayer {
        let song = Arc::new(song);
        let places = PatternPlaces::new(&song, &Timeline::build(&song));
        let mut player = PatternPlayer::new(song, RATE);
        player.start(places.get(pattern).unwrap(), channel, Gain::UNITY);
        player
    }

    /// The rows of so many ticks, each named once where it begins, with `true` where the pattern ended before it.
    fn rows(player: &mut PatternPlayer, ticks: usize) -> Vec<(u16, bool)> {
        let mut rows = Vec::new();
        for _ in 0..ticks {
            let end = player.at_end();
            player.tick();
            let place = player.position();
            assert_eq!(place.pattern, 1);
            if place.tick == 0 {
                rows.push((place.row, end));
            }
        }
        rows
    }

    /// Left of each channel over one tick.
    fn heard(player: &mut PatternPlayer) -> [f32; 2] {
        player.tick();
        let mut feeds = [Feed::new(2), Feed::new(2)];
        feeds.iter_mut().for_each(|feed| feed.begin(256));
        let mut ctx = RenderContext::new(0, crate::audio::Activity::Silent);
        player.render(&mut ctx, &mut Outlets::new(&mut feeds, &[]), &(0..256));
        feeds.each_ref().map(|feed| match feed.activity() {
            crate::audio::Activity::Silent => 0.0,
            crate::audio::Activity::Sounding => feed.block().channel(0)[250].abs(),
        })
    }

    #[test]
    fn a_pattern_plays_over_and_over_and_says_where_it_ends() {
        for format in [Format::Mod, Format::S3m, Format::Xm, Format::It] {
            let mut player = started(song(format, &[]), 1, None);
            let rows = rows(&mut player, 17 * 6);
            let expected: Vec<_> = (0..17u16).map(|n| (n % 8, n > 0 && n.is_multiple_of(8))).collect();
            assert_eq!(rows, expected, "{format:?}");
        }
    }

    #[test]
    fn breaks_and_order_jumps_lead_to_the_patterns_own_rows() {
        // Breaks and jumps in the numbers of each format.
        for (format, jump, to_row) in [(Format::Xm, 0x0B, 0x0D), (Format::It, 2, 3)] {
            let cells = [(3, 0, effect(jump, 0))];
            let rows_of = |cells: &[_]| rows(&mut started(song(format, cells), 1, None), 6 * 6);
            let looped = [(0, false), (1, false), (2, false), (3, false)];
            assert_eq!(rows_of(&cells), [&looped[..], &[(0, true), (1, false)]].concat(), "{format:?}");
            let cells = [(3, 1, effect(to_row, 6))];
            let broken = [&looped[..], &[(6, true), (7, false)]].concat();
            assert_eq!(rows_of(&cells), broken, "{format:?}");
            let cells = [(3, 0, effect(jump, 0)), (3, 1, effect(to_row, 6))];
            assert_eq!(rows_of(&cells), broken, "{format:?}");
        }
    }

    #[test]
    fn pattern_loops_and_delays_do_not_end_a_pattern() {
        let cells = [(1, 0, effect(0x0E, 0x60)), (2, 0, effect(0x0E, 0x61)), (4, 0, effect(0x0E, 0xE1))];
        let rows = rows(&mut started(song(Format::Mod, &cells), 1, None), 12 * 6);
        let order: Vec<u16> = rows.iter().map(|row| row.0).collect();
        assert_eq!(order, [0, 1, 2, 1, 2, 3, 4, 5, 6, 7, 0]); // row 4 twice as long
        assert_eq!(rows.iter().position(|row| row.1), Some(10));
    }

    #[test]
    fn a_pattern_begins_at_the_speed_and_tempo_of_its_first_place() {
        let mut song = song(Format::Xm, &[]);
        song.patterns[0].cells[4] = effect(0x0F, 3);
        song.patterns[0].cells[5] = effect(0x0F, 150);
        song.patterns.push(song.patterns[0].clone());
        let mut player = started(song, 1, None);
        assert_eq!(rows(&mut player, 4), [(0, false), (1, false)]);
        assert_eq!(player.tick_seconds(), 2.5 / 150.0);
    }

    #[test]
    fn a_pattern_outside_the_order_list_begins_as_the_song_does() {
        let mut song = song(Format::Xm, &[]);
        song.orders = vec![Order::Pattern(0)];
        let mut player = started(song, 1, None);
        assert_eq!(rows(&mut player, 7), [(0, false), (1, false)]);
    }

    #[test]
    fn only_the_named_channel_is_heard_and_the_others_still_set_the_pace() {
        let cells = |first: u8| {
            [
                (0, 0, fixture::note(60, first, 3)),
                (0, 1, fixture::note(60, 0, 0)),
                (1, 0, fixture::note(64, 0, 0)),
            ]
        };
        for (format, speed) in [(Format::Mod, 0x0F), (Format::S3m, 1), (Format::Xm, 0x0F), (Format::It, 1)] {
            let mut player = started(song(format, &cells(speed)), 1, Some(1));
            let [first, second] = heard(&mut player);
            assert!(first == 0.0 && second > 0.01, "{format:?}: {first} {second}");
            assert_eq!(rows(&mut player, 3), [(1, false)], "{format:?}");
            let [first, second] = heard(&mut started(song(format, &cells(speed)), 1, None));
            assert!(first > 0.01 && second > 0.01, "{format:?}: {first} {second}");
        }
    }

    /// Both sides of one channel of a real song's pattern, or of all its channels, over some hundred ticks.
    fn channels_of_demo(pattern: u16, only: Option<usize>) -> Vec<Vec<f32>> {
        let song = Arc::new(crate::tracker::load::load(include_bytes!("../rack/demo.it")).unwrap());
        let channels = song.channels.len();
        let places = PatternPlaces::new(&song, &Timeline::build(&song));
        let mut player = PatternPlayer::new(song, RATE);
        player.start(places.get(pattern).unwrap(), only, Gain::UNITY);
        let mut feeds = vec![Feed::new(2); channels];
        let mut heard = vec![Vec::new(); channels];
        for _ in 0..400 {
            player.tick();
            feeds.iter_mut().for_each(|feed| feed.begin(256));
            let mut ctx = RenderContext::new(0, crate::audio::Activity::Silent);
            player.render(&mut ctx, &mut Outlets::new(&mut feeds, &[]), &(0..256));
            for (feed, heard) in feeds.iter_mut().zip(&mut heard) {
                let (left, right) = feed.open(0..256);
                heard.extend_from_slice(left);
                heard.extend_from_slice(right);
            }
        }
        heard
    }

    #[test]
    fn a_channel_alone_sounds_bit_for_bit_as_in_its_pattern() {
        let mut heard = 0;
        for pattern in [0, 1] {
            let whole = channels_of_demo(pattern, None);
            for channel in 0..whole.len() {
                let alone = channels_of_demo(pattern, Some(channel));
                assert!(alone[channel] == whole[channel], "pattern {pattern} channel {channel}");
                let others = alone.iter().enumerate().filter(|(other, _)| *other != channel);
                assert!(others.flat_map(|(_, samples)| samples).all(|sample| *sample == 0.0));
                heard += usize::from(alone[channel].iter().any(|sample| sample.abs() > 0.01));
            }
        }
        assert!(heard >= 8, "{heard} channels sound");
    }

    #[test]
    fn a_new_start_leaves_nothing_of_the_old_one() {
        let cells = [
            (0, 0, fixture::note(60, 0x0F, 3)),
            (0, 1, fixture::note(72, 0x10, 0x20)), // global volume
            (2, 1, fixture::note(50, 0x0C, 0x10)),
        ];
        let fresh = |player: &mut PatternPlayer| (0..40).map(|_| heard(player)).collect::<Vec<_>>();
        let mut player = started(song(Format::Xm, &cells), 1, Some(0));
        let place = player.position();
        let place = Position { pattern: 1, order: 1, speed: 6, tempo: 125, ..place };
        let mut again = |channel| {
            player.reset();
            player.start(place, channel, Gain::UNITY);
            fresh(&mut player)
        };
        let (whole, first) = (again(None), again(Some(0)));
        assert!(whole == again(None) && first == again(Some(0)) && whole != first);
        assert!(whole == fresh(&mut started(song(Format::Xm, &cells), 1, None)));
    }
}
