//! Two headless plugin hosts behind one face: a bundle on disk in, planar sound out.
//!
//! [`open`] loads a `.clap` or `.vst3` bundle; [`Bundle::instantiate`] gives a [`PluginHost`], which stays on the
//! thread that made it; [`PluginHost::activate`] gives the [`Processor`], which may move to an audio thread.
//! The hosts can break the formats' rules on purpose (see [`Wiring`]) so that tests see how a plugin takes it.
//! They are written for tests and offline bounces: they allocate while they process and never talk to a device.

mod audio;
mod clap;
mod error;
mod event;
mod vst3;

use std::path::Path;

pub use audio::{Audio, Bus, Wiring};
pub use clap::{Preset, PresetCatalogue, list_presets};
pub use error::HostError;
pub use event::{Event, EventKind, Note, NoteAction, NoteExpression, Told, Transport};

/// The plugin format of a bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// CLAP 1.2.
    Clap,
    /// VST 3.
    Vst3,
}

impl Format {
    /// Tells the format by the bundle's extension.
    pub fn of(bundle: &Path) -> Result<Self, HostError> {
        match bundle.extension().and_then(|extension| extension.to_str()) {
            Some("clap") => Ok(Self::Clap),
            Some("vst3") => Ok(Self::Vst3),
            _ => Err(HostError::UnknownFormat(bundle.to_owned())),
        }
    }
}

impl std::fmt::Display for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Clap => "CLAP",
            Self::Vst3 => "VST3",
        })
    }
}

/// One plugin of a bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginInfo {
    /// Reverse domain name in CLAP, 32 hexadecimal digits in VST3.
    pub id: String,
    /// What a host shows.
    pub name: String,
    /// Who made it.
    pub vendor: String,
    /// The plugin's own version.
    pub version: String,
}

/// Into the plugin or out of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Host to plugin.
    Input,
    /// Plugin to host.
    Output,
}

/// One audio bus (VST3) or port (CLAP).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BusInfo {
    /// What a host shows.
    pub name: String,
    /// Channels of the current arrangement.
    pub channels: usize,
    /// Whether the plugin calls it a main bus.
    pub main: bool,
    /// Whether it is on before the host says anything; always in CLAP.
    pub on_by_default: bool,
}

/// One parameter; values are normalised to 0…1 in both formats.
#[derive(Clone, Debug, PartialEq)]
pub struct ParameterInfo {
    /// The format's number for it; the same in both for this project's plugins.
    pub id: u32,
    /// What a host shows.
    pub name: String,
    /// Its group as a path, `Bus 3/Send A`.
    pub group: String,
    /// Steps between lowest and highest value; 0 means continuous.
    pub steps: u32,
    /// Normalised default.
    pub default: f64,
    /// Whether a host may automate it.
    pub automatable: bool,
    /// Whether a host should leave it out of its lists.
    pub hidden: bool,
}

/// How an instance is to run.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Frames per second.
    pub rate: f64,
    /// The largest block announced to the plugin; a test may send a larger one.
    pub max_block: usize,
    /// Bounce instead of play.
    pub offline: bool,
    /// Indices of inputs that stay off.
    pub inputs_off: Vec<usize>,
    /// Indices of outputs that stay off.
    pub outputs_off: Vec<usize>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            rate: 48_000.0,
            max_block: 512,
            offline: false,
            inputs_off: Vec::new(),
            outputs_off: Vec::new(),
        }
    }
}

/// One call of a plugin's process function.
#[derive(Clone, Copy, Debug)]
pub struct Block<'a> {
    /// Frames to render; may be 0.
    pub frames: usize,
    /// Frames rendered since activation.
    pub start: u64,
    /// The host's play position, if it has one.
    pub transport: Option<&'a Transport>,
    /// Further positions inside the block, with their frames in order; VST3 has no words for them.
    pub bends: &'a [(u32, Transport)],
    /// In the order of their frames.
    pub events: &'a [Event],
}

/// What a plugin asked of its host since the last call of [`PluginHost::idle`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requests {
    /// To be deactivated and activated.
    pub restart: bool,
    /// To read the latency again.
    pub latency: bool,
    /// To read the names and values of parameters again.
    pub rescan: bool,
    /// What it said about presets and errors, in words.
    pub messages: Vec<String>,
}

/// A bundle that is loaded into this process.
pub trait Bundle {
    /// The plugins inside, in the bundle's order.
    fn plugins(&self) -> Result<Vec<PluginInfo>, HostError>;
    /// Makes an instance of the plugin with this id or name.
    fn instantiate(&self, plugin: &str) -> Result<Box<dyn PluginHost>, HostError>;
}

/// One plugin instance, seen from the main thread.
pub trait PluginHost {
    /// The format it was loaded through.
    fn format(&self) -> Format;
    /// The buses of one direction in the current arrangement.
    fn buses(&mut self, direction: Direction) -> Vec<BusInfo>;
    /// Every parameter, in the plugin's order.
    fn parameters(&mut self) -> Vec<ParameterInfo>;
    /// The normalised value the plugin reports now.
    fn value(&mut self, parameter: u32) -> Option<f64>;
    /// The plugin's words for a normalised value.
    fn text(&mut self, parameter: u32, value: f64) -> Option<String>;
    /// The normalised value of the plugin's own words.
    fn value_of(&mut self, parameter: u32, text: &str) -> Option<f64>;
    /// Asks for channel counts per bus; `false` means the plugin refused and kept what it had.
    fn arrange(&mut self, inputs: &[usize], outputs: &[usize]) -> Result<bool, HostError>;
    /// Prepares for sound. The processor must be gone before the next call of this or [`Self::deactivate`].
    fn activate(&mut self, setup: &Setup) -> Result<Box<dyn Processor>, HostError>;
    /// Ends what `activate` began.
    fn deactivate(&mut self) -> Result<(), HostError>;
    /// Delay of the sound in frames, as reported.
    fn latency(&mut self) -> u32;
    /// The plugin's state as the format stores it.
    fn save_state(&mut self) -> Result<Vec<u8>, HostError>;
    /// Hands the plugin a state; refused states are an error.
    fn load_state(&mut self, state: &[u8]) -> Result<(), HostError>;
    /// CLAP: preset-load of a file. VST3: reads a `.vstpreset` the way a host does.
    fn load_preset(&mut self, file: &Path) -> Result<(), HostError>;
    /// Runs what the plugin asked to have run on the main thread and returns its other requests.
    fn idle(&mut self) -> Requests;
    /// Opens the editor inside an X11 window; returns its size in pixels.
    fn open_editor(&mut self, window: u32) -> Result<(u16, u16), HostError>;
    /// Gives the open editor another size in pixels.
    fn resize_editor(&mut self, size: (u16, u16)) -> Result<(), HostError>;
    /// Closes the editor.
    fn close_editor(&mut self);
}

/// The audio side of an active instance. Dropping it stops the processing.
pub trait Processor: Send {
    /// Renders one block. Events the plugin sent are returned.
    fn process(&mut self, block: &Block<'_>, audio: &mut Audio) -> Result<Vec<Event>, HostError>;
    /// Voices that sounded in the newest block, where the plugin tells.
    fn voices(&mut self) -> Option<u32>;
    /// Forgets every sounding voice and tail.
    fn reset(&mut self);
}

/// The state of our plugins as CLAP stores it, from the `.vstpreset` that holds the same one.
pub fn clap_state(preset: &Path) -> Result<Vec<u8>, HostError> {
    let read = |source| HostError::Read { file: preset.to_owned(), source };
    let bytes = std::fs::read(preset).map_err(read)?;
    let wrong = |reason: &str| HostError::Preset { file: preset.to_owned(), reason: reason.to_owned() };
    let state = vst3::component_of(&bytes).map_err(wrong)?;
    Ok((state.len() as u64).to_le_bytes().into_iter().chain(state.iter().copied()).collect())
}

/// Loads a bundle into this process; its library stays loaded until the process ends.
pub fn open(bundle: &Path) -> Result<Box<dyn Bundle>, HostError> {
    match Format::of(bundle)? {
        Format::Clap => Ok(Box::new(clap::ClapBundle::open(bundle)?)),
        Format::Vst3 => Ok(Box::new(vst3::Vst3Bundle::open(bundle)?)),
    }
}

impl ParameterInfo {
    /// Group and name as one text, `Bus 1 Gain`, whether or not the plugin repeats the group in the name.
    pub fn full_name(&self) -> String {
        let group = self.group.replace('/', " ");
        if group.is_empty() || self.name.starts_with(&group) {
            self.name.clone()
        } else {
            format!("{group} {}", self.name)
        }
    }
}

/// Finds a parameter by its full name, by its number, or by the short text id the number was made from.
pub fn find_parameter(parameters: &[ParameterInfo], key: &str) -> Option<ParameterInfo> {
    let named = parameters.iter().find(|parameter| parameter.full_name().eq_ignore_ascii_case(key));
    let number = key.parse().unwrap_or_else(|_| hash_of_text_id(key));
    named.or_else(|| parameters.iter().find(|parameter| parameter.id == number)).cloned()
}

/// The framework's number for a text id: base 31, without the sign bit.
fn hash_of_text_id(id: &str) -> u32 {
    id.bytes().fold(0u32, |hash, byte| hash.wrapping_mul(31).wrapping_add(u32::from(byte))) & !(1 << 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameter(id: u32, group: &str, name: &str) -> ParameterInfo {
        let (name, group) = (name.to_owned(), group.to_owned());
        ParameterInfo { id, name, group, steps: 0, default: 0.0, automatable: true, hidden: false }
    }

    #[test]
    fn parameters_are_found_by_full_name_number_and_text_id() {
        // The number is what the framework made of the text id `gain`.
        let list = [parameter(7, "Bus 1", "Gain"), parameter(3_165_055, "Bus 2/Send A", "Level")];
        assert_eq!(find_parameter(&list, "bus 1 gain").map(|found| found.id), Some(7));
        assert_eq!(find_parameter(&list, "7").map(|found| found.id), Some(7));
        assert_eq!(find_parameter(&list, "Bus 2 Send A Level").map(|found| found.id), Some(3_165_055));
        assert_eq!(find_parameter(&list, "gain").map(|found| found.id), Some(3_165_055));
        assert_eq!(find_parameter(&list, "Gain"), None);
    }

    #[test]
    fn a_group_that_the_name_repeats_is_said_once() {
        assert_eq!(parameter(1, "Bus 1", "Bus 1 Gain").full_name(), "Bus 1 Gain");
    }
}
