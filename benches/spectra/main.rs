//! What songs sound like octave by octave, beside libopenmpt at the same interpolation.
//!
//! In: the songs in `../shared/songs`, or the files given as arguments, or else the built ones. Out: for each song and
//! interpolation the difference of power in every octave over its first 20 seconds, in dB, levels matched once for each
//! song; and a picture of both, Busker on the left, in `target/spectra/`. Stereo separation and ramps are set alike.
//!
//! `cargo bench --bench spectra -- [--seconds S] [--no-ramps] [SONG …]`. Run as a test it takes a moment only.

#[path = "../peers/mod.rs"]
#[allow(dead_code, unused_imports)] // libxmp, whose level and ramps cannot be set alike, and the engine
mod peers;
#[path = "../songs/mod.rs"]
mod songs;

use busker::tracker::Mixdown;
use busker::tracker::Ramping;
use busker::tracker::SongPlayer;
use busker::units::SampleRate;
use peers::CALL;
use peers::OpenMpt;
use peers::RATE;
use peers::READINGS;
use peers::Reading;
use realfft::RealFftPlanner;
use songs::Named;
use std::path::Path;
use std::sync::Arc;
use xtask::picture;

/// Lowest and highest octave, by their centres in Hz, doubling from one to the next.
const LOWEST_CENTRE: f64 = 31.25;
const OCTAVES: usize = 10;

/// Frames of one spectrum.
const WINDOW: usize = 16_384;

/// An octave this far below the whole is not compared: there is nothing to hear in it.
const INAUDIBLE_DB: f64 = -80.0;

/// Both may differ by so much.
const TOLERANCE_DB: f64 = 1.5;

type Stereo = [Vec<f32>; 2];

struct Options {
    seconds: usize,
    pictures: bool,
    ramps: bool,
    songs: Vec<String>,
}

impl Options {
    /// Cargo gives `--bench` to benches; without it this is a test.
    fn from_arguments() -> Self {
        let bench = std::env::args().any(|argument| argument == "--bench");
        let mut options =
            Self { seconds: if bench { 20 } else { 2 }, pictures: bench, ramps: true, songs: Vec::new() };
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--seconds" => {
                    options.seconds = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(20);
                }
                "--no-ramps" => options.ramps = false,
                song if !song.starts_with('-') => options.songs.push(song.to_owned()),
                _ => {}
            }
        }
        options
    }
}

fn main() {
    let options = Options::from_arguments();
    let Some(openmpt) = OpenMpt::find() else {
        println!("libopenmpt is not installed: there is nothing to compare with");
        return;
    };
    println!(
        "Busker less libopenmpt {} in dB by octave, first {} s at {RATE} Hz, levels matched once for each song;",
        openmpt.version(),
        options.seconds
    );
    println!(
        "\".\" is an octave {INAUDIBLE_DB} dB below the whole, \"!\" marks what is beyond {TOLERANCE_DB} dB\n"
    );
    print!("{:<28} {:<8}", "song", "reading");
    (0..OCTAVES).for_each(|octave| print!(" {:>6.0}", centre(octave)));
    println!("  level");
    let mut beyond = 0;
    for song in songs::find(&options.songs, songs::Choice::All) {
        beyond += usize::from(!compare(&song, &openmpt, &options));
    }
    println!("\n{beyond} songs with an octave beyond {TOLERANCE_DB} dB");
}

fn centre(octave: usize) -> f64 {
    LOWEST_CENTRE * f64::from(1_u32 << octave)
}

/// Prints a song's lines and draws it; `false` where an octave is beyond the tolerance.
fn compare(song: &Named, openmpt: &OpenMpt, options: &Options) -> bool {
    let (mut within, mut level_db) = (true, None);
    for reading in READINGS {
        let Some(theirs) = peer(song, openmpt, reading, options) else {
            println!("{}: libopenmpt refuses it", song.name);
            return true;
        };
        let ours = busker(song, reading, options);
        let (own, other) = (octaves(&ours), octaves(&theirs));
        let whole = |octaves: &[f64]| octaves.iter().sum::<f64>().max(1e-30);
        let level_db = *level_db.get_or_insert(10.0 * (whole(&own) / whole(&other)).log10());
        print!("{:<28} {:<8}", song.name, reading.name());
        for (own_power, other_power) in own.iter().zip(&other) {
            if 10.0 * (other_power / whole(&other)).log10() < INAUDIBLE_DB {
                print!(" {:>6}", ".");
                continue;
            }
            let difference = 10.0 * (own_power.max(1e-30) / other_power).log10() - level_db;
            let mark = if difference.abs() > TOLERANCE_DB { "!" } else { " " };
            within &= difference.abs() <= TOLERANCE_DB;
            print!(" {difference:>5.1}{mark}");
        }
        println!(" {level_db:>6.1}");
        if options.pictures {
            draw(song, reading, (&ours, &theirs), level_db);
        }
    }
    within
}

fn busker(song: &Named, reading: Reading, options: &Options) -> Stereo {
    let rate = SampleRate(RATE.into());
    let mut player = SongPlayer::new(Arc::clone(&song.song), rate);
    player.set_interpolation(reading.interpolation());
    if !options.ramps {
        player.set_ramping(Ramping::Off);
    }
    let mut mix = Mixdown::new(player, rate);
    let [mut left, mut right] = [(); 2].map(|()| vec![0.0; options.seconds * RATE as usize]);
    for (left, right) in left.chunks_mut(CALL).zip(right.chunks_mut(CALL)) {
        mix.render(left, right);
    }
    [left, right]
}

fn peer(song: &Named, openmpt: &OpenMpt, reading: Reading, options: &Options) -> Option<Stereo> {
    let ramp_ms = if options.ramps { song.ramp_ms() } else { 0 };
    let mut player = openmpt.load(&song.bytes, reading, ramp_ms)?;
    let mut sound = Stereo::default();
    let frames = options.seconds * RATE as usize;
    while sound[0].len() < frames {
        let planes = player.render(CALL.min(frames - sound[0].len()));
        if planes[0].is_empty() {
            break;
        }
        sound.iter_mut().zip(planes).for_each(|(to, from)| to.extend_from_slice(from));
    }
    Some(sound)
}

/// Power in every octave, of both sides together, averaged over the whole sound.
fn octaves(sound: &Stereo) -> Vec<f64> {
    let fft = RealFftPlanner::<f32>::new().plan_fft_forward(WINDOW);
    let (mut input, mut bins) = (fft.make_input_vec(), fft.make_output_vec());
    let mut powers = vec![0.0; OCTAVES];
    for plane in sound {
        for start in (0..plane.len().saturating_sub(WINDOW)).step_by(WINDOW / 2) {
            for (n, (to, from)) in input.iter_mut().zip(&plane[start..]).enumerate() {
                *to = from * (0.5 - 0.5 * (std::f32::consts::TAU * n as f32 / WINDOW as f32).cos());
            }
            // Lengths come from the plan itself, so this cannot fail.
            if fft.process(&mut input, &mut bins).is_err() {
                return powers;
            }
            for (bin, value) in bins.iter().enumerate() {
                let hz = bin as f64 * f64::from(RATE) / WINDOW as f64;
                let octave = (hz / LOWEST_CENTRE).log2().round();
                if let Some(power) = (octave >= 0.0).then(|| powers.get_mut(octave as usize)).flatten() {
                    *power += f64::from(value.norm_sqr());
                }
            }
        }
    }
    powers
}

/// Busker on the left, libopenmpt at the same level on the right.
fn draw(song: &Named, reading: Reading, (ours, theirs): (&Stereo, &Stereo), level_db: f64) {
    let gain = 10f64.powf(level_db / 20.0) as f32;
    let matched = theirs.clone().map(|plane| plane.iter().map(|sample| sample * gain).collect::<Vec<f32>>());
    let image = picture::draw(ours, RATE.into()).beside(&picture::draw(&matched, RATE.into()));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/spectra");
    let file = folder.join(format!("{} {}.png", song.name, reading.name()));
    let saved = std::fs::create_dir_all(&folder).map_err(|error| error.to_string());
    if let Err(why) = saved.and_then(|()| image.save(&file).map_err(|error| error.to_string())) {
        println!("no picture: {why}");
    }
}
