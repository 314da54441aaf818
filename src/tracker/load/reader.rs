//! A cursor over a file's bytes that knows the name of the part it reads, so that every error says where it is.

use super::error::LoadError;
use super::error::Part;
use super::pcm::Budget;

/// Reads little- and big-endian numbers from a place in the file; a read past the end is `LoadError::Truncated`.
#[derive(Clone)]
pub(super) struct Reader<'a> {
    file: &'a [u8],
    /// May lie past the end; the next read then reports it.
    position: usize,
    part: Part,
}

impl<'a> Reader<'a> {
    /// Starts at `position` of the file, reading `part`.
    pub(super) fn at(file: &'a [u8], position: usize, part: Part) -> Self {
        Self { file, position, part }
    }

    /// Goes on with another part of the file.
    pub(super) fn enter(&mut self, part: Part) {
        self.part = part;
    }

    pub(super) fn position(&self) -> usize {
        self.position
    }

    pub(super) fn seek(&mut self, position: usize) {
        self.position = position;
    }

    pub(super) fn skip(&mut self, bytes: usize) {
        self.position = self.position.saturating_add(bytes);
    }

    /// Everything from here to the end of the file.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.file.get(self.position..).unwrap_or_default()
    }

    pub(super) fn take(&mut self, bytes: usize) -> Result<&'a [u8], LoadError> {
        let end = self.position.saturating_add(bytes);
        let taken = self.file.get(self.position..end).ok_or_else(|| self.truncated(end))?;
        self.position = end;
        Ok(taken)
    }

    /// The error for bytes up to `end` that are not all there.
    fn truncated(&self, end: usize) -> LoadError {
        LoadError::Truncated {
            part: self.part,
            offset: self.position.max(self.file.len()),
            missing: end.saturating_sub(self.file.len()),
        }
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], LoadError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    pub(super) fn byte(&mut self) -> Result<u8, LoadError> {
        self.array().map(|[byte]| byte)
    }

    pub(super) fn signed_byte(&mut self) -> Result<i8, LoadError> {
        self.array().map(i8::from_le_bytes)
    }

    pub(super) fn u16_le(&mut self) -> Result<u16, LoadError> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn u16_be(&mut self) -> Result<u16, LoadError> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn u32_le(&mut self) -> Result<u32, LoadError> {
        self.array().map(u32::from_le_bytes)
    }

    /// Takes memory for a part of the file before it is allocated.
    pub(super) fn spend(&self, budget: &mut Budget, bytes: usize) -> Result<(), LoadError> {
        budget.spend(self.part, self.position, bytes)
    }

    /// A count or size from the file, refused beyond `limit`.
    pub(super) fn bounded(&self, claimed: impl Into<u64>, limit: u64) -> Result<usize, LoadError> {
        let claimed = claimed.into();
        match usize::try_from(claimed) {
            Ok(count) if claimed <= limit => Ok(count),
            _ => Err(LoadError::TooLarge { part: self.part, offset: self.position, claimed, limit }),
        }
    }

    /// The error for a field of `width` bytes that was just read.
    pub(super) fn invalid(&self, width: usize, value: impl Into<u32>) -> LoadError {
        LoadError::Invalid {
            part: self.part,
            offset: self.position.saturating_sub(width),
            value: value.into(),
        }
    }
}
