//! A recording as a rack saves it: inside where the file is short, else where to find it.
//!
//! In files a path from the rack's folder, or a table: `name` and `bytes`, or `file` with `hash` and `size` by which it is found
//! again when it has been moved or renamed. What cannot be found is kept as it is named, and said. Any thread but the audio
//! thread: files are read whole.

use super::print::Print;
use super::print::search;
use crate::mixer::Unknown;
use crate::rt::shared::Printed;
use crate::sample::DecodeError;
use crate::sample::Recording;
use crate::sample::SampleData;
use crate::sample::SampleLoop;
use crate::sample::decode;
use crate::sample::decode_while;
use crate::sample::wav_loop;
use crate::voice;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use serde::de::Error;
use serde::de::MapAccess;
use serde::de::Visitor;
use serde::de::value::MapAccessDeserializer;
use std::convert::Infallible;
use std::fmt;
use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::OnceLock;

/// Files of fewer bytes are saved inside.
const SHORT: u64 = 4 << 20;

/// Files in use.
static FILES: Printed<Print, AudioFile> = Printed::new();

/// A file that has been read.
#[derive(Debug)]
struct AudioFile {
    print: Print,
    /// Of short ones.
    bytes: Option<Arc<[u8]>>,
    take: OnceLock<Result<voice::Take, DecodeError>>,
    wav_loop: Option<SampleLoop>,
}

impl AudioFile {
    /// Held once in the process, and so decoded once, for all racks that name these bytes.
    fn new(bytes: Arc<[u8]>) -> Arc<Self> {
        let print = Print::of(&bytes);
        let Ok(file) = FILES.of::<Infallible>(print, || {
            Ok(Self::short(print, &bytes)
                .unwrap_or_else(|| Self::long(print, &bytes, decoded(decode(Arc::clone(&bytes))))))
        });
        file
    }

    /// The same while `go_on` says so, which hears what share of a long one has been decoded.
    fn new_while(bytes: Arc<[u8]>, go_on: &mut dyn FnMut(f32) -> bool) -> Option<Arc<Self>> {
        let print = Print::of(&bytes);
        let file = FILES.of(print, || match Self::short(print, &bytes) {
            Some(file) => Ok(file),
            None => match decode_while(Arc::clone(&bytes), go_on) {
                Err(DecodeError::CalledOff) => Err(()),
                recording => Ok(Self::long(print, &bytes, decoded(recording))),
            },
        });
        file.ok()
    }

    /// A short one, which is decoded when somebody needs it.
    fn short(print: Print, bytes: &Arc<[u8]>) -> Option<Arc<Self>> {
        let file = || Self {
            print,
            bytes: Some(Arc::clone(bytes)),
            take: OnceLock::new(),
            wav_loop: wav_loop(bytes),
        };
        (print.size < SHORT).then(|| Arc::new(file()))
    }

    /// A long one, which has been decoded, so that the file need not be held beside its frames.
    fn long(print: Print, bytes: &[u8], take: Result<voice::Take, DecodeError>) -> Arc<Self> {
        Arc::new(Self { print, bytes: None, take: OnceLock::from(take), wav_loop: wav_loop(bytes) })
    }

    fn take(&self) -> Result<&voice::Take, &DecodeError> {
        self.take.get_or_init(|| decoded(decode(self.bytes.clone().unwrap_or_default()))).as_ref()
    }
}

fn decoded(recording: Result<Recording, DecodeError>) -> Result<voice::Take, DecodeError> {
    let Recording { data, rate } = recording?;
    if let SampleData::Float(planes) = &data {
        let absurd = planes.iter().filter_map(|plane| plane.iter().position(|sample| !sample.is_finite()));
        if let Some(frame) = absurd.min() {
            return Err(DecodeError::Damaged { frame, what: "a sample that is no number".to_owned() });
        }
    }
    Ok(voice::Take::new(Recording { data: data.folded(), rate }))
}

/// See the module's description.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(try_from = "Named")]
pub struct TakeFile {
    /// Of the file, for display.
    name: String,
    /// As the rack names it, or where it was found; `None` of what is inside.
    file: Option<PathBuf>,
    /// What the rack says of it.
    print: Option<Print>,
    /// `None` while it is missing.
    audio: Option<Arc<AudioFile>>,
    /// Whether somebody has looked for the file.
    sought: bool,
    /// What a newer version has added.
    unknown: Unknown,
}

/// What is to be said of a take.
#[derive(Debug)]
pub(super) enum Trouble<'a> {
    Missing(&'a Path),
    Changed(&'a Path),
    Undecodable(&'a DecodeError),
}

impl TakeFile {
    /// What a newer version has added.
    pub(super) fn unknown(&self) -> &Unknown {
        &self.unknown
    }

    /// A recording beside the rack, read from `folder` once the rack is opened.
    pub fn beside(file: impl Into<PathBuf>) -> Self {
        let file = file.into();
        Self { name: name_of(&file), file: Some(file), ..Self::default() }
    }

    /// A recording that is held inside, or, where it is long, by what it is known again.
    pub fn read(path: &Path) -> std::io::Result<Self> {
        let mut take = Self::beside(path);
        take.audio = Some(AudioFile::new(fs::read(path)?.into()));
        Ok(take)
    }

    /// The same while `go_on` says so, which hears what share of a long one has been decoded; interrupted where it does not.
    pub fn read_while(path: &Path, go_on: &mut dyn FnMut(f32) -> bool) -> io::Result<Self> {
        let mut take = Self::beside(path);
        let file = AudioFile::new_while(fs::read(path)?.into(), go_on);
        take.audio = Some(file.ok_or(io::ErrorKind::Interrupted)?);
        Ok(take)
    }

    /// Why it cannot be played, where it has been read and cannot.
    pub fn damage(&self) -> Option<DecodeError> {
        self.audio.as_ref()?.take().err().cloned()
    }

    /// File name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The recording, where it was found and can be decoded.
    pub(super) fn take(&self) -> Option<voice::Take> {
        self.audio.as_ref()?.take().ok().cloned()
    }

    /// The loop that its file brings.
    pub(super) fn wav_loop(&self) -> Option<&SampleLoop> {
        self.audio.as_ref()?.wav_loop.as_ref()
    }

    pub(super) fn trouble(&self) -> Option<Trouble<'_>> {
        let file = self.file.as_deref().unwrap_or(Path::new(&self.name));
        let Some(audio) = &self.audio else { return self.sought.then_some(Trouble::Missing(file)) };
        if let Err(error) = audio.take() {
            return Some(Trouble::Undecodable(error));
        }
        self.print.is_some_and(|print| print != audio.print).then_some(Trouble::Changed(file))
    }

    /// Whether it is a file that nobody has looked for yet.
    pub(super) fn is_unread(&self) -> bool {
        self.audio.is_none() && !self.sought
    }

    /// Where it lies, or should.
    pub(super) fn folder(&self, base: Option<&Path>) -> Option<PathBuf> {
        let file = self.file.as_ref()?;
        let path = base.map_or_else(|| file.clone(), |base| base.join(file));
        path.is_absolute().then(|| path.parent().map(Path::to_owned)).flatten()
    }

    /// Reads it where the rack says that it is, from `folder` if it says no more; false where there is nothing.
    pub(super) fn read_in_place(&mut self, folder: Option<&Path>) -> bool {
        self.sought = true;
        let Some(file) = self.file.as_ref().filter(|_| self.audio.is_none()) else { return true };
        let path = match folder {
            Some(folder) => folder.join(file),
            None if file.is_absolute() => file.clone(),
            None => return false,
        };
        self.take_from(&path)
    }

    fn take_from(&mut self, path: &Path) -> bool {
        let Ok(bytes) = fs::read(path) else { return false };
        self.audio = Some(AudioFile::new(bytes.into()));
        self.file = Some(std::path::absolute(path).unwrap_or_else(|_| path.to_owned()));
        true
    }

    /// Whether it is missing, or another file has taken its place.
    pub(super) fn is_lost(&self) -> bool {
        self.audio.as_ref().is_none_or(|audio| self.print.is_some_and(|print| print != audio.print))
    }

    /// Looks for it in folders, by its name and then by what it is known again.
    pub(super) fn search(&mut self, folders: &[PathBuf]) {
        if let Some(path) = search(Path::new(&self.name), self.print, folders) {
            self.take_from(&path);
        }
    }
}

/// Reads all recordings that are not inside, those that have been moved from where others lie.
pub(super) fn find_all<'a>(takes: impl Iterator<Item = &'a mut TakeFile>, folder: Option<&Path>) {
    let mut folders: Vec<PathBuf> = folder.map(Path::to_owned).into_iter().collect();
    let mut lost = Vec::new();
    for take in takes {
        take.read_in_place(folder);
        folders.extend(take.folder(folder));
        if take.is_lost() {
            lost.push(take);
        }
    }
    folders.sort_unstable();
    folders.dedup();
    lost.into_iter().for_each(|take| take.search(&folders));
}

fn name_of(file: &Path) -> String {
    file.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

impl PartialEq for TakeFile {
    /// Whether both would be saved alike.
    fn eq(&self, other: &Self) -> bool {
        Saved::from(self) == Saved::from(other)
    }
}

/// A take as a table.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Saved {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    file: Option<PathBuf>,
    /// 16 digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hash: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bytes: Option<String>,
    #[serde(flatten)]
    pub(super) unknown: Unknown,
}

impl From<&TakeFile> for Saved {
    fn from(take: &TakeFile) -> Self {
        let unknown = take.unknown.clone();
        if let Some(bytes) = take.audio.as_ref().and_then(|audio| audio.bytes.as_ref()) {
            let (name, bytes) = (Some(take.name.clone()), Some(BASE64.encode(bytes)));
            return Self { name, bytes, unknown, ..Self::default() };
        }
        let print = take.audio.as_ref().map(|audio| audio.print).or(take.print);
        Self {
            file: take.file.clone(),
            hash: print.map(Print::digits),
            size: print.map(|print| print.size),
            unknown,
            ..Self::default()
        }
    }
}

impl Serialize for TakeFile {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Saved::from(self).serialize(serializer)
    }
}

/// A take as a file may name it.
struct Named(Saved);

impl<'de> Deserialize<'de> for Named {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NamedVisitor)
    }
}

struct NamedVisitor;

impl<'de> Visitor<'de> for NamedVisitor {
    type Value = Named;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a take: the path of an audio file, or a table with `file` or with `name` and `bytes`")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Named, E> {
        Ok(Named(Saved { file: Some(text.into()), ..Saved::default() }))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Named, A::Error> {
        Saved::deserialize(MapAccessDeserializer::new(map)).map(Named)
    }
}

impl TryFrom<Named> for TakeFile {
    type Error = String;

    fn try_from(Named(saved): Named) -> Result<Self, String> {
        Self::try_from(saved)
    }
}

impl TryFrom<Saved> for TakeFile {
    type Error = String;

    fn try_from(saved: Saved) -> Result<Self, String> {
        let Saved { name, file, hash, size, bytes, unknown } = saved;
        match (file, bytes) {
            (Some(_), Some(_)) => {
                Err("a recording has both `bytes` and a `file`: leave one of them out".to_owned())
            }
            (None, None) => Err("a recording has neither `bytes` nor a `file`".to_owned()),
            (None, Some(bytes)) => {
                let bytes = BASE64.decode(bytes).map_err(|error| format!("a recording's bytes: {error}"))?;
                let audio = Some(AudioFile::new(bytes.into()));
                Ok(Self { name: name.unwrap_or_default(), audio, unknown, ..Self::default() })
            }
            (Some(file), None) => {
                let print = Print::read(hash.as_deref(), size)?;
                Ok(Self { name: name_of(&file), file: Some(file), print, unknown, ..Self::default() })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::AudioSource;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("busker-takes-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(folder.join("sub")).unwrap();
        folder
    }

    /// A mono WAV of 16 bits whose samples are `value`, by hand.
    fn wav(frames: u32, value: i16) -> Vec<u8> {
        let bytes = frames * 2;
        let mut file =
            [&b"RIFF"[..], &(36 + bytes).to_le_bytes(), b"WAVEfmt \x10\0\0\0\x01\0\x01\0"].concat();
        file.extend([48_000u32.to_le_bytes(), 96_000u32.to_le_bytes(), [2, 0, 16, 0]].concat());
        file.extend([&b"data"[..], &bytes.to_le_bytes()].concat());
        (0..frames).for_each(|_| file.extend(value.to_le_bytes()));
        file
    }

    #[derive(Serialize, Deserialize)]
    struct Takes {
        takes: Vec<TakeFile>,
    }

    fn saved(take: &TakeFile) -> Takes {
        toml::from_str(&toml::to_string(&Takes { takes: vec![take.clone()] }).unwrap()).unwrap()
    }

    #[test]
    fn a_short_file_is_saved_inside_and_is_there_without_its_folder() {
        let folder = folder("short");
        fs::write(folder.join("a.wav"), wav(100, 512)).unwrap();
        let mut named: Takes = toml::from_str("takes = [\"a.wav\"]").unwrap();
        assert!(named.takes[0].read_in_place(Some(&folder)));
        fs::remove_dir_all(&folder).unwrap();
        let again = saved(&named.takes[0]).takes.swap_remove(0);
        assert!(again == named.takes[0] && again.trouble().is_none() && again.name() == "a.wav");
        assert_eq!(again.take().unwrap().rate().0, 48_000.0);
    }

    #[test]
    fn a_long_file_is_saved_by_where_it_is_and_found_again_when_it_was_renamed() {
        let folder = folder("long");
        let frames = (SHORT / 2) as u32;
        fs::write(folder.join("long.wav"), wav(frames, 7)).unwrap();
        let take = TakeFile::read(&folder.join("long.wav")).unwrap();
        let text = toml::to_string(&Takes { takes: vec![take] }).unwrap();
        assert!(text.len() < 500 && text.contains("size = ") && text.contains("hash = "), "{text}");
        fs::rename(folder.join("long.wav"), folder.join("sub/other name.wav")).unwrap();
        fs::write(folder.join("long.wav"), wav(frames, 8)).unwrap();
        let mut again = toml::from_str::<Takes>(&text).unwrap().takes.swap_remove(0);
        assert!(again.is_lost() && again.is_unread());
        assert!(again.read_in_place(None) && again.is_lost(), "another file lies in its place");
        assert!(matches!(again.trouble(), Some(Trouble::Changed(_))));
        again.search(&[folder.clone(), folder.join("sub")]);
        assert!(!again.is_lost() && again.trouble().is_none());
        assert_eq!(again.take().unwrap().data().read_i16(0, 9), 7);
        assert!(again.folder(None).unwrap().ends_with("sub"));
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn the_same_file_is_decoded_once_for_all_racks_that_name_it() {
        let folder = folder("once");
        fs::write(folder.join("a.wav"), wav(99, 77)).unwrap();
        let takes = [(); 2].map(|()| TakeFile::read(&folder.join("a.wav")).unwrap());
        let again = saved(&takes[0]).takes.swap_remove(0);
        let file = |take: &TakeFile| Arc::as_ptr(take.audio.as_ref().unwrap());
        assert!(file(&takes[0]) == file(&takes[1]) && file(&again) == file(&takes[0]));
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn nothing_is_said_of_files_that_nobody_has_looked_for() {
        let mut take = toml::from_str::<Takes>("takes = [\"gone.wav\"]").unwrap().takes.swap_remove(0);
        assert!(take.is_unread() && take.trouble().is_none() && take.take().is_none());
        find_all([&mut take].into_iter(), None);
        assert!(!take.is_unread() && matches!(take.trouble(), Some(Trouble::Missing(_))));
    }

    #[test]
    fn a_missing_file_is_never_forgotten() {
        let text = "[[takes]]\nfile = \"gone.flac\"\nhash = \"00000000000000ff\"\nsize = 7\nmood = \"sad\"\n";
        let mut take = toml::from_str::<Takes>(text).unwrap().takes.swap_remove(0);
        assert!(!take.read_in_place(Some(&std::env::temp_dir())));
        take.search(&[std::env::temp_dir()]);
        assert!(take.is_lost() && take.take().is_none());
        assert_eq!(toml::to_string(&Takes { takes: vec![take] }).unwrap(), text);
    }

    #[test]
    fn what_is_no_recording_is_kept_and_said() {
        let folder = folder("broken");
        fs::write(folder.join("a.wav"), b"no sound").unwrap();
        let take = TakeFile::read(&folder.join("a.wav")).unwrap();
        assert!(matches!(take.trouble(), Some(Trouble::Undecodable(_))) && take.take().is_none());
        assert!(saved(&take).takes[0] == take);
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn wrong_texts_are_refused() {
        for (text, why) in [
            ("takes = [{ name = \"a\" }]", "neither `bytes` nor a `file`"),
            ("takes = [{ file = \"a\", bytes = \"AAAA\" }]", "both `bytes` and a `file`"),
            ("takes = [{ name = \"a\", bytes = \"%\" }]", "a recording's bytes: "),
            ("takes = [{ file = \"a\", hash = \"xyz\", size = 1 }]", "'xyz' is no hash"),
            ("takes = [7]", "expected a take: the path"),
        ] {
            let error = toml::from_str::<Takes>(text).err().unwrap().to_string();
            assert!(error.contains(why), "{error}");
        }
    }
}
