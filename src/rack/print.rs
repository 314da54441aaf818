//! By what a file is known again: its size and a hash of what it holds.
//!
//! In: a file or its bytes. Out: a print that a rack keeps, and the file that has it, wherever it lies by now. Any thread but the
//! audio thread: files are read whole. The hash is FNV-1a of 64 bits (Fowler, Noll, Vo; RFC 9923).

use std::fs;
use std::io;
use std::io::Read;
use std::path::Path;
use std::path::PathBuf;

/// Files of a folder that are looked at for one that was renamed, at most.
const LOOKED_AT: usize = 4096;
/// Bytes that are read at once.
const READ: usize = 1 << 16;
const OFFSET_BASIS: u64 = 0xCBF2_9CE4_8422_2325;
const PRIME: u64 = 0x0100_0000_01B3;

/// See the module's description.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Print {
    hash: u64,
    /// Bytes.
    pub(super) size: u64,
}

impl Print {
    const NOTHING: Self = Self { hash: OFFSET_BASIS, size: 0 };

    fn and(self, bytes: &[u8]) -> Self {
        let add = |hash: u64, &byte: &u8| (hash ^ u64::from(byte)).wrapping_mul(PRIME);
        Self { hash: bytes.iter().fold(self.hash, add), size: self.size + bytes.len() as u64 }
    }

    pub(super) fn of(bytes: &[u8]) -> Self {
        Self::NOTHING.and(bytes)
    }

    /// The same of a file, of which little is held at once.
    pub(super) fn of_file(path: &Path) -> io::Result<Self> {
        Self::of_file_while(path, &mut |_| true)
    }

    /// The same while `go_on` says so, which hears what share of the file has been read; interrupted where it does not.
    pub(super) fn of_file_while(path: &Path, go_on: &mut dyn FnMut(f32) -> bool) -> io::Result<Self> {
        let mut file = fs::File::open(path)?;
        let length = file.metadata()?.len().max(1);
        let (mut print, mut bytes) = (Self::NOTHING, vec![0; READ]);
        loop {
            if !go_on((print.size as f64 / length as f64) as f32) {
                return Err(io::ErrorKind::Interrupted.into());
            }
            match file.read(&mut bytes)? {
                0 => return Ok(print),
                count => print = print.and(&bytes[..count]), // no more than there is room for
            }
        }
    }

    /// As it is saved: 16 digits, and a size. One without the other tells nothing.
    pub(super) fn read(hash: Option<&str>, size: Option<u64>) -> Result<Option<Self>, String> {
        let number = |hash: &str| {
            u64::from_str_radix(hash, 16)
                .map_err(|_| format!("'{hash}' is no hash: it has 16 hexadecimal digits"))
        };
        Ok(hash.map(number).transpose()?.zip(size).map(|(hash, size)| Self { hash, size }))
    }

    /// The hash as it is saved.
    pub(super) fn digits(self) -> String {
        format!("{:016x}", self.hash)
    }

    fn is_of(self, path: &Path) -> bool {
        let same_size = fs::metadata(path).is_ok_and(|data| data.is_file() && data.len() == self.size);
        same_size && Self::of_file(path).is_ok_and(|print| print == self)
    }
}

/// Looks for a file in folders, by its name and then by what it is known again; without a print only the name can tell.
pub(super) fn search(name: &Path, print: Option<Print>, folders: &[PathBuf]) -> Option<PathBuf> {
    let mut named = folders.iter().map(|folder| folder.join(name));
    let Some(print) = print else { return named.find(|path| path.is_file()) };
    let others = folders.iter().flat_map(|folder| fs::read_dir(folder).into_iter().flatten().take(LOOKED_AT));
    named.chain(others.filter_map(|entry| Some(entry.ok()?.path()))).find(|path| print.is_of(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_are_those_of_the_definition_for_bytes_and_files_alike() {
        // Test vectors of the definition.
        assert_eq!(Print::of(b"").digits(), "cbf29ce484222325");
        assert_eq!(Print::of(b"a").digits(), "af63dc4c8601ec8c");
        assert_eq!(Print::of(b"foobar").digits(), "85944171f73967e8");
        let file = std::env::temp_dir().join(format!("busker-print-{}", std::process::id()));
        let bytes: Vec<u8> = (0..3 * READ + 5).map(|n| (n * 7 % 251) as u8).collect();
        fs::write(&file, &bytes).unwrap();
        let print = Print::of_file(&file).unwrap();
        assert_eq!((print, print.size), (Print::of(&bytes), bytes.len() as u64));
        assert_eq!(Print::read(Some(&print.digits()), Some(print.size)), Ok(Some(print)));
        assert_eq!(Print::read(Some(&print.digits()), None), Ok(None));
        let off = Print::of_file_while(&file, &mut |share| share < 0.5).unwrap_err();
        assert_eq!(off.kind(), io::ErrorKind::Interrupted);
        fs::remove_file(&file).unwrap();
    }
}
