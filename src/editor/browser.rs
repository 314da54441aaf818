//! A browser for files and folders in the editor's own window, for systems without a dialog.
//!
//! In: what is asked for. Out: the paths that were chosen, to whoever asked. There is one in a window, over all else. Folders are read
//! on threads of their own, since a disk may hang, but for those that could not be kept.
#![allow(clippy::disallowed_types)] // The mutex is taken by the window's thread and by those that ask, never by the audio thread.

use super::dialog::Ask;
use super::dialog::Take;
use super::pinned;
use super::theme;
use egui::Button;
use egui::Context;
use egui::Id;
use egui::Key;
use egui::Modal;
use egui::RichText;
use egui::ScrollArea;
use egui::TextEdit;
use egui::Ui;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::mpsc;
use std::time::Duration;

const SIZE: egui::Vec2 = egui::vec2(560.0, 320.0);
/// Until the window looks again whether a folder has been read.
const PATIENCE: Duration = Duration::from_millis(50);

/// What a folder holds: folders first, each in the order of names.
#[derive(Debug, Default, PartialEq)]
struct Listing {
    folders: Vec<PathBuf>,
    files: Vec<PathBuf>,
}

impl Listing {
    fn of(folder: &Path) -> std::io::Result<Self> {
        let mut listing = Self::default();
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if !name(&path).starts_with('.') {
                if path.is_dir() { &mut listing.folders } else { &mut listing.files }.push(path);
            }
        }
        let by_name = |path: &PathBuf| (name(path).to_lowercase(), path.clone());
        listing.folders.sort_by_key(by_name);
        listing.files.sort_by_key(by_name);
        Ok(listing)
    }
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// A question that is open.
struct Browser {
    ask: Ask,
    take: Take,
    folder: PathBuf,
    /// As it is being written.
    path: String,
    listing: Result<Listing, String>,
    coming: Option<mpsc::Receiver<Result<Listing, String>>>,
    chosen: BTreeSet<PathBuf>,
    /// Index of the kind that is shown; all files past the last.
    kind: usize,
}

/// The one of a window.
#[derive(Clone, Default)]
struct Shown(Arc<Mutex<Option<Browser>>>);

/// What becomes of the question.
enum Answer {
    None,
    Off,
    Paths(Vec<PathBuf>),
}

fn shown(egui: &Context) -> Shown {
    egui.data_mut(|data| data.get_temp_mut_or_default::<Shown>(Id::unique("browser")).clone())
}

/// Asks in the window; another question that is open there is dropped. Any thread.
pub(super) fn open(egui: &Context, ask: Ask, take: Take) {
    let start = ask.start.clone().filter(|folder| folder.is_dir()).or_else(dirs::home_dir);
    let mut browser = Browser {
        ask,
        take,
        folder: PathBuf::new(),
        path: String::new(),
        listing: Ok(Listing::default()),
        coming: None,
        chosen: BTreeSet::new(),
        kind: 0,
    };
    browser.go_to(start.unwrap_or_else(std::env::temp_dir));
    *shown(egui).0.lock().unwrap_or_else(PoisonError::into_inner) = Some(browser);
    egui.request_repaint();
}

/// Draws the question that is open, if there is one.
pub(super) fn show(egui: &Context) {
    let shown = shown(egui);
    let mut open = shown.0.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(browser) = open.as_mut() else { return };
    let modal = Modal::new(Id::unique("browse")).show(egui, |ui| browser.show(ui));
    let answer = if modal.should_close() { Answer::Off } else { modal.inner };
    match answer {
        Answer::None => {}
        Answer::Off => *open = None,
        Answer::Paths(paths) => {
            if let Some(browser) = open.take() {
                (browser.take)(paths);
            }
        }
    }
}

impl Browser {
    fn go_to(&mut self, folder: PathBuf) {
        (self.path, self.folder) = (folder.display().to_string(), folder.clone());
        self.chosen.clear();
        let (tell, coming) = mpsc::channel();
        let read = move |folder: &Path| {
            let listing = Listing::of(folder).map_err(|error| format!("{}: {error}", folder.display()));
            let _ = tell.send(listing); // whoever asked may have gone on
        };
        self.coming = Some(coming);
        let here = read.clone();
        if !pinned::spawn("busker-folder", move || read(&folder)) {
            here(&self.folder);
        }
    }

    fn show(&mut self, ui: &mut Ui) -> Answer {
        if let Some(Ok(listing)) = self.coming.as_ref().map(mpsc::Receiver::try_recv) {
            (self.listing, self.coming) = (listing, None);
        }
        ui.set_width(SIZE.x);
        ui.label(RichText::new(&self.ask.title).strong());
        self.show_way(ui);
        self.show_kinds(ui);
        let double = ScrollArea::vertical()
            .max_height(SIZE.y)
            .min_scrolled_height(SIZE.y)
            .auto_shrink([false, false])
            .show(ui, |ui| self.show_listing(ui))
            .inner;
        let mut answer = double;
        ui.horizontal(|ui| {
            let word = if self.ask.folder { "Choose this folder" } else { "Open" };
            let ready = self.ask.folder || !self.chosen.is_empty();
            if ui.add_enabled(ready, Button::new(RichText::new(word).strong())).clicked() {
                let folder = || vec![self.folder.clone()];
                answer = Answer::Paths(match self.ask.folder {
                    true => folder(),
                    false => self.chosen.iter().cloned().collect(),
                });
            }
            if ui.button("Cancel").clicked() {
                answer = Answer::Off;
            }
            if self.ask.several && !self.ask.folder {
                ui.label(RichText::new("Click to choose, Ctrl for several").small().color(theme::FAINT));
            }
        });
        answer
    }

    /// Where it is, and up.
    fn show_way(&mut self, ui: &mut Ui) {
        ui.horizontal(|ui| {
            let up = self.folder.parent().map(Path::to_owned);
            if ui.add_enabled(up.is_some(), Button::new("Folder above")).clicked() {
                up.into_iter().for_each(|up| self.go_to(up));
            }
            let edit = ui.add(TextEdit::singleline(&mut self.path).desired_width(f32::INFINITY));
            edit.widget_info(|| {
                let mut info = egui::WidgetInfo::text_edit(true, "", &self.path, "");
                info.label = Some("Folder".to_owned());
                info
            });
            if edit.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter)) {
                self.go_to(PathBuf::from(self.path.trim()));
            }
        });
    }

    fn show_kinds(&mut self, ui: &mut Ui) {
        if self.ask.kinds.is_empty() {
            return;
        }
        ui.horizontal(|ui| {
            let names = self.ask.kinds.iter().map(|(name, _)| *name).chain(["All files"]);
            for (kind, name) in names.enumerate() {
                if ui.selectable_label(kind == self.kind, name).clicked() {
                    self.kind = kind;
                }
            }
        });
    }

    fn show_listing(&mut self, ui: &mut Ui) -> Answer {
        if self.coming.is_some() {
            ui.label(RichText::new("Reading the folder…").color(theme::FAINT));
            ui.ctx().request_repaint_after(PATIENCE);
            return Answer::None;
        }
        let Ok(listing) = &self.listing else {
            let words = self.listing.as_ref().err().cloned().unwrap_or_default();
            ui.label(RichText::new(format!("{words}: choose another one")).color(theme::WARNING));
            return Answer::None;
        };
        let (mut into, mut answer) = (None, Answer::None);
        for folder in &listing.folders {
            let opens = ui.selectable_label(false, format!("{}/", name(folder)));
            if opens.clicked() {
                into = Some(folder.clone());
            }
        }
        let shown =
            listing.files.iter().filter(|file| !self.ask.folder && is_of(self.ask.kinds, self.kind, file));
        for file in shown {
            let label = ui.selectable_label(self.chosen.contains(file), name(file));
            if label.double_clicked() {
                answer = Answer::Paths(vec![file.clone()]);
            } else if label.clicked() {
                if !self.ask.several || !ui.input(|input| input.modifiers.command) {
                    self.chosen.clear();
                }
                if !self.chosen.remove(file) {
                    self.chosen.insert(file.clone());
                }
            }
        }
        into.into_iter().for_each(|folder| self.go_to(folder));
        answer
    }
}

/// Whether a file is of the kind of this index by its ending.
fn is_of(kinds: super::dialog::Kinds, kind: usize, file: &Path) -> bool {
    let ending = file.extension().map(|ending| ending.to_string_lossy().to_lowercase()).unwrap_or_default();
    kinds.get(kind).is_none_or(|(_, endings)| endings.contains(&ending.as_str()))
}

#[cfg(test)]
mod tests {
    use super::super::dialog::Dialog;
    use super::*;

    #[test]
    fn a_library_that_cannot_be_kept_asks_in_the_window_and_reads_folders_there() {
        let folder = std::env::temp_dir().join(format!("busker-unkept-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("a.wav"), "").unwrap();
        let (egui, (tell, told)) = (Context::default(), mpsc::channel());
        let ask = Ask { start: Some(folder.clone()), ..Ask::default() };
        pinned::LEAVES.set(true);
        Dialog::default().choose(&egui, ask, move |paths| tell.send(paths).unwrap());
        pinned::LEAVES.set(false);
        let asked = shown(&egui).0.lock().unwrap().take().unwrap();
        let listing = asked.coming.unwrap().try_recv().unwrap().unwrap();
        assert_eq!(listing.files, [folder.join("a.wav")]);
        (asked.take)(listing.files);
        assert_eq!(told.recv().unwrap(), [folder.join("a.wav")]);
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn folders_come_first_in_the_order_of_names_and_what_is_hidden_is_left_out() {
        let folder = std::env::temp_dir().join(format!("busker-browser-{}", std::process::id()));
        fs::create_dir_all(folder.join("zebra")).unwrap();
        fs::create_dir_all(folder.join("Apple")).unwrap();
        for file in ["b.xm", "A.wav", ".hidden.it"] {
            fs::write(folder.join(file), "").unwrap();
        }
        let listing = Listing::of(&folder).unwrap();
        let names = |paths: &[PathBuf]| paths.iter().map(|path| name(path)).collect::<Vec<_>>();
        assert_eq!(names(&listing.folders), ["Apple", "zebra"]);
        assert_eq!(names(&listing.files), ["A.wav", "b.xm"]);
        assert!(Listing::of(&folder.join("gone")).is_err());
        let kinds = &super::super::open::KINDS;
        let of = |kind| listing.files.iter().filter(|file| is_of(kinds, kind, file)).count();
        assert_eq!((of(0), of(1), of(2), of(3), of(99)), (2, 1, 0, 1, 2));
        fs::remove_dir_all(&folder).unwrap();
    }
}
