//! The editor: one plain page with the song, where it is, and the desk.
//!
//! In: what the instance shows, the parameters and the engine's meters. Out: changes as gestures that hosts can record, and songs
//! to open. The host's GUI thread; loading happens on the worker's, the file dialog waits on a thread of its own.
//! The audio thread never asks for a repaint: the worker does, while the window is open.

mod desk;
mod fader;
mod header;
mod theme;

use crate::engine::ParameterSpec;
use crate::engine::Target;
use crate::params::BuskerParams;
use crate::params::Gesture;
use crate::plugin::Instance;
use desk::Desk;
use header::Header;
use nice_plug::context::gui::GuiContext;
use nice_plug::editor::dpi::LogicalSize;
use nice_plug::prelude::ParamSetter;
use nice_plug_egui::EguiEditor;
use nice_plug_egui::EguiEditorState;
use nice_plug_egui::EguiNiceSettings;
use nice_plug_egui::Frame;
use nice_plug_egui::NiceEguiApp;
use nice_plug_egui::RepaintNotifier;
use nice_plug_egui::baseview::HandlerError;
use nice_plug_egui::create_egui_editor;
use std::sync::Arc;

/// In logical pixels.
const SIZE: LogicalSize<f32> = LogicalSize::new(862.0, 452.0);

/// What the framework opens windows for.
pub(crate) type Editor = EguiEditor<Page>;

/// The editor of an instance; its window opens when the host asks.
pub(crate) fn create(instance: Arc<Instance>, params: Arc<BuskerParams>) -> Option<Editor> {
    let state = EguiEditorState::from_size(SIZE, 1.0);
    let notifier = RepaintNotifier::new();
    let (watched, repaint) = (Arc::clone(&state), notifier.clone());
    instance.watch(Box::new(move || {
        if watched.is_open() {
            repaint.request_repaint();
        }
    }));
    let page = Page::new(instance, params);
    create_egui_editor(state, notifier, EguiNiceSettings::new().with_tile("Busker"), page)
}

/// All there is to see.
pub(crate) struct Page {
    instance: Arc<Instance>,
    params: Arc<BuskerParams>,
    host: Option<GuiContext>,
    header: Header,
    desk: Desk,
}

impl Page {
    fn new(instance: Arc<Instance>, params: Arc<BuskerParams>) -> Self {
        let (header, desk) = (Header::new(params.table()), Desk::new(params.table()));
        Page { instance, params, host: None, header, desk }
    }
}

impl NiceEguiApp for Page {
    fn build(&mut self, egui: egui::Context, host: GuiContext, _: &mut Frame) -> Result<(), HandlerError> {
        theme::apply(&egui);
        self.host = Some(host);
        Ok(())
    }

    fn ui(&mut self, ui: &mut egui::Ui, _: &mut Frame) {
        let Some(host) = &self.host else { return };
        let controls = Controls { params: &self.params, setter: host.param_setter() };
        let view = self.instance.view();
        let frame = egui::Frame::new().fill(theme::BACKGROUND).inner_margin(12);
        egui::CentralPanel::default().frame(frame).show(ui, |ui| {
            self.header.show(ui, &controls, &view, &self.instance);
            ui.add_space(10.0);
            self.desk.show(ui, &controls, view.control.as_deref());
            ui.add_space(8.0);
            header::show_notice(ui, &view);
        });
    }

    fn editor_closed(&mut self) {
        self.host = None;
    }
}

/// The parameters, and the way to change them so that the host knows.
struct Controls<'a> {
    params: &'a BuskerParams,
    setter: ParamSetter<'a>,
}

impl Controls<'_> {
    fn gesture(&self, index: usize, step: Gesture) {
        self.params.gesture(index, &self.setter, step);
    }

    /// A whole gesture at once, for a click.
    fn set(&self, index: usize, normalised: f32) {
        self.gesture(index, Gesture::Begin);
        self.gesture(index, Gesture::Move(normalised));
        self.gesture(index, Gesture::End);
    }

    fn is_on(&self, index: usize) -> bool {
        self.params.normalised(index) >= 0.5
    }
}

/// Where the table has the parameter that acts on `target`; past its end, which shows nothing, where it has none.
fn index_of(table: &[ParameterSpec], target: Target) -> usize {
    table.iter().position(|spec| spec.target == target).unwrap_or(table.len())
}
