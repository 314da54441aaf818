//! Whole songs rendered and held against their reference traces: length, level, and where notes begin.
//!
//! The songs lie outside the repository, in `../shared/songs`; where they are absent the tests say so and pass.

use super::Interpolation;
use super::Ramping;
use super::SongPlayer;
use super::default_trim;
use super::load::load;
use super::song::Song;
use crate::audio::Activity;
use crate::audio::AudioBlock;
use crate::audio::AudioSource;
use crate::audio::BLOCK_SIZE;
use crate::audio::Feed;
use crate::audio::Outlets;
use crate::audio::RenderContext;
use crate::units::SampleRate;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

const RATE: f64 = 48_000.0;

/// Ticks after which the references are cut.
const MOST_TICKS: usize = 3000;

/// A note that begins on a channel that was silent before.
#[derive(Debug)]
struct Onset {
    seconds: f64,
    channel: usize,
    /// Frames of silence that the sample starts with, and its speed.
    lead_seconds: f64,
}

struct Reference {
    ticks: usize,
    seconds: f64,
    onsets: Vec<Onset>,
}

fn songs() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/songs");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        println!("skipped: {} is absent", folder.display());
        return Vec::new();
    };
    let is_song = |path: &PathBuf| {
        path.extension().is_some_and(|kind| ["mod", "s3m", "xm", "it"].iter().any(|known| kind == *known))
    };
    let mut songs: Vec<PathBuf> =
        entries.filter_map(|entry| Some(entry.ok()?.path())).filter(is_song).collect();
    songs.sort();
    songs
}

/// Frames of silence at the start of a sample.
fn silent_lead(song: &Song, number: usize) -> usize {
    let Some(sample) = song.samples.get(number - 1) else { return 0 };
    (0..sample.data.frames())
        .take_while(|&frame| {
            (0..sample.data.channels()).all(|channel| sample.data.read_f32(channel, frame) == 0.0)
        })
        .count()
}

/// The tempo whose ticks have this length in 1/100,000 s when cut to whole frames, as in the references.
///
/// Cut ticks make the references up to 56 ms shorter than their 3000 ticks' worth; ours carry the fraction over.
fn tempo_of(tick_length: f64) -> u16 {
    let cut = |tempo: u16| (RATE * 2.5 / f64::from(tempo)).floor() / RATE * 100_000.0;
    let off = |tempo: &u16| (cut(*tempo) - tick_length).abs();
    (32..=255).min_by(|a, b| off(a).total_cmp(&off(b))).unwrap()
}

fn reference(path: &Path, song: &Song) -> Reference {
    let trace = PathBuf::from(format!("{}.trace.tsv.gz", path.display()));
    let unpacked = Command::new("gzip").arg("-dc").arg(&trace).output().unwrap();
    let text = String::from_utf8(unpacked.stdout).unwrap();
    let mut reference = Reference { ticks: 0, seconds: 0.0, onsets: Vec::new() };
    let (mut start, mut sounded) = (0.0, vec![true; song.channels.len()]);
    let mut sounding = sounded.clone();
    for line in text.lines().skip_while(|line| !line.starts_with("index")).skip(1) {
        let fields: Vec<&str> = line.split('\t').collect();
        if !fields[0].is_empty() {
            start = reference.seconds;
            reference.ticks += 1;
            reference.seconds += 2.5 / f64::from(tempo_of(fields[5].parse().unwrap()));
            sounded = std::mem::replace(&mut sounding, vec![false; song.channels.len()]);
        }
        let Some(channel) = fields.get(6).and_then(|field| field.parse::<usize>().ok()) else { continue };
        let number = |index: usize| fields[index].parse::<f64>().unwrap_or(1.0);
        sounding[channel - 1] = true;
        let audible = number(8) + number(9) >= 40.0;
        if audible && !sounded[channel - 1] && number(12) == 0.0 && reference.onsets.len() < 20 {
            let lead = silent_lead(song, fields[7].parse().unwrap()) as f64;
            let onset = Onset { seconds: start, channel: channel - 1, lead_seconds: lead / number(11).abs() };
            reference.onsets.push(onset);
        }
    }
    reference
}

/// What a rendering has shown.
struct Rendering {
    seconds: f64,
    peak: f32,
    /// For each onset of the reference, the frame of its channel's first sound near it.
    onsets: Vec<Option<usize>>,
}

/// Plays a song up to its end or the references' cut and gives its seconds; `look` sees the first frame, the feeds and
/// how many of their frames count.
fn run(player: &mut SongPlayer, feeds: &mut [Feed], mut look: impl FnMut(usize, &mut [Feed], usize)) -> f64 {
    let (mut end, mut done) = (0.0, 0);
    for _ in 0..MOST_TICKS {
        player.tick();
        if player.finished() {
            break;
        }
        end += player.tick_seconds() * RATE;
        while done < end as usize {
            let frames = BLOCK_SIZE.min(end as usize - done);
            feeds.iter_mut().for_each(|feed| feed.begin(frames));
            let mut ctx = RenderContext::new(done as u64, Activity::Silent);
            player.render(&mut ctx, &mut Outlets::new(feeds, &[]), &(0..frames));
            look(done, feeds, frames);
            done += frames;
        }
    }
    done as f64 / RATE
}

fn render(song: &Arc<Song>, reference: &Reference) -> Rendering {
    let mut player = SongPlayer::new(Arc::clone(song), SampleRate(RATE));
    player.set_trim(default_trim(song));
    player.set_interpolation(Interpolation::Linear); // a sinc is heard before its frame
    player.set_ramping(Ramping::Off); // what notes leave behind is heard before the next one's frame
    let mut feeds = vec![Feed::new(2); song.channels.len()];
    let mut rendering = Rendering { seconds: 0.0, peak: 0.0, onsets: vec![None; reference.onsets.len()] };
    rendering.seconds = run(&mut player, &mut feeds, |start, feeds, frames| {
        // What nothing has opened is opened here, so that it reads as silence.
        feeds.iter_mut().for_each(|feed| {
            feed.open(0..frames);
        });
        look_at(&mut rendering, reference, start, &feeds.iter().map(Feed::block).collect::<Vec<_>>());
    });
    rendering
}

fn look_at(rendering: &mut Rendering, reference: &Reference, start: usize, channels: &[AudioBlock<'_>]) {
    let frames = channels[0].frames();
    let mut sums = [[0.0; BLOCK_SIZE]; 2];
    for channel in channels {
        for (side, sum) in sums.iter_mut().enumerate() {
            sum.iter_mut().zip(channel.channel(side)).for_each(|(sum, sample)| *sum += sample);
        }
    }
    let loudest =
        sums.iter().flat_map(|side| &side[..frames]).fold(0.0f32, |peak, sample| peak.max(sample.abs()));
    rendering.peak = rendering.peak.max(loudest);
    for (found, onset) in rendering.onsets.iter_mut().zip(&reference.onsets) {
        // Sound from 5 ms before counts: what comes earlier is another note's tail.
        let from = ((onset.seconds - 0.005) * RATE) as usize;
        let channel = &channels[onset.channel];
        let sounds = |&frame: &usize| channel.channel(0)[frame] != 0.0 || channel.channel(1)[frame] != 0.0;
        if found.is_none() && start + frames > from {
            *found = (from.max(start) - start..frames).find(sounds).map(|frame| start + frame);
        }
    }
}

#[test]
fn songs_last_and_sound_as_their_references_and_notes_begin_where_they_should() {
    for path in songs() {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let song = Arc::new(load(&std::fs::read(&path).unwrap()).unwrap());
        let reference = reference(&path, &song);
        let rendering = render(&song, &reference);
        let seconds = rendering.seconds;
        assert!(
            (seconds - reference.seconds).abs() <= 0.020,
            "{name}: {seconds} s, not {}",
            reference.seconds
        );
        let peak_db = 20.0 * rendering.peak.log10();
        assert!((-24.0..=-1.0).contains(&peak_db), "{name}: peak {peak_db} dBFS");
        for (onset, found) in reference.onsets.iter().zip(&rendering.onsets) {
            let expected = onset.seconds + onset.lead_seconds;
            let off = found.map_or(f64::INFINITY, |frame| frame as f64 / RATE - expected);
            assert!(off.abs() <= 0.001, "{name}: {onset:?} is {off} s late");
        }
        println!("{name}: {seconds:.3} s, peak {peak_db:.1} dBFS, {} onsets", reference.onsets.len());
    }
}
