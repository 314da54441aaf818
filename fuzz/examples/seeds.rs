//! Writes the fuzzers' seeds: hand-made modules and those at hand beside the repository, one folder for each target.
//!
//! `cargo run --manifest-path fuzz/Cargo.toml --example seeds -- FOLDER`

#[allow(dead_code, unreachable_pub, reason = "shared with the tests, which use all of it")]
#[path = "../../tests/modules/mod.rs"]
mod modules;

use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;

/// Larger modules are slow to mutate and show nothing that smaller ones do not.
const MOST_BYTES: u64 = 64 * 1024;

fn hand_made() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    vec![
        ("mod", "mk", modules::amiga_mod("M.K.", 4, [0, 1])),
        ("mod", "flt8", modules::amiga_mod("FLT8", 4, [0, 3])),
        ("mod", "6chn", modules::amiga_mod("6CHN", 6, [0, 1])),
        ("mod", "soundtracker", modules::soundtracker()),
        ("s3m", "s3m", modules::s3m()),
        ("xm", "102", modules::xm(0x0102)),
        ("xm", "103", modules::xm(0x0103)),
        ("xm", "104", modules::xm(0x0104)),
        ("it", "100", modules::it(0x0100)),
        ("it", "214", modules::it(0x0214)),
    ]
}

/// Modules of `kind` that lie beside the repository; none where they are absent.
fn at_hand(kind: &str) -> Vec<PathBuf> {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let folders = [shared.join("songs"), shared.join("tracker-tests").join(kind)];
    let entries = folders.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten();
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    paths.filter(|path| path.extension().is_some_and(|end| end == kind)).collect()
}

fn write(root: &Path, target: &str, name: &str, bytes: &[u8]) -> io::Result<()> {
    let folder = root.join(target);
    fs::create_dir_all(&folder)?;
    fs::write(folder.join(name), bytes)
}

fn main() -> io::Result<()> {
    let root = std::env::args().nth(1).map_or_else(|| PathBuf::from("fuzz/corpus"), PathBuf::from);
    for (kind, name, bytes) in hand_made() {
        write(&root, kind, name, &bytes)?;
        write(&root, "play", &format!("{kind}-{name}"), &bytes)?;
    }
    for kind in ["mod", "s3m", "xm", "it"] {
        for path in at_hand(kind) {
            let small = fs::metadata(&path)?.len() <= MOST_BYTES;
            if let (true, Some(name)) = (small, path.file_name().and_then(|name| name.to_str())) {
                let bytes = fs::read(&path)?;
                write(&root, kind, name, &bytes)?;
                write(&root, "play", name, &bytes)?;
            }
        }
    }
    Ok(())
}
