//! Modules cut at any length and damaged in any byte of their headers: refused with a part and a place, or played.
//!
//! Modules built by the tests are cut everywhere; those beside the repository, where they are there, at many places.

use super::drill;
use super::load::LoadError;
use super::load::load;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

#[allow(dead_code, unreachable_pub, reason = "shared with other tests, which use all of it")]
#[path = "../../tests/modules/mod.rs"]
mod modules;

/// Ticks that whatever loads is played for.
const TICKS: usize = 20;
/// Bytes at the start of a file that are damaged one by one.
const HEADER_BYTES: usize = 1200;

fn built() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("M.K.", modules::amiga_mod("M.K.", 4, [0, 1])),
        ("FLT8", modules::amiga_mod("FLT8", 4, [0, 3])),
        ("6CHN", modules::amiga_mod("6CHN", 6, [0, 1])),
        ("soundtracker", modules::soundtracker()),
        ("s3m", modules::s3m()),
        ("xm 1.02", modules::xm(0x0102)),
        ("xm 1.04", modules::xm(0x0104)),
        ("it 1.00", modules::it(0x0100)),
        ("it 2.14", modules::it(0x0214)),
    ]
}

/// Modules beside the repository; says so where they are absent.
fn at_hand() -> Vec<PathBuf> {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let kinds = ["mod", "s3m", "xm", "it"];
    let folders = kinds.iter().map(|kind| format!("tracker-tests/{kind}")).chain(["songs".to_owned()]);
    let entries = folders.filter_map(|folder| fs::read_dir(shared.join(folder)).ok()).flatten();
    let paths = entries.map(|entry| entry.unwrap().path());
    let is_module =
        |path: &PathBuf| path.extension().is_some_and(|end| kinds.iter().any(|kind| end == *kind));
    let mut modules: Vec<_> = paths.filter(is_module).collect();
    if modules.is_empty() {
        println!("skipped: {} is absent", shared.display());
    }
    modules.sort();
    modules
}

/// Plays what loads for a moment; what does not must name a part, the place in the file and what to do.
fn open(bytes: &[u8], case: &str) {
    let start = Instant::now();
    match load(bytes) {
        Ok(song) => drill::play(&Arc::new(song), bytes.last().copied().unwrap_or(0), TICKS),
        Err(LoadError::UnknownFormat) => {}
        Err(error) => {
            let text = error.to_string();
            let named =
                text.contains("at byte") || text.contains("by byte") || text.contains("holds no module");
            assert!(named && text.contains(';') && !text.contains('\n'), "{case}: {text}");
        }
    }
    // Far above what any of them takes, far below what an unbounded one would.
    assert!(start.elapsed() < Duration::from_secs(20), "{case} took {:?}", start.elapsed());
}

#[test]
fn a_built_module_cut_at_any_length_plays_or_says_why() {
    for (name, module) in built() {
        for length in 0..=module.len() {
            open(&module[..length], &format!("{name} cut to {length}"));
        }
    }
}

#[test]
fn a_built_module_with_any_byte_of_its_header_damaged_plays_or_says_why() {
    for (name, module) in built() {
        for place in 0..module.len().min(HEADER_BYTES) {
            for damage in [0x00, 0xff, 0x7f, 0x80] {
                let mut broken = module.clone();
                broken[place] = damage;
                open(&broken, &format!("{name} with {damage:#x} at {place}"));
            }
        }
    }
}

#[test]
fn a_real_module_cut_or_damaged_plays_or_says_why() {
    for path in at_hand() {
        let (module, name) = (fs::read(&path).unwrap(), path.display().to_string());
        // Lengths and places of the whole file, denser where the headers are.
        let places = (0..20).map(|step| step * step * module.len() / 400);
        for (step, place) in places.enumerate() {
            open(&module[..place], &format!("{name} cut to {place}"));
            let mut broken = module.clone();
            broken[place] = [0x00, 0xff, 0x7f, 0x80][step % 4];
            open(&broken, &format!("{name} damaged at {place}"));
        }
    }
}
