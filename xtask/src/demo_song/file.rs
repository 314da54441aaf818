//! The score as an Impulse Tracker file: header, instruments, samples, packed patterns.
//!
//! Source: Impulse Tracker 2.14 `ITTECH.TXT`.

use super::score::Cell;
use super::score::Envelope;
use super::score::Instrument;
use super::score::Page;
use super::score::Score;
use super::sound::Bits;
use super::sound::Recording;

const VERSION: u16 = 0x0214;
const INSTRUMENT_BYTES: usize = 554;
const SAMPLE_BYTES: usize = 80;
const CHANNELS: usize = 64;
const PANNING_DISABLED: u8 = 32 | 0x80;
/// Stereo, instruments, linear slides, portamento with its own memory.
const FLAGS: u16 = 0x01 | 0x04 | 0x08 | 0x20;

/// Writes the whole file.
pub(super) fn write(score: &Score) -> Vec<u8> {
    let mut file = header(score);
    let mut pointers = Vec::new();
    let lists = 4 * (score.instruments.len() + score.recordings.len() + score.pages.len());
    let list_at = file.len();
    file.resize(list_at + lists, 0);
    let message_at = file.len();
    file.extend(score.message.bytes().map(|byte| if byte == b'\n' { b'\r' } else { byte }));
    file.push(0);
    file[0x36..0x38].copy_from_slice(&(score.message.len() as u16 + 1).to_le_bytes());
    file[0x38..0x3c].copy_from_slice(&(message_at as u32).to_le_bytes());

    for instrument in &score.instruments {
        pointers.push(file.len());
        file.extend(instrument_header(instrument));
    }
    let data_at = file.len() + SAMPLE_BYTES * score.recordings.len();
    let mut data = Vec::new();
    for recording in &score.recordings {
        pointers.push(file.len());
        file.extend(sample_header(recording, data_at + data.len()));
        data.extend(sample_data(recording));
    }
    file.extend(data);
    for page in &score.pages {
        pointers.push(file.len());
        file.extend(pattern(page));
    }
    for (place, pointer) in file[list_at..list_at + lists].chunks_exact_mut(4).zip(pointers) {
        place.copy_from_slice(&(pointer as u32).to_le_bytes());
    }
    file
}

fn text(text: &str, width: usize) -> Vec<u8> {
    let mut field = text.as_bytes().to_vec();
    field.resize(width, 0);
    field
}

fn words(words: &[u16]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn header(score: &Score) -> Vec<u8> {
    let mut file = [text("IMPM", 4), text(score.title, 26), vec![4, 16]].concat();
    let counts = [score.orders.len() + 1, score.instruments.len(), score.recordings.len(), score.pages.len()];
    file.extend(words(&counts.map(|count| count as u16)));
    file.extend(words(&[VERSION, VERSION, FLAGS, 1]));
    file.extend([128, score.mix_volume, score.speed, score.tempo, 128, 0]);
    file.resize(0x40, 0); // the message's length and place follow later
    let mut panning = score.panning.to_vec();
    panning.resize(CHANNELS, PANNING_DISABLED);
    file.extend(panning);
    file.extend([64; CHANNELS]);
    file.extend(&score.orders);
    file.push(0xff);
    file
}

fn instrument_header(instrument: &Instrument) -> Vec<u8> {
    let mut bytes = [text("IMPI", 4), text("", 13)].concat();
    bytes.extend([instrument.new_note_action, 0, 0]);
    bytes.extend(instrument.fadeout.to_le_bytes());
    bytes.extend([0, 60, 128, instrument.panning, 0, 0]);
    bytes.extend(words(&[VERSION, 1]));
    bytes.extend(text(instrument.name, 26));
    bytes.extend([0; 6]);
    bytes.extend((0..120).flat_map(|key| [key, instrument.sample]));
    for envelope in [&instrument.volume, &instrument.pan, &Envelope::default()] {
        bytes.extend(envelope_bytes(envelope));
    }
    bytes.resize(INSTRUMENT_BYTES, 0);
    bytes
}

fn envelope_bytes(envelope: &Envelope) -> Vec<u8> {
    let on = u8::from(!envelope.points.is_empty());
    let looped = u8::from(envelope.looped.is_some()) << 1;
    let held = u8::from(envelope.held.is_some()) << 2;
    let [start, end] = envelope.looped.unwrap_or_default();
    let hold = envelope.held.unwrap_or_default();
    let mut bytes = vec![on | looped | held, envelope.points.len() as u8, start, end, hold, hold];
    for &(tick, value) in envelope.points {
        bytes.push(value.cast_unsigned());
        bytes.extend(u16::to_le_bytes(tick));
    }
    bytes.resize(82, 0);
    bytes
}

fn sample_header(recording: &Recording, data_at: usize) -> Vec<u8> {
    let frames = recording.frames.len() as u32;
    let sixteen_bit = u8::from(recording.bits == Bits::Sixteen) << 1;
    let looped = u8::from(recording.loop_start.is_some()) << 4;
    let loop_end = recording.loop_start.map_or(0, |_| frames);
    let mut bytes = [text("IMPS", 4), text("", 13)].concat();
    bytes.extend([64, 1 | sixteen_bit | looped, recording.volume]);
    bytes.extend(text(recording.name, 26));
    bytes.extend([1, 32]);
    let numbers = [
        frames,
        recording.loop_start.unwrap_or(0) as u32,
        loop_end,
        recording.c5_speed,
        0,
        0,
        data_at as u32,
    ];
    bytes.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
    bytes.extend([0; 4]);
    bytes
}

fn sample_data(recording: &Recording) -> Vec<u8> {
    let scaled = |full: f64| recording.frames.iter().map(move |frame| libm::round(frame * full));
    match recording.bits {
        Bits::Eight => scaled(127.0).map(|frame| (frame as i8).cast_unsigned()).collect(),
        Bits::Sixteen => scaled(32767.0).flat_map(|frame| (frame as i16).to_le_bytes()).collect(),
    }
}

/// What a channel held last: the mask and the bytes of each field.
#[derive(Clone, Default)]
struct Memory {
    mask: u8,
    fields: [Vec<u8>; 4],
}

fn pattern(page: &Page) -> Vec<u8> {
    let mut packed = Vec::new();
    let mut memory = vec![Memory::default(); page.channels()];
    for row in page.rows() {
        for (channel, (cell, memory)) in (1_u8..).zip(row.iter().zip(&mut memory)) {
            pack_cell(channel, cell, memory, &mut packed);
        }
        packed.push(0);
    }
    [words(&[packed.len() as u16, page.rows().len() as u16]), vec![0; 4], packed].concat()
}

fn pack_cell(channel: u8, cell: &Cell, memory: &mut Memory, packed: &mut Vec<u8>) {
    let fields: [Vec<u8>; 4] = [
        cell.note.into_iter().collect(),
        cell.instrument.into_iter().collect(),
        cell.volume.into_iter().collect(),
        cell.effect.map(|(letter, parameter)| vec![letter, parameter]).unwrap_or_default(),
    ];
    let mut mask = 0;
    let mut new: Vec<u8> = Vec::new();
    for (bit, (field, last)) in fields.into_iter().zip(&mut memory.fields).enumerate() {
        if field.is_empty() {
            continue;
        }
        if field == *last {
            mask |= 0x10 << bit;
        } else {
            mask |= 0x01 << bit;
            new.extend(&field);
            *last = field;
        }
    }
    if mask == 0 {
        return;
    }
    if mask == memory.mask {
        packed.push(channel);
    } else {
        packed.extend([channel | 0x80, mask]);
        memory.mask = mask;
    }
    packed.extend(new);
}
