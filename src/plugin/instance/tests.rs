//! What comes between two looks of a job at the session: whatever it is, both are done as if one had come after the other.

use super::super::instance_tests::Folder;
use super::super::kind::Instrument;
use super::super::open_tests::module;
use super::super::open_tests::wav;
use super::*;
use crate::machine::MachineKind;
use std::cell::RefCell;

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

/// The rack, and what moves with it.
type State = (Rack, Vec<f32>);

/// Something that is done to a session, with the files in a folder.
type Doing = fn(&SharedSession, &Path);

fn open(session: &SharedSession, path: PathBuf, onto: Onto) {
    let (progress, restored) = (Arc::default(), session.lock().restored);
    session.open_all(&[path], (onto, restored), &Work::new(session, &progress, 1));
}

fn load_preset(session: &SharedSession, folder: &Path) {
    session.open(&folder.join("preset.it")).unwrap();
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
    (session.loaded.rack.clone(), targets.map(|target| session.plain(target)).collect())
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

#[test]
fn whatever_comes_between_each_edit_and_each_open_is_a_step_of_its_own() {
    let folder = Folder::new("between");
    let dropped = folder.0.join("dropped");
    fs::create_dir_all(&dropped).unwrap();
    module(&folder.0.join("preset.it"));
    module(&dropped.join("song.it"));
    wav(&dropped.join("kick.wav"), 0.1);
    let pairs: [(&[Doing], Doing, &[Doing]); 7] = [
        (&[], change_routes, &[load_preset, drop_files]),
        (&[], choose_machine, &[load_preset, drop_files]),
        (&[replace_sample], give_back, &[load_preset]),
        (&[change_routes, choose_machine], undo, &[load_preset]),
        (&[change_routes, choose_machine, undo], redo, &[load_preset]),
        (&[], load_preset, &[change_routes, choose_machine]),
        (&[change_routes], drop_files, &[choose_machine, load_preset]),
    ];
    for (number, (prepare, first, seconds)) in pairs.into_iter().enumerate() {
        for &second in seconds {
            for alone in [first, second] {
                assert!(changes(prepare, alone, &folder.0), "pair {number} does something");
            }
            let in_turn = [(first, second), (second, first)]
                .map(|(first, second)| done((prepare, first, second), &folder.0, usize::MAX).0);
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
