//! The two plugins of the library: what differs between the instrument and the insert.
//!
//! Names, ids and buses only. An id never changes: projects refer to it.

use crate::rack::INSTRUMENT_CLASS;
use nice_plug::prelude::AudioIOLayout;
use nice_plug::prelude::ClapFeature;
use nice_plug::prelude::NonZeroU32;
use nice_plug::prelude::PortNames;
use nice_plug::prelude::Vst3SubCategory;
use nice_plug::prelude::new_nonzero_u32;

/// Id of the instrument in CLAP, to which songs on disk belong as presets.
pub(crate) const INSTRUMENT_CLAP_ID: &str = "org.busker.busker";

/// What tells one plugin of the library from the other.
pub(crate) trait Kind: Send + 'static {
    const NAME: &'static str;
    const DESCRIPTION: &'static str;
    const CLAP_ID: &'static str;
    const CLAP_FEATURES: &'static [ClapFeature];
    const VST3_CLASS_ID: [u8; 16];
    const VST3_SUBCATEGORIES: &'static [Vst3SubCategory];
    /// The first is the default and has every bus; the others differ in the main bus's width.
    const LAYOUTS: &'static [AudioIOLayout];
    /// Whether there is a main input, which the main output takes on. Such a plugin begins transparent; the other one begins with
    /// the demo song.
    const PAIRED: bool;
    /// The same plugin as the framework's VST3 side must see it.
    type Vst3: Kind;
}

/// Plays songs and notes into sixteen stereo outputs.
pub(crate) struct Instrument;

/// Takes a track through the desk.
pub(crate) struct Insert;

/// The insert in VST3. The framework compares the first auxiliary bus with the width of the main bus, so that a layout whose
/// widths differ is refused: here the main buses are the first auxiliary ones, and the guard calls them main.
pub(crate) struct InsertVst3;

const STEREO: NonZeroU32 = new_nonzero_u32(2);

impl Kind for Instrument {
    const NAME: &'static str = "Busker";
    const DESCRIPTION: &'static str =
        "Plays tracker modules in step with the host, and their instruments from MIDI";
    const CLAP_ID: &'static str = INSTRUMENT_CLAP_ID;
    const CLAP_FEATURES: &'static [ClapFeature] =
        &[ClapFeature::Instrument, ClapFeature::Sampler, ClapFeature::Synthesizer, ClapFeature::Stereo];
    const VST3_CLASS_ID: [u8; 16] = INSTRUMENT_CLASS;
    const VST3_SUBCATEGORIES: &'static [Vst3SubCategory] =
        &[Vst3SubCategory::Instrument, Vst3SubCategory::Sampler, Vst3SubCategory::Stereo];
    const LAYOUTS: &'static [AudioIOLayout] = &[AudioIOLayout {
        main_input_channels: None,
        main_output_channels: Some(STEREO),
        aux_input_ports: &[STEREO],
        aux_output_ports: &[STEREO; 15],
        names: PortNames {
            layout: Some("Multi-out"),
            // The framework names the main output by this, too.
            main_input: Some("Main"),
            main_output: Some("Main"),
            aux_inputs: &["Sidechain"],
            aux_outputs: &[
                "Out 2", "Out 3", "Out 4", "Out 5", "Out 6", "Out 7", "Out 8", "Out 9", "Out 10", "Out 11",
                "Out 12", "Out 13", "Out 14", "Out 15", "Out 16",
            ],
        },
    }];
    const PAIRED: bool = false;
    type Vst3 = Self;
}

impl Kind for Insert {
    const NAME: &'static str = "Busker Insert";
    const DESCRIPTION: &'static str = "Takes a track through Busker's buses, machines and outputs";
    const CLAP_ID: &'static str = "org.busker.insert";
    const CLAP_FEATURES: &'static [ClapFeature] = &[
        ClapFeature::AudioEffect,
        ClapFeature::Mixing,
        ClapFeature::Mono,
        ClapFeature::Stereo,
        ClapFeature::Surround,
    ];
    const VST3_CLASS_ID: [u8; 16] = *b"BuskerInsertFxV1";
    const VST3_SUBCATEGORIES: &'static [Vst3SubCategory] = &[Vst3SubCategory::Fx, Vst3SubCategory::Tools];
    const LAYOUTS: &'static [AudioIOLayout] =
        &[insert("Stereo", 2), insert("Mono", 1), insert("Quad", 4), insert("5.1", 6), insert("7.1", 8)];
    const PAIRED: bool = true;
    type Vst3 = InsertVst3;
}

impl Kind for InsertVst3 {
    const NAME: &'static str = Insert::NAME;
    const DESCRIPTION: &'static str = Insert::DESCRIPTION;
    const CLAP_ID: &'static str = Insert::CLAP_ID;
    const CLAP_FEATURES: &'static [ClapFeature] = Insert::CLAP_FEATURES;
    const VST3_CLASS_ID: [u8; 16] = Insert::VST3_CLASS_ID;
    const VST3_SUBCATEGORIES: &'static [Vst3SubCategory] = Insert::VST3_SUBCATEGORIES;
    const LAYOUTS: &'static [AudioIOLayout] = &[
        insert_vst3("Stereo", &[STEREO; 2], &[STEREO; 7]),
        insert_vst3("Mono", &[width(1), STEREO], &wide_first(1)),
        insert_vst3("Quad", &[width(4), STEREO], &wide_first(4)),
        insert_vst3("5.1", &[width(6), STEREO], &wide_first(6)),
        insert_vst3("7.1", &[width(8), STEREO], &wide_first(8)),
    ];
    const PAIRED: bool = true;
    type Vst3 = Self;
}

const fn width(channels: u32) -> NonZeroU32 {
    new_nonzero_u32(channels)
}

const fn wide_first(channels: u32) -> [NonZeroU32; 7] {
    let mut outputs = [STEREO; 7];
    outputs[0] = width(channels);
    outputs
}

const fn insert(name: &'static str, channels: u32) -> AudioIOLayout {
    AudioIOLayout {
        main_input_channels: NonZeroU32::new(channels),
        main_output_channels: NonZeroU32::new(channels),
        aux_input_ports: &[STEREO],
        aux_output_ports: &[STEREO; 6],
        names: PortNames {
            layout: Some(name),
            main_input: Some("Main"),
            main_output: Some("Main"),
            aux_inputs: &["Sidechain"],
            aux_outputs: &["Out 2", "Out 3", "Out 4", "Out 5", "Out 6", "Out 7"],
        },
    }
}

const fn insert_vst3(
    name: &'static str,
    inputs: &'static [NonZeroU32],
    outputs: &'static [NonZeroU32],
) -> AudioIOLayout {
    AudioIOLayout {
        main_input_channels: None,
        main_output_channels: None,
        aux_input_ports: inputs,
        aux_output_ports: outputs,
        names: PortNames {
            layout: Some(name),
            main_input: None,
            main_output: None,
            aux_inputs: &["Main", "Sidechain"],
            aux_outputs: &["Main", "Out 2", "Out 3", "Out 4", "Out 5", "Out 6", "Out 7"],
        },
    }
}
