//! An instance without a host: what the editor asks of it, through its worker's thread.

use super::Edit;
use super::Instance;
use super::InstrumentEdit;
use super::MachineEdit;
use super::Onto;
use super::SourceEdit;
use super::Way;
use super::engine_layout;
use super::kind::Insert;
use super::kind::Instrument;
use super::kind::Kind;
use super::link::Link;
use crate::audio::AudioBlockMut;
use crate::engine::ArmedTap;
use crate::engine::Call;
use crate::engine::Engine;
use crate::engine::LANES;
use crate::engine::Target;
use crate::engine::Transport;
use crate::lane::Extent;
use crate::lane::Repeat;
use crate::lane::Start;
use crate::machine::InstrumentKind;
use crate::machine::MachineKind;
use crate::mixer;
use crate::mixer::Grouping;
use crate::mixer::MASTER;
use crate::mixer::Route;
use crate::mixer::Routing;
use crate::mixer::SpreadBy;
use crate::mixer::TapPoint;
use crate::mixer::TapSource;
use crate::params::BuskerParams;
use crate::params::RackStore;
use crate::rack::LaneSlot;
use crate::rack::Rack;
use crate::rack::TakeFile;
use crate::rack::VoiceSlot;
use crate::recorder::RecordingState;
use crate::recorder::SampleFormat;
use crate::space::Ears;
use crate::tracker::Replaced;
use crate::units::Decibels;
use crate::units::SampleRate;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use std::cell::RefCell;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;
use std::time::Instant;

const FRAMES: usize = 480;

/// A folder that is there while it is held.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("busker-instance-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// An instance whose engine is called as a host does it.
pub(crate) struct Bench {
    pub(crate) instance: Arc<Instance>,
    pub(crate) params: Arc<BuskerParams>,
    engine: Engine,
}

impl Bench {
    pub(crate) fn instrument() -> Self {
        Self::of::<Instrument>(0)
    }

    /// The insert with the most inputs.
    pub(crate) fn wide_insert() -> Self {
        Self::of::<Insert>(Insert::LAYOUTS.len() - 1)
    }

    fn of<K: Kind>(layout: usize) -> Self {
        let instance = Instance::new::<K>();
        let layout = engine_layout::<K>(&K::LAYOUTS[layout]);
        let engine = instance.start(SampleRate(48_000.0), layout).unwrap();
        instance.wait_for_worker();
        let (table, store) = (Arc::clone(instance.table()), Arc::<Instance>::clone(&instance));
        let params = Arc::new(BuskerParams::new(table, instance.values(), store));
        Self { instance, params, engine }
    }

    /// Has the plugin deactivated and activated, as a host does.
    pub(crate) fn restart(&mut self) {
        let layout = self.instance.view().layout;
        self.instance.stop();
        self.engine = self.instance.start(SampleRate(48_000.0), layout).unwrap();
    }

    /// What joins the instance to its host.
    pub(crate) fn link(&self) -> Arc<Link> {
        let link = Link::take();
        link.attach(Arc::clone(&self.instance), Arc::clone(&self.params));
        link
    }

    /// What leaves the main output in a call while time runs.
    pub(crate) fn render(&mut self) -> Vec<Vec<f32>> {
        self.render_at(Transport::free_running())
    }

    /// The same while the host says this of its time.
    pub(crate) fn render_at(&mut self, transport: Transport) -> Vec<Vec<f32>> {
        let layout = self.instance.view().layout;
        let mut planes: Vec<Vec<Vec<f32>>> =
            layout.outputs.iter().map(|&channels| vec![vec![0.0; FRAMES]; channels]).collect();
        let mut outputs: Vec<_> = planes
            .iter_mut()
            .map(|planes| AudioBlockMut::new(planes.iter_mut().map(Vec::as_mut_slice)))
            .collect();
        let transport = Some(transport);
        self.engine.render(&Call { frames: FRAMES, transport, events: &[] }, None, &mut outputs);
        planes.swap_remove(0)
    }

    /// The rack as a host saves it.
    pub(crate) fn saved(&self) -> String {
        self.instance.save()
    }

    /// Restores a rack as a host does.
    pub(crate) fn restore(&self, rack: &Rack) {
        self.instance.restore(rack.pack().unwrap());
        self.instance.wait_for_worker();
    }

    /// The states of all recordings once `reached` holds for them.
    fn recorded(
        &self,
        reached: impl Fn(&[(RecordingState, PathBuf)]) -> bool,
    ) -> Vec<(RecordingState, PathBuf)> {
        let began = Instant::now();
        loop {
            let recordings = self.instance.view().recording.recordings;
            let states: Vec<_> =
                recordings.into_iter().map(|(_, recording)| (recording.state, recording.path)).collect();
            if reached(&states) {
                return states;
            }
            assert!(began.elapsed() < Duration::from_secs(20), "{states:?}");
            thread::sleep(Duration::from_millis(5));
        }
    }
}

#[test]
fn what_the_editor_arms_is_recorded_between_start_and_stop() {
    let folder = Folder::new("take");
    let mut bench = Bench::instrument();
    let tap = |source, point| ArmedTap { source, point };
    let path = folder.0.clone();
    bench.instance.set_recorder(move |settings| {
        settings.folder = Some(path);
        settings.format = SampleFormat::I24;
        settings.taps = vec![
            tap(TapSource::Strip(MASTER), TapPoint::PostGain),
            tap(TapSource::Input(0), TapPoint::PreGain),
        ];
    });
    bench.instance.record(true);
    bench.instance.wait_for_worker();
    (0..10).for_each(|_| drop(bench.render()));
    bench.instance.record(false);
    bench.instance.wait_for_worker();
    bench.render();
    let done = bench.recorded(|all| all.len() == 2 && all.iter().all(|one| one.0 == RecordingState::Stopped));
    for ((_, path), channels) in done.into_iter().zip([2, 1]) {
        let wav = hound::WavReader::open(&path).unwrap();
        assert_eq!((wav.spec().channels, wav.spec().bits_per_sample), (channels, 24), "{path:?}");
        assert_eq!(wav.duration() as usize, 10 * FRAMES, "{path:?}");
    }
}

#[test]
fn a_folder_that_cannot_be_is_told_until_another_one_is_chosen() {
    let folder = Folder::new("refused");
    let file = folder.0.join("file");
    fs::write(&file, "").unwrap();
    let bench = Bench::instrument();
    bench.instance.set_recorder(move |settings| {
        settings.folder = Some(file);
        settings.taps = vec![ArmedTap { source: TapSource::Strip(0), point: TapPoint::PostGain }];
    });
    bench.instance.wait_for_worker();
    let notice = bench.instance.view().notice.unwrap();
    assert!(notice.contains("this folder cannot be made"), "{notice}");
    let path = folder.0.clone();
    bench.instance.set_recorder(move |settings| settings.folder = Some(path));
    bench.instance.wait_for_worker();
    assert_eq!(bench.instance.view().notice, None);
    bench.recorded(|all| all.len() == 1 && all[0].0 == RecordingState::Armed);
}

#[test]
fn a_song_is_spread_over_the_outputs_and_gathered_again() {
    let instance = Instance::new::<Instrument>();
    let edit = |edit| {
        instance.edit_later(edit);
        instance.wait_for_worker();
        instance.view().routing
    };
    let before = instance.view().routing;
    let channels = instance.view().channels;
    let spread = edit(Edit::Spread(SpreadBy::Channels, Grouping::Each));
    assert_eq!(instance.view().notice, None);
    for (bus, routes) in spread.buses.iter().enumerate().take(channels) {
        let ways: Vec<_> = routes.to.iter().map(|way| way.to).collect();
        assert_eq!(ways, [Route::Output(bus + 1)]);
    }
    let named = |routing: &Routing| routing.buses.iter().filter(|bus| !bus.name.is_empty()).count();
    assert!(named(&spread) > channels, "{:?}", spread.buses);
    let gathered = edit(Edit::Routing(Box::new(mixer::gather)));
    assert_eq!(named(&gathered), 0);
    assert_eq!(gathered.song_channels, before.song_channels);
    assert!(gathered.buses.iter().zip(&before.buses).all(|(bus, new)| bus.to == new.to));
}

fn macro_of((strip, slot): (usize, usize), control: usize) -> Target {
    Target::InsertMacro { strip, slot, control }
}

impl Bench {
    /// Changes machines as the editor does, and waits until the worker has done it.
    pub(crate) fn edit(&self, edit: MachineEdit) {
        self.instance.edit_later(Edit::Machine(edit));
        self.instance.wait_for_worker();
    }

    /// The same of routes.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Routing) + Send + 'static) {
        self.instance.edit_later(Edit::Routing(Box::new(change)));
        self.instance.wait_for_worker();
    }

    pub(crate) fn index(&self, target: Target) -> usize {
        self.instance.table().iter().position(|spec| spec.target == target).unwrap()
    }

    pub(crate) fn value(&self, target: Target) -> f32 {
        self.instance.values().get(self.index(target))
    }

    pub(crate) fn set(&self, target: Target, value: f32) {
        self.instance.values().set(self.index(target), value);
    }

    /// What a host has the editor tell it.
    pub(crate) fn told(&self) -> Vec<(usize, f32)> {
        let told = RefCell::new(Vec::new());
        self.instance.tell_untold(|index, place| told.borrow_mut().push((index, place)));
        let told = told.into_inner();
        told.iter().for_each(|(index, place)| self.instance.values().set(*index, *place));
        told
    }
}

#[test]
fn an_instrument_comes_with_its_defaults_keeps_its_controls_and_has_channels_of_its_own() {
    let mut bench = Bench::instrument();
    let edit = |bench: &mut Bench, edit| {
        bench.instance.edit_later(Edit::Instrument(edit));
        bench.instance.wait_for_worker();
        bench.render();
        bench.told();
    };
    let (slot, poly) = (3, InstrumentKind::Poly);
    let attack = poly.parameter_index("filter_attack").unwrap();
    bench.set(Target::InstrumentMacro { slot, control: 0 }, 0.125);
    edit(&mut bench, InstrumentEdit::Choose(slot, Some(poly)));
    let cutoff = &poly.parameters()[0];
    let stands = bench.value(Target::InstrumentMacro { slot, control: 0 });
    assert_eq!(
        stands,
        cutoff.position_of(cutoff.default),
        "what the slot's macro was set to is not the instrument's"
    );
    edit(&mut bench, InstrumentEdit::Control(slot, attack, 77.0));
    edit(&mut bench, InstrumentEdit::Control(slot, 0, 77.0)); // a macro's
    edit(&mut bench, InstrumentEdit::HandOver { slot, channel: 9 });
    let saved = Rack::unpack(&bench.instance.save()).unwrap();
    let instrument = saved.instrument_in(slot).unwrap();
    assert_eq!(
        (instrument.value(&poly.parameters()[attack]), instrument.value(cutoff)),
        (77.0, cutoff.default)
    );
    assert_eq!(instrument.channels, [9]);
    edit(&mut bench, InstrumentEdit::Choose(5, Some(InstrumentKind::Lead)));
    edit(&mut bench, InstrumentEdit::HandOver { slot: 5, channel: 9 });
    edit(&mut bench, InstrumentEdit::Reset(slot));
    edit(&mut bench, InstrumentEdit::Choose(slot, None));
    let view = bench.instance.view();
    assert_eq!(view.notice, None);
    let channels: Vec<_> = view.instruments.iter().map(|one| (one.slot, one.channels.clone())).collect();
    assert_eq!(channels, [(5, vec![9])]);
}

#[test]
fn a_machine_moves_with_its_macros_its_bypass_and_all_else_and_comes_back() {
    let mut bench = Bench::instrument();
    let (one, other) = ((1, 0), (4, 3));
    let reverb = MachineKind::Reverb;
    let diffusion = reverb.parameter_index("diffusion").unwrap();
    bench.edit(MachineEdit::Control(one, diffusion, 40.0));
    let bypass = |(strip, slot)| Target::InsertBypass { strip, slot };
    bench.set(macro_of(one, 1), 0.25);
    bench.set(bypass(one), 1.0);
    bench.render();
    let before = Rack::unpack(&bench.instance.save()).unwrap();
    bench.edit(MachineEdit::Swap(one, other));
    assert_eq!(bench.value(macro_of(other, 1)), 0.5, "nothing has been heard of it");
    bench.render();
    assert_eq!([one, other].map(|place| bench.value(macro_of(place, 1))), [0.5, 0.25]);
    assert_eq!([one, other].map(|place| bench.value(bypass(place))), [0.0, 1.0]);
    let control = bench.instance.control_in(other.0, other.1, 1);
    assert_eq!(control, reverb.parameters().get(1).copied());
    let told = bench.told();
    assert!(told.contains(&(bench.index(macro_of(other, 1)), 0.25)), "{told:?}");
    assert!(told.contains(&(bench.index(bypass(one)), 0.0)) && bench.told().is_empty());
    let moved = Rack::unpack(&bench.instance.save()).unwrap();
    let insert = moved.machine_in(other).unwrap();
    assert_eq!(insert.controls.get(&reverb.parameters()[diffusion]), Some(40.0));
    // There and back before the engine or the host has heard of either.
    bench.edit(MachineEdit::Swap(other, one));
    bench.edit(MachineEdit::Swap(one, other));
    bench.edit(MachineEdit::Swap(other, one));
    bench.render();
    bench.told();
    assert_eq!([one, other].map(|place| bench.value(macro_of(place, 1))), [0.25, 0.5]);
    assert_eq!([one, other].map(|place| bench.value(bypass(place))), [1.0, 0.0]);
    assert!(Rack::unpack(&bench.instance.save()).unwrap().inserts == before.inserts);
}

#[test]
fn a_machine_that_is_chosen_comes_with_its_own_defaults_and_can_be_reset_to_them() {
    let mut bench = Bench::instrument();
    let place = (7, 2);
    let bypass = Target::InsertBypass { strip: 7, slot: 2 };
    bench.set(bypass, 1.0);
    let ladder = MachineKind::Ladder;
    bench.edit(MachineEdit::Choose(place, Some(ladder)));
    bench.render();
    let is_default = |bench: &Bench| {
        let macros = ladder.parameters().iter().take(8).enumerate();
        macros
            .map(|(n, one)| (bench.value(macro_of(place, n)), one))
            .all(|(now, one)| now == one.position_of(one.default))
    };
    assert!(is_default(&bench));
    assert_eq!(bench.value(bypass), 0.0, "what comes into an empty slot is heard");
    bench.told();
    bench.set(macro_of(place, 0), 0.9);
    bench.edit(MachineEdit::Control(place, 9, 300.0));
    assert!(!bench.instance.view().inserts.last().unwrap().controls.is_empty());
    bench.edit(MachineEdit::Reset(place));
    bench.render();
    assert!(is_default(&bench) && bench.instance.view().inserts.last().unwrap().controls.is_empty());
    bench.edit(MachineEdit::Choose(place, None));
    assert_eq!(bench.instance.control_in(7, 2, 0), None);
}

#[test]
fn an_impulse_response_is_loaded_for_a_convolution_or_said_to_be_none() {
    let folder = Folder::new("impulse");
    let bench = Bench::instrument();
    let place = (17, 0);
    let name = |bench: &Bench| {
        let inserts = bench.instance.view().inserts;
        let insert = inserts.into_iter().find(|insert| (insert.strip, insert.slot) == place).unwrap();
        insert.impulse.map(|file| file.name)
    };
    let path = folder.0.join("hall.wav");
    let spec = hound::WavSpec {
        channels: 2,
        sample_rate: 44_100,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(&path, spec).unwrap();
    (0..2_000i16).for_each(|n| writer.write_sample(20_000 / (n + 1)).unwrap());
    writer.finalize().unwrap();
    bench.open(&[path], Onto::Impulse(place));
    assert_eq!((name(&bench).as_deref(), bench.instance.view().refused), (Some("hall.wav"), vec![]));
    fs::write(folder.0.join("noise.wav"), "no sound").unwrap();
    bench.open(&[folder.0.join("noise.wav")], Onto::Impulse(place));
    let refused = bench.instance.view().refused.join("");
    assert!(refused.contains("noise.wav cannot be read"), "{refused}");
    assert_eq!(name(&bench).as_deref(), Some("hall.wav"));
    bench.edit(MachineEdit::Hall(place));
    assert_eq!((name(&bench), bench.instance.view().notice), (None, None));
}

#[test]
fn a_file_takes_the_place_of_a_sample_and_gives_it_back() {
    let folder = Folder::new("replaced");
    let bench = Bench::instrument();
    let path = folder.0.join("kick.wav");
    long_wav(&path);
    let open = |file: &Path| {
        bench.open(&[file.to_owned()], Onto::Replacement(Replaced::Sample(0)));
        let view = bench.instance.view();
        (view.replaced, view.refused.join(""))
    };
    assert!(bench.instance.replaceable().iter().any(|(what, _)| *what == Replaced::Sample(0)));
    let taken = vec![(Replaced::Sample(0), "kick.wav".to_owned())];
    assert_eq!(open(&path), (taken.clone(), String::new()));
    let replaced = |bench: &Bench| Rack::unpack(&bench.instance.save()).unwrap().replace.len();
    assert_eq!(replaced(&bench), 1);
    fs::write(folder.0.join("noise.wav"), "no sound").unwrap();
    let (kept, refused) = open(&folder.0.join("noise.wav"));
    assert!(kept == taken && refused.contains("noise.wav"), "{refused}");
    bench.instance.edit_later(Edit::SongsOwn(Replaced::Sample(0)));
    bench.wait();
    assert_eq!((bench.instance.view().replaced, replaced(&bench)), (Vec::new(), 0));
}

/// The rack of a head of its own, whose ears are those that Busker comes with.
pub(crate) fn rack_with_ears() -> Rack {
    let taps = BASE64.encode(Ears::kemar().to_bytes());
    let text =
        format!("version = {{ major = 1, minor = 0 }}\n[ears]\nname = \"own.sofa\"\ntaps = \"{taps}\"\n");
    Rack::from_toml(&text).unwrap()
}

impl Bench {
    /// Fits ears as the editor has it done; how often the editor was looked after meanwhile.
    pub(crate) fn fit_ears(&self, file: &Path) -> usize {
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&calls);
        self.instance.watch(Box::new(move || {
            counted.fetch_add(1, Relaxed);
        }));
        self.instance.wait_for_worker();
        let before = calls.load(Relaxed);
        self.instance.open_later(vec![file.to_owned()], Onto::Ears);
        while self.instance.view().busy {
            thread::sleep(Duration::from_millis(5));
        }
        calls.load(Relaxed) - before
    }
}

#[test]
fn a_file_that_gives_no_ears_leaves_those_before_and_the_built_in_ones_come_back() {
    let folder = Folder::new("ears");
    let bench = Bench::instrument();
    bench.restore(&rack_with_ears());
    let saved = |bench: &Bench| Rack::unpack(&bench.instance.save()).unwrap().ears;
    let own = saved(&bench);
    assert!(own.is_some() && bench.instance.view().ears.as_deref() == Some("own.sofa"));
    fs::write(folder.0.join("noise.sofa"), "no ears").unwrap();
    for (file, why) in [("noise.sofa", "no SOFA file that can be read"), ("gone.sofa", "gone.sofa: ")] {
        bench.fit_ears(&folder.0.join(file));
        let view = bench.instance.view();
        let words = view.refused.join("");
        assert!(words.contains(file) && words.contains(why), "{words}");
        assert!(view.ears.as_deref() == Some("own.sofa") && saved(&bench) == own);
    }
    bench.instance.edit_later(Edit::BuiltInEars);
    bench.instance.wait_for_worker();
    let view = bench.instance.view();
    assert_eq!((view.ears, saved(&bench)), (None, None));
}

#[test]
fn ears_are_fitted_to_a_file_while_the_worker_goes_on_and_are_saved() {
    let file = Path::new("/usr/share/libmysofa/MIT_KEMAR_normal_pinna.sofa");
    if !file.exists() {
        println!("skipped: there is no {}", file.display());
        return;
    }
    let mut bench = Bench::instrument();
    bench.change(|routing| routing.song_space = Some(mixer::SongSpace::default()));
    bench.render();
    let calls = bench.fit_ears(file);
    assert!(calls > 2, "the editor stood still");
    let name = "MIT_KEMAR_normal_pinna.sofa";
    let view = bench.instance.view();
    assert_eq!((view.ears.as_deref(), view.refused), (Some(name), vec![]));
    let saved = Rack::unpack(&bench.instance.save()).unwrap().ears.unwrap();
    assert_eq!(saved.name(), name);
    assert!(**saved.ears().unwrap() != Ears::kemar());
}

/// A second of a constant level, of 16 bits.
pub(crate) fn level_wav(folder: &Folder, name: &str, level: i16) -> PathBuf {
    let path = folder.0.join(name);
    let sample_format = hound::SampleFormat::Int;
    let spec = hound::WavSpec { channels: 1, sample_rate: 48_000, bits_per_sample: 16, sample_format };
    let mut writer = hound::WavWriter::create(&path, spec).unwrap();
    (0..48_000).for_each(|_| writer.write_sample(level).unwrap());
    writer.finalize().unwrap();
    path
}

impl Bench {
    /// Waits until the worker has done all that it was asked to.
    pub(crate) fn wait(&self) {
        self.instance.wait_for_worker();
    }

    /// Waits until the next call finds all that its lanes play.
    pub(crate) fn wait_for_lanes(&mut self) {
        let call = Call { frames: FRAMES, transport: None, events: &[] };
        self.instance.wait_for_lanes(&mut self.engine, &call, &mut false);
    }

    /// Has the worker do nothing until what it gives back is dropped.
    pub(crate) fn hold_worker(&self) -> mpsc::Sender<()> {
        let (go, goes) = mpsc::channel();
        let (tell, holds) = mpsc::channel();
        let watcher = move || {
            let _ = tell.send(());
            let _ = goes.recv(); // until nobody can send
        };
        self.instance.watch(Box::new(watcher));
        holds.recv().unwrap();
        go
    }

    /// Changes voices or lanes as the editor does, and says what the worker noted.
    pub(crate) fn change_source(&self, edit: SourceEdit) -> Option<String> {
        self.instance.edit_later(Edit::Source(edit));
        self.instance.wait_for_worker();
        self.instance.view().notice
    }
}

#[test]
fn a_voice_slot_takes_files_and_settings_and_gives_all_of_them_back() {
    let folder = Folder::new("voice-slot");
    let mut bench = Bench::instrument();
    bench.restore(&Rack::default());
    let (one, other) = (level_wav(&folder, "one.wav", 16_384), level_wav(&folder, "other.wav", 8_192));
    bench.open(&[one.clone(), other.clone()], Onto::VoiceTake(2, None));
    let names = |bench: &Bench| {
        let takes = bench.instance.view().voices.into_iter().find(|voice| voice.slot == 2).unwrap().takes;
        takes.iter().map(|take| take.name().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(&bench), ["one.wav", "other.wav"]);
    bench.open(&[other], Onto::VoiceTake(2, Some(0)));
    assert_eq!(names(&bench), ["other.wav", "other.wav"]);
    // A file that is none changes nothing, and is no hindrance to another.
    fs::write(folder.0.join("noise.wav"), "no sound").unwrap();
    bench.open(&[one, folder.0.join("noise.wav")], Onto::VoiceTake(2, None));
    assert!(bench.instance.view().refused.join("").contains("noise.wav: "), "said where and what");
    assert_eq!(names(&bench), ["other.wav", "other.wav", "one.wav"]);
    let pan = SourceEdit::voice(2, |voice| (voice.pan, voice.gain) = (-1.0, Decibels(-6.0206)));
    assert_eq!(bench.change_source(pan), None);
    bench.set(Target::VoiceTrigger(2), 1.0);
    let [left, right] = [0, 1].map(|side| bench.render()[side][FRAMES - 1]);
    assert!((left - 0.125).abs() < 1e-4 && right == 0.0, "{left} and {right}");
    let saved = Rack::unpack(&bench.instance.save()).unwrap();
    assert_eq!((saved.voices.len(), saved.voices[0].pan), (1, -1.0));
    let clear = SourceEdit::voice(2, |voice| *voice = VoiceSlot::new(2));
    assert_eq!(bench.change_source(clear), None);
    assert!(bench.instance.view().voices.is_empty());
    (0..2).for_each(|_| drop(bench.render()));
    assert!(bench.render().iter().flatten().all(|&sample| sample == 0.0), "what is taken away fades");
}

#[test]
fn a_lane_takes_a_file_shows_how_long_it_is_and_starts_by_its_trigger() {
    let folder = Folder::new("lane-slot");
    let mut bench = Bench::instrument();
    bench.restore(&Rack::default());
    let path = level_wav(&folder, "long.wav", 8_192);
    bench.open(&[path], Onto::LaneTake(1, None));
    let trigger = |lane: &mut LaneSlot| {
        lane.start = Start::Trigger { gate: true };
        lane.repeat = Some(Repeat { start: 12_000, end: Some(36_000) });
    };
    assert_eq!(bench.change_source(SourceEdit::lane(1, trigger)), None);
    let wait = |bench: &mut Bench| {
        let call = Call { frames: FRAMES, transport: None, events: &[] };
        bench.instance.wait_for_lanes(&mut bench.engine, &call, &mut false);
    };
    wait(&mut bench);
    bench.render();
    let control = bench.instance.pulse().control.unwrap();
    let lane = control.lanes()[1];
    assert_eq!(
        (lane.extent, lane.position, lane.underruns),
        (Extent { frames: 36_000, loop_start: Some(12_000) }, None, 0)
    );
    control.look(0);
    bench.set(Target::LaneTrigger(1), 1.0);
    wait(&mut bench);
    assert!(bench.render()[0][FRAMES - 1] > 0.2);
    let lane = control.lanes()[1];
    assert_eq!(lane.position, Some(FRAMES as i64));
    assert!(lane.filled > 0, "a quarter of a second was read before it began");
    bench.set(Target::LaneTrigger(1), 0.0);
    wait(&mut bench);
    bench.render();
    assert_eq!(control.lanes()[1].position, None);
    fs::write(folder.0.join("noise.wav"), "no sound").unwrap();
    bench.open(&[folder.0.join("noise.wav")], Onto::LaneTake(1, None));
    assert!(bench.instance.view().refused.join("").contains("noise.wav: "));
    assert_eq!(bench.instance.view().lanes[0].takes.len(), 1);
    let saved = Rack::unpack(&bench.instance.save()).unwrap();
    assert_eq!(saved.lanes[0].start, Start::Trigger { gate: true });
}

/// A rack of one lane with these takes, in `folder`.
pub(crate) fn lane_rack(folder: &Path, takes: &str) -> Rack {
    let text = format!("version = {{ major = 1, minor = 0 }}\n[[lanes]]\nlane = 3\ntakes = [{takes}]\n");
    Rack::from_toml_in(&text, Some(folder)).unwrap()
}

#[test]
fn what_lanes_miss_is_told_until_a_rack_comes_that_misses_nothing() {
    let folder = Folder::new("lanes");
    fs::write(folder.0.join("bad.wav"), "no sound").unwrap();
    let bench = Bench::instrument();
    bench.restore(&lane_rack(&folder.0, "\"bad.wav\", \"gone.wav\""));
    let began = Instant::now();
    let missing = loop {
        let missing = bench.instance.view().missing;
        if missing.len() == 2 {
            break missing;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "{missing:?}");
        thread::sleep(Duration::from_millis(5));
    };
    assert!(
        missing[0].starts_with("lane 3: the take ") && missing[0].ends_with("gone.wav was not found"),
        "{missing:?}"
    );
    assert!(
        missing[1].starts_with("lane 3: ") && missing[1].contains("bad.wav: no audio file"),
        "{missing:?}"
    );
    bench.restore(&Rack::default());
    assert!(bench.instance.view().missing.is_empty());
}

#[test]
fn a_lane_is_there_before_an_offline_render_begins() {
    let folder = Folder::new("opening");
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 44_100,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(folder.0.join("a.wav"), spec).unwrap();
    (0..44_100).for_each(|_| writer.write_sample(9_000i16).unwrap());
    writer.finalize().unwrap();
    let mut bench = Bench::instrument();
    let mut starved = false;
    for _ in 0..10 {
        bench.restore(&Rack::default());
        bench.render();
        bench.restore(&lane_rack(&folder.0, "\"a.wav\""));
        let call = Call { frames: FRAMES, transport: None, events: &[] };
        bench.instance.wait_for_lanes(&mut bench.engine, &call, &mut starved);
        assert!(!starved);
        let control = bench.instance.pulse().control.unwrap();
        bench.render();
        assert!(control.lanes()[2].position.is_some(), "the lane was late");
        assert_eq!(bench.instance.view().underruns, [0; LANES]);
    }
}

#[test]
fn files_of_lanes_are_left_to_the_worker_when_a_host_restores_a_state() {
    let folder = Folder::new("unsought");
    let (path, away) = (folder.0.join("a.wav"), folder.0.join("away"));
    long_wav(&path);
    let text = lane_rack(&folder.0, "\"a.wav\"").pack().unwrap();
    let mut bench = Bench::instrument();
    bench.render(); // the host's time runs
    // Whoever looked for it here would miss it.
    fs::rename(&path, &away).unwrap();
    bench.instance.examine(&text).unwrap();
    fs::rename(&away, &path).unwrap();
    bench.instance.restore(text.clone());
    assert!(bench.instance.view().missing.is_empty(), "somebody has looked for it");
    bench.instance.wait_for_worker();
    let call = Call { frames: FRAMES, transport: None, events: &[] };
    bench.instance.wait_for_lanes(&mut bench.engine, &call, &mut false);
    bench.render();
    let control = bench.instance.pulse().control.unwrap();
    assert!(control.lanes()[2].position.is_some(), "the lane is not heard");
    // What is missing is told once the worker has looked for it.
    fs::remove_file(&path).unwrap();
    bench.instance.restore(text);
    bench.instance.wait_for_worker();
    let missing = bench.instance.view().missing;
    assert!(missing.len() == 1 && missing[0].ends_with("a.wav was not found"), "{missing:?}");
}

/// Some 5 MB of a constant level.
fn long_wav(path: &Path) {
    let sample_format = hound::SampleFormat::Int;
    let spec = hound::WavSpec { channels: 1, sample_rate: 48_000, bits_per_sample: 16, sample_format };
    let mut writer = hound::WavWriter::create(path, spec).unwrap();
    (0..2_500_000).for_each(|_| writer.write_sample(8_192i16).unwrap());
    writer.finalize().unwrap();
}

#[test]
fn long_recordings_are_left_to_the_worker_when_a_host_restores_a_state() {
    let folder = Folder::new("long");
    let (path, away) = (folder.0.join("long.wav"), folder.0.join("away"));
    long_wav(&path);
    let takes = vec![TakeFile::read(&path).unwrap()];
    let text =
        Rack { voices: vec![VoiceSlot { takes, ..VoiceSlot::new(0) }], ..Rack::default() }.pack().unwrap();
    assert!(text.len() < 2_000, "it is not inside");
    let mut bench = Bench::instrument();
    // Whoever read it here would not find it.
    fs::rename(&path, &away).unwrap();
    bench.instance.examine(&text).unwrap();
    fs::rename(&away, &path).unwrap();
    bench.instance.restore(text);
    bench.instance.wait_for_worker();
    let trigger = Target::VoiceTrigger(0);
    let index = bench.instance.table().iter().position(|spec| spec.target == trigger).unwrap();
    bench.instance.values().set(index, 1.0);
    bench.render();
    assert!(bench.render()[0].iter().all(|&sample| sample > 0.1), "the recording is not heard");
    assert!(bench.instance.view().notice.is_none() && bench.instance.view().missing.is_empty());
}

/// One of the edits of the editor, by a number.
fn some_edit(number: u64) -> Edit {
    let [a, b, c] = [number / 16 % 16, number / 256 % 4, number / 1024].map(|part| part as usize);
    let machines = MachineKind::ALL;
    let instruments = InstrumentKind::ALL;
    let routing = |change: Box<dyn FnOnce(&mut Routing) + Send>| Edit::Routing(change);
    match number % 16 {
        0 | 1 => Edit::Machine(MachineEdit::Choose((a, b), Some(machines[c % machines.len()]))),
        2 => Edit::Machine(MachineEdit::Choose((a, b), None)),
        3 => Edit::Machine(MachineEdit::Swap((a, b), (c % 19, b))),
        4 => Edit::Machine(MachineEdit::Control((a, b), 8 + c % 3, c as f32)),
        5 => Edit::Machine(MachineEdit::Reset((a, b))),
        6 => Edit::Instrument(InstrumentEdit::Choose(a, Some(instruments[c % instruments.len()]))),
        7 => Edit::Instrument(InstrumentEdit::Choose(a, None)),
        8 => Edit::Instrument(InstrumentEdit::Control(a, 8 + c % 3, c as f32)),
        9 => Edit::Instrument(InstrumentEdit::HandOver { slot: a, channel: c % 64 }),
        10 => routing(Box::new(move |routing| routing.buses[a].name = format!("{c}"))),
        11 => routing(Box::new(move |routing| routing.song_channels[c % 64] = Some(a))),
        12 => routing(Box::new(move |routing| routing.buses[a].space = (b > 1).then(Default::default))),
        13 => routing(Box::new(move |routing| routing.song_space = (b > 1).then(Default::default))),
        _ => Edit::Spread(SpreadBy::Channels, Grouping::Each),
    }
}

impl Bench {
    fn step(&mut self, way: Way) {
        self.instance.step_later(way);
        self.instance.wait_for_worker();
        self.render();
        self.told();
    }

    /// Values of all parameters that move with machines and instruments.
    fn moving(&self) -> Vec<u32> {
        let table = self.instance.table().iter().enumerate();
        let moving = table.filter(|(_, spec)| {
            matches!(
                spec.target,
                Target::InsertMacro { .. } | Target::InsertBypass { .. } | Target::InstrumentMacro { .. }
            )
        });
        moving.map(|(index, _)| self.instance.values().get(index).to_bits()).collect()
    }
}

#[test]
fn edits_are_undone_step_by_step_to_each_earlier_rack_and_done_again_to_each_later_one() {
    let mut bench = Bench::instrument();
    let state = |bench: &Bench| (bench.saved(), bench.moving());
    let (mut number, mut states) = (1u64, vec![state(&bench)]);
    for _ in 0..150 {
        number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let before = bench.instance.view().steps[0].clone();
        bench.instance.edit_later(some_edit(number >> 33));
        bench.instance.wait_for_worker();
        bench.render();
        bench.told();
        let now = state(&bench);
        if now != states[states.len() - 1] {
            states.push(now);
        } else {
            assert_eq!(bench.instance.view().steps[0], before, "what changes nothing is no step");
        }
        assert_eq!(bench.instance.view().steps[1], None);
    }
    assert!(states.len() > 50, "{} edits", states.len());
    for (steps, earlier) in states.iter().rev().skip(1).enumerate() {
        bench.step(Way::Back);
        assert!(state(&bench) == *earlier, "{} steps back", steps + 1);
    }
    assert_eq!(bench.instance.view().steps[0], None);
    for (steps, later) in states.iter().skip(1).enumerate() {
        bench.step(Way::On);
        assert!(state(&bench) == *later, "{} steps on", steps + 1);
    }
    assert_eq!(bench.instance.view().notice, None);
    bench.restore(&Rack::default());
    assert_eq!(bench.instance.view().steps, [None, None], "another rack has come");
}

#[test]
fn what_is_set_while_something_is_held_is_undone_as_one() {
    let mut bench = Bench::instrument();
    let named = |bench: &Bench, bus: usize, name: &str| {
        let name = name.to_owned();
        bench.change(move |routing| routing.buses[bus].name = name);
    };
    let before = bench.saved();
    bench.instance.hold(true, true);
    ["a", "ab", "abc"].into_iter().for_each(|name| named(&bench, 3, name));
    bench.instance.hold(false, false);
    named(&bench, 4, "d");
    bench.step(Way::Back);
    assert_eq!(bench.instance.view().routing.buses[3].name, "abc");
    assert_eq!(bench.instance.view().steps, [Some("Bus 4: name".to_owned()), Some("Bus 5: name".to_owned())]);
    bench.step(Way::Back);
    assert_eq!(bench.saved(), before);
}

#[test]
fn an_undone_song_comes_back_with_what_replaced_its_samples_and_what_is_armed_stays() {
    let folder = Folder::new("undone");
    let mut bench = Bench::instrument();
    let path = folder.0.join("other.it");
    fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/src/rack/demo.it"), &path).unwrap();
    let wav = folder.0.join("kick.wav");
    long_wav(&wav);
    bench.open(&[wav], Onto::Replacement(Replaced::Sample(0)));
    let before = bench.saved();
    bench.instance.open_later(vec![path], Onto::Anywhere);
    bench.instance.wait_for_worker();
    let view = bench.instance.view();
    assert_eq!((view.file.as_deref(), view.replaced.len()), (Some("other.it"), 0));
    assert_eq!(view.steps[0].as_deref(), Some("Song: other.it"));
    bench.step(Way::Back);
    assert_eq!(bench.saved(), before);
    bench.instance.set_recorder(|settings| settings.format = SampleFormat::I16);
    bench.step(Way::Back);
    assert_eq!(bench.instance.view().replaced.len(), 0);
    assert_eq!(bench.instance.view().recorder.format, SampleFormat::I16);
}

#[test]
fn an_undo_leaves_alone_what_it_does_not_change() {
    // The same song with an edit of another bus undone, and without: no voice, tail or delay begins anew.
    let (mut alone, mut edited) = (Bench::instrument(), Bench::instrument());
    let mut loudest = 0.0f32;
    for call in 0..60 {
        match call {
            20 => edited.change(|routing| routing.buses[9].name = "Nine".to_owned()),
            30 => edited.edit(MachineEdit::Choose((9, 0), Some(MachineKind::Delay))),
            40 | 45 => {
                edited.instance.step_later(Way::Back);
                edited.instance.wait_for_worker();
            }
            _ => {}
        }
        let (one, other) = (alone.render(), edited.render());
        assert_eq!(one, other, "call {call}");
        loudest = one.iter().flatten().fold(loudest, |loudest, sample| loudest.max(sample.abs()));
    }
    assert!(loudest > 0.01 && edited.instance.view().steps[1].is_some());
}
