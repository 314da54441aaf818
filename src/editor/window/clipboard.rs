//! The system's clipboard, which is only asked for once somebody copies or pastes.

/// What is copied stays there as long as this does, or where a clipboard manager keeps it.
#[derive(Default)]
pub(super) struct Clipboard(Option<arboard::Clipboard>);

impl Clipboard {
    fn system(&mut self) -> Result<&mut arboard::Clipboard, arboard::Error> {
        match &mut self.0 {
            Some(system) => Ok(system),
            none => Ok(none.insert(arboard::Clipboard::new()?)),
        }
    }

    /// `None` where there is no text, or no clipboard.
    pub(super) fn text(&mut self) -> Option<String> {
        self.system().and_then(arboard::Clipboard::get_text).ok()
    }

    pub(super) fn set_text(&mut self, text: String) {
        if let Err(error) = self.system().and_then(|system| system.set_text(text)) {
            nice_plug::nice_warn!("nothing was copied: {error}");
        }
    }
}
