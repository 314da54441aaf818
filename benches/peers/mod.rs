//! Other players of modules, found at run time through their C interfaces; a machine without them loses nothing else.
//!
//! In: a module's bytes and how it is to be read. Out: the peer's sound, in calls of a fixed length. Nothing of them is
//! linked: the libraries are opened by name where the system keeps them.
#![allow(unsafe_code)] // foreign functions; each call says why it is sound

mod openmpt;
mod xmp;

pub(crate) use openmpt::OpenMpt;
pub(crate) use xmp::Xmp;

use busker::engine;
use busker::engine::Kind;
use busker::engine::Target;
use busker::tracker::Interpolation;
use libloading::Library;

/// Frames per second of everything that is compared.
pub(crate) const RATE: u32 = 48_000;

/// Frames of one call.
pub(crate) const CALL: usize = 512;

/// What stands between two frames of a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    None,
    Linear,
    Cubic,
    Sinc,
}

/// All of them, in the order of the tables.
pub(crate) const READINGS: [Reading; 4] = [Reading::None, Reading::Linear, Reading::Cubic, Reading::Sinc];

impl Reading {
    /// Busker's name for it.
    pub(crate) fn interpolation(self) -> Interpolation {
        match self {
            Self::None => Interpolation::None,
            Self::Linear => Interpolation::Linear,
            Self::Cubic => Interpolation::Cubic,
            Self::Sinc => Interpolation::Sinc,
        }
    }

    /// The value of Busker's interpolation parameter, which has this name among its labels.
    pub(crate) fn parameter(self) -> f32 {
        let label = |label: &&str| label.eq_ignore_ascii_case(self.name());
        let spec = engine::table().into_iter().find(|spec| spec.target == Target::Interpolation);
        let index = spec.and_then(|spec| match spec.kind {
            Kind::Choice { labels, .. } => labels.iter().position(label),
            _ => None,
        });
        index.map_or(f32::NAN, |index| index as f32)
    }

    /// Short, for tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Linear => "linear",
            Self::Cubic => "cubic",
            Self::Sinc => "sinc",
        }
    }
}

/// Opens the first library of these names that the system has.
fn open(names: &[&str]) -> Option<Library> {
    // SAFETY: both libraries have initialisers that do nothing but set up their own data.
    names.iter().find_map(|name| unsafe { Library::new(name) }.ok())
}

/// The function of this name.
fn function<T: Copy>(library: &Library, name: &str) -> Option<T> {
    // SAFETY: callers give the type that the library's C header declares for `name`.
    unsafe { library.get::<T>(name.as_bytes()) }.ok().map(|symbol| *symbol)
}
