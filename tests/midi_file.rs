//! `busker midi`: the notes of the song's own trace, at the song's own times, and none left down.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use busker::tracker::Timeline;
use busker::tracker::load::load;
use midly::MetaMessage;
use midly::MidiMessage;
use midly::Smf;
use midly::Timing;
use midly::TrackEventKind;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

const DEMO: &str = "src/rack/demo.it";

/// Ticks of the file in one of the song, unless that is slower than any tempo.
const TICK: u64 = 20;

fn busker(arguments: &[&str]) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_busker"));
    let output = command.current_dir(env!("CARGO_MANIFEST_DIR")).args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// What the command writes for a song.
fn midi(song: &Path, name: &str, options: &[&str]) -> Vec<u8> {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    busker(&[&["midi", song.to_str().unwrap(), "-o", file.to_str().unwrap()][..], options].concat());
    fs::read(file).unwrap()
}

/// The demo and every song of the shared folder.
fn songs() -> Vec<PathBuf> {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/songs");
    let mut songs = vec![PathBuf::from(DEMO)];
    match fs::read_dir(&shared) {
        Ok(files) => songs.extend(
            files
                .map(|file| file.unwrap().path())
                .filter(|path| fs::read(path).is_ok_and(|bytes| load(&bytes).is_ok())),
        ),
        Err(_) => println!("skipped: {} is absent", shared.display()),
    }
    songs
}

/// A tick of the song, and a song channel from 0.
type Onset = (u64, usize);

/// A file taken apart.
struct Score {
    /// Microseconds a quarter note, by tick of the file.
    tempos: BTreeMap<u64, u32>,
    names: Vec<String>,
    instruments: HashSet<String>,
    onsets: BTreeSet<Onset>,
    end: u64,
}

impl Score {
    /// Also checks that each key of a track goes down and up in turn and is up at the end.
    fn read(bytes: &[u8], what: &str) -> Self {
        let file = Smf::parse(bytes).unwrap();
        assert_eq!(file.header.timing, Timing::Metrical(480.into()), "{what}");
        let mut score = Self {
            tempos: BTreeMap::new(),
            names: Vec::new(),
            instruments: HashSet::new(),
            onsets: BTreeSet::new(),
            end: 0,
        };
        for (index, track) in file.tracks.iter().enumerate() {
            let mut down = HashSet::new();
            let mut at = 0;
            for event in track {
                at += u64::from(event.delta.as_int());
                match event.kind {
                    TrackEventKind::Meta(MetaMessage::Tempo(tempo)) => {
                        assert_eq!(index, 0, "{what}: a tempo outside of the map");
                        score.tempos.insert(at, tempo.as_int());
                    }
                    TrackEventKind::Meta(MetaMessage::TrackName(name)) => {
                        score.names.push(String::from_utf8_lossy(name).into_owned());
                    }
                    TrackEventKind::Meta(MetaMessage::InstrumentName(name)) => {
                        score.instruments.insert(String::from_utf8_lossy(name).into_owned());
                    }
                    TrackEventKind::Midi { channel, message } => {
                        assert_eq!(usize::from(channel.as_int()), (index - 1) % 16, "{what}");
                        match message {
                            MidiMessage::NoteOn { key, .. } => {
                                assert!(down.insert(key), "{what}: {key} is begun twice at {at}");
                                assert_eq!(at % TICK, 0, "{what}");
                                score.onsets.insert((at / TICK, index - 1));
                            }
                            MidiMessage::NoteOff { key, .. } => {
                                assert!(down.remove(&key), "{what}: {key} is not down at {at}");
                            }
                            _ => {}
                        }
                    }
                    _ => {}
                }
            }
            assert!(down.is_empty(), "{what}: {down:?} hang in track {index}");
            score.end = score.end.max(at);
        }
        score
    }

    /// Seconds of each tick of the song.
    fn seconds(&self) -> Vec<f64> {
        let mut changes = self.tempos.iter().peekable();
        let (mut seconds, mut tempo) = (0.0, 500_000);
        let tick = |tick: u64| {
            let start = seconds;
            while let Some((_, change)) = changes.next_if(|(at, _)| **at <= tick * TICK) {
                tempo = *change;
            }
            seconds += f64::from(tempo) * TICK as f64 / 480.0e6;
            start
        };
        (0..self.end / TICK).map(tick).collect()
    }
}

/// Where the trace tells a recording's first frame: heard at once, and heard or not; and all that sounds.
fn onsets_of_trace(song: &Path) -> (BTreeSet<Onset>, BTreeSet<Onset>, HashSet<Onset>) {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("midi.tsv");
    busker(&["trace", song.to_str().unwrap(), "-o", file.to_str().unwrap()]);
    let text = fs::read_to_string(file).unwrap();
    let (mut heard, mut all, mut sounding) = (BTreeSet::new(), BTreeSet::new(), HashSet::new());
    let mut tick = 0;
    for line in text.lines().skip(1) {
        let columns: Vec<&str> = line.split('\t').collect();
        if !columns[0].is_empty() {
            tick = columns[0].parse().unwrap();
        }
        // Notes left in the background are no onsets, and an AdLib note has no position.
        let Ok(channel) = columns[6].parse::<usize>() else { continue };
        sounding.insert((tick, channel - 1));
        if columns[12] == "0" {
            all.insert((tick, channel - 1));
            if (columns[8], columns[9]) != ("0", "0") {
                heard.insert((tick, channel - 1));
            }
        }
    }
    (heard, all, sounding)
}

#[test]
fn every_recording_that_begins_is_a_note_and_every_note_is_heard() {
    for song in songs() {
        let what = song.display().to_string();
        let score = Score::read(&midi(&song, "onsets.mid", &[]), &what);
        let (onsets, with_silent, sounding) = onsets_of_trace(&song);
        let missing: Vec<_> = onsets.difference(&score.onsets).take(5).collect();
        assert!(missing.is_empty(), "{what}: no notes for {missing:?}");
        let unheard: Vec<_> = score.onsets.iter().filter(|onset| !sounding.contains(*onset)).collect();
        assert!(unheard.is_empty(), "{what}: {unheard:?} do not sound");
        if song == Path::new(DEMO) {
            // No note of the demo begins inside its recording or comes back from silence.
            let further: Vec<_> = score.onsets.difference(&with_silent).take(5).collect();
            assert!(further.is_empty(), "{what}: nothing begins at {further:?}");
        }
    }
}

#[test]
fn every_tick_stands_at_the_songs_own_second() {
    for song in songs() {
        let what = song.display().to_string();
        let score = Score::read(&midi(&song, "seconds.mid", &[]), &what);
        let timeline = Timeline::build(&Arc::new(load(&fs::read(&song).unwrap()).unwrap()));
        let mut expected = 0.0;
        let seconds = score.seconds();
        assert_eq!(seconds.len(), timeline.ticks().len(), "{what}");
        for (tick, seconds) in seconds.into_iter().enumerate() {
            let error = seconds - expected;
            assert!(error.abs() < 0.001, "{what}: tick {tick} is {error} s off");
            expected += timeline.tick_seconds(tick);
        }
    }
}

#[test]
fn tempos_that_are_no_whole_microseconds_do_not_add_up_over_hours() {
    // 60,000,000 / 131 is 458,015.27: rounded once and for all, it would be 2 ms off after an hour.
    let options = ["--tempo", "131", "--loops", "60"];
    let score = Score::read(&midi(Path::new(DEMO), "hours.mid", &options), "131");
    let seconds = score.seconds();
    assert!(seconds.last().unwrap() > &3000.0);
    for (tick, seconds) in seconds.into_iter().enumerate() {
        let error = seconds - tick as f64 * 2.5 / 131.0;
        assert!(error.abs() < 0.001, "tick {tick} is {error} s off");
    }
    assert!(score.tempos.len() < 100, "{} tempos", score.tempos.len());
}

#[test]
fn loops_are_played_as_often_as_asked() {
    let end = |loops| Score::read(&midi(Path::new(DEMO), "loops.mid", &["--loops", loops]), loops).end;
    // 64 s at 48 ticks a second, of which 8 are the introduction.
    assert_eq!((end("1"), end("3")), (64 * 48 * TICK, (64 + 2 * 56) * 48 * TICK));
}

#[test]
fn tracks_are_named_as_channels_and_instruments_where_they_play() {
    let song = load(&fs::read(DEMO).unwrap()).unwrap();
    let score = Score::read(&midi(Path::new(DEMO), "names.mid", &[]), DEMO);
    assert_eq!(score.names.len(), song.channels.len() + 1);
    assert_eq!(score.names[0], song.title.trim());
    for (index, (name, channel)) in score.names[1..].iter().zip(&song.channels).enumerate() {
        let own = channel.name.trim();
        assert_eq!(*name, if own.is_empty() { format!("Channel {}", index + 1) } else { own.to_owned() });
    }
    let known: HashSet<String> =
        song.instruments.iter().map(|instrument| instrument.name.trim().to_owned()).collect();
    assert!(score.instruments.len() > 3 && score.instruments.is_subset(&known), "{:?}", score.instruments);
}
