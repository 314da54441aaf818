//! One open window: what happens to it becomes egui's input, and a picture is drawn once that has changed something.
//!
//! The window's thread. Nothing is drawn while nothing happens.

use super::clipboard::Clipboard;
use super::cursor;
use super::graphics::Graphics;
use super::input::Input;
use super::remote::Remote;
use crate::editor::App;
use baseview::DamageArea;
use baseview::Event;
use baseview::EventStatus;
use baseview::HandlerError;
use baseview::MouseEvent;
use baseview::WindowContext;
use baseview::WindowEvent;
use baseview::WindowHandler;
use baseview::WindowSize;
use egui::CursorIcon;
use egui::Key;
use egui::OutputCommand;
use egui::PlatformOutput;
use egui::Popup;
use egui::ViewportId;
use keyboard_types::KeyboardEvent;
use std::cell::Cell;
use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

pub(super) struct Handler {
    screen: RefCell<Screen>,
    /// On its own, since some systems report events while a picture is drawn.
    input: RefCell<Input>,
    clipboard: RefCell<Clipboard>,
    egui: egui::Context,
    begun: Instant,
    /// Whether the picture has to be drawn anew.
    stale: Cell<bool>,
    /// When it will have to be, if nothing happens before.
    due: Cell<Option<Instant>>,
    remote: Arc<Remote>,
    window: WindowContext,
}

struct Screen {
    app: App,
    graphics: Graphics,
    cursor: CursorIcon,
}

impl Handler {
    pub(super) fn new(
        window: WindowContext,
        remote: Arc<Remote>,
        app: impl FnOnce(&egui::Context) -> App,
    ) -> Result<Self, HandlerError> {
        let graphics = Graphics::new(&window)?;
        let egui = egui::Context::default();
        egui.set_zoom_factor(remote.zoom());
        let later = Arc::clone(&remote);
        // Longer delays are read off the picture that asks for them.
        egui.set_request_repaint_callback(move |request| {
            if request.delay.is_zero() {
                later.repaint();
            }
        });
        remote.resized(window.size());
        remote.opened(window.waker());
        Ok(Handler {
            input: RefCell::new(Input::new(graphics.max_texture_side())),
            clipboard: RefCell::default(),
            screen: RefCell::new(Screen { app: app(&egui), graphics, cursor: CursorIcon::Default }),
            egui,
            begun: Instant::now(),
            stale: Cell::new(true),
            due: Cell::new(None),
            remote,
            window,
        })
    }

    fn outdate(&self) {
        self.stale.set(true);
        self.window.request_redraw();
    }

    fn outdate_after(&self, delay: Duration) {
        // `Duration::MAX` says never.
        let Some(due) = Instant::now().checked_add(delay).filter(|_| !delay.is_zero()) else { return };
        if self.due.get().is_none_or(|earlier| due < earlier) {
            self.due.set(Some(due));
            self.window.request_redraw_after(delay);
        }
    }

    /// Whether a picture is needed, and from now on no more.
    fn take_stale(&self) -> bool {
        let due = self.due.get().is_some_and(|due| due <= Instant::now());
        if due {
            self.due.set(None);
        }
        self.stale.replace(false) || due
    }

    fn pixels_per_point(&self) -> f32 {
        self.window.scale_factor() as f32 * self.egui.zoom_factor()
    }

    /// Keys that the editor has no use for go back to the host, so that its space bar plays.
    fn press(&self, event: &KeyboardEvent) -> EventStatus {
        let (key, held) = self.input.borrow_mut().press(event, || self.clipboard.borrow_mut().text());
        let egui = &self.egui;
        let leaves = |key| key == Key::Escape && (Popup::is_any_open(egui) || egui.egui_is_using_pointer());
        let answers = |key| App::answers(key, held) || leaves(key);
        let ours = egui.egui_wants_keyboard_input() || key.is_some_and(answers);
        if ours { EventStatus::Captured } else { EventStatus::Ignored }
    }

    fn carry_out(&self, output: PlatformOutput, cursor: &mut CursorIcon) {
        for command in output.commands {
            if let OutputCommand::CopyText(text) = command {
                self.clipboard.borrow_mut().set_text(text);
            }
        }
        if std::mem::replace(cursor, output.cursor_icon) != output.cursor_icon {
            // A shape that the system lacks is no reason to close the window.
            let _ = self.window.set_mouse_cursor(cursor::shape(output.cursor_icon));
        }
    }
}

impl WindowHandler for Handler {
    fn poll(&self) {
        if self.remote.take_request() {
            self.outdate();
        }
    }

    fn damage(&self, _: DamageArea<'_>) {
        self.stale.set(true);
    }

    fn draw(&self) -> Result<(), HandlerError> {
        if !self.take_stale() {
            return Ok(());
        }
        let size = self.window.size();
        let input = self.input.borrow_mut().take(size, self.egui.zoom_factor(), self.begun.elapsed());
        let Screen { app, graphics, cursor } = &mut *self.screen.borrow_mut();
        let mut output = self.egui.run_ui(input, |ui| app.show(ui));
        self.remote.set_zoom(self.egui.zoom_factor());
        if let Some(viewport) = output.viewport_output.get(&ViewportId::ROOT) {
            self.outdate_after(viewport.repaint_delay);
        }
        self.carry_out(output.platform_output, cursor);
        let picture = self.egui.tessellate(output.shapes, output.pixels_per_point);
        graphics.draw(size.physical.into(), output.pixels_per_point, &picture, &mut output.textures_delta)
    }

    fn resized(&self, size: WindowSize) -> Result<(), HandlerError> {
        self.remote.resized(size);
        self.outdate();
        Ok(())
    }

    fn on_event(&self, event: Event) -> EventStatus {
        if matches!(event, Event::Mouse(MouseEvent::ButtonPressed { .. })) && !self.window.has_focus() {
            // Without it keys go elsewhere, but all else works.
            let _ = self.window.focus();
        }
        self.outdate();
        match event {
            Event::Mouse(event) => self.input.borrow_mut().point(event, self.pixels_per_point()),
            Event::Keyboard(event) => self.press(&event),
            Event::Window(WindowEvent::Focused) => self.input.borrow_mut().focus(true),
            Event::Window(WindowEvent::Unfocused) => self.input.borrow_mut().focus(false),
            _ => EventStatus::Ignored,
        }
    }
}

impl Drop for Handler {
    fn drop(&mut self) {
        self.remote.closed();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use egui::Modifiers;

    #[test]
    fn the_space_bar_is_the_hosts_and_the_editors_own_keys_are_not() {
        let command = Modifiers::COMMAND;
        for key in [Key::Space, Key::Enter, Key::Z, Key::ArrowUp, Key::PageDown, Key::Plus, Key::Escape] {
            assert!(!App::answers(key, Modifiers::NONE), "{key:?}");
        }
        assert!(App::answers(Key::Tab, Modifiers::NONE));
        for key in [Key::PageDown, Key::PageUp, Key::Plus, Key::Minus, Key::Num0] {
            assert!(App::answers(key, command), "{key:?}");
        }
    }
}
