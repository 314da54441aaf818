//! Whose ears hear what is in space: `ears = "mine.sofa"`.
//!
//! In files the path of a SOFA file from the rack's folder, to which ears are fitted as the rack is opened; whatever is saved holds
//! what was fitted, 40 KiB, and its file's name. Any thread but the audio thread.

use super::RackError;
use crate::mixer::Unknown;
use crate::space::Ears;
use crate::space::EarsError;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize;
use serde::Serialize;
use std::fmt;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

/// See the module's description.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Named", into = "Saved")]
pub struct EarsFile {
    /// Of the file, for display.
    name: String,
    /// As the rack names it, until it has been read.
    file: Option<PathBuf>,
    ears: Option<Arc<Ears>>,
    unknown: Unknown,
}

/// As a file may name them.
#[derive(Deserialize)]
#[serde(untagged)]
enum Named {
    File(PathBuf),
    Saved(Saved),
}

/// As a table.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Saved {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    taps: Option<String>,
    #[serde(flatten)]
    unknown: Unknown,
}

impl EarsFile {
    /// Those of a SOFA file beside the rack, which is read as the rack is opened.
    pub fn beside(file: impl Into<PathBuf>) -> Self {
        let file = file.into();
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Self { name, file: Some(file), ears: None, unknown: Unknown::default() }
    }

    /// Fits ears to a SOFA file; what is wrong with it is said in words. Takes some seconds.
    pub fn read(file: &Path) -> Result<Self, String> {
        Self::read_while(file, &mut |_| true)
    }

    /// The same while `go_on` says so, which hears between steps what share of them has been taken.
    pub fn read_while(file: &Path, go_on: &mut dyn FnMut(f32) -> bool) -> Result<Self, String> {
        let told = |error: &dyn fmt::Display| format!("{}: {error}", file.display());
        let bytes = fs::read(file).map_err(|error| told(&error))?;
        let ears = Ears::read_while(&bytes, go_on).map_err(|error| told(&error))?;
        Ok(Self { file: None, ears: Some(ears), ..Self::beside(file) })
    }

    /// File name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What was fitted.
    pub fn ears(&self) -> Option<&Arc<Ears>> {
        self.ears.as_ref()
    }

    pub(super) fn unknown(&self) -> &Unknown {
        &self.unknown
    }

    /// That a file is to be read, and nobody says from where.
    pub(super) fn outside(&self) -> Option<RackError> {
        self.file.clone().map(|file| RackError::EarsOutside { file })
    }

    /// Fits ears to a file beside the rack. Takes some seconds.
    pub(super) fn embed(&mut self, folder: Option<&Path>) -> Result<(), RackError> {
        let Some(file) = self.file.clone() else { return Ok(()) };
        let folder = folder.ok_or_else(|| RackError::EarsOutside { file: file.clone() })?;
        let bytes = fs::read(folder.join(&file)).map_err(|error| RackError::EarsFile { file, error })?;
        let refused = |error| RackError::Ears { name: self.name.clone(), error };
        let ears = Ears::read(&bytes).map_err(refused)?;
        (self.file, self.ears) = (None, Some(ears));
        Ok(())
    }
}

impl TryFrom<Named> for EarsFile {
    type Error = String;

    fn try_from(named: Named) -> Result<Self, String> {
        let saved = match named {
            Named::File(file) => return Ok(Self::beside(file)),
            Named::Saved(saved) => saved,
        };
        match (saved.file, saved.taps) {
            (Some(_), Some(_)) => Err("ears have both `taps` and a `file`: leave one of them out".to_owned()),
            (None, None) => Err("ears have neither `taps` nor a `file`".to_owned()),
            (Some(file), None) => Ok(Self { unknown: saved.unknown, ..Self::beside(file) }),
            (None, Some(taps)) => {
                let name = saved.name.unwrap_or_default();
                let bytes = BASE64.decode(taps).map_err(|_| EarsError::Damaged);
                let ears = bytes.and_then(|bytes| Ears::from_bytes(&bytes));
                let ears = ears.map_err(|error| format!("what was fitted to {name} {error}"))?;
                Ok(Self { name, file: None, ears: Some(Arc::new(ears)), unknown: saved.unknown })
            }
        }
    }
}

impl From<EarsFile> for Saved {
    fn from(ears: EarsFile) -> Self {
        let taps = ears.ears.map(|ears| BASE64.encode(ears.to_bytes()));
        let name = taps.is_some().then_some(ears.name);
        Self { name, file: ears.file, taps, unknown: ears.unknown }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mixer::Layout;
    use crate::rack::Rack;

    const HEAD: &str = "version = { major = 1, minor = 0 }\n";

    fn rack() -> Rack {
        let ears = Some(Arc::new(Ears::kemar()));
        let unknown = Unknown::default();
        let ears = EarsFile { name: "head.sofa".to_owned(), file: None, ears, unknown };
        Rack { ears: Some(ears), ..Rack::default() }
    }

    #[test]
    fn what_was_fitted_is_saved_inside_racks_and_states() {
        let rack = rack();
        let layout = Layout { main_input: 0, sidechain: 2, outputs: vec![2] };
        for again in [Rack::from_toml(&rack.to_toml().unwrap()), Rack::unpack(&rack.pack().unwrap())] {
            let again = again.unwrap();
            assert!(again == rack && again.setup(&layout).unwrap().ears.unwrap() == Arc::new(Ears::kemar()));
        }
        assert!(Rack::default().setup(&layout).unwrap().ears.is_none());
    }

    #[test]
    fn what_gives_no_ears_is_refused_with_what_is_wrong() {
        let folder = std::env::temp_dir().join(format!("busker-ears-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("noise.sofa"), b"no ears at all").unwrap();
        let refused = |text: &str, folder: Option<&Path>| {
            Rack::from_toml_in(&format!("{HEAD}{text}"), folder).err().unwrap().to_string()
        };
        let noise = refused("ears = \"noise.sofa\"", Some(&folder));
        assert!(
            noise.starts_with("the rack's ears noise.sofa: this is no SOFA file that can be read"),
            "{noise}"
        );
        let gone = refused("ears = { file = \"gone.sofa\" }", Some(&folder));
        assert!(gone.starts_with("the rack's ears gone.sofa: "), "{gone}");
        let nowhere = refused("ears = \"noise.sofa\"", None);
        assert_eq!(nowhere, "the rack's ears are the file noise.sofa: open the rack from its own file");
        for (text, why) in [
            ("ears = {}", "neither `taps` nor a `file`"),
            ("ears = { file = \"a\", taps = \"AAAA\" }", "both `taps` and a `file`"),
            ("ears = { name = \"a.sofa\", taps = \"AAAA\" }", "what was fitted to a.sofa is damaged"),
            ("ears = { name = \"a.sofa\", taps = \"%\" }", "what was fitted to a.sofa is damaged"),
        ] {
            let error = refused(text, None);
            assert!(error.contains(why), "{text}: {error}");
        }
        fs::remove_dir_all(&folder).unwrap();
    }
}
