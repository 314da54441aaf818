//! One open window: what happens to it becomes egui's input, and a picture is drawn once that has changed something.
//!
//! The window's thread. Nothing is drawn while nothing happens, and what moves by itself no more often than the eye or, without a
//! graphics card, the processor can do with; what hands do is drawn as soon as the window library calls. That is at every second
//! refresh of the display at most on X11, so there with a graphics card a clock calls instead.

use super::alarm::Alarm;
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

/// Time between two pictures of what moves by itself, with a graphics card and without.
const PACE: Duration = Duration::from_micros(16_667);
const SOFTWARE_PACE: Duration = Duration::from_millis(100);
/// The shortest that is waited for.
const LEAST_DELAY: Duration = Duration::from_millis(1);
/// How long what follows from an event is taken for the work of hands.
const AFTER_EVENTS: Duration = Duration::from_millis(500);

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
    /// Whether the system has lost what the window shows.
    lost: Cell<bool>,
    /// What the last picture was drawn for.
    drawn: Cell<Instant>,
    /// When something last happened to the window.
    touched: Cell<Instant>,
    pace: Duration,
    /// Calls for what is due, where the window library would not in time.
    alarm: Option<Alarm>,
    /// Why the last picture could not be drawn, until the window library is told.
    failed: Cell<Option<HandlerError>>,
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
        graphics.prepare(&egui);
        let later = Arc::clone(&remote);
        // Longer delays are read off the picture that asks for them.
        egui.set_request_repaint_callback(move |request| {
            if request.delay.is_zero() {
                later.repaint();
            }
        });
        remote.resized(window.size());
        remote.opened(window.waker());
        let begun = Instant::now();
        let waker = window.waker();
        let alarm = (super::X11 && !graphics.is_software()).then(|| Alarm::new(move || waker.request_poll()));
        let pace = if graphics.is_software() { SOFTWARE_PACE } else { PACE };
        Ok(Handler {
            input: RefCell::new(Input::new(graphics.max_texture_side())),
            clipboard: RefCell::default(),
            pace,
            alarm: alarm.transpose().unwrap_or_default(),
            failed: Cell::new(None),
            screen: RefCell::new(Screen { app: app(&egui), graphics, cursor: CursorIcon::Default }),
            egui,
            begun,
            stale: Cell::new(true),
            due: Cell::new(None),
            lost: Cell::new(true),
            drawn: Cell::new(begun),
            touched: Cell::new(begun),
            remote,
            window,
        })
    }

    /// As soon as can be.
    fn outdate(&self) {
        if self.alarm.is_some() {
            return self.outdate_after(Duration::ZERO);
        }
        self.stale.set(true);
        self.window.request_redraw();
    }

    /// Once so much time has passed, and not before it is time for another picture.
    fn outdate_after(&self, delay: Duration) {
        let now = Instant::now();
        // `Duration::MAX` says never.
        let Some(asked) = now.checked_add(delay) else { return };
        let due = asked.max(self.drawn.get() + self.pace);
        if self.due.get().is_none_or(|earlier| due < earlier) {
            self.due.set(Some(due));
            self.ask_for_due();
        }
    }

    /// Asks for what is due in its time; for less than a millisecond window systems may call at once, which is too early.
    fn ask_for_due(&self) {
        let Some(due) = self.due.get() else { return };
        if let Some(alarm) = &self.alarm {
            alarm.set(due);
        } else {
            let delay = due.saturating_duration_since(Instant::now()).max(LEAST_DELAY);
            self.window.request_redraw_after(delay);
        }
    }

    /// The time that a picture is drawn for, if one is needed, and from now on no more: it makes up for all that is due.
    fn take_stale(&self) -> Option<Instant> {
        let now = Instant::now();
        // Window systems call some time after what was asked for. The next picture does not wait for that, too.
        let in_time = self.past_due(now).map(|due| on_time(due, now, self.pace));
        let time = if self.stale.replace(false) { Some(now) } else { in_time };
        if time.is_some() {
            self.due.set(None);
        }
        time
    }

    /// When a picture was due that is still to be drawn.
    fn past_due(&self, now: Instant) -> Option<Instant> {
        self.due.get().filter(|due| *due <= now)
    }

    fn pixels_per_point(&self) -> f32 {
        self.window.scale_factor() as f32 * self.egui.zoom_factor()
    }

    /// Keys that the editor has no use for go back to the host, so that its space bar plays.
    fn press(&self, event: &KeyboardEvent) -> EventStatus {
        let (key, held) = self.input.borrow_mut().press(event, || self.clipboard.borrow_mut().text());
        let egui = &self.egui;
        let leaves = |key| key == Key::Escape && (Popup::is_any_open(egui) || egui.egui_is_using_pointer());
        let answers = |key| App::answers(egui, key, held) || leaves(key);
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
        let (request, change) = (self.remote.take_request(), self.remote.take_change());
        if request && self.touched.get().elapsed() < AFTER_EVENTS {
            self.outdate();
        } else if request || change {
            self.outdate_after(Duration::ZERO);
        }
        let calls = self.alarm.is_some() && self.past_due(Instant::now()).is_some();
        if calls && let Err(error) = self.draw() {
            // Only there it can be told.
            self.failed.set(Some(error));
            self.window.request_redraw();
        }
    }

    fn damage(&self, _: DamageArea<'_>) {
        self.lost.set(true);
        self.stale.set(true);
    }

    fn draw(&self) -> Result<(), HandlerError> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        let Some(time) = self.take_stale() else {
            self.ask_for_due();
            return Ok(());
        };
        self.drawn.set(time);
        let size = self.window.size();
        let input = self.input.borrow_mut().take(size, self.egui.zoom_factor(), self.begun.elapsed());
        let Screen { app, graphics, cursor } = &mut *self.screen.borrow_mut();
        let mut output = self.egui.run_ui(input, |ui| app.show(ui));
        self.remote.set_zoom(self.egui.zoom_factor());
        let delay = output.viewport_output.get(&ViewportId::ROOT).map(|viewport| viewport.repaint_delay);
        // What is wanted at once has been asked for by then.
        delay.filter(|delay| !delay.is_zero()).into_iter().for_each(|delay| self.outdate_after(delay));
        if self.remote.is_moving() {
            self.outdate_after(Duration::ZERO);
        }
        self.carry_out(output.platform_output, cursor);
        let resolution = (size.physical.into(), output.pixels_per_point);
        let lost = self.lost.replace(false);
        graphics.draw(&self.egui, resolution, output.shapes, &mut output.textures_delta, lost)
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
        self.touched.set(Instant::now());
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

/// When a picture counts as drawn that is `due` and begun now: in its time, unless that is so long ago that pictures were left out.
fn on_time(due: Instant, now: Instant, pace: Duration) -> Instant {
    if now.saturating_duration_since(due) < pace { due } else { now }
}

#[cfg(test)]
mod tests {
    use super::*;
    use egui::Modifiers;

    #[test]
    fn a_picture_is_in_time_unless_the_next_one_should_have_been_drawn_by_then() {
        let (due, pace) = (Instant::now(), Duration::from_millis(100));
        let drawn = |late: u64| on_time(due, due + Duration::from_millis(late), pace) - due;
        assert_eq!([0, 1, 99].map(drawn), [Duration::ZERO; 3]);
        assert_eq!([100, 250].map(drawn), [Duration::from_millis(100), Duration::from_millis(250)]);
    }

    #[test]
    fn the_space_bar_is_the_hosts_and_the_editors_own_keys_are_not() {
        let (egui, command) = (egui::Context::default(), Modifiers::COMMAND);
        let answers = |key, held| App::answers(&egui, key, held);
        for key in [Key::Space, Key::Enter, Key::Z, Key::ArrowUp, Key::PageDown, Key::Plus, Key::Escape] {
            assert!(!answers(key, Modifiers::NONE), "{key:?}");
        }
        assert!(answers(Key::Tab, Modifiers::NONE));
        for key in [Key::PageDown, Key::PageUp, Key::Plus, Key::Minus, Key::Num0] {
            assert!(answers(key, command), "{key:?}");
        }
        // There is nothing to undo.
        assert!(!answers(Key::Z, command) && !answers(Key::Y, command));
    }
}
