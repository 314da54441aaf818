//! Chases against playing through: the same bits, for real songs where `../shared` has them.
//!
//! A song is played from its start at some tempo; at chosen frames another player chases there, and both are heard for a
//! while.

use super::AmigaModel;
use super::Chase;
use super::Chaser;
use super::Interpolation;
use super::Snapshots;
use super::SongPlayer;
use super::Tone;
use super::fixture;
use super::load::load;
use super::song::Cell;
use super::song::Format;
use super::song::Order;
use super::song::PitchModel;
use super::song::Song;
use crate::audio::Activity;
use crate::audio::AudioBlock;
use crate::audio::BLOCK_SIZE;
use crate::audio::Feed;
use crate::audio::Outlets;
use crate::audio::RenderContext;
use crate::units::SampleRate;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

/// Voice-ticks a call, as on a line of the control grid.
const BUDGET: u32 = 1500;
/// Frames between two calls.
const GRID: i64 = 64;

/// How a song is played and where it is looked into.
struct Plan {
    rate: SampleRate,
    tone: Tone,
    interpolation: Interpolation,
    /// Ticks of this many frames, the first on this frame.
    tick_frames: f64,
    first_frame: f64,
    /// Frames of jumps, in order, and how long each is compared.
    jumps: Vec<i64>,
    heard: i64,
    chase: Chase,
}

impl Plan {
    fn frame_of(&self, tick: u64) -> i64 {
        (self.first_frame + tick as f64 * self.tick_frames + 0.5).floor() as i64
    }

    fn tick_at(&self, frame: i64) -> u64 {
        let near = ((frame as f64 - self.first_frame) / self.tick_frames).max(0.0) as u64;
        (near.saturating_sub(2)..near + 3).rev().find(|&tick| self.frame_of(tick) <= frame).unwrap_or(0)
    }

    fn player(&self, song: &Arc<Song>) -> SongPlayer {
        let mut player = SongPlayer::new(Arc::clone(song), self.rate);
        player.set_tone(self.tone);
        player.set_interpolation(self.interpolation);
        player
    }
}

/// A player that is heard from a frame on.
struct Heard {
    player: SongPlayer,
    feeds: Vec<Feed>,
    frame: i64,
    next: u64,
}

impl Heard {
    fn new(player: SongPlayer, frame: i64, next: u64) -> Self {
        let feeds = vec![Feed::new(2); player.song().channels.len()];
        Self { player, feeds, frame, next }
    }

    /// Plays a block of at most `frames` frames inside one tick, and says of how many.
    fn step(&mut self, plan: &Plan, frames: i64) -> i64 {
        self.begin_ticks(plan);
        let frames = frames.min(plan.frame_of(self.next) - self.frame).min(BLOCK_SIZE as i64);
        self.feeds.iter_mut().for_each(|feed| feed.begin(frames as usize));
        let mut ctx = RenderContext::new(self.frame as u64, Activity::Silent);
        let outlets = &mut Outlets::new(&mut self.feeds, &[]);
        self.player.render(&mut ctx, outlets, &(0..frames as usize));
        self.frame += frames;
        frames
    }

    /// Plays up to `frame`; all but the last seconds of it are skipped, which tests of `voice` hold to be the same.
    fn go_to(&mut self, plan: &Plan, frame: i64) {
        while self.frame < frame {
            let skipped = frame - (3.0 * plan.rate.0) as i64 - self.frame;
            if skipped <= 0 {
                self.step(plan, frame - self.frame);
                continue;
            }
            self.begin_ticks(plan);
            let frames = skipped.min(plan.frame_of(self.next) - self.frame);
            self.player.skip(frames as usize);
            self.frame += frames;
        }
    }

    fn begin_ticks(&mut self, plan: &Plan) {
        while plan.frame_of(self.next) <= self.frame {
            self.player.tick();
            self.next += 1;
        }
    }

    fn sides(&self, channel: usize) -> Option<[&[f32]; 2]> {
        let feed = &self.feeds[channel];
        (feed.activity() == Activity::Sounding).then(|| {
            let block: AudioBlock<'_> = feed.block();
            [block.channel(0), block.channel(1)]
        })
    }
}

/// What a comparison has found.
#[derive(Default)]
struct Found {
    jumps: usize,
    /// Frames that both players sounded in, on some channel.
    sounding: usize,
    /// Largest difference of a sample, and where: jump, frames after it, channel.
    difference: f32,
    place: Option<(i64, i64, usize)>,
    /// Jumps after which some bit differed.
    unlike: usize,
}

/// A chase to `jump`, until it is done: the player, heard from then on.
fn chased(song: &Arc<Song>, plan: &Plan, jump: i64) -> Heard {
    let (snapshots, mut player) = (Snapshots::of(song), plan.player(song));
    let frame_of = |tick| plan.frame_of(tick);
    // What it did before is forgotten.
    (0..50).for_each(|_| player.tick());
    player.skip(1000);
    let mut chaser = Chaser::new();
    chaser.begin(&mut player, &snapshots, plan.chase, plan.tick_at(jump), &frame_of);
    let mut now = jump;
    loop {
        if let Some(next) = chaser.advance(&mut player, &snapshots, now, BUDGET, &frame_of) {
            return Heard::new(player, now, next);
        }
        now += GRID;
    }
}

/// Plays `song` through and every chase beside it.
fn compare(song: &Arc<Song>, plan: &Plan) -> Found {
    let mut found = Found::default();
    let mut through = Heard::new(plan.player(song), plan.first_frame as i64, 0);
    for &jump in &plan.jumps {
        let mut other = chased(song, plan, jump);
        through.go_to(plan, other.frame);
        let (end, mut unlike) = (other.frame + plan.heard, false);
        while through.frame < end {
            let frame = through.frame;
            let frames = through.step(plan, end - frame);
            assert_eq!(other.step(plan, frames), frames, "both are cut at the same ticks");
            for channel in 0..through.feeds.len() {
                let both = [through.sides(channel), other.sides(channel)];
                found.sounding += if both.iter().all(Option::is_some) { frames as usize } else { 0 };
                let silence = [0.0; BLOCK_SIZE];
                let [first, second] = both.map(|sides| sides.unwrap_or([&silence[..frames as usize]; 2]));
                for (a, b) in first.into_iter().flatten().zip(second.into_iter().flatten()) {
                    unlike |= a.to_bits() != b.to_bits() && a != b;
                    if (a - b).abs() > found.difference {
                        found.difference = (a - b).abs();
                        found.place = Some((jump, frame - jump, channel));
                    }
                }
            }
        }
        found.jumps += 1;
        found.unlike += usize::from(unlike);
    }
    found
}

/// Seeded numbers for places and tempos.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

fn songs(folder: &str) -> Vec<(PathBuf, Arc<Song>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared").join(folder);
    let Ok(entries) = std::fs::read_dir(&folder) else {
        println!("skipped: {} is absent", folder.display());
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    let loaded = paths.into_iter().filter_map(|path| {
        let song = load(&std::fs::read(&path).ok()?).ok()?;
        Some((path, Arc::new(song)))
    });
    loaded.collect()
}

/// A plan at an odd tempo with jumps inside the first `seconds`, each heard for two seconds.
fn plan(dice: &mut Dice, tone: Tone, seconds: u64, jumps: usize) -> Plan {
    let rate = SampleRate([44_100.0, 48_000.0][dice.roll(2) as usize]);
    let tempo = 90.0 + dice.roll(10_000) as f64 / 100.0;
    let heard = (rate.0 * 2.0) as i64;
    let span = rate.0 as u64 * seconds / jumps as u64;
    let room = span.saturating_sub(heard as u64).max(1);
    let jumps = (0..jumps as u64).map(|n| (n * span + dice.roll(room)) as i64).collect();
    Plan {
        rate,
        tone,
        interpolation: [Interpolation::Sinc, Interpolation::Linear][dice.roll(2) as usize],
        tick_frames: rate.0 * 2.5 / tempo,
        first_frame: dice.roll(10_000) as f64 / 10.0,
        jumps,
        heard,
        chase: Chase::Full,
    }
}

#[test]
fn a_full_chase_sounds_as_playing_through_does_bit_for_bit() {
    let (mut dice, mut sounding) = (Dice(4), 0);
    let songs = songs("songs");
    for (path, song) in &songs {
        let tone = [Tone::Clean, Tone::Authentic][dice.roll(2) as usize];
        let found = compare(song, &plan(&mut dice, tone, 200, 4));
        sounding += found.sounding;
        let what = format!("{} {tone:?}: {} at {:?}", path.display(), found.difference, found.place);
        assert_eq!((found.jumps, found.unlike), (4, 0), "{what}");
    }
    assert!(songs.is_empty() || sounding > 5_000_000, "only {sounding} frames sounded");
}

/// What Impulse Tracker's filters leave behind is a difference of less than -60 dBFS.
#[test]
fn filtered_songs_come_back_within_a_thousandth_of_full_scale() {
    let (mut dice, mut sounding) = (Dice(60), 0);
    let filters = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        name.contains("filter") || name.contains("flt")
    };
    let songs: Vec<_> = songs("tracker-tests/it").into_iter().filter(|(path, _)| filters(path)).collect();
    for (path, song) in &songs {
        for _ in 0..3 {
            let found = compare(song, &plan(&mut dice, Tone::Clean, 60, 8));
            sounding += found.sounding;
            assert!(
                found.difference < 0.001,
                "{}: {} at {:?}",
                path.display(),
                found.difference,
                found.place
            );
        }
    }
    assert!(
        songs.is_empty() || sounding > 1_000_000,
        "only {sounding} frames of {} songs sounded",
        songs.len()
    );
}

#[test]
fn the_amigas_circuits_come_back_within_a_thousandth_of_full_scale() {
    let mut dice = Dice(500);
    for (path, song) in
        songs("songs").iter().filter(|(path, _)| path.extension().is_some_and(|kind| kind == "mod"))
    {
        for model in [AmigaModel::A500, AmigaModel::A1200] {
            let found = compare(song, &plan(&mut dice, Tone::Amiga(model), 100, 2));
            assert!(
                found.difference < 0.001,
                "{}: {} at {:?}",
                path.display(),
                found.difference,
                found.place
            );
        }
    }
}

/// Three channels: one holds a loop under commands, one strikes a short note on each fourth row, one rests.
fn held_song() -> Arc<Song> {
    let mut song = fixture::song(Format::It, PitchModel::Linear);
    song.channels = vec![song.channels[0].clone(); 3];
    song.orders = vec![Order::Pattern(0); 300];
    song.patterns[0].cells = vec![Cell::default(); 64 * 3];
    let command =
        |effect: char, parameter| Cell { effect: effect as u8 - b'@', parameter, ..Cell::default() };
    song.patterns[0].cells[0] = fixture::note(60, 0, 0);
    song.patterns[0].cells[3] = command('V', 100);
    song.patterns[0].cells[6] = command('M', 40);
    song.patterns[0].cells[9] = command('H', 0x48);
    (0..16).for_each(|n| song.patterns[0].cells[n * 12 + 1] = fixture::note(70, 0, 0));
    song.samples.push(song.samples[0].clone());
    Arc::new(song)
}

#[test]
fn a_chase_of_the_state_brings_back_everything_but_sound() {
    let song = held_song();
    let through = |chase| {
        let plan =
            Plan { chase, jumps: vec![40_000_000 + 12_345], ..plan(&mut Dice(1), Tone::Clean, 100, 1) };
        let mut heard = chased(&song, &plan, plan.jumps[0]);
        let state = heard.player.voice_mut(0).map(|voice| (voice.channel_volume, voice.memory.pitch_up));
        let place = heard.player.position();
        heard.step(&plan, 50);
        (state, place, heard.player.global_volume(), heard.sides(0).is_some())
    };
    let (full, state, off) = (through(Chase::Full), through(Chase::State), through(Chase::Off));
    assert_eq!((full.0, full.1, full.2), (state.0, state.1, state.2));
    assert_eq!((full.0.unwrap().0, full.2), (40, 200));
    assert_eq!((full.3, state.3), (true, false));
    assert_eq!(off.1, full.1);
    assert_eq!((off.0.unwrap().0, off.2, off.3), (64, 256, false));
}
