//! A file manager's part of drag and drop on X11: files are dragged over a window and let go there.
//!
//! Version 5 of the XDND protocol, <https://www.freedesktop.org/wiki/Specifications/XDND/>.

use std::path::Path;
use std::time::Duration;
use std::time::Instant;

use x11rb::connection::Connection;
use x11rb::protocol::Event;
use x11rb::protocol::xproto::AtomEnum;
use x11rb::protocol::xproto::ClientMessageEvent;
use x11rb::protocol::xproto::ConnectionExt;
use x11rb::protocol::xproto::CreateWindowAux;
use x11rb::protocol::xproto::EventMask;
use x11rb::protocol::xproto::PropMode;
use x11rb::protocol::xproto::SELECTION_NOTIFY_EVENT;
use x11rb::protocol::xproto::SelectionNotifyEvent;
use x11rb::protocol::xproto::SelectionRequestEvent;
use x11rb::protocol::xproto::WindowClass;
use x11rb::rust_connection::RustConnection;
use x11rb::wrapper::ConnectionExt as _;

use crate::error::TaskError;

const VERSION: u32 = 5;

/// How long the target may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

x11rb::atom_manager! {
    Atoms: AtomsCookie {
        XdndActionCopy,
        XdndAware,
        XdndDrop,
        XdndEnter,
        XdndFinished,
        XdndPosition,
        XdndSelection,
        XdndStatus,
        Time: b"BUSKER_TIME",
        UriList: b"text/uri-list",
    }
}

fn failed(error: impl std::fmt::Display) -> TaskError {
    TaskError::Window(error.to_string())
}

/// A file that is dragged over a window which takes files.
pub(crate) struct Drag<'a> {
    connection: &'a RustConnection,
    atoms: Atoms,
    /// The window that the drag comes from; nobody sees it.
    source: u32,
    /// The window that it is over.
    target: u32,
    time: u32,
    list: String,
}

impl<'a> Drag<'a> {
    /// Moves a file over the middle of what lies in a window and waits until it would be taken there.
    pub(crate) fn over(
        connection: &'a RustConnection,
        window: u32,
        file: &Path,
        idle: impl FnMut(),
    ) -> Result<Self, TaskError> {
        let atoms = Atoms::new(connection).map_err(failed)?.reply().map_err(failed)?;
        let target = aware(connection, window, atoms.XdndAware)?
            .ok_or_else(|| TaskError::Claim("no window of the editor takes files".to_owned()))?;
        let source = source_window(connection)?;
        let list = format!("file://{}\r\n", escaped(file));
        let mut drag = Drag { connection, atoms, source, target, time: 0, list };
        drag.time = drag.server_time()?;
        drag.enter()?;
        let [_, flags, ..] = drag.answer(drag.atoms.XdndStatus, idle)?;
        if flags & 1 == 0 {
            return Err(TaskError::Claim("the editor does not take files".to_owned()));
        }
        Ok(drag)
    }

    /// Owns the selection, enters the target and moves to its middle.
    fn enter(&self) -> Result<(), TaskError> {
        let Drag { connection, atoms, source, target, time, .. } = self;
        let owned = connection.set_selection_owner(*source, atoms.XdndSelection, *time);
        owned.map_err(failed)?;
        self.send(atoms.XdndEnter, [*source, VERSION << 24, atoms.UriList, 0, 0])?;
        let size = connection.get_geometry(*target).map_err(failed)?.reply().map_err(failed)?;
        let (x, y) = (size.width as i16 / 2, size.height as i16 / 2);
        let root = connection.translate_coordinates(*target, size.root, x, y).map_err(failed)?;
        let root = root.reply().map_err(failed)?;
        let place = (root.dst_x as u32) << 16 | root.dst_y as u32;
        self.send(atoms.XdndPosition, [*source, 0, place, *time, atoms.XdndActionCopy])
    }

    /// Lets go, and waits until the file is taken.
    pub(crate) fn drop(self, idle: impl FnMut()) -> Result<(), TaskError> {
        self.send(self.atoms.XdndDrop, [self.source, 0, self.time, 0, 0])?;
        let [_, flags, action, ..] = self.answer(self.atoms.XdndFinished, idle)?;
        if flags & 1 == 0 || action != self.atoms.XdndActionCopy {
            return Err(TaskError::Claim("the editor did not take the file".to_owned()));
        }
        self.connection.destroy_window(self.source).map_err(failed)?;
        self.connection.flush().map_err(failed)
    }

    fn send(&self, kind: u32, data: [u32; 5]) -> Result<(), TaskError> {
        let message = ClientMessageEvent::new(32, self.target, kind, data);
        let sent = self.connection.send_event(false, self.target, EventMask::NO_EVENT, message);
        sent.map_err(failed)?;
        self.connection.flush().map_err(failed)
    }

    /// What the target says of that kind; it is given the file's name meanwhile.
    fn answer(&self, kind: u32, mut idle: impl FnMut()) -> Result<[u32; 5], TaskError> {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            idle();
            while let Some(event) = self.connection.poll_for_event().map_err(failed)? {
                match event {
                    Event::SelectionRequest(request) => self.give(&request)?,
                    Event::ClientMessage(message) if message.type_ == kind => {
                        return Ok(message.data.as_data32());
                    }
                    _ => {}
                }
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Err(TaskError::Claim("the editor does not answer what is dragged over it".to_owned()))
    }

    fn give(&self, request: &SelectionRequestEvent) -> Result<(), TaskError> {
        let SelectionRequestEvent { requestor, property, target, selection, time, .. } = *request;
        let list = self.list.as_bytes();
        let set = self.connection.change_property8(PropMode::REPLACE, requestor, property, target, list);
        set.map_err(failed)?;
        let done = SelectionNotifyEvent {
            response_type: SELECTION_NOTIFY_EVENT,
            sequence: 0,
            time,
            requestor,
            selection,
            target,
            property,
        };
        let sent = self.connection.send_event(false, requestor, EventMask::NO_EVENT, done);
        sent.map_err(failed)?;
        self.connection.flush().map_err(failed)
    }

    /// The server tells the time with every change of a property.
    fn server_time(&self) -> Result<u32, TaskError> {
        let (property, kind) = (self.atoms.Time, AtomEnum::INTEGER);
        let set = self.connection.change_property32(PropMode::APPEND, self.source, property, kind, &[]);
        set.map_err(failed)?;
        self.connection.flush().map_err(failed)?;
        loop {
            if let Event::PropertyNotify(event) = self.connection.wait_for_event().map_err(failed)? {
                return Ok(event.time);
            }
        }
    }
}

/// The first window inside of `window`, or itself, that takes what is dragged.
fn aware(connection: &RustConnection, window: u32, property: u32) -> Result<Option<u32>, TaskError> {
    let found = connection.get_property(false, window, property, AtomEnum::ANY, 0, 1).map_err(failed)?;
    if found.reply().map_err(failed)?.value_len > 0 {
        return Ok(Some(window));
    }
    let inside = connection.query_tree(window).map_err(failed)?.reply().map_err(failed)?;
    let found = inside.children.into_iter().map(|child| aware(connection, child, property));
    found.filter_map(Result::transpose).next().transpose()
}

fn source_window(connection: &RustConnection) -> Result<u32, TaskError> {
    let root = connection.setup().roots.first().ok_or_else(|| failed("the display has no screen"))?.root;
    let window = connection.generate_id().map_err(failed)?;
    let options = CreateWindowAux::new().event_mask(EventMask::PROPERTY_CHANGE);
    connection
        .create_window(0, window, root, 0, 0, 1, 1, 0, WindowClass::INPUT_ONLY, 0, &options)
        .map_err(failed)?;
    Ok(window)
}

/// A path as part of a URI.
fn escaped(file: &Path) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte);
    let bytes = file.as_os_str().as_encoded_bytes().iter();
    bytes
        .map(|&byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_uri_cannot_hold_is_escaped() {
        assert_eq!(escaped(Path::new("/a b/100%/ä.it")), "/a%20b/100%25/%C3%A4.it");
    }
}
