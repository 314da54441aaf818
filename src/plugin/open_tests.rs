//! Files of every kind that are opened in an instance: where each goes, and what is said of those that go nowhere.
#![allow(clippy::disallowed_types)] // The mutex hands a receiver to the worker's threads.

use super::Edit;
use super::ONE_SHOT_SECONDS;
use super::Onto;
use super::Way;
use super::instance_tests::Bench;
use super::instance_tests::Folder;
use super::link::Change;
use crate::engine::Target;
use crate::engine::Transport;
use crate::engine::table;
use crate::rack::Rack;
use crate::tracker::Replaced;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc;

/// A WAV file of a constant level that lasts so long.
pub(crate) fn wav(path: &Path, seconds: f64) {
    let sample_format = hound::SampleFormat::Int;
    let spec = hound::WavSpec { channels: 1, sample_rate: 8_000, bits_per_sample: 16, sample_format };
    let mut writer = hound::WavWriter::create(path, spec).unwrap();
    (0..(seconds * 8_000.0) as usize).for_each(|_| writer.write_sample(9_000i16).unwrap());
    writer.finalize().unwrap();
}

/// The demo song by another name.
pub(crate) fn module(path: &Path) {
    fs::write(path, Rack::demo().song.unwrap().bytes).unwrap();
}

impl Bench {
    /// Opens files as the editor does, and waits until that is done.
    pub(crate) fn open(&self, paths: &[PathBuf], onto: Onto) {
        self.instance.open_later(paths.to_vec(), onto);
        self.instance.wait_for_worker();
    }

    fn rack(&self) -> Rack {
        use crate::params::RackStore;
        Rack::unpack(&self.instance.save()).unwrap()
    }

    /// Names of what is in voice slots and in lanes, with their numbers from 0 and how many takes each has.
    fn places(&self) -> [Vec<(usize, String, usize)>; 2] {
        let rack = self.rack();
        let voices = rack.voices.into_iter().map(|voice| (voice.slot, voice.name, voice.takes.len()));
        let lanes = rack.lanes.into_iter().map(|lane| (lane.lane, lane.name, lane.takes.len()));
        [voices.collect(), lanes.collect()]
    }
}

fn stopped() -> Transport {
    Transport { playing: false, ..Transport::default() }
}

#[test]
fn recordings_go_where_their_length_says_and_names_do_not_matter() {
    let folder = Folder::new("rule");
    let mut bench = Bench::instrument();
    let at = |name: &str| folder.0.join(name);
    wav(&at("kick.wav"), 0.5);
    wav(&at("almost.dat"), ONE_SHOT_SECONDS - 0.01);
    wav(&at("drums-2.wav"), ONE_SHOT_SECONDS);
    wav(&at("drums-1.wav"), ONE_SHOT_SECONDS + 2.0);
    bench.open(&["kick.wav", "almost.dat", "drums-2.wav", "drums-1.wav"].map(at), Onto::Anywhere);
    let named = |slot, name: &str, takes| (slot, name.to_owned(), takes);
    let [voices, lanes] = bench.places();
    assert_eq!(voices, [named(0, "kick", 1), named(1, "almost", 1)]);
    assert_eq!(lanes, [named(0, "drums", 2)]);
    let view = bench.instance.view();
    assert_eq!((view.refused, view.notice, view.missing), (vec![], None, vec![]));
    assert_eq!(view.told.as_deref(), Some("Opened kick: voice 1, key C-2; and 2 more"));
    // The first one makes the keys play it.
    bench.render_at(stopped());
    assert_eq!(bench.value(Target::KeyboardMode), 5.0);
    bench.set(Target::KeyboardMode, 0.0);
    bench.open(&[at("kick.wav")], Onto::Anywhere);
    bench.render_at(stopped());
    assert_eq!(bench.places()[0].last(), Some(&named(2, "kick", 1)));
    assert_eq!(bench.value(Target::KeyboardMode), 0.0, "somebody has chosen that");
}

#[test]
fn recordings_that_are_dropped_on_something_become_its_takes_whatever_their_length() {
    let folder = Folder::new("onto");
    let bench = Bench::instrument();
    let at = |name: &str| folder.0.join(name);
    wav(&at("a.wav"), 0.1);
    wav(&at("b.wav"), ONE_SHOT_SECONDS + 1.0);
    let both = ["a.wav", "b.wav"].map(at);
    bench.open(&both, Onto::Voice(40));
    bench.open(&both, Onto::Lane(6));
    let place = |slot| vec![(slot, "a".to_owned(), 2)];
    assert_eq!(bench.places(), [place(40), place(6)]);
    bench.open(&both[1..], Onto::Voice(40));
    assert_eq!(bench.places()[0], [(40, "b".to_owned(), 1)]);
}

#[test]
fn a_recording_sounds_once_when_it_comes() {
    let folder = Folder::new("preview");
    let mut bench = Bench::instrument();
    bench.restore(&Rack::default());
    wav(&folder.0.join("a.wav"), 0.05);
    bench.render_at(stopped());
    bench.open(&[folder.0.join("a.wav")], Onto::Anywhere);
    let loudest =
        |planes: Vec<Vec<f32>>| planes.into_iter().flatten().fold(0.0f32, |loudest, s| loudest.max(s.abs()));
    assert!((0..3).map(|_| loudest(bench.render_at(stopped()))).fold(0.0, f32::max) > 0.1);
    let rest: Vec<f32> = (0..20).map(|_| loudest(bench.render_at(stopped()))).collect();
    assert_eq!(rest.last(), Some(&0.0), "{rest:?}");
    assert_eq!(bench.value(Target::VoiceTrigger(0)), 0.0);
}

#[test]
fn a_module_plays_at_once_by_itself_while_the_host_stands_and_with_it_while_it_plays() {
    let folder = Folder::new("module");
    module(&folder.0.join("packed.bin"));
    let bytes = fs::read(folder.0.join("packed.bin")).unwrap();
    let mut packed = GzEncoder::new(fs::File::create(folder.0.join("a.itgz")).unwrap(), Compression::fast());
    packed.write_all(&bytes).unwrap();
    packed.finish().unwrap();
    for (playing, audition) in [(false, 1.0), (true, 0.0)] {
        let mut bench = Bench::instrument();
        bench.restore(&Rack::default());
        let host = Transport { playing, beats: Some(0.0), ..Transport::default() };
        bench.set(Target::SongPlay, 0.0);
        bench.render_at(host);
        bench.open(&[folder.0.join("a.itgz")], Onto::Anywhere);
        bench.render_at(host);
        assert_eq!(bench.value(Target::Audition), audition, "the host plays: {playing}");
        assert_eq!(bench.value(Target::SongPlay), 1.0);
        assert!(bench.instance.pulse().control.unwrap().position().running);
        let view = bench.instance.view();
        assert_eq!((view.file.as_deref(), view.refused), (Some("a.itgz"), vec![]));
        let told = bench.told();
        assert!(told.contains(&(bench.index(Target::SongPlay), 1.0)), "{told:?}");
    }
}

#[test]
fn a_song_asks_about_its_tempo_once_and_what_was_said_holds_when_it_comes_again() {
    let folder = Folder::new("tempo");
    let other = folder.0.join("other.it");
    module(&folder.0.join("a.it"));
    let mut bytes = fs::read(folder.0.join("a.it")).unwrap();
    bytes[5] ^= 1; // of its name
    fs::write(&other, bytes).unwrap();
    let mut bench = Bench::instrument();
    assert!(!bench.instance.view().asks_tempo, "nobody has opened the demo");
    bench.open(&[folder.0.join("a.it")], Onto::Anywhere);
    assert!(bench.instance.view().asks_tempo);
    bench.set(Target::Sync, 1.0);
    bench.instance.answer_tempo(1);
    assert!(!bench.instance.view().asks_tempo);
    bench.open(&[other], Onto::Anywhere);
    assert!(bench.instance.view().asks_tempo);
    bench.set(Target::Sync, 0.0);
    bench.instance.answer_tempo(0);
    bench.open(&[folder.0.join("a.it")], Onto::Anywhere);
    bench.render_at(stopped());
    assert!(!bench.instance.view().asks_tempo);
    assert_eq!(bench.value(Target::Sync), 1.0);
}

#[test]
fn racks_and_presets_come_with_their_parameters() {
    let folder = Folder::new("racks");
    let mut rack = Rack::demo();
    rack.routing.input = Some(7);
    rack.parameters.insert("b02g", -6.0);
    rack.parameters.insert("sync", 1.0);
    fs::write(folder.0.join("a.busker.toml"), rack.to_toml().unwrap()).unwrap();
    fs::write(folder.0.join("text"), rack.to_toml().unwrap()).unwrap();
    fs::write(folder.0.join("a.vstpreset"), rack.to_vst_preset(&table()).unwrap()).unwrap();
    for file in ["a.busker.toml", "text", "a.vstpreset"] {
        let mut bench = Bench::instrument();
        bench.set(Target::StripGain(3), -20.0);
        bench.render_at(stopped());
        bench.open(&[folder.0.join(file)], Onto::Anywhere);
        bench.render_at(stopped());
        let view = bench.instance.view();
        assert_eq!((view.refused, view.routing.input), (vec![], Some(7)), "{file}");
        assert!((bench.value(Target::StripGain(1)) + 6.0).abs() < 1e-4, "{file}");
        assert_eq!((bench.value(Target::StripGain(3)), bench.value(Target::Sync)), (0.0, 1.0), "{file}");
        let told = bench.told();
        assert!(told.iter().any(|(index, _)| *index == bench.index(Target::StripGain(1))), "{file}");
        assert!(bench.rack().parameters.is_empty(), "the host keeps them");
    }
}

#[test]
fn what_cannot_be_opened_is_said_with_what_to_do_until_it_is_dismissed() {
    let folder = Folder::new("refused");
    let bench = Bench::instrument();
    let at = |name: &str| folder.0.join(name);
    fs::write(at("letter.txt"), "Dear all, this is no music.").unwrap();
    fs::write(at("noise.wav"), "no sound").unwrap();
    fs::write(at("torn.toml"), "version = { major = 1, minor = 0 }\nrouting = 3\n").unwrap();
    fs::write(at("other.vstpreset"), b"VST3 of somebody else").unwrap();
    let mut torn = Rack::demo().song.unwrap().bytes.to_vec();
    torn.truncate(300);
    fs::write(at("torn.it"), torn).unwrap();
    fs::create_dir(at("empty")).unwrap();
    let names = ["letter.txt", "noise.wav", "torn.toml", "other.vstpreset", "torn.it", "gone.xm", "empty"];
    let before = bench.rack();
    bench.open(&names.map(at), Onto::Anywhere);
    assert!(bench.rack() == before);
    let view = bench.instance.view();
    let why = [
        ("letter.txt", "no file that Busker can open, which are modules (MOD, S3M, XM, IT"),
        ("noise.wav", "no audio file that can be read (WAV, AIFF, FLAC, Ogg Vorbis or MP3)"),
        ("torn.toml", "not a rack file"),
        ("other.vstpreset", "no preset of Busker: choose one"),
        ("torn.it", "the file ends"),
        ("gone.xm", "check that it is there"),
        ("empty", "no file in this folder can be opened: choose one"),
    ];
    assert_eq!(view.refused.len(), why.len(), "{:#?}", view.refused);
    for (file, why) in why {
        let told = view.refused.iter().any(|words| words.contains(file) && words.contains(why));
        assert!(told, "{file}: {:#?}", view.refused);
    }
    // They stay when other things succeed.
    bench.change(|routing| routing.input = Some(2));
    wav(&at("a.wav"), 0.1);
    bench.open(&[at("a.wav")], Onto::Anywhere);
    assert_eq!(bench.instance.view().refused.len(), why.len());
    bench.instance.dismiss();
    assert!(bench.instance.view().refused.is_empty());
}

#[test]
fn a_folder_gives_what_can_be_opened_in_it_and_one_song() {
    let folder = Folder::new("folder");
    let bench = Bench::instrument();
    let at = |name: &str| folder.0.join(name);
    module(&at("a.it"));
    module(&at("B.it"));
    wav(&at("kick.wav"), 0.1);
    wav(&at("pad.wav"), ONE_SHOT_SECONDS);
    fs::write(at("notes.txt"), "Nothing.").unwrap();
    fs::write(at(".kick.wav"), "hidden").unwrap();
    bench.open(std::slice::from_ref(&folder.0), Onto::Anywhere);
    let view = bench.instance.view();
    assert_eq!(view.file.as_deref(), Some("a.it"));
    assert!(view.refused.len() == 1 && view.refused[0].contains("B.it: only one song"), "{:?}", view.refused);
    assert_eq!(bench.places().map(|places| places.len()), [1, 1]);
}

#[test]
fn when_no_place_is_empty_that_is_said_and_what_was_there_stays() {
    let folder = Folder::new("full");
    let bench = Bench::instrument();
    let tracks: Vec<_> = (0..10).map(|track| folder.0.join(format!("track {track}.wav"))).collect();
    tracks.iter().for_each(|path| wav(path, ONE_SHOT_SECONDS));
    bench.open(&tracks, Onto::Anywhere);
    let lanes: Vec<_> = bench.places()[1].iter().map(|(lane, name, _)| (*lane, name.clone())).collect();
    assert_eq!(lanes, (0..8).map(|lane| (lane, format!("track {lane}"))).collect::<Vec<_>>());
    let refused = bench.instance.view().refused;
    assert!(refused.len() == 2 && refused[0].starts_with("track 8: all 8 lanes are taken"), "{refused:?}");
}

#[test]
fn what_is_called_off_leaves_everything_as_it_was() {
    let folder = Folder::new("called-off");
    let bench = Bench::instrument();
    module(&folder.0.join("other.it"));
    wav(&folder.0.join("kick.wav"), 0.1);
    let before = bench.rack();
    let (go_on, reached) = held_up(&bench);
    bench.instance.open_later(vec![folder.0.join("other.it"), folder.0.join("kick.wav")], Onto::Anywhere);
    reached.recv().unwrap();
    bench.instance.call_off();
    drop(go_on);
    bench.wait();
    let view = bench.instance.view();
    assert!(bench.rack() == before);
    assert_eq!((view.file.as_deref(), view.underway), (Some("demo.it"), None));
    assert_eq!(view.told.as_deref(), Some("Called off: everything is as it was"));
    // What comes after it is done.
    bench.open(&[folder.0.join("other.it")], Onto::Anywhere);
    assert_eq!(bench.instance.view().file.as_deref(), Some("other.it"));
}

/// Holds the reading of files up until the sender is dropped, and tells of each that is about to be read.
fn held_up(bench: &Bench) -> (mpsc::Sender<()>, mpsc::Receiver<PathBuf>) {
    let (go_on, wait) = mpsc::channel::<()>();
    let (tell, reached) = mpsc::channel();
    let wait = Mutex::new(wait);
    bench.instance.at_file(move |path| {
        let _ = tell.send(path.to_owned());
        let _ = wait.lock().unwrap().recv();
    });
    (go_on, reached)
}

#[test]
fn a_save_and_a_restart_while_files_are_opened_wait_for_none_of_them() {
    let folder = Folder::new("meanwhile");
    let mut bench = Bench::instrument();
    module(&folder.0.join("other.it"));
    let (go_on, reached) = held_up(&bench);
    bench.instance.open_later(vec![folder.0.join("other.it")], Onto::Anywhere);
    reached.recv().unwrap();
    // What is asked for meanwhile is done, but for what would stand behind the song in the history.
    bench.instance.edit_later(Edit::Routing(Box::new(|routing| routing.input = Some(7))));
    bench.instance.record(true);
    let saved = bench.rack();
    assert_eq!((saved.routing.input, saved.song.unwrap().name.as_str()), (Some(7), "demo.it"));
    bench.restart();
    bench.instance.step_later(Way::Back);
    assert_eq!(bench.rack().routing.input, Some(7), "undone in its turn");
    assert_eq!(bench.instance.view().missed_waits, 0);
    drop(go_on);
    bench.wait();
    let saved = bench.rack();
    assert_eq!((saved.routing.input, saved.song.unwrap().name.as_str()), (Some(7), "demo.it"));
    assert_eq!(bench.instance.view().steps[1].as_deref(), Some("Song: other.it"));
    assert_eq!(bench.instance.view().missed_waits, 0);
}

#[test]
fn parameters_that_files_bring_are_undone_with_them() {
    let folder = Folder::new("moved");
    let mut bench = Bench::instrument();
    bench.restore(&Rack::default());
    module(&folder.0.join("a.it"));
    wav(&folder.0.join("kick.wav"), 0.1);
    let moved = [Target::SongPlay, Target::Audition, Target::KeyboardMode];
    bench.set(Target::SongPlay, 0.0);
    bench.render_at(stopped());
    let before = moved.map(|target| bench.value(target));
    bench.open(&["a.it", "kick.wav"].map(|name| folder.0.join(name)), Onto::Anywhere);
    bench.render_at(stopped());
    assert_eq!(moved.map(|target| bench.value(target)), [1.0, 1.0, 5.0]);
    bench.instance.step_later(Way::Back);
    bench.wait();
    bench.render_at(stopped());
    assert_eq!(moved.map(|target| bench.value(target)), before);
    bench.instance.step_later(Way::On);
    bench.wait();
    bench.render_at(stopped());
    assert_eq!(moved.map(|target| bench.value(target)), [1.0, 1.0, 5.0]);
}

#[test]
fn a_host_without_an_editor_saves_and_hears_of_what_a_rack_brings() {
    let folder = Folder::new("told");
    let mut rack = Rack::demo();
    rack.master.look_ahead = true;
    rack.parameters.insert("sync", 1.0);
    fs::write(folder.0.join("a.busker.toml"), rack.to_toml().unwrap()).unwrap();
    let mut bench = Bench::instrument();
    let link = bench.link();
    let (tell, told) = mpsc::channel();
    let hears = Arc::new(AtomicBool::new(true));
    let there = Arc::clone(&hears);
    link.on_change(move |change| there.load(Relaxed) && tell.send(change).is_ok());
    link.changed();
    assert_eq!(told.recv().unwrap(), Change::default());
    bench.open(&[folder.0.join("a.busker.toml")], Onto::Anywhere);
    let sync = bench.index(Target::Sync);
    assert_eq!(bench.params.normalised(sync), 0.0);
    // As the host's call to save does, whether its main thread has been told or not.
    link.settle();
    assert!(bench.params.normalised(sync) > 0.0);
    hears.store(false, Relaxed);
    link.changed();
    assert!(told.try_recv().is_err(), "nobody is there");
    hears.store(true, Relaxed);
    link.catch_up();
    assert_eq!(told.recv().unwrap(), Change { values: true, restart: true });
    link.catch_up();
    assert!(told.try_recv().is_err(), "nothing is owed any more");
    link.changed();
    assert_eq!(told.recv().unwrap(), Change::default(), "once is enough");
    bench.restart();
    bench.instance.edit_later(Edit::LookAhead);
    bench.wait();
    link.changed();
    assert_eq!(told.recv().unwrap(), Change { values: false, restart: true });
}

#[test]
fn a_decoder_that_panics_costs_its_file_alone_whatever_it_is_opened_for() {
    let folder = Folder::new("panic");
    let bench = Bench::instrument();
    let at = |name: &str| folder.0.join(name);
    wav(&at("fatal.wav"), 0.1);
    wav(&at("kick.wav"), 0.1);
    bench.instance.at_file(|path| assert!(!path.ends_with("fatal.wav"), "planted"));
    let targets = [
        Onto::Anywhere,
        Onto::Voice(3),
        Onto::Lane(3),
        Onto::VoiceTake(3, None),
        Onto::LaneTake(3, None),
        Onto::Replacement(Replaced::Sample(0)),
        Onto::Impulse((17, 0)),
        Onto::Ears,
    ];
    let before = bench.rack();
    for onto in targets {
        bench.open(&[at("fatal.wav")], onto);
        let refused = bench.instance.view().refused;
        assert!(refused.len() == 1 && refused[0].contains("fatal.wav: could not be read"), "{refused:?}");
        assert!(bench.rack() == before, "{onto:?}");
        bench.instance.dismiss();
    }
    bench.open(&["fatal.wav", "kick.wav"].map(at), Onto::Anywhere);
    assert_eq!((bench.places()[0].len(), bench.instance.view().refused.len()), (1, 1));
    assert_eq!(bench.instance.view().missed_waits, 0, "the worker lives");
}

#[test]
fn files_of_every_way_in_are_shown_while_they_are_read_and_can_be_called_off() {
    let folder = Folder::new("ways");
    let bench = Bench::instrument();
    let path = folder.0.join("kick.wav");
    wav(&path, 0.1);
    let before = bench.rack();
    for onto in [Onto::VoiceTake(0, None), Onto::LaneTake(0, None), Onto::Replacement(Replaced::Sample(0))] {
        let (go_on, reached) = held_up(&bench);
        bench.instance.open_later(vec![path.clone()], onto);
        reached.recv().unwrap();
        assert!(bench.instance.view().underway.unwrap().what.ends_with("kick.wav"), "{onto:?}");
        bench.instance.call_off();
        drop(go_on);
        bench.wait();
        assert!(bench.rack() == before && bench.instance.view().refused.is_empty(), "{onto:?}");
        assert_eq!(bench.instance.view().told.as_deref(), Some("Called off: everything is as it was"));
    }
}

#[test]
fn an_edit_that_panics_is_refused_and_the_worker_lives() {
    let bench = Bench::instrument();
    bench.instance.edit_later(Edit::Routing(Box::new(|_| panic!("planted"))));
    bench.wait();
    assert!(bench.instance.view().notice.unwrap().contains("could not be done"));
    bench.change(|routing| routing.input = Some(3));
    assert_eq!(bench.rack().routing.input, Some(3));
}
