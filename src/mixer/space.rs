//! What a rack says of space: how buses, other sources and notes stand in it, and what leaves it.
//!
//! Plain data, and the file's tables and texts for it; a table holds only what differs from the default. Any thread but the
//! audio thread. Where a bus, a lane or an input is, parameters say; where the notes of a slot are, its table says first.

use super::HOST_OUTPUTS;
use super::unknown::Unknown;
use crate::audio::ChannelMix;
use crate::space;
use crate::space::Hearing;
use crate::space::Law;
use crate::space::Settings;
use serde::Deserialize;
use serde::Serialize;
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// A bus, a lane or an input in space: what it is like there, beside its place.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "File", into = "File")]
pub struct BusSpace {
    /// See there.
    pub settings: Settings,
    /// What a newer version has added.
    pub unknown: Unknown,
}

/// The notes of a slot in space.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "NoteFile", into = "NoteFile")]
pub struct NoteSpace {
    /// Degrees to the right and up, and metres; what the keyboard's parameters say comes on top.
    pub position: [f32; 3],
    /// What they are like there.
    pub space: BusSpace,
}

impl Default for NoteSpace {
    /// One metre in front of the listener.
    fn default() -> Self {
        Self { position: [0.0, 0.0, 1.0], space: BusSpace::default() }
    }
}

/// Who hears what is in space, beside where the head looks, which parameters say.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "ListenerFile", into = "ListenerFile")]
pub struct Listener {
    /// See there.
    pub hearing: Hearing,
    /// What a newer version has added.
    pub unknown: Unknown,
}

/// As it is written.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct ListenerFile {
    #[serde(skip_serializing_if = "Option::is_none")]
    pattern: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sharpness: Option<f32>,
    #[serde(flatten)]
    unknown: Unknown,
}

impl TryFrom<ListenerFile> for Listener {
    type Error = SpaceError;

    fn try_from(file: ListenerFile) -> Result<Self, SpaceError> {
        let all = Hearing::default();
        let hearing = Hearing {
            pattern: read("pattern", file.pattern, all.pattern, PATTERN)?,
            sharpness: read("sharpness", file.sharpness, all.sharpness, SHARPNESS)?,
        };
        Ok(Self { hearing, unknown: file.unknown })
    }
}

impl From<Listener> for ListenerFile {
    fn from(listener: Listener) -> Self {
        let (own, all) = (listener.hearing, Hearing::default());
        Self {
            pattern: differs(own.pattern, all.pattern),
            sharpness: differs(own.sharpness, all.sharpness),
            unknown: listener.unknown,
        }
    }
}

/// Ranges that sources and the listener share.
const PATTERN: (f32, f32) = (0.0, 1.0);
const SHARPNESS: (f32, f32) = (0.0, 16.0);

/// What is written, or else the default, if it is in its range.
pub(super) fn read(
    name: &'static str,
    value: Option<f32>,
    default: f32,
    range: (f32, f32),
) -> Result<f32, SpaceError> {
    within(name, value.unwrap_or(default), range)
}

/// A value, if it is in its range.
pub(super) fn within(name: &'static str, value: f32, (least, most): (f32, f32)) -> Result<f32, SpaceError> {
    let fits = (least..=most).contains(&value);
    if fits { Ok(value) } else { Err(SpaceError { name, value, least, most }) }
}

/// What is to be written.
pub(super) fn differs(own: f32, default: f32) -> Option<f32> {
    (own != default).then_some(own)
}

/// A setting that its range does not hold.
#[derive(Clone, Debug, Error, PartialEq)]
#[error("{name} is {value}: it can be {least} to {most}")]
pub struct SpaceError {
    name: &'static str,
    value: f32,
    least: f32,
    most: f32,
}

/// As it is written.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct File {
    #[serde(skip_serializing_if = "Option::is_none")]
    width: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    spread: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    law: Option<Law>,
    #[serde(skip_serializing_if = "Option::is_none")]
    near: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    far: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    occlusion: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pattern: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sharpness: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    yaw: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pitch: Option<f32>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    near_field: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    doppler: bool,
    #[serde(flatten)]
    unknown: Unknown,
}

/// Metres that anything can be away.
const METRES: (f32, f32) = (0.1, 1000.0);

/// As it is written.
#[derive(Serialize, Deserialize)]
struct NoteFile {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    azimuth: Option<f32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    elevation: Option<f32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    distance: Option<f32>,
    #[serde(flatten)]
    space: BusSpace,
}

impl TryFrom<NoteFile> for NoteSpace {
    type Error = SpaceError;

    fn try_from(file: NoteFile) -> Result<Self, SpaceError> {
        let [azimuth, elevation, distance] = Self::default().position;
        let position = [
            read("azimuth", file.azimuth, azimuth, (-180.0, 180.0))?,
            read("elevation", file.elevation, elevation, (-90.0, 90.0))?,
            read("distance", file.distance, distance, METRES)?,
        ];
        Ok(Self { position, space: file.space })
    }
}

impl From<NoteSpace> for NoteFile {
    fn from(note: NoteSpace) -> Self {
        let all = NoteSpace::default().position;
        let [azimuth, elevation, distance] = [0, 1, 2].map(|part| differs(note.position[part], all[part])); // three of each
        Self { azimuth, elevation, distance, space: note.space }
    }
}

impl TryFrom<File> for BusSpace {
    type Error = SpaceError;

    fn try_from(file: File) -> Result<Self, SpaceError> {
        let all = Settings::default();
        let near = read("near", file.near, all.near, METRES)?;
        let settings = Settings {
            width: read("width", file.width, all.width, (0.0, 360.0))?,
            spread: read("spread", file.spread, all.spread, (0.0, 360.0))?,
            law: file.law.unwrap_or_default(),
            near,
            far: read("far", file.far, all.far.max(near), (near, METRES.1))?,
            occlusion: read("occlusion", file.occlusion, all.occlusion, (0.0, 1.0))?,
            pattern: read("pattern", file.pattern, all.pattern, PATTERN)?,
            sharpness: read("sharpness", file.sharpness, all.sharpness, SHARPNESS)?,
            yaw: read("yaw", file.yaw, all.yaw, (-180.0, 180.0))?,
            pitch: read("pitch", file.pitch, all.pitch, (-90.0, 90.0))?,
            near_field: file.near_field,
            doppler: file.doppler,
        };
        Ok(Self { settings, unknown: file.unknown })
    }
}

impl From<BusSpace> for File {
    fn from(space: BusSpace) -> Self {
        let (own, all) = (space.settings, Settings::default());
        Self {
            width: differs(own.width, all.width),
            spread: differs(own.spread, all.spread),
            law: (own.law != all.law).then_some(own.law),
            near: differs(own.near, all.near),
            far: differs(own.far, all.far.max(own.near)),
            occlusion: differs(own.occlusion, all.occlusion),
            pattern: differs(own.pattern, all.pattern),
            sharpness: differs(own.sharpness, all.sharpness),
            yaw: differs(own.yaw, all.yaw),
            pitch: differs(own.pitch, all.pitch),
            near_field: own.near_field,
            doppler: own.doppler,
            unknown: space.unknown,
        }
    }
}

/// What leaves space.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum SpaceOutput {
    /// What two ears hear, to the master.
    #[default]
    Binaural,
    /// Two virtual cardioids, to the master.
    Stereo,
    /// The field itself up to an order of 1 to 3, as AmbiX, to the host's outputs from the ninth on.
    AmbiX(usize),
}

/// The first host output of a field.
pub(super) const FIELD_OUTPUT: usize = 8;

impl SpaceOutput {
    /// Host outputs that it takes, two channels each.
    pub(super) fn outputs(self) -> std::ops::Range<usize> {
        match self {
            Self::Binaural | Self::Stereo => FIELD_OUTPUT..FIELD_OUTPUT,
            Self::AmbiX(order) => {
                FIELD_OUTPUT..(FIELD_OUTPUT + ((order + 1) * (order + 1)).div_ceil(2)).min(HOST_OUTPUTS)
            }
        }
    }

    /// What is made of the field for the master.
    pub(crate) fn heard(self) -> space::Output {
        match self {
            Self::Binaural | Self::AmbiX(_) => space::Output::Binaural,
            Self::Stereo => space::Output::Stereo,
        }
    }
}

/// A text that is no output of space.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("'{0}' is none of 'binaural', 'stereo', 'ambix 1', 'ambix 2' and 'ambix 3'")]
pub struct NoSpaceOutput(String);

impl FromStr for SpaceOutput {
    type Err = NoSpaceOutput;

    fn from_str(text: &str) -> Result<Self, NoSpaceOutput> {
        match text.trim().to_ascii_lowercase().as_str() {
            "binaural" => Ok(Self::Binaural),
            "stereo" => Ok(Self::Stereo),
            "ambix 1" => Ok(Self::AmbiX(1)),
            "ambix 2" => Ok(Self::AmbiX(2)),
            "ambix 3" => Ok(Self::AmbiX(3)),
            _ => Err(NoSpaceOutput(text.to_owned())),
        }
    }
}

impl fmt::Display for SpaceOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Binaural => f.write_str("binaural"),
            Self::Stereo => f.write_str("stereo"),
            Self::AmbiX(order) => write!(f, "ambix {order}"),
        }
    }
}

impl TryFrom<String> for SpaceOutput {
    type Error = NoSpaceOutput;

    fn try_from(text: String) -> Result<Self, NoSpaceOutput> {
        text.parse()
    }
}

impl From<SpaceOutput> for String {
    fn from(output: SpaceOutput) -> Self {
        output.to_string()
    }
}

/// Some channels of a field, from `first` on and before `end`, as they are.
struct Part {
    first: usize,
    end: usize,
}

impl ChannelMix for Part {
    fn coefficient(&self, from: usize, _sources: usize, to: usize, _targets: usize) -> f32 {
        f32::from(u8::from(from == self.first + to && from < self.end))
    }
}

const fn part(output: usize, order: usize) -> Part {
    Part { first: 2 * output, end: (order + 1) * (order + 1) }
}

/// By order and output: which channels of the field an output gets.
static PARTS: [[Part; 8]; 3] = {
    const fn parts(order: usize) -> [Part; 8] {
        [
            part(0, order),
            part(1, order),
            part(2, order),
            part(3, order),
            part(4, order),
            part(5, order),
            part(6, order),
            part(7, order),
        ]
    }
    [parts(1), parts(2), parts(3)]
};

/// What the `number`th output of a field gets of its channels.
pub(super) fn part_of(order: usize, number: usize) -> Option<&'static dyn ChannelMix> {
    let parts = PARTS.get(order.checked_sub(1)?)?;
    parts.get(number).map(|part| part as &dyn ChannelMix)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mixer::Routing;

    fn read(text: &str) -> Result<Routing, String> {
        toml::from_str(text).map_err(|error: toml::de::Error| error.to_string())
    }

    #[test]
    fn space_survives_its_table_and_only_what_differs_is_written() {
        let text = "[listener]\npattern = 0.5\nears = \"pointed\"\n";
        let routing = read(text).unwrap();
        assert_eq!(routing.listener.hearing, Hearing { pattern: 0.5, sharpness: 1.0 });
        assert_eq!(toml::to_string(&routing).unwrap(), text);
        let text = "space_output = \"ambix 2\"\n\n[buses.1.space]\n\n[buses.3.space]\nspread = 45.0\nlaw = \"linear\"\nfar = 20.0\nnear_field = true\ndoppler = true\nhalo = 3\n";
        let routing = read(text).unwrap();
        assert_eq!(routing.buses[0].space, Some(BusSpace::default()));
        let space = routing.buses[2].space.clone().unwrap();
        assert_eq!(
            (space.settings.spread, space.settings.law, space.settings.far),
            (45.0, Law::Linear, 20.0)
        );
        assert!(space.settings.near_field && space.settings.doppler);
        assert_eq!((routing.space_output, space.unknown.0.len()), (SpaceOutput::AmbiX(2), 1));
        let again = toml::to_string(&routing).unwrap();
        assert_eq!((read(&again).unwrap(), again.contains("width")), (routing.clone(), false), "{again}");
        let json = serde_json::to_string(&routing).unwrap();
        assert_eq!(serde_json::from_str::<Routing>(&json).unwrap(), routing);
        assert!(
            read("[buses.2.space]\nnear = 200").unwrap().buses[1].space.as_ref().unwrap().settings.far
                == 200.0
        );
    }

    #[test]
    fn what_no_bus_can_be_in_space_is_refused_with_its_range() {
        for (text, what) in [
            ("[buses.1.space]\nspread = 361", "spread is 361: it can be 0 to 360"),
            ("[buses.1.space]\nnear = 0", "near is 0: it can be 0.1 to 1000"),
            ("[buses.1.space]\nnear = 5\nfar = 2", "far is 2: it can be 5 to 1000"),
            ("[buses.1.space]\nocclusion = nan", "occlusion is NaN: it can be 0 to 1"),
            ("[buses.1.space]\nlaw = \"cubic\"", "unknown variant `cubic`"),
            ("[listener]\npattern = 1.5", "pattern is 1.5: it can be 0 to 1"),
            ("space_output = \"5.1\"", "'5.1' is none of 'binaural', 'stereo', 'ambix 1'"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(what) && error.contains("line"), "{text}: {error}");
        }
    }
}
