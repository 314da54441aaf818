//! The audio thread's half: one call from the host to filled outputs.
//!
//! Drains commands, applies changed parameters, cuts the call at the song's ticks, at events and at `BLOCK_SIZE`, lets
//! the sources fill their blocks and runs the desk's plan over them.

use super::EngineConfig;
use super::Event;
use super::LANES;
use super::ParameterSpec;
use super::ParameterValues;
use super::TEMPO_RATIOS;
use super::Target;
use super::Transport;
use super::channels::ChannelStrips;
use super::command::Command;
use super::command::Finder;
use super::command::InsertChange;
use super::command::PreparedSpace;
use super::command::SlotChange;
use super::command::TakenSpace;
use super::halves::HostCell;
use super::halves::Old;
use super::halves::PositionCell;
use super::halves::QUEUE;
use super::instruments::Instruments;
use super::keys::Keys;
use super::keys::Scene;
use super::lanes::LaneCells;
use super::lanes::Lanes;
use super::launch::LaunchMode;
use super::launch::LaunchQuantise;
use super::note_out::NoteOut;
use super::note_places::NotePlaces;
use super::outgoing::Outgoing;
use super::plans::Moment;
use super::plans::Plans;
use super::song::End;
use super::song::Playing;
use super::song::SongSettings;
use super::song::Sync;
use super::song_places::SongPlaces;
use super::stage::Stage;
use super::voices::VoiceCells;
use super::voices::Voices;
use crate::audio::Activity;
use crate::audio::AudioBlock;
use crate::audio::AudioBlockMut;
use crate::audio::AudioStream;
use crate::audio::BLOCK_SIZE;
use crate::audio::Feed;
use crate::audio::FieldOutlet;
use crate::audio::OutletTraces;
use crate::audio::Outlets;
use crate::audio::PlacedNote;
use crate::audio::RenderContext;
use crate::dsp::Ramp;
use crate::graph::Piece;
use crate::graph::Plan;
use crate::machine::Tempo;
use crate::mixer::Arrival;
use crate::mixer::BUSES;
use crate::mixer::FIELD_SOURCE;
use crate::mixer::INSTRUMENT_SOURCE;
use crate::mixer::Inputs;
use crate::mixer::KEYBOARD_PLACE;
use crate::mixer::KEYBOARD_SOURCE;
use crate::mixer::LANE_PLACE;
use crate::mixer::LANE_SOURCE;
use crate::mixer::MASTER;
use crate::mixer::Outputs;
use crate::mixer::RETURNS;
use crate::mixer::SEND_SOURCE;
use crate::mixer::SONG_CHANNELS;
use crate::mixer::SONG_FIELD_SOURCE;
use crate::mixer::SOURCES;
use crate::mixer::STRIPS;
use crate::mixer::Strip;
use crate::mixer::Tap;
use crate::mixer::TapSource;
use crate::mixer::VOICE_SOURCE;
use crate::mixer::source_channels;
use crate::rt::CommandReceiver;
use crate::rt::FrameWriter;
use crate::rt::Meter;
use crate::rt::ScopeWriter;
use crate::rt::Watched;
use crate::space;
use crate::space::PreparedEars;
use crate::space::Space;
use crate::tracker::AmigaModel;
use crate::tracker::Chase;
use crate::tracker::Interpolation;
use crate::tracker::Ramping;
use crate::tracker::Separation;
use crate::tracker::Tone;
use crate::units::Decibels;
use crate::units::Gain;
use crate::units::SampleRate;
use std::ops::Range;
use std::sync::Arc;

/// What moves all keys in space.
const KEYS: [Target; 3] = [Target::KeyboardAzimuth, Target::KeyboardElevation, Target::KeyboardDistance];

/// What the host asks for in one call.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// Frames to render; any number.
    pub frames: usize,
    /// The transport at the first frame; `None` where the call goes on from the one before.
    pub transport: Option<Transport>,
    /// In order of their frames; a frame past the call's end acts on the last frame.
    pub events: &'a [Event],
}

/// What an engine writes to be shown, apart from levels.
pub(super) struct Writers {
    pub(super) position: Arc<PositionCell>,
    pub(super) host: Arc<HostCell>,
    pub(super) lanes: Arc<LaneCells>,
    pub(super) voices: Arc<VoiceCells>,
    /// Whether anybody looks at voices and lanes.
    pub(super) watched: Watched,
    /// Of song channels.
    pub(super) scopes: ScopeWriter,
    pub(super) loudness: FrameWriter,
    pub(super) taken: Arc<TakenSpace>,
}

/// What an engine shows of levels.
pub(super) struct Meters {
    pub(super) of_strips: Vec<Meter>,
    pub(super) of_inputs: Vec<Meter>,
}

/// Renders. Real-time, apart from `new`.
pub struct Engine {
    commands: CommandReceiver<Command, Old>,
    table: Arc<[ParameterSpec]>,
    finder: Finder,
    values: Arc<ParameterValues>,
    strips: Vec<Strip>,
    channels: ChannelStrips,
    plans: Plans,
    /// Made once anything is in space, and kept from then on.
    space: Option<Box<Space>>,
    /// What of it there is, for those who prepare plans.
    taken: Arc<TakenSpace>,
    /// For space that is still to come.
    ears: Option<PreparedEars>,
    /// Nothing has been heard of it yet.
    space_is_new: bool,
    note_places: NotePlaces,
    song_places: SongPlaces,
    /// Bits of the strips whose solo is on.
    soloed: u64,
    song: Option<Box<Playing>>,
    settings: SongSettings,
    keys: Keys,
    voices: Voices,
    instruments: Instruments,
    lanes: Lanes,
    /// A command that has to wait until what was in its slot before has faded, and that others wait behind.
    waiting: Option<Command>,
    /// Commands and transport of the next call have been taken.
    begun: bool,
    note_out: NoteOut,
    /// Of everything that song channels put out.
    song_gain: Ramp,
    outgoing: Outgoing,
    /// The host's last word, and the frame it was for.
    transport: Transport,
    heard: u64,
    /// What the machines know of it.
    tempo: Tempo,
    rate: SampleRate,
    sources: Vec<Feed>,
    inputs: Inputs,
    outputs: Outputs,
    position: Arc<PositionCell>,
    host: Arc<HostCell>,
    watched: Watched,
    scopes: ScopeWriter,
    /// What song channels put out, while somebody looks.
    traces: OutletTraces,
    /// Measures what leaves the main output.
    loudness: FrameWriter,
    /// Frames since reset.
    frame: u64,
}

impl Engine {
    pub(super) fn new(
        config: EngineConfig,
        commands: CommandReceiver<Command, Old>,
        writers: Writers,
    ) -> (Self, Meters) {
        let Writers { position, host, lanes, voices, watched, scopes, loudness, taken } = writers;
        let (strips, of_strips) = (0..STRIPS).map(|_| Strip::new(config.rate, config.level)).unzip();
        config.values.mark_all();
        let sources = (0..SOURCES).map(|source| Feed::new(source_channels(&config.layout, source))).collect();
        let (inputs, of_inputs) = Inputs::new(&config.layout, config.rate, config.level);
        let outputs = Outputs::new(&config.layout, config.rate, config.level, config.look_ahead);
        let engine = Self {
            commands,
            finder: Finder::new(&config.table),
            table: config.table,
            values: config.values,
            strips,
            channels: ChannelStrips::new(config.rate, SONG_CHANNELS),
            plans: Plans::new(Ramp::control_frames(config.rate)),
            space: None,
            taken,
            ears: None,
            space_is_new: false,
            note_places: NotePlaces::default(),
            song_places: SongPlaces::new(config.rate),
            soloed: 0,
            song: None,
            settings: SongSettings::default(),
            keys: Keys::new(),
            voices: Voices::new(config.rate, config.level, voices),
            instruments: Instruments::new(config.rate),
            lanes: Lanes::new(config.rate, config.level, lanes),
            waiting: None,
            begun: false,
            note_out: NoteOut::new(),
            song_gain: Ramp::new(1.0),
            outgoing: Outgoing::new(),
            transport: Transport::default(),
            heard: 0,
            tempo: Tempo::USUAL,
            rate: config.rate,
            sources,
            inputs,
            outputs,
            position,
            host,
            watched,
            scopes,
            traces: OutletTraces::new(SONG_CHANNELS),
            loudness,
            frame: 0,
        };
        (engine, Meters { of_strips, of_inputs })
    }

    /// Back to the state of a new engine that has been given the same setup and parameters.
    pub fn reset(&mut self) {
        let frame = self.frame;
        self.taps().for_each(|tap| tap.count_anew(frame));
        self.loudness.count_anew(frame);
        self.frame = 0;
        self.values.mark_all();
        self.strips.iter_mut().for_each(Strip::reset);
        if let Some(space) = &mut self.space {
            space.reset();
        }
        self.song_places.reset();
        self.inputs.reset();
        self.outputs.reset();
        (self.transport, self.heard) = (Transport::default(), 0);
        self.tempo = Tempo::USUAL;
        self.strips.iter_mut().for_each(|strip| strip.set_tempo(Tempo::USUAL));
        self.keys.reset();
        self.voices.reset();
        self.instruments.reset();
        self.lanes.reset();
        self.begun = false;
        self.outgoing.reset();
        // The host still holds what it was told to hold.
        self.note_out.release(0, &mut self.outgoing);
        if let Some(song) = &mut self.song {
            song.reset();
        }
    }

    /// Tells the machines another tempo of the host, or how it goes on.
    fn tell_tempo(&mut self) {
        let Transport { playing, tempo: bpm, tempo_increment, .. } = self.transport;
        let increment = if playing { tempo_increment } else { 0.0 };
        if increment != 0.0 || (bpm, increment) != (self.tempo.bpm, self.tempo.increment) {
            self.tempo = Tempo { bpm, increment, frame: self.frame };
            self.strips.iter_mut().for_each(|strip| strip.set_tempo(self.tempo));
        }
    }

    /// Fills `outputs` with the next frames.
    ///
    /// `side` is the sidechain; it and the outputs are `call.frames` long and as wide as the layout says. The main
    /// input, where the layout has one, arrives in the first output; other outputs may hold anything.
    pub fn render(
        &mut self,
        call: &Call<'_>,
        side: Option<&AudioBlock<'_>>,
        outputs: &mut [AudioBlockMut<'_>],
    ) {
        self.begin(call);
        self.begun = false;
        let stood = self.plans.running().is_some_and(|plan| plan.placing().is_some());
        self.change_plans();
        self.apply_parameters(stood);
        if call.transport.is_some()
            && let Some(song) = &mut self.song
        {
            song.follow(&self.transport, self.frame);
            song.launch.follow(&self.transport, self.frame);
        }
        self.act(if call.frames == 0 { call.events } else { &[] });
        let mut done = 0;
        let mut events = call.events;
        while done < call.frames {
            self.change_plans();
            let due = self.plans.next_change().unwrap_or(BLOCK_SIZE);
            let frames = BLOCK_SIZE.min(call.frames - done).min(due);
            let last = done + frames == call.frames;
            let count =
                events.iter().take_while(|event| last || (event.frame as usize) < done + frames).count();
            let (now, later) = events.split_at(count); // `count` counts them
            self.plans.begin(frames);
            let held = self.space.as_deref_mut().map_or(space::CHANNELS, |space| space.begin(frames));
            self.sources[SONG_FIELD_SOURCE..].iter_mut().for_each(|field| field.hold(held)); // and FIELD_SOURCE, the last
            self.sources.iter_mut().for_each(|source| source.begin(frames));
            let range = done..done + frames;
            self.take_inputs(&range, side, outputs);
            self.block(range.clone(), now, outputs);
            self.measure(&range, outputs);
            events = later;
            done += frames;
            self.frame += frames as u64;
        }
        let frame = self.frame;
        self.taps().for_each(|tap| tap.pass(frame));
        self.loudness.pass(frame);
        self.show(call.frames);
        self.send_bank_home();
        self.send_ears_home();
    }

    /// Writes what is shown of voices and lanes after so many frames.
    fn show(&mut self, frames: usize) {
        let watched = self.watched.pass(frames);
        self.voices.show(watched);
        if watched {
            self.lanes.show_filled();
        }
    }

    /// Takes commands and the transport of the next call, once.
    fn begin(&mut self, call: &Call<'_>) {
        if std::mem::replace(&mut self.begun, true) {
            return;
        }
        self.outgoing.begin(self.frame, call.frames);
        if let Some(transport) = call.transport {
            let stood = !self.transport.playing;
            (self.transport, self.heard) = (transport.cleaned(), self.frame);
            if stood && transport.playing {
                self.voices.pool().restart();
            }
            self.host.store(&self.transport);
            self.tell_tempo();
        }
        self.drain_commands();
        if call.transport.is_some() {
            self.tell_lane_speeds();
            self.lanes.follow(&self.transport, self.frame);
        }
    }

    /// Lanes are placed by the speeds that hold from the next frame on, before other parameters are looked at.
    fn tell_lane_speeds(&mut self) {
        for target in (0..LANES).map(Target::LaneSpeed) {
            if let Some(index) = self.finder.index(target) {
                self.lanes.set(target, self.values.get(index));
            }
        }
    }

    /// Whether all that lanes play in a call is there, which has to be the next one. Real-time: yes.
    pub fn has_lanes(&mut self, call: &Call<'_>) -> bool {
        self.begin(call);
        self.lanes.are_ready(call.frames)
    }

    /// All that is recorded.
    fn taps(&mut self) -> impl Iterator<Item = &mut Tap> {
        self.strips.iter_mut().filter_map(Strip::tap_mut).chain(self.inputs.taps_mut())
    }

    /// Whether recordings and the measuring of loudness have room for so many frames. Real-time: yes.
    pub fn has_room(&mut self, frames: usize) -> bool {
        self.loudness.has_room(frames) && self.taps().all(|tap| tap.has_room(frames))
    }

    /// Acts on events before the next frame, and tells the host of notes that a jump or a parameter has ended.
    fn act(&mut self, events: &[Event]) {
        let Self { song, keys, voices, instruments, outgoing: out, frame, .. } = self;
        let launched = song.as_deref().is_some_and(Playing::is_launched);
        for event in events {
            voices.act(&event.kind, keys, launched, (*frame, out));
            instruments.act(&event.kind, keys, launched, (*frame, out));
        }
        voices.report(*frame, out);
        instruments.report(*frame, out);
        let left = events.iter().filter(|event| !instruments.takes(&event.kind, launched));
        let Some(playing) = song.as_deref_mut() else {
            return left.for_each(|event| keys.refuse(&event.kind, *frame, out));
        };
        let mut scene = Scene { playing, frame: *frame, out };
        left.for_each(|event| keys.act(&event.kind, &mut scene));
        keys.report(&mut scene);
    }

    /// Frames by which all outputs are late: 0 without the look-ahead limiter. Real-time: yes.
    pub fn latency(&self) -> usize {
        self.outputs.latency()
    }

    /// What the last call has for the host, in order of frames within it. Real-time: yes.
    pub fn outgoing(&self) -> &[Event] {
        self.outgoing.events()
    }

    /// Events for the host that had no room, ever. Real-time: yes.
    pub fn dropped_outgoing(&self) -> u64 {
        self.outgoing.dropped()
    }

    /// Machines that have faded away go home while there is room.
    fn retire_inserts(&mut self) {
        for strip in &mut self.strips {
            while self.commands.has_room()
                && let Some(machine) = strip.take_left_insert()
            {
                if let Err(old) = self.commands.retire(Old::Machine(machine)) {
                    std::mem::forget(old); // there was room; leaking is the only safe answer if not
                }
            }
        }
    }

    /// Instruments that have faded go home while there is room.
    fn retire_instruments(&mut self) {
        while self.commands.has_room()
            && let Some(machine) = self.instruments.take_left()
        {
            if let Err(old) = self.commands.retire(Old::Instrument(machine)) {
                std::mem::forget(old); // there was room; leaking is the only safe answer if not
            }
        }
    }

    fn drain_commands(&mut self) {
        self.retire_inserts();
        self.retire_instruments();
        self.send_ears_home();
        for _ in 0..=QUEUE {
            if self.voices.pool().is_changing() {
                return; // until the bank before has faded
            }
            if self.waiting.is_some() && !self.commands.has_room() {
                return; // until what it replaces can go home
            }
            let Some(command) = self.waiting.take().or_else(|| self.commands.receive()) else {
                if self.commands.has_room() {
                    // What was sent before has been done.
                    self.voices.take_releases();
                    self.lanes.take_seeks();
                }
                return;
            };
            if self.has_to_wait(&command) {
                self.waiting = Some(command);
                return;
            }
            let old = match command {
                Command::Plan(routes) => {
                    self.inputs.set_monitor_output(routes.monitor);
                    let replaced = self.plans.put(routes.plan);
                    match routes.space {
                        None => replaced.map(Old::Plan),
                        Some(mut space) => {
                            self.set_space(&mut space);
                            space.replaced = replaced;
                            Some(Old::Space(space))
                        }
                    }
                }
                Command::Ears(ears) => match &mut self.space {
                    Some(space) => space.listener_mut().set_ears(ears),
                    None => self.ears.replace(ears),
                }
                .map(Old::Ears),
                Command::Inserts(mut change) => {
                    self.change_inserts(&mut change.0);
                    Some(Old::Inserts(change.0))
                }
                Command::InsertControl { strip, slot, control, value } => {
                    if let Some(strip) = self.strips.get_mut(strip) {
                        strip.set_insert_control(slot, control, value);
                    }
                    None
                }
                Command::Instrument { slot, machine, channels } => {
                    let out = (self.frame, &mut self.outgoing);
                    let old = self.instruments.put(slot, (machine, channels), out);
                    self.channels.set_handed(self.instruments.handed());
                    old.map(Old::Instrument)
                }
                Command::InstrumentControl { slot, control, value } => {
                    self.instruments.set_control(slot, control, value);
                    None
                }
                Command::HandOver { slot, channels } => {
                    self.instruments.hand_over(slot, channels);
                    self.channels.set_handed(self.instruments.handed());
                    None
                }
                Command::Song(song) => self.set_song(song.0).map(Old::Song),
                Command::Lane(lane) => {
                    self.tell_lane_speeds();
                    let now = self.transport_now();
                    let old = self.lanes.put(lane, (&now, self.frame)).map(Old::Lane);
                    self.tell_mono_lanes();
                    old
                }
                Command::Strike { slot, on } => {
                    self.voices.strike(slot, on);
                    None
                }
                Command::Voices(bank) => self.voices.set_bank(bank).map(Old::Voices),
                Command::Tap { source, tap } => match source {
                    TapSource::Strip(strip) => match self.strips.get_mut(strip) {
                        Some(strip) => strip.set_tap(tap),
                        None => tap,
                    },
                    TapSource::Input(input) => self.inputs.set_tap(input, tap),
                }
                .map(Old::Tap),
                Command::Record(running) => {
                    let frame = self.frame;
                    self.taps().for_each(|tap| tap.set_running(running, frame));
                    None
                }
                Command::Set { target, value } => {
                    self.finder.set(&self.table, &self.values, (target, value));
                    None
                }
            };
            if let Some(Err(old)) = old.map(|old| self.commands.retire(old)) {
                std::mem::forget(old); // `receive` saw room; leaking is the only safe answer if not
            }
        }
    }

    /// Whether something comes into a slot where the last change is still to be heard out: it would be cut off.
    fn has_to_wait(&self, command: &Command) -> bool {
        let fades = |change: &SlotChange| {
            let (strip, slot) = change.place;
            self.strips.get(strip).is_some_and(|strip| strip.insert_fades(slot))
        };
        match command {
            Command::Inserts(change) => change.0.slots.iter().any(fades),
            Command::Instrument { slot, .. } => self.instruments.is_fading(*slot),
            Command::Ears(_) => self.space.as_deref().is_some_and(Space::changes_ears),
            _ => false,
        }
    }

    /// Lets machines change places; those that are heard no longer lie where the new ones were.
    fn change_inserts(&mut self, change: &mut InsertChange) {
        for setting in &change.settings {
            self.finder.follow(&self.table, &self.values, setting);
        }
        for SlotChange { place: (strip, slot), machine } in &mut change.slots {
            if let Some(strip) = self.strips.get_mut(*strip) {
                *machine = strip.set_insert(*slot, machine.take());
            }
        }
    }

    /// Takes what routes say of space, and space itself where there has been none.
    fn set_space(&mut self, prepared: &mut PreparedSpace) {
        let new = self.space.is_none();
        if new {
            self.space = prepared.space.take();
            if let (Some(space), Some(ears)) = (&mut self.space, self.ears.take()) {
                self.ears = space.listener_mut().set_ears(ears);
            }
            self.space_is_new = true;
            let angles = [Target::HeadYaw, Target::HeadPitch, Target::HeadRoll].into_iter();
            let places = (0..KEYBOARD_PLACE).flat_map(|place| {
                [Target::Azimuth(place), Target::Elevation(place), Target::Distance(place)]
            });
            for index in angles.chain(KEYS).chain(places).filter_map(|target| self.finder.index(target)) {
                self.values.mark(index); // it has to hear of them
            }
        }
        self.note_places.take(&mut prepared.notes);
        if let Some(space) = &mut self.space {
            space.listener_mut().set_output(prepared.output);
            space.set_hearing(prepared.hearing);
            space.set_room(prepared.room, &mut prepared.made);
            space.set_notes(&mut prepared.made_notes);
            space.set_veils(&mut prepared.made_veils);
            self.taken.tell(space);
            let delays = prepared.settings.iter().zip(&mut prepared.delays).enumerate();
            for (place, (settings, delay)) in delays {
                let Some((settings, sides)) = *settings else { continue };
                space.set_sides(place, sides);
                if let Some(source) = space.source_mut(place) {
                    source.set_doppler(delay);
                    source.set(settings);
                }
            }
            self.note_places.show(space);
            if new {
                space.go_to(self.frame);
            }
        }
        self.tell_mono_lanes();
    }

    /// Has lanes that are the same on both sides stand in one point.
    fn tell_mono_lanes(&mut self) {
        let Some(space) = &mut self.space else { return };
        for lane in 0..LANES {
            if let Some(source) = space.source_mut(LANE_PLACE + lane) {
                source.set_mono(self.lanes.is_mono(lane));
            }
        }
    }

    /// Gives ears back once others have faded in, and there is room for them.
    fn send_ears_home(&mut self) {
        // A listener that no plan runs stands still, and nobody hears ears fade; one that runs is there already.
        if let Some(space) = self.space.as_deref_mut().filter(|space| space.changes_ears()) {
            space.listener_mut().go_to(self.frame);
        }
        if self.commands.has_room()
            && let Some(space) = &mut self.space
            && let Some(ears) = space.listener_mut().take_left_ears()
            && let Err(old) = self.commands.retire(Old::Ears(ears))
        {
            std::mem::forget(old); // there was room
        }
    }

    /// Gives a bank of voices back once the last of them has faded, and there is room for it.
    fn send_bank_home(&mut self) {
        if self.commands.has_room()
            && let Some(bank) = self.voices.pool().take_left()
            && let Err(old) = self.commands.retire(Old::Voices(bank))
        {
            std::mem::forget(old); // there was room
        }
    }

    /// Lets plans change places where that is due on the next frame, and there is room for what goes home.
    fn change_plans(&mut self) {
        let moment = Moment { soloed: self.soloed, first: self.frame == 0 };
        while self.commands.has_room()
            && let Some(old) = self.plans.change(moment)
        {
            if let Some(space) = &mut self.space {
                space.go_to(self.frame);
            }
            if let Some(running) = self.plans.running() {
                let strips = self.strips.iter_mut().enumerate();
                let changed = strips.filter(|(number, _)| running.changes_side(&old, *number));
                changed.for_each(|(_, strip)| strip.change_side());
            }
            if let Err(old) = self.commands.retire(Old::Plan(old)) {
                std::mem::forget(old); // there was room
            }
        }
        let [voices, keyboard] = self.plans.in_space();
        self.voices.pool().set_in_space(voices);
        self.song.iter_mut().for_each(|song| song.keyboard.set_in_space(keyboard as u16)); // it has 16 slots
        self.channels.set_placed(self.plans.placed());
    }

    fn ramp_frames(&self) -> u32 {
        Ramp::control_frames(self.rate)
    }

    /// A new song goes on where the host is.
    fn set_song(&mut self, song: Option<Box<Playing>>) -> Option<Box<Playing>> {
        let now = self.transport_now();
        let mut old = std::mem::replace(&mut self.song, song);
        if let Some(playing) = old.as_deref_mut() {
            self.keys.end_all(&mut Scene { playing, frame: self.frame, out: &mut self.outgoing });
        }
        self.note_out.release(self.frame, &mut self.outgoing);
        self.instruments.let_go();
        if let Some(song) = &mut self.song {
            self.keys.take_over(song, old.as_deref());
            (0..SONG_CHANNELS).for_each(|channel| song.set_shift(channel, self.channels.pan(channel)));
            song.set(self.settings, &now, self.frame);
            song.follow(&now, self.frame);
            song.launch.follow(&now, self.frame);
        }
        old
    }

    /// Where the host is on the next frame, by its last word.
    fn transport_now(&self) -> Transport {
        self.transport.later(self.frame - self.heard, self.rate)
    }

    /// Takes what has changed; whether the song has `stood` in space up to here.
    fn apply_parameters(&mut self, stood: bool) {
        let ramp_frames = self.ramp_frames();
        let mut settings = self.settings;
        let Self {
            strips,
            soloed,
            table,
            values,
            keys,
            voices,
            instruments,
            lanes,
            song,
            frame,
            note_out,
            song_gain,
            outgoing: out,
            ..
        } = self;
        let (inputs, outputs, channels) = (&mut self.inputs, &mut self.outputs, &mut self.channels);
        let (mut space, places) = (self.space.as_deref_mut(), &mut self.note_places);
        let song_places = &mut self.song_places;
        values.take_changed(|index, value| {
            let Some(spec) = table.get(index) else { return };
            voices.set(spec.target, value);
            instruments.set(spec.target, value);
            match spec.target {
                Target::StripGain(strip) => strips[strip].set_gain(Decibels(value).into()),
                Target::StripMute(strip) => strips[strip].set_muted(value >= 0.5),
                Target::StripPan(strip) => strips[strip].set_pan(value),
                Target::StripSolo(strip) => {
                    *soloed = *soloed & !(1 << strip) | u64::from(value >= 0.5) << strip;
                }
                Target::ChannelGain(channel) => channels.set_gain(channel, Decibels(value).into()),
                Target::ChannelMute(channel) => channels.set_muted(channel, value >= 0.5),
                Target::ChannelSolo(channel) => channels.set_soloed(channel, value >= 0.5),
                Target::ChannelPan(channel) => {
                    channels.set_pan(channel, value);
                    song.iter_mut().for_each(|song| song.set_shift(channel, value));
                }
                Target::SendLevel { strip, send } => strips[strip].set_send(send, Decibels(value).into()),
                Target::SendPre { strip, send } => strips[strip].set_send_pre(send, value >= 0.5),
                Target::SoftClip(strip) => strips[strip].set_soft_clip(value >= 0.5),
                Target::Limiter(strip) => strips[strip].set_limiter(value >= 0.5),
                Target::MasterCeiling => {
                    strips[MASTER].set_ceiling(Decibels(value).into());
                    set_output(inputs, outputs, spec.target, value);
                }
                Target::DuckAmount(strip) => strips[strip].set_duck_amount(value / 100.0),
                Target::DuckThreshold(strip) => strips[strip].set_duck_threshold(Decibels(value)),
                Target::DuckAttack(strip) => strips[strip].set_duck_attack(f64::from(value) / 1000.0),
                Target::DuckRelease(strip) => strips[strip].set_duck_release(f64::from(value) / 1000.0),
                Target::InsertBypass { strip, slot } => strips[strip].set_bypassed(slot, value >= 0.5),
                Target::InsertMacro { strip, slot, control } => strips[strip].set_macro(slot, control, value),
                Target::SongGain => song_gain.move_to(Gain::from(Decibels(value)).0, ramp_frames),
                Target::NoteOut => note_out.switch(value >= 0.5, *frame, out),
                Target::Panic => {
                    if let Some(song) = song.as_deref_mut().filter(|_| value >= 0.5) {
                        song.panic();
                    }
                }
                Target::InstrumentMacro { .. } => {}
                target if space.as_deref_mut().is_some_and(|space| set_space(space, target, value)) => {}
                target if places.set(target, value) => {
                    let space = space.as_deref_mut().filter(|_| KEYS.contains(&target));
                    space.into_iter().for_each(|space| places.show(space));
                }
                target if song_places.set(*frame, target, value) => {}
                target if lanes.set(target, value) => {}
                target if set_input(inputs, target, value) || set_output(inputs, outputs, target, value) => {}
                target => {
                    let playing = song.as_deref_mut();
                    if !keys.set(target, value, playing.map(|playing| Scene { playing, frame: *frame, out }))
                    {
                        change(&mut settings, target, value);
                    }
                }
            }
        });
        if let Some(plan) = self.plans.running_mut() {
            plan.solo(self.soloed, ramp_frames);
        }
        if settings != self.settings {
            let now = self.transport_now();
            self.settings = settings;
            if let Some(song) = &mut self.song {
                song.set(settings, &now, self.frame);
            }
        }
        if (self.frame == 0 || self.space_is_new)
            && let Some(space) = &mut self.space
        {
            space.settle();
            self.space_is_new = false;
        }
        // What nobody has stood by yet goes nowhere.
        if self.frame == 0 || !stood {
            self.song_places.settle();
        }
        if self.frame == 0 {
            self.strips.iter_mut().for_each(Strip::settle);
            self.channels.settle();
            self.lanes.settle();
            self.inputs.settle();
            self.outputs.settle();
            self.song_gain.settle();
            self.plans.settle();
        }
    }

    fn block(&mut self, range: Range<usize>, events: &[Event], outputs: &mut [AudioBlockMut<'_>]) {
        self.play_voices(&range, events);
        self.lanes.render(&mut self.sources[LANE_SOURCE..], range.len()); // SOURCES is more
        let traced = self.scopes.begin(range.len());
        self.play_song(&range, events, traced);
        if traced {
            self.scopes.write(range.len(), |channel| self.traces.trace(channel));
        }
        if let Some(space) = self.space.as_deref_mut() {
            let placing = self.plans.running().and_then(Plan::placing);
            space.run_song(placing, (self.frame, range.len()), &mut self.sources[SONG_FIELD_SOURCE]); // SOURCES is more
        }
        self.apply_song_gain(range.len());
        if let Some((space, field)) = self.space.as_deref_mut().zip(self.sources.last_mut()) {
            space.ring_notes(self.frame, range.len(), field); // FIELD_SOURCE
        }
        let piece = Piece { frame: self.frame, range };
        match self.plans.running_mut() {
            Some(plan) => {
                let mut streams = Stage { strips: &mut self.strips, space: self.space.as_deref_mut() };
                plan.run(&piece, &self.sources, &mut streams, outputs);
            }
            None => {
                outputs.iter_mut().for_each(|output| output.slice_mut(piece.range.clone()).silence());
            }
        }
        let least = self.outputs.finish(&piece, &mut self.inputs, outputs);
        if let Some(master) = self.strips.get_mut(MASTER) {
            master.show_reduction(least);
        }
    }

    /// Hands on what leaves the main output, unless it is silent.
    fn measure(&mut self, range: &Range<usize>, outputs: &[AudioBlockMut<'_>]) {
        let Some(main) = outputs.first().map(|main| main.slice(range.clone())) else { return };
        if main.planes().any(|plane| plane.iter().any(|&sample| sample != 0.0)) {
            self.loudness.write(self.frame, &main);
        }
    }

    /// Fills the sources of voices, cut at events alone.
    fn play_voices(&mut self, range: &Range<usize>, events: &[Event]) {
        let launched = self.song.as_deref().is_some_and(Playing::is_launched);
        let Self { voices, keys, outgoing: out, sources, frame: first, plans, note_places, space, .. } = self;
        let (feeds, field) = sources.split_at_mut(FIELD_SOURCE); // SOURCES is one more
        let feeds = &mut feeds[VOICE_SOURCE..VOICE_SOURCE + BUSES]; // as many before it
        let mut events = events.iter().peekable();
        let mut start = 0;
        while start < range.len() {
            let frame = *first + start as u64;
            while let Some(event) = events.next_if(|event| block_frame(event, range) <= start) {
                voices.act(&event.kind, keys, launched, (frame, out));
            }
            let end = events.peek().map_or(range.len(), |event| block_frame(event, range));
            let mut place = |note: &PlacedNote<'_>| {
                if let Some(stage) = space.as_deref_mut().zip(field.first_mut()) {
                    note_places.add_voice(note, frame, stage);
                }
            };
            let turned = plans.turning_notes(start..end).map(|([voices, _], factors)| (voices, factors));
            voices.render(feeds, &(start..end), (turned, &mut place), (frame, out));
            start = end;
        }
    }

    /// Fills the sources of keyboard slots that hold instruments while there is no song, cut at events alone.
    fn play_instruments(&mut self, range: &Range<usize>, events: &[Event]) {
        let Self { instruments, keys, outgoing: out, sources, frame: first, .. } = self;
        let (slots, rest) = sources.split_at_mut(SEND_SOURCE); // SOURCES is more
        let feeds = &mut slots[KEYBOARD_SOURCE..INSTRUMENT_SOURCE];
        let mut events = events.iter().peekable();
        let mut start = 0;
        while start < range.len() {
            let frame = *first + start as u64;
            while let Some(event) = events.next_if(|event| block_frame(event, range) <= start) {
                instruments.act(&event.kind, keys, false, (frame, out));
            }
            let end = events.peek().map_or(range.len(), |event| block_frame(event, range));
            instruments.render(feeds, &(start..end), (frame, out));
            instruments.send(feeds, &mut rest[..RETURNS], &(start..end));
            start = end;
        }
    }

    /// Fills the sources of song and keyboard, cut at ticks and events, and the channels' traces where they are looked at. `range`
    /// is the block's place in the call.
    fn play_song(&mut self, range: &Range<usize>, events: &[Event], traced: bool) {
        let frames = range.len();
        if traced {
            self.traces.begin();
        }
        self.instruments.begin_sends(frames);
        if self.song.is_none() {
            self.play_instruments(range, events);
        }
        let Some(song) = &mut self.song else {
            self.channels.skip(frames);
            for event in events.iter().filter(|event| !self.instruments.takes(&event.kind, false)) {
                self.keys.refuse(
                    &event.kind,
                    self.frame + block_frame(event, range) as u64,
                    &mut self.outgoing,
                );
            }
            self.position.store_voices(self.voices.pool().sounding() + self.instruments.sounding());
            return;
        };
        let plan = self.plans.running();
        let shared = plan.map_or(&[][..], |plan| plan.shared_sources());
        let by_instrument = plan.and_then(|plan| plan.assigned());
        let (channels, rest) = self.sources.split_at_mut(KEYBOARD_SOURCE); // SOURCES is more than each of these
        let (slots, rest) = rest.split_at_mut(INSTRUMENT_SOURCE - KEYBOARD_SOURCE);
        let (instruments, rest) = rest.split_at_mut(SEND_SOURCE - INSTRUMENT_SOURCE);
        let (sends, rest) = rest.split_at_mut(RETURNS);
        let (rest, field) = rest.split_at_mut(FIELD_SOURCE - SEND_SOURCE - RETURNS);
        let (mut field, note_places) = (field.first_mut(), &self.note_places);
        let song_field = &mut rest[SONG_FIELD_SOURCE - SEND_SOURCE - RETURNS];
        let placing = plan.and_then(|plan| plan.placing());
        let launched = song.is_launched();
        let mut events = events.iter().peekable();
        let mut start = 0;
        while start < frames {
            let frame = self.frame + start as u64;
            let ticks = song.begin(frame);
            let mut scene = Scene { playing: song, frame, out: &mut self.outgoing };
            if ticks {
                self.keys.report_ticked(&mut scene);
            }
            while let Some(event) = events.next_if(|event| block_frame(event, range) <= start) {
                self.instruments.act(&event.kind, &self.keys, launched, (frame, &mut *scene.out));
                if !self.instruments.takes(&event.kind, launched) {
                    self.keys.act(&event.kind, &mut scene);
                }
            }
            self.note_out.follow(song.player(), frame, &mut self.outgoing);
            self.instruments.follow(song.player());
            song.launch.begin_ticks(frame, &mut self.outgoing);
            let cut = song
                .next_cut(frame)
                .into_iter()
                .chain(song.launch.next_frame())
                .min()
                .map_or(frames, |next| start.saturating_add(next.saturating_sub(frame) as usize));
            let event =
                events.peek().map_or(frames, |event| (event.frame as usize).saturating_sub(range.start));
            let settling = self.channels.next_settling().map_or(frames, |next| start + next);
            let line =
                placing.and_then(|_| self.song_places.begin(frame)).map_or(frames, |left| start + left);
            let end = cut.min(event).min(settling).min(line).clamp(start + 1, frames);
            let mut ctx = RenderContext::new(frame, Activity::Silent);
            let passages = self.channels.begin(end - start);
            let outlets = match by_instrument {
                Some(buses) => Outlets::by_instrument(instruments, buses),
                None => Outlets::new(channels, shared),
            };
            let outlets = outlets.with_turning(self.plans.turning(start..end));
            let outlets = outlets.with_traces(traced.then_some(&mut self.traces));
            let (displaced, own) = self.song_places.at(frame);
            let song_parts = placing.zip(self.space.as_deref_mut().map(Space::song_parts));
            let outlets = outlets.with_field(song_parts.map(|(placing, (near, veils))| FieldOutlet {
                feed: &mut *song_field,
                near,
                veils,
                placing,
                displaced,
                own,
            }));
            let mut outlets = outlets.with_passages(passages.map(|[own, _]| own));
            song.render(&mut ctx, &mut outlets, &(start..end));
            let mut outlets = outlets.with_passages(passages.map(|[_, launched]| launched));
            song.launch.render(&mut ctx, &mut outlets, &(start..end));
            let mut place = |note: &PlacedNote<'_>| {
                self.instruments.send_note(note);
                if let Some(stage) = self.space.as_deref_mut().zip(field.as_deref_mut()) {
                    note_places.add_key(note, frame, stage);
                }
            };
            let turned =
                self.plans.turning_notes(start..end).map(|([_, slots], factors)| (slots as u16, factors));
            song.keyboard.render_with(&mut ctx, slots, &(start..end), turned, &mut place);
            self.instruments.render(slots, &(start..end), (frame, &mut self.outgoing));
            self.instruments.send(slots, sends, &(start..end));
            self.keys.report(&mut Scene { playing: song, frame, out: &mut self.outgoing });
            start = end;
        }
        self.position.store(song.position());
        self.position
            .store_voices(song.sounding() + self.voices.pool().sounding() + self.instruments.sounding());
    }

    /// Turns the song's channels up or down. One that is at rest costs nothing.
    fn apply_song_gain(&mut self, frames: usize) {
        // SOURCES is more than all of these.
        let (channels, rest) = self.sources.split_at_mut(KEYBOARD_SOURCE);
        let (rest, field) = rest.split_at_mut(SONG_FIELD_SOURCE - KEYBOARD_SOURCE);
        let instruments = &mut rest[INSTRUMENT_SOURCE - KEYBOARD_SOURCE..SEND_SOURCE - KEYBOARD_SOURCE];
        let feeds = channels.iter_mut().chain(instruments).chain(field.first_mut());
        match (self.song_gain.settled(), self.song_gain.target()) {
            (true, 1.0) => {}
            (true, 0.0) => feeds.for_each(Feed::silence),
            (..) => {
                let mut factors = [0.0; BLOCK_SIZE];
                let factors = &mut factors[..frames.min(BLOCK_SIZE)];
                self.song_gain.fill(factors);
                feeds.for_each(|feed| feed.scale(&(0..frames), factors));
            }
        }
    }

    /// Hands both inputs to their strips; the main one arrives in the main output's memory.
    fn take_inputs(
        &mut self,
        range: &Range<usize>,
        side: Option<&AudioBlock<'_>>,
        outputs: &[AudioBlockMut<'_>],
    ) {
        let silent = AudioBlock::new(&[]);
        let arrival = Arrival {
            frame: self.frame,
            frames: range.len(),
            main: outputs.first().map_or(silent, |main| main.slice(range.clone())),
            side: side.map_or(silent, |side| side.slice(range.clone())),
        };
        self.inputs.take(&arrival, self.plans.running(), &mut self.sources);
    }
}

/// Frame of an event within a block that is not empty.
fn block_frame(event: &Event, block: &Range<usize>) -> usize {
    (event.frame as usize).saturating_sub(block.start).min(block.len() - 1)
}

/// Sets what a parameter of an input strip says; false for all others.
fn set_input(inputs: &mut Inputs, target: Target, value: f32) -> bool {
    let on = value >= 0.5;
    match target {
        Target::InputTrim(input) => inputs.set_trim(input, Decibels(value).into()),
        Target::InputMute(input) => inputs.set_muted(input, on),
        Target::InputSolo(input) => inputs.set_soloed(input, on),
        Target::InputPan(input) => inputs.set_pan(input, value),
        Target::InputToBus { input, bus } => inputs.set_to_bus(input, bus, Decibels(value).into()),
        Target::InputToOutput { input, output } => {
            inputs.set_to_output(input, output, Decibels(value).into());
        }
        Target::InputMonitor(input) => inputs.set_monitor(input, Decibels(value).into()),
        _ => return false,
    }
    true
}

/// Sets what a parameter of a source's place or of the head says; false for all others.
fn set_space(space: &mut Space, target: Target, value: f32) -> bool {
    match target {
        Target::HeadYaw => space.set_yaw(value),
        Target::HeadPitch => space.set_pitch(value),
        Target::HeadRoll => space.set_roll(value),
        Target::Azimuth(bus) => {
            space.source_mut(bus).into_iter().for_each(|source| source.set_azimuth(value))
        }
        Target::Elevation(bus) => {
            space.source_mut(bus).into_iter().for_each(|source| source.set_elevation(value))
        }
        Target::Distance(bus) => {
            space.source_mut(bus).into_iter().for_each(|source| source.set_distance(value))
        }
        _ => return false,
    }
    true
}

/// Sets what a parameter of monitor and outputs says; false for all others.
fn set_output(inputs: &mut Inputs, outputs: &mut Outputs, target: Target, value: f32) -> bool {
    let choice = (value as usize).checked_sub(1); // the first choice is none
    match target {
        Target::MonitorGain => inputs.set_monitor_gain(Decibels(value).into()),
        Target::Listen => inputs.set_listen(choice),
        Target::MasterCeiling => outputs.set_ceiling(Decibels(value).into()),
        Target::OutputGain(output) => outputs.set_gain(output, Decibels(value).into()),
        Target::Identify => outputs.set_identify(choice),
        _ => return false,
    }
    true
}

/// Changes what a parameter of the song means.
fn change(settings: &mut SongSettings, target: Target, value: f32) {
    let on = value >= 0.5;
    match target {
        Target::SongPlay => settings.play = on,
        Target::Audition => settings.audition = on,
        Target::Sync => {
            use Sync::*;
            settings.sync = [Song, Original, Tempo, Free, Launch, Manual][(value as usize).min(5)];
        }
        Target::ModuleTempo => settings.scale_tempo = !on,
        Target::TempoRatio => settings.ratio = TEMPO_RATIOS.get(value as usize).copied().unwrap_or(1.0),
        Target::Separation => settings.separation = Separation(value / 100.0),
        Target::StartBeat => settings.start_beat = value.into(),
        Target::StartOrder => settings.start_order = value as u16,
        Target::LaunchQuantise => {
            use LaunchQuantise::*;
            settings.launch_quantise = [Off, Row, Beat, Bar, Pattern][(value as usize).min(4)];
        }
        Target::LaunchMode => {
            use LaunchMode::*;
            settings.launch_mode = [Gate, OneShot, Latch][(value as usize).min(2)];
        }
        Target::ManualOrder => settings.manual.0 = value as u16,
        Target::ManualRow => settings.manual.1 = value as u16,
        Target::Chase => settings.chase = [Chase::Full, Chase::State, Chase::Off][(value as usize).min(2)],
        Target::Tone => {
            use AmigaModel::*;
            use Tone::*;
            let tones = [Clean, Authentic, Amiga(A500), Amiga(A1200), Amiga(Unfiltered)];
            settings.tone = tones[(value as usize).min(tones.len() - 1)];
        }
        Target::Interpolation => {
            use Interpolation::*;
            settings.interpolation = [None, Linear, Cubic, Sinc][(value as usize).min(3)];
        }
        Target::Ramping => {
            settings.ramping = [Ramping::Format, Ramping::Off, Ramping::On][(value as usize).min(2)];
        }
        Target::EndBehaviour => settings.end = [End::Loop, End::Stop, End::Hold][(value as usize).min(2)],
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::AudioBuffer;
    use crate::dsp::Level;
    use crate::engine::Control;
    use crate::engine::Setup;
    use crate::engine::Worker;
    use crate::engine::table;
    use crate::machine::MachineKind;
    use crate::mixer::Layout;
    use crate::units::SampleRate;

    fn insert(channels: usize) -> (Control, Engine, Worker) {
        desk(channels, false)
    }

    fn desk(channels: usize, look_ahead: bool) -> (Control, Engine, Worker) {
        let table: Arc<[ParameterSpec]> = table().into();
        let values = Arc::new(ParameterValues::new(&table));
        let layout = Layout { main_input: channels, sidechain: 2, outputs: vec![channels, 2] };
        crate::engine::new(EngineConfig {
            rate: SampleRate(48000.0),
            layout,
            table,
            values,
            level: Level::detect(),
            look_ahead,
        })
    }

    fn rendered(engine: &mut Engine, channels: usize, sizes: &[usize]) -> Vec<f32> {
        let mut out = Vec::new();
        for &size in sizes {
            let (mut main, mut aux) = (AudioBuffer::new(channels, size), AudioBuffer::new(2, size));
            (0..channels).for_each(|channel| main.channel_mut(channel).fill(0.5));
            aux.channel_mut(0).fill(9.0);
            let call = Call { frames: size, transport: None, events: &[] };
            engine.render(&call, None, &mut [main.block_mut(size), aux.block_mut(size)]);
            assert!(aux.channel(0).iter().all(|&sample| sample == 0.0));
            out.extend_from_slice(main.channel(channels - 1));
        }
        out
    }

    #[test]
    fn input_passes_an_insert_of_every_width_untouched() {
        for channels in [1, 2, 4, 6, 8] {
            let (_control, mut engine, mut worker) = insert(channels);
            worker.apply(&Setup::default()).unwrap();
            assert_eq!(rendered(&mut engine, channels, &[1, 300, 0, 8192]), vec![0.5; 8493]);
        }
    }

    #[test]
    fn an_engine_without_a_plan_is_silent() {
        let (_control, mut engine, _worker) = insert(2);
        assert_eq!(rendered(&mut engine, 2, &[64]), [0.0; 64]);
    }

    /// An impulse through a dotted eighth of delay at 100 BPM, which rises by 30 in a second or stays; in calls of `size`.
    fn delayed(size: usize, rises: bool) -> Vec<f32> {
        let (control, mut engine, mut worker) = insert(2);
        worker.apply(&Setup::default()).unwrap();
        for (control, parameter) in MachineKind::Delay.parameters().iter().enumerate() {
            let target = Target::InsertMacro { strip: 0, slot: 0, control };
            let index = engine.table.iter().position(|spec| spec.target == target).unwrap();
            engine.values.set(index, parameter.position_of(parameter.default));
        }
        assert!(control.send(control.insert(0, 0, Some(MachineKind::Delay))).is_ok());
        let (mut out, mut frame) = (Vec::new(), 0);
        while frame < 48_000 {
            let frames = size.min(48_000 - frame);
            let mut memory = [AudioBuffer::new(2, frames), AudioBuffer::new(2, frames)];
            if frame == 0 {
                memory[0].channel_mut(0)[0] = 1.0;
            }
            let tempo_increment = if rises { 30.0 / 48_000.0 } else { 0.0 };
            let tempo = 100.0 + tempo_increment * frame as f64;
            let transport = Transport { playing: true, tempo, tempo_increment, ..Transport::default() };
            let call = Call { frames, transport: Some(transport), events: &[] };
            engine.render(&call, None, &mut memory.each_mut().map(|buffer| buffer.block_mut(frames)));
            out.extend_from_slice(memory[0].channel(0));
            frame += frames;
        }
        out
    }

    #[test]
    fn a_delay_follows_the_tempo_of_the_host_whatever_its_calls() {
        let steady = delayed(512, false);
        let loudest = (1..48_000).max_by(|a, b| steady[*a].abs().total_cmp(&steady[*b].abs()));
        assert!((21_600..21_604).contains(&loudest.unwrap()), "{loudest:?}");
        for rises in [false, true] {
            let whole = delayed(8_192, rises);
            for size in [37, 64, 500] {
                assert!(delayed(size, rises) == whole, "calls of {size}, rising: {rises}");
            }
        }
        assert!(delayed(512, true) != steady);
    }

    #[test]
    fn gain_set_before_the_first_frame_is_there_at_once_and_ramps_later() {
        let (_control, mut engine, mut worker) = insert(2);
        worker.apply(&Setup::default()).unwrap();
        let bus = engine.table.iter().position(|spec| spec.target == Target::StripGain(0)).unwrap();
        engine.values.set(bus, f32::NEG_INFINITY);
        assert_eq!(rendered(&mut engine, 2, &[10]), [0.0; 10]);
        engine.values.set(bus, 0.0);
        let out = rendered(&mut engine, 2, &[240, 1]);
        assert!(out[0] > 0.0 && out[0] < 0.01 && out[100] < 0.5);
        assert_eq!(out[239..], [0.5, 0.5]);
    }

    #[test]
    fn the_look_ahead_limiters_reduction_is_the_masters() {
        let (control, mut engine, mut worker) = desk(2, true);
        worker.apply(&Setup::default()).unwrap();
        rendered(&mut engine, 2, &[5000]);
        let reduction = || control.meters()[MASTER].take_reduction().0;
        assert_eq!(reduction(), 0.0);
        let ceiling = engine.table.iter().position(|spec| spec.target == Target::MasterCeiling).unwrap();
        engine.values.set(ceiling, -12.0);
        rendered(&mut engine, 2, &[5000, 100]);
        let found = reduction();
        assert!((found - 6.0).abs() < 0.1, "{found} dB from -6 to -12 dB");
        // Nobody asked meanwhile.
        engine.values.set(ceiling, 0.0);
        rendered(&mut engine, 2, &[40_000; 10]);
        assert!(reduction() > 5.9);
        rendered(&mut engine, 2, &[100]);
        assert!(reduction() < 0.1);
    }

    #[test]
    fn a_replaced_plan_comes_home_to_the_worker() {
        let (_control, mut engine, mut worker) = insert(2);
        let mut setup = Setup::default();
        for bus in 0..200 {
            setup.routing.input = Some(bus % 2);
            worker.apply(&setup).unwrap();
            rendered(&mut engine, 2, &[1]);
        }
        assert!(worker.poll());
    }
}
