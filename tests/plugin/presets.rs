//! Module files as presets: listed and loaded in CLAP, as `.vstpreset` in VST3.

use std::path::Path;
use std::path::PathBuf;

use xtask::bounce::Performance;
use xtask::bounce::Source;
use xtask::host::Format;
use xtask::host::list_presets;
use xtask::paths;

use crate::stage::instrument;
use crate::stage::peak;
use crate::stage::play;
use crate::stage::shared_song;
use crate::stage::vst_preset;

/// One song of each module format.
const SONGS: [&str; 4] = ["corpses.mod", "ambient.s3m", "dali.xm", "pingus-5.it"];

fn songs() -> impl Iterator<Item = PathBuf> {
    SONGS.into_iter().filter_map(shared_song)
}

fn of(source: Source) -> Performance {
    Performance { source, frames: 3 * 48_000, ..Performance::default() }
}

#[test]
fn every_module_format_loads_in_clap_and_sounds() {
    let demo = play(Format::Clap, &of(Source::Fresh));
    for song in songs() {
        let rendering = play(Format::Clap, &of(Source::Preset(song.clone())));
        assert!(peak(rendering.planes(0)) > 0.01, "{} is silent", song.display());
        assert!(rendering.first_difference(&demo).is_some(), "{} sounds like the demo", song.display());
    }
}

#[test]
fn vst_presets_of_songs_give_the_bits_that_clap_gives() {
    for song in songs() {
        let clap = play(Format::Clap, &of(Source::Preset(song.clone())));
        let name = song.file_name().unwrap().to_string_lossy().into_owned();
        let vst3 = play(Format::Vst3, &of(Source::Preset(vst_preset(&song, &name))));
        assert_eq!(clap.first_difference(&vst3), None, "{}", song.display());
    }
}

#[test]
fn files_that_are_no_modules_are_refused_and_the_song_stays() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    for (name, bytes) in
        [("empty.it", &b""[..]), ("text.xm", b"Dear host, this is no module."), ("cut.s3m", b"SCRM")]
    {
        let file = folder.join(name);
        std::fs::write(&file, bytes).unwrap();
        let mut host = instrument(Format::Clap);
        let state = host.save_state().unwrap();
        assert!(host.load_preset(&file).is_err(), "{name} is taken");
        assert!(host.save_state().unwrap() == state, "{name} left a trace");
    }
    let absent = folder.join("absent.mod");
    assert!(instrument(Format::Clap).load_preset(&absent).is_err());
}

#[test]
fn presets_are_declared_and_read() {
    let catalogue = list_presets(&paths::bundle(Format::Clap), &[]).unwrap();
    for extension in ["mod", "s3m", "xm", "it", "mdz", "s3z", "xmz", "itz", "gz", "zip"] {
        assert!(catalogue.extensions.iter().any(|declared| declared == extension), "{catalogue:?}");
    }
    for song in songs() {
        let read = list_presets(&paths::bundle(Format::Clap), &[&song]).unwrap();
        assert_eq!(read.presets.len(), 1, "{}: {read:?}", song.display());
        assert!(!read.presets[0].name.is_empty() && !read.presets[0].plugins.is_empty(), "{read:?}");
    }
}
