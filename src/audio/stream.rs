//! Sound in progress: `AudioStream`, what a graph node is.
//!
//! A stream works in place on a block and advances its own state. Audio thread only. It knows nothing of the graph,
//! the host or the parameters.

use super::AudioBlock;
use super::AudioBlockMut;
use super::Feed;

/// Frames between two lines of the control grid, counted from `reset`.
pub const GRID: usize = 64;

/// How many channels a stream takes and gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChannelConfig {
    /// 0 for generators.
    pub inputs: u16,
    /// Width of what is left in the block.
    pub outputs: u16,
}

/// Whether a block is worth reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activity {
    /// Every sample of the block is 0.
    Silent,
    /// Some sample may differ from 0.
    Sounding,
}

/// How long a stream sounds on after its input has become silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tail {
    /// At most so many frames.
    Frames(u64),
    /// For ever.
    Endless,
}

/// Where the sound of a stream of one channel stands between both sides, once it meets a wider block.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pan<'a> {
    /// As if nobody had placed it.
    Middle,
    /// A factor for each side.
    Steady([f32; 2]),
    /// Both sides' factors for each frame.
    Moving([&'a [f32]; 2]),
}

/// Proof that a call comes from the engine's audio callback, and where in time it is.
///
/// Only the engine makes one (and tests); it cannot be stored.
#[derive(Debug)]
pub struct RenderContext<'a> {
    frame: u64,
    input: Activity,
    _audio_thread: std::marker::PhantomData<&'a mut ()>,
}

impl RenderContext<'_> {
    /// A context for a block that starts at `frame`, with input as `input` says.
    pub(crate) fn new(frame: u64, input: Activity) -> Self {
        Self { frame, input, _audio_thread: std::marker::PhantomData }
    }

    /// First frame of this block, counted from `reset`; the control grid lies on its multiples of [`GRID`].
    pub fn frame(&self) -> u64 {
        self.frame
    }

    /// Whether what arrives in the block is silent; a stream whose tail has passed may then sleep.
    pub fn input(&self) -> Activity {
        self.input
    }

    /// Frames from the start of this block to the next line of the control grid; 0 when the block starts on one.
    pub fn frames_to_grid(&self) -> usize {
        (self.frame.next_multiple_of(GRID as u64) - self.frame) as usize
    }
}

/// Stateful producer or processor of audio.
pub trait AudioStream: Send {
    /// Widths, constant for the life of the stream.
    fn channel_config(&self) -> ChannelConfig;

    /// Works in place: `io` holds the input and afterwards the output; `side` is the sidechain, `None` where it is silent.
    ///
    /// `io` has at most `BLOCK_SIZE` frames and the larger of both widths. Real-time: never waits, allocates or frees.
    fn render(
        &mut self,
        ctx: &mut RenderContext<'_>,
        side: Option<&AudioBlock<'_>>,
        io: &mut AudioBlockMut<'_>,
    ) -> Activity;

    /// The same with an input that sounds and lies in `from`, as wide and as long as `io`, which holds anything before; `None` from
    /// a stream that would have to copy it, and has done nothing then. A zero's sign does not count. Real-time.
    fn render_from(
        &mut self,
        _ctx: &mut RenderContext<'_>,
        _side: Option<&AudioBlock<'_>>,
        _from: &AudioBlock<'_>,
        _io: &mut AudioBlockMut<'_>,
    ) -> Option<Activity> {
        None
    }

    /// Whether silence in now gives silence out, so that `skip` may stand for `render`. Real-time.
    fn asleep(&self) -> bool {
        false
    }

    /// A further block that the last `render` or `skip` has begun and perhaps filled, as a strip's sends are.
    ///
    /// `None` where there is no such outlet. Real-time.
    fn outlet(&self, _number: usize) -> Option<&Feed> {
        None
    }

    /// Where the last block that was rendered stands, if it had one channel. Real-time.
    fn pan(&self) -> Pan<'_> {
        Pan::Middle
    }

    /// Back to the state of a new stream. Real-time.
    fn reset(&mut self);

    /// Advances by `frames` without sound, with silent outlets. Real-time.
    fn skip(&mut self, frames: usize);

    /// See [`Tail`]. Real-time.
    fn tail(&self) -> Tail {
        Tail::Frames(0)
    }
}
