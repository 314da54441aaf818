//! The plugins: the framework's `Plugin` over the engine, behind our own guard (VST3) and proxy (CLAP).
//!
//! In: host buffers, notes and parameter changes in pieces. Out: the same buffers rendered by the engine, borrowed and not copied.
//! `process` is real-time; all else is the host's main thread. The framework's transport is not used: guard and proxy read the
//! host's own and hand it over through the `Link`. One list names the plugins for both formats.

mod buses;
mod clap;
#[cfg(feature = "planted-fault")]
mod fault;
mod history;
mod instance;
#[cfg(test)]
pub(crate) mod instance_tests;
mod instruments;
mod kind;
mod link;
mod machines;
mod news;
mod notes;
#[cfg(test)]
pub(crate) mod open_tests;
mod pieces;
mod recording;
mod sources;
mod state;
mod vst3;
mod work;
mod worker;

pub(crate) use history::Way;
pub(crate) use instance::Edit;
pub(crate) use instance::Instance;
pub(crate) use instance::ONE_SHOT_SECONDS;
pub(crate) use instance::Onto;
pub(crate) use instance::View;
pub(crate) use instruments::InstrumentEdit;
pub(crate) use kind::INSTRUMENT_CLAP_ID;
pub(crate) use machines::MachineEdit;
pub(crate) use machines::Place;
pub(crate) use news::TellOfChange;
pub(crate) use sources::SourceEdit;
pub(crate) use worker::Watcher;

use crate::audio::AudioBlock;
use crate::audio::AudioBlockMut;
use crate::editor;
use crate::engine::Call;
use crate::engine::Engine;
use crate::engine::Event;
use crate::mixer::Layout;
use crate::params::BuskerParams;
use crate::tracker::KEYBOARD_VOICES;
use crate::units::SampleRate;
use kind::Insert;
use kind::Instrument;
use kind::Kind;
use link::Link;
use news::News;
use nice_plug::context::process::SendEventError;
use nice_plug::prelude::*;
use nice_plug::wrapper::clap::PluginDescriptor;
use nice_plug::wrapper::clap::clap_host;
use nice_plug::wrapper::clap::clap_plugin;
use nice_plug::wrapper::vst3::PluginInfo;
use nice_plug::wrapper::vst3::vst3::Steinberg::FIDString;
use nice_plug::wrapper::vst3::vst3::Steinberg::tresult;
use std::ffi::c_void;
use std::marker::PhantomData;
use std::sync::Arc;

/// Outputs of the plugin that has most.
const MAX_OUTPUTS: usize = 16;

/// How to describe and make one plugin in each format.
struct Listed {
    clap_descriptor: fn() -> PluginDescriptor,
    create_clap: unsafe fn(*const clap_host) -> *const clap_plugin,
    vst3_info: fn() -> PluginInfo,
    create_vst3: unsafe fn(FIDString, *mut *mut c_void) -> tresult,
}

impl Listed {
    const fn of<K: Kind>() -> Self {
        Listed {
            clap_descriptor: PluginDescriptor::for_plugin::<Busker<K>>,
            create_clap: clap::create::<Busker<K>>,
            vst3_info: PluginInfo::for_plugin::<Busker<K::Vst3>>,
            create_vst3: vst3::create::<Busker<K::Vst3>>,
        }
    }
}

/// The plugins of the library, in the order hosts list them.
static PLUGINS: [Listed; 2] = [Listed::of::<Instrument>(), Listed::of::<Insert>()];

/// Called by every entry point; the framework does it once.
fn start_logging() {
    nice_plug::wrapper::setup_logger::<Busker<Instrument>>();
}

/// One instance behind the framework's wrapper.
pub(crate) struct Busker<K: Kind> {
    link: Arc<Link>,
    instance: Arc<Instance>,
    params: Arc<BuskerParams>,
    engine: Option<Engine>,
    /// Whether the host renders faster or slower than time; then the plugin waits for its worker.
    offline: bool,
    /// Whether the last wait for recordings was in vain.
    stuck: bool,
    /// The same for lanes.
    starved: bool,
    /// What the next frames begin with; then what they bring.
    events: Vec<Event>,
    #[cfg(feature = "planted-fault")]
    fault: fault::Fault,
    kind: PhantomData<K>,
}

impl<K: Kind> Default for Busker<K> {
    fn default() -> Self {
        let link = Link::take();
        let instance = Instance::new::<K>();
        let (table, values) = (Arc::clone(instance.table()), Arc::clone(instance.values()));
        let params = Arc::new(BuskerParams::new(table, &values, Arc::<Instance>::clone(&instance)));
        link.attach(Arc::clone(&instance), Arc::clone(&params));
        Busker {
            link,
            instance,
            params,
            engine: None,
            offline: false,
            stuck: false,
            starved: false,
            events: Vec::with_capacity(pieces::EVENT_CAPACITY),
            #[cfg(feature = "planted-fault")]
            fault: fault::Fault::chosen(),
            kind: PhantomData,
        }
    }
}

impl<K: Kind> Plugin for Busker<K> {
    const NAME: &'static str = K::NAME;
    const VENDOR: &'static str = "Busker";
    const URL: &'static str = "";
    const EMAIL: &'static str = "";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const AUDIO_IO_LAYOUTS: &'static [AudioIOLayout] = K::LAYOUTS;
    const MIDI_INPUT: MidiConfig = MidiConfig::MidiCCs;
    const MIDI_OUTPUT: MidiConfig = MidiConfig::MidiCCs;
    const SAMPLE_ACCURATE_AUTOMATION: bool = true;
    const INPUT_EVENT_CAPACITY: usize = pieces::EVENT_CAPACITY;

    type Editor = editor::Editor;
    type SysExMessage = ();
    type BackgroundTask = TellOfChange;

    fn params(&self) -> Arc<dyn Params> {
        Arc::<BuskerParams>::clone(&self.params)
    }

    fn task_executor(&mut self) -> TaskExecutor<Self> {
        let link = Arc::clone(&self.link);
        Box::new(move |task: TellOfChange| task.run(|| link.changed()))
    }

    fn editor(&mut self, main_thread: AsyncExecutor<Self>) -> Option<Self::Editor> {
        let news = Arc::<News>::default();
        let announce = move || news.come().into_iter().for_each(|task| main_thread.execute_gui(task));
        self.instance.announce(Box::new(announce));
        Some(editor::create(Arc::clone(&self.instance), Arc::clone(&self.params)))
    }

    fn filter_state(state: &mut PluginState) {
        state::complete(state);
    }

    fn activate(
        &mut self,
        layout: &AudioIOLayout,
        config: &BufferConfig,
        _: &mut impl ActivateContext<Self>,
    ) -> bool {
        let layout = engine_layout::<K>(layout);
        self.offline = config.process_mode == ProcessMode::Offline;
        self.events.clear();
        match self.instance.start(SampleRate(f64::from(config.sample_rate)), layout) {
            Ok(engine) => self.engine = Some(engine),
            Err(error) => {
                self.instance.notify(error.to_string());
                self.engine = None;
            }
        }
        self.engine.is_some()
    }

    fn deactivate(&mut self) {
        self.instance.stop();
    }

    fn reset(&mut self) {
        self.events.clear();
        if let Some(engine) = &mut self.engine {
            engine.reset();
        }
    }

    fn process(
        &mut self,
        buffer: &mut Buffer<'_>,
        aux: &mut AuxiliaryBuffers<'_>,
        context: &mut impl ProcessContext<Self>,
    ) -> ProcessStatus {
        #[cfg(feature = "planted-fault")]
        self.fault.strike(&self.instance, buffer.samples());
        self.collect(context);
        if self.link.take_empty() {
            return ProcessStatus::KeepAlive;
        }
        if self.offline {
            self.instance.wait_for_worker();
        }
        let Some(engine) = &mut self.engine else { return ProcessStatus::Error("not activated") };
        if self.offline {
            self.instance.wait_for_room(engine, buffer.samples(), &mut self.stuck);
        }
        let call =
            Call { frames: buffer.samples(), transport: self.link.next_transport(), events: &self.events };
        if self.offline {
            self.instance.wait_for_lanes(engine, &call, &mut self.starved);
        }
        // Where the framework knows no main bus, the first auxiliary ones are it.
        let main_is_aux = buffer.channels() == 0;
        let mut outputs: [AudioBlockMut<'_>; MAX_OUTPUTS] = std::array::from_fn(|_| AudioBlockMut::new([]));
        let mut count = 0;
        let main = (!main_is_aux).then(|| borrowed(buffer));
        let buses = main.into_iter().chain(aux.outputs.iter_mut().map(borrowed));
        for (output, bus) in outputs.iter_mut().zip(buses) {
            *output = bus;
            count += 1;
        }
        let mut inputs = aux.inputs.iter().map(|input| input.as_slice_immutable());
        if K::PAIRED && main_is_aux {
            let input = inputs.next().unwrap_or_default();
            outputs[0].planes_mut().zip(input).for_each(|(to, from)| to.copy_from_slice(from));
        }
        let side = AudioBlock::of_mut(inputs.next().unwrap_or_default());
        let dropped = engine.dropped_outgoing();
        engine.render(&call, Some(&side), &mut outputs[..count]);
        let refused = send(engine.outgoing(), context);
        self.instance.count_dropped(refused + (engine.dropped_outgoing() - dropped) as usize);
        self.events.clear();
        ProcessStatus::KeepAlive
    }
}

impl<K: Kind> Busker<K> {
    /// Takes the framework's events of a piece, after those of calls without frames. Real-time: yes.
    fn collect(&mut self, context: &mut impl ProcessContext<Self>) {
        while let Some(note) = context.next_event() {
            let Some(event) = notes::read(&note) else { continue };
            if self.events.len() < pieces::EVENT_CAPACITY {
                self.events.push(event);
            } else {
                self.instance.count_dropped(1);
            }
        }
    }
}

/// Hands a piece's events to the host; returns how many it had no room for. Real-time: yes.
///
/// The framework keeps none of them: each goes straight into the host's list.
fn send<K: Kind>(events: &[Event], context: &mut impl ProcessContext<Busker<K>>) -> usize {
    let full = |event: &Event, context: &mut _| {
        let Some(note) = notes::write(event) else { return false };
        let sent = ProcessContext::<Busker<K>>::try_send_event(context, note);
        matches!(sent, Err((_, SendEventError::HostBufferFull)))
    };
    events.iter().filter(|event| full(event, context)).count()
}

/// The planes of one bus, where the host put them.
fn borrowed<'a>(buffer: &'a mut Buffer<'_>) -> AudioBlockMut<'a> {
    AudioBlockMut::new(buffer.as_slice().iter_mut().map(|plane| &mut **plane))
}

/// The buses as the engine counts them: main input and sidechain, then every output.
fn engine_layout<K: Kind>(layout: &AudioIOLayout) -> Layout {
    let widths = |main: Option<NonZeroU32>, aux: &[NonZeroU32]| -> Vec<usize> {
        main.iter().chain(aux).map(|channels| channels.get() as usize).collect()
    };
    let mut inputs = widths(layout.main_input_channels, layout.aux_input_ports).into_iter();
    Layout {
        main_input: if K::PAIRED { inputs.next().unwrap_or(0) } else { 0 },
        sidechain: inputs.next().unwrap_or(0),
        outputs: widths(layout.main_output_channels, layout.aux_output_ports),
    }
}

impl<K: Kind> vst3::Guarded for Busker<K> {
    const PAIRED: bool = K::PAIRED;
}

impl<K: Kind> ClapPlugin for Busker<K> {
    const CLAP_ID: &'static str = K::CLAP_ID;
    const CLAP_DESCRIPTION: Option<&'static str> = Some(K::DESCRIPTION);
    const CLAP_MANUAL_URL: Option<&'static str> = None;
    const CLAP_SUPPORT_URL: Option<&'static str> = None;
    const CLAP_FEATURES: &'static [ClapFeature] = K::CLAP_FEATURES;
    const CLAP_POLY_MODULATION_CONFIG: Option<PolyModulationConfig> = Some(PolyModulationConfig {
        max_voice_capacity: KEYBOARD_VOICES as u32,
        supports_overlapping_voices: true,
    });
}

impl<K: Kind> Vst3Plugin for Busker<K> {
    const VST3_CLASS_ID: [u8; 16] = K::VST3_CLASS_ID;
    const VST3_SUBCATEGORIES: &'static [Vst3SubCategory] = K::VST3_SUBCATEGORIES;
}
