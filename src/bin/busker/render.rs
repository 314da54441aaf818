//! `busker render`: a song or a rack into WAV files, with a progress bar.

use crate::failure::Failure;
use crate::source::Pace;
use crate::source::Source;
use crate::wav::Encoding;
use crate::wav::Format;
use crate::wav::Wav;
use busker::engine::Target;
use busker::rack::render::Length;
use busker::rack::render::RenderOptions;
use busker::rack::render::Rendering;
use busker::rack::render::StemGroup;
use busker::rack::render::bus_stems;
use busker::rack::render::channel_stems;
use busker::units::Decibels;
use busker::units::Gain;
use busker::units::SampleRate;
use clap::CommandFactory;
use clap::ValueEnum;
use clap::error::ErrorKind;
use indicatif::ProgressBar;
use indicatif::ProgressStyle;
use std::fs;
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
    /// Frames per second.
    #[arg(long, default_value_t = 48_000, value_parser = clap::value_parser!(u32).range(8_000..=384_000))]
    rate: u32,
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
    /// How often the part that repeats is played.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    loops: u32,
    /// Frames rendered at once; changes nothing in what comes out.
    #[arg(long, default_value_t = 512, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    block_size: u32,
    /// Writes a file for each song channel, or for each bus of a rack, into this folder too.
    #[arg(long, value_name = "FOLDER")]
    stems: Option<PathBuf>,
    /// Scales everything so that the mix peaks at -1 dBFS.
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

/// Where `--normalise` puts the loudest sample.
const NORMALISED: Decibels = Decibels(-1.0);

fn seconds(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if seconds.is_finite() && seconds > 0.0 { Ok(seconds) } else { Err("must be above 0".to_owned()) }
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    if arguments.dither && arguments.format == Format::F32 {
        let message = "--dither needs --format i16 or i24: floats are not rounded";
        crate::Arguments::command().error(ErrorKind::ArgumentConflict, message).exit();
    }
    let source = Source::open(&arguments.song)?.at(arguments.pace);
    let job = Job { options: options(arguments), source, started: Instant::now() };
    let gain = if arguments.normalise { job.normalising_gain()? } else { 1.0 };
    let encoding = Encoding { format: arguments.format, dither: arguments.dither, gain };
    job.write_mix(&arguments.output, encoding)?;
    match &arguments.stems {
        Some(folder) => job.write_stems(folder, encoding),
        None => Ok(()),
    }
}

fn options(arguments: &Arguments) -> RenderOptions {
    let tone = arguments.tone.map(|tone| (Target::Tone, f32::from(tone as u8)));
    let interpolation = arguments.interpolation.map(|kind| (Target::Interpolation, f32::from(kind as u8)));
    let ramping = arguments.ramping.map(|kind| (Target::Ramping, f32::from(kind as u8)));
    RenderOptions {
        rate: SampleRate(arguments.rate.into()),
        length: arguments.seconds.map_or(Length::Loops(arguments.loops), Length::Seconds),
        block_size: arguments.block_size as usize,
        parameters: tone.into_iter().chain(interpolation).chain(ramping).collect(),
    }
}

/// One call of the command.
struct Job {
    source: Source,
    options: RenderOptions,
    started: Instant,
}

impl Job {
    fn mix(&self) -> Result<Rendering, Failure> {
        Rendering::mix(&self.source.rack, &self.options)
            .map_err(|error| Failure::new(&self.source.path, &error))
    }

    /// Renders once without writing, to know the peak.
    fn normalising_gain(&self) -> Result<f32, Failure> {
        let mut rendering = self.mix()?;
        let bar = bar(rendering.frames(), "measuring");
        let mut peak = 0.0_f32;
        while let Some((frames, outputs)) = rendering.next_block() {
            let samples = outputs.iter().flat_map(|output| [output.channel(0), output.channel(1)]);
            peak =
                samples.flat_map(|plane| plane.iter().take(frames)).fold(peak, |peak, x| peak.max(x.abs()));
            bar.inc(frames as u64);
        }
        bar.finish_and_clear();
        Ok(if peak > 0.0 { Gain::from(NORMALISED).0 / peak } else { 1.0 })
    }

    fn write_mix(&self, path: &Path, encoding: Encoding) -> Result<(), Failure> {
        let mut rendering = self.mix()?;
        let mut wav = self.create(path, encoding)?;
        let bar = bar(rendering.frames(), "rendering");
        while let Some((frames, outputs)) = rendering.next_block() {
            for output in outputs {
                wav.write(&output.channel(0)[..frames], &output.channel(1)[..frames])
                    .map_err(|error| Failure::new(path, &error))?;
            }
            bar.inc(frames as u64);
        }
        bar.finish_and_clear();
        self.report(path, wav, rendering.frames())
    }

    fn write_stems(&self, folder: &Path, encoding: Encoding) -> Result<(), Failure> {
        fs::create_dir_all(folder).map_err(Failure::file(folder))?;
        let rack = &self.source.rack;
        let failed = |error: &dyn std::fmt::Display| Failure::new(&self.source.path, error);
        let groups = match self.source.is_song {
            true => channel_stems(rack).map_err(|error| failed(&error))?,
            false => bus_stems(rack),
        };
        for group in &groups {
            let rendering = Rendering::stems(rack, &self.options, group).map_err(|error| failed(&error))?;
            self.write_group(folder, group, rendering, encoding)?;
        }
        Ok(())
    }

    fn write_group(
        &self,
        folder: &Path,
        group: &StemGroup,
        mut rendering: Rendering,
        encoding: Encoding,
    ) -> Result<(), Failure> {
        let paths: Vec<PathBuf> = group.names.iter().map(|name| folder.join(format!("{name}.wav"))).collect();
        let mut wavs = paths.iter().map(|path| self.create(path, encoding)).collect::<Result<Vec<_>, _>>()?;
        let bar = bar(rendering.frames(), "stems");
        while let Some((frames, outputs)) = rendering.next_block() {
            // The main output comes first and is none of the stems.
            for ((output, wav), path) in outputs.iter().skip(1).zip(&mut wavs).zip(&paths) {
                wav.write(&output.channel(0)[..frames], &output.channel(1)[..frames])
                    .map_err(|error| Failure::new(path, &error))?;
            }
            bar.inc(frames as u64);
        }
        bar.finish_and_clear();
        let frames = rendering.frames();
        wavs.into_iter().zip(&paths).try_for_each(|(wav, path)| self.report(path, wav, frames))
    }

    fn create(&self, path: &Path, encoding: Encoding) -> Result<Wav, Failure> {
        Wav::create(path, self.options.rate.0 as u32, encoding).map_err(|error| Failure::new(path, &error))
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
}

/// Shown only where standard error is a terminal.
fn bar(frames: u64, what: &'static str) -> ProgressBar {
    let bar = ProgressBar::new(frames).with_message(what);
    if let Ok(style) = ProgressStyle::with_template("{msg:10} {wide_bar} {percent:3} %  {eta}") {
        bar.set_style(style);
    }
    bar
}
