//! `cargo xtask bounce`: a song, a MIDI file and automation through a plugin bundle into WAV files.

use std::path::Path;
use std::path::PathBuf;

use clap::Args;

use crate::bounce::BlockPlan;
use crate::bounce::Performance;
use crate::bounce::Rendering;
use crate::bounce::Source;
use crate::bounce::TimedEvent;
use crate::bounce::perform;
use crate::error::TaskError;
use crate::host::EventKind;
use crate::host::Format;
use crate::host::HostError;
use crate::host::ParameterInfo;
use crate::host::PluginHost;
use crate::host::clap_state;
use crate::host::find_parameter;
use crate::host::open;
use crate::host_time::Cue;
use crate::host_time::Segment;
use crate::host_time::TempoMap;
use crate::midi;
use crate::midi::Score;
use crate::paths;
use crate::sound::Levels;
use crate::sound::write_wav;
use crate::tools;

#[derive(Args)]
pub struct Arguments {
    /// The bundle, `.clap` or `.vst3`.
    #[arg(long)]
    plugin: PathBuf,
    /// Name or id of the plugin inside the bundle; the first without it.
    #[arg(long)]
    name: Option<String>,
    /// A module, a rack (`.busker.toml`), or a `.vstpreset` for VST3; the plugin's own song without it.
    #[arg(long)]
    song: Option<PathBuf>,
    /// A standard MIDI file; its tempo becomes the host's.
    #[arg(long)]
    midi: Option<PathBuf>,
    /// Points of one parameter, `ID=FRAME:VALUE,FRAME:VALUE…`: ID is a name, a number or a text id, VALUE is 0 to 1 or
    /// in the plugin's own words (`-6 dB`).
    #[arg(long, value_name = "ID=FRAME:VALUE,…")]
    automate: Vec<String>,
    /// The WAV file; further buses go beside it with their names added.
    #[arg(short, long)]
    output: PathBuf,
    /// Which output buses are written.
    #[arg(long, value_enum, default_value = "main")]
    outputs: Outputs,
    /// Frames per block, or `random` for 1 to 8192.
    #[arg(long, default_value = "512", value_parser = parse_blocks)]
    block_size: BlockPlan,
    /// Plays instead of bouncing: the plugin is told that time is real.
    #[arg(long)]
    realtime: bool,
    /// Length.
    #[arg(long, default_value_t = 60.0)]
    seconds: f64,
    /// Frames per second.
    #[arg(long, default_value_t = 48_000.0)]
    rate: f64,
    /// The host's tempo; replaces that of the MIDI file.
    #[arg(long)]
    tempo: Option<f64>,
    /// The host's loop in quarter notes from 0; it plays from the loop's start, unless a jump says otherwise.
    #[arg(long = "loop", value_name = "START:END", value_parser = parse_loop)]
    looping: Option<(f64, f64)>,
    /// Jumps to a quarter note after so many seconds; `0:-4` begins a bar before the start.
    #[arg(long = "jump", value_name = "SECONDS:BEAT", value_parser = parse_jump, allow_hyphen_values = true)]
    jumps: Vec<(f64, f64)>,
    /// Lets the host's blocks go on over loops, jumps and tempo changes instead of ending there.
    #[arg(long)]
    unsplit: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Outputs {
    /// The first bus.
    Main,
    /// Every bus.
    All,
}

fn parse_blocks(text: &str) -> Result<BlockPlan, String> {
    match text {
        "random" => Ok(BlockPlan::Random(1)),
        number => match number.parse() {
            Ok(frames @ 1..) => Ok(BlockPlan::Fixed(frames)),
            _ => Err("a number of frames from 1, or 'random'".to_owned()),
        },
    }
}

fn parse_pair(text: &str) -> Option<(f64, f64)> {
    let (first, second) = text.split_once(':')?;
    let number = |text: &str| text.trim().parse().ok().filter(|value: &f64| value.is_finite());
    Some((number(first)?, number(second)?))
}

fn parse_loop(text: &str) -> Result<(f64, f64), String> {
    let range = parse_pair(text).filter(|(start, end)| start < end);
    range.ok_or_else(|| "START:END in quarter notes, the end after the start".to_owned())
}

fn parse_jump(text: &str) -> Result<(f64, f64), String> {
    let jump = parse_pair(text).filter(|(seconds, _)| *seconds >= 0.0);
    jump.ok_or_else(|| "SECONDS:BEAT, seconds from 0".to_owned())
}

pub(super) fn run(arguments: &Arguments) -> Result<(), TaskError> {
    let bundle = open(&arguments.plugin)?;
    let first = bundle.plugins()?.into_iter().next().ok_or(HostError::Missing("plugin"))?;
    let mut host = bundle.instantiate(arguments.name.as_deref().unwrap_or(&first.name))?;
    let mut performance = Performance {
        source: arguments.song.as_deref().map_or(Ok(Source::Fresh), |song| source_of(song, host.format()))?,
        rate: arguments.rate,
        frames: (arguments.seconds * arguments.rate).round() as u64,
        blocks: arguments.block_size,
        offline: !arguments.realtime,
        ..Performance::default()
    };
    (performance.segments, performance.events) = score_of(arguments, performance.frames)?;
    performance.host.splits = !arguments.unsplit;
    let parameters = host.parameters();
    for text in &arguments.automate {
        performance.events.extend(automation(text, &parameters, &mut *host)?);
    }
    let rendering = perform(&mut *host, &performance)?;
    report(&format!("{}", host.format()), &rendering, arguments.seconds);
    write_buses(&rendering, arguments)
}

/// The host's time, and the notes it comes by.
fn score_of(arguments: &Arguments, frames: u64) -> Result<(Vec<Segment>, Vec<TimedEvent>), TaskError> {
    let score = match &arguments.midi {
        Some(file) => midi::read(&std::fs::read(file).map_err(TaskError::file(file))?, arguments.tempo)?,
        None => Score {
            map: TempoMap::constant(arguments.tempo.unwrap_or(Segment::default().tempo)),
            events: Vec::new(),
        },
    };
    let loop_beats = arguments.looping;
    let start = loop_beats.map_or(0.0, |(start, _)| start);
    let mut cues = vec![Cue { beat: Some(start), loop_beats, ..Cue::default() }];
    for &(seconds, beat) in &arguments.jumps {
        let frame = (seconds * arguments.rate).round() as u64;
        cues.push(Cue { frame, beat: Some(beat), loop_beats, ..Cue::default() });
    }
    cues.sort_by_key(|cue| cue.frame);
    let segments = score.map.segments(&cues, frames, arguments.rate);
    let events = score.along(&segments, frames, arguments.rate);
    Ok((segments, events))
}

/// How a song or a rack reaches a plugin: CLAP loads a song's file itself; everything else takes a preset made of it.
pub(super) fn source_of(song: &Path, format: Format) -> Result<Source, TaskError> {
    if !song.exists() {
        let gone = std::io::Error::from(std::io::ErrorKind::NotFound);
        return Err(TaskError::File { file: song.to_owned(), source: gone });
    }
    let has_extension = |wanted: &str| song.extension().is_some_and(|extension| extension == wanted);
    let is_rack = has_extension("toml");
    if has_extension("vstpreset") || (format == Format::Clap && !is_rack) {
        return Ok(Source::Preset(song.to_owned()));
    }
    let preset = preset_of(song)?;
    Ok(match format {
        Format::Clap => Source::State(clap_state(&preset)?),
        Format::Vst3 => Source::Preset(preset),
    })
}

/// The state that a song or a rack is, in a format's own form; either plugin takes it.
pub(super) fn state_of(song: &Path, format: Format) -> Result<Vec<u8>, TaskError> {
    let state = clap_state(&preset_of(song)?)?;
    Ok(match format {
        Format::Clap => state,
        Format::Vst3 => state.into_iter().skip(size_of::<u64>()).collect(),
    })
}

/// A preset made by the command line.
fn preset_of(song: &Path) -> Result<PathBuf, TaskError> {
    let song = std::path::absolute(song).map_err(TaskError::file(song))?;
    let folder = paths::target().join("presets");
    std::fs::create_dir_all(&folder).map_err(TaskError::file(&folder))?;
    let preset = folder.join(song.file_name().unwrap_or_default()).with_extension("vstpreset");
    let build =
        ["run", "--quiet", "--profile", "ci", "--no-default-features", "--bin", "busker", "--", "preset"];
    tools::run(tools::cargo().args(build).arg(song).arg("-o").arg(&preset))?;
    Ok(preset)
}

/// Reads `ID=FRAME:VALUE,…`.
fn automation(
    text: &str,
    parameters: &[ParameterInfo],
    host: &mut dyn PluginHost,
) -> Result<Vec<TimedEvent>, TaskError> {
    let wrong = |reason: &str| TaskError::Argument { argument: text.to_owned(), reason: reason.to_owned() };
    let (key, points) = text.split_once('=').ok_or_else(|| wrong("expected ID=FRAME:VALUE,…"))?;
    let parameter = find_parameter(parameters, key).ok_or_else(|| HostError::NoParameter(key.to_owned()))?;
    let mut events = Vec::new();
    for point in points.split(',') {
        let (frame, value) = point.split_once(':').ok_or_else(|| wrong("a point is FRAME:VALUE"))?;
        let frame = frame.trim().parse().map_err(|_| wrong("a point begins with a frame number"))?;
        let normalised = value.parse().ok().filter(|value| (0.0..=1.0).contains(value));
        let value = normalised.or_else(|| host.value_of(parameter.id, value));
        let value = value.ok_or_else(|| wrong("a value is 0 to 1 or words the plugin understands"))?;
        events.push(TimedEvent { frame, kind: EventKind::Parameter { id: parameter.id, value } });
    }
    Ok(events)
}

/// Prints what was rendered.
pub(super) fn report(title: &str, rendering: &Rendering, seconds: f64) {
    let factor = seconds / rendering.callbacks.elapsed().as_secs_f64();
    println!("{title}: {seconds:.1} s, {factor:.0} times real time, hash {:016x}", rendering.hash);
    println!("  {}", rendering.callbacks);
    for bus in &rendering.buses {
        let levels = Levels::of(&bus.planes);
        if levels.peak_db > f64::NEG_INFINITY {
            println!("  {:<12} {levels}", bus.name);
        }
    }
}

fn write_buses(rendering: &Rendering, arguments: &Arguments) -> Result<(), TaskError> {
    let count = if arguments.outputs == Outputs::All { rendering.buses.len() } else { 1 };
    for (index, bus) in rendering.buses.iter().take(count).enumerate() {
        let file = if index == 0 { arguments.output.clone() } else { beside(&arguments.output, &bus.name) };
        write_wav(&file, &bus.planes, arguments.rate)?;
        println!("wrote {}", file.display());
    }
    Ok(())
}

/// `out.wav` and `Bus 3` give `out Bus 3.wav`.
fn beside(file: &Path, name: &str) -> PathBuf {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let safe: String = name.chars().map(|c| if c.is_alphanumeric() { c } else { ' ' }).collect();
    file.with_file_name(format!("{stem} {safe}.wav"))
}
