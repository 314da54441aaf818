//! Machines: inserts generated from Faust sources, the two reverbs of the returns, and the registry of all.
//!
//! In: a stereo block. Out: the same block, processed in place. Instruments hear notes and add to a feed. Audio thread, except
//! making one, which allocates.
//! Sources stand in `faust`, their Rust in `generated`; `cargo xtask faust` turns one into the other, and building
//! needs neither Faust nor Python. A machine knows nothing of the host's parameters or of its place in the graph.

/// The one list of machines, in the order of menus, handed to the macro `$user`: those written by hand, and those made of
/// `faust/<module>.dsp`, whose module is also what racks save, each with its label and how long it sounds on; and the instruments,
/// with the groups of lanes that they have.
macro_rules! machines {
    ($user:ident) => {
        $user! {
            written {
                /// A room of sixteen delay lines with a decay for each of three bands, for returns.
                Fdn(fdn, room, "FDN Reverb", tail::fdn),
                /// The room of an impulse response, for returns.
                Convolution(convolution, convolution, "Convolution", tail::convolution),
                /// What a user has written in Faust; see [`Program`].
                Program(faust, program, "Faust Program", tail::program),
            }
            generated {
                /// Algorithmic stereo reverb: a feedback delay network of eight lines.
                Reverb(reverb::Reverb, "Reverb", tail::reverb),
                /// A plate reverb.
                Plate(plate::Plate, "Plate", tail::plate),
                /// A stereo delay in milliseconds or in note values of the host's tempo.
                Delay(delay::Delay, "Delay", tail::delay),
                /// Three voices a side.
                Chorus(chorus::Chorus, "Chorus", tail::chorus),
                /// A short, swept delay with feedback.
                Flanger(flanger::Flanger, "Flanger", tail::flanger),
                /// Swept allpasses with feedback.
                Phaser(phaser::Phaser, "Phaser", tail::phaser),
                /// A resonant filter of four poles with an envelope follower.
                Ladder(ladder::Ladder, "Ladder Filter", tail::ladder),
                /// Two cuts, two shelves and two bells.
                Equaliser(eq::Eq, "Equaliser", tail::equaliser),
                /// A compressor, which may hear its sidechain.
                Compressor(compressor::Compressor, "Compressor", tail::compressor),
                /// A gate, which may hear its sidechain.
                Gate(gate::Gate, "Gate", tail::gate),
                /// Few bits and a slow clock.
                Crusher(crusher::Crusher, "Bit Crusher", tail::distortion),
                /// Four curves.
                Distortion(distortion::Distortion, "Distortion", tail::distortion),
            }
            instruments {
                /// One voice that glides between keys.
                Lead(lead::Lead, lead::LeadLanes, "Mono Lead", 1),
                /// Sixteen voices, and eight more places for those that give way.
                Poly(poly::Poly, poly::PolyLanes, "Poly Synth", 3),
            }
        }
    };
}

macro_rules! generated_modules {
    (written { $($written:tt)* } generated {
        $($(#[$doc:meta])* $kind:ident($module:ident::$class:ident, $label:literal, $tail:path),)*
    } instruments {
        $($(#[$note:meta])* $played:ident(
            $source:ident::$voice:ident, $from:ident::$lanes:ident, $name:literal, $groups:literal
        ),)*
    }) => {
        mod generated {
            $(pub(super) mod $module;)*
            $(pub(super) mod $source;)*
        }
    };
}

machines!(generated_modules);

mod convolution;
mod impulse;
mod instrument;
mod kernel;
mod kind;
#[cfg(feature = "faust-runtime")]
mod libfaust;
mod node;
mod parameter;
mod program;
#[cfg(test)]
#[cfg(feature = "faust-runtime")]
mod program_tests;
#[cfg(test)]
mod reverb_tests;
mod room;
#[cfg(test)]
mod shelf_tests;
mod tail;
#[cfg(test)]
mod tests;
mod wet;

pub use impulse::Impulse;
pub use impulse::ImpulseError;
pub use instrument::Instrument;
pub use instrument::InstrumentKind;
pub use instrument::NoteControls;
pub use instrument::PlayedNote;
pub use kind::MachineKind;
pub use node::Machine;
pub use node::Tempo;
pub use parameter::MachineParameter;
pub use parameter::Scale;
pub use program::Program;
pub use program::ProgramError;
