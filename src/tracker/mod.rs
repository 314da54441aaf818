//! Tracker modules: loaders, replay and sound of MOD, S3M, XM and IT.
//!
//! Loaders turn each format's bytes into a [`Song`] on a worker; replay turns its rows and ticks into the state of
//! channels, which are rendered on the audio thread.

pub mod load;
pub mod song;

mod adlib;
#[cfg(test)]
mod broken_tests;
mod chase;
#[cfg(test)]
mod chase_tests;
mod control;
#[cfg(test)]
mod corpus;
#[cfg(any(test, fuzzing))]
pub mod drill;
mod effect;
#[cfg(test)]
mod effect_tests;
mod envelope;
mod filter;
#[cfg(test)]
mod fixture;
mod flow;
mod gain;
mod instrument;
mod inversion;
#[cfg(test)]
mod it_tests;
mod keyboard;
mod launch;
mod life;
mod loudness;
mod macros;
mod mix;
mod mixdown;
mod nna;
mod notation;
mod note;
mod notes;
mod panorama;
mod paula;
mod period;
mod pitch;
mod player;
mod replace;
mod retrigger;
mod revision;
#[cfg(test)]
mod robustness;
mod row;
mod rules;
#[cfg(test)]
mod s3m_tests;
mod snapshot;
mod state;
mod tick;
mod timeline;
mod trace;
mod trim;
mod voice;
mod volume;
mod walk;
mod wave;
mod ways;
#[cfg(test)]
mod xm_tests;

pub use crate::sample::Interpolation;
pub use chase::Chase;
pub use chase::Chaser;
pub use gain::Ramping;
pub use keyboard::KEYBOARD_PLACES;
pub use keyboard::KEYBOARD_SLOTS;
pub use keyboard::KEYBOARD_VOICES;
pub use keyboard::KeyNote;
pub use keyboard::KeyPress;
pub use keyboard::KeySound;
pub use keyboard::Keyboard;
pub use launch::PatternPlaces;
pub use launch::PatternPlayer;
pub use mix::AmigaModel;
pub use mix::Tone;
pub use mixdown::Mixdown;
pub use notation::Written;
pub use notes::BEND_RANGE;
pub use notes::ChannelNotes;
pub use notes::NO_BEND;
pub use notes::NoteMessage;
pub use panorama::Separation;
pub use player::Position;
pub use player::SongPlayer;
pub use replace::Replaced;
pub use replace::Replacement;
pub use snapshot::Snapshots;
pub use song::Song;
pub use timeline::Timeline;
pub use trace::trace;
pub use trim::default_trim;
pub use voice::ChannelState;
