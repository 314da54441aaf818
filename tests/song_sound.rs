//! The song's own controls in the engine: its width and its gain.
#![allow(clippy::unwrap_used)] // a test fails by panicking

use busker::audio::AudioBuffer;
use busker::dsp::Level;
use busker::engine;
use busker::engine::Call;
use busker::engine::Engine;
use busker::engine::EngineConfig;
use busker::engine::ParameterValues;
use busker::engine::Setup;
use busker::engine::Target;
use busker::engine::Transport;
use busker::engine::Worker;
use busker::mixer::Layout;
use busker::rack::Rack;
use busker::tracker::Song;
use busker::tracker::load::load;
use busker::units::SampleRate;
use std::sync::Arc;

const RATE: f64 = 48_000.0;
/// Frames of a ramp: 5 ms.
const RAMP: usize = 240;
const FREE: f32 = 3.0;

struct Player {
    engine: Engine,
    _worker: Worker,
    values: Arc<ParameterValues>,
}

fn demo() -> Song {
    load(&Rack::demo().song.unwrap().bytes).unwrap()
}

impl Player {
    fn new(song: Song) -> Self {
        let parameters = engine::table();
        let values = Arc::new(ParameterValues::new(&parameters));
        let config = EngineConfig {
            rate: SampleRate(RATE),
            layout: Layout { main_input: 0, sidechain: 0, outputs: vec![2] },
            table: parameters.into(),
            values: Arc::clone(&values),
            level: Level::detect(),
            look_ahead: false,
        };
        let (_control, engine, mut worker) = engine::new(config);
        worker.apply(&Setup { song: Some(Arc::new(song)), ..Setup::default() }).unwrap();
        let mut player = Self { engine, _worker: worker, values };
        player.set(Target::Sync, FREE);
        player.call(0);
        player
    }

    fn set(&mut self, target: Target, value: f32) {
        let index = engine::table().iter().position(|spec| spec.target == target).unwrap();
        self.values.set(index, value);
    }

    /// Left, then right, of one call.
    fn call(&mut self, frames: usize) -> [Vec<f32>; 2] {
        let mut buffer = AudioBuffer::new(2, frames.max(1));
        let transport = Some(Transport { playing: true, ..Transport::default() });
        let call = Call { frames, transport, events: &[] };
        self.engine.render(&call, None, &mut [buffer.block_mut(frames)]);
        [0, 1].map(|side| buffer.channel(side)[..frames].to_vec())
    }

    /// The same over so many frames, in calls of one size.
    fn play(&mut self, frames: usize, size: usize) -> [Vec<f32>; 2] {
        let mut planes = [Vec::new(), Vec::new()];
        while planes[0].len() < frames {
            let piece = self.call(size.min(frames - planes[0].len()));
            planes.iter_mut().zip(piece).for_each(|(plane, piece)| plane.extend(piece));
        }
        planes
    }
}

fn peak(plane: &[f32]) -> f32 {
    plane.iter().fold(0.0, |peak, x| peak.max(x.abs()))
}

/// How much louder the sides are than the middle.
fn width([left, right]: &[Vec<f32>; 2]) -> f32 {
    let energy = |sign: f32| left.iter().zip(right).map(|(l, r)| (l + sign * r).powi(2)).sum::<f32>();
    energy(-1.0) / energy(1.0)
}

#[test]
fn separation_draws_the_song_together_or_apart() {
    let at = |percent: f32| {
        let mut player = Player::new(demo());
        player.set(Target::Separation, percent);
        player.play(400_000, 512)
    };
    let (mono, narrow, own, wide) = (at(0.0), at(50.0), at(100.0), at(200.0));
    assert!(mono[0] == mono[1] && peak(&mono[0]) > 0.05);
    assert_eq!(own, Player::new(demo()).play(400_000, 512));
    assert!(width(&narrow) < 0.5 * width(&own) && width(&own) < 0.8 * width(&wide));
}

#[test]
fn a_files_own_separation_is_heard_and_not_traced() {
    let half = || Song { separation: 64, ..demo() };
    let mut narrowed = Player::new(demo());
    narrowed.set(Target::Separation, 50.0);
    assert_eq!(Player::new(half()).play(100_000, 512), narrowed.play(100_000, 512));
    let trace = |song: Song| {
        let mut text = Vec::new();
        busker::tracker::trace(Arc::new(song), &mut text, 500).unwrap();
        text
    };
    assert!(trace(half()) == trace(demo()));
}

#[test]
fn song_gain_begins_on_its_frame_and_lands_after_five_milliseconds_for_any_cut() {
    let whole = Player::new(demo()).play(60_000, 512);
    let turned_down = |size: usize| {
        let mut player = Player::new(demo());
        let mut planes = player.play(30_000, size);
        player.set(Target::SongGain, -6.0);
        let rest = player.play(30_000, size);
        planes.iter_mut().zip(rest).for_each(|(plane, rest)| plane.extend(rest));
        planes
    };
    let quieter = turned_down(512);
    let gain = 10_f32.powf(-6.0 / 20.0);
    for (side, (now, before)) in quieter.iter().zip(&whole).enumerate() {
        assert_eq!(now[..30_000], before[..30_000], "side {side}");
        assert!(now[30_000..30_000 + RAMP] != before[30_000..30_000 + RAMP], "side {side}");
        for (now, before) in now.iter().zip(before).skip(30_000 + RAMP) {
            assert!((now - gain * before).abs() < 1e-6, "side {side}: {now} {before}");
        }
    }
    for size in [1, 77, 4000] {
        assert!(turned_down(size) == quieter, "calls of {size}");
    }
}

#[test]
fn a_song_gain_of_silence_silences_the_song_and_comes_back() {
    let mut player = Player::new(demo());
    player.set(Target::SongGain, f32::NEG_INFINITY);
    assert_eq!(peak(&player.play(30_000, 512)[0]), 0.0);
    player.set(Target::SongGain, 0.0);
    let back = player.play(30_000, 512);
    let whole = Player::new(demo()).play(60_000, 512);
    assert_eq!(back[0][RAMP..], whole[0][30_000 + RAMP..]);
}
