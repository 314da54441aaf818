//! One-shots, loops and ambiences: recordings in slots that keys and parameters trigger.
//!
//! In: a [`Bank`] of slots, made by the worker, and triggers, releases and chokes on their frames. Out: sound added to one
//! feed for each bus. Audio thread, apart from what makes banks and pools. 1,024 voices sound at once, and as many more may be
//! fading out; whatever blocks time is cut into, the bits are the same. Files are read elsewhere: see `sample::decode`.

mod bank;
mod chance;
mod control;
mod one;
mod pool;
#[cfg(test)]
mod tests;

pub use bank::Bank;
pub use bank::CHOKE_GROUPS;
pub use bank::Play;
pub use bank::SLOTS;
pub use bank::Slot;
pub use bank::Take;
pub use pool::Cause;
pub use pool::PLACES;
pub use pool::Pool;
pub use pool::VOICES;
