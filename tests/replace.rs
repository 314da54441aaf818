//! Recordings in place of a song's samples: what sounds is the module with that recording in it, from patterns and keys, after
//! seeks, at any rate, from files and states.
#![allow(clippy::unwrap_used)] // a test may

#[allow(dead_code)] // this test uses its part
mod modules;
mod song_host;

use busker::audio::AudioSource;
use busker::engine::Event;
use busker::engine::EventKind;
use busker::engine::NoteAddress;
use busker::engine::Target;
use busker::mixer::Layout;
use busker::rack::Module;
use busker::rack::Rack;
use busker::rack::render::Length;
use busker::rack::render::RenderOptions;
use busker::rack::render::Rendering;
use busker::tracker::Song;
use busker::tracker::song::Instrument;
use busker::units::SampleRate;
use modules::Bytes;
use song_host::Dice;
use song_host::Host;
use song_host::Player;
use song_host::RATE;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Format {
    Mod,
    S3m,
    Xm,
    It,
}

const FORMATS: [Format; 4] = [Format::Mod, Format::S3m, Format::Xm, Format::It];

impl Format {
    /// Frames a second at the middle key of the modules here, as a file's header says it.
    fn rate(self) -> u32 {
        match self {
            Format::Mod => 8287,
            Format::S3m => 11_025,
            Format::Xm => (8363.0 * f64::exp2((3.0 + 40.0 / 128.0) / 12.0)).round() as u32,
            Format::It => 22_050,
        }
    }
}

/// First frame, one past the last, to and fro.
type Span = (u32, u32, bool);

/// A recording of 16 bits.
#[derive(Clone)]
struct Part {
    data: Vec<i16>,
    looped: Option<Span>,
}

impl Part {
    /// Noise over a tone, in steps of 256, so that 8 bits hold it.
    fn new(seed: u64, frames: usize, looped: Option<Span>) -> Self {
        let mut dice = Dice(seed);
        let sample = |n: usize| {
            let tone = 80.0 * (n as f64 * std::f64::consts::TAU / 50.0).sin();
            ((tone as i16) + dice.below(40) as i16 - 20) * 256
        };
        Self { data: (0..frames).map(sample).collect(), looped }
    }

    fn bytes(&self) -> Vec<u8> {
        self.data.iter().map(|sample| (sample >> 8) as u8).collect()
    }

    fn words(&self) -> Vec<u8> {
        self.data.iter().flat_map(|sample| sample.to_le_bytes()).collect()
    }

    fn frames(&self) -> u32 {
        self.data.len() as u32
    }
}

#[derive(Clone, Copy)]
enum Act {
    Nothing,
    Offset,
    SlideUp,
    Vibrato,
    Retrigger,
    Finetune,
}

/// Row, key (0 is none), sample (0 is none), effect.
const CELLS: [(usize, u8, u8, Act); 13] = [
    (0, 60, 1, Act::Nothing),
    (3, 67, 1, Act::Offset),
    (5, 0, 0, Act::SlideUp),
    (8, 55, 2, Act::Nothing),
    (9, 0, 1, Act::Nothing),
    (14, 60, 1, Act::Vibrato),
    (15, 0, 0, Act::Vibrato),
    (20, 67, 1, Act::Retrigger),
    (24, 60, 1, Act::Finetune),
    (30, 0, 2, Act::Nothing),
    (36, 55, 1, Act::SlideUp),
    (44, 60, 2, Act::Offset),
    (50, 67, 1, Act::Nothing),
];

/// Effect number and parameter where effects are digits, and where they are letters.
fn digits(act: Act) -> [u8; 2] {
    match act {
        Act::Nothing => [0, 0],
        Act::Offset => [9, 2],
        Act::SlideUp => [1, 3],
        Act::Vibrato => [4, 0x48],
        Act::Retrigger => [14, 0x93],
        Act::Finetune => [14, 0x55],
    }
}

fn letters(act: Act) -> [u8; 2] {
    match act {
        Act::Nothing => [0, 0],
        Act::Offset => [15, 2],
        Act::SlideUp => [6, 3],
        Act::Vibrato => [8, 0x48],
        Act::Retrigger => [17, 3],
        Act::Finetune => [19, 0x25],
    }
}

fn module(format: Format, parts: &[Part; 2]) -> Vec<u8> {
    match format {
        Format::Mod => amiga_mod(parts),
        Format::S3m => s3m(parts),
        Format::Xm => xm(parts),
        Format::It => it(parts),
    }
}

fn amiga_mod(parts: &[Part; 2]) -> Vec<u8> {
    let mut file = Bytes::default();
    file.text("replaced", 20);
    for part in parts {
        let (start, end) = part.looped.map_or((0, 2), |(start, end, _)| (start, end));
        let words = [part.frames(), 0, start, end - start].map(|count| (count / 2) as u16);
        file.text("part", 22).words_be(&words[..1]).raw(&[0, 64]).words_be(&words[2..]);
    }
    (2..31).for_each(|_| {
        file.text("", 22).words_be(&[0]).raw(&[0, 0]).words_be(&[0, 1]);
    });
    file.raw(&[1, 127]).zeros(128).text("M.K.", 4);
    let pattern = file.0.len();
    file.zeros(1024);
    for (row, key, sample, act) in CELLS {
        let period: u16 = match key {
            55 => 571,
            60 => 428,
            67 => 285,
            _ => 0,
        };
        let [effect, parameter] = digits(act);
        let cell = [(period >> 8) as u8, period as u8, sample << 4 | effect, parameter];
        file.put(pattern + row * 16, &cell);
    }
    parts.iter().for_each(|part| {
        file.raw(&part.bytes());
    });
    file.0
}

fn s3m(parts: &[Part; 2]) -> Vec<u8> {
    let mut file = Bytes::default();
    file.text("replaced", 28).raw(&[0x1a, 16, 0, 0]).words(&[2, 2, 1, 0, 0x1320, 2]);
    file.text("SCRM", 4).raw(&[64, 6, 125, 0xb0, 16, 0]).zeros(10);
    file.raw(&[0]).raw(&[0xff; 31]).raw(&[0, 255]);
    let data = 1024;
    let second = (data + parts[0].words().len()).next_multiple_of(16);
    file.words(&[128 / 16, 208 / 16, 288 / 16]).pad_to(128);
    for (part, at) in parts.iter().zip([data, second]) {
        let (start, end) = part.looped.map_or((0, 0), |(start, end, _)| (start, end));
        let flags = 4 | u8::from(part.looped.is_some());
        file.raw(&[1]).zeros(12).raw(&[0]).words(&[(at / 16) as u16]).dwords(&[part.frames(), start, end]);
        file.raw(&[64, 0, 0, flags]).dwords(&[Format::S3m.rate()]).zeros(12).text("part", 28).text("SCRS", 4);
    }
    let mut rows = vec![Vec::new(); 64];
    for (row, key, sample, act) in CELLS {
        let [effect, parameter] = letters(act);
        let note = if key == 0 { 255 } else { (key / 12 - 1) * 16 + key % 12 };
        rows[row] = vec![0x20 | 0x80, note, sample, effect, parameter];
    }
    let packed: Vec<u8> = rows.into_iter().flat_map(|row| [row, vec![0]].concat()).collect();
    file.words(&[packed.len() as u16 + 2]).raw(&packed);
    for (part, at) in parts.iter().zip([data, second]) {
        file.pad_to(at);
        // Unsigned.
        let words = part.data.iter().flat_map(|sample| (sample.cast_unsigned() ^ 0x8000).to_le_bytes());
        file.raw(&words.collect::<Vec<u8>>());
    }
    file.0
}

fn xm(parts: &[Part; 2]) -> Vec<u8> {
    let mut file = Bytes::default();
    file.text("Extended Module: ", 17).text("replaced            ", 20).raw(&[0x1a]);
    file.text("FastTracker v2.00   ", 20).words(&[0x0104]).dwords(&[276]);
    file.words(&[1, 0, 2, 1, 2, 1, 6, 125]).zeros(256);
    let mut cells = vec![[0x80, 0, 0, 0, 0]; 64 * 2];
    for (row, key, sample, act) in CELLS {
        let [effect, parameter] = digits(act);
        let note = if key == 0 { 0 } else { key - 11 };
        cells[row * 2] = [note, sample, 0, effect, parameter];
    }
    let packed: Vec<u8> = cells
        .iter()
        .flat_map(|cell| if cell[0] == 0x80 { vec![0x80] } else { [&[0x9f][..], cell].concat() })
        .collect();
    file.dwords(&[9]).raw(&[0]).words(&[64, packed.len() as u16]).raw(&packed);
    for part in parts {
        let (start, end, to_and_fro) = part.looped.unwrap_or_default();
        let kind = u8::from(part.looped.is_some()) + u8::from(to_and_fro);
        file.dwords(&[263]).text("part", 22).raw(&[0]).words(&[1]).dwords(&[40]).zeros(230);
        file.dwords(&[part.frames() * 2, start * 2, (end - start) * 2]);
        file.raw(&[64, 40, 16 | kind, 128, 3, 0]).raw(b"part                  ");
        let mut before = 0i16;
        for &sample in &part.data {
            file.raw(&sample.wrapping_sub(before).to_le_bytes());
            before = sample;
        }
    }
    file.0
}

fn it(parts: &[Part; 2]) -> Vec<u8> {
    let mut file = Bytes::default();
    file.text("IMPM", 4).text("replaced", 26).words(&[0x1004, 2, 0, 2, 1]);
    file.words(&[0x0214, 0x0200, 0x01 | 0x08, 0]);
    file.raw(&[128, 48, 6, 125, 128, 0]).words(&[0]).dwords(&[0]).zeros(4);
    file.raw(&[32; 64]).raw(&[64; 64]).raw(&[0, 255]);
    let samples = file.0.len() as u32 + 3 * 4;
    let data = samples + 160;
    let pattern = data + 2 * (parts[0].frames() + parts[1].frames());
    file.dwords(&[samples, samples + 80, pattern]);
    let mut at = data;
    for part in parts {
        let (start, end, to_and_fro) = part.looped.unwrap_or_default();
        let flags = 1 | 2 | u8::from(part.looped.is_some()) << 4 | u8::from(to_and_fro) << 6;
        file.text("IMPS", 4).zeros(13).raw(&[64, flags, 64]).text("part", 26).raw(&[1, 0]);
        file.dwords(&[part.frames(), start, end, Format::It.rate(), 0, 0, at]).zeros(4);
        at += 2 * part.frames();
    }
    parts.iter().for_each(|part| {
        file.raw(&part.words());
    });
    let mut rows = vec![Vec::new(); 64];
    for (row, key, sample, act) in CELLS {
        let [effect, parameter] = letters(act);
        let mut cell = vec![0x81, 2 | u8::from(key != 0) | 8];
        cell.extend((key != 0).then_some(key));
        cell.extend([sample, effect, parameter]);
        if sample == 0 {
            cell = vec![0x81, 8, effect, parameter];
        }
        rows[row] = cell;
    }
    let packed: Vec<u8> = rows.into_iter().flat_map(|row| [row, vec![0]].concat()).collect();
    file.words(&[packed.len() as u16, 64]).zeros(4).raw(&packed);
    file.0
}

/// A WAV file with its loop, if it has one.
fn wav(rate: u32, bits: u16, planes: &[Vec<i32>], looped: Option<Span>) -> Vec<u8> {
    let (channels, width) = (planes.len() as u16, bits / 8);
    let mut data = Bytes::default();
    for frame in 0..planes[0].len() {
        planes.iter().for_each(|plane| {
            data.raw(&plane[frame].to_le_bytes()[..usize::from(width)]);
        });
    }
    let mut file = Bytes::default();
    file.text("WAVEfmt ", 8).dwords(&[16]).words(&[1, channels]);
    file.dwords(&[rate, rate * u32::from(channels * width)]).words(&[channels * width, bits]);
    file.text("data", 4).dwords(&[data.0.len() as u32]).raw(&data.0);
    if let Some((start, end, to_and_fro)) = looped {
        file.text("smpl", 4).dwords(&[36 + 24]).zeros(28).dwords(&[1, 0]);
        file.dwords(&[0, to_and_fro.into(), start, end - 1, 0, 0]);
    }
    [&b"RIFF"[..], &(file.0.len() as u32).to_le_bytes(), &file.0].concat()
}

fn wav_of(part: &Part, rate: u32) -> Vec<u8> {
    wav(rate, 16, &[part.data.iter().map(|&sample| sample.into()).collect()], part.looped)
}

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("replace-{name}"));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// The parts of the module, and what takes the first one's place.
fn parts(format: Format) -> ([Part; 2], Part) {
    let to_and_fro = matches!(format, Format::Xm | Format::It);
    let own = [Part::new(1, 3000, Some((0, 400, false))), Part::new(2, 2500, Some((100, 1100, false)))];
    (own, Part::new(3, 4200, Some((1000, 2400, to_and_fro))))
}

/// A rack with a generated module, in `folder`, and these lines of TOML after it.
fn rack(folder: &Path, module: &[u8], lines: &str) -> Rack {
    fs::write(folder.join("song"), module).unwrap();
    let text = format!("version = {{ major = 1, minor = 0 }}\n[song]\nfile = \"song\"\n{lines}");
    Rack::from_toml_in(&text, Some(folder)).unwrap()
}

fn song(rack: &Rack) -> Arc<Song> {
    rack.setup(&Layout { main_input: 0, sidechain: 0, outputs: vec![2] }).unwrap().song.unwrap()
}

/// The main output, as long as the pattern.
fn rendered(rack: &Rack, rate: f64, parameters: &[(Target, f32)]) -> Vec<[Vec<f32>; 2]> {
    rendered_for(8.0, rack, rate, parameters)
}

fn rendered_for(seconds: f64, rack: &Rack, rate: f64, parameters: &[(Target, f32)]) -> Vec<[Vec<f32>; 2]> {
    let length = Length::Seconds(seconds);
    let options = RenderOptions {
        rate: SampleRate(rate),
        length,
        parameters: parameters.to_vec(),
        block_size: 4096,
        ..RenderOptions::default()
    };
    let mut rendering = Rendering::mix(rack, &options).unwrap();
    let mut found = Vec::new();
    while let Some((range, outputs)) = rendering.next_block() {
        found.push([0, 1].map(|side| outputs[0].channel(side)[range.clone()].to_vec()));
    }
    assert!(found.iter().flatten().flatten().any(|sample| sample.abs() > 0.01));
    found
}

#[test]
fn a_replaced_sample_is_the_module_with_that_sample_in_it() {
    for format in FORMATS {
        let folder = folder(&format!("same-{format:?}"));
        let (own, new) = parts(format);
        fs::write(folder.join("new.wav"), wav_of(&new, format.rate())).unwrap();
        let what = if format == Format::Xm { "instrument" } else { "sample" };
        let replaced =
            rack(&folder, &module(format, &own), &format!("[[replace]]\n{what} = 1\nfile = \"new.wav\"\n"));
        assert!(replaced.notices().is_empty(), "{:?}", replaced.notices());
        let wanted = rack(&folder, &module(format, &[new, own[1].clone()]), "");
        let (found, with_it) = (song(&replaced), song(&wanted));
        assert_eq!(with_it.samples[0].data.frames(), 4200, "{format:?}");
        if matches!(format, Format::S3m | Format::It) {
            assert!(found == with_it, "{format:?}");
        }
        for (tone, rate) in [(0.0, 44_100.0), (1.0, 48_000.0), (2.0, 48_000.0), (0.0, 96_000.0)] {
            let parameters = [(Target::Tone, tone)];
            let same = rendered(&replaced, rate, &parameters) == rendered(&wanted, rate, &parameters);
            assert!(same, "{format:?} in tone {tone} at {rate} Hz");
        }
        let silent = rack(&folder, &module(format, &own), "");
        assert!(rendered(&silent, 48_000.0, &[]) != rendered(&wanted, 48_000.0, &[]), "{format:?}");
    }
}

#[test]
fn after_a_seek_a_song_with_files_of_other_rates_gives_the_bits_of_playing_through() {
    let mut dice = Dice(0x5EED);
    for format in FORMATS {
        let folder = folder(&format!("seeks-{format:?}"));
        let (own, new) = parts(format);
        fs::write(folder.join("a.wav"), wav_of(&new, 44_100)).unwrap();
        fs::write(folder.join("b.wav"), wav_of(&own[1], 15_000)).unwrap();
        let lines = "[[replace]]\nsample = 1\nfile = \"a.wav\"\n[[replace]]\nsample = 2\nfile = \"b.wav\"\n";
        let song = song(&rack(&folder, &module(format, &own), lines));
        let played = Player::of(&song, RATE).play(&Host::new().play(1_000_000, 125.0), &[4096]);
        let mut player = Player::of(&song, RATE);
        for _ in 0..24 {
            let place = 20_000 + dice.below(950_000);
            let host = Host::new().seek_frame(place as i64, 125.0).play(20_000, 125.0);
            let heard = player.play(&host, &[[64, 512, 1000][dice.below(3)]]);
            let settled = 4096 + 144;
            assert!(heard[settled..] == played[place + settled..place + 20_000], "{format:?} at {place}");
        }
    }
}

/// Hertz, by the rises through zero.
fn hertz(audio: &[f32], rate: f64) -> f64 {
    let rises = |n: &usize| audio[n - 1] < 0.0 && audio[*n] >= 0.0;
    let found: Vec<usize> = (1..audio.len()).filter(rises).collect();
    (found.len() - 1) as f64 * rate / (found[found.len() - 1] - found[0]) as f64
}

/// A second of 441 Hz at 44.1 kHz that goes round.
fn tone() -> Vec<u8> {
    let sample = |n: i32| (4_000_000.0 * (f64::from(n) * std::f64::consts::TAU / 100.0).sin()) as i32;
    wav(44_100, 24, &[(0..44_100).map(sample).collect()], Some((0, 44_100, false)))
}

#[test]
fn the_middle_key_sounds_at_the_files_own_pitch_in_patterns_and_from_keys_at_any_rate() {
    for format in FORMATS {
        let folder = folder(&format!("pitch-{format:?}"));
        let (own, _) = parts(format);
        fs::write(folder.join("tone.wav"), tone()).unwrap();
        let entry = |more: &str| format!("[[replace]]\nsample = 1\nfile = \"tone.wav\"\n{more}");
        for (more, wanted) in [
            ("", 441.0),
            ("root = 72", 220.5),
            ("tune = 7.0", 660.75),
            ("loop = { start = 0, end = 100 }", 441.0),
        ] {
            let rack = rack(&folder, &module(format, &own), &entry(more));
            for rate in [44_100.0, 48_000.0, 96_000.0] {
                let blocks = rendered_for(0.4, &rack, rate, &[]);
                let left: Vec<f32> = blocks.into_iter().flat_map(|[left, _]| left).collect();
                // The first three rows, past the start.
                let found = hertz(&left[(0.02 * rate) as usize..(0.34 * rate) as usize], rate);
                assert!((found / wanted - 1.0).abs() < 0.01, "{format:?} {more} at {rate}: {found} Hz");
            }
            // Keyboard modes: the chosen instrument, and a sample a key.
            for (mode, key) in [(2.0, 60), (3.0, 36)] {
                let mut player = Player::of(&song(&rack), RATE).with(Target::KeyboardMode, mode);
                player.set(Target::SelectedInstrument, 1.0);
                let note = NoteAddress { channel: 0, key, id: None };
                let left = player.keys(24_000, &[Event { frame: 0, kind: EventKind::NoteOn(note, 1.0) }]);
                let found = hertz(&left[2_000..], RATE);
                assert!((found / wanted - 1.0).abs() < 0.01, "{format:?} {more} in mode {mode}: {found} Hz");
            }
        }
    }
}

#[test]
fn twenty_four_bits_and_both_channels_reach_the_song() {
    let folder = folder("exact");
    let planes = [vec![1, 2, -3, 8_388_607], vec![-8_388_608, 5, 6, 7]];
    fs::write(folder.join("fine.wav"), wav(22_050, 24, &planes, None)).unwrap();
    let (own, _) = parts(Format::It);
    for (format, channels) in [(Format::S3m, 2), (Format::Xm, 2), (Format::It, 2), (Format::Mod, 1)] {
        let lines = "[[replace]]\nsample = 1\nfile = \"fine.wav\"\n";
        let song = song(&rack(&folder, &module(format, &own), lines));
        let data = &song.samples[0].data;
        assert_eq!((data.channels(), data.frames()), (channels, 4), "{format:?}");
        let unit = |sample: i32| sample as f32 / 8_388_608.0;
        let wanted = if channels == 2 { unit(2) } else { (unit(2) + unit(5)) / 2.0 };
        assert_eq!(data.read_f32(0, 1), wanted, "{format:?}");
        assert_eq!(song.samples[0].sample_loop, None, "the module's loop is another recording's");
    }
}

#[test]
fn the_centre_of_a_surround_file_is_heard_on_both_sides() {
    let folder = folder("surround");
    let centre = |plane| if plane == 2 { vec![16_384; 9] } else { vec![0; 9] };
    fs::write(folder.join("six.wav"), wav(48_000, 16, &[0, 1, 2, 3, 4, 5].map(centre), None)).unwrap();
    let (own, _) = parts(Format::It);
    let lines = "[[replace]]\nsample = 1\nfile = \"six.wav\"\n";
    let song = song(&rack(&folder, &module(Format::It, &own), lines));
    let data = &song.samples[0].data;
    assert_eq!([data.read_f32(0, 8), data.read_f32(1, 8)], [0.5 * std::f32::consts::FRAC_1_SQRT_2; 2]);
    assert_eq!(data.channels(), 2);
}

#[test]
fn an_instrument_plays_the_file_on_all_its_keys_and_keeps_the_rest() {
    let folder = folder("instrument");
    let (_, new) = parts(Format::It);
    fs::write(folder.join("new.wav"), wav_of(&new, 22_050)).unwrap();
    let (before, after) = ["", "[[replace]]\ninstrument = 1\nfile = \"new.wav\"\n"]
        .map(|lines| song(&rack(&folder, &modules::it(0x0214), lines)))
        .into();
    let keys = |song: &Song| song.instruments[0].keys.map(|key| (key.key, key.sample));
    assert!(keys(&before).iter().all(|(_, sample)| [1, 2].contains(sample)), "as the file is written");
    for (key, (sounding, sample)) in keys(&after).into_iter().enumerate() {
        assert_eq!(
            (usize::from(sounding), after.samples[usize::from(sample) - 1].data.frames()),
            (key, 4200)
        );
    }
    let apart = |song: &Song| Instrument { keys: Instrument::plain(0).keys, ..song.instruments[0].clone() };
    assert_eq!(apart(&before), apart(&after));
    assert_eq!(before.samples[..], after.samples[..2]);
}

#[test]
fn files_and_states_hold_short_recordings_and_bring_them_back() {
    let folder = folder("saved");
    let (own, new) = parts(Format::It);
    fs::write(folder.join("new.wav"), wav_of(&new, 44_100)).unwrap();
    let lines = "[[replace]]\nsample = 1\nfile = \"new.wav\"\ntune = -0.5\nloop = false\nvolume = 30\n";
    let rack = rack(&folder, &module(Format::It, &own), lines);
    let wanted = rendered(&rack, 48_000.0, &[]);
    fs::remove_dir_all(&folder).unwrap();
    let (from_file, from_state) =
        (Rack::from_toml(&rack.to_toml().unwrap()).unwrap(), Rack::unpack(&rack.pack().unwrap()).unwrap());
    for again in [from_file, from_state] {
        assert!(again.replace == rack.replace && again.notices().is_empty());
        assert!(rendered(&again, 48_000.0, &[]) == wanted);
    }
}

#[test]
fn what_cannot_be_played_is_told_and_leaves_the_modules_own() {
    let folder = folder("missing");
    let (own, _) = parts(Format::S3m);
    let module = module(Format::S3m, &own);
    let plain = song(&rack(&folder, &module, ""));
    fs::write(folder.join("text.wav"), "no sound").unwrap();
    for (file, why) in [
        ("gone.wav", "sample 2: gone.wav was not found, so the module's own is heard: put the file"),
        ("text.wav", "sample 2: text.wav: no audio file that can be read"),
    ] {
        let rack = rack(&folder, &module, &format!("[[replace]]\nsample = 2\nfile = \"{file}\"\n"));
        let told: Vec<String> = rack.notices().iter().map(ToString::to_string).collect();
        assert!(matches!(&told[..], [notice] if notice.starts_with(why)), "{told:?}");
        assert!(song(&rack) == plain, "{file}");
        assert!(rack.to_toml().unwrap().contains(file), "nothing is forgotten");
    }
}

#[test]
fn numbers_that_the_song_does_not_have_are_refused_with_those_that_it_has() {
    let folder = folder("absent");
    let (own, new) = parts(Format::It);
    fs::write(folder.join("new.wav"), wav_of(&new, 44_100)).unwrap();
    let layout = Layout { main_input: 0, sidechain: 0, outputs: vec![2] };
    for (format, what, there) in
        [(Format::It, "sample 3", "samples 1 to 2"), (Format::Xm, "instrument 3", "instruments 1 to 2")]
    {
        let lines = format!("[[replace]]\n{}\nfile = \"new.wav\"\n", what.replace(' ', " = "));
        let rack = rack(&folder, &module(format, &own), &lines);
        let error = rack.setup(&layout).err().unwrap().to_string();
        assert_eq!(
            error,
            format!("the rack replaces {what}, but song has {there}: choose one that `busker info` lists")
        );
    }
    let twice = "version = { major = 1, minor = 0 }\n[[replace]]\nsample = 1\nfile = \"new.wav\"\n\
                 [[replace]]\nsample = 1\nfile = \"new.wav\"\n";
    let error = Rack::from_toml_in(twice, Some(&folder)).err().unwrap().to_string();
    assert_eq!(error, "the rack replaces sample 1 twice: leave one of them out");
}

#[test]
fn another_song_leaves_the_replacements_of_the_first_behind_and_a_newer_version_takes_them_along() {
    let folder = folder("another");
    let (own, new) = parts(Format::It);
    fs::write(folder.join("new.wav"), wav_of(&new, 44_100)).unwrap();
    let lines = "[[replace]]\nsample = 1\nfile = \"new.wav\"\n";
    let first = rack(&folder, &module(Format::It, &own), lines);
    let bytes: Arc<[u8]> = module(Format::S3m, &own).into();
    let named = |name: &str| Module { name: name.to_owned(), bytes: Arc::clone(&bytes) };
    assert!(first.clone().with_song(named("other")).replace.is_empty());
    assert!(first.clone().with_song(named("song")).replace == first.replace);
}
