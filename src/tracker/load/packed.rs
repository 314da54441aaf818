//! Modules packed by gzip or in ZIP archives, unpacked in memory.
//!
//! In: a file's bytes. Out: the bytes of the module inside, for the loaders. Of an archive the first file that is a module
//! counts; nothing is unpacked twice. What a file may unpack to is bounded by its own size. Sources: RFC 1952, PKWARE's
//! APPNOTE.TXT.

use super::error::LoadError;
use super::error::Part;
use flate2::bufread::GzDecoder;
use std::io::Cursor;
use std::io::Read;
use zip::ZipArchive;
use zip::read::ZipFile;
use zip::result::ZipError;

const GZIP_SIGNATURE: &[u8] = &[0x1f, 0x8b, 8];
const ZIP_SIGNATURE: &[u8] = b"PK\x03\x04";
const GZIP: Part = Part::single("gzip data");
const ZIP: Part = Part::single("ZIP archive");

/// No module known is larger.
const MOST_BYTES: u64 = 256 << 20;
/// Modules pack to a half or a tenth, very empty ones to a hundredth.
const MOST_EXPANSION: u64 = 256;
/// Files of an archive that are looked at.
const MOST_FILES: usize = 4096;
/// Enough to recognise a module of any format.
const HEAD_BYTES: u64 = 4096;

/// What a packed file holds.
pub(super) enum Unpacked {
    /// The file is not packed.
    Plain,
    /// Bytes of the module inside.
    Module(Vec<u8>),
}

/// Whether a file that begins so is packed, whatever is inside.
pub(super) fn is_packed(head: &[u8]) -> bool {
    head.starts_with(GZIP_SIGNATURE) || head.starts_with(ZIP_SIGNATURE)
}

/// Unpacks a file that is packed. `is_module` sees the head of a file and the length of the whole.
pub(super) fn unpack(bytes: &[u8], is_module: impl Fn(&[u8], usize) -> bool) -> Result<Unpacked, LoadError> {
    let limit = (MOST_EXPANSION * bytes.len() as u64 + (1 << 20)).min(MOST_BYTES);
    if bytes.starts_with(GZIP_SIGNATURE) {
        let module = unpack_gzip(bytes, limit)?;
        if !is_module(&module, module.len()) {
            return Err(LoadError::NothingInside { part: GZIP, files: 1 });
        }
        Ok(Unpacked::Module(module))
    } else if bytes.starts_with(ZIP_SIGNATURE) {
        unpack_zip(bytes, limit, is_module).map(Unpacked::Module)
    } else {
        Ok(Unpacked::Plain)
    }
}

/// What comes after the first packed file of several is left out: it would be no part of a module.
fn unpack_gzip(bytes: &[u8], limit: u64) -> Result<Vec<u8>, LoadError> {
    let mut decoder = GzDecoder::new(bytes);
    let mut module = Vec::new();
    let read = (&mut decoder).take(limit + 1).read_to_end(&mut module);
    let offset = bytes.len() - decoder.get_ref().len();
    match read {
        Ok(_) if module.len() as u64 > limit => {
            Err(LoadError::TooLarge { part: GZIP, offset, claimed: module.len() as u64, limit })
        }
        Ok(_) => Ok(module),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            Err(LoadError::Truncated { part: GZIP, offset, missing: 1 })
        }
        Err(_) => Err(LoadError::Packed { part: GZIP, offset, reason: "its data is damaged" }),
    }
}

fn unpack_zip(
    bytes: &[u8],
    limit: u64,
    is_module: impl Fn(&[u8], usize) -> bool,
) -> Result<Vec<u8>, LoadError> {
    let archive = ZipArchive::new(Cursor::new(bytes));
    let mut archive = archive.map_err(|error| fault(&error, ZIP, bytes.len()))?;
    let files = archive.len();
    let mut first_fault = None;
    for index in 0..files.min(MOST_FILES) {
        let part = Part::numbered("ZIP entry", index + 1);
        let mut file = match archive.by_index(index) {
            Ok(file) if file.is_file() => file,
            Ok(_) => continue,
            Err(error) => {
                first_fault.get_or_insert(fault(&error, part, 0));
                continue;
            }
        };
        match read_head(&mut file, part) {
            // The first module decides, damaged or not: else each of thousands could unpack to the limit.
            Ok(head) if is_module(&head, usize::try_from(file.size()).unwrap_or(usize::MAX)) => {
                return read_rest(head, file, part, limit);
            }
            Ok(_) => {}
            Err(fault) => {
                first_fault.get_or_insert(fault);
            }
        }
    }
    Err(first_fault.unwrap_or(LoadError::NothingInside { part: ZIP, files }))
}

type Entry<'a, 'b> = ZipFile<'a, Cursor<&'b [u8]>>;

fn damaged(file: &Entry<'_, '_>, part: Part) -> LoadError {
    let offset = file.data_start().unwrap_or(0) as usize;
    LoadError::Packed { part, offset, reason: "its data is damaged" }
}

fn read_head(file: &mut Entry<'_, '_>, part: Part) -> Result<Vec<u8>, LoadError> {
    let mut head = Vec::new();
    let read = file.by_ref().take(HEAD_BYTES).read_to_end(&mut head);
    read.map_err(|_| damaged(file, part))?;
    Ok(head)
}

/// The whole file, which begins with `head`.
fn read_rest(head: Vec<u8>, mut file: Entry<'_, '_>, part: Part, limit: u64) -> Result<Vec<u8>, LoadError> {
    let mut module = head;
    let claimed = file.size();
    // The size in the archive's directory need not be true.
    let left = limit.saturating_sub(module.len() as u64);
    if claimed <= limit {
        let read = file.by_ref().take(left + 1).read_to_end(&mut module);
        read.map_err(|_| damaged(&file, part))?;
    }
    let offset = file.data_start().unwrap_or(0) as usize;
    let claimed = claimed.max(module.len() as u64);
    if claimed > limit { Err(LoadError::TooLarge { part, offset, claimed, limit }) } else { Ok(module) }
}

fn fault(error: &ZipError, part: Part, offset: usize) -> LoadError {
    let reason = match error {
        ZipError::UnsupportedArchive(ZipError::PASSWORD_REQUIRED) => "it is locked by a password",
        ZipError::UnsupportedArchive(_) | ZipError::CompressionMethodNotSupported(_) => {
            "it is packed in a way that is not supported"
        }
        _ => "its directory, which comes last, is damaged or missing",
    };
    LoadError::Packed { part, offset, reason }
}
