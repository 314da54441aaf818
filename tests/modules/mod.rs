//! Small modules of each format, written byte by byte, for tests that need to know what is in a file.

/// Bytes with numbers written at the end or into a place.
#[derive(Clone, Default)]
pub(crate) struct Bytes(pub(crate) Vec<u8>);

impl Bytes {
    pub(crate) fn text(&mut self, text: &str, width: usize) -> &mut Self {
        let mut field = text.as_bytes().to_vec();
        field.resize(width, 0);
        self.raw(&field)
    }

    pub(crate) fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    pub(crate) fn zeros(&mut self, count: usize) -> &mut Self {
        self.0.resize(self.0.len() + count, 0);
        self
    }

    pub(crate) fn words(&mut self, words: &[u16]) -> &mut Self {
        words.iter().for_each(|word| self.0.extend(word.to_le_bytes()));
        self
    }

    pub(crate) fn words_be(&mut self, words: &[u16]) -> &mut Self {
        words.iter().for_each(|word| self.0.extend(word.to_be_bytes()));
        self
    }

    pub(crate) fn dwords(&mut self, dwords: &[u32]) -> &mut Self {
        dwords.iter().for_each(|dword| self.0.extend(dword.to_le_bytes()));
        self
    }

    pub(crate) fn pad_to(&mut self, length: usize) -> &mut Self {
        assert!(self.0.len() <= length, "{} bytes do not fit into {length}", self.0.len());
        self.0.resize(length, 0);
        self
    }

    pub(crate) fn put(&mut self, at: usize, bytes: &[u8]) -> &mut Self {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
        self
    }
}

/// A sample's header of MOD; lengths in words.
fn mod_sample(file: &mut Bytes, name: &str, words: [u16; 3], finetune: u8) {
    let [length, loop_start, loop_length] = words;
    file.text(name, 22).words_be(&[length]).raw(&[finetune, 48]).words_be(&[loop_start, loop_length]);
}

/// Patterns of MOD: period 428, sample 1, volume 32 on the first row of each channel, a break on the last row.
fn mod_patterns(file: &mut Bytes, patterns: usize, channels: usize) {
    for _ in 0..patterns {
        for row in 0..64 {
            for _ in 0..channels {
                file.raw(match row {
                    0 => &[0x01, 0xac, 0x1c, 0x20],
                    63 => &[0, 0, 0x0d, 0],
                    _ => &[0; 4],
                });
            }
        }
    }
}

/// Signature and channels as given; two orders of two patterns (four where they are pairs), one sample of eight bytes.
pub(crate) fn amiga_mod(signature: &str, channels: usize, patterns: [u8; 2]) -> Vec<u8> {
    let mut file = Bytes::default();
    file.text("a title", 20);
    mod_sample(&mut file, "bell", [4, 1, 3], 0x0f);
    (1..31).for_each(|_| mod_sample(&mut file, "", [0, 0, 1], 0));
    file.raw(&[2, 1]).raw(&patterns).zeros(126).text(signature, 4);
    mod_patterns(&mut file, usize::from(patterns[1]) + 1, channels);
    file.raw(&[0, 10, 20, 30, 40, 0xf6, 0xec, 0xe2]);
    file.0
}

/// A file of 15 samples; the loop of the first starts at byte 2.
pub(crate) fn soundtracker() -> Vec<u8> {
    let mut file = Bytes::default();
    file.text("old", 20);
    mod_sample(&mut file, "st-01:bell", [4, 2, 3], 0);
    (1..15).for_each(|_| mod_sample(&mut file, "", [0, 0, 1], 0));
    file.raw(&[1, 0x78]).zeros(128);
    for row in 0..64 {
        file.raw(if row == 0 { &[0x01, 0xac, 0x11, 0x37] } else { &[0; 4] }).zeros(12);
    }
    file.raw(&[0, 10, 20, 30, 40, 0xf6, 0xec, 0xe2]);
    file.0
}

/// Three channels, the last muted; a 16-bit stereo sample, an AdLib voice, panning table, one pattern.
pub(crate) fn s3m() -> Vec<u8> {
    let mut file = Bytes::default();
    file.text("s3m title", 28).raw(&[0x1a, 16, 0, 0]).words(&[2, 2, 1, 0x50, 0x1320, 2]);
    file.text("SCRM", 4).raw(&[50, 5, 130, 0xb0, 16, 0xfc]).zeros(10);
    file.raw(&[0, 8, 0x81]).raw(&[0xff; 29]).raw(&[0, 255]);
    file.words(&[10, 15, 20]).raw(&[0x25]).zeros(31);
    file.pad_to(160);
    file.raw(&[1]).text("DISK.SMP", 12).raw(&[0, 25, 0]).dwords(&[4, 1, 3]);
    file.raw(&[40, 0, 0, 1 | 2 | 4])
        .dwords(&[22050])
        .zeros(4)
        .words(&[0x21])
        .zeros(6)
        .text("piano", 28)
        .text("SCRS", 4);
    file.raw(&[2]).zeros(15).raw(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 0]);
    file.raw(&[63, 0, 0, 0]).dwords(&[8363]).zeros(12).text("fm", 28).text("SCRI", 4);
    file.words(&[40]);
    // Row 0: channel 0 C-4, sample 1, volume 33, G12; channel 1 a cut. Then 63 empty rows.
    file.raw(&[0xe0, 0x40, 1, 33, 7, 0x12, 0x21, 0xfe, 2, 0]).zeros(63);
    file.pad_to(400);
    file.words(&[0x8000, 0x8001, 0x7fff, 0xffff, 0x8000, 0x8002, 0x8003, 0x8004]);
    file.0
}

/// Two channels; a pattern of two packed rows and an empty one; an instrument with envelopes and two samples.
pub(crate) fn xm(version: u16) -> Vec<u8> {
    let mut file = Bytes::default();
    file.text("Extended Module: ", 17)
        .text("xm title            ", 20)
        .raw(&[0x1a])
        .text("FastTracker v2.00   ", 20);
    file.words(&[version]).dwords(&[276]).words(&[2, 1, 2, 2, 1, 1, 5, 140]).raw(&[0, 1]).zeros(254);
    let mut patterns = Bytes::default();
    let rows =
        |count: u16| if version == 0x0102 { vec![(count - 1) as u8] } else { count.to_le_bytes().to_vec() };
    let header = if version == 0x0102 { 8 } else { 9 };
    patterns.dwords(&[header]).raw(&[0]).raw(&rows(2)).words(&[12]);
    // C-4, instrument 1, volume 0x50, effect 0x21 (X), parameter 0x13, unpacked; note off; empty; volume only.
    patterns.raw(&[49, 1, 0x50, 0x21, 0x13, 0x81, 97, 0x80, 0x84, 0x20, 0x88, 0x0a]);
    patterns.dwords(&[header]).raw(&[0]).raw(&rows(16)).words(&[0]);
    let (instrument, data) = xm_instrument();
    if version == 0x0104 {
        file.raw(&patterns.0).raw(&instrument).raw(&data);
    } else {
        file.raw(&instrument).raw(&patterns.0).raw(&data);
    }
    file.0
}

fn xm_instrument() -> (Vec<u8>, Vec<u8>) {
    let mut file = Bytes::default();
    file.dwords(&[263]).text("brass", 22).raw(&[0]).words(&[2]).dwords(&[40]);
    file.zeros(48).raw(&[1; 47]).raw(&[9]);
    file.words(&[0, 64, 10, 32, 20, 0]).zeros(36).words(&[0, 0, 8, 64]).zeros(40);
    file.raw(&[3, 2, 1, 0, 2, 0, 0, 1, 1 | 2 | 4, 1 | 4, 2, 7, 5, 9]).words(&[512]).zeros(22);
    file.dwords(&[4, 1, 3]).raw(&[40, 0xf0, 2, 200, 12, 3]).raw(b"low                   ");
    file.dwords(&[8, 0, 8]).raw(&[64, 16, 0x11, 128, 0xf4, 4]).raw(b"high                  ");
    let mut data = Bytes::default();
    data.raw(&[1, 1, 1, 0x7f]).words(&[1000, 1, 0xffff, 0]);
    (file.0, data.0)
}

/// A packed 8-bit block: nine bits for each of 10, +5, -3 and 0.
const PACKED: [u8; 7] = [5, 0, 0x0a, 0x0a, 0xf4, 0x03, 0x00];

/// Two samples (one packed), one instrument of the shape that `compatible` asks for, one pattern, message and macros.
pub(crate) fn it(compatible: u16) -> Vec<u8> {
    let mut file = Bytes::default();
    file.text("IMPM", 4).text("it title", 26).words(&[0x1004, 3, 1, 2, 1]);
    file.words(&[0x0214, compatible, 0x01 | 0x04 | 0x08 | 0x20, 0x01 | 0x02 | 0x08]);
    file.raw(&[100, 48, 4, 150, 96, 0]).words(&[12]).dwords(&[0]).zeros(4);
    file.raw(&[0, 64, 100, 32 | 0x80]).raw(&[32; 60]).raw(&[64; 64]);
    file.raw(&[0, 254, 255]).zeros(16);
    // An edit history of one entry, then the macros.
    file.words(&[1]).zeros(8);
    let macros = file.0.len();
    file.zeros(153 * 32).put(macros + 9 * 32, b"F0F000z").put(macros + 25 * 32, b"F0F001z0");
    let message = file.0.len() as u32;
    file.raw(b"one\rtwo\0more");
    let instrument = file.0.len() as u32;
    file.raw(&if compatible < 0x200 { it_old_instrument() } else { it_instrument() });
    let samples = file.0.len() as u32;
    let data = samples + 160;
    it_sample(&mut file, "plain", 0x01 | 0x10 | 0x40, [4, 1, 3, data]);
    it_sample(&mut file, "packed", 0x01 | 0x08 | 0x20, [4, 0, 0, data + 4]);
    file.raw(&[1, 2, 0xff, 0x80]).raw(&PACKED);
    let pattern = file.0.len() as u32;
    // Row 0: channel 1 all four fields; channel 3 a cut. Row 1: channel 1 repeats note, instrument and effect.
    let packed = [0x81, 0x0f, 60, 1, 64, 7, 0x20, 0x83, 1, 254, 0, 0x81, 0xb0, 0, 0];
    file.words(&[packed.len() as u16, 3]).zeros(4).raw(&packed);
    let pointers = [instrument, samples, samples + 80, pattern];
    let mut list = Bytes::default();
    list.dwords(&pointers);
    file.put(0x36 + 2, &message.to_le_bytes()).put(0xc3, &list.0);
    file.0
}

fn it_sample(file: &mut Bytes, name: &str, flags: u8, [frames, start, end, data]: [u32; 4]) {
    file.text("IMPS", 4).zeros(13).raw(&[60, flags, 50]).text(name, 26).raw(&[1, 0x80 | 16]);
    file.dwords(&[frames, start, end, 11025, 1, 4, data]).raw(&[10, 20, 30, 1]);
}

fn it_keys(file: &mut Bytes) {
    (0..120).for_each(|key| {
        file.raw(&[key, if key < 60 { 1 } else { 2 }]);
    });
}

fn it_instrument() -> Vec<u8> {
    let mut file = Bytes::default();
    file.text("IMPI", 4).zeros(13).raw(&[2, 3, 1]).words(&[128]).raw(&[8, 48, 100, 40, 5, 6]).zeros(4);
    file.text("strings", 26).raw(&[0x80 | 90, 0x80 | 30]).zeros(4);
    it_keys(&mut file);
    for (flags, last) in [(1 | 2 | 4, 0), (1 | 8, 16), (0x80 | 1, -32_i8)] {
        file.raw(&[flags, 3, 0, 1, 1, 2]);
        for (tick, value) in [(0_u16, 64), (10, 32), (25, last)] {
            file.raw(&[value.min(if flags == 7 { 64 } else { 32 }).cast_unsigned()]).words(&[tick]);
        }
        file.zeros(22 * 3 + 1);
    }
    file.pad_to(554);
    file.0
}

fn it_old_instrument() -> Vec<u8> {
    let mut file = Bytes::default();
    file.text("IMPI", 4).zeros(13).raw(&[1 | 4, 0, 0, 1, 1, 0, 0]).words(&[64]).raw(&[3, 1]).zeros(4);
    file.text("old strings", 26).zeros(6);
    it_keys(&mut file);
    file.zeros(200).raw(&[0, 64, 12, 32, 200, 0]).raw(&[0xff; 44]);
    file.0
}
