//! `cargo xtask desk BUNDLE`: the whole desk of Busker Insert at work in this process, recorded, for runs under guard and sanitizer.
//!
//! Eight inputs, all buses, song and keyboard, 256 voices, eight lanes, both returns, everything on and automated on every 16th
//! frame; blocks of random size; the main thread keeps asking for state and parameters. Recordings start with the plugin where
//! it was built for tests and `BUSKER_RECORD` is set, and are held to what was played; lanes have a bus, and so a recording,
//! to themselves.

use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::bounce::state_of;
use crate::bounce::BlockPlan;
use crate::bounce::Performance;
use crate::bounce::Source;
use crate::bounce::perform;
use crate::error::TaskError;
use crate::host::Format;
use crate::host::HostError;
use crate::host::open;
use crate::paths;
use crate::scene;
use crate::sound::Levels;

const RATE: f64 = 48_000.0;

/// In which lanes have read their starts.
const SETTLE: Duration = Duration::from_millis(500);

/// Files of a take: inputs, buses, returns and the master.
const TAKES: usize = scene::INPUTS + 16 + 2 + 1;

#[derive(Args)]
pub struct Arguments {
    /// The bundle.
    bundle: PathBuf,
    /// Length; recordings have room for six seconds, however fast this is.
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), TaskError> {
    let format = Format::of(&arguments.bundle)?;
    let name = arguments.bundle.file_stem().unwrap_or_default().to_string_lossy();
    let name = format!("desk-{name}-{}", format.to_string().to_lowercase());
    let takes = paths::target().join("guarded").join(&name);
    if takes.exists() {
        std::fs::remove_dir_all(&takes).map_err(TaskError::file(&takes))?;
    }
    let rack = scene::desk_rack(&name, &takes)?;
    let mut host = open(&arguments.bundle)?.instantiate("Busker Insert")?;
    let further = [2; 6];
    if !host.arrange(&[scene::INPUTS, 2], &[&[scene::INPUTS], &further[..]].concat())? {
        return Err(HostError::Refused("eight channels").into());
    }
    let frames = (arguments.seconds * RATE) as u64;
    let performance = Performance {
        source: Source::State(state_of(&rack, format)?),
        frames,
        events: scene::desk_events(&host.parameters(), frames, RATE),
        inputs: vec![noise(scene::INPUTS, frames), noise(2, frames)],
        blocks: BlockPlan::Random(16),
        offline: false,
        disturb: true,
        settle: SETTLE,
        ..Performance::default()
    };
    let rendering = perform(&mut *host, &performance)?;
    if let Some((most, _)) = rendering.callbacks.voices()
        && most < scene::VOICES as u32
    {
        return Err(TaskError::Claim(format!("{format}: only {most} voices sounded")));
    }
    drop(host); // files are complete when the instance is gone
    super::bounce::report(&format!("{format}, desk"), &rendering, arguments.seconds);
    hold_takes(&takes, &performance)?;
    std::fs::remove_dir_all(&takes).map_err(TaskError::file(&takes))
}

/// White, at -12 dBFS, another one on every channel.
fn noise(channels: usize, frames: u64) -> Vec<Vec<f32>> {
    let sample = |channel: usize, frame: u64| {
        let mixed = (frame * 8 + channel as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (mixed >> 40) as f32 / (1u64 << 25) as f32 - 0.25
    };
    (0..channels).map(|channel| (0..frames).map(|frame| sample(channel, frame)).collect()).collect()
}

/// Every take is as long as the performance and sounds; those of inputs are what was played into them.
fn hold_takes(folder: &Path, performance: &Performance) -> Result<(), TaskError> {
    let wrong = |what: String| TaskError::Claim(format!("{}: {what}", folder.display()));
    let entries = std::fs::read_dir(folder).map_err(TaskError::file(folder))?;
    let files: Vec<_> = entries.filter_map(Result::ok).map(|entry| entry.path()).collect();
    if files.len() != TAKES {
        return Err(wrong(format!("{} takes instead of {TAKES}", files.len())));
    }
    for file in &files {
        let planes = crate::sound::read_wav(file)?;
        let frames = planes.first().map_or(0, Vec::len) as u64;
        if frames != performance.frames {
            return Err(wrong(format!("{}: {frames} of {} frames", file.display(), performance.frames)));
        }
        if Levels::of(&planes).peak_db < -60.0 {
            return Err(wrong(format!("{} is silent", file.display())));
        }
    }
    for (input, played) in performance.inputs[0].iter().enumerate() {
        let file = folder.join(format!("Input {} 001.wav", input + 1));
        if crate::sound::read_wav(&file)?.first() != Some(played) {
            return Err(wrong(format!("{} is not what was played", file.display())));
        }
    }
    println!("  {TAKES} takes of {} frames", performance.frames);
    Ok(())
}
