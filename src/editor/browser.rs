//! A browser for files and folders in the editor's own window, for systems without a dialog.
//!
//! In: what is asked for. Out: the paths that were chosen, to whoever asked. There is one in a window, over all else. Folders are read
//! on threads of their own, since a disk may hang, but for those that could not be kept. Of what folders hold only those rows are laid out
//! that are seen, with their neighbours, to which the keys go on.
#![allow(clippy::disallowed_types)] // The mutex is taken by the window's thread and by those that ask, never by the audio thread.

use super::cell;
use super::dialog::Ask;
use super::dialog::Take;
use super::pinned;
use super::theme;
use egui::Align;
use egui::Button;
use egui::Context;
use egui::Id;
use egui::Key;
use egui::Layout;
use egui::Modal;
use egui::Rect;
use egui::Response;
use egui::RichText;
use egui::ScrollArea;
use egui::TextEdit;
use egui::TextStyle;
use egui::Ui;
use egui::UiBuilder;
use egui::pos2;
use egui::vec2;
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
    /// Indices of files of that kind.
    files: Vec<usize>,
    /// The row that has the keys, and the one that is to get them.
    keys: Option<usize>,
    next: Option<usize>,
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
        files: Vec::new(),
        keys: None,
        next: None,
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
        (self.keys, self.next) = (None, None);
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
            self.sort_out();
        }
        ui.set_width(SIZE.x);
        ui.label(RichText::new(&self.ask.title).strong());
        self.show_way(ui);
        self.show_kinds(ui);
        let area = ScrollArea::vertical().id_salt(&self.folder).max_height(SIZE.y);
        let area = area.min_scrolled_height(SIZE.y).auto_shrink([false, false]);
        let mut answer = area.show_viewport(ui, |ui, viewport| self.show_listing(ui, viewport)).inner;
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
            let above = ui.add_enabled(up.is_some(), Button::new("Folder above"));
            if above.clicked() {
                up.into_iter().for_each(|up| self.go_to(up));
            } else if above.enabled()
                && self.coming.is_none()
                && self.rows() == 0
                && self.next.take().is_some()
            {
                above.request_focus();
            }
            let edit = ui.add(TextEdit::singleline(&mut self.path).desired_width(f32::INFINITY));
            edit.widget_info(|| {
                let mut info = egui::WidgetInfo::text_edit(true, "", &self.path, "");
                info.label = Some("Folder".to_owned());
                info
            });
            if edit.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter)) {
                self.go_to(PathBuf::from(self.path.trim()));
                self.next = Some(0);
            }
        });
    }

    fn show_kinds(&mut self, ui: &mut Ui) {
        if self.ask.kinds.is_empty() {
            return;
        }
        let mut taken = None;
        ui.horizontal(|ui| {
            let names = self.ask.kinds.iter().map(|(name, _)| *name).chain(["All files"]);
            for (kind, name) in names.enumerate() {
                if ui.selectable_label(kind == self.kind, name).clicked() {
                    taken = Some(kind);
                }
            }
        });
        if let Some(kind) = taken {
            self.kind = kind;
            self.chosen.retain(|file| is_of(self.ask.kinds, kind, file));
            (self.keys, self.next) = (None, None);
            self.sort_out();
        }
    }

    /// Finds the files of the kind that is shown.
    fn sort_out(&mut self) {
        let files = self.listing.iter().flat_map(|listing| listing.files.iter().enumerate());
        let shown = files.filter(|(_, file)| !self.ask.folder && is_of(self.ask.kinds, self.kind, file));
        self.files = shown.map(|(index, _)| index).collect();
    }

    /// How many folders and files are listed.
    fn rows(&self) -> usize {
        self.listing.as_ref().map_or(0, |listing| listing.folders.len() + self.files.len())
    }

    fn show_listing(&mut self, ui: &mut Ui, viewport: Rect) -> Answer {
        if self.coming.is_some() {
            ui.label(RichText::new("Reading the folder…").color(theme::FAINT));
            ui.ctx().request_repaint_after(PATIENCE);
            return Answer::None;
        }
        if let Err(words) = &self.listing {
            ui.label(RichText::new(format!("{words}: choose another one")).color(theme::WARNING));
            return Answer::None;
        }
        let rows = self.rows();
        let text = ui.text_style_height(&TextStyle::Button) + 2.0 * ui.spacing().button_padding.y;
        let height = text.max(ui.spacing().interact_size.y);
        let pitch = height + ui.spacing().item_spacing.y;
        ui.set_height(pitch * rows as f32);
        let row_at = |y: f32| (y / pitch).max(0.0) as usize;
        // One more on either side for the Tab key, and those that have the keys, wherever they are.
        let seen = row_at(viewport.top()).saturating_sub(1)..(row_at(viewport.bottom()) + 2).min(rows);
        let kept = [self.keys.take(), self.next].into_iter().flatten().filter(|row| *row < rows);
        let laid_out: BTreeSet<usize> = seen.chain(kept).collect();
        let (top, mut answer) = (ui.max_rect().left_top(), Answer::None);
        for row in laid_out {
            let place = pos2(top.x, top.y + pitch * row as f32);
            let rect = Rect::from_min_size(place, vec2(ui.max_rect().width(), height));
            // Whichever rows are beside it, it stays the same to the keys.
            let within = UiBuilder::new().scope_id(ui.scope_id().with(row)).max_rect(rect);
            let within = within.layout(Layout::left_to_right(Align::Center));
            ui.scope_builder(within, |ui| self.show_row(ui, (row, rows), &mut answer));
        }
        let page = (row_at(viewport.height())).max(2) - 1;
        if let Some(row) = self.keys {
            self.next = turned(ui, (row, rows), page).or(self.next);
        }
        answer
    }

    /// A folder or a file, which gets the keys where they are to go.
    fn show_row(&mut self, ui: &mut Ui, (row, rows): (usize, usize), answer: &mut Answer) {
        let Ok(listing) = &self.listing else { return };
        let label = match listing.folders.get(row) {
            Some(folder) => {
                let label = ui.selectable_label(false, format!("{}/", name(folder)));
                if label.clicked() {
                    let folder = folder.clone();
                    self.go_to(folder);
                    self.next = label.has_focus().then_some(0);
                    return;
                }
                label
            }
            None => {
                let index = self.files.get(row - listing.folders.len());
                let Some(file) = index.and_then(|index| listing.files.get(*index)) else { return };
                let label = ui.selectable_label(self.chosen.contains(file), name(file));
                if label.double_clicked() {
                    *answer = Answer::Paths(vec![file.clone()]);
                } else if label.clicked() {
                    if !self.ask.several || !ui.input(|input| input.modifiers.command) {
                        self.chosen.clear();
                    }
                    if !self.chosen.remove(file) {
                        self.chosen.insert(file.clone());
                    }
                }
                label
            }
        };
        self.lead_keys(&label, (row, rows));
    }

    fn lead_keys(&mut self, label: &Response, (row, rows): (usize, usize)) {
        if self.next == Some(row) {
            self.next = None;
            label.request_focus();
        }
        if label.has_focus() {
            self.keys = Some(row);
        }
        cell::follow_focus(label);
        label.ctx.accesskit_node_builder(label.id, |node| {
            node.set_position_in_set(row + 1);
            node.set_size_of_set(rows);
        });
    }
}

/// The row to which keys lead that go farther than one.
fn turned(ui: &Ui, (row, rows): (usize, usize), page: usize) -> Option<usize> {
    let led = [
        (Key::Home, 0),
        (Key::End, rows - 1), // `row` is one
        (Key::PageUp, row.saturating_sub(page)),
        (Key::PageDown, (row + page).min(rows - 1)),
    ];
    let next = led.into_iter().find(|(key, _)| ui.input(|input| input.key_pressed(*key)));
    if next.is_some() {
        ui.ctx().request_repaint();
    }
    next.map(|(_, row)| row)
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
