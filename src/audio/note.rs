//! A note that stands in space by itself, on its way from whoever plays it to whoever places it.

use super::AudioBlock;
use std::ops::Range;

/// The frames of one piece.
#[derive(Clone, Debug)]
pub struct PlacedNote<'a> {
    /// Which of the player's voices it is.
    pub voice: usize,
    /// Whose place it has.
    pub slot: usize,
    /// It begins here: what the voice was before is forgotten.
    pub begins: bool,
    /// It ends with these frames, which may be none.
    pub ends: bool,
    /// -1..=1, to the left and right of that place.
    pub pan: f32,
    /// Degrees to the right and up from where keys are, and a factor on their distance; `None` where no key has begun it.
    pub offset: Option<[f32; 3]>,
    /// Planes of its sound, 1 or 2.
    pub sides: usize,
    /// Of the block.
    pub range: Range<usize>,
    /// As long as the range; `None` is silence.
    pub sound: Option<AudioBlock<'a>>,
}

/// Who places notes.
pub type NotePlacer<'a> = dyn FnMut(&PlacedNote<'_>) + 'a;
