//! All that stands at the nodes of the desk's graph: the strips, and space behind them where any bus is in it.
//!
//! Audio thread.

use crate::audio::AudioStream;
use crate::graph::Streams;
use crate::mixer::SPACE_STREAM;
use crate::mixer::Strip;
use crate::space::Space;

/// Streams by their numbers in [`Routing`](crate::mixer::Routing)'s graph.
pub(super) struct Stage<'a> {
    pub(super) strips: &'a mut [Strip],
    pub(super) space: Option<&'a mut Space>,
}

impl Streams for Stage<'_> {
    fn stream(&self, number: usize) -> Option<&dyn AudioStream> {
        match number.checked_sub(SPACE_STREAM) {
            None => self.strips.get(number).map(|strip| strip as &dyn AudioStream),
            Some(number) => self.space.as_deref()?.stream(number),
        }
    }

    fn stream_mut(&mut self, number: usize) -> Option<&mut dyn AudioStream> {
        match number.checked_sub(SPACE_STREAM) {
            None => self.strips.get_mut(number).map(|strip| strip as &mut dyn AudioStream),
            Some(number) => self.space.as_deref_mut()?.stream_mut(number),
        }
    }
}
