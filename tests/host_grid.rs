//! The song on the host's grid, end to end: every row at its place in every sync mode, loops, starts and stops.
#![allow(clippy::unwrap_used, clippy::expect_used)] // a test may

mod song_host;

use busker::engine::Target;
use busker::engine::Transport;
use song_host::Dice;
use song_host::FREE;
use song_host::Host;
use song_host::LAUNCH;
use song_host::MANUAL;
use song_host::ORIGINAL;
use song_host::Player;
use song_host::RATE;
use song_host::SONG;
use song_host::TEMPO;
use song_host::clicks;
use song_host::empty_mod;
use song_host::fast_clicks;
use song_host::onsets;
use song_host::sine;

const SECOND: usize = 48_000;

/// Fails unless there is a click for every row of the host's grid, four to a beat, each within `most` frames of it in every
/// tenth of the time.
fn rows_are_on_the_grid(host: &Host, block: usize, most: f64) {
    let found = onsets(&Player::new(clicks()).play(host, &[block]));
    let rows = (host.beats(host.frames as f64 - 1.0) * 4.0) as usize;
    assert!(found.len() >= rows, "blocks of {block}: {} clicks for {rows} rows", found.len());
    // A click is heard some frames after its row has begun, always as many.
    let delay = found[0];
    let mut worst = [0.0_f64; 10];
    for (row, frame) in found.iter().map(|frame| frame - delay).enumerate() {
        let off = host.off(frame, row as f64 / 4.0).abs();
        let part = &mut worst[frame * 10 / host.frames];
        *part = part.max(off);
    }
    assert!(worst.iter().all(|&off| off <= most), "blocks of {block}: {worst:?} frames off");
}

#[test]
fn rows_stay_within_a_frame_of_an_odd_tempo_for_ten_minutes() {
    let host = |seconds| Host::new().play(seconds * SECOND, 174.53);
    for (block, seconds) in [(1, 10), (64, 60), (441, 600), (512, 60), (8192, 600)] {
        rows_are_on_the_grid(&host(seconds), block, 0.51);
    }
}

#[test]
fn rows_stay_within_a_frame_where_every_bar_has_another_tempo() {
    let bars = (0..120).map(|bar| 60.0 + f64::from(bar * 37 % 120) * 1.017);
    let bar_frames = |tempo: f64| (240.0 * RATE / tempo).round() as usize;
    let host = bars.fold(Host::new(), |host, tempo| host.play(bar_frames(tempo), tempo));
    for block in [64, 441, 512, 8192] {
        rows_are_on_the_grid(&host, block, 0.51);
    }
}

#[test]
fn rows_stay_within_a_frame_on_ramps() {
    let ramps = |host: Host| host.ramp(10 * SECOND, 60.0, 180.0).ramp(10 * SECOND, 180.0, 60.0);
    let mut host = ramps(ramps(ramps(Host::new())));
    for block in [64, 441, 512, 8192] {
        rows_are_on_the_grid(&host, block, 0.51);
    }
    host.tells_increments = false;
    for block in [64, 441, 512] {
        rows_are_on_the_grid(&host, block, 1.0);
    }
    // What such a host leaves open over a block, and the half frame of rounding.
    let open = 120.0 / (10.0 * RATE) * 8192.0 * 8192.0 / (2.0 * 60.0);
    rows_are_on_the_grid(&host, 8192, open + 0.51);
}

/// Seeks, stops, starts, a ramp and a step of tempo, with seeks while a cross-fade is under way.
fn performance() -> Host {
    let host = Host::new().stop(300).play(5000, 131.7).seek_beat(9.37, 131.7).play(100, 131.7);
    let host = host.seek_beat(2.0, 131.7).play(90, 131.7).seek_beat(30.11, 131.7).play(30_011, 131.7);
    let host = host.ramp(40_000, 131.7, 90.0).play(20_000, 90.0).play(20_000, 160.0);
    let host = (0..12).rev().fold(host, |host, beat| host.seek_beat(beat.into(), 160.0).play(333, 160.0));
    let host = host.play(20_000, 160.0).stop(1000).play(9_000, 160.0).stop(50).play(9_000, 160.0);
    host.seek_beat(-0.3, 120.0).play(20_000, 120.0)
}

#[test]
fn the_same_bits_come_out_however_calls_are_cut_in_every_sync_mode() {
    let bytes = include_bytes!("../src/rack/demo.it");
    let song = std::sync::Arc::new(busker::tracker::load::load(bytes).unwrap());
    for sync in [SONG, ORIGINAL, TEMPO, FREE, LAUNCH, MANUAL] {
        for order in [0.0, 3.0] {
            let render = |sizes: &[usize]| {
                let mut player = Player::of(&song, RATE).with(Target::Sync, sync);
                player.set(Target::StartOrder, order);
                player.set(Target::ManualOrder, order);
                player.play(&performance(), sizes)
            };
            let whole = render(&[8192]);
            assert_eq!(whole.iter().any(|&sample| sample != 0.0), sync != LAUNCH, "sync {sync}");
            for sizes in [&[1][..], &[7], &[64], &[256], &[1000], &[1, 8192, 0, 33, 441]] {
                // Transports inside a ramp say how far it has got: the same up to rounding.
                let cut = render(sizes);
                let first = whole.iter().zip(&cut).position(|(one, other)| one != other);
                assert_eq!(first, None, "sync {sync}, start order {order}, blocks {sizes:?}");
            }
        }
    }
}

/// Rows of a song whose row `n` of order `o` clicks only there.
fn click_at(rows: &[(usize, usize)]) -> busker::tracker::Song {
    let mut song = empty_mod(4);
    let click = clicks().patterns[0].cells[0];
    for &(order, row) in rows {
        song.patterns[order].cells[row * 4] = click;
    }
    song
}

fn first_click(player: &mut Player, host: &Host) -> Option<usize> {
    onsets(&player.play(host, &[512])).first().copied()
}

#[test]
fn a_seek_lands_on_the_tick_and_the_pattern_goes_on_from_there() {
    // Row 5 of order 2 begins 133 rows into the song; go there half a row early.
    let mut player = Player::new(click_at(&[(0, 0), (2, 5)]));
    let delay = first_click(&mut player, &Host::new().play(9_600, 125.0)).unwrap();
    let host = Host::new().seek_frame(132 * 5760 + 2880, 125.0).play(9_600, 125.0);
    assert_eq!(first_click(&mut player, &host), Some(2880 + delay));
}

#[test]
fn the_song_begins_on_its_frame_after_a_count_in_and_at_its_start_beat() {
    let delay = first_click(&mut Player::new(clicks()), &Host::new().play(4_000, 125.0)).unwrap();
    let counted = Host::new().seek_frame(-20_001, 125.0).play(48_000, 125.0);
    assert_eq!(first_click(&mut Player::new(clicks()), &counted), Some(20_001 + delay));
    let late = || Player::new(clicks()).with(Target::StartBeat, 1.0);
    assert_eq!(first_click(&mut late(), &Host::new().play(48_000, 125.0)), Some(23_040 + delay));
    let original = || late().with(Target::Sync, ORIGINAL);
    assert_eq!(first_click(&mut original(), &Host::new().play(48_000, 125.0)), Some(23_040 + delay));
}

#[test]
fn every_mode_begins_at_the_start_order() {
    let rows = [(0, 0), (2, 0)];
    let delay = first_click(&mut Player::new(click_at(&rows)), &Host::new().play(4_000, 125.0)).unwrap();
    let song = || {
        let mut song = click_at(&rows);
        // Order 2 begins at speed 3: its second click tells that the song goes on there.
        song.patterns[2].cells[1].effect = 15;
        song.patterns[2].cells[1].parameter = 3;
        song.patterns[2].cells[4] = song.patterns[2].cells[0];
        song
    };
    for (sync, order) in [(SONG, 2.0), (ORIGINAL, 2.0), (TEMPO, 2.0), (FREE, 2.0)] {
        let mut player = Player::new(song()).with(Target::Sync, sync).with(Target::StartOrder, order);
        let found = onsets(&player.play(&Host::new().play(20_000, 125.0), &[512]));
        assert_eq!(found, [delay, delay + 2880], "sync {sync}");
        let mut player = Player::new(song()).with(Target::StartOrder, order).with(Target::Audition, 1.0);
        player.set(Target::Sync, sync);
        let found = onsets(&player.play(&Host::new().stop(20_000), &[512]));
        assert_eq!(found, [delay, delay + 2880], "audition in sync {sync}");
    }
    let counted = Host::new().seek_frame(-10_000, 125.0).play(20_000, 125.0);
    let mut player = Player::new(song()).with(Target::StartOrder, 2.0);
    assert_eq!(first_click(&mut player, &counted), Some(10_000 + delay));
}

#[test]
fn original_sync_keeps_the_modules_tempo_at_the_hosts_seconds() {
    let spacing = |host: &Host| {
        let mut player = Player::new(clicks()).with(Target::Sync, ORIGINAL);
        let found = onsets(&player.play(host, &[441]));
        (found[0], found.windows(2).map(|pair| pair[1] - pair[0]).collect::<Vec<_>>())
    };
    let mut host = Host::new().play(30_000, 90.0).play(30_000, 171.0);
    for tells_seconds in [true, false] {
        host.tells_seconds = tells_seconds;
        let (_, rows) = spacing(&host);
        assert_eq!(rows, vec![5760; 10], "seconds told: {tells_seconds}");
        // A seek to 1,000 frames before row 50; without seconds, beats tell them.
        let mut sought = Host::new().seek_frame(50 * 5760 - 1000, 90.0).play(40_000, 90.0);
        sought.tells_seconds = tells_seconds;
        let (first, rows) = spacing(&sought);
        let delay = spacing(&Host::new().play(10_000, 90.0)).0;
        assert_eq!((first, rows), (1000 + delay, vec![5760; 6]), "seconds told: {tells_seconds}");
    }
}

#[test]
fn tempo_sync_takes_the_hosts_tempo_and_runs_on_through_its_seeks() {
    let host = Host::new().seek_beat(77.7, 100.0).play(28_800, 100.0);
    let host = host.seek_beat(3.0, 100.0).play(28_800, 100.0).play(18_000, 200.0);
    let mut player = Player::new(clicks()).with(Target::Sync, TEMPO);
    let found = onsets(&player.play(&host, &[512]));
    let delay = found[0];
    let rows: Vec<usize> = (0..8)
        .map(|row| row * 7200)
        .chain((1..5).map(|row| 50_400 + 7200 + row * 3600 - 3600 + 3600))
        .collect();
    let heard: Vec<usize> = found.iter().map(|frame| frame - delay).collect();
    assert_eq!(heard[..8], rows[..8]);
    assert_eq!(heard[8], 57_600);
    assert!(heard[8..].windows(2).all(|pair| pair[1] - pair[0] == 3600), "{heard:?}");
    // Stopped and played again it starts anew.
    let again = onsets(&player.play(&Host::new().stop(500).play(20_000, 100.0), &[512]));
    assert_eq!(again[0], 500 + delay);
}

#[test]
fn the_ratio_and_the_policy_of_tempo_sync_change_from_the_next_tick_on() {
    let mut player = Player::new(clicks()).with(Target::Sync, TEMPO);
    let host = Host::new().play(57_600, 125.0);
    let before = onsets(&player.play(&host, &[480]));
    player.set(Target::TempoRatio, 5.0);
    let later = onsets(&player.render(57_600, &[480], |_| None));
    assert_eq!(before.len(), 10);
    assert_eq!(later.len(), 20);
    assert!(later.windows(2).all(|pair| pair[1] - pair[0] == 2880), "{later:?}");
}

#[test]
fn manual_sync_plays_the_row_it_is_put_on_and_holds_there() {
    let mut player = Player::new(click_at(&[(0, 0), (0, 1), (1, 7)])).with(Target::Sync, MANUAL);
    let host = |_| Some(Transport { playing: true, tempo: 125.0, ..Transport::default() });
    let found = onsets(&player.render(48_000, &[512], host));
    assert_eq!(found.len(), 1, "one row, once: {found:?}");
    let delay = found[0];
    player.set(Target::ManualRow, 1.0);
    assert_eq!(onsets(&player.render(20_000, &[512], host)), [delay], "the row that follows begins at once");
    player.set(Target::ManualRow, 2.0);
    assert!(onsets(&player.render(20_000, &[512], host)).is_empty());
    player.set(Target::ManualOrder, 1.0);
    player.set(Target::ManualRow, 7.0);
    // A jump: the row begins at once too, and is heard when the chase is done.
    let audio = player.render(20_000, &[512], host);
    assert_eq!(onsets(&audio).len(), 1);
}

#[test]
fn rows_that_manual_sync_cannot_find_are_the_last_one_before() {
    let at = |order: f32, row: f32| {
        let mut player = Player::new(click_at(&[(3, 63)])).with(Target::Sync, MANUAL);
        player.set(Target::ManualOrder, order);
        player.set(Target::ManualRow, row);
        onsets(&player.render(20_000, &[512], |_| Some(Transport::free_running()))).len()
    };
    assert_eq!((at(3.0, 63.0), at(3.0, 1000.0), at(255.0, 0.0), at(3.0, 62.0)), (1, 1, 1, 0));
}

#[test]
fn the_end_is_a_loop_or_silence_or_what_the_last_tick_left() {
    let held = || {
        let mut song = sine();
        song.patterns[1].cells[0] = song.patterns[0].cells[1];
        song
    };
    // Two patterns at 125 BPM: 737,280 frames.
    let rest = 737_280 - 5_760;
    for sync in [SONG, ORIGINAL, TEMPO, FREE] {
        let sounds_after = |end: f32| {
            let mut player = Player::new(held()).with(Target::Sync, sync).with(Target::EndBehaviour, end);
            let audio = player.play(&Host::new().play(rest + 20_000, 125.0), &[4096]);
            audio[rest + 10_000..].iter().any(|sample| sample.abs() > 0.01)
        };
        assert_eq!([0.0, 1.0, 2.0].map(sounds_after), [true, false, true], "sync {sync}");
    }
    for (end, sounds) in [(0.0, true), (1.0, false), (2.0, true)] {
        let mut player = Player::new(held()).with(Target::EndBehaviour, end);
        let host = Host::new().seek_frame(3 * 737_280 + 9_999, 125.0).play(20_000, 125.0);
        let audio = player.play(&host, &[512]);
        assert_eq!(audio[10_000..].iter().any(|sample| sample.abs() > 0.01), sounds, "a seek past end {end}");
    }
}

/// Passes of a loop over `beats` at a tempo, of a host that ends its calls at the loop's end or does not.
fn passes(sync: f32, beats: (f64, f64), tempo: f64, splits: bool, size: usize) -> Vec<Vec<f32>> {
    let bytes = include_bytes!("../src/rack/demo.it");
    let song = std::sync::Arc::new(busker::tracker::load::load(bytes).unwrap());
    let mut player = Player::of(&song, RATE).with(Target::Sync, sync);
    let length = ((beats.1 - beats.0) * 60.0 * RATE / tempo).round() as usize;
    let host = if splits {
        (0..6).fold(Host::new(), |host, _| host.seek_beat(beats.0, tempo).play(length, tempo))
    } else {
        Host::new().seek_beat(beats.0, tempo).play(6 * length, tempo)
    };
    let audio = player.play(&host.in_loop(beats), &[size]);
    audio.chunks(length).map(<[f32]>::to_vec).collect()
}

#[test]
fn passes_of_a_host_loop_are_the_same_bits_after_the_second() {
    for (sync, beats, tempo) in [
        (SONG, (4.0, 8.0), 125.0),
        (SONG, (1.0, 3.0), 120.0),
        (SONG, (7.5, 40.0), 150.0),
        (ORIGINAL, (1.0, 9.0), 75.0),
    ] {
        for (splits, size) in [(true, 512), (false, 512), (false, 8192), (true, 1000)] {
            let passes = passes(sync, beats, tempo, splits, size);
            assert!(passes[2].iter().any(|sample| sample.abs() > 0.01));
            for pass in &passes[3..] {
                let first = pass.iter().zip(&passes[2]).position(|(one, other)| one != other);
                assert_eq!(first, None, "sync {sync}, beats {beats:?}, blocks of {size} cut there: {splits}");
            }
        }
    }
}

#[test]
fn a_loop_goes_round_without_waiting_for_a_chase() {
    let song =
        std::sync::Arc::new(busker::tracker::load::load(include_bytes!("../src/rack/demo.it")).unwrap());
    let through = Player::of(&song, RATE).play(&Host::new().play(60 * SECOND, 125.0), &[4096]);
    let start = 30 * SECOND;
    let beats = |frame: usize| frame as f64 * 125.0 / (60.0 * RATE);
    let range = (beats(start), beats(start + 64_000));
    let host = Host::new().seek_beat(range.0, 125.0).play(3 * 64_000, 125.0).in_loop(range);
    let heard = Player::of(&song, RATE).play(&host, &[100]);
    let third = &heard[2 * 64_000 + 144..];
    assert!(third.iter().any(|sample| sample.abs() > 0.01));
    assert!(third == &through[start + 144..start + 64_000], "all there once the cross-fade is over");
}

#[test]
fn rows_of_a_loop_between_frames_are_on_the_grid_pass_after_pass() {
    let length = 4.0 * 60.0 * RATE / 174.53;
    let host = Host::new().play(30 * SECOND, 174.53).in_loop((0.0, 4.0));
    let found = onsets(&Player::new(clicks()).play(&host, &[512]));
    // Every pass begins with a row that the cross-fade weakens; it is there all the same.
    assert!(found.len() >= (30.0 * RATE / length) as usize * 16 - 2, "{}", found.len());
    let delay = found[0] as f64;
    for frame in found {
        let rows = (frame as f64 - delay) / (length / 16.0);
        let off = (rows - rows.round()) * length / 16.0;
        // The first wrap comes unannounced, at a block's start.
        assert!(off.abs() <= 1.0 || (frame as f64) < length + 600.0, "frame {frame}: {off}");
    }
}

#[test]
fn rows_of_a_loop_gone_round_inside_blocks_are_on_the_grid_from_the_second_pass_on() {
    let mut player = Player::new(clicks());
    // Beats 1 to 3 at 120 BPM: 48,000 frames, no multiple of a block.
    let host = Host::new().seek_beat(1.0, 120.0).play(6 * SECOND, 120.0).in_loop((1.0, 3.0));
    let found = onsets(&player.play(&host, &[8192]));
    let later: Vec<usize> = found.into_iter().filter(|&frame| frame > 2 * SECOND).collect();
    let phase = later[0] % 6000;
    assert!(later.len() >= 31, "{later:?}");
    assert!(later.iter().all(|frame| frame % 6000 == phase), "{later:?}");
}

/// Largest second difference: a step of `s` gives one of `s`, a smooth low tone hardly any.
fn roughness(audio: &[f32]) -> f32 {
    audio.windows(3).map(|frames| (frames[2] - 2.0 * frames[1] + frames[0]).abs()).fold(0.0, f32::max)
}

#[test]
fn no_jump_makes_a_step_that_the_song_itself_has_not() {
    let sounding = |row: i64| row * 5760 + 3000;
    let silent = |row: i64| 64 * 5760 + row * 5760 + 3000;
    for (ramping, chase) in [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (1.0, 2.0), (2.0, 0.0)] {
        let mut player = Player::new(sine()).with(Target::Ramping, ramping).with(Target::Chase, chase);
        // Only what the sine itself is: from some frames after the note's beginning on.
        let warm = player.play(&Host::new().play(20_000, 125.0), &[512]);
        let own = roughness(&warm[10_000..]);
        assert!(warm[10_000..].iter().any(|sample| sample.abs() > 0.2), "the sine is loud");
        let mut dice = Dice(7);
        let mut host = Host::new().seek_frame(20_000, 125.0).play(3_000, 125.0);
        for jump in 0..40_i64 {
            let row = 8 + dice.below(40) as i64;
            let place = if jump % 3 == 1 { silent(row) } else { sounding(row) } + dice.below(2000) as i64;
            host = host.seek_frame(place, 125.0).play(200 + dice.below(6_000), 125.0);
            host = if jump % 7 == 6 { host.stop(1 + dice.below(3_000)) } else { host };
        }
        let audio: Vec<f32> = warm[19_000..].iter().copied().chain(player.play(&host, &[512])).collect();
        let rough = roughness(&audio);
        assert!(rough < own + 0.001, "ramping {ramping}, chase {chase}: {rough} beside {own}");
    }
}

#[test]
fn what_a_jump_brings_back_is_chosen_by_the_chase_parameter() {
    // The sine began long before; row 20 has no note of its own.
    let host = Host::new().seek_frame(20 * 5760 + 100, 125.0).play(20_000, 125.0);
    let sounds = |chase: f32| {
        let mut player = Player::new(sine()).with(Target::Chase, chase);
        player.play(&host, &[512])[10_000..].iter().any(|sample| sample.abs() > 0.01)
    };
    assert_eq!([0.0, 1.0, 2.0].map(sounds), [true, false, false]);
}

#[test]
fn notes_go_on_in_the_middle_when_the_host_continues_where_it_stopped() {
    let mut player = Player::new(sine());
    let host = Host::new().play(30_000, 125.0).stop(5_000).play(20_000, 125.0);
    let audio = player.play(&host, &[500]);
    let unbroken = Player::new(sine()).play(&Host::new().play(50_000, 125.0), &[500]);
    assert!(audio[30_500..35_000].iter().all(|&sample| sample == 0.0), "silent while stopped");
    assert!(audio[40_000..] == unbroken[35_000..], "as if the host had not stopped");
}

#[test]
fn a_scrub_backwards_is_heard_and_ends_where_it_stops() {
    let mut host = Host::new().play(96_000, 125.0);
    for block in (0..150).rev() {
        host = host.seek_frame(block * 512, 125.0).play(512, 125.0);
    }
    let end = host.frames;
    let audio = Player::new(sine()).play(&host.play(20_000, 125.0), &[512]);
    assert!(audio[96_000..end].chunks(8192).all(|part| part.iter().any(|sample| sample.abs() > 0.1)));
    let plain = Player::new(sine()).play(&Host::new().play(20_512, 125.0), &[512]);
    assert!(audio[end + 5_000..] == plain[5_512..]);
}

#[test]
fn a_time_signature_changes_nothing_that_is_heard() {
    let render = |signature: &dyn Fn(usize) -> (u16, u16)| {
        let host = Host::new().play(100_000, 133.0);
        let said = |frame| Some(Transport { signature: signature(frame), ..host.transport(frame) });
        Player::new(clicks()).render(100_000, &[512], said)
    };
    assert!(render(&|_| (4, 4)) == render(&|frame| if frame < 50_000 { (7, 8) } else { (3, 4) }));
}

#[test]
fn a_host_without_a_transport_can_audition_and_plays_at_the_modules_tempo() {
    for sync in [SONG, ORIGINAL, TEMPO, FREE] {
        let mut player = Player::new(fast_clicks()).with(Target::Sync, sync).with(Target::Audition, 1.0);
        let found = onsets(&player.render(48_000, &[512], |_| None));
        assert!(
            found.len() > 15 && found.windows(2).all(|pair| pair[1] - pair[0] == 2880),
            "sync {sync}: {found:?}"
        );
    }
    let mut player = Player::new(clicks()).with(Target::Sync, LAUNCH).with(Target::Audition, 1.0);
    assert!(onsets(&player.render(48_000, &[512], |_| None)).is_empty());
}

#[test]
fn no_transport_makes_any_mode_panic_or_hang() {
    let wild = [f64::NAN, f64::INFINITY, -1e300, 1e15, -3.0, 1e9, 0.0];
    let mut dice = Dice(1);
    for sync in [SONG, ORIGINAL, TEMPO, FREE, LAUNCH, MANUAL] {
        let mut player = Player::new(fast_clicks()).with(Target::Sync, sync);
        for _ in 0..300 {
            let mut any = || wild[dice.below(wild.len())];
            let mut transport = Transport { tempo: any(), tempo_increment: any(), ..Transport::default() };
            (transport.beats, transport.seconds) = (Some(any()), Some(any()));
            transport.looping = Some((any(), any()));
            transport.playing = dice.below(5) > 0;
            transport.beats = transport.beats.filter(|_| dice.below(4) > 0);
            transport.seconds = transport.seconds.filter(|_| dice.below(4) > 0);
            transport.tempo = if dice.below(2) > 0 { 120.0 } else { transport.tempo };
            player.set(Target::ManualRow, dice.below(1024) as f32);
            player.set(Target::StartOrder, dice.below(3) as f32);
            player.set(Target::TempoRatio, dice.below(7) as f32);
            player.set(Target::StartBeat, dice.below(2) as f32 * 4096.0);
            player.set(Target::EndBehaviour, dice.below(3) as f32);
            let audio = player.render(1 + dice.below(900), &[512], |frame| (frame == 0).then_some(transport));
            assert!(audio.iter().all(|sample| sample.is_finite()));
        }
    }
}
