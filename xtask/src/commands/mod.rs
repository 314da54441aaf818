//! The developer commands, one file each.

mod bounce;
mod bundle;
mod demo;
mod desk;
mod render;
mod screenshot;
mod test;

use clap::Subcommand;

use crate::error::TaskError;

/// What `cargo xtask` can do.
#[derive(Subcommand)]
#[non_exhaustive]
pub enum Command {
    /// Builds the plugin and bundles it as CLAP and VST3 under target/bundled.
    #[command(disable_help_flag = true)]
    Bundle(bundle::Arguments),
    /// Plays a song and a MIDI file through a bundled plugin and writes WAV files.
    Bounce(bounce::Arguments),
    /// Builds, bundles, plays the demo song through both formats and compares them.
    Demo(demo::Arguments),
    /// Writes the module that a new instance holds.
    DemoSong {
        /// Writes nothing; fails if what is checked in is not what the score gives.
        #[arg(long)]
        check: bool,
    },
    /// Generates the machines from their Faust sources.
    Faust {
        /// Writes nothing; fails if what is checked in is not what the sources give.
        #[arg(long)]
        check: bool,
    },
    /// Derives the HRIRs of space from the MIT KEMAR measurements.
    Hrir {
        /// Writes nothing; fails if what is checked in is not what the measurements give.
        #[arg(long)]
        check: bool,
    },
    /// Takes a picture of the editor.
    Screenshot(screenshot::Arguments),
    /// Runs everything that proves the project right.
    Test(test::Arguments),
    /// Renders a busy performance in this process; the sanitizer tests run it as a child.
    #[command(hide = true)]
    Render(render::Arguments),
    /// Plays and records the whole desk in this process; likewise.
    #[command(hide = true)]
    Desk(desk::Arguments),
}

impl Command {
    /// Runs the command.
    pub fn run(self) -> Result<(), TaskError> {
        match self {
            Self::Bundle(arguments) => bundle::run(arguments),
            Self::Bounce(arguments) => bounce::run(&arguments),
            Self::Demo(arguments) => demo::run(&arguments),
            Self::DemoSong { check } => crate::demo_song::run(check),
            Self::Faust { check } => crate::faust::run(check),
            Self::Hrir { check } => crate::hrir::run(check),
            Self::Screenshot(arguments) => screenshot::run(&arguments),
            Self::Test(arguments) => test::run(&arguments),
            Self::Render(arguments) => render::run(&arguments),
            Self::Desk(arguments) => desk::run(&arguments),
        }
    }
}
