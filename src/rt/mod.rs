//! The roads between threads: ordered commands, newest values, bulk frames; and the float environment of the audio thread.
//!
//! Nothing here waits or frees on the audio thread; `shared` locks, and is for all other threads.

mod command;
mod denormals;
mod frames;
mod load;
mod meter;
mod scope;
pub(crate) mod shared;
mod watch;

pub use command::CommandReceiver;
pub use command::CommandSender;
pub use command::QueueFull;
pub use command::Retired;
pub use command::command_queue;
pub use denormals::NoDenormals;
pub use frames::DropCount;
pub use frames::Drops;
pub use frames::FrameReader;
pub use frames::FrameWriter;
pub use frames::Taken;
pub use frames::frame_ring;
pub use load::Load;
pub use load::LoadMeter;
pub use meter::Meter;
pub use meter::MeterWriter;
pub use meter::Reading;
pub use meter::STAGES;
pub use meter::meter;
pub use scope::SCOPE_POINTS;
pub use scope::ScopeReader;
pub use scope::ScopeWriter;
pub use scope::scopes;
pub use watch::Watch;
pub use watch::Watched;
pub use watch::watch;
