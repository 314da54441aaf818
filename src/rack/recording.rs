//! The recorder's part of a rack: what would be recorded, and where.
//!
//! In files a table `[recorder]` with `folder`, `format` and a list of `taps`. What a newer version has added survives in
//! the table and in each tap. Nothing of it starts a recording. Any thread but the audio thread.

use crate::engine::ArmedTap;
use crate::engine::RecorderSettings;
use crate::mixer::TapPoint;
use crate::mixer::TapSource;
use crate::mixer::Unknown;
use crate::recorder::SampleFormat;
use serde::Deserialize;
use serde::Serialize;
use std::path::PathBuf;

/// See the module's description.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "File", into = "File")]
pub struct Recording {
    /// Folder, format and taps.
    pub settings: RecorderSettings,
    /// What a newer version has added to taps; of one that is no longer there it is left out.
    pub taps: Vec<(TapSource, Unknown)>,
    /// What it has added beside them.
    pub unknown: Unknown,
}

impl Recording {
    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// As it is written.
#[derive(Serialize, Deserialize)]
struct File {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    folder: Option<PathBuf>,
    #[serde(default)]
    format: SampleFormat,
    #[serde(default)]
    taps: Vec<TapFile>,
    #[serde(flatten)]
    unknown: Unknown,
}

#[derive(Serialize, Deserialize)]
struct TapFile {
    source: TapSource,
    #[serde(default)]
    point: TapPoint,
    #[serde(flatten)]
    unknown: Unknown,
}

impl From<File> for Recording {
    fn from(File { folder, format, taps, unknown }: File) -> Self {
        let armed = |tap: &TapFile| ArmedTap { source: tap.source, point: tap.point };
        let settings = RecorderSettings { folder, format, taps: taps.iter().map(armed).collect() };
        let added = taps.into_iter().filter(|tap| !tap.unknown.0.is_empty());
        Self { settings, taps: added.map(|tap| (tap.source, tap.unknown)).collect(), unknown }
    }
}

impl From<Recording> for File {
    fn from(recording: Recording) -> Self {
        let RecorderSettings { folder, format, taps } = recording.settings;
        let unknown = |source| {
            let added = recording.taps.iter().find(|(of, _)| *of == source);
            added.map(|(_, unknown)| unknown.clone()).unwrap_or_default()
        };
        let tap = |ArmedTap { source, point }| TapFile { source, point, unknown: unknown(source) };
        Self { folder, format, taps: taps.into_iter().map(tap).collect(), unknown: recording.unknown }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_newer_version_has_added_to_taps_stays_with_them() {
        let text = "format = \"i24\"\nsplit = -inf\n\n[[taps]]\nsource = \"bus 2\"\npoint = \"pre\"\n\n\
                    [[taps]]\nsource = \"master\"\npoint = \"post\"\ndither = [nan, 2]\n";
        let mut recording: Recording = toml::from_str(text).unwrap();
        assert_eq!(
            toml::to_string(&recording).unwrap(),
            text.replace("-inf", "\"-inf\"").replace("nan", "\"NaN\"")
        );
        let state = serde_json::to_string(&recording).unwrap();
        assert_eq!(serde_json::from_str::<Recording>(&state).unwrap(), recording);
        recording.settings.taps.remove(1);
        assert!(!toml::to_string(&recording).unwrap().contains("dither"));
        assert!(toml::from_str::<Recording>("").unwrap().is_default());
    }

    #[test]
    fn a_source_that_does_not_exist_is_refused_with_its_line() {
        let error = toml::from_str::<Recording>("format = \"i16\"\ntaps = [\n{ source = \"bus 40\" },\n]\n");
        let error = error.unwrap_err().to_string();
        assert!(error.contains("line 3") && error.contains("\"bus 40\" cannot be recorded"), "{error}");
    }
}
