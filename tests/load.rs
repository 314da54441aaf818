//! Every module at hand loads; broken ones give a named error, quickly and without a panic.

use busker::tracker::load::load;
use std::fs;
use std::path::PathBuf;

/// Modules of a directory beside the repository, by extension; says so where it is absent.
fn modules(directory: &str, extension: &str) -> Vec<PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared").join(directory);
    let Ok(entries) = fs::read_dir(&root) else {
        println!("skipped: {} is absent", root.display());
        return Vec::new();
    };
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut found: Vec<_> =
        paths.filter(|path| path.extension().is_some_and(|end| end == extension)).collect();
    found.sort();
    found
}

#[test]
fn every_module_at_hand_loads() {
    for extension in ["mod", "s3m", "xm", "it"] {
        for path in
            [modules("songs", extension), modules(&format!("tracker-tests/{extension}"), extension)].concat()
        {
            let song =
                load(&fs::read(&path).unwrap()).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            assert!(!song.orders.is_empty() && !song.patterns.is_empty(), "{}", path.display());
            println!(
                "{}: {:?} {:?} {:?} {} channels, {} patterns, {} instruments, {} samples",
                path.file_name().unwrap().display(),
                song.title,
                song.made_with,
                song.dialect,
                song.channels.len(),
                song.patterns.len(),
                song.instruments.len(),
                song.samples.len()
            );
        }
    }
}
