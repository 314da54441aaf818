//! Lanes from their files to their frames, with threads and all.

use super::feed::prepare_with;
use super::*;
use crate::audio::BLOCK_SIZE;
use crate::dsp::Level;
use crate::sample::AudioFile;
use crate::units::SampleRate;
use std::io::Cursor;
use std::io::Read;
use std::io::Seek;
use std::io::SeekFrom;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::Duration;
use symphonia::core::io::MediaSource;

const HOST: SampleRate = SampleRate(48_000.0);
/// 3 ms.
const FADE: usize = 144;

fn wav(rate: u32, frames: usize, sample: impl Fn(usize) -> i16) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    let sample_format = hound::SampleFormat::Int;
    let spec = hound::WavSpec { channels: 2, sample_rate: rate, bits_per_sample: 16, sample_format };
    let mut writer = hound::WavWriter::new(&mut bytes, spec).unwrap();
    for frame in 0..frames {
        writer.write_sample(sample(frame)).unwrap();
        writer.write_sample(sample(frame + 1)).unwrap();
    }
    writer.finalize().unwrap();
    bytes.into_inner()
}

/// A number that tells a frame from all others near it.
fn number(frame: usize) -> i16 {
    (frame * 7 % 29_989) as i16
}

fn value(frame: usize) -> f32 {
    f32::from(number(frame)) / 32_768.0
}

fn file(bytes: &[u8]) -> AudioFile {
    AudioFile::new(Box::new(Cursor::new(bytes.to_vec()))).unwrap()
}

fn material(takes: &[Vec<u8>], setup: &LaneSetup, lane: usize) -> Material {
    Material::new(takes.iter().map(|bytes| Some(file(bytes))).collect(), setup, (lane, HOST)).unwrap()
}

fn wait<T>(mut until: impl FnMut() -> Option<T>) -> T {
    for _ in 0..20_000 {
        if let Some(found) = until() {
            return found;
        }
        thread::sleep(Duration::from_millis(1));
    }
    panic!("waited for 20 s");
}

fn ready(news: News) -> Option<Box<Pages>> {
    match news {
        News::Ready(pages) => Some(pages),
        News::Trouble(_) => None,
    }
}

fn lane_of(open: impl FnOnce() -> Result<Material, LaneError> + Send + 'static, start: Start) -> Lane {
    let preparing = prepare_with(|_| open(), HOST).unwrap();
    let pages = wait(|| preparing.news().find_map(ready));
    let mut lane = Lane::new(HOST, Level::detect());
    lane.set(Some(pages), start);
    lane
}

fn lane(takes: Vec<Vec<u8>>, setup: LaneSetup) -> Lane {
    let start = setup.start;
    lane_of(move || Ok(material(&takes, &setup, 0)), start)
}

fn at(seconds: f64) -> Moment {
    Moment { playing: true, seconds: Some(seconds), loop_start: None }
}

/// The next frames, without waiting for any.
fn heard(lane: &mut Lane, frames: usize) -> [Vec<f32>; 2] {
    let mut out = [vec![0.0; frames], vec![0.0; frames]];
    let mut done = 0;
    while done < frames {
        let end = frames.min(done + BLOCK_SIZE);
        let [left, right] = &mut out;
        lane.render([&mut left[done..end], &mut right[done..end]]);
        done = end;
    }
    out
}

/// The next frames, in calls of the given sizes, as an offline host takes them.
fn rendered(lane: &mut Lane, frames: usize, sizes: &[usize]) -> [Vec<f32>; 2] {
    let mut out = [Vec::new(), Vec::new()];
    for &size in sizes.iter().cycle() {
        let size = size.min(frames - out[0].len());
        wait(|| lane.is_ready(size).then_some(()));
        let found = heard(lane, size);
        out.iter_mut().zip(found).for_each(|(out, found)| out.extend(found));
        if out[0].len() == frames {
            break;
        }
    }
    out
}

#[test]
fn a_lane_at_the_hosts_rate_is_its_file_sample_for_sample_and_then_silent() {
    let mut lane = lane(vec![wav(48_000, 150_000, number)], LaneSetup::default());
    assert!(lane.is_silent(256), "the host's time does not run");
    lane.follow(&at(0.0), 0);
    let [left, right] = rendered(&mut lane, 151_000, &[1, 300, 8_192, 77]);
    assert!((0..150_000).all(|frame| left[frame] == value(frame) && right[frame] == value(frame + 1)));
    assert!(left[150_000..].iter().chain(&right[150_000..]).all(|&sample| sample == 0.0));
    assert!(lane.is_silent(256) && lane.underruns() == 0);
}

#[test]
fn a_thousand_jumps_of_the_host_land_on_their_frames() {
    let mut lane = lane(
        vec![wav(48_000, 400_000, number)],
        LaneSetup { start: Start::Timeline(0.5), ..LaneSetup::default() },
    );
    let (mut state, mut frame) = (1_u64, 0_u64);
    for jump in 0..1_000 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let place = (state >> 33) as usize % 399_000;
        lane.follow(&at(0.5 + place as f64 / 48_000.0), frame);
        let [left, _] = rendered(&mut lane, FADE + 100, &[61, 256]);
        frame += (FADE + 100) as u64;
        for (index, found) in left.into_iter().enumerate().skip(if jump == 0 { 0 } else { FADE }) {
            assert_eq!(found, value(place + index), "jump {jump} to {place}, frame {index}");
        }
    }
    assert_eq!(lane.underruns(), 0);
}

#[test]
fn a_jump_fades_from_one_place_to_the_other_without_a_step() {
    let smooth = |frame: usize| if frame < 100_000 { 16_000 } else { -16_000 };
    let mut lane = lane(vec![wav(48_000, 200_000, smooth)], LaneSetup::default());
    lane.follow(&at(0.0), 0);
    rendered(&mut lane, 1_000, &[500]);
    lane.follow(&at(3.0), 1_000);
    let [left, _] = rendered(&mut lane, 400, &[1, 2, 50]);
    let steps = left.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max);
    assert!(left[0] > 0.47 && left[FADE..].iter().all(|&sample| sample == -16_000.0 / 32_768.0));
    assert!(steps < 1.01 * 2.0 * 16_000.0 / 32_768.0 / FADE as f32, "{steps}");
}

#[test]
fn a_lane_at_another_rate_is_its_file_converted_at_once() {
    let bytes = wav(44_100, 44_100 * 40, number);
    let mut whole = material(std::slice::from_ref(&bytes), &LaneSetup::default(), 0);
    let frames = whole.frames().unwrap() as usize;
    assert_eq!(frames, 48_000 * 40);
    let mut wanted = [vec![0.0; frames], vec![0.0; frames]];
    let [left, right] = &mut wanted;
    whole.read(0, [left, right]);
    assert!(wanted[0].iter().any(|&sample| sample != 0.0));
    let mut lane = lane(vec![bytes], LaneSetup::default());
    lane.follow(&at(0.0), 0);
    assert!(rendered(&mut lane, frames, &[8_192, 5, 100, 2_000]) == wanted);
    lane.follow(&at(10.0 + 7.0 / 48_000.0), frames as u64);
    let found = rendered(&mut lane, 1_000, &[333]);
    assert!(found[1] == wanted[1][480_007..481_007], "a jump out of silence needs no fade");
}

#[test]
fn a_loop_has_no_seam_at_either_rate() {
    let repeat = Some(Repeat { start: 1_000, end: Some(31_001) });
    let setup = LaneSetup { repeat, start: Start::Trigger { gate: false }, ..LaneSetup::default() };
    let mut straight = lane(vec![wav(48_000, 60_000, number)], setup.clone());
    straight.trigger(true);
    let [left, _] = rendered(&mut straight, 200_000, &[999]);
    let place = |frame: usize| if frame < 31_001 { frame } else { 1_000 + (frame - 31_001) % 30_001 };
    assert!((0..200_000).all(|frame| left[frame] == value(place(frame))));

    // A tone with a whole number of waves in the loop goes on as if there were none.
    let tone = |frame: usize| (12_000.0 * (frame as f64 * std::f64::consts::TAU / 100.0).sin()) as i16;
    let setup = LaneSetup { repeat: Some(Repeat { start: 1_000, end: Some(11_000) }), ..setup };
    let mut converted = lane(vec![wav(44_100, 20_000, tone)], setup);
    converted.trigger(true);
    let [left, _] = rendered(&mut converted, 100_000, &[4_000]);
    let endless =
        |frame: usize| 12_000.0 / 32_768.0 * (frame as f64 * 0.918_75 * std::f64::consts::TAU / 100.0).sin();
    let wrong =
        (2_000..100_000).map(|frame| (f64::from(left[frame]) - endless(frame)).abs()).fold(0.0, f64::max);
    assert!(wrong < 1e-3, "{wrong}");
}

#[test]
fn the_same_bits_come_out_however_calls_are_cut_at_any_speed() {
    let run = |sizes: &[usize]| {
        let mut lane = lane(
            vec![wav(44_100, 200_000, number)],
            LaneSetup { start: Start::Trigger { gate: true }, ..LaneSetup::default() },
        );
        lane.set_speed(0.733);
        lane.trigger(true);
        let mut out = rendered(&mut lane, 20_000, sizes);
        lane.set_speed(3.1);
        let more = rendered(&mut lane, 20_000, sizes);
        out.iter_mut().zip(more).for_each(|(out, more)| out.extend(more));
        lane.trigger(false);
        let rest = rendered(&mut lane, 1_000, sizes);
        assert!(rest[0][0] != 0.0 && rest[0][FADE..].iter().all(|&sample| sample == 0.0));
        out.iter_mut().zip(rest).for_each(|(out, rest)| out.extend(rest));
        assert_eq!(lane.underruns(), 0);
        out
    };
    let whole = run(&[8_192]);
    for sizes in [&[1][..], &[7, 256, 1_000], &[64]] {
        assert!(run(sizes) == whole, "{sizes:?}");
    }
}

#[test]
fn a_trigger_that_is_held_starts_what_comes_into_its_lane() {
    let setup = LaneSetup { start: Start::Trigger { gate: true }, ..LaneSetup::default() };
    let bytes = wav(48_000, 30_000, number);
    let preparing = prepare_with(move |_| Ok(material(&[bytes], &setup, 0)), HOST).unwrap();
    let pages = wait(|| preparing.news().find_map(ready));
    let mut lane = Lane::new(HOST, Level::detect());
    lane.trigger(true);
    assert!(heard(&mut lane, 500)[0].iter().all(|&sample| sample == 0.0));
    lane.set(Some(pages), Start::Trigger { gate: true });
    let [left, _] = rendered(&mut lane, 2_000, &[300]);
    assert!((0..2_000).all(|frame| left[frame] == value(frame)));
    rendered(&mut lane, 29_000, &[300]);
    (0..10).for_each(|_| lane.skip(64));
    assert!(lane.is_idle() && lane.position().is_none(), "it has ended");
}

#[test]
fn a_trigger_in_the_longest_call_at_the_highest_speed_finds_its_start_whatever_was_played_before() {
    let setup = LaneSetup { start: Start::Trigger { gate: false }, ..LaneSetup::default() };
    let mut lane = lane(vec![wav(48_000, 2_000_000, number)], setup);
    lane.set_speed(4.0);
    let start = |lane: &mut Lane| {
        lane.trigger(false);
        wait(|| lane.is_ready(8_192).then_some(()));
        lane.trigger(true);
        let [left, _] = heard(lane, 8_192);
        left[FADE..].to_vec()
    };
    let first = start(&mut lane);
    for _ in 0..3 {
        rendered(&mut lane, 100_000, &[8_192]);
        assert!(start(&mut lane) == first);
    }
    assert_eq!(lane.underruns(), 0);
}

const BY_TRIGGER: Start = Start::Trigger { gate: false };

#[test]
fn a_lane_is_sought_to_a_frame_with_the_same_bits_however_calls_are_cut() {
    let run = |sizes: &[usize]| {
        let setup = LaneSetup { start: BY_TRIGGER, ..LaneSetup::default() };
        let mut lane = lane(vec![wav(48_000, 400_000, number)], setup);
        let mut out = Vec::new();
        // From where it stands, far off, back, into the fade of the seek before, and twice on one frame.
        for (place, frames) in
            [(200_000, 900), (399_000, 500), (3, FADE / 2), (90_001, 31), (7, 0), (50_000, 900)]
        {
            lane.seek(place);
            assert_eq!(lane.position(), Some(place as i64));
            out.extend(rendered(&mut lane, frames, sizes)[0].iter().copied());
        }
        assert_eq!(lane.underruns(), 0);
        out
    };
    let whole = run(&[8_192]);
    for (from, place, frames) in [(0, 200_000, 900), (900, 399_000, 500), (1_503, 50_000, 900)] {
        let sought = whole[from + FADE..from + frames].iter().enumerate();
        sought.for_each(|(index, &found)| assert_eq!(found, value(place + FADE + index), "{place}, {index}"));
    }
    for sizes in [&[1][..], &[7, 256, 1_000], &[64]] {
        assert!(run(sizes) == whole, "{sizes:?}");
    }
}

#[test]
fn a_seek_fades_without_a_step_though_another_is_under_way() {
    let loud = |frame: usize| if frame < 100_000 { 16_000 } else { -16_000 };
    let setup = LaneSetup { start: BY_TRIGGER, ..LaneSetup::default() };
    let mut lane = lane(vec![wav(48_000, 200_000, loud)], setup);
    let mut out = vec![0.0];
    for (place, frames) in [(50_000, 400), (150_000, 40), (1_000, 71), (160_000, 400), (200_000, 400)] {
        lane.seek(place);
        out.extend(rendered(&mut lane, frames, &[50, 3])[0].iter().copied());
    }
    let full = 16_000.0 / 32_768.0;
    let steps = out.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max);
    assert!(steps < 4.01 * full / FADE as f32, "{steps}");
    assert!(out[FADE..401].iter().all(|&sample| sample == full), "the first one is heard");
    assert!(out[512 + FADE..912].iter().all(|&sample| sample == -full), "the last one is heard");
    assert!(out[912 + FADE..].iter().all(|&sample| sample == 0.0) && lane.is_idle(), "past its end it stops");
}

#[test]
fn a_lane_that_loops_is_sought_to_its_place_in_the_loop() {
    let repeat = Some(Repeat { start: 10_000, end: Some(60_000) });
    let mut lane = lane(
        vec![wav(48_000, 90_000, number)],
        LaneSetup { repeat, start: BY_TRIGGER, ..LaneSetup::default() },
    );
    // Out of the first round each time, and once out of the second.
    for (asked, place) in
        [(59_900, 59_900), (9_000, 9_000), (60_000, 10_000), (70_500, 20_500), (u64::MAX, 25_807)]
    {
        lane.seek(asked);
        assert_eq!(lane.position(), Some(place as i64), "{asked}");
        let [left, _] = rendered(&mut lane, 1_000, &[300]);
        let round = |frame: usize| if frame < 60_000 { frame } else { frame - 50_000 };
        assert!((FADE..1_000).all(|index| left[index] == value(round(place + index))), "{asked}");
    }
}

#[test]
fn a_loop_that_is_sought_stays_in_its_round_with_the_takes_of_that_however_calls_are_cut() {
    for rate in [48_000, 44_100] {
        let takes: Vec<_> = (1..6).map(|take| wav(rate, 9_000, move |_| 3_000 * take)).collect();
        let repeat = Some(Repeat { start: 1_001, end: Some(5_002) });
        let setup = LaneSetup {
            repeat,
            shuffle: vec![0.03, 0.08],
            start: BY_TRIGGER,
            seed: 3,
            ..LaneSetup::default()
        };
        let [mut wanted, mut other] = [(); 2].map(|()| vec![0.0; 60_000]);
        material(&takes, &setup, 0).read(0, [&mut wanted, &mut other]);
        let round = 4_001.0 * 48_000.0 / f64::from(rate);
        let there = ((30_000.0 * f64::from(rate) / 48_000.0 - 1_001.0) / 4_001.0).floor();
        let run = |sizes: &[usize]| {
            let mut lane = lane(takes.clone(), setup.clone());
            lane.trigger(true);
            let mut out = rendered(&mut lane, 30_000, sizes)[0].clone();
            for (place, rounds) in [(2_000, there), (4_500, there), (1_500, there), (500, 0.0), (3_000, 0.0)]
            {
                lane.seek(place);
                let position = lane.position().unwrap() as usize;
                let off = position as f64 - (place as f64 + rounds * round);
                assert!((0.0..1.0).contains(&off), "{rate} Hz: {place} is at {position}");
                let sought = rendered(&mut lane, 400, sizes)[0].clone();
                assert!(sought[FADE..] == wanted[position + FADE..position + 400], "{rate} Hz: {place}");
                out.extend(sought);
            }
            out
        };
        let whole = run(&[8_192]);
        let takes_of = |rounds: f64| {
            let first = 2_000 + (rounds * round).ceil() as usize;
            wanted[first..first + 3_000].iter().map(|sample| (sample * 32.0).round()).collect::<Vec<_>>()
        };
        assert!(takes_of(there) != takes_of(0.0), "other takes than in the first round");
        for sizes in [&[61][..], &[7, 256, 1_000]] {
            assert!(run(sizes) == whole, "{rate} Hz: {sizes:?}");
        }
    }
}

#[test]
fn rounds_of_a_loop_are_told_to_the_frame_however_many_there_are() {
    let rounds = Rounds { repeat: (100, 241), ratio: [147, 160] };
    let first = |round: u64| ((100 + 141 * round) * 160).div_ceil(147) as i64;
    for round in [0, 1, 2, 1_000_003] {
        for position in [first(round), first(round) + 70, first(round + 1) - 1] {
            let off = rounds.beside(first(0), position) - first(round);
            assert!((0..=1).contains(&off), "{round}: {off}");
            assert_eq!(rounds.beside(108, position), 108, "before the loop");
        }
    }
}

#[test]
fn a_lane_of_the_hosts_time_or_one_whose_trigger_is_not_held_is_not_sought() {
    let setup = |start| LaneSetup { start, ..LaneSetup::default() };
    let mut timeline = lane(vec![wav(48_000, 90_000, number)], setup(Start::Timeline(0.0)));
    timeline.follow(&at(0.0), 0);
    timeline.seek(50_000);
    assert_eq!(timeline.position(), Some(0));
    let mut gated = lane(vec![wav(48_000, 90_000, number)], setup(Start::Trigger { gate: true }));
    gated.seek(50_000);
    assert!(gated.is_idle());
    gated.trigger(true);
    gated.seek(50_000);
    let [left, _] = rendered(&mut gated, 1_000, &[300]);
    assert!((FADE..1_000).all(|index| left[index] == value(50_000 + index)));
    gated.trigger(false);
    rendered(&mut gated, FADE, &[300]);
    assert!(gated.is_idle());
    Lane::new(HOST, Level::detect()).seek(5); // there is nothing in it
}

#[test]
fn a_seek_to_what_has_not_been_read_is_silent_until_it_has_been_and_no_underrun() {
    const PLACE: usize = 48_000 * 5;
    let goes = Arc::new(AtomicBool::new(false));
    let bytes = Cursor::new(wav(48_000, 48_000 * 6, |_| 8_000));
    let stuck = Stuck { bytes, part: 4 * 48_000, goes: Arc::clone(&goes) };
    let open = move || {
        let file = AudioFile::new(Box::new(stuck)).unwrap();
        Material::new(vec![Some(file)], &LaneSetup::default(), (0, HOST))
    };
    let mut lane = lane_of(open, BY_TRIGGER);
    lane.trigger(true);
    rendered(&mut lane, 1_000, &[500]);
    lane.seek(PLACE as u64);
    let [left, _] = heard(&mut lane, 1_000);
    assert!(left[0] > 0.24 && left[FADE..].iter().all(|&sample| sample == 0.0), "it is waited for by nobody");
    goes.store(true, Relaxed);
    let [left, _] = rendered(&mut lane, 1_000, &[500]);
    assert!(
        left[0] > 0.0 && left[0] < 0.01 && left[FADE..].iter().all(|&sample| sample == 8_000.0 / 32_768.0)
    );
    assert_eq!((lane.position(), lane.underruns()), (Some((PLACE + 2_000) as i64), 0));
}

#[test]
fn speed_reads_where_it_should() {
    // A straight line tells its own place.
    let line = |frame: usize| frame as i16;
    let setup = LaneSetup { start: Start::Trigger { gate: false }, ..LaneSetup::default() };
    let mut lane = lane(vec![wav(48_000, 30_000, line)], setup);
    lane.set_speed(0.25);
    lane.trigger(true);
    let [left, _] = rendered(&mut lane, 80_000, &[4_096]);
    let wrong =
        (100..80_000).map(|frame| (left[frame] * 32_768.0 - frame as f32 / 4.0).abs()).fold(0.0, f32::max);
    assert!(wrong < 0.5 + 30_000.0 * 1e-5, "{wrong}");
    assert_eq!(lane.position(), Some(20_000));
}

#[test]
fn takes_change_at_their_points_by_the_seed_with_a_fade() {
    let takes: Vec<Vec<u8>> = [4_000, 8_000, 16_000].map(|level| wav(48_000, 96_000, move |_| level)).into();
    let levels = [4_000.0, 8_000.0, 16_000.0].map(|level: f32| level / 32_768.0);
    let run = |seed| {
        let setup = LaneSetup { shuffle: vec![1.5, 0.5, 1.0], seed, ..LaneSetup::default() };
        let mut lane = lane(takes.clone(), setup);
        lane.follow(&at(0.0), 0);
        let [left, _] = rendered(&mut lane, 96_000, &[1_000]);
        let middles = [12_000, 36_000, 60_000, 84_000].map(|frame: usize| left[frame]);
        assert!(middles.iter().all(|level| levels.contains(level)));
        for (point, pair) in [24_000, 48_000, 72_000].into_iter().zip(middles.windows(2)) {
            assert!(
                pair[0] != pair[1] && left[point - 1] == pair[0] && left[point + 239] == pair[1],
                "{point}"
            );
            let half = (pair[0] + pair[1]) / 2.0;
            assert!((left[point + 119] - half).abs() < 1e-6, "the fade's middle");
        }
        middles
    };
    assert_eq!(run(1), run(1));
    assert!((2..12).any(|seed| run(seed) != run(1)));
}

#[test]
fn a_take_that_is_missing_keeps_its_turns_in_silence_and_the_others_theirs() {
    let takes: Vec<Vec<u8>> = [4_000, 8_000, 16_000].map(|level| wav(48_000, 480_000, move |_| level)).into();
    let setup =
        LaneSetup { shuffle: (1..40).map(|n| f64::from(n) / 4.0).collect(), seed: 3, ..LaneSetup::default() };
    let middles = |files: Vec<Option<AudioFile>>| {
        let mut material = Material::new(files, &setup, (0, HOST)).unwrap();
        (0..40)
            .map(|part| {
                let (mut left, mut right) = ([9.0], [9.0]);
                material.read(part * 12_000 + 6_000, [&mut left, &mut right]);
                left[0]
            })
            .collect::<Vec<f32>>()
    };
    let all = middles(takes.iter().map(|bytes| Some(file(bytes))).collect());
    let without = middles(takes.iter().enumerate().map(|(n, bytes)| (n != 1).then(|| file(bytes))).collect());
    let missing = 8_000.0 / 32_768.0;
    assert!(all.iter().filter(|&&level| level == missing).count() > 5, "{all:?}");
    let wanted: Vec<f32> = all.iter().map(|&level| if level == missing { 0.0 } else { level }).collect();
    assert_eq!(without, wanted);
}

#[test]
fn takes_that_cannot_be_read_are_told_and_the_others_are_played() {
    let folder = std::env::temp_dir().join(format!("busker-lane-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("good.wav"), wav(48_000, 20_000, number)).unwrap();
    std::fs::write(folder.join("bad.wav"), b"no sound at all").unwrap();
    std::fs::write(folder.join("torn.wav"), &wav(48_000, 20_000, number)[..44 + 4 * 15_000]).unwrap();
    let open = |names: &[&str]| {
        let takes = names.iter().map(|name| Some(folder.join(name))).collect();
        prepare(LaneSetup { takes, ..LaneSetup::default() }, (0, HOST)).unwrap()
    };
    let heard = |lane: &Preparing| {
        let (mut pages, mut said) = (None, Vec::new());
        wait(|| {
            for news in lane.news() {
                match news {
                    News::Ready(ready) => pages = Some(ready),
                    News::Trouble(trouble) => said.push(trouble.to_string()),
                }
            }
            (pages.is_some() && !said.is_empty()).then_some(())
        });
        (pages.unwrap().frames(), said)
    };
    let (frames, said) = heard(&open(&["bad.wav", "good.wav"]));
    assert_eq!((frames, said.len()), (Some(20_000), 1));
    assert!(said[0].contains("bad.wav: no audio file"), "{said:?}");
    let (frames, said) = heard(&open(&["torn.wav"]));
    assert_eq!((frames, said.len()), (Some(20_000), 1));
    assert!(said[0].contains("torn.wav: damaged at frame"), "{said:?}");
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_lane_is_on_its_frame_after_an_hour_at_a_speed_of_0_997() {
    const HOUR: u64 = 3_600 * 48_000;
    let setup = LaneSetup { repeat: Some(Repeat::default()), ..LaneSetup::default() };
    let line = |frame: usize| (frame % 30_000) as i16;
    let mut lane = lane(vec![wav(48_000, 30_000, line)], setup);
    lane.set_speed(0.997);
    lane.follow(&at(0.0), 0);
    // Nobody hears it, so that an hour is soon over: positions are the same.
    for _ in 0..HOUR / 480 {
        lane.skip(480);
    }
    assert_eq!(lane.position(), Some(172_281_600));
    let [left, _] = rendered(&mut lane, 2_000, &[64, 1_000]);
    for (frame, sample) in (0..).zip(left) {
        let place = (172_281_600.0 + 0.997 * f64::from(frame)) % 30_000.0;
        // A step of the line is 1, and the loop's own edge rings.
        if (50.0..29_950.0).contains(&place) {
            assert!((f64::from(sample) * 32_768.0 - place).abs() < 0.5, "frame {frame}: {place}");
        }
    }
    assert_eq!(lane.underruns(), 0);
}

#[test]
fn a_lane_begins_without_an_underrun_where_the_host_has_stood() {
    let mut lane = lane(vec![wav(48_000, 48_000 * 20, number)], LaneSetup::default());
    lane.follow(&Moment { playing: false, ..at(12.0) }, 0);
    lane.skip(64);
    // Its thread has some milliseconds to see it, as it has before anybody presses play.
    let frame = 12 * 48_000;
    wait(|| lane.has(frame as i64, 4_800 + FADE as u64).then_some(()));
    lane.follow(&at(12.0), 64);
    let [left, _] = heard(&mut lane, 4_800);
    assert!(left.iter().enumerate().all(|(index, &sample)| sample == value(frame + index)));
    assert_eq!(lane.underruns(), 0);
}

/// A file of which nothing past its first part comes before it is let go.
struct Stuck {
    bytes: Cursor<Vec<u8>>,
    part: u64,
    goes: Arc<AtomicBool>,
}

impl Read for Stuck {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        while self.bytes.position() > self.part && !self.goes.load(Relaxed) {
            thread::sleep(Duration::from_millis(1));
        }
        self.bytes.read(to)
    }
}

impl Seek for Stuck {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        self.bytes.seek(to)
    }
}

impl MediaSource for Stuck {
    fn is_seekable(&self) -> bool {
        true
    }

    fn byte_len(&self) -> Option<u64> {
        Some(self.bytes.get_ref().len() as u64)
    }
}

#[test]
fn one_lane_on_a_disk_that_hangs_underruns_alone_and_comes_back_in_its_place() {
    const FRAMES: usize = 48_000 * 6;
    let loud = |frame: usize| 8_000 + (frame % 5_000) as i16;
    let goes = Arc::new(AtomicBool::new(false));
    let bytes = Cursor::new(wav(48_000, FRAMES, loud));
    let stuck = Stuck { bytes, part: 4 * 48_000, goes: Arc::clone(&goes) };
    let open = move || {
        let file = AudioFile::new(Box::new(stuck)).unwrap();
        Material::new(vec![Some(file)], &LaneSetup::default(), (0, HOST))
    };
    let mut slow = lane_of(open, Start::default());
    let mut well = lane(vec![wav(48_000, FRAMES, loud)], LaneSetup::default());
    slow.follow(&at(0.0), 0);
    well.follow(&at(0.0), 0);
    let wanted = |frame: usize| f32::from(loud(frame)) / 32_768.0;
    let (mut done, mut faded) = (0, false);
    let mut last = 0.0_f32;
    while done < FRAMES - 24_000 {
        if done == 48_000 * 4 {
            assert_eq!((slow.underruns(), faded), (1, true));
            goes.store(true, Relaxed);
            wait(|| slow.is_ready(100).then_some(()));
        }
        let [of_well, _] = rendered(&mut well, 240, &[240]);
        assert!((0..240).all(|index| of_well[index] == wanted(done + index)), "{done}");
        for sample in heard(&mut slow, 240)[0].iter().copied() {
            // The sawtooth itself falls by 5,000 of 32,768.
            assert!((sample - last).abs() < 0.16 || done == 0, "a step at {done}");
            last = sample;
            faded |= sample == 0.0;
        }
        done += 240;
        if done >= 48_000 * 4 + 4_800 {
            wait(|| slow.is_ready(240).then_some(()));
        }
    }
    assert_eq!((well.underruns(), slow.underruns()), (0, 1));
    assert_eq!(last, wanted(done - 1));
}

#[test]
fn a_thread_that_breaks_off_is_known_from_one_that_has_ended() {
    let ended = |open: fn() -> Result<Material, LaneError>| {
        let preparing = prepare_with(move |_| open(), HOST).unwrap();
        wait(|| preparing.has_ended().then_some(()));
        preparing
    };
    assert!(ended(|| panic!("a fault of a decoder")).has_broken_off());
    assert!(!ended(|| Err(LaneError::EmptyLoop { start: 5, end: 5 })).has_broken_off());
}

#[test]
fn a_start_out_of_all_reach_is_silent_at_any_speed() {
    for start in [f64::INFINITY, f64::NEG_INFINITY, 1e30, f64::MIN] {
        let setup = LaneSetup { start: Start::Timeline(start), ..LaneSetup::default() };
        let mut lane = lane(vec![wav(48_000, 48_000, number)], setup);
        lane.set_speed(4.0);
        for seconds in [0.0, -5e8, 5e8] {
            lane.follow(&at(seconds), 0);
            let [left, _] = heard(&mut lane, 600);
            assert!(left.iter().all(|&sample| sample == 0.0), "{start} at {seconds}");
        }
    }
}

#[test]
fn an_extent_says_where_in_its_takes_a_lane_is() {
    let once = Extent { frames: 100, loop_start: None };
    assert_eq!([-5, 0, 99, 100].map(|at| once.place(at)), [Some(-5), Some(0), Some(99), None]);
    let round = Extent { frames: 100, loop_start: Some(40) };
    assert_eq!([99, 100, 159, 160].map(|at| round.place(at)), [Some(99), Some(40), Some(99), Some(40)]);
    assert_eq!(Extent { frames: 9, loop_start: Some(9) }.place(9), None);
}

#[test]
fn a_lane_that_comes_while_the_host_plays_is_heard_once_it_is_read_and_late_only_where_that_takes_long() {
    // Before it is heard it may have been there while the host stood, or unheard, which uses up its time.
    let stands = |lane: &mut Lane| lane.follow(&Moment { playing: false, ..at(0.0) }, 0);
    let unheard = |lane: &mut Lane| {
        lane.follow(&at(2.0), 0);
        lane.skip(2 * 48_000);
    };
    let comes = |_: &mut Lane| ();
    let before: [&dyn Fn(&mut Lane); 4] = [&comes, &comes, &stands, &unheard];
    for (before, (seconds, late)) in before.into_iter().zip([(0.5, 0), (2.0, 1), (0.5, 1), (0.5, 1)]) {
        let goes = Arc::new(AtomicBool::new(false));
        let bytes = Cursor::new(wav(48_000, 48_000 * 8, number));
        let stuck = Stuck { bytes, part: 4 * 48_000, goes: Arc::clone(&goes) };
        let open = move || {
            let file = AudioFile::new(Box::new(stuck)).unwrap();
            Material::new(vec![Some(file)], &LaneSetup::default(), (0, HOST))
        };
        let mut lane = lane_of(open, Start::default());
        let frames = (seconds * 48_000.0) as usize;
        before(&mut lane);
        lane.follow(&at(4.0), 2 * 48_000);
        assert!(heard(&mut lane, frames)[0].iter().all(|&sample| sample == 0.0));
        assert_eq!(lane.underruns(), late, "after {seconds} s");
        goes.store(true, Relaxed);
        let [left, _] = rendered(&mut lane, 4_800, &[240]);
        let wanted = |index: usize| value(48_000 * 4 + frames + index);
        assert!((FADE..4_800).all(|index| left[index] == wanted(index)));
        assert!(left[0].abs() < 0.02, "it fades in");
        assert_eq!(lane.underruns(), late);
    }
}
