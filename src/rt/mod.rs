//! The roads between threads: ordered commands, newest values, and the float environment of the audio thread.
//!
//! Nothing here waits or frees on the audio thread; `shared` locks, and is for all other threads.

mod command;
mod denormals;
mod meter;
pub(crate) mod shared;

pub use command::CommandReceiver;
pub use command::CommandSender;
pub use command::QueueFull;
pub use command::Retired;
pub use command::command_queue;
pub use denormals::NoDenormals;
pub use meter::LevelReader;
pub use meter::LevelWriter;
pub use meter::level;
