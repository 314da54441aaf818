//! `busker render`: a song or a rack into WAV files, with a progress bar.

use crate::arrival::Arrival;
use crate::desk;
use crate::failure::Failure;
use crate::source::Pace;
use crate::source::Source;
use crate::wav::Encoding;
use crate::wav::Format;
use crate::wav::Shape;
use crate::wav::Wav;
use busker::audio::AudioBuffer;
use busker::engine::RecorderStatus;
use busker::engine::Target;
use busker::mixer::Loudness;
use busker::rack::bus_stems;
use busker::rack::channel_stems;
use busker::rack::further_outputs;
use busker::rack::render::Length;
use busker::rack::render::RenderOptions;
use busker::rack::render::Rendering;
use busker::units::Decibels;
use busker::units::Gain;
use busker::units::SampleRate;
use clap::CommandFactory;
use clap::ValueEnum;
use clap::error::ErrorKind;
use indicatif::ProgressBar;
use indicatif::ProgressStyle;
use std::collections::BTreeSet;
use std::fs;
use std::ops::Range;
use std::path::Path;
use std::path::PathBuf;
use std::time::Instant;

/// Renders a song or a rack into a WAV file, to the same bits as in a host.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// A module (MOD, S3M, XM, IT) or a rack.
    song: PathBuf,
    /// The WAV file to write.
    #[arg(short, long)]
    output: PathBuf,
    /// Plays a WAV file of 1 to 8 channels into the main input: the rack is an effect of that width.
    #[arg(long, value_name = "WAV")]
    input: Option<PathBuf>,
    /// Plays a mono or stereo WAV file into the sidechain.
    #[arg(long, value_name = "WAV")]
    sidechain: Option<PathBuf>,
    /// Frames per second; without it the input's, or 48000.
    #[arg(long, value_parser = clap::value_parser!(u32).range(8_000..=384_000))]
    rate: Option<u32>,
    /// How samples are written.
    #[arg(long, value_enum, default_value = "f32")]
    format: Format,
    /// Adds triangular noise of one step before rounding to integers.
    #[arg(long)]
    dither: bool,
    /// How the song's samples are read; the rack's own setting without it.
    #[arg(long, value_enum)]
    tone: Option<Tone>,
    /// What stands between two frames of a sample; the rack's own setting without it.
    #[arg(long, value_enum)]
    interpolation: Option<Interpolation>,
    /// Whether gains move or jump; the rack's own setting without it.
    #[arg(long, value_enum)]
    ramping: Option<Ramping>,
    #[command(flatten)]
    pace: Pace,
    /// Renders so many seconds, whatever the song does.
    #[arg(long, conflicts_with = "loops", value_parser = seconds)]
    seconds: Option<f64>,
    /// How often the part that repeats is played; once without it, where nothing arrives on an input.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    loops: Option<u32>,
    /// Renders so many seconds more; without it, after an input, until the machines that it reaches have died away.
    #[arg(long, value_name = "SECONDS", value_parser = tail)]
    tail: Option<f64>,
    /// Frames rendered at once; changes nothing in what comes out.
    #[arg(long, default_value_t = 512, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    block_size: u32,
    /// Writes more files into this folder: for a song each channel, for a rack each further output that it uses, or,
    /// where it uses none, each bus that sounds.
    #[arg(long, value_name = "FOLDER")]
    stems: Option<PathBuf>,
    /// Records what the rack's recorder arms, from the first frame to the last, into this folder or else the rack's own.
    #[arg(long, value_name = "FOLDER")]
    record: Option<Option<PathBuf>>,
    /// Scales everything so that the mix peaks at -1 dBFS; recordings stay as they are.
    #[arg(long)]
    normalise: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Tone {
    /// Float throughout.
    Clean,
    /// Integers, as the trackers' own mixers.
    Authentic,
    /// An Amiga 500: Paula and its soft output filter.
    A500,
    /// An Amiga 1200: Paula and its open output.
    A1200,
    /// Paula without any filter.
    Paula,
}

#[derive(Clone, Copy, ValueEnum)]
enum Interpolation {
    /// The frame before.
    None,
    /// A straight line.
    Linear,
    /// A spline through four frames.
    Cubic,
    /// Eight taps of a windowed sinc.
    Sinc,
}

#[derive(Clone, Copy, ValueEnum)]
enum Ramping {
    /// As the song's tracker did.
    Format,
    /// Gains jump.
    Off,
    /// Gains move in every tone.
    On,
}

/// Frames per second where nothing says otherwise.
const RATE: u32 = 48_000;
/// Channels of the main input, at most.
const WIDEST_INPUT: usize = 8;
/// Channels of the sidechain.
const WIDEST_SIDECHAIN: usize = 2;
/// Where `--normalise` puts the loudest sample.
const NORMALISED: Decibels = Decibels(-1.0);

fn seconds(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if seconds.is_finite() && seconds > 0.0 { Ok(seconds) } else { Err("must be above 0".to_owned()) }
}

fn tail(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if seconds.is_finite() && seconds >= 0.0 { Ok(seconds) } else { Err("must be 0 or more".to_owned()) }
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    if arguments.dither && arguments.format == Format::F32 {
        let message = "--dither needs --format i16 or i24: floats are not rounded";
        crate::Arguments::command().error(ErrorKind::ArgumentConflict, message).exit();
    }
    let mut source = Source::open(&arguments.song)?.at(arguments.pace);
    if let Some(folder) = &arguments.record {
        let recorder = &mut source.rack.recorder.settings;
        if recorder.taps.is_empty() {
            let reason = "there is nothing to record: name sources in `taps` of the rack's [recorder]";
            return Err(Failure::new(&arguments.song, &reason));
        }
        recorder.folder = folder.clone().or(recorder.folder.take());
    }
    let arrivals = Arrivals::examine(arguments)?;
    let job = Job {
        options: options(arguments, &arrivals),
        arrivals,
        source,
        record: arguments.record.is_some(),
        started: Instant::now(),
    };
    let gain = if arguments.normalise { job.normalising_gain()? } else { 1.0 };
    let encoding = Encoding { format: arguments.format, dither: arguments.dither, gain };
    job.write(&arguments.output, arguments.stems.as_deref(), encoding)
}

/// What arrives on the desk.
struct Arrivals {
    main: Option<Arrival>,
    sidechain: Option<Arrival>,
    rate: u32,
}

impl Arrivals {
    fn examine(arguments: &Arguments) -> Result<Self, Failure> {
        let examine =
            |path: &Option<PathBuf>, most| path.as_ref().map(|path| Arrival::examine(path, most)).transpose();
        let main = examine(&arguments.input, WIDEST_INPUT)?;
        let sidechain = examine(&arguments.sidechain, WIDEST_SIDECHAIN)?;
        let own = main.as_ref().or(sidechain.as_ref()).map(|arrival| arrival.rate);
        let rate = arguments.rate.or(own).unwrap_or(RATE);
        let fitting = |arrival: Option<Arrival>| arrival.map(|arrival| arrival.at_rate(rate)).transpose();
        Ok(Self { main: fitting(main)?, sidechain: fitting(sidechain)?, rate })
    }

    /// Frames of the longer one.
    fn frames(&self) -> Option<u64> {
        self.main.iter().chain(&self.sidechain).map(|arrival| arrival.frames).max()
    }
}

fn options(arguments: &Arguments, arrivals: &Arrivals) -> RenderOptions {
    let tone = arguments.tone.map(|tone| (Target::Tone, f32::from(tone as u8)));
    let interpolation = arguments.interpolation.map(|kind| (Target::Interpolation, f32::from(kind as u8)));
    let ramping = arguments.ramping.map(|kind| (Target::Ramping, f32::from(kind as u8)));
    let length = match (arguments.seconds, arguments.loops, arrivals.frames()) {
        (Some(seconds), ..) => Length::Seconds(seconds),
        (None, Some(loops), _) => Length::Loops(loops),
        (None, None, Some(frames)) => Length::Input(frames),
        (None, None, None) => Length::Loops(1),
    };
    RenderOptions {
        rate: SampleRate(arrivals.rate.into()),
        length,
        tail: arguments.tail,
        block_size: arguments.block_size as usize,
        main_input: arrivals.main.as_ref().map_or(0, |main| main.channels),
        // The plugin's is always stereo.
        sidechain: if arrivals.sidechain.is_some() { WIDEST_SIDECHAIN } else { 0 },
        parameters: tone.into_iter().chain(interpolation).chain(ramping).collect(),
    }
}

/// One call of the command.
struct Job {
    source: Source,
    options: RenderOptions,
    arrivals: Arrivals,
    /// Whether the mix comes with recordings.
    record: bool,
    started: Instant,
}

/// A file for one output of a rendering.
struct Destination {
    output: usize,
    path: PathBuf,
}

impl Job {
    fn failed(&self, error: &dyn std::fmt::Display) -> Failure {
        Failure::new(&self.source.path, error)
    }

    /// Renders to the end; `each` gets the frames that count of every block.
    fn run(
        &self,
        rendering: &mut Rendering,
        what: &'static str,
        mut each: impl FnMut(Range<usize>, &[AudioBuffer]) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let open = |arrival: &Option<Arrival>| arrival.as_ref().map(Arrival::open).transpose();
        let (mut main, mut sidechain) = (open(&self.arrivals.main)?, open(&self.arrivals.sidechain)?);
        let bar = bar(rendering.frames(), what);
        while let Some(mut arriving) = rendering.arriving() {
            main.as_mut().map_or(Ok(()), |main| main.fill(&mut arriving.main))?;
            sidechain.as_mut().map_or(Ok(()), |side| side.fill(&mut arriving.sidechain))?;
            let Some((frames, outputs)) = rendering.next_block() else { break };
            bar.inc(frames.len() as u64);
            each(frames, outputs)?;
        }
        bar.finish_and_clear();
        Ok(())
    }

    /// Renders once without writing, to know the peak of the main output.
    fn normalising_gain(&self) -> Result<f32, Failure> {
        let mut rendering =
            Rendering::mix(&self.source.rack, &self.options).map_err(|error| self.failed(&error))?;
        let mut peak = 0.0_f32;
        self.run(&mut rendering, "measuring", |frames, outputs| {
            let planes =
                outputs.iter().take(1).flat_map(|main| (0..main.channels()).map(|n| main.channel(n)));
            let samples = planes.filter_map(|plane| plane.get(frames.clone())).flatten();
            peak = samples.fold(peak, |peak, sample| peak.max(sample.abs()));
            Ok(())
        })?;
        Ok(if peak > 0.0 { Gain::from(NORMALISED).0 / peak } else { 1.0 })
    }

    /// Writes the main output, and into `folder` what goes into files of its own.
    fn write(&self, path: &Path, folder: Option<&Path>, encoding: Encoding) -> Result<(), Failure> {
        let (rack, options) = (&self.source.rack, &self.options);
        let folder =
            folder.map(|folder| fs::create_dir_all(folder).map(|()| folder).map_err(Failure::file(folder)));
        let folder = folder.transpose()?;
        let mut destinations = vec![Destination { output: 0, path: path.to_owned() }];
        if let Some(folder) = folder.filter(|_| !self.source.is_song) {
            let further = further_outputs(rack, options);
            let paths = paths(folder, path, further.iter().map(|output| output.name.as_str()));
            let outputs = further.iter().map(|output| output.output);
            destinations.extend(outputs.zip(paths).map(|(output, path)| Destination { output, path }));
        }
        let outputs = destinations.iter().map(|to| to.output + 1).max().unwrap_or(1);
        let mut rendering = Rendering::desk(rack, options, outputs).map_err(|error| self.failed(&error))?;
        rendering.measure();
        if self.record {
            rendering.record(rack, Path::new("")).map_err(|error| self.failed(&error))?;
        }
        self.write_outputs(&mut rendering, &destinations, encoding)?;
        for trouble in rendering.lane_troubles() {
            eprintln!("{}: {trouble}", self.source.path.display());
        }
        if self.record {
            self.report_recordings(&rendering.recorded())?;
        }
        match folder {
            Some(folder) if destinations.len() == 1 => self.write_stems(folder, path, encoding),
            _ => Ok(()),
        }
    }

    fn write_stems(&self, folder: &Path, mix: &Path, encoding: Encoding) -> Result<(), Failure> {
        let rack = &self.source.rack;
        let groups = match self.source.is_song {
            true => channel_stems(rack).map_err(|error| self.failed(&error))?,
            false => bus_stems(rack, &self.options),
        };
        let names = groups.iter().flat_map(|group| group.names.iter().map(String::as_str));
        let mut paths = paths(folder, mix, names).into_iter();
        for group in &groups {
            let mut rendering =
                Rendering::stems(rack, &self.options, group).map_err(|error| self.failed(&error))?;
            // The main output comes first and is none of the stems.
            let destinations: Vec<Destination> = (1..=group.names.len())
                .zip(&mut paths)
                .map(|(output, path)| Destination { output, path })
                .collect();
            self.write_outputs(&mut rendering, &destinations, encoding)?;
        }
        Ok(())
    }

    fn write_outputs(
        &self,
        rendering: &mut Rendering,
        destinations: &[Destination],
        encoding: Encoding,
    ) -> Result<(), Failure> {
        let frames = rendering.frames();
        let mut wavs = Vec::new();
        for to in destinations {
            self.spare_what_is_read(&to.path)?;
            let shape = Shape { channels: rendering.channels(to.output), rate: self.arrivals.rate };
            let wav = Wav::create(&to.path, shape, encoding);
            wavs.push(wav.map_err(|error| Failure::new(&to.path, &error))?);
        }
        let what = if destinations.iter().any(|to| to.output == 0) { "rendering" } else { "stems" };
        self.run(rendering, what, |range, outputs| {
            for (wav, to) in wavs.iter_mut().zip(destinations) {
                let block = outputs.get(to.output).map(|output| output.block(range.end).slice(range.clone()));
                let written = block.map_or(Ok(()), |block| wav.write(&block));
                written.map_err(|error| Failure::new(&to.path, &error))?;
            }
            Ok(())
        })?;
        for (wav, to) in wavs.into_iter().zip(destinations) {
            self.report(&to.path, wav, frames)?;
            if to.output == 0 {
                report_loudness(&to.path, &rendering.loudness(), encoding);
            }
        }
        Ok(())
    }

    /// Refuses to write over the song, the rack or what comes in.
    fn spare_what_is_read(&self, path: &Path) -> Result<(), Failure> {
        let Ok(file) = fs::canonicalize(path) else { return Ok(()) }; // there is none yet
        let arrivals = self.arrivals.main.iter().chain(&self.arrivals.sidechain).map(|arrival| &arrival.path);
        let mut read = arrivals.chain([&self.source.path]).filter_map(|path| fs::canonicalize(path).ok());
        match read.any(|read| read == file) {
            true => {
                Err(Failure::new(path, &"this file is read for the rendering; name another one to write"))
            }
            false => Ok(()),
        }
    }

    fn report(&self, path: &Path, wav: Wav, frames: u64) -> Result<(), Failure> {
        let (peak, clipped) = wav.finish().map_err(|error| Failure::new(path, &error))?;
        let seconds = frames as f64 / self.options.rate.0;
        let level = Decibels::from(Gain(peak)).0;
        let factor = seconds / self.started.elapsed().as_secs_f64();
        println!(
            "{}: {seconds:.2} s, peak {level:.1} dBFS, {factor:.0} times real time so far",
            path.display()
        );
        if clipped > 0 {
            eprintln!("{}: {clipped} samples are cut off at full scale", path.display());
        }
        Ok(())
    }

    /// A line for each recording; the first that failed is given back.
    fn report_recordings(&self, status: &RecorderStatus) -> Result<(), Failure> {
        let whole = status.recordings.iter().filter(|(_, recording)| recording.error.is_none());
        for (tap, recording) in whole {
            let path = recording.path.display();
            let what = desk::tap(&self.source.rack.routing, tap);
            println!("{path}: {:.2} s, {what} recorded", recording.seconds);
            if recording.cut_off > 0 {
                eprintln!("{path}: {} samples are cut off at full scale", recording.cut_off);
            }
            if recording.dropped.frames > 0 {
                eprintln!("{path}: {} frames are missing and silent", recording.dropped.frames);
            }
        }
        status.error().map_or(Ok(()), |error| Err(self.failed(&error)))
    }
}

/// Of the file of the main output, which is louder by the encoding's gain than what was rendered.
fn report_loudness(path: &Path, loudness: &Loudness, encoding: Encoding) {
    let gain = Decibels::from(Gain(encoding.gain)).0;
    let Loudness { integrated, range, true_peak, .. } = loudness;
    println!(
        "{}: {:.1} LUFS integrated, loudness range {:.1} LU, true peak {:.1} dBTP",
        path.display(),
        integrated.0 + gain,
        range.0,
        true_peak.0 + gain
    );
}

/// A WAV file for each name in a folder; names that file systems refuse are changed, and equal ones told apart, from the
/// mix too where that is in the same folder.
fn paths<'a>(folder: &Path, mix: &Path, names: impl Iterator<Item = &'a str>) -> Vec<PathBuf> {
    let real = |folder: &Path| {
        let here = folder.as_os_str().is_empty();
        fs::canonicalize(if here { Path::new(".") } else { folder }).unwrap_or_else(|_| folder.to_owned())
    };
    let beside = mix.parent().is_some_and(|parent| real(parent) == real(folder));
    let mix = mix.file_stem().filter(|_| beside).map(|stem| stem.to_string_lossy().to_lowercase());
    let mut taken: BTreeSet<String> = mix.into_iter().collect();
    let path = |name: &str| {
        let safe = |c: char| if c.is_control() || r#"/\:*?"<>|"#.contains(c) { '-' } else { c };
        let name: String = name.chars().map(safe).collect();
        let name = Some(name.trim_matches([' ', '.'])).filter(|name| !name.is_empty()).unwrap_or("stem");
        let mut numbered = name.to_owned();
        for number in 2.. {
            if taken.insert(numbered.to_lowercase()) {
                break;
            }
            numbered = format!("{name} ({number})");
        }
        folder.join(format!("{numbered}.wav"))
    };
    names.map(path).collect()
}

/// Shown only where standard error is a terminal.
fn bar(frames: u64, what: &'static str) -> ProgressBar {
    let bar = ProgressBar::new(frames).with_message(what);
    if let Ok(style) = ProgressStyle::with_template("{msg:10} {wide_bar} {percent:3} %  {eta}") {
        bar.set_style(style);
    }
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_files_that_exist_everywhere_and_once() {
        let paths =
            paths(Path::new("a"), Path::new("b/x.wav"), ["Kick/Snare", "x", "X", "x", ".. "].into_iter());
        let names: Vec<_> = paths.iter().filter_map(|path| path.file_name()?.to_str()).collect();
        assert_eq!(names, ["Kick-Snare.wav", "x.wav", "X (2).wav", "x (3).wav", "stem.wav"]);
    }
}
