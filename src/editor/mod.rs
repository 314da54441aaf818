//! The editor: the song and where it is above a page of its own for each part of the desk.
//!
//! In: what the instance shows, the parameters and the engine's meters. Out: changes as gestures that hosts can record, songs
//! to open and orders to the worker. The host's GUI thread; loading happens on the worker's, the file dialog waits on a thread of
//! its own. The audio thread never asks for a picture: the worker does, while the window is open and something changes.

mod browser;
mod cell;
mod channels;
mod controls;
mod dialog;
mod drag;
mod fader;
mod foot;
mod header;
mod inputs;
mod instruments;
mod knob;
mod lanes;
mod loudness;
mod machines;
mod meter;
mod mixer;
mod open;
#[cfg(test)]
mod page_tests;
mod pinned;
#[cfg(test)]
mod reach_tests;
mod recorder;
mod repaint;
mod replacements;
mod routes;
mod scrolled;
mod settings;
mod song;
mod space;
mod strip;
mod takes;
mod tempo;
#[cfg(test)]
mod test_window;
mod theme;
mod undo;
mod voices;
mod window;

use crate::engine::ParameterSpec;
use crate::params;
use crate::params::BuskerParams;
use crate::params::Gesture;
use crate::plugin::Instance;
use crate::plugin::View;
use controls::Controls;
use controls::Held;
use egui::Key;
use egui::KeyboardShortcut;
use egui::Modifiers;
use egui::RichText;
use egui::Ui;
use egui::gui_zoom::kb_shortcuts::ZOOM_IN;
use egui::gui_zoom::kb_shortcuts::ZOOM_IN_SECONDARY;
use egui::gui_zoom::kb_shortcuts::ZOOM_OUT;
use egui::gui_zoom::kb_shortcuts::ZOOM_RESET;
use header::Header;
use inputs::Inputs;
use instruments::Instruments;
use machines::Machines;
use mixer::Mixer;
use nice_plug::context::gui::GuiContext;
use nice_plug::editor::dpi::LogicalSize;
use recorder::Recorder;
use song::Song;
use space::Space;
use std::sync::Arc;
use std::time::Duration;
use tempo::Tempo;
use undo::Undo;
use voices::Voices;
pub(crate) use window::Editor;
use window::Remote;

/// In logical pixels.
#[cfg(test)]
const SIZE: LogicalSize<f32> = LogicalSize::new(params::SIZE[0], params::SIZE[1]);
const LEAST_SIZE: LogicalSize<f32> = LogicalSize::new(params::LEAST_SIZE[0], params::LEAST_SIZE[1]);

/// The editor of an instance; its window opens when the host asks.
pub(crate) fn create(instance: Arc<Instance>, params: Arc<BuskerParams>) -> Editor {
    let remote = Arc::new(Remote::new(Arc::clone(params.editor_view())));
    instance.watch(repaint::watcher(&instance, Arc::clone(&remote)));
    Editor { instance, params, remote }
}

/// How long a picture stays, at least, while a meter falls.
const FRAME: Duration = Duration::from_millis(16);

/// In a window that is less wide than this, the recorder's button is below the tabs.
const TABS_AND_RECORDER: f32 = 900.0;

/// What the editor has a page for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Page {
    Mixer,
    Song,
    Machines,
    Instruments,
    Voices,
    Space,
    Inputs,
    Recorder,
}

impl Page {
    const ALL: [Page; 8] = [
        Page::Mixer,
        Page::Song,
        Page::Machines,
        Page::Instruments,
        Page::Voices,
        Page::Space,
        Page::Inputs,
        Page::Recorder,
    ];

    fn name(self) -> &'static str {
        match self {
            Page::Mixer => "Mixer",
            Page::Song => "Song",
            Page::Machines => "Machines",
            Page::Instruments => "Instruments",
            Page::Voices => "Voices",
            Page::Space => "Space",
            Page::Inputs => "Inputs",
            Page::Recorder => "Recorder",
        }
    }

    /// The page `steps` further on, around the end.
    fn turned(self, steps: usize) -> Self {
        let place = Self::ALL.iter().position(|page| *page == self).unwrap_or(0);
        Self::ALL[(place + steps) % Self::ALL.len()]
    }
}

/// Turns pages.
const NEXT_PAGE: KeyboardShortcut = KeyboardShortcut::new(Modifiers::COMMAND, Key::PageDown);
const LAST_PAGE: KeyboardShortcut = KeyboardShortcut::new(Modifiers::COMMAND, Key::PageUp);

/// Keys that do something whatever has the focus, beside those of undo. All others are the host's while nothing has it.
const SHORTCUTS: [KeyboardShortcut; 6] =
    [NEXT_PAGE, LAST_PAGE, ZOOM_IN, ZOOM_IN_SECONDARY, ZOOM_OUT, ZOOM_RESET];

/// What an open window shows.
struct App {
    instance: Arc<Instance>,
    params: Arc<BuskerParams>,
    host: GuiContext,
    held: Held,
    pages: Pages,
}

impl App {
    fn new(
        egui: &egui::Context,
        instance: Arc<Instance>,
        params: Arc<BuskerParams>,
        host: GuiContext,
    ) -> Self {
        theme::apply(egui);
        let pages = Pages::new(params.table());
        App { instance, params, host, held: Held::default(), pages }
    }

    /// What pages move parameters through.
    fn with_controls<T>(&mut self, work: impl FnOnce(&mut Pages, &Controls<'_>, &Arc<Instance>) -> T) -> T {
        let (params, setter) = (&*self.params, self.host.param_setter());
        let held = &self.held;
        let gesture = |index, step| {
            held.note(index, step);
            params.gesture(index, &setter, step);
        };
        let controls = Controls { params, host: &gesture };
        work(&mut self.pages, &controls, &self.instance)
    }

    /// Whether a key does something while nothing has the focus.
    fn answers(egui: &egui::Context, key: Key, held: Modifiers) -> bool {
        let is =
            |known: &KeyboardShortcut| known.logical_key == key && held.matches_logically(known.modifiers);
        key == Key::Tab || SHORTCUTS.iter().any(is) || undo::answers(egui, key, held)
    }

    fn show(&mut self, ui: &mut Ui) {
        self.with_controls(|pages, controls, instance| pages.show(ui, controls, &instance.view(), instance));
    }
}

impl Drop for App {
    /// What is held when the window closes is let go of.
    fn drop(&mut self) {
        self.with_controls(|pages, controls, instance| {
            pages.voices.let_go(controls, &instance.view());
            instance.hold(false, true);
        });
        let held = self.held.take();
        self.with_controls(|_, controls, _| {
            held.into_iter().for_each(|index| controls.gesture(index, Gesture::End));
        });
    }
}

/// All there is to see, and which page is in front.
struct Pages {
    front: Page,
    undo: Undo,
    header: Header,
    tempo: Tempo,
    mixer: Mixer,
    song: Song,
    machines: Machines,
    instruments: Instruments,
    voices: Voices,
    space: Space,
    inputs: Inputs,
    recorder: Recorder,
}

impl Pages {
    fn new(table: &[ParameterSpec]) -> Self {
        Pages {
            front: Page::Mixer,
            undo: Undo::default(),
            header: Header::new(table),
            tempo: Tempo::new(table),
            mixer: Mixer::new(table),
            song: Song::new(table),
            machines: Machines::new(table),
            instruments: Instruments::new(table),
            voices: Voices::new(table),
            space: Space::new(table),
            inputs: Inputs::new(table),
            recorder: Recorder::default(),
        }
    }

    fn show(&mut self, ui: &mut Ui, controls: &Controls<'_>, view: &View, instance: &Arc<Instance>) {
        drag::note_edits(ui.ctx(), view.busy);
        self.turn_by_keys(ui);
        self.undo.follow(ui, instance);
        if self.front != Page::Voices {
            self.voices.let_go(controls, view);
        }
        let frame = egui::Frame::new().inner_margin(10); // the canvas is cleared to the background
        egui::CentralPanel::default().frame(frame).show(ui, |ui| {
            egui::Panel::top("head").frame(egui::Frame::NONE).show_separator_line(false).show(ui, |ui| {
                self.header.show(ui, controls, view, instance);
                self.tempo.show(ui, controls, view, instance);
                self.show_tabs(ui, view, instance);
                ui.add_space(4.0);
            });
            egui::Panel::bottom("foot").frame(egui::Frame::NONE).show_separator_line(false).show(ui, |ui| {
                foot::show(ui, view, instance);
            });
            let moves = match self.front {
                Page::Mixer => self.mixer.show(ui, controls, view, instance),
                Page::Song => {
                    self.song.show(ui, controls, view, instance);
                    false
                }
                Page::Machines => self.machines.show(ui, controls, view, instance),
                Page::Instruments => {
                    self.instruments.show(ui, controls, view, instance);
                    false
                }
                Page::Voices => {
                    self.voices.show(ui, controls, view, instance);
                    false
                }
                Page::Space => {
                    self.space.show(ui, controls, view, instance);
                    false
                }
                Page::Inputs => self.inputs.show(ui, controls, view, instance),
                Page::Recorder => {
                    self.recorder.show(ui, view, instance);
                    false
                }
            };
            if let Some((strip, _)) = self.mixer.take_opened() {
                self.machines.open(strip);
                self.front = Page::Machines;
            }
            // The worker sees what sounds; what still falls after it is only known here.
            if moves {
                ui.ctx().request_repaint_after(FRAME);
            }
            open::take_drops(ui, instance);
            browser::show(ui.ctx());
        });
    }

    fn show_tabs(&mut self, ui: &mut Ui, view: &View, instance: &Instance) {
        let together = ui.available_width() >= TABS_AND_RECORDER;
        ui.horizontal_wrapped(|ui| {
            for page in Page::ALL {
                let front = page == self.front;
                let colour = if front { theme::BACKGROUND } else { theme::TEXT };
                if ui.selectable_label(front, RichText::new(page.name()).color(colour)).clicked() {
                    self.front = page;
                }
            }
            ui.add_space(6.0);
            self.undo.show(ui, view, instance);
            if together {
                recorder::show_bar(ui, view, instance);
            }
        });
        if !together {
            ui.horizontal(|ui| recorder::show_bar(ui, view, instance));
        }
    }

    /// Ctrl with Page Down and Page Up.
    fn turn_by_keys(&mut self, ui: &Ui) {
        let pressed = |keys| ui.input_mut(|input| input.consume_shortcut(keys));
        if pressed(&NEXT_PAGE) {
            self.front = self.front.turned(1);
        } else if pressed(&LAST_PAGE) {
            self.front = self.front.turned(Page::ALL.len() - 1);
        }
    }
}
