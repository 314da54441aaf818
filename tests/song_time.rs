//! The song in the engine: on the host's grid, the same bits for every cut, silent when it should be.
#![allow(clippy::unwrap_used, clippy::expect_used)] // a test may

mod song_host;

use busker::engine::Target;
use busker::engine::Transport;
use busker::sample::SampleData;
use song_host::Player;
use song_host::RATE;
use song_host::clicks;
use song_host::fast_clicks;
use song_host::onsets;
use std::sync::Arc;

fn host(tempo: f64) -> impl Fn(usize) -> Option<Transport> {
    move |frame| {
        let beats = Some(frame as f64 * tempo / (60.0 * RATE));
        Some(Transport { playing: true, tempo, beats, ..Transport::default() })
    }
}

#[test]
fn rows_stay_on_the_hosts_grid_for_two_minutes_at_an_odd_tempo() {
    let tempo = 174.53;
    for size in [64, 441, 8192] {
        let audio = Player::new(clicks()).render(120 * 48000, &[size], host(tempo));
        let found = onsets(&audio);
        // Four rows to a beat; a click sounds some frames after its row begins, the same number each time.
        let first = found[0] as f64;
        assert!(found.len() > 1300, "{} clicks in blocks of {size}", found.len());
        for (row, &frame) in found.iter().enumerate() {
            let grid = first + row as f64 / 4.0 * 60.0 * RATE / tempo;
            assert!((frame as f64 - grid).abs() <= 1.5, "blocks of {size}, row {row}: {frame} {grid}");
        }
    }
}

#[test]
fn the_same_bits_come_out_however_calls_are_cut() {
    let render = |sizes: &[usize], sync: f32| {
        let mut player = Player::new(clicks());
        player.set(Target::Sync, sync);
        player.render(200_000, sizes, host(131.7))
    };
    for sync in [0.0, 3.0] {
        let whole = render(&[8192], sync);
        assert!(onsets(&whole).len() > 20);
        for sizes in [&[1][..], &[7], &[64], &[256], &[1000], &[1, 8192, 0, 33, 441]] {
            assert!(render(sizes, sync) == whole, "sync {sync}, blocks {sizes:?}");
        }
    }
}

#[test]
fn a_stopped_host_is_silent_until_audition_is_on() {
    let stopped = |_| Some(Transport::default());
    let mut player = Player::new(clicks());
    assert!(onsets(&player.render(48000, &[512], stopped)).is_empty());
    player.set(Target::Audition, 1.0);
    assert_eq!(onsets(&player.render(48000, &[512], stopped)).len(), 9);
    player.set(Target::SongPlay, 0.0);
    player.render(512, &[512], stopped);
    assert!(onsets(&player.render(48000, &[512], stopped)).is_empty());
}

#[test]
fn free_sync_keeps_the_modules_own_tempo_and_restarts_with_the_host() {
    let mut player = Player::new(clicks());
    player.set(Target::Sync, 3.0);
    let spacing = |found: &[usize]| found[1] - found[0];
    let found = onsets(&player.render(48000, &[512], host(200.0)));
    assert_eq!(spacing(&found), 5760);
    player.render(512, &[512], |_| Some(Transport::default()));
    let again = onsets(&player.render(48000, &[512], host(90.0)));
    assert_eq!(again, found);
}

#[test]
fn a_jump_is_followed_and_the_tempo_ratio_obeyed() {
    let mut player = Player::new(clicks());
    player.set(Target::TempoRatio, 5.0);
    let jumping = |frame: usize| {
        let beats = frame as f64 * 120.0 / (60.0 * RATE) + if frame >= 24000 { 0.1 } else { 0.0 };
        Some(Transport { playing: true, tempo: 120.0, beats: Some(beats), ..Transport::default() })
    };
    let found = onsets(&player.render(48000, &[500], jumping));
    // Ratio 2: eight rows to a beat of 24000 frames; after the jump the grid lies 2400 frames earlier.
    let first = found[0];
    let expected: Vec<usize> =
        (0..8).map(|row| row * 3000 + first).chain((0..8).map(|row| 24600 + row * 3000 + first)).collect();
    assert_eq!(found, expected);
}

#[test]
fn a_start_in_the_middle_plays_at_the_speed_that_holds_there() {
    let from = |start: f64| {
        let host = move |frame: usize| {
            let beats = Some(start + frame as f64 * 120.0 / (60.0 * RATE));
            Some(Transport { playing: true, tempo: 120.0, beats, ..Transport::default() })
        };
        onsets(&Player::new(fast_clicks()).render(24000, &[512], host))
    };
    assert_eq!(from(0.0), from(1.0));
    assert_eq!(from(1.0).len(), 8);
}

#[test]
fn parameters_that_move_the_song_while_it_plays_keep_it_on_the_grid() {
    for (target, value, spacing) in
        [(Target::TempoRatio, 6.0, 1500), (Target::TempoRatio, 0.0, 24000), (Target::ModuleTempo, 1.0, 6000)]
    {
        let mut player = Player::new(clicks());
        player.render(50_000, &[500], host(120.0));
        player.set(target, value);
        // The host says nothing more: its last word holds.
        let later = player.render(100_000, &[500], |_| None);
        let found = onsets(&later);
        assert!(found.len() >= 3, "{target:?} {value}: {found:?}");
        assert!(found.windows(2).all(|pair| pair[1] - pair[0] == spacing), "{target:?} {value}: {found:?}");
    }
}

#[test]
fn absurd_transports_neither_panic_nor_hang() {
    for beats in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300, -1e300, 1e15, -3.0] {
        for tempo in [f64::NAN, f64::INFINITY, 0.0, -120.0, 1e-300, 1e7, 120.0] {
            let host = move |frame: usize| {
                let beats = frame.is_multiple_of(1000).then_some(beats);
                Some(Transport { playing: true, tempo, beats, ..Transport::default() })
            };
            let audio = Player::new(clicks()).render(3000, &[500], host);
            assert!(audio.iter().all(|sample| sample.is_finite()));
        }
    }
}

#[test]
fn a_stop_fades_instead_of_clicking() {
    let mut song = clicks();
    song.samples[0].data = Arc::new(SampleData::Mono8(vec![100; 60_000].into()));
    song.samples[0].sample_loop = None;
    let mut player = Player::new(song);
    let before = player.render(3000, &[500], host(120.0));
    let after = player.render(500, &[500], |_| Some(Transport::default()));
    let joined: Vec<f32> = before.iter().chain(&after).skip(2000).copied().collect();
    let steepest = joined.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max);
    assert!(before[2999] > 0.05 && after[499] == 0.0 && steepest < 0.02, "{steepest}");
}

#[test]
fn free_sync_that_stops_ends_before_the_song_comes_round() {
    let mut player = Player::new(clicks());
    player.set(Target::Sync, 3.0);
    player.set(Target::EndBehaviour, 1.0);
    let found = onsets(&player.render(64 * 5760 + 48000, &[4096], host(120.0)));
    assert_eq!(found.len(), 64);
}

#[test]
fn a_host_without_a_position_lets_the_song_run_at_its_own_tempo() {
    let mut player = Player::new(clicks());
    let found = onsets(&player.render(48000, &[512], |_| Some(Transport::free_running())));
    assert!(found.len() == 9 && found.windows(2).all(|pair| pair[1] - pair[0] == 5760), "{found:?}");
}
