//! One `clap_process` call from the host's own structures, rule-breaking included.

use std::ffi::c_void;
use std::sync::Arc;

use clack_host::prelude::PluginAudioProcessor;
use clack_host::prelude::StoppedPluginAudioProcessor;
use clap_sys::audio_buffer::clap_audio_buffer;
use clap_sys::events::*;
use clap_sys::fixedpoint::CLAP_BEATTIME_FACTOR;
use clap_sys::fixedpoint::CLAP_SECTIME_FACTOR;
use clap_sys::plugin::clap_plugin;
use clap_sys::process::CLAP_PROCESS_ERROR;
use clap_sys::process::clap_process;

use super::Handlers;
use super::Ranges;
use super::handlers::PROCESSING;
use crate::host::Audio;
use crate::host::Event;
use crate::host::EventKind;
use crate::host::HostError;
use crate::host::Note;
use crate::host::NoteAction;
use crate::host::NoteExpression;
use crate::host::Processor;
use crate::host::Transport;
use crate::host::Wiring;
use crate::host::audio::WiredBus;

pub(super) struct ClapProcessor {
    /// Started by the first block, since `start_processing` belongs to the audio thread. Always there until `drop`.
    inner: Option<PluginAudioProcessor<Handlers>>,
    ranges: Arc<Ranges>,
    off: (Vec<usize>, Vec<usize>),
}

impl ClapProcessor {
    pub(super) fn new(
        stopped: StoppedPluginAudioProcessor<Handlers>,
        ranges: Arc<Ranges>,
        off: (Vec<usize>, Vec<usize>),
    ) -> Self {
        Self { inner: Some(stopped.into()), ranges, off }
    }
}

impl Drop for ClapProcessor {
    fn drop(&mut self) {
        if let Some(inner) = self.inner.take() {
            inner.into_stopped();
        }
    }
}

impl Processor for ClapProcessor {
    fn process(
        &mut self,
        block: &crate::host::Block<'_>,
        audio: &mut Audio,
    ) -> Result<Vec<Event>, HostError> {
        let inner = self.inner.as_mut().ok_or(HostError::Missing("processor"))?;
        let started =
            inner.ensure_processing_started().map_err(|_| HostError::Refused("start_processing"))?;
        switch_off(audio, &self.off);
        let (mut inputs, mut outputs) = audio.wire();
        let inputs = raw_buses(&mut inputs);
        let mut raw_outputs = raw_buses(&mut outputs);
        let events = RawEvents::of(block, &self.ranges);
        let mut sent: Vec<Event> = Vec::new();
        let in_events = clap_input_events {
            ctx: (&raw const events).cast_mut().cast(),
            size: Some(event_count),
            get: Some(event_at),
        };
        let out_events = clap_output_events { ctx: (&raw mut sent).cast(), try_push: Some(take_event) };
        let transport = block.transport.map(|transport| raw_transport(0, transport));
        let process = clap_process {
            steady_time: block.start as i64,
            frames_count: block.frames as u32,
            transport: transport.as_ref().map_or(std::ptr::null(), std::ptr::from_ref),
            audio_inputs: if inputs.is_empty() { std::ptr::null() } else { inputs.as_ptr() },
            audio_outputs: if raw_outputs.is_empty() {
                std::ptr::null_mut()
            } else {
                raw_outputs.as_mut_ptr()
            },
            audio_inputs_count: inputs.len() as u32,
            audio_outputs_count: raw_outputs.len() as u32,
            in_events: &raw const in_events,
            out_events: &raw const out_events,
        };
        let handle = started.plugin_handle();
        let plugin = handle.as_raw_ptr();
        PROCESSING.set(true);
        // SAFETY: the plugin is active and processing, `process` and all it points at outlive the call, and planes
        // hold at least `frames` frames. What a test wires wrongly on purpose is for the plugin to notice.
        let status =
            unsafe { handle.as_raw().process.map(|process_block| process_block(plugin, &raw const process)) };
        PROCESSING.set(false);
        for (bus, raw) in audio.outputs.iter_mut().zip(&raw_outputs) {
            bus.silence = raw.constant_mask;
        }
        match status {
            Some(CLAP_PROCESS_ERROR) => Err(HostError::Refused("process")),
            Some(_) => Ok(sent),
            None => Err(HostError::Missing("process")),
        }
    }

    fn voices(&mut self) -> Option<u32> {
        /// The structure behind our plugins' `org.busker.figures/1`.
        #[repr(C)]
        struct Figures {
            voices: Option<unsafe extern "C" fn(*const clap_plugin) -> u32>,
        }
        let handle = self.inner.as_ref()?.shared_plugin_handle();
        let plugin = handle.as_raw_ptr();
        // SAFETY: the plugin is alive; what it answers for this id is the structure above, which lives as long.
        unsafe {
            let figures = handle.as_raw().get_extension?(plugin, c"org.busker.figures/1".as_ptr());
            figures.cast::<Figures>().as_ref()?.voices.map(|voices| voices(plugin))
        }
    }

    fn reset(&mut self) {
        if let Some(inner) = self.inner.as_mut() {
            inner.reset();
        }
    }
}

fn switch_off(audio: &mut Audio, off: &(Vec<usize>, Vec<usize>)) {
    for (buses, off) in [(&mut audio.inputs, &off.0), (&mut audio.outputs, &off.1)] {
        for &index in off {
            if let Some(bus) = buses.get_mut(index) {
                bus.wiring = Wiring::Off;
            }
        }
    }
}

fn raw_buses(buses: &mut [WiredBus]) -> Vec<clap_audio_buffer> {
    let raw = |bus: &mut WiredBus| clap_audio_buffer {
        data32: bus.pointer(),
        data64: std::ptr::null_mut(),
        channel_count: bus.channels as u32,
        latency: 0,
        constant_mask: bus.silence,
    };
    buses.iter_mut().map(raw).collect()
}

enum RawEvent {
    Note(clap_event_note),
    Midi(clap_event_midi),
    Expression(clap_event_note_expression),
    Modulation(clap_event_param_mod),
    Parameter(clap_event_param_value),
    Transport(clap_event_transport),
}

impl RawEvent {
    fn header(&self) -> &clap_event_header {
        match self {
            Self::Note(event) => &event.header,
            Self::Midi(event) => &event.header,
            Self::Expression(event) => &event.header,
            Self::Modulation(event) => &event.header,
            Self::Parameter(event) => &event.header,
            Self::Transport(event) => &event.header,
        }
    }
}

/// Events in the format's shape; the plugin reads them through `event_count` and `event_at`.
struct RawEvents(Vec<RawEvent>);

impl RawEvents {
    /// All that happens in a block; on one frame the transport comes first.
    fn of(block: &crate::host::Block<'_>, ranges: &Ranges) -> Self {
        let bends = block.bends.iter().map(|(frame, bend)| RawEvent::Transport(raw_transport(*frame, bend)));
        let events = block.events.iter().filter_map(|event| raw_event(event, ranges));
        let mut all: Vec<_> = bends.chain(events).collect();
        all.sort_by_key(|event| event.header().time);
        Self(all)
    }
}

fn header<T>(frame: u32, kind: clap_event_type) -> clap_event_header {
    clap_event_header {
        size: size_of::<T>() as u32,
        time: frame,
        space_id: CLAP_CORE_EVENT_SPACE_ID,
        type_: kind,
        flags: 0,
    }
}

/// `None` for parameters the plugin does not have.
fn raw_event(event: &Event, ranges: &Ranges) -> Option<RawEvent> {
    let nameless = |channel, key| Note { id: -1, channel, key };
    Some(match event.kind {
        EventKind::NoteOn { channel, key, velocity } => {
            raw_note(event.frame, CLAP_EVENT_NOTE_ON, nameless(channel, key), velocity)
        }
        EventKind::NoteOff { channel, key, velocity } => {
            raw_note(event.frame, CLAP_EVENT_NOTE_OFF, nameless(channel, key), velocity)
        }
        EventKind::Note { note, action } => raw_action(event.frame, note, action, ranges)?,
        EventKind::Midi(data) => RawEvent::Midi(clap_event_midi {
            header: header::<clap_event_midi>(event.frame, CLAP_EVENT_MIDI),
            port_index: 0,
            data,
        }),
        EventKind::Parameter { id, value } => {
            let &(low, high) = ranges.get(&id)?;
            RawEvent::Parameter(clap_event_param_value {
                header: header::<clap_event_param_value>(event.frame, CLAP_EVENT_PARAM_VALUE),
                param_id: id,
                cookie: std::ptr::null_mut(),
                note_id: -1,
                port_index: -1,
                channel: -1,
                key: -1,
                value: low + value * (high - low),
            })
        }
    })
}

fn raw_note(frame: u32, kind: clap_event_type, note: Note, velocity: f64) -> RawEvent {
    RawEvent::Note(clap_event_note {
        header: header::<clap_event_note>(frame, kind),
        note_id: note.id,
        port_index: 0,
        channel: note.channel.into(),
        key: note.key.into(),
        velocity,
    })
}

/// `None` for parameters the plugin does not have.
fn raw_action(frame: u32, note: Note, action: NoteAction, ranges: &Ranges) -> Option<RawEvent> {
    let (channel, key) = (i16::from(note.channel), i16::from(note.key));
    Some(match action {
        NoteAction::On(velocity) => raw_note(frame, CLAP_EVENT_NOTE_ON, note, velocity),
        NoteAction::Off => raw_note(frame, CLAP_EVENT_NOTE_OFF, note, 0.0),
        NoteAction::Choke => raw_note(frame, CLAP_EVENT_NOTE_CHOKE, note, 0.0),
        NoteAction::End => raw_note(frame, CLAP_EVENT_NOTE_END, note, 0.0),
        NoteAction::Express(expression, value) => RawEvent::Expression(clap_event_note_expression {
            header: header::<clap_event_note_expression>(frame, CLAP_EVENT_NOTE_EXPRESSION),
            expression_id: match expression {
                NoteExpression::Volume => CLAP_NOTE_EXPRESSION_VOLUME,
                NoteExpression::Pan => CLAP_NOTE_EXPRESSION_PAN,
                NoteExpression::Tuning => CLAP_NOTE_EXPRESSION_TUNING,
                NoteExpression::Vibrato => CLAP_NOTE_EXPRESSION_VIBRATO,
                NoteExpression::Expression => CLAP_NOTE_EXPRESSION_EXPRESSION,
                NoteExpression::Brightness => CLAP_NOTE_EXPRESSION_BRIGHTNESS,
                NoteExpression::Pressure => CLAP_NOTE_EXPRESSION_PRESSURE,
            },
            note_id: note.id,
            port_index: 0,
            channel,
            key,
            value,
        }),
        NoteAction::Modulate { parameter, amount } => {
            let &(low, high) = ranges.get(&parameter)?;
            RawEvent::Modulation(clap_event_param_mod {
                header: header::<clap_event_param_mod>(frame, CLAP_EVENT_PARAM_MOD),
                param_id: parameter,
                cookie: std::ptr::null_mut(),
                note_id: note.id,
                port_index: 0,
                channel,
                key,
                amount: amount * (high - low),
            })
        }
    })
}

unsafe extern "C" fn event_count(list: *const clap_input_events) -> u32 {
    // SAFETY: `ctx` is the `RawEvents` that `process` keeps alive during the call.
    unsafe { &*(*list).ctx.cast::<RawEvents>() }.0.len() as u32
}

unsafe extern "C" fn event_at(list: *const clap_input_events, index: u32) -> *const clap_event_header {
    // SAFETY: as in `event_count`.
    let events = unsafe { &*(*list).ctx.cast::<RawEvents>() };
    // The header is the first field of every event.
    match events.0.get(index as usize) {
        Some(RawEvent::Note(event)) => std::ptr::from_ref(event).cast(),
        Some(RawEvent::Midi(event)) => std::ptr::from_ref(event).cast(),
        Some(RawEvent::Expression(event)) => std::ptr::from_ref(event).cast(),
        Some(RawEvent::Modulation(event)) => std::ptr::from_ref(event).cast(),
        Some(RawEvent::Parameter(event)) => std::ptr::from_ref(event).cast(),
        Some(RawEvent::Transport(event)) => std::ptr::from_ref(event).cast(),
        None => std::ptr::null(),
    }
}

unsafe extern "C" fn take_event(list: *const clap_output_events, event: *const clap_event_header) -> bool {
    // SAFETY: `ctx` is the vector that `process` keeps alive during the call, and nothing else touches it meanwhile.
    let sent = unsafe { &mut *(*list).ctx.cast::<c_void>().cast::<Vec<Event>>() };
    // SAFETY: the plugin passes a whole event; its header says which.
    let kind = unsafe {
        match (*event).type_ {
            kind @ (CLAP_EVENT_NOTE_ON | CLAP_EVENT_NOTE_OFF | CLAP_EVENT_NOTE_END) => {
                let note = &*event.cast::<clap_event_note>();
                let (id, channel, key) = (note.note_id, note.channel as u8, note.key as u8);
                match (kind, note.velocity) {
                    (CLAP_EVENT_NOTE_ON, velocity) => EventKind::NoteOn { channel, key, velocity },
                    (CLAP_EVENT_NOTE_OFF, velocity) => EventKind::NoteOff { channel, key, velocity },
                    _ => EventKind::Note { note: Note { id, channel, key }, action: NoteAction::End },
                }
            }
            CLAP_EVENT_MIDI => EventKind::Midi((*event.cast::<clap_event_midi>()).data),
            _ => return true,
        }
    };
    // SAFETY: as above.
    sent.push(Event { frame: unsafe { (*event).time }, kind });
    true
}

fn raw_transport(frame: u32, transport: &Transport) -> clap_event_transport {
    let beats = |beats: f64| (beats * CLAP_BEATTIME_FACTOR as f64).round() as i64;
    let seconds = |seconds: f64| (seconds * CLAP_SECTIME_FACTOR as f64).round() as i64;
    let told = transport.told;
    let flags = [
        (told.tempo, CLAP_TRANSPORT_HAS_TEMPO),
        (told.beats, CLAP_TRANSPORT_HAS_BEATS_TIMELINE),
        (told.seconds, CLAP_TRANSPORT_HAS_SECONDS_TIMELINE),
        (told.signature, CLAP_TRANSPORT_HAS_TIME_SIGNATURE),
        (transport.playing, CLAP_TRANSPORT_IS_PLAYING),
        (transport.loop_beats.is_some(), CLAP_TRANSPORT_IS_LOOP_ACTIVE),
        (transport.preroll, CLAP_TRANSPORT_IS_WITHIN_PRE_ROLL),
    ];
    let (loop_start, loop_end) = transport.loop_beats.unwrap_or_default();
    let (bar_start, bar_number) = transport.bar();
    clap_event_transport {
        header: header::<clap_event_transport>(frame, CLAP_EVENT_TRANSPORT),
        flags: flags.iter().filter(|(set, _)| *set).fold(0, |flags, (_, flag)| flags | flag),
        song_pos_beats: beats(transport.beats),
        song_pos_seconds: seconds(transport.seconds),
        tempo: transport.tempo,
        tempo_inc: if told.ramp { transport.tempo_increment } else { 0.0 },
        loop_start_beats: beats(loop_start),
        loop_end_beats: beats(loop_end),
        loop_start_seconds: seconds(loop_start * 60.0 / transport.tempo),
        loop_end_seconds: seconds(loop_end * 60.0 / transport.tempo),
        bar_start: beats(bar_start),
        bar_number,
        tsig_num: transport.signature.0,
        tsig_denom: transport.signature.1,
    }
}
