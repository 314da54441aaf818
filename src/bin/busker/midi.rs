//! `busker midi`: what a song's channels play, as a standard MIDI file with the song's own time.
//!
//! In: a song. Out: a file of format 1: a track with the tempo map, then one for each song channel, with the notes, bends and volumes
//! of note out. Channels beyond the sixteenth go to further ports. A tick of the song is a whole number of the file's, so that every row
//! stands where the song has it; what rounding tempos to microseconds loses is made good before it comes to a millisecond.

use crate::failure::Failure;
use crate::source::Pace;
use crate::source::Source;
use busker::tracker::ChannelNotes;
use busker::tracker::NoteMessage;
use busker::tracker::Song;
use busker::tracker::SongPlayer;
use busker::tracker::Timeline;
use busker::units::SampleRate;
use midly::Format;
use midly::Header;
use midly::MetaMessage;
use midly::MidiMessage;
use midly::PitchBend;
use midly::Smf;
use midly::Timing;
use midly::TrackEvent;
use midly::TrackEventKind;
use midly::num::u7;
use midly::num::u14;
use midly::num::u15;
use midly::num::u24;
use midly::num::u28;
use std::path::PathBuf;
use std::sync::Arc;

/// Writes the notes of a song as a MIDI file with its tempo map.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// A module (MOD, S3M, XM, IT), or a rack that holds one.
    song: PathBuf,
    /// The MIDI file to write.
    #[arg(short, long)]
    output: PathBuf,
    #[command(flatten)]
    pace: Pace,
    /// How often the part that repeats is played.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    loops: u32,
}

/// Ticks of the file in a quarter note.
const DIVISION: u16 = 480;

/// Ticks of the file in a tick of the song, which is 1/24 of a quarter note.
const TICK: u64 = 20;

/// Microseconds of 24 ticks of one second.
const QUARTER: f64 = 24.0e6;

/// The slowest tempo that a file can hold, in microseconds a quarter note.
const SLOWEST: f64 = 16_777_215.0;

/// How far, in seconds, the file may stray from the song before its tempo is rounded the other way.
const STRAYS: f64 = 0.000_25;

/// Channels of a port.
const PORT: u8 = 16;

/// Ticks of the song at most, so that a file's deltas can count them.
const MOST_TICKS: u64 = 10_000_000;

/// Samples are played at this rate, to know where they end.
const RATE: SampleRate = SampleRate(48_000.0);

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let source = Source::open(&arguments.song)?.at(arguments.pace);
    let song = source.song()?;
    let ticks = ticks(&song, arguments.loops);
    if ticks > MOST_TICKS {
        return Err(Failure::new(&source.path, &"too long for a MIDI file; ask for fewer --loops"));
    }
    let score = Score::of(&song, ticks);
    score.file().save(&arguments.output).map_err(Failure::file(&arguments.output))
}

/// Ticks of the introduction and of so many loops.
fn ticks(song: &Arc<Song>, loops: u32) -> u64 {
    let timeline = Timeline::of(song);
    let once = timeline.ticks().len() as u64;
    let looped = once - timeline.loop_start() as u64;
    once.saturating_add(looped.saturating_mul(u64::from(loops) - 1))
}

/// Something in the file, at a tick of the file.
struct Placed<T> {
    at: u64,
    what: T,
}

/// A channel's messages.
enum Event {
    Message(NoteMessage),
    /// The notes that follow are of this instrument.
    Instrument(String),
}

/// What the file says, before it is one.
struct Score {
    title: String,
    tempos: Vec<Placed<u32>>,
    markers: Vec<Placed<String>>,
    channels: Vec<Channel>,
    end: u64,
}

struct Channel {
    name: String,
    events: Vec<Placed<Event>>,
    instrument: String,
}

impl Score {
    fn of(song: &Arc<Song>, ticks: u64) -> Self {
        let named = |(index, name): (usize, &String)| match name.trim() {
            "" => format!("Channel {}", index + 1),
            name => name.to_owned(),
        };
        let names = song.channels.iter().map(|setup| &setup.name).enumerate().map(named);
        let channel = |name| Channel { name, events: Vec::new(), instrument: String::new() };
        let mut score = Self {
            title: song.title.trim().to_owned(),
            tempos: Vec::new(),
            markers: Vec::new(),
            channels: names.map(channel).collect(),
            end: 0,
        };
        score.play(song, ticks);
        score
    }

    fn play(&mut self, song: &Arc<Song>, ticks: u64) {
        let mut player = SongPlayer::new(Arc::clone(song), RATE);
        let mut notes = ChannelNotes::new(u8::MAX);
        let mut pace = Tempo::default();
        let mut order = None;
        for _ in 0..ticks {
            player.tick();
            let (at, seconds) = (self.end, player.tick_seconds());
            let place = player.position();
            if order.replace(place.order) != Some(place.order) {
                self.markers.push(Placed { at, what: format!("Order {}", place.order) });
            }
            notes.follow(&player, &mut |message| self.take(at, message, &player));
            let (length, tempo) = pace.pass(seconds);
            self.tempos.extend(tempo.map(|what| Placed { at, what }));
            player.skip((seconds * RATE.0) as usize);
            self.end += length;
        }
        let at = self.end;
        notes.release(&mut |message| self.take(at, message, &player));
    }

    fn take(&mut self, at: u64, message: NoteMessage, player: &SongPlayer) {
        let index = usize::from(message.channel());
        let Some(channel) = self.channels.get_mut(index) else { return };
        if matches!(message, NoteMessage::On { .. }) {
            let name = player.instrument_name(index).trim();
            if !name.is_empty() && name != channel.instrument {
                name.clone_into(&mut channel.instrument);
                channel.events.push(Placed { at, what: Event::Instrument(name.to_owned()) });
            }
        }
        channel.events.push(Placed { at, what: Event::Message(message) });
    }

    fn file(&self) -> Smf<'_> {
        let timing = Timing::Metrical(u15::new(DIVISION));
        let mut file = Smf::new(Header::new(Format::Parallel, timing));
        file.tracks.push(self.conductor());
        file.tracks.extend((0..).zip(&self.channels).map(|(index, channel)| self.track(index, channel)));
        file
    }

    fn conductor(&self) -> Vec<TrackEvent<'_>> {
        let tempos = self.tempos.iter().map(|tempo| (tempo.at, MetaMessage::Tempo(u24::new(tempo.what))));
        let markers =
            self.markers.iter().map(|marker| (marker.at, MetaMessage::Marker(marker.what.as_bytes())));
        let mut all: Vec<_> = tempos.chain(markers).collect();
        all.sort_by_key(|(at, _)| *at);
        let mut track = Track::default();
        track.add(0, TrackEventKind::Meta(MetaMessage::TrackName(self.title.as_bytes())));
        all.into_iter().for_each(|(at, meta)| track.add(at, TrackEventKind::Meta(meta)));
        track.end(self.end)
    }

    fn track<'a>(&self, index: u8, channel: &'a Channel) -> Vec<TrackEvent<'a>> {
        let mut track = Track::default();
        track.add(0, TrackEventKind::Meta(MetaMessage::TrackName(channel.name.as_bytes())));
        if index >= PORT {
            track.add(0, TrackEventKind::Meta(MetaMessage::MidiPort(u7::new(index / PORT))));
        }
        for Placed { at, what } in &channel.events {
            track.add(
                *at,
                match what {
                    Event::Instrument(name) => {
                        TrackEventKind::Meta(MetaMessage::InstrumentName(name.as_bytes()))
                    }
                    Event::Message(message) => midi(*message),
                },
            );
        }
        track.end(self.end)
    }
}

/// The message as the file has it; values are within their bits already.
fn midi(message: NoteMessage) -> TrackEventKind<'static> {
    let channel = (message.channel() % PORT).into();
    let message = match message {
        NoteMessage::On { key, velocity, .. } => {
            MidiMessage::NoteOn { key: u7::new(key), vel: u7::new(velocity) }
        }
        NoteMessage::Off { key, .. } => MidiMessage::NoteOff { key: u7::new(key), vel: u7::new(0) },
        NoteMessage::Bend { steps, .. } => MidiMessage::PitchBend { bend: PitchBend(u14::new(steps)) },
        NoteMessage::Controller { number, value, .. } => {
            MidiMessage::Controller { controller: u7::new(number), value: u7::new(value) }
        }
    };
    TrackEventKind::Midi { channel, message }
}

/// A track of the file as it grows.
#[derive(Default)]
struct Track<'a> {
    events: Vec<TrackEvent<'a>>,
    at: u64,
}

impl<'a> Track<'a> {
    fn add(&mut self, at: u64, kind: TrackEventKind<'a>) {
        // Within 28 bits: `MOST_TICKS`.
        let delta = u28::new(at.saturating_sub(self.at) as u32);
        self.at = at;
        self.events.push(TrackEvent { delta, kind });
    }

    fn end(mut self, at: u64) -> Vec<TrackEvent<'a>> {
        self.add(at, TrackEventKind::Meta(MetaMessage::EndOfTrack));
        self.events
    }
}

/// Turns the seconds of ticks into tempos of whole microseconds, and keeps what is lost from adding up.
#[derive(Default)]
struct Tempo {
    microseconds: Option<u32>,
    /// Seconds by which the file is late.
    late: f64,
}

impl Tempo {
    /// A tick of the song passes: how many of the file's it has, and the tempo where it changes.
    fn pass(&mut self, seconds: f64) -> (u64, Option<u32>) {
        // A tick too slow for any tempo is written as several.
        let parts = (seconds * QUARTER / SLOWEST).ceil().max(1.0);
        let wanted = seconds * QUARTER / parts;
        let (shorter, longer) = (wanted.floor().max(1.0) as u32, wanted.ceil().min(SLOWEST) as u32);
        let fits = |microseconds: &u32| {
            *microseconds == shorter && self.late > -STRAYS || *microseconds == longer && self.late < STRAYS
        };
        let chosen = match self.microseconds.filter(fits) {
            Some(microseconds) => microseconds,
            None if self.late >= STRAYS => shorter,
            None if self.late <= -STRAYS => longer,
            None => wanted.round() as u32,
        };
        self.late += (f64::from(chosen) - wanted) * parts / QUARTER;
        let changes = self.microseconds.replace(chosen) != Some(chosen);
        (TICK * parts as u64, changes.then_some(chosen))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_rounding_loses_is_made_good() {
        for seconds in [0.0005, 0.02, 0.019_083_97, 0.033_333_33, 0.699_05, 0.7, 2.5] {
            let mut tempo = Tempo::default();
            let (mut written, mut microseconds) = (0.0, 0);
            for tick in 0..200_000 {
                let (length, change) = tempo.pass(seconds);
                microseconds = change.unwrap_or(microseconds);
                assert!(f64::from(microseconds) <= SLOWEST);
                written += length as f64 * f64::from(microseconds) / f64::from(DIVISION) / 1e6;
                let off = written - seconds * f64::from(tick + 1);
                assert!(off.abs() < 2.0 * STRAYS, "{seconds}: {off} s off at tick {tick}");
            }
        }
    }
}
