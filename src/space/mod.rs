//! Sound in space: sources around a listener, by third-order ambisonics (ACN, SN3D) and one decode for all of them.
//!
//! In: mono or stereo sounds with their places. Out: a field of sixteen channels, and what two ears hear of it, or two
//! virtual microphones. Audio thread, except making. Azimuths count to the right, as hosts show them; inside, x is to the
//! front, y to the left and z up. What walls do is `room`'s.

mod decoder;
mod displacer;
mod doppler;
mod ears;
mod encoder;
mod follower;
#[cfg(test)]
mod measured;
mod near;
mod notes;
mod room;
mod rotation;
mod settings;
mod song;
mod stream;
#[cfg(test)]
mod tests;

pub use crate::audio::harmonics::CHANNELS;
pub use crate::audio::harmonics::FIELD_CHANNELS;
pub use decoder::Decoder;
pub use decoder::PreparedEars;
pub use displacer::Displacer;
pub use doppler::Doppler;
pub use ears::Ears;
pub use ears::EarsError;
pub use encoder::Encoder;
pub use encoder::orders;
pub use notes::NoteStand;
pub use notes::Notes;
pub use room::Material;
pub use room::Room;
pub use room::Shoebox;
pub use settings::Hearing;
pub use settings::Law;
pub use settings::Output;
pub use settings::Settings;
pub use song::MadeVeil;
pub use stream::Field;
pub use stream::Place;
pub use stream::Space;

use crate::audio::harmonics;
