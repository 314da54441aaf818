//! The songs on disk, offered to a CLAP host's preset browser.
//!
//! In: the folders of `BUSKER_SONGS` and the user's music folder. Out: module files with their titles, which preset-load loads.
//! The host's main thread or a scanner of its own; nothing of an instance is touched.

use crate::tracker::load::load;
use clap_sys::factory::preset_discovery::CLAP_PRESET_DISCOVERY_IS_USER_CONTENT;
use clap_sys::factory::preset_discovery::CLAP_PRESET_DISCOVERY_LOCATION_FILE;
use clap_sys::factory::preset_discovery::clap_preset_discovery_factory;
use clap_sys::factory::preset_discovery::clap_preset_discovery_filetype;
use clap_sys::factory::preset_discovery::clap_preset_discovery_indexer;
use clap_sys::factory::preset_discovery::clap_preset_discovery_location;
use clap_sys::factory::preset_discovery::clap_preset_discovery_location_kind;
use clap_sys::factory::preset_discovery::clap_preset_discovery_metadata_receiver;
use clap_sys::factory::preset_discovery::clap_preset_discovery_provider;
use clap_sys::factory::preset_discovery::clap_preset_discovery_provider_descriptor;
use clap_sys::universal_plugin_id::clap_universal_plugin_id;
use clap_sys::version::CLAP_VERSION;
use std::env;
use std::ffi::CStr;
use std::ffi::CString;
use std::ffi::c_char;
use std::ffi::c_void;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::ptr;

/// Folders to look in, separated like those of `PATH`; they come before the user's music folder.
const FOLDERS_VARIABLE: &str = "BUSKER_SONGS";

const FILE_TYPES: [(&CStr, &CStr); 10] = [
    (c"ProTracker module", c"mod"),
    (c"Scream Tracker 3 module", c"s3m"),
    (c"FastTracker 2 module", c"xm"),
    (c"Impulse Tracker module", c"it"),
    (c"ProTracker module, packed", c"mdz"),
    (c"Scream Tracker 3 module, packed", c"s3z"),
    (c"FastTracker 2 module, packed", c"xmz"),
    (c"Impulse Tracker module, packed", c"itz"),
    (c"Module packed by gzip", c"gz"),
    (c"Module in a ZIP archive", c"zip"),
];

pub(super) static FACTORY: clap_preset_discovery_factory = clap_preset_discovery_factory {
    count: Some(provider_count),
    get_descriptor: Some(provider_descriptor),
    create: Some(create_provider),
};

static PROVIDER: clap_preset_discovery_provider_descriptor = clap_preset_discovery_provider_descriptor {
    clap_version: CLAP_VERSION,
    id: c"org.busker.songs".as_ptr(),
    name: c"Busker songs".as_ptr(),
    vendor: c"Busker".as_ptr(),
};

unsafe extern "C" fn provider_count(_: *const clap_preset_discovery_factory) -> u32 {
    1
}

unsafe extern "C" fn provider_descriptor(
    _: *const clap_preset_discovery_factory,
    index: u32,
) -> *const clap_preset_discovery_provider_descriptor {
    if index == 0 { &PROVIDER } else { ptr::null() }
}

unsafe extern "C" fn create_provider(
    _: *const clap_preset_discovery_factory,
    indexer: *const clap_preset_discovery_indexer,
    id: *const c_char,
) -> *const clap_preset_discovery_provider {
    // SAFETY: both ids end with 0.
    if id.is_null() || indexer.is_null() || unsafe { CStr::from_ptr(id) != CStr::from_ptr(PROVIDER.id) } {
        return ptr::null();
    }
    Box::into_raw(Box::new(clap_preset_discovery_provider {
        desc: &PROVIDER,
        provider_data: indexer.cast_mut().cast(),
        init: Some(init),
        destroy: Some(destroy),
        get_metadata: Some(get_metadata),
        get_extension: Some(get_extension),
    }))
}

/// Declares the file types and the folders that exist.
unsafe extern "C" fn init(provider: *const clap_preset_discovery_provider) -> bool {
    // SAFETY: the host calls with what `create_provider` made; its indexer outlives the provider.
    let (indexer, declared) = unsafe {
        let indexer = (*provider).provider_data.cast_const().cast::<clap_preset_discovery_indexer>();
        (indexer, (*indexer).declare_filetype.zip((*indexer).declare_location))
    };
    let Some((declare_filetype, declare_location)) = declared else { return false };
    let types = FILE_TYPES.iter().all(|(name, extension)| {
        let filetype = clap_preset_discovery_filetype {
            name: name.as_ptr(),
            description: ptr::null(),
            file_extension: extension.as_ptr(),
        };
        // SAFETY: the host's function on its own struct; the strings are static.
        unsafe { declare_filetype(indexer, &filetype) }
    });
    let folders = folders(env::var_os(FOLDERS_VARIABLE), music_folder()).into_iter().all(|folder| {
        let text = |text: String| CString::new(text).unwrap_or_default();
        let name = text(folder.file_name().unwrap_or(folder.as_os_str()).to_string_lossy().into_owned());
        let path = text(folder.to_string_lossy().into_owned());
        let location = clap_preset_discovery_location {
            flags: CLAP_PRESET_DISCOVERY_IS_USER_CONTENT,
            name: name.as_ptr(),
            kind: CLAP_PRESET_DISCOVERY_LOCATION_FILE,
            location: path.as_ptr(),
        };
        // SAFETY: the host's function on its own struct; it copies the strings.
        unsafe { declare_location(indexer, &location) }
    });
    types && folders
}

unsafe extern "C" fn destroy(provider: *const clap_preset_discovery_provider) {
    // SAFETY: the host gives back what `create_provider` made, and uses it no more.
    drop(unsafe { Box::from_raw(provider.cast_mut()) });
}

unsafe extern "C" fn get_extension(
    _: *const clap_preset_discovery_provider,
    _: *const c_char,
) -> *const c_void {
    ptr::null()
}

/// Title and kind of one module file; what is wrong with it goes to the host in words.
unsafe extern "C" fn get_metadata(
    _: *const clap_preset_discovery_provider,
    kind: clap_preset_discovery_location_kind,
    location: *const c_char,
    receiver: *const clap_preset_discovery_metadata_receiver,
) -> bool {
    // SAFETY: the host's structure, valid during the call.
    let Some(host) = (unsafe { receiver.as_ref() }) else { return false };
    if kind != CLAP_PRESET_DISCOVERY_LOCATION_FILE || location.is_null() {
        return false;
    }
    // SAFETY: a location ends with 0.
    let path = PathBuf::from(unsafe { CStr::from_ptr(location) }.to_string_lossy().into_owned());
    let text = |text: String| CString::new(text.replace('\0', " ")).unwrap_or_default();
    match describe(&path) {
        Ok((title, description)) => {
            let (title, description) = (text(title), text(description));
            let Some(begin_preset) = host.begin_preset else { return false };
            let id = text(crate::plugin::INSTRUMENT_CLAP_ID.to_owned());
            let plugin = clap_universal_plugin_id { abi: c"clap".as_ptr(), id: id.as_ptr() };
            // SAFETY: the host's functions on its own struct; it copies the strings.
            unsafe {
                if !begin_preset(receiver, title.as_ptr(), ptr::null()) {
                    return false;
                }
                host.add_plugin_id.inspect(|add| add(receiver, &plugin));
                host.set_flags.inspect(|set| set(receiver, CLAP_PRESET_DISCOVERY_IS_USER_CONTENT));
                host.set_description.inspect(|set| set(receiver, description.as_ptr()));
                host.add_feature.inspect(|add| add(receiver, c"instrument".as_ptr()));
            }
            true
        }
        Err(message) => {
            let message = text(message);
            // SAFETY: as above.
            unsafe { host.on_error.inspect(|on_error| on_error(receiver, 0, message.as_ptr())) };
            false
        }
    }
}

/// Title (the file's name where the song has none) and one line about the song.
fn describe(path: &Path) -> Result<(String, String), String> {
    let bytes = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let song = load(&bytes).map_err(|error| format!("{}: {error}", path.display()))?;
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let title = if song.title.trim().is_empty() { stem.into_owned() } else { song.title.trim().to_owned() };
    Ok((title, format!("{} channels, {} orders", song.channels.len(), song.orders.len())))
}

fn music_folder() -> Option<PathBuf> {
    let home = || env::var_os(if cfg!(windows) { "USERPROFILE" } else { "HOME" }).map(PathBuf::from);
    env::var_os("XDG_MUSIC_DIR").map(PathBuf::from).or_else(|| home().map(|home| home.join("Music")))
}

/// The folders that exist, each once.
fn folders(listed: Option<std::ffi::OsString>, music: Option<PathBuf>) -> Vec<PathBuf> {
    let listed = listed.iter().flat_map(env::split_paths).chain(music).filter(|folder| folder.is_dir());
    listed.fold(Vec::new(), |mut folders, folder| {
        if !folders.contains(&folder) {
            folders.push(folder);
        }
        folders
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_that_exist_are_declared_once() {
        let here = env::current_dir().unwrap();
        let nowhere = here.join("there is no such folder");
        let listed = env::join_paths([&here, &nowhere, &here]).unwrap();
        assert_eq!(folders(Some(listed), Some(here.clone())), [here]);
        assert!(folders(None, Some(nowhere)).is_empty());
    }

    #[test]
    fn a_file_that_is_no_module_is_named_in_the_error() {
        let error = describe(Path::new("Cargo.toml")).unwrap_err();
        assert!(error.starts_with("Cargo.toml: "), "{error}");
    }
}
