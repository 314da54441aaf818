//! Writes the fuzzers' seeds: hand-made modules and those at hand beside the repository, one folder for each target.
//!
//! `cargo run --manifest-path fuzz/Cargo.toml --example seeds -- FOLDER`

#[allow(dead_code, unreachable_pub, reason = "shared with the tests, which use all of it")]
#[path = "../../tests/modules/mod.rs"]
mod modules;

use flate2::Compression;
use flate2::write::GzEncoder;
use std::fs;
use std::io;
use std::io::Cursor;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use zip::CompressionMethod;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

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

/// A file as gzip data and in archives; the last byte says which, as the target reads it.
fn packed(bytes: &[u8]) -> io::Result<[Vec<u8>; 3]> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(bytes)?;
    let mut gzip = gzip.finish()?;
    gzip.push(0);
    let archive = |method| -> io::Result<Vec<u8>> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        let options = SimpleFileOptions::default().compression_method(method);
        writer.start_file("readme", options)?;
        writer.write_all(b"a text")?;
        writer.start_file("song", options)?;
        writer.write_all(bytes)?;
        writer.set_comment("\x01")?;
        Ok(writer.finish()?.into_inner())
    };
    Ok([gzip, archive(CompressionMethod::Stored)?, archive(CompressionMethod::Deflated)?])
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
        for (index, file) in packed(&bytes)?.iter().enumerate() {
            write(&root, "packed", &format!("{kind}-{name}-{index}"), file)?;
        }
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
