//! Every module at hand loads; hand-made ones hold what was written; broken ones give a named error, quickly and
//! without a panic.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

mod modules;

use busker::audio::AudioSource;
use busker::sample::SampleData;
use busker::tracker::Song;
use busker::tracker::Timeline;
use busker::tracker::default_trim;
use busker::tracker::load::LoadError;
use busker::tracker::load::load;
use busker::tracker::song::*;
use modules::Bytes;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

/// Modules of a directory beside the repository, by extension; says so where it is absent.
fn modules_at_hand(directory: &str, extension: &str) -> Vec<PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared").join(directory);
    let Ok(entries) = fs::read_dir(&root) else {
        println!("skipped: {} is absent", root.display());
        return Vec::new();
    };
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut found: Vec<_> =
        paths.filter(|path| path.extension().is_some_and(|end| end == extension)).collect();
    found.sort();
    found
}

/// One small module of each kind.
fn hand_made() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("M.K.", modules::amiga_mod("M.K.", 4, [0, 1])),
        ("FLT8", modules::amiga_mod("FLT8", 4, [0, 3])),
        ("soundtracker", modules::soundtracker()),
        ("s3m", modules::s3m()),
        ("xm 1.02", modules::xm(0x0102)),
        ("xm 1.04", modules::xm(0x0104)),
        ("it 2.14", modules::it(0x0214)),
        ("it 1.00", modules::it(0x0100)),
    ]
}

#[test]
fn every_module_at_hand_loads() {
    for extension in ["mod", "s3m", "xm", "it"] {
        let tests = format!("tracker-tests/{extension}");
        for path in [modules_at_hand("songs", extension), modules_at_hand(&tests, extension)].concat() {
            let song =
                load(&fs::read(&path).unwrap()).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let format = format!("{:?}", song.format).to_lowercase();
            assert_eq!(format, extension, "{}", path.display());
            assert_consistent(&song, &path.display().to_string());
            assert!(song.orders.iter().any(|order| matches!(order, Order::Pattern(_))), "{}", path.display());
            assert!(song.samples.iter().any(|sample| sample.data.frames() > 0), "{}", path.display());
        }
    }
}

/// What `Song` promises of itself.
fn assert_consistent(song: &Song, name: &str) {
    assert!((1..=64).contains(&song.channels.len()), "{name}");
    assert!(song.initial_speed > 0 && song.initial_tempo >= 31, "{name}");
    assert!(song.initial_global_volume <= 128 && song.mix_volume <= 128 && song.separation <= 128, "{name}");
    for pattern in &song.patterns {
        assert!((1..=1024).contains(&pattern.rows), "{name}");
        assert_eq!(pattern.cells.len(), usize::from(pattern.rows) * song.channels.len(), "{name}");
        for cell in &pattern.cells {
            assert!(!matches!(cell.note, Note::Key(120..)), "{name}");
        }
    }
    for sample in &song.samples {
        let frames = sample.data.frames() as u32;
        for bounds in [sample.sample_loop, sample.sustain_loop].into_iter().flatten() {
            assert!(bounds.start < bounds.end && bounds.end <= frames, "{name}: {bounds:?} of {frames}");
        }
        assert!(sample.volume <= 64 && sample.global_volume <= 64 && sample.c5_speed > 0, "{name}");
    }
    for instrument in &song.instruments {
        assert!(instrument.keys.iter().all(|assignment| assignment.key < 120), "{name}");
        let envelopes =
            [&instrument.volume_envelope, &instrument.panning_envelope, &instrument.pitch_envelope];
        for envelope in envelopes {
            assert!(envelope.points.is_sorted_by_key(|point| point.tick), "{name}");
            for span in [envelope.envelope_loop, envelope.sustain].into_iter().flatten() {
                assert!(span.start <= span.end && usize::from(span.end) < envelope.points.len(), "{name}");
            }
        }
    }
}

#[test]
fn a_module_is_recognised_by_its_signature_alone() {
    for (name, bytes) in hand_made() {
        let song = load(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_consistent(&song, name);
    }
    for other in [&b""[..], b"RIFF\0\0\0\0WAVE", &[0; 4096], &[0xff; 4096], &[0x55; 70_000]] {
        assert_eq!(load(other).unwrap_err(), LoadError::UnknownFormat);
    }
}

#[test]
fn mod_fields_are_read() {
    let song = load(&modules::amiga_mod("M.K.", 4, [0, 1])).unwrap();
    assert_eq!(
        (song.title.as_str(), song.format, song.dialect),
        ("a title", Format::Mod, Dialect::ProTracker)
    );
    assert_eq!(song.orders, [Order::Pattern(0), Order::Pattern(1)]);
    assert_eq!(song.restart_order, 1);
    assert_eq!(song.channels.iter().map(|channel| channel.panning).collect::<Vec<_>>(), [64, 192, 192, 64]);
    let first = song.cell(1, 0, 3);
    assert_eq!(first.note, Note::Period(428));
    assert_eq!((first.instrument, first.effect, first.parameter), (1, 0xc, 0x20));
    let bell = &song.samples[0];
    assert_eq!((bell.name.as_str(), bell.volume, bell.finetune), ("bell", 48, -1));
    assert_eq!(*bell.data, SampleData::Mono8(Box::new([0, 10, 20, 30, 40, -10, -20, -30])));
    assert_eq!(bell.sample_loop, Some(Loop { start: 2, end: 8, ping_pong: false }));
}

#[test]
fn mod_signatures_name_the_channel_count() {
    let signatures =
        [("M!K!", 4), ("FLT4", 4), ("6CHN", 6), ("8CHN", 8), ("12CH", 12), ("32CH", 32), ("OCTA", 8)];
    for (signature, channels) in
        signatures.into_iter().chain([("CD81", 8), ("OKTA", 8), ("TDZ3", 3), ("N.T.", 4)])
    {
        let song = load(&modules::amiga_mod(signature, channels, [0, 1])).unwrap();
        assert_eq!(song.channels.len(), channels, "{signature}");
        assert_eq!(song.samples[0].data.frames(), 8, "{signature}");
        let dialect = if signature == "M!K!" { Dialect::ProTracker } else { Dialect::FastTracker2 };
        assert_eq!(song.dialect, dialect, "{signature}");
    }
    assert!(matches!(
        load(&modules::amiga_mod("99CH", 99, [0, 1])),
        Err(LoadError::TooLarge { claimed: 99, .. })
    ));
}

/// A file of four channels with `cells` (row, channel, bytes) in its first pattern.
fn four_channels(signature: &str, cells: &[(usize, usize, [u8; 4])]) -> Vec<u8> {
    let mut bytes = modules::amiga_mod(signature, 4, [0, 1]);
    for (row, channel, cell) in cells {
        let at = 1084 + (row * 4 + channel) * 4;
        bytes[at..at + 4].copy_from_slice(cell);
    }
    bytes
}

#[test]
fn only_what_protracker_can_have_written_plays_as_in_protracker() {
    let dialect = |bytes: &[u8]| load(bytes).unwrap().dialect;
    assert_eq!(dialect(&four_channels("M.K.", &[])), Dialect::ProTracker);
    // A note an octave below the Amiga's.
    assert_eq!(dialect(&four_channels("M.K.", &[(3, 0, [0x06, 0xb0, 0x10, 0])])), Dialect::FastTracker2);
    // A loop of length 0, at which ProTracker hangs.
    let mut bytes = four_channels("M.K.", &[]);
    bytes[20 + 28..20 + 30].fill(0);
    assert_eq!(dialect(&bytes), Dialect::FastTracker2);
}

#[test]
fn panning_commands_below_30_are_marks_for_something_else() {
    let ignored = |cell| load(&four_channels("M.K.", &[(3, 0, cell)])).unwrap().quirks.panning_ignored;
    assert!(ignored([0, 0, 0x08, 0x2f]) && ignored([0, 0, 0x0e, 0x82]));
    assert!(!ignored([0, 0, 0x08, 0x30]) && !ignored([0, 0, 0x0e, 0x83]));
}

#[test]
fn panning_in_seven_bits_is_widened() {
    let cells = [(0, 0, [0, 0, 0x08, 0]), (1, 0, [0, 0, 0x08, 0x80]), (2, 0, [0, 0, 0x08, 0xa4])];
    let song = load(&four_channels("M.K.", &cells)).unwrap();
    let effect = |row| (song.cell(0, row, 0).effect, song.cell(0, row, 0).parameter);
    assert_eq!([effect(0), effect(1), effect(2)], [(8, 0), (8, 0xff), (0x21, 0x91)]);
}

#[test]
fn his_masters_noise_tunes_downwards_in_half_steps() {
    let mut bytes = four_channels("M&K!", &[]);
    let tuned = |bytes: &[u8]| load(bytes).unwrap().samples[0].finetune;
    let found: Vec<i8> = [0, 1, 2, 4, 15]
        .into_iter()
        .map(|value| {
            bytes[20 + 24] = value;
            tuned(&bytes)
        })
        .collect();
    assert_eq!(found, [0, -1, -1, -2, -8]);
}

#[test]
fn startrekkers_speeds_end_at_31() {
    let song = load(&four_channels("FLT4", &[(3, 0, [0, 0, 0x0f, 0x7d])])).unwrap();
    assert_eq!((song.cell(0, 3, 0).parameter, song.quirks.tempo_by_vertical_blank), (0x1f, true));
}

#[test]
fn very_long_songs_whose_tempos_make_sense_as_speeds_were_timed_by_the_vertical_blank() {
    let timed = |orders: u8, cells: &[(usize, usize, [u8; 4])]| {
        let mut bytes = four_channels("M.K.", cells);
        bytes[950] = orders;
        bytes[951] = 0;
        bytes[952..952 + usize::from(orders)].fill(0);
        bytes[952 + usize::from(orders)] = 1;
        load(&bytes).unwrap().quirks.tempo_by_vertical_blank
    };
    // 31 ticks a row at 33 BPM are 150 s a pattern, 33 ticks at 50 Hz are 42 s.
    let slow = [(0, 0, [0, 0, 0x0f, 0x1f]), (1, 0, [0, 0, 0x0f, 0x21])];
    assert!(timed(4, &slow));
    assert!(!timed(2, &slow), "five minutes are not long");
    // 3 ticks a row at 99 BPM are 5 s a pattern, 99 ticks at 50 Hz are 127 s.
    let fast = [(0, 0, [0, 0, 0x0f, 0x03]), (1, 0, [0, 0, 0x0f, 0x63])];
    assert!(!timed(127, &fast), "no shorter by the vertical blank");
    assert!(!timed(4, &[slow[0], (0, 1, [0, 0, 0x0f, 0x21])]), "speed and tempo on one row");
}

#[test]
fn eight_channels_of_startrekker_come_from_pairs_of_patterns() {
    // Orders count stored patterns of four channels; 0 and 2 are the first two of eight.
    let mut bytes = modules::amiga_mod("FLT8", 4, [0, 3]);
    bytes[953] = 2;
    bytes[954] = 3; // past the end of the list, but stored
    let song = load(&bytes).unwrap();
    assert_eq!(song.orders, [Order::Pattern(0), Order::Pattern(1)]);
    assert_eq!(song.channels.len(), 8);
    assert_eq!(song.cell(1, 0, 7).note, Note::Period(428));
}

#[test]
fn the_first_soundtrackers_effects_and_loops_become_protrackers() {
    let song = load(&modules::soundtracker()).unwrap();
    assert_eq!((song.samples.len(), song.channels.len(), song.initial_tempo), (15, 4, 125));
    let cell = song.cell(0, 0, 0);
    assert_eq!((cell.effect, cell.parameter), (0x0, 0x37), "effect 1 was the arpeggio");
    assert_eq!(song.samples[0].sample_loop, Some(Loop { start: 2, end: 8, ping_pong: false }));
    assert!(song.quirks.tempo_by_vertical_blank);
}

#[test]
fn s3m_fields_are_read() {
    let song = load(&modules::s3m()).unwrap();
    assert_eq!((song.title.as_str(), song.made_with), ("s3m title", MadeWith::ScreamTracker3(0x320)));
    assert_eq!((song.initial_speed, song.initial_tempo, song.initial_global_volume), (5, 130, 100));
    assert!(song.quirks.slides_on_first_tick && song.quirks.amiga_limits);
    assert_eq!(song.orders, [Order::Pattern(0), Order::End]);
    assert_eq!(song.channels.iter().map(|channel| channel.panning).collect::<Vec<_>>(), [85, 0xcc, 0x33]);
    assert_eq!(song.channels.iter().map(|channel| channel.muted).collect::<Vec<_>>(), [false, false, true]);
    let cell = song.cell(0, 0, 0);
    assert_eq!((cell.note, cell.instrument, cell.volume), (Note::Key(60), 1, Some(33)));
    assert_eq!((cell.effect, cell.parameter), (7, 0x12));
    assert_eq!(song.cell(0, 0, 1).note, Note::Cut);
    let piano = &song.samples[0];
    assert_eq!(*piano.data, SampleData::Stereo16([Box::new([0, 1, -1, 32767]), Box::new([0, 2, 3, 4])]));
    assert_eq!((piano.c5_speed, piano.volume, piano.name.as_str()), (22050, 40, "piano"));
    assert_eq!(piano.sample_loop, Some(Loop { start: 1, end: 3, ping_pong: false }));
    assert_eq!(song.samples[1].adlib, Some([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 0]));
}

#[test]
fn xm_fields_are_read_in_every_version() {
    for version in [0x0102, 0x0103, 0x0104] {
        let song = load(&modules::xm(version)).unwrap_or_else(|error| panic!("{version:#x}: {error}"));
        assert_eq!((song.title.as_str(), song.made_with), ("xm title", MadeWith::FastTracker2(0x0200)));
        assert_eq!((song.initial_speed, song.initial_tempo, song.restart_order), (5, 140, 1));
        assert_eq!(song.pitch, PitchModel::Linear);
        assert_eq!(song.patterns.iter().map(|pattern| pattern.rows).collect::<Vec<_>>(), [2, 16]);
        let cell = song.cell(0, 0, 0);
        assert_eq!((cell.note, cell.instrument, cell.volume), (Note::Key(60), 1, Some(0x50)));
        assert_eq!((cell.effect, cell.parameter), (0x21, 0x13));
        assert_eq!(song.cell(0, 0, 1).note, Note::Off);
        assert_eq!(song.cell(0, 1, 1).volume, Some(0x20));
        assert_xm_instrument(&song);
    }
}

fn assert_xm_instrument(song: &Song) {
    let brass = &song.instruments[0];
    assert_eq!((brass.name.as_str(), brass.fadeout), ("brass", 512));
    // Keys 0 to 47 of the format's 96 play the first sample; so does the last one, whose sample is not there.
    assert_eq!([12, 59, 60, 106, 107].map(|key: usize| brass.keys[key].sample), [1, 1, 2, 2, 1]);
    let point = |tick, value| EnvelopePoint { tick, value };
    assert_eq!(brass.volume_envelope.points, [point(0, 64), point(10, 32), point(20, 0)]);
    assert_eq!(brass.volume_envelope.sustain, Some(Span { start: 1, end: 1 }));
    assert_eq!(brass.volume_envelope.envelope_loop, Some(Span { start: 0, end: 2 }));
    assert_eq!(brass.panning_envelope.points, [point(0, -32), point(8, 32)]);
    let [low, high] = &song.samples[..] else { panic!("{} samples", song.samples.len()) };
    assert_eq!(*low.data, SampleData::Mono8(Box::new([1, 2, 3, -126])));
    assert_eq!(low.sample_loop, Some(Loop { start: 1, end: 4, ping_pong: true }));
    assert_eq!((low.volume, low.finetune, low.panning, low.relative_key), (40, -16, Some(200), 12));
    assert_eq!(*high.data, SampleData::Mono16(Box::new([1000, 1001, 1000, 1000])));
    assert_eq!(high.sample_loop, Some(Loop { start: 0, end: 4, ping_pong: false }));
    assert_eq!(high.vibrato, AutoVibrato { wave: Wave::RampUp, speed: 9, depth: 5, sweep: 7 });
}

#[test]
fn it_fields_are_read() {
    let song = load(&modules::it(0x0214)).unwrap();
    assert_eq!((song.title.as_str(), song.made_with), ("it title", MadeWith::ImpulseTracker(0x0214)));
    assert_eq!((song.initial_speed, song.initial_tempo, song.initial_global_volume), (4, 150, 100));
    assert_eq!((song.mix_volume, song.separation), (48, 96));
    assert!(song.quirks.compatible_portamento && !song.quirks.old_effects);
    assert_eq!(song.orders, [Order::Pattern(0), Order::Skip, Order::End]);
    assert_eq!(song.message, "one\ntwo");
    let macros = song.macros.as_ref().unwrap();
    assert_eq!((macros.parametered[0].as_str(), macros.fixed[0].as_str()), ("F0F000z", "F0F001z0"));
    assert_eq!(macros.fixed.len(), 128);
    assert_eq!(song.channels.iter().map(|channel| channel.panning).collect::<Vec<_>>(), [0, 256, 128]);
    assert!(song.channels[2].surround);
    let cell = song.cell(0, 0, 0);
    assert_eq!((cell.note, cell.instrument, cell.volume), (Note::Key(60), 1, Some(64)));
    assert_eq!((cell.effect, cell.parameter), (7, 0x20));
    assert_eq!(song.cell(0, 0, 2).note, Note::Cut);
    assert_eq!(song.cell(0, 1, 0), Cell { volume: None, ..cell });
    assert_it_samples(&song);
    assert_it_instrument(&song.instruments[0]);
}

fn assert_it_samples(song: &Song) {
    let [plain, packed] = &song.samples[..] else { panic!("{} samples", song.samples.len()) };
    assert_eq!(*plain.data, SampleData::Mono8(Box::new([1, 2, -1, -128])));
    assert_eq!(plain.sample_loop, Some(Loop { start: 1, end: 3, ping_pong: true }));
    assert_eq!((plain.c5_speed, plain.volume, plain.global_volume, plain.panning), (11025, 50, 60, Some(64)));
    assert_eq!(plain.vibrato, AutoVibrato { wave: Wave::RampDown, speed: 10, depth: 20, sweep: 30 });
    assert_eq!(*packed.data, SampleData::Mono8(Box::new([10, 15, 12, 12])));
    assert_eq!(packed.sustain_loop, Some(Loop { start: 1, end: 4, ping_pong: false }));
}

fn assert_it_instrument(strings: &Instrument) {
    assert_eq!((strings.name.as_str(), strings.fadeout, strings.panning), ("strings", 128, Some(160)));
    assert_eq!(
        (strings.new_note_action, strings.duplicate_check),
        (NewNoteAction::Off, DuplicateCheck::Instrument)
    );
    assert_eq!(strings.duplicate_action, DuplicateAction::Off);
    assert_eq!((strings.pitch_pan_separation, strings.pitch_pan_centre), (8, 48));
    assert_eq!((strings.volume_swing, strings.panning_swing), (5, 6));
    assert_eq!((strings.filter_cutoff, strings.filter_resonance), (Some(90), Some(30)));
    assert_eq!([59, 60].map(|key: usize| strings.keys[key].sample), [1, 2]);
    assert_eq!(strings.volume_envelope.envelope_loop, Some(Span { start: 0, end: 1 }));
    assert_eq!(strings.volume_envelope.sustain, Some(Span { start: 1, end: 2 }));
    assert!(strings.panning_envelope.carry && strings.pitch_envelope_is_filter);
    assert_eq!(strings.pitch_envelope.points[2], EnvelopePoint { tick: 25, value: -32 });
}

#[test]
fn old_instruments_of_it_are_read() {
    let song = load(&modules::it(0x0100)).unwrap();
    let strings = &song.instruments[0];
    assert_eq!((strings.name.as_str(), strings.fadeout), ("old strings", 128));
    assert_eq!(
        (strings.new_note_action, strings.duplicate_check),
        (NewNoteAction::Fade, DuplicateCheck::Note)
    );
    assert_eq!(strings.volume_envelope.points.len(), 3);
    assert_eq!(strings.volume_envelope.sustain, Some(Span { start: 1, end: 1 }));
    assert_it_samples(&song);
}

#[test]
fn a_module_cut_at_any_byte_plays_or_names_what_is_missing() {
    for (name, bytes) in hand_made() {
        let mut refused = 0;
        for length in 0..bytes.len() {
            match load(&bytes[..length]) {
                Ok(song) => assert_consistent(&song, name),
                Err(LoadError::Truncated { part, missing, .. }) => {
                    assert!(missing > 0 && !part.name.is_empty(), "{name} cut to {length}");
                    refused += 1;
                }
                Err(LoadError::UnknownFormat) => refused += 1,
                Err(other) => panic!("{name} cut to {length}: {other}"),
            }
        }
        assert!(refused > 100, "{name}: only {refused} of {} lengths were refused", bytes.len());
    }
}

#[test]
fn a_sample_cut_short_keeps_what_is_whole() {
    let bytes = modules::amiga_mod("M.K.", 4, [0, 1]);
    let song = load(&bytes[..bytes.len() - 3]).unwrap();
    assert_eq!(*song.samples[0].data, SampleData::Mono8(Box::new([0, 10, 20, 30, 40])));
    assert_eq!(song.samples[0].sample_loop, Some(Loop { start: 2, end: 5, ping_pong: false }));
}

#[test]
fn an_error_says_what_and_where_in_one_line() {
    let bytes = modules::xm(0x0104);
    let cut = load(&bytes[..340]).unwrap_err().to_string();
    assert_eq!(cut, "the file ends inside pattern 0, 3 bytes short at byte 341; get a whole copy of it");
    let mut version = bytes.clone();
    version[58] = 9;
    assert_eq!(
        load(&version).unwrap_err().to_string(),
        "the header holds 0x109 at byte 58, which its format does not allow; get another copy"
    );
    let mut channels = bytes;
    channels[68] = 200;
    assert_eq!(
        load(&channels).unwrap_err().to_string(),
        "the header asks for 200 by byte 76, at most 64 are allowed; get another copy"
    );
}

/// Numbers that follow from a seed (xorshift).
fn noise(mut state: u64) -> impl FnMut() -> u8 {
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    }
}

#[test]
fn what_has_no_signature_is_not_taken_for_fifteen_samples() {
    let refused = |bytes: &[u8], case: &str| {
        assert_eq!(load(bytes).err(), Some(LoadError::UnknownFormat), "{case}");
    };
    for seed in 1..400 {
        let mut random = noise(seed * 0x9e37_79b9);
        // From noise to files of few and small values.
        let mask = [0xff, 0x7f, 0x3f, 0x0f, 0x03, 0x01][seed as usize % 6];
        let bytes: Vec<u8> = (0..20_000).map(|_| random() & mask).collect();
        refused(&bytes, &format!("seed {seed}"));
    }
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    for file in ["Cargo.lock", "README.md", "docs/editor.png", "src/tracker/load/error.rs"] {
        let bytes = fs::read(root.join(file)).unwrap();
        (0..bytes.len()).step_by(97).for_each(|at| refused(&bytes[at..], &format!("{file} from {at}")));
    }
    for extension in ["mod", "s3m", "xm", "it"] {
        for path in modules_at_hand("songs", extension) {
            let mut bytes = fs::read(&path).unwrap();
            let signature = match extension {
                "mod" => 1080..1084,
                "s3m" => 44..48,
                "xm" => 0..17,
                _ => 0..4,
            };
            bytes[signature].fill(b'?');
            refused(&bytes, &path.display().to_string());
        }
    }
}

#[test]
fn random_faults_never_panic_and_never_take_long() {
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = move || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random as usize
    };
    let start = Instant::now();
    for (name, bytes) in hand_made() {
        for _ in 0..3000 {
            let mut broken = bytes.clone();
            for _ in 0..1 + next() % 8 {
                // Half of the faults hit the first 512 bytes, where the counts are.
                let range = if next() % 2 == 0 { broken.len() } else { 512 };
                let at = next() % range.min(broken.len());
                broken[at] = [0, 0xff, 0x80, next() as u8, broken[at] ^ 1 << (next() % 8)][next() % 5];
            }
            if let Ok(song) = load(&broken) {
                assert_consistent(&song, name);
            }
        }
    }
    println!("{} broken files in {:?}", 3000 * hand_made().len(), start.elapsed());
}

#[test]
fn a_small_file_that_claims_a_gigabyte_takes_no_memory_for_it() {
    // 256 patterns of 1024 rows and 64 channels in 9 bytes each.
    let mut file = Bytes::default();
    file.text("Extended Module: ", 58)
        .words(&[0x0104])
        .dwords(&[276])
        .words(&[1, 0, 64, 256, 0, 1, 6, 125])
        .zeros(256);
    (0..256).for_each(|_| {
        file.dwords(&[9]).raw(&[0]).words(&[1024, 0]);
    });
    assert!(matches!(load(&file.0), Err(LoadError::TooLarge { .. })));
    // A sample of 4 GiB in a file of 16 KiB: what is there plays.
    let mut bytes = modules::it(0x0214);
    let header = bytes.windows(4).position(|name| name == b"IMPS").unwrap();
    bytes[header + 0x30..header + 0x34].copy_from_slice(&[0xff; 4]);
    assert!(load(&bytes).unwrap().samples[0].data.frames() < bytes.len());
}

#[test]
fn packed_samples_of_real_files_unpack_to_their_full_length() {
    let dword = |bytes: &[u8], at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
    let word =
        |bytes: &[u8], at: usize| usize::from(u16::from_le_bytes(bytes[at..at + 2].try_into().unwrap()));
    for path in [modules_at_hand("songs", "it"), modules_at_hand("tracker-tests/it", "it")].concat() {
        let bytes = fs::read(&path).unwrap();
        let song = load(&bytes).unwrap();
        let pointers = 0xc0 + word(&bytes, 0x20) + 4 * word(&bytes, 0x22);
        for (index, sample) in song.samples.iter().enumerate() {
            let header = dword(&bytes, pointers + 4 * index);
            let packed = bytes[header + 0x12] & 0x09 == 0x09;
            if packed {
                // A decoder that reads one bit too many loses its place and ends early.
                assert_eq!(
                    sample.data.frames(),
                    dword(&bytes, header + 0x30),
                    "{} sample {index}",
                    path.display()
                );
            }
        }
    }
}

#[test]
fn modplug_tracker_is_told_from_fasttracker_by_its_empty_instruments() {
    let with_empty_instrument = |size: u32, name_length: u8| {
        let mut bytes = modules::xm(0x0104);
        bytes[72] = 2; // instruments
        for name in [&b"low "[..], b"high "] {
            let at = bytes.windows(name.len()).position(|found| found == name).unwrap();
            bytes[at - 1] = name_length.min(name.len() as u8 - 1);
            bytes[at..at + name.len()].fill(b' ');
        }
        let mut instrument = Bytes::default();
        instrument.dwords(&[size]).text("nothing", 22).zeros(size as usize - 26);
        bytes.extend(instrument.0);
        load(&bytes).unwrap()
    };
    assert_eq!(with_empty_instrument(33, 9).made_with, MadeWith::FastTracker2(0x0200));
    assert_eq!(with_empty_instrument(33, 0).made_with, MadeWith::FastTracker2(0x0200));
    let modplug = with_empty_instrument(263, 0);
    assert_eq!((modplug.made_with, modplug.instruments.len()), (MadeWith::ModPlug, 2));
    assert_eq!(modplug.made_with.to_string(), "ModPlug Tracker");
    // FastTracker 2 and its clones leave the lengths of names, which ModPlug Tracker does not know of.
    assert_eq!(with_empty_instrument(263, 9).made_with, MadeWith::Unknown);
}

/// `cargo test --release --no-default-features --test load -- --ignored --nocapture opening`
#[test]
#[ignore = "a measurement"]
fn opening_in_milliseconds() {
    let folders = ["songs".to_owned()].into_iter().chain(std::env::var("BUSKER_MORE_SONGS"));
    for folder in folders {
        for extension in ["mod", "s3m", "xm", "it"] {
            for path in modules_at_hand(&folder, extension) {
                let bytes = fs::read(&path).unwrap();
                let (start, mut laps) = (Instant::now(), [0.0; 3]);
                let mut lap = |index: usize| laps[index] = start.elapsed().as_secs_f64() * 1000.0;
                let song = Arc::new(load(&bytes).unwrap());
                lap(0);
                let timeline = Timeline::build(&song);
                lap(1);
                let trim = default_trim(&song);
                lap(2);
                println!(
                    "open/{}: {:.1} ms (loaded at {:.1}, {} ticks of timeline at {:.1}, trim {:.3})",
                    path.display(),
                    laps[2],
                    laps[0],
                    timeline.ticks().len(),
                    laps[1],
                    trim.0
                );
            }
        }
    }
}
