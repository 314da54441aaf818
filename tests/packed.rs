//! Modules packed by gzip or in ZIP archives open everywhere as they are, stay packed in a rack, and say what is wrong.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

mod modules;

use busker::mixer::Layout;
use busker::rack::Module;
use busker::rack::Rack;
use busker::tracker::load::LoadError;
use busker::tracker::load::load;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Cursor;
use std::io::Write;
use zip::CompressionMethod;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn archive(method: CompressionMethod, files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        let options = SimpleFileOptions::default().compression_method(method);
        if name.ends_with('/') {
            writer.add_directory(*name, options).unwrap();
        } else {
            writer.start_file(*name, options).unwrap();
            writer.write_all(bytes).unwrap();
        }
    }
    writer.finish().unwrap().into_inner()
}

fn zipped(files: &[(&str, &[u8])]) -> Vec<u8> {
    archive(CompressionMethod::Deflated, files)
}

fn hand_made() -> Vec<Vec<u8>> {
    vec![
        modules::amiga_mod("M.K.", 4, [0, 1]),
        modules::soundtracker(),
        modules::s3m(),
        modules::xm(0x0104),
        modules::it(0x0214),
    ]
}

/// All that a song holds, as text.
fn contents(bytes: &[u8]) -> String {
    format!("{:?}", load(bytes).unwrap())
}

#[test]
fn packed_modules_are_the_modules() {
    for module in hand_made() {
        let plain = contents(&module);
        assert!(contents(&gzip(&module)) == plain);
        for method in [CompressionMethod::Stored, CompressionMethod::Deflated] {
            assert!(contents(&archive(method, &[("song", &module)])) == plain, "{method:?}");
        }
    }
}

#[test]
fn the_first_module_of_an_archive_counts() {
    let (first, second) = (modules::s3m(), modules::xm(0x0104));
    let files: [(&str, &[u8]); 5] = [
        ("readme.txt", b"Enjoy this song.\n"),
        ("songs/", b""),
        ("songs/picture.png", &[0x89, b'P', b'N', b'G', 0, 0, 0, 0]),
        ("songs/a", &first),
        ("songs/b", &second),
    ];
    assert_eq!(load(&zipped(&files)).unwrap().title, "s3m title");
}

#[test]
fn packed_files_without_a_module_say_so() {
    let text: &[u8] = b"no module at all";
    assert_eq!(
        load(&gzip(text)).unwrap_err().to_string(),
        "the gzip data holds no module, only other files (1); open one that has a MOD, S3M, XM or IT in it"
    );
    assert!(matches!(
        load(&zipped(&[("a", text), ("b", text)])),
        Err(LoadError::NothingInside { files: 2, .. })
    ));
    assert!(matches!(load(&zipped(&[])), Err(LoadError::UnknownFormat)));
}

#[test]
fn a_packed_file_cut_at_any_byte_says_where_it_ends() {
    let module = modules::it(0x0214);
    for packed in [gzip(&module), zipped(&[("song.it", &module)])] {
        for length in 4..packed.len() {
            let error = load(&packed[..length]).unwrap_err();
            assert!(
                matches!(error, LoadError::Truncated { .. } | LoadError::Packed { .. }),
                "cut to {length}: {error}"
            );
        }
    }
    let cut = zipped(&[("song.it", &module)]);
    assert_eq!(
        load(&cut[..500]).unwrap_err().to_string(),
        "the ZIP archive cannot be unpacked at byte 500: its directory, which comes last, is damaged or missing; \
         unpack it yourself or get another copy"
    );
}

#[test]
fn damage_inside_is_noticed() {
    let module = modules::it(0x0214);
    let mut packed = gzip(&module);
    let checksum = packed.len() - 8;
    packed[checksum] ^= 1;
    assert!(matches!(load(&packed), Err(LoadError::Packed { .. })));
    let mut packed = archive(CompressionMethod::Stored, &[("song.it", &module)]);
    packed[1000] ^= 1;
    assert!(matches!(load(&packed), Err(LoadError::Packed { offset: 37.., .. })));
}

#[test]
fn an_archive_behind_a_password_says_so() {
    let mut packed = zipped(&[("song.it", &modules::it(0x0214))]);
    let directory = packed.windows(4).rposition(|place| place == b"PK\x01\x02").unwrap();
    (packed[6], packed[directory + 8]) = (1, 1);
    let error = load(&packed).unwrap_err().to_string();
    assert!(error.contains("ZIP entry 1") && error.contains("password"), "{error}");
}

#[test]
fn small_files_that_unpack_to_huge_ones_are_refused() {
    // A module with ten million zeros at its end.
    let mut module = modules::it(0x0214);
    module.resize(10_000_000, 0);
    for packed in [gzip(&module), zipped(&[("song.it", &module)])] {
        assert!(packed.len() < 20_000);
        let error = load(&packed).unwrap_err();
        assert!(matches!(error, LoadError::TooLarge { claimed, limit, .. } if claimed > limit), "{error}");
    }
}

#[test]
fn a_rack_keeps_the_packed_file() {
    let packed = zipped(&[("song.it", &modules::it(0x0214))]);
    let song = Module { name: "song.itz".to_owned(), bytes: packed.clone().into() };
    let rack = Rack { song: Some(song), ..Rack::default() };
    let setup = rack.setup(&Layout { main_input: 0, sidechain: 0, outputs: vec![2] }).unwrap();
    assert_eq!(setup.song.unwrap().title, "it title");
    let again = Rack::unpack(&rack.pack().unwrap()).unwrap();
    assert_eq!(*again.song.unwrap().bytes, *packed);
}

#[test]
fn the_first_module_of_an_archive_decides_for_all() {
    let module = modules::it(0x0214);
    let mut bytes = archive(CompressionMethod::Stored, &[("a", &module), ("b", &module)]);
    // The data of the first entry follows its header and name.
    let last = bytes.windows(4).position(|word| word == b"IMPM").unwrap() + module.len() - 1;
    bytes[last] ^= 0xFF;
    assert!(matches!(load(&bytes), Err(LoadError::Packed { .. })));
}
