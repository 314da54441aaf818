//! The VST3 host: module, instance, buses, parameters, state and editor over the plain COM interfaces.
//!
//! Single-component plugins only (processor and controller are one object), which is what the framework makes.
//! Main thread, except for the processor. 32-bit samples, one event bus in and out. `.vstpreset` layout: Steinberg's
//! "VST 3 preset file format".
#![allow(unsafe_code)] // the borders of the VST3 format
#![allow(non_upper_case_globals)] // the format's own names in patterns

mod com;
mod preset;
mod process;

use std::ffi::c_char;
use std::ffi::c_void;
use std::path::Path;

use ::vst3::ComPtr;
use ::vst3::ComWrapper;
use ::vst3::Interface;
use ::vst3::Steinberg::Vst::BusDirections_::kInput;
use ::vst3::Steinberg::Vst::BusDirections_::kOutput;
use ::vst3::Steinberg::Vst::BusInfo as RawBusInfo;
use ::vst3::Steinberg::Vst::BusInfo_::BusFlags_::kDefaultActive;
use ::vst3::Steinberg::Vst::BusTypes_::kMain;
use ::vst3::Steinberg::Vst::MediaTypes_::kAudio;
use ::vst3::Steinberg::Vst::MediaTypes_::kEvent;
use ::vst3::Steinberg::Vst::ParameterInfo as RawParameterInfo;
use ::vst3::Steinberg::Vst::ParameterInfo_::ParameterFlags_::kCanAutomate;
use ::vst3::Steinberg::Vst::ParameterInfo_::ParameterFlags_::kIsHidden;
use ::vst3::Steinberg::Vst::ProcessModes_::kOffline;
use ::vst3::Steinberg::Vst::ProcessModes_::kRealtime;
use ::vst3::Steinberg::Vst::SymbolicSampleSizes_::kSample32;
use ::vst3::Steinberg::Vst::*;
use ::vst3::Steinberg::*;

use super::Bundle;
use super::BusInfo;
use super::Direction;
use super::Format;
use super::HostError;
use super::ParameterInfo;
use super::PluginHost;
use super::PluginInfo;
use super::Processor;
use super::Requests;
use super::Setup;
use com::Application;
use com::Frame;
use com::Handler;
use com::MemoryStream;
use process::MidiMap;
use process::Vst3Processor;

/// The component's state in a `.vstpreset`; the error is one sentence.
pub(super) fn component_of(preset: &[u8]) -> Result<&[u8], &'static str> {
    preset::parse(preset).map(|preset| preset.component)
}

/// A loaded `.vst3` bundle.
pub(super) struct Vst3Bundle {
    factory: ComPtr<IPluginFactory>,
}

fn zeroed<T: Copy>() -> T {
    // SAFETY: used for the format's plain structures of numbers and pointers only, for which zero is a value.
    unsafe { std::mem::zeroed() }
}

fn from_utf16(text: &[u16]) -> String {
    String::from_utf16_lossy(text.split(|&unit| unit == 0).next().unwrap_or_default())
}

fn from_bytes(text: &[c_char]) -> String {
    let bytes: Vec<u8> = text.iter().take_while(|&&byte| byte != 0).map(|&byte| byte as u8).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hexadecimal(id: &TUID) -> String {
    id.iter().map(|&byte| format!("{:02X}", byte as u8)).collect()
}

impl Vst3Bundle {
    pub(super) fn open(bundle: &Path) -> Result<Self, HostError> {
        let stem = bundle.file_stem().unwrap_or_default();
        let folder = format!("Contents/{}-linux", std::env::consts::ARCH);
        let file = bundle.join(folder).join(stem).with_extension("so");
        if !file.exists() {
            return Err(HostError::NoBundle(file));
        }
        let failed = |reason: String| HostError::Load { bundle: bundle.to_owned(), reason };
        // SAFETY: loading runs the library's initialisers; the caller names a plugin that it means to run. The library
        // is never unloaded: threads and thread-local destructors of plugins do not survive that.
        unsafe {
            let library =
                Box::leak(Box::new(libloading::Library::new(&file).map_err(|e| failed(e.to_string()))?));
            let enter: libloading::Symbol<unsafe extern "system" fn(*mut c_void) -> bool> =
                library.get(b"ModuleEntry\0").map_err(|e| failed(e.to_string()))?;
            let get_factory: libloading::Symbol<unsafe extern "system" fn() -> *mut c_void> =
                library.get(b"GetPluginFactory\0").map_err(|e| failed(e.to_string()))?;
            if !enter(std::ptr::from_ref(library).cast_mut().cast()) {
                return Err(HostError::Refused("ModuleEntry"));
            }
            let factory =
                ComPtr::from_raw(get_factory().cast()).ok_or(HostError::Missing("plugin factory"))?;
            Ok(Self { factory })
        }
    }

    fn classes(&self) -> Vec<(TUID, PluginInfo)> {
        let factory2 = self.factory.cast::<IPluginFactory2>();
        let describe = |index| {
            let mut class: PClassInfo = zeroed();
            let mut class2: PClassInfo2 = zeroed();
            // SAFETY: the factory is alive and fills the structures it is given.
            let known = unsafe {
                if let Some(factory) = &factory2 {
                    factory.getClassInfo2(index, &raw mut class2);
                }
                self.factory.getClassInfo(index, &raw mut class)
            };
            let effect = known == kResultOk && from_bytes(&class.category) == "Audio Module Class";
            effect.then(|| {
                let (vendor, version) = (from_bytes(&class2.vendor), from_bytes(&class2.version));
                (
                    class.cid,
                    PluginInfo {
                        id: hexadecimal(&class.cid),
                        name: from_bytes(&class.name),
                        vendor,
                        version,
                    },
                )
            })
        };
        // SAFETY: the factory is alive.
        (0..unsafe { self.factory.countClasses() }).filter_map(describe).collect()
    }

    fn create<I: Interface>(&self, class: &TUID) -> Option<ComPtr<I>> {
        let mut object: *mut c_void = std::ptr::null_mut();
        // SAFETY: both ids are 16 bytes and the factory stores an owned pointer of the asked interface.
        unsafe {
            self.factory.createInstance(class.as_ptr(), I::IID.as_ptr().cast(), &raw mut object);
            ComPtr::from_raw(object.cast())
        }
    }
}

impl Bundle for Vst3Bundle {
    fn plugins(&self) -> Result<Vec<PluginInfo>, HostError> {
        Ok(self.classes().into_iter().map(|(_, info)| info).collect())
    }

    fn instantiate(&self, plugin: &str) -> Result<Box<dyn PluginHost>, HostError> {
        let classes = self.classes();
        let found = classes.iter().find(|(_, info)| info.id == plugin || info.name == plugin);
        let (class, _) = found.ok_or_else(|| {
            let present = classes.iter().map(|(_, info)| info.name.as_str()).collect::<Vec<_>>().join(", ");
            HostError::NoPlugin { wanted: plugin.to_owned(), present }
        })?;
        let component = self.create::<IComponent>(class).ok_or(HostError::Refused("createInstance"))?;
        Ok(Box::new(Vst3Host::new(*class, component)?))
    }
}

struct Vst3Host {
    class: TUID,
    component: ComPtr<IComponent>,
    processor: ComPtr<IAudioProcessor>,
    controller: ComPtr<IEditController>,
    handler: ComWrapper<Handler>,
    /// Kept alive for the plugin.
    _application: ComWrapper<Application>,
    frame: ComWrapper<Frame>,
    view: Option<ComPtr<IPlugView>>,
    active: bool,
}

impl Vst3Host {
    fn new(class: TUID, component: ComPtr<IComponent>) -> Result<Self, HostError> {
        let application = ComWrapper::new(Application);
        let context = application.as_com_ref::<FUnknown>().ok_or(HostError::Missing("host context"))?;
        // SAFETY: the context outlives the component: both are fields of the host.
        if unsafe { component.initialize(context.as_ptr()) } != kResultOk {
            return Err(HostError::Refused("initialize"));
        }
        let processor = component.cast().ok_or(HostError::Missing("IAudioProcessor"))?;
        let controller: ComPtr<IEditController> =
            component.cast().ok_or(HostError::Missing("controller in the same object"))?;
        let handler = ComWrapper::new(Handler::default());
        if let Some(handler) = handler.as_com_ref::<IComponentHandler>() {
            // SAFETY: the handler is a field of the host too.
            unsafe { controller.setComponentHandler(handler.as_ptr()) };
        }
        let frame = ComWrapper::new(Frame::default());
        Ok(Self {
            class,
            component,
            processor,
            controller,
            handler,
            _application: application,
            frame,
            view: None,
            active: false,
        })
    }

    fn raw_buses(&self, direction: Direction) -> Vec<RawBusInfo> {
        let direction = raw_direction(direction);
        let describe = |index| {
            let mut bus: RawBusInfo = zeroed();
            // SAFETY: the component is alive and fills the structure.
            let known = unsafe { self.component.getBusInfo(kAudio as i32, direction, index, &raw mut bus) };
            (known == kResultOk).then_some(bus)
        };
        // SAFETY: the component is alive.
        (0..unsafe { self.component.getBusCount(kAudio as i32, direction) }).filter_map(describe).collect()
    }

    fn unit_path(&self, unit: i32) -> String {
        let Some(units) = self.component.cast::<IUnitInfo>() else { return String::new() };
        // SAFETY: the component is alive and fills the structures.
        let all: Vec<UnitInfo> = unsafe {
            (0..units.getUnitCount())
                .filter_map(|index| {
                    let mut info: UnitInfo = zeroed();
                    (units.getUnitInfo(index, &raw mut info) == kResultOk).then_some(info)
                })
                .collect()
        };
        let mut path = Vec::new();
        let mut at = unit;
        // Unit 0 is the root; a broken plugin could make a circle of parents.
        while at > 0 && path.len() < 16 {
            let Some(info) = all.iter().find(|info| info.id == at) else { break };
            path.push(from_utf16(&info.name));
            at = info.parentUnitId;
        }
        path.reverse();
        path.join("/")
    }

    fn activate_buses(&self, setup: &Setup) {
        for (direction, off) in
            [(Direction::Input, &setup.inputs_off), (Direction::Output, &setup.outputs_off)]
        {
            for index in 0..self.raw_buses(direction).len() {
                let on = u8::from(!off.contains(&index));
                // SAFETY: the component is alive and not active.
                unsafe {
                    self.component.activateBus(kAudio as i32, raw_direction(direction), index as i32, on)
                };
            }
        }
        for direction in [kInput, kOutput] {
            // SAFETY: as above.
            unsafe { self.component.activateBus(kEvent as i32, direction as i32, 0, 1) };
        }
    }

    fn midi_map(&self) -> MidiMap {
        let mut map = MidiMap::new();
        let Some(mapping) = self.component.cast::<IMidiMapping>() else { return map };
        for (channel, controller) in
            (0..16).flat_map(|channel| (0..130).map(move |controller| (channel, controller)))
        {
            let mut id = 0;
            // SAFETY: the component is alive and stores a number.
            let found = unsafe { mapping.getMidiControllerAssignment(0, channel, controller, &raw mut id) };
            if found == kResultOk {
                map.insert((channel as u8, controller), id);
            }
        }
        map
    }

    fn set_component_state(&self, bytes: &[u8]) -> Result<(), HostError> {
        let stream = MemoryStream::wrap(bytes.to_vec());
        let pointer = stream.pointer().ok_or(HostError::Missing("stream"))?;
        // SAFETY: the stream outlives both calls.
        unsafe {
            if self.component.setState(pointer) != kResultOk {
                return Err(HostError::Refused("the state"));
            }
            stream.rewind();
            // A single component has nothing left to do here and may say so.
            self.controller.setComponentState(pointer);
        }
        Ok(())
    }
}

fn raw_direction(direction: Direction) -> i32 {
    match direction {
        Direction::Input => kInput as i32,
        Direction::Output => kOutput as i32,
    }
}

/// Speakers of a usual arrangement with this many channels, up to 7.1.
fn arrangement(channels: usize) -> SpeakerArrangement {
    match channels {
        0 => SpeakerArr::kEmpty,
        1 => SpeakerArr::kMono,
        2 => SpeakerArr::kStereo,
        3 => SpeakerArr::k30Cine,
        4 => SpeakerArr::k40Music,
        5 => SpeakerArr::k50,
        6 => SpeakerArr::k51,
        7 => SpeakerArr::k61Cine,
        8 => SpeakerArr::k71Music,
        more => (1 << more) - 1,
    }
}

impl Drop for Vst3Host {
    fn drop(&mut self) {
        self.close_editor();
        let _ = self.deactivate();
        // SAFETY: the component is alive, inactive and has no view any more.
        unsafe {
            self.controller.setComponentHandler(std::ptr::null_mut());
            self.component.terminate();
        }
    }
}

impl PluginHost for Vst3Host {
    fn format(&self) -> Format {
        Format::Vst3
    }

    fn buses(&mut self, direction: Direction) -> Vec<BusInfo> {
        let describe = |bus: &RawBusInfo| BusInfo {
            name: from_utf16(&bus.name),
            channels: bus.channelCount as usize,
            main: bus.busType == kMain as i32,
            on_by_default: bus.flags & kDefaultActive != 0,
        };
        self.raw_buses(direction).iter().map(describe).collect()
    }

    fn parameters(&mut self) -> Vec<ParameterInfo> {
        let mut groups = std::collections::HashMap::new();
        let describe = |index| {
            let mut raw: RawParameterInfo = zeroed();
            // SAFETY: the controller is alive and fills the structure.
            if unsafe { self.controller.getParameterInfo(index, &raw mut raw) } != kResultOk {
                return None;
            }
            let group = groups.entry(raw.unitId).or_insert_with(|| self.unit_path(raw.unitId)).clone();
            Some(ParameterInfo {
                id: raw.id,
                name: from_utf16(&raw.title),
                group,
                steps: raw.stepCount as u32,
                default: raw.defaultNormalizedValue,
                automatable: raw.flags & kCanAutomate != 0,
                hidden: raw.flags & kIsHidden != 0,
            })
        };
        // SAFETY: the controller is alive.
        (0..unsafe { self.controller.getParameterCount() }).filter_map(describe).collect()
    }

    fn value(&mut self, parameter: u32) -> Option<f64> {
        // SAFETY: the controller is alive.
        Some(unsafe { self.controller.getParamNormalized(parameter) })
    }

    fn text(&mut self, parameter: u32, value: f64) -> Option<String> {
        let mut text: String128 = [0; 128];
        // SAFETY: the controller is alive and fills the array.
        let known = unsafe { self.controller.getParamStringByValue(parameter, value, &raw mut text) };
        (known == kResultOk).then(|| from_utf16(&text))
    }

    fn value_of(&mut self, parameter: u32, text: &str) -> Option<f64> {
        let mut text: Vec<u16> = text.encode_utf16().chain([0]).collect();
        let mut value = 0.0;
        // SAFETY: the text ends in 0 and the controller stores a number.
        let known =
            unsafe { self.controller.getParamValueByString(parameter, text.as_mut_ptr(), &raw mut value) };
        (known == kResultOk).then_some(value)
    }

    fn arrange(&mut self, inputs: &[usize], outputs: &[usize]) -> Result<bool, HostError> {
        let list = |channels: &[usize]| channels.iter().map(|&n| arrangement(n)).collect::<Vec<_>>();
        let (mut ins, mut outs) = (list(inputs), list(outputs));
        let (count_in, count_out) = (ins.len() as i32, outs.len() as i32);
        // SAFETY: the lists are as long as they are said to be.
        let answer = unsafe {
            self.processor.setBusArrangements(ins.as_mut_ptr(), count_in, outs.as_mut_ptr(), count_out)
        };
        Ok(answer == kResultOk)
    }

    fn activate(&mut self, setup: &Setup) -> Result<Box<dyn Processor>, HostError> {
        let mode = if setup.offline { kOffline } else { kRealtime } as i32;
        let mut raw = ProcessSetup {
            processMode: mode,
            symbolicSampleSize: kSample32 as i32,
            maxSamplesPerBlock: setup.max_block as i32,
            sampleRate: setup.rate,
        };
        // SAFETY: the plugin is alive and inactive, as `setupProcessing` and `activateBus` demand.
        unsafe {
            if self.processor.setupProcessing(&raw mut raw) != kResultOk {
                return Err(HostError::Refused("setupProcessing"));
            }
            self.activate_buses(setup);
            if self.component.setActive(1) != kResultOk {
                return Err(HostError::Refused("setActive"));
            }
        }
        self.active = true;
        let midi = self.midi_map();
        Ok(Box::new(Vst3Processor::new(self.processor.clone(), self.component.clone(), setup, midi)))
    }

    fn deactivate(&mut self) -> Result<(), HostError> {
        if std::mem::take(&mut self.active) {
            // SAFETY: the plugin is alive; its processor said setProcessing(false) when it was dropped.
            unsafe { self.component.setActive(0) };
        }
        Ok(())
    }

    fn latency(&mut self) -> u32 {
        // SAFETY: the plugin is alive.
        unsafe { self.processor.getLatencySamples() }
    }

    fn save_state(&mut self) -> Result<Vec<u8>, HostError> {
        let stream = MemoryStream::wrap(Vec::new());
        let pointer = stream.pointer().ok_or(HostError::Missing("stream"))?;
        // SAFETY: the stream outlives the call.
        if unsafe { self.component.getState(pointer) } != kResultOk {
            return Err(HostError::Refused("to save its state"));
        }
        Ok(stream.take())
    }

    fn load_state(&mut self, state: &[u8]) -> Result<(), HostError> {
        self.set_component_state(state)
    }

    fn load_preset(&mut self, file: &Path) -> Result<(), HostError> {
        let bytes =
            std::fs::read(file).map_err(|source| HostError::Read { file: file.to_owned(), source })?;
        let wrong = |reason: String| HostError::Preset { file: file.to_owned(), reason };
        let preset = preset::parse(&bytes).map_err(|reason| wrong(reason.to_owned()))?;
        let class = hexadecimal(&self.class);
        if preset.class != class {
            return Err(wrong(format!("made for class {}, this is {class}", preset.class)));
        }
        self.set_component_state(preset.component)?;
        let Some(own) = preset.controller else { return Ok(()) };
        let stream = MemoryStream::wrap(own.to_vec());
        let pointer = stream.pointer().ok_or(HostError::Missing("stream"))?;
        // SAFETY: the stream outlives the call. Plugins without a controller state of their own refuse it.
        unsafe { self.controller.setState(pointer) };
        Ok(())
    }

    fn idle(&mut self) -> Requests {
        self.frame.run_handlers();
        self.handler.take()
    }

    fn open_editor(&mut self, window: u32) -> Result<(u16, u16), HostError> {
        // SAFETY: the controller is alive; the view is an owned pointer or NULL. The caller keeps the window open
        // until `close_editor`, and the frame is a field of this host.
        unsafe {
            let view = ComPtr::from_raw(self.controller.createView(ViewType::kEditor))
                .ok_or(HostError::Missing("editor"))?;
            if let Some(frame) = self.frame.as_com_ref::<IPlugFrame>() {
                view.setFrame(frame.as_ptr());
            }
            let mut size: ViewRect = zeroed();
            view.getSize(&raw mut size);
            if view.attached(window as usize as *mut c_void, kPlatformTypeX11EmbedWindowID) != kResultOk {
                return Err(HostError::Refused("the parent window"));
            }
            self.view = Some(view);
            Ok(((size.right - size.left) as u16, (size.bottom - size.top) as u16))
        }
    }

    fn resize_editor(&mut self, (width, height): (u16, u16)) -> Result<(), HostError> {
        let view = self.view.as_ref().ok_or(HostError::Missing("open editor"))?;
        let mut size = ViewRect { left: 0, top: 0, right: width.into(), bottom: height.into() };
        // SAFETY: the view is alive and attached.
        let set = unsafe { view.onSize(&raw mut size) };
        if set == kResultOk { Ok(()) } else { Err(HostError::Refused("another size of its editor")) }
    }

    fn close_editor(&mut self) {
        if let Some(view) = self.view.take() {
            // SAFETY: the view is alive and attached.
            unsafe {
                view.removed();
                view.setFrame(std::ptr::null_mut());
            }
        }
    }
}
