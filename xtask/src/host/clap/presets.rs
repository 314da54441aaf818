//! What a CLAP bundle says about presets: file types, places, and what it reads in one file.

use std::ffi::CStr;
use std::ffi::CString;
use std::path::Path;

use clack_extensions::preset_discovery::prelude::*;
use clack_extensions::preset_discovery::provider::Provider;
use clack_host::prelude::HostError as ClapError;

use super::host_info;
use super::load_entry;
use super::words;
use crate::host::HostError;

/// Everything one bundle's providers declare.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PresetCatalogue {
    /// File extensions without the dot.
    pub extensions: Vec<String>,
    /// Folders or files to look in; empty for presets inside the plugin.
    pub locations: Vec<String>,
    /// What was found in the files that were asked about.
    pub presets: Vec<Preset>,
}

/// One preset as a browser shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preset {
    /// Shown name.
    pub name: String,
    /// Ids of the plugins that load it.
    pub plugins: Vec<String>,
    /// Who made it.
    pub creators: Vec<String>,
}

/// Asks every provider of a bundle what it declares and what it reads in `files`.
pub fn list_presets(bundle: &Path, files: &[&Path]) -> Result<PresetCatalogue, HostError> {
    let entry = load_entry(bundle)?;
    let factory: PresetDiscoveryFactory =
        entry.get_factory().ok_or(HostError::Missing("preset discovery factory"))?;
    let mut all = PresetCatalogue::default();
    for descriptor in factory.provider_descriptors() {
        let id = descriptor.id().ok_or(HostError::Missing("provider id"))?;
        let mut provider = Provider::instantiate(PresetCatalogue::default(), &entry, id, &host_info()?)
            .map_err(|_| HostError::Refused("to make its preset provider"))?;
        for file in files {
            let path = CString::new(file.as_os_str().as_encoded_bytes())
                .map_err(|_| HostError::Missing("usable path"))?;
            provider.get_metadata(Location::File { path: &path }, &mut all);
        }
        all.extensions.append(&mut provider.indexer_mut().extensions);
        all.locations.append(&mut provider.indexer_mut().locations);
    }
    Ok(all)
}

impl IndexerImpl for PresetCatalogue {
    fn declare_filetype(&mut self, file_type: FileType) -> Result<(), ClapError> {
        self.extensions.push(words(file_type.file_extension));
        Ok(())
    }

    fn declare_location(&mut self, location: LocationInfo) -> Result<(), ClapError> {
        self.locations.push(words(location.location.file_path()));
        Ok(())
    }

    fn declare_soundpack(&mut self, _: Soundpack) -> Result<(), ClapError> {
        Ok(())
    }
}

impl MetadataReceiverImpl for PresetCatalogue {
    fn on_error(&mut self, code: i32, message: Option<&CStr>) {
        eprintln!("preset provider: {} ({code})", words(message));
    }

    fn begin_preset(&mut self, name: Option<&CStr>, _: Option<&CStr>) -> Result<(), ClapError> {
        self.presets.push(Preset { name: words(name), ..Preset::default() });
        Ok(())
    }

    fn add_plugin_id(&mut self, plugin: UniversalPluginId) {
        if let Some(preset) = self.presets.last_mut() {
            preset.plugins.push(words(Some(plugin.id)));
        }
    }

    fn add_creator(&mut self, creator: &CStr) {
        if let Some(preset) = self.presets.last_mut() {
            preset.creators.push(words(Some(creator)));
        }
    }

    fn set_soundpack_id(&mut self, _: &CStr) {}

    fn set_flags(&mut self, _: Flags) {}

    fn set_description(&mut self, _: &CStr) {}

    fn set_timestamps(&mut self, _: Option<Timestamp>, _: Option<Timestamp>) {}

    fn add_feature(&mut self, _: &CStr) {}

    fn add_extra_info(&mut self, _: &CStr, _: &CStr) {}
}
