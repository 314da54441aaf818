//! What the pool holds to, voice by voice and in bursts.

use super::one::Voice;
use super::pool::Cause;
use super::*;
use crate::audio::Activity;
use crate::audio::BLOCK_SIZE;
use crate::audio::Feed;
use crate::dsp::Level;
use crate::sample::Interpolation;
use crate::sample::SampleData;
use crate::units::Gain;
use crate::units::SampleRate;
use crate::units::Semitones;
use std::sync::Arc;

const RATE: SampleRate = SampleRate(48_000.0);
/// 4 ms.
const FADE: usize = 192;
const BUSES: usize = 4;

fn take_at(rate: f64, frames: usize, sample: impl Fn(usize) -> f32) -> Take {
    let plane: Box<[f32]> = (0..frames).map(sample).collect();
    Take::of(Arc::new(SampleData::Float(Box::new([plane]))), SampleRate(rate))
}

fn take(frames: usize, sample: impl Fn(usize) -> f32) -> Take {
    take_at(RATE.0, frames, sample)
}

fn sine(frames: usize, hertz: f32, level: f32) -> Take {
    take(frames, |frame| level * (std::f32::consts::TAU * hertz * frame as f32 / 48_000.0).sin())
}

/// A pool with these slots, hard left so that left is the recording itself.
fn pool(slots: impl IntoIterator<Item = Slot>) -> Pool {
    let slots: Vec<(usize, Slot)> =
        slots.into_iter().map(|slot| Slot { pan: -1.0, ..slot }).enumerate().collect();
    let mut pool = Pool::new(RATE, Level::detect());
    assert!(pool.set_bank(Arc::new(Bank::new(1, slots))).is_none());
    assert!(pool.take_left().is_some());
    pool
}

fn slot(take: Take) -> Slot {
    Slot { takes: vec![take], ..Slot::default() }
}

fn key(key: u8) -> Cause {
    Cause::Key { channel: 0, key, id: None }
}

/// Something to do on a frame.
type Step = (usize, Box<dyn Fn(&mut Pool)>);
type Script = Vec<Step>;

fn at(frame: usize, act: impl Fn(&mut Pool) + 'static) -> Step {
    (frame, Box::new(act))
}

fn on(frame: usize, slot: usize) -> Step {
    at(frame, move |pool| {
        pool.trigger(slot, key(slot as u8), Gain(1.0));
    })
}

fn off(frame: usize, slot: usize) -> Step {
    at(frame, move |pool| pool.release(key(slot as u8)))
}

/// Left of each bus over `frames` frames in blocks as `size` says, with the script's acts on their frames.
fn played(pool: &mut Pool, script: &Script, frames: usize, mut size: impl FnMut() -> usize) -> Vec<Vec<f32>> {
    let mut feeds = vec![Feed::new(2); BUSES];
    let mut planes = vec![Vec::new(); BUSES];
    let mut script = script.iter().peekable();
    let mut done = 0;
    while done < frames {
        let block = size().clamp(1, BLOCK_SIZE).min(frames - done);
        feeds.iter_mut().for_each(|feed| feed.begin(block));
        let mut start = 0;
        while start < block {
            while let Some((_, act)) = script.next_if(|(frame, _)| *frame <= done + start) {
                act(pool);
            }
            let end = script.peek().map_or(block, |(frame, _)| (frame - done).min(block));
            pool.render(&mut feeds, &(start..end));
            pool.take_ended(|_, _| {});
            start = end;
        }
        for (plane, feed) in planes.iter_mut().zip(&feeds) {
            match feed.activity() {
                Activity::Silent => plane.resize(plane.len() + block, 0.0),
                Activity::Sounding => plane.extend_from_slice(feed.block().channel(0)),
            }
        }
        done += block;
    }
    planes
}

fn whole(pool: &mut Pool, script: &Script, frames: usize) -> Vec<f32> {
    played(pool, script, frames, || BLOCK_SIZE).swap_remove(0)
}

/// Block sizes that follow no pattern.
fn random(seed: u64) -> impl FnMut() -> usize {
    let mut state = seed;
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        1 + (state >> 33) as usize % BLOCK_SIZE
    }
}

#[test]
fn a_one_shot_at_its_own_speed_is_the_recording_on_its_frame_and_then_nothing() {
    for interpolation in
        [Interpolation::None, Interpolation::Linear, Interpolation::Cubic, Interpolation::Sinc]
    {
        let ramp = take(1000, |frame| 0.25 + frame as f32 / 4000.0);
        let mut pool = pool([Slot { interpolation, ..slot(ramp.clone()) }]);
        let out = whole(&mut pool, &vec![on(77, 0), off(300, 0)], 2000);
        assert!(out[..77].iter().chain(&out[1077..]).all(|&sample| sample == 0.0));
        for (frame, &sample) in out[77..1077].iter().enumerate() {
            assert_eq!(sample, 0.25 + frame as f32 / 4000.0, "frame {frame}");
        }
        assert_eq!(pool.all().count(), 0);
    }
}

#[test]
fn a_file_of_another_rate_sounds_at_its_own_pitch() {
    let half = take_at(24_000.0, 1000, |frame| frame as f32);
    let out = whole(
        &mut pool([Slot { interpolation: Interpolation::Linear, ..slot(half) }]),
        &vec![on(0, 0)],
        2100,
    );
    assert_eq!((out[1], out[1000], out[1998]), (0.5, 500.0, 999.0));
    let octave = Slot {
        pitch: Semitones(12.0),
        interpolation: Interpolation::Linear,
        ..slot(take(1000, |n| n as f32))
    };
    let out = whole(&mut pool([octave]), &vec![on(0, 0)], 600);
    assert_eq!((out[1], out[499], out[500]), (2.0, 998.0, 0.0));
}

#[test]
fn gates_end_with_the_key_in_four_milliseconds_and_loops_go_round_until_then() {
    let gate = Slot { play: Play::Gate, ..slot(take(10_000, |_| 0.5)) };
    let out = whole(&mut pool([gate]), &vec![on(0, 0), off(1000, 0)], 3000);
    assert!(out[..1000].iter().all(|&sample| sample == 0.5));
    assert!(out[1000..1000 + FADE].windows(2).all(|pair| pair[1] <= pair[0]));
    assert!(out[1000 + FADE / 2] > 0.2 && out[1000 + FADE / 2] < 0.3);
    assert!(out[1000 + FADE..].iter().all(|&sample| sample == 0.0));
    let round = Slot { play: Play::Loop, looped: 20..50, start: 10, ..slot(take(100, |n| n as f32)) };
    let out = whole(&mut pool([round]), &vec![on(0, 0), off(2000, 0)], 3000);
    let expected = |frame: usize| if frame < 40 { 10 + frame } else { 20 + (frame - 40) % 30 };
    for (frame, &sample) in out[..2000].iter().enumerate() {
        assert_eq!(sample, expected(frame) as f32, "frame {frame}");
    }
    assert!(out[2000 + FADE..].iter().all(|&sample| sample == 0.0));
}

#[test]
fn the_pedal_holds_gates_until_it_comes_up() {
    let gate = Slot { play: Play::Gate, ..slot(take(10_000, |_| 0.5)) };
    let pedal = |frame, down| at(frame, move |pool: &mut Pool| pool.set_pedal(0, down));
    let out =
        whole(&mut pool([gate]), &vec![on(0, 0), pedal(50, true), off(100, 0), pedal(900, false)], 2000);
    assert!(out[..900].iter().all(|&sample| sample == 0.5));
    assert!(out[900 + FADE..].iter().all(|&sample| sample == 0.0));
}

#[test]
fn positions_are_exact_after_an_hour_at_a_rate_of_0_997() {
    // 0.997 of the engine's rate.
    let long = Slot { play: Play::Loop, ..slot(take_at(47_856.0, 1_000_003, |_| 0.5)) };
    // Virtual, so that an hour is soon over: positions are the same.
    let mut pool = pool([Slot { gain: Gain(0.0), ..long }]);
    let frames = 3_600 * 48_000u64;
    pool.trigger(0, key(0), Gain(1.0));
    let mut feeds = [Feed::new(2)];
    for block in 0..frames / 256 {
        feeds[0].begin(256);
        pool.render(&mut feeds, &(0..256));
        assert!(block > 0 || feeds[0].activity() == Activity::Silent);
    }
    let voice = pool.all().next().unwrap();
    let step = i128::from(voice.step_q32());
    let exact = (step * i128::from(frames)) % (1_000_003i128 << 32);
    assert_eq!(i128::from(voice.position_q32()), exact, "rounding adds up");
    // 0.997 · 172,800,000 = 172,281,600 frames.
    let frame = (172_281_600u64 % 1_000_003) as f64;
    assert!(
        (voice.position_q32() as f64 / 4_294_967_296.0 - frame).abs() < 0.03,
        "{}",
        voice.position_q32() >> 32
    );
}

#[test]
fn a_sounding_voice_and_a_virtual_one_stand_on_the_same_frame() {
    let slots =
        |gain| Slot { gain: Gain(gain), play: Play::Loop, ..slot(take_at(47_856.0, 997, |n| n as f32)) };
    let mut pool = pool([slots(1.0), slots(0.0)]);
    whole(&mut pool, &vec![on(3, 0), on(3, 1)], 100_000);
    let positions: Vec<i64> = pool.all().map(|voice| voice.position_q32()).collect();
    assert!(positions.len() == 2 && positions[0] == positions[1]);
    assert_eq!(pool.sounding(), 1);
}

#[test]
fn a_voice_that_becomes_audible_comes_in_within_ten_milliseconds_where_it_would_have_been() {
    let slots = || [Slot { play: Play::Loop, ..slot(sine(4801, 100.0, 0.5)) }];
    let gain = |frame, gain| at(frame, move |pool: &mut Pool| pool.set_key_gain(Gain(gain), Gain));
    let open = whole(&mut pool(slots()), &vec![on(0, 0)], 10_000);
    let mut pool = pool(slots());
    let out = whole(&mut pool, &vec![on(0, 0), gain(1000, 0.0), gain(5000, 1.0)], 10_000);
    assert!(out[1240..5000].iter().all(|&sample| sample == 0.0));
    assert_eq!((&out[..1000], &out[5480..]), (&open[..1000], &open[5480..]));
    let steepest = out.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max);
    assert!(steepest < 0.012, "{steepest}");
}

#[test]
fn a_place_that_is_used_again_keeps_nothing_of_its_last_sound() {
    let loud = Slot { gain: Gain(4.0), play: Play::Gate, choke: Some(0), ..slot(take(5000, |_| 1.0)) };
    let soft = Slot { gain: Gain(0.125), choke: Some(0), ..slot(take(5000, |_| 1.0)) };
    let mut used = pool([loud, soft.clone()]);
    whole(&mut used, &vec![on(0, 0), at(9, |pool| pool.bend(0, Semitones(3.0))), off(400, 0)], 2000);
    used.bend(0, Semitones(0.0));
    let after = whole(&mut used, &vec![on(0, 1)], 1000);
    let mut fresh = pool([Slot::default(), soft]);
    assert_eq!(after, whole(&mut fresh, &vec![on(0, 1)], 1000));
    assert!(after.iter().all(|&sample| sample == 0.125), "a new voice stands at its own gain");
}

#[test]
fn a_choke_ends_the_group_and_nothing_else_even_when_there_is_no_voice_left() {
    let held = |choke| Slot { choke, play: Play::Loop, priority: 9, ..slot(take(500, |_| 0.001)) };
    let mut pool = pool([held(Some(2)), held(None), held(Some(3)), Slot { priority: 1, ..held(Some(2)) }]);
    (0..10).for_each(|_| assert!(pool.trigger(0, key(0), Gain(1.0))));
    assert_eq!(pool.all().count(), 1, "of those on one frame the last one wins");
    pool.trigger(2, key(2), Gain(1.0));
    (0..VOICES - 2).for_each(|_| assert!(pool.trigger(1, key(1), Gain(1.0))));
    whole(&mut pool, &Vec::new(), 10);
    // Of lower priority than all, it takes no voice away, but has one from the choke.
    assert!(pool.trigger(3, key(3), Gain(1.0)));
    assert!(
        !pool.trigger(3, key(3), Gain(1.0)) || pool.all().filter(|voice| !voice.ending).count() <= VOICES
    );
    whole(&mut pool, &Vec::new(), FADE);
    let left = |slot: u8| pool.all().filter(|voice| voice.slot == slot).count();
    assert_eq!([left(0), left(1), left(2), left(3)], [0, VOICES - 2, 1, 1]);
}

#[test]
fn priority_loudness_and_age_decide_in_this_order_who_gives_way() {
    let held = |priority, gain| Slot {
        priority,
        gain: Gain(gain),
        play: Play::Loop,
        limit: 9,
        ..slot(take(500, |_| 1.0))
    };
    let fill = Slot { limit: VOICES, ..held(5, 1.0) };
    let mut pool = pool([fill, held(3, 1.0), held(3, 0.1), held(2, 8.0), held(9, 0.5)]);
    [(1, 1), (2, 2), (3, 1)].into_iter().for_each(|(slot, count)| {
        (0..count).for_each(|_| assert!(pool.trigger(slot, key(slot as u8), Gain(1.0))));
        whole(&mut pool, &Vec::new(), 1);
    });
    (0..VOICES - 4).for_each(|_| assert!(pool.trigger(0, key(0), Gain(1.0))));
    whole(&mut pool, &Vec::new(), 1);
    let mut gone = Vec::new();
    for _ in 0..5 {
        let before: Vec<bool> = pool.all().map(|voice| voice.ending).collect();
        assert!(pool.trigger(4, key(4), Gain(1.0)));
        let after: Vec<(bool, u8)> = pool.all().map(|voice| (voice.ending, voice.slot)).collect();
        gone.extend(
            before
                .iter()
                .zip(&after)
                .filter(|(before, after)| after.0 && !**before)
                .map(|(_, after)| after.1),
        );
    }
    assert_eq!(gone, [3, 2, 2, 1, 0]);
    assert!(!pool.trigger(3, key(3), Gain(1.0)), "all others are more important");
    assert_eq!(pool.refused(), 1);
}

#[test]
fn a_slot_keeps_to_its_own_number_of_voices() {
    let mut pool = pool([Slot { limit: 3, play: Play::Loop, ..slot(take(500, |_| 0.1)) }]);
    for turn in 0..10 {
        assert!(pool.trigger(0, key(turn), Gain(1.0)));
        whole(&mut pool, &Vec::new(), 100);
    }
    assert_eq!(pool.all().filter(|voice| !voice.ending).count(), 3);
    assert!(pool.all().filter(|voice| !voice.ending).map(|voice| voice.cause).eq([7, 8, 9].map(key)));
}

#[test]
fn takes_and_pitches_fall_alike_in_every_run_and_anew_with_another_seed() {
    let run = |seed: u64, restart: bool| {
        let takes: Vec<Take> = (0..4).map(|n| take(5, move |_| n as f32 + 1.0)).collect();
        let slots = [3, 9].map(|number| {
            (number, Slot { pan: -1.0, takes: takes.clone(), pitch_range: Semitones(2.0), ..Slot::default() })
        });
        let mut pool = Pool::new(RATE, Level::detect());
        pool.set_bank(Arc::new(Bank::new(seed, slots)));
        let mut found = Vec::new();
        for turn in 0..100 {
            if restart && turn == 50 {
                pool.restart();
            }
            pool.trigger(3, key(3), Gain(1.0));
            if seed == 1 {
                pool.trigger(9, key(9), Gain(1.0)); // another slot's triggers change nothing
            }
            found.push(pool.all().next().map(|voice| (voice.take, voice.step_q32())).unwrap());
            whole(&mut pool, &Vec::new(), 20);
        }
        found
    };
    let first = run(1, true);
    assert_eq!(first, run(1, true));
    assert_eq!(first[..50], first[50..], "the transport's start starts chances anew");
    let other = run(1, false);
    assert!(other[..50] == first[..50] && other[50..] != first[50..]);
    assert_ne!(run(2, true), first);
    assert!((0..4).all(|take| first.iter().any(|found| found.0 == take)));
    let (low, high) = (0.8909, 1.1225); // two semitones
    assert!(first.iter().all(|found| (low..high).contains(&(found.1 as f64 / 4_294_967_296.0))));
}

/// Slots of many kinds on four buses, with recordings that begin and end in silence, low enough for a click to show.
fn many() -> Vec<Slot> {
    let wave = |frames: usize, hertz: f32| {
        take(frames, move |n| {
            let edge = (n.min(frames - n) as f32 / 480.0).min(1.0);
            0.5 * edge
                * edge
                * (3.0 - 2.0 * edge)
                * (std::f32::consts::TAU * hertz * n as f32 / 48_000.0).sin()
        })
    };
    (0..24u8)
        .map(|n| Slot {
            takes: (0..3).map(|take| wave(24_000 + 500 * take, 30.0 + f32::from(n) * 5.0)).collect(),
            pitch_range: Semitones(1.0),
            play: [Play::OneShot, Play::Gate, Play::Loop][usize::from(n % 3)],
            looped: 4_800..9_600,
            choke: (n % 4 == 1).then_some(n % 8),
            priority: n % 3,
            limit: if n % 5 == 0 { 6 } else { 200 },
            interpolation: [Interpolation::Linear, Interpolation::Cubic, Interpolation::Sinc]
                [usize::from(n / 3 % 3)],
            bus: usize::from(n) % BUSES,
            ..Slot::default()
        })
        .collect()
}

/// 5,000 triggers in a second, and releases of some of them.
fn burst() -> Script {
    let mut next = random(99);
    let mut script = Script::new();
    for _ in 0..5_000 {
        let (frame, slot) = (next() * 187 % 48_000, next() % 24);
        script.push(on(frame, slot));
        if slot % 2 == 0 {
            script.push(off(frame + next() * 20, slot));
        }
    }
    script.sort_by_key(|(frame, _)| *frame);
    script
}

#[test]
fn a_burst_gives_the_same_bits_twice_and_for_any_cuts() {
    let first = played(&mut pool(many()), &burst(), 50_000, || BLOCK_SIZE);
    let mut again = pool(many());
    assert!(played(&mut again, &burst(), 50_000, || BLOCK_SIZE) == first);
    assert!(first.iter().all(|plane| plane.iter().any(|sample| sample.abs() > 0.5)));
    let begins = |cut: &[Vec<f32>]| cut.iter().zip(&first).all(|(cut, all)| *cut == all[..cut.len()]);
    assert!(begins(&played(&mut pool(many()), &burst(), 15_000, random(5))), "random cuts");
    assert!(begins(&played(&mut pool(many()), &burst(), 1_000, || 1)), "a frame at a time");
    again.reset();
    assert!(begins(&played(&mut again, &burst(), 15_000, || BLOCK_SIZE)), "a reset leaves something");
}

#[test]
fn every_level_of_instructions_gives_the_same_bits() {
    let run = |level| {
        let mut pool = Pool::new(RATE, level);
        pool.set_bank(Arc::new(Bank::new(1, many().into_iter().enumerate())));
        played(&mut pool, &burst(), 6_000, || BLOCK_SIZE)
    };
    let plain = run(Level::SCALAR);
    assert!(Level::available().all(|level| run(level) == plain));
}

/// The greatest third difference, which magnifies steps and hides low sines: a step of 1 gives 3.
fn roughness(plane: &[f32]) -> f32 {
    plane.windows(4).map(|w| (w[3] - 3.0 * w[2] + 3.0 * w[1] - w[0]).abs()).fold(0.0, f32::max)
}

#[test]
fn stealing_and_choking_click_no_louder_than_minus_60_decibels() {
    // A voice at full scale is stolen at every place of its wave.
    for frame in (500..1500).step_by(37) {
        let low = Slot { limit: 1, ..slot(sine(9_600, 60.0, 1.0)) };
        let silent = Slot { choke: Some(0), ..slot(take(10, |_| 0.0)) };
        let mut pool = pool([Slot { choke: Some(0), ..low }, silent]);
        let out = whole(&mut pool, &vec![on(0, 0), on(frame, 1)], 3000);
        assert!(out[frame + FADE..].iter().all(|&sample| sample == 0.0));
        let click = roughness(&out[..]) / 3.0;
        assert!(click < 1e-3, "{click} on frame {frame}");
    }
}

/// Low sines on one bus that begin softly and outlast the burst, in two choke groups and none.
fn sirens() -> Vec<Slot> {
    let siren = |n: u8| {
        let hertz = 40.0 + f32::from(n);
        let wave = move |frame: usize| {
            // All are as loud, so that the oldest are stolen, wherever in their waves they are.
            let edge = (frame as f32 / 480.0).min(1.0);
            0.5 * edge
                * edge
                * (3.0 - 2.0 * edge)
                * (std::f32::consts::TAU * hertz * frame as f32 / 48_000.0).sin()
        };
        Slot { choke: [None, Some(0), Some(1)][usize::from(n % 3)], ..slot(take(120_000, wave)) }
    };
    (0..24).map(siren).collect()
}

#[test]
fn five_thousand_triggers_in_a_second_lose_no_choke_and_click_no_louder_than_minus_60_decibels() {
    let mut pool = pool(sirens());
    let (mut next, mut feeds) = (random(3), [Feed::new(2)]);
    let (mut out, mut stolen) = (Vec::new(), 0);
    for trigger in 0..5_000usize {
        // Three in five without a group, so that voices run out.
        let slot = if trigger % 5 < 3 { next() % 8 * 3 } else { next() % 24 };
        let live = pool.all().filter(|voice| !voice.ending).count();
        assert!(pool.trigger(slot, key(slot as u8), Gain(1.0)), "refused");
        stolen += usize::from(live == VOICES);
        let group = |voice: &Voice| voice.slot % 3;
        let choked = pool.all().filter(|voice| !voice.ending && group(voice) == slot as u8 % 3).count();
        assert!(slot % 3 == 0 || choked == 1, "trigger {trigger} left {choked} of its group");
        let frames = 9 + usize::from(trigger % 5 < 3); // 48,000 frames in all
        feeds[0].begin(frames);
        pool.render(&mut feeds, &(0..frames));
        pool.take_ended(|_, _| {});
        out.extend_from_slice(feeds[0].block().channel(0));
    }
    assert_eq!(pool.refused(), 0);
    assert!(stolen > 3_000 && out.len() == 48_000, "{stolen} stolen, {} frames", out.len());
    assert!(out.iter().any(|sample| sample.abs() > 5.0), "voices add up");
    let click = roughness(&out) / 3.0;
    println!("{stolen} stolen, {click} at most");
    assert!(click < 1e-3, "{click}");
}

#[test]
fn what_a_new_bank_still_has_sounds_on_and_all_else_fades_before_the_old_bank_goes() {
    let (stays, goes) = (sine(40_000, 50.0, 0.5), sine(40_000, 70.0, 0.5));
    let slots = |with: bool| {
        let other = if with { slot(goes.clone()) } else { slot(take(9, |_| 0.0)) };
        [slot(stays.clone()), Slot { bus: 1, ..other }].map(|slot| Slot { pan: -1.0, ..slot })
    };
    let alone = played(&mut pool(slots(true)), &vec![on(0, 0), on(0, 1)], 4000, || BLOCK_SIZE);
    let mut pool = pool(slots(true));
    let mut out = played(&mut pool, &vec![on(0, 0), on(0, 1)], 1000, || BLOCK_SIZE);
    assert!(pool.set_bank(Arc::new(Bank::new(1, slots(false).into_iter().enumerate()))).is_none());
    assert!(pool.take_left().is_none() && pool.is_changing());
    let rest = played(&mut pool, &Vec::new(), 3000, || BLOCK_SIZE);
    out.iter_mut().zip(rest).for_each(|(plane, rest)| plane.extend(rest));
    assert!(out[0] == alone[0]);
    assert!(out[1][..1000] == alone[1][..1000] && out[1][1000 + FADE..].iter().all(|&sample| sample == 0.0));
    assert!(roughness(&out[1]) < 1e-3);
    assert!(pool.take_left().is_some_and(|bank| Arc::strong_count(&bank) == 1) && !pool.is_changing());
}

#[test]
fn every_voice_is_said_to_have_ended_once_and_on_its_frame() {
    let mut pool =
        pool([slot(take(100, |_| 0.5)), Slot { play: Play::Loop, limit: 2, ..slot(take(100, |_| 0.5)) }]);
    let mut feeds = [Feed::new(2)];
    let mut told = Vec::new();
    for turn in 0..10 {
        pool.trigger(0, key(turn), Gain(1.0));
        pool.trigger(1, key(100 + turn), Gain(1.0));
        feeds[0].begin(250);
        pool.render(&mut feeds, &(0..250));
        pool.take_ended(|frame, cause| told.push((frame, cause)));
    }
    assert!((0..10).all(|turn| told.contains(&(100, key(turn)))));
    assert!((0..8).all(|turn| {
        told.iter().filter(|(frame, cause)| (*frame, *cause) == (FADE, key(100 + turn))).count() == 1
    }));
    assert_eq!(told.len(), 18);
    pool.choke_all(None);
    pool.render(&mut feeds, &(0..FADE));
    pool.take_ended(|_, cause| told.push((0, cause)));
    assert_eq!((told.len(), pool.all().count()), (20, 0));
}
