//! What the window library reports, in egui's terms.
//!
//! In: pointer, wheel, keys, focus and files that are dragged, in pixels. Out: egui's input, in points. Text is typed without
//! input methods, since the window library has none.

use baseview::DropData;
use baseview::DropEffect;
use baseview::EventStatus;
use baseview::MouseButton;
use baseview::MouseEvent;
use baseview::ScrollDelta;
use baseview::WindowSize;
use baseview::dpi::PhysicalPosition;
use egui::DroppedFile;
use egui::DroppedFileHandle;
use egui::Event;
use egui::HoveredFile;
use egui::Key;
use egui::Modifiers;
use egui::MouseWheelSource;
use egui::MouseWheelUnit;
use egui::PointerButton;
use egui::Pos2;
use egui::RawInput;
use egui::Rect;
use egui::TouchPhase;
use egui::Vec2;
use egui::ViewportId;
use egui::ViewportInfo;
use keyboard_types::KeyState;
use keyboard_types::KeyboardEvent;
use keyboard_types::Modifiers as Flags;
use keyboard_types::NamedKey;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// What has happened since the last picture.
pub(super) struct Input {
    raw: RawInput,
    max_texture_side: usize,
    pointer: Pos2,
    modifiers: Modifiers,
}

impl Input {
    pub(super) fn new(max_texture_side: usize) -> Self {
        let raw = RawInput { focused: false, ..RawInput::default() };
        Input { raw, max_texture_side, pointer: Pos2::ZERO, modifiers: Modifiers::NONE }
    }

    /// For the next picture of a window of that size, so long after it was opened.
    pub(super) fn take(&mut self, size: WindowSize, zoom: f32, since: Duration) -> RawInput {
        let scale = size.scale_factor as f32;
        let points = size.physical.to_logical::<f32>(size.scale_factor * f64::from(zoom));
        let viewport = ViewportInfo {
            native_pixels_per_point: Some(scale),
            focused: Some(self.raw.focused),
            ..ViewportInfo::default()
        };
        self.raw.viewports.insert(ViewportId::ROOT, viewport);
        self.raw.screen_rect = Some(Rect::from_min_size(Pos2::ZERO, Vec2::new(points.width, points.height)));
        self.raw.max_texture_side = Some(self.max_texture_side);
        self.raw.time = Some(since.as_secs_f64());
        self.raw.take()
    }

    pub(super) fn focus(&mut self, focused: bool) -> EventStatus {
        self.raw.focused = focused;
        self.raw.events.push(Event::WindowFocused(focused));
        if !focused {
            self.hold(Flags::empty()); // their release is reported elsewhere
        }
        EventStatus::Captured
    }

    /// The pointer, its buttons and wheel, and what it drags.
    pub(super) fn point(&mut self, event: MouseEvent, pixels_per_point: f32) -> EventStatus {
        match event {
            MouseEvent::CursorMoved { position, modifiers } => {
                self.hold(modifiers);
                self.move_to(position, pixels_per_point);
            }
            MouseEvent::CursorLeft => self.raw.events.push(Event::PointerGone),
            MouseEvent::ButtonPressed { button, modifiers } => self.click(button, true, modifiers),
            MouseEvent::ButtonReleased { button, modifiers } => self.click(button, false, modifiers),
            MouseEvent::WheelScrolled { delta, modifiers } => self.scroll(delta, modifiers),
            MouseEvent::DragEntered { position, data, .. } | MouseEvent::DragMoved { position, data, .. } => {
                self.drag_to(position, pixels_per_point);
                let hovered = |path| HoveredFile { path: Some(path), ..HoveredFile::default() };
                self.raw.hovered_files = files(data).into_iter().map(hovered).collect();
                return accept(!self.raw.hovered_files.is_empty());
            }
            MouseEvent::DragLeft => {
                self.raw.hovered_files.clear();
                self.raw.events.push(Event::PointerGone);
            }
            MouseEvent::DragDropped { position, data, .. } => {
                self.drag_to(position, pixels_per_point);
                self.raw.hovered_files.clear();
                let dropped = |path| -> DroppedFileHandle { Arc::new(Dropped(path)) };
                self.raw.dropped_files.extend(files(data).into_iter().map(dropped));
                return accept(!self.raw.dropped_files.is_empty());
            }
            _ => {}
        }
        EventStatus::Captured
    }

    fn move_to(&mut self, position: PhysicalPosition<f64>, pixels_per_point: f32) {
        self.pointer = Pos2::new(position.x as f32, position.y as f32) / pixels_per_point;
        self.raw.events.push(Event::PointerMoved(self.pointer));
    }

    /// On macOS drags are reported in the coordinates of the host's window, so nobody knows where they are in this one.
    fn drag_to(&mut self, position: PhysicalPosition<f64>, pixels_per_point: f32) {
        if !cfg!(target_os = "macos") {
            self.move_to(position, pixels_per_point);
        }
    }

    fn click(&mut self, button: MouseButton, pressed: bool, held: Flags) {
        self.hold(held);
        let button = match button {
            MouseButton::Left => PointerButton::Primary,
            MouseButton::Right => PointerButton::Secondary,
            MouseButton::Middle => PointerButton::Middle,
            MouseButton::Back => PointerButton::Extra1,
            MouseButton::Forward => PointerButton::Extra2,
            _ => return,
        };
        // Where it was last: it may be let go outside of the window.
        let (pos, modifiers) = (self.pointer, self.modifiers);
        self.raw.events.push(Event::PointerButton { pos, button, pressed, modifiers });
    }

    fn scroll(&mut self, delta: ScrollDelta, held: Flags) {
        self.hold(held);
        let (unit, delta) = match delta {
            // egui asks where the contents go. On macOS that is what is reported, elsewhere sideways it is where the view goes.
            ScrollDelta::Lines { x, y } if cfg!(target_os = "macos") => {
                (MouseWheelUnit::Line, Vec2::new(x, y))
            }
            ScrollDelta::Lines { x, y } => (MouseWheelUnit::Line, Vec2::new(-x, y)),
            ScrollDelta::Pixels { x, y } => (MouseWheelUnit::Point, Vec2::new(x, y)),
        };
        let (phase, source, modifiers) = (TouchPhase::Move, MouseWheelSource::Unknown, self.modifiers);
        self.raw.events.push(Event::MouseWheel { unit, delta, phase, source, modifiers });
    }

    /// A key that goes down or up: which, where egui knows it, and what is held. `clipboard` is asked for what is pasted.
    pub(super) fn press(
        &mut self,
        event: &KeyboardEvent,
        clipboard: impl FnOnce() -> Option<String>,
    ) -> (Option<Key>, Modifiers) {
        let pressed = event.state == KeyState::Down;
        self.hold(held_after(event));
        let modifiers = self.modifiers;
        let physical_key = Key::from_name(&event.code.to_string());
        // Letters of other scripts are no keys, but lie where shortcuts are looked for.
        let key = Key::from_name(&event.key.to_string()).or(physical_key);
        match key.filter(|_| pressed).and_then(|key| edit(key, modifiers)) {
            Some(Edit::Cut) => self.raw.events.push(Event::Cut),
            Some(Edit::Copy) => self.raw.events.push(Event::Copy),
            Some(Edit::Paste) => self.raw.events.extend(clipboard().map(Event::Paste)),
            None => {
                self.raw.events.extend(key.map(|key| {
                    let repeat = event.repeat;
                    Event::Key { key, physical_key, pressed, repeat, modifiers }
                }));
                let typed = text(event).filter(|_| pressed && !modifiers.ctrl && !modifiers.mac_cmd);
                self.raw.events.extend(typed.map(|text| Event::Text(text.to_owned())));
            }
        }
        (key, modifiers)
    }

    fn hold(&mut self, flags: Flags) {
        let mac = cfg!(target_os = "macos");
        let held = Modifiers {
            alt: flags.contains(Flags::ALT),
            ctrl: flags.contains(Flags::CONTROL),
            shift: flags.contains(Flags::SHIFT),
            mac_cmd: mac && flags.contains(Flags::META),
            command: flags.contains(if mac { Flags::META } else { Flags::CONTROL }),
        };
        if std::mem::replace(&mut self.modifiers, held) != held {
            self.raw.events.push(Event::ModifiersChanged(held));
        }
    }
}

/// Files alone can be dropped.
fn files(data: DropData) -> Vec<PathBuf> {
    match data {
        DropData::Files(paths) => paths,
        _ => Vec::new(),
    }
}

fn accept(anything: bool) -> EventStatus {
    if anything { EventStatus::AcceptDrop(DropEffect::Copy) } else { EventStatus::Ignored }
}

/// Events name what was held before; a modifier changes that itself.
fn held_after(event: &KeyboardEvent) -> Flags {
    let own = match event.key {
        keyboard_types::Key::Named(NamedKey::Shift) => Flags::SHIFT,
        keyboard_types::Key::Named(NamedKey::Control) => Flags::CONTROL,
        keyboard_types::Key::Named(NamedKey::Alt) => Flags::ALT,
        keyboard_types::Key::Named(NamedKey::Meta) => Flags::META,
        _ => Flags::empty(),
    };
    let mut held = event.modifiers;
    held.set(own, event.state == KeyState::Down);
    held
}

/// What a key writes.
fn text(event: &KeyboardEvent) -> Option<&str> {
    match &event.key {
        keyboard_types::Key::Character(text) if !text.chars().any(char::is_control) => Some(text),
        _ => None,
    }
}

/// What egui is told in place of the keys.
enum Edit {
    Cut,
    Copy,
    Paste,
}

fn edit(key: Key, modifiers: Modifiers) -> Option<Edit> {
    let Modifiers { command, shift, .. } = modifiers;
    match key {
        Key::Cut => Some(Edit::Cut),
        Key::Copy => Some(Edit::Copy),
        Key::Paste => Some(Edit::Paste),
        Key::X if command => Some(Edit::Cut),
        Key::C if command => Some(Edit::Copy),
        Key::V if command => Some(Edit::Paste),
        Key::Delete if shift => Some(Edit::Cut),
        Key::Insert if command => Some(Edit::Copy),
        Key::Insert if shift => Some(Edit::Paste),
        _ => None,
    }
}

/// A file on this computer.
#[derive(Debug)]
struct Dropped(PathBuf);

impl DroppedFile for Dropped {
    fn path(&self) -> &Path {
        &self.0
    }

    fn bytes(&self) -> Result<Vec<u8>, String> {
        std::fs::read(&self.0).map_err(|error| format!("{}: {error}", self.0.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use baseview::dpi::PhysicalSize;
    use keyboard_types::Code;

    const COMMAND: Flags = if cfg!(target_os = "macos") { Flags::META } else { Flags::CONTROL };

    fn size(width: u32, height: u32, scale: f64) -> WindowSize {
        WindowSize::from_physical(PhysicalSize::new(width, height), scale)
    }

    fn raw(input: &mut Input) -> RawInput {
        input.take(size(1280, 720, 1.0), 1.0, Duration::ZERO)
    }

    fn moved(x: f64, y: f64) -> MouseEvent {
        MouseEvent::CursorMoved { position: PhysicalPosition::new(x, y), modifiers: Flags::empty() }
    }

    fn dragged(paths: &[&str]) -> (PhysicalPosition<f64>, Flags, DropData) {
        let data = DropData::Files(paths.iter().map(PathBuf::from).collect());
        (PhysicalPosition::new(9.0, 9.0), Flags::empty(), data)
    }

    fn key(key: impl Into<keyboard_types::Key>, code: Code, modifiers: Flags) -> KeyboardEvent {
        KeyboardEvent { modifiers, ..KeyboardEvent::key_down(key, code) }
    }

    fn character(text: &str, code: Code, modifiers: Flags) -> KeyboardEvent {
        key(keyboard_types::Key::Character(text.to_owned()), code, modifiers)
    }

    /// What one key makes of it, without what is held.
    fn events(event: &KeyboardEvent) -> Vec<Event> {
        let mut input = Input::new(2048);
        input.press(event, || Some("from elsewhere".to_owned()));
        let all = raw(&mut input).events.into_iter();
        all.filter(|event| !matches!(event, Event::ModifiersChanged(_))).collect()
    }

    #[test]
    fn files_hover_until_they_leave_and_are_dropped_once() {
        let mut input = Input::new(2048);
        let paths = |raw: &RawInput| -> Vec<_> {
            raw.hovered_files.iter().filter_map(|file| file.path.clone()).collect()
        };
        let (position, modifiers, data) = dragged(&["/a.it", "/b.xm"]);
        let entered = MouseEvent::DragEntered { position, modifiers, data: data.clone() };
        assert_eq!(input.point(entered, 1.0), EventStatus::AcceptDrop(DropEffect::Copy));
        let moved = MouseEvent::DragMoved { position, modifiers, data: data.clone() };
        assert_eq!(input.point(moved, 2.0), EventStatus::AcceptDrop(DropEffect::Copy));
        let followed = input.raw.events.last() == Some(&Event::PointerMoved(Pos2::new(4.5, 4.5)));
        assert_eq!(followed, !cfg!(target_os = "macos"));
        for _ in 0..2 {
            assert_eq!(paths(&raw(&mut input)), [Path::new("/a.it"), Path::new("/b.xm")]);
        }
        input.point(MouseEvent::DragLeft, 1.0);
        let left = raw(&mut input);
        assert!(left.hovered_files.is_empty());
        assert_eq!(left.events, [Event::PointerGone]);
        let entered = MouseEvent::DragEntered { position, modifiers, data: data.clone() };
        input.point(entered, 1.0);
        let dropped = MouseEvent::DragDropped { position, modifiers, data };
        assert_eq!(input.point(dropped, 1.0), EventStatus::AcceptDrop(DropEffect::Copy));
        let first = raw(&mut input);
        let dropped: Vec<_> = first.dropped_files.iter().map(|file| file.path().to_owned()).collect();
        assert_eq!(dropped, [Path::new("/a.it"), Path::new("/b.xm")]);
        assert!(first.hovered_files.is_empty());
        assert!(raw(&mut input).dropped_files.is_empty());
    }

    #[test]
    fn what_is_no_file_is_not_accepted() {
        let mut input = Input::new(2048);
        for data in [DropData::None, DropData::Files(Vec::new())] {
            let (position, modifiers, _) = dragged(&[]);
            let entered = MouseEvent::DragEntered { position, modifiers, data: data.clone() };
            assert_eq!(input.point(entered, 1.0), EventStatus::Ignored);
            let dropped = MouseEvent::DragDropped { position, modifiers, data };
            assert_eq!(input.point(dropped, 1.0), EventStatus::Ignored);
        }
    }

    #[test]
    fn pixels_become_points_of_the_systems_scale_and_the_users_zoom() {
        let mut input = Input::new(2048);
        input.point(moved(300.0, 150.0), 3.0);
        let raw = input.take(size(2400, 1200, 2.0), 1.5, Duration::from_millis(1250));
        assert_eq!(raw.events, [Event::PointerMoved(Pos2::new(100.0, 50.0))]);
        assert_eq!(raw.screen_rect, Some(Rect::from_min_size(Pos2::ZERO, Vec2::new(800.0, 400.0))));
        assert_eq!(raw.viewport().native_pixels_per_point, Some(2.0));
        assert_eq!((raw.time, raw.max_texture_side), (Some(1.25), Some(2048)));
    }

    #[test]
    fn a_button_is_let_go_where_the_pointer_was_last_even_outside() {
        let mut input = Input::new(2048);
        let (button, modifiers) = (MouseButton::Right, Flags::SHIFT);
        input.point(moved(10.0, 20.0), 1.0);
        input.point(MouseEvent::ButtonPressed { button, modifiers }, 1.0);
        input.point(MouseEvent::CursorLeft, 1.0);
        input.point(MouseEvent::ButtonReleased { button, modifiers }, 1.0);
        let (pos, held) = (Pos2::new(10.0, 20.0), Modifiers::SHIFT);
        let click = |pressed| Event::PointerButton {
            pos,
            button: PointerButton::Secondary,
            pressed,
            modifiers: held,
        };
        let expected = [
            Event::PointerMoved(pos),
            Event::ModifiersChanged(held),
            click(true),
            Event::PointerGone,
            click(false),
        ];
        assert_eq!(raw(&mut input).events, expected);
    }

    #[test]
    fn the_wheel_moves_contents_down_and_right_and_pixels_stay_points() {
        let mut input = Input::new(2048);
        // The window library's sign of a wheel that is pushed to the left.
        let left = if cfg!(target_os = "macos") { 1.0 } else { -1.0 };
        let turns = [
            (ScrollDelta::Lines { x: 0.0, y: 1.0 }, MouseWheelUnit::Line, Vec2::new(0.0, 1.0)),
            (ScrollDelta::Lines { x: left, y: 0.0 }, MouseWheelUnit::Line, Vec2::new(1.0, 0.0)),
            (ScrollDelta::Pixels { x: 3.0, y: -4.0 }, MouseWheelUnit::Point, Vec2::new(3.0, -4.0)),
        ];
        for (delta, expected_unit, expected) in turns {
            input.point(MouseEvent::WheelScrolled { delta, modifiers: Flags::empty() }, 2.0);
            let events = raw(&mut input).events;
            let [Event::MouseWheel { unit, delta, .. }] = events[..] else { panic!("{events:?}") };
            assert_eq!((unit, delta), (expected_unit, expected));
        }
    }

    #[test]
    fn letters_are_keys_and_text_and_named_keys_are_no_text() {
        let pressed = |key, modifiers| Event::Key {
            key,
            physical_key: Some(key),
            pressed: true,
            repeat: false,
            modifiers,
        };
        let none = Modifiers::NONE;
        let typed = events(&character("a", Code::KeyA, Flags::empty()));
        assert_eq!(typed, [pressed(Key::A, none), Event::Text("a".to_owned())]);
        let typed = events(&character("A", Code::KeyA, Flags::SHIFT));
        assert_eq!(typed, [pressed(Key::A, Modifiers::SHIFT), Event::Text("A".to_owned())]);
        let typed = events(&character(" ", Code::Space, Flags::empty()));
        assert_eq!(typed, [pressed(Key::Space, none), Event::Text(" ".to_owned())]);
        for (named, code, known) in [
            (NamedKey::PageDown, Code::PageDown, Key::PageDown),
            (NamedKey::ArrowLeft, Code::ArrowLeft, Key::ArrowLeft),
            (NamedKey::Enter, Code::Enter, Key::Enter),
            (NamedKey::Tab, Code::Tab, Key::Tab),
            (NamedKey::F12, Code::F12, Key::F12),
        ] {
            assert_eq!(events(&key(named, code, Flags::empty())), [pressed(known, none)]);
        }
        let held = Modifiers { command: true, ctrl: !cfg!(target_os = "macos"), ..none };
        let held = Modifiers { mac_cmd: cfg!(target_os = "macos"), ..held };
        assert_eq!(events(&character("z", Code::KeyZ, COMMAND)), [pressed(Key::Z, held)]);
    }

    #[test]
    fn shortcuts_are_found_by_their_place_where_letters_are_of_another_script() {
        let mut input = Input::new(2048);
        let (key, held) = input.press(&character("я", Code::KeyZ, COMMAND), || None);
        assert_eq!((key, held.command), (Some(Key::Z), true));
        assert_eq!(events(&character("с", Code::KeyC, COMMAND)), [Event::Copy]);
    }

    #[test]
    fn cut_copy_and_paste_are_told_in_place_of_their_keys() {
        assert_eq!(events(&character("x", Code::KeyX, COMMAND)), [Event::Cut]);
        assert_eq!(events(&key(NamedKey::Delete, Code::Delete, Flags::SHIFT)), [Event::Cut]);
        let pasted = [Event::Paste("from elsewhere".to_owned())];
        assert_eq!(events(&character("v", Code::KeyV, COMMAND)), pasted);
        assert_eq!(events(&key(NamedKey::Insert, Code::Insert, Flags::SHIFT)), pasted);
    }

    #[test]
    fn a_modifier_is_held_from_its_own_press_to_its_release_or_until_the_focus_goes() {
        let mut input = Input::new(2048);
        let down = key(NamedKey::Shift, Code::ShiftLeft, Flags::empty());
        assert!(input.press(&down, || None).1.shift);
        let up = KeyboardEvent { state: KeyState::Up, modifiers: Flags::SHIFT, ..down.clone() };
        assert!(!input.press(&up, || None).1.shift);
        input.press(&down, || None);
        input.focus(false);
        let raw = raw(&mut input);
        assert_eq!(raw.events.last(), Some(&Event::ModifiersChanged(Modifiers::NONE)));
        assert!(!raw.focused);
    }
}
