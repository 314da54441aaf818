//! `busker rack`: a song or a rack as a rack file of its own, spread over outputs where that is asked for.

use crate::failure::Failure;
use crate::source::Pace;
use crate::source::Source;
use busker::mixer;
use busker::mixer::BUSES;
use busker::mixer::Grouping;
use busker::mixer::Route;
use busker::mixer::Routing;
use busker::mixer::SpreadBy;
use clap::ValueEnum;
use std::fs;
use std::path::PathBuf;

/// Writes a song or a rack as a rack file, with the song inside.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// A module (MOD, S3M, XM, IT) or a rack.
    song: PathBuf,
    /// Where to write; named `.busker.toml`.
    #[arg(short, long)]
    output: PathBuf,
    #[command(flatten)]
    pace: Pace,
    /// Gives what the song plays buses and host outputs of its own, from output 2 on, and names the buses.
    #[arg(long, value_enum)]
    spread: Option<By>,
    /// What shares an output when a song is spread.
    #[arg(long, value_enum, default_value = "each", requires = "spread")]
    group: Group,
    /// Takes a spread back: everything goes to the master again, as on a new desk.
    #[arg(long, conflicts_with = "spread")]
    gather: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum By {
    /// Song channels.
    Channels,
    /// Instruments, or samples where the song has no instruments.
    Instruments,
}

#[derive(Clone, Copy, ValueEnum)]
enum Group {
    /// Nothing.
    Each,
    /// Two that are panned to mirrored places.
    Pairs,
    /// Those that play the same sample most.
    Samples,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let mut source = Source::open(&arguments.song)?.at(arguments.pace);
    let told = match arguments.spread {
        Some(by) => {
            let by = match by {
                By::Channels => SpreadBy::Channels,
                By::Instruments => SpreadBy::Instruments,
            };
            let grouping = match arguments.group {
                Group::Each => Grouping::Each,
                Group::Pairs => Grouping::StereoPairs,
                Group::Samples => Grouping::Samples,
            };
            let song = source.song()?;
            mixer::spread(&mut source.rack.routing, &song, by, grouping);
            told(&source.rack.routing)
        }
        None => String::new(),
    };
    if arguments.gather {
        mixer::gather(&mut source.rack.routing);
    }
    let text = source.rack.to_toml().map_err(|error| Failure::new(&arguments.song, &error))?;
    fs::write(&arguments.output, text).map_err(Failure::file(&arguments.output))?;
    print!("{told}");
    Ok(())
}

/// What each output carries.
fn told(routing: &Routing) -> String {
    let outputs = routing.buses.iter().enumerate().flat_map(|(bus, ways)| {
        ways.to.iter().filter_map(move |way| match way.to {
            Route::Output(output) => Some(format!("output {:2}  {}\n", output + 1, routing.bus_name(bus))),
            Route::Master | Route::Bus(_) => None,
        })
    });
    let others = routing.bus_name(BUSES - 1);
    outputs.chain([format!("main       {others}\n")]).collect()
}
