//! Names of recordings: the source's, made portable, with a number that no file has yet.

use super::disk::Disk;
use super::disk::Medium;
use super::recording::RecordError;
use std::io::ErrorKind;
use std::path::Path;
use std::path::PathBuf;

/// Letters of a source's name that a file's name keeps, at most.
const MOST_LETTERS: usize = 80;
/// The highest number of a take or part.
pub(crate) const MOST_TAKES: u32 = 99_999;

/// What is left of a name on any file system; never empty.
pub(crate) fn portable(name: &str) -> String {
    let kept = |letter: char| match letter {
        '<' | '>' | ':' | '"' | '/' | '\\' | '|' | '?' | '*' => '-',
        control if control.is_control() => ' ',
        letter => letter,
    };
    let name: String = name.chars().map(kept).take(MOST_LETTERS).collect();
    let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
    let name = name.trim_matches(['.', ' ']);
    if name.is_empty() { "Recording".to_owned() } else { name.to_owned() }
}

/// `Bus 3 Drums 007.wav`; further files of a take that is too long for one are parts.
fn file_name(name: &str, number: u32, part: u32) -> String {
    match part {
        0 | 1 => format!("{name} {number:03}.wav"),
        part => format!("{name} {number:03} part {part}.wav"),
    }
}

/// A file that has just been made.
pub(crate) struct Made {
    pub(crate) medium: Box<dyn Medium>,
    pub(crate) path: PathBuf,
    pub(crate) number: u32,
    pub(crate) part: u32,
}

/// Makes the file of a take's part; where there is one, it takes the next number, of takes or, after the first, of parts.
pub(crate) fn create(
    disk: &Disk,
    folder: &Path,
    name: &str,
    (mut number, mut part): (u32, u32),
) -> Result<Made, RecordError> {
    loop {
        let path = folder.join(file_name(name, number, part));
        match disk.create_new(&path) {
            Ok(medium) => return Ok(Made { medium, path, number, part }),
            Err(error) if error.kind() == ErrorKind::AlreadyExists && number.max(part) < MOST_TAKES => {
                *if part <= 1 { &mut number } else { &mut part } += 1;
            }
            Err(error) => return Err(RecordError::Create { path, error }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_portable_and_never_empty() {
        assert_eq!(portable("Bus 3 Drums"), "Bus 3 Drums");
        assert_eq!(portable("../a\\b:c?\u{7}\n d. "), "-a-b-c- d");
        assert_eq!(portable(" \t.. "), "Recording");
        assert_eq!(portable("Größe ♯"), "Größe ♯");
        assert_eq!(portable(&"x".repeat(500)).len(), MOST_LETTERS);
        assert_eq!(
            (file_name("A", 7, 1), file_name("A", 7, 2)),
            ("A 007.wav".into(), "A 007 part 2.wav".into())
        );
    }
}
