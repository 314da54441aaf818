//! The CLAP host: loads, instantiates and asks through `clack-host`, processes through the plain structures.
//!
//! `clack-host` cannot hand over NULL or aliased planes, which is what the tests are for, so [`process`] fills
//! `clap_process` itself. Main thread, except for the processor. No note expressions, no thread pool, no surround.
#![allow(unsafe_code)] // the borders of the CLAP format

mod handlers;
mod presets;
mod process;

use std::collections::HashMap;
use std::ffi::CStr;
use std::ffi::CString;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use clack_extensions::audio_ports::AudioPortFlags;
use clack_extensions::audio_ports::AudioPortInfoBuffer;
use clack_extensions::audio_ports::PluginAudioPorts;
use clack_extensions::audio_ports_config::AudioPortsConfigBuffer;
use clack_extensions::audio_ports_config::PluginAudioPortsConfig;
use clack_extensions::gui::GuiApiType;
use clack_extensions::gui::GuiConfiguration;
use clack_extensions::gui::GuiSize;
use clack_extensions::gui::PluginGui;
use clack_extensions::gui::Window;
use clack_extensions::latency::PluginLatency;
use clack_extensions::params::ParamInfoBuffer;
use clack_extensions::params::ParamInfoFlags;
use clack_extensions::params::PluginParams;
use clack_extensions::preset_discovery::prelude::Location;
use clack_extensions::preset_discovery::prelude::PluginPresetLoad;
use clack_extensions::render::PluginRender;
use clack_extensions::render::RenderMode;
use clack_extensions::state::PluginState;
use clack_host::prelude::HostInfo;
use clack_host::prelude::PluginAudioConfiguration;
use clack_host::prelude::PluginEntry;
use clack_host::prelude::PluginInstance;
use clack_host::utils::ClapId;

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
use handlers::Handlers;
use handlers::MainHandler;
use handlers::SharedState;
pub use presets::Preset;
pub use presets::PresetCatalogue;
pub use presets::list_presets;
use process::ClapProcessor;

/// A loaded `.clap` file.
pub(super) struct ClapBundle {
    entry: PluginEntry,
}

fn host_info() -> Result<HostInfo, HostError> {
    HostInfo::new("Busker headless host", "Busker", "", env!("CARGO_PKG_VERSION"))
        .map_err(|_| HostError::Missing("host name"))
}

fn load_entry(bundle: &Path) -> Result<PluginEntry, HostError> {
    if !bundle.exists() {
        return Err(HostError::NoBundle(bundle.to_owned()));
    }
    // SAFETY: loading runs the library's initialisers; the caller names a plugin that it means to run.
    let entry = unsafe { PluginEntry::load(bundle) }
        .map_err(|error| HostError::Load { bundle: bundle.to_owned(), reason: error.to_string() })?;
    // Libraries with threads and thread-local destructors do not survive being unloaded.
    std::mem::forget(entry.clone());
    Ok(entry)
}

fn words(text: Option<&CStr>) -> String {
    text.map(|text| text.to_string_lossy().into_owned()).unwrap_or_default()
}

fn bytes_to_words(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.split(|&byte| byte == 0).next().unwrap_or_default()).into_owned()
}

impl ClapBundle {
    pub(super) fn open(bundle: &Path) -> Result<Self, HostError> {
        Ok(Self { entry: load_entry(bundle)? })
    }
}

impl Bundle for ClapBundle {
    fn plugins(&self) -> Result<Vec<PluginInfo>, HostError> {
        let factory = self.entry.get_plugin_factory().ok_or(HostError::Missing("plugin factory"))?;
        let describe = |plugin: &clack_host::plugin::PluginDescriptor| PluginInfo {
            id: words(plugin.id()),
            name: words(plugin.name()),
            vendor: words(plugin.vendor()),
            version: words(plugin.version()),
        };
        Ok(factory.plugin_descriptors().map(describe).collect())
    }

    fn instantiate(&self, plugin: &str) -> Result<Box<dyn PluginHost>, HostError> {
        let plugins = self.plugins()?;
        let found =
            plugins.iter().find(|info| info.id == plugin || info.name == plugin).ok_or_else(|| {
                let present = plugins.iter().map(|info| info.name.as_str()).collect::<Vec<_>>().join(", ");
                HostError::NoPlugin { wanted: plugin.to_owned(), present }
            })?;
        let id = CString::new(found.id.as_str()).map_err(|_| HostError::Missing("usable id"))?;
        let instance = PluginInstance::<Handlers>::new(
            |()| SharedState::default(),
            |_| MainHandler::default(),
            &self.entry,
            &id,
            &host_info()?,
        )
        .map_err(|_| HostError::Refused("create_plugin or init"))?;
        Ok(Box::new(ClapHost { instance, ranges: Arc::default() }))
    }
}

/// Plain minimum and maximum per parameter.
type Ranges = HashMap<u32, (f64, f64)>;

struct ClapHost {
    instance: PluginInstance<Handlers>,
    ranges: Arc<Ranges>,
}

impl ClapHost {
    fn extension<E>(&mut self, name: &'static str) -> Result<E, HostError>
    where
        E: clack_host::extensions::Extension<ExtensionSide = clack_host::extensions::PluginExtensionSide>,
    {
        self.instance.plugin_handle().get_extension().ok_or(HostError::Missing(name))
    }

    fn range(&mut self, parameter: u32) -> Option<(f64, f64)> {
        if self.ranges.is_empty() {
            self.parameters();
        }
        self.ranges.get(&parameter).copied()
    }

    fn channels(&mut self, direction: Direction) -> Vec<usize> {
        self.buses(direction).iter().map(|bus| bus.channels).collect()
    }
}

impl PluginHost for ClapHost {
    fn format(&self) -> Format {
        Format::Clap
    }

    fn buses(&mut self, direction: Direction) -> Vec<BusInfo> {
        let Ok(ports) = self.extension::<PluginAudioPorts>("audio ports") else { return Vec::new() };
        let handle = self.instance.plugin_handle();
        let input = direction == Direction::Input;
        let describe = |index| {
            let mut buffer = AudioPortInfoBuffer::new();
            ports.get(&handle, index, input, &mut buffer).map(|port| BusInfo {
                name: bytes_to_words(port.name),
                channels: port.channel_count as usize,
                main: port.flags.contains(AudioPortFlags::IS_MAIN),
                on_by_default: true,
            })
        };
        (0..ports.count(&handle, input)).filter_map(describe).collect()
    }

    fn parameters(&mut self) -> Vec<ParameterInfo> {
        let Ok(params) = self.extension::<PluginParams>("parameters") else { return Vec::new() };
        let handle = self.instance.plugin_handle();
        let mut ranges = Ranges::new();
        let mut describe = |index| {
            let mut buffer = ParamInfoBuffer::new();
            let info = params.get_info(&handle, index, &mut buffer)?;
            let (low, span) = (info.min_value, info.max_value - info.min_value);
            ranges.insert(info.id.get(), (info.min_value, info.max_value));
            let stepped = info.flags.contains(ParamInfoFlags::IS_STEPPED);
            Some(ParameterInfo {
                id: info.id.get(),
                name: bytes_to_words(info.name),
                group: bytes_to_words(info.module),
                steps: if stepped { span as u32 } else { 0 },
                default: if span > 0.0 { (info.default_value - low) / span } else { 0.0 },
                automatable: info.flags.contains(ParamInfoFlags::IS_AUTOMATABLE),
                hidden: info.flags.contains(ParamInfoFlags::IS_HIDDEN),
            })
        };
        let list = (0..params.count(&handle)).filter_map(&mut describe).collect();
        self.ranges = Arc::new(ranges);
        list
    }

    fn value(&mut self, parameter: u32) -> Option<f64> {
        let (low, high) = self.range(parameter)?;
        let params = self.extension::<PluginParams>("parameters").ok()?;
        let plain = params.get_value(&self.instance.plugin_handle(), ClapId::from_raw(parameter)?)?;
        Some(if high > low { (plain - low) / (high - low) } else { 0.0 })
    }

    fn text(&mut self, parameter: u32, value: f64) -> Option<String> {
        let (low, high) = self.range(parameter)?;
        let params = self.extension::<PluginParams>("parameters").ok()?;
        let plain = low + value * (high - low);
        let mut buffer = [0; 256];
        let id = ClapId::from_raw(parameter)?;
        let text = params.value_to_text(&self.instance.plugin_handle(), id, plain, &mut buffer).ok()?;
        Some(bytes_to_words(text))
    }

    fn value_of(&mut self, parameter: u32, text: &str) -> Option<f64> {
        let (low, high) = self.range(parameter)?;
        let params = self.extension::<PluginParams>("parameters").ok()?;
        let text = CString::new(text).ok()?;
        let plain =
            params.text_to_value(&self.instance.plugin_handle(), ClapId::from_raw(parameter)?, &text)?;
        Some(if high > low { (plain - low) / (high - low) } else { 0.0 })
    }

    fn arrange(&mut self, inputs: &[usize], outputs: &[usize]) -> Result<bool, HostError> {
        let fits = |host: &mut Self| {
            host.channels(Direction::Input) == inputs && host.channels(Direction::Output) == outputs
        };
        if fits(self) {
            return Ok(true);
        }
        let configs = self.extension::<PluginAudioPortsConfig>("audio port configurations")?;
        let handle = self.instance.plugin_handle();
        let id_of = |index| {
            let mut buffer = AudioPortsConfigBuffer::new();
            configs.get(&handle, index, &mut buffer).map(|config| config.id)
        };
        let ids: Vec<_> = (0..configs.count(&handle)).filter_map(id_of).collect();
        for &id in &ids {
            if configs.select(&self.instance.plugin_handle(), id).is_ok() && fits(self) {
                return Ok(true);
            }
        }
        // The plugin's first configuration is what it began with.
        if let Some(&first) = ids.first() {
            configs
                .select(&self.instance.plugin_handle(), first)
                .map_err(|_| HostError::Refused("its own first configuration"))?;
        }
        Ok(false)
    }

    fn activate(&mut self, setup: &Setup) -> Result<Box<dyn Processor>, HostError> {
        self.parameters();
        if let Ok(render) = self.extension::<PluginRender>("render mode") {
            let mode = if setup.offline { RenderMode::Offline } else { RenderMode::Realtime };
            render
                .set(&self.instance.plugin_handle(), mode)
                .map_err(|_| HostError::Refused("the render mode"))?;
        }
        let configuration = PluginAudioConfiguration {
            sample_rate: setup.rate,
            min_frames_count: 1,
            max_frames_count: setup.max_block as u32,
        };
        let stopped =
            self.instance.activate(|_, _| (), configuration).map_err(|_| HostError::Refused("activate"))?;
        let off = (setup.inputs_off.clone(), setup.outputs_off.clone());
        Ok(Box::new(ClapProcessor::new(stopped, Arc::clone(&self.ranges), off)))
    }

    fn deactivate(&mut self) -> Result<(), HostError> {
        self.instance
            .try_deactivate()
            .map_err(|_| HostError::Refused("deactivate: its processor still lives"))
    }

    fn latency(&mut self) -> u32 {
        let Ok(latency) = self.extension::<PluginLatency>("latency") else { return 0 };
        latency.get(&self.instance.plugin_handle())
    }

    fn save_state(&mut self) -> Result<Vec<u8>, HostError> {
        let state = self.extension::<PluginState>("state")?;
        let mut bytes = Vec::new();
        state
            .save(&self.instance.plugin_handle(), &mut bytes)
            .map_err(|_| HostError::Refused("to save its state"))?;
        Ok(bytes)
    }

    fn load_state(&mut self, mut bytes: &[u8]) -> Result<(), HostError> {
        let state = self.extension::<PluginState>("state")?;
        state.load(&self.instance.plugin_handle(), &mut bytes).map_err(|_| HostError::Refused("the state"))
    }

    fn load_preset(&mut self, file: &Path) -> Result<(), HostError> {
        let preset = self.extension::<PluginPresetLoad>("preset-load")?;
        let location = |path: PathBuf| CString::new(path.into_os_string().into_encoded_bytes()).ok();
        let absolute =
            std::path::absolute(file).map_err(|source| HostError::Read { file: file.to_owned(), source })?;
        let path = location(absolute).ok_or(HostError::Missing("usable path"))?;
        let handle = self.instance.plugin_handle();
        let answer = preset.load_from_location(&handle, Location::File { path: &path }, None);
        let messages = self.instance.access_handler(MainHandler::messages);
        answer.map_err(|_| HostError::Preset {
            file: file.to_owned(),
            reason: if messages.is_empty() { "refused without a word".into() } else { messages.join("; ") },
        })
    }

    fn idle(&mut self) -> Requests {
        if self.instance.access_shared_handler(SharedState::take_callback) {
            self.instance.call_on_main_thread_callback();
        }
        let restart = self.instance.access_shared_handler(SharedState::take_restart);
        self.instance.access_handler(|main| Requests {
            restart,
            latency: main.take_latency(),
            rescan: main.take_rescan(),
            messages: main.take_messages(),
        })
    }

    fn open_editor(&mut self, window: u32) -> Result<(u16, u16), HostError> {
        let gui = self.extension::<PluginGui>("editor")?;
        let handle = self.instance.plugin_handle();
        let configuration = GuiConfiguration { api_type: GuiApiType::X11, is_floating: false };
        if !gui.is_api_supported(&handle, configuration) {
            return Err(HostError::Missing("embedded X11 editor"));
        }
        gui.create(&handle, configuration).map_err(|_| HostError::Refused("to create its editor"))?;
        let size = gui.get_size(&handle).ok_or(HostError::Refused("to tell its editor's size"))?;
        // SAFETY: the caller keeps the window open until `close_editor`.
        unsafe { gui.set_parent(&handle, Window::from_x11_handle(window.into())) }
            .map_err(|_| HostError::Refused("the parent window"))?;
        // Embedded editors may take `show` for granted and answer false.
        let _ = gui.show(&handle);
        Ok((size.width as u16, size.height as u16))
    }

    fn resize_editor(&mut self, (width, height): (u16, u16)) -> Result<(), HostError> {
        let gui = self.extension::<PluginGui>("editor")?;
        let size = GuiSize { width: width.into(), height: height.into() };
        let set = gui.set_size(&self.instance.plugin_handle(), size);
        set.map_err(|_| HostError::Refused("another size of its editor"))
    }

    fn close_editor(&mut self) {
        if let Ok(gui) = self.extension::<PluginGui>("editor") {
            gui.destroy(&self.instance.plugin_handle());
        }
    }
}
