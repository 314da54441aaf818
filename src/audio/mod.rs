//! Blocks of planar audio, what makes and processes them, and how widths meet.
//!
//! `AudioBuffer` owns planes, `AudioBlock` and `AudioBlockMut` borrow them from a buffer or straight from the host, `Feed`
//! is a buffer that is only written where something sounds, `Placing` says where around a listener it is.
//! `AudioSource` is a recording, `AudioStream` sound in progress, `ChannelMix` the one operation at a graph edge.

mod block;
mod buffer;
mod channel_mix;
mod feed;
pub(crate) mod harmonics;
pub(crate) mod near;
mod note;
mod placing;
mod source;
mod stream;

pub use block::AudioBlock;
pub use block::AudioBlockMut;
pub use buffer::AudioBuffer;
pub use channel_mix::BroadcastMix;
pub use channel_mix::ChannelMix;
pub(crate) use channel_mix::Side;
pub use channel_mix::SurroundDownmix;
pub use channel_mix::TruncateOrZero;
pub use feed::Destinations;
pub use feed::Feed;
pub use feed::FieldOutlet;
pub use feed::InField;
pub use feed::Line;
pub use feed::OutletTraces;
pub use feed::Outlets;
pub use feed::Passage;
pub use feed::Passages;
pub use feed::Sender;
pub use feed::Senders;
pub use feed::Turned;
pub use feed::Turning;
pub use feed::Veil;
pub use near::NearFeeds;
pub use note::NotePlacer;
pub use note::PlacedNote;
pub use placing::Displaced;
pub use placing::Displacement;
pub use placing::PanningArc;
pub use placing::Placing;
pub use placing::Point;
pub use placing::Spot;
pub use placing::Stand;
pub use placing::Standing;
pub use placing::Weights;
pub use source::AudioSource;
pub use source::Plane;
pub use stream::Activity;
pub use stream::AudioStream;
pub use stream::ChannelConfig;
pub use stream::GRID;
pub use stream::Pan;
pub use stream::RenderContext;
pub use stream::Tail;

/// Frames the graph renders at once, at most.
pub const BLOCK_SIZE: usize = 256;

/// Sums over frames, such as a meter's, are taken in so many lanes: four vectors of AVX2, which hide the latency of an addition.
pub const LANES: usize = 32;

/// A sum in lanes: frame `n` counts in lane `n % LANES`, so that it rounds alike at every SIMD level and however it is cut.
pub type Lanes = [f32; LANES];

/// Channels of a block, at most: those of a field in space, with what sources send to their room.
pub const MAX_CHANNELS: usize = harmonics::FIELD_CHANNELS;
