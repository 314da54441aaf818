//! What sounds like which tracker: the tone of a song, and which kernels it is read with.
//!
//! Plain choices, made by parameters and read on the audio thread. No state.

use crate::dsp::read::Kernel;
use crate::sample::Interpolation;

/// How recordings are read and levels applied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    /// Float throughout, with ramps where a level steps.
    #[default]
    Clean,
    /// 16-bit samples and integer levels, as the trackers' own mixers.
    Authentic,
    /// Each frame is held until the next, as Paula does, behind the output of an Amiga; no interpolation.
    Amiga(AmigaModel),
}

/// Whose output circuit stands behind Paula.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AmigaModel {
    /// Amiga 500: soft, 6 dB per octave from 4.4 kHz.
    #[default]
    A500,
    /// Amiga 1200: open up to 34 kHz.
    A1200,
    /// No circuit; the LED filter does nothing either.
    Unfiltered,
}

impl Interpolation {
    /// Authentic keeps to integers where trackers did; splines and sincs are rounded to 16 bits once they are read.
    pub(crate) fn kernel(self, tone: Tone) -> Kernel {
        match (self, tone) {
            // Paula reads by itself; see `paula`.
            (Self::None, _) | (_, Tone::Amiga(_)) => Kernel::Nearest,
            (Self::Linear, Tone::Clean) => Kernel::Linear,
            (Self::Linear, Tone::Authentic) => Kernel::IntegerLinear,
            (Self::Cubic, _) => Kernel::Cubic,
            (Self::Sinc, _) => Kernel::Sinc,
        }
    }
}
