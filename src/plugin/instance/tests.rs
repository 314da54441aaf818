//! What comes between two looks of a job at the session: whatever it is, both are done as if one had come after the other.

use super::super::instance_tests::Folder;
use super::super::kind::Instrument;
use super::super::open_tests::module;
use super::super::open_tests::wav;
use super::*;
use crate::machine::MachineKind;
use crate::tracker::Timeline;
use std::cell::RefCell;

/// Where a module says its title, of which a byte may be another one.
const IT_TITLE: usize = 4;

/// What is done, at which of the next locks.
type AtLock = (usize, Box<dyn FnOnce()>);

std::thread_local! {
    static AT_LOCK: RefCell<Option<AtLock>> = const { RefCell::new(None) };
}

/// Before the session is locked, where nothing of this thread's holds it.
pub(super) fn at_lock() {
    let due = AT_LOCK.with_borrow_mut(|at| match at {
        Some((0, _)) => at.take(),
        Some((after, _)) => {
            *after -= 1;
            None
        }
        None => None,
    });
    if let Some((_, work)) = due {
        work();
    }
}

/// The rack, what moves with it, and the song as it is played.
type State = (Rack, Vec<f32>, Option<Arc<Song>>);

/// Something that is done to a session, with the files in a folder.
type Doing = fn(&SharedSession, &Path);

/// What is done before, what is done then, and what comes between; each of those with the steps that undo leads back where the
/// two are done in turn, one way and the other.
type Pairs<'a> = (&'a [Doing], Doing, &'a [(Doing, [usize; 2])]);

fn open(session: &SharedSession, path: PathBuf, onto: Onto) {
    let (progress, restored) = (Arc::default(), session.lock().restored);
    session.open_all(&[path], (onto, restored), &Work::new(session, &progress, 1));
}

fn load_preset(session: &SharedSession, folder: &Path) {
    session.open(&folder.join("preset.it")).unwrap();
}

/// A song of the same name, which keeps replacements.
fn load_newer(session: &SharedSession, folder: &Path) {
    session.open(&folder.join("newer/preset.it")).unwrap();
}

fn drop_newer(session: &SharedSession, folder: &Path) {
    open(session, folder.join("newer/preset.it"), Onto::Anywhere);
}

/// A song of another name, which leaves them behind.
fn load_other(session: &SharedSession, folder: &Path) {
    session.open(&folder.join("dropped/song.it")).unwrap();
}

/// A song of the same name at another pace.
fn drop_rack(session: &SharedSession, folder: &Path) {
    open(session, folder.join("fast.busker.toml"), Onto::Anywhere);
}

fn drop_files(session: &SharedSession, folder: &Path) {
    open(session, folder.join("dropped"), Onto::Anywhere);
}

fn replace_sample(session: &SharedSession, folder: &Path) {
    open(session, folder.join("dropped/kick.wav"), Onto::Replacement(Replaced::Sample(0)));
}

fn change_routes(session: &SharedSession, _: &Path) {
    session.edit(Edit::Routing(Box::new(|routing| routing.input = Some(7))), 1);
}

/// Several parameters move with it.
fn choose_machine(session: &SharedSession, _: &Path) {
    session.edit(Edit::Machine(MachineEdit::Choose((1, 0), Some(MachineKind::Delay))), 2);
}

fn give_back(session: &SharedSession, _: &Path) {
    session.edit(Edit::SongsOwn(Replaced::Sample(0)), 3);
}

fn undo(session: &SharedSession, _: &Path) {
    session.step(Way::Back);
}

fn redo(session: &SharedSession, _: &Path) {
    session.step(Way::On);
}

fn state(session: &SharedSession) -> State {
    let session = session.lock();
    let macros = (0..mixer::MACROS).map(|control| Target::InsertMacro { strip: 1, slot: 0, control });
    let targets = [Target::SongPlay, Target::Audition, Target::KeyboardMode].into_iter().chain(macros);
    let values = targets.map(|target| session.plain(target)).collect();
    (session.loaded.rack.clone(), values, session.setup().song.clone())
}

/// All states that undo leads back to, and those that redo leads to again.
fn told(session: &SharedSession) -> [Vec<State>; 2] {
    [Way::Back, Way::On].map(|way| {
        let first = state(session);
        std::iter::once(first)
            .chain(std::iter::from_fn(|| session.step(way).then(|| state(session))))
            .collect()
    })
}

/// What is told after `first`, between whose locks, or behind it, `second` comes; and whether it came between.
fn done(
    (prepare, first, second): (&[Doing], Doing, Doing),
    folder: &Path,
    locks: usize,
) -> ([Vec<State>; 2], bool) {
    let instance = Instance::new::<Instrument>();
    let session = instance.session.clone();
    session.lock().settle();
    prepare.iter().for_each(|prepare| prepare(&session, folder));
    let (other, path) = (session.clone(), folder.to_owned());
    AT_LOCK.set(Some((locks, Box::new(move || second(&other, &path)))));
    first(&session, folder);
    let behind = AT_LOCK.take();
    let between = behind.is_none();
    if let Some((_, work)) = behind {
        work();
    }
    (told(&session), between)
}

/// Whether what is done is seen in the state.
fn changes(prepare: &[Doing], alone: Doing, folder: &Path) -> bool {
    let session = Instance::new::<Instrument>().session.clone();
    session.lock().settle();
    prepare.iter().for_each(|prepare| prepare(&session, folder));
    let before = state(&session);
    alone(&session, folder);
    state(&session) != before
}

fn files(name: &str) -> Folder {
    let folder = Folder::new(name);
    let at = |name: &str| folder.0.join(name);
    ["dropped", "newer"].iter().for_each(|name| fs::create_dir_all(at(name)).unwrap());
    module(&at("preset.it"));
    module(&at("dropped/song.it"));
    wav(&at("dropped/kick.wav"), 0.1);
    let mut bytes = fs::read(at("preset.it")).unwrap();
    bytes[IT_TITLE] ^= 1;
    fs::write(at("newer/preset.it"), bytes).unwrap();
    let mut rack = Rack::demo();
    rack.song.as_mut().unwrap().name = "preset.it".to_owned();
    rack.song_time.tempo = Some(200);
    fs::write(at("fast.busker.toml"), rack.to_toml().unwrap()).unwrap();
    folder
}

/// The songs of all states, which are loaded once as long as somebody holds them.
fn songs(folder: &Path) -> Vec<(Setup, Option<Arc<Timeline>>)> {
    let each: [&[Doing]; 4] = [
        &[replace_sample],
        &[load_preset, replace_sample],
        &[load_newer, replace_sample],
        &[drop_rack, load_newer],
    ];
    let mut songs = Vec::new();
    for doings in each {
        let session = Instance::new::<Instrument>().session.clone();
        session.lock().settle();
        let mut hold = || {
            let setup = session.lock().setup().clone();
            let timeline = setup.song.as_ref().map(Timeline::of);
            songs.push((setup, timeline));
        };
        hold();
        for doing in doings {
            doing(&session, folder);
            hold();
        }
    }
    songs
}

#[test]
fn whatever_comes_between_each_edit_and_each_open_is_a_step_of_its_own() {
    let folder = files("between");
    let _held = songs(&folder.0);
    let replaced: &[Doing] = &[load_preset, replace_sample];
    let pairs: [Pairs<'_>; 14] = [
        (&[], change_routes, &[(load_preset, [2, 2]), (drop_files, [2, 2])]),
        (&[], choose_machine, &[(load_preset, [2, 2]), (drop_files, [2, 2])]),
        (&[replace_sample], give_back, &[(load_preset, [3, 2])]),
        (&[change_routes, choose_machine], undo, &[(load_preset, [2, 2])]),
        (&[change_routes, choose_machine, undo], redo, &[(load_preset, [3, 2])]),
        (&[], load_preset, &[(change_routes, [2, 2]), (choose_machine, [2, 2])]),
        (&[change_routes], drop_files, &[(choose_machine, [3, 3]), (load_preset, [3, 3])]),
        (replaced, load_newer, &[(undo, [2, 2]), (give_back, [4, 4])]),
        (replaced, drop_newer, &[(undo, [2, 2]), (give_back, [4, 4]), (load_other, [4, 4])]),
        (replaced, undo, &[(load_newer, [2, 2])]),
        (replaced, give_back, &[(load_newer, [4, 4])]),
        (&[load_preset], load_newer, &[(replace_sample, [3, 3])]),
        (&[load_preset], replace_sample, &[(load_newer, [3, 3])]),
        (&[load_preset, drop_rack], load_newer, &[(undo, [2, 2])]),
    ];
    for (number, (prepare, first, seconds)) in pairs.into_iter().enumerate() {
        for &(second, steps) in seconds {
            for alone in [first, second] {
                assert!(changes(prepare, alone, &folder.0), "pair {number} does something");
            }
            let in_turn = [(first, second), (second, first)]
                .map(|(first, second)| done((prepare, first, second), &folder.0, usize::MAX).0);
            let back = in_turn.each_ref().map(|[back, _]| back.len() - 1);
            assert_eq!(back, steps, "pair {number}");
            assert!(in_turn.iter().all(|[back, on]| on.len() >= back.len()), "pair {number}");
            for locks in 0.. {
                let (found, between) = done((prepare, first, second), &folder.0, locks);
                assert!(in_turn.contains(&found), "pair {number}, before lock {locks}");
                if !between {
                    assert!(locks > 0, "pair {number}: nothing has come between");
                    break;
                }
            }
        }
    }
}

#[test]
fn a_recording_for_a_song_that_is_there_no_longer_is_called_off() {
    let folder = files("gone");
    let instance = Instance::new::<Instrument>();
    let (session, path) = (instance.session.clone(), folder.0.clone());
    session.lock().settle();
    let first = AtomicBool::new(true);
    let meanwhile = move |_: &Path| {
        if first.swap(false, Relaxed) {
            load_other(&session, &path);
        }
    };
    instance.at_file(meanwhile);
    replace_sample(&instance.session, &folder.0);
    let view = instance.view();
    assert_eq!(view.told.as_deref(), Some("Called off: another song has been opened meanwhile"));
    assert_eq!((view.file.as_deref(), view.replaced.len()), (Some("song.it"), 0));
    assert_eq!(told(&instance.session)[0].len(), 2);
}
