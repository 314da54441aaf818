//! The `.vstpreset` container: a header with the class, chunks, and a list of chunks at the end.

/// The parts of a preset file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PresetFile<'a> {
    /// 32 hexadecimal digits.
    pub(super) class: String,
    pub(super) component: &'a [u8],
    pub(super) controller: Option<&'a [u8]>,
}

fn number<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

fn offset(bytes: &[u8], at: usize) -> Option<usize> {
    usize::try_from(i64::from_le_bytes(number(bytes, at)?)).ok()
}

/// Reads a preset file; the error is one sentence.
pub(super) fn parse(bytes: &[u8]) -> Result<PresetFile<'_>, &'static str> {
    if bytes.get(..4) != Some(b"VST3") {
        return Err("does not begin with 'VST3'");
    }
    let class = bytes.get(8..40).ok_or("ends inside its header")?;
    let class = String::from_utf8_lossy(class).to_uppercase();
    let list = offset(bytes, 40).ok_or("ends inside its header")?;
    if number(bytes, list) != Some(*b"List") {
        return Err("has no chunk list where its header says");
    }
    let count = number(bytes, list + 4).map(i32::from_le_bytes).ok_or("ends inside its chunk list")?;
    let chunk = |name: &[u8; 4]| {
        (0..count.clamp(0, 128) as usize).map(|index| list + 8 + index * 20).find_map(|at| {
            let (start, length) = (offset(bytes, at + 4)?, offset(bytes, at + 12)?);
            (number(bytes, at) == Some(*name)).then(|| bytes.get(start..start.checked_add(length)?)).flatten()
        })
    };
    let component = chunk(b"Comp").ok_or("has no component chunk inside its bounds")?;
    Ok(PresetFile { class, component, controller: chunk(b"Cont") })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn preset_of(component: &[u8]) -> Vec<u8> {
        let mut file = b"VST3\x01\x00\x00\x00".to_vec();
        file.extend(b"0123456789ABCDEF0123456789ABCDEF");
        file.extend((48 + component.len() as i64).to_le_bytes());
        file.extend(component);
        file.extend(b"List\x01\x00\x00\x00Comp");
        file.extend(48i64.to_le_bytes());
        file.extend((component.len() as i64).to_le_bytes());
        file
    }

    #[test]
    fn component_chunk_is_found_and_controller_chunk_may_be_missing() {
        let file = preset_of(b"state");
        let preset = parse(&file).unwrap();
        assert_eq!(preset.component, b"state");
        assert_eq!(preset.class, "0123456789ABCDEF0123456789ABCDEF");
        assert_eq!(preset.controller, None);
    }

    #[test]
    fn every_truncation_is_an_error() {
        let file = preset_of(b"state");
        for length in 0..file.len() {
            assert!(parse(&file[..length]).is_err(), "{length} bytes");
        }
    }
}
