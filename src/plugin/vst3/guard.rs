//! The COM class in front of the framework's VST3 wrapper: forwards everything and corrects what hosts trip over.
//!
//! In: a host's calls. Out: the same calls with complete bus arrays, pieces the framework's queues can take, the offline flag in
//! time, arrangements by channel count, outputs named and typed so that every host shows them, and no corrupt state.
//! The host's own transport goes to the plugin through the link; the framework's is left empty.

use super::listing::Listing;
use super::sink::Sink;
use super::values::Values;
use super::window::HostLists;
use super::window::Window;
use crate::engine::Transport;
use crate::plugin::buses::Buses;
use crate::plugin::link::Link;
use crate::plugin::pieces::EVENTS_PER_PIECE;
use crate::plugin::pieces::MAX_PIECE_FRAMES;
use crate::plugin::pieces::Pieces;
use crate::plugin::state;
use crate::rt::NoDenormals;
use crate::units::SampleRate;
use atomic_refcell::AtomicRefCell;
use nice_plug::prelude::AudioIOLayout;
use nice_plug::prelude::NonZeroU32;
use nice_plug::prelude::Vst3Plugin;
use nice_plug::wrapper::vst3::Wrapper;
use nice_plug::wrapper::vst3::vst3::Class;
use nice_plug::wrapper::vst3::vst3::ComPtr;
use nice_plug::wrapper::vst3::vst3::ComRef;
use nice_plug::wrapper::vst3::vst3::Steinberg::Vst::*;
use nice_plug::wrapper::vst3::vst3::Steinberg::*;
use std::ops::Range;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

const AUDIO: MediaType = MediaTypes_::kAudio as MediaType;
const INPUT: BusDirection = BusDirections_::kInput as BusDirection;
const OUTPUT: BusDirection = BusDirections_::kOutput as BusDirection;

/// What the guard must know of a plugin beyond what the framework asks.
pub(in crate::plugin) trait Guarded: Vst3Plugin {
    /// Whether the first input is a main one, which the first output takes on in place.
    const PAIRED: bool;
}

/// What only `process` touches between two `setActive`.
struct Audio {
    buses: Buses,
    inputs: Vec<AudioBusBuffers>,
    outputs: Vec<AudioBusBuffers>,
    pieces: Pieces,
    window: Window,
    sink: Sink,
}

/// One plugin as a VST3 host sees it.
pub(super) struct Guard<P: Guarded> {
    inner: Wrapper<P>,
    link: Arc<Link>,
    /// Empty until the host activates; borrowed for the length of a call, so a host that breaks the thread rules gets an error.
    audio: AtomicRefCell<Option<Box<Audio>>>,
    announced_frames: AtomicUsize,
    /// Accepted arrangements of the main input and output; the framework keeps channel counts only.
    main_arrangement: [AtomicU64; 2],
    /// Where the host hears of changes: set on its main thread, and read there or on the framework's own one, which does on Linux
    /// what has no window to do it.
    handler: Arc<AtomicRefCell<Option<ComPtr<IComponentHandler>>>>,
    listing: Listing,
    /// The plugin's own parameters, whose points the framework never sees.
    values: Values,
}

impl<P: Guarded> Class for Guard<P> {
    type Interfaces = (
        IComponent,
        IEditController,
        IAudioProcessor,
        IMidiMapping,
        INoteExpressionController,
        IProcessContextRequirements,
        IUnitInfo,
        ChannelContext::IInfoListener,
    );
}

impl<P: Guarded> Guard<P> {
    pub(super) fn new() -> Self {
        let (link, inner) = Link::around(Wrapper::<P>::new);
        let handler = Arc::new(AtomicRefCell::new(None::<ComPtr<IComponentHandler>>));
        let told = Arc::clone(&handler);
        link.on_change(move |change| {
            let handler = told.try_borrow().ok().and_then(|handler| handler.clone());
            let Some(handler) = handler else { return false };
            let values = if change.values { RestartFlags_::kParamValuesChanged as int32 } else { 0 };
            let latency = if change.restart { RestartFlags_::kLatencyChanged as int32 } else { 0 };
            if values | latency != 0 {
                // SAFETY: the reference keeps the host's object alive, whose methods the framework calls on the same thread.
                unsafe { handler.restartComponent(values | latency) };
            }
            if let Some(handler) = handler.cast::<IComponentHandler2>() {
                // SAFETY: as above.
                unsafe { handler.setDirty(1) };
            }
            true
        });
        let params = link.params();
        let pointers = params.as_ref().map(|params| params.param_map()).unwrap_or_default();
        let listing = Listing::new(&inner, pointers.len());
        let pointers = listing.own_ids().zip(pointers.into_iter().map(|(_, pointer, _)| pointer));
        Guard {
            handler,
            values: Values::new(pointers, params),
            listing,
            inner,
            link,
            audio: AtomicRefCell::new(None),
            announced_frames: AtomicUsize::new(1),
            main_arrangement: [AtomicU64::new(0), AtomicU64::new(0)],
        }
    }

    /// Asks the host to deactivate and activate, since the latency will be another; whether anybody was there to hear it. The
    /// host's main thread.
    fn ask_for_restart(&self) -> bool {
        let handler = self.handler.try_borrow().ok().and_then(|handler| handler.clone());
        // SAFETY: the reference keeps the host's object alive.
        let ask = |handler: ComPtr<IComponentHandler>| unsafe {
            handler.restartComponent(RestartFlags_::kLatencyChanged as int32)
        };
        handler.map(ask).is_some()
    }

    fn bus_channels(&self, direction: BusDirection) -> Vec<usize> {
        // SAFETY: the wrapper's own methods with a target of our own.
        let count = unsafe { self.inner.getBusCount(AUDIO, direction) };
        let channels = |bus| {
            // SAFETY: `BusInfo` is plain data, valid as zeros; the wrapper fills it.
            let mut info: BusInfo = unsafe { std::mem::zeroed() };
            // SAFETY: as above.
            unsafe { self.inner.getBusInfo(AUDIO, direction, bus, &mut info) };
            info.channelCount.max(0) as usize
        };
        (0..count).map(channels).collect()
    }

    fn plan(&self) -> Box<Audio> {
        let inputs = self.bus_channels(INPUT);
        let in_place = if P::PAIRED { inputs.first().copied().unwrap_or(0) } else { 0 };
        let capacity = self.announced_frames.load(Ordering::Relaxed);
        let mut buses = Buses::plan(inputs, self.bus_channels(OUTPUT), in_place, capacity);
        // The framework looks for auxiliary inputs as far as the number of outputs reaches, and the other way round.
        let longer = buses.inputs.channels().len().max(buses.outputs.channels().len());
        Box::new(Audio {
            inputs: bus_array(&mut buses.inputs, longer),
            outputs: bus_array(&mut buses.outputs, longer),
            buses,
            pieces: Pieces::new(),
            window: Window::new(),
            sink: Sink::new(),
        })
    }

    /// # Safety
    /// `call` is the host's structure, valid for this call.
    unsafe fn process_call(&self, call: &ProcessData, audio: &mut Audio) -> tresult {
        let frames = call.numSamples.max(0) as usize;
        // SAFETY: the host's lists are valid during the call; NULL becomes `None`.
        let lists = unsafe {
            HostLists {
                events: ComRef::from_raw(call.inputEvents),
                changes: ComRef::from_raw(call.inputParameterChanges),
            }
        };
        if frames == 0 {
            // SAFETY: the caller's promise.
            return unsafe { self.take_events(call, audio, &lists) };
        }
        // SAFETY: the host's bus arrays hold as many buses as it says, each as many planes as it says, for all frames.
        unsafe {
            let inputs = HostBuses { first: call.inputs, count: call.numInputs };
            let outputs = HostBuses { first: call.outputs, count: call.numOutputs };
            audio.buses.begin(
                frames,
                |bus, channel| inputs.plane(bus, channel),
                |bus, channel| outputs.plane(bus, channel),
            );
        }
        let own = |parameter| self.values.contains(parameter);
        let whole = frames <= audio.buses.capacity() && lists.count() <= EVENTS_PER_PIECE;
        if whole && !lists.names(own) && !lists.mistakable() {
            let (events, changes) = (call.inputEvents, call.inputParameterChanges);
            // SAFETY: the planes hold `frames` frames, which the capacity covers.
            return unsafe { self.process_piece(call, audio, 0..frames, events, changes) };
        }
        audio.pieces.clear();
        lists.note(&mut audio.pieces, frames, own);
        audio.pieces.sort();
        let mut start = 0;
        loop {
            let piece = start..audio.pieces.end(start, frames, audio.buses.capacity());
            let end = piece.end;
            // SAFETY: the piece lies within the call's frames and the capacity.
            let result = unsafe { self.process_part(call, audio, &lists, piece, frames) };
            if result != kResultOk || end >= frames {
                return result;
            }
            start = end;
        }
    }

    /// Takes the events of a call without frames by way of one frame that nobody hears.
    ///
    /// # Safety
    /// As `process_call`.
    unsafe fn take_events(&self, call: &ProcessData, audio: &mut Audio, lists: &HostLists<'_>) -> tresult {
        audio.buses.begin(1, |_, _| ptr::null_mut(), |_, _| ptr::null_mut());
        self.link.announce_empty();
        // SAFETY: every plane is our own and holds a frame.
        unsafe { self.process_part(call, audio, lists, 0..1, 1) }
    }

    /// Processes the frames of `piece` with what happens there.
    ///
    /// # Safety
    /// As `process_piece`.
    unsafe fn process_part(
        &self,
        call: &ProcessData,
        audio: &mut Audio,
        lists: &HostLists<'_>,
        piece: Range<usize>,
        frames: usize,
    ) -> tresult {
        let own = |parameter| self.values.contains(parameter);
        lists.each_own(&piece, frames, own, |parameter, value| self.values.set(parameter, value));
        let dropped = audio.window.show(lists, &piece, frames, own);
        self.link.count_dropped(dropped);
        let (events, changes) = (audio.window.events(), audio.window.changes());
        // SAFETY: the caller's promise.
        unsafe { self.process_piece(call, audio, piece, events, changes) }
    }

    /// # Safety
    /// As `process_call`; `piece` lies within the call's frames and is no longer than the capacity.
    unsafe fn process_piece(
        &self,
        call: &ProcessData,
        audio: &mut Audio,
        piece: Range<usize>,
        events: *mut IEventList,
        changes: *mut IParameterChanges,
    ) -> tresult {
        // SAFETY: the caller's promise.
        unsafe { audio.buses.piece(piece.start, piece.len()) };
        let mut data = ProcessData {
            numSamples: piece.len() as int32,
            numInputs: audio.buses.inputs.channels().len() as int32,
            inputs: audio.inputs.as_mut_ptr(),
            // As long as the array, which the framework's own loops may run to.
            numOutputs: audio.outputs.len() as int32,
            outputs: audio.outputs.as_mut_ptr(),
            inputEvents: events,
            inputParameterChanges: changes,
            // SAFETY: the host's list is valid during its call, at whose end `process` lets it go.
            outputEvents: unsafe { audio.sink.piece(call.outputEvents, piece.start) },
            processContext: ptr::null_mut(),
            ..*call
        };
        // SAFETY: every pointer of `data` outlives the call.
        unsafe { self.inner.process(&mut data) }
    }

    fn layout_for(inputs: &[usize], outputs: &[usize]) -> Option<&'static AudioIOLayout> {
        let buses = |main: Option<NonZeroU32>, aux: &[NonZeroU32]| -> Vec<usize> {
            main.iter().chain(aux).map(|channels| channels.get() as usize).collect()
        };
        P::AUDIO_IO_LAYOUTS.iter().find(|layout| {
            inputs == buses(layout.main_input_channels, layout.aux_input_ports)
                && outputs == buses(layout.main_output_channels, layout.aux_output_ports)
        })
    }
}

/// The array the framework gets: our plane pointers, then empty buses up to `length`.
fn bus_array(side: &mut crate::plugin::buses::Side, length: usize) -> Vec<AudioBusBuffers> {
    let channels = side.channels().to_vec();
    (0..length)
        .map(|bus| AudioBusBuffers {
            numChannels: channels.get(bus).copied().unwrap_or(0) as int32,
            silenceFlags: 0,
            __field0: AudioBusBuffers__type0 {
                channelBuffers32: if bus < channels.len() { side.bus(bus) } else { ptr::null_mut() },
            },
        })
        .collect()
}

/// The host's buses of one direction.
struct HostBuses {
    first: *mut AudioBusBuffers,
    count: int32,
}

impl HostBuses {
    /// NULL for what the host leaves out.
    ///
    /// # Safety
    /// `first` is NULL or points at `count` buses, each with NULL or `numChannels` plane pointers.
    unsafe fn plane(&self, bus: usize, channel: usize) -> *mut f32 {
        if self.first.is_null() || bus >= self.count.max(0) as usize {
            return ptr::null_mut();
        }
        // SAFETY: in bounds, by the check above and the caller's promise.
        let bus = unsafe { &*self.first.add(bus) };
        // SAFETY: both variants of the union are pointers; 32 bits is the only sample size ever agreed to.
        let planes = unsafe { bus.__field0.channelBuffers32 };
        if planes.is_null() || channel >= bus.numChannels.max(0) as usize {
            return ptr::null_mut();
        }
        // SAFETY: in bounds, as above.
        unsafe { *planes.add(channel) }
    }

    /// # Safety
    /// As `plane`.
    unsafe fn clear_silence(&self) {
        for bus in 0..if self.first.is_null() { 0 } else { self.count.max(0) as usize } {
            // SAFETY: in bounds, by the caller's promise.
            unsafe { (*self.first.add(bus)).silenceFlags = 0 };
        }
    }
}

/// Copies `text` as UTF-16, cut to fit and ended by 0.
pub(super) fn write_title(target: &mut String128, text: &str) {
    target.fill(0);
    let last = target.len() - 1;
    for (target, unit) in target[..last].iter_mut().zip(text.encode_utf16()) {
        *target = unit as TChar;
    }
}

/// Forwards methods to the wrapper as they are.
macro_rules! forward {
    ($interface:path { $(fn $method:ident($($name:ident: $kind:ty),*) $(-> $result:ty)?;)* }) => {
        $(unsafe fn $method(&self, $($name: $kind),*) $(-> $result)? {
            // SAFETY: the caller's own promises, passed on.
            unsafe { <Wrapper<P> as $interface>::$method(&self.inner, $($name),*) }
        })*
    };
}

impl<P: Guarded> IPluginBaseTrait for Guard<P> {
    forward!(IPluginBaseTrait {
        fn initialize(context: *mut FUnknown) -> tresult;
        fn terminate() -> tresult;
    });
}

impl<P: Guarded> IComponentTrait for Guard<P> {
    forward!(IComponentTrait {
        fn getControllerClassId(class: *mut TUID) -> tresult;
        fn setIoMode(mode: IoMode) -> tresult;
        fn getBusCount(media: MediaType, direction: BusDirection) -> int32;
        fn activateBus(media: MediaType, direction: BusDirection, bus: int32, state: TBool) -> tresult;
    });

    /// Parameters and rack are saved as of one moment.
    unsafe fn getState(&self, stream: *mut IBStream) -> tresult {
        self.link.settle();
        // SAFETY: the caller's own promises, passed on.
        unsafe { IComponentTrait::getState(&self.inner, stream) }
    }

    /// What arrives in the main input leaves by the main output, channel by channel.
    unsafe fn getRoutingInfo(&self, input: *mut RoutingInfo, output: *mut RoutingInfo) -> tresult {
        // SAFETY: the host's structures, valid during the call; NULL becomes `None`.
        let (Some(input), Some(output)) = (unsafe { (input.as_ref(), output.as_mut()) }) else {
            return kInvalidArgument;
        };
        if !P::PAIRED || input.mediaType != AUDIO || input.busIndex != 0 {
            return kResultFalse;
        }
        *output = *input;
        kResultOk
    }

    /// Types every output as main: Studio One greys out the others. Only the first buses are on from the start, so that hosts do
    /// not open sixteen mixer channels unasked.
    unsafe fn getBusInfo(
        &self,
        media: MediaType,
        direction: BusDirection,
        bus: int32,
        info: *mut BusInfo,
    ) -> tresult {
        // SAFETY: the caller's own promises, passed on.
        let result = unsafe { self.inner.getBusInfo(media, direction, bus, info) };
        if result != kResultOk || media != AUDIO {
            return result;
        }
        // SAFETY: the wrapper has refused NULL and filled the rest.
        let info = unsafe { &mut *info };
        let first = bus == 0 && (direction == OUTPUT || P::PAIRED);
        if first || direction == OUTPUT {
            info.busType = BusTypes_::kMain as BusType;
        }
        if !first {
            info.flags &= !(BusInfo_::BusFlags_::kDefaultActive as u32);
        }
        result
    }

    unsafe fn setActive(&self, state: TBool) -> tresult {
        if state != 0 {
            let Ok(mut audio) = self.audio.try_borrow_mut() else { return kResultFalse };
            *audio = Some(self.plan());
        }
        // SAFETY: the caller's own promises, passed on.
        unsafe { self.inner.setActive(state) }
    }

    /// Looks at the state before the framework applies it: a corrupt one leaves the old one playing.
    unsafe fn setState(&self, stream: *mut IBStream) -> tresult {
        // SAFETY: the host's stream, valid during the call; NULL becomes `None`.
        let Some(host) = (unsafe { ComRef::from_raw(stream) }) else { return kInvalidArgument };
        let mut begin = 0;
        // SAFETY: as above.
        if unsafe { host.tell(&mut begin) } != kResultOk {
            return kResultFalse;
        }
        let Some(bytes) = read_to_end(&host) else { return kResultFalse };
        let Some(instance) = self.link.instance() else { return kResultFalse };
        if let Err(error) = state::examine(&bytes, instance) {
            instance.notify(error.to_string());
            return kResultFalse;
        }
        // SAFETY: as above; the framework reads the same bytes again.
        let result = unsafe {
            let rewound = host.seek(begin, IBStream_::IStreamSeekMode_::kIBSeekSet as int32, ptr::null_mut());
            if rewound != kResultOk { rewound } else { IComponentTrait::setState(&self.inner, stream) }
        };
        self.link.ask_for_restart(|| self.ask_for_restart());
        result
    }
}

/// What is left of a stream; `None` if it fails or holds more than any state may.
fn read_to_end(stream: &ComRef<'_, IBStream>) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut chunk = vec![0u8; 1 << 16];
    loop {
        let mut read = 0;
        // SAFETY: the stream is valid during the host's call; `chunk` holds as many bytes as asked for.
        unsafe { stream.read(chunk.as_mut_ptr().cast(), chunk.len() as int32, &mut read) };
        // At the end some hosts answer with an error, so only the count tells.
        match usize::try_from(read) {
            Ok(0) => return Some(bytes),
            Ok(read) if read <= chunk.len() && bytes.len() + read <= state::MAX_BYTES => {
                bytes.extend_from_slice(&chunk[..read]);
            }
            _ => return None,
        }
    }
}

impl<P: Guarded> IAudioProcessorTrait for Guard<P> {
    forward!(IAudioProcessorTrait {
        fn canProcessSampleSize(size: int32) -> tresult;
        fn getTailSamples() -> uint32;
    });

    /// The framework would tell the last engine's until the next one is made, and some hosts ask before that.
    unsafe fn getLatencySamples(&self) -> uint32 {
        self.link.instance().map_or(0, |instance| instance.latency()) as uint32
    }

    /// Chooses by channel counts; the framework indexes the arrays from the wrong bus where there is no main input.
    unsafe fn setBusArrangements(
        &self,
        inputs: *mut SpeakerArrangement,
        input_count: int32,
        outputs: *mut SpeakerArrangement,
        output_count: int32,
    ) -> tresult {
        // SAFETY: the host's arrays hold as many entries as it says.
        let lists = unsafe { (arrangements(inputs, input_count), arrangements(outputs, output_count)) };
        let (Some(inputs), Some(outputs)) = lists else { return kInvalidArgument };
        let (widths_in, widths_out) = (widths(inputs), widths(outputs));
        let Some(layout) = Self::layout_for(&widths_in, &widths_out) else { return kResultFalse };
        // Where there is no main bus, the framework reads the auxiliary ones from index 1 on.
        let shifted = |widths: &[usize], has_main: bool| -> Vec<SpeakerArrangement> {
            let gap = if has_main { 0 } else { 1 };
            std::iter::repeat_n(0, gap)
                .chain(widths.iter().map(|width| (1 << width) - 1))
                .chain([0])
                .collect()
        };
        let mut fed_in = shifted(&widths_in, layout.main_input_channels.is_some());
        let mut fed_out = shifted(&widths_out, layout.main_output_channels.is_some());
        // SAFETY: both arrays are longer than the framework's furthest index.
        let result = unsafe {
            let (fed_in, fed_out) = (fed_in.as_mut_ptr(), fed_out.as_mut_ptr());
            self.inner.setBusArrangements(fed_in, input_count, fed_out, output_count)
        };
        if result == kResultOk {
            for (kept, asked) in self.main_arrangement.iter().zip([inputs, outputs]) {
                kept.store(asked.first().copied().unwrap_or(0), Ordering::Relaxed);
            }
        }
        result
    }

    unsafe fn getBusArrangement(
        &self,
        direction: BusDirection,
        bus: int32,
        arrangement: *mut SpeakerArrangement,
    ) -> tresult {
        let channels = self.bus_channels(direction);
        let width = usize::try_from(bus).ok().and_then(|bus| channels.get(bus));
        let (Some(width), false) = (width, arrangement.is_null()) else { return kInvalidArgument };
        let side = if direction == INPUT { 0 } else { 1 };
        let kept = self.main_arrangement[side].load(Ordering::Relaxed);
        let named = match width {
            _ if bus == 0 && kept.count_ones() as usize == *width => kept,
            1 => SpeakerArr::kMono,
            2 => SpeakerArr::kStereo,
            4 => SpeakerArr::k40Music,
            6 => SpeakerArr::k51,
            8 => SpeakerArr::k71CineFullRear,
            width => (1 << width) - 1,
        };
        // SAFETY: not NULL, and the host gives room for one arrangement.
        unsafe { *arrangement = named };
        kResultOk
    }

    /// The framework stores the mode after the configuration it belongs to, so it is told twice.
    unsafe fn setupProcessing(&self, setup: *mut ProcessSetup) -> tresult {
        // SAFETY: the host's structure, valid during the call.
        let Some(setup) = (unsafe { setup.as_ref() }) else { return kInvalidArgument };
        if let Some(instance) = self.link.instance() {
            instance.expect_rate(SampleRate(setup.sampleRate));
        }
        let frames = (setup.maxSamplesPerBlock.max(1) as usize).min(MAX_PIECE_FRAMES);
        self.announced_frames.store(frames, Ordering::Relaxed);
        let mut setup = ProcessSetup { maxSamplesPerBlock: frames as int32, ..*setup };
        // SAFETY: a structure of our own.
        unsafe {
            self.inner.setupProcessing(&mut setup);
            self.inner.setupProcessing(&mut setup)
        }
    }

    /// The framework asks for the current thread while it renders, and the first time that allocates: here is early enough.
    unsafe fn setProcessing(&self, state: TBool) -> tresult {
        let _ = std::thread::current();
        // SAFETY: the caller's own promises, passed on.
        unsafe { self.inner.setProcessing(state) }
    }

    #[cfg_attr(feature = "rtsan", rtsan_standalone::nonblocking)]
    unsafe fn process(&self, data: *mut ProcessData) -> tresult {
        let _mode = NoDenormals::new();
        // SAFETY: the host's structure, valid during the call.
        let Some(call) = (unsafe { data.as_ref() }) else { return kInvalidArgument };
        let Ok(mut audio) = self.audio.try_borrow_mut() else { return kResultFalse };
        let Some(audio) = audio.as_deref_mut() else { return kNotInitialized };
        // SAFETY: as above; NULL becomes `None`.
        let context = unsafe { call.processContext.as_ref() };
        self.link.set_transport(Some(context.map_or_else(Transport::free_running, super::transport::read)));
        // SAFETY: as above.
        unsafe {
            let result =
                self.link.measured(call.numSamples.max(0) as usize, || self.process_call(call, audio));
            audio.sink.end();
            HostBuses { first: call.outputs, count: call.numOutputs }.clear_silence();
            result
        }
    }
}

/// # Safety
/// `first` is NULL or points at `count` arrangements.
unsafe fn arrangements<'a>(first: *mut SpeakerArrangement, count: int32) -> Option<&'a [SpeakerArrangement]> {
    match usize::try_from(count).ok()? {
        0 => Some(&[]),
        _ if first.is_null() => None,
        // SAFETY: the caller's promise.
        count => Some(unsafe { std::slice::from_raw_parts(first, count) }),
    }
}

fn widths(arrangements: &[SpeakerArrangement]) -> Vec<usize> {
    arrangements.iter().map(|arrangement| arrangement.count_ones() as usize).collect()
}

impl<P: Guarded> IEditControllerTrait for Guard<P> {
    forward!(IEditControllerTrait {
        fn setComponentState(stream: *mut IBStream) -> tresult;
        fn setState(stream: *mut IBStream) -> tresult;
        fn getState(stream: *mut IBStream) -> tresult;
        fn getParamValueByString(parameter: ParamID, text: *mut TChar, value: *mut ParamValue) -> tresult;
        fn normalizedParamToPlain(parameter: ParamID, value: ParamValue) -> ParamValue;
        fn plainParamToNormalized(parameter: ParamID, value: ParamValue) -> ParamValue;
        fn getParamNormalized(parameter: ParamID) -> ParamValue;
        fn setParamNormalized(parameter: ParamID, value: ParamValue) -> tresult;
        fn createView(name: FIDString) -> *mut IPlugView;
    });

    unsafe fn setComponentHandler(&self, handler: *mut IComponentHandler) -> tresult {
        // SAFETY: the host's object, valid during the call; NULL becomes `None`.
        let known = unsafe { ComRef::from_raw(handler) };
        let known = known.map(|handler| handler.to_com_ptr());
        // The one before is let go of once nothing is borrowed: that calls the host.
        let old = self.handler.try_borrow_mut().map(|mut kept| std::mem::replace(&mut *kept, known));
        drop(old);
        // SAFETY: the caller's own promises, passed on.
        let result = unsafe { self.inner.setComponentHandler(handler) };
        if !handler.is_null() {
            // What a state asked for that was restored before is no change of the project.
            self.link.ask_for_restart(|| self.ask_for_restart());
            self.link.catch_up();
        }
        result
    }

    unsafe fn getParameterCount(&self) -> int32 {
        self.listing.count()
    }

    unsafe fn getParameterInfo(&self, index: int32, info: *mut ParameterInfo) -> tresult {
        // SAFETY: the host gives room for one description; NULL becomes `None`.
        let Some(info) = (unsafe { info.as_mut() }) else { return kInvalidArgument };
        if self.listing.describe(index, info) { kResultOk } else { kInvalidArgument }
    }

    unsafe fn getParamStringByValue(
        &self,
        parameter: ParamID,
        value: ParamValue,
        text: *mut String128,
    ) -> tresult {
        // SAFETY: the host gives room for one text; NULL becomes `None`.
        let (Some(words), Some(text)) = (self.values.text(parameter, value), unsafe { text.as_mut() }) else {
            return kInvalidArgument;
        };
        write_title(text, &words);
        kResultOk
    }
}

impl<P: Guarded> IMidiMappingTrait for Guard<P> {
    forward!(IMidiMappingTrait {
        fn getMidiControllerAssignment(
            bus: int32, channel: int16, controller: CtrlNumber, parameter: *mut ParamID
        ) -> tresult;
    });
}

impl<P: Guarded> INoteExpressionControllerTrait for Guard<P> {
    forward!(INoteExpressionControllerTrait {
        fn getNoteExpressionCount(bus: int32, channel: int16) -> int32;
        fn getNoteExpressionInfo(
            bus: int32, channel: int16, index: int32, info: *mut NoteExpressionTypeInfo
        ) -> tresult;
        fn getNoteExpressionStringByValue(
            bus: int32, channel: int16, kind: NoteExpressionTypeID, value: NoteExpressionValue, text: *mut String128
        ) -> tresult;
        fn getNoteExpressionValueByString(
            bus: int32, channel: int16, kind: NoteExpressionTypeID, text: *const TChar, value: *mut NoteExpressionValue
        ) -> tresult;
    });
}

impl<P: Guarded> IProcessContextRequirementsTrait for Guard<P> {
    forward!(IProcessContextRequirementsTrait {
        fn getProcessContextRequirements() -> uint32;
    });
}

impl<P: Guarded> IUnitInfoTrait for Guard<P> {
    forward!(IUnitInfoTrait {
        fn getUnitCount() -> int32;
        fn getUnitInfo(index: int32, info: *mut UnitInfo) -> tresult;
        fn getProgramListCount() -> int32;
        fn getProgramListInfo(index: int32, info: *mut ProgramListInfo) -> tresult;
        fn getProgramName(list: ProgramListID, index: int32, name: *mut String128) -> tresult;
        fn getProgramInfo(
            list: ProgramListID, index: int32, attribute: Vst::CString, value: *mut String128
        ) -> tresult;
        fn hasProgramPitchNames(list: ProgramListID, index: int32) -> tresult;
        fn getProgramPitchName(
            list: ProgramListID, index: int32, pitch: int16, name: *mut String128
        ) -> tresult;
        fn getSelectedUnit() -> UnitID;
        fn selectUnit(unit: UnitID) -> tresult;
        fn getUnitByBus(
            media: MediaType, direction: BusDirection, bus: int32, channel: int32, unit: *mut UnitID
        ) -> tresult;
        fn setUnitProgramData(list: int32, index: int32, data: *mut IBStream) -> tresult;
    });
}

impl<P: Guarded> ChannelContext::IInfoListenerTrait for Guard<P> {
    forward!(ChannelContext::IInfoListenerTrait {
        fn setChannelContextInfos(list: *mut IAttributeList) -> tresult;
    });
}
