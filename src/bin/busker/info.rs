//! `busker info`: what is in a song and on the desk of a rack, for people or as JSON.

use crate::desk::Desk;
use crate::failure::Failure;
use crate::source::Pace;
use crate::source::Source;
use busker::audio::AudioSource;
use busker::sample::SampleData;
use busker::tracker::Song;
use busker::tracker::Timeline;
use busker::tracker::song::Order;
use serde::Serialize;
use std::io::ErrorKind;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

/// Says what is in a song or on the desk of a rack.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// A module (MOD, S3M, XM, IT) or a rack.
    song: PathBuf,
    #[command(flatten)]
    pace: Pace,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

/// What is printed: the song's fields, and the desk's in one of their own.
#[derive(Serialize)]
struct Told {
    #[serde(flatten)]
    song: Option<Info>,
    #[serde(skip_serializing_if = "Option::is_none")]
    desk: Option<Desk>,
}

#[derive(Serialize)]
struct Info {
    file: String,
    title: String,
    format: String,
    made_with: String,
    /// Intro and loop once.
    seconds: f64,
    /// The part that repeats.
    loop_seconds: f64,
    ticks: usize,
    channels: usize,
    /// Only those that the file names.
    channel_names: Vec<String>,
    orders: usize,
    patterns: usize,
    speed: u8,
    tempo: u8,
    instruments: Vec<String>,
    samples: Vec<SampleInfo>,
    message: String,
}

#[derive(Serialize)]
struct SampleInfo {
    name: String,
    frames: usize,
    channels: u16,
    bits: u8,
    c5_speed: u32,
    /// First frame, one past the last.
    #[serde(rename = "loop")]
    sample_loop: Option<[u32; 2]>,
    adlib: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let source = Source::open(&arguments.song)?.at(arguments.pace);
    let song = source.rack.song.as_ref().map(|_| source.song()).transpose()?;
    let desk = (!source.is_song).then(|| Desk::of(&source.rack, song.as_deref()));
    let song = source.rack.song.as_ref().zip(song.as_ref());
    let song = song.map(|(module, song)| describe(module.name.clone(), song, &Timeline::build(song)));
    let told = Told { song, desk };
    let text = if arguments.json {
        serde_json::to_string_pretty(&told).map_err(|error| Failure::new(&arguments.song, &error))? + "\n"
    } else {
        let desk = told.desk.as_ref().map(|desk| format!("{}\n{}", arguments.song.display(), desk.text()));
        desk.into_iter().chain(told.song.as_ref().map(text_of)).collect()
    };
    match std::io::stdout().write_all(text.as_bytes()) {
        // Whoever reads may stop early, as `head` does.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::new(Path::new("standard output"), &error))
        }
        _ => Ok(()),
    }
}

fn describe(file: String, song: &Song, timeline: &Timeline) -> Info {
    let looped = timeline.loop_start()..timeline.ticks().len();
    let names = song.channels.iter().map(|channel| channel.name.clone()).filter(|name| !name.is_empty());
    Info {
        file,
        title: song.title.clone(),
        format: song.format.to_string(),
        made_with: song.made_with.to_string(),
        seconds: timeline.seconds(),
        loop_seconds: looped.map(|tick| timeline.tick_seconds(tick)).sum(),
        ticks: timeline.ticks().len(),
        channels: song.channels.len(),
        channel_names: names.collect(),
        orders: song.orders.iter().filter(|order| matches!(order, Order::Pattern(_))).count(),
        patterns: song.patterns.len(),
        speed: song.initial_speed,
        tempo: song.initial_tempo,
        instruments: song.instruments.iter().map(|instrument| instrument.name.clone()).collect(),
        samples: song.samples.iter().map(describe_sample).collect(),
        message: song.message.clone(),
    }
}

fn describe_sample(sample: &busker::tracker::song::Sample) -> SampleInfo {
    let bits = match &*sample.data {
        SampleData::Mono8(_) | SampleData::Stereo8(_) => 8,
        SampleData::Mono16(_) | SampleData::Stereo16(_) => 16,
        SampleData::Float(_) => 32,
    };
    SampleInfo {
        name: sample.name.clone(),
        frames: sample.data.frames(),
        channels: sample.data.channels(),
        bits,
        c5_speed: sample.c5_speed,
        sample_loop: sample.sample_loop.map(|bounds| [bounds.start, bounds.end]),
        adlib: sample.adlib.is_some(),
    }
}

fn text_of(info: &Info) -> String {
    let title = if info.title.is_empty() { "untitled" } else { &info.title };
    let mut lines = vec![
        format!("{title} ({})", info.file),
        format!("  {} made with {}", info.format, info.made_with),
        format!("  {}, of which {} repeat", clock(info.seconds), clock(info.loop_seconds)),
        format!(
            "  {} channels, {} orders, {} patterns, speed {}, tempo {}",
            info.channels, info.orders, info.patterns, info.speed, info.tempo
        ),
    ];
    let instruments = (1..).zip(&info.instruments);
    lines.extend(instruments.map(|(number, name)| format!("  instrument {number:3}  {name}")));
    let samples = (1..).zip(&info.samples).filter(|(_, sample)| sample.frames > 0 || sample.adlib);
    lines.extend(
        samples.map(|(number, sample)| format!("  sample {number:3}  {:28} {}", sample.name, sample.kind())),
    );
    lines.extend(info.message.lines().map(|line| format!("  | {line}")));
    lines.join("\n") + "\n"
}

impl SampleInfo {
    fn kind(&self) -> String {
        match (self.adlib, self.channels) {
            (true, _) => "AdLib".to_owned(),
            (false, 2) => format!("{} frames, {} bit stereo", self.frames, self.bits),
            (false, _) => format!("{} frames, {} bit", self.frames, self.bits),
        }
    }
}

/// Minutes and seconds.
fn clock(seconds: f64) -> String {
    let tenths = (seconds * 10.0).round() as u64;
    format!("{}:{:02}.{}", tenths / 600, tenths / 10 % 60, tenths % 10)
}
