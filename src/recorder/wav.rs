//! A WAV file that can be read at any time while it grows.
//!
//! In: encoded frames. Out: a header by hound, the frames, and sizes in the header that are brought up to date between
//! frames and never promise what has not been written. Threads that write.

use super::disk::Medium;
use super::format::SampleFormat;
use std::io;
use std::io::ErrorKind;
use std::io::SeekFrom;

/// Where the RIFF chunk's size stands; that of the data ends the header.
const RIFF_SIZE_AT: u64 = 4;
/// Bytes of a chunk's name and size.
const CHUNK_HEADER: u64 = 8;

pub(crate) struct Wav {
    medium: Box<dyn Medium>,
    header_bytes: u64,
    frame_bytes: u64,
    /// Bytes of samples that the medium has taken.
    written: u64,
    /// What the header says.
    said: u64,
}

impl Wav {
    /// Writes the header of an empty file.
    pub(crate) fn new(
        mut medium: Box<dyn Medium>,
        format: SampleFormat,
        channels: usize,
        rate: u32,
    ) -> io::Result<Self> {
        let mut header = format.spec(channels, rate).into_header_for_infinite_file();
        let header_bytes = header.len() as u64;
        let (riff, data) = sizes(header_bytes, 0);
        let data_at = header.len().saturating_sub(4);
        for (at, size) in [(RIFF_SIZE_AT as usize, riff), (data_at, data)] {
            if let Some(field) = header.get_mut(at..at + 4) {
                field.copy_from_slice(&size);
            }
        }
        medium.write_all(&header)?;
        medium.flush()?;
        let frame_bytes = (channels * format.bytes()) as u64;
        Ok(Self { medium, header_bytes, frame_bytes, written: 0, said: 0 })
    }

    /// Frames that the medium has taken as a whole.
    pub(crate) fn frames(&self) -> u64 {
        self.written / self.frame_bytes
    }

    /// Appends bytes; those that the medium took before an error are counted.
    pub(crate) fn append(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.medium.write(bytes) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(taken) => {
                    self.written += taken as u64;
                    bytes = bytes.get(taken..).unwrap_or(&[]);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Brings the header's sizes up to date: the frames are there by then.
    pub(crate) fn update(&mut self) -> io::Result<()> {
        self.medium.flush()?;
        let whole = self.frames() * self.frame_bytes;
        if whole == self.said {
            return Ok(());
        }
        let (riff, data) = sizes(self.header_bytes, whole);
        // The data's size first: between both, a reader sees a file with some bytes behind its end.
        for (at, size) in [(self.header_bytes - 4, data), (RIFF_SIZE_AT, riff)] {
            self.medium.seek(SeekFrom::Start(at))?;
            self.medium.write_all(&size)?;
        }
        self.medium.seek(SeekFrom::Start(self.header_bytes + self.written))?;
        self.medium.flush()?;
        self.said = whole;
        Ok(())
    }

    /// Completes the file: chunks have even lengths.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        self.update()?;
        if self.written % 2 == 1 {
            self.medium.write_all(&[0])?;
        }
        self.medium.flush()
    }
}

/// Sizes of the RIFF chunk and of its data, as they stand in a header.
fn sizes(header_bytes: u64, data: u64) -> ([u8; 4], [u8; 4]) {
    let field = |size: u64| (size.min(u32::MAX.into()) as u32).to_le_bytes();
    (field(header_bytes - CHUNK_HEADER + data + data % 2), field(data))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    #[test]
    fn headers_agree_with_what_hound_reads_in_every_format_and_width() {
        for format in [SampleFormat::I16, SampleFormat::I24, SampleFormat::F32] {
            for channels in 1..=8 {
                let path = std::env::temp_dir()
                    .join(format!("busker-wav-{}-{format:?}-{channels}.wav", std::process::id()));
                let medium = Box::new(std::fs::File::create(&path).unwrap());
                let mut wav = Wav::new(medium, format, channels, 96_000).unwrap();
                for frames in [3usize, 2] {
                    wav.append(&vec![1; frames * channels * format.bytes()]).unwrap();
                    wav.update().unwrap();
                    let reader = hound::WavReader::open(&path).unwrap();
                    assert_eq!(reader.spec(), format.spec(channels, 96_000));
                    assert_eq!(u64::from(reader.duration()), wav.frames());
                }
                wav.finish().unwrap();
                let bytes = std::fs::read(&path).unwrap();
                let riff = u32::from_le_bytes(bytes[4..8].try_into().unwrap());
                assert_eq!((bytes.len() % 2, riff as usize), (0, bytes.len() - 8));
                std::fs::remove_file(path).unwrap();
            }
        }
    }

    /// Takes no more than so many bytes, the last of them in halves.
    struct Full(Cursor<Vec<u8>>, usize);

    impl io::Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let left = self.1.saturating_sub(self.0.position() as usize).min(bytes.len());
            if left == 0 {
                Err(ErrorKind::StorageFull.into())
            } else {
                self.0.write(&bytes[..left.div_ceil(2)])
            }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl io::Seek for Full {
        fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
            self.0.seek(to)
        }
    }

    #[test]
    fn a_full_disk_leaves_whole_frames_in_the_header() {
        let medium = Box::new(Full(Cursor::default(), 44 + 30));
        let mut wav = Wav::new(medium, SampleFormat::I16, 2, 48_000).unwrap();
        wav.append(&[1; 16]).unwrap();
        assert_eq!(wav.append(&[2; 16]).unwrap_err().kind(), ErrorKind::StorageFull);
        wav.update().unwrap();
        assert_eq!((wav.frames(), wav.said), (7, 28));
    }
}
