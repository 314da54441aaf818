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
use busker::tracker::AmigaModel;
use busker::tracker::Interpolation;
use busker::tracker::Tone;
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
    /// Paula behind the output of an Amiga 1200, for modules of the Amiga.
    Amiga,
}

/// All interpolations, in the order of the tables.
pub(crate) const READINGS: [Reading; 4] = [Reading::None, Reading::Linear, Reading::Cubic, Reading::Sinc];

impl Reading {
    /// Busker's name for it.
    pub(crate) fn interpolation(self) -> Interpolation {
        match self {
            Self::None => Interpolation::None,
            Self::Linear => Interpolation::Linear,
            Self::Cubic => Interpolation::Cubic,
            Self::Sinc => Interpolation::Sinc,
            Self::Amiga => Interpolation::None,
        }
    }

    /// Busker's tone for it.
    pub(crate) fn tone(self) -> Tone {
        if self == Self::Amiga { Tone::Amiga(AmigaModel::A1200) } else { Tone::Clean }
    }

    /// Values of the engine's parameters for it.
    pub(crate) fn parameters(self) -> Vec<(Target, f32)> {
        let value = |target, label: &str| {
            let spec = engine::table().into_iter().find(|spec| spec.target == target);
            let index = spec.and_then(|spec| match spec.kind {
                Kind::Choice { labels, .. } => {
                    labels.iter().position(|known| known.eq_ignore_ascii_case(label))
                }
                _ => None,
            });
            (target, index.map_or(f32::NAN, |index| index as f32))
        };
        match self {
            Self::Amiga => vec![value(Target::Tone, "Amiga 1200")],
            _ => vec![value(Target::Interpolation, self.name())],
        }
    }

    /// Short, for tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Linear => "linear",
            Self::Cubic => "cubic",
            Self::Sinc => "sinc",
            Self::Amiga => "amiga",
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
