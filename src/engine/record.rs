//! What is recorded, and where: the recorder's part of a rack.

use crate::mixer::TapPoint;
use crate::mixer::TapSource;
use crate::recorder::SampleFormat;
use serde::Deserialize;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A source that is recorded when the recorder runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArmedTap {
    /// What is recorded.
    pub source: TapSource,
    /// On which side of its gain.
    #[serde(default)]
    pub point: TapPoint,
}

/// What a rack says of the recorder; nothing of it starts a recording.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RecorderSettings {
    /// Where files go; without it the folder that the user keeps music in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folder: Option<PathBuf>,
    /// How samples are written.
    pub format: SampleFormat,
    /// At most one for each source; the last counts.
    pub taps: Vec<ArmedTap>,
    /// What a newer version has added.
    #[serde(flatten)]
    pub unknown: BTreeMap<String, serde_json::Value>,
}

impl RecorderSettings {
    /// Whether there is nothing to save.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_words_in_a_file_and_come_back_with_what_is_unknown() {
        let text = r#"
            folder = "Takes"
            format = "i24"
            armed = "never"
            taps = [{ source = "input 1", point = "pre" }, { source = "bus 3" }, { source = "master" }]
        "#;
        let settings: RecorderSettings = toml::from_str(text).unwrap();
        assert_eq!((settings.format, &settings.folder), (SampleFormat::I24, &Some("Takes".into())));
        let (pre, post) = (TapPoint::PreGain, TapPoint::PostGain);
        let tap = |source, point| ArmedTap { source, point };
        assert_eq!(
            settings.taps,
            [tap(TapSource::Input(0), pre), tap(TapSource::Strip(2), post), tap(TapSource::Strip(18), post)]
        );
        assert_eq!(settings.unknown["armed"], "never");
        let again = toml::to_string(&settings).unwrap();
        assert!(again.contains(r#"point = "pre""#), "{again}");
        assert_eq!(toml::from_str::<RecorderSettings>(&again).unwrap(), settings);
        assert!(toml::from_str::<RecorderSettings>("").unwrap().is_default());
        let error = toml::from_str::<RecorderSettings>(r#"taps = [{ source = "bus 40" }]"#).unwrap_err();
        assert!(error.to_string().contains("\"bus 40\" cannot be recorded"), "{error}");
    }
}
