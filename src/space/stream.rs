//! Space as nodes of a graph: a place for each source, and the field that all of them fill.
//!
//! A place takes a source's sound and has it in sixteen channels at its outlet 0, with one more for the room; the field takes the sum of those, leaves
//! it turned as the head is, and has what is heard of it at its own outlet 0. Audio thread, apart from `Space::new`.

use super::decoder::Decoder;
use super::encoder::Encoder;
use super::harmonics::CHANNELS;
use super::harmonics::FIELD_CHANNELS;
use super::harmonics::SENT;
use super::notes::NoteStand;
use super::notes::Notes;
use super::room::Room;
use super::room::Shoebox;
use super::settings::Hearing;
use super::settings::direction;
use super::song::MadeVeil;
use super::song::SongField;
use crate::audio::Activity;
use crate::audio::AudioBlock;
use crate::audio::AudioBlockMut;
use crate::audio::AudioStream;
use crate::audio::BLOCK_SIZE;
use crate::audio::ChannelConfig;
use crate::audio::Feed;
use crate::audio::NearFeeds;
use crate::audio::PlacedNote;
use crate::audio::Placing;
use crate::audio::RenderContext;
use crate::audio::Veil;
use crate::dsp::Level;
use crate::dsp::playable;
use crate::units::SampleRate;

/// A source on its way into the field.
pub struct Place {
    encoder: Encoder,
    /// Planes of its sound from the next plan on.
    sides: usize,
    field: Feed,
}

/// All sources together, the room around them where there is one, and the listener.
pub struct Field {
    decoder: Decoder,
    room: Option<Box<Room>>,
    /// What the room is sent: the field's first channel, which is the sum of all sources, and the one for it.
    sends: Box<[[f32; BLOCK_SIZE]; 2]>,
    /// The next one, counted from reset.
    frame: u64,
    heard: Feed,
}

/// As many places as a graph may need, and their field.
pub struct Space {
    places: Box<[Place]>,
    /// Those that stand there one by one, where there are any.
    notes: Option<Box<Notes>>,
    song: SongField,
    /// How the listener hears, and the head's yaw and pitch.
    hearing: Hearing,
    head: [f32; 2],
    /// Channels of a field that hold anything: all of them where there is a room.
    held: usize,
    field: Field,
}

impl Space {
    /// For so many sources, and a song of so many outlets. Allocates, and prepares what ears hear at this rate unless the process
    /// holds that already.
    pub fn new(places: usize, outlets: usize, rate: SampleRate, level: Level) -> Self {
        let place =
            |_| Place { encoder: Encoder::new(rate, level), sides: 1, field: Feed::new(FIELD_CHANNELS) };
        Self {
            places: (0..places).map(place).collect(),
            notes: None,
            song: SongField::new(outlets, rate, level),
            hearing: Hearing::default(),
            head: [0.0; 2],
            held: FIELD_CHANNELS,
            field: Field {
                decoder: Decoder::new(rate, level),
                room: None,
                sends: Box::new([[0.0; BLOCK_SIZE]; 2]),
                frame: 0,
                heard: Feed::new(2),
            },
        }
    }

    /// Begins a block of so many frames; in how many channels of a field sources are to be heard in it. Real-time, like all that
    /// follows.
    pub fn begin(&mut self, frames: usize) -> usize {
        self.notes.iter_mut().for_each(|notes| notes.begin(frames));
        let listens = self.field.room.as_ref().is_some_and(|room| room.listens());
        let held = if listens { FIELD_CHANNELS } else { CHANNELS };
        if std::mem::replace(&mut self.held, held) != held {
            self.places.iter_mut().for_each(|place| place.field.hold(held));
        }
        self.song.begin(frames);
        held
    }

    /// Where a source is, and what it is like.
    pub fn source_mut(&mut self, number: usize) -> Option<&mut Encoder> {
        self.places.get_mut(number).map(|place| &mut place.encoder)
    }

    /// How many planes a source's sound has once the graph has changed.
    pub fn set_sides(&mut self, number: usize, sides: usize) {
        self.places.get_mut(number).into_iter().for_each(|place| place.sides = sides);
    }

    /// Turns the head to the right, in degrees.
    pub fn set_yaw(&mut self, degrees: f32) {
        self.field.decoder.set_yaw(degrees);
        self.head[0] = degrees;
        self.tell_hearing(self.hearing);
    }

    /// Lifts the head, in degrees.
    pub fn set_pitch(&mut self, degrees: f32) {
        self.field.decoder.set_pitch(degrees);
        self.head[1] = degrees.clamp(-90.0, 90.0);
        self.tell_hearing(self.hearing);
    }

    /// Leans the head over to the right, in degrees.
    pub fn set_roll(&mut self, degrees: f32) {
        self.field.decoder.set_roll(degrees);
    }

    /// How the listener hears what is around.
    pub fn set_hearing(&mut self, hearing: Hearing) {
        if hearing != self.hearing {
            let before = std::mem::replace(&mut self.hearing, hearing);
            self.tell_hearing(before);
        }
    }

    /// Tells all sources how they are heard, unless that is and was all around alike.
    fn tell_hearing(&mut self, before: Hearing) {
        let (hearing, [yaw, pitch]) = (self.hearing, self.head);
        if hearing.pattern > 0.0 || before.pattern > 0.0 {
            let looks = direction(yaw, pitch);
            self.places.iter_mut().for_each(|place| place.encoder.set_hearing(hearing, looks));
            self.notes.iter_mut().for_each(|notes| notes.set_hearing(hearing, looks));
        }
    }

    /// What single notes need; `made` is taken where there has been nothing.
    pub fn set_notes(&mut self, made: &mut Option<Box<Notes>>) {
        if self.notes.is_none() {
            self.notes = made.take();
            self.tell_hearing(self.hearing);
        }
    }

    /// Whether what single notes need is there.
    pub fn has_notes(&self) -> bool {
        self.notes.is_some()
    }

    /// Adds a note's frames, by voice number `voice`, to those of its range in `field`, whose first is number `frame` since
    /// reset.
    pub fn add_note(
        &mut self,
        note: (&PlacedNote<'_>, usize),
        stand: &NoteStand,
        frame: u64,
        field: &mut Feed,
    ) {
        self.notes.iter_mut().for_each(|notes| notes.add(note, stand, frame, field));
    }

    /// Adds what notes that have ended leave, and what of near ones goes through filters, to a block of `field`, after all notes;
    /// `frame` is its first one, counted from reset.
    pub fn ring_notes(&mut self, frame: u64, frames: usize, field: &mut Feed) {
        self.notes.iter_mut().for_each(|notes| notes.ring(frame, frames, field));
    }

    /// Takes what notes of a song are heard through, by number, where there has been nothing.
    pub fn set_veils(&mut self, made: &mut [Option<MadeVeil>]) {
        self.song.take(made);
    }

    /// The numbers of those that are there, a bit for each.
    pub fn veils(&self) -> u64 {
        self.song.veils()
    }

    /// What near notes of a song give to their filters, and what those add to that something is in the way of.
    pub fn song_parts(&mut self) -> (&mut NearFeeds, &mut [Option<Box<Veil>>]) {
        self.song.parts()
    }

    /// Adds what is heard of these to a block of the song's field, after all of it; `span` is its first frame, counted from reset,
    /// and how many it has.
    pub fn run_song(&mut self, placing: Option<&Placing>, span: (u64, usize), field: &mut Feed) {
        self.song.run(placing, span, field);
    }

    /// Whether other ears fade in, or those before have not been taken.
    pub fn changes_ears(&self) -> bool {
        self.field.decoder.changes_ears()
    }

    /// The listener.
    pub fn listener_mut(&mut self) -> &mut Decoder {
        &mut self.field.decoder
    }

    /// The graph has changed, and `frame` comes next, counted from reset. Nodes that have stood still forget all sound.
    pub fn go_to(&mut self, frame: u64) {
        for place in &mut self.places {
            place.encoder.set_sides(place.sides);
            place.encoder.go_to(frame);
        }
        self.field.go_to(frame);
    }

    /// The room around all sources, if any, from the next line of the control grid on. `made` is silent, and taken where there
    /// has been none; all rooms fade in.
    pub fn set_room(&mut self, room: Option<Shoebox>, made: &mut Option<Box<Room>>) {
        if self.field.room.is_none()
            && let Some(mut made) = made.take()
        {
            made.go_to(self.field.frame);
            self.field.room = Some(made);
        }
        match (&mut self.field.room, room) {
            (Some(own), Some(room)) => own.set(room),
            (Some(own), None) => own.put_out(),
            (None, _) => {}
        }
    }

    /// Ends all movement at its target, for a start from nothing.
    pub fn settle(&mut self) {
        self.places.iter_mut().for_each(|place| place.encoder.settle());
        self.field.decoder.settle();
        self.field.room.iter_mut().for_each(|room| room.settle());
    }

    /// Forgets all sound.
    pub fn reset(&mut self) {
        self.places.iter_mut().for_each(Place::reset);
        self.notes.iter_mut().for_each(|notes| notes.reset());
        self.song.reset();
        self.field.reset();
    }

    /// A node by its number: the field, and then the places.
    pub fn stream(&self, number: usize) -> Option<&dyn AudioStream> {
        let Some(place) = number.checked_sub(1) else { return Some(&self.field) };
        self.places.get(place).map(|place| place as &dyn AudioStream)
    }

    /// The same.
    pub fn stream_mut(&mut self, number: usize) -> Option<&mut dyn AudioStream> {
        let Some(place) = number.checked_sub(1) else { return Some(&mut self.field) };
        self.places.get_mut(place).map(|place| place as &mut dyn AudioStream)
    }
}

impl AudioStream for Place {
    fn channel_config(&self) -> ChannelConfig {
        ChannelConfig { inputs: 2, outputs: 2 }
    }

    fn render(
        &mut self,
        _ctx: &mut RenderContext<'_>,
        _side: Option<&AudioBlock<'_>>,
        io: &mut AudioBlockMut<'_>,
    ) -> Activity {
        self.field.begin(io.frames());
        for plane in io.planes_mut() {
            plane.iter_mut().for_each(|sample| *sample = playable(*sample));
        }
        self.encoder.process(&io.as_block(), &mut self.field.fill(), true);
        Activity::Silent // nobody hears but the outlet
    }

    fn asleep(&self) -> bool {
        self.encoder.is_at_rest()
    }

    fn outlet(&self, number: usize) -> Option<&Feed> {
        (number == 0).then_some(&self.field)
    }

    fn reset(&mut self) {
        self.encoder.reset();
    }

    fn skip(&mut self, frames: usize) {
        self.field.begin(frames);
        self.encoder.skip(frames);
    }
}

impl Field {
    fn go_to(&mut self, frame: u64) {
        self.decoder.go_to(frame);
        if let Some(room) = self.room.as_mut().filter(|_| frame != self.frame) {
            room.clear();
            room.go_to(frame);
        }
        self.frame = frame;
    }
}

impl AudioStream for Field {
    fn channel_config(&self) -> ChannelConfig {
        ChannelConfig { inputs: FIELD_CHANNELS as u16, outputs: FIELD_CHANNELS as u16 }
    }

    fn render(
        &mut self,
        ctx: &mut RenderContext<'_>,
        _side: Option<&AudioBlock<'_>>,
        io: &mut AudioBlockMut<'_>,
    ) -> Activity {
        let frames = io.frames();
        self.heard.begin(frames);
        let mut activity = ctx.input();
        if let Some(room) = &mut self.room {
            let sends = self.sends.each_mut().map(|send| &mut send[..frames.min(BLOCK_SIZE)]);
            for (send, channel) in sends.into_iter().zip([0, SENT]) {
                send.copy_from_slice(io.channel(channel));
            }
            let sends = self.sends.each_ref().map(|send| &send[..frames.min(BLOCK_SIZE)]);
            // A tail that ends within the piece is heard as far as it goes.
            let rang = !room.is_at_rest();
            room.process(sends, io);
            if rang || !room.is_at_rest() {
                activity = Activity::Sounding;
            }
        }
        self.frame += frames as u64;
        let mut heard = self.heard.fill();
        let (left, right) = heard.stereo_mut();
        self.decoder.process(io, [left, right]);
        activity
    }

    fn asleep(&self) -> bool {
        self.decoder.is_at_rest() && self.room.as_ref().is_none_or(|room| room.is_at_rest())
    }

    fn outlet(&self, number: usize) -> Option<&Feed> {
        (number == 0).then_some(&self.heard)
    }

    fn reset(&mut self) {
        self.decoder.reset();
        self.room.iter_mut().for_each(|room| room.clear());
        self.frame = 0;
    }

    fn skip(&mut self, frames: usize) {
        self.heard.begin(frames);
        self.decoder.skip(frames);
        self.room.iter_mut().for_each(|room| room.skip(frames));
        self.frame += frames as u64;
    }
}
