//! What a song's channels play, as MIDI: one note at a time on each, its bend and its volume.
//!
//! In: a `SongPlayer` after each of its ticks. Out: messages, handed to whoever sends or writes them. Any thread; on the audio
//! thread nothing is allocated but by `new`. Everything follows from the player's state at its ticks, so a player that has jumped,
//! or another one, is taken up where it stands: what sounds there begins, what does not ends.
//!
//! Song channel n speaks on MIDI channel n, and past the last one from the first again. Where two share a MIDI channel,
//! bend and volume are those of the one that struck last, and a key that both hold is begun anew. Notes that a new note action
//! leaves in the background are released.

use super::player::SongPlayer;
use super::player::Stamp;
use super::state::FULL_VOLUME;
use super::state::Voice;

/// Semitones to each side that a bend reaches; receivers are told by registered parameter 0.
pub const BEND_RANGE: u8 = 48;

/// A bend that leaves the pitch alone, of 14 bits.
pub const NO_BEND: u16 = 8192;

/// Song channels at most.
const LANES: usize = 64;

/// The softest velocity: volume can only take away from it, and slides from silence are to be heard.
const LEAST_VELOCITY: u8 = 32;

/// Full level of a voice: 14 bits.
const FULL_LEVEL: f32 = 16_384.0;

/// Expression: the volume of a note within that of its channel.
const VOLUME: u8 = 11;

/// Registered parameter 0 at `BEND_RANGE`, and then none, so that nothing else moves it.
const TELL_RANGE: [(u8, u8); 6] = [(101, 0), (100, 0), (6, BEND_RANGE), (38, 0), (101, 127), (100, 127)];

/// A message; channels count from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs)]
pub enum NoteMessage {
    /// Velocity 1..=127.
    On {
        channel: u8,
        key: u8,
        velocity: u8,
    },
    Off {
        channel: u8,
        key: u8,
    },
    /// 14 bits around `NO_BEND`, of `BEND_RANGE`.
    Bend {
        channel: u8,
        steps: u16,
    },
    Controller {
        channel: u8,
        number: u8,
        value: u8,
    },
}

impl NoteMessage {
    /// MIDI channel, from 0.
    pub fn channel(self) -> u8 {
        match self {
            Self::On { channel, .. }
            | Self::Off { channel, .. }
            | Self::Bend { channel, .. }
            | Self::Controller { channel, .. } => channel,
        }
    }
}

/// A note that has been sent.
#[derive(Clone, Copy, Debug)]
struct Held {
    key: u8,
    velocity: u8,
    /// Step of the bare key, in the player's units.
    step: f64,
    /// Another song channel has begun the same key on the same MIDI channel since: it ends there.
    taken: bool,
}

/// One song channel.
#[derive(Clone, Copy, Debug, Default)]
struct Lane {
    held: Option<Held>,
    /// How often the channel had been struck when it was last looked at.
    strikes: u32,
}

/// One MIDI channel, as its receiver knows it.
#[derive(Clone, Copy, Debug)]
struct Strip {
    /// Knows how far bends reach.
    told: bool,
    /// Lane that struck last.
    owner: usize,
    bend: u16,
    volume: u8,
}

const FRESH: Strip = Strip { told: false, owner: 0, bend: NO_BEND, volume: 127 };

/// Where messages go, one call each.
type Send<'a> = &'a mut dyn FnMut(NoteMessage);

/// Follows a song's channels: see the module's description.
#[derive(Debug)]
pub struct ChannelNotes {
    lanes: Vec<Lane>,
    strips: Vec<Strip>,
    /// What was looked at last.
    seen: Option<Stamp>,
    /// It is looked at again, though no tick has passed: a channel begins anew.
    again: bool,
}

impl ChannelNotes {
    /// For a receiver of so many MIDI channels, at least 1. Allocates.
    pub fn new(midi_channels: u8) -> Self {
        Self {
            lanes: vec![Lane::default(); LANES],
            strips: vec![FRESH; usize::from(midi_channels.max(1))],
            seen: None,
            again: false,
        }
    }

    /// Sends what has changed since the last call, if a tick or a key has passed since. Real-time: yes.
    pub fn follow(&mut self, player: &SongPlayer, send: Send<'_>) {
        let stamp = player.stamp();
        let again = std::mem::replace(&mut self.again, false);
        match self.seen {
            Some(seen) if seen == stamp && !again => return,
            Some(seen) if !stamp.follows(&seen) => self.release(send),
            _ => {}
        }
        self.seen = Some(stamp);
        // What ends, ends first: its key may begin anew on the same MIDI channel.
        for lane in 0..self.lanes.len() {
            let ends = player.channels.get(lane).is_none_or(|voice| !goes_on(voice, &self.lanes[lane]));
            if ends {
                self.end(lane, send);
            }
        }
        for (lane, voice) in player.channels.iter().enumerate().take(LANES) {
            if !sounds(voice) {
                self.lanes[lane].strikes = voice.strikes;
            } else if self.lanes[lane].held.is_none() {
                self.begin(lane, voice, player, send);
            } else {
                self.move_on(lane, voice, player, send);
            }
        }
    }

    /// Ends every note. Real-time: yes.
    pub fn release(&mut self, send: Send<'_>) {
        (0..self.lanes.len()).for_each(|lane| self.end(lane, send));
        self.seen = None;
    }

    /// Ends what a song channel plays, which shares its MIDI channel with none, and begins it anew: its receiver is another one,
    /// of which nothing is known. Real-time: yes.
    pub(crate) fn forget_lane(&mut self, lane: usize, send: Send<'_>) {
        if lane >= self.lanes.len() {
            return;
        }
        self.end(lane, send);
        self.lanes[lane] = Lane::default();
        let strip = self.strip_of(lane);
        self.strips[strip] = FRESH;
        self.again = true;
    }

    /// Knows of no note and no bend any more, and sends nothing. Real-time: yes.
    pub(crate) fn forget(&mut self) {
        self.lanes.fill(Lane::default());
        self.strips.fill(FRESH);
        self.seen = None;
    }

    /// Ends every note and leaves each MIDI channel as it was found. Real-time: yes.
    pub fn finish(&mut self, send: Send<'_>) {
        self.release(send);
        for (channel, strip) in (0..).zip(&mut self.strips) {
            let left = std::mem::replace(strip, FRESH);
            if left.bend != FRESH.bend {
                send(NoteMessage::Bend { channel, steps: FRESH.bend });
            }
            if left.volume != FRESH.volume {
                send(NoteMessage::Controller { channel, number: VOLUME, value: FRESH.volume });
            }
        }
    }

    fn strip_of(&self, lane: usize) -> usize {
        lane % self.strips.len() // never empty
    }

    fn end(&mut self, lane: usize, send: Send<'_>) {
        let channel = self.strip_of(lane) as u8; // of at most 255
        if let Some(held) = self.lanes[lane].held.take()
            && !held.taken
        {
            send(NoteMessage::Off { channel, key: held.key });
        }
    }

    fn begin(&mut self, lane: usize, voice: &Voice, player: &SongPlayer, send: Send<'_>) {
        let strip = self.strip_of(lane);
        let channel = strip as u8; // as in `end`
        let key = voice.struck.key.clamp(0, 127) as u8;
        self.take(lane, key, send);
        let velocity = velocity(voice, player);
        let held = Held { key, velocity, step: player.step_of_key(voice), taken: false };
        self.lanes[lane] = Lane { held: Some(held), strikes: voice.strikes };
        self.strips[strip].owner = lane;
        if !std::mem::replace(&mut self.strips[strip].told, true) {
            let tell = |(number, value)| send(NoteMessage::Controller { channel, number, value });
            TELL_RANGE.into_iter().for_each(tell);
        }
        self.move_on(lane, voice, player, send);
        send(NoteMessage::On { channel, key, velocity });
    }

    /// Ends `key` where another lane holds it on the same MIDI channel.
    fn take(&mut self, lane: usize, key: u8, send: Send<'_>) {
        let strip = self.strip_of(lane);
        for other in (strip..self.lanes.len()).step_by(self.strips.len()) {
            if let Some(held) = &mut self.lanes[other].held
                && held.key == key
                && !std::mem::replace(&mut held.taken, true)
            {
                send(NoteMessage::Off { channel: strip as u8, key }); // as in `end`
            }
        }
    }

    /// Bend and volume of a note that sounds, where they have changed.
    fn move_on(&mut self, lane: usize, voice: &Voice, player: &SongPlayer, send: Send<'_>) {
        let strip_index = self.strip_of(lane);
        let (Some(held), Some(strip)) = (self.lanes[lane].held, self.strips.get_mut(strip_index)) else {
            return;
        };
        if strip.owner != lane {
            return;
        }
        let channel = strip_index as u8; // as in `end`
        let steps = bend(voice, held.step);
        if std::mem::replace(&mut strip.bend, steps) != steps {
            send(NoteMessage::Bend { channel, steps });
        }
        let value = volume(voice, player, held.velocity);
        if std::mem::replace(&mut strip.volume, value) != value {
            send(NoteMessage::Controller { channel, number: VOLUME, value });
        }
    }
}

/// Whether a key is down that can be heard. A volume of 0 is a note's end, be it by a cut; a volume that comes back begins it anew.
fn sounds(voice: &Voice) -> bool {
    let faded = voice.fading && voice.fade == 0;
    voice.sound.sounding() && !voice.key_off && !faded && !voice.muted && voice.volume > 0
}

fn goes_on(voice: &Voice, lane: &Lane) -> bool {
    let same = |held: &Held| i32::from(held.key) == voice.struck.key.clamp(0, 127);
    sounds(voice) && voice.strikes == lane.strikes && lane.held.as_ref().is_some_and(same)
}

/// The note's own volume, without what moves it.
fn velocity(voice: &Voice, player: &SongPlayer) -> u8 {
    let factor = |value: i32, full: i32| value.clamp(0, full) as f32 / full as f32;
    let level = factor(voice.volume, FULL_VOLUME)
        * factor(voice.channel_volume, 64)
        * factor(voice.instrument_volume, 64)
        * factor(player.global_volume(), 256);
    seven_bits(level).max(LEAST_VELOCITY)
}

/// What is left of the velocity's level: envelopes, fade-outs, slides and tremolo.
fn volume(voice: &Voice, player: &SongPlayer, velocity: u8) -> u8 {
    let level = voice.level as f32 / FULL_LEVEL * player.global_volume() as f32 / 256.0;
    seven_bits(level * 127.0 / f32::from(velocity.max(1)))
}

fn seven_bits(share: f32) -> u8 {
    libm::roundf(share * 127.0).clamp(0.0, 127.0) as u8
}

/// How far the voice's pitch is from that of its bare key.
fn bend(voice: &Voice, step_of_key: f64) -> u16 {
    let ratio = voice.sound.step_q32 as f64 / step_of_key;
    if ratio <= 0.0 || !ratio.is_finite() {
        return NO_BEND;
    }
    let range = f64::from(BEND_RANGE) / 12.0;
    let steps = f64::from(NO_BEND) * (1.0 + libm::log2(ratio) / range);
    libm::round(steps).clamp(0.0, 16_383.0) as u16
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tracker::fixture;
    use crate::tracker::song::Cell;
    use crate::tracker::song::Format;
    use crate::tracker::song::Note;
    use crate::tracker::song::PitchModel;
    use crate::tracker::song::Song;
    use crate::units::SampleRate;
    use std::collections::HashSet;
    use std::sync::Arc;

    const RATE: SampleRate = SampleRate(48_000.0);

    /// What each tick sends, without what only tells the bend's range.
    fn sent(song: Song, ticks: usize) -> Vec<Vec<NoteMessage>> {
        let mut player = SongPlayer::new(Arc::new(song), RATE);
        let mut notes = ChannelNotes::new(16);
        let tick = |_| {
            let mut messages = Vec::new();
            player.tick();
            notes.follow(&player, &mut |message| messages.push(message));
            player.skip((player.tick_seconds() * RATE.0) as usize);
            messages.retain(|message| !is_range(message));
            messages
        };
        (0..ticks).map(tick).collect()
    }

    fn is_range(message: &NoteMessage) -> bool {
        matches!(message, NoteMessage::Controller { number, .. } if *number != VOLUME)
    }

    /// The ticks on which notes begin (`true`) and end, with their keys.
    fn edges(song: Song, ticks: usize) -> Vec<(usize, bool, u8)> {
        let edge = |(tick, message): (usize, NoteMessage)| match message {
            NoteMessage::On { key, .. } => Some((tick, true, key)),
            NoteMessage::Off { key, .. } => Some((tick, false, key)),
            NoteMessage::Bend { .. } | NoteMessage::Controller { .. } => None,
        };
        let ticks = sent(song, ticks).into_iter().enumerate();
        ticks
            .flat_map(|(tick, messages)| messages.into_iter().map(move |m| (tick, m)))
            .filter_map(edge)
            .collect()
    }

    fn song(format: Format, cells: &[(usize, Cell)]) -> Song {
        let pitch = if format == Format::Mod { PitchModel::Periods } else { PitchModel::Linear };
        let mut song = fixture::song(format, pitch);
        cells.iter().for_each(|&(row, cell)| fixture::put(&mut song, row, cell));
        song
    }

    fn plain(note: Note) -> Cell {
        Cell { note, ..Cell::default() }
    }

    #[test]
    fn a_note_ends_where_the_next_one_on_its_channel_begins() {
        let cells = [(1, fixture::note(60, 0, 0)), (3, fixture::note(67, 0, 0))];
        for format in [Format::Mod, Format::S3m, Format::Xm, Format::It] {
            let expected = [(6, true, 60), (18, false, 60), (18, true, 67)];
            assert_eq!(edges(song(format, &cells), 30), expected, "{format}");
        }
    }

    #[test]
    fn cuts_releases_and_silence_end_notes() {
        let on = fixture::note(60, 0, 0);
        let effect = |effect, parameter| Cell { effect, parameter, ..Cell::default() };
        for (what, format, cell, end) in [
            ("^^^", Format::S3m, plain(Note::Cut), 12),
            ("===", Format::It, plain(Note::Off), 12),
            ("key off without envelope", Format::Xm, plain(Note::Off), 12),
            ("EC2", Format::Mod, effect(14, 0xC2), 14),
            ("SC2", Format::It, effect(19, 0xC2), 14),
            ("C00", Format::Mod, effect(12, 0), 12),
        ] {
            let edges = edges(song(format, &[(0, on), (2, cell)]), 30);
            assert_eq!(edges, [(0, true, 60), (end, false, 60)], "{what}");
        }
    }

    #[test]
    fn a_recording_that_ends_ends_its_note() {
        let mut song = song(Format::It, &[(0, fixture::note(60, 0, 0))]);
        song.samples[0] = fixture::sample(8363 / 10); // 0.1 s are 5 ticks
        song.samples[0].sample_loop = None;
        assert_eq!(edges(song, 30), [(0, true, 60), (5, false, 60)]);
    }

    #[test]
    fn a_volume_that_comes_back_begins_the_note_anew() {
        let volume = |parameter| Cell { effect: 12, parameter, ..Cell::default() };
        let song = song(Format::Mod, &[(0, fixture::note(60, 0, 0)), (1, volume(0)), (2, volume(32))]);
        assert_eq!(edges(song, 18), [(0, true, 60), (6, false, 60), (12, true, 60)]);
    }

    #[test]
    fn a_retrigger_is_a_note_each_time() {
        let song = song(Format::Mod, &[(0, fixture::note(60, 14, 0x92))]);
        let begins: Vec<usize> = edges(song, 6).iter().filter(|edge| edge.1).map(|edge| edge.0).collect();
        assert_eq!(begins, [0, 2, 4]);
    }

    #[test]
    fn a_slide_to_a_note_bends_there_and_strikes_nothing() {
        let slide = Cell { note: Note::Key(67), instrument: 1, volume: None, effect: 7, parameter: 0xFF };
        let ticks = sent(song(Format::It, &[(0, fixture::note(60, 0, 0)), (1, slide)]), 12);
        let bends: Vec<u16> = ticks
            .iter()
            .flatten()
            .filter_map(|message| match message {
                NoteMessage::Bend { steps, .. } => Some(*steps),
                _ => None,
            })
            .collect();
        assert!(bends.is_sorted(), "{bends:?}");
        let fifth = f64::from(NO_BEND) * (1.0 + 7.0 / f64::from(BEND_RANGE));
        // A cent is 1.7 steps.
        assert!((f64::from(*bends.last().unwrap()) - fifth).abs() < 2.0, "{bends:?}, not {fifth}");
        let struck =
            ticks.iter().flatten().filter(|message| matches!(message, NoteMessage::On { .. })).count();
        assert_eq!(struck, 1);
    }

    #[test]
    fn velocity_is_the_notes_volume_and_slides_move_the_channels() {
        let mut half = fixture::note(60, 4, 4); // D04: slides down by 4
        half.volume = Some(48);
        let ticks = sent(song(Format::It, &[(0, half)]), 6);
        assert_eq!(ticks[0], [NoteMessage::On { channel: 0, key: 60, velocity: 95 }]);
        for (tick, messages) in ticks.iter().enumerate().skip(1) {
            let value = (127.0 * (48.0 - 4.0 * tick as f32) / 48.0).round() as u8;
            let [NoteMessage::Controller { channel: 0, number: VOLUME, value: sent }] = messages[..] else {
                panic!("tick {tick}: {messages:?}")
            };
            assert!(sent.abs_diff(value) <= 1, "tick {tick}: {sent}, not {value}");
        }
    }

    #[test]
    fn song_channels_past_the_sixteenth_share_midi_channels_without_cutting_each_other() {
        let mut song = fixture::song(Format::It, PitchModel::Linear);
        song.channels = vec![song.channels[0].clone(); 20];
        song.patterns[0].cells = vec![Cell::default(); 20 * 64];
        let mut put = |row: usize, channel: usize, cell| song.patterns[0].cells[row * 20 + channel] = cell;
        put(0, 2, fixture::note(60, 0, 0));
        put(1, 18, fixture::note(60, 0, 0)); // takes the key
        put(2, 2, plain(Note::Off)); // has lost it
        put(3, 18, plain(Note::Off));
        assert_eq!(edges(song, 30), [(0, true, 60), (6, false, 60), (6, true, 60), (18, false, 60)]);
    }

    #[test]
    fn a_seek_ends_what_sounded_and_a_song_that_has_gone_leaves_nothing() {
        let song = song(Format::It, &[(0, fixture::note(60, 1, 0))]);
        let mut player = SongPlayer::new(Arc::new(song), RATE);
        let mut notes = ChannelNotes::new(16);
        let mut sent = Vec::new();
        for round in 0..3 {
            player.tick();
            notes.follow(&player, &mut |message| sent.push(message));
            player.seek(0, if round == 1 { 0 } else { 9 });
            notes.follow(&player, &mut |message| sent.push(message));
        }
        sent.retain(|message| !is_range(message));
        let (on, off) = (
            NoteMessage::On { channel: 0, key: 60, velocity: 127 },
            NoteMessage::Off { channel: 0, key: 60 },
        );
        assert_eq!(sent, [on, off, on, off]);
    }

    #[test]
    fn no_key_of_any_song_is_begun_twice_or_left_down() {
        for song in fixture::songs_at_hand() {
            let title = song.title.clone();
            let mut player = SongPlayer::new(Arc::new(song), RATE);
            let mut notes = ChannelNotes::new(16);
            let mut down = HashSet::new();
            let mut take = |message| match message {
                NoteMessage::On { channel, key, velocity } => {
                    assert!(down.insert((channel, key)), "{title}: {key} is begun twice");
                    assert!(
                        (LEAST_VELOCITY..128).contains(&velocity) && key < 128 && channel < 16,
                        "{title}"
                    );
                }
                NoteMessage::Off { channel, key } => {
                    assert!(down.remove(&(channel, key)), "{title}: {key} is not down");
                }
                NoteMessage::Bend { steps, .. } => assert!(steps < 16_384, "{title}"),
                NoteMessage::Controller { value, .. } => assert!(value < 128, "{title}"),
            };
            for _ in 0..3000 {
                player.tick();
                if player.finished() {
                    break;
                }
                notes.follow(&player, &mut take);
                player.skip((player.tick_seconds() * RATE.0) as usize);
            }
            notes.finish(&mut take);
            assert!(down.is_empty(), "{title}: {down:?}");
        }
    }
}
