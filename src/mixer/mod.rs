//! The mixing desk: strips, and the routing that turns into a graph of them.
//!
//! Song channels, keyboard slots and inputs feed buses; buses feed the master, a host output of their own, or both.
//! Routing is edited and compiled off the audio thread; strips run on it.

#[cfg(test)]
mod input_tests;
mod inputs;
mod look_ahead;
#[cfg(test)]
mod look_ahead_tests;
mod loudness;
mod matrix;
mod monitor;
mod outputs;
mod room;
mod route;
mod routing;
mod song_space;
mod source;
mod space;
mod spread;
mod strip;
mod tap;
mod unknown;

pub use inputs::Arrival;
pub use inputs::Inputs;
pub use look_ahead::look_ahead_latency;
pub use loudness::Loudness;
pub use loudness::LoudnessMeter;
pub use loudness::LoudnessReader;
pub use loudness::loudness;
pub use outputs::Outputs;
pub use room::RoomAround;
pub use room::RoomError;
pub use route::Connection;
pub use route::MixPolicy;
pub use route::Route;
pub use route::RouteError;
pub use route::SideSource;
pub use routing::Bus;
pub use routing::FIELD_SOURCE;
pub use routing::INPUT_CHANNEL_SOURCE;
pub use routing::INPUT_PLACE;
pub use routing::INPUT_SOURCE;
pub use routing::INSTRUMENT_SOURCE;
pub use routing::KEYBOARD_PLACE;
pub use routing::KEYBOARD_SOURCE;
pub use routing::LANE_PLACE;
pub use routing::LANE_SOURCE;
pub use routing::Layout;
pub use routing::MATRIX_SOURCE;
pub(crate) use routing::NOWHERE;
pub use routing::PLACES;
pub use routing::Routing;
pub use routing::SEND_SOURCE;
pub use routing::SIDECHAIN_SOURCE;
pub use routing::SONG_FIELD_SOURCE;
pub use routing::SONG_SOURCE;
pub use routing::SOURCES;
pub use routing::SPACE_STREAM;
pub use routing::SongBy;
pub use routing::VOICE_SOURCE;
pub use routing::source_channels;
pub use song_space::SongPlace;
pub use song_space::SongSpace;
pub use song_space::SongSpaceError;
pub use source::InputRoute;
pub use source::SourceRoute;
pub use space::BusSpace;
pub use space::Listener;
pub use space::NoSpaceOutput;
pub use space::NoteSpace;
pub use space::SpaceError;
pub use space::SpaceOutput;
pub use spread::Grouping;
pub use spread::SpreadBy;
pub use spread::gather;
pub use spread::spread;
pub use strip::Strip;
pub use tap::Tap;
pub use tap::TapPoint;
pub use tap::TapSource;
pub use tap::UnknownSource;
pub use unknown::Unknown;

use crate::rt::STAGES;

/// Song channels with outputs of their own.
pub const SONG_CHANNELS: usize = 64;
/// Input channels, those of the main input and then those of the sidechain.
pub const INPUT_CHANNELS: usize = 8;
/// Instruments of a module that can be routed, or samples where it has no instruments.
pub const INSTRUMENTS: usize = 255;
/// Outputs that a host can have, the main one among them.
pub const HOST_OUTPUTS: usize = 16;
/// Channels of a strip, at most.
pub const STRIP_CHANNELS: usize = 8;
/// Channels of the host's outputs with a gain and matrix cells of their own, the main output's first.
pub const OUTPUT_CHANNELS: usize = 8;
/// Mixing buses.
pub const BUSES: usize = 16;
/// Returns that sends feed.
pub const RETURNS: usize = 2;
/// Buses, returns and master.
pub const STRIPS: usize = BUSES + RETURNS + 1;
/// Index of the master among the strips.
pub const MASTER: usize = STRIPS - 1;
/// Insert slots of a strip.
pub const INSERTS: usize = STAGES;
/// Macros of an insert slot: the first controls of its machine.
pub const MACROS: usize = 8;

/// Name of a strip as users see it.
pub fn strip_name(strip: usize) -> String {
    match strip {
        MASTER => "Master".to_owned(),
        s if s >= BUSES => format!("Return {}", s - BUSES + 1),
        s => format!("Bus {}", s + 1),
    }
}
