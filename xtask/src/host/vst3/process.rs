//! One `IAudioProcessor::process` call from the host's own structures, rule-breaking included.

use std::collections::HashMap;

use ::vst3::ComPtr;
use ::vst3::ComWrapper;
use ::vst3::Steinberg::Vst::ControllerNumbers_::kAfterTouch;
use ::vst3::Steinberg::Vst::ControllerNumbers_::kPitchBend;
use ::vst3::Steinberg::Vst::Event_::EventTypes_::*;
use ::vst3::Steinberg::Vst::NoteExpressionTypeIDs_::*;
use ::vst3::Steinberg::Vst::ProcessContext_::StatesAndFlags_::*;
use ::vst3::Steinberg::Vst::ProcessModes_::kOffline;
use ::vst3::Steinberg::Vst::ProcessModes_::kRealtime;
use ::vst3::Steinberg::Vst::SymbolicSampleSizes_::kSample32;
use ::vst3::Steinberg::Vst::*;
use ::vst3::Steinberg::*;

use super::com::EventList;
use super::com::ParameterChanges;
use super::zeroed;
use crate::host::Audio;
use crate::host::Block;
use crate::host::Event as HostEvent;
use crate::host::EventKind;
use crate::host::HostError;
use crate::host::Note;
use crate::host::NoteAction;
use crate::host::NoteExpression;
use crate::host::Processor;
use crate::host::Setup;
use crate::host::Transport;
use crate::host::Wiring;
use crate::host::audio::WiredBus;

/// Parameter per MIDI channel and controller number (128 is channel pressure, 129 pitch bend).
pub(super) type MidiMap = HashMap<(u8, i16), u32>;

pub(super) struct Vst3Processor {
    processor: ComPtr<IAudioProcessor>,
    component: ComPtr<IComponent>,
    setup: Setup,
    midi: MidiMap,
    /// The first block says `setProcessing`, so that the plugin hears it on the thread that will process.
    started: bool,
}

impl Vst3Processor {
    pub(super) fn new(
        processor: ComPtr<IAudioProcessor>,
        component: ComPtr<IComponent>,
        setup: &Setup,
        midi: MidiMap,
    ) -> Self {
        Self { processor, component, setup: setup.clone(), midi, started: false }
    }

    fn set_processing(&mut self, on: bool) {
        if std::mem::replace(&mut self.started, on) != on {
            // SAFETY: the plugin is alive and active. Plugins that do not care answer "not implemented".
            unsafe { self.processor.setProcessing(on.into()) };
        }
    }

    fn sort_events(&self, events: &[HostEvent], changes: &ParameterChanges, list: &EventList) {
        for event in events {
            match event.kind {
                EventKind::NoteOn { channel, key, velocity } => {
                    let note = Note { id: -1, channel, key };
                    list.events.borrow_mut().extend(raw_note(event.frame, note, NoteAction::On(velocity)));
                }
                EventKind::NoteOff { channel, key, .. } => {
                    let note = Note { id: -1, channel, key };
                    list.events.borrow_mut().extend(raw_note(event.frame, note, NoteAction::Off));
                }
                EventKind::Note { note, action } => {
                    list.events.borrow_mut().extend(raw_note(event.frame, note, action));
                }
                EventKind::Parameter { id, value } => changes.add(id, event.frame as i32, value),
                EventKind::Midi(message) => {
                    if let Some((id, value)) = self.mapped(message) {
                        changes.add(id, event.frame as i32, value);
                    }
                }
            }
        }
    }

    /// Parameter and value of a MIDI message; `None` where the plugin maps nothing.
    fn mapped(&self, [status, first, second]: [u8; 3]) -> Option<(u32, f64)> {
        let seven_bits = |value: u8| f64::from(value) / 127.0;
        let (controller, value) = match status & 0xf0 {
            0xb0 => (i16::from(first), seven_bits(second)),
            0xd0 => (kAfterTouch as i16, seven_bits(first)),
            0xe0 => {
                let bend = u16::from(second) << 7 | u16::from(first);
                (kPitchBend as i16, f64::from(bend) / 16_383.0)
            }
            _ => return None,
        };
        self.midi.get(&(status & 0x0f, controller)).map(|&id| (id, value))
    }
}

impl Drop for Vst3Processor {
    fn drop(&mut self) {
        self.set_processing(false);
    }
}

impl Processor for Vst3Processor {
    fn process(&mut self, block: &Block<'_>, audio: &mut Audio) -> Result<Vec<HostEvent>, HostError> {
        self.set_processing(true);
        switch_off(&mut audio.inputs, &self.setup.inputs_off);
        switch_off(&mut audio.outputs, &self.setup.outputs_off);
        let (mut inputs, mut outputs) = audio.wire();
        let (mut inputs, mut raw_outputs) = (raw_buses(&mut inputs), raw_buses(&mut outputs));
        let changes = ComWrapper::new(ParameterChanges::default());
        let changes_out = ComWrapper::new(ParameterChanges::default());
        let events = ComWrapper::new(EventList::default());
        let events_out = ComWrapper::new(EventList::default());
        self.sort_events(block.events, &changes, &events);
        let mut context = block.transport.map(|transport| raw_context(transport, &self.setup, block.start));
        let mut data = ProcessData {
            processMode: if self.setup.offline { kOffline } else { kRealtime } as i32,
            symbolicSampleSize: kSample32 as i32,
            numSamples: block.frames as i32,
            numInputs: inputs.len() as i32,
            numOutputs: raw_outputs.len() as i32,
            inputs: if inputs.is_empty() { std::ptr::null_mut() } else { inputs.as_mut_ptr() },
            outputs: if raw_outputs.is_empty() { std::ptr::null_mut() } else { raw_outputs.as_mut_ptr() },
            inputParameterChanges: changes.as_com_ref().map_or(std::ptr::null_mut(), |list| list.as_ptr()),
            outputParameterChanges: changes_out
                .as_com_ref()
                .map_or(std::ptr::null_mut(), |list| list.as_ptr()),
            inputEvents: events.as_com_ref().map_or(std::ptr::null_mut(), |list| list.as_ptr()),
            outputEvents: events_out.as_com_ref().map_or(std::ptr::null_mut(), |list| list.as_ptr()),
            processContext: context.as_mut().map_or(std::ptr::null_mut(), std::ptr::from_mut),
        };
        // SAFETY: the plugin is active and processing, `data` and all it points at outlive the call, and planes hold at
        // least `numSamples` frames. What a test wires wrongly on purpose is for the plugin to notice.
        let answer = unsafe { self.processor.process(&raw mut data) };
        for (bus, raw) in audio.outputs.iter_mut().zip(&raw_outputs) {
            bus.silence = raw.silenceFlags;
        }
        if answer != kResultOk {
            return Err(HostError::Refused("process"));
        }
        Ok(events_out.events.borrow().iter().filter_map(host_event).collect())
    }

    /// The format has no words for it.
    fn voices(&mut self) -> Option<u32> {
        None
    }

    fn reset(&mut self) {
        self.set_processing(false);
        // SAFETY: the plugin is alive; this is how VST3 hosts say "forget what sounds".
        unsafe {
            self.component.setActive(0);
            self.component.setActive(1);
        }
    }
}

fn switch_off(buses: &mut [crate::host::Bus], off: &[usize]) {
    for &index in off {
        if let Some(bus) = buses.get_mut(index) {
            bus.wiring = Wiring::Off;
        }
    }
}

fn raw_buses(buses: &mut [WiredBus]) -> Vec<AudioBusBuffers> {
    let raw = |bus: &mut WiredBus| AudioBusBuffers {
        numChannels: bus.channels as i32,
        silenceFlags: bus.silence,
        __field0: AudioBusBuffers__type0 { channelBuffers32: bus.pointer() },
    };
    buses.iter_mut().map(raw).collect()
}

/// `None` for what the format has no words for.
fn raw_note(frame: u32, note: Note, action: NoteAction) -> Option<Event> {
    let mut raw: Event = zeroed();
    raw.sampleOffset = frame as i32;
    let (channel, pitch) = (note.channel.into(), note.key.into());
    match action {
        NoteAction::On(velocity) => {
            raw.r#type = kNoteOnEvent as u16;
            let velocity = velocity as f32;
            raw.__field0.noteOn =
                NoteOnEvent { channel, pitch, tuning: 0.0, velocity, length: 0, noteId: note.id };
        }
        NoteAction::Off => {
            raw.r#type = kNoteOffEvent as u16;
            raw.__field0.noteOff =
                NoteOffEvent { channel, pitch, velocity: 0.0, noteId: note.id, tuning: 0.0 };
        }
        NoteAction::Express(NoteExpression::Pressure, pressure) => {
            raw.r#type = kPolyPressureEvent as u16;
            let pressure = pressure as f32;
            raw.__field0.polyPressure = PolyPressureEvent { channel, pitch, pressure, noteId: note.id };
        }
        NoteAction::Express(expression, value) => {
            raw.r#type = kNoteExpressionValueEvent as u16;
            let (kind, value) = match expression {
                NoteExpression::Volume => (kVolumeTypeID, value / 4.0),
                NoteExpression::Pan => (kPanTypeID, value),
                NoteExpression::Tuning => (kTuningTypeID, value / 240.0 + 0.5),
                NoteExpression::Vibrato => (kVibratoTypeID, value),
                NoteExpression::Expression => (kExpressionTypeID, value),
                NoteExpression::Brightness | NoteExpression::Pressure => (kBrightnessTypeID, value),
            };
            raw.__field0.noteExpressionValue =
                NoteExpressionValueEvent { typeId: kind, noteId: note.id, value };
        }
        NoteAction::Choke | NoteAction::Modulate { .. } | NoteAction::End => return None,
    }
    Some(raw)
}

fn host_event(raw: &Event) -> Option<HostEvent> {
    // SAFETY: the type says which member of the union the plugin filled.
    let kind = unsafe {
        match u32::from(raw.r#type) {
            kNoteOnEvent => {
                let note = raw.__field0.noteOn;
                let (channel, key) = (note.channel as u8, note.pitch as u8);
                EventKind::NoteOn { channel, key, velocity: note.velocity.into() }
            }
            kNoteOffEvent => {
                let note = raw.__field0.noteOff;
                let (channel, key) = (note.channel as u8, note.pitch as u8);
                EventKind::NoteOff { channel, key, velocity: note.velocity.into() }
            }
            kLegacyMIDICCOutEvent => {
                let message = raw.__field0.midiCCOut;
                let (channel, value) = (message.channel as u8, message.value as u8);
                EventKind::Midi(match u32::from(message.controlNumber) {
                    kAfterTouch => [0xd0 | channel, value, 0],
                    kPitchBend => [0xe0 | channel, value, message.value2 as u8],
                    _ => [0xb0 | channel, message.controlNumber, value],
                })
            }
            _ => return None,
        }
    };
    Some(HostEvent { frame: raw.sampleOffset as u32, kind })
}

fn raw_context(transport: &Transport, setup: &Setup, start: u64) -> ProcessContext {
    let mut context: ProcessContext = zeroed();
    let told = transport.told;
    let flags = [
        (true, kContTimeValid),
        (told.tempo, kTempoValid),
        (told.beats, kProjectTimeMusicValid | kBarPositionValid),
        (told.signature, kTimeSigValid),
        (transport.playing, kPlaying),
    ];
    context.state = flags.iter().filter(|(set, _)| *set).fold(0, |state, (_, flag)| state | flag);
    if let Some((from, to)) = transport.loop_beats {
        context.state |= kCycleValid | kCycleActive;
        (context.cycleStartMusic, context.cycleEndMusic) = (from, to);
    }
    context.sampleRate = setup.rate;
    context.projectTimeSamples = transport.frames;
    context.continousTimeSamples = start as i64;
    context.projectTimeMusic = transport.beats;
    context.barPositionMusic = transport.bar().0;
    context.tempo = transport.tempo;
    context.timeSigNumerator = transport.signature.0.into();
    context.timeSigDenominator = transport.signature.1.into();
    context
}
